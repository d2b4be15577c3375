//! Each way from `account add` to a first post and to `account remove`, after which nothing that was handed out is good any more.

use std::time::Duration;

use serde_json::json;

use crate::place::{Case, Place, REAL, SKY, browsed_to_the_end, introspect, lab, parameter, post_json, raw};
use crate::twin::{PASSWORD, TYPED};

pub const CASES: &[Case] = crate::cases![
    REAL => browser, fixed, localhost, registered, pasted, device, denied, brief, reuse, replay;
    SKY => bluesky;
    &[] => https, shown, hex, bare, longer, poll, pin, password, typed;
];

const LANDS: Option<&str> = Some("http://127.0.0.1*/callback*");

/// What follows on a login at the authorization server: a post, and the end.
#[track_caller]
fn live_and_leave(mut place: Place) {
    place.learn();
    let (access, refresh) = (place.held("token"), place.held("refresh_token"));
    assert_eq!(introspect(&access)["active"], json!(true));
    assert_eq!(introspect(&refresh)["active"], json!(true));
    let text = format!("a post of {}", place.machine.home().display());
    place.publish("lab", &text);
    let wall = lab("wall");
    assert!(wall.as_array().unwrap().iter().any(|post| post["text"] == json!(text) && post["by"] == "ann"), "{wall}");
    let shown = place.run(&["account", "show", "lab", "--json"]).out;
    assert!(shown.contains("write"), "{shown}");
    place.run(&["account", "remove", "lab", "-vv"]).ends(0);
    assert_eq!(introspect(&refresh)["active"], json!(false), "the refresh token outlives the account");
    assert_eq!(introspect(&access)["active"], json!(false), "the access token outlives the account");
    place.empty();
    place.search();
}

/// Logs in with Chromium by this way; gives what Chromium did.
#[track_caller]
fn with_chromium(place: &Place, way: &str) -> String {
    let terminal = place.add_real(way, &[]);
    let ended = place.end(terminal, 0);
    assert!(ended.said.contains("added `lab`: ann on Lab"), "{}", ended.said);
    let browsed = browsed_to_the_end(place);
    let opened = browsed.lines().next().unwrap();
    let port =
        opened.strip_prefix("opened http://127.0.0.1:").or_else(|| opened.strip_prefix("opened http://localhost:"));
    let port = port.and_then(|rest| rest.strip_suffix('/'));
    assert!(
        port.is_some_and(|port| port.parse::<u16>().is_ok()),
        "the browser was given more than the start: {opened}"
    );
    browsed
}

fn browser() {
    let place = Place::with_browser();
    with_chromium(&place, "browser");
    live_and_leave(place);
}

fn fixed() {
    let mut place = Place::with_browser();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    place.machine.set(crate::lab::PORT, &port.to_string());
    let browsed = with_chromium(&place, "fixed");
    assert!(browsed.contains(&format!("done http://127.0.0.1:{port}/callback")), "{browsed}");
    live_and_leave(place);
}

fn localhost() {
    let place = Place::with_browser();
    let browsed = with_chromium(&place, "localhost");
    assert!(browsed.contains("done http://localhost:"), "{browsed}");
    live_and_leave(place);
}

fn registered() {
    let place = Place::with_browser();
    with_chromium(&place, "registered");
    live_and_leave(place);
}

/// Logs in by pasting where the browser ended; gives that address.
#[track_caller]
fn paste(place: &mut Place, way: &str) -> String {
    let mut terminal = place.add_real(way, &["--paste"]);
    let address = terminal.word("http://127.0.0.1");
    place.show(&parameter(&address, "state"));
    let landed = place.browse(&address, LANDS);
    place.show(&parameter(&landed, "code"));
    terminal.enter(&landed);
    place.end(terminal, 0);
    landed
}

fn pasted() {
    let mut place = Place::new();
    let landed = paste(&mut place, "browser");
    place.hide(&parameter(&landed, "state"));
    place.hide(&parameter(&landed, "code"));
    live_and_leave(place);
}

fn device() {
    let place = Place::new();
    let mut terminal = place.add_real("device", &[]);
    let whole = terminal.word(&format!("{}/device?user_code=", std::env::var("XPOST_TEST_AS").unwrap()));
    place.browse(&whole, None);
    place.end(terminal, 0);
    live_and_leave(place);
}

fn denied() {
    let mut place = Place::with_browser();
    place.machine.set("BROWSE_DENY", "1");
    let terminal = place.add_real("browser", &[]);
    let ended = place.end(terminal, 7);
    assert!(ended.said.contains("access_denied") || ended.said.contains("denied"), "{}", ended.said);
    place.empty();
    place.search();
}

fn brief() {
    let mut place = Place::with_browser();
    with_chromium(&place, "brief");
    for round in 0..2 {
        place.learn();
        let old = (place.held("token"), place.held("refresh_token"));
        std::thread::sleep(Duration::from_millis(2100));
        place.publish("lab", &format!("round {round}"));
        let new = (place.held("token"), place.held("refresh_token"));
        assert!(old.0 != new.0 && old.1 != new.1, "both tokens are new");
        assert_eq!(introspect(&old.1)["active"], json!(false), "the old one was used up");
        assert_eq!(introspect(&new.1)["active"], json!(true));
    }
    place.learn();
    let refresh = place.held("refresh_token");
    place.run(&["account", "remove", "lab", "-vv"]).ends(0);
    assert_eq!(introspect(&refresh)["active"], json!(false));
    place.empty();
    place.search();
}

/// A refresh token is used that was used before: the server ends the whole login, and the program says what to do.
fn reuse() {
    let mut place = Place::with_browser();
    with_chromium(&place, "brief");
    place.learn();
    let files = place.secret_files();
    let old: Vec<_> = files.iter().map(|path| std::fs::read(path).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(2100));
    place.publish("lab", "rotates");
    place.learn();
    let stolen = place.held("refresh_token");
    for (path, bytes) in files.iter().zip(&old) {
        std::fs::write(path, bytes).unwrap();
    }
    let run = place.run(&["publish", "--text", "again", "--to", "lab", "-vv"]);
    run.ends(7);
    assert!(run.err.contains("xpost account login lab") || run.out.contains("xpost account login lab"), "{run:?}");
    assert_eq!(introspect(&stolen)["active"], json!(false), "the server ended the login");
    assert!(!lab("wall").as_array().unwrap().iter().any(|post| post["text"] == "again"), "nothing was posted");
    place.search();
}

/// Whoever saw the code, and has not the verifier, comes too late, and can do no harm with it.
fn replay() {
    let mut place = Place::new();
    let landed = paste(&mut place, "browser");
    place.publish("lab", "before the replay");
    let server = url::Url::parse(&std::env::var("XPOST_TEST_AS").unwrap()).unwrap();
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("client_id", "lab-native")
        .append_pair("code", &parameter(&landed, "code"))
        .append_pair("redirect_uri", landed.split('?').next().unwrap())
        .append_pair("code_verifier", &"v".repeat(43))
        .finish();
    let request = format!(
        "POST /token HTTP/1.1\r\nHost: {}:{}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        server.host_str().unwrap(),
        server.port().unwrap(),
        form.len()
    );
    let page = raw(server.port().unwrap(), request.as_bytes()).unwrap();
    assert_eq!(page.status, 400, "{}", page.body);
    assert!(page.body.contains("invalid_grant"), "{}", page.body);
    live_and_leave(place);
}

/// The official server: pushed request, proofs of possession, consent in the browser; and the end of it all.
fn bluesky() {
    let pds = std::env::var("XPOST_TEST_PDS").unwrap();
    let (handle, password) = (format!("lab{}.test", std::process::id()), "sky-password-canary-5d21");
    let account = json!({ "email": format!("{handle}@example.com"), "handle": handle, "password": password });
    let made = post_json(&format!("{pds}/xrpc/com.atproto.server.createAccount"), &account);
    assert_eq!(made.status, 200, "{}", made.body);
    let mut place = Place::with_browser();
    place.hide(password);
    // the server is real
    place.machine.unset("XPOST_MIRROR");
    place.machine.set("XPOST_PLC_URL", &std::env::var("XPOST_TEST_PLC").unwrap());
    place.machine.set("BROWSE_USER", &handle);
    place.machine.set("BROWSE_PASSWORD", password);
    let named = format!("handle={handle}");
    let add = ["account", "add", "bluesky", "--name", "sky", "--server", &pds, "--set", &named];
    let terminal = place.terminal(&[&add[..], &["--with", "browser", "--secret", "file", "-vv"]].concat(), 100);
    place.end(terminal, 0);
    place.learn();
    let run = place.run(&["publish", "--text", "by a browser's login", "--to", "sky", "-vv"]);
    run.ends(0);
    // the whole login, as a thief would have it
    let stolen = place.machine.run(&["account", "export", "sky"]);
    place.run(&["account", "remove", "sky", "-vv"]).ends(0);
    place.empty();
    place.machine.set("XPOST_SKY_LOGIN", stolen.out.trim());
    let again = place.run(&[&add[..], &["--secret", "env", "-vv"]].concat());
    again.ends(7);
    place.empty();
    place.search();
}

/// What follows on a login at a stand-in: a post, and the end.
#[track_caller]
fn post_and_leave(mut place: Place, way: &str, revoked: bool) {
    place.learn();
    let token = place.held("token");
    assert!(place.town.books().good(&token) || token == TYPED);
    place.publish("lab", &format!("by {way}"));
    let posts = place.machine.twins().timeline("lab");
    assert!(posts.iter().any(|post| post.text == format!("by {way}")), "{posts:?}");
    let removed = place.run(&["account", "remove", "lab", "-vv"]);
    removed.ends(0);
    if revoked {
        assert!(!place.town.books().good(&token), "the token outlives the account: {}", removed.err);
        assert_eq!(place.town.books().alive(), [], "a token outlives the account");
    } else {
        // what cannot be ended from here is said, with the page for it
        assert!(removed.err.contains("https://lab.example/apps"), "{}", removed.err);
    }
    place.empty();
    place.search();
}

/// What Chromium does elsewhere, done by the test, at a stand-in that comes back to the listener.
#[track_caller]
fn through_the_listener(way: &str) -> Place {
    let mut place = Place::with_app();
    place.note_what_is_opened();
    let terminal = place.add(way, &[]);
    let page = place.through(&place.opened(&terminal), true);
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("close this"), "{}", page.body);
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'"),
    ] {
        assert!(page.header(name).is_some_and(|said| said.contains(value)), "{name}: {}", page.head);
    }
    place.end(terminal, 0);
    place
}

fn hex() {
    let mut place = through_the_listener("hex");
    place.learn();
    let old = place.held("refresh_token");
    // the access token ends before its time: refused, renewed, posted
    place.town.books().expire("hex");
    place.publish("lab", "after a refusal");
    assert_ne!(place.held("refresh_token"), old);
    assert_eq!(place.town.books().asked, ["hex authorization_code ok", "hex refresh_token ok"]);
    post_and_leave(place, "hex", true);
}

fn bare() {
    post_and_leave(through_the_listener("bare"), "bare", true);
}

/// Logs in by pasting at a stand-in.
#[track_caller]
fn at_the_terminal(way: &str) -> Place {
    let mut place = Place::with_app();
    let mut terminal = place.add(way, &[]);
    let address = terminal.word(&format!("https://lab.example/{way}/authorize?"));
    place.show(&parameter(&address, if way == "pin" { "oauth_token" } else { "state" }));
    let pasted = place.answer(&address, true);
    place.show(if way == "https" { parameter(&pasted, "code") } else { pasted.clone() }.as_str());
    terminal.enter(&pasted);
    place.end(terminal, 0);
    place
}

fn https() {
    post_and_leave(at_the_terminal("https"), "https", true);
}

fn shown() {
    post_and_leave(at_the_terminal("shown"), "shown", true);
}

fn pin() {
    post_and_leave(at_the_terminal("pin"), "pin", true);
}

/// A long-lived token, and one login that can post to several places.
fn longer() {
    let mut place = Place::with_app();
    let mut terminal = place.add("longer", &[]);
    let address = terminal.word("https://lab.example/longer/authorize?");
    place.show(&parameter(&address, "state"));
    let landed = place.answer(&address, true);
    place.show(&parameter(&landed, "code"));
    assert!(landed.ends_with("#_"), "{landed}");
    terminal.enter(&landed);
    terminal.expect("Crab page");
    terminal.expect("Shared page");
    terminal.expect("Closed page");
    terminal.expect("you may only read there");
    terminal.enter("1,2");
    place.end(terminal, 0);
    place.learn();
    assert_eq!(place.town.books().asked, ["longer authorization_code ok", "longer trade ok"]);
    for account in ["crabs", "shared"] {
        place.publish(account, &format!("to {account}"));
        let posts = place.machine.twins().timeline("lab");
        assert!(posts.iter().any(|post| post.account == account && post.text == format!("to {account}")), "{posts:?}");
    }
    // the login goes with the last account that uses it
    let names: Vec<String> = place.machine.json(&["account", "list"])["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|account| account["name"].as_str().unwrap().to_string())
        .collect();
    for name in &names {
        assert!(!place.town.books().alive().is_empty(), "the login ended before its last account");
        place.run(&["account", "remove", name, "-vv"]).ends(0);
    }
    assert_eq!(place.town.books().alive(), [], "a token outlives the accounts {names:?}");
    place.empty();
    place.search();
}

fn poll() {
    let mut place = Place::with_app();
    let mut terminal = place.add("poll", &[]);
    let address = terminal.word("https://lab.example/miauth/");
    let session = url::Url::parse(&address).unwrap().path().rsplit('/').next().unwrap().to_string();
    place.show(&session);
    std::thread::sleep(Duration::from_millis(500));
    place.answer(&address, true);
    place.end(terminal, 0);
    post_and_leave(place, "poll", false);
}

fn password() {
    let place = Place::new();
    let mut terminal = place.add("password", &[]);
    terminal.expect("is not kept");
    terminal.expect(": ");
    std::thread::sleep(Duration::from_millis(200));
    terminal.enter("ann");
    terminal.expect("assword");
    std::thread::sleep(Duration::from_millis(200));
    terminal.enter(PASSWORD);
    let ended = place.end(terminal, 0);
    assert!(!ended.raw.contains(PASSWORD), "the password was echoed");
    let kept = serde_json::to_string(&place.kept()).unwrap();
    assert!(!kept.contains(PASSWORD), "the password was kept");
    post_and_leave(place, "password", true);
}

fn typed() {
    let place = Place::new();
    let mut terminal = place.add("token", &[]);
    terminal.expect("a token made by hand");
    std::thread::sleep(Duration::from_millis(200));
    terminal.enter(TYPED);
    terminal.expect("the page to post to");
    std::thread::sleep(Duration::from_millis(200));
    terminal.enter("");
    place.end(terminal, 0);
    post_and_leave(place, "typed", false);
}
