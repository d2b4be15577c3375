//! A stand-in for a Mastodon 4.6 server.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use unicode_segmentation::UnicodeSegmentation;

use super::twin_oauth::OAuth;
use crate::platform::TwinAccount;
use crate::twin::{Incoming, Reply, Seen, SeenMedia, Twin};

pub(super) const HOST: &str = "mastodon.example";
/// Tokens are this and the account's number.
const TOKEN: &str = "mastodon-twin-token-";
const MAX_CHARACTERS: usize = 500;
const MAX_MEDIA: usize = 4;
const MAX_ALT: usize = 1500;
const IMAGE_BYTES: usize = 16_777_216;
const FIRST_ID: u64 = 115_590_000_000_000_001;

/// The account number `n` of the twin.
pub fn account(n: usize) -> TwinAccount {
    TwinAccount {
        server: format!("https://{HOST}"),
        settings: json!({}),
        secrets: BTreeMap::from([("token".to_string(), SecretString::from(format!("{TOKEN}{n}")))]),
    }
}

#[derive(Debug, Clone)]
struct Upload {
    id: String,
    owner: usize,
    mime: String,
    bytes: u64,
    alt: String,
    /// As it came, and whether a thumbnail came with it.
    focus: Option<String>,
    thumbnail: bool,
    /// How often `GET` still answers 206.
    busy: u32,
    attached: bool,
}

#[derive(Debug, Clone)]
struct Status {
    id: String,
    owner: usize,
    text: String,
    reply_to: Option<String>,
    media: Vec<String>,
    at: DateTime<Utc>,
    fields: Map<String, Value>,
}

/// The server's state.
#[derive(Debug, Default)]
pub struct MastodonTwin {
    statuses: Vec<Status>,
    uploads: Vec<Upload>,
    /// By account and key: the status and when.
    keys: BTreeMap<(usize, String), (String, DateTime<Utc>)>,
    made: u64,
    pub(super) oauth: OAuth,
}

pub(super) type Refusal = Box<Reply>;

impl Twin for MastodonTwin {
    fn hosts(&self) -> Vec<String> {
        vec![HOST.to_string()]
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        let reply = self.route(request).unwrap_or_else(|refusal| *refusal);
        let reset = (Utc::now() + Duration::minutes(5)).to_rfc3339_opts(SecondsFormat::Micros, true);
        reply
            .header("x-ratelimit-limit", "300")
            .header("x-ratelimit-remaining", "299")
            .header("x-ratelimit-reset", reset)
            .header("x-request-id", format!("twin-{}", self.made))
    }

    fn limited(&self, seconds: u64) -> Reply {
        let reset = Utc::now() + Duration::seconds(i64::try_from(seconds).unwrap_or(300));
        Reply::json(429, &json!({"error": "Too many requests"}))
            .header("x-ratelimit-limit", "300")
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-reset", reset.to_rfc3339_opts(SecondsFormat::Micros, true))
    }

    fn expired(&self) -> Reply {
        Reply::json(401, &json!({"error": "The access token is invalid"}))
            .header("www-authenticate", "Bearer realm=\"Doorkeeper\", error=\"invalid_token\"")
    }

    fn expire_sessions(&mut self) {
        self.oauth.expire();
    }

    fn timeline(&self) -> Vec<Seen> {
        self.statuses
            .iter()
            .map(|status| Seen {
                id: status.id.clone(),
                account: handle(status.owner),
                title: None,
                text: status.text.clone(),
                url: Some(url(status)),
                reply_to: status.reply_to.clone(),
                media: self
                    .media(status)
                    .map(|upload| SeenMedia { mime: upload.mime.clone(), bytes: upload.bytes, alt: upload.alt.clone() })
                    .collect(),
                at: status.at,
                extra: {
                    let mut extra = status.fields.clone();
                    let dressed = self.media(status).filter(|upload| upload.focus.is_some() || upload.thumbnail);
                    let dressed: Vec<Value> =
                        dressed.map(|upload| json!({"focus": upload.focus, "thumbnail": upload.thumbnail})).collect();
                    if !dressed.is_empty() {
                        extra.insert("media_extras".into(), dressed.into());
                    }
                    Value::Object(extra)
                },
            })
            .collect()
    }
}

fn handle(n: usize) -> String {
    format!("ann{n}")
}

fn account_id(n: usize) -> String {
    (FIRST_ID - 1000 + n as u64).to_string()
}

fn url(status: &Status) -> String {
    format!("https://{HOST}/@{}/{}", handle(status.owner), status.id)
}

pub(super) fn refuse(status: u16, error: &str) -> Refusal {
    Box::new(Reply::json(status, &json!({ "error": error })))
}

fn invalid(error: &str) -> Refusal {
    refuse(422, &format!("Validation failed: {error}"))
}

impl MastodonTwin {
    fn route(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        if let Some(reply) = self.oauth.route(request) {
            return reply;
        }
        let path = request.segments();
        let missing = || refuse(404, "Record not found");
        let ok = |value: &Value| Ok(Reply::json(200, value));
        match (request.method.as_str(), path.as_slice()) {
            ("GET", [".well-known", "nodeinfo"]) => ok(&json!({"links": [
                {"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": format!("https://{HOST}/nodeinfo/2.0")}]})),
            ("GET", ["nodeinfo", "2.0"]) => ok(&json!({"version": "2.0", "software": {"name": "mastodon", "version": "4.6.0"},
                "protocols": ["activitypub"], "openRegistrations": false, "metadata": {}})),
            ("GET", ["api", "v2", "instance"]) => ok(&instance()),
            ("GET", ["api", "v1", "accounts", "verify_credentials"]) => {
                let n = self.authorized(request, "profile")?;
                let mut account = person(n);
                account["source"] = json!({"privacy": "public", "sensitive": false, "language": "en", "note": "", "fields": []});
                ok(&account)
            }
            ("GET", ["api", "v1", "accounts", id, "statuses"]) => ok(&self.list(request, id)?),
            ("POST", ["api", "v2" | "v1", "media"]) => self.upload(request),
            ("GET", ["api", "v1", "media", id]) => {
                let n = self.authorized(request, "write:media")?;
                let upload = self.uploads.iter_mut().find(|upload| upload.id == *id && upload.owner == n && !upload.attached);
                let upload = upload.ok_or_else(missing)?;
                if upload.busy > 0 {
                    upload.busy -= 1;
                    return Ok(Reply::json(206, &attachment(upload, false)));
                }
                ok(&attachment(upload, true))
            }
            ("POST", ["api", "v1", "statuses"]) => self.post(request),
            ("GET", ["api", "v1", "statuses", id]) => {
                let status = self.statuses.iter().find(|status| status.id == *id).ok_or_else(missing)?;
                ok(&self.shown(status))
            }
            ("PUT", ["api", "v1", "statuses", id]) => self.change(request, id),
            ("DELETE", ["api", "v1", "statuses", id]) => {
                let n = self.authorized(request, "write:statuses")?;
                let at = self.statuses.iter().position(|status| status.id == *id && status.owner == n).ok_or_else(missing)?;
                let status = self.statuses.remove(at);
                let mut shown = self.shown(&status);
                shown["text"] = json!(status.text);
                ok(&shown)
            }
            ("GET", ["api", "v1", "statuses", id, "context"]) => {
                let status = self.statuses.iter().find(|status| status.id == *id).ok_or_else(missing)?;
                let above = std::iter::successors(status.reply_to.as_ref(), |id| {
                    self.statuses.iter().find(|status| status.id == **id)?.reply_to.as_ref()
                });
                let mut ancestors: Vec<Value> =
                    above.filter_map(|id| self.statuses.iter().find(|status| status.id == *id)).map(|s| self.shown(s)).collect();
                ancestors.reverse();
                let mut below = vec![status.id.clone()];
                let mut descendants = Vec::new();
                for status in &self.statuses {
                    if status.reply_to.as_ref().is_some_and(|id| below.contains(id)) {
                        below.push(status.id.clone());
                        descendants.push(self.shown(status));
                    }
                }
                ok(&json!({"ancestors": ancestors, "descendants": descendants}))
            }
            ("GET", ["api", "v2", "search"]) => {
                self.authorized(request, "read:search")?;
                let wanted = request.query("q").unwrap_or_default();
                let found: Vec<Value> =
                    self.statuses.iter().filter(|status| url(status) == wanted).map(|status| self.shown(status)).collect();
                ok(&json!({"accounts": [], "statuses": found, "hashtags": []}))
            }
            _ => Err(missing()),
        }
    }

    /// Whose token it is: the fixed ones may do everything, those that OAuth gave out are account 0's and need the scope.
    fn authorized(&self, request: &Incoming, scope: &str) -> Result<usize, Refusal> {
        let token = request.bearer().ok_or_else(|| refuse(401, "This method requires an authenticated user"))?;
        if let Some(n) = token.strip_prefix(TOKEN).and_then(|n| n.parse().ok()) {
            return Ok(n);
        }
        match self.oauth.allows(token, scope) {
            Some(true) => Ok(0),
            Some(false) => Err(refuse(403, "This action is outside the authorized scopes")),
            None => Err(Box::new(self.expired())),
        }
    }

    fn next_id(&mut self) -> String {
        self.made += 1;
        (FIRST_ID + self.made).to_string()
    }

    fn upload(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let owner = self.authorized(request, "write:media")?;
        let parts = request.multipart();
        let file = parts.iter().find(|part| part.name == "file").ok_or_else(|| invalid("File can't be blank"))?;
        let alt = parts
            .iter()
            .find(|part| part.name == "description")
            .map(|part| String::from_utf8_lossy(&part.bytes).into_owned())
            .unwrap_or_default();
        let mime = sniff(&file.bytes).ok_or_else(|| {
            invalid("File content type is invalid, File is not a supported file type")
        })?;
        if mime.starts_with("image/") && file.bytes.len() > IMAGE_BYTES {
            return Err(invalid("File file size must be less than 16 MB"));
        }
        if alt.chars().count() > MAX_ALT {
            return Err(invalid(&format!("Description is too long (maximum is {MAX_ALT} characters)")));
        }
        let focus = parts.iter().find(|part| part.name == "focus").map(|part| String::from_utf8_lossy(&part.bytes).into_owned());
        let thumbnail = parts.iter().find(|part| part.name == "thumbnail");
        if thumbnail.is_some_and(|part| sniff(&part.bytes).is_none_or(|mime| !mime.starts_with("image/"))) {
            return Err(invalid("Thumbnail content type is invalid"));
        }
        let thumbnail = thumbnail.is_some();
        let busy = u32::from(!mime.starts_with("image/"));
        let (bytes, id) = (file.bytes.len() as u64, self.next_id());
        let upload = Upload { id, owner, mime: mime.to_string(), bytes, alt, focus, thumbnail, busy, attached: false };
        let reply = Reply::json(if busy > 0 { 202 } else { 200 }, &attachment(&upload, busy == 0));
        self.uploads.push(upload);
        Ok(reply)
    }

    fn post(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let owner = self.authorized(request, "write:statuses")?;
        let key = request.header("idempotency-key").map(|key| (owner, key.to_string()));
        if let Some((id, at)) = key.as_ref().and_then(|key| self.keys.get(key))
            && Utc::now() - *at < Duration::hours(1)
            && let Some(status) = self.statuses.iter().find(|status| status.id == *id)
        {
            return Ok(Reply::json(200, &self.shown(status)));
        }
        let body = if request.header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
            serde_json::from_slice(&request.body).map_err(|_| refuse(400, "There was a problem parsing the JSON body"))?
        } else {
            form(request)
        };
        let words = |key: &str| body[key].as_str().unwrap_or_default().to_string();
        let ids: Vec<String> = body["media_ids"]
            .as_array()
            .map(|ids| ids.iter().filter_map(super::api::id).collect())
            .unwrap_or_default();
        let text = words("status");
        let poll = &body["poll"];
        self.check(owner, &text, &words("spoiler_text"), &ids, poll)?;
        let reply_to = super::api::id(&body["in_reply_to_id"]);
        if let Some(id) = &reply_to
            && !self.statuses.iter().any(|status| status.id == *id)
        {
            return Err(refuse(404, "The post you are trying to reply to does not appear to exist."));
        }
        if let Some(id) = super::api::id(&body["quoted_status_id"]) {
            let quoted = self.statuses.iter().find(|status| status.id == id).ok_or_else(|| refuse(404, "Record not found"))?;
            if quoted.fields.get("quote_approval_policy").and_then(Value::as_str) == Some("nobody") && quoted.owner != owner {
                return Err(invalid("You are not allowed to quote this post"));
            }
        }
        if !matches!(words("visibility").as_str(), "" | "public" | "unlisted" | "private" | "direct") {
            return Err(invalid("Visibility is not included in the list"));
        }
        let mut fields = Map::new();
        for name in
            ["visibility", "spoiler_text", "sensitive", "language", "poll", "quoted_status_id", "quote_approval_policy"]
        {
            if let Some(value) = body.get(name).filter(|value| !value.is_null()) {
                fields.insert(name.to_string(), value.clone());
            }
        }
        for upload in self.uploads.iter_mut().filter(|upload| ids.contains(&upload.id)) {
            upload.attached = true;
        }
        let status = Status { id: self.next_id(), owner, text, reply_to, media: ids, at: Utc::now(), fields };
        let shown = self.shown(&status);
        if let Some(key) = key {
            self.keys.insert(key, (status.id.clone(), status.at));
        }
        self.statuses.push(status);
        Ok(Reply::json(200, &shown))
    }

    /// Media that are not named are taken off, a poll that is not named too.
    fn change(&mut self, request: &Incoming, id: &str) -> Result<Reply, Refusal> {
        let owner = self.authorized(request, "write:statuses")?;
        let body: Value =
            serde_json::from_slice(&request.body).map_err(|_| refuse(400, "There was a problem parsing the JSON body"))?;
        let at = self.statuses.iter().position(|status| status.id == id && status.owner == owner);
        let at = at.ok_or_else(|| refuse(404, "Record not found"))?;
        let text = body["status"].as_str().unwrap_or_default().to_string();
        let ids: Vec<String> =
            body["media_ids"].as_array().map(|ids| ids.iter().filter_map(super::api::id).collect()).unwrap_or_default();
        if let Some(stray) = ids.iter().find(|id| !self.statuses[at].media.contains(id)) {
            return Err(invalid(&format!("Media {stray} not found or already attached to another post")));
        }
        if text.trim().is_empty() && ids.is_empty() {
            return Err(invalid("Text can't be blank"));
        }
        if length(body["spoiler_text"].as_str().unwrap_or_default()) + length(&text) > MAX_CHARACTERS {
            return Err(invalid(&format!("Text character limit of {MAX_CHARACTERS} exceeded")));
        }
        let status = &mut self.statuses[at];
        (status.text, status.media) = (text, ids);
        for name in ["spoiler_text", "sensitive", "language", "poll"] {
            match body.get(name).filter(|value| !value.is_null()) {
                Some(value) => status.fields.insert(name.to_string(), value.clone()),
                None => status.fields.remove(name),
            };
        }
        let shown = self.shown(&self.statuses[at]);
        Ok(Reply::json(200, &shown))
    }

    fn check(&self, owner: usize, text: &str, warning: &str, ids: &[String], poll: &Value) -> Result<(), Refusal> {
        if text.trim().is_empty() && ids.is_empty() {
            return Err(invalid("Text can't be blank"));
        }
        if length(warning) + length(text) > MAX_CHARACTERS {
            return Err(invalid(&format!("Text character limit of {MAX_CHARACTERS} exceeded")));
        }
        if ids.len() > MAX_MEDIA || (!ids.is_empty() && poll.is_object()) {
            return Err(invalid("Cannot attach more than 4 files"));
        }
        let mut kinds = Vec::new();
        for id in ids {
            let upload = self.uploads.iter().find(|upload| upload.id == *id && upload.owner == owner && !upload.attached);
            let upload =
                upload.ok_or_else(|| invalid(&format!("Media {id} not found or already attached to another post")))?;
            if upload.busy > 0 {
                return Err(invalid("Cannot attach files that have not finished processing. Try again in a moment!"));
            }
            kinds.push(upload.mime.starts_with("image/"));
        }
        if kinds.len() > 1 && kinds.contains(&false) {
            return Err(invalid("Cannot attach a video to a post that already contains images"));
        }
        if poll.is_object() {
            let options: Vec<&str> =
                poll["options"].as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
            let seconds = super::api::number(&poll["expires_in"]).unwrap_or(0);
            if options.len() < 2 {
                return Err(invalid("Options must have more than one item"));
            }
            if options.len() > 4 {
                return Err(invalid("Options can't contain more than 4 items"));
            }
            if options.iter().any(|option| option.chars().count() > 50) {
                return Err(invalid("Options can't be longer than 50 characters each"));
            }
            if !(300..=2_629_746).contains(&seconds) {
                return Err(invalid("Expires at must be between 5 minutes and one month"));
            }
        }
        Ok(())
    }

    fn list(&self, request: &Incoming, id: &str) -> Result<Value, Refusal> {
        let reader = self.authorized(request, "read:statuses").ok();
        let number = |name: &str| request.query(name).and_then(|text| text.parse::<u64>().ok());
        let limit = number("limit").unwrap_or(20).min(40) as usize;
        let below = number("max_id").unwrap_or(u64::MAX);
        let page: Vec<Value> = self
            .statuses
            .iter()
            .rev()
            .filter(|status| account_id(status.owner) == id)
            .filter(|status| status.id.parse().is_ok_and(|number: u64| number < below))
            .filter(|status| {
                let visibility = status.fields.get("visibility").and_then(Value::as_str);
                reader == Some(status.owner) || !matches!(visibility, Some("private" | "direct"))
            })
            .take(limit)
            .map(|status| self.shown(status))
            .collect();
        Ok(json!(page))
    }

    fn media<'a>(&'a self, status: &'a Status) -> impl Iterator<Item = &'a Upload> {
        status.media.iter().filter_map(|id| self.uploads.iter().find(|upload| upload.id == *id))
    }

    fn shown(&self, status: &Status) -> Value {
        let field = |name: &str, default: Value| status.fields.get(name).cloned().unwrap_or(default);
        let media: Vec<Value> = self.media(status).map(|upload| attachment(upload, true)).collect();
        let poll = status.fields.get("poll").map_or(Value::Null, |poll| {
            let options: Vec<Value> = poll["options"]
                .as_array()
                .map(|list| list.iter().map(|title| json!({"title": title, "votes_count": 0})).collect())
                .unwrap_or_default();
            json!({"id": status.id, "expired": false, "multiple": poll["multiple"].as_bool().unwrap_or(false),
                "votes_count": 0, "options": options, "emojis": [],
                "expires_at": (status.at + Duration::seconds(poll["expires_in"].as_i64().unwrap_or(0))).to_rfc3339()})
        });
        json!({
            "id": status.id,
            "created_at": status.at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "in_reply_to_id": status.reply_to,
            "in_reply_to_account_id": status.reply_to.as_ref().map(|_| account_id(status.owner)),
            "sensitive": field("sensitive", json!(false)),
            "spoiler_text": field("spoiler_text", json!("")),
            "visibility": field("visibility", json!("public")),
            "language": field("language", json!("en")),
            "uri": format!("https://{HOST}/users/{}/statuses/{}", handle(status.owner), status.id),
            "url": url(status),
            "replies_count": 0, "reblogs_count": 0, "favourites_count": 0, "quotes_count": 0,
            "content": html(&status.text),
            "reblog": null,
            "account": person(status.owner),
            "media_attachments": media,
            "mentions": [], "tags": [], "emojis": [], "card": null,
            "poll": poll,
        })
    }
}

fn person(n: usize) -> Value {
    let name = handle(n);
    json!({"id": account_id(n), "username": name, "acct": name, "display_name": format!("Ann {n}"), "locked": false, "bot": false,
        "created_at": "2026-01-01T00:00:00.000Z", "note": "", "url": format!("https://{HOST}/@{name}"),
        "uri": format!("https://{HOST}/users/{name}"), "emojis": [], "fields": []})
}

fn attachment(upload: &Upload, ready: bool) -> Value {
    let kind = upload.mime.split('/').next().unwrap_or("unknown");
    let address = format!("https://files.{HOST}/{}", upload.id);
    json!({"id": upload.id, "type": kind, "url": ready.then_some(&address), "preview_url": ready.then_some(&address),
        "remote_url": null, "meta": {}, "description": Some(&upload.alt).filter(|alt| !alt.is_empty()), "blurhash": null})
}

fn instance() -> Value {
    json!({
        "domain": HOST, "title": "Twin of Mastodon", "version": "4.6.0", "api_versions": {"mastodon": 10},
        "languages": ["en"],
        "configuration": {
            "statuses": {"max_characters": MAX_CHARACTERS, "max_media_attachments": MAX_MEDIA, "characters_reserved_per_url": 23},
            "media_attachments": {
                "supported_mime_types": ["image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4"],
                "description_limit": MAX_ALT, "image_size_limit": IMAGE_BYTES, "image_matrix_limit": 33_177_600,
                "video_size_limit": 103_809_024, "video_frame_rate_limit": 120, "video_matrix_limit": 8_294_400},
            "polls": {"max_options": 4, "max_characters_per_option": 50, "min_expiration": 300, "max_expiration": 2_629_746},
        },
    })
}

/// The type of a file by its first bytes, as far as the twin takes it.
fn sniff(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some("video/mp4"),
        _ => None,
    }
}

/// Form pairs as the JSON that they stand for: `media_ids[]=1`, `poll[options][]=a`.
fn form(request: &Incoming) -> Value {
    let mut body = json!({});
    let parts = request.multipart();
    let pairs = if parts.is_empty() {
        request.form()
    } else {
        parts.into_iter().map(|part| (part.name, String::from_utf8_lossy(&part.bytes).into_owned())).collect()
    };
    for (name, value) in pairs {
        let (slot, list) = match name.strip_suffix("[]") {
            Some(name) => (name.to_string(), true),
            None => (name, false),
        };
        let slot = match slot.strip_prefix("poll[").and_then(|rest| rest.strip_suffix(']')) {
            Some(inner) => &mut body["poll"][inner],
            None => &mut body[slot.as_str()],
        };
        match slot.as_array_mut() {
            Some(entries) => entries.push(json!(value)),
            None => *slot = if list { json!([value]) } else { json!(value) },
        }
    }
    body
}

/// Mastodon's count: grapheme clusters, an address with a scheme as 23, the host of a mention free. Written anew here on purpose:
/// it judges what the text room counts.
fn length(text: &str) -> usize {
    let mut shortened = String::new();
    for word in text.split_inclusive(char::is_whitespace) {
        let (word, end) = word.split_at(word.trim_end().len());
        if let Some(at) = word.find("https://").or_else(|| word.find("http://")) {
            shortened.push_str(&word[..at]);
            shortened.push_str(&"x".repeat(23));
        } else if let Some((user, _)) = word.strip_prefix('@').and_then(|rest| rest.split_once('@')) {
            shortened.push('@');
            shortened.push_str(user);
        } else {
            shortened.push_str(word);
        }
        shortened.push_str(end);
    }
    shortened.graphemes(true).count()
}

/// The text as Mastodon shows it.
fn html(text: &str) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let mut out = String::new();
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        out.push_str("<p>");
        for (index, line) in paragraph.split('\n').enumerate() {
            if index > 0 {
                out.push_str("<br />");
            }
            for word in line.split_inclusive(' ') {
                let bare = word.trim_end();
                match bare.strip_prefix("https://") {
                    Some(rest) => {
                        let cut = rest.char_indices().nth(30).map_or(rest.len(), |(at, _)| at);
                        out.push_str(&format!(
                            "<a href=\"{}\" rel=\"nofollow\"><span class=\"invisible\">https://</span><span class=\"ellipsis\">{}</span>\
                             <span class=\"invisible\">{}</span></a>{}",
                            escape(bare), escape(&rest[..cut]), escape(&rest[cut..]), &word[bare.len()..]
                        ));
                    }
                    None => out.push_str(&escape(word)),
                }
            }
        }
        out.push_str("</p>");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(twin: &mut MastodonTwin, method: &str, path: &str, body: &Value, key: &str) -> (u16, Value) {
        let reply = twin.answer(&Incoming {
            method: method.into(),
            host: HOST.into(),
            path: path.into(),
            headers: vec![
                ("authorization".into(), format!("Bearer {TOKEN}0")),
                ("content-type".into(), "application/json".into()),
                ("idempotency-key".into(), key.into()),
            ],
            body: body.to_string().into_bytes(),
            ..Incoming::default()
        });
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    #[test]
    fn the_same_key_is_the_same_status() {
        let mut twin = MastodonTwin::default();
        let post = |twin: &mut MastodonTwin, key: &str| ask(twin, "POST", "/api/v1/statuses", &json!({"status": "a"}), key);
        let first = post(&mut twin, "k");
        assert_eq!(first.0, 200);
        assert_eq!(post(&mut twin, "k"), first);
        assert_ne!(post(&mut twin, "l").1["id"], first.1["id"]);
        assert_eq!(twin.timeline().len(), 2);
    }

    #[test]
    fn it_refuses_as_mastodon_does() {
        let mut twin = MastodonTwin::default();
        let mut post = |body: Value| {
            let (status, answer) = ask(&mut twin, "POST", "/api/v1/statuses", &body, "");
            (status, answer["error"].as_str().unwrap_or_default().to_string())
        };
        assert_eq!(post(json!({"status": " "})), (422, "Validation failed: Text can't be blank".into()));
        assert_eq!(post(json!({"status": "x".repeat(501)})).0, 422);
        assert_eq!(post(json!({"status": "x".repeat(500), "spoiler_text": "y"})).0, 422);
        assert_eq!(post(json!({"status": "x", "media_ids": ["7"]})).0, 422);
        assert_eq!(post(json!({"status": "x", "in_reply_to_id": "7"})).0, 404);
        assert_eq!(post(json!({"status": "x", "visibility": "secret"})).0, 422);
        assert_eq!(post(json!({"status": "x", "poll": {"options": ["a"], "expires_in": 600}})).0, 422);
        assert!(twin.timeline().is_empty());
    }

    #[test]
    fn it_counts_as_mastodon_does() {
        let long = format!("https://example.org/{}", "a".repeat(600));
        assert_eq!(length(&long), 23);
        assert_eq!(length("hi @ann@example.org"), 7);
        assert_eq!(length("👩‍👩‍👧"), 1);
        assert_eq!(length("example.org"), 11);
        let texts = [
            "",
            "Hello",
            "née 👩‍👩‍👧 and https://example.org/a/very/long/path/of/many/characters?x=1&y=2 #tag",
            "@ann@example.org and @bob",
            "https://example.org/ (https://example.org/x",
            "line\n\nline",
        ];
        for text in texts {
            assert_eq!(length(text), crate::text::Unit::Mastodon.count(text), "{text}");
        }
    }

    #[test]
    fn threads_can_be_read_back() {
        let mut twin = MastodonTwin::default();
        let first = ask(&mut twin, "POST", "/api/v1/statuses", &json!({"status": "1"}), "").1["id"].clone();
        // an empty key is a key like any other
        twin.keys.clear();
        let second = ask(&mut twin, "POST", "/api/v1/statuses", &json!({"status": "2", "in_reply_to_id": first}), "");
        assert_eq!(second.0, 200);
        let path = format!("/api/v1/statuses/{}/context", first.as_str().unwrap());
        let (_, context) = ask(&mut twin, "GET", &path, &Value::Null, "");
        assert_eq!(context["descendants"][0]["id"], second.1["id"]);
        let path = format!("/api/v1/accounts/{}/statuses", account_id(0));
        let (_, list) = ask(&mut twin, "GET", &path, &Value::Null, "");
        assert_eq!(list[0]["content"], "<p>2</p>");
        let path = format!("/api/v1/statuses/{}", first.as_str().unwrap());
        assert_eq!(ask(&mut twin, "DELETE", &path, &Value::Null, "").0, 200);
        assert_eq!(ask(&mut twin, "DELETE", &path, &Value::Null, "").0, 404);
    }
}
