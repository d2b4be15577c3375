//! The OS keyring: without one always, with a real Secret Service where `XPOST_TEST_KEYRING=1` says that there is one
//! (`dbus-run-session` with an unlocked `gnome-keyring-daemon`).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/cli.rs"]
mod cli;

use cli::{CANARY, Machine};

/// Adds an account whose secret goes to the keyring.
const ADD: &[&str] =
    &["account", "add", "mastodon", "--name", "ring", "--server", "mastodon.example", "--stdin", "--offline"];

/// On other systems the real keyring of the person who runs the tests would be asked.
#[cfg(target_os = "linux")]
#[test]
fn without_a_keyring_there_is_an_error_with_the_way_out_and_nothing_in_plain_text() {
    let machine = Machine::new();
    let run = machine.run_with(ADD, CANARY.as_bytes());
    run.ends(1);
    assert!(run.err.contains("the account was not added: the keyring cannot be reached"), "{}", run.err);
    let next =
        "next: xpost account add mastodon --name ring --server mastodon.example --stdin --offline --secret file\n";
    assert!(run.err.contains(next), "{}", run.err);
    assert!(!run.err.contains("account login"), "there is no account to log in to: {}", run.err);
    // it is said before anything is asked: here nothing is given at all
    let bare = machine.run(&["account", "add", "telegram", "--set", "chat=my chat"]);
    bare.ends(1);
    let next = "next: xpost account add telegram --set 'chat=my chat' --secret file\n";
    assert!(bare.err.contains("the keyring cannot be reached") && bare.err.contains(next), "{}", bare.err);
    assert!(!run.err.contains(CANARY) && !run.out.contains(CANARY));
    for (path, bytes) in machine.files() {
        assert!(!String::from_utf8_lossy(&bytes).contains(CANARY), "{}", path.display());
    }
    assert!(machine.json(&["account", "list"])["accounts"].as_array().unwrap().is_empty());
    let doctor = machine.json(&["doctor", "--offline"]);
    let ring = doctor["checks"].as_array().unwrap().iter().find(|check| check["name"] == "keyring").unwrap();
    assert_eq!(ring["state"], "warn");
}

#[test]
fn a_real_keyring_keeps_the_secret_through_a_rename_and_forgets_it() {
    if std::env::var("XPOST_TEST_KEYRING").as_deref() != Ok("1") {
        eprintln!("skipped: XPOST_TEST_KEYRING=1 says that there is a keyring to test with");
        return;
    }
    let mut machine = Machine::new();
    for name in ["DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "HOME"] {
        if let Ok(value) = std::env::var(name) {
            machine.set(name, &value);
        }
    }
    machine.run_with(ADD, CANARY.as_bytes()).good();
    for (path, bytes) in machine.files() {
        assert!(!String::from_utf8_lossy(&bytes).contains(CANARY), "{}", path.display());
    }
    machine.run(&["account", "rename", "ring", "bell"]).good();
    let state = |machine: &Machine| {
        let doctor = machine.json(&["doctor", "--offline"]);
        let checks = doctor["checks"].as_array().unwrap().clone();
        let of = |name: &str| checks.iter().find(|check| check["name"] == name).unwrap().clone();
        (of("keyring"), of("account bell"))
    };
    let (ring, bell) = state(&machine);
    assert_eq!(ring["state"], "ok", "{ring}");
    assert_eq!(bell["says"], "mastodon, never checked", "the secret is found: {bell}");
    machine.run(&["account", "remove", "bell"]).good();
    machine.run_with(ADD, b"another-secret-1").good();
    let doctor = machine.json(&["doctor", "--offline"]);
    assert!(!doctor.to_string().contains(CANARY) && !doctor.to_string().contains("another-secret-1"));
    machine.run(&["account", "remove", "ring"]).good();
}
