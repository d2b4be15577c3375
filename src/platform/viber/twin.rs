//! A stand-in for Viber's channels: a number in every answer, a webhook before the first post, media by address alone.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::twin::{Incoming, Reply, Seen, SeenMedia, Twin};

const HOST: &str = "chatapi.viber.com";
/// Tokens are this and the account's number.
const TOKEN: &str = "viber-twin-token-";
const FIRST: u64 = 5_741_311_803_571_721_000;

/// The token of account `n`.
pub fn token(n: usize) -> String {
    format!("{TOKEN}{n}")
}

/// The id of the channel's super-admin.
pub fn admin(n: usize) -> String {
    format!("01234567890A{n}=")
}

#[derive(Debug)]
struct Message {
    token: u64,
    owner: usize,
    body: Value,
    at: DateTime<Utc>,
}

/// Viber's state.
#[derive(Debug, Default)]
pub struct Viber {
    messages: Vec<Message>,
    made: u64,
    /// Webhooks by account; a twin's accounts have one unless it is taken away.
    pub(super) webhooks: BTreeMap<usize, String>,
}

fn say(status: i64, message: &str) -> Reply {
    Reply::json(200, &json!({"status": status, "status_message": message, "chat_hostname": "SN-CHAT-05_"}))
}

type Refusal = Box<Reply>;

fn refuse(status: i64, message: &str) -> Refusal {
    Box::new(say(status, message))
}

impl Twin for Viber {
    fn hosts(&self) -> Vec<String> {
        vec![HOST.to_string()]
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        self.route(request).unwrap_or_else(|refusal| *refusal)
    }

    /// Viber itself names no time; what stands in front of it may.
    fn limited(&self, seconds: u64) -> Reply {
        say(12, "Too many requests").header("retry-after", seconds.to_string())
    }

    fn expired(&self) -> Reply {
        say(2, "invalidAuthToken")
    }

    fn timeline(&self) -> Vec<Seen> {
        self.messages.iter().map(seen).collect()
    }
}

fn seen(message: &Message) -> Seen {
    let body = &message.body;
    let mime = match body["type"].as_str() {
        Some("picture") => Some("image/jpeg"),
        Some("video") => Some("video/mp4"),
        Some("file") => Some("application/octet-stream"),
        _ => None,
    };
    let address = body["media"].as_str().unwrap_or_default();
    let bytes = body["size"].as_u64().unwrap_or(address.len() as u64);
    Seen {
        id: message.token.to_string(),
        account: format!("Channel {}", message.owner),
        title: None,
        text: body["text"].as_str().unwrap_or_default().to_string(),
        url: None,
        reply_to: None,
        media: mime.map(|mime| SeenMedia { mime: mime.into(), bytes, alt: String::new() }).into_iter().collect(),
        at: message.at,
        extra: json!({"type": body["type"], "media": body["media"], "thumbnail": body["thumbnail"], "duration": body["duration"]}),
    }
}

impl Viber {
    fn route(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let body = request.json();
        let given = request.header("x-viber-auth-token").or(body["auth_token"].as_str()).unwrap_or_default();
        let missing = if given.is_empty() { "missing_auth_token" } else { "invalidAuthToken" };
        let n = given.strip_prefix(TOKEN).and_then(|n| n.parse().ok()).ok_or_else(|| refuse(2, missing))?;
        let webhook = self.webhooks.get(&n).cloned().unwrap_or_else(|| "https://example.org/viber".to_string());
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/pa/get_account_info") => Ok(Reply::json(
                200,
                &json!({
                    "status": 0, "status_message": "ok", "id": format!("pa:7507474511671823{n}"), "name": format!("Channel {n}"),
                    "uri": format!("channel{n}"), "webhook": webhook, "subscribers_count": 35, "chat_hostname": "SN-CHAT-05_",
                    "members": [
                        {"id": "01234567890P=", "name": "Bob", "role": "participant"},
                        {"id": admin(n), "name": "Ann", "role": "superadmin"},
                        {"id": "01234567890B=", "name": "Eve", "role": "admin"},
                    ],
                }),
            )),
            ("POST", "/pa/set_webhook") => {
                let url = body["url"].as_str().ok_or_else(|| refuse(4, "missingData"))?;
                // Viber asks the address itself; what is named so does not answer
                if !url.is_empty() && (!url.starts_with("https://") || url.contains("dead.")) {
                    return Err(refuse(1, "invalidUrl"));
                }
                self.webhooks.insert(n, url.to_string());
                Ok(Reply::json(
                    200,
                    &json!({"status": 0, "status_message": "ok", "event_types": ["subscribed", "unsubscribed"], "chat_hostname": "SN-CHAT-05_"}),
                ))
            }
            ("POST", "/pa/post") => {
                if webhook.is_empty() {
                    return Err(refuse(10, "webhookNotSet"));
                }
                check(n, request.body.len(), &body)?;
                self.made += 1;
                let token = FIRST + self.made;
                self.messages.push(Message { token, owner: n, body, at: Utc::now() });
                Ok(Reply::json(
                    200,
                    &json!({"status": 0, "status_message": "ok", "message_token": token, "chat_hostname": "SN-CHAT-05_"}),
                ))
            }
            _ => Ok(Reply::html(404, "<h1>Not Found</h1>")),
        }
    }
}

fn check(n: usize, size: usize, body: &Value) -> Result<(), Refusal> {
    if size > 30_000 {
        return Err(refuse(3, "request is too large"));
    }
    let from = body["from"].as_str().ok_or_else(|| refuse(4, "missingData: from"))?;
    if from != admin(n) {
        return Err(refuse(15, "publicAccountNotAuthorized"));
    }
    let text = body["text"].as_str().unwrap_or_default();
    let address = |key: &str| {
        let url = body[key].as_str().ok_or_else(|| refuse(4, &format!("missingData: {key}")))?;
        if url.starts_with("https://") { Ok(()) } else { Err(refuse(1, "invalidUrl")) }
    };
    let number =
        |key: &str| body[key].as_u64().filter(|n| *n > 0).ok_or_else(|| refuse(4, &format!("missingData: {key}")));
    match body["type"].as_str() {
        Some("text") if text.is_empty() => Err(refuse(4, "missingData: text")),
        Some("text") if text.chars().count() > 7000 => Err(refuse(3, "badData: text is too long")),
        Some("text") => Ok(()),
        Some("picture") if text.chars().count() > 512 => Err(refuse(3, "badData: text is too long")),
        Some("picture") => address("media"),
        Some("video") => {
            number("size")?;
            address("media")
        }
        Some("file") => {
            number("size")?;
            let name = body["file_name"].as_str().unwrap_or_default();
            if name.is_empty() || name.chars().count() > 256 {
                return Err(refuse(3, "badData: file_name"));
            }
            address("media")
        }
        _ => Err(refuse(3, "badData: type")),
    }
}
