//! Files on their way to LinkedIn: pictures and documents whole, films in the pieces that LinkedIn names.
//!
//! <https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/images-api>, `documents-api`, `videos-api`,
//! 2026-11-22.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api;
use crate::media::Media;
use crate::net::{Answer, Body, Effect, Fault, FileSlice, Kind, Method, Request};
use crate::platform::upload::{Cut, Last, Lost, Sent, Shape, Span, Stage, Start, State, Taken, Upload, Way, run};
use crate::platform::{Cx, Post, payload_error};

/// Addresses for uploads are good for a day; this is well within it.
const LIVES: TimeDelta = TimeDelta::hours(12);
/// LinkedIn cuts films into pieces of so many bytes; the cut itself is told with each upload.
const PIECE: u64 = 4 * 1024 * 1024;
/// A film is asked for this often.
const PAUSE: TimeDelta = TimeDelta::seconds(5);
/// A film that is not ready after this long never will be.
const PROCESSING: TimeDelta = TimeDelta::hours(2);

/// What a file becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kinds {
    Image,
    Document,
    Video,
}

impl Kinds {
    fn of(media: &Media) -> Kinds {
        match media.class() {
            "image" => Kinds::Image,
            "video" | "audio" => Kinds::Video,
            _ => Kinds::Document,
        }
    }

    fn path(self) -> &'static str {
        match self {
            Kinds::Image => "/images",
            Kinds::Document => "/documents",
            Kinds::Video => "/videos",
        }
    }

    /// What the answer calls the URN.
    fn word(self) -> &'static str {
        match self {
            Kinds::Image => "image",
            Kinds::Document => "document",
            Kinds::Video => "video",
        }
    }
}

/// What `prepare` has finished.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Prepared {
    /// Whose name the post carries, where the plan could not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The part's files in order, then the link card's picture.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uploads: Vec<State>,
    /// Their URNs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urns: Vec<String>,
    /// Since when LinkedIn is at work on a film.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
}

/// The files of a part: its media, or the picture of its link card.
pub(super) fn files(post: &Post) -> Vec<&Media> {
    let article = post.payload.pointer("/content/article").is_some();
    let card = post.card.as_ref().and_then(|card| card.image.as_ref()).filter(|_| article);
    post.media.iter().map(|one| &one.media).chain(card).collect()
}

/// Uploads what is not there yet. `Some`: LinkedIn is busy with a film; come back then.
///
/// # Errors
/// One fault; what was finished is saved.
pub(super) async fn all(
    cx: &Cx<'_>,
    post: &Post,
    owner: &str,
    prepared: &mut Prepared,
) -> Result<Option<DateTime<Utc>>, Fault> {
    let files = files(post);
    for (index, media) in files.into_iter().enumerate() {
        if prepared.urns.len() > index {
            continue;
        }
        if prepared.uploads.len() <= index {
            prepared.uploads.push(State::default());
        }
        let mut state = prepared.uploads[index].clone();
        let before = prepared.clone();
        let keep = move |state: &State| {
            let mut all = before.clone();
            all.uploads[index] = state.clone();
            json!(all)
        };
        cx.sink.progress(&format!("uploading {}", media.name));
        let file = File { kind: Kinds::of(media), owner: owner.to_string() };
        let stage = run(cx, &file, media, &mut state, &keep).await;
        prepared.uploads[index] = state;
        match stage? {
            Stage::There(urn) => prepared.urns.push(urn.as_str().unwrap_or_default().to_string()),
            Stage::Busy(at) => {
                let since = *prepared.since.get_or_insert_with(Utc::now);
                if Utc::now() - since > PROCESSING {
                    let why = "LinkedIn has been at work on the film for two hours; try another format";
                    return Err(Fault::new(Kind::Rejected, why));
                }
                return Ok(Some(at));
            }
        }
    }
    Ok(None)
}

/// One file.
struct File {
    kind: Kinds,
    /// The URN of whose it is.
    owner: String,
}

impl File {
    /// What LinkedIn says of a film; `None` where the login may not ask.
    async fn status(&self, cx: &Cx<'_>, urn: &str) -> Result<Option<Value>, Fault> {
        let path = format!("{}/{}", self.kind.path(), api::key(urn));
        match cx.call(api::rest(cx, Method::GET, &path)?).await {
            Ok(answer) => Ok(Some(answer.value())),
            Err(fault) if matches!(fault.status, Some(403 | 404)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Where a film is after all of it was sent.
    async fn look(&self, cx: &Cx<'_>, urn: &str) -> Result<Look, Fault> {
        let Some(film) = self.status(cx, urn).await? else { return Ok(Look::Unknown) };
        match film["status"].as_str() {
            Some("AVAILABLE") => Ok(Look::There),
            Some("WAITING_UPLOAD") => Ok(Look::Waiting),
            Some("PROCESSING_FAILED") => {
                let why = film["processingFailureReason"].as_str().unwrap_or("it gave no reason");
                let why = crate::net::one_line(why, 200);
                Err(Fault::new(Kind::Rejected, format!("LinkedIn could not use the film: {why}")))
            }
            _ => Ok(Look::Busy),
        }
    }
}

enum Look {
    There,
    Busy,
    /// The upload was not closed.
    Waiting,
    /// The login may not ask.
    Unknown,
}

/// How long a film is left alone where the login may not ask for it, by its size; a post that comes too early all the same is refused,
/// and tried again.
fn blind(session: &Value) -> TimeDelta {
    let pieces = session["pieces"].as_array().map_or(0, Vec::len);
    TimeDelta::seconds((10 + 4 * pieces as i64).min(300))
}

fn text<'a>(session: &'a Value, key: &str) -> &'a str {
    session[key].as_str().unwrap_or_default()
}

#[async_trait]
impl Upload for File {
    /// A piece that comes again replaces the one that is there.
    fn shape(&self) -> Shape {
        let way = match self.kind {
            Kinds::Video => Way::Numbered(Cut { size: PIECE, last: Last::Shorter }),
            Kinds::Image | Kinds::Document => Way::Whole,
        };
        Shape { way, lost: Lost::Again, lives: LIVES, gone: &[404, 410] }
    }

    async fn start(&self, cx: &Cx<'_>, media: &Media) -> Result<Start, Fault> {
        let mut about = json!({"owner": self.owner});
        if self.kind == Kinds::Video {
            about["fileSizeBytes"] = json!(media.bytes);
            about["uploadCaptions"] = json!(false);
            about["uploadThumbnail"] = json!(false);
        }
        let path = format!("{}?action=initializeUpload", self.kind.path());
        let request = api::rest(cx, Method::POST, &path)?.json(json!({"initializeUploadRequest": about}));
        let answer = cx.call(request).await?;
        let value = answer.value()["value"].clone();
        let missing = |what| Fault { effect: Effect::None, ..payload_error(&answer, what) };
        let urn = value[self.kind.word()].as_str().ok_or_else(|| missing(self.kind.word()))?;
        let pieces = match self.kind {
            Kinds::Video => {
                let pieces = value["uploadInstructions"].as_array().filter(|pieces| !pieces.is_empty());
                pieces.ok_or_else(|| missing("uploadInstructions"))?.clone()
            }
            Kinds::Image | Kinds::Document => {
                let url = value["uploadUrl"].as_str().ok_or_else(|| missing("uploadUrl"))?;
                vec![json!({"uploadUrl": url})]
            }
        };
        Ok(Start::Session(json!({"urn": urn, "token": value["uploadToken"], "pieces": pieces})))
    }

    fn spans(&self, session: &Value, total: u64) -> Vec<Span> {
        if self.kind != Kinds::Video {
            return Cut::WHOLE.spans(total);
        }
        let pieces = session["pieces"].as_array().into_iter().flatten().enumerate();
        let mut at = 0;
        let spans = pieces.map_while(|(index, piece)| {
            let (first, last) = (piece["firstByte"].as_u64()?, piece["lastByte"].as_u64()?);
            let span = Span { index, at: first, length: (last + 1).checked_sub(first)? };
            // pieces with holes between are those of no file
            (first == std::mem::replace(&mut at, span.end())).then_some(span)
        });
        spans.collect()
    }

    async fn request(&self, cx: &Cx<'_>, session: &Value, span: Span, slice: FileSlice) -> Result<Request, Fault> {
        let url = session.pointer(&format!("/pieces/{}/uploadUrl", span.index)).and_then(Value::as_str);
        let url = SecretString::from(url.unwrap_or_default());
        let request = Request::capability(Method::PUT, &url);
        // the addresses of a film's pieces are signed; those of whole files want the login as well, and it goes to LinkedIn alone
        let own = {
            let url = url::Url::parse(request.url()).ok();
            url.is_some_and(|url| [api::SITE, api::API].contains(&url.origin().ascii_serialization().as_str()))
        };
        let request = match self.kind {
            Kinds::Video => request.header("content-type", "application/octet-stream"),
            Kinds::Image | Kinds::Document if own => request.bearer(&cx.secret("token")?),
            Kinds::Image | Kinds::Document => request,
        };
        Ok(request.body(Body::Slice(slice)))
    }

    fn taken(&self, cx: &Cx<'_>, answer: Answer) -> Result<Taken, Fault> {
        let answer = cx.judge(answer)?;
        if self.kind != Kinds::Video {
            return Ok(Taken::All(Value::Null));
        }
        let tag = answer.header("etag").map(|tag| tag.trim_matches('"').to_string()).filter(|tag| !tag.is_empty());
        match tag {
            Some(tag) => Ok(Taken::Piece(json!(tag))),
            None => Err(payload_error(&answer, "etag")),
        }
    }

    async fn finish(&self, cx: &Cx<'_>, session: &Value, sent: Sent<'_>) -> Result<Stage, Fault> {
        let urn = text(session, "urn");
        if self.kind != Kinds::Video {
            return Ok(Stage::There(json!(urn)));
        }
        // an upload that was closed already cannot be closed again
        let before = if sent.again { self.look(cx, urn).await? } else { Look::Waiting };
        if matches!(before, Look::Waiting | Look::Unknown) {
            let tags: Vec<&Value> = sent.tags.values().collect();
            let close = json!({"video": urn, "uploadToken": text(session, "token"), "uploadedPartIds": tags});
            let request = api::rest(cx, Method::POST, "/videos?action=finalizeUpload")?;
            match cx.call(request.json(json!({"finalizeUploadRequest": close}))).await {
                Ok(_) => {}
                // it was closed by a try whose answer was lost, and there is nothing that tells
                Err(fault) if sent.again && fault.kind == Kind::Rejected => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(match self.look(cx, urn).await? {
            Look::There => Stage::There(json!(urn)),
            Look::Busy | Look::Waiting => Stage::Busy(Utc::now() + PAUSE),
            Look::Unknown => Stage::Busy(Utc::now() + blind(session)),
        })
    }

    async fn poll(&self, cx: &Cx<'_>, session: &Value, _: Sent<'_>) -> Result<Stage, Fault> {
        let urn = text(session, "urn");
        match self.look(cx, urn).await? {
            // a post that comes too early is refused, and tried again
            Look::There | Look::Unknown => Ok(Stage::There(json!(urn))),
            Look::Busy | Look::Waiting => Ok(Stage::Busy(Utc::now() + PAUSE)),
        }
    }
}
