//! What happens between one run and the next: edited drafts, other clocks, other machines, accounts that come and go.

use super::*;
use secrecy::ExposeSecret;
use xpost::mock;
use xpost::platform;
use xpost::twin::{Inject, What, When};

#[test]
fn a_lost_answer_is_settled_by_a_person_both_ways() {
    let machine = Machine::with_accounts(&["telegram"]);
    machine.write("a.md", "losthere\n\n---\n\nlosttwo\n");
    for (post, when, word) in [("1", When::After, "--posted"), ("2", When::Before, "--not-posted")] {
        machine.twins().inject(Inject::new(What::Drop).platform("telegram").path("sendMessage").when(when));
        let again: &[&str] = if post == "2" { &["--again"] } else { &[] };
        let run = machine.run(&[&["publish", "a.md"][..], again].concat());
        run.ends(6).prints(&["unknown"]).says(&["next: xpost resolve"]);
        assert_eq!(states(&machine, post.parse().unwrap(), "telegram"), ["unknown", "queued"]);
        let asked = machine.run(&["resolve"]);
        asked.ends(6).says(&["still unknown", "cannot be asked what was posted"]);
        // nothing but a person's word moves it
        machine.run(&["run"]).says(&[]);
        machine.run(&["retry"]).says(&[]);
        assert_eq!(states(&machine, post.parse().unwrap(), "telegram"), ["unknown", "queued"]);
        machine.run(&["resolve", post, word]).good();
        assert_eq!(states(&machine, post.parse().unwrap(), "telegram"), ["sent", "sent"]);
    }
    assert_eq!((count(&machine, "telegram", "losthere"), count(&machine, "telegram", "losttwo")), (2, 2));
    machine.run(&["resolve"]).good().says(&["no outcome is unknown"]);
    machine.run(&["resolve", "1", "--posted", "no address"]).ends(2);
}

#[test]
fn a_thread_that_broke_goes_on_where_it_broke() {
    let machine = Machine::with_accounts(&["mastodon", "bluesky"]);
    machine.write("thread.md", "tone\n\n---\n\nttwo\n\n---\n\ntthree\n");
    for (platform, path) in [("mastodon", "/api/v1/statuses"), ("bluesky", "putRecord")] {
        machine.twins().inject(
            Inject::new(What::Redirect { to: "https://elsewhere.example/".into() })
                .platform(platform)
                .path(path)
                .method("POST")
                .skip(1),
        );
    }
    let run = machine.run(&["publish", "thread.md", "--to", "all"]);
    run.ends(4).prints(&["1 of 3 parts", "elsewhere.example"]).says(&["next: xpost retry 1"]);
    machine.run(&["retry"]).good().prints(&["3 of 3 parts"]);
    for platform in ["mastodon", "bluesky"] {
        let timeline = machine.twins().timeline(platform);
        let texts: Vec<&str> = timeline.iter().map(|post| post.text.as_str()).collect();
        assert_eq!(texts, ["tone", "ttwo", "tthree"], "{platform}");
        assert_eq!(timeline[1].reply_to.as_ref(), Some(&timeline[0].id), "{platform}");
        assert_eq!(timeline[2].reply_to.as_ref(), Some(&timeline[1].id), "{platform}");
    }
}

#[test]
fn a_draft_that_was_edited_is_another_post_and_that_is_told() {
    let machine = Machine::with_accounts(&["mastodon"]);
    machine.write("a.md", "eone\n\n---\n\netwo\n");
    machine.twins().inject(
        Inject::new(What::Redirect { to: "https://elsewhere.example/".into() })
            .path("/api/v1/statuses")
            .method("POST")
            .skip(1),
    );
    machine.run(&["publish", "a.md"]).ends(4);
    machine.write("a.md", "eone\n\n---\n\netwo, corrected\n");
    let run = machine.run(&["publish", "a.md"]);
    run.good().says(&["a.md", "post 1", "not complete on mastodon (1 of 2 parts)", "`xpost retry 1` completes"]);
    assert_eq!(posts(&machine).len(), 2);
    // one that went out whole is no reason for words
    machine.write("b.md", "first words\n");
    machine.run(&["publish", "b.md"]).good();
    machine.write("b.md", "other words\n");
    assert!(!machine.run(&["publish", "b.md"]).good().err.contains("not complete"));
}

#[test]
fn what_was_deleted_can_be_posted_again() {
    let machine = Machine::with_accounts(&["mastodon", "bluesky", "telegram"]);
    machine.write("a.md", "dagain\n");
    machine.run(&["publish", "a.md", "--to", "all"]).good();
    machine.run(&["delete", "1"]).ends(2).says(&["nothing was deleted", "--yes"]);
    machine.run(&["delete", "1", "--yes"]).good();
    for platform in ["mastodon", "bluesky", "telegram"] {
        assert_eq!(count(&machine, platform, "dagain"), 0, "{platform}");
    }
    machine.run(&["delete", "1", "--yes"]).good().says(&["nothing of it to delete"]);
    machine.run(&["publish", "a.md", "--to", "all"]).good();
    machine.run(&["publish", "a.md", "--to", "all"]).good().says(&["already posted to mastodon"]);
    for platform in ["mastodon", "bluesky", "telegram"] {
        assert_eq!(count(&machine, platform, "dagain"), 1, "{platform}");
    }
}

#[test]
fn an_account_that_is_removed_takes_nothing_along() {
    let machine = Machine::with_accounts(&["mastodon", "telegram"]);
    machine.run(&["publish", "--text", "rsent", "--to", "all"]).good();
    machine.twins().inject(Inject::new(What::Drop).platform("telegram").path("sendMessage").when(When::Before));
    machine.run(&["publish", "--text", "rlost", "--to", "telegram"]).ends(6);
    machine.run(&["publish", "--text", "rlater", "--to", "all", "--at", "2099-01-01 00:00"]).good();
    let removed = machine.run(&["account", "remove", "telegram"]);
    removed.good();
    // what waited is not sent, and that is told
    assert!(removed.err.contains("cancelled") || removed.out.contains("cancelled"), "{removed:?}");
    assert_eq!(states(&machine, 3, "telegram"), ["cancelled"]);
    assert_eq!(states(&machine, 3, "mastodon"), ["queued"]);
    assert_eq!(states(&machine, 1, "telegram"), ["sent"]);
    machine.run(&["resolve"]).ends(6).says(&["its account was removed"]);
    machine.run(&["delete", "1", "--to", "telegram", "--yes"]).ends(5).prints(&["its account was removed"]);
    // "not posted" cannot be made good without the account: it is over, not queued for ever
    machine.run(&["resolve", "2", "--not-posted"]).says(&["its account was removed", "not sent"]);
    assert_eq!(states(&machine, 2, "telegram"), ["cancelled"]);
    machine.run(&["run", "--wait", "0"]).good();
    machine.run(&["resolve"]).good();
    assert_eq!(count(&machine, "telegram", "rlost"), 0);
}

#[test]
fn a_renamed_account_has_its_history_and_posts_nothing_twice() {
    let machine = Machine::with_accounts(&["mastodon"]);
    machine.write("a.md", "renamed\n");
    machine.run(&["publish", "a.md"]).good();
    machine.run(&["publish", "a.md", "--once", "v1"]).good();
    machine.run(&["publish", "--text", "rwaits", "--at", "2099-01-01 00:00"]).good();
    machine.run(&["account", "rename", "mastodon", "fedi"]).good();
    machine.run(&["publish", "a.md", "--to", "fedi"]).good().says(&["already posted to fedi"]);
    machine.run(&["publish", "a.md", "--to", "fedi", "--once", "v1"]).good().says(&["already posted to fedi"]);
    // the once key's first run went on with the post that was there
    assert_eq!(count(&machine, "mastodon", "renamed"), 1);
    assert_eq!(states(&machine, 2, "fedi"), ["queued"]);
    machine.run(&["publish", "--text", "x", "--to", "mastodno"]).ends(2).says(&["nothing was sent"]);
}

/// Another machine, or the next run of a pipeline: it remembers nothing.
#[test]
fn once_holds_on_a_machine_without_memory() {
    let machine = Machine::with_accounts(&[]);
    machine.write("release.md", "oncefirst\n\n---\n\noncesecond\n");
    let takers = crate::cli::takers(false);
    machine.run(&["publish", "release.md", "--to", &takers, "--once", "v1"]).good();
    std::fs::rename(machine.home(), machine.path("old-home")).unwrap();
    let mut able = Vec::new();
    for platform in platform::ALL {
        let spec = platform.spec();
        machine.account(*platform, spec.name).good();
        if !takers.split(',').any(|name| name == spec.name) {
            continue;
        }
        if platform.find().is_some() || spec.repeat == xpost::platform::Repeat::SameId {
            able.push(spec.name);
        }
    }
    machine.run(&["publish", "release.md", "--to", &able.join(","), "--once", "v1"]).good();
    assert!(able.contains(&"mastodon") && able.contains(&"bluesky") && able.contains(&"feed"), "{able:?}");
    for name in able {
        assert_eq!((count(&machine, name, "oncefirst"), count(&machine, name, "oncesecond")), (1, 1), "{name}");
    }
    // a network that cannot be asked is said, not hoped for
    let run = machine.run(&["publish", "release.md", "--to", "telegram", "--once", "v1"]);
    run.says(&["telegram", "--once"]);
}

/// Times in the journal that lie far ahead: the clock was wrong for a while.
#[test]
fn a_clock_that_went_backwards_holds_nothing_up() {
    let machine = Machine::with_accounts(&["mastodon"]);
    let far = chrono::Utc::now().timestamp_millis() + 400 * 24 * 3600 * 1000;
    // the account was told to rest until next year
    machine.run(&["publish", "--text", "cone"]).good();
    database(&machine)
        .execute("INSERT OR REPLACE INTO rates SELECT id, ?1, 'a wrong clock' FROM accounts", [far])
        .unwrap();
    machine.run(&["publish", "--text", "ctwo", "--wait", "1"]).good();
    // a try that waits until next year, and may have been posted next year
    machine
        .twins()
        .inject(Inject::new(What::Status { status: 502 }).path("/api/v1/statuses").method("POST").when(When::After));
    machine.run(&["publish", "--text", "cthree", "--wait", "0"]).ends(6);
    database(&machine).execute("UPDATE parts SET next_at = ?1, first_sent = ?1 WHERE state = 'queued'", [far]).unwrap();
    machine.run(&["run"]).good();
    for mark in ["cone", "ctwo", "cthree"] {
        assert_eq!(count(&machine, "mastodon", mark), 1, "{mark}");
    }
    // what was scheduled for next year waits all the same
    machine.run(&["publish", "--text", "cfour", "--at", "2099-01-01 00:00"]).good();
    machine.run(&["run"]).good();
    assert_eq!(count(&machine, "mastodon", "cfour"), 0);
}

#[test]
fn the_whole_history_can_be_taken_away() {
    let machine = Machine::with_accounts(&["mastodon", "bluesky", "telegram"]);
    let odd = "quotes \" and, commas\r\nlines\n\n=1+1 \u{1f469}\u{200d}\u{1f680} end";
    machine.write("odd.md", &format!("+++\ntitle = 'a \"title\", with = signs'\n+++\n{odd}\n\n---\n\n-second\n"));
    machine.run(&["publish", "odd.md", "--to", "all"]).good();
    machine.twins().inject(Inject::new(What::Drop).platform("telegram").path("sendMessage").when(When::After));
    machine.run(&["publish", "--text", "lost", "--to", "telegram"]).ends(6);
    for n in 0..30 {
        machine.run(&["publish", "--text", &format!("later {n}"), "--to", "all", "--at", "2099-01-01 00:00"]).good();
    }
    let lines = machine.run(&["history", "export"]);
    let parsed: Vec<Value> = lines.good().out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(parsed.len(), 32);
    let parts = |post: &Value| -> usize {
        post["deliveries"].as_array().unwrap().iter().map(|delivery| delivery["parts"].as_array().unwrap().len()).sum()
    };
    let csv = machine.run(&["history", "export", "--format", "csv"]);
    let rows = parse_csv(&csv.good().out);
    assert_eq!(rows.len(), 1 + parsed.iter().map(parts).sum::<usize>());
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "every row has all columns");
    let column = |name: &str| rows[0].iter().position(|head| head == name).unwrap();
    let first: Vec<&Vec<String>> = rows.iter().filter(|row| row[column("post")] == "1").collect();
    assert_eq!(first.len(), 6);
    for row in first {
        assert_eq!(row[column("title")], "a \"title\", with = signs");
        assert_eq!(row[column("state")], "sent");
        let text = &row[column("text")];
        assert!(text.contains("quotes") && text.contains("end") || text == "'-second", "{text:?}");
    }
    assert_eq!(rows.iter().filter(|row| row[column("state")] == "unknown").count(), 1);
}

/// RFC 4180, as far as an export uses it.
fn parse_csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    assert!(!quoted && cell.is_empty() && row.is_empty(), "it ends with a whole line");
    rows
}

#[test]
fn a_token_of_the_environment_beats_the_kept_one() {
    let mut machine = Machine::with_accounts(&["mastodon"]);
    machine.set("XPOST_MASTODON_TOKEN", "a-wrong-token");
    machine.run(&["publish", "--text", "wrong"]).ends(7).says(&["next: xpost account login mastodon"]);
    let twin = mock::account(machine.twins(), platform::by_name("mastodon").unwrap(), 0, &machine.path("site"));
    machine.set("XPOST_MASTODON_TOKEN", twin.secrets["token"].expose_secret());
    machine.run(&["retry"]).good();
    assert_eq!(count(&machine, "mastodon", "wrong"), 1);
}
