//! A small VK: communities with keys, users with tokens, walls with posts that wait, and refusals inside of answers that say 200.
//!
//! For each `n` there is a community [`group`], its key [`community_key`], and a user who edits it ([`user_token`]); user `n` edits
//! community `n` and no other. [`VK_ID`] is a token of the kind that cannot post.

use std::collections::BTreeMap;

use chrono::Utc;
use serde_json::{Value, json};

use super::api::RIGHTS;
use super::twin_media::Media;
use super::twin_oauth::OAuth;
use crate::twin::{Incoming, Reply, Seen, Twin};

const GROUP: i64 = 200_000_000;
const USER: i64 = 7_000_000;
/// A token of a VK ID login.
pub(super) const VK_ID: &str = "vk2.a.twin-of-a-login-that-cannot-post";
/// Posts of one wall in one day.
const A_DAY: usize = 50;
/// The twin's own limit; the real one is not published.
const LONGEST: usize = 16_000;
/// A key is remembered so long.
const GUID_SECONDS: i64 = 3600;

/// The number of community `n`.
pub(super) fn group(n: usize) -> i64 {
    GROUP + n as i64
}

/// The key of community `n`.
pub(super) fn community_key(n: usize) -> String {
    format!("vk1.a.twin-community-key-{n:012}")
}

/// The token of user `n`.
pub(super) fn user_token(n: usize) -> String {
    format!("vk1.a.twin-user-token-{n:012}")
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    Community(i64),
    /// With the bits of his rights.
    User(i64, u64),
    VkId,
}

/// The state.
#[derive(Debug, Default)]
pub(super) struct Vk {
    pub(super) media: Media,
    pub(super) oauth: OAuth,
    posts: Vec<Post>,
    last_id: i64,
    guids: BTreeMap<String, (i64, i64)>,
}

/// A post, or a comment below one.
#[derive(Debug, Clone)]
struct Post {
    id: i64,
    owner: i64,
    from: i64,
    /// The post that it is a comment of.
    under: Option<i64>,
    text: String,
    attachments: Vec<String>,
    date: i64,
    /// When it is shown, where it waits.
    waits: Option<i64>,
    extra: BTreeMap<String, String>,
}

pub(super) type Refused = Box<Reply>;
pub(super) type Done = Result<Value, Refused>;

/// VK's refusal: 200.
pub(super) fn error(code: i64, message: &str) -> Refused {
    let params = json!([{"key": "v", "value": super::api::VERSION}]);
    Box::new(Reply::json(200, &json!({"error": {"error_code": code, "error_msg": message, "request_params": params}})))
}

pub(super) fn parameter(what: &str) -> Refused {
    error(100, &format!("One of the parameters specified was missing or invalid: {what}"))
}

fn group_auth() -> Refused {
    error(27, "Group authorization failed: method is unavailable with group auth.")
}

/// The parameters of a call.
pub(super) struct Params(pub(super) BTreeMap<String, String>);

impl Params {
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub fn number(&self, name: &str) -> Result<Option<i64>, Refused> {
        match self.text(name) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| parameter(&format!("{name} should be an integer"))),
        }
    }

    pub fn flag(&self, name: &str) -> Result<bool, Refused> {
        match self.text(name) {
            "" | "0" => Ok(false),
            "1" => Ok(true),
            _ => Err(parameter(&format!("{name} should be 0 or 1"))),
        }
    }
}

impl Twin for Vk {
    fn hosts(&self) -> Vec<String> {
        ["api.vk.com", "oauth.vk.com", "pu.vk.com"].map(str::to_string).into()
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        match request.host.as_str() {
            "oauth.vk.com" => return self.oauth.answer(request),
            "pu.vk.com" => return self.media.upload(request),
            _ => {}
        }
        let segments = request.segments();
        let ["method", method] = segments.as_slice() else { return Reply::html(404, "<h1>404 Not Found</h1>") };
        match self.call(method, request) {
            Ok(response) => Reply::json(200, &json!({"response": response})),
            Err(refused) => *refused,
        }
    }

    fn limited(&self, seconds: u64) -> Reply {
        // VK itself names no time; what stands before it may
        error(6, "Too many requests per second").header("retry-after", seconds.to_string())
    }

    fn expired(&self) -> Reply {
        *error(5, "User authorization failed: access_token has expired.")
    }

    fn timeline(&self) -> Vec<Seen> {
        self.posts.iter().map(|post| self.seen(post)).collect()
    }
}

impl Vk {
    fn call(&mut self, method: &str, request: &Incoming) -> Done {
        let mut params: BTreeMap<String, String> = request.query.iter().cloned().collect();
        if request.method == "POST" {
            params.extend(request.form());
        }
        let params = Params(params);
        if params.text("v").is_empty() {
            return Err(error(8, "Invalid request: v (version) is required"));
        }
        let token = request.bearer().unwrap_or(params.text("access_token"));
        if token.is_empty() {
            return Err(error(5, "User authorization failed: no access_token passed."));
        }
        let who = self.who(token).ok_or_else(|| error(5, "User authorization failed: invalid access_token (4)."))?;
        if request.method != "POST" && !method.contains(".get") {
            // the real one takes it; a client that sends a write where a proxy may repeat it is wrong
            return Err(error(8, "Invalid request: this call writes, POST it"));
        }
        match (method, &who) {
            ("groups.getTokenPermissions", Who::Community(_)) => Ok(permissions()),
            ("groups.getTokenPermissions", _) => Err(error(15, "Access denied: group token is required")),
            ("users.get", Who::User(id, _)) => Ok(json!([user(*id)])),
            ("users.get", Who::VkId) => Ok(json!([user(USER)])),
            ("users.get", Who::Community(_)) => Ok(json!([])),
            ("account.getAppPermissions", Who::User(_, mask)) => Ok(json!(mask)),
            ("groups.getById", _) => groups(&who, &params),
            ("groups.get", Who::User(id, _)) => {
                Ok(json!({"count": 1, "items": [community(*id - USER + GROUP, Some(*id))]}))
            }
            ("wall.post", _) => self.post(&who, &params),
            ("wall.createComment", _) => self.comment(&who, &params),
            ("docs.getWallUploadServer" | "docs.save", Who::Community(_)) => self.media.call(method, &who, &params),
            (_, Who::Community(_)) => Err(group_auth()),
            (_, Who::VkId) => Err(profile_type()),
            ("wall.get", Who::User(..)) => self.list(&params),
            ("wall.getById", Who::User(..)) => Ok(json!({"items": self.by_id(params.text("posts"))})),
            ("wall.getComments" | "wall.getComment", Who::User(..)) => self.comments(method, &params),
            ("wall.edit" | "wall.editComment", Who::User(id, _)) => self.edit(method, *id, &params),
            ("wall.delete" | "wall.deleteComment", Who::User(id, _)) => self.delete(method, *id, &params),
            ("photos.getWallUploadServer" | "photos.saveWallPhoto" | "docs.getWallUploadServer" | "docs.save" | "video.save" | "polls.create", _) => {
                self.media.call(method, &who, &params)
            }
            _ => Err(error(3, "Unknown method passed")),
        }
    }

    fn who(&self, token: &str) -> Option<Who> {
        let n = |prefix: &str| token.strip_prefix(prefix)?.parse::<i64>().ok();
        let all = RIGHTS.iter().fold(0, |mask, (bit, _)| mask | bit);
        match (n("vk1.a.twin-community-key-"), n("vk1.a.twin-user-token-")) {
            (Some(n), _) => Some(Who::Community(GROUP + n)),
            (_, Some(n)) => Some(Who::User(USER + n, all)),
            _ if token == VK_ID => Some(Who::VkId),
            _ => self.oauth.rights(token).map(|mask| Who::User(USER, mask)),
        }
    }

    fn post(&mut self, who: &Who, params: &Params) -> Done {
        if *who == Who::VkId {
            return Err(profile_type());
        }
        let owner = params.number("owner_id")?.unwrap_or(if let Who::User(id, _) = who { *id } else { 0 });
        right(who, "wall")?;
        let denied = || error(214, "Access to adding post denied: access denied");
        let from = match who {
            Who::Community(group) if owner == -group => owner,
            Who::User(id, _) if owner == *id => owner,
            Who::User(id, _) if edits(*id, owner) => {
                if params.flag("from_group")? { owner } else { *id }
            }
            _ => return Err(denied()),
        };
        if params.flag("signed")? && (owner > 0 || from != owner || matches!(who, Who::Community(_))) {
            return Err(parameter("signed is only for posts of a user from a community"));
        }
        if params.flag("friends_only")? && owner < 0 {
            return Err(parameter("friends_only is not for communities"));
        }
        let attachments = self.attached(params)?;
        let text = message(params, &attachments)?;
        if attachments.iter().all(|one| one.starts_with("poll")) && text.is_empty() {
            return Err(parameter("post is empty, a poll needs a text or media"));
        }
        let now = Utc::now().timestamp();
        let waits = params.number("publish_date")?;
        if waits.is_some_and(|at| at <= now || at > now + 366 * 86_400) {
            return Err(parameter("publish_date must be in the future"));
        }
        place(params)?;
        if let source @ ("ftp" | "mailto") = params.text("copyright").split(':').next().unwrap_or_default() {
            return Err(error(3102, &format!("Specified link is incorrect (can't find source): {source}")));
        }
        let guid = params.text("guid");
        if let Some((id, at)) = self.guids.get(&format!("{owner} {guid}")).filter(|_| !guid.is_empty())
            && now - at < GUID_SECONDS
        {
            return Ok(json!({"post_id": id}));
        }
        let on_wall = |post: &&Post| post.owner == owner && post.under.is_none();
        if waits.is_some_and(|at| self.posts.iter().filter(on_wall).any(|post| post.waits == Some(at))) {
            return Err(error(214, "Access to adding post denied: a post is already scheduled for this time"));
        }
        if self.posts.iter().filter(on_wall).filter(|post| now - post.date < 86_400).count() >= A_DAY {
            return Err(error(214, "Access to adding post denied: you can only add 50 posts a day"));
        }
        let kept = ["signed", "close_comments", "mute_notifications", "mark_as_ads", "friends_only", "copyright", "lat", "long", "donut_paid_duration"];
        let extra = kept.iter().filter(|name| !params.text(name).is_empty());
        let extra = extra.map(|name| ((*name).to_string(), params.text(name).to_string())).collect();
        let id = self.keep(Post { id: 0, owner, from, under: None, text, attachments, date: now, waits, extra }, guid);
        Ok(json!({"post_id": id}))
    }

    fn comment(&mut self, who: &Who, params: &Params) -> Done {
        let owner = params.number("owner_id")?.unwrap_or_default();
        let under = params.number("post_id")?.ok_or_else(|| parameter("post_id is undefined"))?;
        right(who, "wall")?;
        let there = self.posts.iter().find(|post| post.owner == owner && post.id == under && post.under.is_none());
        let there = there.ok_or_else(|| error(100, "One of the parameters specified was missing or invalid: post not found"))?;
        if there.extra.get("close_comments").is_some_and(|closed| closed == "1") || there.waits.is_some() {
            return Err(error(213, "Access to status replies denied: comments are closed"));
        }
        let group = params.number("from_group")?.unwrap_or_default();
        let from = match who {
            Who::Community(own) if group == *own => -own,
            Who::User(id, _) if group != 0 && edits(*id, -group) => -group,
            Who::User(id, _) if group == 0 => *id,
            Who::VkId => return Err(profile_type()),
            _ => return Err(error(15, "Access denied: you cannot comment as this community")),
        };
        let attachments = self.attached(params)?;
        let text = message(params, &attachments)?;
        let guid = params.text("guid");
        if let Some((id, _)) = self.guids.get(&format!("{owner} {guid}")).filter(|_| !guid.is_empty()) {
            return Ok(json!({"comment_id": id, "parents_stack": []}));
        }
        let date = Utc::now().timestamp();
        let post = Post { id: 0, owner, from, under: Some(under), text, attachments, date, waits: None, extra: BTreeMap::new() };
        let id = self.keep(post, guid);
        Ok(json!({"comment_id": id, "parents_stack": []}))
    }

    fn keep(&mut self, post: Post, guid: &str) -> i64 {
        self.last_id += 1;
        if !guid.is_empty() {
            self.guids.insert(format!("{} {guid}", post.owner), (self.last_id, post.date));
        }
        self.posts.push(Post { id: self.last_id, ..post });
        self.last_id
    }

    /// The attachments of a call, each of which must be there.
    fn attached(&self, params: &Params) -> Result<Vec<String>, Refused> {
        let all: Vec<String> = params.text("attachments").split(',').map(str::to_string).filter(|one| !one.is_empty()).collect();
        let of = |kinds: &[&str]| all.iter().filter(|one| kinds.iter().any(|kind| one.starts_with(kind))).count();
        if of(&["http"]) > 1 {
            return Err(parameter("attachments: only one link is allowed"));
        }
        if of(&["photo", "video"]) > 10 || of(&["doc"]) > 1 || of(&["poll"]) > 1 {
            return Err(parameter("attachments: too many"));
        }
        match all.iter().find(|one| !one.starts_with("http") && !one.starts_with("wall") && self.media.seen(one).is_none()) {
            Some(unknown) => Err(parameter(&format!("attachments: {unknown} not found"))),
            None => Ok(all),
        }
    }

    fn list(&self, params: &Params) -> Done {
        let owner = params.number("owner_id")?.unwrap_or_default();
        let count = params.number("count")?.unwrap_or(20).clamp(0, 100) as usize;
        let offset = params.number("offset")?.unwrap_or_default().max(0) as usize;
        let wait = match params.text("filter") {
            "postponed" => true,
            "" | "all" | "owner" | "others" => false,
            _ => return Err(parameter("filter")),
        };
        let all: Vec<&Post> = self.posts.iter().rev().filter(|post| post.owner == owner && post.under.is_none()).collect();
        let all: Vec<&Post> = all.into_iter().filter(|post| post.waits.is_some() == wait).collect();
        let items: Vec<Value> = all.iter().skip(offset).take(count).map(|post| self.shown(post)).collect();
        Ok(json!({"count": all.len(), "items": items}))
    }

    fn comments(&self, method: &str, params: &Params) -> Done {
        let owner = params.number("owner_id")?.unwrap_or_default();
        let one = params.number("comment_id")?;
        let under = params.number("post_id")?;
        let mut all: Vec<&Post> = self.posts.iter().filter(|post| post.owner == owner && post.under.is_some()).collect();
        if method == "wall.getComment" {
            all.retain(|post| Some(post.id) == one);
            if all.is_empty() {
                return Err(error(104, "Not found: comment not found"));
            }
        } else {
            all.retain(|post| post.under == under);
        }
        if params.text("sort") == "desc" {
            all.reverse();
        }
        let items: Vec<Value> = all.iter().map(|post| self.shown(post)).collect();
        Ok(json!({"count": items.len(), "items": items}))
    }

    fn by_id(&self, posts: &str) -> Vec<Value> {
        let wanted: Vec<&str> = posts.split(',').collect();
        let there = self.posts.iter().filter(|post| post.under.is_none());
        let there = there.filter(|post| wanted.contains(&format!("{}_{}", post.owner, post.id).as_str()));
        there.map(|post| self.shown(post)).collect()
    }

    fn edit(&mut self, method: &str, user: i64, params: &Params) -> Done {
        let owner = params.number("owner_id")?.unwrap_or(user);
        let comment = method == "wall.editComment";
        let id = params.number(if comment { "comment_id" } else { "post_id" })?;
        let attachments = self.attached(params)?;
        let text = message(params, &attachments)?;
        place(params)?;
        if owner != user && !edits(user, owner) {
            return Err(error(15, "Access denied"));
        }
        let post = self.posts.iter_mut().find(|post| post.owner == owner && Some(post.id) == id && post.under.is_some() == comment);
        let post = post.ok_or_else(|| error(15, "Access denied: post not found"))?;
        (post.text, post.attachments) = (text, attachments);
        if let Some(at) = params.number("publish_date")? {
            match post.waits {
                Some(_) => post.waits = Some(at),
                None => return Err(parameter("publish_date: the post is published")),
            }
        }
        Ok(if comment { json!(1) } else { json!({"post_id": post.id}) })
    }

    fn delete(&mut self, method: &str, user: i64, params: &Params) -> Done {
        let owner = params.number("owner_id")?.unwrap_or(user);
        let comment = method == "wall.deleteComment";
        let id = params.number(if comment { "comment_id" } else { "post_id" })?;
        if owner != user && !edits(user, owner) {
            return Err(error(15, "Access denied"));
        }
        let before = self.posts.len();
        let hit = |post: &Post| post.owner == owner && Some(post.id) == id && post.under.is_some() == comment;
        self.posts.retain(|post| !hit(post) && (comment || post.owner != owner || post.under != id));
        if self.posts.len() == before { Err(error(104, "Not found")) } else { Ok(json!(1)) }
    }

    /// As the API shows it.
    fn shown(&self, post: &Post) -> Value {
        let attachments: Vec<Value> = post
            .attachments
            .iter()
            .map(|one| {
                let kind = one.split(|c: char| c == '-' || c == ':' || c.is_ascii_digit()).next().unwrap_or_default();
                let kind = if kind.starts_with("http") { "link" } else { kind };
                json!({"type": kind, kind: {}})
            })
            .collect();
        json!({
            "id": post.id, "owner_id": post.owner, "from_id": post.from, "date": post.waits.unwrap_or(post.date), "text": post.text,
            "attachments": attachments, "post_type": if post.waits.is_some() { "postpone" } else { "post" },
        })
    }

    fn seen(&self, post: &Post) -> Seen {
        let url = match post.under {
            Some(under) => format!("https://vk.com/wall{}_{under}?reply={}", post.owner, post.id),
            None => format!("https://vk.com/wall{}_{}", post.owner, post.id),
        };
        let mut extra = json!(post.extra);
        extra["attachments"] = json!(post.attachments);
        if let Some(at) = post.waits {
            extra["publish_date"] = json!(at);
        }
        Seen {
            id: format!("{}_{}", post.owner, post.id),
            account: if post.from < 0 { format!("club{}", -post.from) } else { format!("id{}", post.from) },
            title: None,
            text: post.text.clone(),
            url: Some(url),
            reply_to: post.under.map(|under| format!("{}_{under}", post.owner)),
            media: post.attachments.iter().filter_map(|one| self.media.seen(one)).filter(|one| !one.mime.is_empty()).collect(),
            at: chrono::DateTime::from_timestamp(post.date, 0).unwrap_or_default(),
            extra,
        }
    }
}

fn profile_type() -> Refused {
    error(1051, "Method is not available for this profile type: method is unavailable with current profile type")
}

/// Whether a token has a right; a community's key has those of [`permissions`].
pub(super) fn right(who: &Who, name: &str) -> Result<(), Refused> {
    let bit = RIGHTS.iter().find(|(_, right)| *right == name).map_or(0, |(bit, _)| *bit);
    match who {
        Who::User(_, mask) if mask & bit == 0 => Err(error(15, "Access denied: no access to call this method")),
        _ => Ok(()),
    }
}

/// Whether a user edits the community of this wall.
pub(super) fn edits(user: i64, owner: i64) -> bool {
    -owner - GROUP == user - USER
}

fn message(params: &Params, attachments: &[String]) -> Result<String, Refused> {
    let text = params.text("message").trim();
    if text.is_empty() && attachments.is_empty() {
        return Err(parameter("post is empty, no attachments or message"));
    }
    if text.encode_utf16().count() > LONGEST {
        return Err(parameter("message is too long"));
    }
    Ok(text.to_string())
}

fn place(params: &Params) -> Result<(), Refused> {
    let degrees = |name: &str, most: f64| match params.text(name) {
        "" => Ok(None),
        text => match text.parse::<f64>() {
            Ok(value) if value.abs() <= most => Ok(Some(value)),
            _ => Err(parameter(&format!("{name} should be between -{most} and {most}"))),
        },
    };
    match (degrees("lat", 90.0)?, degrees("long", 180.0)?) {
        (Some(_), None) | (None, Some(_)) => Err(parameter("lat and long go together")),
        _ => Ok(()),
    }
}

fn permissions() -> Value {
    let all = [("stories", 1), ("photos", 4), ("messages", 4096), ("wall", 8192), ("docs", 131_072), ("manage", 262_144)];
    let list: Vec<Value> = all.iter().map(|(name, bit)| json!({"name": name, "setting": bit})).collect();
    json!({"mask": all.iter().map(|(_, bit)| bit).sum::<i64>(), "permissions": list})
}

fn user(id: i64) -> Value {
    json!({"id": id, "first_name": "Ann", "last_name": "Twin", "screen_name": format!("ann_twin_{}", id - USER), "can_access_closed": true, "is_closed": false})
}

/// A community as it is shown to a user, or to itself.
fn community(id: i64, to: Option<i64>) -> Value {
    let mut shown = json!({"id": id, "name": format!("Twin {}", id - GROUP), "screen_name": format!("xpost_twin_{}", id - GROUP), "is_closed": 0, "type": "page"});
    if let Some(user) = to {
        let own = edits(user, -id);
        shown["is_admin"] = json!(u8::from(own));
        shown["is_member"] = json!(u8::from(own));
        if own {
            shown["admin_level"] = json!(3);
        }
    }
    shown
}

fn groups(who: &Who, params: &Params) -> Done {
    let wanted = params.text("group_id");
    let id = match (wanted, who) {
        ("", Who::Community(own)) => *own,
        ("", _) => return Err(parameter("group_ids is undefined")),
        (text, _) => {
            let named = text.strip_prefix("xpost_twin_").and_then(|n| n.parse::<i64>().ok()).map(|n| GROUP + n);
            let id = named.or(text.parse().ok()).filter(|id| (GROUP..GROUP + 1000).contains(id));
            id.ok_or_else(|| parameter("group_id is invalid"))?
        }
    };
    let to = if let Who::User(user, _) = who { Some(*user) } else { None };
    Ok(json!({"groups": [community(id, to)], "profiles": []}))
}
