//! The rule by which a draft becomes the parts of a target: what every network shares.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::contract::{Ask, Part, Piece, Rendered};
use super::spec::Spec;

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
/// has each part encoded.
pub fn standard(spec: &Spec, ask: &Ask, encode: Encode) -> Rendered {
    let mut rendered = Rendered::default();
    let of = ask.content.posts.len();
    for (index, post) in ask.content.posts.iter().enumerate() {
        let text = spec.text.markup.fit(&post.text);
        let mut piece = Piece {
            index,
            of,
            text,
            media: post.media.clone(),
            title: None,
            poll: ask.content.poll.clone().filter(|_| index == 0),
            card: ask.content.card.clone().filter(|_| index == 0),
            notes: Vec::new(),
        };
        match encode(ask, &mut piece) {
            Ok(payload) => rendered.parts.push(Part {
                count: ask.limits.unit.count(&spec.text.markup.encode(&piece.text)),
                limit: ask.limits.text,
                text: piece.text,
                media: piece.media,
                card: piece.card,
                payload,
            }),
            Err(why) => rendered.problems.push(PlanNote::new("unsupported", why).part(index + 1)),
        }
        rendered.warnings.extend(piece.notes);
    }
    rendered
}
