//! Topics: publishing, reading back, deleting, editing.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::Network;
use super::api::{self, Params, params, read, write};
use crate::net::{Fault, Kind};
use crate::platform::{Cx, Delete, Edit, Find, Found, Post, Receipt, payload_error};

/// So many topics are read back, in one request.
const LATEST: usize = 50;

/// The one request that the world sees.
pub(super) async fn publish(cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Receipt, Fault> {
    let kind = post.payload["type"].as_str().ok_or_else(|| Fault::local("the planned request has no `type`"))?;
    let mut all = params([("type", kind.to_string()), ("attachment", attachment(post, ready)?)]);
    all.extend(whose(cx)?);
    let planned = post.payload["params"].as_object().into_iter().flatten();
    all.extend(planned.map(|(name, value)| (name.clone(), value.to_string())));
    let said = write(cx, "mediatopic.post", all).await?;
    // the answer is the bare number, as text
    let id = api::text(&said.value).or_else(|| api::text(&said.value["id"]));
    let id = id.ok_or_else(|| payload_error(&said.answer, "the number of the topic"))?;
    receipt(cx, post, id, ready)
}

/// The attachment with the tokens of uploads in their places.
fn attachment(post: &Post, ready: &Value) -> Result<String, Fault> {
    let mut attachment = post.payload["attachment"].clone();
    let blocks = attachment["media"].as_array_mut().ok_or_else(|| Fault::local("the planned request has no `attachment`"))?;
    for one in blocks.iter_mut().filter_map(|block| block.get_mut("list")?.as_array_mut()).flatten() {
        let Some(index) = one["upload"].as_u64() else { continue };
        let token = ready.get(index as usize).and_then(Value::as_str);
        let token = token.ok_or_else(|| Fault::local(format!("upload {} of the post is not there", index + 1)))?;
        *one = json!({"id": token});
    }
    Ok(attachment.to_string())
}

fn whose(cx: &Cx<'_>) -> Result<Params, Fault> {
    Ok(api::group(cx)?.map_or_else(Vec::new, |gid| params([("gid", gid)])))
}

fn receipt(cx: &Cx<'_>, post: &Post, id: String, ready: &Value) -> Result<Receipt, Fault> {
    let gid = api::group(cx)?;
    let mut extra = json!({"group": gid});
    let waits = post.payload["attachment"].get("publishAtMs");
    if let Some(at) = waits {
        extra["publish_at"] = at.clone();
    }
    if ready.as_array().is_some_and(|uploads| !uploads.is_empty()) {
        extra["uploads"] = ready.clone();
    }
    // what waits, or is only suggested, gets another number when it is shown
    let shown = waits.is_none() && post.payload["type"] != "GROUP_SUGGESTED";
    let uid = cx.account.about["uid"].as_str().filter(|uid| !uid.is_empty());
    let url = match (gid, uid) {
        (Some(gid), _) => Some(format!("https://ok.ru/group/{gid}/topic/{id}")),
        (None, Some(uid)) => Some(format!("https://ok.ru/profile/{uid}/statuses/{id}")),
        (None, None) => None,
    };
    Ok(Receipt::new(id, url.filter(|_| shown)).extra(extra))
}

/// What is compared.
fn key(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '\u{200b}').collect()
}

/// Texts, questions and links of a topic's blocks, and how many photos and films it has.
fn seen(blocks: &Value) -> (String, usize) {
    let (mut text, mut files) = (String::new(), 0);
    for block in blocks.as_array().into_iter().flatten() {
        match block["type"].as_str() {
            Some("text") => text.push_str(block["text"].as_str().unwrap_or_default()),
            Some("poll") => text.push_str(block["question"].as_str().unwrap_or_default()),
            Some("photo" | "movie") => {
                let lists = ["list", "photo_refs", "movie_refs", "photos", "movies"];
                files += lists.iter().find_map(|name| block[*name].as_array()).map_or(1, Vec::len);
            }
            _ => {}
        }
    }
    (key(&text), files)
}

#[async_trait]
impl Find for Network {
    async fn find(&self, cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
        let mut all = whose(cx)?;
        all.extend(params([("count", LATEST.to_string()), ("fields", "media_topic.*".into())]));
        let said = match read(cx, "mediatopic.getTopics", all).await {
            Ok(said) => said,
            // not for this app, or not for a user's page
            Err(fault) if matches!(fault.kind, Kind::Unsupported | Kind::Forbidden | Kind::Rejected) => return Ok(Found::Unsure),
            Err(fault) => return Err(fault),
        };
        // an empty list is left out of the answer
        let none = Vec::new();
        let topics = match &said.value["media_topics"] {
            Value::Null if said.value.is_object() => &none,
            Value::Array(topics) => topics,
            _ => return Err(payload_error(&said.answer, "media_topics")),
        };
        let begin = said.answer.by_their_clock(since).timestamp_millis();
        let (wanted, files) = seen(&post.payload["attachment"]["media"]);
        let made = |topic: &Value| topic["created_ms"].as_i64();
        let new = topics.iter().filter(|topic| made(topic).is_none_or(|at| at >= begin));
        let alike: Vec<&Value> = new.filter(|topic| {
            let (text, there) = seen(&topic["media"]);
            text == wanted && there >= files.min(1)
        }).collect();
        let waits = post.payload["attachment"].get("publishAtMs").is_some() || post.payload["type"] == "GROUP_SUGGESTED";
        let complete = topics.len() < LATEST || topics.last().and_then(made).is_some_and(|at| at < begin);
        match alike.as_slice() {
            [one] => match api::text(&one["id"]) {
                Some(id) => Ok(Found::Yes(receipt(cx, post, id, ready)?)),
                None => Err(payload_error(&said.answer, "id")),
            },
            [] if complete && !waits => Ok(Found::No),
            _ => Ok(Found::Unsure),
        }
    }
}

/// The number of a topic and the group that it stands in.
fn place(cx: &Cx<'_>, receipt: &Receipt) -> Result<Params, Fault> {
    // a person who said that it was posted may have given the address alone
    let written = receipt.url.as_deref().and_then(|url| url.split(['?', '#']).next()?.rsplit('/').next());
    let id = Some(receipt.id.as_str()).filter(|id| !id.is_empty()).or(written).unwrap_or_default();
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::local(format!("`{id}` is not the number of a topic at OK")));
    }
    let mut all = params([("topic_id", id.to_string())]);
    match &receipt.extra["group"] {
        Value::String(gid) => all.extend(params([("gid", gid.clone())])),
        _ => all.extend(whose(cx)?),
    }
    Ok(all)
}

#[async_trait]
impl Delete for Network {
    async fn delete(&self, cx: &Cx<'_>, receipt: &Receipt) -> Result<(), Fault> {
        let fault = match write(cx, "mediatopic.deleteTopic", place(cx, receipt)?).await {
            Ok(said) if said.done() => return Ok(()),
            Ok(said) => Fault::new(Kind::Rejected, format!("OK did not delete the topic: {}", said.answer.reason())),
            Err(fault) if matches!(fault.code.as_deref(), Some("100" | "300")) => fault,
            Err(fault) => return Err(fault),
        };
        // whether it is still there, OK says itself
        let id = place(cx, receipt)?.swap_remove(0).1;
        match read(cx, "mediatopic.getByIds", params([("topic_ids", id), ("fields", "media_topic.*".into())])).await {
            Ok(said) if said.value["media_topics"].as_array().is_none_or(Vec::is_empty) => Ok(()),
            Err(gone) if gone.code.as_deref() == Some("300") => Ok(()),
            _ => Err(fault),
        }
    }
}

#[async_trait]
impl Edit for Network {
    fn can(&self, old: &Post, new: &Post) -> Result<(), String> {
        let poll = |post: &Post| {
            let blocks = post.payload["attachment"]["media"].as_array().cloned().unwrap_or_default();
            blocks.into_iter().find(|block| block["type"] == "poll")
        };
        old.same_media(new)?;
        if poll(old) != poll(new) {
            return Err("its poll cannot be changed: the votes would be lost".into());
        }
        if !old.media.is_empty() {
            // the tokens of uploads are good for one topic
            return Err("OK takes the pictures of a topic anew with every change, and theirs are used up; delete it and post again".into());
        }
        Ok(())
    }

    async fn edit(&self, cx: &Cx<'_>, receipt: &Receipt, post: &Post) -> Result<Receipt, Fault> {
        let mut all = place(cx, receipt)?;
        let mut post = post.clone();
        // what was shown cannot wait again
        if receipt.extra.get("publish_at").is_none()
            && let Some(attachment) = post.payload["attachment"].as_object_mut()
        {
            attachment.remove("publishAtMs");
        }
        all.extend(params([("attachment", attachment(&post, &Value::Null)?)]));
        let said = write(cx, "mediatopic.edit", all).await?;
        if said.done() {
            return Ok(receipt.clone());
        }
        Err(Fault::new(Kind::Rejected, format!("OK did not change the topic: {}", said.answer.reason())))
    }
}
