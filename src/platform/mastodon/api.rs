//! What servers answer, read leniently: servers that only speak Mastodon's API send numbers as strings, leave fields out or set
//! them to `null`.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::net::{Method, Request};

/// A request to this path of a server.
///
/// Only small servers are reached by plain http, and snac (seen with 2.75) closes each connection after its answer without saying
/// so: the next request on it is reset, and nobody knows whether it was read. So there each request has its own.
pub fn request(server: &str, method: Method, path: &str) -> Request {
    let request = Request::new(method, format!("{server}{path}"));
    if server.starts_with("http://") { request.header("connection", "close") } else { request }
}

/// A whole number, also where it is written as text or with a fraction.
pub fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(n) => n.as_u64().or_else(|| n.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// An id: text, or a number that stands for text.
pub fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A web address, if it is one.
pub fn web(value: &Value) -> Option<String> {
    let url = url::Url::parse(value.as_str()?).ok()?;
    matches!(url.scheme(), "https" | "http").then(|| value.as_str().map(str::to_string))?
}

/// The part of a status that we look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    pub id: String,
    /// `url`, or `uri` where a server gives no `url`.
    pub url: Option<String>,
    pub uri: Option<String>,
    pub created: Option<DateTime<Utc>>,
    /// HTML.
    pub content: String,
    /// The source, where a server tells its author.
    pub source: Option<String>,
    pub in_reply_to: Option<String>,
    /// How many media, where the server lists them.
    pub media: Option<usize>,
}

impl Status {
    /// Reads one; `None` without an id.
    pub fn read(value: &Value) -> Option<Status> {
        let uri = web(&value["uri"]);
        Some(Status {
            id: id(&value["id"])?,
            url: web(&value["url"]).or_else(|| uri.clone()),
            uri,
            created: value["created_at"]
                .as_str()
                .and_then(|text| DateTime::parse_from_rfc3339(text).ok())
                .map(|at| at.with_timezone(&Utc)),
            content: value["content"].as_str().unwrap_or_default().to_string(),
            source: value["text"].as_str().filter(|text| !text.is_empty()).map(str::to_string),
            in_reply_to: id(&value["in_reply_to_id"]),
            media: value["media_attachments"].as_array().map(Vec::len),
        })
    }
}
