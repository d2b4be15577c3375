//! The media of a draft as one target gets them.

use super::{Notes, Target};
use crate::draft::{AltOverflow, Fields, MediaRef};
use crate::media::{Facts, Media, is_remote};
use crate::platform::{Extra, Extras, Limits, MediaUse, shortened};

/// What the media of a target are judged by.
pub(super) struct About<'a> {
    pub fields: &'a Fields,
    pub facts: &'a Facts,
    pub limits: &'a Limits,
    pub target: &'a Target,
}

/// One medium of a post.
pub(super) fn used(medium: &MediaRef, about: &About, notes: &mut Notes) -> Option<MediaUse> {
    let media = found(medium, about.fields, about.facts, notes)?;
    let details = about.fields.details.get(&medium.source).cloned().unwrap_or_default();
    // a list under `media` brings words of its own; over the brackets of the body the table wins
    let listed = about.fields.media.is_some();
    let words = if listed { medium.alt.clone().or(details.alt) } else { details.alt.or(medium.alt.clone()) };
    let alt = words.map(|words| fitted(words, &media.name, about, notes));
    let mut extras = Extras { focus: details.focus, ..Extras::default() };
    if let Some(source) = details.thumbnail {
        extras.thumbnail = beside(source, "thumbnail", |media| media.class() == "image", about, notes);
    }
    if let Some(source) = details.subtitles {
        let good = |media: &Media| matches!(media.mime.as_str(), "text/vtt" | "application/x-subrip");
        extras.subtitles = beside(source, "subtitles", good, about, notes);
    }
    leave_out(&mut extras, &media, about, notes);
    Some(MediaUse { media, alt, extras })
}

/// The file behind a source. Why it cannot be had is a problem; that nobody has looked on the web yet is not.
pub(super) fn found(medium: &MediaRef, fields: &Fields, facts: &Facts, notes: &mut Notes) -> Option<Media> {
    let place = if medium.line > 0 { format!(" (line {})", medium.line) } else { String::new() };
    match facts.media.get(&medium.source) {
        Some(Ok(found)) => {
            let mut media = found.clone();
            media.about.keep = fields.keep_metadata.unwrap_or(false);
            return Some(media);
        }
        Some(Err(why)) => notes.problem("media", format!("`{}`{place}: {why}", medium.source)),
        None if is_remote(&medium.source) => {
            notes.unseen += 1;
            let message = format!(
                "`{}`{place} is fetched when the draft is published; what it is cannot be said before",
                medium.source
            );
            notes.warn("media_later", message);
        }
        None => notes.problem("media", format!("`{}`{place} was not looked at", medium.source)),
    }
    None
}

/// A file that goes with a medium.
fn beside(
    source: String,
    what: &str,
    good: impl Fn(&Media) -> bool,
    about: &About,
    notes: &mut Notes,
) -> Option<Media> {
    let medium = MediaRef { source, alt: None, line: 0 };
    let media = found(&medium, about.fields, about.facts, notes)?;
    if good(&media) {
        return Some(media);
    }
    notes.problem(
        "media_extra",
        format!("`{}` is `{}` and cannot be the `{what}` of a medium", medium.source, media.mime),
    );
    None
}

/// The alt text, cut where the draft allows it.
fn fitted(words: String, name: &str, about: &About, notes: &mut Notes) -> String {
    let Some((unit, most)) = about.target.platform.spec().media.alt.map(|(unit, _)| unit).zip(about.limits.alt) else {
        return words;
    };
    let length = unit.count(words.trim());
    if length <= most || about.fields.alt_overflow != Some(AltOverflow::Truncate) {
        return words;
    }
    let short = shortened(words.trim(), |text| unit.count(text) <= most);
    notes.change("alt_truncated", format!("the alt text of `{name}` is cut from {length} to {}", unit.count(&short)));
    short
}

/// What the network does not take goes, and not in silence.
fn leave_out(extras: &mut Extras, media: &Media, about: &About, notes: &mut Notes) {
    let (title, takes) = (about.target.platform.spec().title, about.target.platform.extras());
    let film = media.class() != "image";
    let mut out = |word: &str, extra: Extra, there: bool, fits: bool| {
        let leave = there && !(fits && takes.contains(&extra));
        if leave {
            let why = if fits { format!("{title} takes none") } else { "it is none of that kind".to_string() };
            notes.change("media_extra_left_out", format!("`{word}` of `{}` is left out: {why}", media.name));
        }
        leave
    };
    if out("focus", Extra::Focus, extras.focus.is_some(), !film) {
        extras.focus = None;
    }
    if out("thumbnail", Extra::Thumbnail, extras.thumbnail.is_some(), film) {
        extras.thumbnail = None;
    }
    if out("subtitles", Extra::Subtitles, extras.subtitles.is_some(), film) {
        extras.subtitles = None;
    }
}
