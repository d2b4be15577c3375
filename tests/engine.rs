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
use xpost::deliver::{AddOptions, Engine, Options, Order, Written};
use xpost::net::{Door, DoorOptions, Effect, Fault, Kind, Redactor};
use xpost::platform::{
    AccountInfo, Ask, Cx, Find, Found, Part, Piece, Platform, Post, Profile, Ready, Receipt, Repeat, Server, Spec,
    TextRule, TwinAccount,
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

struct World {
    _directory: tempfile::TempDir,
    home: Home,
    network: &'static Fake,
    name: String,
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
        World { _directory: directory, home, network, name }
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

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_loss_ends_as_the_table_says() {
    use Act::{Auth, BadGateway, Limited, Lost, Refused, Stored, StoredBadGateway, Taken, Unreachable};
    use PartState::{Failed, Sent, Unknown};
    type Case = (Repeat, bool, &'static [Act], PartState, usize, u32);
    let cases: &[Case] = &[
        (Repeat::SameId, false, &[Stored], Sent, 1, 2),
        (Repeat::SameId, false, &[Lost, StoredBadGateway, BadGateway], Sent, 1, 4),
        (HOUR, true, &[Stored], Sent, 1, 2),
        (HOUR, true, &[Stored, BadGateway], Sent, 1, 2),
        (HOUR, true, &[Lost, BadGateway], Sent, 1, 3),
        (HOUR, false, &[Stored, BadGateway], Unknown, 1, 2),
        (Repeat::Find, true, &[Stored], Sent, 1, 1),
        (Repeat::Find, true, &[Lost], Sent, 1, 2),
        (Repeat::Find, true, &[StoredBadGateway], Sent, 1, 1),
        (Repeat::Lookup, true, &[BadGateway, StoredBadGateway], Sent, 1, 2),
        // what the network has is none of ours, and it says so every time
        (Repeat::Find, true, &[Taken], Failed, 0, 1),
        (Repeat::Find, true, &[Lost, Taken], Failed, 0, 2),
        (Repeat::Never, false, &[Stored], Unknown, 1, 1),
        (Repeat::Never, true, &[Lost], Unknown, 0, 1),
        (Repeat::Never, false, &[Limited, Unreachable, Unreachable], Sent, 1, 4),
        (Repeat::Never, false, &[Auth], Sent, 1, 2),
        (Repeat::Never, false, &[Auth, Auth], Failed, 0, 2),
        (Repeat::SameId, false, &[Refused], Failed, 0, 1),
        // the repeat is refused, but the first may be there
        (Repeat::SameId, false, &[Stored, Refused], Unknown, 1, 2),
        (HOUR, true, &[Stored, Refused], Sent, 1, 2),
        (HOUR, true, &[Lost, Refused], Sent, 1, 3),
        (Repeat::Never, false, &[Unreachable; 8], Failed, 0, 8),
        (Repeat::SameId, false, &[Lost; 8], Unknown, 0, 8),
        (Repeat::Find, true, &[Lost; 8], Failed, 0, 8),
    ];
    for (index, (repeat, can_find, acts, state, there, requests)) in cases.iter().enumerate() {
        let world = World::new(*repeat, *can_find, acts);
        let (row, count) = world.one().await;
        let asked = *world.network.requests.lock().unwrap();
        assert_eq!((row.state(), count, asked), (*state, *there, *requests), "case {index}: {row:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_back_may_fail_too() {
    use Act::{Auth, BadGateway, Lost, Refused, Stored};
    for (finds, writes, state, there) in [
        (&[BadGateway, BadGateway][..], &[Stored][..], PartState::Sent, 1),
        (&[BadGateway], &[Lost], PartState::Sent, 1),
        (&[Auth], &[Stored], PartState::Sent, 1),
        (&[Refused], &[Stored], PartState::Unknown, 1),
        (&[Stored], &[Lost], PartState::Unknown, 0),
        (&[BadGateway; 9], &[Stored], PartState::Unknown, 1),
    ] {
        let world = World::new(Repeat::Find, true, writes);
        world.network.finds.lock().unwrap().extend(finds);
        let (row, count) = world.one().await;
        assert_eq!((row.state(), count), (state, there), "{finds:?} {writes:?}");
    }
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
