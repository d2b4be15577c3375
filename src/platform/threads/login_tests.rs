//! The login: a code that is good once, a token of an hour, one of 60 days, and that renewed.

use std::sync::{Arc, Mutex};

use chrono::{TimeDelta, Utc};
use serde_json::Value;

use super::login::LOGINS;
use super::twin::ThreadsTwin;
use super::*;
use crate::login::{self, Facts, Nobody};
use crate::platform::person::{Ann, app};
use crate::platform::stage::plain;
use crate::platform::container_twin::{APP, Held, REDIRECT};
use crate::platform::stage::{Stage, content};
use crate::text::Text;

fn stage() -> (Stage, Arc<Mutex<ThreadsTwin>>) {
    let twin = Arc::new(Mutex::new(ThreadsTwin::default()));
    let stage = Stage::with_twin(&Network, 0, Box::new(Held(twin.clone())));
    stage.secrets.write().unwrap().clear();
    (stage, twin)
}

#[tokio::test]
async fn from_the_browser_to_a_post_and_a_renewed_token() {
    let (mut stage, twin) = stage();
    let ann = Ann::new(&stage, false);
    let grant = ann.enter(&stage, &LOGINS[0], app(APP, Some(REDIRECT))).await.unwrap();
    assert_eq!(ann.asked(), ["paste the address"]);
    assert!(plain(&grant.secrets, "token").contains("long"), "the token of an hour was traded");
    let left = grant.facts.access_ends.unwrap() - Utc::now();
    assert!((TimeDelta::days(60) - left).num_minutes().abs() < 5, "{left}");
    assert!(!login::due(&LOGINS[0], &grant.facts, Utc::now()));
    assert!(login::due(&LOGINS[0], &grant.facts, Utc::now() + TimeDelta::days(8)), "a week later");

    *stage.secrets.write().unwrap() = grant.to_keep();
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap().handle, "@xpost_twin_0");
    stage.discover().await;
    assert_eq!(stage.account.about["quota"]["total"], 250);
    let receipts = stage.publish(&content(vec![(Text::plain("a"), Vec::new()), (Text::plain("b"), Vec::new())])).await.unwrap();
    let mut post = stage.posts(&content(vec![(Text::plain("b"), Vec::new())])).remove(0);
    post.parent = Some(receipts[0].clone());
    let find = Platform::find(&Network).unwrap();
    let found = find.find(&stage.cx(), &post, &Value::Null, Utc::now() - TimeDelta::minutes(1)).await.unwrap();
    assert_eq!(found, Found::Yes(receipts[1].clone()));
    Platform::delete(&Network).unwrap().delete(&stage.cx(), &receipts[1]).await.unwrap();

    assert!(!Network.refresh(&stage.cx()).await.unwrap(), "it is younger than a day");
    twin.lock().unwrap().oauth.age(TimeDelta::days(2));
    let mut facts = Facts::among(&stage.secrets.read().unwrap()).unwrap();
    facts.renewed_at = Some(Utc::now() - TimeDelta::days(2));
    let held = stage.secrets.read().unwrap().clone();
    let cx = stage.cx();
    let renewed = login::renew(&cx.desk(&Nobody), &LOGINS[0], &held, &facts).await.unwrap().unwrap();
    assert_ne!(plain(&renewed.secrets, "token"), plain(&grant.secrets, "token"));
    *stage.secrets.write().unwrap() = renewed.to_keep();
    Network.whoami(&stage.cx()).await.unwrap();

    twin.lock().unwrap().oauth.age(TimeDelta::days(61));
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap_err().kind, Kind::Auth);
    facts = Facts::among(&renewed.to_keep()).unwrap();
    facts.renewed_at = Some(Utc::now() - TimeDelta::days(61));
    let cx = stage.cx();
    let fault = login::renew(&cx.desk(&Nobody), &LOGINS[0], &renewed.to_keep(), &facts).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Auth, "{fault}");

    let clean = stage.cx().door.redactor().clean(&format!("{:?}", stage.server.log()));
    for secret in [plain(&grant.secrets, "token"), plain(&renewed.secrets, "token"), APP.1.to_string()] {
        assert!(!clean.contains(&secret), "a secret can be shown");
    }
}

#[tokio::test]
async fn what_the_login_refuses() {
    let (stage, _twin) = stage();
    let wrong_secret = Ann::new(&stage, false).enter(&stage, &LOGINS[0], app((APP.0, "another-secret"), Some(REDIRECT))).await.unwrap_err();
    assert!(!wrong_secret.message.contains("another-secret"), "{wrong_secret}");
    assert_eq!(wrong_secret.effect, Effect::None);
    let fewer = Ann { bend: |address| address.replace("threads_content_publish", "threads_basic"), ..Ann::new(&stage, false) };
    // Threads does not say what it granted: what is missing shows when it is used
    let grant = fewer.enter(&stage, &LOGINS[0], app(APP, Some(REDIRECT))).await.unwrap();
    *stage.secrets.write().unwrap() = grant.to_keep();
    let fault = stage.publish(&content(vec![(Text::plain("a"), Vec::new())])).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Forbidden, Some("10")));
    // the page says why, and there is no address but that of a person who gave up
    let lost = Ann { paste: |_| Ok("https://xpost.example/callback?error=no".into()), ..Ann::new(&stage, false) };
    let elsewhere = lost.enter(&stage, &LOGINS[0], app(APP, Some("https://xpost.example/other"))).await.unwrap_err();
    assert_eq!(elsewhere.kind, Kind::Auth, "{elsewhere}");
    let forged = Ann { back: |landed| landed.replace("state=", "state=x"), ..Ann::new(&stage, false) };
    assert_eq!(forged.enter(&stage, &LOGINS[0], app(APP, Some(REDIRECT))).await.unwrap_err().kind, Kind::Auth);
}
