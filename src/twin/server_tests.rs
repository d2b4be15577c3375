use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use super::*;

/// Stores each POST, and says so.
#[derive(Default)]
struct Notes(Vec<String>);

impl Twin for Notes {
    fn hosts(&self) -> Vec<String> {
        vec!["notes.example".into(), "notes.example:8443".into()]
    }
    fn answer(&mut self, request: &Incoming) -> Reply {
        if request.method == "POST" {
            self.0.push(String::from_utf8_lossy(&request.body).into_owned());
        }
        Reply::json(200, &json!({"path": request.path, "query": request.query, "bytes": request.body.len()}))
    }
    fn limited(&self, seconds: u64) -> Reply {
        Reply::text(429, "slow down").header("retry-after", seconds.to_string())
    }
    fn expired(&self) -> Reply {
        Reply::text(401, "expired")
    }
    fn timeline(&self) -> Vec<Seen> {
        self.0.iter().map(|text| Seen { text: text.clone(), ..Seen::default() }).collect()
    }
}

fn start() -> Server {
    Server::start(vec![("notes".into(), Box::new(Notes::default()))], &ServerOptions::default()).unwrap()
}

/// Sends these bytes and reads until the other side closes or `enough` bytes came.
fn raw(server: &Server, bytes: &[u8], enough: usize) -> String {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 65536];
    while answer.len() < enough {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(n) => answer.extend_from_slice(&piece[..n]),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(server: &Server, path: &str, body: &str) -> String {
    let text = format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    raw(server, text.as_bytes(), usize::MAX)
}

fn get(server: &Server, path: &str) -> String {
    raw(server, format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n").as_bytes(), usize::MAX)
}

#[test]
fn keep_alive_chunks_and_continue() {
    let server = start();
    let two = "GET /NOTES.example/a%20b?x=1&x=%C3%A9 HTTP/1.1\r\nhost: h\r\n\r\n\
        POST /notes.example:8443/c HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n\
        3;x=y\r\nabc\r\n2\r\nde\r\n0\r\ntrailer: t\r\n\r\n";
    let answer = raw(&server, two.as_bytes(), usize::MAX);
    assert!(answer.contains(r#""path":"/a b","query":[["x","1"],["x","é"]],"bytes":0"#), "{answer}");
    assert!(answer.contains("HTTP/1.1 100 Continue\r\n\r\n"), "{answer}");
    assert!(answer.contains(r#""path":"/c","query":[],"bytes":5"#), "{answer}");
    assert_eq!(server.timeline("notes")[0].text, "abcde");
    let log = server.log();
    assert_eq!((log.len(), log[0].request.method.as_str(), log[1].answered), (2, "GET", true));
}

#[test]
fn what_is_no_http_is_refused() {
    let server = start();
    assert!(raw(&server, b"\x16\x03\x01 tls\r\n\r\n", usize::MAX).starts_with("HTTP/1.1 400"));
    let huge = format!("POST /notes.example/ HTTP/1.1\r\ncontent-length: {}\r\n\r\n", 601 * 1024 * 1024);
    assert!(raw(&server, huge.as_bytes(), usize::MAX).starts_with("HTTP/1.1 413"));
    let chunk = "POST /notes.example/ HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n";
    assert!(raw(&server, chunk.as_bytes(), usize::MAX).starts_with("HTTP/1.1 413"));
    assert!(raw(&server, &[b'a'; 70_000], usize::MAX).starts_with("HTTP/1.1 4"));
    assert!(get(&server, "/other.example/x").contains("no twin answers for `other.example`"));
    assert!(server.timeline("notes").is_empty());
}

#[test]
fn every_fault_before_and_after() {
    let server = start();
    let hit = |what: What, when: Option<When>| {
        let before = server.timeline("notes").len();
        server.inject(Inject { when, ..Inject::new(what) });
        let answer = post(&server, "/notes.example/x", "note");
        (answer, server.timeline("notes").len() - before)
    };
    let (before, after) = (Some(When::Before), Some(When::After));
    assert_eq!(hit(What::Drop, before), (String::new(), 0));
    assert_eq!(hit(What::Drop, after), (String::new(), 1));
    for (when, stored) in [(before, 0), (after, 1)] {
        let (answer, n) = hit(What::Status { status: 502 }, when);
        assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway") && n == stored, "{answer} {n}");
    }
    let (answer, n) = hit(What::Limited { seconds: 7 }, None);
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: 7") && n == 0);
    let (answer, n) = hit(What::Expired, None);
    assert!(answer.starts_with("HTTP/1.1 401") && n == 0);
    let (answer, n) = hit(What::Truncated, None);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let promised: usize = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    assert!(n == 1 && body.len() < promised && !body.is_empty(), "{answer}");
    let (answer, n) = hit(What::Html, None);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("<title>") && n == 1);
    let (answer, n) = hit(What::Redirect { to: "https://evil.example/".into() }, None);
    assert!(answer.starts_with("HTTP/1.1 307") && answer.contains("location: https://evil.example/") && n == 0);
    assert!(post(&server, "/notes.example/x", "note").starts_with("HTTP/1.1 200"), "each fault hits once");
}

#[test]
fn huge_and_endless_answers() {
    let server = start();
    server.inject(Inject::new(What::Huge));
    let text = "POST /notes.example/x HTTP/1.1\r\ncontent-length: 0\r\n\r\n";
    let answer = raw(&server, text.as_bytes(), 9_000_000);
    assert!(answer.len() >= 9_000_000 && answer.contains("content-length: 209715200"));
    server.inject(Inject::new(What::Endless));
    let answer = raw(&server, text.as_bytes(), 140);
    assert!(answer.contains("transfer-encoding: chunked") && !answer.contains("\r\n0\r\n"), "{answer}");
    assert_eq!(server.timeline("notes").len(), 2);
    drop(server);
}

#[test]
fn delays_add_up_and_hold_up_nobody_else() {
    let options = ServerOptions { delay: Duration::from_millis(40), ..ServerOptions::default() };
    let server = Server::start(vec![("notes".into(), Box::new(Notes::default()))], &options).unwrap();
    server.inject(Inject::new(What::Delay { ms: 60 }).times(0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(get(&server, "/notes.example/").contains("200 OK")));
        }
    });
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(100) && took < Duration::from_millis(600), "{took:?}");
}

#[test]
fn the_desk() {
    let server = start();
    post(&server, "/notes.example/x", "hello");
    assert!(get(&server, "/").contains("<p class=\"text\" dir=\"auto\">hello</p>"));
    assert!(
        get(&server, "/_mock/timeline.json").contains(r#"{"notes":[{"id":"","account":"","title":null,"text":"hello""#)
    );
    let secret = "GET /notes.example/x HTTP/1.1\r\nauthorization: Bearer canary\r\nconnection: close\r\n\r\n";
    raw(&server, secret.as_bytes(), usize::MAX);
    let log = get(&server, "/_mock/log.json");
    assert!(log.contains(r#""status":200"#) && !log.contains("canary"), "{log}");
    assert!(post(&server, "/_mock/faults", r#"{"what":"drop","times":0}"#).starts_with("HTTP/1.1 200"));
    assert!(post(&server, "/_mock/faults", r#"{"what":"drip"}"#).starts_with("HTTP/1.1 400"));
    assert_eq!(post(&server, "/notes.example/x", "lost"), "");
    let delete = "DELETE /_mock/faults HTTP/1.1\r\nhost: localhost:1\r\nconnection: close\r\n\r\n";
    assert!(raw(&server, delete.as_bytes(), usize::MAX).starts_with("HTTP/1.1 204"));
    assert!(post(&server, "/notes.example/x", "kept").starts_with("HTTP/1.1 200"));
    let elsewhere = "GET / HTTP/1.1\r\nhost: rebound.example\r\nconnection: close\r\n\r\n";
    assert!(raw(&server, elsewhere.as_bytes(), usize::MAX).starts_with("HTTP/1.1 403"));
    assert!(get(&server, "/_mock/nothing").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_port_taken_is_an_error() {
    let server = start();
    let options = ServerOptions { port: server.port(), ..ServerOptions::default() };
    assert!(Server::start(Vec::new(), &options).is_err());
    let port = server.port();
    drop(server);
    let options = ServerOptions { port, ..ServerOptions::default() };
    assert!(Server::start(Vec::new(), &options).is_ok(), "the port is free again");
}

/// Answers for the notes of one person at the host of all notes.
struct Guest;

impl Twin for Guest {
    fn hosts(&self) -> Vec<String> {
        vec!["guest.example".into()]
    }
    fn shares(&self) -> Vec<String> {
        vec!["notes.example".into()]
    }
    fn claims(&self, request: &Incoming) -> bool {
        request.query("who") == Some("guest")
    }
    fn answer(&mut self, _: &Incoming) -> Reply {
        Reply::json(200, &json!({"guest": true}))
    }
    fn limited(&self, _: u64) -> Reply {
        Reply::empty(429)
    }
    fn expired(&self) -> Reply {
        Reply::empty(401)
    }
    fn timeline(&self) -> Vec<Seen> {
        Vec::new()
    }
}

#[test]
fn a_host_may_be_shared() {
    let both: Vec<(String, Box<dyn Twin>)> =
        vec![("notes".into(), Box::new(Notes::default())), ("guest".into(), Box::new(Guest))];
    let server = Server::start(both, &ServerOptions::default()).unwrap();
    assert!(get(&server, "/notes.example/x?who=guest").contains("guest\":true"));
    assert!(get(&server, "/notes.example/x?who=ann").contains("\"path\":\"/x\""));
    assert!(get(&server, "/guest.example/x").contains("guest\":true"));
    let alone = Server::start(vec![("guest".into(), Box::new(Guest))], &ServerOptions::default()).unwrap();
    assert!(get(&alone, "/notes.example/x?who=ann").contains("guest\":true"), "nobody else is there");
}
