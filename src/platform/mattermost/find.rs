//! Read-back: did this part land? Every post carries the part's key among its properties. A webhook cannot read.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{Mode, Network, kind, place, receipt, request};
use crate::net::{Fault, Kind, Method};
use crate::platform::{Cx, Find, Found, Post};

/// Clocks are compared to the second, and an answer may be late.
const SLACK: TimeDelta = TimeDelta::minutes(2);
/// The server gives no more posts than this, the newest first.
const MOST: usize = 1000;

#[async_trait]
impl Find for Network {
    async fn find(&self, cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
        if kind(cx) == Mode::Webhook {
            return Ok(Found::Unsure);
        }
        let mut ready = ready.clone();
        if !ready["channel_id"].is_string() {
            let (channel, team) = place(cx).await?;
            (ready["channel_id"], ready["team"]) = (channel.into(), team.into());
        }
        if post.payload["body"]["scheduled_at"].is_i64()
            && let Some(found) = waiting(cx, post, &ready).await?
        {
            return Ok(found);
        }
        posted(cx, post, &ready, since).await
    }
}

/// Among the posts that wait for their time; `None` if it is not there, where it may have been posted meanwhile.
async fn waiting(cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Option<Found>, Fault> {
    let Some(team) = cx.account.about["team_id"].as_str().filter(|team| !team.is_empty()) else {
        return Ok(Some(Found::Unsure));
    };
    let asked = request(cx, Method::GET, &format!("/posts/scheduled/team/{team}"))?;
    let answer = cx.call(asked.query("includeDirectChannels", "true")).await?;
    let lists: Value = answer.json()?;
    let mut all = lists.as_object().into_iter().flatten().filter_map(|(_, list)| list.as_array()).flatten();
    let ours = all.find(|one| one["props"]["xpost"] == post.uuid());
    Ok(ours.and_then(|one| receipt(cx, ready, one)).map(Found::Yes))
}

/// Among the channel's posts since the first try; answers stand there, too.
async fn posted(cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
    let ahead = cx.door.clock().map_or(TimeDelta::zero(), |(_, ahead)| ahead);
    let oldest = (since + ahead - SLACK).timestamp_millis();
    let channel = ready["channel_id"].as_str().unwrap_or_default();
    let asked = request(cx, Method::GET, &format!("/channels/{channel}/posts"))?.query("since", oldest.to_string());
    let answer = cx.call(asked).await?;
    let list: Value = answer.json()?;
    let Some(order) = list["order"].as_array() else {
        return Err(Fault::new(Kind::Protocol, format!("{} answered without `order`", answer.asked)));
    };
    let key = post.uuid();
    // what was deleted stands there, too
    let ours = |one: &&Value| one["props"]["xpost"] == key && one["delete_at"].as_i64().unwrap_or_default() == 0;
    let mut posts = order.iter().filter_map(|id| list["posts"].get(id.as_str()?));
    match posts.find(ours).and_then(|one| receipt(cx, ready, one)) {
        Some(receipt) => Ok(Found::Yes(receipt)),
        None if order.len() < MOST => Ok(Found::No),
        None => Ok(Found::Unsure),
    }
}
