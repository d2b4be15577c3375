//! Accounts: added, listed, checked, renamed, grouped, removed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/cli.rs"]
mod cli;

use cli::{Machine, filters};
use xpost::platform;
use xpost::twin::{Inject, What};

#[test]
fn an_account_of_every_network_is_added_and_says_who_it_is() {
    let machine = Machine::with_twins();
    let mut text = String::new();
    for platform in platform::ALL {
        let name = platform.spec().name;
        let run = machine.account(*platform, name);
        run.good();
        assert!(run.out.starts_with(&format!("added `{name}`: ")), "{}", run.out);
        text.push_str(&run.all());
    }
    for arguments in [
        &["account", "list"][..],
        &["account", "show", "mastodon"],
        &["account", "check"],
        &["account", "group", "pub", "mastodon", "bluesky"],
        &["account", "group", "pub"],
        &["account", "group"],
        &["account", "group", "pib"],
        &["account", "default", "@pub", "feed"],
        &["account", "default"],
        &["account", "rename", "mastodon", "fedi"],
        &["account", "rename", "fedi", "bluesky"],
        &["account", "group", "@pub"],
        &["account", "remove", "fedi"],
        &["account", "group", "pub"],
        &["account", "group", "pub", "--clear"],
        &["account", "default", "--clear"],
        &["account", "show", "fedi"],
        &["doctor"],
    ] {
        text.push_str(&format!("===== xpost {}\n{}", arguments.join(" "), machine.run(arguments).all()));
    }
    insta::with_settings!({ filters => filters() }, { insta::assert_snapshot!(text) });
}

#[test]
fn an_account_that_is_refused_is_not_added() {
    let machine = Machine::with_twins();
    let add = ["account", "add", "mastodon", "--server", "mastodon.example", "--secret", "file", "--stdin"];
    let run = machine.run_with(&add, b"wrong-token-1");
    run.ends(7);
    assert!(run.err.contains("the account was not added: Mastodon said: "), "{}", run.err);
    assert!(machine.run(&["account", "list"]).out.is_empty());
    let left = |machine: &Machine| {
        let of =
            |name: &str| machine.files().iter().filter(|(path, _)| path.starts_with(machine.home().join(name))).count();
        (of("secrets"), of("locks"))
    };
    assert_eq!(
        left(&machine),
        (0, 0),
        "{:?}",
        machine.files().iter().map(|(path, _)| path.clone()).collect::<Vec<_>>()
    );
    // a server that cannot be reached is no wrong login
    machine.twins().inject(Inject::new(What::Drop).times(0));
    machine.run_with(&add, b"wrong-token-1").ends(1);
    assert_eq!(left(&machine), (0, 0));
}

#[test]
fn a_directory_that_is_typed_begins_at_the_working_directory() {
    let machine = Machine::new();
    machine.run(&["account", "add", "feed", "--set", "directory=out", "--offline"]).good();
    let account = machine.json(&["account", "show", "feed"]);
    let directory = account["account"]["settings"]["directory"].as_str().unwrap();
    // the support writes `WORK` for the working directory where it can
    let whole = directory.ends_with("WORK/out") || std::path::Path::new(directory).is_absolute();
    assert!(whole && directory.ends_with("out"), "{directory}");
}

#[test]
fn a_backup_is_whole_private_and_replaces_nothing_unasked() {
    let machine = Machine::with_accounts(&["mastodon"]);
    machine.run(&["publish", "--text", "kept for good", "--to", "mastodon"]).good();
    let run = machine.run(&["backup", "copy.db"]);
    assert!(run.good().out.starts_with("1 post and all accounts are in `"), "{run:?}");
    assert!(run.err.contains("secrets are not in it"), "{run:?}");
    let copy = machine.path("copy.db");
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&copy.metadata().unwrap().permissions()) & 0o777, 0o600);
    let before = std::fs::read(&copy).unwrap();
    for (arguments, code, says) in [
        (&["backup", "copy.db"][..], 2, "`--force` replaces it"),
        (&["backup", ".", "--force"], 2, "is a directory"),
        (&["backup", "../home/xpost.db", "--force"], 2, "is the database itself"),
        (&["backup", "nowhere/copy.db"], 1, "cannot write"),
    ] {
        let run = machine.run(arguments);
        run.ends(code);
        assert!(run.err.contains(says), "{}", run.err);
    }
    assert_eq!(std::fs::read(&copy).unwrap(), before);
    machine.run(&["publish", "--text", "and one more", "--to", "mastodon"]).good();
    machine.run(&["backup", "copy.db", "--force"]).good();
    assert_eq!(std::fs::read_dir(machine.path("")).unwrap().count(), 1, "nothing is left beside it");
    // it is a home's database like any other
    let other = Machine::new();
    std::fs::create_dir(other.home()).unwrap();
    assert!(other.run(&["backup", "x.db"]).err.contains("there is nothing to copy yet"));
    std::fs::copy(&copy, other.home().join("xpost.db")).unwrap();
    assert_eq!(other.json(&["history"])["posts"].as_array().unwrap().len(), 2);
    assert_eq!(other.json(&["account", "list"])["accounts"][0]["name"], "mastodon");
}

#[test]
fn what_was_never_given_was_not_refused() {
    let mut machine = Machine::with_twins();
    machine.write(
        "xpost.toml",
        "to = ['fedi']\n[accounts.fedi]\nplatform = 'mastodon'\nserver = 'https://mastodon.example'\n",
    );
    let run = machine.run(&["publish", "--text", "hello"]);
    run.ends(7);
    assert!(run.out.contains("account `fedi` has no `token` in the environment"), "{run:?}");
    let next = "next: xpost account login fedi  (it has no credentials here; or set `XPOST_FEDI_TOKEN`)";
    assert!(run.err.contains(next) && !run.err.contains("refused"), "{run:?}");
    machine.set("XPOST_FEDI_TOKEN", "wrong-token-3");
    let run = machine.run(&["retry"]);
    run.ends(7);
    assert!(run.err.contains("next: xpost account login fedi  (its credentials were refused)"), "{run:?}");
    machine.unset("XPOST_FEDI_TOKEN");
    // and the advice works: a login keeps what the environment did not give
    use secrecy::ExposeSecret;
    let twin = xpost::mock::account(machine.twins(), platform::by_name("mastodon").unwrap(), 0, &machine.path("site"));
    let token = twin.secrets["token"].expose_secret().as_bytes();
    machine.run_with(&["account", "login", "fedi", "--stdin", "--secret", "file"], token).good();
    machine.run(&["retry"]).good();
    assert_eq!(machine.twins().timeline("mastodon").len(), 1);
}

#[test]
fn what_is_missing_is_named_with_the_ways_to_give_it() {
    let machine = Machine::new();
    let mut text = String::new();
    for arguments in [
        &["account", "add", "telegram", "--secret", "file"][..],
        &["account", "add", "bluesky", "--set", "handel=ann"],
        &["account", "add", "mastodon"],
        &["account", "add", "mastodon", "--server", "http://mastodon.example"],
        &["account", "add", "feed", "--server", "https://example.org"],
        &["account", "add", "telegram", "--set", "chat"],
        &["account", "add", "telegram", "--secret", "command"],
        &["account", "add", "telegram", "--name", "a b"],
        &["account", "add", "telegram", "--name", "all"],
    ] {
        text.push_str(&format!("===== xpost {}\n{}", arguments.join(" "), machine.run(arguments).all()));
    }
    let lines =
        machine.run_with(&["account", "add", "telegram", "--secret", "file", "--stdin"], b"chat=@x\ntokne=abc\n");
    assert!(!lines.err.contains("abc"), "{}", lines.err);
    text.push_str(&format!("===== two lines\n{}", lines.all()));
    insta::with_settings!({ filters => filters() }, { insta::assert_snapshot!(text) });
}

#[test]
fn new_credentials_replace_the_old_ones_only_if_they_work() {
    let machine = Machine::with_accounts(&["mastodon"]);
    let login = ["account", "login", "mastodon", "--stdin"];
    machine.run_with(&login, b"wrong-token-2").ends(7);
    machine.run(&["account", "check"]).good();
    use secrecy::ExposeSecret;
    let twin = xpost::mock::account(machine.twins(), platform::by_name("mastodon").unwrap(), 0, &machine.path("site"));
    let token = twin.secrets["token"].expose_secret();
    machine.run_with(&["account", "login", "mastodon", "--stdin", "--secret", "env"], b"").ends(7);
    machine.run_with(&login, token.as_bytes()).good();
    machine.run(&["account", "check", "mastodon"]).good();
}

#[cfg(unix)]
#[test]
fn a_command_gives_the_secret() {
    use secrecy::ExposeSecret;
    let machine = Machine::with_twins();
    let twin = xpost::mock::account(machine.twins(), platform::by_name("mastodon").unwrap(), 0, &machine.path("site"));
    let script = machine.write("secret.sh", &format!("printf '%s\\n' '{}'\n", twin.secrets["token"].expose_secret()));
    let command = format!("sh '{}'", script.display());
    machine
        .run(&[
            "account",
            "add",
            "mastodon",
            "--server",
            &twin.server,
            "--secret",
            "command",
            "--secret-command",
            &command,
        ])
        .good();
    machine.run(&["publish", "--text", "by command"]).good();
    assert_eq!(machine.twins().timeline("mastodon").len(), 1);
    std::fs::write(&script, "exit 3\n").unwrap();
    let run = machine.run(&["publish", "--text", "by no command"]);
    run.ends(7);
    assert!(run.out.contains("the command `sh` gave no secret: it ended with exit status: 3"), "{run:?}");
}

#[test]
fn settings_that_are_wrong_are_named_with_their_line() {
    let machine = Machine::new();
    std::fs::create_dir_all(machine.home()).unwrap();
    for (text, says) in [
        ("zone = 'UTC'\nwaait = 3\n", "config.toml:2: unknown key `waait`; did you mean `wait`?"),
        ("[limits.mastodn]\nmax_text = 3\n", "there is no platform `mastodn`; did you mean `mastodon`?"),
        ("zone = 'Europe/Viena'\n", "`Europe/Viena` is not a time zone; did you mean `Europe/Vienna`?"),
    ] {
        std::fs::write(machine.home().join("config.toml"), text).unwrap();
        let run = machine.run(&["check", "--text", "x", "--to", "mastodon"]);
        run.ends(2);
        assert!(run.err.contains(says), "{}", run.err);
    }
}
