//! Mastodon, and every server that speaks its API: what one can do is taken from what it says of itself.

mod api;
mod edit;
mod login;
mod readback;
mod server;
mod twin;
mod upload;
mod twin_oauth;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use self::api::Status;
use self::server::Server;
use super::{
    AccountInfo, Ask, Card, Cx, Delete, Edit, Extra, Field, FieldKind, Find, Found, ImageRule, Limits, MediaRule, Piece,
    PlanNote, Platform, PollRule, Post, Profile, Ready, Receipt, Reference, Rendered, Repeat, Spec, TextRule, Title,
    TwinAccount, VideoRule, explain_by_status, fit, payload_error,
};
use crate::draft::Visibility;
use crate::login::Login;
use crate::net::{Answer, Effect, Fault, Kind, Method};
use crate::text::{Kind as MarkKind, Mark, Markup, Text, Unit};
use crate::twin::Twin;

/// The network.
pub struct Network;

/// How long Mastodon, Pleroma and Akkoma remember an Idempotency-Key.
const KEY_WINDOW: Duration = Duration::from_secs(60 * 60);
/// Mastodon drops an upload that no status uses after a day; forget it well before.
const UPLOAD_KEPT: TimeDelta = TimeDelta::hours(20);
/// A film that is not ready after this long never will be.
const PROCESSING: TimeDelta = TimeDelta::minutes(30);

/// The published defaults of a stock Mastodon 4.6.
const SPEC: Spec = Spec {
    name: "mastodon",
    title: "Mastodon",
    about: "Mastodon and servers with its API: GoToSocial, Pleroma, Akkoma, Pixelfed, Friendica, snac",
    checked: "2026-11-21",
    sources: &[
        "https://docs.joinmastodon.org/methods/statuses/",
        "https://docs.joinmastodon.org/methods/media/",
        "https://docs.joinmastodon.org/methods/instance/",
        "https://docs.akkoma.dev/stable/development/API/differences_in_mastoapi_responses/",
        "https://docs.gotosocial.org/en/latest/",
    ],
    server: super::Server::Own("https://mastodon.social"),
    api: None,
    fields: &[Field {
        name: "token",
        kind: FieldKind::Secret,
        required: true,
        help: "access token: Preferences > Development > New application, scopes `profile read:statuses read:search write:statuses write:media`",
    }],
    options: &[
        Field {
            name: "quote_policy",
            kind: FieldKind::Choice(&["public", "followers", "nobody"]),
            required: false,
            help: "who may quote the post (Mastodon 4.5 and later)",
        },
        Field {
            name: "content_type",
            kind: FieldKind::Choice(&["text/plain", "text/markdown", "text/html"]),
            required: false,
            help: "how the text is written, where the server offers it (GoToSocial, Akkoma, Pleroma, glitch-soc)",
        },
        Field {
            name: "local_only",
            kind: FieldKind::Bool,
            required: false,
            help: "the post stays on its server (Hometown, GoToSocial, Akkoma, Pleroma)",
        },
        Field {
            name: "audience",
            kind: FieldKind::Text,
            required: false,
            help: "a visibility that only this server knows: `local`, `mutuals_only`, `list:ID`",
        },
        Field {
            name: "hide_totals",
            kind: FieldKind::Bool,
            required: false,
            help: "votes of a poll are not shown before it ends",
        },
    ],
    text: TextRule {
        markup: Markup::Plain,
        unit: Unit::Mastodon,
        max: Some(500),
        also: None,
        caption: None,
        optional: true,
    },
    title_rule: Title::Ignored,
    native_tags: false,
    native_link: false,
    media: MediaRule {
        max: 4,
        image: Some(ImageRule {
            max: 4,
            bytes: 16_777_216,
            pixels: Some(33_177_600),
            side: None,
            mimes: &["image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/heic", "image/heif"],
        }),
        video: Some(VideoRule {
            max: 1,
            bytes: 103_809_024,
            mimes: &[
                "video/mp4",
                "video/webm",
                "video/quicktime",
                "video/ogg",
                "audio/mpeg",
                "audio/ogg",
                "audio/wav",
                "audio/flac",
                "audio/aac",
                "audio/mp4",
            ],
        }),
        file: None,
        mixed: false,
        alt: Some((Unit::Scalars, 1500)),
        required: false,
    },
    poll: Some(PollRule { options: (2, 4), option: 50, seconds: (300, 2_629_746), with_media: false }),
    threads: true,
    replies: true,
    quotes: true,
    warnings: true,
    languages: true,
    visibility: &[Visibility::Public, Visibility::Unlisted, Visibility::Followers, Visibility::Direct],
    location: false,
    comments: None,
    card: Card::Network,
    // most servers with this API ignore the key; `repeat` knows which do not
    repeat: Repeat::Find,
    pace: Duration::ZERO,
    document: Some("mastodon"),
};

static PLAIN: Spec = SPEC;
static MARKDOWN: Spec = Spec { text: TextRule { markup: Markup::Markdown, ..SPEC.text }, ..SPEC };
static HTML: Spec = Spec { text: TextRule { markup: Markup::Html, ..SPEC.text }, ..SPEC };

/// What `prepare` has finished.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct State {
    media: Vec<Upload>,
    reply: Option<String>,
    quote: Option<String>,
    /// How often unfinished media were asked for, and since when.
    polls: u32,
    since: Option<DateTime<Utc>>,
}

/// One upload.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Upload {
    id: String,
    ready: bool,
    /// It was lost once and uploaded again.
    again: bool,
}

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &PLAIN
    }

    fn extras(&self) -> &'static [Extra] {
        &[Extra::Focus, Extra::Thumbnail]
    }

    fn limits(&self, about: &Value) -> Limits {
        server::limits(about)
    }

    fn repeat(&self, account: &AccountInfo) -> Repeat {
        if Server::of(Some(account)).remembers_keys() { Repeat::Key { window: KEY_WINDOW } } else { Repeat::Find }
    }

    /// The rule for all, with three differences: the warning counts as text, a quote that the server does not know becomes a
    /// link, and where a `content_type` is wanted the text is written in it.
    fn render(&self, ask: &Ask) -> Rendered {
        let mut content = ask.content.clone();
        let mut notes = Vec::new();
        if let (Some(quote), Some(first)) = (&content.quote, content.posts.first_mut())
            && let Some(why) = no_quote(ask, first.media.is_empty())
        {
            match address(quote) {
                Some(url) => {
                    append_link(&mut first.text, &url);
                    notes.push(PlanNote::new("quote_as_link", format!("{why}; it is linked instead")).part(1));
                }
                None => notes.push(PlanNote::new("quote_left_out", format!("{why}, and it has no address to link")).part(1)),
            }
            content.quote = None;
        }
        let warning = content.warning.as_deref().map_or(0, |warning| ask.limits.unit.count(warning));
        let mut limits = ask.limits.clone();
        limits.text = limits.text.map(|most| most.saturating_sub(warning));
        let inner = Ask { content: &content, account: ask.account, limits: &limits };
        let spec = match content.option_str("content_type") {
            Some("text/markdown") => &MARKDOWN,
            Some("text/html") => &HTML,
            _ => &PLAIN,
        };
        let mut rendered = fit::standard(spec, &inner, &|ask, piece| self.encode(ask, piece));
        for part in &mut rendered.parts {
            part.count += warning;
            part.limit = ask.limits.text;
        }
        rendered.changes.extend(notes);
        rendered
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        let content = ask.content;
        let server = Server::of(ask.account);
        let mut body = Map::new();
        let markup = match content.option_str("content_type") {
            Some("text/markdown") => Markup::Markdown,
            Some("text/html") => Markup::Html,
            _ => Markup::Plain,
        };
        body.insert("status".into(), json!(markup.encode(&piece.text)));
        if server.software() == "pixelfed" && piece.media.is_empty() {
            return Err("Pixelfed takes no post without a picture".to_string());
        }
        if let Some(visibility) = visibility(ask, &server, piece)? {
            body.insert("visibility".into(), json!(visibility));
        }
        if let Some(warning) = content.warning.as_deref().filter(|warning| !warning.is_empty()) {
            body.insert("spoiler_text".into(), json!(warning));
        }
        if content.sensitive || body.contains_key("spoiler_text") {
            body.insert("sensitive".into(), json!(true));
        }
        if let Some(lang) = &content.lang {
            body.insert("language".into(), json!(language(lang)));
        }
        if let Some(poll) = &piece.poll {
            if !server.polls() {
                return Err(format!("{} takes no polls", server.title()));
            }
            let mut entry = json!({"options": poll.options, "expires_in": poll.seconds()?, "multiple": poll.multiple});
            if content.option_bool("hide_totals") == Some(true) {
                entry["hide_totals"] = json!(true);
            }
            body.insert("poll".into(), entry);
        }
        if piece.index == 0 && content.quote.is_some() {
            // the id is put in by `publish`: only the server can say it
            body.insert("quoted_status_id".into(), Value::Null);
        }
        if let Some(policy) = content.option_str("quote_policy") {
            if server.quotes() {
                body.insert("quote_approval_policy".into(), json!(policy));
            } else {
                let why = format!("{} has no quote policy; `quote_policy` is left out", server.title());
                piece.notes.push(PlanNote::new("quote_policy", why));
            }
        }
        if let Some(kind) = content.option_str("content_type") {
            let offered = server.formats();
            if offered.contains(&kind) {
                body.insert("content_type".into(), json!(kind));
            } else if kind != "text/plain" {
                let list = if offered.is_empty() { "plain text only".to_string() } else { offered.join(", ") };
                return Err(format!("{} does not take `{kind}` ({list})", server.title()));
            }
        }
        if content.option_bool("local_only") == Some(true) {
            if server.pleroma() {
                body.insert("visibility".into(), json!("local"));
            } else if matches!(server.software(), "hometown" | "gotosocial") {
                body.insert("local_only".into(), json!(true));
            } else {
                return Err(format!("{} has no posts that stay on their server", server.title()));
            }
        }
        Ok(Value::Object(body))
    }

    async fn prepare(&self, cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
        let mut state: State = serde_json::from_value(post.state.clone()).unwrap_or_default();
        let mut saved = json!(state);
        if state.reply.is_none()
            && let Some(url) = post.parent.as_ref().map_or_else(|| unknown(post.reply_to.as_ref()), nameless)
        {
            state.reply = Some(resolve(cx, url).await?);
        }
        if state.quote.is_none()
            && post.payload.get("quoted_status_id").is_some()
            && let Some(url) = unknown(post.quote.as_ref())
        {
            state.quote = Some(resolve(cx, url).await?);
        }
        for (index, medium) in post.media.iter().enumerate() {
            if state.media.len() <= index {
                let upload = upload::upload(cx, medium, &state.media, true).await?;
                state.media.push(upload);
                saved = json!(state);
                cx.save(&saved).await?;
            }
        }
        if let Some(wait) = self.processing(cx, post, &mut state).await? {
            return Ok(wait);
        }
        let now = json!(state);
        if now != saved {
            cx.save(&now).await?;
        }
        // nothing to know is nothing to keep
        Ok(Ready::Now(if now == json!(State::default()) { Value::Null } else { now }))
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Receipt, Fault> {
        let token = cx.secret("token")?;
        let state: State = serde_json::from_value(ready.clone()).unwrap_or_default();
        let mut body = post.payload.as_object().cloned().unwrap_or_default();
        if !state.media.is_empty() {
            let ids: Vec<&str> = state.media.iter().map(|upload| upload.id.as_str()).collect();
            body.insert("media_ids".into(), json!(ids));
        }
        if let Some(reply) = reply(post, &state) {
            body.insert("in_reply_to_id".into(), json!(reply));
        }
        if body.contains_key("quoted_status_id") {
            let quote = match (&state.quote, &post.quote) {
                (Some(id), _) => Some(id),
                (None, Some(Reference::Ours(receipt))) => Some(&receipt.id).filter(|id| !id.is_empty()),
                _ => None,
            };
            match quote {
                Some(id) => body.insert("quoted_status_id".into(), json!(id)),
                None => body.remove("quoted_status_id"),
            };
        }
        let mut request =
            api::request(&cx.account.server, Method::POST, "/api/v1/statuses").bearer(&token).json(Value::Object(body));
        if !Server::of(Some(cx.account)).trips_over_keys() {
            request = request.header("idempotency-key", post.uuid());
        }
        let answer = cx.call(request).await?;
        let status = Status::read(&answer.value()).ok_or_else(|| payload_error(&answer, "id"))?;
        Ok(Receipt::new(status.id, status.url))
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        let token = cx.secret("token")?;
        let request = api::request(&cx.account.server, Method::GET, "/api/v1/accounts/verify_credentials");
        let answer = cx.call(request.bearer(&token)).await?;
        let account = answer.value();
        let id = api::id(&account["id"]).ok_or_else(|| payload_error(&answer, "id"))?;
        let name = account["acct"].as_str().or(account["username"].as_str()).unwrap_or_default();
        let host = cx.account.server.split("://").last().unwrap_or_default();
        let handle = match name {
            "" => String::new(),
            name if name.contains('@') => format!("@{name}"),
            name => format!("@{name}@{host}"),
        };
        Ok(Profile { id, handle, url: api::web(&account["url"]) })
    }

    async fn discover(&self, cx: &Cx<'_>) -> Result<Value, Fault> {
        server::discover(cx).await
    }

    fn explain(&self, answer: &Answer) -> Option<Fault> {
        let mut fault = explain_by_status(answer)?;
        let said = fault.message.to_lowercase();
        match answer.status {
            // Pixelfed saves the key before the work: the first try may have posted, or failed and blocked its own repeat
            400 if answer.write && said.contains("duplicate idempotency key") => fault = fault.maybe().code("duplicate_key"),
            // Takahē says it with a 400 in plain text
            400 if said.contains("bearer token") || said.contains("access token") => fault.kind = Kind::Auth,
            401 if answer.body.is_empty() => fault.message = "the server does not accept this token".to_string(),
            // snac answers a read with a wrong or revoked token with an empty 422
            422 if !answer.write && answer.body.is_empty() => {
                fault.kind = Kind::Auth;
                fault.message = "the server does not know this token".to_string();
            }
            422 if said.contains("not finished processing") => {
                fault.kind = Kind::Unavailable;
                fault.retry_at = Some(answer.at + TimeDelta::seconds(5));
            }
            _ => {}
        }
        Some(fault)
    }

    fn logins(&self) -> &'static [Login] {
        login::LOGINS
    }

    fn find(&self) -> Option<&dyn Find> {
        Some(self)
    }

    fn delete(&self) -> Option<&dyn Delete> {
        Some(self)
    }

    fn edit(&self) -> Option<&dyn Edit> {
        Some(self)
    }

    fn twin(&self) -> Box<dyn Twin> {
        Box::new(twin::MastodonTwin::default())
    }

    fn twin_account(&self, n: usize, _home: &std::path::Path) -> TwinAccount {
        twin::account(n)
    }

    fn setup(&self) -> &'static str {
        include_str!("setup.md")
    }
}

#[async_trait]
impl Find for Network {
    async fn find(&self, cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
        let state: State = serde_json::from_value(ready.clone()).unwrap_or_default();
        readback::find(cx, post, reply(post, &state), since).await
    }
}

#[async_trait]
impl Delete for Network {
    async fn delete(&self, cx: &Cx<'_>, receipt: &Receipt) -> Result<(), Fault> {
        let token = cx.secret("token")?;
        let id = match nameless(receipt) {
            Some(url) => resolve(cx, url).await?,
            None => receipt.id.clone(),
        };
        let request = |method| {
            let path = format!("/api/v1/statuses/{id}");
            api::request(&cx.account.server, method, &path).bearer(&token)
        };
        let gone = |fault: &Fault| matches!(fault.status, Some(404 | 410));
        let lost = match cx.call(request(Method::DELETE)).await {
            Ok(_) => return Ok(()),
            Err(fault) if fault.effect == Effect::Maybe => Some(fault),
            Err(fault) if gone(&fault) || fault.status == Some(405) => None,
            Err(fault) => return Err(fault),
        };
        // 404 means "gone already" or, with snac, "no such method", and a lost answer means nothing: the status itself tells
        match cx.call(request(Method::GET)).await {
            Ok(_) => Err(lost.unwrap_or_else(|| {
                let title = Server::of(Some(cx.account)).title();
                Fault::new(
                    Kind::Unsupported,
                    format!("{title} cannot delete through its API; delete the post there by hand"),
                )
            })),
            Err(fault) if gone(&fault) => Ok(()),
            Err(fault) => Err(lost.unwrap_or(fault)),
        }
    }
}

impl Network {
    /// Asks for uploads that the server is still busy with; when to ask again, if it still is.
    async fn processing(&self, cx: &Cx<'_>, post: &Post, state: &mut State) -> Result<Option<Ready>, Fault> {
        if state.media.iter().all(|upload| upload.ready) {
            return Ok(None);
        }
        let token = cx.secret("token")?;
        let since = *state.since.get_or_insert_with(Utc::now);
        // an upload that was answered with 202 a moment ago needs no question yet
        for index in (0..state.media.len()).filter(|_| state.polls > 0) {
            if state.media[index].ready {
                continue;
            }
            match cx.call(upload::stored(&cx.account.server, &state.media[index].id).bearer(&token)).await {
                Ok(answer) => state.media[index].ready = answer.status != 206,
                Err(fault) if fault.status == Some(404) && !Server::of(Some(cx.account)).mastodon() => {
                    // no way to ask; the status itself will be refused until it is ready
                    state.media[index].ready = true;
                }
                Err(fault) if fault.status == Some(404) && !state.media[index].again => {
                    let others: Vec<Upload> = state.media.clone();
                    let upload = upload::upload(cx, &post.media[index], &others, false).await?;
                    state.media[index] = Upload { again: true, ..upload };
                }
                Err(fault) => return Err(fault),
            }
        }
        if state.media.iter().all(|upload| upload.ready) {
            return Ok(None);
        }
        let now = Utc::now();
        if now - since > PROCESSING {
            let why = "the server has been processing the upload for half an hour; try another format";
            return Err(Fault::new(Kind::Rejected, why));
        }
        // 1, 2, 4, 8, then every 15 s
        let wait = TimeDelta::seconds(1 << state.polls.min(3)).min(TimeDelta::seconds(15));
        let wait = if state.polls > 3 { TimeDelta::seconds(15) } else { wait };
        state.polls += 1;
        Ok(Some(Ready::Later { state: json!(state), at: now + wait }))
    }
}

/// The server's own id of a post that has this address.
async fn resolve(cx: &Cx<'_>, url: &str) -> Result<String, Fault> {
    if let Some(id) = own_status(&cx.account.server, url) {
        return Ok(id);
    }
    let token = cx.secret("token")?;
    let request = api::request(&cx.account.server, Method::GET, "/api/v2/search")
        .bearer(&token)
        .query("q", url)
        .query("type", "statuses")
        .query("resolve", "true")
        .query("limit", "5");
    let answer = cx.call(request).await?;
    let value = answer.value();
    let found: Vec<Status> =
        value["statuses"].as_array().map(|list| list.iter().filter_map(Status::read).collect()).unwrap_or_default();
    // some servers search the text instead of looking the address up
    let same = |status: &&Status| {
        [&status.url, &status.uri].into_iter().flatten().any(|known| tail(known) == tail(url))
    };
    found.iter().find(same).map(|status| status.id.clone()).ok_or_else(|| {
        Fault::new(Kind::Rejected, format!("{} finds no post at `{url}`", Server::of(Some(cx.account)).title()))
    })
}

/// The last piece of an address: the id that all forms of a status' address share.
fn tail(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// The id in an address of the account's own server as Mastodon writes them: `/@ann/123`, `/users/ann/statuses/123`.
fn own_status(server: &str, url: &str) -> Option<String> {
    let path = url.strip_prefix(server)?.strip_prefix('/')?.trim_end_matches('/');
    let id = match path.split('/').collect::<Vec<_>>().as_slice() {
        // `@ann@elsewhere` is a copy of a post from elsewhere, and its number is this server's own all the same
        [user, id] if user.starts_with('@') => *id,
        ["users", _, "statuses", id] => *id,
        _ => return None,
    };
    (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).then(|| id.to_string())
}

/// The id of what the part replies to.
fn reply<'a>(post: &'a Post, state: &'a State) -> Option<&'a str> {
    let ours = match (&post.parent, &post.reply_to) {
        (Some(receipt), _) | (None, Some(Reference::Ours(receipt))) => Some(receipt.id.as_str()),
        _ => None,
    };
    ours.filter(|id| !id.is_empty()).or(state.reply.as_deref())
}

/// The address of a post whose id has to be asked for.
fn unknown(reference: Option<&Reference>) -> Option<&str> {
    match reference? {
        Reference::Ours(receipt) => nameless(receipt),
        Reference::Url(url) => Some(url),
    }
}

/// The same for one of our own that a person settled by its address alone.
fn nameless(receipt: &Receipt) -> Option<&str> {
    receipt.url.as_deref().filter(|_| receipt.id.is_empty())
}

/// Why the quote cannot be sent as one; `None` if it can.
fn no_quote(ask: &Ask, without_media: bool) -> Option<String> {
    let server = Server::of(ask.account);
    if !server.quotes() {
        Some(format!("{} is not known to have quotes", server.title()))
    } else if !without_media || ask.content.poll.is_some() {
        Some("a quote cannot stand beside media or a poll".to_string())
    } else {
        None
    }
}

fn address(reference: &Reference) -> Option<String> {
    match reference {
        Reference::Ours(receipt) => receipt.url.clone(),
        Reference::Url(url) => Some(url.clone()),
    }
}

/// The address as a paragraph of its own at the end.
fn append_link(text: &mut Text, url: &str) {
    if !text.is_empty() {
        text.push(&Text::plain("\n\n"));
    }
    let mark = Mark { start: 0, end: url.len(), kind: MarkKind::Link { url: url.to_string() } };
    text.push(&Text { text: url.to_string(), marks: vec![mark] });
}

/// The API's word for who may see it; `None` leaves it to the account's own default.
fn visibility(ask: &Ask, server: &Server, piece: &mut Piece) -> Result<Option<String>, String> {
    if let Some(audience) = ask.content.option_str("audience") {
        return if server.mastodon() {
            Err(format!("{} knows no audience `{audience}`; use `visibility`", server.title()))
        } else {
            Ok(Some(audience.to_string()))
        };
    }
    let Some(visibility) = ask.content.visibility else { return Ok(None) };
    match (server.software(), visibility) {
        ("pixelfed", Visibility::Direct) => return Err("Pixelfed has no direct posts".to_string()),
        // seen with snac 2.75: a direct post was answered as one for followers, an unlisted one as public
        ("snac", Visibility::Direct) => return Err("snac has no direct posts through its API".to_string()),
        ("snac", Visibility::Unlisted) if piece.index == 0 => {
            piece.notes.push(PlanNote::new("visibility", "snac shows unlisted posts as public ones"));
        }
        _ => {}
    }
    Ok(Some(
        match visibility {
            Visibility::Public => "public",
            Visibility::Unlisted => "unlisted",
            Visibility::Followers => "private",
            Visibility::Direct => "direct",
        }
        .to_string(),
    ))
}

/// ISO 639-1 where the tag has more; Chinese keeps its region, which Mastodon tells apart.
fn language(tag: &str) -> &str {
    if tag.starts_with("zh") { tag } else { tag.split(['-', '_']).next().unwrap_or(tag) }
}

#[cfg(test)]
mod tests;
