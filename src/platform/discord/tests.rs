use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::api::made;
use super::explain::explain;
use super::*;
use crate::draft::Poll;
use crate::net::Effect;
use crate::platform::stage::{Stage, answer, content, with};
use crate::platform::{Content, Found, Limits};
use crate::text::Text;
use crate::twin::Incoming;

const WEBHOOK: usize = 1;
const BOT: usize = 0;

fn plain(text: &str) -> Content {
    content(vec![(Text::plain(text), Vec::new())])
}

fn thread_of(texts: &[&str]) -> Content {
    content(texts.iter().map(|text| (Text::plain(*text), Vec::new())).collect())
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

async fn find(stage: &Stage, post: &Post, since: DateTime<Utc>) -> Found {
    Find::find(&Network, &stage.cx(), post, &Value::Null, since).await.unwrap()
}

/// What the log holds, as method and path.
fn asked(stage: &Stage) -> Vec<String> {
    stage.server.log().iter().map(|exchange| format!("{} {}", exchange.request.method, exchange.request.path)).collect()
}

#[test]
fn encode_is_pure_and_exact() {
    let draft = with(with(plain("Hello"), "silent", json!(true)), "suppress_embeds", json!(true));
    for n in [WEBHOOK, BOT] {
        let first = payload(n, &draft);
        assert_eq!(first, payload(n, &draft));
        assert_eq!(
            first,
            json!({
                "action": "message",
                "body": {"content": "Hello", "allowed_mentions": {"parse": []}, "flags": 4100},
            })
        );
    }
}

#[test]
fn a_name_of_a_platform_needs_no_account() {
    let limits = Limits::of(Network.spec());
    let render = |content: &Content| Network.render(&Ask { content, account: None, limits: &limits });
    assert_eq!(render(&plain("a")).problems, []);
    assert_eq!(render(&with(plain("a"), "thread", json!("talk"))).problems, []);
    let mut reply = plain("a");
    reply.reply_to = Some(Reference::Url("https://discord.com/channels/1/2/3".into()));
    assert_eq!(render(&reply).problems, []);
}

#[test]
fn options_become_fields() {
    let body = |key: &str, value: Value| payload(WEBHOOK, &with(plain("a"), key, value))["body"].clone();
    assert_eq!(body("mentions", json!(["users", "roles"]))["allowed_mentions"], json!({"parse": ["users", "roles"]}));
    let crowd = |who: &str| payload(WEBHOOK, &with(plain("@everyone @here"), "mentions", json!([who])))["body"]["content"].clone();
    assert_eq!(crowd("users"), "@\u{200b}everyone @\u{200b}here");
    assert_eq!(crowd("everyone"), "@everyone @here");
    assert_eq!(body("username", json!("Crab"))["username"], "Crab");
    assert_eq!(body("avatar_url", json!("https://example.org/a.png"))["avatar_url"], "https://example.org/a.png");
    assert_eq!(payload(WEBHOOK, &with(plain("a"), "thread_id", json!("42")))["thread_id"], "42");
    for (key, value, words) in [
        ("mentions", json!(["here"]), "`mentions`"),
        ("username", json!("My Discord"), "`discord`"),
        ("username", json!("x".repeat(81)), "80"),
        ("avatar_url", json!("a.png"), "`avatar_url`"),
        ("thread_id", json!("news"), "`thread_id`"),
        ("thread_name", json!("x".repeat(101)), "100"),
        ("embed", json!("yes"), "`embed`"),
        ("embed", json!({"titel": "a"}), "`titel`"),
        ("embed", json!({"title": "x".repeat(257)}), "256"),
        ("embed", json!({"title": "a", "color": "blue"}), "colour"),
        ("embed", json!(true), "needs a title"),
        ("thread", json!("talk"), "`thread`"),
        ("crosspost", json!(true), "`crosspost`"),
    ] {
        let message = problem(WEBHOOK, &with(plain("a"), key, value));
        assert!(message.contains(words), "{key}: {message}");
    }
    assert!(problem(BOT, &with(plain("a"), "thread_name", json!("talk"))).contains("webhook"));
    assert_eq!(payload(WEBHOOK, &with(plain("a"), "thread_id", json!(42)))["thread_id"], "42", "quotes are easily forgotten");
    let mut stage = Stage::new(&Network, BOT);
    stage.account.settings = json!({"channel": twin::channel(BOT).parse::<u64>().unwrap()});
    assert_eq!(mode(&stage.account), Mode::Token);
    let mut no_card = plain("https://example.org");
    no_card.card_choice = Some(crate::draft::CardChoice::Wanted(false));
    assert_eq!(payload(WEBHOOK, &no_card)["body"]["flags"], 4);
}

#[test]
fn embeds_are_made_of_the_draft_or_by_hand() {
    let mut draft = with(plain("a"), "embed", json!(true));
    draft.title = Some("Ferris 2.0".into());
    draft.summary = Some("Out now".into());
    draft.link = Some("https://example.org/".into());
    assert_eq!(
        payload(WEBHOOK, &draft)["body"]["embeds"],
        json!([{"title": "Ferris 2.0", "description": "Out now", "url": "https://example.org/"}])
    );
    let own = json!({"title": "T", "description": "", "color": "#5865f2", "footer": "f", "image": "https://example.org/a.png"});
    assert_eq!(
        payload(WEBHOOK, &with(plain("a"), "embed", own))["body"]["embeds"],
        json!([{"title": "T", "color": 5_793_266, "image": {"url": "https://example.org/a.png"}, "footer": {"text": "f"}}])
    );
    let two = with(thread_of(&["a", "b"]), "embed", json!({"title": "T"}));
    let rendered = Stage::new(&Network, WEBHOOK).render(&two);
    assert_eq!(rendered.parts[1].payload["body"]["embeds"], Value::Null, "only the first carries it");
}

#[test]
fn polls_last_whole_hours() {
    let mut draft = plain("Ready?");
    draft.poll =
        Some(Poll { question: None, options: vec!["yes".into(), "no".into()], duration: Some("90m".into()), multiple: true });
    let stage = Stage::new(&Network, WEBHOOK);
    let rendered = stage.render(&draft);
    assert!(rendered.warnings.iter().any(|note| note.code == "poll_rounded"));
    let body = &rendered.parts[0].payload["body"];
    assert_eq!(
        body["poll"],
        json!({
            "question": {"text": "Ready?"},
            "answers": [{"poll_media": {"text": "yes"}}, {"poll_media": {"text": "no"}}],
            "duration": 2,
            "allow_multiselect": true,
        })
    );
    assert_eq!(body["content"], Value::Null, "the text is the question");
}

#[test]
fn the_addresses_of_webhooks() {
    for text in [
        "https://discord.com/api/webhooks/123/ab_C-d",
        "https://discordapp.com/api/v10/webhooks/123/ab_C-d/slack",
        "https://canary.discord.com/api/webhooks/123/ab_C-d?thread_id=5",
        " 123/ab_C-d\n",
    ] {
        let (path, token) = webhook_secret(&SecretString::from(text)).unwrap();
        assert_eq!((path.expose_secret(), token.expose_secret()), ("123/ab_C-d", "ab_C-d"), "{text}");
    }
    for text in [
        "",
        "https://discord.com/api/webhooks/123",
        "https://discord.com/api/webhooks/123/",
        "https://discord.com.evil.example/api/webhooks/123/ab",
        "https://evil.example/api/webhooks/123/ab",
        "http://discord.com/api/webhooks/123/ab",
        "https://discord.com/api/webhooks/abc/ab",
        "123/a b",
    ] {
        assert!(webhook_secret(&SecretString::from(text)).is_none(), "{text}");
    }
}

#[test]
fn messages_by_address() {
    for url in ["https://discord.com/channels/1/2/3", "https://ptb.discord.com/channels/@me/2/3/"] {
        assert_eq!(message_at(url), Ok(("2".into(), "3".into())), "{url}");
    }
    for url in ["https://discord.com/channels/1/2", "https://example.org/channels/1/2/3", "https://discord.com/channels/a/2/3", ""] {
        assert!(message_at(url).is_err(), "{url}");
    }
    let mut draft = plain("a");
    draft.reply_to = Some(Reference::Url("https://discord.com/channels/1/2/3".into()));
    assert!(problem(BOT, &draft).contains("another channel"));
    assert!(problem(WEBHOOK, &draft).contains("webhook cannot reply"));
    assert_eq!(made("175928847299117063").unwrap().to_rfc3339(), "2016-04-30T11:18:25.796+00:00");
}

#[test]
fn answers_are_understood() {
    let of = |status, body: &str| explain(&answer(status, &[], body));
    assert_eq!(of(200, "{}"), None);
    assert_eq!(of(204, ""), None);

    let fault = of(429, r#"{"message":"You are being rate limited.","retry_after":0.65,"global":true,"code":0}"#).unwrap();
    assert_eq!((fault.kind, fault.effect, fault.code.as_deref()), (Kind::Limited, Effect::None, None));
    assert_eq!((fault.retry_at.unwrap() - answer(200, &[], "").at).num_milliseconds(), 650);
    assert!(fault.message.contains("all of this bot's"), "{fault}");

    let cloudflare = explain(&answer(429, &[("retry-after", "60")], "<html><title>Access denied</title></html>")).unwrap();
    assert_eq!(cloudflare.kind, Kind::Limited);
    assert_eq!((cloudflare.retry_at.unwrap() - answer(200, &[], "").at).num_seconds(), 60);

    let body = json!({"code": 50035, "message": "Invalid Form Body", "errors": {
        "content": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 2000 or fewer in length."}]},
        "embeds": {"0": {"title": {"_errors": [{"code": "BASE_TYPE_REQUIRED", "message": "Required\u{202e}"}]}}},
    }});
    let fault = of(400, &body.to_string()).unwrap();
    assert_eq!(fault.message, "content: Must be 2000 or fewer in length; embeds.0.title: Required");
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Rejected, Some("50035")));
    assert_eq!(of(400, r#"{"code":50035,"message":"Invalid Form Body"}"#).unwrap().message, "Invalid Form Body");

    for (status, code, kind) in [
        (401, 0, Kind::Auth),
        (401, 50027, Kind::Auth),
        (404, 10015, Kind::Forbidden),
        (404, 10003, Kind::Rejected),
        (404, 10008, Kind::Rejected),
        (403, 50001, Kind::Forbidden),
        (403, 50013, Kind::Forbidden),
        (413, 40005, Kind::Rejected),
        (400, 50006, Kind::Rejected),
        (400, 200_000, Kind::Rejected),
        (400, 220_001, Kind::Rejected),
        (400, 20016, Kind::Limited),
        (429, 20028, Kind::Limited),
    ] {
        let fault = of(status, &json!({"message": "Words.", "code": code}).to_string()).unwrap();
        assert_eq!((fault.kind, fault.effect, fault.status), (kind, Effect::None, Some(status)), "{code}");
        assert!(!fault.message.ends_with('.'), "{fault}");
    }
    for body in ["", "<html><head><title>502 Bad Gateway</title></head></html>", "[]", "error code: 1010"] {
        let fault = of(502, body).unwrap();
        assert_eq!((fault.kind, fault.effect), (Kind::Unavailable, Effect::Maybe), "{body}");
        assert_eq!(of(403, body).unwrap().kind, Kind::Forbidden);
    }
    assert_eq!(of(503, r#"{"code":130000,"message":"API resource is currently overloaded"}"#).unwrap().effect, Effect::Maybe);
}

#[tokio::test]
async fn a_text_with_known_facts_is_one_request() {
    for n in [WEBHOOK, BOT] {
        let mut stage = Stage::new(&Network, n);
        stage.discover().await;
        stage.server.clear_log();
        let receipts = stage.publish(&plain("Hello")).await.unwrap();
        assert_eq!(stage.server.log().len(), 1, "{n}");
        let seen = &stage.timeline()[0];
        assert_eq!((seen.text.as_str(), seen.url.as_deref()), ("Hello", receipts[0].url.as_deref()));
        assert_eq!(receipts[0].id, seen.id);
    }
}

#[tokio::test]
async fn without_facts_they_are_asked_for_once() {
    for (n, first) in [(WEBHOOK, "GET /api/v10/webhooks/"), (BOT, "GET /api/v10/channels/")] {
        let stage = Stage::new(&Network, n);
        let receipts = stage.publish(&thread_of(&["one", "two"])).await.unwrap();
        let asked = asked(&stage);
        assert_eq!(asked.len(), 3, "{asked:?}");
        assert!(asked[0].starts_with(first), "{asked:?}");
        let urls: Vec<_> = stage.timeline().into_iter().map(|seen| seen.url).collect();
        assert_eq!(urls, receipts.into_iter().map(|receipt| receipt.url).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_thread_with_files_and_alt_texts_can_be_taken_back() {
    for (n, replies) in [(WEBHOOK, false), (BOT, true)] {
        let stage = Stage::new(&Network, n);
        let picture = stage.file("a.png", "image/png", 70_000, Some("A crab, \"waving\""));
        let film = stage.file("b.mp4", "video/mp4", 300_000, None);
        let draft = content(vec![
            (Text::plain("one"), vec![picture, film]),
            (Text::plain("two"), Vec::new()),
            (Text::plain("three"), Vec::new()),
        ]);
        let receipts = stage.publish(&draft).await.unwrap();
        let seen = stage.timeline();
        assert_eq!(seen.iter().map(|seen| seen.text.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
        let chain: Vec<_> = seen.iter().map(|seen| seen.reply_to.clone()).collect();
        let want = if replies { vec![None, Some(seen[0].id.clone()), Some(seen[1].id.clone())] } else { vec![None; 3] };
        assert_eq!(chain, want);
        let media: Vec<_> = seen[0].media.iter().map(|medium| (medium.bytes, medium.alt.as_str())).collect();
        assert_eq!(media, [(70_000, "A crab, \"waving\""), (300_000, "")]);
        let remove = Platform::delete(&Network).unwrap();
        for receipt in &receipts {
            remove.delete(&stage.cx(), receipt).await.unwrap();
            remove.delete(&stage.cx(), receipt).await.unwrap();
        }
        assert_eq!(stage.timeline(), []);
    }
}

#[tokio::test]
async fn the_same_nonce_is_the_same_message() {
    let stage = Stage::new(&Network, BOT);
    let post = stage.posts(&plain("Hello")).remove(0);
    let first = stage.publish_one(&post).await.unwrap();
    assert_eq!(stage.publish_one(&post).await.unwrap(), first);
    assert_eq!(stage.timeline().len(), 1);
    assert_eq!(Network.repeat(&stage.account), Repeat::Key { window: NONCE_WINDOW });
    assert!(post.nonce().len() <= 25);
    assert_eq!(Network.repeat(&Stage::new(&Network, WEBHOOK).account), Repeat::Never);
}

#[tokio::test]
async fn a_bot_finds_its_part() {
    let since = Utc::now();
    let stage = Stage::new(&Network, BOT);
    let posts = stage.posts(&thread_of(&["  same\n", "same", "other"]));
    assert_eq!(find(&stage, &posts[0], since).await, Found::No, "an empty channel");
    let first = stage.publish_one(&posts[0]).await.unwrap();
    let Found::Yes(found) = find(&stage, &posts[0], since).await else { panic!("not found") };
    assert_eq!(found.id, first.id);
    assert_eq!(find(&stage, &posts[0], Utc::now() + chrono::Duration::seconds(10)).await, Found::No, "before the first try");
    // the second part says the same, but it comes after the first
    let mut second = posts[1].clone();
    (second.root, second.parent) = (Some(first.clone()), Some(first.clone()));
    assert_eq!(find(&stage, &second, since).await, Found::No);
    let receipt = stage.publish_one(&second).await.unwrap();
    assert_eq!(find(&stage, &second, since).await, Found::Yes(receipt));
    assert_eq!(find(&stage, &posts[0], since).await, Found::Unsure, "two are alike");
    assert_eq!(find(&stage, &posts[2], since).await, Found::No);
    // somebody else's message that says the same is not ours
    let mut other = posts[2].clone();
    other.key = uuid::Uuid::now_v7();
    stage.secrets.write().unwrap().insert("token".into(), SecretString::from(twin::token(3)));
    stage.publish_one(&other).await.unwrap();
    stage.secrets.write().unwrap().insert("token".into(), SecretString::from(twin::token(BOT)));
    assert_eq!(find(&stage, &posts[2], since).await, Found::No);

    let webhook = Stage::new(&Network, WEBHOOK);
    let post = webhook.posts(&plain("a")).remove(0);
    assert_eq!(find(&webhook, &post, since).await, Found::Unsure, "a webhook cannot read");
}

#[tokio::test]
async fn reads_back_over_many_messages() {
    let since = Utc::now();
    let stage = Stage::new(&Network, BOT);
    let mine = stage.posts(&plain("mine")).remove(0);
    stage.publish_one(&mine).await.unwrap();
    for n in 0..150 {
        let post = stage.posts(&plain(&format!("noise {n}"))).remove(0);
        stage.publish_one(&post).await.unwrap();
    }
    assert!(matches!(find(&stage, &mine, since).await, Found::Yes(_)));
    let absent = stage.posts(&plain("absent")).remove(0);
    assert_eq!(find(&stage, &absent, since).await, Found::No);
}

#[tokio::test]
async fn a_thread_of_its_own_and_crossposting() {
    let since = Utc::now();
    let mut stage = Stage::new(&Network, BOT);
    stage.account.settings = json!({"channel": twin::announcements(BOT)});
    let draft = with(with(thread_of(&["one", "two", "three"]), "thread", json!("Ferris")), "crosspost", json!(true));
    let rendered = stage.render(&draft);
    let actions: Vec<_> = rendered.parts.iter().map(|part| part.payload["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["message", "crosspost", "thread", "message", "message"]);
    assert_eq!(rendered.changes.iter().map(|note| note.part).collect::<Vec<_>>(), [Some(2), Some(3)]);

    let mut posts = stage.posts(&draft);
    let mut receipts: Vec<Receipt> = Vec::new();
    for post in &mut posts {
        (post.root, post.parent) = (receipts.first().cloned(), receipts.last().cloned());
        if post.index > 0 {
            assert_eq!(find(&stage, post, since).await, Found::No, "{}", post.index);
        }
        let receipt = stage.publish_one(post).await.unwrap();
        // whatever was done can be found, and done again without harm
        assert_eq!(find(&stage, post, since).await, Found::Yes(receipt.clone()), "{}", post.index);
        assert_eq!(stage.publish_one(post).await.unwrap(), receipt);
        receipts.push(receipt);
    }
    let seen = stage.timeline();
    assert_eq!(seen.iter().map(|seen| seen.text.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
    let places: Vec<_> = seen.iter().map(|seen| seen.account.as_str()).collect();
    assert_eq!(places, ["#twin-news-0", "thread Ferris", "thread Ferris"]);
    assert!(seen.iter().all(|seen| seen.reply_to.is_none()));
    assert_eq!(seen[0].extra["flags"], json!(33));
    let remove = Platform::delete(&Network).unwrap();
    for receipt in &receipts {
        remove.delete(&stage.cx(), receipt).await.unwrap();
    }
    assert_eq!(stage.timeline(), []);

    stage.account.settings = json!({"channel": twin::channel(BOT)});
    let fault = stage.publish(&with(plain("a"), "crosspost", json!(true))).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Rejected, Some("50024")), "not an announcement channel");
}

#[tokio::test]
async fn a_forum_post_goes_on_in_its_thread() {
    let stage = Stage::new(&Network, WEBHOOK);
    stage.secrets.write().unwrap().insert("webhook".into(), SecretString::from(twin::forum_url(0)));
    let fault = stage.publish(&plain("a")).await.unwrap_err();
    assert!(fault.message.contains("set `thread_name`"), "{fault}");
    let draft = with(thread_of(&["one", "two"]), "thread_name", json!("Ferris"));
    let receipts = stage.publish(&draft).await.unwrap();
    assert!(stage.timeline().iter().all(|seen| seen.account == "thread Ferris"));
    for receipt in receipts {
        Platform::delete(&Network).unwrap().delete(&stage.cx(), &receipt).await.unwrap();
    }
    assert_eq!(stage.timeline(), []);
}

#[tokio::test]
async fn replies_to_what_is_there() {
    let stage = Stage::new(&Network, BOT);
    let first = stage.publish(&plain("one")).await.unwrap().remove(0);
    let mut draft = plain("two");
    for reference in [Reference::Url(first.url.clone().unwrap()), Reference::Ours(first.clone())] {
        draft.reply_to = Some(reference);
        stage.publish(&draft).await.unwrap();
    }
    assert!(stage.timeline()[1..].iter().all(|seen| seen.reply_to.as_deref() == Some(&first.id)));
    draft.reply_to = Some(Reference::Url(first.url.unwrap().replace(&first.id, "17")));
    let fault = stage.publish(&draft).await.unwrap_err();
    assert_eq!(fault.message, "message_reference: Unknown message");
    assert_eq!(stage.timeline().len(), 3);
}

#[tokio::test]
async fn who_it_is() {
    let stage = Stage::new(&Network, BOT);
    let profile = Network.whoami(&stage.cx()).await.unwrap();
    assert_eq!((profile.handle.as_str(), profile.id), ("#twin-0", twin::channel(0)));
    let stage = Stage::new(&Network, WEBHOOK);
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap().handle, "xpost twin 1");
    let mut stage = Stage::new(&Network, BOT);
    stage.account.settings = json!({"channel": twin::hidden()});
    let fault = Network.whoami(&stage.cx()).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Forbidden, Some("50001")));
    stage.account.settings = json!({"channel": "general"});
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap_err().kind, Kind::Local);
}

#[tokio::test]
async fn secrets_are_never_shown() {
    let webhook = Stage::new(&Network, WEBHOOK);
    let bot_stage = Stage::new(&Network, BOT);
    let cases = [
        (&webhook, "webhook", "https://discord.com/api/webhooks/960000000000000001/canary-secret", "50027"),
        (&webhook, "webhook", "https://discord.com/api/webhooks/1/canary-secret", "10015"),
        (&webhook, "webhook", "https://evil.example/api/webhooks/1/canary-secret", ""),
        (&bot_stage, "token", "twin.canary-secret.1.2", ""),
    ];
    for (stage, field, secret, code) in cases {
        stage.secrets.write().unwrap().insert(field.into(), SecretString::from(secret));
        let fault = stage.publish(&plain("a")).await.unwrap_err();
        assert!(matches!(fault.kind, Kind::Auth | Kind::Forbidden), "{fault:?}");
        assert_eq!((fault.effect, fault.code.as_deref().unwrap_or_default()), (Effect::None, code));
        assert!(!format!("{fault:?} {fault}").contains("canary"), "{fault:?}");
    }
    let real = Stage::new(&Network, WEBHOOK);
    let cx = real.cx();
    assert!(!format!("{:?}", hook(&cx, Method::POST, "").unwrap()).contains("twin-webhook"));
    assert!(!format!("{:?}", bot(&bot_stage.cx(), Method::GET, "/users/@me").unwrap()).contains("canary"));
    let facts = Network.discover(&cx).await.unwrap().to_string();
    assert!(!facts.contains("twin-webhook"), "{facts}");
    let address = twin::webhook_url(WEBHOOK);
    let token = address.rsplit('/').next().unwrap();
    assert_eq!(cx.door.redactor().clean(token), "[secret]", "the token alone is known too");
}

#[test]
fn the_twin_refuses_what_discord_refuses() {
    let mut twin = twin::Discord::default();
    let mut ask = |body: Value| {
        let reply = twin.answer(&Incoming {
            method: "POST".into(),
            host: "discord.com".into(),
            path: format!("/api/v10/channels/{}/messages", twin::channel(0)),
            headers: vec![("authorization".into(), format!("Bot {}", twin::token(0)))],
            body: body.to_string().into_bytes(),
            ..Incoming::default()
        });
        assert!(reply.headers.iter().any(|(name, _)| name == "x-ratelimit-remaining"));
        let value: Value = serde_json::from_slice(&reply.body).unwrap();
        (reply.status, value["code"].as_u64().unwrap_or_default(), value)
    };
    assert_eq!(ask(json!({"content": " "})).1, 50006);
    let (_, code, value) = ask(json!({"content": "x".repeat(2001)}));
    assert_eq!((code, &value["errors"]["content"]["_errors"][0]["code"]), (50035, &json!("BASE_TYPE_MAX_LENGTH")));
    assert_eq!(ask(json!({"content": "👍".repeat(2000)})).0, 200);
    let (_, _, value) = ask(json!({"content": "a", "attachments": [{"id": "0", "description": "x".repeat(1025)}]}));
    assert_eq!(value["errors"]["attachments"]["0"].as_object().unwrap().len(), 2, "no such file, and too long");
    assert_eq!(ask(json!({"content": "a", "nonce": "n".repeat(26)})).1, 50035);
    assert_eq!(ask(json!({"content": "a", "nonce": "n", "enforce_nonce": true})).0, 200);
    assert_eq!(ask(json!({"content": "b", "nonce": "n", "enforce_nonce": true})).2["content"], "a");
    assert_eq!(ask(json!({"content": "b", "nonce": "n"})).2["content"], "b", "not enforced");
    assert_eq!(ask(json!({"content": "a", "message_reference": {"message_id": "5"}})).1, 50035);
    assert_eq!(ask(json!({"content": "a", "message_reference": {"message_id": "5", "fail_if_not_exists": false}})).0, 200);
    let without_wait = twin.answer(&Incoming {
        method: "POST".into(),
        path: twin::webhook_url(0).replace("https://discord.com", ""),
        body: br#"{"content":"a"}"#.to_vec(),
        ..Incoming::default()
    });
    assert_eq!((without_wait.status, without_wait.body.len()), (204, 0));
}

#[test]
fn a_reader_of_the_twin_sees_no_signs() {
    use super::twin_check::shown;
    let content = "# Title\n**bold *both*** \\*star\\* [label](<https://a.example/x_y>) https://b.example/c_d_e <https://c.example>\n> said\n- one\n```rust\nlet _x;\n```\n`a*b` 1 \\< 2 > 1";
    assert_eq!(
        shown(content),
        "Title\nbold both *star* label https://b.example/c_d_e https://c.example\nsaid\n• one\nlet _x;\na*b 1 < 2 > 1"
    );
}
