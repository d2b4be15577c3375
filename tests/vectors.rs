//! Published vectors, read in place: twitter-text, Bluesky's rich text and syntax, Unicode's grapheme clusters.
//!
//! A case that is not followed on purpose stands in a list with its reason; if it begins to pass, the test fails, so that
//! the list stays true.

// What the helpers of a test unwrap is the test's own business.
#![allow(clippy::unwrap_used)]

#[path = "support/specs.rs"]
mod support;

use std::path::Path;

use serde_json::Value;
use support::specs;
use xpost::platform::bluesky::syntax;
use xpost::text::{Kind, Mark, Unit, detect};

/// Cases by name; a name is not followed if it is the key of an exception.
struct Judge {
    name: &'static str,
    exceptions: &'static [(&'static str, &'static str)],
    passed: usize,
    failures: Vec<String>,
    excepted: Vec<&'static str>,
}

impl Judge {
    fn of(name: &'static str, exceptions: &'static [(&'static str, &'static str)]) -> Judge {
        Judge { name, exceptions, passed: 0, failures: Vec::new(), excepted: Vec::new() }
    }

    fn case<T: PartialEq + std::fmt::Debug>(&mut self, case: &str, got: T, expected: T) {
        let exception = self.exceptions.iter().find(|(known, _)| *known == case);
        match (got == expected, exception) {
            (true, None) => self.passed += 1,
            (false, Some((known, _))) => self.excepted.push(known),
            (true, Some((known, _))) => self.failures.push(format!("`{known}` passes now: take it out of the list")),
            (false, None) => self.failures.push(format!("`{case}`\n     got: {got:?}\nexpected: {expected:?}")),
        }
    }

    fn end(mut self) {
        for (known, _) in self.exceptions {
            if !self.excepted.contains(known) && !self.failures.iter().any(|failure| failure.contains(known)) {
                self.failures.push(format!("`{known}` is listed but there is no such case"));
            }
        }
        println!("{}: {} passed, {} not followed", self.name, self.passed, self.excepted.len());
        for (known, reason) in self.exceptions {
            println!("  not followed: {known}: {reason}");
        }
        assert!(self.failures.is_empty(), "{}: {} wrong\n{}", self.name, self.failures.len(), self.failures.join("\n"));
        assert!(self.passed > 0, "{}: no cases", self.name);
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// `section/description` and the case, for all sections.
fn sections(path: &Path) -> Vec<(String, String, Value)> {
    let document = json(path);
    let mut all = Vec::new();
    for (section, cases) in document["tests"].as_object().unwrap() {
        for case in cases.as_array().unwrap() {
            all.push((section.clone(), format!("{section}/{}", case["description"].as_str().unwrap()), case.clone()));
        }
    }
    all
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_string()).collect()
}

fn parts(text: &str, ranges: &[std::ops::Range<usize>], sign: &[char]) -> Vec<String> {
    ranges.iter().map(|range| text[range.clone()].trim_start_matches(sign).to_string()).collect()
}

const SIGNS: &[char] = &['@', '＠', '#', '＃', '$'];

/// A text and its place in characters, as the vectors give places.
fn placed(text: &str, range: std::ops::Range<usize>) -> (String, u64, u64) {
    let chars = |at: usize| text[..at].chars().count() as u64;
    (text[range.clone()].trim_start_matches(SIGNS).to_string(), chars(range.start), chars(range.end))
}

fn expected_places(case: &Value, keys: &[&str]) -> Vec<(String, u64, u64)> {
    let items = case["expected"].as_array().unwrap();
    let text = |item: &Value| keys.iter().map(|key| item[*key].as_str().unwrap()).collect::<String>();
    items
        .iter()
        .map(|item| (text(item), item["indices"][0].as_u64().unwrap(), item["indices"][1].as_u64().unwrap()))
        .collect()
}

#[test]
fn twitter_text_extract() {
    let Some(path) = specs("twitter-text/extract.json") else { return };
    let mut judge = Judge::of("twitter-text extract", &[]);
    for (section, name, case) in sections(&path) {
        let text = case["text"].as_str().unwrap();
        let mentions = detect::x_mentions(text);
        let users: Vec<_> = mentions.iter().map(|found| found.range.start..found.user).collect();
        let whole: Vec<_> = mentions.iter().map(|found| found.range.clone()).collect();
        let place =
            |ranges: Vec<std::ops::Range<usize>>| ranges.into_iter().map(|r| placed(text, r)).collect::<Vec<_>>();
        match section.as_str() {
            "mentions" => judge.case(&name, parts(text, &users, SIGNS), strings(&case["expected"])),
            "mentions_with_indices" => judge.case(&name, place(users), expected_places(&case, &["screen_name"])),
            "mentions_or_lists_with_indices" => {
                judge.case(&name, place(whole), expected_places(&case, &["screen_name", "list_slug"]));
            }
            "replies" => judge.case(&name, detect::x_reply(text), case["expected"].as_str()),
            "urls" | "tco_urls_with_params" => {
                judge.case(&name, parts(text, &detect::x_urls(text), &[]), strings(&case["expected"]));
            }
            "urls_with_indices" | "urls_with_directional_markers" => {
                judge.case(&name, place(detect::x_urls(text)), expected_places(&case, &["url"]));
            }
            "hashtags" | "hashtags_from_astral" => {
                judge.case(&name, parts(text, &detect::x_hashtags(text), SIGNS), strings(&case["expected"]));
            }
            "hashtags_with_indices" => {
                judge.case(&name, place(detect::x_hashtags(text)), expected_places(&case, &["hashtag"]));
            }
            "cashtags" => judge.case(&name, parts(text, &detect::x_cashtags(text), SIGNS), strings(&case["expected"])),
            "cashtags_with_indices" => {
                judge.case(&name, place(detect::x_cashtags(text)), expected_places(&case, &["cashtag"]));
            }
            other => panic!("unknown section `{other}`"),
        }
    }
    judge.end();
}

#[test]
fn twitter_text_validate() {
    const EXCEPTIONS: &[(&str, &str)] = &[
        ("tweets/Invalid Tweet: 141 characters (due to newline)", "the limit of config v1; v3 has 280"),
        ("urls/Valid url: ipv6", "a valid address, but the counter of X knows only hosts with a top-level domain"),
        (
            "WeightedTweetsCounterTest/Count a mix of single byte single word, and double word unicode characters",
            "config v2 weighs each code point of an emoji; v3 counts a sequence as 2",
        ),
        (
            "WeightedTweetsCounterTest/Count unicode emoji chars outside the basic multilingual plane with skin tone modifiers",
            "config v2 weighs each code point of an emoji; v3 counts a sequence as 2",
        ),
    ];
    let Some(path) = specs("twitter-text/validate.json") else { return };
    let mut judge = Judge::of("twitter-text validate", EXCEPTIONS);
    for (section, name, case) in sections(&path) {
        let text = case["text"].as_str().unwrap();
        let expected = case["expected"].as_bool();
        let whole = |ranges: &[std::ops::Range<usize>]| Some(matches!(ranges, [range] if *range == (0..text.len())));
        match section.as_str() {
            "tweets" => {
                let length = Unit::Weighted.count(text);
                judge.case(&name, Some((1..=280).contains(&length)), expected);
            }
            "usernames" | "lists" => {
                let found = detect::x_mentions(text);
                let list = found.first().is_some_and(|found| found.user < found.range.end);
                let ranges: Vec<_> = found.into_iter().map(|found| found.range).collect();
                let valid = whole(&ranges).map(|whole| whole && list == (section == "lists"));
                judge.case(&name, valid, expected);
            }
            "hashtags" => judge.case(&name, whole(&detect::x_hashtags(text)), expected),
            "urls" | "urls_without_protocol" => judge.case(&name, whole(&detect::x_urls(text)), expected),
            "WeightedTweetsCounterTest"
            | "WeightedTweetsWithDiscountedEmojiCounterTest"
            | "UnicodeDirectionalMarkerCounterTest" => {
                let length = Unit::Weighted.count(text);
                let got = (length as u64, (1..=280).contains(&length), (length * 1000 / 280) as u64);
                let expected = &case["expected"];
                let expected = (
                    expected["weightedLength"].as_u64().unwrap(),
                    expected["valid"].as_bool().unwrap(),
                    expected["permillage"].as_u64().unwrap(),
                );
                judge.case(&name, got, expected);
            }
            other => panic!("unknown section `{other}`"),
        }
    }
    judge.end();
}

fn shown(text: &str, marks: &[Mark]) -> Vec<(String, String, u64, u64)> {
    let value = |kind: &Kind| match kind {
        Kind::Link { url } => ("link".to_string(), url.clone()),
        Kind::Mention { handle } => ("mention".to_string(), format!("did:fake:{handle}")),
        Kind::Tag { tag } => ("tag".to_string(), tag.clone()),
        other => panic!("{other:?} in {text:?}"),
    };
    marks
        .iter()
        .map(|mark| {
            let (kind, value) = value(&mark.kind);
            (kind, value, mark.start as u64, mark.end as u64)
        })
        .collect()
}

#[test]
fn bluesky_rich_text() {
    let Some(path) = specs("bluesky/richtext-detection.json") else { return };
    let document = json(&path);
    let mut judge = Judge::of("bluesky rich text", &[]);
    let place = |item: &Value| (item["byteStart"].as_u64().unwrap(), item["byteEnd"].as_u64().unwrap());
    for case in document["detection"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let expected = case["facets"].as_array().unwrap().iter().map(|facet| {
            let (start, end) = place(facet);
            let word = |key: &str| facet[key].as_str().unwrap().to_string();
            (word("kind"), word("value"), start, end)
        });
        judge.case(text, shown(text, &detect::bluesky(text)), expected.collect());
    }
    for case in document["tags"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let tags = strings(&case["tags"]);
        let expected = case["indices"].as_array().unwrap().iter().zip(tags).map(|(item, tag)| {
            let (start, end) = place(item);
            ("tag".to_string(), tag, start, end)
        });
        judge.case(text, shown(text, &detect::bluesky(text)), expected.collect());
    }
    judge.end();
}

#[test]
fn grapheme_breaks() {
    let Some(path) = specs("unicode/GraphemeBreakTest-15.0.txt") else { return };
    const EXCEPTIONS: &[(&str, &str)] =
        &[("÷ 2701 × 200D × 2701 ÷", "U+2701 is no pictograph any more since Unicode 17, which is what is counted by")];
    let mut judge = Judge::of("grapheme breaks 15.0", EXCEPTIONS);
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let case = line.split('#').next().unwrap().trim();
        if case.is_empty() {
            continue;
        }
        let mut text = String::new();
        let mut clusters = 0;
        for word in case.split_whitespace() {
            match word {
                "÷" => clusters += 1,
                "×" => {}
                hex => text.push(char::from_u32(u32::from_str_radix(hex, 16).unwrap()).unwrap()),
            }
        }
        judge.case(case, Unit::Graphemes.count(&text), clusters - 1);
    }
    judge.end();
}

#[test]
fn bluesky_syntax() {
    type Check = fn(&str) -> bool;
    const FILES: &[(&str, bool, Check)] = &[
        ("handle_syntax_valid", true, syntax::handle),
        ("handle_syntax_invalid", false, syntax::handle),
        ("did_syntax_valid", true, syntax::did),
        ("did_syntax_invalid", false, syntax::did),
        ("atidentifier_syntax_valid", true, syntax::identifier),
        ("atidentifier_syntax_invalid", false, syntax::identifier),
        ("nsid_syntax_valid", true, syntax::nsid),
        ("nsid_syntax_invalid", false, syntax::nsid),
        ("tid_syntax_valid", true, syntax::tid),
        ("tid_syntax_invalid", false, syntax::tid),
        ("recordkey_syntax_valid", true, syntax::record_key),
        ("recordkey_syntax_invalid", false, syntax::record_key),
        ("aturi_syntax_valid", true, syntax::at_uri),
        ("aturi_syntax_invalid", false, syntax::at_uri),
        ("datetime_syntax_valid", true, syntax::datetime),
        ("datetime_syntax_invalid", false, syntax::datetime),
        ("datetime_parse_invalid", false, syntax::datetime),
        ("language_syntax_valid", true, syntax::language),
        ("language_syntax_invalid", false, syntax::language),
        ("language_parse_invalid", false, syntax::language),
    ];
    let Some(folder) = specs("bluesky/interop-tests/syntax") else { return };
    let mut judge = Judge::of("bluesky syntax", &[]);
    for (file, valid, check) in FILES {
        let cases = std::fs::read_to_string(folder.join(format!("{file}.txt"))).unwrap();
        // White space belongs to a case: some are wrong because of it.
        for case in
            cases.lines().filter(|line| !line.is_empty() && !line.starts_with("# ") && !line.starts_with("#at:"))
        {
            judge.case(&format!("{file}/{case}"), check(case), *valid);
        }
    }
    judge.end();
}
