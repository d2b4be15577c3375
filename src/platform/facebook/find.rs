//! Did it land? A page's own posts are read with its own token: `published_posts` is the list that leaves nothing out (`feed` is
//! ranked), `scheduled_posts` what waits.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{State, page, planned, receipt, root, upload};
use crate::net::{Fault, Method};
use crate::platform::{Cx, Find, Found, Post, graph, payload_error};

/// Pages of 100 that are read before giving up.
const PAGES: usize = 5;

/// Reads back.
pub(super) struct Reader;

#[async_trait]
impl Find for Reader {
    async fn find(&self, cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
        let state: State = serde_json::from_value(ready.clone()).unwrap_or_default();
        let (edge, fields) = planned(post)?;
        let waits = fields.get("scheduled_publish_time").and_then(Value::as_i64);
        match edge {
            "video_reels" => reel(cx, post, &state).await,
            "comments" => {
                let path = format!("{}/comments", root(post)?);
                let list = List { path, fields: "id,message,created_time", comments: true };
                list.search(cx, post, &state, since).await
            }
            "videos" => {
                let list = List { path: format!("{}/videos", page(cx)?), fields: "id,description,created_time", comments: false };
                match list.search(cx, post, &state, since).await? {
                    // whether the list shows what waits is written nowhere
                    Found::No if waits.is_some() => Ok(Found::Unsure),
                    found => Ok(found),
                }
            }
            _ => {
                let page = page(cx)?;
                if waits.is_some() {
                    let fields = "id,message,scheduled_publish_time,attachments{media_type,target{id},subattachments{media_type,target{id}}}";
                    let list = List { path: format!("{page}/scheduled_posts"), fields, comments: false };
                    match list.search(cx, post, &state, since).await? {
                        Found::No => {}
                        found => return Ok(found),
                    }
                }
                let fields = "id,message,created_time,attachments{media_type,target{id},subattachments{media_type,target{id}}}";
                let list = List { path: format!("{page}/published_posts"), fields, comments: false };
                list.search(cx, post, &state, since).await
            }
        }
    }
}

/// A list of posts, the newest first.
struct List {
    path: String,
    fields: &'static str,
    comments: bool,
}

impl List {
    async fn search(&self, cx: &Cx<'_>, post: &Post, state: &State, since: DateTime<Utc>) -> Result<Found, Fault> {
        let (mut alike, mut doubtful): (Vec<String>, bool) = (Vec::new(), false);
        let (edge, _) = planned(post)?;
        let (mut complete, mut after) = (false, None::<String>);
        for _ in 0..PAGES {
            let mut request =
                graph::request(cx, Method::GET, &self.path)?.query("fields", self.fields).query("limit", "100");
            if self.comments {
                request = request.query("filter", "stream").query("order", "reverse_chronological");
            }
            if let Some(after) = &after {
                request = request.query("after", after);
            }
            let answer = cx.call(request).await?;
            let value = answer.value();
            let since = answer.by_their_clock(since);
            let list = value["data"].as_array().ok_or_else(|| payload_error(&answer, "data"))?;
            let mut older = false;
            for entry in list {
                let made = graph::moment(&entry["created_time"]);
                if made.is_some_and(|made| made < since) {
                    older = true;
                    continue;
                }
                let Some(id) = entry["id"].as_str() else { continue };
                match likeness(entry, post, state) {
                    Likeness::Sure => return Ok(Found::Yes(receipt(edge, id.to_string(), post))),
                    Likeness::Alike => alike.push(id.to_string()),
                    Likeness::Doubtful => doubtful = true,
                    Likeness::No => {}
                }
            }
            after = value["paging"]["cursors"]["after"].as_str().map(str::to_string).filter(|_| value["paging"]["next"].is_string());
            complete = older || after.is_none();
            if complete {
                break;
            }
        }
        Ok(match alike.as_slice() {
            [id] => Found::Yes(receipt(edge, id.clone(), post)),
            [] if complete && !doubtful => Found::No,
            // two that are alike, or more posts than were read
            _ => Found::Unsure,
        })
    }
}

/// How much what is there looks like what was sent.
enum Likeness {
    /// It holds a picture of ours.
    Sure,
    /// The same words, as many pictures, the same time.
    Alike,
    /// As many pictures and no words on either side, or the same words with other pictures.
    Doubtful,
    No,
}

fn likeness(entry: &Value, post: &Post, state: &State) -> Likeness {
    let fields = &post.payload["fields"];
    let pictures = pictures(entry);
    if state.photos.iter().any(|id| pictures.contains(&id.as_str())) {
        return Likeness::Sure;
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    let said = text(if fields["message"].is_string() { &fields["message"] } else { &fields["description"] });
    let shown = text(if entry["message"].is_string() { &entry["message"] } else { &entry["description"] });
    let at = |value: &Value| graph::moment(&value["scheduled_publish_time"]);
    let when = entry["scheduled_publish_time"].is_null() || at(entry) == at(fields);
    let sent = post.media.iter().filter(|one| one.media.class() == "image").count();
    match (said == shown && when, pictures.len() == sent, said.is_empty()) {
        (true, true, false) => Likeness::Alike,
        (true, true, true) | (true, false, false) => Likeness::Doubtful,
        _ => Likeness::No,
    }
}

/// The ids of the pictures in a post; an album is not one of them, nor is a link.
fn pictures(entry: &Value) -> Vec<&str> {
    let attachments = entry["attachments"]["data"].as_array().into_iter().flatten();
    attachments
        .flat_map(|one| {
            let below = one["subattachments"]["data"].as_array().into_iter().flatten();
            std::iter::once(one).chain(below)
        })
        .filter(|one| one["media_type"] == "photo")
        .filter_map(|one| one["target"]["id"].as_str())
        .collect()
}

/// A reel has its id before it is posted; what became of it can be asked. What Facebook does in between it does not tell well enough
/// to be sure that nothing will come.
async fn reel(cx: &Cx<'_>, post: &Post, state: &State) -> Result<Found, Fault> {
    let Some(id) = &state.handle else { return Ok(Found::No) };
    let answer = cx.call(graph::request(cx, Method::GET, id)?.query("fields", "status,description")).await?;
    let value = answer.value();
    let status = &value["status"];
    let published = matches!(status["publishing_phase"]["status"].as_str(), Some("complete" | "in_progress"))
        || status["publishing_phase"]["publish_status"] == "scheduled";
    let said = post.payload["fields"]["description"].as_str();
    // the text comes with the request that publishes
    if published || said.is_some_and(|said| value["description"] == said) {
        if status["video_status"] == "error" {
            let (_, why) = upload::status(cx, id).await?;
            return Err(upload::unusable(&why));
        }
        return Ok(Found::Yes(receipt("video_reels", id.clone(), post)));
    }
    Ok(Found::Unsure)
}
