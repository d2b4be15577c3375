//! A stand-in for X: pay-per-use, no text twice, threads of one's own.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::api;
use super::twin_login::{self, Logins};
use super::twin_media::Uploads;
use super::twin_post;
use crate::twin::{Incoming, Reply, Seen, SeenMedia, Twin};

/// Twitter's ids count milliseconds from here.
const EPOCH: i64 = 1_288_834_974_657;
/// What the app has to spend at first, in millionths of a dollar.
const CREDITS: i64 = 100_000_000;
/// A post of somebody else, and one of somebody else that mentions everybody here.
pub const STRANGER: &str = "1880000000000000001";
pub const FRIEND: &str = "1880000000000000002";

pub(super) type Refusal = Box<Reply>;

/// A problem as X puts it. `kind` is the end of its address, or `about:blank`.
pub(super) fn refuse(status: u16, kind: &str, title: &str, detail: &str) -> Refusal {
    let kind = if kind.contains(':') { kind.to_string() } else { format!("https://api.x.com/2/problems/{kind}") };
    Box::new(Reply::json(status, &json!({"title": title, "detail": detail, "type": kind, "status": status})))
}

/// A request that is not as the documentation wants it.
pub(super) fn invalid(parameter: &str, message: &str) -> Refusal {
    Box::new(Reply::json(
        400,
        &json!({
            "errors": [{"parameters": {parameter: []}, "message": message}],
            "title": "Invalid Request",
            "detail": "One or more parameters to your request was invalid.",
            "type": "https://api.x.com/2/problems/invalid-request",
        }),
    ))
}

pub(super) fn forbidden(detail: &str) -> Refusal {
    refuse(403, "about:blank", "Forbidden", detail)
}

/// The number and the name of account `n`.
pub(super) fn user_id(n: usize) -> String {
    (1_500_000_000_000_000_000 + n as u64).to_string()
}

pub(super) fn name(n: usize) -> String {
    format!("ann{n}")
}

/// One post, under the id of its newest version.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub id: String,
    pub history: Vec<String>,
    pub owner: usize,
    pub text: String,
    pub reply_to: Option<String>,
    pub conversation: String,
    pub media: Vec<String>,
    pub at: DateTime<Utc>,
    /// Whatever else was said of it.
    pub fields: Map<String, Value>,
}

/// The network's state, and what it allows.
#[derive(Debug)]
pub struct XTwin {
    pub(super) posts: Vec<Made>,
    pub(super) uploads: Uploads,
    pub(super) logins: Logins,
    pub(super) made: i64,
    /// What is left to spend, in millionths of a dollar.
    pub credits: i64,
    /// Replies to one's own posts are taken.
    pub threads: bool,
    /// The app is an enterprise one: quotes and replies to anybody.
    pub enterprise: bool,
    /// Posts may be changed.
    pub premium: bool,
}

impl Default for XTwin {
    fn default() -> XTwin {
        XTwin {
            posts: Vec::new(),
            uploads: Uploads::default(),
            logins: Logins::default(),
            made: 0,
            credits: CREDITS,
            threads: true,
            enterprise: false,
            premium: true,
        }
    }
}

impl Twin for XTwin {
    fn hosts(&self) -> Vec<String> {
        vec!["api.x.com".to_string(), "x.com".to_string()]
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        let reply = self.route(request).unwrap_or_else(|refusal| *refusal);
        let now = Utc::now();
        let date = now + Duration::seconds(self.logins.ahead);
        reply
            .header("date", date.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
            .header("x-transaction-id", format!("twin{:012x}", self.made))
            .header("x-rate-limit-limit", "100")
            .header("x-rate-limit-remaining", "99")
            .header("x-rate-limit-reset", (now + Duration::minutes(15)).timestamp().to_string())
    }

    fn limited(&self, seconds: u64) -> Reply {
        let reset = Utc::now() + Duration::milliseconds(seconds as i64 * 1000 + 500);
        Reply::json(
            429,
            &json!({"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429}),
        )
        .header("x-rate-limit-limit", "100")
        .header("x-rate-limit-remaining", "0")
        .header("x-rate-limit-reset", reset.timestamp().to_string())
    }

    fn expired(&self) -> Reply {
        twin_login::unauthorized()
    }

    fn unavailable(&self, status: u16) -> Reply {
        let body = json!({"title": "Service Unavailable", "detail": "Service Unavailable", "type": "about:blank", "status": status});
        Reply::json(status, &body)
    }

    fn expire_sessions(&mut self) {
        self.logins.expire();
    }

    fn timeline(&self) -> Vec<Seen> {
        let seen = |post: &Made| Seen {
            id: post.id.clone(),
            account: name(post.owner),
            title: None,
            text: post.text.clone(),
            url: Some(url(post)),
            reply_to: post.reply_to.clone(),
            media: post.media.iter().filter_map(|id| self.uploads.seen(id)).collect::<Vec<SeenMedia>>(),
            at: post.at,
            extra: self.extra(post),
        };
        self.posts.iter().map(seen).collect()
    }
}

fn url(post: &Made) -> String {
    format!("https://x.com/{}/status/{}", name(post.owner), post.id)
}

impl XTwin {
    fn route(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        if let Some(reply) = self.logins.route(request) {
            return reply;
        }
        let path = request.segments();
        let missing = || refuse(404, "resource-not-found", "Not Found Error", "Could not find what was asked for.");
        if request.host != "api.x.com" {
            return Err(missing());
        }
        match (request.method.as_str(), path.as_slice()) {
            ("GET", ["2", "users", "me"]) => {
                let n = self.logins.user(request, "users.read")?;
                self.spend(10_000)?;
                Ok(Reply::json(
                    200,
                    &json!({"data": {"id": user_id(n), "name": format!("Ann {n}"), "username": name(n)}}),
                ))
            }
            ("GET", ["2", "users", id, "tweets"]) => {
                self.logins.user(request, "tweet.read")?;
                self.list(request, id)
            }
            ("POST", ["2", "tweets"]) => {
                let n = self.logins.user(request, "tweet.write")?;
                twin_post::post(self, n, request)
            }
            ("DELETE", ["2", "tweets", id]) => {
                let n = self.logins.user(request, "tweet.write")?;
                self.spend(10_000)?;
                let own = |post: &Made| post.owner == n && post.history.iter().any(|known| known == id);
                let at = self.posts.iter().position(own).ok_or_else(missing)?;
                self.posts.remove(at);
                Ok(Reply::json(200, &json!({"data": {"deleted": true}})))
            }
            (_, ["2", "media", ..]) => {
                let n = self.logins.user(request, "media.write")?;
                if path[2..] == ["metadata"] {
                    self.spend(5_000)?;
                }
                let id = self.next_id();
                self.uploads.route(n, request, id)
            }
            _ => Err(missing()),
        }
    }

    pub(super) fn next_id(&mut self) -> String {
        self.made += 1;
        let millis = Utc::now().timestamp_millis() - EPOCH;
        ((millis << 22) | (self.made & 0x3f_ffff)).to_string()
    }

    /// Takes money for a call.
    pub(super) fn spend(&mut self, micros: i64) -> Result<(), Refusal> {
        if self.credits < micros {
            let body = json!({
                "account_id": "2040000000000000001",
                "title": "CreditsDepleted",
                "detail": "Your enrolled account [2040000000000000001] does not have any credits to fulfill this request.",
                "type": "https://api.x.com/2/problems/credits",
            });
            return Err(Box::new(Reply::json(402, &body)));
        }
        self.credits -= micros;
        Ok(())
    }

    /// An account's own posts, the newest first.
    fn list(&mut self, request: &Incoming, user: &str) -> Result<Reply, Refusal> {
        for (key, _) in &request.query {
            let known = [
                "max_results",
                "exclude",
                "start_time",
                "pagination_token",
                "post.fields",
                "tweet.fields",
                "expansions",
            ];
            if !known.contains(&key.as_str()) {
                return Err(invalid(key, &format!("The query parameter [{key}] is not one of [{}]", known.join(","))));
            }
        }
        let most: usize = request.query("max_results").map_or(Some(10), |text| text.parse().ok()).unwrap_or_default();
        if !(5..=100).contains(&most) {
            return Err(invalid("max_results", "The `max_results` query parameter value is not between 5 and 100"));
        }
        let since = match request.query("start_time").map(DateTime::parse_from_rfc3339) {
            None => DateTime::<Utc>::MIN_UTC,
            Some(Ok(since)) => since.with_timezone(&Utc),
            Some(Err(_)) => {
                return Err(invalid("start_time", "The `start_time` query parameter value is not a valid date"));
            }
        };
        let skip: usize =
            request.query("pagination_token").and_then(|token| token.strip_prefix('n')?.parse().ok()).unwrap_or(0);
        let shown =
            |post: &&Made| user_id(post.owner) == user && post.at >= since && !post.fields.contains_key("nullcast");
        let mut all: Vec<&Made> = self.posts.iter().filter(shown).collect();
        all.sort_by_key(|post| std::cmp::Reverse(post.id.parse::<u64>().unwrap_or_default()));
        let asked = request.query("post.fields").or(request.query("tweet.fields")).unwrap_or_default();
        let asked: Vec<&str> = asked.split(',').collect();
        let page: Vec<Value> = all.iter().skip(skip).take(most).map(|post| self.shown(post, &asked)).collect();
        let mut meta = json!({"result_count": page.len()});
        if all.len() > skip + page.len() {
            meta["next_token"] = json!(format!("n{}", skip + page.len()));
        }
        self.spend(page.len() as i64 * 1_000)?;
        let mut answer = json!({ "meta": meta });
        if !page.is_empty() {
            answer["data"] = json!(page);
        }
        Ok(Reply::json(200, &answer))
    }

    /// A post as it is read: links made short, media as links, three characters escaped.
    pub(super) fn shown(&self, post: &Made, asked: &[&str]) -> Value {
        let (text, urls) = self.short(post);
        let mut shown = json!({"id": post.id, "text": text, "edit_history_post_ids": post.history});
        let mut attachments = json!({});
        if !post.media.is_empty() {
            attachments["media_keys"] = post.media.iter().map(|id| json!(format!("3_{id}"))).collect();
        }
        if post.fields.contains_key("poll") {
            attachments["poll_ids"] = json!([format!("{}1", &post.id[..10])]);
        }
        for field in asked {
            let value = match *field {
                "conversation_id" => json!(post.conversation),
                "created_at" => json!(post.at.to_rfc3339_opts(SecondsFormat::Millis, true)),
                "entities" if !urls.is_empty() => json!({ "urls": urls }),
                "attachments" if attachments != json!({}) => attachments.clone(),
                _ => continue,
            };
            shown[*field] = value;
        }
        shown
    }

    fn short(&self, post: &Made) -> (String, Vec<Value>) {
        let mut urls = Vec::new();
        let mut out = String::new();
        for word in post.text.split_inclusive(char::is_whitespace) {
            let bare = word.trim_end();
            if twin_post::link(bare) {
                let short = format!("https://t.co/{}a{}", &post.id[12..], urls.len());
                let long = if bare.contains("://") { bare.to_string() } else { format!("http://{bare}") };
                urls.push(json!({"url": short, "expanded_url": long, "display_url": bare}));
                out.push_str(&short);
            } else {
                out.push_str(&bare.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"));
            }
            out.push_str(&word[bare.len()..]);
        }
        if let Some(first) = post.media.first() {
            let short = format!("https://t.co/{}m", &post.id[12..]);
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&short);
            urls.push(
                json!({"url": short, "expanded_url": format!("{}/photo/1", url(post)), "display_url": "pic.x.com/1",
                "media_key": format!("3_{first}")}),
            );
        }
        (out, urls)
    }

    fn extra(&self, post: &Made) -> Value {
        let mut extra = post.fields.clone();
        if post.history.len() > 1 {
            extra.insert("edits".into(), json!(post.history.len() - 1));
        }
        let told: Vec<Value> = post.media.iter().filter_map(|id| self.uploads.extra(id)).collect();
        if !told.is_empty() {
            extra.insert("media_extras".into(), json!(told));
        }
        Value::Object(extra)
    }

    /// The post that an id means, in any of its versions.
    pub(super) fn by_id(&self, id: &str) -> Option<&Made> {
        self.posts.iter().find(|post| post.history.iter().any(|known| known == id))
    }
}

/// Whether this is an id of a post that somebody else wrote here.
pub(super) fn of_others(id: &str) -> bool {
    api::is_id(id) && matches!(id, STRANGER | FRIEND)
}
