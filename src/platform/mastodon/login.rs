//! The ways into a server with Mastodon's API: OAuth with an app that the server gives out for this one login, or a token made by
//! hand.

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::api;
use crate::login::{
    App, Challenge, Client, Code, Desk, Dialect, Flow, Life, Login, Redirect, Register, Renew, Revoke, Scope, Secrets,
    Typed,
};
use crate::net::{Answer, Body, Effect, Fault, Kind, Method, by_status};

/// The browser first: nothing has to be found in the preferences, and the scopes are the right ones.
pub const LOGINS: &[Login] = &[
    Login {
        name: "browser",
        about: "log in at your server in the browser",
        flow: Flow::Code(&BROWSER),
        keeps: &["token"],
        asks: &[],
        page: Some("{server}/oauth/authorized_applications"),
    },
    Login {
        name: "token",
        about: "an access token made by hand: Preferences > Development",
        flow: Flow::Typed(Typed { warning: None, check: Some(one_word) }),
        keeps: &["token"],
        asks: &["token"],
        page: Some("{server}/settings/applications"),
    },
];

/// What a program that posts, and looks whether it did, needs of Mastodon 4.3 and later.
/// <https://docs.joinmastodon.org/api/oauth-scopes/>, 2026-11-21.
const SCOPES: &[Scope] = &[
    Scope { name: "profile", why: "to show whose account it is", optional: true },
    Scope { name: "read:statuses", why: "to see whether a post landed when an answer was lost", optional: true },
    Scope { name: "read:search", why: "to reply to or quote a post of another server by its address", optional: true },
    Scope { name: "write:statuses", why: "to post, and to delete what was posted", optional: false },
    Scope { name: "write:media", why: "to upload pictures and films", optional: true },
];

/// <https://docs.joinmastodon.org/methods/oauth/>, 2026-11-21. Mastodon's tokens do not end; those of Pleroma and Akkoma do, and
/// come with a refresh token. Servers before 4.3 ignore the challenge.
static BROWSER: Code = Code {
    authorize: "{server}/oauth/authorize",
    token: "{server}/oauth/token",
    // Pleroma and Akkoma find a login by its access token alone
    revoke: Some(Revoke::Each("{server}/oauth/revoke")),
    scopes: SCOPES,
    joined: " ",
    challenge: Challenge::S256,
    redirects: &[
        Redirect::Loopback { host: "127.0.0.1", port: None, path: "/callback" },
        Redirect::Shown("urn:ietf:wg:oauth:2.0:oob"),
    ],
    client: Client::Registered(&Apps),
    more: &[],
    dialect: Dialect::STANDARD,
    longer: None,
    renew: Renew::Refresh,
    life: Life::SAID,
};

/// A token is one word; more, or nothing, was copied wrongly.
fn one_word(secrets: &Secrets) -> Result<(), String> {
    let token = secrets.get("token").map(|token| token.expose_secret().trim()).unwrap_or_default();
    if token.is_empty() || token.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("the token is not one word; copy \"Your access token\" whole".into());
    }
    Ok(())
}

/// Apps are given out by the server to whoever asks. The redirect address must be the exact one of the login, and so each login has
/// an app of its own.
struct Apps;

#[async_trait]
impl Register for Apps {
    async fn register(&self, desk: &Desk<'_>, redirect: &str, scopes: &[&str]) -> Result<App, Fault> {
        let mut chosen = choose(scopes, &known(desk).await?);
        let mut answer = apps(desk, redirect, &chosen).await?;
        // scopes that a server does not know are refused in many words
        if matches!(answer.status, 400 | 422) {
            chosen = choose(scopes, &words(COARSE));
            answer = apps(desk, redirect, &chosen).await?;
        }
        if let Some(mut fault) = by_status(&answer) {
            fault.message = if matches!(answer.status, 404 | 405) {
                format!("`{}` gives out no app as a server with Mastodon's API does; check the address", desk.server)
            } else {
                format!("`{}` gives out no app: {}", desk.server, fault.message)
            };
            return Err(harmless(desk, fault));
        }
        let value = answer.value();
        let (id, secret) = (api::id(&value["client_id"]), api::id(&value["client_secret"]));
        let missing = |what: &str| {
            Fault::new(Kind::Protocol, format!("`{}` gave out an app without `{what}`", desk.server))
        };
        let secret = SecretString::from(secret.ok_or_else(|| missing("client_secret"))?);
        desk.door.redactor().learn(&secret);
        Ok(App {
            id: id.ok_or_else(|| missing("client_id"))?,
            secret: Some(secret),
            redirect: Some(redirect.to_string()),
            scopes: Some(chosen),
        })
    }
}

/// One registration. The redirect address is a text, which every server takes; a list only Mastodon 4.3 and later do.
/// <https://docs.joinmastodon.org/methods/apps/>, 2026-11-21.
async fn apps(desk: &Desk<'_>, redirect: &str, scopes: &[String]) -> Result<Answer, Fault> {
    let form = [("client_name", "xpost"), ("redirect_uris", redirect), ("scopes", &scopes.join(" "))];
    let form = form.map(|(name, value)| (name.to_string(), value.to_string())).into();
    let request = api::request(desk.server, Method::POST, "/api/v1/apps").body(Body::Form(form));
    desk.door.send(request).await.map_err(|fault| harmless(desk, fault))
}

/// An app that nobody uses is seen by nobody.
fn harmless(desk: &Desk<'_>, fault: Fault) -> Fault {
    Fault { effect: Effect::None, message: desk.door.redactor().clean(&fault.message), ..fault }
}

/// What every server knows.
const COARSE: &[&str] = &["read", "write"];
/// What Mastodon knew before 4.3, and Pleroma and Akkoma know.
const FINE: &[&str] = &["read", "write", "read:accounts", "read:statuses", "read:search", "write:statuses", "write:media"];

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

/// The scopes that the server knows: by its own word (Mastodon 4.3 and later), else by its software.
async fn known(desk: &Desk<'_>) -> Result<Vec<String>, Fault> {
    let metadata = ask(desk, "/.well-known/oauth-authorization-server").await?;
    let listed: Vec<String> = metadata["scopes_supported"]
        .as_array()
        .map(|list| list.iter().filter_map(Value::as_str).map(str::to_string).collect())
        .unwrap_or_default();
    if listed.iter().any(|scope| scope == "write" || scope == "write:statuses") {
        return Ok(listed);
    }
    let index = ask(desk, "/.well-known/nodeinfo").await?;
    let mut links = index["links"].as_array().into_iter().flatten();
    let href = links.rfind(|link| link["rel"].as_str().is_some_and(|rel| rel.contains("nodeinfo")));
    let href = href.and_then(|link| link["href"].as_str()).unwrap_or_default();
    // only the path counts: no other host is asked because of what a server says
    let url = url::Url::parse(desk.server).and_then(|base| base.join(href));
    let info = match url {
        Ok(url) if !href.is_empty() => ask(desk, url.path()).await?,
        _ => Value::Null,
    };
    let software = info["software"]["name"].as_str().unwrap_or_default().to_lowercase();
    let fine = matches!(software.as_str(), "mastodon" | "hometown" | "glitchsoc" | "chuckya" | "pleroma" | "akkoma");
    Ok(words(if fine { FINE } else { COARSE }))
}

/// A document without which one can do; `Null` where it is not there.
async fn ask(desk: &Desk<'_>, path: &str) -> Result<Value, Fault> {
    let answer = desk.door.send(api::request(desk.server, Method::GET, path)).await?;
    match by_status(&answer) {
        Some(fault) if fault.kind.transient() => Err(fault),
        Some(_) => Ok(Value::Null),
        None => Ok(answer.value()),
    }
}

/// Of the scopes that are wanted those that the server knows: by their name, else the older name, else the wider scope that holds
/// them. What a wider one of the choice holds is not named again.
fn choose(wanted: &[&str], known: &[String]) -> Vec<String> {
    let knows = |name: &str| known.iter().any(|known| known == name);
    let mut chosen: Vec<String> = Vec::new();
    for scope in wanted {
        let older = if *scope == "profile" { "read:accounts" } else { scope };
        let wider = older.split(':').next().unwrap_or(older);
        let name = [*scope, older, wider].into_iter().find(|name| knows(name)).unwrap_or(wider);
        if !chosen.iter().any(|have| have == name) {
            chosen.push(name.to_string());
        }
    }
    let all = chosen.clone();
    chosen.retain(|scope| scope.split_once(':').is_none_or(|(wider, _)| !all.iter().any(|have| have == wider)));
    chosen
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
