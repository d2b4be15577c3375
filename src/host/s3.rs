//! Storage that speaks S3: AWS, R2, MinIO, Backblaze and the like. `rusty-s3` signs (Signature Version 4, in the query), the door sends.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Duration, Utc};
use jiff::Timestamp;
use rusty_s3::actions::{DeleteObject, GetObject, PutObject};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use secrecy::SecretString;
use url::Url;

use super::{Keys, MOST_SIGNED, Placed, hide, on_loopback, web_address, web_place};
use crate::account::HostSettings;
use crate::media::Media;
use crate::net::{Answer, Body, Door, Effect, Fault, FilePart, Kind, Method, Request, by_status, one_line};

/// The most that one PUT takes (Amazon S3, read 2026-11-22).
const MOST: u64 = 5 * 1024 * 1024 * 1024;
/// How long the signature of a request of ours holds; it is checked when the request begins.
const HOLDS: std::time::Duration = std::time::Duration::from_secs(900);
/// A line slower than this, in bytes for each second, does not finish.
const SLOWEST: u64 = 64 * 1024;

pub(super) struct S3 {
    bucket: Bucket,
    prefix: String,
    public: Option<Url>,
    keep: Duration,
    keys: Keys,
    /// Seconds by which the storage's clock is ahead of ours.
    skew: AtomicI64,
}

impl S3 {
    pub(super) fn new(settings: &HostSettings, keep: Duration, keys: Keys) -> Result<S3, String> {
        let endpoint = web_address(settings.endpoint.as_deref().unwrap_or_default())
            .map_err(|why| format!("`endpoint`: {why}"))?;
        let name = settings.bucket.clone().unwrap_or_default();
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)) {
            return Err("`bucket` must be the name of a bucket".into());
        }
        let prefix = settings.prefix.as_deref().unwrap_or_default().trim_start_matches('/').to_string();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        if !prefix.bytes().all(plain) || prefix.split('/').any(|part| part == "." || part == "..") {
            return Err("`prefix` may hold letters, digits, `-`, `_`, `.` and `/`".into());
        }
        let public = settings.public_url.as_deref().map(|text| web_place("public_url", text)).transpose()?;
        if public.is_none() && keep > MOST_SIGNED {
            return Err("`keep` is longer than 7 days, and a signed address holds no longer; give a `public_url` or a shorter time".into());
        }
        let style = if settings.path_style.unwrap_or(false) { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let region = settings.region.clone().unwrap_or_else(|| "us-east-1".into());
        let bucket = Bucket::new(endpoint, style, name, region)
            .map_err(|error| format!("`endpoint` and `bucket` make no address ({error}); try `path_style = true`"))?;
        Ok(S3 { bucket, prefix, public, keep, keys, skew: AtomicI64::new(0) })
    }

    pub(super) fn place(&self) -> String {
        let public = self.public.as_ref().map(Url::as_str).unwrap_or_default();
        format!("s3\n{}\n{}\n{public}", self.bucket.base_url(), self.prefix)
    }

    pub(super) fn about(&self) -> String {
        let how = if self.public.is_some() { "public" } else { "signed addresses" };
        format!("bucket `{}` at {} ({how})", self.bucket.name(), self.bucket.base_url().origin().ascii_serialization())
    }

    pub(super) fn stays_here(&self) -> bool {
        self.bucket.base_url().scheme() == "http" && on_loopback(self.bucket.base_url())
    }

    pub(super) async fn put(&self, door: &Door, media: &Media, name: &str) -> Result<Placed, Fault> {
        if media.bytes > MOST {
            return Err(Fault::local(format!("`{}` is larger than the 5 GB that a storage takes at once", media.name)));
        }
        let key = self.key(name);
        let seconds = self.keep.num_seconds().max(0);
        // a signed address is for one reader, and what lies between need not keep it
        let cache =
            if self.public.is_some() { format!("public, max-age={seconds}") } else { "private, max-age=3600".into() };
        let credentials = self.keys.get().await?;
        let timeout = std::time::Duration::from_secs(600.max(media.bytes / SLOWEST));
        let part =
            FilePart { path: media.path.clone(), name: name.into(), mime: media.mime.clone(), bytes: media.bytes };
        let answer = self
            .send(door, |now| {
                let mut action = PutObject::new(&self.bucket, Some(&credentials), &key);
                action.headers_mut().insert("content-type", media.mime.as_str());
                action.headers_mut().insert("cache-control", cache.as_str());
                hidden(door, Method::PUT, &action.sign_with_time(HOLDS, &now))
                    .header("cache-control", cache.as_str())
                    .body(Body::File(part.clone()))
                    .timeout(timeout)
            })
            .await?;
        refused(&answer, &self.keys, door).map_or(Ok(()), Err)?;
        Ok(Placed { url: None, at: self.now() })
    }

    pub(super) async fn remove(&self, door: &Door, name: &str) -> Result<(), Fault> {
        let key = self.key(name);
        let credentials = self.keys.get().await?;
        let sign = |now| {
            hidden(
                door,
                Method::DELETE,
                &DeleteObject::new(&self.bucket, Some(&credentials), &key).sign_with_time(HOLDS, &now),
            )
        };
        let answer = self.send(door, sign).await?;
        // gone already is what was wanted, unless it is the bucket that is gone
        if answer.status == 404 && code_of(&answer).as_deref() != Some("NoSuchBucket") {
            return Ok(());
        }
        refused(&answer, &self.keys, door).map_or(Ok(()), Err)
    }

    /// Where the world reads it. Signed at the same moment each time, so that it is the same address each time.
    pub(super) async fn address(&self, name: &str, signed_at: DateTime<Utc>) -> Result<Url, Fault> {
        let key = self.key(name);
        if let Some(public) = &self.public {
            return public.join(&key).map_err(|error| Fault::local(format!("`public_url` makes no address: {error}")));
        }
        let credentials: &Credentials = &*self.keys.get().await?;
        let holds = self.keep.to_std().unwrap_or_default();
        Ok(GetObject::new(&self.bucket, Some(credentials), &key).sign_with_time(holds, &stamp(signed_at)))
    }

    /// Sends what is signed for now; where the storage says that our clock is wrong, once more by the storage's clock. A request that was
    /// refused for its date had no effect, and each of ours may be repeated.
    async fn send(&self, door: &Door, sign: impl Fn(Timestamp) -> Request) -> Result<Answer, Fault> {
        let answer = door.send(sign(stamp(self.now()))).await?;
        let said = answer.header("date").and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        let skewed = answer.status == 403
            && matches!(
                code_of(&answer).as_deref(),
                Some("RequestTimeTooSkewed" | "AccessDenied" | "ExpiredToken" | "AuthorizationQueryParametersError")
            );
        let Some(ahead) =
            said.map(|said| (said.to_utc() - answer.at).num_seconds()).filter(|ahead| skewed && ahead.abs() > 60)
        else {
            return Ok(answer);
        };
        if ahead == self.skew.swap(ahead, Ordering::Relaxed) {
            return Ok(answer);
        }
        tracing::info!("the media host's clock is {ahead} s ahead of this machine's; signed by its clock");
        door.send(sign(stamp(self.now()))).await
    }

    fn now(&self) -> DateTime<Utc> {
        Utc::now() + Duration::seconds(self.skew.load(Ordering::Relaxed))
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

fn stamp(at: DateTime<Utc>) -> Timestamp {
    // whole seconds, as the signature has them
    Timestamp::from_second(at.timestamp()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A request whose signature no log shows.
fn hidden(door: &Door, method: Method, signed: &Url) -> Request {
    hide(signed, door.redactor());
    let query = SecretString::from(signed.query().unwrap_or_default().to_string());
    let place = &signed[..url::Position::AfterPath];
    Request::new(method, format!("{place}?{{secret}}")).secret_path(&query)
}

/// What the storage has against it, if anything. Its answers quote what was signed; only the code and the message are shown.
fn refused(answer: &Answer, keys: &Keys, door: &Door) -> Option<Fault> {
    let mut fault = by_status(answer)?;
    let code = code_of(answer);
    let said = inside(answer, "Message").unwrap_or_default();
    let fix = match code.as_deref() {
        Some("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken") => match keys.source() {
            crate::store::SecretSource::Keyring | crate::store::SecretSource::File => "; run `xpost media-host login`",
            _ => "; give other keys",
        },
        Some("RequestTimeTooSkewed") => "; set the clock of this machine",
        Some("AccessDenied") => "; the keys must be allowed to put and delete objects of this bucket",
        Some("NoSuchBucket") => "; check `bucket` and `endpoint`",
        Some("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => {
            "; check `region` and `endpoint`"
        }
        _ => "",
    };
    let said = if said.is_empty() { format!("it answered {}", answer.status) } else { said };
    fault.message = door.redactor().clean(&format!("{}{fix}", said.trim_end_matches('.')));
    fault.code = code;
    // a storage that is busy says so before it stores anything; an answer of 4xx had no effect
    if (300..500).contains(&answer.status) {
        fault.effect = Effect::None;
    }
    if fault.code.as_deref() == Some("SlowDown") {
        fault.kind = Kind::Unavailable;
    }
    Some(fault)
}

fn code_of(answer: &Answer) -> Option<String> {
    inside(answer, "Code")
}

/// The text of one element of an XML answer, in one line.
fn inside(answer: &Answer, element: &str) -> Option<String> {
    let text = String::from_utf8_lossy(&answer.body);
    let (_, rest) = text.split_once(&format!("<{element}>"))?;
    let (said, _) = rest.split_once(&format!("</{element}>"))?;
    let said = quick_xml::escape::unescape(said).map_or_else(|_| said.to_string(), |said| said.into_owned());
    Some(one_line(said.trim(), 300))
}
