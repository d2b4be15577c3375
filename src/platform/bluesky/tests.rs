//! The platform against its twin.

use std::sync::Mutex;

use secrecy::{ExposeSecret, SecretString};

use super::*;
use crate::media::Card as LinkCard;
use crate::platform::stage::{Stage, answer, content, with};
use crate::platform::{Content, MediaUse, Sink};
use crate::text::{Kind as MarkKind, Mark};
use crate::twin::{Inject, What};

/// Remembers uploads, checkpoints and sessions.
#[derive(Default)]
struct Memory {
    uploads: Mutex<BTreeMap<String, Value>>,
    saved: Mutex<Vec<Value>>,
}

#[async_trait]
impl Sink for Memory {
    async fn save(&self, state: &Value) -> Result<(), Fault> {
        self.saved.lock().unwrap().push(state.clone());
        Ok(())
    }
    async fn keep(&self, _: &BTreeMap<String, SecretString>) -> Result<(), Fault> {
        Ok(())
    }
    async fn uploaded(&self, sha256: &str, _: &str) -> Result<Option<Value>, Fault> {
        Ok(self.uploads.lock().unwrap().get(sha256).cloned())
    }
    async fn remember_upload(&self, sha256: &str, _: &str, remote: &Value, _: DateTime<Utc>) -> Result<(), Fault> {
        self.uploads.lock().unwrap().insert(sha256.to_string(), remote.clone());
        Ok(())
    }
    fn progress(&self, _: &str) {}
}

/// An account whose session is warm.
async fn stage() -> Stage {
    let stage = Stage::new(&Network, 0);
    Network.whoami(&stage.cx()).await.unwrap();
    stage.server.clear_log();
    stage
}

fn text(text: &str) -> Content {
    content(vec![(Text::plain(text), Vec::new())])
}

fn marked(text: &str, marks: Vec<(usize, usize, MarkKind)>) -> Text {
    let marks = marks.into_iter().map(|(start, end, kind)| Mark { start, end, kind }).collect();
    Text { text: text.to_string(), marks }
}

fn paths(stage: &Stage) -> Vec<String> {
    let log = stage.server.log();
    log.iter().map(|exchange| exchange.request.path.rsplit('.').next().unwrap().to_string()).collect()
}

fn record(stage: &Stage, at: usize) -> Value {
    stage.timeline()[at].extra["record"].clone()
}

#[tokio::test]
async fn a_text_post_with_a_warm_session_is_one_request() {
    let stage = stage().await;
    let receipt = stage.publish(&text("Hello")).await.unwrap().remove(0);
    assert_eq!(paths(&stage), ["putRecord"]);
    assert_eq!(stage.server.log()[0].request.host, "morel.bsky.example", "the PDS, not its entrance");
    let seen = stage.timeline();
    assert_eq!(seen[0].id, receipt.id);
    assert_eq!(receipt.url, seen[0].url);
    assert_eq!(record(&stage, 0), json!({"$type": POST, "text": "Hello", "createdAt": "2026-11-21T12:00:00.000Z"}));
}

#[tokio::test]
async fn a_cold_start_logs_in_once() {
    let stage = Stage::new(&Network, 0);
    stage.publish(&text("a")).await.unwrap();
    stage.publish(&text("b")).await.unwrap();
    assert_eq!(paths(&stage), ["createSession", "putRecord", "putRecord"]);
    let secrets = stage.secrets.read().unwrap();
    let facts: Facts = serde_json::from_str(secrets["session_facts"].expose_secret()).unwrap();
    assert_eq!((facts.pds.as_str(), facts.handle.as_str()), ("https://morel.bsky.example", "ann0.bsky.example"));
}

#[tokio::test]
async fn the_same_part_twice_is_one_post() {
    let stage = stage().await;
    let post = stage.posts(&text("once")).remove(0);
    let first = stage.publish_one(&post).await.unwrap();
    assert_eq!(stage.publish_one(&post).await.unwrap(), first);
    let mut other = post.clone();
    other.payload["record"]["text"] = json!("changed");
    let fault = stage.publish_one(&other).await.unwrap_err();
    assert_eq!((fault.effect, fault.code.as_deref()), (Effect::Maybe, Some("InvalidSwap")));
    let find = Platform::find(&Network).unwrap();
    assert_eq!(find.find(&stage.cx(), &other, &Value::Null, Utc::now()).await.unwrap(), Found::Yes(first.clone()));
    Platform::delete(&Network).unwrap().delete(&stage.cx(), &first).await.unwrap();
    Platform::delete(&Network).unwrap().delete(&stage.cx(), &first).await.unwrap();
    assert_eq!(find.find(&stage.cx(), &post, &Value::Null, Utc::now()).await.unwrap(), Found::No);
}

#[tokio::test]
async fn expired_sessions() {
    let stage = stage().await;
    stage.server.expire_sessions("bluesky");
    let post = stage.posts(&text("a")).remove(0);
    let fault = stage.publish_one(&post).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect, fault.code.as_deref()), (Kind::Auth, Effect::None, Some("ExpiredToken")));
    assert!(Network.refresh(&stage.cx()).await.unwrap());
    stage.publish_one(&post).await.unwrap();
    assert_eq!(paths(&stage), ["putRecord", "refreshSession", "putRecord"]);
    // a refresh token that the network does not know: the password helps
    stage.secrets.write().unwrap().insert("session_refresh".into(), "nonsense".to_string().into());
    assert!(Network.refresh(&stage.cx()).await.unwrap());
    assert_eq!(paths(&stage)[3..], ["refreshSession", "createSession"]);
    stage.secrets.write().unwrap().insert("password".into(), "wrong-password".to_string().into());
    stage.secrets.write().unwrap().insert("session_refresh".into(), "nonsense".to_string().into());
    let fault = Network.refresh(&stage.cx()).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect, fault.status), (Kind::Auth, Effect::None, Some(401)));
}

#[tokio::test]
async fn another_handle_is_another_session() {
    let mut stage = stage().await;
    stage.account.settings = json!({"handle": "@ann1.bsky.example"});
    stage.secrets.write().unwrap().insert("password".into(), "twin-pass-word-0001".to_string().into());
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap().handle, "@ann1.bsky.example");
}

#[tokio::test]
async fn a_thread_hangs_together() {
    let stage = stage().await;
    let draft = content(["one", "two", "three"].map(|text| (Text::plain(text), Vec::new())).to_vec());
    let receipts = stage.publish(&draft).await.unwrap();
    assert_eq!(paths(&stage), ["putRecord"; 3]);
    let reply = record(&stage, 2)["reply"].clone();
    assert_eq!(reply["root"], json!({"uri": receipts[0].id, "cid": receipts[0].extra["cid"]}));
    assert_eq!(reply["parent"], json!({"uri": receipts[1].id, "cid": receipts[1].extra["cid"]}));
    // a thread that replies to the middle of another one has that one's root
    let mut answer = content(["four", "five"].map(|text| (Text::plain(text), Vec::new())).to_vec());
    answer.reply_to = Some(Reference::Url(stage.timeline()[1].url.clone().unwrap()));
    stage.publish(&answer).await.unwrap();
    for (at, parent) in [(3, 1), (4, 3)] {
        let reply = record(&stage, at)["reply"].clone();
        assert_eq!(reply["root"]["uri"], json!(receipts[0].id), "post {at}");
        assert_eq!(reply["parent"]["uri"], json!(stage.timeline()[parent].id));
    }
}

#[tokio::test]
async fn a_part_that_a_person_settled_has_only_an_address() {
    let stage = stage().await;
    let first = stage.publish(&text("first")).await.unwrap().remove(0);
    let settled = Receipt { id: String::new(), url: first.url.clone(), extra: Value::Null };
    let mut post = stage.posts(&text("second")).remove(0);
    (post.root, post.parent) = (Some(settled.clone()), Some(settled.clone()));
    stage.publish_one(&post).await.unwrap();
    assert_eq!(record(&stage, 1)["reply"]["root"], json!({"uri": first.id, "cid": first.extra["cid"]}));
    Platform::delete(&Network).unwrap().delete(&stage.cx(), &settled).await.unwrap();
    assert_eq!(stage.timeline().len(), 1);
}

#[tokio::test]
async fn facets_and_people() {
    let stage = stage().await;
    let line = "né docs @ann1.bsky.example @no.body.example #rust";
    let marks = vec![
        (4, 8, MarkKind::Link { url: "https://example.org/docs".into() }),
        (9, 27, MarkKind::Mention { handle: "ann1.bsky.example".into() }),
        (28, 44, MarkKind::Mention { handle: "no.body.example".into() }),
        (45, 50, MarkKind::Tag { tag: "rust".into() }),
    ];
    let mut draft = content(vec![(marked(line, marks), Vec::new())]);
    draft.lang = Some("en".into());
    stage.publish(&draft).await.unwrap();
    let record = record(&stage, 0);
    let kinds: Vec<&str> =
        record["facets"].as_array().unwrap().iter().map(|facet| facet["features"][0]["$type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["link", "mention", "tag"].map(|kind| format!("app.bsky.richtext.facet#{kind}")));
    assert!(record["facets"][1]["features"][0]["did"].as_str().unwrap().starts_with("did:plc:"));
    assert_eq!(record["langs"], json!(["en"]));
    assert_eq!(paths(&stage), ["resolveHandle", "resolveHandle", "putRecord"]);
}

#[tokio::test]
async fn pictures_cards_and_quotes() {
    let stage = stage().await;
    let picture = stage.file("crab.png", "image/png", 2000, Some("The crab"));
    let first = stage.publish(&content(vec![(Text::plain("look"), vec![picture.clone()])])).await.unwrap().remove(0);
    let embed = record(&stage, 0)["embed"].clone();
    assert_eq!(embed["images"][0]["alt"], "The crab");
    assert_eq!(embed["images"][0]["aspectRatio"], json!({"width": 64, "height": 48}));
    assert_eq!(embed["images"][0]["image"]["size"], 2000);

    let mut card = text("a page");
    let image = picture.media.clone();
    card.card =
        Some(LinkCard { url: "https://example.org/".into(), title: "T".into(), description: "D".into(), image: Some(image) });
    card.quote = Some(Reference::Ours(first.clone()));
    let mut post = stage.posts(&card).remove(0);
    post.quote.clone_from(&card.quote);
    stage.publish_one(&post).await.unwrap();
    let embed = record(&stage, 1)["embed"].clone();
    assert_eq!(embed["$type"], "app.bsky.embed.recordWithMedia");
    assert_eq!(embed["record"]["record"]["uri"], json!(first.id));
    assert_eq!(embed["media"]["external"]["thumb"]["size"], 2000);

    let mut quote = text("by address");
    quote.quote = Some(Reference::Url(first.id.clone()));
    let mut post = stage.posts(&quote).remove(0);
    post.quote.clone_from(&quote.quote);
    stage.publish_one(&post).await.unwrap();
    assert_eq!(record(&stage, 2)["embed"]["record"]["cid"], first.extra["cid"]);
}

#[tokio::test]
async fn gates_stand_before_their_post() {
    let stage = stage().await;
    let draft = with(with(text("quiet"), "threadgate", json!(["mentions", "following"])), "quotes", json!(false));
    let receipt = stage.publish(&draft).await.unwrap().remove(0);
    assert_eq!(paths(&stage), ["putRecord"; 3]);
    let seen = &stage.timeline()[0];
    assert_eq!(seen.extra["threadgate"]["post"], json!(receipt.id));
    assert_eq!(seen.extra["threadgate"]["allow"].as_array().unwrap().len(), 2);
    assert_eq!(seen.extra["postgate"]["embeddingRules"][0]["$type"], "app.bsky.feed.postgate#disableRule");
    let last = stage.server.log().pop().unwrap();
    assert!(String::from_utf8_lossy(&last.request.body).contains("\"app.bsky.feed.post\""), "the post comes last");
    Platform::delete(&Network).unwrap().delete(&stage.cx(), &receipt).await.unwrap();
    assert_eq!(paths(&stage)[3..], ["deleteRecord"; 3]);
    let nobody = stage.posts(&with(text("a"), "threadgate", json!("nobody"))).remove(0);
    assert_eq!(nobody.payload["threadgate"]["allow"], json!([]));
    let wrong = stage.render(&with(text("a"), "threadgate", json!(["friends"])));
    assert!(wrong.problems[0].message.contains("`friends`"));
}

#[tokio::test]
async fn uploads_are_used_again_until_the_network_forgets_them() {
    let stage = stage().await;
    let memory = Memory::default();
    let cx = Cx { sink: &memory, ..stage.cx() };
    let media: Vec<MediaUse> = vec![stage.file("a.png", "image/png", 50, None), stage.file("b.png", "image/png", 60, None)];
    let draft = content(vec![(Text::plain("two"), media)]);
    let mut post = stage.posts(&draft).remove(0);
    let Ready::Now(ready) = Network.prepare(&cx, &post).await.unwrap() else { panic!("later") };
    assert_eq!(paths(&stage), ["uploadBlob"; 2]);
    assert_eq!(memory.saved.lock().unwrap().len(), 2, "a checkpoint for each");
    post.state = ready.clone();
    assert_eq!(Network.prepare(&cx, &post).await.unwrap(), Ready::Now(ready.clone()));
    let again = stage.posts(&draft).remove(0);
    Network.prepare(&cx, &again).await.unwrap();
    assert_eq!(paths(&stage).len(), 2);
    // an hour later nobody has them any more
    let mut old = ready.clone();
    for blob in old["blobs"].as_array_mut().unwrap() {
        blob["at"] = json!(Utc::now() - TimeDelta::hours(1));
        blob["blob"]["ref"]["$link"] = json!("bafkreigone");
    }
    let fault = Network.publish(&cx, &post, &old).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Unavailable, Effect::None));
    post.state = memory.saved.lock().unwrap().last().unwrap().clone();
    let Ready::Now(ready) = Network.prepare(&cx, &post).await.unwrap() else { panic!("later") };
    Network.publish(&cx, &post, &ready).await.unwrap();
    assert_eq!(stage.timeline()[0].media.len(), 2);
    post.state = old;
    Network.prepare(&cx, &post).await.unwrap();
}

#[test]
fn warnings_and_labels() {
    let limits = Limits::of(&SPEC);
    let render = |draft: &Content| Network.render(&Ask { content: draft, account: None, limits: &limits });
    let mut draft = text("body");
    draft.warning = Some("nudity".into());
    let labelled = render(&draft);
    assert_eq!(labelled.parts[0].payload["record"]["labels"]["values"], json!([{"val": "nudity"}]));
    assert_eq!(labelled.parts[0].text.text, "body");
    draft.warning = Some("long".into());
    let worded = render(&draft);
    assert_eq!(worded.parts[0].text.text, "CW: long\n\nbody");
    assert_eq!(worded.changes[0].code, "warning_as_text");
    let own = render(&with(draft, "labels", json!(["sexual"])));
    assert_eq!(own.parts[0].payload["record"]["labels"]["values"], json!([{"val": "sexual"}]));
    let tags = render(&with(text("a"), "hidden_tags", json!(["#rust", "release"])));
    assert_eq!(tags.parts[0].payload["record"]["tags"], json!(["rust", "release"]));
    assert_eq!(render(&with(text("a"), "hidden_tags", json!(vec!["x"; 9]))).problems.len(), 1);
    assert_eq!(tags.parts, render(&with(text("a"), "hidden_tags", json!(["#rust", "release"]))).parts);
}

#[tokio::test]
async fn limits_of_the_server() {
    let mut stage = stage().await;
    stage.discover().await;
    assert_eq!(stage.account.about, json!({"pds": "https://morel.bsky.example", "blob_bytes": 5_242_880, "video": "https://video.bsky.app"}));
    assert_eq!(Network.limits(&stage.account.about).image_bytes, IMAGE_BYTES);
    assert_eq!(Network.limits(&json!({"blob_bytes": 1000})).image_bytes, 1000);
    let limits = Network.limits(&Value::Null);
    assert_eq!((limits.text, limits.images, limits.alt), (Some(300), 4, Some(2000)));
}

#[tokio::test]
async fn refusals() {
    let stage = stage().await;
    let mut post = stage.posts(&text("a")).remove(0);
    post.payload["record"]["text"] = json!("x".repeat(301));
    let fault = stage.publish_one(&post).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect, fault.code.as_deref()), (Kind::Rejected, Effect::None, Some("InvalidRequest")));
    stage.server.inject(Inject::new(What::Limited { seconds: 30 }));
    let fault = stage.publish(&text("a")).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Limited, Effect::None));
    let wait = (fault.retry_at.unwrap() - Utc::now()).num_seconds();
    assert!((20..=31).contains(&wait), "{wait}");
    let mut post = stage.posts(&text("a")).remove(0);
    post.reply_to = Some(Reference::Url("https://example.org/".into()));
    assert!(stage.publish_one(&post).await.unwrap_err().message.contains("not the address of a Bluesky post"));
    post.reply_to = Some(Reference::Url(format!("https://bsky.app/profile/ann0.bsky.example/post/{}", "2".repeat(13))));
    assert!(stage.publish_one(&post).await.unwrap_err().message.contains("is not there"));
}

#[test]
fn every_shape_of_error() {
    let kind = |status: u16, body: &str| {
        Network.explain(&answer(status, &[], body)).map(|fault| (fault.kind, fault.effect == Effect::Maybe))
    };
    assert_eq!(kind(200, "{}"), None);
    let cases = [
        (400, "ExpiredToken", Kind::Auth, false),
        (400, "InvalidToken", Kind::Auth, false),
        (401, "AuthenticationRequired", Kind::Auth, false),
        (401, "AuthFactorTokenRequired", Kind::Auth, false),
        (401, "AccountTakedown", Kind::Forbidden, false),
        (403, "ScopeMissingError", Kind::Forbidden, false),
        (400, "InvalidSwap", Kind::Rejected, true),
        (400, "BlobNotFound", Kind::Rejected, false),
        (413, "PayloadTooLarge", Kind::Rejected, false),
        (429, "RateLimitExceeded", Kind::Limited, false),
        (500, "InternalServerError", Kind::Unavailable, true),
        (502, "UpstreamFailure", Kind::Unavailable, true),
    ];
    for (status, name, wanted, maybe) in cases {
        let body = json!({"error": name, "message": "Some words"}).to_string();
        assert_eq!(kind(status, &body), Some((wanted, maybe)), "{name}");
    }
    assert_eq!(kind(502, "<html><title>Bad gateway</title></html>"), Some((Kind::Unavailable, true)));
    assert_eq!(kind(404, "Not Found"), Some((Kind::Rejected, false)));
    assert_eq!(kind(400, ""), Some((Kind::Rejected, false)));
}
