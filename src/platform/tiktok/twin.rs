//! A stand-in for TikTok: posts that are opened first and filled afterwards, pieces that must come in order and in size, processing
//! that takes its time, limits by the minute and by the day.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::twin_oauth::OAuth;
use crate::text::Unit;
use crate::twin::{Incoming, Reply, Seen, SeenMedia, Twin};

const API: &str = "open.tiktokapis.com";
const UPLOAD: &str = "open-upload.tiktokapis.com";
pub(super) const WWW: &str = "www.tiktok.com";
/// Tokens are this and the account's number.
const TOKEN: &str = "act.tiktok-twin-token-";
/// Posts that may be opened in a minute, posts of a day, drafts of a day.
const OPENED: usize = 6;
const POSTS: usize = 15;
const DRAFTS: usize = 5;
/// A film of this size is processed for a while.
const LARGE: u64 = 1_000_000;
const LARGE_TAKES: u32 = 2;

/// The token of account `n`.
pub fn token(n: usize) -> String {
    format!("{TOKEN}{n}")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The file is on its way.
    Open,
    /// So many more times it is said to be at work.
    Working(u32),
    Done,
    Failed(&'static str),
}

/// What is sent: how large, in which pieces, how much is there.
#[derive(Debug, Clone, Default)]
struct File {
    size: u64,
    chunk: u64,
    count: u64,
    got: u64,
    head: Vec<u8>,
    mime: String,
}

#[derive(Debug, Clone)]
struct Post {
    id: String,
    number: u64,
    owner: usize,
    info: Value,
    inbox: bool,
    /// A film that is sent.
    file: Option<File>,
    /// Addresses of what is fetched, and whether they are pictures.
    urls: Vec<String>,
    photos: bool,
    stage: Stage,
    at: DateTime<Utc>,
}

/// How it is today.
#[derive(Debug)]
pub(super) struct Rules {
    /// Whether the app was audited.
    pub(super) audited: bool,
    /// What the account may choose, and what it has switched off.
    pub(super) privacy: Vec<&'static str>,
    pub(super) off: Vec<&'static str>,
    /// Longest film, in seconds.
    pub(super) seconds: u64,
    /// How often each post is said to be at work.
    pub(super) slow: u32,
    /// What becomes of posts in the end.
    pub(super) fails: Option<&'static str>,
    /// Moderation never ends: the post's number is not told.
    pub(super) moderated: bool,
}

/// TikTok's state.
#[derive(Debug, Default)]
pub struct TikTok {
    posts: Vec<Post>,
    made: u64,
    /// When posts were opened, by account.
    opened: BTreeMap<usize, Vec<DateTime<Utc>>>,
    pub(super) oauth: OAuth,
    pub(super) rules: Rules,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            audited: true,
            privacy: vec!["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"],
            off: Vec::new(),
            seconds: 600,
            slow: 0,
            fails: None,
            moderated: false,
        }
    }
}

pub(super) type Refusal = Box<Reply>;

fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(
        status,
        &json!({"data": {}, "error": {"code": code, "message": message, "log_id": "20261122100000010245067000000A1B2C"}}),
    )
}

fn refuse(status: u16, code: &str, message: &str) -> Refusal {
    Box::new(error(status, code, message))
}

fn invalid(message: &str) -> Refusal {
    refuse(400, "invalid_params", message)
}

fn fine(data: Value) -> Reply {
    Reply::json(
        200,
        &json!({"data": data, "error": {"code": "ok", "message": "", "log_id": "20261122100000010245067000000A1B2C"}}),
    )
}

impl Twin for TikTok {
    fn hosts(&self) -> Vec<String> {
        [API, UPLOAD, WWW].map(str::to_string).into()
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        self.route(request).unwrap_or_else(|refusal| *refusal)
    }

    /// TikTok itself names no time; what stands in front of it may.
    fn limited(&self, seconds: u64) -> Reply {
        error(429, "rate_limit_exceeded", "The API rate limit was exceeded. Please try again later.")
            .header("retry-after", seconds.to_string())
    }

    fn expired(&self) -> Reply {
        error(401, "access_token_invalid", "The access token is invalid or not found in the request.")
    }

    fn unavailable(&self, status: u16) -> Reply {
        error(status, "internal_error", "Something is wrong. Please try again later.")
    }

    fn expire_sessions(&mut self) {
        self.oauth.expire();
    }

    fn timeline(&self) -> Vec<Seen> {
        let there = self
            .posts
            .iter()
            .filter(|post| matches!(post.stage, Stage::Working(_) | Stage::Done) && self.rules.fails.is_none());
        there.map(|post| self.seen(post)).collect()
    }
}

fn handle(n: usize) -> String {
    format!("ann{n}")
}

impl TikTok {
    #[cfg(test)]
    pub(super) fn with(rules: Rules) -> TikTok {
        TikTok { rules, ..TikTok::default() }
    }

    /// So many posts of the day are there already.
    #[cfg(test)]
    pub(super) fn fill(&mut self, owner: usize, posts: usize) {
        for _ in 0..posts {
            let post = self.made(owner, Value::Null, false);
            self.posts.push(Post { stage: Stage::Done, ..post });
        }
    }

    fn seen(&self, post: &Post) -> Seen {
        let text = if post.photos { &post.info["description"] } else { &post.info["title"] };
        let title = post.info["title"].as_str().filter(|_| post.photos).map(str::to_string);
        let media = match &post.file {
            Some(file) => vec![SeenMedia { mime: file.mime.clone(), bytes: file.size, alt: String::new() }],
            None => {
                let mime = if post.photos { "image/jpeg" } else { "video/mp4" };
                // what is fetched is not looked at here; its address says that there is something
                let one = |url: &String| SeenMedia { mime: mime.into(), bytes: url.len() as u64, alt: String::new() };
                post.urls.iter().map(one).collect()
            }
        };
        Seen {
            id: post.number.to_string(),
            account: handle(post.owner),
            title,
            text: text.as_str().unwrap_or_default().to_string(),
            url: (!post.inbox).then(|| format!("https://{WWW}/@{}/video/{}", handle(post.owner), post.number)),
            reply_to: None,
            media,
            at: post.at,
            extra: json!({"inbox": post.inbox, "info": post.info, "urls": post.urls}),
        }
    }

    fn route(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        if let Some(reply) = self.oauth.route(request) {
            return reply;
        }
        if request.host == UPLOAD {
            return self.piece(request);
        }
        match (request.method.as_str(), request.segments().as_slice()) {
            ("GET", ["v2", "user", "info"]) => {
                let n = self.authorized(request, "user.info.basic")?;
                if request.query("fields").is_none() {
                    return Err(invalid("The fields parameter is required."));
                }
                let user = json!({"open_id": format!("-000twin-open-id-{n}"), "display_name": format!("Ann {n}")});
                Ok(fine(json!({ "user": user })))
            }
            ("POST", ["v2", "post", "publish", "creator_info", "query"]) => {
                let n = self.authorized(request, "video.publish")?;
                let off = |name: &str| self.rules.off.contains(&name);
                Ok(fine(json!({
                    "creator_avatar_url": "https://p16.tiktokcdn.example/avatar", "creator_username": handle(n),
                    "creator_nickname": format!("Ann {n}"), "privacy_level_options": self.rules.privacy,
                    "comment_disabled": off("comment"), "duet_disabled": off("duet"), "stitch_disabled": off("stitch"),
                    "max_video_post_duration_sec": self.rules.seconds,
                })))
            }
            ("POST", ["v2", "post", "publish", "video", "init"]) => self.video(request, false),
            ("POST", ["v2", "post", "publish", "inbox", "video", "init"]) => self.video(request, true),
            ("POST", ["v2", "post", "publish", "content", "init"]) => self.photos(request),
            ("POST", ["v2", "post", "publish", "status", "fetch"]) => self.status(request),
            ("POST", ["v2", "video", "list"]) => self.list(request),
            _ => Err(refuse(404, "invalid_params", "Unsupported path(Janus)")),
        }
    }

    /// Whose token it is: the fixed ones may do everything, those that OAuth gave out are account 0's and need the scope.
    fn authorized(&self, request: &Incoming, scope: &str) -> Result<usize, Refusal> {
        let token = request.bearer().ok_or_else(|| Box::new(self.expired()))?;
        if let Some(n) = token.strip_prefix(TOKEN).and_then(|n| n.parse().ok()) {
            return Ok(n);
        }
        match self.oauth.allows(token, scope) {
            Some(true) => Ok(0),
            Some(false) => Err(refuse(
                401,
                "scope_not_authorized",
                &format!("The user did not authorize the scope required: {scope}"),
            )),
            None => Err(Box::new(self.expired())),
        }
    }

    /// What counts against whoever opens a post.
    fn budget(&mut self, owner: usize, inbox: bool) -> Result<(), Refusal> {
        let now = Utc::now();
        let opened = self.opened.entry(owner).or_default();
        opened.retain(|at| now - *at < Duration::minutes(1));
        if opened.len() >= OPENED {
            return Err(refuse(429, "rate_limit_exceeded", "The API rate limit was exceeded. Please try again later."));
        }
        let today = |post: &&Post| post.owner == owner && post.inbox == inbox && now - post.at < Duration::hours(24);
        let count = self
            .posts
            .iter()
            .filter(today)
            .filter(|post| matches!(post.stage, Stage::Working(_) | Stage::Done))
            .count();
        if inbox && count >= DRAFTS {
            return Err(refuse(403, "spam_risk_too_many_pending_share", "Too many pending shares within 24 hours."));
        }
        if !inbox && count >= POSTS {
            return Err(refuse(
                403,
                "spam_risk_too_many_posts",
                "The daily post cap from the API is reached for the current user.",
            ));
        }
        opened.push(now);
        Ok(())
    }

    fn audience(&self, info: &Value) -> Result<(), Refusal> {
        let level = info["privacy_level"].as_str().ok_or_else(|| invalid("privacy_level is required"))?;
        if !self.rules.privacy.contains(&level) {
            return Err(refuse(403, "privacy_level_option_mismatch", "Privacy level option doesn't match"));
        }
        if !self.rules.audited && level != "SELF_ONLY" {
            return Err(refuse(
                403,
                "unaudited_client_can_only_post_to_private_accounts",
                "Please review our integration guidelines at https://developers.tiktok.com/doc/content-sharing-guidelines/",
            ));
        }
        let flags = [
            "disable_comment",
            "disable_duet",
            "disable_stitch",
            "brand_content_toggle",
            "brand_organic_toggle",
            "is_aigc",
            "auto_add_music",
        ];
        if let Some(flag) = flags.iter().find(|flag| !info[**flag].is_null() && !info[**flag].is_boolean()) {
            return Err(invalid(&format!("{flag} must be a boolean")));
        }
        if info["brand_content_toggle"] == true && level == "SELF_ONLY" {
            return Err(invalid("branded content cannot be private"));
        }
        Ok(())
    }

    fn video(&mut self, request: &Incoming, inbox: bool) -> Result<Reply, Refusal> {
        let owner = self.authorized(request, if inbox { "video.upload" } else { "video.publish" })?;
        let body = request.json();
        let (info, source) = (&body["post_info"], &body["source_info"]);
        if inbox && !info.is_null() {
            return Err(invalid("post_info is not allowed"));
        }
        if !inbox {
            self.audience(info)?;
            longest(info, "title", 2200)?;
        }
        let mut post = self.made(owner, info.clone(), inbox);
        match source["source"].as_str() {
            Some("FILE_UPLOAD") => {
                let file = cut(source)?;
                post.id = format!("v_pub_file~v2-1.{}", post.number);
                post.file = Some(file);
            }
            Some("PULL_FROM_URL") => {
                post.id = format!("v_pub_url~v2-1.{}", post.number);
                post.urls = vec![public(&source["video_url"])?];
                post.stage = Stage::Working(self.rules.slow);
            }
            _ => return Err(invalid("source is invalid")),
        }
        self.budget(owner, inbox)?;
        let mut data = json!({"publish_id": post.id});
        if post.file.is_some() {
            data["upload_url"] =
                json!(format!("https://{UPLOAD}/video/?upload_id={}&upload_token=twin-{0}", post.number));
        }
        self.posts.push(post);
        Ok(fine(data))
    }

    fn photos(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let body = request.json();
        let (info, source) = (&body["post_info"], &body["source_info"]);
        let inbox = match body["post_mode"].as_str() {
            Some("DIRECT_POST") => false,
            Some("MEDIA_UPLOAD") => true,
            _ => return Err(invalid("post_mode is invalid")),
        };
        let owner = self.authorized(request, if inbox { "video.upload" } else { "video.publish" })?;
        if body["media_type"] != "PHOTO" || source["source"] != "PULL_FROM_URL" {
            return Err(invalid("media_type or source is invalid"));
        }
        if !inbox {
            self.audience(info)?;
        }
        longest(info, "title", 90)?;
        longest(info, "description", 4000)?;
        let urls = source["photo_images"].as_array().map(Vec::as_slice).unwrap_or_default();
        let urls: Vec<String> = urls.iter().map(public).collect::<Result<_, _>>()?;
        if urls.is_empty() || urls.len() > 35 {
            return Err(invalid("photo_images must have 1 to 35 items"));
        }
        if source["photo_cover_index"].as_u64().is_none_or(|index| index >= urls.len() as u64) {
            return Err(invalid("photo_cover_index is out of range"));
        }
        self.budget(owner, inbox)?;
        let mut post = self.made(owner, info.clone(), inbox);
        post.id = format!("p_pub_url~v2.{}", post.number);
        (post.urls, post.photos, post.stage) = (urls, true, Stage::Working(self.rules.slow));
        let data = json!({"publish_id": post.id});
        self.posts.push(post);
        Ok(fine(data))
    }

    fn made(&mut self, owner: usize, info: Value, inbox: bool) -> Post {
        self.made += 1;
        Post {
            id: String::new(),
            number: 7_300_000_000_000_000_000 + self.made,
            owner,
            info,
            inbox,
            file: None,
            urls: Vec::new(),
            photos: false,
            stage: Stage::Open,
            at: Utc::now(),
        }
    }

    /// One piece of a film.
    fn piece(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let bare = |status| Box::new(Reply::empty(status));
        let number: Option<u64> = request.query("upload_id").and_then(|id| id.parse().ok());
        let known = request.query("upload_token").map(str::to_string) == number.map(|number| format!("twin-{number}"));
        let post = self.posts.iter_mut().find(|post| Some(post.number) == number && known).ok_or_else(|| bare(403))?;
        let (slow, over) = (self.rules.slow, Utc::now() - post.at > Duration::hours(1));
        let Some(file) = post.file.as_mut().filter(|_| !over && request.method == "PUT") else { return Err(bare(403)) };
        let mime = request.header("content-type").unwrap_or_default();
        if !matches!(mime, "video/mp4" | "video/quicktime" | "video/webm") {
            return Err(bare(400));
        }
        let range = request.header("content-range").and_then(range).ok_or_else(|| bare(400))?;
        let index = file.got / file.chunk.max(1);
        let end = if index + 1 >= file.count { file.size } else { file.got + file.chunk };
        let right = post.stage == Stage::Open && range == (file.got, end - 1, file.size);
        if !right || request.body.len() as u64 != end - file.got {
            return Err(bare(416));
        }
        if file.got == 0 {
            file.head = request.body.iter().take(12).copied().collect();
        }
        (file.got, file.mime) = (end, mime.to_string());
        if end < file.size {
            return Ok(Reply::empty(206).header("content-range", format!("bytes 0-{}/{}", end - 1, file.size)));
        }
        let film = file.head.get(4..8) == Some(b"ftyp") || file.head.starts_with(b"\x1a\x45\xdf\xa3");
        let takes = slow + if file.size >= LARGE { LARGE_TAKES } else { 0 };
        post.stage = if film { Stage::Working(takes) } else { Stage::Failed("file_format_check_failed") };
        Ok(Reply::empty(201).header("content-range", format!("bytes 0-{}/{}", end - 1, file.size)))
    }

    fn status(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let publishes = self.authorized(request, "video.publish");
        let owner = publishes.or_else(|_| self.authorized(request, "video.upload"))?;
        let (fails, moderated) = (self.rules.fails, self.rules.moderated);
        let wanted = request.json()["publish_id"].as_str().unwrap_or_default().to_string();
        let post = self.posts.iter_mut().find(|post| post.id == wanted && post.owner == owner);
        let post = post.ok_or_else(|| refuse(400, "invalid_publish_id", "The publish_id does not exist"))?;
        let working = if post.file.is_some() { "PROCESSING_UPLOAD" } else { "PROCESSING_DOWNLOAD" };
        let mut data = json!({"status": working});
        if let Some(file) = &post.file {
            data["uploaded_bytes"] = json!(file.got);
        }
        match post.stage {
            Stage::Open => {}
            Stage::Working(0) => post.stage = fails.map_or(Stage::Done, Stage::Failed),
            Stage::Working(left) => post.stage = Stage::Working(left - 1),
            Stage::Done | Stage::Failed(_) => {}
        }
        match post.stage {
            Stage::Open | Stage::Working(_) => {}
            Stage::Done if post.inbox => data["status"] = json!("SEND_TO_USER_INBOX"),
            Stage::Done => {
                data["status"] = json!("PUBLISH_COMPLETE");
                let public = post.info["privacy_level"] == "PUBLIC_TO_EVERYONE" && !moderated;
                data["publicaly_available_post_id"] = if public { json!([post.number]) } else { json!([]) };
            }
            Stage::Failed(reason) => {
                data["status"] = json!("FAILED");
                data["fail_reason"] = json!(reason);
            }
        }
        Ok(fine(data))
    }

    /// What everybody may see, the newest first.
    fn list(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let owner = self.authorized(request, "video.list")?;
        if request.query("fields").is_none() {
            return Err(invalid("The fields parameter is required."));
        }
        let most = request.json()["max_count"].as_u64().unwrap_or(10);
        if !(1..=20).contains(&most) {
            return Err(invalid("max_count is out of range"));
        }
        let public = |post: &&Post| {
            post.owner == owner
                && !post.inbox
                && matches!(post.stage, Stage::Working(_) | Stage::Done)
                && post.info["privacy_level"] == "PUBLIC_TO_EVERYONE"
                && !self.rules.moderated
        };
        let all = self.posts.iter().rev().filter(public);
        let one = |post: &Post| {
            let text = if post.photos { &post.info["description"] } else { &post.info["title"] };
            let cut: String = text.as_str().unwrap_or_default().chars().take(150).collect();
            json!({"id": post.number.to_string(), "title": cut, "video_description": cut, "create_time": post.at.timestamp()})
        };
        let videos: Vec<Value> = all.take(most as usize).map(one).collect();
        Ok(fine(json!({"videos": videos, "cursor": 0, "has_more": false})))
    }
}

fn longest(info: &Value, key: &str, most: usize) -> Result<(), Refusal> {
    let length = Unit::Utf16.count(info[key].as_str().unwrap_or_default());
    if length > most { Err(invalid(&format!("{key} is too long"))) } else { Ok(()) }
}

/// The pieces that a film is announced in.
fn cut(source: &Value) -> Result<File, Refusal> {
    let number =
        |key: &str| source[key].as_u64().filter(|n| *n > 0).ok_or_else(|| invalid(&format!("{key} is invalid")));
    let (size, chunk, count) = (number("video_size")?, number("chunk_size")?, number("total_chunk_count")?);
    if size > 4_000_000_000 {
        return Err(invalid("The video is too large"));
    }
    let whole = chunk == size && size <= 64_000_000;
    if !whole && (size < 5_000_000 || !(5_000_000..=64_000_000).contains(&chunk)) {
        return Err(invalid("The chunk size is invalid"));
    }
    if count != size / chunk || count > 1000 {
        return Err(invalid("The total chunk count is invalid"));
    }
    Ok(File { size, chunk, count, ..File::default() })
}

/// An address that TikTok would fetch: https, of a host that belongs to the app.
fn public(url: &Value) -> Result<String, Refusal> {
    let text = url.as_str().unwrap_or_default();
    let url = url::Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.has_host());
    match url {
        None => Err(invalid("The url is invalid")),
        Some(url) if url.host_str().is_some_and(|host| host.starts_with("unverified.")) => {
            Err(refuse(403, "url_ownership_unverified", "Please review our URL ownership verification rules"))
        }
        Some(_) => Ok(text.to_string()),
    }
}

/// `bytes FIRST-LAST/TOTAL`.
fn range(header: &str) -> Option<(u64, u64, u64)> {
    let (span, total) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = span.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, total.parse().ok()?))
}
