//! The way in, against the twin: scopes with commas, the challenge in hexadecimal, renewal, revocation.

use super::login::{LOGINS, SCOPES};
use super::twin_oauth;
use super::*;
use crate::login::{self, App, Facts, Grant, Nobody};
use crate::platform::person::Ann;
use crate::platform::stage::{Stage, plain};
use crate::twin::{Inject, What};

fn stage() -> Stage {
    Stage::new(&Network, 0).logged_out()
}

async fn enter(stage: &Stage, way: usize, secret: &str, bend: fn(&str) -> String) -> Result<Grant, Fault> {
    let ann = Ann { bend, ..Ann::new(stage, true) };
    let app = App { id: twin_oauth::KEY.into(), secret: Some(secret.into()), ..App::default() };
    let grant = ann.enter(stage, &LOGINS[way], Some(app)).await;
    assert_eq!(ann.asked(), [""; 0], "all is known");
    let address = &ann.visited()[0];
    assert!(address.starts_with("https://www.tiktok.com/v2/auth/authorize/?"), "{address}");
    assert!(
        address.contains(&format!("client_key={}", twin_oauth::KEY)) && !address.contains("client_id="),
        "{address}"
    );
    grant
}

#[tokio::test]
async fn through_the_browser_renewed_and_out_again() {
    let stage = stage();
    let grant = enter(&stage, 0, twin_oauth::SECRET, str::to_string).await.unwrap();
    let facts = &grant.facts;
    assert_eq!(facts.scopes.as_ref().unwrap().join(" "), "user.info.basic video.publish video.upload video.list");
    assert_eq!(facts.subject, "-000twin-open-id-0");
    let left = |end: Option<chrono::DateTime<chrono::Utc>>| (end.unwrap() - chrono::Utc::now()).num_seconds();
    assert!((twin_oauth::ACCESS - left(facts.access_ends)).abs() < 60);
    assert!((twin_oauth::REFRESH - left(facts.refresh_ends)).abs() < 60);
    stage.keep(&grant);
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap().handle, "@ann0");

    stage.server.inject(Inject::new(What::ExpireSessions));
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap_err().kind, Kind::Auth);
    assert!(Network.refresh(&stage.cx()).await.unwrap());
    Network.whoami(&stage.cx()).await.unwrap();
    let renewed = stage.secrets.read().unwrap().clone();
    assert_ne!(plain(&renewed, "refresh_token"), plain(&grant.secrets, "refresh_token"));
    assert_eq!(Facts::among(&renewed).unwrap().scopes, grant.facts.scopes);
    // the old refresh token was good once
    let cx = stage.cx();
    let fault = login::renew(&cx.desk(&Nobody), &LOGINS[0], &grant.to_keep(), &grant.facts).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Auth);

    let facts = Facts::among(&renewed).unwrap();
    assert!(login::revoke(&cx.desk(&Nobody), &LOGINS[0], &renewed, &facts).await.unwrap());
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap_err().kind, Kind::Auth);
    let clean = stage.clean_log();
    for name in ["token", "refresh_token", "client_secret"] {
        assert!(!clean.contains(&plain(&renewed, name)), "{name}");
    }
}

#[tokio::test]
async fn a_login_for_drafts_sends_drafts_alone() {
    let mut stage = stage();
    let grant = enter(&stage, 1, twin_oauth::SECRET, str::to_string).await.unwrap();
    assert_eq!(grant.facts.scopes.as_ref().unwrap().join(" "), "user.info.basic video.upload");
    stage.keep(&grant);
    let profile = Network.whoami(&stage.cx()).await.unwrap();
    assert_eq!((profile.handle.as_str(), profile.url), ("Ann 0", None));
    stage.discover().await;
    let mut film = stage.file("crab.mp4", "video/mp4", 100, None);
    std::fs::write(&film.media.path, [b"\0\0\0\x18ftypisom".as_slice(), &[7; 88]].concat()).unwrap();
    (film.media.width, film.media.height) = (Some(720), Some(1280));
    let draft = crate::platform::stage::content(vec![(crate::text::Text::plain("x"), vec![film])]);
    let fault = stage.publish(&draft).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Forbidden, Some("scope_not_authorized")));
    stage.account.settings = json!({"draft": true});
    stage.publish(&draft).await.unwrap();
    assert_eq!(stage.timeline().len(), 1);
}

#[tokio::test]
async fn tiktok_is_heard_when_it_says_no() {
    let stage = stage();
    let fault = enter(&stage, 0, "another secret", str::to_string).await.unwrap_err();
    assert!(fault.kind == Kind::Auth && !fault.message.contains("another secret"), "{fault}");
    // fewer permissions than can be done without, and one that can
    let fewer =
        enter(&stage, 0, twin_oauth::SECRET, |address| address.replace("video.publish%2C", "")).await.unwrap_err();
    assert!(fewer.message.contains("`video.publish` (to post)"), "{fewer}");
    let some = enter(&stage, 0, twin_oauth::SECRET, |address| address.replace("%2Cvideo.list", "")).await.unwrap();
    let granted = some.facts.scopes.unwrap();
    let missing: Vec<&str> = SCOPES.iter().filter(|scope| !scope.held(&granted)).map(|scope| scope.name).collect();
    assert_eq!(missing, ["video.list"]);
}
