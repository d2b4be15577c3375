//! Secrets stay where they belong: in private files, in the header or the address that the network wants them in, and nowhere else.
//!
//! The secrets of the twins' accounts are the canaries. They go through everything the program can do, with every kind of fault on the
//! way; then every file, every output, every command line and every request is searched for them.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "support/cli.rs"]
mod cli;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use cli::{CANARY, Machine, Run};
use secrecy::ExposeSecret;
use serde_json::Value;
use xpost::twin::{Inject, What, When};
use xpost::{mock, platform};

/// What the program said so far.
struct Seen(String);

impl Seen {
    fn take(&mut self, run: Run) -> Run {
        self.0.push_str(&run.all());
        run
    }
}

/// Every form in which a secret may turn up.
fn forms(secrets: &BTreeSet<String>) -> Vec<String> {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
    let mut forms = Vec::new();
    for secret in secrets {
        forms.push(secret.clone());
        forms.push(url::form_urlencoded::byte_serialize(secret.as_bytes()).collect());
        forms.push(engine.encode(secret));
        forms.push(serde_json::to_string(secret).unwrap().trim_matches('"').to_string());
    }
    // what belongs to a webhook's or a bot's address is secret by itself
    for secret in secrets {
        if let Some((_, last)) = secret.rsplit_once(['/', ':']) {
            forms.push(last.to_string());
        }
    }
    forms.retain(|form| form.len() >= 12);
    forms
}

fn holds<'a>(text: &[u8], forms: &'a [String]) -> Option<&'a String> {
    forms.iter().find(|form| text.windows(form.len()).any(|window| window == form.as_bytes()))
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            files(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

/// Looks at the command lines of all processes until it is told to stop; Linux only.
struct Watch(std::sync::Arc<std::sync::atomic::AtomicBool>, std::thread::JoinHandle<(usize, Vec<String>)>);

impl Watch {
    fn new(forms: Vec<String>) -> Watch {
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let (mut looked, mut bad) = (0, Vec::new());
            while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
                for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
                    let Ok(line) = std::fs::read(entry.path().join("cmdline")) else { continue };
                    let text = String::from_utf8_lossy(&line).into_owned();
                    looked += usize::from(text.contains("xpost"));
                    if holds(&line, &forms).is_some() {
                        bad.push(text);
                    }
                }
                std::thread::sleep(std::time::Duration::from_millis(15));
            }
            (looked, bad)
        });
        Watch(stop, thread)
    }

    fn end(self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
        let (looked, bad) = self.1.join().unwrap();
        if cfg!(target_os = "linux") {
            assert!(looked > 0, "no command line was seen");
        }
        assert!(bad.is_empty(), "a secret is in a command line: {bad:?}");
    }
}

/// A server that repeats what it was sent in its refusal.
fn parrot() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = vec![0; 16384];
            let read = stream.read(&mut request).unwrap_or_default();
            let said = String::from_utf8_lossy(&request[..read]).replace(['\r', '\n', '"'], " ");
            let body = format!("{{\"error\":\"no: {said}\"}}");
            let head = format!(
                "HTTP/1.1 401 No\r\nx-request-id: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                CANARY,
                body.len()
            );
            drop(stream.write_all(format!("{head}{body}").as_bytes()));
        }
    });
    port
}

#[test]
fn secrets_are_nowhere_but_where_they_belong() {
    let mut machine = Machine::with_twins();
    let mut seen = Seen(String::new());
    let mut secrets: BTreeSet<String> = [CANARY.to_string()].into();
    for platform in platform::ALL {
        let twin = mock::account(machine.twins(), *platform, 0, &machine.path("site"));
        secrets.extend(twin.secrets.values().map(|secret| secret.expose_secret().to_string()));
    }
    let watch = Watch::new(forms(&secrets));
    let record = machine.path("record");
    machine.set("XPOST_RECORD", &record.display().to_string());
    machine.set("RUST_LOG", "trace");
    machine.set("RUST_BACKTRACE", "1");

    // accounts from each source, good and refused
    for platform in platform::ALL {
        seen.take(machine.account(*platform, platform.spec().name)).good();
    }
    let token = |machine: &Machine| {
        let twin = mock::account(machine.twins(), platform::by_name("mastodon").unwrap(), 0, &machine.path("site"));
        twin.secrets["token"].expose_secret().to_string()
    };
    let server = ["--server", "https://mastodon.example"];
    machine.set("XPOST_CI_TOKEN", &token(&machine));
    seen.take(
        machine.run(&[&["account", "add", "mastodon", "--name", "ci", "--secret", "env", "-vv"][..], &server].concat()),
    )
    .good();
    if cfg!(unix) {
        let script = machine.write("secret.sh", &format!("echo '{}'\n", token(&machine)));
        let command = format!("sh '{}'", script.display());
        let add =
            ["account", "add", "mastodon", "--name", "cmd", "--secret", "command", "--secret-command", &command, "-vv"];
        seen.take(machine.run(&[&add[..], &server].concat())).good();
    }
    let add = |name: &'static str, secret: &'static str| {
        ["account", "add", "mastodon", "--name", name, "--secret", secret, "--stdin", "-vv"]
    };
    // no keyring can be reached here
    seen.take(machine.run_with(&[&add("ring", "keyring")[..], &server].concat(), CANARY.as_bytes())).ends(1);
    seen.take(machine.run_with(&[&add("wrong", "file")[..], &server].concat(), CANARY.as_bytes())).ends(7);
    let here = format!("http://localhost:{}", parrot());
    seen.take(machine.run_with(&[&add("parrot", "file")[..], &["--server", &here]].concat(), CANARY.as_bytes()));
    seen.take(machine.run_with(
        &["account", "add", "webhook", "--name", "gone", "--secret", "file", "--stdin", "-vv"],
        format!("{{\"url\":\"{here}/{CANARY}\"}}").as_bytes(),
    ));
    seen.take(machine.run_with(&["account", "login", "mastodon", "--stdin", "--json", "-vv"], CANARY.as_bytes()))
        .ends(7);

    // posts, with every fault in every phase
    image::RgbImage::from_pixel(9, 9, image::Rgb([9, 99, 199])).save(machine.path("dot.png")).unwrap();
    let faults = [
        What::Drop,
        What::Status { status: 500 },
        What::Status { status: 503 },
        What::Limited { seconds: 1 },
        What::Expired,
        What::ExpireSessions,
        What::Truncated,
        What::Html,
        What::Redirect { to: format!("{here}/elsewhere") },
    ];
    for (index, what) in faults.into_iter().enumerate() {
        machine
            .write("a.md", &format!("post {index} https://example.org/\n\n![a dot](dot.png)\n\n---\n\nand {index}\n"));
        for (other, platform) in platform::ALL.iter().enumerate() {
            let when = if (index + other) % 2 == 0 { When::Before } else { When::After };
            let fault = Inject::new(what.clone()).platform(platform.spec().name).method("POST");
            machine.twins().inject(fault.when(when).skip(index as u32 % 2));
        }
        seen.take(machine.run(&["publish", "a.md", "--to", "all", "-vv", "--json", "--wait", "0"]));
        machine.twins().clear_faults();
        seen.take(machine.run(&["retry", "-vv", "--wait", "0"]));
        seen.take(machine.run(&["resolve", "-v"]));
    }
    machine.twins().expire_sessions("bluesky");
    // dead in the middle
    if cfg!(debug_assertions) {
        for point in (2..24).step_by(3) {
            let mut command = machine.command(&["publish", "--text", &format!("crash {point}"), "--to", "all", "-vv"]);
            let output = command.env("XPOST_TEST_CRASH", point.to_string()).output().unwrap();
            seen.0.push_str(&String::from_utf8_lossy(&output.stderr));
        }
    }
    seen.take(machine.run(&["run", "-vv"]));
    seen.take(machine.run(&["publish", "--text", "well", "--to", "mastodon,bluesky,ci", "--once", "v1", "-vv"])).good();
    for arguments in [
        &["doctor"][..],
        &["doctor", "--json"],
        &["account", "list", "--json"],
        &["account", "show", "webhook"],
        &["account", "show", "ci", "--json"],
        &["account", "check", "-vv"],
        &["account", "check", "--json"],
        &["history", "export"],
        &["history", "export", "--format", "csv"],
        &["history", "show", "1", "--json"],
        &["history", "show", "2"],
        &["platforms", "--json"],
        &["preview", "a.md", "--to", "all", "--json", "-vv"],
        &["delete", "1", "--yes", "-vv"],
        &["account", "rename", "telegram", "bot"],
        &["account", "remove", "discord", "-vv"],
    ] {
        seen.take(machine.run(arguments));
    }
    watch.end();
    // what a person types into a command line is seen there, but it goes no further
    seen.take(machine.run(&[
        "account",
        "add",
        "mastodon",
        "--server",
        &format!("https://ann:{CANARY}@mastodon.example"),
    ]))
    .ends(2);

    // a session is a secret too
    let log = machine.twins().log();
    for exchange in log.iter().filter(|exchange| exchange.platform == "bluesky") {
        let Some(reply) = &exchange.reply else { continue };
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        secrets.extend(["accessJwt", "refreshJwt"].iter().filter_map(|key| Some(body[*key].as_str()?.to_string())));
    }
    assert!(secrets.iter().filter(|secret| secret.len() > 40).count() > 3, "sessions were handed out");
    let forms = forms(&secrets);

    // the canaries can be found at all
    assert!(seen.0.contains("POST") && seen.0.len() > 20_000, "the requests were logged");
    for line in seen.0.lines() {
        assert!(holds(line.as_bytes(), &forms).is_none(), "the program said {line}");
    }
    let (mut private, mut searched) = (0, 0);
    let mut found = Vec::new();
    files(&machine.home(), &mut found);
    files(&machine.path(""), &mut found);
    let script = machine.path("secret.sh");
    for path in found.iter().filter(|path| **path != script) {
        let bytes = std::fs::read(path).unwrap_or_default();
        let secret = holds(&bytes, &forms);
        if path.starts_with(machine.home().join("secrets")) {
            private += usize::from(secret.is_some());
        } else {
            searched += 1;
            assert!(secret.is_none(), "{secret:?} is in {}", path.display());
        }
    }
    assert!(private >= 4 && searched > 50, "{private} private files, {searched} others");
    assert!(found.iter().any(|path| path.starts_with(&record)), "exchanges were recorded");

    // where else than in `Authorization` a network documents its credentials; xpost masks them wherever it shows or records any
    let documented = [
        "bluesky body createSession",
        "discord path",
        "ok body",
        "ok query",
        "telegram path",
        "threads query",
        "viber header",
        "vk body",
        "webhook path",
    ];
    let mut seen = BTreeSet::new();
    for exchange in &log {
        let (request, platform) = (&exchange.request, &exchange.platform);
        // a password is traded for a session at one place only
        let login = request.path.rsplit('.').next().filter(|method| *method == "createSession");
        let mut note = |place: &str, text: &[u8]| {
            if holds(text, &forms).is_some() {
                let place = login.filter(|_| place == "body").map_or(place.into(), |login| format!("{place} {login}"));
                seen.insert(format!("{platform} {place}"));
            }
        };
        request
            .headers
            .iter()
            .filter(|(name, _)| name != "authorization")
            .for_each(|(_, value)| note("header", value.as_bytes()));
        request.query.iter().for_each(|(_, value)| note("query", value.as_bytes()));
        note("path", request.path.as_bytes());
        note("body", &request.body);
    }
    let strange: Vec<&String> = seen.iter().filter(|place| !documented.contains(&place.as_str())).collect();
    assert!(strange.is_empty(), "secrets where none belong: {strange:?}");
    private_modes(&machine, &record);
}

/// Only the person who runs the program can look at what it keeps.
#[cfg(unix)]
fn private_modes(machine: &Machine, record: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    fn directories(path: &Path, found: &mut Vec<PathBuf>) {
        found.push(path.to_path_buf());
        for entry in std::fs::read_dir(path).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
            directories(&entry.path(), found);
        }
    }
    let mut found = Vec::new();
    directories(&machine.home(), &mut found);
    directories(record, &mut found);
    assert!(found.len() >= 4, "{found:?}");
    for path in found {
        assert_eq!(mode(&path), 0o700, "{}", path.display());
    }
    let mut private = Vec::new();
    files(&machine.home(), &mut private);
    files(record, &mut private);
    for path in private {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[cfg(not(unix))]
fn private_modes(_: &Machine, _: &Path) {}
