//! A stand-in for a PDS and its entrance, as the official PDS 0.5 was seen to answer.

use std::collections::{BTreeMap, VecDeque};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use chrono::{DateTime, Duration, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation;

use super::twin_cid::{base32, cid};
use super::address::AtUri;
use super::syntax;
use super::twin_oauth::{Logins, Visitor};
use super::twin_video::{self, Films};
use super::{IMAGE_BYTES, POST};
use crate::platform::TwinAccount;
use crate::twin::{Incoming, Reply, Seen, SeenMedia, Twin};

const HOST: &str = "bsky.social";
/// The directory of DIDs.
const PLC: &str = "plc.directory";
/// Where the accounts really are.
const PDS: &str = "morel.bsky.example";
const BLOB_LIMIT: usize = 5 * 1024 * 1024;
const LOGINS: usize = 30;

/// The account number `n` of the twin.
pub fn account(n: usize) -> TwinAccount {
    TwinAccount {
        server: format!("https://{HOST}"),
        settings: json!({"handle": handle(n)}),
        secrets: BTreeMap::from([("password".to_string(), SecretString::from(password(n)))]),
    }
}

fn handle(n: usize) -> String {
    format!("ann{n}.bsky.example")
}

fn password(n: usize) -> String {
    format!("twin-pass-word-{n:04}")
}

fn did(n: usize) -> String {
    let digit = |shift: u32| char::from(b"abcdefghijklmnopqrstuvwxyz234567"[(n >> shift) & 31]);
    format!("did:plc:twinofblueskyaccount{}{}{}{}", digit(15), digit(10), digit(5), digit(0))
}

/// The account that a DID or handle names.
fn number(name: &str) -> Option<usize> {
    let n: usize = match name.strip_prefix("ann").and_then(|rest| rest.strip_suffix(".bsky.example")) {
        Some(n) => n.parse().ok()?,
        None => name.strip_prefix("did:plc:twinofblueskyaccount")?.bytes().try_fold(0usize, |n, byte| {
            let at = b"abcdefghijklmnopqrstuvwxyz234567".iter().position(|digit| *digit == byte)?;
            Some(n * 32 + at)
        })?,
    };
    (n < 32 * 32 * 32 * 32 && (did(n) == name || handle(n) == name)).then_some(n)
}

/// The document of an account's DID.
fn document(n: usize) -> Value {
    json!({"id": did(n), "alsoKnownAs": [format!("at://{}", handle(n))], "service": [{"id": "#atproto_pds",
        "type": "AtprotoPersonalDataServer", "serviceEndpoint": format!("https://{PDS}")}]})
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Access,
    Refresh,
    Expired,
}

#[derive(Debug, Clone)]
struct Record {
    cid: String,
    value: Value,
    at: DateTime<Utc>,
}

/// The network's state.
#[derive(Debug)]
pub struct BlueskyTwin {
    pub(super) oauth: Logins,
    films: Films,
    /// By token.
    tokens: BTreeMap<String, (usize, Token)>,
    /// By CID.
    blobs: BTreeMap<String, (String, u64)>,
    /// By address.
    records: BTreeMap<String, Record>,
    /// Addresses of posts in the order of their arrival.
    order: Vec<String>,
    logins: BTreeMap<usize, VecDeque<DateTime<Utc>>>,
    issued: u64,
}

impl Default for BlueskyTwin {
    fn default() -> BlueskyTwin {
        BlueskyTwin {
            oauth: Logins::new(HOST, PDS),
            films: Films::default(),
            tokens: BTreeMap::new(),
            blobs: BTreeMap::new(),
            records: BTreeMap::new(),
            order: Vec::new(),
            logins: BTreeMap::new(),
            issued: 0,
        }
    }
}

/// Whom a request comes from: the bearer of a session's token may do everything.
struct Caller {
    n: usize,
    visitor: Option<Visitor>,
}

impl Caller {
    fn may(&self, what: &str) -> Result<(), Refusal> {
        self.visitor.as_ref().map_or(Ok(()), |visitor| visitor.may(what))
    }
}

type Refusal = Box<Reply>;

fn refuse(status: u16, error: &str, message: &str) -> Refusal {
    Box::new(Reply::json(status, &json!({"error": error, "message": message})))
}

fn invalid(message: &str) -> Refusal {
    refuse(400, "InvalidRequest", message)
}

impl Twin for BlueskyTwin {
    fn hosts(&self) -> Vec<String> {
        [HOST, PDS, PLC, twin_video::HOST].map(str::to_string).to_vec()
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        let reply = self.route(request).unwrap_or_else(|refusal| *refusal);
        let reply = self.oauth.headers(request, reply);
        if !request.path.starts_with("/xrpc/") {
            return reply;
        }
        if reply.headers.iter().any(|(name, _)| name == "ratelimit-limit") {
            return reply;
        }
        budget(reply, 3000, 2999, Utc::now() + Duration::minutes(5))
    }

    fn limited(&self, seconds: u64) -> Reply {
        let reply = Reply::json(429, &json!({"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"}));
        budget(reply, 3000, 0, Utc::now() + Duration::seconds(i64::try_from(seconds).unwrap_or(300)))
    }

    fn expired(&self) -> Reply {
        Reply::json(400, &json!({"error": "ExpiredToken", "message": "Token has expired"}))
    }

    fn unavailable(&self, status: u16) -> Reply {
        let error = if status == 502 { "UpstreamFailure" } else { "InternalServerError" };
        Reply::json(status, &json!({"error": error, "message": "Internal Server Error"}))
    }

    /// The short tokens are over; a refresh token still buys a new one, as on the real network.
    fn expire_sessions(&mut self) {
        self.oauth.expire();
        for (_, token) in self.tokens.values_mut().filter(|(_, token)| *token == Token::Access) {
            *token = Token::Expired;
        }
    }

    fn timeline(&self) -> Vec<Seen> {
        self.order
            .iter()
            .filter_map(|uri| {
                let record = self.records.get(uri)?;
                let parsed = AtUri::parse(uri)?;
                let n = number(&parsed.repo)?;
                let value = &record.value;
                let embed = &value["embed"];
                let images = embed["images"].as_array().or(embed["media"]["images"].as_array());
                let film = [embed, &embed["media"]].into_iter().find(|embed| embed["video"].is_object());
                let seen = |embed: &Value, blob: &Value| SeenMedia {
                    mime: blob["mimeType"].as_str().unwrap_or_default().to_string(),
                    bytes: blob["size"].as_u64().unwrap_or(0),
                    alt: embed["alt"].as_str().unwrap_or_default().to_string(),
                };
                let media = images.into_iter().flatten().map(|image| seen(image, &image["image"]));
                let media = media.chain(film.map(|film| seen(film, &film["video"])));
                Some(Seen {
                    id: uri.clone(),
                    account: handle(n),
                    title: None,
                    text: value["text"].as_str().unwrap_or_default().to_string(),
                    url: Some(format!("https://bsky.app/profile/{}/post/{}", handle(n), parsed.key)),
                    reply_to: value["reply"]["parent"]["uri"].as_str().map(str::to_string),
                    media: media.collect(),
                    at: record.at,
                    extra: json!({"record": value, "cid": record.cid,
                        "threadgate": self.gate("threadgate", &parsed), "postgate": self.gate("postgate", &parsed)}),
                })
            })
            .collect()
    }
}

/// The headers of the network's budget.
fn budget(reply: Reply, limit: u64, remaining: u64, reset: DateTime<Utc>) -> Reply {
    reply
        .header("ratelimit-limit", limit.to_string())
        .header("ratelimit-remaining", remaining.to_string())
        .header("ratelimit-reset", reset.timestamp().to_string())
        .header("ratelimit-policy", format!("{limit};w=300"))
}

impl BlueskyTwin {
    fn gate(&self, kind: &str, post: &AtUri) -> Value {
        let uri = AtUri { collection: format!("app.bsky.feed.{kind}"), ..post.clone() };
        self.records.get(&uri.to_string()).map_or(Value::Null, |record| record.value.clone())
    }

    fn route(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let ok = |value: Value| Ok(Reply::json(200, &value));
        if let Some(answer) = self.oauth.route(request, number, did) {
            return answer;
        }
        if request.host == twin_video::HOST {
            let blobs = &mut self.blobs;
            return Ok(self.films.answer(request, PDS, did, |film| {
                let (link, size) = (cid(0x55, film), film.len() as u64);
                blobs.insert(link.clone(), ("video/mp4".to_string(), size));
                json!({"$type": "blob", "ref": {"$link": link}, "mimeType": "video/mp4", "size": size})
            }));
        }
        let path = request.segments();
        if request.host == PLC {
            let n = path.first().and_then(|name| number(name));
            return Ok(n.map_or_else(|| Reply::json(404, &json!({"message": "DID not registered"})), |n| Reply::json(200, &document(n))));
        }
        let ["xrpc", method] = path.as_slice() else {
            return Ok(Reply::text(404, "Not Found"));
        };
        match (request.method.as_str(), *method) {
            ("POST", "com.atproto.server.createSession") => self.login(&request.json()),
            ("POST", "com.atproto.server.refreshSession") => {
                let n = self.bearer(request, Token::Refresh)?;
                ok(self.session(n))
            }
            ("POST", "com.atproto.server.deleteSession") => {
                let n = self.bearer(request, Token::Refresh)?;
                self.tokens.retain(|_, (owner, _)| *owner != n);
                Ok(Reply::empty(200))
            }
            ("GET", "com.atproto.server.getSession") => {
                let n = self.caller(request)?.n;
                ok(json!({"did": did(n), "handle": handle(n), "email": "ann@bsky.example", "emailConfirmed": true, "active": true}))
            }
            ("GET", "com.atproto.server.getServiceAuth") => {
                let caller = self.caller(request)?;
                let get = |name: &str| request.query(name).unwrap_or_default();
                caller.may(&format!("rpc:{}?aud={}", get("lxm"), get("aud")))?;
                Ok(self.films.pass(caller.n, request))
            }
            ("GET", "com.atproto.server.describeServer") => ok(json!({"did": format!("did:web:{PDS}"), "availableUserDomains":
                [".bsky.example"], "inviteCodeRequired": false, "blobUploadLimit": BLOB_LIMIT, "links": {}, "contact": {}})),
            ("GET", "com.atproto.identity.resolveHandle") => {
                let name = request.query("handle").unwrap_or_default();
                if !syntax::handle(name) {
                    return Err(invalid(&format!("Invalid handle (got \"{name}\")")));
                }
                let n = number(name).ok_or_else(|| refuse(400, "HandleNotFound", "Unable to resolve handle"))?;
                ok(json!({"did": did(n)}))
            }
            ("POST", "com.atproto.repo.uploadBlob") => {
                let mime = request.header("content-type").unwrap_or("application/octet-stream");
                self.caller(request)?.may(&format!("blob:{mime}"))?;
                self.upload(request)
            }
            ("POST", "com.atproto.repo.putRecord") => {
                let n = self.writer(request)?;
                self.put(n, &request.json())
            }
            // xpost never asks for it; other tools that are pointed at `xpost mock` do
            ("POST", "com.atproto.repo.createRecord") => {
                let n = self.writer(request)?;
                let mut body = request.json();
                if body["rkey"].is_null() {
                    self.issued += 1;
                    body["rkey"] = json!(base32(&self.issued.to_be_bytes()));
                }
                self.put(n, &body)
            }
            ("POST", "com.atproto.repo.deleteRecord") => {
                let n = self.writer(request)?;
                let uri = own(n, &request.json())?.to_string();
                self.records.remove(&uri);
                self.order.retain(|known| *known != uri);
                ok(json!({}))
            }
            ("GET", "com.atproto.repo.getRecord") => {
                let get = |name: &str| request.query(name).unwrap_or_default().to_string();
                let n = number(&get("repo")).ok_or_else(|| invalid("Could not locate record"))?;
                let uri = AtUri { repo: did(n), collection: get("collection"), key: get("rkey") }.to_string();
                let record = self
                    .records
                    .get(&uri)
                    .ok_or_else(|| refuse(400, "RecordNotFound", &format!("Could not locate record: {uri}")))?;
                ok(json!({"uri": uri, "cid": record.cid, "value": record.value}))
            }
            ("GET", "com.atproto.repo.listRecords") => {
                let get = |name: &str| request.query(name).unwrap_or_default().to_string();
                let n = number(&get("repo")).ok_or_else(|| invalid(&format!("Could not find repo: {}", get("repo"))))?;
                let start = format!("at://{}/{}/", did(n), get("collection"));
                let limit = get("limit").parse().unwrap_or(50).min(100);
                let found = self.records.iter().rev().filter(|(uri, _)| uri.starts_with(&start)).take(limit);
                let list: Vec<Value> =
                    found.map(|(uri, record)| json!({"uri": uri, "cid": record.cid, "value": record.value})).collect();
                ok(json!({ "records": list }))
            }
            (_, method) => Err(invalid(&format!("No service configured for {method}"))),
        }
    }

    fn bearer(&self, request: &Incoming, wanted: Token) -> Result<usize, Refusal> {
        let token = request.bearer().ok_or_else(|| refuse(401, "AuthMissing", "Authentication Required"))?;
        match self.tokens.get(token) {
            Some((n, kind)) if *kind == wanted => Ok(*n),
            Some((_, Token::Expired)) => Err(Box::new(self.expired())),
            _ => Err(refuse(400, "InvalidToken", "Token could not be verified")),
        }
    }

    /// Whom a request comes from, by either kind of token.
    fn caller(&mut self, request: &Incoming) -> Result<Caller, Refusal> {
        match request.header("authorization").and_then(|value| value.strip_prefix("DPoP ")) {
            Some(token) => {
                let visitor = self.oauth.visitor(request, token)?;
                Ok(Caller { n: visitor.n, visitor: Some(visitor) })
            }
            None => Ok(Caller { n: self.bearer(request, Token::Access)?, visitor: None }),
        }
    }

    /// The same, where he may write to the collection that the request names.
    fn writer(&mut self, request: &Incoming) -> Result<usize, Refusal> {
        let caller = self.caller(request)?;
        caller.may(&format!("repo:{}", request.json()["collection"].as_str().unwrap_or_default()))?;
        Ok(caller.n)
    }

    fn login(&mut self, body: &Value) -> Result<Reply, Refusal> {
        let wrong = || refuse(401, "AuthenticationRequired", "Invalid identifier or password");
        let n = body["identifier"].as_str().and_then(number).ok_or_else(wrong)?;
        let now = Utc::now();
        let times = self.logins.entry(n).or_default();
        times.retain(|at| now - *at < Duration::minutes(5));
        if let (true, Some(first)) = (times.len() >= LOGINS, times.front()) {
            let reply = Reply::json(429, &json!({"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"}));
            return Ok(budget(reply, LOGINS as u64, 0, *first + Duration::minutes(5)));
        }
        times.push_back(now);
        if body["password"].as_str() != Some(&password(n)) {
            return Err(wrong());
        }
        Ok(Reply::json(200, &self.session(n)))
    }

    fn session(&mut self, n: usize) -> Value {
        let did = did(n);
        let mut token = |kind: Token, hours: i64| {
            self.issued += 1;
            let b64 = |value: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
            let claims = json!({"sub": did, "aud": format!("did:web:{PDS}"), "jti": self.issued,
                "exp": (Utc::now() + Duration::hours(hours)).timestamp()});
            let body = format!("{}.{}", b64(json!({"typ": "at+jwt", "alg": "HS256"})), b64(claims));
            let signature = base32(digest(&SHA256, body.as_bytes()).as_ref());
            let jwt = format!("{body}.{signature}");
            self.tokens.insert(jwt.clone(), (n, kind));
            jwt
        };
        let (access, refresh) = (token(Token::Access, 2), token(Token::Refresh, 24 * 90));
        json!({"accessJwt": access, "refreshJwt": refresh, "handle": handle(n), "did": did, "active": true,
            "didDoc": document(n)})
    }

    fn upload(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        if request.body.len() > BLOB_LIMIT {
            return Err(refuse(413, "PayloadTooLarge", "request entity too large"));
        }
        // what the bytes are counts, not what the header says
        let declared = request.header("content-type").unwrap_or("application/octet-stream");
        let mime = match request.body.as_slice() {
            [0x89, b'P', b'N', b'G', ..] => "image/png",
            [0xff, 0xd8, 0xff, ..] => "image/jpeg",
            [b'G', b'I', b'F', b'8', ..] => "image/gif",
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
            _ => declared,
        };
        let (link, size) = (cid(0x55, &request.body), request.body.len() as u64);
        let reply = json!({"blob": {"$type": "blob", "ref": {"$link": link}, "mimeType": mime, "size": size}});
        self.blobs.insert(link, (mime.to_string(), size));
        Ok(Reply::json(200, &reply))
    }

    fn put(&mut self, n: usize, body: &Value) -> Result<Reply, Refusal> {
        let uri = own(n, body)?;
        let record = &body["record"];
        if record["$type"] != uri.collection.as_str() {
            return Err(invalid(&format!("Invalid $type: expected {}, got {}", uri.collection, record["$type"])));
        }
        match uri.collection.as_str() {
            POST => self.check(record)?,
            "app.bsky.feed.threadgate" | "app.bsky.feed.postgate" => {
                let post = record["post"].as_str().and_then(AtUri::parse);
                if post.is_none_or(|post| post.repo != uri.repo || post.key != uri.key) || !dated(record) {
                    return Err(invalid(&format!("Invalid {} record", uri.collection)));
                }
            }
            other if body["validate"] == true => return Err(invalid(&format!("Lexicon not found: {other}"))),
            _ => {}
        }
        let address = uri.to_string();
        let link = cid(0x71, record.to_string().as_bytes());
        let mut answer = json!({"uri": address, "cid": link, "validationStatus": "valid"});
        if let Some(before) = self.records.get(&address) {
            if before.cid == link {
                return Ok(Reply::json(200, &answer));
            }
            if body.get("swapRecord").is_some_and(|swap| swap.as_str() != Some(&before.cid)) {
                return Err(refuse(400, "InvalidSwap", &format!("Record was at {}", before.cid)));
            }
        } else if body["swapRecord"].is_string() {
            return Err(refuse(400, "InvalidSwap", "Record was at null"));
        }
        self.issued += 1;
        answer["commit"] = json!({"cid": cid(0x71, &self.issued.to_be_bytes()), "rev": format!("{:0>13}", "2")});
        if uri.collection == POST && !self.order.contains(&address) {
            self.order.push(address.clone());
        }
        self.records.insert(address, Record { cid: link, value: record.clone(), at: Utc::now() });
        Ok(Reply::json(200, &answer))
    }

    /// The lexicon's rules, and two that only readers would notice: facets inside the text, references that exist.
    fn check(&self, record: &Value) -> Result<(), Refusal> {
        let wrong = |what: &str| Err(invalid(&format!("Invalid {POST} record: {what}")));
        let Some(text) = record["text"].as_str() else { return wrong("Missing required key \"text\" at $.record") };
        let graphemes = text.graphemes(true).count();
        if text.len() > 3000 {
            return wrong(&format!("string too big (maximum 3000, got {}) at $.record.text", text.len()));
        }
        if graphemes > 300 {
            return wrong(&format!("grapheme too big (maximum 300, got {graphemes}) at $.record.text"));
        }
        if !dated(record) {
            return wrong("Invalid datetime at $.record.createdAt");
        }
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        if list(&record["langs"]).len() > 3 || list(&record["tags"]).len() > 8 {
            return wrong("array too big at $.record");
        }
        let mut end = 0;
        for facet in list(&record["facets"]) {
            let at = |key: &str| facet["index"][key].as_u64().map(|n| n as usize);
            let (Some(from), Some(to)) = (at("byteStart"), at("byteEnd")) else { return wrong("facet without index") };
            if from < end || from >= to || !text.is_char_boundary(from) || !text.is_char_boundary(to) {
                return wrong(&format!("facet {from}..{to} does not fit the text"));
            }
            end = to;
            for feature in list(&facet["features"]) {
                let good = match feature["$type"].as_str().unwrap_or_default() {
                    "app.bsky.richtext.facet#link" => feature["uri"].as_str().is_some_and(|uri| uri.contains("://")),
                    "app.bsky.richtext.facet#mention" => feature["did"].as_str().is_some_and(syntax::did),
                    "app.bsky.richtext.facet#tag" => feature["tag"].as_str().is_some_and(|tag| tag.graphemes(true).count() <= 64),
                    _ => false,
                };
                if !good {
                    return wrong("facet with a feature that is not right");
                }
            }
        }
        if let Some(reply) = record.get("reply") {
            self.reference(&reply["root"])?;
            self.reference(&reply["parent"])?;
        }
        self.embed(&record["embed"])
    }

    fn embed(&self, embed: &Value) -> Result<(), Refusal> {
        let wrong = |what: &str| Err(invalid(&format!("Invalid {POST} record: {what} at $.record.embed")));
        match embed["$type"].as_str() {
            None if embed.is_null() => Ok(()),
            Some("app.bsky.embed.images") => {
                let images = embed["images"].as_array().map_or(&[][..], Vec::as_slice);
                if images.is_empty() || images.len() > 4 {
                    return wrong("1 to 4 images");
                }
                for image in images {
                    if !image["alt"].is_string() {
                        return wrong("Missing required key \"alt\"");
                    }
                    self.blob(&image["image"], "image/", IMAGE_BYTES)?;
                }
                Ok(())
            }
            Some("app.bsky.embed.external") => {
                let external = &embed["external"];
                if !["uri", "title", "description"].iter().all(|key| external[*key].is_string()) {
                    return wrong("Missing required key");
                }
                external.get("thumb").map_or(Ok(()), |thumb| self.blob(thumb, "image/", super::record::THUMB_BYTES))
            }
            Some("app.bsky.embed.video") => self.blob(&embed["video"], "video/mp4", super::video::BYTES),
            Some("app.bsky.embed.record") => self.reference(&embed["record"]),
            Some("app.bsky.embed.recordWithMedia") => {
                self.reference(&embed["record"]["record"])?;
                self.embed(&embed["media"])
            }
            _ => wrong("unknown embed"),
        }
    }

    fn blob(&self, blob: &Value, kind: &str, most: u64) -> Result<(), Refusal> {
        let link = blob["ref"]["$link"].as_str().unwrap_or_default();
        let Some((mime, size)) = self.blobs.get(link) else {
            return Err(refuse(400, "BlobNotFound", &format!("Could not find blob: {link}")));
        };
        if blob["$type"] != "blob" || blob["size"] != *size || !mime.starts_with(kind) {
            return Err(refuse(400, "InvalidMimeType", "Referenced blob does not match what was uploaded"));
        }
        if *size > most {
            return Err(invalid(&format!("Invalid {POST} record: blob too big (maximum {most}, got {size})")));
        }
        Ok(())
    }

    fn reference(&self, reference: &Value) -> Result<(), Refusal> {
        let uri = reference["uri"].as_str().unwrap_or_default();
        match (AtUri::parse(uri), self.records.get(uri)) {
            (Some(_), Some(record)) if reference["cid"] == record.cid.as_str() => Ok(()),
            // somebody else's post on another server
            (Some(parsed), None) if number(&parsed.repo).is_none() && reference["cid"].is_string() => Ok(()),
            _ => Err(invalid(&format!("Could not locate record: {uri}"))),
        }
    }
}

fn dated(record: &Value) -> bool {
    record["createdAt"].as_str().is_some_and(|text| DateTime::parse_from_rfc3339(text).is_ok())
}

/// The address that a write names, in the writer's own repository.
fn own(n: usize, body: &Value) -> Result<AtUri, Refusal> {
    let get = |key: &str| body[key].as_str().unwrap_or_default();
    if number(get("repo")) != Some(n) {
        return Err(refuse(403, "Forbidden", "Invalid repo"));
    }
    let key = get("rkey");
    let tid = key.len() == 13 && key.bytes().all(|byte| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte));
    if !syntax::record_key(key) || (get("collection") == POST && !tid) {
        return Err(invalid(&format!("Invalid record key for {}: Invalid TID string (got \"{key}\") at $", get("collection"))));
    }
    Ok(AtUri { repo: did(n), collection: get("collection").to_string(), key: key.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(twin: &mut BlueskyTwin, method: &str, name: &str, token: &str, body: &Value) -> (u16, Value) {
        let (name, query) = name.split_once('?').unwrap_or((name, ""));
        let reply = twin.answer(&Incoming {
            method: method.into(),
            host: HOST.into(),
            path: format!("/xrpc/com.atproto.{name}"),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: vec![("authorization".into(), format!("Bearer {token}"))],
            body: body.to_string().into_bytes(),
            ..Incoming::default()
        });
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    fn login(twin: &mut BlueskyTwin) -> (String, String) {
        let body = json!({"identifier": handle(0), "password": password(0)});
        let (status, answer) = ask(twin, "POST", "server.createSession", "", &body);
        assert_eq!(status, 200);
        (answer["accessJwt"].as_str().unwrap().into(), answer["refreshJwt"].as_str().unwrap().into())
    }

    fn put(text: &str, key: &str) -> Value {
        json!({"repo": did(0), "collection": POST, "rkey": key, "validate": true, "swapRecord": null,
            "record": {"$type": POST, "text": text, "createdAt": "2026-11-21T12:00:00.000Z"}})
    }

    #[test]
    fn numbers_names_and_cids() {
        for n in [0, 7, 31, 32, 99_999] {
            assert_eq!((number(&did(n)), number(&handle(n))), (Some(n), Some(n)));
        }
        assert_eq!(number("ann01.bsky.example"), None);
        // RFC 4648
        assert_eq!(base32(b"foobar"), "mzxw6ytboi");
        assert!(cid(0x55, b"").starts_with("bafkrei") && cid(0x71, b"").starts_with("bafyrei"));
    }

    #[test]
    fn a_record_is_written_once() {
        let mut twin = BlueskyTwin::default();
        let (token, _) = login(&mut twin);
        let key = "3lxpostaaaa2a";
        let (status, first) = ask(&mut twin, "POST", "repo.putRecord", &token, &put("a", key));
        assert_eq!((status, first["commit"].is_object()), (200, true));
        let (status, again) = ask(&mut twin, "POST", "repo.putRecord", &token, &put("a", key));
        assert_eq!((status, again.get("commit"), &again["cid"]), (200, None, &first["cid"]));
        let (status, other) = ask(&mut twin, "POST", "repo.putRecord", &token, &put("b", key));
        assert_eq!((status, other["error"].as_str()), (400, Some("InvalidSwap")));
        assert_eq!(twin.timeline().len(), 1);
        let name = format!("repo.getRecord?repo={}&collection={POST}&rkey={key}", did(0));
        assert_eq!(ask(&mut twin, "GET", &name, "", &Value::Null).1["value"]["text"], "a");
        let gone = json!({"repo": did(0), "collection": POST, "rkey": key});
        assert_eq!(ask(&mut twin, "POST", "repo.deleteRecord", &token, &gone).0, 200);
        assert_eq!(ask(&mut twin, "POST", "repo.deleteRecord", &token, &gone).0, 200);
        assert_eq!(ask(&mut twin, "GET", &name, "", &Value::Null).1["error"], "RecordNotFound");
        // without a key of one's own, two of the same are two
        let mut keyless = put("c", key);
        keyless.as_object_mut().unwrap().remove("rkey");
        for _ in 0..2 {
            assert_eq!(ask(&mut twin, "POST", "repo.createRecord", &token, &keyless).0, 200);
        }
        assert_eq!(twin.timeline().len(), 2);
    }

    #[test]
    fn sessions_end_and_are_renewed() {
        let mut twin = BlueskyTwin::default();
        let (token, refresh) = login(&mut twin);
        twin.expire_sessions();
        let (status, answer) = ask(&mut twin, "GET", "server.getSession", &token, &Value::Null);
        assert_eq!((status, answer["error"].as_str()), (400, Some("ExpiredToken")));
        let (status, answer) = ask(&mut twin, "POST", "server.refreshSession", &refresh, &Value::Null);
        assert_eq!(status, 200);
        assert_eq!(ask(&mut twin, "GET", "server.getSession", answer["accessJwt"].as_str().unwrap(), &Value::Null).0, 200);
        assert_eq!(ask(&mut twin, "GET", "server.getSession", "nope", &Value::Null).1["error"], "InvalidToken");
    }

    #[test]
    fn logins_are_counted() {
        let mut twin = BlueskyTwin::default();
        let wrong = json!({"identifier": handle(0), "password": "no"});
        for _ in 0..LOGINS {
            assert_eq!(ask(&mut twin, "POST", "server.createSession", "", &wrong).0, 401);
        }
        assert_eq!(ask(&mut twin, "POST", "server.createSession", "", &wrong).0, 429);
    }

    #[test]
    fn records_are_judged() {
        let mut twin = BlueskyTwin::default();
        let (token, _) = login(&mut twin);
        let mut refused = |text: &str, extra: Value| {
            let mut body = put(text, "3lxpostaaaa2a");
            for (key, value) in extra.as_object().unwrap() {
                body["record"][key] = value.clone();
            }
            let (status, answer) = ask(&mut twin, "POST", "repo.putRecord", &token, &body);
            (status == 400).then(|| answer["error"].as_str().unwrap().to_string())
        };
        let bad = Some("InvalidRequest".to_string());
        assert_eq!(refused(&"x".repeat(301), json!({})), bad);
        assert_eq!(refused(&"👩‍👩‍👧".repeat(200), json!({})), bad);
        let facet = |from: usize, to: usize| {
            json!({"facets": [{"index": {"byteStart": from, "byteEnd": to},
                "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://a.b"}]}]})
        };
        assert_eq!(refused("é1", facet(1, 3)), bad);
        assert_eq!(refused("é1", facet(0, 4)), bad);
        let image = json!({"embed": {"$type": "app.bsky.embed.images", "images": [{"alt": "",
            "image": {"$type": "blob", "ref": {"$link": "bafk"}, "mimeType": "image/png", "size": 1}}]}});
        assert_eq!(refused("a", image), Some("BlobNotFound".to_string()));
        assert_eq!(refused("é1", facet(0, 2)), None);
    }
}
