use secrecy::SecretString;
use serde_json::json;

use super::*;
use crate::media::Media;
use crate::platform::{Content, ContentPost, Limits, MediaUse};
use crate::text::Text;

fn content(text: &str) -> Content {
    Content {
        posts: vec![ContentPost { text: Text::plain(text), media: Vec::new() }],
        ..Content::default()
    }
}

fn encode(content: &Content, settings: Value) -> Result<Value, String> {
    let account = AccountInfo { settings, ..AccountInfo::default() };
    let limits = Limits::of(&STANDARD);
    let ask = Ask { content, account: Some(&account), limits: &limits };
    let mut piece = Piece {
        index: 0,
        of: 1,
        text: content.posts[0].text.clone(),
        media: content.posts[0].media.clone(),
        title: content.title.clone(),
        poll: None,
        card: None,
        comment: false,
        notes: Vec::new(),
    };
    Network.encode(&ask, &mut piece)
}

#[test]
fn the_published_vector() {
    let Some(file) = specs::specs("webhooks/standard-webhooks-vector.json") else { return };
    let file: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let text = |key: &str| case[key].as_str().unwrap();
        let keys = sign::keys(Style::Standard, &SecretString::from(text("secret"))).unwrap();
        let timestamp: i64 = text("timestamp").parse().unwrap();
        let signature = sign::sign(Style::Standard, &keys, text("id"), timestamp, text("payload").as_bytes());
        assert_eq!(signature, text("signature"));
        let good = |now| sign::verify(&keys[0], text("id"), text("timestamp"), &signature, text("payload").as_bytes(), now);
        assert!(good(timestamp) && !good(timestamp + 3600));
    }
}

#[test]
fn a_template_stays_json_whatever_the_text_holds() {
    let mut content = content("he said \"{{ title }}\" \\ }{ \u{1} 🦀");
    content.tags = vec!["a".into(), "b".into()];
    content.title = Some("T".into());
    let template = r#"{"msg": "{{ title }}: {{ text }}", "labels": "{{ tags }}", "n": "{{ part }}", "fixed": 7, "deep": [{"x": "{{ lang }}"}]}"#;
    let payload = encode(&content, json!({"format": "template", "template": template})).unwrap();
    assert_eq!(
        payload,
        json!({
            "msg": "T: he said \"{{ title }}\" \\ }{ \u{1} 🦀", "labels": ["a", "b"], "n": 1, "fixed": 7, "deep": [{"x": ""}],
        })
    );
    for bad in ["", "{\"a\": {{ text }} }", r#"{"a": "{{ txet }}"}"#, r#"{"a": "x {{ txet }}"}"#, r#"{"a": "{{ text "}"#] {
        let why = encode(&content, json!({"format": "template", "template": bad})).unwrap_err();
        assert!(why.contains("template"), "{why}");
    }
}

#[test]
fn chat_formats_carry_title_link_tags_and_alt() {
    let mut content = content("text #a");
    content.title = Some("Title".into());
    content.link = Some("https://example.org/".into());
    content.tags = vec!["a".into(), "b".into()];
    content.posts[0].media.push(MediaUse {
        media: Media {
            path: "/x.png".into(),
            name: "x.png".into(),
            mime: "image/png".into(),
            bytes: 1,
            width: None,
            height: None,
            sha256: String::new(),
            ..Media::default()
        },
        alt: Some("a crab".into()),
        extras: Default::default(),
    });
    let text = |format: &str, key: &str| encode(&content, json!({"format": format})).unwrap()[key].as_str().unwrap().to_string();
    for format in ["slack", "mattermost"] {
        let text = text(format, "text");
        let parts = ["Title", "text #a", "https://example.org/", "#b", "[a crab]"];
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        assert_eq!(text.matches("#a").count(), 1, "{text}");
    }
    assert!(text("discord", "content").starts_with("**Title**"));
    assert!(encode(&content, json!({"format": "xml"})).unwrap_err().contains("`xml`"));
}

#[test]
fn a_payload_stays_below_20_kb() {
    let mut content = content("short");
    content.options.insert("data".into(), json!({"more": "x".repeat(20_000)}));
    assert!(encode(&content, json!({})).unwrap_err().contains("20000"));
    content.options.insert("data".into(), json!({"more": "x"}));
    assert_eq!(encode(&content, json!({})).unwrap()["data"]["more"], "x");
}

#[test]
fn only_a_receiver_that_dedupes_is_repeated_to() {
    let repeat = |settings: Value| Network.repeat(&AccountInfo { settings, ..AccountInfo::default() });
    assert_eq!(repeat(json!({})), Repeat::SameId);
    assert_eq!(repeat(json!({"format": "slack"})), Repeat::Never);
    assert_eq!(repeat(json!({"format": "template", "dedupes": true})), Repeat::SameId);
    assert_eq!(repeat(json!({"dedupes": false})), Repeat::Never);
}

#[test]
fn an_address_is_looked_at_before_it_is_kept() {
    let Flow::Typed(typed) = LOGINS[0].flow else { panic!("it is typed in") };
    let check = |url: &str| typed.check.unwrap()(&[("url".to_string(), SecretString::from(url))].into());
    assert_eq!(check("https://hooks.example.org/x?token=secret-part"), Ok(()));
    // whether that may be is the account's `allow_private` to say
    assert_eq!(check("http://127.0.0.1:5678/hook"), Ok(()));
    for wrong in ["secret-part", "ftp://example.org/secret-part", "https://ann:secret-part@example.org/", ""] {
        let why = check(wrong).unwrap_err();
        assert!(why.starts_with("the webhook's URL ") && !why.contains("secret-part"), "{why}");
    }
}

#[tokio::test]
async fn the_signature_goes_to_the_address_alone() {
    let mut stage = crate::platform::stage::Stage::new(&Network, 0);
    stage.account.about = json!({"url": "https://evil.example/"});
    let request = Request::post("https://evil.example/{secret}").secret_path(&SecretString::from("path"));
    let fault = stage.cx().call(request).await.unwrap_err();
    assert!(fault.kind == Kind::Local && fault.message.contains("not sent to `https://evil.example`"), "{fault}");
    assert_eq!(stage.server.log().len(), 0);
    stage.publish(&content("a")).await.unwrap();
    assert_eq!(stage.server.log().len(), 1);
}
