//! Drafts as people write them, right and wrong.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use xpost::draft::{CardChoice, Draft, DraftError, Form, Overflow, Vars, Visibility, parse};
use xpost::text::{Kind, Text};

fn vars() -> Vars {
    [("version".to_string(), "2.0".to_string())].into()
}

fn read(text: &str) -> Result<Draft, DraftError> {
    parse("draft.md", Path::new("/drafts"), text.as_bytes(), Form::Markdown, &vars())
}

fn good(text: &str) -> Draft {
    read(text).unwrap_or_else(|error| panic!("{error}"))
}

fn wrong(text: &str) -> String {
    read(text).expect_err("this draft is wrong").to_string()
}

fn first(text: &str) -> Text {
    good(text).posts.swap_remove(0).text
}

/// Marks with the words they cover.
fn marks(text: &Text) -> Vec<(String, Kind)> {
    text.marks.iter().map(|mark| (text.text[mark.start..mark.end].to_string(), mark.kind.clone())).collect()
}

const WHOLE: &str = r#"+++
title = "Ferris 2.0"
summary = "A new crab"
to = ["mastodon", "@work"]
lang = "en"
link = "https://example.org/ferris"
visibility = "unlisted"
warning = "long"
sensitive = true
tags = ["rust", "release"]
at = "2026-12-01 09:00"
zone = "Europe/Berlin"
expires = "30d"
reply_to = 12
quote = "https://social.example/@ann/1"
overflow = "truncate"
numbering = true
require_alt = true
card = { title = "Own", image = "card.png" }
media = ["a.png", { file = "b.png", alt = "A crab" }]
[poll]
options = ["yes", "no"]
duration = "7d"
multiple = true
[on.x]
text = "Ferris {{ version }} is out"
[on.youtube]
privacy = "unlisted"
category = 22
[people.ann]
mastodon = "@ann@example.org"
+++
**Ferris {{ version }}** is out, thanks @{ann}.

![The new crab, waving](crab.png)

---

A line of three dashes starts the next post of a thread.
"#;

#[test]
fn every_field_is_read() {
    let draft = good(WHOLE);
    let fields = &draft.fields;
    assert_eq!(fields.title.as_deref(), Some("Ferris 2.0"));
    assert_eq!(fields.to.as_deref(), Some(&["mastodon".to_string(), "@work".to_string()][..]));
    assert_eq!(fields.visibility, Some(Visibility::Unlisted));
    assert_eq!(fields.overflow, Some(Overflow::Truncate));
    assert_eq!(fields.reply_to.as_deref(), Some("12"));
    assert_eq!((fields.numbering, fields.require_alt, fields.sensitive), (Some(true), Some(true), Some(true)));
    let Some(CardChoice::Own(card)) = &fields.card else { panic!("{:?}", fields.card) };
    assert_eq!((card.title.as_deref(), card.image.as_deref()), (Some("Own"), Some("card.png")));
    let media = fields.media.as_ref().unwrap();
    assert_eq!((media[0].source.as_str(), media[0].alt.as_deref(), media[0].line), ("a.png", None, 20));
    assert_eq!((media[1].source.as_str(), media[1].alt.as_deref()), ("b.png", Some("A crab")));
    let poll = fields.poll.as_ref().unwrap();
    assert_eq!((poll.options.len(), poll.seconds(), poll.multiple), (2, Ok(604_800), true));
    assert_eq!(draft.on["x"].text.as_deref(), Some("Ferris 2.0 is out"));
    assert_eq!(draft.on["youtube"].extra["privacy"], "unlisted");
    assert_eq!(draft.on["youtube"].extra["category"], 22);
    assert_eq!(fields.people["ann"]["mastodon"], "@ann@example.org");
    assert_eq!(draft.posts.len(), 2);
    assert_eq!(draft.posts[0].text.text, "Ferris 2.0 is out, thanks ann.");
    assert_eq!(
        marks(&draft.posts[0].text),
        [("Ferris 2.0".to_string(), Kind::Strong), ("ann".to_string(), Kind::Mention { handle: "{ann}".into() })]
    );
    assert_eq!(draft.posts[0].media[0].alt.as_deref(), Some("The new crab, waving"));
    assert_eq!(draft.posts[0].media[0].line, 35);
    assert_eq!(draft.posts[1].text.text, "A line of three dashes starts the next post of a thread.");
    let sources: Vec<String> = draft.media().into_iter().map(|medium| medium.source).collect();
    assert_eq!(sources, ["crab.png", "a.png", "b.png", "card.png"]);
}

#[test]
fn yaml_says_the_same_as_toml() {
    let toml = good(
        "+++\ntitle = \"A\"\nlang = \"no\"\ntags = [\"x\", \"y\"]\nat = 2026-12-01 09:00:00\n[on.x]\nreply = \"all\"\n+++\nb\n",
    );
    let yaml = good(
        "---\ntitle: A\nlang: no\ntags: [x, y]\nat: 2026-12-01 09:00:00\nsummary:\non:\n  x:\n    reply: all\n---\nb\n",
    );
    assert_eq!(toml.fields.at.as_deref().map(|at| at.replace('T', " ")), yaml.fields.at);
    assert_eq!(toml.fields.tags, yaml.fields.tags);
    assert_eq!(toml.on, yaml.on);
    assert_eq!(yaml.fields.summary, None);
}

#[test]
fn the_hash_is_of_what_is_said() {
    let hash = |text: &str| good(text).hash;
    let same = hash("+++\ntitle = \"A\"\nlang = \"en\"\n+++\nhello {{ version }}\n");
    assert_eq!(same.len(), 64);
    assert_eq!(
        same,
        hash("\u{feff}+++\r\nlang='en'\r\ntitle='A'\r\nto='x'\r\nat='2026-12-01 09:00'\r\n+++\r\nhello 2.0")
    );
    assert_ne!(same, hash("+++\ntitle = \"A\"\nlang = \"de\"\n+++\nhello 2.0\n"));
    assert_ne!(same, hash("+++\ntitle = \"A\"\nlang = \"en\"\n+++\nhello 2.1\n"));
}

#[test]
fn wrong_front_matter_names_line_and_way_out() {
    insta::assert_snapshot!(
        [
            wrong("+++\nlang = \"en\"\ntitel = \"x\"\n+++\nb"),
            wrong("---\nlang: en\ncontent_warning: x\n---\nb"),
            wrong("+++\nprivacy = \"x\"\n+++\nb"),
            wrong("+++\nthreadgate = \"x\"\n+++\nb"),
            wrong("---\ntitle: 2.0\n---\nb"),
            wrong("+++\nnumbering = \"yes\"\n+++\nb"),
            wrong("+++\nvisibility = \"private\"\n+++\nb"),
            wrong("+++\n[poll]\noptions = [\"a\", \"b\"]\nmultipel = true\n+++\nb"),
            wrong("+++\n[poll]\noptions = [\"a\", \"a\"]\n+++\nb"),
            wrong("+++\nlink = \"example.org\"\n+++\nb"),
            wrong("+++\nlang = \"english\"\n+++\nb"),
            wrong("+++\nat = \"2026-03-29 02:30\"\nzone = \"Europe/Berlin\"\n+++\nb"),
            wrong("+++\nzone = \"Europe/Belrin\"\n+++\nb"),
            wrong("+++\nat = \"2026-12-01\"\n+++\nb"),
            wrong("+++\nexpires = \"soon\"\n+++\nb"),
            wrong("+++\nreply_to = \"that one\"\n+++\nb"),
            wrong("+++\ntags = [\"a\", 3]\n+++\nb"),
            wrong("+++\nmedia = [{ alt = \"x\" }]\n+++\nb"),
            wrong("+++\n[on]\nx = 3\n+++\nb"),
            wrong("+++\ntitle = \"a\"\ntitle = \"b\"\n+++\nb"),
            wrong("+++\ntitle = \"a\nb\n+++\nb"),
            wrong("---\ntitle: \"a\nlang: en\n---\nb"),
            wrong("+++\ntitle = \"a\"\n"),
            wrong("+++\ntitle = \"{{ verson }}\"\n+++\nb"),
            wrong("+++\ntitle = \"a\"\n+++\nline\n{{ nam }}\n"),
            wrong("+++\ntitle = \"\\u0007\"\n+++\nb"),
        ]
        .join("\n")
    );
}

#[test]
fn what_is_no_draft_is_said_so() {
    let bytes = |bytes: &[u8]| {
        parse("draft.md", Path::new(""), bytes, Form::Markdown, &vars()).expect_err("no draft").to_string()
    };
    insta::assert_snapshot!(
        [
            bytes(b""),
            bytes(b"  \n\n---\n\n"),
            bytes(b"+++\nlang = \"en\"\n+++\n"),
            bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
            bytes(b"one\ntwo\n\x89PNG\0"),
            bytes(b"one\ntwo \xff\n"),
            bytes(b"\xff\xfeh\0i\0"),
            bytes(&vec![b'a'; 10 * 1024 * 1024 + 1]),
            bytes(b"one\nab\x1b[31mred"),
            bytes("one\n\u{9d}".as_bytes()),
        ]
        .join("\n")
    );
}

#[test]
fn ten_megabytes_are_read_in_reasonable_time() {
    let began = std::time::Instant::now();
    for line in
        ["word #tag @{ann} https://a.example/b_c_d **bold** ", "* item\n", "![](a.png)\n", "[a](b) ", "`c` <b> "]
    {
        let many = line.repeat(1024 * 1024 / line.len());
        assert!(!good(&many).posts.is_empty());
    }
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

#[test]
fn thread_breaks() {
    let texts = |text: &str| good(text).posts.into_iter().map(|post| post.text.text).collect::<Vec<_>>();
    assert_eq!(texts("one\n\n---\n\ntwo\n\n---\n---\nthree"), ["one", "two", "three"]);
    assert_eq!(texts("no heading\n---\ntwo"), ["no heading", "two"]);
    assert_eq!(texts("- item\n---\ntwo"), ["• item", "two"]);
    assert_eq!(texts("a heading\n------\ntwo"), ["a heading\n\ntwo"]);
    assert_eq!(texts("```\na\n---\nb\n```\n\n---\n\ntwo"), ["a\n---\nb", "two"]);
    assert_eq!(texts("one\n\n***\n\nstill one"), ["one\n\n———\n\nstill one"]);
    assert_eq!(texts("<!--\n---\n-->\none"), ["one"]);
    assert_eq!(texts("one\n\n---   \n\n![a](b.png)\n\n---\n\nthree"), ["one", "", "three"]);
    assert_eq!(texts("[a][1]\n\n---\n\ntwo\n\n[1]: https://a.example"), ["a", "two"]);
}

#[test]
fn blocks_become_readable_text() {
    let text = first(
        "# Head *line*\n\nA line\nand its next,  \nbroken.\n\n- one\n- two\n  1. deep\n  2. deeper\n\n> said\n> so\n\n```rust\nfn x() {}\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- [x] done\n- [ ] open\n\nfoot[^1]\n\n[^1]: note\n",
    );
    insta::assert_snapshot!(text.text);
    insta::assert_debug_snapshot!(marks(&text));
}

#[test]
fn loose_lists_and_inner_paragraphs() {
    assert_eq!(first("1. one\n\n   more\n\n2. two\n").text, "1. one\n\nmore\n\n2. two");
    assert_eq!(first("para\n- a\n- b\n\nend").text, "para\n\n• a\n• b\n\nend");
    assert_eq!(first("9. nine\n10. ten").text, "9. nine\n10. ten");
}

#[test]
fn marks_lie_on_their_words() {
    let text = first(
        "**bold _both_** ~~gone~~ `code #no @{no}` [label](https://a.example/x) <https://b.example> a\\#b \\#c \\@{d}",
    );
    assert_eq!(text.text, "bold both gone code #no @{no} label https://b.example a#b #c @{d}");
    assert_eq!(
        marks(&text),
        [
            ("bold both".to_string(), Kind::Strong),
            ("both".to_string(), Kind::Emphasis),
            ("gone".to_string(), Kind::Strike),
            ("code #no @{no}".to_string(), Kind::Code),
            ("label".to_string(), Kind::Link { url: "https://a.example/x".into() }),
            ("https://b.example".to_string(), Kind::Link { url: "https://b.example".into() }),
        ]
    );
}

#[test]
fn bare_urls_survive_markdown() {
    for url in [
        "https://a.example/_foo_/__bar__",
        "https://a.example/x*y*z",
        "https://a.example/~~x~~/y",
        "https://en.wikipedia.org/wiki/Rust_(programming_language)",
        "https://a.example/?a=1&b=2#frag",
    ] {
        for text in [format!("see {url} there"), format!("**{url}**"), format!("- {url}\n")] {
            let text = first(&text);
            let link = marks(&text).into_iter().find(|(_, kind)| matches!(kind, Kind::Link { .. }));
            assert_eq!(link, Some((url.to_string(), Kind::Link { url: url.into() })), "{}", text.text);
        }
        assert_eq!(first(&format!("`{url}`")).text, url);
        assert_eq!(first(&format!("```\n{url}\n```")).text, url);
        assert_eq!(first(&format!("<{url}>")).text, url);
        assert_eq!(marks(&first(&format!("[x]({url})")))[0].1, Kind::Link { url: url.into() });
    }
}

#[test]
fn images_are_taken_out_of_the_text() {
    let draft = good(
        "a ![x](one.png) b\n\n![](two.png)\n\n- ![y](three.png)\n- c\n\n[![z](four.png)](https://a.example)\n\nend",
    );
    let post = &draft.posts[0];
    assert_eq!(post.text.text, "a b\n\n• c\n\nhttps://a.example\n\nend");
    let media: Vec<_> = post.media.iter().map(|m| (m.source.as_str(), m.alt.as_deref(), m.line)).collect();
    assert_eq!(
        media,
        [("one.png", Some("x"), 1), ("two.png", None, 3), ("three.png", Some("y"), 5), ("four.png", Some("z"), 8)]
    );
    assert_eq!(good("![*crab* `x`\n  waving](a.png)").posts[0].media[0].alt.as_deref(), Some("crab x waving"));
}

#[test]
fn html_and_links_that_lead_nowhere_are_noted() {
    let draft =
        good("a <u>b</u><br>c\n\n<div>\n  <p>words &amp; more</p><script>x()</script>\n</div>\n\n[doc](docs/x.md)");
    assert_eq!(draft.posts[0].text.text, "a b\nc\n\nwords & more\n\ndoc");
    let codes: Vec<_> = draft.notes.iter().map(|note| (note.code.as_str(), note.line)).collect();
    assert_eq!(codes, [("html_dropped", 1), ("html_dropped", 3), ("relative_link", 7)]);
    assert!(marks(&draft.posts[0].text).is_empty());
}

#[test]
fn scripts_without_blanks_are_joined_without_one() {
    assert_eq!(first("日本語\nテキスト").text, "日本語テキスト");
    assert_eq!(first("한국어\n텍스트").text, "한국어 텍스트");
    assert_eq!(first("one\ntwo").text, "one two");
}

#[test]
fn plain_text_stays_as_it_is() {
    let plain = |text: &str| parse("n.txt", Path::new(""), text.as_bytes(), Form::Plain, &vars()).unwrap();
    let draft =
        plain("+++\nlang = \"de\"\n+++\n*no* _marks_ #tag https://a.example\n  x\n\n---\n\n# not a heading @{ann}\n");
    let texts: Vec<_> = draft.posts.iter().map(|post| post.text.text.as_str()).collect();
    assert_eq!(texts, ["*no* _marks_ #tag https://a.example\n  x", "# not a heading ann"]);
    let words: Vec<_> = marks(&draft.posts[0].text).into_iter().map(|(words, _)| words).collect();
    assert_eq!(words, ["#tag", "https://a.example"]);
    assert_eq!(Form::of(Path::new("a/b.TXT")), Form::Plain);
    assert_eq!(Form::of(Path::new("a/b.md")), Form::Markdown);
}

#[test]
fn a_draft_may_be_a_link_or_a_poll_alone() {
    assert_eq!(good("+++\nlink = \"https://a.example\"\n+++\n").posts.len(), 1);
    assert_eq!(good("+++\n[on.x]\ntext = \"only here\"\n+++\n").posts.len(), 1);
}

#[test]
fn words_in_angle_brackets_are_kept() {
    let text = |body: &str| first(body).text;
    assert_eq!(text("a Vec<T> of <three> & a <b>bold</b> <Foo/>"), "a Vec<T> of <three> & a bold <Foo/>");
    assert_eq!(text("<three>\nwords\n\nmore"), "<three>\nwords\n\nmore");
    assert_eq!(text("<div>kept</div>\n\n<!-- gone -->"), "kept");
}
