//! Media on their way: pictures in one request, pictures that move, films and subtitles in pieces, and what is said of them.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{api, encode};
use crate::media::Media;
use crate::net::{Answer, Body, Fault, FileSlice, Kind, Method, Request, one_line};
use crate::platform::upload::{self, Cut, Last, Lost, Sent, Shape, Span, Stage, Start, Taken, Upload, Way};
use crate::platform::{Cx, MediaUse, Post, Ready, payload_error};

/// Pieces of this many bytes: X advises at most 5 MB.
const PIECE: u64 = 4 * 1024 * 1024;
/// Segments are numbered from 0 to 999.
const PIECES: u64 = 1000;
/// X keeps what no post uses for about a day; it is not counted on for as long.
const KEPT: TimeDelta = TimeDelta::hours(20);
/// What X has been at work on for so long will never be ready.
const PROCESSING: TimeDelta = TimeDelta::hours(1);
/// When X does not say when to ask again.
const PAUSE: i64 = 5;

/// What `prepare` has finished.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    media: Vec<Item>,
}

/// One medium.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Item {
    file: upload::State,
    id: String,
    /// When X forgets it.
    until: Option<DateTime<Utc>>,
    /// Its metadata are there.
    told: bool,
    subtitles: upload::State,
    /// The subtitles belong to it.
    joined: bool,
    /// Since when X has been at work on it.
    since: Option<DateTime<Utc>>,
}

impl State {
    /// The ids of the media, in order.
    pub fn ids(value: &Value) -> Vec<String> {
        let state: State = serde_json::from_value(value.clone()).unwrap_or_default();
        state.media.into_iter().map(|item| item.id).filter(|id| !id.is_empty()).collect()
    }
}

/// One file for X.
struct File {
    /// What X calls such files.
    category: &'static str,
    mime: String,
    bytes: u64,
}

impl File {
    fn of(media: &Media) -> File {
        let category = match (media.class(), media.mime.as_str()) {
            (_, "image/gif") => "tweet_gif",
            ("image", _) => "tweet_image",
            (_, "text/vtt" | "application/x-subrip") => "subtitles",
            _ => "tweet_video",
        };
        let mime = if media.mime == "application/x-subrip" { "text/srt" } else { &media.mime };
        File { category, mime: mime.to_string(), bytes: media.bytes }
    }

    fn whole(&self) -> bool {
        self.category == "tweet_image"
    }
}

/// What refers to a file that X has.
fn there(answer: &Answer, data: &Value) -> Result<Value, Fault> {
    let id = api::id(&data["id"]).ok_or_else(|| payload_error(answer, "data.id"))?;
    let lives = data["expires_after_secs"].as_i64().and_then(TimeDelta::try_seconds).unwrap_or(KEPT);
    Ok(json!({"id": id, "until": answer.at + lives.min(KEPT)}))
}

/// Where X is with a file.
fn stage(answer: &Answer) -> Result<Stage, Fault> {
    let data = api::data(answer);
    let work = &data["processing_info"];
    match work["state"].as_str() {
        None if data["id"].is_null() => Err(payload_error(answer, "data.id")),
        None | Some("succeeded") => Ok(Stage::There(there(answer, &data)?)),
        Some("failed") => {
            let why =
                ["message", "name"].iter().find_map(|key| work["error"][*key].as_str()).unwrap_or("it gave no reason");
            let why = one_line(why.trim_end_matches('.'), 200);
            Err(Fault::new(
                Kind::Rejected,
                format!("X cannot use the file: {why}; export it as MP4 with H.264 and AAC"),
            ))
        }
        Some(_) => {
            let pause = work["check_after_secs"].as_i64().unwrap_or(PAUSE).clamp(1, 60);
            Ok(Stage::Busy(answer.at + TimeDelta::seconds(pause)))
        }
    }
}

async fn status(cx: &Cx<'_>, session: &Value) -> Result<Stage, Fault> {
    let id = session["id"].as_str().unwrap_or_default();
    let request = api::request(Method::GET, "/2/media/upload").query("command", "STATUS").query("media_id", id);
    stage(&api::call(cx, request).await?)
}

#[async_trait]
impl Upload for File {
    fn shape(&self) -> Shape {
        let size = PIECE.max(self.bytes.div_ceil(PIECES));
        let way = if self.whole() { Way::Whole } else { Way::Numbered(Cut { size, last: Last::Shorter }) };
        // a segment with the same number replaces the one that is there
        Shape { way, lost: Lost::Again, lives: KEPT, gone: &[404, 410] }
    }

    async fn start(&self, cx: &Cx<'_>, media: &Media) -> Result<Start, Fault> {
        cx.sink.progress(&format!("uploading {}", media.name));
        if self.whole() {
            return Ok(Start::Session(json!(true)));
        }
        let body = json!({"media_type": self.mime, "media_category": self.category, "total_bytes": self.bytes});
        let answer = api::call(cx, api::request(Method::POST, "/2/media/upload/initialize").json(body)).await?;
        let id = api::id(&api::data(&answer)["id"]).ok_or_else(|| payload_error(&answer, "data.id"))?;
        Ok(Start::Session(json!({ "id": id })))
    }

    async fn request(&self, cx: &Cx<'_>, session: &Value, span: Span, slice: FileSlice) -> Result<Request, Fault> {
        let request = if self.whole() {
            let fields = vec![("media_category".to_string(), self.category.to_string())];
            api::request(Method::POST, "/2/media/upload").body(Body::FormSlice(fields, "media".to_string(), slice))
        } else {
            let id = session["id"].as_str().unwrap_or_default();
            let fields = vec![("segment_index".to_string(), span.index.to_string())];
            api::request(Method::POST, &format!("/2/media/upload/{id}/append")).body(Body::FormSlice(
                fields,
                "media".to_string(),
                slice,
            ))
        };
        api::signed(cx, request)
    }

    fn taken(&self, cx: &Cx<'_>, answer: Answer) -> Result<Taken, Fault> {
        let answer = cx.judge(answer)?;
        if !self.whole() {
            return Ok(Taken::Piece(Value::Null));
        }
        Ok(Taken::All(there(&answer, &api::data(&answer))?))
    }

    async fn finish(&self, cx: &Cx<'_>, session: &Value, sent: Sent<'_>) -> Result<Stage, Fault> {
        if self.whole() {
            return Ok(Stage::There(sent.last.clone()));
        }
        if sent.again
            && let Ok(stage) = status(cx, session).await
        {
            return Ok(stage);
        }
        let id = session["id"].as_str().unwrap_or_default();
        stage(&api::call(cx, api::request(Method::POST, &format!("/2/media/upload/{id}/finalize"))).await?)
    }

    async fn poll(&self, cx: &Cx<'_>, session: &Value, _: Sent<'_>) -> Result<Stage, Fault> {
        status(cx, session).await
    }
}

/// Which file of a medium is under way.
type Which = fn(&mut Item) -> &mut upload::State;

/// Uploads all media of a post and says of them what there is to say; `Later` while X is at work on one.
///
/// # Errors
/// One fault without effect; what was finished is saved.
pub async fn prepare(cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
    let mut state: State = serde_json::from_value(post.state.clone()).unwrap_or_default();
    state.media.resize_with(post.media.len(), Item::default);
    for (index, one) in post.media.iter().enumerate() {
        if state.media[index].until.is_some_and(|until| until <= Utc::now()) {
            state.media[index] = Item::default();
        }
        if let Some(at) = medium(cx, post, one, &mut state, index).await.map_err(api::unseen)? {
            return Ok(Ready::Later { state: json!(state), at });
        }
    }
    Ok(Ready::Now(if state.media.is_empty() { Value::Null } else { json!(state) }))
}

/// One medium with all that goes with it; when to come back, if X is at work on it.
async fn medium(
    cx: &Cx<'_>,
    post: &Post,
    one: &MediaUse,
    state: &mut State,
    index: usize,
) -> Result<Option<DateTime<Utc>>, Fault> {
    let remote = match file(cx, &one.media, state, index, |item| &mut item.file).await? {
        Stage::There(remote) => remote,
        Stage::Busy(at) => return busy(&mut state.media[index], &one.media, at),
    };
    if state.media[index].id.is_empty() {
        state.media[index].id = remote["id"].as_str().unwrap_or_default().to_string();
        state.media[index].until = serde_json::from_value(remote["until"].clone()).ok();
        cx.save(&json!(state)).await?;
    }
    let id = state.media[index].id.clone();
    let warning = &post.payload[encode::WARNING];
    if !state.media[index].told && (encode::described(one) || !warning.is_null()) {
        let mut metadata = json!({});
        if let Some(alt) = one.alt.as_ref().filter(|_| encode::described(one)) {
            metadata["alt_text"] = json!({ "text": alt });
        }
        if !warning.is_null() {
            metadata[encode::WARNING] = warning.clone();
        }
        let body = json!({"id": id, "metadata": metadata});
        let answer = api::call(cx, api::request(Method::POST, "/2/media/metadata").json(body)).await?;
        if api::data(&answer).is_null() {
            return Err(payload_error(&answer, "data"));
        }
        state.media[index].told = true;
        cx.save(&json!(state)).await?;
    }
    if let Some(subtitles) = &one.extras.subtitles
        && !state.media[index].joined
    {
        let remote = match file(cx, subtitles, state, index, |item| &mut item.subtitles).await? {
            Stage::There(remote) => remote,
            Stage::Busy(at) => return busy(&mut state.media[index], subtitles, at),
        };
        let mut track = post.payload[encode::SUBTITLES].clone();
        track["id"] = remote["id"].clone();
        let body = json!({"id": id, "media_category": "TweetVideo", "subtitles": track});
        let answer = api::call(cx, api::request(Method::POST, "/2/media/subtitles").json(body)).await?;
        if api::data(&answer).is_null() {
            return Err(payload_error(&answer, "data"));
        }
        state.media[index].joined = true;
        cx.save(&json!(state)).await?;
    }
    Ok(None)
}

async fn file(cx: &Cx<'_>, media: &Media, state: &mut State, index: usize, which: Which) -> Result<Stage, Fault> {
    let mut own = std::mem::take(which(&mut state.media[index]));
    let rest = state.clone();
    let keep = |own: &upload::State| {
        let mut all = rest.clone();
        *which(&mut all.media[index]) = own.clone();
        json!(all)
    };
    let stage = upload::run(cx, &File::of(media), media, &mut own, &keep).await;
    *which(&mut state.media[index]) = own;
    stage
}

fn busy(item: &mut Item, media: &Media, at: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Fault> {
    let since = *item.since.get_or_insert_with(Utc::now);
    if Utc::now() - since > PROCESSING {
        let why =
            format!("X has been at work on `{}` for an hour; export it anew, as MP4 with H.264 and AAC", media.name);
        return Err(Fault::new(Kind::Rejected, why));
    }
    Ok(Some(at))
}
