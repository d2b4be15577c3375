//! ISO base media: MP4, QuickTime, M4A, 3GP, AVIF, HEIC.

use std::io::{Read, Seek};

use super::blanks::is_trail;
use super::{About, CUT_OFF, MOST_STEPS, Probed, Window, millis};

/// A box: its kind, where it begins, where its content begins and where it ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Box {
    pub kind: [u8; 4],
    pub from: u64,
    pub start: u64,
    pub end: u64,
}

/// The boxes between two places, at most [`MOST_STEPS`] in all of a file.
pub(super) fn children<R: Read + Seek>(
    w: &mut Window<R>,
    mut at: u64,
    end: u64,
    steps: &mut usize,
) -> Result<Vec<Box>, String> {
    let mut found = Vec::new();
    while at + 8 <= end {
        *steps += 1;
        if *steps > MOST_STEPS {
            return Err("the film is damaged: it consists of too many pieces".into());
        }
        let [a, b, c, d, kind @ ..]: [u8; 8] = w.array(at)?;
        let (size, header) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (end - at, 8),
            1 => (u64::from_be_bytes(w.array(at + 8)?), 16),
            size => (u64::from(size), 8),
        };
        let next = at.checked_add(size).filter(|next| size >= header && *next <= end).ok_or(CUT_OFF)?;
        found.push(Box { kind, from: at, start: at + header, end: next });
        at = next;
    }
    Ok(found)
}

/// A track of a film.
#[derive(Debug, Default)]
struct Track {
    handler: [u8; 4],
    codec: Option<String>,
    pixels: Option<(u32, u32)>,
}

/// What was found while walking.
#[derive(Debug, Default)]
struct Walk {
    steps: usize,
    tracks: Vec<Track>,
    millis: Option<u64>,
    place: bool,
    /// Of a picture.
    pixels: Option<(u32, u32)>,
    quarters: u8,
    hidden: Vec<&'static str>,
}

pub(super) fn boxes<R: Read + Seek>(w: &mut Window<R>) -> Result<Probed, String> {
    let brand: [u8; 4] = w.array(8)?;
    let mut mime = match &brand {
        b"avif" | b"avis" => "image/avif",
        b"heic" | b"heix" | b"heim" | b"heis" | b"mif1" | b"msf1" | b"hevc" | b"hevx" => "image/heic",
        b"qt  " => "video/quicktime",
        b"M4A " | b"M4B " => "audio/mp4",
        b"3gp4" | b"3gp5" | b"3gp6" | b"3gp7" => "video/3gpp",
        _ => "video/mp4",
    };
    let mut walk = Walk::default();
    let top = children(w, 0, w.bytes, &mut walk.steps)?;
    let mut about = About::default();
    if mime.starts_with("image/") {
        // a general brand in front, the codec among the compatible ones
        if let Some(first) = top.first().filter(|_| brand == *b"mif1" || brand == *b"msf1") {
            let compatible = w.at(first.start, (first.end - first.start).min(256))?;
            if compatible.chunks(4).skip(2).any(|four| four == b"avif" || four == b"avis") {
                mime = "image/avif";
            }
        }
        let meta = top.iter().find(|one| &one.kind == b"meta").ok_or("the picture is damaged: it has no `meta` box")?;
        picture(w, meta.start + 4, meta.end, 0, &mut walk)?;
        if !top.iter().any(|one| &one.kind == b"mdat") {
            return Err(CUT_OFF.into());
        }
        about.animated = matches!(&brand, b"avis" | b"msf1" | b"hevc" | b"hevx");
        for what in walk.hidden {
            about.hides(what, 0);
        }
        let turned = |(width, height)| if walk.quarters % 2 == 1 { (height, width) } else { (width, height) };
        return Ok(Probed { mime, pixels: walk.pixels.map(turned), about });
    }
    let Some(moov) = top.iter().find(|one| &one.kind == b"moov") else {
        return Err("the film is damaged: it has no `moov` box; export it again".to_string());
    };
    film(w, moov.start, moov.end, 0, &mut walk)?;
    about.millis = walk.millis;
    let of = |kind: &[u8; 4]| walk.tracks.iter().find(|track| &track.handler == kind);
    about.video = of(b"vide").and_then(|track| track.codec.clone());
    about.audio = of(b"soun").and_then(|track| track.codec.clone());
    if walk.place {
        about.hides("GPS", 0);
    }
    let pixels =
        of(b"vide").and_then(|track| track.pixels).or_else(|| walk.tracks.iter().find_map(|track| track.pixels));
    if mime == "video/mp4" && pixels.is_none() && about.video.is_none() && about.audio.is_some() {
        mime = "audio/mp4";
    }
    Ok(Probed { mime, pixels, about })
}

/// Deepest nesting that is followed.
const DEEPEST: usize = 8;

fn film<R: Read + Seek>(w: &mut Window<R>, start: u64, end: u64, depth: usize, walk: &mut Walk) -> Result<(), String> {
    if depth > DEEPEST {
        return Ok(());
    }
    for one in children(w, start, end, &mut walk.steps)? {
        let (start, end) = (one.start, one.end);
        match &one.kind {
            b"mvhd" => {
                let [version] = w.array(start)?;
                let (rate, units) = match version {
                    1 => (u64::from(w.be32(start + 20)?), u64::from_be_bytes(w.array(start + 24)?)),
                    _ => (u64::from(w.be32(start + 12)?), u64::from(w.be32(start + 16)?)),
                };
                // all ones: not known
                if units > 0 && units != u64::from(u32::MAX) && units != u64::MAX {
                    walk.millis = millis(units, rate);
                }
            }
            b"trak" => {
                walk.tracks.push(Track::default());
                film(w, start, end, depth + 1, walk)?;
            }
            b"mdia" | b"minf" | b"stbl" | b"udta" => film(w, start, end, depth + 1, walk)?,
            b"tkhd" if end - start >= 84 => {
                let track = walk.tracks.last_mut().ok_or(CUT_OFF)?;
                // the last 44 bytes: the matrix, then width and height in 16.16 fixed point
                let matrix = end - 44;
                let (width, height) = (w.be32(end - 8)? >> 16, w.be32(end - 4)? >> 16);
                let (across, down) = (w.be32(matrix)?, w.be32(matrix + 4)?);
                let pixels = if across == 0 && down != 0 { (height, width) } else { (width, height) };
                track.pixels = (width > 0 && height > 0).then_some(pixels);
            }
            b"hdlr" if end - start >= 12 => {
                let handler = w.array(start + 8)?;
                if let Some(track) = walk.tracks.last_mut().filter(|track| track.handler == [0; 4]) {
                    track.handler = handler;
                }
            }
            b"stsd" if end - start >= 16 => {
                let fourcc = w.array(start + 12)?;
                walk.place |= is_trail(fourcc);
                let codec = codec(fourcc);
                if let Some(track) = walk.tracks.last_mut() {
                    track.codec.get_or_insert(codec);
                }
            }
            // where it was filmed
            b"\xa9xyz" | b"loci" => walk.place = true,
            b"meta" => {
                // with version and flags or, from Apple, without
                let inside = if w.be32(start)? == 0 { start + 4 } else { start };
                film(w, inside, end, depth + 1, walk)?;
            }
            b"keys" => {
                let keys = w.at(start, (end - start).min(16 * 1024))?;
                walk.place |= keys.windows(8).any(|eight| eight.eq_ignore_ascii_case(b"location"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn codec(fourcc: [u8; 4]) -> String {
    match &fourcc {
        b"avc1" | b"avc3" => "h264",
        b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => "hevc",
        b"av01" => "av1",
        b"vp09" => "vp9",
        b"vp08" => "vp8",
        b"mp4v" => "mpeg4",
        b"apch" | b"apcn" | b"apcs" | b"apco" | b"ap4h" => "prores",
        b"mp4a" => "aac",
        b"Opus" => "opus",
        b".mp3" => "mp3",
        b"ac-3" => "ac3",
        b"ec-3" => "eac3",
        b"fLaC" => "flac",
        b"alac" => "alac",
        b"sowt" | b"twos" | b"lpcm" | b"in24" => "pcm",
        other => {
            // a name for people, whatever the bytes are
            return String::from_utf8_lossy(other).chars().filter(|c| c.is_ascii_graphic()).collect();
        }
    }
    .into()
}

/// The `meta` box of a picture: sizes, quarter turns, and items that are no picture.
fn picture<R: Read + Seek>(
    w: &mut Window<R>,
    start: u64,
    end: u64,
    depth: usize,
    walk: &mut Walk,
) -> Result<(), String> {
    if depth > DEEPEST {
        return Ok(());
    }
    for one in children(w, start, end, &mut walk.steps)? {
        let (start, end) = (one.start, one.end);
        match &one.kind {
            b"iprp" | b"ipco" => picture(w, start, end, depth + 1, walk)?,
            b"ispe" if end - start >= 12 => {
                let (width, height) = (w.be32(start + 4)?, w.be32(start + 8)?);
                // a picture made of tiles has a size for these too
                let area = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
                if walk.pixels.is_none_or(|known| area(known) < area((width, height))) {
                    walk.pixels = Some((width, height));
                }
            }
            b"irot" if end > start => walk.quarters = w.array(start).map(|[angle]: [u8; 1]| angle & 3)?,
            b"iinf" if end - start >= 6 => {
                let [version] = w.array(start)?;
                picture(w, start + if version == 0 { 6 } else { 8 }, end, depth + 1, walk)?;
            }
            b"infe" if end - start >= 12 => {
                let [version] = w.array(start)?;
                match &w.array(start + if version >= 3 { 10 } else { 8 })? {
                    b"Exif" => walk.hidden.push("EXIF"),
                    b"mime" => walk.hidden.push("XMP"),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Ok(())
}
