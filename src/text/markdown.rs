//! Markdown: CommonMark that reads back as the same text, and Discord's dialect.
//!
//! What a person wrote is escaped only where it could be taken for markup, so that most texts stay as they are.

use std::collections::BTreeMap;
use std::ops::Range;

use super::blocks::{Block, Event, Inline, bare, blocks, safe};
use super::chars::{markdown_punctuation, punctuation};
use super::{Kind, Mark, Text, detect};

/// CommonMark with strikethrough: line feeds as hard breaks, bare addresses in `<…>`.
pub(super) fn commonmark(text: &Text) -> String {
    write(text, Dialect::CommonMark)
}

/// Discord: masked links as `[label](<address>)`, bare addresses as they are, and nothing that pings a crowd.
/// Source: support.discord.com, "Markdown text 101"; discord.com/developers, message formatting, 2026-11.
pub(super) fn discord(text: &Text) -> String {
    write(text, Dialect::Discord)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    CommonMark,
    Discord,
}

fn write(text: &Text, dialect: Dialect) -> String {
    let text = prepared(text);
    let edges = edges(&text);
    let writer = Writer { text: &text.text, inline: Inline::of(&text), edges, dialect };
    writer.blocks(&blocks(&text))
}

/// With addresses marked as links, and emphasis that does not begin or end with white space; neighbours of one kind joined.
fn prepared(text: &Text) -> Text {
    let mut ready = text.clone();
    ready.mark(detect::links(&text.text));
    let flat = |kind: &Kind| matches!(kind, Kind::Strong | Kind::Emphasis | Kind::Strike);
    let mut marks: Vec<Mark> = Vec::with_capacity(ready.marks.len());
    for mut mark in std::mem::take(&mut ready.marks) {
        if flat(&mark.kind) {
            let inner = &text.text[mark.start..mark.end];
            mark.end -= inner.len() - inner.trim_end().len();
            mark.start = mark.end.min(mark.start + (inner.len() - inner.trim_start().len()));
        }
        if mark.start == mark.end {
            continue;
        }
        let joins = flat(&mark.kind) || mark.kind == Kind::Code;
        match marks.iter_mut().rev().find(|known| known.kind == mark.kind) {
            Some(known) if joins && known.end >= mark.start => known.end = known.end.max(mark.end),
            _ => marks.push(mark),
        }
    }
    ready.marks = marks;
    ready.sort();
    ready
}

/// Places where marks begin or end, and how many do.
fn edges(text: &Text) -> BTreeMap<usize, usize> {
    let mut edges = BTreeMap::new();
    for at in text.marks.iter().flat_map(|mark| [mark.start, mark.end]) {
        *edges.entry(at).or_default() += 1;
    }
    edges
}

struct Writer<'a> {
    text: &'a str,
    inline: Inline<'a>,
    edges: BTreeMap<usize, usize>,
    dialect: Dialect,
}

impl Writer<'_> {
    fn blocks(&self, blocks: &[Block]) -> String {
        let mut out = String::new();
        let mut before: Option<(&Block, bool)> = None;
        for block in blocks {
            // Two lists side by side would be read as one: the second has other signs.
            let other = match (before, block) {
                (Some((Block::List(a, _), other)), Block::List(b, _)) if a.is_some() == b.is_some() => !other,
                _ => false,
            };
            if before.is_some() {
                let tight = matches!((before, block), (Some((Block::Paragraph(_), _)), Block::List(..)));
                out.push_str(if tight && self.dialect == Dialect::Discord { "\n" } else { "\n\n" });
            }
            out.push_str(&self.block(block, other));
            before = Some((block, other));
        }
        out
    }

    fn block(&self, block: &Block, other: bool) -> String {
        match block {
            Block::Paragraph(range) => self.line(range.clone(), false),
            Block::Heading(level, range) => {
                let line = self.line(range.clone(), true);
                match (self.dialect, level) {
                    (Dialect::Discord, 4..) => format!("**{line}**"),
                    _ => format!("{} {line}", "#".repeat(usize::from(*level))),
                }
            }
            Block::Code(lang, range) => {
                let code = &self.text[range.clone()];
                let fence = "`".repeat(longest_run(code).max(2) + 1);
                let code = if self.dialect == Dialect::Discord && fence.len() > 3 {
                    // Discord ends a block at the first three backticks.
                    code.replace("```", "``\u{200b}`")
                } else {
                    code.to_string()
                };
                let fence = if self.dialect == Dialect::Discord { "```" } else { &fence };
                let lang = lang.as_deref().unwrap_or("");
                let lang: String = lang.chars().filter(|c| !c.is_control() && *c != '`').collect();
                format!("{fence}{}\n{code}\n{fence}", lang.trim())
            }
            Block::Quote(inner) => indented(&self.blocks(inner), "> ", "> "),
            Block::List(first, items) => {
                let lines = items.iter().enumerate().map(|(index, item)| {
                    let marker = match (first, other) {
                        (None, false) => "- ".to_string(),
                        (None, true) => "* ".to_string(),
                        (Some(first), false) => format!("{}. ", first.saturating_add(index as u64)),
                        (Some(first), true) => format!("{}) ", first.saturating_add(index as u64)),
                    };
                    indented(&self.item(item), &marker, &" ".repeat(marker.len()))
                });
                lines.collect::<Vec<_>>().join("\n")
            }
        }
    }

    fn item(&self, blocks: &[Block]) -> String {
        match blocks {
            [Block::Paragraph(range), rest @ ..] if matches!(rest, [Block::List(..)]) => {
                format!("{}\n{}", self.line(range.clone(), false), self.blocks(rest))
            }
            _ => self.blocks(blocks),
        }
    }

    /// One paragraph; `single`: it may not hold a line feed.
    fn line(&self, range: Range<usize>, single: bool) -> String {
        let mut line = Line {
            out: String::with_capacity(range.len() + 16),
            text: self.text,
            at: range.start,
            end: range.end,
            dialect: self.dialect,
            single,
            entity: false,
        };
        let events = self.inline.events(range);
        let mut delimiters = Vec::new();
        // Depth in a mark that is written in one piece, its text left out.
        let mut whole = 0;
        for (index, event) in events.iter().enumerate() {
            let next_is_text = matches!(events.get(index + 1), Some(Event::Text(_)));
            match event {
                Event::Text(text) if whole > 0 => line.at += text.len(),
                Event::Text(text) => line.words(text),
                Event::Open(..) if whole > 0 => whole += 1,
                Event::Close(_) if whole > 1 => whole -= 1,
                Event::Close(_) if whole == 1 => whole = 0,
                Event::Open(mark, part) => match &mark.kind {
                    Kind::Strong | Kind::Emphasis | Kind::Strike => {
                        let alone = [part.start, part.end].iter().all(|at| self.edges.get(at) == Some(&1));
                        let sign = line.open(&mark.kind, part.end, alone, next_is_text);
                        delimiters.push(sign);
                    }
                    Kind::Code => {
                        line.code(&self.text[part.clone()]);
                        whole = 1;
                    }
                    Kind::Link { url } if safe(url) => match self.link(&self.text[part.clone()], url) {
                        Some(address) => {
                            line.out.push_str(&address);
                            whole = 1;
                        }
                        None => {
                            // `![` would begin an image.
                            if line.out.ends_with('!') {
                                line.out.pop();
                                line.out.push_str("\\!");
                            }
                            line.out.push('[');
                        }
                    },
                    Kind::Mention { handle } if self.dialect == Dialect::Discord && snowflake(handle) => {
                        line.out.push_str(&format!("<@{handle}>"));
                        whole = 1;
                    }
                    _ => {}
                },
                Event::Close(mark) => match &mark.kind {
                    Kind::Strong | Kind::Emphasis | Kind::Strike => {
                        line.close(delimiters.pop().unwrap_or("**"), next_is_text);
                    }
                    Kind::Link { url } if safe(url) => line.out.push_str(&self.target(url)),
                    _ => {}
                },
            }
        }
        line.out
    }

    /// The whole link, where the person wrote the address itself (or where the dialect cannot mask this label).
    fn link(&self, label: &str, url: &str) -> Option<String> {
        match self.dialect {
            Dialect::CommonMark => {
                let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '<' && c != '>';
                (label == url && url.chars().all(plain)).then(|| format!("<{url}>"))
            }
            Dialect::Discord if bare(label, url) => Some(url.strip_prefix("mailto:").unwrap_or(url).to_string()),
            // Discord shows a masked link as text if its label holds an address, and masks web addresses only.
            Dialect::Discord if label.contains("://") || url.starts_with("mailto:") => {
                let mut line = Line {
                    out: String::new(),
                    text: label,
                    at: 0,
                    end: label.len(),
                    dialect: self.dialect,
                    single: true,
                    entity: false,
                };
                line.words(label);
                Some(format!("{} (<{}>)", line.out, url.strip_prefix("mailto:").unwrap_or(url)))
            }
            Dialect::Discord => None,
        }
    }

    fn target(&self, url: &str) -> String {
        if self.dialect == Dialect::Discord {
            return format!("](<{}>)", encoded(url, &['<', '>', ' ']));
        }
        let url = encoded(url, &[]).replace('\\', "\\\\").replace('&', "\\&");
        if !url.is_empty() && !url.contains(['(', ')', '<', '>', ' ']) {
            format!("]({url})")
        } else {
            format!("](<{}>)", url.replace('<', "\\<").replace('>', "\\>"))
        }
    }
}

/// With control characters and those named percent-encoded.
fn encoded(url: &str, more: &[char]) -> String {
    let mut out = String::with_capacity(url.len());
    for c in url.chars() {
        if c.is_ascii_control() || more.contains(&c) {
            out.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// An id of Discord, `&` before it for a role.
fn snowflake(handle: &str) -> bool {
    let id = handle.strip_prefix('&').unwrap_or(handle);
    (15..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit())
}

fn longest_run(code: &str) -> usize {
    code.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn indented(text: &str, first: &str, rest: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for (index, line) in text.split('\n').enumerate() {
        let prefix = if index == 0 { first } else { rest };
        if index > 0 {
            out.push('\n');
        }
        out.push_str(if line.is_empty() { prefix.trim_end() } else { prefix });
        out.push_str(line);
    }
    out
}

/// One paragraph as it is written.
struct Line<'a> {
    out: String,
    /// What is read, the place in it, and where the paragraph ends.
    text: &'a str,
    at: usize,
    end: usize,
    dialect: Dialect,
    single: bool,
    /// The next character has to be written as a number, so that the delimiter before it counts.
    entity: bool,
}

fn letter(c: Option<char>) -> bool {
    c.is_some_and(|c| !c.is_whitespace() && !c.is_ascii_punctuation() && !punctuation(c))
}

impl Line<'_> {
    fn next(&self) -> Option<char> {
        self.text[self.at..self.end].chars().next()
    }

    /// Writes what begins emphasis; `alone`: no other mark begins or ends where this one does.
    ///
    /// CommonMark takes a delimiter before punctuation for an opening one only behind white space or punctuation, and `_`
    /// always: if a letter stands there, it is written as a number, which ends in `;`.
    fn open(&mut self, kind: &Kind, end: usize, alone: bool, next_is_text: bool) -> &'static str {
        let before = self.out.chars().next_back();
        let in_word = letter(before) || letter(self.text[end..self.end].chars().next());
        let sign = match kind {
            Kind::Strong => "**",
            Kind::Strike => "~~",
            _ if in_word && alone => "*",
            _ => "_",
        };
        if self.dialect == Dialect::CommonMark {
            let strict = sign == "_" || !next_is_text || self.next().is_some_and(markdown_punctuation);
            if let Some(last) = before.filter(|c| strict && letter(Some(*c))) {
                self.out.pop();
                self.number(last);
            }
        }
        self.out.push_str(sign);
        sign
    }

    fn close(&mut self, sign: &str, next_is_text: bool) {
        let before = self.out.chars().next_back();
        self.out.push_str(sign);
        if self.dialect == Dialect::CommonMark
            && next_is_text
            && (sign == "_" || before.is_some_and(markdown_punctuation))
        {
            self.entity = letter(self.next());
        }
    }

    fn number(&mut self, c: char) {
        self.out.push_str(&format!("&#{};", u32::from(c)));
    }

    /// A code span; the text is not escaped but fenced.
    fn code(&mut self, code: &str) {
        let code = code.replace('\n', " ");
        let fence = "`".repeat(longest_run(&code) + 1);
        let fence = if self.dialect == Dialect::Discord && fence.len() > 2 { "``" } else { &fence };
        let edge = |c: Option<char>| c == Some('`');
        let spaced = code.starts_with(' ') && code.ends_with(' ') && !code.trim().is_empty();
        let pad = if edge(code.chars().next()) || edge(code.chars().next_back()) || spaced { " " } else { "" };
        self.out.push_str(&format!("{fence}{pad}{code}{pad}{fence}"));
    }

    fn words(&mut self, text: &str) {
        for c in text.chars() {
            let before = self.text[..self.at].chars().next_back();
            self.at += c.len_utf8();
            self.character(c, before);
        }
    }

    fn character(&mut self, c: char, before: Option<char>) {
        let commonmark = self.dialect == Dialect::CommonMark;
        let next = self.next();
        let start = self.out.is_empty() || self.out.ends_with('\n');
        if std::mem::take(&mut self.entity) && letter(Some(c)) {
            return self.number(c);
        }
        match c {
            '\n' if self.single => self.out.push(' '),
            '\n' if commonmark => self.out.push_str("  \n"),
            // White space at the edge of a line would be lost.
            ' ' | '\t' if commonmark && (start || next.is_none_or(|c| c == '\n')) => self.number(c),
            '\\' | '`' | '*' | '[' | ']' | '~' | '|' | '<' => self.escaped(c),
            '_' if !(before.is_some_and(char::is_alphanumeric) && next.is_some_and(char::is_alphanumeric)) => {
                self.escaped(c);
            }
            '&' if commonmark && next.is_some_and(|c| c == '#' || c.is_ascii_alphabetic()) => self.escaped(c),
            '#' if self.single || (start && !next.is_some_and(char::is_alphanumeric)) => self.escaped(c),
            '>' | '=' | '+' if start => self.escaped(c),
            '-' if start && !next.is_some_and(char::is_alphanumeric) => self.escaped(c),
            '.' | ')' if self.numbered() => self.escaped(c),
            '@' if !commonmark && self.crowd() => {
                self.out.push('@');
                self.out.push('\u{200b}');
            }
            '\r' if commonmark => self.number(c),
            _ => self.out.push(c),
        }
    }

    fn escaped(&mut self, c: char) {
        self.out.push('\\');
        self.out.push(c);
    }

    /// Whether the line so far is a number: a full stop would make a list of it.
    fn numbered(&self) -> bool {
        let line = self.out.trim_end_matches(|c: char| c.is_ascii_digit());
        (1..=9).contains(&(self.out.len() - line.len())) && (line.is_empty() || line.ends_with('\n'))
    }

    /// Whether `everyone` or `here` follows.
    fn crowd(&self) -> bool {
        let rest = &self.text[self.at..];
        ["everyone", "here"]
            .iter()
            .any(|word| rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word)))
    }
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

    #[test]
    fn plain_words_stay_as_they_are() {
        for text in ["Hello, world! It's 2 > 1; snake_case, -5 and (x) #rust.", "a - b + c = d", "1st: #1 & co"] {
            assert_eq!(commonmark(&Text::plain(text)), text);
        }
    }

    #[test]
    fn what_could_be_markup_is_escaped() {
        for (text, expected) in [
            ("*a* _b_ `c` [d](e) <f>", r"\*a\* \_b\_ \`c\` \[d\](e) \<f>"),
            ("# h", r"\# h"),
            ("- a", r"\- a"),
            ("12. a", r"12\. a"),
            ("> a", r"\> a"),
            ("a\n===", "a  \n\\==="),
            ("&amp; &x", r"\&amp; \&x"),
            (" a ", "&#32;a"),
        ] {
            assert_eq!(commonmark(&Text::plain(text)), expected, "{text}");
        }
    }

    #[test]
    fn emphasis_finds_its_delimiters() {
        let em = |text: &str, part: &str| commonmark(&marked(text, &[(part, Kind::Emphasis)]));
        assert_eq!(em("a b c", "b"), "a _b_ c");
        assert_eq!(em("abc", "b"), "a*b*c");
        let strong = |text: &str, part: &str| commonmark(&marked(text, &[(part, Kind::Strong)]));
        assert_eq!(strong("a b c", " b "), "a **b** c");
        assert_eq!(strong("a(b)c", "(b)"), "&#97;**(b)**&#99;");
    }

    #[test]
    fn links_of_commonmark() {
        let text = marked("see a and https://b.example/x_y_z", &[("a", link("https://a.example/(x)?a=1&copy;"))]);
        assert_eq!(commonmark(&text), r"see [a](<https://a.example/(x)?a=1\&copy;>) and <https://b.example/x_y_z>");
    }

    #[test]
    fn discord_dialect() {
        let text = marked(
            "@everyone see the page, https://b.example/x_y_z or c.example, Ann",
            &[
                ("the page", link("https://a.example/")),
                ("c.example", link("https://c.example")),
                ("Ann", Kind::Mention { handle: "123456789012345678".into() }),
            ],
        );
        assert_eq!(
            discord(&text),
            "@\u{200b}everyone see [the page](<https://a.example/>), https://b.example/x_y_z or https://c.example, \
             <@123456789012345678>"
        );
        assert_eq!(discord(&Text::plain("@here <@1> -# x\n-# y")), "@\u{200b}here \\<@1> -# x\n\\-# y");
    }

    #[test]
    fn blocks_of_commonmark() {
        let s = "H\n\n1. a\n2. b\n\nq\nr\n\nlet `x`;\n\nm";
        let at = |part: &str| s.find(part).unwrap();
        let mark = |start, end, kind| Mark { start, end, kind };
        let item = Kind::Item { ordered: true, depth: 0 };
        let text = Text {
            text: s.into(),
            marks: vec![
                mark(0, 1, Kind::Heading { level: 2 }),
                mark(at("1."), at("\n2."), item.clone()),
                mark(at("1."), at("a\n"), Kind::Bullet),
                mark(at("2."), at("\n\nq"), item),
                mark(at("2."), at("b\n"), Kind::Bullet),
                mark(at("q\n"), at("\n\nlet"), Kind::Quote),
                mark(at("let"), at("\n\nm"), Kind::CodeBlock { lang: Some("rust".into()) }),
                mark(at("m"), at("m") + 1, Kind::Code),
            ],
        };
        assert_eq!(commonmark(&text), "## H\n\n1. a\n2. b\n\n> q  \n> r\n\n```rust\nlet `x`;\n```\n\n`m`");
    }
}
