//! A file on its way to the server, one request each. Until a post names it, nobody sees it.

use async_trait::async_trait;
use chrono::TimeDelta;
use serde_json::Value;

use super::api::is_id;
use super::request;
use crate::net::{Answer, Body, Fault, FileSlice, Method, Request};
use crate::platform::upload::{Lost, Shape, Span, Taken, Upload, Way};
use crate::platform::{Cx, payload_error};

/// One file for this channel. A second time is a second file, which is forgotten with time.
pub(super) struct File<'a> {
    pub channel: &'a str,
}

#[async_trait]
impl Upload for File<'_> {
    fn shape(&self) -> Shape {
        Shape { way: Way::Whole, lost: Lost::Again, lives: TimeDelta::hours(1), gone: &[] }
    }

    async fn request(&self, cx: &Cx<'_>, _: &Value, _: Span, slice: FileSlice) -> Result<Request, Fault> {
        cx.sink.progress(&format!("uploading {}", slice.file.name));
        // the server reads the parts in their order
        let fields = vec![("channel_id".to_string(), self.channel.to_string())];
        Ok(request(cx, Method::POST, "/files")?.body(Body::FormSlice(fields, "files".into(), slice)))
    }

    fn taken(&self, cx: &Cx<'_>, answer: Answer) -> Result<Taken, Fault> {
        let answer = cx.judge(answer)?;
        let id = answer.value()["file_infos"][0]["id"].clone();
        match id.as_str().is_some_and(is_id) {
            true => Ok(Taken::All(id)),
            false => Err(payload_error(&answer, "file_infos")),
        }
    }
}
