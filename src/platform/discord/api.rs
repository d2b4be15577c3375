//! Wire types of the HTTP API v10: what is read of its answers, the address of a webhook, and the time within an id.

use chrono::{DateTime, TimeZone, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

/// The first moment of Discord's ids, in milliseconds of Unix time.
pub(super) const EPOCH: i64 = 1_420_070_400_000;
/// Message flag: crossposted to the channels that follow this one.
pub(super) const CROSSPOSTED: u64 = 1 << 0;
/// Message flag: no link previews.
pub(super) const SUPPRESS_EMBEDS: u64 = 1 << 2;
/// Message flag: a thread hangs on this message.
pub(super) const HAS_THREAD: u64 = 1 << 5;
/// Message flag: no push, no sound.
pub(super) const SUPPRESS_NOTIFICATIONS: u64 = 1 << 12;

#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub id: String,
    pub channel_id: String,
    pub author: User,
    #[serde(default)]
    pub content: String,
    #[serde(default)]
    pub attachments: Vec<Value>,
    #[serde(default)]
    pub embeds: Vec<Value>,
    #[serde(default)]
    pub poll: Option<Value>,
    /// A text or a number, and not in every answer.
    #[serde(default)]
    pub nonce: Option<Value>,
    #[serde(default)]
    pub flags: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub id: String,
    #[serde(default)]
    pub username: String,
}

/// A channel or a thread.
#[derive(Debug, Deserialize)]
pub(super) struct Channel {
    pub id: String,
    /// Not in direct messages.
    #[serde(default)]
    pub guild_id: Option<String>,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(rename = "type")]
    pub kind: u8,
    #[serde(default)]
    pub last_message_id: Option<String>,
}

/// A webhook as it describes itself; its token and address, which stand there too, are not read.
#[derive(Debug, Deserialize)]
pub(super) struct Webhook {
    pub id: String,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub guild_id: Option<String>,
    #[serde(default)]
    pub channel_id: Option<String>,
}

/// `ID/TOKEN` of a webhook's address, and the token alone. Takes the address as Discord's "Copy Webhook URL" gives it (any of its hosts, with
/// or without a version, a query or a suffix), or `ID/TOKEN`.
pub(super) fn webhook_secret(address: &SecretString) -> Option<(SecretString, SecretString)> {
    let text = address.expose_secret().trim();
    let path = match text.strip_prefix("https://") {
        Some(rest) => {
            let (host, path) = rest.split_once('/')?;
            let ours = ["discord.com", "discordapp.com"]
                .iter()
                .any(|domain| host == *domain || ["canary", "ptb"].iter().any(|sub| host == format!("{sub}.{domain}")));
            let path = path.strip_prefix("api/").filter(|_| ours)?;
            // a version may stand between
            path.strip_prefix("webhooks/").or_else(|| path.split_once("/webhooks/").map(|(_, rest)| rest))?
        }
        None => text,
    };
    let mut pieces = path.split(['/', '?', '#']);
    let (id, token) = (pieces.next()?, pieces.next()?);
    let good = is_id(id) && !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    good.then(|| (format!("{id}/{token}").into(), token.to_string().into()))
}

/// Whether this is an id: digits only.
pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// When the thing with this id was made, by the server's clock.
pub(super) fn made(id: &str) -> Option<DateTime<Utc>> {
    let id: u64 = id.parse().ok()?;
    Utc.timestamp_millis_opt((id >> 22) as i64 + EPOCH).single()
}

/// Channel and message of `https://discord.com/channels/GUILD/CHANNEL/MESSAGE`.
pub(super) fn message_at(url: &str) -> Result<(String, String), String> {
    let wrong = || format!("`{url}` is not the address of a Discord message; it looks like `https://discord.com/channels/1/2/3`");
    let rest = url.trim().strip_prefix("https://").ok_or_else(wrong)?;
    let rest = ["", "canary.", "ptb."].iter().find_map(|sub| rest.strip_prefix(sub)?.strip_prefix("discord.com/channels/"));
    let path = rest.ok_or_else(wrong)?.split(['?', '#']).next().unwrap_or_default();
    match path.trim_end_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        [guild, channel, message] if (is_id(guild) || *guild == "@me") && is_id(channel) && is_id(message) => {
            Ok((channel.to_string(), message.to_string()))
        }
        _ => Err(wrong()),
    }
}
