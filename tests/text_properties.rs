//! What holds for every text: splitting loses nothing, marks stay where they may be, encoders take anything.

// What the helpers of a test unwrap is the test's own business.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation;
use xpost::text::{Kind, Mark, Markup, Text, Unit, detect, split, truncate};

const MARKUPS: [Markup; 8] = [
    Markup::Plain,
    Markup::Links,
    Markup::Entities,
    Markup::Html,
    Markup::Markdown,
    Markup::Discord,
    Markup::Mrkdwn,
    Markup::LittleText,
];

const UNITS: [Unit; 7] =
    [Unit::Graphemes, Unit::Mastodon, Unit::Scalars, Unit::Utf16, Unit::Bytes, Unit::Weighted, Unit::EmojiBytes];

/// Words, addresses, emoji, scripts without spaces, signs of markup, and anything at all.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-zA-Z]{1,9}[.,!?]?",
        2 => "[*_~`#>|&<\\[\\](){}@\\\\.!+=-]{1,4}",
        1 => "https://[a-z]{1,8}\\.(org|com|example)/[a-z_()*]{0,9}",
        1 => "#[a-z]{1,8}",
        1 => "@[a-z]{1,6}(@[a-z]{1,5}\\.org)?",
        1 => prop::sample::select(vec![
            "👨‍👩‍👧‍👦", "🇩🇪", "👍🏽", "e\u{301}", "日本語です。", "ไทย", "क्षि", "1️⃣", "\u{202e}", "a\u{a0}b", "1.", "-", "\u{200d}",
            "\u{600}7", "don't", "x_y_z", "&amp;", "---", "@everyone",
        ]).prop_map(str::to_string),
        1 => "\\PC{1,6}",
    ]
}

fn gap() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![" ", " ", " ", " ", "\n", "\n\n", "", "  "])
}

fn words() -> impl Strategy<Value = String> {
    prop::collection::vec((word(), gap()), 0..40)
        .prop_map(|parts| parts.into_iter().map(|(word, gap)| word + gap).collect())
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Strong),
        Just(Kind::Emphasis),
        Just(Kind::Strike),
        Just(Kind::Code),
        Just(Kind::Quote),
        Just(Kind::CodeBlock { lang: Some("rust".into()) }),
        Just(Kind::Heading { level: 2 }),
        (any::<bool>(), 0u8..3).prop_map(|(ordered, depth)| Kind::Item { ordered, depth }),
        Just(Kind::Bullet),
        Just(Kind::Link { url: "https://example.org/a?b=1&c=(2)".into() }),
        Just(Kind::Link { url: "javascript:alert('x')".into() }),
        Just(Kind::Mention { handle: "ann@example.org".into() }),
        Just(Kind::Tag { tag: "rust".into() }),
    ]
}

/// A text with marks that lie on clusters and nest; atoms hold nothing of their own kind.
fn marked(kinds: impl Strategy<Value = Kind>) -> impl Strategy<Value = Text> {
    (words(), prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), kinds), 0..8))
        .prop_map(|(text, wanted)| {
            let mut places: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).collect();
            places.push(text.len());
            let mut marks: Vec<Mark> = Vec::new();
            for (a, b, kind) in wanted {
                let (a, b) = (*a.get(&places), *b.get(&places));
                let (start, end) = (a.min(b), a.max(b));
                let crosses = |old: &Mark| {
                    let apart = old.end <= start || end <= old.start;
                    let nested = (old.start <= start && end <= old.end) || (start <= old.start && old.end <= end);
                    !apart && (!nested || (atom(&old.kind) && atom(&kind)))
                };
                if start < end && !marks.iter().any(crosses) {
                    marks.push(Mark { start, end, kind });
                }
            }
            marks.sort_by_key(|mark| (mark.start, usize::MAX - mark.end));
            Text { text, marks }
        })
}

fn atom(kind: &Kind) -> bool {
    matches!(kind, Kind::Link { .. } | Kind::Mention { .. } | Kind::Tag { .. })
}

/// Marks lie in the text, on characters, in order, hold something and do not cross.
fn sound(text: &Text) -> Result<(), TestCaseError> {
    for mark in &text.marks {
        prop_assert!(mark.start < mark.end && mark.end <= text.text.len(), "{mark:?} in {text:?}");
        prop_assert!(text.text.is_char_boundary(mark.start) && text.text.is_char_boundary(mark.end));
    }
    for pair in text.marks.windows(2) {
        let key = |mark: &Mark| (mark.start, usize::MAX - mark.end);
        prop_assert!(key(&pair[0]) <= key(&pair[1]), "order: {text:?}");
    }
    for (index, outer) in text.marks.iter().enumerate() {
        for inner in text.marks[index + 1..].iter().filter(|inner| inner.start < outer.end) {
            prop_assert!(inner.end <= outer.end, "{outer:?} crosses {inner:?}");
        }
    }
    Ok(())
}

fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn splitting_loses_nothing_and_cuts_nothing_whole(text in marked(kind()), unit in prop::sample::select(&UNITS[..]), most in 8usize..160) {
        let fits = |index: usize, piece: &Text| unit.count(&piece.text) <= most - index.min(3);
        let pieces = match split(&text, &fits) {
            Ok(pieces) => pieces,
            Err(too_long) => {
                // Something that is never cut stands alone and is longer than the limit.
                let shown = too_long.piece.trim_end_matches('…');
                prop_assert!(text.text.contains(shown));
                return Ok(());
            }
        };
        let mut at = 0;
        let places: std::collections::BTreeSet<usize> = text.text.grapheme_indices(true).map(|(at, _)| at).collect();
        let whole = text.marks.iter().filter(|mark| atom(&mark.kind)).cloned().chain(detect::draft(&text.text));
        let whole: Vec<Mark> = whole.collect();
        let cut = |place: usize| -> Result<(), TestCaseError> {
            prop_assert!(place == text.text.len() || places.contains(&place), "{place} is inside of a cluster of {:?}", text.text);
            let inside = whole.iter().find(|mark| mark.start < place && place < mark.end);
            prop_assert!(inside.is_none(), "{place} is inside of {inside:?} of {:?}", text.text);
            Ok(())
        };
        for (index, piece) in pieces.iter().enumerate() {
            prop_assert!(fits(index, piece), "{index}: {piece:?} does not fit");
            prop_assert!(!piece.is_empty() || text.is_empty());
            sound(piece)?;
            let gap = text.text[at..].find(&piece.text).unwrap();
            prop_assert!(text.text[at..at + gap].chars().all(char::is_whitespace));
            let (start, end) = (at + gap, at + gap + piece.text.len());
            cut(start)?;
            cut(end)?;
            prop_assert_eq!(&text.slice(start, end).marks, &piece.marks);
            at = end;
        }
        prop_assert!(text.text[at..].chars().all(char::is_whitespace));
        let joined: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
        prop_assert_eq!(bare(&joined), bare(&text.text));
    }

    #[test]
    fn truncating_keeps_the_tail(text in marked(kind()), most in 30usize..160) {
        let tail = Text::plain("https://example.org/page");
        let fits = |text: &Text| Unit::Graphemes.count(&text.text) <= most;
        if let Some(cut) = truncate(&text, &tail, &fits) {
            prop_assert!(fits(&cut));
            prop_assert!(cut.text.trim_end().ends_with(&tail.text));
            sound(&cut)?;
        } else {
            // The first thing that may not be cut leaves no room.
            let few = |_: usize, piece: &Text| Unit::Graphemes.count(&piece.text) + 27 <= most;
            prop_assert!(split(&text, &few).map_or(true, |pieces| pieces.is_empty() || !few(0, &pieces[0])) || text.text.trim().is_empty());
        }
    }

    #[test]
    fn marks_stay_sound(text in marked(kind()), other in marked(kind()), a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        sound(&text)?;
        for markup in MARKUPS {
            let fitted = markup.fit(&text);
            sound(&fitted)?;
            prop_assert_eq!(markup.fit(&fitted), fitted);
        }
        let places: Vec<usize> = (0..=text.text.len()).filter(|at| text.text.is_char_boundary(*at)).collect();
        let (a, b) = (*a.get(&places), *b.get(&places));
        sound(&text.slice(a.min(b), a.max(b)))?;
        sound(&text.trim())?;
        let mut joined = text.clone();
        joined.paragraph(&other);
        sound(&joined)?;
        let mut found = text.clone();
        found.mark(detect::draft(&text.text));
        sound(&found)?;
        let mut clean = text.clone();
        clean.text = clean.text.replace('a', "\u{7}");
        clean.sanitize();
        sound(&clean)?;
        for found in [detect::draft(&text.text), detect::bluesky(&text.text), detect::x(&text.text)] {
            sound(&Text { text: text.text.clone(), marks: found })?;
        }
        let units: Vec<u16> = text.text.encode_utf16().collect();
        for (mark, (offset, length)) in text.marks.iter().zip(text.utf16_ranges()) {
            prop_assert_eq!(String::from_utf16(&units[offset..offset + length]).unwrap(), &text.text[mark.start..mark.end]);
        }
    }

    #[test]
    fn anything_can_be_encoded_and_counted(text in "(\\PC|\\s|[\\*_`\\[\\]<>&#@.:/]|\\p{C}){0,200}") {
        let text = Text::plain(text);
        for markup in MARKUPS {
            markup.encode(&markup.fit(&text));
        }
        let clusters = text.text.graphemes(true).count();
        prop_assert_eq!(Unit::Graphemes.count(&text.text), clusters);
        for unit in UNITS {
            prop_assert!(unit.count(&text.text) <= 23 * text.text.len());
        }
    }

    #[test]
    fn html_is_well_formed(text in marked(kind())) {
        // The one empty element that is written.
        let html = Markup::Html.encode(&text).replace("<br>", "<br/>");
        let mut reader = quick_xml::Reader::from_str(&html);
        let mut open: Vec<String> = Vec::new();
        loop {
            match reader.read_event().map_err(|why| TestCaseError::fail(format!("{why}: {html}")))? {
                quick_xml::events::Event::Start(tag) => {
                    let name = tag.name().as_ref().to_string();
                    for attribute in tag.attributes() {
                        let value = attribute.map_err(|why| TestCaseError::fail(format!("{why}: {html}")))?.value;
                        prop_assert!(name != "a" || !value.starts_with("javascript"));
                    }
                    open.push(name);
                }
                quick_xml::events::Event::End(tag) => {
                    prop_assert_eq!(open.pop(), Some(tag.name().as_ref().to_string()));
                }
                quick_xml::events::Event::Eof => break,
                _ => {}
            }
        }
        prop_assert!(open.is_empty());
    }
}

/// What CommonMark makes of it: text and inline marks, paragraphs only.
fn read_back(markdown: &str) -> Text {
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
    let mut text = Text::default();
    let mut open: Vec<(usize, Kind)> = Vec::new();
    for event in Parser::new_ext(markdown, Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Paragraph) => {
                if !text.is_empty() {
                    text.text.push_str("\n\n");
                }
            }
            Event::Start(Tag::Strong) => open.push((text.text.len(), Kind::Strong)),
            Event::Start(Tag::Emphasis) => open.push((text.text.len(), Kind::Emphasis)),
            Event::Start(Tag::Strikethrough) => open.push((text.text.len(), Kind::Strike)),
            Event::Start(Tag::Link { dest_url, .. }) => {
                open.push((text.text.len(), Kind::Link { url: dest_url.to_string() }));
            }
            Event::End(TagEnd::Paragraph) => {}
            Event::End(_) => {
                let (start, kind) = open.pop().unwrap();
                text.marks.push(Mark { start, end: text.text.len(), kind });
            }
            Event::Text(part) => text.text.push_str(&part),
            Event::Code(part) => {
                let start = text.text.len();
                text.text.push_str(&part);
                text.marks.push(Mark { start, end: text.text.len(), kind: Kind::Code });
            }
            Event::HardBreak => text.text.push('\n'),
            other => panic!("{other:?} in {markdown:?}"),
        }
    }
    text.marks.sort_by_key(|mark| (mark.start, usize::MAX - mark.end, format!("{:?}", mark.kind)));
    text
}

/// Plain paragraphs: no more than one empty line, no white space around lines' ends, no control characters.
fn tidy(text: &str) -> String {
    let text: String = text.chars().filter(|c| *c == '\n' || (!c.is_control() && *c != '\u{2028}')).collect();
    let paragraphs: Vec<String> = text
        .split("\n\n")
        .map(|paragraph| {
            paragraph.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
        })
        .filter(|paragraph| !paragraph.is_empty())
        .collect();
    paragraphs.join("\n\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn plain_text_survives_markdown(text in words()) {
        let text = tidy(&text);
        let markdown = Markup::Markdown.encode(&Text::plain(text.as_str()));
        prop_assert_eq!(read_back(&markdown).text, text, "{}", markdown);
    }

    #[test]
    fn emphasis_survives_markdown(
        words in prop::collection::vec(("[a-z(.!é👍\"]{1,6}", 0u8..6, prop::sample::select(vec![" ", "", "\n"])), 1..12)
    ) {
        let mut text = Text::default();
        for (word, kind, gap) in words {
            let kind = match kind {
                0 => Some(Kind::Strong),
                1 => Some(Kind::Emphasis),
                2 => Some(Kind::Strike),
                3 => Some(Kind::Code),
                4 => Some(Kind::Link { url: "https://example.org/a_b?c=1&amp;d=(2)".into() }),
                _ => None,
            };
            let start = text.text.len();
            text.text.push_str(&word);
            let end = text.text.len();
            // Neighbours of one kind are one.
            let joined = match text.marks.last_mut() {
                Some(last) if last.end == start && Some(&last.kind) == kind.as_ref() && !atom(&last.kind) => {
                    last.end = end;
                    true
                }
                _ => false,
            };
            if let (false, Some(kind)) = (joined, kind) {
                text.marks.push(Mark { start, end, kind });
            }
            text.text.push_str(gap);
        }
        let text = text.trim();
        let markdown = Markup::Markdown.encode(&text);
        let back = read_back(&markdown);
        prop_assert_eq!(&back.text, &text.text, "{}", markdown);
        prop_assert_eq!(&back.marks, &text.marks, "{}", markdown);
    }
}
