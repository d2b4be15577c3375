//! The ways in: OAuth 2.0 in the browser with an app of one's own, OAuth 1.0a with a number, or the four keys of the app's page.
//! <https://docs.x.com/fundamentals/authentication/>, 2026-11-21.

use super::api;
use crate::login::oauth1::TOKEN_SECRET;
use crate::login::{
    AppSecret, CLIENT_SECRET, Challenge, Client, ClientAuth, Code, Dialect, Flow, Life, Login, Pin, Redirect, Renew,
    Revoke, Scope, Secrets, TOKEN, Typed,
};

/// Where a person ends such a login.
const PAGE: Option<&str> = Some("https://x.com/settings/connected_apps");
/// What signs requests by OAuth 1.0a.
const KEYS: &[&str] = &[CLIENT_SECRET, TOKEN, TOKEN_SECRET];

/// The browser first: it asks for no more than is needed. The keys do not end, which suits pipelines.
pub const LOGINS: &[Login] = &[
    Login {
        name: "browser",
        about: "log in in the browser, with an app of your own (OAuth 2.0)",
        flow: Flow::Code(&BROWSER),
        keeps: &[TOKEN],
        asks: &[],
        page: PAGE,
    },
    Login {
        name: "keys",
        about: "the four keys that your app's page shows for your own account (OAuth 1.0a); they do not end",
        flow: Flow::Typed(Typed { warning: None, check: Some(four) }),
        keeps: &[TOKEN, TOKEN_SECRET, CLIENT_SECRET],
        asks: &["consumer_key", CLIENT_SECRET, TOKEN, TOKEN_SECRET],
        page: PAGE,
    },
    Login {
        name: "pin",
        about: "copy a number from the browser: for another account than the app's own (OAuth 1.0a)",
        flow: Flow::Pin(&PIN),
        keeps: &[TOKEN, TOKEN_SECRET, CLIENT_SECRET],
        asks: &[],
        page: PAGE,
    },
];

/// A token lives two hours; the refresh token that comes with `offline.access` is replaced each time.
static BROWSER: Code = Code {
    authorize: "https://x.com/i/oauth2/authorize",
    token: "https://api.x.com/2/oauth2/token",
    revoke: Some(Revoke::Each("https://api.x.com/2/oauth2/revoke")),
    scopes: &[
        Scope { name: "tweet.read", why: "to see whether a post landed when an answer was lost", optional: false },
        Scope { name: "tweet.write", why: "to post, and to delete what was posted", optional: false },
        Scope { name: "users.read", why: "to show whose account it is", optional: false },
        Scope { name: "media.write", why: "to upload pictures and films", optional: true },
        Scope { name: "offline.access", why: "to stay logged in for more than two hours", optional: true },
    ],
    joined: " ",
    challenge: Challenge::S256,
    // the port is part of what must be registered, so it is always the same
    redirects: &[Redirect::Loopback { host: "127.0.0.1", port: Some(8459), path: "/callback" }],
    client: Client::App { secret: AppSecret::Optional },
    more: &[],
    // an app without a secret is named in the body
    dialect: Dialect { auth: ClientAuth::Basic, ..Dialect::STANDARD },
    longer: None,
    renew: Renew::Refresh,
    life: Life::SAID,
};

static PIN: Pin = Pin {
    request: "https://api.x.com/oauth/request_token",
    authorize: "https://api.x.com/oauth/authorize",
    access: "https://api.x.com/oauth/access_token",
    revoke: Some("https://api.x.com/1.1/oauth/invalidate_token"),
};

fn four(secrets: &Secrets) -> Result<(), String> {
    api::words(secrets, KEYS)
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
