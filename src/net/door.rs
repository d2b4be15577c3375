//! The door itself: one HTTP client, opened when the first request needs it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::fault::{Fault, Kind};
use super::outgoing;
use super::rate::{Rate, parse_retry_at};
use super::redact::{Redactor, hide_fields, hide_pairs};
use super::request::{Body, FileSlice, Request};
use super::{MAX_ANSWER, record, trust};

/// How long a request may take, connecting included.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The same for a request that carries a file, at least; a large one may take as long as a line of so many bytes a second needs.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(600);
const SLOW_LINE: u64 = 100_000;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const USER_AGENT: &str = concat!("xpost/", env!("CARGO_PKG_VERSION"));

/// How a door is set up.
#[derive(Debug, Clone, Default)]
pub struct DoorOptions {
    /// `https://host/path` goes to `BASE/host/path` instead, and so does `http` to any host but this machine; the base must be plain
    /// http on loopback.
    pub mirror: Option<Url>,
    /// Every exchange is written to a file in this directory, secrets replaced.
    pub record: Option<PathBuf>,
    /// Instead of 30 s.
    pub timeout: Option<Duration>,
}

/// The one way out. Clones share everything; a client is made at the first request that needs it.
#[derive(Clone)]
pub struct Door {
    shared: Arc<Shared>,
    /// Certificates of this file are trusted instead of the system's.
    ca_file: Option<PathBuf>,
}

struct Shared {
    options: DoorOptions,
    redactor: Redactor,
    client: OnceLock<Result<reqwest::Client, String>>,
    /// One for each CA file.
    trusting: Mutex<BTreeMap<PathBuf, reqwest::Client>>,
    /// By how much the clock of each host that answered is ahead of ours.
    clocks: Mutex<BTreeMap<String, TimeDelta>>,
}

/// What a network answered, whatever the status.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// The network's id of this request, if it names one.
    pub request_id: Option<String>,
    /// What is left of the budget, if it says so.
    pub rate: Option<Rate>,
    /// When the answer had been read.
    pub at: DateTime<Utc>,
    /// Whether the request was one that writes.
    pub write: bool,
    /// Method and URL for messages, secrets left out.
    pub asked: String,
}

impl Answer {
    /// 200 to 299.
    pub fn success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON, or `Null` where it is none.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The fault with this answer's status and the network's id of the request.
    pub fn stamped(&self, fault: Fault) -> Fault {
        Fault { status: Some(self.status), request_id: self.request_id.clone(), ..fault }
    }

    /// The body as a type. Where it does not fit, the request may still have taken effect, and the fault says so.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // the error may quote what the server sent
            let error = one_line(&error.to_string(), 200);
            let fault = Fault::unreadable(format!("{} answered {}: {error}", self.asked, self.kind_of_body()));
            let fault = self.stamped(fault);
            if self.write { fault } else { Fault { effect: super::Effect::None, ..fault } }
        })
    }

    /// A moment of ours by the server's clock, for comparing with times that it names: what it has made since is not older. Both clocks
    /// are known to the second, therefore two seconds earlier; where it does not say what time it is, the clocks are taken as the same.
    pub fn by_their_clock(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        let theirs = self.header("date").and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        let ahead = theirs.map_or(TimeDelta::zero(), |theirs| theirs.with_timezone(&Utc) - self.at);
        at + ahead - TimeDelta::seconds(2)
    }

    /// A response header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What the network says went wrong, in one printable line of at most 300 characters.
    pub fn reason(&self) -> String {
        let value = self.value();
        let said = ["error_description", "message", "description", "error"]
            .iter()
            .find_map(|key| value.get(*key)?.as_str())
            .map_or_else(|| self.kind_of_body(), str::to_string);
        one_line(&said, 300)
    }

    fn kind_of_body(&self) -> String {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(400)]);
        let text = text.trim();
        if text.is_empty() {
            return "an empty body".to_string();
        }
        if text.starts_with('<') {
            let title = String::from_utf8_lossy(&self.body)
                .split_once("<title>")
                .and_then(|(_, rest)| rest.split_once("</title>").map(|(title, _)| title.trim().to_string()));
            return title.map_or_else(
                || "a page of HTML".to_string(),
                |title| format!("a page of HTML, \"{}\"", one_line(&title, 80)),
            );
        }
        // an answer that does not fit may hold a session all the same
        if text.starts_with(['{', '[']) {
            let Ok(mut value) = serde_json::from_slice(&self.body) else { return "broken JSON".to_string() };
            hide_fields(&mut value);
            return one_line(&value.to_string(), 200);
        }
        one_line(&hide_pairs(text), 200)
    }
}

/// One printable line: control and bidi characters gone, cut at `most` characters.
pub fn one_line(text: &str, most: usize) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| {
            !c.is_control() && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        })
        .collect();
    if clean.chars().count() > most { clean.chars().take(most - 1).chain(['…']).collect() } else { clean }
}

/// The meaning of a status where a network has no dialect of its own: `None` for 2xx.
pub fn by_status(answer: &Answer) -> Option<Fault> {
    let reason = answer.reason();
    let named = answer.header("retry-after").and_then(|text| parse_retry_at(text, answer.at));
    let (kind, maybe, message) = match answer.status {
        200..=299 => return None,
        300..=399 => {
            let to = answer
                .header("location")
                .and_then(|to| Url::parse(to).ok())
                .and_then(|url| Some(url.host_str()?.to_string()));
            let to = to.map_or_else(String::new, |host| format!(" to `{}`", one_line(&host, 100)));
            (
                Kind::Protocol,
                false,
                format!("the server redirects{to}; redirects are not followed, check the account's `server`"),
            )
        }
        401 => (Kind::Auth, false, reason),
        402 => (Kind::Billing, false, reason),
        403 => (Kind::Forbidden, false, reason),
        408 => (Kind::Unavailable, true, reason),
        425 => (Kind::Unavailable, false, reason),
        429 => (Kind::Limited, false, reason),
        501 => (Kind::Unsupported, false, reason),
        // a server that names the time to come back refused on purpose; any other 5xx may come after the deed
        503 => (Kind::Unavailable, named.is_none(), reason),
        500..=599 => (Kind::Unavailable, true, reason),
        _ => (Kind::Rejected, false, reason),
    };
    let mut fault = Fault::new(kind, message);
    if maybe && answer.write {
        fault = fault.maybe();
    }
    fault.status = Some(answer.status);
    fault.request_id.clone_from(&answer.request_id);
    fault.retry_at = named.or(match (kind, answer.rate) {
        (Kind::Limited, Some(rate)) => Some(rate.reset),
        _ => None,
    });
    let value = answer.value();
    fault.code = ["code", "error_code", "error"].iter().find_map(|key| match value.get(*key)? {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if text.len() <= 60 && text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Some(text.clone())
        }
        _ => None,
    });
    Some(fault)
}

impl Door {
    /// A door with these options.
    ///
    /// # Errors
    /// A mirror that is not plain http on loopback.
    pub fn new(options: DoorOptions, redactor: Redactor) -> Result<Door, Fault> {
        if let Some(mirror) = options.mirror.as_ref().filter(|mirror| mirror.scheme() != "http" || !loopback(mirror)) {
            return Err(Fault::local(format!("the mirror must be plain http on loopback, not `{mirror}`")));
        }
        let shared =
            Shared { options, redactor, client: OnceLock::new(), trusting: Mutex::default(), clocks: Mutex::default() };
        Ok(Door { shared: Arc::new(shared), ca_file: None })
    }

    /// The same door for an account whose server has a certificate authority of its own: all that goes through trusts the
    /// certificates of this PEM file instead of the system's. `None` changes nothing.
    #[must_use]
    pub fn trusting(&self, ca_file: Option<PathBuf>) -> Door {
        Door { ca_file: ca_file.or_else(|| self.ca_file.clone()), ..self.clone() }
    }

    /// The host that answered so far whose clock is nearest to this machine's, and by how much it is ahead; `None` before an
    /// answer that was dated. One clock that agrees is enough: then it is the others that are wrong.
    pub fn clock(&self) -> Option<(String, TimeDelta)> {
        let clocks = self.shared.clocks.lock().unwrap_or_else(PoisonError::into_inner);
        clocks.iter().min_by_key(|(_, ahead)| ahead.abs()).map(|(host, ahead)| (host.clone(), *ahead))
    }

    /// What keeps this door's messages clean; teach it every secret.
    pub fn redactor(&self) -> &Redactor {
        &self.shared.redactor
    }

    /// Whether requests go to a mirror on loopback instead of the hosts that they name.
    pub fn mirrored(&self) -> bool {
        self.shared.options.mirror.is_some()
    }

    /// Where a browser on this machine finds this address: at the mirror, if there is one.
    pub fn address(&self, url: &str) -> String {
        match self.target(&Request::get(url)) {
            Ok(target) if self.mirrored() => target.into(),
            _ => url.to_string(),
        }
    }

    /// Makes the client now, so that the first request need not wait for it.
    pub fn warm(&self) {
        drop(self.client());
    }

    /// The client for requests that trust this file, if one is named.
    fn client_for(&self, ca_file: Option<&Path>) -> Result<reqwest::Client, Fault> {
        // a mirror is plain http on this machine
        let Some(path) = ca_file.filter(|_| !self.mirrored()) else { return self.client().cloned() };
        let mut clients = self.shared.trusting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(path) {
            return Ok(client.clone());
        }
        let roots = trust::read(path)?;
        let client = build(&|builder| builder.tls_certs_only(roots.clone()))
            .map_err(|why| Fault::local(format!("the `ca_file` `{}` cannot be used: {why}", path.display())))?;
        clients.insert(path.to_path_buf(), client.clone());
        Ok(client)
    }

    pub(super) fn client(&self) -> Result<&reqwest::Client, Fault> {
        self.shared
            .client
            .get_or_init(|| {
                // a mirror is loopback: neither a proxy nor a certificate has any business there
                let mirrored = self.shared.options.mirror.is_some();
                build(&|builder| {
                    if mirrored { builder.no_proxy().tls_certs_only(std::iter::empty()) } else { builder }
                })
            })
            .as_ref()
            .map_err(|error| Fault::local(format!("the HTTP client could not be made: {error}")))
    }

    pub(super) fn target(&self, request: &Request) -> Result<Url, Fault> {
        let mut url = Url::parse(&request.url)
            .map_err(|error| Fault::local(format!("`{}` is not a URL: {error}", self.shown(request))))?;
        if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
            return Err(Fault::local(format!("`{}` is not an http(s) URL", self.shown(request))));
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        for (name, secret) in &request.secret_query {
            url.query_pairs_mut().append_pair(name, secret.expose_secret());
        }
        let Some(mirror) = &self.shared.options.mirror else { return Ok(url) };
        // a server on this machine is reached as it is; nothing else leaves it
        if url.scheme() == "http" && loopback(&url) {
            return Ok(url);
        }
        let mut mirrored = mirror.clone();
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        mirrored.set_path(&format!("{}/{host}{}", mirror.path().trim_end_matches('/'), url.path()));
        mirrored.set_query(url.query());
        Ok(mirrored)
    }

    fn shown(&self, request: &Request) -> String {
        self.shared.redactor.clean(request.shown_url.as_deref().unwrap_or(&request.url))
    }

    /// Sends one request and reads its answer, whatever its status.
    ///
    /// # Errors
    /// A [`Fault`] where there is no (whole) answer; `effect` is `Maybe` from the moment the request may have been
    /// read by the other side, for requests that write.
    pub async fn send(&self, request: Request) -> Result<Answer, Fault> {
        let pairs = request.secret_query.iter().chain(&request.secret_form);
        for secret in request.path_secrets.iter().chain(pairs.map(|(_, secret)| secret)) {
            self.shared.redactor.learn(secret);
        }
        if let Some(secret) = &request.own_secret {
            self.shared.redactor.learn(secret);
        }
        for (_, secret) in &request.secret_headers {
            let value = secret.expose_secret();
            self.shared.redactor.learn(secret);
            if let Some((_, token)) = value.split_once(' ') {
                self.shared.redactor.learn(&token.to_string().into());
            }
        }
        let url = self.target(&request)?;
        let shown = self.shown(&request);
        let asked = format!("{} {shown}", request.method);
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            headers.append(header_name(name)?, header_value(value)?);
        }
        for (name, secret) in &request.secret_headers {
            let mut value = header_value(secret.expose_secret())?;
            value.set_sensitive(true);
            headers.append(header_name(name)?, value);
        }
        let load = request.load();
        let allowed =
            load.as_ref().map_or(TIMEOUT, |load| UPLOAD_TIMEOUT.max(Duration::from_secs(load.length / SLOW_LINE)));
        let timeout = request.timeout.or(self.shared.options.timeout).unwrap_or(allowed);
        let meter = request.meter.clone();
        let recording = self.shared.options.record.is_some().then(|| record::request(&request, &headers));
        let ca_file = request.ca_file.as_deref().or(self.ca_file.as_deref());
        let host = url.host_str().unwrap_or_default().to_string();
        let mut call = self.client_for(ca_file)?.request(request.method.clone(), url).headers(headers).timeout(timeout);
        call = match request.body {
            Body::Empty => call,
            Body::Json(value) => call.json(&value),
            Body::Form(mut pairs) => {
                let secret = request.secret_form.iter();
                pairs.extend(secret.map(|(name, value)| (name.clone(), value.expose_secret().to_string())));
                call.form(&pairs)
            }
            Body::Bytes(mime, bytes) => call.header("content-type", mime).body(bytes),
            Body::File(file) => streamed(call, &file.into(), &meter).await?,
            Body::Slice(slice) => streamed(call, &slice, &meter).await?,
            Body::FormSlice(fields, name, slice) => {
                let part = form_part(&slice, &meter).await?;
                call.multipart(form(fields).part(name, part))
            }
            Body::Multipart(fields, files) => {
                let mut form = form(fields);
                for (name, file) in files {
                    form = form.part(name, form_part(&file.into(), &meter).await?);
                }
                call.multipart(form)
            }
        };
        let began = Instant::now();
        let result = call.send().await;
        let mut response = match result {
            Ok(response) => response,
            Err(error) => {
                tracing::debug!(
                    asked,
                    "no answer after {:?}: {}",
                    began.elapsed(),
                    self.shared.redactor.clean(&chain(&error))
                );
                if let Some(why) = meter.broken() {
                    return Err(Fault::local(why));
                }
                return Err(match trust::refused(&error, &host, ca_file) {
                    Some(why) => Fault::local(format!("{asked}: {}", self.shared.redactor.clean(&why))),
                    None => self.transport(&error, request.write, &asked),
                });
            }
        };
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        self.note_clock(&host, &headers, began.elapsed());
        let mut body = Vec::new();
        let mut broken = None;
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > MAX_ANSWER => {
                    broken = Some(format!("the answer is larger than {} MB", MAX_ANSWER / 1024 / 1024));
                    break;
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => {
                    broken = Some(format!("the answer broke off: {}", self.shared.redactor.clean(&chain(&error))));
                    break;
                }
            }
        }
        tracing::debug!(asked, status, "answered after {:?}, {} bytes", began.elapsed(), body.len());
        let at = Utc::now();
        let request_id = ["x-request-id", "x-amzn-requestid", "x-amz-request-id", "cf-ray"]
            .iter()
            .find_map(|name| headers.get(*name)?.to_str().ok())
            .map(|id| one_line(&self.shared.redactor.clean(id), 80));
        if let Some(why) = broken
            && !(300..500).contains(&status)
        {
            let mut fault = Fault::new(Kind::Protocol, format!("{asked}: {why}"));
            if request.write {
                fault = fault.maybe();
            }
            fault.status = Some(status);
            fault.request_id = request_id;
            return Err(fault);
        }
        let rate = Rate::from_headers(&headers, at);
        let answer = Answer { status, headers, body, request_id, rate, at, write: request.write, asked };
        if let (Some(directory), Some(recording)) = (&self.shared.options.record, recording) {
            record::write(directory, &self.shared.redactor, recording, &answer)?;
        }
        Ok(answer)
    }

    /// What the host's clock says, compared with ours at the middle of the exchange.
    fn note_clock(&self, host: &str, headers: &HeaderMap, took: Duration) {
        let named = headers.get("date").and_then(|date| date.to_str().ok());
        let Some(theirs) = named.and_then(|date| DateTime::parse_from_rfc2822(date).ok()) else { return };
        let middle = Utc::now() - TimeDelta::from_std(took / 2).unwrap_or_default();
        let mut clocks = self.shared.clocks.lock().unwrap_or_else(PoisonError::into_inner);
        clocks.insert(host.to_string(), theirs.with_timezone(&Utc) - middle);
    }

    pub(super) fn transport(&self, error: &reqwest::Error, write: bool, asked: &str) -> Fault {
        let why = self.shared.redactor.clean(&chain(error));
        // what failed before the request went out had no effect; all else may have had one
        if error.is_builder() {
            return Fault::local(format!("{asked}: {why}"));
        }
        if error.is_connect() {
            // "client error (Connect)" tells nobody anything
            let why = why.trim_start_matches("client error (Connect)").trim_start_matches(": ");
            let what = if error.is_timeout() {
                "no connection in time".to_string()
            } else if why.contains("dns error") {
                format!("no connection: the host name cannot be looked up: {why}")
            } else if why.contains("tcp connect error") || !asked.contains("https://") {
                format!("no connection: {why}")
            } else {
                format!("no secure connection (TLS): {why}")
            };
            return Fault::new(Kind::Network, format!("{asked}: {what}"));
        }
        let what =
            if error.is_timeout() { "no answer in time".to_string() } else { format!("the connection broke: {why}") };
        let fault = Fault::new(Kind::Network, format!("{asked}: {what}"));
        if write { fault.maybe() } else { fault }
    }
}

/// A client that follows nothing and repeats nothing; `dress` adds what is special about it.
pub(super) fn build(
    dress: &dyn Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> Result<reqwest::Client, String> {
    let builder = || {
        dress(
            reqwest::Client::builder()
                .user_agent(USER_AGENT)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .connect_timeout(CONNECT_TIMEOUT),
        )
    };
    builder().build().or_else(|_| {
        // a machine without a certificate store (slim containers): bring our own
        let roots =
            webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter_map(|der| reqwest::Certificate::from_der(der).ok());
        builder().tls_certs_only(roots).build().map_err(|error| chain(&error))
    })
}

/// Whether a URL's host is this machine.
fn loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The causes of a failed request, joined; not reqwest's own words, which hold the URL and with it perhaps a secret.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    if text.is_empty() { "it failed".to_string() } else { one_line(&text, 400) }
}

/// A piece of a file as the whole body.
async fn streamed(
    call: reqwest::RequestBuilder,
    slice: &FileSlice,
    meter: &outgoing::Meter,
) -> Result<reqwest::RequestBuilder, Fault> {
    let stream = outgoing::open(slice, meter).await?;
    Ok(call
        .header("content-type", slice.file.mime.as_str())
        .header("content-length", slice.length)
        .body(reqwest::Body::wrap_stream(stream)))
}

/// The text fields of a form.
fn form(fields: Vec<(String, String)>) -> reqwest::multipart::Form {
    fields.into_iter().fold(reqwest::multipart::Form::new(), |form, (name, value)| form.text(name, value))
}

/// A piece of a file as one field of a form.
async fn form_part(slice: &FileSlice, meter: &outgoing::Meter) -> Result<reqwest::multipart::Part, Fault> {
    let stream = reqwest::Body::wrap_stream(outgoing::open(slice, meter).await?);
    let file = &slice.file;
    reqwest::multipart::Part::stream_with_length(stream, slice.length)
        .file_name(file.name.clone())
        .mime_str(&file.mime)
        .map_err(|error| Fault::local(format!("`{}` is not a media type: {error}", file.mime)))
}

pub(super) fn header_name(name: &str) -> Result<HeaderName, Fault> {
    HeaderName::try_from(name).map_err(|_| Fault::local(format!("`{name}` is not a header name")))
}

pub(super) fn header_value(value: &str) -> Result<HeaderValue, Fault> {
    // the value may be a secret, so it is not part of the message
    HeaderValue::try_from(value)
        .map_err(|_| Fault::local("a header value holds a line break or another control character".to_string()))
}
