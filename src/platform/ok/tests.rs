use chrono::TimeDelta;
use serde_json::{Value, json};

use super::explain::explain;
use super::*;
use crate::draft::Poll;
use crate::net::{Effect, Kind};
use crate::platform::stage::{Stage, answer, content, with};
use crate::platform::{Content, Found};
use crate::text::Text;
use crate::twin::{Inject, What};

const NET: &dyn Platform = &Network;

fn plain(text: &str) -> Content {
    content(vec![(Text::plain(text), Vec::new())])
}

fn problem(stage: &Stage, content: &Content) -> String {
    let rendered = stage.render(content);
    assert_eq!(rendered.problems.len(), 1, "{:?}", rendered.problems);
    rendered.problems[0].message.clone()
}

fn poll(question: Option<&str>) -> Option<Poll> {
    let question = question.map(str::to_string);
    Some(Poll { question, options: vec!["yes".into(), "no".into()], duration: None, multiple: false })
}

/// An account of a user's own page.
async fn personal() -> Stage {
    let mut stage = Stage::new(&Network, 0);
    stage.account.settings = json!({"app_key": twin::APP_KEY});
    stage.discover().await;
    stage
}

#[tokio::test]
async fn a_topic_is_made_of_blocks() {
    let stage = Stage::new(&Network, 0);
    let media = vec![
        stage.file("a.png", "image/png", 10, None),
        stage.file("film.mp4", "video/mp4", 20, None),
        stage.file("b.jpg", "image/jpeg", 30, None),
    ];
    let mut draft = content(vec![(Text::plain("Hello"), media)]);
    draft.link = Some("https://example.org".into());
    draft.poll = poll(Some("Well?"));
    draft.zone = "Europe/Moscow".into();
    let draft = with(with(draft, "publish_at", json!("2027-01-01 12:00")), "hidden", json!(true));
    let want = json!({
        "type": "GROUP_THEME",
        "params": {"hidden_post": true},
        "attachment": {
            "media": [
                {"type": "text", "text": "Hello"},
                {"type": "movie", "list": [{"upload": 1}]},
                {"type": "photo", "list": [{"upload": 0}, {"upload": 2}]},
                {"type": "poll", "question": "Well?", "answers": [{"text": "yes"}, {"text": "no"}], "options": "SingleChoice,AnonymousVoting"},
                {"type": "link", "url": "https://example.org"},
            ],
            "onBehalfOfGroup": true,
            "publishAtMs": 1_798_794_000_000_i64,
        },
        "files": ["photo", "movie", "photo"],
    });
    assert_eq!(stage.render(&draft).parts[0].payload, want);
}

#[tokio::test]
async fn a_poll_without_a_question_asks_the_text() {
    let stage = Stage::new(&Network, 0);
    let mut draft = plain("Ready?");
    draft.poll = poll(None);
    let blocks = stage.render(&draft).parts[0].payload["attachment"]["media"].clone();
    assert_eq!((blocks[0]["type"].as_str(), blocks[0]["question"].as_str(), blocks.get(1)), (Some("poll"), Some("Ready?"), None));
    draft.poll = Some(Poll { duration: Some("2h".into()), multiple: true, ..draft.poll.unwrap() });
    let rendered = stage.render(&with(draft, "poll_anonymous", json!(false)));
    assert!(rendered.warnings.iter().any(|note| note.message.contains("do not end")), "{rendered:?}");
    assert_eq!(rendered.parts[0].payload["attachment"]["media"][0]["options"], "MultiChoice");
}

#[tokio::test]
async fn a_users_page_takes_what_is_no_groups() {
    let stage = personal().await;
    let receipt = stage.publish(&plain("mine")).await.unwrap().remove(0);
    assert_eq!(receipt.url, Some(format!("https://ok.ru/profile/570000000001/statuses/{}", receipt.id)));
    assert_eq!(stage.timeline()[0].extra["type"], "USER");
    assert!(problem(&stage, &with(plain("x"), "suggest", json!(true))).contains("user's page"));
    assert!(problem(&stage, &with(plain("x"), "hidden", json!(true))).contains("user's page"));
    let who = Network.whoami(&stage.cx()).await.unwrap();
    assert_eq!((who.id.as_str(), who.handle.as_str()), ("570000000001", "Ann 0"));
    NET.delete().unwrap().delete(&stage.cx(), &receipt).await.unwrap();
    assert_eq!(stage.timeline().len(), 0);
}

#[tokio::test]
async fn ways_into_a_group() {
    let mut stage = Stage::new(&Network, 0);
    stage.discover().await;
    let suggested = stage.publish(&with(plain("please"), "suggest", json!(true))).await.unwrap().remove(0);
    assert_eq!(suggested.url, None, "it is not shown yet");
    stage.publish(&with(plain("I say"), "as_group", json!(false))).await.unwrap();
    let seen = stage.timeline();
    assert_eq!((&seen[0].extra["type"], &seen[1].extra["onBehalfOfGroup"]), (&json!("GROUP_SUGGESTED"), &Value::Null));
    // where he is no administrator
    stage.account.settings["group"] = json!("https://ok.ru/group/53000000000002");
    let fault = stage.publish(&plain("x")).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Forbidden, Some("50")));
    stage.account.settings["group"] = json!("my group");
    assert_eq!(stage.publish(&plain("x")).await.unwrap_err().kind, Kind::Local);
    stage.account.settings["group"] = json!("12");
    assert!(Network.whoami(&stage.cx()).await.unwrap_err().message.contains("knows no group"));
}

#[tokio::test]
async fn all_photos_go_in_one_request_and_films_each_in_theirs() {
    let stage = Stage::new(&Network, 0);
    let media = vec![
        stage.file("a.png", "image/png", 10, None),
        stage.file("film.mp4", "video/mp4", 20, None),
        stage.file("b.jpg", "image/jpeg", 30, None),
    ];
    let draft = content(vec![(Text::plain("all of it"), media)]);
    stage.publish(&draft).await.unwrap();
    let method = |one: &crate::twin::Exchange| {
        let pairs = one.request.query.iter().cloned().chain(one.request.form());
        pairs.into_iter().find(|(name, _)| name == "method").map_or_else(|| one.request.path.clone(), |(_, method)| method)
    };
    let methods: Vec<String> = stage.server.log().iter().map(method).collect();
    let want = ["photosV2.getUploadUrl", "/photo", "video.getUploadUrl", "/video", "video.update", "mediatopic.post"];
    assert_eq!(methods, want);
    let sizes: Vec<u64> = stage.timeline()[0].media.iter().map(|one| one.bytes).collect();
    assert_eq!(sizes, [20, 10, 30], "the film's block stands first, the photos in their order");
}

#[tokio::test]
async fn a_picture_that_ok_does_not_take_is_a_refusal() {
    let stage = Stage::new(&Network, 0);
    let mut post = stage.posts(&content(vec![(Text::plain("x"), vec![stage.file("a.png", "image/png", 5, None)])])).remove(0);
    post.media[0].media.mime = "text/plain".into();
    let fault = Network.prepare(&stage.cx(), &post).await.unwrap_err();
    assert!(fault.kind == Kind::Rejected && fault.message.contains("took 0 of 1"), "{fault:?}");
    // a film that is too small is refused in the network's own word
    let film = stage.posts(&content(vec![(Text::plain("x"), vec![stage.file("a.mp4", "video/mp4", 5, None)])])).remove(0);
    let fault = Network.prepare(&stage.cx(), &film).await.unwrap_err();
    assert!(fault.kind == Kind::Rejected && fault.message.contains("FileToSmall"), "{fault:?}");
}

#[tokio::test]
async fn a_wrong_secret_or_key_is_named() {
    let mut stage = Stage::new(&Network, 0);
    stage.secrets.write().unwrap().insert(api::SESSION_SECRET.into(), SecretString::from(twin::session_secret(1)));
    let fault = Network.whoami(&stage.cx()).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Auth, Some("104")));
    assert!(fault.message.contains("session_secret"), "{fault}");
    // the app's own secret key does as well
    let mut secrets = stage.secrets.read().unwrap().clone();
    secrets.remove(api::SESSION_SECRET);
    secrets.insert(crate::login::CLIENT_SECRET.into(), SecretString::from(twin::APP_SECRET));
    *stage.secrets.write().unwrap() = secrets.clone();
    Network.whoami(&stage.cx()).await.unwrap();
    secrets.remove(crate::login::CLIENT_SECRET);
    *stage.secrets.write().unwrap() = secrets;
    assert!(Network.whoami(&stage.cx()).await.unwrap_err().message.contains("`session_secret`"));
    stage.account.settings["app_key"] = json!("");
    assert!(Network.whoami(&stage.cx()).await.unwrap_err().message.contains("`app_key`"));
}

#[tokio::test]
async fn a_lost_answer_is_read_back() {
    let stage = Stage::new(&Network, 0);
    let since = chrono::Utc::now();
    let picture = vec![stage.file("a.png", "image/png", 10, None)];
    let post = stage.posts(&content(vec![(Text::plain("was it  posted?\n\nyes"), picture)])).remove(0);
    let Ready::Now(ready) = Network.prepare(&stage.cx(), &post).await.unwrap() else { panic!("at once") };
    let find = NET.find().unwrap();
    assert_eq!(find.find(&stage.cx(), &post, &ready, since).await.unwrap(), Found::No);
    stage.server.inject(Inject::new(What::Truncated).path("fb.do"));
    assert_eq!(Network.publish(&stage.cx(), &post, &ready).await.unwrap_err().effect, Effect::Maybe);
    let Found::Yes(receipt) = find.find(&stage.cx(), &post, &ready, since).await.unwrap() else { panic!("it is there") };
    assert_eq!(receipt.id, stage.timeline()[0].id);
    // the same text without a picture is another topic
    let other = stage.posts(&plain("was it posted?")).remove(0);
    assert_eq!(find.find(&stage.cx(), &other, &Value::Null, since).await.unwrap(), Found::No);
    // what waits stands in no list
    let later = with(plain("later"), "publish_at", json!((since + TimeDelta::hours(2)).to_rfc3339()));
    let later = stage.posts(&later).remove(0);
    stage.publish_one(&later).await.unwrap();
    assert_eq!(find.find(&stage.cx(), &later, &Value::Null, since).await.unwrap(), Found::Unsure);
}

#[tokio::test]
async fn what_can_be_edited_and_deleted() {
    let stage = Stage::new(&Network, 0);
    let receipt = stage.publish(&plain("before")).await.unwrap().remove(0);
    let edit = NET.edit().unwrap();
    let (old, new) = (stage.posts(&plain("before")).remove(0), stage.posts(&plain("after")).remove(0));
    edit.can(&old, &new).unwrap();
    edit.edit(&stage.cx(), &receipt, &new).await.unwrap();
    assert_eq!(stage.timeline()[0].text, "after");
    let mut asking = plain("after");
    asking.poll = poll(Some("?"));
    assert!(edit.can(&old, &stage.posts(&asking).remove(0)).is_err());
    let picture = content(vec![(Text::plain("x"), vec![stage.file("a.png", "image/png", 10, None)])]);
    let picture = stage.posts(&picture).remove(0);
    assert!(edit.can(&picture, &picture).unwrap_err().contains("delete it"));
    let delete = NET.delete().unwrap();
    for _ in 0..2 {
        delete.delete(&stage.cx(), &receipt).await.unwrap();
    }
    assert_eq!(stage.timeline().len(), 0);
    let named = Receipt::new("", Some("https://ok.ru/group/53000000000001/topic/9?x=1".into()));
    delete.delete(&stage.cx(), &named).await.unwrap();
    assert!(delete.delete(&stage.cx(), &Receipt::new("abc", None)).await.is_err());
}

#[test]
fn refusals_inside_of_a_200() {
    let of = |code: i64, message: &str| {
        let body = json!({"error_code": code, "error_msg": message, "error_data": null}).to_string();
        explain(&answer(200, &[("invocation-error", &code.to_string())], &body)).unwrap()
    };
    for (code, message, kind, effect) in [
        (1, "UNKNOWN : x", Kind::Unavailable, Effect::Maybe),
        (2, "SERVICE : Service is temporary unavailable.", Kind::Unavailable, Effect::Maybe),
        (3, "METHOD : x", Kind::Unsupported, Effect::None),
        (4, "REQUEST : Request limit reached", Kind::Limited, Effect::None),
        (4, "REQUEST : Invalid request", Kind::Rejected, Effect::None),
        (8, "FLOOD_BLOCKED : x", Kind::Limited, Effect::None),
        (10, "PERMISSION_DENIED : x", Kind::Forbidden, Effect::None),
        (11, "LIMIT_REACHED : x", Kind::Limited, Effect::None),
        (50, "NOT_ADMIN : x", Kind::Forbidden, Effect::None),
        (100, "PARAM : Missing required parameter attachment", Kind::Rejected, Effect::None),
        (101, "PARAM_API_KEY : x", Kind::Auth, Effect::None),
        (102, "PARAM_SESSION_EXPIRED : Session expired", Kind::Auth, Effect::None),
        (103, "PARAM_SESSION_KEY : Invalid session key", Kind::Auth, Effect::None),
        (104, "PARAM_SIGNATURE : Invalid signature", Kind::Auth, Effect::None),
        (300, "NOT_FOUND : x", Kind::Rejected, Effect::None),
        (454, "CENSOR_MATCH : x", Kind::Rejected, Effect::None),
    ] {
        let fault = of(code, message);
        assert_eq!((fault.kind, fault.effect), (kind, effect), "{code}");
        assert_eq!((fault.code, fault.status), (Some(code.to_string()), Some(200)));
        assert!(!fault.message.ends_with('.'), "{}", fault.message);
        assert_eq!(fault.retry_at.is_some(), kind == Kind::Limited, "{code}");
    }
    for fine in ["\"155512345678\"", "{\"success\":true}", "[]", ""] {
        assert_eq!(explain(&answer(200, &[], fine)), None);
    }
    assert_eq!(explain(&answer(200, &[], "{\"error\":\"bad file\"}")).unwrap().kind, Kind::Rejected);
    assert_eq!(explain(&answer(502, &[], "<html>")).unwrap().kind, Kind::Unavailable);
}
