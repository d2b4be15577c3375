//! Instagram: professional accounts, through Instagram's own login or through Facebook's.
//!
//! A container that nobody sees is made and waited for, then one request shows it. Pictures are fetched from a public address; reels
//! are uploaded where the login is Facebook's. A container says whether it was shown, which settles a lost answer.

mod api;
mod encode;
mod login;
#[cfg(test)]
mod login_tests;
mod targets;
#[cfg(test)]
mod tests;
mod twin;
mod twin_facebook;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use self::api::{FACEBOOK, Instagram, MEDIA_FIELDS, Via, listed, number, request, user, via};
use super::container::{self, State};
use super::graph::{self, Meaning, meaning};
use super::{
    Ask, Cx, Delete, Extra, Field, FieldKind, Find, Found, ImageRule, Limits, MediaRule, Piece, Platform, Post,
    Profile, Ready, Receipt, Rendered, Repeat, Server, Spec, Targets, TextRule, TwinAccount, VideoRule, payload_error,
    standard,
};
use crate::login::Login;
use crate::net::{Answer, Body, Effect, Fault, Kind, Method};
use crate::text::{Markup, Unit};
use crate::twin::Twin;

/// Instagram.
#[derive(Debug)]
pub struct Network;

/// Where films are uploaded to.
const RUPLOAD: &str = "https://rupload.facebook.com";

const fn option(name: &'static str, kind: FieldKind, help: &'static str) -> Field {
    Field { name, kind, required: false, help }
}

static SPEC: Spec = Spec {
    name: "instagram",
    title: "Instagram",
    about: "a professional account: pictures, carousels, reels and stories, through an app of your own",
    checked: "2026-11-22",
    sources: &[
        "https://developers.facebook.com/docs/instagram-platform/content-publishing",
        "https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media",
        "https://developers.facebook.com/docs/instagram-platform/reference/error-codes",
    ],
    server: Server::Fixed("https://graph.instagram.com"),
    api: Some(graph::API),
    fields: &[
        Field {
            name: "token",
            kind: FieldKind::Secret,
            required: true,
            help: "access token: the app's dashboard > Instagram > API setup with Instagram login > Generate access tokens",
        },
        option("via", FieldKind::Choice(&["instagram", "facebook"]), "whose login the token is of; left empty: as it was made, else Instagram's"),
        option("user", FieldKind::Text, "the number of the Instagram account; needed where the token is Facebook's"),
        option("page", FieldKind::Text, "the number of the page that the account belongs to (Facebook's login)"),
        option(graph::VERSION, FieldKind::Text, "another version of the API than `v26.0`"),
    ],
    options: &[
        option("story", FieldKind::Bool, "a story of 24 hours instead of a post"),
        option("collaborators", FieldKind::List, "at most 3 accounts that are asked to post it with you"),
        option("user_tags", FieldKind::Any, "who is in the picture: a list of tables with `username`, `x`, `y` (0 to 1, from the top left)"),
        option("share_to_feed", FieldKind::Bool, "a reel stands in the feed as well (the default), or in the reels tab alone"),
        option("thumb_offset", FieldKind::Number, "the frame that stands for a reel, in milliseconds"),
        option("audio_name", FieldKind::Text, "the name of a reel's own sound"),
        option("trial", FieldKind::Choice(&["manual", "performance"]), "a reel that strangers see first; who lets it out to your followers"),
        option("ai_generated", FieldKind::Bool, "mark it as made with AI"),
    ],
    text: TextRule {
        markup: Markup::Plain,
        // the documentation names no unit; this is the stricter one
        unit: Unit::Utf16,
        max: Some(2200),
        also: None,
        caption: None,
        optional: true,
    },
    media: MediaRule {
        // 20 by some of Meta's pages: `max_media`
        max: 10,
        image: Some(ImageRule { max: 20, bytes: 8_000_000, pixels: None, side: None, mimes: &["image/jpeg"] }),
        video: Some(VideoRule { max: 20, bytes: 300_000_000, mimes: &["video/mp4", "video/quicktime"] }),
        file: None,
        mixed: true,
        alt: Some((Unit::Scalars, 1000)),
        required: true,
    },
    location: true,
    comments: Some(TextRule {
        markup: Markup::Plain,
        unit: Unit::Utf16,
        max: Some(2200),
        also: None,
        caption: None,
        optional: false,
    }),
    repeat: Repeat::Find,
    document: Some("meta-graph"),
    ..Spec::PLAIN
};

const HOST: &str = "Meta could not fetch it from its public address; run `xpost doctor`, and look whether `robots.txt` lets Meta in";
const QUOTA: &str = "the day's posts are used up; the day is the last 24 hours";
const LATER: &str = "Instagram has trouble of its own";

/// What Instagram's own numbers mean.
/// <https://developers.facebook.com/docs/instagram-platform/reference/error-codes>, 2026-11-22.
const MEANINGS: &[Meaning] = &[
    meaning(9, Some(2_207_042), Kind::Limited, QUOTA),
    meaning(4, Some(2_207_051), Kind::Forbidden, "Instagram takes it for spam; look at the account there before you go on"),
    meaning(9004, Some(2_207_052), Kind::Rejected, HOST),
    meaning(9007, Some(2_207_027), Kind::Unavailable, "it is not ready yet"),
    meaning(36_000, Some(2_207_004), Kind::Rejected, "the picture is too large"),
    meaning(36_001, Some(2_207_005), Kind::Rejected, "the picture must be a JPEG"),
    meaning(36_003, Some(2_207_009), Kind::Rejected, "the picture must be between 4:5 and 1.91:1; `pad_images` gives it bars"),
    meaning(36_004, Some(2_207_010), Kind::Rejected, "the text is too long"),
    meaning(352, Some(2_207_026), Kind::Rejected, "export the film as MP4 with H.264 and AAC"),
    meaning(24, Some(2_207_006), Kind::Unavailable, "its container is gone"),
    meaning(24, Some(2_207_008), Kind::Unavailable, "it is not there yet"),
    Meaning { code: -1, subcode: Some(2_207_001), kind: Kind::Unavailable, effect: Effect::Maybe, hint: LATER },
    Meaning { code: -1, subcode: Some(2_207_032), kind: Kind::Unavailable, effect: Effect::Maybe, hint: LATER },
    Meaning { code: -1, subcode: Some(2_207_053), kind: Kind::Unavailable, effect: Effect::Maybe, hint: LATER },
    meaning(-2, Some(2_207_003), Kind::Unavailable, "Meta took too long to fetch it"),
    meaning(-2, Some(2_207_020), Kind::Unavailable, "its container has expired"),
    meaning(25, Some(2_207_050), Kind::Forbidden, "the account is restricted; open Instagram and do what it asks for"),
    meaning(100, Some(2_207_028), Kind::Rejected, "a carousel has 2 to 10 pictures and films; lower `max_media`"),
    meaning(100, Some(2_207_040), Kind::Rejected, "there are too many mentions"),
    meaning(9, None, Kind::Limited, QUOTA),
];

/// When what is not ready is asked for again, and what is not there yet.
const SOON: TimeDelta = TimeDelta::seconds(10);
const IN_A_MINUTE: TimeDelta = TimeDelta::seconds(60);
/// The day's posts become free one by one; nothing says when.
const NEXT_HOUR: TimeDelta = TimeDelta::hours(1);
/// So many posts are read back.
const LOOK_BACK: usize = 25;

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn limits(&self, _about: &Value) -> Limits {
        Limits { image_shape: Some(((4, 5), (191, 100))), video_seconds: Some(900), ..Limits::of(&SPEC) }
    }

    fn extras(&self) -> &'static [Extra] {
        &[Extra::Thumbnail]
    }

    /// A story has other limits than a post.
    fn render(&self, ask: &Ask) -> Rendered {
        let mut limits = ask.limits.clone();
        if encode::story(ask) {
            (limits.image_shape, limits.video_seconds) = (None, Some(60));
            limits.video_bytes = limits.video_bytes.min(100_000_000);
        }
        let ask = Ask { content: ask.content, account: ask.account, limits: &limits };
        standard(&SPEC, &ask, &|ask, piece| self.encode(ask, piece))
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        encode::encode(ask, piece)
    }

    async fn prepare(&self, cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
        if post.comment {
            return Ok(Ready::Now(Value::Null));
        }
        container::prepare(cx, post, &Instagram, State::of(&post.state)).await
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Receipt, Fault> {
        if post.comment {
            let form = vec![("message".to_string(), message(post).to_string())];
            let path = format!("{}/comments", below(post)?);
            let answer = cx.call(request(cx, Method::POST, &path)?.body(Body::Form(form))).await?;
            let id = container::id(&answer.value()["id"]).ok_or_else(|| payload_error(&answer, "id"))?;
            return Ok(comment(id));
        }
        let form = vec![("creation_id".to_string(), container::to_show(ready)?)];
        let path = format!("{}/media_publish", user(cx)?);
        let answer = cx.call(request(cx, Method::POST, &path)?.body(Body::Form(form))).await?;
        let id = container::id(&answer.value()["id"]).ok_or_else(|| payload_error(&answer, "id"))?;
        // it is posted, whatever becomes of this question
        let shown = cx.call(request(cx, Method::GET, &id)?.query("fields", MEDIA_FIELDS)).await;
        let told = shown.ok().and_then(|answer| container::receipt(&answer.value())).filter(|told| told.id == id);
        Ok(told.unwrap_or_else(|| Receipt::new(id, None)))
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        let (path, fields) = match (via(cx), number(cx)) {
            (Via::Instagram, _) => ("me".to_string(), "user_id,username,account_type"),
            (Via::Facebook, None) => ("me".to_string(), "id,name"),
            (Via::Facebook, Some(own)) => (own, "id,username"),
        };
        let answer = cx.call(request(cx, Method::GET, &path)?.query("fields", fields)).await?;
        let me = answer.value();
        let id = container::id(&me["user_id"]).or_else(|| container::id(&me["id"]));
        let id = id.ok_or_else(|| payload_error(&answer, "id"))?;
        match (me["username"].as_str(), me["name"].as_str()) {
            (Some(name), _) => {
                Ok(Profile { id, handle: format!("@{name}"), url: Some(format!("https://www.instagram.com/{name}/")) })
            }
            (None, Some(name)) => Ok(Profile { id, handle: name.to_string(), url: None }),
            (None, None) => Err(payload_error(&answer, "username")),
        }
    }

    async fn discover(&self, cx: &Cx<'_>) -> Result<Value, Fault> {
        // a login at Facebook alone posts nothing and has no quota
        let Ok(user) = user(cx) else { return Ok(Value::Null) };
        let path = format!("{user}/content_publishing_limit");
        match cx.call(request(cx, Method::GET, &path)?.query("fields", "quota_usage,config")).await {
            Ok(answer) => {
                let said = &answer.value()["data"][0];
                let quota = json!({
                    "used": said["quota_usage"], "total": said["config"]["quota_total"],
                    "seconds": said["config"]["quota_duration"], "at": answer.at,
                });
                Ok(json!({ "quota": quota }))
            }
            Err(fault) if fault.kind == Kind::Forbidden => Ok(Value::Null),
            Err(fault) => Err(fault),
        }
    }

    fn explain(&self, answer: &Answer) -> Option<Fault> {
        let mut fault = graph::explain(answer, MEANINGS)?;
        match (graph::code(&fault), fault.code.as_deref()) {
            (Some(9007), _) => fault.retry_at = Some(answer.at + SOON),
            (_, Some("24/2207008")) => fault.retry_at = Some(answer.at + IN_A_MINUTE),
            (Some(9), _) => fault.retry_at = fault.retry_at.or(Some(answer.at + NEXT_HOUR)),
            _ => {}
        }
        Some(fault)
    }

    fn logins(&self) -> &'static [Login] {
        login::LOGINS
    }

    /// Through Facebook's login a reel is uploaded; a film in a carousel or a story is fetched all the same.
    fn fetches(&self, account: &super::AccountInfo, class: &str) -> bool {
        class == "image" || account.setting("via") != "facebook"
    }

    fn hosts(&self, cx: &Cx<'_>) -> Vec<String> {
        match via(cx) {
            Via::Instagram => Vec::new(),
            Via::Facebook => vec![FACEBOOK.to_string(), RUPLOAD.to_string()],
        }
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

    fn twin(&self) -> Box<dyn Twin> {
        Box::new(twin::InstagramTwin::default())
    }

    fn twin_account(&self, n: usize, _home: &std::path::Path) -> TwinAccount {
        twin::account(n)
    }

    fn setup(&self) -> &'static str {
        include_str!("setup.md")
    }
}

/// What a comment says.
fn message(post: &Post) -> &str {
    post.payload["message"].as_str().unwrap_or_default()
}

/// The post that a comment stands below.
fn below(post: &Post) -> Result<&str, Fault> {
    let id = post.root.as_ref().map(|root| root.id.as_str()).filter(|id| !id.is_empty());
    id.ok_or_else(|| Fault::local("the id of the post that the comment belongs to is not known; write it there by hand"))
}

/// A comment has no address of its own.
fn comment(id: String) -> Receipt {
    Receipt::new(id, None).extra(json!({ "comment": true }))
}

#[async_trait]
impl Find for Network {
    async fn find(&self, cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
        if post.comment {
            let path = format!("{}/comments", below(post)?);
            let answer = cx.call(request(cx, Method::GET, &path)?.query("fields", "id,text,timestamp")).await?;
            let mut list = listed(&answer.value());
            for one in &mut list {
                one.receipt = comment(std::mem::take(&mut one.receipt.id));
            }
            let whole = answer.value()["paging"]["next"].is_null();
            let since = answer.by_their_clock(since);
            return Ok(container::among(&list, message(post), None, since, None, whole));
        }
        let shown = container::shown(cx, &Instagram, ready).await?;
        let containers = post.payload["containers"].as_array();
        let whole = containers.and_then(|all| all.last()).cloned().unwrap_or_default();
        let edge = if whole["media_type"] == "STORIES" { "stories" } else { "media" };
        let path = format!("{}/{edge}", user(cx)?);
        let asking = request(cx, Method::GET, &path)?.query("fields", MEDIA_FIELDS).query("limit", LOOK_BACK.to_string());
        let answer = cx.call(asking).await?;
        let list = listed(&answer.value());
        let since = answer.by_their_clock(since);
        let reached = list.len() < LOOK_BACK || list.last().and_then(|one| one.at).is_some_and(|at| at < since);
        let text = whole["caption"].as_str().unwrap_or_default();
        Ok(container::among(&list, text, None, since, shown, reached))
    }
}

#[async_trait]
impl Delete for Network {
    /// Comments go through either login; posts through Facebook's alone, as Meta has it and documents in no version so far.
    async fn delete(&self, cx: &Cx<'_>, receipt: &Receipt) -> Result<(), Fault> {
        if receipt.id.is_empty() {
            return Err(Fault::local("Instagram deletes posts by their id, which is not known; delete it in the app"));
        }
        if via(cx) == Via::Instagram && receipt.extra["comment"] != true {
            let why = "Instagram deletes posts only for accounts that are logged in to through Facebook; delete it in the app, or \
                       `xpost account add instagram --with facebook`";
            return Err(Fault::new(Kind::Unsupported, why));
        }
        match cx.call(request(cx, Method::DELETE, &receipt.id)?).await {
            Ok(_) => Ok(()),
            Err(fault) if fault.effect == Effect::None && matches!(fault.code.as_deref(), Some("100/33" | "24/2207006")) => {
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }
}
