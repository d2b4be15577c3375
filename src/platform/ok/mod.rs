//! OK (Odnoklassniki): topics of a group or of a user's page.
//!
//! Every request is signed with MD5. Nothing recognises a repeat, so after a lost answer the latest topics are read.

mod api;
mod encode;
mod explain;
mod login;
#[cfg(test)]
mod login_tests;
mod media;
#[cfg(test)]
mod tests;
mod topic;
mod twin;
mod twin_oauth;

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{
    Ask, Card, Cx, Delete, Edit, Field, FieldKind, Find, ImageRule, MediaRule, Piece, Platform, PollRule, Post,
    Profile, Ready, Receipt, Repeat, Server, Spec, Targets, TextRule, Title, TwinAccount, VideoRule,
};
use crate::login::Login;
use crate::net::{Answer, Fault};
use crate::text::{Markup, Unit};
use crate::twin::Twin;

/// OK.
#[derive(Debug)]
pub struct Network;

const fn field(name: &'static str, kind: FieldKind, required: bool, help: &'static str) -> Field {
    Field { name, kind, required, help }
}

static SPEC: Spec = Spec {
    name: "ok",
    title: "OK",
    about: "topics of a group or of your own page at Odnoklassniki, with photos, films and polls",
    checked: "2026-11-22",
    sources: &[
        "https://apiok.ru/dev/methods/rest/mediatopic/mediatopic.post",
        "https://apiok.ru/en/dev/errors",
        "https://apiok.ru/en/dev/methods/ (signature, photosV2, video.getUploadUrl)",
    ],
    server: Server::Fixed(api::SERVER),
    fields: &[
        field("app_key", FieldKind::Text, true, "the public key of your app (`C…GDIHBABABABA`)"),
        field("token", FieldKind::Secret, true, "the permanent access_token from the app's settings"),
        field("session_secret", FieldKind::Secret, false, "the session_secret_key that stands beside that token"),
        field("group", FieldKind::Text, false, "the number of the group; empty for your own page, or to choose"),
    ],
    options: &[
        field("as_group", FieldKind::Bool, false, "`false`: post to the group under your own name"),
        field("publish_at", FieldKind::Text, false, "OK shows it at this time: `2026-12-01 09:00`"),
        field("suggest", FieldKind::Bool, false, "suggest it to the group's moderators instead of posting it"),
        field("hidden", FieldKind::Bool, false, "a topic that stands in no feed (groups)"),
        field("set_status", FieldKind::Bool, false, "make it your status (needs the right SET_STATUS)"),
        field("link_preview", FieldKind::Bool, false, "OK turns the one link at the end of a text into a card"),
        field("poll_anonymous", FieldKind::Bool, false, "`false`: everybody sees who voted for what"),
    ],
    text: TextRule {
        markup: Markup::Plain,
        // OK publishes neither number nor unit; `max_text` overrides what integrators keep to
        unit: Unit::Utf16,
        max: Some(5000),
        also: None,
        caption: None,
        optional: true,
    },
    title_rule: Title::Line,
    native_link: true,
    media: MediaRule {
        max: 10,
        // no numbers are published for pictures
        image: Some(ImageRule {
            max: 10,
            bytes: 10_000_000,
            pixels: None,
            side: None,
            mimes: &["image/jpeg", "image/png", "image/gif"],
        }),
        // 16 kB to 1 GB (video.getUploadUrl)
        video: Some(VideoRule {
            max: 10,
            bytes: 1 << 30,
            mimes: &["video/mp4", "video/quicktime", "video/webm", "video/mpeg", "video/x-matroska", "video/x-msvideo"],
        }),
        file: None,
        mixed: true,
        alt: None,
        required: false,
    },
    // a poll has no end there, so any time will do
    poll: Some(PollRule { options: (2, 10), option: 100, seconds: (1, u64::MAX), with_media: true }),
    card: Card::Network,
    repeat: Repeat::Find,
    pace: Duration::from_secs(1),
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
        topic::publish(cx, post, ready).await
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        let api::Whose { uid, name, group } = api::look(cx).await?;
        Ok(match group {
            Some((id, title, word)) => {
                let url = word.map_or_else(|| format!("https://ok.ru/group/{id}"), |word| format!("https://ok.ru/{word}"));
                Profile { handle: title, id, url: Some(url) }
            }
            None => Profile { url: Some(format!("https://ok.ru/profile/{uid}")), handle: name, id: uid },
        })
    }

    async fn discover(&self, cx: &Cx<'_>) -> Result<Value, Fault> {
        let whose = api::look(cx).await?;
        Ok(json!({"uid": whose.uid, "group": whose.group.map(|(id, _, _)| id)}))
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
        Box::new(twin::OkTwin::default())
    }

    fn twin_account(&self, n: usize, _home: &std::path::Path) -> TwinAccount {
        TwinAccount {
            server: api::SERVER.into(),
            settings: json!({"app_key": twin::APP_KEY, "group": twin::group(n)}),
            secrets: [
                ("token".to_string(), SecretString::from(twin::token(n))),
                (api::SESSION_SECRET.to_string(), SecretString::from(twin::session_secret(n))),
            ]
            .into(),
        }
    }

    fn setup(&self) -> &'static str {
        include_str!("setup.md")
    }
}
