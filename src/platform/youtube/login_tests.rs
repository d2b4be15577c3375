//! Logins against the twin.

use chrono::Utc;

use super::super::twin::YoutubeTwin;
use super::super::{Network, twin_oauth};
use super::*;
use crate::login::{self, App, Facts, Grant, Nobody};
use crate::net::{Effect, Fault, Kind};
use crate::platform::Platform;
use crate::platform::person::Ann;
use crate::platform::stage::{Stage, plain};
use crate::twin::{Inject, Twin, What};

fn app() -> App {
    App { id: twin_oauth::CLIENT.into(), secret: Some(twin_oauth::SECRET.into()), ..App::default() }
}

/// A channel whose account has no token yet.
fn stage(change: impl FnOnce(&mut YoutubeTwin)) -> Stage {
    let mut twin = YoutubeTwin::default();
    change(&mut twin);
    Stage::with_twin(&Network, 0, Box::new(twin)).logged_out()
}

async fn enter(stage: &Stage, person: &Ann, way: &Login, app: App) -> Result<Grant, Fault> {
    person.enter(stage, way, Some(app)).await
}

#[tokio::test]
async fn by_browser_or_pasted_address_to_a_channel_and_out_again() {
    for here in [true, false] {
        let stage = stage(|_| ());
        let grant = enter(&stage, &Ann::new(&stage, here), &LOGINS[0], app()).await.unwrap();
        let facts = &grant.facts;
        assert_eq!((facts.way.as_str(), facts.client_id.as_str()), ("browser", twin_oauth::CLIENT));
        assert_eq!(login::missing_scopes(&LOGINS[0], facts), []);
        let left = facts.access_ends.unwrap() - Utc::now();
        assert!((twin_oauth::TOKEN_LIFE - left).num_seconds().abs() < 60, "{left}");
        assert_eq!(facts.refresh_ends, None, "a published app's logins do not end by themselves");
        stage.keep(&grant);
        assert_eq!(Network.whoami(&stage.cx()).await.unwrap().handle, "@ann0");

        // the access token ends; the refresh token stays the same
        stage.server.inject(Inject::new(What::ExpireSessions));
        assert_eq!(Network.whoami(&stage.cx()).await.unwrap_err().kind, Kind::Auth);
        assert!(Network.refresh(&stage.cx()).await.unwrap());
        Network.whoami(&stage.cx()).await.unwrap();
        let renewed = stage.secrets.read().unwrap().clone();
        assert_ne!(plain(&renewed, "token"), plain(&grant.secrets, "token"));
        assert_eq!(plain(&renewed, "refresh_token"), plain(&grant.secrets, "refresh_token"));

        // nothing that was said holds a secret
        let clean = stage.clean_log();
        for name in ["token", "refresh_token", "client_secret"] {
            assert!(!clean.contains(&plain(&renewed, name)), "{name}");
        }
        let facts = Facts::among(&renewed).unwrap();
        let cx = stage.cx();
        assert!(login::revoke(&cx.desk(&Nobody), &LOGINS[0], &renewed, &facts).await.unwrap());
        assert_eq!(Network.whoami(&stage.cx()).await.unwrap_err().kind, Kind::Auth);
        let fault = Network.refresh(&stage.cx()).await.unwrap_err();
        assert_eq!((fault.kind, fault.effect), (Kind::Auth, Effect::None), "{fault}");
    }
}

#[tokio::test]
async fn by_a_code_on_another_device() {
    let stage = stage(|_| ());
    let ann = Ann { device: true, ..Ann::new(&stage, false) };
    let grant = enter(&stage, &ann, &LOGINS[1], app()).await.unwrap();
    assert_eq!(ann.shown(), ["GQVQ-JKEC at https://www.google.com/device"]);
    assert_eq!(login::missing_scopes(&LOGINS[1], &grant.facts), []);
    stage.keep(&grant);
    Network.whoami(&stage.cx()).await.unwrap();
    assert!(Network.refresh(&stage.cx()).await.unwrap());
    Network.whoami(&stage.cx()).await.unwrap();
}

#[tokio::test]
async fn what_google_does_not_give_is_said() {
    // a box that was left unticked: without comments one can still publish, without videos not
    let some = stage(|twin| twin.oauth.unticked = &["youtube.force-ssl"]);
    let grant = enter(&some, &Ann::new(&some, true), &LOGINS[0], app()).await.unwrap();
    assert_eq!(login::missing_scopes(&LOGINS[0], &grant.facts), [COMMENT]);
    let none = stage(|twin| twin.oauth.unticked = &["youtube"]);
    let fault = enter(&none, &Ann::new(&none, true), &LOGINS[0], app()).await.unwrap_err();
    assert!(fault.kind == Kind::Auth && fault.message.contains("auth/youtube` (to upload"), "{fault}");
    // an app in testing
    let testing = stage(|twin| twin.oauth.testing = true);
    let grant = enter(&testing, &Ann::new(&testing, true), &LOGINS[0], app()).await.unwrap();
    let days = (grant.facts.refresh_ends.unwrap() - Utc::now()).num_hours();
    assert!((166..=168).contains(&days), "{days}");
    // another secret
    let wrong = App { secret: Some("wrong".into()), ..app() };
    let fault = enter(&testing, &Ann::new(&testing, true), &LOGINS[0], wrong).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Auth, Effect::None));
}

#[test]
fn the_twin_is_as_strict_as_google() {
    use crate::twin::Incoming;
    let mut twin = YoutubeTwin::default();
    let authorize = |twin: &mut YoutubeTwin, change: (&str, &str)| {
        // RFC 7636, appendix B
        let mut query = std::collections::BTreeMap::from([
            ("client_id", twin_oauth::CLIENT), ("redirect_uri", "http://127.0.0.1:9999/callback"), ("response_type", "code"), ("state", "s"),
            ("scope", MANAGE.name), ("access_type", "offline"), ("prompt", "consent"), ("code_challenge_method", "S256"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ]);
        query.insert(change.0, change.1);
        let query = query.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let reply = twin.answer(&Incoming {
            method: "GET".into(), host: "accounts.google.com".into(), path: "/o/oauth2/v2/auth".into(), query, ..Incoming::default()
        });
        let to = reply.headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value.clone());
        to.and_then(|to| Some(to.split("code=").nth(1)?.split('&').next()?.to_string()))
    };
    for change in [
        ("client_id", "another"), ("redirect_uri", "http://127.0.0.1/callback"), ("redirect_uri", "https://example.org:1/callback"),
        ("response_type", "token"), ("scope", "openid"), ("code_challenge_method", "plain"),
    ] {
        assert_eq!(authorize(&mut twin, change), None, "{change:?}");
    }
    let exchange = |twin: &mut YoutubeTwin, code: &str, change: (&str, &str)| {
        let mut fields = std::collections::BTreeMap::from([
            ("grant_type", "authorization_code"), ("code", code), ("client_id", twin_oauth::CLIENT), ("client_secret", twin_oauth::SECRET),
            ("redirect_uri", "http://127.0.0.1:9999/callback"), ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        ]);
        fields.insert(change.0, change.1);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let reply = twin.answer(&Incoming {
            method: "POST".into(), host: "oauth2.googleapis.com".into(), path: "/token".into(), body: body.into(), ..Incoming::default()
        });
        (reply.status, serde_json::from_slice::<serde_json::Value>(&reply.body).unwrap())
    };
    for (change, status) in [
        (("client_secret", "no"), 401), (("redirect_uri", "http://127.0.0.1:9998/callback"), 400), (("code_verifier", "another"), 400),
        (("grant_type", "password"), 400),
    ] {
        let code = authorize(&mut twin, ("state", "t")).unwrap();
        assert_eq!(exchange(&mut twin, &code, change).0, status, "{change:?}");
    }
    let code = authorize(&mut twin, ("state", "t")).unwrap();
    let (status, token) = exchange(&mut twin, &code, ("state", "t"));
    assert_eq!((status, token["refresh_token"].is_string()), (200, true));
    assert_eq!(exchange(&mut twin, &code, ("state", "t")).0, 400, "a code is good once");
    // who agreed before gets no other refresh token unless he is asked again
    let code = authorize(&mut twin, ("prompt", "none")).unwrap();
    assert_eq!(exchange(&mut twin, &code, ("state", "t")).1.get("refresh_token"), None);
}
