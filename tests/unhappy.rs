//! Everything that can go wrong, through the program: each time the exit code, what was posted and what not, and the way on.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "support/answer.rs"]
mod answer;
#[path = "unhappy/answers.rs"]
mod answers;
#[path = "support/cli.rs"]
mod cli;
#[path = "unhappy/disk.rs"]
mod disk;
#[path = "unhappy/drafts.rs"]
mod drafts;
#[path = "unhappy/later.rs"]
mod later;
#[path = "unhappy/server.rs"]
mod server;
#[path = "unhappy/stop.rs"]
mod stop;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cli::{Machine, Run};
use serde_json::Value;

impl Run {
    /// Standard error holds all of these.
    #[track_caller]
    fn says(&self, words: &[&str]) -> &Run {
        for word in words {
            assert!(self.err.contains(word), "`{word}` is missing:\n{}\n{}", self.out, self.err);
        }
        self
    }

    /// Standard output holds all of these.
    #[track_caller]
    fn prints(&self, words: &[&str]) -> &Run {
        for word in words {
            assert!(self.out.contains(word), "`{word}` is missing:\n{}\n{}", self.out, self.err);
        }
        self
    }
}

/// How many posts with this mark a network shows.
fn count(machine: &Machine, platform: &str, mark: &str) -> usize {
    machine.twins().timeline(platform).iter().filter(|post| post.text.contains(mark)).count()
}

/// A run that goes on while the test does something else.
fn start(machine: &Machine, arguments: &[&str]) -> Child {
    let mut command = machine.command(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// How it ended.
fn end(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let run = Run { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) };
    assert!(!run.err.contains("panicked"), "{}", run.err);
    run
}

/// Waits until this is true.
#[track_caller]
fn until(what: &str, mut true_now: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !true_now() {
        assert!(Instant::now() < end, "{what}: never");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A server that does something odd with every connection; its address and how many came.
fn odd_server(act: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("localhost:{}", listener.local_addr().unwrap().port());
    let came = Arc::new(AtomicUsize::new(0));
    let (count, act) = (came.clone(), Arc::new(act));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), act) = (stream, act.clone()) else { return };
            count.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || {
                drop(stream.set_read_timeout(Some(Duration::from_secs(5))));
                drop(stream.read(&mut [0; 8192]));
                act(&mut stream);
            });
        }
    });
    (address, came)
}

/// One that gives the same answer to everything.
fn answering(answer: &'static [u8]) -> (String, Arc<AtomicUsize>) {
    odd_server(move |stream| drop(stream.write_all(answer)))
}

/// The database, opened beside the program.
fn database(machine: &Machine) -> rusqlite::Connection {
    rusqlite::Connection::open(machine.home().join("xpost.db")).unwrap()
}

/// The state of each part of a post for an account.
fn states(machine: &Machine, post: i64, account: &str) -> Vec<String> {
    let shown = machine.json(&["history", "show", &post.to_string()]);
    let deliveries = shown["post"]["deliveries"].as_array().unwrap();
    let delivery = deliveries.iter().find(|delivery| delivery["account"] == account).unwrap();
    let parts = delivery["parts"].as_array().unwrap();
    parts.iter().map(|part| part["state"].as_str().unwrap().to_string()).collect()
}

/// The ids of all posts, the newest first.
fn posts(machine: &Machine) -> Vec<Value> {
    machine.json(&["history", "list", "-n", "1000"])["posts"].as_array().unwrap().clone()
}
