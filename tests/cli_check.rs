//! `check` and `preview`: offline, pure, and the same every time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/cli.rs"]
mod cli;

use cli::{Machine, filters, takers};

const DRAFT: &str = "+++\ntitle = 'Ferris 2.0'\nlang = 'en'\ntags = ['rust']\n+++\n**Ferris {{ version }}** is out, see \
https://example.org/ferris and [the notes](https://example.org/notes).\n\n![](crab.png)\n";

fn machine() -> Machine {
    let machine = Machine::new();
    machine.write("draft.md", DRAFT);
    std::fs::copy(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/crab.png"), machine.path("crab.png"))
        .unwrap();
    machine
}

#[test]
fn a_draft_is_checked_for_all_networks_with_nothing_at_hand() {
    let machine = machine();
    let to = takers(true);
    let run = machine.run(&["check", "draft.md", "--to", &to, "--var", "version=2.0"]);
    run.good();
    assert!(!machine.home().exists(), "nothing was written");
    let again = machine.run(&["publish", "draft.md", "--to", &to, "--var", "version=2.0", "--dry-run"]);
    assert_eq!(run.all(), again.all());
    insta::with_settings!({ filters => filters() }, { insta::assert_snapshot!(run.all()) });
}

#[test]
fn what_is_wrong_is_refused_with_3() {
    let machine = machine();
    machine.write("binary.md", "a\u{0}b\n");
    machine.write("yaml.md", "---\nlang: [\n---\nx\n");
    machine.write("alt.md", "+++\nrequire_alt = true\n+++\n![](crab.png)\n");
    machine.write("gone.md", "![gone](gone.png)\n");
    machine.write("stray.md", "+++\n[on.mastodn]\nlang = 'de'\n+++\nx\n");
    std::fs::create_dir(machine.path("folder")).unwrap();
    std::fs::write(machine.path("huge.md"), vec![b'x'; 10 * 1024 * 1024 + 5]).unwrap();
    std::fs::write(machine.path("latin.md"), b"caf\xe9\n").unwrap();
    let mut text = String::new();
    for name in ["none.md", "folder", "binary.md", "latin.md", "huge.md", "yaml.md", "alt.md", "gone.md", "draft.md"] {
        let run = machine.run(&["check", name, "--to", "mastodon"]);
        run.ends(3);
        text.push_str(&format!("===== {name}\n{}", run.all()));
    }
    let stray = machine.run(&["check", "stray.md", "--to", "mastodon"]);
    text.push_str(&format!("===== stray.md\n{}", stray.all()));
    let long = machine.run(&["check", "--text", &"🦀".repeat(400), "--to", "bluesky,mastodon"]);
    text.push_str(&format!("===== long\n{}", long.all()));
    insta::with_settings!({ filters => filters() }, { insta::assert_snapshot!(text) });
}

#[test]
fn a_preview_shows_each_target() {
    let machine = machine();
    let run = machine.run(&["preview", "draft.md", "--to", &takers(true), "--var", "version=2.0", "--offline"]);
    run.good();
    for line in run.out.lines().filter(|line| line.starts_with('│')) {
        assert_eq!(unicode_width::UnicodeWidthStr::width(line), 84, "{line}");
    }
    insta::with_settings!({ filters => filters() }, { insta::assert_snapshot!(run.all()) });
}

#[test]
fn a_page_needs_nothing_but_itself() {
    let machine = machine();
    machine.write("evil.md", "+++\ntitle = '<script>alert(1)</script>'\n+++\n<b>\"&'</b> ![\"><script>](crab.png)\n");
    machine
        .run(&[
            "preview",
            "draft.md",
            "evil.md",
            "--to",
            &takers(true),
            "--var",
            "version=2.0",
            "--offline",
            "--html",
            "p.html",
        ])
        .good();
    let page = std::fs::read_to_string(machine.path("p.html")).unwrap();
    let to = takers(true);
    let told = machine.json(&["preview", "draft.md", "evil.md", "--to", &to, "--var", "version=2.0", "--offline"]);
    for name in to.split(',') {
        let title = xpost::platform::by_name(name).unwrap().spec().title;
        let targets = told["drafts"].as_array().unwrap().iter().flat_map(|draft| draft["targets"].as_array().unwrap());
        let parts =
            targets.filter(|target| target["platform"] == name).map(|target| target["parts"].as_array().unwrap().len());
        let parts: usize = parts.sum();
        assert!(parts >= 2, "{told:#}");
        assert_eq!(page.matches(&format!("<header><b>{title}</b>")).count(), parts, "{title}");
    }
    assert!(!page.contains("<script"), "everything is escaped");
    assert!(page.contains("data:image/png;base64,"));
    for outside in ["src=\"http", "src='", "<link", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
}

#[test]
fn the_same_draft_has_the_same_plan() {
    let machine = machine();
    let arguments = ["preview", "draft.md", "--to", "all", "--var", "version=2.0", "--offline"];
    let (one, two) = (machine.json(&arguments), machine.json(&arguments));
    assert_eq!(one, two);
    assert_eq!(one["plan"].as_str().unwrap().len(), 64);
    let other = machine.json(&["preview", "draft.md", "--to", "all", "--var", "version=2.1", "--offline"]);
    assert_ne!(one["plan"], other["plan"]);
}

#[test]
fn a_broken_database_does_not_stop_a_check() {
    let machine = machine();
    std::fs::create_dir_all(machine.home()).unwrap();
    std::fs::write(machine.home().join("xpost.db"), "this is no database, not even a small one".repeat(40)).unwrap();
    let run = machine.run(&["check", "--text", "x", "--to", "mastodon"]);
    run.good();
    assert!(run.err.contains("is damaged") && run.err.contains("going on without accounts"), "{}", run.err);
    machine.run(&["publish", "--text", "x", "--to", "mastodon"]).ends(1);
    machine.run(&["doctor"]).ends(1);
}
