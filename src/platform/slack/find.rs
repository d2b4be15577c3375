//! Read-back: did this part land? Messages carry the part's key in their metadata, files say themselves where they were shared. A
//! webhook cannot read.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Mode, Network, channel, file, file_receipt, home, kind, message_receipt, request, workspace};
use crate::net::{Answer, Fault, Kind, Method, Request};
use crate::platform::{Cx, Find, Found, Post, Receipt};

/// So many pages are read at most.
const PAGES: usize = 5;
/// Clocks are compared to the second. A key is never another post's, so there it may be looked for further back.
const NEAR: TimeDelta = TimeDelta::seconds(3);
const FAR: TimeDelta = TimeDelta::minutes(2);

#[async_trait]
impl Find for Network {
    async fn find(&self, cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
        if kind(cx) == Mode::Webhook {
            return Ok(Found::Unsure);
        }
        let found = match post.payload["method"].as_str() {
            Some("files.completeUploadExternal") => shared(cx, post, ready, since).await,
            Some("chat.scheduleMessage") => scheduled(cx, post).await,
            _ => message(cx, post, ready, since).await,
        };
        match found {
            // the app may not read there, and never will
            Err(fault) if fault.kind == Kind::Forbidden || fault.code.as_deref() == Some("channel_not_found") => {
                tracing::debug!(account = cx.account.name, "cannot be read back: {}", fault.message);
                Ok(Found::Unsure)
            }
            found => found,
        }
    }
}

/// A file that was never completed is not known; one that was completed without a share yet is on its way. The same post by another
/// run (a once key) has files of its own, and is known by what it says and carries.
async fn shared(cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
    if let Some(id) = ready["files"][0].as_str() {
        match file(cx, id).await {
            Ok(object) => {
                let receipt = file_receipt(cx, ready, &object)?;
                return Ok(if receipt.id == id { Found::Unsure } else { Found::Yes(receipt) });
            }
            Err(fault) if fault.code.as_deref() == Some("file_not_found") => {}
            Err(fault) => return Err(fault),
        }
    }
    let read = read(cx, ready, since, NEAR).await?;
    let names: Vec<&str> = post.media.iter().map(|used| used.media.name.as_str()).collect();
    let words =
        |text: &Value| text.as_str().unwrap_or_default().chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let alike: Vec<&Value> = read
        .messages
        .iter()
        .filter(|message| {
            let files: Vec<&str> =
                message["files"].as_array().into_iter().flatten().filter_map(|file| file["name"].as_str()).collect();
            ours(cx, message)
                && files == names
                && words(&message["text"]) == words(&post.payload["body"]["initial_comment"])
        })
        .collect();
    match (alike.as_slice(), read.whole) {
        ([message], _) => {
            let ts = message["ts"].as_str().unwrap_or_default();
            let base = workspace(cx, ready).await?;
            let mut receipt = message_receipt(&base, &read.channel, ts, ready["thread_ts"].as_str());
            let files = message["files"].as_array().into_iter().flatten();
            receipt.extra["files"] = files.map(|file| file["id"].clone()).collect();
            Ok(Found::Yes(receipt))
        }
        ([], true) => Ok(Found::No),
        _ => Ok(Found::Unsure),
    }
}

/// Waiting messages have no metadata: the time and the text tell them.
async fn scheduled(cx: &Cx<'_>, post: &Post) -> Result<Found, Fault> {
    let (body, channel) = (&post.payload["body"], channel(cx)?);
    let at = body["post_at"].as_i64().unwrap_or_default();
    let (mut cursor, mut near) = (String::new(), false);
    for _ in 0..PAGES {
        let (oldest, latest) = (at.to_string(), (at + 1).to_string());
        let mut asked = json!({"channel": channel, "oldest": oldest, "latest": latest, "limit": 100});
        if !cursor.is_empty() {
            asked["cursor"] = cursor.as_str().into();
        }
        let answer = cx.call(request(cx, Method::POST, "chat.scheduledMessages.list")?.json(asked)).await?;
        let value = answer.value();
        let list = value["scheduled_messages"].as_array().cloned().ok_or_else(|| unreadable(&answer))?;
        for one in list.iter().filter(|one| one["post_at"].as_i64() == Some(at)) {
            if one["text"] == body["text"]
                && let Some(id) = one["id"].as_str()
            {
                return Ok(Found::Yes(super::scheduled_receipt(id, &channel, at)));
            }
            near = true;
        }
        cursor = next(&value);
        if cursor.is_empty() {
            // what is due stands in the list no longer
            return Ok(if near || at <= Utc::now().timestamp() { Found::Unsure } else { Found::No });
        }
    }
    Ok(Found::Unsure)
}

/// Looks among the messages since the first try for the one that carries the key.
async fn message(cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
    let read = read(cx, ready, since, FAR).await?;
    let key = post.uuid();
    for message in &read.messages {
        let metadata = &message["metadata"];
        if metadata["event_type"] == super::EVENT
            && metadata["event_payload"]["key"] == key
            && let Some(ts) = message["ts"].as_str()
        {
            let base = workspace(cx, ready).await?;
            return Ok(Found::Yes(message_receipt(&base, &read.channel, ts, ready["thread_ts"].as_str())));
        }
    }
    // a message of ours that lost its metadata
    let bare = |message: &&Value| message["metadata"].is_null() && message["text"] == post.payload["body"]["text"];
    let alike = read.messages.iter().filter(bare).any(|message| ours(cx, message));
    Ok(if read.whole && !alike { Found::No } else { Found::Unsure })
}

/// What stands in the channel or thread since then.
struct Read {
    channel: String,
    messages: Vec<Value>,
    /// Nothing is missing.
    whole: bool,
}

async fn read(cx: &Cx<'_>, ready: &Value, since: DateTime<Utc>, margin: TimeDelta) -> Result<Read, Fault> {
    let ahead = cx.door.clock().map_or(TimeDelta::zero(), |(_, ahead)| ahead);
    let oldest = format!("{}.000000", (since + ahead - margin).timestamp());
    let mut read = Read { channel: channel(cx)?, messages: Vec::new(), whole: false };
    let mut cursor = String::new();
    for _ in 0..PAGES {
        let asked = match ready["thread_ts"].as_str() {
            Some(ts) => request(cx, Method::GET, "conversations.replies")?.query("ts", ts),
            None => request(cx, Method::GET, "conversations.history")?,
        };
        let answer = cx.call(page(asked, &read.channel, &oldest, &cursor)).await?;
        let value = answer.value();
        let list = value["messages"].as_array().ok_or_else(|| unreadable(&answer))?;
        // the first message of a thread is always shown
        let since = |message: &&Value| message["ts"].as_str().is_some_and(|ts| ts > oldest.as_str());
        read.messages.extend(list.iter().filter(since).cloned());
        cursor = next(&value);
        if cursor.is_empty() {
            read.whole = true;
            break;
        }
    }
    Ok(read)
}

fn ours(cx: &Cx<'_>, message: &Value) -> bool {
    let same = |key: &str, about: &str| message[key].is_string() && message[key] == cx.account.about[about];
    same("bot_id", "bot_id") || same("user", "user_id")
}

fn page(request: Request, channel: &str, oldest: &str, cursor: &str) -> Request {
    let request = request
        .query("channel", channel)
        .query("oldest", oldest)
        .query("include_all_metadata", "true")
        .query("limit", "100");
    if cursor.is_empty() { request } else { request.query("cursor", cursor) }
}

fn next(value: &Value) -> String {
    value["response_metadata"]["next_cursor"].as_str().unwrap_or_default().to_string()
}

/// Reading has no effect.
fn unreadable(answer: &Answer) -> Fault {
    Fault::new(Kind::Protocol, format!("{} answered {}", answer.asked, answer.reason()))
}

/// The message of a receipt that knows no more than its files; `None` while Slack does not tell.
pub(super) async fn whereabouts(cx: &Cx<'_>, receipt: &Receipt) -> Result<Option<super::api::Landed>, Fault> {
    let Some(id) = receipt.extra["files"][0].as_str() else { return Ok(None) };
    let channel = home(cx, receipt)?;
    Ok(super::api::landed(&file(cx, id).await?, &channel))
}
