//! Pond, an invented network: the smallest platform that passes the contract suite.

mod twin;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::net::{Fault, Method, Request};
use crate::platform::{
    Ask, Cx, Delete, Field, FieldKind, Find, Found, Piece, Platform, Post, Profile, Receipt, Reference, Repeat, Server,
    Spec, TextRule, Title, TwinAccount, payload_error,
};
use crate::twin::Twin;

/// Pond.
pub struct Network;

/// Most notes that the server lists at once.
const LISTED: usize = 40;

static SPEC: Spec = Spec {
    name: "pond",
    title: "Pond",
    about: "short notes on a server of your own",
    checked: "2026-11-22",
    sources: &["https://pond.example/docs/api"],
    server: Server::Own("https://pond.example"),
    fields: &[Field { name: "token", kind: FieldKind::Secret, required: true, help: "a token: Settings > Tokens" }],
    text: TextRule { max: Some(280), ..Spec::PLAIN.text },
    title_rule: Title::Line,
    swaps: &[],
    threads: true,
    // "a request with the same key within an hour is answered with the same note"
    repeat: Repeat::Key { window: Duration::from_secs(3600) },
    ..Spec::PLAIN
};

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    // pure: no clock, no file, no network
    fn encode(&self, _ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        Ok(json!({ "text": SPEC.text.markup.encode(&piece.text) }))
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, _ready: &Value) -> Result<Receipt, Fault> {
        let mut note = post.payload.clone();
        // a later part replies to the one before it
        let parent = post.parent.as_ref().or(match &post.reply_to {
            Some(Reference::Ours(receipt)) => Some(receipt),
            _ => None,
        });
        if let Some(parent) = parent {
            note["reply_to"] = json!(parent.id);
        }
        // the key is the same at every try: that is what makes a repeat harmless
        let request = request(cx, Method::POST, "/api/notes")?.header("idempotency-key", post.uuid()).json(note);
        let answer = cx.call(request).await?;
        let note: Value = answer.json()?;
        let id = note["id"].as_str().ok_or_else(|| payload_error(&answer, "id"))?;
        Ok(Receipt::new(id, note["url"].as_str().map(str::to_string)))
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        let answer = cx.call(request(cx, Method::GET, "/api/me")?).await?;
        let me: Value = answer.json()?;
        let name = me["name"].as_str().ok_or_else(|| payload_error(&answer, "name"))?;
        Ok(Profile { id: name.to_string(), handle: format!("@{name}"), url: None })
    }

    fn find(&self) -> Option<&dyn Find> {
        Some(self)
    }

    fn delete(&self) -> Option<&dyn Delete> {
        Some(self)
    }

    fn twin(&self) -> Box<dyn Twin> {
        Box::new(twin::Pond::default())
    }

    fn twin_account(&self, n: usize, _home: &std::path::Path) -> TwinAccount {
        TwinAccount {
            server: format!("https://{}", twin::HOST),
            settings: json!({}),
            secrets: [("token".to_string(), SecretString::from(twin::token(n)))].into(),
        }
    }

    fn setup(&self) -> &'static str {
        include_str!("setup.md")
    }
}

#[async_trait]
impl Find for Network {
    async fn find(&self, cx: &Cx<'_>, post: &Post, _ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
        let request = request(cx, Method::GET, "/api/notes")?.query("limit", LISTED.to_string());
        let notes: Vec<Value> = cx.call(request).await?.json()?;
        let parent = post.parent.as_ref().map(|parent| parent.id.as_str());
        for note in &notes {
            let at = note["created_at"].as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok());
            // newest first, and its clock need not be ours: from here on all were there before
            if at.is_some_and(|at| at < since - TimeDelta::seconds(60)) {
                return Ok(Found::No);
            }
            if note["text"] == post.payload["text"] && note["reply_to"].as_str() == parent {
                let id = note["id"].as_str().unwrap_or_default();
                return Ok(Found::Yes(Receipt::new(id, note["url"].as_str().map(str::to_string))));
            }
        }
        // a full list may hide it
        Ok(if notes.len() < LISTED { Found::No } else { Found::Unsure })
    }
}

#[async_trait]
impl Delete for Network {
    async fn delete(&self, cx: &Cx<'_>, receipt: &Receipt) -> Result<(), Fault> {
        match cx.call(request(cx, Method::DELETE, &format!("/api/notes/{}", receipt.id))?).await {
            // gone already: that is what was wanted
            Err(fault) if fault.status == Some(404) => Ok(()),
            result => result.map(drop),
        }
    }
}

fn request(cx: &Cx<'_>, method: Method, path: &str) -> Result<Request, Fault> {
    Ok(Request::new(method, format!("{}{path}", cx.account.server)).bearer(&cx.secret("token")?))
}
