//! X, by its API v2.

mod api;
mod cost;
mod edit;
mod encode;
mod explain;
mod find;
mod login;
mod media;
mod twin;
mod twin_login;
mod twin_media;
mod twin_post;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{
    Api, Ask, Card, Cost, Cx, Delete, Edit, Extra, Field, FieldKind, Find, Found, ImageRule, Limits, MediaRule, Part,
    Piece, Platform, PollRule, Post, Profile, Ready, Receipt, Rendered, Repeat, Spec, TextRule, Title, TwinAccount,
    VideoRule, fit, payload_error,
};
use crate::draft::Visibility;
use crate::login::{CLIENT_SECRET, Login, TOKEN, oauth1::TOKEN_SECRET};
use crate::net::{Answer, Effect, Fault, Kind, Method};
use crate::text::{Markup, Unit};
use crate::twin::Twin;

/// The network.
pub struct Network;

/// Pictures that move.
const ANIMATED_BYTES: u64 = 15 * 1024 * 1024;

/// What docs.x.com and its OpenAPI document 2.167 say.
const SPEC: Spec = Spec {
    name: "x",
    title: "X",
    about: "X (Twitter), paid by the post",
    checked: "2026-11-22",
    sources: &[
        "https://docs.x.com/x-api/posts/create-post",
        "https://docs.x.com/x-api/media/quickstart/media-upload-chunked",
        "https://docs.x.com/x-api/fundamentals/rate-limits",
        "https://docs.x.com/x-api/getting-started/pricing",
        "https://api.x.com/2/openapi.json",
        "https://github.com/twitter/twitter-text/blob/master/config/v3.json",
    ],
    server: super::Server::Fixed(api::SERVER),
    api: Some(Api { version: "2", sunset: None }),
    fields: &[
        field("consumer_key", FieldKind::Text, "consumer key (API key) of your app, for the four keys"),
        field(CLIENT_SECRET, FieldKind::Secret, "consumer secret (API key secret) of your app"),
        field(
            TOKEN,
            FieldKind::Secret,
            "access token of your account, made after the app was given \"Read and write\"",
        ),
        field(TOKEN_SECRET, FieldKind::Secret, "access token secret"),
        field(
            cost::SETTING,
            FieldKind::Table,
            "what X charges you if not what it publishes, in US dollars: `{\"post\": 0.015, \"link\": 0.2, \"metadata\": 0.005}`",
        ),
    ],
    options: &[
        field(
            "reply_settings",
            FieldKind::Choice(&["everyone", "following", "mentionedUsers", "subscribers", "verified"]),
            "who may reply",
        ),
        field(
            "quote_as",
            FieldKind::Choice(&["quote", "link"]),
            "`link` writes the quoted post's address into the text",
        ),
        field("community_id", FieldKind::Text, "the number of the community to post to"),
        field("share_with_followers", FieldKind::Bool, "a post to a community is shown to your followers too"),
        field("made_with_ai", FieldKind::Bool, "say that the media are made with AI"),
        field("paid_partnership", FieldKind::Bool, "say that the post is a paid partnership"),
        field("tagged_user_ids", FieldKind::List, "numbers of people to tag in the media, at most 10"),
        field(
            "media_warnings",
            FieldKind::List,
            "what viewers of the media are warned of: `adult_content`, `graphic_violence`, `other`",
        ),
        field("for_super_followers_only", FieldKind::Bool, "only subscribers see the post"),
        field("nullcast", FieldKind::Bool, "the post stands in no timeline"),
        field("card_uri", FieldKind::Text, "a card made with the Ads API"),
    ],
    text: TextRule {
        markup: Markup::Plain,
        unit: Unit::Weighted,
        // Premium accounts have 25000 (changelog of 2024-08-20): no answer of the API tells, the account's `max_text` does
        max: Some(280),
        also: None,
        caption: None,
        optional: true,
    },
    title_rule: Title::Ignored,
    media: MediaRule {
        max: 4,
        image: Some(ImageRule {
            max: 4,
            bytes: 5 * 1024 * 1024,
            pixels: None,
            side: None,
            mimes: &["image/jpeg", "image/png", "image/webp", "image/gif"],
        }),
        // 1000 segments of at most 8 MB; what an account may post is for X to say
        video: Some(VideoRule { max: 1, bytes: 8_000_000_000, mimes: &["video/mp4", "video/quicktime"] }),
        file: None,
        mixed: false,
        alt: Some((Unit::Scalars, 1000)),
        required: false,
    },
    poll: Some(PollRule { options: (2, 4), option: 25, seconds: (300, 604_800), with_media: false }),
    threads: true,
    replies: true,
    quotes: true,
    visibility: &[Visibility::Public],
    location: true,
    card: Card::Network,
    repeat: Repeat::Find,
    pace: Duration::ZERO,
    document: Some("x"),
    ..Spec::PLAIN
};

static QUOTING: Spec = SPEC;
/// Where a quote is the post's address in the text, which X shows as a quote too.
static LINKING: Spec = Spec { quotes: false, ..SPEC };

/// A field that may be left out.
const fn field(name: &'static str, kind: FieldKind, help: &'static str) -> Field {
    Field { name, kind, required: false, help }
}

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &QUOTING
    }

    fn extras(&self) -> &'static [Extra] {
        &[Extra::Subtitles]
    }

    fn limits(&self, _about: &Value) -> Limits {
        Limits { animated_bytes: Some(ANIMATED_BYTES), ..Limits::of(&QUOTING) }
    }

    /// The rule for all, with two differences: quotes as links where X shows no quote, and pictures that move alone in their posts.
    fn render(&self, ask: &Ask) -> Rendered {
        let mut parted = Rendered::default();
        let mut content = ask.content.clone();
        if let Some(posts) = encode::part_media(&content.posts, &mut parted) {
            content.posts = posts;
        }
        let spec = if encode::quotes_by_link(&content) { &LINKING } else { &QUOTING };
        let inner = Ask { content: &content, account: ask.account, limits: ask.limits };
        let mut rendered = fit::standard(spec, &inner, &|ask, piece| self.encode(ask, piece));
        rendered.changes.extend(parted.changes);
        rendered
    }

    fn cost(&self, ask: &Ask, part: &Part) -> Option<Cost> {
        cost::cost(ask, part)
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        encode::encode(ask, piece)
    }

    async fn prepare(&self, cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
        media::prepare(cx, post).await
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Receipt, Fault> {
        let ids = media::State::ids(ready);
        let mut body = body(post, &ids);
        if let Some(parent) = &post.parent {
            let id = api::own(parent).ok_or_else(|| Fault::local("the post before it is known without its id"))?;
            body.insert("reply".into(), json!({ "in_reply_to_tweet_id": id }));
        }
        let request = api::request(Method::POST, "/2/tweets").json(Value::Object(body));
        let answer = api::call(cx, request).await.map_err(|fault| in_thread(fault, post))?;
        let id = api::id(&api::data(&answer)["id"]).ok_or_else(|| payload_error(&answer, "data.id"))?;
        Ok(find::with_media(api::receipt(cx, &id), &ids))
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        let answer = api::call(cx, api::request(Method::GET, "/2/users/me")).await?;
        let user = api::data(&answer);
        let id = api::id(&user["id"]).ok_or_else(|| payload_error(&answer, "data.id"))?;
        let name = user["username"].as_str().ok_or_else(|| payload_error(&answer, "data.username"))?;
        Ok(Profile { id, handle: format!("@{name}"), url: Some(format!("https://x.com/{name}")) })
    }

    fn explain(&self, answer: &Answer) -> Option<Fault> {
        explain::explain(answer)
    }

    fn logins(&self) -> &'static [Login] {
        login::LOGINS
    }

    /// Signatures have nothing to renew; but where the clocks differ, X's own time is known now, and the next one is made by it.
    async fn refresh(&self, cx: &Cx<'_>) -> Result<bool, Fault> {
        if api::signs(cx) { Ok(api::clock(cx).is_some()) } else { cx.renew().await }
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
        Box::new(twin::XTwin::default())
    }

    fn twin_account(&self, n: usize, _home: &std::path::Path) -> TwinAccount {
        twin_login::account(n)
    }

    fn setup(&self) -> &'static str {
        include_str!("setup.md")
    }
}

#[async_trait]
impl Find for Network {
    async fn find(&self, cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
        find::find(cx, post, ready, since).await
    }
}

#[async_trait]
impl Delete for Network {
    async fn delete(&self, cx: &Cx<'_>, receipt: &Receipt) -> Result<(), Fault> {
        let id = api::own(receipt).ok_or_else(|| Fault::local("the post is known without its id; delete it on X"))?;
        match api::call(cx, api::request(Method::DELETE, &format!("/2/tweets/{id}"))).await {
            Ok(answer) => match api::data(&answer)["deleted"].as_bool() {
                Some(true) => Ok(()),
                Some(false) => Err(Fault::new(Kind::Rejected, "X did not delete the post and gave no reason")),
                None => Err(payload_error(&answer, "data.deleted")),
            },
            Err(fault) if matches!(fault.status, Some(404 | 410)) => Ok(()),
            Err(fault) => Err(fault),
        }
    }
}

/// The body of `POST /2/tweets`: the payload without what is said of the media beforehand, with the ids of these.
fn body(post: &Post, ids: &[String]) -> Map<String, Value> {
    let mut body = post.payload.as_object().cloned().unwrap_or_default();
    body.remove(encode::WARNING);
    body.remove(encode::SUBTITLES);
    if !ids.is_empty() {
        body.entry("media").or_insert_with(|| json!({}))["media_ids"] = json!(ids);
    }
    body
}

/// What a refusal means for the thread that the part belongs to.
fn in_thread(fault: Fault, post: &Post) -> Fault {
    let (Some(_), Some(explain::REPLY)) = (&post.parent, fault.code.as_deref()) else { return fault };
    let message = format!(
        "{}: X does not let this app reply to its own posts, and the thread ends after {} of {}; write it in one post, or set `overflow = \"truncate\"`",
        fault.message, post.index, post.of
    );
    Fault { message, effect: Effect::None, ..fault }
}

#[cfg(test)]
mod tests;
