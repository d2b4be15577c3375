//! The channels that an app can post to.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::api::Channel;
use super::{Mode, Network, kind, request, scopes};
use crate::net::{Answer, Fault, Kind, Method, one_line};
use crate::platform::{Cx, TargetOffer, Targets, payload_error};

/// So many channels are on one page, and so many pages are read.
const PAGE: &str = "200";
const PAGES: usize = 10;

#[async_trait]
impl Targets for Network {
    async fn targets(&self, cx: &Cx<'_>) -> Result<Vec<TargetOffer>, Fault> {
        // a webhook has one channel, and that is the account's
        if kind(cx) == Mode::Webhook {
            return Ok(Vec::new());
        }
        let private = "public_channel,private_channel";
        let (mut found, granted) = match list(cx, private).await {
            // an app may be allowed to see only the one kind
            Err(fault) if fault.code.as_deref() == Some("missing_scope") => list(cx, "public_channel").await?,
            found => found?,
        };
        // those that it is in come first
        found.sort_by_key(|channel| (!channel.is_member, channel.name.clone()));
        let public = granted.as_ref().is_none_or(|scopes| scopes.iter().any(|scope| scope == "chat:write.public"));
        Ok(found.iter().map(|channel| offer(cx, channel, public)).collect())
    }
}

/// All channels of these kinds, and what the token may do where Slack tells.
async fn list(cx: &Cx<'_>, kinds: &str) -> Result<(Vec<Channel>, Option<Vec<String>>), Fault> {
    let (mut all, mut granted, mut cursor) = (Vec::new(), None, String::new());
    for _ in 0..PAGES {
        let asked = request(cx, Method::GET, "conversations.list")?
            .query("types", kinds)
            .query("exclude_archived", "true")
            .query("limit", PAGE);
        let asked = if cursor.is_empty() { asked } else { asked.query("cursor", &cursor) };
        let answer = cx.call(asked).await?;
        granted = scopes(&answer).or(granted);
        let value = answer.value();
        all.extend(channels(&answer, &value)?);
        cursor = value["response_metadata"]["next_cursor"].as_str().unwrap_or_default().to_string();
        if cursor.is_empty() {
            break;
        }
    }
    Ok((all, granted))
}

fn channels(answer: &Answer, value: &Value) -> Result<Vec<Channel>, Fault> {
    let list = value.get("channels").filter(|list| list.is_array()).ok_or_else(|| payload_error(answer, "channels"))?;
    serde_json::from_value(list.clone())
        .map_err(|_| Fault::new(Kind::Protocol, format!("{} answered channels that cannot be read", answer.asked)))
}

fn offer(cx: &Cx<'_>, channel: &Channel, public: bool) -> TargetOffer {
    let name = channel.name.as_deref().unwrap_or(&channel.id);
    let not = if channel.is_archived {
        Some("it is archived".to_string())
    } else if channel.is_read_only && !channel.is_member {
        Some("only some may write there".to_string())
    } else if !channel.is_member && (channel.is_private || !public) {
        Some("the app is not in it; type `/invite @` and its name there".to_string())
    } else {
        None
    };
    let mut settings = BTreeMap::from([("channel".to_string(), json!(channel.id))]);
    if !cx.account.setting("mode").is_empty() {
        settings.insert("mode".into(), json!("bot"));
    }
    let lock = if channel.is_private { ", private" } else { "" };
    let word: String = name.chars().take(40).map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    let word = word.trim_matches('-').to_lowercase();
    TargetOffer {
        // anybody may have named it
        title: one_line(&format!("#{name}{lock}"), 120),
        name: if word.is_empty() { format!("slack-{}", channel.id.to_lowercase()) } else { word },
        settings,
        secrets: BTreeMap::new(),
        not,
    }
}
