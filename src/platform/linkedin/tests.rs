//! The platform against its twin.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::*;
use crate::draft::Poll;
use crate::media::Card as LinkCard;
use crate::platform::stage::{Stage, answer, content, with};
use crate::platform::{Content, Found, MediaUse, Reference, Sink};
use crate::text::{Kind as MarkKind, Mark, Text};
use crate::twin::{Incoming, Inject, What, When};

/// Remembers checkpoints.
#[derive(Default)]
struct Memory(Mutex<Vec<Value>>);

#[async_trait]
impl Sink for Memory {
    async fn save(&self, state: &Value) -> Result<(), Fault> {
        self.0.lock().unwrap().push(state.clone());
        Ok(())
    }
    async fn keep(&self, _: &BTreeMap<String, SecretString>) -> Result<(), Fault> {
        Ok(())
    }
    async fn uploaded(&self, _: &str, _: &str) -> Result<Option<Value>, Fault> {
        Ok(None)
    }
    async fn remember_upload(&self, _: &str, _: &str, _: &Value, _: DateTime<Utc>) -> Result<(), Fault> {
        Ok(())
    }
    fn progress(&self, _: &str) {}
}

/// The page of member 0, or member 1 himself.
fn stage(page: bool) -> Stage {
    Stage::new(&Network, usize::from(!page))
}

fn text(text: &str) -> Content {
    content(vec![(Text::plain(text), Vec::new())])
}

fn now(post: Post) -> Post {
    Post { created: Utc::now(), ..post }
}

/// A file that begins as one of its kind does.
fn file(stage: &Stage, name: &str, mime: &str, bytes: usize) -> MediaUse {
    let magic: &[u8] = match mime {
        "image/png" => b"\x89PNG\r\n\x1a\n",
        "application/pdf" => b"%PDF-1.7\n",
        _ => b"\0\0\0\x18ftypisom",
    };
    let mut one = stage.file(name, mime, bytes, Some("a crab"));
    let body: Vec<u8> = (0..bytes - magic.len()).map(|n| (n % 251) as u8).collect();
    std::fs::write(&one.media.path, [magic, &body].concat()).unwrap();
    if one.media.class() == "video" {
        one.media.about.millis = Some(9000);
        one.alt = None;
    }
    one
}

fn problems(stage: &Stage, content: &Content) -> String {
    let problems = stage.render(content).problems;
    problems.iter().map(|note| note.message.as_str()).collect::<Vec<_>>().join("; ")
}

fn payload(stage: &Stage, content: &Content) -> Value {
    let rendered = stage.render(content);
    assert_eq!(rendered.problems, []);
    rendered.parts[0].payload.clone()
}

fn asked(stage: &Stage) -> Vec<String> {
    let log = stage.server.log();
    log.iter().map(|exchange| format!("{} {}", exchange.request.method, exchange.request.raw)).collect()
}

fn poll(question: Option<&str>, duration: &str) -> Option<Poll> {
    Some(Poll {
        question: question.map(str::to_string),
        options: vec!["six".into(), "eight".into()],
        duration: Some(duration.into()),
        multiple: false,
    })
}

fn card(stage: &Stage, title: &str, picture: bool) -> Option<LinkCard> {
    let image = picture.then(|| file(stage, "card.png", "image/png", 500).media);
    Some(LinkCard { url: "https://example.org/a".into(), title: title.into(), description: String::new(), image })
}

#[tokio::test]
async fn what_a_reader_sees_is_what_was_written_in_posts_and_comments() {
    let stage = stage(true);
    let words = "a|b {c} @d [e](f) <g> #1 \\ *h* _i_ ~j~ end";
    let mut draft = text(words);
    draft.comment = Some(Text::plain(words));
    stage.publish(&draft).await.unwrap();
    let seen = stage.timeline();
    assert_eq!((seen[0].text.as_str(), seen[1].text.as_str()), (words, words));
    // the two are written in different ways
    let log = stage.server.log();
    assert!(log[0].request.json()["commentary"].as_str().unwrap().contains("\\(f\\)"));
    assert_eq!(log[1].request.json()["message"]["text"], words);
}

#[tokio::test]
async fn a_mention_is_a_template() {
    let stage = stage(true);
    let mark = Mark { start: 7, end: 14, kind: MarkKind::Mention { handle: "urn:li:organization:1337".into() } };
    let draft = content(vec![(Text { text: "Thanks Dev (Co".into(), marks: vec![mark] }, Vec::new())]);
    assert_eq!(payload(&stage, &draft)["commentary"], "Thanks @[Dev \\(Co](urn:li:organization:1337)");
    stage.publish(&draft).await.unwrap();
    assert_eq!(stage.timeline()[0].text, "Thanks Dev (Co");
    assert_eq!(find::shown("Thanks @[Dev \\(Co](urn:li:organization:1337) {hashtag|\\#|c\\_d} \\@x"), "Thanks Dev (Co #c_d @x");
}

#[test]
fn a_poll_has_a_question_and_one_of_four_lengths() {
    let stage = stage(true);
    let with_poll = |words: &str, question, duration| Content { poll: poll(question, duration), ..text(words) };
    let named = payload(&stage, &with_poll("Well?", Some("How many?"), "3d"));
    assert_eq!((&named["commentary"], &named["content"]["poll"]["question"]), (&json!("Well?"), &json!("How many?")));
    assert_eq!(named["content"]["poll"]["settings"]["duration"], "THREE_DAYS");
    // without a question of its own: the title, else the text, which then is not said twice
    let titled = payload(&stage, &Content { title: Some("Legs".into()), ..with_poll("Well?", None, "1d") });
    assert_eq!((&titled["commentary"], &titled["content"]["poll"]["question"]), (&json!("Well?"), &json!("Legs")));
    let bare = payload(&stage, &with_poll("How many (legs)?", None, "14d"));
    assert_eq!((&bare["commentary"], &bare["content"]["poll"]["question"]), (&json!(""), &json!("How many (legs)?")));
    let rounded = stage.render(&with_poll("x", None, "2d"));
    assert_eq!(rounded.parts[0].payload["content"]["poll"]["settings"]["duration"], "THREE_DAYS");
    assert_eq!(rounded.warnings.iter().filter(|note| note.code == "poll_rounded").count(), 1);
    assert!(problems(&stage, &with_poll(&"long ".repeat(40), None, "1d")).contains("1 to 140 characters"));
    assert!(problems(&stage, &with_poll("x", None, "15d")).contains("1 day to 14 days are allowed"));
    let mut many = with_poll("x", None, "1d");
    many.poll.as_mut().unwrap().multiple = true;
    assert!(problems(&stage, &many).contains("one answer"));
}

#[tokio::test]
async fn a_link_card_is_an_article_with_a_picture_of_its_own() {
    let stage = stage(true);
    let link = Some("https://example.org/a".to_string());
    let draft = Content { link: link.clone(), card: card(&stage, "Ferris", true), ..text("Out") };
    stage.publish(&draft).await.unwrap();
    let seen = stage.timeline();
    let article = &seen[0].extra["article"];
    assert_eq!((article["title"].as_str(), article["source"].as_str()), (Some("Ferris"), Some("https://example.org/a")));
    assert!(article["thumbnail"].as_str().unwrap().starts_with("urn:li:image:") && article.get("description").is_none());
    assert_eq!((seen[0].text.as_str(), seen[0].media.len()), ("Out", 0));
    // a page without a title has its host, one without a picture none
    let bare = Content { link: link.clone(), card: card(&stage, " ", false), ..text("Bare") };
    stage.publish(&bare).await.unwrap();
    let article = stage.timeline()[1].extra["article"].clone();
    assert_eq!((article["title"].as_str(), article.get("thumbnail")), (Some("example.org"), None));
    let long = Content { card: card(&stage, &"word ".repeat(100), false), ..text("Long") };
    let rendered = stage.render(&long);
    assert!(rendered.parts[0].payload["content"]["article"]["title"].as_str().unwrap().chars().count() <= 400);
    assert_eq!(rendered.warnings[0].code, "card_shortened");
    // beside a poll there is no room, and the link is kept all the same
    let both = Content { link, card: card(&stage, "Ferris", false), poll: poll(Some("q"), "1d"), ..text("Poll") };
    let rendered = stage.render(&both);
    assert!(rendered.changes.iter().any(|note| note.code == "card_left_out"));
    assert_eq!(rendered.parts[0].payload["commentary"], "Poll\n\nhttps://example.org/a");
}

#[tokio::test]
async fn a_post_is_reshared_by_the_id_that_linkedin_wants() {
    let stage = stage(true);
    let quoting = |url: &str| Content { quote: Some(Reference::Url(url.into())), ..text("Read") };
    for url in [
        "https://www.linkedin.com/feed/update/urn:li:ugcPost:7141138937766391808/",
        "https://www.linkedin.com/embed/feed/update/urn%3Ali%3AugcPost%3A7141138937766391808?collapsed=1",
        "urn:li:ugcPost:7141138937766391808",
    ] {
        assert_eq!(payload(&stage, &quoting(url))["reshareContext"]["parent"], "urn:li:ugcPost:7141138937766391808");
    }
    let activity = "https://www.linkedin.com/posts/ann_ferris-activity-7141138937766391808-AbCd";
    assert!(problems(&stage, &quoting(activity)).contains("Embed this post"));
    let ours = stage.publish(&text("mine")).await.unwrap().remove(0);
    let again = Content { quote: Some(Reference::Ours(ours.clone())), card: card(&stage, "x", false), ..text("Again") };
    stage.publish(&again).await.unwrap();
    assert_eq!(stage.timeline()[1].extra["reshares"], ours.id.as_str());
    let media = vec![file(&stage, "a.png", "image/png", 300)];
    let both = Content { quote: again.quote, ..content(vec![(Text::plain("x"), media)]) };
    assert!(problems(&stage, &both).contains("no media beside a reshared post"));
}

#[test]
fn who_may_see_it() {
    let (page, member) = (stage(true), stage(false));
    let followers = Content { visibility: Some(Visibility::Followers), ..text("x") };
    assert_eq!(payload(&member, &followers)["visibility"], "CONNECTIONS");
    assert_eq!(payload(&member, &with(text("x"), "audience", json!("logged_in")))["visibility"], "LOGGED_IN");
    assert_eq!(payload(&page, &with(text("x"), "audience", json!("public")))["visibility"], "PUBLIC");
    assert!(problems(&page, &followers).contains("posts of an organisation are for everybody"));
    // before anything was asked it is not known who the member is
    assert_eq!(payload(&member, &text("x")).get("author"), None);
    assert_eq!(payload(&page, &text("x"))["author"], "urn:li:organization:5000000");
}

#[tokio::test]
async fn a_page_is_named_by_its_number_or_urn() {
    let mut stage = stage(true);
    for (set, good) in [
        (json!("urn:li:organization:5000000"), true),
        (json!(5_000_000), true),
        (json!(" 5000000 "), true),
        (json!("crab-works"), false),
    ] {
        stage.account.settings["organization"] = set;
        assert_eq!(stage.render(&text("x")).problems.is_empty(), good);
        let profile = Network.whoami(&stage.cx()).await;
        assert_eq!(profile.is_ok(), good);
        match profile {
            Ok(profile) => assert_eq!((profile.handle.as_str(), profile.id.as_str()), ("Crab Works 0", "urn:li:organization:5000000")),
            Err(fault) => assert!(fault.message.contains("linkedin.com/company/12345/admin"), "{fault}"),
        }
    }
}

#[tokio::test]
async fn a_picture_that_linkedin_cannot_use_is_sent_again_by_whoever_tries_again() {
    let stage = stage(true);
    let one = stage.file("a.png", "image/png", 300, None);
    let mut post = now(stage.posts(&content(vec![(Text::plain("x"), vec![one])])).remove(0));
    let memory = Memory::default();
    let cx = Cx { sink: &memory, ..stage.cx() };
    let ready = prepared(&cx, &mut post).await.unwrap();
    let fault = Network.publish(&cx, &post, &ready).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect, fault.code.as_deref()), (Kind::Rejected, Effect::None, Some("MEDIA_ASSET_PROCESSING_FAILED")));
    post.state = memory.0.lock().unwrap().last().unwrap().clone();
    let again = prepared(&cx, &mut post).await.unwrap();
    assert_ne!(ready["urns"], again["urns"]);
}

#[tokio::test]
async fn a_document_has_a_title() {
    let stage = stage(true);
    let draft = |title: Option<&str>| {
        let mut draft = content(vec![(Text::plain("See"), vec![file(&stage, "the report.pdf", "application/pdf", 2000)])]);
        draft.title = title.map(str::to_string);
        draft
    };
    stage.publish(&draft(Some("Ferris 2.0"))).await.unwrap();
    let seen = stage.timeline().remove(0);
    assert_eq!((seen.text.as_str(), seen.extra["title"].as_str()), ("See", Some("Ferris 2.0")));
    assert_eq!((seen.media[0].mime.as_str(), seen.media[0].bytes), ("application/pdf", 2000));
    assert_eq!(payload(&stage, &draft(None))["content"]["media"]["title"], "the report");
    let named = with(draft(Some("Ferris 2.0")), "media_title", json!("Slides"));
    assert_eq!(payload(&stage, &named)["content"]["media"]["title"], "Slides");
}

/// `prepare` till it is ready; the times that it asks for are not waited for.
async fn prepared(cx: &Cx<'_>, post: &mut Post) -> Result<Value, Fault> {
    for _ in 0..9 {
        match Network.prepare(cx, post).await? {
            Ready::Now(ready) => return Ok(ready),
            Ready::Later { state, at } => {
                assert!(at > Utc::now());
                post.state = state;
            }
        }
    }
    panic!("it never is ready");
}

/// A film of three pieces.
fn film(stage: &Stage) -> Post {
    let one = file(stage, "crab.mp4", "video/mp4", 9_000_000);
    now(stage.posts(&content(vec![(Text::plain("film"), vec![one])])).remove(0))
}

#[tokio::test]
async fn a_film_goes_in_pieces_and_is_waited_for() {
    let stage = stage(true);
    let mut post = film(&stage);
    let ready = prepared(&stage.cx(), &mut post).await.unwrap();
    let puts: Vec<_> = stage.server.log().into_iter().filter(|exchange| exchange.request.method == "PUT").collect();
    let sizes: Vec<usize> = puts.iter().map(|exchange| exchange.request.body.len()).collect();
    assert_eq!(sizes, [4_194_304, 4_194_304, 9_000_000 - 2 * 4_194_304]);
    assert!(puts.iter().all(|exchange| exchange.request.header("authorization").is_none()));
    let receipt = Network.publish(&stage.cx(), &post, &ready).await.unwrap();
    assert!(receipt.id.starts_with("urn:li:ugcPost:"));
    let seen = stage.timeline();
    assert_eq!((seen[0].media[0].mime.as_str(), seen[0].media[0].bytes), ("video/mp4", 9_000_000));
    assert_eq!(asked(&stage).iter().filter(|line| line.starts_with("GET")).count(), 3, "busy twice, then ready");
}

#[tokio::test]
async fn a_film_goes_on_where_it_was() {
    let stage = stage(true);
    for (method, path, skip, when) in [
        ("PUT", "/uploaded-video/1", 0, When::Before),
        ("PUT", "/uploaded-video/1", 0, When::After),
        ("POST", "/rest/videos", 1, When::Before),
        ("POST", "/rest/videos", 1, When::After),
    ] {
        let memory = Memory::default();
        let cx = Cx { sink: &memory, ..stage.cx() };
        let mut post = film(&stage);
        stage.server.clear_log();
        stage.server.inject(Inject::new(What::Drop).method(method).path(path).skip(skip).when(when));
        let fault = prepared(&cx, &mut post).await.unwrap_err();
        assert_eq!(fault.kind, Kind::Network, "{fault}");
        post.state = memory.0.lock().unwrap().last().unwrap().clone();
        let ready = prepared(&cx, &mut post).await.unwrap();
        let puts = |n: usize| asked(&stage).iter().filter(|line| line.contains(&format!("/uploaded-video/{n}"))).count();
        assert_eq!((puts(0), puts(2)), (1, 1), "{method} {when:?}: a piece that was taken is not sent again");
        let words = format!("film {method} {skip} {when:?}");
        post.payload["commentary"] = json!(words);
        Network.publish(&cx, &post, &ready).await.unwrap();
    }
    assert_eq!(stage.timeline().len(), 4);
}

#[tokio::test]
async fn a_member_may_not_ask_for_films_and_a_post_that_comes_too_early_comes_again() {
    let stage = stage(false);
    let mut post = film(&stage);
    let ready = prepared(&stage.cx(), &mut post).await.unwrap();
    assert_eq!(ready["author"], "urn:li:person:tw1N_1");
    let fault = Network.publish(&stage.cx(), &post, &ready).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect, fault.code.as_deref()), (Kind::Unavailable, Effect::None, Some("MEDIA_ASSET_WAITING_UPLOAD")));
    assert!(fault.retry_at.is_some());
    assert!(Network.publish(&stage.cx(), &post, &ready).await.is_err());
    Network.publish(&stage.cx(), &post, &ready).await.unwrap();
    assert_eq!(stage.timeline().len(), 1);
}

#[tokio::test]
async fn a_film_that_linkedin_cannot_use_is_a_refusal() {
    let stage = stage(true);
    let one = stage.file("crab.mp4", "video/mp4", 80_000, None);
    let mut post = now(stage.posts(&content(vec![(Text::plain("film"), vec![one])])).remove(0));
    let fault = prepared(&stage.cx(), &mut post).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Rejected, Effect::None));
    assert!(fault.message.contains("LinkedIn could not use the film: UNSUPPORTED_FORMAT"), "{fault}");
    let small = content(vec![(Text::plain("x"), vec![stage.file("a.mp4", "video/mp4", 70_000, None)])]);
    assert!(problems(&stage, &small).contains("films from 75 kB on"));
    let mut short = file(&stage, "b.mp4", "video/mp4", 80_000);
    short.media.about.millis = Some(2900);
    assert!(problems(&stage, &content(vec![(Text::plain("x"), vec![short])])).contains("shorter than 3 s"));
}

#[tokio::test]
async fn an_upload_address_elsewhere_gets_no_login() {
    let stage = stage(true);
    let mut post = now(stage.posts(&content(vec![(Text::plain("x"), vec![file(&stage, "a.png", "image/png", 300)])])).remove(0));
    // announced, and the rest lost
    stage.server.inject(Inject::new(What::Drop).method("PUT"));
    let memory = Memory::default();
    let cx = Cx { sink: &memory, ..stage.cx() };
    prepared(&cx, &mut post).await.unwrap_err();
    let saved = memory.0.lock().unwrap().last().unwrap().to_string();
    post.state = serde_json::from_str(&saved.replace("https://www.linkedin.com/", "https://api.linkedin.com.evil.example/")).unwrap();
    prepared(&cx, &mut post).await.unwrap_err();
    let leaked = stage.server.log().into_iter().any(|exchange| exchange.request.host.contains("evil") && exchange.request.bearer().is_some());
    assert!(!leaked);
}

#[tokio::test]
async fn what_landed_is_found_where_it_can_be_read() {
    let stage = stage(true);
    let find: &dyn Find = &Network;
    let since = Utc::now();
    let draft = Content { poll: poll(Some("How many?"), "1d"), ..text("Legs (all) #1") };
    let post = now(stage.posts(&draft).remove(0));
    let look = async |post: &Post, since| find.find(&stage.cx(), post, &Value::Null, since).await.unwrap();
    assert_eq!(look(&post, since).await, Found::No);
    let receipt = stage.publish_one(&post).await.unwrap();
    assert_eq!(look(&post, since).await, Found::Yes(receipt));
    assert_eq!(look(&post, Utc::now() + TimeDelta::minutes(5)).await, Found::No, "one from before is another one");
    let mut other = post.clone();
    other.payload["content"]["poll"]["question"] = json!("How few?");
    assert_eq!(look(&other, since).await, Found::No);
    // behind a page of others
    for n in 0..60 {
        stage.publish(&text(&format!("other {n}"))).await.unwrap();
    }
    assert!(matches!(look(&post, since).await, Found::Yes(_)));
    let second = |exchange: &crate::twin::Exchange| exchange.request.query("start") == Some("50");
    assert_eq!(stage.server.log().iter().filter(|exchange| second(exchange)).count(), 1);
    // a page's login that may not read, and one that says so ahead
    let member = self::stage(false);
    let post = now(member.posts(&text("x")).remove(0));
    assert_eq!(find.find(&member.cx(), &post, &Value::Null, since).await.unwrap(), Found::Unsure);
}

#[tokio::test]
async fn the_same_text_again_is_not_taken_for_ours() {
    let stage = stage(true);
    let (draft, since) = (text("again"), Utc::now());
    let receipt = stage.publish(&draft).await.unwrap().remove(0);
    let post = now(stage.posts(&draft).remove(0));
    let fault = stage.publish_one(&post).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect, fault.status), (Kind::Rejected, Effect::Maybe, Some(422)));
    assert!(fault.message.contains(receipt.url.as_deref().unwrap()), "{fault}");
    // what is there is older than a part that was made later
    let later = Post { created: Utc::now() + TimeDelta::minutes(10), ..post.clone() };
    let fault = stage.publish_one(&later).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Rejected, Effect::None));
    assert!(fault.message.ends_with("change the text to post it again"), "{fault}");
    // after a deletion LinkedIn names a post that there is not, as if it had just been made
    Delete::delete(&Network, &stage.cx(), &receipt).await.unwrap();
    let fault = stage.publish_one(&post).await.unwrap_err();
    assert_eq!(fault.effect, Effect::Maybe);
    let find: &dyn Find = &Network;
    assert_eq!(find.find(&stage.cx(), &post, &Value::Null, since).await.unwrap(), Found::No);
}

#[test]
fn a_number_holds_the_time() {
    let at = |urn: &str| api::made(urn).map(|at| at.format("%Y-%m-%d").to_string());
    // two posts whose days are known
    assert_eq!(at("urn:li:share:7141138937766391808").as_deref(), Some("2023-12-14"));
    assert_eq!(at("urn:li:ugcPost:7431329065766260736").as_deref(), Some("2026-02-22"));
    for none in ["urn:li:share:12345", "urn:li:share:99999999999999999999", "urn:li:share:", "urn:li:share:x"] {
        assert_eq!(at(none), None, "{none}");
    }
}

#[test]
fn answers_and_what_they_mean() {
    let said = |status, body: Value| Network.explain(&answer(status, &[("x-li-uuid", "AAY1")], &body.to_string())).unwrap();
    let day = said(429, json!({"status": 429, "serviceErrorCode": 101, "message": "Resource level throttle MEMBER DAY limit for calls to this resource is reached."}));
    assert_eq!((day.kind, day.effect, day.request_id.as_deref()), (Kind::Limited, Effect::None, Some("AAY1")));
    // the answer came on 2026-11-21 at noon
    assert_eq!(day.retry_at.unwrap().to_rfc3339(), "2026-11-22T00:00:00+00:00");
    assert_eq!(said(429, json!({"message": "Too many requests"})).retry_at, None);
    let version = said(426, json!({"status": 426, "code": "NONEXISTENT_VERSION", "message": "Requested version 20250101 is not active"}));
    assert_eq!(version.kind, Kind::Unsupported);
    assert!(version.message.contains("`api_version`") && version.message.contains("`202611`"), "{version}");
    for (number, words) in [(65601, "was revoked"), (65602, "has ended"), (65600, "does not accept")] {
        let fault = said(401, json!({"status": 401, "serviceErrorCode": number, "message": "x"}));
        assert!(fault.kind == Kind::Auth && fault.message.contains(words), "{fault}");
    }
    let field = said(400, json!({"status": 400, "message": "Value is too long", "errorDetails": {"inputErrors": [
        {"code": "FIELD_LENGTH_TOO_LONG", "description": "field length 3001 exceeds the maximum length of 3000.", "input": {"inputPath": {"fieldPath": "/commentary"}}}]}}));
    assert_eq!((field.kind, field.code.as_deref()), (Kind::Rejected, Some("FIELD_LENGTH_TOO_LONG")));
    assert_eq!(field.message, "/commentary: field length 3001 exceeds the maximum length of 3000");
    let duplicate = said(422, json!({"message": "x: Content is a duplicate of urn:li:share:7141138937766391808", "status": 422,
        "errorDetails": {"inputErrors": [{"code": "DUPLICATE_POST", "input": {}}]}}));
    assert_eq!((duplicate.effect, duplicate.code.as_deref()), (Effect::Maybe, Some("DUPLICATE_POST")));
    assert_eq!(said(409, json!({"message": "conflict"})).kind, Kind::Unavailable);
    assert_eq!(said(403, json!({"code": "ACCESS_DENIED", "message": "no"})).kind, Kind::Forbidden);
    assert_eq!(said(500, json!({"message": "no"})).effect, Effect::Maybe);
    assert_eq!(Network.explain(&answer(201, &[], "")), None);
}

#[tokio::test]
async fn another_version_of_the_api_is_a_setting() {
    for (set, status) in [(json!("202701"), None), (json!(202_701), None), (json!("202401"), Some(426))] {
        let mut stage = stage(true);
        stage.account.settings["api_version"] = set;
        let published = stage.publish(&text("x")).await;
        assert_eq!(published.err().and_then(|fault| fault.status), status);
    }
}

#[tokio::test]
async fn the_text_alone_can_be_changed() {
    let stage = stage(true);
    let edit: &dyn Edit = &Network;
    let mut draft = text("before");
    draft.comment = Some(Text::plain("comment"));
    let old = stage.posts(&draft);
    let receipts = stage.publish(&draft).await.unwrap();
    (draft.posts[0].text, draft.comment) = (Text::plain("after (all)"), Some(Text::plain("another comment")));
    let new = stage.posts(&draft);
    for n in 0..2 {
        edit.can(&old[n], &new[n]).unwrap();
        assert_eq!(edit.edit(&stage.cx(), &receipts[n], &new[n]).await.unwrap(), receipts[n]);
    }
    let seen: Vec<String> = stage.timeline().into_iter().map(|seen| seen.text).collect();
    assert_eq!(seen, ["after (all)", "another comment"]);
    assert!(edit.can(&old[0], &new[1]).is_err());
    let carded = stage.posts(&Content { card: card(&stage, "x", false), ..text("after") });
    assert!(edit.can(&old[0], &carded[0]).unwrap_err().contains("the text of a post and nothing else"));
    // a post that a person settled by its address
    let settled = Receipt { id: String::new(), ..receipts[0].clone() };
    Delete::delete(&Network, &stage.cx(), &settled).await.unwrap();
    assert_eq!(stage.timeline().len(), 0, "and its comment with it");
    let nameless = Receipt::new("", Some("https://www.linkedin.com/posts/ann-activity-1-x".into()));
    assert_eq!(Delete::delete(&Network, &stage.cx(), &nameless).await.unwrap_err().kind, Kind::Rejected);
}

#[tokio::test]
async fn a_day_has_so_many_calls() {
    let stage = stage(false);
    for n in 0..150 {
        let reply = Network.whoami(&stage.cx()).await;
        assert!(reply.is_ok(), "call {n}");
    }
    let fault = Network.whoami(&stage.cx()).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Limited);
    let left = fault.retry_at.unwrap() - Utc::now();
    assert!(left > TimeDelta::zero() && left <= TimeDelta::days(1), "{left}");
}

/// One request to a twin, as member 0 for pages.
fn ask(twin: &mut twin::LinkedIn, method: &str, raw: &str, change: &[(&str, &str)], body: Value) -> (u16, Value) {
    let mut headers = BTreeMap::from([
        ("authorization", format!("Bearer {}", twin::token(0, true))),
        ("linkedin-version", "202609".to_string()),
        ("x-restli-protocol-version", "2.0.0".to_string()),
        ("content-type", "application/json".to_string()),
    ]);
    headers.extend(change.iter().map(|(name, value)| (*name, value.to_string())));
    let reply = twin.answer(&Incoming {
        method: method.into(),
        host: "api.linkedin.com".into(),
        path: raw.replace("%3A", ":"),
        raw: raw.into(),
        headers: headers.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.to_string(), value)).collect(),
        body: body.to_string().into_bytes(),
        ..Incoming::default()
    });
    (reply.status, serde_json::from_slice(&reply.body).unwrap_or_default())
}

#[test]
fn the_twin_refuses_what_linkedin_refuses() {
    let mut twin = twin::LinkedIn::default();
    let good = || {
        json!({
            "author": "urn:li:organization:5000000", "commentary": "x", "visibility": "PUBLIC", "lifecycleState": "PUBLISHED",
            "distribution": {"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []},
        })
    };
    for (change, status, code) in [
        (("authorization", ""), 401, "INVALID_ACCESS_TOKEN"),
        (("authorization", "Bearer nobody"), 401, "INVALID_ACCESS_TOKEN"),
        (("linkedin-version", ""), 400, "VERSION_MISSING"),
        (("linkedin-version", "20260901"), 426, "NONEXISTENT_VERSION"),
        (("linkedin-version", "202613"), 426, "NONEXISTENT_VERSION"),
        (("x-restli-protocol-version", "1.0.0"), 400, "ILLEGAL_ARGUMENT"),
        (("content-type", "text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ] {
        let (got, answer) = ask(&mut twin, "POST", "/rest/posts", &[change], good());
        assert_eq!((got, answer["code"].as_str()), (status, Some(code)), "{change:?}");
    }
    // a key whose signs are not encoded
    assert_eq!(ask(&mut twin, "DELETE", "/rest/posts/urn:li:share:1", &[], Value::Null).0, 400);
    assert_eq!(ask(&mut twin, "DELETE", "/rest/posts/urn%3Ali%3Ashare%3A1", &[], Value::Null).0, 204);
    type Bend = fn(&mut Value);
    let bends: &[(Bend, u16)] = &[
        (|body| body["author"] = json!("urn:li:organization:7000000"), 403),
        (|body| body["author"] = json!("urn:li:person:somebody"), 403),
        (|body| body["visibility"] = json!("CONNECTIONS"), 422),
        (|body| body["lifecycleState"] = json!("DRAFT"), 422),
        (|body| body["commentary"] = json!("x".repeat(3001)), 400),
        (|body| body["commentary"] = json!(""), 422),
        (|body| drop(body.as_object_mut().unwrap().remove("commentary")), 422),
        (|body| drop(body.as_object_mut().unwrap().remove("distribution")), 422),
        (|body| body["text"] = json!("x"), 422),
        (|body| body["content"] = json!({"media": {"id": "urn:li:image:unknown"}}), 400),
        (|body| body["content"] = json!({"media": {"id": "urn:li:document:unknown"}}), 422),
        (|body| body["content"] = json!({"multiImage": {"images": [{"id": "urn:li:image:1"}]}}), 422),
        (|body| body["content"] = json!({"article": {"source": "https://a.example"}}), 422),
        (|body| body["content"] = json!({"article": {"source": "https://a.example", "title": "x"}, "poll": {}}), 422),
        (|body| body["content"] = json!({"poll": {"question": "x", "options": [{"text": "a"}, {"text": "b"}], "settings": {"duration": "TWO_DAYS"}}}), 422),
        (|body| body["content"] = json!({"poll": {"question": "x", "options": [{"text": "a"}], "settings": {"duration": "ONE_DAY"}}}), 422),
        (|body| body["reshareContext"] = json!({"parent": "urn:li:activity:1"}), 422),
    ];
    for (n, (bend, status)) in bends.iter().enumerate() {
        let mut body = good();
        bend(&mut body);
        assert_eq!(ask(&mut twin, "POST", "/rest/posts", &[], body).0, *status, "bend {n}");
    }
    assert_eq!(twin.timeline(), []);
    // a sign that is not escaped ends the text without a word
    let mut body = good();
    body["commentary"] = json!("Hello (world) and more");
    assert_eq!(ask(&mut twin, "POST", "/rest/posts", &[], body).0, 201);
    assert_eq!(twin.timeline()[0].text, "Hello ");
    let urn = twin.timeline()[0].id.clone();
    let key = urn.replace(':', "%3A");
    let patch = |field: &str| json!({"patch": {"$set": {field: "y"}}});
    let partial = [("x-restli-method", "PARTIAL_UPDATE")];
    assert_eq!(ask(&mut twin, "POST", &format!("/rest/posts/{key}"), &partial, patch("visibility")).0, 422);
    assert_eq!(ask(&mut twin, "POST", &format!("/rest/posts/{key}"), &[], patch("commentary")).0, 404);
    assert_eq!(ask(&mut twin, "POST", &format!("/rest/posts/{key}"), &partial, patch("commentary")).0, 204);
    let comment = |text: &str| json!({"actor": "urn:li:organization:5000000", "object": urn, "message": {"text": text}});
    let path = format!("/rest/socialActions/{key}/comments");
    assert_eq!(ask(&mut twin, "POST", &path, &[], comment(&"x".repeat(1251))).0, 400);
    assert_eq!(ask(&mut twin, "POST", &path, &[], comment("")).0, 400);
    assert_eq!(ask(&mut twin, "POST", &path.replace("share", "ugcPost"), &[], comment("x")).0, 404);
    assert_eq!(ask(&mut twin, "POST", &path, &[], comment("x")).0, 201);
}
