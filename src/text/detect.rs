//! Links, mentions and tags in plain text: what a draft means by them, and what Bluesky and X make of them.
//!
//! All functions give marks in order that do not overlap.

use std::ops::Range;

use linkify::{LinkFinder, LinkKind};

use super::chars::{digit, letter_or_mark, punctuation};
use super::url::{Rules, is_tld, urls};
use super::{Kind, Mark};

/// In a draft: `https://…` and `http://…`, `#tags`, and mentions as people write them: `@user`, `@user@host`,
/// `@name.example`. A bare domain is not a link: `main.rs` is a file more often than a page.
pub fn draft(text: &str) -> Vec<Mark> {
    let mut marks = links(text);
    marks.extend(fediverse(text).into_iter().map(|found| {
        let handle = text[found.range.start + 1..found.range.end].to_string();
        Mark { start: found.range.start, end: found.range.end, kind: Kind::Mention { handle } }
    }));
    marks.extend(hashtags(text).into_iter().filter(|range| !text[..range.start].ends_with('/')).map(|r| tag(text, r)));
    disjoint(marks)
}

/// What the official Bluesky client makes facets of: links (also bare domains), `@handle.tld`, `#tags` up to 64 UTF-16 units.
/// Rules: bluesky-social/atproto, packages/api/src/rich-text, 2026-08.
pub fn bluesky(text: &str) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    for start in starts(text, |c| c == '(') {
        if marks.last().is_some_and(|last| last.end > start) {
            continue;
        }
        if let Some(mark) = bluesky_link(text, start).or_else(|| bluesky_mention(text, start)) {
            marks.push(mark);
        }
    }
    marks.extend(starts(text, |_| false).filter_map(|start| bluesky_tag(text, start)));
    disjoint(marks)
}

/// What X makes of a text: URLs, mentions, hashtags and cashtags (as [`Kind::Tag`] with the `$`).
pub fn x(text: &str) -> Vec<Mark> {
    let mut marks: Vec<Mark> = x_urls(text).into_iter().map(|range| link(text, range)).collect();
    marks.extend(x_mentions(text).into_iter().map(|found| {
        let handle = text[found.range.start..found.range.end].trim_start_matches(['@', '＠']).to_string();
        Mark { start: found.range.start, end: found.range.end, kind: Kind::Mention { handle } }
    }));
    marks.extend(x_hashtags(text).into_iter().map(|range| tag(text, range)));
    marks.extend(x_cashtags(text).into_iter().map(|range| Mark {
        start: range.start,
        end: range.end,
        kind: Kind::Tag { tag: text[range].to_string() },
    }));
    disjoint(marks)
}

/// Ranges that X counts as URLs, with and without a scheme.
pub fn x_urls(text: &str) -> Vec<Range<usize>> {
    urls(text, Rules::X)
}

/// Ranges of X's hashtags, the sign included; those inside of URLs left out.
pub fn x_hashtags(text: &str) -> Vec<Range<usize>> {
    let urls = x_urls(text);
    let mut found = hashtags(text);
    found.retain(|range| {
        let next = urls.partition_point(|url| url.end <= range.start);
        urls.get(next).is_none_or(|url| url.start >= range.end)
    });
    found
}

/// A mention: its whole range and where the user's name ends (a list or a host may follow).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// From the `@` on.
    pub range: Range<usize>,
    /// End of `@user`.
    pub user: usize,
}

/// X's mentions: `@name` of at most 20 characters, with the list in `@name/list`.
pub fn x_mentions(text: &str) -> Vec<Mention> {
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found: Vec<Mention> = Vec::new();
    for (at, sign) in text.char_indices().filter(|(_, c)| matches!(c, '@' | '＠')) {
        if found.last().is_some_and(|last| last.range.end > at) || !x_may_mention(&text[..at]) {
            continue;
        }
        let start = at + sign.len_utf8();
        let length = text[start..].chars().take(20).take_while(|c| name(*c)).count();
        let user = start + length;
        let end = user + list(&text[user..]);
        let rest = &text[end..];
        let broken = rest.starts_with("://") || rest.starts_with(['@', '＠']);
        let accented = rest.chars().next().is_some_and(|c| !c.is_ascii() && letter_or_mark(c) && c < '\u{250}');
        if length > 0 && !broken && !accented {
            found.push(Mention { range: at..end, user });
        }
    }
    found
}

/// Length of `/list` at the start.
fn list(rest: &str) -> usize {
    let Some(slug) = rest.strip_prefix('/') else { return 0 };
    if !slug.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return 0;
    }
    1 + slug.bytes().take(25).take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count()
}

/// A mention may follow what is no part of a word, or `RT`.
fn x_may_mention(before: &str) -> bool {
    let Some(last) = before.chars().next_back() else { return true };
    if !last.is_ascii_alphanumeric() && !"_!#$%&*@＠".contains(last) {
        return true;
    }
    let short = before.strip_suffix(':').unwrap_or(before);
    let Some(cut) = short.len().checked_sub(2) else { return false };
    short.get(cut..).is_some_and(|rt| rt.eq_ignore_ascii_case("rt"))
        && short[..cut].chars().next_back().is_none_or(|c| !c.is_ascii_alphanumeric() && !"_+~.-".contains(c))
}

/// Whom a post on X answers: a mention that only white space stands before.
pub fn x_reply(text: &str) -> Option<&str> {
    let rest = text.trim_start();
    let start = text.len() - rest.len();
    x_mentions(text).first().filter(|found| found.range.start == start).map(|found| {
        let name = &text[found.range.start..found.user];
        name.trim_start_matches(['@', '＠'])
    })
}

/// X's cashtags, the `$` included: up to six letters, and up to two behind `.` or `_`.
pub fn x_cashtags(text: &str) -> Vec<Range<usize>> {
    let letters = |part: &str, most: usize| part.bytes().take(most).take_while(u8::is_ascii_alphabetic).count();
    let ends = |at: usize| {
        text[at..].chars().next().is_none_or(|c| c.is_whitespace() || (c.is_ascii_punctuation() && !"\"`".contains(c)))
    };
    let mut found = Vec::new();
    for (at, _) in text.match_indices('$') {
        let free = |c: char| c.is_whitespace() || super::chars::bidi_override(c);
        if !text[..at].chars().next_back().is_none_or(free) {
            continue;
        }
        let short = at + 1 + letters(&text[at + 1..], 6);
        if short == at + 1 {
            continue;
        }
        let more = if text[short..].starts_with(['.', '_']) { letters(&text[short + 1..], 2) } else { 0 };
        if more > 0 && ends(short + 1 + more) {
            found.push(at..short + 1 + more);
        } else if ends(short) {
            found.push(at..short);
        }
    }
    found
}

/// Mentions as the fediverse writes them, `@user` and `@user@host`; `@name.example` is one of them too.
pub fn fediverse(text: &str) -> Vec<Mention> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found: Vec<Mention> = Vec::new();
    for (at, _) in text.match_indices('@') {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| word(c) || matches!(c, '=' | '/' | '@')) {
            continue;
        }
        let user = dotted(text, at + 1, |c| c.is_ascii_alphanumeric() || c == '_');
        if user == at + 1 {
            continue;
        }
        let host = if text[user..].starts_with('@') { dotted(text, user + 1, word) } else { user };
        let end = if host > user + 1 { host } else { user };
        found.push(Mention { range: at..end, user });
    }
    found
}

/// The end of words that dots and hyphens join.
fn dotted(text: &str, start: usize, word: impl Fn(char) -> bool) -> usize {
    let mut end = start;
    for (at, c) in text[start..].char_indices() {
        if word(c) {
            end = start + at + c.len_utf8();
        } else if end == start || !matches!(c, '.' | '-') {
            break;
        }
    }
    end
}

/// `http` and `https` addresses, found the way people end them: no closing punctuation, balanced brackets kept.
pub fn links(text: &str) -> Vec<Mark> {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]).url_must_have_scheme(true);
    let web = |url: &str| {
        url.split_once("://").is_some_and(|(scheme, rest)| {
            !rest.is_empty() && (scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http"))
        })
    };
    finder
        .links(text)
        .filter(|found| web(found.as_str()))
        .map(|found| Mark {
            start: found.start(),
            end: found.end(),
            kind: Kind::Link { url: found.as_str().to_string() },
        })
        .collect()
}

fn link(text: &str, range: Range<usize>) -> Mark {
    let written = &text[range.clone()];
    let url = if written.contains("://") { written.to_string() } else { format!("https://{written}") };
    Mark { start: range.start, end: range.end, kind: Kind::Link { url } }
}

fn tag(text: &str, range: Range<usize>) -> Mark {
    let tag = text[range.clone()].trim_start_matches(['#', '＃']).to_string();
    Mark { start: range.start, end: range.end, kind: Kind::Tag { tag } }
}

/// Characters that join the words of one hashtag.
fn joins(c: char) -> bool {
    "_\u{200c}\u{200d}\u{a67e}\u{5be}\u{5f3}\u{5f4}～〜\u{309b}\u{309c}\u{30a0}・〃\u{f0b}\u{f0c}·".contains(c)
}

/// `#word` of letters, marks, digits and joiners with at least one letter; the rule of drafts and of X.
fn hashtags(text: &str) -> Vec<Range<usize>> {
    let inner = |c: char| letter_or_mark(c) || digit(c) || joins(c);
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, sign) in text.char_indices().filter(|(_, c)| matches!(c, '#' | '＃')) {
        let free = |c: char| matches!(c, '\u{fe0e}' | '\u{fe0f}') || (!inner(c) && c != '&');
        let start = at + sign.len_utf8();
        if !text[..at].chars().next_back().is_none_or(free) || text[start..].starts_with(['\u{fe0f}', '\u{20e3}']) {
            continue;
        }
        let end = text[start..].find(|c| !inner(c)).map_or(text.len(), |length| start + length);
        let rest = &text[end..];
        let broken = rest.starts_with(['#', '＃']) || rest.starts_with("://");
        if !broken && text[start..end].chars().any(letter_or_mark) {
            found.push(at..end);
        }
    }
    found
}

/// Places behind white space (or what `also` names), and the start of the text.
fn starts(text: &str, also: impl Fn(char) -> bool) -> impl Iterator<Item = usize> {
    std::iter::once(0).chain(
        text.char_indices()
            .filter(move |(_, c)| c.is_whitespace() || *c == '\u{feff}' || also(*c))
            .map(|(at, c)| at + c.len_utf8()),
    )
}

fn bluesky_link(text: &str, start: usize) -> Option<Mark> {
    let rest = &text[start..];
    let first = rest.as_bytes().first().filter(|b| b.is_ascii_alphabetic())?;
    let scheme = ["https://", "http://"]
        .iter()
        .filter(|_| first.eq_ignore_ascii_case(&b'h'))
        .find(|scheme| rest.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme)));
    let host = match scheme {
        Some(_) => None,
        None => Some(bare_domain(rest)?),
    };
    let length = rest.find(|c: char| c.is_whitespace() || c == '\u{feff}').unwrap_or(rest.len());
    let mut url = rest[..length].trim_end_matches(['.', ',', ';', ':', '!', '?']);
    if url.ends_with(')') && !url.contains('(') {
        url = &url[..url.len() - 1];
    }
    if scheme.is_some_and(|scheme| url.len() <= scheme.len()) || host.is_some_and(|host| url.len() < host) {
        return None;
    }
    Some(link(text, start..start + url.len()))
}

/// Length of a domain with a known top-level domain at the start: `name(.name)+` of ASCII letters and digits.
fn bare_domain(rest: &str) -> Option<usize> {
    let mut end = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let mut last = None;
    while rest[end..].starts_with('.') {
        let length = rest[end + 1..].bytes().take_while(u8::is_ascii_alphanumeric).count();
        if length == 0 {
            break;
        }
        last = Some(&rest[end + 1..end + 1 + length]);
        end += 1 + length;
    }
    last.filter(|name| is_tld(name)).map(|_| end)
}

fn bluesky_mention(text: &str, start: usize) -> Option<Mark> {
    let rest = text[start..].strip_prefix('@')?;
    let run = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-')).count();
    let word = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let bytes = rest.as_bytes();
    let end = (1..=run).rev().find(|&end| word(bytes.get(end - 1)) != word(bytes.get(end)))?;
    let handle = &rest[..end];
    let (_, last) = handle.rsplit_once('.')?;
    (is_tld(last) || last == "test").then(|| Mark {
        start,
        end: start + 1 + end,
        kind: Kind::Mention { handle: handle.to_string() },
    })
}

fn bluesky_tag(text: &str, start: usize) -> Option<Mark> {
    let sign = text[start..].chars().next().filter(|c| matches!(c, '#' | '＃'))?;
    let from = start + sign.len_utf8();
    let hidden =
        |c: char| matches!(c, '\u{ad}' | '\u{2060}' | '\u{200a}' | '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{20e2}');
    let rest = &text[from..];
    let length = rest.find(|c: char| c.is_whitespace() || c == '\u{feff}' || hidden(c)).unwrap_or(rest.len());
    let run = &rest[..length];
    if run.starts_with('\u{fe0f}') || run.chars().all(|c| c.is_ascii_digit() || punctuation(c)) {
        return None;
    }
    let tag = run.trim_end_matches(punctuation);
    (tag.chars().map(char::len_utf16).sum::<usize>() <= 64).then(|| Mark {
        start,
        end: from + tag.len(),
        kind: Kind::Tag { tag: tag.to_string() },
    })
}

/// Sorted, and of two that overlap the earlier (the longer, where both start together).
fn disjoint(mut marks: Vec<Mark>) -> Vec<Mark> {
    marks.sort_by_key(|mark| (mark.start, usize::MAX - mark.end));
    let mut end = 0;
    marks.retain(|mark| {
        let keep = mark.start >= end;
        if keep {
            end = mark.end;
        }
        keep
    });
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, marks: &[Mark]) -> Vec<String> {
        marks
            .iter()
            .map(|mark| {
                let kind = match &mark.kind {
                    Kind::Link { url } => format!("link {url}"),
                    Kind::Mention { handle } => format!("mention {handle}"),
                    Kind::Tag { tag } => format!("tag {tag}"),
                    other => format!("{other:?}"),
                };
                format!("{} = {kind}", &text[mark.start..mark.end])
            })
            .collect()
    }

    #[test]
    fn a_draft() {
        let text =
            "See https://example.org/a_(b), @ann@example.org and @bob.example: #rust #1 #2026_x main.rs me@x.org";
        assert_eq!(
            shown(text, &draft(text)),
            [
                "https://example.org/a_(b) = link https://example.org/a_(b)",
                "@ann@example.org = mention ann@example.org",
                "@bob.example = mention bob.example",
                "#rust = tag rust",
                "#2026_x = tag 2026_x",
            ]
        );
    }

    #[test]
    fn nothing_inside_a_link() {
        let text = "https://example.org/@ann/#top and example.org/#top ftp://example.org/x";
        assert_eq!(shown(text, &draft(text)), ["https://example.org/@ann/#top = link https://example.org/@ann/#top"]);
    }

    #[test]
    fn bluesky_facets() {
        let text = "(example.com) @ann.bsky.social. ann@example.com #tag! example.jpg https:// http://x";
        assert_eq!(
            shown(text, &bluesky(text)),
            [
                "example.com = link https://example.com",
                "@ann.bsky.social = mention ann.bsky.social",
                "#tag = tag tag",
                "http://x = link http://x",
            ]
        );
    }

    #[test]
    fn x_entities() {
        let text = "RT @ann: $GOOG #rust @ann/list example.com/#x";
        assert_eq!(
            shown(text, &x(text)),
            [
                "@ann = mention ann",
                "$GOOG = tag $GOOG",
                "#rust = tag rust",
                "@ann/list = mention ann/list",
                "example.com/#x = link https://example.com/#x",
            ]
        );
    }
}
