//! The committed completion scripts are those of this program; every verb has a manual page.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/cli.rs"]
mod cli;

use cli::Machine;

const SHELLS: &[(&str, &str)] = &[
    ("bash", "completions/xpost.bash"),
    ("zsh", "completions/_xpost"),
    ("fish", "completions/xpost.fish"),
    ("powershell", "completions/_xpost.ps1"),
    ("elvish", "completions/xpost.elv"),
];

#[test]
fn committed_completions_are_current() {
    let machine = Machine::new();
    let mut stale = Vec::new();
    for (shell, path) in SHELLS {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let now = machine.run(&["completions", shell]);
        now.good();
        let committed = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
        if committed != now.out {
            if std::env::var_os("XPOST_BLESS").is_some() {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &now.out).unwrap();
            } else {
                stale.push(path);
            }
        }
    }
    assert!(stale.is_empty(), "run `XPOST_BLESS=1 cargo test --test cli_completions`: {stale:?}");
}

#[test]
fn every_verb_has_a_manual_page() {
    let machine = Machine::new();
    machine.run(&["man", "--dir", "man"]).good();
    for verb in xpost::cli::command().get_subcommands() {
        let page = std::fs::read_to_string(machine.path(&format!("man/xpost-{}.1", verb.get_name()))).unwrap();
        assert!(page.contains(".TH"), "{}", verb.get_name());
    }
    assert!(machine.run(&["man"]).good().out.contains(".TH xpost 1"));
}
