use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::encode::dialect;
use super::explain::explain;
use super::twin_server::{CLOSED, ORIGIN, channel, token, webhook_url};
use super::*;
use crate::net::Effect;
use crate::platform::stage::{Stage, answer, content, with};
use crate::platform::{Content, Found};
use crate::text::Text;

const TOKEN: usize = 0;
const WEBHOOK: usize = 1;

fn plain(text: &str) -> Content {
    content(vec![(Text::plain(text), Vec::new())])
}

fn body(n: usize, content: &Content) -> Value {
    let rendered = Stage::new(&Network, n).render(content);
    assert_eq!(rendered.problems, []);
    rendered.parts[0].payload["body"].clone()
}

fn problem(n: usize, content: &Content) -> String {
    let rendered = Stage::new(&Network, n).render(content);
    assert_eq!(rendered.problems.len(), 1, "{:?}", rendered.parts);
    rendered.problems[0].message.clone()
}

fn asked(stage: &Stage) -> Vec<String> {
    stage.server.log().iter().map(|exchange| format!("{} {}", exchange.request.method, exchange.request.path)).collect()
}

async fn ready(stage: &Stage, post: &Post) -> Value {
    match Network.prepare(&stage.cx(), post).await.unwrap() {
        Ready::Now(ready) => ready,
        Ready::Later { .. } => panic!("nothing here takes its time"),
    }
}

async fn find(stage: &Stage, post: &Post, ready: &Value, since: DateTime<Utc>) -> Found {
    Find::find(&Network, &stage.cx(), post, ready, since).await.unwrap()
}

#[test]
fn encode_is_exact() {
    assert_eq!(body(TOKEN, &plain("Hello")), json!({"message": "Hello"}));
    assert_eq!(body(WEBHOOK, &plain("Hello")), json!({"text": "Hello"}));
    let urgent = with(with(plain("a"), "priority", json!("urgent")), "ack", json!(true));
    let priority = json!({"priority": "urgent", "requested_ack": true});
    assert_eq!(body(TOKEN, &urgent), json!({"message": "a", "metadata": {"priority": priority}}));
    assert_eq!(body(WEBHOOK, &urgent), json!({"text": "a", "priority": priority}));
    let again = with(urgent, "persistent", json!(true));
    assert_eq!(body(TOKEN, &again)["metadata"]["priority"]["persistent_notifications"], true);
    let boxed = with(plain("a"), "attachments", json!([{"title": "T", "color": "#ff8000"}]));
    assert_eq!(body(TOKEN, &boxed)["props"], json!({"attachments": [{"title": "T", "color": "#ff8000"}]}));
    assert_eq!(body(WEBHOOK, &boxed)["attachments"], json!([{"title": "T", "color": "#ff8000"}]));
    let timed = with(plain("a"), "publish_at", json!("2026-12-01 09:00"));
    assert_eq!(body(TOKEN, &timed)["scheduled_at"], 1_796_115_600_000_i64);
    let named = with(with(plain("a"), "username", json!("Ferris")), "icon_emoji", json!("crab"));
    assert_eq!(body(WEBHOOK, &named), json!({"text": "a", "username": "Ferris", "icon_emoji": "crab"}));
    // only the first post of a thread carries what is the post's own
    let two = content(vec![(Text::plain("a"), Vec::new()), (Text::plain("b"), Vec::new())]);
    let rendered = Stage::new(&Network, TOKEN).render(&with(two, "priority", json!("important")));
    assert_eq!(rendered.parts[1].payload["body"], json!({"message": "b"}));
}

#[test]
fn what_cannot_be_is_said_before() {
    for (n, key, value, words) in [
        (TOKEN, "persistent", json!(true), "`priority = \"urgent\"`"),
        (TOKEN, "attachments", json!("a"), "`attachments`"),
        (TOKEN, "publish_at", json!("soon"), "`publish_at`"),
        (TOKEN, "username", json!("Ferris"), "a token cannot do `username`"),
        (WEBHOOK, "publish_at", json!("2026-12-01 09:00"), "a webhook cannot do `publish_at`"),
    ] {
        let message = problem(n, &with(plain("a"), key, value));
        assert!(message.contains(words), "{key}: {message}");
    }
    let mut reply = plain("a");
    reply.reply_to = Some(Reference::Url("https://mattermost.example/harbour/channels/x".into()));
    assert!(problem(TOKEN, &reply).contains("not the address of a Mattermost post"));
    assert!(problem(WEBHOOK, &reply).contains("webhook cannot reply"));
    reply.reply_to = Some(Reference::Url(format!("{ORIGIN}/harbour/pl/{}", "a".repeat(26))));
    assert!(problem(TOKEN, &with(reply, "priority", json!("urgent"))).contains("only the first post"));
    let mut stage = Stage::new(&Network, TOKEN);
    stage.account.about = json!({"priority": false, "schedule": false});
    let of = |key: &str, value: Value| stage.render(&with(plain("a"), key, value)).problems[0].message.clone();
    assert!(of("priority", json!("urgent")).contains("no priorities"));
    assert!(of("publish_at", json!("2026-12-01 09:00")).contains("schedules nothing"));
    stage.account.settings = json!({"mode": "token"});
    assert!(stage.render(&plain("a")).problems[0].message.contains("xpost account targets test"));
}

#[test]
fn the_reader_of_mattermost_knows_no_backslash_before_some_signs() {
    for (text, expected) in [
        (r"1 \< 2 & 3 > 2, \*a\*", r"1 < 2 & 3 > 2, \*a\*"),
        (r"\<a@b.example>", "<\u{200b}a@b.example>"),
        (r"\<<https://a.example>>", "<\u{200b}<https://a.example>>"),
        (r"\&amp; \&x", "&\u{200b}amp; &x"),
        ("a  \n\\===", "a  \n\u{200b}==="),
        (r"`\<` and ``a ` \& b`` \<", r"`\<` and ``a ` \& b`` <"),
        ("```\n@all \\<\n```\n@all", "```\n@all \\<\n```\n@\u{200b}all"),
        ("@Channel, @here! @hereby me@all @alice", "@\u{200b}Channel, @\u{200b}here! @hereby me@all @alice"),
        (r"a \` b \<", r"a \` b <"),
        ("a ` b", "a ` b"),
    ] {
        assert_eq!(dialect(text, false), expected, "{text}");
    }
    assert_eq!(dialect("@all", true), "@all");
    assert_eq!(body(TOKEN, &with(plain("@channel hi"), "mention_all", json!(true)))["message"], "@channel hi");
}

#[test]
fn addresses() {
    let id = "abcdefghijklmnopqrstuvwxyz";
    for url in [format!("https://chat.example/team/pl/{id}"), format!("https://chat.example/sub/_redirect/pl/{id}")] {
        assert_eq!(post_at(&url), Ok(id.to_string()), "{url}");
    }
    for url in ["", "https://chat.example/team/pl/ABC", "team/pl/abcdefghijklmnopqrstuvwxyz"] {
        assert!(post_at(url).is_err(), "{url}");
    }
    let hook = |text: &str| api::hook(&SecretString::from(text));
    let good = hook(&format!(" https://chat.example/sub/hooks/{id}\n")).unwrap();
    assert_eq!(
        (good.origin.as_str(), good.path.expose_secret()),
        ("https://chat.example", format!("sub/hooks/{id}").as_str())
    );
    for text in ["", "https://chat.example/hooks/", "https://chat.example/hook/abcdefghijklmnopqrstuvwxyz", id] {
        let why = hook(text).err().unwrap();
        assert!(why.contains("incoming webhook"), "{why}");
    }
    let token = |text: &str| whole_token(&Secrets::from([("token".to_string(), SecretString::from(text))]));
    assert_eq!(token(&format!(" {id}\n")), Ok(()));
    assert!(token("short").unwrap_err().contains("Access Token"));
    assert!(token("https://chat.example/hooks/abcdefghijklmnopqrstuvwxyz").unwrap_err().contains("--with webhook"));
    assert_eq!(whole_address(&Secrets::from([("webhook".to_string(), SecretString::from(webhook_url(1)))])), Ok(()));
}

#[test]
fn answers_are_understood() {
    let error = |status: u16, id: &str| {
        let body =
            json!({"id": id, "message": "Words.", "detailed_error": "", "request_id": "abc", "status_code": status});
        explain(&answer(status, &[], &body.to_string())).unwrap()
    };
    for (status, id, kind, effect) in [
        (400, "model.post.is_valid.message_length.app_error", Kind::Rejected, Effect::None),
        (400, "api.post.create_post.root_id.app_error", Kind::Rejected, Effect::None),
        (400, "web.incoming_webhook.invalid.app_error", Kind::Forbidden, Effect::None),
        (401, "api.context.session_expired.app_error", Kind::Auth, Effect::None),
        (401, "api.context.mfa_required.app_error", Kind::Auth, Effect::None),
        (403, "api.context.permissions.app_error", Kind::Forbidden, Effect::None),
        (404, "app.channel.get.existing.app_error", Kind::Rejected, Effect::None),
        (413, "api.file.upload_file.too_large_detailed.app_error", Kind::Rejected, Effect::None),
        (500, "api.post.deduplicate_create_post.pending", Kind::Unavailable, Effect::Maybe),
        (500, "app.post.save.app_error", Kind::Unavailable, Effect::Maybe),
        (501, "api.post.disabled.app_error", Kind::Unsupported, Effect::None),
    ] {
        let fault = error(status, id);
        assert_eq!((fault.kind, fault.effect, fault.code.as_deref()), (kind, effect, Some(id)), "{fault}");
        assert_eq!(fault.request_id.as_deref(), Some("abc"));
        assert!(fault.message.starts_with("Words") && !fault.message.ends_with('.'), "{fault}");
    }
    let limited = explain(&answer(429, &[], "limit exceeded")).unwrap();
    assert_eq!((limited.kind, limited.effect), (Kind::Limited, Effect::None));
    let page = explain(&answer(404, &[], "<html><head><title>Not here</title></head></html>")).unwrap();
    assert!(page.message.contains("is there a Mattermost"), "{page}");
}

#[tokio::test]
async fn requests_for_text_and_files() {
    let mut stage = Stage::new(&Network, TOKEN);
    stage.discover().await;
    stage.server.clear_log();
    let receipt = stage.publish(&plain("Hello")).await.unwrap().remove(0);
    assert_eq!(asked(&stage), ["POST /api/v4/posts"]);
    assert_eq!(receipt.url, Some(format!("{ORIGIN}/harbour/pl/{}", receipt.id)));
    stage.server.clear_log();
    let files =
        vec![stage.file("crab.png", "image/png", 300, None), stage.file("crab.pdf", "application/pdf", 500, None)];
    stage.publish(&content(vec![(Text::plain("Look"), files)])).await.unwrap();
    assert_eq!(asked(&stage), ["POST /api/v4/files", "POST /api/v4/files", "POST /api/v4/posts"]);
    let media = &stage.timeline()[1].media;
    assert_eq!(
        media.iter().map(|one| (one.mime.as_str(), one.bytes)).collect::<Vec<_>>(),
        [("image/png", 300), ("application/pdf", 500)]
    );
}

#[tokio::test]
async fn the_server_says_what_it_takes() {
    let mut stage = Stage::new(&Network, TOKEN);
    stage.discover().await;
    assert_eq!(stage.account.about["team"], "harbour");
    let limits = |about: Value| Network.limits(&about);
    let own = limits(json!({"max_post": 4000, "max_file": 1000}));
    assert_eq!((own.text, own.image_bytes, own.video_bytes, own.file_bytes), (Some(4000), 1000, 1000, 1000));
    assert_eq!(limits(json!({"files": false})).media, 0);
    assert_eq!(limits(json!({"webhook": true})).images, 0);
    let repeat = |about: Value| {
        let account = AccountInfo { about, settings: json!({"channel": channel(0)}), ..AccountInfo::default() };
        Network.repeat(&account)
    };
    assert_eq!(repeat(json!({"user_id": "u", "cluster": false})), Repeat::Key { window: PENDING_WINDOW });
    assert_eq!(repeat(json!({"user_id": "u", "cluster": true})), Repeat::Find);
    assert_eq!(Network.repeat(&AccountInfo::default()), Repeat::Never);
}

#[tokio::test]
async fn what_landed_is_found_by_its_key() {
    let mut stage = Stage::new(&Network, TOKEN);
    stage.discover().await;
    let since = Utc::now();
    let posts = [stage.posts(&plain("Hello")).remove(0), stage.posts(&plain("Hello")).remove(0)];
    let there = stage.publish_one(&posts[0]).await.unwrap();
    let facts = ready(&stage, &posts[0]).await;
    assert_eq!(find(&stage, &posts[0], &facts, since).await, Found::Yes(there.clone()));
    assert_eq!(find(&stage, &posts[1], &facts, since).await, Found::No);
    // what `prepare` found out was lost with the run
    assert_eq!(find(&stage, &posts[0], &Value::Null, since).await, Found::Yes(there.clone()));
    Delete::delete(&Network, &stage.cx(), &there).await.unwrap();
    assert_eq!(find(&stage, &posts[0], &facts, since).await, Found::No, "deleted posts are listed, too");
    let stranger = Receipt::new("a".repeat(26), None);
    Delete::delete(&Network, &stage.cx(), &stranger).await.unwrap();
}

#[tokio::test]
async fn a_post_waits_for_its_time_at_the_server() {
    let mut stage = Stage::new(&Network, TOKEN);
    stage.discover().await;
    let at = Utc::now() + TimeDelta::days(2);
    let file = stage.file("crab.png", "image/png", 300, None);
    let draft = with(content(vec![(Text::plain("Later"), vec![file])]), "publish_at", json!(at.to_rfc3339()));
    let post = stage.posts(&draft).remove(0);
    let facts = ready(&stage, &post).await;
    assert_eq!(find(&stage, &post, &facts, Utc::now()).await, Found::No);
    let receipt = Network.publish(&stage.cx(), &post, &facts).await.unwrap();
    assert_eq!(find(&stage, &post, &facts, Utc::now()).await, Found::Yes(receipt.clone()));
    assert!(stage.timeline().is_empty());
    assert!(Edit::can(&Network, &post, &post).unwrap_err().contains("waits"));
    for _ in 0..2 {
        Delete::delete(&Network, &stage.cx(), &receipt).await.unwrap();
        assert_eq!(find(&stage, &post, &facts, Utc::now()).await, Found::No);
    }
    let over = Receipt { extra: json!({"scheduled_at": 1_700_000_000_000_i64}), ..receipt };
    let fault = Delete::delete(&Network, &stage.cx(), &over).await.unwrap_err();
    assert!(fault.message.contains("delete it in Mattermost"), "{fault}");
    let past = with(plain("x"), "publish_at", json!((Utc::now() - TimeDelta::days(1)).to_rfc3339()));
    let fault = stage.publish(&past).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Rejected, Effect::None), "{fault}");
}

#[tokio::test]
async fn a_reply_to_a_reply_stands_in_its_thread() {
    let mut stage = Stage::new(&Network, TOKEN);
    stage.discover().await;
    let thread =
        stage.publish(&content(vec![(Text::plain("a"), Vec::new()), (Text::plain("b"), Vec::new())])).await.unwrap();
    for reference in [Reference::Url(thread[1].url.clone().unwrap()), Reference::Ours(thread[1].clone())] {
        let mut reply = plain("c");
        reply.reply_to = Some(reference);
        let receipt = stage.publish(&reply).await.unwrap().remove(0);
        assert_eq!(receipt.extra["root_id"], json!(thread[0].id));
    }
    let mut second = stage.posts(&plain("d")).remove(0);
    for (url, expected) in [(thread[1].url.clone(), Some(json!(thread[0].id))), (None, None)] {
        let root = Receipt { id: String::new(), url, extra: Value::Null };
        (second.root, second.parent) = (Some(root.clone()), Some(root));
        // each is a post of its own
        second.key = stage.posts(&plain("d"))[0].key;
        let receipt = stage.publish_one(&second).await.unwrap();
        assert_eq!(receipt.extra.get("root_id").cloned(), expected);
    }
}

#[tokio::test]
async fn an_edit_keeps_what_it_does_not_change() {
    let mut stage = Stage::new(&Network, TOKEN);
    stage.discover().await;
    let draft = with(plain("Hello"), "attachments", json!([{"title": "T"}]));
    let post = stage.posts(&draft).remove(0);
    let receipt = stage.publish_one(&post).await.unwrap();
    let new = stage.posts(&with(plain("Hello again"), "attachments", json!([{"title": "T"}]))).remove(0);
    assert_eq!(Edit::can(&Network, &post, &new), Ok(()));
    Edit::edit(&Network, &stage.cx(), &receipt, &new).await.unwrap();
    let seen = stage.timeline().remove(0);
    assert_eq!((seen.text.as_str(), &seen.extra["attachments"]), ("Hello again", &json!([{"title": "T"}])));
    assert_eq!(find(&stage, &post, &Value::Null, Utc::now()).await, Found::Yes(receipt), "its key is still there");
    let other = stage.posts(&plain("Hello")).remove(0);
    assert!(Edit::can(&Network, &post, &other).unwrap_err().contains("attachments"));
}

#[tokio::test]
async fn channels_by_id_by_name_and_closed_ones() {
    let mut stage = Stage::new(&Network, TOKEN);
    for named in ["harbour/twin-0", "/harbour/channels/twin-0"] {
        stage.account.about = Value::Null;
        stage.account.settings = json!({"channel": named});
        assert_eq!(
            stage.publish(&plain("Hello")).await.unwrap()[0].extra["channel_id"],
            json!(channel(0)),
            "not discovered yet"
        );
        stage.discover().await;
        let profile = Network.whoami(&stage.cx()).await.unwrap();
        assert_eq!((profile.id, profile.handle.as_str()), (channel(0), "~twin-0"));
        assert_eq!(profile.url.as_deref(), Some("https://mattermost.example/harbour/channels/twin-0"));
    }
    stage.account.settings = json!({"channel": CLOSED});
    let fault = Network.whoami(&stage.cx()).await.unwrap_err();
    assert!(fault.kind == Kind::Forbidden && fault.message.contains("archived"), "{fault}");
    stage.account.settings = json!({"channel": "Town Square"});
    let fault = Network.whoami(&stage.cx()).await.unwrap_err();
    assert!(fault.message.contains("not `Town Square`"), "{fault}");
    let offers = Targets::targets(&Network, &stage.cx()).await.unwrap();
    let shown: Vec<(&str, &str)> = offers.iter().map(|offer| (offer.title.as_str(), offer.name.as_str())).collect();
    assert_eq!(shown, [("Harbour / Twin 0, private", "twin-0")]);
    // another's channel
    stage.account.settings = json!({"channel": channel(4)});
    stage.account.about = json!({"channel_id": channel(4), "channel": "twin-4", "team": "harbour"});
    let fault = stage.publish(&plain("Hello")).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Forbidden, Effect::None));
}

#[tokio::test]
async fn a_file_that_the_server_leaves_out_does_not_undo_the_post() {
    let mut stage = Stage::new(&Network, TOKEN);
    stage.discover().await;
    let file = stage.file("crab.png", "image/png", 300, None);
    let post = stage.posts(&content(vec![(Text::plain("Look"), vec![file])])).remove(0);
    let mut facts = ready(&stage, &post).await;
    facts["files"] = json!(["x".repeat(26)]);
    let receipt = Network.publish(&stage.cx(), &post, &facts).await.unwrap();
    assert_eq!((stage.timeline()[0].id.as_str(), stage.timeline()[0].media.len()), (receipt.id.as_str(), 0));
}

#[tokio::test]
async fn a_webhook_posts_and_no_more() {
    let mut stage = Stage::new(&Network, WEBHOOK);
    stage.discover().await;
    assert!(stage.server.log().is_empty(), "no question would be harmless");
    let receipt = stage.publish(&plain("Hello")).await.unwrap().remove(0);
    assert_eq!(asked(&stage).len(), 1);
    for fault in [
        Delete::delete(&Network, &stage.cx(), &receipt).await.unwrap_err(),
        Edit::edit(&Network, &stage.cx(), &receipt, &stage.posts(&plain("a"))[0]).await.unwrap_err(),
    ] {
        assert_eq!((fault.kind, fault.effect), (Kind::Unsupported, Effect::None));
    }
    let wrong = format!("{ORIGIN}/hooks/{}", "z".repeat(26));
    stage.secrets.write().unwrap().insert("webhook".into(), SecretString::from(wrong));
    let fault = stage.publish(&plain("Hello")).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Forbidden, Effect::None), "{fault}");
    assert!(!fault.message.contains("zzzz"), "{fault}");
    let elsewhere = format!("https://other.example/hooks/{}", "z".repeat(26));
    stage.secrets.write().unwrap().insert("webhook".into(), SecretString::from(elsewhere));
    assert!(stage.publish(&plain("Hello")).await.unwrap_err().message.contains("its `server` is"));
}

#[tokio::test]
async fn a_server_below_a_path_is_asked_there() {
    let mut stage = Stage::new(&Network, TOKEN);
    stage.account.settings = json!({"channel": channel(0), "path": "/chat/"});
    // the twin is at the root: what it answers there is the page of its web client
    let fault = Network.whoami(&stage.cx()).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Protocol, "{fault}");
    assert_eq!(asked(&stage), ["GET /chat/api/v4/users/me"]);
    let token = token(0);
    assert!(!fault.message.contains(&token), "{fault}");
}
