//! A small Bot API: it knows the bots and chats that [`token`] and [`channel`] name, keeps what is posted, and refuses in the words of
//! the real one.
//!
//! Beside the public channels there is for each `n` a private forum ([`forum`], with topic 5), the number of a group that was turned into
//! that forum ([`migrated`]), and `@xpost_twin_closed`, where no bot may post.

use chrono::Utc;
use serde_json::{Value, json};

use super::api;
use crate::twin::{Incoming, Reply, Seen, SeenMedia, Twin};

const CHANNEL: i64 = -1_002_000_000_000;
const FORUM: i64 = -1_002_100_000_000;
const GROUP: i64 = -4_200_000;
const CLOSED: &str = "@xpost_twin_closed";
/// The one topic of each forum, beside "General".
const TOPIC: i64 = 5;
const BOT: i64 = 7_000_000_000;

/// The token of bot `n`.
pub(super) fn token(n: usize) -> String {
    format!("{}:AAE-twin-bot-token_{n:016}", BOT + n as i64)
}

/// The public channel `n`.
pub(super) fn channel(n: usize) -> String {
    format!("@xpost_twin_{n}")
}

/// The private forum `n`.
#[cfg(test)]
pub(super) fn forum(n: usize) -> i64 {
    FORUM - n as i64
}

/// The group that became forum `n`.
#[cfg(test)]
pub(super) fn migrated(n: usize) -> i64 {
    GROUP - n as i64
}

/// The state: what was posted, in the order of posting.
#[derive(Debug, Default)]
pub(super) struct Telegram {
    posts: Vec<Post>,
    last_id: i64,
    /// Updates of each bot up to this number were confirmed, and are gone.
    confirmed: std::collections::BTreeMap<i64, i64>,
}

/// One message, or one album, which is several messages.
#[derive(Debug)]
struct Post {
    chat: Chat,
    ids: Vec<i64>,
    seen: Seen,
}

/// A chat of the twin.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Chat {
    id: i64,
    username: Option<String>,
    title: String,
    forum: bool,
}

impl Chat {
    fn json(&self) -> Value {
        let mut chat = json!({
            "id": self.id,
            "type": if self.forum { "supergroup" } else { "channel" },
            "title": self.title,
        });
        if let Some(name) = &self.username {
            chat["username"] = json!(name);
        }
        if self.forum {
            chat["is_forum"] = json!(true);
        }
        chat
    }
}

/// A refusal: the whole answer.
type Refused = Reply;

fn refuse(status: u16, description: &str) -> Refused {
    Reply::json(status, &json!({"ok": false, "error_code": status, "description": description}))
}

fn bad(description: &str) -> Refused {
    refuse(400, &format!("Bad Request: {description}"))
}

fn good(result: Value) -> Reply {
    Reply::json(200, &json!({"ok": true, "result": result}))
}

impl Twin for Telegram {
    fn hosts(&self) -> Vec<String> {
        vec!["api.telegram.org".into()]
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        let segments = request.segments();
        let [bot, method] = segments.as_slice() else { return refuse(404, "Not Found") };
        let Some((id, rest)) = bot.strip_prefix("bot").and_then(|token| token.split_once(':')) else {
            return refuse(404, "Not Found");
        };
        let (Ok(id), false) = (id.parse::<i64>(), rest.is_empty()) else { return refuse(404, "Not Found") };
        let known = usize::try_from(id - BOT).is_ok_and(|n| token(n) == format!("{id}:{rest}"));
        if !known {
            return refuse(401, "Unauthorized");
        }
        let params = Params::of(request);
        match *method {
            "getMe" => good(me(id)),
            "getUpdates" => good(self.updates(&params, id)),
            "getChat" => chat(&params).map_or_else(|refused| refused, |chat| good(full(&chat))),
            "getChatMember" => member(&params, id).map_or_else(|refused| refused, good),
            "sendMessage" | "sendPhoto" | "sendVideo" | "sendAnimation" | "sendDocument" | "sendMediaGroup" | "sendPoll" => {
                self.send(method, &params, id).unwrap_or_else(|refused| refused)
            }
            "deleteMessage" | "deleteMessages" => self.delete(method, &params).unwrap_or_else(|refused| refused),
            "editMessageText" | "editMessageCaption" => self.edit(method, &params).unwrap_or_else(|refused| refused),
            _ => refuse(404, "Not Found: method not found"),
        }
    }

    fn limited(&self, seconds: u64) -> Reply {
        Reply::json(
            429,
            &json!({
                "ok": false,
                "error_code": 429,
                "description": format!("Too Many Requests: retry after {seconds}"),
                "parameters": {"retry_after": seconds},
            }),
        )
    }

    fn expired(&self) -> Reply {
        refuse(401, "Unauthorized")
    }

    fn timeline(&self) -> Vec<Seen> {
        self.posts.iter().map(|post| post.seen.clone()).collect()
    }
}

impl Telegram {
    /// What happened within the last day: bot `n` was added to channel `n`, left the closed one, read a message in topic 5 of forum
    /// `n`, saw the group that became it, and was written to by a person. An `offset` ends what is below it, for good.
    fn updates(&mut self, params: &Params, bot: i64) -> Value {
        let n = usize::try_from(bot - BOT).unwrap_or_default();
        let chat = |id: String| find_chat(&id).map(|chat| chat.json()).unwrap_or_default();
        let (public, closed, forum) = (chat(channel(n)), chat(CLOSED.into()), chat((FORUM - n as i64).to_string()));
        let person = json!({"id": 4200 + n, "is_bot": false, "first_name": "Ann"});
        let group = json!({"id": GROUP - n as i64, "type": "group", "title": format!("Twin forum {n}")});
        let date = Utc::now().timestamp() - 3600;
        let member = |chat: &Value, status: &str| {
            let place = json!({"user": me(bot), "status": status});
            json!({"chat": chat, "from": person, "date": date, "old_chat_member": {"user": me(bot), "status": "left"}, "new_chat_member": place})
        };
        let made = json!({"message_id": TOPIC, "date": date, "chat": forum, "message_thread_id": TOPIC, "is_topic_message": true,
            "forum_topic_created": {"name": "Releases", "icon_color": 7_322_096}});
        let message = |id: i64, chat: &Value| json!({"message_id": id, "date": date, "from": person, "chat": chat, "text": "hello"});
        let mut in_topic = message(9, &forum);
        in_topic["message_thread_id"] = json!(TOPIC);
        in_topic["is_topic_message"] = json!(true);
        in_topic["reply_to_message"] = made;
        let mut moved = message(8, &group);
        moved["migrate_to_chat_id"] = forum["id"].clone();
        let private = json!({"id": 4200 + n, "type": "private", "first_name": "Ann"});
        let post = json!({"message_id": 2, "date": date, "sender_chat": public, "chat": public, "text": "hello"});
        let events = [
            ("message", message(1, &private)),
            ("my_chat_member", member(&public, "administrator")),
            ("my_chat_member", member(&closed, "left")),
            ("message", message(7, &group)),
            ("message", moved),
            ("message", in_topic),
            ("channel_post", post),
        ];
        let confirmed = self.confirmed.entry(bot).or_default();
        if let Some(offset) = params.json("offset").as_i64() {
            // a negative one counts from the end, and forgets all before it too
            let first = if offset < 0 { (events.len() as i64 + offset).max(0) } else { offset - 1 };
            *confirmed = first.max(*confirmed);
        }
        let limit = params.json("limit").as_u64().unwrap_or(100).clamp(1, 100) as usize;
        let all = events.into_iter().zip(1..).filter(|(_, number)| number > confirmed).take(limit);
        Value::Array(all.map(|((what, event), number)| json!({"update_id": number, what: event})).collect())
    }

    fn send(&mut self, method: &str, params: &Params, bot: i64) -> Result<Reply, Refused> {
        let chat = chat(params)?;
        if chat.username.as_deref() == CLOSED.strip_prefix('@') {
            return Err(refuse(403, "Forbidden: bot is not a member of the channel chat"));
        }
        let topic = params.json("message_thread_id").as_i64();
        if topic.is_some() && (!chat.forum || topic != Some(TOPIC)) {
            return Err(bad("message thread not found"));
        }
        let reply_to = self.reply(&chat, params)?;
        let mut messages = vec![match method {
            "sendMessage" => text(params)?,
            "sendPoll" => poll(params)?,
            "sendMediaGroup" => json!({}),
            method => medium(method, params)?,
        }];
        if method == "sendMediaGroup" {
            messages = album(params)?;
        }
        let at = Utc::now();
        let (mut ids, mut media) = (Vec::new(), Vec::new());
        let mut extra = json!({"chat": chat.title});
        for message in &mut messages {
            self.last_id += 1;
            ids.push(self.last_id);
            if let Some(medium) = message.as_object_mut().and_then(|message| message.remove("_medium")) {
                media.extend(serde_json::from_value::<SeenMedia>(medium));
            }
            message["message_id"] = json!(self.last_id);
            message["date"] = json!(at.timestamp());
            message["chat"] = chat.json();
            if chat.forum {
                message["from"] = me(bot);
            } else {
                message["sender_chat"] = chat.json();
            }
            if let Some(id) = reply_to {
                message["reply_to_message"] = json!({"message_id": id, "date": at.timestamp(), "chat": chat.json()});
            }
            if let Some(topic) = topic {
                message["message_thread_id"] = json!(topic);
                message["is_topic_message"] = json!(true);
            }
            if method == "sendMediaGroup" {
                message["media_group_id"] = json!(format!("1{}", ids[0]));
            }
            for key in ["entities", "caption_entities", "link_preview_options", "poll"] {
                if let Some(value) = message.get(key) {
                    extra[key] = value.clone();
                }
            }
        }
        if let Some(topic) = topic {
            extra["topic"] = json!(topic);
        }
        for key in ["disable_notification", "protect_content"] {
            if params.json(key) == true {
                extra[key] = json!(true);
            }
        }
        let shown = messages.iter().find_map(|message| {
            ["text", "caption"].iter().find_map(|key| message[*key].as_str()).or(message["poll"]["question"].as_str())
        });
        let url = serde_json::from_value::<api::Message>(messages[0].clone()).ok().and_then(|message| message.url());
        let seen = Seen {
            id: ids[0].to_string(),
            account: chat.username.as_ref().map_or_else(|| chat.title.clone(), |name| format!("@{name}")),
            title: None,
            text: shown.unwrap_or_default().to_string(),
            url,
            reply_to: reply_to.map(|id| id.to_string()),
            media,
            at,
            extra,
        };
        self.posts.push(Post { chat, ids, seen });
        Ok(good(if method == "sendMediaGroup" { Value::Array(messages) } else { messages.remove(0) }))
    }

    fn reply(&self, chat: &Chat, params: &Params) -> Result<Option<i64>, Refused> {
        let reply = params.json("reply_parameters");
        let Some(id) = reply["message_id"].as_i64() else { return Ok(None) };
        let there = match &reply["chat_id"] {
            Value::Null => chat.clone(),
            id => find_chat(&plain(id))?,
        };
        if self.posts.iter().any(|post| post.chat == there && post.ids.contains(&id)) {
            Ok(Some(id))
        } else if reply["allow_sending_without_reply"] == true {
            Ok(None)
        } else {
            Err(bad("message to be replied not found"))
        }
    }

    fn edit(&mut self, method: &str, params: &Params) -> Result<Reply, Refused> {
        let chat = chat(params)?;
        let id = params.json("message_id").as_i64().ok_or_else(|| bad("message identifier is not specified"))?;
        let post = self.posts.iter_mut().find(|post| post.chat == chat && post.ids.contains(&id));
        let post = post.ok_or_else(|| bad("message to edit not found"))?;
        let bare = post.seen.media.is_empty();
        let message = match method {
            "editMessageText" if bare => text(params)?,
            "editMessageCaption" if !bare => {
                let mut message = json!({});
                caption(params, &mut message)?;
                message
            }
            "editMessageText" => return Err(bad("there is no text in the message to edit")),
            _ => return Err(bad("there is no caption in the message to edit")),
        };
        let (key, entities) = if bare { ("text", "entities") } else { ("caption", "caption_entities") };
        let words = message[key].as_str().unwrap_or_default();
        let marks = message.get(entities).cloned().unwrap_or_default();
        if post.seen.text == words && post.seen.extra.get(entities).cloned().unwrap_or_default() == marks {
            let why = "message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message";
            return Err(bad(why));
        }
        post.seen.text = words.to_string();
        post.seen.extra[entities] = marks;
        let mut shown = message;
        shown["message_id"] = json!(id);
        shown["date"] = json!(post.seen.at.timestamp());
        shown["edit_date"] = json!(Utc::now().timestamp());
        shown["chat"] = chat.json();
        Ok(good(shown))
    }

    fn delete(&mut self, method: &str, params: &Params) -> Result<Reply, Refused> {
        let chat = chat(params)?;
        let ids: Vec<i64> = if method == "deleteMessage" {
            vec![params.json("message_id").as_i64().ok_or_else(|| bad("message identifier is not specified"))?]
        } else {
            params.json("message_ids").as_array().map_or_else(Vec::new, |ids| ids.iter().filter_map(Value::as_i64).collect())
        };
        if ids.is_empty() || ids.len() > 100 {
            return Err(bad("message identifiers are not specified"));
        }
        let mut gone = 0;
        for post in self.posts.iter_mut().filter(|post| post.chat == chat) {
            let before = post.ids.len();
            post.ids.retain(|id| !ids.contains(id));
            gone += before - post.ids.len();
        }
        self.posts.retain(|post| !post.ids.is_empty());
        if gone == 0 && method == "deleteMessage" {
            return Err(bad("message to delete not found"));
        }
        Ok(good(json!(true)))
    }
}

fn me(id: i64) -> Value {
    json!({
        "id": id,
        "is_bot": true,
        "first_name": "xpost twin",
        "username": format!("xpost_twin_{}_bot", id - BOT),
        "can_join_groups": true,
        "can_read_all_group_messages": false,
        "supports_inline_queries": false,
    })
}

fn full(chat: &Chat) -> Value {
    let mut full = chat.json();
    full["accent_color_id"] = json!(0);
    full["max_reaction_count"] = json!(11);
    full["accepted_gift_types"] = json!({
        "unlimited_gifts": false,
        "limited_gifts": false,
        "unique_gifts": false,
        "premium_subscription": false,
        "gifts_from_channels": false,
    });
    full
}

fn member(params: &Params, bot: i64) -> Result<Value, Refused> {
    let chat = chat(params)?;
    if params.json("user_id").as_i64() != Some(bot) {
        return Err(bad("PARTICIPANT_ID_INVALID"));
    }
    if chat.username.as_deref() == CLOSED.strip_prefix('@') {
        return Ok(json!({"status": "left", "user": me(bot)}));
    }
    if chat.forum {
        return Ok(json!({"status": "member", "user": me(bot)}));
    }
    let mut member = json!({"status": "administrator", "user": me(bot), "is_anonymous": false});
    for right in ["can_manage_chat", "can_delete_messages", "can_post_messages", "can_edit_messages"] {
        member[right] = json!(true);
    }
    for right in [
        "can_be_edited",
        "can_manage_video_chats",
        "can_restrict_members",
        "can_promote_members",
        "can_change_info",
        "can_invite_users",
        "can_post_stories",
        "can_edit_stories",
        "can_delete_stories",
    ] {
        member[right] = json!(false);
    }
    Ok(member)
}

fn chat(params: &Params) -> Result<Chat, Refused> {
    match params.text("chat_id") {
        Some(id) if !id.is_empty() => find_chat(&id),
        _ => Err(bad("chat_id is empty")),
    }
}

fn find_chat(id: &str) -> Result<Chat, Refused> {
    if id == CLOSED || id == (CHANNEL + 1).to_string() {
        return Ok(Chat { id: CHANNEL + 1, username: Some(CLOSED[1..].to_string()), title: "Closed".into(), forum: false });
    }
    let public = |n: usize| Chat {
        id: CHANNEL - n as i64,
        username: Some(channel(n)[1..].to_string()),
        title: format!("Twin {n}"),
        forum: false,
    };
    if let Some(n) = id.strip_prefix("@xpost_twin_").and_then(|n| n.parse::<usize>().ok()) {
        return Ok(public(n));
    }
    let number = id.parse::<i64>().unwrap_or_default();
    // each kind of chat has room for a million
    let nth = |base: i64| usize::try_from(base - number).ok().filter(|n| *n < 1_000_000);
    if let Some(n) = nth(GROUP) {
        return Err(Reply::json(
            400,
            &json!({
                "ok": false,
                "error_code": 400,
                "description": "Bad Request: group chat was upgraded to a supergroup chat",
                "parameters": {"migrate_to_chat_id": FORUM - n as i64},
            }),
        ));
    }
    if let Some(n) = nth(FORUM) {
        return Ok(Chat { id: number, username: None, title: format!("Twin forum {n}"), forum: true });
    }
    nth(CHANNEL).map(public).ok_or_else(|| bad("chat not found"))
}

fn text(params: &Params) -> Result<Value, Refused> {
    let mut message = json!({});
    let text = words(params, "text", "entities", &mut message)?;
    if text.is_empty() {
        return Err(bad("message text is empty"));
    }
    if utf16(&text) > 4096 {
        return Err(bad("message is too long"));
    }
    let preview = params.json("link_preview_options");
    if !preview.is_null() {
        message["link_preview_options"] = preview;
    }
    Ok(message)
}

/// A text and its entities, checked as the server checks them, into the message. The text comes back without the white space around it.
fn words(params: &Params, key: &str, entities_key: &str, message: &mut Value) -> Result<String, Refused> {
    let text = params.text(key).unwrap_or_default();
    let entities = params.json(entities_key);
    let units: Vec<u16> = text.encode_utf16().collect();
    // an end within a pair would cut a character
    let cuts = |at: usize| units.get(at).is_some_and(|unit| (0xdc00..0xe000).contains(unit));
    for entity in entities.as_array().into_iter().flatten() {
        let number = |key: &str| entity[key].as_u64().and_then(|number| usize::try_from(number).ok());
        let (Some(offset), Some(length)) = (number("offset"), number("length")) else {
            return Err(bad("can't parse MessageEntity: offset and length must be numbers"));
        };
        if length == 0 || offset + length > units.len() || cuts(offset) || cuts(offset + length) {
            return Err(bad(&format!("entity beginning at UTF-16 offset {offset} ends after the end of the text or within a character")));
        }
        match entity["type"].as_str().unwrap_or_default() {
            "text_link" if !entity["url"].is_string() => return Err(bad("can't parse MessageEntity: \"url\" is missing")),
            "bold" | "italic" | "underline" | "strikethrough" | "spoiler" | "blockquote" | "expandable_blockquote" | "code"
            | "pre" | "text_link" => {}
            other => return Err(bad(&format!("can't parse MessageEntity: unsupported type \"{other}\""))),
        }
    }
    let trimmed = text.trim().to_string();
    if !trimmed.is_empty() {
        message[key] = json!(trimmed);
        if entities.as_array().is_some_and(|entities| !entities.is_empty()) {
            message[entities_key] = entities;
        }
    }
    Ok(trimmed)
}

fn caption(params: &Params, message: &mut Value) -> Result<(), Refused> {
    let caption = words(params, "caption", "caption_entities", message)?;
    if utf16(&caption) > 1024 { Err(bad("message caption is too long")) } else { Ok(()) }
}

fn medium(method: &str, params: &Params) -> Result<Value, Refused> {
    let kind = method.trim_start_matches("send").to_lowercase();
    let mut message = json!({});
    caption(params, &mut message)?;
    let file = params.file(&kind).ok_or_else(|| bad(&format!("there is no {kind} in the request")))?;
    take(&kind, file, &mut message)?;
    Ok(message)
}

fn album(params: &Params) -> Result<Vec<Value>, Refused> {
    let media = params.json("media");
    let items = media.as_array().ok_or_else(|| bad("media must be a list"))?;
    if !(2..=10).contains(&items.len()) {
        return Err(bad("wrong number of media: an album holds 2 to 10"));
    }
    let kinds: Vec<&str> = items.iter().map(|item| item["type"].as_str().unwrap_or_default()).collect();
    let documents = kinds.iter().filter(|kind| **kind == "document").count();
    if kinds.iter().any(|kind| !["photo", "video", "document"].contains(kind)) || (documents > 0 && documents < kinds.len()) {
        return Err(bad("media of these types cannot be sent as an album"));
    }
    let mut messages = Vec::new();
    for (item, kind) in items.iter().zip(kinds) {
        let mut message = json!({});
        caption(&Params { fields: item.clone(), files: Vec::new() }, &mut message)?;
        let name = item["media"].as_str().and_then(|media| media.strip_prefix("attach://"));
        let file = name.and_then(|name| params.file(name)).ok_or_else(|| bad("wrong file identifier/HTTP URL specified"))?;
        take(kind, file, &mut message)?;
        messages.push(message);
    }
    Ok(messages)
}

/// Puts a file into a message, if it is one that this kind takes.
fn take(kind: &str, file: &File, message: &mut Value) -> Result<(), Refused> {
    let size = file.bytes;
    if size == 0 {
        return Err(bad("file must be non-empty"));
    }
    if size > 50 * 1024 * 1024 {
        return Err(refuse(413, "Request Entity Too Large"));
    }
    if kind == "photo" && (size > 10 * 1024 * 1024 || !file.mime.starts_with("image/")) {
        return Err(bad("IMAGE_PROCESS_FAILED"));
    }
    let id = format!("file-{kind}-{size}");
    let mut object = json!({"file_id": id, "file_unique_id": id, "file_size": size});
    if kind != "document" {
        object["width"] = json!(64);
        object["height"] = json!(48);
    }
    if kind != "photo" {
        object["file_name"] = json!(file.name);
        object["mime_type"] = json!(file.mime);
    }
    if matches!(kind, "video" | "animation") {
        object["duration"] = json!(1);
    }
    if kind == "animation" {
        message["document"] = object.clone();
    }
    message[kind] = if kind == "photo" { json!([object]) } else { object };
    message["_medium"] = json!(SeenMedia { mime: file.mime.clone(), bytes: size, alt: String::new() });
    Ok(())
}

fn poll(params: &Params) -> Result<Value, Refused> {
    let question = params.text("question").unwrap_or_default();
    if !(1..=300).contains(&question.chars().count()) {
        return Err(bad("poll question length must not exceed 300"));
    }
    let options = params.json("options");
    let texts: Vec<&str> =
        options.as_array().into_iter().flatten().filter_map(|option| option["text"].as_str()).collect();
    if !(1..=12).contains(&texts.len()) {
        return Err(bad("poll must have at least 1 and at most 12 options"));
    }
    if texts.iter().any(|text| !(1..=100).contains(&text.chars().count())) {
        return Err(bad("poll options length must not exceed 100"));
    }
    if params.json("is_anonymous") == false {
        return Err(bad("non-anonymous polls can't be sent to channel chats"));
    }
    let period = params.json("open_period");
    if !period.is_null() && !period.as_u64().is_some_and(|seconds| (5..=2_628_000).contains(&seconds)) {
        return Err(bad("open period is out of range"));
    }
    let options: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(n, text)| json!({"persistent_id": n.to_string(), "text": text, "voter_count": 0}))
        .collect();
    let mut poll = json!({
        "id": "1",
        "question": question,
        "options": options,
        "total_voter_count": 0,
        "is_closed": false,
        "is_anonymous": true,
        "type": "regular",
        "allows_multiple_answers": params.json("allows_multiple_answers") == true,
        "allows_revoting": true,
        "members_only": false,
    });
    if !period.is_null() {
        poll["open_period"] = period;
    }
    words(params, "description", "description_entities", &mut poll)?;
    Ok(json!({"poll": poll}))
}

fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

/// A method's parameters, however they came: query, JSON, form or multipart.
#[derive(Debug)]
struct Params {
    fields: Value,
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    field: String,
    name: String,
    mime: String,
    bytes: u64,
}

impl Params {
    fn of(request: &Incoming) -> Params {
        let mut fields = match request.json() {
            Value::Object(fields) => fields,
            _ => serde_json::Map::new(),
        };
        let mut files = Vec::new();
        let form = request.header("content-type").is_some_and(|mime| mime.starts_with("application/x-www-form-urlencoded"));
        let pairs = if form { request.form() } else { Vec::new() };
        for (name, value) in request.query.iter().cloned().chain(pairs) {
            fields.insert(name, json!(value));
        }
        for part in request.multipart() {
            match part.filename {
                None => {
                    fields.insert(part.name, json!(String::from_utf8_lossy(&part.bytes)));
                }
                Some(name) => files.push(File {
                    field: part.name,
                    name,
                    mime: part.mime.unwrap_or_default(),
                    bytes: part.bytes.len() as u64,
                }),
            }
        }
        Params { fields: Value::Object(fields), files }
    }

    /// A parameter as text.
    fn text(&self, name: &str) -> Option<String> {
        self.fields.get(name).filter(|value| !value.is_null()).map(plain)
    }

    /// A parameter that is a number, a flag, a list or an object; in forms these come as JSON in a text.
    fn json(&self, name: &str) -> Value {
        match self.fields.get(name) {
            Some(Value::String(text)) => serde_json::from_str(text).unwrap_or(Value::Null),
            Some(value) => value.clone(),
            None => Value::Null,
        }
    }

    fn file(&self, field: &str) -> Option<&File> {
        self.files.iter().find(|file| file.field == field)
    }
}
