//! The way in by browser, against the twin, and the pages that it leads to.

use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::json;

use super::super::twin::{self, page_id};
use super::super::{Network, twin_oauth};
use super::*;
use crate::login::{self, App, Desk, Facts, Grant, Nobody, Person};
use crate::net::{Door, DoorOptions, Effect, Fault, Kind, Redactor, Request};
use crate::platform::stage::{Stage, content};
use crate::platform::{Platform, TargetOffer, graph};
use crate::text::Text;
use crate::twin::Server;

/// A person whose browser knows the twin, and who agrees to everything.
struct Ann {
    mirror: String,
    /// Whether his browser is on this machine; else he pastes the address that he landed on.
    here: bool,
    visited: Mutex<String>,
    bend: fn(&str) -> String,
}

impl Ann {
    fn new(server: &Server, here: bool) -> Ann {
        Ann { mirror: server.url(), here, visited: Mutex::default(), bend: str::to_string }
    }

    /// Opens an address and follows it, to the listener or to a page; gives the last address and what it shows.
    async fn open(mirror: String, mut address: String) -> (String, String) {
        let door = Door::new(DoorOptions::default(), Redactor::default()).unwrap();
        loop {
            if address.starts_with(twin_oauth::REDIRECT) {
                return (address, String::new());
            }
            let real = address.replace("https://www.facebook.com", &format!("{mirror}/www.facebook.com"));
            let answer = door.send(Request::get(real)).await.unwrap();
            match answer.header("location") {
                Some(to) => address = to.to_string(),
                None => return (address, String::from_utf8(answer.body).unwrap()),
            }
        }
    }
}

#[async_trait]
impl Person for Ann {
    fn browser(&self) -> bool {
        self.here
    }
    fn visit(&self, address: &str, _: Option<&str>) {
        let address = (self.bend)(address);
        self.visited.lock().unwrap().clone_from(&address);
        if self.here {
            tokio::spawn(Ann::open(self.mirror.clone(), address));
        }
    }
    fn enter_code(&self, _: &str, _: &str, _: Option<&str>, _: chrono::DateTime<Utc>) {
        panic!("there is no such flow here");
    }
    async fn ask(&self, _: &str, _: bool) -> Result<SecretString, Fault> {
        let address = self.visited.lock().unwrap().clone();
        Ok(Ann::open(self.mirror.clone(), address).await.0.into())
    }
    fn say(&self, _: &str) {}
}

fn app(secret: &str) -> App {
    App {
        id: twin::APP.into(),
        secret: Some(secret.to_string().into()),
        redirect: Some(twin_oauth::REDIRECT.into()),
        scopes: None,
    }
}

fn stage() -> Stage {
    let mut stage = Stage::new(&Network, 0);
    stage.secrets.write().unwrap().clear();
    stage.account.settings = json!({});
    stage
}

async fn enter(stage: &Stage, person: &Ann, secret: &str) -> Result<Grant, Fault> {
    let cx = stage.cx();
    let redirect = (!person.here).then(|| twin_oauth::REDIRECT.to_string());
    let desk = Desk { app: Some(App { redirect, ..app(secret) }), ..cx.desk(person) };
    login::enter(&desk, &LOGINS[0]).await
}

async fn offers(stage: &Stage) -> Vec<TargetOffer> {
    Network.targets().unwrap().targets(&stage.cx()).await.unwrap()
}

#[tokio::test]
async fn through_the_browser_to_the_pages_and_out_again() {
    for here in [true, false] {
        let mut stage = stage();
        let grant = enter(&stage, &Ann::new(&stage.server, here), twin_oauth::SECRET).await.unwrap();
        let left = grant.facts.access_ends.unwrap() - Utc::now();
        assert!((twin_oauth::LONG - left).abs() < TimeDelta::minutes(1), "the long-lived token is kept, {left}");
        assert_eq!(grant.facts.client_id, twin::APP);
        *stage.secrets.write().unwrap() = grant.to_keep();
        assert_eq!(Network.whoami(&stage.cx()).await.unwrap().handle, "Ann Twin");

        let offers = offers(&stage).await;
        let names: Vec<(&str, bool)> = offers.iter().map(|offer| (offer.name.as_str(), offer.not.is_none())).collect();
        assert_eq!(names, [("twin-page-0", true), ("twin-page-1", true), ("twin-page-7", false), ("twin-page-8", false)]);
        assert_eq!(offers[1].settings["app_id"], twin::APP);
        assert!(offers[2].secrets.is_empty() && offers[2].not.as_ref().unwrap().contains("may not create"));

        // the page's token is enough to post, also after the person's has gone
        let held = grant.to_keep();
        let cx = stage.cx();
        assert!(login::revoke(&cx.desk(&Nobody), &LOGINS[0], &held, &grant.facts).await.unwrap());
        assert_eq!(Network.whoami(&stage.cx()).await.unwrap_err().kind, Kind::Auth);
        stage.account.settings = json!(offers[1].settings);
        *stage.secrets.write().unwrap() = offers[1].secrets.clone();
        let who = Network.whoami(&stage.cx()).await.unwrap();
        assert_eq!((who.id, who.handle.as_str()), (page_id(1), "Twin Page 1"));
        let receipts = stage.publish(&content(vec![(Text::plain("a"), vec![])])).await.unwrap();
        assert!(receipts[0].id.starts_with(&page_id(1)));
        assert!(!Network.refresh(&stage.cx()).await.unwrap(), "it does not end");
        assert!(self::offers(&stage).await.is_empty(), "a page has no pages");

        let clean = stage.cx().door.redactor().clean(&format!("{:?}", stage.server.log()));
        assert!(!clean.contains(twin_oauth::SECRET));
        for secret in grant.secrets.values() {
            assert!(!clean.contains(secret.expose_secret()));
        }
    }
}

#[tokio::test]
async fn a_person_s_token_cannot_post() {
    let mut stage = stage();
    let grant = enter(&stage, &Ann::new(&stage.server, true), twin_oauth::SECRET).await.unwrap();
    *stage.secrets.write().unwrap() = grant.to_keep();
    stage.account.settings = json!({"page": page_id(0)});
    let fault = stage.publish(&content(vec![(Text::plain("a"), vec![])])).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Forbidden, Effect::None));
    assert!(fault.message.contains("xpost account targets"), "{fault}");
}

#[tokio::test]
async fn what_is_wrong_with_the_app_is_said() {
    let stage = stage();
    let fault = enter(&stage, &Ann::new(&stage.server, true), "wrong").await.unwrap_err();
    assert_eq!(fault.effect, Effect::None);
    assert!(fault.message.contains("secret") && !fault.message.contains("wrong\""), "{fault}");
    // a code is good once, for its own address, and so long as the twin says
    let first = Ann::new(&stage.server, false);
    enter(&stage, &first, twin_oauth::SECRET).await.unwrap();
    let code = |address: &str| address.split("code=").nth(1).unwrap().split(['&', '#']).next().unwrap().to_string();
    let visited = first.visited.lock().unwrap().clone();
    let landed = Ann::open(stage.server.url(), visited).await.0;
    assert!(landed.ends_with("#_=_"), "{landed}");
    let exchange = |code: &str, redirect: &str| {
        Request::get(format!("{}/graph.facebook.com/v26.0/oauth/access_token", stage.server.url()))
            .query("client_id", twin::APP)
            .query("client_secret", twin_oauth::SECRET)
            .query("code", code)
            .query("redirect_uri", redirect)
    };
    let door = Door::new(DoorOptions::default(), Redactor::default()).unwrap();
    let code = code(&landed);
    for (redirect, subcode) in [("http://localhost:1/callback", Some(36_008)), (twin_oauth::REDIRECT, None), (twin_oauth::REDIRECT, Some(36_009))] {
        let answer = door.send(exchange(&code, redirect)).await.unwrap();
        assert_eq!(answer.value()["error"]["error_subcode"].as_i64(), subcode, "{redirect}");
    }
    let page = Ann::open(stage.server.url(), "https://www.facebook.com/v26.0/dialog/oauth?client_id=1".into()).await.1;
    assert!(page.contains("Invalid App ID"), "{page}");
    let evil = format!(
        "https://www.facebook.com/v26.0/dialog/oauth?client_id={}&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&response_type=code&state=s",
        twin::APP
    );
    assert!(Ann::open(stage.server.url(), evil).await.1.contains("URL Blocked"), "only by the name localhost");
}

#[test]
fn the_addresses_are_of_the_version_that_is_spoken() {
    let version = format!("/{}/", graph::API.version);
    for address in [BROWSER.authorize, BROWSER.token, BROWSER.longer.unwrap().url] {
        assert!(address.contains(&version), "{address}");
    }
}

#[test]
fn a_token_is_one_long_word() {
    let check = |token: &str| one_word(&Secrets::from([("token".to_string(), SecretString::from(token))]));
    assert_eq!(check(" EAAGm0PX4ZCpsBAKZCGY0abcdef \n"), Ok(()));
    for wrong in ["", "short", "123456789012345|abcdefghijklmnopqrst", "EAAGm0PX4ZCpsBAKZ CGY0abcdef"] {
        let why = check(wrong).unwrap_err();
        assert!(wrong.is_empty() || !why.contains(wrong), "{why}");
    }
    assert_eq!(Facts::among(&Secrets::new()), None);
}
