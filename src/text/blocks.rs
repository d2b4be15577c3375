//! The shape of a marked text: blocks, and what happens inside of a line. What the encoders with markup are made on.

use std::ops::Range;

use super::{Kind, Mark, Text};

/// One block, its ranges in bytes of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block {
    Paragraph(Range<usize>),
    Heading(u8, Range<usize>),
    Code(Option<String>, Range<usize>),
    Quote(Vec<Block>),
    /// The number that an ordered list begins with, and the blocks of each item.
    List(Option<u64>, Vec<Vec<Block>>),
}

/// Blocks of the text in order. An item without its prefix (the rest of one that was cut) is no item any more.
pub(super) fn blocks(text: &Text) -> Vec<Block> {
    let marks: Vec<&Mark> = text
        .marks
        .iter()
        .filter(|mark| {
            matches!(mark.kind, Kind::CodeBlock { .. } | Kind::Quote | Kind::Heading { .. } | Kind::Item { .. })
        })
        .collect();
    let bullets: Vec<&Mark> = text.marks.iter().filter(|mark| mark.kind == Kind::Bullet).collect();
    Parser { text: &text.text, bullets }.range(0..text.text.len(), &marks)
}

enum Node {
    Block(Block),
    Item { number: Option<u64>, depth: u8, blocks: Vec<Block> },
}

struct Parser<'a> {
    text: &'a str,
    bullets: Vec<&'a Mark>,
}

impl Parser<'_> {
    fn range(&self, range: Range<usize>, marks: &[&Mark]) -> Vec<Block> {
        let mut nodes = Vec::new();
        let mut at = range.start;
        let mut rest = marks;
        while let Some((mark, after)) = rest.split_first() {
            let (start, end) = (mark.start.max(at), mark.end.min(range.end));
            let held = after.iter().take_while(|inner| inner.start < end).count();
            let (inner, next) = after.split_at(held);
            rest = next;
            if start >= end {
                continue;
            }
            self.paragraphs(at..start, &mut nodes);
            self.block(mark, start..end, inner, &mut nodes);
            at = end;
        }
        self.paragraphs(at..range.end, &mut nodes);
        gather(nodes)
    }

    fn block(&self, mark: &Mark, range: Range<usize>, inner: &[&Mark], nodes: &mut Vec<Node>) {
        let block = match &mark.kind {
            Kind::Heading { level } => Block::Heading((*level).clamp(1, 6), self.trimmed(range)),
            Kind::CodeBlock { lang } => Block::Code(lang.clone(), range),
            Kind::Quote => Block::Quote(self.range(range, inner)),
            Kind::Item { ordered, depth } => {
                let next = self.bullets.partition_point(|bullet| bullet.start < range.start);
                let bullet = self
                    .bullets
                    .get(next)
                    .filter(|found| found.end <= range.end && self.text[range.start..found.start].trim().is_empty());
                let Some(bullet) = bullet else {
                    nodes.extend(self.range(range, inner).into_iter().map(Node::Block));
                    return;
                };
                let number = self.text[bullet.start..bullet.end].trim().trim_end_matches(['.', ')']).parse().ok();
                let body = bullet.end
                    + (self.text[bullet.end..range.end].len()
                        - self.text[bullet.end..range.end].trim_start_matches(' ').len());
                nodes.push(Node::Item {
                    number: ordered.then(|| number.unwrap_or(1)),
                    depth: *depth,
                    blocks: self.range(body..range.end, inner),
                });
                return;
            }
            _ => Block::Paragraph(range),
        };
        nodes.push(Node::Block(block));
    }

    fn paragraphs(&self, range: Range<usize>, nodes: &mut Vec<Node>) {
        let mut at = range.start;
        while at < range.end {
            let end = self.text[at..range.end].find("\n\n").map_or(range.end, |offset| at + offset);
            let trimmed = self.trimmed(at..end);
            if !trimmed.is_empty() {
                nodes.push(Node::Block(Block::Paragraph(trimmed)));
            }
            at = end + 2;
        }
    }

    /// Without line feeds at the start and white space at the end.
    fn trimmed(&self, range: Range<usize>) -> Range<usize> {
        let part = &self.text[range.clone()];
        let start = range.start + (part.len() - part.trim_start_matches('\n').len());
        start..start.max(range.start + part.trim_end().len())
    }
}

/// Items that follow one another become lists, deeper ones part of the item before them.
fn gather(nodes: Vec<Node>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut nodes = nodes.into_iter().peekable();
    while let Some(node) = nodes.next() {
        match node {
            Node::Block(block) => blocks.push(block),
            Node::Item { number, depth, blocks: own } => {
                let mut run = vec![(number, depth, own)];
                while let Some(Node::Item { .. }) = nodes.peek() {
                    if let Some(Node::Item { number, depth, blocks }) = nodes.next() {
                        run.push((number, depth, blocks));
                    }
                }
                blocks.extend(lists(run));
            }
        }
    }
    blocks
}

fn lists(run: Vec<(Option<u64>, u8, Vec<Block>)>) -> Vec<Block> {
    let mut lists: Vec<Block> = Vec::new();
    let mut run = run.into_iter().peekable();
    while let Some((number, depth, mut blocks)) = run.next() {
        let mut deeper = Vec::new();
        while let Some(inner) = run.next_if(|(_, inner, _)| *inner > depth) {
            deeper.push(inner);
        }
        blocks.extend(self::lists(deeper));
        match lists.last_mut() {
            Some(Block::List(first, items)) if first.is_some() == number.is_some() => items.push(blocks),
            _ => lists.push(Block::List(number, vec![blocks])),
        }
    }
    lists
}

/// What happens inside of a line.
#[derive(Debug)]
pub(super) enum Event<'a> {
    /// A mark begins; the range is the part of it that lies in the block.
    Open(&'a Mark, Range<usize>),
    Close(&'a Mark),
    Text(&'a str),
}

/// Marks inside of lines, ready to be asked for the events of one block after another.
pub(super) struct Inline<'a> {
    text: &'a str,
    marks: Vec<&'a Mark>,
    /// The furthest end of all marks up to here.
    reach: Vec<usize>,
}

impl<'a> Inline<'a> {
    pub fn of(text: &'a Text) -> Inline<'a> {
        let inline = |mark: &&Mark| {
            matches!(
                mark.kind,
                Kind::Strong
                    | Kind::Emphasis
                    | Kind::Strike
                    | Kind::Code
                    | Kind::Link { .. }
                    | Kind::Mention { .. }
                    | Kind::Tag { .. }
            )
        };
        let marks: Vec<&Mark> = text.marks.iter().filter(inline).collect();
        let mut far = 0;
        let reach = marks
            .iter()
            .map(|mark| {
                far = far.max(mark.end);
                far
            })
            .collect();
        Inline { text: &text.text, marks, reach }
    }

    /// Opens and closes nest, whatever the marks do; nothing opens inside of code, nor a link inside of a link.
    pub fn events(&self, range: Range<usize>) -> Vec<Event<'a>> {
        let first = self.reach.partition_point(|end| *end <= range.start);
        let mut marks = self.marks[first..]
            .iter()
            .copied()
            .take_while(|mark| mark.start < range.end)
            .filter(|mark| mark.end > range.start && mark.start < mark.end)
            .peekable();
        let mut events = Vec::new();
        let mut open: Vec<&'a Mark> = Vec::new();
        let mut at = range.start;
        while at < range.end {
            while let Some(mark) = marks.next_if(|mark| mark.start <= at) {
                let closed = open.iter().any(|outer| {
                    outer.kind == Kind::Code || (atom(&outer.kind) && atom(&mark.kind)) || outer.kind == mark.kind
                });
                if mark.end > at && !closed {
                    events.push(Event::Open(mark, at..mark.end.min(range.end)));
                    open.push(mark);
                }
            }
            let next = marks.peek().map_or(range.end, |mark| mark.start);
            let next = open.iter().map(|mark| mark.end).fold(next.min(range.end), usize::min);
            if next > at {
                events.push(Event::Text(&self.text[at..next]));
                at = next;
            }
            if let Some(depth) = open.iter().position(|mark| mark.end <= at) {
                let popped: Vec<&Mark> = open.drain(depth..).collect();
                events.extend(popped.iter().rev().map(|mark| Event::Close(mark)));
                for mark in popped.into_iter().filter(|mark| mark.end > at && at < range.end) {
                    events.push(Event::Open(mark, at..mark.end.min(range.end)));
                    open.push(mark);
                }
            }
        }
        events.extend(open.into_iter().rev().map(Event::Close));
        events
    }
}

fn atom(kind: &Kind) -> bool {
    matches!(kind, Kind::Link { .. } | Kind::Mention { .. } | Kind::Tag { .. })
}

/// Whether the person wrote the address itself, with or without its scheme.
pub(super) fn bare(label: &str, url: &str) -> bool {
    let short = |s: &str| {
        let s = s.strip_prefix("mailto:").unwrap_or(s);
        let s = s.strip_prefix("https://").or_else(|| s.strip_prefix("http://")).unwrap_or(s);
        s.strip_suffix('/').unwrap_or(s).to_string()
    };
    short(label) == short(url)
}

/// Addresses that a reader may be led to.
pub(super) fn safe(url: &str) -> bool {
    let scheme = url.split(':').next().unwrap_or("");
    url.contains(':') && ["http", "https", "mailto"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(start: usize, end: usize, kind: Kind) -> Mark {
        Mark { start, end, kind }
    }

    #[test]
    fn a_tree_of_blocks() {
        let item = |depth| Kind::Item { ordered: false, depth };
        let s = "Top\n\none\ntwo\n\n• a\n  • b\n• c\n\nend";
        let at = |part: &str| s.find(part).unwrap();
        let text = Text {
            text: s.into(),
            marks: vec![
                mark(0, 3, Kind::Heading { level: 1 }),
                mark(at("• a"), at("\n• c"), item(0)),
                mark(at("• a"), at("a\n"), Kind::Bullet),
                mark(at("• b"), at("\n• c"), item(1)),
                mark(at("• b"), at("b\n"), Kind::Bullet),
                mark(at("• c"), at("\n\nend"), item(0)),
                mark(at("• c"), at("c\n\nend"), Kind::Bullet),
            ],
        };
        let paragraph = |part: &str| Block::Paragraph(at(part)..at(part) + part.len());
        let b = Block::Paragraph(at("b\n")..at("b\n") + 1);
        assert_eq!(
            blocks(&text),
            [
                Block::Heading(1, 0..3),
                paragraph("one\ntwo"),
                Block::List(
                    None,
                    vec![
                        vec![Block::Paragraph(at("a\n")..at("a\n") + 1), Block::List(None, vec![vec![b]])],
                        vec![Block::Paragraph(at("c\n\nend")..at("c\n\nend") + 1)]
                    ]
                ),
                paragraph("end"),
            ]
        );
    }

    #[test]
    fn events_nest_even_where_marks_cross() {
        let text = Text { text: "abcd".into(), marks: vec![mark(0, 3, Kind::Strong), mark(1, 4, Kind::Emphasis)] };
        let shown: Vec<String> = Inline::of(&text)
            .events(0..4)
            .iter()
            .map(|event| match event {
                Event::Open(mark, _) => format!("<{:?}>", mark.kind),
                Event::Close(mark) => format!("</{:?}>", mark.kind),
                Event::Text(text) => (*text).to_string(),
            })
            .collect();
        assert_eq!(shown.concat(), "<Strong>a<Emphasis>bc</Emphasis></Strong><Emphasis>d</Emphasis>");
    }
}
