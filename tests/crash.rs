//! The binary killed at every commit of its journal, and at random moments: run again, and every network holds every part exactly
//! once, and the journal says so.
//!
//! `XPOST_CRASH_ROUNDS` is the number of random kills (default 20). The counts are printed.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use xpost::mock;
use xpost::twin::{Server, ServerOptions};

const XPOST: &str = env!("CARGO_BIN_EXE_xpost");

/// A home with an account on every twin.
struct World {
    _place: tempfile::TempDir,
    home: PathBuf,
    server: Server,
    accounts: Vec<String>,
}

impl World {
    fn new() -> World {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().join("home");
        let server =
            mock::serve(&ServerOptions { delay: Duration::from_millis(3), ..ServerOptions::default() }).unwrap();
        let mut world = World { home, server, accounts: Vec::new(), _place: place };
        for hint in mock::hints(&world.server, &world._place.path().join("site")) {
            let mut add = world.command();
            add.args(["account", "add", hint.platform, "--name", hint.platform, "--secret", "file", "--stdin"]);
            if !hint.server.is_empty() {
                add.args(["--server", &hint.server]);
            }
            for (key, value) in &hint.settings {
                add.args(["--set", &format!("{key}={value}")]);
            }
            let secrets: String = hint.secrets.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
            let output = with_input(&mut add, &secrets);
            assert!(output.status.success(), "{}: {}", hint.platform, String::from_utf8_lossy(&output.stderr));
            world.accounts.push(hint.platform.to_string());
        }
        world
    }

    fn command(&self) -> Command {
        let mut command = Command::new(XPOST);
        command
            .env_clear()
            .env("XPOST_HOME", &self.home)
            .env("XPOST_MIRROR", self.server.url())
            .env("HOME", &self.home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn publish(&self, draft: &Path) -> Command {
        let mut command = self.command();
        command.args(["publish", "--to", "all", "--json"]).arg(draft);
        command
    }

    /// How often each network shows each part of a round, by (network, part).
    fn seen(&self, marks: &[String]) -> BTreeMap<(String, usize), usize> {
        let mut seen = BTreeMap::new();
        for account in &self.accounts {
            let timeline = self.server.timeline(account);
            for (index, mark) in marks.iter().enumerate() {
                let count = timeline.iter().filter(|post| post.text.contains(mark.as_str())).count();
                seen.insert((account.clone(), index), count);
            }
        }
        seen
    }

    /// Runs until everything is settled, as a person would: again, and what the tool cannot tell is looked up on the network.
    /// Gives how many parts had to be looked up.
    fn finish(&self, draft: &Path, marks: &[String], round: &str) -> usize {
        let mut looked_up = 0;
        for _ in 0..8 {
            let output = self.publish(draft).output().unwrap();
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
                let there = self.seen(marks)[&(account.to_string(), index)] > 0;
                let word = if there { "--posted" } else { "--not-posted" };
                let resolved = self.command().args(["resolve", &id, "--to", account, word]).output().unwrap();
                let code = resolved.status.code();
                assert!(matches!(code, Some(0 | 6)), "{round}: {code:?} {}", String::from_utf8_lossy(&resolved.stderr));
                looked_up += 1;
            }
        }
        panic!("{round}: it is not settled after eight runs");
    }

    fn check(&self, marks: &[String], round: &str) {
        for ((account, index), count) in self.seen(marks) {
            assert_eq!(count, 1, "{round}: {account} holds part {} {count} times", index + 1);
        }
    }
}

fn with_input(command: &mut Command, input: &str) -> Output {
    use std::io::Write as _;
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// A thread of two with a picture in the first post; the marks are words that stand nowhere else.
fn draft(directory: &Path, round: &str) -> (PathBuf, Vec<String>) {
    let marks: Vec<String> = (1..=2).map(|part| format!("{round}part{part}end")).collect();
    let picture = directory.join("dot.png");
    if !picture.exists() {
        image::RgbImage::from_pixel(8, 8, image::Rgb([200, 80, 40])).save(&picture).unwrap();
    }
    let file = directory.join(format!("{round}.md"));
    let text = format!("{} opens.\n\n![a dot](dot.png)\n\n---\n\n{} ends.\n", marks[0], marks[1]);
    std::fs::write(&file, text).unwrap();
    (file, marks)
}

/// Says it even where a test that passes is silent.
fn tell(line: &str) {
    use std::io::Write as _;
    drop(writeln!(std::io::stdout(), "\n{line}"));
}

/// Worlds that work beside one another: most of a round is waiting for networks.
const WORLDS: u32 = 5;

/// What one world's rounds came to.
#[derive(Default)]
struct Counts {
    rounds: usize,
    killed: usize,
    looked_up: usize,
    parts: usize,
}

/// Runs `work` in each of the worlds at once and adds up.
fn in_worlds(work: impl Fn(u32, &World, &Path) -> Counts + Sync) -> Counts {
    let all: Vec<Counts> = std::thread::scope(|scope| {
        let run = |number: u32| {
            let work = &work;
            scope.spawn(move || {
                let world = World::new();
                let place = tempfile::tempdir().unwrap();
                let counts = work(number, &world, place.path());
                Counts { parts: counts.rounds * 2 * world.accounts.len(), ..counts }
            })
        };
        let threads: Vec<_> = (0..WORLDS).map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    all.iter().fold(Counts::default(), |sum, one| Counts {
        rounds: sum.rounds + one.rounds,
        killed: sum.killed + one.killed,
        looked_up: sum.looked_up + one.looked_up,
        parts: sum.parts + one.parts,
    })
}

#[test]
fn killed_at_every_commit() {
    let counts = in_worlds(|number, world, place| {
        let mut counts = Counts::default();
        for point in (number + 1..2000).step_by(WORLDS as usize) {
            let round = format!("commit{point}x");
            let (file, marks) = draft(place, &round);
            let output = world.publish(&file).env("XPOST_TEST_CRASH", point.to_string()).output().unwrap();
            if output.status.code() == Some(0) {
                break;
            }
            // an abort has no exit code on Unix
            assert!(
                !matches!(output.status.code(), Some(0..=7)),
                "{round}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            counts.rounds += 1;
            counts.killed += 1;
            counts.looked_up += world.finish(&file, &marks, &round);
            world.check(&marks, &round);
        }
        counts
    });
    assert!(counts.killed > 20, "only {} commits", counts.killed);
    tell(&format!(
        "killed at each of {} points of the journal: {} parts, none lost, none twice, {} looked up by hand",
        counts.killed, counts.parts, counts.looked_up
    ));
}

#[test]
fn killed_at_random_moments() {
    let rounds: u32 = std::env::var("XPOST_CRASH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    let counts = in_worlds(|number, world, place| {
        // how long a run takes here, so that the kills fall all over it
        let (file, marks) = draft(place, "measure");
        let began = Instant::now();
        assert!(world.publish(&file).output().unwrap().status.success());
        let whole = began.elapsed();
        world.check(&marks, "measure");
        let mut seed: u64 = 0x9e37_79b9_7f4a_7c15 ^ u64::from(std::process::id()) ^ (u64::from(number) << 40);
        let mut random = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % 10_000) as f64 / 10_000.0
        };
        let mut counts = Counts::default();
        for round in (number..rounds).step_by(WORLDS as usize) {
            let round = format!("random{round}x");
            let (file, marks) = draft(place, &round);
            // once or twice, one or two processes at a time, and each of them dies
            for _ in 0..=(random() * 2.0) as u32 {
                let mut children: Vec<_> =
                    (0..=(random() * 1.3) as u32).map(|_| world.publish(&file).spawn().unwrap()).collect();
                std::thread::sleep(whole.mul_f64(random()));
                for child in &mut children {
                    counts.killed += usize::from(child.try_wait().unwrap().is_none());
                    drop(child.kill());
                    child.wait().unwrap();
                }
            }
            counts.rounds += 1;
            counts.looked_up += world.finish(&file, &marks, &round);
            world.check(&marks, &round);
        }
        counts
    });
    tell(&format!(
        "{} rounds, {} processes killed: {} parts, none lost, none twice, {} looked up by hand",
        counts.rounds, counts.killed, counts.parts, counts.looked_up
    ));
}
