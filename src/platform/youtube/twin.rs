//! A stand-in for YouTube: channels, resumable uploads, videos that are processed, comments, playlists.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::twin_check::{check_snippet, check_status, parts, related, words};
use super::twin_oauth::OAuth;
use crate::platform::TwinAccount;
use crate::twin::{Incoming, Reply, Seen, SeenMedia, Twin};

const HOST: &str = "www.googleapis.com";
/// Tokens are this and the account's number.
const TOKEN: &str = "youtube-twin-token-";
/// Pieces are multiples of this, but for the last.
const GRAIN: usize = 256 * 1024;
const MAX_THUMBNAIL: usize = 2 * 1024 * 1024;

/// The account number `n` of the twin.
pub fn account(n: usize) -> TwinAccount {
    TwinAccount {
        server: format!("https://{HOST}"),
        settings: json!({ "audited": true }),
        secrets: BTreeMap::from([("token".to_string(), SecretString::from(format!("{TOKEN}{n}")))]),
    }
}

/// An upload under way.
#[derive(Debug)]
struct Session {
    id: String,
    owner: usize,
    video: Value,
    notify: bool,
    mime: String,
    total: usize,
    received: Vec<u8>,
    made: Option<String>,
}

#[derive(Debug)]
struct Video {
    id: String,
    owner: usize,
    snippet: Value,
    status: Value,
    mime: String,
    bytes: u64,
    at: DateTime<Utc>,
    /// How often it is still being processed.
    busy: u32,
    /// `uploadStatus` and the reason, where it came to nothing.
    bad: Option<(&'static str, &'static str)>,
    /// Somebody other than its owner can or will see it, or the owner has said that nobody shall.
    published: bool,
    notify: bool,
    thumbnail: Option<String>,
    captions: Vec<(String, String)>,
}

#[derive(Debug)]
struct Comment {
    id: String,
    owner: usize,
    video: String,
    text: String,
    at: DateTime<Utc>,
}

/// The network's state.
#[derive(Debug, Default)]
pub struct YoutubeTwin {
    sessions: Vec<Session>,
    videos: Vec<Video>,
    comments: Vec<Comment>,
    /// Playlist and video, in order.
    listed: Vec<(String, String)>,
    made: u64,
    pub(super) oauth: OAuth,
    /// The app was not audited: nothing becomes public.
    pub(super) unaudited: bool,
    /// What becomes of the next film: `uploadStatus` and its reason.
    pub(super) bad: Option<(&'static str, &'static str)>,
    /// Of each piece only so many bytes are kept.
    pub(super) keeps: Option<usize>,
    /// The token holder has no channel.
    pub(super) no_channel: bool,
}

pub(super) type Refusal = Box<Reply>;

/// An error as the Data API has it.
pub(super) fn refuse(status: u16, reason: &str, message: &str) -> Refusal {
    let domain = if reason == "quotaExceeded" { "youtube.quota" } else { "youtube.api" };
    let error = json!({"code": status, "message": message, "errors": [{"message": message, "domain": domain, "reason": reason}]});
    Box::new(Reply::json(status, &json!({ "error": error })))
}

impl Twin for YoutubeTwin {
    fn hosts(&self) -> Vec<String> {
        [HOST, "oauth2.googleapis.com", "accounts.google.com"].map(str::to_string).into()
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        if let Some(reply) = self.oauth.route(request) {
            return reply.unwrap_or_else(|refusal| *refusal);
        }
        self.route(request).unwrap_or_else(|refusal| *refusal)
    }

    /// Google's servers name a time where they limit how fast one may ask; a day's quota is another thing.
    fn limited(&self, seconds: u64) -> Reply {
        refuse(403, "rateLimitExceeded", "The request cannot be completed because too many requests were sent.")
            .header("retry-after", seconds.to_string())
    }

    fn expired(&self) -> Reply {
        let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid \
                       authentication credential.";
        let error = json!({"code": 401, "message": message, "status": "UNAUTHENTICATED",
            "errors": [{"message": "Invalid Credentials", "domain": "global", "reason": "authError", "location": "Authorization", "locationType": "header"}]});
        Reply::json(401, &json!({ "error": error }))
    }

    fn unavailable(&self, status: u16) -> Reply {
        *refuse(status, "backendError", "Backend Error")
    }

    fn expire_sessions(&mut self) {
        self.oauth.expire();
    }

    fn timeline(&self) -> Vec<Seen> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let videos = self.videos.iter().filter(|video| video.published).map(|video| Seen {
            id: video.id.clone(),
            account: handle(video.owner),
            title: Some(text(&video.snippet["title"])),
            text: text(&video.snippet["description"]),
            url: Some(super::api::watch(&video.id)),
            reply_to: None,
            media: vec![SeenMedia { mime: video.mime.clone(), bytes: video.bytes, alt: String::new() }],
            at: video.at,
            extra: json!({
                "snippet": video.snippet, "status": video.status, "notify": video.notify, "thumbnail": video.thumbnail,
                "captions": video.captions,
                "playlists": self.listed.iter().filter(|(_, id)| *id == video.id).map(|(list, _)| list).collect::<Vec<_>>(),
            }),
        });
        let comments = self.comments.iter().map(|comment| Seen {
            id: comment.id.clone(),
            account: handle(comment.owner),
            text: comment.text.clone(),
            reply_to: Some(comment.video.clone()),
            at: comment.at,
            ..Seen::default()
        });
        let mut all: Vec<Seen> = videos.chain(comments).collect();
        all.sort_by_key(|seen| seen.at);
        all
    }
}

fn handle(n: usize) -> String {
    format!("@ann{n}")
}

fn channel_id(n: usize) -> String {
    format!("UCtwin{n:018}")
}

fn uploads(n: usize) -> String {
    format!("UUtwin{n:018}")
}

fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A list as the API gives it.
fn list(kind: &str, items: &[Value]) -> Reply {
    let info = json!({"totalResults": items.len(), "resultsPerPage": items.len()});
    Reply::json(200, &json!({"kind": format!("youtube#{kind}ListResponse"), "etag": "twin", "pageInfo": info, "items": items}))
}

impl YoutubeTwin {
    fn route(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let path = request.path.strip_prefix("/upload").unwrap_or(&request.path);
        let carries = path != request.path;
        let Some(resource) = path.strip_prefix("/youtube/v3/") else {
            return Err(Box::new(Reply::html(404, "<title>Error 404 (Not Found)!!1</title>")));
        };
        match (request.method.as_str(), resource, carries) {
            ("PUT", "videos", true) => self.piece(request),
            ("POST", "videos", true) => self.open(request),
            ("POST", "thumbnails/set", true) => self.thumbnail(request),
            ("POST", "captions", true) => self.captions(request),
            ("GET", "channels", false) => self.channels(request),
            ("GET", "videos", false) => self.list(request),
            ("PUT", "videos", false) => self.update(request),
            ("DELETE", "videos", false) => {
                let at = self.own(request, request.query("id").unwrap_or_default())?;
                let video = self.videos.remove(at);
                self.listed.retain(|(_, id)| *id != video.id);
                self.comments.retain(|comment| comment.video != video.id);
                Ok(Reply::empty(204))
            }
            ("GET", "playlistItems", false) => self.items(request),
            ("POST", "playlistItems", false) => self.put_on_list(request),
            ("GET", "commentThreads", false) => self.threads(request),
            ("POST", "commentThreads", false) => self.comment(request),
            ("PUT", "comments", false) => {
                parts(request, &["id", "snippet"])?;
                let body = request.json();
                let at = self.own_comment(request, body["id"].as_str().unwrap_or_default())?;
                self.comments[at].text = words(&body["snippet"]["textOriginal"])?;
                Ok(Reply::json(200, &shown_comment(&self.comments[at])))
            }
            ("DELETE", "comments", false) => {
                let at = self.own_comment(request, request.query("id").unwrap_or_default())?;
                self.comments.remove(at);
                Ok(Reply::empty(204))
            }
            _ => Err(Box::new(Reply::html(404, "<title>Error 404 (Not Found)!!1</title>"))),
        }
    }

    /// Whose token it is: the fixed ones may do everything, those that OAuth gave out are account 0's and need one of the scopes.
    fn authorized(&self, request: &Incoming, scopes: &[&str]) -> Result<usize, Refusal> {
        let Some(token) = request.bearer() else {
            return Err(refuse(401, "required", "Login Required."));
        };
        let owner = match token.strip_prefix(TOKEN).and_then(|n| n.parse().ok()) {
            Some(n) => n,
            None => match self.oauth.scopes(token) {
                Some(held) if held.iter().any(|scope| scopes.contains(scope)) => 0,
                Some(_) => {
                    return Err(refuse(403, "insufficientPermissions", "Request had insufficient authentication scopes."));
                }
                None => return Err(Box::new(self.expired())),
            },
        };
        if self.no_channel {
            return Err(refuse(401, "youtubeSignupRequired", "Unauthorized"));
        }
        Ok(owner)
    }

    fn managed(&self, request: &Incoming) -> Result<usize, Refusal> {
        self.authorized(request, &["youtube", "youtube.force-ssl"])
    }

    fn spoken(&self, request: &Incoming) -> Result<usize, Refusal> {
        self.authorized(request, &["youtube.force-ssl"])
    }

    fn next(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}{:07}", self.made)
    }

    /// The token holder's video of this id.
    fn own(&self, request: &Incoming, id: &str) -> Result<usize, Refusal> {
        let owner = self.managed(request)?;
        let at = self.videos.iter().position(|video| video.id == id);
        let at = at.ok_or_else(|| refuse(404, "videoNotFound", "The video that you are trying to update cannot be found."))?;
        if self.videos[at].owner != owner {
            return Err(refuse(403, "forbidden", "Forbidden"));
        }
        Ok(at)
    }

    fn own_comment(&self, request: &Incoming, id: &str) -> Result<usize, Refusal> {
        let owner = self.spoken(request)?;
        let at = self.comments.iter().position(|comment| comment.id == id && comment.owner == owner);
        at.ok_or_else(|| refuse(404, "commentNotFound", "The specified comment could not be found."))
    }

    fn channels(&self, request: &Incoming) -> Result<Reply, Refusal> {
        let n = self.authorized(request, &["youtube", "youtube.force-ssl", "youtube.readonly"])?;
        let parts = parts(request, &["id", "snippet", "contentDetails", "status", "statistics"])?;
        if request.query("mine") != Some("true") {
            return Err(refuse(400, "missingRequiredParameter", "No filter selected. Expected one of: forUsername, id, mine"));
        }
        let mut channel = json!({"kind": "youtube#channel", "etag": "twin", "id": channel_id(n)});
        for part in parts {
            channel[part] = match part {
                "snippet" => json!({"title": format!("Ann {n}"), "customUrl": handle(n), "publishedAt": "2020-01-01T00:00:00Z"}),
                "contentDetails" => json!({"relatedPlaylists": {"likes": "LL", "uploads": uploads(n)}}),
                "status" => json!({"privacyStatus": "public", "isLinked": true, "longUploadsStatus": "allowed"}),
                _ => continue,
            };
        }
        Ok(list("channel", &[channel]))
    }

    /// Opens a session.
    fn open(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let owner = self.authorized(request, &["youtube", "youtube.force-ssl", "youtube.upload"])?;
        let parts = parts(request, &["snippet", "status", "recordingDetails"])?;
        if request.query("uploadType") != Some("resumable") {
            return Err(refuse(400, "badRequest", "Uploads must be sent to the upload URL."));
        }
        let header = |name: &str| request.header(name).unwrap_or_default();
        let mime = header("x-upload-content-type").to_string();
        if !mime.starts_with("video/") && mime != "application/octet-stream" {
            return Err(refuse(400, "badContent", "Media type is not supported."));
        }
        let total = header("x-upload-content-length").parse().ok().filter(|total| *total > 0);
        let total = total.ok_or_else(|| refuse(400, "mediaBodyRequired", "The request does not include the video content."))?;
        let video = request.json();
        if let Some(part) = ["snippet", "status"].iter().find(|part| video.get(*part).is_some() && !parts.contains(part)) {
            return Err(refuse(400, "unexpectedPart", &format!("'{part}'")));
        }
        check_snippet(&video["snippet"])?;
        check_status(&video["status"], false)?;
        let id = self.next("AEnB2U");
        let notify = request.query("notifySubscribers") != Some("false");
        let url = format!("https://{HOST}/upload/youtube/v3/videos?uploadType=resumable&upload_id={id}");
        self.sessions.push(Session { id, owner, video, notify, mime, total, received: Vec::new(), made: None });
        Ok(Reply::empty(200).header("location", url).header("x-goog-upload-status", "active"))
    }

    /// A piece of a film, or the question how far it is.
    fn piece(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let owner = self.authorized(request, &["youtube", "youtube.force-ssl", "youtube.upload"])?;
        let id = request.query("upload_id").unwrap_or_default().to_string();
        let gone = || refuse(404, "notFound", "Upload session not found.");
        let keeps = self.keeps;
        let at = self.sessions.iter().position(|session| session.id == id && session.owner == owner).ok_or_else(gone)?;
        let session = &mut self.sessions[at];
        if session.made.is_none() {
            let wrong = |why: &str| refuse(400, "badRequest", why);
            let range = request.header("content-range").unwrap_or_default();
            let (span, total) = range.strip_prefix("bytes ").and_then(|range| range.split_once('/')).unwrap_or_default();
            if total.parse() != Ok(session.total) {
                return Err(wrong("Content-Range: another size than was announced."));
            }
            if span == "*" {
                if !request.body.is_empty() {
                    return Err(wrong("Content-Range: a status check has no body."));
                }
            } else {
                let ends = span.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse::<usize>().ok()?)));
                let (from, to): (usize, usize) = ends.ok_or_else(|| wrong("Content-Range: Invalid format."))?;
                let length = request.body.len();
                if from != session.received.len() || to + 1 != from + length || to >= session.total {
                    return Err(wrong("Content-Range: not the bytes that come next."));
                }
                if to + 1 != session.total && !length.is_multiple_of(GRAIN) {
                    return Err(wrong("Pieces must be multiples of 256 KB."));
                }
                session.received.extend(&request.body[..keeps.map_or(length, |most| most.min(length))]);
            }
            if session.received.len() < session.total {
                let reply = Reply::empty(308);
                return Ok(match session.received.len() {
                    0 => reply,
                    length => reply.header("range", format!("bytes=0-{}", length - 1)),
                });
            }
            let id = self.next("vid");
            self.make(at, id);
        }
        let made = self.sessions[at].made.clone().unwrap_or_default();
        let video = self.videos.iter().find(|video| video.id == made).ok_or_else(gone)?;
        Ok(Reply::json(200, &shown(video, &["snippet", "status"])))
    }

    /// All of a film is there.
    fn make(&mut self, at: usize, id: String) {
        let bad = self.bad.take();
        let session = &mut self.sessions[at];
        session.made = Some(id.clone());
        let film = session.received.get(4..8) == Some(b"ftyp".as_slice()) || session.mime != "video/mp4";
        let mut status = session.video["status"].clone();
        if status["privacyStatus"].is_null() {
            status["privacyStatus"] = json!("public");
        }
        let mut snippet = session.video["snippet"].clone();
        if snippet["categoryId"].is_null() {
            snippet["categoryId"] = json!("22");
        }
        let video = Video {
            id,
            owner: session.owner,
            snippet,
            published: status["privacyStatus"] != "private" || status.get("publishAt").is_some(),
            status,
            mime: session.mime.clone(),
            bytes: session.received.len() as u64,
            at: Utc::now(),
            busy: 1,
            bad: bad.or_else(|| (!film).then_some(("failed", "invalidFile"))),
            notify: session.notify,
            thumbnail: None,
            captions: Vec::new(),
        };
        session.received = Vec::new();
        session.total = 0;
        self.videos.push(video);
    }

    fn list(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let owner = self.authorized(request, &["youtube", "youtube.force-ssl", "youtube.readonly"])?;
        let parts = parts(request, &["id", "snippet", "status", "processingDetails", "contentDetails", "statistics"])?;
        let ids: Vec<&str> = request.query("id").unwrap_or_default().split(',').collect();
        if ids == [""] {
            return Err(refuse(400, "missingRequiredParameter", "No filter selected. Expected one of: id, chart, myRating"));
        }
        let mut items = Vec::new();
        for video in self.videos.iter_mut().filter(|video| ids.contains(&video.id.as_str())) {
            if video.owner != owner && video.status["privacyStatus"] == "private" {
                continue;
            }
            items.push(shown(video, &parts));
            if parts.contains(&"processingDetails") {
                video.busy = video.busy.saturating_sub(1);
            }
        }
        Ok(list("video", &items))
    }

    fn update(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let parts = parts(request, &["id", "snippet", "status", "recordingDetails"])?;
        let body = request.json();
        let at = self.own(request, body["id"].as_str().unwrap_or_default())?;
        let unaudited = self.unaudited;
        let video = &mut self.videos[at];
        if parts.contains(&"snippet") {
            check_snippet(&body["snippet"])?;
            if !body["snippet"]["categoryId"].is_string() {
                return Err(refuse(400, "invalidCategoryId", "The snippet.categoryId property specifies an invalid category ID."));
            }
        }
        if parts.contains(&"status") {
            check_status(&body["status"], video.status["privacyStatus"] != "private")?;
        }
        for part in ["snippet", "status"].into_iter().filter(|part| parts.contains(part)) {
            // the part is replaced as a whole
            match part {
                "snippet" => video.snippet = body[part].clone(),
                _ => video.status = body[part].clone(),
            }
        }
        if parts.contains(&"status") {
            if unaudited {
                video.status["privacyStatus"] = json!("private");
            }
            // a time that has come is now
            let due = super::api::moment(&video.status["publishAt"]).is_some_and(|at| at <= Utc::now());
            if due && !unaudited {
                video.status["privacyStatus"] = json!("public");
                video.status.as_object_mut().map(|status| status.remove("publishAt"));
            }
            video.published = !unaudited;
        }
        Ok(Reply::json(200, &shown(video, &parts)))
    }

    fn thumbnail(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let at = self.own(request, request.query("videoId").unwrap_or_default())?;
        let mime = match request.body.as_slice() {
            [] => return Err(refuse(400, "mediaBodyRequired", "The request does not include the image content.")),
            body if body.len() > MAX_THUMBNAIL => return Err(refuse(413, "uploadTooLarge", "Media is too large.")),
            [0xff, 0xd8, ..] => "image/jpeg",
            [0x89, b'P', b'N', b'G', ..] => "image/png",
            _ => return Err(refuse(400, "invalidImage", "The provided image content is invalid.")),
        };
        if request.header("content-type") != Some(mime) {
            return Err(refuse(400, "badContent", &format!("Media type is not supported, {mime} was sent.")));
        }
        self.videos[at].thumbnail = Some(mime.to_string());
        let url = format!("https://i.ytimg.com/vi/{}/default.jpg", self.videos[at].id);
        let item = json!({"default": {"url": url, "width": 120, "height": 90}});
        Ok(Reply::json(200, &json!({"kind": "youtube#thumbnailSetResponse", "etag": "twin", "items": [item]})))
    }

    fn captions(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        self.spoken(request)?;
        parts(request, &["id", "snippet"])?;
        if request.query("uploadType") != Some("multipart") {
            return Err(refuse(400, "contentRequired", "The request does not include the caption track content."));
        }
        let (about, file) = related(request).ok_or_else(|| refuse(400, "badContent", "Malformed multipart body."))?;
        let snippet = &about["snippet"];
        let text = |key: &str| snippet[key].as_str().map(str::to_string);
        let (Some(video), Some(language), Some(name)) = (text("videoId"), text("language"), text("name")) else {
            return Err(refuse(400, "invalidMetadata", "The request contains invalid metadata values."));
        };
        let at = self.own(request, &video)?;
        if !file.contains("-->") {
            return Err(refuse(400, "contentRequired", "The request does not include the caption track content."));
        }
        let track = (language.clone(), name.clone());
        if self.videos[at].captions.contains(&track) {
            return Err(refuse(409, "captionExists", "The video already has a caption track with that name and language."));
        }
        self.videos[at].captions.push(track);
        let snippet = json!({"videoId": video, "language": language, "name": name, "trackKind": "standard", "status": "serving"});
        Ok(Reply::json(200, &json!({"kind": "youtube#caption", "etag": "twin", "id": self.next("cap"), "snippet": snippet})))
    }

    fn items(&self, request: &Incoming) -> Result<Reply, Refusal> {
        let owner = self.authorized(request, &["youtube", "youtube.force-ssl", "youtube.readonly"])?;
        let parts = parts(request, &["id", "snippet", "status", "contentDetails"])?;
        let playlist = request.query("playlistId").unwrap_or_default();
        let wanted = request.query("videoId");
        let most: usize = request.query("maxResults").unwrap_or("5").parse().unwrap_or(5);
        if most > 50 {
            return Err(refuse(400, "invalidParameter", "Invalid value for maxResults."));
        }
        let mut found: Vec<&Video> = if playlist == uploads(owner) {
            self.videos.iter().rev().filter(|video| video.owner == owner).collect()
        } else if playlist.starts_with("PL") {
            let listed = self.listed.iter().filter(|(list, _)| list == playlist);
            listed.filter_map(|(_, id)| self.videos.iter().find(|video| video.id == *id)).collect()
        } else {
            return Err(refuse(404, "playlistNotFound", "The playlist identified with the request's playlistId parameter cannot be found."));
        };
        found.retain(|video| wanted.is_none_or(|id| video.id == id));
        let of = |video: &&Video| {
            let mut item = json!({"kind": "youtube#playlistItem", "etag": "twin", "id": format!("{playlist}.{}", video.id)});
            for part in &parts {
                item[*part] = match *part {
                    "snippet" => json!({
                        "publishedAt": moment(video.at), "channelId": channel_id(owner), "title": video.snippet["title"],
                        "description": video.snippet["description"], "playlistId": playlist, "position": 0,
                        "resourceId": {"kind": "youtube#video", "videoId": video.id},
                    }),
                    "status" => json!({"privacyStatus": video.status["privacyStatus"]}),
                    _ => continue,
                };
            }
            item
        };
        let items: Vec<Value> = found.iter().take(most).map(of).collect();
        Ok(list("playlistItem", &items))
    }

    fn put_on_list(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        self.managed(request)?;
        parts(request, &["id", "snippet", "status", "contentDetails"])?;
        let body = request.json();
        let snippet = &body["snippet"];
        let playlist = snippet["playlistId"].as_str().unwrap_or_default();
        if playlist.is_empty() {
            return Err(refuse(400, "playlistIdRequired", "The subscribe request does not specify a value for the required playlistId property."));
        }
        if !playlist.starts_with("PL") {
            return Err(refuse(404, "playlistNotFound", "The playlist identified with the request's playlistId parameter cannot be found."));
        }
        let video = snippet["resourceId"]["videoId"].as_str().unwrap_or_default();
        if snippet["resourceId"]["kind"] != "youtube#video" || !self.videos.iter().any(|known| known.id == video) {
            return Err(refuse(404, "videoNotFound", "The video that you are trying to add to the playlist cannot be found."));
        }
        self.listed.push((playlist.to_string(), video.to_string()));
        let id = format!("{playlist}.{video}");
        Ok(Reply::json(200, &json!({"kind": "youtube#playlistItem", "etag": "twin", "id": id, "snippet": snippet})))
    }

    fn threads(&self, request: &Incoming) -> Result<Reply, Refusal> {
        self.spoken(request)?;
        parts(request, &["id", "snippet", "replies"])?;
        let video = request.query("videoId").unwrap_or_default();
        if !self.videos.iter().any(|known| known.id == video) {
            return Err(refuse(404, "videoNotFound", "The video identified by the videoId parameter could not be found."));
        }
        let found: Vec<Value> =
            self.comments.iter().rev().filter(|comment| comment.video == video).map(shown_thread).collect();
        Ok(list("commentThread", &found))
    }

    fn comment(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let owner = self.spoken(request)?;
        parts(request, &["id", "snippet"])?;
        let snippet = &request.json()["snippet"];
        let text = words(&snippet["topLevelComment"]["snippet"]["textOriginal"])?;
        let id = snippet["videoId"].as_str().unwrap_or_default();
        let video = self.videos.iter().find(|video| video.id == id);
        let video = video.ok_or_else(|| refuse(404, "videoNotFound", "The video could not be found."))?;
        if video.status["privacyStatus"] == "private" || video.status["selfDeclaredMadeForKids"] == true {
            return Err(refuse(403, "commentsDisabled", "The video has disabled comments."));
        }
        let video = video.id.clone();
        let comment = Comment { id: self.next("Ugy"), owner, video, text, at: Utc::now() };
        let reply = Reply::json(200, &shown_thread(&comment));
        self.comments.push(comment);
        Ok(reply)
    }
}

fn shown(video: &Video, parts: &[&str]) -> Value {
    let mut out = json!({"kind": "youtube#video", "etag": "twin", "id": video.id});
    let busy = video.busy > 0;
    for part in parts {
        out[*part] = match *part {
            "snippet" => {
                let mut snippet = video.snippet.clone();
                snippet["publishedAt"] = json!(moment(video.at));
                snippet["channelId"] = json!(channel_id(video.owner));
                snippet
            }
            "status" => {
                let mut status = video.status.clone();
                status["uploadStatus"] = json!(match video.bad {
                    _ if busy => "uploaded",
                    Some((bad, _)) => bad,
                    None => "processed",
                });
                if let Some((bad, reason)) = video.bad.filter(|_| !busy) {
                    status[if bad == "rejected" { "rejectionReason" } else { "failureReason" }] = json!(reason);
                }
                status
            }
            "processingDetails" if busy => {
                json!({"processingStatus": "processing", "processingProgress": {"partsTotal": "2", "partsProcessed": "1", "timeLeftMs": "250"}})
            }
            "processingDetails" => json!({"processingStatus": if video.bad.is_some() { "failed" } else { "succeeded" }}),
            _ => continue,
        };
    }
    out
}

fn shown_comment(comment: &Comment) -> Value {
    let snippet = json!({
        "videoId": comment.video, "textDisplay": crate::text::escape_html(&comment.text), "textOriginal": comment.text,
        "authorDisplayName": handle(comment.owner), "authorChannelId": {"value": channel_id(comment.owner)},
        "publishedAt": moment(comment.at),
    });
    json!({"kind": "youtube#comment", "etag": "twin", "id": comment.id, "snippet": snippet})
}

fn shown_thread(comment: &Comment) -> Value {
    let snippet = json!({
        "videoId": comment.video, "topLevelComment": shown_comment(comment), "canReply": true, "totalReplyCount": 0, "isPublic": true,
    });
    json!({"kind": "youtube#commentThread", "etag": "twin", "id": comment.id, "snippet": snippet})
}
