//! The ways into Threads: the person's own app through the browser, or a token of the app's dashboard.

use std::time::Duration;

use crate::login::{Login, Scope};
use crate::platform::container_login::{self, Meta};

const DAY: Duration = Duration::from_secs(86_400);

/// The browser first: it is renewed by itself.
pub const LOGINS: &[Login] = &[
    Login {
        name: "browser",
        about: "log in at Threads in the browser, with an app of your own",
        flow: crate::login::Flow::Code(&BROWSER),
        keeps: &["token"],
        asks: &[],
        page: Some("https://www.threads.com/settings/account"),
    },
    Login {
        name: "token",
        about: "a token of the app's User Token Generator; it ends after 60 days",
        flow: container_login::PASTED,
        keeps: &["token"],
        asks: &["token"],
        page: Some("https://www.threads.com/settings/account"),
    },
];

/// <https://developers.facebook.com/documentation/threads/get-started/get-access-tokens-and-permissions>, 2026-11-22.
const SCOPES: &[Scope] = &[
    Scope { name: "threads_basic", why: "to show whose account it is; Threads wants it for everything", optional: false },
    Scope { name: "threads_content_publish", why: "to post", optional: false },
    Scope { name: "threads_manage_replies", why: "to post threads, which are replies to one's own posts", optional: true },
    Scope { name: "threads_read_replies", why: "to see whether a later post of a thread landed when an answer was lost", optional: true },
    Scope { name: "threads_delete", why: "to delete what was posted", optional: true },
    Scope { name: "threads_location_tagging", why: "to find the place that a post names", optional: true },
];

/// <https://developers.facebook.com/documentation/threads/get-started/long-lived-tokens>, 2026-11-22.
static BROWSER: crate::login::Code = container_login::code(&Meta {
    authorize: "https://threads.net/oauth/authorize",
    token: "https://graph.threads.net/oauth/access_token",
    answer: "",
    scopes: SCOPES,
    longer: "https://graph.threads.net/access_token",
    longer_grant: "th_exchange_token",
    renew: "https://graph.threads.net/refresh_access_token",
    renew_grant: "th_refresh_token",
    life: DAY.saturating_mul(60),
});
