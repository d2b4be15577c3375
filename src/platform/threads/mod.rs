//! Threads: a container that nobody sees, then the one request that shows it.
//!
//! Every picture and film is fetched from a public address. A container says whether it was shown, which settles a lost answer.

mod api;
mod encode;
mod login;
#[cfg(test)]
mod login_tests;
#[cfg(test)]
mod tests;
mod twin;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use self::api::{POST_FIELDS, Threads, listed, request};
use super::container::{self, State};
use super::graph::{self, Meaning, meaning};
use super::{
    Ask, Card, Cx, Delete, Field, FieldKind, Find, Found, ImageRule, Limits, MediaRule, Piece, Platform, PollRule,
    Post, Profile, Ready, Receipt, Reference, Rendered, Repeat, Server, Spec, TextRule, TwinAccount, VideoRule,
    payload_error, standard,
};
use crate::login::Login;
use crate::net::{Answer, Body, Effect, Fault, Kind, Method};
use crate::text::{Markup, Unit};
use crate::twin::Twin;

/// Threads.
#[derive(Debug)]
pub struct Network;

const fn option(name: &'static str, kind: FieldKind, help: &'static str) -> Field {
    Field { name, kind, required: false, help }
}

const FACTS: Spec = Spec {
    name: "threads",
    title: "Threads",
    about: "a profile on Threads, through an app of your own",
    checked: "2026-11-22",
    sources: &[
        "https://developers.facebook.com/documentation/threads/posts",
        "https://developers.facebook.com/documentation/threads/overview",
        "https://developers.facebook.com/documentation/threads/troubleshooting",
        "https://developers.facebook.com/documentation/threads/create-posts/polls",
        "https://developers.facebook.com/documentation/threads/create-posts/location-tagging",
    ],
    // `https://graph.threads.com` is the same; which of the two stays is not said
    server: Server::Default("https://graph.threads.net"),
    api: Some(super::Api { version: "v1.0", sunset: None }),
    fields: &[
        Field {
            name: "token",
            kind: FieldKind::Secret,
            required: true,
            help: "access token: the app's dashboard > Use cases > Access the Threads API > User Token Generator",
        },
        option(graph::VERSION, FieldKind::Text, "another version of the API than `v1.0`"),
    ],
    options: &[
        option(
            "reply_control",
            FieldKind::Choice(&[
                "everyone",
                "accounts_you_follow",
                "mentioned_only",
                "parent_post_author_only",
                "followers_only",
            ]),
            "who may reply",
        ),
        option("reply_approvals", FieldKind::Bool, "replies are shown when you have approved them"),
        option("topic_tag", FieldKind::Text, "the topic, 1 to 50 characters; without it the first #tag of the text is the topic"),
        option("link_attachment", FieldKind::Text, "the page of the link card, if not `link` or the text's first link"),
        option("text_attachment", FieldKind::Text, "a long text that opens from the post, at most 10000 characters"),
        option("spoiler", FieldKind::Bool, "pictures and films are blurred until they are tapped"),
        option("ghost", FieldKind::Bool, "the post goes after 24 hours (text alone)"),
    ],
    text: TextRule {
        markup: Markup::Plain,
        unit: Unit::EmojiBytes,
        max: Some(500),
        also: None,
        caption: None,
        optional: true,
    },
    native_link: true,
    media: MediaRule {
        max: 20,
        image: Some(ImageRule {
            max: 20,
            bytes: 8_000_000,
            pixels: None,
            side: None,
            mimes: &["image/jpeg", "image/png"],
        }),
        video: Some(VideoRule { max: 20, bytes: 1_000_000_000, mimes: &["video/mp4", "video/quicktime"] }),
        file: None,
        mixed: true,
        alt: Some((Unit::Scalars, 1000)),
        required: false,
    },
    // how long a poll is open is not ours to say; `encode` tells who asks for another time than a day
    poll: Some(PollRule { options: (2, 4), option: 25, seconds: (60, 31_536_000), with_media: false }),
    threads: true,
    quotes: true,
    location: true,
    card: Card::Network,
    repeat: Repeat::Find,
    document: Some("threads"),
    ..Spec::PLAIN
};

static SPEC: Spec = FACTS;
/// Where there is no link card (media, a poll) the link stands in the text; what has no id cannot be quoted.
static LINK_IN_TEXT: Spec = Spec { native_link: false, ..FACTS };
static QUOTE_AS_LINK: Spec = Spec { quotes: false, ..FACTS };
static BOTH_IN_TEXT: Spec = Spec { native_link: false, quotes: false, ..FACTS };

/// What Threads' own numbers mean.
/// <https://developers.facebook.com/documentation/threads/troubleshooting>, 2026-11-22; the subcodes were seen.
const MEANINGS: &[Meaning] = &[
    meaning(24, None, Kind::Unavailable, "it is not ready yet"),
    meaning(9, None, Kind::Limited, QUOTA),
    meaning(4, Some(2_207_051), Kind::Forbidden, "Threads takes it for spam; look at the account there before you go on"),
    meaning(100, Some(4_279_071), Kind::Rejected, "choose another `topic_tag`"),
];
const QUOTA: &str = "250 posts and 1000 replies a day are the most; the day is the last 24 hours";
/// When what is not ready is asked for again.
const SOON: TimeDelta = TimeDelta::seconds(10);
/// The day's posts become free one by one; nothing says when.
const NEXT_HOUR: TimeDelta = TimeDelta::hours(1);
/// So many posts are read back.
const PAGE: usize = 50;

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn limits(&self, _about: &Value) -> Limits {
        Limits { image_shape: Some(((1, 10), (10, 1))), video_seconds: Some(300), ..Limits::of(&SPEC) }
    }

    fn render(&self, ask: &Ask) -> Rendered {
        let content = ask.content;
        let card = content.poll.is_none() && content.posts.first().is_none_or(|post| post.media.is_empty());
        let spec = match (card, matches!(content.quote, Some(Reference::Url(_)))) {
            (true, false) => &SPEC,
            (false, false) => &LINK_IN_TEXT,
            (true, true) => &QUOTE_AS_LINK,
            (false, true) => &BOTH_IN_TEXT,
        };
        standard(spec, ask, &|ask, piece| self.encode(ask, piece))
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        encode::encode(ask, piece)
    }

    async fn prepare(&self, cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
        let mut state = State::of(&post.state);
        if let Some(parent) = parent(post) {
            state.more.insert("reply_to_id".into(), parent.to_string());
        }
        if let Some(Reference::Ours(quoted)) = &post.quote {
            state.more.insert("quote_post_id".into(), quoted.id.clone());
        }
        if let Some(place) = post.payload["place"].as_object()
            && !state.more.contains_key("location_id")
        {
            state.more.insert("location_id".into(), self.place(cx, &json!(place)).await?);
        }
        container::prepare(cx, post, &Threads, state).await
    }

    async fn publish(&self, cx: &Cx<'_>, _post: &Post, ready: &Value) -> Result<Receipt, Fault> {
        let form = vec![("creation_id".to_string(), container::to_show(ready)?)];
        let answer = cx.call(request(cx, Method::POST, "me/threads_publish")?.body(Body::Form(form))).await?;
        let id = container::id(&answer.value()["id"]).ok_or_else(|| payload_error(&answer, "id"))?;
        // it is posted, whatever becomes of this question; that it can be read is what the next part of a thread needs
        let shown = cx.call(request(cx, Method::GET, &id)?.query("fields", POST_FIELDS)).await;
        let told = shown.ok().and_then(|answer| container::receipt(&answer.value())).filter(|told| told.id == id);
        Ok(told.unwrap_or_else(|| Receipt::new(id, None)))
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        let answer = cx.call(request(cx, Method::GET, "me")?.query("fields", "id,username")).await?;
        let me = answer.value();
        let id = container::id(&me["id"]).ok_or_else(|| payload_error(&answer, "id"))?;
        let name = me["username"].as_str().ok_or_else(|| payload_error(&answer, "username"))?;
        Ok(Profile { id, handle: format!("@{name}"), url: Some(format!("https://www.threads.com/@{name}")) })
    }

    async fn discover(&self, cx: &Cx<'_>) -> Result<Value, Fault> {
        let request = request(cx, Method::GET, "me/threads_publishing_limit")?.query("fields", "quota_usage,config");
        match cx.call(request).await {
            Ok(answer) => {
                let said = &answer.value()["data"][0];
                let quota = json!({
                    "used": said["quota_usage"], "total": said["config"]["quota_total"],
                    "seconds": said["config"]["quota_duration"], "at": answer.at,
                });
                Ok(json!({ "quota": quota }))
            }
            // a token that may only post
            Err(fault) if fault.kind == Kind::Forbidden => Ok(Value::Null),
            Err(fault) => Err(fault),
        }
    }

    fn explain(&self, answer: &Answer) -> Option<Fault> {
        let mut fault = graph::explain(answer, MEANINGS)?;
        match graph::code(&fault) {
            Some(24) => fault.retry_at = Some(answer.at + SOON),
            Some(9) => fault.retry_at = fault.retry_at.or(Some(answer.at + NEXT_HOUR)),
            _ => {}
        }
        Some(fault)
    }

    fn logins(&self) -> &'static [Login] {
        login::LOGINS
    }

    fn fetches(&self, _account: &super::AccountInfo, _class: &str) -> bool {
        true
    }

    fn find(&self) -> Option<&dyn Find> {
        Some(self)
    }

    fn delete(&self) -> Option<&dyn Delete> {
        Some(self)
    }

    fn twin(&self) -> Box<dyn Twin> {
        Box::new(twin::ThreadsTwin::default())
    }

    fn twin_account(&self, n: usize, _home: &std::path::Path) -> TwinAccount {
        twin::account(n)
    }

    fn setup(&self) -> &'static str {
        include_str!("setup.md")
    }
}

impl Network {
    /// The id of a place that is known by its name or where it is.
    async fn place(&self, cx: &Cx<'_>, place: &Value) -> Result<String, Fault> {
        let mut asking = request(cx, Method::GET, "location_search")?;
        for name in ["q", "latitude", "longitude"] {
            let text = match &place[name] {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => continue,
            };
            asking = asking.query(name, text);
        }
        let answer = cx.call(asking.query("fields", "id,name")).await?;
        let found = &answer.value()["data"][0]["id"];
        container::id(found).ok_or_else(|| {
            Fault::new(Kind::Rejected, "Threads knows no such place; give `location` another `name` or an `id.threads`")
        })
    }
}

/// The id of what the part replies to.
fn parent(post: &Post) -> Option<&str> {
    let receipt = match (&post.parent, &post.reply_to) {
        (Some(receipt), _) | (None, Some(Reference::Ours(receipt))) => receipt,
        _ => return None,
    };
    Some(receipt.id.as_str()).filter(|id| !id.is_empty())
}

#[async_trait]
impl Find for Network {
    async fn find(&self, cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
        let shown = container::shown(cx, &Threads, ready).await?;
        let parent = parent(post);
        let path = if parent.is_some() { "me/replies" } else { "me/threads" };
        let asking = request(cx, Method::GET, path)?.query("fields", POST_FIELDS).query("limit", PAGE.to_string());
        let (list, since) = match cx.call(asking).await {
            Ok(answer) => (listed(&answer.value()), answer.by_their_clock(since)),
            // replies may be read by permission only
            Err(fault) if fault.kind == Kind::Forbidden && shown.is_some() => (Vec::new(), since),
            Err(fault) => return Err(fault),
        };
        let whole = list.len() < PAGE || list.last().and_then(|one| one.at).is_some_and(|at| at < since);
        Ok(container::among(&list, &post.text.text, parent, since, shown, whole))
    }
}

#[async_trait]
impl Delete for Network {
    async fn delete(&self, cx: &Cx<'_>, receipt: &Receipt) -> Result<(), Fault> {
        if receipt.id.is_empty() {
            return Err(Fault::local("Threads deletes posts by their id, which is not known; delete it there by hand"));
        }
        match cx.call(request(cx, Method::DELETE, &receipt.id)?).await {
            Ok(_) => Ok(()),
            Err(fault) if fault.effect == Effect::None && matches!(fault.code.as_deref(), Some("100/33")) => Ok(()),
            Err(fault) if graph::code(&fault) == Some(24) => Ok(()),
            Err(fault) => Err(fault),
        }
    }
}
