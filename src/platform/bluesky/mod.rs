//! Bluesky, or any other server of the AT Protocol that keeps `app.bsky.feed.post` records.

mod address;
mod api;
mod identity;
mod oauth;
mod record;
mod session;
pub mod syntax;
mod twin;
mod twin_cid;
mod twin_oauth;
mod twin_video;
mod video;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::api::{BlobAnswer, RecordAnswer, StrongRef};
use self::session::{Facts, Session};
use self::address::AtUri;
use super::{
    Ask, Card, Cx, Delete, Field, FieldKind, Find, Found, ImageRule, Limits, MediaRule, Piece, PlanNote, Platform, Post,
    Profile, Ready, Receipt, Reference, Rendered, Repeat, Server, Spec, TextRule, Title, TwinAccount, VideoRule, explain_by_status,
    fit, payload_error, upload,
};
use crate::draft::Visibility;
use crate::login::{Flow, Login, Typed};
use crate::media::Media;
use crate::net::{Answer, Body, Effect, Fault, FilePart, Kind, Request};
use crate::text::{Markup, Text, Unit};
use crate::twin::Twin;

/// The network.
pub struct Network;

/// The collection of posts.
const POST: &str = "app.bsky.feed.post";
/// A blob that no record uses is dropped after an hour or more.
const BLOB_KEPT: TimeDelta = TimeDelta::minutes(45);
/// Largest image of a post (lexicon `app.bsky.embed.images`, since 2026-04-08).
const IMAGE_BYTES: u64 = 2_000_000;

static SPEC: Spec = Spec {
    name: "bluesky",
    title: "Bluesky",
    about: "Bluesky and other servers of the AT Protocol",
    checked: "2026-11-21",
    sources: &[
        "https://docs.bsky.app/docs/advanced-guides/rate-limits",
        "https://atproto.com/specs/record-key",
        "https://github.com/bluesky-social/atproto/tree/main/lexicons",
    ],
    server: Server::Default("https://bsky.social"),
    api: None,
    fields: &[
        Field { name: "handle", kind: FieldKind::Text, required: true, help: "your handle, `ann.bsky.social` or your own domain" },
        Field {
            name: "password",
            kind: FieldKind::Secret,
            required: true,
            help: "an app password: Settings > Privacy and security > App passwords",
        },
    ],
    options: &[
        Field {
            name: "labels",
            kind: FieldKind::List,
            required: false,
            help: "content labels: `sexual`, `nudity`, `porn`, `graphic-media`, `!no-unauthenticated`",
        },
        Field {
            name: "threadgate",
            kind: FieldKind::Any,
            required: false,
            help: "who may reply: `nobody`, or a list of `mentions`, `followers`, `following` and at:// addresses of lists",
        },
        Field { name: "quotes", kind: FieldKind::Bool, required: false, help: "`false`: nobody may quote the post" },
        Field {
            name: "hidden_tags",
            kind: FieldKind::List,
            required: false,
            help: "hashtags that are not shown in the text, at most 8",
        },
    ],
    text: TextRule {
        markup: Markup::Links,
        unit: Unit::Graphemes,
        max: Some(300),
        also: Some((Unit::Bytes, 3000)),
        caption: None,
        optional: true,
    },
    title_rule: Title::Ignored,
    swaps: &[],
    native_tags: false,
    native_link: false,
    media: MediaRule {
        max: 4,
        image: Some(ImageRule {
            max: 4,
            bytes: IMAGE_BYTES,
            pixels: None,
            side: None,
            mimes: &["image/jpeg", "image/png", "image/webp", "image/gif"],
        }),
        video: Some(VideoRule { max: 1, bytes: video::BYTES, mimes: video::MIMES }),
        file: None,
        mixed: false,
        // the app's own bound; the lexicon has none
        alt: Some((Unit::Graphemes, 2000)),
        required: false,
    },
    poll: None,
    threads: true,
    replies: true,
    quotes: true,
    warnings: true,
    languages: true,
    visibility: &[Visibility::Public],
    location: false,
    comments: None,
    card: Card::Ours,
    repeat: Repeat::SameId,
    pace: Duration::ZERO,
    document: Some("bluesky"),
};

/// The app password first: it lasts without a person.
const LOGINS: &[Login] = &[
    Login {
        name: "app-password",
        about: "an app password: lasts until you delete it, right for pipelines",
        flow: Flow::Typed(Typed::PLAIN),
        keeps: &["password"],
        asks: &["handle", "password"],
        page: Some("https://bsky.app/settings/app-passwords"),
    },
    Login {
        name: oauth::WAY,
        about: "in your browser, for posting alone: you log in again every two weeks",
        flow: Flow::Own(&oauth::Browser),
        keeps: oauth::KEEPS,
        asks: &["handle"],
        page: Some("{server}/account"),
    },
];

/// What `prepare` has finished.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct State {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blobs: Vec<Blob>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumb: Option<Blob>,
    /// A film on its way through the film service.
    #[serde(skip_serializing_if = "Option::is_none")]
    film: Option<upload::State>,
    /// Handles and whose they are; `null` where nobody is called so.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    dids: BTreeMap<String, Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quote: Option<StrongRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<StrongRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<StrongRef>,
    /// The gates' collections that are written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gates: Vec<String>,
}

/// An uploaded blob and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Blob {
    blob: Value,
    at: DateTime<Utc>,
}

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn limits(&self, about: &Value) -> Limits {
        let mut limits = Limits::of(&SPEC);
        if let Some(most) = about["blob_bytes"].as_u64().filter(|most| *most > 0) {
            limits.image_bytes = limits.image_bytes.min(most);
        }
        // without a film service the server keeps the file as it is
        if about.is_object() && about["video"].is_null() {
            limits.video_mimes.retain(|mime| mime == "video/mp4");
            limits.video_bytes = about["blob_bytes"].as_u64().map_or(limits.video_bytes, |most| limits.video_bytes.min(most));
        }
        limits
    }

    /// The rule for all; a warning that is no label stands above the text, since Bluesky has no place for its words.
    fn render(&self, ask: &Ask) -> Rendered {
        let warning = ask.content.warning.as_deref().unwrap_or_default();
        let mut content = ask.content.clone();
        let mut notes = Vec::new();
        if !warning.is_empty()
            && record::labels_of(warning).is_empty()
            && content.option("labels").is_none()
            && let Some(first) = content.posts.first_mut()
        {
            let mut text = Text::plain(format!("CW: {warning}\n\n"));
            text.push(&first.text);
            first.text = text;
            notes.push(PlanNote::new("warning_as_text", "the warning stands above the text; it hides nothing").part(1));
        }
        let inner = Ask { content: &content, account: ask.account, limits: ask.limits };
        let mut rendered = fit::standard(&SPEC, &inner, &|ask, piece| self.encode(ask, piece));
        rendered.changes.extend(notes);
        rendered
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        record::encode(ask, piece)
    }

    async fn prepare(&self, cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
        let mut state: State = serde_json::from_value(post.state.clone()).unwrap_or_default();
        let mut saved = json!(state);
        let session = session::current(cx).await?;
        for handle in record::mentions(&post.payload) {
            if let Entry::Vacant(slot) = state.dids.entry(handle) {
                let did = resolve_handle(cx, &session, slot.key()).await?;
                slot.insert(did);
            }
        }
        if state.quote.is_none()
            && wants_quote(&post.payload)
            && let Some(quote) = &post.quote
        {
            state.quote = Some(self.reference(cx, &session, quote).await?.0);
        }
        if let (None, Some(reply)) = (&state.parent, post.reply_to.as_ref().filter(|_| post.parent.is_none())) {
            let (parent, root) = self.reference(cx, &session, reply).await?;
            (state.root, state.parent) = (Some(root.unwrap_or_else(|| parent.clone())), Some(parent));
        }
        // blobs last: the network keeps them the shortest time
        let fresh = |blob: &Blob| Utc::now() - blob.at < BLOB_KEPT;
        if let Some(film) = post.media.first().filter(|medium| medium.media.class() == "video")
            && !state.blobs.first().is_some_and(fresh)
            && let Some(service) = video::service(&cx.account.server, &session.facts.pds)
        {
            // a film that was ready and waited too long goes once more
            let mut on_its_way = state.film.take().filter(|film| !film.is_done()).unwrap_or_default();
            let keep = |film: &upload::State| json!(State { film: Some(film.clone()), ..state.clone() });
            let name = format!("{}.{}", post.tid(), film.media.mime.rsplit('/').next().unwrap_or("mp4"));
            let way = video::Film { session: &session, service, name };
            let stage = match known(cx, &film.media).await? {
                Some(blob) => upload::Stage::There(blob.blob),
                None => upload::run(cx, &way, &film.media, &mut on_its_way, &keep).await.map_err(unseen)?,
            };
            match stage {
                upload::Stage::Busy(at) => return Ok(Ready::Later { state: keep(&on_its_way), at }),
                // the service is not for this account: the server itself is next
                upload::Stage::There(Value::Null) => {}
                upload::Stage::There(blob) => {
                    let blob = Blob { blob, at: Utc::now() };
                    remember(cx, &film.media, &blob).await?;
                    state.blobs = vec![blob];
                    saved = json!(state);
                    cx.save(&saved).await?;
                }
            }
        }
        for (index, medium) in post.media.iter().enumerate() {
            if state.blobs.get(index).is_some_and(fresh) {
                continue;
            }
            let blob = upload_blob(cx, &session, &medium.media).await?;
            state.blobs.truncate(state.blobs.len().max(index));
            match state.blobs.get_mut(index) {
                Some(slot) => *slot = blob,
                None => state.blobs.push(blob),
            }
            saved = json!(state);
            cx.save(&saved).await?;
        }
        if wants_thumb(&post.payload)
            && !state.thumb.as_ref().is_some_and(fresh)
            && let Some(image) = post.card.as_ref().and_then(|card| card.image.as_ref())
        {
            state.thumb = Some(upload_blob(cx, &session, image).await?);
        }
        for (name, collection) in [("threadgate", "app.bsky.feed.threadgate"), ("postgate", "app.bsky.feed.postgate")] {
            if let Some(gate) = post.payload.get(name)
                && !state.gates.iter().any(|written| written == collection)
            {
                put_gate(cx, &session, post, collection, gate).await?;
                state.gates.push(collection.to_string());
            }
        }
        if json!(state) != saved {
            cx.save(&json!(state)).await?;
        }
        // what the journal knows of the parts before this one needs no checkpoint
        if let (None, Some(parent)) = (&state.parent, &post.parent) {
            let (parent, root) = self.ours(cx, &session, parent).await?;
            // the first part may itself be a reply: then the conversation's root is older than our thread
            let root = match (&post.root, root) {
                (_, Some(root)) => root,
                (Some(first), None) => self.ours(cx, &session, first).await.map(|(own, root)| root.unwrap_or(own))?,
                (None, None) => parent.clone(),
            };
            (state.root, state.parent) = (Some(root), Some(parent));
        }
        let now = json!(state);
        Ok(Ready::Now(if now == json!({}) { Value::Null } else { now }))
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Receipt, Fault> {
        let session = session::current(cx).await?;
        let state: State = serde_json::from_value(ready.clone()).unwrap_or_default();
        let blobs: Vec<Value> = state.blobs.iter().map(|blob| blob.blob.clone()).collect();
        let known = record::Known {
            blobs: &blobs,
            thumb: state.thumb.as_ref().map(|blob| &blob.blob),
            dids: &state.dids,
            quote: state.quote.as_ref(),
            reply: state.root.as_ref().zip(state.parent.as_ref()),
        };
        let record = record::complete(&post.payload, post.created, &known);
        match put(cx, &session, POST, post, record).await {
            Ok(answer) => {
                let written: StrongRef = answer.json()?;
                Ok(receipt(&session.facts, written, state.root.as_ref(), &state.gates))
            }
            Err(fault) if fault.code.as_deref() == Some("BlobNotFound") => {
                // the network dropped an upload that waited too long: the next try uploads it again
                let forget = State { blobs: Vec::new(), thumb: None, film: None, ..state };
                let images = post.card.as_ref().and_then(|card| card.image.as_ref());
                for media in post.media.iter().map(|medium| &medium.media).chain(images) {
                    cx.sink.remember_upload(&media.sha256, "blob", &Value::Null, Utc::now()).await?;
                }
                cx.save(&json!(forget)).await?;
                Err(Fault { kind: Kind::Unavailable, ..fault })
            }
            Err(fault) => Err(fault),
        }
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        let session = session::current(cx).await?;
        let url = xrpc(&session, "com.atproto.server.getSession");
        let answer = session.call(cx, || Request::get(&url)).await?;
        let value = answer.value();
        let id = value["did"].as_str().ok_or_else(|| payload_error(&answer, "did"))?.to_string();
        let handle = value["handle"].as_str().unwrap_or(&session.facts.handle);
        let url = format!("https://bsky.app/profile/{}", name(handle, &id));
        Ok(Profile { handle: format!("@{handle}"), url: Some(url), id })
    }

    async fn discover(&self, cx: &Cx<'_>) -> Result<Value, Fault> {
        // the PDS has the limits, and only a session tells which that is
        let pds = session::current(cx).await?.facts.pds;
        let answer = cx.call(Request::get(format!("{pds}/xrpc/com.atproto.server.describeServer"))).await?;
        let value = answer.value();
        if !value["did"].is_string() {
            return Err(payload_error(&answer, "did"));
        }
        let mut about = json!({ "pds": pds });
        if let Some(most) = value["blobUploadLimit"].as_u64() {
            about["blob_bytes"] = json!(most);
        }
        if let Some(service) = video::service(&cx.account.server, &pds) {
            about["video"] = json!(service);
        }
        Ok(about)
    }

    fn explain(&self, answer: &Answer) -> Option<Fault> {
        let mut fault = explain_by_status(answer)?;
        match fault.code.as_deref() {
            Some("ExpiredToken" | "InvalidToken") => fault.kind = Kind::Auth,
            Some("AuthFactorTokenRequired") => {
                fault.kind = Kind::Auth;
                fault.message = "the account asks for a code from an e-mail; use an app password instead".to_string();
            }
            Some("AccountTakedown" | "AccountDeactivated" | "AccountSuspended") => fault.kind = Kind::Forbidden,
            // another record has this key already: ours from an earlier try, most likely
            Some("InvalidSwap") if answer.write => fault = fault.maybe(),
            Some("RateLimitExceeded") => fault.kind = Kind::Limited,
            Some("ScopeMissingError") => {
                fault.message = format!("{}; log in again and leave that permission in", fault.message);
            }
            Some("PayloadTooLarge") => fault.message = "the file is too large for this server".to_string(),
            _ => {}
        }
        Some(fault)
    }

    fn logins(&self) -> &'static [Login] {
        LOGINS
    }

    async fn refresh(&self, cx: &Cx<'_>) -> Result<bool, Fault> {
        session::refresh(cx).await
    }

    async fn leave(&self, cx: &Cx<'_>) -> Result<(), Fault> {
        session::leave(cx).await
    }

    fn stale(&self, cx: &Cx<'_>) -> bool {
        session::stale(cx)
    }

    fn hosts(&self, cx: &Cx<'_>) -> Vec<String> {
        let mut hosts = session::hosts(cx);
        let films = hosts.iter().find_map(|pds| video::service(&cx.account.server, pds));
        hosts.extend(films.map(str::to_string));
        hosts
    }

    fn find(&self) -> Option<&dyn Find> {
        Some(self)
    }

    fn delete(&self) -> Option<&dyn Delete> {
        Some(self)
    }

    fn twin(&self) -> Box<dyn Twin> {
        Box::new(twin::BlueskyTwin::default())
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
    async fn find(&self, cx: &Cx<'_>, post: &Post, ready: &Value, _since: DateTime<Utc>) -> Result<Found, Fault> {
        let session = session::current(cx).await?;
        let state: State = serde_json::from_value(ready.clone()).unwrap_or_default();
        let uri = AtUri { repo: session.facts.did.clone(), collection: POST.to_string(), key: post.tid() };
        match get_record(cx, &session, &uri).await {
            Ok(found) => {
                let root = serde_json::from_value(found.value["reply"]["root"].clone()).ok();
                let own = StrongRef { uri: found.uri, cid: found.cid };
                Ok(Found::Yes(receipt(&session.facts, own, root.as_ref(), &state.gates)))
            }
            Err(fault) if missing(&fault) => Ok(Found::No),
            Err(fault) => Err(fault),
        }
    }
}

#[async_trait]
impl Delete for Network {
    async fn delete(&self, cx: &Cx<'_>, receipt: &Receipt) -> Result<(), Fault> {
        let session = session::current(cx).await?;
        let uri = AtUri::of_post(address(receipt))
            .ok_or_else(|| Fault::local(format!("`{}` is not the address of a post", address(receipt))))?;
        let gates: Vec<&str> =
            receipt.extra["gates"].as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
        // a record that is not there is no fault to this method
        for collection in [uri.collection.as_str()].into_iter().chain(gates) {
            let body = json!({"repo": session.facts.did, "collection": collection, "rkey": uri.key});
            let url = xrpc(&session, "com.atproto.repo.deleteRecord");
            session.call(cx, || Request::post(&url).json(body.clone())).await?;
        }
        Ok(())
    }
}

impl Network {
    /// A post by what names it, and the root of its conversation if it is a reply.
    async fn reference(
        &self,
        cx: &Cx<'_>,
        session: &Session,
        reference: &Reference,
    ) -> Result<(StrongRef, Option<StrongRef>), Fault> {
        match reference {
            Reference::Ours(receipt) => self.ours(cx, session, receipt).await,
            Reference::Url(url) => read_post(cx, session, url).await,
        }
    }

    /// One of our own; read from the network only where the journal does not know its version.
    async fn ours(
        &self,
        cx: &Cx<'_>,
        session: &Session,
        receipt: &Receipt,
    ) -> Result<(StrongRef, Option<StrongRef>), Fault> {
        match receipt.extra["cid"].as_str() {
            Some(cid) => {
                let root = serde_json::from_value(receipt.extra["root"].clone()).ok();
                Ok((StrongRef { uri: receipt.id.clone(), cid: cid.to_string() }, root))
            }
            None if address(receipt).is_empty() => Err(Fault::new(
                Kind::Rejected,
                "nobody knows the address of the post before this one, so nothing can be put under it",
            )),
            None => read_post(cx, session, address(receipt)).await,
        }
    }
}

/// What names one of our own posts; a person who settled it gave its web address alone.
fn address(receipt: &Receipt) -> &str {
    if receipt.id.is_empty() { receipt.url.as_deref().unwrap_or_default() } else { &receipt.id }
}

fn xrpc(session: &Session, method: &str) -> String {
    format!("{}/xrpc/{method}", session.facts.pds)
}

/// For addresses: the handle while it is good, else the DID.
fn name<'a>(handle: &'a str, did: &'a str) -> &'a str {
    if syntax::handle(handle) && handle != "handle.invalid" { handle } else { did }
}

fn receipt(facts: &Facts, own: StrongRef, root: Option<&StrongRef>, gates: &[String]) -> Receipt {
    let key = own.uri.rsplit('/').next().unwrap_or_default();
    let url = format!("https://bsky.app/profile/{}/post/{key}", name(&facts.handle, &facts.did));
    let mut extra = json!({ "cid": own.cid });
    if let Some(root) = root {
        extra["root"] = json!(root);
    }
    if !gates.is_empty() {
        extra["gates"] = json!(gates);
    }
    Receipt::new(own.uri, Some(url)).extra(extra)
}

/// Writes a record where none is yet; the same record again is a success.
async fn put(cx: &Cx<'_>, session: &Session, collection: &str, post: &Post, record: Value) -> Result<Answer, Fault> {
    let body = json!({"repo": session.facts.did, "collection": collection, "rkey": post.tid(), "validate": true,
        "swapRecord": null, "record": record});
    let url = xrpc(session, "com.atproto.repo.putRecord");
    session.call(cx, || Request::post(&url).json(body.clone())).await
}

/// A gate goes before its post, so that nobody replies or quotes in between. Nobody sees it without the post.
async fn put_gate(cx: &Cx<'_>, session: &Session, post: &Post, collection: &str, gate: &Value) -> Result<(), Fault> {
    let mut gate = gate.clone();
    gate["post"] = json!(format!("at://{}/{POST}/{}", session.facts.did, post.tid()));
    gate["createdAt"] = json!(record::timestamp(post.created));
    match put(cx, session, collection, post, gate).await {
        Ok(_) => Ok(()),
        // written by an earlier try
        Err(fault) if fault.code.as_deref() == Some("InvalidSwap") => Ok(()),
        Err(fault) => Err(unseen(fault)),
    }
}

/// What failed before the post was sent is seen by nobody.
fn unseen(fault: Fault) -> Fault {
    Fault { effect: Effect::None, ..fault }
}

async fn upload_blob(cx: &Cx<'_>, session: &Session, media: &Media) -> Result<Blob, Fault> {
    let at = Utc::now();
    if let Some(blob) = known(cx, media).await? {
        return Ok(blob);
    }
    cx.sink.progress(&format!("uploading {}", media.name));
    let file =
        FilePart { path: media.path.clone(), name: media.name.clone(), mime: media.mime.clone(), bytes: media.bytes };
    session.warm(cx).await?;
    let url = xrpc(session, "com.atproto.repo.uploadBlob");
    let send = || Request::post(&url).body(Body::File(file.clone()));
    let answer = session.call(cx, send).await.map_err(unseen)?;
    let uploaded: BlobAnswer = answer.json().map_err(unseen)?;
    let blob = Blob { blob: uploaded.blob, at };
    remember(cx, media, &blob).await?;
    Ok(blob)
}

/// A blob is named by its content, so it can be used in any number of posts while it is kept.
async fn known(cx: &Cx<'_>, media: &Media) -> Result<Option<Blob>, Fault> {
    let known = cx.sink.uploaded(&media.sha256, "blob").await?;
    let blob = known.and_then(|known| serde_json::from_value::<Blob>(known).ok());
    Ok(blob.filter(|blob| Utc::now() - blob.at < BLOB_KEPT))
}

async fn remember(cx: &Cx<'_>, media: &Media, blob: &Blob) -> Result<(), Fault> {
    cx.sink.remember_upload(&media.sha256, "blob", &json!(blob), blob.at + BLOB_KEPT).await
}

/// Whose handle it is; `None` if nobody's.
async fn resolve_handle(cx: &Cx<'_>, session: &Session, handle: &str) -> Result<Option<String>, Fault> {
    let url = xrpc(session, "com.atproto.identity.resolveHandle");
    match cx.call(Request::get(url).query("handle", handle)).await {
        Ok(answer) => Ok(answer.value()["did"].as_str().filter(|did| syntax::did(did)).map(str::to_string)),
        Err(fault) if fault.kind == Kind::Rejected => Ok(None),
        Err(fault) => Err(fault),
    }
}

async fn get_record(cx: &Cx<'_>, session: &Session, uri: &AtUri) -> Result<RecordAnswer, Fault> {
    let url = xrpc(session, "com.atproto.repo.getRecord");
    let read =
        || Request::get(&url).query("repo", &uri.repo).query("collection", &uri.collection).query("rkey", &uri.key);
    session.call(cx, read).await?.json()
}

/// The network says that there is no such record. Older servers have no name of their own for it.
fn missing(fault: &Fault) -> bool {
    fault.code.as_deref() == Some("RecordNotFound") || fault.message.starts_with("Could not locate record")
}

/// Anybody's post by its address.
async fn read_post(cx: &Cx<'_>, session: &Session, address: &str) -> Result<(StrongRef, Option<StrongRef>), Fault> {
    let no = |why: &str| Fault::new(Kind::Rejected, format!("`{address}` {why}"));
    let mut uri = AtUri::of_post(address).ok_or_else(|| no("is not the address of a Bluesky post"))?;
    if !syntax::did(&uri.repo) {
        uri.repo = resolve_handle(cx, session, &uri.repo).await?.ok_or_else(|| no("names nobody"))?;
    }
    let found = get_record(cx, session, &uri).await.map_err(|fault| if missing(&fault) { no("is not there") } else { fault })?;
    let root = serde_json::from_value(found.value["reply"]["root"].clone()).ok();
    Ok((StrongRef { uri: found.uri, cid: found.cid }, root))
}

fn wants_quote(payload: &Value) -> bool {
    matches!(
        payload["record"]["embed"]["$type"].as_str(),
        Some("app.bsky.embed.record" | "app.bsky.embed.recordWithMedia")
    )
}

fn wants_thumb(payload: &Value) -> bool {
    let embed = &payload["record"]["embed"];
    [&embed["external"], &embed["media"]["external"]].iter().any(|external| external.get("thumb").is_some())
}

#[cfg(test)]
mod oauth_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod video_tests;
