//! Servers that are not there, not what they seem, or up to no good.

use super::*;
use xpost::twin::{Inject, What, When};

/// The answer to `account add mastodon` for this server.
fn add(machine: &Machine, server: &str) -> Run {
    let run = machine.run_with(
        &["account", "add", "mastodon", "--server", server, "--secret", "file", "--stdin"],
        b"a-token-that-is-long",
    );
    assert!(!run.err.contains("a-token-that"), "{}", run.err);
    assert!(machine.run(&["account", "list"]).out.is_empty(), "it was not added");
    run
}

#[test]
fn a_server_that_cannot_be_reached_is_named_with_the_reason() {
    let machine = Machine::new();
    let (garbage, _) = answering(b"SSH-2.0-OpenSSH_9.6\r\n");
    let (page, _) =
        answering(b"HTTP/1.1 200 OK\r\ncontent-length: 22\r\nconnection: close\r\n\r\n<title>Hotel</title>hi");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (silent, _) = answering(b"");
    for (server, words) in [
        ("https://nowhere.invalid".to_string(), &["nowhere.invalid", "the host name cannot be looked up"][..]),
        (format!("http://localhost:{free}"), &["localhost", "no connection"]),
        (format!("https://{garbage}"), &["TLS"]),
        (format!("https://{page}"), &["TLS"]),
        (format!("http://{garbage}"), &["the connection broke"]),
        (format!("http://{silent}"), &["the connection broke"]),
    ] {
        let run = add(&machine, &server);
        run.ends(1).says(words).says(&["the account was not added", "next: "]);
        assert!(!run.err.contains("Mastodon said"), "nobody said anything: {}", run.err);
    }
    add(&machine, &format!("http://{page}"))
        .ends(1)
        .says(&["does not answer like a server with Mastodon's API", "check the account's `server`"]);
    add(&machine, "ftp://example.org").ends(2).says(&["https://"]);
}

#[test]
fn an_account_whose_server_is_gone_keeps_its_posts() {
    let machine = Machine::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = format!("http://localhost:{free}");
    machine
        .run_with(
            &["account", "add", "mastodon", "--server", &server, "--secret", "file", "--stdin", "--offline"],
            b"token-1234",
        )
        .good();
    let run = machine.run(&["publish", "--text", "x", "--wait", "0"]);
    run.ends(5).prints(&["queued", "no connection"]).says(&["next: xpost run"]);
    assert_eq!(states(&machine, 1, "mastodon"), ["queued"]);
}

#[test]
fn a_redirect_is_not_followed_and_the_token_goes_nowhere() {
    let machine = Machine::with_accounts(&["mastodon", "telegram", "discord", "bluesky", "webhook"]);
    let (thief, came) = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    machine.twins().inject(Inject::new(What::Redirect { to: format!("http://{thief}/take") }).method("POST").times(0));
    machine.twins().inject(Inject::new(What::Redirect { to: format!("http://{thief}/take") }).times(0));
    let run = machine.run(&["publish", "--text", "x", "--to", "all", "--wait", "0"]);
    run.ends(5).prints(&["the server redirects to `localhost`", "redirects are not followed"]);
    machine.run(&["account", "check"]).says(&[]);
    assert_eq!(came.load(Ordering::SeqCst), 0);
    machine.twins().clear_faults();
    machine.run(&["retry"]).good();
    for platform in ["mastodon", "telegram", "discord", "bluesky"] {
        assert_eq!(machine.twins().timeline(platform).len(), 1, "{platform}");
    }
}

/// Mastodon and Bluesky recognise a repeat; a bot's message at Telegram stays unknown until somebody looks.
#[test]
fn answers_that_cannot_be_read_end_in_exactly_one_post() {
    let machine = Machine::with_accounts(&["mastodon", "bluesky", "telegram"]);
    for (index, what) in
        [What::Html, What::Truncated, What::Huge, What::Drop, What::Status { status: 502 }].into_iter().enumerate()
    {
        let mark = format!("answer{index}end");
        let post = (index + 1) as i64;
        machine.write("a.md", &format!("{mark}\n"));
        for (platform, path) in
            [("mastodon", "/api/v1/statuses"), ("bluesky", "putRecord"), ("telegram", "sendMessage")]
        {
            machine
                .twins()
                .inject(Inject::new(what.clone()).platform(platform).path(path).method("POST").when(When::After));
        }
        let run = machine.run(&["publish", "a.md", "--to", "all"]);
        run.ends(6).says(&["next: xpost resolve"]);
        assert_eq!(states(&machine, post, "telegram"), ["unknown"], "{what:?}");
        for platform in ["mastodon", "bluesky", "telegram"] {
            assert_eq!(count(&machine, platform, &mark), 1, "{what:?} {platform}");
        }
        machine.run(&["resolve", &post.to_string(), "--posted"]).good();
        machine.run(&["publish", "a.md", "--to", "all"]).good().says(&["already posted to telegram"]);
        assert_eq!(count(&machine, "telegram", &mark), 1);
    }
}

/// Takes as long as a request may take.
#[test]
fn an_answer_that_never_ends_is_left() {
    let machine = Machine::with_accounts(&["mastodon", "telegram"]);
    for (platform, path) in [("mastodon", "/api/v1/statuses"), ("telegram", "sendMessage")] {
        machine.twins().inject(Inject::new(What::Endless).platform(platform).path(path).method("POST"));
    }
    let began = Instant::now();
    machine.run(&["publish", "--text", "endless", "--to", "all"]).ends(6).prints(&["the answer broke off"]);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert_eq!((count(&machine, "mastodon", "endless"), count(&machine, "telegram", "endless")), (1, 1));
    assert_eq!(states(&machine, 1, "mastodon"), ["sent"]);
}

#[test]
fn a_storm_of_errors_loses_nothing_and_repeats_nothing() {
    let machine = Machine::with_accounts(&["mastodon", "bluesky", "discord"]);
    // some before the deed, some after it
    for platform in ["mastodon", "bluesky"] {
        for (status, when) in [(500, When::Before), (502, When::After), (503, When::Before), (502, When::Before)] {
            machine.twins().inject(Inject::new(What::Status { status }).platform(platform).method("POST").when(when));
        }
    }
    machine.run(&["publish", "--text", "stormy", "--to", "mastodon,bluesky"]).good();
    for platform in ["mastodon", "bluesky"] {
        assert_eq!(count(&machine, platform, "stormy"), 1, "{platform}");
    }
    // one that outlasts the patience: it may be there, and the next run finds out
    machine.twins().inject(
        Inject::new(What::Status { status: 502 })
            .platform("bluesky")
            .method("POST")
            .path("putRecord")
            .times(0)
            .when(When::After),
    );
    let run = machine.run(&["publish", "--text", "longer", "--to", "bluesky", "--wait", "0"]);
    run.ends(6).prints(&["queued"]).says(&["next: xpost run"]);
    machine.twins().clear_faults();
    machine.run(&["retry"]).good().prints(&["sent"]);
    assert_eq!(count(&machine, "bluesky", "longer"), 1);
}

#[test]
fn a_network_that_asks_to_come_later_is_obeyed() {
    let machine = Machine::with_accounts(&["mastodon"]);
    let limited = |seconds| Inject::new(What::Limited { seconds }).platform("mastodon").method("POST");
    machine.twins().inject(limited(2));
    let began = Instant::now();
    machine.run(&["publish", "--text", "patient", "--wait", "30"]).good();
    assert!(began.elapsed() >= Duration::from_millis(1900), "{:?}", began.elapsed());
    machine.twins().inject(limited(5));
    let run = machine.run(&["publish", "--text", "impatient", "--wait", "0"]);
    run.ends(5).prints(&["queued", "for "]).says(&["next: xpost run"]);
    assert_eq!(count(&machine, "mastodon", "impatient"), 0);
    // too early: the account rests
    machine.run(&["run", "--wait", "0"]);
    assert_eq!(count(&machine, "mastodon", "impatient"), 0);
    std::thread::sleep(Duration::from_millis(5200));
    machine.run(&["run", "--wait", "0"]).good().prints(&["sent"]);
    assert_eq!(count(&machine, "mastodon", "impatient"), 1);
    machine.twins().inject(limited(3600));
    machine.run(&["publish", "--text", "an hour", "--wait", "1"]).ends(5).prints(&["queued"]);
    machine.run(&["run", "--wait", "0"]).good().says(&["nothing is due"]);
}

#[test]
fn a_revoked_token_is_told_with_what_to_type() {
    let machine = Machine::with_accounts(&["mastodon", "telegram", "discord", "webhook"]);
    for platform in ["mastodon", "telegram", "discord"] {
        machine.twins().inject(Inject::new(What::Expired).platform(platform).times(0));
        let run = machine.run(&["publish", "--text", platform, "--to", platform, "--wait", "0"]);
        run.ends(7).says(&[&format!("next: xpost account login {platform}"), "next: xpost retry"]);
        machine.run(&["account", "check", platform]).ends(7).says(&["xpost account login"]);
        machine.twins().clear_faults();
    }
    machine.run(&["retry"]).good();
    for platform in ["mastodon", "telegram", "discord"] {
        assert_eq!(machine.twins().timeline(platform).len(), 1, "{platform}");
    }
}

#[test]
fn a_session_that_expired_is_renewed() {
    let machine = Machine::with_accounts(&["bluesky"]);
    machine.run(&["publish", "--text", "first"]).good();
    machine.twins().expire_sessions("bluesky");
    machine.run(&["publish", "--text", "second"]).good();
    // in the middle of a thread
    machine.write("thread.md", "third\n\n---\n\nfourth\n");
    machine.twins().inject(Inject::new(What::ExpireSessions).platform("bluesky").path("putRecord").skip(1));
    machine.run(&["publish", "thread.md"]).good();
    for mark in ["first", "second", "third", "fourth"] {
        assert_eq!(count(&machine, "bluesky", mark), 1, "{mark}");
    }
}
