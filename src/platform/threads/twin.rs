//! A stand-in for Threads: containers with their states, posts and replies with their quotas, places, deletes, and the login.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use unicode_segmentation::UnicodeSegmentation;

use crate::platform::container_twin::{
    Container, Fields, OAuth, Refusal, Words, fetch, fields, list, missing, refuse, stamp,
};
use crate::platform::{TwinAccount, graph};
use crate::twin::{Incoming, Reply, Seen, SeenMedia, Twin};

const HOSTS: [&str; 2] = ["graph.threads.net", "threads.net"];
/// Tokens are this and the account's number.
const TOKEN: &str = "THAA-twin-token-";
const FIRST: u64 = 18_040_000_000_000_000;
/// How much a profile may do in 24 hours.
const POSTS: usize = 250;
const REPLIES: usize = 1000;
const DELETES: usize = 100;

pub(super) const WORDS: Words = Words {
    grant: "th",
    token: "THAA-twin-given-",
    scopes: &[
        "threads_basic",
        "threads_content_publish",
        "threads_manage_replies",
        "threads_read_replies",
        "threads_delete",
        "threads_location_tagging",
    ],
    wrapped: false,
    user: 9_000_000_000_000_000,
};

/// The account number `n` of the twin.
pub fn account(n: usize) -> TwinAccount {
    TwinAccount {
        server: format!("https://{}", HOSTS[0]),
        settings: json!({}),
        secrets: BTreeMap::from([("token".to_string(), SecretString::from(format!("{TOKEN}{n}")))]),
    }
}

#[derive(Debug, Clone)]
struct Post {
    id: String,
    owner: usize,
    fields: Fields,
    media: Vec<SeenMedia>,
    at: DateTime<Utc>,
    /// Part of a carousel is nothing that is listed.
    reply_to: Option<String>,
}

impl Post {
    fn text(&self) -> &str {
        self.fields.get("text").map(String::as_str).unwrap_or_default()
    }

    fn url(&self) -> String {
        format!("https://www.threads.com/@{}/post/T{}", handle(self.owner), self.id)
    }
}

/// The network's state.
#[derive(Debug)]
pub struct ThreadsTwin {
    containers: Vec<Container>,
    posts: Vec<Post>,
    /// When posts and replies were shown, and posts deleted, whatever became of them.
    shown: Vec<(usize, bool, DateTime<Utc>)>,
    deleted: Vec<(usize, DateTime<Utc>)>,
    made: u64,
    /// A film says so often that it is at work.
    pub film: u32,
    pub oauth: OAuth,
}

impl Default for ThreadsTwin {
    fn default() -> ThreadsTwin {
        ThreadsTwin {
            containers: Vec::new(),
            posts: Vec::new(),
            shown: Vec::new(),
            deleted: Vec::new(),
            made: 0,
            film: 1,
            oauth: OAuth::new(WORDS),
        }
    }
}

impl Twin for ThreadsTwin {
    fn hosts(&self) -> Vec<String> {
        HOSTS.map(str::to_string).into()
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        self.route(request).unwrap_or_else(|refusal| *refusal)
    }

    fn limited(&self, seconds: u64) -> Reply {
        graph::limited("9000000000000000", "threads", seconds)
    }

    fn expired(&self) -> Reply {
        graph::expired()
    }

    fn timeline(&self) -> Vec<Seen> {
        self.posts
            .iter()
            .map(|post| Seen {
                id: post.id.clone(),
                account: handle(post.owner),
                title: None,
                text: post.text().to_string(),
                url: Some(post.url()),
                reply_to: post.reply_to.clone(),
                media: post.media.clone(),
                at: post.at,
                extra: {
                    let told = ["text", "media_type", "image_url", "video_url", "alt_text", "children", "reply_to_id"];
                    let rest = post.fields.iter().filter(|(name, _)| !told.contains(&name.as_str()));
                    Value::Object(rest.map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>())
                },
            })
            .collect()
    }
}

fn handle(n: usize) -> String {
    format!("xpost_twin_{n}")
}

fn invalid(message: &str) -> Refusal {
    refuse(400, 100, 0, &format!("Invalid parameter: {message}"))
}

/// As Threads counts: an emoji by its bytes, everything else by characters.
fn length(text: &str) -> usize {
    let emoji = |c: char| matches!(u32::from(c), 0x1f000..=0x1faff | 0x2600..=0x27bf | 0x2b00..=0x2bff | 0xfe0f | 0x20e3);
    text.graphemes(true)
        .map(|cluster| if cluster.chars().any(emoji) { cluster.len() } else { cluster.chars().count() })
        .sum()
}

/// The different addresses of a post.
fn links(text: &str, attached: Option<&String>) -> usize {
    let words = text.split_whitespace().filter(|word| word.starts_with("https://") || word.starts_with("http://"));
    let mut all: Vec<&str> = words.map(|word| word.trim_end_matches(['.', ',', ')', '!', '?'])).collect();
    all.extend(attached.map(String::as_str));
    all.sort_unstable();
    all.dedup();
    all.len()
}

impl ThreadsTwin {
    /// Makes every container older.
    #[cfg(test)]
    pub fn age(&mut self, by: TimeDelta) {
        for container in &mut self.containers {
            container.made -= by;
        }
    }

    fn route(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let path = request.segments();
        if request.host == HOSTS[1] {
            return match (request.method.as_str(), path.as_slice()) {
                ("GET", ["oauth", "authorize"]) => self.oauth.authorize(request),
                _ => Err(Box::new(Reply::html(404, "<title>Page not found</title>"))),
            };
        }
        match (request.method.as_str(), path.as_slice()) {
            ("POST", ["oauth", "access_token"]) => return self.oauth.token(request),
            ("GET", ["access_token" | "refresh_access_token"]) => return self.oauth.exchange(request),
            _ => {}
        }
        let ["v1.0", rest @ ..] = path.as_slice() else {
            return Err(refuse(400, 2500, 0, "Unknown path components"));
        };
        let (basic, publish) = ("threads_basic", "threads_content_publish");
        let fields = fields(request);
        let ok = |value: Value| Ok(Reply::json(200, &value));
        match (request.method.as_str(), rest) {
            ("GET", ["me"]) => {
                let n = self.authorized(request, basic)?;
                ok(json!({"id": (WORDS.user + n as u64).to_string(), "username": handle(n)}))
            }
            ("POST", ["me", "threads"]) => {
                let n = self.authorized(request, publish)?;
                let id = self.container(n, fields)?;
                ok(json!({ "id": id }))
            }
            ("POST", ["me", "threads_publish"]) => {
                let n = self.authorized(request, publish)?;
                let id = self.publish(n, &fields)?;
                ok(json!({ "id": id }))
            }
            ("GET", ["me", "threads_publishing_limit"]) => {
                let n = self.authorized(request, basic)?;
                let quota = |total: usize| json!({"quota_total": total, "quota_duration": 86_400});
                ok(json!({"data": [{
                    "quota_usage": self.used(n, false), "config": quota(POSTS),
                    "reply_quota_usage": self.used(n, true), "reply_config": quota(REPLIES),
                }]}))
            }
            ("GET", ["me", "threads"]) => {
                let n = self.authorized(request, basic)?;
                ok(self.page(n, false, &fields))
            }
            ("GET", ["me", "replies"]) => {
                let n = self.authorized(request, "threads_read_replies")?;
                ok(self.page(n, true, &fields))
            }
            ("GET", ["location_search"]) => {
                self.authorized(request, "threads_location_tagging")?;
                let (name, lat) = (fields.get("q"), fields.get("latitude"));
                if name.is_none() && (lat.is_none() || !fields.contains_key("longitude")) {
                    return Err(invalid("either q, or latitude and longitude"));
                }
                let nowhere = name.is_some_and(|name| name.contains("Nowhere"));
                let place = json!({"id": "106078429431815", "name": name.map_or("Here", String::as_str)});
                ok(json!({"data": if nowhere { json!([]) } else { json!([place]) }}))
            }
            ("GET", [id]) => {
                let n = self.authorized(request, basic)?;
                if let Some(container) = self.containers.iter_mut().find(|one| one.id == *id && one.owner == n) {
                    let mut said = json!({"status": container.look(), "id": id});
                    if let Some(why) = container.failed.filter(|_| said["status"] == "ERROR") {
                        said["error_message"] = json!(why);
                    }
                    return ok(said);
                }
                let post = self.posts.iter().find(|post| post.id == *id && post.owner == n).ok_or_else(|| missing(id))?;
                ok(shown(post))
            }
            ("DELETE", [id]) => {
                let n = self.authorized(request, "threads_delete")?;
                let at = self.posts.iter().position(|post| post.id == *id && post.owner == n).ok_or_else(|| missing(id))?;
                let day = Utc::now() - TimeDelta::hours(24);
                if self.deleted.iter().filter(|(owner, at)| *owner == n && *at > day).count() >= DELETES {
                    return Err(refuse(400, 9, 2_207_042, "You've reached the limit of deletes for today."));
                }
                self.deleted.push((n, Utc::now()));
                self.posts.remove(at);
                ok(json!({"success": true, "deleted_id": id}))
            }
            _ => Err(refuse(400, 2500, 0, "Unknown path components")),
        }
    }

    /// Whose token it is: the fixed ones may do everything, those that the login gave out are account 0's and need the permission.
    fn authorized(&self, request: &Incoming, scope: &str) -> Result<usize, Refusal> {
        let token = request.query("access_token").unwrap_or_default();
        if token.is_empty() {
            return Err(refuse(400, 104, 0, "An access token is required to request this resource."));
        }
        if let Some(n) = token.strip_prefix(TOKEN).and_then(|n| n.parse().ok()) {
            return Ok(n);
        }
        match self.oauth.allows(token, scope) {
            Some(true) => Ok(0),
            Some(false) => Err(refuse(403, 10, 0, "(#10) Application does not have permission for this action")),
            None => Err(Box::new(graph::expired())),
        }
    }

    fn next_id(&mut self) -> String {
        self.made += 1;
        (FIRST + self.made).to_string()
    }

    /// How many posts or replies were shown in the last 24 hours.
    fn used(&self, owner: usize, replies: bool) -> usize {
        let day = Utc::now() - TimeDelta::hours(24);
        self.shown.iter().filter(|(n, reply, at)| *n == owner && *reply == replies && *at > day).count()
    }

    fn page(&self, owner: usize, replies: bool, fields: &Fields) -> Value {
        let most = fields.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(25);
        let own = self.posts.iter().rev().filter(|post| post.owner == owner && post.reply_to.is_some() == replies);
        json!({ "data": own.take(most).map(shown).collect::<Vec<_>>() })
    }

    fn container(&mut self, owner: usize, fields: Fields) -> Result<String, Refusal> {
        let field = |name: &str| fields.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let kind = field("media_type").ok_or_else(|| invalid("The parameter media_type is required"))?;
        let child = field("is_carousel_item") == Some("true");
        let text = field("text").unwrap_or_default();
        if length(text) > 500 {
            return Err(invalid("Param text must be at most 500 characters long."));
        }
        if links(text, fields.get("link_attachment")) > 5 {
            return Err(refuse(400, 100, 0, "THREADS_API__LINK_LIMIT_EXCEEDED"));
        }
        if kind != "TEXT"
            && let Some(stray) =
                ["link_attachment", "poll_attachment", "text_attachment", "is_ghost_post"].iter().find(|name| fields.contains_key(**name))
        {
            return Err(invalid(&format!("{stray} can only be used with TEXT posts")));
        }
        if fields.contains_key("poll_attachment") && (fields.contains_key("link_attachment") || fields.contains_key("text_attachment")) {
            return Err(invalid("A poll cannot be combined with another attachment"));
        }
        poll(&fields)?;
        if let Some(topic) = field("topic_tag")
            && (topic.chars().count() > 50 || topic.contains(['.', '&']))
        {
            return Err(refuse(400, 100, 4_279_071, "Invalid topic tag"));
        }
        if field("alt_text").is_some_and(|alt| alt.chars().count() > 1000) {
            return Err(invalid("alt_text is too long"));
        }
        if let Some(who) = field("reply_control")
            && !["everyone", "accounts_you_follow", "mentioned_only", "parent_post_author_only", "followers_only"].contains(&who)
        {
            return Err(invalid("reply_control"));
        }
        for name in ["reply_to_id", "quote_post_id"] {
            if let Some(id) = field(name)
                && !self.posts.iter().any(|post| post.id == id)
            {
                return Err(refuse(400, 24, 4_279_009, "The requested resource does not exist"));
            }
        }
        let media = self.media(owner, kind, child, &fields)?;
        let url = field("image_url").or(field("video_url")).unwrap_or_default();
        let failed = match kind {
            "VIDEO" if url.contains("corrupt") => Some("FAILED_PROCESSING_VIDEO"),
            _ if url.contains("broken") => Some("UNKNOWN"),
            _ => None,
        };
        let busy = if media.iter().any(|one| one.mime.starts_with("video/")) { self.film } else { 0 };
        let id = self.next_id();
        let busy = if kind == "CAROUSEL" { 0 } else { busy };
        let (made, shown, open) = (Utc::now(), false, false);
        self.containers.push(Container { id: id.clone(), owner, fields, made, busy, shown, failed, open, media });
        Ok(id)
    }

    fn media(&self, owner: usize, kind: &str, child: bool, fields: &Fields) -> Result<Vec<SeenMedia>, Refusal> {
        let field = |name: &str| fields.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let alt = field("alt_text").unwrap_or_default();
        let one = |name: &str, class: &str| {
            let url = field(name).ok_or_else(|| invalid(&format!("The parameter {name} is required")))?;
            let media = fetch(url, alt).filter(|media| media.mime.starts_with(class));
            media.map(|media| vec![media]).ok_or_else(|| refuse(400, 9004, 2_207_052, "The media could not be fetched from this uri"))
        };
        match kind {
            "TEXT" if child || field("image_url").is_some() || field("video_url").is_some() => Err(invalid("media_type")),
            "TEXT" if field("text").is_none() && field("link_attachment").is_none() => {
                Err(invalid("The parameter text is required"))
            }
            "TEXT" => Ok(Vec::new()),
            "IMAGE" | "VIDEO" if child && field("text").is_some() => Err(invalid("text cannot be used with carousel items")),
            "IMAGE" => one("image_url", "image/"),
            "VIDEO" => one("video_url", "video/"),
            "CAROUSEL" => {
                let ids = list(field("children").unwrap_or_default());
                if !(2..=20).contains(&ids.len()) {
                    return Err(refuse(400, 100, 2_207_028, "Carousels need at least 2 and at most 20 items"));
                }
                let mut media = Vec::new();
                for id in &ids {
                    let child = self.containers.iter().find(|one| one.id == *id && one.owner == owner);
                    let child = child.filter(|one| one.field("is_carousel_item") == "true").ok_or_else(|| missing(id))?;
                    if !child.finished() {
                        return Err(refuse(400, 24, 4_279_009, "The media with this id is not ready"));
                    }
                    media.extend(child.media.clone());
                }
                Ok(media)
            }
            _ => Err(invalid("media_type")),
        }
    }

    fn publish(&mut self, owner: usize, fields: &Fields) -> Result<String, Refusal> {
        let wanted = fields.get("creation_id").ok_or_else(|| invalid("The parameter creation_id is required"))?;
        let at = self.containers.iter().position(|one| one.id == *wanted && one.owner == owner);
        let at = at.ok_or_else(|| refuse(400, 24, 4_279_009, "The requested resource does not exist"))?;
        let container = &self.containers[at];
        if container.shown || container.field("is_carousel_item") == "true" {
            return Err(invalid("This container cannot be published"));
        }
        if !container.finished() {
            return Err(refuse(400, 24, 4_279_009, "The media with this id is not ready"));
        }
        let reply_to = Some(container.field("reply_to_id").to_string()).filter(|id| !id.is_empty());
        let reply = reply_to.is_some();
        if self.used(owner, reply) >= if reply { REPLIES } else { POSTS } {
            return Err(refuse(403, 9, 2_207_042, "You have reached the maximum number of posts that can be published by the API."));
        }
        self.containers[at].shown = true;
        let (fields, media) = (self.containers[at].fields.clone(), self.containers[at].media.clone());
        let id = self.next_id();
        self.shown.push((owner, reply, Utc::now()));
        self.posts.push(Post { id: id.clone(), owner, fields, media, at: Utc::now(), reply_to });
        Ok(id)
    }
}

fn poll(fields: &Fields) -> Result<(), Refusal> {
    let Some(text) = fields.get("poll_attachment") else { return Ok(()) };
    let poll: BTreeMap<String, String> = serde_json::from_str(text).map_err(|_| invalid("poll_attachment is no JSON object"))?;
    let names = ["option_a", "option_b", "option_c", "option_d"];
    let known = (2..=4).contains(&poll.len()) && names[..poll.len()].iter().all(|name| poll.contains_key(*name));
    let fits = poll.values().all(|option| (1..=25).contains(&option.chars().count()));
    if known && fits { Ok(()) } else { Err(invalid("poll_attachment")) }
}

fn shown(post: &Post) -> Value {
    let mut shown = json!({
        "id": post.id, "permalink": post.url(), "timestamp": stamp(post.at), "media_product_type": "THREADS",
        "username": handle(post.owner),
    });
    if !post.text().is_empty() {
        shown["text"] = json!(post.text());
    }
    if let Some(parent) = &post.reply_to {
        shown["replied_to"] = json!({ "id": parent });
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(twin: &mut ThreadsTwin, method: &str, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let reply = twin.answer(&Incoming {
            method: method.into(),
            host: HOSTS[0].into(),
            path: format!("/v1.0/{path}"),
            query: vec![("access_token".into(), format!("{TOKEN}0"))],
            body: body.into_bytes(),
            ..Incoming::default()
        });
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    fn refusal(answer: &(u16, Value)) -> (u16, i64, i64) {
        let error = &answer.1["error"];
        (answer.0, error["code"].as_i64().unwrap_or_default(), error["error_subcode"].as_i64().unwrap_or_default())
    }

    #[test]
    fn it_counts_as_the_documentation_says() {
        for (text, cost) in [("👍", 4), ("❤️", 6), ("🇩🇪", 8), ("👨‍👩‍👧", 18), ("a👍b", 6), ("Привет", 6), ("日本", 2)] {
            assert_eq!(length(text), cost, "{text}");
            assert_eq!(crate::text::Unit::EmojiBytes.count(text), cost, "{text}");
        }
    }

    #[test]
    fn containers_are_shown_once_and_when_they_are_ready() {
        let mut twin = ThreadsTwin::default();
        let film = [("media_type", "VIDEO"), ("video_url", "https://files.example/a.mp4")];
        let id = ask(&mut twin, "POST", "me/threads", &film).1["id"].as_str().unwrap().to_string();
        let publish = |twin: &mut ThreadsTwin| ask(twin, "POST", "me/threads_publish", &[("creation_id", &id)]);
        assert_eq!(refusal(&publish(&mut twin)), (400, 24, 4_279_009));
        assert_eq!(ask(&mut twin, "GET", &id, &[]).1["status"], "IN_PROGRESS");
        assert_eq!(ask(&mut twin, "GET", &id, &[]).1["status"], "FINISHED");
        assert_eq!(publish(&mut twin).0, 200);
        assert_eq!(ask(&mut twin, "GET", &id, &[]).1["status"], "PUBLISHED");
        assert_eq!(publish(&mut twin).0, 400);
        let old = ask(&mut twin, "POST", "me/threads", &[("media_type", "TEXT"), ("text", "old")]).1["id"].clone();
        twin.containers.last_mut().unwrap().made -= TimeDelta::hours(25);
        assert_eq!(ask(&mut twin, "GET", old.as_str().unwrap(), &[]).1["status"], "EXPIRED");
        assert_eq!(ask(&mut twin, "POST", "me/threads_publish", &[("creation_id", old.as_str().unwrap())]).0, 400);
        assert_eq!(twin.timeline().len(), 1);
    }

    #[test]
    fn it_refuses_what_threads_refuses() {
        let mut twin = ThreadsTwin::default();
        let long = "x".repeat(501);
        let links = (0..6).map(|n| format!("https://example.org/{n} ")).collect::<String>();
        let poll = r#"{"option_a": "yes", "option_c": "no"}"#;
        for wrong in [
            vec![("text", "no type")],
            vec![("media_type", "TEXT"), ("text", &long)],
            vec![("media_type", "TEXT")],
            vec![("media_type", "TEXT"), ("text", &links)],
            vec![("media_type", "TEXT"), ("text", "a"), ("poll_attachment", poll)],
            vec![("media_type", "TEXT"), ("text", "a"), ("topic_tag", "a.b")],
            vec![("media_type", "TEXT"), ("text", "a"), ("reply_to_id", "5")],
            vec![("media_type", "IMAGE"), ("text", "a")],
            vec![("media_type", "IMAGE"), ("image_url", "http://files.example/a.png")],
            vec![("media_type", "IMAGE"), ("image_url", "https://files.example/a.webp")],
            vec![("media_type", "IMAGE"), ("image_url", "https://files.example/a.png"), ("link_attachment", "https://example.org")],
            vec![("media_type", "CAROUSEL"), ("children", "1,2")],
        ] {
            let answer = ask(&mut twin, "POST", "me/threads", &wrong);
            assert_eq!(answer.0, 400, "{wrong:?}");
        }
        assert!(twin.containers.is_empty());
    }

    #[test]
    fn the_day_has_an_end() {
        let mut twin = ThreadsTwin::default();
        twin.shown = vec![(0, false, Utc::now() - TimeDelta::hours(1)); POSTS];
        let post = |twin: &mut ThreadsTwin| {
            let made = ask(twin, "POST", "me/threads", &[("media_type", "TEXT"), ("text", "a")]);
            ask(twin, "POST", "me/threads_publish", &[("creation_id", made.1["id"].as_str().unwrap())])
        };
        assert_eq!(refusal(&post(&mut twin)), (403, 9, 2_207_042));
        twin.shown[0].2 -= TimeDelta::hours(24);
        assert_eq!(post(&mut twin).0, 200);
    }
}
