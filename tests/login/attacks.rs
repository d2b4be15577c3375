//! What others on the same machine, or on a page in the same browser, can do while somebody logs in: nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::place::{Case, Page, Place, fetch, parameter, port_of, raw};
use crate::pty::Terminal;

pub const CASES: &[Case] = crate::cases![
    &[] => wrong_state, second_callback, foreign_host, other_requests, slow_clients, mix_up, taken_port, foreign_answer;
];

/// A login that waits for its browser: the terminal, the port of the listener, and the address that the browser is sent on to.
struct Waiting {
    place: Place,
    terminal: Terminal,
    port: u16,
    address: String,
}

impl Waiting {
    #[track_caller]
    fn new() -> Waiting {
        let mut place = Place::with_app();
        place.note_what_is_opened();
        let terminal = place.add("hex", &[]);
        let start = place.opened(&terminal);
        let address = place.sent_on(&start);
        Waiting { place, terminal, port: port_of(&start), address }
    }

    fn get(&self, target: &str) -> Option<Page> {
        fetch(&format!("http://127.0.0.1:{}{target}", self.port))
    }

    /// After all of that the right answer is still taken, and once.
    #[track_caller]
    fn goes_on(self) {
        let back = self.place.answer(&self.address, true);
        let page = fetch(&back).expect("the listener answers");
        assert_eq!(page.status, 200, "{}", page.body);
        self.place.end(self.terminal, 0);
        self.place.publish("lab", "after the attack");
        assert_eq!(self.place.town.books().asked, ["hex authorization_code ok"]);
        self.place.search();
    }
}

fn wrong_state() {
    let waiting = Waiting::new();
    for target in [
        "/callback?code=evil-code&state=evil-state",
        "/callback?code=evil-code",
        "/callback?code=evil-code&state=",
        "/callback?error=access_denied&state=evil-state",
        "/callback?error=access_denied",
        "/callback",
    ] {
        let page = waiting.get(target).expect("the listener answers");
        assert_eq!(page.status, 400, "{target}: {}", page.body);
        assert!(!page.body.contains("evil"), "what came is not repeated: {}", page.body);
    }
    waiting.goes_on();
}

fn second_callback() {
    let waiting = Waiting::new();
    let back = waiting.place.answer(&waiting.address, true);
    let first = fetch(&back).expect("the listener answers");
    assert_eq!(first.status, 200);
    // gone, or nobody there any more
    let second = fetch(&back.replace("code=", "code=other-"));
    assert!(second.as_ref().is_none_or(|page| page.status == 410), "{second:?}");
    waiting.place.end(waiting.terminal, 0);
    assert_eq!(waiting.place.town.books().asked, ["hex authorization_code ok"]);
    assert!(fetch(&back).is_none(), "nobody listens when it is over");
    waiting.place.search();
}

/// A name of somebody else's that leads to this machine (DNS rebinding).
fn foreign_host() {
    let waiting = Waiting::new();
    let state = parameter(&waiting.address, "state");
    let port = waiting.port;
    for host in [
        format!("evil.example:{port}"),
        "evil.example".to_string(),
        format!("127.0.0.1.evil.example:{port}"),
        format!("localhost:{port}"),
        "127.0.0.1".to_string(),
        format!("127.0.0.1:{}", port ^ 1),
        String::new(),
    ] {
        for target in [format!("/callback?code=evil-code&state={state}"), "/".to_string()] {
            let page =
                raw(port, format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes());
            let page = page.expect("the listener answers");
            assert!((400..500).contains(&page.status), "{host}: {} {}", page.status, page.head);
            assert!(page.header("location").is_none());
        }
    }
    let page = raw(port, format!("GET /callback?code=evil-code&state={state} HTTP/1.1\r\n\r\n").as_bytes())
        .expect("an answer");
    assert!((400..500).contains(&page.status), "without a host: {}", page.status);
    waiting.goes_on();
}

fn other_requests() {
    let waiting = Waiting::new();
    let state = parameter(&waiting.address, "state");
    let port = waiting.port;
    let host = format!("Host: 127.0.0.1:{port}\r\n");
    let form = format!("code=evil-code&state={state}");
    let post = format!("POST /callback?{form} HTTP/1.1\r\n{host}Content-Length: {}\r\n\r\n{form}", form.len());
    let head = format!("HEAD /callback?{form} HTTP/1.1\r\n{host}\r\n");
    let long = format!("GET /callback?{form}&pad={} HTTP/1.1\r\n{host}\r\n", "x".repeat(20_000));
    for request in [
        post.as_bytes(),
        head.as_bytes(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        long.as_bytes(),
    ] {
        let page = raw(port, request);
        assert!(
            page.as_ref().is_none_or(|page| page.status >= 400),
            "{:?}: {page:?}",
            String::from_utf8_lossy(&request[..20.min(request.len())])
        );
    }
    // as it is, and not as a browser would tidy it up
    let path = format!("GET /x/../callback?{form} HTTP/1.1\r\n{host}\r\n");
    assert_eq!(raw(port, path.as_bytes()).expect("the listener answers").status, 404);
    for target in
        [format!("/Callback?{form}"), format!("/callback/?{form}"), format!("//callback?{form}"), "/favicon.ico".into()]
    {
        let page = waiting.get(&target).expect("the listener answers");
        assert_eq!(page.status, 404, "{target}");
    }
    waiting.goes_on();
}

/// Connections that send nothing, or one byte now and then, keep nobody waiting.
fn slow_clients() {
    let waiting = Waiting::new();
    let mut idle: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(("127.0.0.1", waiting.port)).unwrap()).collect();
    for stream in &mut idle {
        stream.write_all(b"GET /callback?code=").unwrap();
    }
    let began = Instant::now();
    let page = waiting.get("/favicon.ico").expect("the listener answers");
    assert_eq!(page.status, 404);
    assert!(began.elapsed() < Duration::from_secs(2), "others had to wait {:?}", began.elapsed());
    // and they are sent away in the end
    let mut slow = idle.pop().unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let read = slow.read(&mut [0; 512]);
    assert!(
        read.is_ok() || read.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset),
        "it is held open"
    );
    assert!(began.elapsed() < Duration::from_secs(20));
    waiting.goes_on();
}

/// An answer of another issuer is not taken (RFC 9207).
fn mix_up() {
    let waiting = Waiting::new();
    let back = waiting.place.answer(&waiting.address, true);
    drop(fetch(&format!("{back}&iss=https%3A%2F%2Fevil.example")));
    let ended = waiting.place.end(waiting.terminal, 7);
    assert!(!ended.said.contains("added `lab`"), "{}", ended.said);
    assert!(waiting.place.town.books().asked.is_empty(), "the code was sent on");
    waiting.place.empty();
    waiting.place.search();
}

fn taken_port() {
    let mut place = Place::with_app();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    place.machine.set(crate::lab::PORT, &port.to_string());
    place.note_what_is_opened();
    let terminal = place.add("fixed", &[]);
    let ended = place.end(terminal, 1);
    assert!(ended.said.contains(&port.to_string()) && ended.said.contains("--paste"), "{}", ended.said);
    place.empty();
    place.search();
}

/// What is pasted must be what this login asked for, and not another login's answer or another site's address.
fn foreign_answer() {
    type Wrong = fn(&str, &str) -> String;
    let wrongs: [&[Wrong]; 2] = [
        &[|landed, state| landed.replace(state, "evil-state"), |landed, _| landed.replacen("https://app", "app", 1)],
        &[
            |landed, _| landed.replace("app.example", "evil.example"),
            |landed, _| landed.replace("https://", "http://"),
            |landed, _| landed.replace("/landed", "/elsewhere"),
        ],
    ];
    for wrongs in wrongs {
        let mut place = Place::with_app();
        let mut terminal = place.add("https", &[]);
        let address = terminal.word("https://lab.example/https/authorize?");
        let state = parameter(&address, "state");
        place.show(&state);
        let landed = place.answer(&address, true);
        place.show(&parameter(&landed, "code"));
        for wrong in wrongs {
            terminal.expect("paste");
            std::thread::sleep(Duration::from_millis(200));
            terminal.enter(&wrong(&landed, &state));
            terminal.expect("cannot be used");
            assert!(place.town.books().asked.is_empty(), "the code was sent on");
        }
        if wrongs.len() < 3 {
            // twice wrong is forgiven
            std::thread::sleep(Duration::from_millis(200));
            terminal.enter(&landed);
            place.end(terminal, 0);
        } else {
            place.end(terminal, 7);
            assert!(place.town.books().asked.is_empty(), "the code was sent on");
            place.empty();
        }
        place.search();
    }
}
