use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::net::DoorOptions;
use crate::store::{Add, NewAccount, NewDelivery, NewPart, SecretSource};

struct World {
    dir: tempfile::TempDir,
    store: Store,
    door: Door,
    host: MediaHost,
    media: Media,
    parts: Vec<i64>,
}

/// A directory as media host, a file, and a post for three accounts.
async fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(&dir.path().join("home"));
    let shown = dir.path().join("shown");
    std::fs::create_dir(&shown).unwrap();
    let settings = HostSettings {
        directory: Some(shown),
        url_prefix: Some("https://example.org/m".into()),
        ..HostSettings::default()
    };
    let host = MediaHost::new(&settings, &home, Redactor::default()).unwrap();
    let store = Store::open(&home.database()).unwrap();
    let mut targets = Vec::new();
    for name in ["a", "b", "c"] {
        let account = NewAccount {
            name: name.into(),
            platform: "webhook".into(),
            server: String::new(),
            settings: json!({}),
            secret: SecretSource::None,
            secret_key: None,
            login: json!(null),
        };
        let account_id = store.account_add(account).await.unwrap().id;
        let part = NewPart {
            key: Uuid::now_v7(),
            text: json!({}),
            media: json!([]),
            card: json!(null),
            payload: json!({}),
            comment: false,
            cost: json!(null),
        };
        let (plan_hash, reply_to, quote) = (String::new(), json!(null), json!(null));
        targets.push(NewDelivery { account_id, plan_hash, reply_to, quote, expires_at: None, parts: vec![part] });
    }
    let add = Add {
        source: "test".into(),
        title: None,
        body: String::new(),
        draft_hash: "x".into(),
        once_key: None,
        at: None,
        again: false,
        targets,
    };
    let mut parts = Vec::new();
    for added in store.outbox_add(add, Utc::now()).await.unwrap() {
        parts.push(store.delivery(added.delivery_id).await.unwrap().unwrap().parts[0].id);
    }
    let path = dir.path().join("film.mp4");
    std::fs::write(&path, b"a film").unwrap();
    let media = Media {
        path,
        name: "film.mp4".into(),
        mime: "video/mp4".into(),
        bytes: 6,
        sha256: sha256(b"a film"),
        ..Media::default()
    };
    let door = Door::new(DoorOptions::default(), Redactor::default()).unwrap();
    World { dir, store, door, host, media, parts }
}

impl World {
    async fn ask(&self, part: usize) -> String {
        let hosted = self.host.public_url(&self.door, &self.store, &self.media, self.parts[part]).await.unwrap();
        assert!(!format!("{hosted:?}").contains("example.org"));
        plain(&hosted.url).to_string()
    }

    async fn done(&self, part: usize) {
        self.host.fetched(&self.door, &self.store, &self.media, self.parts[part]).await.unwrap();
    }

    fn shown(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("shown")).unwrap().count()
    }
}

#[tokio::test]
async fn a_file_stays_until_the_last_part_that_needs_it_is_done() {
    let world = world().await;
    let (first, second) = tokio::join!(world.ask(0), world.ask(1));
    assert_eq!(first, second);
    assert!(first.starts_with("https://example.org/m/") && first.ends_with(".mp4"), "{first}");
    assert_eq!(world.shown(), 1);
    world.done(0).await;
    world.done(0).await;
    assert_eq!(world.shown(), 1, "the second still needs it");
    assert_eq!(world.ask(2).await, first);
    world.done(1).await;
    assert_eq!(world.shown(), 1, "the third needs it too");
    world.done(2).await;
    assert_eq!(world.shown(), 0);
    assert_ne!(world.ask(0).await, first, "what was removed has another name the next time");
    assert_eq!(world.host.sweep(&world.door, &world.store).await.unwrap(), 0);
    assert_eq!(world.shown(), 1);
}

#[tokio::test]
async fn a_file_that_could_not_be_removed_is_removed_by_the_sweep() {
    let world = world().await;
    let name = world.ask(0).await.rsplit('/').next().unwrap().to_string();
    let path = world.dir.path().join("shown").join(name);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    world.done(0).await;
    assert!(world.host.sweep(&world.door, &world.store).await.unwrap_err().message.contains("was not removed"));
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, "x").unwrap();
    assert_eq!(world.host.sweep(&world.door, &world.store).await.unwrap(), 1);
    assert_eq!(world.shown(), 0);
}

#[tokio::test]
async fn a_file_that_changed_is_not_shown() {
    let world = world().await;
    std::fs::write(&world.media.path, b"another film").unwrap();
    let fault = world.host.public_url(&world.door, &world.store, &world.media, world.parts[0]).await.unwrap_err();
    assert!(fault.message.contains("6 bytes became 12") && fault.effect == Effect::None, "{fault}");
    assert_eq!(world.shown(), 0);
}

#[test]
fn faults_are_never_the_networks() {
    for (kind, seen) in [
        (Kind::Auth, Kind::Local),
        (Kind::Forbidden, Kind::Local),
        (Kind::Rejected, Kind::Local),
        (Kind::Limited, Kind::Unavailable),
        (Kind::Unavailable, Kind::Unavailable),
        (Kind::Network, Kind::Network),
    ] {
        let fault = ours(Fault::new(kind, "no").maybe(), &Redactor::default());
        assert_eq!((fault.kind, fault.effect, fault.message.as_str()), (seen, Effect::None, "the media host: no"));
    }
}

#[test]
fn names_cannot_be_guessed_and_end_as_their_type() {
    let (one, two) = (name_for("image/jpeg").unwrap(), name_for("image/jpeg").unwrap());
    assert!(one != two && one.len() == 36 && one.ends_with(".jpg"), "{one}");
    for (mime, ends) in
        [("video/quicktime", "mov"), ("image/png", "png"), ("application/pdf", "pdf"), ("odd/x-y", "bin"), ("", "bin")]
    {
        assert_eq!(ending(mime), ends, "{mime}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_that_hangs_is_ended() {
    let settings = HostSettings {
        command: Some(["sh", "-c", "sleep 30", "{file}"].map(String::from).into()),
        ..HostSettings::default()
    };
    let world = world().await;
    let command = command::Command::new(&settings).unwrap().with_limit(std::time::Duration::from_millis(300));
    let began = std::time::Instant::now();
    let fault = command.put(&world.media, "x.mp4").await.map(drop).unwrap_err();
    assert!(fault.message.contains("longer than"), "{fault}");
    assert!(began.elapsed().as_secs() < 10);
}
