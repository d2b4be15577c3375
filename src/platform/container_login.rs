//! The login that Threads and Instagram share: a code for a token of an hour, that for one of 60 days, which is renewed with itself.

use std::time::Duration;

use secrecy::ExposeSecret;

use crate::login::{
    AppSecret, Challenge, Client, Code, Dialect, Exchange, Flow, Life, Redirect, Renew, Scope, Secrets, Typed,
};

/// Meta renews no token that is younger.
const YOUNG: Duration = Duration::from_secs(86_400);
/// A token is renewed when it is a week old: one that is left alone for 60 days is gone.
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// Where the two differ.
pub(super) struct Meta {
    pub authorize: &'static str,
    pub token: &'static str,
    /// Where in the answer the token is.
    pub answer: &'static str,
    pub scopes: &'static [Scope],
    pub longer: &'static str,
    pub longer_grant: &'static str,
    pub renew: &'static str,
    pub renew_grant: &'static str,
    /// How long a token lives.
    pub life: Duration,
}

/// The flow: no PKCE, the app's secret is needed, and Meta sends nobody back to this machine: the address is pasted.
pub(super) const fn code(meta: &Meta) -> Code {
    Code {
        authorize: meta.authorize,
        token: meta.token,
        revoke: None,
        scopes: meta.scopes,
        joined: ",",
        challenge: Challenge::None,
        redirects: &[Redirect::Https],
        client: Client::App { secret: AppSecret::Needed },
        more: &[],
        dialect: Dialect { answer: meta.answer, ..Dialect::STANDARD },
        longer: Some(Exchange {
            url: meta.longer,
            grant_type: meta.longer_grant,
            token: "access_token",
            with_id: false,
            with_secret: true,
            not_before: Duration::ZERO,
        }),
        renew: Renew::Exchange(Exchange {
            url: meta.renew,
            grant_type: meta.renew_grant,
            token: "access_token",
            with_id: false,
            with_secret: false,
            not_before: YOUNG,
        }),
        life: Life { access: Some(meta.life), refresh: None, login: None, ahead: meta.life.saturating_sub(WEEK) },
    }
}

/// A token that was made on the app's dashboard.
pub(super) const PASTED: Flow = Flow::Typed(Typed { warning: None, check: Some(one_word) });

/// A token is one word; more, or nothing, was copied wrongly.
fn one_word(secrets: &Secrets) -> Result<(), String> {
    let token = secrets.get("token").map(|token| token.expose_secret().trim()).unwrap_or_default();
    if token.is_empty() || token.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("the token is not one word; copy it whole from the token generator".into());
    }
    Ok(())
}
