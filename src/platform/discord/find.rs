//! Read-back for bots: did this part land? A webhook cannot read.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::api::{CROSSPOSTED, HAS_THREAD, Message, User, made};
use super::{Mode, Network, bot, channel, message_receipt, mode, place, root, target, thread, thread_receipt};
use crate::net::{Fault, Method};
use crate::platform::{Cx, Find, Found, Platform, Post, Ready, Receipt};

/// So many pages of 100 messages are read at most.
const PAGES: usize = 5;

#[async_trait]
impl Find for Network {
    async fn find(&self, cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
        if mode(cx.account) == Mode::Webhook {
            return Ok(Found::Unsure);
        }
        // what `prepare` found out may have been lost with the run
        let facts = match ready.get("guild_id") {
            Some(_) => ready.clone(),
            None => match Platform::prepare(self, cx, post).await? {
                Ready::Now(facts) | Ready::Later { state: facts, .. } => facts,
            },
        };
        let guild = facts["guild_id"].as_str();
        match post.payload["action"].as_str() {
            Some("crosspost") => on_root(cx, post, CROSSPOSTED, Receipt::clone).await,
            Some("thread") => on_root(cx, post, HAS_THREAD, |root| thread_receipt(root, guild)).await,
            _ => message(cx, post, guild, since).await,
        }
    }
}

/// What was done to the first message shows in its flags.
async fn on_root(cx: &Cx<'_>, post: &Post, flag: u64, receipt: impl Fn(&Receipt) -> Receipt) -> Result<Found, Fault> {
    let root = root(post)?;
    let path = format!("/channels/{}/messages/{}", place(root)?, root.id);
    match cx.call(bot(cx, Method::GET, &path)?).await {
        Ok(answer) if answer.json::<Message>()?.flags & flag != 0 => Ok(Found::Yes(receipt(root))),
        Ok(_) => Ok(Found::No),
        Err(fault) if fault.code.as_deref() == Some("10008") => Ok(Found::Unsure),
        Err(fault) => Err(fault),
    }
}

/// Looks for the part among the bot's messages since the first try: by its nonce where Discord tells it, else by what it says.
async fn message(cx: &Cx<'_>, post: &Post, guild: Option<&str>, since: DateTime<Utc>) -> Result<Found, Fault> {
    let me = match cx.account.about["bot_id"].as_str() {
        Some(id) => id.to_string(),
        None => cx.call(bot(cx, Method::GET, "/users/@me")?).await?.json::<User>()?.id,
    };
    let place = target(cx, post)?;
    let path = format!("/channels/{place}/messages");
    let mut alike: Vec<Message> = Vec::new();
    let (mut complete, mut before) = (false, None::<String>);
    for _ in 0..PAGES {
        let mut request = bot(cx, Method::GET, &path)?.query("limit", "100");
        if let Some(id) = &before {
            request = request.query("before", id);
        }
        let answer = cx.call(request).await?;
        let since = answer.by_their_clock(since);
        let page: Vec<Message> = answer.json()?;
        let Some(oldest) = page.last() else {
            // an empty page is the channel's beginning, but an empty channel may be one whose history the bot may not read
            complete = before.is_some() || untouched(cx, &place, since).await?;
            break;
        };
        before = Some(oldest.id.clone());
        let reached = page.len() < 100 || made(&oldest.id).is_some_and(|at| at < since);
        for message in page.into_iter().filter(|message| message.author.id == me) {
            if made(&message.id).is_none_or(|at| at < since) {
                continue;
            }
            match message.nonce.as_ref().map(|nonce| nonce.as_str() == Some(&post.nonce())) {
                Some(true) => return Ok(Found::Yes(message_receipt(&message, guild, thread(post)))),
                None if same(&message, post) => alike.push(message),
                _ => {}
            }
        }
        if reached {
            complete = true;
            break;
        }
    }
    Ok(match alike.as_slice() {
        [message] => Found::Yes(message_receipt(message, guild, thread(post))),
        [] if complete => Found::No,
        // two that are alike, or more messages than were read
        _ => Found::Unsure,
    })
}

/// Nothing was posted here since then, whoever may read it.
async fn untouched(cx: &Cx<'_>, place: &str, since: DateTime<Utc>) -> Result<bool, Fault> {
    let last = channel(cx, place).await?.last_message_id;
    Ok(last.is_none_or(|id| made(&id).is_some_and(|at| at < since)))
}

/// Whether the message says what the part says. Discord trims white space, and adds embeds of links by itself.
fn same(message: &Message, post: &Post) -> bool {
    let body = &post.payload["body"];
    let count = |key: &str| body[key].as_array().map_or(0, Vec::len);
    let later = match post.parent.as_ref().map(|parent| (made(&parent.id), made(&message.id))) {
        Some((Some(parent), Some(this))) => this >= parent && post.parent.as_ref().is_some_and(|parent| parent.id != message.id),
        _ => true,
    };
    later
        && message.content.trim() == body["content"].as_str().unwrap_or_default().trim()
        && message.attachments.len() == count("attachments")
        && message.embeds.len() >= count("embeds")
        && message.poll.is_some() == body.get("poll").is_some()
}
