//! The ways into Instagram: its own login, Facebook's for accounts that belong to a page, or a token of the app's dashboard.

use std::time::Duration;

use crate::login::{
    AppSecret, Challenge, Client, Code, Dialect, Exchange, Flow, Life, Login, Redirect, Renew, Revoke, Scope,
};
use crate::platform::container_login::{self, Meta};

const DAY: Duration = Duration::from_secs(86_400);
const PAGE: Option<&str> = Some("https://www.instagram.com/accounts/manage_access/");

/// Instagram's own login first: it needs no page, and is renewed by itself.
pub const LOGINS: &[Login] = &[
    Login {
        name: "instagram",
        about: "log in at Instagram in the browser, with an app of your own",
        flow: Flow::Code(&INSTAGRAM),
        keeps: &["token"],
        asks: &[],
        page: PAGE,
    },
    Login {
        name: "facebook",
        about: "log in at Facebook, for accounts that belong to a page; deletes posts and uploads reels",
        flow: Flow::Code(&FACEBOOK),
        keeps: &["token"],
        asks: &[],
        page: Some("https://www.facebook.com/settings?tab=business_tools"),
    },
    Login {
        name: "token",
        about: "a token of the app's dashboard (generate access tokens); it ends after 60 days",
        flow: container_login::PASTED,
        keeps: &["token"],
        asks: &["token", "via", "user"],
        page: PAGE,
    },
];

/// <https://developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/business-login>, 2026-11-22.
const SCOPES: &[Scope] = &[
    Scope { name: "instagram_business_basic", why: "to show whose account it is, and whether a post landed", optional: false },
    Scope { name: "instagram_business_content_publish", why: "to post", optional: false },
    Scope { name: "instagram_business_manage_comments", why: "to write the first comment", optional: true },
];

static INSTAGRAM: Code = container_login::code(&Meta {
    authorize: "https://www.instagram.com/oauth/authorize",
    token: "https://api.instagram.com/oauth/access_token",
    // wrapped today, bare in the documentation's other examples
    answer: "/data/0",
    scopes: SCOPES,
    longer: "https://graph.instagram.com/access_token",
    longer_grant: "ig_exchange_token",
    renew: "https://graph.instagram.com/refresh_access_token",
    renew_grant: "ig_refresh_token",
    life: DAY.saturating_mul(60),
});

/// <https://developers.facebook.com/docs/instagram-platform/instagram-api-with-facebook-login>, 2026-11-22.
const PAGE_SCOPES: &[Scope] = &[
    Scope { name: "instagram_basic", why: "to show whose account it is, and whether a post landed", optional: false },
    Scope { name: "instagram_content_publish", why: "to post", optional: false },
    Scope { name: "pages_show_list", why: "to list the pages whose accounts you may post to", optional: false },
    Scope { name: "pages_read_engagement", why: "to use the account of a page", optional: false },
    Scope { name: "instagram_manage_comments", why: "to write the first comment", optional: true },
    Scope { name: "instagram_manage_contents", why: "to delete what was posted", optional: true },
    Scope { name: "business_management", why: "for pages that belong to a business", optional: true },
];

/// <https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow>, 2026-11-22. The chosen account gets the token of
/// its page, which does not end.
static FACEBOOK: Code = Code {
    authorize: "https://www.facebook.com/v26.0/dialog/oauth",
    token: "https://graph.facebook.com/v26.0/oauth/access_token",
    revoke: Some(Revoke::Delete("https://graph.facebook.com/v26.0/me/permissions")),
    scopes: PAGE_SCOPES,
    joined: ",",
    challenge: Challenge::None,
    // an app in development takes any port of `localhost`, one that is live takes https alone
    redirects: &[Redirect::Loopback { host: "localhost", port: None, path: "/callback" }, Redirect::Https],
    client: Client::App { secret: AppSecret::Needed },
    more: &[],
    dialect: Dialect { get: true, ..Dialect::STANDARD },
    longer: Some(Exchange {
        url: "https://graph.facebook.com/v26.0/oauth/access_token",
        grant_type: "fb_exchange_token",
        token: "fb_exchange_token",
        with_id: true,
        with_secret: true,
        not_before: Duration::ZERO,
    }),
    renew: Renew::Never,
    life: Life { access: Some(DAY.saturating_mul(60)), refresh: None, login: None, ahead: Duration::from_secs(300) },
};
