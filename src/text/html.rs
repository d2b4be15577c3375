//! HTML: paragraphs, lists, quotes, code, links. Nothing that was written reaches the page unescaped.

use super::blocks::{Block, Event, Inline, blocks, safe};
use super::{Kind, Text};

/// Blocks one after another, with no white space between them; `mention`s and tags are their text.
pub(super) fn encode(text: &Text) -> String {
    let mut out = String::with_capacity(text.text.len() * 5 / 4 + 16);
    let writer = Writer { text: &text.text, inline: Inline::of(text) };
    writer.blocks(&blocks(text), false, &mut out);
    out
}

/// Text for HTML, in an element or in a quoted attribute.
pub fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape(text, &mut out);
    out
}

/// Text, or the value of an attribute in quotes.
pub(super) fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\0' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
}

struct Writer<'a> {
    text: &'a str,
    inline: Inline<'a>,
}

impl Writer<'_> {
    /// `tight`: paragraphs without tags, as in list items that are one line.
    fn blocks(&self, blocks: &[Block], tight: bool, out: &mut String) {
        for block in blocks {
            match block {
                Block::Paragraph(range) if tight => self.line(range.clone(), out),
                Block::Paragraph(range) => {
                    out.push_str("<p>");
                    self.line(range.clone(), out);
                    out.push_str("</p>");
                }
                Block::Heading(level, range) => {
                    out.push_str(&format!("<h{level}>"));
                    self.line(range.clone(), out);
                    out.push_str(&format!("</h{level}>"));
                }
                Block::Code(lang, range) => {
                    out.push_str("<pre><code");
                    if let Some(lang) = lang {
                        out.push_str(" class=\"language-");
                        escape(lang, out);
                        out.push('"');
                    }
                    out.push('>');
                    escape(&self.text[range.clone()], out);
                    out.push_str("</code></pre>");
                }
                Block::Quote(inner) => {
                    out.push_str("<blockquote>");
                    self.blocks(inner, false, out);
                    out.push_str("</blockquote>");
                }
                Block::List(first, items) => {
                    match first {
                        None => out.push_str("<ul>"),
                        Some(1) => out.push_str("<ol>"),
                        Some(first) => out.push_str(&format!("<ol start=\"{first}\">")),
                    }
                    for item in items {
                        let paragraphs = item.iter().filter(|block| matches!(block, Block::Paragraph(_))).count();
                        out.push_str("<li>");
                        self.blocks(item, paragraphs <= 1, out);
                        out.push_str("</li>");
                    }
                    out.push_str(if first.is_some() { "</ol>" } else { "</ul>" });
                }
            }
        }
    }

    fn line(&self, range: std::ops::Range<usize>, out: &mut String) {
        for event in self.inline.events(range) {
            match event {
                Event::Text(text) => {
                    for (index, line) in text.split('\n').enumerate() {
                        if index > 0 {
                            out.push_str("<br>");
                        }
                        escape(line, out);
                    }
                }
                Event::Open(mark, _) => match &mark.kind {
                    Kind::Link { url } if safe(url) => {
                        out.push_str("<a href=\"");
                        escape(url, out);
                        out.push_str("\">");
                    }
                    kind => {
                        if let Some(tag) = tag(kind) {
                            out.push_str(&format!("<{tag}>"));
                        }
                    }
                },
                Event::Close(mark) => match &mark.kind {
                    Kind::Link { url } if safe(url) => out.push_str("</a>"),
                    kind => {
                        if let Some(tag) = tag(kind) {
                            out.push_str(&format!("</{tag}>"));
                        }
                    }
                },
            }
        }
    }
}

fn tag(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Strong => Some("strong"),
        Kind::Emphasis => Some("em"),
        Kind::Strike => Some("del"),
        Kind::Code => Some("code"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::*;

    #[test]
    fn everything_is_escaped() {
        let text = Text {
            text: "<b> & \"x\"\nnext\n\nlink".into(),
            marks: vec![Mark { start: 16, end: 20, kind: Kind::Link { url: "https://a.example/?x=\"&y='<".into() } }],
        };
        assert_eq!(
            encode(&text),
            "<p>&lt;b&gt; &amp; &quot;x&quot;<br>next</p>\
             <p><a href=\"https://a.example/?x=&quot;&amp;y=&#39;&lt;\">link</a></p>"
        );
    }

    #[test]
    fn blocks_of_all_kinds() {
        let s = "H\n\n1. a\n2. b\n\nq\n\nlet x;\n\nmn";
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
                mark(at("q\n"), at("q\n") + 1, Kind::Quote),
                mark(at("let"), at("\n\nmn"), Kind::CodeBlock { lang: Some("rust".into()) }),
                mark(at("mn"), at("mn") + 1, Kind::Strong),
                mark(at("mn") + 1, at("mn") + 2, Kind::Code),
            ],
        };
        assert_eq!(
            encode(&text),
            "<h2>H</h2><ol><li>a</li><li>b</li></ol><blockquote><p>q</p></blockquote>\
             <pre><code class=\"language-rust\">let x;</code></pre><p><strong>m</strong><code>n</code></p>"
        );
    }
}
