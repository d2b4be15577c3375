//! Drafts that cannot be posted, and commands that cannot be meant: refused before anything is sent.

use super::*;

#[test]
fn a_wrong_draft_is_named_with_its_line_and_nothing_is_sent() {
    let machine = Machine::with_accounts(&["mastodon"]);
    machine.write("key.md", "+++\ntitle = 'a'\nvisibilty = 'public'\n+++\nhi\n");
    machine.write("type.md", "+++\ntitle = 3\n+++\nhi\n");
    machine.write("yaml.md", "---\ntags: [\n---\nhi\n");
    machine.write("open.md", "+++\ntitle = 'x'\nhi\n");
    machine.write("var.md", "fine\n\nhi {{ nope }}\n");
    machine.write("on.md", "+++\n[on.mastodno]\ntext = 'a'\n+++\nhi\n");
    machine.write("zone.md", "+++\nat = 'tomorrow-ish'\n+++\nhi\n");
    machine.write("empty.md", "\n");
    machine.write("picture.md", "one\ntwo ![a crab](crab.png)\n");
    machine.write("folder.png/x", "");
    machine.write("folder.md", "![a crab](folder.png)\n");
    std::fs::write(machine.path("binary.md"), b"\x7fELF\x00\x01\xff\xfe").unwrap();
    std::fs::write(machine.path("latin.md"), b"caf\xe9\n").unwrap();
    std::fs::create_dir(machine.path("dir.md")).unwrap();
    for (file, words) in [
        ("key.md", &["key.md:3", "`visibilty`", "did you mean `visibility`?"][..]),
        ("type.md", &["type.md:2", "`title`"]),
        ("yaml.md", &["yaml.md:2", "YAML"]),
        ("open.md", &["open.md:1", "never closed"]),
        ("var.md", &["var.md:3", "`nope`", "--var nope="]),
        ("on.md", &["on.md", "mastodno", "did you mean `mastodon`?"]),
        ("zone.md", &["zone.md", "tomorrow-ish"]),
        ("empty.md", &["empty.md", "empty"]),
        ("picture.md", &["picture.md", "`crab.png` (line 2)", "there is no such file"]),
        ("folder.md", &["folder.md", "`folder.png`", "directory"]),
        ("binary.md", &["binary.md", "zero byte at offset 4"]),
        ("latin.md", &["latin.md:1", "not UTF-8", "offset 3"]),
        ("dir.md", &["dir.md", "directory"]),
        ("none.md", &["none.md", "no such file"]),
    ] {
        let run = machine.run(&["publish", file]);
        run.ends(3).says(words).says(&["nothing was sent"]);
        let json = machine.run(&["publish", file, "--json"]);
        let document: Value = serde_json::from_str(&json.ends(3).out).unwrap();
        assert_eq!(document["exit"], 3, "{file}: {document:#}");
    }
    assert!(machine.twins().timeline("mastodon").is_empty());
    assert!(posts(&machine).is_empty());
}

#[test]
fn standard_input_may_hold_anything() {
    let machine = Machine::with_accounts(&["mastodon", "bluesky"]);
    machine.run_with(&["publish", "-", "--to", "all"], b"caf\xe9").ends(3).says(&[
        "stdin:1",
        "not UTF-8",
        "nothing was sent",
    ]);
    machine.run_with(&["publish", "-", "--to", "all"], b"a\0b").ends(3).says(&[
        "stdin:1",
        "zero byte",
        "nothing was sent",
    ]);
    machine.run_with(&["publish", "-", "--to", "all"], b"").ends(3).says(&["stdin", "empty", "nothing was sent"]);
    machine.run_with(&["publish", "-", "-", "--to", "all"], b"x").ends(2).says(&["name `-` once"]);
    assert!(posts(&machine).is_empty());
    // control and bidi characters go out of the text or stay harmless, and never reach the terminal
    let odd = "red \x1b[31mink\x07 and \u{202e}backwards\u{2066} \u{feff}mark".as_bytes();
    let check = machine.run_with(&["check", "-", "--to", "all"], odd);
    assert!([0, 3].contains(&check.code), "{check:?}");
    let run = machine.run_with(&["publish", "-", "--to", "all"], odd);
    assert!([0, 3].contains(&run.code), "{run:?}");
    let shown = machine.run(&["history"]);
    let post = machine.run(&["history", "show", "1"]);
    for text in [&check.out, &check.err, &run.out, &run.err, &shown.out, &post.out, &post.err] {
        assert!(!text.contains(['\x1b', '\x07', '\u{202e}', '\u{2066}']), "{text:?}");
    }
}

#[test]
fn ten_megabytes_are_refused_fast() {
    let machine = Machine::with_accounts(&["mastodon", "bluesky", "telegram"]);
    let words = "many words make a long text, and it goes on and on\n\n".repeat(10 * 1024 * 1024 / 52 + 1);
    machine.write("long.md", &words);
    let began = Instant::now();
    machine.run(&["publish", "long.md", "--to", "all"]).ends(3).says(&["long.md", "nothing was sent"]);
    // far more than it needs, and far less than a run that does something quadratic
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(posts(&machine).is_empty());
}

#[test]
fn who_it_goes_to_is_known_or_nothing_is_sent() {
    let nobody = Machine::new();
    nobody.run(&["publish", "--text", "x"]).ends(2).says(&[
        "there is no account yet",
        "nothing was sent",
        "next: xpost account add",
    ]);
    nobody
        .run(&["publish", "--text", "x", "--to", "mastodon"])
        .ends(2)
        .says(&["xpost account add mastodon", "nothing was sent"]);
    nobody.run(&["publish", "--text", "x", "--to", "all"]).ends(2).says(&["nothing was sent"]);
    let machine = Machine::with_accounts(&["mastodon", "telegram"]);
    let run = machine.run(&["publish", "--text", "x", "--to", "telegarm"]);
    run.ends(2).says(&["`telegarm`", "did you mean `telegram`?", "nothing was sent", "next: xpost account list"]);
    assert!(!run.err.contains("?;"), "{}", run.err);
    machine.write("to.md", "+++\nto = ['mastodon', 'telegarm']\n+++\nx\n");
    machine.run(&["publish", "to.md"]).ends(2).says(&[
        "to.md",
        "`telegarm`",
        "did you mean `telegram`?",
        "nothing was sent",
    ]);
    machine.run(&["publish", "--text", "x"]).ends(2).says(&[
        "where to?",
        "mastodon, telegram",
        "xpost account default",
    ]);
    machine.run(&["publish", "--text", "x", "--to", "@wrok"]).ends(2).says(&["wrok", "nothing was sent"]);
    machine.run(&["history", "show", "7"]).ends(2).says(&["there is no post 7", "next: xpost history"]);
    machine.run(&["retry", "7"]).ends(2).says(&["there is no post 7"]);
    machine.run(&["account", "check", "nobody"]).ends(2).says(&["`nobody`"]);
    assert!(posts(&machine).is_empty());
}

#[test]
fn one_wrong_draft_of_two_stops_both() {
    let machine = Machine::with_accounts(&["mastodon"]);
    machine.write("good.md", "good\n");
    machine.write("bad.md", "+++\ntitel = 'x'\n+++\nbad\n");
    machine.write("worse.md", "+++\ntags = 1\n+++\nbad\n");
    machine.run(&["publish", "good.md", "bad.md"]).ends(3).says(&[
        "bad.md:2",
        "did you mean `title`?",
        "nothing was sent",
    ]);
    machine.run(&["publish", "good.md", "bad.md", "worse.md"]).ends(3).says(&[
        "2 of 3",
        "bad.md:2",
        "worse.md:2",
        "nothing was sent",
    ]);
    assert!(posts(&machine).is_empty());
}

#[test]
fn one_bad_target_stops_itself_alone_or_all() {
    let machine = Machine::with_accounts(&["mastodon", "telegram"]);
    machine.write("long.md", &format!("+++\n[on.mastodon]\noverflow = 'refuse'\n+++\n{}\n", "word ".repeat(300)));
    let all = machine.run(&["publish", "long.md", "--to", "all", "--all-or-none"]);
    all.ends(3).says(&["long.md", "mastodon", "nothing was sent"]);
    assert!(posts(&machine).is_empty());
    let some = machine.run(&["publish", "long.md", "--to", "all"]);
    some.ends(4).says(&["long.md", "mastodon"]).prints(&["refused", "sent"]);
    assert_eq!((machine.twins().timeline("mastodon").len(), machine.twins().timeline("telegram").len()), (0, 1));
}

#[test]
fn a_terminal_of_any_kind() {
    let mut machine = Machine::with_accounts(&["mastodon"]);
    machine
        .run(&[
            "publish",
            "--text",
            "a rather long text, so that a narrow terminal has something to cut: 日本語 👩‍🚀 end",
        ])
        .good();
    for columns in ["0", "1", "7", "20", "x", "99999999999999999999"] {
        machine.set("COLUMNS", columns);
        for arguments in [
            &["history"][..],
            &["platforms"],
            &["doctor"],
            &["check", "--text", "x", "--to", "all"],
            &["--help"],
            &["preview", "--text", "日本語 👩‍🚀", "--to", "all"],
        ] {
            let run = machine.run(arguments);
            assert!([0, 1].contains(&run.code), "{columns} {run:?}");
            assert!(!run.out.is_empty(), "{columns} {run:?}");
        }
    }
    machine.set("NO_COLOR", "1");
    assert!(!machine.run(&["history", "show", "1", "--color", "auto"]).out.contains('\x1b'));
    assert!(
        machine.run(&["history", "show", "1", "--color", "always"]).out.contains('\x1b'),
        "what is asked for by name wins"
    );
}
