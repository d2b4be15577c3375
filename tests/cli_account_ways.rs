//! Logins through the program, on an invented network that has every kind of them: ways, targets, export, leaving.
//!
//! The test stands in for the program: with `XPOST_STAND_IN` set it adds the network and runs as `xpost` does.

// a broken test may panic
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "support/cli.rs"]
mod cli;
#[path = "support/harbour.rs"]
mod harbour;

use cli::{CANARY, Machine, Run};
use libtest_mimic::{Arguments, Trial};
use serde_json::{Value, json};

fn main() -> std::process::ExitCode {
    xpost::platform::add(harbour::ALL);
    if std::env::var_os("XPOST_STAND_IN").is_some() {
        return xpost::cli::main();
    }
    macro_rules! trials {
        ($($name:ident),* $(,)?) => { vec![$(Trial::test(stringify!($name), || { $name(); Ok(()) })),*] };
    }
    let mut all = trials![
        a_login_is_kept_and_told_of,
        a_way_is_named_or_the_first_that_can_be_typed,
        what_is_typed_is_looked_at_first,
        a_ceremony_needs_a_place_for_what_it_yields,
        a_network_may_need_a_person,
        an_account_that_is_refused_gives_its_login_back,
        an_app_of_ones_own,
        one_login_posts_to_several_places,
        places_of_a_login_are_added_by_number_and_name,
        a_login_ends_with_the_last_account_that_needs_it,
        what_cannot_be_ended_is_said,
        a_login_is_handed_on,
        another_way_replaces_the_login_for_all_that_share_it,
        no_secret_is_anywhere_but_in_its_file,
    ];
    if cfg!(unix) {
        all.extend(trials![an_interrupted_login_leaves_nothing, a_browser_is_opened_at_a_short_address]);
    }
    libtest_mimic::run(&Arguments::from_args(), all).exit_code()
}

fn machine() -> Machine {
    let mut machine = Machine::new();
    machine.program = Some(std::env::current_exe().unwrap());
    machine.set("XPOST_STAND_IN", "1");
    let log = machine.path("harbour.log").display().to_string();
    machine.set("HARBOUR_LOG", &log);
    machine
}

/// What the network was asked to do, beside who somebody is.
fn asked(machine: &Machine) -> Vec<String> {
    let mut all = log(machine);
    all.retain(|line| line != "whoami");
    all
}

fn log(machine: &Machine) -> Vec<String> {
    let text = std::fs::read_to_string(machine.path("harbour.log")).unwrap_or_default();
    text.lines().map(str::to_string).collect()
}

fn add(machine: &Machine, more: &[&str]) -> Run {
    let mut all = vec!["account", "add", "harbour", "--secret", "file"];
    all.extend(more);
    machine.run(&all)
}

fn secrets(machine: &Machine) -> usize {
    machine.files().iter().filter(|(path, _)| path.starts_with(machine.home().join("secrets"))).count()
}

fn a_login_is_kept_and_told_of() {
    let machine = machine();
    let run = add(&machine, &["--with", "browser"]);
    assert_eq!(run.good().out, "added `harbour`: @harbour on Harbour\n");
    assert!(run.err.contains("what else it can post to: xpost account targets harbour"), "{run:?}");
    let list = machine.run(&["account", "list"]).out;
    assert!(list.contains("@harbour") && list.contains("  ends in 9 days  "), "{list}");
    let shown = machine.run(&["account", "show", "harbour"]).out;
    for line in
        ["login      browser", "scopes     moor", "missing    light (to be seen at night)", "ends       in 9 days ("]
    {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let login = &machine.json(&["account", "show", "harbour"])["account"]["login"];
    assert_eq!(login["way"], "browser");
    assert_eq!(login["scopes"], json!(["moor"]));
    assert_eq!(login["missing"], json!([{ "name": "light", "why": "to be seen at night", "optional": true }]));
    assert_eq!(login["issuer"], "https://harbour.example");
    machine.run(&["account", "check"]).good();
}

fn a_way_is_named_or_the_first_that_can_be_typed() {
    let machine = machine();
    let run = add(&machine, &["--with", "brwser"]);
    run.ends(2);
    for line in [
        "Harbour has no way `brwser` to log in; did you mean `browser`?",
        "browser: through the harbour master's page",
        "token: a token of your own",
        "next: xpost account add harbour --with browser",
    ] {
        assert!(run.err.contains(line), "{line}: {}", run.err);
    }
    let run = add(&machine, &[]);
    run.ends(2);
    assert!(run.err.contains("Harbour needs `token`"), "{}", run.err);
    assert!(run.err.contains("other ways to log in: `--with browser`, `--with seal`"), "{}", run.err);
    // what was given says which way is meant
    let all = ["account", "add", "harbour", "--secret", "file", "--stdin"];
    machine.run_with(&all, b"typed-1234567").good();
    assert_eq!(machine.json(&["account", "show", "harbour"])["account"]["login"]["way"], "token");
    machine.run_with(&[&all[..], &["--name", "sealed"]].concat(), b"seal=typed-sealed-1").good();
    assert_eq!(machine.json(&["account", "show", "sealed"])["account"]["login"]["way"], "seal");
    let run = machine.run_with(&[&all[..], &["--name", "x", "--with", "token"]].concat(), b"seal=typed-sealed-1");
    run.ends(2);
    assert!(run.err.contains("`token` does not take `seal`; `--with seal` does"), "{}", run.err);
}

fn what_is_typed_is_looked_at_first() {
    let machine = machine();
    let all = ["account", "add", "harbour", "--secret", "file", "--stdin", "--with", "token"];
    let run = machine.run_with(&all, b"crooked-777777");
    run.ends(2);
    assert!(run.err.contains("a token of Harbour begins with `typed-`"), "{}", run.err);
    assert!(run.err.contains("warning: a token never ends; the browser is better"), "{}", run.err);
    assert!(!run.err.contains("crooked"), "{}", run.err);
    assert_eq!((asked(&machine).len(), secrets(&machine)), (0, 0));
}

fn a_ceremony_needs_a_place_for_what_it_yields() {
    let machine = machine();
    for (more, says) in [
        (&["--secret", "env"][..], "`--secret env` is a place that xpost cannot write"),
        (&["--secret", "command", "--secret-command", "true"], "`--secret command` is a place that xpost cannot write"),
    ] {
        let mut all = vec!["account", "add", "harbour", "--with", "browser"];
        all.extend(more);
        let run = machine.run(&all);
        run.ends(2);
        assert!(run.err.contains(says), "{}", run.err);
        assert!(run.err.contains("next: xpost account add harbour --with browser --secret file"), "{}", run.err);
    }
    assert!(asked(&machine).is_empty());
}

fn a_network_may_need_a_person() {
    let machine = machine();
    let run = machine.run(&["account", "add", "lagoon", "--secret", "file"]);
    run.ends(7);
    assert!(run.err.contains("every way to log in to Lagoon needs a person"), "{}", run.err);
    assert!(run.err.contains("gondola: by boat"), "{}", run.err);
    // by name it is tried, and says what it would have asked
    let run = machine.run(&["account", "add", "lagoon", "--secret", "file", "--with", "gondola"]);
    run.ends(7);
    assert!(
        run.err.contains("the account was not added: your name: there is nobody at a terminal to ask"),
        "{}",
        run.err
    );
    assert!(machine.run(&["account", "list"]).out.is_empty());
}

fn an_account_that_is_refused_gives_its_login_back() {
    let machine = machine();
    let run = add(&machine, &["--with", "browser", "--set", "berth=mined"]);
    run.ends(7);
    assert!(run.err.contains("the account was not added: "), "{}", run.err);
    assert!(machine.run(&["account", "list"]).out.is_empty());
    assert_eq!(secrets(&machine), 0);
    assert_eq!(asked(&machine), ["enter", "revoke"]);
    // beside another account of the network the login is left alone: it may be the same one
    add(&machine, &["--with", "browser"]).good();
    add(&machine, &["--with", "browser", "--set", "berth=mined"]).ends(7);
    assert_eq!(asked(&machine), ["enter", "revoke", "enter", "enter"]);
}

fn an_app_of_ones_own() {
    let mut machine = machine();
    std::fs::create_dir_all(machine.home()).unwrap();
    let config = machine.home().join("config.toml");
    std::fs::write(&config, "[apps.harbour]\nclient_id = 'from-config'\n").unwrap();
    let id = |machine: &Machine, name: &str| {
        add(machine, &["--with", "browser", "--name", name]).good();
        machine.json(&["account", "show", name])["account"]["login"]["client_id"].clone()
    };
    assert_eq!(id(&machine, "one"), "from-config");
    machine.set("XPOST_APP_HARBOUR_CLIENT_ID", "from-env");
    machine.set("XPOST_APP_HARBOUR_CLIENT_SECRET", CANARY);
    assert_eq!(id(&machine, "two"), "from-env");
    machine.set("XPOST_APP_THREE_CLIENT_ID", "of-the-account");
    assert_eq!(id(&machine, "three"), "of-the-account");
    // logging in again uses what the login was made with
    for name in ["XPOST_APP_HARBOUR_CLIENT_ID", "XPOST_APP_HARBOUR_CLIENT_SECRET", "XPOST_APP_THREE_CLIENT_ID"] {
        machine.unset(name);
    }
    std::fs::remove_file(&config).unwrap();
    machine.run(&["account", "login", "two", "--with", "browser"]).good();
    assert_eq!(machine.json(&["account", "show", "two"])["account"]["login"]["client_id"], "from-env");
    assert!(asked(&machine).contains(&"the app has its secret".to_string()));
    std::fs::write(&config, format!("[apps.harbour]\nclient_secret = '{CANARY}'\n")).unwrap();
    let run = machine.run(&["account", "list"]);
    let run = if run.code == 0 { add(&machine, &["--with", "browser"]) } else { run };
    run.ends(2);
    assert!(
        run.err.contains("config.toml:2: `client_secret` is a secret and does not belong in a file"),
        "{}",
        run.err
    );
    assert!(!run.err.contains(CANARY), "{}", run.err);
}

fn targets(machine: &Machine, word: &str) -> Vec<String> {
    let checked = machine.json(&["check", "--text", "ahoy", "--to", word]);
    let mut names: Vec<String> = checked["drafts"][0]["targets"]
        .as_array()
        .unwrap_or_else(|| panic!("{checked:#}"))
        .iter()
        .map(|target| target["target"].as_str().unwrap().to_string())
        .collect();
    names.sort();
    names
}

fn one_login_posts_to_several_places() {
    let machine = machine();
    add(&machine, &["--with", "browser", "--name", "master"]).good();
    let list = machine.run(&["account", "targets", "master"]);
    assert_eq!(
        list.good().out,
        "   NAME   WHAT        ACCOUNT\n\
         1  north  North pier  -\n\
         2  south  South pier  -\n\
         3  mine   Mine field  (no: nobody comes back from there)\n"
    );
    let run = machine.run(&["account", "targets", "master", "--all"]);
    assert_eq!(run.good().out, "added `north`: @north on Harbour\nadded `south`: @south on Harbour\n");
    // the login is kept once, and a pier's own token beside it
    assert_eq!(secrets(&machine), 2);
    // who chose piers does not mean the harbour master
    assert_eq!(targets(&machine, "all"), ["north", "south"]);
    assert_eq!(targets(&machine, "harbour"), ["north", "south"]);
    assert_eq!(targets(&machine, "master"), ["master"]);
    assert!(machine.run(&["account", "list"]).out.contains("@harbour (login only)"));
    let again = machine.run(&["account", "targets", "master", "--all"]);
    assert!(again.good().err.contains("all that can be posted to are there already"), "{again:?}");
    // whichever of them is named, it is the same login
    for name in ["north", "south"] {
        let list = machine.json(&["account", "targets", name]);
        assert_eq!(list["account"], "master");
        let there = |at: usize| list["targets"][at]["account"].clone();
        assert_eq!([there(0), there(1), there(2)], [json!("north"), json!("south"), Value::Null], "{name}");
    }
}

fn places_of_a_login_are_added_by_number_and_name() {
    let machine = machine();
    add(&machine, &["--with", "browser"]).good();
    machine.run(&["account", "add", "feed", "--name", "north", "--set", "directory=out", "--offline"]).good();
    for (which, says) in [
        ("4", "`4`: there are 3, numbered from 1"),
        ("2-9", "`2-9`: there are 3, numbered from 1"),
        ("nroth", "`nroth` is none of them; did you mean `north`?"),
        ("mine", "`Mine field` cannot be posted to: nobody comes back from there"),
    ] {
        let run = machine.run(&["account", "targets", "harbour", "--add", which]);
        run.ends(2);
        assert!(run.err.contains(says), "{}", run.err);
    }
    // the name that the network gives is taken
    let added = machine.json(&["account", "targets", "harbour", "--add", "1", "south pier"]);
    assert_eq!(added["added"][0]["name"], "north-harbour");
    assert_eq!(added["added"][0]["settings"], json!({ "berth": "north" }));
    assert_eq!(added["added"][1]["name"], "south");
    assert_eq!(added["failed"], json!([]));
    let run = machine.run(&["account", "targets", "harbour", "--add", "north"]);
    assert!(run.good().err.contains("`North pier` is there already as `north-harbour`"), "{run:?}");
}

fn a_login_ends_with_the_last_account_that_needs_it() {
    // whatever goes first
    for order in [["master", "north", "south"], ["south", "north", "master"], ["north", "master", "south"]] {
        let machine = machine();
        add(&machine, &["--with", "browser", "--name", "master"]).good();
        machine.run(&["account", "targets", "master", "--all"]).good();
        for (index, name) in order.iter().enumerate() {
            assert_eq!(asked(&machine), ["enter"], "{order:?}: the login ended before its last account");
            let run = machine.run(&["account", "remove", name]);
            if index < 2 {
                assert!(run.good().err.contains("its login stays, because `"), "{run:?}");
                let rest = machine.run(&["account", "check"]);
                rest.good();
            } else {
                assert!(run.good().err.contains("its login was ended at https://harbour.example"), "{run:?}");
            }
        }
        assert_eq!(asked(&machine), ["enter", "revoke"], "{order:?}");
        assert_eq!(secrets(&machine), 0, "{order:?}");
    }
}

fn what_cannot_be_ended_is_said() {
    let mut machine = machine();
    add(&machine, &["--with", "browser"]).good();
    machine.set("HARBOUR_CLOSED", "1");
    let run = machine.run(&["account", "remove", "harbour"]);
    run.good();
    assert!(
        run.err.contains(
            "could not be ended at https://harbour.example: the harbour is closed; it may still be good there, end it yourself: \
             https://harbour.example/logins"
        ),
        "{}",
        run.err
    );
    assert!(machine.run(&["account", "list"]).out.is_empty());
    assert_eq!(secrets(&machine), 0);
    machine.unset("HARBOUR_CLOSED");
    add(&machine, &["--with", "browser"]).good();
    let before = asked(&machine);
    let removed = machine.json(&["account", "remove", "harbour", "--keep-token"]);
    assert_eq!((&removed["login"], asked(&machine)), (&json!("kept"), before));
    machine.run_with(&["account", "add", "harbour", "--secret", "file", "--stdin"], b"typed-1234567").good();
    let removed = machine.json(&["account", "remove", "harbour"]);
    assert_eq!(removed["login"], "by_hand");
    assert_eq!(removed["page"], "https://harbour.example/tokens");
    // what is kept elsewhere is left alone
    machine.set("XPOST_HARBOUR_TOKEN", "typed-7654321");
    machine.run(&["account", "add", "harbour", "--secret", "env"]).good();
    let removed = machine.json(&["account", "remove", "harbour"]);
    assert_eq!(removed["login"], "outside");
    let log = asked(&machine);
    assert!(!log.contains(&"revoke".to_string()), "{log:?}");
}

fn a_login_is_handed_on() {
    let laptop = machine();
    add(&laptop, &["--with", "browser", "--name", "work"]).good();
    let login = laptop.run(&["account", "export", "work"]);
    login.good();
    assert!(login.err.contains("`XPOST_WORK_LOGIN` takes it") && !login.err.contains("quay-"), "{}", login.err);
    let value: Value = serde_json::from_str(&login.out).unwrap();
    assert_eq!(value["v"], 1);
    assert!(value["fields"]["token"].as_str().unwrap().starts_with("quay-"));
    // to another machine, where it is kept
    let server = machine();
    let add = ["account", "add", "harbour", "--name", "work", "--secret", "file", "--stdin"];
    assert_eq!(server.run_with(&add, login.out.as_bytes()).good().out, "added `work`: @harbour on Harbour\n");
    let row = |machine: &Machine| machine.json(&["account", "show", "work"])["account"].clone();
    assert_eq!(row(&server)["login"]["way"], "browser");
    assert_eq!(row(&server)["expires_at"], row(&laptop)["expires_at"]);
    assert_eq!(server.run(&["account", "export", "work"]).out, login.out);
    // to a pipeline, where the environment has it
    let mut ci = machine();
    ci.set("XPOST_WORK_LOGIN", login.out.trim());
    ci.run(&["account", "add", "harbour", "--name", "work", "--secret", "env"]).good();
    assert_eq!(row(&ci)["login"]["way"], "browser");
    assert_eq!(secrets(&ci), 0);
    let run = ci.run(&["account", "export", "work"]);
    run.ends(2);
    assert!(run.err.contains("comes from the environment; there is nothing to export"), "{}", run.err);
    // something else is refused, and not repeated
    let run = server.run_with(
        &["account", "add", "harbour", "--secret", "file", "--stdin"],
        format!(r#"{{"v":2,"fields":{{"token":"{CANARY}"}}}}"#).as_bytes(),
    );
    run.ends(2);
    assert!(run.err.contains("its version is 2") && !run.err.contains(CANARY), "{}", run.err);
}

fn another_way_replaces_the_login_for_all_that_share_it() {
    let machine = machine();
    add(&machine, &["--with", "browser"]).good();
    machine.run(&["account", "targets", "harbour", "--add", "north"]).good();
    machine.run_with(&["account", "login", "north", "--with", "token", "--stdin"], b"typed-1234567").good();
    for name in ["harbour", "north"] {
        let account = machine.json(&["account", "show", name])["account"].clone();
        assert_eq!(account["login"]["way"], "token", "{name}");
        assert_eq!(account["expires_at"], Value::Null, "{name}");
    }
    machine.run(&["account", "check"]).good();
    // without a word it is the way that it was
    let run = machine.run_with(&["account", "login", "harbour", "--stdin"], b"refused-1234");
    run.ends(2);
    assert!(run.err.contains("begins with `typed-`"), "{}", run.err);
    machine.run(&["account", "check"]).good();
    // a refused ceremony leaves the old credentials
    let run = machine.run(&["account", "login", "harbour", "--with", "seal"]);
    run.ends(2);
    machine.run(&["account", "check"]).good();
}

fn no_secret_is_anywhere_but_in_its_file() {
    let machine = machine();
    let mut said = String::new();
    for arguments in [
        &["account", "add", "harbour", "--secret", "file", "--with", "browser", "-vv"][..],
        &["account", "targets", "harbour", "--all", "-vv"],
        &["account", "targets", "harbour", "--json"],
        &["account", "show", "south", "--json"],
        &["account", "list"],
        &["account", "login", "harbour", "-vv"],
        &["account", "remove", "south", "-vv"],
        &["account", "remove", "harbour", "-vv"],
        &["account", "remove", "north", "-vv"],
    ] {
        said.push_str(&machine.run(arguments).all());
        for (path, bytes) in machine.files() {
            let private = path.starts_with(machine.home().join("secrets"));
            let text = String::from_utf8_lossy(&bytes);
            assert!(private || !text.contains("quay-") && !text.contains("pier-token"), "{}", path.display());
        }
    }
    assert!(!said.contains("quay-") && !said.contains("pier-token"), "{said}");
}

#[cfg(unix)]
fn an_interrupted_login_leaves_nothing() {
    use std::io::Read;
    use std::process::Stdio;
    // while the person is away, and while the network is asked who it is
    for berth in ["far", "slow"] {
        let machine = machine();
        let set = format!("berth={berth}");
        let mut command =
            machine.command(&["account", "add", "harbour", "--secret", "file", "--with", "browser", "--set", &set]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let point = if berth == "far" { "enter" } else { "whoami" };
        while !log(&machine).contains(&point.to_string()) {
            assert!(std::time::Instant::now() < until, "it never came to `{point}`");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let status = child.wait().unwrap();
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(status.code(), Some(130), "{berth}: {said}");
        assert!(said.contains("interrupted; nothing was added"), "{berth}: {said}");
        assert!(machine.run(&["account", "list"]).out.is_empty(), "{berth}");
        assert_eq!(secrets(&machine), 0, "{berth}");
        assert_eq!(asked(&machine).contains(&"revoke".to_string()), berth == "slow", "{berth}");
    }
}

#[cfg(not(unix))]
fn an_interrupted_login_leaves_nothing() {}

#[cfg(unix)]
fn a_browser_is_opened_at_a_short_address() {
    let mut machine = machine();
    let note = machine.path("opened");
    let script = machine.write("browser.sh", &format!("#!/bin/sh\nprintf '%s' \"$1\" > '{}'\n", note.display()));
    std::os::unix::fs::PermissionsExt::set_mode(&mut std::fs::metadata(&script).unwrap().permissions(), 0o755);
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    machine.set("BROWSER", &script.display().to_string());
    let run = add(&machine, &["--with", "browser"]);
    assert!(run.good().err.contains("\n\nhttp://127.0.0.1:8/\n\n"), "{}", run.err);
    assert!(!run.err.contains("state="), "{}", run.err);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !note.exists() && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(std::fs::read_to_string(&note).unwrap(), "http://127.0.0.1:8/");
    // elsewhere the whole address is shown, because it must be
    std::fs::remove_file(&note).unwrap();
    let run = add(&machine, &["--with", "browser", "--paste"]);
    assert!(run.good().err.contains("\n\nhttps://harbour.example/enter?state=abc\n\n"), "{}", run.err);
    assert!(!note.exists());
}

#[cfg(not(unix))]
fn a_browser_is_opened_at_a_short_address() {}
