//! Read-back: what became of a post, by the id that TikTok gave it; else among the account's own recent posts.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::api::{self, Fate};
use super::{Network, Plan, fetched, film, receipt};
use crate::net::{Fault, Kind};
use crate::platform::{Cx, Find, Found, Post, Receipt};

/// A listed title may be cut after so many characters (<https://developers.tiktok.com/doc/tiktok-api-v2-video-object>, 2026-11-22).
const LISTED: usize = 150;

#[async_trait]
impl Find for Network {
    async fn find(&self, cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
        let plan = Plan::of(post)?;
        // TikTok took the last piece: that it does not count it yet says nothing
        let taken = post.state["publish_id"].is_string();
        let id = [&post.state["publish_id"], &post.state["film"]["session"]["publish_id"], &ready["publish_id"]];
        // asked for a time before there was this part: another machine may have posted it
        let elsewhere = since < post.created;
        let told = match id.into_iter().find_map(Value::as_str) {
            None => None,
            Some(id) => match api::fate(cx, id, plan.total()).await {
                Ok(fate @ (Fate::Posted(_) | Fate::Inbox)) => {
                    fetched(cx, &plan).await;
                    let number = if let Fate::Posted(number) = &fate { number.as_deref() } else { None };
                    return Ok(Found::Yes(receipt(cx, post, id, number, fate == Fate::Inbox)));
                }
                Ok(Fate::Working) => return Err(api::working(since)),
                Ok(Fate::Incomplete(_)) if taken => return Err(api::working(since)),
                Ok(Fate::Failed(_) | Fate::Incomplete(Some(_))) => Some(Found::No),
                Ok(Fate::Incomplete(None)) => None,
                Err(fault) if film::unknown(&fault) => None,
                Err(fault) => return Err(fault),
            },
        };
        match told {
            Some(told) if !elsewhere => Ok(told),
            told => Ok(match listed(cx, post, since).await? {
                Listed::One(receipt) => {
                    fetched(cx, &plan).await;
                    Found::Yes(receipt)
                }
                // what was posted a while ago is listed, if everybody may see it; what was posted just now is not yet
                Listed::None if elsewhere => Found::No,
                Listed::None | Listed::Unsure => told.filter(|_| !elsewhere).unwrap_or(Found::Unsure),
            }),
        }
    }
}

enum Listed {
    One(Receipt),
    None,
    Unsure,
}

/// Looks among the account's own posts; TikTok lists what everybody may see, once moderation is over.
async fn listed(cx: &Cx<'_>, post: &Post, since: DateTime<Utc>) -> Result<Listed, Fault> {
    let info = &post.payload["body"]["post_info"];
    let said = info["title"].as_str().filter(|_| post.media.iter().all(|one| one.media.class() == "video"));
    let said = said.or(info["description"].as_str()).unwrap_or_default().trim();
    if said.is_empty() || info["privacy_level"] != "PUBLIC_TO_EVERYONE" {
        return Ok(Listed::Unsure);
    }
    let path = "/v2/video/list/?fields=id,title,video_description,create_time";
    let answer = match api::ask(cx, path, json!({"max_count": 20})).await {
        Ok(answer) => answer,
        // a login without `video.list`
        Err(fault) if matches!(fault.kind, Kind::Forbidden | Kind::Rejected) => return Ok(Listed::Unsure),
        Err(fault) => return Err(fault),
    };
    let value = answer.value();
    let Some(videos) = value["data"]["videos"].as_array() else { return Ok(Listed::Unsure) };
    let same = |video: &&Value| {
        let made = video["create_time"].as_i64().unwrap_or_default();
        let told = ["video_description", "title"].iter().filter_map(|key| video[*key].as_str()).map(str::trim);
        let mut told = told.filter(|told| !told.is_empty());
        made >= since.timestamp() - 2
            && told.any(|told| told == said || (told.chars().count() >= LISTED && said.starts_with(told)))
    };
    let alike: Vec<&Value> = videos.iter().filter(same).collect();
    Ok(match alike.as_slice() {
        [] => Listed::None,
        [video] => match video["id"].as_str() {
            Some(id) => Listed::One(receipt(cx, post, "", Some(id), false)),
            None => Listed::Unsure,
        },
        _ => Listed::Unsure,
    })
}
