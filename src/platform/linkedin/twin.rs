//! A small LinkedIn: it knows the logins and pages that [`token`] and [`organization`] name, keeps what is posted, and refuses in the
//! words of the real one.
//!
//! Member `n` administers page `n` ([`organization`]), writes content for a second one and only reads the numbers of a third. A page's
//! token may do all that the Community Management API gives; a member's is one of an app without review.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, TimeZone, Utc};
use serde_json::{Value, json};

use super::twin_check as check;
use super::twin_media::Assets;
use super::twin_oauth::OAuth;
use crate::twin::{Incoming, Reply, Seen, Twin};

const API: &str = "api.linkedin.com";
const SITE: &str = "www.linkedin.com";
/// The first page, the first of those that a member writes content for, and of those where he may not write.
const OWNED: u64 = 5_000_000;
const WRITTEN: u64 = 6_000_000;
const READ: u64 = 7_000_000;
const MANY: u64 = 900_000;
/// The same text again is refused for so long, deleted or not.
const MEMORY: Duration = Duration::minutes(10);
/// Calls of one member in a day: with an app without review, and with a reviewed one.
const BUDGETS: (u32, u32) = (150, 5000);

/// The token of member `n`: for pages, or for oneself.
pub(super) fn token(n: usize, page: bool) -> String {
    format!("AQX-linkedin-twin-{}-token-{n:06}", if page { "page" } else { "member" })
}

/// The number of page `n`.
pub(super) fn organization(n: usize) -> String {
    (OWNED + n as u64).to_string()
}

/// The URN of member `n`.
pub(super) fn person(n: usize) -> String {
    format!("urn:li:person:tw1N_{n}")
}

pub(super) const MEMBER_SCOPES: &[&str] = &["openid", "profile", "w_member_social"];
pub(super) const PAGE_SCOPES: &[&str] = &[
    "w_organization_social",
    "r_organization_social",
    "rw_organization_admin",
    "w_organization_social_feed",
    "r_organization_social_feed",
    "w_member_social",
    "w_member_social_feed",
    "r_basicprofile",
];

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub n: usize,
    pub scopes: Vec<String>,
}

impl Who {
    pub fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|have| have == scope)
    }

    /// What the member may do on a page.
    pub fn role(&self, id: u64) -> Option<&'static str> {
        let n = self.n as u64;
        [(OWNED, "ADMINISTRATOR"), (WRITTEN, "CONTENT_ADMINISTRATOR"), (READ, "ANALYST")]
            .into_iter()
            .find(|(first, _)| first + n == id)
            .map(|(_, role)| role)
    }

    /// Whether what is written in this name may be written by him; `what` is the method that the refusal names.
    pub fn may_write(&self, author: &str, what: &str) -> Result<(), Reply> {
        let good = match author.strip_prefix("urn:li:organization:").and_then(|id| id.parse().ok()) {
            Some(id) => self.has("w_organization_social") && self.role(id).is_some_and(|role| role != "ANALYST"),
            None => self.has("w_member_social") && author == person(self.n),
        };
        if good { Ok(()) } else { Err(check::denied(what)) }
    }
}

#[derive(Debug)]
struct Post {
    urn: String,
    body: Value,
    at: DateTime<Utc>,
}

#[derive(Debug)]
struct Comment {
    id: String,
    urn: String,
    object: String,
    actor: String,
    text: String,
    at: DateTime<Utc>,
}

/// The state: what was posted, in the order of posting.
#[derive(Debug, Default)]
pub(super) struct LinkedIn {
    posts: Vec<Post>,
    comments: Vec<Comment>,
    /// What was posted of late, deleted or not.
    memory: Vec<(Value, DateTime<Utc>)>,
    assets: Assets,
    pub oauth: OAuth,
    last_id: u64,
    calls: BTreeMap<String, u32>,
}

impl Twin for LinkedIn {
    fn hosts(&self) -> Vec<String> {
        vec![API.into(), SITE.into()]
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        let reply = match request.host.as_str() {
            SITE => self.site(request),
            _ => self.api(request),
        };
        let reply = reply.unwrap_or_else(|refused| refused);
        self.last_id += 1;
        reply.header("x-li-uuid", format!("AAY-twin-{:08}", self.last_id))
    }

    /// LinkedIn's own budgets are told without a time; a limit that ends so soon is that of the servers before it.
    fn limited(&self, seconds: u64) -> Reply {
        Reply::json(429, &json!({"status": 429, "serviceErrorCode": 101, "message": "Too many requests"}))
            .header("retry-after", seconds.to_string())
    }

    fn expired(&self) -> Reply {
        check::refuse_numbered(401, 65602, "EXPIRED_ACCESS_TOKEN", "The token used in the request has expired")
    }

    fn expire_sessions(&mut self) {
        self.oauth.expire();
    }

    fn timeline(&self) -> Vec<Seen> {
        let mut all: Vec<Seen> = self.posts.iter().map(|post| self.seen(post)).collect();
        all.extend(self.comments.iter().map(|comment| Seen {
            id: comment.urn.clone(),
            account: comment.actor.clone(),
            text: comment.text.clone(),
            url: Some(format!("https://{SITE}/feed/update/{}/", comment.object)),
            reply_to: Some(comment.object.clone()),
            at: comment.at,
            ..Seen::default()
        }));
        all.sort_by_key(|seen| seen.at);
        all
    }
}

impl LinkedIn {
    fn site(&mut self, request: &Incoming) -> Result<Reply, Reply> {
        if request.path.starts_with("/dms-uploads/") {
            let who = request.bearer().and_then(|token| self.who(token));
            return self.assets.put(request, who.as_ref());
        }
        self.oauth.route(request)
    }

    /// Whose token this is.
    fn who(&self, token: &str) -> Option<Who> {
        for (page, scopes) in [(true, PAGE_SCOPES), (false, MEMBER_SCOPES)] {
            let prefix = super::twin::token(0, page);
            let prefix = prefix.trim_end_matches('0');
            let n = token.strip_prefix(prefix).and_then(|n| n.parse::<usize>().ok()).filter(|n| (*n as u64) < MANY);
            if let Some(n) = n.filter(|n| super::twin::token(*n, page) == token) {
                return Some(Who { n, scopes: scopes.iter().map(ToString::to_string).collect() });
            }
        }
        let scopes = self.oauth.scopes(token)?;
        Some(Who { n: 0, scopes })
    }

    fn api(&mut self, request: &Incoming) -> Result<Reply, Reply> {
        let invalid = || check::refuse_numbered(401, 65600, "INVALID_ACCESS_TOKEN", "Invalid access token");
        let token = request.bearer().filter(|token| !token.is_empty()).ok_or_else(invalid)?;
        let who = self.who(token).ok_or_else(invalid)?;
        let calls = self.calls.entry(token.to_string()).or_default();
        *calls += 1;
        if *calls > if who.has("w_organization_social") { BUDGETS.1 } else { BUDGETS.0 } {
            let message = "Resource level throttle MEMBER DAY limit for calls to this resource is reached.";
            return Err(Reply::json(429, &json!({"status": 429, "serviceErrorCode": 101, "message": message})));
        }
        let method = request.method.as_str();
        let segments = request.segments();
        match segments.as_slice() {
            ["v2", "userinfo"] if who.has("openid") => {
                let name = format!("Ann Twin {}", who.n);
                let sub = person(who.n).replace("urn:li:person:", "");
                return Ok(Reply::json(200, &json!({"sub": sub, "name": name, "given_name": "Ann", "family_name": "Twin"})));
            }
            ["v2", "me"] if who.has("r_basicprofile") => {
                let id = person(who.n).replace("urn:li:person:", "");
                let last = format!("Twin {}", who.n);
                let me = json!({"id": id, "localizedFirstName": "Ann", "localizedLastName": last, "vanityName": format!("ann-twin-{}", who.n)});
                return Ok(Reply::json(200, &me));
            }
            ["v2", what] => return Err(check::denied(&format!("{what}.GET.NO_VERSION"))),
            ["rest", ..] => check::headers(request)?,
            _ => return Err(check::refuse(404, "RESOURCE_NOT_FOUND", "Resource not found")),
        }
        let restli = request.header("x-restli-method").unwrap_or_default().to_uppercase();
        match (method, &segments[1..]) {
            ("POST", ["posts"]) => self.create(request, &who),
            ("GET", ["posts"]) => self.list(request, &who),
            ("POST", ["posts", urn]) if restli == "PARTIAL_UPDATE" => self.edit(request, urn, &who),
            ("DELETE", ["posts", urn]) => self.delete(urn, &who),
            ("POST", ["socialActions", urn, "comments"]) => self.comment(request, urn, &who),
            ("GET", ["socialActions", urn, "comments"]) => self.comments(request, urn, &who),
            ("POST" | "DELETE", ["socialActions", urn, "comments", id]) => self.change_comment(request, urn, id, &who),
            ("GET", ["organizationAcls"]) => acls(request, &who),
            ("GET", ["organizations", id]) => page(id, &who),
            (_, ["images" | "documents" | "videos", ..]) => self.assets.api(request, &segments[1..], &who),
            _ => Err(check::refuse(404, "RESOURCE_NOT_FOUND", "Resource not found")),
        }
    }

    /// A number that holds the time.
    fn id(&mut self) -> u64 {
        let now = (Utc::now().timestamp_millis() as u64) << 22;
        self.last_id = self.last_id.max(now) + 1;
        self.last_id
    }

    fn create(&mut self, request: &Incoming, who: &Who) -> Result<Reply, Reply> {
        let body = request.json();
        let author = body["author"].as_str().unwrap_or_default().to_string();
        check::post(&body)?;
        who.may_write(&author, "partnerApiPostsExternal.CREATE.20260901")?;
        self.assets.usable(&body, &author)?;
        let now = Utc::now();
        self.memory.retain(|(_, at)| now - *at < MEMORY);
        let same = json!([body["author"], body["commentary"], body["content"], body["reshareContext"]]);
        if self.memory.iter().any(|(known, _)| *known == same) {
            let there = self.posts.iter().rev().find(|post| {
                json!([post.body["author"], post.body["commentary"], post.body["content"], post.body["reshareContext"]]) == same
            });
            // of what was deleted it names posts that never were
            let urn = there.map(|post| post.urn.clone());
            let urn = urn.unwrap_or_else(|| format!("urn:li:share:{}", self.id()));
            let message = format!("com.linkedin.content.common.exception.BadRequestResponseException: Content is a duplicate of {urn}");
            return Err(Reply::json(422, &json!({
                "errorDetailType": "com.linkedin.common.error.BadRequest", "message": message, "status": 422,
                "errorDetails": {"inputErrors": [{"description": "Duplicate post is detected", "input": {}, "code": "DUPLICATE_POST"}]},
            })));
        }
        self.memory.push((same, now));
        let kind = if body.pointer("/content/media/id").and_then(Value::as_str).is_some_and(|id| id.contains(":video:")) { "ugcPost" } else { "share" };
        let urn = format!("urn:li:{kind}:{}", self.id());
        self.posts.push(Post { urn: urn.clone(), body, at: now });
        Ok(Reply::empty(201).header("x-restli-id", &urn).header("location", format!("/posts/{urn}")))
    }

    fn list(&self, request: &Incoming, who: &Who) -> Result<Reply, Reply> {
        let author = request.query("author").unwrap_or_default();
        if request.query("q") != Some("author") || author.is_empty() {
            return Err(check::refuse(400, "PARAM_INVALID", "Invalid query parameters passed to request"));
        }
        let scope = if author.starts_with("urn:li:organization:") { "r_organization_social" } else { "r_member_social" };
        if !who.has(scope) {
            return Err(check::denied("partnerApiPostsExternal.FINDER-author.20260901"));
        }
        let own = self.posts.iter().rev().filter(|post| post.body["author"] == author);
        Ok(paged(request, own.map(|post| {
            let mut shown = post.body.clone();
            shown["id"] = json!(post.urn);
            for key in ["createdAt", "publishedAt", "lastModifiedAt"] {
                shown[key] = json!(post.at.timestamp_millis());
            }
            shown
        })))
    }

    fn edit(&mut self, request: &Incoming, urn: &str, who: &Who) -> Result<Reply, Reply> {
        let missing = || check::refuse(404, "NOT_FOUND", "Could not find entity");
        let post = self.posts.iter_mut().find(|post| post.urn == urn).ok_or_else(missing)?;
        who.may_write(post.body["author"].as_str().unwrap_or_default(), "partnerApiPostsExternal.PARTIAL_UPDATE.20260901")?;
        let body = request.json();
        let set = body.pointer("/patch/$set").and_then(Value::as_object);
        let set = set.ok_or_else(|| check::refuse(400, "MISSING_FIELD", "Missing patch"))?;
        if let Some(key) = set.keys().find(|key| !["commentary", "contentCallToActionLabel"].contains(&key.as_str())) {
            return Err(check::refuse(422, "FIELD_NOT_EDITABLE", &format!("/{key} :: field cannot be updated")));
        }
        let commentary = set.get("commentary").and_then(Value::as_str).unwrap_or_default();
        check::length("/commentary", commentary, 3000)?;
        post.body["commentary"] = json!(commentary);
        Ok(Reply::empty(204))
    }

    fn delete(&mut self, urn: &str, who: &Who) -> Result<Reply, Reply> {
        if !urn.starts_with("urn:li:share:") && !urn.starts_with("urn:li:ugcPost:") {
            return Err(check::refuse(400, "INVALID_URN_TYPE", "Invalid urn type"));
        }
        // a post that is gone already is gone
        if let Some(post) = self.posts.iter().find(|post| post.urn == urn) {
            who.may_write(post.body["author"].as_str().unwrap_or_default(), "partnerApiPostsExternal.DELETE.20260901")?;
        }
        self.posts.retain(|post| post.urn != urn);
        self.comments.retain(|comment| comment.object != urn);
        Ok(Reply::empty(204))
    }

    fn comment(&mut self, request: &Incoming, urn: &str, who: &Who) -> Result<Reply, Reply> {
        let body = request.json();
        check::known(&body, &["actor", "object", "message", "content", "parentComment"], "")?;
        let actor = body["actor"].as_str().unwrap_or_default().to_string();
        who.may_write(&actor, "partnerApiSocialActions.CREATE.20260901")?;
        if actor.starts_with("urn:li:organization:") && !who.has("w_organization_social_feed") {
            return Err(check::denied("partnerApiSocialActions.CREATE.20260901"));
        }
        if body["object"] != *urn || !self.posts.iter().any(|post| post.urn == urn) {
            return Err(check::refuse(404, "NOT_FOUND", "Could not find the object of the comment"));
        }
        let text = body.pointer("/message/text").and_then(Value::as_str).unwrap_or_default().to_string();
        check::length("/message/text", &text, 1250)?;
        if text.trim().is_empty() {
            return Err(check::refuse(400, "MISSING_FIELD", "/message/text :: field is required but not found"));
        }
        let id = self.id().to_string();
        let number = urn.rsplit(':').next().unwrap_or_default();
        let comment = Comment {
            urn: format!("urn:li:comment:(urn:li:activity:{number},{id})"),
            object: urn.to_string(),
            at: Utc::now(),
            id,
            actor,
            text,
        };
        let shown = comment.json();
        let reply = Reply::json(201, &shown).header("x-restli-id", &comment.id);
        self.comments.push(comment);
        Ok(reply)
    }

    fn comments(&self, request: &Incoming, urn: &str, who: &Who) -> Result<Reply, Reply> {
        let post = self.posts.iter().find(|post| post.urn == urn);
        let page = post.is_some_and(|post| post.body["author"].as_str().is_some_and(|author| author.contains(":organization:")));
        if !who.has(if page { "r_organization_social_feed" } else { "r_member_social_feed" }) {
            return Err(check::denied("partnerApiSocialActions.GET_ALL.20260901"));
        }
        Ok(paged(request, self.comments.iter().filter(|comment| comment.object == urn).map(Comment::json)))
    }

    fn change_comment(&mut self, request: &Incoming, urn: &str, id: &str, who: &Who) -> Result<Reply, Reply> {
        let missing = || check::refuse(404, "NOT_FOUND", "Could not find comment");
        let at = self.comments.iter().position(|comment| comment.object == urn && comment.id == id).ok_or_else(missing)?;
        let actor = request.query("actor").unwrap_or_default();
        who.may_write(actor, "partnerApiSocialActions.UPDATE.20260901")?;
        if self.comments[at].actor != actor {
            return Err(check::denied("partnerApiSocialActions.UPDATE.20260901"));
        }
        if request.method == "DELETE" {
            self.comments.remove(at);
            return Ok(Reply::empty(204));
        }
        let body = request.json();
        let text = body.pointer("/patch/message/$set/text").and_then(Value::as_str);
        let text = text.ok_or_else(|| check::refuse(400, "MISSING_FIELD", "Missing patch"))?;
        check::length("/message/text", text, 1250)?;
        self.comments[at].text = text.to_string();
        Ok(Reply::json(200, &self.comments[at].json()))
    }

    fn seen(&self, post: &Post) -> Seen {
        let body = &post.body;
        let mut extra = json!({"visibility": body["visibility"]});
        for (key, path) in [("article", "/content/article"), ("poll", "/content/poll"), ("reshares", "/reshareContext/parent"), ("title", "/content/media/title")] {
            if let Some(value) = body.pointer(path) {
                extra[key] = value.clone();
            }
        }
        Seen {
            id: post.urn.clone(),
            account: body["author"].as_str().unwrap_or_default().to_string(),
            title: None,
            text: check::read(body["commentary"].as_str().unwrap_or_default()),
            url: Some(format!("https://{SITE}/feed/update/{}/", post.urn)),
            reply_to: None,
            media: self.assets.shown(body),
            at: Utc.timestamp_millis_opt(post.at.timestamp_millis()).single().unwrap_or(post.at),
            extra,
        }
    }
}

impl Comment {
    fn json(&self) -> Value {
        let activity = self.urn.trim_start_matches("urn:li:comment:(").split(',').next().unwrap_or_default();
        json!({
            "id": self.id, "commentUrn": self.urn, "actor": self.actor, "object": activity,
            "message": {"text": self.text, "attributes": []},
            "created": {"actor": self.actor, "time": self.at.timestamp_millis()},
            "lastModified": {"actor": self.actor, "time": self.at.timestamp_millis()},
            "likesSummary": {"totalLikes": 0},
        })
    }
}

/// One page of a list.
fn paged(request: &Incoming, all: impl Iterator<Item = Value>) -> Reply {
    let number = |key: &str, otherwise: usize| request.query(key).and_then(|n| n.parse().ok()).unwrap_or(otherwise);
    let (start, count) = (number("start", 0), number("count", 10).min(100));
    let elements: Vec<Value> = all.skip(start).take(count).collect();
    Reply::json(200, &json!({"elements": elements, "paging": {"start": start, "count": count, "links": []}}))
}

fn acls(request: &Incoming, who: &Who) -> Result<Reply, Reply> {
    if !who.has("rw_organization_admin") {
        return Err(check::denied("organizationAcls.FINDER-roleAssignee.20260901"));
    }
    if request.query("q") != Some("roleAssignee") {
        return Err(check::refuse(400, "PARAM_INVALID", "Invalid query parameters passed to request"));
    }
    let roles = [OWNED, WRITTEN, READ].map(|first| first + who.n as u64).map(|id| {
        json!({
            "role": who.role(id), "state": "APPROVED", "roleAssignee": person(who.n),
            "organization": format!("urn:li:organization:{id}"),
        })
    });
    Ok(paged(request, roles.into_iter()))
}

fn page(id: &str, who: &Who) -> Result<Reply, Reply> {
    let number = id.parse::<u64>().ok();
    let role = number.and_then(|id| who.role(id));
    if !who.has("rw_organization_admin") || role.is_none() {
        return Err(check::denied("organizations.GET.20260901"));
    }
    let kind = match number {
        Some(n) if n >= READ => "Reef News",
        Some(n) if n >= WRITTEN => "Tide Tables",
        _ => "Crab Works",
    };
    let name = format!("{kind} {}", who.n);
    let vanity = name.to_lowercase().replace(' ', "-");
    Ok(Reply::json(200, &json!({"id": number, "localizedName": name, "vanityName": vanity, "primaryOrganizationType": "NONE"})))
}
