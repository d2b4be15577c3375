//! A site of one's own: Atom, JSON Feed 1.1 and pages of HTML in a directory, with no account anywhere.

mod atom;
mod html;
mod item;
mod site;
mod twin;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    AccountInfo, Ask, Card, ContentPost, Cx, Delete, Field, FieldKind, Find, Found, ImageRule, MediaRule, Piece,
    Platform, Post, Profile, Ready, Receipt, Rendered, Repeat, Server, Spec, TextRule, Title, TwinAccount, VideoRule,
    standard,
};
use crate::draft::Visibility;
use crate::login::{Flow, Login, Typed};
use crate::media::Media;
use crate::net::Fault;
use crate::text::{Markup, Text, Unit};
use crate::twin::Twin;

use site::Site;

/// Feeds.
pub struct Network;

const fn field(name: &'static str, kind: FieldKind, required: bool, help: &'static str) -> Field {
    Field { name, kind, required, help }
}

const FIELDS: &[Field] = &[
    field("directory", FieldKind::Directory, true, "where the files go; made if it is not there"),
    field("base_url", FieldKind::Text, false, "where that directory can be read on the web; default its own `file:` address"),
    field("title", FieldKind::Text, false, "the title of the feed; default the directory's name"),
    field("author", FieldKind::Text, false, "whose posts these are"),
    field("keep", FieldKind::Number, false, "keep so many of the newest posts and remove older ones; default all"),
];

static SPEC: Spec = Spec {
    name: "feed",
    title: "Feed",
    about: "your own site: Atom, JSON Feed and HTML in a directory",
    checked: "2026-11-21",
    sources: &["https://www.jsonfeed.org/version/1.1/", "https://www.rfc-editor.org/rfc/rfc4287"],
    server: Server::Local,
    api: None,
    fields: FIELDS,
    options: &[],
    text: TextRule { markup: Markup::Html, unit: Unit::Scalars, max: None, also: None, caption: None, optional: true },
    title_rule: Title::Native { max: 1000, required: false },
    swaps: &[],
    native_tags: true,
    native_link: true,
    media: MediaRule {
        max: 100,
        image: Some(ImageRule { max: 100, bytes: GIGABYTE, pixels: None, side: None, mimes: IMAGES }),
        video: Some(VideoRule { max: 100, bytes: GIGABYTE, mimes: VIDEOS }),
        file: None,
        mixed: true,
        alt: Some((Unit::Scalars, 10_000)),
        required: false,
    },
    poll: None,
    // the posts of a thread become one article: a site has no limit that would part them
    threads: false,
    replies: false,
    quotes: false,
    warnings: true,
    languages: true,
    visibility: &[Visibility::Public],
    location: false,
    comments: None,
    card: Card::Ours,
    repeat: Repeat::SameId,
    pace: Duration::ZERO,
    document: None,
};

const IMAGES: &[&str] = &["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"];
const VIDEOS: &[&str] = &["video/mp4", "video/webm"];
const GIGABYTE: u64 = 1_000_000_000;

/// There is nobody to log in to.
const LOGINS: &[Login] = &[Login {
    name: "directory",
    about: "a directory of this machine, no account anywhere",
    flow: Flow::Typed(Typed::PLAIN),
    keeps: &[],
    asks: &["directory"],
    page: None,
}];

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    // all posts of the draft are one article
    fn render(&self, ask: &Ask) -> Rendered {
        let mut content = ask.content.clone();
        let mut whole = ContentPost::default();
        for post in &content.posts {
            if !whole.text.is_empty() && !post.text.is_empty() {
                whole.text.push(&Text::plain("\n\n"));
            }
            whole.text.push(&post.text);
            whole.media.extend(post.media.iter().cloned());
        }
        content.posts = vec![whole];
        standard(&SPEC, &Ask { content: &content, ..ask.clone() }, &|ask, piece| self.encode(ask, piece))
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        let content = ask.content;
        Ok(json!({
            "title": piece.title,
            "summary": content.summary,
            "text": Markup::Plain.encode(&Markup::Plain.fit(&piece.text)),
            "html": Markup::Html.encode(&piece.text),
            "lang": content.lang,
            "link": content.link,
            "warning": content.warning,
            "tags": content.tags,
            "media": piece.media.iter().map(|medium| json!({
                "sha256": medium.media.sha256,
                "mime": medium.media.mime,
                "bytes": medium.media.bytes,
                "width": medium.media.width,
                "height": medium.media.height,
                "alt": medium.alt.clone().unwrap_or_default(),
            })).collect::<Vec<_>>(),
            "card": piece.card.as_ref().map(|card| json!({
                "url": card.url,
                "title": card.title,
                "description": card.description,
                "image": card.image.as_ref().map(site::media_name),
            })),
        }))
    }

    async fn prepare(&self, cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
        let site = Site::of(cx.account)?;
        let media = media(post);
        blocking(move || media.iter().try_for_each(|medium| site.copy(medium))).await?;
        Ok(Ready::Now(Value::Null))
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, _ready: &Value) -> Result<Receipt, Fault> {
        let (site, post) = (Site::of(cx.account)?, &made(post));
        let (item, media, page) = (item::item(&site, post), media(post), item::page(post));
        let receipt = Receipt::new(item::id(post), Some(site.url(&page))).extra(json!({"page": page}));
        blocking(move || {
            let change = |items: &mut Vec<Value>| {
                // since `prepare`, another post with the same picture may have been deleted, and the picture with it
                media.iter().try_for_each(|medium| site.copy(medium))?;
                item::put(items, item);
                Ok(())
            };
            site.change(change, Some(&page), None)
        })
        .await?;
        Ok(receipt)
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        let site = Site::of(cx.account)?;
        let profile = Profile {
            id: site.directory().display().to_string(),
            handle: site.title().to_string(),
            url: Some(site.url("index.html")),
        };
        blocking(move || site.check()).await?;
        Ok(profile)
    }

    fn logins(&self) -> &'static [Login] {
        LOGINS
    }

    fn find(&self) -> Option<&dyn Find> {
        Some(self)
    }

    fn delete(&self) -> Option<&dyn Delete> {
        Some(self)
    }

    fn twin(&self) -> Box<dyn Twin> {
        Box::new(twin::Directories::default())
    }

    fn twin_account(&self, n: usize, home: &std::path::Path) -> TwinAccount {
        twin::account(n, home)
    }

    fn setup(&self) -> &'static str {
        include_str!("setup.md")
    }
}

#[async_trait]
impl Find for Network {
    async fn find(&self, cx: &Cx<'_>, post: &Post, _ready: &Value, _since: DateTime<Utc>) -> Result<Found, Fault> {
        let site = Site::of(cx.account)?;
        let url = site.url(&item::page(post));
        let (items, full) = blocking(move || site.items()).await?;
        let id = item::id(post);
        if items.iter().any(|item| item["id"] == id) {
            return Ok(Found::Yes(Receipt::new(id, Some(url)).extra(json!({"page": item::page(post)}))));
        }
        // where `keep` cuts the feed, an older post may have been there and gone
        let oldest = items.iter().filter_map(item::date).min();
        Ok(if full && oldest.is_some_and(|oldest| oldest >= post.created) { Found::Unsure } else { Found::No })
    }
}

#[async_trait]
impl Delete for Network {
    async fn delete(&self, cx: &Cx<'_>, receipt: &Receipt) -> Result<(), Fault> {
        let site = Site::of(cx.account)?;
        let id = receipt.id.clone();
        let page = receipt.extra["page"].as_str().map(str::to_string);
        blocking(move || {
            let change = |items: &mut Vec<Value>| {
                items.retain(|item| item["id"] != id);
                Ok(())
            };
            site.change(change, None, page.as_deref())
        })
        .await
    }
}

/// The post with its media as they were made: when it was planned, their hashes and sizes were not known yet.
fn made(post: &Post) -> Post {
    let mut made = post.clone();
    for (index, one) in post.media.iter().enumerate() {
        let media = &one.media;
        if let Some(Value::Object(said)) = made.payload["media"].get_mut(index) {
            said.insert("sha256".into(), json!(media.sha256));
            said.insert("bytes".into(), json!(media.bytes));
            said.insert("width".into(), json!(media.width));
            said.insert("height".into(), json!(media.height));
        }
    }
    if let Some(image) = post.card.as_ref().and_then(|card| card.image.as_ref()).filter(|_| made.payload["card"].is_object()) {
        made.payload["card"]["image"] = json!(site::media_name(image));
    }
    made
}

/// All files that a post needs.
fn media(post: &Post) -> Vec<Media> {
    let card = post.card.as_ref().and_then(|card| card.image.as_ref());
    post.media.iter().map(|medium| &medium.media).chain(card).cloned().collect()
}

/// Files are slow at times; the runtime has other accounts to serve.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Fault::local(format!("writing the feed stopped: {error}")))?
}

impl Site {
    /// The site of an account.
    ///
    /// # Errors
    /// A setting is missing or wrong.
    fn of(account: &AccountInfo) -> Result<Site, Fault> {
        let keep = account.settings.get("keep").and_then(Value::as_u64).map(|keep| keep.max(1) as usize);
        let setting = |key| account.setting(key).trim();
        Site::new(setting("directory"), setting("base_url"), setting("title"), setting("author"), keep)
    }
}

#[cfg(test)]
mod tests;
