//! Draft to request bodies. Pure.

use serde_json::{Map, Value, json};

use super::api::post_at;
use super::{Mode, mode};
use crate::platform::{Ask, Piece, Reference};
use crate::text::Markup;

/// Options that only a webhook can fulfil.
const WEBHOOK_ONLY: &[&str] = &["username", "icon_url", "icon_emoji"];
const NOBODY: char = '\u{200b}';

/// One post as `{"body"}`; channel, thread, files and key are added when it is sent.
pub(super) fn encode(ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
    let mode = ask.account.map_or(Mode::Token, mode);
    check(ask, piece, mode)?;
    let crowd = ask.content.option_bool("mention_all") == Some(true);
    let message = dialect(&Markup::Markdown.encode(&piece.text), crowd);
    let length = message.chars().count();
    if let Some(most) = ask.limits.text.filter(|most| length > *most) {
        return Err(format!("the text has {length} characters as it is sent, {most} are allowed"));
    }
    let first = piece.index == 0;
    let attachments = attachments(ask)?.filter(|_| first);
    if message.is_empty() && piece.media.is_empty() && attachments.is_none() {
        return Err("a post needs a text, a file or an attachment".into());
    }
    let priority = priority(ask, mode)?.filter(|_| first);
    let mut body = Map::new();
    if mode == Mode::Webhook {
        body.insert("text".into(), json!(message));
        for key in WEBHOOK_ONLY {
            if let Some(value) = ask.chosen(key) {
                body.insert((*key).into(), json!(value));
            }
        }
        body.extend(attachments.map(|list| ("attachments".to_string(), list)));
        body.extend(priority.map(|priority| ("priority".to_string(), priority)));
        return Ok(json!({ "body": body }));
    }
    body.insert("message".into(), json!(message));
    body.extend(attachments.map(|list| ("props".to_string(), json!({ "attachments": list }))));
    body.extend(priority.map(|priority| ("metadata".to_string(), json!({ "priority": priority }))));
    if let Some(at) = ask.content.option_time("publish_at")? {
        body.insert("scheduled_at".into(), json!(at.timestamp_millis()));
    }
    Ok(json!({ "body": body }))
}

fn check(ask: &Ask, piece: &Piece, mode: Mode) -> Result<(), String> {
    let content = ask.content;
    if mode == Mode::Webhook {
        if content.option("publish_at").is_some() {
            return Err("a webhook cannot do `publish_at`; use an account with a token".into());
        }
        return match content.reply_to {
            Some(_) => Err("a webhook cannot reply; use an account with a token".into()),
            None => Ok(()),
        };
    }
    if let Some(key) = WEBHOOK_ONLY.iter().find(|key| content.option(key).is_some()) {
        return Err(format!("a token cannot do `{key}`; use an account with a webhook"));
    }
    if let Some(Reference::Url(url)) = &content.reply_to {
        post_at(url)?;
    }
    if content.option("publish_at").is_some() {
        if piece.of > 1 {
            return Err("Mattermost schedules single posts: what shall reply to one does not know it yet; make the draft one post, or let xpost wait with `--at`".into());
        }
        if ask.account.is_some_and(|account| account.about["schedule"] == false) {
            return Err("this server schedules nothing; leave `publish_at` out and let xpost wait with `--at`".into());
        }
        if content.option("priority").is_some() || content.option("ack").is_some() {
            return Err("a post that waits for its time has no priority; leave one of the two out".into());
        }
    }
    if let Some(account) = ask.account.filter(|account| account.filled("channel").is_none()) {
        return Err(format!(
            "account `{0}` has no `channel` to post to; choose one with `xpost account targets {0}`",
            account.name
        ));
    }
    Ok(())
}

/// Priority, acknowledgement, persistent notifications.
fn priority(ask: &Ask, mode: Mode) -> Result<Option<Value>, String> {
    let content = ask.content;
    let level = content.option_str("priority").unwrap_or_default();
    let (ack, persistent) = (content.option_bool("ack") == Some(true), content.option_bool("persistent") == Some(true));
    if level.is_empty() && !ack && !persistent {
        return Ok(None);
    }
    if content.reply_to.is_some() {
        return Err("only the first post of a thread has a priority; leave `priority` and `ack` out".into());
    }
    if ask.account.is_some_and(|account| account.about["priority"] == false) {
        return Err("this server has no priorities; leave `priority`, `ack` and `persistent` out".into());
    }
    if persistent && level != "urgent" {
        return Err("`persistent` needs `priority = \"urgent\"`".into());
    }
    if persistent && mode == Mode::Webhook {
        return Err("a webhook cannot do `persistent`; use an account with a token".into());
    }
    let mut priority = json!({ "priority": level });
    if ack {
        priority["requested_ack"] = json!(true);
    }
    if persistent {
        priority["persistent_notifications"] = json!(true);
    }
    Ok(Some(priority))
}

/// A list of tables; what the server does not know in them it leaves out.
fn attachments(ask: &Ask) -> Result<Option<Value>, String> {
    match ask.content.option("attachments") {
        None | Some(Value::Bool(false)) => Ok(None),
        Some(Value::Array(list)) if !list.is_empty() && list.iter().all(Value::is_object) => Ok(Some(json!(list))),
        Some(other) => Err(format!("`attachments` is a list of tables, not `{other}`")),
    }
}

/// CommonMark as Mattermost's reader has it (<https://github.com/mattermost/marked>, 2026-11-22): it knows no backslash before `<`, `&`
/// and `=`, and would show it. What calls a crowd is broken by a character of no width, unless it is meant.
pub(super) fn dialect(text: &str, crowd: bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        if c == '`' {
            // code stays as it is, up to as many backticks
            let fence = rest.len() - rest.trim_start_matches('`').len();
            let (open, behind) = rest.split_at(fence);
            let end = code_end(behind, fence).map_or(fence, |end| fence + end + open.len());
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        match (c, after.chars().next()) {
            ('\\', Some('<')) => {
                out.push('<');
                let inner = after[1..].split(['>', ' ', '\n']).next().unwrap_or_default();
                // what it would take for an address
                if inner.contains('@') || inner.contains(":/") || inner.starts_with('<') {
                    out.push(NOBODY);
                }
                rest = &after[1..];
            }
            ('\\', Some('&')) => {
                out.push('&');
                if entity(&after[1..]) {
                    out.push(NOBODY);
                }
                rest = &after[1..];
            }
            ('\\', Some('=')) => {
                out.push(NOBODY);
                out.push('=');
                rest = &after[1..];
            }
            ('\\', Some(escaped)) => {
                out.push(c);
                out.push(escaped);
                rest = &after[escaped.len_utf8()..];
            }
            ('@', _) if !crowd && calls(after) && !out.ends_with(|c: char| c.is_alphanumeric()) => {
                out.push(c);
                out.push(NOBODY);
                rest = after;
            }
            _ => {
                out.push(c);
                rest = after;
            }
        }
    }
    out
}

/// Where a run of exactly so many backticks begins.
fn code_end(text: &str, fence: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(start) = text[at..].find('`').map(|start| at + start) {
        let run = text[start..].len() - text[start..].trim_start_matches('`').len();
        if run == fence {
            return Some(start);
        }
        at = start + run;
    }
    None
}

/// Whether what follows an `&` would be read as a character.
fn entity(text: &str) -> bool {
    let name = text.strip_prefix('#').unwrap_or(text);
    name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .is_some_and(|end| end > 0 && name[end..].starts_with(';'))
}

/// Whether what follows an `@` is the name of a crowd.
fn calls(text: &str) -> bool {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').unwrap_or(text.len());
    ["all", "channel", "here"].iter().any(|crowd| text[..end].eq_ignore_ascii_case(crowd))
}
