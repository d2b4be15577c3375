//! Whatever is read, the parser neither falls over nor hands out marks that lie.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use proptest::prelude::*;
use xpost::draft::{Draft, DraftError, Form, Vars, parse};
use xpost::text::{Kind, Text};

fn read(bytes: &[u8], form: Form) -> Result<Draft, DraftError> {
    let vars: Vars = [("name".to_string(), "Ferris".to_string())].into();
    parse("draft.md", Path::new(""), bytes, form, &vars)
}

/// What [`Text`] promises of its marks.
fn sound(text: &Text) {
    let mut last = (0, 0);
    for mark in &text.marks {
        assert!(mark.start < mark.end && mark.end <= text.text.len(), "{mark:?} in {text:?}");
        assert!(text.text.is_char_boundary(mark.start) && text.text.is_char_boundary(mark.end), "{mark:?}");
        let key = (mark.start, usize::MAX - mark.end);
        assert!(last <= key, "{:?} out of order", text.marks);
        last = key;
    }
    for (n, one) in text.marks.iter().enumerate() {
        for other in &text.marks[n + 1..] {
            let cross = one.start < other.start && other.start < one.end && one.end < other.end;
            assert!(!cross, "{one:?} crosses {other:?} in {:?}", text.text);
            let special = |kind: &Kind| matches!(kind, Kind::Link { .. } | Kind::Mention { .. } | Kind::Tag { .. });
            let nested = special(&one.kind) && special(&other.kind) && other.start < one.end;
            assert!(!nested, "{one:?} holds {other:?}");
        }
    }
    assert!(!text.text.ends_with(char::is_whitespace), "{:?}", text.text);
}

fn check(bytes: &[u8]) {
    for form in [Form::Markdown, Form::Plain] {
        match read(bytes, form) {
            Ok(draft) => {
                assert!(!draft.posts.is_empty());
                assert_eq!(draft.hash.len(), 64);
                draft.posts.iter().for_each(|post| sound(&post.text));
                draft.media();
            }
            Err(error) => {
                let lines = bytes.split(|b| *b == b'\n' || *b == b'\r').count();
                assert!(error.line.is_none_or(|line| line >= 1 && line <= lines + 1), "{error} of {lines}");
                assert!(!error.to_string().contains('\n'), "{error:?}");
            }
        }
    }
}

/// Pieces of which drafts are made, put together without sense.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\n"),
        Just("\n\n"),
        Just("---\n"),
        Just("+++\n"),
        Just("***"),
        Just("**"),
        Just("_"),
        Just("~~"),
        Just("`"),
        Just("```\n"),
        Just("- "),
        Just("1. "),
        Just("> "),
        Just("    "),
        Just("# "),
        Just("![alt](a.png)"),
        Just("!["),
        Just("[l](https://a.example)"),
        Just("[![b](c.png)](https://d.example)"),
        Just("](x)"),
        Just("<b>"),
        Just("<!--"),
        Just("-->"),
        Just("<br>"),
        Just("https://a.example/_x_/*y*"),
        Just("#tag"),
        Just("@{ann}"),
        Just("@{"),
        Just("}"),
        Just("\\"),
        Just("| a | b |\n|---|---|\n| c | d |\n"),
        Just("[^1]"),
        Just("[^1]: note\n"),
        Just("- [x] "),
        Just("{{ name }}"),
        Just("{% if name %}"),
        Just("{% endif %}"),
        Just("title = \"x\"\n"),
        Just("tags: [a, b]\n"),
        Just("on:\n  x:\n    text: y\n"),
        Just("[on.x]\n"),
        Just("日本"),
        Just("👩‍👩‍👧"),
        Just("é "),
        Just("word "),
        Just("\t"),
        Just("\r\n"),
        Just("&amp;"),
        Just("  \n"),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Words that mean nothing in Markdown.
fn words() -> impl Strategy<Value = Vec<Vec<String>>> {
    prop::collection::vec(prop::collection::vec("[a-zäé日]{1,9}", 1..6), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&bytes);
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        check(text.as_bytes());
    }

    #[test]
    fn any_pieces_are_read_or_refused(text in pieces()) {
        check(text.as_bytes());
    }

    #[test]
    fn any_front_matter_is_read_or_refused(front in pieces(), text in "[ -~\n]{0,80}", toml in any::<bool>()) {
        let fence = if toml { "+++" } else { "---" };
        check(format!("{fence}\n{front}\n{text}\n{fence}\nbody").as_bytes());
    }

    #[test]
    fn no_word_is_lost(posts in words()) {
        let source = posts.iter().map(|post| post.join("\n")).collect::<Vec<_>>().join("\n\n---\n\n");
        let draft = read(source.as_bytes(), Form::Markdown).unwrap();
        let bare = |text: &str| text.split_whitespace().collect::<String>();
        let read: Vec<String> = draft.posts.iter().map(|post| bare(&post.text.text)).collect();
        let written: Vec<String> = posts.iter().map(|post| post.concat()).collect();
        prop_assert_eq!(read, written);
    }
}
