//! A stand-in for Instagram's API, through either login: containers with their states, posts, stories, comments and the quota.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::twin_facebook::{APP, Facebook, TOKEN as GIVEN, pages};
use crate::platform::container_twin::{
    Container, Fields, OAuth, Refusal, Words, fetch, fields, list, missing, refuse, stamp,
};
use crate::platform::{TwinAccount, graph};
use crate::twin::{Incoming, Reply, Seen, SeenMedia, Twin};

/// Tokens are this and the account's number: Instagram's own login, and a page's.
const TOKEN: &str = "IGAA-twin-token-";
pub(super) const PAGE_TOKEN: &str = "EAAinstagram-twin-token-";
pub(super) const USER: u64 = 17_841_400_000_000_000;
pub(super) const HANDLE: &str = "xpost.twin.";
const FIRST: u64 = 18_010_000_000_000_000;
const INSTAGRAM: &str = "graph.instagram.com";
const FACEBOOK: &str = "graph.facebook.com";
const UPLOAD: &str = "rupload.facebook.com";
/// Posts and containers of an account in 24 hours.
const POSTS: usize = 100;
const CONTAINERS: usize = 400;

pub(super) const WORDS: Words = Words {
    grant: "ig",
    token: "IGAA-twin-given-",
    scopes: &[
        "instagram_business_basic",
        "instagram_business_content_publish",
        "instagram_business_manage_comments",
        "instagram_business_manage_insights",
    ],
    wrapped: true,
    user: USER,
};

/// The account number `n` of the twin: the first through Facebook's login, which can do everything, the second through Instagram's.
pub fn account(n: usize) -> TwinAccount {
    let (settings, token) = match n {
        1 => (json!({}), format!("{TOKEN}{n}")),
        n => {
            let page = (100_000_000_000_000 + n as u64).to_string();
            (json!({"via": "facebook", "user": (USER + n as u64).to_string(), "page": page}), format!("{PAGE_TOKEN}{n}"))
        }
    };
    let server = format!("https://{INSTAGRAM}");
    TwinAccount { server, settings, secrets: BTreeMap::from([("token".to_string(), SecretString::from(token))]) }
}

#[derive(Debug, Clone)]
struct Post {
    id: String,
    owner: usize,
    fields: Fields,
    media: Vec<SeenMedia>,
    at: DateTime<Utc>,
    /// Of comments: the post below which they stand.
    below: Option<String>,
}

impl Post {
    fn text(&self) -> &str {
        self.fields.get("caption").or(self.fields.get("message")).map(String::as_str).unwrap_or_default()
    }

    fn story(&self) -> bool {
        self.fields.get("media_type").is_some_and(|kind| kind == "STORIES")
    }

    fn url(&self) -> Option<String> {
        let place = if self.story() { format!("stories/{HANDLE}{}", self.owner) } else { "p".to_string() };
        self.below.is_none().then(|| format!("https://www.instagram.com/{place}/C{}/", self.id))
    }
}

/// The network's state.
#[derive(Debug)]
pub struct InstagramTwin {
    containers: Vec<Container>,
    posts: Vec<Post>,
    /// When posts were shown, whatever became of them.
    shown: Vec<(usize, DateTime<Utc>)>,
    made: u64,
    /// A film says so often that it is at work.
    pub film: u32,
    pub oauth: OAuth,
    pub facebook: Facebook,
}

impl Default for InstagramTwin {
    fn default() -> InstagramTwin {
        InstagramTwin {
            containers: Vec::new(),
            posts: Vec::new(),
            shown: Vec::new(),
            made: 0,
            film: 1,
            oauth: OAuth::new(WORDS),
            facebook: Facebook::default(),
        }
    }
}

impl Twin for InstagramTwin {
    fn hosts(&self) -> Vec<String> {
        [INSTAGRAM, "www.instagram.com", "api.instagram.com"].map(str::to_string).into()
    }

    fn shares(&self) -> Vec<String> {
        [FACEBOOK, "www.facebook.com", UPLOAD].map(str::to_string).into()
    }

    fn claims(&self, request: &Incoming) -> bool {
        let token = token(request);
        let known = token.starts_with(PAGE_TOKEN) || token.starts_with(GIVEN) || token.starts_with(TOKEN);
        known || request.query("client_id") == Some(APP.0)
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        self.route(request).unwrap_or_else(|refusal| *refusal)
    }

    fn limited(&self, seconds: u64) -> Reply {
        graph::limited(&USER.to_string(), "instagram", seconds)
    }

    fn expired(&self) -> Reply {
        graph::expired()
    }

    fn timeline(&self) -> Vec<Seen> {
        self.posts
            .iter()
            .map(|post| Seen {
                id: post.id.clone(),
                account: format!("{HANDLE}{}", post.owner),
                title: None,
                text: post.text().to_string(),
                url: post.url(),
                reply_to: post.below.clone(),
                media: post.media.clone(),
                at: post.at,
                extra: {
                    let told = ["caption", "message", "image_url", "video_url", "alt_text", "children"];
                    let rest = post.fields.iter().filter(|(name, _)| !told.contains(&name.as_str()));
                    Value::Object(rest.map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>())
                },
            })
            .collect()
    }
}

fn token(request: &Incoming) -> &str {
    let header = request.header("authorization").unwrap_or_default();
    header.strip_prefix("Bearer ").or(header.strip_prefix("OAuth ")).unwrap_or_default()
}

fn invalid(message: &str) -> Refusal {
    refuse(400, 100, 0, &format!("(#100) {message}"))
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
struct Who {
    n: usize,
    facebook: bool,
}

impl Who {
    /// Whether a path's user is this one.
    fn is(self, user: &str) -> Result<(), Refusal> {
        let own = user == (USER + self.n as u64).to_string() || (user == "me" && !self.facebook);
        if own { Ok(()) } else { Err(missing(user)) }
    }
}

impl InstagramTwin {
    fn route(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let path = request.segments();
        let method = request.method.as_str();
        match (request.host.as_str(), method, path.as_slice()) {
            ("www.instagram.com", "GET", ["oauth", "authorize"]) => return self.oauth.authorize(request),
            ("api.instagram.com", "POST", ["oauth", "access_token"]) => return self.oauth.token(request),
            (INSTAGRAM, "GET", ["access_token" | "refresh_access_token"]) => return self.oauth.exchange(request),
            ("www.facebook.com", "GET", [_, "dialog", "oauth"]) => return self.facebook.dialog(request),
            (FACEBOOK, "GET", [_, "oauth", "access_token"]) => return self.facebook.token(request),
            (UPLOAD, "POST", ["ig-api-upload", _, id]) => return self.upload(request, id),
            (INSTAGRAM | FACEBOOK, ..) => {}
            _ => return Err(Box::new(Reply::html(404, "<title>Page not found</title>"))),
        }
        let ["v26.0", rest @ ..] = path.as_slice() else {
            return Err(refuse(400, 2500, 0, "Unknown path components"));
        };
        let fields = fields(request);
        let ok = |value: Value| Ok(Reply::json(200, &value));
        match (method, rest) {
            ("GET", ["me", "accounts"]) => {
                self.authorized(request, "pages_show_list")?;
                ok(pages())
            }
            ("DELETE", ["me", "permissions"]) => {
                self.authorized(request, "pages_show_list")?;
                Ok(self.facebook.leave(token(request)))
            }
            ("GET", ["me"]) => {
                let who = self.authorized(request, "basic")?;
                let (id, name) = ((USER + who.n as u64).to_string(), format!("{HANDLE}{}", who.n));
                if who.facebook {
                    return ok(json!({"id": "3030303030303030", "name": "Ann Example"}));
                }
                ok(json!({"user_id": id, "id": "4040404040404040", "username": name, "account_type": "BUSINESS"}))
            }
            ("POST", [user, "media"]) => {
                let who = self.authorized(request, "content_publish")?;
                who.is(user)?;
                self.container(who, fields)
            }
            ("POST", [user, "media_publish"]) => {
                let who = self.authorized(request, "content_publish")?;
                who.is(user)?;
                let id = self.publish(who.n, &fields)?;
                ok(json!({ "id": id }))
            }
            ("GET", [user, "content_publishing_limit"]) => {
                let who = self.authorized(request, "content_publish")?;
                who.is(user)?;
                let config = json!({"quota_total": POSTS, "quota_duration": 86_400});
                ok(json!({"data": [{"quota_usage": self.used(who.n), "config": config}]}))
            }
            ("GET", [user, edge @ ("media" | "stories")]) => {
                let who = self.authorized(request, "basic")?;
                who.is(user)?;
                let most = fields.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(25);
                let own = self.posts.iter().rev().filter(|post| post.owner == who.n && post.below.is_none());
                let list: Vec<Value> = own.filter(|post| post.story() == (*edge == "stories")).take(most).map(shown).collect();
                ok(json!({ "data": list }))
            }
            ("POST", [id, "comments"]) => {
                let who = self.authorized(request, "manage_comments")?;
                let below = self.posts.iter().find(|post| post.id == *id && post.below.is_none()).ok_or_else(|| missing(id))?;
                if below.story() {
                    return Err(invalid("Stories have no comments"));
                }
                let text = fields.get("message").map(String::as_str).unwrap_or_default();
                if text.is_empty() || text.chars().count() > 2200 {
                    return Err(invalid("The parameter message is required"));
                }
                let id = self.store(who.n, fields, Vec::new(), Some((*id).to_string()));
                ok(json!({ "id": id }))
            }
            ("GET", [id, "comments"]) => {
                self.authorized(request, "manage_comments")?;
                let below = self.posts.iter().rev().filter(|post| post.below.as_deref() == Some(id));
                ok(json!({ "data": below.map(shown).collect::<Vec<_>>() }))
            }
            ("GET", [id]) => {
                let who = self.authorized(request, "basic")?;
                if let Some(container) = self.containers.iter_mut().find(|one| one.id == *id && one.owner == who.n) {
                    let code = container.look();
                    let status = match container.failed.filter(|_| code == "ERROR") {
                        Some(why) => format!("Error: Media upload has failed with error code {why}"),
                        None => format!("{code}: the twin says so"),
                    };
                    return ok(json!({"status_code": code, "status": status, "id": id}));
                }
                if *id == (USER + who.n as u64).to_string() {
                    return ok(json!({"id": id, "username": format!("{HANDLE}{}", who.n)}));
                }
                let post = self.posts.iter().find(|post| post.id == *id && post.owner == who.n).ok_or_else(|| missing(id))?;
                ok(shown(post))
            }
            ("DELETE", [id]) => {
                let who = self.authorized(request, "basic")?;
                let at = self.posts.iter().position(|post| post.id == *id && post.owner == who.n).ok_or_else(|| missing(id))?;
                if self.posts[at].below.is_none() && !who.facebook {
                    return Err(missing(id));
                }
                self.posts.remove(at);
                self.posts.retain(|post| post.below.as_deref() != Some(id));
                ok(json!({"success": true}))
            }
            _ => Err(refuse(400, 2500, 0, "Unknown path components")),
        }
    }

    /// Whose token it is: the fixed ones may do everything; those that a login gave out are account 0's and need the permission, which
    /// the two logins call differently.
    fn authorized(&self, request: &Incoming, scope: &str) -> Result<Who, Refusal> {
        let token = token(request);
        if token.is_empty() {
            return Err(refuse(400, 104, 0, "An access token is required to request this resource."));
        }
        let facebook = request.host != INSTAGRAM;
        let fixed = token.strip_prefix(if facebook { PAGE_TOKEN } else { TOKEN });
        if let Some(n) = fixed.and_then(|n| n.parse().ok()) {
            return Ok(Who { n, facebook });
        }
        let allowed = match facebook {
            false => self.oauth.allows(token, &format!("instagram_business_{scope}")),
            true if scope.starts_with("pages") => self.facebook.allows(token, scope),
            true => self.facebook.allows(token, &format!("instagram_{scope}")),
        };
        match allowed {
            Some(true) => Ok(Who { n: 0, facebook }),
            Some(false) => Err(refuse(403, 10, 0, "(#10) Application does not have permission for this action")),
            None => Err(Box::new(graph::expired())),
        }
    }

    fn next_id(&mut self) -> String {
        self.made += 1;
        (FIRST + self.made).to_string()
    }

    fn store(&mut self, owner: usize, fields: Fields, media: Vec<SeenMedia>, below: Option<String>) -> String {
        let id = self.next_id();
        self.posts.push(Post { id: id.clone(), owner, fields, media, at: Utc::now(), below });
        id
    }

    /// How many posts were shown in the last 24 hours.
    fn used(&self, owner: usize) -> usize {
        let day = Utc::now() - TimeDelta::hours(24);
        self.shown.iter().filter(|(n, at)| *n == owner && *at > day).count()
    }

    fn container(&mut self, who: Who, fields: Fields) -> Result<Reply, Refusal> {
        let day = Utc::now() - TimeDelta::hours(24);
        if self.containers.iter().filter(|one| one.owner == who.n && one.made > day).count() >= CONTAINERS {
            return Err(refuse(403, 9, 2_207_042, "You reached maximum number of containers"));
        }
        check(&fields)?;
        let media = self.media(who, &fields)?;
        let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        let url = [field("image_url"), field("video_url")].concat();
        let open = field("upload_type") == "resumable";
        let film = open || (field("media_type") != "CAROUSEL" && media.iter().any(|one| one.mime.starts_with("video/")));
        let failed = match url.as_str() {
            url if url.contains("corrupt") => Some("2207026"),
            url if url.contains("trouble") => Some("2207053"),
            _ => None,
        };
        let (id, made, owner) = (self.next_id(), Utc::now(), who.n);
        let mut answer = json!({ "id": id });
        if open {
            answer["uri"] = json!(format!("https://{UPLOAD}/ig-api-upload/v26.0/{id}"));
        }
        let busy = if film { self.film } else { 0 };
        self.containers.push(Container { id, owner, fields, made, busy, shown: false, failed, open, media });
        Ok(Reply::json(200, &answer))
    }

    fn media(&self, who: Who, fields: &Fields) -> Result<Vec<SeenMedia>, Refusal> {
        let field = |name: &str| fields.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let kind = field("media_type").unwrap_or("IMAGE");
        let fetched = |name: &str| {
            let url = field(name).unwrap_or_default();
            fetch(url, field("alt_text").unwrap_or_default())
                .ok_or_else(|| refuse(400, 9004, 2_207_052, "Only photo or video can be accepted as media type."))
        };
        let picture = || match fetched("image_url")? {
            media if media.mime == "image/jpeg" => Ok(vec![media]),
            _ => Err(refuse(400, 36_001, 2_207_005, "The image format is not supported.")),
        };
        let film = || match fetched("video_url")? {
            media if media.mime.starts_with("video/") => Ok(vec![media]),
            _ => Err(refuse(400, 352, 2_207_026, "The video format is not supported.")),
        };
        match kind {
            "IMAGE" if field("image_url").is_some() => picture(),
            "STORIES" if field("image_url").is_some() => picture(),
            "STORIES" => film(),
            "VIDEO" if field("is_carousel_item") == Some("true") => film(),
            "VIDEO" => Err(invalid("The VIDEO value for media_type is no longer supported. Use the REELS media type")),
            "REELS" if field("upload_type") == Some("resumable") => {
                if who.facebook && field("video_url").is_none() {
                    Ok(Vec::new())
                } else {
                    Err(invalid("upload_type"))
                }
            }
            "REELS" => film(),
            "CAROUSEL" => {
                let ids = list(field("children").unwrap_or_default());
                if !(2..=10).contains(&ids.len()) {
                    return Err(refuse(400, 100, 2_207_028, "Your post won't work as a carousel."));
                }
                let mut media = Vec::new();
                for id in &ids {
                    let child = self.containers.iter().find(|one| one.id == *id && one.owner == who.n);
                    let child = child.filter(|one| one.field("is_carousel_item") == "true").ok_or_else(|| missing(id))?;
                    if !child.finished() {
                        return Err(not_ready());
                    }
                    media.extend(child.media.clone());
                }
                Ok(media)
            }
            _ => Err(invalid("The parameter image_url is required")),
        }
    }

    fn publish(&mut self, owner: usize, fields: &Fields) -> Result<String, Refusal> {
        let wanted = fields.get("creation_id").ok_or_else(|| invalid("The parameter creation_id is required"))?;
        let gone = || refuse(400, 24, 2_207_006, "The media with this creation id was not found.");
        let at = self.containers.iter().position(|one| one.id == *wanted && one.owner == owner).ok_or_else(gone)?;
        let container = &mut self.containers[at];
        if container.shown || container.field("is_carousel_item") == "true" {
            return Err(refuse(400, 9007, 2_207_027, "The media has been published or cannot be."));
        }
        match container.look() {
            "FINISHED" => {}
            "EXPIRED" => return Err(refuse(400, -2, 2_207_020, "The media you are trying to access has expired.")),
            _ => return Err(not_ready()),
        }
        if self.used(owner) >= POSTS {
            return Err(refuse(403, 9, 2_207_042, "You reached maximum number of posts that is allowed to be published by Content Publishing API."));
        }
        let container = &mut self.containers[at];
        container.shown = true;
        let (fields, media) = (container.fields.clone(), container.media.clone());
        self.shown.push((owner, Utc::now()));
        Ok(self.store(owner, fields, media, None))
    }

    /// A reel's film. It must be whole, and come from the beginning.
    fn upload(&mut self, request: &Incoming, id: &str) -> Result<Reply, Refusal> {
        if !request.header("authorization").is_some_and(|header| header.starts_with("OAuth ")) {
            return Err(refuse(401, 190, 0, "Invalid OAuth 2.0 Access Token"));
        }
        let who = self.authorized(request, "content_publish")?;
        let wrong = |message: &str| {
            let info = json!({"retriable": false, "type": "ProcessingFailedError", "message": message});
            Box::new(Reply::json(400, &json!({ "debug_info": info })))
        };
        let number = |name: &str| request.header(name).and_then(|text| text.parse::<usize>().ok());
        let container = self.containers.iter_mut().find(|one| one.id == id && one.owner == who.n && one.open);
        let container = container.ok_or_else(|| wrong("There is no upload of this id"))?;
        if number("offset") != Some(0) || number("file_size") != Some(request.body.len()) {
            return Err(wrong("Request processing failed: offset and file_size do not fit the body"));
        }
        if request.body.get(4..8) != Some(b"ftyp") {
            container.failed = Some("2207026");
        }
        container.open = false;
        let bytes = request.body.len() as u64;
        container.media = vec![SeenMedia { mime: "video/mp4".into(), bytes, alt: String::new() }];
        Ok(Reply::json(200, &json!({"success": true, "message": "Upload successful."})))
    }
}

fn not_ready() -> Refusal {
    refuse(400, 9007, 2_207_027, "The media is not ready for publishing, please wait for a moment")
}

/// What holds of the fields whatever the medium is.
fn check(fields: &Fields) -> Result<(), Refusal> {
    const KNOWN: [&str; 19] = [
        "image_url", "video_url", "media_type", "caption", "alt_text", "location_id", "user_tags", "collaborators",
        "is_carousel_item", "children", "share_to_feed", "cover_url", "thumb_offset", "audio_name", "trial_params",
        "upload_type", "is_ai_generated", "is_paid_partnership", "product_tags",
    ];
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    if let Some(stray) = fields.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(invalid(&format!("unknown parameter {stray}")));
    }
    let (kind, caption) = (field("media_type"), field("caption"));
    if caption.chars().count() > 2200 {
        return Err(refuse(400, 36_004, 2_207_010, "The caption was too long."));
    }
    let words = |sign: char| caption.split_whitespace().filter(|word| word.starts_with(sign) && word.len() > 1).count();
    if words('#') > 30 || words('@') > 20 {
        return Err(refuse(400, 100, 2_207_040, "Cannot use more than 20 tags in the caption."));
    }
    let bare = kind == "STORIES" || field("is_carousel_item") == "true";
    if bare && !caption.is_empty() {
        return Err(invalid("caption is not supported here"));
    }
    if !field("alt_text").is_empty() && (matches!(kind, "REELS" | "STORIES" | "VIDEO") || field("alt_text").chars().count() > 1000) {
        return Err(invalid("alt_text is for images, and has 1000 characters at most"));
    }
    if list(field("collaborators")).len() > 3 {
        return Err(invalid("collaborators"));
    }
    for name in ["share_to_feed", "cover_url", "thumb_offset", "audio_name", "trial_params"] {
        if fields.contains_key(name) && kind != "REELS" {
            return Err(invalid(&format!("{name} is for reels")));
        }
    }
    if let Some(cover) = fields.get("cover_url")
        && fetch(cover, "").is_none_or(|media| media.mime != "image/jpeg")
    {
        return Err(refuse(400, 9004, 2_207_052, "The cover could not be fetched"));
    }
    Ok(())
}

fn shown(post: &Post) -> Value {
    let mut shown = json!({"id": post.id, "timestamp": stamp(post.at)});
    match &post.below {
        Some(_) => shown["text"] = json!(post.text()),
        None => {
            shown["permalink"] = json!(post.url());
            shown["username"] = json!(format!("{HANDLE}{}", post.owner));
            if !post.text().is_empty() {
                shown["caption"] = json!(post.text());
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(twin: &mut InstagramTwin, method: &str, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let reply = twin.answer(&Incoming {
            method: method.into(),
            host: INSTAGRAM.into(),
            path: format!("/v26.0/{path}"),
            headers: vec![("authorization".into(), format!("Bearer {TOKEN}0"))],
            body: url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish().into_bytes(),
            ..Incoming::default()
        });
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    fn refusal(answer: &(u16, Value)) -> (i64, i64) {
        let error = &answer.1["error"];
        (error["code"].as_i64().unwrap_or_default(), error["error_subcode"].as_i64().unwrap_or_default())
    }

    const PICTURE: (&str, &str) = ("image_url", "https://files.example/a.jpg");

    #[test]
    fn it_refuses_what_instagram_refuses() {
        let mut twin = InstagramTwin::default();
        let long = "x".repeat(2201);
        let tags = "#a ".repeat(31);
        for (wrong, why) in [
            (vec![("caption", "no picture")], (100, 0)),
            (vec![("image_url", "http://files.example/a.jpg")], (9004, 2_207_052)),
            (vec![("image_url", "https://files.example/a.png")], (36_001, 2_207_005)),
            (vec![PICTURE, ("caption", long.as_str())], (36_004, 2_207_010)),
            (vec![PICTURE, ("caption", tags.as_str())], (100, 2_207_040)),
            (vec![PICTURE, ("media_type", "STORIES"), ("caption", "a")], (100, 0)),
            (vec![PICTURE, ("share_to_feed", "true")], (100, 0)),
            (vec![("media_type", "VIDEO"), ("video_url", "https://files.example/a.mp4")], (100, 0)),
            (vec![("media_type", "REELS"), ("upload_type", "resumable")], (100, 0)),
            (vec![("media_type", "CAROUSEL"), ("children", "1")], (100, 2_207_028)),
            (vec![PICTURE, ("captoin", "a")], (100, 0)),
        ] {
            let answer = ask(&mut twin, "POST", "me/media", &wrong);
            assert_eq!((answer.0, refusal(&answer)), (400, why), "{wrong:?}");
        }
        assert!(twin.containers.is_empty());
        assert_eq!(ask(&mut twin, "POST", "17841400000000005/media", &[PICTURE]).0, 400, "another one's");
    }

    #[test]
    fn containers_have_states_and_the_day_has_an_end() {
        let mut twin = InstagramTwin::default();
        let make = |twin: &mut InstagramTwin, fields: &[(&str, &str)]| {
            ask(twin, "POST", "me/media", fields).1["id"].as_str().unwrap().to_string()
        };
        let publish = |twin: &mut InstagramTwin, id: &str| ask(twin, "POST", "me/media_publish", &[("creation_id", id)]);
        let film = make(&mut twin, &[("media_type", "REELS"), ("video_url", "https://files.example/a.mp4")]);
        assert_eq!(refusal(&publish(&mut twin, &film)), (9007, 2_207_027));
        assert_eq!(ask(&mut twin, "GET", &film, &[]).1["status_code"], "FINISHED");
        assert_eq!(publish(&mut twin, &film).0, 200);
        assert_eq!(ask(&mut twin, "GET", &film, &[]).1["status_code"], "PUBLISHED");
        assert_eq!(publish(&mut twin, &film).0, 400);
        let old = make(&mut twin, &[PICTURE]);
        twin.containers.last_mut().unwrap().made -= TimeDelta::hours(25);
        assert_eq!(refusal(&publish(&mut twin, &old)), (-2, 2_207_020));
        twin.shown = vec![(0, Utc::now()); POSTS];
        let late = make(&mut twin, &[PICTURE]);
        assert_eq!(refusal(&publish(&mut twin, &late)), (9, 2_207_042));
        assert_eq!(twin.timeline().len(), 1);
    }
}
