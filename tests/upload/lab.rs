//! Six networks with six ways to take a file, as strict as the real ones: the hooks that a network fills in, and the stand-in.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};
use xpost::media::Media;
use xpost::net::{Answer, Body, Fault, FileSlice, Kind as Trouble, Method, Request};
use xpost::platform::upload::{
    Cut, Last, Lost, Sent, Shape, Span, Stage, Start, State, Status, Taken, Upload, Way, run,
};
use xpost::platform::{
    Ask, Cx, MediaRule, Piece, Platform, Post, Profile, Ready, Receipt, Repeat, Server, Spec, TextRule, TwinAccount,
    explain_by_status, payload_error,
};
use xpost::twin::Twin;

use crate::server::{Asked, Net, Said};

/// Bytes of a piece.
pub const PIECE: u64 = 1024;
pub const TOKEN: &str = "token-of-the-lab";

/// The ways, named for the networks whose rules they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The network cuts the file and names an address for each piece; each gives a tag, and the tags close it (LinkedIn, S3).
    Parts,
    /// `Content-Range`, 308, and `bytes */N` to ask (YouTube).
    Resume,
    /// Numbered pieces in forms, closed by a request, then processed (X).
    Append,
    /// Pieces in turn, the last one longer, asked by another address (TikTok).
    Chunks,
    /// All the rest from an offset; what came of it is kept (Facebook, Instagram).
    Offset,
    /// An address for one use (VK, OK).
    Once,
}

pub const ALL: [Kind; 6] = [Kind::Parts, Kind::Resume, Kind::Append, Kind::Chunks, Kind::Offset, Kind::Once];

pub struct Lab(pub Kind);

static SPEC: Spec = Spec {
    name: "lab",
    title: "Lab",
    about: "a network for tests",
    checked: "2026-11-22",
    server: Server::Fixed("https://lab.example"),
    text: TextRule { optional: true, ..Spec::PLAIN.text },
    media: MediaRule { max: 1, required: true, ..MediaRule::NONE },
    repeat: Repeat::SameId,
    ..Spec::PLAIN
};

fn call(cx: &Cx<'_>, method: Method, path: &str) -> Result<Request, Fault> {
    Ok(Request::new(method, format!("https://lab.example/{path}")).bearer(&cx.secret("token")?))
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_string()
}

fn range_end(answer: &Answer) -> u64 {
    let end = answer.header("range").and_then(|range| range.strip_prefix("bytes=0-")?.parse::<u64>().ok());
    end.map_or(0, |end| end + 1)
}

#[async_trait]
impl Upload for Lab {
    fn shape(&self) -> Shape {
        let cut = Cut { size: PIECE, last: Last::Shorter };
        let (way, lost, gone): (_, _, &[u16]) = match self.0 {
            Kind::Parts | Kind::Append => (Way::Numbered(cut), Lost::Again, &[404, 410]),
            Kind::Resume => (Way::Offset(cut), Lost::Ask, &[404, 410]),
            Kind::Chunks => (Way::Offset(Cut { last: Last::Longer, ..cut }), Lost::Ask, &[403, 404, 416]),
            Kind::Offset => (Way::Offset(Cut::WHOLE), Lost::Ask, &[404]),
            Kind::Once => (Way::Whole, Lost::Anew, &[404]),
        };
        Shape { way, lost, lives: TimeDelta::hours(1), gone }
    }

    async fn start(&self, cx: &Cx<'_>, media: &Media) -> Result<Start, Fault> {
        let count = self.spans(&Value::Null, media.bytes).len();
        let body =
            json!({"bytes": media.bytes, "sha256": media.sha256, "chunk": PIECE.min(media.bytes), "count": count});
        let answer = cx.call(call(cx, Method::POST, "start")?.json(body)).await?;
        let session = answer.value();
        if session["id"].is_string() { Ok(Start::Session(session)) } else { Err(payload_error(&answer, "id")) }
    }

    fn spans(&self, session: &Value, total: u64) -> Vec<Span> {
        let named = session["pieces"].as_array().filter(|_| self.0 == Kind::Parts);
        let of = |(index, piece): (usize, &Value)| {
            let at = piece["first"].as_u64()?;
            Some(Span { index, at, length: piece["last"].as_u64()? + 1 - at })
        };
        match (named, self.shape().way) {
            (Some(pieces), _) => pieces.iter().enumerate().filter_map(of).collect(),
            (None, Way::Numbered(cut) | Way::Offset(cut)) => cut.spans(total),
            (None, Way::Whole) => Cut::WHOLE.spans(total),
        }
    }

    async fn request(&self, cx: &Cx<'_>, session: &Value, span: Span, slice: FileSlice) -> Result<Request, Fault> {
        let total = slice.file.bytes;
        let url = SecretString::from(text(session, "url"));
        Ok(match self.0 {
            Kind::Parts => {
                let url = SecretString::from(text(&session["pieces"][span.index], "url"));
                Request::capability(Method::PUT, &url).body(Body::Slice(slice))
            }
            Kind::Resume | Kind::Chunks => Request::capability(Method::PUT, &url)
                .header("content-range", span.range(total))
                .body(Body::Slice(slice)),
            Kind::Append => {
                let fields = vec![("segment_index".to_string(), span.index.to_string())];
                call(cx, Method::POST, &format!("append/{}", text(session, "id")))?.body(Body::FormSlice(
                    fields,
                    "media".into(),
                    slice,
                ))
            }
            Kind::Offset => Request::capability(Method::POST, &url)
                .header("offset", span.at.to_string())
                .header("file_size", total.to_string())
                .body(Body::Slice(slice)),
            Kind::Once => Request::capability(Method::POST, &url).body(Body::FormSlice(vec![], "file".into(), slice)),
        })
    }

    fn taken(&self, cx: &Cx<'_>, answer: Answer) -> Result<Taken, Fault> {
        match (self.0, answer.status) {
            (Kind::Resume, 308) => return Ok(Taken::UpTo(range_end(&answer))),
            (Kind::Resume | Kind::Chunks, 409) => return Ok(Taken::Elsewhere),
            _ => {}
        }
        let answer = cx.judge(answer)?;
        Ok(match self.0 {
            Kind::Parts => {
                let tag = answer.header("etag").ok_or_else(|| payload_error(&answer, "etag"))?;
                Taken::Piece(json!(tag))
            }
            Kind::Resume => Taken::All(answer.value()["id"].clone()),
            Kind::Offset => Taken::All(Value::Null),
            Kind::Chunks if answer.status == 201 => Taken::All(Value::Null),
            Kind::Once => {
                let hash = answer.value()["hash"].clone();
                if hash.is_string() { Taken::Piece(hash) } else { return Err(payload_error(&answer, "hash")) }
            }
            Kind::Append | Kind::Chunks => Taken::Piece(Value::Null),
        })
    }

    async fn status(&self, cx: &Cx<'_>, session: &Value, total: u64) -> Result<Status, Fault> {
        let url = SecretString::from(text(session, "url"));
        if self.0 == Kind::Resume {
            let ask = Request::capability(Method::PUT, &url).header("content-range", format!("bytes */{total}"));
            let answer = cx.answer(ask).await?;
            if answer.status == 308 {
                return Ok(Status::UpTo(range_end(&answer)));
            }
            return Ok(Status::All(cx.judge(answer)?.value()["id"].clone()));
        }
        let answer = match self.0 {
            Kind::Offset => cx.call(Request::capability(Method::GET, &url)).await?,
            _ => cx.call(call(cx, Method::GET, &format!("status/{}", text(session, "id")))?).await?,
        };
        let sent = answer.value()["offset"].as_u64().ok_or_else(|| payload_error(&answer, "offset"))?;
        Ok(if sent == total { Status::All(Value::Null) } else { Status::UpTo(sent) })
    }

    async fn finish(&self, cx: &Cx<'_>, session: &Value, sent: Sent<'_>) -> Result<Stage, Fault> {
        let id = text(session, "id");
        let tags: Vec<&Value> = sent.tags.values().collect();
        match self.0 {
            Kind::Resume => return Ok(Stage::There(sent.last.clone())),
            Kind::Chunks | Kind::Offset => return Ok(Stage::There(json!(id))),
            // a session can be closed once; it says whether it was
            Kind::Append | Kind::Parts if sent.again && self.poll(cx, session, sent).await.is_ok() => {}
            Kind::Append | Kind::Parts | Kind::Once => {
                let again = sent.again && self.0 == Kind::Once;
                let body = json!({"id": id, "tags": tags, "again": again});
                let answer = cx.call(call(cx, Method::POST, "finish")?.json(body)).await?;
                if self.0 == Kind::Once {
                    return Ok(Stage::There(answer.value()["id"].clone()));
                }
            }
        }
        Ok(Stage::Busy(Utc::now()))
    }

    async fn poll(&self, cx: &Cx<'_>, session: &Value, _: Sent<'_>) -> Result<Stage, Fault> {
        let id = text(session, "id");
        let answer = cx.call(call(cx, Method::GET, &format!("poll/{id}"))?).await?;
        match answer.value()["state"].as_str() {
            Some("ready") => Ok(Stage::There(json!(id))),
            Some("busy") => Ok(Stage::Busy(Utc::now())),
            Some("failed") => Err(Fault::new(Trouble::Rejected, "the network cannot use the file")),
            _ => Err(payload_error(&answer, "state")),
        }
    }
}

#[async_trait]
impl Platform for Lab {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn encode(&self, _: &Ask, piece: &mut Piece) -> Result<Value, String> {
        Ok(json!(piece.text.text))
    }

    async fn prepare(&self, cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
        let mut state: State = serde_json::from_value(post.state["upload"].clone()).unwrap_or_default();
        let keep = |state: &State| json!({ "upload": state });
        match run(cx, self, &post.media[0].media, &mut state, &keep).await? {
            Stage::There(remote) => Ok(Ready::Now(remote)),
            Stage::Busy(at) => Ok(Ready::Later { state: keep(&state), at }),
        }
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Receipt, Fault> {
        let body = json!({"key": post.uuid(), "media": ready});
        let answer = cx.call(call(cx, Method::POST, "post")?.json(body)).await?;
        let id = answer.value()["id"].as_str().ok_or_else(|| payload_error(&answer, "id"))?.to_string();
        Ok(Receipt::new(id, None))
    }

    async fn whoami(&self, _: &Cx<'_>) -> Result<Profile, Fault> {
        Ok(Profile::default())
    }

    fn explain(&self, answer: &Answer) -> Option<Fault> {
        explain_by_status(answer)
    }

    async fn refresh(&self, _: &Cx<'_>) -> Result<bool, Fault> {
        Ok(true)
    }

    fn twin(&self) -> Box<dyn Twin> {
        unreachable!("its stand-in sees bodies while they arrive")
    }

    fn twin_account(&self, _: usize, _: &Path) -> TwinAccount {
        unreachable!("its stand-in sees bodies while they arrive")
    }

    fn setup(&self) -> &'static str {
        ""
    }
}

/// One upload at the stand-in.
#[derive(Debug, Default)]
pub struct Session {
    pub total: u64,
    pub data: Vec<u8>,
    pub pieces: BTreeMap<usize, (String, Vec<u8>)>,
    pub closed: bool,
    polls: u32,
    used: bool,
}

/// The stand-in.
#[derive(Debug)]
pub struct LabNet {
    kind: Kind,
    pub sessions: HashMap<String, Session>,
    next: usize,
    /// What was posted: key and the file.
    pub posts: Vec<(String, Vec<u8>)>,
    /// What it says of a file that it was to process.
    pub processing: &'static str,
    /// Every answer to a piece says that this much is there.
    pub lies: Option<u64>,
    /// No upload is known any more when it is to be closed.
    pub forgetful: bool,
}

impl LabNet {
    pub fn new(kind: Kind) -> LabNet {
        LabNet {
            kind,
            sessions: HashMap::new(),
            next: 0,
            posts: vec![],
            processing: "ready",
            lies: None,
            forgetful: false,
        }
    }

    /// Forgets all uploads that are not posted.
    pub fn forget(&mut self) {
        self.sessions.clear();
    }

    pub fn opened(&self) -> usize {
        self.next
    }

    fn start(&mut self, body: &Value) -> Said {
        let total = body["bytes"].as_u64().unwrap();
        if self.kind == Kind::Chunks {
            let chunk = body["chunk"].as_u64().unwrap();
            if body["count"].as_u64() != Some((total / chunk).max(1)) {
                return no(400, "total_chunk_count is the size by the size of a chunk, rounded down");
            }
        }
        let id = format!("session{}", self.next);
        self.next += 1;
        let url = format!("https://up.lab.example/{id}?signature=of-{id}");
        let pieces: Vec<Value> = (0..total.div_ceil(PIECE))
            .map(|n| json!({"url": format!("{url}-{n}"), "first": n * PIECE, "last": ((n + 1) * PIECE).min(total) - 1}))
            .collect();
        self.sessions.insert(id.clone(), Session { total, ..Session::default() });
        fine(&json!({"id": id, "url": url, "pieces": pieces}))
    }

    fn upload(&mut self, asked: &Asked, id: &str, signature: &str) -> Said {
        let kind = self.kind;
        let Some(session) = self.sessions.get_mut(id) else {
            return no(if kind == Kind::Chunks { 416 } else { 404 }, "no such upload");
        };
        let Some(number) = signature.strip_prefix(&format!("of-{id}")) else { return no(400, "wrong signature") };
        if asked.header("authorization").is_some() {
            return no(400, "an upload address takes no credentials");
        }
        match kind {
            Kind::Parts => {
                let Some(n) = number.strip_prefix('-').and_then(|n| n.parse::<u64>().ok()) else {
                    return no(400, "piece");
                };
                if asked.body.len() as u64 != PIECE.min(session.total - n * PIECE) {
                    return no(400, "this is not the piece");
                }
                let tag = format!("\"tag-{}-{n}\"", session.pieces.get(&(n as usize)).map_or(0, |(tag, _)| tag.len()));
                session.pieces.insert(n as usize, (tag.clone(), asked.body.clone()));
                Said { status: 200, headers: vec![("etag", tag)], ..Said::default() }
            }
            Kind::Resume | Kind::Chunks => {
                let range = asked.header("content-range").unwrap_or_default();
                let here = session.data.len() as u64;
                if range == format!("bytes */{}", session.total) && asked.body.is_empty() && kind == Kind::Resume {
                    return session.far(id);
                }
                let end = here + asked.body.len() as u64;
                if range != format!("bytes {here}-{}/{}", end - 1, session.total) {
                    return no(409, &format!("`{range}` where byte {here} is next"));
                }
                let last = end == session.total;
                let right = match kind {
                    Kind::Resume => asked.body.len().is_multiple_of(256) || last,
                    _ if last => (PIECE..2 * PIECE).contains(&(end - here)) || here == 0,
                    _ => end - here == PIECE && session.total - end >= PIECE,
                };
                if !right {
                    return no(400, "the piece is not as long as it must be");
                }
                session.data.extend_from_slice(&asked.body);
                session.closed = last;
                match kind {
                    Kind::Resume if self.lies.is_some() => Said {
                        status: 308,
                        headers: vec![("range", format!("bytes=0-{}", self.lies.unwrap()))],
                        ..Said::default()
                    },
                    Kind::Resume => session.far(id),
                    _ => Said { status: if last { 201 } else { 206 }, ..Said::default() },
                }
            }
            Kind::Offset if asked.method == "GET" => fine(&json!({"offset": session.data.len()})),
            Kind::Offset => {
                if asked.header("offset") != Some(&session.data.len().to_string()) {
                    return no(400, "wrong offset");
                }
                session.keep(asked);
                fine(&json!({"success": true}))
            }
            Kind::Once => {
                if std::mem::replace(&mut session.used, true) {
                    return no(400, "this address was used");
                }
                let Some((_, file)) = form(asked) else { return no(400, "no file") };
                session.data = file;
                fine(&json!({"hash": format!("hash-{id}")}))
            }
            Kind::Append => no(404, "not here"),
        }
    }

    fn api(&mut self, asked: &Asked, path: &str) -> Said {
        if asked.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return no(401, "who are you");
        }
        let body = asked.json();
        let (verb, id) = path.split_once('/').unwrap_or((path, ""));
        match verb {
            "start" => return self.start(&body),
            "post" => return self.post(&body),
            _ => {}
        }
        let id = if id.is_empty() { body["id"].as_str().unwrap_or_default() } else { id };
        if self.forgetful && verb == "finish" {
            return no(404, "no such upload");
        }
        let (kind, processing) = (self.kind, self.processing);
        let Some(session) = self.sessions.get_mut(id) else { return no(404, "no such upload") };
        match verb {
            "append" => {
                if session.closed {
                    return no(400, "it is closed");
                }
                let Some((fields, file)) = form(asked) else { return no(400, "no form") };
                let index: usize = fields["segment_index"].parse().unwrap();
                if file.len() as u64 > PIECE {
                    return no(413, "a segment is too large");
                }
                session.pieces.insert(index, (String::new(), file));
                Said { status: 204, ..Said::default() }
            }
            "status" => fine(&json!({"offset": session.data.len()})),
            "poll" if !session.closed => no(409, "it is not closed"),
            "poll" => {
                session.polls += 1;
                fine(&json!({"state": if session.polls == 1 { "busy" } else { processing }}))
            }
            "finish" if kind == Kind::Once => {
                if body["tags"] != json!([format!("hash-{id}")]) {
                    return no(400, "wrong hash");
                }
                session.closed = true;
                fine(&json!({"id": id}))
            }
            "finish" => {
                if session.closed {
                    return no(400, "it is closed already");
                }
                let tags: Vec<&String> = session.pieces.values().map(|(tag, _)| tag).collect();
                if kind == Kind::Parts && body["tags"] != json!(tags) {
                    return no(400, "wrong tags");
                }
                let data: Vec<u8> = session.pieces.values().flat_map(|(_, bytes)| bytes.clone()).collect();
                if data.len() as u64 != session.total || session.pieces.keys().copied().ne(0..session.pieces.len()) {
                    return no(400, "pieces are missing");
                }
                (session.data, session.closed) = (data, true);
                fine(&json!({"state": "busy"}))
            }
            _ => no(404, "nothing here"),
        }
    }

    fn post(&mut self, body: &Value) -> Said {
        let key = text(body, "key");
        let media = text(body, "media");
        if let Some(at) = self.posts.iter().position(|(known, _)| *known == key) {
            return fine(&json!({"id": at.to_string()}));
        }
        let Some(session) = self.sessions.get(&media) else { return no(400, "no such file") };
        if !session.closed || session.data.len() as u64 != session.total {
            return no(400, "the file is not whole");
        }
        self.posts.push((key, session.data.clone()));
        fine(&json!({"id": (self.posts.len() - 1).to_string()}))
    }
}

impl Session {
    /// How far it is, in the way of `Range` and 308.
    fn far(&self, id: &str) -> Said {
        match self.data.len() {
            _ if self.closed => fine(&json!({"id": id})),
            0 => Said { status: 308, ..Said::default() },
            n => Said { status: 308, headers: vec![("range", format!("bytes=0-{}", n - 1))], ..Said::default() },
        }
    }

    fn keep(&mut self, asked: &Asked) {
        self.data.extend_from_slice(&asked.body);
        self.closed = self.data.len() as u64 == self.total;
    }
}

impl Net for LabNet {
    fn answer(&mut self, asked: &Asked) -> Said {
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let signature = query.strip_prefix("signature=").unwrap_or_default();
        match path.trim_start_matches('/').split_once('/') {
            Some(("lab.example", path)) => self.api(asked, path),
            Some(("up.lab.example", id)) => self.upload(asked, id, signature),
            _ => no(404, "no such host"),
        }
    }

    /// Only one way keeps what came of a body that broke off.
    fn partial(&mut self, asked: &Asked) {
        let id = asked.path.strip_prefix("/up.lab.example/").and_then(|path| Some(path.split_once('?')?.0));
        if let (Kind::Offset, Some(session)) = (self.kind, id.and_then(|id| self.sessions.get_mut(id)))
            && asked.header("offset") == Some(&session.data.len().to_string())
        {
            session.keep(asked);
        }
    }
}

/// The text fields and the file of a form.
fn form(asked: &Asked) -> Option<(HashMap<String, String>, Vec<u8>)> {
    let incoming = xpost::twin::Incoming {
        headers: asked.headers.clone(),
        body: asked.body.clone(),
        ..xpost::twin::Incoming::default()
    };
    let (files, fields): (Vec<_>, Vec<_>) = incoming.multipart().into_iter().partition(|part| part.filename.is_some());
    let fields = fields.into_iter().map(|part| (part.name, String::from_utf8(part.bytes).unwrap())).collect();
    Some((fields, files.into_iter().next()?.bytes))
}

fn fine(body: &Value) -> Said {
    Said { status: 200, headers: vec![("content-type", "application/json".into())], body: body.to_string() }
}

fn no(status: u16, why: &str) -> Said {
    Said { status, headers: vec![("content-type", "application/json".into())], body: json!({"error": why}).to_string() }
}
