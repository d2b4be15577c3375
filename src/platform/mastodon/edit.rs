//! Other words for a status that is out. Its media stay; who sees it cannot be changed.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{Network, api, nameless, resolve};
use crate::net::{Fault, Method};
use crate::platform::{Cx, Edit, Post, Receipt, payload_error};

/// What of a status can be changed.
const KEYS: &[&str] = &["status", "spoiler_text", "sensitive", "language"];

#[async_trait]
impl Edit for Network {
    fn can(&self, old: &Post, new: &Post) -> Result<(), String> {
        old.same_media(new)?;
        // other options would throw the votes away
        if old.payload.get("poll") != new.payload.get("poll") {
            return Err("its poll cannot be changed".into());
        }
        if old.payload.get("visibility") != new.payload.get("visibility") {
            return Err("its `visibility` cannot be changed".into());
        }
        Ok(())
    }

    async fn edit(&self, cx: &Cx<'_>, receipt: &Receipt, post: &Post) -> Result<Receipt, Fault> {
        let token = cx.secret("token")?;
        let id = match nameless(receipt) {
            Some(url) => resolve(cx, url).await?,
            None => receipt.id.clone(),
        };
        let path = format!("/api/v1/statuses/{id}");
        let mut body: Map<String, Value> =
            KEYS.iter().filter_map(|key| Some(((*key).to_string(), post.payload.get(*key)?.clone()))).collect();
        // a warning that is taken out must be said, and media that are not named are lost
        body.entry("spoiler_text").or_insert(json!(""));
        if let Some(poll) = post.payload.get("poll") {
            body.insert("poll".into(), poll.clone());
        }
        if !post.media.is_empty() {
            let answer = cx.call(api::request(&cx.account.server, Method::GET, &path).bearer(&token)).await?;
            let value = answer.value();
            let there = value["media_attachments"].as_array().ok_or_else(|| payload_error(&answer, "media_attachments"))?;
            let ids: Vec<String> = there.iter().filter_map(|one| api::id(&one["id"])).collect();
            body.insert("media_ids".into(), json!(ids));
        }
        cx.call(api::request(&cx.account.server, Method::PUT, &path).bearer(&token).json(Value::Object(body))).await?;
        Ok(receipt.clone())
    }
}
