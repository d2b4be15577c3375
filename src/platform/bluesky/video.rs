//! Films: Bluesky's own film service takes and transcodes them and stores the result in the account's repository; other servers
//! have none, and take the file as a blob like any other.

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::session::Session;
use super::xrpc;
use crate::media::Media;
use crate::net::{Answer, Body, Fault, FileSlice, Kind, Method, Request};
use crate::platform::upload::{Lost, Sent, Shape, Span, Stage, Start, Taken, Upload, Way};
use crate::platform::{Cx, payload_error};

/// Largest film (lexicon `app.bsky.embed.video`, since 2026-08-11).
pub const BYTES: u64 = 300_000_000;
/// What the service takes and turns into MP4.
pub const MIMES: &[&str] = &["video/mp4", "video/quicktime", "video/webm", "video/mpeg"];

const SERVICE: &str = "https://video.bsky.app";
/// A token for the service holds for so long: as long as sending a large film takes.
const TOKEN_LIVES: TimeDelta = TimeDelta::minutes(30);
/// A job is asked about this often.
const PAUSE: TimeDelta = TimeDelta::milliseconds(1500);

/// The film service for an account of this server whose data are at `pds`: Bluesky's for those that it hosts.
pub fn service(server: &str, pds: &str) -> Option<&'static str> {
    let host = url::Url::parse(pds).ok().and_then(|url| Some(url.host_str()?.to_string())).unwrap_or_default();
    (server == "https://bsky.social" || host.ends_with(".bsky.network")).then_some(SERVICE)
}

/// A film on its way through the service.
pub struct Film<'a> {
    pub session: &'a Session,
    pub service: &'static str,
    /// Another one for each post: the service knows films by it.
    pub name: String,
}

impl Film<'_> {
    /// A token that lets `aud` act for the account in one method.
    async fn token(&self, cx: &Cx<'_>, aud: &str, method: &str) -> Result<SecretString, Fault> {
        let url = xrpc(self.session, "com.atproto.server.getServiceAuth");
        let ends = (Utc::now() + TOKEN_LIVES).timestamp().to_string();
        let ask = || Request::get(&url).query("aud", aud).query("lxm", method).query("exp", &ends);
        let answer = self.session.call(cx, ask).await?;
        let token = answer.value()["token"].as_str().map(|token| SecretString::from(token.to_string()));
        let token = token.ok_or_else(|| payload_error(&answer, "token"))?;
        cx.door.redactor().learn(&token);
        Ok(token)
    }

    /// What the account may upload today.
    async fn limits(&self, cx: &Cx<'_>) -> Result<Value, Fault> {
        let method = "app.bsky.video.getUploadLimits";
        let token = self.token(cx, &did_web(self.service), method).await?;
        let answer = cx.call(Request::get(format!("{}/xrpc/{method}", self.service)).bearer(&token)).await?;
        let limits = answer.value();
        if limits["canUpload"].is_boolean() { Ok(limits) } else { Err(payload_error(&answer, "canUpload")) }
    }
}

/// `did:web:example.org` of `https://example.org`.
fn did_web(origin: &str) -> String {
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    format!("did:web:{}", host.replace(':', "%3A"))
}

/// A job as the service tells of it: in `jobStatus`, or bare.
fn job(answer: &Answer) -> Value {
    let value = answer.value();
    if value["jobStatus"].is_object() { value["jobStatus"].clone() } else { value }
}

#[async_trait]
impl Upload for Film<'_> {
    /// The service knows a film that it was sent before, and tells its job.
    fn shape(&self) -> Shape {
        Shape { way: Way::Whole, lost: Lost::Again, lives: TimeDelta::hours(1), gone: &[] }
    }

    async fn start(&self, cx: &Cx<'_>, media: &Media) -> Result<Start, Fault> {
        let limits = match self.limits(cx).await {
            Ok(limits) => limits,
            // the login may not ask the service, or the service does not know the account: the server itself takes a film too
            Err(fault) if as_blob(cx, media) && !fault.kind.transient() && fault.code.as_deref() != Some("ExpiredToken") => {
                tracing::debug!(account = cx.account.name, "no film service: {}", fault.message);
                return Ok(Start::There(Value::Null));
            }
            Err(fault) => return Err(fault),
        };
        let said = limits["message"].as_str().or(limits["error"].as_str()).unwrap_or("it gave no reason");
        if limits["canUpload"] == false {
            return Err(Fault::new(Kind::Forbidden, format!("the film service takes nothing from this account: {said}")));
        }
        let left = |key: &str, need: u64| limits[key].as_u64().is_some_and(|left| left < need);
        if left("remainingDailyVideos", 1) || left("remainingDailyBytes", media.bytes) {
            let why = "the account has used up what the film service takes in a day; run `xpost retry` tomorrow";
            return Err(Fault::new(Kind::Rejected, why));
        }
        Ok(Start::Session(json!(true)))
    }

    async fn request(&self, cx: &Cx<'_>, _: &Value, _: Span, slice: FileSlice) -> Result<Request, Fault> {
        let aud = did_web(&self.session.facts.pds);
        let token = self.token(cx, &aud, "com.atproto.repo.uploadBlob").await?;
        let url = format!("{}/xrpc/app.bsky.video.uploadVideo", self.service);
        Ok(Request::new(Method::POST, url)
            .query("did", &self.session.facts.did)
            .query("name", &self.name)
            .bearer(&token)
            .body(Body::Slice(slice)))
    }

    fn taken(&self, cx: &Cx<'_>, answer: Answer) -> Result<Taken, Fault> {
        let known = answer.status == 409 && job(&answer)["jobId"].is_string();
        let answer = if known { answer } else { cx.judge(answer)? };
        match &job(&answer)["jobId"] {
            Value::String(id) => Ok(Taken::Piece(json!(id))),
            _ => Err(payload_error(&answer, "jobId")),
        }
    }

    /// The film is there when the service has made what players want of it.
    async fn finish(&self, cx: &Cx<'_>, _: &Value, sent: Sent<'_>) -> Result<Stage, Fault> {
        let id = sent.tags.get(&0).and_then(Value::as_str).unwrap_or_default();
        let url = format!("{}/xrpc/app.bsky.video.getJobStatus", self.service);
        let answer = cx.call(Request::get(url).query("jobId", id)).await?;
        let job = job(&answer);
        match job["state"].as_str() {
            Some("JOB_STATE_COMPLETED") if job["blob"].is_object() => Ok(Stage::There(job["blob"].clone())),
            Some("JOB_STATE_COMPLETED") => Err(payload_error(&answer, "blob")),
            Some("JOB_STATE_FAILED") => {
                let why = ["message", "error"].iter().find_map(|key| job[*key].as_str()).unwrap_or("it gave no reason");
                Err(Fault::new(Kind::Rejected, format!("the film service could not use it: {}", crate::net::one_line(why, 200))))
            }
            Some(_) => {
                if let Some(percent) = job["progress"].as_u64() {
                    cx.sink.progress(&format!("the film is being made ready, {percent} %"));
                }
                Ok(Stage::Busy(Utc::now() + PAUSE))
            }
            None => Err(payload_error(&answer, "state")),
        }
    }
}

/// Whether the account's own server would take it.
fn as_blob(cx: &Cx<'_>, media: &Media) -> bool {
    media.mime == "video/mp4" && cx.account.about["blob_bytes"].as_u64().is_none_or(|most| media.bytes <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_film_service() {
        assert_eq!(service("https://bsky.social", "https://morel.us-east.host.bsky.network"), Some(SERVICE));
        assert_eq!(service("https://morel.us-east.host.bsky.network", "https://morel.us-east.host.bsky.network"), Some(SERVICE));
        assert_eq!(service("https://pds.example.org", "https://pds.example.org"), None);
        assert_eq!(service("https://bsky.network.example", "https://bsky.network.example"), None);
        assert_eq!(did_web("http://localhost:2583"), "did:web:localhost%3A2583");
    }
}
