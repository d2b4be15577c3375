//! Photos, all in one request, and films, each through an upload address of its own.

use async_trait::async_trait;
use chrono::TimeDelta;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::{self, Params, params, read, write};
use crate::media::Media;
use crate::net::{Answer, Body, Fault, FileSlice, Kind, Method, Request};
use crate::platform::upload::{self, Lost, Sent, Shape, Span, Stage, Start, State, Taken, Upload, Way};
use crate::platform::{Cx, Post, Ready, payload_error};

/// What `prepare` has finished.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Done {
    /// What stands for each photo, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    photos: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    films: Vec<State>,
}

pub(super) async fn prepare(cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
    let kinds: Vec<&str> =
        post.payload["files"].as_array().map_or_else(Vec::new, |kinds| kinds.iter().filter_map(Value::as_str).collect());
    if kinds.len() != post.media.len() {
        return Err(Fault::local(format!("the plan names {} files and {} are there", kinds.len(), post.media.len())));
    }
    if kinds.is_empty() {
        return Ok(Ready::Now(json!([])));
    }
    let mut done: Done = serde_json::from_value(post.state.clone()).unwrap_or_default();
    let of = |kind: &str| kinds.iter().zip(&post.media).filter(|(one, _)| **one == kind).map(|(_, used)| &used.media).collect();
    let (photos, films): (Vec<&Media>, Vec<&Media>) = (of("photo"), of("movie"));
    if done.photos.len() != photos.len() {
        done.photos = upload_photos(cx, &photos).await?;
        cx.save(&json!(done)).await?;
    }
    done.films.resize(films.len(), State::default());
    let mut movies = Vec::new();
    for (index, media) in films.iter().enumerate() {
        let mut state = done.films[index].clone();
        if !state.is_done() {
            cx.sink.progress(&format!("uploading {}", media.name));
        }
        let keep = |state: &State| {
            let mut all = done.clone();
            all.films[index] = state.clone();
            json!(all)
        };
        match upload::run(cx, &Film { whose: whose(cx)? }, media, &mut state, &keep).await? {
            Stage::There(id) => movies.push(id.as_str().unwrap_or_default().to_string()),
            Stage::Busy(at) => return Ok(Ready::Later { state: keep(&state), at }),
        }
        done.films[index] = state;
    }
    let (mut photos, mut movies) = (done.photos.into_iter(), movies.into_iter());
    let ids = kinds.iter().filter_map(|kind| if *kind == "photo" { photos.next() } else { movies.next() });
    Ok(Ready::Now(json!(ids.collect::<Vec<String>>())))
}

/// Whose it will be: the group's, or the user's own where nothing is said.
fn whose(cx: &Cx<'_>) -> Result<Params, Fault> {
    Ok(api::group(cx)?.map_or_else(Vec::new, |gid| params([("gid", gid)])))
}

/// All photos of a post, in one request. Tokens that are never used are seen by nobody.
async fn upload_photos(cx: &Cx<'_>, photos: &[&Media]) -> Result<Vec<String>, Fault> {
    if photos.is_empty() {
        return Ok(Vec::new());
    }
    let mut all = whose(cx)?;
    all.extend(params([("count", photos.len().to_string())]));
    let said = read(cx, "photosV2.getUploadUrl", all).await?;
    let url = SecretString::from(said.text("upload_url")?);
    let ids: Vec<String> = said.value["photo_ids"].as_array().into_iter().flatten().filter_map(api::text).collect();
    if ids.len() != photos.len() {
        return Err(payload_error(&said.answer, "photo_ids"));
    }
    let many = if photos.len() == 1 { photos[0].name.clone() } else { format!("{} pictures", photos.len()) };
    cx.sink.progress(&format!("uploading {many}"));
    let files = photos.iter().enumerate().map(|(index, media)| (format!("pic{}", index + 1), upload::file(media)));
    let body = Body::Multipart(Vec::new(), files.collect());
    let answer = cx.call(Request::capability(Method::POST, &url).body(body)).await?;
    let value = answer.value();
    let token = |id: &String| value["photos"][id]["token"].as_str().map(str::to_string);
    let tokens: Vec<String> = ids.iter().filter_map(token).collect();
    match tokens.len() {
        all if all == photos.len() => Ok(tokens),
        some if value["photos"].is_object() => {
            let names: Vec<String> = photos.iter().map(|media| format!("`{}`", media.name)).collect();
            let why = format!("OK took {some} of {} pictures ({})", photos.len(), names.join(", "));
            Err(Fault::new(Kind::Rejected, format!("{why}; make them plain JPEG or PNG")))
        }
        _ => Err(payload_error(&answer, "photos")),
    }
}

/// One film on its way.
struct Film {
    whose: Params,
}

#[async_trait]
impl Upload for Film {
    /// A film that is sent again replaces what is there.
    fn shape(&self) -> Shape {
        Shape { way: Way::Whole, lost: Lost::Again, lives: TimeDelta::hours(1), gone: &[404, 410] }
    }

    async fn start(&self, cx: &Cx<'_>, media: &Media) -> Result<Start, Fault> {
        let mut all = self.whose.clone();
        all.extend(params([
            ("file_name", media.name.clone()),
            ("file_size", media.bytes.to_string()),
            // no "film uploaded" of its own in the feed
            ("post_form", "true".into()),
        ]));
        let said = write(cx, "video.getUploadUrl", all).await?;
        Ok(Start::Session(json!({"url": said.text("upload_url")?, "id": said.text("video_id")?})))
    }

    async fn request(&self, _: &Cx<'_>, session: &Value, _: Span, slice: FileSlice) -> Result<Request, Fault> {
        let url = SecretString::from(session["url"].as_str().unwrap_or_default().to_string());
        Ok(Request::capability(Method::POST, &url).body(Body::FormSlice(Vec::new(), "data".into(), slice)))
    }

    /// The upload server says little or nothing beside its status.
    fn taken(&self, cx: &Cx<'_>, answer: Answer) -> Result<Taken, Fault> {
        let html = answer.body.trim_ascii_start().starts_with(b"<");
        let answer = cx.judge(answer)?;
        if html { Err(payload_error(&answer, "an answer of the upload server")) } else { Ok(Taken::Piece(Value::Null)) }
    }

    async fn finish(&self, cx: &Cx<'_>, session: &Value, _: Sent<'_>) -> Result<Stage, Fault> {
        let id = session["id"].as_str().unwrap_or_default();
        // until then the film is a draft that nobody else sees
        let said = write(cx, "video.update", params([("vid", id.to_string()), ("publish", "true".into())])).await;
        match said {
            Ok(_) => Ok(Stage::There(json!(id))),
            Err(fault) => Err(fault),
        }
    }
}
