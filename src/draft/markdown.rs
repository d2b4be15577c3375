//! Markdown to posts: text with marks, media, thread breaks.

use std::collections::HashSet;
use std::ops::Range;

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};
use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};
use unicode_width::UnicodeWidthChar;

use super::detect::{detect, finder, sort};
use super::{MediaRef, Note, Post};
use crate::text::{Kind, Mark, Text};

/// What a body holds: its posts (those with neither text nor media are left out) and what deserves a look.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub posts: Vec<Post>,
    pub notes: Vec<Note>,
}

/// What a rule that is no thread break looks like.
const RULE: &str = "———";
/// More would help nobody.
const MOST_NOTES: usize = 20;

/// Plain text: nothing but thread breaks, URLs, tags and names means anything.
pub(super) fn plain(source: &str) -> Body {
    let mut posts = vec![String::new()];
    let mut after_blank = true;
    for line in source.split('\n') {
        if is_break(line) && after_blank {
            posts.push(String::new());
        } else if let Some(post) = posts.last_mut() {
            post.push_str(line);
            post.push('\n');
        }
        after_blank = line.trim().is_empty();
    }
    let posts = posts
        .iter()
        .map(|post| post.trim_end().trim_start_matches('\n'))
        .filter(|post| !post.trim().is_empty())
        .map(|post| {
            let mut text = Text::plain(post);
            detect(&mut text, &HashSet::new());
            Post { text, media: Vec::new() }
        })
        .collect();
    Body { posts, notes: Vec::new() }
}

/// Markdown; `line` is the draft's line on which it begins.
pub(super) fn markdown(source: &str, line: usize) -> Body {
    let prepared = prepare(source);
    let starts: Vec<usize> =
        std::iter::once(0).chain(prepared.source.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut writer = Writer {
        source: &prepared.source,
        starts,
        breaks: prepared.breaks,
        first_line: line,
        body: Body::default(),
        post: Piece::default(),
        lists: Vec::new(),
        images: Vec::new(),
        links: Vec::new(),
        html: None,
        code: false,
        cell: false,
    };
    for (event, range) in Parser::new_ext(&prepared.source, options()).into_offset_iter() {
        writer.event(event, range);
    }
    writer.finish_post();
    writer.body
}

fn options() -> Options {
    Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_TASKLISTS
}

/// Three dashes alone on a line, not indented.
fn is_break(line: &str) -> bool {
    line.trim_end() == "---"
}

struct Prepared {
    source: String,
    /// Where thread breaks begin in `source`.
    breaks: HashSet<usize>,
}

/// Takes two traps out of the way before the parser sees them: `---` under a line of text would make a heading of it (it
/// becomes `***`, as long and never a heading), and `_`, `*` and `~` inside a bare URL would be taken for emphasis (they get a
/// backslash). What stands in code and raw HTML stays as it is.
fn prepare(source: &str) -> Prepared {
    let mut breaks = Vec::new();
    let mut at = 0;
    for line in source.split_inclusive('\n') {
        if is_break(line) {
            breaks.push(at);
        }
        at += line.len();
    }
    let mut escapes: Vec<usize> = Vec::new();
    if source.contains("://") {
        for link in finder().links(source) {
            let inner = link.as_str().trim_end_matches(['_', '*', '~']);
            let special = |(at, c): (usize, char)| matches!(c, '_' | '*' | '~').then_some(link.start() + at);
            escapes.extend(inner.char_indices().filter_map(special));
        }
    }
    if breaks.is_empty() && escapes.is_empty() {
        return Prepared { source: source.to_string(), breaks: HashSet::new() };
    }
    let mut text = source.to_string();
    for at in &breaks {
        text.replace_range(*at..at + 3, "***");
    }
    let opaque: Vec<Range<usize>> = Parser::new_ext(&text, options())
        .into_offset_iter()
        .filter(|(event, _)| {
            matches!(
                event,
                Event::Start(Tag::CodeBlock(_) | Tag::HtmlBlock)
                    | Event::Start(Tag::Link { link_type: LinkType::Autolink | LinkType::Email, .. })
                    | Event::Code(_)
                    | Event::InlineHtml(_)
            )
        })
        .map(|(_, range)| range)
        .collect();
    // ranges come sorted by start and a nested one ends first, so the last that begins before `at` is not always the one
    // that holds it; the running maximum of the ends is
    let mut reach = 0;
    let reaches: Vec<usize> = opaque
        .iter()
        .map(|range| {
            reach = reach.max(range.end);
            reach
        })
        .collect();
    let is_opaque = |at: usize| {
        let before = opaque.partition_point(|range| range.start <= at);
        before > 0 && reaches[before - 1] > at
    };
    let mut prepared = Prepared { source: String::with_capacity(text.len() + escapes.len()), breaks: HashSet::new() };
    let mut edits: Vec<(usize, bool)> =
        breaks.into_iter().map(|at| (at, true)).chain(escapes.into_iter().map(|at| (at, false))).collect();
    edits.sort_unstable();
    let mut done = 0;
    for (at, thread) in edits {
        prepared.source.push_str(&text[done..at]);
        done = at;
        match (thread, is_opaque(at)) {
            (true, true) => {
                prepared.source.push_str("---");
                done = at + 3;
            }
            (true, false) => {
                prepared.breaks.insert(prepared.source.len());
            }
            (false, true) => {}
            (false, false) => prepared.source.push('\\'),
        }
    }
    prepared.source.push_str(&text[done..]);
    prepared
}

/// One post while it is written.
#[derive(Default)]
struct Piece {
    text: Text,
    media: Vec<MediaRef>,
    /// Line ends still owed before the next text.
    owed: usize,
    /// Marks that are open; those without a start begin with the next text.
    open: Vec<(Option<usize>, Kind)>,
    /// The next text begins a line: blanks at its front go.
    fresh: bool,
    /// The prefix of an item has just been written: its first block needs no line of its own.
    prefixed: bool,
    /// Where the last item's prefix ends.
    bullet: usize,
    /// Characters with a backslash before them.
    escaped: HashSet<usize>,
}

impl Piece {
    fn block(&mut self, lines: usize) {
        if self.prefixed {
            return;
        }
        self.trim();
        if !self.text.is_empty() {
            self.owed = self.owed.max(lines);
        }
        self.fresh = true;
    }

    fn write(&mut self, words: &str) {
        if words.is_empty() {
            return;
        }
        for _ in 0..std::mem::take(&mut self.owed) {
            self.text.text.push('\n');
        }
        let at = self.text.text.len();
        for (start, _) in &mut self.open {
            start.get_or_insert(at);
        }
        self.text.text.push_str(words);
        self.fresh = false;
        self.prefixed = false;
    }

    fn open(&mut self, kind: Kind) {
        self.open.push((None, kind));
    }

    fn close(&mut self) {
        if let Some((Some(start), kind)) = self.open.pop() {
            let end = self.text.text.len();
            if start < end {
                self.text.marks.push(Mark { start, end, kind });
            }
        }
    }

    /// Takes blanks from the end of the line.
    fn trim(&mut self) {
        let keep = self.text.text.trim_end_matches([' ', '\t']).len();
        // the blank after an item's bullet belongs to it
        let keep = keep.max(self.bullet);
        if keep < self.text.text.len() {
            self.text.text.truncate(keep);
            // marks are pushed in the order of their ends
            for mark in self.text.marks.iter_mut().rev().take_while(|mark| mark.end > keep) {
                mark.end = keep;
            }
            for (start, _) in &mut self.open {
                if start.is_some_and(|at| at > keep) {
                    *start = None;
                }
            }
        }
    }
}

struct Writer<'a> {
    source: &'a str,
    /// Where each line of `source` begins.
    starts: Vec<usize>,
    breaks: HashSet<usize>,
    first_line: usize,
    body: Body,
    post: Piece,
    /// Next number of each open list (`None` for bullets), and whether its items hold paragraphs.
    lists: Vec<(Option<u64>, bool)>,
    /// Alt text of the images being read: source, line, alt.
    images: Vec<(String, usize, String)>,
    /// Open links: target (`None` where it leads nowhere), and whether it held an image.
    links: Vec<(Option<String>, bool)>,
    /// A block of raw HTML being collected.
    html: Option<String>,
    code: bool,
    /// A cell of the table's row has been written already.
    cell: bool,
}

impl Writer<'_> {
    fn line(&self, offset: usize) -> usize {
        self.first_line + self.starts.partition_point(|start| *start <= offset) - 1
    }

    fn note(&mut self, code: &'static str, line: usize, message: String) {
        let notes = &self.body.notes;
        if notes.len() < MOST_NOTES && !notes.iter().any(|note| note.code == code && note.message == message) {
            self.body.notes.push(Note { code: code.to_string(), line, message });
        }
    }

    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(tag),
            Event::Text(words) => self.text(&words, range.start),
            Event::Code(words) if self.images.is_empty() => {
                self.post.open(Kind::Code);
                self.post.write(&words);
                self.post.close();
            }
            Event::Code(words) => self.text(&words, range.start),
            Event::SoftBreak => self.soft_break(range),
            Event::HardBreak => self.hard_break(),
            Event::InlineHtml(html) => self.inline_html(&html, range.start),
            Event::Html(html) => match &mut self.html {
                Some(block) => block.push_str(&html),
                None => self.inline_html(&html, range.start),
            },
            Event::Rule if self.breaks.contains(&range.start) => self.finish_post(),
            Event::Rule => {
                self.post.block(2);
                self.post.write(RULE);
                self.post.block(2);
            }
            Event::FootnoteReference(name) => self.text(&format!("[{name}]"), range.start),
            Event::TaskListMarker(done) => self.post.write(if done { "☑ " } else { "☐ " }),
            // mathematics is not switched on
            Event::InlineMath(words) | Event::DisplayMath(words) => self.text(&words, range.start),
        }
    }

    fn text(&mut self, words: &str, offset: usize) {
        if let Some((_, _, alt)) = self.images.last_mut() {
            alt.push_str(words);
            return;
        }
        let words = if self.post.fresh && !self.code { words.trim_start_matches([' ', '\t']) } else { words };
        let doubled = !self.code && self.post.owed == 0 && self.post.text.text.ends_with(' ');
        let words = if doubled { words.trim_start_matches(' ') } else { words };
        if offset > 0 && self.source.as_bytes()[offset - 1] == b'\\' && !words.is_empty() {
            self.post.escaped.insert(self.post.text.text.len() + self.post.owed);
        }
        self.post.write(words);
    }

    fn soft_break(&mut self, range: Range<usize>) {
        if let Some((_, _, alt)) = self.images.last_mut() {
            alt.push(' ');
            return;
        }
        // scripts without blanks between words get none at the end of a line either
        let wide = |c: Option<char>| c.is_some_and(|c| c.width() == Some(2) && c.is_alphanumeric() && !is_hangul(c));
        let next = self.source[range.end..].trim_start().chars().next();
        if !(wide(self.post.text.text.chars().next_back()) && wide(next)) {
            self.text(" ", 0);
        }
    }

    fn hard_break(&mut self) {
        if let Some((_, _, alt)) = self.images.last_mut() {
            alt.push(' ');
            return;
        }
        self.post.trim();
        if !self.post.text.is_empty() && !self.post.fresh {
            self.post.owed += 1;
        }
        self.post.fresh = true;
    }

    fn inline_html(&mut self, html: &str, offset: usize) {
        let tag = html.trim_start_matches(['<', '/']).split([' ', '>', '/', '\n']).next().unwrap_or_default();
        if tag.eq_ignore_ascii_case("br") {
            self.hard_break();
        } else if !is_markup(html) {
            // `Vec<T>` and `<name>` are words to whoever wrote them
            self.text(html, offset);
        } else if !html.starts_with("<!--") {
            self.note(
                "html_dropped",
                self.line(offset),
                format!("HTML (`<{tag}>`) means nothing in a post; its words are kept"),
            );
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) {
        match tag {
            Tag::Paragraph => {
                if let Some((_, loose)) = self.lists.last_mut() {
                    *loose = true;
                }
                self.post.block(2);
            }
            Tag::Heading { level, .. } => {
                self.post.block(2);
                self.post.open(Kind::Heading { level: level as u8 });
            }
            Tag::BlockQuote(_) => {
                self.post.block(2);
                self.post.open(Kind::Quote);
            }
            Tag::CodeBlock(kind) => {
                self.post.block(2);
                let lang = match kind {
                    CodeBlockKind::Fenced(info) => {
                        info.split([' ', ',']).next().filter(|l| !l.is_empty()).map(str::to_string)
                    }
                    CodeBlockKind::Indented => None,
                };
                self.post.open(Kind::CodeBlock { lang });
                self.code = true;
            }
            Tag::HtmlBlock => {
                self.html = Some(String::new());
                let first = self.source[range.clone()].trim_start();
                if !first.starts_with("<!--") && is_markup(first) {
                    let name: String =
                        first.chars().skip(1).take_while(|c| c.is_alphanumeric() || *c == '/').take(20).collect();
                    self.note(
                        "html_dropped",
                        self.line(range.start),
                        format!("HTML (`<{name}>`) means nothing in a post; its words are kept"),
                    );
                }
            }
            Tag::List(first) => {
                self.post.block(if self.lists.is_empty() { 2 } else { 1 });
                self.lists.push((first, false));
            }
            Tag::Item => self.item(),
            Tag::FootnoteDefinition(name) => {
                self.post.block(2);
                self.post.write(&format!("[{name}] "));
                self.post.prefixed = true;
            }
            Tag::Table(_) => self.post.block(2),
            Tag::TableHead => {
                self.cell = false;
                self.post.open(Kind::Strong);
            }
            Tag::TableRow => {
                self.post.block(1);
                self.cell = false;
            }
            Tag::TableCell => {
                if std::mem::replace(&mut self.cell, true) {
                    self.post.write(" | ");
                }
            }
            Tag::Emphasis => self.post.open(Kind::Emphasis),
            Tag::Strong => self.post.open(Kind::Strong),
            Tag::Strikethrough => self.post.open(Kind::Strike),
            Tag::Link { dest_url, link_type, .. } => {
                let url =
                    if link_type == LinkType::Email { format!("mailto:{dest_url}") } else { dest_url.to_string() };
                let url = leads_somewhere(&url).then_some(url);
                if url.is_none() {
                    self.note(
                        "relative_link",
                        self.line(range.start),
                        format!("the link to `{dest_url}` leads nowhere from a network and is left out; write its whole address"),
                    );
                }
                if self.images.is_empty() {
                    self.post.open(Kind::Link { url: url.clone().unwrap_or_default() });
                }
                self.links.push((url, false));
            }
            Tag::Image { dest_url, .. } => {
                self.images.push((dest_url.to_string(), self.line(range.start), String::new()));
            }
            // none of these is switched on
            Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => {}
        }
    }

    fn item(&mut self) {
        let depth = self.lists.len().saturating_sub(1);
        let Some((next, loose)) = self.lists.last_mut() else { return };
        self.post.prefixed = false;
        self.post.block(if *loose { 2 } else { 1 });
        let bullet = match next {
            Some(number) => {
                let bullet = format!("{number}. ");
                *number = number.saturating_add(1);
                bullet
            }
            None => "• ".to_string(),
        };
        let ordered = next.is_some();
        self.post.open(Kind::Item { ordered, depth: depth.min(255) as u8 });
        self.post.open(Kind::Bullet);
        self.post.write(&format!("{}{bullet}", "  ".repeat(depth.min(8))));
        self.post.close();
        self.post.bullet = self.post.text.text.len();
        self.post.prefixed = true;
        self.post.fresh = true;
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::Table => self.post.block(2),
            TagEnd::Heading(_) | TagEnd::BlockQuote(_) | TagEnd::FootnoteDefinition => {
                self.post.trim();
                if matches!(tag, TagEnd::FootnoteDefinition) {
                    self.post.prefixed = false;
                } else {
                    self.post.close();
                }
                self.post.block(2);
            }
            TagEnd::CodeBlock => {
                let text = &mut self.post.text.text;
                if text.ends_with('\n') {
                    text.pop();
                }
                self.post.close();
                self.code = false;
                self.post.block(2);
            }
            TagEnd::HtmlBlock => {
                let words = self.html.take().map_or_else(String::new, |html| {
                    if is_markup(html.trim_start()) { words_of(&html) } else { html.trim().to_string() }
                });
                if !words.is_empty() {
                    self.post.block(2);
                    self.post.write(&words);
                    self.post.block(2);
                }
            }
            TagEnd::List(_) => {
                self.lists.pop();
                let lines = if self.lists.is_empty() { 2 } else { 1 };
                self.post.block(lines);
            }
            TagEnd::Item => self.end_item(),
            TagEnd::TableHead => {
                self.post.trim();
                self.post.close();
                self.post.block(1);
            }
            TagEnd::TableRow => self.post.block(1),
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => self.post.close(),
            TagEnd::Link => self.end_link(),
            TagEnd::Image => {
                if let Some((source, line, alt)) = self.images.pop() {
                    if let Some((_, _, outer)) = self.images.last_mut() {
                        // an image in the alt of an image: its words count, itself does not
                        outer.push_str(&alt);
                        return;
                    }
                    if let Some((_, image)) = self.links.last_mut() {
                        *image = true;
                    }
                    let alt = alt.split_whitespace().collect::<Vec<_>>().join(" ");
                    self.post.media.push(MediaRef { source, alt: (!alt.is_empty()).then_some(alt), line });
                }
            }
            TagEnd::TableCell
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::MetadataBlock(_) => {}
        }
    }

    fn end_item(&mut self) {
        self.post.prefixed = false;
        // an item that held nothing but an image leaves no bullet behind
        let length = self.post.text.text.len();
        if let Some(mark) = self.post.text.marks.pop_if(|mark| mark.kind == Kind::Bullet && mark.end == length) {
            let keep = self.post.text.text[..mark.start].trim_end().len();
            self.post.owed = self.post.text.text[keep..mark.start].matches('\n').count();
            self.post.text.text.truncate(keep);
            self.post.bullet = 0;
            for (open, _) in &mut self.post.open {
                if open.is_some_and(|at| at >= keep) {
                    *open = None;
                }
            }
        }
        self.post.trim();
        self.post.close();
        self.post.block(1);
    }

    fn end_link(&mut self) {
        let Some((url, image)) = self.links.pop() else { return };
        if !self.images.is_empty() {
            return;
        }
        if let Some(url) = &url
            && self.post.open.last().is_some_and(|(start, _)| start.is_none())
        {
            // a link with no words, or around an image: its address is what there is to read
            if image && !self.post.fresh && !self.post.text.text.ends_with([' ', '\n']) {
                self.post.write(" ");
                if let Some((open, _)) = self.post.open.last_mut() {
                    *open = None;
                }
            }
            self.post.write(url);
        }
        if url.is_some() {
            self.post.close();
        } else {
            self.post.open.pop();
        }
    }

    fn finish_post(&mut self) {
        let mut post = std::mem::take(&mut self.post);
        while !post.open.is_empty() {
            post.close();
        }
        let mut text = post.text;
        let keep = text.text.trim_end().len();
        text.text.truncate(keep);
        for mark in &mut text.marks {
            mark.end = mark.end.min(keep);
        }
        sort(&mut text);
        detect(&mut text, &post.escaped);
        if !text.is_empty() || !post.media.is_empty() {
            self.body.posts.push(Post { text, media: post.media });
        }
    }
}

fn is_hangul(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}')
}

/// Whether an address means the same wherever it is read.
fn leads_somewhere(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| {
        matches!(
            url.scheme(),
            "http"
                | "https"
                | "mailto"
                | "tel"
                | "sms"
                | "ftp"
                | "gemini"
                | "gopher"
                | "magnet"
                | "matrix"
                | "xmpp"
                | "geo"
                | "at"
                | "nostr"
                | "tg"
        )
    })
}

/// Whether what stands in angle brackets is HTML: a comment, or an element that there is.
fn is_markup(html: &str) -> bool {
    const ELEMENTS: &str = " a abbr address article aside audio b bdi bdo big blockquote body br button canvas caption center cite code col \
        colgroup data dd del details dfn dialog div dl dt em embed fieldset figcaption figure font footer form h1 h2 h3 h4 h5 h6 head header \
        hr html i iframe img input ins kbd label legend li link main map mark meta nav noscript object ol optgroup option output p picture \
        pre progress q rp rt ruby s samp script section select small source span strike strong style sub summary sup svg table tbody td \
        template textarea tfoot th thead time title tr tt u ul var video wbr ";
    let Some(inside) = html.strip_prefix('<') else { return false };
    if inside.starts_with(['!', '?']) {
        return true;
    }
    let name: String = inside.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
    !name.is_empty() && ELEMENTS.contains(&format!(" {} ", name.to_ascii_lowercase()))
}

/// The words of a block of HTML.
fn words_of(html: &str) -> String {
    let mut words = String::new();
    let mut hidden = false;
    let mut emitter = DefaultEmitter::<()>::new_with_span();
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => match &tag.name[..] {
                b"script" | b"style" => hidden = true,
                b"br" | b"p" | b"div" | b"li" | b"tr" | b"summary" => words.push('\n'),
                _ => {}
            },
            Token::EndTag(_) => hidden = false,
            Token::String(text) if !hidden => words.push_str(&String::from_utf8_lossy(&text)),
            _ => {}
        }
    }
    let lines = words.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}
