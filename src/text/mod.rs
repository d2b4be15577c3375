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

mod blocks;
mod chars;
mod count;
pub mod detect;
mod html;
mod markdown;
mod markup;
mod mrkdwn;
mod split;
mod url;

pub use count::{URL_LENGTH, Unit};
pub use html::escape_html;
pub use markup::Markup;
pub use split::{TooLong, split, truncate};
pub use url::is_tld;

/// What [`Text::sanitize`] took out or found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sanitized {
    /// Control characters taken out.
    pub controls: usize,
    /// Characters that turn the reading direction, left where they are: byte offsets in the clean text.
    pub bidi: Vec<usize>,
}

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
            .take_while(|mark| mark.start < end)
            .filter(|mark| mark.end > start && start < end)
            .map(|mark| Mark {
                start: mark.start.max(start) - start,
                end: mark.end.min(end) - start,
                kind: mark.kind.clone(),
            })
            .collect();
        Text { text: self.text[start..end].to_string(), marks }
    }

    /// Without white space at its ends.
    pub fn trim(&self) -> Text {
        let start = self.text.len() - self.text.trim_start().len();
        self.slice(start, start.max(self.text.trim_end().len()))
    }

    /// Puts other characters in the place of some, marks kept around them; the first of each pair that was there.
    pub fn swap(&mut self, pairs: &[(char, char)]) -> Vec<(char, char)> {
        let found: Vec<(char, char)> = pairs.iter().copied().filter(|(old, _)| self.text.contains(*old)).collect();
        for (old, new) in &found {
            let moved = |at: usize| {
                let before = self.text[..at].matches(*old).count();
                at - before * old.len_utf8() + before * new.len_utf8()
            };
            let ends: Vec<(usize, usize)> =
                self.marks.iter().map(|mark| (moved(mark.start), moved(mark.end))).collect();
            for (mark, (start, end)) in self.marks.iter_mut().zip(ends) {
                (mark.start, mark.end) = (start, end);
            }
            self.text = self.text.replace(*old, &new.to_string());
        }
        found
    }

    /// Adds another text as a paragraph of its own; nothing is added for an empty one.
    pub fn paragraph(&mut self, other: &Text) {
        if other.text.trim().is_empty() {
            return;
        }
        if !self.is_empty() {
            self.text.truncate(self.text.trim_end().len());
            let end = self.text.len();
            self.clip(end);
            self.text.push_str("\n\n");
        }
        self.push(other);
    }

    /// Whether the address stands in the text or behind one of its links; a slash at the end makes no difference.
    pub fn contains_url(&self, url: &str) -> bool {
        let bare = |url: &str| url.trim_end_matches('/').to_string();
        let wanted = bare(url);
        let same = |found: &Mark| matches!(&found.kind, Kind::Link { url } if bare(url) == wanted);
        self.marks.iter().any(same) || detect::draft(&self.text).iter().any(same)
    }

    /// Adds marks (of [`detect`], say) where no link, mention, tag or code stands yet.
    pub fn mark(&mut self, found: Vec<Mark>) {
        let taken = |kind: &Kind| {
            matches!(
                kind,
                Kind::Link { .. } | Kind::Mention { .. } | Kind::Tag { .. } | Kind::Code | Kind::CodeBlock { .. }
            )
        };
        let mut far = 0;
        let reach = self.marks.iter().map(|old| {
            far = far.max(old.end);
            far
        });
        let reach: Vec<usize> = reach.collect();
        let free = |new: &Mark| {
            let first = reach.partition_point(|end| *end <= new.start);
            let near = self.marks[first..].iter().take_while(|old| old.start < new.end);
            near.filter(|old| new.start < old.end).all(|old| {
                // A mark that would cross another is left out as well.
                let holds = old.start <= new.start && new.end <= old.end;
                !taken(&old.kind) && (holds || (new.start <= old.start && old.end <= new.end))
            })
        };
        let found: Vec<Mark> = found.into_iter().filter(free).collect();
        self.marks.extend(found);
        self.sort();
    }

    /// Takes out control characters (but line feed and tab; a carriage return becomes a line feed) and names the places of
    /// bidirectional overrides. Joiners and variation selectors stay: emoji and scripts are made with them.
    pub fn sanitize(&mut self) -> Sanitized {
        let mut done = Sanitized::default();
        let mut clean = String::with_capacity(self.text.len());
        // Byte offsets of the marks, moved with the text.
        let mut moved: Vec<(usize, usize)> = vec![(0, 0)];
        let mut rest = self.text.char_indices().peekable();
        while let Some((at, c)) = rest.next() {
            match c {
                '\r' if rest.peek().is_some_and(|(_, next)| *next == '\n') => {}
                '\r' => clean.push('\n'),
                _ if c.is_control() && !matches!(c, '\n' | '\t') => done.controls += 1,
                _ => {
                    if chars::bidi_override(c) {
                        done.bidi.push(clean.len());
                    }
                    clean.push(c);
                }
            }
            let end = at + c.len_utf8();
            if moved.last().is_some_and(|(old, new)| end - old != clean.len() - new) {
                moved.push((end, clean.len()));
            }
        }
        let place = |at: usize| {
            let (old, new) = moved[moved.partition_point(|(old, _)| *old <= at) - 1];
            new + (at - old)
        };
        for mark in &mut self.marks {
            (mark.start, mark.end) = (place(mark.start), place(mark.end));
        }
        self.text = clean;
        let end = self.text.len();
        self.clip(end);
        done
    }

    /// UTF-16 offset and length of each mark, in their order (what Telegram's entities are made with).
    pub fn utf16_ranges(&self) -> Vec<(usize, usize)> {
        let mut places: Vec<usize> = self.marks.iter().flat_map(|mark| [mark.start, mark.end]).collect();
        places.sort_unstable();
        places.dedup();
        let mut units = Vec::with_capacity(places.len());
        let (mut at, mut unit) = (0, 0);
        for &place in &places {
            unit += self.text[at..place].chars().map(char::len_utf16).sum::<usize>();
            at = place;
            units.push(unit);
        }
        let of = |place: usize| units[places.partition_point(|known| *known < place)];
        self.marks.iter().map(|mark| (of(mark.start), of(mark.end) - of(mark.start))).collect()
    }

    /// Ends all marks at `end` and drops those with nothing in them.
    fn clip(&mut self, end: usize) {
        for mark in &mut self.marks {
            mark.start = mark.start.min(end);
            mark.end = mark.end.min(end);
        }
        self.marks.retain(|mark| mark.start < mark.end);
    }

    fn sort(&mut self) {
        self.marks.sort_by_key(|mark| (mark.start, usize::MAX - mark.end));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_swapped_and_marks_stay_where_they_were() {
        let mark = |start, end| Mark { start, end, kind: Kind::Code };
        let mut text = Text { text: "a <b> <é>!".into(), marks: vec![mark(2, 5), mark(6, 10), mark(10, 11)] };
        assert_eq!(text.swap(&[('<', '‹'), ('>', '›'), ('|', '!')]), [('<', '‹'), ('>', '›')]);
        let marked: Vec<&str> = text.marks.iter().map(|mark| &text.text[mark.start..mark.end]).collect();
        assert_eq!((text.text.as_str(), marked), ("a ‹b› ‹é›!", vec!["‹b›", "‹é›", "!"]));
        assert_eq!(text.swap(&[('<', '‹')]), []);
    }
}
