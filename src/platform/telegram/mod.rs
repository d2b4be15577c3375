//! Telegram: a bot posts to a channel, a group or a forum topic.

mod api;
mod chats;
mod edit;
mod encode;
mod explain;
#[cfg(test)]
mod tests;
mod twin;

use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use self::api::{Chat, Member, Response, Sent, User, chat_of, message_at};
use super::{
    Ask, Card, Cx, Delete, Edit, Field, FieldKind, ImageRule, MediaRule, Piece, Platform, PollRule, Post, Profile, Receipt,
    Reference, Repeat, Server, Spec, Targets, TextRule, Title, TwinAccount, VideoRule, payload_error,
};
use crate::login::{Flow, Login, Secrets, Typed};
use crate::net::{Answer, Body, Fault, FilePart, Kind, Method, Request};
use crate::text::{Markup, Unit};
use crate::twin::Twin;

/// Telegram's Bot API.
#[derive(Debug)]
pub struct Network;

static SPEC: Spec = Spec {
    name: "telegram",
    title: "Telegram",
    about: "channels, groups and forum topics, through a bot",
    checked: "2026-11-21",
    sources: &[
        "https://core.telegram.org/bots/api (Bot API 10.3)",
        "https://core.telegram.org/bots/faq",
        "https://github.com/PaulSonOfLars/telegram-bot-api-spec (10.1)",
    ],
    server: Server::Default("https://api.telegram.org"),
    api: None,
    fields: &[
        Field {
            name: "token",
            kind: FieldKind::Secret,
            required: true,
            help: "the bot's token from @BotFather, such as `123456:ABC-DEF…`",
        },
        Field {
            name: "chat",
            kind: FieldKind::Text,
            required: false,
            help: "where to post: `@channel` or a numeric id, such as `-1001234567890`; left empty, you choose among the chats that the bot has seen",
        },
        Field {
            name: "topic",
            kind: FieldKind::Number,
            required: false,
            help: "the number of a forum topic; leave it empty for the whole chat",
        },
    ],
    options: &[
        Field {
            name: "preview",
            kind: FieldKind::Any,
            required: false,
            help: "link preview: `false`, `\"large\"`, `\"small\"` or `\"above\"` (or a list of these words)",
        },
        Field { name: "silent", kind: FieldKind::Bool, required: false, help: "post without a sound" },
        Field { name: "protect", kind: FieldKind::Bool, required: false, help: "forbid forwarding and saving" },
        Field { name: "topic", kind: FieldKind::Number, required: false, help: "the number of a forum topic" },
        Field {
            name: "document",
            kind: FieldKind::Bool,
            required: false,
            help: "send media as files, as they are, instead of as photos and videos",
        },
    ],
    text: TextRule {
        markup: Markup::Entities,
        // the server counts characters; UTF-16 units are never fewer, and are what its entities are measured in
        unit: Unit::Utf16,
        max: Some(4096),
        also: None,
        caption: Some(1024),
        optional: true,
    },
    title_rule: Title::Line,
    native_tags: false,
    native_link: false,
    media: MediaRule {
        max: 10,
        image: Some(ImageRule {
            max: 10,
            bytes: 10 * 1024 * 1024,
            pixels: None,
            // width and height together may be 10,000
            side: Some(5000),
            mimes: &["image/jpeg", "image/png", "image/webp", "image/gif"],
        }),
        video: Some(VideoRule { max: 10, bytes: 50 * 1024 * 1024, mimes: &["video/mp4"] }),
        file: None,
        mixed: true,
        alt: None,
        required: false,
    },
    poll: Some(PollRule { options: (2, 12), option: 100, seconds: (5, 2_628_000), with_media: false }),
    threads: true,
    replies: true,
    quotes: false,
    warnings: false,
    languages: false,
    visibility: &[],
    location: false,
    comments: None,
    card: Card::Network,
    // no key, and no way for a bot to read a channel's history
    repeat: Repeat::Never,
    // one message a second in one chat; short bursts pass, but are paid for with a 429 of many seconds
    pace: Duration::from_secs(1),
    document: Some("telegram"),
};

const LOGINS: &[Login] = &[Login {
    name: "bot",
    about: "a bot of your own, made with @BotFather",
    flow: Flow::Typed(Typed { warning: None, check: Some(whole_token) }),
    keeps: &["token"],
    asks: &["token", "chat", "topic"],
    page: Some("https://t.me/BotFather"),
}];

/// Looks at a token before anything is sent with it.
fn whole_token(secrets: &Secrets) -> Result<(), String> {
    let token = secrets.get("token").map(|token| token.expose_secret().trim()).unwrap_or_default();
    if shaped(token) { Ok(()) } else { Err("the token has the wrong shape; copy it whole from @BotFather".into()) }
}

/// Digits, a colon, and letters, digits, `_` or `-`: anything else would turn into another path, or another host's.
fn shaped(token: &str) -> bool {
    token.split_once(':').is_some_and(|(id, rest)| {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        !id.is_empty() && !rest.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) && rest.chars().all(word)
    })
}

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        encode::encode(ask, piece)
    }

    /// Media go with the message itself (the Bot API has no upload of its own), so there is nothing to prepare.
    async fn publish(&self, cx: &Cx<'_>, post: &Post, _ready: &Value) -> Result<Receipt, Fault> {
        let planned = |what: &str| Fault::local(format!("the planned request has no `{what}`"));
        let method = post.payload["method"].as_str().ok_or_else(|| planned("method"))?;
        let mut params = post.payload["params"].as_object().cloned().ok_or_else(|| planned("params"))?;
        // the account's word of today, should the group have moved since the plan was made
        params.insert("chat_id".into(), chat(cx)?);
        if let Some(reply) = reply(cx, post)? {
            params.insert("reply_parameters".into(), reply);
        }
        let files: Vec<&str> =
            post.payload["files"].as_array().map_or_else(Vec::new, |names| names.iter().filter_map(Value::as_str).collect());
        let request = request(cx, Method::POST, method)?;
        let request = match files.as_slice() {
            [] => request.json(Value::Object(params)),
            names => request.body(multipart(params, names, post)?),
        };
        let answer = cx.call(request).await?;
        let messages = answer.json::<Response<Sent>>()?.result.messages();
        let first = messages.first().ok_or_else(|| payload_error(&answer, "message_id"))?;
        let ids: Vec<i64> = messages.iter().map(|message| message.message_id).collect();
        Ok(Receipt::new(first.message_id.to_string(), first.url())
            .extra(json!({"chat_id": first.chat.id, "message_ids": ids})))
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        let (bot, chat) = facts(cx).await?;
        // a login that has no chat yet: it is the bot itself
        let Some(chat) = chat else {
            let url = bot.username.as_ref().map(|name| format!("https://t.me/{name}"));
            return Ok(Profile { id: bot.id.to_string(), handle: bot.handle(), url });
        };
        let request = request(cx, Method::GET, "getChatMember")?;
        let request = request.query("chat_id", chat.id.to_string()).query("user_id", bot.id.to_string());
        let member = cx.call(request).await?.json::<Response<Member>>()?.result;
        if !may_post(&member, &chat) {
            let why = explain::no_right(&bot.handle());
            return Err(Fault::new(Kind::Forbidden, format!("`{}`: {why}", chat.handle())));
        }
        Ok(Profile { id: chat.id.to_string(), handle: chat.handle(), url: chat.url() })
    }

    async fn discover(&self, cx: &Cx<'_>) -> Result<Value, Fault> {
        let (bot, chat) = facts(cx).await?;
        let Some(chat) = chat else { return Ok(json!({"bot": bot.username})) };
        Ok(json!({
            "bot": bot.username,
            "chat_id": chat.id,
            "type": chat.kind,
            "title": chat.title,
            "username": chat.username,
            "is_forum": chat.is_forum,
        }))
    }

    fn explain(&self, answer: &Answer) -> Option<Fault> {
        explain::explain(answer)
    }

    fn logins(&self) -> &'static [Login] {
        LOGINS
    }

    fn targets(&self) -> Option<&dyn Targets> {
        Some(self)
    }

    fn delete(&self) -> Option<&dyn Delete> {
        Some(self)
    }

    fn edit(&self) -> Option<&dyn Edit> {
        Some(self)
    }

    fn twin(&self) -> Box<dyn Twin> {
        Box::new(twin::Telegram::default())
    }

    fn twin_account(&self, n: usize, _home: &std::path::Path) -> TwinAccount {
        TwinAccount {
            server: "https://api.telegram.org".into(),
            settings: json!({"chat": twin::channel(n)}),
            secrets: [("token".to_string(), SecretString::from(twin::token(n)))].into(),
        }
    }

    fn setup(&self) -> &'static str {
        include_str!("setup.md")
    }
}

#[async_trait]
impl Delete for Network {
    async fn delete(&self, cx: &Cx<'_>, receipt: &Receipt) -> Result<(), Fault> {
        let chat_id = match &receipt.extra["chat_id"] {
            Value::Null => chat(cx)?,
            id => id.clone(),
        };
        let ids: Vec<i64> = match receipt.extra["message_ids"].as_array() {
            Some(ids) => ids.iter().filter_map(Value::as_i64).collect(),
            None => vec![message_id(receipt)?],
        };
        let request = match ids.as_slice() {
            [id] => request(cx, Method::POST, "deleteMessage")?.json(json!({"chat_id": chat_id, "message_id": id})),
            ids => request(cx, Method::POST, "deleteMessages")?.json(json!({"chat_id": chat_id, "message_ids": ids})),
        };
        match cx.call(request).await {
            Err(fault) if fault.status == Some(400) && fault.message.contains("message to delete not found") => Ok(()),
            result => result.map(drop),
        }
    }
}

/// A request to one method, the token in its path.
fn request(cx: &Cx<'_>, http: Method, method: &str) -> Result<Request, Fault> {
    let token = cx.secret("token")?;
    let token = token.expose_secret().trim();
    if !shaped(token) {
        let name = &cx.account.name;
        return Err(Fault::new(
            Kind::Auth,
            format!("the token of account `{name}` has the wrong shape; copy it whole from @BotFather and run `xpost account add` again"),
        ));
    }
    let server = if cx.account.server.is_empty() { "https://api.telegram.org" } else { &cx.account.server };
    let url = format!("{server}/bot{{secret}}/{method}");
    Ok(Request::new(http, url).secret_path(&SecretString::from(token.to_string())))
}

fn chat(cx: &Cx<'_>) -> Result<Value, Fault> {
    chat_of(cx.account).map_err(Fault::local)
}

/// Whether the bot can post to a chat in which it has this place.
fn may_post(member: &Member, chat: &Chat) -> bool {
    match (member.status.as_str(), chat.kind.as_str()) {
        ("creator", _) => true,
        ("administrator", "channel") => member.can_post_messages != Some(false),
        ("administrator", _) => true,
        ("member", kind) => kind != "channel",
        ("restricted", _) => member.can_send_messages == Some(true),
        _ => false,
    }
}

/// Whether the account names a chat.
fn named(cx: &Cx<'_>) -> bool {
    matches!(cx.account.settings.get("chat"), Some(Value::Number(_))) || !cx.account.setting("chat").trim().is_empty()
}

/// The bot and the chat that it posts to, if the account names one.
async fn facts(cx: &Cx<'_>) -> Result<(User, Option<Chat>), Fault> {
    let bot = cx.call(request(cx, Method::GET, "getMe")?).await?.json::<Response<User>>()?.result;
    if !named(cx) {
        return Ok((bot, None));
    }
    let id = match chat(cx)? {
        Value::String(name) => name,
        id => id.to_string(),
    };
    let answer = cx.call(request(cx, Method::GET, "getChat")?.query("chat_id", id)).await?;
    Ok((bot, Some(answer.json::<Response<Chat>>()?.result)))
}

/// What the part replies to: the part before it, or what the draft names.
fn reply(cx: &Cx<'_>, post: &Post) -> Result<Option<Value>, Fault> {
    if let Some(parent) = &post.parent {
        // a person who said that it was posted may have named its address, or not even that: the thread goes on all the same
        if parent.id.is_empty() {
            let id = parent.url.as_deref().and_then(|url| message_at(url).ok()).map(|(_, id)| id);
            return Ok(id.map(|id| json!({"message_id": id, "allow_sending_without_reply": true})));
        }
        // a thread whose earlier part was taken back meanwhile still goes on
        return Ok(Some(json!({"message_id": message_id(parent)?, "allow_sending_without_reply": true})));
    }
    match &post.reply_to {
        None => Ok(None),
        Some(Reference::Ours(receipt)) => Ok(Some(json!({"message_id": message_id(receipt)?}))),
        Some(Reference::Url(url)) => {
            let (there, id) = message_at(url).map_err(Fault::local)?;
            let same = there == chat(cx)? || there == cx.account.about["chat_id"];
            Ok(Some(if same { json!({"message_id": id}) } else { json!({"message_id": id, "chat_id": there}) }))
        }
    }
}

fn message_id(receipt: &Receipt) -> Result<i64, Fault> {
    receipt.id.parse().map_err(|_| Fault::local(format!("`{}` is not the id of a Telegram message", receipt.id)))
}

/// The parameters as form fields, and the files by the names that the plan gave them.
fn multipart(params: Map<String, Value>, names: &[&str], post: &Post) -> Result<Body, Fault> {
    if names.len() != post.media.len() {
        return Err(Fault::local(format!("the plan names {} files and {} are there", names.len(), post.media.len())));
    }
    let fields = params
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => (name, text),
            value => (name, value.to_string()),
        })
        .collect();
    let files = names
        .iter()
        .zip(&post.media)
        .map(|(name, used)| {
            let media = &used.media;
            let part = FilePart {
                path: media.path.clone(),
                name: media.name.clone(),
                mime: media.mime.clone(),
                bytes: media.bytes,
            };
            (name.to_string(), part)
        })
        .collect();
    Ok(Body::Multipart(fields, files))
}
