//! The app in the browser, against the twin: the address that was landed on is pasted, tokens rotate, and are ended.

use chrono::Utc;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::super::Network;
use super::super::twin_oauth::{APP, APP_SECRET, BACK, ROTATING};
use super::*;
use crate::login::{self, App, Desk, Grant, Person, REFRESH, TOKEN};
use crate::net::{Door, DoorOptions, Fault, Kind, Redactor};
use crate::platform::Platform;
use crate::platform::person::{Ann, Landing};
use crate::platform::stage::{Stage, content};
use crate::text::Text;

/// Copies the address that the browser shows in the end, and gives up where Slack does not send it back.
fn sent_back(landing: &Landing) -> Result<String, Fault> {
    match &landing.page {
        Some(page) => Err(Fault::new(Kind::Rejected, page.reason())),
        None => Ok(landing.address.clone()),
    }
}

fn way() -> &'static Login {
    LOGINS.iter().find(|way| way.name == "browser").unwrap()
}

fn app(id: &str, secret: &str) -> Option<App> {
    Some(App { id: id.into(), secret: Some(SecretString::from(secret)), redirect: None, scopes: None })
}

struct Scene {
    stage: Stage,
    door: Door,
}

impl Scene {
    fn new() -> Scene {
        let stage = Stage::new(&Network, 0);
        let options = DoorOptions { mirror: Some(stage.server.url().parse().unwrap()), ..DoorOptions::default() };
        Scene { door: Door::new(options, Redactor::default()).unwrap(), stage }
    }

    fn person(&self) -> Ann {
        Ann { paste: sent_back, ..Ann::new(&self.stage, true) }.types(&[BACK])
    }

    fn desk<'a>(&'a self, person: &'a dyn Person, app: Option<App>) -> Desk<'a> {
        Desk {
            door: &self.door,
            account: "work",
            title: "Slack",
            server: "https://slack.com",
            settings: &Value::Null,
            app,
            person,
        }
    }

    async fn enter(&self, app: Option<App>) -> Result<Grant, Fault> {
        let person = self.person();
        let grant = login::enter(&self.desk(&person, app), way()).await;
        let asked = person.asked();
        assert!(asked[0].contains("redirect address"), "{asked:?}");
        assert!(asked[1..].iter().all(|what| what == "paste the address"), "{asked:?}");
        grant
    }

    /// Posts with what the login gave.
    async fn posts(&self, grant: &Grant) -> Result<(), Fault> {
        let token = grant.secrets[TOKEN].clone();
        self.stage.secrets.write().unwrap().insert("token".into(), token);
        let draft = content(vec![(Text::plain("Hello"), Vec::new())]);
        self.stage.publish(&draft).await.map(drop)
    }
}

#[tokio::test]
async fn an_app_is_installed_through_the_browser() {
    let scene = Scene::new();
    let grant = scene.enter(app(APP, APP_SECRET)).await.unwrap();
    assert!(grant.secrets[TOKEN].expose_secret().starts_with("xoxb-") && !grant.secrets.contains_key(REFRESH));
    assert_eq!((grant.facts.access_ends, grant.facts.client_id.as_str()), (None, APP));
    assert_eq!(login::missing_scopes(way(), &grant.facts), []);
    scene.posts(&grant).await.unwrap();
    let person = scene.person();
    let desk = scene.desk(&person, None);
    // a token that does not end has nothing to be renewed with
    assert!(login::renew(&desk, way(), &grant.secrets, &grant.facts).await.unwrap().is_none());
    assert!(login::revoke(&desk, way(), &grant.secrets, &grant.facts).await.unwrap());
    let fault = scene.posts(&grant).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Auth, Some("token_revoked")));
}

#[tokio::test]
async fn tokens_that_rotate_are_renewed_once_with_each_refresh_token() {
    let scene = Scene::new();
    let first = scene.enter(app(ROTATING, APP_SECRET)).await.unwrap();
    let left = first.facts.access_ends.unwrap() - Utc::now();
    assert!((11..=12).contains(&left.num_hours()), "{left}");
    scene.posts(&first).await.unwrap();
    scene.stage.server.expire_sessions("slack");
    let fault = scene.posts(&first).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Auth, Some("token_expired")));
    let person = scene.person();
    let desk = scene.desk(&person, None);
    let second = login::renew(&desk, way(), &first.secrets, &first.facts).await.unwrap().unwrap();
    assert_ne!(second.secrets[REFRESH].expose_secret(), first.secrets[REFRESH].expose_secret());
    scene.posts(&second).await.unwrap();
    let fault = login::renew(&desk, way(), &first.secrets, &first.facts).await.err().unwrap();
    assert_eq!(fault.kind, Kind::Auth, "{fault}");
    let mut held = first.secrets.clone();
    held.extend(second.secrets.clone());
    assert!(login::revoke(&desk, way(), &held, &second.facts).await.unwrap());
    assert_eq!(scene.posts(&second).await.unwrap_err().code.as_deref(), Some("token_revoked"));
}

#[tokio::test]
async fn a_wrong_app_is_told_as_such() {
    let scene = Scene::new();
    let fault = scene.enter(app(APP, "not-the-secret")).await.err().unwrap();
    assert_eq!(fault.code.as_deref(), Some("bad_client_secret"), "{fault}");
    assert!(!fault.message.contains("not-the-secret"), "{fault}");
    let fault = scene.enter(app("0.0", APP_SECRET)).await.err().unwrap();
    assert!(fault.message.contains("Invalid client_id"), "{fault}");
}

#[test]
fn tokens_and_addresses_are_looked_at_first() {
    let token = |token: &str| whole_token(&Secrets::from([("token".to_string(), SecretString::from(token))]));
    for good in ["xoxb-1-2-abc", " xoxp-1-2\n", "xoxe.xoxb-1-abc"] {
        assert_eq!(token(good), Ok(()), "{good}");
    }
    for wrong in ["", "xoxb-", "Bearer xoxb-1", "xoxb-1 2"] {
        assert!(token(wrong).unwrap_err().contains("wrong shape"), "{wrong}");
    }
    assert!(token("xapp-1-abc").unwrap_err().contains("Bot User OAuth Token"));
    assert!(token("https://hooks.slack.com/services/T1/B2/x").unwrap_err().contains("--with webhook"));
    let address = |text: &str| whole_address(&Secrets::from([("webhook".to_string(), SecretString::from(text))]));
    assert_eq!(address("https://hooks.slack.com/services/T1/B2/abc"), Ok(()));
    assert_eq!(address("http://127.0.0.1:4000/services/T1/B2/abc"), Ok(()));
    assert!(address("https://evil.example/services/T1/B2/abc").is_err());
    assert!(whole_address(&Secrets::new()).is_err());
}

#[test]
fn the_ways_of_the_network_are_these() {
    assert_eq!(Network.logins().iter().map(|way| way.name).collect::<Vec<_>>(), ["token", "webhook", "browser"]);
}
