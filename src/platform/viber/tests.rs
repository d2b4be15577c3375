//! What the wire files do not show: texts that stand apart, refusals, the webhook.

use serde_json::{Value, json};

use super::twin::{self, Viber};
use super::*;
use crate::login::Grant;
use crate::net::Effect;
use crate::platform::person::Ann;
use crate::platform::stage::{Stage, answer, content};
use crate::platform::{Content, MediaUse};
use crate::text::Text;

async fn discovered() -> Stage {
    let mut stage = Stage::new(&Network, 0);
    stage.discover().await;
    stage
}

fn film(stage: &Stage) -> MediaUse {
    let mut film = stage.file("crab.mp4", "video/mp4", 1000, None);
    film.media.about.millis = Some(4100);
    film
}

fn types(stage: &Stage, draft: &Content) -> Vec<Value> {
    let rendered = stage.render(draft);
    assert_eq!(rendered.problems, []);
    rendered.parts.iter().map(|part| part.payload["type"].clone()).collect()
}

#[tokio::test]
async fn a_text_that_finds_no_room_stands_before() {
    let stage = discovered().await;
    let picture = stage.file("crab.jpg", "image/jpeg", 1000, None);
    let draft = |words: &str, one: &MediaUse| content(vec![(Text::plain(words), vec![one.clone()])]);
    assert_eq!(types(&stage, &draft(&"x".repeat(512), &picture)), ["picture"]);
    assert_eq!(types(&stage, &draft(&"x".repeat(513), &picture)), ["text", "picture"]);
    assert_eq!(types(&stage, &draft("", &film(&stage))), ["video"]);
    assert_eq!(types(&stage, &draft("x", &film(&stage))), ["text", "video"]);
    assert_eq!(types(&stage, &draft("x", &stage.file("a.pdf", "application/pdf", 9, None))), ["text", "file"]);
    let long = stage.render(&draft(&"x".repeat(7001), &picture));
    assert_eq!(long.problems.len(), 1, "{:?}", long.problems);
    assert!(long.problems[0].message.contains("7001 characters, 7000 are allowed"), "{:?}", long.problems);
    // characters of four bytes fit into a request, too
    let wide = stage.render(&content(vec![(Text::plain("🦀".repeat(7000)), Vec::new())]));
    assert_eq!(wide.problems.len(), 0, "{:?}", wide.problems);
    let mut asked = draft(&"x".repeat(513), &picture);
    asked.overflow = Some(crate::draft::Overflow::Refuse);
    assert!(stage.render(&asked).problems[0].message.contains("513 characters, 512 are allowed beside media"));

    stage.publish(&draft("two posts", &film(&stage))).await.unwrap();
    let seen = stage.timeline();
    assert_eq!((seen.len(), seen[0].text.as_str(), seen[1].text.as_str()), (2, "two posts", ""));
    assert_eq!((&seen[1].extra["duration"], seen[1].media[0].bytes), (&json!(5), 1000));
}

#[tokio::test]
async fn a_thumbnail_goes_along_if_viber_takes_it() {
    let stage = discovered().await;
    let with = |bytes: usize| {
        let mut film = film(&stage);
        film.extras.thumbnail = Some(stage.file("thumb.jpg", "image/jpeg", bytes, None).media);
        content(vec![(Text::plain(""), vec![film])])
    };
    stage.publish(&with(100)).await.unwrap();
    assert_eq!(stage.timeline()[0].extra["thumbnail"], "https://files.example/thumb.jpg");
    let large = stage.render(&with(100_001));
    assert!(large.warnings.iter().any(|note| note.code == "thumbnail_left_out"), "{:?}", large.warnings);
    assert!(large.parts[0].payload.get("thumbnail").is_none());
}

#[tokio::test]
async fn the_sender_is_a_super_admin() {
    let mut stage = discovered().await;
    assert_eq!(stage.account.about["from"], twin::admin(0));
    stage.account.settings = json!({"from": "01234567890B="});
    let fault = Network.whoami(&stage.cx()).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Forbidden);
    assert!(
        fault.message.contains("is no super-admin") && fault.message.ends_with("`01234567890A0=` (Ann)"),
        "{fault}"
    );
    let fault = stage.publish(&content(vec![(Text::plain("x"), Vec::new())])).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Forbidden, Some("15")));
    stage.account.settings = json!({});
    stage.account.about = Value::Null;
    let fault = stage.publish(&content(vec![(Text::plain("x"), Vec::new())])).await.unwrap_err();
    assert!(fault.kind == Kind::Local && fault.message.contains("xpost account check test"), "{fault}");
}

#[test]
fn numbers_mean_what_they_say() {
    let said = |status: i64| {
        explain::explain(&answer(200, &[], &json!({"status": status, "status_message": "said so"}).to_string()))
    };
    assert_eq!(said(0), None);
    for (status, kind) in [
        (1, Kind::Rejected),
        (2, Kind::Auth),
        (3, Kind::Rejected),
        (8, Kind::Forbidden),
        (10, Kind::Forbidden),
        (12, Kind::Limited),
        (13, Kind::Unsupported),
        (24, Kind::Billing),
    ] {
        let fault = said(status).unwrap();
        assert_eq!((fault.kind, fault.effect), (kind, Effect::None), "{status}");
        assert_eq!(fault.code, Some(status.to_string()));
    }
    assert!(said(10).unwrap().message.ends_with("run `xpost account login NAME --with webhook`"));
    let general = said(99).unwrap();
    assert_eq!((general.kind, general.effect), (Kind::Rejected, Effect::Maybe), "nobody can tell");
    assert_eq!(explain::explain(&answer(502, &[], "")).unwrap().effect, Effect::Maybe);
    let named = answer(200, &[("retry-after", "7")], r#"{"status": 12, "status_message": "Too many requests"}"#);
    assert_eq!(explain::explain(&named).unwrap().retry_at.unwrap() - named.at, chrono::TimeDelta::seconds(7));
}

async fn enter(stage: &Stage, token: &'static str, url: &'static str) -> Result<Grant, Fault> {
    let ann = Ann::new(stage, false).types(&[token, url]);
    let grant = ann.enter(stage, &Network.logins()[0], None).await;
    assert_eq!(ann.visited(), [""; 0]);
    let hidden: Vec<bool> = ann.asked().iter().map(|what| what.starts_with('*')).collect();
    assert_eq!(hidden, [true, false][..hidden.len()], "the token alone is hidden");
    if let Ok(grant) = &grant {
        assert_eq!(grant.secrets["token"].expose_secret(), token);
        assert_eq!(ann.said(), [format!("Viber now asks `{url}` whether it is there")]);
    }
    grant
}

#[tokio::test]
async fn the_webhook_is_set_once_and_looked_at() {
    let mut twin = Viber::default();
    twin.webhooks.insert(0, String::new());
    let mut stage = Stage::with_twin(&Network, 0, Box::new(twin));
    stage.discover().await;
    let fault = Network.whoami(&stage.cx()).await.unwrap_err();
    assert!(fault.message.ends_with("run `xpost account login test --with webhook`"), "{fault}");
    let draft = content(vec![(Text::plain("x"), Vec::new())]);
    assert_eq!(stage.publish(&draft).await.unwrap_err().code.as_deref(), Some("10"));

    let dead = enter(&stage, "viber-twin-token-0", "https://dead.example.org/").await.unwrap_err();
    assert!(dead.message.starts_with("Viber did not take `https://dead.example.org/`: invalidUrl; it must"), "{dead}");
    for url in ["http://example.org", "example.org", ""] {
        assert!(
            enter(&stage, "viber-twin-token-0", url).await.unwrap_err().message.contains("must be an https address")
        );
    }
    let wrong = enter(&stage, "not-the-token-at-all", "https://example.org/").await.unwrap_err();
    assert!(wrong.kind == Kind::Auth && !wrong.message.contains("not-the-token"), "{wrong}");
    assert_eq!(enter(&stage, "two words", "https://example.org/").await.unwrap_err().kind, Kind::Auth);
    enter(&stage, "viber-twin-token-0", "https://example.org/").await.unwrap();
    Network.whoami(&stage.cx()).await.unwrap();
    stage.publish(&draft).await.unwrap();
    assert_eq!(stage.timeline().len(), 1);
}
