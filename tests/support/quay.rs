//! A network that exists only here, made of whatever facts a test wants to try.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use xpost::draft::Visibility;
use xpost::media::Media;
use xpost::net::{Fault, Kind};
use xpost::plan::Target;
use xpost::platform::{
    AccountInfo, Ask, Card, Cx, Delete, Field, FieldKind, ImageRule, MediaRule, Piece, PlanNote, Platform, PollRule,
    Post, Profile, Receipt, Repeat, Server, Spec, TextRule, Title, TwinAccount, VideoRule,
};
use xpost::text::{Markup, Unit};
use xpost::twin::{Incoming, Reply, Seen, Twin};

/// Facts of a network that can do everything; tests take away what they want to see missing.
pub fn facts() -> Spec {
    Spec {
        name: "quay",
        title: "Quay",
        about: "a network that exists only in tests",
        checked: "2026-11-21",
        sources: &[],
        server: Server::Fixed("https://quay.example"),
        api: None,
        fields: &[],
        options: &[
            Field { name: "channel", kind: FieldKind::Text, required: false, help: "where it goes" },
            Field { name: "silent", kind: FieldKind::Bool, required: false, help: "no sound" },
            Field {
                name: "gate",
                kind: FieldKind::Choice(&["all", "friends"]),
                required: false,
                help: "who may answer",
            },
            Field { name: "labels", kind: FieldKind::List, required: false, help: "labels" },
        ],
        text: TextRule {
            markup: Markup::Plain,
            unit: Unit::Graphemes,
            max: Some(100),
            also: None,
            caption: None,
            optional: true,
        },
        title_rule: Title::Line,
        swaps: &[],
        native_tags: false,
        native_link: false,
        media: MediaRule {
            max: 4,
            image: Some(ImageRule {
                max: 4,
                bytes: 1_000_000,
                pixels: Some(1_000_000),
                side: Some(2000),
                mimes: &["image/png", "image/jpeg"],
            }),
            video: Some(VideoRule { max: 1, bytes: 10_000_000, mimes: &["video/mp4"] }),
            file: None,
            mixed: false,
            alt: Some((Unit::Graphemes, 50)),
            required: false,
        },
        poll: Some(PollRule { options: (2, 4), option: 10, seconds: (300, 604_800), with_media: false }),
        threads: true,
        replies: true,
        quotes: true,
        warnings: true,
        languages: true,
        visibility: &[Visibility::Public, Visibility::Unlisted, Visibility::Followers, Visibility::Direct],
        location: true,
        comments: None,
        card: Card::None,
        repeat: Repeat::Never,
        pace: Duration::ZERO,
        document: None,
    }
}

struct Quay(&'static Spec);

/// A target on a network with these facts, changed a little. The facts live as long as the test's process.
pub fn target(change: impl FnOnce(&mut Spec)) -> Target {
    let mut spec = facts();
    change(&mut spec);
    let spec: &'static Spec = Box::leak(Box::new(spec));
    Target { name: spec.name.to_string(), platform: Box::leak(Box::new(Quay(spec))), account: None }
}

/// The same as an account's.
#[allow(dead_code)] // not every test file that shares this needs one
pub fn account(name: &str, target: Target) -> Target {
    let account = AccountInfo { name: name.into(), platform: "quay".into(), ..AccountInfo::default() };
    Target { name: name.into(), account: Some(account), ..target }
}

/// A picture as `gather` would have found it.
pub fn picture(name: &str) -> Media {
    Media {
        path: Path::new("/pictures").join(name),
        name: name.into(),
        mime: "image/png".into(),
        bytes: 1000,
        width: Some(100),
        height: Some(50),
        sha256: format!("{:064x}", name.len()),
        about: xpost::media::About { lossless: true, ..Default::default() },
        ..Media::default()
    }
}

#[async_trait]
impl Platform for Quay {
    fn spec(&self) -> &'static Spec {
        self.0
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        let text = self.0.text.markup.encode(&piece.text);
        if text.contains("FORBIDDEN") {
            return Err("this word cannot be said here".into());
        }
        if text.contains("SUSPECT") {
            piece.notes.push(PlanNote::new("suspect", "a word to look at"));
        }
        Ok(json!({
            "text": text, "title": piece.title, "poll": piece.poll, "card": piece.card.as_ref().map(|card| &card.title),
            "media": piece.media.iter().map(|one| &one.media.name).collect::<Vec<_>>(), "options": ask.content.options,
        }))
    }

    async fn publish(&self, _: &Cx<'_>, _: &Post, _: &Value) -> Result<Receipt, Fault> {
        Err(Fault::new(Kind::Unsupported, "nothing is published here"))
    }

    async fn whoami(&self, _: &Cx<'_>) -> Result<Profile, Fault> {
        Ok(Profile::default())
    }

    /// A quay without replies cannot take a post back either.
    fn delete(&self) -> Option<&dyn Delete> {
        self.0.replies.then_some(self)
    }

    fn twin(&self) -> Box<dyn Twin> {
        Box::new(Nobody)
    }

    fn twin_account(&self, _: usize, _: &Path) -> TwinAccount {
        TwinAccount { server: String::new(), settings: Value::Null, secrets: Default::default() }
    }

    fn setup(&self) -> &'static str {
        ""
    }
}

struct Nobody;

impl Twin for Nobody {
    fn hosts(&self) -> Vec<String> {
        Vec::new()
    }
    fn answer(&mut self, _: &Incoming) -> Reply {
        Reply::empty(404)
    }
    fn limited(&self, seconds: u64) -> Reply {
        Reply::empty(429).header("retry-after", seconds.to_string())
    }
    fn expired(&self) -> Reply {
        Reply::empty(401)
    }
    fn timeline(&self) -> Vec<Seen> {
        Vec::new()
    }
}

#[async_trait]
impl Delete for Quay {
    async fn delete(&self, _: &Cx<'_>, _: &Receipt) -> Result<(), Fault> {
        Ok(())
    }
}
