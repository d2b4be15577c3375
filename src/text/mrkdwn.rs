//! Slack's mrkdwn. Source: docs.slack.dev, "Formatting message text", 2026-11.
//!
//! Only `&`, `<` and `>` can be escaped. A `*`, `_`, `~` or `` ` `` that a person wrote and that could begin a format is
//! followed by a zero width space, so that it stays what it is.

use super::blocks::{Block, Event, Inline, bare, blocks, safe};
use super::{Kind, Text, detect};

const ZERO: char = '\u{200b}';

pub(super) fn encode(text: &Text) -> String {
    let mut linked = text.clone();
    linked.mark(detect::links(&text.text));
    let writer = Writer { text: &linked.text, inline: Inline::of(&linked) };
    writer.blocks(&blocks(&linked))
}

struct Writer<'a> {
    text: &'a str,
    inline: Inline<'a>,
}

impl Writer<'_> {
    fn blocks(&self, blocks: &[Block]) -> String {
        let parts: Vec<String> = blocks.iter().map(|block| self.block(block)).collect();
        parts.join("\n\n")
    }

    fn block(&self, block: &Block) -> String {
        match block {
            Block::Paragraph(range) => self.line(range.clone()),
            Block::Heading(_, range) => {
                let line = self.line(range.clone()).replace('\n', " ");
                // Bold inside of bold would end it.
                format!("*{}*", line.trim_matches('*'))
            }
            Block::Code(_, range) => {
                let mut code = String::new();
                escape(&self.text[range.clone()].replace("```", &format!("``{ZERO}`")), &mut code);
                format!("```\n{code}\n```")
            }
            Block::Quote(inner) => prefixed(&self.blocks(inner), "> ", "> "),
            Block::List(first, items) => {
                let lines = items.iter().enumerate().map(|(index, item)| {
                    let bullet = first.map_or("• ".to_string(), |first| format!("{}. ", first + index as u64));
                    let parts: Vec<String> = item.iter().map(|block| self.block(block)).collect();
                    prefixed(&parts.join("\n"), &bullet, "    ")
                });
                lines.collect::<Vec<_>>().join("\n")
            }
        }
    }

    fn line(&self, range: std::ops::Range<usize>) -> String {
        let mut out = String::new();
        let mut at = range.start;
        let end = range.end;
        let mut code = false;
        // Depth in an address that is written in one piece, its label left out.
        let mut whole = 0;
        for event in self.inline.events(range) {
            match event {
                Event::Text(text) if whole > 0 => at += text.len(),
                Event::Text(text) => {
                    self.words(text, at, code, &mut out);
                    at += text.len();
                }
                Event::Open(..) if whole > 0 => whole += 1,
                Event::Close(_) if whole > 1 => whole -= 1,
                Event::Open(mark, part) => match &mark.kind {
                    Kind::Link { url } if safe(url) => {
                        out.push('<');
                        escape(&url.replace('|', "%7C").replace('>', "%3E").replace('<', "%3C"), &mut out);
                        if bare(&self.text[part], url) {
                            whole = 1;
                        } else {
                            out.push('|');
                        }
                    }
                    Kind::Mention { handle } if member(handle) => {
                        out.push_str(&format!("<@{handle}>"));
                        whole = 1;
                    }
                    kind => {
                        if let Some(sign) = sign(kind) {
                            if self.text[..part.start].ends_with(char::is_alphanumeric) {
                                out.push(ZERO);
                            }
                            out.push(sign);
                            code = *kind == Kind::Code;
                        }
                    }
                },
                Event::Close(mark) => {
                    whole = 0;
                    match &mark.kind {
                        Kind::Link { url } if safe(url) => out.push('>'),
                        kind => {
                            if let Some(sign) = sign(kind) {
                                out.push(sign);
                                if at < end && self.text[at..].starts_with(char::is_alphanumeric) {
                                    out.push(ZERO);
                                }
                                code = false;
                            }
                        }
                    }
                }
            }
        }
        out
    }

    fn words(&self, text: &str, at: usize, code: bool, out: &mut String) {
        for (offset, c) in text.char_indices() {
            let before = self.text[..at + offset].chars().next_back();
            let after = self.text[at + offset + c.len_utf8()..].chars().next();
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '`' if code => out.push('\''),
                '*' | '_' | '~' | '`' if !code => {
                    out.push(c);
                    let begins =
                        !before.is_some_and(char::is_alphanumeric) && after.is_some_and(|c| !c.is_whitespace());
                    if begins || c == '`' {
                        out.push(ZERO);
                    }
                }
                _ => out.push(c),
            }
        }
    }
}

/// The id of a member, `U012AB3CD` or `W…`.
fn member(handle: &str) -> bool {
    handle.len() >= 9
        && handle.starts_with(['U', 'W'])
        && handle.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn sign(kind: &Kind) -> Option<char> {
    match kind {
        Kind::Strong => Some('*'),
        Kind::Emphasis => Some('_'),
        Kind::Strike => Some('~'),
        Kind::Code => Some('`'),
        _ => None,
    }
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            _ => out.push(c),
        }
    }
}

fn prefixed(text: &str, first: &str, rest: &str) -> String {
    let lines = text.split('\n').enumerate();
    let lines = lines.map(|(index, line)| format!("{}{line}", if index == 0 { first } else { rest }));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::*;

    #[test]
    fn formats_links_and_mentions() {
        let s = "bold a link https://a.example/?x&y Ann <here> *no* a*b";
        let at = |part: &str| s.find(part).unwrap();
        let text = Text {
            text: s.into(),
            marks: vec![
                Mark { start: 0, end: 4, kind: Kind::Strong },
                Mark {
                    start: at("link"),
                    end: at("link") + 4,
                    kind: Kind::Link { url: "https://b.example/a|b".into() },
                },
                Mark { start: at("Ann"), end: at("Ann") + 3, kind: Kind::Mention { handle: "U012AB3CD".into() } },
            ],
        };
        assert_eq!(
            encode(&text),
            "*bold* a <https://b.example/a%7Cb|link> <https://a.example/?x&amp;y> <@U012AB3CD> &lt;here&gt; *\u{200b}no* a*b"
        );
    }

    #[test]
    fn blocks() {
        let s = "H\n\na\nb\n\nx < y\n\nc";
        let text = Text {
            text: s.into(),
            marks: vec![
                Mark { start: 0, end: 1, kind: Kind::Heading { level: 1 } },
                Mark { start: 3, end: 6, kind: Kind::Quote },
                Mark { start: 8, end: 13, kind: Kind::CodeBlock { lang: None } },
                Mark { start: 15, end: 16, kind: Kind::Emphasis },
            ],
        };
        assert_eq!(encode(&text), "*H*\n\n> a\n> b\n\n```\nx &lt; y\n```\n\n_c_");
    }
}
