//! The program from draft to history, against the twins of all networks.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/cli.rs"]
mod cli;

use cli::{CANARY, Machine, filters};
use serde_json::Value;
use xpost::platform;
use xpost::twin::{Inject, What, When};

#[test]
fn one_draft_lands_everywhere_and_never_twice() {
    let machine = Machine::with_accounts(&[]);
    machine.write("draft.md", "**Hello** world from xpost\n\n---\n\nAnd a second post of the thread.\n");
    let to = cli::takers(false);
    let names: Vec<&str> = to.split(',').collect();
    let first = machine.run(&["publish", "draft.md", "--to", &to]);
    first.good();
    assert_eq!(first.out.lines().count(), names.len(), "{}", first.out);
    let before: Vec<usize> = names.iter().map(|name| machine.twins().timeline(name).len()).collect();
    assert!(before.iter().all(|posts| *posts > 0), "{before:?}");
    let second = machine.run(&["publish", "draft.md", "--to", &to]);
    second.good();
    assert_eq!(second.err.matches("already posted to").count(), names.len(), "{}", second.err);
    assert_eq!(first.out, second.out);
    let after: Vec<usize> = names.iter().map(|name| machine.twins().timeline(name).len()).collect();
    assert_eq!(before, after);
    machine.run(&["publish", "draft.md", "--to", "mastodon", "--again"]).good();
    assert_eq!(machine.twins().timeline("mastodon").len(), 4);
    insta::with_settings!({ filters => filters() }, { insta::assert_snapshot!(first.all()) });
}

#[test]
fn failures_have_their_exit_codes_and_a_way_on() {
    let machine = Machine::with_accounts(&["mastodon", "telegram"]);
    let mut text = String::new();
    let mut keep = |what: &str, run: &cli::Run| text.push_str(&format!("===== {what}\n{}", run.all()));
    machine.twins().inject(Inject::new(What::Expired).platform("mastodon").method("POST").times(0));
    let partly = machine.run(&["publish", "--text", "one", "--to", "all", "--wait", "0"]);
    keep("one of two: 4", partly.ends(4));
    let login = machine.run(&["publish", "--text", "two", "--to", "mastodon", "--wait", "0"]);
    keep("a login is needed: 7", login.ends(7));
    machine.twins().clear_faults();
    keep("retry: 0", machine.run(&["retry"]).good());
    assert_eq!(machine.twins().timeline("mastodon").len(), 2);
    assert_eq!(machine.twins().timeline("telegram").len(), 1);
    machine.twins().inject(Inject::new(What::Status { status: 503 }).platform("mastodon").when(When::Before).times(0));
    let waiting = machine.run(&["publish", "--text", "three", "--to", "mastodon", "--wait", "0"]);
    assert!([5, 6].contains(&waiting.code), "{waiting:?}");
    machine.twins().clear_faults();
    keep("nothing failed", machine.run(&["cancel", "3"]).good());
    let refused = machine.run(&["publish", "--text", &"x".repeat(5000), "--to", "mastodon", "--var", "a=b"]);
    assert!([0, 3].contains(&refused.code), "{refused:?}");
    insta::with_settings!({ filters => filters() }, { insta::assert_snapshot!(text) });
}

#[test]
fn a_lost_answer_is_unknown_until_somebody_knows() {
    let machine = Machine::with_accounts(&["telegram"]);
    machine.twins().inject(Inject::new(What::Drop).platform("telegram").method("POST").when(When::After));
    let lost = machine.run(&["publish", "--text", "lost?", "--to", "telegram", "--wait", "0"]);
    lost.ends(6);
    assert!(lost.err.contains("next: xpost resolve"), "{}", lost.err);
    assert_eq!(machine.twins().timeline("telegram").len(), 1);
    machine.run(&["resolve"]).ends(6);
    machine.run(&["publish", "--text", "lost?", "--to", "telegram"]).ends(6);
    assert_eq!(machine.twins().timeline("telegram").len(), 1, "never sent again by itself");
    machine.run(&["resolve", "1", "--posted", "https://example.org/1"]).good();
    let history = machine.json(&["history"]);
    assert_eq!(history["posts"][0]["deliveries"][0]["url"], "https://example.org/1");
    machine.twins().inject(Inject::new(What::Drop).platform("telegram").method("POST").when(When::Before));
    machine.run(&["publish", "--text", "gone", "--to", "telegram", "--wait", "0"]).ends(6);
    machine.run(&["resolve", "2", "--not-posted"]).good();
    assert_eq!(machine.twins().timeline("telegram").len(), 2);
}

#[test]
fn a_plan_that_changed_is_not_sent() {
    let machine = Machine::with_accounts(&["mastodon", "bluesky"]);
    machine.write("a.md", "The plan\n");
    let hash = machine.json(&["preview", "a.md", "--to", "all"])["plan"].as_str().unwrap().to_string();
    machine.write("a.md", "Another plan\n");
    let changed = machine.run(&["publish", "a.md", "--to", "all", "--plan", &hash]);
    changed.ends(3);
    assert!(changed.err.contains("the plan has changed since the preview; nothing was sent"), "{}", changed.err);
    assert!(machine.twins().timeline("mastodon").is_empty());
    machine.write("a.md", "The plan\n");
    machine.run(&["publish", "a.md", "--to", "all", "--plan", &hash]).good();
    assert_eq!(machine.twins().timeline("mastodon").len(), 1);
}

#[test]
fn what_is_scheduled_waits_and_can_be_cancelled() {
    let machine = Machine::with_accounts(&["mastodon"]);
    machine.run(&["publish", "--text", "later", "--at", "2099-12-01 09:00"]).good();
    machine.run(&["publish", "--text", "at once", "--at", "2020-01-01T00:00:00Z"]).good();
    assert_eq!(machine.twins().timeline("mastodon").len(), 1);
    let run = machine.run(&["run"]);
    assert!(run.good().err.contains("nothing is due"), "{}", run.err);
    assert_eq!(machine.run(&["cancel", "1"]).good().out, "1 part cancelled\n");
    assert_eq!(machine.json(&["history", "show", "1"])["post"]["deliveries"][0]["state"], "cancelled");
}

#[test]
fn a_once_key_holds_on_a_machine_without_memory() {
    let server = xpost::mock::serve(&xpost::twin::ServerOptions::default()).unwrap();
    let mut posts = 0;
    for word in ["sent", "found"] {
        let mut machine = Machine::new();
        machine.set("XPOST_MIRROR", &server.url());
        machine.server = None;
        let twin = xpost::mock::account(&server, platform::by_name("bluesky").unwrap(), 0, &machine.path("site"));
        let mut arguments = vec!["account", "add", "bluesky", "--secret", "file", "--stdin"];
        let set = format!("handle={}", twin.settings["handle"].as_str().unwrap());
        arguments.extend(["--set", &set]);
        use secrecy::ExposeSecret;
        machine.run_with(&arguments, twin.secrets["password"].expose_secret().as_bytes()).good();
        let publish = ["publish", "--text", "Ferris 2.0 is out", "--once", "v2.0"];
        let run = machine.run(&publish);
        assert!(run.good().out.starts_with(&format!("{word} ")), "{run:?}");
        let again = machine.json(&publish);
        assert_eq!(again["results"][0]["post"]["deliveries"][0]["state"], "sent");
        assert_eq!(again["results"][0]["found"].as_array().unwrap().len(), usize::from(word == "found"), "{again:#}");
        posts = server.timeline("bluesky").len();
    }
    assert_eq!(posts, 1);
}

#[test]
fn several_drafts_go_together_and_a_wrong_one_stops_them_all() {
    let machine = Machine::with_accounts(&["mastodon"]);
    machine.write("a.md", "+++\nto = ['mastodon']\n+++\nfirst\n");
    machine.write("b.md", "+++\ntitel = 'x'\n+++\nsecond\n");
    let wrong = machine.run(&["publish", "a.md", "b.md"]);
    wrong.ends(3);
    assert!(wrong.err.contains("b.md:2") && wrong.err.contains("nothing was sent"), "{}", wrong.err);
    assert!(machine.twins().timeline("mastodon").is_empty());
    machine.write("b.md", "second\n");
    machine.run(&["publish", "a.md", "b.md"]).good();
    assert_eq!(machine.twins().timeline("mastodon").len(), 2);
    machine.run_with(&["publish", "-"], b"from standard input").good();
    assert_eq!(machine.twins().timeline("mastodon")[2].text, "from standard input");
}

#[test]
fn a_bad_target_stops_itself_or_all_of_them() {
    let machine = Machine::with_accounts(&["mastodon", "telegram"]);
    machine.write("draft.md", "+++\n[on.mastodon]\nmedia = ['missing.png']\n+++\nhello\n");
    let none = machine.run(&["publish", "draft.md", "--to", "all", "--all-or-none"]);
    none.ends(3);
    assert!(machine.twins().timeline("telegram").is_empty(), "{none:?}");
    let some = machine.run(&["publish", "draft.md", "--to", "all"]);
    some.ends(4);
    assert!(some.out.contains("refused  mastodon"), "{}", some.out);
    assert_eq!(machine.twins().timeline("telegram").len(), 1);
    assert!(machine.twins().timeline("mastodon").is_empty());
}

#[test]
fn history_is_listed_searched_shown_exported_and_deleted() {
    let machine = Machine::with_accounts(&["mastodon", "feed"]);
    machine.run(&["publish", "--text", "the crab waves", "--to", "all"]).good();
    machine.run(&["publish", "--text", "=formula, with \"quotes\"", "--to", "mastodon"]).good();
    let mut text = String::new();
    for arguments in [
        &["history"][..],
        &["history", "search", "crab*"],
        &["history", "search", "nothing"],
        &["history", "show", "1"],
        &["history", "export", "--format", "csv"],
        &["delete", "1"],
        &["delete", "1", "--yes"],
        &["history", "show", "1"],
    ] {
        let run = machine.run(arguments);
        text.push_str(&format!("===== xpost {}\n{}", arguments.join(" "), run.all()));
    }
    assert!(machine.twins().timeline("mastodon").iter().all(|post| !post.text.contains("crab")));
    assert!(machine.twins().timeline("feed").is_empty());
    insta::with_settings!({ filters => filters() }, { insta::assert_snapshot!(text) });
    let lines = machine.run(&["history", "export"]).out;
    assert_eq!(lines.lines().count(), 2);
    for line in lines.lines() {
        assert!(serde_json::from_str::<Value>(line).unwrap()["attempts"].is_array());
    }
}

#[test]
fn no_secret_is_in_any_file_or_output() {
    let mut machine = Machine::with_twins();
    let mut seen = String::new();
    for (index, wrong) in [
        &["account", "add", "mastodon", "--server", "mastodon.example", "--secret", "file", "--stdin", "-vv"][..],
        &["account", "add", "telegram", "--secret", "file", "--stdin", "--set", "chat=@x", "-vv"],
        &["account", "add", "webhook", "--secret", "file", "--stdin", "-vv"],
    ]
    .iter()
    .enumerate()
    {
        let secret = if wrong.contains(&"webhook") {
            format!("https://hooks.example/{CANARY}")
        } else {
            format!("{index}:{CANARY}")
        };
        let run = machine.run_with(wrong, secret.as_bytes());
        seen.push_str(&run.all());
    }
    machine.set("XPOST_CI_TOKEN", CANARY);
    let add =
        ["account", "add", "mastodon", "--name", "ci", "--server", "mastodon.example", "--secret", "env", "--offline"];
    seen.push_str(&machine.run(&add).good().all());
    for arguments in [
        &["account", "check", "-vv"][..],
        &["account", "show", "ci"],
        &["publish", "--text", "x", "--to", "ci", "-vv", "--wait", "0"],
        &["doctor"],
        &["history", "show", "1", "--json"],
    ] {
        seen.push_str(&machine.run(arguments).all());
    }
    assert!(!seen.contains(CANARY), "{seen}");
    assert!(seen.contains("POST"), "the requests were logged: {seen}");
    // a private file is where a secret was asked to be kept
    for (path, bytes) in
        machine.files().into_iter().filter(|(path, _)| !path.starts_with(machine.home().join("secrets")))
    {
        assert!(!String::from_utf8_lossy(&bytes).contains(CANARY), "{}", path.display());
    }
    assert_eq!(machine.run(&["account", "check", "ci"]).code, 7);
}

#[test]
fn secrets_are_refused_as_arguments() {
    let machine = Machine::new();
    let run = machine.run(&["account", "add", "mastodon", "--server", "m.example", "--set", "token=abc"]);
    run.ends(2);
    assert!(run.err.contains("`token` is a secret, and arguments can be seen by others"), "{}", run.err);
    assert!(!run.err.contains("abc"));
}

#[test]
fn a_project_brings_its_accounts_and_groups() {
    let mut machine = Machine::with_twins();
    machine.write(
        "xpost.toml",
        "to = ['@news']\n[groups]\nnews = ['fedi']\n[accounts.fedi]\nplatform = 'mastodon'\nserver = 'https://mastodon.example'\n",
    );
    let plain = machine.json(&["check", "--text", "hello"]);
    assert_eq!(plain["drafts"][0]["targets"][0]["target"], "fedi");
    assert!(!machine.home().exists(), "check writes nothing");
    let needs = machine.run(&["publish", "--text", "hello"]);
    needs.ends(7);
    assert!(needs.out.contains("XPOST_FEDI_TOKEN"), "{needs:?}");
    use secrecy::ExposeSecret;
    let twin = xpost::mock::account(machine.twins(), platform::by_name("mastodon").unwrap(), 0, &machine.path("site"));
    assert_eq!(twin.server, "https://mastodon.example");
    machine.set("XPOST_FEDI_TOKEN", twin.secrets["token"].expose_secret());
    machine.run(&["publish", "--text", "hello"]).good();
    assert_eq!(machine.twins().timeline("mastodon").len(), 1);
}

#[test]
fn the_directory_of_a_project_begins_at_its_file() {
    let machine = Machine::with_twins();
    machine.write("xpost.toml", "to = ['site']\n[accounts.site]\nplatform = 'feed'\ndirectory = 'public/notes'\n");
    machine.write("deep/down/a.md", "hello\n");
    let mut command = machine.command(&["publish", "a.md"]);
    let output = command.current_dir(machine.path("deep/down")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(machine.path("public/notes/feed.json").is_file());
    assert!(!machine.path("deep/down/public").exists());
}

#[test]
fn a_post_without_an_address_is_said_without_one() {
    let machine = Machine::with_accounts(&["webhook"]);
    machine.run(&["publish", "--text", "hello"]).good();
    let again = machine.run(&["publish", "--text", "hello"]);
    assert!(again.good().err.contains("already posted to webhook; nothing is sent again"), "{}", again.err);
}

#[test]
fn a_reader_that_goes_away_stops_nothing() {
    let machine = Machine::with_accounts(&["mastodon"]);
    let mut child = machine
        .command(&["publish", "--text", "to nobody", "--to", "mastodon"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(machine.twins().timeline("mastodon").len(), 1);
}

/// Ctrl-C: what is in flight ends, the rest stays for `xpost run`.
#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on_later() {
    let machine = Machine::with_accounts(&["mastodon"]);
    machine.twins().inject(Inject::new(What::Delay { ms: 1500 }).platform("mastodon").method("POST"));
    machine.write("thread.md", "one\n\n---\n\ntwo\n\n---\n\nthree\n");
    let child = machine
        .command(&["publish", "thread.md"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(700));
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.contains("next: xpost run"), "{err}");
    assert_eq!(machine.twins().timeline("mastodon").len(), 1);
    machine.run(&["run"]).good();
    let texts: Vec<String> = machine.twins().timeline("mastodon").into_iter().map(|post| post.text).collect();
    assert_eq!(texts, ["one", "two", "three"]);
}

#[test]
fn the_demo_publishes_to_all_networks_and_leaves_nothing() {
    let machine = Machine::new();
    let sent = |run: &cli::Run| run.out.lines().filter(|line| line.starts_with("sent")).count();
    let run = machine.run(&["demo", "--delay", "0"]);
    run.good();
    // one that takes films alone is named, and has its turn with all
    assert_eq!(sent(&run), cli::takers(true).split(',').count(), "{run:?}");
    assert!(run.err.contains("left out") && run.err.contains("`xpost demo --all`"), "{}", run.err);
    let all = machine.run(&["demo", "--all", "--delay", "0"]);
    all.good();
    assert_eq!(sent(&all), platform::ALL.len(), "{all:?}");
    assert!(!machine.home().exists());
}

#[test]
fn what_has_expired_is_taken_back_by_the_next_run() {
    let machine = Machine::with_accounts(&["mastodon", "webhook"]);
    machine.write("a.md", "+++\nexpires = '1s'\n+++\nshort-lived\n\n---\n\nand its reply\n");
    let run = machine.run(&["publish", "a.md", "--to", "all"]);
    run.good();
    assert!(run.err.contains("Webhook cannot take a post back; `expires` does nothing there"), "{}", run.err);
    assert_eq!(machine.twins().timeline("mastodon").len(), 2);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    // a network that has trouble now is asked again at the next run
    let trouble = xpost::twin::What::Status { status: 503 };
    machine.twins().inject(xpost::twin::Inject { method: Some("DELETE".into()), ..xpost::twin::Inject::new(trouble) });
    assert_eq!(machine.json(&["run"])["taken_back"][0]["deleted"], false);
    let run = machine.run(&["run"]);
    run.good();
    assert!(run.out.contains("expired") && run.out.contains("was taken back"), "{}", run.out);
    assert_eq!(machine.twins().timeline("mastodon").len(), 0);
    assert_eq!(machine.twins().timeline("webhook").len(), 2);
    assert_eq!(machine.json(&["run"])["taken_back"], serde_json::json!([]));
    machine.write("b.md", "+++\nexpires = '2020-01-01 00:00'\n+++\ntoo late\n");
    let run = machine.run(&["publish", "b.md", "--to", "mastodon"]);
    run.ends(3);
    assert!(run.err.contains("the time of `expires` is over"), "{}", run.err);
}

/// It ended so and said all of these, on either stream.
#[track_caller]
fn told(run: &cli::Run, code: i32, words: &[&str]) {
    run.ends(code);
    for word in words {
        assert!(run.out.contains(word) || run.err.contains(word), "no `{word}` in\n{}\n{}", run.out, run.err);
    }
}

#[test]
fn a_post_is_changed_where_that_can_be_done() {
    let machine = Machine::with_accounts(&["mastodon", "telegram", "bluesky"]);
    let draft = machine.write("a.md", "Ferris 2.0 is out\n\n---\n\nand there is more\n");
    let draft = draft.display().to_string();
    machine.run(&["publish", &draft, "--to", "all"]).ends(0);
    let texts = |name: &str| machine.twins().timeline(name).into_iter().map(|seen| seen.text).collect::<Vec<_>>();
    // a network that cannot says so; the others have the new words
    std::fs::write(&draft, "Ferris 2.0.1 is out\n\n---\n\nand there is more\n").unwrap();
    told(
        &machine.run(&["edit", "1", &draft]),
        4,
        &["edited  mastodon", "edited  telegram", "failed  bluesky", "no way to change a post"],
    );
    for name in ["mastodon", "telegram"] {
        assert_eq!(texts(name), ["Ferris 2.0.1 is out", "and there is more"], "{name}");
    }
    assert_eq!(texts("bluesky")[0], "Ferris 2.0 is out");
    told(&machine.run(&["edit", "1", &draft, "--to", "telegram,mastodon"]), 0, &["same"]);
    // another number of parts, or nothing to change
    told(
        &machine.run(&["edit", "1", "--text", "one part", "--to", "mastodon"]),
        3,
        &["it has 2 parts there, the new draft has 1"],
    );
    told(&machine.run(&["edit", "9", "--text", "x"]), 2, &["no post 9"]);
    machine.run(&["publish", "--text", "later", "--to", "mastodon", "--at", "2099-01-01 00:00"]).ends(0);
    told(&machine.run(&["edit", "2", "--text", "x"]), 2, &["nothing of post 2 is posted", "xpost cancel"]);
    // changed everywhere, it is this draft from now on
    machine.run(&["publish", "--text", "one", "--to", "mastodon,telegram"]).ends(0);
    machine.run(&["edit", "3", "--text", "the other"]).ends(0);
    machine.run(&["publish", "--text", "the other", "--to", "mastodon,telegram"]).ends(0);
    assert_eq!(texts("mastodon").iter().filter(|text| *text == "the other").count(), 1);
    told(&machine.run(&["history", "search", "other"]), 0, &["the other"]);
    told(&machine.run(&["history", "show", "3"]), 0, &["edit ok"]);
}
