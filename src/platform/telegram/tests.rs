use serde_json::{Value, json};

use super::api::chat_id;
use super::encode::entities;
use super::explain::explain;
use super::*;
use crate::draft::Poll;
use crate::net::Effect;
use crate::platform::stage::{Stage, answer, content, with};
use crate::platform::Content;
use crate::text::{Kind as MarkKind, Mark, Text};

fn mark(start: usize, end: usize, kind: MarkKind) -> Mark {
    Mark { start, end, kind }
}

fn link(url: &str) -> MarkKind {
    MarkKind::Link { url: url.into() }
}

fn plain(text: &str) -> Content {
    content(vec![(Text::plain(text), Vec::new())])
}

fn payload(content: &Content) -> Value {
    let stage = Stage::new(&Network, 0);
    let rendered = stage.render(content);
    assert_eq!(rendered.problems, []);
    rendered.parts[0].payload.clone()
}

fn problem(content: &Content) -> String {
    let rendered = Stage::new(&Network, 0).render(content);
    assert_eq!(rendered.problems.len(), 1);
    rendered.problems[0].message.clone()
}

#[test]
fn offsets_are_utf16() {
    let text = "Привет 👍 link";
    let start = text.find("link").unwrap();
    let text = Text { text: text.into(), marks: vec![mark(start, start + 4, link("https://example.org"))] };
    assert_eq!(
        entities(&text, &mut Vec::new()),
        [json!({"type": "text_link", "offset": 10, "length": 4, "url": "https://example.org"})]
    );
}

#[test]
fn each_mark_has_its_entity() {
    // a family of four is one emoji of eleven units; the flag is four
    let source = "👨‍👩‍👧‍👦 bold it🇫🇷 gone code\nlet x;\nquote inner";
    let at = |piece: &str| (source.find(piece).unwrap(), source.find(piece).unwrap() + piece.len());
    let of = |piece: &str, kind| {
        let (start, end) = at(piece);
        mark(start, end, kind)
    };
    let text = Text {
        text: source.into(),
        marks: vec![
            of("👨‍👩‍👧‍👦", MarkKind::Heading { level: 1 }),
            of("bold it🇫🇷", MarkKind::Strong),
            of("it🇫🇷", MarkKind::Emphasis),
            of("gone", MarkKind::Strike),
            of("code", MarkKind::Code),
            of("let x;", MarkKind::CodeBlock { lang: Some("rust".into()) }),
            of("x;", MarkKind::Strong),
            of("quote inner", MarkKind::Quote),
            of("inner", MarkKind::Quote),
        ],
    };
    let got: Vec<(String, u64, u64)> = entities(&text, &mut Vec::new())
        .iter()
        .map(|e| (e["type"].as_str().unwrap().into(), e["offset"].as_u64().unwrap(), e["length"].as_u64().unwrap()))
        .collect();
    let want = [
        ("bold", 0, 11),
        ("bold", 12, 11),
        ("italic", 17, 6),
        ("strikethrough", 24, 4),
        ("code", 29, 4),
        ("pre", 34, 6),
        ("blockquote", 41, 11),
    ];
    let want: Vec<_> = want.iter().map(|(kind, offset, length)| (kind.to_string(), *offset, *length)).collect();
    assert_eq!(got, want, "nothing within code, no quote within a quote");
}

#[test]
fn telegram_finds_what_was_written_bare() {
    let source = "https://example.org example.org #tag @ann Bob";
    let text = Text {
        text: source.into(),
        marks: vec![
            mark(0, 19, link("https://example.org")),
            mark(20, 31, link("https://example.org")),
            mark(32, 36, MarkKind::Tag { tag: "tag".into() }),
            mark(37, 41, MarkKind::Mention { handle: "ann".into() }),
            mark(42, 45, MarkKind::Mention { handle: "12345".into() }),
        ],
    };
    assert_eq!(
        entities(&text, &mut Vec::new()),
        [
            json!({"type": "text_link", "offset": 20, "length": 11, "url": "https://example.org"}),
            json!({"type": "text_link", "offset": 42, "length": 3, "url": "tg://user?id=12345"}),
        ]
    );
}

#[test]
fn a_link_that_is_not_followed_is_named() {
    let text = Text { text: "write me".into(), marks: vec![mark(0, 8, link("mailto:a@example.org"))] };
    let rendered = Stage::new(&Network, 0).render(&content(vec![(text, Vec::new())]));
    assert_eq!(rendered.parts[0].payload["params"]["entities"], Value::Null);
    assert!(rendered.warnings.iter().any(|note| note.message.contains("mailto:a@example.org")));
}

#[test]
fn encode_is_pure_and_exact() {
    let draft = with(with(plain("Hello"), "silent", json!(true)), "preview", json!("large"));
    let first = payload(&draft);
    assert_eq!(first, payload(&draft));
    assert_eq!(
        first,
        json!({
            "method": "sendMessage",
            "params": {
                "chat_id": "@xpost_twin_0",
                "text": "Hello",
                "link_preview_options": {"prefer_large_media": true},
                "disable_notification": true,
            },
        })
    );
}

#[test]
fn options_become_parameters() {
    let of = |key: &str, value: Value| payload(&with(plain("a"), key, value))["params"].clone();
    assert_eq!(of("preview", json!(false))["link_preview_options"], json!({"is_disabled": true}));
    assert_eq!(of("preview", json!(true))["link_preview_options"], Value::Null);
    assert_eq!(
        of("preview", json!(["above", "small"]))["link_preview_options"],
        json!({"show_above_text": true, "prefer_small_media": true})
    );
    assert_eq!(of("protect", json!(true))["protect_content"], json!(true));
    assert_eq!(of("topic", json!(7))["message_thread_id"], json!(7));
    assert_eq!(of("topic", json!("7"))["message_thread_id"], json!(7));
    assert_eq!(of("topic", json!(1))["message_thread_id"], Value::Null, "General is not named");
    assert!(problem(&with(plain("a"), "topic", json!("news"))).contains("`topic`"));
    assert!(problem(&with(plain("a"), "preview", json!("huge"))).contains("`preview`"));
    let mut about = plain("see https://a.example and https://b.example");
    about.link = Some("https://b.example".into());
    assert_eq!(payload(&about)["params"]["link_preview_options"], json!({"url": "https://b.example"}));
}

#[test]
fn the_method_follows_the_media() {
    let stage = Stage::new(&Network, 0);
    let photo = stage.file("a.png", "image/png", 10, Some("alt"));
    let film = stage.file("b.mp4", "video/mp4", 10, None);
    let gif = stage.file("c.gif", "image/gif", 10, None);
    let mut narrow = photo.clone();
    narrow.media.width = Some(3000);
    narrow.media.height = Some(100);
    let one = |media| payload(&content(vec![(Text::plain("c"), vec![media])]));
    assert_eq!(one(photo.clone())["method"], "sendPhoto");
    assert_eq!(one(photo.clone())["files"], json!(["photo"]));
    assert_eq!(one(photo.clone())["params"]["caption"], "c");
    assert_eq!(one(film.clone())["method"], "sendVideo");
    assert_eq!(one(film.clone())["params"]["supports_streaming"], json!(true));
    assert_eq!(one(gif.clone())["method"], "sendAnimation");
    assert_eq!(one(narrow)["method"], "sendDocument");
    let mut draft = content(vec![(Text::plain("c"), vec![photo.clone(), film.clone()])]);
    draft.sensitive = true;
    assert_eq!(
        payload(&draft)["params"]["media"],
        json!([
            {"type": "photo", "media": "attach://f0", "caption": "c", "has_spoiler": true},
            {"type": "video", "media": "attach://f1", "supports_streaming": true, "width": 64, "height": 48, "has_spoiler": true},
        ])
    );
    let files = payload(&with(draft, "document", json!(true)))["params"]["media"].clone();
    assert_eq!(files[1], json!({"type": "document", "media": "attach://f1", "caption": "c"}));
    assert!(problem(&content(vec![(Text::plain("c"), vec![photo.clone(), gif])])).contains("`c.gif`"));
    let eleven = Stage::new(&Network, 0).render(&content(vec![(Text::plain("c"), vec![photo; 11])]));
    let methods: Vec<_> = eleven.parts.iter().map(|part| part.payload["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["sendMediaGroup", "sendPhoto"]);
}

#[test]
fn a_poll_has_a_question() {
    let poll = |question: Option<&str>, text: &str| {
        let mut draft = plain(text);
        draft.poll = Some(Poll {
            question: question.map(str::to_string),
            options: vec!["yes".into(), "no".into()],
            duration: Some("2h".into()),
            multiple: true,
        });
        draft
    };
    let params = payload(&poll(None, "Ready?"))["params"].clone();
    assert_eq!(params["question"], "Ready?");
    assert_eq!(params["open_period"], 7200);
    assert_eq!(params["is_anonymous"], true);
    assert_eq!(params["options"], json!([{"text": "yes"}, {"text": "no"}]));
    let params = payload(&poll(Some("Ready?"), "About the release"))["params"].clone();
    assert_eq!((&params["question"], &params["description"]), (&json!("Ready?"), &json!("About the release")));
    assert!(problem(&poll(None, &"x".repeat(301))).contains("300"));
    assert!(problem(&poll(Some("?"), &"x".repeat(1025))).contains("1024"));
}

#[test]
fn chats_and_messages_by_address() {
    for (text, id) in [
        ("@news", json!("@news")),
        ("news", json!("@news")),
        (" -1001234567890 ", json!(-1_001_234_567_890_i64)),
        ("https://t.me/news", json!("@news")),
        ("t.me/s/news", json!("@news")),
        ("https://t.me/c/1234567890/5", json!(-1_001_234_567_890_i64)),
    ] {
        assert_eq!(chat_id(text), Ok(id), "{text}");
    }
    for text in ["", "@", "two words", "https://t.me/+AbCdEf", "@naïve", "https://example.org/news"] {
        assert!(chat_id(text).is_err(), "{text}");
    }
    for (url, at) in [
        ("https://t.me/news/42", (json!("@news"), 42)),
        ("https://t.me/news/7/42?single", (json!("@news"), 42)),
        ("https://t.me/c/123/7/42", (json!(-100_123), 42)),
        ("https://t.me/c/123/42", (json!(-100_123), 42)),
    ] {
        assert_eq!(message_at(url), Ok(at), "{url}");
    }
    for url in ["https://t.me/news", "https://t.me/news/x", "https://t.me/news/0", "https://example.org/news/42", ""] {
        assert!(message_at(url).is_err(), "{url}");
    }
    let mut draft = plain("a");
    draft.reply_to = Some(Reference::Url("https://example.org/1".into()));
    assert!(problem(&draft).contains("https://t.me/channel/123"));
}

#[test]
fn answers_are_understood() {
    let json = |status, body: &str| explain(&answer(status, &[], body));
    assert_eq!(json(200, r#"{"ok":true,"result":{}}"#), None);

    let fault = json(
        429,
        r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 35","parameters":{"retry_after":35}}"#,
    )
    .unwrap();
    assert_eq!((fault.kind, fault.effect), (Kind::Limited, Effect::None));
    assert_eq!((fault.retry_at.unwrap() - answer(200, &[], "").at).num_seconds(), 35);

    let body = r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1001234567890}}"#;
    let fault = json(400, body).unwrap();
    assert_eq!((fault.kind, fault.effect), (Kind::Rejected, Effect::None));
    assert!(fault.message.contains("`xpost account add` with `chat` = `-1001234567890`"), "{fault}");

    for (status, description, kind) in [
        (401, "Unauthorized", Kind::Auth),
        (404, "Not Found", Kind::Auth),
        (403, "Forbidden: bot is not a member of the channel chat", Kind::Forbidden),
        (400, "Bad Request: not enough rights to send text messages to the chat", Kind::Forbidden),
        (400, "Bad Request: need administrator rights in the channel chat", Kind::Forbidden),
        (400, "Bad Request: chat not found", Kind::Rejected),
        (400, "Bad Request: message is too long", Kind::Rejected),
        (413, "Request Entity Too Large", Kind::Rejected),
    ] {
        let body = json!({"ok": false, "error_code": status, "description": description}).to_string();
        let fault = json(status, &body).unwrap();
        assert_eq!((fault.kind, fault.effect, fault.status), (kind, Effect::None, Some(status)), "{description}");
        assert_eq!(fault.code.as_deref(), Some(status.to_string().as_str()));
        // a 200 can be a refusal
        let hidden = json(200, &body).unwrap();
        assert_eq!((hidden.kind, hidden.effect, hidden.message), (kind, Effect::None, fault.message), "{description}");
    }
    assert_eq!(json(200, r#"{"ok":false}"#).unwrap().kind, Kind::Rejected);
    assert_eq!(json(200, r#"{"ok":false,"error_code":200}"#).unwrap().kind, Kind::Rejected);

    for body in ["", "<html><head><title>502 Bad Gateway</title></head></html>", "bad gateway"] {
        let fault = json(502, body).unwrap();
        assert_eq!((fault.kind, fault.effect), (Kind::Unavailable, Effect::Maybe), "{body}");
        let fault = json(404, body).unwrap();
        assert_eq!(fault.kind, Kind::Rejected);
        assert!(fault.message.contains("`server`"), "{fault}");
        assert_eq!(json(400, body).unwrap().effect, Effect::None);
    }
}

#[tokio::test]
async fn a_text_is_one_request() {
    let stage = Stage::new(&Network, 0);
    let receipts = stage.publish(&plain("Hello")).await.unwrap();
    assert_eq!(stage.server.log().len(), 1);
    assert_eq!(receipts[0].url.as_deref(), Some("https://t.me/xpost_twin_0/1"));
    assert_eq!(stage.timeline()[0].text, "Hello");
}

#[tokio::test]
async fn a_thread_is_a_chain_of_replies_and_can_be_taken_back() {
    let stage = Stage::new(&Network, 3);
    let album = vec![stage.file("a.png", "image/png", 100, None), stage.file("b.jpg", "image/jpeg", 70_000, None)];
    let draft = content(vec![
        (Text::plain("one"), album),
        (Text::plain("two"), vec![stage.file("c.mp4", "video/mp4", 300_000, None)]),
        (Text::plain("three"), Vec::new()),
    ]);
    let receipts = stage.publish(&draft).await.unwrap();
    assert_eq!(receipts[0].extra["message_ids"], json!([1, 2]));
    let seen = stage.timeline();
    assert_eq!(seen.iter().map(|seen| seen.text.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
    assert_eq!(seen.iter().map(|seen| seen.reply_to.as_deref()).collect::<Vec<_>>(), [None, Some("1"), Some("3")]);
    let sizes: Vec<u64> = seen.iter().flat_map(|seen| &seen.media).map(|medium| medium.bytes).collect();
    assert_eq!(sizes, [100, 70_000, 300_000]);
    let remove = Platform::delete(&Network).unwrap();
    for receipt in &receipts {
        remove.delete(&stage.cx(), receipt).await.unwrap();
        remove.delete(&stage.cx(), receipt).await.unwrap();
    }
    assert_eq!(stage.timeline(), []);
}

#[tokio::test]
async fn a_text_too_long_for_a_caption_follows_its_picture() {
    let stage = Stage::new(&Network, 0);
    let text = "word ".repeat(300);
    stage.publish(&content(vec![(Text::plain(text.trim()), vec![stage.file("a.png", "image/png", 10, None)])])).await.unwrap();
    let seen = stage.timeline();
    assert_eq!((seen.len(), seen[0].media.len(), seen[1].reply_to.as_deref()), (2, 1, Some("1")));
    assert!(seen[0].text.encode_utf16().count() <= 1024);
    let words: usize = seen.iter().map(|seen| seen.text.split_whitespace().count()).sum();
    assert_eq!(words, 300, "nothing is lost");
}

#[tokio::test]
async fn replies_to_what_is_there() {
    let stage = Stage::new(&Network, 0);
    let first = stage.publish(&plain("one")).await.unwrap().remove(0);
    let mut draft = plain("two");
    draft.reply_to = Some(Reference::Url(first.url.clone().unwrap()));
    stage.publish(&draft).await.unwrap();
    draft.reply_to = Some(Reference::Ours(first));
    stage.publish(&draft).await.unwrap();
    assert!(stage.timeline()[1..].iter().all(|seen| seen.reply_to.as_deref() == Some("1")));
    draft.reply_to = Some(Reference::Url("https://t.me/xpost_twin_0/99".into()));
    let fault = stage.publish(&draft).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Rejected, Effect::None));
    assert_eq!(stage.timeline().len(), 3);
}

#[tokio::test]
async fn topics_groups_and_closed_chats() {
    let mut stage = Stage::new(&Network, 0);
    stage.account.settings = json!({"chat": twin::forum(0), "topic": 5});
    let receipts = stage.publish(&plain("in a topic")).await.unwrap();
    assert_eq!(receipts[0].url.as_deref(), Some("https://t.me/c/2100000000/5/1"));
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap().handle, "Twin forum 0");
    let fault = stage.publish(&with(plain("a"), "topic", json!(6))).await.unwrap_err();
    assert!(fault.message.contains("check `topic`"), "{fault}");

    stage.account.settings = json!({"chat": twin::migrated(0).to_string()});
    let fault = stage.publish(&plain("a")).await.unwrap_err();
    assert!(fault.message.contains(&twin::forum(0).to_string()), "{fault}");

    stage.account.settings = json!({"chat": "@xpost_twin_closed"});
    assert_eq!(stage.publish(&plain("a")).await.unwrap_err().kind, Kind::Forbidden);
    let fault = Network.whoami(&stage.cx()).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Forbidden);
    assert!(fault.message.contains("`@xpost_twin_closed`: @xpost_twin_0_bot may not post there"), "{fault}");
    assert_eq!(stage.timeline().len(), 1);
}

#[tokio::test]
async fn who_and_what() {
    let mut stage = Stage::new(&Network, 2);
    let profile = Network.whoami(&stage.cx()).await.unwrap();
    assert_eq!(profile.handle, "@xpost_twin_2");
    assert_eq!(profile.id, "-1002000000002");
    stage.discover().await;
    assert_eq!(stage.account.about["username"], "xpost_twin_2");
    assert!(Network.find().is_none(), "a bot cannot read back");
    assert_eq!(Network.repeat(&stage.account), Repeat::Never);
}

#[tokio::test]
async fn the_token_is_never_shown() {
    let stage = Stage::new(&Network, 0);
    let wrong = "7000000000:AAE-a-token-that-nobody-gave";
    for (token, kind) in [(wrong, Kind::Auth), ("no-shape-at-all-secret", Kind::Auth), ("1:a/../../x?secret", Kind::Auth)] {
        stage.secrets.write().unwrap().insert("token".into(), SecretString::from(token));
        let fault = stage.publish(&plain("a")).await.unwrap_err();
        assert_eq!((fault.kind, fault.effect), (kind, Effect::None));
        assert!(!format!("{fault:?} {fault}").contains(token), "{fault:?}");
    }
    assert_eq!(stage.server.log().len(), 1, "what is no token is not sent");
    stage.secrets.write().unwrap().insert("token".into(), SecretString::from(wrong));
    let request = request(&stage.cx(), Method::POST, "sendMessage").unwrap();
    assert!(!format!("{request:?}").contains(wrong));
    // no answer at all: the fault names the address without the token
    drop(stage.server);
}

#[tokio::test]
async fn an_unreadable_answer_may_have_posted() {
    let answer = answer(200, &[], "<html>logged in?</html>");
    assert_eq!(explain(&answer), None);
    let fault = answer.json::<Response<Sent>>().unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Protocol, Effect::Maybe));
}

#[test]
fn the_twin_refuses_what_telegram_refuses() {
    let mut twin = twin::Telegram::default();
    let mut ask = |method: &str, body: Value| {
        let reply = twin.answer(&crate::twin::Incoming {
            method: "POST".into(),
            host: "api.telegram.org".into(),
            path: format!("/bot{}/{method}", twin::token(0)),
            body: body.to_string().into_bytes(),
            ..Default::default()
        });
        let value: Value = serde_json::from_slice(&reply.body).unwrap();
        (reply.status, value["description"].as_str().unwrap_or_default().to_string())
    };
    let mut refused = |body: Value, words: &str| {
        let (status, description) = ask("sendMessage", body);
        assert_eq!(status, 400, "{description}");
        assert!(description.contains(words), "{description}");
    };
    let chat = "@xpost_twin_0";
    refused(json!({"chat_id": "@nobody", "text": "a"}), "chat not found");
    refused(json!({"chat_id": chat, "text": "  "}), "text is empty");
    refused(json!({"chat_id": chat, "text": "x".repeat(4097)}), "too long");
    refused(json!({"chat_id": chat, "text": "👍".repeat(2049)}), "too long");
    let entity = |offset: i64, length: i64| json!({"chat_id": chat, "text": "a👍", "entities": [{"type": "bold", "offset": offset, "length": length}]});
    refused(entity(0, 4), "after the end");
    refused(entity(0, 2), "within a character");
    refused(entity(2, 1), "within a character");
    refused(entity(0, 0), "offset 0");
    assert_eq!(ask("sendMessage", entity(1, 2)).0, 200);
    assert_eq!(ask("deleteMessage", json!({"chat_id": chat, "message_id": 9})).1, "Bad Request: message to delete not found");
    assert_eq!(ask("deleteMessages", json!({"chat_id": chat, "message_ids": [9]})).0, 200);
}
