//! Facebook: pages, through Meta's Graph API. People and groups cannot be posted to.

mod encode;
mod explain;
mod find;
mod login;
mod pages;
#[cfg(test)]
mod tests;
mod twin;
mod twin_media;
mod twin_oauth;
mod upload;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Ask, Card, Cx, Delete, Edit, Field, FieldKind, Find, ImageRule, MediaRule, Piece, PlanNote, Platform, Post, Profile,
    Ready, Receipt, Rendered, Repeat, Server, Spec, Targets, TextRule, Title, TwinAccount, VideoRule, fit, graph,
    payload_error,
};
use crate::login::Login;
use crate::net::{Answer, Body, Effect, Fault, Kind, Method};
use crate::text::{Markup, Unit};
use crate::twin::Twin;

/// The network.
#[derive(Debug)]
pub struct Network;

const GRAPH: &str = "https://graph.facebook.com";
/// Films are posted here.
const FILMS: &str = "https://graph-video.facebook.com";
/// The bytes of reels go here.
const RUPLOAD: &str = "https://rupload.facebook.com";

/// Pictures of more bytes are refused: 4 MB on one page of the documentation, 10 MB on another.
const PHOTO_BYTES: u64 = 4_000_000;
/// What a film is asked about before a comment can stand below it.
const PAUSE: TimeDelta = TimeDelta::seconds(10);
/// A film that is not ready after this long gets its comment all the same.
const PROCESSING: TimeDelta = TimeDelta::minutes(30);

const FACTS: Spec = Spec {
    name: "facebook",
    title: "Facebook",
    about: "pages (no profiles, no groups), through an app of your own",
    checked: "2026-11-22",
    sources: &[
        "https://developers.facebook.com/docs/pages-api/posts (v25.0)",
        "https://developers.facebook.com/docs/graph-api/reference/page/photos/",
        "https://developers.facebook.com/docs/video-api/guides/publishing",
        "https://developers.facebook.com/docs/video-api/guides/reels-publishing",
        "https://developers.facebook.com/docs/graph-api/guides/error-handling",
    ],
    server: Server::Fixed(GRAPH),
    api: Some(graph::API),
    fields: &[
        Field {
            name: "token",
            kind: FieldKind::Secret,
            required: true,
            help: "the page's access token; a person's own will do to choose among his pages",
        },
        Field {
            name: "page",
            kind: FieldKind::Text,
            required: false,
            help: "the page's number; left empty, the page that the token is of",
        },
        Field {
            name: "app_id",
            kind: FieldKind::Text,
            required: false,
            help: "the number of the app that the token is of, for films; left empty, it is asked for",
        },
        Field {
            name: graph::VERSION,
            kind: FieldKind::Text,
            required: false,
            help: "the version of the Graph API to speak, such as `v25.0`; left empty, the newest that is known",
        },
    ],
    options: &[
        Field {
            name: "publish_at",
            kind: FieldKind::Text,
            required: false,
            help: "Facebook shows the post then: 10 minutes to 30 days ahead, such as `2026-12-01 09:00`",
        },
        Field {
            name: "video_as",
            kind: FieldKind::Choice(&["video", "reel"]),
            required: false,
            help: "what a film becomes; left out, a reel if it is upright (9:16) and has 3 to 90 s",
        },
        Field { name: "video_title", kind: FieldKind::Text, required: false, help: "the title of a film, at most 255 characters" },
        Field {
            name: "background",
            kind: FieldKind::Text,
            required: false,
            help: "the number of a coloured background, for short texts without link and media",
        },
        Field {
            name: "countries",
            kind: FieldKind::List,
            required: false,
            help: "only people in these countries see the post: two letters each, such as `[\"DE\", \"AT\"]`",
        },
    ],
    text: TextRule {
        markup: Markup::Plain,
        // no page of the documentation names the limit or its unit; the number is what other tools keep to, and UTF-16 units are
        // never fewer than characters. `max_text` overrides it
        unit: Unit::Utf16,
        max: Some(63_206),
        optional: true,
        ..Spec::PLAIN.text
    },
    title_rule: Title::Line,
    native_link: true,
    media: MediaRule {
        max: 10,
        image: Some(ImageRule {
            max: 10,
            bytes: PHOTO_BYTES,
            pixels: None,
            side: None,
            mimes: &["image/jpeg", "image/png", "image/gif", "image/bmp", "image/tiff"],
        }),
        // the documentation names no number of bytes; `max_video_bytes` overrides it
        video: Some(VideoRule { max: 1, bytes: 10_000_000_000, mimes: &["video/mp4"] }),
        // the documentation names no limit of an alt text; `max_alt` overrides it
        alt: Some((Unit::Scalars, 1000)),
        ..MediaRule::NONE
    },
    location: true,
    comments: Some(TextRule { markup: Markup::Plain, unit: Unit::Utf16, ..Spec::PLAIN.text }),
    card: Card::Network,
    repeat: Repeat::Find,
    pace: Duration::ZERO,
    document: Some("meta-graph"),
    ..Spec::PLAIN
};

static SPEC: Spec = FACTS;
/// Beside media there is no field for the link: it stands in the text.
static WITH_MEDIA: Spec = Spec { native_link: false, ..FACTS };

/// What `prepare` has finished.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// The ids of the pictures that nobody sees yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    photos: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    film: Option<super::upload::State>,
    /// What refers to the film: a handle, or the id of a reel.
    #[serde(skip_serializing_if = "Option::is_none")]
    handle: Option<String>,
    /// Since when the film is waited for that the comment stands below.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<DateTime<Utc>>,
}

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// The rule for all, with two differences: beside media the link stands in the text, and a post that waits gets no comment.
    fn render(&self, ask: &Ask) -> Rendered {
        let mut content = ask.content.clone();
        let waits = content.option("publish_at").is_some();
        let comment = content.comment.take_if(|_| waits);
        let media = content.posts.iter().any(|post| !post.media.is_empty());
        let inner = Ask { content: &content, account: ask.account, limits: ask.limits };
        let spec = if media { &WITH_MEDIA } else { &SPEC };
        let mut rendered = fit::standard(spec, &inner, &|ask, piece| self.encode(ask, piece));
        // films have no alt texts there, so none is missed
        if rendered.parts.iter().flat_map(|part| &part.media).any(|one| one.media.class() == "video") {
            rendered.warnings.retain(|note| note.code != "missing_alt");
        }
        if comment.is_some() {
            let message = "nothing can stand below a post that Facebook does not show yet; `comment` is left out";
            rendered.warnings.push(PlanNote::new("comment_left_out", message));
        }
        rendered
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        encode::encode(ask, piece)
    }

    /// Pictures and films go up unseen; a comment waits until the film is ready that it stands below.
    async fn prepare(&self, cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
        let mut state: State = serde_json::from_value(post.state.clone()).unwrap_or_default();
        let (edge, fields) = planned(post)?;
        if edge == "comments" {
            return film_below(cx, post, state).await;
        }
        encode::in_time(fields, Utc::now()).map_err(|why| Fault::new(Kind::Rejected, why))?;
        let done = match edge {
            "feed" => upload::photos(cx, post, &mut state).await.map(|()| None),
            _ => upload::film(cx, post, edge, &mut state).await,
        };
        // what was uploaded and never posted is seen by nobody
        let busy = done.map_err(|fault| Fault { effect: Effect::None, ..fault })?;
        let now = if post.media.is_empty() { Value::Null } else { json!(state) };
        Ok(match busy {
            Some(at) => Ready::Later { state: now, at },
            None => Ready::Now(now),
        })
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Receipt, Fault> {
        let state: State = serde_json::from_value(ready.clone()).unwrap_or_default();
        let (edge, fields) = planned(post)?;
        let mut fields = fields.clone();
        let page = page(cx)?;
        let handle = || state.handle.clone().ok_or_else(|| Fault::local("the film was not uploaded"));
        let request = match edge {
            "comments" => graph::request(cx, Method::POST, &format!("{}/comments", root(post)?)),
            "videos" => {
                fields.insert("fbuploader_video_file_chunk".into(), json!(handle()?));
                graph::request_to(cx, FILMS, Method::POST, &format!("{page}/videos"))
            }
            "video_reels" => {
                fields.insert("upload_phase".into(), json!("finish"));
                fields.insert("video_id".into(), json!(handle()?));
                graph::request(cx, Method::POST, &format!("{page}/video_reels"))
            }
            _ => {
                if !state.photos.is_empty() {
                    let photos: Vec<Value> = state.photos.iter().map(|id| json!({"media_fbid": id})).collect();
                    fields.insert("attached_media".into(), json!(photos));
                }
                graph::request(cx, Method::POST, &format!("{page}/feed"))
            }
        }?;
        let request = match edge {
            "videos" => request.body(Body::Form(encode::pairs(&fields))),
            _ => request.json(Value::Object(fields)),
        };
        let answer = cx.call(request).await?;
        let value = answer.value();
        let id = match edge {
            // it has its id since its upload
            "video_reels" if value["success"] == true || value["post_id"].is_string() => handle()?,
            "video_reels" => return Err(payload_error(&answer, "success")),
            _ => value["id"].as_str().map(str::to_string).ok_or_else(|| payload_error(&answer, "id"))?,
        };
        Ok(receipt(edge, id, post))
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        pages::whoami(cx).await
    }

    fn explain(&self, answer: &Answer) -> Option<Fault> {
        explain::explain(answer)
    }

    fn logins(&self) -> &'static [Login] {
        login::LOGINS
    }

    fn hosts(&self, _cx: &Cx<'_>) -> Vec<String> {
        vec![FILMS.into(), RUPLOAD.into()]
    }

    fn targets(&self) -> Option<&dyn Targets> {
        Some(&pages::Pages)
    }

    fn find(&self) -> Option<&dyn Find> {
        Some(&find::Reader)
    }

    fn delete(&self) -> Option<&dyn Delete> {
        Some(self)
    }

    fn edit(&self) -> Option<&dyn Edit> {
        Some(self)
    }

    fn twin(&self) -> Box<dyn Twin> {
        Box::new(twin::FacebookTwin::default())
    }

    fn twin_account(&self, n: usize, _home: &std::path::Path) -> TwinAccount {
        twin::account(n)
    }

    fn setup(&self) -> &'static str {
        include_str!("setup.md")
    }
}

#[async_trait]
impl Delete for Network {
    /// What is not there and what one may not see have the same number; the post itself tells them apart as far as can be.
    async fn delete(&self, cx: &Cx<'_>, receipt: &Receipt) -> Result<(), Fault> {
        let id = known(receipt)?;
        match cx.call(graph::request(cx, Method::DELETE, id)?).await {
            Err(fault) if explain::unknown(&fault) => {
                let there = cx.call(graph::request(cx, Method::GET, id)?.query("fields", "id")).await;
                match there {
                    Err(again) if explain::unknown(&again) => Ok(()),
                    Err(again) => Err(again),
                    Ok(_) => Err(fault),
                }
            }
            result => result.map(drop),
        }
    }
}

#[async_trait]
impl Edit for Network {
    fn can(&self, old: &Post, new: &Post) -> Result<(), String> {
        let what = |post: &Post| {
            let mut payload = post.payload.clone();
            if let Some(fields) = payload["fields"].as_object_mut() {
                fields.remove("message");
            }
            let files: Vec<(String, Option<String>)> =
                post.media.iter().map(|one| (one.media.sha256.clone(), one.alt.clone())).collect();
            (payload, files)
        };
        if !matches!(old.payload["edge"].as_str(), Some("feed" | "comments")) {
            return Err("Facebook lets no app change a film that was posted".to_string());
        }
        if what(old) == what(new) {
            Ok(())
        } else {
            Err("on Facebook only the text of a post can be changed, not its link, its media, its place or its time".to_string())
        }
    }

    async fn edit(&self, cx: &Cx<'_>, receipt: &Receipt, post: &Post) -> Result<Receipt, Fault> {
        let (_, fields) = planned(post)?;
        let message = fields.get("message").cloned().unwrap_or_else(|| json!(""));
        cx.call(graph::request(cx, Method::POST, known(receipt)?)?.json(json!({"message": message}))).await?;
        Ok(receipt.clone())
    }
}

/// What `encode` made: which edge it goes to, and its fields.
fn planned(post: &Post) -> Result<(&str, &Map<String, Value>), Fault> {
    let edge = post.payload["edge"].as_str();
    edge.zip(post.payload["fields"].as_object()).ok_or_else(|| Fault::local("the planned request has no `edge` or no `fields`"))
}

/// The page that the account posts to.
fn page(cx: &Cx<'_>) -> Result<String, Fault> {
    let page = match &cx.account.settings["page"] {
        Value::String(page) if !page.trim().is_empty() => page.trim().to_string(),
        Value::Number(page) => page.to_string(),
        _ => cx.account.remote_id.clone(),
    };
    if !page.is_empty() && page.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(page);
    }
    let name = &cx.account.name;
    let what = if page.is_empty() { "names no page".to_string() } else { format!("names the page `{page}`, which is no number") };
    Err(Fault::local(format!("account `{name}` {what}; choose one with `xpost account targets {name}`")))
}

/// The post that a comment stands below.
fn root(post: &Post) -> Result<&str, Fault> {
    known(post.root.as_ref().ok_or_else(|| Fault::local("the comment has no post to stand below"))?)
}

/// The id in a receipt. A person who settled a post by its address alone gave the id with it, if it is of our own making.
fn known(receipt: &Receipt) -> Result<&str, Fault> {
    let of_url = || receipt.url.as_deref().and_then(|url| url.strip_prefix("https://www.facebook.com/"));
    let id = if receipt.id.is_empty() { of_url().unwrap_or_default() } else { receipt.id.as_str() };
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') {
        return Ok(id);
    }
    Err(Fault::local("the number of the post is not known; look it up on Facebook".to_string()))
}

/// The receipt of what was posted; `find` makes the same.
fn receipt(edge: &str, id: String, post: &Post) -> Receipt {
    let url = match edge {
        "videos" => format!("https://www.facebook.com/watch/?v={id}"),
        "video_reels" => format!("https://www.facebook.com/reel/{id}"),
        _ => format!("https://www.facebook.com/{id}"),
    };
    let mut extra = json!({"edge": edge});
    if let Some(at) = post.payload["fields"].get("scheduled_publish_time") {
        extra["scheduled"] = at.clone();
    }
    Receipt::new(id, Some(url)).extra(extra)
}

/// Whether a comment can go out: below a film, when Facebook is done with it.
async fn film_below(cx: &Cx<'_>, post: &Post, mut state: State) -> Result<Ready, Fault> {
    let film = post.root.as_ref().is_some_and(|root| matches!(root.extra["edge"].as_str(), Some("videos" | "video_reels")));
    if !film {
        return Ok(Ready::Now(Value::Null));
    }
    let now = Utc::now();
    let since = *state.since.get_or_insert(now);
    let (word, why) = upload::status(cx, root(post)?).await?;
    match word.as_str() {
        "ready" => Ok(Ready::Now(Value::Null)),
        "error" | "upload_failed" | "expired" => {
            Err(upload::unusable(&why))
        }
        _ if now - since > PROCESSING => Ok(Ready::Now(Value::Null)),
        _ => Ok(Ready::Later { state: json!(state), at: now + PAUSE }),
    }
}
