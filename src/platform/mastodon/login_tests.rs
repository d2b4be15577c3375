//! The ways in: which scopes a server is asked for, and what becomes of a token.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::*;
use crate::login::Nobody;
use crate::net::{Door, DoorOptions, Redactor};
use crate::twin::{Incoming, Reply, Seen, Server, ServerOptions, Twin};

const SERVER: &str = "https://odd.example";
const BACK: &str = "http://127.0.0.1:9999/callback";

/// Which server it is: `(method, path, body)` to an answer.
type Answers = fn(&str, &str, &str) -> Reply;

/// A server that answers as a test wants, and remembers the bodies of what was posted.
struct Odd(Answers, Arc<Mutex<Vec<String>>>);

impl Twin for Odd {
    fn hosts(&self) -> Vec<String> {
        vec!["odd.example".into()]
    }
    fn answer(&mut self, request: &Incoming) -> Reply {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let reply = (self.0)(&request.method, &request.path, &body);
        if request.method == "POST" {
            self.1.lock().unwrap().push(body);
        }
        reply
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

fn nodeinfo(path: &str, software: &str) -> Option<Reply> {
    match path {
        // a link to another host, to another path
        "/.well-known/nodeinfo" => Some(Reply::json(200, &json!({"links": [
            {"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": "https://evil.example/nodeinfo/2.0"}]}))),
        "/nodeinfo/2.0" => Some(Reply::json(200, &json!({"software": {"name": software, "version": "1"}}))),
        _ => None,
    }
}

fn app() -> Reply {
    // Friendica and Takahē write numbers
    Reply::json(200, &json!({"id": 7, "client_id": 77, "client_secret": "the-app-secret"}))
}

fn missing() -> Reply {
    Reply::text(404, "not here")
}

/// Registers at such a server: the app or the refusal, and the scopes of every try.
async fn register(answers: Answers) -> (Result<App, Fault>, Vec<String>) {
    let log = Arc::new(Mutex::new(Vec::new()));
    let server = Server::start(vec![("odd".into(), Box::new(Odd(answers, log.clone())))], &ServerOptions::default()).unwrap();
    let options = DoorOptions { mirror: Some(server.url().parse().unwrap()), ..DoorOptions::default() };
    let door = Door::new(options, Redactor::default()).unwrap();
    let desk = Desk {
        door: &door,
        account: "work",
        title: "Mastodon",
        server: SERVER,
        settings: &serde_json::Value::Null,
        app: None,
        person: &Nobody,
    };
    let wanted: Vec<&str> = SCOPES.iter().map(|scope| scope.name).collect();
    let app = Apps.register(&desk, BACK, &wanted).await;
    if app.is_ok() {
        assert_eq!(door.redactor().clean("the-app-secret"), "[secret]");
    }
    let tries = log.lock().unwrap().clone();
    let scopes = tries.iter().map(|body| {
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        assert_eq!(value("redirect_uris").as_deref(), Some(BACK));
        assert_eq!(value("client_name").as_deref(), Some("xpost"));
        value("scopes").unwrap()
    });
    (app, scopes.collect())
}

const ALL: &str = "profile read:statuses read:search write:statuses write:media";
const OLDER: &str = "read:accounts read:statuses read:search write:statuses write:media";

#[tokio::test]
async fn a_server_is_asked_for_no_scope_that_it_does_not_know() {
    let listed: Answers = |_, path, _| match path {
        "/.well-known/oauth-authorization-server" => {
            let scopes: Vec<&str> = ALL.split(' ').chain(["read", "write", "follow"]).collect();
            Reply::json(200, &json!({"scopes_supported": scopes}))
        }
        "/api/v1/apps" => app(),
        _ => missing(),
    };
    let (app_given, scopes) = register(listed).await;
    let given = app_given.unwrap();
    assert_eq!(scopes, [ALL]);
    assert_eq!((given.id.as_str(), given.redirect.as_deref()), ("77", Some(BACK)));
    assert_eq!(given.scopes.unwrap().join(" "), ALL);

    let only_coarse: Answers = |_, path, _| match path {
        "/.well-known/oauth-authorization-server" => {
            Reply::json(200, &json!({"scopes_supported": ["read", "write", "follow", "push"]}))
        }
        "/api/v1/apps" => app(),
        _ => missing(),
    };
    assert_eq!(register(only_coarse).await.1, ["read write"]);

    let before_4_3: Answers = |_, path, _| match path {
        "/api/v1/apps" => app(),
        path => nodeinfo(path, "mastodon").unwrap_or_else(missing),
    };
    assert_eq!(register(before_4_3).await.1, [OLDER]);
    let snac: Answers = |_, path, _| match path {
        "/api/v1/apps" => app(),
        path => nodeinfo(path, "snac").unwrap_or_else(missing),
    };
    assert_eq!(register(snac).await.1, ["read write"]);
    let nothing_said: Answers = |_, path, _| if path == "/api/v1/apps" { app() } else { missing() };
    assert_eq!(register(nothing_said).await.1, ["read write"]);
}

#[tokio::test]
async fn a_server_that_refuses_the_fine_ones_is_asked_for_the_coarse_ones() {
    let picky: Answers = |_, path, body| match path {
        "/api/v1/apps" if body.contains("%3A") && body.contains("write%3A") => {
            Reply::json(422, &json!({"error": "Validation failed: Scopes doesn't match configured on the server."}))
        }
        "/api/v1/apps" => app(),
        path => nodeinfo(path, "akkoma").unwrap_or_else(missing),
    };
    let (given, scopes) = register(picky).await;
    assert_eq!(scopes, [OLDER, "read write"]);
    assert_eq!(given.unwrap().scopes.unwrap(), ["read", "write"]);
}

#[tokio::test]
async fn what_is_no_such_server_is_said_so() {
    let website: Answers = |_, _, _| Reply::html(404, "<h1>Not found</h1>");
    let fault = register(website).await.0.unwrap_err();
    assert_eq!(
        (fault.kind, fault.effect, fault.message.as_str()),
        (
            Kind::Rejected,
            Effect::None,
            "`https://odd.example` gives out no app as a server with Mastodon's API does; check the address"
        )
    );
    let forbidden: Answers = |_, path, _| match path {
        "/api/v1/apps" => Reply::json(403, &json!({"error": "This API requires an authenticated user"})),
        _ => missing(),
    };
    let fault = register(forbidden).await.0.unwrap_err();
    assert_eq!(fault.kind, Kind::Forbidden);
    assert_eq!(fault.message, "`https://odd.example` gives out no app: This API requires an authenticated user");
    let empty: Answers = |_, path, _| if path == "/api/v1/apps" { Reply::json(200, &json!({"client_id": "x"})) } else { missing() };
    let fault = register(empty).await.0.unwrap_err();
    assert_eq!((fault.kind, fault.message.contains("`client_secret`")), (Kind::Protocol, true));
    let trouble: Answers = |_, _, _| Reply::empty(503);
    assert_eq!(register(trouble).await.0.unwrap_err().kind, Kind::Unavailable);
}

#[test]
fn the_choice_of_scopes() {
    let choose = |wanted: &[&str], known: &[&str]| choose(wanted, &words(known)).join(" ");
    assert_eq!(choose(&["profile", "read:statuses", "write:statuses"], FINE), "read:accounts read:statuses write:statuses");
    assert_eq!(choose(&["profile", "read:statuses", "write:statuses"], &["read", "write:statuses"]), "read write:statuses");
    assert_eq!(choose(&["profile", "write:media", "write:statuses"], &["profile", "write"]), "profile write");
    for scope in SCOPES {
        let granted = [choose(&[scope.name], COARSE)];
        assert!(scope.held(&granted) || scope.name == "profile", "{}", scope.name);
    }
}

#[test]
fn a_token_is_one_word() {
    let check = |token: &str| one_word(&Secrets::from([("token".to_string(), SecretString::from(token))]));
    assert_eq!(check(" abc-DEF_123 \n"), Ok(()));
    for wrong in ["", "  ", "Bearer abc", "abc\ndef"] {
        let why = check(wrong).unwrap_err();
        assert!(!why.contains("abc"), "{why}");
    }
    assert!(one_word(&Secrets::new()).is_err());
}
