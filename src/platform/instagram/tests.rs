//! Payloads of posts, carousels, reels and stories, refusals, uploads, and what becomes of containers.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::twin::InstagramTwin;
use super::*;
use crate::platform::container_twin::Held;
use crate::platform::stage::{Stage, answer, content, with};
use crate::platform::{Content, MediaUse, Place};
use crate::text::Text;
use crate::twin::{Inject, What, When};

/// Account 0 is logged in through Facebook, account 1 at Instagram.
fn stage(n: usize) -> Stage {
    Stage::new(&Network, n)
}

fn medium(stage: &Stage, name: &str) -> MediaUse {
    let mime = if name.ends_with("mp4") { "video/mp4" } else { "image/jpeg" };
    let mut one = stage.file(name, mime, 100, Some("seen"));
    if mime == "video/mp4" {
        std::fs::write(&one.media.path, [b"\0\0\0\x18ftypisom".as_slice(), &[7; 88]].concat()).unwrap();
        one.media.about.millis = Some(20_000);
    }
    one
}

fn of(stage: &Stage, names: &[&str]) -> Content {
    content(vec![(Text::plain("a"), names.iter().map(|name| medium(stage, name)).collect())])
}

fn containers(draft: &Content) -> Value {
    let rendered = stage(0).render(draft);
    assert_eq!(rendered.problems, []);
    rendered.parts[0].payload["containers"].clone()
}

#[track_caller]
fn problem(draft: &Content) -> String {
    let problems = stage(0).render(draft).problems;
    problems.first().unwrap_or_else(|| panic!("there is no problem with {draft:?}")).message.clone()
}

fn notes(draft: &Content) -> Vec<String> {
    stage(0).render(draft).warnings.into_iter().map(|note| note.code).collect()
}

async fn prepare(stage: &Stage, post: &mut Post) -> Result<Value, Fault> {
    for _ in 0..20 {
        match Network.prepare(&stage.cx(), post).await? {
            Ready::Now(ready) => return Ok(ready),
            Ready::Later { state, .. } => post.state = state,
        }
    }
    panic!("it never is ready");
}

#[test]
fn each_kind_of_post_has_its_containers() {
    let stage = stage(0);
    let picture = with(of(&stage, &["a.jpg"]), "user_tags", json!([{"username": "@bob", "x": 0.5, "y": 0.25}]));
    assert_eq!(
        containers(&picture),
        json!([{"caption": "a", "image_url": null, "alt_text": "seen", "user_tags": [{"username": "bob", "x": 0.5, "y": 0.25}]}])
    );
    let reel = with(with(of(&stage, &["a.mp4"]), "share_to_feed", json!(false)), "thumb_offset", json!(1500));
    assert_eq!(
        containers(&reel),
        json!([{"media_type": "REELS", "video_url": null, "caption": "a", "share_to_feed": false, "thumb_offset": "1500"}])
    );
    let mut covered = of(&stage, &["a.mp4"]);
    covered.posts[0].media[0].extras.thumbnail = Some(medium(&stage, "cover.jpg").media);
    assert_eq!(containers(&covered)[0].get("cover_url"), Some(&Value::Null));
    assert_eq!(
        containers(&of(&stage, &["a.jpg", "b.mp4"])),
        json!([
            {"image_url": null, "alt_text": "seen", "is_carousel_item": true},
            {"media_type": "VIDEO", "video_url": null, "is_carousel_item": true},
            {"media_type": "CAROUSEL", "caption": "a", "children": null},
        ])
    );
    let story = with(of(&stage, &["a.jpg"]), "story", json!(true));
    assert_eq!(containers(&story), json!([{"media_type": "STORIES", "image_url": null}]));
    assert_eq!(notes(&story), ["story_text", "alt_left_out"]);
    let trial = with(of(&stage, &["a.mp4"]), "trial", json!("performance"));
    assert_eq!(containers(&trial)[0]["trial_params"], json!({"graduation_strategy": "SS_PERFORMANCE"}));
    assert_eq!(containers(&with(of(&stage, &["a.jpg"]), "ai_generated", json!(true)))[0]["is_ai_generated"], true);
    let placed = Content { location: Some(Place { id: Some("7".into()), ..Place::default() }), ..of(&stage, &["a.jpg"]) };
    assert_eq!(containers(&placed)[0]["location_id"], "7");
    let somewhere = Content { location: Some(Place { name: Some("here".into()), ..Place::default() }), ..of(&stage, &["a.jpg"]) };
    assert_eq!(notes(&somewhere), ["location_left_out"]);
}

#[test]
fn what_instagram_does_not_take_stops_the_draft() {
    let stage = stage(0);
    let said = |text: &str| content(vec![(Text::plain(text), vec![medium(&stage, "a.jpg")])]);
    assert!(problem(&content(vec![(Text::plain("words"), Vec::new())])).contains("picture or film"));
    assert!(problem(&said(&"#tag ".repeat(31))).contains("31 hashtags"));
    assert_eq!(notes(&said(&"#tag ".repeat(6))), ["many_hashtags"]);
    assert!(problem(&said(&"@ann ".repeat(21))).contains("mentions 21"));
    assert!(problem(&said(&"x".repeat(2201))).contains("2200"));
    let four = json!(["a", "b", "c", "d"]);
    assert!(problem(&with(said("a"), "collaborators", four)).contains('4'));
    assert!(problem(&with(said("a"), "user_tags", json!([{"username": "a", "x": 2}]))).contains("user_tags"));
    assert!(problem(&with(of(&stage, &["a.jpg", "b.jpg"]), "user_tags", json!([{"username": "a"}]))).contains("carousel"));
    assert!(problem(&with(of(&stage, &["a.jpg", "b.jpg"]), "story", json!(true))).contains("one picture or film"));
    assert!(problem(&with(with(said("a"), "story", json!(true)), "collaborators", json!(["b"]))).contains("collaborators"));
    let mut short = of(&stage, &["a.mp4"]);
    short.posts[0].media[0].media.about.millis = Some(2_000);
    assert!(problem(&short).contains("3 s"));
    let mut long = of(&stage, &["a.mp4"]);
    long.posts[0].media[0].media.about.millis = Some(901_000);
    assert!(problem(&long).contains("900 s"));
    long.posts[0].media[0].media.about.millis = Some(61_000);
    assert!(problem(&with(long, "story", json!(true))).contains("60"));
    let trial = with(with(of(&stage, &["a.mp4"]), "trial", json!("manual")), "collaborators", json!(["b"]));
    assert!(problem(&trial).contains("trial"));
}

#[test]
fn shapes_are_for_posts_and_not_for_stories() {
    let stage = stage(0);
    let mut tall = of(&stage, &["a.jpg"]);
    (tall.posts[0].media[0].media.width, tall.posts[0].media[0].media.height) = (Some(1080), Some(1920));
    assert!(stage.render(&tall).problems.iter().any(|note| note.code == "media_shape"), "{:?}", stage.render(&tall));
    assert_eq!(stage.render(&with(tall, "story", json!(true))).problems, []);
    let mut mixed = of(&stage, &["a.jpg", "b.jpg"]);
    (mixed.posts[0].media[1].media.width, mixed.posts[0].media[1].media.height) = (Some(100), Some(100));
    assert_eq!(notes(&mixed), ["carousel_shape"]);
}

#[test]
fn what_refusals_mean() {
    let explain = |status: u16, code: i64, subcode: i64| {
        let body = json!({"error": {"message": "No.", "code": code, "error_subcode": subcode}}).to_string();
        let fault = Network.explain(&answer(status, &[], &body)).unwrap();
        (fault.kind, fault.effect, fault.retry_at.map(|at| (at - answer(200, &[], "").at).num_seconds()))
    };
    assert_eq!(explain(403, 9, 2_207_042), (Kind::Limited, Effect::None, Some(3600)));
    assert_eq!(explain(403, 4, 2_207_051), (Kind::Forbidden, Effect::None, None));
    assert_eq!(explain(400, 4, 0), (Kind::Limited, Effect::None, None));
    assert_eq!(explain(400, 9004, 2_207_052), (Kind::Rejected, Effect::None, None));
    assert_eq!(explain(400, 9007, 2_207_027), (Kind::Unavailable, Effect::None, Some(10)));
    assert_eq!(explain(400, 36_003, 2_207_009), (Kind::Rejected, Effect::None, None));
    assert_eq!(explain(400, 24, 2_207_008), (Kind::Unavailable, Effect::None, Some(60)));
    assert_eq!(explain(400, -1, 2_207_032), (Kind::Unavailable, Effect::Maybe, None));
    assert_eq!(explain(400, -2, 2_207_020), (Kind::Unavailable, Effect::None, None));
    assert_eq!(explain(400, 25, 2_207_050), (Kind::Forbidden, Effect::None, None));
    assert_eq!(explain(400, 190, 0), (Kind::Auth, Effect::None, None));
    assert_eq!(explain(400, 10, 0), (Kind::Forbidden, Effect::None, None));
}

#[tokio::test]
async fn a_container_that_fails_says_why_and_what_passes_is_tried_again() {
    for (name, kind, code) in [("corrupt.mp4", Kind::Rejected, "2207026"), ("trouble.mp4", Kind::Unavailable, "2207053")] {
        let stage = stage(1);
        let mut post = stage.posts(&of(&stage, &[name])).remove(0);
        let fault = prepare(&stage, &mut post).await.unwrap_err();
        assert_eq!((fault.kind, fault.code.as_deref(), fault.effect), (kind, Some(code), Effect::None), "{fault}");
        assert!(fault.message.contains(name), "{fault}");
    }
}

#[tokio::test]
async fn a_reel_is_uploaded_through_facebooks_login_alone() {
    let through_facebook = stage(0);
    let mut post = through_facebook.posts(&of(&through_facebook, &["a.mp4"])).remove(0);
    let ready = prepare(&through_facebook, &mut post).await.unwrap();
    Network.publish(&through_facebook.cx(), &post, &ready).await.unwrap();
    assert_eq!(through_facebook.timeline()[0].media[0].bytes, 100, "the very file");
    assert_eq!(through_facebook.timeline()[0].extra["upload_type"], "resumable");

    let own = stage(1);
    let mut post = own.posts(&of(&own, &["a.mp4"])).remove(0);
    let ready = prepare(&own, &mut post).await.unwrap();
    assert!(!ready.to_string().contains("files.example"), "an address that may be signed is not kept");
    Network.publish(&own.cx(), &post, &ready).await.unwrap();
    assert!(own.server.log().iter().all(|exchange| exchange.request.host == "graph.instagram.com"));
}

#[tokio::test]
async fn an_upload_that_broke_begins_again_with_a_new_container() {
    for when in [When::Before, When::After] {
        let stage = stage(0);
        let mut post = stage.posts(&of(&stage, &["a.mp4"])).remove(0);
        stage.server.inject(Inject::new(What::Drop).path("ig-api-upload").when(when));
        assert_eq!(prepare(&stage, &mut post).await.unwrap_err().kind, Kind::Network);
        // the container that was saved is open, and nobody knows what it holds
        let first = stage.server.log().len();
        post.state = json!({"made": [{"id": "18010000000000001", "open": true}]});
        let ready = prepare(&stage, &mut post).await.unwrap();
        assert_eq!(stage.server.log()[first].request.method, "POST", "another container");
        Network.publish(&stage.cx(), &post, &ready).await.unwrap();
        assert_eq!(stage.timeline()[0].media[0].bytes, 100);
    }
}

#[tokio::test]
async fn what_is_shown_already_is_not_shown_again() {
    let twin = Arc::new(Mutex::new(InstagramTwin::default()));
    let stage = Stage::with_twin(&Network, 0, Box::new(Held(twin)));
    let mut post = stage.posts(&of(&stage, &["a.jpg", "b.jpg"])).remove(0);
    let ready = prepare(&stage, &mut post).await.unwrap();
    stage.server.inject(Inject::new(What::Drop).path("media_publish").when(When::After));
    assert_eq!(Network.publish(&stage.cx(), &post, &ready).await.unwrap_err().effect, Effect::Maybe);
    post.state = ready;
    let ready = prepare(&stage, &mut post).await.unwrap();
    let before = stage.server.log().len();
    let again = Network.publish(&stage.cx(), &post, &ready).await.unwrap_err();
    assert_eq!((again.kind, again.effect), (Kind::Rejected, Effect::Maybe), "so that it is read back");
    assert_eq!(stage.server.log().len(), before, "nobody is asked to show it twice");
    let found = Platform::find(&Network).unwrap().find(&stage.cx(), &post, &ready, Utc::now()).await.unwrap();
    assert!(matches!(found, Found::Yes(receipt) if receipt.id == stage.timeline()[0].id));
}

#[tokio::test]
async fn a_story_is_found_among_the_stories() {
    let stage = stage(0);
    let mut post = stage.posts(&with(of(&stage, &["a.jpg"]), "story", json!(true))).remove(0);
    let ready = prepare(&stage, &mut post).await.unwrap();
    let since = Utc::now();
    let find = Platform::find(&Network).unwrap();
    assert_eq!(find.find(&stage.cx(), &post, &ready, since).await.unwrap(), Found::No);
    let receipt = Network.publish(&stage.cx(), &post, &ready).await.unwrap();
    assert!(receipt.url.as_ref().unwrap().contains("/stories/"));
    assert_eq!(find.find(&stage.cx(), &post, &ready, since).await.unwrap(), Found::Yes(receipt));
}

#[tokio::test]
async fn posts_stay_where_the_login_is_instagrams_and_comments_go() {
    let stage = stage(1);
    let draft = Content { comment: Some(Text::plain("below")), ..of(&stage, &["a.jpg"]) };
    let receipts = stage.publish(&draft).await.unwrap();
    assert_eq!((receipts.len(), receipts[1].url.as_ref()), (2, None));
    let delete = Platform::delete(&Network).unwrap();
    delete.delete(&stage.cx(), &receipts[1]).await.unwrap();
    let fault = delete.delete(&stage.cx(), &receipts[0]).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Unsupported, Effect::None));
    assert_eq!(stage.timeline().len(), 1);
}
