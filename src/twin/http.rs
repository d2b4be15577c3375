//! Requests and replies as a twin sees them.

use serde_json::Value;

/// A request that reached a twin.
#[derive(Debug, Clone, Default)]
pub struct Incoming {
    /// Upper case.
    pub method: String,
    /// The host it was meant for.
    pub host: String,
    /// Decoded, without the mirror's host: `/api/v1/statuses`.
    pub path: String,
    /// The same as it was sent, for networks that want a piece of it encoded: `/rest/posts/urn%3Ali%3Ashare%3A7`. May be empty.
    pub raw: String,
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// One part of a multipart body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormPart {
    pub name: String,
    pub filename: Option<String>,
    pub mime: Option<String>,
    pub bytes: Vec<u8>,
}

impl Incoming {
    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The token of `Authorization: Bearer TOKEN`.
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// A query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON, `Null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as `application/x-www-form-urlencoded` pairs.
    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// The parts of a multipart body; empty if it is none, without what comes after a part that is broken.
    pub fn multipart(&self) -> Vec<FormPart> {
        let boundary = self.header("content-type").and_then(|mime| parameter(mime, "boundary"));
        boundary.map_or_else(Vec::new, |boundary| split_parts(&self.body, &boundary))
    }

    /// The path cut at slashes, without empty pieces.
    pub fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|piece| !piece.is_empty()).collect()
    }
}

/// The value of `name=` among the parameters of a header, quotes taken off.
fn parameter(header: &str, name: &str) -> Option<String> {
    let mut rest = header.split_once(';')?.1;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, next) = if let Some(quoted) = after.strip_prefix('"') {
            let mut value = String::new();
            let mut chars = quoted.char_indices();
            let end = loop {
                match chars.next()? {
                    (_, '\\') => value.push(chars.next()?.1),
                    (at, '"') => break at + 1,
                    (_, c) => value.push(c),
                }
            };
            (value, &quoted[end..])
        } else {
            let end = after.find(';').unwrap_or(after.len());
            (after[..end].trim_end().to_string(), &after[end..])
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = next.trim_start().strip_prefix(';')?;
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn split_parts(body: &[u8], boundary: &str) -> Vec<FormPart> {
    let mut parts = Vec::new();
    let opening = format!("--{boundary}");
    let closing = format!("\r\n--{boundary}");
    let Some(start) = find(body, opening.as_bytes()) else { return parts };
    let mut rest = &body[start + opening.len()..];
    while let Some(after) = rest.strip_prefix(b"\r\n") {
        // a part without headers begins with the empty line at once
        let Some((head, content)) = (match find(after, b"\r\n\r\n") {
            _ if after.starts_with(b"\r\n") => Some((&after[..0], &after[2..])),
            Some(at) => Some((&after[..at], &after[at + 4..])),
            None => None,
        }) else {
            break;
        };
        let Some(end) = find(content, closing.as_bytes()) else { break };
        let mut part = FormPart { bytes: content[..end].to_vec(), ..FormPart::default() };
        for line in String::from_utf8_lossy(head).lines() {
            let Some((name, value)) = line.split_once(':') else { continue };
            match name.trim().to_ascii_lowercase().as_str() {
                "content-disposition" => {
                    part.name = parameter(value, "name").unwrap_or_default();
                    part.filename = parameter(value, "filename");
                }
                "content-type" => part.mime = Some(value.trim().to_string()),
                _ => {}
            }
        }
        parts.push(part);
        rest = &content[end + closing.len()..];
    }
    parts
}

/// What a twin answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(status: u16, value: &Value) -> Reply {
        Reply {
            status,
            headers: vec![("content-type".into(), "application/json".into())],
            body: value.to_string().into_bytes(),
        }
    }

    pub fn html(status: u16, page: &str) -> Reply {
        Reply {
            status,
            headers: vec![("content-type".into(), "text/html; charset=utf-8".into())],
            body: page.as_bytes().to_vec(),
        }
    }

    pub fn text(status: u16, text: &str) -> Reply {
        Reply {
            status,
            headers: vec![("content-type".into(), "text/plain; charset=utf-8".into())],
            body: text.as_bytes().to_vec(),
        }
    }

    /// No body at all.
    pub fn empty(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: Vec::new() }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Reply {
        self.headers.push((name.to_string(), value.into()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(mime: &str, body: &[u8]) -> Vec<FormPart> {
        let headers = vec![("content-type".to_string(), mime.to_string())];
        Incoming { headers, body: body.to_vec(), ..Incoming::default() }.multipart()
    }

    #[test]
    fn multipart_parts_keep_every_byte() {
        let body = b"preamble\r\n--x y\r\nContent-Disposition: form-data; name=\"a \\\"b\\\"\"\r\n\r\none\r\n\r\ntwo\r\n--x y\r\n\
            content-disposition: form-data; name=file; filename=\"c;d=e.png\"\r\nContent-Type: image/png\r\n\r\n\x00\xff\r\n--x\r\n--x y--\r\n";
        let parts = form("multipart/form-data; charset=utf-8; boundary=\"x y\"", body);
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].name.as_str(), parts[0].bytes.as_slice()), ("a \"b\"", b"one\r\n\r\ntwo".as_slice()));
        assert_eq!(parts[1].name, "file");
        assert_eq!(parts[1].filename.as_deref(), Some("c;d=e.png"));
        assert_eq!(parts[1].mime.as_deref(), Some("image/png"));
        assert_eq!(parts[1].bytes, b"\x00\xff\r\n--x");
    }

    #[test]
    fn broken_multipart_is_cut_not_guessed() {
        assert!(form("multipart/form-data", b"--x\r\n\r\na\r\n--x--").is_empty());
        assert!(form("application/json", b"{}").is_empty());
        assert!(
            form("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nno end")
                .is_empty()
        );
        let empty = form("multipart/form-data; boundary=x", b"--x\r\n\r\n\r\n--x--\r\n");
        assert_eq!(empty, [FormPart::default()]);
    }
}
