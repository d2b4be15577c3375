//! What was written: front matter and Markdown, parsed once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::text::Text;

/// One draft as it was written, variables filled in, nothing yet decided for any network.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Where it came from, for messages: a file's name, `stdin` or `--text`.
    pub source: String,
    /// Media with relative paths are looked for from here.
    pub base: PathBuf,
    /// The front matter, apart from `on`.
    pub fields: Fields,
    /// `[on.NAME]`: fields by platform or account name.
    pub on: BTreeMap<String, Fields>,
    /// The posts of the thread in the order of the draft; at least one.
    pub posts: Vec<Post>,
    /// SHA-256 (hex) of all that was read, variables filled in: the same draft has the same hash.
    pub hash: String,
}

/// One post of a thread, as written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Post {
    pub text: Text,
    pub media: Vec<MediaRef>,
}

/// A picture or film that the draft names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaRef {
    /// As written: a path (relative to the draft) or an URL.
    pub source: String,
    /// The Markdown alt; `None` where it was left empty.
    pub alt: Option<String>,
    /// The line of the draft, 1-based.
    pub line: usize,
}

/// Who may see a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    Public,
    Unlisted,
    Followers,
    Direct,
}

/// What to do with a text that is too long for one post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overflow {
    /// Make a thread of it (the default where the network has threads).
    Thread,
    /// Cut it, with an ellipsis and the draft's `link` kept; said in `changes`.
    Truncate,
    /// Refuse this target (the default where the network has no threads).
    Refuse,
}

/// A poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// The question, for networks where it is not the post's text.
    #[serde(default)]
    pub question: Option<String>,
    pub options: Vec<String>,
    /// How long it is open: `30m`, `24h`, `7d`. Default one day.
    #[serde(default)]
    pub duration: Option<String>,
    #[serde(default)]
    pub multiple: bool,
}

impl Poll {
    /// How long it is open, in seconds: a whole number and `s`, `m`, `h`, `d` or `w`; a day where nothing is said.
    ///
    /// # Errors
    /// Anything else, with an example of what is right.
    pub fn seconds(&self) -> Result<u64, String> {
        let Some(text) = self.duration.as_deref().map(str::trim) else { return Ok(24 * 60 * 60) };
        let number = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = match text[number.len()..].trim() {
            "s" => 1,
            "m" => 60,
            "h" => 60 * 60,
            "d" => 24 * 60 * 60,
            "w" => 7 * 24 * 60 * 60,
            _ => 0,
        };
        match number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)) {
            Some(seconds) if seconds > 0 => Ok(seconds),
            _ => Err(format!("`{text}` is not a duration; write `30m`, `24h` or `7d`")),
        }
    }
}

/// `card = false`, or title, description and image of the link card written by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CardChoice {
    Wanted(bool),
    Own(OwnCard),
}

/// A link card written by hand; what is left out is read from the page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnCard {
    pub title: Option<String>,
    pub description: Option<String>,
    pub image: Option<String>,
}

/// The front matter: everything is optional, and every field may stand in `[on.NAME]` too.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields {
    pub title: Option<String>,
    /// A short text for networks that show one (articles, feeds).
    pub summary: Option<String>,
    pub to: Option<Vec<String>>,
    pub lang: Option<String>,
    pub link: Option<String>,
    pub visibility: Option<Visibility>,
    /// Content warning.
    pub warning: Option<String>,
    pub sensitive: Option<bool>,
    pub tags: Option<Vec<String>>,
    /// Wall time as written, in `zone`.
    pub at: Option<String>,
    /// IANA name.
    pub zone: Option<String>,
    pub expires: Option<String>,
    pub poll: Option<Poll>,
    /// A post id of ours (`12`) or an URL.
    pub reply_to: Option<String>,
    pub quote: Option<String>,
    pub overflow: Option<Overflow>,
    /// `true` adds ` (1/3)` to the posts of a thread.
    pub numbering: Option<bool>,
    pub require_alt: Option<bool>,
    pub card: Option<CardChoice>,
    /// Replaces the body (parsed as Markdown).
    pub text: Option<String>,
    /// Replaces the media of the body.
    pub media: Option<Vec<MediaRef>>,
    /// `@{name}` -> handle, by name, then by platform (or account) name: `[people.ann] mastodon = "@ann@example.org"`.
    pub people: BTreeMap<String, BTreeMap<String, String>>,
    /// Keys that only a network knows, from `[on.NAME]`; checked against the network's spec in `plan`.
    pub extra: BTreeMap<String, serde_json::Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_is_open_for_as_long_as_it_says() {
        let poll = |duration: Option<&str>| Poll {
            question: None,
            options: Vec::new(),
            duration: duration.map(str::to_string),
            multiple: false,
        };
        for (text, seconds) in [("30m", 1800), ("24h", 86_400), ("7d", 604_800), (" 2 w ", 1_209_600), ("90s", 90)] {
            assert_eq!(poll(Some(text)).seconds(), Ok(seconds), "{text}");
        }
        assert_eq!(poll(None).seconds(), Ok(86_400));
        for text in ["", "7", "d", "0d", "-1h", "1.5h", "1y", "99999999999999999999d", "9999999999999999999d"] {
            assert!(poll(Some(text)).seconds().is_err(), "{text}");
        }
    }
}
