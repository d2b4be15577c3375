//! Draft to request bodies. Pure.

use serde_json::{Map, Value, json};

use super::api::{SUPPRESS_EMBEDS, SUPPRESS_NOTIFICATIONS, is_id, message_at};
use super::{Mode, mode};
use crate::platform::filled;
use crate::draft::{CardChoice, Poll};
use crate::platform::{Ask, Part, Piece, PlanNote, Reference, Rendered};
use crate::text::{Markup, Text};

/// Longest question of a poll, longest name of a thread, longest name of a webhook's author, in characters.
const QUESTION: usize = 300;
const THREAD_NAME: usize = 100;
const USERNAME: usize = 80;
/// Longest title, description and footer of an embed, and of all together, in characters.
const EMBED: [(&str, usize); 3] = [("title", 256), ("description", 4096), ("footer", 2048)];
const EMBED_SUM: usize = 6000;
/// What an embed written by hand may hold.
const EMBED_KEYS: &[&str] = &["title", "description", "url", "color", "image", "footer"];
/// Options that only a bot can fulfil, and those that only a webhook can.
const BOT_ONLY: &[&str] = &["thread", "crosspost"];
const WEBHOOK_ONLY: &[&str] = &["thread_name", "forum_tags", "username", "avatar_url"];

/// Where no account is given, what the draft asks for says which credential it is meant for.
fn ask_mode(ask: &Ask) -> Mode {
    match ask.account {
        Some(account) => mode(account),
        None if ask.content.reply_to.is_some() || BOT_ONLY.iter().any(|key| ask.content.option(key).is_some()) => Mode::Token,
        None => Mode::Webhook,
    }
}

/// One message as `{"action": "message", "body", "thread_id"}`. The bot's nonce and what it replies to are added when it is sent.
pub(super) fn encode(ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
    let mode = ask_mode(ask);
    let first = piece.index == 0;
    if first {
        check_mode(ask, mode)?;
    }
    let mentions = mentions(ask)?;
    let mut body = Map::new();
    let poll = piece.poll.clone();
    let question_is_text = poll.as_ref().is_some_and(|poll| poll.question.is_none());
    if !piece.text.is_empty() && !question_is_text {
        body.insert("content".into(), json!(content(&piece.text, &mentions)));
    }
    let embed = if first { embed(ask, piece)? } else { None };
    let mut flags = 0;
    let no_preview = ask.content.card_choice == Some(CardChoice::Wanted(false)) && embed.is_none();
    if ask.content.option_bool("suppress_embeds").unwrap_or(no_preview) {
        flags |= SUPPRESS_EMBEDS;
    }
    if ask.content.option_bool("silent") == Some(true) {
        flags |= SUPPRESS_NOTIFICATIONS;
    }
    if let Some(embed) = embed {
        body.insert("embeds".into(), json!([embed]));
    }
    if let Some(poll) = poll {
        body.insert("poll".into(), encode_poll(&poll, piece)?);
    }
    if piece.media.len() > 10 {
        return Err(format!("a message holds at most 10 files, not {}", piece.media.len()));
    }
    let attachments: Vec<Value> = piece.media.iter().enumerate().map(|(n, used)| {
        let mut attachment = json!({"id": n.to_string(), "filename": used.media.name});
        if let Some(alt) = &used.alt {
            attachment["description"] = json!(alt);
        }
        if ask.content.sensitive {
            attachment["is_spoiler"] = json!(true);
        }
        attachment
    }).collect();
    if !attachments.is_empty() {
        body.insert("attachments".into(), Value::Array(attachments));
    }
    if body.is_empty() {
        return Err("a message needs a text, a file, an embed or a poll".into());
    }
    body.insert("allowed_mentions".into(), json!({"parse": mentions}));
    if flags != 0 {
        body.insert("flags".into(), json!(flags));
    }
    if mode == Mode::Webhook {
        webhook_fields(ask, first, &mut body)?;
    }
    let mut payload = json!({"action": "message"});
    if let Some(id) = ask.chosen("thread_id") {
        if !is_id(&id) {
            return Err(format!("`thread_id` is the number of a thread, not `{id}`"));
        }
        payload["thread_id"] = json!(id);
    }
    payload["body"] = Value::Object(body);
    Ok(payload)
}

/// Puts what happens to the first message after it was posted (crossposting, opening a thread) behind it as parts of their own, so that each has
/// its own place in the journal and a broken one is repeated alone: Discord answers a repeat of either with "already done".
pub(super) fn follow_up(ask: &Ask, rendered: &mut Rendered) {
    if !rendered.problems.is_empty() || rendered.parts.is_empty() || ask_mode(ask) != Mode::Token {
        return;
    }
    let mut steps = Vec::new();
    if ask.content.option_bool("crosspost") == Some(true) {
        steps.push((json!({"action": "crosspost"}), "crosspost", "crossposts the message to the channels that follow this one".to_string()));
    }
    if let Some(name) = ask.chosen("thread") {
        steps.push((json!({"action": "thread", "body": {"name": name}}), "thread", format!("opens the thread `{name}`")));
    }
    for note in rendered.warnings.iter_mut().chain(&mut rendered.changes) {
        note.part = note.part.map(|part| if part > 1 { part + steps.len() } else { part });
    }
    for (n, (payload, code, what)) in steps.into_iter().enumerate() {
        rendered.changes.push(PlanNote::new(code, what).part(n + 2));
        rendered.parts.insert(
            n + 1,
            Part { payload, ..Part::default() },
        );
    }
}

fn check_mode(ask: &Ask, mode: Mode) -> Result<(), String> {
    let asked = |key: &&&str| ask.content.option(key).is_some_and(|value| *value != Value::Bool(false));
    match mode {
        Mode::Webhook => {
            if let Some(key) = BOT_ONLY.iter().find(asked) {
                return Err(format!("a webhook cannot do `{key}`; use an account with a bot"));
            }
            if ask.content.reply_to.is_some() {
                return Err("a webhook cannot reply; use an account with a bot".into());
            }
        }
        Mode::Token => {
            if let Some(key) = WEBHOOK_ONLY.iter().find(asked) {
                return Err(format!("a bot cannot do `{key}`; use an account with a webhook"));
            }
            let channel = ask.account.and_then(|account| account.filled("channel")).unwrap_or_default();
            if let Some(account) = ask.account.filter(|_| channel.is_empty()) {
                return Err(format!(
                    "account `{0}` is a bot that has no `channel` to post to; choose one with `xpost account targets {0}`",
                    account.name
                ));
            }
            if ask.account.is_some() && !is_id(&channel) {
                return Err(format!("the account's `channel` is the number of a channel, not `{channel}`"));
            }
            if let Some(Reference::Url(url)) = &ask.content.reply_to {
                let (there, _) = message_at(url)?;
                let here = ask.chosen("thread_id").unwrap_or(channel);
                if ask.account.is_some() && there != here {
                    return Err(format!("`{url}` stands in another channel; a reply must stand in the same"));
                }
            }
            if let Some(name) = ask.chosen("thread") {
                check_length("thread", &name, THREAD_NAME)?;
            }
        }
    }
    Ok(())
}

fn check_length(what: &str, text: &str, most: usize) -> Result<(), String> {
    match text.chars().count() {
        n if n > most => Err(format!("`{what}` has at most {most} characters, not {n}")),
        _ => Ok(()),
    }
}

/// The text in Discord's Markdown. The encoder breaks the words that ping a crowd; who asks for them gets them whole.
fn content(text: &Text, mentions: &Value) -> String {
    let content = Markup::Discord.encode(text);
    if mentions.as_array().is_some_and(|who| who.iter().any(|who| who == "everyone")) {
        content.replace("@\u{200b}everyone", "@everyone").replace("@\u{200b}here", "@here")
    } else {
        content
    }
}

/// Nobody is pinged unless the draft says so.
fn mentions(ask: &Ask) -> Result<Value, String> {
    let Some(value) = ask.content.option("mentions") else { return Ok(json!([])) };
    let words = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    match words.iter().find(|word| !["users", "roles", "everyone"].iter().any(|known| *word == known)) {
        Some(word) => Err(format!("`mentions` lists `users`, `roles` and `everyone`, not `{word}`")),
        None => Ok(Value::Array(words)),
    }
}

fn webhook_fields(ask: &Ask, first: bool, body: &mut Map<String, Value>) -> Result<(), String> {
    if let Some(name) = ask.chosen("username") {
        check_length("username", &name, USERNAME)?;
        let lower = name.to_lowercase();
        if let Some(taken) = ["discord", "clyde"].iter().find(|taken| lower.contains(*taken)) {
            return Err(format!("Discord takes no `username` that holds `{taken}`"));
        }
        body.insert("username".into(), json!(name));
    }
    if let Some(url) = ask.chosen("avatar_url") {
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(format!("`avatar_url` is an http(s) address, not `{url}`"));
        }
        body.insert("avatar_url".into(), json!(url));
    }
    // later parts go into the thread that the first one opened
    if first && let Some(name) = ask.chosen("thread_name") {
        check_length("thread_name", &name, THREAD_NAME)?;
        body.insert("thread_name".into(), json!(name));
        if let Some(tags) = ask.content.option("forum_tags").and_then(Value::as_array) {
            if tags.len() > 5 || !tags.iter().all(|tag| filled(tag).is_some_and(|id| is_id(&id))) {
                return Err("`forum_tags` lists at most 5 numbers of tags".into());
            }
            let tags: Vec<String> = tags.iter().filter_map(filled).collect();
            body.insert("applied_tags".into(), json!(tags));
        }
    }
    Ok(())
}

/// `embed = true` makes one of the draft's title, summary and link; a table says it all itself.
fn embed(ask: &Ask, piece: &Piece) -> Result<Option<Value>, String> {
    let own = match ask.content.option("embed") {
        None | Some(Value::Bool(false)) => return Ok(None),
        Some(Value::Bool(true)) => Map::new(),
        Some(Value::Object(own)) => own.clone(),
        Some(other) => return Err(format!("`embed` is `true` or a table, not `{other}`")),
    };
    if let Some(key) = own.keys().find(|key| !EMBED_KEYS.contains(&key.as_str())) {
        return Err(format!("`embed` has no `{key}`; it takes {}", EMBED_KEYS.join(", ")));
    }
    let card = piece.card.as_ref();
    let content = ask.content;
    let drafted = |key: &str| match key {
        "title" => content.title.clone().or_else(|| card.map(|card| card.title.clone())),
        "description" => content.summary.clone().or_else(|| card.map(|card| card.description.clone())),
        "url" => content.link.clone().or_else(|| card.map(|card| card.url.clone())),
        _ => None,
    };
    let mut embed = Map::new();
    let mut sum = 0;
    for key in EMBED_KEYS {
        let value = match own.get(*key) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) if *key == "color" => Some(number.to_string()),
            Some(other) => return Err(format!("`embed.{key}` is a text, not `{other}`")),
            None => drafted(key),
        };
        let Some(text) = value.filter(|text| !text.is_empty()) else { continue };
        if let Some((_, most)) = EMBED.iter().find(|(name, _)| name == key) {
            check_length(&format!("embed.{key}"), &text, *most)?;
            sum += text.chars().count();
        }
        let value = match *key {
            "color" => json!(color(&text)?),
            "image" => json!({"url": text}),
            "footer" => json!({"text": text}),
            _ => json!(text),
        };
        embed.insert(key.to_string(), value);
    }
    if sum > EMBED_SUM {
        return Err(format!("the texts of an embed have at most {EMBED_SUM} characters together, not {sum}"));
    }
    if !embed.contains_key("title") && !embed.contains_key("description") && !embed.contains_key("image") {
        return Err("an embed needs a title, a description or an image; give the draft a `title` or `summary`".into());
    }
    Ok(Some(Value::Object(embed)))
}

/// `#5865f2` or a number.
fn color(text: &str) -> Result<u32, String> {
    let number = match text.strip_prefix('#') {
        Some(hex) if hex.len() == 6 => u32::from_str_radix(hex, 16).ok(),
        Some(_) => None,
        None => text.parse().ok(),
    };
    number.filter(|number| *number <= 0xff_ffff).ok_or_else(|| format!("`{text}` is not a colour; write `#5865f2`"))
}

fn encode_poll(poll: &Poll, piece: &mut Piece) -> Result<Value, String> {
    if !piece.media.is_empty() {
        return Err("a poll and files cannot stand in one message".into());
    }
    let question = poll.question.as_deref().unwrap_or(&piece.text.text);
    let length = question.chars().count();
    if length == 0 || length > QUESTION {
        return Err(format!("a poll's question has 1 to {QUESTION} characters, not {length}; set `poll.question`"));
    }
    let answers: Vec<Value> = poll.options.iter().map(|option| json!({"poll_media": {"text": option}})).collect();
    let seconds = poll.seconds()?;
    let hours = seconds.div_ceil(3600);
    if seconds % 3600 != 0 {
        piece.notes.push(PlanNote::new("poll_rounded", format!("Discord's polls last whole hours; this one lasts {hours}")));
    }
    Ok(json!({
        "question": {"text": question},
        "answers": answers,
        "duration": hours,
        "allow_multiselect": poll.multiple,
    }))
}
