//! What every network implements, and what it is handed.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::cx::Cx;
use super::fit::{self, PlanNote};
use super::spec::{Limits, Repeat, Spec};
use crate::draft::{CardChoice, Focus, Location, Overflow, Poll, Visibility, when};
use crate::host::{self, Hosted};
use crate::login::{self, Login};
use crate::media::{Card as LinkCard, Media};
use crate::net::{Answer, Fault, by_status};
use crate::store::Account;
use crate::text::Text;
use crate::twin::Twin;

/// A network.
///
/// The functions stand in the same order in every network's `mod.rs`. `encode` and what it calls are pure: no clock, no
/// file, no network, no randomness. No function retries: each hands the engine one [`Fault`].
#[async_trait]
pub trait Platform: Sync + Send {
    /// The facts.
    fn spec(&self) -> &'static Spec;

    /// The numbers for one account. `about` is what [`Platform::discover`] found out of its server (`Null` if nothing yet).
    fn limits(&self, about: &Value) -> Limits {
        let _ = about;
        Limits::of(self.spec())
    }

    /// Which extras of a medium it takes; the others are left out, and `check` says so.
    fn extras(&self) -> &'static [Extra] {
        &[]
    }

    /// How a repeat is recognised for this account.
    fn repeat(&self, account: &AccountInfo) -> Repeat {
        let _ = account;
        self.spec().repeat
    }

    /// Draft to parts, each with its exact payload. Override only for a real difference; [`fit::standard`] is the rule.
    fn render(&self, ask: &Ask) -> Rendered {
        fit::standard(self.spec(), ask, &|ask, piece| self.encode(ask, piece))
    }

    /// What a part will cost, as far as that is known before; prices are data with a date, in the network's folder. Pure.
    fn cost(&self, ask: &Ask, part: &Part) -> Option<Cost> {
        let _ = (ask, part);
        None
    }

    /// One part as the exact JSON that `publish` will send, apart from what only the network can say (ids of uploads and of the
    /// posts replied to). What cannot be expressed is an error (stops this target) or a note in [`Piece::notes`].
    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String>;

    /// Uploads, containers, look-ups: everything that may be repeated and that nobody sees. `post.state` is what the last call
    /// returned or saved; finished steps are saved with [`Cx::save`] so that a killed run does not repeat them.
    async fn prepare(&self, cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
        let _ = (cx, post);
        Ok(Ready::Now(Value::Null))
    }

    /// The one request that the world can see. Never repeats anything by itself. What it learns on the way (the id of a job that goes
    /// on at the network) may be saved with [`Cx::save`]: [`Find`] then sees it in `post.state`.
    async fn publish(&self, cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Receipt, Fault>;

    /// Who the credentials belong to; reads only.
    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault>;

    /// What the server says of itself (software, limits), as JSON of the network's own making; cached by the engine, handed to
    /// [`Platform::limits`] and as [`AccountInfo::about`]. `Null` where there is nothing to ask.
    async fn discover(&self, cx: &Cx<'_>) -> Result<Value, Fault> {
        let _ = cx;
        Ok(Value::Null)
    }

    /// What this network means by an answer: `None` if all is well. A 200 can be a refusal.
    fn explain(&self, answer: &Answer) -> Option<Fault> {
        by_status(answer)
    }

    /// The ways to log in, the one to offer first at the front. Where the fields of [`Spec::fields`] are all that there is, nothing
    /// need be said.
    fn logins(&self) -> &'static [Login] {
        TYPED
    }

    /// Gets or renews what the credentials must be traded for (a session, an access token), and keeps it with [`Cx::keep`]. Called
    /// under the login's lock: ahead of expiry, and once when a request failed with `auth`; `false` where there is nothing to renew.
    async fn refresh(&self, cx: &Cx<'_>) -> Result<bool, Fault> {
        cx.renew().await
    }

    /// Ends what typed credentials were traded for (a session) before they are forgotten; they themselves stay good at the network.
    ///
    /// # Errors
    /// It is still good there until it ends by itself.
    async fn leave(&self, cx: &Cx<'_>) -> Result<(), Fault> {
        let _ = cx;
        Ok(())
    }

    /// Whether a session that the credentials must be traded for is missing or about to end; [`Platform::refresh`] then comes
    /// before anything else, in one process at a time. Asks nobody.
    fn stale(&self, cx: &Cx<'_>) -> bool {
        let _ = cx;
        false
    }

    /// Whether media of this class (`image`, `video`) are fetched by the network from a public address instead of being sent to it. Then
    /// a post is refused where there is no media host.
    fn fetches(&self, account: &AccountInfo, class: &str) -> bool {
        let _ = (account, class);
        false
    }

    /// Origins that may be sent this account's credentials, beside its own server and the network's.
    fn hosts(&self, cx: &Cx<'_>) -> Vec<String> {
        let _ = cx;
        Vec::new()
    }

    /// What one login can post to, where that is more than one place: pages, channels, chats.
    fn targets(&self) -> Option<&dyn Targets> {
        None
    }

    /// Read-back.
    fn find(&self) -> Option<&dyn Find> {
        None
    }

    fn delete(&self) -> Option<&dyn Delete> {
        None
    }

    fn edit(&self) -> Option<&dyn Edit> {
        None
    }

    /// The stand-in for tests, `xpost mock` and `xpost demo`.
    fn twin(&self) -> Box<dyn Twin>;

    /// An account of that stand-in. `n` tells several apart; `home` is a directory that it may use.
    fn twin_account(&self, n: usize, home: &std::path::Path) -> TwinAccount;

    /// How to get the credentials (`setup.md`).
    fn setup(&self) -> &'static str;
}

/// The one way of networks that need no more than their fields.
const TYPED: &[Login] = &[Login {
    name: "fields",
    about: "credentials made at the network by hand",
    flow: login::Flow::Typed(login::Typed::PLAIN),
    keeps: &[],
    asks: &[],
    page: None,
}];

/// What else one login can post to.
#[async_trait]
pub trait Targets: Sync + Send {
    /// Reads only; in the order in which a person would look for them.
    async fn targets(&self, cx: &Cx<'_>) -> Result<Vec<TargetOffer>, Fault>;
}

/// One place that a login can post to.
#[derive(Debug, Clone, Default)]
pub struct TargetOffer {
    /// As a person knows it: `Example page`, `#releases`.
    pub title: String,
    /// A word for an account's name: `example-page`.
    pub name: String,
    /// What the account must be told beside the login: put over the settings of the account that logged in.
    pub settings: BTreeMap<String, Value>,
    /// Secrets of its own (a page's token), which then do not change with the login's. Empty: the login's are used.
    pub secrets: BTreeMap<String, SecretString>,
    /// Why it cannot be chosen, if so (no right to post there).
    pub not: Option<String>,
}

/// Did this part land?
#[async_trait]
pub trait Find: Sync + Send {
    /// Reads only. `since` is when the first try was sent.
    async fn find(&self, cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault>;
}

/// Takes a post back.
#[async_trait]
pub trait Delete: Sync + Send {
    /// A post that is gone already is a success.
    async fn delete(&self, cx: &Cx<'_>, receipt: &Receipt) -> Result<(), Fault>;
}

/// Changes a post that is there.
#[async_trait]
pub trait Edit: Sync + Send {
    /// Whether this part, as it was sent, can become that one; asked before anything is sent. Pure.
    ///
    /// # Errors
    /// What the network cannot change.
    fn can(&self, old: &Post, new: &Post) -> Result<(), String> {
        old.same_media(new)
    }

    /// Gives the post the text (and what goes with it) of `post`, which was never sent itself. Doing it twice does no harm.
    async fn edit(&self, cx: &Cx<'_>, receipt: &Receipt, post: &Post) -> Result<Receipt, Fault>;
}

/// What [`Find`] found.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    Yes(Receipt),
    /// It certainly is not there: what was read reaches back to before the first try.
    No,
    /// What was read does not tell.
    Unsure,
}

/// What a network gave for a part that was posted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The network's id of the post.
    pub id: String,
    /// Where a person can see it, if there is such a place.
    pub url: Option<String>,
    /// What the network needs to reply to, edit or delete it (a CID, a chat).
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub extra: Value,
}

impl Receipt {
    pub fn new(id: impl Into<String>, url: Option<String>) -> Receipt {
        Receipt { id: id.into(), url, extra: Value::Null }
    }

    pub fn extra(mut self, extra: Value) -> Receipt {
        self.extra = extra;
        self
    }
}

/// What a part costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Millionths of `unit`.
    pub micros: u64,
    /// A currency (`USD`), or what the network counts (`quota units`).
    pub unit: String,
}

impl Cost {
    /// From a price such as `0.015`.
    pub fn new(amount: f64, unit: &str) -> Cost {
        Cost { micros: (amount.max(0.0) * 1e6).round() as u64, unit: unit.to_string() }
    }

    /// Costs of one unit together; those of other units are left out.
    pub fn sum<'a>(costs: impl IntoIterator<Item = &'a Cost>) -> Option<Cost> {
        costs.into_iter().fold(None, |sum, cost| match sum {
            None => Some(cost.clone()),
            Some(sum) if sum.unit == cost.unit => {
                Some(Cost { micros: sum.micros.saturating_add(cost.micros), unit: sum.unit })
            }
            sum => sum,
        })
    }
}

impl std::fmt::Display for Cost {
    /// `0.015 USD`, without zeros that say nothing.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = format!("{}.{:06}", self.micros / 1_000_000, self.micros % 1_000_000);
        write!(f, "{} {}", digits.trim_end_matches('0').trim_end_matches('.'), self.unit)
    }
}

/// Whether a part can be published now.
#[derive(Debug, Clone, PartialEq)]
pub enum Ready {
    /// Yes; this is handed to `publish`.
    Now(Value),
    /// The network is still busy with it (transcoding): `prepare` again at that time, with this state.
    Later { state: Value, at: DateTime<Utc> },
}

/// Who an account is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The network's own id, stable.
    pub id: String,
    /// As a person knows it: `@ann@example.org`, `#releases`.
    pub handle: String,
    pub url: Option<String>,
}

/// An account as platforms see it: no secret.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AccountInfo {
    pub name: String,
    pub platform: String,
    /// Origin without a slash at the end, `https://example.org`; empty for [`super::Server::Local`].
    pub server: String,
    /// From [`Profile`], empty before the first check.
    pub remote_id: String,
    pub handle: String,
    /// Fields that are not secret, and the user's overrides.
    pub settings: Value,
    /// What [`Platform::discover`] found, or `Null`.
    pub about: Value,
}

impl From<&Account> for AccountInfo {
    fn from(account: &Account) -> AccountInfo {
        AccountInfo {
            name: account.name.clone(),
            platform: account.platform.clone(),
            server: account.server.clone(),
            remote_id: account.remote_id.clone(),
            handle: account.handle.clone(),
            settings: account.settings.clone(),
            about: account.about.clone(),
        }
    }
}

impl AccountInfo {
    /// A setting as text, empty where there is none.
    pub fn setting(&self, key: &str) -> &str {
        self.settings.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// A setting that is not empty; see [`filled`].
    pub fn filled(&self, key: &str) -> Option<String> {
        self.settings.get(key).and_then(filled)
    }
}

/// A text that is not empty, without the space around it. A number is one, too: ids are often written without quotes.
pub fn filled(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_string()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What `render` works on: one draft for one target, everything looked up.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    pub content: &'a Content,
    /// `None` where a platform's name stands for its published defaults.
    pub account: Option<&'a AccountInfo>,
    pub limits: &'a Limits,
}

impl Ask<'_> {
    /// What the draft's option of this name says, else the account's setting; `None` where both are empty.
    pub fn chosen(&self, key: &str) -> Option<String> {
        self.content.option(key).and_then(filled).or_else(|| self.account?.filled(key))
    }
}

/// A draft with the overrides for one target applied.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    pub title: Option<String>,
    pub summary: Option<String>,
    pub posts: Vec<ContentPost>,
    pub lang: Option<String>,
    pub link: Option<String>,
    pub visibility: Option<Visibility>,
    pub warning: Option<String>,
    pub sensitive: bool,
    pub tags: Vec<String>,
    pub poll: Option<Poll>,
    pub reply_to: Option<Reference>,
    pub quote: Option<Reference>,
    pub overflow: Option<Overflow>,
    pub numbering: bool,
    pub require_alt: bool,
    pub card_choice: Option<CardChoice>,
    /// The card of `link` or of the text's first link, if one is wanted and was read.
    pub card: Option<LinkCard>,
    pub location: Option<Place>,
    /// The first comment, below the post.
    pub comment: Option<Text>,
    /// IANA name of the zone for wall times; empty: UTC.
    pub zone: String,
    /// `[on.NAME]` keys that only this network knows; names are checked against [`Spec::options`].
    pub options: BTreeMap<String, Value>,
}

impl Content {
    pub fn option(&self, key: &str) -> Option<&Value> {
        self.options.get(key)
    }

    pub fn option_str(&self, key: &str) -> Option<&str> {
        self.options.get(key).and_then(Value::as_str)
    }

    pub fn option_bool(&self, key: &str) -> Option<bool> {
        self.options.get(key).and_then(Value::as_bool)
    }

    /// An option that is a moment: wall time in the draft's zone (`2026-12-01 09:00`), or with an offset of its own.
    ///
    /// # Errors
    /// It is none; the message names the key.
    pub fn option_time(&self, key: &str) -> Result<Option<DateTime<Utc>>, String> {
        let Some(text) = self.option_str(key) else { return Ok(None) };
        let zone = if self.zone.is_empty() { chrono_tz::UTC } else { when::zone(&self.zone)? };
        when::moment(text, zone).map(|moment| Some(moment.at)).map_err(|why| format!("`{key}`: {why}"))
    }
}

/// Where a post is from, for one network.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Place {
    pub name: Option<String>,
    /// Degrees, north and east positive.
    pub lat: Option<f64>,
    pub lon: Option<f64>,
    /// The network's own id of the place.
    pub id: Option<String>,
}

impl From<&Location> for Place {
    fn from(location: &Location) -> Place {
        Place { name: location.name.clone(), lat: location.lat, lon: location.lon, id: None }
    }
}

/// One post of the draft for one target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContentPost {
    pub text: Text,
    pub media: Vec<MediaUse>,
}

/// A medium as a post uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaUse {
    pub media: Media,
    pub alt: Option<String>,
    /// What goes with it at the networks that say so by [`Platform::extras`].
    #[serde(default, skip_serializing_if = "Extras::is_empty")]
    pub extras: Extras,
}

/// What goes with a medium.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extras {
    /// What must stay in sight where it is cropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focus: Option<Focus>,
    /// The picture that stands for a film until it plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<Media>,
    /// `text/vtt` or `application/x-subrip`, well formed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtitles: Option<Media>,
}

impl Extras {
    pub fn is_empty(&self) -> bool {
        *self == Extras::default()
    }
}

/// One of the [`Extras`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// Of pictures.
    Focus,
    /// Of films.
    Thumbnail,
    /// Of films.
    Subtitles,
}

/// A post to reply to or to quote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// One of ours on this very account.
    Ours(Receipt),
    /// Anybody's, by the address that a person would open.
    Url(String),
}

/// One part on its way through [`Platform::encode`].
#[derive(Debug, Clone)]
pub struct Piece {
    /// 0-based, and how many there are.
    pub index: usize,
    pub of: usize,
    /// Fitted to the network's markup and limit; [`crate::text::Markup::encode`] gives the string to send.
    pub text: Text,
    pub media: Vec<MediaUse>,
    /// Only the first part carries these.
    pub title: Option<String>,
    pub poll: Option<Poll>,
    pub card: Option<LinkCard>,
    /// It is the comment below the post ([`Spec::comments`]), not a post.
    pub comment: bool,
    /// What `encode` wants the user to know.
    pub notes: Vec<PlanNote>,
}

/// What `render` made.
#[derive(Debug, Clone, Default)]
pub struct Rendered {
    pub parts: Vec<Part>,
    /// What stops this target; no part is sent if there is one.
    pub problems: Vec<PlanNote>,
    /// What deserves a look, and stops nothing.
    pub warnings: Vec<PlanNote>,
    /// What was altered on the way (split, shortened, flattened).
    pub changes: Vec<PlanNote>,
}

/// One part as planned: what is shown, counted and sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What a reader will see, for preview and for the journal's search.
    pub text: Text,
    /// Counted as the network counts.
    pub count: usize,
    pub limit: Option<usize>,
    pub media: Vec<MediaUse>,
    /// The link card that goes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<LinkCard>,
    /// The request's JSON, as far as it is known before the network was asked.
    pub payload: Value,
    /// It is the comment below the post ([`Spec::comments`]).
    #[serde(default)]
    pub comment: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// One part as the engine hands it to a network: from the journal, the same at every try.
#[derive(Debug, Clone, Default)]
pub struct Post {
    /// Fixed for life. [`Post::uuid`], [`Post::tid`] and [`Post::nonce`] derive from it.
    pub key: Uuid,
    /// When the part entered the journal; fixed for life.
    pub created: DateTime<Utc>,
    pub index: usize,
    pub of: usize,
    pub text: Text,
    pub media: Vec<MediaUse>,
    pub card: Option<LinkCard>,
    pub payload: Value,
    /// It is the comment below the post `root` ([`Spec::comments`]).
    pub comment: bool,
    /// For the first part: what it replies to.
    pub reply_to: Option<Reference>,
    pub quote: Option<Reference>,
    /// For later parts: the first part and the one before.
    pub root: Option<Receipt>,
    pub parent: Option<Receipt>,
    /// What `prepare` saved or returned last; `Null` at first.
    pub state: Value,
}

impl Post {
    /// The key as text, for headers that take any string.
    pub fn uuid(&self) -> String {
        self.key.to_string()
    }

    /// Whether another part carries the same files in the same order.
    ///
    /// # Errors
    /// It does not, in the words of [`Edit::can`].
    pub fn same_media(&self, other: &Post) -> Result<(), String> {
        let files = |post: &Post| post.media.iter().map(|one| one.media.sha256.clone()).collect::<Vec<_>>();
        if files(self) == files(other) { Ok(()) } else { Err("its pictures and films cannot be changed".to_string()) }
    }

    /// At most 25 characters of the key: base 36 of its 128 bits.
    pub fn nonce(&self) -> String {
        let mut n = self.key.as_u128();
        let mut digits = Vec::new();
        while n > 0 {
            digits.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[(n % 36) as usize]);
            n /= 36;
        }
        digits.reverse();
        String::from_utf8_lossy(&digits).into_owned()
    }

    /// An AT Protocol TID of the key: 13 characters, sorted by time, the same at every try. The time is the part's `created`
    /// where the key is a time-ordered one, else (a key derived from `--once`) a point of the years 2023 to 2026 drawn from it.
    pub fn tid(&self) -> String {
        let bits = self.key.as_u128();
        let clock = (bits & 0x3ff) as u64;
        let micros = if self.key.get_version_num() == 7 {
            self.created.timestamp_micros() as u64 + self.index as u64
        } else {
            1_672_531_200_000_000 + ((bits >> 10) as u64 % 94_608_000_000_000)
        };
        let mut n = ((micros & 0x1f_ffff_ffff_ffff) << 10) | clock;
        let mut digits = [0u8; 13];
        for digit in digits.iter_mut().rev() {
            *digit = b"234567abcdefghijklmnopqrstuvwxyz"[(n & 31) as usize];
            n >>= 5;
        }
        String::from_utf8_lossy(&digits).into_owned()
    }
}

/// Where checkpoints, sessions and uploads are kept; the engine implements it over the store.
#[async_trait]
pub trait Sink: Sync + Send {
    /// Commits what `prepare` has finished so far.
    async fn save(&self, state: &Value) -> Result<(), Fault>;
    /// Commits renewed credentials through the account's secret chain.
    async fn keep(&self, secrets: &BTreeMap<String, SecretString>) -> Result<(), Fault>;
    /// An earlier upload of the same file to the same account that the network still holds.
    async fn uploaded(&self, sha256: &str, kind: &str) -> Result<Option<Value>, Fault>;
    /// Remembers an upload for as long as the network will hold it.
    async fn remember_upload(
        &self,
        sha256: &str,
        kind: &str,
        remote: &Value,
        until: DateTime<Utc>,
    ) -> Result<(), Fault>;
    /// Puts a medium where the network can fetch it, for this part. See [`Cx::public_url`].
    async fn public_url(&self, media: &Media) -> Result<Hosted, Fault> {
        let _ = media;
        Err(host::none())
    }
    /// The network has fetched it for this part. See [`Cx::fetched`].
    async fn fetched(&self, media: &Media) -> Result<(), Fault> {
        let _ = media;
        Ok(())
    }
    /// Tells the person at the terminal what is going on: `uploading crab.png`.
    fn progress(&self, what: &str);
    /// Tells how far a file is on its way: `done` of `total` bytes have left.
    fn bytes(&self, what: &str, done: u64, total: u64) {
        let _ = (what, done, total);
    }
}

/// A throw-away account of a [`Twin`].
#[derive(Debug)]
pub struct TwinAccount {
    pub server: String,
    pub settings: Value,
    pub secrets: BTreeMap<String, SecretString>,
}

/// [`by_status`], for platforms that refine it.
pub fn explain_by_status(answer: &Answer) -> Option<Fault> {
    by_status(answer)
}

/// A 2xx answer without the field that the API promises: the post may exist.
pub fn payload_error(answer: &Answer, missing: &str) -> Fault {
    let fault = answer.stamped(Fault::unreadable(format!("{} answered without `{missing}`", answer.asked)));
    if answer.write { fault } else { Fault { effect: crate::net::Effect::None, ..fault } }
}
