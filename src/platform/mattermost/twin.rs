//! A small Mattermost: it keeps what is posted, remembers `pending_post_id` for half a minute, takes files, lets posts wait for their
//! time, and refuses with the ids of the real one.

use chrono::{DateTime, Duration, TimeZone, Utc};
use serde_json::{Value, json};

use super::twin_server::{
    CLOSED, HOST, MAX_FILE, MAX_POST, OPEN, ORIGIN, TEAM, TEAM_NAME, channel, config, describe, hook, id, me, team,
    user, who,
};
use crate::draft::{Form, body};
use crate::twin::{Incoming, Reply, Seen, SeenMedia, Twin};

const PENDING: Duration = Duration::seconds(30);
/// Files of one post.
const MOST_FILES: usize = 10;

#[derive(Debug, Clone)]
struct Post {
    id: String,
    n: usize,
    channel: String,
    root: String,
    message: String,
    props: Value,
    metadata: Value,
    files: Vec<String>,
    pending: String,
    at: DateTime<Utc>,
    updated: DateTime<Utc>,
    deleted: bool,
}

#[derive(Debug)]
struct File {
    id: String,
    n: usize,
    channel: String,
    name: String,
    mime: String,
    bytes: u64,
    used: bool,
}

#[derive(Debug)]
struct Waiting {
    id: String,
    n: usize,
    at: i64,
    body: Value,
}

/// The state: what was posted, in the order of posting.
#[derive(Debug, Default)]
pub(super) struct Mattermost {
    posts: Vec<Post>,
    files: Vec<File>,
    waiting: Vec<Waiting>,
    made: u64,
}

/// A refusal: the whole answer.
type Refused = Reply;

fn refuse(status: u16, id: &str, message: &str) -> Refused {
    let body = json!({"id": id, "message": message, "detailed_error": "", "request_id": "twinrequest000000000000000", "status_code": status});
    Reply::json(status, &body)
}

fn expired() -> Refused {
    refuse(401, "api.context.session_expired.app_error", "Invalid or expired session, please login again.")
}

fn forbidden() -> Refused {
    refuse(403, "api.context.permissions.app_error", "You do not have the appropriate permissions.")
}

fn missing(what: &str) -> Refused {
    refuse(404, &format!("app.{what}.get.app_error"), "Unable to get it.")
}

impl Twin for Mattermost {
    fn hosts(&self) -> Vec<String> {
        vec![HOST.into()]
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        self.due();
        let segments = request.segments();
        let reply = match segments.as_slice() {
            ["hooks", key] => self.webhook(request, key),
            ["api", "v4", rest @ ..] => match request.bearer().and_then(who) {
                Some(n) => self.api(request, n, rest),
                None => Err(expired()),
            },
            // the web client answers to everything else
            _ => Ok(Reply::html(200, "<!doctype html><html><head><title>Mattermost</title></head></html>")),
        };
        reply.unwrap_or_else(|refused| refused).header("x-version-id", "10.12.0.twin")
    }

    fn limited(&self, seconds: u64) -> Reply {
        Reply::text(429, "limit exceeded")
            .header("x-ratelimit-limit", "100")
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-reset", seconds.to_string())
    }

    fn expired(&self) -> Reply {
        expired()
    }

    fn timeline(&self) -> Vec<Seen> {
        self.posts.iter().filter(|post| !post.deleted).map(|post| self.seen(post)).collect()
    }
}

impl Mattermost {
    fn next(&mut self, kind: &str) -> String {
        self.made += 1;
        id(kind, self.made)
    }

    fn api(&mut self, request: &Incoming, n: usize, path: &[&str]) -> Result<Reply, Refused> {
        let ok = |value: Value| Ok(Reply::json(200, &value));
        match (request.method.as_str(), path) {
            ("GET", ["users", "me"]) => ok(me(n)),
            ("GET", ["config", "client"]) if request.query("format") == Some("old") => ok(config()),
            ("GET", ["users", "me", "teams"]) => ok(json!([team()])),
            ("GET", ["users", "me", "teams", TEAM, "channels"]) => {
                let own = [channel(n), CLOSED.to_string()];
                ok(own.iter().filter_map(|one| describe(one, n)).collect())
            }
            ("GET", ["teams", TEAM]) => ok(team()),
            ("GET", ["teams", "name", name, "channels", "name", wanted]) => {
                let all = [channel(n), OPEN.to_string(), CLOSED.to_string()];
                let mut all = all.iter().filter_map(|one| describe(one, n)).filter(|_| *name == TEAM_NAME);
                all.find(|one| one["name"] == *wanted).map_or_else(|| Err(missing("channel")), ok)
            }
            ("GET", ["channels", one]) => describe(one, n).map_or_else(|| Err(missing("channel")), ok),
            ("GET", ["channels", one, "posts"]) => ok(self.since(request, n, one)?),
            ("POST", ["files"]) => self.file(request, n),
            ("POST", ["posts"]) => self.create(request, n),
            ("POST", ["posts", "schedule"]) => self.schedule(&request.json(), n),
            ("GET", ["posts", "scheduled", "team", TEAM]) => {
                let ours = self.waiting.iter().filter(|one| one.n == n).map(shown).collect::<Vec<_>>();
                ok(json!({TEAM: ours, "directChannels": []}))
            }
            ("DELETE", ["posts", "schedule", wanted]) => {
                let found = self.waiting.iter().position(|one| one.id == *wanted && one.n == n);
                let one = self.waiting.remove(found.ok_or_else(|| missing("scheduled_post"))?);
                ok(shown(&one))
            }
            ("GET", ["posts", one]) => ok(json_of(self.post(one).ok_or_else(|| missing("post"))?)),
            ("PUT", ["posts", one, "patch"]) => self.patch(&request.json(), n, one),
            // of a post that is not there it is said that one may not
            ("DELETE", ["posts", one]) => {
                let post = self.posts.iter_mut().find(|post| post.id == *one && !post.deleted && post.n == n);
                let post = post.ok_or_else(forbidden)?;
                (post.deleted, post.updated) = (true, Utc::now());
                let root = post.id.clone();
                // what was said below it goes, too
                for reply in self.posts.iter_mut().filter(|post| post.root == root) {
                    reply.deleted = true;
                }
                ok(json!({"status": "OK"}))
            }
            _ => Err(refuse(404, "api.context.404.app_error", "Sorry, we could not find the page.")),
        }
    }

    fn post(&self, wanted: &str) -> Option<&Post> {
        self.posts.iter().find(|post| post.id == wanted && !post.deleted)
    }

    /// A channel that `n` may post to.
    fn place(given: &Value, n: usize) -> Result<String, Refused> {
        let wanted = given["channel_id"].as_str().unwrap_or_default();
        if wanted == CLOSED {
            let why = "Can not post to deleted channel.";
            return Err(refuse(400, "api.post.create_post.can_not_post_to_deleted.error", why));
        }
        if wanted == channel(n) { Ok(wanted.to_string()) } else { Err(forbidden()) }
    }

    fn root(&self, given: &Value, channel: &str) -> Result<String, Refused> {
        let Some(wanted) = given["root_id"].as_str().filter(|root| !root.is_empty()) else { return Ok(String::new()) };
        let invalid = |id: &str| refuse(400, id, "Invalid RootId parameter.");
        match self.post(wanted) {
            Some(root) if root.channel != channel => Err(invalid("api.post.create_post.channel_root_id.app_error")),
            Some(root) if root.root.is_empty() => Ok(wanted.to_string()),
            _ => Err(invalid("api.post.create_post.root_id.app_error")),
        }
    }

    fn judge(message: &str) -> Result<(), Refused> {
        if message.chars().count() <= MAX_POST {
            return Ok(());
        }
        let why = "Post Message property is longer than the maximum permitted length.";
        Err(refuse(400, "model.post.is_valid.message_length.app_error", why))
    }

    fn create(&mut self, request: &Incoming, n: usize) -> Result<Reply, Refused> {
        let given = request.json();
        if !given.is_object() {
            return Err(refuse(
                400,
                "api.context.invalid_body_param.app_error",
                "Invalid or missing post in request body.",
            ));
        }
        let channel = Mattermost::place(&given, n)?;
        let now = Utc::now();
        let pending = given["pending_post_id"].as_str().unwrap_or_default();
        let known =
            |post: &&Post| !pending.is_empty() && post.pending == pending && post.n == n && now - post.at < PENDING;
        if let Some(post) = self.posts.iter().find(known) {
            return Ok(Reply::json(201, &json_of(post)));
        }
        let root = self.root(&given, &channel)?;
        let priority = &given["metadata"]["priority"];
        if !priority.is_null() {
            let level = priority["priority"].as_str().unwrap_or_default();
            let refused = |what: &str| {
                refuse(400, &format!("api.post.post_priority.{what}.request_error"), "Priority cannot be set.")
            };
            if !root.is_empty() {
                return Err(refused("priority_post_only_allowed_for_root_post"));
            }
            if !["", "important", "urgent"].contains(&level) {
                return Err(refused("invalid_priority"));
            }
            if priority["persistent_notifications"] == true && level != "urgent" {
                return Err(refused("urgent_persistent_notification_post"));
            }
        }
        let post = self.store(&given, n, channel, root)?;
        Ok(Reply::json(201, &json_of(&post)))
    }

    fn store(&mut self, given: &Value, n: usize, channel: String, root: String) -> Result<Post, Refused> {
        let message = given["message"].as_str().unwrap_or_default().to_string();
        Mattermost::judge(&message)?;
        let wanted: Vec<&str> = given["file_ids"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if wanted.len() > MOST_FILES {
            return Err(refuse(
                400,
                "model.post.is_valid.file_ids.app_error",
                "Invalid file ids. Note that uploads are limited to 10 files maximum.",
            ));
        }
        // ids that are unknown, another's or used are left out without a word
        let mut files = Vec::new();
        for one in wanted {
            let fits = |file: &&mut File| file.id == one && file.n == n && file.channel == channel && !file.used;
            if let Some(file) = self.files.iter_mut().find(fits) {
                file.used = true;
                files.push(file.id.clone());
            }
        }
        let attached = given["props"]["attachments"].is_array();
        if message.trim().is_empty() && files.is_empty() && !attached {
            return Err(refuse(
                400,
                "api.context.invalid_body_param.app_error",
                "Invalid or missing message in request body.",
            ));
        }
        let id = self.next("post");
        let at = Utc::now();
        let text = |key: &str| given[key].as_str().unwrap_or_default().to_string();
        let post = Post {
            id,
            n,
            channel,
            root,
            message,
            files,
            at,
            props: given.get("props").cloned().unwrap_or_else(|| json!({})),
            metadata: given.get("metadata").cloned().unwrap_or_else(|| json!({})),
            pending: text("pending_post_id"),
            updated: at,
            deleted: false,
        };
        self.posts.push(post.clone());
        Ok(post)
    }

    fn patch(&mut self, given: &Value, n: usize, wanted: &str) -> Result<Reply, Refused> {
        let message = given["message"].as_str().map(str::to_string);
        Mattermost::judge(message.as_deref().unwrap_or_default())?;
        let post = self
            .posts
            .iter_mut()
            .find(|post| post.id == wanted && !post.deleted && post.n == n)
            .ok_or_else(forbidden)?;
        if let Some(message) = message {
            post.message = message;
        }
        if let Some(props) = given.get("props") {
            post.props = props.clone();
        }
        post.updated = Utc::now();
        Ok(Reply::json(200, &json_of(post)))
    }

    fn file(&mut self, request: &Incoming, n: usize) -> Result<Reply, Refused> {
        let parts = request.multipart();
        let wanted = parts
            .iter()
            .find(|part| part.name == "channel_id")
            .map(|part| String::from_utf8_lossy(&part.bytes).into_owned());
        let channel = Mattermost::place(&json!({"channel_id": wanted}), n)?;
        let mut infos = Vec::new();
        for part in parts.iter().filter(|part| part.name == "files" && part.filename.is_some()) {
            let bytes = part.bytes.len() as u64;
            if bytes > MAX_FILE {
                return Err(refuse(
                    413,
                    "api.file.upload_file.too_large_detailed.app_error",
                    "Unable to upload file. File is too large.",
                ));
            }
            let id = self.next("file");
            let (name, mime) = (part.filename.clone().unwrap_or_default(), part.mime.clone().unwrap_or_default());
            let end = name.rsplit('.').next().unwrap_or_default();
            infos.push(
                json!({"id": id, "user_id": user(n), "name": name, "extension": end, "size": bytes, "mime_type": mime}),
            );
            self.files.push(File { id, n, channel: channel.clone(), name, mime, bytes, used: false });
        }
        if infos.is_empty() {
            return Err(refuse(
                400,
                "api.file.upload_file.incorrect_number_of_files.app_error",
                "Unable to upload files.",
            ));
        }
        Ok(Reply::json(201, &json!({"file_infos": infos, "client_ids": []})))
    }

    fn schedule(&mut self, given: &Value, n: usize) -> Result<Reply, Refused> {
        let channel = Mattermost::place(given, n)?;
        self.root(given, &channel)?;
        let at = given["scheduled_at"].as_i64().unwrap_or_default();
        if at <= Utc::now().timestamp_millis() {
            return Err(refuse(
                400,
                "model.scheduled_post.is_valid.scheduled_at.app_error",
                "Invalid scheduled at time.",
            ));
        }
        Mattermost::judge(given["message"].as_str().unwrap_or_default())?;
        let id = self.next("later");
        let one = Waiting { id, n, at, body: given.clone() };
        let reply = Reply::json(200, &shown(&one));
        self.waiting.push(one);
        Ok(reply)
    }

    /// Posts what waited for its time.
    fn due(&mut self) {
        let now = Utc::now().timestamp_millis();
        let (due, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|one: &Waiting| one.at <= now);
        self.waiting = waiting;
        for one in due {
            let place = one.body["channel_id"].as_str().unwrap_or_default().to_string();
            let root = one.body["root_id"].as_str().unwrap_or_default().to_string();
            // what cannot be posted now keeps an error for its author
            drop(self.store(&one.body, one.n, place, root));
        }
    }

    /// The newest first; deleted ones, too.
    fn since(&self, request: &Incoming, n: usize, wanted: &str) -> Result<Value, Refused> {
        if wanted != channel(n) {
            return Err(forbidden());
        }
        let since = request.query("since").and_then(|since| since.parse::<i64>().ok()).unwrap_or_default();
        let fits = |post: &&Post| post.channel == wanted && post.updated.timestamp_millis() > since;
        let found: Vec<&Post> = self.posts.iter().rev().filter(fits).collect();
        let posts: serde_json::Map<String, Value> = found.iter().map(|post| (post.id.clone(), json_of(post))).collect();
        let order: Vec<&str> = found.iter().map(|post| post.id.as_str()).collect();
        Ok(json!({"order": order, "posts": posts, "next_post_id": "", "prev_post_id": "", "has_next": false}))
    }

    fn webhook(&mut self, request: &Incoming, key: &str) -> Result<Reply, Refused> {
        let invalid = || refuse(400, "web.incoming_webhook.invalid.app_error", "Invalid webhook.");
        let n = hook(key).ok_or_else(invalid)?;
        let given = request.json();
        if !given.is_object() {
            return Err(refuse(400, "web.incoming_webhook.parse.app_error", "Unable to parse incoming data."));
        }
        let text = given["text"].as_str().unwrap_or_default();
        if text.trim().is_empty() && !given["attachments"].is_array() {
            return Err(refuse(400, "web.incoming_webhook.text.app_error", "No text specified."));
        }
        let mut props = json!({"from_webhook": "true"});
        for (from, to) in [
            ("username", "override_username"),
            ("icon_url", "override_icon_url"),
            ("icon_emoji", "override_icon_emoji"),
            ("attachments", "attachments"),
        ] {
            if let Some(value) = given.get(from) {
                props[to] = value.clone();
            }
        }
        let made = json!({"message": text, "props": props, "metadata": {"priority": given["priority"]}});
        self.store(&made, n, channel(n), String::new())?;
        Ok(Reply::text(200, "ok"))
    }

    fn seen(&self, post: &Post) -> Seen {
        let mut extra = json!({});
        if let Some(priority) = post.metadata.get("priority").filter(|priority| !priority.is_null()) {
            extra["priority"] = priority.clone();
        }
        for (key, value) in post.props.as_object().into_iter().flatten() {
            extra[key] = value.clone();
        }
        // a thread is flat: each reply is read below the one before
        let within = |one: &&Post| {
            !one.deleted && !post.root.is_empty() && (one.id == post.root || one.root == post.root) && one.id < post.id
        };
        let above = self.posts.iter().filter(within).max_by_key(|one| one.id.clone());
        let media = post.files.iter().filter_map(|id| self.files.iter().find(|file| file.id == *id));
        let text = body(&post.message, Form::Markdown)
            .iter()
            .map(|part| part.text.text.clone())
            .collect::<Vec<_>>()
            .join("\n\n");
        Seen {
            id: post.id.clone(),
            account: format!("~twin-{}", post.n),
            title: None,
            text: text.replace('\u{200b}', ""),
            url: Some(format!("{ORIGIN}/{TEAM_NAME}/pl/{}", post.id)),
            reply_to: above.map(|one| one.id.clone()),
            media: media
                .map(|file| SeenMedia { mime: file.mime.clone(), bytes: file.bytes, alt: file.name.clone() })
                .collect(),
            at: Utc.timestamp_millis_opt(post.at.timestamp_millis()).single().unwrap_or(post.at),
            extra,
        }
    }
}

fn shown(one: &Waiting) -> Value {
    let text = |key: &str| one.body[key].as_str().unwrap_or_default();
    json!({
        "id": one.id, "user_id": user(one.n), "channel_id": text("channel_id"), "root_id": text("root_id"), "message": text("message"),
        "props": one.body["props"], "file_ids": one.body["file_ids"], "scheduled_at": one.at, "processed_at": 0, "error_code": "",
    })
}

/// As the API shows it.
fn json_of(post: &Post) -> Value {
    json!({
        "id": post.id, "create_at": post.at.timestamp_millis(), "update_at": post.updated.timestamp_millis(), "edit_at": 0,
        "delete_at": if post.deleted { post.updated.timestamp_millis() } else { 0 }, "is_pinned": false, "user_id": user(post.n),
        "channel_id": post.channel, "root_id": post.root, "original_id": "", "message": post.message, "type": "", "props": post.props,
        "hashtags": "", "file_ids": post.files, "pending_post_id": post.pending, "reply_count": 0, "metadata": post.metadata,
    })
}
