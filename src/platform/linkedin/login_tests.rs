//! The ways in, against the twin.

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::Network;
use super::login::LOGINS;
use super::twin::LinkedIn;
use super::twin_oauth::{App as TwinApp, REFRESH_LIFE, TOKEN_LIFE};
use crate::login::{self, App, Facts, Grant, Login, Nobody, Secrets};
use crate::net::{Effect, Fault, Kind};
use crate::platform::person::{Ann, field};
use crate::platform::stage::{Stage, content, plain};
use crate::platform::{Delete, Platform, Targets};
use crate::text::Text;
use crate::twin::{Incoming, Twin};

/// Somebody who copies the code that LinkedIn shows, unless the browser is here.
fn ann(stage: &Stage, here: bool) -> Ann {
    Ann { paste: field, ..Ann::new(stage, here) }
}

fn way(name: &str) -> &'static Login {
    LOGINS.iter().find(|way| way.name == name).unwrap()
}

/// A stage whose account has no token yet; `change` sets the twin up.
fn stage(change: impl FnOnce(&mut LinkedIn)) -> (Stage, u16) {
    // the port that people register may be in use by whoever runs the tests
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut twin = LinkedIn::default();
    twin.oauth.redirects.push(format!("http://localhost:{port}/callback"));
    change(&mut twin);
    (Stage::with_twin(&Network, 0, Box::new(twin)).blank(), port)
}

async fn enter(stage: &Stage, port: u16, person: &Ann, way: &Login, app: TwinApp) -> Result<Grant, Fault> {
    let redirect = person.here.then(|| format!("http://localhost:{port}/callback"));
    let own = App { id: app.id().into(), secret: Some(app.secret().into()), redirect, scopes: None };
    let grant = person.enter(stage, way, Some(own)).await;
    assert!(person.asked().iter().all(|what| what == "paste the code"), "{:?}", person.asked());
    grant
}

fn days(end: Option<DateTime<Utc>>) -> i64 {
    (end.unwrap() - Utc::now()).num_days()
}

#[tokio::test]
async fn as_oneself_through_the_browser_or_with_the_code_that_linkedin_shows() {
    for here in [true, false] {
        let (stage, port) = stage(|_| {});
        let grant = enter(&stage, port, &ann(&stage, here), way("browser"), TwinApp::Member).await.unwrap();
        let facts = &grant.facts;
        assert_eq!(facts.scopes.as_ref().unwrap().join(" "), "openid profile w_member_social");
        assert_eq!(days(facts.access_ends), TOKEN_LIFE.num_days() - 1);
        assert_eq!(facts.ends(login::renewable(way("browser"))), facts.access_ends, "a person is told of the end");
        stage.keep(&grant);
        let me = Network.whoami(&stage.cx()).await.unwrap();
        assert_eq!((me.id.as_str(), me.handle.as_str()), ("urn:li:person:tw1N_0", "Ann Twin 0"));
        // what it may not do is not even asked
        stage.server.clear_log();
        let offers = Targets::targets(&Network, &stage.cx()).await.unwrap();
        assert_eq!((offers.len(), offers[0].name.as_str(), &offers[0].not), (1, "ann-twin-0", &None));
        assert!(stage.server.log().iter().all(|exchange| exchange.request.path == "/v2/userinfo"));
        let receipts = stage.publish(&content(vec![(Text::plain("a"), Vec::new())])).await.unwrap();
        Delete::delete(&Network, &stage.cx(), &receipts[0]).await.unwrap();
        assert!(!Network.refresh(&stage.cx()).await.unwrap(), "there is nothing to renew");

        let clean = stage.clean_log();
        for name in ["token", "client_secret"] {
            assert!(!clean.contains(&plain(&grant.secrets, name)), "{name}");
        }
        let cx = stage.cx();
        assert!(login::revoke(&cx.desk(&Nobody), way("browser"), &grant.to_keep(), facts).await.unwrap());
        assert_eq!(Network.whoami(&stage.cx()).await.unwrap_err().kind, Kind::Auth);
    }
}

#[tokio::test]
async fn for_pages_and_renewed_where_linkedin_lets_it() {
    let (stage, port) = stage(|_| {});
    let grant = enter(&stage, port, &ann(&stage, true), way("pages"), TwinApp::Community).await.unwrap();
    let facts = &grant.facts;
    assert_eq!(days(facts.refresh_ends), REFRESH_LIFE.num_days() - 1);
    assert_eq!(facts.ends(true), facts.refresh_ends);
    assert!(login::missing_scopes(way("pages"), facts).is_empty());
    stage.keep(&grant);
    let offers = Targets::targets(&Network, &stage.cx()).await.unwrap();
    let can: Vec<(&str, bool)> = offers.iter().map(|offer| (offer.title.as_str(), offer.not.is_none())).collect();
    assert_eq!(can, [("Ann Twin 0 (yourself)", true), ("Crab Works 0", true), ("Tide Tables 0", true), ("Reef News 0", false)]);

    stage.server.expire_sessions("linkedin");
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap_err().kind, Kind::Auth);
    assert!(Network.refresh(&stage.cx()).await.unwrap());
    Network.whoami(&stage.cx()).await.unwrap();
    let renewed = stage.secrets.read().unwrap().clone();
    assert_ne!(plain(&renewed, "token"), plain(&grant.secrets, "token"));
    assert_eq!(plain(&renewed, "refresh_token"), plain(&grant.secrets, "refresh_token"), "it stays the same one");
    let facts = Facts::among(&renewed).unwrap();
    assert!((facts.refresh_ends.unwrap() - grant.facts.refresh_ends.unwrap()).num_seconds().abs() < 5, "its end does not move");
    let cx = stage.cx();
    assert!(login::revoke(&cx.desk(&Nobody), way("pages"), &renewed, &facts).await.unwrap());
    assert_eq!(login::renew(&cx.desk(&Nobody), way("pages"), &renewed, &facts).await.unwrap_err().kind, Kind::Auth);
}

#[tokio::test]
async fn for_pages_without_a_refresh_token_it_ends_with_the_token() {
    let (stage, port) = stage(|twin| twin.oauth.refreshing = false);
    let grant = enter(&stage, port, &ann(&stage, true), way("pages"), TwinApp::Community).await.unwrap();
    assert_eq!(days(grant.facts.ends(true)), TOKEN_LIFE.num_days() - 1);
    stage.keep(&grant);
    assert!(!Network.refresh(&stage.cx()).await.unwrap());
}

#[tokio::test]
async fn a_permission_that_the_app_was_not_given_fails_the_whole_login() {
    let (stage, port) = stage(|_| {});
    // the app of the other product
    let fault = enter(&stage, port, &ann(&stage, true), way("pages"), TwinApp::Member).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Auth, Effect::None));
    assert!(fault.message.contains("not authorized for your application"), "{fault}");
    // what is not granted and cannot be done without
    let bend: fn(&str) -> String = |address| address.replace("+w_member_social", "").replace("%20w_member_social", "");
    let fewer = Ann { bend, ..ann(&stage, false) };
    let fault = enter(&stage, port, &fewer, way("browser"), TwinApp::Member).await.unwrap_err();
    assert!(fault.kind == Kind::Auth && fault.message.contains("`w_member_social` (to post"), "{fault}");
    let wrong = App { id: TwinApp::Member.id().into(), secret: Some("wrong-secret".into()), ..App::default() };
    let person = ann(&stage, false);
    let fault = person.enter(&stage, way("browser"), Some(wrong)).await.unwrap_err();
    assert_eq!(person.asked(), ["paste the code"]);
    assert!(!fault.message.contains("wrong-secret"), "{fault}");
    assert_eq!((fault.kind, fault.effect), (Kind::Auth, Effect::None), "{fault}");
}

#[test]
fn a_token_is_one_long_word() {
    let login::Flow::Typed(typed) = way("token").flow else { panic!("it is typed") };
    let check = |token: &str| typed.check.unwrap()(&Secrets::from([("token".to_string(), SecretString::from(token))]));
    assert_eq!(check(" AQXdefinitely-a-token_of-linkedin \n"), Ok(()));
    for wrong in ["", "AQX", "Bearer AQXdefinitely-a-token_of-linkedin", "AQXdefinitely-a-\ntoken_of-linkedin"] {
        assert!(!check(wrong).unwrap_err().contains("AQX"));
    }
}

#[test]
fn the_twin_is_as_strict_as_linkedin() {
    let mut twin = LinkedIn::default();
    let back = super::login::SHOWN;
    let authorize = |twin: &mut LinkedIn, redirect: &str, scope: &str| {
        let query = [("client_id", TwinApp::Member.id()), ("redirect_uri", redirect), ("scope", scope), ("response_type", "code"), ("state", "s")];
        let query = query.map(|(name, value)| (name.to_string(), value.to_string())).into();
        let path = "/oauth/v2/authorization".to_string();
        let host = "www.linkedin.com".to_string();
        let reply = twin.answer(&Incoming { method: "GET".into(), host, path, query, ..Incoming::default() });
        let to = reply.headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value.clone());
        (reply.status, to.unwrap_or_default())
    };
    let exchange = |twin: &mut LinkedIn, code: &str, change: (&str, &str)| {
        let mut fields = std::collections::BTreeMap::from([
            ("grant_type", "authorization_code"), ("code", code), ("client_id", TwinApp::Member.id()),
            ("client_secret", TwinApp::Member.secret()), ("redirect_uri", back),
        ]);
        fields.extend([change]);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let (host, path) = ("www.linkedin.com".to_string(), "/oauth/v2/accessToken".to_string());
        let reply = twin.answer(&Incoming { method: "POST".into(), host, path, body: body.into(), ..Incoming::default() });
        (reply.status, serde_json::from_slice::<serde_json::Value>(&reply.body).unwrap())
    };
    assert_eq!(authorize(&mut twin, "http://localhost:1/callback", "openid"), (400, String::new()), "another port");
    assert!(authorize(&mut twin, back, "openid r_member_social").1.contains("error=unauthorized_scope_error"));
    let code = |twin: &mut LinkedIn, scope: &str| {
        let to = authorize(twin, back, scope).1;
        to.split("code=").nth(1).unwrap().split('&').next().unwrap().to_string()
    };
    for (change, status, error) in [
        (("client_secret", "no"), 401, "invalid_client"),
        (("redirect_uri", "http://localhost:8917/callback"), 400, "invalid_request"),
        (("grant_type", "password"), 400, "unsupported_grant_type"),
    ] {
        let code = code(&mut twin, "openid");
        let (got, answer) = exchange(&mut twin, &code, change);
        assert_eq!((got, answer["error"].as_str().unwrap()), (status, error), "{change:?}");
    }
    let good = code(&mut twin, "openid profile");
    let (status, first) = exchange(&mut twin, &good, ("x", ""));
    assert_eq!((status, first.get("refresh_token")), (200, None));
    assert_eq!(exchange(&mut twin, &good, ("x", "")).0, 400, "a code is good once");
    let token = first["access_token"].as_str().unwrap();
    assert!(twin.oauth.scopes(token).is_some());
    let other = code(&mut twin, "openid");
    exchange(&mut twin, &other, ("x", ""));
    assert_eq!(twin.oauth.scopes(token), None, "another set of permissions ends what was given before");
}
