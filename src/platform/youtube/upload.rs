//! A film on its way: a resumable session, then what goes with the video while nobody sees it.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{api, encode};
use crate::media::Media;
use crate::net::{Answer, Body, Effect, Fault, FileSlice, Kind, Method, Request};
use crate::platform::upload::{self, Cut, Last, Lost, Sent, Shape, Span, Stage, Start, Status, Taken, Upload, Way};
use crate::platform::{Cx, Post, Ready, payload_error};

/// Bytes of a piece: a multiple of 256 KiB, as YouTube demands.
/// <https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol>, 2026-11-21.
const PIECE: u64 = 16 * 1024 * 1024;
/// A session lives about a week.
const SESSION_LIVES: TimeDelta = TimeDelta::days(6);
/// A video that YouTube is still at work on after this long is published all the same: it shows when it is done.
const PATIENCE: TimeDelta = TimeDelta::hours(2);
/// A video that was made just now may not be listed yet.
const NOT_YET: TimeDelta = TimeDelta::minutes(2);
/// How often a video is asked about, where YouTube does not say how long it will take.
const PAUSE: TimeDelta = TimeDelta::seconds(10);

/// What `prepare` has finished.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct State {
    upload: upload::State,
    /// The video, uploaded and seen by nobody.
    video: Option<String>,
    thumbnail: bool,
    captions: bool,
    /// How many of the playlists hold it.
    playlists: usize,
}

/// The video that `prepare` made.
pub fn video(ready: &Value) -> Option<&str> {
    ready["video"].as_str()
}

/// Uploads the film as a private video and sets everything on it but who may see it.
///
/// # Errors
/// What went wrong; what was finished is saved.
pub async fn prepare(cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
    let Some(one) = post.media.first() else {
        return Err(Fault::local("there is no film to upload; plan the post again"));
    };
    let mut state: State = serde_json::from_value(post.state.clone()).unwrap_or_default();
    if state.video.is_none() {
        let film = Film { payload: &post.payload };
        let mut going = std::mem::take(&mut state.upload);
        let keep = |upload: &upload::State| json!(State { upload: upload.clone(), ..State::default() });
        match upload::run(cx, &film, &one.media, &mut going, &keep).await? {
            Stage::There(id) => state.video = id.as_str().map(str::to_string),
            Stage::Busy(at) => return Ok(Ready::Later { state: keep(&going), at }),
        }
        cx.save(&json!(state)).await?;
    }
    let Some(id) = state.video.clone() else {
        return Err(Fault::new(Kind::Protocol, "the upload ended without a video"));
    };
    if let Some(picture) = one.extras.thumbnail.as_ref().filter(|_| !state.thumbnail) {
        cx.call(thumbnail(cx, &id, picture)?).await.map_err(unseen)?;
        state.thumbnail = true;
        cx.save(&json!(state)).await?;
    }
    if let (Some(track), Some(lang)) = (&one.extras.subtitles, post.payload["captions"].as_str())
        && !state.captions
    {
        match cx.call(captions(cx, post, &id, lang, track).await?).await {
            // an earlier try, whose answer was lost
            Err(fault) if fault.code.as_deref() == Some("captionExists") => {}
            other => drop(other.map_err(unseen)?),
        }
        state.captions = true;
        cx.save(&json!(state)).await?;
    }
    let playlists: Vec<&str> =
        post.payload["playlists"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for playlist in playlists.iter().skip(state.playlists) {
        // a playlist takes the same video twice, so it is asked first
        let listed = api::request(cx, Method::GET, "playlistItems", "id")?;
        let listed = cx.call(listed.query("playlistId", *playlist).query("videoId", &id)).await?;
        if listed.value()["items"].as_array().is_none_or(Vec::is_empty) {
            let item = json!({"snippet": {"playlistId": playlist, "resourceId": {"kind": "youtube#video", "videoId": id}}});
            cx.call(api::request(cx, Method::POST, "playlistItems", "snippet")?.json(item)).await.map_err(unseen)?;
        }
        state.playlists += 1;
        cx.save(&json!(state)).await?;
    }
    Ok(Ready::Now(json!({ "video": id })))
}

/// What goes wrong while the video is private is seen by nobody.
fn unseen(fault: Fault) -> Fault {
    Fault { effect: Effect::None, ..fault }
}

/// The request that gives a video its picture; doing it twice does no harm.
///
/// # Errors
/// The account has no token.
pub fn thumbnail(cx: &Cx<'_>, id: &str, picture: &Media) -> Result<Request, Fault> {
    cx.sink.progress(&format!("uploading {}", picture.name));
    let request = api::upload(cx, "thumbnails/set", "")?.query("uploadType", "media").query("videoId", id);
    Ok(request.body(Body::File(upload::file(picture))))
}

/// The request that adds a track of subtitles: what it is and the file, one after the other (RFC 2387).
async fn captions(cx: &Cx<'_>, post: &Post, id: &str, lang: &str, track: &Media) -> Result<Request, Fault> {
    cx.sink.progress(&format!("uploading {}", track.name));
    let read = tokio::fs::read(&track.path).await;
    let file = read.map_err(|error| Fault::local(format!("cannot read `{}`: {error}", track.path.display())))?;
    let about = json!({"snippet": {"videoId": id, "language": lang, "name": ""}});
    let boundary = format!("xpost-{}", post.uuid());
    let mut body = format!(
        "--{boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n{about}\r\n--{boundary}\r\ncontent-type: {}\r\n\r\n",
        track.mime
    )
    .into_bytes();
    body.extend(file);
    body.extend(format!("\r\n--{boundary}--\r\n").bytes());
    let request = api::upload(cx, "captions", "snippet")?.query("uploadType", "multipart");
    Ok(request.body(Body::Bytes(format!("multipart/related; boundary={boundary}"), body)))
}

/// A film on its way to being a private video.
struct Film<'a> {
    payload: &'a Value,
}

/// A request to the address of a session, which is a right of its own; the token goes along where it may.
fn session(cx: &Cx<'_>, session: &Value) -> Result<Request, Fault> {
    let url = session["url"].as_str().unwrap_or_default();
    let request = Request::capability(Method::PUT, &SecretString::from(url));
    let own = url.strip_prefix(api::ORIGIN).is_some_and(|rest| rest.starts_with('/'));
    Ok(if own { request.bearer(&cx.secret("token")?) } else { request })
}

/// How many bytes from the beginning YouTube says that it has.
fn received(answer: &Answer) -> Option<u64> {
    answer.header("range")?.strip_prefix("bytes=0-")?.parse::<u64>().ok()?.checked_add(1)
}

/// The video that the last piece has made.
fn made(answer: &Answer) -> Result<Value, Fault> {
    let id = answer.value()["id"].as_str().filter(|id| !id.is_empty()).map(|id| json!(id));
    id.ok_or_else(|| payload_error(answer, "id"))
}

#[async_trait]
impl Upload for Film<'_> {
    fn shape(&self) -> Shape {
        Shape {
            way: Way::Offset(Cut { size: PIECE, last: Last::Shorter }),
            lost: Lost::Ask,
            lives: SESSION_LIVES,
            gone: &[404, 410],
        }
    }

    async fn start(&self, cx: &Cx<'_>, media: &Media) -> Result<Start, Fault> {
        let mut request = api::upload(cx, "videos", "snippet,status")?
            .query("uploadType", "resumable")
            .header("x-upload-content-length", media.bytes.to_string())
            .header("x-upload-content-type", &media.mime);
        if self.payload["notify"] == false {
            request = request.query("notifySubscribers", "false");
        }
        let answer = cx.call(request.json(encode::hidden(self.payload))).await?;
        let url = answer.header("location").filter(|url| url.starts_with("https://"));
        let url = url.ok_or_else(|| payload_error(&answer, "location"))?;
        Ok(Start::Session(json!({"url": url, "opened": Utc::now()})))
    }

    async fn request(&self, cx: &Cx<'_>, at: &Value, span: Span, slice: FileSlice) -> Result<Request, Fault> {
        Ok(session(cx, at)?.header("content-range", span.range(slice.file.bytes)).body(Body::Slice(slice)))
    }

    fn taken(&self, cx: &Cx<'_>, answer: Answer) -> Result<Taken, Fault> {
        if answer.status == 308 && answer.header("location").is_none() {
            return Ok(received(&answer).map_or(Taken::Elsewhere, Taken::UpTo));
        }
        made(&cx.judge(answer)?).map(Taken::All)
    }

    async fn status(&self, cx: &Cx<'_>, at: &Value, total: u64) -> Result<Status, Fault> {
        let answer = cx.answer(session(cx, at)?.header("content-range", format!("bytes */{total}"))).await?;
        if answer.status == 308 && answer.header("location").is_none() {
            return Ok(Status::UpTo(received(&answer).unwrap_or_default()));
        }
        // the statuses of `gone` are told by the fault
        made(&cx.judge(answer)?).map(Status::All)
    }

    /// Before anybody may see it, YouTube should be done with it: it may refuse the film, and who comes early finds no picture.
    async fn finish(&self, cx: &Cx<'_>, at: &Value, sent: Sent<'_>) -> Result<Stage, Fault> {
        let id = sent.last.as_str().unwrap_or_default();
        let answer = cx.call(api::request(cx, Method::GET, "videos", "status,processingDetails")?.query("id", id)).await?;
        let value = answer.value();
        let items = value["items"].as_array().ok_or_else(|| payload_error(&answer, "items"))?;
        let opened: Option<DateTime<Utc>> = serde_json::from_value(at["opened"].clone()).ok();
        let waited = Utc::now() - opened.unwrap_or_default();
        let there = Ok(Stage::There(sent.last.clone()));
        let Some(video) = items.first() else {
            if waited < NOT_YET {
                return Ok(Stage::Busy(Utc::now() + PAUSE));
            }
            return Err(refused("deleted", "YouTube does not list it"));
        };
        let (status, processing) = (&video["status"], &video["processingDetails"]);
        let reason = |keys: [&Value; 2]| keys.iter().find_map(|key| key.as_str()).unwrap_or("no reason given").to_string();
        match status["uploadStatus"].as_str() {
            Some("processed") => there,
            Some("failed") => {
                let reason = reason([&status["failureReason"], &processing["processingFailureReason"]]);
                Err(refused(&reason, "YouTube cannot use the film"))
            }
            Some("rejected") => Err(refused(&reason([&status["rejectionReason"], &Value::Null]), "YouTube rejects the film")),
            Some("deleted") => Err(refused("deleted", "somebody deleted the video before it was published")),
            Some(_) if processing["processingStatus"] == "failed" => {
                let reason = reason([&processing["processingFailureReason"], &Value::Null]);
                Err(refused(&reason, "YouTube cannot use the film"))
            }
            Some(_) if waited > PATIENCE => there,
            Some(_) => {
                let left = &processing["processingProgress"]["timeLeftMs"];
                let left = left.as_str().and_then(|left| left.parse().ok()).or_else(|| left.as_i64());
                let pause = left.map_or(PAUSE, |left| TimeDelta::milliseconds(left.clamp(500, 60_000)));
                Ok(Stage::Busy(Utc::now() + pause))
            }
            None => Err(payload_error(&answer, "uploadStatus")),
        }
    }
}

/// A film that YouTube does not want. The private video stays in the channel for its owner to look at.
fn refused(reason: &str, message: &str) -> Fault {
    let what = match reason {
        "duplicate" => "it is there already",
        "copyright" | "claim" | "trademark" => "somebody else has rights in it",
        "length" => "it is too long; a channel without a confirmed telephone number has 15 minutes",
        "inappropriate" | "legal" | "termsOfUse" => "it is against the rules",
        "uploaderAccountClosed" | "uploaderAccountSuspended" => "the channel is closed",
        "codec" | "conversion" | "transcodeFailed" => "it is in a form that YouTube cannot convert; export it as MP4 with H.264 and AAC",
        "invalidFile" | "emptyFile" | "tooSmall" => "it is no whole film",
        _ => return Fault::new(Kind::Rejected, format!("{message} ({reason}); YouTube Studio may say more")).code(reason),
    };
    Fault::new(Kind::Rejected, format!("{message}: {what} ({reason})")).code(reason)
}
