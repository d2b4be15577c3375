//! What ISO base media (films, AVIF, HEIC) hide beside picture and sound, and how to overwrite it: nothing moves, so that every
//! address inside of the file stays true.

use std::io::{Read, Seek};

use super::boxes::{Box, children};
use super::{CUT_OFF, MOST_STEPS, Window};

/// Something to overwrite: these bytes from there, then so many zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blank {
    pub at: u64,
    pub with: Vec<u8>,
    pub zeros: u64,
}

impl Blank {
    /// The box as one that everybody passes over.
    fn free(one: &Box) -> Blank {
        let mut with = b"free".to_vec();
        // a long size stands between kind and content
        if one.start - one.from == 16 {
            with.extend((one.end - one.from).to_be_bytes());
        }
        Blank { at: one.from + 4, with, zeros: one.end - one.start }
    }
}

/// An EXIF item that says nothing: no offset, a header, a directory without entries.
const NO_EXIF: &[u8] = b"\0\0\0\0MM\0\x2a\0\0\0\x08\0\0\0\0\0\0";
/// Tracks of cameras that say where they were: GoPro's, and that of 360-degree cameras.
const TRAILS: [&[u8; 4]; 2] = [b"gpmd", b"camm"];

/// Whether such a track says where it was filmed.
pub(super) fn is_trail(fourcc: [u8; 4]) -> bool {
    TRAILS.contains(&&fourcc)
}

/// All that a file of so many bytes hides: user data and metadata of the film and its tracks, tracks of places, EXIF and XMP of
/// pictures.
///
/// # Errors
/// The file is damaged.
pub fn blanks(file: impl Read + Seek, bytes: u64) -> Result<Vec<Blank>, String> {
    let mut w = Window::new(file, bytes);
    let mut walk = Walk { steps: 0, found: Vec::new() };
    for one in children(&mut w, 0, bytes, &mut walk.steps)? {
        match &one.kind {
            b"moov" => walk.film(&mut w, &one)?,
            b"meta" => walk.picture(&mut w, &one)?,
            _ => {}
        }
    }
    let inside =
        |blank: &Blank| blank.at.checked_add(blank.with.len() as u64 + blank.zeros).is_some_and(|end| end <= bytes);
    if walk.found.iter().all(inside) { Ok(walk.found) } else { Err(CUT_OFF.into()) }
}

struct Walk {
    steps: usize,
    found: Vec<Blank>,
}

impl Walk {
    /// A film or one of its tracks.
    fn film<R: Read + Seek>(&mut self, w: &mut Window<R>, whole: &Box) -> Result<(), String> {
        for one in children(w, whole.start, whole.end, &mut self.steps)? {
            match &one.kind {
                b"udta" | b"meta" => self.found.push(Blank::free(&one)),
                b"trak" if whole.kind != *b"trak" => match self.trail(w, &one)? {
                    true => self.found.push(Blank::free(&one)),
                    false => self.film(w, &one)?,
                },
                _ => {}
            }
        }
        Ok(())
    }

    /// The box at the end of this way through others.
    fn inside<R: Read + Seek>(
        &mut self,
        w: &mut Window<R>,
        from: &Box,
        way: &[&[u8; 4]],
    ) -> Result<Option<Box>, String> {
        let mut at = *from;
        for kind in way {
            let found = children(w, at.start, at.end, &mut self.steps)?;
            match found.into_iter().find(|one| one.kind == **kind) {
                Some(one) => at = one,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// Whether a track says where it was filmed; its samples are noted then.
    fn trail<R: Read + Seek>(&mut self, w: &mut Window<R>, track: &Box) -> Result<bool, String> {
        let Some(table) = self.inside(w, track, &[b"mdia", b"minf", b"stbl"])? else { return Ok(false) };
        let parts = children(w, table.start, table.end, &mut self.steps)?;
        let part = |kind: &[u8; 4]| parts.iter().find(|one| &one.kind == kind);
        let Some(stsd) = part(b"stsd").filter(|stsd| stsd.end - stsd.start >= 16) else { return Ok(false) };
        if !is_trail(w.array(stsd.start + 12)?) {
            return Ok(false);
        }
        let (Some(sizes), Some(runs)) = (part(b"stsz"), part(b"stsc")) else { return Ok(true) };
        let Some((places, wide)) = part(b"stco").map(|one| (one, 4)).or(part(b"co64").map(|one| (one, 8))) else {
            return Ok(true);
        };
        let (fixed, samples) = (w.be32(sizes.start + 4)?, w.be32(sizes.start + 8)?);
        let (chunks, many) = (w.be32(places.start + 4)?, w.be32(runs.start + 4)?);
        if samples.max(chunks).max(many) as usize > MOST_STEPS * 10 {
            return Err("the film is damaged: it consists of too many pieces".into());
        }
        let (mut sample, mut run, mut each) = (0u32, 0u32, 0u32);
        for chunk in 0..chunks {
            // numbers of chunks begin with 1
            if run < many && w.be32(runs.start + 8 + u64::from(run) * 12)? == chunk + 1 {
                each = w.be32(runs.start + 12 + u64::from(run) * 12)?;
                run += 1;
            }
            let mut zeros = 0;
            for _ in 0..each.min(samples - sample) {
                zeros += u64::from(if fixed > 0 { fixed } else { w.be32(sizes.start + 12 + u64::from(sample) * 4)? });
                sample += 1;
            }
            let at = sized(w, places.start + 8 + u64::from(chunk) * wide, wide)?;
            self.found.push(Blank { at, with: Vec::new(), zeros });
        }
        Ok(true)
    }

    /// The items of a picture that are no picture.
    fn picture<R: Read + Seek>(&mut self, w: &mut Window<R>, meta: &Box) -> Result<(), String> {
        let parts = children(w, meta.start + 4, meta.end, &mut self.steps)?;
        let part = |kind: &[u8; 4]| parts.iter().find(|one| &one.kind == kind);
        let Some(list) = part(b"iinf").filter(|list| list.end - list.start >= 8) else { return Ok(()) };
        let [version] = w.array(list.start)?;
        let mut items: Vec<(u32, bool)> = Vec::new();
        for one in children(w, list.start + if version == 0 { 6 } else { 8 }, list.end, &mut self.steps)? {
            let [version] = w.array(one.start)?;
            let (id, kind) = match version {
                0 | 1 => continue,
                2 => (u32::from(w.be16(one.start + 4)?), w.array(one.start + 8)?),
                _ => (w.be32(one.start + 4)?, w.array(one.start + 10)?),
            };
            match &kind {
                b"Exif" => items.push((id, true)),
                b"mime" => items.push((id, false)),
                _ => {}
            }
        }
        match part(b"iloc") {
            Some(places) if !items.is_empty() => self.items(w, places, part(b"idat"), &items),
            _ => Ok(()),
        }
    }

    /// Where these items stand; each with whether it is EXIF.
    fn items<R: Read + Seek>(
        &mut self,
        w: &mut Window<R>,
        places: &Box,
        idat: Option<&Box>,
        items: &[(u32, bool)],
    ) -> Result<(), String> {
        let [version, _, _, _, first, second] = w.array(places.start)?;
        let (offsets, lengths) = (u64::from(first >> 4), u64::from(first & 15));
        let (bases, indexes) = (u64::from(second >> 4), if version == 0 { 0 } else { u64::from(second & 15) });
        let ids = if version < 2 { 2 } else { 4 };
        let mut at = places.start + 6;
        let many = sized(w, at, ids)?;
        at += ids;
        for _ in 0..many {
            self.step()?;
            let id = sized(w, at, ids)?;
            at += ids;
            let mut way = 0;
            if version > 0 {
                way = w.be16(at)? & 15;
                at += 2;
            }
            let base = sized(w, at + 2, bases)?;
            let extents = w.be16(at + 2 + bases)?;
            at += 4 + bases;
            let wanted = items.iter().find(|(item, _)| u64::from(*item) == id);
            for extent in 0..extents {
                self.step()?;
                let (offset, length) = (sized(w, at + indexes, offsets)?, sized(w, at + indexes + offsets, lengths)?);
                at += indexes + offsets + lengths;
                let Some((_, exif)) = wanted else { continue };
                let start = match way {
                    0 => 0,
                    1 => idat.ok_or(CUT_OFF)?.start,
                    _ => {
                        return Err(
                            "its metadata is kept in a way that xpost cannot take apart; export it as JPEG".into()
                        );
                    }
                };
                let place = base.checked_add(offset).and_then(|at| at.checked_add(start)).ok_or(CUT_OFF)?;
                let says = if *exif && extent == 0 && length >= NO_EXIF.len() as u64 { NO_EXIF } else { &[] };
                self.found.push(Blank { at: place, with: says.to_vec(), zeros: length - says.len() as u64 });
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), String> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            Err("the picture is damaged: it consists of too many pieces".into())
        } else {
            Ok(())
        }
    }
}

/// A number of 0, 2, 4 or 8 bytes.
fn sized<R: Read + Seek>(w: &mut Window<R>, at: u64, bytes: u64) -> Result<u64, String> {
    match bytes {
        0 => Ok(0),
        2 => w.be16(at).map(u64::from),
        4 => w.be32(at).map(u64::from),
        8 => w.array(at).map(u64::from_be_bytes),
        _ => Err("the picture is damaged: a size of it is none".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::media::probe::probe;

    fn boxed(kind: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
        let content = content.concat();
        [&(content.len() as u32 + 8).to_be_bytes()[..], kind, &content].concat()
    }

    fn be(number: u32) -> [u8; 4] {
        number.to_be_bytes()
    }

    fn holds(bytes: &[u8], mark: &[u8]) -> bool {
        bytes.windows(mark.len()).any(|window| window == mark)
    }

    fn blanked(bytes: &[u8]) -> Vec<u8> {
        let mut new = bytes.to_vec();
        for blank in blanks(Cursor::new(bytes), bytes.len() as u64).unwrap() {
            let (at, to) = (blank.at as usize, blank.at as usize + blank.with.len());
            new[at..to].copy_from_slice(&blank.with);
            new[to..to + blank.zeros as usize].fill(0);
        }
        new
    }

    /// A track of this kind with two chunks of samples.
    fn track(codec: &[u8; 4], sizes: &[u32], chunks: &[u32], more: &[u8]) -> Vec<u8> {
        let stsd = boxed(b"stsd", &[&be(0), &be(1), &be(16), codec, &[0; 8]]);
        let list: Vec<u8> = sizes.iter().flat_map(|size| be(*size)).collect();
        let stsz = boxed(b"stsz", &[&be(0), &be(0), &be(sizes.len() as u32), &list]);
        // two samples in the first chunk, one in each that follows
        let stsc = boxed(b"stsc", &[&be(0), &be(2), &be(1), &be(2), &be(1), &be(2), &be(1), &be(1)]);
        let list: Vec<u8> = chunks.iter().flat_map(|at| be(*at)).collect();
        let stco = boxed(b"stco", &[&be(0), &be(chunks.len() as u32), &list]);
        let stbl = boxed(b"stbl", &[&stsd, &stsz, &stsc, &stco]);
        boxed(b"trak", &[&boxed(b"mdia", &[&boxed(b"minf", &[&stbl])]), more])
    }

    #[test]
    fn a_film_forgets_where_it_was_and_stays_as_it_is() {
        let ftyp = boxed(b"ftyp", &[b"isom", &be(0), b"isommp42"]);
        let data =
            [b"pictures".repeat(3), b"TRAIL-1;TRAIL-2;".to_vec(), b"sound".to_vec(), b"TRAIL-3;".to_vec()].concat();
        let begin = ftyp.len() as u32 + 8;
        let place = boxed(b"\xa9xyz", &[b"\0\x14\x15\xc7+48.2082+016.3738/"]);
        let user = boxed(b"udta", &[&place]);
        let keys = boxed(b"keys", &[b"com.apple.quicktime.location.ISO6709"]);
        // the same with a long size
        let apple = [&be(1)[..], b"meta", &(keys.len() as u64 + 16).to_be_bytes(), &keys].concat();
        let film = track(b"avc1", &[8, 8, 8], &[begin, begin + 16], &user);
        let trail = track(b"gpmd", &[8, 8, 8], &[begin + 24, begin + 45], &[]);
        let moov = boxed(b"moov", &[&film, &trail, &user, &apple]);
        let bytes = [ftyp, boxed(b"mdat", &[&data]), moov].concat();
        let before = probe(Cursor::new(&bytes), bytes.len() as u64).unwrap();
        assert_eq!(before.about.hidden, ["GPS"]);
        let new = blanked(&bytes);
        assert_eq!(new.len(), bytes.len());
        for mark in [&b"+48.2082"[..], b"location", b"TRAIL", b"gpmd", b"xyz", b"meta"] {
            assert!(holds(&bytes, mark) && !holds(&new, mark), "{}", String::from_utf8_lossy(mark));
        }
        let kept = [&b"pictures".repeat(3)[..], &[0; 16], b"sound", &[0; 8]].concat();
        assert!(holds(&new, &kept) && holds(&new, b"avc1"));
        let after = probe(Cursor::new(&new), new.len() as u64).unwrap();
        assert!(after.about.hidden.is_empty() && after.about.video == before.about.video);
        assert!(blanks(Cursor::new(&new), new.len() as u64).unwrap().is_empty(), "nothing is left to blank");
    }

    #[test]
    fn a_picture_forgets_its_items_wherever_they_stand() {
        for (version, inside) in [(0u8, false), (1, false), (1, true), (2, false)] {
            let ftyp = boxed(b"ftyp", &[b"avif", &be(0), b"avifmif1"]);
            let exif = b"\0\0\0\0MM\0\x2a\0\0\0\x08\0\x01Wallstrasse-77";
            let data = [&b"colours"[..], exif, b"<xmp>Wallstrasse-77</xmp>"].concat();
            let wide = version == 2;
            let id = |id: u32| if wide { be(id).to_vec() } else { (id as u16).to_be_bytes().to_vec() };
            let infe = |n: u32, kind: &[u8; 4]| {
                boxed(b"infe", &[&[if wide { 3 } else { 2 }, 0, 0, 0], &id(n), &[0, 0], kind, &[0]])
            };
            let list = [infe(1, b"av01"), infe(2, b"Exif"), infe(3, b"mime")].concat();
            let iinf = boxed(b"iinf", &[&[0, 0, 0, 0, 0, 3], &list]);
            let ispe = boxed(b"ispe", &[&be(0), &be(64), &be(48)]);
            let iprp = boxed(b"iprp", &[&boxed(b"ipco", &[&ispe])]);
            let idat = boxed(b"idat", &[&data]);
            let meta = |start: u32| {
                let item = |n: u32, from: usize, long: usize| {
                    let way = if version > 0 { vec![0, u8::from(inside)] } else { Vec::new() };
                    [
                        id(n),
                        way,
                        vec![0, 0],
                        be(start).to_vec(),
                        vec![0, 1],
                        be(from as u32).to_vec(),
                        be(long as u32).to_vec(),
                    ]
                    .concat()
                };
                let items = [item(1, 0, 7), item(2, 7, exif.len()), item(3, 7 + exif.len(), 25)].concat();
                let iloc = boxed(b"iloc", &[&[version, 0, 0, 0, 0x44, 0x40], &id(3), &items]);
                boxed(b"meta", &[&be(0), &iinf, &iloc, &iprp, &idat])
            };
            let start = if inside { 0 } else { (ftyp.len() + meta(0).len() + 8) as u32 };
            let bytes = [ftyp, meta(start), boxed(b"mdat", &[&data])].concat();
            let probed = probe(Cursor::new(&bytes), bytes.len() as u64).unwrap();
            assert_eq!((probed.mime, probed.about.hidden), ("image/avif", vec!["EXIF".to_string(), "XMP".into()]));
            let new = blanked(&bytes);
            let marks = |bytes: &[u8]| bytes.windows(14).filter(|window| window == b"Wallstrasse-77").count();
            // two in each of the places, of which the items use one
            assert_eq!((marks(&bytes), marks(&new), new.len()), (4, 2, bytes.len()), "version {version}, {inside}");
            assert_eq!(new.windows(7).filter(|window| window == b"colours").count(), 2);
        }
    }

    #[test]
    fn what_points_out_of_the_file_is_an_error() {
        let ftyp = boxed(b"ftyp", &[b"isom", &be(0), b"isommp42"]);
        let moov = boxed(b"moov", &[&track(b"gpmd", &[8, 8, 8], &[7, u32::MAX], &[])]);
        let bytes = [ftyp, moov].concat();
        assert_eq!(blanks(Cursor::new(&bytes), bytes.len() as u64), Err(CUT_OFF.to_string()));
    }
}
