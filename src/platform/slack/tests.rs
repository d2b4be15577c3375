use serde_json::{Value, json};

use super::explain::explain;
use super::twin::{ADMINS, ARCHIVED, OPEN, POOR};
use super::*;
use crate::draft::CardChoice;
use crate::net::Effect;
use crate::platform::stage::{Stage, answer, content, with};
use crate::platform::{Content, Found};
use crate::text::Text;

const BOT: usize = 0;
const WEBHOOK: usize = 1;

fn plain(text: &str) -> Content {
    content(vec![(Text::plain(text), Vec::new())])
}

fn payload(n: usize, content: &Content) -> Value {
    let rendered = Stage::new(&Network, n).render(content);
    assert_eq!(rendered.problems, []);
    rendered.parts[0].payload.clone()
}

fn problem(n: usize, content: &Content) -> String {
    let rendered = Stage::new(&Network, n).render(content);
    assert_eq!(rendered.problems.len(), 1, "{:?}", rendered.parts);
    rendered.problems[0].message.clone()
}

/// What the log holds, as method and path.
fn asked(stage: &Stage) -> Vec<String> {
    stage.server.log().iter().map(|exchange| format!("{} {}", exchange.request.method, exchange.request.path)).collect()
}

async fn ready(stage: &Stage, post: &Post) -> Value {
    let mut post = post.clone();
    for _ in 0..5 {
        match Network.prepare(&stage.cx(), &post).await.unwrap() {
            Ready::Now(ready) => return ready,
            Ready::Later { state, at } => {
                assert!(at > Utc::now());
                post.state = state;
            }
        }
    }
    panic!("it is never ready")
}

async fn find(stage: &Stage, post: &Post, ready: &Value, since: DateTime<Utc>) -> Found {
    Find::find(&Network, &stage.cx(), post, ready, since).await.unwrap()
}

#[test]
fn encode_is_exact() {
    let body = |n, content: &Content| payload(n, content)["body"].clone();
    let mut draft = plain("a < b & see https://example.org/?a&b");
    let text = "a &lt; b &amp; see <https://example.org/?a&amp;b>";
    assert_eq!(
        payload(BOT, &draft),
        json!({"method": "chat.postMessage", "body": {"text": text, "unfurl_links": true, "unfurl_media": true}})
    );
    assert_eq!(
        payload(WEBHOOK, &draft),
        json!({"method": "incoming-webhook", "body": {"text": text, "unfurl_links": true, "unfurl_media": true}})
    );
    draft.card_choice = Some(CardChoice::Wanted(false));
    let draft = with(draft, "unfurl_media", json!(true));
    assert_eq!(body(BOT, &draft)["unfurl_links"], false);
    assert_eq!(body(BOT, &draft)["unfurl_media"], true, "the option says more than the card");
    let called = with(plain("Hi <!here>"), "mention", json!(["here", "U0123456789", "S0123456789"]));
    assert_eq!(body(BOT, &called)["text"], "<!here> <@U0123456789> <!subteam^S0123456789> Hi &lt;!here&gt;");
    let named = with(with(plain("a"), "username", json!("Ferris")), "icon_emoji", json!(":crab:"));
    assert_eq!(
        (&body(BOT, &named)["username"], &body(BOT, &named)["icon_emoji"]),
        (&json!("Ferris"), &json!(":crab:"))
    );
    let timed = with(plain("a"), "publish_at", json!("2026-12-01 09:00"));
    assert_eq!(payload(BOT, &timed)["method"], "chat.scheduleMessage");
    assert_eq!(body(BOT, &timed)["post_at"], 1_796_115_600);
    let mut reply = with(plain("a"), "broadcast", json!(true));
    assert_eq!(body(BOT, &reply).get("reply_broadcast"), None, "only a reply is broadcast");
    reply.reply_to = Some(Reference::Url("https://team.slack.com/archives/C0TWIN0000/p1712345678000100".into()));
    assert_eq!(body(BOT, &reply)["reply_broadcast"], true);
}

#[test]
fn what_cannot_be_is_said_before() {
    let two = content(vec![(Text::plain("a"), Vec::new()), (Text::plain("b"), Vec::new())]);
    let rendered = Stage::new(&Network, BOT).render(&with(two, "publish_at", json!("2026-12-01 09:00")));
    assert!(
        rendered.problems.iter().all(|note| note.message.contains("single messages")) && rendered.problems.len() == 2
    );
    for (n, key, value, words) in [
        (BOT, "mention", json!(["all"]), "`mention`"),
        (BOT, "publish_at", json!("soon"), "`publish_at`"),
        (BOT, "blocks", json!("yes"), "`blocks`"),
        (BOT, "blocks", json!([]), "1 to 50"),
        (BOT, "blocks", json!([{"text": "a"}]), "no `type`"),
        (BOT, "blocks", json!([{"type": "image", "image_url": "https://example.org/a.png"}]), "`alt_text`"),
        (BOT, "blocks", json!([{"type": "section", "text": {"type": "mrkdwn", "text": "x".repeat(3001)}}]), "3000"),
        (WEBHOOK, "username", json!("Ferris"), "a webhook cannot do `username`"),
        (WEBHOOK, "publish_at", json!("2026-12-01 09:00"), "a webhook cannot do `publish_at`"),
    ] {
        let message = problem(n, &with(plain("a"), key, value));
        assert!(message.contains(words), "{key}: {message}");
    }
    let mut reply = plain("a");
    reply.reply_to = Some(Reference::Url("https://team.slack.com/archives/C0123456789/p1712345678000100".into()));
    assert!(problem(BOT, &reply).contains("another channel"));
    assert!(problem(WEBHOOK, &reply).contains("webhook cannot reply"));
    let mut stage = Stage::new(&Network, BOT);
    stage.account.settings = json!({"channel": "#general"});
    assert!(stage.render(&plain("a")).problems[0].message.contains("not `#general`"));
    stage.account.settings = json!({"mode": "bot"});
    assert!(stage.render(&plain("a")).problems[0].message.contains("xpost account targets test"));
}

#[test]
fn blocks_are_made_of_the_draft_or_by_hand() {
    let section = |text: &str| json!({"type": "section", "text": {"type": "mrkdwn", "text": text}});
    let mut draft = with(plain("Out *now*"), "blocks", json!(true));
    draft.title = Some("Ferris 2.0".into());
    let body = &payload(BOT, &draft)["body"];
    assert_eq!(
        body["blocks"],
        json!([{"type": "header", "text": {"type": "plain_text", "text": "Ferris 2.0"}}, section("Out *\u{200b}now*")])
    );
    assert_eq!(body["text"], "*Ferris 2.0*\n\nOut *\u{200b}now*", "for notifications");
    let called = with(draft, "mention", json!(["here"]));
    assert_eq!(payload(BOT, &called)["body"]["blocks"][1], section("<!here> Out *\u{200b}now*"));
    let long = with(plain(&"words and more. ".repeat(240)), "blocks", json!(true));
    let blocks = payload(BOT, &long)["body"]["blocks"].clone();
    assert_eq!(blocks.as_array().map(Vec::len), Some(2));
    assert_eq!(super::twin_check::check_blocks(&blocks), Ok(()));
    let own =
        json!([{"type": "divider"}, {"type": "image", "image_url": "https://example.org/a.png", "alt_text": "a"}]);
    assert_eq!(payload(WEBHOOK, &with(plain("a"), "blocks", own.clone()))["body"]["blocks"], own);
}

#[test]
fn addresses() {
    let at = |url: &str| message_at(url).ok();
    let (channel, ts) = ("C0123456789".to_string(), "1712345678.000100".to_string());
    assert_eq!(
        at("https://t.slack.com/archives/C0123456789/p1712345678000100"),
        Some((channel.clone(), ts.clone(), None))
    );
    let reply = address("https://t.slack.com/", &channel, &ts, Some("1712345000.000200"));
    assert_eq!(
        reply,
        "https://t.slack.com/archives/C0123456789/p1712345678000100?thread_ts=1712345000.000200&cid=C0123456789"
    );
    assert_eq!(at(&reply), Some((channel, ts, Some("1712345000.000200".into()))));
    for url in [
        "",
        "https://t.slack.com/archives/C0123456789",
        "https://t.slack.com/archives/general/p1712345678000100",
        "ftp://t/archives/C0123456789/p1712345678000100",
        "https://t.slack.com/archives/C0123456789/p1",
    ] {
        assert_eq!(at(url), None, "{url}");
    }
    let hook = |address: &str| api::hook(&SecretString::from(address), "https://slack.example");
    let good = hook(" https://hooks.slack.com/services/T1/B2/abc\n").unwrap();
    assert_eq!((good.origin.as_str(), good.path.expose_secret()), (HOOKS[0], "services/T1/B2/abc"));
    assert!(hook("https://slack.example/services/T1/B2/abc").is_ok(), "the account's own server");
    for address in [
        "",
        "https://hooks.slack.com/services/T1/B2",
        "https://hooks.slack.com.evil.example/services/T1/B2/abc",
        "http://hooks.slack.com/services/T1/B2/abc",
    ] {
        let why = hook(address).err().unwrap();
        assert!(why.contains("incoming webhook") && !why.contains("T1"), "{why}");
    }
    assert!(hook("https://hooks.slack.com/triggers/T1/2/abc").err().unwrap().contains("workflow"));
}

#[test]
fn answers_are_understood() {
    let of = |status, body: &str| explain(&answer(status, &[], body));
    assert_eq!(of(200, r#"{"ok":true}"#), None);
    assert_eq!(of(200, "ok"), None);
    assert_eq!(of(200, "OK - 12"), None);
    for (code, kind, effect) in [
        ("channel_not_found", Kind::Rejected, Effect::None),
        ("not_in_channel", Kind::Forbidden, Effect::None),
        ("restricted_action_read_only_channel", Kind::Forbidden, Effect::None),
        ("invalid_auth", Kind::Auth, Effect::None),
        ("token_expired", Kind::Auth, Effect::None),
        ("fatal_error", Kind::Unavailable, Effect::Maybe),
        ("internal_error", Kind::Unavailable, Effect::Maybe),
        ("rate_limited", Kind::Limited, Effect::None),
        ("something_new", Kind::Rejected, Effect::None),
    ] {
        let fault = of(200, &json!({"ok": false, "error": code}).to_string()).unwrap();
        assert_eq!((fault.kind, fault.effect, fault.code.as_deref()), (kind, effect, Some(code)), "{fault}");
        assert!(fault.to_string().contains(code) && !fault.message.ends_with('.'), "{fault}");
    }
    let scope = r#"{"ok":false,"error":"missing_scope","needed":"files:write","provided":"chat:write"}"#;
    let fault = explain(&answer(200, &[("x-slack-req-id", "abc123")], scope)).unwrap();
    assert_eq!((fault.kind, fault.request_id.as_deref()), (Kind::Forbidden, Some("abc123")));
    assert!(fault.message.contains("needed `files:write`, the app has `chat:write`"), "{fault}");
    let blocks = r#"{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["[ERROR] no more than 50 items allowed [json-pointer:/blocks]"]}}"#;
    assert!(of(200, blocks).unwrap().message.contains("no more than 50 items"));
    let limited = explain(&answer(429, &[("retry-after", "30")], r#"{"ok":false,"error":"ratelimited"}"#)).unwrap();
    assert_eq!((limited.kind, limited.effect), (Kind::Limited, Effect::None));
    assert_eq!((limited.retry_at.unwrap() - answer(200, &[], "").at).num_seconds(), 30);
    // webhooks say a word
    for (status, word, kind) in [
        (404, "no_service", Kind::Forbidden),
        (403, "invalid_token", Kind::Forbidden),
        (403, "action_prohibited", Kind::Forbidden),
        (410, "channel_is_archived", Kind::Rejected),
        (400, "invalid_payload", Kind::Rejected),
    ] {
        let fault = of(status, word).unwrap();
        assert_eq!((fault.kind, fault.effect, fault.code.as_deref()), (kind, Effect::None, Some(word)), "{fault}");
    }
    let rollup = of(500, "rollup_error").unwrap();
    assert_eq!((rollup.kind, rollup.effect), (Kind::Unavailable, Effect::Maybe));
    let page = of(502, "<html><head><title>502</title></head></html>").unwrap();
    assert_eq!((page.kind, page.effect), (Kind::Unavailable, Effect::Maybe));
}

#[tokio::test]
async fn requests_for_text_and_picture() {
    let mut stage = Stage::new(&Network, BOT);
    stage.discover().await;
    stage.server.clear_log();
    stage.publish(&plain("Hello")).await.unwrap();
    assert_eq!(asked(&stage), ["POST /api/chat.postMessage"]);
    stage.server.clear_log();
    let picture = stage.file("crab.png", "image/png", 300, Some("A crab"));
    let receipts = stage.publish(&content(vec![(Text::plain("Look"), vec![picture])])).await.unwrap();
    let paths = asked(&stage);
    assert_eq!(paths.len(), 4, "{paths:?}");
    assert!(paths[1].starts_with("POST /upload/v1/"));
    assert_eq!(
        [&paths[0], &paths[2], &paths[3]],
        ["POST /api/files.getUploadURLExternal", "POST /api/files.completeUploadExternal", "GET /api/files.info"]
    );
    assert!(
        is_ts(&receipts[0].id) && receipts[0].url.as_ref().is_some_and(|url| url.contains("/archives/C0TWIN0000/p"))
    );
    assert_eq!(stage.timeline()[1].media[0].alt, "A crab");
}

#[tokio::test]
async fn a_reply_waits_until_slack_tells_where_the_film_landed() {
    let mut stage = Stage::new(&Network, BOT);
    stage.discover().await;
    let film = stage.file("crab.mp4", "video/mp4", 900, None);
    let posts = stage.posts(&content(vec![(Text::plain("Watch"), vec![film]), (Text::plain("And more"), Vec::new())]));
    let first = stage.publish_one(&posts[0]).await.unwrap();
    assert!(first.id.starts_with('F'), "{first:?}");
    assert!(first.url.as_ref().unwrap().contains("/files/"), "{first:?}");
    let mut second = posts[1].clone();
    (second.root, second.parent) = (Some(first.clone()), Some(first.clone()));
    let ready = ready(&stage, &second).await;
    Network.publish(&stage.cx(), &second, &ready).await.unwrap();
    let seen = stage.timeline();
    assert_eq!(seen[1].reply_to.as_ref(), Some(&seen[0].id));
    // it can be changed and taken back by its file as well
    let changed = stage.posts(&content(vec![(Text::plain("Watch this"), posts[0].media.clone())]));
    assert_eq!(Edit::can(&Network, &posts[0], &changed[0]), Ok(()));
    Edit::edit(&Network, &stage.cx(), &first, &changed[0]).await.unwrap();
    assert_eq!(stage.timeline()[0].text, "Watch this");
    for _ in 0..2 {
        Delete::delete(&Network, &stage.cx(), &first).await.unwrap();
        assert_eq!(stage.timeline().len(), 1);
    }
}

#[tokio::test]
async fn slack_that_never_tells_is_given_up() {
    let mut stage = Stage::new(&Network, BOT);
    stage.discover().await;
    let film = stage.file("crab.mp4", "video/mp4", 900, None);
    let posts = stage.posts(&content(vec![(Text::plain("Watch"), vec![film]), (Text::plain("And more"), Vec::new())]));
    let mut second = posts[1].clone();
    // a file that was completed and shared nowhere
    let ready = ready(&stage, &posts[0]).await;
    let file = json!({"id": ready["files"][0], "title": "crab"});
    let body = json!({"files": [file]});
    stage
        .cx()
        .call(request(&stage.cx(), Method::POST, "files.completeUploadExternal").unwrap().json(body))
        .await
        .unwrap();
    let first = Receipt::new("F", None).extra(json!({"channel": "C0TWIN0000", "files": ready["files"]}));
    (second.root, second.parent) = (Some(first.clone()), Some(first));
    for n in 1..=ASKS {
        let Ready::Later { state, .. } = Network.prepare(&stage.cx(), &second).await.unwrap() else { panic!("{n}") };
        second.state = state;
    }
    let fault = Network.prepare(&stage.cx(), &second).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Unavailable, Effect::None));
    assert!(stage.timeline().is_empty());
}

#[tokio::test]
async fn files_that_were_sent_long_ago_are_sent_again() {
    let stage = Stage::new(&Network, BOT);
    let picture = stage.file("crab.png", "image/png", 300, None);
    let mut post = stage.posts(&content(vec![(Text::plain("Look"), vec![picture])])).remove(0);
    let mut uploads = Vec::new();
    for minutes in [0, 29, 31] {
        if minutes > 0 {
            let done = State::deserialize(json!({"step": "done", "remote": "F0TWIN0001"})).unwrap();
            assert!(done.is_done());
            post.state = json!({"files": [done], "began": Utc::now() - TimeDelta::minutes(minutes)});
        }
        stage.server.clear_log();
        ready(&stage, &post).await;
        uploads.push(asked(&stage).iter().filter(|asked| asked.contains("/upload/")).count());
    }
    assert_eq!(uploads, [1, 0, 1]);
}

#[tokio::test]
async fn what_landed_is_found_by_its_key_or_its_file() {
    let mut stage = Stage::new(&Network, BOT);
    stage.discover().await;
    let since = Utc::now();
    // the same words twice: only the key tells them apart
    let posts = [stage.posts(&plain("Hello")).remove(0), stage.posts(&plain("Hello")).remove(0)];
    let there = stage.publish_one(&posts[0]).await.unwrap();
    let facts = ready(&stage, &posts[0]).await;
    assert_eq!(find(&stage, &posts[0], &facts, since).await, Found::Yes(there.clone()));
    assert_eq!(find(&stage, &posts[1], &facts, since).await, Found::No);
    // in a thread
    let mut reply = stage.posts(&plain("a reply")).remove(0);
    (reply.root, reply.parent) = (Some(there.clone()), Some(there));
    let facts = ready(&stage, &reply).await;
    assert_eq!(find(&stage, &reply, &facts, since).await, Found::No);
    let receipt = Network.publish(&stage.cx(), &reply, &facts).await.unwrap();
    assert_eq!(find(&stage, &reply, &facts, since).await, Found::Yes(receipt));
    // a picture
    let picture = stage.file("crab.png", "image/png", 300, None);
    let post = stage.posts(&content(vec![(Text::plain("Look"), vec![picture])])).remove(0);
    let facts = ready(&stage, &post).await;
    assert_eq!(find(&stage, &post, &facts, since).await, Found::No);
    let receipt = Network.publish(&stage.cx(), &post, &facts).await.unwrap();
    assert_eq!(find(&stage, &post, &facts, since).await, Found::Yes(receipt.clone()));
    // another machine's, whose files are others
    let Found::Yes(other) = find(&stage, &post, &json!({"url": facts["url"]}), since).await else {
        panic!("not found")
    };
    assert_eq!((other.id, &other.extra["files"]), (receipt.id, &receipt.extra["files"]));
}

#[tokio::test]
async fn an_app_that_may_not_read_is_unsure() {
    let mut stage = Stage::new(&Network, POOR);
    stage.discover().await;
    let post = stage.posts(&plain("Hello")).remove(0);
    stage.publish_one(&post).await.unwrap();
    let facts = ready(&stage, &post).await;
    assert_eq!(find(&stage, &post, &facts, Utc::now()).await, Found::Unsure);
    let picture = stage.file("crab.png", "image/png", 300, None);
    let rendered = stage.render(&content(vec![(Text::plain("Look"), vec![picture])]));
    assert!(rendered.problems[0].message.contains("lacks the permission `files:write`"), "{:?}", rendered.problems);
    let named = with(plain("a"), "username", json!("Ferris"));
    assert!(stage.render(&named).problems[0].message.contains("chat:write.customize"));
    let profile = Network.whoami(&stage.cx()).await.unwrap();
    assert_eq!(profile.handle, twin::channel(POOR), "a name that it may not ask for");
}

#[tokio::test]
async fn a_message_waits_for_its_time_at_slack() {
    let mut stage = Stage::new(&Network, BOT);
    stage.discover().await;
    let at = Utc::now() + TimeDelta::days(2);
    let draft = with(plain("Later"), "publish_at", json!(at.to_rfc3339()));
    let post = stage.posts(&draft).remove(0);
    let facts = ready(&stage, &post).await;
    let since = Utc::now();
    assert_eq!(find(&stage, &post, &facts, since).await, Found::No);
    let receipt = Network.publish(&stage.cx(), &post, &facts).await.unwrap();
    assert_eq!(stage.server.log().last().unwrap().request.json().get("metadata"), None, "it would never be posted");
    assert_eq!(find(&stage, &post, &facts, since).await, Found::Yes(receipt.clone()));
    assert!(stage.timeline().is_empty());
    assert!(Edit::can(&Network, &post, &post).unwrap_err().contains("waits"));
    for _ in 0..2 {
        Delete::delete(&Network, &stage.cx(), &receipt).await.unwrap();
        assert_eq!(find(&stage, &post, &facts, since).await, Found::No);
    }
    let over = Receipt { extra: json!({"channel": "C0TWIN0000", "post_at": 1_700_000_000}), ..receipt };
    let fault = Delete::delete(&Network, &stage.cx(), &over).await.unwrap_err();
    assert!(fault.message.contains("delete it in Slack"), "{fault}");
    for (at, code) in
        [(Utc::now() - TimeDelta::days(1), "time_in_past"), (Utc::now() + TimeDelta::days(121), "time_too_far")]
    {
        let fault = stage.publish(&with(plain("x"), "publish_at", json!(at.to_rfc3339()))).await.unwrap_err();
        assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Rejected, Some(code)));
    }
}

#[tokio::test]
async fn blocks_that_are_left_out_of_an_edit_are_gone() {
    let mut stage = Stage::new(&Network, BOT);
    stage.discover().await;
    let receipt = stage.publish(&with(plain("Hello"), "blocks", json!(true))).await.unwrap().remove(0);
    assert!(stage.timeline()[0].extra["blocks"].is_array());
    let new = stage.posts(&plain("Hello again")).remove(0);
    Edit::edit(&Network, &stage.cx(), &receipt, &new).await.unwrap();
    let seen = stage.timeline().remove(0);
    assert_eq!((seen.text.as_str(), seen.extra.get("blocks")), ("Hello again", None));
    Delete::delete(&Network, &stage.cx(), &receipt).await.unwrap();
    let fault = Edit::edit(&Network, &stage.cx(), &receipt, &new).await.unwrap_err();
    assert_eq!(fault.code.as_deref(), Some("message_not_found"));
}

#[tokio::test]
async fn channels_refuse_in_their_own_words() {
    let mut stage = Stage::new(&Network, BOT);
    stage.discover().await;
    for (channel, code, kind) in [
        (ARCHIVED, "is_archived", Kind::Rejected),
        (ADMINS, "restricted_action", Kind::Forbidden),
        ("C0NOWHERE0", "channel_not_found", Kind::Rejected),
    ] {
        stage.account.settings = json!({"channel": channel});
        let fault = stage.publish(&plain("Hello")).await.unwrap_err();
        assert_eq!((fault.code.as_deref(), fault.kind, fault.effect), (Some(code), kind, Effect::None), "{fault}");
    }
    // a public channel takes words from outside, and no files
    stage.account.settings = json!({"channel": OPEN});
    stage.publish(&plain("Hello")).await.unwrap();
    let picture = stage.file("crab.png", "image/png", 300, None);
    let fault = stage.publish(&content(vec![(Text::plain("Look"), vec![picture])])).await.unwrap_err();
    assert_eq!((fault.code.as_deref(), fault.kind), (Some("not_in_channel"), Kind::Forbidden));
    assert!(fault.message.contains("/invite @"), "{fault}");
}

#[tokio::test]
async fn a_reply_to_a_reply_stands_in_its_thread() {
    let mut stage = Stage::new(&Network, BOT);
    stage.discover().await;
    let thread =
        stage.publish(&content(vec![(Text::plain("a"), Vec::new()), (Text::plain("b"), Vec::new())])).await.unwrap();
    for reference in [Reference::Url(thread[1].url.clone().unwrap()), Reference::Ours(thread[1].clone())] {
        let mut reply = plain("c");
        reply.reply_to = Some(reference);
        let receipt = stage.publish(&reply).await.unwrap().remove(0);
        assert_eq!(receipt.extra["thread_ts"], json!(thread[0].id));
    }
    // who said that it was posted may have named its address, or not even that
    let mut second = stage.posts(&plain("d")).remove(0);
    for (url, expected) in [(thread[0].url.clone(), Some(json!(thread[0].id))), (None, None)] {
        let root = Receipt { id: String::new(), url, extra: Value::Null };
        (second.root, second.parent) = (Some(root.clone()), Some(root));
        let receipt = stage.publish_one(&second).await.unwrap();
        assert_eq!(receipt.extra.get("thread_ts").cloned(), expected);
    }
}

#[tokio::test]
async fn a_webhook_posts_and_no_more() {
    let mut stage = Stage::new(&Network, WEBHOOK);
    stage.discover().await;
    assert!(stage.server.log().is_empty(), "no question would be harmless");
    let receipts = stage.publish(&plain("Hello")).await.unwrap();
    assert_eq!(asked(&stage).len(), 1);
    assert_eq!(receipts[0].url, None);
    for fault in [
        Delete::delete(&Network, &stage.cx(), &receipts[0]).await.unwrap_err(),
        Edit::edit(&Network, &stage.cx(), &receipts[0], &stage.posts(&plain("a"))[0]).await.unwrap_err(),
    ] {
        assert_eq!((fault.kind, fault.effect), (Kind::Unsupported, Effect::None));
    }
    let picture = stage.file("crab.png", "image/png", 300, None);
    let rendered = stage.render(&content(vec![(Text::plain("Look"), vec![picture])]));
    assert_eq!((rendered.problems.len(), rendered.warnings[0].code.as_str()), (0, "media_left_out"));
    assert_eq!(Targets::targets(&Network, &stage.cx()).await.unwrap().len(), 0);
    let wrong = "https://hooks.slack.com/services/T0TWIN000/B0HOOK0001/wrongwrongwrong";
    stage.secrets.write().unwrap().insert("webhook".into(), SecretString::from(wrong));
    let fault = stage.publish(&plain("Hello")).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Forbidden, Some("invalid_token")));
    assert!(!fault.message.contains("wrongwrong"), "{fault}");
}

#[tokio::test]
async fn channels_are_offered_page_by_page() {
    let stage = Stage::new(&Network, BOT);
    let offers = Targets::targets(&Network, &stage.cx()).await.unwrap();
    let shown: Vec<(&str, &str)> = offers.iter().map(|offer| (offer.title.as_str(), offer.name.as_str())).collect();
    assert_eq!(shown, [("#announcements", "announcements"), ("#twin-0000", "twin-0000"), ("#open", "open")]);
    assert!(offers.iter().all(|offer| offer.not.is_none()));
    assert_eq!(offers[1].settings["channel"], "C0TWIN0000");
}

#[test]
fn a_reader_of_mrkdwn_sees_no_signs() {
    for (text, expected) in [
        ("*bold* and _it_ ~s~ `c`", "bold and it s c"),
        ("*\u{200b}starred* 2*3 a_b_c", "*starred* 2*3 a_b_c"),
        ("<https://example.org|here> <https://example.org> <!here>", "here https://example.org @here"),
        ("1 &lt; 2 &amp; 3", "1 < 2 & 3"),
    ] {
        assert_eq!(super::twin_check::shown(text), expected);
    }
}
