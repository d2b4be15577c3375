//! The contract through the engine: the same platforms, driven by `deliver` over a real store, with every fault at every request and
//! a crash between any two steps. Whatever happens, the twin holds each part at most once, and the journal says the truth.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use url::Url;
use xpost::account::{HostSettings, Secrets, Vault};
use xpost::deliver::{AddOptions, Engine, Options, Order, Written};
use xpost::host::MediaHost;
use xpost::net::{Door, DoorOptions, Fault, Redactor};
use xpost::platform::{AccountInfo, Ask, Content, Platform, Repeat};
use xpost::store::{Account, DeliveryRow, Home, NewAccount, PartState, Scope, SecretSource, Store};
use xpost::twin::{Inject, What, When};

use crate::stage::Stage;
use crate::{Case, all, cases, remote};

/// The cases of this module.
pub fn cases() -> Vec<Case> {
    cases![
        a_thread_through_the_engine: all,
        every_fault_at_every_request: remote,
        a_crash_between_any_two_steps: all,
        two_engines_at_once: all,
        once_on_two_machines: finds,
        what_was_deleted_is_gone: deletes,
    ]
}

fn finds(platform: &dyn Platform, n: usize) -> Option<&'static str> {
    let told = platform.find().is_some() && n == 0;
    (!told).then_some("nothing can be read back")
}

fn deletes(platform: &dyn Platform, _n: usize) -> Option<&'static str> {
    platform.delete().is_none().then_some("it cannot delete")
}

/// Secrets in memory, as a keyring would keep them.
struct Safe(Mutex<Secrets>);

#[async_trait]
impl Vault for Safe {
    async fn load(&self, _: &Account) -> Result<Secrets, Fault> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn keep(&self, _: &Account, renewed: &Secrets) -> Result<(), Fault> {
        self.0.lock().unwrap().extend(renewed.clone());
        Ok(())
    }
}

/// A machine: a home with a journal, and an account of the stage's twin.
struct Machine<'a> {
    stage: &'a Stage,
    place: tempfile::TempDir,
    safe: Arc<Safe>,
    redactor: Redactor,
}

const QUICK: Options = Options {
    patience: Duration::from_secs(120),
    settle: Duration::from_millis(1),
    backoff: Duration::from_millis(1),
    networks: xpost::platform::by_name,
    judge: xpost::deliver::verdict,
};

impl<'a> Machine<'a> {
    async fn new(stage: &'a Stage) -> Machine<'a> {
        let actor = stage.actor().await;
        let secrets = actor.secrets.read().unwrap().clone();
        let redactor = Redactor::default();
        let machine =
            Machine { stage, place: tempfile::tempdir().unwrap(), safe: Arc::new(Safe(Mutex::new(secrets))), redactor };
        let engine = machine.engine();
        let new = NewAccount {
            name: "account".into(),
            platform: stage.name().into(),
            server: actor.account.server.clone(),
            settings: actor.account.settings.clone(),
            secret: SecretSource::None,
            secret_key: None,
            login: serde_json::Value::Null,
        };
        let account = engine.store().account_add(new).await.unwrap();
        let (account, _) = stage.ok(engine.check(account).await);
        assert_eq!(account.remote_id, actor.account.remote_id);
        machine
    }

    /// A new process on this machine.
    fn engine(&self) -> Engine {
        let home = Home::at(self.place.path());
        let options = DoorOptions {
            mirror: Some(Url::parse(&self.stage.server.url()).unwrap()),
            timeout: Some(Duration::from_secs(5)),
            ..DoorOptions::default()
        };
        let door = Arc::new(Door::new(options, self.redactor.clone()).unwrap());
        let store = Arc::new(Store::open(&home.database()).unwrap());
        let directory = self.place.path().join("public");
        std::fs::create_dir_all(&directory).unwrap();
        let host = HostSettings {
            directory: Some(directory),
            url_prefix: Some("https://files.example/".into()),
            ..HostSettings::default()
        };
        let host = MediaHost::new(&host, &home, self.redactor.clone()).unwrap();
        Engine::new(store, door, self.safe.clone(), &home, QUICK).unwrap().hosted_by(host)
    }

    async fn account(&self, engine: &Engine) -> Account {
        engine.store().account("account").await.unwrap().unwrap()
    }

    /// Puts a draft into the journal.
    async fn add(&self, engine: &Engine, content: &Content, options: &AddOptions) -> i64 {
        let account = self.account(engine).await;
        let info = AccountInfo::from(&account);
        let limits = self.stage.platform.limits(&info.about);
        let rendered = self.stage.platform.render(&Ask { content, account: Some(&info), limits: &limits });
        assert!(rendered.problems.is_empty(), "{:?}", rendered.problems);
        let texts: Vec<&str> = content.posts.iter().map(|post| post.text.text.as_str()).collect();
        let written = Written { source: "test".into(), title: None, body: texts.join("\n"), hash: texts.join("|") };
        let order = Order {
            account,
            plan_hash: "p".into(),
            parts: rendered.parts,
            reply_to: None,
            quote: None,
            expires_at: None,
        };
        self.stage.ok(engine.add(&written, &[order], options).await)[0].delivery_id
    }

    async fn run(&self, engine: &Engine, delivery: i64) -> Result<(), Fault> {
        let (_stop, stopped) = tokio::sync::watch::channel(false);
        let done = engine.run(Scope::Deliveries(vec![delivery]), Arc::new(|_| {}), stopped).await;
        if let Err(fault) = &done {
            self.stage.hear(format!("{fault} {fault:?}"));
        }
        done
    }

    async fn row(&self, engine: &Engine, delivery: i64) -> DeliveryRow {
        let row = engine.store().delivery(delivery).await.unwrap().unwrap();
        self.stage.hear(format!("{row:?}"));
        let attempts = engine.store().attempts(row.post_id).await.unwrap();
        self.stage.hear(format!("{attempts:?}"));
        row
    }

    /// The twin holds no part twice, and what the journal says of each is true.
    async fn judge(&self, engine: &Engine, delivery: i64, texts: &[&str], what: &str) -> DeliveryRow {
        let row = self.row(engine, delivery).await;
        for (part, text) in row.parts.iter().zip(texts) {
            let there = self.stage.posts_with(text).len();
            assert!(there <= 1, "{what}: `{text}` is there {there} times: {row:#?}");
            match part.state {
                PartState::Sent => assert_eq!(there, 1, "{what}: `{text}` is said to be there: {row:#?}"),
                PartState::Failed | PartState::Cancelled => assert_eq!(there, 0, "{what}: `{text}` is there: {row:#?}"),
                PartState::Queued => {
                    assert!(there == 0 || part.first_sent.is_some(), "{what}: `{text}` is there: {row:#?}")
                }
                PartState::Unknown => {
                    assert!(self.may_not_know(engine).await, "{what}: it could have been known: {row:#?}")
                }
                PartState::Preparing | PartState::Sending => panic!("{what}: left at work: {row:#?}"),
            }
        }
        row
    }

    /// Whether this account has no way to tell what became of a lost write.
    async fn may_not_know(&self, engine: &Engine) -> bool {
        let account = self.account(engine).await;
        let info =
            xpost::platform::AccountInfo { settings: account.settings, about: account.about, ..Default::default() };
        self.stage.lesser || matches!(self.stage.platform.repeat(&info), Repeat::Never)
    }
}

/// A thread where there are threads, else one post; with a picture where pictures are taken.
fn draft(stage: &Stage, marks: &[&str]) -> Content {
    let spec = stage.platform.spec();
    let mut content = if spec.media.image.is_some() && !stage.sends_films_alone() {
        stage.with_pictures(marks[0], 1)
    } else {
        stage.content(marks[0])
    };
    content.posts[0].text = xpost::text::Text::plain(format!("{} opens", marks[0]));
    for mark in &marks[1..] {
        content.posts.extend(stage.content(&format!("{mark} goes on")).posts);
    }
    content
}

/// What a thread of this platform is made of.
fn marks(stage: &Stage) -> &'static [&'static str] {
    if stage.platform.spec().threads { &["firstpart", "secondpart"] } else { &["firstpart"] }
}

async fn a_thread_through_the_engine(stage: &Stage) {
    let machine = Machine::new(stage).await;
    let engine = machine.engine();
    let marks = marks(stage);
    let id = machine.add(&engine, &draft(stage, marks), &AddOptions::default()).await;
    machine.run(&engine, id).await.unwrap();
    let row = machine.judge(&engine, id, marks, "all is well").await;
    assert_eq!(row.state(), PartState::Sent);
    // the same once more, and nothing happens
    let before = stage.server.log().len();
    let again = machine.add(&engine, &draft(stage, marks), &AddOptions::default()).await;
    assert_eq!(again, id);
    machine.run(&engine, id).await.unwrap();
    assert_eq!(stage.server.log().len(), before, "a finished delivery makes no request");
    machine.judge(&engine, id, marks, "twice").await;
}

async fn every_fault_at_every_request(stage: &Stage) {
    // how many requests there are when nothing goes wrong
    let requests = {
        let rehearsal = stage.another();
        let machine = Machine::new(&rehearsal).await;
        let engine = machine.engine();
        let id = machine.add(&engine, &draft(&rehearsal, &["firstpart"]), &AddOptions::default()).await;
        let before = rehearsal.server.log().len();
        machine.run(&engine, id).await.unwrap();
        (rehearsal.server.log().len() - before) as u32
    };
    let faults = [
        (What::Drop, When::Before),
        (What::Drop, When::After),
        (What::Status { status: 500 }, When::Before),
        (What::Status { status: 502 }, When::After),
        (What::Status { status: 503 }, When::Before),
        (What::Limited { seconds: 1 }, When::Before),
        (What::Expired, When::Before),
        (What::Truncated, When::After),
        (What::Html, When::After),
    ];
    let mut runs = Vec::new();
    for (what, when) in faults {
        // a second hit says something new only where the first was lost
        let most = if matches!(what, What::Drop | What::Status { .. }) { 2 } else { 1 };
        for skip in 0..requests {
            runs.extend((1..=most).map(|times| Inject { skip, times, when: Some(when), ..Inject::new(what.clone()) }));
        }
    }
    some_at_once(runs, async |inject| {
        let stage = stage.another();
        let machine = Machine::new(&stage).await;
        let engine = machine.engine();
        let id = machine.add(&engine, &draft(&stage, &["firstpart"]), &AddOptions::default()).await;
        let name = format!("{inject:?} of {requests} requests");
        stage.server.inject(inject);
        machine.run(&engine, id).await.unwrap();
        let row = machine.judge(&engine, id, &["firstpart"], &name).await;
        // what passes is overcome; only what the network refuses for good, or nobody can tell, stays
        if row.state() != PartState::Sent {
            let fault = row.parts[0].fault.as_ref().unwrap();
            let final_refusal = row.state() == PartState::Failed && !fault.kind.transient();
            assert!(row.state() == PartState::Unknown || final_refusal, "{name}: {row:#?}");
        }
        assert_eq!(stage.leaks(), Vec::<String>::new(), "{name}");
    })
    .await;
}

/// Each has a network and a machine of its own, and most of it is waiting.
async fn some_at_once<T>(work: Vec<T>, run: impl AsyncFn(T)) {
    use futures_util::StreamExt as _;
    let run = &run;
    futures_util::stream::iter(work).for_each_concurrent(6, |one| run(one)).await;
}

/// An engine that is dropped in the middle is a process that died: its lock is free, its rows are as they were.
async fn a_crash_between_any_two_steps(stage: &Stage) {
    let marks = marks(stage);
    let machine = Machine::new(stage).await;
    drop(machine);
    some_at_once((0..24u64).collect(), async |step| {
        let stage = stage.another();
        let machine = Machine::new(&stage).await;
        let engine = machine.engine();
        let id = machine.add(&engine, &draft(&stage, marks), &AddOptions::default()).await;
        stage.server.inject(Inject { times: 0, ..Inject::new(What::Delay { ms: 4 }) });
        let ended = tokio::time::timeout(Duration::from_millis(step * 2), machine.run(&engine, id)).await.is_ok();
        drop(engine);
        stage.server.clear_faults();
        let engine = machine.engine();
        let freed = engine.recover().await.unwrap();
        assert!(freed <= 1, "one part at a time");
        machine.run(&engine, id).await.unwrap();
        let row =
            machine.judge(&engine, id, marks, &format!("crash after {} ms (it had ended: {ended})", step * 2)).await;
        assert!(matches!(row.state(), PartState::Sent | PartState::Unknown), "{row:#?}");
    })
    .await;
}

async fn two_engines_at_once(stage: &Stage) {
    let marks = marks(stage);
    let machine = Machine::new(stage).await;
    let (one, two) = (machine.engine(), machine.engine());
    let id = machine.add(&one, &draft(stage, marks), &AddOptions::default()).await;
    let (a, b) = tokio::join!(machine.run(&one, id), machine.run(&two, id));
    a.and(b).unwrap();
    assert_eq!(machine.judge(&one, id, marks, "two at once").await.state(), PartState::Sent);
}

async fn once_on_two_machines(stage: &Stage) {
    let once = AddOptions { once: Some("v1.0".into()), ..AddOptions::default() };
    let mut keys = Vec::new();
    for machine in ["the first", "the second"] {
        let name = format!("{machine} machine");
        let machine = Machine::new(stage).await;
        let engine = machine.engine();
        let id = machine.add(&engine, &draft(stage, &["firstpart"]), &once).await;
        machine.run(&engine, id).await.unwrap();
        let row = machine.judge(&engine, id, &["firstpart"], &name).await;
        assert_eq!(row.state(), PartState::Sent, "{name}: {row:#?}");
        keys.push(row.parts[0].key);
    }
    assert_eq!(keys[0], keys[1], "the same key on every machine");
}

async fn what_was_deleted_is_gone(stage: &Stage) {
    let marks = marks(stage);
    let machine = Machine::new(stage).await;
    let engine = machine.engine();
    let id = machine.add(&engine, &draft(stage, marks), &AddOptions::default()).await;
    machine.run(&engine, id).await.unwrap();
    let session = stage.ok(engine.session(machine.account(&engine).await).await.map(|session| {
        stage.hear(session.info.name.clone());
        Hidden(session)
    }));
    for part in machine.row(&engine, id).await.parts.iter().rev() {
        let receipt = serde_json::from_value(part.receipt.clone().unwrap()).unwrap();
        let deleted = engine.delete(&session.0, part.id, &receipt).await;
        if stage.spared(&deleted) {
            return;
        }
        stage.ok(deleted);
    }
    for mark in marks {
        assert_eq!(stage.posts_with(mark).len(), 0, "`{mark}` is still there");
    }
    let row = machine.row(&engine, id).await;
    assert!(row.parts.iter().all(|part| part.deleted_at.is_some_and(|at| at <= Utc::now())));
    // what was taken back may be posted anew
    let again = machine.add(&engine, &draft(stage, marks), &AddOptions::default()).await;
    assert_ne!(again, id);
}

/// A session has no `Debug`, so that its secrets cannot be printed.
struct Hidden(xpost::deliver::Session);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("session")
    }
}
