//! Files without what is no picture. Not a bit of the picture is touched: pixels, colour profile and how it is turned stay.

use crate::media::probe::jpeg::{Segment, exif, sort};
use crate::media::probe::picture::{png_hides, webp_hides};

const DAMAGED: &str = "the picture is damaged: it cannot be taken apart; save it again";

/// Takes EXIF (with the place), XMP, IPTC, comments, thumbnails and what else hides in a JPEG, PNG or WebP file out of it, and
/// whatever stands behind its end.
///
/// # Errors
/// The file is no such one, or damaged.
pub(super) fn clean(mime: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
    match mime {
        "image/jpeg" => jpeg(bytes),
        "image/png" => png(bytes),
        "image/webp" => webp(bytes),
        _ => None,
    }
    .ok_or_else(|| DAMAGED.to_string())
}

/// The EXIF block of a file, said to be upright, for a picture that was turned; `None` where there is none that can be kept.
pub(super) fn exif_upright(mime: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut tiff = match mime {
        "image/jpeg" => segments(bytes)?
            .into_iter()
            .find(|part| part.sort == Segment::Exif)
            .and_then(|part| bytes.get(part.start + 10..part.end))?
            .to_vec(),
        "image/png" => chunks(bytes)?
            .into_iter()
            .find(|(kind, _, _)| kind == b"eXIf")
            .map(|(_, from, to)| bytes[from + 8..to - 4].to_vec())?,
        "image/webp" => {
            let (_, from, to) = riff(bytes)?.into_iter().find(|(kind, _, _)| kind == b"EXIF")?;
            let raw = bytes.get(from..to)?;
            raw.strip_prefix(b"Exif\0\0").unwrap_or(raw).to_vec()
        }
        _ => return None,
    };
    if tiff.len() > 65_000 {
        return None;
    }
    set_upright(&mut tiff)?;
    Some(tiff)
}

/// Sets the orientation of the first directory to 1, where it says another one.
fn set_upright(tiff: &mut [u8]) -> Option<()> {
    let big = tiff.starts_with(b"MM");
    let short = |at: usize, tiff: &[u8]| -> Option<u16> {
        let two = tiff.get(at..at + 2)?.try_into().ok()?;
        Some(if big { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) })
    };
    let four: [u8; 4] = tiff.get(4..8)?.try_into().ok()?;
    let at = if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) } as usize;
    let many = usize::from(short(at, tiff)?);
    for entry in 0..many {
        let entry = at + 2 + entry * 12;
        if short(entry, tiff)? == 0x0112 {
            let value = if big { [0, 1] } else { [1, 0] };
            tiff.get_mut(entry + 8..entry + 10)?.copy_from_slice(&value);
        }
    }
    Some(())
}

/// An EXIF block that says how a picture is turned and nothing else.
fn only_turned(turned: u8) -> [u8; 26] {
    let mut tiff = *b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
    tiff[19] = turned;
    tiff
}

/// A piece of a JPEG file in front of its data, from the mark to its end.
struct Part {
    marker: u8,
    sort: Segment,
    start: usize,
    end: usize,
}

/// The pieces up to and with the first start of data.
fn segments(bytes: &[u8]) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut at = 2;
    loop {
        let part = segment(bytes, at)?;
        at = part.end;
        let data = part.marker == 0xda;
        parts.push(part);
        if data {
            return Some(parts);
        }
    }
}

/// The piece that begins with a mark; fill bytes in front of it are left out.
fn segment(bytes: &[u8], mut at: usize) -> Option<Part> {
    if *bytes.get(at)? != 0xff {
        return None;
    }
    while *bytes.get(at + 1)? == 0xff {
        at += 1;
    }
    let marker = bytes[at + 1];
    if matches!(marker, 0x01 | 0xd0..=0xd9) {
        return Some(Part { marker, sort: Segment::Picture, start: at, end: at + 2 });
    }
    let length = usize::from(u16::from_be_bytes(bytes.get(at + 2..at + 4)?.try_into().ok()?));
    let end = at + 2 + length;
    let content = bytes.get(at + 4..end)?;
    Some(Part { marker, sort: sort(marker, content), start: at, end })
}

fn jpeg(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(bytes.get(..2)?);
    let mut at = 2;
    let mut turned = 0;
    let mut said = false;
    loop {
        let part = segment(bytes, at)?;
        let content = bytes.get(part.start..part.end)?;
        at = part.end;
        if part.sort == Segment::Exif {
            turned = exif(content.get(10..).unwrap_or_default()).turned.max(turned);
        }
        // the block belongs behind the first one, which says what kind of file it is
        if !said && !(0xe0..=0xef).contains(&part.marker) && part.marker != 0xfe {
            said = true;
            if turned > 0 {
                let tiff = only_turned(turned);
                out.extend_from_slice(&[0xff, 0xe1, 0, (tiff.len() + 8) as u8]);
                out.extend_from_slice(b"Exif\0\0");
                out.extend_from_slice(&tiff);
            }
        }
        match (part.marker, part.sort) {
            // with a thumbnail in it
            (0xe0, Segment::Picture) if content.len() > 18 => {
                out.extend_from_slice(&[0xff, 0xe0, 0, 16]);
                out.extend_from_slice(&content[4..16]);
                out.extend_from_slice(&[0, 0]);
            }
            (_, Segment::Picture) => out.extend_from_slice(content),
            _ => {}
        }
        match part.marker {
            0xd9 => return Some(out),
            0xda => {
                // data, up to a mark that is neither an escaped byte nor a restart
                let rest = bytes.get(at..)?;
                let mut end = 0;
                loop {
                    end += rest.get(end..)?.iter().position(|byte| *byte == 0xff)?;
                    match rest.get(end + 1)? {
                        0x00 | 0xd0..=0xd7 => end += 2,
                        0xff => end += 1,
                        _ => break,
                    }
                }
                out.extend_from_slice(&rest[..end]);
                at += end;
            }
            _ => {}
        }
    }
}

type Chunks = Vec<([u8; 4], usize, usize)>;

/// Chunks of a PNG file, each with where it begins and ends, its length and checksum included.
fn chunks(bytes: &[u8]) -> Option<Chunks> {
    let mut chunks = Vec::new();
    let mut at = 8;
    loop {
        let length = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize;
        let kind: [u8; 4] = bytes.get(at + 4..at + 8)?.try_into().ok()?;
        let end = at.checked_add(12)?.checked_add(length).filter(|end| *end <= bytes.len())?;
        chunks.push((kind, at, end));
        if &kind == b"IEND" {
            return Some(chunks);
        }
        at = end;
    }
}

fn png(bytes: &[u8]) -> Option<Vec<u8>> {
    let chunks = chunks(bytes)?;
    let turned = chunks
        .iter()
        .find(|(kind, _, _)| kind == b"eXIf")
        .map_or(0, |(_, from, to)| exif(&bytes[from + 8..to - 4]).turned);
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(bytes.get(..8)?);
    for (kind, from, to) in chunks {
        if png_hides(kind).is_none() {
            out.extend_from_slice(&bytes[from..to]);
        }
    }
    Some(if turned > 0 { png_with_exif(&out, &only_turned(turned)) } else { out })
}

/// A PNG file with this EXIF block behind its header.
pub(super) fn png_with_exif(bytes: &[u8], tiff: &[u8]) -> Vec<u8> {
    // mark, length, name, 13 bytes and checksum of the header, which is always there
    let at = 33.min(bytes.len());
    let named = [b"eXIf", tiff].concat();
    let length = (tiff.len() as u32).to_be_bytes();
    [&bytes[..at], &length, &named, &crc32(&named).to_be_bytes(), &bytes[at..]].concat()
}

/// The checksum of PNG chunks.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// Chunks of a WebP file, each with where its content begins and ends.
fn riff(bytes: &[u8]) -> Option<Chunks> {
    let end = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?) as usize;
    let end = end.checked_add(8).filter(|end| *end <= bytes.len())?;
    let mut chunks = Vec::new();
    let mut at = 12;
    while at + 8 <= end {
        let kind: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        let length = u32::from_le_bytes(bytes.get(at + 4..at + 8)?.try_into().ok()?) as usize;
        let to = (at + 8).checked_add(length).filter(|to| *to <= end)?;
        chunks.push((kind, at + 8, to));
        at = to + length % 2;
    }
    Some(chunks)
}

fn webp(bytes: &[u8]) -> Option<Vec<u8>> {
    let chunks = riff(bytes)?;
    let turned = chunks.iter().find(|(kind, _, _)| kind == b"EXIF").map_or(0, |(_, from, to)| {
        let raw = &bytes[*from..*to];
        exif(raw.strip_prefix(b"Exif\0\0").unwrap_or(raw)).turned
    });
    let mut out = b"RIFF\0\0\0\0WEBP".to_vec();
    let mut put = |kind: [u8; 4], content: &[u8]| {
        out.extend_from_slice(&kind);
        out.extend_from_slice(&(content.len() as u32).to_le_bytes());
        out.extend_from_slice(content);
        out.extend_from_slice(&[0][..content.len() % 2]);
    };
    for (kind, from, to) in chunks {
        let content = &bytes[from..to];
        if &kind == b"VP8X" {
            let mut content = content.to_vec();
            // flags: there is no XMP, and EXIF only where it says how the picture is turned
            *content.first_mut()? &= if turned > 0 { !0x04 } else { !0x0c };
            put(kind, &content);
        } else if webp_hides(kind).is_none() {
            put(kind, content);
        }
    }
    if turned > 0 {
        put(*b"EXIF", &only_turned(turned));
    }
    let size = u32::try_from(out.len() - 8).ok()?;
    out[4..8].copy_from_slice(&size.to_le_bytes());
    Some(out)
}
