//! A part as the parameters of `mediatopic.post`. Pure.
//!
//! The payload is `{"type", "params", "attachment", "files"}`: the blocks of the attachment hold `{"upload": N}` where the Nth medium
//! will stand, and `publish` puts its token there.

use serde_json::{Map, Value, json};

use crate::platform::{Ask, Piece, PlanNote};

/// Questions and answers are not said to have limits; these are what the site's own form takes no more of.
const QUESTION: usize = 1000;

pub(super) fn encode(ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
    let text = piece.text.text.trim().to_string();
    let to_group = ask.account.is_none_or(|account| account.settings.get("group").is_some_and(|group| !empty(group)));
    let content = ask.content;
    let mut media = Vec::new();
    let poll = piece.poll.clone();
    let question = poll.as_ref().and_then(|poll| poll.question.as_deref()).map(str::trim).filter(|text| !text.is_empty());
    // a poll's question that the text says already is not said twice
    if !text.is_empty() && (poll.is_none() || question.is_some()) {
        media.push(json!({"type": "text", "text": text}));
    }
    let mut files = Vec::new();
    let mut photos = Vec::new();
    for used in &piece.media {
        let film = used.media.class() == "video";
        files.push(if film { "movie" } else { "photo" });
        let upload = json!({"upload": files.len() - 1});
        if film {
            media.push(json!({"type": "movie", "list": [upload]}));
        } else {
            photos.push(upload);
        }
    }
    if !photos.is_empty() {
        media.push(json!({"type": "photo", "list": photos}));
    }
    if let Some(poll) = &poll {
        let question = question.unwrap_or(&text);
        let length = question.chars().count();
        if length == 0 || length > QUESTION {
            return Err(format!("a poll's question has 1 to {QUESTION} characters, not {length}; set `poll.question`"));
        }
        if poll.duration.is_some() {
            piece.notes.push(PlanNote::new("poll_open", "polls at OK do not end; the poll's `duration` is left out"));
        }
        let mut options = vec![if poll.multiple { "MultiChoice" } else { "SingleChoice" }];
        if content.option_bool("poll_anonymous") != Some(false) {
            options.push("AnonymousVoting");
        }
        let answers: Vec<Value> = poll.options.iter().map(|answer| json!({"text": answer})).collect();
        media.push(json!({"type": "poll", "question": question, "answers": answers, "options": options.join(",")}));
    }
    if let Some(link) = content.link.as_ref().filter(|_| piece.index == 0) {
        media.push(json!({"type": "link", "url": link}));
    }
    if media.is_empty() {
        return Err("a topic needs a text, a medium, a link or a poll".into());
    }
    let mut attachment = Map::from_iter([("media".to_string(), Value::Array(media))]);
    if to_group && content.option_bool("as_group") != Some(false) {
        attachment.insert("onBehalfOfGroup".into(), json!(true));
    }
    if let Some(at) = content.option_time("publish_at")? {
        attachment.insert("publishAtMs".into(), json!(at.timestamp_millis()));
    }
    let mut params = Map::new();
    for (option, param, group_only) in
        [("set_status", "set_status", false), ("hidden", "hidden_post", true), ("link_preview", "text_link_preview", false)]
    {
        let Some(true) = content.option_bool(option) else { continue };
        if group_only && !to_group {
            return Err(format!("`{option}` is for groups, and this is a user's page"));
        }
        params.insert(param.into(), json!(true));
    }
    let suggest = content.option_bool("suggest") == Some(true);
    let kind = match (to_group, suggest) {
        (true, true) => {
            attachment.remove("onBehalfOfGroup");
            "GROUP_SUGGESTED"
        }
        (true, false) => "GROUP_THEME",
        (false, true) => return Err("`suggest` is for groups, and this is a user's page".into()),
        (false, false) => "USER",
    };
    let mut payload = json!({"type": kind, "params": params, "attachment": attachment});
    if !files.is_empty() {
        payload["files"] = json!(files);
    }
    Ok(payload)
}

fn empty(group: &Value) -> bool {
    group.is_null() || group.as_str().is_some_and(|text| text.trim().is_empty())
}
