//! The two logins: Instagram's own with its tokens of 60 days, and Facebook's with the accounts of the person's pages.

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use secrecy::ExposeSecret;

use super::login::LOGINS;
use super::twin::InstagramTwin;
use super::*;
use crate::login::{self, Facts, Nobody};
use crate::platform::person::{Ann, app};
use crate::platform::stage::plain;
use crate::platform::container_twin::{APP, Held, REDIRECT};
use crate::platform::stage::{Stage, content};
use crate::text::Text;

fn stage() -> (Stage, Arc<Mutex<InstagramTwin>>) {
    let twin = Arc::new(Mutex::new(InstagramTwin::default()));
    let mut stage = Stage::with_twin(&Network, 1, Box::new(Held(twin.clone())));
    stage.secrets.write().unwrap().clear();
    stage.account.settings = json!({});
    (stage, twin)
}

async fn post(stage: &Stage) -> Result<Receipt, Fault> {
    let picture = stage.file("crab.jpg", "image/jpeg", 100, Some("a crab"));
    stage.publish(&content(vec![(Text::plain("a"), vec![picture])])).await.map(|mut all| all.remove(0))
}

#[tokio::test]
async fn instagrams_own_login_posts_and_is_renewed() {
    let (mut stage, twin) = stage();
    let grant = Ann::new(&stage, false).enter(&stage, &LOGINS[0], app(APP, Some(REDIRECT))).await.unwrap();
    assert!(plain(&grant.secrets, "token").contains("long"), "the token of an hour was traded");
    assert_eq!(grant.facts.scopes.as_ref().unwrap().len(), 3, "Instagram says what it granted");
    assert!(!login::due(&LOGINS[0], &grant.facts, Utc::now()));
    assert!(login::due(&LOGINS[0], &grant.facts, Utc::now() + TimeDelta::days(8)), "a week later");
    *stage.secrets.write().unwrap() = grant.to_keep();
    let profile = Network.whoami(&stage.cx()).await.unwrap();
    assert_eq!((profile.id.as_str(), profile.handle.as_str()), ("17841400000000000", "@xpost.twin.0"));
    stage.account.remote_id = profile.id;
    stage.discover().await;
    assert_eq!(stage.account.about["quota"]["total"], 100);
    assert!(post(&stage).await.unwrap().url.is_some());
    assert!(Targets::targets(&Network, &stage.cx()).await.unwrap().is_empty(), "it is one account's");

    assert!(!Network.refresh(&stage.cx()).await.unwrap(), "it is younger than a day");
    twin.lock().unwrap().oauth.age(TimeDelta::days(2));
    let held = stage.secrets.read().unwrap().clone();
    let facts = Facts { renewed_at: Some(Utc::now() - TimeDelta::days(2)), ..Facts::among(&held).unwrap() };
    let cx = stage.cx();
    let renewed = login::renew(&cx.desk(&Nobody), &LOGINS[0], &held, &facts).await.unwrap().unwrap();
    assert_ne!(plain(&renewed.secrets, "token"), plain(&grant.secrets, "token"));
    *stage.secrets.write().unwrap() = renewed.to_keep();
    post(&stage).await.unwrap();
    let clean = stage.cx().door.redactor().clean(&format!("{:?}", stage.server.log()));
    for secret in [plain(&grant.secrets, "token"), plain(&renewed.secrets, "token"), APP.1.to_string()] {
        assert!(!clean.contains(&secret), "a secret can be shown");
    }
}

#[tokio::test]
async fn a_login_that_may_not_post_is_none() {
    let (stage, _twin) = stage();
    let fewer = Ann { bend: |address| address.replace("%2Cinstagram_business_content_publish", ""), ..Ann::new(&stage, false) };
    let fault = fewer.enter(&stage, &LOGINS[0], app(APP, Some(REDIRECT))).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Auth);
    assert!(fault.message.contains("instagram_business_content_publish"), "{fault}");
    let wrong = Ann::new(&stage, false).enter(&stage, &LOGINS[0], app((APP.0, "another-secret"), Some(REDIRECT))).await.unwrap_err();
    assert!(!wrong.message.contains("another-secret"), "{wrong}");
}

#[tokio::test]
async fn facebooks_login_posts_to_the_account_of_a_page() {
    let (mut stage, _twin) = stage();
    let parent = super::twin_facebook::APP;
    for redirect in [None, Some(REDIRECT)] {
        let grant = Ann::new(&stage, false).enter(&stage, &LOGINS[1], app(parent, redirect)).await.unwrap();
        assert!((grant.facts.access_ends.unwrap() - Utc::now()).num_days() >= 59, "it was traded for a longer one");
        *stage.secrets.write().unwrap() = grant.to_keep();
        stage.account.settings = json!({});
        let profile = Network.whoami(&stage.cx()).await.unwrap();
        assert_eq!((profile.handle.as_str(), profile.url), ("Ann Example", None));
        let nobody = post(&stage).await.unwrap_err();
        assert!(nobody.kind == Kind::Local && nobody.message.contains("xpost account targets"), "{nobody}");
        let offers = Targets::targets(&Network, &stage.cx()).await.unwrap();
        let open: Vec<&str> = offers.iter().filter(|offer| offer.not.is_none()).map(|offer| offer.name.as_str()).collect();
        assert_eq!((offers.len(), open), (3, vec!["xpost.twin.0"]));

        let person = grant.to_keep();
        let chosen = offers.into_iter().next().unwrap();
        assert!(!format!("{chosen:?}").contains(chosen.secrets["token"].expose_secret()));
        stage.account.settings = json!(chosen.settings);
        *stage.secrets.write().unwrap() = chosen.secrets;
        assert_eq!(Network.whoami(&stage.cx()).await.unwrap().handle, "@xpost.twin.0");
        let receipt = post(&stage).await.unwrap();
        Platform::delete(&Network).unwrap().delete(&stage.cx(), &receipt).await.unwrap();
        assert!(stage.timeline().is_empty());

        *stage.secrets.write().unwrap() = person.clone();
        stage.account.settings = json!({});
        let cx = stage.cx();
        assert!(login::revoke(&cx.desk(&Nobody), &LOGINS[1], &person, &grant.facts).await.unwrap());
        assert_eq!(Network.whoami(&stage.cx()).await.unwrap_err().kind, Kind::Auth);
    }
}

#[tokio::test]
async fn a_token_goes_to_no_host_of_the_other_login() {
    let (mut stage, _twin) = stage();
    *stage.secrets.write().unwrap() = super::twin::account(1).secrets;
    post(&stage).await.unwrap();
    assert!(stage.server.log().iter().all(|exchange| exchange.request.host == "graph.instagram.com"));
    stage.account.settings = json!({"via": "facebook", "user": 17_841_400_000_000_001_u64});
    assert_eq!(post(&stage).await.unwrap_err().kind, Kind::Auth, "a token of Instagram's is nothing to Facebook");
}

#[test]
fn the_version_in_the_addresses_is_the_one_that_is_spoken() {
    let crate::login::Flow::Code(flow) = LOGINS[1].flow else { panic!("it is no flow with a code") };
    for address in [flow.authorize, flow.token, flow.longer.unwrap().url] {
        assert!(address.contains(&format!("/{}/", graph::API.version)), "{address}");
    }
}
