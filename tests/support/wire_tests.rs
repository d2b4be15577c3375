//! The tests' own tools, tried: a judge that lets everything pass proves nothing.

use libtest_mimic::Trial;
use serde_json::{Value, json};
use xpost::twin::Incoming;

use super::fill::{self, Scope};
use super::openapi::Document;
use super::wire;

/// The tools' tests.
pub fn trials() -> Vec<Trial> {
    let tests: [(&str, fn()); 7] = [
        ("tools::wire_files_are_read", wire_files_are_read),
        ("tools::placeholders", placeholders),
        ("tools::json_is_compared", json_is_compared),
        ("tools::shapes_are_compared", shapes_are_compared),
        ("tools::the_judge_of_mastodon", the_judge_of_mastodon),
        ("tools::the_judge_of_discord_and_telegram", the_judge_of_discord_and_telegram),
        ("tools::the_judge_of_bluesky", the_judge_of_bluesky),
    ];
    tests
        .into_iter()
        .map(|(name, test)| {
            Trial::test(name, move || {
                test();
                Ok(())
            })
        })
        .collect()
}

fn read(text: &str) -> Result<wire::WireFile, String> {
    wire::parse(std::path::Path::new("x.http"), text)
}

fn wire_files_are_read() {
    let text = "# what\n@setting a=1\n@draft Hello\n@draft > quoted\n@receipt id=4 url=\"a b\"\n\n> POST https://x.example/a?b=1\n> A: b: c\n>\n> {\n>   \"x\": 1\n> }\n\
        < 200\n< C: d\n<\n< {}\n@do delete\n@inject limited 3\n> DELETE https://x.example/a\n< 204\n";
    let file = read(text).unwrap();
    assert_eq!((file.settings[0].clone(), file.steps.len()), (("a".to_string(), json!(1)), 2));
    let step = &file.steps[0];
    assert_eq!((step.act.as_str(), step.draft.join("|").as_str()), ("publish", "Hello|> quoted"));
    assert_eq!(step.receipts[0]["url"], "a b");
    assert_eq!(step.exchanges[0].headers, [("a".to_string(), "b: c".to_string())]);
    assert_eq!(step.exchanges[0].body, "{\n  \"x\": 1\n}");
    assert_eq!((step.exchanges[0].status, step.exchanges[0].answer_body.as_str()), (200, "{}"));
    let last = &file.steps[1].exchanges[0];
    assert_eq!((last.status, last.inject.as_ref().unwrap().join(" ").as_str()), (204, "limited 3"));
    for (bad, why) in [
        ("> POST https://x.example/\n", "without an answer"),
        ("< 200\n", "without a request"),
        ("@darft x\n", "`@darft`"),
        ("@do dance\n", "dance"),
        ("hello\n", "begins with"),
        ("@twin skip \n", "reason"),
        ("> GET https://x.example/\n< 200\n@draft late\n", "before them"),
    ] {
        let error = read(bad).unwrap_err();
        assert!(error.contains(why) && error.starts_with("line "), "{error}");
    }
}

fn scope(pairs: &[(&str, &str)]) -> Scope {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn placeholders() {
    let mut names = scope(&[("key", "K")]);
    assert_eq!(fill::expand("a{{key}}b{{id=42}}c{{id}}", &mut names).unwrap(), "aKb42c42");
    assert!(fill::expand("{{unknown}}", &mut names).is_err());
    assert!(fill::fits("/a/{{any}}/{{id}}", "/a/x/y/42", &names));
    assert!(!fill::fits("/a/{{any}}/{{id}}", "/a/x/43", &names));
    let now = scope(&[("key", "K"), ("id", "7")]);
    assert_eq!(fill::refill("t={{any}}&id={{id}}", "t=123&id=42", &names, &now), "t=123&id=7");
    let (template, sent) =
        (json!({"a": "{{#id}}", "b": ["{{any}}"], "c": "x{{id}}"}), json!({"a": 42, "b": [[1]], "c": "x42"}));
    assert_eq!(fill::refill_json(&template, &sent, &names, &now), json!({"a": 7, "b": [[1]], "c": "x7"}));
}

fn json_is_compared() {
    let names = scope(&[("id", "42")]);
    let differs = |template: Value, actual: Value| {
        let mut problems = Vec::new();
        fill::compare(&template, &actual, &names, "", &mut problems);
        problems.len()
    };
    assert_eq!(
        differs(json!({"a": "{{id}}", "b": "{{#id}}", "c": "{{any}}"}), json!({"c": {}, "b": 42, "a": "42"})),
        0
    );
    assert_eq!(differs(json!({"a": 1, "b": 2}), json!({"a": 1, "c": 2})), 2);
    assert_eq!(differs(json!(["a"]), json!(["a", "b"])), 1);
    assert_eq!(differs(json!("{{#id}}"), json!("42")), 1);
    assert_eq!(differs(json!("{{id}}"), json!(42)), 1);
}

fn shapes_are_compared() {
    let mut names = Scope::new();
    let mut shape = |template: Value, actual: Value| {
        let mut problems = Vec::new();
        fill::same_shape(&template, &actual, &mut names, "", &mut problems);
        problems.len()
    };
    assert_eq!(
        shape(
            json!({"id": "{{post=1}}", "n": "{{#n=2}}", "u": "/p/{{slug=x}}/", "z": null}),
            json!({"id": "9", "n": 5, "u": "/p/abc/", "z": [], "more": 1})
        ),
        0
    );
    assert_eq!(shape(json!({"id": "1", "l": [{"a": 1}]}), json!({"id": 1, "l": [{"a": 1}, {"b": 1}]})), 2);
    assert_eq!(shape(json!([1]), json!([])), 1);
    assert_eq!(names, scope(&[("n", "5"), ("post", "9"), ("slug", "abc")]));
}

fn request(method: &str, path: &str, mime: &str, body: &[u8]) -> Incoming {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Incoming {
        method: method.into(),
        host: "x.example".into(),
        path: path.into(),
        raw: path.into(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: vec![("content-type".into(), mime.into()), ("authorization".into(), "Bearer x".into())],
        body: body.to_vec(),
    }
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=b";

fn multipart(parts: &[(&str, &str)]) -> Vec<u8> {
    let part = |(name, value): &(&str, &str)| {
        let file = if value.starts_with("\u{89}PNG") { "; filename=\"a.png\"\r\ncontent-type: image/png" } else { "" };
        format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n")
    };
    let mut body: String = parts.iter().map(part).collect();
    body.push_str("--b--\r\n");
    body.into_bytes()
}

#[track_caller]
fn good(document: &mut Document, request: &Incoming) {
    let problems = document.check(request);
    assert!(problems.is_empty(), "{problems:#?}");
}

#[track_caller]
fn bad(document: &mut Document, request: &Incoming, why: &str) {
    let problems = document.check(request);
    assert!(problems.iter().any(|problem| problem.contains(why)), "`{why}` was expected: {problems:#?}");
}

fn the_judge_of_mastodon() {
    let Some(mut document) = Document::load("mastodon") else { return };
    let post = |body: Value| request("POST", "/api/v1/statuses", JSON, body.to_string().as_bytes());
    good(&mut document, &post(json!({"status": "hello", "visibility": "public", "language": "en"})));
    good(&mut document, &post(json!({"status": "look", "media_ids": ["1", "2"]})));
    bad(&mut document, &post(json!({"status": "hello", "visiblity": "public"})), "visiblity");
    bad(&mut document, &post(json!({"status": "hello", "visibility": "everybody"})), "visibility");
    bad(&mut document, &post(json!({"status": 7})), "status");
    good(
        &mut document,
        &request("POST", "/api/v1/statuses", FORM, b"status=hello&media_ids[]=1&media_ids[]=2&sensitive=true"),
    );
    bad(&mut document, &request("POST", "/api/v1/statuses", FORM, b"status=hello&sensitive=perhaps"), "sensitive");
    bad(&mut document, &request("POST", "/api/v1/statuses", "text/plain", b"hello"), "text/plain");
    bad(&mut document, &request("POST", "/api/v9/statuses", JSON, b"{}"), "no such path");
    bad(&mut document, &request("GET", "/api/v1/accounts/verify_credentials?x=1", JSON, b""), "`x` is unknown");
    let upload = |name: &str| {
        request("POST", "/api/v2/media", MULTIPART, &multipart(&[(name, "\u{89}PNG"), ("description", "d")]))
    };
    good(&mut document, &upload("file"));
    bad(&mut document, &upload("flie"), "flie");
}

fn the_judge_of_discord_and_telegram() {
    let Some(mut document) = Document::load("discord") else { return };
    let path = "/api/v10/channels/123456789012345678/messages";
    let post = |body: Value| request("POST", path, JSON, body.to_string().as_bytes());
    good(
        &mut document,
        &post(json!({"content": "hello", "allowed_mentions": {"parse": []}, "nonce": "abc", "enforce_nonce": true})),
    );
    bad(&mut document, &post(json!({"contnet": "hello"})), "contnet");
    bad(&mut document, &post(json!({"content": "hello", "embeds": [{"tilte": "x"}]})), "tilte");
    let with_file = |payload: &str, name: &str| {
        request("POST", path, MULTIPART, &multipart(&[("payload_json", payload), (name, "\u{89}PNG")]))
    };
    let payload = r#"{"content": "x", "attachments": [{"id": "0", "description": "alt"}]}"#;
    good(&mut document, &with_file(payload, "files[0]"));
    bad(&mut document, &with_file(payload, "flies[0]"), "flies[0]");
    bad(&mut document, &with_file(r#"{"content": 7}"#, "files[0]"), "content");
    bad(&mut document, &with_file("content", "files[0]"), "not JSON");

    let Some(mut document) = Document::load("telegram") else { return };
    let send = |body: Value| request("POST", "/bot123:abc/sendMessage", JSON, body.to_string().as_bytes());
    let entities = json!([{"type": "bold", "offset": 0, "length": 2}]);
    good(&mut document, &send(json!({"chat_id": "@here", "text": "hello", "entities": entities})));
    good(
        &mut document,
        &request("POST", "/bot123:abc/sendMessage", FORM, b"chat_id=-100123&text=5&disable_notification=true"),
    );
    bad(&mut document, &send(json!({"chat_id": "@here", "txet": "hello"})), "text");
    bad(
        &mut document,
        &send(json!({"chat_id": "@here", "text": "x", "entities": [{"type": "bold", "offset": "0", "length": 2}]})),
        "entities",
    );
    bad(&mut document, &request("POST", "/botnonsense/sendMessage", JSON, br#"{"chat_id":1,"text":"x"}"#), "token");
    let album = |media: &str, name: &str| {
        request(
            "POST",
            "/bot123:abc/sendMediaGroup",
            MULTIPART,
            &multipart(&[("chat_id", "1"), ("media", media), (name, "\u{89}PNG")]),
        )
    };
    let media = r#"[{"type":"photo","media":"attach://p0"},{"type":"photo","media":"attach://p0"}]"#;
    good(&mut document, &album(media, "p0"));
    bad(&mut document, &album(media, "p1"), "p1");
    bad(
        &mut document,
        &album(r#"[{"type":"photo","media":"attach://p0","captoin":"x"},{"type":"photo","media":"y"}]"#, "p0"),
        "captoin",
    );
}

fn the_judge_of_bluesky() {
    let Some(mut document) = Document::load("bluesky") else { return };
    let put = |record: Value| {
        let body = json!({"repo": "did:plc:abc", "collection": "app.bsky.feed.post", "rkey": "3jzfcijpj2z2a", "record": record});
        request("POST", "/xrpc/com.atproto.repo.putRecord", JSON, body.to_string().as_bytes())
    };
    let record =
        |text: &str| json!({"$type": "app.bsky.feed.post", "text": text, "createdAt": "2026-11-21T12:00:00.000Z"});
    good(&mut document, &put(record("hello")));
    good(&mut document, &put(record(&"é".repeat(300))));
    bad(&mut document, &put(record(&"é".repeat(301))), "301 graphemes");
    let mut misspelt = record("hello");
    misspelt["lang"] = json!(["en"]);
    bad(&mut document, &put(misspelt), "`lang` is unknown");
    bad(&mut document, &put(json!({"text": "hello"})), "createdAt");
    good(&mut document, &request("POST", "/xrpc/com.atproto.repo.uploadBlob", "image/png", b"\x89PNG"));
    bad(&mut document, &request("POST", "/xrpc/com.atproto.repo.uploadBlob", "image/png", b""), "missing");
}
