//! Taking back and changing what a bot has posted. A webhook can do neither.

use async_trait::async_trait;
use chrono::Utc;
use serde_json::{Value, json};

use super::api::{Landed, is_ts};
use super::{Mode, Network, find, home, kind, request};
use crate::net::{Answer, Effect, Fault, Kind, Method};
use crate::platform::{Cx, Delete, Edit, Post, Receipt};

#[async_trait]
impl Delete for Network {
    /// The message, then its files, which would stay in the workspace.
    async fn delete(&self, cx: &Cx<'_>, receipt: &Receipt) -> Result<(), Fault> {
        not_a_webhooks(cx, "take back")?;
        let channel = home(cx, receipt)?;
        if let Some(at) = receipt.extra["post_at"].as_i64() {
            let body = json!({"channel": channel, "scheduled_message_id": receipt.id});
            let result = cx.call(request(cx, Method::POST, "chat.deleteScheduledMessage")?.json(body)).await;
            return match result {
                Err(fault)
                    if fault.code.as_deref() == Some("invalid_scheduled_message_id")
                        && at <= Utc::now().timestamp() =>
                {
                    let why =
                        "its time has come, and Slack does not tell which message it has become; delete it in Slack";
                    Err(Fault { message: why.into(), ..fault })
                }
                result => gone(result, &["invalid_scheduled_message_id"]),
            };
        }
        let ts = match is_ts(&receipt.id) {
            true => Some(receipt.id.clone()),
            false => match find::whereabouts(cx, receipt).await {
                Ok(landed) => landed.map(|landed| landed.ts),
                Err(fault) if matches!(fault.code.as_deref(), Some("file_not_found" | "file_deleted")) => None,
                Err(fault) => return Err(fault),
            },
        };
        if let Some(ts) = ts {
            let body = json!({"channel": channel, "ts": ts});
            gone(cx.call(request(cx, Method::POST, "chat.delete")?.json(body)).await, &["message_not_found"])?;
        }
        for file in receipt.extra["files"].as_array().into_iter().flatten() {
            let result = cx.call(request(cx, Method::POST, "files.delete")?.json(json!({"file": file}))).await;
            gone(result, &["file_not_found", "file_deleted"])?;
        }
        Ok(())
    }
}

#[async_trait]
impl Edit for Network {
    fn can(&self, old: &Post, new: &Post) -> Result<(), String> {
        let files =
            |post: &Post| post.media.iter().map(|one| (one.media.sha256.clone(), one.alt.clone())).collect::<Vec<_>>();
        if files(old) != files(new) {
            return Err("the files of a Slack message and their alt texts cannot be changed".into());
        }
        let waits = |post: &Post| post.payload["method"] == "chat.scheduleMessage";
        match waits(old) || waits(new) {
            true => {
                Err("a message that waits for its time at Slack cannot be changed; delete it and post it anew".into())
            }
            false => Ok(()),
        }
    }

    async fn edit(&self, cx: &Cx<'_>, receipt: &Receipt, post: &Post) -> Result<Receipt, Fault> {
        not_a_webhooks(cx, "change")?;
        let body = &post.payload["body"];
        let text = [&body["text"], &body["initial_comment"]].into_iter().find(|text| text.is_string());
        let landed = match is_ts(&receipt.id) {
            true => Some(Landed { ts: receipt.id.clone(), thread_ts: None }),
            false => find::whereabouts(cx, receipt).await?,
        };
        let Some(landed) = landed else {
            return Err(Fault::new(
                Kind::Unavailable,
                "Slack does not tell yet which message the files have become; try again in a minute",
            ));
        };
        // blocks that are left out would stay
        let blocks = if body["blocks"].is_array() { body["blocks"].clone() } else { json!([]) };
        let body = json!({
            "channel": home(cx, receipt)?,
            "ts": landed.ts,
            "text": text.cloned().unwrap_or_else(|| json!("")),
            "blocks": blocks,
        });
        cx.call(request(cx, Method::POST, "chat.update")?.json(body)).await?.json::<Value>()?;
        Ok(receipt.clone())
    }
}

/// A success, or Slack's word that there is nothing.
fn gone(result: Result<Answer, Fault>, nothing: &[&str]) -> Result<(), Fault> {
    match result {
        Err(fault)
            if fault.effect == Effect::None && fault.code.as_deref().is_some_and(|code| nothing.contains(&code)) =>
        {
            Ok(())
        }
        result => result.map(drop),
    }
}

fn not_a_webhooks(cx: &Cx<'_>, what: &str) -> Result<(), Fault> {
    match kind(cx) {
        Mode::Token => Ok(()),
        Mode::Webhook => {
            Err(Fault::new(Kind::Unsupported, format!("a webhook cannot {what} what it posted; do that in Slack")))
        }
    }
}
