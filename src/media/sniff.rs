//! What bytes are, by what they begin with; pixels from headers; whether the end is there. Nothing is decoded, so that a small
//! file that would unpack to gigabytes costs nothing.

use std::io::{Read, Seek, SeekFrom};

/// How much of a file's beginning is needed.
pub(super) const HEAD: usize = 64;
/// Most boxes or segments that are walked through.
const MOST_STEPS: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub mime: &'static str,
    pub pixels: Option<(u32, u32)>,
}

const CUT_OFF: &str = "the file is cut off: its end is missing; copy it again";

/// Looks at the first [`HEAD`] bytes, the last ones, and where that is not enough into the file.
pub(super) fn sniff(head: &[u8], tail: &[u8], bytes: u64, file: &mut (impl Read + Seek)) -> Result<Found, String> {
    let whole = |there: bool| if there { Ok(()) } else { Err(CUT_OFF.to_string()) };
    let image = |mime: &'static str, pixels: Option<(u32, u32)>| {
        let pixels = pixels.ok_or_else(|| CUT_OFF.to_string())?;
        if pixels.0 == 0 || pixels.1 == 0 {
            return Err("the picture is damaged: it has no pixels".to_string());
        }
        Ok(Found { mime, pixels: Some(pixels) })
    };
    let plain = |mime: &'static str| Ok(Found { mime, pixels: None });
    match head {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => {
            let found = image("image/png", be32(head, 16).zip(be32(head, 20)))?;
            // the last chunk's name, and four bytes of checksum behind it
            whole(tail.windows(8).rev().any(|end| end.starts_with(b"IEND")))?;
            Ok(found)
        }
        [0xff, 0xd8, 0xff, ..] => {
            let found = image("image/jpeg", jpeg_pixels(file))?;
            whole(tail.windows(2).rev().any(|two| two == [0xff, 0xd9]))?;
            Ok(found)
        }
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => {
            let size = le16(head, 6).zip(le16(head, 8)).map(|(w, h)| (u32::from(w), u32::from(h)));
            let found = image("image/gif", size)?;
            whole(tail.iter().rev().find(|byte| **byte != 0) == Some(&0x3b))?;
            Ok(found)
        }
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
            let found = image("image/webp", webp_pixels(head))?;
            whole(le32(head, 4).is_some_and(|size| u64::from(size) + 8 <= bytes))?;
            Ok(found)
        }
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => plain("audio/wav"),
        [_, _, _, _, b'f', b't', b'y', b'p', a, b, c, d, ..] => boxes([*a, *b, *c, *d], bytes, file),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => {
            let webm = head.windows(4).any(|four| four == b"webm");
            plain(if webm { "video/webm" } else { "video/x-matroska" })
        }
        [b'O', b'g', b'g', b'S', ..] => plain("audio/ogg"),
        [b'f', b'L', b'a', b'C', ..] => plain("audio/flac"),
        [b'I', b'D', b'3', ..] | [0xff, 0xe2 | 0xe3 | 0xf2 | 0xf3 | 0xfa | 0xfb, ..] => plain("audio/mpeg"),
        [b'B', b'M', ..] if be32(head, 6) == Some(0) => plain("image/bmp"),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => plain("image/tiff"),
        _ if is_svg(head) => Err("SVG is taken by no network; export it as PNG".to_string()),
        _ => {
            let begins: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            Err(format!("it is neither picture, film nor sound: it begins with {}", begins.join(" ")))
        }
    }
}

fn is_svg(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    text.starts_with("<svg") || text.starts_with("<?xml")
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn webp_pixels(head: &[u8]) -> Option<(u32, u32)> {
    match head.get(12..16)? {
        b"VP8X" => {
            let three = |at: usize| Some(le32(head, at)? & 0x00ff_ffff);
            Some((three(24)? + 1, three(27)? + 1))
        }
        b"VP8L" => {
            let bits = le32(head, 21)?;
            Some(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
        }
        b"VP8 " => Some((u32::from(le16(head, 26)? & 0x3fff), u32::from(le16(head, 28)? & 0x3fff))),
        _ => None,
    }
}

/// Walks the segments to the frame header; turned by the orientation that the camera wrote, since that is how it is shown.
fn jpeg_pixels(file: &mut (impl Read + Seek)) -> Option<(u32, u32)> {
    let mut turned = false;
    file.seek(SeekFrom::Start(2)).ok()?;
    for _ in 0..MOST_STEPS {
        let mut byte = [0u8; 1];
        file.read_exact(&mut byte).ok()?;
        if byte[0] != 0xff {
            return None;
        }
        while byte[0] == 0xff {
            file.read_exact(&mut byte).ok()?;
        }
        if matches!(byte[0], 0x01 | 0xd0..=0xd7) {
            continue;
        }
        let mut length = [0u8; 2];
        file.read_exact(&mut length).ok()?;
        let length = i64::from(u16::from_be_bytes(length)) - 2;
        match byte[0] {
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let mut frame = [0u8; 5];
                file.read_exact(&mut frame).ok()?;
                let height = u32::from(u16::from_be_bytes([frame[1], frame[2]]));
                let width = u32::from(u16::from_be_bytes([frame[3], frame[4]]));
                return Some(if turned { (height, width) } else { (width, height) });
            }
            // the picture itself, or its end, before any frame header
            0xd9 | 0xda => return None,
            0xe1 if (8..65_536).contains(&length) => {
                let mut segment = vec![0u8; length as usize];
                file.read_exact(&mut segment).ok()?;
                if let Some(exif) = segment.strip_prefix(b"Exif\0\0") {
                    turned |= is_turned(exif);
                }
            }
            _ if length >= 0 => {
                file.seek(SeekFrom::Current(length)).ok()?;
            }
            _ => return None,
        }
    }
    None
}

fn is_turned(exif: &[u8]) -> bool {
    let Ok((fields, _)) = exif::parse_exif(exif) else { return false };
    fields
        .iter()
        .find(|field| field.tag == exif::Tag::Orientation && field.ifd_num == exif::In::PRIMARY)
        .and_then(|field| field.value.get_uint(0))
        .is_some_and(|orientation| (5..=8).contains(&orientation))
}

/// ISO base media: MP4, QuickTime, AVIF, HEIC.
fn boxes(brand: [u8; 4], bytes: u64, file: &mut (impl Read + Seek)) -> Result<Found, String> {
    let mime = match &brand {
        b"avif" | b"avis" => "image/avif",
        b"heic" | b"heix" | b"heim" | b"heis" | b"mif1" | b"msf1" => "image/heic",
        b"qt  " => "video/quicktime",
        b"M4A " | b"M4B " => "audio/mp4",
        b"3gp4" | b"3gp5" | b"3gp6" | b"3gp7" => "video/3gpp",
        _ => "video/mp4",
    };
    let mut at = 0u64;
    let mut moov = None;
    for _ in 0..MOST_STEPS {
        if at >= bytes {
            break;
        }
        let Some((kind, size, header)) = box_at(file, at, bytes) else { return Err(CUT_OFF.to_string()) };
        if size < header || at + size > bytes {
            return Err(CUT_OFF.to_string());
        }
        if &kind == b"moov" {
            moov = Some((at + header, at + size));
        }
        at += size;
    }
    if mime.starts_with("image/") {
        return Ok(Found { mime, pixels: None });
    }
    let Some((start, end)) = moov else {
        return Err("the film is damaged: it has no `moov` box; export it again".to_string());
    };
    Ok(Found { mime, pixels: track_pixels(file, start, end) })
}

/// Kind, whole size and size of the header of the box at an offset.
fn box_at(file: &mut (impl Read + Seek), at: u64, end: u64) -> Option<([u8; 4], u64, u64)> {
    let mut header = [0u8; 16];
    file.seek(SeekFrom::Start(at)).ok()?;
    file.read_exact(&mut header[..8]).ok()?;
    let kind = [header[4], header[5], header[6], header[7]];
    match be32(&header, 0)? {
        0 => Some((kind, end - at, 8)),
        1 => {
            file.read_exact(&mut header[8..]).ok()?;
            let size = u64::from_be_bytes(header[8..].try_into().ok()?);
            // a size that reaches beyond the file is caught by the caller, one that overflows must not
            (size <= u64::MAX / 2).then_some((kind, size, 16))
        }
        size => Some((kind, u64::from(size), 8)),
    }
}

/// Width and height of the first track that has any: the last eight bytes of its `tkhd`, 16.16 fixed point.
fn track_pixels(file: &mut (impl Read + Seek), start: u64, end: u64) -> Option<(u32, u32)> {
    let mut open = vec![(start, end)];
    for _ in 0..MOST_STEPS {
        let (at, end) = open.pop()?;
        if at + 8 > end {
            continue;
        }
        let (kind, size, header) = box_at(file, at, end)?;
        if size < header || at + size > end {
            return None;
        }
        open.push((at + size, end));
        match &kind {
            b"trak" => open.push((at + header, at + size)),
            b"tkhd" if size >= header + 8 => {
                let mut last = [0u8; 8];
                file.seek(SeekFrom::Start(at + size - 8)).ok()?;
                file.read_exact(&mut last).ok()?;
                let (width, height) = (be32(&last, 0)? >> 16, be32(&last, 4)? >> 16);
                if width > 0 && height > 0 {
                    return Some((width, height));
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn look(bytes: &[u8]) -> Result<Found, String> {
        sniff(&bytes[..bytes.len().min(HEAD)], bytes, bytes.len() as u64, &mut Cursor::new(bytes))
    }

    fn drawn(format: image::ImageFormat) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        image::DynamicImage::new_rgb8(7, 5).write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    #[test]
    fn pictures_are_known_by_content_and_a_cut_one_is_told() {
        use image::ImageFormat::{Gif, Jpeg, Png, WebP};
        for (format, mime) in [(Png, "image/png"), (Jpeg, "image/jpeg"), (Gif, "image/gif"), (WebP, "image/webp")] {
            let bytes = drawn(format);
            assert_eq!(look(&bytes), Ok(Found { mime, pixels: Some((7, 5)) }));
            assert_eq!(look(&bytes[..bytes.len() - 3]).unwrap_err(), CUT_OFF, "{mime}");
            for cut in 0..bytes.len() {
                assert!(look(&bytes[..cut]).is_err() || cut > bytes.len() - 3, "{mime} cut at {cut}");
            }
        }
    }

    #[test]
    fn the_orientation_of_a_jpeg_turns_its_pixels() {
        let mut bytes = drawn(image::ImageFormat::Jpeg);
        let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
        let mut segment = vec![0xff, 0xe1, 0, (exif.len() + 2) as u8];
        segment.append(&mut exif);
        bytes.splice(2..2, segment);
        assert_eq!(look(&bytes).unwrap().pixels, Some((5, 7)));
    }

    fn film(brand: &[u8; 4]) -> Vec<u8> {
        let boxed = |kind: &[u8; 4], inner: &[u8]| [&(inner.len() as u32 + 8).to_be_bytes()[..], kind, inner].concat();
        let mut tkhd = vec![0u8; 84];
        tkhd[76..84].copy_from_slice(&[0x02, 0x80, 0, 0, 0x01, 0x68, 0, 0]);
        let sound = boxed(b"trak", &boxed(b"tkhd", &[0u8; 84]));
        let moov = boxed(b"moov", &[sound, boxed(b"trak", &boxed(b"tkhd", &tkhd))].concat());
        [boxed(b"ftyp", &[&brand[..], &[0u8; 8]].concat()), boxed(b"mdat", &[1u8; 300]), moov].concat()
    }

    #[test]
    fn films_are_known_by_their_boxes() {
        let bytes = film(b"isom");
        assert_eq!(look(&bytes), Ok(Found { mime: "video/mp4", pixels: Some((640, 360)) }));
        assert_eq!(look(&film(b"qt  ")).unwrap().mime, "video/quicktime");
        assert!(look(&bytes[..bytes.len() - 1]).is_err());
        assert!(look(&bytes[..200]).is_err());
        assert_eq!(look(b"\x1a\x45\xdf\xa3\x9fB\x82\x84webmB").unwrap().mime, "video/webm");
    }

    #[test]
    fn what_no_network_takes_is_said_so() {
        assert!(look(b"<svg xmlns='x'>").unwrap_err().contains("PNG"));
        assert!(look(b"hello there").unwrap_err().contains("68 65 6c"));
        assert!(look(b"").is_err());
    }
}
