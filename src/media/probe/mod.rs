//! What a file is, by what it holds and never by its name: kind, pixels, what metadata it carries, length and codecs of films.
//!
//! Only headers are read, at most [`MOST_READ`] bytes of them wherever they stand in the file, and nothing is decoded or made as
//! large as a header says, so that a small file that would unpack to gigabytes costs nothing.

mod audio;
mod blanks;
mod boxes;
mod ebml;
pub(super) mod jpeg;
pub(super) mod picture;
mod window;

use std::io::{Read, Seek};

use serde::{Deserialize, Serialize};

pub(super) use blanks::blanks;
pub use window::MOST_READ;
use window::{CUT_OFF, Window};

/// Most boxes, chunks or segments that are walked through.
const MOST_STEPS: usize = 100_000;
/// How much of a file's end is looked at for the mark that says it is whole.
const TAIL: u64 = 64 * 1024;

/// What else than its size a medium says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// EXIF's orientation, 2 to 8; 0 where the picture stands as it is stored.
    #[serde(skip_serializing_if = "is_default")]
    pub turned: u8,
    /// More than one picture, shown one after the other.
    #[serde(skip_serializing_if = "is_default")]
    pub animated: bool,
    /// Parts of it may be see-through.
    #[serde(skip_serializing_if = "is_default")]
    pub alpha: bool,
    /// More than eight bits for each colour.
    #[serde(skip_serializing_if = "is_default")]
    pub deep: bool,
    /// A JPEG whose colours are stored one after the other in several sizes: its decoder here would give other colours.
    #[serde(skip_serializing_if = "is_default")]
    pub scattered: bool,
    /// Stored without loss, as drawings and screenshots are.
    #[serde(skip_serializing_if = "is_default")]
    pub lossless: bool,
    /// What is in the file beside the picture, for people: `EXIF`, `GPS`, `XMP`, `IPTC`, `comment`. `GPS` is where it was taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
    /// Bytes that all this takes, as far as the headers tell.
    #[serde(skip_serializing_if = "is_default")]
    pub spare: u64,
    /// The author wants it kept.
    #[serde(skip_serializing_if = "is_default")]
    pub keep: bool,
    /// Length of a film or sound in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub millis: Option<u64>,
    /// Bits for each second, film and sound together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<u64>,
    /// Codec of the pictures: `h264`, `hevc`, `vp9`, `av1`; another one as the file names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<String>,
    /// Codec of the sound: `aac`, `opus`, `mp3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl About {
    /// Notes something that is in the file beside the picture.
    fn hides(&mut self, what: &str, bytes: u64) {
        self.spare += bytes;
        if !self.hidden.iter().any(|known| known == what) {
            self.hidden.push(what.to_string());
        }
    }
}

/// What a probe found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probed {
    /// `image/png`.
    pub mime: &'static str,
    /// Width and height as it is shown: turned as the file says.
    pub pixels: Option<(u32, u32)>,
    pub about: About,
}

/// Looks at a file of so many bytes.
///
/// # Errors
/// Why it cannot be posted: cut off, damaged, of a kind that no network takes.
pub fn probe(file: impl Read + Seek, bytes: u64) -> Result<Probed, String> {
    let mut window = Window::new(file, bytes);
    let found = look(&mut window)?;
    match found.pixels {
        Some((width, height)) if width == 0 || height == 0 => {
            Err("the picture is damaged: it has no pixels".to_string())
        }
        _ => Ok(finished(found, bytes)),
    }
}

fn look<R: Read + Seek>(w: &mut Window<R>) -> Result<Probed, String> {
    let head = w.at(0, w.bytes.min(64))?.to_vec();
    match head.as_slice() {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => picture::png(w),
        [0xff, 0xd8, 0xff, ..] => jpeg::jpeg(w),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => picture::gif(w),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => picture::webp(w),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => audio::wav(w),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => boxes::boxes(w),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => ebml::ebml(w),
        [b'O', b'g', b'g', b'S', ..] => audio::ogg(w),
        [b'f', b'L', b'a', b'C', ..] => audio::flac(w, 0),
        [b'I', b'D', b'3', ..] => audio::tagged(w),
        [0xff, 0xf0 | 0xf1 | 0xf8 | 0xf9, ..] => audio::adts(w, 0),
        [0xff, 0xe2 | 0xe3 | 0xf2 | 0xf3 | 0xfa | 0xfb, ..] => audio::mpeg(w, 0),
        [b'B', b'M', ..] if head.get(6..10) == Some(&[0; 4]) => picture::bmp(w),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => picture::tiff(w),
        [b'%', b'P', b'D', b'F', b'-', ..] => {
            let whole = w.tail(2048)?.windows(5).any(|five| five == b"%%EOF");
            if whole { Ok(Probed { mime: "application/pdf", ..Probed::default() }) } else { Err(CUT_OFF.into()) }
        }
        _ if is_svg(&head) => Err("SVG is taken by no network; export it as PNG".to_string()),
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

/// The rate follows from length and size.
fn finished(mut found: Probed, bytes: u64) -> Probed {
    if let Some(millis) = found.about.millis.filter(|millis| *millis > 0) {
        found.about.bitrate = bytes.checked_mul(8000).map(|bits| bits / millis);
    }
    found
}

/// Milliseconds of so many units of which `rate` make a second.
fn millis(units: u64, rate: u64) -> Option<u64> {
    let millis = u128::from(units) * 1000 / u128::from(Some(rate).filter(|rate| *rate > 0)?);
    u64::try_from(millis).ok()
}

#[cfg(test)]
mod tests;
