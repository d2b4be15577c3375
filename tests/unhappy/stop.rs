//! Runs that are interrupted, that meet another run, or that nobody listens to.

use super::*;
use xpost::twin::{Inject, What};

#[test]
fn two_runs_of_the_same_draft_post_it_once() {
    let machine = Machine::with_accounts(&[]);
    machine.twins().inject(Inject::new(What::Delay { ms: 150 }).method("POST").times(0));
    machine.write("both.md", "bothone\n\n---\n\nbothtwo\n");
    let takers = crate::cli::takers(false);
    let children: Vec<Child> = (0..3).map(|_| start(&machine, &["publish", "both.md", "--to", &takers])).collect();
    for child in children {
        end(child).good();
    }
    for name in takers.split(',') {
        assert_eq!((count(&machine, name, "bothone"), count(&machine, name, "bothtwo")), (1, 1), "{name}");
    }
    assert_eq!(posts(&machine).len(), 1);
}

#[test]
fn nobody_reads_the_results() {
    let machine = Machine::with_accounts(&["mastodon"]);
    machine.run(&["publish", "--text", "for the history"]).good();
    for arguments in [
        &["history"][..],
        &["history", "export"],
        &["history", "show", "1", "--json"],
        &["platforms"],
        &["doctor"],
        &["check", "--text", "x", "--to", "all"],
        &["preview", "--text", "x", "--to", "all"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
        &["--version"],
        &["publish", "--text", "to nobody"],
        &["publish", "--text", "to nobody else", "--json"],
    ] {
        let mut child = start(&machine, arguments);
        drop(child.stdout.take());
        let run = end(child);
        assert!([0, 1].contains(&run.code), "{arguments:?}: {run:?}");
    }
    assert_eq!(machine.twins().timeline("mastodon").len(), 3);
    // and where the errors go to nobody
    let mut child = start(&machine, &["publish", "--text", "to nobody at all", "-vv"]);
    drop((child.stdout.take(), child.stderr.take()));
    assert!(child.wait().unwrap().success());
    assert_eq!(machine.twins().timeline("mastodon").len(), 4);
}

/// A file on a full disk behind `>`.
#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_written_are_told() {
    let machine = Machine::with_accounts(&["mastodon"]);
    let mut command = machine.command(&["publish", "--text", "full", "--to", "mastodon"]);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let run = end(command.stdin(Stdio::null()).stdout(full).stderr(Stdio::piped()).spawn().unwrap());
    run.ends(1).says(&["standard output cannot be written"]);
    assert_eq!(count(&machine, "mastodon", "full"), 1);
    assert_eq!(states(&machine, 1, "mastodon"), ["sent"]);
}

#[cfg(unix)]
mod signals {
    use super::*;

    fn signal(child: &Child, name: &str) {
        assert!(std::process::Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
    }

    /// A thread of three on two networks, whose first post is on its way when this returns.
    fn under_way(machine: &Machine) -> Child {
        machine.write("thread.md", "partone\n\n---\n\nparttwo\n\n---\n\npartthree\n");
        for (platform, path) in [("mastodon", "/api/v1/statuses"), ("telegram", "sendMessage")] {
            machine.twins().inject(Inject::new(What::Delay { ms: 3000 }).platform(platform).path(path));
        }
        let child = start(machine, &["publish", "thread.md", "--to", "all"]);
        let sending = || {
            let sql = "SELECT count(*) FROM parts WHERE state = 'sending'";
            database(machine).query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap_or(0)
        };
        until("both are sending", || sending() == 2);
        child
    }

    fn completed(machine: &Machine) {
        for platform in ["mastodon", "telegram"] {
            let texts: Vec<String> = machine.twins().timeline(platform).into_iter().map(|post| post.text).collect();
            assert_eq!(texts, ["partone", "parttwo", "partthree"], "{platform}");
            assert_eq!(states(machine, 1, platform), ["sent", "sent", "sent"], "{platform}");
        }
    }

    #[test]
    fn the_first_signal_lets_what_is_in_flight_end() {
        for name in ["-INT", "-TERM"] {
            let machine = Machine::with_accounts(&["mastodon", "telegram"]);
            let child = under_way(&machine);
            signal(&child, name);
            let run = end(child);
            run.ends(130).says(&["next: xpost run"]).prints(&["1 of 3 parts"]);
            for platform in ["mastodon", "telegram"] {
                assert_eq!(states(&machine, 1, platform), ["sent", "queued", "queued"], "{name} {platform}");
                assert_eq!(machine.twins().timeline(platform).len(), 1);
            }
            machine.run(&["run"]).good();
            completed(&machine);
        }
    }

    /// The journal knows what was in flight; a bot's message that may have landed is a question for a person.
    #[test]
    fn the_second_signal_ends_it_at_once() {
        let machine = Machine::with_accounts(&["mastodon", "telegram"]);
        let child = under_way(&machine);
        let began = Instant::now();
        signal(&child, "-INT");
        std::thread::sleep(Duration::from_millis(150));
        signal(&child, "-INT");
        let run = end(child);
        run.ends(130);
        assert!(began.elapsed() < Duration::from_millis(2500), "{:?}", began.elapsed());
        assert!(run.err.contains("xpost run"), "it says how to go on: {run:?}");
        std::thread::sleep(Duration::from_millis(3200));
        machine.run(&["run"]).ends(6).says(&["next: xpost resolve"]);
        assert_eq!(states(&machine, 1, "mastodon"), ["sent", "sent", "sent"]);
        assert_eq!(states(&machine, 1, "telegram"), ["unknown", "queued", "queued"]);
        let word = if count(&machine, "telegram", "partone") == 1 { "--posted" } else { "--not-posted" };
        machine.run(&["resolve", "1", "--to", "telegram", word]).good();
        completed(&machine);
    }
}
