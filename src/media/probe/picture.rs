//! PNG, GIF, WebP, BMP, TIFF.

use std::io::{Read, Seek};

use super::{About, CUT_OFF, MOST_STEPS, Probed, TAIL, Window};

const DAMAGED: &str = "the picture is damaged: its header contradicts itself";

/// What a chunk of a PNG file is, for people; `None` where it is needed to show the picture as it is meant.
pub(in crate::media) fn png_hides(kind: [u8; 4]) -> Option<&'static str> {
    match &kind {
        b"IHDR" | b"PLTE" | b"IDAT" | b"IEND" | b"tRNS" | b"cHRM" | b"gAMA" | b"iCCP" | b"sBIT" | b"sRGB" | b"cICP"
        | b"mDCV" | b"cLLI" | b"bKGD" | b"hIST" | b"pHYs" | b"sPLT" | b"acTL" | b"fcTL" | b"fdAT" => None,
        b"eXIf" => Some("EXIF"),
        b"tEXt" | b"zTXt" | b"iTXt" => Some("comment"),
        b"tIME" => Some("time"),
        // a chunk that no reader may skip is a part of the picture, known or not
        [first, ..] if first.is_ascii_uppercase() => None,
        _ => Some("application data"),
    }
}

pub(super) fn png<R: Read + Seek>(w: &mut Window<R>) -> Result<Probed, String> {
    let head: [u8; 33] = w.array(0)?;
    let [_, _, _, _, _, _, _, _, ihdr @ ..] = head;
    let (width, height) = (w.be32(16)?, w.be32(20)?);
    let (depth, colour) = (ihdr[16], ihdr[17]);
    let good = matches!((colour, depth), (0, 1 | 2 | 4 | 8 | 16) | (3, 1 | 2 | 4 | 8) | (2 | 4 | 6, 8 | 16));
    if ihdr[..8] != *b"\0\0\0\x0dIHDR" || !good || width > 0x7fff_ffff || height > 0x7fff_ffff {
        return Err(DAMAGED.into());
    }
    let mut about = About { deep: depth == 16, alpha: colour >= 4, lossless: true, ..About::default() };
    let mut at = 8;
    let mut drawn = false;
    for _ in 0..MOST_STEPS {
        let length = u64::from(w.be32(at)?);
        let kind: [u8; 4] = w.array(at + 4)?;
        if length > 0x7fff_ffff || !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err("the picture is damaged: it is no PNG all through".into());
        }
        if at + 12 + length > w.bytes {
            return Err(CUT_OFF.into());
        }
        match &kind {
            b"IDAT" => drawn = true,
            b"acTL" => about.animated = length >= 8 && w.be32(at + 8)? > 1,
            b"tRNS" => about.alpha = true,
            b"eXIf" if length <= 64 * 1024 => {
                let tiff = w.at(at + 8, length)?.to_vec();
                about.exif(&tiff, length + 12);
            }
            b"iTXt" if length > 18 && w.at(at + 8, 18)? == b"XML:com.adobe.xmp\0" => about.hides("XMP", length + 12),
            _ => {
                if let Some(what) = png_hides(kind) {
                    about.hides(what, length + 12);
                }
            }
        }
        at += 12 + length;
        if &kind == b"IEND" {
            if !drawn {
                return Err(CUT_OFF.into());
            }
            if at < w.bytes {
                about.hides("data behind the picture", w.bytes - at);
            }
            let pixels = if about.turned >= 5 { (height, width) } else { (width, height) };
            return Ok(Probed { mime: "image/png", pixels: Some(pixels), about });
        }
    }
    Err("the picture is damaged: it consists of too many pieces".into())
}

pub(super) fn gif<R: Read + Seek>(w: &mut Window<R>) -> Result<Probed, String> {
    let [w1, w2, h1, h2, flags] = w.array(6)?;
    let pixels = (u32::from(u16::from_le_bytes([w1, w2])), u32::from(u16::from_le_bytes([h1, h2])));
    let table = |flags: u8| if flags & 0x80 != 0 { 3u64 << ((flags & 7) + 1) } else { 0 };
    if w.tail(TAIL)?.iter().rev().find(|byte| **byte != 0) != Some(&0x3b) {
        return Err(CUT_OFF.into());
    }
    let mut about = About { lossless: true, ..About::default() };
    // one so large that its pieces cannot all be visited is left alone like one that moves
    about.animated = match gif_frames(w, 13 + table(flags), table, &mut about) {
        Ok(frames) => frames > 1,
        Err(why) if why == DAMAGED => return Err(why),
        Err(_) => true,
    };
    Ok(Probed { mime: "image/gif", pixels: Some(pixels), about })
}

/// How many pictures there are, counted up to two.
fn gif_frames<R: Read + Seek>(
    w: &mut Window<R>,
    mut at: u64,
    table: impl Fn(u8) -> u64,
    about: &mut About,
) -> Result<usize, String> {
    let mut frames = 0;
    while frames < 2 {
        match w.array(at)? {
            [0x3b] => break,
            [0x2c] => {
                frames += 1;
                let [_, _, _, _, _, _, _, _, _, flags] = w.array(at)?;
                at += 11 + table(flags);
            }
            [0x21] => {
                let [_, label] = w.array(at)?;
                at += 2;
                match label {
                    // a graphic control with a colour that is see-through
                    0xf9 => {
                        about.alpha |= w.array(at)? == [4u8] && w.array(at + 1).map(|[flags]: [u8; 1]| flags & 1)? != 0
                    }
                    0xfe => about.hides("comment", 0),
                    0xff if w.array(at)? == *b"\x0bXMP DataXMP" => about.hides("XMP", 0),
                    _ => {}
                }
            }
            _ => return Err(DAMAGED.into()),
        }
        // sub-blocks, up to an empty one
        loop {
            let [length] = w.array(at)?;
            at += 1 + u64::from(length);
            if length == 0 {
                break;
            }
        }
    }
    Ok(frames)
}

pub(super) fn webp<R: Read + Seek>(w: &mut Window<R>) -> Result<Probed, String> {
    let end = u64::from(w.le32(4)?) + 8;
    if end > w.bytes {
        return Err(CUT_OFF.into());
    }
    let mut about = About::default();
    let (mut canvas, mut frame) = (None, None);
    let mut at = 12;
    for _ in 0..MOST_STEPS {
        if at + 8 > end {
            break;
        }
        let kind: [u8; 4] = w.array(at)?;
        let length = u64::from(w.le32(at + 4)?);
        if at + 8 + length > end {
            return Err(CUT_OFF.into());
        }
        let content = at + 8;
        match &kind {
            b"VP8X" if length >= 10 => {
                let [flags, _, _, _, a, b, c, d, e, f] = w.array(content)?;
                let three = |a, b, c| u32::from_le_bytes([a, b, c, 0]) + 1;
                canvas = Some((three(a, b, c), three(d, e, f)));
                about.animated = flags & 0x02 != 0;
                about.alpha = flags & 0x10 != 0;
            }
            b"VP8L" if frame.is_none() => {
                let [sign, a, b, c, d] = w.array(content)?;
                let bits = u32::from_le_bytes([a, b, c, d]);
                if sign != 0x2f {
                    return Err(DAMAGED.into());
                }
                about.lossless = true;
                about.alpha |= bits >> 28 & 1 != 0;
                frame = Some(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1));
            }
            b"VP8 " if frame.is_none() => {
                let [_, _, _, 0x9d, 0x01, 0x2a, a, b, c, d] = w.array(content)? else { return Err(DAMAGED.into()) };
                frame = Some((
                    u32::from(u16::from_le_bytes([a, b]) & 0x3fff),
                    u32::from(u16::from_le_bytes([c, d]) & 0x3fff),
                ));
            }
            b"EXIF" if length <= 64 * 1024 => {
                let raw = w.at(content, length)?.to_vec();
                about.exif(raw.strip_prefix(b"Exif\0\0").unwrap_or(&raw), length + 8);
            }
            _ => {
                if let Some(what) = webp_hides(kind) {
                    about.hides(what, length + 8);
                }
            }
        }
        at = content + length + length % 2;
    }
    if w.bytes > end {
        about.hides("data behind the picture", w.bytes - end);
    }
    if canvas.is_some() && frame.is_some() && canvas != frame && !about.animated {
        return Err(DAMAGED.into());
    }
    let (width, height) = canvas.or(frame).filter(|_| about.animated || frame.is_some()).ok_or(CUT_OFF)?;
    let pixels = if about.turned >= 5 { (height, width) } else { (width, height) };
    Ok(Probed { mime: "image/webp", pixels: Some(pixels), about })
}

/// The same as [`png_hides`] for WebP.
pub(in crate::media) fn webp_hides(kind: [u8; 4]) -> Option<&'static str> {
    match &kind {
        b"VP8X" | b"VP8 " | b"VP8L" | b"ALPH" | b"ANIM" | b"ANMF" | b"ICCP" => None,
        b"EXIF" => Some("EXIF"),
        b"XMP " => Some("XMP"),
        _ => Some("application data"),
    }
}

pub(super) fn bmp<R: Read + Seek>(w: &mut Window<R>) -> Result<Probed, String> {
    let (size, header) = (u64::from(w.le32(2)?), w.le32(14)?);
    if size > w.bytes {
        return Err(CUT_OFF.into());
    }
    let (width, height, bits) = match header {
        12 => (u32::from(w.le16(18)?), u32::from(w.le16(20)?), w.le16(24)?),
        40.. => {
            let (width, height) = (w.le32(18)?.cast_signed(), w.le32(22)?.cast_signed());
            // rows from the top down have a height below nothing
            (u32::try_from(width).map_err(|_| DAMAGED)?, height.unsigned_abs(), w.le16(28)?)
        }
        _ => return Err(DAMAGED.into()),
    };
    let about = About { lossless: true, alpha: bits == 32, ..About::default() };
    Ok(Probed { mime: "image/bmp", pixels: Some((width, height)), about })
}

/// The first directory of a TIFF file.
pub(super) fn tiff<R: Read + Seek>(w: &mut Window<R>) -> Result<Probed, String> {
    let big = w.at(0, 2)? == b"MM";
    let short = |bytes: [u8; 2]| if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
    let long = |bytes: [u8; 4]| if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
    let at = u64::from(long(w.array(4)?));
    let many = short(w.array(at)?);
    let (mut width, mut height) = (0, 0);
    let mut about = About { lossless: true, ..About::default() };
    for entry in 0..u64::from(many) {
        let [t1, t2, k1, k2, c1, c2, c3, c4, a, b, c, d] = w.array(at + 2 + entry * 12)?;
        let (kind, count) = (short([k1, k2]), u64::from(long([c1, c2, c3, c4])));
        let value = if kind == 3 { u32::from(short([a, b])) } else { long([a, b, c, d]) };
        match short([t1, t2]) {
            256 => width = value,
            257 => height = value,
            // one number for each colour, elsewhere if there are several
            258 if count <= 2 => about.deep = value > 8,
            258 => about.deep = short(w.array(u64::from(long([a, b, c, d])))?) > 8,
            274 => about.turned = u8::try_from(value).ok().filter(|value| (2..=8).contains(value)).unwrap_or(0),
            338 => about.alpha = true,
            700 => about.hides("XMP", count),
            33_723 | 34_377 => about.hides("IPTC", 0),
            34_665 | 315 | 33_432 | 271 | 272 | 305 | 306 | 270 | 316 => about.hides("EXIF", 0),
            34_853 => about.hides("GPS", 0),
            _ => {}
        }
    }
    let pixels = if about.turned >= 5 { (height, width) } else { (width, height) };
    Ok(Probed { mime: "image/tiff", pixels: Some(pixels), about })
}
