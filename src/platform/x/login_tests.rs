//! The ways in, walked against the twin.

use secrecy::{ExposeSecret, SecretString};

use super::super::Network;
use super::super::twin_login::{CONSUMER, NATIVE, NUMBER, REDIRECT, TOKEN_LIFE, WEB};
use super::*;
use crate::login::{self, App, Facts, Grant, Nobody};
use crate::net::{Effect, Fault, Kind};
use crate::platform::person::{Ann, Landing};
use crate::platform::stage::{Stage, content, plain};
use crate::platform::{Delete, Platform};
use crate::text::Text;
use crate::twin::{Incoming, Inject, What};

/// Somebody whose browser is elsewhere: types this first, then the number that the page shows or where he landed.
fn typing(stage: &Stage, types: &[&str]) -> Ann {
    let paste = |landing: &Landing| Ok(landing.between("<code>", "<").unwrap_or_else(|| landing.words()));
    Ann { paste, ..Ann::new(stage, false) }.types(types)
}

fn way(name: &str) -> &'static Login {
    LOGINS.iter().find(|way| way.name == name).unwrap()
}

async fn enter(stage: &Stage, name: &str, person: &Ann, app: Option<App>) -> Result<Grant, Fault> {
    person.enter(stage, way(name), app).await
}

fn web() -> Option<App> {
    Some(App { id: WEB.0.into(), secret: Some(WEB.1.into()), ..App::default() })
}

/// An account that has nothing yet.
fn stage() -> Stage {
    Stage::new(&Network, 0).blank()
}

#[tokio::test]
async fn the_browser_with_an_app_that_has_no_secret_and_with_one_that_has() {
    for (app, typed, asked) in [(None, &[NATIVE][..], "client id of your app at X"), (web(), &[], "paste the address")]
    {
        let stage = stage();
        let ann = typing(&stage, typed);
        let grant = enter(&stage, "browser", &ann, app).await.unwrap();
        assert_eq!(ann.asked()[0], asked);
        assert_eq!(ann.asked().last().unwrap(), "paste the address");
        assert!(ann.visited().last().unwrap().contains("redirect_uri=http%3A%2F%2F127.0.0.1%3A8459%2Fcallback"));
        let left = grant.facts.access_ends.unwrap() - chrono::Utc::now();
        assert!((TOKEN_LIFE - left).num_seconds().abs() < 60, "{left}");
        assert!(!plain(&grant.secrets, "refresh_token").is_empty());
        assert!(login::missing_scopes(way("browser"), &grant.facts).is_empty());

        stage.keep(&grant);
        assert_eq!(Network.whoami(&stage.cx()).await.unwrap().handle, "@ann0");
        let receipts = stage.publish(&content(vec![(Text::plain("a"), Vec::new())])).await.unwrap();
        Delete::delete(&Network, &stage.cx(), &receipts[0]).await.unwrap();

        // two hours later
        stage.server.inject(Inject::new(What::ExpireSessions));
        let fault = Network.whoami(&stage.cx()).await.unwrap_err();
        assert_eq!((fault.kind, fault.effect), (Kind::Auth, Effect::None));
        assert!(Network.refresh(&stage.cx()).await.unwrap());
        Network.whoami(&stage.cx()).await.unwrap();
        let renewed = stage.secrets.read().unwrap().clone();
        assert_ne!(plain(&renewed, "token"), plain(&grant.secrets, "token"));
        assert_ne!(plain(&renewed, "refresh_token"), plain(&grant.secrets, "refresh_token"));
        // a refresh token is good once, and X says so in words of its own
        let cx = stage.cx();
        let fault = login::renew(&cx.desk(&Nobody), way("browser"), &grant.to_keep(), &grant.facts).await.unwrap_err();
        assert_eq!((fault.kind, fault.effect), (Kind::Auth, Effect::None));
        assert!(fault.message.contains("run `xpost account login test`"), "{fault}");

        let facts = Facts::among(&renewed).unwrap();
        assert!(login::revoke(&cx.desk(&Nobody), way("browser"), &renewed, &facts).await.unwrap());
        assert_eq!(Network.whoami(&cx).await.unwrap_err().kind, Kind::Auth);
        assert_eq!(
            login::renew(&cx.desk(&Nobody), way("browser"), &renewed, &facts).await.unwrap_err().kind,
            Kind::Auth
        );

        // no code, verifier, token or secret is shown by anything
        let clean = stage.clean_log();
        for secrets in [&grant.secrets, &renewed] {
            for (name, secret) in secrets.iter().filter(|(name, _)| *name != "login") {
                assert!(!clean.contains(secret.expose_secret()), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_as_it_was_registered_gets_nowhere() {
    let stage = stage();
    for bend in [
        (|address| address.replace("8459", "8460")) as fn(&str) -> String,
        |address| address.replace("127.0.0.1", "localhost"),
        |address| address.replace("S256", "plain"),
        |address| address.replace("tweet.write", "tweet.all"),
    ] {
        let ann = Ann { bend, ..typing(&stage, &[NATIVE]) };
        let fault = enter(&stage, "browser", &ann, None).await.unwrap_err();
        assert_eq!((fault.kind, fault.effect), (Kind::Auth, Effect::None), "{fault}");
    }
    // without the right to post it is no login, and it is ended at once
    let ann = Ann { bend: |address| address.replace("tweet.write", "like.write"), ..typing(&stage, &[NATIVE]) };
    let fault = enter(&stage, "browser", &ann, None).await.unwrap_err();
    assert!(fault.message.contains("`tweet.write` (to post"), "{fault}");
    assert!(stage.server.log().iter().any(|exchange| exchange.request.path == "/2/oauth2/revoke"));
    // without what is only good to have one can still post
    let ann = Ann { bend: |address| address.replace("+offline.access", ""), ..typing(&stage, &[NATIVE]) };
    let grant = enter(&stage, "browser", &ann, None).await.unwrap();
    let missing = login::missing_scopes(way("browser"), &grant.facts);
    assert_eq!(missing.iter().map(|scope| scope.name).collect::<Vec<_>>(), ["offline.access"]);
    stage.keep(&grant);
    assert!(!Network.refresh(&stage.cx()).await.unwrap(), "there is nothing to renew it with");
}

#[tokio::test]
async fn a_wrong_secret_of_the_app_is_told_as_such() {
    let stage = stage();
    let app = Some(App { id: WEB.0.into(), secret: Some("another".into()), ..App::default() });
    let fault = enter(&stage, "browser", &typing(&stage, &[]), app).await.unwrap_err();
    assert!(
        fault.kind == Kind::Auth && fault.message.contains("x-twin-web-app") && !fault.message.contains("another"),
        "{fault}"
    );
}

#[tokio::test]
async fn a_number_for_another_account() {
    let stage = stage();
    let ann = typing(&stage, &[CONSUMER.0, CONSUMER.1]);
    let grant = enter(&stage, "pin", &ann, None).await.unwrap();
    assert_eq!(ann.asked().len(), 3);
    stage.keep(&grant);
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap().handle, "@ann0");
    stage.publish(&content(vec![(Text::plain("a"), Vec::new())])).await.unwrap();
    let cx = stage.cx();
    assert!(login::revoke(&cx.desk(&Nobody), way("pin"), &grant.to_keep(), &grant.facts).await.unwrap());
    assert_eq!(Network.whoami(&cx).await.unwrap_err().kind, Kind::Auth);
    let wrong = typing(&stage, &[CONSUMER.0, CONSUMER.1, "0000000"]);
    assert_ne!(NUMBER, "0000000");
    assert_eq!(enter(&stage, "pin", &wrong, None).await.unwrap_err().kind, Kind::Auth);
}

#[test]
fn the_four_keys_are_looked_at_before_anything_is_sent() {
    let Flow::Typed(Typed { check: Some(check), .. }) = way("keys").flow else { panic!("keys are typed") };
    let keys =
        |names: &[&str]| names.iter().map(|name| (name.to_string(), SecretString::from("word"))).collect::<Secrets>();
    assert_eq!(check(&keys(&["client_secret", "token", "token_secret"])), Ok(()));
    assert!(check(&keys(&["client_secret", "token"])).unwrap_err().contains("`token_secret`"));
}

#[test]
fn the_twin_takes_no_signature_twice_and_none_that_is_not_good() {
    use crate::login::oauth1::{Keys, sign};
    use crate::net::Method;
    use crate::twin::Twin;
    let mut twin = super::super::twin::XTwin::default();
    let keys = |secret: &str| {
        Keys::new(CONSUMER.0, &CONSUMER.1.into()).token(&"x-twin-key-0".into(), &SecretString::from(secret))
    };
    let now = chrono::Utc::now().timestamp();
    let mut ask = |url: &str, secret: &str, nonce: &str, at: i64| {
        let header = sign(&Method::GET, url, &[], &keys(secret), nonce, at).unwrap();
        twin.answer(&Incoming {
            method: "GET".into(),
            host: "api.x.com".into(),
            path: "/2/users/me".into(),
            headers: vec![("authorization".into(), header.expose_secret().to_string())],
            ..Incoming::default()
        })
        .status
    };
    let (url, good) = ("https://api.x.com/2/users/me", "x-twin-key-secret-0");
    assert_eq!(ask(url, good, "a", now), 200);
    assert_eq!(ask(url, good, "a", now), 401, "the same nonce");
    assert_eq!(ask(url, "another", "b", now), 401);
    assert_eq!(ask("https://api.x.com/2/users/you", good, "c", now), 401, "signed for another address");
    assert_eq!(ask(url, good, "d", now - 400), 401, "too old");
    assert_eq!(ask(url, good, "e", now), 200);
}

#[test]
fn a_code_is_good_once_and_for_the_app_that_asked() {
    use crate::twin::Twin;
    let mut twin = super::super::twin::XTwin::default();
    // RFC 7636, appendix B
    let (verifier, challenge) =
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let code = |twin: &mut super::super::twin::XTwin| {
        let query = [
            ("client_id", NATIVE),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("state", "s"),
            ("scope", "tweet.read"),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ];
        let query = query.map(|(name, value)| (name.to_string(), value.to_string())).into();
        let request = Incoming {
            method: "GET".into(),
            host: "x.com".into(),
            path: "/i/oauth2/authorize".into(),
            query,
            ..Incoming::default()
        };
        let reply = twin.answer(&request);
        let to = reply.headers.into_iter().find(|(name, _)| name == "location").unwrap().1;
        to.split("code=").nth(1).unwrap().to_string()
    };
    let trade = |twin: &mut super::super::twin::XTwin, code: &str, change: (&str, &str)| {
        let mut fields = std::collections::BTreeMap::from([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", NATIVE),
            ("redirect_uri", REDIRECT),
            ("code_verifier", verifier),
        ]);
        fields.insert(change.0, change.1);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes();
        twin.answer(&Incoming {
            method: "POST".into(),
            host: "api.x.com".into(),
            path: "/2/oauth2/token".into(),
            body,
            ..Incoming::default()
        })
        .status
    };
    for change in [
        ("code_verifier", "another"),
        ("redirect_uri", "http://127.0.0.1:1/callback"),
        ("client_id", WEB.0),
        ("grant_type", "password"),
    ] {
        let code = code(&mut twin);
        assert!(matches!(trade(&mut twin, &code, change), 400 | 401), "{change:?}");
    }
    let code = code(&mut twin);
    assert_eq!(trade(&mut twin, &code, ("state", "s")), 200);
    assert_eq!(trade(&mut twin, &code, ("state", "s")), 400, "twice");
}
