//! The platform against its twin, and what it makes of answers of servers that are not Mastodon.

use std::collections::BTreeMap;
use std::sync::Mutex;

use secrecy::SecretString;

use super::*;
use crate::platform::MediaUse;
use crate::draft::Poll;
use crate::net::{Fault, Kind};
use crate::platform::stage::{Stage, answer, content, with};
use crate::platform::{Content, Sink};
use crate::twin::{Inject, What};

/// Remembers uploads and checkpoints.
#[derive(Default)]
struct Memory {
    uploads: Mutex<BTreeMap<(String, String), Value>>,
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
    async fn uploaded(&self, sha256: &str, kind: &str) -> Result<Option<Value>, Fault> {
        Ok(self.uploads.lock().unwrap().get(&(sha256.to_string(), kind.to_string())).cloned())
    }
    async fn remember_upload(&self, sha256: &str, kind: &str, remote: &Value, _: DateTime<Utc>) -> Result<(), Fault> {
        self.uploads.lock().unwrap().insert((sha256.to_string(), kind.to_string()), remote.clone());
        Ok(())
    }
    fn progress(&self, _: &str) {}
}

fn remembering<'a>(stage: &'a Stage, memory: &'a Memory) -> Cx<'a> {
    Cx { sink: memory, ..stage.cx() }
}

async fn stage() -> Stage {
    let mut stage = Stage::new(&Network, 0);
    stage.discover().await;
    stage.server.clear_log();
    stage
}

fn text(text: &str) -> Content {
    content(vec![(Text::plain(text), Vec::new())])
}

/// A file that begins as one of this type does.
fn file(stage: &Stage, name: &str, alt: Option<&str>) -> MediaUse {
    let (mime, head): (_, &[u8]) =
        if name.ends_with("mp4") { ("video/mp4", b"\0\0\0\x18ftypmp42") } else { ("image/png", b"\x89PNG\r\n\x1a\n") };
    let medium = stage.file(name, mime, 100 + name.len(), alt);
    let mut bytes = vec![7; medium.media.bytes as usize];
    bytes[..head.len()].copy_from_slice(head);
    std::fs::write(&medium.media.path, bytes).unwrap();
    medium
}

fn paths(stage: &Stage) -> Vec<String> {
    stage.server.log().iter().map(|exchange| format!("{} {}", exchange.request.method, exchange.request.path)).collect()
}

#[tokio::test]
async fn a_text_post_is_one_request() {
    let stage = stage().await;
    let receipt = stage.publish(&text("Hello")).await.unwrap().remove(0);
    assert_eq!(paths(&stage), ["POST /api/v1/statuses"]);
    let seen = stage.timeline();
    assert_eq!((seen[0].text.as_str(), Some(&seen[0].id)), ("Hello", Some(&receipt.id)));
    assert_eq!(receipt.url, seen[0].url);
}

#[tokio::test]
async fn the_same_part_twice_is_one_post() {
    let stage = stage().await;
    let post = stage.posts(&text("once")).remove(0);
    let first = stage.publish_one(&post).await.unwrap();
    assert_eq!(stage.publish_one(&post).await.unwrap(), first);
    assert_eq!(stage.timeline().len(), 1);
}

#[tokio::test]
async fn a_thread_with_everything() {
    let stage = stage().await;
    let picture = file(&stage, "crab.png", Some("The crab"));
    let mut draft =
        content(vec![(Text::plain("one"), vec![picture]), (Text::plain("two"), Vec::new()), (Text::plain("three"), Vec::new())]);
    draft.warning = Some("long".into());
    draft.visibility = Some(Visibility::Unlisted);
    draft.lang = Some("en-GB".into());
    let draft = with(draft, "quote_policy", json!("nobody"));
    let receipts = stage.publish(&draft).await.unwrap();
    let seen = stage.timeline();
    assert_eq!(seen.iter().map(|seen| seen.reply_to.clone()).collect::<Vec<_>>(), [
        None,
        Some(receipts[0].id.clone()),
        Some(receipts[1].id.clone())
    ]);
    assert_eq!(seen[0].media[0].alt, "The crab");
    for seen in seen {
        assert_eq!(
            seen.extra,
            json!({"visibility": "unlisted", "spoiler_text": "long", "sensitive": true, "language": "en", "quote_approval_policy": "nobody"})
        );
    }
}

#[tokio::test]
async fn a_film_takes_its_time() {
    let stage = stage().await;
    let memory = Memory::default();
    let cx = remembering(&stage, &memory);
    let mut post = stage.posts(&content(vec![(Text::plain("film"), vec![file(&stage, "film.mp4", None)])])).remove(0);
    let mut waits = 0;
    let ready = loop {
        match Network.prepare(&cx, &post).await.unwrap() {
            Ready::Later { state, at } => {
                assert!(at > Utc::now());
                waits += 1;
                post.state = state;
            }
            Ready::Now(ready) => break ready,
        }
    };
    assert_eq!(waits, 2);
    Network.publish(&cx, &post, &ready).await.unwrap();
    let asked = paths(&stage);
    assert_eq!(asked.iter().filter(|path| path.starts_with("POST /api/v2/media")).count(), 1);
    assert_eq!(stage.timeline()[0].media[0].mime, "video/mp4");
}

#[tokio::test]
async fn an_upload_is_used_again_until_a_post_has_it() {
    let stage = stage().await;
    let memory = Memory::default();
    let cx = remembering(&stage, &memory);
    let uploads = || paths(&stage).iter().filter(|path| path.starts_with("POST /api/v2/media")).count();
    let draft = |alt: &str| content(vec![(Text::plain("a"), vec![file(&stage, "crab.png", Some(alt))])]);
    let prepare = async |alt: &str, state: Value| {
        let mut post = stage.posts(&draft(alt)).remove(0);
        post.state = state;
        let Ready::Now(ready) = Network.prepare(&cx, &post).await.unwrap() else { panic!("later") };
        (post, ready)
    };
    prepare("x", Value::Null).await;
    let (post, ready) = prepare("x", Value::Null).await;
    assert_eq!(uploads(), 1, "not attached yet");
    Network.publish(&cx, &post, &ready).await.unwrap();
    let (_, ready) = prepare("x", Value::Null).await;
    assert_eq!(uploads(), 2, "attached: a second one is needed");
    prepare("other words", Value::Null).await;
    assert_eq!(uploads(), 3, "another alt");
    prepare("x", ready).await;
    assert_eq!(uploads(), 3, "a checkpoint is not repeated");
    assert_eq!(memory.saved.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn replies_and_quotes_by_address() {
    let stage = stage().await;
    let first = stage.publish(&text("first")).await.unwrap().remove(0);
    let mut post = stage.posts(&text("reply")).remove(0);
    post.reply_to = Some(Reference::Url(first.url.clone().unwrap()));
    stage.publish_one(&post).await.unwrap();
    assert_eq!(stage.timeline()[1].reply_to.as_ref(), Some(&first.id));
    assert_eq!(paths(&stage).len(), 2, "an address of the own server needs no search");
    let mut quoting = text("quote");
    quoting.quote = Some(Reference::Ours(first.clone()));
    let mut post = stage.posts(&quoting).remove(0);
    post.quote.clone_from(&quoting.quote);
    stage.publish_one(&post).await.unwrap();
    assert_eq!(stage.timeline()[2].extra["quoted_status_id"], json!(first.id));
    let mut post = stage.posts(&text("reply")).remove(0);
    post.reply_to = Some(Reference::Url("https://elsewhere.example/@bob/7".into()));
    let fault = stage.publish_one(&post).await.unwrap_err();
    assert_eq!((fault.kind, fault.message.contains("finds no post")), (Kind::Rejected, true));
    assert!(paths(&stage).last().unwrap().starts_with("GET /api/v2/search"));
}

#[tokio::test]
async fn a_part_that_a_person_settled_has_only_an_address() {
    let stage = stage().await;
    let first = stage.publish(&text("first")).await.unwrap().remove(0);
    let settled = Receipt { id: String::new(), url: first.url.clone(), extra: Value::Null };
    let mut post = stage.posts(&text("second")).remove(0);
    post.parent = Some(settled.clone());
    stage.publish_one(&post).await.unwrap();
    assert_eq!(stage.timeline()[1].reply_to, Some(first.id));
    Platform::delete(&Network).unwrap().delete(&stage.cx(), &settled).await.unwrap();
    assert_eq!(stage.timeline().len(), 1);
}

#[test]
fn a_quote_becomes_a_link_where_there_are_none() {
    let mut draft = text("look");
    draft.quote = Some(Reference::Url("https://m.example/@bob/7".into()));
    let render = |about: Option<Value>, draft: &Content| {
        let account = about.map(|about| AccountInfo { about, ..AccountInfo::default() });
        let limits = Limits::of(&SPEC);
        Network.render(&Ask { content: draft, account: account.as_ref(), limits: &limits })
    };
    let new = render(Some(json!({"software": "mastodon", "api": 7})), &draft);
    assert_eq!(new.parts[0].payload, json!({"status": "look", "quoted_status_id": null}));
    for about in [json!({"software": "mastodon", "api": 6}), json!({"software": "snac"}), Value::Null] {
        let old = render(Some(about), &draft);
        assert_eq!(old.parts[0].payload, json!({"status": "look\n\nhttps://m.example/@bob/7"}));
        assert_eq!(old.changes[0].code, "quote_as_link");
        assert_eq!(old.parts[0].text.marks[0].start, 6);
    }
    assert!(render(None, &draft).parts[0].payload.get("quoted_status_id").is_some());
    draft.poll = Some(Poll { question: None, options: vec!["a".into(), "b".into()], duration: Some("1h".into()), multiple: true });
    let poll = render(None, &draft);
    assert_eq!(poll.parts[0].payload["poll"], json!({"options": ["a", "b"], "expires_in": 3600, "multiple": true}));
    assert!(poll.parts[0].payload.get("quoted_status_id").is_none());
}

#[test]
fn encode_is_pure_and_says_what_a_server_cannot() {
    let account = |software: &str| AccountInfo {
        about: json!({"software": software, "version": "1", "formats": ["text/plain", "text/markdown"]}),
        ..AccountInfo::default()
    };
    let try_on = |software: &str, draft: &Content| {
        let account = account(software);
        let limits = Network.limits(&account.about);
        let ask = Ask { content: draft, account: Some(&account), limits: &limits };
        let (first, second) = (Network.render(&ask), Network.render(&ask));
        assert_eq!(first.parts, second.parts);
        let problems: Vec<&str> = first.problems.iter().map(|problem| problem.message.as_str()).collect();
        match problems.first() {
            Some(_) => Err(problems.join("\n")),
            None => Ok(first.parts[0].payload.clone()),
        }
    };
    assert!(try_on("pixelfed", &text("a")).unwrap_err().contains("picture"));
    let mut direct = text("a");
    direct.visibility = Some(Visibility::Direct);
    assert!(try_on("snac", &direct).is_err());
    assert_eq!(try_on("mastodon", &direct).unwrap()["visibility"], "direct");
    let markdown = with(text("a"), "content_type", json!("text/markdown"));
    assert_eq!(try_on("gotosocial", &markdown).unwrap()["content_type"], "text/markdown");
    assert!(try_on("gotosocial", &with(text("a"), "content_type", json!("text/html"))).is_err());
    let local = with(text("a"), "local_only", json!(true));
    assert_eq!(try_on("akkoma", &local).unwrap()["visibility"], "local");
    assert_eq!(try_on("hometown", &local).unwrap()["local_only"], true);
    assert!(try_on("mastodon", &local).is_err());
    assert_eq!(try_on("akkoma", &with(text("a"), "audience", json!("list:7"))).unwrap()["visibility"], "list:7");
    assert!(try_on("mastodon", &with(text("a"), "audience", json!("list:7"))).is_err());
    let mut poll = text("a");
    poll.poll = Some(Poll { question: None, options: vec!["a".into(), "b".into()], duration: Some("soon".into()), multiple: false });
    assert!(try_on("mastodon", &poll).unwrap_err().contains("`soon`"));
    assert!(try_on("snac", &poll).unwrap_err().contains("no polls"));
}

#[test]
fn the_warning_counts() {
    let mut draft = text("12345");
    draft.warning = Some("abc".into());
    let limits = Limits::of(&SPEC);
    let rendered = Network.render(&Ask { content: &draft, account: None, limits: &limits });
    assert_eq!((rendered.parts[0].count, rendered.parts[0].limit), (8, Some(500)));
}

#[test]
fn languages_are_short() {
    assert_eq!(["en", "en-GB", "pt_BR", "zh-TW"].map(language), ["en", "en", "pt", "zh-TW"]);
}

#[test]
fn addresses_of_the_own_server() {
    let own = |url: &str| own_status("https://m.example", url);
    assert_eq!(own("https://m.example/@ann/123").as_deref(), Some("123"));
    assert_eq!(own("https://m.example/users/ann/statuses/123/").as_deref(), Some("123"));
    for other in ["https://m.example.org/@ann/1", "https://m.example/@ann", "https://m.example/notice/Ab1", "https://x/@a/1"] {
        assert_eq!(own(other), None, "{other}");
    }
    assert_eq!(tail("https://a.b/@ann/12/?x#y"), "12");
}

#[tokio::test]
async fn found_or_certainly_not() {
    let stage = stage().await;
    let post = stage.posts(&text("Is it there? https://example.org/a/long/path/of/many/characters & <so> on")).remove(0);
    let since = Utc::now();
    let find = async || Platform::find(&Network).unwrap().find(&stage.cx(), &post, &Value::Null, since).await.unwrap();
    assert_eq!(find().await, Found::No);
    let receipt = stage.publish_one(&post).await.unwrap();
    stage.publish(&text("another")).await.unwrap();
    assert_eq!(find().await, Found::Yes(receipt));
}

#[tokio::test]
async fn deleted_and_gone_already() {
    let stage = stage().await;
    let receipt = stage.publish(&text("oops")).await.unwrap().remove(0);
    let delete = async || Platform::delete(&Network).unwrap().delete(&stage.cx(), &receipt).await;
    delete().await.unwrap();
    assert!(stage.timeline().is_empty());
    delete().await.unwrap();
}

#[tokio::test]
async fn who_and_what() {
    let mut stage = stage().await;
    let profile = Network.whoami(&stage.cx()).await.unwrap();
    assert_eq!(profile.handle, "@ann0@mastodon.example");
    assert_eq!(stage.account.about["software"], "mastodon");
    assert_eq!(Network.limits(&stage.account.about).text, Some(500));
    assert_eq!(Network.repeat(&stage.account), Repeat::Key { window: KEY_WINDOW });
    stage.secrets.write().unwrap().insert("token".into(), "wrong".to_string().into());
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap_err().kind, Kind::Auth);
    stage.account.server = "https://nowhere.example".into();
    let fault = Network.discover(&stage.cx()).await.unwrap_err();
    assert!(!fault.message.is_empty());
}

#[tokio::test]
async fn a_refusal_is_a_refusal() {
    let stage = stage().await;
    let mut post = stage.posts(&text("a")).remove(0);
    post.payload["status"] = json!("x".repeat(501));
    let fault = stage.publish_one(&post).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect, fault.status), (Kind::Rejected, Effect::None, Some(422)));
    stage.server.inject(Inject::new(What::Limited { seconds: 30 }));
    let fault = stage.publish(&text("a")).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Limited, Effect::None));
    let wait = (fault.retry_at.unwrap() - Utc::now()).num_seconds();
    assert!((20..=31).contains(&wait), "{wait}");
}

#[test]
fn every_shape_of_error() {
    let explain = |status: u16, body: &str| Network.explain(&answer(status, &[], body));
    let kind = |status: u16, body: &str| explain(status, body).map(|fault| (fault.kind, fault.effect));
    let none = |kind: Kind| Some((kind, Effect::None));
    assert_eq!(kind(200, "{}"), None);
    assert_eq!(kind(401, r#"{"error":"The access token is invalid"}"#), none(Kind::Auth));
    assert_eq!(kind(401, ""), none(Kind::Auth));
    assert_eq!(kind(400, "Invalid Bearer token"), none(Kind::Auth));
    assert_eq!(kind(400, r#"{"error":"Duplicate idempotency key."}"#), Some((Kind::Rejected, Effect::Maybe)));
    assert_eq!(kind(403, r#"{"error":"This action is outside the authorized scopes"}"#), none(Kind::Forbidden));
    assert_eq!(kind(422, ""), none(Kind::Rejected));
    assert_eq!(kind(422, r#"{"error":"Validation failed: Text can't be blank"}"#), none(Kind::Rejected));
    assert_eq!(kind(404, "<h1>404 Not Found (snac/2.75)</h1>"), none(Kind::Rejected));
    assert_eq!(kind(500, "<html><title>We're sorry</title></html>"), Some((Kind::Unavailable, Effect::Maybe)));
    let busy = explain(422, r#"{"error":"Cannot attach files that have not finished processing. Try again in a moment!"}"#);
    let busy = busy.unwrap();
    assert_eq!((busy.kind, busy.effect, busy.retry_at.is_some()), (Kind::Unavailable, Effect::None, true));
    let mut read = answer(422, &[], "");
    read.write = false;
    assert_eq!(Network.explain(&read).unwrap().kind, Kind::Auth);
    let throttled = Network.explain(&answer(503, &[("retry-after", "30")], "")).unwrap();
    assert_eq!((throttled.kind, throttled.effect), (Kind::Unavailable, Effect::None));
}

#[tokio::test]
async fn the_token_goes_to_the_server_of_the_account_alone() {
    let mut stage = stage().await;
    stage.account.about = json!({"software": "mastodon", "server": "https://evil.example", "media": "https://files.mastodon.example"});
    let token = stage.cx().secret("token").unwrap();
    for evil in
        ["https://evil.example", "https://files.mastodon.example", "http://mastodon.example", "https://mastodon.example:8443"]
    {
        let request = api::request(evil, Method::GET, "/api/v1/accounts/verify_credentials").bearer(&token);
        let fault = stage.cx().call(request).await.unwrap_err();
        assert!(fault.kind == Kind::Local && fault.message.contains(&format!("not sent to `{evil}`")), "{fault}");
    }
    assert!(paths(&stage).is_empty());
    // uploads and what is read of them are the server's own, wherever the files are shown from
    stage.publish(&content(vec![(Text::plain("a"), vec![file(&stage, "crab.png", None)])])).await.unwrap();
    assert!(stage.server.log().iter().all(|exchange| exchange.request.host == "mastodon.example"));
    // nor does a redirect take it along
    stage.server.inject(Inject::new(What::Redirect { to: "https://evil.example/api".into() }));
    let fault = Network.whoami(&stage.cx()).await.unwrap_err();
    assert!(fault.kind == Kind::Protocol && fault.message.contains("`evil.example`"), "{fault}");
    assert!(stage.server.log().iter().all(|exchange| exchange.request.host == "mastodon.example"));
}

#[tokio::test]
async fn a_lying_nodeinfo_sends_nobody_elsewhere() {
    struct Liar;
    impl Twin for Liar {
        fn hosts(&self) -> Vec<String> {
            vec!["mastodon.example".into(), "evil.example".into()]
        }
        fn answer(&mut self, request: &crate::twin::Incoming) -> crate::twin::Reply {
            let href = "https://evil.example/nodeinfo/2.0";
            let links = json!({"links": [{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": href}]});
            match request.path.as_str() {
                "/.well-known/nodeinfo" => crate::twin::Reply::json(200, &links),
                _ => crate::twin::Reply::json(401, &json!({"error": "who are you?"})),
            }
        }
        fn limited(&self, _: u64) -> crate::twin::Reply {
            crate::twin::Reply::empty(429)
        }
        fn expired(&self) -> crate::twin::Reply {
            crate::twin::Reply::empty(401)
        }
        fn timeline(&self) -> Vec<crate::twin::Seen> {
            Vec::new()
        }
    }
    let stage = Stage::with_twin(&Network, 0, Box::new(Liar));
    assert_eq!(Network.discover(&stage.cx()).await.unwrap_err().kind, Kind::Auth);
    let log = stage.server.log();
    assert!(log.iter().any(|exchange| exchange.request.path == "/nodeinfo/2.0" && exchange.request.bearer().is_some()));
    assert!(log.iter().all(|exchange| exchange.request.host == "mastodon.example"));
}

#[tokio::test]
async fn focus_and_thumbnail_go_with_the_upload() {
    let stage = stage().await;
    let mut picture = file(&stage, "crab.png", Some("The crab"));
    picture.extras.focus = Some(crate::draft::Focus { x: 300, y: -250 });
    stage.publish(&content(vec![(Text::plain("one"), vec![picture])])).await.unwrap();
    let mut with_cover = file(&stage, "film.png", None);
    with_cover.extras.thumbnail = Some(file(&stage, "cover.png", None).media);
    stage.publish(&content(vec![(Text::plain("two"), vec![with_cover])])).await.unwrap();
    let mut extras: Vec<_> = stage.timeline().iter().map(|seen| seen.extra["media_extras"].clone()).collect();
    extras.sort_by_key(Value::to_string);
    assert_eq!(extras, [
        json!([{"focus": "0.3,-0.25", "thumbnail": false}]),
        json!([{"focus": null, "thumbnail": true}])
    ]);
}
