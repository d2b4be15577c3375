//! YouTube: videos of a channel by the Data API v3, with the person's own app.
//!
//! A film is uploaded as a private video, and the one request that the world can see makes it public (`videos.update`). The last
//! byte of the upload could publish it as well, and that would save 50 of the day's 10,000 units; but then thumbnail, subtitles and
//! playlists would come after the first viewers, a film that YouTube refuses would have been seen, and a session that is gone would
//! leave open whether there is a video. As it is, the id of the video is in the journal before anybody can see it: a lost answer is
//! settled by looking at this one video, and saying it twice does nothing.

mod api;
mod encode;
mod login;
mod readback;
mod twin;
mod twin_check;
mod twin_oauth;
mod upload;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    Ask, Cost, Cx, Delete, Edit, Extra, Field, FieldKind, Find, Found, Limits, MediaRule, Part, Piece, Platform, Post,
    Profile, Ready, Receipt, Repeat, Server, Spec, TextRule, Title, TwinAccount, VideoRule, payload_error,
};
use crate::draft::Visibility;
use crate::login::Login;
use crate::net::{Answer, Fault, Kind, Method};
use crate::text::{Markup, Unit};
use crate::twin::Twin;

/// The network.
pub struct Network;

/// The longest film of a channel with a confirmed telephone number, and of one without, in seconds.
const LONG: u64 = 12 * 60 * 60;
const UNCONFIRMED: u64 = 15 * 60;

static SPEC: Spec = Spec {
    name: "youtube",
    title: "YouTube",
    about: "videos of your channel, and a first comment below them",
    checked: "2026-11-22",
    sources: &[
        "https://developers.google.com/youtube/v3/docs/videos/insert",
        "https://developers.google.com/youtube/v3/docs/videos/update",
        "https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol",
        "https://developers.google.com/youtube/v3/docs/commentThreads/insert",
        "https://developers.google.com/youtube/v3/docs/errors",
        "https://developers.google.com/youtube/data/guides/quota_and_compliance_audits",
    ],
    server: Server::Fixed(api::ORIGIN),
    fields: &[
        Field { name: "token", kind: FieldKind::Secret, required: true, help: "access token, had by logging in" },
        Field {
            name: "audited",
            kind: FieldKind::Bool,
            required: false,
            help: "`true`: YouTube has audited the app, so its videos can be public",
        },
    ],
    options: &[
        Field {
            name: "privacy",
            kind: FieldKind::Choice(&["public", "unlisted", "private"]),
            required: false,
            help: "who may see the video; else the draft's `visibility`",
        },
        Field {
            name: "publish_at",
            kind: FieldKind::Text,
            required: false,
            help: "YouTube makes the video public at that time: `2026-12-01 09:00`",
        },
        Field {
            name: "category",
            kind: FieldKind::Number,
            required: false,
            help: "number of the category: `22` people and blogs, `28` science and technology, `10` music",
        },
        Field { name: "made_for_kids", kind: FieldKind::Bool, required: false, help: "whether it is made for children" },
        Field {
            name: "synthetic",
            kind: FieldKind::Bool,
            required: false,
            help: "`true`: it shows made-up or altered things that look real",
        },
        Field { name: "playlists", kind: FieldKind::List, required: false, help: "ids or addresses of playlists to put it on" },
        Field { name: "notify", kind: FieldKind::Bool, required: false, help: "`false`: subscribers are not told" },
        Field {
            name: "license",
            kind: FieldKind::Choice(&["youtube", "creative_commons"]),
            required: false,
            help: "what others may do with it",
        },
        Field { name: "embeddable", kind: FieldKind::Bool, required: false, help: "`false`: other sites cannot show it" },
        Field { name: "public_stats", kind: FieldKind::Bool, required: false, help: "`false`: its statistics are not shown" },
    ],
    // the description
    text: TextRule { markup: Markup::Plain, unit: Unit::Bytes, max: Some(5000), optional: true, ..Spec::PLAIN.text },
    title_rule: Title::Native { max: 100, required: true },
    swaps: &[('<', '‹'), ('>', '›')],
    native_tags: true,
    media: MediaRule {
        max: 1,
        video: Some(VideoRule {
            max: 1,
            bytes: 256 * 1024 * 1024 * 1024,
            mimes: &[
                "video/mp4", "video/quicktime", "video/webm", "video/x-matroska", "video/mpeg", "video/3gpp", "video/x-msvideo",
                "video/ogg",
            ],
        }),
        required: true,
        ..MediaRule::NONE
    },
    languages: true,
    visibility: &[Visibility::Unlisted],
    // how long one may be is not documented: YouTube says `commentTextTooLong`
    comments: Some(Spec::PLAIN.text),
    repeat: Repeat::Find,
    document: Some("youtube"),
    ..Spec::PLAIN
};

/// What the channel says of itself.
async fn channel(cx: &Cx<'_>) -> Result<Value, Fault> {
    let request = api::request(cx, Method::GET, "channels", "snippet,contentDetails,status")?.query("mine", "true");
    let answer = cx.call(request).await?;
    let value = answer.value();
    let Some(channel) = value["items"].as_array().and_then(|items| items.first()) else {
        let why = "this Google account has no channel; make one at https://www.youtube.com/create_channel and log in again";
        return Err(Fault::new(Kind::Forbidden, why));
    };
    let id = channel["id"].as_str().ok_or_else(|| payload_error(&answer, "id"))?;
    Ok(json!({
        "id": id,
        "title": channel["snippet"]["title"],
        "handle": channel["snippet"]["customUrl"],
        "uploads": channel["contentDetails"]["relatedPlaylists"]["uploads"],
        "long_uploads": channel["status"]["longUploadsStatus"],
    }))
}

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn limits(&self, about: &Value) -> Limits {
        let confirmed = !matches!(about["long_uploads"].as_str(), Some("eligible" | "disallowed"));
        Limits { video_seconds: Some(if confirmed { LONG } else { UNCONFIRMED }), ..Limits::of(&SPEC) }
    }

    fn extras(&self) -> &'static [Extra] {
        &[Extra::Thumbnail, Extra::Subtitles]
    }

    fn cost(&self, _: &Ask, part: &Part) -> Option<Cost> {
        encode::cost(part)
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        encode::encode(ask, piece)
    }

    async fn prepare(&self, cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
        if post.comment { Ok(Ready::Now(Value::Null)) } else { upload::prepare(cx, post).await }
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Receipt, Fault> {
        if post.comment {
            return comment(cx, post).await;
        }
        let missing = || Fault::local("the journal does not know the video; run `xpost run` again");
        let id = upload::video(ready).ok_or_else(missing)?;
        let wanted = &post.payload["status"];
        let body = json!({"id": id, "status": wanted});
        let answer = cx.call(api::request(cx, Method::PUT, "videos", "status")?.json(body)).await?;
        let status = &answer.value()["status"];
        match status["privacyStatus"].as_str() {
            None => Err(payload_error(&answer, "privacyStatus")),
            Some("private") if !encode::shown(wanted, status) => {
                let message = format!(
                    "YouTube keeps the video private, as it does with all of an app that it has not audited; it is at {} for you alone",
                    api::watch(id)
                );
                Err(Fault::new(Kind::Forbidden, message).code("private"))
            }
            Some(_) => Ok(readback::receipt(id)),
        }
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        let channel = channel(cx).await?;
        let text = |key: &str| channel[key].as_str().unwrap_or_default().to_string();
        let handle = Some(text("handle")).filter(|handle| !handle.is_empty()).unwrap_or_else(|| text("title"));
        let id = text("id");
        Ok(Profile { url: Some(format!("https://www.youtube.com/channel/{id}")), handle, id })
    }

    async fn discover(&self, cx: &Cx<'_>) -> Result<Value, Fault> {
        let mut about = channel(cx).await?;
        if let Some(about) = about.as_object_mut() {
            about.retain(|key, _| matches!(key.as_str(), "uploads" | "long_uploads"));
        }
        Ok(about)
    }

    fn explain(&self, answer: &Answer) -> Option<Fault> {
        api::explain(answer)
    }

    fn logins(&self) -> &'static [Login] {
        login::LOGINS
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
        Box::<twin::YoutubeTwin>::default()
    }

    fn twin_account(&self, n: usize, _home: &std::path::Path) -> TwinAccount {
        twin::account(n)
    }

    fn setup(&self) -> &'static str {
        include_str!("setup.md")
    }
}

/// The first comment.
async fn comment(cx: &Cx<'_>, post: &Post) -> Result<Receipt, Fault> {
    let missing = || Fault::local("there is no video to comment on");
    let video = post.root.as_ref().map(|root| root.id.as_str()).ok_or_else(missing)?;
    let snippet = json!({"videoId": video, "topLevelComment": {"snippet": {"textOriginal": post.payload["comment"]}}});
    let request = api::request(cx, Method::POST, "commentThreads", "snippet")?.json(json!({ "snippet": snippet }));
    let answer = cx.call(request).await?;
    let value = answer.value();
    let id = value["snippet"]["topLevelComment"]["id"].as_str().or(value["id"].as_str());
    Ok(readback::comment_receipt(id.ok_or_else(|| payload_error(&answer, "id"))?, video))
}

#[async_trait]
impl Find for Network {
    async fn find(&self, cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
        if post.comment {
            readback::find_comment(cx, post, since).await
        } else {
            readback::find(cx, post, ready, since).await
        }
    }
}

#[async_trait]
impl Delete for Network {
    async fn delete(&self, cx: &Cx<'_>, receipt: &Receipt) -> Result<(), Fault> {
        readback::delete(cx, receipt).await
    }
}

#[async_trait]
impl Edit for Network {
    fn can(&self, old: &Post, new: &Post) -> Result<(), String> {
        let film = |post: &Post| post.media.first().map(|one| one.media.sha256.clone());
        let track = |post: &Post| post.media.first().and_then(|one| Some(one.extras.subtitles.as_ref()?.sha256.clone()));
        let lists = |post: &Post| post.payload["playlists"].clone();
        if film(old) != film(new) {
            Err("its film cannot be changed".to_string())
        } else if track(old) != track(new) {
            Err("its subtitles are changed in YouTube Studio alone".to_string())
        } else if lists(old) != lists(new) {
            Err("which playlists it is on is changed at YouTube alone".to_string())
        } else {
            Ok(())
        }
    }

    async fn edit(&self, cx: &Cx<'_>, receipt: &Receipt, post: &Post) -> Result<Receipt, Fault> {
        readback::edit(cx, receipt, post).await
    }
}

#[cfg(test)]
mod tests;
