//! The URLs that X and Mastodon see in a text: the rules of twitter-text 3, and Mastodon's wider paths.
//!
//! Both count each of these URLs with one fixed length. A URL begins where no letter, digit, `@`, `#` or `$` stands
//! before it; its host ends in a top-level domain of IANA's root zone (or `.onion`); its path may hold balanced
//! parentheses two deep and does not end in punctuation. One pass over the text, each host looked at once.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

/// Which dialect of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    /// With and without `http(s)://`.
    X,
    /// Only with `http(s)://`; paths may hold any character but white space, `<`, `>`.
    Mastodon,
}

/// Top-level domains in their own scripts.
static UNICODE_TLDS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    tld::TLD
        .iter()
        .filter(|name| name.starts_with("xn--"))
        .map(|name| idna::domain_to_unicode(name))
        .filter(|(_, result)| result.is_ok())
        .map(|(name, _)| name)
        .collect()
});

/// The longest Unicode top-level domain has 18 characters; ASCII ones (`xn--vermgensberatung-pwb`) are at most 24.
const LONGEST_TLD: usize = 24;

/// Whether this is a top-level domain of IANA's root zone, or `onion`; in any case, in ASCII or its own script.
pub fn is_tld(name: &str) -> bool {
    if name.is_empty() || name.len() > 4 * LONGEST_TLD {
        return false;
    }
    if name.is_ascii() {
        let lower = name.to_ascii_lowercase();
        tld::exist(&lower) || lower == "onion"
    } else {
        UNICODE_TLDS.contains(&name.to_lowercase())
    }
}

fn space(c: char) -> bool {
    c.is_whitespace() || c == '\u{180e}'
}

/// Characters that never stand in a text of X.
fn invalid(c: char) -> bool {
    matches!(c, '\u{fffe}' | '\u{feff}' | '\u{ffff}')
}

fn domain_char(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || matches!(c, '"' | '`') || (c.is_ascii_control() && !space(c));
    }
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !space(c) && !invalid(c) && !turns
}

fn host_char(c: char) -> bool {
    matches!(c, '.' | '-' | '_') || domain_char(c)
}

/// Latin letters with accents, as far as twitter-text knows them.
fn latin_accent(c: char) -> bool {
    matches!(c,
        '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{24f}' | '\u{253}' | '\u{254}' | '\u{256}' | '\u{257}'
        | '\u{259}' | '\u{25b}' | '\u{263}' | '\u{268}' | '\u{26f}' | '\u{272}' | '\u{289}' | '\u{28b}' | '\u{2bb}'
        | '\u{300}'..='\u{36f}' | '\u{1e00}'..='\u{1eff}')
}

impl Rules {
    fn path(self, c: char) -> bool {
        match self {
            Rules::X => {
                c.is_ascii_alphanumeric()
                    || "!*';:=+,.$/%#[]-–_~@|&".contains(c)
                    || matches!(c, '\u{400}'..='\u{4ff}')
                    || latin_accent(c)
            }
            Rules::Mastodon => !c.is_whitespace() && !matches!(c, '<' | '>' | '(' | ')' | '?'),
        }
    }

    fn path_end(self, c: char) -> bool {
        match self {
            Rules::X => {
                c.is_ascii_alphanumeric()
                    || "+-=_#/".contains(c)
                    || matches!(c, '\u{400}'..='\u{4ff}')
                    || latin_accent(c)
            }
            Rules::Mastodon => self.path(c) && !"!*\"'「」;:=,.$%[]~&|@".contains(c),
        }
    }

    fn query(self, c: char) -> bool {
        c.is_ascii_alphanumeric()
            || "!?*'@();:&=+$/%#[]-_.,~|".contains(c)
            || (self == Rules::Mastodon && (c == '^' || c >= '\u{a0}') && !c.is_whitespace())
    }

    fn query_end(self, c: char) -> bool {
        c.is_ascii_alphanumeric()
            || "-_&=#/".contains(c)
            || (self == Rules::Mastodon && c >= '\u{a0}' && !c.is_whitespace())
    }
}

/// Where the URLs are, in bytes, in order, not overlapping.
pub(crate) fn urls(text: &str, rules: Rules) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if rules == Rules::Mastodon && !text.contains("://") || !text.contains('.') {
        return found;
    }
    let mut at = 0;
    // End of the last match: what stands before the next one must lie behind it.
    let mut floor = 0;
    while let Some(run) = next_run(text, at) {
        at = host_run(text, run, rules, &mut floor, &mut found);
    }
    found
}

/// The next run of characters that hosts are made of with a dot in it.
fn next_run(text: &str, from: usize) -> Option<Range<usize>> {
    let dot = from + text[from..].find('.')?;
    let start = text[from..dot].char_indices().rev().take_while(|(_, c)| host_char(*c)).last();
    let end = text[dot..].find(|c| !host_char(c)).map_or(text.len(), |length| dot + length);
    Some(start.map_or(dot, |(at, _)| from + at)..end)
}

/// One label of a run: the part between two dots.
struct Label {
    start: usize,
    end: usize,
    /// May stand before the name: begins (when it does not start the host) and ends with a domain character.
    sub: bool,
    /// The same for the name itself, which holds no `_`.
    name: bool,
    /// End of the top-level domain that this label begins with.
    tld: Option<usize>,
}

/// Looks for hosts in one run, adds their URLs, and gives the place to go on from.
fn host_run(text: &str, run: Range<usize>, rules: Rules, floor: &mut usize, found: &mut Vec<Range<usize>>) -> usize {
    let scheme = scheme_before(text, run.start, *floor);
    if rules == Rules::Mastodon && scheme.is_none() {
        return run.end;
    }
    let mut labels = Vec::new();
    let mut start = run.start;
    for part in text[run.clone()].split('.') {
        let end = start + part.len();
        let ends_well = part.chars().next_back().is_some_and(domain_char);
        let whole = ends_well && part.chars().next().is_some_and(domain_char);
        labels.push(Label {
            start,
            end,
            sub: whole,
            name: whole && !part.contains('_'),
            tld: if start > run.start { tld_prefix(text, start, end) } else { None },
        });
        start = end + 1;
    }
    if labels.iter().all(|label| label.tld.is_none()) {
        return run.end;
    }
    // For each label: the last label that can be the top-level domain of a host in which this one stands whole, at any place.
    let mut reach: Vec<Option<usize>> = vec![None; labels.len() + 1];
    for i in (0..labels.len()).rev() {
        let through = if labels[i].sub && i + 1 < labels.len() { reach[i + 1] } else { None };
        let direct = labels[i].name && labels.get(i + 1).is_some_and(|next| next.tld.is_some());
        reach[i] = through.or(direct.then_some(i + 1));
    }
    let mut j = 0;
    while j < labels.len() {
        let Some((host, last)) = first_host(text, &labels, j, &reach, *floor, scheme.is_some()) else {
            j += 1;
            continue;
        };
        let host_end = labels[last].tld.unwrap_or(labels[last].end);
        let scheme = scheme.filter(|_| host == run.start);
        let end = tail(text, host_end, rules);
        if encodes(&text[host..host_end]) && end - host <= 4088 {
            match scheme {
                Some(scheme) => found.extend(with_scheme(text, scheme..end, rules)),
                None if rules == Rules::X && !text[..host].ends_with(['-', '_', '.', '/']) => {
                    bare(text, host..host_end, end, found);
                }
                None => {}
            }
        }
        *floor = end;
        if end > run.end {
            return end;
        }
        // A label that is only half used may begin the next host.
        while j < labels.len() && labels[j].end <= end {
            j += 1;
        }
    }
    run.end
}

/// The leftmost host that starts in label `j` behind `floor`: its start and the index of its top-level domain.
fn first_host(
    text: &str,
    labels: &[Label],
    j: usize,
    reach: &[Option<usize>],
    floor: usize,
    scheme: bool,
) -> Option<(usize, usize)> {
    let label = &labels[j];
    let part = &text[label.start..label.end];
    if !part.chars().next_back().is_some_and(domain_char) {
        return None;
    }
    let far = reach[j + 1];
    let near = labels.get(j + 1).is_some_and(|next| next.tld.is_some());
    let least = match (far, near) {
        (Some(_), _) => label.start,
        // The name itself holds no `_`: it may start behind the last one.
        (None, true) => label.start + part.rfind('_').map_or(0, |at| at + 1),
        (None, false) => return None,
    };
    let behind_scheme = j == 0 && scheme && floor <= label.start;
    let start = text[label.start..label.end]
        .char_indices()
        .map(|(at, c)| (label.start + at, c))
        .find(|&(at, c)| {
            at >= floor.max(least)
                && domain_char(c)
                && ((at == label.start && behind_scheme) || may_precede(text, at, floor))
        })?
        .0;
    Some((start, far.unwrap_or(j + 1)))
}

/// Whether a URL may begin here: at the start of the text, or behind a character that no other URL has taken.
fn may_precede(text: &str, at: usize, floor: usize) -> bool {
    at == 0
        || text[floor.min(at)..at]
            .chars()
            .next_back()
            .is_some_and(|c| !c.is_ascii_alphanumeric() && !matches!(c, '@' | '＠' | '$' | '#' | '＃') && !invalid(c))
}

/// Start of `http://` or `https://` that ends here, if something that may stand before a URL stands before it.
fn scheme_before(text: &str, end: usize, floor: usize) -> Option<usize> {
    let before = &text.as_bytes()[..end];
    ["https://", "http://"]
        .iter()
        .filter(|scheme| before.len() >= scheme.len())
        .map(|scheme| (before.len() - scheme.len(), scheme))
        .find(|(at, scheme)| before[*at..].eq_ignore_ascii_case(scheme.as_bytes()))
        .map(|(at, _)| at)
        .filter(|&at| may_precede(text, at, floor))
}

/// The end of the longest top-level domain that the label begins with, if what follows does not belong to the same word.
fn tld_prefix(text: &str, start: usize, end: usize) -> Option<usize> {
    let follows = |at: usize| {
        !text[at..].chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '@' | '+' | '-'))
    };
    let label = &text[start..end];
    if label.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("xn--")) {
        let length = label.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'-').count();
        return (length > 4).then_some(start + length);
    }
    if label.is_ascii() {
        // Nothing but the whole word can be one.
        let word = start + label.bytes().take_while(u8::is_ascii_alphanumeric).count();
        return (follows(word) && is_tld(&text[start..word])).then_some(word);
    }
    let ends = label.char_indices().map(|(at, c)| start + at + c.len_utf8()).take(LONGEST_TLD);
    let ends: Vec<usize> = ends.filter(|&at| follows(at)).collect();
    ends.into_iter().rev().find(|&at| is_tld(&text[start..at]))
}

/// Whether the host can be looked up at all: labels of at most 63 bytes in ASCII, valid Punycode.
fn encodes(host: &str) -> bool {
    if host.is_ascii() && !host.to_ascii_lowercase().contains("xn--") {
        return host.len() <= 253 && host.split('.').all(|label| label.len() <= 63);
    }
    host.len() <= 1024
        && idna::domain_to_ascii(host)
            .is_ok_and(|host| host.len() <= 253 && host.split('.').all(|label| label.len() <= 63))
}

/// The end of port, path and query behind a host.
fn tail(text: &str, host_end: usize, rules: Rules) -> usize {
    let mut at = host_end;
    if let Some(port) = text[at..].strip_prefix(':') {
        let digits = port.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            at += 1 + digits;
        }
    }
    if text[at..].starts_with('/') {
        at = path(text, at + 1, rules);
    }
    if text[at..].starts_with('?') {
        let query = text[at + 1..].char_indices().take_while(|(_, c)| rules.query(*c));
        if let Some((last, c)) = query.filter(|(_, c)| rules.query_end(*c)).last() {
            at += 1 + last + c.len_utf8();
        }
    }
    at
}

/// The end of a path whose slash ends at `start`.
fn path(text: &str, start: usize, rules: Rules) -> usize {
    let mut end = start;
    let mut at = start;
    while let Some(c) = text[at..].chars().next() {
        if c == '(' {
            let Some(close) = parens(text, at, rules) else { break };
            (at, end) = (close, close);
        } else if rules.path(c) {
            at += c.len_utf8();
            if rules.path_end(c) {
                end = at;
            }
        } else {
            break;
        }
    }
    end
}

/// The end of balanced parentheses, at most two deep, never empty.
fn parens(text: &str, open: usize, rules: Rules) -> Option<usize> {
    let run = |from: usize| {
        text[from..].char_indices().find(|(_, c)| !rules.path(*c)).map_or(text.len(), |(length, _)| from + length)
    };
    let mut at = run(open + 1);
    let mut some = at > open + 1;
    if text[at..].starts_with('(') {
        let inner = run(at + 1);
        if inner == at + 1 || !text[inner..].starts_with(')') {
            return None;
        }
        at = run(inner + 1);
        some = true;
    }
    (some && text[at..].starts_with(')')).then_some(at + 1)
}

/// A URL with its scheme; a `t.co` address ends with its slug.
fn with_scheme(text: &str, range: Range<usize>, rules: Rules) -> Option<Range<usize>> {
    let url = &text[range.clone()];
    let host = url.find("://").map_or(0, |at| at + 3);
    let slug = match url.get(host..host + 5) {
        Some(head) if rules == Rules::X && head.eq_ignore_ascii_case("t.co/") => host + 5,
        _ => return Some(range),
    };
    let length = url[slug..].bytes().take_while(u8::is_ascii_alphanumeric).count();
    match length {
        0 => Some(range),
        1..=40 => {
            let mut end = range.start + slug + length;
            if text[end..].starts_with('?') {
                end = tail(text, end, rules);
            }
            Some(range.start..end)
        }
        _ => None,
    }
}

/// Without a scheme only the parts of the host count whose labels are written in ASCII or accented Latin letters; the last
/// one takes the path.
fn bare(text: &str, host: Range<usize>, end: usize, found: &mut Vec<Range<usize>>) {
    let label_char = |c: char| c.is_ascii_alphanumeric() || c == '-' || latin_accent(c);
    let mut last = None;
    let mut at = host.start;
    while at < host.end {
        let start = match text[at..host.end].find(label_char) {
            Some(offset) => at + offset,
            None => break,
        };
        // Labels of this piece, and the last of them that can be its top-level domain.
        let mut tld = None;
        let mut label = start;
        loop {
            let stop = text[label..host.end].find(|c| !label_char(c)).map_or(host.end, |offset| label + offset);
            if stop == label || stop >= host.end || !text[stop..].starts_with('.') {
                at = stop.max(start + 1);
                break;
            }
            label = stop + 1;
            let next = text[label..host.end].find('.').map_or(host.end, |offset| label + offset);
            tld = tld_prefix(text, label, next).or(tld);
        }
        while !text.is_char_boundary(at) {
            at += 1;
        }
        if let Some(stop) = tld {
            found.push(start..stop);
            last = Some(found.len() - 1);
            at = at.max(stop);
        }
    }
    if let Some(last) = last
        && found[last].end == host.end
    {
        found[last].end = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, rules: Rules) -> Vec<&str> {
        urls(text, rules).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn x_takes_bare_domains_mastodon_does_not() {
        let text = "see example.com/a, (https://example.org/b_(c)) and https://localhost/x";
        assert_eq!(of(text, Rules::X), ["example.com/a", "https://example.org/b_(c)"]);
        assert_eq!(of(text, Rules::Mastodon), ["https://example.org/b_(c)"]);
    }

    #[test]
    fn paths_of_mastodon_are_wider() {
        let text = "https://example.org/日本語?x=é.";
        assert_eq!(of(text, Rules::Mastodon), ["https://example.org/日本語?x=é"]);
        assert_eq!(of(text, Rules::X), ["https://example.org/"]);
    }

    #[test]
    fn ends_before_punctuation() {
        for (text, url) in [
            ("https://example.org.", "https://example.org"),
            ("https://example.org/a.", "https://example.org/a"),
            ("https://example.org:8080/a!", "https://example.org:8080/a"),
            ("https://example.org/a?", "https://example.org/a"),
            ("\"https://example.org/\"", "https://example.org/"),
            ("https://example.org/()", "https://example.org/"),
        ] {
            assert_eq!(of(text, Rules::X), [url], "{text}");
        }
    }

    #[test]
    fn top_level_domains() {
        assert!(is_tld("com") && is_tld("ORG") && is_tld("みんな") && is_tld("xn--q9jyb4c") && is_tld("onion"));
        assert!(!is_tld("") && !is_tld("jpg") && !is_tld("test") && !is_tld("みん"));
        assert!(UNICODE_TLDS.iter().all(|name| name.chars().count() <= LONGEST_TLD));
    }

    #[test]
    fn long_runs_are_looked_at_once() {
        let start = std::time::Instant::now();
        let text = "漢".repeat(50_000) + "." + &"字.".repeat(50_000) + &"a.b-".repeat(50_000);
        urls(&text, Rules::X);
        urls(&"http://a.com(".repeat(20_000), Rules::X);
        urls(&"a.com/((((".repeat(20_000), Rules::X);
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    }
}
