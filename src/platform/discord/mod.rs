//! Discord: a webhook or a bot posts to a channel or a thread.
//!
//! With a webhook nothing recognises a repeat and nothing can be read back: at most once. A bot sends a nonce that Discord remembers for a few
//! minutes, and can read the channel.

mod api;
mod channels;
mod edit;
mod encode;
mod explain;
mod find;
#[cfg(test)]
mod tests;
mod twin;
mod twin_check;
mod twin_guild;

use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use self::api::{Channel, Message, User, Webhook, is_id, message_at, webhook_secret};
use super::hooked::{self, Mode};
use super::{
    AccountInfo, Ask, Card, Cx, Delete, Edit, Field, FieldKind, Find, ImageRule, MediaRule, Piece, Platform, PollRule, Post,
    Profile, Ready, Receipt, Reference, Rendered, Repeat, Server, Spec, Targets, TextRule, Title, TwinAccount,
    VideoRule, standard,
};
use crate::login::{Flow, Login, Secrets, Typed};
use crate::net::{Answer, Body, Fault, FilePart, Kind, Method, Request};
use crate::text::{Markup, Unit};
use crate::twin::Twin;

/// Discord.
#[derive(Debug)]
pub struct Network;

/// Discord remembers a nonce "for a few minutes"; this is less than any few.
const NONCE_WINDOW: Duration = Duration::from_secs(180);
/// Discord refuses other forms.
const USER_AGENT: &str = concat!("DiscordBot (xpost, ", env!("CARGO_PKG_VERSION"), ")");

static SPEC: Spec = Spec {
    name: "discord",
    title: "Discord",
    about: "channels, threads and forums, through a webhook or a bot",
    checked: "2026-11-21",
    sources: &[
        "https://github.com/discord/discord-api-docs (2026-08-06): message, webhook, channel, rate limits, opcodes",
        "https://github.com/discord/discord-api-spec (v10)",
    ],
    server: Server::Fixed("https://discord.com"),
    api: None,
    fields: &[
        Field {
            name: "mode",
            kind: FieldKind::Choice(&["webhook", "bot"]),
            required: false,
            help: "`webhook` or `bot`; left empty, an account with a `channel` is a bot's",
        },
        Field {
            name: "webhook",
            kind: FieldKind::Secret,
            required: false,
            help: "the webhook URL, `https://discord.com/api/webhooks/…`; leave it empty for a bot",
        },
        Field {
            name: "token",
            kind: FieldKind::Secret,
            required: false,
            help: "the bot's token; leave it empty for a webhook",
        },
        Field {
            name: "channel",
            kind: FieldKind::Text,
            required: false,
            help: "the number of the channel or thread that the bot posts to; left empty, you choose among its channels",
        },
        Field {
            name: "thread_id",
            kind: FieldKind::Text,
            required: false,
            help: "the number of a thread of the webhook's channel to post to",
        },
        Field { name: "username", kind: FieldKind::Text, required: false, help: "another name for the webhook's posts" },
        Field {
            name: "avatar_url",
            kind: FieldKind::Text,
            required: false,
            help: "the address of another picture for the webhook's posts",
        },
    ],
    options: &[
        Field {
            name: "embed",
            kind: FieldKind::Any,
            required: false,
            help: "`true` for an embed of the draft's title, summary and link; or a table with title, description, url, color, image, footer",
        },
        Field {
            name: "mentions",
            kind: FieldKind::List,
            required: false,
            help: "who may be pinged: `users`, `roles`, `everyone`; nobody if left out",
        },
        Field { name: "suppress_embeds", kind: FieldKind::Bool, required: false, help: "no link previews" },
        Field { name: "silent", kind: FieldKind::Bool, required: false, help: "post without a sound" },
        Field {
            name: "thread",
            kind: FieldKind::Text,
            required: false,
            help: "open a thread of this name on the first message; the later ones go into it (bot)",
        },
        Field {
            name: "crosspost",
            kind: FieldKind::Bool,
            required: false,
            help: "in an announcement channel: publish to the channels that follow it (bot)",
        },
        Field { name: "thread_id", kind: FieldKind::Text, required: false, help: "post to this thread" },
        Field {
            name: "thread_name",
            kind: FieldKind::Text,
            required: false,
            help: "in a forum: the title of the new post (webhook)",
        },
        Field {
            name: "forum_tags",
            kind: FieldKind::List,
            required: false,
            help: "in a forum: at most 5 numbers of tags (webhook)",
        },
        Field { name: "username", kind: FieldKind::Text, required: false, help: "another name for this post (webhook)" },
        Field {
            name: "avatar_url",
            kind: FieldKind::Text,
            required: false,
            help: "the address of another picture for this post (webhook)",
        },
    ],
    text: TextRule {
        markup: Markup::Discord,
        unit: Unit::Scalars,
        max: Some(2000),
        also: None,
        caption: None,
        optional: true,
    },
    title_rule: Title::Line,
    swaps: &[],
    native_tags: false,
    native_link: false,
    media: MediaRule {
        max: 10,
        // servers with boosts take more; the account's `max_image_bytes` and `max_video_bytes` say so
        image: Some(ImageRule {
            max: 10,
            bytes: 10 * 1024 * 1024,
            pixels: None,
            side: None,
            mimes: &["image/png", "image/jpeg", "image/gif", "image/webp"],
        }),
        video: Some(VideoRule {
            max: 10,
            bytes: 10 * 1024 * 1024,
            mimes: &["video/mp4", "video/webm", "video/quicktime"],
        }),
        file: None,
        mixed: true,
        alt: Some((Unit::Scalars, 1024)),
        required: false,
    },
    poll: Some(PollRule { options: (1, 10), option: 55, seconds: (3600, 768 * 3600), with_media: false }),
    threads: true,
    replies: true,
    quotes: false,
    warnings: false,
    languages: false,
    visibility: &[],
    location: false,
    comments: None,
    card: Card::Network,
    // a webhook's; a bot's is a key, see `repeat`
    repeat: Repeat::Never,
    // every answer says what is left of the budget, and the ledger keeps to it
    pace: Duration::ZERO,
    document: Some("discord"),
};

/// The webhook first: it is made in a minute.
const LOGINS: &[Login] = &[
    Login {
        name: "webhook",
        about: "a webhook of one channel: made in a minute, posts and no more",
        flow: Flow::Typed(Typed { warning: None, check: Some(whole_address) }),
        keeps: &["webhook"],
        asks: &["webhook", "thread_id", "username", "avatar_url"],
        page: Some("https://discord.com/channels/@me"),
    },
    Login {
        name: "bot",
        about: "a bot of your own: replies, threads, announcements, any number of channels",
        flow: Flow::Typed(Typed { warning: None, check: Some(whole_token) }),
        keeps: &["token"],
        asks: &["token", "channel"],
        page: Some("https://discord.com/developers/applications"),
    },
];

/// Looks at a webhook's address before anything is sent to it.
fn whole_address(secrets: &Secrets) -> Result<(), String> {
    let good = secrets.get("webhook").is_some_and(|address| webhook_secret(address).is_some());
    let why = "this is not a webhook URL of Discord; copy it again (channel settings, Integrations, Webhooks)";
    if good { Ok(()) } else { Err(why.into()) }
}

/// Looks at a token before anything is sent with it: three pieces, with points between.
fn whole_token(secrets: &Secrets) -> Result<(), String> {
    let token = secrets.get("token").map(|token| bare(token.expose_secret())).unwrap_or_default();
    let word = |c: char| c.is_ascii_alphanumeric() || "_-.=".contains(c);
    if token.starts_with("https://") {
        return Err("this is an address, not a bot's token; a webhook goes with `--with webhook`".into());
    }
    if token.split('.').filter(|piece| !piece.is_empty()).count() < 3 || !token.chars().all(word) {
        return Err("the token has the wrong shape; copy it whole (developer portal, Bot, Reset Token)".into());
    }
    Ok(())
}

/// The token as Discord shows it, without the word that stands before it in requests.
fn bare(token: &str) -> &str {
    let token = token.trim();
    token.strip_prefix("Bot ").unwrap_or(token).trim()
}

fn mode(account: &AccountInfo) -> Mode {
    hooked::mode(account, "bot_id")
}

/// A bot's login that has no channel yet: its token is all that there is.
fn channelless(cx: &Cx<'_>) -> bool {
    let held = |name: &str| cx.optional_secret(name).is_some_and(|secret| !secret.expose_secret().trim().is_empty());
    let webhook = cx.account.setting("mode") == "webhook" || held("webhook");
    cx.account.filled("channel").is_none() && !webhook && held("token")
}

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn repeat(&self, account: &AccountInfo) -> Repeat {
        match mode(account) {
            Mode::Token => Repeat::Key { window: NONCE_WINDOW },
            Mode::Webhook => Repeat::Never,
        }
    }

    fn render(&self, ask: &Ask) -> Rendered {
        let mut rendered = standard(&SPEC, ask, &|ask, piece| self.encode(ask, piece));
        encode::follow_up(ask, &mut rendered);
        rendered
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        encode::encode(ask, piece)
    }

    /// Files go with the message itself. What has to be known is the server's number, for the message's address: from
    /// [`Platform::discover`], from the part before, or asked for here.
    async fn prepare(&self, cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
        let known = [post.parent.as_ref().map(|parent| &parent.extra), Some(&cx.account.about), Some(&post.state)];
        if let Some(facts) = known.into_iter().flatten().find(|facts| facts.get("guild_id").is_some()) {
            return Ok(Ready::Now(json!({"guild_id": facts["guild_id"]})));
        }
        let guild = match mode(cx.account) {
            Mode::Token => channel(cx, &target(cx, post)?).await?.guild_id,
            Mode::Webhook => webhook(cx).await?.guild_id,
        };
        Ok(Ready::Now(json!({"guild_id": guild})))
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Receipt, Fault> {
        let guild = ready["guild_id"].as_str();
        match post.payload["action"].as_str() {
            Some("message") => send(cx, post, guild).await,
            Some("crosspost") => {
                let root = root(post)?;
                let path = format!("/channels/{}/messages/{}/crosspost", place(root)?, root.id);
                done(cx.call(bot(cx, Method::POST, &path)?).await, "40033")?;
                Ok(root.clone())
            }
            Some("thread") => {
                let root = root(post)?;
                let path = format!("/channels/{}/messages/{}/threads", place(root)?, root.id);
                let request = bot(cx, Method::POST, &path)?.json(post.payload["body"].clone());
                done(cx.call(request).await, "160004")?;
                Ok(thread_receipt(root, guild))
            }
            _ => Err(Fault::local("the planned request has no `action`")),
        }
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        if channelless(cx) {
            let user: User = cx.call(bot(cx, Method::GET, "/users/@me")?).await?.json()?;
            return Ok(Profile { id: user.id, handle: user.username, url: None });
        }
        match mode(cx.account) {
            Mode::Token => {
                // proves the token; the channel proves that it is good for this account
                cx.call(bot(cx, Method::GET, "/users/@me")?).await?.json::<User>()?;
                let channel = channel(cx, &home(cx)?).await?;
                let handle = channel.name.map_or_else(|| channel.id.clone(), |name| format!("#{name}"));
                let url = address(channel.guild_id.as_deref(), &channel.id, None);
                Ok(Profile { id: channel.id, handle, url: Some(url) })
            }
            Mode::Webhook => {
                let webhook = webhook(cx).await?;
                let url = webhook.channel_id.map(|channel| address(webhook.guild_id.as_deref(), &channel, None));
                Ok(Profile { handle: webhook.name.unwrap_or_else(|| webhook.id.clone()), id: webhook.id, url })
            }
        }
    }

    async fn discover(&self, cx: &Cx<'_>) -> Result<Value, Fault> {
        if channelless(cx) {
            let user: User = cx.call(bot(cx, Method::GET, "/users/@me")?).await?.json()?;
            return Ok(json!({"bot_id": user.id, "bot": user.username}));
        }
        match mode(cx.account) {
            Mode::Token => {
                let user: User = cx.call(bot(cx, Method::GET, "/users/@me")?).await?.json()?;
                let channel = channel(cx, &home(cx)?).await?;
                Ok(json!({
                    "guild_id": channel.guild_id,
                    "channel_id": channel.id,
                    "name": channel.name,
                    "type": channel.kind,
                    "bot_id": user.id,
                    "bot": user.username,
                }))
            }
            Mode::Webhook => {
                let webhook = webhook(cx).await?;
                Ok(json!({"guild_id": webhook.guild_id, "channel_id": webhook.channel_id, "name": webhook.name}))
            }
        }
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
        Box::new(twin::Discord::default())
    }

    /// Even numbers are bots, odd ones webhooks, so that both ways are tried. The bot is the first, because a webhook can neither reply nor read.
    fn twin_account(&self, n: usize, _home: &std::path::Path) -> TwinAccount {
        let (settings, secret) = if n.is_multiple_of(2) {
            (json!({"channel": twin::channel(n)}), ("token", twin::token(n)))
        } else {
            (json!({}), ("webhook", twin::webhook_url(n)))
        };
        TwinAccount {
            server: "https://discord.com".into(),
            settings,
            secrets: [(secret.0.to_string(), SecretString::from(secret.1))].into(),
        }
    }

    fn setup(&self) -> &'static str {
        include_str!("setup.md")
    }
}

#[async_trait]
impl Delete for Network {
    async fn delete(&self, cx: &Cx<'_>, receipt: &Receipt) -> Result<(), Fault> {
        let request = match mode(cx.account) {
            Mode::Token => bot(cx, Method::DELETE, &format!("/channels/{}/messages/{}", place(receipt)?, receipt.id))?,
            Mode::Webhook => {
                let request = hook(cx, Method::DELETE, &format!("/messages/{}", receipt.id))?;
                match receipt.extra["thread_id"].as_str() {
                    Some(thread) => request.query("thread_id", thread),
                    None => request,
                }
            }
        };
        done(cx.call(request).await, "10008")
    }
}

/// Sends one message.
async fn send(cx: &Cx<'_>, post: &Post, guild: Option<&str>) -> Result<Receipt, Fault> {
    let mut body = post.payload["body"].clone();
    if !body.is_object() {
        return Err(Fault::local("the planned request has no `body`"));
    }
    let opens_thread = body.get("thread_name").is_some();
    let thread = thread(post);
    let request = match mode(cx.account) {
        Mode::Webhook => {
            // without `wait` the answer does not say what was posted
            let request = hook(cx, Method::POST, "")?.query("wait", "true");
            if let Some(id) = thread { request.query("thread_id", id) } else { request }
        }
        Mode::Token => {
            body["nonce"] = json!(post.nonce());
            body["enforce_nonce"] = json!(true);
            if let Some(reference) = reference(post)? {
                body["message_reference"] = reference;
            }
            bot(cx, Method::POST, &format!("/channels/{}/messages", target(cx, post)?))?
        }
    };
    let request = if post.media.is_empty() { request.json(body) } else { request.body(multipart(&body, post)) };
    let answer = cx.call(request).await?;
    let message: Message = answer.json()?;
    let thread = if opens_thread { Some(message.channel_id.as_str()) } else { thread };
    Ok(message_receipt(&message, guild, thread))
}

fn message_receipt(message: &Message, guild: Option<&str>, thread: Option<&str>) -> Receipt {
    let url = address(guild, &message.channel_id, Some(&message.id));
    let mut extra = json!({"guild_id": guild, "channel_id": message.channel_id});
    if let Some(thread) = thread {
        extra["thread_id"] = json!(thread);
    }
    Receipt::new(&message.id, Some(url)).extra(extra)
}

/// A thread that hangs on a message has that message's number.
fn thread_receipt(root: &Receipt, guild: Option<&str>) -> Receipt {
    let mut extra = root.extra.clone();
    extra["thread_id"] = json!(root.id);
    Receipt::new(&root.id, Some(address(guild, &root.id, None))).extra(extra)
}

/// The page of a channel or message.
fn address(guild: Option<&str>, channel: &str, message: Option<&str>) -> String {
    let message = message.map_or_else(String::new, |id| format!("/{id}"));
    format!("https://discord.com/channels/{}/{channel}{message}", guild.unwrap_or("@me"))
}

/// The first message, which crossposting and threads are about.
fn root(post: &Post) -> Result<&Receipt, Fault> {
    post.root.as_ref().ok_or_else(|| Fault::local("there is no first message yet"))
}

/// The channel or thread where a message stands.
fn place(receipt: &Receipt) -> Result<&str, Fault> {
    let place = receipt.extra["channel_id"].as_str();
    place.ok_or_else(|| Fault::local(format!("the journal does not say in which channel message `{}` stands", receipt.id)))
}

/// The thread that the part goes into: the one that an earlier part opened or stands in, or what the draft or account says.
fn thread(post: &Post) -> Option<&str> {
    let parent = post.parent.as_ref().and_then(|parent| parent.extra["thread_id"].as_str());
    parent.or_else(|| post.payload["thread_id"].as_str())
}

/// The account's channel.
fn home(cx: &Cx<'_>) -> Result<String, Fault> {
    let channel = cx.account.filled("channel").unwrap_or_default();
    if is_id(&channel) {
        Ok(channel)
    } else {
        Err(Fault::local(format!("the account's `channel` is the number of a channel, not `{channel}`; run `xpost account add` again")))
    }
}

/// The channel or thread that a bot posts the part to.
fn target(cx: &Cx<'_>, post: &Post) -> Result<String, Fault> {
    thread(post).map_or_else(|| home(cx), |thread| Ok(thread.to_string()))
}

/// What a bot's message replies to. Within a thread of our own the order says enough.
fn reference(post: &Post) -> Result<Option<Value>, Fault> {
    if let Some(parent) = &post.parent {
        if parent.id.is_empty() {
            // a person who said that it was posted may have named its address, or not even that
            let id = parent.url.as_deref().and_then(|url| message_at(url).ok()).map(|(_, id)| id);
            return Ok(id.map(|id| json!({"message_id": id, "fail_if_not_exists": false})));
        }
        let opened = post.root.as_ref().is_some_and(|root| parent.extra["thread_id"] == json!(root.id));
        // an earlier part that was taken back meanwhile does not stop the rest
        return Ok((!opened).then(|| json!({"message_id": parent.id, "fail_if_not_exists": false})));
    }
    Ok(match &post.reply_to {
        None => None,
        Some(Reference::Ours(receipt)) => Some(json!({"message_id": receipt.id})),
        Some(Reference::Url(url)) => Some(json!({"message_id": message_at(url).map_err(Fault::local)?.1})),
    })
}

/// A success, or the network's word that it was done before.
fn done(result: Result<Answer, Fault>, already: &str) -> Result<(), Fault> {
    match result {
        Err(fault) if fault.code.as_deref() == Some(already) => Ok(()),
        result => result.map(drop),
    }
}

async fn channel(cx: &Cx<'_>, id: &str) -> Result<Channel, Fault> {
    cx.call(bot(cx, Method::GET, &format!("/channels/{id}"))?).await?.json()
}

async fn webhook(cx: &Cx<'_>) -> Result<Webhook, Fault> {
    cx.call(hook(cx, Method::GET, "")?).await?.json()
}

fn base(cx: &Cx<'_>) -> String {
    let server = if cx.account.server.is_empty() { "https://discord.com" } else { &cx.account.server };
    format!("{server}/api/v10")
}

/// A request as the bot.
fn bot(cx: &Cx<'_>, method: Method, path: &str) -> Result<Request, Fault> {
    let token = cx.secret("token")?;
    let token = bare(token.expose_secret());
    Ok(Request::new(method, format!("{}{path}", base(cx)))
        .header("user-agent", USER_AGENT)
        .secret_header("authorization", SecretString::from(format!("Bot {token}"))))
}

/// A request with the webhook's address, `tail` behind it.
fn hook(cx: &Cx<'_>, method: Method, tail: &str) -> Result<Request, Fault> {
    let (secret, token) = webhook_secret(&cx.secret("webhook")?).ok_or_else(|| {
        let name = &cx.account.name;
        Fault::new(
            Kind::Auth,
            format!("the `webhook` of account `{name}` is not a webhook URL of Discord; copy it again (channel settings, Integrations, Webhooks) and run `xpost account add`"),
        )
    })?;
    // the token stands alone in what the webhook says of itself
    cx.door.redactor().learn(&token);
    Ok(Request::new(method, format!("{}/webhooks/{{secret}}{tail}", base(cx)))
        .secret_path(&secret)
        .header("user-agent", USER_AGENT))
}

fn multipart(body: &Value, post: &Post) -> Body {
    let files = post
        .media
        .iter()
        .enumerate()
        .map(|(n, used)| {
            let media = &used.media;
            let part = FilePart {
                path: media.path.clone(),
                name: media.name.clone(),
                mime: media.mime.clone(),
                bytes: media.bytes,
            };
            (format!("files[{n}]"), part)
        })
        .collect();
    Body::Multipart(vec![("payload_json".into(), body.to_string())], files)
}
