//! Subtitles: WebVTT (W3C, 4 April 2019, section 4) and SubRip, as far as it must be known whether a network can read them.

use std::path::Path;

use super::Media;
use crate::draft::sha256;

/// The largest file of subtitles that is read, in bytes.
const MAX: u64 = 5_000_000;

/// The type of a text that is subtitles, `None` if it looks like none; looks, because a broken one is still meant as such.
pub fn captions_kind(text: &str) -> Option<&'static str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.strip_prefix("WEBVTT") {
        Some(rest) if rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']) => Some("text/vtt"),
        _ => text.lines().take(50).any(|line| line.contains("-->")).then_some("application/x-subrip"),
    }
}

/// How many cues these subtitles have.
///
/// # Errors
/// What is wrong, with its line (1-based).
pub fn read_captions(text: &str) -> Result<usize, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let kind = captions_kind(text).ok_or("they are neither WebVTT nor SRT")?;
    let vtt = kind == "text/vtt";
    let (mut cues, mut last) = (0, 0);
    let mut in_cue = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end();
        let Some((from, to)) = line.split_once("-->") else {
            in_cue &= !line.is_empty();
            continue;
        };
        let at = number + 1;
        if in_cue {
            return Err(format!("line {at}: a cue begins before an empty line has ended the last one"));
        }
        // behind the times WebVTT has settings, some SRT files coordinates
        let to = to.split_whitespace().next().unwrap_or_default();
        let time =
            |text: &str| moment(text.trim(), vtt).ok_or_else(|| format!("line {at}: `{}` is no time", short(text)));
        let (from, to) = (time(from)?, time(to)?);
        if to <= from {
            return Err(format!("line {at}: the cue ends before it begins"));
        }
        if from < last {
            return Err(format!("line {at}: the cue begins before the one above it"));
        }
        (cues, last, in_cue) = (cues + 1, from, true);
    }
    if cues == 0 { Err("they hold no cue".to_string()) } else { Ok(cues) }
}

fn short(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(40).collect()
}

/// `01:02:03.004` in milliseconds; the hours may be missing in WebVTT, SRT has a comma.
fn moment(text: &str, vtt: bool) -> Option<u64> {
    let (clock, millis) = text.split_once(if vtt { '.' } else { ',' })?;
    let digits = |text: &str, least: usize, most: usize| -> Option<u64> {
        let good = (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        good.then(|| text.parse().ok()).flatten()
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let (hours, minutes, seconds) = match parts[..] {
        [hours, minutes, seconds] => (digits(hours, if vtt { 2 } else { 1 }, 6)?, minutes, seconds),
        [minutes, seconds] if vtt => (0, minutes, seconds),
        _ => return None,
    };
    let (minutes, seconds) = (digits(minutes, 2, 2)?, digits(seconds, 2, 2)?);
    (minutes < 60 && seconds < 60).then_some(((hours * 60 + minutes) * 60 + seconds) * 1000 + digits(millis, 3, 3)?)
}

/// A file of subtitles; `None` where it is something else.
pub(super) fn inspect(path: &Path) -> Option<Result<Media, String>> {
    let about = std::fs::metadata(path).ok().filter(|about| about.is_file() && about.len() <= MAX)?;
    let bytes = std::fs::read(path).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    let mime = captions_kind(text)?;
    let name = path.file_name().map_or_else(|| "subtitles".to_string(), |name| name.to_string_lossy().into_owned());
    Some(read_captions(text).map(|_| Media {
        path: std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()),
        name,
        mime: mime.to_string(),
        bytes: about.len(),
        sha256: sha256(&bytes),
        ..Media::default()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtitles_are_read_and_mistakes_have_their_line() {
        let vtt = "\u{feff}WEBVTT - a film\n\nNOTE made by hand\n\nintro\n00:01.000 --> 00:02.500 align:start\nHello\n- you\n\n01:00:00.000 --> 01:00:01.000\nBye\n";
        assert_eq!((captions_kind(vtt), read_captions(vtt)), (Some("text/vtt"), Ok(2)));
        let srt =
            "1\r\n00:00:01,000 --> 00:00:02,000 X1:1\r\nHello\r\n\r\n2\r\n0:00:02,000 --> 00:00:03,000\r\nyou\r\n";
        assert_eq!((captions_kind(srt), read_captions(srt)), (Some("application/x-subrip"), Ok(2)));
        for (text, said) in [
            ("words", "neither"),
            ("WEBVTTX\n", "neither"),
            ("WEBVTT\n", "no cue"),
            ("WEBVTT\n\n00:01.000 --> 00:01.000\nx", "line 3: the cue ends before it begins"),
            ("WEBVTT\n\n00:61.000 --> 01:02.000\nx", "line 3: `00:61.000` is no time"),
            ("WEBVTT\n\n00:01,000 --> 00:02,000\nx", "is no time"),
            (
                "1\n00:00:05,000 --> 00:00:06,000\nx\n\n2\n00:00:01,000 --> 00:00:02,000\ny",
                "line 6: the cue begins before",
            ),
            ("1\n00:00:05,000 --> 00:00:06,000\n00:00:06,000 --> 00:00:07,000\ny", "line 3: a cue begins before"),
            ("1\n99999999999999999999:00:05,000 --> 00:00:06,000\nx", "is no time"),
        ] {
            let why = read_captions(text).unwrap_err();
            assert!(why.contains(said), "{why}");
        }
    }
}
