//! Requests to X, with the account's credentials in either of their two forms, and what its answers hold.

use chrono::TimeDelta;
use secrecy::SecretString;
use serde_json::Value;

use crate::login::oauth1::{self, Keys, TOKEN_SECRET};
use crate::net::{Answer, Effect, Fault, Method, Request};
use crate::platform::{Cx, Receipt, Reference};

/// Where all of it is.
pub const SERVER: &str = "https://api.x.com";
/// X refuses signatures whose time is off by minutes; what differs by less is not worth correcting.
const CLOCK: TimeDelta = TimeDelta::seconds(60);

/// A request to this path, without credentials yet.
pub fn request(method: Method, path: &str) -> Request {
    Request::new(method, format!("{SERVER}{path}"))
}

/// Sends a request with the account's credentials.
///
/// # Errors
/// No credentials, no answer, or a refusal.
pub async fn call(cx: &Cx<'_>, request: Request) -> Result<Answer, Fault> {
    cx.call(signed(cx, request)?).await
}

/// Whether the account signs each request (OAuth 1.0a) instead of showing a token.
pub fn signs(cx: &Cx<'_>) -> bool {
    cx.optional_secret(TOKEN_SECRET).is_some()
}

/// The request with the account's credentials. What is signed is what the request holds now.
///
/// # Errors
/// `auth`: a part of the credentials is missing; the message names it.
pub fn signed(cx: &Cx<'_>, request: Request) -> Result<Request, Fault> {
    if !signs(cx) {
        return Ok(request.bearer(&cx.secret("token")?));
    }
    let secrets = cx.secrets.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    // typed in it is a setting; who logged in with a number left it among the facts of the login
    let typed = cx.account.setting("consumer_key").to_string();
    let consumer = if typed.is_empty() { cx.facts().unwrap_or_default().client_id } else { typed };
    let keys = Keys::held(&consumer, &secrets).map_err(|fault| {
        let name = &cx.account.name;
        let message = format!("account `{name}`: {}; run `xpost account login {name}`", fault.message);
        Fault { message, ..fault }
    })?;
    oauth1::signed(request, &keys, clock(cx).unwrap_or_default())
}

/// How far X's clock is ahead, if that is far enough to spoil a signature.
pub fn clock(cx: &Cx<'_>) -> Option<TimeDelta> {
    cx.door.clock().map(|(_, ahead)| ahead).filter(|ahead| ahead.abs() > CLOCK)
}

/// The `data` of an answer.
pub fn data(answer: &Answer) -> Value {
    answer.value().get_mut("data").map(Value::take).unwrap_or_default()
}

/// An id: digits in a text.
pub fn id(value: &Value) -> Option<String> {
    value.as_str().filter(|id| is_id(id)).map(str::to_string)
}

/// 1 to 19 digits.
pub fn is_id(text: &str) -> bool {
    (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The id in an address of a post: `https://x.com/ann/status/1`, also of older hosts and forms.
pub fn id_in(address: &str) -> Option<String> {
    let url = url::Url::parse(address).ok()?;
    let host = url.host_str()?.trim_start_matches("www.").trim_start_matches("mobile.");
    if !matches!(host, "x.com" | "twitter.com") {
        return None;
    }
    let path: Vec<&str> = url.path_segments()?.collect();
    let at = path.iter().position(|piece| matches!(*piece, "status" | "statuses"))?;
    path.get(at + 1).filter(|id| is_id(id)).map(ToString::to_string)
}

/// The id of one of our own posts, also of one that a person settled by its address alone.
pub fn own(receipt: &Receipt) -> Option<String> {
    Some(receipt.id.clone()).filter(|id| is_id(id)).or_else(|| id_in(receipt.url.as_deref()?))
}

/// The id of a post that is replied to or quoted.
///
/// # Errors
/// What was given is no post of X.
pub fn referred(reference: &Reference) -> Result<String, String> {
    match reference {
        Reference::Ours(receipt) => own(receipt).ok_or_else(|| "the post is known without its id".to_string()),
        Reference::Url(url) => id_in(url).ok_or_else(|| {
            format!("`{url}` is no address of a post on X; it looks like `https://x.com/NAME/status/1`")
        }),
    }
}

/// What was posted, as it can be opened.
pub fn receipt(cx: &Cx<'_>, id: &str) -> Receipt {
    let name = cx.account.handle.trim_start_matches('@');
    let name = if name.is_empty() { "i" } else { name };
    Receipt::new(id, Some(format!("https://x.com/{name}/status/{id}")))
}

/// Nobody sees what comes before a post.
pub fn unseen(fault: Fault) -> Fault {
    Fault { effect: Effect::None, ..fault }
}

/// Whether all of these are there and are one word each; says what is wrong without quoting it.
pub fn words(secrets: &std::collections::BTreeMap<String, SecretString>, names: &[&str]) -> Result<(), String> {
    use secrecy::ExposeSecret;
    for name in names {
        let word = secrets.get(*name).map(|secret| secret.expose_secret().trim()).unwrap_or_default();
        if word.is_empty() || word.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(format!("`{name}` is not one word; copy it whole from the page `Keys and tokens` of your app"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posts_are_known_by_their_addresses() {
        for address in [
            "https://x.com/ann/status/1881",
            "https://twitter.com/ann/status/1881?s=20",
            "https://mobile.twitter.com/ann/statuses/1881/photo/1",
            "https://www.x.com/i/web/status/1881#a",
        ] {
            assert_eq!(id_in(address).as_deref(), Some("1881"), "{address}");
        }
        for address in ["https://x.com/ann", "https://x.com/ann/status/new", "https://nox.com/a/status/1", "1881"] {
            assert_eq!(id_in(address), None, "{address}");
        }
        assert!(
            is_id("1") && is_id("9999999999999999999") && !is_id("") && !is_id("12345678901234567890") && !is_id("1a")
        );
    }

    #[test]
    fn a_key_is_one_word() {
        let secrets = [("token".to_string(), SecretString::from("a b"))].into();
        let why = words(&secrets, &["token"]).unwrap_err();
        assert!(why.contains("`token`") && !why.contains("a b"), "{why}");
        assert!(words(&secrets, &["token_secret"]).is_err());
        assert_eq!(words(&[("token".to_string(), SecretString::from(" ab \n"))].into(), &["token"]), Ok(()));
    }
}
