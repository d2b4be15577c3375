//! The rule by which a draft becomes the parts of a target: what every network shares.
//!
//! `fit_compose` puts title, tags and link where a network has no field for them; `fit_flow` makes posts of what is too long; `fit_check`
//! judges poll, audience and alt texts, `fit_media` the media themselves. All of it is pure.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::contract::{Ask, MediaUse, Part, Piece, Rendered};
use super::spec::{Card, Spec, Title};
use super::{fit_check, fit_compose, fit_flow};
use crate::draft::Overflow;
use crate::text::{Text, Unit};

/// One thing that `check` tells: a problem, a warning or a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanNote {
    /// Stable, for scripts: `too_long`, `missing_alt`.
    pub code: String,
    /// For people, lower case, no full stop.
    pub message: String,
    /// 1-based, where it concerns one part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<usize>,
}

impl PlanNote {
    pub fn new(code: &str, message: impl Into<String>) -> PlanNote {
        PlanNote { code: code.to_string(), message: message.into(), part: None }
    }

    pub fn part(mut self, part: usize) -> PlanNote {
        self.part = Some(part);
        self
    }
}

/// What a network's `encode` looks like to [`standard`].
pub type Encode<'a> = &'a dyn Fn(&Ask, &mut Piece) -> Result<Value, String>;

/// Fits the draft's text to the network's markup and limit, splits, truncates or refuses, checks media, poll and visibility, and
/// has each part encoded. Where there are problems, parts are given all the same, so that they can be shown beside them.
pub fn standard(spec: &Spec, ask: &Ask, encode: Encode) -> Rendered {
    let mut out = Rendered::default();
    let swapped = fit_compose::swapped(spec, ask.content, &mut out);
    let ask = &Ask { content: swapped.as_ref().unwrap_or(ask.content), ..ask.clone() };
    let content = ask.content;
    fit_check::audience(spec, ask, &mut out);
    fit_check::poll(spec, ask, &mut out);
    let title = fit_compose::native_title(spec, content, policy(spec, content.overflow), &mut out);
    let mut card = content.card.clone().filter(|_| spec.card == Card::Ours);
    if let Some(dropped) = card.take_if(|_| content.posts.first().is_some_and(|post| !post.media.is_empty())) {
        out.changes.push(PlanNote::new(
            "card_left_out",
            format!("{} shows either media or a link card; the card of `{}` is left out", spec.title, dropped.url),
        ));
    }
    let posts = fit_compose::posts(spec, ask, card.is_some(), &mut out);
    let pieces = fit_flow::flow(spec, ask, posts, &mut out);
    let of = pieces.len();
    // the comment stands below the whole
    let comment = content.comment.as_ref().and_then(|text| fit_compose::comment(spec, ask, text, &mut out));
    let of = of + usize::from(comment.is_some());
    let pieces = pieces.into_iter().map(|(text, media)| (text, media, false));
    let pieces = pieces.chain(comment.map(|text| (text, Vec::new(), spec.comments.is_some())));
    for (index, (text, media, comment)) in pieces.enumerate() {
        let first = index == 0;
        let mut piece = Piece {
            index,
            of,
            text,
            media,
            title: title.clone().filter(|_| first),
            poll: content.poll.clone().filter(|_| first && spec.poll.is_some()),
            card: card.clone().filter(|_| first),
            comment,
            notes: Vec::new(),
        };
        // a comment is text alone, even where posts must carry a picture
        if !comment {
            fit_check::media(spec, ask, &mut piece, &mut out);
        }
        let carries = piece.title.is_some() || piece.poll.is_some() || piece.card.is_some();
        if piece.text.text.trim().is_empty() && !carries {
            if piece.media.is_empty() {
                out.problems
                    .push(PlanNote::new("empty", "there is nothing to post: neither text nor media").part(index + 1));
            } else if !spec.text.optional {
                let message = format!("{} wants text beside media; add some", spec.title);
                out.problems.push(PlanNote::new("text_required", message).part(index + 1));
            }
        }
        let payload = match encode(ask, &mut piece) {
            Ok(payload) => payload,
            Err(why) => {
                out.problems.push(PlanNote::new("unsupported", why).part(index + 1));
                Value::Null
            }
        };
        let number = |note: PlanNote| PlanNote { part: note.part.or((of > 1).then_some(index + 1)), ..note };
        out.warnings.extend(std::mem::take(&mut piece.notes).into_iter().map(number));
        out.parts.push(Part {
            count: match spec.comments.filter(|_| comment) {
                Some(rule) => rule.unit.count(&rule.markup.encode(&piece.text)),
                None => count(spec, ask, &piece.text),
            },
            limit: match spec.comments.filter(|_| comment) {
                Some(rule) => rule.max,
                None => limit(ask, &piece.media),
            },
            text: piece.text,
            media: piece.media,
            card: piece.card,
            payload,
            comment,
            cost: None,
        });
    }
    out
}

/// What happens to a text that is too long: the draft's word, else a thread where there are threads.
pub(super) fn policy(spec: &Spec, asked: Option<Overflow>) -> Overflow {
    match asked {
        Some(Overflow::Thread) | None if !spec.threads => Overflow::Refuse,
        Some(asked) => asked,
        None => Overflow::Thread,
    }
}

/// As long as the network counts it.
pub(super) fn count(spec: &Spec, ask: &Ask, text: &Text) -> usize {
    ask.limits.unit.count(&spec.text.markup.encode(text))
}

/// The limit for the text of a post with these media.
pub(super) fn limit(ask: &Ask, media: &[MediaUse]) -> Option<usize> {
    match (ask.limits.text, ask.limits.caption.filter(|_| !media.is_empty())) {
        (Some(text), Some(caption)) => Some(text.min(caption)),
        (text, caption) => caption.or(text),
    }
}

/// Whether a text keeps both limits of a post.
pub(super) fn fits(spec: &Spec, ask: &Ask, text: &Text, media: &[MediaUse]) -> bool {
    let encoded = spec.text.markup.encode(text);
    limit(ask, media).is_none_or(|most| ask.limits.unit.count(&encoded) <= most)
        && spec.text.also.is_none_or(|(unit, most)| unit.count(&encoded) <= most)
}

/// What a unit counts, for messages.
pub(super) fn noun(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "bytes",
        Unit::Utf16 => "UTF-16 units",
        Unit::Weighted => "weighted characters",
        Unit::Graphemes | Unit::Mastodon | Unit::Scalars | Unit::EmojiBytes => "characters",
    }
}

/// Texts one below the other, an empty line between; empty ones are left out.
pub(super) fn paragraphs(texts: &[&Text]) -> Text {
    let mut all = Text::default();
    for text in texts {
        all.paragraph(text);
    }
    all
}

/// Whether the title has a field of its own.
pub(super) fn has_titles(spec: &Spec) -> bool {
    matches!(spec.title_rule, Title::Native { .. })
}
