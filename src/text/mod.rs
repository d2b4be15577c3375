//! Text with marked ranges: the one form between what a person wrote and what each network takes.
//!
//! Everything here is pure. [`detect`] finds links, mentions and tags in plain text, [`Unit`] counts the way a
//! network counts, [`split`] makes a thread of a long text, [`Markup`] encodes.

use serde::{Deserialize, Serialize};

/// Text and what is special about ranges of it.
///
/// `text` is what a reader sees where nothing but text can be shown: paragraphs are parted by an empty line, list
/// items carry their visible prefix (`• `, `1. `), a link shows its label. Marks are sorted by start, then by
/// longest first; they lie on character boundaries, never cross one another (one may hold another), and links,
/// mentions and tags hold none of their own kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    pub text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
}

/// One marked range, in bytes of [`Text::text`], end exclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub start: usize,
    pub end: usize,
    #[serde(flatten)]
    pub kind: Kind,
}

/// What is special about a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    Strong,
    Emphasis,
    Strike,
    Code,
    /// A whole fenced or indented block.
    CodeBlock {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lang: Option<String>,
    },
    /// A whole quoted block.
    Quote,
    /// A whole heading line, level 1 to 6.
    Heading {
        level: u8,
    },
    /// A whole list item with its prefix; depth 0 is the outermost list.
    Item {
        ordered: bool,
        depth: u8,
    },
    /// The visible prefix of an item, for encoders that have lists of their own.
    Bullet,
    /// A link; where the range's text equals the address (or is the address without its scheme), the person wrote it bare.
    Link {
        url: String,
    },
    /// A mention. `handle` is what this network knows the person by, with no leading `@`.
    Mention {
        handle: String,
    },
    /// A hashtag; the range includes the `#`, `tag` does not.
    Tag {
        tag: String,
    },
}

mod count;
mod markup;
mod split;

pub use count::Unit;
pub use markup::Markup;
pub use split::{TooLong, split};

impl Text {
    /// Text with nothing special about it.
    pub fn plain(text: impl Into<String>) -> Text {
        Text { text: text.into(), marks: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The part between two byte offsets (character boundaries), marks clipped to it.
    pub fn slice(&self, start: usize, end: usize) -> Text {
        let marks = self
            .marks
            .iter()
            .filter(|mark| mark.start < end && mark.end > start)
            .map(|mark| Mark {
                start: mark.start.max(start) - start,
                end: mark.end.min(end) - start,
                kind: mark.kind.clone(),
            })
            .collect();
        Text { text: self.text[start..end].to_string(), marks }
    }

    /// Adds another text at the end.
    pub fn push(&mut self, other: &Text) {
        let offset = self.text.len();
        self.text.push_str(&other.text);
        self.marks.extend(other.marks.iter().map(|mark| Mark {
            start: mark.start + offset,
            end: mark.end + offset,
            kind: mark.kind.clone(),
        }));
    }
}
