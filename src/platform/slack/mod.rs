//! Slack: an app posts to a channel with its bot's token, or by an incoming webhook.
//!
//! Nothing at Slack recognises a repeat. What a bot posts carries the part's key in its metadata, and its files tell where they were
//! shared, so both can be found again. With a webhook nothing can be read back: at most once.
//!
//! Files become a message by one request, `files.completeUploadExternal`; all that comes before is seen by nobody. Its answer seldom
//! says which message it became, and Slack may take seconds to know: what needs the message later (a reply, an edit) asks then.

mod api;
mod blocks;
mod change;
mod channels;
mod encode;
mod explain;
mod find;
mod login;
#[cfg(test)]
mod tests;
mod twin;
mod twin_check;
mod twin_files;
mod twin_oauth;
mod upload;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::api::{Channel, HOOKS, Hook, Landed, Me, address, is_channel, is_ts, landed, message_at};
use super::upload::{Stage, State, run};
use super::hooked::{self, Mode};
use super::{
    AccountInfo, Ask, Card, Cx, Delete, Edit, Field, FieldKind, FileRule, Find, ImageRule, Limits, MediaRule, Piece,
    Platform, Post, Profile, Ready, Receipt, Reference, Repeat, Server, Spec, Targets, TextRule, Title, TwinAccount,
    VideoRule, filled, payload_error,
};
use crate::login::Login;
use crate::net::{Answer, Fault, Kind, Method, Request};
use crate::text::{Markup, Unit};
use crate::twin::Twin;

/// Slack.
#[derive(Debug)]
pub struct Network;

/// The type of the metadata that our messages carry.
const EVENT: &str = "xpost";
/// Slack is asked where a file landed this often, and so many times.
const PAUSE: TimeDelta = TimeDelta::milliseconds(1500);
const ASKS: u32 = 40;
/// A file that was sent is counted on for so long.
const KEPT: TimeDelta = TimeDelta::minutes(30);
const GIGABYTE: u64 = 1_000_000_000;

/// <https://docs.slack.dev/reference/methods>, 2026-11-22.
static SPEC: Spec = Spec {
    name: "slack",
    title: "Slack",
    about: "channels and threads of a workspace, through an app's bot or a webhook",
    checked: "2026-11-22",
    sources: &[
        "https://docs.slack.dev/reference/methods: chat, conversations, files, oauth; rate limits; Block Kit",
        "https://github.com/slackapi/node-slack-sdk (2026-08-21)",
    ],
    server: Server::Default("https://slack.com"),
    fields: &[
        Field {
            name: "mode",
            kind: FieldKind::Choice(&["webhook", "bot"]),
            required: false,
            help: "`webhook` or `bot`; left empty, an account with a `channel` is a bot's",
        },
        Field {
            name: "token",
            kind: FieldKind::Secret,
            required: false,
            help: "the Bot User OAuth Token, `xoxb-…`; leave it empty for a webhook",
        },
        Field {
            name: "webhook",
            kind: FieldKind::Secret,
            required: false,
            help: "the webhook's address, `https://hooks.slack.com/services/…`; leave it empty for a bot",
        },
        Field {
            name: "channel",
            kind: FieldKind::Text,
            required: false,
            help: "the id of the channel that the bot posts to, `C0123456789`; left empty, you choose among the channels",
        },
        Field { name: "username", kind: FieldKind::Text, required: false, help: "another name for the bot's posts" },
        Field {
            name: "icon_url",
            kind: FieldKind::Text,
            required: false,
            help: "the address of another picture for the bot's posts",
        },
        Field {
            name: "icon_emoji",
            kind: FieldKind::Text,
            required: false,
            help: "an emoji as the picture of the bot's posts, `:crab:`",
        },
    ],
    options: &[
        Field {
            name: "blocks",
            kind: FieldKind::Any,
            required: false,
            help: "`true` for Block Kit made of the draft's title and text; or a list of blocks, which the text then stands in for in notifications",
        },
        Field {
            name: "mention",
            kind: FieldKind::List,
            required: false,
            help: "who is called: `here`, `channel`, `everyone`, `U…` (a member), `S…` (a group); nobody if left out",
        },
        Field { name: "unfurl_links", kind: FieldKind::Bool, required: false, help: "`false`: no previews of pages" },
        Field {
            name: "unfurl_media",
            kind: FieldKind::Bool,
            required: false,
            help: "`false`: no previews of pictures and films that are linked",
        },
        Field {
            name: "broadcast",
            kind: FieldKind::Bool,
            required: false,
            help: "replies are shown in the channel as well (bot)",
        },
        Field {
            name: "publish_at",
            kind: FieldKind::Text,
            required: false,
            help: "Slack shows it then, at most 120 days ahead: `2026-12-01 09:00` (bot; one post without files)",
        },
        Field { name: "username", kind: FieldKind::Text, required: false, help: "another name for this post (bot)" },
        Field {
            name: "icon_url",
            kind: FieldKind::Text,
            required: false,
            help: "the address of another picture for this post (bot)",
        },
        Field {
            name: "icon_emoji",
            kind: FieldKind::Text,
            required: false,
            help: "an emoji as its picture, `:crab:` (bot)",
        },
    ],
    text: TextRule {
        markup: Markup::Mrkdwn,
        unit: Unit::Scalars,
        // what Slack recommends, and beyond which it may part a message; it cuts at 40,000. The account's `max_text` says otherwise
        max: Some(4000),
        also: None,
        caption: None,
        optional: true,
    },
    title_rule: Title::Line,
    media: MediaRule {
        // the number of files that one message may hold is not documented; ten is what Slack's own programs take
        max: 10,
        image: Some(ImageRule {
            max: 10,
            bytes: GIGABYTE,
            pixels: None,
            side: None,
            mimes: &["image/png", "image/jpeg", "image/gif", "image/webp"],
        }),
        video: Some(VideoRule { max: 10, bytes: GIGABYTE, mimes: &["video/mp4", "video/quicktime", "video/webm"] }),
        file: Some(FileRule {
            max: 10,
            bytes: GIGABYTE,
            mimes: &[
                "application/pdf",
                "audio/mpeg",
                "audio/mp4",
                "audio/wav",
                "audio/ogg",
                "audio/flac",
                "audio/aac",
                "audio/webm",
            ],
            mixed: true,
        }),
        mixed: true,
        alt: Some((Unit::Scalars, 1000)),
        required: false,
    },
    threads: true,
    replies: true,
    card: Card::Network,
    // a webhook's is never, see `repeat`
    repeat: Repeat::Find,
    // one message a second in each channel
    pace: Duration::from_secs(1),
    document: Some("slack"),
    ..Spec::PLAIN
};

fn mode(account: &AccountInfo) -> Mode {
    hooked::mode(account, "user_id")
}

fn kind(cx: &Cx<'_>) -> Mode {
    hooked::mode_held(cx, "user_id")
}

/// What `prepare` has finished.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Done {
    /// The workspace's address.
    url: Option<String>,
    /// The first message of the thread that the part goes into.
    thread_ts: Option<String>,
    files: Vec<State>,
    /// When the first file was sent. Slack forgets what is not completed, and does not say when.
    began: Option<DateTime<Utc>>,
    /// How often Slack was asked where an earlier part landed.
    asked: u32,
}

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// A webhook takes no files.
    fn limits(&self, about: &Value) -> Limits {
        let limits = Limits::of(&SPEC);
        if about["webhook"] == true { Limits { media: 0, images: 0, videos: 0, files: 0, ..limits } } else { limits }
    }

    fn repeat(&self, account: &AccountInfo) -> Repeat {
        match mode(account) {
            Mode::Token => Repeat::Find,
            Mode::Webhook => Repeat::Never,
        }
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        encode::encode(ask, piece)
    }

    async fn prepare(&self, cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
        if kind(cx) == Mode::Webhook {
            return Ok(Ready::Now(Value::Null));
        }
        let mut done: Done = serde_json::from_value(post.state.clone()).unwrap_or_default();
        if done.url.is_none() {
            done.url = Some(workspace(cx, &Value::Null).await?);
        }
        if done.thread_ts.is_none() {
            match thread(cx, post).await? {
                Thread::None => {}
                Thread::At(ts) => done.thread_ts = Some(ts),
                Thread::Unknown if done.asked < ASKS => {
                    done.asked += 1;
                    let state = serde_json::to_value(&done).map_err(|error| Fault::local(error.to_string()))?;
                    return Ok(Ready::Later { state, at: Utc::now() + PAUSE });
                }
                Thread::Unknown => {
                    let why = "Slack does not tell which message the files of the first part have become, so nothing can reply to it";
                    return Err(Fault::new(Kind::Unavailable, why));
                }
            }
        }
        if done.began.is_some_and(|began| Utc::now() - began > KEPT) {
            (done.files, done.began) = (Vec::new(), None);
        }
        let began = *done.began.get_or_insert_with(Utc::now);
        let mut ids = Vec::new();
        done.files.resize_with(post.media.len(), State::default);
        for (n, used) in post.media.iter().enumerate() {
            let mut state = done.files[n].clone();
            let keep = |state: &State| {
                let mut files = done.files.clone();
                files[n] = state.clone();
                json!({"url": done.url, "thread_ts": done.thread_ts, "files": files, "began": began})
            };
            match run(cx, &upload::File::new(used), &used.media, &mut state, &keep).await? {
                Stage::There(id) => ids.push(id),
                // it never says so
                Stage::Busy(at) => return Ok(Ready::Later { state: keep(&state), at }),
            }
            done.files[n] = state;
        }
        Ok(Ready::Now(json!({"url": done.url, "thread_ts": done.thread_ts, "files": ids})))
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Receipt, Fault> {
        let planned = |what: &str| Fault::local(format!("the planned request has no `{what}`"));
        let method = post.payload["method"].as_str().ok_or_else(|| planned("method"))?;
        let mut body = post.payload["body"].clone();
        if !body.is_object() {
            return Err(planned("body"));
        }
        if kind(cx) == Mode::Webhook {
            return by_webhook(cx, post, body).await;
        }
        let (channel, base) = (channel(cx)?, ready["url"].as_str().unwrap_or_default());
        let thread = ready["thread_ts"].as_str();
        if let Some(thread) = thread {
            body["thread_ts"] = json!(thread);
        }
        if method == "files.completeUploadExternal" {
            return share(cx, post, ready, body).await;
        }
        body["channel"] = json!(channel);
        let at = body["post_at"].as_i64();
        if at.is_none() {
            // a message that waits and has metadata is never posted (documented)
            body["metadata"] = json!({"event_type": EVENT, "event_payload": {"key": post.uuid()}});
        }
        let answer = cx.call(request(cx, Method::POST, method)?.json(body)).await?;
        let value: Value = answer.json()?;
        if let Some(at) = at {
            let id =
                value["scheduled_message_id"].as_str().ok_or_else(|| payload_error(&answer, "scheduled_message_id"))?;
            return Ok(scheduled_receipt(id, &channel, at));
        }
        let ts = value["ts"].as_str().filter(|ts| is_ts(ts)).ok_or_else(|| payload_error(&answer, "ts"))?;
        Ok(message_receipt(base, &channel, ts, thread))
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        if kind(cx) == Mode::Webhook {
            // no request would be harmless, so this checks only what can be checked here
            let hook = hook(cx)?;
            return Ok(Profile {
                id: format!("{}/{}", hook.team, hook.id),
                handle: format!("webhook {}", hook.id),
                url: None,
            });
        }
        let (me, _) = me(cx).await?;
        if cx.account.filled("channel").is_none() {
            return Ok(Profile { id: me.user_id, handle: format!("@{} in {}", me.user, me.team), url: Some(me.url) });
        }
        let id = channel(cx)?;
        let handle = named(cx, &id).await?.map_or_else(|| id.clone(), |name| format!("#{name}"));
        Ok(Profile { url: Some(format!("{}/archives/{id}", me.url.trim_end_matches('/'))), id, handle })
    }

    async fn discover(&self, cx: &Cx<'_>) -> Result<Value, Fault> {
        if kind(cx) == Mode::Webhook {
            hook(cx)?;
            return Ok(json!({"webhook": true}));
        }
        let (me, granted) = me(cx).await?;
        let mut about = json!({
            "url": me.url,
            "team": me.team,
            "team_id": me.team_id,
            "user": me.user,
            "user_id": me.user_id,
            "bot_id": me.bot_id,
        });
        if let Some(granted) = granted {
            about["scopes"] = json!(granted);
        }
        Ok(about)
    }

    fn explain(&self, answer: &Answer) -> Option<Fault> {
        explain::explain(answer)
    }

    fn logins(&self) -> &'static [Login] {
        login::LOGINS
    }

    fn hosts(&self, cx: &Cx<'_>) -> Vec<String> {
        // of its secrets only the webhook's address leads there
        if kind(cx) == Mode::Webhook { HOOKS.map(str::to_string).to_vec() } else { Vec::new() }
    }

    fn targets(&self) -> Option<&dyn Targets> {
        Some(self)
    }

    fn find(&self) -> Option<&dyn Find> {
        Some(self)
    }

    fn delete(&self) -> Option<&dyn Delete> {
        Some(self)
    }

    fn edit(&self) -> Option<&dyn Edit> {
        Some(self)
    }

    fn twin(&self) -> Box<dyn Twin> {
        Box::new(twin::Slack::default())
    }

    /// Even numbers are bots, odd ones webhooks, so that both ways are tried. The bot is the first, because a webhook can neither
    /// reply nor read.
    fn twin_account(&self, n: usize, _home: &std::path::Path) -> TwinAccount {
        let (settings, secret) = if n.is_multiple_of(2) {
            (json!({"channel": twin::channel(n)}), ("token", twin::token(n)))
        } else {
            (json!({}), ("webhook", twin::webhook_url(n)))
        };
        TwinAccount {
            server: "https://slack.com".into(),
            settings,
            secrets: [(secret.0.to_string(), SecretString::from(secret.1))].into(),
        }
    }

    fn setup(&self) -> &'static str {
        include_str!("setup.md")
    }
}

/// Posts by a webhook, which answers `ok` and nothing else.
async fn by_webhook(cx: &Cx<'_>, post: &Post, body: Value) -> Result<Receipt, Fault> {
    let hook = hook(cx)?;
    let request = Request::post(format!("{}/{{secret}}", hook.origin)).secret_path(&hook.path).json(body);
    let answer = cx.call(request).await?;
    if answer.body.trim_ascii() != b"ok" {
        let mut fault = Fault::unreadable(format!("{} answered {}", answer.asked, answer.reason()));
        fault.status = Some(answer.status);
        return Err(fault);
    }
    Ok(Receipt::new(post.uuid(), None).extra(json!({"webhook": hook.id})))
}

/// Makes a message of files that are there. What is asked afterwards only tells where it is; without it the receipt names the files.
async fn share(cx: &Cx<'_>, post: &Post, ready: &Value, mut body: Value) -> Result<Receipt, Fault> {
    let ids = ready["files"].as_array().filter(|ids| ids.len() == post.media.len() && !ids.is_empty());
    let ids = ids.ok_or_else(|| Fault::local("the files of this part were not uploaded"))?;
    let files: Vec<Value> =
        ids.iter().zip(&post.media).map(|(id, used)| json!({"id": id, "title": used.media.name})).collect();
    body["channel_id"] = json!(channel(cx)?);
    body["files"] = json!(files);
    let answer = cx.call(request(cx, Method::POST, "files.completeUploadExternal")?.json(body)).await?;
    let value: Value = answer.json()?;
    if value["ok"] != true {
        return Err(payload_error(&answer, "ok"));
    }
    let object = &value["files"][0];
    if landed(object, &channel(cx)?).is_some() {
        return file_receipt(cx, ready, object);
    }
    // the post is there, whatever comes of this question
    match file(cx, ids[0].as_str().unwrap_or_default()).await {
        Ok(object) => file_receipt(cx, ready, &object),
        Err(fault) => {
            tracing::debug!(account = cx.account.name, "where the files landed is not known: {}", fault.message);
            file_receipt(cx, ready, object)
        }
    }
}

fn message_receipt(base: &str, channel: &str, ts: &str, thread: Option<&str>) -> Receipt {
    let mut extra = json!({"channel": channel});
    if let Some(thread) = thread {
        extra["thread_ts"] = json!(thread);
    }
    let url = (!base.is_empty()).then(|| address(base, channel, ts, thread));
    Receipt::new(ts, url).extra(extra)
}

fn scheduled_receipt(id: &str, channel: &str, at: i64) -> Receipt {
    Receipt::new(id, None).extra(json!({"channel": channel, "post_at": at}))
}

/// The receipt of shared files: the message where Slack tells it, else the first file.
fn file_receipt(cx: &Cx<'_>, ready: &Value, object: &Value) -> Result<Receipt, Fault> {
    let (channel, base) = (channel(cx)?, ready["url"].as_str().unwrap_or_default());
    let thread = ready["thread_ts"].as_str();
    let mut receipt = match landed(object, &channel) {
        Some(Landed { ts, thread_ts }) => message_receipt(base, &channel, &ts, thread.or(thread_ts.as_deref())),
        None => {
            let id = ready["files"][0].as_str().unwrap_or_default();
            Receipt { id: id.into(), url: filled(&object["permalink"]), ..message_receipt("", &channel, "", thread) }
        }
    };
    receipt.extra["files"] = ready["files"].clone();
    Ok(receipt)
}

/// The thread that a part goes into.
enum Thread {
    None,
    At(String),
    /// Slack does not tell yet.
    Unknown,
}

async fn thread(cx: &Cx<'_>, post: &Post) -> Result<Thread, Fault> {
    let receipt = match (&post.root, &post.reply_to) {
        (Some(root), _) => root,
        (None, Some(Reference::Ours(receipt))) => receipt,
        (None, Some(Reference::Url(url))) => return above(url).map_err(Fault::local),
        (None, None) => return Ok(Thread::None),
    };
    if let Some(thread) = receipt.extra["thread_ts"].as_str() {
        return Ok(Thread::At(thread.to_string()));
    }
    if is_ts(&receipt.id) {
        return Ok(Thread::At(receipt.id.clone()));
    }
    if receipt.extra["files"].is_array() {
        let landed = find::whereabouts(cx, receipt).await?;
        return Ok(landed.map_or(Thread::Unknown, |landed| Thread::At(landed.thread_ts.unwrap_or(landed.ts))));
    }
    // a person who said that it was posted may have named its address, or not even that
    Ok(receipt.url.as_deref().and_then(|url| above(url).ok()).unwrap_or(Thread::None))
}

/// The thread of the message at this address.
fn above(url: &str) -> Result<Thread, String> {
    message_at(url).map(|(_, ts, thread)| Thread::At(thread.unwrap_or(ts)))
}

/// The account's channel.
fn channel(cx: &Cx<'_>) -> Result<String, Fault> {
    let channel = cx.account.filled("channel").unwrap_or_default();
    if is_channel(&channel) {
        return Ok(channel);
    }
    let name = &cx.account.name;
    Err(Fault::local(format!(
        "the `channel` of account `{name}` is the id of a channel, such as `C0123456789`, not `{channel}`; choose one with `xpost account targets {name}`"
    )))
}

/// The channel where a post of ours stands.
fn home(cx: &Cx<'_>, receipt: &Receipt) -> Result<String, Fault> {
    receipt.extra["channel"].as_str().map_or_else(|| channel(cx), |channel| Ok(channel.to_string()))
}

/// Whose token it is, and what it may do where Slack tells.
async fn me(cx: &Cx<'_>) -> Result<(Me, Option<Vec<String>>), Fault> {
    let answer = cx.call(request(cx, Method::GET, "auth.test")?).await?;
    Ok((answer.json()?, scopes(&answer)))
}

/// What Slack says of the token's permissions with each answer.
fn scopes(answer: &Answer) -> Option<Vec<String>> {
    let list = answer.header("x-oauth-scopes")?;
    Some(list.split(',').map(str::trim).filter(|scope| !scope.is_empty()).map(str::to_string).collect())
}

/// The workspace's address: known already, or asked for.
async fn workspace(cx: &Cx<'_>, ready: &Value) -> Result<String, Fault> {
    match ready["url"].as_str().or_else(|| cx.account.about["url"].as_str()) {
        Some(url) => Ok(url.to_string()),
        None => Ok(me(cx).await?.0.url),
    }
}

/// A channel's name; `None` where the app may not ask.
async fn named(cx: &Cx<'_>, id: &str) -> Result<Option<String>, Fault> {
    let asked = request(cx, Method::GET, "conversations.info")?.query("channel", id);
    match cx.call(asked).await {
        Ok(answer) => {
            let channel: Channel = serde_json::from_value(answer.value()["channel"].clone())
                .map_err(|_| payload_error(&answer, "channel"))?;
            if channel.is_archived {
                return Err(Fault::new(Kind::Forbidden, format!("the channel `{id}` is archived")).code("is_archived"));
            }
            Ok(channel.name)
        }
        Err(fault) if fault.code.as_deref() == Some("missing_scope") => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// What Slack says of a file.
async fn file(cx: &Cx<'_>, id: &str) -> Result<Value, Fault> {
    let answer = cx.call(request(cx, Method::GET, "files.info")?.query("file", id)).await?;
    let object = answer.value()["file"].clone();
    if object.is_object() { Ok(object) } else { Err(payload_error(&answer, "file")) }
}

/// A request to one method, as the bot.
fn request(cx: &Cx<'_>, http: Method, method: &str) -> Result<Request, Fault> {
    let token = cx.secret("token")?;
    let token = SecretString::from(token.expose_secret().trim());
    let server = if cx.account.server.is_empty() { "https://slack.com" } else { &cx.account.server };
    Ok(Request::new(http, format!("{server}/api/{method}")).bearer(&token))
}

/// The account's webhook.
fn hook(cx: &Cx<'_>) -> Result<Hook, Fault> {
    let hook = api::hook(&cx.secret("webhook")?, &cx.account.server).map_err(|why| {
        Fault::new(
            Kind::Auth,
            format!("the `webhook` of account `{}`: {why}; then run `xpost account add` again", cx.account.name),
        )
    })?;
    // the last piece is the secret, whatever stands before it
    if let Some((_, token)) = hook.path.expose_secret().rsplit_once('/') {
        cx.door.redactor().learn(&SecretString::from(token));
    }
    Ok(hook)
}
