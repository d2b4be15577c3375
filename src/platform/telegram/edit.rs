//! Other words for a message that is out. Media and polls stay as they are.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{Network, chat, message_id, request};
use crate::net::{Fault, Method};
use crate::platform::{Cx, Edit, Post, Receipt};

#[async_trait]
impl Edit for Network {
    fn can(&self, old: &Post, new: &Post) -> Result<(), String> {
        let method = |post: &Post| post.payload["method"].as_str().unwrap_or_default().to_string();
        if method(old) == "sendPoll" || method(new) == "sendPoll" {
            return Err("a poll cannot be changed".into());
        }
        old.same_media(new)
    }

    async fn edit(&self, cx: &Cx<'_>, receipt: &Receipt, post: &Post) -> Result<Receipt, Fault> {
        let sent = &post.payload["params"];
        let mut params = Map::new();
        params.insert("chat_id".into(), receipt.extra.get("chat_id").cloned().map_or_else(|| chat(cx), Ok)?);
        params.insert("message_id".into(), json!(message_id(receipt)?));
        let (method, from, keys): (_, &Value, &[&str]) = match post.payload["method"].as_str() {
            Some("sendMessage") => ("editMessageText", sent, &["text", "entities", "link_preview_options"]),
            // the words of an album stand with its first picture
            Some("sendMediaGroup") => ("editMessageCaption", &sent["media"][0], &["caption", "caption_entities"]),
            _ => ("editMessageCaption", sent, &["caption", "caption_entities"]),
        };
        for key in keys {
            if let Some(value) = from.get(*key) {
                params.insert((*key).into(), value.clone());
            }
        }
        match cx.call(request(cx, Method::POST, method)?.json(Value::Object(params))).await {
            Err(fault) if fault.status == Some(400) && fault.message.contains("message is not modified") => {
                Ok(receipt.clone())
            }
            done => done.map(|_| receipt.clone()),
        }
    }
}
