//! Webhooks: a signed POST to any address, for n8n, Zapier, Make, chat servers and whatever one writes oneself.

mod address;
mod body;
mod sign;
mod twin;

use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{
    AccountInfo, Ask, Card, Cx, Field, FieldKind, ImageRule, Limits, MediaRule, MediaUse, Piece, Platform, Post, Profile, Ready, Receipt,
    Rendered, Repeat, Server, Spec, TextRule, Title, TwinAccount, VideoRule, explain_by_status, standard,
};
use crate::draft::Visibility;
use crate::login::{Flow, Login, Secrets, Typed};
use crate::net::{Answer, Body, Effect, Fault, Kind, Request};
use crate::text::{Markup, Unit};
use crate::twin::Twin;

use body::Format;
use sign::Style;

/// Webhooks.
pub struct Network;

const fn field(name: &'static str, kind: FieldKind, required: bool, help: &'static str) -> Field {
    Field { name, kind, required, help }
}

const FIELDS: &[Field] = &[
    field("url", FieldKind::Secret, true, "the address to post to; kept secret, since it mostly holds a token"),
    field("secret", FieldKind::Secret, false, "the signing secret (`whsec_…`), or several parted by spaces while you rotate; the token for `bearer`"),
    field("format", FieldKind::Choice(body::FORMATS), false, "the shape of the JSON; default `standard`"),
    field("template", FieldKind::Text, false, "for `format = \"template\"`: a JSON text with `{{ text }}`, `{{ html }}`, `{{ link }}`, `{{ tags }}` ..."),
    field("signature", FieldKind::Choice(sign::STYLES), false, "how deliveries are signed; default `standard` if there is a secret, else `none`"),
    field("signature_header", FieldKind::Text, false, "another header for the styles `github` and `stripe`"),
    field("dedupes", FieldKind::Bool, false, "the receiver takes each `webhook-id` once; default true for `standard`, else false"),
    field("media", FieldKind::Choice(body::MEDIA), false, "`url`: give a URL of each medium, which needs a media host; `described`: never; default: the standard format has it if there is a media host"),
    field("allow_private", FieldKind::Bool, false, "allow plain http and addresses of this machine and of private networks"),
];

const OPTIONS: &[Field] = &[field("data", FieldKind::Table, false, "more keys for `data` of the standard format")];

const MIMES: &[&str] = &["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"];
const VIDEOS: &[&str] = &["video/mp4", "video/webm", "video/quicktime"];
/// Media are told of, not sent, so their size hardly matters.
const GIGABYTE: u64 = 1_000_000_000;

const fn spec(markup: Markup, unit: Unit, max: usize) -> Spec {
    Spec {
        name: "webhook",
        title: "Webhook",
        about: "a signed POST of JSON to an address of your own",
        checked: "2026-11-21",
        sources: &["https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"],
        // the address is a secret field, so there is no server to ask for
        server: Server::Fixed(""),
        api: None,
        fields: FIELDS,
        options: OPTIONS,
        text: TextRule { markup, unit, max: Some(max), also: None, caption: None, optional: true },
        title_rule: Title::Native { max: 1000, required: false },
        swaps: &[],
        native_tags: true,
        native_link: true,
        media: MediaRule {
            max: 20,
            image: Some(ImageRule { max: 20, bytes: GIGABYTE, pixels: None, side: None, mimes: MIMES }),
            video: Some(VideoRule { max: 20, bytes: GIGABYTE, mimes: VIDEOS }),
            file: None,
            mixed: true,
            alt: Some((Unit::Scalars, 2000)),
            required: false,
        },
        poll: None,
        threads: true,
        replies: false,
        quotes: false,
        warnings: true,
        languages: true,
        visibility: &[Visibility::Public, Visibility::Unlisted, Visibility::Followers, Visibility::Direct],
        location: false,
        comments: None,
        card: Card::None,
        repeat: Repeat::SameId,
        pace: Duration::ZERO,
        document: None,
    }
}

/// A payload should stay below 20 KB (Standard Webhooks); text and HTML of 8 KB fit with room to spare.
static STANDARD: Spec = spec(Markup::Entities, Unit::Bytes, 8_000);
static SLACK: Spec = spec(Markup::Mrkdwn, Unit::Scalars, 4_000);
static DISCORD: Spec = spec(Markup::Discord, Unit::Scalars, 2_000);
static MATTERMOST: Spec = spec(Markup::Markdown, Unit::Scalars, 16_383);

fn spec_of(format: Format) -> &'static Spec {
    match format {
        Format::Standard | Format::Template => &STANDARD,
        Format::Slack => &SLACK,
        Format::Discord => &DISCORD,
        Format::Mattermost => &MATTERMOST,
    }
}

const LOGINS: &[Login] = &[Login {
    name: "webhook",
    about: "the address that the receiver gave you, and its signing secret if it has one",
    flow: Flow::Typed(Typed { warning: None, check: Some(whole) }),
    keeps: &["url"],
    asks: &["url", "secret"],
    page: None,
}];

/// Looks at an address before anything is sent to it; whether it may be a private one is another setting's matter.
fn whole(secrets: &Secrets) -> Result<(), String> {
    let url = secrets.get("url").map(|url| url.expose_secret()).unwrap_or_default();
    address::parse(url, true).map(drop).map_err(|why| format!("the webhook's URL {why}"))
}

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &STANDARD
    }

    // a webhook carries no file
    fn limits(&self, _about: &Value) -> Limits {
        Limits { described: true, ..Limits::of(&STANDARD) }
    }

    fn repeat(&self, account: &AccountInfo) -> Repeat {
        let standard = Format::of(Some(account)) == Ok(Format::Standard);
        let dedupes = account.settings.get("dedupes").and_then(Value::as_bool).unwrap_or(standard);
        // a chat server behind a webhook does not look at the id
        if dedupes { Repeat::SameId } else { Repeat::Never }
    }

    // the format of the account says which markup its receiver reads and how much of it
    fn render(&self, ask: &Ask) -> Rendered {
        let spec = spec_of(Format::of(ask.account).unwrap_or(Format::Standard));
        let mut limits = ask.limits.clone();
        if limits.text == STANDARD.text.max {
            (limits.text, limits.unit) = (spec.text.max, spec.text.unit);
        }
        let ask = Ask { limits: &limits, ..ask.clone() };
        standard(spec, &ask, &|ask, piece| self.encode(ask, piece))
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        body::encode(ask, piece)
    }

    async fn prepare(&self, cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
        // uploads belong here; the addresses may be signed, so they are asked for again and not kept
        urls(cx, post).await?;
        Ok(Ready::Now(Value::Null))
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, _ready: &Value) -> Result<Receipt, Fault> {
        let id = post.uuid();
        let format = Format::of(Some(cx.account)).map_err(Fault::local)?;
        let bytes = body::bytes(format, post, &urls(cx, post).await?);
        cx.call(self.request(cx, &id, bytes).await?).await?;
        Ok(Receipt::new(id, None))
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        // no request would be harmless, so this checks only what can be checked here
        let url = address::parse(cx.secret("url")?.expose_secret(), private(cx)).map_err(bad_url)?;
        signature(cx)?;
        let host = url[url::Position::BeforeHost..url::Position::AfterPort].to_string();
        Ok(Profile { id: host.clone(), handle: host, url: None })
    }

    fn explain(&self, answer: &Answer) -> Option<Fault> {
        let mut fault = explain_by_status(answer)?;
        if answer.status == 410 {
            fault.kind = Kind::Forbidden;
            fault.effect = Effect::None;
            fault.code = Some("gone".to_string());
            fault.message = "the receiver says that this webhook is gone for good; make a new one there and run `xpost account add`".to_string();
        }
        Some(fault)
    }

    fn logins(&self) -> &'static [Login] {
        LOGINS
    }

    fn fetches(&self, account: &AccountInfo, _class: &str) -> bool {
        account.setting("media") == body::MEDIA[0]
    }

    fn hosts(&self, cx: &Cx<'_>) -> Vec<String> {
        // the address is the credential
        let url = cx.optional_secret("url").and_then(|url| address::parse(url.expose_secret(), private(cx)).ok());
        url.map(|url| url.origin().ascii_serialization()).into_iter().collect()
    }

    fn twin(&self) -> Box<dyn Twin> {
        Box::new(twin::Hooks::default())
    }

    fn twin_account(&self, n: usize, _home: &std::path::Path) -> TwinAccount {
        twin::account(n)
    }

    fn setup(&self) -> &'static str {
        include_str!("setup.md")
    }
}

impl Network {
    /// The delivery, signed now: every try has its own timestamp, all have the same id.
    async fn request(&self, cx: &Cx<'_>, id: &str, body: Vec<u8>) -> Result<Request, Fault> {
        let secret = cx.secret("url")?;
        let url = address::parse(secret.expose_secret(), private(cx)).map_err(bad_url)?;
        if !private(cx) && !cx.door.mirrored() {
            address::public(&url).await?;
        }
        // the host may be shown, all that follows may not
        let rest = SecretString::from(url[url::Position::BeforePath..].trim_start_matches('/').to_string());
        cx.door.redactor().learn(&secret);
        // a token is long; a short path is a word that messages need
        if rest.expose_secret().len() >= 12 {
            cx.door.redactor().learn(&rest);
        }
        let (style, secret) = signature(cx)?;
        let now = Utc::now().timestamp();
        let mut request = Request::post(format!("{}/{{secret}}", url.origin().ascii_serialization()))
            .secret_path(&rest)
            .header("webhook-id", id)
            .header("webhook-timestamp", now.to_string());
        if let Some(secret) = secret {
            let value = match style {
                Style::Bearer => format!("Bearer {}", secret.expose_secret()),
                _ => sign::sign(style, &sign::keys(style, &secret).map_err(bad_secret)?, id, now, &body),
            };
            let named = cx.account.setting("signature_header");
            let own = matches!(style, Style::Github | Style::Stripe) && !named.is_empty();
            request = request.secret_header(if own { named } else { style.header() }, SecretString::from(value));
        }
        Ok(request.body(Body::Bytes("application/json".to_string(), body)))
    }
}

/// Where the receiver can fetch the media. It does that when it likes, so they stay for the media host's own time.
async fn urls(cx: &Cx<'_>, post: &Post) -> Result<body::Urls, Fault> {
    let mut urls = body::Urls::new();
    let wanted = cx.account.setting("media");
    if wanted == "described" || (wanted.is_empty() && Format::of(Some(cx.account)) != Ok(Format::Standard)) {
        return Ok(urls);
    }
    for MediaUse { media, .. } in &post.media {
        match cx.public_url(media).await {
            Ok(hosted) => urls.push(hosted.url),
            Err(fault) if wanted.is_empty() && fault.code.as_deref() == Some(crate::host::NO_HOST) => break,
            Err(fault) => return Err(fault),
        }
    }
    Ok(urls)
}

fn private(cx: &Cx<'_>) -> bool {
    cx.account.settings.get("allow_private").and_then(Value::as_bool).unwrap_or(false)
}

/// The style and, where it needs one, the secret.
fn signature(cx: &Cx<'_>) -> Result<(Style, Option<SecretString>), Fault> {
    let secret = cx.optional_secret("secret").filter(|secret| !secret.expose_secret().trim().is_empty());
    let named = cx.account.setting("signature");
    let style = Style::named(named, secret.is_some())
        .ok_or_else(|| Fault::local(format!("`{named}` is no style of signature; one of `{}`", sign::STYLES.join("`, `"))))?;
    match style {
        Style::None => Ok((style, None)),
        Style::Bearer => Ok((style, Some(cx.secret("secret")?))),
        _ => {
            let secret = cx.secret("secret")?;
            sign::keys(style, &secret).map_err(bad_secret)?;
            Ok((style, Some(secret)))
        }
    }
}

fn bad_secret(why: String) -> Fault {
    Fault::new(Kind::Auth, format!("{why}; run `xpost account add` again"))
}

fn bad_url(why: String) -> Fault {
    Fault::new(Kind::Auth, format!("the webhook's URL {why}; run `xpost account add` again"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "../../../tests/support/specs.rs"]
mod specs;

#[cfg(test)]
mod tests;
