//! A small Discord: it knows the webhooks, bots and channels that [`webhook_url`], [`token`] and [`channel`] name, keeps what is posted, remembers
//! nonces, and refuses in the words of the real one.
//!
//! Every bot `n` has a text channel, an announcement channel ([`announcements`]) and one that it may not see ([`hidden`]); a webhook `n` posts to
//! the text channel `n`. [`forum_url`] is the webhook of a forum.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, TimeZone, Utc};
use serde_json::{Value, json};

use super::api::{CROSSPOSTED, EPOCH, HAS_THREAD};
use super::twin_check::{self, Problems};
use crate::twin::{Incoming, Reply, Seen, SeenMedia, Twin};

pub(super) const GUILD: &str = "900000000000000001";
pub(super) const TEXT: u64 = 910_000_000_000_000_000;
pub(super) const NEWS: u64 = 920_000_000_000_000_000;
pub(super) const HIDDEN: u64 = 930_000_000_000_000_000;
pub(super) const FORUM: u64 = 940_000_000_000_000_000;
const USERS: u64 = 950_000_000_000_000_000;
const HOOKS: u64 = 960_000_000_000_000_000;
const FORUM_HOOKS: u64 = 970_000_000_000_000_000;
/// So many of each kind.
const MANY: u64 = 1_000_000;
/// A nonce is remembered for "a few minutes".
const NONCE_LIFE: Duration = Duration::minutes(5);
/// Requests in [`WINDOW`] for each channel, as the rate headers tell. The twin only tells; the kit's faults refuse.
const BUDGET: u32 = 50;
const WINDOW: Duration = Duration::seconds(1);

/// The address of webhook `n`.
pub(super) fn webhook_url(n: usize) -> String {
    let id = HOOKS + n as u64;
    format!("https://discord.com/api/webhooks/{id}/{}", hook_token(id))
}

/// The address of the webhook of forum `n`.
#[cfg(test)]
pub(super) fn forum_url(n: usize) -> String {
    let id = FORUM_HOOKS + n as u64;
    format!("https://discord.com/api/webhooks/{id}/{}", hook_token(id))
}

fn hook_token(id: u64) -> String {
    format!("twin-webhook-token_{id}-{:016x}", id.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The token of bot `n`.
pub(super) fn token(n: usize) -> String {
    bot_token(USERS + n as u64)
}

fn bot_token(id: u64) -> String {
    format!("twin.bot-token.{id}.{:016x}", id.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The text channel `n`.
pub(super) fn channel(n: usize) -> String {
    (TEXT + n as u64).to_string()
}

/// The announcement channel `n`.
#[cfg(test)]
pub(super) fn announcements(n: usize) -> String {
    (NEWS + n as u64).to_string()
}

/// A channel that no bot may see.
#[cfg(test)]
pub(super) fn hidden() -> String {
    HIDDEN.to_string()
}

/// The state: what was posted, in the order of posting.
#[derive(Debug, Default)]
pub(super) struct Discord {
    messages: Vec<Message>,
    /// Threads by their number: name and the channel that they belong to.
    threads: BTreeMap<u64, (String, u64)>,
    nonces: Vec<(u64, String, u64, DateTime<Utc>)>,
    last_id: u64,
    budgets: BTreeMap<u64, (DateTime<Utc>, u32)>,
}

#[derive(Debug)]
struct Message {
    id: u64,
    channel: u64,
    author: Value,
    body: Value,
    attachments: Vec<Value>,
    media: Vec<SeenMedia>,
    reply_to: Option<u64>,
    flags: u64,
    at: DateTime<Utc>,
}

/// A refusal: the whole answer.
type Refused = Reply;

fn refuse(status: u16, code: u64, message: &str) -> Refused {
    Reply::json(status, &json!({"message": message, "code": code}))
}

fn unauthorized() -> Refused {
    refuse(401, 0, "401: Unauthorized")
}

impl Twin for Discord {
    fn hosts(&self) -> Vec<String> {
        vec!["discord.com".into()]
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        let agent = request.header("user-agent").unwrap_or_default();
        // webhooks take posts from anything
        if !agent.is_empty() && !agent.starts_with("DiscordBot (") && !request.path.contains("/webhooks/") {
            // Cloudflare's word, not Discord's
            return Reply::text(403, "error code: 1010");
        }
        let segments = request.segments();
        let [api, rest @ ..] = segments.as_slice() else { return refuse(404, 0, "404: Not Found") };
        let rest = match rest {
            [version, rest @ ..] if version.starts_with('v') => rest,
            rest => rest,
        };
        if *api != "api" {
            return refuse(404, 0, "404: Not Found");
        }
        let reply = match rest {
            ["webhooks", id, token, rest @ ..] => self.webhook(request, id, token, rest),
            rest => self.bot(request, rest),
        };
        let reply = reply.unwrap_or_else(|refused| refused);
        let bucket = rest.get(1).and_then(|id| id.parse().ok()).unwrap_or_default();
        self.count(bucket, reply)
    }

    fn limited(&self, seconds: u64) -> Reply {
        let body = json!({"message": "You are being rate limited.", "retry_after": seconds as f64, "global": false, "code": 0});
        Reply::json(429, &body)
            .header("retry-after", seconds.to_string())
            .header("x-ratelimit-limit", "5")
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-reset-after", format!("{seconds}.000"))
            .header("x-ratelimit-bucket", "80c17d2f203122d936070c88c8d10f33")
            .header("x-ratelimit-scope", "user")
    }

    fn expired(&self) -> Reply {
        unauthorized()
    }

    fn timeline(&self) -> Vec<Seen> {
        self.messages.iter().map(|message| self.seen(message)).collect()
    }
}

impl Discord {
    fn count(&mut self, bucket: u64, reply: Reply) -> Reply {
        let now = Utc::now();
        let (start, used) = self.budgets.entry(bucket).or_insert((now, 0));
        if now - *start >= WINDOW {
            (*start, *used) = (now, 0);
        }
        *used = (*used + 1).min(BUDGET);
        let reset = *start + WINDOW;
        reply
            .header("x-ratelimit-limit", BUDGET.to_string())
            .header("x-ratelimit-remaining", (BUDGET - *used).to_string())
            .header("x-ratelimit-reset", format!("{:.3}", reset.timestamp_millis() as f64 / 1000.0))
            .header("x-ratelimit-reset-after", format!("{:.3}", (reset - now).num_milliseconds() as f64 / 1000.0))
            .header("x-ratelimit-bucket", "80c17d2f203122d936070c88c8d10f33")
    }

    fn snowflake(&mut self, at: DateTime<Utc>) -> u64 {
        let id = ((at.timestamp_millis() - EPOCH).max(0) as u64) << 22;
        self.last_id = id.max(self.last_id + 1);
        self.last_id
    }

    fn webhook(&mut self, request: &Incoming, id: &str, token: &str, rest: &[&str]) -> Result<Reply, Refused> {
        let id = id.parse::<u64>().unwrap_or_default();
        let (channel, forum) = match (nth(HOOKS, id), nth(FORUM_HOOKS, id)) {
            (Some(n), _) => (TEXT + n, false),
            (_, Some(n)) => (FORUM + n, true),
            _ => return Err(refuse(404, 10015, "Unknown Webhook")),
        };
        if token != hook_token(id) {
            return Err(refuse(401, 50027, "Invalid Webhook Token"));
        }
        let thread = match request.query("thread_id") {
            None => None,
            Some(text) => {
                let thread = text.parse::<u64>().ok().filter(|id| self.threads.get(id).is_some_and(|of| of.1 == channel));
                Some(thread.ok_or_else(|| refuse(400, 10003, "Unknown Channel"))?)
            }
        };
        let place = thread.unwrap_or(channel);
        let author = json!({
            "id": id.to_string(),
            "username": format!("xpost twin {}", id % MANY),
            "avatar": null,
            "discriminator": "0000",
            "public_flags": 0,
            "flags": 0,
            "global_name": null,
            "primary_guild": null,
            "bot": true,
        });
        match (request.method.as_str(), rest) {
            ("GET", []) => Ok(Reply::json(
                200,
                &json!({
                    "application_id": null,
                    "avatar": null,
                    "channel_id": channel.to_string(),
                    "guild_id": GUILD,
                    "id": id.to_string(),
                    "name": author["username"],
                    "type": 1,
                    "token": token,
                    "url": format!("https://discord.com/api/webhooks/{id}/{token}"),
                }),
            )),
            ("POST", []) => {
                let (body, files) = twin_check::read(request);
                let mut author = author;
                if let Some(name) = body["username"].as_str() {
                    author["username"] = json!(name);
                }
                let name = body["thread_name"].as_str();
                if forum && thread.is_none() && name.is_none() {
                    return Err(refuse(400, 220_001, "Webhooks posted to forum channels must have a thread_name or thread_id"));
                }
                if !forum && name.is_some() {
                    return Err(refuse(400, 220_003, "Webhooks can only create threads in forum channels"));
                }
                twin_check::message(&body, &files, 2000)?;
                let at = Utc::now();
                let message_id = self.snowflake(at);
                let place = match name.filter(|_| thread.is_none()) {
                    Some(name) => {
                        self.threads.insert(message_id, (name.to_string(), channel));
                        message_id
                    }
                    None => place,
                };
                let mut shown = self.store(message_id, place, author, &body, &files, None, at);
                shown["webhook_id"] = json!(id.to_string());
                let wait = request.query("wait") == Some("true");
                Ok(if wait { Reply::json(200, &shown) } else { Reply::empty(204) })
            }
            (method, ["messages", message]) => self.one(method, place, message, &author["id"], request),
            _ => Err(refuse(405, 0, "405: Method Not Allowed")),
        }
    }

    fn bot(&mut self, request: &Incoming, path: &[&str]) -> Result<Reply, Refused> {
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bot ")).ok_or_else(unauthorized)?;
        let id = token.split('.').nth(2).and_then(|id| id.parse::<u64>().ok()).unwrap_or_default();
        let n = nth(USERS, id).filter(|_| token == bot_token(id)).ok_or_else(unauthorized)?;
        let user = json!({
            "id": id.to_string(),
            "username": format!("xpost-twin-{n}"),
            "avatar": null,
            "discriminator": "0001",
            "public_flags": 0,
            "flags": 0,
            "global_name": null,
            "primary_guild": null,
            "bot": true,
        });
        if path == ["users", "@me"] {
            let mut me = user;
            me["mfa_enabled"] = json!(false);
            me["locale"] = json!("en-US");
            return Ok(Reply::json(200, &me));
        }
        if request.method == "GET"
            && let Some(reply) = super::twin_guild::route(request, path, n, &user)
        {
            return Ok(reply);
        }
        let ["channels", place, rest @ ..] = path else { return Err(refuse(404, 0, "404: Not Found")) };
        let place = place.parse::<u64>().unwrap_or_default();
        let description = self.channel(place)?;
        match (request.method.as_str(), rest) {
            ("GET", []) => Ok(Reply::json(200, &description)),
            ("GET", ["messages"]) => {
                let number = |key: &str| request.query(key).and_then(|text| text.parse::<u64>().ok());
                let (limit, before) = (number("limit").unwrap_or(50).min(100), number("before").unwrap_or(u64::MAX));
                let page: Vec<Value> = self
                    .messages
                    .iter()
                    .rev()
                    .filter(|message| message.channel == place && message.id < before)
                    .take(limit as usize)
                    .map(|message| self.json(message))
                    .collect();
                Ok(Reply::json(200, &Value::Array(page)))
            }
            ("POST", ["messages"]) => self.create(request, place, id, user),
            ("POST", ["messages", message, "crosspost"]) => {
                if description["type"] != 5 {
                    return Err(refuse(400, 50024, "Cannot execute action on this channel type"));
                }
                let message = self.find(place, message)?;
                if message.flags & CROSSPOSTED != 0 {
                    return Err(refuse(400, 40033, "This message has already been crossposted"));
                }
                message.flags |= CROSSPOSTED;
                let id = message.id.to_string();
                self.one("GET", place, &id, &user["id"], request)
            }
            ("POST", ["messages", message, "threads"]) => {
                let body = request.json();
                let name = body["name"].as_str().unwrap_or_default().to_string();
                let mut problems = Problems::default();
                problems.length("name", &name, 1, 100);
                problems.done()?;
                let message = self.find(place, message)?;
                if message.flags & HAS_THREAD != 0 {
                    return Err(refuse(400, 160_004, "A thread has already been created for this message"));
                }
                message.flags |= HAS_THREAD;
                let id = message.id;
                self.threads.insert(id, (name, place));
                Ok(Reply::json(201, &self.channel(id)?))
            }
            (method, ["messages", message]) => self.one(method, place, message, &user["id"], request),
            _ => Err(refuse(405, 0, "405: Method Not Allowed")),
        }
    }

    /// A channel or thread as it describes itself.
    fn channel(&self, id: u64) -> Result<Value, Refused> {
        let last = self.messages.iter().rev().find(|message| message.channel == id).map(|message| message.id.to_string());
        if let Some((name, parent)) = self.threads.get(&id) {
            return Ok(json!({
                "id": id.to_string(),
                "type": 11,
                "flags": 0,
                "guild_id": GUILD,
                "name": name,
                "parent_id": parent.to_string(),
                "owner_id": USERS.to_string(),
                "last_message_id": last,
                "thread_metadata": {"archived": false, "archive_timestamp": null, "auto_archive_duration": 1440, "locked": false},
                "message_count": 0,
                "member_count": 1,
                "total_message_sent": 0,
            }));
        }
        let (kind, name) = match (nth(TEXT, id), nth(NEWS, id), nth(HIDDEN, id), nth(FORUM, id)) {
            (Some(n), ..) => (0, format!("twin-{n}")),
            (_, Some(n), ..) => (5, format!("twin-news-{n}")),
            (_, _, Some(_), _) => return Err(refuse(403, 50001, "Missing Access")),
            (.., Some(n)) => (15, format!("twin-forum-{n}")),
            _ => return Err(refuse(404, 10003, "Unknown Channel")),
        };
        Ok(json!({
            "id": id.to_string(),
            "type": kind,
            "flags": 0,
            "guild_id": GUILD,
            "name": name,
            "position": 0,
            "last_message_id": last,
        }))
    }

    fn create(&mut self, request: &Incoming, place: u64, bot: u64, author: Value) -> Result<Reply, Refused> {
        let (body, files) = twin_check::read(request);
        let at = Utc::now();
        self.nonces.retain(|(.., kept)| at - *kept < NONCE_LIFE);
        let nonce = match &body["nonce"] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            number => Some(number.to_string()),
        };
        twin_check::message(&body, &files, 2000)?;
        if body["enforce_nonce"] == true
            && let Some(known) = self.nonces.iter().find(|known| known.0 == bot && Some(&known.1) == nonce.as_ref())
            && let Some(message) = self.messages.iter().find(|message| message.id == known.2)
        {
            let mut shown = self.json(message);
            shown["nonce"] = body["nonce"].clone();
            return Ok(Reply::json(200, &shown));
        }
        let reference = &body["message_reference"];
        let reply_to = match reference["message_id"].as_str().map(|id| self.find(place, id).map(|message| message.id)) {
            None => None,
            Some(Ok(id)) => Some(id),
            Some(Err(_)) if reference["fail_if_not_exists"] == false => None,
            Some(Err(_)) => {
                let mut problems = Problems::default();
                problems.add("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message");
                return problems.done().map(|()| Reply::empty(500));
            }
        };
        let id = self.snowflake(at);
        let mut shown = self.store(id, place, author, &body, &files, reply_to, at);
        if let Some(nonce) = nonce {
            shown["nonce"] = body["nonce"].clone();
            self.nonces.push((bot, nonce, id, at));
        }
        Ok(Reply::json(200, &shown))
    }

    #[expect(clippy::too_many_arguments, reason = "a message has as many properties")]
    fn store(
        &mut self,
        id: u64,
        channel: u64,
        author: Value,
        body: &Value,
        files: &[twin_check::File],
        reply_to: Option<u64>,
        at: DateTime<Utc>,
    ) -> Value {
        let (mut attachments, mut media) = (Vec::new(), Vec::new());
        for (n, file) in files.iter().enumerate() {
            let said = body["attachments"].as_array().into_iter().flatten().find(|said| {
                said["id"].as_str().map_or_else(|| said["id"].as_u64(), |id| id.parse().ok()) == Some(file.index)
            });
            let alt = said.and_then(|said| said["description"].as_str()).unwrap_or_default();
            let url = format!("https://cdn.discordapp.com/attachments/{channel}/{id}/{}", file.name);
            let mut attachment = json!({
                "id": (id + n as u64).to_string(),
                "filename": file.name,
                "size": file.bytes,
                "content_type": file.mime,
                "url": url,
                "proxy_url": url,
            });
            if !alt.is_empty() {
                attachment["description"] = json!(alt);
            }
            attachments.push(attachment);
            media.push(SeenMedia { mime: file.mime.clone(), bytes: file.bytes, alt: alt.to_string() });
        }
        let flags = body["flags"].as_u64().unwrap_or_default();
        let message =
            Message { id, channel, author, body: body.clone(), attachments, media, reply_to, flags, at };
        let shown = self.json(&message);
        self.messages.push(message);
        shown
    }

    fn find(&mut self, channel: u64, id: &str) -> Result<&mut Message, Refused> {
        let id = id.parse::<u64>().unwrap_or_default();
        let mut all = self.messages.iter_mut();
        all.find(|message| message.channel == channel && message.id == id).ok_or_else(|| refuse(404, 10008, "Unknown Message"))
    }

    /// Reads, changes or takes away one message; only its author may.
    fn one(&mut self, method: &str, channel: u64, id: &str, author: &Value, request: &Incoming) -> Result<Reply, Refused> {
        let message = self.find(channel, id)?;
        if method != "GET" && message.author["id"] != *author {
            return Err(refuse(403, 50005, "Cannot edit a message authored by another user"));
        }
        match method {
            "GET" => {}
            "PATCH" => {
                let (body, files) = twin_check::read(request);
                let mut changed = message.body.clone();
                if let (Some(changed), Some(body)) = (changed.as_object_mut(), body.as_object()) {
                    // files that are there stay, unless the change lists those that do
                    changed.remove("attachments");
                    changed.extend(body.clone());
                }
                twin_check::message(&changed, &files, 2000)?;
                message.body = changed;
            }
            "DELETE" => {
                let id = message.id;
                self.messages.retain(|message| message.id != id);
                return Ok(Reply::empty(204));
            }
            _ => return Err(refuse(405, 0, "405: Method Not Allowed")),
        }
        let id = message.id;
        let found = self.messages.iter().find(|message| message.id == id);
        Ok(found.map_or_else(|| Reply::empty(500), |message| Reply::json(200, &self.json(message))))
    }

    /// As the API shows it. The nonce stands only in the answer to its creation.
    fn json(&self, message: &Message) -> Value {
        let mut shown = json!({
            "type": if message.reply_to.is_some() { 19 } else { 0 },
            "content": message.body["content"].as_str().unwrap_or_default().trim(),
            "mentions": [],
            "mention_roles": [],
            "attachments": message.attachments,
            "embeds": message.body.get("embeds").cloned().unwrap_or_else(|| json!([])),
            "timestamp": message.at.to_rfc3339(),
            "edited_timestamp": null,
            "flags": message.flags,
            "components": [],
            "id": message.id.to_string(),
            "channel_id": message.channel.to_string(),
            "author": message.author,
            "pinned": false,
            "mention_everyone": false,
            "tts": false,
        });
        if let Some(id) = message.reply_to {
            shown["message_reference"] =
                json!({"type": 0, "message_id": id.to_string(), "channel_id": message.channel.to_string(), "guild_id": GUILD});
        }
        if let Some(poll) = message.body.get("poll") {
            shown["poll"] = poll.clone();
            shown["poll"]["expiry"] = json!(null);
        }
        shown
    }

    fn seen(&self, message: &Message) -> Seen {
        let mut extra = json!({});
        for key in ["embeds", "poll", "allowed_mentions"] {
            if let Some(value) = message.body.get(key) {
                extra[key] = value.clone();
            }
        }
        if message.flags != 0 {
            extra["flags"] = json!(message.flags);
        }
        let place = self.channel(message.channel).unwrap_or_default();
        let marker = if place["type"] == 11 { "thread " } else { "#" };
        Seen {
            id: message.id.to_string(),
            account: format!("{marker}{}", place["name"].as_str().unwrap_or_default()),
            title: None,
            text: match message.body["content"].as_str() {
                Some(content) => twin_check::shown(content.trim()),
                None => message.body["poll"]["question"]["text"].as_str().unwrap_or_default().to_string(),
            },
            url: Some(format!("https://discord.com/channels/{GUILD}/{}/{}", message.channel, message.id)),
            reply_to: message.reply_to.map(|id| id.to_string()),
            media: message.media.clone(),
            at: Utc.timestamp_millis_opt(message.at.timestamp_millis()).single().unwrap_or(message.at),
            extra,
        }
    }
}

/// Which one of its kind this number is.
fn nth(base: u64, id: u64) -> Option<u64> {
    id.checked_sub(base).filter(|n| *n < MANY)
}
