//! What people do at a terminal: choose, mistype, turn away, press Ctrl-C, work in a narrow window.

use std::process::Command;
use std::time::Duration;

use crate::place::{Case, OPENS_ITS_OWN, Place, REAL, introspect, parameter};
use crate::pty::Terminal;
use crate::twin::{HOST, TYPED};

pub const CASES: &[Case] = crate::cases![
    REAL => interrupted_elsewhere;
    &[] => menu, interrupted, terminal_is_given_back, narrow, no_color, wrong_paste, said_no, nobody_there, again;
];

fn server() -> String {
    format!("https://{HOST}")
}

/// People do not type in the very moment in which they are asked.
fn think() {
    std::thread::sleep(Duration::from_millis(250));
}

fn menu() {
    let place = Place::new();
    let mut terminal = place.terminal(&["account", "add", "lab", "--server", &server(), "--secret", "file"], 100);
    for way in ["browser", "device", "poll", "pin", "password", "token"] {
        terminal.expect(way);
    }
    terminal.expect(": ");
    think();
    terminal.enter("99");
    terminal.expect("99");
    think();
    terminal.enter("token");
    terminal.expect("made by hand");
    think();
    terminal.enter(TYPED);
    terminal.expect("the page to post to");
    think();
    terminal.enter("");
    let ended = place.end(terminal, 0);
    assert!(!ended.raw.contains(TYPED), "a secret was echoed");
    place.publish("lab", "chosen from a menu");
    place.search();
}

/// Ctrl-C at each point at which somebody waits: nothing is added, and it says so.
fn interrupted() {
    type Reach = fn(&mut Place) -> Terminal;
    let points: [(&str, Reach); 7] = [
        ("menu", |place| {
            let mut terminal =
                place.terminal(&["account", "add", "lab", "--server", &server(), "--secret", "file"], 100);
            terminal.expect("made by hand");
            terminal
        }),
        ("browser", |place| {
            place.note_what_is_opened();
            let terminal = place.add("hex", &[]);
            let start = place.opened(&terminal);
            // the browser has been there, and the person reads the page
            place.sent_on(&start);
            terminal
        }),
        ("paste", |place| {
            let mut terminal = place.add("https", &[]);
            let address = terminal.word("https://lab.example/https/authorize?");
            place.show(&parameter(&address, "state"));
            terminal
        }),
        ("poll", |place| {
            let mut terminal = place.add("poll", &[]);
            let address = terminal.word("https://lab.example/miauth/");
            place.show(url::Url::parse(&address).unwrap().path().rsplit('/').next().unwrap());
            terminal
        }),
        ("pin", |place| {
            let mut terminal = place.add("pin", &[]);
            let address = terminal.word("https://lab.example/pin/authorize?");
            place.show(&parameter(&address, "oauth_token"));
            terminal
        }),
        ("password", |place| {
            let mut terminal = place.add("password", &[]);
            terminal.expect(": ");
            think();
            terminal.enter("ann");
            terminal.expect("assword");
            terminal
        }),
        ("typed", |place| {
            let mut terminal = place.add("token", &[]);
            terminal.expect("a token made by hand");
            terminal
        }),
    ];
    for (point, reach) in points {
        let mut place = Place::with_app();
        let mut terminal = reach(&mut place);
        think();
        terminal.keys(b"\x03");
        let ended = terminal.end();
        assert_eq!(ended.code, 130, "at `{point}`:\n{}", ended.said);
        assert!(
            ended.said.contains("not added") || ended.said.contains("nothing was added"),
            "at `{point}`:\n{}",
            ended.said
        );
        assert_eq!(place.town.books().alive(), [], "at `{point}`: a token was left at the network");
        place.empty();
        place.search();
    }
}

/// The same while another device is waited for, and in the moment after the answer has come.
fn interrupted_elsewhere() {
    let place = Place::new();
    let mut terminal = place.add_real("device", &[]);
    terminal.word(&format!("{}/device?user_code=", std::env::var("XPOST_TEST_AS").unwrap()));
    terminal.expect("waiting");
    think();
    terminal.keys(b"\x03");
    let ended = place.end(terminal, 130);
    assert!(ended.said.contains("nothing was added") || ended.said.contains("not added"), "{}", ended.said);
    place.empty();
    place.search();

    // whatever the moment, there is a whole account or none, and no login that nobody knows of
    for wait in [0, 15, 40, 90] {
        let mut place = Place::with_browser();
        let mut terminal = place.add_real("browser", &[]);
        terminal.expect("/token");
        std::thread::sleep(Duration::from_millis(wait));
        terminal.keys(b"\x03");
        let ended = terminal.end();
        assert!([0, 130].contains(&ended.code), "{}", ended.said);
        place.learn();
        if ended.code == 0 {
            assert_eq!(introspect(&place.held("token"))["active"], true);
        } else {
            place.empty();
        }
        place.search();
    }
}

/// After Ctrl-C at a hidden prompt and in the middle of a spinner, the shell has its echo and its cursor.
fn terminal_is_given_back() {
    for way in ["token", "hex"] {
        let mut place = Place::with_app();
        place.note_what_is_opened();
        let inner =
            place.machine.command(&["account", "add", "lab", "--server", &server(), "--secret", "file", "--with", way]);
        let mut command = Command::new("sh");
        command.args(["-c", "trap : INT; \"$@\"; echo \"ended with $?\"; stty -a", "sh"]);
        command.arg(inner.get_program()).args(inner.get_args());
        command.args(OPENS_ITS_OWN.then_some("--no-browser"));
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(inner.get_current_dir().unwrap());
        let mut terminal = Terminal::start(&command, 100);
        if way == "token" {
            terminal.expect("a token made by hand");
        } else {
            place.opened(&terminal);
            terminal.expect("waiting");
        }
        think();
        terminal.keys(b"\x03");
        terminal.expect("ended with 130");
        terminal.expect("icanon");
        let ended = place.end(terminal, 0);
        assert!(ended.said.contains(" echo ") && !ended.said.contains("-echo "), "{way}: {}", ended.said);
        let (hidden, shown) = (ended.raw.rfind("\u{1b}[?25l"), ended.raw.rfind("\u{1b}[?25h"));
        assert!(hidden <= shown, "{way}: the cursor is gone");
        place.empty();
        place.search();
    }
}

/// An address is on lines of its own, without a break, so that it can be copied.
fn narrow() {
    let mut place = Place::with_app();
    let add = ["account", "add", "lab", "--server", &server(), "--secret", "file", "--with", "https"];
    let mut terminal = place.terminal(&add, 40);
    let address = terminal.word("https://lab.example/https/authorize?");
    place.show(&parameter(&address, "state"));
    assert!(address.len() > 200, "it is whole: {address}");
    let said = terminal.said();
    assert!(said.lines().any(|line| line == address), "it stands alone:\n{said}");
    // a terminal of 40 columns shows it in full rows
    let screen = terminal.screen().replace('\n', "");
    assert!(screen.contains(&address), "{screen}");
    let landed = place.answer(&address, true);
    place.show(&parameter(&landed, "code"));
    terminal.enter(&landed);
    place.end(terminal, 0);
    place.search();
}

fn no_color() {
    let mut place = Place::with_app();
    place.machine.set("NO_COLOR", "1");
    place.note_what_is_opened();
    let terminal = place.add("hex", &[]);
    place.through(&place.opened(&terminal), true);
    let ended = place.end(terminal, 0);
    let colours = ended
        .raw
        .split("\u{1b}[")
        .skip(1)
        .filter_map(|rest| rest.split_once(|c: char| !c.is_ascii_digit() && c != ';'));
    for (parameters, rest) in colours {
        let end = ended.raw.find(&format!("\u{1b}[{parameters}m{rest}"));
        let paints = parameters.split(';').any(|one| matches!(one.parse(), Ok(30..=107)));
        assert!(!(paints && end.is_some()), "a colour was used: {parameters}");
    }
    place.search();
}

/// What is no address at all is asked for again or refused, without being repeated.
fn wrong_paste() {
    let mut place = Place::with_app();
    let mut terminal = place.add("https", &[]);
    let address = terminal.word("https://lab.example/https/authorize?");
    place.show(&parameter(&address, "state"));
    terminal.expect("paste");
    think();
    terminal.enter("what am I to paste?");
    let which = terminal.expect_any(&["paste", "not added"]);
    if which == 0 {
        think();
        let landed = place.answer(&address, true);
        place.show(&parameter(&landed, "code"));
        terminal.enter(&landed);
        place.end(terminal, 0);
    } else {
        place.end(terminal, 7);
        place.empty();
    }
    place.search();
}

fn said_no() {
    let mut place = Place::with_app();
    place.note_what_is_opened();
    let terminal = place.add("bare", &[]);
    let page = place.through(&place.opened(&terminal), false);
    assert!(page.body.contains("said no") || page.body.contains("denied") || page.status == 200, "{}", page.body);
    let ended = place.end(terminal, 7);
    assert!(ended.said.contains("the person said no"), "{}", ended.said);
    place.empty();
    place.search();
}

/// Without a terminal nothing waits for a person.
fn nobody_there() {
    let mut place = Place::with_app();
    for way in ["https", "shown", "pin", "password"] {
        let run =
            place.run(&["account", "add", "lab", "--server", &server(), "--secret", "file", "--with", way, "-vv"]);
        assert!([2, 7].contains(&run.code), "{way}: {run:?}");
        // whoever reads the log can open the page, and nothing more
        for address in run.err.split_whitespace().filter(|word| word.starts_with("https://lab.example/")) {
            let url = url::Url::parse(address).unwrap();
            url.query_pairs()
                .filter(|(key, _)| key == "state" || key == "oauth_token")
                .for_each(|pair| place.show(&pair.1));
        }
        place.empty();
    }
    // what can be typed in is found by itself
    let run = place.machine.run_with(
        &["account", "add", "lab", "--server", &server(), "--secret", "file", "--stdin", "-vv"],
        TYPED.as_bytes(),
    );
    run.ends(0);
    place.search();
}

/// Logging in again replaces the login; another way is possible; a refused one leaves the old one as it was.
fn again() {
    let mut place = Place::with_app();
    place.note_what_is_opened();
    let terminal = place.add("hex", &[]);
    place.through(&place.opened(&terminal), true);
    place.end(terminal, 0);
    place.learn();
    let first = place.held("token");
    std::fs::remove_file(place.machine.path("opened")).unwrap();

    // no: the old one stays
    let terminal = place.terminal(&["account", "login", "lab", "--with", "hex", "-vv"], 100);
    place.through(&place.opened(&terminal), false);
    place.end(terminal, 7);
    assert_eq!(place.held("token"), first);
    place.publish("lab", "still there");
    std::fs::remove_file(place.machine.path("opened")).unwrap();

    // yes: another one
    let terminal = place.terminal(&["account", "login", "lab", "--with", "bare", "-vv"], 100);
    let page = place.through(&place.opened(&terminal), true);
    assert_eq!(page.status, 200, "{}", page.body);
    place.end(terminal, 0);
    place.learn();
    assert_ne!(place.held("token"), first);
    place.publish("lab", "by another way");
    let posts = place.machine.twins().timeline("lab");
    assert_eq!(posts.last().unwrap().extra["way"], "bare");
    place.search();
}
