//! The engine against a network that loses answers: whatever happens, no part is there twice, and the journal says the truth.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use xpost::account::{Secrets, Vault};
use xpost::deliver::Phase::{Find as ReadBack, Prepare, Publish};
use xpost::deliver::{AddOptions, Engine, Options, Order, Situation, Verdict, Written, verdict};
use xpost::net::{Door, DoorOptions, Effect, Fault, Kind, Redactor};
use xpost::platform::{
    AccountInfo, Ask, Cx, Edit, Find, Found, Part, Piece, Platform, Post, Profile, Ready, Receipt, Repeat, Server,
    Spec, TextRule, TwinAccount,
};
use xpost::store::{self, DeliveryRow, Home, NewAccount, PartState, Scope, SecretSource, Store};
use xpost::text::Text;
use xpost::twin::Twin;

/// What the network does with the next request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    Fine,
    /// Stores the post, then the connection breaks. As a read-back's act: it cannot tell.
    Stored,
    /// The connection breaks before anything is stored.
    Lost,
    /// Stores the post and answers 502.
    StoredBadGateway,
    BadGateway,
    Refused,
    /// "That is here already", whatever is.
    Taken,
    Limited,
    Auth,
    Unreachable,
}

struct Fake {
    repeat: Repeat,
    can_find: bool,
    writes: Mutex<VecDeque<Act>>,
    prepares: Mutex<VecDeque<Act>>,
    finds: Mutex<VecDeque<Act>>,
    /// (account, text, key) as the network holds them.
    posts: Mutex<Vec<(String, String, String)>>,
    requests: Mutex<u32>,
    /// What each write was a reply to.
    parents: Mutex<Vec<Option<String>>>,
}

static SPEC: Spec = Spec {
    name: "fake",
    title: "Fake",
    about: "a network for tests",
    checked: "2026-11-22",
    server: Server::Fixed("https://fake.example"),
    text: TextRule { max: Some(100), ..Spec::PLAIN.text },
    threads: true,
    ..Spec::PLAIN
};

fn lost() -> Fault {
    Fault::new(Kind::Network, "the connection broke").maybe()
}

fn gateway() -> Fault {
    let mut fault = Fault::new(Kind::Unavailable, "bad gateway").maybe();
    fault.status = Some(502);
    fault
}

/// The fault of an act that certainly posted nothing.
fn harmless(act: Act) -> Fault {
    match act {
        Act::Limited => Fault::new(Kind::Limited, "slow down"),
        Act::Auth => Fault::new(Kind::Auth, "who are you"),
        Act::Unreachable => Fault::new(Kind::Network, "no route"),
        Act::Taken => Fault::new(Kind::Rejected, "it is here already").maybe(),
        _ => Fault::new(Kind::Rejected, "no"),
    }
}

fn next(script: &Mutex<VecDeque<Act>>) -> Act {
    script.lock().unwrap().pop_front().unwrap_or(Act::Fine)
}

impl Fake {
    fn store(&self, cx: &Cx<'_>, post: &Post) -> Receipt {
        let mut posts = self.posts.lock().unwrap();
        let known = matches!(self.repeat, Repeat::SameId | Repeat::Key { .. });
        let at = posts.iter().position(|(_, _, key)| known && *key == post.uuid()).unwrap_or_else(|| {
            posts.push((cx.account.name.clone(), post.text.text.clone(), post.uuid()));
            posts.len() - 1
        });
        Receipt::new(at.to_string(), None)
    }

    fn count(&self, account: &str, text: &str) -> usize {
        self.posts.lock().unwrap().iter().filter(|(a, t, _)| a == account && t == text).count()
    }
}

#[async_trait]
impl Platform for Fake {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn repeat(&self, _: &AccountInfo) -> Repeat {
        self.repeat
    }

    fn encode(&self, _: &Ask, piece: &mut Piece) -> Result<Value, String> {
        Ok(json!(piece.text.text))
    }

    async fn prepare(&self, _: &Cx<'_>, _: &Post) -> Result<Ready, Fault> {
        match next(&self.prepares) {
            Act::Fine => Ok(Ready::Now(json!("ready"))),
            Act::Stored | Act::Lost => Err(lost()),
            Act::StoredBadGateway | Act::BadGateway => Err(gateway()),
            act => Err(harmless(act)),
        }
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Receipt, Fault> {
        assert_eq!(*ready, json!("ready"), "publish is given what prepare made");
        *self.requests.lock().unwrap() += 1;
        self.parents.lock().unwrap().push(post.parent.as_ref().map(|parent| parent.id.clone()));
        let act = next(&self.writes);
        let receipt = matches!(act, Act::Fine | Act::Stored | Act::StoredBadGateway).then(|| self.store(cx, post));
        match (act, receipt) {
            (Act::Fine, Some(receipt)) => Ok(receipt),
            (Act::Stored | Act::Lost, _) => Err(lost()),
            (Act::StoredBadGateway | Act::BadGateway, _) => Err(gateway()),
            (act, _) => Err(harmless(act)),
        }
    }

    async fn whoami(&self, _: &Cx<'_>) -> Result<Profile, Fault> {
        Ok(Profile::default())
    }

    async fn refresh(&self, _: &Cx<'_>) -> Result<bool, Fault> {
        Ok(true)
    }

    fn find(&self) -> Option<&dyn Find> {
        self.can_find.then_some(self)
    }

    fn edit(&self) -> Option<&dyn Edit> {
        self.can_find.then_some(self)
    }

    fn twin(&self) -> Box<dyn Twin> {
        unreachable!("this network has no twin")
    }

    fn twin_account(&self, _: usize, _: &Path) -> TwinAccount {
        unreachable!("this network has no twin")
    }

    fn setup(&self) -> &'static str {
        ""
    }
}

#[async_trait]
impl Find for Fake {
    async fn find(&self, cx: &Cx<'_>, post: &Post, _: &Value, _: DateTime<Utc>) -> Result<Found, Fault> {
        match next(&self.finds) {
            Act::Fine => {}
            Act::Stored => return Ok(Found::Unsure),
            Act::Lost | Act::StoredBadGateway | Act::BadGateway => {
                return Err(Fault { effect: Effect::None, ..gateway() });
            }
            act => return Err(harmless(act)),
        }
        let posts = self.posts.lock().unwrap();
        let at = posts.iter().position(|(a, t, _)| *a == cx.account.name && *t == post.text.text);
        Ok(at.map_or(Found::No, |at| Found::Yes(Receipt::new(at.to_string(), None))))
    }
}

#[async_trait]
impl Edit for Fake {
    fn can(&self, _: &Post, new: &Post) -> Result<(), String> {
        if new.text.text.contains("forbidden") { Err("that word cannot come in".into()) } else { Ok(()) }
    }

    async fn edit(&self, _: &Cx<'_>, receipt: &Receipt, post: &Post) -> Result<Receipt, Fault> {
        *self.requests.lock().unwrap() += 1;
        let act = next(&self.writes);
        if matches!(act, Act::Fine | Act::Stored) {
            self.posts.lock().unwrap()[receipt.id.parse::<usize>().unwrap()].1 = post.text.text.clone();
        }
        if post.text.text.contains("slow") {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        match act {
            Act::Fine => Ok(receipt.clone()),
            Act::Stored => Err(lost()),
            act => Err(harmless(act)),
        }
    }
}

fn networks() -> &'static Mutex<HashMap<String, &'static Fake>> {
    static MAP: OnceLock<Mutex<HashMap<String, &'static Fake>>> = OnceLock::new();
    MAP.get_or_init(Mutex::default)
}

fn lookup(name: &str) -> Option<&'static dyn Platform> {
    networks().lock().unwrap().get(name).map(|fake| *fake as &dyn Platform)
}

struct NoSecrets;

#[async_trait]
impl Vault for NoSecrets {
    async fn load(&self, _: &store::Account) -> Result<Secrets, Fault> {
        Ok(BTreeMap::new())
    }

    async fn keep(&self, _: &store::Account, _: &Secrets) -> Result<(), Fault> {
        Ok(())
    }
}

/// What decides about repeats.
type Judge = fn(&Situation) -> Verdict;

struct World {
    _directory: tempfile::TempDir,
    home: Home,
    network: &'static Fake,
    name: String,
    judge: Judge,
}

impl World {
    fn new(repeat: Repeat, can_find: bool, writes: &[Act]) -> World {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::at(directory.path());
        let network = Box::leak(Box::new(Fake {
            repeat,
            can_find,
            writes: Mutex::new(writes.iter().copied().collect()),
            prepares: Mutex::default(),
            finds: Mutex::default(),
            posts: Mutex::default(),
            requests: Mutex::default(),
            parents: Mutex::default(),
        }));
        let name = uuid::Uuid::now_v7().to_string();
        networks().lock().unwrap().insert(name.clone(), network);
        World { _directory: directory, home, network, name, judge: verdict }
    }

    /// A new process, as far as the journal can tell.
    fn engine(&self) -> Engine {
        let store = Arc::new(Store::open(&self.home.database()).unwrap());
        let door = Arc::new(Door::new(DoorOptions::default(), Redactor::default()).unwrap());
        let options = Options {
            patience: Duration::from_millis(1500),
            settle: Duration::ZERO,
            backoff: Duration::ZERO,
            networks: lookup,
            judge: self.judge,
        };
        Engine::new(store, door, Arc::new(NoSecrets), &self.home, options).unwrap()
    }

    async fn account(&self, engine: &Engine, name: &str) -> store::Account {
        if let Some(account) = engine.store().account(name).await.unwrap() {
            return account;
        }
        let new = NewAccount {
            name: name.into(),
            platform: self.name.clone(),
            server: "https://fake.example".into(),
            settings: json!({}),
            secret: SecretSource::None,
            secret_key: None,
            login: serde_json::Value::Null,
        };
        engine.store().account_add(new).await.unwrap()
    }

    /// Adds a thread of `texts` for each account.
    async fn add(&self, engine: &Engine, accounts: &[&str], texts: &[&str], options: &AddOptions) -> Vec<i64> {
        let mut orders = Vec::new();
        for name in accounts {
            let parts = texts.iter().map(|text| Part {
                text: Text::plain(*text),
                count: text.len(),
                limit: None,
                media: vec![],
                card: None,
                payload: json!(text),
                ..Part::default()
            });
            orders.push(Order {
                account: self.account(engine, name).await,
                plan_hash: "p".into(),
                parts: parts.collect(),
                reply_to: None,
                quote: None,
                expires_at: None,
            });
        }
        let written = Written { source: "test".into(), title: None, body: texts.join(" "), hash: texts.join("|") };
        engine.add(&written, &orders, options).await.unwrap().iter().map(|added| added.delivery_id).collect()
    }

    async fn run(&self, engine: &Engine, deliveries: &[i64]) {
        let (_keep, stop) = tokio::sync::watch::channel(false);
        engine.run(Scope::Deliveries(deliveries.to_vec()), Arc::new(|_| {}), stop).await.unwrap();
    }

    async fn one(&self) -> (DeliveryRow, usize) {
        let engine = self.engine();
        let ids = self.add(&engine, &["a"], &["hello"], &AddOptions::default()).await;
        self.run(&engine, &ids).await;
        let row = engine.store().delivery(ids[0]).await.unwrap().unwrap();
        (row, self.network.count("a", "hello"))
    }
}

const HOUR: Repeat = Repeat::Key { window: Duration::from_secs(3600) };

/// One part at a network that does so: what becomes of it, how often it is there, and how many writes it took.
struct Case {
    repeat: Repeat,
    can_find: bool,
    prepares: &'static [Act],
    writes: &'static [Act],
    finds: &'static [Act],
    end: (PartState, usize, u32),
}

const fn case(repeat: Repeat, can_find: bool, writes: &'static [Act], end: (PartState, usize, u32)) -> Case {
    Case { repeat, can_find, prepares: &[], writes, finds: &[], end }
}

/// Shorter than any margin: a key that is never trusted.
const MOMENT: Repeat = Repeat::Key { window: Duration::from_secs(1) };

fn cases() -> Vec<Case> {
    use Act::{Auth, BadGateway, Limited, Lost, Refused, Stored, StoredBadGateway, Taken, Unreachable};
    use PartState::{Failed, Sent, Unknown};
    let before = |prepares, end| Case { prepares, ..case(Repeat::Never, false, &[], end) };
    let back = |finds, writes, end| Case { finds, ..case(Repeat::Find, true, writes, end) };
    vec![
        case(Repeat::SameId, false, &[Stored], (Sent, 1, 2)),
        case(Repeat::SameId, false, &[Lost, StoredBadGateway, BadGateway], (Sent, 1, 4)),
        case(HOUR, true, &[Stored], (Sent, 1, 2)),
        case(HOUR, true, &[Stored, BadGateway], (Sent, 1, 2)),
        case(HOUR, true, &[Lost, BadGateway], (Sent, 1, 3)),
        case(HOUR, false, &[Stored, BadGateway], (Unknown, 1, 2)),
        case(HOUR, true, &[Lost, Unreachable], (Sent, 1, 3)),
        // the key may be forgotten by now
        case(MOMENT, true, &[Stored], (Sent, 1, 1)),
        case(MOMENT, false, &[Stored], (Unknown, 1, 1)),
        case(Repeat::Find, true, &[Stored], (Sent, 1, 1)),
        case(Repeat::Find, true, &[Lost], (Sent, 1, 2)),
        case(Repeat::Find, false, &[Stored], (Unknown, 1, 1)),
        case(Repeat::Find, true, &[StoredBadGateway], (Sent, 1, 1)),
        case(Repeat::Lookup, true, &[Stored], (Sent, 1, 1)),
        case(Repeat::Lookup, true, &[BadGateway, StoredBadGateway], (Sent, 1, 2)),
        // what the network has is none of ours, and it says so every time
        case(Repeat::Find, true, &[Taken], (Failed, 0, 1)),
        case(Repeat::Find, true, &[Lost, Taken], (Failed, 0, 2)),
        case(Repeat::SameId, false, &[Taken], (Unknown, 0, 1)),
        case(Repeat::Never, false, &[Taken], (Unknown, 0, 1)),
        case(Repeat::Never, false, &[Stored], (Unknown, 1, 1)),
        case(Repeat::Never, true, &[Lost], (Unknown, 0, 1)),
        case(Repeat::Never, true, &[Stored], (Unknown, 1, 1)),
        case(Repeat::Never, false, &[Limited, Unreachable, Unreachable], (Sent, 1, 4)),
        case(Repeat::Never, false, &[Auth], (Sent, 1, 2)),
        case(Repeat::Never, false, &[Auth, Auth], (Failed, 0, 2)),
        case(Repeat::SameId, false, &[Refused], (Failed, 0, 1)),
        // the repeat is refused, but the first may be there
        case(Repeat::SameId, false, &[Stored, Refused], (Unknown, 1, 2)),
        case(HOUR, true, &[Stored, Refused], (Sent, 1, 2)),
        case(HOUR, true, &[Lost, Refused], (Sent, 1, 3)),
        case(Repeat::Never, false, &[Unreachable; 8], (Failed, 0, 8)),
        case(Repeat::SameId, false, &[Lost; 8], (Unknown, 0, 8)),
        case(HOUR, false, &[Lost; 8], (Unknown, 0, 8)),
        case(Repeat::Find, true, &[Lost; 8], (Failed, 0, 8)),
        // before the write
        before(&[Limited, Unreachable, Lost, BadGateway], (Sent, 1, 1)),
        before(&[Auth], (Sent, 1, 1)),
        before(&[Auth, Auth], (Failed, 0, 0)),
        before(&[Refused], (Failed, 0, 0)),
        before(&[Unreachable; 8], (Failed, 0, 0)),
        before(&[Lost; 8], (Failed, 0, 0)),
        // reading back may fail too
        back(&[BadGateway, BadGateway], &[Stored], (Sent, 1, 1)),
        back(&[BadGateway], &[Lost], (Sent, 1, 2)),
        back(&[Auth], &[Stored], (Sent, 1, 1)),
        back(&[Auth, Auth], &[Stored], (Unknown, 1, 1)),
        back(&[Refused], &[Stored], (Unknown, 1, 1)),
        back(&[Stored], &[Lost], (Unknown, 0, 1)),
        back(&[BadGateway; 9], &[Stored], (Unknown, 1, 1)),
    ]
}

/// The first case that does not end as it should, if these are the verdicts.
async fn broken(judge: Judge) -> Option<String> {
    for (index, case) in cases().iter().enumerate() {
        let mut world = World::new(case.repeat, case.can_find, case.writes);
        world.judge = judge;
        world.network.prepares.lock().unwrap().extend(case.prepares);
        world.network.finds.lock().unwrap().extend(case.finds);
        let (row, count) = world.one().await;
        let end = (row.state(), count, *world.network.requests.lock().unwrap());
        if end != case.end {
            let script = format!("before {:?}, writes {:?}, reads {:?}", case.prepares, case.writes, case.finds);
            let word = case.repeat.word();
            return Some(format!("case {index} ({word}; {script}): {:?} wanted, {end:?} got", case.end));
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_loss_ends_as_the_table_says() {
    assert_eq!(broken(verdict).await, None);
}

/// `mutants![what: pattern of a situation => another verdict, ...]`
macro_rules! mutants {
    ($($what:literal: |$s:ident| $when:expr => $instead:expr),* $(,)?) => {
        &[$(($what, |$s| if $when { $instead } else { verdict($s) })),*]
    };
}

/// The same network, taken for one of another kind.
fn taken_for(s: &Situation, repeat: Repeat) -> Verdict {
    verdict(&Situation { repeat, ..*s })
}

/// Each row of the verdict and each class of repeat, turned into its opposite. What cannot do harm is not in it: a login that was
/// renewed and refused at once is not renewed again whatever the verdict, and a step before the write only ever fails.
#[rustfmt::skip]
const MUTANTS: &[(&str, Judge)] = mutants![
    "before the write: an ended login is not renewed": |s| s.phase == Prepare && s.fault.kind == Kind::Auth => Verdict::Fail,
    "before the write: a passing fault is final": |s| s.phase == Prepare && s.fault.kind.transient() && maybe(s).is_none() => Verdict::Fail,
    "before the write: a lost answer is final": |s| s.phase == Prepare && maybe(s).is_some() => Verdict::Fail,
    "before the write: passing faults without end": |s| s.phase == Prepare && s.fault.kind.transient() => Verdict::Again,
    "before the write: a refusal is tried again": |s| s.phase == Prepare && s.fault.kind == Kind::Rejected => Verdict::Again,
    "reading back: an ended login is not renewed": |s| s.phase == ReadBack && s.fault.kind == Kind::Auth => Verdict::Unknown,
    "reading back: a passing fault ends it": |s| s.phase == ReadBack && s.fault.kind.transient() => Verdict::Unknown,
    "reading back: passing faults without end": |s| s.phase == ReadBack && s.fault.kind.transient() => Verdict::Again,
    "reading back: a refusal is tried again": |s| s.phase == ReadBack && s.fault.kind == Kind::Rejected => Verdict::Again,
    "refused: an ended login is not renewed": |s| none(s) == Some(Kind::Auth) => Verdict::Fail,
    "refused: a limit or no route is final": |s| none(s).is_some_and(Kind::transient) => Verdict::Fail,
    "refused: passing faults without end": |s| none(s).is_some_and(Kind::transient) => Verdict::Again,
    "refused: a write before it is forgotten": |s| none(s) == Some(Kind::Rejected) && s.dirty => Verdict::Fail,
    "refused: a write before it is repeated": |s| none(s) == Some(Kind::Rejected) && s.dirty => Verdict::Again,
    "refused: a write before it is not read back": |s| none(s) == Some(Kind::Rejected) && s.dirty => Verdict::Unknown,
    "refused: tried again": |s| none(s) == Some(Kind::Rejected) && !s.dirty => Verdict::Again,
    "refused: called unknown": |s| none(s) == Some(Kind::Rejected) && !s.dirty => Verdict::Unknown,
    "taken: called a failure": |s| maybe(s) == Some(Kind::Rejected) => Verdict::Fail,
    "taken: tried again": |s| maybe(s) == Some(Kind::Rejected) => Verdict::Again,
    "taken: never read back": |s| maybe(s) == Some(Kind::Rejected) => Verdict::Unknown,
    "lost: called a failure": |s| lost_write(s) => Verdict::Fail,
    "lost: called unknown": |s| lost_write(s) => Verdict::Unknown,
    "lost: written again, whatever the network": |s| lost_write(s) => Verdict::Again,
    "lost: read back, whatever the network": |s| lost_write(s) => Verdict::Find,
    "same id: repeated without end": |s| lost_write(s) && s.repeat == Repeat::SameId => Verdict::Again,
    "key: repeated without end": |s| lost_write(s) && s.repeat == HOUR && s.fault.status.is_none() => Verdict::Again,
    "key: repeated after its window": |s| lost_write(s) && s.repeat == MOMENT => Verdict::Again,
    "key: a 5xx to a repeat is believed": |s| lost_write(s) && s.repeat == HOUR && s.dirty && s.fault.status.is_some() => Verdict::Again,
    "key: not repeated inside its window": |s| lost_write(s) && s.repeat == HOUR && !s.dirty => Verdict::Find,
    "same id taken for find": |s| s.repeat == Repeat::SameId => taken_for(s, Repeat::Find),
    "same id taken for never": |s| s.repeat == Repeat::SameId => taken_for(s, Repeat::Never),
    "key taken for same id": |s| matches!(s.repeat, Repeat::Key { .. }) => taken_for(s, Repeat::SameId),
    "key taken for find": |s| matches!(s.repeat, Repeat::Key { .. }) => taken_for(s, Repeat::Find),
    "key taken for never": |s| matches!(s.repeat, Repeat::Key { .. }) => taken_for(s, Repeat::Never),
    "lookup taken for same id": |s| s.repeat == Repeat::Lookup => taken_for(s, Repeat::SameId),
    "lookup taken for never": |s| s.repeat == Repeat::Lookup => taken_for(s, Repeat::Never),
    "find taken for same id": |s| s.repeat == Repeat::Find => taken_for(s, Repeat::SameId),
    "find taken for key": |s| s.repeat == Repeat::Find => taken_for(s, HOUR),
    "find taken for never": |s| s.repeat == Repeat::Find => taken_for(s, Repeat::Never),
    "never taken for same id": |s| s.repeat == Repeat::Never => taken_for(s, Repeat::SameId),
    "never taken for key": |s| s.repeat == Repeat::Never => taken_for(s, HOUR),
    "never taken for find": |s| s.repeat == Repeat::Never => taken_for(s, Repeat::Find),
];

/// The kind of a fault of the write that certainly posted nothing.
fn none(s: &Situation) -> Option<Kind> {
    (s.phase == Publish && s.fault.effect == Effect::None).then_some(s.fault.kind)
}

/// The kind of a fault after which the post may be there.
fn maybe(s: &Situation) -> Option<Kind> {
    (s.fault.effect == Effect::Maybe).then_some(s.fault.kind)
}

fn lost_write(s: &Situation) -> bool {
    s.phase == Publish && maybe(s).is_some_and(Kind::transient)
}

/// The table above is worth what it notices: every wrong verdict must break one of its cases. `--nocapture` shows the list.
#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_verdict_is_noticed() {
    let mut missed = Vec::new();
    for some in MUTANTS.chunks(8) {
        let tried = some.iter().map(|(what, judge)| tokio::spawn(async move { (what, broken(*judge).await) }));
        for one in tried.collect::<Vec<_>>() {
            match one.await.unwrap() {
                (what, Some(by)) => println!("{what}\n    noticed by {by}"),
                (what, None) => missed.push(*what),
            }
        }
    }
    println!("{} wrong verdicts, {} not noticed", MUTANTS.len(), missed.len());
    assert_eq!(missed, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_thread_goes_on_where_it_broke() {
    let world = World::new(Repeat::Never, false, &[Act::Fine, Act::Fine, Act::Refused]);
    let engine = world.engine();
    let texts = ["1", "2", "3", "4"];
    let ids = world.add(&engine, &["a"], &texts, &AddOptions::default()).await;
    world.run(&engine, &ids).await;
    let states = |row: DeliveryRow| row.parts.iter().map(|part| part.state.word()).collect::<Vec<_>>().join(" ");
    assert_eq!(states(engine.store().delivery(ids[0]).await.unwrap().unwrap()), "sent sent failed queued");
    drop(engine);
    let engine = world.engine();
    let again = world.add(&engine, &["a"], &texts, &AddOptions::default()).await;
    assert_eq!(again, ids, "the same draft goes on with the same delivery");
    world.run(&engine, &ids).await;
    assert_eq!(states(engine.store().delivery(ids[0]).await.unwrap().unwrap()), "sent sent sent sent");
    let there: Vec<String> = world.network.posts.lock().unwrap().iter().map(|(_, text, _)| text.clone()).collect();
    assert_eq!(there, texts);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_draft_again_posts_nothing_unless_asked() {
    let world = World::new(Repeat::Never, false, &[]);
    let engine = world.engine();
    let first = world.add(&engine, &["a", "b"], &["x"], &AddOptions::default()).await;
    world.run(&engine, &first).await;
    let second = world.add(&engine, &["a", "b", "c"], &["x"], &AddOptions::default()).await;
    assert_eq!(first[..], second[..2]);
    world.run(&engine, &second).await;
    assert_eq!(
        [world.network.count("a", "x"), world.network.count("b", "x"), world.network.count("c", "x")],
        [1, 1, 1]
    );
    let third = world.add(&engine, &["a"], &["x"], &AddOptions { again: true, ..AddOptions::default() }).await;
    world.run(&engine, &third).await;
    assert_eq!(world.network.count("a", "x"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_memory_reads_back_before_it_writes() {
    let first = World::new(Repeat::Find, true, &[]);
    let once = AddOptions { once: Some("v1.0".into()), ..AddOptions::default() };
    let engine = first.engine();
    let ids = first.add(&engine, &["a"], &["released"], &once).await;
    first.run(&engine, &ids).await;
    let key = engine.store().delivery(ids[0]).await.unwrap().unwrap().parts[0].key;
    // another machine: an empty journal, the same network
    let elsewhere = tempfile::tempdir().unwrap();
    let second = World {
        home: Home::at(elsewhere.path()),
        _directory: elsewhere,
        network: first.network,
        name: first.name.clone(),
        judge: verdict,
    };
    let engine = second.engine();
    let ids = second.add(&engine, &["a"], &["released"], &once).await;
    second.run(&engine, &ids).await;
    let row = engine.store().delivery(ids[0]).await.unwrap().unwrap();
    assert_eq!((row.state(), row.parts[0].key), (PartState::Sent, key));
    assert_eq!(second.network.count("a", "released"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_engines_share_the_work_without_doing_any_of_it_twice() {
    let world = World::new(Repeat::Never, false, &[]);
    let texts: Vec<String> = (0..12).map(|n| format!("part {n}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (one, two) = (world.engine(), world.engine());
    let ids = world.add(&one, &["a", "b", "c"], &texts, &AddOptions::default()).await;
    tokio::join!(world.run(&one, &ids), world.run(&two, &ids));
    for account in ["a", "b", "c"] {
        for text in &texts {
            assert_eq!(world.network.count(account, text), 1);
        }
    }
    assert_eq!(world.network.posts.lock().unwrap().len(), 36);
}

/// Many random networks and restarts: the journal and the network never disagree.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_nothing_is_there_twice() {
    use Act::{Auth, BadGateway, Fine, Limited, Lost, Refused, Stored, StoredBadGateway, Unreachable};
    let mut seed: u64 = 0x2545_f491_4f6c_dd1d;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let acts = [Fine, Fine, Stored, Lost, StoredBadGateway, BadGateway, Refused, Limited, Auth, Unreachable];
    let mut totals = BTreeMap::new();
    for round in 0..150 {
        let repeat = [Repeat::SameId, HOUR, Repeat::Lookup, Repeat::Find, Repeat::Never][round % 5];
        let can_find = matches!(repeat, Repeat::Lookup | Repeat::Find) || random(2) == 0;
        let script: Vec<Act> = (0..random(14)).map(|_| acts[random(acts.len())]).collect();
        let world = World::new(repeat, can_find, &script);
        world.network.prepares.lock().unwrap().extend((0..random(5)).map(|_| acts[random(acts.len())]));
        world.network.finds.lock().unwrap().extend((0..random(4)).map(|_| acts[random(acts.len())]));
        let mut ids = Vec::new();
        for _restart in 0..3 {
            let engine = world.engine();
            ids = world.add(&engine, &["a", "b"], &["1", "2", "3"], &AddOptions::default()).await;
            world.run(&engine, &ids).await;
        }
        let engine = world.engine();
        for id in ids {
            let row = engine.store().delivery(id).await.unwrap().unwrap();
            for (part, text) in row.parts.iter().zip(["1", "2", "3"]) {
                let count = world.network.count(&row.account, text);
                *totals.entry(part.state.word()).or_insert(0) += 1;
                assert!(count <= 1, "round {round}: twice: {script:?}");
                match part.state {
                    PartState::Sent => assert_eq!(count, 1, "round {round}: sent but not there: {script:?}"),
                    PartState::Failed | PartState::Cancelled => {
                        assert_eq!(count, 0, "round {round}: failed but there: {script:?}")
                    }
                    PartState::Queued => assert!(count == 0 || part.first_sent.is_some(), "round {round}: {script:?}"),
                    PartState::Unknown => {}
                    PartState::Preparing | PartState::Sending => panic!("round {round}: left at work"),
                }
            }
        }
    }
    println!("parts by state after 150 rounds: {totals:?}");
    assert!(totals["sent"] > 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_says_is_there_is_taken_as_said() {
    let world = World::new(Repeat::Never, false, &[Act::Stored]);
    let engine = world.engine();
    let ids = world.add(&engine, &["a"], &["1", "2"], &AddOptions::default()).await;
    world.run(&engine, &ids).await;
    let row = engine.store().delivery(ids[0]).await.unwrap().unwrap();
    assert_eq!(row.state(), PartState::Unknown);
    // without an address nothing can be put under it, and the rest stands by itself
    let said = serde_json::to_value(Receipt::default()).unwrap();
    engine.store().resolve(row.parts[0].id, Some(said), "resolve", Utc::now()).await.unwrap();
    world.run(&engine, &ids).await;
    assert_eq!(engine.store().delivery(ids[0]).await.unwrap().unwrap().state(), PartState::Sent);
    assert_eq!((world.network.count("a", "1"), world.network.count("a", "2")), (1, 1));
    assert_eq!(*world.network.parents.lock().unwrap(), [None, None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_gets_other_words_and_the_journal_says_so() {
    let world = World::new(Repeat::Find, true, &[]);
    let engine = world.engine();
    let ids = world.add(&engine, &["a"], &["one", "two"], &AddOptions::default()).await;
    world.run(&engine, &ids).await;
    let row = async || engine.store().delivery(ids[0]).await.unwrap().unwrap();
    let part = |text: &str| Part { text: Text::plain(text), payload: json!(text), ..Part::default() };
    let before = *world.network.requests.lock().unwrap();
    // nothing is sent if one part cannot be changed
    for parts in [vec![part("one!"), part("forbidden")], vec![part("one!")]] {
        let fault = engine.edit(ids[0], &parts, "q").await.unwrap_err();
        assert_eq!((fault.kind, fault.effect), (Kind::Unsupported, Effect::None));
    }
    assert_eq!(*world.network.requests.lock().unwrap(), before);
    // only what changed is sent; a login that has ended is renewed
    world.network.writes.lock().unwrap().push_back(Act::Auth);
    assert_eq!(engine.edit(ids[0], &[part("one"), part("two!")], "q").await.unwrap(), [1]);
    assert_eq!(*world.network.requests.lock().unwrap(), before + 2);
    let now = row().await;
    assert_eq!((now.parts[1].payload.clone(), now.plan_hash.as_str()), (json!("two!"), "q"));
    assert_eq!((world.network.count("a", "two!"), world.network.count("a", "two")), (1, 0));
    // an answer that was lost: the journal keeps the old words, and the same again does no harm
    world.network.writes.lock().unwrap().push_back(Act::Stored);
    engine.edit(ids[0], &[part("one"), part("three")], "r").await.unwrap_err();
    assert_eq!(row().await.parts[1].payload, json!("two!"));
    assert_eq!(engine.edit(ids[0], &[part("one"), part("three")], "r").await.unwrap(), [1]);
    assert_eq!(world.network.count("a", "three"), 1);
    assert!(engine.edit(ids[0], &[part("one"), part("three")], "r").await.unwrap().is_empty());
    let attempts = engine.store().attempts(row().await.post_id).await.unwrap();
    let edits: Vec<&str> =
        attempts.iter().filter(|attempt| attempt.phase == "edit").map(|attempt| attempt.outcome.as_str()).collect();
    assert_eq!(edits, ["ok", "fault", "ok"]);
    // after a lost answer the old words are not "the same", for the network may hold the new ones; a refusal in between tells nothing
    for act in [Act::Stored, Act::Refused] {
        world.network.writes.lock().unwrap().push_back(act);
        engine.edit(ids[0], &[part("one"), part("four")], "r").await.unwrap_err();
    }
    assert_eq!(world.network.count("a", "four"), 1);
    assert_eq!(engine.edit(ids[0], &[part("one"), part("three")], "r").await.unwrap(), [1]);
    assert_eq!((world.network.count("a", "four"), world.network.count("a", "three")), (0, 1));
    // nor after a process that died over it
    engine.store().editing(row().await.parts[1].id, Utc::now()).await.unwrap();
    assert_eq!(engine.edit(ids[0], &[part("one"), part("three")], "r").await.unwrap(), [1]);
    // but a change that was refused changed nothing
    world.network.writes.lock().unwrap().push_back(Act::Refused);
    engine.edit(ids[0], &[part("one"), part("four")], "r").await.unwrap_err();
    assert!(engine.edit(ids[0], &[part("one"), part("three")], "r").await.unwrap().is_empty());
    // what was taken back cannot be changed
    engine.store().deleted(row().await.parts[0].id, Utc::now()).await.unwrap();
    let fault = engine.edit(ids[0], &[part("one"), part("four")], "s").await.unwrap_err();
    assert!(fault.message.contains("part 1 is not posted"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_change_a_post_at_once_leave_one_truth() {
    let world = World::new(Repeat::Find, true, &[]);
    let (one, two) = (world.engine(), world.engine());
    let ids = world.add(&one, &["a"], &["old"], &AddOptions::default()).await;
    world.run(&one, &ids).await;
    let part = |text: &str| [Part { text: Text::plain(text), payload: json!(text), ..Part::default() }];
    let (slow, quick) = (part("slow words"), part("other words"));
    let later = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        two.edit(ids[0], &quick, "q").await
    };
    let (first, second) = tokio::join!(one.edit(ids[0], &slow, "p"), later);
    assert_eq!((first.unwrap(), second.unwrap()), (vec![0], vec![0]));
    let row = one.store().delivery(ids[0]).await.unwrap().unwrap();
    assert_eq!(row.parts[0].payload, json!("other words"));
    assert_eq!(world.network.count("a", "other words"), 1);
    // who comes last to say what the post is now, but was not the last to change it, says nothing
    for (body, plan) in [("slow words", "p"), ("other words", "q"), ("slow words", "p")] {
        let plans = vec![(ids[0], plan.to_string())];
        one.store().rewritten(row.post_id, None, body.into(), body.into(), plans).await.unwrap();
        assert_ne!(one.store().post(row.post_id).await.unwrap().unwrap().body, "slow words");
    }
    let post = one.store().post(row.post_id).await.unwrap().unwrap();
    assert_eq!((post.body.as_str(), post.draft_hash.as_str()), ("other words", "other words"));
}
