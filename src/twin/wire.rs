//! HTTP/1.1 on one connection, as much of it as twins need: keep-alive, bodies with a length or in chunks, `Expect: 100-continue`.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::http::Reply;

/// The most that one request may carry, in bytes.
pub(super) const MAX_BODY: usize = 600 * 1024 * 1024;
const MAX_HEAD: usize = 64 * 1024;

/// One connection and what was read of it too early.
pub(super) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A request as it came.
#[derive(Debug, Default)]
pub(super) struct Raw {
    /// Upper case.
    pub method: String,
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The client will send more on this connection.
    pub keep_alive: bool,
}

/// Why no request could be read.
#[derive(Debug)]
pub(super) enum Bad {
    /// The other side closed or the connection broke.
    Closed,
    /// It is no HTTP; the status to answer.
    Status(u16, &'static str),
}

impl From<std::io::Error> for Bad {
    fn from(_: std::io::Error) -> Bad {
        Bad::Closed
    }
}

impl Raw {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn has_token(&self, name: &str, token: &str) -> bool {
        self.header(name).is_some_and(|value| value.split(',').any(|word| word.trim().eq_ignore_ascii_case(token)))
    }
}

impl Wire {
    pub fn new(stream: TcpStream) -> Wire {
        // answers are small and whole; without this they would wait for one another
        let _ = stream.set_nodelay(true);
        Wire { stream, buffer: Vec::new() }
    }

    async fn fill(&mut self) -> Result<(), Bad> {
        self.buffer.reserve(64 * 1024);
        if self.stream.read_buf(&mut self.buffer).await? == 0 { Err(Bad::Closed) } else { Ok(()) }
    }

    /// The next request with its body.
    pub async fn read(&mut self) -> Result<Raw, Bad> {
        let mut raw = loop {
            if let Some(raw) = self.head()? {
                break raw;
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(Bad::Status(431, "the head of the request is too long"));
            }
            self.fill().await?;
        };
        let chunked = raw.has_token("transfer-encoding", "chunked");
        let length = match raw.header("content-length") {
            _ if chunked => 0,
            None => 0,
            Some(text) => text.trim().parse().map_err(|_| Bad::Status(400, "bad content-length"))?,
        };
        if length > MAX_BODY {
            return Err(Bad::Status(413, "the body is too large"));
        }
        if raw.has_token("expect", "100-continue") {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        raw.body = if chunked { self.chunks().await? } else { self.exactly(length).await? };
        Ok(raw)
    }

    fn head(&mut self) -> Result<Option<Raw>, Bad> {
        let mut headers = [httparse::EMPTY_HEADER; 100];
        let mut request = httparse::Request::new(&mut headers);
        let used = match request.parse(&self.buffer) {
            Ok(httparse::Status::Complete(used)) => used,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(Bad::Status(400, "this is no HTTP request")),
        };
        let mut raw = Raw {
            method: request.method.unwrap_or_default().to_ascii_uppercase(),
            target: request.path.unwrap_or_default().to_string(),
            ..Raw::default()
        };
        for header in request.headers.iter() {
            raw.headers.push((header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned()));
        }
        raw.keep_alive = request.version == Some(1) && !raw.has_token("connection", "close");
        self.buffer.drain(..used);
        Ok(Some(raw))
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>, Bad> {
        while self.buffer.len() < length {
            self.fill().await?;
        }
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    async fn line(&mut self) -> Result<String, Bad> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                self.buffer.drain(..end + 2);
                return Ok(line);
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(Bad::Status(400, "bad chunk"));
            }
            self.fill().await?;
        }
    }

    async fn chunks(&mut self) -> Result<Vec<u8>, Bad> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| Bad::Status(400, "bad chunk"))?;
            if size == 0 {
                // trailers, up to the empty line
                while !self.line().await?.is_empty() {}
                return Ok(body);
            }
            if size > MAX_BODY - body.len() {
                return Err(Bad::Status(413, "the body is too large"));
            }
            body.append(&mut self.exactly(size).await?);
            if self.exactly(2).await? != b"\r\n" {
                return Err(Bad::Status(400, "bad chunk"));
            }
        }
    }

    /// Sends a whole answer.
    pub async fn write(&mut self, reply: &Reply, head_only: bool, keep_alive: bool) -> std::io::Result<()> {
        let mut bytes = head(reply, Some(reply.body.len()), keep_alive);
        if !head_only {
            bytes.extend_from_slice(&reply.body);
        }
        self.stream.write_all(&bytes).await
    }

    /// Promises the whole body, sends half of it; the caller then closes.
    pub async fn write_half(&mut self, reply: &Reply) -> std::io::Result<()> {
        // an answer without a body gets one, so that there is something to cut
        let reply = if reply.body.is_empty() {
            Reply { status: 200, ..Reply::text(200, "{\"ok\":true}") }
        } else {
            reply.clone()
        };
        let mut bytes = head(&reply, Some(reply.body.len()), false);
        bytes.extend_from_slice(&reply.body[..reply.body.len() / 2]);
        self.stream.write_all(&bytes).await
    }

    /// A body of so many bytes of white space inside an array.
    pub async fn write_huge(&mut self, bytes: usize) -> std::io::Result<()> {
        let reply = Reply { status: 200, headers: vec![json_type()], body: Vec::new() };
        self.stream.write_all(&head(&reply, Some(bytes), false)).await?;
        let blank = vec![b' '; 64 * 1024];
        let mut left = bytes;
        self.stream.write_all(b"[").await?;
        left -= 1;
        while left > 0 {
            let piece = left.min(blank.len());
            self.stream.write_all(&blank[..piece]).await?;
            left -= piece;
        }
        Ok(())
    }

    /// A body in chunks that goes on until the other side has enough.
    pub async fn write_endless(&mut self) -> std::io::Result<()> {
        let reply = Reply { status: 200, headers: vec![json_type()], body: Vec::new() };
        let mut start = head(&reply, None, false);
        start.extend_from_slice(b"1\r\n[\r\n");
        self.stream.write_all(&start).await?;
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            self.stream.write_all(b"1\r\n \r\n").await?;
        }
    }

    pub async fn close(mut self) {
        let _ = self.stream.shutdown().await;
    }
}

fn json_type() -> (String, String) {
    ("content-type".to_string(), "application/json".to_string())
}

/// The head of an answer; without a length its body comes in chunks.
fn head(reply: &Reply, length: Option<usize>, keep_alive: bool) -> Vec<u8> {
    let reason = http_reason(reply.status);
    let mut text = format!("HTTP/1.1 {} {reason}\r\n", reply.status);
    for (name, value) in &reply.headers {
        // a twin may put text of a request into a header; a line break must not become another header
        let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    match length {
        Some(_) if matches!(reply.status, 100..=199 | 204 | 304) => {}
        Some(length) => text.push_str(&format!("content-length: {length}\r\n")),
        None => text.push_str("transfer-encoding: chunked\r\n"),
    }
    text.push_str(if keep_alive { "connection: keep-alive\r\n\r\n" } else { "connection: close\r\n\r\n" });
    text.into_bytes()
}

fn http_reason(status: u16) -> &'static str {
    reqwest::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Unknown")
}
