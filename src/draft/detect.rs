//! Bare URLs, hashtags and `@{names}` in text that is otherwise finished.

use std::collections::HashSet;
use std::ops::Range;

use linkify::{LinkFinder, LinkKind};

use crate::text::{Kind, Mark, Text};

/// How a mention looks until `plan` has looked the person up: the handle is the name in braces.
pub(crate) fn unresolved(name: &str) -> String {
    format!("{{{name}}}")
}

/// The name in a mention that is not looked up yet.
pub(crate) fn unresolved_name(handle: &str) -> Option<&str> {
    handle.strip_prefix('{')?.strip_suffix('}')
}

/// Marks URLs and hashtags, turns `@{ann}` into the word `ann` with a mention to look up. Nothing is found in code and in
/// links, nor where the person wrote a backslash before it (`escaped`: offsets into the text).
pub(super) fn detect(text: &mut Text, escaped: &HashSet<usize>) {
    let mut taken = Taken::of(text);
    let found: Vec<Mark> = crate::text::detect::draft(&text.text)
        .into_iter()
        // a mention is written `@{ann}`; whom a bare `@ann` means is not known on any other network
        .filter(|mark| matches!(mark.kind, Kind::Link { .. } | Kind::Tag { .. }))
        .filter(|mark| !escaped.contains(&mark.start) && taken.free(text, mark.start..mark.end))
        .collect();
    taken.add(found.iter().map(|mark| mark.start..mark.end));
    let people: Vec<Edit> = names(&text.text)
        .into_iter()
        .filter(|(range, _)| !escaped.contains(&range.start) && taken.free(text, range.clone()))
        .map(|(range, name)| Edit { range, kind: Some(Kind::Mention { handle: unresolved(&name) }), with: name })
        .collect();
    text.marks.extend(found);
    sort(text);
    replace(text, people);
}

/// Where no new mark may lie.
struct Taken {
    /// Code, links and what was found already; sorted, apart.
    closed: Vec<Range<usize>>,
    /// Both ends of all other marks, sorted, with the mark's index.
    ends: Vec<(usize, usize)>,
}

impl Taken {
    fn of(text: &Text) -> Taken {
        let mut taken = Taken { closed: Vec::new(), ends: Vec::new() };
        let mut closed = Vec::new();
        for (index, mark) in text.marks.iter().enumerate() {
            match mark.kind {
                Kind::Code
                | Kind::CodeBlock { .. }
                | Kind::Link { .. }
                | Kind::Mention { .. }
                | Kind::Tag { .. }
                | Kind::Bullet => closed.push(mark.start..mark.end),
                _ => taken.ends.extend([(mark.start, index), (mark.end, index)]),
            }
        }
        taken.add(closed);
        taken.ends.sort_unstable();
        taken
    }

    fn add(&mut self, ranges: impl IntoIterator<Item = Range<usize>>) {
        self.closed.extend(ranges);
        self.closed.sort_unstable_by_key(|range| range.start);
        let mut apart: Vec<Range<usize>> = Vec::with_capacity(self.closed.len());
        for range in self.closed.drain(..) {
            match apart.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => apart.push(range),
            }
        }
        self.closed = apart;
    }

    /// Whether a new mark may lie there: apart from what is closed, and crossing nothing.
    fn free(&self, text: &Text, range: Range<usize>) -> bool {
        let next = self.closed.partition_point(|closed| closed.end <= range.start);
        if self.closed.get(next).is_some_and(|closed| closed.start < range.end) {
            return false;
        }
        let first = self.ends.partition_point(|(at, _)| *at <= range.start);
        self.ends[first..].iter().take_while(|(at, _)| *at < range.end).all(|(_, index)| {
            let mark = &text.marks[*index];
            mark.start >= range.start && mark.end <= range.end
        })
    }
}

/// URLs with a scheme of the web.
pub(super) fn finder() -> LinkFinder {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]).url_must_have_scheme(true);
    finder
}

/// `@{name}`: at most 64 characters on one line, no braces within.
fn names(text: &str) -> Vec<(Range<usize>, String)> {
    text.match_indices("@{")
        .filter_map(|(start, _)| {
            let rest = &text[start + 2..];
            let end = rest.find(['}', '{', '\n']).filter(|end| rest[*end..].starts_with('}'))?;
            let name = rest[..end].trim();
            (!name.is_empty() && name.chars().count() <= 64).then(|| (start..start + 2 + end + 1, name.to_string()))
        })
        .collect()
}

/// Other words for a range; `kind` becomes their mark.
pub(crate) struct Edit {
    pub range: Range<usize>,
    pub with: String,
    pub kind: Option<Kind>,
}

/// Puts other words in the place of ranges (sorted, apart), moves the marks behind them and stretches those around them.
/// Marks inside a range go.
pub(crate) fn replace(text: &mut Text, edits: Vec<Edit>) {
    if edits.is_empty() {
        return;
    }
    let mut words = String::with_capacity(text.text.len());
    let mut new = Vec::new();
    // end of each range in the old text and in the new one
    let mut ends: Vec<(usize, usize, usize)> = Vec::with_capacity(edits.len());
    let mut done = 0;
    for edit in edits {
        words.push_str(&text.text[done..edit.range.start]);
        let start = words.len();
        words.push_str(&edit.with);
        done = edit.range.end;
        ends.push((edit.range.start, edit.range.end, words.len()));
        if let Some(kind) = edit.kind {
            new.push(Mark { start, end: words.len(), kind });
        }
    }
    words.push_str(&text.text[done..]);
    // the last range that ends at or before an offset says how far it moves
    let moved = |at: usize| match ends.partition_point(|(_, end, _)| *end <= at) {
        0 => at,
        n => at - ends[n - 1].1 + ends[n - 1].2,
    };
    let inside = |mark: &Mark| {
        let n = ends.partition_point(|(_, end, _)| *end <= mark.start);
        ends.get(n).is_some_and(|(start, end, _)| mark.start >= *start && mark.end <= *end)
    };
    text.marks.retain(|mark| !inside(mark));
    for mark in &mut text.marks {
        (mark.start, mark.end) = (moved(mark.start), moved(mark.end));
    }
    text.text = words;
    text.marks.append(&mut new);
    sort(text);
}

/// Marks in the order that [`Text`] promises; empty ones go.
pub(crate) fn sort(text: &mut Text) {
    text.marks.retain(|mark| mark.start < mark.end);
    text.marks.sort_by_key(|mark| (mark.start, std::cmp::Reverse(mark.end)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<(String, Kind)> {
        let mut text = Text::plain(source);
        detect(&mut text, &HashSet::new());
        text.marks.iter().map(|m| (text.text[m.start..m.end].to_string(), m.kind.clone())).collect()
    }

    #[test]
    fn tags_are_words_and_not_numbers() {
        let tags = |text| found(text).into_iter().map(|(t, _)| t).collect::<Vec<_>>();
        assert_eq!(tags("#rust, #2024w (#日本語) a#b &#123; #1 C# x/#y #é"), ["#rust", "#2024w", "#日本語", "#é"]);
        assert_eq!(tags("#हिन्दी!"), ["#हिन्दी"]);
    }

    #[test]
    fn urls_are_found_and_hold_no_tag() {
        assert_eq!(
            found("see https://a.example/x#frag. and (http://b.example)"),
            [
                ("https://a.example/x#frag".to_string(), Kind::Link { url: "https://a.example/x#frag".into() }),
                ("http://b.example".to_string(), Kind::Link { url: "http://b.example".into() }),
            ]
        );
        assert!(found("example.org mail@example.org").is_empty());
    }

    #[test]
    fn people_become_names_to_look_up() {
        let mut text = Text::plain("thanks @{ann} and @{Bob B.}! @{} @{x\ny} #tag");
        detect(&mut text, &HashSet::new());
        assert_eq!(text.text, "thanks ann and Bob B.! @{} @{x\ny} #tag");
        let seen: Vec<_> = text.marks.iter().map(|m| &text.text[m.start..m.end]).collect();
        assert_eq!(seen, ["ann", "Bob B.", "#tag"]);
        assert_eq!(text.marks[1].kind, Kind::Mention { handle: "{Bob B.}".into() });
        assert_eq!(unresolved_name("{ann}"), Some("ann"));
        assert_eq!(unresolved_name("ann"), None);
    }

    #[test]
    fn replacing_moves_what_is_behind_and_stretches_what_is_around() {
        let mut text = Text::plain("a bb c");
        text.marks = vec![
            Mark { start: 0, end: 6, kind: Kind::Strong },
            Mark { start: 2, end: 4, kind: Kind::Emphasis },
            Mark { start: 5, end: 6, kind: Kind::Code },
        ];
        let edit = |range, with: &str, kind| Edit { range, with: with.into(), kind };
        replace(&mut text, vec![edit(0..1, "AA", Some(Kind::Strike)), edit(2..4, "xyz", None)]);
        assert_eq!(text.text, "AA xyz c");
        let seen: Vec<_> = text.marks.iter().map(|m| (m.start, m.end, &m.kind)).collect();
        assert_eq!(seen, [(0, 8, &Kind::Strong), (0, 2, &Kind::Strike), (7, 8, &Kind::Code)]);
    }
}
