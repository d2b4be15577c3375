//! Block Kit: a draft's title and text as blocks, or blocks of the draft's own. Pure.
//!
//! Limits: docs.slack.dev, "Block Kit", reference of the blocks, 2026-11-22.

use serde_json::{Value, json};

use crate::platform::{Ask, Piece};
use crate::text::{Markup, Text, split};

/// Most blocks of a message; longest text of a header, of a section, and longest alt text of an image block.
pub(super) const MOST: usize = 50;
pub(super) const HEADER: usize = 150;
pub(super) const SECTION: usize = 3000;
pub(super) const ALT: usize = 2000;

/// `blocks = true` makes a header of the title and sections of the text; a list is taken as it is, with the first post.
pub(super) fn blocks(ask: &Ask, piece: &Piece, encoded: &str) -> Result<Option<Value>, String> {
    match ask.content.option("blocks") {
        None | Some(Value::Bool(false)) => Ok(None),
        Some(Value::Bool(true)) => made(ask, piece, encoded).map(Some),
        Some(Value::Array(own)) if piece.index == 0 => {
            check(own)?;
            Ok(Some(json!(own)))
        }
        Some(Value::Array(_)) => Ok(None),
        Some(other) => Err(format!("`blocks` is `true` or a list of blocks, not `{other}`")),
    }
}

fn made(ask: &Ask, piece: &Piece, encoded: &str) -> Result<Value, String> {
    let mut blocks = Vec::new();
    let mut text = piece.text.clone();
    let title = ask.content.title.as_deref().map(str::trim).filter(|title| !title.is_empty() && piece.index == 0);
    if let Some(title) = title
        && title.chars().count() <= HEADER
        && let Some(rest) = text.text.strip_prefix(title)
        && (rest.is_empty() || rest.starts_with('\n'))
    {
        blocks.push(json!({"type": "header", "text": {"type": "plain_text", "text": title}}));
        text = text.slice(title.len(), text.text.len()).trim();
    }
    // what stands before the text (a mention) is not in it
    let before = encoded.strip_suffix(&Markup::Mrkdwn.encode(&piece.text)).unwrap_or_default().trim_end().to_string();
    let fits = |index: usize, text: &Text| {
        let room = if index == 0 { SECTION.saturating_sub(before.chars().count() + 1) } else { SECTION };
        Markup::Mrkdwn.encode(text).chars().count() <= room
    };
    let sections = if text.is_empty() { Vec::new() } else { split(&text, &fits).map_err(|_| too_long())? };
    let mut sections: Vec<String> = sections.iter().map(|text| Markup::Mrkdwn.encode(text)).collect();
    if !before.is_empty() {
        match sections.first_mut() {
            Some(first) => *first = format!("{before} {first}"),
            None => sections.push(before),
        }
    }
    blocks.extend(sections.iter().map(|text| json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})));
    if blocks.is_empty() { Err("`blocks = true` needs a text or a title".into()) } else { Ok(json!(blocks)) }
}

fn too_long() -> String {
    format!("a word of the text is longer than a section of {SECTION} characters; leave `blocks` out")
}

/// Blocks written by hand: what would be refused for sure is said before.
fn check(blocks: &[Value]) -> Result<(), String> {
    if blocks.is_empty() || blocks.len() > MOST {
        return Err(format!("`blocks` has 1 to {MOST} blocks, not {}", blocks.len()));
    }
    for (n, block) in blocks.iter().enumerate() {
        let at = n + 1;
        let Some(kind) = block["type"].as_str() else {
            return Err(format!("block {at} has no `type`, such as `section`"));
        };
        let length = |value: &Value| value.as_str().map_or(0, |text| text.chars().count());
        let (what, length, most) = match kind {
            "header" => ("the text", length(&block["text"]["text"]), HEADER),
            "section" => ("the text", length(&block["text"]["text"]), SECTION),
            "image" if length(&block["alt_text"]) == 0 => {
                return Err(format!("block {at} is an image without `alt_text`"));
            }
            "image" => ("`alt_text`", length(&block["alt_text"]), ALT),
            _ => continue,
        };
        if length > most {
            return Err(format!("{what} of block {at} (`{kind}`) has {length} characters, {most} are allowed"));
        }
    }
    Ok(())
}
