//! VK: the wall of a community or of a user.
//!
//! Two kinds of tokens, which may stand beside one another: a community's key posts texts and links and comments, nothing else; a user's
//! token of an older app does all of it, but may be bound to one network address. What only a user's token can do is known when a draft
//! is checked.

mod api;
mod encode;
mod explain;
mod login;
#[cfg(test)]
mod login_tests;
mod media;
#[cfg(test)]
mod tests;
mod twin;
mod twin_media;
mod twin_oauth;
mod wall;

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{
    Api, Ask, Card, Cx, Delete, Edit, Field, FieldKind, FileRule, Find, ImageRule, MediaRule, Piece, Platform,
    PollRule, Post, Profile, Ready, Receipt, Repeat, Server, Spec, Targets, TextRule, Title, TwinAccount, VideoRule,
};
use crate::draft::Visibility;
use crate::login::Login;
use crate::net::{Answer, Fault};
use crate::text::{Markup, Unit};
use crate::twin::Twin;

/// VK.
#[derive(Debug)]
pub struct Network;

/// VK documents that a `guid` is not published again, not for how long; this is less than any such time is known to be.
const GUID_WINDOW: Duration = Duration::from_secs(600);

const fn field(name: &'static str, kind: FieldKind, help: &'static str) -> Field {
    Field { name, kind, required: false, help }
}

static SPEC: Spec = Spec {
    name: "vk",
    title: "VK",
    about: "a community's or a user's wall, with photos, films, files, polls and comments",
    checked: "2026-11-22",
    sources: &[
        "https://github.com/VKCOM/vk-api-schema (5.199, 2025-01-21)",
        "https://dev.vk.com/en/method/wall.post (2026-06-04)",
        "https://github.com/gitroomhq/postiz-app/issues/1408 (2026-07-25): which tokens post",
        "https://github.com/VKCOM/vk-api-schema/issues/242 (2026-04-03): community keys upload nothing",
    ],
    server: Server::Default(api::SERVER),
    api: Some(Api { version: api::VERSION, sunset: None }),
    fields: &[
        Field {
            name: "token",
            kind: FieldKind::Secret,
            required: true,
            help: "the community's key (Manage, API usage), or a user's token",
        },
        field(
            "user_token",
            FieldKind::Secret,
            "a user's token beside a community's key, for media, polls, read-back, editing and deleting; may stay empty",
        ),
        field(
            "group",
            FieldKind::Text,
            "the community: its number or short name; empty: that of the key, or the user's own wall",
        ),
    ],
    options: &[
        field("signed", FieldKind::Bool, "show who wrote it below a community's post (needs a user's token)"),
        field("as_community", FieldKind::Bool, "`false`: post to a community's wall under the user's own name"),
        field("close_comments", FieldKind::Bool, "nobody may comment"),
        field("mute_notifications", FieldKind::Bool, "post without notifications"),
        field("mark_as_ads", FieldKind::Bool, "mark it as an advertisement"),
        field("copyright", FieldKind::Text, "the address of the source that VK names below the post"),
        field("publish_at", FieldKind::Text, "VK shows it at this time: `2026-12-01 09:00`"),
        field("donut", FieldKind::Number, "for VK Donut's subscribers alone, for so many days; -1 for ever"),
        field("attach", FieldKind::List, "what is at VK already: `photo-1_2`, `wall-1_2`"),
        field("poll_anonymous", FieldKind::Bool, "`false`: everybody sees who voted for what"),
    ],
    text: TextRule {
        markup: Markup::Plain,
        // VK publishes neither number nor unit; longer texts were seen to pass, `max_text` overrides it
        unit: Unit::Utf16,
        max: Some(15_000),
        also: None,
        caption: None,
        optional: true,
    },
    title_rule: Title::Line,
    media: MediaRule {
        max: 10,
        image: Some(ImageRule {
            max: 10,
            // of older documentation, as is the side: width and height together may be 14,000
            bytes: 50_000_000,
            pixels: None,
            side: Some(7000),
            mimes: &["image/jpeg", "image/png", "image/gif"],
        }),
        // no number is published for films; `max_video_bytes` overrides it
        video: Some(VideoRule {
            max: 10,
            bytes: 5_000_000_000,
            mimes: &["video/mp4", "video/quicktime", "video/webm", "video/mpeg", "video/x-matroska", "video/x-msvideo"],
        }),
        file: Some(FileRule { max: 1, bytes: 200_000_000, mimes: &["application/pdf"], mixed: true }),
        mixed: true,
        alt: None,
        required: false,
    },
    poll: Some(PollRule { options: (2, 10), option: 100, seconds: (300, 31_536_000), with_media: true }),
    visibility: &[Visibility::Public, Visibility::Followers],
    location: true,
    comments: Some(TextRule { markup: Markup::Plain, unit: Unit::Utf16, max: None, also: None, caption: None, optional: false }),
    card: Card::Network,
    repeat: Repeat::Key { window: GUID_WINDOW },
    // 3 calls a second for users' tokens, 20 for communities' keys
    pace: Duration::from_millis(350),
    ..Spec::PLAIN
};

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        encode::encode(ask, piece)
    }

    async fn prepare(&self, cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
        media::prepare(cx, post).await
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Receipt, Fault> {
        wall::publish(cx, post, ready).await
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        api::look(cx).await?.profile()
    }

    async fn discover(&self, cx: &Cx<'_>) -> Result<Value, Fault> {
        Ok(json!(api::look(cx).await?))
    }

    fn explain(&self, answer: &Answer) -> Option<Fault> {
        explain::explain(answer)
    }

    fn logins(&self) -> &'static [Login] {
        login::LOGINS
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
        Box::new(twin::Vk::default())
    }

    fn twin_account(&self, n: usize, _home: &std::path::Path) -> TwinAccount {
        TwinAccount {
            server: api::SERVER.into(),
            settings: json!({"group": twin::group(n).to_string()}),
            secrets: [
                ("token".to_string(), SecretString::from(twin::community_key(n))),
                (api::USER_TOKEN.to_string(), SecretString::from(twin::user_token(n))),
            ]
            .into(),
        }
    }

    fn setup(&self) -> &'static str {
        include_str!("setup.md")
    }
}
