use secrecy::ExposeSecret;

use super::twin::{TOKEN, page_id};
use super::*;
use crate::draft::when;
use crate::media::Media;
use crate::net::Fault;
use crate::platform::stage::{Stage, answer, content, with};
use crate::platform::{Content, Extras, Found, MediaUse, Place, PlanNote, Platform};
use crate::text::Text;
use crate::twin::{Inject, What, When};

async fn stage() -> Stage {
    let mut stage = Stage::new(&Network, 0);
    stage.account.remote_id = page_id(0);
    stage
}

fn draft(text: &str, media: Vec<MediaUse>) -> Content {
    content(vec![(Text::plain(text), media)])
}

fn picture(stage: &Stage, name: &str, alt: Option<&str>) -> MediaUse {
    let used = stage.file(name, "image/png", 0, alt);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend(name.bytes());
    std::fs::write(&used.media.path, &bytes).unwrap();
    MediaUse { media: Media { bytes: bytes.len() as u64, sha256: name.into(), ..used.media }, ..used }
}

/// A film of these sides and so many milliseconds.
fn film(stage: &Stage, sides: (u32, u32), millis: u64) -> MediaUse {
    let used = stage.file("clip.mp4", "video/mp4", 0, None);
    let mut bytes = b"\0\0\0\x18ftypisom".to_vec();
    bytes.extend([7; 5000]);
    std::fs::write(&used.media.path, &bytes).unwrap();
    let mut media = Media { bytes: bytes.len() as u64, width: Some(sides.0), height: Some(sides.1), ..used.media };
    media.about.millis = Some(millis);
    MediaUse { media, alt: None, extras: Extras::default() }
}

const WIDE: (u32, u32) = (1920, 1080);
const UPRIGHT: (u32, u32) = (1080, 1920);

fn rendered(stage: &Stage, content: &Content) -> Rendered {
    stage.render(content)
}

fn codes(notes: &[PlanNote]) -> Vec<&str> {
    notes.iter().map(|note| note.code.as_str()).collect()
}

/// The only part's payload.
fn payload(stage: &Stage, content: &Content) -> Value {
    let rendered = rendered(stage, content);
    assert_eq!((rendered.problems.as_slice(), rendered.parts.len()), (&[][..], 1));
    rendered.parts[0].payload.clone()
}

fn problem(stage: &Stage, content: &Content) -> String {
    let problems = rendered(stage, content).problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].message.clone()
}

fn ahead(hours: i64) -> (String, i64) {
    let at = Utc::now() + TimeDelta::hours(hours);
    (at.format("%Y-%m-%d %H:%M").to_string(), when::moment(&at.format("%Y-%m-%d %H:%M").to_string(), chrono_tz::UTC).unwrap().at.timestamp())
}

async fn ready(stage: &Stage, post: &mut Post) -> Result<Value, Fault> {
    for _ in 0..10 {
        match Network.prepare(&stage.cx(), post).await? {
            Ready::Now(ready) => return Ok(ready),
            Ready::Later { state, at } => {
                assert!(at > Utc::now());
                post.state = state;
            }
        }
    }
    panic!("it is busy for ever")
}

async fn found(stage: &Stage, post: &Post, ready: &Value, since: DateTime<Utc>) -> Found {
    Network.find().unwrap().find(&stage.cx(), post, ready, since).await.unwrap()
}

fn asked(stage: &Stage) -> Vec<String> {
    let log = stage.server.log();
    log.iter()
        .map(|exchange| {
            let path = exchange.request.segments()[1..].join("/").replace(&page_id(0), "PAGE");
            format!("{} {path}", exchange.request.method)
        })
        .collect()
}

#[tokio::test]
async fn a_link_makes_a_card_or_stands_beside_pictures() {
    let stage = stage().await;
    let mut linked = draft("look", vec![]);
    linked.link = Some("https://example.org/a".into());
    let want = json!({"edge": "feed", "fields": {"message": "look", "link": "https://example.org/a"}});
    assert_eq!(payload(&stage, &linked), want);
    linked.posts[0].media.push(picture(&stage, "a.png", Some("a crab")));
    assert_eq!(payload(&stage, &linked), json!({"edge": "feed", "fields": {"message": "look\n\nhttps://example.org/a"}}));
}

#[tokio::test]
async fn a_film_is_a_reel_if_it_can_be_one() {
    let stage = stage().await;
    let edge = |sides, millis, word: Option<&str>| {
        let mut one = draft("f", vec![film(&stage, sides, millis)]);
        if let Some(word) = word {
            one = with(one, "video_as", json!(word));
        }
        payload(&stage, &one)["edge"].as_str().unwrap().to_string()
    };
    assert_eq!(edge(UPRIGHT, 20_000, None), "video_reels");
    assert_eq!(edge(UPRIGHT, 20_000, Some("video")), "videos");
    for (sides, millis) in [(WIDE, 20_000), (UPRIGHT, 2_000), (UPRIGHT, 91_000), ((360, 640), 20_000), ((1000, 1920), 9_000)] {
        assert_eq!(edge(sides, millis, None), "videos", "{sides:?} {millis}");
        let forced = with(draft("f", vec![film(&stage, sides, millis)]), "video_as", json!("reel"));
        assert!(problem(&stage, &forced).contains("a reel"), "{sides:?} {millis}");
    }
    let mut unknown = film(&stage, UPRIGHT, 0);
    (unknown.media.width, unknown.media.about.millis) = (None, None);
    let unknown = draft("f", vec![unknown]);
    assert_eq!(payload(&stage, &unknown)["edge"], "videos");
    assert_eq!(payload(&stage, &with(unknown, "video_as", json!("reel")))["edge"], "video_reels", "Facebook will judge");
}

#[tokio::test]
async fn options_become_fields() {
    let stage = stage().await;
    let (when, at) = ahead(5);
    let later = with(draft("t", vec![]), "publish_at", json!(when));
    assert_eq!(payload(&stage, &later)["fields"], json!({"message": "t", "published": false, "scheduled_publish_time": at}));
    let reel = with(draft("t", vec![film(&stage, UPRIGHT, 9000)]), "publish_at", json!(when));
    let reel = with(reel, "video_title", json!("Crabs"));
    let want = json!({"description": "t", "video_state": "SCHEDULED", "scheduled_publish_time": at, "title": "Crabs"});
    assert_eq!(payload(&stage, &reel)["fields"], want);
    let here = with(draft("t", vec![]), "countries", json!(["de", "AT"]));
    assert_eq!(payload(&stage, &here)["fields"]["targeting"], json!({"geo_locations": {"countries": ["DE", "AT"]}}));
    let bright = with(draft("t", vec![]), "background", json!("106018623298955"));
    assert_eq!(payload(&stage, &bright)["fields"]["text_format_preset_id"], "106018623298955");

    let long = "x".repeat(256);
    for (key, value, says) in [
        ("countries", json!(["Germany"]), "two letters"),
        ("background", json!("red"), "number"),
        ("publish_at", json!("soon"), "`publish_at`"),
    ] {
        assert!(problem(&stage, &with(draft("t", vec![]), key, value)).contains(says), "{key}");
    }
    let titled = with(draft("t", vec![film(&stage, WIDE, 9000)]), "video_title", json!(long));
    assert!(problem(&stage, &titled).contains("256 characters, 255"));
    let mut both = bright.clone();
    both.link = Some("https://example.org/".into());
    assert_eq!(codes(&rendered(&stage, &both).warnings), ["background_left_out"]);
    assert_eq!(codes(&rendered(&stage, &with(draft("t", vec![]), "video_title", json!("x"))).warnings), ["no_film"]);
}

#[tokio::test]
async fn the_alt_text_of_a_film_has_no_place() {
    let stage = stage().await;
    let mut one = film(&stage, WIDE, 9000);
    assert_eq!(codes(&rendered(&stage, &draft("t", vec![one.clone()])).warnings), [] as [&str; 0]);
    one.alt = Some("crabs dance".into());
    assert_eq!(codes(&rendered(&stage, &draft("t", vec![one])).warnings), ["alt_left_out"]);
    let plain = draft("t", vec![picture(&stage, "a.png", None)]);
    assert_eq!(codes(&rendered(&stage, &plain).warnings), ["missing_alt"]);
}

#[tokio::test]
async fn a_place_is_a_page() {
    let stage = stage().await;
    let mut there = draft("t", vec![]);
    there.location = Some(Place { name: Some("Cafe".into()), id: Some("110506962309835".into()), ..Place::default() });
    assert_eq!(payload(&stage, &there)["fields"]["place"], "110506962309835");
    let mut filmed = there.clone();
    filmed.posts[0].media.push(film(&stage, WIDE, 9000));
    assert_eq!(codes(&rendered(&stage, &filmed).warnings), ["location_left_out"]);
    there.location = Some(Place { name: Some("Cafe".into()), ..Place::default() });
    let notes = rendered(&stage, &there).warnings;
    assert!(notes[0].message.contains("location.id.facebook"), "{notes:?}");
}

#[tokio::test]
async fn what_waits_gets_no_comment() {
    let stage = stage().await;
    let mut commented = draft("t", vec![]);
    commented.comment = Some(Text::plain("more"));
    assert_eq!(rendered(&stage, &commented).parts.len(), 2);
    let rendered = rendered(&stage, &with(commented, "publish_at", json!(ahead(5).0)));
    assert_eq!((rendered.parts.len(), codes(&rendered.warnings)), (1, vec!["comment_left_out"]));
}

#[tokio::test]
async fn a_time_that_is_too_near_is_told_before_anything_goes_out() {
    let stage = stage().await;
    let near = (Utc::now() + TimeDelta::minutes(5)).format("%Y-%m-%d %H:%M").to_string();
    let post = stage.posts(&with(draft("t", vec![picture(&stage, "a.png", Some("a"))]), "publish_at", json!(near))).remove(0);
    let fault = Network.prepare(&stage.cx(), &post).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Rejected, Effect::None));
    assert!(fault.message.contains("10 minutes"), "{fault}");
    assert!(stage.server.log().is_empty());
    // between 30 and 75 days the network itself decides
    let (far, _) = ahead(24 * 40);
    let mut post = stage.posts(&with(draft("t", vec![]), "publish_at", json!(far))).remove(0);
    let prepared = ready(&stage, &mut post).await.unwrap();
    let fault = Network.publish(&stage.cx(), &post, &prepared).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect, fault.code.as_deref()), (Kind::Rejected, Effect::None, Some("100")));
}

#[tokio::test]
async fn pictures_go_up_unseen_and_each_once() {
    let stage = stage().await;
    let media = vec![picture(&stage, "a.png", Some("a crab")), picture(&stage, "b.png", None)];
    let mut post = stage.posts(&draft("two", media)).remove(0);
    let prepared = ready(&stage, &mut post).await.unwrap();
    assert!(stage.timeline().is_empty());
    let receipt = Network.publish(&stage.cx(), &post, &prepared).await.unwrap();
    assert_eq!(asked(&stage), ["POST PAGE/photos", "POST PAGE/photos", "POST PAGE/feed"]);
    let seen = stage.timeline().remove(0);
    assert_eq!(seen.media.iter().map(|one| one.alt.as_str()).collect::<Vec<_>>(), ["a crab", ""]);
    assert_eq!(receipt.url, Some(format!("https://www.facebook.com/{}", receipt.id)));
    // the same once more: the pictures say that it is there
    let fault = Network.publish(&stage.cx(), &post, &prepared).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Rejected, Effect::Maybe), "{fault}");
    assert_eq!(fault.code.as_deref(), Some("100/1366051"));
    let since = Utc::now() - TimeDelta::seconds(5);
    assert_eq!(found(&stage, &post, &prepared, since).await, Found::Yes(receipt));
}

#[tokio::test]
async fn the_same_words_at_once_are_a_duplicate_that_is_looked_for() {
    let stage = stage().await;
    let since = Utc::now();
    let post = stage.posts(&draft("again", vec![])).remove(0);
    let receipt = Network.publish(&stage.cx(), &post, &Value::Null).await.unwrap();
    let fault = Network.publish(&stage.cx(), &post, &Value::Null).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect, fault.code.as_deref()), (Kind::Rejected, Effect::Maybe, Some("506")));
    assert_eq!(found(&stage, &post, &Value::Null, since).await, Found::Yes(receipt));
}

#[tokio::test]
async fn pictures_without_words_are_known_by_their_ids() {
    let stage = stage().await;
    let since = Utc::now();
    let mut one = stage.posts(&draft("", vec![picture(&stage, "a.png", Some("a"))])).remove(0);
    let mut two = stage.posts(&draft("", vec![picture(&stage, "b.png", Some("b"))])).remove(0);
    let (first, second) = (ready(&stage, &mut one).await.unwrap(), ready(&stage, &mut two).await.unwrap());
    let receipt = Network.publish(&stage.cx(), &one, &first).await.unwrap();
    assert_eq!(found(&stage, &one, &first, since).await, Found::Yes(receipt));
    assert_eq!(found(&stage, &two, &second, since).await, Found::Unsure, "another machine may have sent it");
}

#[tokio::test]
async fn what_waits_is_found_where_it_waits() {
    let stage = stage().await;
    let since = Utc::now();
    let media = vec![picture(&stage, "a.png", Some("a"))];
    let mut post = stage.posts(&with(draft("later", media), "publish_at", json!(ahead(5).0))).remove(0);
    let prepared = ready(&stage, &mut post).await.unwrap();
    assert_eq!(found(&stage, &post, &prepared, since).await, Found::No);
    let receipt = Network.publish(&stage.cx(), &post, &prepared).await.unwrap();
    assert_eq!(receipt.extra["scheduled"], post.payload["fields"]["scheduled_publish_time"]);
    assert_eq!(found(&stage, &post, &prepared, since).await, Found::Yes(receipt));
    // the same words at another time are another post
    let mut other = post.clone();
    other.payload["fields"]["scheduled_publish_time"] = json!(ahead(7).1);
    assert_eq!(found(&stage, &other, &Value::Null, since).await, Found::No);
}

#[tokio::test]
async fn a_long_list_is_read_on() {
    let stage = stage().await;
    let since = Utc::now() - TimeDelta::hours(1);
    let mut posts = Vec::new();
    for n in 0..150 {
        let post = stage.posts(&draft(&format!("number {n}"), vec![])).remove(0);
        posts.push((Network.publish(&stage.cx(), &post, &Value::Null).await.unwrap(), post));
    }
    let (receipt, post) = &posts[3];
    assert_eq!(found(&stage, post, &Value::Null, since).await, Found::Yes(receipt.clone()));
    let missing = stage.posts(&draft("number 200", vec![])).remove(0);
    assert_eq!(found(&stage, &missing, &Value::Null, since).await, Found::No, "the list ends");
}

#[tokio::test]
async fn a_film_goes_up_by_a_handle() {
    let stage = stage().await;
    let since = Utc::now();
    let mut post = stage.posts(&draft("a film", vec![film(&stage, WIDE, 9000)])).remove(0);
    let prepared = ready(&stage, &mut post).await.unwrap();
    assert!(stage.timeline().is_empty());
    let receipt = Network.publish(&stage.cx(), &post, &prepared).await.unwrap();
    let log = stage.server.log();
    assert_eq!(asked(&stage)[..2], ["GET app".to_string(), format!("POST {}/uploads", twin::APP)]);
    let hosts: Vec<&str> = log.iter().map(|exchange| exchange.request.host.as_str()).collect();
    assert_eq!(hosts, [twin::API, twin::API, twin::API, twin::VIDEO]);
    assert_eq!(receipt.url, Some(format!("https://www.facebook.com/watch/?v={}", receipt.id)));
    assert_eq!(stage.timeline()[0].media[0].bytes, 5012);
    assert_eq!(found(&stage, &post, &prepared, since).await, Found::Yes(receipt));
}

#[tokio::test]
async fn an_app_that_is_known_is_not_asked_for() {
    let mut stage = stage().await;
    stage.account.settings["app_id"] = json!(twin::APP);
    let mut post = stage.posts(&draft("a film", vec![film(&stage, WIDE, 9000)])).remove(0);
    ready(&stage, &mut post).await.unwrap();
    assert!(!asked(&stage).contains(&"GET app".to_string()));
    stage.account.settings["app_id"] = json!("my app");
    let mut post = stage.posts(&draft("a film", vec![film(&stage, WIDE, 9000)])).remove(0);
    let fault = ready(&stage, &mut post).await.unwrap_err();
    assert!(fault.kind == Kind::Local && fault.message.contains("`app_id`"), "{fault}");
}

#[tokio::test]
async fn a_reel_has_its_id_before_its_bytes() {
    let stage = stage().await;
    let since = Utc::now();
    let mut post = stage.posts(&draft("a reel", vec![film(&stage, UPRIGHT, 9000)])).remove(0);
    let prepared = ready(&stage, &mut post).await.unwrap();
    assert!(stage.timeline().is_empty());
    assert_eq!(found(&stage, &post, &prepared, since).await, Found::Unsure, "nothing says that nothing will come");
    let receipt = Network.publish(&stage.cx(), &post, &prepared).await.unwrap();
    assert_eq!(receipt.url, Some(format!("https://www.facebook.com/reel/{}", receipt.id)));
    assert_eq!(found(&stage, &post, &prepared, since).await, Found::Yes(receipt));
    let sent: Vec<String> = asked(&stage).into_iter().filter(|line| line.starts_with("POST")).collect();
    assert_eq!(sent.len(), 3, "{sent:?}");
}

#[tokio::test]
async fn an_upload_that_broke_goes_on() {
    for (sides, lost) in [(WIDE, "/upload:"), (UPRIGHT, "/video-upload/"), (WIDE, "/uploads"), (UPRIGHT, "/video_reels")] {
        for when in [When::Before, When::After] {
            let stage = stage().await;
            let mut post = stage.posts(&draft("film", vec![film(&stage, sides, 9000)])).remove(0);
            stage.server.inject(Inject::new(What::Drop).path(lost).when(when));
            let fault = ready(&stage, &mut post).await.unwrap_err();
            assert_eq!((fault.kind, fault.effect), (Kind::Network, Effect::None), "{lost}: {fault}");
            let prepared = ready(&stage, &mut post).await.unwrap();
            Network.publish(&stage.cx(), &post, &prepared).await.unwrap();
            assert_eq!(stage.timeline()[0].media[0].bytes, 5012, "{lost}");
        }
    }
}

#[tokio::test]
async fn a_comment_waits_for_the_film() {
    let stage = stage().await;
    let mut both = draft("a film", vec![film(&stage, WIDE, 9000)]);
    both.comment = Some(Text::plain("more"));
    let mut posts = stage.posts(&both);
    let since = Utc::now();
    let prepared = ready(&stage, &mut posts[0]).await.unwrap();
    let root = Network.publish(&stage.cx(), &posts[0], &prepared).await.unwrap();
    posts[1].root = Some(root.clone());
    let Ready::Later { state, .. } = Network.prepare(&stage.cx(), &posts[1]).await.unwrap() else {
        panic!("the film is not ready yet");
    };
    posts[1].state = state;
    assert_eq!(Network.prepare(&stage.cx(), &posts[1]).await.unwrap(), Ready::Now(Value::Null));
    let comment = Network.publish(&stage.cx(), &posts[1], &Value::Null).await.unwrap();
    assert_eq!(stage.timeline()[1].reply_to, Some(root.id));
    assert_eq!(found(&stage, &posts[1], &Value::Null, since).await, Found::Yes(comment));
}

#[tokio::test]
async fn only_words_can_be_changed() {
    let stage = stage().await;
    let edit = Platform::edit(&Network).unwrap();
    let post = |content: &Content| stage.posts(content).remove(0);
    let old = post(&draft("a", vec![]));
    assert_eq!(edit.can(&old, &post(&draft("b", vec![]))), Ok(()));
    let mut linked = draft("b", vec![]);
    linked.link = Some("https://example.org/".into());
    assert!(edit.can(&old, &post(&linked)).unwrap_err().contains("not its link"));
    let pictured = post(&draft("b", vec![picture(&stage, "a.png", Some("a"))]));
    assert!(edit.can(&old, &pictured).is_err());
    let filmed = post(&draft("b", vec![film(&stage, WIDE, 9000)]));
    assert!(edit.can(&filmed, &filmed).unwrap_err().contains("film"));
    let receipt = stage.publish_one(&old).await.unwrap();
    edit.edit(&stage.cx(), &receipt, &post(&draft("b", vec![]))).await.unwrap();
    assert_eq!(stage.timeline()[0].text, "b");
}

#[tokio::test]
async fn what_was_settled_by_its_address_can_be_taken_back() {
    let stage = stage().await;
    let receipt = stage.publish_one(&stage.posts(&draft("a", vec![])).remove(0)).await.unwrap();
    let delete = Platform::delete(&Network).unwrap();
    let other = Receipt::new("", Some("https://www.facebook.com/twin/posts/pfbid0abc".into()));
    assert_eq!(delete.delete(&stage.cx(), &other).await.unwrap_err().kind, Kind::Local);
    delete.delete(&stage.cx(), &Receipt { id: String::new(), ..receipt }).await.unwrap();
    assert!(stage.timeline().is_empty());
}

#[tokio::test]
async fn a_post_of_another_page_is_not_taken_for_gone() {
    let stage = stage().await;
    let receipt = stage.publish_one(&stage.posts(&draft("a", vec![])).remove(0)).await.unwrap();
    stage.secrets.write().unwrap().insert("token".into(), format!("{TOKEN}1").into());
    let fault = Platform::delete(&Network).unwrap().delete(&stage.cx(), &receipt).await.unwrap_err();
    assert_eq!((fault.kind, stage.timeline().len()), (Kind::Forbidden, 1), "{fault}");
}

#[tokio::test]
async fn the_version_and_the_page_are_settings() {
    let mut stage = stage().await;
    let post = stage.posts(&draft("a", vec![])).remove(0);
    stage.account.settings["api_version"] = json!("v25.0");
    stage.publish_one(&post).await.unwrap();
    assert!(stage.server.log()[0].request.path.starts_with("/v25.0/"));
    for (key, value, says) in [("api_version", "25", "`v26.0`"), ("page", "../x", "account targets")] {
        let mut wrong = stage.account.clone();
        wrong.settings[key] = json!(value);
        std::mem::swap(&mut stage.account, &mut wrong);
        let fault = stage.publish_one(&post).await.unwrap_err();
        assert!(fault.kind == Kind::Local && fault.message.contains(says), "{fault}");
        stage.account = wrong;
    }
    stage.account.settings = json!({});
    stage.account.remote_id = String::new();
    let fault = stage.publish_one(&post).await.unwrap_err();
    assert!(fault.message.contains("names no page"), "{fault}");
}

#[test]
fn what_facebook_means() {
    let of = |status: u16, code: i64, sub: i64| {
        let reply = graph::refuse(status, code, sub, "No.");
        let fault = Network.explain(&crate::net::Answer { write: true, ..answer(status, &[], &String::from_utf8(reply.body).unwrap()) });
        let fault = fault.unwrap();
        (fault.kind, fault.effect)
    };
    for (status, code, sub, kind, effect) in [
        (400, 368, 1_390_008, Kind::Limited, Effect::None),
        (400, 368, 0, Kind::Forbidden, Effect::None),
        (400, 368, 1_404_102, Kind::Rejected, Effect::None),
        (400, 200, 1_404_078, Kind::Forbidden, Effect::None),
        (400, 1, 1_366_046, Kind::Rejected, Effect::None),
        (400, 100, 1_366_051, Kind::Rejected, Effect::Maybe),
        (400, 100, 1_609_008, Kind::Rejected, Effect::None),
        (400, 1_609_005, 0, Kind::Rejected, Effect::None),
        (400, 100, 2_061_006, Kind::Rejected, Effect::None),
        (400, 390, 1_363_047, Kind::Unavailable, Effect::Maybe),
        (400, 200, 4_854_002, Kind::Forbidden, Effect::None),
        (403, 210, 0, Kind::Forbidden, Effect::None),
        (400, 506, 0, Kind::Rejected, Effect::Maybe),
        (400, 32, 0, Kind::Limited, Effect::None),
        (400, 190, 460, Kind::Auth, Effect::None),
        (500, 1, 0, Kind::Unavailable, Effect::Maybe),
    ] {
        assert_eq!(of(status, code, sub), (kind, effect), "{code}/{sub}");
    }
    let debug = |again: bool| {
        let body = json!({"debug_info": {"retriable": again, "type": "ProcessingFailedError", "message": "Request processing failed"}});
        Network.explain(&answer(400, &[], &body.to_string())).unwrap()
    };
    assert_eq!((debug(true).kind, debug(false).kind), (Kind::Unavailable, Kind::Rejected));
    assert_eq!(debug(false).code.as_deref(), Some("ProcessingFailedError"));
}

#[tokio::test]
async fn no_token_leaves_for_another_host() {
    let stage = stage().await;
    let cx = stage.cx();
    for origin in ["https://rupload.facebook.com.example.org", "http://rupload.facebook.com"] {
        let request = graph::oauth(crate::net::Request::post(format!("{origin}/x")), &cx.secret("token").unwrap());
        assert_eq!(cx.call(request).await.unwrap_err().kind, Kind::Local, "{origin}");
    }
    assert!(cx.secret("token").unwrap().expose_secret().starts_with(TOKEN));
}
