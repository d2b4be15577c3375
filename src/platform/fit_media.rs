//! What a network takes of one medium, and what is said of it.

use super::fit::PlanNote;
use crate::media::film::remade;
use crate::media::fit::{Kind, Why};
use crate::media::{Decision, Fit, Media, Wish, cleaned, decide};
use crate::platform::spec::{Limits, Spec};

/// What [`judge`] found.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// The medium as it will be uploaded.
    pub media: Media,
    pub problems: Vec<PlanNote>,
    pub warnings: Vec<PlanNote>,
    pub changes: Vec<PlanNote>,
}

/// Whether a network takes this medium, and what must be done to it first. Pure: nothing is read. Numbers of media and alt texts
/// are not looked at.
pub fn judge(spec: &Spec, limits: &Limits, media: &Media) -> Judged {
    let mut judged = Judged { media: media.clone(), ..Judged::default() };
    let name = &media.name;
    let video = is_video(limits, media);
    let file = !video && media.class() != "image" && limits.files > 0;
    if file {
        if !limits.file_mimes.is_empty() && !limits.file_mimes.contains(&media.mime) {
            let takes = limits.file_mimes.join(", ");
            let message = format!("`{name}` is `{}`; {} takes {takes}", media.mime, spec.title);
            judged.problems.push(PlanNote::new("media_type", message));
        }
        if media.bytes > limits.file_bytes {
            let message = format!("`{name}` has {}, {} are allowed", size(media.bytes), size(limits.file_bytes));
            judged.problems.push(PlanNote::new("media_too_large", message));
        }
    } else if media.class() != "image" && !video {
        let message = format!("`{name}` is `{}`, which {} does not take", media.mime, spec.title);
        judged.problems.push(PlanNote::new("media_type", message));
    } else if (if video { limits.videos } else { limits.images }) == 0 {
        let kind = if video { "films" } else { "pictures" };
        let message = format!("`{name}` cannot be posted: {} takes no {kind}", spec.title);
        judged.problems.push(PlanNote::new("media_type", message));
    } else if limits.described && !video {
        change(spec, limits, &Wish::default(), &mut judged);
    } else if limits.described {
        // of a film, too, only what it hides is of interest
    } else if video {
        let wrong = film(spec, limits, media);
        match anew(spec, limits, media, &wrong) {
            Ok(Some((film, said))) => {
                judged.changes.push(PlanNote::new("media_fitted", said));
                judged.media = film;
            }
            Ok(None) => problems(&mut judged, name, &wrong, ""),
            Err(why) => problems(&mut judged, name, &wrong, &why),
        }
    } else {
        picture(spec, limits, &mut judged);
    }
    if video
        && judged.problems.is_empty()
        && judged.media.fit.is_none()
        && let Some(clean) = cleaned(&judged.media)
    {
        let message = format!("{} taken out of `{name}`; nothing else of it changes", hidden(&judged.media));
        judged.changes.push(PlanNote::new("media_cleaned", message));
        judged.media = clean;
    }
    let about = &judged.media.about;
    if judged.problems.is_empty() && judged.media.fit.is_none() && !about.keep {
        let place = about.hidden.iter().any(|what| what == "GPS");
        let may = media.class() == "image" && about.hidden.iter().any(|what| what == "EXIF");
        if place || may {
            let says = if place { "says" } else { "may say" };
            let message =
                format!("`{name}` {says} where it was taken, and xpost cannot take that out of `{}`", media.mime);
            judged.warnings.push(PlanNote::new("media_place", message));
        }
    }
    judged
}

fn is_video(limits: &Limits, media: &Media) -> bool {
    media.class() == "video" || (media.class() == "audio" && limits.video_mimes.contains(&media.mime))
}

fn picture(spec: &Spec, limits: &Limits, judged: &mut Judged) {
    let media = &judged.media;
    let bytes = limits.animated_bytes.filter(|_| media.about.animated).unwrap_or(limits.image_bytes);
    let wish = Wish {
        bytes,
        pixels: limits.image_pixels,
        side: limits.image_side,
        mimes: &limits.image_mimes,
        shape: limits.image_shape,
        pad: limits.pad_images,
        ffmpeg: limits.ffmpeg == Some(true),
    };
    change(spec, limits, &wish, judged);
}

/// Makes of a picture what this wish needs.
fn change(spec: &Spec, limits: &Limits, wish: &Wish, judged: &mut Judged) {
    let media = judged.media.clone();
    let name = &media.name;
    match decide(&media, wish) {
        Decision::AsIs => {}
        Decision::No { why, because } => {
            let limits = &Limits { image_bytes: wish.bytes, ..limits.clone() };
            for why in why {
                let (code, message) = against(spec, limits, &media, why);
                judged.problems.push(PlanNote::new(code, format!("`{name}` {message}; {because}")));
            }
        }
        Decision::Change { media: changed, why } => {
            let remade = match &changed.fit {
                Some(Fit::Remake(remake)) => Some(remake),
                _ => None,
            };
            let (code, message) = match remade {
                None => {
                    let message = format!("{} taken out of `{name}`; the picture stays as it is", hidden(&media));
                    ("media_cleaned", message)
                }
                Some(remake) => {
                    let mut turns = Vec::new();
                    if why.contains(&Why::Bytes) {
                        turns.push(format!("{} -> at most {}", size(media.bytes), size(limits.image_bytes)));
                    }
                    if (media.width, media.height) != (changed.width, changed.height) {
                        let of = |media: &Media| {
                            let (width, height) = media.width.zip(media.height).unwrap_or_default();
                            format!("{width}x{height}")
                        };
                        turns.push(format!("{} -> {}", of(&media), of(&changed)));
                    }
                    if media.mime != changed.mime {
                        turns.push(format!("{} -> {}", media.mime, changed.mime));
                    }
                    let reasons: Vec<String> = why.iter().map(|why| allowed(limits, *why)).collect();
                    let mut message = format!(
                        "`{name}` is drawn anew, {}: {} takes {}",
                        turns.join(", "),
                        spec.title,
                        reasons.join(" and ")
                    );
                    if remake.canvas.is_some() {
                        message.push_str("; it gets white bars");
                    }
                    if media.about.alpha && remake.kind == Kind::Jpeg {
                        message.push_str("; what is see-through becomes white");
                    }
                    if !media.about.hidden.is_empty() && !media.about.keep {
                        message.push_str(&format!("; {} taken out", hidden(&media)));
                    }
                    ("media_fitted", message)
                }
            };
            judged.changes.push(PlanNote::new(code, message));
            judged.media = *changed;
        }
    }
}

/// `EXIF (with the place), XMP are`.
fn hidden(media: &Media) -> String {
    let hidden = &media.about.hidden;
    let place = hidden.iter().any(|what| what == "GPS");
    let words: Vec<String> = hidden
        .iter()
        .filter(|what| *what != "GPS")
        .map(|what| if what == "EXIF" && place { "EXIF (with the place)".into() } else { what.clone() })
        .collect();
    match words.as_slice() {
        [] => "the place is".into(),
        [one] => format!("{one} is"),
        several => format!("{} are", several.join(", ")),
    }
}

/// What a network takes, as far as one reason goes.
fn allowed(limits: &Limits, why: Why) -> String {
    match why {
        Why::Type => limits.image_mimes.join(", "),
        Why::Bytes => format!("at most {}", size(limits.image_bytes)),
        Why::Pixels => format!("at most {} pixels", limits.image_pixels.unwrap_or_default()),
        Why::Side => format!("at most {} pixels on a side", limits.image_side.unwrap_or_default()),
        Why::Shape => shape(limits),
    }
}

fn shape(limits: &Limits) -> String {
    limits.image_shape.map_or_else(String::new, |((a, b), (c, d))| format!("shapes from {a}:{b} to {c}:{d}"))
}

/// What is wrong with a picture that cannot be mended.
fn against(spec: &Spec, limits: &Limits, media: &Media, why: Why) -> (&'static str, String) {
    let (width, height) = media.width.zip(media.height).unwrap_or_default();
    match why {
        Why::Type => {
            ("media_type", format!("is `{}`; {} takes {}", media.mime, spec.title, limits.image_mimes.join(", ")))
        }
        Why::Bytes => {
            ("media_too_large", format!("has {}, {} are allowed", size(media.bytes), size(limits.image_bytes)))
        }
        Why::Pixels => {
            let (pixels, most) = (u64::from(width) * u64::from(height), limits.image_pixels.unwrap_or_default());
            ("media_pixels", format!("has {width} x {height} = {pixels} pixels, {most} are allowed"))
        }
        Why::Side => {
            let most = limits.image_side.unwrap_or_default();
            ("media_pixels", format!("is {width} x {height}, {most} is the longest side allowed"))
        }
        Why::Shape => ("media_shape", format!("is {width} x {height}; {} takes {}", spec.title, shape(limits))),
    }
}

fn problems(judged: &mut Judged, name: &str, wrong: &[(&'static str, String)], why: &str) {
    let why = if why.is_empty() { String::new() } else { format!("; {why}") };
    let all = wrong.iter().map(|(code, message)| PlanNote::new(code, format!("`{name}` {message}{why}")));
    judged.problems.extend(all);
}

/// What `ffmpeg` is to make of a film that is of another type or too large, and how that is said; `None` where it has no part in it.
///
/// # Errors
/// Why it does not help, or how it would.
fn anew(
    spec: &Spec,
    limits: &Limits,
    media: &Media,
    wrong: &[(&'static str, String)],
) -> Result<Option<(Media, String)>, String> {
    if wrong.is_empty() || media.class() != "video" || wrong.iter().any(|(code, _)| *code == "media_too_long") {
        return Ok(None);
    }
    match limits.ffmpeg {
        None if ffmpeg_would_help(limits, media) => {
            Err("`ffmpeg = true` in `config.toml` lets ffmpeg make it anew".into())
        }
        None => Ok(None),
        Some(false) => Err("`ffmpeg` is not on the PATH, where it would be made anew".into()),
        Some(true) => {
            let film = remade(media, limits.video_bytes, &limits.video_mimes)?;
            let (mut turns, name) = (Vec::new(), &media.name);
            if film.mime != media.mime {
                turns.push(format!("{} -> {}", media.mime, film.mime));
            }
            if let (Some((a, b)), Some((c, d))) = (media.width.zip(media.height), film.width.zip(film.height))
                && (a, b) != (c, d)
            {
                turns.push(format!("{a}x{b} -> {c}x{d}"));
            }
            if limits.video_bytes > 0 && media.bytes > limits.video_bytes {
                turns.push(format!("{} -> at most {}", size(media.bytes), size(limits.video_bytes)));
            }
            let said = format!("`{name}` is made anew by ffmpeg for {}, {}", spec.title, turns.join(", "));
            Ok(Some((film, said)))
        }
    }
}

fn ffmpeg_would_help(limits: &Limits, media: &Media) -> bool {
    remade(media, limits.video_bytes, &limits.video_mimes).is_ok()
}

/// What is wrong with a film or sound as it is.
fn film(spec: &Spec, limits: &Limits, media: &Media) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    let about = &media.about;
    let codecs: Vec<&str> = about.video.iter().chain(&about.audio).map(String::as_str).collect();
    if !limits.video_mimes.is_empty() && !limits.video_mimes.contains(&media.mime) {
        let inside = if codecs.is_empty() { String::new() } else { format!(" ({})", codecs.join(", ")) };
        let mimes = limits.video_mimes.join(", ");
        let message = format!("is `{}`{inside}; {} takes {mimes}; export it as one of these", media.mime, spec.title);
        wrong.push(("media_type", message));
    }
    if limits.video_bytes > 0 && media.bytes > limits.video_bytes {
        let said = format!("has {}, {} are allowed", size(media.bytes), size(limits.video_bytes));
        // with a little left for the container
        let rate = about
            .millis
            .filter(|millis| *millis > 0)
            .map(|millis| limits.video_bytes.saturating_mul(7600) / millis / 1000);
        let way = match rate {
            Some(kilobits) => format!("export it with at most {kilobits} kbit/s, or make it shorter"),
            None => "make it smaller".to_string(),
        };
        wrong.push(("media_too_large", format!("{said}; {way}")));
    }
    if let Some((most, millis)) = limits.video_seconds.zip(about.millis).filter(|(most, millis)| *millis > most * 1000)
    {
        let message = format!("is {:.1} s long, {most} s are allowed; make it shorter", millis as f64 / 1000.0);
        wrong.push(("media_too_long", message));
    }
    wrong
}

/// Bytes as a person would say them; exact below a kilobyte.
fn size(bytes: u64) -> String {
    match bytes {
        b if b >= 1_000_000 => format!("{:.1} MB", b as f64 / 1e6),
        b if b >= 1000 => format!("{:.1} kB", b as f64 / 1e3),
        b => format!("{b} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_said_as_people_say_them() {
        assert_eq!((size(999), size(1500), size(2_500_000)), ("999 bytes".into(), "1.5 kB".into(), "2.5 MB".into()));
    }
}
