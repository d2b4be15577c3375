//! The contract: what every platform does, tried against its twin over real sockets.
//!
//! No platform is named here: a new one gets all of this by standing in the list. A case that does not concern a platform is
//! skipped for a reason that is printed. `cargo test --test contract -- mastodon` runs the cases of one platform.
//!
//! - [`posts`]: what is posted, and what a reader sees of it
//! - [`faults`]: what a platform makes of every trouble, before and after the network stored the post
//! - [`engine`]: the same through the engine
//!
//! After each case, every request that reached the twin is checked against the network's published document, and whatever was
//! said is searched for secrets; at the end the log of the whole run is searched too.

// a broken test may panic
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "contract/engine.rs"]
mod engine;
#[path = "contract/faults.rs"]
mod faults;
#[path = "support/openapi.rs"]
mod openapi;
#[path = "support/pictures.rs"]
mod pictures;
#[path = "contract/posts.rs"]
mod posts;
#[path = "support/specs.rs"]
mod specs;
#[path = "support/stage.rs"]
mod stage;

use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use aho_corasick::AhoCorasick;
use libtest_mimic::{Arguments, Failed, Trial};
use xpost::platform::{self, Platform};

use stage::{CANARIES, Stage};

/// One thing that every platform does.
pub struct Case {
    pub name: &'static str,
    /// Why it does not concern this platform with its `n`th account, if it does not.
    pub skip: fn(&dyn Platform, usize) -> Option<&'static str>,
    pub run: Run,
}

/// The body of a case; it panics where the contract is broken.
pub type Run = for<'a> fn(&'a Stage) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// `cases![name: skip, ...]`: the cases from async functions of the same name.
#[macro_export]
macro_rules! cases {
    ($($name:ident: $skip:expr),* $(,)?) => {
        vec![$($crate::Case { name: stringify!($name), skip: $skip, run: |stage| Box::pin($name(stage)) }),*]
    };
}

/// For every platform.
pub fn all(_: &dyn Platform, _n: usize) -> Option<&'static str> {
    None
}

/// For platforms that are servers.
pub fn remote(platform: &dyn Platform, _n: usize) -> Option<&'static str> {
    platform.twin().hosts().is_empty().then_some("it makes no request")
}

/// How many kinds of accounts a platform has: a second one where `twin_account(1)` has other fields than `twin_account(0)` (a webhook
/// beside a bot). What the spec promises, the first kind must do; the second may be unable to reply, to read back or to delete.
fn kinds(platform: &dyn Platform) -> usize {
    let names = |n| {
        let account = platform.twin_account(n, std::path::Path::new(""));
        let settings = account.settings.as_object().into_iter().flatten().map(|(name, _)| name.clone());
        settings.chain(account.secrets.keys().cloned()).collect::<std::collections::BTreeSet<_>>()
    };
    if names(0) == names(1) { 1 } else { 2 }
}

fn play(platform: &'static dyn Platform, n: usize, case: &Case) -> Result<(), Failed> {
    let mut stage = Stage::new(platform);
    (stage.n, stage.lesser) = (n, n > 0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on((case.run)(&stage));
    let leaks = stage.leaks();
    if !leaks.is_empty() {
        return Err(format!("a secret was said: {}", leaks.join("\n")).into());
    }
    if let Some(name) = platform.spec().document {
        let problems = openapi::check_log(name, &stage.server.log());
        if !problems.is_empty() {
            return Err(format!("against the published document `{name}`:\n{}", problems.join("\n")).into());
        }
    }
    Ok(())
}

/// Everything that any crate logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn main() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).init();
    let mut arguments = Arguments::from_args();
    // most of a case is waiting
    arguments.test_threads = arguments.test_threads.or(Some(8));
    let mut trials = Vec::new();
    for &platform in platform::ALL {
        for n in 0..kinds(platform) {
            for case in posts::cases().into_iter().chain(faults::cases()).chain(engine::cases()) {
                let kind = if n == 0 { String::new() } else { format!("#{n}") };
                let name = format!("{}{kind}::{}", platform.spec().name, case.name);
                trials.push(match (case.skip)(platform, n) {
                    Some(reason) => {
                        Trial::test(name, || Ok(())).with_kind(format!("skipped: {reason}")).with_ignored_flag(true)
                    }
                    None => Trial::test(name, move || play(platform, n, &case)),
                });
            }
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let logged = log.0.lock().unwrap();
    let canaries = CANARIES.lock().unwrap();
    // one pass for all of them: the log has hundreds of megabytes
    let search = AhoCorasick::new(canaries.iter().filter(|canary| canary.len() >= 6)).unwrap();
    if let Some(leak) = search.find(logged.as_slice()) {
        let begin = logged[..leak.start()].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let end =
            logged[leak.end()..].iter().position(|byte| *byte == b'\n').map_or(logged.len(), |at| leak.end() + at);
        eprintln!("a secret was logged: {}", String::from_utf8_lossy(&logged[begin..end]));
        std::process::exit(101);
    }
    println!("{} secrets are in none of {} MB of logs", canaries.len(), logged.len() / 1_000_000);
    conclusion.exit();
}
