//! What is there: found, changed, taken back.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{api, encode, upload};
use crate::net::{Fault, Method};
use crate::platform::{Cx, Found, Post, Receipt, payload_error};

/// YouTube's clock and ours may differ by this much.
const CLOCK: TimeDelta = TimeDelta::seconds(90);
/// Most entries of one page.
const PAGE: &str = "50";
const COMMENTS: &str = "100";

/// The receipt of a video.
pub fn receipt(id: &str) -> Receipt {
    Receipt::new(id, Some(api::watch(id)))
}

/// The receipt of a comment below that video.
pub fn comment_receipt(id: &str, video: &str) -> Receipt {
    Receipt::new(id, Some(format!("{}&lc={id}", api::watch(video)))).extra(json!({ "comment": true }))
}

/// Whether the video can be seen as it should be: the one that `prepare` made, else one with the same title and text that the
/// channel published since (the same post, sent from another machine).
///
/// # Errors
/// It cannot be read.
pub async fn find(cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
    let wanted = &post.payload["status"];
    let own = upload::video(ready);
    if let Some(id) = own {
        let answer = cx.call(api::request(cx, Method::GET, "videos", "status")?.query("id", id)).await?;
        let value = answer.value();
        let items = value["items"].as_array().ok_or_else(|| payload_error(&answer, "items"))?;
        if items.first().is_some_and(|video| encode::shown(wanted, &video["status"])) {
            return Ok(Found::Yes(receipt(id)));
        }
    }
    let uploads = match cx.account.about["uploads"].as_str() {
        Some(uploads) => uploads.to_string(),
        None => uploads(cx).await?,
    };
    let request = api::request(cx, Method::GET, "playlistItems", "snippet,status")?;
    let answer = cx.call(request.query("playlistId", uploads).query("maxResults", PAGE)).await?;
    let value = answer.value();
    let items = value["items"].as_array().ok_or_else(|| payload_error(&answer, "items"))?;
    let mut reached = value["nextPageToken"].is_null();
    for item in items {
        let snippet = &item["snippet"];
        if api::moment(&snippet["publishedAt"]).is_some_and(|at| at < since - CLOCK) {
            reached = true;
            continue;
        }
        let same = ["title", "description"].iter().all(|key| snippet[key] == post.payload["snippet"][key]);
        let id = snippet["resourceId"]["videoId"].as_str().filter(|id| Some(*id) != own);
        if let Some(id) = id.filter(|_| same && item["status"]["privacyStatus"] == wanted["privacyStatus"])
            && wanted["privacyStatus"] != "private"
        {
            return Ok(Found::Yes(receipt(id)));
        }
    }
    Ok(if reached { Found::No } else { Found::Unsure })
}

/// The playlist of all that the channel uploaded.
async fn uploads(cx: &Cx<'_>) -> Result<String, Fault> {
    let channel = super::channel(cx).await?;
    Ok(channel["uploads"].as_str().unwrap_or_default().to_string())
}

/// Whether our comment stands below the video.
///
/// # Errors
/// It cannot be read.
pub async fn find_comment(cx: &Cx<'_>, post: &Post, since: DateTime<Utc>) -> Result<Found, Fault> {
    let Some(video) = post.root.as_ref().map(|root| root.id.as_str()) else { return Ok(Found::Unsure) };
    let request = api::request(cx, Method::GET, "commentThreads", "snippet")?
        .query("videoId", video)
        .query("order", "time")
        .query("textFormat", "plainText")
        .query("maxResults", COMMENTS);
    let answer = cx.call(request).await?;
    let value = answer.value();
    let items = value["items"].as_array().ok_or_else(|| payload_error(&answer, "items"))?;
    let mut reached = value["nextPageToken"].is_null();
    for item in items {
        let comment = &item["snippet"]["topLevelComment"];
        let snippet = &comment["snippet"];
        if api::moment(&snippet["publishedAt"]).is_some_and(|at| at < since - CLOCK) {
            reached = true;
            continue;
        }
        let author = snippet["authorChannelId"]["value"].as_str();
        let ours = cx.account.remote_id.is_empty() || author == Some(cx.account.remote_id.as_str());
        let text = snippet["textOriginal"].as_str().or(snippet["textDisplay"].as_str()).map(str::trim);
        if let Some(id) = comment["id"].as_str()
            && ours
            && text == post.payload["comment"].as_str().map(str::trim)
        {
            return Ok(Found::Yes(comment_receipt(id, video)));
        }
    }
    Ok(if reached { Found::No } else { Found::Unsure })
}

/// Takes a video or a comment back.
///
/// # Errors
/// It is still there.
pub async fn delete(cx: &Cx<'_>, receipt: &Receipt) -> Result<(), Fault> {
    let resource = if receipt.extra["comment"] == true { "comments" } else { "videos" };
    match cx.call(api::request(cx, Method::DELETE, resource, "")?.query("id", &receipt.id)).await {
        Err(fault) if fault.status == Some(404) => Ok(()),
        other => other.map(drop),
    }
}

/// Gives a video or a comment new words. A part of a video is replaced as a whole, so what is there is read first and what the
/// draft does not speak of is kept.
///
/// # Errors
/// It is as it was, or, after a lost answer, perhaps not.
pub async fn edit(cx: &Cx<'_>, receipt: &Receipt, post: &Post) -> Result<Receipt, Fault> {
    let id = receipt.id.as_str();
    if post.comment {
        let body = json!({"id": id, "snippet": {"textOriginal": post.payload["comment"]}});
        cx.call(api::request(cx, Method::PUT, "comments", "snippet")?.json(body)).await?;
        return Ok(receipt.clone());
    }
    let answer = cx.call(api::request(cx, Method::GET, "videos", "snippet,status")?.query("id", id)).await?;
    let value = answer.value();
    let Some(there) = value["items"].as_array().and_then(|items| items.first()) else {
        return Err(Fault::new(crate::net::Kind::Rejected, "the video is no more there; `xpost publish --again` makes a new one"));
    };
    let body = json!({
        "id": id,
        "snippet": over(&there["snippet"], &post.payload["snippet"], SNIPPET),
        "status": status(&there["status"], &post.payload["status"]),
    });
    cx.call(api::request(cx, Method::PUT, "videos", "snippet,status")?.json(body)).await?;
    if let Some(picture) = post.media.first().and_then(|one| one.extras.thumbnail.as_ref()) {
        cx.call(upload::thumbnail(cx, id, picture)?).await?;
    }
    Ok(receipt.clone())
}

/// What can be written of a snippet; tags are the draft's, even if it has none.
const SNIPPET: &[&str] = &["title", "description", "categoryId", "defaultLanguage", "defaultAudioLanguage"];
/// The same of a status, beside who may see it.
const STATUS: &[&str] =
    &["selfDeclaredMadeForKids", "containsSyntheticMedia", "embeddable", "publicStatsViewable", "license"];

/// The new values over those that are there.
fn over(there: &Value, new: &Value, keys: &[&str]) -> Value {
    let mut out = serde_json::Map::new();
    for key in keys {
        if let Some(value) = new.get(key).or_else(|| there.get(key)) {
            out.insert((*key).to_string(), value.clone());
        }
    }
    if let Some(tags) = new.get("tags") {
        out.insert("tags".into(), tags.clone());
    }
    Value::Object(out)
}

/// A video that is public already is not hidden again for a time that has come.
fn status(there: &Value, new: &Value) -> Value {
    let mut out = over(there, new, STATUS);
    let come = new.get("publishAt").is_some() && there["privacyStatus"] == "public";
    let wanted = if come { there } else { new };
    out["privacyStatus"] = wanted["privacyStatus"].clone();
    if let Some(at) = wanted.get("publishAt") {
        out["publishAt"] = at.clone();
    }
    out
}
