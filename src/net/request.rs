//! A request as a platform builds it.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

pub use reqwest::Method;

use super::outgoing::Meter;

/// One request. Build it with [`Request::get`] or [`Request::post`] and the methods below; secrets only through
/// [`Request::bearer`], [`Request::secret_header`] and [`Request::secret_path`], which the door keeps out of every log
/// and message.
pub struct Request {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) secret_headers: Vec<(String, SecretString)>,
    /// What [`Request::secret_path`] put into the URL, for the door's redactor.
    pub(super) path_secrets: Vec<SecretString>,
    /// What [`Request::capability`] keeps out of sight.
    pub(super) own_secret: Option<SecretString>,
    /// Counts the bytes of files as they leave.
    pub(super) meter: Meter,
    pub(super) query: Vec<(String, String)>,
    pub(super) secret_query: Vec<(String, SecretString)>,
    pub(super) secret_form: Vec<(String, SecretString)>,
    /// Certificates of this file are trusted instead of the system's.
    pub(super) ca_file: Option<PathBuf>,
    pub(super) body: Body,
    /// For the log and messages: the URL with secrets left out.
    pub(super) shown_url: Option<String>,
    pub(super) timeout: Option<std::time::Duration>,
    pub(super) write: bool,
}

/// As the log would show it: without what [`Request::secret_path`] and [`Request::secret_header`] put in.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", self.shown_url.as_ref().unwrap_or(&self.url))
            .field("headers", &self.headers)
            .field("query", &self.query)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// What a request carries.
#[derive(Debug, Default)]
pub enum Body {
    #[default]
    Empty,
    Json(Value),
    Form(Vec<(String, String)>),
    /// Exact bytes (signed bodies) with their content type.
    Bytes(String, Vec<u8>),
    /// A file streamed from disk with its content type; never read whole.
    File(FilePart),
    /// multipart/form-data: text fields, then files, in this order.
    Multipart(Vec<(String, String)>, Vec<(String, FilePart)>),
    /// A piece of a file, streamed likewise.
    Slice(FileSlice),
    /// multipart/form-data: text fields, then one piece of a file in a field of this name.
    FormSlice(Vec<(String, String)>, String, FileSlice),
}

/// A piece of a file.
#[derive(Debug, Clone)]
pub struct FileSlice {
    pub file: FilePart,
    /// Where it begins, in bytes.
    pub at: u64,
    /// How long it is, in bytes.
    pub length: u64,
}

impl From<FilePart> for FileSlice {
    /// All of it.
    fn from(file: FilePart) -> FileSlice {
        FileSlice { at: 0, length: file.bytes, file }
    }
}

/// What of files a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// The file's name, or how many there are.
    pub name: String,
    /// Bytes of the file that come before this request's.
    pub before: u64,
    /// Bytes that this request carries.
    pub length: u64,
    /// Bytes of the whole file.
    pub total: u64,
}

/// A file on its way out: streamed from disk, its length sent ahead.
#[derive(Debug, Clone)]
pub struct FilePart {
    pub path: PathBuf,
    pub name: String,
    pub mime: String,
    /// Bytes; a file that has another size by the time it is sent is a local fault.
    pub bytes: u64,
}

impl Request {
    /// A request with this method to this absolute URL.
    pub fn new(method: Method, url: impl Into<String>) -> Request {
        Request {
            write: method != Method::GET && method != Method::HEAD,
            method,
            url: url.into(),
            headers: Vec::new(),
            secret_headers: Vec::new(),
            path_secrets: Vec::new(),
            own_secret: None,
            meter: Meter::default(),
            query: Vec::new(),
            secret_query: Vec::new(),
            secret_form: Vec::new(),
            ca_file: None,
            body: Body::Empty,
            shown_url: None,
            timeout: None,
        }
    }

    pub fn get(url: impl Into<String>) -> Request {
        Request::new(Method::GET, url)
    }

    pub fn post(url: impl Into<String>) -> Request {
        Request::new(Method::POST, url)
    }

    /// Puts `secret` where the URL says `{secret}`; the log shows `{secret}` in its place.
    pub fn secret_path(mut self, secret: &SecretString) -> Request {
        let shown = self.url.clone();
        self.url = self.url.replace("{secret}", secret.expose_secret());
        self.shown_url = Some(shown);
        self.path_secrets.push(secret.clone());
        self
    }

    /// A request to an address that is itself the right to use it (a signed upload address): messages and logs show its origin alone.
    /// It may lead anywhere that the network says; credentials that are put on go where credentials may go.
    pub fn capability(method: Method, url: &SecretString) -> Request {
        let plain = url.expose_secret();
        let mut request = Request::new(method, plain);
        let origin = url::Url::parse(plain).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization());
        request.own_secret = plain.strip_prefix(origin.as_str()).map(SecretString::from);
        request.shown_url = Some(format!("{origin}/…"));
        request
    }

    /// What of files it carries, if any.
    pub fn load(&self) -> Option<Load> {
        let of = |slice: &FileSlice| Load {
            name: slice.file.name.clone(),
            before: slice.at,
            length: slice.length,
            total: slice.file.bytes,
        };
        match &self.body {
            Body::File(file) => Some(of(&file.clone().into())),
            Body::Slice(slice) | Body::FormSlice(_, _, slice) => Some(of(slice)),
            Body::Multipart(_, files) => {
                let total = files.iter().map(|(_, file)| file.bytes).sum();
                let name = match files.as_slice() {
                    [] => return None,
                    [(_, file)] => file.name.clone(),
                    files => format!("{} files", files.len()),
                };
                Some(Load { name, before: 0, length: total, total })
            }
            Body::Empty | Body::Json(_) | Body::Form(_) | Body::Bytes(..) => None,
        }
    }

    /// Counts the bytes of files here while they leave.
    pub fn meter(mut self, meter: &Meter) -> Request {
        self.meter = meter.clone();
        self
    }

    /// The origin that this request carries a secret to, if it carries one.
    pub fn secret_to(&self) -> Option<String> {
        let pairs = self.secret_query.is_empty() && self.secret_form.is_empty();
        if self.secret_headers.is_empty() && self.path_secrets.is_empty() && pairs {
            return None;
        }
        Some(url::Url::parse(&self.url).map_or_else(|_| self.url.clone(), |url| url.origin().ascii_serialization()))
    }

    /// The method, for signatures that cover it.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The URL as it was built, for signatures that cover it: without query parameters that were added by name. May hold a secret.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A header with nothing to hide.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Request {
        self.headers.push((name.to_string(), value.into()));
        self
    }

    /// `Authorization: Bearer SECRET`.
    pub fn bearer(self, token: &SecretString) -> Request {
        let value = SecretString::from(format!("Bearer {}", token.expose_secret()));
        self.secret_header("authorization", value)
    }

    /// A header whose value never reaches a log.
    pub fn secret_header(mut self, name: &str, value: SecretString) -> Request {
        self.secret_headers.push((name.to_string(), value));
        self
    }

    /// One more query parameter, encoded by the door.
    pub fn query(mut self, name: &str, value: impl Into<String>) -> Request {
        self.query.push((name.to_string(), value.into()));
        self
    }

    /// One more query parameter that no log shows, for networks that want a secret there.
    pub fn secret_query(mut self, name: &str, value: SecretString) -> Request {
        self.secret_query.push((name.to_string(), value));
        self
    }

    /// One more field of a [`Body::Form`], behind its own, that no log shows.
    pub fn secret_form(mut self, name: &str, value: SecretString) -> Request {
        self.secret_form.push((name.to_string(), value));
        self
    }

    /// The parameters that a signature covers beside those in the URL: the query added by name, secret or not, and the form if the
    /// body is one. Decoded; may hold secrets.
    pub fn parameters(&self) -> Vec<(&str, &str)> {
        let form = if let Body::Form(pairs) = &self.body { pairs.as_slice() } else { &[] };
        let plain = self.query.iter().chain(form).map(|(name, value)| (name.as_str(), value.as_str()));
        let secret = self.secret_query.iter().chain(&self.secret_form);
        plain.chain(secret.map(|(name, value)| (name.as_str(), value.expose_secret()))).collect()
    }

    /// Another certificate authority than the system's and the door's own, from a PEM file.
    pub fn ca_file(mut self, path: Option<PathBuf>) -> Request {
        self.ca_file = path.or(self.ca_file);
        self
    }

    pub fn json(mut self, value: Value) -> Request {
        self.body = Body::Json(value);
        self
    }

    pub fn body(mut self, body: Body) -> Request {
        self.body = body;
        self
    }

    /// Another limit than the door's own (30 s for everything but uploads, which have 10 min and more for what is large).
    pub fn timeout(mut self, timeout: std::time::Duration) -> Request {
        self.timeout = Some(timeout);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_a_secret_is_not_shown() {
        let url = SecretString::from("https://up.example.org/v1/session?sig=abcdef");
        let request = Request::capability(Method::PUT, &url);
        let shown = format!("{request:?}");
        assert!(shown.contains("https://up.example.org/…") && !shown.contains("session"), "{shown}");
        assert_eq!(request.url, "https://up.example.org/v1/session?sig=abcdef");
        assert_eq!(request.own_secret.as_ref().unwrap().expose_secret(), "/v1/session?sig=abcdef");
        assert_eq!(request.secret_to(), None, "it goes where the network said");
        assert!(request.secret_header("x", url).secret_to().is_some());
    }

    #[test]
    fn no_secret_is_shown_by_debug() {
        let request = Request::post("https://example.org/bot{secret}/send")
            .secret_path(&SecretString::from("path-secret"))
            .bearer(&SecretString::from("header-secret"))
            .query("a", "b")
            .body(Body::Form(vec![("plain".into(), "field".into())]))
            .secret_form("token", SecretString::from("form-secret"));
        let shown = format!("{request:?}");
        assert!(!shown.contains("path-secret") && !shown.contains("header-secret"), "{shown}");
        assert!(!shown.contains("form-secret") && shown.contains("field"), "{shown}");
        assert!(request.parameters().contains(&("token", "form-secret")));
        assert!(shown.contains("/bot{secret}/send"), "{shown}");
        assert!(request.url.ends_with("/botpath-secret/send"));
    }
}
