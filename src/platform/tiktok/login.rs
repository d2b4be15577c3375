//! The way into TikTok: OAuth for programs on one's own machine ("Login Kit for Desktop"), with an app of one's own.

use crate::login::{
    AppSecret, Challenge, Client, Code, Dialect, Flow, Life, Login, Redirect, Renew, Revoke, Scope, Typed,
};

/// The browser, or a token that another program keeps fresh.
pub const LOGINS: &[Login] = &[
    Login {
        name: "browser",
        about: "log in at TikTok in the browser, with an app of your own",
        flow: Flow::Code(&POSTS),
        keeps: &["token"],
        asks: &["privacy"],
        page: Some("https://www.tiktok.com/setting/security"),
    },
    Login {
        name: "drafts",
        about: "the same with an app that may send drafts only; set `draft = true`",
        flow: Flow::Code(&DRAFTS),
        keeps: &["token"],
        asks: &[],
        page: Some("https://www.tiktok.com/setting/security"),
    },
    Login {
        name: "token",
        about: "an access token that you have; it ends after 24 hours",
        flow: Flow::Typed(Typed {
            warning: Some("TikTok's access tokens end after 24 hours, and this one will not be renewed"),
            check: None,
        }),
        keeps: &["token"],
        asks: &["token", "privacy"],
        page: None,
    },
];

/// <https://developers.tiktok.com/doc/tiktok-api-scopes>, 2026-11-22. TikTok shows an error page instead of asking the person where the
/// app has not been given one of these.
pub const SCOPES: &[Scope] = &[
    Scope { name: "user.info.basic", why: "to know whose account it is", optional: false },
    Scope { name: "video.publish", why: "to post", optional: false },
    Scope { name: "video.upload", why: "to put drafts into the app's inbox", optional: true },
    Scope { name: "video.list", why: "to see whether a post landed when an answer was lost", optional: true },
];

/// What an app without Direct Post can be given.
const LESS: &[Scope] = &[
    Scope { name: "user.info.basic", why: "to know whose account it is", optional: false },
    Scope { name: "video.upload", why: "to put drafts into the app's inbox", optional: false },
];

static POSTS: Code = BROWSER;
static DRAFTS: Code = Code { scopes: LESS, ..BROWSER };

/// <https://developers.tiktok.com/doc/login-kit-desktop> and <https://developers.tiktok.com/doc/oauth-user-access-token-management>,
/// 2026-11-22: the challenge in hexadecimal, the port of the redirect free where the app registers `http://127.0.0.1:*/callback/`, the
/// app's secret all the same. An access token lives for a day, a refresh token for a year.
const BROWSER: Code = Code {
    authorize: "https://www.tiktok.com/v2/auth/authorize/",
    token: "https://open.tiktokapis.com/v2/oauth/token/",
    revoke: Some(Revoke::Each("https://open.tiktokapis.com/v2/oauth/revoke/")),
    scopes: SCOPES,
    joined: ",",
    challenge: Challenge::S256Hex,
    redirects: &[Redirect::Loopback { host: "127.0.0.1", port: None, path: "/callback/" }],
    client: Client::App { secret: AppSecret::Needed },
    more: &[],
    dialect: Dialect { client_id: "client_key", ..Dialect::STANDARD },
    longer: None,
    renew: Renew::Refresh,
    life: Life {
        access: Some(std::time::Duration::from_secs(86_400)),
        refresh: Some(std::time::Duration::from_secs(365 * 86_400)),
        ..Life::SAID
    },
};
