//! What a network takes: audience, polls, alt texts.

use super::fit::{PlanNote, noun};
use super::fit_media::judge;
use crate::draft::Visibility;
use crate::platform::contract::{Ask, Piece, Reference, Rendered};
use crate::platform::spec::Spec;

/// Who may see it, and what it answers to.
pub(super) fn audience(spec: &Spec, ask: &Ask, out: &mut Rendered) {
    let content = ask.content;
    if let Some(visibility) = content.visibility.filter(|v| *v != Visibility::Public && !spec.visibility.contains(v)) {
        match visibility {
            Visibility::Unlisted => out.warnings.push(PlanNote::new(
                "visibility",
                format!("{} knows no `unlisted`; the post stands where all others do", spec.title),
            )),
            other => {
                let word = if other == Visibility::Direct { "direct" } else { "followers" };
                out.problems.push(PlanNote::new(
                    "visibility",
                    format!(
                        "{} knows no `{word}`, everybody would see the post; leave it out of `to` or give `[on.{}]` another `visibility`",
                        spec.title, spec.name
                    ),
                ));
            }
        }
    }
    match &content.reply_to {
        Some(Reference::Url(url)) if !spec.replies => out.problems.push(PlanNote::new(
            "reply_unsupported",
            format!("{} cannot reply to `{url}`: it replies to no posts by their address", spec.title),
        )),
        Some(Reference::Ours(_)) if !spec.replies && !spec.threads => {
            out.problems.push(PlanNote::new("reply_unsupported", format!("{} has no replies", spec.title)));
        }
        _ => {}
    }
}

/// The poll against the network's rules.
pub(super) fn poll(spec: &Spec, ask: &Ask, out: &mut Rendered) {
    let Some(poll) = &ask.content.poll else { return };
    let limits = ask.limits;
    let mut problem = |message: String| out.problems.push(PlanNote::new("poll", message));
    let Some(rule) = spec.poll else {
        problem(format!("{} has no polls; leave it out of `to` or make the draft one without a poll", spec.title));
        return;
    };
    let (least, most) = (rule.options.0, limits.poll_options);
    if !(least..=most).contains(&poll.options.len()) {
        problem(format!("the poll has {} options, {least} to {most} are allowed", poll.options.len()));
    }
    for option in &poll.options {
        let length = option.chars().count();
        if length > limits.poll_option {
            problem(format!(
                "the poll's option `{option}` has {length} characters, {} are allowed",
                limits.poll_option
            ));
        }
    }
    match poll.seconds() {
        Err(why) => problem(format!("the poll's duration: {why}")),
        Ok(seconds) => {
            let (shortest, longest) = limits.poll_seconds;
            if !(shortest..=longest).contains(&seconds) {
                problem(format!(
                    "the poll is open for {}, {} to {} are allowed",
                    span(seconds),
                    span(shortest),
                    span(longest)
                ));
            }
        }
    }
    let media = ask.content.posts.first().is_some_and(|post| !post.media.is_empty());
    if media && !rule.with_media {
        problem(format!("{} takes no poll beside media", spec.title));
    }
}

/// Seconds as a person would say them.
fn span(seconds: u64) -> String {
    let of = |n: u64, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    match seconds {
        s if s >= 86_400 && s % 86_400 == 0 => of(s / 86_400, "day"),
        s if s >= 3600 && s % 3600 == 0 => of(s / 3600, "hour"),
        s if s >= 60 && s % 60 == 0 => of(s / 60, "minute"),
        s => of(s, "second"),
    }
}

/// The media of one part: sizes, kinds, alt texts. A picture that does not fit may be drawn anew; of alt texts, what may be shortened
/// has been, in `plan`.
pub(super) fn media(spec: &Spec, ask: &Ask, piece: &mut Piece, out: &mut Rendered) {
    let part = piece.index + 1;
    if spec.media.required && piece.media.is_empty() {
        let message = format!("{} takes no post without a picture or film", spec.title);
        out.problems.push(PlanNote::new("media_required", message).part(part));
    }
    for one in &mut piece.media {
        let judged = judge(spec, ask.limits, &one.media);
        out.problems.extend(judged.problems.into_iter().map(|note| note.part(part)));
        out.warnings.extend(judged.warnings.into_iter().map(|note| note.part(part)));
        out.changes.extend(judged.changes.into_iter().map(|note| note.part(part)));
        alt(spec, ask, &one.media.name, &mut one.alt, part, out);
        one.media = judged.media;
    }
}

fn alt(spec: &Spec, ask: &Ask, name: &str, alt: &mut Option<String>, part: usize, out: &mut Rendered) {
    let Some(text) = alt.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
        *alt = None;
        if ask.content.require_alt {
            let message = format!("`{name}` has no alt text; write it as `![what is to be seen]({name})`");
            out.problems.push(PlanNote::new("missing_alt", message).part(part));
        } else if spec.media.alt.is_some() {
            let message = format!("`{name}` has no alt text; people who cannot see it miss what it shows");
            out.warnings.push(PlanNote::new("missing_alt", message).part(part));
        }
        return;
    };
    let Some((unit, _)) = spec.media.alt else {
        let message = format!("{} has no alt texts; that of `{name}` is left out", spec.title);
        out.changes.push(PlanNote::new("alt_left_out", message).part(part));
        return;
    };
    let Some(most) = ask.limits.alt.filter(|most| unit.count(text) > *most) else { return };
    let length = unit.count(text);
    let said = format!("the alt text of `{name}` has {length} {}, {most} are allowed", noun(unit));
    let message = format!("{said}; shorten it, or let it be cut with `alt_overflow = \"truncate\"`");
    out.problems.push(PlanNote::new("alt_too_long", message).part(part));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_said_as_people_say_them() {
        assert_eq!(
            (span(86_400), span(7200), span(300), span(90)),
            ("1 day".into(), "2 hours".into(), "5 minutes".into(), "90 seconds".into())
        );
    }
}
