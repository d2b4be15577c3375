//! The twin's server: its people, teams, channels and configuration, and who may see what.
//!
//! Every token `n` is in the team [`TEAM`] and in a channel of its own ([`channel`]); it sees [`OPEN`], which it is not in, and the
//! channel [`CLOSED`] that was archived.

use serde_json::{Value, json};

pub(super) const ORIGIN: &str = "https://mattermost.example";
pub(super) const HOST: &str = "mattermost.example";
pub(super) const TEAM: &str = "teamtwin000000000000000000";
pub(super) const TEAM_NAME: &str = "harbour";
pub(super) const OPEN: &str = "opentwin000000000000000000";
pub(super) const CLOSED: &str = "closedtwin0000000000000000";
pub(super) const MAX_POST: usize = 16_383;
pub(super) const MAX_FILE: u64 = 104_857_600;

/// An id of this kind and number.
pub(super) fn id(kind: &str, n: u64) -> String {
    let left = 26 - kind.len();
    format!("{kind}{n:0left$}")
}

fn mark(n: usize) -> String {
    format!("{:014x}", (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 8)
}

/// The token `n`.
pub(super) fn token(n: usize) -> String {
    format!("tokentwin{n:03}{}", mark(n))
}

fn key(n: usize) -> String {
    format!("hooktwin{n:04}{}", mark(n + 7))
}

/// The address of webhook `n`.
pub(super) fn webhook_url(n: usize) -> String {
    format!("{ORIGIN}/hooks/{}", key(n))
}

/// The channel of token `n`, which webhook `n` posts to as well.
pub(super) fn channel(n: usize) -> String {
    id("channel", n as u64)
}

pub(super) fn user(n: usize) -> String {
    id("user", n as u64)
}

/// Whose token this is.
pub(super) fn who(token: &str) -> Option<usize> {
    let n: usize = token.strip_prefix("tokentwin")?.get(..3)?.parse().ok()?;
    (self::token(n) == token).then_some(n)
}

/// Which webhook has this key.
pub(super) fn hook(key: &str) -> Option<usize> {
    let n: usize = key.strip_prefix("hooktwin")?.get(..4)?.parse().ok()?;
    (self::key(n) == key).then_some(n)
}

pub(super) fn me(n: usize) -> Value {
    json!({
        "id": user(n), "username": format!("xpost-twin-{n}"), "email": "", "roles": "system_user", "is_bot": true, "delete_at": 0,
        "first_name": "", "last_name": "", "locale": "en",
    })
}

pub(super) fn team() -> Value {
    json!({"id": TEAM, "name": TEAM_NAME, "display_name": "Harbour", "type": "O", "delete_at": 0})
}

/// A channel as `n` may see it.
pub(super) fn describe(channel: &str, n: usize) -> Option<Value> {
    let own = channel == self::channel(n);
    let (name, title, kind, gone) = match channel {
        OPEN => ("town-square".to_string(), "Town Square".to_string(), "O", 0),
        CLOSED => ("old".to_string(), "Old".to_string(), "O", 1_700_000_000_000_u64),
        _ if own => (format!("twin-{n}"), format!("Twin {n}"), "P", 0),
        _ => return None,
    };
    Some(json!({
        "id": channel, "team_id": TEAM, "type": kind, "name": name, "display_name": title, "header": "", "purpose": "",
        "create_at": 1_700_000_000_000_u64, "delete_at": gone, "total_msg_count": 0,
    }))
}

/// As old clients are told: all of it texts.
pub(super) fn config() -> Value {
    json!({
        "SiteURL": ORIGIN, "Version": "10.12.0", "MaxPostSize": MAX_POST.to_string(), "MaxFileSize": MAX_FILE.to_string(),
        "EnableFileAttachments": "true", "PostPriority": "true", "ScheduledPosts": "true", "EnableCluster": "false",
    })
}
