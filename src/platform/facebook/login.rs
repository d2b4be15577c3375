//! The ways in: by browser with an app of the person's own, or with a token that was made by hand.

use std::time::Duration;

use secrecy::ExposeSecret;

use crate::login::{
    AppSecret, Challenge, Client, ClientAuth, Code, Dialect, Exchange, Flow, Life, Login, Redirect, Renew, Revoke, Scope,
    Secrets, Typed,
};

/// A long-lived token of a person lives for about so long; the tokens of pages that are had with it do not end.
const LONG: Duration = Duration::from_secs(60 * 24 * 60 * 60);

pub(super) const SCOPES: &[Scope] = &[
    Scope { name: "pages_show_list", why: "to know your pages and get their tokens", optional: false },
    Scope { name: "pages_manage_posts", why: "to publish, change and delete posts", optional: false },
    Scope { name: "pages_read_engagement", why: "to read back what was posted", optional: false },
    Scope { name: "pages_manage_engagement", why: "to write the first comment", optional: true },
];

/// The version in the addresses is that of [`crate::platform::graph::API`]; a test holds them together.
static BROWSER: Code = Code {
    authorize: "https://www.facebook.com/v26.0/dialog/oauth",
    token: "https://graph.facebook.com/v26.0/oauth/access_token",
    revoke: Some(Revoke::Delete("https://graph.facebook.com/v26.0/me/permissions")),
    scopes: SCOPES,
    joined: ",",
    challenge: Challenge::None,
    // taken as it is while the app is in development mode, and only by this name
    redirects: &[Redirect::Loopback { host: "localhost", port: None, path: "/callback" }, Redirect::Https],
    client: Client::App { secret: AppSecret::Needed },
    more: &[],
    dialect: Dialect { auth: ClientAuth::Body, client_id: "client_id", get: true, answer: "" },
    longer: Some(Exchange {
        url: "https://graph.facebook.com/v26.0/oauth/access_token",
        grant_type: "fb_exchange_token",
        token: "fb_exchange_token",
        with_id: true,
        with_secret: true,
        not_before: Duration::ZERO,
    }),
    renew: Renew::Never,
    life: Life { access: Some(LONG), login: Some(LONG), ..Life::SAID },
};

pub(super) const LOGINS: &[Login] = &[
    Login {
        name: "browser",
        about: "your browser and an app of your own; then you choose among your pages",
        flow: Flow::Code(&BROWSER),
        keeps: &["token"],
        asks: &[],
        page: Some("https://www.facebook.com/settings?tab=business_tools"),
    },
    Login {
        name: "token",
        about: "a page's token, or a person's to choose among his pages, made in the Graph API Explorer",
        flow: Flow::Typed(Typed { warning: None, check: Some(one_word) }),
        keeps: &["token"],
        asks: &["token", "page", "app_id"],
        page: Some("https://www.facebook.com/settings?tab=business_tools"),
    },
];

/// Looks at a token before anything is sent with it.
pub(super) fn one_word(secrets: &Secrets) -> Result<(), String> {
    let token = secrets.get("token").map(|token| token.expose_secret().trim()).unwrap_or_default();
    match token {
        "" => Err("there is no token".into()),
        token if token.contains('|') => {
            Err("this is an app's token, which cannot post; make one of a person or a page in the Graph API Explorer".into())
        }
        token if token.len() < 20 || !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err("this is no access token; copy it whole from the Graph API Explorer".into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
