//! LinkedIn: posts as a member or as an organisation's page, by the versioned Posts API.
//!
//! Nothing recognises a repeat by a key. Pages can be read back; what a member posted can be read by nobody but apps that LinkedIn
//! chose, so a lost answer of a member's post is for the person to settle.

mod api;
mod change;
mod encode;
mod explain;
mod find;
mod login;
#[cfg(test)]
mod login_tests;
#[cfg(test)]
mod tests;
mod twin;
mod twin_check;
mod twin_media;
mod twin_oauth;
mod upload;
mod who;

use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use secrecy::SecretString;
use serde_json::{Value, json};

use self::upload::Prepared;
use super::{
    AccountInfo, Api, Ask, Card, Cx, Delete, Edit, Field, FieldKind, FileRule, Find, ImageRule, Limits, MediaRule, Piece, PlanNote,
    Platform, PollRule, Post, Profile, Ready, Receipt, Rendered, Repeat, Server, Spec, Targets, TextRule, Title,
    TwinAccount, VideoRule, payload_error, standard,
};
use crate::draft::Visibility;
use crate::login::Login;
use crate::net::{Answer, Effect, Fault, Kind, Method};
use crate::text::{Markup, Unit};
use crate::twin::Twin;

/// LinkedIn.
#[derive(Debug)]
pub struct Network;

static SPEC: Spec = Spec {
    name: "linkedin",
    title: "LinkedIn",
    about: "posts as yourself or as your organisation's page",
    checked: "2026-11-22",
    sources: &[
        "https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/posts-api",
        "https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/images-api",
        "https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/videos-api",
        "https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/documents-api",
        "https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/poll-post-api",
        "https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/comments-api",
        "https://learn.microsoft.com/en-us/linkedin/marketing/versioning",
    ],
    server: Server::Fixed(api::API),
    api: Some(Api { version: api::VERSION, sunset: Some(api::SUNSET) }),
    fields: &[
        Field {
            name: "token",
            kind: FieldKind::Secret,
            required: true,
            help: "an access token: developer portal, your app, Auth, OAuth 2.0 tools, Create token",
        },
        Field {
            name: "organization",
            kind: FieldKind::Text,
            required: false,
            help: "the number of the page that is posted to; left empty, you post as yourself or choose among your pages",
        },
        Field {
            name: "api_version",
            kind: FieldKind::Text,
            required: false,
            help: "a later version of the API, such as `202703`; left empty, the one that xpost was written for",
        },
    ],
    options: &[
        Field {
            name: "audience",
            kind: FieldKind::Choice(&["public", "connections", "logged_in"]),
            required: false,
            help: "who may see a post of your own: everybody, your connections, or whoever is logged in",
        },
        Field { name: "no_reshare", kind: FieldKind::Bool, required: false, help: "nobody may reshare the post" },
        Field {
            name: "media_title",
            kind: FieldKind::Text,
            required: false,
            help: "the title shown with a film or document; a document without one gets the draft's title or its file's name",
        },
    ],
    text: TextRule {
        markup: Markup::LittleText,
        // LinkedIn says "characters" and no more: this counts most, escapes included; `max_text` overrides the number
        unit: Unit::Utf16,
        max: Some(3000),
        also: None,
        caption: None,
        optional: true,
    },
    title_rule: Title::Line,
    media: MediaRule {
        max: 20,
        image: Some(ImageRule {
            max: 20,
            // not LinkedIn's own number: what others found to be taken always; `max_image_bytes` overrides it
            bytes: 5_000_000,
            pixels: Some(36_152_319),
            side: None,
            mimes: &["image/jpeg", "image/png", "image/gif"],
        }),
        video: Some(VideoRule { max: 1, bytes: 500_000_000, mimes: &["video/mp4"] }),
        file: Some(FileRule {
            max: 1,
            bytes: 100_000_000,
            mimes: &[
                "application/pdf",
                "application/msword",
                "application/vnd.ms-powerpoint",
                "application/vnd.openxmlformats-officedocument.presentationml.presentation",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            ],
            mixed: false,
        }),
        mixed: false,
        alt: Some((Unit::Utf16, 4086)),
        required: false,
    },
    poll: Some(PollRule { options: (2, 4), option: 30, seconds: (86_400, 14 * 86_400), with_media: false }),
    quotes: true,
    visibility: &[Visibility::Public, Visibility::Followers],
    comments: Some(TextRule { unit: Unit::Utf16, max: Some(1250), ..Spec::PLAIN.text }),
    card: Card::Ours,
    repeat: Repeat::Find,
    pace: Duration::ZERO,
    document: Some("linkedin"),
    ..Spec::PLAIN
};

/// Longest film, in seconds.
const FILM_SECONDS: u64 = 30 * 60;
/// A post that is older than the part by this much is not ours, whatever the clocks say.
const EARLIER: TimeDelta = TimeDelta::minutes(2);

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn limits(&self, _about: &Value) -> Limits {
        Limits { video_seconds: Some(FILM_SECONDS), ..Limits::of(&SPEC) }
    }

    /// What members posted is not for apps to read, but for a few that LinkedIn chose.
    fn repeat(&self, account: &AccountInfo) -> Repeat {
        if api::organization(account).is_some() { Repeat::Find } else { Repeat::Never }
    }

    /// The rule for all, with two differences: a poll and a reshared post leave no room for a link card, whose link then stands in
    /// the text; and the title of a document or poll is not a line above the text.
    fn render(&self, ask: &Ask) -> Rendered {
        let mut content = ask.content.clone();
        let mut left = None;
        if content.quote.is_some() || content.poll.is_some() {
            left = content.card.take();
        }
        let title = if encode::takes_title(&content) { content.title.take() } else { None };
        let inner = Ask { content: &content, account: ask.account, limits: ask.limits };
        let mut rendered = standard(&SPEC, &inner, &|ask, piece| encode::encode(ask, piece, title.as_deref()));
        if let Some(card) = left {
            let message = format!("LinkedIn shows no link card beside a poll or a reshared post; that of `{}` is left out", card.url);
            rendered.changes.push(PlanNote::new("card_left_out", message));
        }
        rendered
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        encode::encode(ask, piece, ask.content.title.as_deref().filter(|_| encode::takes_title(ask.content)))
    }

    async fn prepare(&self, cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
        let mut prepared: Prepared = serde_json::from_value(post.state.clone()).unwrap_or_default();
        let owner = match own(post).or(prepared.author.clone()).or_else(|| api::author(cx.account)) {
            Some(author) => author,
            None => who::person(cx).await?.id,
        };
        if own(post).is_none() && prepared.author.is_none() {
            prepared.author = Some(owner.clone());
        }
        if let Some(at) = upload::all(cx, post, &owner, &mut prepared).await? {
            return Ok(Ready::Later { state: json!(prepared), at });
        }
        let nothing = prepared.author.is_none() && prepared.urns.is_empty();
        Ok(Ready::Now(if nothing { Value::Null } else { json!(prepared) }))
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Receipt, Fault> {
        let prepared: Prepared = serde_json::from_value(ready.clone()).unwrap_or_default();
        let author = own(post).or(prepared.author.clone()).or_else(|| api::author(cx.account));
        let author = author.ok_or_else(|| Fault::local("nobody said whose name the post carries"))?;
        let mut body = post.payload.clone();
        if post.comment {
            let root = root(post)?;
            body["actor"] = json!(author);
            body["object"] = json!(root.id);
            let path = format!("/socialActions/{}/comments", api::key(&root.id));
            let answer = cx.call(api::rest(cx, Method::POST, &path)?.json(body)).await?;
            let told = answer.header("x-restli-id").map(str::to_string);
            let receipt = comment_receipt(&answer.value(), told.as_deref(), root, &author);
            return receipt.ok_or_else(|| payload_error(&answer, "id"));
        }
        body["author"] = json!(author);
        fill(&mut body, &prepared.urns)?;
        let answer = match cx.call(api::rest(cx, Method::POST, "/posts")?.json(body)).await {
            Err(fault) if fault.code.as_deref() == Some(explain::DUPLICATE) => return Err(twice(fault, post)),
            Err(fault) if fault.code.as_deref() == Some(explain::UNUSABLE) => {
                // whoever tries again sends the files again
                cx.save(&json!(Prepared { author: prepared.author, ..Prepared::default() })).await?;
                return Err(fault);
            }
            answer => answer?,
        };
        match answer.header("x-restli-id").or(answer.header("x-linkedin-id")) {
            Some(urn) if urn.starts_with("urn:li:") => Ok(receipt(urn)),
            _ => Err(payload_error(&answer, "x-restli-id")),
        }
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        who::profile(cx).await
    }

    fn explain(&self, answer: &Answer) -> Option<Fault> {
        explain::explain(answer)
    }

    fn logins(&self) -> &'static [Login] {
        login::LOGINS
    }

    /// Files go to the site itself, with the login.
    fn hosts(&self, _cx: &Cx<'_>) -> Vec<String> {
        vec![api::SITE.to_string()]
    }

    fn targets(&self) -> Option<&dyn Targets> {
        Some(self)
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
        Box::new(twin::LinkedIn::default())
    }

    /// Even numbers are pages, odd ones members, who can read nothing back.
    fn twin_account(&self, n: usize, _home: &std::path::Path) -> TwinAccount {
        let page = n.is_multiple_of(2);
        TwinAccount {
            server: api::API.into(),
            settings: if page { json!({"organization": twin::organization(n)}) } else { json!({}) },
            secrets: [("token".to_string(), SecretString::from(twin::token(n, page)))].into(),
        }
    }

    fn setup(&self) -> &'static str {
        include_str!("setup.md")
    }
}

/// Whose name stands in the plan.
fn own(post: &Post) -> Option<String> {
    ["author", "actor"].iter().find_map(|key| post.payload[*key].as_str()).map(str::to_string)
}

/// The post that a comment stands below.
fn root(post: &Post) -> Result<&Receipt, Fault> {
    post.root.as_ref().filter(|root| !root.id.is_empty()).ok_or_else(|| {
        Fault::new(Kind::Rejected, "the post that the comment belongs to has no id; write the comment at LinkedIn by hand")
    })
}

/// Puts the ids of the uploads where the plan has left room for them.
fn fill(body: &mut Value, urns: &[String]) -> Result<(), Fault> {
    let mut urns = urns.iter().map(|urn| json!(urn));
    if let Some(media) = body.pointer_mut("/content/media") {
        media["id"] = urns.next().ok_or_else(missing)?;
    } else if let Some(images) = body.pointer_mut("/content/multiImage/images").and_then(Value::as_array_mut) {
        for image in images {
            image["id"] = urns.next().ok_or_else(missing)?;
        }
    } else if let (Some(article), Some(urn)) = (body.pointer_mut("/content/article"), urns.next()) {
        article["thumbnail"] = urn;
    }
    Ok(())
}

fn missing() -> Fault {
    Fault::local("an upload of the post is not known; run `xpost retry` to begin it anew")
}

/// A refusal because the same text is there. LinkedIn names the post, but after a deletion also ones that do not exist, so its name
/// proves nothing; only where it is older than the part is it certain that the part was never posted.
fn twice(fault: Fault, post: &Post) -> Fault {
    let made = api::named(&fault.message).and_then(|urn| api::made(&urn));
    if made.is_some_and(|at| at < post.created - EARLIER) {
        let message = format!("{}; change the text to post it again", fault.message);
        return Fault { effect: Effect::None, message, ..fault };
    }
    fault
}

/// The receipt of a post.
fn receipt(urn: &str) -> Receipt {
    Receipt::new(urn, Some(api::address(urn)))
}

/// The receipt of a comment, from LinkedIn's own account of it or the id in a header; `None` where neither names it.
fn comment_receipt(comment: &Value, told: Option<&str>, root: &Receipt, actor: &str) -> Option<Receipt> {
    let id = match &comment["id"] {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => told?.rsplit(',').next()?.trim_end_matches(')').to_string(),
    };
    let urn = match comment["commentUrn"].as_str().or(told.filter(|told| told.starts_with("urn:li:comment:"))) {
        Some(urn) => urn.to_string(),
        None => format!("urn:li:comment:({},{id})", root.id),
    };
    let url = format!("{}?commentUrn={}", api::address(&root.id), api::key(&urn));
    Some(Receipt::new(urn, Some(url)).extra(json!({"comment": id, "object": root.id, "actor": actor})))
}
