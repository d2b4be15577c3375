//! Logins that come from outside at every run, and the command that is handed what became of them.

use secrecy::SecretString;
use serde_json::json;
use xpost::store::SecretSource;

use super::machine::{Machine, Network, login, packed};
use super::tide::{SERVER, access, refresh};

pub const ALL: &[(&str, fn())] = &[
    ("a_whole_login_comes_from_the_environment", a_whole_login_comes_from_the_environment),
    ("single_variables_win_over_the_whole_login", single_variables_win_over_the_whole_login),
    ("who_is_given_a_login_that_rotates_is_warned_once", who_is_given_a_login_that_rotates_is_warned_once),
    ("a_rotated_login_goes_to_the_command", a_rotated_login_goes_to_the_command),
    ("a_command_that_fails_is_told", a_command_that_fails_is_told),
    ("a_login_that_is_kept_here_goes_to_the_command_too", a_login_that_is_kept_here_goes_to_the_command_too),
    ("a_project_file_names_no_command", a_project_file_names_no_command),
];

/// An account whose login is in `XPOST_TIDE_LOGIN`.
fn given(network: &Network, seconds: i64) -> Machine {
    let mut machine = Machine::new(network);
    let grant = login(1, seconds);
    machine.account("tide", SERVER, SecretSource::Environment, &grant, json!({}));
    machine.set("XPOST_TIDE_LOGIN", &packed(&grant.to_keep()));
    machine
}

/// A shell command that writes what it is handed, and whose it is, into a file.
fn takes(machine: &Machine) -> String {
    let (out, whose) = (machine.path("handed"), machine.path("whose"));
    format!(
        "sh -c 'cat > \"{}\"; echo \"$XPOST_ACCOUNT $XPOST_VARIABLE\" > \"{}\"; cat \"{}\"'",
        out.display(),
        whose.display(),
        out.display()
    )
}

fn a_whole_login_comes_from_the_environment() {
    let network = Network::new();
    let mut machine = given(&network, 3600);
    machine.run(&["publish", "--text", "one", "--to", "tide"]).ends(0);
    assert_eq!(network.stand.counts(), (0, 1));
    assert!(!machine.home().secrets().exists(), "nothing is kept on this machine");
    let shown = machine.json(&["account", "show", "tide"]);
    let all = shown["variables"].as_array().unwrap();
    assert!(
        all.contains(&json!({ "name": "XPOST_TIDE_LOGIN", "field": "login", "required": false, "set": true })),
        "{shown}"
    );
    machine.run(&["account", "show", "tide"]).ends(0).says(&["XPOST_TIDE_LOGIN is set and wins"]);
    for (value, says) in [
        ("canary-7f3a9c", "`XPOST_TIDE_LOGIN` cannot be used: it is not the JSON that xpost writes"),
        ("{\"v\":9,\"fields\":{\"token\":\"canary-7f3a9c\"}}", "update xpost"),
        (
            "{\"v\":1,\"fields\":{\"refresh_token\":\"canary-7f3a9c\"}}",
            "no `token` in the login that the environment gives",
        ),
    ] {
        machine.set("XPOST_TIDE_LOGIN", value);
        machine.run(&["publish", "--text", "two", "--to", "tide", "--again"]).ends(7).says(&[says]);
    }
}

fn single_variables_win_over_the_whole_login() {
    let network = Network::new();
    let mut machine = Machine::new(&network);
    // the whole login is long over; the token of the variable is not
    let old = login(7, -3600);
    machine.account("tide", SERVER, SecretSource::Environment, &old, json!({}));
    machine.set("XPOST_TIDE_LOGIN", &packed(&old.to_keep()));
    machine.set("XPOST_TIDE_TOKEN", &access(1));
    machine.run(&["account", "check", "tide"]).ends(0);
    assert_eq!(network.stand.state().asked, 0, "what is known of another token is not believed");
}

fn who_is_given_a_login_that_rotates_is_warned_once() {
    let network = Network::new();
    let machine = given(&network, -60);
    let run = machine.run(&["publish", "--text", "one\n\n---\n\ntwo", "--to", "tide"]);
    run.ends(0).says(&["the next run will not have it", "`XPOST_ROTATE_COMMAND`", "`XPOST_TIDE_LOGIN`"]);
    assert_eq!(run.err.matches("warning: ").count(), 1, "{run:?}");
    // what this run was given it used to its end, though it could keep it nowhere
    assert_eq!(network.stand.state().asked, 1);
    assert!(!machine.home().secrets().exists());
    // and it was right: the next run has the spent one
    machine.run(&["publish", "--text", "three", "--to", "tide"]).ends(7).says(&["the refresh token is invalid"]);
}

fn a_rotated_login_goes_to_the_command() {
    if cfg!(windows) {
        return println!("skipped: the command is a shell's");
    }
    let network = Network::new();
    let mut machine = given(&network, -60);
    let command = takes(&machine);
    machine.set("XPOST_ROTATE_COMMAND", &command);
    // what the command prints is shown, but not the login
    let run = machine.run(&["publish", "--text", "one", "--to", "tide"]);
    run.ends(0).silent_about("warning");
    let handed = std::fs::read_to_string(machine.path("handed")).unwrap();
    assert!(handed.contains(&access(2)) && handed.contains(&refresh(2)), "the whole login");
    assert_eq!(std::fs::read_to_string(machine.path("whose")).unwrap(), "tide XPOST_TIDE_LOGIN\n");
    // it is what the next run takes
    machine.set("XPOST_TIDE_LOGIN", handed.trim());
    machine.run(&["publish", "--text", "two", "--to", "tide"]).ends(0);
    let state = network.stand.state();
    assert_eq!((state.asked, state.posts.len()), (1, 2));
}

fn a_command_that_fails_is_told() {
    if cfg!(windows) {
        return println!("skipped: the command is a shell's");
    }
    let network = Network::new();
    let mut machine = given(&network, -60);
    machine.set("XPOST_ROTATE_COMMAND", "sh -c 'cat >/dev/null; echo no such repository >&2; exit 9'");
    let run = machine.run(&["publish", "--text", "one", "--to", "tide"]);
    run.ends(7).says(&[
        "`rotate_command` failed: `sh`: it ended with exit status: 9",
        "the old one is spent; log in again: `xpost account login tide`",
        "no such repository",
    ]);
    assert!(network.stand.state().posts.is_empty());
    // one that is not there is found out before anything is spent
    let network = Network::new();
    let mut machine = given(&network, -60);
    machine.set("XPOST_ROTATE_COMMAND", "xpost-no-such-program --flag");
    let run = machine.run(&["publish", "--text", "one", "--to", "tide"]);
    run.ends(5).says(&["there is no program `xpost-no-such-program`", "the old one is as good as it was"]);
    assert_eq!(network.stand.state().asked, 0);
    machine.set("XPOST_ROTATE_COMMAND", "sh 'open");
    machine
        .run(&["publish", "--text", "one", "--to", "tide"])
        .ends(2)
        .says(&["`XPOST_ROTATE_COMMAND`: a quote is not"]);
}

fn a_login_that_is_kept_here_goes_to_the_command_too() {
    if cfg!(windows) {
        return println!("skipped: the command is a shell's");
    }
    let network = Network::new();
    let machine = Machine::new(&network);
    let account = machine.with_login(&login(1, -60));
    let command: Vec<String> = vec!["sh".into(), "-c".into(), format!("cat > '{}'", machine.path("handed").display())];
    let config = |command: &[String]| {
        let text = format!("[accounts.TIDE]\nrotate_command = {}\n", serde_json::to_string(command).unwrap());
        std::fs::write(machine.home().config_file(), text).unwrap();
    };
    config(&command);
    machine.run(&["account", "check", "tide"]).ends(0);
    assert!(std::fs::read_to_string(machine.path("handed")).unwrap().contains(&refresh(2)));
    assert!(machine.kept(&account).contains(&refresh(2)));
    // a copy that could not be made is told, and the login here is none the worse
    let mut spent = login(2, -60);
    spent.secrets.insert("refresh_token".into(), SecretString::from(refresh(2)));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(machine.chain().replace(&account, &spent.to_keep())).unwrap();
    config(&["sh".into(), "-c".into(), "exit 5".into()]);
    machine.run(&["publish", "--text", "one", "--to", "tide"]).ends(0).says(&[
        "warning: account `tide`: its login was renewed and is kept here, but the copy elsewhere is spent",
        "exit status: 5",
    ]);
    assert!(machine.kept(&account).contains(&refresh(3)));
}

fn a_project_file_names_no_command() {
    let network = Network::new();
    let machine = given(&network, 3600);
    for line in ["rotate_command = ['sh']", "secret = ['sh']"] {
        let text = format!("[accounts.news]\nplatform = 'mastodon'\nserver = 'https://mastodon.example'\n{line}\n");
        std::fs::write(machine.path("xpost.toml"), text).unwrap();
        let run = machine.run(&["account", "list"]);
        run.ends(2).says(&["xpost.toml:4"]);
    }
    assert_eq!(network.stand.state().asked, 0);
}
