//! The ways in: a bot's token or a webhook's address, copied from the app's page, or the app installed through the browser.

use secrecy::ExposeSecret;

use super::api;
use crate::login::{
    AppSecret, Challenge, Client, Code, Dialect, Flow, Life, Login, Redirect, Renew, Revoke, Scope, Secrets, Typed,
};

/// The token first: it takes two minutes and can do everything.
pub(super) const LOGINS: &[Login] = &[
    Login {
        name: "token",
        about: "the token of an app of your own: files, threads, edits, any number of channels",
        flow: Flow::Typed(Typed { warning: None, check: Some(whole_token) }),
        keeps: &["token"],
        asks: &["token", "channel"],
        page: Some("https://api.slack.com/apps"),
    },
    Login {
        name: "webhook",
        about: "an incoming webhook of one channel: texts and no more",
        flow: Flow::Typed(Typed { warning: None, check: Some(whole_address) }),
        keeps: &["webhook"],
        asks: &["webhook"],
        page: Some("https://api.slack.com/apps"),
    },
    Login {
        name: "browser",
        about: "install an app of your own through the browser; needed where its tokens rotate",
        flow: Flow::Code(&BROWSER),
        keeps: &["token"],
        asks: &["channel"],
        page: Some("https://api.slack.com/apps"),
    },
];

/// <https://docs.slack.dev/reference/scopes>, 2026-11-22.
const SCOPES: &[Scope] = &[
    Scope { name: "chat:write", why: "to post, change and delete", optional: false },
    Scope { name: "chat:write.public", why: "to post to public channels without being invited", optional: true },
    Scope { name: "chat:write.customize", why: "to post under another name or picture", optional: true },
    Scope { name: "files:write", why: "to share pictures, films and files", optional: true },
    Scope { name: "files:read", why: "to see where a file landed", optional: true },
    Scope { name: "channels:read", why: "to list public channels", optional: true },
    Scope { name: "groups:read", why: "to list private channels", optional: true },
    Scope { name: "channels:history", why: "to see whether a post landed when an answer was lost", optional: true },
    Scope { name: "groups:history", why: "the same in private channels", optional: true },
];

/// <https://docs.slack.dev/authentication/installing-with-oauth>, 2026-11-22. Slack gives bots' permissions to https addresses alone,
/// and PKCE would turn the app into a public one for good. Tokens end (after 12 hours) only where the app has rotation switched on;
/// then the answer says so and brings a refresh token that is good once.
static BROWSER: Code = Code {
    authorize: "{server}/oauth/v2/authorize",
    token: "{server}/api/oauth.v2.access",
    revoke: Some(Revoke::Each("{server}/api/auth.revoke")),
    scopes: SCOPES,
    joined: ",",
    challenge: Challenge::None,
    redirects: &[Redirect::Https],
    client: Client::App { secret: AppSecret::Needed },
    more: &[],
    dialect: Dialect::STANDARD,
    longer: None,
    renew: Renew::Refresh,
    life: Life::SAID,
};

/// Looks at a token before anything is sent with it.
fn whole_token(secrets: &Secrets) -> Result<(), String> {
    let token = secrets.get("token").map(|token| token.expose_secret().trim()).unwrap_or_default();
    let word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    if token.starts_with("https://") {
        return Err("this is an address, not a token; a webhook goes with `--with webhook`".into());
    }
    if token.starts_with("xapp-") {
        return Err(
            "this is the token of the app's level, which cannot post; take the Bot User OAuth Token (`xoxb-…`)".into(),
        );
    }
    let good =
        ["xoxb-", "xoxp-", "xoxe.xoxb-", "xoxe.xoxp-"].iter().any(|kind| token.strip_prefix(kind).is_some_and(word));
    if good {
        Ok(())
    } else {
        Err("the token has the wrong shape; copy the Bot User OAuth Token (`xoxb-…`) whole".into())
    }
}

/// Looks at a webhook's address before anything is sent to it.
fn whole_address(secrets: &Secrets) -> Result<(), String> {
    let missing = || "there is no address; copy it under Incoming Webhooks".to_string();
    let address = secrets.get("webhook").ok_or_else(missing)?;
    // an account with a server of its own has its webhooks there; that is looked at when it is used
    let own = url::Url::parse(address.expose_secret().trim()).map(|url| url.origin().ascii_serialization());
    let local = own
        .as_deref()
        .is_ok_and(|origin| origin.starts_with("http://127.0.0.1:") || origin.starts_with("http://localhost:"));
    let server = if local { own.unwrap_or_default() } else { String::new() };
    api::hook(address, &server).map(drop)
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
