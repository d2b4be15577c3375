//! The ways into LinkedIn: with an app of one's own for oneself or for pages, or with a token that the portal gives.

use std::time::Duration;

use secrecy::ExposeSecret;

use crate::login::{
    AppSecret, Challenge, Client, Code, Dialect, Flow, Life, Login, Redirect, Renew, Revoke, Scope, Secrets, Typed,
};

/// A listener of ours is registered with the app by this address: LinkedIn compares it to the letter, the port included.
pub(super) const PORT: u16 = 8917;
/// LinkedIn's own page that shows the code.
pub(super) const SHOWN: &str = "https://www.linkedin.com/developers/tools/oauth/redirect";

/// How long an access token lives.
const LIFE: Duration = Duration::from_secs(60 * 86_400);
const PAGE: Option<&str> = Some("https://www.linkedin.com/mypreferences/d/data-sharing-for-permitted-services");

/// Oneself first: that needs no review.
pub const LOGINS: &[Login] = &[
    Login {
        name: "browser",
        about: "log in as yourself: an app with the products `Share on LinkedIn` and `Sign In with LinkedIn`, no review",
        flow: Flow::Code(&MEMBER),
        keeps: &["token"],
        asks: &[],
        page: PAGE,
    },
    Login {
        name: "pages",
        about: "log in for the pages you administer: an app with the reviewed product `Community Management API`",
        flow: Flow::Code(&PAGES),
        keeps: &["token"],
        asks: &["organization"],
        page: PAGE,
    },
    Login {
        name: "token",
        about: "a token from the developer portal's token generator, good for 60 days",
        flow: Flow::Typed(Typed { warning: None, check: Some(one_word) }),
        keeps: &["token"],
        asks: &["token", "organization"],
        page: PAGE,
    },
];

/// What every app gets by itself. <https://learn.microsoft.com/en-us/linkedin/consumer/integrations/self-serve/share-on-linkedin>, 2026-11-22.
const SELF_SERVE: &[Scope] = &[
    Scope { name: "openid", why: "to know whose name posts carry", optional: false },
    Scope { name: "profile", why: "to show whose account it is", optional: true },
    Scope { name: "w_member_social", why: "to post, comment, change and delete as you", optional: false },
];

/// What the Community Management API gives; one that the app was not given fails the whole login.
/// <https://learn.microsoft.com/en-us/linkedin/marketing/community-management/community-management-overview>, 2026-11-22.
const COMMUNITY: &[Scope] = &[
    Scope { name: "w_organization_social", why: "to post as your page", optional: false },
    Scope {
        name: "r_organization_social",
        why: "to see whether a post landed when an answer was lost",
        optional: true,
    },
    Scope { name: "rw_organization_admin", why: "to list your pages and their names", optional: true },
    Scope { name: "w_organization_social_feed", why: "to write a first comment as your page", optional: true },
    Scope {
        name: "r_organization_social_feed",
        why: "to see whether a comment landed when an answer was lost",
        optional: true,
    },
    Scope { name: "w_member_social", why: "to post as yourself with the same login", optional: true },
    Scope { name: "w_member_social_feed", why: "to write a first comment as yourself", optional: true },
    Scope { name: "r_basicprofile", why: "to know who you are", optional: true },
];

/// <https://learn.microsoft.com/en-us/linkedin/shared/authentication/authorization-code-flow>, 2026-11-22. Apps without review get
/// tokens of 60 days and nothing to renew them with.
const SELF: Code = Code {
    authorize: "https://www.linkedin.com/oauth/v2/authorization",
    token: "https://www.linkedin.com/oauth/v2/accessToken",
    revoke: Some(Revoke::Each("https://www.linkedin.com/oauth/v2/revoke")),
    scopes: SELF_SERVE,
    joined: " ",
    // PKCE is only for apps that LinkedIn has switched it on for, and these may not use OpenID
    challenge: Challenge::None,
    redirects: &[
        Redirect::Loopback { host: "localhost", port: Some(PORT), path: "/callback" },
        Redirect::Shown(SHOWN),
        Redirect::Https,
    ],
    client: Client::App { secret: AppSecret::Needed },
    more: &[],
    dialect: Dialect::STANDARD,
    longer: None,
    renew: Renew::Never,
    life: Life { access: Some(LIFE), ..Life::SAID },
};
static MEMBER: Code = SELF;

/// The same for reviewed apps: some of these get refresh tokens, which last for a year, however often they are used.
/// <https://learn.microsoft.com/en-us/linkedin/shared/authentication/programmatic-refresh-tokens>, 2026-11-22.
static PAGES: Code = Code {
    scopes: COMMUNITY,
    renew: Renew::Refresh,
    life: Life {
        access: Some(LIFE),
        refresh: Some(Duration::from_secs(365 * 86_400)),
        login: None,
        // not at the last moment: a run that publishes once a week must find it in time
        ahead: Duration::from_secs(8 * 86_400),
    },
    ..SELF
};

/// A token is one word; more, or nothing, was copied wrongly.
fn one_word(secrets: &Secrets) -> Result<(), String> {
    let token = secrets.get("token").map(|token| token.expose_secret().trim()).unwrap_or_default();
    if token.len() < 20 || token.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("this is not a whole token; copy it again from the portal's token generator".into());
    }
    Ok(())
}
