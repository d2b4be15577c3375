//! Sound: WAV, FLAC, Ogg, MP3, AAC.

use std::io::{Read, Seek};

use super::{About, CUT_OFF, MOST_STEPS, Probed, TAIL, Window, millis};

fn sound(mime: &'static str, codec: &str, millis: Option<u64>) -> Probed {
    let about = About { audio: Some(codec.into()), millis, ..About::default() };
    Probed { mime, pixels: None, about }
}

pub(super) fn wav<R: Read + Seek>(w: &mut Window<R>) -> Result<Probed, String> {
    let (mut at, mut rate) = (12, 0);
    for _ in 0..MOST_STEPS {
        let kind: [u8; 4] = w.array(at)?;
        let length = u64::from(w.le32(at + 4)?);
        match &kind {
            b"fmt " if length >= 16 => rate = u64::from(w.le32(at + 16)?),
            b"data" => {
                let there = w.bytes - (at + 8);
                // a stream that was never closed has no length
                if length > there && length < 0xffff_f000 {
                    return Err(CUT_OFF.into());
                }
                return Ok(sound("audio/wav", "pcm", millis(length.min(there), rate)));
            }
            _ => {}
        }
        at += 8 + length + length % 2;
    }
    Err(CUT_OFF.into())
}

pub(super) fn flac<R: Read + Seek>(w: &mut Window<R>, at: u64) -> Result<Probed, String> {
    // behind the mark and the block's header: sizes of blocks and frames, then rate, channels, depth and samples, packed
    let packed = u64::from_be_bytes(w.array(at + 18)?);
    Ok(sound("audio/flac", "flac", millis(packed & 0xf_ffff_ffff, packed >> 44).filter(|millis| *millis > 0)))
}

pub(super) fn ogg<R: Read + Seek>(w: &mut Window<R>) -> Result<Probed, String> {
    let first = w.at(0, w.bytes.min(512))?.to_vec();
    let has = |mark: &[u8]| first.windows(mark.len()).position(|part| part == mark);
    if has(b"\x80theora").is_some() {
        let about = About { video: Some("theora".into()), ..About::default() };
        return Ok(Probed { mime: "video/ogg", pixels: None, about });
    }
    let (codec, rate) = if has(b"OpusHead").is_some() {
        ("opus", 48_000)
    } else if let Some(at) = has(b"\x01vorbis") {
        let four = first.get(at + 12..at + 16).and_then(|four| <[u8; 4]>::try_from(four).ok()).ok_or(CUT_OFF)?;
        ("vorbis", u64::from(u32::from_le_bytes(four)))
    } else {
        ("ogg", 0)
    };
    // the last page says how many samples there are up to its end
    let tail = w.tail(TAIL)?;
    let last = tail.windows(14).rev().find(|page| page.starts_with(b"OggS\0"));
    let units = last.and_then(|page| page[6..14].try_into().ok()).map(u64::from_le_bytes);
    let millis = units.filter(|units| *units < u64::MAX / 2000).and_then(|units| millis(units, rate));
    Ok(sound("audio/ogg", codec, millis))
}

/// What stands behind an ID3 tag.
pub(super) fn tagged<R: Read + Seek>(w: &mut Window<R>) -> Result<Probed, String> {
    let size = w.be32(6)?;
    // seven bits of each byte
    let size = (size & 0x7f) | (size & 0x7f00) >> 1 | (size & 0x7f_0000) >> 2 | (size & 0x7f00_0000) >> 3;
    let at = 10 + u64::from(size);
    let mut found = match w.array(at)? {
        [b'f', b'L', b'a', b'C'] => flac(w, at),
        [0xff, 0xf0 | 0xf1 | 0xf8 | 0xf9, _, _] => adts(w, at),
        _ => mpeg(w, at),
    }?;
    found.about.hides("ID3", at);
    Ok(found)
}

pub(super) fn adts<R: Read + Seek>(w: &mut Window<R>, at: u64) -> Result<Probed, String> {
    let [_, _, a, b, c, d, _] = w.array(at)?;
    let rates = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350];
    let rate = rates.get(usize::from(a >> 2 & 15)).copied().unwrap_or(0);
    let frame = u64::from(b & 3) << 11 | u64::from(c) << 3 | u64::from(d >> 5);
    // by the first frame's size: near enough to say how long it is
    let frames = if frame > 6 { (w.bytes - at) / frame } else { 0 };
    Ok(sound("audio/aac", "aac", millis(frames * 1024, rate).filter(|millis| *millis > 0)))
}

pub(super) fn mpeg<R: Read + Seek>(w: &mut Window<R>, at: u64) -> Result<Probed, String> {
    let [sync, a, b, c] = match w.array(at) {
        Ok(four) => four,
        Err(_) => return Ok(sound("audio/mpeg", "mp3", None)),
    };
    let version = a >> 3 & 3;
    let layer_three = sync == 0xff && a & 0xe0 == 0xe0 && a >> 1 & 3 == 1 && version != 1;
    let kilobits: &[u64; 15] = if version == 3 {
        &[0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
    } else {
        &[0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
    };
    let rate = [44_100u64, 48_000, 32_000].get(usize::from(b >> 2 & 3)).map(|rate| match version {
        3 => *rate,
        2 => rate / 2,
        _ => rate / 4,
    });
    let bits = kilobits.get(usize::from(b >> 4)).copied().filter(|bits| *bits > 0);
    let (Some(rate), Some(bits), true) = (rate, bits, layer_three) else {
        return Ok(sound("audio/mpeg", "mp3", None));
    };
    let mono = c >> 6 == 3;
    let side = match (version == 3, mono) {
        (true, false) => 32,
        (true, true) | (false, false) => 17,
        (false, true) => 9,
    };
    let samples = if version == 3 { 1152 } else { 576 };
    let counted = match w.array(at + 4 + side) {
        Ok([b'X', b'i', b'n', b'g', _, _, _, flags] | [b'I', b'n', b'f', b'o', _, _, _, flags]) if flags & 1 != 0 => {
            Some(u64::from(w.be32(at + 12 + side)?))
        }
        _ => None,
    };
    let length = match counted {
        Some(frames) => millis(frames * samples, rate),
        None => Some((w.bytes - at) * 8 / bits),
    };
    Ok(sound("audio/mpeg", "mp3", length))
}
