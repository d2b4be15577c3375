//! A small OK: one app, users with permanent tokens and with tokens that end, groups, topics, upload servers. Every request must be
//! signed, and refusals come with a 200.
//!
//! For each `n` there is a user with a permanent token ([`token`], [`session_secret`]) who is an administrator of [`group`] `n` and a
//! plain member of the group behind it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Utc;
use serde_json::{Value, json};

use super::api;
use super::twin_oauth::OAuth;
use crate::twin::{Incoming, Reply, Seen, SeenMedia, Twin};

/// The app of the tests.
pub(super) const APP_KEY: &str = "CTWINKGDIHBABABABA";
pub(super) const APP_SECRET: &str = "TWINSECRETKEYOFTHEAPP1";
const GROUP: u64 = 53_000_000_000_001;
const USER: u64 = 570_000_000_001;
/// The twin's own limit; the real one is not published.
const LONGEST: usize = 20_000;
/// Answers of `video.getUploadUrl` (apiok.ru).
const SMALLEST_FILM: u64 = 16;

/// The number of group `n`.
pub(super) fn group(n: usize) -> String {
    (GROUP + 2 * n as u64).to_string()
}

/// The permanent token of user `n`.
pub(super) fn token(n: usize) -> String {
    format!("tkn1TwinPermanentToken{n:08}")
}

/// What its requests are signed with.
pub(super) fn session_secret(n: usize) -> String {
    api::session_secret(&token(n), APP_SECRET)
}

/// Who asks, and what he allowed the app.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub uid: u64,
    /// `None`: all there is.
    pub scopes: Option<Vec<String>>,
    pub ended: bool,
}

/// The state.
#[derive(Debug, Default)]
pub(super) struct OkTwin {
    pub(super) oauth: OAuth,
    topics: Vec<Topic>,
    /// Upload addresses of photos: their ids.
    photo_servers: BTreeMap<String, Vec<String>>,
    /// Photos that were uploaded and stand in no topic, by token.
    photos: BTreeMap<String, SeenMedia>,
    films: BTreeMap<String, Film>,
    made: u64,
}

#[derive(Debug, Default)]
struct Film {
    medium: Option<SeenMedia>,
    published: bool,
}

#[derive(Debug)]
struct Topic {
    id: String,
    uid: u64,
    gid: Option<String>,
    kind: String,
    attachment: Value,
    media: Vec<SeenMedia>,
    at: i64,
    flags: BTreeSet<String>,
}

pub(super) type Refused = Box<Reply>;

/// OK's refusal: 200, the code in a header too.
pub(super) fn error(code: i64, message: &str) -> Refused {
    let body = json!({"error_code": code, "error_msg": message, "error_data": null});
    Box::new(Reply::json(200, &body).header("invocation-error", code.to_string()))
}

fn param(what: &str) -> Refused {
    error(100, &format!("PARAM : {what}"))
}

struct Params(BTreeMap<String, String>);

impl Params {
    fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn needed(&self, name: &str) -> Result<&str, Refused> {
        match self.text(name) {
            "" => Err(param(&format!("Missing required parameter {name}"))),
            text => Ok(text),
        }
    }
}

impl Twin for OkTwin {
    fn hosts(&self) -> Vec<String> {
        ["api.ok.ru", "connect.ok.ru", "up.ok.ru"].map(str::to_string).into()
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        match (request.host.as_str(), request.path.as_str()) {
            ("api.ok.ru", "/fb.do") => self.call(request).unwrap_or_else(|refused| *refused),
            ("api.ok.ru", "/oauth/token.do") => self.oauth.token(request),
            ("connect.ok.ru", "/oauth/authorize") => self.oauth.authorize(request),
            ("up.ok.ru", "/photo") => self.upload_photos(request),
            ("up.ok.ru", "/video") => self.upload_film(request),
            _ => Reply::html(404, "<h1>404</h1>"),
        }
    }

    fn limited(&self, seconds: u64) -> Reply {
        // OK itself names no time; what stands before it may
        error(11, "LIMIT_REACHED : Method call limit is reached").header("retry-after", seconds.to_string())
    }

    fn expired(&self) -> Reply {
        *error(102, "PARAM_SESSION_EXPIRED : Session expired")
    }

    fn expire_sessions(&mut self) {
        self.oauth.expire();
    }

    fn timeline(&self) -> Vec<Seen> {
        self.topics.iter().map(Topic::seen).collect()
    }
}

impl OkTwin {
    fn call(&mut self, request: &Incoming) -> Result<Reply, Refused> {
        let mut all: BTreeMap<String, String> = request.query.iter().cloned().collect();
        if request.method == "POST" {
            all.extend(request.form());
        }
        let params = Params(all);
        if params.text("application_key") != APP_KEY {
            return Err(error(101, "PARAM_API_KEY : No application key"));
        }
        let token = params.text("access_token");
        let session = self.session(token).ok_or_else(|| error(103, "PARAM_SESSION_KEY : Invalid session key"))?;
        if session.ended {
            return Err(error(102, "PARAM_SESSION_EXPIRED : Session expired"));
        }
        let pairs = params.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        if params.text("sig") != api::signature(pairs, &api::session_secret(token, APP_SECRET)) {
            return Err(error(104, "PARAM_SIGNATURE : Invalid signature"));
        }
        if !matches!(params.text("format"), "json" | "JSON") {
            return Ok(Reply::text(200, "<?xml version=\"1.0\"?>"));
        }
        let method = params.needed("method")?;
        if request.method != "POST" && (method.ends_with(".post") || method.ends_with(".edit") || method.ends_with("Topic")) {
            // the real one takes it; a client that sends a write where a proxy may repeat it is wrong
            return Err(error(4, "REQUEST : this method writes, POST it"));
        }
        self.may(&session, "VALUABLE_ACCESS")?;
        let value = match method {
            "users.getCurrentUser" => json!({"uid": session.uid.to_string(), "name": format!("Ann {}", session.uid - USER), "locale": "ru"}),
            "group.getInfo" => groups(&params)?,
            "group.getUserGroupsV2" => {
                let own = own_group(session.uid);
                let place = |gid: u64, status: &str| json!({"groupId": gid.to_string(), "userId": session.uid.to_string(), "status": status});
                json!({"groups": [place(own, "ADMIN"), place(own + 1, "ACTIVE")], "anchor": "end"})
            }
            "photosV2.getUploadUrl" => self.photo_server(&session, &params)?,
            "video.getUploadUrl" => self.film_server(&session, &params)?,
            "video.update" => self.film_update(&session, &params)?,
            "mediatopic.post" => self.post(&session, &params)?,
            "mediatopic.edit" => self.edit(&session, &params)?,
            "mediatopic.deleteTopic" => self.delete(&session, &params)?,
            "mediatopic.getTopics" => self.list(&session, &params)?,
            "mediatopic.getByIds" => {
                let wanted: Vec<&str> = params.needed("topic_ids")?.split(',').collect();
                found(self.topics.iter().filter(|topic| wanted.contains(&topic.id.as_str())))
            }
            _ => return Err(error(3, "METHOD : Unknown method")),
        };
        Ok(Reply::json(200, &value))
    }

    fn session(&self, token: &str) -> Option<Session> {
        let permanent = token.strip_prefix("tkn1TwinPermanentToken").and_then(|n| n.parse::<u64>().ok());
        match permanent {
            Some(n) => Some(Session { uid: USER + n, scopes: None, ended: false }),
            None => self.oauth.session(token, USER),
        }
    }

    fn may(&self, session: &Session, right: &str) -> Result<(), Refused> {
        match &session.scopes {
            Some(scopes) if !scopes.iter().any(|scope| scope == right) => {
                Err(error(10, &format!("PERMISSION_DENIED : User must grant an access to permission '{right}'")))
            }
            _ => Ok(()),
        }
    }

    /// The group that is meant, if he may write there.
    fn group(&self, session: &Session, params: &Params) -> Result<Option<String>, Refused> {
        let gid = params.text("gid");
        if gid.is_empty() {
            return Ok(None);
        }
        self.may(session, "GROUP_CONTENT")?;
        match gid.parse::<u64>() {
            Ok(number) if number == own_group(session.uid) => Ok(Some(gid.to_string())),
            Ok(number) if number >= GROUP => Err(error(50, "NOT_ADMIN : User must have administrative rights")),
            _ => Err(error(160, "PARAM_GROUP_ID : Invalid group id")),
        }
    }

    fn next(&mut self) -> u64 {
        self.made += 1;
        155_000_000_000_000 + self.made
    }

    fn photo_server(&mut self, session: &Session, params: &Params) -> Result<Value, Refused> {
        self.may(session, "PHOTO_CONTENT")?;
        self.group(session, params)?;
        let count: u64 = params.text("count").parse().unwrap_or(1);
        if !(1..=20).contains(&count) {
            return Err(param("count"));
        }
        let key = format!("photo-key-{}", self.next());
        // they are no numbers, and not in order
        let ids: Vec<String> = (0..count).map(|n| format!("ph{}==", 900 - n)).map(|id| format!("{id}{}", self.next())).collect();
        self.photo_servers.insert(key.clone(), ids.clone());
        let ends = (Utc::now() + chrono::TimeDelta::hours(1)).format("%Y-%m-%d %H:%M:%S").to_string();
        Ok(json!({"photo_ids": ids, "upload_url": format!("https://up.ok.ru/photo?apiToken={key}"), "expires": ends, "expires_ms": 0}))
    }

    fn upload_photos(&mut self, request: &Incoming) -> Reply {
        let Some(ids) = request.query("apiToken").and_then(|key| self.photo_servers.remove(key)) else {
            return *error(100, "PARAM : Invalid upload token");
        };
        let parts = request.multipart();
        if parts.is_empty() {
            return *error(21, "NOT_MULTIPART : Not a multipart request");
        }
        let mut photos = serde_json::Map::new();
        for (index, id) in ids.iter().enumerate() {
            let name = format!("pic{}", index + 1);
            let Some(part) = parts.iter().find(|part| part.name == name && part.filename.is_some()) else { continue };
            let mime = part.mime.clone().unwrap_or_default();
            if !mime.starts_with("image/") {
                continue;
            }
            let token = format!("PhotoToken{}", self.next());
            self.photos.insert(token.clone(), SeenMedia { mime, bytes: part.bytes.len() as u64, alt: String::new() });
            photos.insert(id.clone(), json!({"token": token}));
        }
        Reply::json(200, &json!({"photos": photos}))
    }

    fn film_server(&mut self, session: &Session, params: &Params) -> Result<Value, Refused> {
        self.may(session, "VIDEO_CONTENT")?;
        self.group(session, params)?;
        params.needed("file_name")?;
        let size: u64 = params.needed("file_size")?.parse().map_err(|_| param("file_size"))?;
        if size != 0 && size < SMALLEST_FILM {
            return Err(param("FileToSmall"));
        }
        if size > 1 << 30 {
            return Err(param("FileToLarge"));
        }
        let id = self.next().to_string();
        self.films.insert(id.clone(), Film::default());
        let number: Value = id.parse::<u64>().map_or(Value::Null, |id| json!(id));
        Ok(json!({"video_id": number, "upload_url": format!("https://up.ok.ru/video?id={id}")}))
    }

    fn upload_film(&mut self, request: &Incoming) -> Reply {
        let Some(film) = request.query("id").and_then(|id| self.films.get_mut(id)) else { return Reply::html(404, "<h1>404</h1>") };
        let parts = request.multipart();
        let Some(part) = parts.iter().find(|part| part.name == "data") else {
            return Reply::json(200, &json!({"error": "no file"}));
        };
        film.medium =
            Some(SeenMedia { mime: part.mime.clone().unwrap_or_default(), bytes: part.bytes.len() as u64, alt: String::new() });
        Reply::text(200, "")
    }

    fn film_update(&mut self, session: &Session, params: &Params) -> Result<Value, Refused> {
        self.may(session, "VIDEO_CONTENT")?;
        let film = self.films.get_mut(params.needed("vid")?).ok_or_else(|| error(300, "NOT_FOUND : video"))?;
        if film.medium.is_none() {
            return Err(param("video is not uploaded"));
        }
        film.published |= params.text("publish") == "true";
        Ok(json!({}))
    }

    fn post(&mut self, session: &Session, params: &Params) -> Result<Value, Refused> {
        let gid = self.group(session, params)?;
        let kind = params.needed("type")?.to_string();
        match (kind.as_str(), &gid) {
            ("GROUP_THEME" | "GROUP_SUGGESTED", Some(_)) | ("USER", None) => {}
            ("GROUP_THEME" | "GROUP_SUGGESTED", None) => return Err(param("Missing required parameter gid")),
            _ => return Err(param("type")),
        }
        if params.text("set_status") == "true" {
            self.may(session, "SET_STATUS")?;
        }
        let attachment = attachment(params)?;
        if attachment["onBehalfOfGroup"] == true && gid.is_none() {
            return Err(param("onBehalfOfGroup"));
        }
        let now = Utc::now().timestamp_millis();
        if attachment.get("publishAtMs").is_some_and(|at| at.as_i64().is_none_or(|at| at <= now)) {
            return Err(param("publishAt must be in the future"));
        }
        let media = self.take(&attachment)?;
        let flags = ["set_status", "hidden_post", "text_link_preview"];
        let flags = flags.iter().filter(|name| params.text(name) == "true").map(|name| (*name).to_string()).collect();
        let id = self.next().to_string();
        self.topics.push(Topic { id: id.clone(), uid: session.uid, gid, kind, attachment, media, at: now, flags });
        Ok(json!(id))
    }

    /// The media of an attachment. The tokens of photos are good once.
    fn take(&mut self, attachment: &Value) -> Result<Vec<SeenMedia>, Refused> {
        let mut media = Vec::new();
        let mut used = Vec::new();
        for block in attachment["media"].as_array().into_iter().flatten() {
            let ids = || block["list"].as_array().into_iter().flatten().map(|one| one["id"].as_str().unwrap_or_default());
            match block["type"].as_str() {
                Some("photo") => {
                    for id in ids() {
                        media.push(self.photos.get(id).cloned().ok_or_else(|| param("invalid photo token"))?);
                        used.push(id.to_string());
                    }
                }
                Some("movie") => {
                    for id in ids() {
                        let film = self.films.get(id).filter(|film| film.published);
                        media.extend(film.ok_or_else(|| param("invalid movie id"))?.medium.clone());
                    }
                }
                _ => {}
            }
        }
        self.photos.retain(|token, _| !used.contains(token));
        Ok(media)
    }

    fn own(&self, session: &Session, params: &Params) -> Result<usize, Refused> {
        let gid = self.group(session, params)?;
        let id = params.needed("topic_id")?;
        let at = self.topics.iter().position(|topic| topic.id == id && topic.gid == gid);
        let at = at.ok_or_else(|| error(300, "NOT_FOUND : topic not found"))?;
        if self.topics[at].uid == session.uid { Ok(at) } else { Err(error(24, "NOT_OWNER : not yours")) }
    }

    fn edit(&mut self, session: &Session, params: &Params) -> Result<Value, Refused> {
        let at = self.own(session, params)?;
        let attachment = attachment(params)?;
        let media = self.take(&attachment)?;
        (self.topics[at].attachment, self.topics[at].media) = (attachment, media);
        Ok(json!({"success": true}))
    }

    fn delete(&mut self, session: &Session, params: &Params) -> Result<Value, Refused> {
        let at = self.own(session, params)?;
        self.topics.remove(at);
        Ok(json!({"restore_id": "R1", "success": true}))
    }

    fn list(&self, session: &Session, params: &Params) -> Result<Value, Refused> {
        let gid = self.group(session, params)?;
        let count: usize = params.text("count").parse().unwrap_or(10);
        if !(1..=100).contains(&count) {
            return Err(param("count"));
        }
        let there = self.topics.iter().rev().filter(|topic| topic.gid == gid && (gid.is_some() || topic.uid == session.uid));
        let out = there.filter(|topic| topic.kind != "GROUP_SUGGESTED" && topic.attachment.get("publishAtMs").is_none());
        Ok(found(out.take(count)))
    }
}

/// An empty list is left out.
fn found<'a>(topics: impl Iterator<Item = &'a Topic>) -> Value {
    let all: Vec<Value> = topics.map(Topic::shown).collect();
    if all.is_empty() { json!({}) } else { json!({"media_topics": all, "has_more": false}) }
}

fn own_group(uid: u64) -> u64 {
    GROUP + 2 * (uid - USER)
}

fn groups(params: &Params) -> Result<Value, Refused> {
    params.needed("fields")?;
    let known = params.needed("uids")?.split(',').filter_map(|uid| uid.parse::<u64>().ok()).filter(|uid| (GROUP..GROUP + 2000).contains(uid));
    let shown = known.map(|uid| {
        let mut group = json!({"uid": uid.to_string(), "name": format!("Twin group {}", uid - GROUP)});
        if (uid - GROUP) % 2 == 1 {
            group["shortname"] = json!(format!("xpost.twin{}", uid - GROUP));
        }
        group
    });
    Ok(Value::Array(shown.collect()))
}

/// A well-formed attachment.
fn attachment(params: &Params) -> Result<Value, Refused> {
    let value: Value = serde_json::from_str(params.needed("attachment")?).map_err(|_| param("attachment is not JSON"))?;
    let blocks = value["media"].as_array().filter(|blocks| !blocks.is_empty());
    for block in blocks.ok_or_else(|| param("media is empty"))? {
        let text = |key: &str| block[key].as_str().unwrap_or_default();
        if block.as_object().is_some_and(|fields| fields.values().any(Value::is_null)) {
            return Err(param(&format!("null in media of type '{}'", text("type"))));
        }
        let good = match text("type") {
            "text" => !text("text").trim().is_empty() && text("text").encode_utf16().count() <= LONGEST,
            "link" => text("url").starts_with("https://") || text("url").starts_with("http://"),
            "photo" | "movie" => block["list"].as_array().is_some_and(|list| !list.is_empty()),
            "poll" => {
                let answers = block["answers"].as_array().cloned().unwrap_or_default();
                let known = ["SingleChoice", "MultiChoice", "AnonymousVoting", "ResultsAfterVoting", "VotingClosed"];
                let options = text("options").split(',').all(|option| known.contains(&option));
                let answers = answers.len() >= 2 && answers.iter().all(|one| one["text"].as_str().is_some_and(|text| !text.is_empty()));
                !text("question").is_empty() && answers && options
            }
            _ => false,
        };
        if !good {
            return Err(param(&format!("invalid media of type '{}'", text("type"))));
        }
    }
    Ok(value)
}

impl Topic {
    /// As the API shows it.
    fn shown(&self) -> Value {
        let owner = self.gid.as_ref().map_or_else(|| format!("user:{}", self.uid), |gid| format!("group:{gid}"));
        let blocks: Vec<Value> = self.attachment["media"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|block| match block["type"].as_str() {
                Some(kind @ ("photo" | "movie")) => {
                    let refs: Vec<String> = block["list"].as_array().into_iter().flatten().enumerate().map(|(n, _)| format!("{kind}:{n}")).collect();
                    json!({"type": kind, format!("{kind}_refs"): refs})
                }
                Some("text") => json!({"type": "text", "text": block["text"], "text_tokens": [{"text": block["text"]}]}),
                _ => block.clone(),
            })
            .collect();
        json!({"id": self.id, "created_ms": self.at, "owner_ref": owner, "author_ref": owner, "media": blocks})
    }

    fn seen(&self) -> Seen {
        let block = |kind: &str| self.attachment["media"].as_array().into_iter().flatten().find(move |block| block["type"] == kind);
        let text = block("text").and_then(|block| block["text"].as_str());
        let text = text.or(block("poll").and_then(|block| block["question"].as_str()));
        let mut extra = json!({"type": self.kind, "flags": self.flags});
        for key in ["onBehalfOfGroup", "publishAtMs"] {
            if let Some(value) = self.attachment.get(key) {
                extra[key] = value.clone();
            }
        }
        for kind in ["poll", "link"] {
            if let Some(block) = block(kind) {
                extra[kind] = block.clone();
            }
        }
        let url = match &self.gid {
            Some(gid) => format!("https://ok.ru/group/{gid}/topic/{}", self.id),
            None => format!("https://ok.ru/profile/{}/statuses/{}", self.uid, self.id),
        };
        Seen {
            id: self.id.clone(),
            account: self.gid.as_ref().map_or_else(|| format!("user {}", self.uid), |gid| format!("group {gid}")),
            text: text.unwrap_or_default().to_string(),
            url: Some(url),
            media: self.media.clone(),
            at: chrono::DateTime::from_timestamp_millis(self.at).unwrap_or_default(),
            extra,
            ..Seen::default()
        }
    }
}
