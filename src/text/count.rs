//! Counting the way each network counts.

use serde::{Deserialize, Serialize};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use unicode_segmentation::UnicodeSegmentation;

use super::url::{Rules, urls};
use super::{chars, detect};

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

/// What X and Mastodon count for a URL unless the server says otherwise (`transformedURLLength` of twitter-text's config
/// v3; `characters_reserved_per_url` of Mastodon), 2026-11.
pub const URL_LENGTH: usize = 23;

impl Unit {
    /// How long the text is in this unit.
    pub fn count(self, text: &str) -> usize {
        self.count_with(text, URL_LENGTH)
    }

    /// The same where the server counts a URL as `url`; only [`Unit::Mastodon`] and [`Unit::Weighted`] ask for it.
    pub fn count_with(self, text: &str, url: usize) -> usize {
        match self {
            Unit::Graphemes => graphemes(text),
            Unit::Mastodon => mastodon(text, url),
            Unit::Scalars => text.chars().count(),
            Unit::Utf16 => text.chars().map(char::len_utf16).sum(),
            Unit::Bytes => text.len(),
            Unit::Weighted => match is_nfc_quick(text.chars()) {
                IsNormalized::Yes => weighted(text, url),
                _ => weighted(&text.nfc().collect::<String>(), url),
            },
            Unit::EmojiBytes => clusters(
                text,
                |_| 1,
                |cluster| if chars::emoji(cluster) { cluster.len() } else { cluster.chars().count() },
            ),
        }
    }
}

fn graphemes(text: &str) -> usize {
    clusters(text, |_| 1, |_| 1)
}

/// Characters that are always a cluster of their own beside others like them (`Grapheme_Cluster_Break` Other, or a whole
/// Hangul syllable), and are no emoji: letters and punctuation of the scripts that are written most.
fn lone(c: char) -> bool {
    matches!(c, '\0'..='\u{7f}' | '\u{c0}'..='\u{24f}' | '\u{391}'..='\u{3ff}' | '\u{400}'..='\u{482}' | '\u{48a}'..='\u{52f}'
        | '\u{5d0}'..='\u{5ea}' | '\u{620}'..='\u{64a}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{203b}'
        | '\u{20a0}'..='\u{20bf}' | '\u{3001}'..='\u{3020}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{ff01}'..='\u{ff60}')
}

/// Sums over the grapheme clusters: `one` for a cluster of one [`lone`] character, `weigh` for any other. Between two lone
/// characters there is always a cluster's end (but in CR LF), so only the neighbourhood of others is segmented.
fn clusters(text: &str, one: impl Fn(char) -> usize, weigh: impl Fn(&str) -> usize) -> usize {
    let single = |cluster: &str| {
        let mut chars = cluster.chars();
        chars.next().filter(|c| lone(*c) && chars.next().is_none())
    };
    let all = |part: &str| match single(part) {
        Some(c) => one(c),
        None => part.graphemes(true).map(|cluster| single(cluster).map_or_else(|| weigh(cluster), &one)).sum(),
    };
    let mut total = 0;
    let mut start = 0;
    let mut before: Option<char> = None;
    for (at, c) in text.char_indices() {
        let this = lone(c).then_some(c);
        if let (Some(last), Some(_)) = (before, this)
            && (last, c) != ('\r', '\n')
        {
            total += all(&text[start..at]);
            start = at;
        }
        before = this;
    }
    total + all(&text[start..])
}

fn mastodon(text: &str, url: usize) -> usize {
    let mut total = 0;
    let mut at = 0;
    let urls = urls(text, Rules::Mastodon);
    let inside = |start: usize| {
        let next = urls.partition_point(|range| range.end <= start);
        urls.get(next).is_some_and(|range| range.start <= start)
    };
    let mut special: Vec<(usize, usize, usize)> = urls.iter().map(|range| (range.start, range.end, url)).collect();
    special.extend(
        detect::fediverse(text)
            .into_iter()
            .filter(|mention| mention.user < mention.range.end && !inside(mention.range.start))
            .map(|mention| (mention.range.start, mention.range.end, mention.user - mention.range.start)),
    );
    special.sort_unstable();
    for (start, end, length) in special {
        if start >= at {
            total += graphemes(&text[at..start]) + length;
            at = end;
        }
    }
    total + graphemes(&text[at..])
}

/// The weight of a character in twitter-text's config v3, with scale 100: 1 in the four ranges, 2 elsewhere.
fn weight(c: char) -> usize {
    match u32::from(c) {
        0..=4351 | 8192..=8205 | 8208..=8223 | 8242..=8247 => 1,
        _ => 2,
    }
}

fn weighted(text: &str, url: usize) -> usize {
    let weigh = |part: &str| {
        clusters(part, weight, |cluster| if chars::emoji(cluster) { 2 } else { cluster.chars().map(weight).sum() })
    };
    let mut total = 0;
    let mut at = 0;
    for range in urls(text, Rules::X) {
        total += weigh(&text[at..range.start]) + url;
        at = range.end;
    }
    total + weigh(&text[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> [usize; 7] {
        [Unit::Graphemes, Unit::Mastodon, Unit::Scalars, Unit::Utf16, Unit::Bytes, Unit::Weighted, Unit::EmojiBytes]
            .map(|unit| unit.count(text))
    }

    #[test]
    fn every_unit_counts_its_own_way() {
        assert_eq!(all(""), [0; 7]);
        assert_eq!(all("hello"), [5; 7]);
        assert_eq!(all("日本語"), [3, 3, 3, 3, 9, 6, 3]);
        assert_eq!(all("👨‍👩‍👧"), [1, 1, 5, 8, 18, 2, 18]);
        assert_eq!(all("e\u{301}"), [1, 1, 2, 2, 3, 1, 2]);
        assert_eq!(all("a\r\nb\n"), [4, 4, 5, 5, 5, 5, 5]);
        assert_eq!(all("🇩🇪🇩"), [2, 2, 3, 6, 12, 4, 9]);
    }

    #[test]
    fn weights_of_x() {
        for (text, expected) in [
            ("Привет", 6),
            ("café", 4),
            ("cafe\u{301}", 4),
            ("—–", 2),
            ("…€", 4),
            ("👍🏽", 2),
            ("©", 1),
            ("1️⃣", 2),
            ("https://example.org/a/very/long/path/that/goes/on/and/on", 23),
            ("example.com", 23),
            ("no.such.thing", 13),
            ("a example.com/x.", 26),
        ] {
            assert_eq!(Unit::Weighted.count(text), expected, "{text}");
        }
    }

    #[test]
    fn mastodon_counts_urls_and_hosts_of_mentions() {
        for (text, expected) in [
            ("https://example.org/a/very/long/path/that/goes/on/and/on", 23),
            ("http://a.co", 23),
            ("example.org", 11),
            ("hi @ann@example.org!", 8),
            ("hi @ann!", 8),
            ("ann@example.org", 15),
            ("https://example.org/@ann@other.example", 23),
            ("(https://example.org/@ann) @bob@b.example", 30),
        ] {
            assert_eq!(Unit::Mastodon.count(text), expected, "{text}");
        }
        assert_eq!(Unit::Mastodon.count_with("see https://example.org", 30), 34);
        assert_eq!(Unit::Graphemes.count_with("see https://example.org", 30), 23);
    }

    #[test]
    fn shortcut_agrees_with_segmentation() {
        for text in
            ["a\u{600}1b", "x\u{301}\u{302}y", "\r\n\r\n", "a\r", "\r\u{301}", "क्षि a", "a👍b👍🏽c", "\u{600}a\u{600}"]
        {
            assert_eq!(graphemes(text), text.graphemes(true).count(), "{text:?}");
        }
        for c in (0..=0xffff).filter_map(char::from_u32).filter(|c| lone(*c)) {
            assert!(!chars::emoji(&c.to_string()), "{c:?}");
            for near in ["a", "é", "漢", "한"] {
                assert_eq!(format!("{c}{near}{c}").graphemes(true).count(), 3, "{c:?}");
            }
        }
    }
}
