//! Draft to requests: entities by UTF-16 offsets, and the method that fits the media. Pure.

use serde_json::{Map, Value, json};

use super::api::{chat_of, message_at};
use crate::draft::{CardChoice, Poll};
use crate::platform::{Ask, MediaUse, Piece, PlanNote, Reference};
use crate::text::{Kind, Text};

/// Longest question of a poll, in characters.
const QUESTION: usize = 300;
/// Longest text beside a poll, in UTF-16 units, as a caption's.
const DESCRIPTION: usize = 1024;
/// A picture whose sides differ by more than this is refused as a photo.
const RATIO: u32 = 20;

/// One part as `{"method", "params", "files"}`: the method's name, its parameters, and for each medium the name of the form field that carries it.
pub(super) fn encode(ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
    if piece.index == 0
        && let Some(Reference::Url(url)) = &ask.content.reply_to
    {
        message_at(url)?;
    }
    let mut params = Map::new();
    params.insert("chat_id".into(), ask.account.map_or_else(|| Ok(json!("@channel")), chat_of)?);
    if let Some(topic) = topic(ask)? {
        params.insert("message_thread_id".into(), json!(topic));
    }
    let (method, files) = if let Some(poll) = piece.poll.clone() {
        encode_poll(&mut params, &poll, piece)?;
        ("sendPoll", Vec::new())
    } else {
        match piece.media.as_slice() {
            [] => {
                if piece.text.text.trim().is_empty() {
                    return Err("a message needs a text or a medium".into());
                }
                write_text(&mut params, "text", "entities", &piece.text, &mut piece.notes);
                let preview = preview(ask, piece)?;
                if !preview.is_empty() {
                    params.insert("link_preview_options".into(), Value::Object(preview));
                }
                ("sendMessage", Vec::new())
            }
            [medium] => {
                let (method, field) = single(ask, medium, &mut piece.notes);
                write_text(&mut params, "caption", "caption_entities", &piece.text, &mut piece.notes);
                describe(&mut params, field, medium, ask.content.sensitive);
                (method, vec![field.to_string()])
            }
            media if media.len() <= 10 => {
                let group = album(ask, media, &piece.text, &mut piece.notes)?;
                params.insert("media".into(), Value::Array(group));
                ("sendMediaGroup", (0..media.len()).map(|n| format!("f{n}")).collect())
            }
            media => return Err(format!("an album holds at most 10 media, not {}", media.len())),
        }
    };
    for (option, param) in [("silent", "disable_notification"), ("protect", "protect_content")] {
        if ask.content.option_bool(option) == Some(true) {
            params.insert(param.into(), json!(true));
        }
    }
    let mut payload = json!({"method": method, "params": params});
    if !files.is_empty() {
        payload["files"] = json!(files);
    }
    Ok(payload)
}

/// The marks as Telegram's entities: offsets and lengths in UTF-16 units. What Telegram finds by itself (bare addresses, hashtags,
/// `@names`) has none; a link that Telegram would not follow is named in the notes.
pub(super) fn entities(text: &Text, notes: &mut Vec<PlanNote>) -> Vec<Value> {
    let mut entities = Vec::new();
    let (mut offset, mut byte) = (0, 0);
    let (mut code_end, mut quote_end) = (0, 0);
    for mark in &text.marks {
        // the marks are sorted by start, so the offset only ever grows
        offset += utf16(&text.text[byte..mark.start]);
        byte = mark.start;
        let shown = &text.text[mark.start..mark.end];
        let length = utf16(shown);
        // nothing stands within code, and no quote within a quote
        if length == 0 || mark.end <= code_end || (mark.kind == Kind::Quote && mark.end <= quote_end) {
            continue;
        }
        let mut entity = json!({"type": "", "offset": offset, "length": length});
        let name = match &mark.kind {
            Kind::Strong | Kind::Heading { .. } => "bold",
            Kind::Emphasis => "italic",
            Kind::Strike => "strikethrough",
            Kind::Quote => {
                quote_end = mark.end;
                "blockquote"
            }
            Kind::Code => {
                code_end = mark.end;
                "code"
            }
            Kind::CodeBlock { lang } => {
                code_end = mark.end;
                if let Some(lang) = lang {
                    entity["language"] = json!(lang);
                }
                "pre"
            }
            Kind::Link { url } if url == shown => continue,
            Kind::Link { url } => {
                if !["https://", "http://", "tg://"].iter().any(|scheme| url.starts_with(scheme)) {
                    notes.push(PlanNote::new("link_dropped", format!("Telegram does not follow `{url}`; only its label is shown")));
                    continue;
                }
                entity["url"] = json!(url);
                "text_link"
            }
            // a person without a public name is known by a number
            Kind::Mention { handle } if !handle.is_empty() && handle.bytes().all(|byte| byte.is_ascii_digit()) => {
                entity["url"] = json!(format!("tg://user?id={handle}"));
                "text_link"
            }
            Kind::Mention { .. } | Kind::Tag { .. } | Kind::Item { .. } | Kind::Bullet => continue,
        };
        entity["type"] = json!(name);
        entities.push(entity);
    }
    entities
}

fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

fn write_text(params: &mut Map<String, Value>, key: &str, entities_key: &str, text: &Text, notes: &mut Vec<PlanNote>) {
    if text.is_empty() {
        return;
    }
    params.insert(key.into(), json!(text.text));
    let entities = entities(text, notes);
    if !entities.is_empty() {
        params.insert(entities_key.into(), Value::Array(entities));
    }
}

/// The method for one medium, and the field that carries it.
fn single(ask: &Ask, medium: &MediaUse, notes: &mut Vec<PlanNote>) -> (&'static str, &'static str) {
    if ask.content.option_bool("document") == Some(true) {
        return ("sendDocument", "document");
    }
    match (medium.media.class(), medium.media.mime.as_str()) {
        (_, "image/gif") => ("sendAnimation", "animation"),
        ("image", _) if too_narrow(medium) => {
            let why = format!("`{}` is too narrow for a photo and goes as a file", medium.media.name);
            notes.push(PlanNote::new("as_document", why));
            ("sendDocument", "document")
        }
        ("image", _) => ("sendPhoto", "photo"),
        ("video", _) => ("sendVideo", "video"),
        _ => ("sendDocument", "document"),
    }
}

fn too_narrow(medium: &MediaUse) -> bool {
    match (medium.media.width, medium.media.height) {
        (Some(width), Some(height)) => width.max(height) > width.min(height).saturating_mul(RATIO),
        _ => false,
    }
}

/// What Telegram wants to know of a medium beside its bytes.
fn describe(params: &mut Map<String, Value>, kind: &str, medium: &MediaUse, sensitive: bool) {
    if kind == "video" {
        params.insert("supports_streaming".into(), json!(true));
        if let (Some(width), Some(height)) = (medium.media.width, medium.media.height) {
            params.insert("width".into(), json!(width));
            params.insert("height".into(), json!(height));
        }
    }
    if sensitive && kind != "document" {
        params.insert("has_spoiler".into(), json!(true));
    }
}

fn album(ask: &Ask, media: &[MediaUse], text: &Text, notes: &mut Vec<PlanNote>) -> Result<Vec<Value>, String> {
    let documents = ask.content.option_bool("document") == Some(true);
    let mut group = Vec::new();
    for (n, medium) in media.iter().enumerate() {
        let name = &medium.media.name;
        let kind = match (medium.media.class(), medium.media.mime.as_str()) {
            _ if documents => "document",
            (_, "image/gif") => {
                return Err(format!("`{name}` cannot stand in an album, because it moves; post it alone or set `document = true`"));
            }
            ("image", _) if too_narrow(medium) => {
                return Err(format!("`{name}` is too narrow for an album; post it alone or set `document = true`"));
            }
            ("image", _) => "photo",
            ("video", _) => "video",
            (_, mime) => return Err(format!("`{name}` ({mime}) cannot stand in an album")),
        };
        let mut item = Map::new();
        item.insert("type".into(), json!(kind));
        item.insert("media".into(), json!(format!("attach://f{n}")));
        // the caption of the first photo is the album's; that of files stands below the last
        if n == if documents { media.len() - 1 } else { 0 } {
            write_text(&mut item, "caption", "caption_entities", text, notes);
        }
        describe(&mut item, kind, medium, ask.content.sensitive);
        group.push(Value::Object(item));
    }
    Ok(group)
}

fn encode_poll(params: &mut Map<String, Value>, poll: &Poll, piece: &mut Piece) -> Result<(), String> {
    if !piece.media.is_empty() {
        return Err("a poll and media cannot stand in one post".into());
    }
    let text = &piece.text.text;
    let (question, description) = match poll.question.as_deref() {
        Some(question) => (question, Some(&piece.text).filter(|text| !text.is_empty())),
        None => (text.as_str(), None),
    };
    let length = question.chars().count();
    if length == 0 || length > QUESTION {
        return Err(format!("a poll's question has 1 to {QUESTION} characters, not {length}; set `poll.question`"));
    }
    params.insert("question".into(), json!(question));
    if let Some(description) = description {
        let length = utf16(&description.text);
        if length > DESCRIPTION {
            return Err(format!("the text beside a poll has at most {DESCRIPTION} characters, not {length}"));
        }
        write_text(params, "description", "description_entities", description, &mut piece.notes);
    }
    let options: Vec<Value> = poll.options.iter().map(|option| json!({"text": option})).collect();
    params.insert("options".into(), Value::Array(options));
    // channels take no other polls
    params.insert("is_anonymous".into(), json!(true));
    if poll.multiple {
        params.insert("allows_multiple_answers".into(), json!(true));
    }
    params.insert("open_period".into(), json!(poll.seconds()?));
    Ok(())
}

/// The forum topic, from the draft or the account. The topic "General" has number 1 and must not be named.
fn topic(ask: &Ask) -> Result<Option<i64>, String> {
    let value = match (ask.content.option("topic"), ask.account.and_then(|account| account.settings.get("topic"))) {
        (Some(value), _) | (None, Some(value)) => value,
        (None, None) => return Ok(None),
    };
    let number = match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.trim().is_empty() => return Ok(None),
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_i64(),
    };
    match number {
        Some(1) => Ok(None),
        Some(number) if number > 1 => Ok(Some(number)),
        _ => Err(format!("`topic` is the number of a forum topic, not `{value}`")),
    }
}

fn preview(ask: &Ask, piece: &Piece) -> Result<Map<String, Value>, String> {
    let mut options = Map::new();
    let wanted = match ask.content.option("preview") {
        None if ask.content.card_choice == Some(CardChoice::Wanted(false)) => &Value::Bool(false),
        None => &Value::Null,
        Some(value) => value,
    };
    let words = match wanted {
        Value::Bool(false) => {
            options.insert("is_disabled".into(), json!(true));
            return Ok(options);
        }
        Value::Null | Value::Bool(true) => Vec::new(),
        Value::Array(words) => words.iter().collect(),
        word => vec![word],
    };
    // the page that the draft is about, not the first one that it happens to name
    if let Some(link) = ask.content.link.as_ref().filter(|link| piece.index == 0 && names(&piece.text, link)) {
        options.insert("url".into(), json!(link));
    }
    for word in words {
        let option = match word.as_str() {
            Some("large") => "prefer_large_media",
            Some("small") => "prefer_small_media",
            Some("above") => "show_above_text",
            _ => return Err(format!("`preview` is `false`, `\"large\"`, `\"small\"` or `\"above\"`, not `{word}`")),
        };
        options.insert(option.into(), json!(true));
    }
    Ok(options)
}

/// Whether the text holds this link.
fn names(text: &Text, link: &str) -> bool {
    text.text.contains(link) || text.marks.iter().any(|mark| matches!(&mark.kind, Kind::Link { url } if url == link))
}
