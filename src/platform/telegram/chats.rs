//! The chats that a bot can post to.
//!
//! Telegram lists them nowhere. What there is are the updates of the last 24 hours: who added the bot, who wrote where it can read.
//! They are looked at and left: without `offset` nothing counts as received, without `allowed_updates` the bot's own choice of
//! updates stays. <https://core.telegram.org/bots/api#getupdates>, 2026-11-21.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::api::{Chat, Member, Response, User};
use super::{Network, chat, explain, may_post, named, request};
use crate::net::{Fault, Kind, Method, one_line};
use crate::platform::{Cx, TargetOffer, Targets};

/// So many chats are asked whether the bot may post there.
const MOST: usize = 50;

/// A chat, and the topics of it that were seen: number and name.
struct Seen {
    chat: Chat,
    topics: BTreeMap<i64, Option<String>>,
}

#[async_trait]
impl Targets for Network {
    async fn targets(&self, cx: &Cx<'_>) -> Result<Vec<TargetOffer>, Fault> {
        let bot = cx.call(request(cx, Method::GET, "getMe")?).await?.json::<Response<User>>()?.result;
        let (mut seen, mut own) = (Vec::new(), None);
        if named(cx) {
            let id = match chat(cx)? {
                Value::String(name) => name,
                id => id.to_string(),
            };
            match cx.call(request(cx, Method::GET, "getChat")?.query("chat_id", id)).await {
                Ok(answer) => {
                    let chat = answer.json::<Response<Chat>>()?.result;
                    own = Some(chat.id);
                    note(&mut seen, chat);
                }
                Err(fault) if settled(&fault) => {}
                Err(fault) => return Err(fault),
            }
        }
        match cx.call(request(cx, Method::GET, "getUpdates")?.query("limit", "100")).await {
            Ok(answer) => read(&answer.json::<Response<Vec<Value>>>()?.result, &mut seen),
            // somebody else receives them, and only one can
            Err(fault) if fault.status == Some(409) && seen.is_empty() => {
                let why = "another program receives this bot's updates, so that Telegram tells nothing of its chats here";
                return Err(Fault { kind: Kind::Unsupported, message: format!("{why}; {NAME_IT}"), ..fault });
            }
            Err(fault) if fault.status == Some(409) => {}
            Err(fault) => return Err(fault),
        }
        if seen.is_empty() {
            return Err(Fault::new(
                Kind::Unsupported,
                format!(
                    "Telegram does not list a bot's chats: add {} to the channel (as an administrator with \"Post messages\") or \
                     group, or write to it there, and look again within 24 hours; or {NAME_IT}",
                    bot.handle()
                ),
            ));
        }
        // a person's own chat with the bot is seldom what is meant
        seen.sort_by_key(|seen| seen.chat.kind == "private");
        seen.truncate(MOST);
        let mut offers = Vec::new();
        for Seen { chat, topics } in seen {
            let not = refusal(cx, &bot, &chat).await?;
            let own = own == Some(chat.id);
            offers.push(offer(cx, &chat, own, None, not.clone()));
            for (number, name) in topics {
                let name = name.unwrap_or_else(|| format!("topic {number}"));
                offers.push(offer(cx, &chat, own, Some((number, &name)), not.clone()));
            }
        }
        Ok(offers)
    }
}

const NAME_IT: &str = "name the chat with `--set chat=@channel`";

/// The network's last word on this chat, not trouble on the way.
fn settled(fault: &Fault) -> bool {
    matches!(fault.kind, Kind::Rejected | Kind::Forbidden)
}

/// Remembers a chat, once; what was said last of its name counts.
fn note(seen: &mut Vec<Seen>, chat: Chat) {
    match seen.iter_mut().find(|known| known.chat.id == chat.id) {
        Some(known) => known.chat = chat,
        None => seen.push(Seen { chat, topics: BTreeMap::new() }),
    }
}

/// The chats of these updates, whatever each of them is about.
fn read(updates: &[Value], seen: &mut Vec<Seen>) {
    let mut moved = Vec::new();
    for event in updates.iter().filter_map(Value::as_object).flat_map(|update| update.values()) {
        let Ok(chat) = serde_json::from_value::<Chat>(event["chat"].clone()) else { continue };
        let id = chat.id;
        // a group that became a supergroup has another number since
        if event["migrate_to_chat_id"].is_i64() {
            moved.push(id);
        }
        note(seen, chat);
        let topic = event["message_thread_id"].as_i64().filter(|_| event["is_topic_message"] == true);
        let Some((topic, known)) = topic.zip(seen.iter_mut().find(|known| known.chat.id == id)) else { continue };
        let name = [&event["forum_topic_edited"], &event["forum_topic_created"], &event["reply_to_message"]["forum_topic_created"]]
            .into_iter()
            .find_map(|about| about["name"].as_str());
        let slot = known.topics.entry(topic).or_default();
        *slot = name.map(str::to_string).or(slot.take());
    }
    seen.retain(|known| !moved.contains(&known.chat.id));
}

/// Why the bot cannot post there; `None` if it can.
async fn refusal(cx: &Cx<'_>, bot: &User, chat: &Chat) -> Result<Option<String>, Fault> {
    if chat.kind == "private" {
        return Ok(None);
    }
    let request = request(cx, Method::GET, "getChatMember")?;
    let request = request.query("chat_id", chat.id.to_string()).query("user_id", bot.id.to_string());
    match cx.call(request).await {
        Ok(answer) if may_post(&answer.json::<Response<Member>>()?.result, chat) => Ok(None),
        Ok(_) => Ok(Some(explain::no_right(&bot.handle()))),
        Err(fault) if settled(&fault) => Ok(Some(fault.message)),
        Err(fault) => Err(fault),
    }
}

/// `own`: the chat of the account that logged in, which is called here as it is called there, so that it is known again.
fn offer(cx: &Cx<'_>, chat: &Chat, own: bool, topic: Option<(i64, &str)>, not: Option<String>) -> TargetOffer {
    let mut title = match (&chat.title, &chat.username) {
        (Some(title), Some(name)) => format!("{title} (@{name})"),
        _ => chat.handle(),
    };
    if chat.kind == "private" {
        title.push_str(", a person");
    }
    let here = |key: &str| cx.account.settings.get(key).filter(|value| !value.is_null());
    // a name can be given away, the number stays
    let id = here("chat").filter(|_| own).cloned().unwrap_or_else(|| json!(chat.id.to_string()));
    let mut settings = BTreeMap::from([("chat".to_string(), id)]);
    let mut name = chat.username.as_ref().or(chat.title.as_ref()).map_or_else(String::new, |name| word(name));
    if let Some((number, topic)) = topic {
        title.push_str(" / ");
        title.push_str(topic);
        settings.insert("topic".into(), json!(number));
        name = format!("{name}-{}", word(topic)).trim_matches('-').to_string();
    } else if here("topic").is_some() || (chat.is_forum && !own) {
        // the whole chat is another place than a topic of it
        settings.insert("topic".into(), Value::Null);
    }
    let name = if name.is_empty() { format!("telegram{}", chat.id) } else { name };
    // anybody may have named it
    TargetOffer { title: one_line(&title, 120), name, settings, secrets: BTreeMap::new(), not }
}

/// A title as a word: letters and digits of any script, lower case, `-` between.
fn word(title: &str) -> String {
    let mut word = String::new();
    for c in title.chars().take(40) {
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        } else if !word.is_empty() && !word.ends_with('-') {
            word.push('-');
        }
    }
    word.trim_end_matches('-').to_string()
}

#[cfg(test)]
#[path = "chats_tests.rs"]
mod tests;
