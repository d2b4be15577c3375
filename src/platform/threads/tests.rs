//! Payloads, refusals, quotes and links, and what becomes of containers.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::twin::ThreadsTwin;
use super::*;
use crate::draft::Poll;
use crate::platform::container_twin::Held;
use crate::platform::stage::{Stage, answer, content, with};
use crate::platform::{Content, MediaUse, Place};
use crate::text::Text;
use crate::twin::{Inject, What, When};

fn plain(text: &str) -> Content {
    content(vec![(Text::plain(text), Vec::new())])
}

fn rendered(draft: &Content) -> Rendered {
    Stage::new(&Network, 0).render(draft)
}

fn containers(draft: &Content) -> Value {
    let rendered = rendered(draft);
    assert_eq!(rendered.problems, []);
    rendered.parts[0].payload["containers"].clone()
}

#[track_caller]
fn problem(draft: &Content) -> String {
    let problems = rendered(draft).problems;
    problems.first().unwrap_or_else(|| panic!("there is no problem with {draft:?}")).message.clone()
}

fn poll(question: &str) -> Content {
    let poll = Poll { question: None, options: vec!["yes".into(), "no".into()], duration: None, multiple: false };
    Content { poll: Some(poll), ..plain(question) }
}

fn pictures(stage: &Stage, names: &[&str]) -> Content {
    let media: Vec<MediaUse> = names
        .iter()
        .map(|name| {
            let mime = if name.ends_with("mp4") { "video/mp4" } else { "image/png" };
            stage.file(name, mime, 100, Some("seen"))
        })
        .collect();
    content(vec![(Text::plain("a"), media)])
}

/// `prepare` until it is ready, without the waits; how often it said later.
async fn prepare(stage: &Stage, post: &mut Post) -> Result<(Value, usize), Fault> {
    for later in 0..20 {
        match Network.prepare(&stage.cx(), post).await? {
            Ready::Now(ready) => return Ok((ready, later)),
            Ready::Later { state, at } => {
                assert!(at > Utc::now(), "the network is given time");
                post.state = state;
            }
        }
    }
    panic!("it never is ready");
}

#[test]
fn a_text_is_one_container_with_all_that_was_said() {
    let draft = with(with(plain("Hello"), "topic_tag", json!("#Crabs")), "reply_control", json!("mentioned_only"));
    assert_eq!(
        containers(&draft),
        json!([{"media_type": "TEXT", "text": "Hello", "topic_tag": "Crabs", "reply_control": "mentioned_only"}])
    );
    let long = with(plain("Read"), "text_attachment", json!("x".repeat(10_000)));
    assert_eq!(containers(&long)[0]["text_attachment"]["plaintext"].as_str().unwrap().len(), 10_000);
    assert_eq!(containers(&with(plain("a"), "ghost", json!(true)))[0]["is_ghost_post"], true);
    assert_eq!(containers(&with(plain("a"), "reply_approvals", json!(true)))[0]["enable_reply_approvals"], true);
    assert_eq!(
        containers(&poll("Ready?"))[0]["poll_attachment"],
        json!({"option_a": "yes", "option_b": "no"})
    );
}

#[test]
fn media_wait_for_their_addresses() {
    let stage = Stage::new(&Network, 0);
    let one = pictures(&stage, &["a.png"]);
    assert_eq!(
        containers(&one),
        json!([{"media_type": "IMAGE", "text": "a", "image_url": null, "alt_text": "seen"}])
    );
    let two = Content { sensitive: true, ..pictures(&stage, &["a.png", "b.mp4"]) };
    assert_eq!(
        containers(&two),
        json!([
            {"media_type": "IMAGE", "image_url": null, "alt_text": "seen", "is_carousel_item": true},
            {"media_type": "VIDEO", "video_url": null, "alt_text": "seen", "is_carousel_item": true},
            {"media_type": "CAROUSEL", "text": "a", "children": null, "is_spoiler_media": true},
        ])
    );
}

#[test]
fn a_link_is_a_card_where_there_are_cards() {
    let link = |draft: Content| Content { link: Some("https://example.org/a".into()), ..draft };
    let card = containers(&link(plain("Hello")));
    assert_eq!((&card[0]["text"], &card[0]["link_attachment"]), (&json!("Hello"), &json!("https://example.org/a")));
    let stage = Stage::new(&Network, 0);
    let beside = containers(&link(pictures(&stage, &["a.png"])));
    assert_eq!((&beside[0]["text"], &beside[0]["link_attachment"]), (&json!("a\n\nhttps://example.org/a"), &Value::Null));
    assert_eq!(containers(&link(poll("Ready?")))[0]["text"], "Ready?\n\nhttps://example.org/a");
}

#[test]
fn a_quote_needs_an_id() {
    let url = "https://www.threads.com/@ann/post/ABC";
    let linked = rendered(&Content { quote: Some(Reference::Url(url.into())), ..plain("look") });
    assert_eq!(linked.changes[0].code, "quote_as_link");
    assert_eq!(linked.parts[0].payload["containers"][0]["text"], format!("look\n\n{url}"));
    let ours = Content { quote: Some(Reference::Ours(Receipt::new("7", None))), ..plain("look") };
    assert_eq!(containers(&ours)[0].get("quote_post_id"), Some(&Value::Null));
}

#[test]
fn what_threads_cannot_say_stops_the_draft() {
    let stage = Stage::new(&Network, 0);
    let links = |n: usize| plain(&(0..n).map(|n| format!("https://example.org/{n} ")).collect::<String>());
    assert_eq!(rendered(&links(5)).problems, []);
    assert!(problem(&links(6)).contains("6 different links"));
    let picture = || pictures(&stage, &["a.png"]);
    assert!(problem(&with(picture(), "link_attachment", json!("https://example.org"))).contains("link_attachment"));
    assert!(problem(&with(picture(), "ghost", json!(true))).contains("ghost"));
    assert!(problem(&with(picture(), "text_attachment", json!("x"))).contains("text_attachment"));
    assert!(problem(&with(poll("?"), "text_attachment", json!("x"))).contains("poll"));
    assert!(problem(&with(poll("?"), "link_attachment", json!("https://example.org"))).contains("poll"));
    assert!(problem(&with(plain("a"), "topic_tag", json!("a.b"))).contains("topic_tag"));
    assert!(problem(&with(plain("a"), "text_attachment", json!("x".repeat(10_001)))).contains("10001"));
    let thread = content(vec![(Text::plain("a"), Vec::new()), (Text::plain("b"), Vec::new())]);
    assert!(problem(&with(thread, "ghost", json!(true))).contains("ghost"));
    let mut several = poll("Ready?");
    several.poll.as_mut().unwrap().multiple = true;
    assert!(problem(&several).contains("multiple"));
    assert!(problem(&poll("")).contains("without text"));
    several.poll.as_mut().unwrap().multiple = false;
    several.poll.as_mut().unwrap().duration = Some("2h".into());
    assert_eq!(rendered(&several).warnings[0].code, "poll_duration");
}

#[test]
fn emoji_count_by_their_bytes() {
    // 125 thumbs are 500 by Threads' count
    assert_eq!(rendered(&plain(&"👍".repeat(125))).parts.len(), 1);
    let two = rendered(&plain(&format!("{} {}", "👍".repeat(100), "👍".repeat(26))));
    assert_eq!((two.problems.len(), two.parts.len()), (0, 2));
    assert!(two.parts.iter().all(|part| part.count <= 500));
}

#[test]
fn the_day_that_is_used_up_is_told_ahead() {
    let mut stage = Stage::new(&Network, 0);
    stage.account.about = json!({"quota": {"used": 249, "total": 250}});
    assert_eq!(stage.render(&plain("a")).warnings, []);
    stage.account.about = json!({"quota": {"used": 250, "total": 250}});
    assert_eq!(stage.render(&plain("a")).warnings[0].code, "quota");
}

#[test]
fn what_refusals_mean() {
    let explain = |status: u16, code: i64, subcode: i64| {
        let body = json!({"error": {"message": "No.", "code": code, "error_subcode": subcode}}).to_string();
        Network.explain(&answer(status, &[], &body)).unwrap()
    };
    let early = explain(400, 24, 4_279_009);
    assert_eq!((early.kind, early.effect), (Kind::Unavailable, Effect::None));
    assert_eq!((early.retry_at.unwrap() - answer(200, &[], "").at).num_seconds(), 10);
    let full = explain(403, 9, 2_207_042);
    assert_eq!((full.kind, full.effect), (Kind::Limited, Effect::None));
    assert!(full.retry_at.is_some() && full.message.contains("250"));
    assert_eq!(explain(400, 100, 4_279_071).kind, Kind::Rejected);
    assert!(explain(400, 100, 4_279_071).message.contains("topic_tag"));
    assert_eq!(explain(403, 4, 2_207_051).kind, Kind::Forbidden);
    assert_eq!((explain(500, 1, 0).kind, explain(500, 1, 0).effect), (Kind::Unavailable, Effect::Maybe));
    assert_eq!(explain(400, 190, 463).kind, Kind::Auth);
    assert_eq!(Network.explain(&answer(200, &[], "{\"id\": \"1\"}")), None);
}

#[tokio::test]
async fn a_film_is_waited_for_and_then_shown() {
    let mut twin = ThreadsTwin::default();
    twin.film = 3;
    let stage = Stage::with_twin(&Network, 0, Box::new(twin));
    let mut post = stage.posts(&pictures(&stage, &["a.mp4"])).remove(0);
    let (ready, later) = prepare(&stage, &mut post).await.unwrap();
    assert_eq!(later, 4, "once without a question, then three times");
    assert!(!ready.to_string().contains("files.example"), "an address that may be signed is not kept");
    let receipt = Network.publish(&stage.cx(), &post, &ready).await.unwrap();
    assert_eq!(stage.timeline()[0].id, receipt.id);
    assert_eq!(receipt.url, stage.timeline()[0].url);
}

#[tokio::test]
async fn what_is_shown_already_is_not_shown_again() {
    let stage = Stage::new(&Network, 0);
    let mut post = stage.posts(&plain("once")).remove(0);
    let (ready, _) = prepare(&stage, &mut post).await.unwrap();
    stage.server.inject(Inject::new(What::Drop).path("threads_publish").when(When::After));
    let lost = Network.publish(&stage.cx(), &post, &ready).await.unwrap_err();
    assert_eq!((lost.kind, lost.effect), (Kind::Network, Effect::Maybe));
    // a run that knows only what was saved
    post.state = ready;
    let (ready, _) = prepare(&stage, &mut post).await.unwrap();
    let before = stage.server.log().len();
    let again = Network.publish(&stage.cx(), &post, &ready).await.unwrap_err();
    assert_eq!((again.kind, again.effect), (Kind::Rejected, Effect::Maybe), "so that it is read back");
    assert_eq!(stage.server.log().len(), before, "nobody is asked to show it twice");
    let found = Platform::find(&Network).unwrap().find(&stage.cx(), &post, &ready, Utc::now()).await.unwrap();
    assert!(matches!(found, Found::Yes(receipt) if receipt.id == stage.timeline()[0].id));
}

#[tokio::test]
async fn a_container_that_expired_is_made_anew() {
    let twin = Arc::new(Mutex::new(ThreadsTwin::default()));
    let stage = Stage::with_twin(&Network, 0, Box::new(Held(twin.clone())));
    let mut post = stage.posts(&pictures(&stage, &["a.png", "b.png"])).remove(0);
    post.state = prepare(&stage, &mut post).await.unwrap().0;
    twin.lock().unwrap().age(TimeDelta::hours(25));
    let fault = prepare(&stage, &mut post).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Unavailable, Some("EXPIRED")), "{fault}");
    // what was saved then holds nothing of it
    post.state = Value::Null;
    let ready = prepare(&stage, &mut post).await.unwrap().0;
    Network.publish(&stage.cx(), &post, &ready).await.unwrap();
    assert_eq!(stage.timeline()[0].media.len(), 2);
}

#[tokio::test]
async fn a_place_that_is_not_known_stops_the_post() {
    let stage = Stage::new(&Network, 0);
    let at = |name: &str| Content { location: Some(Place { name: Some(name.into()), ..Place::default() }), ..plain("here") };
    let fault = stage.publish(&at("Nowhere")).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Rejected, Effect::None));
    stage.publish(&at("Menlo Park")).await.unwrap();
    assert_eq!(stage.timeline()[0].extra["location_id"], "106078429431815");
    let known = Content { location: Some(Place { id: Some("5".into()), ..Place::default() }), ..plain("here") };
    let before = stage.server.log().len();
    stage.publish(&known).await.unwrap();
    assert_eq!(stage.server.log().len() - before, 3, "a container, the post, its address");
}

#[tokio::test]
async fn a_quote_of_ones_own_arrives() {
    let stage = Stage::new(&Network, 0);
    let first = stage.publish(&plain("first")).await.unwrap().remove(0);
    let quote = Some(Reference::Ours(first.clone()));
    let mut post = stage.posts(&Content { quote: quote.clone(), ..plain("look") }).remove(0);
    post.quote = quote;
    stage.publish_one(&post).await.unwrap();
    assert_eq!(stage.timeline()[1].extra["quote_post_id"], json!(first.id));
}

#[tokio::test]
async fn two_that_are_alike_are_told_apart_by_their_containers() {
    let stage = Stage::new(&Network, 0);
    let draft = plain("the same words");
    let mut one = stage.posts(&draft).remove(0);
    let mut two = stage.posts(&draft).remove(0);
    let since = Utc::now();
    let ready_one = prepare(&stage, &mut one).await.unwrap().0;
    let ready_two = prepare(&stage, &mut two).await.unwrap().0;
    Network.publish(&stage.cx(), &one, &ready_one).await.unwrap();
    let second = Network.publish(&stage.cx(), &two, &ready_two).await.unwrap();
    let find = Platform::find(&Network).unwrap();
    let found = find.find(&stage.cx(), &two, &ready_two, since).await.unwrap();
    assert_eq!(found, Found::Yes(second), "the newest is the one that was shown last");
    // without a container nobody can tell which of the two it is
    assert_eq!(find.find(&stage.cx(), &two, &Value::Null, since).await.unwrap(), Found::Unsure);
}
