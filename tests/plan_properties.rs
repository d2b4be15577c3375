//! Nothing is lost over the parts, and no part is over its limit.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/quay.rs"]
mod quay;

use std::path::Path;

use proptest::prelude::*;
use quay::{picture, target};
use xpost::draft::{Form, Vars, parse};
use xpost::media::Facts;
use xpost::plan::{Known, Plan, Settings, Target, plan};
use xpost::text::{Markup, Unit};

fn planned(text: &str, target: &Target) -> Plan {
    let draft = parse("draft.md", Path::new(""), text.as_bytes(), Form::Markdown, &Vars::new())
        .unwrap_or_else(|error| panic!("{error}"));
    let media = draft.media().into_iter().map(|medium| (medium.source.clone(), Ok(picture(&medium.source)))).collect();
    let facts = Facts { media, ..Facts::default() };
    plan(&draft, &facts, target, &Known::default(), &Settings::default())
}

fn bare(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Words, sentences, paragraphs, URLs, tags and clusters, none longer than 24 characters.
fn prose() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        6 => "[a-zA-Zäöü]{1,12}",
        1 => "[a-z]{2,6}[.!?]",
        1 => Just("https://a.example/b_c".to_string()),
        1 => Just("#hashtag".to_string()),
        1 => Just("日本語。".to_string()),
        1 => Just("👩‍👩‍👧🇩🇪".to_string()),
        1 => Just("**strong words**".to_string()),
        1 => Just("\n\n".to_string()),
    ];
    prop::collection::vec(word, 1..120).prop_map(|words| format!("x {}", words.join(" ")))
}

fn limited(max: usize, unit: Unit, caption: Option<usize>) -> Target {
    target(|spec| {
        spec.text.max = Some(max);
        spec.text.unit = unit;
        spec.text.caption = caption;
        spec.text.also = Some((Unit::Bytes, max * 5));
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_thread_holds_every_word_and_keeps_every_limit(
        text in prose(), max in 60usize..200, bytes in any::<bool>(), pictures in 0usize..7, caption in any::<bool>(),
        numbering in any::<bool>(),
    ) {
        let unit = if bytes { Unit::Bytes } else { Unit::Graphemes };
        let quay = limited(max, unit, caption.then_some(50));
        let pictures: String = (0..pictures).map(|n| format!("![{n}]({n}.png)\n")).collect();
        let plan = planned(&format!("+++\nnumbering = {numbering}\n+++\n{text}\n\n{pictures}"), &quay);
        prop_assert_eq!(&plan.problems, &vec![]);
        let of = plan.parts.len();
        let mut said = String::new();
        for (index, part) in plan.parts.iter().enumerate() {
            prop_assert!(part.count <= part.limit.unwrap(), "{:?}", part);
            prop_assert!(part.text.text.len() <= max * 5);
            prop_assert_eq!(part.count, unit.count(&Markup::Plain.encode(&part.text)));
            prop_assert!(part.media.len() <= 4);
            let mut words = part.text.text.as_str();
            if numbering && of > 1 && !words.is_empty() {
                words = words.strip_suffix(&format!("({}/{of})", index + 1)).unwrap();
            }
            said.push_str(&bare(words));
        }
        let draft = parse("d", Path::new(""), text.as_bytes(), Form::Markdown, &Vars::new()).unwrap();
        prop_assert_eq!(said, bare(&draft.posts[0].text.text));
        let spread: usize = plan.parts.iter().map(|part| part.media.len()).sum();
        prop_assert_eq!(spread, pictures.lines().count());
    }

    #[test]
    fn a_cut_text_keeps_its_limit_and_its_link(text in prose(), max in 60usize..200) {
        let quay = limited(max, Unit::Graphemes, None);
        let front = "+++\noverflow = \"truncate\"\nlink = \"https://kept.example/page\"\n+++\n";
        let plan = planned(&format!("{front}{text}"), &quay);
        prop_assert_eq!(&plan.problems, &vec![]);
        prop_assert_eq!(plan.parts.len(), 1);
        prop_assert!(plan.parts[0].count <= max);
        prop_assert!(plan.parts[0].text.text.contains("https://kept.example/page"));
        let cut = plan.parts[0].text.text.contains('…');
        prop_assert_eq!(cut, plan.changes.iter().any(|note| note.code == "truncated"));
    }

    #[test]
    fn planning_twice_is_the_same(text in prose()) {
        let quay = limited(80, Unit::Weighted, None);
        prop_assert_eq!(planned(&text, &quay), planned(&text, &quay));
    }
}
