//! What the twin thinks of blocks, and what a reader sees of mrkdwn.

use serde_json::Value;

use super::blocks::{ALT, HEADER, MOST, SECTION};

/// Judges a list of blocks as Block Kit's reference has them.
pub(super) fn check_blocks(blocks: &Value) -> Result<(), String> {
    let list = blocks.as_array().ok_or("must be an array")?;
    if list.len() > MOST {
        return Err(format!("no more than {MOST} items allowed"));
    }
    for (n, block) in list.iter().enumerate() {
        let fail = |why: &str| Err(format!("{why} [json-pointer:/blocks/{n}]"));
        let length = |value: &Value| value.as_str().map_or(0, |text| text.chars().count());
        let text = &block["text"];
        match block["type"].as_str() {
            Some("header") if text["type"] != "plain_text" => return fail("a header is plain_text"),
            Some("header") if !(1..=HEADER).contains(&length(&text["text"])) => {
                return fail("must be less than 151 characters");
            }
            Some("section") if block.get("fields").is_none() && !(1..=SECTION).contains(&length(&text["text"])) => {
                return fail("must be less than 3001 characters");
            }
            Some("section") if text.is_object() && text["type"] != "mrkdwn" && text["type"] != "plain_text" => {
                return fail("unsupported type of text");
            }
            Some("image") if !(1..=ALT).contains(&length(&block["alt_text"])) => {
                return fail("missing required field: alt_text");
            }
            Some(
                "header" | "section" | "image" | "divider" | "context" | "actions" | "rich_text" | "markdown" | "video"
                | "file" | "input",
            ) => {}
            _ => return fail("unsupported type"),
        }
    }
    Ok(())
}

const ZERO: char = '\u{200b}';

/// What a reader sees of a text: signs of format gone, links by their label, references by their name.
pub(super) fn shown(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        plain.push_str(&signs(&rest[..at]));
        let (inner, after) = rest[at + 1..].split_once('>').unwrap_or((&rest[at + 1..], ""));
        plain.push_str(&match (inner.split_once('|'), inner.chars().next()) {
            (Some((_, label)), _) => signs(label),
            (None, Some('!')) => format!("@{}", &inner[1..]),
            _ => inner.to_string(),
        });
        rest = after;
    }
    plain.push_str(&signs(rest));
    plain.replace(ZERO, "").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// A sign opens at the edge of a word where the same sign ends one later on; one with a space of no width behind it is a character.
fn signs(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut open: Vec<char> = Vec::new();
    for (n, &c) in chars.iter().enumerate() {
        let (before, after) = (n.checked_sub(1).map(|n| chars[n]), chars.get(n + 1).copied());
        let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let space = |c: Option<char>| c.is_none_or(char::is_whitespace);
        if !matches!(c, '*' | '_' | '~' | '`') || after == Some(ZERO) && before != Some(ZERO) && !open.contains(&c) {
            out.push(c);
        } else if open.contains(&c) && !space(before) && !word(after) {
            open.retain(|sign| *sign != c);
        } else if !open.contains(&c) && !word(before) && !space(after) && closes(&chars[n + 1..], c) {
            open.push(c);
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether the sign ends a word further on in this line.
fn closes(rest: &[char], sign: char) -> bool {
    let line = rest.iter().take_while(|c| **c != '\n').count();
    (1..line).any(|n| {
        rest[n] == sign
            && !rest[n - 1].is_whitespace()
            && !rest.get(n + 1).is_some_and(|c| c.is_alphanumeric() || *c == ZERO)
    })
}
