//! Taking back and changing what a token has posted. A webhook can do neither.

use async_trait::async_trait;
use chrono::Utc;
use serde_json::{Value, json};

use super::{Mode, Network, kind, request};
use crate::net::{Fault, Kind, Method};
use crate::platform::{Cx, Delete, Edit, Post, Receipt, payload_error};

#[async_trait]
impl Delete for Network {
    async fn delete(&self, cx: &Cx<'_>, receipt: &Receipt) -> Result<(), Fault> {
        not_a_webhooks(cx, "take back")?;
        if receipt.extra["scheduled_at"].is_i64() {
            return match cx.call(request(cx, Method::DELETE, &format!("/posts/schedule/{}", receipt.id))?).await {
                Err(fault) if fault.status == Some(404) => match receipt.extra["scheduled_at"].as_i64() {
                    Some(at) if at <= Utc::now().timestamp_millis() => {
                        let why = "its time has come, and the post has another id now; delete it in Mattermost";
                        Err(Fault { message: format!("{why} ({})", fault.message), ..fault })
                    }
                    _ => Ok(()),
                },
                result => result.map(drop),
            };
        }
        let path = format!("/posts/{}", receipt.id);
        match cx.call(request(cx, Method::DELETE, &path)?).await {
            Err(fault) if fault.status == Some(404) => Ok(()),
            // of a post that is not there the server says that one may not delete it
            Err(fault) if fault.kind == Kind::Forbidden => match cx.call(request(cx, Method::GET, &path)?).await {
                Err(gone) if gone.status == Some(404) => Ok(()),
                _ => Err(fault),
            },
            result => result.map(drop),
        }
    }
}

#[async_trait]
impl Edit for Network {
    fn can(&self, old: &Post, new: &Post) -> Result<(), String> {
        old.same_media(new)?;
        let (old, new) = (&old.payload["body"], &new.payload["body"]);
        if old["scheduled_at"].is_i64() || new["scheduled_at"].is_i64() {
            return Err("a post that waits for its time cannot be changed; delete it and post it anew".into());
        }
        match old["props"] == new["props"] && old["metadata"] == new["metadata"] {
            true => Ok(()),
            false => Err("its attachments and its priority cannot be changed".into()),
        }
    }

    async fn edit(&self, cx: &Cx<'_>, receipt: &Receipt, post: &Post) -> Result<Receipt, Fault> {
        not_a_webhooks(cx, "change")?;
        let body = json!({"message": post.payload["body"]["message"]});
        let path = format!("/posts/{}/patch", receipt.id);
        let answer = cx.call(request(cx, Method::PUT, &path)?.json(body)).await?;
        answer.json::<Value>()?["id"].as_str().ok_or_else(|| payload_error(&answer, "id"))?;
        Ok(receipt.clone())
    }
}

fn not_a_webhooks(cx: &Cx<'_>, what: &str) -> Result<(), Fault> {
    match kind(cx) {
        Mode::Token => Ok(()),
        Mode::Webhook => {
            Err(Fault::new(Kind::Unsupported, format!("a webhook cannot {what} what it posted; do that in Mattermost")))
        }
    }
}
