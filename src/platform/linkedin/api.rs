//! Requests as LinkedIn wants them, and its names for things (URNs).

use chrono::{DateTime, TimeZone, Utc};
use serde_json::Value;

use crate::net::{Fault, Method, Request};
use crate::platform::{AccountInfo, Cx};

/// Where the API is.
pub(super) const API: &str = "https://api.linkedin.com";
/// Where files go, and where logins are made.
pub(super) const SITE: &str = "https://www.linkedin.com";
/// The dated version that is spoken. <https://learn.microsoft.com/en-us/linkedin/marketing/versioning>, 2026-11-22.
pub(super) const VERSION: &str = "202609";
/// Versions are answered for about a year; when exactly one ends is told a few weeks before, so this is the middle of its last month.
pub(super) const SUNSET: &str = "2027-09-15";

/// The version for this account: its setting `api_version`, else the one that this program was written for.
pub(super) fn version(account: &AccountInfo) -> String {
    let own = match &account.settings["api_version"] {
        Value::String(text) => text.trim().to_string(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    if own.is_empty() { VERSION.to_string() } else { own }
}

/// A request to the versioned API; `path` begins behind `/rest` and may hold a query. URNs in it are encoded by [`key`].
pub(super) fn rest(cx: &Cx<'_>, method: Method, path: &str) -> Result<Request, Fault> {
    Ok(Request::new(method, format!("{API}/rest{path}"))
        .bearer(&cx.secret("token")?)
        .header("linkedin-version", version(cx.account))
        .header("x-restli-protocol-version", "2.0.0"))
}

/// A URN as a piece of a path: protocol 2.0.0 wants every sign of it encoded that has a meaning of its own.
pub(super) fn key(urn: &str) -> String {
    url::form_urlencoded::byte_serialize(urn.as_bytes()).collect()
}

/// The page of a post.
pub(super) fn address(urn: &str) -> String {
    format!("{SITE}/feed/update/{urn}/")
}

/// Whose name posts carry, as far as it is known without asking: the account's organisation, or who logged in.
pub(super) fn author(account: &AccountInfo) -> Option<String> {
    if let Some(id) = organization(account) {
        return Some(format!("urn:li:organization:{id}"));
    }
    Some(account.remote_id.clone()).filter(|urn| urn.starts_with("urn:li:person:"))
}

/// The number of the organisation that the account posts as.
pub(super) fn organization(account: &AccountInfo) -> Option<String> {
    let text = match account.settings.get("organization")? {
        Value::String(text) => text.trim().to_string(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let id = text.rsplit(':').next().unwrap_or_default().trim().to_string();
    (!id.is_empty()).then_some(id)
}

/// The same, where it is a number.
///
/// # Errors
/// It is none: where to find it.
pub(super) fn organization_number(account: &AccountInfo) -> Result<Option<String>, String> {
    match organization(account) {
        Some(id) if !id.bytes().all(|byte| byte.is_ascii_digit()) => Err(format!(
            "the account's `organization` is `{}`, which is no number; it stands in the address of the page's admin view, \
             `linkedin.com/company/12345/admin`",
            crate::net::one_line(&id, 60)
        )),
        id => Ok(id),
    }
}

/// What a post can be reshared by: `urn:li:share:…` or `urn:li:ugcPost:…`, out of an address or as it stands.
///
/// # Errors
/// There is none in it; what to copy instead.
pub(super) fn post_urn(text: &str) -> Result<String, String> {
    let decoded: String = percent(text);
    for kind in ["urn:li:share:", "urn:li:ugcPost:"] {
        if let Some((_, rest)) = decoded.split_once(kind) {
            let id: String = rest.chars().take_while(char::is_ascii_digit).collect();
            if !id.is_empty() {
                return Ok(format!("{kind}{id}"));
            }
        }
    }
    Err(format!(
        "LinkedIn reshares by an id that is not in `{}`; on the post choose `…`, `Embed this post`, and copy the address with \
         `urn:li:share:` or `urn:li:ugcPost:`",
        crate::net::one_line(text, 200)
    ))
}

fn percent(text: &str) -> String {
    let query = format!("x={}", text.replace(['+', '&'], " "));
    url::form_urlencoded::parse(query.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// When a post was made, by its number: the milliseconds since 1970 stand in its upper 41 bits. That is nowhere promised, so a number
/// that gives no time of LinkedIn's later years is not believed.
pub(super) fn made(urn: &str) -> Option<DateTime<Utc>> {
    let id: u64 = urn.rsplit([':', ',']).next()?.trim_end_matches(')').parse().ok()?;
    let at = Utc.timestamp_millis_opt(i64::try_from(id >> 22).ok()?).single()?;
    let first = Utc.with_ymd_and_hms(2015, 1, 1, 0, 0, 0).single()?;
    (at > first && at < Utc::now() + chrono::TimeDelta::days(1)).then_some(at)
}

/// The first URN of a post in a text that LinkedIn wrote.
pub(super) fn named(text: &str) -> Option<String> {
    post_urn(text).ok()
}

/// Milliseconds since 1970 as LinkedIn writes times.
pub(super) fn time(value: &Value) -> Option<DateTime<Utc>> {
    Utc.timestamp_millis_opt(value.as_i64()?).single()
}
