//! A platform, its twin behind a real socket and an account: what the platform's functions are called with, without the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Display};
use std::sync::{Mutex, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tempfile::TempDir;
use url::Url;
use uuid::Uuid;
use xpost::host::Hosted;
use xpost::media::Media;
use xpost::mock;
use xpost::net::{Door, DoorOptions, Effect, Fault, Kind, Rate, Redactor};
use xpost::platform::{
    AccountInfo, Ask, Content, ContentPost, Cx, Limits, MediaUse, Platform, Post, Ready, Receipt, Rendered, Sink, Title,
};
use xpost::text::Text;
use xpost::twin::{Seen, Server, ServerOptions, Twin};

use super::pictures;

/// All secrets of all accounts of this run, to be searched for in what was printed.
pub static CANARIES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// One platform with its twin.
pub struct Stage {
    pub platform: &'static dyn Platform,
    pub server: Server,
    pub home: TempDir,
    /// Which account acts, and whether it is of a kind that need not do all that the spec says.
    pub n: usize,
    pub lesser: bool,
    heard: Mutex<Vec<String>>,
}

/// An account that acts.
pub struct Actor<'a> {
    stage: &'a Stage,
    pub account: AccountInfo,
    pub secrets: RwLock<BTreeMap<String, SecretString>>,
    pub sink: Memory,
    rate: Mutex<Option<Rate>>,
    timeout: Duration,
    door: Door,
}

fn door(mirror: &str, timeout: Duration, redactor: Redactor) -> Door {
    let mirror = Some(Url::parse(mirror).unwrap());
    Door::new(DoorOptions { mirror, timeout: Some(timeout), ..DoorOptions::default() }, redactor).unwrap()
}

/// A journal that forgets at the end of the test.
#[derive(Default)]
pub struct Memory {
    pub saved: Mutex<Vec<Value>>,
    uploads: Mutex<BTreeMap<(String, String), Value>>,
    pub said: Mutex<Vec<String>>,
}

#[async_trait]
impl Sink for Memory {
    async fn save(&self, state: &Value) -> Result<(), Fault> {
        self.saved.lock().unwrap().push(state.clone());
        Ok(())
    }
    async fn keep(&self, _secrets: &BTreeMap<String, SecretString>) -> Result<(), Fault> {
        Ok(())
    }
    async fn uploaded(&self, sha256: &str, kind: &str) -> Result<Option<Value>, Fault> {
        Ok(self.uploads.lock().unwrap().get(&(sha256.to_string(), kind.to_string())).cloned())
    }
    async fn remember_upload(&self, sha: &str, kind: &str, remote: &Value, _until: DateTime<Utc>) -> Result<(), Fault> {
        self.uploads.lock().unwrap().insert((sha.to_string(), kind.to_string()), remote.clone());
        Ok(())
    }
    async fn public_url(&self, media: &Media) -> Result<Hosted, Fault> {
        let url = format!("https://files.example/{}/{}", &media.sha256[..12], media.name);
        Ok(Hosted { url: url.into(), until: Utc::now() + chrono::Duration::days(1) })
    }
    fn progress(&self, what: &str) {
        self.said.lock().unwrap().push(what.to_string());
    }
}

impl Stage {
    /// The platform and a fresh twin.
    pub fn new(platform: &'static dyn Platform) -> Stage {
        Stage::with_twin(platform, platform.twin())
    }

    /// The platform and another stand-in for its network.
    pub fn with_twin(platform: &'static dyn Platform, twin: Box<dyn Twin>) -> Stage {
        let twins = vec![(platform.spec().name.to_string(), twin)];
        let server = Server::start(twins, &ServerOptions::default()).unwrap();
        Stage { platform, server, home: TempDir::new().unwrap(), n: 0, lesser: false, heard: Mutex::default() }
    }

    pub fn name(&self) -> &'static str {
        self.platform.spec().name
    }

    pub fn timeline(&self) -> Vec<Seen> {
        self.server.timeline(self.name())
    }

    /// The posts whose text holds this.
    pub fn posts_with(&self, text: &str) -> Vec<Seen> {
        self.timeline().into_iter().filter(|seen| seen.text.contains(text)).collect()
    }

    /// Something that a person or a log may get to see.
    pub fn hear(&self, text: impl Into<String>) {
        self.heard.lock().unwrap().push(text.into());
    }

    /// The fault of a call that must fail, kept for the search for secrets.
    #[track_caller]
    pub fn fault<T: Debug>(&self, result: Result<T, Fault>) -> Fault {
        match result {
            Ok(done) => panic!("this should have failed, but gave {done:?}"),
            Err(fault) => {
                self.hear(format!("{fault} {fault:?} {}", serde_json::to_string(&fault).unwrap()));
                fault
            }
        }
    }

    /// Whether this kind of account says that it cannot do at all what the first kind can.
    pub fn spared<T>(&self, result: &Result<T, Fault>) -> bool {
        let unable = |fault: &Fault| fault.kind == Kind::Unsupported && fault.effect == Effect::None;
        self.lesser && result.as_ref().is_err_and(unable)
    }

    /// The value of a call that must succeed, kept for the search for secrets.
    #[track_caller]
    pub fn ok<T: Debug>(&self, result: Result<T, impl Display + Debug>) -> T {
        match result {
            Ok(value) => {
                self.hear(format!("{value:?}"));
                value
            }
            Err(error) => panic!("failed: {error}"),
        }
    }

    /// An account whose server, profile and session are looked up already.
    pub async fn actor(&self) -> Actor<'_> {
        self.actor_with(Duration::from_secs(20)).await
    }

    /// The same with this limit for each request.
    pub async fn actor_with(&self, timeout: Duration) -> Actor<'_> {
        let mut actor = self.stranger(timeout);
        let about = actor.mended(async |cx| self.platform.discover(cx).await).await;
        actor.account.about = self.ok(about);
        let profile = actor.mended(async |cx| self.platform.whoami(cx).await).await;
        let profile = self.ok(profile);
        (actor.account.remote_id, actor.account.handle) = (profile.id, profile.handle);
        actor
    }

    /// Another stage of the same kind, on which nothing has happened.
    pub fn another(&self) -> Stage {
        Stage { n: self.n, lesser: self.lesser, ..Stage::new(self.platform) }
    }

    /// The account before anything was asked of its server.
    pub fn stranger(&self, timeout: Duration) -> Actor<'_> {
        let n = self.n;
        let twin = mock::account(&self.server, self.platform, n, self.home.path());
        self.hear(format!("{twin:?}"));
        let redactor = Redactor::default();
        for secret in twin.secrets.values() {
            redactor.learn(secret);
            CANARIES.lock().unwrap().insert(secret.expose_secret().to_string());
        }
        let door = door(&self.server.url(), timeout, redactor);
        let account = AccountInfo {
            name: format!("{}-{n}", self.name()),
            platform: self.name().to_string(),
            server: twin.server,
            settings: twin.settings,
            ..AccountInfo::default()
        };
        Actor {
            stage: self,
            account,
            secrets: RwLock::new(twin.secrets),
            sink: Memory::default(),
            rate: Mutex::default(),
            timeout,
            door,
        }
    }

    /// A draft of one post, with a title and a picture or film where the network demands them.
    pub fn content(&self, text: &str) -> Content {
        let spec = self.platform.spec();
        let mut content = content(text);
        if matches!(spec.title_rule, Title::Native { required: true, .. }) {
            content.title = Some("A title".into());
        }
        if spec.media.required {
            let end = match spec.media.image {
                None => "mp4",
                Some(_) if self.sends_films_alone() => "mp4",
                Some(rule) if rule.mimes.contains(&"image/png") => "png",
                Some(_) => "jpg",
            };
            let media = pictures::media(self.home.path(), &format!("crab.{end}"));
            content.posts[0].media.push(MediaUse { media, alt: Some("a crab".into()), extras: Default::default() });
        }
        content
    }

    /// A draft of one post with so many pictures, each with an alt text of its own that holds `text`.
    pub fn with_pictures(&self, text: &str, pictures: usize) -> Content {
        let mut content = self.content(text);
        let rule = self.platform.spec().media.image.expect("only for platforms with images");
        let end = if rule.mimes.contains(&"image/png") { "png" } else { "jpg" };
        content.posts[0].media = (0..pictures)
            .map(|n| MediaUse {
                media: pictures::media(self.home.path(), &format!("crab-{n}.{end}")),
                alt: Some(format!("crab {n} of {text}")),
                extras: Default::default(),
            })
            .collect();
        content
    }

    /// Whether this account's films are sent, but its pictures fetched from a public address.
    pub fn sends_films_alone(&self) -> bool {
        let twin = self.platform.twin_account(self.n, self.home.path());
        let account = AccountInfo { settings: twin.settings, server: twin.server, ..AccountInfo::default() };
        let fetches = |class| self.platform.fetches(&account, class);
        self.platform.spec().media.video.is_some() && fetches("image") && !fetches("video")
    }

    /// What was heard so far that holds a secret of an account of this run.
    pub fn leaks(&self) -> Vec<String> {
        let canaries = CANARIES.lock().unwrap();
        let long = canaries.iter().filter(|canary| canary.len() >= 6);
        let heard = self.heard.lock().unwrap();
        long.flat_map(|canary| heard.iter().filter(move |text| text.contains(canary.as_str()))).cloned().collect()
    }
}

/// A draft of one post with nothing but text.
pub fn content(text: &str) -> Content {
    Content {
        posts: vec![ContentPost { text: Text::plain(text), media: Vec::new() }],
        lang: Some("en".to_string()),
        ..Content::default()
    }
}

/// What the parts of a draft have become: for each the post and its receipt.
pub type Published = Vec<(Post, Receipt)>;

impl Actor<'_> {
    pub fn cx(&self) -> Cx<'_> {
        Cx {
            door: &self.door,
            platform: self.stage.platform,
            account: &self.account,
            secrets: &self.secrets,
            sink: &self.sink,
            rate: &self.rate,
        }
    }

    /// From now on requests go to another mirror.
    pub fn point_at(&mut self, mirror: &str) {
        self.door = door(mirror, self.timeout, self.door.redactor().clone());
    }

    pub fn limits(&self) -> Limits {
        self.stage.platform.limits(&self.account.about).overridden(&self.account.settings)
    }

    pub fn render(&self, content: &Content) -> Rendered {
        let limits = self.limits();
        self.stage.platform.render(&Ask { content, account: Some(&self.account), limits: &limits })
    }

    /// The posts of a draft that must have no problem, as the journal would hold them.
    #[track_caller]
    pub fn posts(&self, content: &Content) -> Vec<Post> {
        let rendered = self.render(content);
        self.stage.hear(format!("{rendered:?}"));
        assert!(rendered.problems.is_empty(), "the draft has problems: {:?}", rendered.problems);
        let of = rendered.parts.len();
        let parts = rendered.parts.into_iter().enumerate();
        parts
            .map(|(index, part)| Post {
                key: Uuid::now_v7(),
                created: Utc::now(),
                index,
                of,
                text: part.text,
                media: part.media,
                card: part.card,
                payload: part.payload,
                comment: part.comment,
                reply_to: content.reply_to.clone().filter(|_| index == 0),
                quote: content.quote.clone().filter(|_| index == 0),
                root: None,
                parent: None,
                state: Value::Null,
            })
            .collect()
    }

    /// The only post of a draft.
    #[track_caller]
    pub fn post(&self, content: &Content) -> Post {
        let mut posts = self.posts(content);
        assert_eq!(posts.len(), 1, "one part was expected");
        posts.remove(0)
    }

    /// `prepare`, again while the network is busy; the state is kept as the journal would.
    pub async fn prepare(&self, post: &mut Post) -> Result<Value, Fault> {
        for _ in 0..50 {
            match self.stage.platform.prepare(&self.cx(), post).await {
                Ok(Ready::Now(state)) => return Ok(state),
                Ok(Ready::Later { state, at }) => {
                    post.state = state;
                    let wait = (at - Utc::now()).to_std().unwrap_or_default();
                    tokio::time::sleep(wait.min(Duration::from_millis(200))).await;
                }
                Err(fault) => {
                    if let Some(saved) = self.sink.saved.lock().unwrap().last() {
                        post.state = saved.clone();
                    }
                    return Err(fault);
                }
            }
        }
        panic!("after 50 times `prepare` still says later");
    }

    pub async fn publish(&self, post: &Post, ready: &Value) -> Result<Receipt, Fault> {
        self.stage.platform.publish(&self.cx(), post, ready).await
    }

    /// Publishes all parts of a draft, each as a reply to the one before.
    pub async fn publish_all(&self, content: &Content) -> Result<Published, Fault> {
        let mut published: Published = Vec::new();
        for mut post in self.posts(content) {
            post.root = published.first().map(|(_, receipt)| receipt.clone());
            post.parent = published.last().map(|(_, receipt)| receipt.clone());
            let ready = self.prepare(&mut post).await?;
            let receipt = self.publish(&post, &ready).await?;
            self.stage.hear(format!("{post:?} {ready} {receipt:?}"));
            published.push((post, receipt));
        }
        Ok(published)
    }

    /// A call that is repeated once after `refresh`, as the engine does.
    pub async fn mended<T>(&self, call: impl AsyncFn(&Cx<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let cx = self.cx();
        match call(&cx).await {
            Err(fault) if fault.kind == Kind::Auth && fault.effect == Effect::None => {
                if self.stage.platform.refresh(&cx).await? { call(&cx).await } else { Err(fault) }
            }
            result => result,
        }
    }
}

impl Drop for Actor<'_> {
    fn drop(&mut self) {
        let said = self.sink.said.lock().unwrap().join("\n");
        let saved = format!("{:?} {:?} {:?}", self.sink.saved.lock().unwrap(), self.account, self.door.redactor());
        self.stage.hear(said);
        self.stage.hear(saved);
        // sessions that came later are secrets too
        CANARIES.lock().unwrap().extend(self.secrets.read().unwrap().values().map(|s| s.expose_secret().to_string()));
    }
}
