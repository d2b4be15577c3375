//! The channels that a bot can post to: those of the servers that it was invited to, with what it may do there.
//!
//! A right is what the bot's roles give in the whole server, changed by what the channel says of everyone, of each role and of the
//! bot itself, in this order. <https://docs.discord.com/developers/topics/permissions>, 2026-11-22.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::User;
use super::{Mode, Network, bot, channelless, mode};
use crate::net::{Fault, Kind, Method, one_line};
use crate::platform::{Cx, TargetOffer, Targets};

const ADMINISTRATOR: u64 = 1 << 3;
const VIEW_CHANNEL: u64 = 1 << 10;
const SEND_MESSAGES: u64 = 1 << 11;
const READ_MESSAGE_HISTORY: u64 = 1 << 16;

const TEXT: u8 = 0;
const CATEGORY: u8 = 4;
const ANNOUNCEMENT: u8 = 5;
const FORUM: u8 = 15;
const MEDIA: u8 = 16;

/// So many servers are on one page, and so many are looked at.
const PAGE: usize = 200;
const MOST: usize = 1000;

/// A server as the list of one's own shows it.
#[derive(Debug, Deserialize)]
struct Guild {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    owner: bool,
    /// What the roles give; a number as a text.
    #[serde(default)]
    permissions: String,
}

/// The bot in one server.
#[derive(Debug, Default, Deserialize)]
struct Member {
    #[serde(default)]
    roles: Vec<String>,
    /// Till then it may only read.
    #[serde(default)]
    communication_disabled_until: Option<DateTime<Utc>>,
}

#[derive(Debug, Default, Deserialize)]
struct Place {
    id: String,
    #[serde(rename = "type")]
    kind: u8,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    position: i64,
    #[serde(default)]
    parent_id: Option<String>,
    #[serde(default)]
    permission_overwrites: Vec<Overwrite>,
}

#[derive(Debug, Default, Deserialize)]
struct Overwrite {
    id: String,
    #[serde(default)]
    allow: String,
    #[serde(default)]
    deny: String,
}

#[async_trait]
impl Targets for Network {
    async fn targets(&self, cx: &Cx<'_>) -> Result<Vec<TargetOffer>, Fault> {
        // a webhook has one channel, and that is the account's
        if mode(cx.account) == Mode::Webhook && !channelless(cx) {
            return Ok(Vec::new());
        }
        let user: User = cx.call(bot(cx, Method::GET, "/users/@me")?).await?.json()?;
        let guilds = guilds(cx).await?;
        if guilds.is_empty() {
            let why = "is in no server yet; invite it (developer portal, OAuth2, URL Generator, scope `bot`) and look again";
            return Err(Fault::new(Kind::Unsupported, format!("the bot `{}` {why}", user.username)));
        }
        let mut offers = Vec::new();
        for guild in &guilds {
            let member = cx.call(bot(cx, Method::GET, &format!("/guilds/{}/members/{}", guild.id, user.id))?).await?;
            let places = cx.call(bot(cx, Method::GET, &format!("/guilds/{}/channels", guild.id))?).await?;
            let (member, mut places): (Member, Vec<Place>) = (member.json()?, places.json()?);
            arrange(&mut places);
            let places = places.iter().filter(|place| matches!(place.kind, TEXT | ANNOUNCEMENT | FORUM | MEDIA));
            offers.extend(places.map(|place| offer(cx, guild, place, refusal(guild, &member, &user.id, place))));
        }
        Ok(offers)
    }
}

/// All servers that the bot is in, page by page.
async fn guilds(cx: &Cx<'_>) -> Result<Vec<Guild>, Fault> {
    let mut all: Vec<Guild> = Vec::new();
    loop {
        let request = bot(cx, Method::GET, "/users/@me/guilds")?.query("limit", PAGE.to_string());
        let request = match all.last() {
            Some(last) => request.query("after", &last.id),
            None => request,
        };
        let page: Vec<Guild> = cx.call(request).await?.json()?;
        // a page that brings nothing new must not be asked for again
        let new: Vec<Guild> = page.into_iter().filter(|guild| all.iter().all(|known| known.id != guild.id)).collect();
        let last = new.len() < PAGE;
        all.extend(new);
        if last || all.len() >= MOST {
            return Ok(all);
        }
    }
}

/// As Discord shows them: what stands in no category first, then category by category.
fn arrange(places: &mut [Place]) {
    let categories: BTreeMap<String, i64> =
        places.iter().filter(|place| place.kind == CATEGORY).map(|place| (place.id.clone(), place.position)).collect();
    places.sort_by_key(|place| {
        let category = place.parent_id.as_ref().and_then(|id| categories.get(id)).map(|position| (*position, place.parent_id.clone()));
        (category, place.position, place.id.parse::<u64>().unwrap_or_default())
    });
}

fn bits(text: &str) -> u64 {
    // a right that does not fit into 64 bits is none of those that are asked for here
    text.parse::<u128>().map_or(0, |bits| bits as u64)
}

/// What the bot may do in a channel.
fn rights(guild: &Guild, member: &Member, user: &str, place: &Place, now: DateTime<Utc>) -> u64 {
    let base = bits(&guild.permissions);
    if guild.owner || base & ADMINISTRATOR != 0 {
        return u64::MAX;
    }
    let change = |rights: u64, about: &dyn Fn(&Overwrite) -> bool| {
        let said = place.permission_overwrites.iter().filter(|overwrite| about(overwrite));
        let (deny, allow) =
            said.fold((0, 0), |(deny, allow), overwrite| (deny | bits(&overwrite.deny), allow | bits(&overwrite.allow)));
        rights & !deny | allow
    };
    // the role of everyone has the server's own number
    let rights = change(base, &|overwrite| overwrite.id == guild.id);
    let rights = change(rights, &|overwrite| overwrite.id != guild.id && member.roles.contains(&overwrite.id));
    let rights = change(rights, &|overwrite| overwrite.id == user);
    if member.communication_disabled_until.is_some_and(|end| end > now) {
        rights & (VIEW_CHANNEL | READ_MESSAGE_HISTORY)
    } else {
        rights
    }
}

/// Why the bot cannot post there; `None` if it can.
fn refusal(guild: &Guild, member: &Member, user: &str, place: &Place) -> Option<String> {
    if matches!(place.kind, FORUM | MEDIA) {
        let why = "a forum takes whole threads: give the number of one of its threads as `channel`, or use a webhook with `thread_name`";
        return Some(why.into());
    }
    let now = Utc::now();
    let rights = rights(guild, member, user, place, now);
    if rights & VIEW_CHANNEL == 0 {
        return Some("the bot cannot see it; give it View Channel there".into());
    }
    if rights & SEND_MESSAGES == 0 {
        let why = if member.communication_disabled_until.is_some_and(|end| end > now) {
            "the bot is in time-out on this server"
        } else {
            "the bot may not write there; give it Send Messages"
        };
        return Some(why.into());
    }
    None
}

fn offer(cx: &Cx<'_>, guild: &Guild, place: &Place, not: Option<String>) -> TargetOffer {
    let channel = place.name.as_deref().unwrap_or(&place.id);
    let news = if place.kind == ANNOUNCEMENT { ", announcements" } else { "" };
    let mut settings = BTreeMap::from([("channel".to_string(), json!(place.id))]);
    // what the account that logged in has is not this one's
    if cx.account.filled("thread_id").is_some() {
        settings.insert("thread_id".into(), Value::Null);
    }
    if !cx.account.setting("mode").is_empty() {
        settings.insert("mode".into(), json!("bot"));
    }
    let word: String = channel.chars().take(40).map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    let name = word.trim_matches('-').to_lowercase();
    TargetOffer {
        // anybody may have named it
        title: one_line(&format!("{} / #{channel}{news}", guild.name), 120),
        name: if name.is_empty() { format!("discord-{}", place.id) } else { name },
        settings,
        secrets: BTreeMap::new(),
        not,
    }
}

#[cfg(test)]
#[path = "channels_tests.rs"]
mod tests;
