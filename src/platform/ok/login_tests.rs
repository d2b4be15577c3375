//! The login by browser, what it may do, and the groups that it can post to.

use chrono::Utc;
use secrecy::{ExposeSecret, SecretString};

use super::twin_oauth::{CLIENT, REDIRECTS};
use super::*;
use crate::login::{self, App, CLIENT_SECRET, Facts, Grant, REFRESH, TOKEN};
use crate::net::Kind;
use crate::platform::person::Ann;
use crate::platform::stage::{Stage, content};
use crate::text::Text;
use crate::twin::{Inject, What};

const NET: &dyn Platform = &Network;

fn way() -> &'static login::Login {
    Network.logins().iter().find(|way| way.name == "browser").unwrap()
}

async fn enter(stage: &Stage, ann: &Ann, redirect: &str, secret: &str) -> Result<Grant, Fault> {
    let secret = Some(SecretString::from(secret.to_string()));
    let app = App { id: CLIENT.into(), secret, redirect: Some(redirect.into()), scopes: None };
    ann.enter(stage, way(), Some(app)).await
}

fn hello() -> crate::platform::Content {
    content(vec![(Text::plain("hello"), vec![])])
}

#[tokio::test]
async fn a_login_by_browser_signs_with_what_it_was_given() {
    for redirect in REDIRECTS {
        let mut stage = Stage::new(&Network, 0);
        let grant = enter(&stage, &Ann::new(&stage, false), redirect, twin::APP_SECRET).await.unwrap();
        let left = grant.facts.access_ends.unwrap() - Utc::now();
        assert!((29..=30).contains(&left.num_days()), "LONG_ACCESS_TOKEN: {left}");
        stage.keep(&grant);
        let offers = NET.targets().unwrap().targets(&stage.cx()).await.unwrap();
        let offers: Vec<_> = offers.iter().map(|one| (one.name.as_str(), one.settings["group"].clone(), one.not.is_some())).collect();
        let want = [
            ("ok570000000001", Value::Null, false),
            ("ok-group-53000000000001", json!("53000000000001"), false),
            ("xpost-twin1", json!("53000000000002"), true),
        ];
        assert_eq!(offers, want);
        stage.discover().await;
        let receipts = stage.publish(&hello()).await.unwrap();
        assert!(receipts[0].url.as_ref().unwrap().starts_with("https://ok.ru/group/53000000000001/topic/"));

        // renewed, it signs with another secret
        stage.server.inject(Inject::new(What::ExpireSessions));
        let fault = Network.whoami(&stage.cx()).await.unwrap_err();
        assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Auth, Some("102")));
        assert!(Network.refresh(&stage.cx()).await.unwrap());
        let renewed = stage.secrets.read().unwrap().clone();
        assert_ne!(renewed[TOKEN].expose_secret(), grant.secrets[TOKEN].expose_secret());
        assert_eq!(renewed[REFRESH].expose_secret(), grant.secrets[REFRESH].expose_secret(), "it stays");
        assert!(Facts::among(&renewed).is_some());
        stage.publish(&hello()).await.unwrap();
        assert_eq!(stage.timeline().len(), 2);
        let shown = stage.clean_log();
        for name in [TOKEN, REFRESH, CLIENT_SECRET] {
            assert!(!shown.contains(renewed[name].expose_secret()), "{name}");
        }
    }
}

#[tokio::test]
async fn rights_that_ok_did_not_give_are_named() {
    let mut stage = Stage::new(&Network, 0);
    let narrow = Ann { bend: |address| address.replace("GROUP_CONTENT%3B", ""), ..Ann::new(&stage, false) };
    let grant = enter(&stage, &narrow, REDIRECTS[1], twin::APP_SECRET).await.unwrap();
    stage.keep(&grant);
    stage.discover().await;
    let fault = stage.publish(&hello()).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Forbidden, Some("10")));
    assert!(fault.message.contains("GROUP_CONTENT") && fault.message.contains("api-support@ok.ru"), "{fault}");
}

#[tokio::test]
async fn what_ok_refuses_at_the_login_is_said() {
    let stage = Stage::new(&Network, 0);
    let fault = enter(&stage, &Ann::new(&stage, false), REDIRECTS[1], "another secret").await.unwrap_err();
    assert!(fault.kind == Kind::Auth || fault.kind == Kind::Rejected, "{fault:?}");
    assert!(enter(&stage, &Ann::new(&stage, false), "https://example.org/elsewhere", twin::APP_SECRET).await.is_err());
    let twice = Ann { bend: |address| address.replace("LONG_ACCESS_TOKEN", "EVERYTHING"), ..Ann::new(&stage, false) };
    assert_eq!(enter(&stage, &twice, REDIRECTS[1], twin::APP_SECRET).await.unwrap_err().kind, Kind::Auth);
}

#[test]
fn what_was_typed_is_looked_at() {
    let login::Flow::Typed(typed) = Network.logins()[0].flow else { panic!("typed") };
    let check = |token: &str, secret: &str| {
        let pair = [("token", token), (api::SESSION_SECRET, secret)];
        (typed.check.unwrap())(&pair.map(|(name, value)| (name.to_string(), SecretString::from(value))).into())
    };
    assert!(check(&twin::token(0), &twin::session_secret(0)).is_ok());
    assert!(check("", &twin::session_secret(0)).unwrap_err().contains("access_token"));
    let told = check(&twin::token(0), twin::APP_SECRET).unwrap_err();
    assert!(told.contains("32 digits") && !told.contains(twin::APP_SECRET));
}
