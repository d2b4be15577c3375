//! The ways into a channel: Google's OAuth with the person's own app.

use std::time::Duration;

use crate::login::{
    AppSecret, Challenge, Client, Code, Device, Dialect, Flow, Life, Login, Redirect, Renew, Revoke, Scope, Typed,
};

/// The browser first: only it gives the permission for comments and subtitles.
pub const LOGINS: &[Login] = &[
    Login {
        name: "browser",
        about: "log in with Google in the browser; the app is one of type \"Desktop app\"",
        flow: Flow::Code(&BROWSER),
        keeps: &["token"],
        asks: &[],
        page: Some(PAGE),
    },
    Login {
        name: "device",
        about: "type a code in on another device; the app is one of type \"TVs and Limited Input devices\"; no comments, no subtitles",
        flow: Flow::Device(&DEVICE),
        keeps: &["token"],
        asks: &[],
        page: Some(PAGE),
    },
    Login {
        name: "token",
        about: "an access token that another program has made; it ends after an hour",
        flow: Flow::Typed(Typed {
            warning: Some("an access token ends after an hour and is not renewed; log in with `--with browser` to keep the account"),
            check: None,
        }),
        keeps: &["token"],
        asks: &["token"],
        page: Some(PAGE),
    },
];

const PAGE: &str = "https://myaccount.google.com/connections";
const TOKEN: &str = "https://oauth2.googleapis.com/token";
const REVOKE: Revoke = Revoke::Standard("https://oauth2.googleapis.com/revoke");

/// Uploads, changes and deletes; `youtube.upload` alone cannot make a video public later.
const MANAGE: Scope = Scope {
    name: "https://www.googleapis.com/auth/youtube",
    why: "to upload videos, publish them, look whether that worked, and delete them",
    optional: false,
};
const COMMENT: Scope = Scope {
    name: "https://www.googleapis.com/auth/youtube.force-ssl",
    why: "to write a first comment and add subtitles",
    optional: true,
};

/// An access token lives an hour, which the answer says. A refresh token lives until it is not used for half a year; while the app's
/// consent screen is in testing the answer says that it ends after a week.
const LIFE: Life = Life { access: Some(Duration::from_secs(3600)), ..Life::SAID };

/// <https://developers.google.com/identity/protocols/oauth2/native-app>, 2026-11-21.
static BROWSER: Code = Code {
    authorize: "https://accounts.google.com/o/oauth2/v2/auth",
    token: TOKEN,
    revoke: Some(REVOKE),
    scopes: &[MANAGE, COMMENT],
    joined: " ",
    challenge: Challenge::S256,
    // where the browser is elsewhere, the person pastes the address that he lands on
    redirects: &[Redirect::Loopback { host: "127.0.0.1", port: None, path: "/callback" }],
    client: Client::App { secret: AppSecret::Needed },
    // a refresh token comes only with both of them
    more: &[("access_type", "offline"), ("prompt", "consent")],
    dialect: Dialect::STANDARD,
    longer: None,
    renew: Renew::Refresh,
    life: LIFE,
};

/// This flow gives few permissions, of YouTube's those to manage and to read; where it does not give one, Google says `invalid_scope`
/// before anybody types a code in.
/// <https://developers.google.com/identity/protocols/oauth2/limited-input-device>.
static DEVICE: Device = Device {
    start: "https://oauth2.googleapis.com/device/code",
    token: TOKEN,
    revoke: Some(REVOKE),
    scopes: &[MANAGE],
    joined: " ",
    client: Client::App { secret: AppSecret::Needed },
    dialect: Dialect::STANDARD,
    renew: Renew::Refresh,
    life: LIFE,
};

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
