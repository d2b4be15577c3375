//! For the tests of the networks: an account of a twin, and everything that the engine would hand to a platform.

use std::collections::BTreeMap;
use std::sync::{Mutex, RwLock};

use async_trait::async_trait;
use chrono::{DateTime, TimeZone, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AccountInfo, Ask, Content, ContentPost, Cx, MediaUse, Platform, Post, Ready, Receipt, Rendered, Sink};
use crate::host::Hosted;
use crate::login::Grant;
use crate::media::Media;
use crate::net::{Door, DoorOptions, Fault, Redactor};
use crate::text::Text;
use crate::twin::{Seen, Server, ServerOptions, Twin};

/// Keeps nothing.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl Sink for Nowhere {
    async fn save(&self, _state: &Value) -> Result<(), Fault> {
        Ok(())
    }
    async fn keep(&self, _secrets: &BTreeMap<String, SecretString>) -> Result<(), Fault> {
        Ok(())
    }
    async fn uploaded(&self, _sha256: &str, _kind: &str) -> Result<Option<Value>, Fault> {
        Ok(None)
    }
    async fn remember_upload(&self, _: &str, _: &str, _: &Value, _: DateTime<Utc>) -> Result<(), Fault> {
        Ok(())
    }
    async fn public_url(&self, media: &Media) -> Result<Hosted, Fault> {
        Ok(Hosted {
            url: format!("https://files.example/{}", media.name).into(),
            until: Utc::now() + chrono::TimeDelta::days(1),
        })
    }
    fn progress(&self, _what: &str) {}
}

/// One account on its twin.
pub(crate) struct Stage {
    pub server: Server,
    pub account: AccountInfo,
    pub secrets: RwLock<BTreeMap<String, SecretString>>,
    platform: &'static dyn Platform,
    door: Door,
    rate: Mutex<Option<crate::net::Rate>>,
    home: tempfile::TempDir,
}

impl Stage {
    /// Account `n` of this platform's twin, nothing discovered yet.
    pub fn new(platform: &'static dyn Platform, n: usize) -> Stage {
        Stage::with_twin(platform, n, platform.twin())
    }

    /// The same with a twin of the test's own.
    pub fn with_twin(platform: &'static dyn Platform, n: usize, twin: Box<dyn Twin>) -> Stage {
        let name = platform.spec().name;
        let server = Server::start(vec![(name.into(), twin)], &ServerOptions::default()).unwrap();
        let home = tempfile::tempdir().unwrap();
        let made = platform.twin_account(n, home.path());
        server.welcome(name, &made.settings);
        let options = DoorOptions { mirror: Some(server.url().parse().unwrap()), ..DoorOptions::default() };
        let door = Door::new(options, Redactor::default()).unwrap();
        let account = AccountInfo {
            name: "test".into(),
            platform: name.into(),
            server: made.server,
            settings: made.settings,
            ..AccountInfo::default()
        };
        Stage { server, account, secrets: RwLock::new(made.secrets), platform, door, rate: Mutex::default(), home }
    }

    /// The same account before anybody logged in.
    pub fn logged_out(self) -> Stage {
        self.secrets.write().unwrap().clear();
        self
    }

    /// The same account before anybody logged in or said anything about it.
    pub fn blank(mut self) -> Stage {
        self.account.settings = json!({});
        self.logged_out()
    }

    /// Keeps what a login gave in place of what was there, as the engine does.
    pub fn keep(&self, grant: &Grant) {
        *self.secrets.write().unwrap() = grant.to_keep();
    }

    /// Everything that the twins were asked and answered, as it would be shown.
    pub fn clean_log(&self) -> String {
        self.door.redactor().clean(&format!("{:?}", self.server.log()))
    }

    pub fn cx(&self) -> Cx<'_> {
        Cx {
            door: &self.door,
            platform: self.platform,
            account: &self.account,
            secrets: &self.secrets,
            sink: &Nowhere,
            rate: &self.rate,
        }
    }

    /// Asks the server about itself and keeps the answer, as the engine does.
    pub async fn discover(&mut self) {
        let about = self.platform.discover(&self.cx()).await.unwrap();
        self.account.about = about;
    }

    pub fn render(&self, content: &Content) -> Rendered {
        let limits = self.platform.limits(&self.account.about);
        self.platform.render(&Ask { content, account: Some(&self.account), limits: &limits })
    }

    /// The parts as the engine would hand them over, one after the other.
    pub async fn publish(&self, content: &Content) -> Result<Vec<Receipt>, Fault> {
        let posts = self.posts(content);
        let mut receipts: Vec<Receipt> = Vec::new();
        for mut post in posts {
            post.root = receipts.first().cloned();
            post.parent = receipts.last().cloned();
            receipts.push(self.publish_one(&post).await?);
        }
        Ok(receipts)
    }

    pub async fn publish_one(&self, post: &Post) -> Result<Receipt, Fault> {
        match self.platform.prepare(&self.cx(), post).await? {
            Ready::Now(ready) => self.platform.publish(&self.cx(), post, &ready).await,
            Ready::Later { .. } => panic!("nothing here takes its time"),
        }
    }

    /// The parts of a draft, with keys of their own, not yet linked to one another.
    pub fn posts(&self, content: &Content) -> Vec<Post> {
        let rendered = self.render(content);
        assert_eq!(rendered.problems, []);
        let of = rendered.parts.len();
        let parts = rendered.parts.into_iter().enumerate();
        parts
            .map(|(index, part)| Post {
                key: Uuid::now_v7(),
                // two at the very same moment would be one post to a network that takes its id from the time
                created: Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
                    + chrono::TimeDelta::milliseconds(self.timeline().len() as i64),
                index,
                of,
                text: part.text,
                media: part.media,
                card: part.card,
                payload: part.payload,
                comment: part.comment,
                reply_to: content.reply_to.clone().filter(|_| index == 0),
                quote: None,
                root: None,
                parent: None,
                state: Value::Null,
            })
            .collect()
    }

    pub fn timeline(&self) -> Vec<Seen> {
        self.server.timeline(self.platform.spec().name)
    }

    /// A file of this many bytes that says it is of this type.
    pub fn file(&self, name: &str, mime: &str, bytes: usize, alt: Option<&str>) -> MediaUse {
        let path = self.home.path().join(name);
        std::fs::write(&path, vec![7; bytes]).unwrap();
        MediaUse {
            media: Media {
                path,
                name: name.into(),
                mime: mime.into(),
                bytes: bytes as u64,
                width: Some(64),
                height: Some(48),
                sha256: format!("{bytes:064x}"),
                ..Media::default()
            },
            alt: alt.map(str::to_string),
            extras: Default::default(),
        }
    }
}

/// A secret, to be compared.
pub(crate) fn plain(secrets: &BTreeMap<String, SecretString>, name: &str) -> String {
    secrets[name].expose_secret().to_string()
}

/// A draft of these posts and nothing else.
pub(crate) fn content(posts: Vec<(Text, Vec<MediaUse>)>) -> Content {
    Content {
        posts: posts.into_iter().map(|(text, media)| ContentPost { text, media }).collect(),
        ..Content::default()
    }
}

/// The same draft with one more key of `[on.NAME]`.
pub(crate) fn with(mut content: Content, key: &str, value: Value) -> Content {
    content.options.insert(key.into(), value);
    content
}

/// An answer as the door would hand it over.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> crate::net::Answer {
    let mut map = reqwest::header::HeaderMap::new();
    for (name, value) in headers {
        map.insert(reqwest::header::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    crate::net::Answer {
        status,
        headers: map,
        body: body.as_bytes().to_vec(),
        request_id: None,
        rate: None,
        at: Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap(),
        write: true,
        asked: "POST https://example.org/send".into(),
    }
}
