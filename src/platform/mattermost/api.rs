//! What Mattermost's ids, addresses and answers look like.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub id: String,
    pub username: String,
    #[serde(default)]
    pub is_bot: bool,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Team {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub display_name: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Channel {
    pub id: String,
    /// Empty for direct messages.
    #[serde(default)]
    pub team_id: String,
    /// `O`pen, `P`rivate, `D`irect, `G`roup.
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub display_name: String,
    #[serde(default)]
    pub delete_at: i64,
}

impl Channel {
    pub fn is_direct(&self) -> bool {
        matches!(self.kind.as_str(), "D" | "G")
    }

    /// As a person knows it.
    pub fn title(&self) -> String {
        match (self.display_name.trim(), self.is_direct()) {
            ("", true) => "direct messages".to_string(),
            ("", false) => self.name.clone(),
            (title, _) => title.to_string(),
        }
    }
}

/// Whether this is an id: 26 small letters and digits.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Whether this can be the name of a team or channel in an address.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte))
}

/// The post of a permanent link: `https://chat.example.org/team/pl/ID`.
pub(super) fn post_at(url: &str) -> Result<String, String> {
    let wrong = || {
        format!(
            "`{url}` is not the address of a Mattermost post; copy it there (three dots, Copy Link), it looks like `https://chat.example.org/team/pl/…`"
        )
    };
    let parsed = url::Url::parse(url.trim()).ok().filter(|parsed| matches!(parsed.scheme(), "https" | "http"));
    let parsed = parsed.ok_or_else(wrong)?;
    let pieces: Vec<&str> = parsed.path_segments().map(Iterator::collect).unwrap_or_default();
    match pieces.as_slice() {
        [.., "pl", id] if is_id(id) => Ok((*id).to_string()),
        _ => Err(wrong()),
    }
}

/// An incoming webhook, taken apart.
pub(super) struct Hook {
    pub origin: String,
    /// `hooks/KEY`, with the server's path before it; the secret.
    pub path: SecretString,
}

/// Reads a webhook's address.
///
/// # Errors
/// What is wrong with it, without quoting it.
pub(super) fn hook(address: &SecretString) -> Result<Hook, String> {
    let wrong = || {
        "this is not the address of an incoming webhook (`https://chat.example.org/hooks/…`); copy it again (Integrations, Incoming Webhooks)".to_string()
    };
    let url = url::Url::parse(address.expose_secret().trim()).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "https" | "http") || !url.has_host() || url.query().is_some() {
        return Err(wrong());
    }
    let path = url.path().trim_matches('/').to_string();
    let mut pieces = path.rsplit('/');
    match (pieces.next(), pieces.next()) {
        (Some(key), Some("hooks")) if is_id(key) => {
            Ok(Hook { origin: url.origin().ascii_serialization(), path: path.into() })
        }
        _ => Err(wrong()),
    }
}
