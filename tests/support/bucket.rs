//! A storage that speaks S3 as far as a media host needs it, and checks every signature by itself: canonical request, string to sign and
//! key are made here from the published description of Signature Version 4, not by the crate that signs. Beside it a receiver of
//! webhooks.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use aws_lc_rs::{digest, hmac};
use chrono::{DateTime, Duration, NaiveDateTime, Utc};

pub const ACCESS_KEY: &str = "AKIACANARY7F3A9C";
pub const SECRET_KEY: &str = "canary-7f3a9c/storage+secret";

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// A file that was put there.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    pub body: Vec<u8>,
    pub kind: String,
    pub cache: String,
}

#[derive(Default)]
pub struct State {
    pub objects: BTreeMap<String, Object>,
    pub log: Vec<Asked>,
    /// Seconds by which its clock is ahead.
    pub ahead: i64,
    /// Anybody may read.
    pub public: bool,
    /// Answered instead, one after the other; 0 closes the connection after storing.
    pub faults: VecDeque<u16>,
}

pub struct Bucket {
    pub port: u16,
    pub state: Arc<Mutex<State>>,
}

/// Serves requests with `answer`, which gives status, headers and body; `None` closes the connection.
type Reply = Option<(u16, Vec<(String, String)>, Vec<u8>)>;

fn serve(answer: impl Fn(Asked) -> Reply + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || {
                let mut stream = stream;
                let Some(asked) = read(&stream) else { return };
                let head_only = asked.method == "HEAD";
                let Some((status, headers, body)) = answer(asked) else { return };
                let mut head =
                    format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
                drop(stream.write_all(format!("{head}\r\n").as_bytes()));
                if !head_only {
                    drop(stream.write_all(&body));
                }
            });
        }
    });
    port
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_string(), words.next()?.to_string());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_string());
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Asked { method, path: path.into(), query: query.into(), headers, body })
}

impl Bucket {
    pub fn new() -> Bucket {
        let state: Arc<Mutex<State>> = Arc::default();
        let own = Arc::clone(&state);
        let port = serve(move |asked| own.lock().unwrap().answer(asked));
        Bucket { port, state }
    }

    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// `[media_host]` for it.
    pub fn settings(&self, more: &str) -> String {
        format!(
            "[media_host]\nendpoint = '{}'\nbucket = 'media'\npath_style = true\nsecret = 'env'\n{more}\n",
            self.origin()
        )
    }

    pub fn objects(&self) -> BTreeMap<String, Object> {
        self.state.lock().unwrap().objects.clone()
    }

    /// How often this method was asked for.
    pub fn asked(&self, method: &str) -> Vec<Asked> {
        self.state.lock().unwrap().log.iter().filter(|asked| asked.method == method).cloned().collect()
    }
}

impl State {
    fn answer(&mut self, asked: Asked) -> Reply {
        self.log.push(asked.clone());
        let fault = self.faults.pop_front();
        if let Some(status) = fault.filter(|status| *status != 0) {
            return self.refuse(status, if status == 503 { "SlowDown" } else { "InternalError" }, "Please try again.");
        }
        let reads = matches!(asked.method.as_str(), "GET" | "HEAD");
        if !(reads && self.public)
            && let Err((code, why)) = self.check(&asked)
        {
            // as real ones do, it says what it was given
            let why = format!("{why} (it was signed as {})", asked.query.replace('&', "&amp;"));
            return self.refuse(403, code, &why);
        }
        let Some(key) = asked.path.strip_prefix("/media/").map(str::to_string) else {
            return self.refuse(404, "NoSuchBucket", "The specified bucket does not exist");
        };
        match asked.method.as_str() {
            "PUT" => {
                let header = |name: &str| asked.headers.get(name).cloned().unwrap_or_default();
                let object = Object { kind: header("content-type"), cache: header("cache-control"), body: asked.body };
                self.objects.insert(key, object);
                if fault == Some(0) { None } else { self.reply(200, "application/xml", Vec::new()) }
            }
            "DELETE" => {
                self.objects.remove(&key);
                self.reply(204, "application/xml", Vec::new())
            }
            _ => match self.objects.get(&key).cloned() {
                Some(object) => self.reply(200, &object.kind, object.body),
                None => self.refuse(404, "NoSuchKey", "The specified key does not exist."),
            },
        }
    }

    fn now(&self) -> DateTime<Utc> {
        Utc::now() + Duration::seconds(self.ahead)
    }

    fn reply(&self, status: u16, kind: &str, body: Vec<u8>) -> Reply {
        let date = self.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        Some((status, vec![("date".into(), date), ("content-type".into(), kind.into())], body))
    }

    fn refuse(&self, status: u16, code: &str, why: &str) -> Reply {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{why}</Message></Error>");
        self.reply(status, "application/xml", body.into_bytes())
    }

    /// Signature Version 4 in the query.
    fn check(&self, asked: &Asked) -> Result<(), (&'static str, String)> {
        let pairs: Vec<(&str, &str)> =
            asked.query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
        let of =
            |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.replace("%2F", "/"));
        let credential = of("X-Amz-Credential").ok_or(("AccessDenied", "Access Denied.".to_string()))?;
        let (id, scope) = credential.split_once('/').unwrap_or_default();
        if id != ACCESS_KEY {
            return Err(("InvalidAccessKeyId", format!("The key {id} does not exist in our records.")));
        }
        let stamp = of("X-Amz-Date").unwrap_or_default();
        let at =
            NaiveDateTime::parse_from_str(&stamp, "%Y%m%dT%H%M%SZ").map_err(|_| ("AccessDenied", "no date".into()))?;
        let holds: i64 = of("X-Amz-Expires").and_then(|text| text.parse().ok()).unwrap_or(0);
        if !(1..=604_800).contains(&holds) {
            return Err(("AuthorizationQueryParametersError", "X-Amz-Expires must be less than a week".into()));
        }
        if at.and_utc() > self.now() + Duration::minutes(15) {
            return Err((
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.".into(),
            ));
        }
        if at.and_utc() + Duration::seconds(holds) < self.now() {
            return Err(("AccessDenied", "Request has expired".into()));
        }
        let signed = of("X-Amz-SignedHeaders").unwrap_or_default().replace("%3B", ";");
        let mut headers = String::new();
        for name in signed.split(';') {
            let value = asked.headers.get(name).ok_or(("SignatureDoesNotMatch", format!("`{name}` was not sent")))?;
            headers.push_str(&format!("{name}:{value}\n"));
        }
        let mut query: Vec<&str> =
            asked.query.split('&').filter(|pair| !pair.starts_with("X-Amz-Signature=")).collect();
        query.sort_unstable();
        let canonical =
            format!("{}\n{}\n{}\n{headers}\n{signed}\nUNSIGNED-PAYLOAD", asked.method, asked.path, query.join("&"));
        let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hash}");
        let mac = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
        let mut key = mac(format!("AWS4{SECRET_KEY}").as_bytes(), scope.split('/').next().unwrap_or_default());
        for part in scope.split('/').skip(1) {
            key = mac(key.as_ref(), part);
        }
        if Some(hex(mac(key.as_ref(), &to_sign).as_ref())) != of("X-Amz-Signature") {
            let why = "The request signature we calculated does not match the signature you provided.";
            return Err(("SignatureDoesNotMatch", why.into()));
        }
        Ok(())
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A receiver of webhooks: keeps what it is sent, answers with the next of `answers` or 200.
pub struct Receiver {
    pub port: u16,
    pub got: Arc<Mutex<Vec<Asked>>>,
    pub answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    pub fn new() -> Receiver {
        let got: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let answers: Arc<Mutex<VecDeque<u16>>> = Arc::default();
        let (own, next) = (Arc::clone(&got), Arc::clone(&answers));
        let port = serve(move |asked| {
            own.lock().unwrap().push(asked);
            let status = next.lock().unwrap().pop_front().unwrap_or(200);
            Some((status, Vec::new(), b"{}".to_vec()))
        });
        Receiver { port, got, answers }
    }

    /// What came, as JSON.
    pub fn payloads(&self) -> Vec<serde_json::Value> {
        self.got.lock().unwrap().iter().map(|asked| serde_json::from_slice(&asked.body).unwrap()).collect()
    }
}

/// What anybody gets at this address: status, type and body.
pub fn get(url: &str) -> (u16, String, Vec<u8>) {
    let url = url::Url::parse(url).unwrap();
    let mut stream = TcpStream::connect((url.host_str().unwrap(), url.port().unwrap())).unwrap();
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    stream.write_all(format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&all[..end]).to_lowercase();
    let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    let kind = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default().to_string();
    (status, kind, all[end + 4..].to_vec())
}
