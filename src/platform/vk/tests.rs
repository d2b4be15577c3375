use aws_lc_rs::digest::{SHA256, digest};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::api::Wall;
use super::explain::explain;
use super::*;
use crate::draft::Poll;
use crate::net::{Effect, Kind};
use crate::platform::stage::{Stage, answer, content, with};
use crate::platform::{Content, Found, Place};
use crate::text::Text;
use crate::twin::{Inject, What};

const NET: &dyn Platform = &Network;

fn plain(text: &str) -> Content {
    content(vec![(Text::plain(text), Vec::new())])
}

/// An account with both tokens.
async fn both() -> Stage {
    let mut stage = Stage::new(&Network, 0);
    stage.discover().await;
    stage
}

/// An account with a community's key and nothing else.
async fn key_alone() -> Stage {
    let mut stage = Stage::new(&Network, 0);
    // asked for and left empty
    stage.secrets.write().unwrap().insert(api::USER_TOKEN.into(), SecretString::from(""));
    stage.account.settings = json!({});
    stage.discover().await;
    stage
}

fn problem(stage: &Stage, content: &Content) -> String {
    let rendered = stage.render(content);
    assert_eq!(rendered.problems.len(), 1, "{:?}", rendered.problems);
    rendered.problems[0].message.clone()
}

#[test]
fn a_community_is_named_in_many_ways() {
    for text in ["123", "-123", "club123", "public123", "https://vk.com/club123", " event123/ "] {
        assert_eq!(Wall::parse(text), Some(Wall::Id(123)), "{text}");
    }
    for text in ["rust_lang", "@rust_lang", "https://vk.com/rust_lang"] {
        assert_eq!(Wall::parse(text), Some(Wall::Name("rust_lang".into())));
    }
    assert_eq!((Wall::parse(""), Wall::parse(" @ ")), (None, None));
}

#[tokio::test]
async fn options_become_parameters() {
    let stage = both().await;
    let mut draft = plain("Hello https://example.org/a");
    draft.location = Some(Place { lat: Some(59.9), lon: Some(30.3), ..Place::default() });
    draft.zone = "Europe/Moscow".into();
    for (name, value) in [
        ("signed", json!(true)),
        ("close_comments", json!(true)),
        ("mark_as_ads", json!(false)),
        ("copyright", json!("https://example.org/source")),
        ("publish_at", json!("2027-01-01 12:00")),
        ("donut", json!(30)),
        ("attach", json!(["wall-1_2"])),
    ] {
        draft.options.insert(name.into(), value);
    }
    draft.link = Some("https://example.org/page".into());
    let payload = stage.render(&draft).parts[0].payload.clone();
    let want = json!({
        "method": "wall.post",
        "params": {
            "message": "Hello https://example.org/a\n\nhttps://example.org/page", "signed": 1, "close_comments": 1,
            "publish_date": 1_798_794_000, "copyright": "https://example.org/source", "donut_paid_duration": 2_592_000,
            "lat": 59.9, "long": 30.3,
        },
        "attach": ["wall-1_2"],
        "link": "https://example.org/page",
    });
    assert_eq!(payload, want);
}

#[tokio::test]
async fn what_cannot_be_is_a_problem() {
    let stage = both().await;
    assert!(problem(&stage, &with(plain("x"), "copyright", json!("me"))).contains("`copyright`"));
    assert!(problem(&stage, &with(plain("x"), "publish_at", json!("soon"))).contains("`publish_at`"));
    assert!(problem(&stage, &with(plain("x"), "attach", json!(["photo1"]))).contains("`attach`"));
    assert!(problem(&stage, &with(plain("x"), "donut", json!("ever"))).contains("`donut`"));
    let mut hidden = plain("x");
    hidden.visibility = Some(Visibility::Followers);
    assert!(problem(&stage, &hidden).contains("community's posts are for everybody"));
    let mut commented = with(plain("x"), "publish_at", json!("2027-01-01 12:00"));
    commented.comment = Some(Text::plain("first"));
    assert!(problem(&stage, &commented).contains("not out yet"));
    let gifs = vec![stage.file("a.gif", "image/gif", 5, None), stage.file("b.gif", "image/gif", 6, None)];
    assert!(problem(&stage, &content(vec![(Text::plain("x"), gifs)])).contains("1 file"));
    let mut alone = plain("");
    alone.poll = Some(Poll { question: Some("?".into()), options: vec!["a".into(), "b".into()], duration: None, multiple: false });
    assert!(problem(&stage, &alone).contains("poll alone"));
}

#[tokio::test]
async fn a_mention_that_nobody_meant_is_told() {
    let stage = both().await;
    let warnings = stage.render(&plain("see [id1|Pavel] and [a|b] [club|x]")).warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].message.contains("`[id1|Pavel]`"), "{warnings:?}");
}

#[tokio::test]
async fn a_key_alone_posts_text_and_says_at_check_what_it_cannot() {
    let stage = key_alone().await;
    assert_eq!(stage.account.about["group"], json!(200_000_000));
    let mut draft = plain("hello");
    draft.comment = Some(Text::plain("first"));
    let receipts = stage.publish(&draft).await.unwrap();
    assert_eq!(receipts[1].url.as_deref(), Some("https://vk.com/wall-200000000_1?reply=2"));
    let seen = stage.timeline();
    assert_eq!((seen[1].reply_to.as_deref(), seen[1].account.as_str()), (Some("-200000000_1"), "club200000000"));
    let picture = content(vec![(Text::plain("x"), vec![stage.file("a.png", "image/png", 5, None)])]);
    assert!(problem(&stage, &picture).contains("add a `user_token`"));
    let mut poll = plain("x");
    poll.poll = Some(Poll { question: None, options: vec!["a".into(), "b".into()], duration: None, multiple: false });
    assert!(problem(&stage, &poll).contains("cannot post polls"));
    assert!(problem(&stage, &with(plain("x"), "signed", json!(true))).contains("user_token"));
    let before = stage.server.log().len();
    let fault = NET.delete().unwrap().delete(&stage.cx(), &receipts[0]).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Unsupported);
    assert!(fault.message.contains("by hand at https://vk.com/wall-200000000_1"), "{fault}");
    let find = NET.find().unwrap();
    let post = &stage.posts(&plain("hello"))[0];
    assert_eq!(find.find(&stage.cx(), post, &Value::Null, post.created).await.unwrap(), Found::Unsure);
    assert_eq!(stage.server.log().len(), before, "nothing was asked that is known to be refused");
}

#[tokio::test]
async fn a_key_of_another_community_is_refused() {
    let mut stage = Stage::new(&Network, 0);
    stage.account.settings = json!({"group": "club5"});
    let fault = Network.whoami(&stage.cx()).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Rejected);
    assert!(fault.message.contains("`group` names `5`"), "{fault}");
    stage.account.settings = json!({"group": "XPOST_twin_0"});
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap().id, "-200000000");
    // a user who does not edit it
    stage.secrets.write().unwrap().insert(api::USER_TOKEN.into(), SecretString::from(twin::user_token(1)));
    let fault = Network.whoami(&stage.cx()).await.unwrap_err();
    assert!(fault.kind == Kind::Forbidden && fault.message.contains("no editor"), "{fault}");
}

#[tokio::test]
async fn a_login_that_cannot_post_says_why() {
    let stage = Stage::new(&Network, 0);
    *stage.secrets.write().unwrap() = [("token".to_string(), SecretString::from(twin::VK_ID))].into();
    let post = &stage.posts(&plain("x"))[0];
    let ready = json!({"facts": {"user": true, "user_id": 7_000_000}, "attachments": []});
    let fault = Network.publish(&stage.cx(), post, &ready).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect, fault.code.as_deref()), (Kind::Forbidden, Effect::None, Some("1051")));
    assert!(fault.message.contains("community's key"), "{fault}");
}

#[tokio::test]
async fn media_of_all_kinds_go_out_in_order_with_a_poll() {
    let stage = both().await;
    let media = vec![
        stage.file("one.png", "image/png", 100, None),
        stage.file("film.mp4", "video/mp4", 200, None),
        stage.file("paper.pdf", "application/pdf", 300, None),
        stage.file("two.jpg", "image/jpeg", 400, None),
    ];
    let mut draft = content(vec![(Text::plain("all of it"), media)]);
    draft.poll = Some(Poll { question: Some("Well?".into()), options: vec!["yes".into(), "no".into()], duration: Some("2h".into()), multiple: true });
    let before = stage.server.log().len();
    let receipts = stage.publish(&draft).await.unwrap();
    let log = stage.server.log();
    let methods: Vec<&str> = log[before..].iter().map(|one| one.request.path.rsplit('/').next().unwrap()).collect();
    let photo = ["upload.php", "photos.saveWallPhoto"];
    let want = [
        &["photos.getWallUploadServer"][..], &photo, &["video.save", "upload.php"],
        &["docs.getWallUploadServer", "upload.php", "docs.save"], &photo, &["polls.create", "wall.post"],
    ]
    .concat();
    assert_eq!(methods, want, "photos share one upload server");
    let seen = &stage.timeline()[0];
    let sizes: Vec<u64> = seen.media.iter().map(|one| one.bytes).collect();
    assert_eq!(sizes, [100, 200, 300, 400]);
    let attached: Vec<String> = serde_json::from_value(seen.extra["attachments"].clone()).unwrap();
    assert!(attached[4].starts_with("poll-200000000_"), "{attached:?}");
    let poll = log.iter().find(|one| one.request.path.ends_with("polls.create")).unwrap().request.form();
    let value = |name: &str| poll.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap();
    assert_eq!((value("is_anonymous"), value("is_multiple"), value("add_answers")), ("1".into(), "1".into(), "[\"yes\",\"no\"]".into()));
    let ends: i64 = value("end_date").parse().unwrap();
    assert!((ends - chrono::Utc::now().timestamp() - 7200).abs() < 60);

    // what stays is said again, what is gone is gone
    let mut new = stage.posts(&plain("another text https://example.org")).remove(0);
    new.payload["params"]["mute_notifications"] = json!(1);
    let edited = NET.edit().unwrap().edit(&stage.cx(), &receipts[0], &new).await.unwrap();
    assert_eq!(edited, receipts[0]);
    let seen = &stage.timeline()[0];
    assert_eq!((seen.text.as_str(), seen.media.len()), ("another text https://example.org", 4));
}

#[tokio::test]
async fn an_upload_that_vk_forgot_begins_again() {
    let stage = both().await;
    let draft = content(vec![(Text::plain("x"), vec![stage.file("a.png", "image/png", 50, None)])]);
    let mut post = stage.posts(&draft).remove(0);
    post.media[0].media.sha256 = crate::draft::hex(digest(&SHA256, &[7; 50]).as_ref());
    let photo = json!({"server": 626_627, "photo": "[{\"size\":50}]", "hash": "of yesterday"});
    let now = chrono::Utc::now();
    // as a killed run leaves it: uploaded, not saved
    let state = json!({"step": "sent", "session": {"url": "https://pu.vk.com/c1/upload.php?key=old"}, "began": now, "sent": 50,
        "tags": {"0": photo}, "opened": 1});
    post.state = json!({"uploads": [state]});
    let fault = Network.prepare(&stage.cx(), &post).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Unavailable, Some("121")), "{fault}");
    post.state = Value::Null;
    let Ready::Now(ready) = Network.prepare(&stage.cx(), &post).await.unwrap() else { panic!("at once") };
    Network.publish(&stage.cx(), &post, &ready).await.unwrap();
    assert_eq!(stage.timeline()[0].media[0].bytes, 50);
}

#[tokio::test]
async fn a_picture_that_vk_does_not_take_is_a_refusal() {
    let stage = both().await;
    let post = stage.posts(&content(vec![(Text::plain("x"), vec![stage.file("a.png", "image/png", 5, None)])])).remove(0);
    let mut bad = post.clone();
    bad.media[0].media.mime = "text/plain".into();
    let fault = Network.prepare(&stage.cx(), &bad).await.unwrap_err();
    assert!(fault.kind == Kind::Rejected && fault.message.contains("plain JPEG or PNG"), "{fault:?}");
}

#[tokio::test]
async fn a_post_that_waits_is_found_edited_and_deleted_where_it_waits() {
    let stage = both().await;
    let at = chrono::Utc::now() + TimeDelta::hours(5);
    let draft = with(plain("later"), "publish_at", json!(at.to_rfc3339()));
    let receipt = stage.publish(&draft).await.unwrap().remove(0);
    assert_eq!((receipt.url.as_deref(), &receipt.extra["publish_date"]), (None, &json!(at.timestamp())));
    // another one at the very same time is refused in the network's own words
    let fault = stage.publish(&draft).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Rejected, Some("214")));
    let post = stage.posts(&draft).remove(0);
    let found = NET.find().unwrap().find(&stage.cx(), &post, &Value::Null, chrono::Utc::now()).await.unwrap();
    assert!(matches!(&found, Found::Yes(same) if same.id == receipt.id), "{found:?}");
    let sooner = with(plain("sooner"), "publish_at", json!((at - TimeDelta::hours(1)).to_rfc3339()));
    let new = stage.posts(&sooner).remove(0);
    let edited = NET.edit().unwrap().edit(&stage.cx(), &receipt, &new).await.unwrap();
    assert_eq!(edited.extra["publish_date"], json!((at - TimeDelta::hours(1)).timestamp()));
    NET.delete().unwrap().delete(&stage.cx(), &edited).await.unwrap();
    assert_eq!(stage.timeline().len(), 0);
}

#[tokio::test]
async fn a_comment_whose_answer_was_lost_is_found() {
    let stage = both().await;
    let mut draft = plain("post");
    draft.comment = Some(Text::plain("the first comment"));
    let mut posts = stage.posts(&draft);
    let since = chrono::Utc::now();
    let root = stage.publish_one(&posts[0]).await.unwrap();
    posts[1].root = Some(root);
    let find = NET.find().unwrap();
    assert_eq!(find.find(&stage.cx(), &posts[1], &Value::Null, since).await.unwrap(), Found::No);
    stage.server.inject(Inject::new(What::Truncated).path("wall.createComment"));
    let fault = stage.publish_one(&posts[1]).await.unwrap_err();
    assert_eq!(fault.effect, Effect::Maybe);
    let Found::Yes(receipt) = find.find(&stage.cx(), &posts[1], &Value::Null, since).await.unwrap() else { panic!("found") };
    assert_eq!(stage.publish_one(&posts[1]).await.unwrap(), receipt, "the same key is the same comment");
    let mut changed = posts[1].clone();
    changed.payload["params"]["message"] = json!("changed");
    NET.edit().unwrap().edit(&stage.cx(), &receipt, &changed).await.unwrap();
    assert_eq!(stage.timeline()[1].text, "changed");
    for _ in 0..2 {
        NET.delete().unwrap().delete(&stage.cx(), &receipt).await.unwrap();
    }
    assert_eq!(stage.timeline().len(), 1);
}

#[tokio::test]
async fn the_fifty_first_post_of_a_day_waits() {
    let stage = both().await;
    for n in 0..50 {
        stage.publish(&plain(&format!("post {n}"))).await.unwrap();
    }
    let fault = stage.publish(&plain("one more")).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect, fault.code.as_deref()), (Kind::Limited, Effect::None, Some("214")));
    assert!(fault.retry_at.is_some());
}

#[test]
fn refusals_inside_of_a_200() {
    let of = |code: i64, message: &str| {
        let body = json!({"error": {"error_code": code, "error_msg": message, "request_params": []}}).to_string();
        explain(&answer(200, &[], &body)).unwrap()
    };
    for (code, message, kind, effect) in [
        (1, "Unknown error occurred", Kind::Unavailable, Effect::Maybe),
        (5, "User authorization failed: invalid access_token (4).", Kind::Auth, Effect::None),
        (6, "Too many requests per second", Kind::Limited, Effect::None),
        (7, "Permission to perform this action is denied", Kind::Forbidden, Effect::None),
        (9, "Flood control", Kind::Limited, Effect::None),
        (10, "Internal server error", Kind::Unavailable, Effect::Maybe),
        (14, "Captcha needed", Kind::Forbidden, Effect::None),
        (15, "Access denied", Kind::Forbidden, Effect::None),
        (17, "Validation required", Kind::Forbidden, Effect::None),
        (27, "Group authorization failed", Kind::Unsupported, Effect::None),
        (29, "Rate limit reached", Kind::Limited, Effect::None),
        (100, "One of the parameters specified was missing or invalid: x", Kind::Rejected, Effect::None),
        (214, "Access to adding post denied: you can only add 50 posts a day", Kind::Limited, Effect::None),
        (214, "Access to adding post denied", Kind::Rejected, Effect::None),
        (222, "Hyperlinks are forbidden", Kind::Rejected, Effect::None),
        (1051, "Method is not available for this profile type", Kind::Forbidden, Effect::None),
    ] {
        let fault = of(code, message);
        assert_eq!((fault.kind, fault.effect), (kind, effect), "{code}");
        assert_eq!((fault.code.as_deref(), fault.status), (Some(code.to_string().as_str()), Some(200)));
        assert!(!fault.message.ends_with('.') && !fault.message.contains('\n'), "{fault}");
        assert_eq!(fault.retry_at.is_some(), kind == Kind::Limited, "{code}");
    }
    let at = answer(200, &[], "").at;
    assert_eq!(of(6, "x").retry_at, Some(at + TimeDelta::seconds(1)));
    assert_eq!(of(9, "x").retry_at, Some(at + TimeDelta::minutes(10)));
    assert!(of(14, "Captcha needed").message.contains("by hand on vk.com"));
    assert!(of(5, "User authorization failed: access_token was given to another ip address.").message.contains("community's key"));
    assert_eq!(explain(&answer(200, &[], "{\"response\":{\"post_id\":777}}")), None);
    let upload = explain(&answer(200, &[], "{\"error\":\"ERR_UPLOAD_BAD_IMAGE_SIZE: market photo min size 400x400\"}")).unwrap();
    assert!(upload.kind == Kind::Rejected && upload.message.contains("ERR_UPLOAD_BAD_IMAGE_SIZE"));
    assert_eq!(explain(&answer(502, &[], "<html>")).unwrap().kind, Kind::Unavailable);
}
