//! The ways in: which scopes a server is asked for, and what becomes of a token.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::super::Network;
use super::super::twin::MastodonTwin;
use super::super::twin_oauth;
use super::*;
use crate::login::{self, Grant, Nobody};
use crate::net::{Door, DoorOptions, Redactor};
use crate::platform::Platform;
use crate::platform::person::{Ann, field};
use crate::platform::stage::{Stage, content, plain};
use crate::text::Text;
use crate::twin::{Incoming, Inject, Reply, Seen, Server, ServerOptions, Twin, What};

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

/// Somebody who copies the code that the server shows, unless the browser is here.
fn ann(stage: &Stage, here: bool) -> Ann {
    Ann { paste: field, ..Ann::new(stage, here) }
}

fn browser() -> &'static Login {
    &LOGINS[0]
}

/// A stage at a server whose tokens end, or not; the account has no token yet.
fn stage(ending: bool) -> Stage {
    let mut twin = MastodonTwin::default();
    twin.oauth.ending = ending;
    Stage::with_twin(&Network, 0, Box::new(twin)).logged_out()
}

async fn enter(stage: &Stage, person: &Ann) -> Result<Grant, Fault> {
    let grant = person.enter(stage, browser(), None).await;
    assert!(person.asked().iter().all(|what| what == "paste the code"), "{:?}", person.asked());
    grant
}

#[tokio::test]
async fn through_the_browser_to_a_post_and_out_again() {
    for here in [true, false] {
        let mut stage = stage(false);
        let grant = enter(&stage, &ann(&stage, here)).await.unwrap();
        let facts = &grant.facts;
        assert_eq!((facts.way.as_str(), facts.issuer.as_str()), ("browser", "https://mastodon.example"));
        assert_eq!(facts.scopes.as_ref().unwrap().join(" "), ALL);
        assert_eq!((facts.access_ends, facts.login_ends), (None, None), "Mastodon's tokens do not end");
        assert!(SCOPES.iter().all(|scope| scope.held(facts.scopes.as_ref().unwrap())));

        stage.keep(&grant);
        assert_eq!(Network.whoami(&stage.cx()).await.unwrap().handle, "@ann0@mastodon.example");
        stage.discover().await;
        let picture = stage.file("crab.png", "image/png", 100, None);
        std::fs::write(&picture.media.path, [b"\x89PNG\r\n\x1a\n".as_slice(), &[7; 92]].concat()).unwrap();
        let receipts = stage.publish(&content(vec![(Text::plain("a"), vec![picture])])).await.unwrap();
        let post = stage.posts(&content(vec![(Text::plain("a"), Vec::new())])).remove(0);
        let find = Network.find().unwrap();
        find.find(&stage.cx(), &post, &serde_json::Value::Null, chrono::Utc::now()).await.unwrap();
        Network.delete().unwrap().delete(&stage.cx(), &receipts[0]).await.unwrap();
        assert!(!Network.refresh(&stage.cx()).await.unwrap(), "there is nothing to renew");

        // no code, verifier, secret or token is shown by anything
        let clean = stage.clean_log();
        for name in ["token", "client_secret"] {
            assert!(!clean.contains(&plain(&grant.secrets, name)), "{name}");
        }
        let held = grant.to_keep();
        let desk_person = Nobody;
        let cx = stage.cx();
        assert!(login::revoke(&cx.desk(&desk_person), browser(), &held, &grant.facts).await.unwrap());
        assert_eq!(Network.whoami(&stage.cx()).await.unwrap_err().kind, Kind::Auth);
    }
}

#[tokio::test]
async fn each_login_registers_the_address_that_it_listens_at() {
    let stage = stage(false);
    for _ in 0..2 {
        enter(&stage, &ann(&stage, true)).await.unwrap();
    }
    enter(&stage, &ann(&stage, false)).await.unwrap();
    let log = stage.server.log();
    let apps = log.iter().filter(|exchange| exchange.request.path == "/api/v1/apps");
    let redirects: Vec<String> = apps
        .map(|exchange| exchange.request.form().into_iter().find(|(name, _)| name == "redirect_uris").unwrap().1)
        .collect();
    assert!(redirects[0].starts_with("http://127.0.0.1:") && redirects[0].ends_with("/callback"), "{redirects:?}");
    assert_eq!(redirects[2], "urn:ietf:wg:oauth:2.0:oob");
    assert_eq!(redirects.len(), 3);
}

#[tokio::test]
async fn a_token_that_ends_is_renewed_with_what_came_with_it() {
    let stage = stage(true);
    let grant = enter(&stage, &ann(&stage, true)).await.unwrap();
    let left = grant.facts.access_ends.unwrap() - chrono::Utc::now();
    assert!((twin_oauth::TOKEN_LIFE - left).num_seconds().abs() < 60, "{left}");
    assert!(!login::due(browser(), &grant.facts, chrono::Utc::now()));
    stage.keep(&grant);
    stage.server.inject(Inject::new(What::ExpireSessions));
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap_err().kind, Kind::Auth);
    assert!(Network.refresh(&stage.cx()).await.unwrap());
    Network.whoami(&stage.cx()).await.unwrap();
    let renewed = stage.secrets.read().unwrap().clone();
    assert_ne!(plain(&renewed, "token"), plain(&grant.secrets, "token"));
    assert_ne!(plain(&renewed, "refresh_token"), plain(&grant.secrets, "refresh_token"));
    assert_eq!(login::Facts::among(&renewed).unwrap().scopes, grant.facts.scopes);
    // the old one was good once
    let cx = stage.cx();
    let fault = login::renew(&cx.desk(&Nobody), browser(), &grant.to_keep(), &grant.facts).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Auth, Effect::None));
    assert!(!fault.message.contains(&plain(&grant.secrets, "refresh_token")), "{fault}");
    // neither of the two tokens opens anything afterwards
    let facts = login::Facts::among(&renewed).unwrap();
    assert!(login::revoke(&cx.desk(&Nobody), browser(), &renewed, &facts).await.unwrap());
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap_err().kind, Kind::Auth);
    assert_eq!(login::renew(&cx.desk(&Nobody), browser(), &renewed, &facts).await.unwrap_err().kind, Kind::Auth);
}

#[tokio::test]
async fn a_server_that_says_no_is_heard() {
    let stage = stage(false);
    let bent = |bend| Ann { bend, ..ann(&stage, true) };
    let more = bent(|address| address.replace("write%3Amedia", "admin%3Aread"));
    let fault = enter(&stage, &more).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Auth, Effect::None));
    // fewer scopes than can do without
    let fewer = bent(|address| address.replace("write%3Astatuses", "").replace("write%3Amedia", ""));
    let fault = enter(&stage, &fewer).await.unwrap_err();
    assert!(fault.kind == Kind::Auth && fault.message.contains("`write:statuses` (to post"), "{fault}");
    // without what is only good to have one can still post
    let some = bent(|address| address.replace("read%3Asearch", "").replace("write%3Amedia", ""));
    let grant = enter(&stage, &some).await.unwrap();
    let granted = grant.facts.scopes.unwrap();
    let missing: Vec<&str> = SCOPES.iter().filter(|scope| !scope.held(&granted)).map(|scope| scope.name).collect();
    assert_eq!(missing, ["read:search", "write:media"]);
}

#[test]
fn the_twin_is_as_strict_as_mastodon() {
    let mut twin = MastodonTwin::default();
    let mut post = |path: &str, fields: &[(&str, &str)]| {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let reply = twin.answer(&Incoming { method: "POST".into(), path: path.into(), body: body.into(), ..Incoming::default() });
        (reply.status, serde_json::from_slice::<serde_json::Value>(&reply.body).unwrap())
    };
    let app = |redirect| [("client_name", "x"), ("redirect_uris", redirect), ("scopes", "read:statuses write:statuses")];
    assert_eq!(post("/api/v1/apps", &[("client_name", ""), ("redirect_uris", BACK)]).0, 422);
    assert_eq!(post("/api/v1/apps", &[("client_name", "x"), ("redirect_uris", "callback")]).0, 422);
    assert_eq!(post("/api/v1/apps", &[("client_name", "x"), ("redirect_uris", BACK), ("scopes", "read nonsense")]).0, 422);
    let (status, given) = post("/api/v1/apps", &app(BACK));
    assert_eq!((status, &given["redirect_uris"]), (200, &json!([BACK])));
    let other = post("/api/v1/apps", &app(BACK)).1;
    let (id, secret) = (given["client_id"].as_str().unwrap(), given["client_secret"].as_str().unwrap());

    let authorize = |twin: &mut MastodonTwin, redirect: &str, scope: &str| {
        let query = [("client_id", id), ("redirect_uri", redirect), ("scope", scope), ("response_type", "code"), ("state", "s"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), ("code_challenge_method", "S256")];
        let query = query.map(|(name, value)| (name.to_string(), value.to_string())).into();
        let request = Incoming { method: "GET".into(), path: "/oauth/authorize".into(), query, ..Incoming::default() };
        let reply = twin.answer(&request);
        let to = reply.headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value.clone());
        (reply.status, to.unwrap_or_default())
    };
    assert_eq!(authorize(&mut twin, "http://127.0.0.1:9998/callback", "read:statuses"), (400, String::new()), "another port");
    assert!(authorize(&mut twin, BACK, "write:media").1.contains("error=invalid_scope"));
    let code = |twin: &mut MastodonTwin| {
        let to = authorize(twin, BACK, "write:statuses").1;
        to.split("code=").nth(1).unwrap().split('&').next().unwrap().to_string()
    };
    // RFC 7636, appendix B
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let exchange = |twin: &mut MastodonTwin, code: &str, change: &[(&str, &str)]| {
        let mut fields = std::collections::BTreeMap::from([("grant_type", "authorization_code"), ("code", code), ("client_id", id),
            ("client_secret", secret), ("redirect_uri", BACK), ("code_verifier", verifier)]);
        fields.extend(change.iter().copied());
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let reply = twin.answer(&Incoming { method: "POST".into(), path: "/oauth/token".into(), body: body.into(), ..Incoming::default() });
        (reply.status, serde_json::from_slice::<serde_json::Value>(&reply.body).unwrap())
    };
    for (change, status, error) in [
        (("client_secret", "no"), 401, "invalid_client"),
        (("redirect_uri", "http://127.0.0.1:9998/callback"), 400, "invalid_grant"),
        (("code_verifier", "another"), 400, "invalid_grant"),
        (("grant_type", "password"), 400, "unsupported_grant_type"),
    ] {
        let code = code(&mut twin);
        let (got, answer) = exchange(&mut twin, &code, &[change]);
        assert_eq!((got, answer["error"].as_str().unwrap()), (status, error), "{change:?}");
    }
    let stolen = code(&mut twin);
    let theirs = [("client_id", other["client_id"].as_str().unwrap()), ("client_secret", other["client_secret"].as_str().unwrap())];
    assert_eq!(exchange(&mut twin, &stolen, &theirs).0, 400, "another app's code");
    let (status, token) = exchange(&mut twin, &stolen, &[]);
    assert_eq!((status, token["scope"].as_str(), token.get("refresh_token")), (200, Some("write:statuses"), None));
    let token = token["access_token"].as_str().unwrap();
    assert_eq!((twin.oauth.allows(token, "write:statuses"), twin.oauth.allows(token, "read:statuses")), (Some(true), Some(false)));
    assert_eq!(exchange(&mut twin, &stolen, &[]).0, 400);
    assert_eq!(twin.oauth.allows(token, "write:statuses"), None, "a code that comes twice ends what it gave");
}
