//! One long text to several that fit.

use std::ops::Range;

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use super::{Kind, Text, detect};

/// A piece that cannot be made small enough without cutting what must not be cut (a URL, a mention, a tag, a cluster).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLong {
    /// The piece, shortened for a message.
    pub piece: String,
}

/// In bytes; longer runs without a break are cut between clusters right away.
const LONGEST_WORD: usize = 16 * 1024;

/// Splits at the largest break that fits: paragraph, line, sentence, word, and only then between clusters. Nothing is lost but
/// the white space at the cut; no URL, mention, tag or grapheme cluster is cut. `fits` is asked of each candidate with its index.
///
/// A larger break is taken only if it fills at least a third of what would fit, so that no piece is a greeting alone. A
/// code span is cut only if it does not fit as a whole, and inside a code block the indentation behind a cut is kept.
/// `fits` should not say yes to a longer text where it said no to a shorter one; if it does, pieces may be shorter than
/// they could be, but each has passed.
///
/// # Errors
/// [`TooLong`] where one unbreakable piece alone does not fit.
pub fn split(text: &Text, fits: &dyn Fn(usize, &Text) -> bool) -> Result<Vec<Text>, TooLong> {
    if fits(0, text) {
        return Ok(vec![text.clone()]);
    }
    let breaks = Breaks::of(text);
    let mut pieces: Vec<Text> = Vec::new();
    let mut start = 0;
    // How many bytes went into the piece before: the next one is probably as long.
    let mut usual = 64;
    while start < text.text.len() && !(start > 0 && text.text[start..].trim().is_empty()) {
        let index = pieces.len();
        let first = breaks.all.partition_point(|found| found.end <= start);
        let piece = |end: usize| text.slice(start, end);
        let fitting = |end: usize| fits(index, &piece(end));
        // A word as long as a book is not asked for as a whole, again for each piece of it.
        let word = breaks.all[first].end - start <= LONGEST_WORD;
        let cut = match word.then(|| breaks.longest(first, start + usual, &fitting)).flatten() {
            Some(furthest) => {
                usual = breaks.all[furthest].end - start;
                breaks.choose(start, first, furthest, &fitting)
            }
            None => breaks.inside(text, start, first, &fitting)?,
        };
        pieces.push(piece(cut.end));
        start = cut.next;
    }
    if pieces.is_empty() { Err(too_long(&text.text)) } else { Ok(pieces) }
}

/// Cuts at the last word that fits, with `…`, and keeps `tail` (a link) whole behind an empty line; a text that ends with
/// the tail is not given it twice. A text that fits with its tail is not cut. `None` where not even one cluster, the
/// `…` and the tail fit together.
pub fn truncate(text: &Text, tail: &Text, fits: &dyn Fn(&Text) -> bool) -> Option<Text> {
    let trimmed = text.text.trim_end();
    let tail = if tail.text.trim().is_empty() { Text::default() } else { tail.trim() };
    let body = match trimmed.strip_suffix(tail.text.as_str()) {
        Some(body) if !tail.is_empty() && !body.ends_with(|c: char| !c.is_whitespace()) => {
            if fits(text) {
                return Some(text.clone());
            }
            text.slice(0, body.trim_end().len())
        }
        _ => {
            let mut whole = text.clone();
            whole.paragraph(&tail);
            if fits(&whole) {
                return Some(whole);
            }
            text.clone()
        }
    };
    let breaks = Breaks::of(&body);
    let cut = |end: usize| {
        let bare = body.text[..end].trim_end_matches([',', ';', ':', '-', '–', '—', ' ']);
        let end = if bare.is_empty() || breaks.protects(bare.len()) { end } else { bare.len() };
        let mut cut = body.slice(0, end);
        cut.text.push('…');
        cut.paragraph(&tail);
        cut
    };
    let end = match breaks.longest(0, 64, &|end| fits(&cut(end))) {
        // The last break is the end of the text; where it "fits" the white space behind it did not.
        Some(furthest) => breaks.all[furthest].end,
        None => breaks.inside(&body, 0, 0, &|end| fits(&cut(end))).ok()?.end,
    };
    Some(cut(end))
}

fn too_long(piece: &str) -> TooLong {
    let mut short: String = piece.chars().take(40).collect();
    if short.len() < piece.len() {
        short.push('…');
    }
    TooLong { piece: short }
}

/// How good a place is to cut at; a later one is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// Inside of a code span.
    Code,
    Word,
    Sentence,
    Line,
    Paragraph,
    /// The end of the text.
    End,
}

/// A place to cut at: what is left of it ends at `end`, what is right of it begins at `next`.
#[derive(Debug, Clone, Copy)]
struct Break {
    end: usize,
    next: usize,
    level: Level,
}

struct Breaks {
    /// By place; the last is the end of the text.
    all: Vec<Break>,
    /// What is never cut, by place, not overlapping.
    whole: Vec<Range<usize>>,
}

impl Breaks {
    fn of(text: &Text) -> Breaks {
        let whole = whole(text);
        let code = ranges(text, |kind| matches!(kind, Kind::Code));
        let block = ranges(text, |kind| matches!(kind, Kind::CodeBlock { .. }));
        let mut all = Vec::new();
        let s = text.text.as_str();
        let mut at = 0;
        while let Some(found) = next_place(s, at) {
            at = found.next.max(found.end + 1);
            while !s.is_char_boundary(at) {
                at += 1;
            }
            let Break { mut end, mut next, mut level } = found;
            if within(&block, end) {
                // A block is cut between its lines, and the indentation of the next one stays.
                if let Some(line) = s[end..next].rfind('\n') {
                    next = end + line + 1;
                    level = Level::Sentence;
                } else {
                    level = Level::Code;
                }
            } else if within(&code, end) {
                level = Level::Code;
            }
            // White space that belongs to a link stays with it.
            if let Some(range) = held(&whole, end) {
                end = range.end;
            }
            if let Some(range) = held(&whole, next) {
                next = range.start;
            }
            if end > 0 && end <= next && next < s.len() && boundary(s, end) && boundary(s, next) {
                all.push(Break { end, next, level });
            }
        }
        let end = s.len();
        all.push(Break { end, next: end, level: Level::End });
        Breaks { all, whole }
    }

    /// The index of the last break, from `first` on, that `fits`; it is probably near the place `guess`.
    fn longest(&self, first: usize, guess: usize, fits: &dyn Fn(usize) -> bool) -> Option<usize> {
        let fits = |index: usize| fits(self.all[index].end);
        let last = self.all.len() - 1;
        // `good` fits, `bad` does not; both grow outwards from the guess.
        let near = self.all.partition_point(|found| found.end <= guess).saturating_sub(1);
        let probe = near.clamp(first, last);
        let (mut good, mut bad) = (None, last + 1);
        let mut step = 1;
        if fits(probe) {
            good = Some(probe);
            let mut at = probe;
            while at < last {
                at = (at + step).min(last);
                step *= 2;
                if !fits(at) {
                    bad = at;
                    break;
                }
                good = Some(at);
            }
        } else {
            bad = probe;
            let mut at = probe;
            while at > first {
                at = at.saturating_sub(step).max(first);
                step *= 2;
                if fits(at) {
                    good = Some(at);
                    break;
                }
                bad = at;
            }
        }
        let mut good = good?;
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            if fits(middle) { good = middle } else { bad = middle }
        }
        Some(good)
    }

    /// The best break of those from `first` to `furthest`, which all should fit.
    fn choose(&self, start: usize, first: usize, furthest: usize, fits: &dyn Fn(usize) -> bool) -> Break {
        let most = self.all[furthest];
        if most.level == Level::End {
            return most;
        }
        for level in [Level::Paragraph, Level::Line, Level::Sentence, Level::Word] {
            let enough = |found: &&Break| level == Level::Word || (found.end - start) * 3 >= most.end - start;
            let best = self.all[first..=furthest].iter().rev().take_while(enough).find(|found| found.level >= level);
            if let Some(best) = best
                && (best.end == most.end || fits(best.end))
            {
                return *best;
            }
        }
        most
    }

    /// A cut in the middle of the word that begins at `start`: the last word bound (of scripts without spaces) or cluster.
    fn inside(&self, text: &Text, start: usize, first: usize, fits: &dyn Fn(usize) -> bool) -> Result<Break, TooLong> {
        let unit = &text.text[start..self.all[first].end];
        let places = |most: usize| -> Vec<usize> {
            unit.grapheme_indices(true)
                .map(|(at, cluster)| start + at + cluster.len())
                .filter(|&at| !self.protects(at))
                .take(most)
                .collect()
        };
        let mut most = 256;
        let mut found = places(most);
        while found.len() == most && found.last().is_some_and(|&end| fits(end)) {
            most *= 2;
            found = places(most);
        }
        let (mut good, mut bad) = (0, found.len());
        while good < bad {
            let middle = good + (bad - good) / 2;
            if fits(found[middle]) { good = middle + 1 } else { bad = middle }
        }
        let Some(end) = good.checked_sub(1).map(|last| found[last]) else {
            let shown = found.first().map_or(unit, |&end| &text.text[start..end]);
            return Err(too_long(shown));
        };
        let word = text.text[start..end + char_at(&text.text, end)]
            .split_word_bound_indices()
            .map(|(at, _)| start + at)
            .rfind(|at| found.binary_search(at).is_ok() && *at <= end)
            .filter(|at| (at - start) * 2 >= end - start && fits(*at));
        let end = word.unwrap_or(end);
        Ok(Break { end, next: end, level: Level::Code })
    }

    /// Whether a cut here would go through what is never cut.
    fn protects(&self, at: usize) -> bool {
        within(&self.whole, at)
    }
}

/// Length of the character at a place.
fn char_at(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(0, char::len_utf8)
}

/// Links, mentions, tags, the prefix of an item, and addresses that nobody marked.
fn whole(text: &Text) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = text
        .marks
        .iter()
        .filter(|mark| matches!(mark.kind, Kind::Link { .. } | Kind::Mention { .. } | Kind::Tag { .. } | Kind::Bullet))
        .map(|mark| mark.start..mark.end)
        .collect();
    found.extend(detect::draft(&text.text).into_iter().map(|mark| mark.start..mark.end));
    found.sort_unstable_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for range in found {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn ranges(text: &Text, wanted: impl Fn(&Kind) -> bool) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> =
        text.marks.iter().filter(|mark| wanted(&mark.kind)).map(|mark| mark.start..mark.end).collect();
    found.sort_unstable_by_key(|range| range.start);
    found
}

/// The range that holds a place, not at its edge. They are sorted and do not overlap.
fn held(ranges: &[Range<usize>], at: usize) -> Option<&Range<usize>> {
    let next = ranges.partition_point(|range| range.end <= at);
    ranges.get(next).filter(|range| range.start < at)
}

fn within(ranges: &[Range<usize>], at: usize) -> bool {
    held(ranges, at).is_some()
}

/// Whether a cluster ends here.
fn boundary(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    if at == 0 || at >= bytes.len() || (bytes[at - 1].is_ascii() && bytes[at].is_ascii()) {
        return at == 0 || at >= bytes.len() || (bytes[at - 1], bytes[at]) != (b'\r', b'\n');
    }
    // With the whole text at hand the cursor never asks for more.
    GraphemeCursor::new(at, text.len(), true).is_boundary(text, 0).unwrap_or(false)
}

/// The next white space, or the next place behind the punctuation of a script without spaces.
fn next_place(text: &str, from: usize) -> Option<Break> {
    for (at, c) in text[from..].char_indices() {
        let at = from + at;
        if c.is_whitespace() {
            let rest = &text[at..];
            let next = at + (rest.len() - rest.trim_start().len());
            let level = match text[at..next].matches(['\n', '\u{2028}', '\u{2029}']).count() {
                0 if ends_sentence(&text[..at], &text[next..]) => Level::Sentence,
                0 if glued(&text[at..next]) => continue,
                0 => Level::Word,
                1 => Level::Line,
                _ => Level::Paragraph,
            };
            return Some(Break { end: at, next, level });
        }
        if c < '\u{3000}' {
            continue;
        }
        let level = match c {
            '。' | '！' | '？' | '｡' => Level::Sentence,
            '、' | '，' | '；' | '：' => Level::Word,
            _ => continue,
        };
        let next = at + c.len_utf8();
        let follows = text[next..].chars().next();
        if follows.is_some_and(|c| !c.is_whitespace() && !"。！？｡、，；：」』）】》〉”’".contains(c))
        {
            return Some(Break { end: next, next, level });
        }
    }
    None
}

/// White space that holds words together.
fn glued(space: &str) -> bool {
    space.chars().all(|c| matches!(c, '\u{a0}' | '\u{202f}' | '\u{2007}'))
}

/// Whether a sentence ends between the two: not behind an abbreviation, an initial, or before a small letter.
fn ends_sentence(before: &str, after: &str) -> bool {
    let core = before.trim_end_matches(['"', '\'', ')', ']', '»', '”', '’', '*']);
    let Some(last) = core.chars().next_back() else { return false };
    match last {
        '!' | '?' | '…' | '。' | '！' | '？' => !after.starts_with(char::is_lowercase),
        '.' => {
            let word = core[..core.len() - 1].rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or("");
            let short =
                ["mr", "mrs", "ms", "dr", "prof", "st", "no", "nr", "vs", "etc", "ca", "bzw", "fig", "approx", "inc"];
            let known = word.chars().count() < 2
                || (word.contains('.') && word.len() < 6)
                || short.iter().any(|known| word.eq_ignore_ascii_case(known));
            !known && !after.starts_with(char::is_lowercase)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Mark, Unit};
    use super::*;

    fn shown(text: &Text, most: usize) -> Vec<String> {
        split(text, &|_, piece| Unit::Graphemes.count(&piece.text) <= most)
            .unwrap()
            .into_iter()
            .map(|piece| piece.text)
            .collect()
    }

    fn plain(text: &str, most: usize) -> Vec<String> {
        shown(&Text::plain(text), most)
    }

    #[test]
    fn takes_the_largest_break_that_fits() {
        assert_eq!(plain("one two", 10), ["one two"]);
        assert_eq!(plain("one two three", 10), ["one two", "three"]);
        assert_eq!(plain("one two.\n\nthree four", 16), ["one two.", "three four"]);
        assert_eq!(plain("one two\nthree four", 16), ["one two", "three four"]);
        assert_eq!(plain("One two. Three four", 15), ["One two.", "Three four"]);
        assert_eq!(plain("abcdefghij", 4), ["abcd", "efgh", "ij"]);
    }

    #[test]
    fn no_piece_is_a_greeting_alone() {
        let text = "Hi.\n\nThis paragraph is rather long and has to be cut somewhere in its middle anyway";
        assert_eq!(plain(text, 50)[0], "Hi.\n\nThis paragraph is rather long and has to be");
    }

    #[test]
    fn sentences_do_not_end_at_abbreviations() {
        assert_eq!(
            plain("Mr. Smith met Dr. Jones today. Then he left", 34),
            ["Mr. Smith met Dr. Jones today.", "Then he left"]
        );
        assert_eq!(plain("We use, e.g. Rust and some C", 20), ["We use, e.g. Rust", "and some C"]);
    }

    #[test]
    fn addresses_are_not_cut() {
        let url = "https://example.org/a/long/path";
        assert_eq!(plain(&format!("see {url} now"), 35), [format!("see {url}"), "now".to_string()]);
        assert_eq!(plain(&format!("see({url})now"), 31), ["see(", url, ")now"]);
        let all = |_: usize, piece: &Text| piece.text.len() <= 10;
        assert_eq!(split(&Text::plain(url), &all), Err(TooLong { piece: url.to_string() }));
        assert_eq!(split(&Text::plain("@ann@example.org"), &all).unwrap_err().piece, "@ann@example.org");
    }

    #[test]
    fn clusters_are_not_cut() {
        let family = "👨‍👩‍👧";
        assert_eq!(plain(&family.repeat(3), 2), [family.repeat(2), family.to_string()]);
        let bytes = |_: usize, piece: &Text| piece.text.len() <= 20;
        assert_eq!(split(&Text::plain(family.repeat(2)), &bytes).unwrap().len(), 2);
        let few = |_: usize, piece: &Text| piece.text.len() <= 10;
        assert_eq!(split(&Text::plain(family), &few).unwrap_err().piece, family);
        // A mark on a space: the two are one cluster, nothing is lost.
        assert_eq!(plain("ab \u{301}cd", 4), ["ab \u{301}", "cd"]);
    }

    #[test]
    fn scripts_without_spaces_are_cut_at_punctuation_and_words() {
        assert_eq!(plain("今日は晴れです。明日は雨です。", 10), ["今日は晴れです。", "明日は雨です。"]);
        assert_eq!(plain("abcabc漢字漢字", 7), ["abcabc漢", "字漢字"]);
    }

    #[test]
    fn marks_are_carried_over() {
        let text = Text { text: "one two three".into(), marks: vec![Mark { start: 4, end: 13, kind: Kind::Strong }] };
        let pieces = split(&text, &|_, piece| piece.text.len() <= 7).unwrap();
        assert_eq!(pieces[0].marks, [Mark { start: 4, end: 7, kind: Kind::Strong }]);
        assert_eq!(pieces[1].marks, [Mark { start: 0, end: 5, kind: Kind::Strong }]);
    }

    #[test]
    fn labels_and_code_stay_whole() {
        let link = Kind::Link { url: "https://example.org".into() };
        for kind in [link, Kind::Code] {
            let text = Text { text: "go to the page now".into(), marks: vec![Mark { start: 6, end: 14, kind }] };
            assert_eq!(shown(&text, 12), ["go to", "the page now"]);
        }
    }

    #[test]
    fn code_blocks_keep_their_indentation() {
        let code = "if a {\n    b();\n}";
        let marks = vec![Mark { start: 0, end: code.len(), kind: Kind::CodeBlock { lang: None } }];
        assert_eq!(shown(&Text { text: code.into(), marks }, 10), ["if a {", "    b();\n}"]);
    }

    #[test]
    fn room_for_a_number_can_be_reserved() {
        let pieces =
            split(&Text::plain("a b c d e f"), &|index, piece| piece.text.len() <= 5 - 2 * index.min(1)).unwrap();
        let pieces: Vec<&str> = pieces.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(pieces, ["a b c", "d e", "f"]);
    }

    #[test]
    fn few_candidates_are_asked_for() {
        let words = "Some words of a usual length, and then a few more of them. ".repeat(90);
        let (asked, bytes) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
        let fits = |_: usize, piece: &Text| {
            asked.set(asked.get() + 1);
            bytes.set(bytes.get() + piece.text.len());
            piece.text.len() <= 300
        };
        let pieces = split(&Text::plain(words.as_str()), &fits).unwrap();
        assert!(pieces.len() > 17);
        assert!(asked.get() <= 7 * pieces.len(), "{} for {}", asked.get(), pieces.len());
        // Beside the first one, which is the whole text.
        assert!(bytes.get() - words.len() <= 8 * words.len(), "{} for {}", bytes.get(), words.len());
    }

    #[test]
    fn truncates_at_a_word_and_keeps_the_tail() {
        let tail = Text::plain("https://example.org");
        let at = |most: usize| move |text: &Text| text.text.chars().count() <= most;
        let cut = |text: &str, most| truncate(&Text::plain(text), &tail, &at(most)).map(|text| text.text);
        assert_eq!(cut("one two three", 40).unwrap(), "one two three\n\nhttps://example.org");
        assert_eq!(cut("one, two three", 30).unwrap(), "one, two…\n\nhttps://example.org");
        assert_eq!(cut("one, two three", 25).unwrap(), "one…\n\nhttps://example.org");
        assert_eq!(cut("one two three https://example.org", 30).unwrap(), "one two…\n\nhttps://example.org");
        assert_eq!(cut("one two https://example.org", 30).unwrap(), "one two https://example.org");
        assert_eq!(cut("abcdefghij", 25).unwrap(), "abc…\n\nhttps://example.org");
        assert_eq!(cut("abc", 20), None);
        let alone = truncate(&Text::plain("one two three"), &Text::default(), &at(9)).unwrap();
        assert_eq!(alone.text, "one two…");
    }
}
