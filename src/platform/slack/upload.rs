//! A file on its way: an address for it is asked for, then it goes there. Nobody sees it before `files.completeUploadExternal`.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use chrono::TimeDelta;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::request;
use crate::net::{Answer, Body, Fault, FileSlice, Kind, Method, Request};
use crate::platform::upload::{Lost, Shape, Span, Taken, Upload, Way};
use crate::platform::{Cx, MediaUse, payload_error};

/// One file. The address to send it to is a secret and is therefore never kept: whoever goes on asks for another, and what was sent
/// to the first one is shown to nobody and forgotten.
pub(super) struct File<'a> {
    pub used: &'a MediaUse,
    id: Mutex<Option<String>>,
}

impl<'a> File<'a> {
    pub fn new(used: &'a MediaUse) -> File<'a> {
        File { used, id: Mutex::default() }
    }
}

#[async_trait]
impl Upload for File<'_> {
    fn shape(&self) -> Shape {
        Shape { way: Way::Whole, lost: Lost::Again, lives: TimeDelta::hours(1), gone: &[] }
    }

    async fn request(&self, cx: &Cx<'_>, _: &Value, _: Span, slice: FileSlice) -> Result<Request, Fault> {
        let media = &self.used.media;
        cx.sink.progress(&format!("uploading {}", media.name));
        // this method reads forms alone
        let mut form = vec![("filename".into(), media.name.clone()), ("length".into(), media.bytes.to_string())];
        if let Some(alt) = &self.used.alt {
            form.push(("alt_txt".into(), alt.clone()));
        }
        let asked = request(cx, Method::POST, "files.getUploadURLExternal")?.body(Body::Form(form));
        let answer = cx.call(asked).await?;
        let value = answer.value();
        let url = value["upload_url"].as_str().ok_or_else(|| payload_error(&answer, "upload_url"))?;
        let id = value["file_id"].as_str().ok_or_else(|| payload_error(&answer, "file_id"))?;
        *self.id.lock().unwrap_or_else(PoisonError::into_inner) = Some(id.to_string());
        Ok(Request::capability(Method::POST, &SecretString::from(url)).body(Body::Slice(slice)))
    }

    fn taken(&self, cx: &Cx<'_>, answer: Answer) -> Result<Taken, Fault> {
        let answer = cx.judge(answer)?;
        if !answer.body.trim_ascii_start().starts_with(b"OK") {
            return Err(Fault::new(Kind::Protocol, format!("{} answered {}", answer.asked, answer.reason())));
        }
        let id = self.id.lock().unwrap_or_else(PoisonError::into_inner).clone();
        id.map(|id| Taken::All(json!(id))).ok_or_else(|| Fault::local("a file was sent that had no id"))
    }
}
