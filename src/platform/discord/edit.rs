//! Other words for a message that is out.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{Mode, Network, bot, hook, mode, place};
use crate::net::{Fault, Method};
use crate::platform::{Cx, Edit, Post, Receipt};

/// What of a message can be changed.
const KEYS: &[&str] = &["content", "embeds", "allowed_mentions", "components"];

#[async_trait]
impl Edit for Network {
    fn can(&self, old: &Post, new: &Post) -> Result<(), String> {
        let message = |post: &Post| post.payload["action"] == "message";
        if !message(old) || !message(new) {
            return Err("a thread or an announcement cannot be changed".into());
        }
        if old.payload["body"].get("poll").is_some() || new.payload["body"].get("poll").is_some() {
            return Err("a poll cannot be changed".into());
        }
        old.same_media(new)
    }

    async fn edit(&self, cx: &Cx<'_>, receipt: &Receipt, post: &Post) -> Result<Receipt, Fault> {
        let mut body: Map<String, Value> = KEYS
            .iter()
            .filter_map(|key| Some(((*key).to_string(), post.payload["body"].get(*key)?.clone())))
            .collect();
        // what is left out stays, so an end of the words must be said
        body.entry("content").or_insert(json!(""));
        body.entry("embeds").or_insert(json!([]));
        let request = match mode(cx.account) {
            Mode::Token => bot(cx, Method::PATCH, &format!("/channels/{}/messages/{}", place(receipt)?, receipt.id))?,
            Mode::Webhook => {
                let request = hook(cx, Method::PATCH, &format!("/messages/{}", receipt.id))?;
                match receipt.extra["thread_id"].as_str() {
                    Some(thread) => request.query("thread_id", thread),
                    None => request,
                }
            }
        };
        cx.call(request.json(Value::Object(body))).await?;
        Ok(receipt.clone())
    }
}
