//! A film on its way: TikTok opens the post first, then takes the file in pieces, one after the other. With the last piece the post is
//! on its way to its readers, so that piece is for `publish`.

use async_trait::async_trait;
use chrono::TimeDelta;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::api::{self, Fate};
use super::{CHUNK, encode};
use crate::media::Media;
use crate::net::{Answer, Body, Effect, Fault, FileSlice, Method, Request};
use crate::platform::upload::{Lost, Shape, Span, Start, Status, Taken, Upload, Way};
use crate::platform::{Cx, payload_error};

/// The upload's address holds for an hour (2026-11-22).
const LIVES: TimeDelta = TimeDelta::minutes(55);

/// A film that is sent, and the request that opens its post.
pub struct Film<'a> {
    pub path: &'a str,
    pub body: &'a Value,
}

/// The id of the post that a session is for.
pub fn id(session: &Value) -> &str {
    session["publish_id"].as_str().unwrap_or_default()
}

#[async_trait]
impl Upload for Film<'_> {
    fn shape(&self) -> Shape {
        // 416: the piece is not the next one; 403, 404: the address has run out
        Shape { way: Way::Offset(CHUNK), lost: Lost::Ask, lives: LIVES, gone: &[403, 404, 416] }
    }

    fn visible(&self) -> bool {
        true
    }

    /// Opens the post. Without the file nobody ever sees it.
    async fn start(&self, cx: &Cx<'_>, media: &Media) -> Result<Start, Fault> {
        let mut body = self.body.clone();
        body["source_info"] = encode::source(media.bytes);
        let answer = cx.call(api::request(cx, Method::POST, self.path)?.json(body)).await?;
        let data = &answer.value()["data"];
        let text = |key: &str| data[key].as_str().filter(|text| !text.is_empty());
        let (id, to) = (text("publish_id"), text("upload_url"));
        let (Some(id), Some(to)) = (id, to) else {
            return Err(payload_error(&answer, if id.is_none() { "publish_id" } else { "upload_url" }));
        };
        Ok(Start::Session(json!({"publish_id": id, "upload_url": to})))
    }

    async fn request(&self, _: &Cx<'_>, session: &Value, span: Span, slice: FileSlice) -> Result<Request, Fault> {
        let url = SecretString::from(session["upload_url"].as_str().unwrap_or_default());
        let range = span.range(slice.file.bytes);
        Ok(Request::capability(Method::PUT, &url).header("content-range", range).body(Body::Slice(slice)))
    }

    fn taken(&self, cx: &Cx<'_>, answer: Answer) -> Result<Taken, Fault> {
        cx.judge(answer).map(|_| Taken::Piece(Value::Null))
    }

    /// Pieces are whole or not there.
    async fn status(&self, cx: &Cx<'_>, session: &Value, total: u64) -> Result<Status, Fault> {
        Ok(match api::fate(cx, id(session), Some(total)).await {
            Ok(Fate::Incomplete(Some(there))) => {
                let spans = CHUNK.spans(total);
                Status::UpTo(spans.iter().map(Span::end).take_while(|end| *end <= there).last().unwrap_or(0))
            }
            // it is not said how far it is
            Ok(Fate::Incomplete(None)) => Status::Gone,
            Ok(Fate::Posted(_) | Fate::Inbox | Fate::Working) => Status::All(Value::Null),
            Ok(Fate::Failed(fault)) if fault.kind.transient() => Status::Gone,
            Ok(Fate::Failed(fault)) => return Err(fault),
            Err(fault) if unknown(&fault) => Status::Gone,
            Err(fault) => return Err(Fault { effect: Effect::None, ..fault }),
        })
    }
}

/// TikTok knows nothing of this post.
pub fn unknown(fault: &Fault) -> bool {
    matches!(
        fault.code.as_deref(),
        Some(
            "invalid_publish_id" | "token_not_authorized_for_specified_publish_id" | "invalid_param" | "invalid_params"
        )
    )
}
