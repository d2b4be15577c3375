//! A part as the parameters that will be sent. Pure.
//!
//! The payload is `{"method", "params", "files", "link", "poll"}`: `files` says as what each medium goes, `link` is attached, `poll` is
//! made before the post. Whose wall it is, the key and the attachments are added when it is sent.

use serde_json::{Map, Value, json};

use super::api::Facts;
use crate::draft::{CardChoice, Visibility};
use crate::platform::{Ask, MediaUse, Piece, PlanNote};
use crate::text::{Kind, Text};

/// Photos and films of one post, and files (dev.vk.com, wall.post, 2026-11).
const MEDIA: usize = 10;
const DOCS: usize = 1;
/// What `attach` may name, beside the numbers.
const KINDS: &[&str] = &["photo", "video", "audio", "doc", "page", "note", "poll", "album", "market", "market_album", "audio_playlist", "wall"];

pub(super) fn encode(ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
    let facts = ask.account.and_then(|account| Facts::known(&account.about));
    let text = piece.text.text.trim();
    if let Some(like) = mention_like(&piece.text) {
        let why = format!("VK shows `{like}` as a mention, not as it is written");
        piece.notes.push(PlanNote::new("mention_like", why));
    }
    if piece.comment {
        return comment(ask, text);
    }
    let files: Vec<&str> = piece.media.iter().map(file).collect();
    let docs = files.iter().filter(|kind| **kind == "doc").count();
    if docs > DOCS {
        return Err(format!("VK takes {DOCS} file in a post, not {docs} (moving GIFs are files)"));
    }
    if files.len() - docs > MEDIA {
        return Err(format!("VK takes {MEDIA} photos and films in a post, not {}", files.len() - docs));
    }
    let poll = piece.poll.as_ref().map(|poll| poll_of(ask, poll, text)).transpose()?;
    if poll.is_some() && text.is_empty() && files.is_empty() {
        return Err("VK takes no post of a poll alone; write a text".into());
    }
    if let Some(facts) = &facts {
        allowed(facts, &files, poll.is_some())?;
    }
    let mut params = Map::new();
    if !text.is_empty() {
        params.insert("message".into(), json!(text));
    }
    options(ask, facts.as_ref(), piece, &mut params)?;
    let mut payload = json!({"method": "wall.post", "params": params});
    if !files.is_empty() {
        payload["files"] = json!(files);
    }
    if let Some(poll) = poll {
        payload["poll"] = poll;
    }
    if let Some(attached) = attached(ask)? {
        payload["attach"] = json!(attached);
    }
    if let Some(link) = link(ask, &piece.text).filter(|_| files.is_empty()) {
        payload["link"] = json!(link);
    }
    Ok(payload)
}

fn comment(ask: &Ask, text: &str) -> Result<Value, String> {
    for (option, why) in [("publish_at", "is not out yet"), ("close_comments", "takes no comments")] {
        if ask.content.option(option).is_some_and(|value| value != false) {
            return Err(format!("`comment` cannot stand below a post that {why}; leave out `comment` or `{option}`"));
        }
    }
    if text.is_empty() {
        return Err("a comment needs a text".into());
    }
    Ok(json!({"method": "wall.createComment", "params": {"message": text}}))
}

/// As what a medium goes: a GIF moves as a file alone.
fn file(used: &MediaUse) -> &'static str {
    match (used.media.class(), used.media.mime.as_str()) {
        (_, "image/gif") => "doc",
        ("image", _) => "photo",
        ("video", _) => "video",
        _ => "doc",
    }
}

/// What the account's tokens are known not to do.
fn allowed(facts: &Facts, files: &[&str], poll: bool) -> Result<(), String> {
    let photos = files.iter().any(|kind| *kind != "doc");
    if facts.community && !facts.user {
        let what = match (photos, poll, files.is_empty()) {
            (true, _, _) => "photos and films",
            (_, true, _) => "polls",
            (_, _, false) => "files",
            _ => return Ok(()),
        };
        return Err(format!("a community's key cannot post {what}; add a `user_token` with `xpost account login`, or post without them"));
    }
    let needs = [("photo", "photos"), ("video", "video"), ("doc", "docs")];
    let needs = needs.iter().filter(|(kind, _)| files.contains(kind)).map(|(_, right)| *right);
    let text = (!facts.community).then_some("wall");
    match needs.chain(text).chain((!files.is_empty()).then_some("wall")).find(|right| facts.lacks(right)) {
        None => Ok(()),
        Some(right) => Err(format!("the user's token lacks the right `{right}`; log in again and allow it with `xpost account login`")),
    }
}

fn options(ask: &Ask, facts: Option<&Facts>, piece: &mut Piece, params: &mut Map<String, Value>) -> Result<(), String> {
    let content = ask.content;
    let personal = facts.map(|facts| facts.group.is_none());
    let mut flag = |name: &str, value: bool| params.insert(name.into(), json!(u8::from(value)));
    if content.visibility == Some(Visibility::Followers) {
        if personal == Some(false) {
            return Err("a community's posts are for everybody, VK hides only a user's own from others than friends".into());
        }
        flag("friends_only", true);
    }
    let own_name = content.option_bool("as_community") == Some(false);
    if own_name && facts.is_some_and(|facts| facts.community && !facts.user) {
        return Err("`as_community = false` needs a user's token: a community's key posts for the community".into());
    }
    for name in ["signed", "close_comments", "mute_notifications", "mark_as_ads"] {
        let Some(true) = content.option_bool(name) else { continue };
        if name == "signed" && (personal == Some(true) || own_name) {
            let why = "`signed` is for posts of a community, and is left out";
            piece.notes.push(PlanNote::new("signed_left_out", why));
            continue;
        }
        if name == "signed" && facts.is_some_and(|facts| facts.community && !facts.user) {
            return Err("`signed` needs a `user_token`: a community's key is nobody's name".into());
        }
        flag(name, true);
    }
    if own_name && personal != Some(true) {
        flag("from_group", false);
    }
    if let Some(at) = content.option_time("publish_at")? {
        params.insert("publish_date".into(), json!(at.timestamp()));
    }
    if let Some(source) = content.option_str("copyright") {
        if !source.starts_with("https://") && !source.starts_with("http://") {
            return Err(format!("`copyright` is the address of the source, not `{source}`"));
        }
        params.insert("copyright".into(), json!(source));
    }
    if let Some(days) = content.option("donut") {
        let seconds = days.as_i64().filter(|days| *days == -1 || *days > 0).map(|days| if days < 0 { -1 } else { days * 86_400 });
        let seconds = seconds.ok_or_else(|| format!("`donut` is a number of days, or -1 for ever, not `{days}`"))?;
        params.insert("donut_paid_duration".into(), json!(seconds));
    }
    if let Some(place) = &content.location {
        match place.lat.zip(place.lon) {
            Some((lat, lon)) => {
                params.insert("lat".into(), json!(lat));
                params.insert("long".into(), json!(lon));
            }
            None => {
                let why = "VK knows places by `lat` and `lon` alone; the place is left out";
                piece.notes.push(PlanNote::new("location_left_out", why));
            }
        }
    }
    Ok(())
}

fn poll_of(ask: &Ask, poll: &crate::draft::Poll, text: &str) -> Result<Value, String> {
    let question = poll.question.as_deref().map_or(text, str::trim);
    if question.is_empty() {
        return Err("a poll needs a question; set `poll.question`".into());
    }
    let question = question.lines().next().unwrap_or_default();
    Ok(json!({
        "question": question,
        "answers": poll.options,
        "multiple": poll.multiple,
        "anonymous": ask.content.option_bool("poll_anonymous") != Some(false),
        "seconds": poll.seconds()?,
    }))
}

/// What is attached that is at VK already: `photo-1_2`.
fn attached(ask: &Ask) -> Result<Option<Vec<String>>, String> {
    let Some(list) = ask.content.option("attach").and_then(Value::as_array) else { return Ok(None) };
    let mut all = Vec::new();
    for one in list {
        let text = one.as_str().unwrap_or_default().trim();
        let kind = text.split(|c: char| c == '-' || c.is_ascii_digit()).next().unwrap_or_default();
        let numbers = text[kind.len()..].split('_').take(2).filter(|number| number.parse::<i64>().is_ok()).count();
        if !KINDS.contains(&kind) || numbers != 2 || text.contains([',', ' ']) {
            return Err(format!("`attach` takes what is at VK, such as `photo-1_2`, not `{one}`"));
        }
        all.push(text.to_string());
    }
    Ok(Some(all).filter(|all| !all.is_empty()))
}

/// The page that VK shows a card of: the draft's link, else the first one of the text.
fn link(ask: &Ask, text: &Text) -> Option<String> {
    if ask.content.card_choice == Some(CardChoice::Wanted(false)) {
        return None;
    }
    let first = text.marks.iter().find_map(|mark| match &mark.kind {
        Kind::Link { url } => Some(url.clone()),
        _ => None,
    });
    // a comma would end the attachment
    let web = |url: &String| (url.starts_with("https://") || url.starts_with("http://")) && !url.contains(',');
    ask.content.link.clone().or(first).filter(web)
}

/// What VK would read as `[id1|Name]`.
fn mention_like(text: &Text) -> Option<&str> {
    text.text.match_indices('[').find_map(|(at, _)| {
        let inside = text.text[at + 1..].split(']').next()?;
        let (name, label) = inside.split_once('|')?;
        let number = ["id", "club", "public", "event"].iter().find_map(|word| name.strip_prefix(word))?;
        let good = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) && !label.is_empty();
        good.then(|| &text.text[at..at + inside.len() + 2])
    })
}
