//! Pictures and films on their way up; nobody sees them before the post that refers to them.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::{State, encode, explain, page, pages, planned};
use crate::media::Media;
use crate::net::{Answer, Body, Fault, FileSlice, Kind, Method, Request, one_line};
use crate::platform::upload::{self, Cut, Lost, Sent, Shape, Span, Stage, Start, Status, Taken, Upload, Way};
use crate::platform::{Cx, Post, graph, payload_error};

/// Both kinds of session are said to live for a day.
const LIVES: TimeDelta = TimeDelta::hours(20);
/// One request carries all that is missing; after a break Facebook says how much that is.
const SHAPE: Shape = Shape { way: Way::Offset(Cut::WHOLE), lost: Lost::Ask, lives: LIVES, gone: &[404] };

/// Uploads the pictures of a post, those that are there already left out.
pub(super) async fn photos(cx: &Cx<'_>, post: &Post, state: &mut State) -> Result<(), Fault> {
    let (_, fields) = planned(post)?;
    let page = page(cx)?;
    for used in post.media.iter().skip(state.photos.len()) {
        cx.sink.progress(&format!("uploading {}", used.media.name));
        let mut form = vec![("published".to_string(), "false".to_string())];
        // a picture of a post that waits is kept until then, not for a day
        if fields.contains_key("scheduled_publish_time") {
            form.push(("temporary".to_string(), "true".to_string()));
        }
        form.extend(used.alt.iter().map(|alt| ("alt_text_custom".to_string(), alt.clone())));
        let file = ("source".to_string(), upload::file(&used.media));
        let request = graph::request(cx, Method::POST, &format!("{page}/photos"))?;
        let answer = cx.call(request.body(Body::Multipart(form, vec![file]))).await?;
        let id = answer.value()["id"].as_str().map(str::to_string).ok_or_else(|| payload_error(&answer, "id"))?;
        state.photos.push(id);
        cx.save(&json!(state)).await?;
    }
    Ok(())
}

/// Uploads the film of a post, or goes on with it; when to come again where Facebook is busy with it.
pub(super) async fn film(cx: &Cx<'_>, post: &Post, edge: &str, state: &mut State) -> Result<Option<DateTime<Utc>>, Fault> {
    let Some(used) = post.media.first().filter(|_| state.handle.is_none()) else { return Ok(None) };
    let way: &dyn Upload = if edge == "video_reels" { &Reel } else { &Film };
    let mut walk = state.film.take().unwrap_or_default();
    let keep = |walk: &upload::State| json!(State { film: Some(walk.clone()), ..State::default() });
    let stage = upload::run(cx, way, &used.media, &mut walk, &keep).await;
    state.film = Some(walk);
    match stage? {
        Stage::There(remote) => {
            state.handle = remote.as_str().map(str::to_string);
            state.film = None;
            cx.save(&json!(state)).await?;
            Ok(None)
        }
        Stage::Busy(at) => Ok(Some(at)),
    }
}

/// A film that is no reel: Meta's Resumable Upload API, which gives a handle for the post to name.
struct Film;

#[async_trait]
impl Upload for Film {
    fn shape(&self) -> Shape {
        SHAPE
    }

    async fn start(&self, cx: &Cx<'_>, media: &Media) -> Result<Start, Fault> {
        let app = pages::app(cx).await?;
        let fields = Map::from_iter([
            ("file_name".to_string(), json!(media.name)),
            ("file_length".to_string(), json!(media.bytes)),
            ("file_type".to_string(), json!(media.mime)),
        ]);
        let request = graph::request(cx, Method::POST, &format!("{app}/uploads"))?;
        let answer = cx.call(request.body(Body::Form(encode::pairs(&fields)))).await?;
        let id = answer.value()["id"].as_str().filter(|id| id.starts_with("upload:")).map(str::to_string);
        Ok(Start::Session(json!(id.ok_or_else(|| payload_error(&answer, "id"))?)))
    }

    async fn request(&self, cx: &Cx<'_>, session: &Value, span: Span, slice: FileSlice) -> Result<Request, Fault> {
        let request = at_session(cx, Method::POST, session)?.header("file_offset", span.at.to_string());
        Ok(request.body(Body::Slice(slice)))
    }

    fn taken(&self, cx: &Cx<'_>, answer: Answer) -> Result<Taken, Fault> {
        let answer = cx.judge(answer)?;
        match &answer.value()["h"] {
            Value::String(handle) => Ok(Taken::All(json!(handle))),
            _ => Err(payload_error(&answer, "h")),
        }
    }

    /// Where all is there but the handle was lost, there is no way to it but another upload.
    async fn status(&self, cx: &Cx<'_>, session: &Value, total: u64) -> Result<Status, Fault> {
        let answer = match cx.call(at_session(cx, Method::GET, session)?).await {
            Err(fault) if explain::unknown(&fault) => return Ok(Status::Gone),
            other => other?,
        };
        match answer.value()["file_offset"].as_u64() {
            Some(sent) if sent < total => Ok(Status::UpTo(sent)),
            Some(_) => Ok(Status::Gone),
            None => Err(payload_error(&answer, "file_offset")),
        }
    }
}

fn at_session(cx: &Cx<'_>, method: Method, session: &Value) -> Result<Request, Fault> {
    let id = session.as_str().unwrap_or_default();
    let url = format!("{}/{}/{id}", cx.account.server, graph::version(cx)?);
    Ok(graph::oauth(Request::new(method, url), &cx.secret("token")?))
}

/// A reel: it has its id before its bytes.
struct Reel;

#[async_trait]
impl Upload for Reel {
    fn shape(&self) -> Shape {
        SHAPE
    }

    async fn start(&self, cx: &Cx<'_>, _: &Media) -> Result<Start, Fault> {
        let request = graph::request(cx, Method::POST, &format!("{}/video_reels", page(cx)?))?;
        let answer = cx.call(request.json(json!({"upload_phase": "start"}))).await?;
        let value = answer.value();
        match (value["video_id"].as_str(), value["upload_url"].as_str()) {
            (Some(id), Some(url)) => Ok(Start::Session(json!({"id": id, "url": url}))),
            (None, _) => Err(payload_error(&answer, "video_id")),
            _ => Err(payload_error(&answer, "upload_url")),
        }
    }

    async fn request(&self, cx: &Cx<'_>, session: &Value, span: Span, slice: FileSlice) -> Result<Request, Fault> {
        let total = slice.file.bytes;
        let request = Request::new(Method::POST, session["url"].as_str().unwrap_or_default());
        let request = request.header("offset", span.at.to_string()).header("file_size", total.to_string());
        Ok(graph::oauth(request, &cx.secret("token")?).body(Body::Slice(slice)))
    }

    async fn status(&self, cx: &Cx<'_>, session: &Value, total: u64) -> Result<Status, Fault> {
        let id = session["id"].as_str().unwrap_or_default();
        let answer = match cx.call(graph::request(cx, Method::GET, id)?.query("fields", "status")).await {
            Err(fault) if explain::unknown(&fault) => return Ok(Status::Gone),
            other => other?,
        };
        let phase = &answer.value()["status"]["uploading_phase"];
        // spelled so by Facebook; the right spelling may come
        let sent = phase["bytes_transfered"].as_u64().or_else(|| phase["bytes_transferred"].as_u64());
        Ok(match phase["status"].as_str() {
            Some("complete") => Status::All(Value::Null),
            Some("not_started") => Status::UpTo(0),
            Some("in_progress") => sent.filter(|sent| *sent < total).map_or(Status::Gone, Status::UpTo),
            _ => Status::Gone,
        })
    }

    async fn finish(&self, _: &Cx<'_>, session: &Value, _: Sent<'_>) -> Result<Stage, Fault> {
        Ok(Stage::There(session["id"].clone()))
    }
}

/// What Facebook is doing with a film (`processing`, `ready`, `error`), and what it says is wrong with it.
pub(super) async fn status(cx: &Cx<'_>, id: &str) -> Result<(String, String), Fault> {
    let answer = cx.call(graph::request(cx, Method::GET, id)?.query("fields", "status")).await?;
    let value = answer.value();
    let status = &value["status"];
    let word = status["video_status"].as_str().ok_or_else(|| payload_error(&answer, "video_status"))?;
    let phases = ["uploading_phase", "processing_phase", "publishing_phase"];
    let errors = phases.iter().flat_map(|phase| {
        let phase = &status[*phase];
        phase["error"]["message"].as_str().or_else(|| phase["errors"][0]["message"].as_str())
    });
    let why = errors.take(1).map(|why| format!(": {}", one_line(why.trim_end_matches('.'), 200))).collect();
    Ok((word.to_string(), why))
}

/// A film that went out and that Facebook cannot use, told as a fault.
pub(super) fn unusable(why: &str) -> Fault {
    Fault::new(Kind::Rejected, format!("Facebook could not use the film{why}"))
}
