//! A small Slack: it knows the bots, webhooks and channels that [`token`], [`webhook_url`] and [`channel`] name, keeps what is posted,
//! takes files in three steps, lets messages wait for their time, and refuses in the words of the real one.
//!
//! Beside its own channel each bot sees [`OPEN`] (public, it is not in it), [`ARCHIVED`] and [`ADMINS`] (where it may not write). A
//! bot whose number is [`POOR`] has no permission but to post.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeZone, Utc};
use serde_json::{Value, json};

use super::twin_check::{check_blocks, shown};
use super::twin_files::Files;
use super::twin_oauth::OAuth;
use crate::twin::{Incoming, Reply, Seen, Twin};

pub(super) const TEAM: &str = "T0TWIN000";
pub(super) const BASE: &str = "https://xpost-twin.slack.com/";
pub(super) const OPEN: &str = "C0OPEN000";
pub(super) const ARCHIVED: &str = "C0OLD0000";
pub(super) const ADMINS: &str = "C0ADMINS0";
/// The number of a bot that may post and nothing else.
pub(super) const POOR: usize = 1002;
pub(super) const ALL_SCOPES: &[&str] = &[
    "chat:write",
    "chat:write.public",
    "chat:write.customize",
    "files:write",
    "files:read",
    "channels:read",
    "groups:read",
    "channels:history",
    "groups:history",
];
/// Messages beyond this are cut by the real one; a twin that cut would hide a mistake.
const LONGEST: usize = 40_000;
const FARTHEST: i64 = 120 * 86_400;

fn mark(n: usize) -> String {
    format!("{:016x}", (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The token of bot `n`.
pub(super) fn token(n: usize) -> String {
    format!("xoxb-twin-{n}-{}", mark(n))
}

/// The address of webhook `n`.
pub(super) fn webhook_url(n: usize) -> String {
    format!("https://hooks.slack.com/services/{TEAM}/B0HOOK{n:04}/twin{n}{}", mark(n))
}

/// The channel of bot `n`, which webhook `n` posts to as well.
pub(super) fn channel(n: usize) -> String {
    format!("C0TWIN{n:04}")
}

/// A refusal: the code, and what stands beside it.
#[derive(Debug)]
pub(super) struct No(pub &'static str, pub Value);

pub(super) fn no<T>(code: &'static str) -> Result<T, No> {
    Err(No(code, json!({})))
}

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub n: usize,
    pub scopes: Vec<String>,
}

impl Who {
    /// Refuses what this token may not do.
    pub fn needs(&self, scope: &str) -> Result<(), No> {
        if self.scopes.iter().any(|have| have == scope) {
            return Ok(());
        }
        Err(No("missing_scope", json!({"needed": scope, "provided": self.scopes.join(",")})))
    }

    pub fn user(&self) -> String {
        format!("U0TWIN{:04}", self.n)
    }

    fn bot(&self) -> String {
        format!("B0TWIN{:04}", self.n)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Message {
    pub channel: String,
    pub ts: String,
    pub thread_ts: Option<String>,
    pub body: Value,
    pub files: Vec<String>,
    pub author: Value,
    pub at: DateTime<Utc>,
}

#[derive(Debug)]
struct Waiting {
    id: String,
    channel: String,
    who: Who,
    post_at: i64,
    body: Value,
}

/// The state: what was posted, in the order of posting.
#[derive(Debug, Default)]
pub(super) struct Slack {
    pub messages: Vec<Message>,
    waiting: Vec<Waiting>,
    pub files: Files,
    pub oauth: OAuth,
    last: i64,
    made: u64,
}

impl Twin for Slack {
    fn hosts(&self) -> Vec<String> {
        ["slack.com", "hooks.slack.com", "files.slack.com"].map(str::to_string).to_vec()
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        self.due();
        match request.host.as_str() {
            "hooks.slack.com" => self.webhook(request),
            "files.slack.com" => self.files.receive(request),
            _ => self.web(request),
        }
    }

    fn limited(&self, seconds: u64) -> Reply {
        Reply::json(429, &json!({"ok": false, "error": "ratelimited"})).header("retry-after", seconds.to_string())
    }

    fn expired(&self) -> Reply {
        Reply::json(200, &json!({"ok": false, "error": "invalid_auth"}))
    }

    fn expire_sessions(&mut self) {
        self.oauth.expire();
    }

    fn timeline(&self) -> Vec<Seen> {
        self.messages.iter().map(|message| self.seen(message)).collect()
    }
}

/// The arguments of a method, however they came.
pub(super) fn arguments(request: &Incoming) -> Value {
    if request.header("content-type").is_some_and(|mime| mime.starts_with("application/json")) {
        return request.json();
    }
    let pairs = request.query.iter().cloned().chain(request.form());
    Value::Object(pairs.map(|(name, value)| (name, json!(value))).collect())
}

impl Slack {
    fn web(&mut self, request: &Incoming) -> Reply {
        let segments = request.segments();
        if let Some(reply) = self.oauth.page(request) {
            return reply;
        }
        let ["api", method] = segments.as_slice() else {
            return Reply::html(404, "<html><head><title>There's been a glitch…</title></head></html>");
        };
        if let Some(value) = self.oauth.method(method, request) {
            return Reply::json(200, &value);
        }
        let who = match self.who(request) {
            Ok(who) => who,
            Err(code) => return Reply::json(200, &json!({"ok": false, "error": code})),
        };
        let value = match self.method(method, &who, request) {
            Ok(Value::Object(mut fields)) => {
                fields.insert("ok".into(), json!(true));
                Value::Object(fields)
            }
            Ok(_) => json!({"ok": true}),
            Err(No(code, more)) => {
                let mut value = json!({"ok": false, "error": code});
                for (key, one) in more.as_object().into_iter().flatten() {
                    value[key] = one.clone();
                }
                value
            }
        };
        Reply::json(200, &value)
            .header("x-oauth-scopes", who.scopes.join(","))
            .header("x-slack-req-id", format!("twin{:012x}", self.made))
    }

    fn who(&self, request: &Incoming) -> Result<Who, &'static str> {
        let token = request.bearer().ok_or("not_authed")?;
        if let Some(known) = self.oauth.who(token) {
            return known;
        }
        let n = token.split('-').nth(2).and_then(|n| n.parse().ok()).filter(|n| self::token(*n) == token);
        let n: usize = n.ok_or("invalid_auth")?;
        let scopes = if n == POOR { &ALL_SCOPES[..1] } else { ALL_SCOPES };
        Ok(Who { n, scopes: scopes.iter().map(ToString::to_string).collect() })
    }

    fn method(&mut self, method: &str, who: &Who, request: &Incoming) -> Result<Value, No> {
        let given = arguments(request);
        let text = |key: &str| given[key].as_str().unwrap_or_default().to_string();
        match method {
            "auth.test" => Ok(json!({
                "url": BASE, "team": "Twin harbour", "user": format!("xpost_twin_{}", who.n), "team_id": TEAM, "user_id": who.user(),
                "bot_id": who.bot(), "is_enterprise_install": false,
            })),
            "conversations.info" => {
                who.needs("channels:read")?;
                Ok(json!({"channel": describe(&text("channel"), who.n)?}))
            }
            "conversations.list" => {
                who.needs("channels:read")?;
                if text("types").contains("private_channel") {
                    who.needs("groups:read")?;
                }
                list(&given, who.n)
            }
            "conversations.history" | "conversations.replies" => self.history(method, &given, who),
            "chat.postMessage" => self.post(&given, who),
            "chat.update" => self.update(&given, who),
            "chat.delete" => self.delete(&given, who),
            "chat.scheduleMessage" => self.schedule(&given, who),
            "chat.scheduledMessages.list" => self.scheduled(&given, who),
            "chat.deleteScheduledMessage" => {
                let before = self.waiting.len();
                self.waiting.retain(|one| one.id != text("scheduled_message_id") || one.channel != text("channel"));
                if self.waiting.len() == before { no("invalid_scheduled_message_id") } else { Ok(json!({})) }
            }
            "files.getUploadURLExternal" => {
                who.needs("files:write")?;
                // this one reads no JSON
                let form = !request.header("content-type").is_some_and(|mime| mime.starts_with("application/json"));
                self.files.begin(if form { &given } else { &Value::Null })
            }
            "files.completeUploadExternal" => {
                who.needs("files:write")?;
                self.complete(&given, who)
            }
            "files.info" => {
                who.needs("files:read")?;
                Ok(json!({"file": self.files.info(&text("file"))?}))
            }
            "files.delete" => {
                who.needs("files:write")?;
                let id = text("file");
                self.files.delete(&id)?;
                for message in &mut self.messages {
                    message.files.retain(|file| *file != id);
                }
                self.messages.retain(|message| !message.files.is_empty() || said(&message.body));
                Ok(json!({}))
            }
            _ => no("unknown_method"),
        }
    }

    /// The time of a new message; no two have the same.
    fn stamp(&mut self, at: DateTime<Utc>) -> String {
        self.last = at.timestamp_micros().max(self.last + 1);
        format!("{}.{:06}", self.last / 1_000_000, self.last % 1_000_000)
    }

    /// Posts what waited for its time.
    fn due(&mut self) {
        let now = Utc::now().timestamp();
        let (due, waiting) =
            std::mem::take(&mut self.waiting).into_iter().partition(|one: &Waiting| one.post_at <= now);
        self.waiting = waiting;
        for one in due {
            // a message with metadata never comes, as with the real one
            if one.body["metadata"].is_null() {
                let at = Utc.timestamp_opt(one.post_at, 0).single().unwrap_or_default();
                self.store(&one.channel, &one.body, Vec::new(), author(&one.who, &one.body), at);
            }
        }
    }

    fn store(&mut self, channel: &str, body: &Value, files: Vec<String>, author: Value, at: DateTime<Utc>) -> Message {
        let ts = self.stamp(at);
        let thread_ts = body["thread_ts"].as_str().map(str::to_string);
        let message = Message { channel: channel.into(), ts, thread_ts, body: body.clone(), files, author, at };
        self.messages.push(message.clone());
        message
    }

    /// The channel may be written to, and the thread is one.
    fn place(&self, given: &Value, key: &str, who: &Who) -> Result<String, No> {
        who.needs("chat:write")?;
        let id = given[key].as_str().unwrap_or_default();
        let channel = describe(id, who.n)?;
        if channel["is_archived"] == true {
            return no("is_archived");
        }
        if id == ADMINS {
            return no("restricted_action");
        }
        if channel["is_member"] != true && (key == "channel_id" || who.needs("chat:write.public").is_err()) {
            return no("not_in_channel");
        }
        if let Some(thread) = given.get("thread_ts").filter(|thread| !thread.is_null()) {
            let there = |message: &&Message| message.channel == id && *thread == message.ts;
            match self.messages.iter().find(there) {
                None => return no("thread_not_found"),
                // the documentation forbids the ts of a reply; the real one makes a mess of it
                Some(message) if message.thread_ts.is_some() => return no("cannot_reply_to_message"),
                Some(_) => {}
            }
        }
        Ok(id.to_string())
    }

    fn post(&mut self, given: &Value, who: &Who) -> Result<Value, No> {
        let channel = self.place(given, "channel", who)?;
        judge(given, "text", false)?;
        if ["username", "icon_url", "icon_emoji"].iter().any(|key| given.get(*key).is_some()) {
            who.needs("chat:write.customize")?;
        }
        if given["reply_broadcast"] == true && !given["thread_ts"].is_string() {
            return no("invalid_arguments");
        }
        if let Some(metadata) = given.get("metadata")
            && (!metadata["event_type"].is_string() || !metadata["event_payload"].is_object())
        {
            return no("invalid_metadata_format");
        }
        let message = self.store(&channel, given, Vec::new(), author(who, given), Utc::now());
        Ok(json!({"channel": channel, "ts": message.ts, "message": self.json(&message, false)}))
    }

    fn complete(&mut self, given: &Value, who: &Who) -> Result<Value, No> {
        let Some(list) = given["files"].as_array().filter(|list| !list.is_empty()) else {
            return no("invalid_arguments");
        };
        let ids: Vec<String> = list.iter().map(|file| file["id"].as_str().unwrap_or_default().to_string()).collect();
        self.files.ready(&ids)?;
        // without a channel they stay private
        let channel = match given.get("channel_id") {
            Some(_) => Some(self.place(given, "channel_id", who)?),
            None => None,
        };
        judge(given, "initial_comment", true)?;
        for (id, file) in ids.iter().zip(list) {
            self.files.complete(id, file["title"].as_str());
        }
        if let Some(channel) = channel {
            let message = self.store(&channel, given, ids.clone(), author(who, given), Utc::now());
            self.files.share(&ids, &channel, &message.ts, message.thread_ts.as_deref());
        }
        Ok(
            json!({"files": ids.iter().zip(list).map(|(id, file)| json!({"id": id, "title": file["title"]})).collect::<Vec<_>>()}),
        )
    }

    /// The message that is changed or deleted: only by who posted it.
    fn own(&mut self, given: &Value, who: &Who, not: &'static str) -> Result<usize, No> {
        who.needs("chat:write")?;
        describe(given["channel"].as_str().unwrap_or_default(), who.n)?;
        let found = self.messages.iter().position(|one| given["channel"] == one.channel && given["ts"] == one.ts);
        let Some(at) = found else { return no("message_not_found") };
        if self.messages[at].author["user"] != who.user() { no(not) } else { Ok(at) }
    }

    fn update(&mut self, given: &Value, who: &Who) -> Result<Value, No> {
        let at = self.own(given, who, "cant_update_message")?;
        let files = !self.messages[at].files.is_empty();
        judge(given, "text", files)?;
        let message = &mut self.messages[at];
        let key = if files { "initial_comment" } else { "text" };
        message.body[key] = given["text"].clone();
        match given["blocks"].as_array() {
            Some(blocks) if blocks.is_empty() => message.body["blocks"] = Value::Null,
            Some(blocks) => message.body["blocks"] = json!(blocks),
            None => {}
        }
        let (channel, ts) = (message.channel.clone(), message.ts.clone());
        Ok(
            json!({"channel": channel, "ts": ts, "text": given["text"], "message": {"text": given["text"], "user": who.user()}}),
        )
    }

    fn delete(&mut self, given: &Value, who: &Who) -> Result<Value, No> {
        let at = self.own(given, who, "cant_delete_message")?;
        let message = self.messages.remove(at);
        Ok(json!({"channel": message.channel, "ts": message.ts}))
    }

    fn schedule(&mut self, given: &Value, who: &Who) -> Result<Value, No> {
        let channel = self.place(given, "channel", who)?;
        judge(given, "text", false)?;
        let post_at = match &given["post_at"] {
            Value::Number(number) => number.as_i64(),
            text => text.as_str().and_then(|text| text.parse().ok()),
        };
        let Some(post_at) = post_at else { return no("invalid_time") };
        let now = Utc::now().timestamp();
        if post_at <= now {
            return no("time_in_past");
        }
        if post_at > now + FARTHEST {
            return no("time_too_far");
        }
        let near = |one: &&Waiting| one.channel == channel && (one.post_at - post_at).abs() < 300;
        if self.waiting.iter().filter(near).count() >= 30 {
            return no("restricted_too_many");
        }
        self.made += 1;
        let id = format!("Q0TWIN{:04}", self.made);
        let one = Waiting { id: id.clone(), channel: channel.clone(), who: who.clone(), post_at, body: given.clone() };
        self.waiting.push(one);
        Ok(json!({
            "channel": channel, "scheduled_message_id": id, "post_at": post_at.to_string(),
            "message": {"text": given["text"], "type": "delayed_message", "bot_id": who.bot()},
        }))
    }

    fn scheduled(&self, given: &Value, who: &Who) -> Result<Value, No> {
        who.needs("chat:write")?;
        let number = |key: &str| given[key].as_str().and_then(|text| text.parse::<i64>().ok());
        let (oldest, latest) = (number("oldest").unwrap_or(0), number("latest").unwrap_or(i64::MAX));
        let fits = |one: &&Waiting| given["channel"] == one.channel && (oldest..=latest).contains(&one.post_at);
        let list: Vec<Value> = self
            .waiting
            .iter()
            .filter(fits)
            .map(|one| {
                json!({"id": one.id, "channel_id": one.channel, "post_at": one.post_at, "date_created": one.post_at - 60, "text": one.body["text"]})
            })
            .collect();
        Ok(json!({"scheduled_messages": list, "response_metadata": {"next_cursor": ""}}))
    }

    /// The newest first in a channel, the oldest first in a thread; pages of `limit`, with a cursor.
    fn history(&self, method: &str, given: &Value, who: &Who) -> Result<Value, No> {
        who.needs("channels:history")?;
        let text = |key: &str| given[key].as_str().unwrap_or_default();
        let channel = describe(text("channel"), who.n)?;
        if channel["is_member"] != true {
            return no("not_in_channel");
        }
        let (channel, oldest) = (text("channel"), text("oldest"));
        let limit: usize = text("limit").parse().unwrap_or(100);
        let skip: usize = text("cursor").parse().unwrap_or(0);
        let mut found: Vec<&Message> = if method == "conversations.replies" {
            let root = self.messages.iter().find(|one| one.channel == channel && one.ts == text("ts"));
            if root.is_none() {
                return no("thread_not_found");
            }
            let within = |one: &&Message| one.ts == text("ts") || one.thread_ts.as_deref() == Some(text("ts"));
            self.messages.iter().filter(|one| one.channel == channel).filter(within).collect()
        } else {
            let above = |one: &&Message| one.thread_ts.is_none() || one.body["reply_broadcast"] == true;
            self.messages.iter().rev().filter(|one| one.channel == channel).filter(above).collect()
        };
        // a thread's first message is always shown
        found.retain(|one| one.ts.as_str() > oldest || one.ts == text("ts"));
        let metadata = given["include_all_metadata"] == "true" || given["include_all_metadata"] == true;
        let page: Vec<Value> = found.iter().skip(skip).take(limit).map(|one| self.json(one, metadata)).collect();
        let more = skip + page.len() < found.len();
        let cursor = if more { (skip + page.len()).to_string() } else { String::new() };
        Ok(json!({"messages": page, "has_more": more, "response_metadata": {"next_cursor": cursor}}))
    }

    /// As the API shows it.
    fn json(&self, message: &Message, metadata: bool) -> Value {
        let mut value = json!({"type": "message", "ts": message.ts, "text": text_of(&message.body), "team": TEAM});
        for (key, one) in message.author.as_object().into_iter().flatten() {
            value[key] = one.clone();
        }
        if let Some(thread) = &message.thread_ts {
            value["thread_ts"] = json!(thread);
        }
        for key in ["blocks", "metadata"] {
            let wanted = key != "metadata" || metadata;
            if let Some(one) = message.body.get(key).filter(|one| wanted && !one.is_null()) {
                value[key] = one.clone();
            }
        }
        if !message.files.is_empty() {
            value["files"] = json!(message.files.iter().map(|id| self.files.short(id)).collect::<Vec<_>>());
        }
        value
    }

    fn seen(&self, message: &Message) -> Seen {
        let mut extra = json!({});
        for key in ["blocks", "username", "icon_url", "icon_emoji", "reply_broadcast", "unfurl_links", "unfurl_media"] {
            if let Some(value) = message.body.get(key).filter(|value| !value.is_null()) {
                extra[key] = value.clone();
            }
        }
        // a thread is flat: each reply is read below the one before
        let above = message.thread_ts.as_ref().and_then(|thread| {
            let within = |one: &&Message| one.channel == message.channel && one.ts < message.ts;
            let within = self.messages.iter().filter(within);
            within
                .filter(|one| one.ts == *thread || one.thread_ts.as_ref() == Some(thread))
                .max_by_key(|one| one.ts.clone())
        });
        Seen {
            id: message.ts.clone(),
            account: name_of(&message.channel),
            title: None,
            text: shown(text_of(&message.body)),
            url: Some(super::address(BASE, &message.channel, &message.ts, message.thread_ts.as_deref())),
            reply_to: above.map(|one| one.ts.clone()),
            media: message.files.iter().filter_map(|id| self.files.seen(id)).collect(),
            at: message.at,
            extra,
        }
    }

    fn webhook(&mut self, request: &Incoming) -> Reply {
        let says = |status: u16, word: &str| {
            let plain = Reply::text(status, word);
            Reply { headers: vec![("content-type".into(), "text/html".into())], ..plain }
        };
        let segments = request.segments();
        let ["services", team, hook, token] = segments.as_slice() else { return says(404, "no_team") };
        let n = hook.strip_prefix("B0HOOK").and_then(|n| n.parse::<usize>().ok()).filter(|_| *team == TEAM);
        let Some(n) = n else { return says(404, "no_service") };
        if webhook_url(n).rsplit('/').next() != Some(token) {
            return says(403, "invalid_token");
        }
        if request.method != "POST" {
            return says(405, "method_not_allowed");
        }
        let body = request.json();
        if !body.is_object() {
            return says(400, "invalid_payload");
        }
        match judge(&body, "text", false) {
            Err(No(code @ ("no_text" | "invalid_blocks"), _)) => return says(400, code),
            Err(_) => return says(400, "invalid_payload"),
            Ok(()) => {}
        }
        let author = json!({"bot_id": hook, "subtype": "bot_message"});
        self.store(&channel(n), &body, Vec::new(), author, Utc::now());
        says(200, "ok")
    }
}

fn author(who: &Who, body: &Value) -> Value {
    let mut author = json!({"user": who.user(), "bot_id": who.bot()});
    if let Some(name) = body["username"].as_str() {
        author["username"] = json!(name);
    }
    author
}

fn text_of(body: &Value) -> &str {
    body["text"].as_str().or(body["initial_comment"].as_str()).unwrap_or_default()
}

/// Whether something is left of a message without its files.
fn said(body: &Value) -> bool {
    !text_of(body).is_empty() || body["blocks"].is_array()
}

/// Judges text and blocks.
fn judge(given: &Value, key: &str, optional: bool) -> Result<(), No> {
    let text = given[key].as_str().unwrap_or_default();
    let blocks = given.get("blocks").filter(|blocks| !blocks.is_null());
    if text.trim().is_empty() && blocks.is_none() && !optional {
        return no("no_text");
    }
    if text.chars().count() > LONGEST {
        return no("msg_too_long");
    }
    if given.get("markdown_text").is_some() && (blocks.is_some() || !text.is_empty()) {
        return no("markdown_text_conflict");
    }
    match blocks.map(check_blocks) {
        Some(Err(why)) => {
            Err(No("invalid_blocks", json!({"response_metadata": {"messages": [format!("[ERROR] {why}")]}})))
        }
        _ => Ok(()),
    }
}

fn name_of(channel: &str) -> String {
    match channel {
        OPEN => "#open".into(),
        ARCHIVED => "#old".into(),
        ADMINS => "#announcements".into(),
        other => format!("#{}", other.to_lowercase().replacen("c0twin", "twin-", 1)),
    }
}

/// A channel as bot `n` sees it.
fn describe(id: &str, n: usize) -> Result<Value, No> {
    let own = id == channel(n);
    if !own && ![OPEN, ARCHIVED, ADMINS].contains(&id) {
        return no("channel_not_found");
    }
    Ok(json!({
        "id": id, "name": &name_of(id)[1..], "is_channel": true, "is_group": false, "is_im": false, "is_private": false,
        "is_archived": id == ARCHIVED, "is_member": own || id == ADMINS, "created": 1_700_000_000,
    }))
}

/// Pages of one, so that a client that reads only the first is found out.
fn list(given: &Value, n: usize) -> Result<Value, No> {
    let own = channel(n);
    let all = BTreeMap::from([(0, ADMINS), (1, own.as_str()), (2, OPEN), (3, ARCHIVED)]);
    let shown: Vec<&str> =
        all.into_values().filter(|id| *id != ARCHIVED || given["exclude_archived"] != "true").collect();
    let at: usize = given["cursor"].as_str().and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
    let page: Vec<Value> = shown.get(at).map(|id| describe(id, n)).transpose()?.into_iter().collect();
    let cursor = if at + 1 < shown.len() { (at + 1).to_string() } else { String::new() };
    Ok(json!({"channels": page, "response_metadata": {"next_cursor": cursor}}))
}
