//! Mattermost, and whatever speaks its API v4: an account or bot posts to a channel with its token, or an incoming webhook does.
//!
//! The server remembers a post's `pending_post_id` for half a minute, in the memory of one node; and every post carries the part's key
//! among its properties, by which it is found again. A webhook can neither repeat nor read: at most once.

mod api;
mod change;
mod channels;
mod encode;
mod explain;
mod find;
#[cfg(test)]
mod tests;
mod twin;
mod twin_server;
mod upload;

use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::api::{Channel, Hook, Team, User, is_id, post_at};
use super::upload::{Stage, State, run};
use super::hooked::{self, Mode};
use super::{
    AccountInfo, Ask, Card, Cx, Delete, Edit, Field, FieldKind, FileRule, Find, ImageRule, Limits, MediaRule, Piece,
    Platform, Post, Profile, Ready, Receipt, Reference, Repeat, Server, Spec, Targets, TextRule, Title, TwinAccount,
    VideoRule, filled, payload_error,
};
use crate::draft::hex;
use crate::login::{Flow, Login, Secrets, Typed};
use crate::net::{Answer, Fault, Kind, Method, Request};
use crate::text::{Markup, Unit};
use crate::twin::Twin;

/// Mattermost.
#[derive(Debug)]
pub struct Network;

/// The server remembers a `pending_post_id` for 30 s; this leaves some for the way there.
const PENDING_WINDOW: Duration = Duration::from_secs(25);
/// `MaxFileSize` of a server that was not changed.
const FILE_BYTES: u64 = 104_857_600;

/// <https://github.com/mattermost/mattermost> (`api/v4/source`, `server/channels/app/post.go`, `server/public/model/post.go`), 2026-11-22.
static SPEC: Spec = Spec {
    name: "mattermost",
    title: "Mattermost",
    about: "channels and threads of a team server of your own, through a token, a bot or a webhook",
    checked: "2026-11-22",
    sources: &[
        "https://github.com/mattermost/mattermost: api/v4/source, server/channels/app/post.go, server/public/model/post.go",
        "https://developers.mattermost.com/integrate/webhooks/incoming/",
    ],
    server: Server::Own("https://chat.example.org"),
    fields: &[
        Field {
            name: "mode",
            kind: FieldKind::Choice(&["webhook", "token"]),
            required: false,
            help: "`webhook` or `token`; left empty, an account with a `channel` uses a token",
        },
        Field {
            name: "token",
            kind: FieldKind::Secret,
            required: false,
            help: "a personal access token, or a bot's token; leave it empty for a webhook",
        },
        Field {
            name: "webhook",
            kind: FieldKind::Secret,
            required: false,
            help: "the address of an incoming webhook, `https://chat.example.org/hooks/…`; leave it empty for a token",
        },
        Field {
            name: "channel",
            kind: FieldKind::Text,
            required: false,
            help: "the channel: its id, or `team/channel` as in its address; left empty, you choose among the channels",
        },
        Field {
            name: "path",
            kind: FieldKind::Text,
            required: false,
            help: "where the server is not at the root of its host: `/mattermost`",
        },
        Field {
            name: "username",
            kind: FieldKind::Text,
            required: false,
            help: "another name for the webhook's posts",
        },
        Field {
            name: "icon_url",
            kind: FieldKind::Text,
            required: false,
            help: "the address of another picture for the webhook's posts",
        },
    ],
    options: &[
        Field {
            name: "priority",
            kind: FieldKind::Choice(&["important", "urgent"]),
            required: false,
            help: "marks the first post: `important` or `urgent`",
        },
        Field {
            name: "ack",
            kind: FieldKind::Bool,
            required: false,
            help: "asks everybody to acknowledge the first post (licensed servers)",
        },
        Field {
            name: "persistent",
            kind: FieldKind::Bool,
            required: false,
            help: "with `priority = \"urgent\"`: who is mentioned is told again until he answers (licensed servers)",
        },
        Field {
            name: "mention_all",
            kind: FieldKind::Bool,
            required: false,
            help: "`true`: `@all`, `@channel` and `@here` in the text call everybody; else they are words",
        },
        Field {
            name: "attachments",
            kind: FieldKind::Any,
            required: false,
            help: "a list of message attachments (`fallback`, `color`, `title`, `text`, `fields`…) for the first post",
        },
        Field {
            name: "publish_at",
            kind: FieldKind::Text,
            required: false,
            help: "the server shows it then: `2026-12-01 09:00` (Mattermost 10.3 and later, with a token; one post)",
        },
        Field {
            name: "username",
            kind: FieldKind::Text,
            required: false,
            help: "another name for this post (webhook)",
        },
        Field {
            name: "icon_url",
            kind: FieldKind::Text,
            required: false,
            help: "the address of another picture for this post (webhook)",
        },
        Field {
            name: "icon_emoji",
            kind: FieldKind::Text,
            required: false,
            help: "an emoji as its picture, `crab` (webhook)",
        },
    ],
    text: TextRule {
        markup: Markup::Markdown,
        unit: Unit::Scalars,
        // a quarter of the column; the server says its own
        max: Some(16_383),
        also: None,
        caption: None,
        optional: true,
    },
    title_rule: Title::Line,
    media: MediaRule {
        // documented; the column would hold ten, and `max_media` says so where a server takes them
        max: 5,
        image: Some(ImageRule {
            max: 10,
            bytes: FILE_BYTES,
            pixels: None,
            side: None,
            mimes: &["image/png", "image/jpeg", "image/gif", "image/webp"],
        }),
        video: Some(VideoRule { max: 10, bytes: FILE_BYTES, mimes: &["video/mp4", "video/quicktime", "video/webm"] }),
        file: Some(FileRule {
            max: 10,
            bytes: FILE_BYTES,
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
        alt: None,
        required: false,
    },
    threads: true,
    replies: true,
    card: Card::Network,
    // of a token; see `repeat`
    repeat: Repeat::Key { window: PENDING_WINDOW },
    ..Spec::PLAIN
};

const LOGINS: &[Login] = &[
    Login {
        name: "token",
        about: "a bot's token or your own access token: files, threads, edits, any number of channels",
        flow: Flow::Typed(Typed { warning: None, check: Some(whole_token) }),
        keeps: &["token"],
        asks: &["token", "channel"],
        page: Some("{server}/_redirect/integrations/bots"),
    },
    Login {
        name: "webhook",
        about: "an incoming webhook of one channel: texts and no more",
        flow: Flow::Typed(Typed { warning: None, check: Some(whole_address) }),
        keeps: &["webhook"],
        asks: &["webhook", "username", "icon_url"],
        page: Some("{server}/_redirect/integrations/incoming_webhooks"),
    },
];

/// Looks at a token before anything is sent with it: 26 letters and digits, or what an OAuth app was given.
fn whole_token(secrets: &Secrets) -> Result<(), String> {
    let token = secrets.get("token").map(|token| token.expose_secret().trim()).unwrap_or_default();
    if token.starts_with("https://") || token.starts_with("http://") {
        return Err("this is an address, not a token; a webhook goes with `--with webhook`".into());
    }
    let good = token.len() >= 20 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if good {
        Ok(())
    } else {
        Err("the token has the wrong shape; copy the Access Token whole, not the Token ID".into())
    }
}

/// Looks at a webhook's address before anything is sent to it.
fn whole_address(secrets: &Secrets) -> Result<(), String> {
    let missing = || "there is no address; copy it under Integrations, Incoming Webhooks".to_string();
    api::hook(secrets.get("webhook").ok_or_else(missing)?).map(drop)
}

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
    channel_id: Option<String>,
    /// The name of the channel's team, for addresses; empty for direct messages.
    team: Option<String>,
    root_id: Option<String>,
    files: Vec<State>,
}

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// What the server says of itself. A webhook takes no files.
    fn limits(&self, about: &Value) -> Limits {
        let mut limits = Limits::of(&SPEC);
        limits.text = about["max_post"].as_u64().map(|most| most as usize).or(limits.text);
        if let Some(bytes) = about["max_file"].as_u64() {
            (limits.image_bytes, limits.video_bytes, limits.file_bytes) = (bytes, bytes, bytes);
        }
        if about["webhook"] == true || about["files"] == false {
            (limits.media, limits.images, limits.videos, limits.files) = (0, 0, 0, 0);
        }
        limits
    }

    /// The nodes of a cluster do not tell one another which keys they have seen.
    fn repeat(&self, account: &AccountInfo) -> Repeat {
        match mode(account) {
            Mode::Webhook => Repeat::Never,
            Mode::Token if account.about["cluster"] == true => Repeat::Find,
            Mode::Token => Repeat::Key { window: PENDING_WINDOW },
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
        let channel = match &done.channel_id {
            Some(channel) => channel.clone(),
            None => {
                let (channel, team) = place(cx).await?;
                (done.channel_id, done.team) = (Some(channel.clone()), Some(team));
                channel
            }
        };
        if done.root_id.is_none() {
            done.root_id = root(cx, post, &channel).await?;
        }
        let mut ids = Vec::new();
        done.files.resize_with(post.media.len(), State::default);
        for (n, used) in post.media.iter().enumerate() {
            let mut state = done.files[n].clone();
            let keep = |state: &State| {
                let mut files = done.files.clone();
                files[n] = state.clone();
                json!({"channel_id": done.channel_id, "team": done.team, "root_id": done.root_id, "files": files})
            };
            match run(cx, &upload::File { channel: &channel }, &used.media, &mut state, &keep).await? {
                Stage::There(id) => ids.push(id),
                // it never says so
                Stage::Busy(at) => return Ok(Ready::Later { state: keep(&state), at }),
            }
            done.files[n] = state;
        }
        Ok(Ready::Now(json!({"channel_id": channel, "team": done.team, "root_id": done.root_id, "files": ids})))
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Receipt, Fault> {
        let mut body = post.payload["body"].clone();
        if !body.is_object() {
            return Err(Fault::local("the planned request has no `body`"));
        }
        if kind(cx) == Mode::Webhook {
            return by_webhook(cx, post, body).await;
        }
        body["channel_id"] = ready["channel_id"].clone();
        if let Some(root) = ready["root_id"].as_str() {
            body["root_id"] = json!(root);
        }
        let files = ready["files"].as_array().map_or(0, Vec::len);
        if files != post.media.len() {
            return Err(Fault::local("the files of this part were not uploaded"));
        }
        if files > 0 {
            body["file_ids"] = ready["files"].clone();
        }
        body["props"]["xpost"] = json!(post.uuid());
        let waits = body["scheduled_at"].is_i64();
        if !waits {
            body["pending_post_id"] = json!(post.uuid());
        }
        let path = if waits { "/posts/schedule" } else { "/posts" };
        let answer = cx.call(request(cx, Method::POST, path)?.json(body)).await?;
        let made: Value = answer.json()?;
        let receipt = receipt(cx, ready, &made).ok_or_else(|| payload_error(&answer, "id"))?;
        // ids that the server does not know, or that another post has, are left out without a word
        let there = made["file_ids"].as_array().map_or(0, Vec::len);
        if there < files {
            cx.sink.progress(&format!("the server left out {} of {files} files", files - there));
        }
        Ok(receipt)
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        if kind(cx) == Mode::Webhook {
            // no request would be harmless, so this checks only what can be checked here
            let hook = hook(cx)?;
            let host = hook.origin.split_once("://").map_or(hook.origin.as_str(), |(_, host)| host);
            // its only name is its secret
            let print = digest(&SHA256, hook.path.expose_secret().as_bytes());
            let id = format!("webhook {}", hex(&print.as_ref()[..8]));
            return Ok(Profile { id, handle: format!("a webhook of {host}"), url: None });
        }
        let user: User = cx.call(request(cx, Method::GET, "/users/me")?).await?.json()?;
        if cx.account.filled("channel").is_none() {
            return Ok(Profile { id: user.id, handle: format!("@{}", user.username), url: None });
        }
        let (channel, team) = seen(cx).await?;
        let site = site(cx);
        let url = team.map(|team| format!("{site}/{}/channels/{}", team.name, channel.name));
        let handle = if channel.is_direct() { channel.title() } else { format!("~{}", channel.name) };
        Ok(Profile { id: channel.id, handle, url })
    }

    async fn discover(&self, cx: &Cx<'_>) -> Result<Value, Fault> {
        if kind(cx) == Mode::Webhook {
            hook(cx)?;
            return Ok(json!({"webhook": true}));
        }
        let user: User = cx.call(request(cx, Method::GET, "/users/me")?).await?.json()?;
        let config = cx.call(request(cx, Method::GET, "/config/client")?.query("format", "old")).await?;
        let config: Value = config.json()?;
        // all of it is texts
        let number =
            |key: &str| config[key].as_str().and_then(|text| text.parse::<u64>().ok()).filter(|number| *number > 0);
        let flag = |key: &str| config[key].as_str().and_then(|text| text.parse::<bool>().ok());
        let mut about = json!({
            "user_id": user.id,
            "username": user.username,
            "bot": user.is_bot,
            "version": config["Version"],
            "site": filled(&config["SiteURL"]),
            "max_post": number("MaxPostSize"),
            "max_file": number("MaxFileSize"),
            "files": flag("EnableFileAttachments"),
            "priority": flag("PostPriority"),
            "schedule": flag("ScheduledPosts"),
            "cluster": flag("EnableCluster"),
        });
        if cx.account.filled("channel").is_some() {
            let (channel, team) = seen(cx).await?;
            about["channel_id"] = json!(channel.id);
            about["channel"] = json!(channel.name);
            about["team_id"] = json!(channel.team_id);
            about["team"] = json!(team.map(|team| team.name).unwrap_or_default());
        }
        Ok(about)
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
        Box::new(twin::Mattermost::default())
    }

    /// Even numbers have tokens, odd ones webhooks, so that both ways are tried. The token is the first, because a webhook can neither
    /// reply nor read.
    fn twin_account(&self, n: usize, _home: &std::path::Path) -> TwinAccount {
        let (settings, secret) = if n.is_multiple_of(2) {
            (json!({"channel": twin_server::channel(n)}), ("token", twin_server::token(n)))
        } else {
            (json!({}), ("webhook", twin_server::webhook_url(n)))
        };
        TwinAccount {
            server: twin_server::ORIGIN.into(),
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
    Ok(Receipt::new(post.uuid(), None).extra(json!({"webhook": true})))
}

/// The receipt of a post, or of one that waits for its time.
fn receipt(cx: &Cx<'_>, ready: &Value, made: &Value) -> Option<Receipt> {
    let id = made["id"].as_str().filter(|id| is_id(id))?;
    let mut extra = json!({"channel_id": ready["channel_id"]});
    if let Some(at) = made["scheduled_at"].as_i64() {
        extra["scheduled_at"] = json!(at);
        return Some(Receipt::new(id, None).extra(extra));
    }
    if let Some(root) = ready["root_id"].as_str() {
        extra["root_id"] = json!(root);
    }
    let team = ready["team"].as_str().filter(|team| !team.is_empty()).unwrap_or("_redirect");
    Some(Receipt::new(id, Some(format!("{}/{team}/pl/{id}", site(cx)))).extra(extra))
}

/// The first post of the thread that a part goes into.
async fn root(cx: &Cx<'_>, post: &Post, channel: &str) -> Result<Option<String>, Fault> {
    let known = |receipt: &Receipt| {
        let root = receipt.extra["root_id"].as_str().unwrap_or(&receipt.id);
        is_id(root).then(|| root.to_string())
    };
    let url = match (&post.root, &post.reply_to) {
        // a person who said that it was posted may have named its address, or not even that
        (Some(root), _) => match known(root) {
            Some(root) => return Ok(Some(root)),
            None => match &root.url {
                Some(url) if post_at(url).is_ok() => url,
                _ => return Ok(None),
            },
        },
        (None, Some(Reference::Ours(receipt))) => return Ok(known(receipt)),
        (None, Some(Reference::Url(url))) => url,
        (None, None) => return Ok(None),
    };
    let id = post_at(url).map_err(Fault::local)?;
    let answer = cx.call(request(cx, Method::GET, &format!("/posts/{id}"))?).await?;
    let found: Value = answer.json()?;
    if found["channel_id"] != channel {
        let why = format!("`{url}` stands in another channel; a reply must stand in the same");
        return Err(Fault::new(Kind::Rejected, why));
    }
    // a reply to a reply stands in the same thread
    Ok(Some(filled(&found["root_id"]).unwrap_or(id)))
}

/// The account's channel and the name of its team: known already, or asked for.
async fn place(cx: &Cx<'_>) -> Result<(String, String), Fault> {
    let about = &cx.account.about;
    if let (Some(id), Some(team)) = (about["channel_id"].as_str(), about["team"].as_str()) {
        let named = cx.account.filled("channel").unwrap_or_default();
        // the setting may have been changed since
        if named == id || !is_id(&named) && named.rsplit('/').next() == about["channel"].as_str() {
            return Ok((id.to_string(), team.to_string()));
        }
    }
    let (channel, team) = seen(cx).await?;
    Ok((channel.id, team.map(|team| team.name).unwrap_or_default()))
}

/// The account's channel and its team as the server shows them.
async fn seen(cx: &Cx<'_>) -> Result<(Channel, Option<Team>), Fault> {
    let named = cx.account.filled("channel").unwrap_or_default();
    let pieces: Vec<&str> = named.trim_matches('/').split('/').collect();
    let path = match pieces.as_slice() {
        [id] if is_id(id) => format!("/channels/{id}"),
        [team, channel] | [team, "channels", channel] if api::is_name(team) && api::is_name(channel) => {
            format!("/teams/name/{team}/channels/name/{channel}")
        }
        _ => {
            let name = &cx.account.name;
            return Err(Fault::local(format!(
                "the `channel` of account `{name}` is an id or `team/channel`, not `{named}`; choose one with `xpost account targets {name}`"
            )));
        }
    };
    let channel: Channel = cx.call(request(cx, Method::GET, &path)?).await?.json()?;
    if channel.delete_at > 0 {
        return Err(Fault::new(Kind::Forbidden, format!("the channel `{}` is archived", channel.name)));
    }
    if channel.team_id.is_empty() {
        return Ok((channel, None));
    }
    let team = cx.call(request(cx, Method::GET, &format!("/teams/{}", channel.team_id))?).await?;
    let team: Team = team.json()?;
    Ok((channel, Some(team)))
}

/// Where the server is: its origin and, if it is not at the root, the path.
fn site(cx: &Cx<'_>) -> String {
    let path = cx.account.filled("path").unwrap_or_default();
    let path = path.trim_matches('/');
    if path.is_empty() { cx.account.server.clone() } else { format!("{}/{path}", cx.account.server) }
}

fn request(cx: &Cx<'_>, method: Method, path: &str) -> Result<Request, Fault> {
    let token = cx.secret("token")?;
    let token = SecretString::from(token.expose_secret().trim());
    Ok(Request::new(method, format!("{}/api/v4{path}", site(cx))).bearer(&token))
}

/// The account's webhook.
fn hook(cx: &Cx<'_>) -> Result<Hook, Fault> {
    let hook = api::hook(&cx.secret("webhook")?).map_err(|why| {
        Fault::new(
            Kind::Auth,
            format!("the `webhook` of account `{}`: {why}; then run `xpost account add` again", cx.account.name),
        )
    })?;
    if hook.origin != cx.account.server {
        return Err(Fault::local(format!(
            "the `webhook` of account `{}` is one of `{}`, and its `server` is `{}`",
            cx.account.name, hook.origin, cx.account.server
        )));
    }
    if let Some((_, key)) = hook.path.expose_secret().rsplit_once('/') {
        cx.door.redactor().learn(&SecretString::from(key));
    }
    Ok(hook)
}
