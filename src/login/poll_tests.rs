use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use url::Url;

use super::super::sitter::{Sitter, door};
use super::super::{Facts, Flow, Login, Scope, TOKEN};
use super::*;
use crate::net::Door;
use crate::twin::{Incoming, Inject, Reply, Seen, Server, ServerOptions, Twin, What, When};

const HOST: &str = "mi.example";
const SERVER: &str = "https://mi.example";
const ISSUED: &str = "misskey-token-0123456789";

const FLOW: Poll = Poll {
    page: "{server}/miauth/{session}?name={name}&permission={scopes}",
    ask: "{server}/api/miauth/{session}/check",
    token: "/token",
    scopes: &[
        Scope { name: "write:notes", why: "to publish", optional: false },
        Scope { name: "write:drive", why: "to upload", optional: false },
    ],
    joined: ",",
    every: Duration::from_millis(20),
    at_most: Duration::from_secs(30),
};

/// Sessions that were agreed to: how often they are asked about before the yes shows, and whether it was told.
type Sessions = Arc<Mutex<BTreeMap<String, (u32, bool)>>>;

struct Mi(Sessions);

impl Twin for Mi {
    fn hosts(&self) -> Vec<String> {
        vec![HOST.into()]
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        let path = request.segments();
        let ("POST", ["api", "miauth", session, "check"]) = (request.method.as_str(), path.as_slice()) else {
            return Reply::json(404, &json!({"error": {"message": "no such endpoint", "code": "NO_SUCH_ENDPOINT"}}));
        };
        if request.header("content-type") != Some("application/json") || request.json() != json!({}) {
            return Reply::json(400, &json!({"error": {"message": "no JSON", "code": "INVALID_PARAM"}}));
        }
        let mut sessions = self.0.lock().unwrap();
        match sessions.get_mut(*session) {
            Some((0, told @ false)) => {
                *told = true;
                Reply::json(200, &json!({"ok": true, "token": ISSUED, "user": {"id": "9abc"}}))
            }
            Some((left @ 1.., _)) => {
                *left -= 1;
                Reply::json(200, &json!({"ok": false}))
            }
            _ => Reply::json(200, &json!({"ok": false})),
        }
    }

    fn limited(&self, seconds: u64) -> Reply {
        let said = json!({"error": {"message": "slow down", "code": "RATE_LIMIT_EXCEEDED"}});
        Reply::json(429, &said).header("retry-after", seconds.to_string())
    }

    fn expired(&self) -> Reply {
        Reply::json(401, &json!({"error": {"message": "gone", "code": "AUTHENTICATION_FAILED"}}))
    }

    fn timeline(&self) -> Vec<Seen> {
        Vec::new()
    }
}

/// Agrees, so that the yes shows after so many questions.
fn agree(sessions: &Sessions, address: &str, after: u32) {
    let url = Url::parse(address).unwrap();
    assert_eq!((url.scheme(), url.host_str()), ("https", Some(HOST)));
    let asked: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!((asked["name"].as_str(), asked["permission"].as_str()), ("xpost (work)", "write:notes,write:drive"));
    let session = url.path().strip_prefix("/miauth/").unwrap();
    let uuid: Uuid = session.parse().unwrap();
    assert_eq!((uuid.get_version_num(), session.len()), (4, 36));
    sessions.lock().unwrap().insert(session.to_string(), (after, false));
}

fn start() -> (Sessions, Server, Door) {
    let sessions = Sessions::default();
    let twins: Vec<(String, Box<dyn Twin>)> = vec![("mi".into(), Box::new(Mi(sessions.clone())))];
    let server = Server::start(twins, &ServerOptions::default()).unwrap();
    let door = door(&server);
    (sessions, server, door)
}

async fn log_in(door: &Door, person: &Sitter<'_>, flow: &'static Poll) -> Result<Grant, Fault> {
    let settings = json!({});
    let desk = Desk { door, account: "work", title: "Misskey", server: SERVER, settings: &settings, app: None, person };
    let way = Login { name: "browser", about: "", flow: Flow::Poll(flow), keeps: &[TOKEN], asks: &[], page: None };
    super::super::enter(&desk, &way).await
}

#[tokio::test]
async fn asked_until_the_person_has_agreed() {
    let (sessions, server, door) = start();
    let person = Sitter::new(&[], |address| {
        agree(&sessions, address, 3);
        None
    });
    let grant = log_in(&door, &person, &FLOW).await.unwrap();
    assert_eq!(grant.secrets[TOKEN].expose_secret(), ISSUED);
    let Facts { way, issuer, access_ends, .. } = grant.facts;
    assert_eq!((way.as_str(), issuer.as_str(), access_ends), ("browser", SERVER, None));
    assert_eq!(server.log().len(), 4, "not asked once more after the yes");
    let seen = person.seen();
    assert!(seen[1].starts_with("waiting for your yes at Misskey, for 30 s at most"), "{seen:?}");
    let session = sessions.lock().unwrap().keys().next().unwrap().clone();
    assert_eq!(door.redactor().clean(&format!("{session} {ISSUED}")), "[secret] [secret]");
}

#[tokio::test]
async fn trouble_on_the_way_is_waited_out() {
    let (sessions, server, door) = start();
    // one after the other
    for what in [What::Drop, What::Status { status: 502 }, What::Truncated, What::Status { status: 503 }] {
        server.inject(Inject::new(what));
    }
    let person = Sitter::new(&[], |address| {
        agree(&sessions, address, 2);
        None
    });
    let grant = log_in(&door, &person, &FLOW).await.unwrap();
    assert_eq!(grant.secrets[TOKEN].expose_secret(), ISSUED);
    assert_eq!(server.log().len(), 6);
    let told = person.seen().iter().filter(|line| line.contains("asked again in")).count();
    assert_eq!(told, 1, "{:?}", person.seen());
}

#[tokio::test]
async fn nobody_says_yes() {
    const SHORT: Poll = Poll { at_most: Duration::from_millis(200), ..FLOW };
    let (_, server, door) = start();
    let began = std::time::Instant::now();
    let fault = log_in(&door, &Sitter::new(&[], |_| None), &SHORT).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Auth, Effect::None));
    assert_eq!(fault.message, "nobody said yes at Misskey within 0 s, and nothing was kept");
    assert!(began.elapsed() < Duration::from_secs(10) && !server.log().is_empty());
}

#[tokio::test]
async fn a_yes_that_was_lost_on_the_way_is_told() {
    const SHORT: Poll = Poll { at_most: Duration::from_millis(400), ..FLOW };
    let (sessions, server, door) = start();
    server.inject(Inject::new(What::Drop).when(When::After));
    let person = Sitter::new(&[], |address| {
        agree(&sessions, address, 0);
        None
    });
    let fault = log_in(&door, &person, &SHORT).await.unwrap_err();
    assert!(fault.message.contains("if you did say yes, end that access there and log in again"), "{fault}");
    let session = sessions.lock().unwrap().keys().next().unwrap().clone();
    assert!(!fault.message.contains(&session) && fault.message.contains("/api/miauth/{secret}/check"), "{fault}");
}

#[tokio::test]
async fn a_server_that_knows_nothing_of_it_is_not_asked_again() {
    const OTHER: Poll = Poll { ask: "{server}/api/other/{session}", ..FLOW };
    let (_, server, door) = start();
    let fault = log_in(&door, &Sitter::new(&[], |_| None), &OTHER).await.unwrap_err();
    assert_eq!((fault.kind, fault.status, server.log().len()), (Kind::Rejected, Some(404), 1));
    assert!(fault.message.starts_with("Misskey gives no token: "), "{fault}");
}

#[tokio::test]
async fn a_time_that_the_server_names_is_kept() {
    let (sessions, server, door) = start();
    server.inject(Inject::new(What::Limited { seconds: 1 }));
    let person = Sitter::new(&[], |address| {
        agree(&sessions, address, 0);
        None
    });
    log_in(&door, &person, &FLOW).await.unwrap();
    let log = server.log();
    assert_eq!(log.len(), 2);
    assert!(log[1].at - log[0].at > TimeDelta::milliseconds(800), "{} {}", log[0].at, log[1].at);
    // later than the login may take: given up at once
    server.inject(Inject::new(What::Limited { seconds: 3600 }));
    let fault = log_in(&door, &Sitter::new(&[], |_| None), &FLOW).await.unwrap_err();
    assert!(fault.message.contains("the last trouble on the way: Misskey gives no token: "), "{fault}");
    assert_eq!(server.log().len(), 3);
}
