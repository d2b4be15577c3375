//! Matroska and WebM.

use std::io::{Read, Seek};

use super::{About, CUT_OFF, MOST_STEPS, Probed, Window};

/// Where an element's content begins and ends, and what it is.
struct Element {
    id: u32,
    start: u64,
    end: u64,
}

const DAMAGED: &str = "the film is damaged: its header contradicts itself";

/// A number of one to eight bytes whose first one says how many; `None` for "not known".
fn number<R: Read + Seek>(w: &mut Window<R>, at: u64, marked: bool) -> Result<(Option<u64>, u64), String> {
    let [first] = w.array(at)?;
    let long = u64::from(first.leading_zeros()) + 1;
    if long > 8 {
        return Err(DAMAGED.into());
    }
    let bytes = w.at(at, long)?;
    let mut value = bytes.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    let most = (1u64 << (7 * long)) - 1;
    let unknown = !marked && value & most == most;
    if !marked {
        value &= most;
    }
    Ok(((!unknown).then_some(value), long))
}

fn element<R: Read + Seek>(w: &mut Window<R>, at: u64, end: u64) -> Result<Element, String> {
    let (id, one) = number(w, at, true)?;
    let (size, two) = number(w, at + one, false)?;
    let start = at + one + two;
    let end = match size {
        Some(size) => start.checked_add(size).ok_or(DAMAGED)?,
        None => end,
    };
    Ok(Element { id: id.and_then(|id| u32::try_from(id).ok()).ok_or(DAMAGED)?, start, end })
}

pub(super) fn ebml<R: Read + Seek>(w: &mut Window<R>) -> Result<Probed, String> {
    let head = element(w, 0, w.bytes)?;
    let mut found = Film::default();
    found.children(w, head.start, head.end.min(w.bytes), 0)?;
    let mime = if found.webm { "video/webm" } else { "video/x-matroska" };
    let segment = element(w, head.end, w.bytes)?;
    if segment.id != 0x1853_8067 {
        return Err(DAMAGED.into());
    }
    if segment.end > w.bytes {
        return Err(CUT_OFF.into());
    }
    found.children(w, segment.start, segment.end, 0)?;
    let millis = found.duration.map(|units| (units * found.scale.unwrap_or(1_000_000) as f64 / 1e6) as u64);
    let codec = |name: Option<String>| name.map(|name| codec(&name));
    let sound = found.video.is_none() && found.audio.is_some();
    let about = About { millis, video: codec(found.video), audio: codec(found.audio), ..About::default() };
    let mime = match mime {
        "video/webm" if sound => "audio/webm",
        mime => mime,
    };
    Ok(Probed { mime, pixels: found.pixels, about })
}

#[derive(Debug, Default)]
struct Film {
    webm: bool,
    scale: Option<u64>,
    duration: Option<f64>,
    kind: u64,
    codec: Option<String>,
    video: Option<String>,
    audio: Option<String>,
    pixels: Option<(u32, u32)>,
    width: u32,
    steps: usize,
}

impl Film {
    /// Reads elements up to the first that holds pictures or sound.
    fn children<R: Read + Seek>(
        &mut self,
        w: &mut Window<R>,
        mut at: u64,
        end: u64,
        depth: usize,
    ) -> Result<(), String> {
        while at < end {
            self.steps += 1;
            if self.steps > MOST_STEPS {
                return Err(DAMAGED.into());
            }
            let one = element(w, at, end)?;
            let long = one.end - one.start;
            match one.id {
                0x1f43_b675 if depth == 0 => return Ok(()),
                0x4282 => self.webm = w.at(one.start, long.min(16))? == b"webm",
                0x002a_d7b1 => self.scale = Some(unsigned(w, &one)?),
                0x4489 => {
                    self.duration = match long {
                        4 => Some(f64::from(f32::from_be_bytes(w.array(one.start)?))),
                        8 => Some(f64::from_be_bytes(w.array(one.start)?)),
                        _ => None,
                    }
                    .filter(|units| units.is_finite() && *units > 0.0);
                }
                0x1549_a966 | 0x1654_ae6b | 0xe0 if depth < 4 => self.children(w, one.start, one.end, depth + 1)?,
                0xae if depth < 4 => {
                    (self.kind, self.codec) = (0, None);
                    self.children(w, one.start, one.end, depth + 1)?;
                    match self.kind {
                        1 if self.video.is_none() => self.video = self.codec.take(),
                        2 if self.audio.is_none() => self.audio = self.codec.take(),
                        _ => {}
                    }
                }
                0x83 => self.kind = unsigned(w, &one)?,
                0x86 => self.codec = Some(String::from_utf8_lossy(w.at(one.start, long.min(64))?).into_owned()),
                0xb0 => self.width = u32::try_from(unsigned(w, &one)?).map_err(|_| DAMAGED)?,
                0xba if self.pixels.is_none() => {
                    let height = u32::try_from(unsigned(w, &one)?).map_err(|_| DAMAGED)?;
                    self.pixels = Some((self.width, height)).filter(|_| self.width > 0 && height > 0);
                }
                _ => {}
            }
            at = one.end;
        }
        Ok(())
    }
}

fn unsigned<R: Read + Seek>(w: &mut Window<R>, one: &Element) -> Result<u64, String> {
    let long = one.end - one.start;
    if long > 8 {
        return Err(DAMAGED.into());
    }
    Ok(w.at(one.start, long)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

fn codec(name: &str) -> String {
    let known = [
        ("V_VP8", "vp8"),
        ("V_VP9", "vp9"),
        ("V_AV1", "av1"),
        ("V_MPEG4/ISO/AVC", "h264"),
        ("V_MPEGH/ISO/HEVC", "hevc"),
        ("A_OPUS", "opus"),
        ("A_VORBIS", "vorbis"),
        ("A_AAC", "aac"),
        ("A_MPEG/L3", "mp3"),
        ("A_FLAC", "flac"),
        ("A_AC3", "ac3"),
    ];
    let found = known.iter().find(|(id, _)| name.starts_with(id)).map(|(_, codec)| (*codec).to_string());
    found.unwrap_or_else(|| name.chars().filter(char::is_ascii_graphic).collect())
}
