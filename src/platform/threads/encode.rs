//! A part as the containers that Threads makes of it. Pure.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::media::Media;
use crate::platform::{Ask, Piece, PlanNote, Reference};
use crate::text::{Kind as MarkKind, Text, detect};

/// Most different addresses in a post, since 2025-12-22.
/// <https://developers.facebook.com/documentation/threads/posts>, 2026-11-22.
const LINKS: usize = 5;
/// Characters of a topic.
const TOPIC: usize = 50;
/// Characters of a text attachment.
/// <https://developers.facebook.com/documentation/threads/create-posts/text-attachments>, 2026-11-22.
const ATTACHMENT: usize = 10_000;
/// Threads closes its polls after a day, and takes no other time.
const POLL_SECONDS: u64 = 86_400;

/// The payload: `containers`, and `place` where the place has to be looked up.
///
/// # Errors
/// What Threads cannot say.
pub fn encode(ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
    let content = ask.content;
    let first = piece.index == 0;
    let mut whole = Map::new();
    let kind = match piece.media.as_slice() {
        [] => "TEXT",
        [one] => kind(&one.media),
        _ => "CAROUSEL",
    };
    whole.insert("media_type".into(), json!(kind));
    if !piece.text.is_empty() {
        whole.insert("text".into(), json!(piece.text.text));
    }
    let mut links = links(&piece.text);
    if first {
        extras(ask, piece, kind, &mut whole)?;
        links.extend(whole.get("link_attachment").and_then(Value::as_str).map(str::to_string));
        if let Some(place) = &content.location
            && let Some(id) = &place.id
        {
            whole.insert("location_id".into(), json!(id));
        }
        if matches!(content.quote, Some(Reference::Ours(_))) {
            // the id is put in by `prepare`
            whole.insert("quote_post_id".into(), Value::Null);
        }
        quota(ask, piece);
    }
    if links.len() > LINKS {
        return Err(format!("the post has {} different links, Threads takes {LINKS}; leave some out", links.len()));
    }
    if kind == "TEXT" && !whole.contains_key("text") && !whole.contains_key("link_attachment") {
        return Err("Threads takes no poll without text; add some".to_string());
    }
    let mut payload = json!({ "containers": media(ask, piece, whole) });
    if first && let Some(place) = content.location.as_ref().filter(|place| place.id.is_none()) {
        payload["place"] = json!({ "q": place.name, "latitude": place.lat, "longitude": place.lon });
    }
    Ok(payload)
}

/// `IMAGE` or `VIDEO`.
fn kind(media: &Media) -> &'static str {
    if media.class() == "image" { "IMAGE" } else { "VIDEO" }
}

/// The container of the post, behind those of a carousel's pictures and films.
fn media(ask: &Ask, piece: &Piece, mut whole: Map<String, Value>) -> Vec<Value> {
    let spoiler = ask.content.option_bool("spoiler").unwrap_or(ask.content.sensitive);
    let of = |fields: &mut Map<String, Value>, one: &crate::platform::MediaUse| {
        let kind = kind(&one.media);
        fields.insert("media_type".into(), json!(kind));
        fields.insert(if kind == "IMAGE" { "image_url" } else { "video_url" }.into(), Value::Null);
        if let Some(alt) = &one.alt {
            fields.insert("alt_text".into(), json!(alt));
        }
    };
    if spoiler && !piece.media.is_empty() {
        whole.insert("is_spoiler_media".into(), json!(true));
    }
    match piece.media.as_slice() {
        [] => vec![Value::Object(whole)],
        [one] => {
            of(&mut whole, one);
            vec![Value::Object(whole)]
        }
        several => {
            whole.insert("children".into(), Value::Null);
            let children = several.iter().map(|one| {
                let mut child = Map::from_iter([("is_carousel_item".to_string(), json!(true))]);
                of(&mut child, one);
                Value::Object(child)
            });
            children.chain([Value::Object(whole.clone())]).collect()
        }
    }
}

/// What only the first post carries.
fn extras(ask: &Ask, piece: &mut Piece, kind: &str, whole: &mut Map<String, Value>) -> Result<(), String> {
    let content = ask.content;
    let text_only = |what: &str| match kind {
        "TEXT" => Ok(()),
        _ => Err(format!("`{what}` goes with a post of text alone; leave it or the media out")),
    };
    if let Some(poll) = &piece.poll {
        let names = ["option_a", "option_b", "option_c", "option_d"];
        let options: Map<String, Value> =
            names.iter().zip(&poll.options).map(|(name, option)| ((*name).to_string(), json!(option))).collect();
        whole.insert("poll_attachment".into(), Value::Object(options));
        if poll.seconds()? != POLL_SECONDS {
            piece.notes.push(PlanNote::new("poll_duration", "Threads closes every poll after 24 hours; `duration` is left out"));
        }
        if poll.question.as_ref().is_some_and(|question| !piece.text.text.contains(question.trim())) {
            piece.notes.push(PlanNote::new("poll_question", "on Threads the text is a poll's question; `question` is left out"));
        }
        if poll.multiple {
            return Err("a poll on Threads has one answer a voter; leave `multiple` out".to_string());
        }
    }
    let link = content.option_str("link_attachment").or(content.link.as_deref().filter(|_| kind == "TEXT" && piece.poll.is_none()));
    if let Some(link) = link {
        text_only("link_attachment")?;
        if piece.poll.is_some() {
            return Err("Threads shows either a poll or a link card; leave `poll` or `link_attachment` out".to_string());
        }
        whole.insert("link_attachment".into(), json!(link));
    }
    if let Some(topic) = content.option_str("topic_tag") {
        let topic = topic.trim_start_matches('#');
        let length = topic.chars().count();
        if length == 0 || length > TOPIC || topic.contains(['.', '&']) {
            return Err(format!("`topic_tag` has 1 to {TOPIC} characters, without `.` and `&`"));
        }
        whole.insert("topic_tag".into(), json!(topic));
    }
    if let Some(who) = content.option_str("reply_control") {
        whole.insert("reply_control".into(), json!(who));
    }
    if content.option_bool("reply_approvals") == Some(true) {
        whole.insert("enable_reply_approvals".into(), json!(true));
    }
    if content.option_bool("ghost") == Some(true) {
        text_only("ghost")?;
        if piece.of > 1 {
            return Err("a post that goes after 24 hours (`ghost`) cannot begin a thread; make it one post".to_string());
        }
        whole.insert("is_ghost_post".into(), json!(true));
    }
    if let Some(text) = content.option_str("text_attachment") {
        text_only("text_attachment")?;
        let length = text.chars().count();
        if length > ATTACHMENT {
            return Err(format!("`text_attachment` has {length} characters, {ATTACHMENT} are allowed"));
        }
        if piece.poll.is_some() {
            return Err("Threads takes no `text_attachment` beside a poll".to_string());
        }
        whole.insert("text_attachment".into(), json!({ "plaintext": text }));
    }
    Ok(())
}

/// The different addresses in a text.
fn links(text: &Text) -> BTreeSet<String> {
    let found = detect::links(&text.text);
    found
        .into_iter()
        .chain(text.marks.iter().cloned())
        .filter_map(|mark| match mark.kind {
            MarkKind::Link { url } => Some(url),
            _ => None,
        })
        .collect()
}

/// Says so where Threads said that the day's posts are used up.
fn quota(ask: &Ask, piece: &mut Piece) {
    let Some(quota) = ask.account.map(|account| &account.about["quota"]) else { return };
    let number = |key: &str| quota[key].as_u64();
    if let (Some(used), Some(total)) = (number("used"), number("total"))
        && used >= total
    {
        let message = format!("the account had used {used} of {total} posts of 24 hours when Threads was last asked; it may refuse this one for now");
        piece.notes.push(PlanNote::new("quota", message));
    }
}
