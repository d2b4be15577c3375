//! A request as a platform builds it.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

pub use reqwest::Method;

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
    pub(super) query: Vec<(String, String)>,
    pub(super) secret_query: Vec<(String, SecretString)>,
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
            query: Vec::new(),
            secret_query: Vec::new(),
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

    /// The origin that this request carries a secret to, if it carries one.
    pub fn secret_to(&self) -> Option<String> {
        if self.secret_headers.is_empty() && self.path_secrets.is_empty() && self.secret_query.is_empty() {
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

    /// The parameters that a signature covers beside those in the URL: the query added by name, secret or not, and the form if the
    /// body is one. Decoded; may hold secrets.
    pub fn parameters(&self) -> Vec<(&str, &str)> {
        let form = if let Body::Form(pairs) = &self.body { pairs.as_slice() } else { &[] };
        let plain = self.query.iter().chain(form).map(|(name, value)| (name.as_str(), value.as_str()));
        plain.chain(self.secret_query.iter().map(|(name, value)| (name.as_str(), value.expose_secret()))).collect()
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

    /// Another limit than the door's own (30 s for everything but uploads, which have 10 min).
    pub fn timeout(mut self, timeout: std::time::Duration) -> Request {
        self.timeout = Some(timeout);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown_by_debug() {
        let request = Request::post("https://example.org/bot{secret}/send")
            .secret_path(&SecretString::from("path-secret"))
            .bearer(&SecretString::from("header-secret"))
            .query("a", "b");
        let shown = format!("{request:?}");
        assert!(!shown.contains("path-secret") && !shown.contains("header-secret"), "{shown}");
        assert!(shown.contains("/bot{secret}/send"), "{shown}");
        assert!(request.url.ends_with("/botpath-secret/send"));
    }
}
