//! Encoding: what a network is sent for a marked text.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::blocks::{bare, safe};
use super::{Kind, Mark, Text, html, markdown, mrkdwn};

/// What a network can show, and how it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Markup {
    /// Nothing but characters: labelled links are written out as `label (https://…)`, mentions as `@handle`.
    Plain,
    /// Characters and ranges for links, mentions and tags (Bluesky facets); a link keeps its label.
    Links,
    /// Characters and ranges for all marks (Telegram entities).
    Entities,
    /// HTML.
    Html,
    /// CommonMark.
    Markdown,
    /// Discord's dialect: its own escapes, `-#` and headings, masked links.
    Discord,
    /// Slack's dialect.
    Mrkdwn,
    /// LinkedIn's escaped text.
    LittleText,
}

impl Markup {
    /// The text reduced to what the network can show: the result is what is split and counted (through [`Markup::encode`]).
    ///
    /// Where only characters are shown, lines of quotes begin with `> `, and of the marks only links, mentions and tags are
    /// left; they lie where the addresses and handles are written, so that no cut goes through them. Fitting twice changes
    /// nothing.
    pub fn fit(self, text: &Text) -> Text {
        match self {
            Markup::Plain => reduced(text, false),
            Markup::Links => reduced(text, true),
            Markup::LittleText => reduced(text, false),
            Markup::Entities | Markup::Html | Markup::Markdown | Markup::Discord | Markup::Mrkdwn => text.clone(),
        }
    }

    /// The string that is sent. For [`Markup::Links`] and [`Markup::Entities`] it is the text itself; the ranges are the network's own business.
    pub fn encode(self, text: &Text) -> String {
        match self {
            Markup::Plain | Markup::Links | Markup::Entities => text.text.clone(),
            Markup::Html => html::encode(text),
            Markup::Markdown => markdown::commonmark(text),
            Markup::Discord => markdown::discord(text),
            Markup::Mrkdwn => mrkdwn::encode(text),
            Markup::LittleText => little(text),
        }
    }
}

/// A range that is written anew, and the mark (by its place in what is written) it is given.
struct Edit {
    range: Range<usize>,
    with: String,
    mark: Option<(Range<usize>, Kind)>,
}

/// Characters, and links, mentions and tags; `labels`: the network shows a label in place of the address.
fn reduced(text: &Text, labels: bool) -> Text {
    let mut edits: Vec<Edit> = Vec::new();
    let mut quoted: BTreeMap<usize, usize> = BTreeMap::new();
    for mark in &text.marks {
        let range = mark.start..mark.end;
        let label = &text.text[range.clone()];
        match &mark.kind {
            Kind::Link { url } if !(labels && web(url)) && safe(url) => {
                let shown = url.strip_prefix("mailto:").unwrap_or(url);
                let link = Kind::Link { url: url.clone() };
                if bare(label, url) {
                    edits.push(Edit { range, with: shown.to_string(), mark: Some((0..shown.len(), link)) });
                } else {
                    let place = 2..2 + shown.len();
                    edits.push(Edit {
                        range: mark.end..mark.end,
                        with: format!(" ({shown})"),
                        mark: Some((place, link)),
                    });
                }
            }
            Kind::Mention { handle } if !handle.starts_with("did:") && !handle.starts_with("urn:") => {
                let with = format!("@{handle}");
                edits.push(Edit { range, mark: Some((0..with.len(), mark.kind.clone())), with });
            }
            Kind::Quote => {
                let lines = label.match_indices('\n').map(|(at, _)| mark.start + at + 1);
                for line in std::iter::once(mark.start).chain(lines) {
                    *quoted.entry(line).or_default() += 1;
                }
            }
            _ => {}
        }
    }
    edits.extend(quoted.into_iter().map(|(at, deep)| Edit { range: at..at, with: "> ".repeat(deep), mark: None }));
    let kept = |kind: &Kind| match kind {
        Kind::Link { url } => labels && web(url),
        Kind::Mention { .. } | Kind::Tag { .. } => true,
        _ => false,
    };
    rewritten(text, edits, kept)
}

fn web(url: &str) -> bool {
    url.split_once("://")
        .is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http"))
}

/// The text with the edits made, its `kept` marks moved along; marks that an edit covers are gone.
fn rewritten(text: &Text, mut edits: Vec<Edit>, kept: impl Fn(&Kind) -> bool) -> Text {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut new = Text::default();
    // End of each edit in the old text, and how much longer the new one is behind it.
    let mut shifts: Vec<(Range<usize>, isize)> = Vec::with_capacity(edits.len());
    let mut at = 0;
    for edit in edits {
        if edit.range.start < at {
            continue;
        }
        new.text.push_str(&text.text[at..edit.range.start]);
        let start = new.text.len();
        if let Some((place, kind)) = edit.mark {
            new.marks.push(Mark { start: start + place.start, end: start + place.end, kind });
        }
        new.text.push_str(&edit.with);
        at = edit.range.end;
        shifts.push((edit.range, new.text.len() as isize - at as isize));
    }
    new.text.push_str(&text.text[at..]);
    let shift = |count: usize| count.checked_sub(1).map_or(0, |last| shifts[last].1);
    // What is put in at a place stands before a mark that begins there and behind one that ends there.
    let start = |at: usize| at.checked_add_signed(shift(shifts.partition_point(|(range, _)| range.end <= at)));
    let end = |at: usize| {
        at.checked_add_signed(shift(shifts.partition_point(|(range, _)| range.end <= at && range.start < at)))
    };
    for mark in text.marks.iter().filter(|mark| kept(&mark.kind)) {
        // The first edit that ends behind the start of the mark: if it covers a part of the mark, the mark is gone.
        let next = shifts.partition_point(|(range, _)| range.end <= mark.start);
        let mut touching = shifts[next..].iter().take_while(|(range, _)| range.start < mark.end);
        let covered =
            touching.any(|(range, _)| !range.is_empty() && (range.start <= mark.start || range.end > mark.end));
        if let (false, Some(start), Some(end)) = (covered, start(mark.start), end(mark.end))
            && start < end
        {
            new.marks.push(Mark { start, end, kind: mark.kind.clone() });
        }
    }
    new.sort();
    new
}

/// LinkedIn's text: every reserved character behind a backslash, tags and mentions as templates.
/// Source: learn.microsoft.com, "little text format", 2026-11.
fn little(text: &Text) -> String {
    let mut out = String::with_capacity(text.text.len() + 16);
    let escape = |part: &str, out: &mut String| {
        for c in part.chars() {
            if "|{}@[]()<>#\\*_~".contains(c) {
                out.push('\\');
            }
            out.push(c);
        }
    };
    let mut at = 0;
    for mark in &text.marks {
        if mark.start < at {
            continue;
        }
        match &mark.kind {
            Kind::Tag { tag } => {
                escape(&text.text[at..mark.start], &mut out);
                out.push_str("{hashtag|\\#|");
                escape(tag, &mut out);
                out.push('}');
            }
            Kind::Mention { handle } if handle.starts_with("urn:li:") => {
                escape(&text.text[at..mark.start], &mut out);
                out.push_str("@[");
                escape(text.text[mark.start..mark.end].trim_start_matches('@'), &mut out);
                out.push_str("](");
                out.push_str(handle);
                out.push(')');
            }
            _ => continue,
        }
        at = mark.end;
    }
    escape(&text.text[at..], &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str, marks: &[(&str, Kind)]) -> Text {
        let marks = marks.iter().map(|(part, kind)| {
            let start = text.find(part).unwrap();
            Mark { start, end: start + part.len(), kind: kind.clone() }
        });
        Text { text: text.into(), marks: marks.collect() }
    }

    fn link(url: &str) -> Kind {
        Kind::Link { url: url.into() }
    }

    fn ranges(text: &Text) -> Vec<(&str, &Kind)> {
        text.marks.iter().map(|mark| (&text.text[mark.start..mark.end], &mark.kind)).collect()
    }

    #[test]
    fn plain_writes_links_and_mentions_out() {
        let text = marked(
            "See the page, example.org, https://a.example/ and Ann, in bold #rust",
            &[
                ("the page", link("https://example.org/p")),
                ("example.org", link("https://example.org")),
                ("https://a.example/", link("https://a.example/")),
                ("Ann", Kind::Mention { handle: "ann@b.example".into() }),
                ("bold", Kind::Strong),
                ("#rust", Kind::Tag { tag: "rust".into() }),
            ],
        );
        let fitted = Markup::Plain.fit(&text);
        assert_eq!(
            fitted.text,
            "See the page (https://example.org/p), https://example.org, https://a.example/ and @ann@b.example, in bold #rust"
        );
        assert_eq!(
            ranges(&fitted),
            [
                ("https://example.org/p", &link("https://example.org/p")),
                ("https://example.org", &link("https://example.org")),
                ("https://a.example/", &link("https://a.example/")),
                ("@ann@b.example", &Kind::Mention { handle: "ann@b.example".into() }),
                ("#rust", &Kind::Tag { tag: "rust".into() }),
            ]
        );
        assert_eq!(Markup::Plain.fit(&fitted), fitted);
        let links = Markup::Links.fit(&text);
        assert_eq!(links.text, "See the page, example.org, https://a.example/ and @ann@b.example, in bold #rust");
        assert_eq!(ranges(&links)[0], ("the page", &link("https://example.org/p")));
        assert_eq!(links.marks.len(), 5);
        assert_eq!(Markup::Entities.fit(&text), text);
    }

    #[test]
    fn other_schemes() {
        let text = marked("mail or run", &[("mail", link("mailto:a@b.example")), ("run", link("javascript:x()"))]);
        assert_eq!(Markup::Plain.fit(&text).text, "mail (a@b.example) or run");
        assert_eq!(Markup::Links.fit(&text).text, "mail (a@b.example) or run");
        let html = Markup::Html.encode(&text);
        assert_eq!(html, r#"<p><a href="mailto:a@b.example">mail</a> or run</p>"#);
    }

    #[test]
    fn quotes_are_told_apart() {
        let text = marked(
            "a\n\nb #c\nd\n\ne",
            &[("b #c\nd", Kind::Quote), ("#c", Kind::Tag { tag: "c".into() }), ("d", Kind::Strong)],
        );
        let fitted = Markup::Plain.fit(&text);
        assert_eq!(fitted.text, "a\n\n> b #c\n> d\n\ne");
        assert_eq!(ranges(&fitted), [("#c", &Kind::Tag { tag: "c".into() })]);
    }

    #[test]
    fn little_text() {
        let text = marked(
            "Hi Ann Co (a_b) #rust @x",
            &[
                ("Ann Co", Kind::Mention { handle: "urn:li:organization:1".into() }),
                ("#rust", Kind::Tag { tag: "rust".into() }),
            ],
        );
        let text = Markup::LittleText.fit(&text);
        assert_eq!(
            Markup::LittleText.encode(&text),
            r"Hi @[Ann Co](urn:li:organization:1) \(a\_b\) {hashtag|\#|rust} \@x"
        );
    }

    #[test]
    fn utf16() {
        let text = marked("👍 é #tag", &[("é", Kind::Strong), ("#tag", Kind::Tag { tag: "tag".into() })]);
        assert_eq!(text.utf16_ranges(), [(3, 1), (5, 4)]);
    }
}
