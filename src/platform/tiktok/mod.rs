//! TikTok: films and photo posts through the Content Posting API, or drafts in the app's inbox.
//!
//! What the world can see hangs on one request: for a film that is sent it is the last piece of the file (an opened post without its
//! file is nothing), for what TikTok fetches it is the request that opens the post. From then on TikTok is asked what became of it.

mod api;
mod encode;
mod explain;
mod film;
mod find;
mod login;
#[cfg(test)]
mod login_tests;
#[cfg(test)]
mod tests;
mod twin;
mod twin_oauth;

use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::api::Fate;
use self::film::Film;
use super::upload::{self, Cut, Last, Stage};
use super::{
    AccountInfo, Ask, Cx, Field, FieldKind, Find, ImageRule, Limits, MediaRule, Piece, Platform, Post, Profile, Ready,
    Receipt, Rendered, Repeat, Server, Spec, TextRule, Title, TwinAccount, VideoRule, fit, payload_error,
};
use crate::draft::Visibility;
use crate::login::Login;
use crate::net::{Answer, Fault, Kind, Method};
use crate::text::{Markup, Unit};
use crate::twin::Twin;

/// TikTok.
pub struct Network;

/// Pieces of 5 to 64 MB (decimal) are taken, the last up to 128 MB; a file under 5 MB must go whole. 4 GB are 400 of these.
/// <https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide>, 2026-11-22.
const CHUNK: Cut = Cut { size: 10_000_000, last: Last::Longer };
/// Longest caption of a film and longest description of a photo post.
const CAPTION: usize = 2200;
const DESCRIPTION: usize = 4000;
/// Longest film that TikTok takes from programs; what a creator may post is told by `discover`.
const FILM_SECONDS: u64 = 600;

const SPEC: Spec = Spec {
    name: "tiktok",
    title: "TikTok",
    about: "films and photo posts on TikTok, or drafts in its app",
    checked: "2026-11-22",
    sources: &[
        "https://developers.tiktok.com/doc/content-posting-api-reference-direct-post",
        "https://developers.tiktok.com/doc/content-posting-api-reference-photo-post",
        "https://developers.tiktok.com/doc/content-posting-api-reference-upload-video",
        "https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide",
        "https://developers.tiktok.com/doc/content-posting-api-reference-get-video-status",
        "https://developers.tiktok.com/doc/login-kit-desktop",
    ],
    server: Server::Fixed(api::SERVER),
    fields: &[
        Field {
            name: "token",
            kind: FieldKind::Secret,
            required: true,
            help: "an access token of your app's; `--with browser` gets one that renews itself",
        },
        Field {
            name: "privacy",
            kind: FieldKind::Choice(encode::PRIVACIES),
            required: false,
            help: "who may see posts; apps that TikTok has not audited can post as `self` only",
        },
        Field {
            name: "draft",
            kind: FieldKind::Bool,
            required: false,
            help: "send drafts to the app's inbox instead of posting",
        },
        Field {
            name: "source",
            kind: FieldKind::Choice(&["file", "pull"]),
            required: false,
            help: "`pull`: TikTok fetches films from your media host, too (pictures it always fetches)",
        },
    ],
    options: &[
        Field {
            name: "privacy",
            kind: FieldKind::Choice(encode::PRIVACIES),
            required: false,
            help: "who may see it; the account's settings at TikTok decide what may be chosen",
        },
        Field {
            name: "draft",
            kind: FieldKind::Bool,
            required: false,
            help: "put it into the app's inbox, where you finish it, instead of posting it",
        },
        Field { name: "comments", kind: FieldKind::Bool, required: false, help: "whether people may comment" },
        Field {
            name: "duet",
            kind: FieldKind::Bool,
            required: false,
            help: "whether people may make duets with the film",
        },
        Field { name: "stitch", kind: FieldKind::Bool, required: false, help: "whether people may stitch the film" },
        Field {
            name: "cover",
            kind: FieldKind::Number,
            required: false,
            help: "the cover: a film's second (`2.5`), or a picture's number (`1` is the first)",
        },
        Field {
            name: "paid_partnership",
            kind: FieldKind::Bool,
            required: false,
            help: "discloses that somebody pays for it (branded content)",
        },
        Field {
            name: "own_business",
            kind: FieldKind::Bool,
            required: false,
            help: "discloses that it promotes your own business",
        },
        Field { name: "ai_generated", kind: FieldKind::Bool, required: false, help: "labels the film as made with AI" },
        Field { name: "music", kind: FieldKind::Bool, required: false, help: "lets TikTok put music to a photo post" },
    ],
    text: TextRule {
        markup: Markup::Plain,
        unit: Unit::Utf16,
        max: Some(CAPTION),
        also: None,
        caption: None,
        optional: true,
    },
    title_rule: Title::Line,
    media: MediaRule {
        max: 35,
        image: Some(ImageRule {
            max: 35,
            bytes: 20_000_000,
            // up to 1080p: what is larger is drawn anew
            pixels: Some(1080 * 1920),
            side: Some(1920),
            mimes: &["image/jpeg", "image/webp"],
        }),
        video: Some(VideoRule { max: 1, bytes: 4_000_000_000, mimes: &["video/mp4", "video/quicktime", "video/webm"] }),
        required: true,
        ..MediaRule::NONE
    },
    visibility: &[Visibility::Public, Visibility::Followers],
    repeat: Repeat::Find,
    // six posts may be opened in a minute
    pace: Duration::from_secs(10),
    ..Spec::PLAIN
};

static FILMS: Spec = SPEC;
/// A photo post has a title, and more room.
static PHOTOS: Spec = Spec {
    text: TextRule { max: Some(DESCRIPTION), ..SPEC.text },
    title_rule: Title::Native { max: encode::TITLE, required: false },
    ..SPEC
};

/// What `prepare` has finished, and `publish` learnt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// TikTok's id of a post that is on its way: what it can be asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    publish_id: Option<String>,
    film: upload::State,
}

/// A part as it was planned.
struct Plan<'a> {
    post: &'a Post,
    path: &'a str,
    body: &'a Value,
}

impl<'a> Plan<'a> {
    fn of(post: &'a Post) -> Result<Plan<'a>, Fault> {
        let path = post.payload["path"].as_str();
        let path = path.ok_or_else(|| Fault::local("the planned request has no `path`"))?;
        Ok(Plan { post, path, body: &post.payload["body"] })
    }

    /// Whether the file is sent, not fetched.
    fn sent(&self) -> bool {
        self.body["source_info"]["source"] == "FILE_UPLOAD"
    }

    /// Bytes of a file that is sent.
    fn total(&self) -> Option<u64> {
        self.post.media.first().filter(|_| self.sent()).map(|one| one.media.bytes)
    }

    fn film(&self) -> Film<'a> {
        Film { path: self.path, body: self.body }
    }

    /// Whether it goes to the inbox, for which the creator's settings do not matter.
    fn draft(&self) -> bool {
        self.path.contains("/inbox/") || self.body["post_mode"] == "MEDIA_UPLOAD"
    }
}

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &FILMS
    }

    fn limits(&self, about: &Value) -> Limits {
        let seconds = about["video_seconds"].as_u64().filter(|seconds| *seconds > 0).unwrap_or(FILM_SECONDS);
        Limits { video_seconds: Some(seconds), ..Limits::of(&FILMS) }
    }

    /// The rule for all; a photo post has a title of its own and more room for words.
    fn render(&self, ask: &Ask) -> Rendered {
        let mut media = ask.content.posts.iter().flat_map(|post| &post.media);
        let photos = media.any(|one| one.media.class() == "image");
        if !photos {
            return fit::standard(&FILMS, ask, &|ask, piece| self.encode(ask, piece));
        }
        // the person's own word on the length of a text stays
        let text = if ask.limits.text == Some(CAPTION) { Some(DESCRIPTION) } else { ask.limits.text };
        let limits = Limits { text, ..ask.limits.clone() };
        fit::standard(&PHOTOS, &Ask { limits: &limits, ..ask.clone() }, &|ask, piece| self.encode(ask, piece))
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        encode::encode(ask, piece)
    }

    async fn prepare(&self, cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
        let plan = Plan::of(post)?;
        let mut state: State = serde_json::from_value(post.state.clone()).unwrap_or_default();
        if state == State::default() && !plan.draft() {
            // TikTok demands that the creator's settings be looked at before each post
            let creator = api::creator(cx).await?;
            allowed(&plan, &creator)?;
        }
        if !plan.sent() {
            let id = going(cx, &state).await?;
            for one in &post.media {
                cx.public_url(&one.media).await?;
            }
            return Ok(Ready::Now(json!({ "publish_id": id })));
        }
        let media = &post.media.first().ok_or_else(|| Fault::local("the planned request has no film"))?.media;
        let keep = |film: &upload::State| json!(State { publish_id: None, film: film.clone() });
        match upload::run(cx, &plan.film(), media, &mut state.film, &keep).await? {
            Stage::There(session) => Ok(Ready::Now(json!({"publish_id": film::id(&session), "film": state.film}))),
            Stage::Busy(at) => Ok(Ready::Later { state: json!(state), at }),
        }
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Receipt, Fault> {
        let plan = Plan::of(post)?;
        let mut state: State = serde_json::from_value(ready.clone()).unwrap_or_default();
        let id = match (plan.sent(), state.publish_id.clone()) {
            (true, Some(id)) => {
                let media = &post.media.first().ok_or_else(|| Fault::local("the planned request has no film"))?.media;
                if upload::last(cx, &plan.film(), media, &mut state.film).await?.is_some() {
                    // TikTok said that it has it, whatever its books say in the next seconds
                    let taken = State { publish_id: Some(id.clone()), film: state.film };
                    cx.save(&json!(taken)).await.map_err(Fault::maybe)?;
                }
                id
            }
            (true, None) => return Err(Fault::local("the film's post was not opened; run `xpost retry`")),
            (false, Some(id)) => id,
            (false, None) => {
                let id = open(cx, &plan).await?;
                // without the id nobody could ask what became of it
                cx.save(&json!(State { publish_id: Some(id.clone()), ..State::default() }))
                    .await
                    .map_err(Fault::maybe)?;
                id
            }
        };
        match api::fate(cx, &id, plan.total()).await.map_err(Fault::maybe)? {
            Fate::Posted(number) => {
                fetched(cx, &plan).await;
                Ok(receipt(cx, post, &id, number.as_deref(), false))
            }
            Fate::Inbox => {
                fetched(cx, &plan).await;
                Ok(receipt(cx, post, &id, None, true))
            }
            Fate::Failed(fault) => Err(fault),
            Fate::Working | Fate::Incomplete(_) => Err(api::working(chrono::Utc::now())),
        }
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        let request = api::request(cx, Method::GET, "/v2/user/info/")?.query("fields", "open_id,display_name");
        let answer = cx.call(request).await?;
        let value = answer.value();
        let user = &value["data"]["user"];
        let id = user["open_id"].as_str().ok_or_else(|| payload_error(&answer, "open_id"))?;
        let name = match api::creator(cx).await {
            Ok(creator) => creator["username"].as_str().map(str::to_string),
            // a login for drafts alone
            Err(fault) if fault.kind == Kind::Forbidden => None,
            Err(fault) => return Err(fault),
        };
        let display = user["display_name"].as_str().unwrap_or(id).to_string();
        Ok(Profile {
            id: id.to_string(),
            handle: name.as_ref().map_or(display, |name| format!("@{name}")),
            url: name.map(|name| profile(&name)),
        })
    }

    async fn discover(&self, cx: &Cx<'_>) -> Result<Value, Fault> {
        match api::creator(cx).await {
            Err(fault) if fault.kind == Kind::Forbidden => Ok(json!({})),
            creator => creator,
        }
    }

    fn explain(&self, answer: &Answer) -> Option<Fault> {
        explain::explain(answer)
    }

    fn logins(&self) -> &'static [Login] {
        login::LOGINS
    }

    fn fetches(&self, account: &AccountInfo, class: &str) -> bool {
        class == "image" || account.setting("source") == "pull"
    }

    fn find(&self) -> Option<&dyn Find> {
        Some(self)
    }

    fn twin(&self) -> Box<dyn Twin> {
        Box::new(twin::TikTok::default())
    }

    fn twin_account(&self, n: usize, _home: &std::path::Path) -> TwinAccount {
        let settings = match n {
            1 => json!({"privacy": "public", "source": "pull"}),
            _ => json!({"privacy": "public"}),
        };
        TwinAccount {
            server: api::SERVER.into(),
            settings,
            secrets: [("token".to_string(), SecretString::from(twin::token(n)))].into(),
        }
    }

    fn setup(&self) -> &'static str {
        include_str!("setup.md")
    }
}

/// What the creator's settings say against the planned request, which may be older than they are.
fn allowed(plan: &Plan<'_>, creator: &Value) -> Result<(), Fault> {
    let refuse = |why: String| Err(Fault::new(Kind::Rejected, why));
    let info = &plan.body["post_info"];
    let level = &info["privacy_level"];
    let offered = creator["privacy"].as_array();
    if level.is_null() {
        return refuse("the plan does not say who may see it; set the account's `privacy` and plan it again".into());
    }
    if offered.is_some_and(|offered| !offered.contains(level)) {
        return refuse(format!(
            "the account may not post as {level} any more; run `xpost account check`, then choose another `privacy`"
        ));
    }
    for name in ["comment", "duet", "stitch"] {
        if creator[format!("{name}_disabled")] == true && info[format!("disable_{name}")] == false {
            return refuse(format!(
                "the account has switched `{name}` off at TikTok meanwhile; run `xpost account check` and publish again"
            ));
        }
    }
    let film = plan.post.media.first().filter(|one| one.media.class() == "video");
    match (film.and_then(|one| one.media.about.millis), creator["video_seconds"].as_u64().filter(|most| *most > 0)) {
        (Some(millis), Some(most)) if millis > most * 1000 => {
            refuse(format!("the film is {:.1} s long, {most} s are allowed for this account", millis as f64 / 1000.0))
        }
        _ => Ok(()),
    }
}

/// The post that an earlier run opened for what TikTok fetches, unless it came to nothing.
async fn going(cx: &Cx<'_>, state: &State) -> Result<Option<String>, Fault> {
    let Some(id) = &state.publish_id else { return Ok(None) };
    match api::fate(cx, id, None).await? {
        Fate::Failed(fault) => {
            cx.save(&Value::Null).await?;
            if fault.kind.transient() { Ok(None) } else { Err(fault) }
        }
        _ => Ok(Some(id.clone())),
    }
}

/// Opens the post of media that TikTok fetches: from here on it goes its way.
async fn open(cx: &Cx<'_>, plan: &Plan<'_>) -> Result<String, Fault> {
    let mut urls = Vec::new();
    for one in &plan.post.media {
        urls.push(cx.public_url(&one.media).await?.url.expose_secret().to_string());
    }
    let mut body = plan.body.clone();
    match body["media_type"] == "PHOTO" {
        true => body["source_info"]["photo_images"] = json!(urls),
        false => body["source_info"]["video_url"] = json!(urls.first()),
    }
    let answer = cx.call(api::request(cx, Method::POST, plan.path)?.json(body)).await?;
    let value = answer.value();
    let id = value["data"]["publish_id"].as_str().filter(|id| !id.is_empty());
    id.map(str::to_string).ok_or_else(|| payload_error(&answer, "publish_id"))
}

/// TikTok has what it fetched. That it could not be written down is no reason to call the post lost.
async fn fetched(cx: &Cx<'_>, plan: &Plan<'_>) {
    for one in plan.post.media.iter().filter(|_| !plan.sent()) {
        if let Err(fault) = cx.fetched(&one.media).await {
            tracing::debug!(account = cx.account.name, "the media host keeps a file for longer: {}", fault.message);
        }
    }
}

fn profile(name: &str) -> String {
    format!("https://www.tiktok.com/@{name}")
}

/// What is known of a post. Its own address there is only when everybody may see it and moderation is over; until then the profile's.
fn receipt(cx: &Cx<'_>, post: &Post, id: &str, number: Option<&str>, inbox: bool) -> Receipt {
    let name = cx.account.about["username"].as_str().or(cx.account.handle.strip_prefix('@')).unwrap_or_default();
    let kind = if post.payload["body"]["media_type"] == "PHOTO" { "photo" } else { "video" };
    let url = match number {
        _ if name.is_empty() || inbox => None,
        Some(number) => Some(format!("{}/{kind}/{number}", profile(name))),
        None => Some(profile(name)),
    };
    let waits = if inbox { "inbox" } else { "moderation" };
    match number {
        Some(number) => Receipt::new(number, url),
        None => Receipt::new(id, url).extra(json!({"publish_id": id, "pending": waits})),
    }
}
