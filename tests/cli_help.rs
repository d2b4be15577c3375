//! The help of every verb, the version, and what wrong use is told.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/cli.rs"]
mod cli;

use cli::Machine;

fn tree(command: &clap::Command, path: &str, all: &mut Vec<String>) {
    all.push(path.to_string());
    for verb in command.get_subcommands() {
        tree(verb, &format!("{path} {}", verb.get_name()), all);
    }
}

#[test]
fn help_of_every_verb() {
    let machine = Machine::new();
    let mut paths = Vec::new();
    tree(&xpost::cli::command(), "xpost", &mut paths);
    assert!(paths.len() > 24, "{paths:?}");
    let mut text = String::new();
    for path in paths {
        let mut arguments: Vec<&str> = path.split(' ').skip(1).collect();
        arguments.push("--help");
        let run = machine.run(&arguments);
        run.good();
        assert_eq!(run.err, "", "{path}");
        text.push_str(&format!("===== {path}\n{}\n", run.out));
    }
    insta::assert_snapshot!(text);
    assert!(!machine.home().exists(), "help touches nothing");
}

#[test]
fn the_version_says_which_xpost_it_is() {
    let machine = Machine::new();
    let long = machine.run(&["--version"]);
    assert!(long.good().out.starts_with(&format!("xpost {}\n", env!("CARGO_PKG_VERSION"))), "{}", long.out);
    assert!(long.out.contains("not the Go tool of the same name"), "{}", long.out);
    assert!(long.out.contains("posts to X, Mastodon and Bluesky"), "{}", long.out);
    assert!(!machine.home().exists());
}

#[test]
fn wrong_use_is_told_and_ends_with_2() {
    let machine = Machine::new();
    let cases: &[&[&str]] = &[
        &[],
        &["publsh"],
        &["publish"],
        &["publish", "a.md", "--text", "b"],
        &["publish", "--text", "x", "--once", "k", "--again"],
        &["publish", "--text", "x", "--var", "broken"],
        &["publish", "--text", "x", "--at", "soon"],
        &["account"],
        &["account", "add", "mastadon"],
        &["account", "show", "work"],
        &["account", "rename", "a", "all"],
        &["platforms", "blusky"],
        &["history", "show", "7"],
        &["history", "--since", "soon"],
        &["resolve", "--posted"],
        &["completions", "ksh"],
    ];
    let mut text = String::new();
    for arguments in cases {
        let run = machine.run(arguments);
        run.ends(2);
        text.push_str(&format!("===== xpost {}\n{}", arguments.join(" "), run.all()));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_network_in_full_is_said_in_words() {
    let machine = Machine::new();
    let run = machine.run(&["platforms", "mastodon"]);
    assert!(
        run.good().out.contains("500 characters (a link counts 23, `@ann@example.org` as `@ann`)\n"),
        "{}",
        run.out
    );
    for platform in xpost::platform::ALL {
        let spec = platform.spec();
        let run = machine.run(&["platforms", spec.name]);
        for field in spec.fields.iter().chain(spec.options) {
            if let xpost::platform::FieldKind::Choice(words) = field.kind {
                assert!(run.out.contains(&format!("{} ({}", field.name, words.join(", "))), "{}", run.out);
            }
        }
    }
}
