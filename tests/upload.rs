//! Uploads in every shape, broken off everywhere: killed with the journal in hand, answers lost, sessions over, files that change.
//! Whatever happens, the file is there whole, is posted once, and no more of it went out twice than its shape allows.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "upload/lab.rs"]
mod lab;
#[path = "upload/server.rs"]
mod server;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use xpost::account::{Secrets, Vault};
use xpost::deliver::{AddOptions, Engine, EventKind, Options, Order, Written};
use xpost::media::Media;
use xpost::net::{Door, DoorOptions, Fault, Kind as Trouble, Redactor};
use xpost::platform::{MediaUse, Part, Platform};
use xpost::store::{self, DeliveryRow, Home, NewAccount, PartState, Scope, SecretSource, Store};
use xpost::text::Text;

use lab::{ALL, Kind, Lab, LabNet, PIECE, TOKEN};
use server::{Asked, Moment, Server, What};

/// Four pieces and a bit.
const BYTES: u64 = 4 * PIECE + 204;

fn platform(name: &str) -> Option<&'static dyn Platform> {
    static LABS: [Lab; 6] =
        [Lab(Kind::Parts), Lab(Kind::Resume), Lab(Kind::Append), Lab(Kind::Chunks), Lab(Kind::Offset), Lab(Kind::Once)];
    LABS.iter().find(|lab| format!("{:?}", lab.0) == name).map(|lab| lab as &dyn Platform)
}

/// Hands out the token; a wrong one first where that is asked for.
struct Tokens {
    wrong_once: AtomicBool,
}

#[async_trait]
impl Vault for Tokens {
    async fn load(&self, _: &store::Account) -> Result<Secrets, Fault> {
        let token = if self.wrong_once.swap(false, Ordering::Relaxed) { "worn-out-token" } else { TOKEN };
        Ok(BTreeMap::from([("token".to_string(), token.to_string().into())]))
    }

    async fn keep(&self, _: &store::Account, _: &Secrets) -> Result<(), Fault> {
        Ok(())
    }
}

/// What `publish` did.
struct Done {
    row: DeliveryRow,
    /// (done, total) as the listener was told.
    told: Vec<(u64, u64)>,
}

/// What another process would do: the same draft to the same account of the same home.
async fn publish(home: &Path, url: &str, kind: Kind, media: &Media, wrong_token: bool) -> Result<Done, Fault> {
    let home = Home::at(home);
    let store = Arc::new(Store::open(&home.database()).unwrap());
    let mirror = DoorOptions { mirror: Some(url.parse().unwrap()), ..DoorOptions::default() };
    let door = Arc::new(Door::new(mirror, Redactor::default())?);
    let options = Options {
        patience: Duration::from_secs(5),
        settle: Duration::ZERO,
        backoff: Duration::ZERO,
        networks: platform,
        judge: xpost::deliver::verdict,
    };
    let vault = Arc::new(Tokens { wrong_once: AtomicBool::new(wrong_token) });
    let engine = Engine::new(store, door, vault, &home, options)?;
    let account = match engine.store().account("lab").await.unwrap() {
        Some(account) => account,
        None => {
            let new = NewAccount {
                name: "lab".into(),
                platform: format!("{kind:?}"),
                server: "https://lab.example".into(),
                settings: json!({}),
                secret: SecretSource::None,
                secret_key: None,
                login: json!(null),
            };
            engine.store().account_add(new).await.unwrap()
        }
    };
    let part = Part {
        text: Text::plain("a clip"),
        count: 6,
        limit: None,
        media: vec![MediaUse { media: media.clone(), alt: None, extras: Default::default() }],
        card: None,
        payload: json!("a clip"),
        ..Part::default()
    };
    let order =
        Order { account, plan_hash: "p".into(), parts: vec![part], reply_to: None, quote: None, expires_at: None };
    let written = Written { source: "test".into(), title: None, body: "a clip".into(), hash: "a clip".into() };
    let added = engine.add(&written, &[order], &AddOptions::default()).await?;
    let id = added[0].delivery_id;
    let (_keep, stop) = tokio::sync::watch::channel(false);
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = told.clone();
    let listen = move |event: xpost::deliver::Event| {
        if let EventKind::Uploading { done, total, .. } = event.kind {
            listener.lock().unwrap().push((done, total));
        }
    };
    engine.run(Scope::Deliveries(vec![id]), Arc::new(listen), stop).await?;
    let row = engine.store().delivery(id).await.unwrap().unwrap();
    let told = told.lock().unwrap().clone();
    Ok(Done { row, told })
}

/// A clip on disk, a home and a network.
struct World {
    place: tempfile::TempDir,
    kind: Kind,
    server: Server<LabNet>,
    hits: Receiver<Asked>,
    media: Media,
    content: Vec<u8>,
}

impl World {
    fn new(kind: Kind) -> World {
        let (server, hits) = Server::start(LabNet::new(kind));
        let place = tempfile::tempdir().unwrap();
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed as u8
        };
        let content: Vec<u8> = (0..BYTES).map(|_| random()).collect();
        let path = place.path().join("clip.mp4");
        std::fs::write(&path, &content).unwrap();
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &content);
        let media = Media {
            path,
            name: "clip.mp4".into(),
            mime: "video/mp4".into(),
            bytes: BYTES,
            sha256: hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
            ..Media::default()
        };
        World { place, kind, server, hits, media, content }
    }

    fn home(&self) -> PathBuf {
        self.place.path().join("home")
    }

    async fn publish(&self) -> DeliveryRow {
        publish(&self.home(), &self.server.url, self.kind, &self.media, false).await.unwrap().row
    }

    /// The same in a process of its own, to be killed.
    fn child(&self) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let order = json!({"home": self.home(), "url": self.server.url, "kind": format!("{:?}", self.kind), "media": self.media});
        command
            .args(["child_publishes", "--exact", "--ignored", "--nocapture"])
            .env("XPOST_UPLOAD_CHILD", order.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// How many bytes of the file came, more than once or not.
    fn bytes(&self) -> u64 {
        self.server.log().iter().map(of_file).sum()
    }

    fn posted_whole(&self, row: &DeliveryRow, what: &str) {
        assert_eq!(row.state(), PartState::Sent, "{:?}, {what}: {row:?}", self.kind);
        let net = self.server.net.lock().unwrap();
        assert_eq!(net.posts.len(), 1, "{:?}, {what}", self.kind);
        assert!(net.posts[0].1 == self.content, "{:?}, {what}: the file is another one", self.kind);
    }
}

/// What `World::child` starts.
#[tokio::test]
#[ignore = "a part of other tests"]
async fn child_publishes() {
    let order: serde_json::Value = serde_json::from_str(&std::env::var("XPOST_UPLOAD_CHILD").unwrap()).unwrap();
    let kind = ALL.into_iter().find(|kind| format!("{kind:?}") == order["kind"]).unwrap();
    let media: Media = serde_json::from_value(order["media"].clone()).unwrap();
    let home = PathBuf::from(order["home"].as_str().unwrap());
    let done = publish(&home, order["url"].as_str().unwrap(), kind, &media, false).await.unwrap();
    assert_eq!(done.row.state(), PartState::Sent);
}

/// How much of the file came with this request: without the words around it in a form.
fn of_file(asked: &Asked) -> u64 {
    if asked.method == "GET" || !(asked.path.starts_with("/up.") || asked.path.contains("/append/")) {
        return 0;
    }
    let Some((_, boundary)) = asked.header("content-type").and_then(|mime| mime.split_once("boundary=")) else {
        return asked.body.len() as u64;
    };
    let find = |what: &[u8], from: usize| {
        asked.body[from..].windows(what.len()).position(|window| window == what).map(|at| from + at + what.len())
    };
    let start = find(b"filename=", 0).and_then(|name| find(b"\r\n\r\n", name)).unwrap_or(asked.body.len());
    let end = asked.length - format!("\r\n--{boundary}--\r\n").len();
    end.min(asked.body.len()).saturating_sub(start) as u64
}

/// The most that may go out twice when the request that carried `hit` was broken off at this moment: what came of it and was lost.
fn allowed(kind: Kind, moment: Moment, hit: &Asked) -> u64 {
    match (kind, moment) {
        // asked, the network says that it has it
        (Kind::Resume | Kind::Chunks | Kind::Offset, Moment::After) => 0,
        (Kind::Offset, Moment::Half) => 0,
        _ => of_file(hit),
    }
}

fn check_bytes(world: &World, moment: Moment, hit: &Asked, what: &str) {
    let most = BYTES + allowed(world.kind, moment, hit);
    let bytes = world.bytes();
    assert!(bytes <= most, "{:?}, {what}: {bytes} bytes came where {most} are enough", world.kind);
    assert!(bytes >= BYTES, "{:?}, {what}: only {bytes} bytes", world.kind);
    let opened = world.server.net.lock().unwrap().opened();
    assert!(opened <= 2, "{:?}, {what}: {opened} sessions", world.kind);
    let start = hit.path.ends_with("/start");
    if world.kind != Kind::Once && !start {
        assert_eq!(opened, 1, "{:?}, {what}", world.kind);
    }
}

/// Kills a process at this moment of each of its requests, and lets another one go on.
async fn killed_at(kind: Kind, moments: &[Moment]) {
    let mut kills = 0;
    for moment in moments {
        for n in 1.. {
            let world = World::new(kind);
            world.server.plan(Some((n, *moment, What::Stall)));
            let mut child = world.child().spawn().unwrap();
            let hit = loop {
                match world.hits.recv_timeout(Duration::from_millis(20)) {
                    Ok(hit) => break Some(hit),
                    Err(_) if child.try_wait().unwrap().is_some() => break None,
                    Err(_) => {}
                }
            };
            drop(child.kill());
            let ended = child.wait().unwrap();
            let what = format!("killed in request {n}, {moment:?}");
            let Some(hit) = hit else {
                assert!(ended.success() && n > 2, "{kind:?}, {what}: {ended}");
                break;
            };
            kills += 1;
            let row = world.publish().await;
            world.posted_whole(&row, &what);
            check_bytes(&world, *moment, &hit, &what);
        }
    }
    assert!(kills >= 3 * moments.len(), "{kind:?}: only {kills} kills");
}

macro_rules! killed {
    ($($name:ident: $kind:ident),*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            killed_at(Kind::$kind, &[Moment::Head, Moment::Half, Moment::After]).await;
        }
    )*};
}

killed! {
    killed_parts: Parts,
    killed_resume: Resume,
    killed_append: Append,
    killed_chunks: Chunks,
    killed_offset: Offset,
    killed_once: Once
}

/// Killed at each commit of the journal, before it is on the disk.
#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_commit() {
    for kind in [Kind::Parts, Kind::Resume] {
        let mut kills = 0;
        for point in 1.. {
            let world = World::new(kind);
            if world.child().env("XPOST_TEST_CRASH", point.to_string()).status().unwrap().success() {
                break;
            }
            kills += 1;
            let row = world.publish().await;
            world.posted_whole(&row, &format!("killed at commit {point}"));
            // the piece before the commit, if the network cannot be asked
            let most = if kind == Kind::Parts { PIECE } else { 0 };
            assert!(world.bytes() <= BYTES + most, "{kind:?}, commit {point}: {} bytes", world.bytes());
        }
        assert!(kills > 8, "{kind:?}: only {kills} commits");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_lost_at_any_step_costs_no_more_than_the_shape_says() {
    for kind in ALL {
        for (moment, what) in [
            (Moment::Half, What::Drop),
            (Moment::Before, What::Drop),
            (Moment::After, What::Drop),
            (Moment::Before, What::Status(502)),
            (Moment::After, What::Status(502)),
            (Moment::Half, What::Status(503)),
        ] {
            for n in 1.. {
                let world = World::new(kind);
                world.server.plan(Some((n, moment, what)));
                let row = world.publish().await;
                let said = format!("{what:?} at request {n}, {moment:?}");
                world.posted_whole(&row, &said);
                match world.hits.try_recv() {
                    Ok(hit) => check_bytes(&world, moment, &hit, &said),
                    Err(_) => break,
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_wrong_and_nothing_goes_twice() {
    for kind in ALL {
        let world = World::new(kind);
        let done = publish(&world.home(), &world.server.url, kind, &world.media, false).await.unwrap();
        world.posted_whole(&done.row, "nothing wrong");
        assert_eq!(world.bytes(), BYTES, "{kind:?}");
        assert!(done.told.iter().all(|(done, total)| done <= total && *total == BYTES), "{kind:?}: {:?}", done.told);
        assert!(done.told.is_sorted(), "{kind:?}: {:?}", done.told);
        assert_eq!(done.told.last(), Some(&(BYTES, BYTES)), "{kind:?}");
        // upload addresses are rights, and are gone from the journal when the upload is done
        let row = json!(done.row).to_string();
        assert!(!row.contains("signature") && !row.contains("session0-"), "{kind:?}: {row}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_over_begins_again() {
    for kind in ALL {
        let world = World::new(kind);
        // the third piece, or the only one
        let nth = if matches!(kind, Kind::Offset | Kind::Once) { 2 } else { 4 };
        world.server.plan(Some((nth, Moment::Before, What::Stall)));
        let (home, url, media) = (world.home(), world.server.url.clone(), world.media.clone());
        let running = tokio::spawn(async move { publish(&home, &url, kind, &media, false).await.map(|done| done.row) });
        let world = tokio::task::spawn_blocking(move || {
            world.hits.recv_timeout(Duration::from_secs(20)).unwrap();
            world
        })
        .await
        .unwrap();
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        world.server.net.lock().unwrap().forget();
        let row = world.publish().await;
        world.posted_whole(&row, "the session is over");
        assert_eq!(world.server.net.lock().unwrap().opened(), 2, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_forgets_every_upload_is_not_fed_for_ever() {
    for kind in [Kind::Parts, Kind::Append, Kind::Once] {
        let world = World::new(kind);
        world.server.net.lock().unwrap().forgetful = true;
        let row = world.publish().await;
        assert_eq!(row.state(), PartState::Failed, "{kind:?}");
        assert_eq!(world.server.net.lock().unwrap().opened(), 3, "{kind:?}");
        let message = row.parts[0].fault.clone().unwrap().message;
        let want = "`clip.mp4` was uploaded, but its upload is not closed: the network knows it no more, and not for the first time (no such upload)";
        assert_eq!(message, want);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_in_the_middle_is_told_and_not_repeated() {
    for kind in ALL {
        let world = World::new(kind);
        world.server.plan(Some((2, Moment::Before, What::Status(422))));
        let row = world.publish().await;
        assert_eq!(row.state(), PartState::Failed, "{kind:?}");
        let fault = row.parts[0].fault.clone().unwrap();
        assert_eq!((fault.kind, fault.status), (Trouble::Rejected, Some(422)), "{kind:?}");
        assert!(fault.message.starts_with("uploading `clip.mp4` stopped at 0 of 4300 bytes: "), "{}", fault.message);
        assert!(!fault.message.contains("signature"), "{}", fault.message);
        assert_eq!(world.server.log().len(), 2, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_once_more_after_a_failure_goes_on_where_it_was() {
    for kind in [Kind::Parts, Kind::Resume, Kind::Append, Kind::Chunks] {
        let world = World::new(kind);
        world.server.plan(Some((4, Moment::Before, What::Status(422))));
        assert_eq!(world.publish().await.state(), PartState::Failed, "{kind:?}");
        let row = world.publish().await;
        world.posted_whole(&row, "after a failure");
        // the piece that was refused goes again
        assert!(world.bytes() <= BYTES + PIECE, "{kind:?}: {} bytes", world.bytes());
        assert_eq!(world.server.net.lock().unwrap().opened(), 1, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_the_network_cannot_use_is_told() {
    for kind in [Kind::Parts, Kind::Append] {
        let world = World::new(kind);
        world.server.net.lock().unwrap().processing = "failed";
        let row = world.publish().await;
        assert_eq!(row.state(), PartState::Failed);
        let message = row.parts[0].fault.clone().unwrap().message;
        assert_eq!(
            message,
            "`clip.mp4` was uploaded, and the network is at work on it: the network cannot use the file"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_counts_wrongly_is_not_believed() {
    for lie in [0, BYTES + 5] {
        let world = World::new(Kind::Resume);
        world.server.net.lock().unwrap().lies = Some(lie);
        let row = world.publish().await;
        // each try asks where to go on, and the file gets there by what it says when it is asked
        world.posted_whole(&row, "the network lies");
        assert!(world.bytes() <= BYTES + PIECE, "{} bytes", world.bytes());
    }
}

/// Breaks off in the third request, changes the file, and goes on.
async fn changed(kind: Kind, change: impl FnOnce(&Path)) -> (World, DeliveryRow) {
    let world = World::new(kind);
    world.server.plan(Some((3, Moment::Head, What::Stall)));
    let mut child = world.child().spawn().unwrap();
    world.hits.recv_timeout(Duration::from_secs(20)).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    change(&world.media.path);
    let row = world.publish().await;
    (world, row)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_is_not_sent_in_halves() {
    for kind in [Kind::Parts, Kind::Resume, Kind::Append, Kind::Chunks] {
        // the same size, another content
        let (world, row) = changed(kind, |path| std::fs::write(path, vec![7; BYTES as usize]).unwrap()).await;
        assert_eq!(row.state(), PartState::Failed, "{kind:?}");
        let fault = row.parts[0].fault.clone().unwrap();
        assert_eq!(fault.kind, Trouble::Local);
        assert!(fault.message.contains("changed while it was being posted"), "{}", fault.message);
        assert_eq!(world.server.net.lock().unwrap().posts.len(), 0);
        // cut off
        let (_, row) = changed(kind, |path| std::fs::write(path, b"short").unwrap()).await;
        assert_eq!(row.parts[0].fault.clone().unwrap().kind, Trouble::Local, "{kind:?}");
        // gone
        let (_, row) = changed(kind, |path| std::fs::remove_file(path).unwrap()).await;
        assert_eq!(row.parts[0].fault.clone().unwrap().kind, Trouble::Local, "{kind:?}");
        // written again as it was
        let (world, row) = changed(kind, |path| {
            let content = std::fs::read(path).unwrap();
            std::thread::sleep(Duration::from_millis(20));
            std::fs::write(path, content).unwrap();
        })
        .await;
        world.posted_whole(&row, "written again as it was");
        assert!(world.bytes() <= BYTES + PIECE, "{kind:?}: it went on where it was");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_ends_in_the_middle_goes_on_with_the_same_upload() {
    // the form of the third piece is refused with 401
    let world = World::new(Kind::Append);
    world.server.plan(Some((4, Moment::Before, What::Status(401))));
    let row = world.publish().await;
    world.posted_whole(&row, "401 in the middle");
    assert_eq!(world.server.net.lock().unwrap().opened(), 1, "the session is the same");
    assert!(world.bytes() <= BYTES + PIECE, "{}", world.bytes());
    // and where the first request is refused, nothing is lost
    let world = World::new(Kind::Append);
    let done = publish(&world.home(), &world.server.url, Kind::Append, &world.media, true).await.unwrap();
    world.posted_whole(&done.row, "401 at first");
}
