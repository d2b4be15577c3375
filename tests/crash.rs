//! The binary killed at every commit of its journal, and at random moments: run again, and every network holds every part exactly
//! once, and the journal says so.
//!
//! Every network is tried with all that makes its publishing take several steps: pictures (albums, containers), a film (pieces,
//! processing), a thread, the comment below a post. Which of these it has is read from its facts.
//!
//! `XPOST_CRASH_ROUNDS` is the number of rounds of random kills (default 20); where it is greater, films are killed at every commit as
//! well, and not at some. The counts are printed.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use xpost::mock;
use xpost::platform::{self, Platform};
use xpost::twin::{Seen, Server, ServerOptions};

const XPOST: &str = env!("CARGO_BIN_EXE_xpost");

/// Twins of some networks, and a home with an account on each of them that every round begins with.
struct World {
    place: tempfile::TempDir,
    server: Server,
    platforms: Vec<&'static dyn Platform>,
}

/// A machine of its own for one post: nothing of an earlier round is in its journal.
struct Round<'a> {
    world: &'a World,
    home: tempfile::TempDir,
    name: String,
    posts: usize,
    draft: PathBuf,
    /// How much each network had shown before.
    before: BTreeMap<&'static str, usize>,
}

impl World {
    fn new(platforms: &[&'static dyn Platform]) -> World {
        let place = tempfile::tempdir().unwrap();
        let twins = platforms.iter().map(|one| (one.spec().name.to_string(), one.twin())).collect();
        let options = ServerOptions { delay: Duration::from_millis(3), ..ServerOptions::default() };
        let server = Server::start(twins, &options).unwrap();
        let world = World { place, server, platforms: platforms.to_vec() };
        let home = world.place.path().join("home");
        let public = world.place.path().join("public");
        std::fs::create_dir_all(&home).unwrap();
        std::fs::create_dir_all(&public).unwrap();
        // for networks that fetch media from a public address
        let host = format!("[media_host]\ndirectory = '{}'\nurl_prefix = 'https://files.example/'\n", public.display());
        std::fs::write(home.join("config.toml"), host).unwrap();
        for platform in platforms {
            world.account(*platform, &home);
        }
        world
    }

    /// Adds an account of the twin, as a person would.
    fn account(&self, platform: &dyn Platform, home: &Path) {
        use secrecy::ExposeSecret;
        let name = platform.spec().name;
        let twin = mock::account(&self.server, platform, 0, &self.place.path().join("site"));
        let mut add = self.command(home);
        add.args(["account", "add", name, "--name", name, "--secret", "file", "--stdin"]);
        if matches!(platform.spec().server, platform::Server::Own(_)) {
            add.args(["--server", &twin.server]);
        }
        for (key, value) in twin.settings.as_object().into_iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_string);
            add.args(["--set", &format!("{key}={value}")]);
        }
        let secrets: serde_json::Map<String, Value> =
            twin.secrets.iter().map(|(key, secret)| (key.clone(), Value::from(secret.expose_secret()))).collect();
        let output = with_input(&mut add, &Value::Object(secrets).to_string());
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn command(&self, home: &Path) -> Command {
        let mut command = Command::new(XPOST);
        command
            .env_clear()
            .env("XPOST_HOME", home)
            .env("XPOST_MIRROR", self.server.url())
            .env("HOME", home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// A round with these media for each network, and a second post.
    fn round(&self, name: &str, media: impl Fn(&dyn Platform) -> Vec<&'static str>) -> Round<'_> {
        self.round_of(2, name, media)
    }

    /// The same with so many posts; below them is a comment where the network has such a thing.
    fn round_of(&self, posts: usize, name: &str, media: impl Fn(&dyn Platform) -> Vec<&'static str>) -> Round<'_> {
        let home = tempfile::tempdir().unwrap();
        copy(&self.place.path().join("home"), home.path());
        let mut front = "title = 'A title'\n".to_string();
        for platform in &self.platforms {
            let spec = platform.spec();
            front.push_str(&format!("[on.{}]\nmedia = {:?}\n", spec.name, media(*platform)));
            if spec.comments.is_some() {
                front.push_str(&format!("comment = '{}'\n", mark(name, COMMENT)));
            }
        }
        let body: Vec<String> = (0..posts).map(|post| format!("{} is said.\n", mark(name, post))).collect();
        let draft = home.path().join("draft.md");
        std::fs::write(&draft, format!("+++\n{front}+++\n{}", body.join("\n---\n\n"))).unwrap();
        for (name, bytes) in files() {
            std::fs::write(home.path().join(name), bytes).unwrap();
        }
        let before =
            self.platforms.iter().map(|one| one.spec().name).map(|name| (name, self.server.timeline(name).len()));
        Round { world: self, home, name: name.to_string(), posts, draft, before: before.collect() }
    }
}

/// A word that stands nowhere else: of the posts in their order, or of the [`COMMENT`].
fn mark(round: &str, index: usize) -> String {
    format!("{round}part{index}end")
}

const COMMENT: usize = 9;

/// The files of the drafts, made once.
fn files() -> &'static [(&'static str, Vec<u8>)] {
    static FILES: std::sync::OnceLock<Vec<(&str, Vec<u8>)>> = std::sync::OnceLock::new();
    FILES.get_or_init(|| {
        let picture = |red| {
            let mut png = std::io::Cursor::new(Vec::new());
            let pixels = image::RgbImage::from_pixel(400, 320, image::Rgb([red, 80, 40]));
            pixels.write_to(&mut png, image::ImageFormat::Png).unwrap();
            png.into_inner()
        };
        // more than one piece of those who take films in pieces: a box that players pass over
        let mut film = include_bytes!("../examples/wave.mp4").to_vec();
        film.extend((FILM as u32).to_be_bytes());
        film.extend(b"free");
        film.resize(film.len() + FILM - 8, 0);
        vec![("red.png", picture(200)), ("green.png", picture(20)), ("film.mp4", film)]
    })
}

/// Bytes that the film is made longer by.
const FILM: usize = 4_500_000;

/// The pictures that a post of this network can have: an album if it can.
fn pictures(platform: &dyn Platform) -> Option<Vec<&'static str>> {
    let rule = platform.spec().media;
    let most = rule.image?.max.min(rule.max);
    Some(["red.png", "green.png"].into_iter().take(most).collect())
}

/// The film that it can have.
fn film(platform: &dyn Platform) -> Option<Vec<&'static str>> {
    platform.spec().media.video.map(|_| vec!["film.mp4"])
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), &to).unwrap();
        }
    }
}

fn with_input(command: &mut Command, input: &str) -> Output {
    use std::io::Write as _;
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

impl Round<'_> {
    fn command(&self) -> Command {
        self.world.command(self.home.path())
    }

    fn publish(&self) -> Command {
        let mut command = self.command();
        command.args(["publish", "--to", "all", "--json"]).arg(&self.draft);
        command
    }

    /// What a network shows of this round, for there is one round at a time.
    fn seen(&self, platform: &dyn Platform) -> Vec<Seen> {
        let name = platform.spec().name;
        self.world.server.timeline(name).split_off(self.before[name])
    }

    /// A network that can be asked was, and it could not tell.
    fn assert_unsure(&self, id: &str, account: &str, index: usize) {
        let output = self.command().args(["history", "show", id, "--json"]).output().unwrap();
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let of_it = |attempt: &&Value| attempt["account"] == account && attempt["part"] == index + 1;
        let last = said["post"]["attempts"].as_array().unwrap().iter().rfind(of_it);
        let asked = last.is_some_and(|attempt| attempt["phase"] == "find" && attempt["outcome"] == "unsure");
        assert!(asked, "{}: {account} can be asked: {said:#}", self.name);
    }

    /// Runs until everything is settled, as a person would: again, and what the tool cannot tell is looked up on the network.
    /// Gives how many parts had to be looked up.
    fn finish(&self) -> usize {
        let round = &self.name;
        let mut looked_up = 0;
        for _ in 0..8 {
            let output = self.publish().output().unwrap();
            let said: Value = serde_json::from_slice(&output.stdout)
                .unwrap_or_else(|error| panic!("{round}: {error}: {}", String::from_utf8_lossy(&output.stderr)));
            match output.status.code() {
                Some(0) => return looked_up,
                Some(6) => {}
                code => panic!("{round}: exit {code:?}: {said:#}\n{}", String::from_utf8_lossy(&output.stderr)),
            }
            let post = &said["results"][0]["post"];
            let id = post["id"].as_i64().unwrap().to_string();
            for delivery in post["deliveries"].as_array().unwrap() {
                let account = delivery["account"].as_str().unwrap();
                let parts = delivery["parts"].as_array().unwrap();
                let Some(index) = parts.iter().position(|part| part["state"] == "unknown") else { continue };
                let platform = platform::by_name(account).unwrap();
                if platform.find().is_some() {
                    self.assert_unsure(&id, account, index);
                }
                // the parts go out in their order, one after the other
                let there = self.seen(platform).len() > index;
                let word = if there { "--posted" } else { "--not-posted" };
                let resolved = self.command().args(["resolve", &id, "--to", account, word]).output().unwrap();
                let code = resolved.status.code();
                assert!(matches!(code, Some(0 | 6)), "{round}: {code:?} {}", String::from_utf8_lossy(&resolved.stderr));
                looked_up += 1;
            }
        }
        panic!("{round}: it is not settled after eight runs");
    }

    /// Every part is there once, and every text; gives how many parts there are.
    fn check(&self) -> usize {
        let output = self.command().args(["history", "show", "1", "--json"]).output().unwrap();
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut count = 0;
        for delivery in said["post"]["deliveries"].as_array().unwrap() {
            let platform = platform::by_name(delivery["account"].as_str().unwrap()).unwrap();
            let (name, seen) = (platform.spec().name, self.seen(platform));
            let parts = delivery["parts"].as_array().unwrap();
            assert!(parts.iter().all(|part| part["state"] == "sent"), "{}: {delivery:#}", self.name);
            assert_eq!(seen.len(), parts.len(), "{}: {name} shows {seen:#?}", self.name);
            for index in (0..self.posts).chain(platform.spec().comments.map(|_| COMMENT)) {
                let mark = mark(&self.name, index);
                let times = seen.iter().filter(|post| post.text.contains(&mark)).count();
                assert_eq!(times, 1, "{}: {name} holds `{mark}` {times} times", self.name);
            }
            count += parts.len();
        }
        // films are large
        self.world.server.clear_log();
        count
    }
}

/// Says it even where a test that passes is silent.
fn tell(line: &str) {
    use std::io::Write as _;
    drop(writeln!(std::io::stdout(), "\n{line}"));
}

/// What rounds came to.
#[derive(Default)]
struct Counts {
    rounds: usize,
    killed: usize,
    looked_up: usize,
    parts: usize,
}

impl std::ops::Add for Counts {
    type Output = Counts;

    fn add(self, other: Counts) -> Counts {
        Counts {
            rounds: self.rounds + other.rounds,
            killed: self.killed + other.killed,
            looked_up: self.looked_up + other.looked_up,
            parts: self.parts + other.parts,
        }
    }
}

/// Does all of it, some at once (for most of a round is waiting for networks, but a machine with too much to do lets them wait until
/// the time of a request is over), and adds up.
fn some_at_once<T: Send>(work: impl IntoIterator<Item = T>, run: impl Fn(T) -> Counts + Sync) -> Counts {
    let work: Vec<T> = work.into_iter().collect();
    let todo = std::sync::Mutex::new(work.into_iter());
    let worker = || {
        let mut counts = Counts::default();
        loop {
            // not in the `while let`: there the lock would be held until the work is done
            let Some(one) = todo.lock().unwrap().next() else { return counts };
            counts = counts + run(one);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).fold(Counts::default(), std::ops::Add::add)
    })
}

/// How much is done at once, of each test.
const AT_ONCE: usize = 16;

/// How many rounds of random kills there are.
fn rounds() -> u32 {
    std::env::var("XPOST_CRASH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS)
}

const ROUNDS: u32 = 20;

/// Kills a post of one network at the `first` commit and every `step`th after it, until there is none left.
fn killed_at(
    platform: &'static dyn Platform,
    posts: usize,
    media: &[&'static str],
    first: usize,
    step: usize,
) -> Counts {
    let mut world = World::new(&[platform]);
    let mut counts = Counts::default();
    for point in (first..2000).step_by(step) {
        // before the network has had enough of the account for a minute or a day
        if counts.rounds % 5 == 4 {
            world = World::new(&[platform]);
        }
        let round = world.round_of(posts, &format!("commit{point}x"), |_| media.to_vec());
        let output = round.publish().env("XPOST_TEST_CRASH", point.to_string()).output().unwrap();
        // an abort has no exit code on Unix
        if let code @ Some(0..=7) = output.status.code() {
            let said = String::from_utf8_lossy(&output.stdout);
            assert_eq!(code, Some(0), "{} {}: {said}", platform.spec().name, round.name);
            counts.parts += round.check();
            break;
        }
        counts.rounds += 1;
        counts.killed += 1;
        counts.looked_up += round.finish();
        counts.parts += round.check();
    }
    counts
}

#[test]
fn killed_at_every_commit() {
    // (network, posts, media, first commit, step)
    let mut work = Vec::new();
    for &platform in platform::ALL {
        let unfilmed = pictures(platform).or_else(|| film(platform).is_none().then(Vec::new));
        if let Some(media) = unfilmed {
            work.extend((1..=4).map(|first| (platform, 2, media.clone(), first, 4)));
        }
        // what a film adds is in the first post; where not all commits are tried, they are others each time
        if let Some(media) = film(platform) {
            let from = std::process::id() as usize % 8 + 1;
            let firsts: Vec<usize> =
                if rounds() > ROUNDS { (1..=24).collect() } else { vec![from, from + 8, from + 16] };
            work.extend(firsts.into_iter().map(|first| (platform, 1, media.clone(), first, 24)));
        }
    }
    let counts =
        some_at_once(work, |(platform, posts, media, first, step)| killed_at(platform, posts, &media, first, step));
    assert!(counts.killed > 8 * platform::ALL.len(), "only {} commits", counts.killed);
    tell(&format!(
        "killed at {} points of the journal: {} parts, none lost, none twice, {} looked up by hand",
        counts.killed, counts.parts, counts.looked_up
    ));
}

#[test]
fn killed_at_random_moments() {
    let rounds = rounds();
    let counts = some_at_once(0..WORLDS, |number| {
        let mut world = World::new(platform::ALL);
        let media = |platform: &dyn Platform| pictures(platform).or(film(platform)).unwrap_or_default();
        // how long a run takes here, so that the kills fall all over it; the first is slower than those that follow
        let measured = (0..2).map(|n| {
            let round = world.round(&format!("measure{n}x"), media);
            let began = Instant::now();
            let output = round.publish().output().unwrap();
            let whole = began.elapsed();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            round.check();
            whole
        });
        let whole = measured.min().unwrap();
        let mut seed: u64 = 0x9e37_79b9_7f4a_7c15 ^ u64::from(std::process::id()) ^ (u64::from(number) << 40);
        let mut random = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % 10_000) as f64 / 10_000.0
        };
        let mut counts = Counts::default();
        for round in (number..rounds).step_by(WORLDS as usize) {
            // before a network has had enough of the account for the day
            if counts.rounds % 8 == 7 {
                world = World::new(platform::ALL);
            }
            let round = world.round(&format!("random{round}x"), media);
            // once or twice, one or two processes at a time, and each of them dies
            for _ in 0..=(random() * 2.0) as u32 {
                let mut children: Vec<_> =
                    (0..=(random() * 1.3) as u32).map(|_| round.publish().spawn().unwrap()).collect();
                std::thread::sleep(whole.mul_f64(random()));
                for child in &mut children {
                    counts.killed += usize::from(child.try_wait().unwrap().is_none());
                    drop(child.kill());
                    child.wait().unwrap();
                }
            }
            counts.rounds += 1;
            counts.looked_up += round.finish();
            counts.parts += round.check();
        }
        counts
    });
    assert!(rounds < ROUNDS || counts.killed > 0, "nothing was killed");
    tell(&format!(
        "{} rounds, {} processes killed: {} parts, none lost, none twice, {} looked up by hand",
        counts.rounds, counts.killed, counts.parts, counts.looked_up
    ));
}

/// Machines that work beside one another in the test of random moments.
const WORLDS: u32 = 5;
