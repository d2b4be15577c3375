//! Any bytes as a draft: `cargo +nightly fuzz run draft`.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use xpost::draft::{Form, Vars, parse};
use xpost::text::Markup;

fuzz_target!(|bytes: &[u8]| {
    let vars: Vars = [("name".to_string(), "Ferris".to_string())].into();
    for form in [Form::Markdown, Form::Plain] {
        let Ok(draft) = parse("draft.md", Path::new(""), bytes, form, &vars) else { continue };
        for post in &draft.posts {
            let mut last = (0, 0);
            for mark in &post.text.marks {
                assert!(post.text.text.get(mark.start..mark.end).is_some_and(|words| !words.is_empty()));
                assert!(last <= (mark.start, usize::MAX - mark.end));
                last = (mark.start, usize::MAX - mark.end);
            }
            for markup in [Markup::Plain, Markup::Links, Markup::Html, Markup::Markdown, Markup::Discord, Markup::Mrkdwn] {
                markup.encode(&markup.fit(&post.text));
            }
        }
    }
});
