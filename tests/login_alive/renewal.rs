//! One refresh whoever asks; nothing is spent that cannot be replaced; nothing is lost in silence.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use serde_json::json;
use xpost::account::{Room, Secrets, Vault};
use xpost::deliver::{AddOptions, Engine, Options, Order, Written};
use xpost::net::{Door, DoorOptions, Fault, Redactor};
use xpost::platform::Part;
use xpost::store::{Account, PartState, Scope, SecretSource, Store};
use xpost::text::Text;
use xpost::twin::{Inject, What};

use super::machine::{Machine, Network, finish, login, packed};
use super::tide::{SERVER, refresh};

pub const ALL: &[(&str, fn())] = &[
    ("twenty_processes_renew_once", twenty_processes_renew_once),
    ("two_machines_share_one_source", two_machines_share_one_source),
    ("a_warm_publish_asks_for_no_token_and_opens_the_vault_once", warm),
    ("killed_between_answer_and_store", killed_between_answer_and_store),
    ("killed_between_store_and_use", killed_between_store_and_use),
    ("a_clock_that_is_ten_minutes_wrong", a_clock_that_is_ten_minutes_wrong),
    ("a_refused_token_is_renewed_once", a_refused_token_is_renewed_once),
    ("no_token_is_spent_without_a_place_for_the_next", no_token_is_spent_without_a_place_for_the_next),
    ("a_login_that_is_lost_is_told", a_login_that_is_lost_is_told),
    #[cfg(target_os = "linux")]
    ("a_disk_that_is_full_at_the_moment_of_storing", a_disk_that_is_full_at_the_moment_of_storing),
    ("publish_tells_of_a_login_that_ends", publish_tells_of_a_login_that_ends),
];

fn twenty_processes_renew_once() {
    let network = Network::new();
    // long enough for all of them to want it
    network.server.inject(Inject::new(What::Delay { ms: 700 }).platform("tide").path("/token"));
    let machine = Machine::new(&network);
    let account = machine.with_login(&login(1, -60));
    let texts: Vec<String> = (0..20).map(|n| format!("post {n}")).collect();
    let children: Vec<_> = texts
        .iter()
        .map(|text| machine.command(&["publish", "--text", text, "--to", "tide", "--wait", "60"]).spawn().unwrap())
        .collect();
    for child in children {
        finish(child).ends(0);
    }
    let state = network.stand.state();
    assert_eq!((state.asked, state.renewed), (1, 1), "one refresh request for twenty processes");
    let mut posts = state.posts.clone();
    let mut wanted = texts;
    posts.sort();
    wanted.sort();
    assert_eq!(posts, wanted, "each exactly once");
    assert!(machine.kept(&account).contains(&refresh(2)));
}

/// Both have the same old login in hand, and one is quicker: the other one takes what that one put back.
fn two_machines_share_one_source() {
    if cfg!(windows) {
        return println!("skipped: the shared source is a shell command here");
    }
    let network = Network::new();
    network.server.inject(Inject::new(What::Delay { ms: 300 }).platform("tide").path("/token"));
    let place = tempfile::tempdir().unwrap();
    let shared = place.path().join("login.json");
    std::fs::write(&shared, packed(&login(1, -60).to_keep())).unwrap();
    let command = || vec!["cat".to_string(), shared.display().to_string()];
    let machines: Vec<Machine> = (0..2)
        .map(|_| {
            let mut machine = Machine::new(&network);
            let new = shared.with_extension("new-$$");
            let put = format!("sh -c 'cat > \"{0}\" && mv \"{0}\" \"{1}\"'", new.display(), shared.display());
            machine.set("XPOST_ROTATE_COMMAND", &put);
            machine.account("tide", SERVER, SecretSource::Command { command: command() }, &login(1, -60), json!({}));
            machine
        })
        .collect();
    let children: Vec<_> =
        machines.iter().map(|machine| machine.command(&["account", "check", "tide"]).spawn().unwrap()).collect();
    for child in children {
        finish(child).ends(0);
    }
    {
        let state = network.stand.state();
        assert_eq!(state.renewed, 1, "the token was spent once");
        assert!(state.asked <= 2);
        assert!(std::fs::read_to_string(&shared).unwrap().contains(&refresh(2)));
    }
    // and both go on with it
    for machine in &machines {
        machine.run(&["publish", "--text", "warm", "--to", "tide"]).ends(0);
    }
    assert_eq!(network.stand.state().renewed, 1);
}

/// Counts what is asked of it.
struct Counting {
    vault: xpost::account::Chain,
    loads: AtomicUsize,
    others: AtomicUsize,
}

#[async_trait]
impl Vault for Counting {
    async fn load(&self, account: &Account) -> Result<Secrets, Fault> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        self.vault.load(account).await
    }

    async fn keep(&self, account: &Account, renewed: &Secrets) -> Result<(), Fault> {
        self.others.fetch_add(1, Ordering::Relaxed);
        self.vault.keep(account, renewed).await
    }

    async fn ready(&self, account: &Account) -> Result<Room, Fault> {
        self.others.fetch_add(1, Ordering::Relaxed);
        self.vault.ready(account).await
    }
}

/// The account's keyring or file is opened once for a whole thread, and the network is asked for no token.
fn warm() {
    let network = Network::new();
    let machine = Machine::new(&network);
    let account = machine.with_login(&login(1, 3600));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let vault = Arc::new(Counting { vault: machine.chain(), loads: AtomicUsize::new(0), others: AtomicUsize::new(0) });
    runtime.block_on(async {
        let store = Arc::new(Store::open(&machine.home().database()).unwrap());
        let mirror = Some(url::Url::parse(&network.server.url()).unwrap());
        let door = Arc::new(Door::new(DoorOptions { mirror, ..DoorOptions::default() }, Redactor::default()).unwrap());
        let engine = Engine::new(store, door, vault.clone(), &machine.home(), Options::default()).unwrap();
        let part = |text: &str| Part {
            text: Text::plain(text),
            count: text.len(),
            limit: None,
            media: vec![],
            card: None,
            payload: json!({ "text": text }),
            ..Part::default()
        };
        let order = Order {
            account,
            plan_hash: "p".into(),
            parts: vec![part("one"), part("two"), part("three")],
            reply_to: None,
            quote: None,
            expires_at: None,
        };
        let written = Written { source: "test".into(), title: None, body: String::new(), hash: "h".into() };
        let added = engine.add(&written, &[order], &AddOptions::default()).await.unwrap();
        let (_keep, stop) = tokio::sync::watch::channel(false);
        engine.run(Scope::Deliveries(vec![added[0].delivery_id]), Arc::new(|_| {}), stop).await.unwrap();
        let row = engine.store().delivery(added[0].delivery_id).await.unwrap().unwrap();
        assert_eq!(row.state(), PartState::Sent);
    });
    assert_eq!(vault.loads.load(Ordering::Relaxed), 1, "one look at the secret store for three posts");
    assert_eq!(vault.others.load(Ordering::Relaxed), 0);
    let state = network.stand.state();
    assert_eq!((state.asked, state.posts.len()), (0, 3));
}

/// The old login was spent, and the new one died with the process: that is said, and nothing is posted with neither.
fn killed_between_answer_and_store() {
    let network = Network::new();
    let machine = Machine::new(&network);
    let account = machine.with_login(&login(1, -60));
    machine.killed_at("answered", &["publish", "--text", "one", "--to", "tide"]);
    assert_eq!(network.stand.state().renewed, 1);
    assert!(machine.kept(&account).contains(&refresh(1)), "what was there is whole");
    let next = machine.run(&["run"]);
    next.ends(7).says(&["the refresh token is invalid", "next: xpost account login tide"]);
    assert!(network.stand.state().posts.is_empty());
    // many networks take the old one until the new one was used
    network.stand.state().grace = true;
    machine.run(&["retry"]).ends(0);
    assert_eq!(network.stand.state().posts, ["one"]);
    assert!(machine.kept(&account).contains(&refresh(2)));
    let left = std::fs::read_dir(machine.home().secrets()).unwrap().count();
    assert_eq!(left, 1, "nothing is left beside the login");
}

fn killed_between_store_and_use() {
    let network = Network::new();
    let machine = Machine::new(&network);
    let account = machine.with_login(&login(1, -60));
    machine.killed_at("stored", &["publish", "--text", "one", "--to", "tide"]);
    assert!(machine.kept(&account).contains(&refresh(2)), "stored before use");
    machine.run(&["run"]).ends(0);
    let state = network.stand.state();
    assert_eq!((state.renewed, state.posts.clone()), (1, vec!["one".to_string()]));
}

/// Whichever way this machine's clock is wrong against what it noted: one refresh at most, and the post is out.
fn a_clock_that_is_ten_minutes_wrong() {
    // it believes that the token still holds, and the network refuses it; it believes that it has ended, and it has not
    for (believed, n) in [(600, 0), (-600, 1)] {
        let network = Network::new();
        let machine = Machine::new(&network);
        machine.with_login(&login(1, believed));
        network.stand.state().n = 1;
        if n == 0 {
            // the access token is over, what renews it is not
            network.server.inject(Inject::new(What::Expired).platform("tide").path("/post"));
        }
        machine.run(&["publish", "--text", "one", "--to", "tide"]).ends(0);
        let state = network.stand.state();
        assert_eq!((state.asked, state.posts.len()), (1, 1), "{believed}");
    }
}

/// What was renewed ahead is not renewed again when the network refuses it all the same.
fn a_refused_token_is_renewed_once() {
    let network = Network::new();
    let machine = Machine::new(&network);
    machine.with_login(&login(1, -60));
    network.server.inject(Inject::new(What::Expired).platform("tide").path("/post").times(0));
    machine.run(&["publish", "--text", "one", "--to", "tide"]).ends(7);
    assert_eq!(network.stand.state().asked, 1, "renewed ahead, and not once more");
    let machine = Machine::new(&network);
    let n = network.stand.state().n;
    machine.with_login(&login(n, 3600));
    machine.run(&["publish", "--text", "two", "--to", "tide"]).ends(7);
    assert_eq!(network.stand.state().asked, 2, "renewed because it was refused, and not once more");
    assert!(network.stand.state().posts.is_empty());
}

fn no_token_is_spent_without_a_place_for_the_next() {
    let network = Network::new();
    let machine = Machine::new(&network);
    let account = machine.with_login(&login(1, -60));
    // where the room for the new login would be set aside, something stands that is in the way
    let room = machine.home().secrets().join(format!("{}.room", account.secret_key));
    std::fs::create_dir_all(room.join("x")).unwrap();
    let run = machine.run(&["publish", "--text", "one", "--to", "tide"]);
    run.ends(5)
        .says(&["its login is not renewed, because the new one could not be kept", "the old one is as good as it was"]);
    assert_eq!(network.stand.state().asked, 0, "nothing was spent");
    assert!(machine.kept(&account).contains(&refresh(1)));
    std::fs::remove_dir_all(room).unwrap();
    machine.run(&["retry"]).ends(0);
    assert_eq!(network.stand.state().posts, ["one"]);
    // one that still holds is used, and renewed another time
    let network = Network::new();
    let machine = Machine::new(&network);
    let account = machine.with_login(&login(1, 100));
    let room = machine.home().secrets().join(format!("{}.room", account.secret_key));
    std::fs::create_dir_all(room.join("x")).unwrap();
    machine.run(&["publish", "--text", "one", "--to", "tide"]).ends(0);
    assert_eq!(network.stand.counts(), (0, 1));
}

fn a_login_that_is_lost_is_told() {
    let network = Network::new();
    let machine = Machine::new(&network);
    machine.with_login(&login(1, 100));
    let secrets = machine.home().secrets();
    network.stand.state().on_refresh = Some(Box::new(move || {
        drop(std::fs::remove_dir_all(&secrets));
        std::fs::write(&secrets, "no directory any more").unwrap();
    }));
    // the old token would hold for a minute: it is spent all the same, and nobody may find out later
    let run = machine.run(&["publish", "--text", "one", "--to", "tide"]);
    run.ends(7).says(&[
        "account `tide`: its login was renewed, but could not be kept: ",
        "the old one is spent; log in again: `xpost account login tide`",
    ]);
    let state = network.stand.state();
    assert_eq!((state.renewed, state.posts.len()), (1, 0), "nothing is used that is not stored");
}

/// A disk that fills up between the question and the answer takes the room from nobody.
#[cfg(target_os = "linux")]
fn a_disk_that_is_full_at_the_moment_of_storing() {
    let network = Network::new();
    let mut machine = Machine::new(&network);
    let disk = machine.path("home");
    std::fs::create_dir_all(&disk).unwrap();
    let mounted =
        std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(&disk).output();
    if !mounted.as_ref().is_ok_and(|output| output.status.success()) {
        return println!("skipped: a small disk cannot be mounted here (that needs root): {mounted:?}");
    }
    struct Unmount(std::path::PathBuf);
    impl Drop for Unmount {
        fn drop(&mut self) {
            drop(std::process::Command::new("umount").arg("-l").arg(&self.0).output());
        }
    }
    let _unmount = Unmount(disk.clone());
    let fill = |room: u64| {
        use std::io::Write;
        let mut file = std::fs::File::create(disk.join("fill")).unwrap();
        let mut written: u64 = 0;
        while file.write_all(&[0; 4096]).is_ok() {
            written += 4096;
        }
        file.set_len(written.saturating_sub(room)).unwrap();
    };
    machine.set("XPOST_HOME", &disk.display().to_string());
    let account = machine.with_login(&login(1, -60));
    machine.run(&["account", "list"]).ends(0);
    // full before: nothing is spent
    fill(0);
    let run = machine.run(&["account", "check", "tide"]);
    assert!(run.code == 1, "{run:?}");
    assert_eq!(network.stand.state().asked, 0);
    std::fs::remove_file(disk.join("fill")).unwrap();
    assert!(machine.kept(&account).contains(&refresh(1)));
    // full in between
    let path = disk.clone();
    network.stand.state().on_refresh = Some(Box::new(move || {
        use std::io::Write;
        let mut file = std::fs::File::create(path.join("fill")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }));
    let run = machine.run(&["account", "check", "tide"]);
    network.stand.state().on_refresh = None;
    std::fs::remove_file(disk.join("fill")).unwrap();
    assert_eq!(network.stand.state().renewed, 1, "{run:?}");
    assert!(machine.kept(&account).contains(&refresh(2)), "the room was kept for it: {run:?}");
    machine.run(&["publish", "--text", "one", "--to", "tide"]).ends(0);
    assert_eq!(network.stand.state().renewed, 1);
}

fn publish_tells_of_a_login_that_ends() {
    let network = Network::new();
    let machine = Machine::new(&network);
    let mut grant = login(1, 3600);
    grant.facts.login_ends = Some(Utc::now() + TimeDelta::days(3));
    machine.with_login(&grant);
    let run = machine.run(&["publish", "--text", "one", "--to", "tide"]);
    run.ends(0);
    let warning = "warning: the login of `tide` ends ";
    assert_eq!(run.err.matches(warning).count(), 1, "{run:?}");
    run.says(&["log in again in time: `xpost account login tide`"]);
    // and so does `run`
    let at = (Utc::now() + TimeDelta::seconds(2)).format("%Y-%m-%d %H:%M:%S").to_string();
    machine.run(&["publish", "--text", "two", "--to", "tide", "--at", &at]).ends(0);
    std::thread::sleep(Duration::from_secs(3));
    let run = machine.run(&["run"]);
    assert_eq!(run.ends(0).err.matches(warning).count(), 1, "{run:?}");
    let mut grant = login(1, 3600);
    grant.facts.login_ends = Some(Utc::now() + TimeDelta::days(30));
    let machine = Machine::new(&network);
    machine.with_login(&grant);
    machine.run(&["publish", "--text", "three", "--to", "tide"]).ends(0).silent_about("ends");
    assert_eq!(network.stand.state().posts.len(), 3);
}
