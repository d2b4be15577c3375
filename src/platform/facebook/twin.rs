//! A stand-in for the Graph API's pages: posts, pictures, films, comments, what waits, and who may do it.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::twin_media::{Film, Photo, Session};
use super::twin_oauth::{OAuth, WWW};
use crate::platform::{TwinAccount, graph};
use crate::twin::{Incoming, Reply, Seen, SeenMedia, Twin};

pub(super) const API: &str = "graph.facebook.com";
pub(super) const VIDEO: &str = "graph-video.facebook.com";
pub(super) const UPLOAD: &str = "rupload.facebook.com";
/// The app that every token is of.
pub(super) const APP: &str = "1234567890123456";
/// A page's token is this and the page's place.
pub(super) const TOKEN: &str = "facebook-twin-page-token-";
const FIRST_PAGE: u64 = 615_500_000_000;
const TEXT: usize = 63_206;
/// The same words again within this time are a duplicate.
const DUPLICATE: Duration = Duration::seconds(60);

const FEED: &[&str] = &[
    "message", "link", "published", "scheduled_publish_time", "attached_media", "place", "text_format_preset_id", "targeting",
];

/// Account `n` of the twin: its `n`th page, with the page's token.
pub(super) fn account(n: usize) -> TwinAccount {
    TwinAccount {
        server: format!("https://{API}"),
        settings: json!({"page": page_id(n)}),
        secrets: BTreeMap::from([("token".to_string(), SecretString::from(format!("{TOKEN}{n}")))]),
    }
}

pub(super) fn page_id(n: usize) -> String {
    (FIRST_PAGE + n as u64).to_string()
}

pub(super) fn page_name(n: usize) -> String {
    format!("Twin Page {n}")
}

/// What a post is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Post,
    Film,
    Reel,
    Comment,
}

#[derive(Debug, Clone)]
pub(super) struct Post {
    pub id: String,
    pub page: usize,
    pub what: What,
    pub text: String,
    pub title: Option<String>,
    pub photos: Vec<String>,
    pub film: Option<SeenMedia>,
    /// The post that a comment stands below.
    pub parent: Option<String>,
    pub at: DateTime<Utc>,
    /// When it is to be shown, if not at once.
    pub scheduled: Option<DateTime<Utc>>,
    pub fields: Map<String, Value>,
}

impl Post {
    fn out(&self) -> bool {
        self.scheduled.is_none_or(|at| at <= Utc::now())
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    Page(usize),
    /// A person, and what he allowed.
    Person(Vec<String>),
}

/// The network's state.
#[derive(Debug, Default)]
pub(super) struct FacebookTwin {
    pub posts: Vec<Post>,
    pub photos: Vec<Photo>,
    pub films: Vec<Film>,
    pub sessions: Vec<Session>,
    pub oauth: OAuth,
    pub made: u64,
}

pub(super) type Refusal = Box<Reply>;

pub(super) fn refuse(status: u16, code: i64, subcode: i64, message: &str) -> Refusal {
    Box::new(graph::refuse(status, code, subcode, message))
}

pub(super) fn invalid(why: &str) -> Refusal {
    refuse(400, 100, 0, &format!("(#100) {why}"))
}

pub(super) fn missing(id: &str) -> Refusal {
    let message = format!(
        "Unsupported request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation."
    );
    refuse(400, 100, 33, &message)
}

impl Twin for FacebookTwin {
    fn hosts(&self) -> Vec<String> {
        [API, VIDEO, UPLOAD, WWW].map(str::to_string).into()
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        let reply = self.route(request).unwrap_or_else(|refusal| *refusal);
        let usage = json!({"call_count": 3, "total_cputime": 1, "total_time": 1});
        reply.header("facebook-api-version", "v26.0").header("x-app-usage", usage.to_string()).header("x-fb-trace-id", "TwIn0123456")
    }

    fn limited(&self, seconds: u64) -> Reply {
        graph::limited(&page_id(0), "pages", seconds)
    }

    fn expired(&self) -> Reply {
        graph::expired()
    }

    fn timeline(&self) -> Vec<Seen> {
        self.posts.iter().map(|post| self.seen(post)).collect()
    }
}

impl FacebookTwin {
    fn seen(&self, post: &Post) -> Seen {
        let photos = post.photos.iter().filter_map(|id| self.photos.iter().find(|photo| photo.id == *id));
        let photos = photos.map(|photo| SeenMedia { mime: photo.mime.clone(), bytes: photo.bytes, alt: photo.alt.clone() });
        let mut extra = post.fields.clone();
        if let Some(at) = post.scheduled {
            extra.insert("scheduled".into(), json!(at.to_rfc3339()));
        }
        Seen {
            id: post.id.clone(),
            account: page_name(post.page),
            title: post.title.clone(),
            text: post.text.clone(),
            url: Some(format!("https://www.facebook.com/{}", post.id)),
            reply_to: post.parent.clone(),
            media: photos.chain(post.film.clone()).collect(),
            at: post.at,
            extra: Value::Object(extra),
        }
    }

    fn route(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let path = request.segments();
        if let Some(reply) = self.oauth.route(request) {
            return reply;
        }
        if request.host == UPLOAD {
            return self.bytes_of_reel(request);
        }
        let Some((version, path)) = path.split_first().filter(|(version, _)| versioned(version)) else {
            return Err(refuse(400, 2500, 0, "Unknown path components"));
        };
        if version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok()).is_none_or(|n| n < 22) {
            return Err(refuse(400, 2635, 0, "(#2635) You are calling a deprecated version of the Ads API."));
        }
        let who = self.who(request)?;
        if request.host == VIDEO && !matches!(path, [_, "videos"]) {
            return Err(refuse(400, 2500, 0, "Unknown path components"));
        }
        match (request.method.as_str(), path) {
            ("GET", ["me"]) => match who {
                Who::Page(n) => picked(request, &page(n)),
                Who::Person(_) => picked(request, &json!({"id": "10001", "name": "Ann Twin"})),
            },
            ("GET", ["me", "accounts"]) => self.accounts(request, &who),
            ("GET", ["app"]) => picked(request, &json!({"id": APP, "name": "xpost twin", "link": "https://example.org/"})),
            ("POST", [app, "uploads"]) => self.start_upload(request, app),
            (method, [session]) if session.starts_with("upload:") => self.session(request, method, session),
            ("POST", [page, "photos"]) => self.photo(request, own(&who, page)?),
            ("POST", [page, "feed"]) => self.feed(request, own(&who, page)?),
            ("POST", [page, "video_reels"]) => self.reel(request, own(&who, page)?),
            ("POST", [page, "videos"]) if request.host == VIDEO => self.film(request, own(&who, page)?),
            ("GET", [page, "published_posts"]) => {
                let n = own(&who, page)?;
                self.listed(request, |post| post.page == n && post.what != What::Comment && post.out())
            }
            ("GET", [page, "scheduled_posts"]) => {
                let n = own(&who, page)?;
                self.listed(request, |post| post.page == n && post.what == What::Post && !post.out())
            }
            ("GET", [page, "videos"]) => {
                let n = own(&who, page)?;
                self.listed(request, |post| post.page == n && matches!(post.what, What::Film | What::Reel) && post.out())
            }
            ("GET", [post, "comments"]) => {
                let post = self.find(post)?.id.clone();
                if request.query("filter") != Some("stream") {
                    return Err(invalid("the twin lists comments as a stream only"));
                }
                self.listed(request, |one| one.parent.as_deref() == Some(post.as_str()))
            }
            ("POST", [post, "comments"]) => self.comment(request, &who, post),
            ("GET", [id]) => self.node(request, id),
            ("POST", [id]) => self.change(request, &who, id),
            ("DELETE", [id]) => {
                let at = self.posts.iter().position(|post| post.id == *id).ok_or_else(|| missing(id))?;
                if who != Who::Page(self.posts[at].page) {
                    return Err(refuse(403, 200, 0, "(#200) Permissions error"));
                }
                self.posts.retain(|post| post.id != *id && post.parent.as_deref() != Some(id));
                Ok(Reply::json(200, &json!({"success": true})))
            }
            _ => Err(refuse(400, 2500, 0, "Unknown path components")),
        }
    }

    /// Whose token it is.
    pub(super) fn who(&self, request: &Incoming) -> Result<Who, Refusal> {
        let header = request.header("authorization").unwrap_or_default();
        let token = header.strip_prefix("Bearer ").or_else(|| header.strip_prefix("OAuth "));
        let token = token.ok_or_else(|| refuse(400, 2500, 0, "An active access token must be used to query information about the current user."))?;
        match token.strip_prefix(TOKEN).and_then(|n| n.parse().ok()) {
            Some(n) => Ok(Who::Page(n)),
            None => self.oauth.person(token).map(Who::Person).ok_or_else(|| Box::new(graph::expired())),
        }
    }

    fn accounts(&self, request: &Incoming, who: &Who) -> Result<Reply, Refusal> {
        let Who::Person(scopes) = who else {
            return Err(invalid("Tried accessing nonexisting field (accounts) on node type (Page)"));
        };
        if !scopes.iter().any(|scope| scope == "pages_show_list") {
            return Ok(Reply::json(200, &json!({"data": []})));
        }
        // two pages of his own, one that he may only look at, one that he did not choose when he logged in
        let all = [0, 1, 7, 8].map(|n| {
            let mut page = page(n);
            page["tasks"] = if n == 7 { json!(["ANALYZE"]) } else { json!(["CREATE_CONTENT", "MANAGE"]) };
            if n != 8 {
                page["access_token"] = json!(format!("{TOKEN}{n}"));
            }
            page
        });
        let list: Result<Vec<Value>, Refusal> = all.iter().map(|page| pick(request, page)).collect();
        Ok(listing(request, &list?))
    }

    fn feed(&mut self, request: &Incoming, n: usize) -> Result<Reply, Refusal> {
        let params = params(request, FEED)?;
        let message = text(&params, "message");
        if message.encode_utf16().count() > TEXT {
            return Err(invalid("Param message must be a shorter string"));
        }
        let link = text(&params, "link");
        let scheduled = scheduled(&params)?;
        let media: Vec<String> = list(&params, "attached_media")
            .iter()
            .map(|one| text(one.as_object().unwrap_or(&Map::new()), "media_fbid"))
            .collect();
        if message.trim().is_empty() && link.is_empty() && media.is_empty() {
            return Err(invalid("The post is empty. Please enter a message to share."));
        }
        if !link.is_empty() && !media.is_empty() {
            return Err(invalid("link cannot be used together with attached_media"));
        }
        if !link.is_empty() && url::Url::parse(&link).is_err() {
            return Err(refuse(400, 100, 2_061_006, "The url you supplied is invalid"));
        }
        if params.contains_key("text_format_preset_id") && (!link.is_empty() || !media.is_empty()) {
            return Err(invalid("text_format_preset_id is for text alone"));
        }
        self.attach(&media, n, scheduled.is_some())?;
        let last = self.posts.iter().rfind(|post| post.page == n && post.what == What::Post);
        if media.is_empty()
            && last.is_some_and(|last| {
                last.text == message && last.photos.is_empty() && text(&last.fields, "link") == link
                    && last.scheduled == scheduled && Utc::now() - last.at < DUPLICATE
            })
        {
            return Err(refuse(400, 506, 0, "(#506) Duplicate status message"));
        }
        let mut fields = params;
        fields.retain(|name, _| !matches!(name.as_str(), "message" | "attached_media" | "scheduled_publish_time"));
        let id = format!("{}_{}", page_id(n), self.next());
        let post = Post {
            id: id.clone(),
            page: n,
            what: What::Post,
            text: message,
            title: None,
            photos: media,
            film: None,
            parent: None,
            at: Utc::now(),
            scheduled,
            fields,
        };
        self.posts.push(post);
        Ok(Reply::json(200, &json!({"id": id})))
    }

    fn comment(&mut self, request: &Incoming, who: &Who, below: &str) -> Result<Reply, Refusal> {
        let params = params(request, &["message", "attachment_url", "attachment_id"])?;
        let post = self.find(below)?;
        if !post.out() {
            return Err(invalid("Comments cannot be made on unpublished posts"));
        }
        if *who != Who::Page(post.page) {
            return Err(refuse(403, 200, 0, "(#200) Permissions error"));
        }
        if self.films.iter().any(|film| film.id == below && film.busy > 0) {
            return Err(missing(below));
        }
        let text = text(&params, "message");
        if text.trim().is_empty() {
            return Err(invalid("Comment must contain text"));
        }
        let (page, parent) = (post.page, post.id.clone());
        let id = format!("{}_{}", parent.rsplit('_').next().unwrap_or_default(), self.next());
        let (at, fields) = (Utc::now(), Map::new());
        let what = What::Comment;
        let photos = Vec::new();
        self.posts.push(Post { id: id.clone(), page, what, text, title: None, photos, film: None, parent: Some(parent), at, scheduled: None, fields });
        Ok(Reply::json(200, &json!({"id": id})))
    }

    fn change(&mut self, request: &Incoming, who: &Who, id: &str) -> Result<Reply, Refusal> {
        let params = params(request, &["message"])?;
        let message = text(&params, "message");
        let post = self.posts.iter_mut().find(|post| post.id == id).ok_or_else(|| missing(id))?;
        if *who != Who::Page(post.page) {
            return Err(refuse(403, 200, 0, "(#200) Permissions error"));
        }
        if matches!(post.what, What::Film | What::Reel) || (message.trim().is_empty() && post.photos.is_empty()) {
            return Err(invalid("Invalid parameter"));
        }
        post.text = message;
        Ok(Reply::json(200, &json!({"success": true})))
    }

    /// A page, a film or a post by its id.
    fn node(&mut self, request: &Incoming, id: &str) -> Result<Reply, Refusal> {
        if let Some(n) = id.parse::<u64>().ok().and_then(|id| id.checked_sub(FIRST_PAGE)).filter(|n| *n < 1_000_000) {
            return picked(request, &page(n as usize));
        }
        if let Some(film) = self.film_node(id) {
            return picked(request, &film);
        }
        let post = self.find(id)?;
        picked(request, &self.shown(post))
    }

    fn find(&self, id: &str) -> Result<&Post, Refusal> {
        self.posts.iter().find(|post| post.id == id).ok_or_else(|| missing(id))
    }

    /// A post as it is read.
    fn shown(&self, post: &Post) -> Value {
        let mut shown = json!({
            "id": post.id,
            "created_time": post.at.format("%Y-%m-%dT%H:%M:%S+0000").to_string(),
            "permalink_url": format!("https://www.facebook.com/{}", post.id),
        });
        let words = if matches!(post.what, What::Film | What::Reel) { "description" } else { "message" };
        if !post.text.is_empty() {
            shown[words] = json!(post.text);
        }
        if let Some(at) = post.scheduled {
            shown["scheduled_publish_time"] = json!(at.timestamp());
        }
        let target = |id: &String| json!({"media_type": "photo", "target": {"id": id}});
        match post.photos.as_slice() {
            [] => {}
            [one] => shown["attachments"] = json!({"data": [target(one)]}),
            several => {
                let below: Vec<Value> = several.iter().map(target).collect();
                let album = json!({"media_type": "album", "target": {"id": "1"}, "subattachments": {"data": below}});
                shown["attachments"] = json!({"data": [album]});
            }
        }
        shown
    }

    fn listed(&self, request: &Incoming, fits: impl Fn(&Post) -> bool) -> Result<Reply, Refusal> {
        let list: Result<Vec<Value>, Refusal> =
            self.posts.iter().rev().filter(|post| fits(post)).map(|post| pick(request, &self.shown(post))).collect();
        Ok(listing(request, &list?))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.made += 1;
        122_000_000_000_000 + self.made
    }
}

fn versioned(text: &str) -> bool {
    text.strip_prefix('v').is_some_and(|rest| {
        rest.split_once('.').is_some_and(|(major, minor)| major.parse::<u32>().is_ok() && minor.parse::<u32>().is_ok())
    })
}

fn page(n: usize) -> Value {
    json!({"id": page_id(n), "name": page_name(n), "link": format!("https://www.facebook.com/{}", page_id(n))})
}

/// The page whose token it is, if it is this one's.
fn own(who: &Who, page: &str) -> Result<usize, Refusal> {
    match who {
        Who::Page(n) if page_id(*n) == page => Ok(*n),
        Who::Page(_) => Err(refuse(403, 200, 0, "(#200) The user hasn't authorized the application to perform this action")),
        Who::Person(_) => Err(refuse(403, 210, 0, "(#210) A page access token is required to request this resource.")),
    }
}

/// The fields that a request asks for.
fn pick(request: &Incoming, value: &Value) -> Result<Value, Refusal> {
    const KNOWN: &[&str] = &[
        "id", "name", "link", "message", "description", "created_time", "scheduled_publish_time", "permalink_url", "attachments",
        "status", "access_token", "tasks",
    ];
    let mut picked = json!({"id": value["id"]});
    let (mut depth, mut name) = (0, String::new());
    let mut names = Vec::new();
    for c in request.query("fields").unwrap_or("id").chars().chain([',']) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(std::mem::take(&mut name)),
            c if depth == 0 => name.push(c),
            _ => {}
        }
    }
    for name in names {
        if !KNOWN.contains(&name.as_str()) {
            return Err(invalid(&format!("Tried accessing nonexisting field ({name})")));
        }
        if let Some(found) = value.get(&name) {
            picked[&name] = found.clone();
        }
    }
    Ok(picked)
}

fn picked(request: &Incoming, value: &Value) -> Result<Reply, Refusal> {
    Ok(Reply::json(200, &pick(request, value)?))
}

/// A page of a list, with the cursor of the next.
fn listing(request: &Incoming, list: &[Value]) -> Reply {
    let limit = request.query("limit").and_then(|limit| limit.parse().ok()).unwrap_or(25usize).min(100);
    let from = request.query("after").and_then(|after| after.strip_prefix("cursor-")?.parse().ok()).unwrap_or(0usize);
    let data: Vec<&Value> = list.iter().skip(from).take(limit).collect();
    let end = from + data.len();
    let mut page = json!({"data": data});
    if !data.is_empty() {
        page["paging"] = json!({"cursors": {"before": format!("cursor-{from}"), "after": format!("cursor-{end}")}});
        if end < list.len() {
            page["paging"]["next"] = json!(format!("https://{API}/next"));
        }
    }
    Reply::json(200, &page)
}

/// A request's parameters, however they came: JSON, form, multipart or query. What is not known is refused, so that a misspelt name
/// is noticed.
pub(super) fn params(request: &Incoming, known: &[&str]) -> Result<Map<String, Value>, Refusal> {
    let mut params = match request.json() {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let form = request.header("content-type").is_some_and(|mime| mime.starts_with("application/x-www-form-urlencoded"));
    let pairs = if form { request.form() } else { Vec::new() };
    let parts = request.multipart().into_iter().filter(|part| part.filename.is_none());
    let parts = parts.map(|part| (part.name, String::from_utf8_lossy(&part.bytes).into_owned()));
    for (name, value) in request.query.iter().cloned().chain(pairs).chain(parts) {
        params.insert(name, json!(value));
    }
    match params.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(invalid(&format!("the twin knows no parameter `{name}` here"))),
        None => Ok(params),
    }
}

pub(super) fn text(params: &Map<String, Value>, name: &str) -> String {
    match params.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(value) => value.to_string(),
    }
}

fn list(params: &Map<String, Value>, name: &str) -> Vec<Value> {
    match params.get(name) {
        Some(Value::Array(list)) => list.clone(),
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// The time of a post that waits: with `published=false`, 10 minutes to 30 days ahead.
pub(super) fn scheduled(params: &Map<String, Value>) -> Result<Option<DateTime<Utc>>, Refusal> {
    let hidden = text(params, "published") == "false";
    let Some(at) = params.get("scheduled_publish_time") else {
        return if hidden { Err(invalid("the twin keeps no dark posts")) } else { Ok(None) };
    };
    if !hidden {
        return Err(invalid("You cannot specify a scheduled publish time on a published post"));
    }
    in_range(at).map(Some)
}

pub(super) fn in_range(at: &Value) -> Result<DateTime<Utc>, Refusal> {
    let at = graph::moment(at).ok_or_else(|| invalid("The specified scheduled publish time is invalid."))?;
    let left = at - Utc::now();
    if left < Duration::minutes(10) || left > Duration::days(30) {
        return Err(invalid("The specified scheduled publish time is invalid."));
    }
    Ok(at)
}
