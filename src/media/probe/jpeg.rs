//! JPEG: frame header, orientation, and which segments are no part of the picture.

use std::io::{Read, Seek};

use super::{About, CUT_OFF, MOST_STEPS, Probed, TAIL, Window};

/// What a segment of a JPEG file is to us. `content` begins behind the length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::media) enum Segment {
    /// Needed to show the picture as it is meant.
    Picture,
    /// EXIF, which may say how the picture is turned.
    Exif,
    /// Everything else, by its name for people.
    Hidden(&'static str),
}

/// Sorts a segment by its marker and its first bytes.
pub(in crate::media) fn sort(marker: u8, content: &[u8]) -> Segment {
    match marker {
        0xe0 if content.starts_with(b"JFIF\0") => Segment::Picture,
        0xe1 if content.starts_with(b"Exif\0") => Segment::Exif,
        0xe1 if content.starts_with(b"http://ns.adobe.com/") => Segment::Hidden("XMP"),
        0xe2 if content.starts_with(b"ICC_PROFILE\0") => Segment::Picture,
        0xe2 if content.starts_with(b"MPF\0") => Segment::Hidden("more pictures"),
        0xed => Segment::Hidden("IPTC"),
        // how the colours are to be read
        0xee if content.starts_with(b"Adobe") => Segment::Picture,
        0xe0..=0xef => Segment::Hidden("application data"),
        0xfe => Segment::Hidden("comment"),
        _ => Segment::Picture,
    }
}

/// What an EXIF block says: the orientation (0: upright), whether anything else is in it, and whether a place is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::media) struct Exif {
    pub turned: u8,
    pub more: bool,
    pub place: bool,
}

/// Reads a TIFF structure as EXIF holds one. What cannot be read hides something for sure.
pub(in crate::media) fn exif(tiff: &[u8]) -> Exif {
    let Ok((fields, _)) = exif::parse_exif(tiff) else { return Exif { more: true, ..Exif::default() } };
    let mut said = Exif::default();
    for field in &fields {
        if field.tag == exif::Tag::Orientation && field.ifd_num == exif::In::PRIMARY {
            let orientation = field.value.get_uint(0).and_then(|value| u8::try_from(value).ok());
            said.turned = orientation.filter(|value| (2..=8).contains(value)).unwrap_or(0);
        } else {
            said.more = true;
            said.place |= field.tag.context() == exif::Context::Gps;
        }
    }
    // a block that says one thing in much room hides the rest from this reader
    said.more |= tiff.len() > 64;
    said
}

impl About {
    /// Takes over what an EXIF block of so many bytes says.
    pub(super) fn exif(&mut self, tiff: &[u8], bytes: u64) {
        let said = exif(tiff);
        if said.turned > 0 {
            self.turned = said.turned;
        }
        if said.more {
            self.hides("EXIF", bytes.saturating_sub(MINIMAL_EXIF));
        }
        if said.place {
            self.hides("GPS", 0);
        }
    }
}

/// An EXIF block that only says how a picture is turned, with all that is around it in a file.
const MINIMAL_EXIF: u64 = 48;

/// Walks the segments to the picture itself.
pub(super) fn jpeg<R: Read + Seek>(w: &mut Window<R>) -> Result<Probed, String> {
    let mut about = About::default();
    let mut pixels = None;
    let (mut colours, mut sampled) = (0, false);
    let mut at = 2;
    for _ in 0..MOST_STEPS {
        let [mark, mut marker] = w.array(at)?;
        if mark != 0xff {
            return Err("the picture is damaged: what follows its header is no JPEG".into());
        }
        at += 2;
        while marker == 0xff {
            [marker] = w.array(at)?;
            at += 1;
        }
        if matches!(marker, 0x01 | 0xd0..=0xd7) {
            continue;
        }
        if marker == 0xd9 {
            return Err(CUT_OFF.into());
        }
        let length = u64::from(w.be16(at)?);
        if length < 2 {
            return Err("the picture is damaged: a part of it has no length".into());
        }
        let (content, long) = (at + 2, length - 2);
        at += length;
        match marker {
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let [bits, h1, h2, w1, w2, count] = w.array(content)?;
                if marker <= 0xc1 {
                    let parts = w.at(content, long)?.get(6..).unwrap_or_default().chunks_exact(3);
                    let sizes: Vec<u8> = parts.map(|part| part[1]).collect();
                    sampled = sizes.windows(2).any(|two| two[0] != two[1]);
                    colours = count;
                }
                about.deep = bits > 8;
                pixels = Some((u32::from(u16::from_be_bytes([w1, w2])), u32::from(u16::from_be_bytes([h1, h2]))));
            }
            0xda => {
                about.scattered = sampled && w.array::<1>(content)?[0] < colours;
                break;
            }
            _ => {
                let first = w.at(content, long.min(32))?;
                match sort(marker, first) {
                    Segment::Picture => {}
                    Segment::Exif => {
                        let tiff = w.at(content, long)?.get(6..).unwrap_or_default();
                        about.exif(tiff, length + 2);
                    }
                    Segment::Hidden(what) => about.hides(what, length + 2),
                }
            }
        }
    }
    let (width, height) = pixels.ok_or(CUT_OFF)?;
    if !w.tail(TAIL)?.windows(2).any(|two| two == [0xff, 0xd9]) {
        return Err(CUT_OFF.into());
    }
    let pixels = if about.turned >= 5 { (height, width) } else { (width, height) };
    Ok(Probed { mime: "image/jpeg", pixels: Some(pixels), about })
}
