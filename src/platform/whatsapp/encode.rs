//! A message as what will be sent, once for each person.

use serde_json::{Map, Value, json};

use crate::draft::CardChoice;
use crate::platform::{AccountInfo, Ask, Piece, PlanNote, Post, Rendered, Spec, standard};
use crate::text::Kind;

/// Where nobody is named yet: what a check without an account shows.
const SOMEBODY: &str = "15551234567";

/// The numbers of the people: digits alone, as the API wants them, each once.
///
/// # Errors
/// One of them is no number.
pub fn people(account: &AccountInfo) -> Result<Vec<String>, String> {
    let named = &account.settings["to"];
    let list: Vec<&str> = match (named.as_str(), named.as_array()) {
        (Some(text), _) => text.split(',').collect(),
        (None, Some(list)) => list.iter().filter_map(Value::as_str).collect(),
        (None, None) => Vec::new(),
    };
    let mut people: Vec<String> = Vec::new();
    for written in list.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        let digits: String = written.chars().filter(char::is_ascii_digit).collect();
        let other = |c: char| !c.is_ascii_digit() && !" +-().".contains(c);
        if !(7..=15).contains(&digits.len()) || digits.starts_with('0') || written.contains(other) {
            return Err(format!("`{written}` in the account's `to` is no telephone number with a country code"));
        }
        if !people.contains(&digits) {
            people.push(digits);
        }
    }
    if people.is_empty() {
        return Err("the account's `to` names nobody; give it numbers such as `+15551234567`".to_string());
    }
    Ok(people)
}

/// The rule for all, then all of its parts once for each person, one person after the other.
pub fn render(spec: &Spec, ask: &Ask) -> Rendered {
    let mut rendered = standard(spec, ask, &|ask, piece| encode(ask, piece));
    if ask.content.option_str("template").is_none() {
        let message = "WhatsApp delivers this to people who wrote to the number within the last 24 hours, and to nobody else; \
                       set `[on.whatsapp] template` for all others";
        rendered.warnings.push(PlanNote::new("window", message));
    }
    let Some(account) = ask.account else { return rendered };
    match people(account) {
        Err(why) => rendered.problems.push(PlanNote::new("recipients", why)),
        Ok(people) => {
            let parts = std::mem::take(&mut rendered.parts);
            for person in &people {
                for part in &parts {
                    let mut part = part.clone();
                    if part.payload.is_object() {
                        part.payload["to"] = json!(person);
                    }
                    rendered.parts.push(part);
                }
            }
            if people.len() > 1 {
                let message = format!("{} people get the message, one after the other", people.len());
                rendered.changes.push(PlanNote::new("recipients", message));
            }
        }
    }
    if ask.account.is_some_and(|account| account.about["quality"] == "RED") {
        let message = "WhatsApp gives the number bad marks: people block it or report it; it may be stopped";
        rendered.warnings.push(PlanNote::new("quality", message));
    }
    rendered
}

/// The message, apart from who gets it, what it replies to and the id of the file.
///
/// # Errors
/// What WhatsApp cannot take.
pub fn encode(ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
    let mut message = Map::new();
    message.insert("messaging_product".into(), json!("whatsapp"));
    message.insert("recipient_type".into(), json!("individual"));
    message.insert("to".into(), json!(SOMEBODY));
    let text = piece.text.text.trim();
    let medium = piece.media.first();
    let (kind, value) = match (ask.content.option_str("template"), medium) {
        (Some(template), _) => ("template", self::template(ask, piece, template)?),
        (None, None) => {
            let link = piece.text.marks.iter().any(|mark| matches!(mark.kind, Kind::Link { .. }));
            let wanted = ask.content.option_bool("preview") != Some(false) && ask.content.card_choice != Some(CardChoice::Wanted(false));
            ("text", json!({"body": text, "preview_url": link && wanted}))
        }
        (None, Some(one)) => {
            let class = class(one.media.class());
            let mut value = Map::new();
            if class == "audio" && !text.is_empty() {
                return Err(format!("WhatsApp takes no text beside `{}`; make it a post of its own with `---`", one.media.name));
            }
            if !text.is_empty() {
                value.insert("caption".into(), json!(text));
            }
            if class == "document" {
                value.insert("filename".into(), json!(one.media.name));
            }
            (class, Value::Object(value))
        }
    };
    message.insert("type".into(), json!(kind));
    message.insert(kind.into(), value);
    Ok(Value::Object(message))
}

/// What WhatsApp calls a kind of media.
fn class(class: &str) -> &'static str {
    match class {
        "image" => "image",
        "video" => "video",
        "audio" => "audio",
        _ => "document",
    }
}

/// A template with what stands for its places.
fn template(ask: &Ask, piece: &Piece, name: &str) -> Result<Value, String> {
    if piece.index > 0 {
        return Err("a template is one message; shorten the text, or give it `parameters`".to_string());
    }
    let language = ask.content.option_str("language").or(ask.content.lang.as_deref());
    let language = language.ok_or("WhatsApp wants the language of the template; set `language`, `en_US` say")?;
    let mut components = Vec::new();
    if let Some(one) = piece.media.first() {
        let class = class(one.media.class());
        if class == "audio" {
            return Err("a template takes a picture, a film or a document, and no sound".to_string());
        }
        components.push(json!({"type": "header", "parameters": [{"type": class, class: {}}]}));
    }
    let parameters: Vec<&str> = match ask.content.option("parameters").and_then(Value::as_array) {
        Some(list) => list.iter().filter_map(Value::as_str).collect(),
        None => Some(piece.text.text.trim()).filter(|text| !text.is_empty()).into_iter().collect(),
    };
    if let Some(bad) = parameters.iter().find(|text| text.contains(['\n', '\t']) || text.contains("     ") || text.is_empty()) {
        let shown: String = bad.chars().take(30).collect();
        return Err(format!("what stands in a template is one line without tabs; `{}…` is not; set `parameters`", shown.escape_debug()));
    }
    if !parameters.is_empty() {
        let parameters: Vec<Value> = parameters.iter().map(|text| json!({"type": "text", "text": text})).collect();
        components.push(json!({"type": "body", "parameters": parameters}));
    }
    let mut template = json!({"name": name, "language": {"policy": "deterministic", "code": language.replace('-', "_")}});
    if !components.is_empty() {
        template["components"] = json!(components);
    }
    Ok(template)
}

/// The payload with the uploaded file and, for what follows to the same person, the message that it replies to.
pub fn finished(post: &Post, media: Option<&str>) -> Value {
    let mut body = post.payload.clone();
    if let Some(id) = media {
        let kind = body["type"].as_str().unwrap_or_default().to_string();
        if kind == "template" {
            let header = &mut body["template"]["components"][0]["parameters"][0];
            let class = header["type"].as_str().unwrap_or_default().to_string();
            header[class] = json!({ "id": id });
        } else {
            body[kind]["id"] = json!(id);
        }
    }
    let before = post.parent.as_ref().filter(|parent| parent.extra["to"] == body["to"] && !parent.id.is_empty());
    if let Some(before) = before {
        body["context"] = json!({"message_id": before.id});
    }
    body
}
