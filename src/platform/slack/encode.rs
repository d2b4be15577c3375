//! Draft to request bodies. Pure.

use serde_json::{Map, Value, json};

use super::api::{is_channel, message_at};
use super::blocks::blocks;
use super::{Mode, mode};
use crate::draft::CardChoice;
use crate::platform::{Ask, Piece, Reference};
use crate::text::Markup;

/// Options that only a bot can fulfil.
const BOT_ONLY: &[&str] = &["broadcast", "username", "icon_url", "icon_emoji", "publish_at"];
/// What needs a permission of its own, and which.
const IDENTITY: &[&str] = &["username", "icon_url", "icon_emoji"];

/// One message as `{"method", "body"}`; channel, thread and files are added when it is sent.
pub(super) fn encode(ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
    let mode = ask.account.map_or(Mode::Token, mode);
    check(ask, piece, mode)?;
    let mut body = Map::new();
    let mut text = Markup::Mrkdwn.encode(&piece.text);
    if piece.index == 0
        && let Some(mention) = mention(ask)?
    {
        text = if text.is_empty() { mention } else { format!("{mention} {text}") };
    }
    let blocks = blocks(ask, piece, &text)?;
    if mode == Mode::Token {
        for key in IDENTITY {
            if let Some(value) = ask.chosen(key) {
                body.insert((*key).into(), json!(value));
            }
        }
    }
    let planned = |method: &str, body: Map<String, Value>| Ok(json!({"method": method, "body": body}));
    if !piece.media.is_empty() {
        // beside an `initial_comment` blocks are ignored
        match blocks {
            Some(blocks) => drop(body.insert("blocks".into(), blocks)),
            None if !text.is_empty() => drop(body.insert("initial_comment".into(), json!(text))),
            None => {}
        }
        return planned("files.completeUploadExternal", body);
    }
    if text.is_empty() && blocks.is_none() {
        return Err("a message needs a text, a file or blocks".into());
    }
    body.insert("text".into(), json!(text));
    if let Some(blocks) = blocks {
        body.insert("blocks".into(), blocks);
    }
    let previews = ask.content.card_choice != Some(CardChoice::Wanted(false));
    for key in ["unfurl_links", "unfurl_media"] {
        body.insert(key.into(), json!(ask.content.option_bool(key).unwrap_or(previews)));
    }
    if mode == Mode::Webhook {
        return planned("incoming-webhook", body);
    }
    let reply = piece.index > 0 || ask.content.reply_to.is_some();
    if reply && ask.content.option_bool("broadcast") == Some(true) {
        body.insert("reply_broadcast".into(), json!(true));
    }
    match ask.content.option_time("publish_at")? {
        Some(at) => {
            body.insert("post_at".into(), json!(at.timestamp()));
            planned("chat.scheduleMessage", body)
        }
        None => planned("chat.postMessage", body),
    }
}

fn check(ask: &Ask, piece: &Piece, mode: Mode) -> Result<(), String> {
    let content = ask.content;
    if mode == Mode::Webhook {
        let asked = |key: &&&str| content.option(key).is_some_and(|value| *value != Value::Bool(false));
        if let Some(key) = BOT_ONLY.iter().find(asked) {
            return Err(format!("a webhook cannot do `{key}`; use an account with a bot's token"));
        }
        if content.reply_to.is_some() {
            return Err("a webhook cannot reply; use an account with a bot's token".into());
        }
        return Ok(());
    }
    if content.option("publish_at").is_some() {
        if piece.of > 1 {
            return Err("Slack schedules single messages: what shall reply to one does not know it yet; make the draft one post, or let xpost wait with `--at`".into());
        }
        if !piece.media.is_empty() {
            return Err("Slack does not schedule files; leave `publish_at` out and let xpost wait with `--at`".into());
        }
    }
    let Some(account) = ask.account else { return Ok(()) };
    let channel = account.filled("channel").unwrap_or_default();
    if channel.is_empty() {
        return Err(format!(
            "account `{0}` has no `channel` to post to; choose one with `xpost account targets {0}`",
            account.name
        ));
    }
    if !is_channel(&channel) {
        return Err(format!(
            "the account's `channel` is the id of a channel, such as `C0123456789`, not `{channel}`; choose one with `xpost account targets {}`",
            account.name
        ));
    }
    if let Some(Reference::Url(url)) = &content.reply_to
        && message_at(url)?.0 != channel
    {
        return Err(format!("`{url}` stands in another channel; a reply must stand in the same"));
    }
    // Slack tells with each answer what the token may do
    if let Some(scopes) = account.about["scopes"].as_array() {
        let lacks = |scope: &str| !scopes.iter().any(|have| have == scope);
        let wants_identity = IDENTITY.iter().any(|key| ask.chosen(key).is_some());
        let missing = [("files:write", !piece.media.is_empty()), ("chat:write.customize", wants_identity)];
        if let Some((scope, _)) = missing.into_iter().find(|(scope, wanted)| *wanted && lacks(scope)) {
            return Err(format!(
                "the app lacks the permission `{scope}`; add it under OAuth & Permissions, install the app again, then run `xpost account check {}`",
                account.name
            ));
        }
    }
    Ok(())
}

/// Who is called, before the text. The text itself calls nobody: its signs are escaped.
fn mention(ask: &Ask) -> Result<Option<String>, String> {
    let Some(value) = ask.content.option("mention") else { return Ok(None) };
    let list = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let mut called = Vec::new();
    for one in &list {
        let who = one.as_str().unwrap_or_default();
        let id = who.len() >= 7 && who.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        called.push(match who {
            "here" | "channel" | "everyone" => format!("<!{who}>"),
            _ if id && who.starts_with(['U', 'W']) => format!("<@{who}>"),
            _ if id && who.starts_with('S') => format!("<!subteam^{who}>"),
            _ => {
                return Err(format!(
                    "`mention` lists `here`, `channel`, `everyone`, members (`U0123456789`) and groups (`S0123456789`), not `{one}`"
                ));
            }
        });
    }
    Ok((!called.is_empty()).then(|| called.join(" ")))
}
