//! What Slack's names, addresses and answers look like.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

/// `auth.test`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Me {
    /// Of the workspace, with a slash at the end.
    pub url: String,
    #[serde(default)]
    pub team: String,
    pub team_id: String,
    #[serde(default)]
    pub user: String,
    pub user_id: String,
    /// Not with a person's token.
    #[serde(default)]
    pub bot_id: Option<String>,
}

/// A channel, as `conversations.list` and `conversations.info` show it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Channel {
    pub id: String,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub is_member: bool,
    #[serde(default)]
    pub is_private: bool,
    #[serde(default)]
    pub is_archived: bool,
    #[serde(default)]
    pub is_read_only: bool,
}

/// Where a file has been shared.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Landed {
    pub ts: String,
    pub thread_ts: Option<String>,
}

/// Whether this is the id of a channel, a private channel or a direct message.
pub(super) fn is_channel(text: &str) -> bool {
    text.len() >= 7
        && text.starts_with(['C', 'G', 'D'])
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Whether this is the id of a message within its channel: `1712345678.000100`.
pub(super) fn is_ts(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(seconds, rest)| digits(seconds) && digits(rest) && rest.len() == 6)
}

/// Where a person sees a message; `base` is the workspace's address.
pub(super) fn address(base: &str, channel: &str, ts: &str, thread: Option<&str>) -> String {
    let place = format!("{}/archives/{channel}/p{}", base.trim_end_matches('/'), ts.replace('.', ""));
    match thread.filter(|thread| *thread != ts) {
        Some(thread) => format!("{place}?thread_ts={thread}&cid={channel}"),
        None => place,
    }
}

/// Channel, message and, for a reply, the first message of its thread, of a message's address.
pub(super) fn message_at(url: &str) -> Result<(String, String, Option<String>), String> {
    let wrong = || {
        format!(
            "`{url}` is not the address of a Slack message; copy it in Slack (three dots, Copy link), it looks like `https://team.slack.com/archives/C0123456789/p1712345678000100`"
        )
    };
    let parsed = url::Url::parse(url.trim()).ok().filter(|parsed| matches!(parsed.scheme(), "https" | "http"));
    let parsed = parsed.ok_or_else(wrong)?;
    let pieces: Vec<&str> = parsed.path_segments().map(Iterator::collect).unwrap_or_default();
    let ["archives", channel, message, ..] = pieces.as_slice() else { return Err(wrong()) };
    let digits = message.strip_prefix('p').filter(|digits| digits.len() > 6 && digits.is_ascii()).ok_or_else(wrong)?;
    let (seconds, rest) = digits.split_at(digits.len() - 6);
    let ts = format!("{seconds}.{rest}");
    let thread = parsed.query_pairs().find(|(key, _)| key == "thread_ts").map(|(_, value)| value.into_owned());
    if !is_channel(channel) || !is_ts(&ts) || thread.as_deref().is_some_and(|thread| !is_ts(thread)) {
        return Err(wrong());
    }
    Ok((channel.to_string(), ts, thread))
}

/// Where the webhooks of slack.com and of its edition for American offices are.
pub(super) const HOOKS: [&str; 2] = ["https://hooks.slack.com", "https://hooks.slack-gov.com"];

/// An incoming webhook, taken apart.
pub(super) struct Hook {
    pub origin: String,
    /// `services/T…/B…/…`, which is the secret.
    pub path: SecretString,
    pub team: String,
    pub id: String,
}

/// Reads a webhook's address. It must be one of Slack's hosts, or of the account's own `server`.
///
/// # Errors
/// What is wrong with it, without quoting it.
pub(super) fn hook(address: &SecretString, server: &str) -> Result<Hook, String> {
    let wrong = || {
        "this is not the address of an incoming webhook of Slack (`https://hooks.slack.com/services/…`); copy it again (your app, Incoming Webhooks)".to_string()
    };
    let url = url::Url::parse(address.expose_secret().trim()).map_err(|_| wrong())?;
    let origin = url.origin().ascii_serialization();
    if !HOOKS.contains(&origin.as_str()) && origin != server {
        return Err(wrong());
    }
    let pieces: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
    let word = |piece: &str| !piece.is_empty() && piece.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match pieces.as_slice() {
        ["triggers" | "workflows", ..] => {
            Err("this address starts a workflow, which takes variables and no message; make an incoming webhook".into())
        }
        ["services", team, id, token] if [team, id, token].iter().all(|piece| word(piece)) => Ok(Hook {
            path: format!("services/{team}/{id}/{token}").into(),
            origin,
            team: (*team).to_string(),
            id: (*id).to_string(),
        }),
        _ => Err(wrong()),
    }
}

/// Where a file object says that it was shared in a channel.
pub(super) fn landed(file: &Value, channel: &str) -> Option<Landed> {
    ["public", "private"].iter().find_map(|kind| {
        let shares = file["shares"][*kind][channel].as_array()?;
        shares.iter().find_map(|share| {
            let ts = share["ts"].as_str().filter(|ts| is_ts(ts))?;
            let thread_ts = share["thread_ts"].as_str().filter(|thread| is_ts(thread) && *thread != ts);
            Some(Landed { ts: ts.to_string(), thread_ts: thread_ts.map(str::to_string) })
        })
    })
}
