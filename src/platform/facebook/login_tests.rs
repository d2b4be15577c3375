//! The way in by browser, against the twin, and the pages that it leads to.

use chrono::{TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::json;

use super::super::twin::{self, page_id};
use super::super::{Network, twin_oauth};
use super::*;
use crate::login::{self, App, Facts, Grant, Nobody};
use crate::net::{Effect, Fault, Kind, Request};
use crate::platform::person::Ann;
use crate::platform::stage::{Stage, content};
use crate::platform::{Platform, TargetOffer, graph};
use crate::text::Text;

fn app(secret: &str) -> App {
    App {
        id: twin::APP.into(),
        secret: Some(secret.to_string().into()),
        redirect: Some(twin_oauth::REDIRECT.into()),
        scopes: None,
    }
}

fn stage() -> Stage {
    Stage::new(&Network, 0).blank()
}

async fn enter(stage: &Stage, person: &Ann, secret: &str) -> Result<Grant, Fault> {
    let redirect = (!person.here).then(|| twin_oauth::REDIRECT.to_string());
    person.enter(stage, &LOGINS[0], Some(App { redirect, ..app(secret) })).await
}

async fn offers(stage: &Stage) -> Vec<TargetOffer> {
    Network.targets().unwrap().targets(&stage.cx()).await.unwrap()
}

#[tokio::test]
async fn through_the_browser_to_the_pages_and_out_again() {
    for here in [true, false] {
        let mut stage = stage();
        let grant = enter(&stage, &Ann::new(&stage, here), twin_oauth::SECRET).await.unwrap();
        let left = grant.facts.access_ends.unwrap() - Utc::now();
        assert!((twin_oauth::LONG - left).abs() < TimeDelta::minutes(1), "the long-lived token is kept, {left}");
        assert_eq!(grant.facts.client_id, twin::APP);
        stage.keep(&grant);
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

        let clean = stage.clean_log();
        assert!(!clean.contains(twin_oauth::SECRET));
        for secret in grant.secrets.values() {
            assert!(!clean.contains(secret.expose_secret()));
        }
    }
}

#[tokio::test]
async fn a_person_s_token_cannot_post() {
    let mut stage = stage();
    let grant = enter(&stage, &Ann::new(&stage, true), twin_oauth::SECRET).await.unwrap();
    stage.keep(&grant);
    stage.account.settings = json!({"page": page_id(0)});
    let fault = stage.publish(&content(vec![(Text::plain("a"), vec![])])).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Forbidden, Effect::None));
    assert!(fault.message.contains("xpost account targets"), "{fault}");
}

#[tokio::test]
async fn what_is_wrong_with_the_app_is_said() {
    let stage = stage();
    let fault = enter(&stage, &Ann::new(&stage, true), "wrong").await.unwrap_err();
    assert_eq!(fault.effect, Effect::None);
    assert!(fault.message.contains("secret") && !fault.message.contains("wrong\""), "{fault}");
    // a code is good once, for its own address, and so long as the twin says
    let first = Ann::new(&stage, false);
    enter(&stage, &first, twin_oauth::SECRET).await.unwrap();
    let code = |address: &str| address.split("code=").nth(1).unwrap().split(['&', '#']).next().unwrap().to_string();
    let landed = first.open(&first.visited()[0]).await.address;
    assert!(landed.ends_with("#_=_"), "{landed}");
    let exchange = |code: &str, redirect: &str| {
        Request::get(format!("{}/graph.facebook.com/v26.0/oauth/access_token", stage.server.url()))
            .query("client_id", twin::APP)
            .query("client_secret", twin_oauth::SECRET)
            .query("code", code)
            .query("redirect_uri", redirect)
    };
    let code = code(&landed);
    for (redirect, subcode) in [("http://localhost:1/callback", Some(36_008)), (twin_oauth::REDIRECT, None), (twin_oauth::REDIRECT, Some(36_009))] {
        let answer = first.door.send(exchange(&code, redirect)).await.unwrap();
        assert_eq!(answer.value()["error"]["error_subcode"].as_i64(), subcode, "{redirect}");
    }
    let page = first.open("https://www.facebook.com/v26.0/dialog/oauth?client_id=1").await.words();
    assert!(page.contains("Invalid App ID"), "{page}");
    let evil = format!(
        "https://www.facebook.com/v26.0/dialog/oauth?client_id={}&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&response_type=code&state=s",
        twin::APP
    );
    assert!(first.open(&evil).await.words().contains("URL Blocked"), "only by the name localhost");
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
