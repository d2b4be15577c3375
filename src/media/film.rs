//! What a film must become to be taken, where its author lets `ffmpeg` make it anew. Pure, as [`super::fit`] is.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Media;
use super::fit::Fit;

/// Bits for each second of sound.
pub(super) const SOUND: u64 = 128_000;
/// Less than this for pictures is nothing to look at.
const LEAST: u64 = 120_000;
/// What a pixel of each picture needs at thirty pictures a second, in bits.
const PIXEL: f64 = 0.06;
/// Heights that films are made in; sizes between them are hard on players.
const HEIGHTS: [u32; 7] = [2160, 1440, 1080, 720, 540, 480, 360];
/// Type and name's end of what is made.
const MIME: (&str, &str) = ("video/mp4", "mp4");

/// A film that is made anew: H.264 and AAC in MP4, upright, without metadata unless they are to be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Film {
    pub width: u32,
    pub height: u32,
    /// Most bytes.
    pub bytes: u64,
    /// Bits for each second of the pictures.
    pub rate: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep: bool,
}

/// What a film becomes that is of a type that is not taken, or too large; `bytes` 0: any, `mimes` none: any.
///
/// # Errors
/// Why it cannot be helped.
pub fn remade(media: &Media, bytes: u64, mimes: &[String]) -> Result<Media, String> {
    if !mimes.is_empty() && !mimes.iter().any(|mime| mime == MIME.0) {
        return Err(format!("ffmpeg would make `{}` of it", MIME.0));
    }
    if !matches!(
        media.mime.as_str(),
        "video/mp4" | "video/quicktime" | "video/3gpp" | "video/webm" | "video/x-matroska"
    ) {
        return Err("xpost has only films made anew".into());
    }
    let about = &media.about;
    let (millis, (width, height)) = about
        .millis
        .filter(|millis| *millis > 0)
        .zip(media.width.zip(media.height))
        .ok_or("its length or size is not known")?;
    // a little is left for the container, and for a rate that is not kept to the bit
    let all = if bytes > 0 { bytes.saturating_mul(7600) / millis } else { u64::MAX };
    let now = about.bitrate.unwrap_or(8_000_000).max(LEAST + SOUND);
    let all = all.min(now.saturating_mul(5) / 4);
    let rate = all.saturating_sub(if about.audio.is_some() { SOUND } else { 0 });
    if rate < LEAST {
        return Err("so much film in so few bytes is nothing to look at; make it shorter".into());
    }
    let short = width.min(height);
    let fits = |side: u32| {
        let scale = f64::from(side) / f64::from(short);
        f64::from(width) * f64::from(height) * scale * scale * PIXEL * 30.0 <= rate as f64
    };
    let least = HEIGHTS[HEIGHTS.len() - 1].min(short);
    let side = std::iter::once(short)
        .chain(HEIGHTS.into_iter().filter(|height| *height < short))
        .find(|height| fits(*height))
        .unwrap_or(least);
    // H.264 wants even sides
    let sized = |long: u32| {
        let scaled = u64::from(long) * u64::from(side) / u64::from(short.max(1));
        u32::try_from(scaled).unwrap_or(long).max(2) / 2 * 2
    };
    let film = Film {
        width: sized(width),
        height: sized(height),
        bytes: if bytes > 0 { bytes } else { u64::MAX },
        rate,
        keep: about.keep,
    };
    let stem = media.name.rsplit_once('.').map_or(media.name.as_str(), |(stem, _)| stem);
    let mut changed = Media {
        mime: MIME.0.into(),
        name: format!("{stem}.{}", MIME.1),
        bytes: if bytes > 0 { bytes } else { media.bytes },
        width: Some(film.width),
        height: Some(film.height),
        ..media.clone()
    };
    changed.about.video = Some("h264".into());
    changed.about.audio = about.audio.as_ref().map(|_| "aac".into());
    changed.fit = Some(Fit::Film(film));
    Ok(changed)
}

/// `ffmpeg` as the PATH has it.
pub fn ffmpeg() -> Option<PathBuf> {
    let name = if cfg!(windows) { "ffmpeg.exe" } else { "ffmpeg" };
    // never from the working directory: an empty entry of PATH means that
    let places = std::env::var_os("PATH")?;
    std::env::split_paths(&places).filter(|place| place.is_absolute()).map(|place| place.join(name)).find(|p| runs(p))
}

#[cfg(unix)]
fn runs(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn runs(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(mime: &str, megabytes: u64, seconds: u64, (width, height): (u32, u32)) -> Media {
        let mut media = Media {
            name: "holiday.mov".into(),
            mime: mime.into(),
            bytes: megabytes * 1_000_000,
            width: Some(width),
            height: Some(height),
            ..Media::default()
        };
        media.about.millis = Some(seconds * 1000);
        media.about.bitrate = Some(megabytes * 8_000_000 / seconds.max(1));
        media.about.audio = Some("aac".into());
        media
    }

    fn fit(media: &Media) -> &Film {
        match &media.fit {
            Some(Fit::Film(film)) => film,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bytes_decide_about_rate_and_size() {
        let mp4 = ["video/mp4".to_string()];
        // another type alone: as large as it is, and about as good
        let same = remade(&film("video/quicktime", 20, 30, (1920, 1080)), 100_000_000, &mp4).unwrap();
        assert_eq!((same.name.as_str(), same.mime.as_str(), fit(&same).height), ("holiday.mp4", "video/mp4", 1080));
        assert!(fit(&same).rate < 20_000_000 * 8 * 5 / 4 / 30);
        // two minutes of 4K in 25 MB: smaller, and upright stays upright
        for (size, want) in [((3840, 2160), (960, 540)), ((2160, 3840), (540, 960))] {
            let small = remade(&film("video/mp4", 400, 120, size), 25_000_000, &mp4).unwrap();
            assert_eq!((fit(&small).width, fit(&small).height), want, "{:?}", fit(&small));
            assert!((fit(&small).rate + SOUND) * 120 / 8 < 25_000_000);
            assert_eq!(small.bytes, 25_000_000);
        }
        // odd sides become even ones
        let odd = remade(&film("video/webm", 5, 10, (641, 361)), 0, &mp4).unwrap();
        assert_eq!((fit(&odd).width, fit(&odd).height), (640, 360));
    }

    #[test]
    fn what_cannot_be_helped_is_said() {
        let why = |media: &Media, bytes, mimes: &[String]| remade(media, bytes, mimes).unwrap_err();
        let long = film("video/mp4", 400, 3600, (1920, 1080));
        assert!(why(&long, 10_000_000, &[]).contains("make it shorter"));
        assert!(why(&long, 0, &["video/webm".into()]).contains("video/mp4"));
        assert!(why(&film("image/gif", 400, 10, (64, 64)), 1, &[]).contains("only films"));
        let mut unknown = long.clone();
        unknown.about.millis = None;
        assert!(why(&unknown, 1_000_000, &[]).contains("not known"));
    }
}
