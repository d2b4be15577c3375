use super::*;
use crate::platform::AccountInfo;
use crate::platform::stage::{Stage, answer, content, with};
use crate::platform::{Content, MediaUse};
use crate::text::Text;
use crate::twin::Reply;

fn stage() -> Stage {
    Stage::new(&Network, 0)
}

fn sent_to(people: &[&str]) -> Stage {
    let mut stage = stage();
    stage.account.settings["to"] = json!(people);
    stage
}

fn plain(text: &str) -> Content {
    content(vec![(Text::plain(text), Vec::new())])
}

fn file(stage: &Stage, name: &str, mime: &str, begins: &[u8]) -> MediaUse {
    let one = stage.file(name, mime, 100, None);
    let mut bytes = vec![7; 100];
    bytes[..begins.len()].copy_from_slice(begins);
    std::fs::write(&one.media.path, bytes).unwrap();
    one
}

fn picture(stage: &Stage) -> MediaUse {
    file(stage, "crab.png", "image/png", b"\x89PNG\r\n\x1a\n")
}

fn problem(stage: &Stage, content: &Content) -> String {
    let rendered = stage.render(content);
    assert_eq!(rendered.problems.len(), 1, "{:?}", rendered.problems);
    rendered.problems[0].message.clone()
}

fn payload(stage: &Stage, content: &Content) -> Value {
    let rendered = stage.render(content);
    assert_eq!((rendered.problems.as_slice(), rendered.parts.len()), (&[][..], 1));
    rendered.parts[0].payload.clone()
}

#[test]
fn encode_is_pure_and_exact() {
    let stage = stage();
    let mut draft = plain("See https://example.org");
    draft.posts[0].text.marks = crate::text::detect::links("See https://example.org");
    assert_eq!(
        payload(&stage, &draft),
        json!({
            "messaging_product": "whatsapp", "recipient_type": "individual", "to": "15551234567", "type": "text",
            "text": {"body": "See https://example.org", "preview_url": true}
        })
    );
    assert_eq!(payload(&stage, &draft), payload(&stage, &draft));
    assert_eq!(payload(&stage, &with(draft, "preview", json!(false)))["text"]["preview_url"], false);
    assert_eq!(payload(&stage, &plain("no link"))["text"]["preview_url"], false);
    let of = |name: &str, mime: &str, text: &str| {
        let one = file(&stage, name, mime, b"");
        payload(&stage, &content(vec![(Text::plain(text), vec![one])]))
    };
    assert_eq!(of("a.png", "image/png", "crab")["image"], json!({"caption": "crab"}));
    assert_eq!(of("a.mp4", "video/mp4", "")["video"], json!({}));
    assert_eq!(of("a.ogg", "audio/ogg", "")["audio"], json!({}));
    assert_eq!(of("a.pdf", "application/pdf", "read")["document"], json!({"caption": "read", "filename": "a.pdf"}));
    let sung = content(vec![(Text::plain("la"), vec![file(&stage, "a.ogg", "audio/ogg", b"")])]);
    assert!(problem(&stage, &sung).contains("no text beside `a.ogg`"));
}

#[test]
fn templates_are_what_was_approved() {
    let stage = stage();
    let draft = |text: &str| with(plain(text), "template", json!("release_note"));
    assert!(problem(&stage, &draft("v1")).contains("the language of the template"));
    let english = |text: &str| with(draft(text), "language", json!("en_US"));
    assert_eq!(
        payload(&stage, &english("v1"))["template"],
        json!({
            "name": "release_note", "language": {"policy": "deterministic", "code": "en_US"},
            "components": [{"type": "body", "parameters": [{"type": "text", "text": "v1"}]}]
        })
    );
    let spoken = Content { lang: Some("pt-BR".into()), ..with(draft("x"), "parameters", json!(["a", "b"])) };
    let template = payload(&stage, &spoken)["template"].clone();
    assert_eq!(template["language"]["code"], "pt_BR");
    assert_eq!(template["components"][0]["parameters"], json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]));
    for bad in ["two\nlines", "a\ttab", "many     spaces"] {
        assert!(problem(&stage, &english(bad)).contains("one line without tabs"));
    }
    let codes = |content: &Content| -> Vec<String> { stage.render(content).warnings.into_iter().map(|note| note.code).collect() };
    assert_eq!((codes(&plain("x")), codes(&english("x"))), (vec!["window".to_string()], Vec::new()));
}

#[test]
fn people_are_numbers_each_once() {
    let people = |to: Value| encode::people(&AccountInfo { settings: json!({ "to": to }), ..AccountInfo::default() });
    assert_eq!(people(json!(["+1 (555) 123-4567", "15551234567", "+49 151.2345678"])), Ok(vec!["15551234567".into(), "491512345678".into()]));
    assert_eq!(people(json!("+15551234567, +15551234568")).unwrap().len(), 2);
    for wrong in [json!(["ann"]), json!(["0151 2345678"]), json!(["12345"]), json!(["+1555123456789012"]), json!([]), json!(null)] {
        assert!(people(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn refusals_are_explained() {
    let said = |code: i64| {
        let Reply { status, body, .. } = graph::refuse(400, code, 0, &format!("(#{code}) No"));
        Network.explain(&answer(status, &[], &String::from_utf8(body).unwrap())).unwrap()
    };
    for (code, kind, effect) in [
        (131_047, Kind::Rejected, Effect::None),
        (131_026, Kind::Rejected, Effect::None),
        (131_042, Kind::Billing, Effect::None),
        (131_031, Kind::Forbidden, Effect::None),
        (133_010, Kind::Forbidden, Effect::None),
        (132_001, Kind::Rejected, Effect::None),
        (130_429, Kind::Limited, Effect::None),
        (131_056, Kind::Limited, Effect::None),
        (131_048, Kind::Limited, Effect::None),
        (80_007, Kind::Limited, Effect::None),
        (4, Kind::Limited, Effect::None),
        (131_000, Kind::Unavailable, Effect::Maybe),
        (131_049, Kind::Rejected, Effect::None),
        (368, Kind::Forbidden, Effect::None),
        (190, Kind::Auth, Effect::None),
        (100, Kind::Rejected, Effect::None),
        (10, Kind::Forbidden, Effect::None),
    ] {
        let fault = said(code);
        assert_eq!((fault.kind, fault.effect, fault.code), (kind, effect, Some(code.to_string())), "{code}");
    }
    let pair = said(131_056);
    assert_eq!(pair.retry_at, Some("2026-11-21T12:00:06Z".parse().unwrap()));
    assert!(said(131_047).message.contains("`[on.whatsapp] template`"));
}

#[tokio::test]
async fn each_person_gets_each_message_once_and_in_order() {
    let stage = sent_to(&["+15551234567", "+15551234568"]);
    let rendered = stage.render(&plain("Hello"));
    assert!(rendered.changes.iter().any(|note| note.message.contains("2 people")), "{:?}", rendered.changes);
    let thread = content(vec![(Text::plain("one"), Vec::new()), (Text::plain("two"), Vec::new())]);
    let receipts = stage.publish(&thread).await.unwrap();
    let seen: Vec<_> = stage.timeline().into_iter().map(|seen| (seen.account, seen.text, seen.reply_to)).collect();
    let id = |n: usize| Some(receipts[n].id.clone());
    let line = |to: &str, text: &str, reply| (to.to_string(), text.to_string(), reply);
    assert_eq!(
        seen,
        [
            line("+15551234567", "one", None),
            line("+15551234567", "two", id(0)),
            line("+15551234568", "one", None),
            line("+15551234568", "two", id(2)),
        ]
    );
}

#[tokio::test]
async fn a_file_goes_up_and_its_id_into_the_message() {
    let stage = stage();
    stage.publish(&content(vec![(Text::plain("crab"), vec![picture(&stage)])])).await.unwrap();
    let mut draft = with(content(vec![(Text::plain(""), vec![picture(&stage)])]), "template", json!("release_picture"));
    draft = with(with(draft, "language", json!("en_US")), "parameters", json!(["v1", "crabs"]));
    stage.publish(&draft).await.unwrap();
    stage.publish(&content(vec![(Text::plain("read"), vec![file(&stage, "a.pdf", "application/pdf", b"%PDF")])])).await.unwrap();
    let seen = stage.timeline();
    let media: Vec<&str> = seen.iter().map(|seen| seen.media[0].mime.as_str()).collect();
    assert_eq!(media, ["image/png", "image/png", "application/pdf"]);
    assert_eq!((seen[0].text.as_str(), seen[1].text.as_str()), ("crab", "v1 crabs"));
}

#[tokio::test]
async fn who_did_not_write_is_reached_by_templates_alone() {
    let stage = sent_to(&[&format!("+155512345{}", twin::SILENT)]);
    let fault = stage.publish(&plain("Hello")).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect, fault.code.as_deref()), (Kind::Rejected, Effect::None, Some("131047")));
    assert!(fault.message.contains("more than 24 hours"), "the network's own words: {fault}");
    let template = with(with(plain("v1"), "template", json!("release_note")), "language", json!("en_US"));
    stage.publish(&template).await.unwrap();
    for (key, value, code) in [
        ("template", json!("nothing"), "132001"),
        ("language", json!("fr"), "132001"),
        ("parameters", json!(["a", "b"]), "132000"),
    ] {
        let fault = stage.publish(&with(template.clone(), key, value)).await.unwrap_err();
        assert_eq!(fault.code.as_deref(), Some(code), "{fault}");
    }
    assert_eq!(stage.timeline().len(), 1);
}

#[tokio::test]
async fn trouble_of_the_account_is_told_apart() {
    for (change, kind, code) in [
        ((|twin: &mut twin::WhatsappTwin| twin.broke = true) as fn(&mut twin::WhatsappTwin), Kind::Billing, "131042"),
        (|twin| twin.unregistered = true, Kind::Forbidden, "133010"),
    ] {
        let mut made = twin::WhatsappTwin::default();
        change(&mut made);
        let stage = Stage::with_twin(&Network, 0, Box::new(made));
        let fault = stage.publish(&plain("Hello")).await.unwrap_err();
        assert_eq!((fault.kind, fault.code.as_deref()), (kind, Some(code)), "{fault}");
    }
    let mut stage = stage();
    stage.account.settings["phone"] = json!("1");
    let fault = Network.whoami(&stage.cx()).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Rejected, Some("100/33")));
    stage.account.settings["phone"] = json!("+1 631-555-8100");
    let fault = Network.whoami(&stage.cx()).await.unwrap_err();
    assert!(fault.kind == Kind::Local && fault.message.contains("phone number ID"), "{fault}");
    let marks = AccountInfo { about: json!({"quality": "RED"}), ..stage.account.clone() };
    stage.account = marks;
    assert!(stage.render(&plain("x")).warnings.iter().any(|note| note.code == "quality"));
}
