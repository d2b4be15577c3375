//! The older login by browser, the rights that it asks for, and what it can post to.

use secrecy::{ExposeSecret, SecretString};

use super::twin_oauth::{CLIENT, CLIENT_SECRET, REDIRECT};
use super::*;
use crate::login::{self, App, Grant, TOKEN};
use crate::net::Kind;
use crate::platform::person::Ann;
use crate::platform::stage::{Stage, content};
use crate::text::Text;

const NET: &dyn Platform = &Network;

async fn enter(stage: &Stage, ann: &Ann, secret: &str) -> Result<Grant, Fault> {
    let app = App {
        id: CLIENT.into(),
        secret: Some(SecretString::from(secret.to_string())),
        redirect: Some(REDIRECT.into()),
        scopes: None,
    };
    let way = Network.logins().iter().find(|way| way.name == "browser").unwrap();
    ann.enter(stage, way, Some(app)).await
}

#[tokio::test]
async fn an_older_app_logs_a_user_in_who_posts_to_what_he_edits() {
    let mut stage = Stage::new(&Network, 0);
    let grant = enter(&stage, &Ann::new(&stage, true), CLIENT_SECRET).await.unwrap();
    assert_eq!(grant.facts.access_ends, None, "`expires_in` is 0: it does not end");
    stage.keep(&grant);
    stage.account.settings = json!({});
    let offers = NET.targets().unwrap().targets(&stage.cx()).await.unwrap();
    let offers: Vec<(&str, Value)> = offers.iter().map(|one| (one.name.as_str(), one.settings["group"].clone())).collect();
    assert_eq!(offers, [("ann-twin-0", Value::Null), ("xpost-twin-0", json!("200000000"))]);
    stage.discover().await;
    assert_eq!(stage.account.about["community"], false);
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap().handle, "@ann_twin_0");
    let receipts = stage.publish(&content(vec![(Text::plain("mine"), vec![])])).await.unwrap();
    assert_eq!(receipts[0].url.as_deref(), Some("https://vk.com/wall7000000_1"));
    stage.account.settings = json!({"group": "club200000000"});
    stage.discover().await;
    let pictures = vec![stage.file("a.png", "image/png", 10, None)];
    let receipts = stage.publish(&content(vec![(Text::plain("ours"), pictures)])).await.unwrap();
    assert_eq!(receipts[0].id, "-200000000_2");
    assert_eq!(stage.timeline()[1].account, "club200000000", "in the community's name");
    assert!(!Network.refresh(&stage.cx()).await.unwrap(), "there is nothing to renew");
    let shown = stage.clean_log();
    for secret in [grant.secrets[TOKEN].expose_secret(), CLIENT_SECRET] {
        assert!(!shown.contains(secret));
    }
}

#[tokio::test]
async fn what_vk_refuses_at_the_login_is_said() {
    let stage = Stage::new(&Network, 0);
    let fault = enter(&stage, &Ann::new(&stage, true), "another-protected-key").await.unwrap_err();
    assert!(matches!(fault.kind, Kind::Auth | Kind::Rejected | Kind::Forbidden), "{fault:?}");
    let elsewhere = Ann { bend: |address| address.replace("xpost&", "other&"), ..Ann::new(&stage, true) };
    assert!(enter(&stage, &elsewhere, CLIENT_SECRET).await.is_err(), "a redirect that is not registered");
    let stolen = Ann { back: |address| address.replace("state=", "state=x"), ..Ann::new(&stage, true) };
    assert_eq!(enter(&stage, &stolen, CLIENT_SECRET).await.unwrap_err().kind, Kind::Auth);
}

#[tokio::test]
async fn a_token_that_may_not_upload_is_known_when_a_draft_is_checked() {
    let mut stage = Stage::new(&Network, 0);
    let narrow = Ann { bend: |address| address.replace("photos%2C", "").replace("%2Cdocs", ""), ..Ann::new(&stage, true) };
    let grant = enter(&stage, &narrow, CLIENT_SECRET).await.unwrap();
    stage.keep(&grant);
    stage.account.settings = json!({});
    stage.discover().await;
    let one = |mime: &str| stage.render(&content(vec![(Text::plain("x"), vec![stage.file("a.bin", mime, 9, None)])])).problems;
    assert!(one("image/png")[0].message.contains("lacks the right `photos`"), "{:?}", one("image/png"));
    assert!(one("application/pdf")[0].message.contains("lacks the right `docs`"));
    assert_eq!(one("video/mp4"), []);
}

#[test]
fn a_login_that_cannot_post_is_refused_before_it_is_kept() {
    let login::Flow::Typed(typed) = Network.logins()[0].flow else { panic!("typed") };
    let check = |token: &str| (typed.check.unwrap())(&[("token".to_string(), SecretString::from(token))].into());
    assert!(check(&twin::community_key(0)).is_ok());
    assert!(check(twin::VK_ID).unwrap_err().contains("VK ID"));
    assert!(check("https://oauth.vk.com/blank.html#access_token=vk1.a.x").unwrap_err().contains("whole address"));
    let told = check("vk1.a.two words").unwrap_err();
    assert!(told.contains("copy it whole") && !told.contains("words"));
}
