//! Wire types of the Bot API: what is read of its answers, and the names of chats and messages.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::platform::AccountInfo;

/// Every good answer: `{"ok": true, "result": …}`.
#[derive(Debug, Deserialize)]
pub(super) struct Response<T> {
    pub result: T,
}

/// `sendMediaGroup` answers a list, everything else one message.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Sent {
    One(Box<Message>),
    Many(Vec<Message>),
}

impl Sent {
    pub fn messages(self) -> Vec<Message> {
        match self {
            Sent::One(message) => vec![*message],
            Sent::Many(messages) => messages,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub message_id: i64,
    pub chat: Chat,
    #[serde(default)]
    pub message_thread_id: Option<i64>,
    #[serde(default)]
    pub is_topic_message: bool,
}

impl Message {
    /// Where a person can see it; private chats and basic groups have no such place.
    pub fn url(&self) -> Option<String> {
        let topic = self
            .message_thread_id
            .filter(|_| self.is_topic_message)
            .map_or_else(String::new, |topic| format!("{topic}/"));
        Some(format!("{}/{topic}{}", self.chat.url()?, self.message_id))
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Chat {
    pub id: i64,
    /// `private`, `group`, `supergroup` or `channel`.
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub username: Option<String>,
    /// Of a person, who has no title.
    #[serde(default)]
    pub first_name: Option<String>,
    #[serde(default)]
    pub is_forum: bool,
}

impl Chat {
    /// As people know it: `@name`, else the title or first name, else the id.
    pub fn handle(&self) -> String {
        match (&self.username, self.title.as_ref().or(self.first_name.as_ref())) {
            (Some(name), _) => format!("@{name}"),
            (None, Some(title)) => title.clone(),
            (None, None) => self.id.to_string(),
        }
    }

    /// Its address, if it has one.
    pub fn url(&self) -> Option<String> {
        match (&self.username, self.kind.as_str()) {
            (Some(name), "channel" | "supergroup") => Some(format!("https://t.me/{name}")),
            (None, "channel" | "supergroup") => {
                let inner = self.id.to_string().strip_prefix("-100")?.to_string();
                Some(format!("https://t.me/c/{inner}"))
            }
            _ => None,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub id: i64,
    #[serde(default)]
    pub username: Option<String>,
    pub first_name: String,
}

impl User {
    /// `@name`, else the first name.
    pub fn handle(&self) -> String {
        self.username.as_ref().map_or_else(|| self.first_name.clone(), |name| format!("@{name}"))
    }
}

/// The bot's place in the chat.
#[derive(Debug, Deserialize)]
pub(super) struct Member {
    pub status: String,
    /// Only of administrators of channels.
    #[serde(default)]
    pub can_post_messages: Option<bool>,
    /// Only of restricted members.
    #[serde(default)]
    pub can_send_messages: Option<bool>,
}

/// The account's chat, see [`chat_id`]; a number may well be written without quotes.
pub(super) fn chat_of(account: &AccountInfo) -> Result<Value, String> {
    match account.settings.get("chat") {
        Some(Value::Number(id)) => chat_id(&id.to_string()),
        _ if account.setting("chat").trim().is_empty() => Err(format!(
            "account `{0}` is a bot that has no `chat` to post to; choose one with `xpost account targets {0}`",
            account.name
        )),
        _ => chat_id(account.setting("chat")),
    }
}

/// The chat as the Bot API takes it: a number, or `@name`. Takes `@name`, `name`, `https://t.me/name`, `https://t.me/c/123` and a numeric id.
pub(super) fn chat_id(text: &str) -> Result<Value, String> {
    let text = text.trim();
    if let Ok(id) = text.parse::<i64>() {
        return Ok(json!(id));
    }
    if let Some(pieces) = address(text) {
        return match pieces.as_slice() {
            ["c", inner, ..] => private(inner).ok_or_else(|| format!("`{text}` is not the address of a chat")),
            [name, ..] if is_name(name) => Ok(json!(format!("@{name}"))),
            _ => Err(format!("`{text}` does not name a chat; an invitation cannot be posted to, use the numeric id")),
        };
    }
    let name = text.strip_prefix('@').unwrap_or(text);
    if is_name(name) {
        Ok(json!(format!("@{name}")))
    } else {
        Err(format!("`{text}` is not a chat; write `@channel` or the numeric id, such as `-1001234567890`"))
    }
}

/// A message by its address: the chat as [`chat_id`] has it, and the message's number in it.
pub(super) fn message_at(url: &str) -> Result<(Value, i64), String> {
    let wrong = || format!("`{url}` is not the address of a Telegram message; it looks like `https://t.me/channel/123`");
    let pieces = address(url.trim()).ok_or_else(wrong)?;
    let (chat, rest) = match pieces.as_slice() {
        ["c", inner, rest @ ..] => (private(inner).ok_or_else(wrong)?, rest),
        [name, rest @ ..] if is_name(name) => (json!(format!("@{name}")), rest),
        _ => return Err(wrong()),
    };
    // with a topic there are two numbers, and the message is the last
    match rest {
        [number] | [_, number] => Ok((chat, number.parse().ok().filter(|id| *id > 0).ok_or_else(wrong)?)),
        _ => Err(wrong()),
    }
}

/// The path of a `t.me` address in pieces.
fn address(text: &str) -> Option<Vec<&str>> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
    let rest = rest.strip_prefix("t.me/").or_else(|| rest.strip_prefix("telegram.me/"))?;
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let pieces: Vec<&str> = path.split('/').filter(|piece| !piece.is_empty()).collect();
    // t.me/s/name is the same channel's page for browsers
    Some(if pieces.first() == Some(&"s") { pieces[1..].to_vec() } else { pieces })
}

fn private(inner: &str) -> Option<Value> {
    inner.parse::<u64>().ok()?;
    format!("-100{inner}").parse::<i64>().ok().map(|id| json!(id))
}

fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
