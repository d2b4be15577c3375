//! Logins by browser against the twin, and against twins that cheat.

use secrecy::ExposeSecret;

use super::oauth::{Browser, KEY};
use super::twin::BlueskyTwin;
use super::*;
use crate::login::{App, Desk, Grant, REFRESH, TOKEN, Way};
use crate::platform::person::Ann;
use crate::platform::stage::{Stage, content};
use crate::twin::{Incoming, Reply, Seen};

/// A twin whose answers are spoilt on their way out.
struct Cheat {
    twin: BlueskyTwin,
    spoil: fn(&Incoming, Reply) -> Reply,
}

impl Twin for Cheat {
    fn hosts(&self) -> Vec<String> {
        [self.twin.hosts(), vec!["evil.example".into()]].concat()
    }
    fn answer(&mut self, request: &Incoming) -> Reply {
        let reply = self.twin.answer(request);
        (self.spoil)(request, reply)
    }
    fn limited(&self, seconds: u64) -> Reply {
        self.twin.limited(seconds)
    }
    fn expired(&self) -> Reply {
        self.twin.expired()
    }
    fn timeline(&self) -> Vec<Seen> {
        self.twin.timeline()
    }
}

fn cheating(spoil: fn(&Incoming, Reply) -> Reply) -> Stage {
    Stage::with_twin(&Network, 0, Box::new(Cheat { twin: BlueskyTwin::default(), spoil }))
}

/// The answer with one member of its JSON replaced.
fn with(reply: Reply, pointer: &str, value: Value) -> Reply {
    let mut body: Value = serde_json::from_slice(&reply.body).unwrap();
    *body.pointer_mut(pointer).unwrap() = value;
    Reply { body: body.to_string().into_bytes(), ..reply }
}

fn paths(stage: &Stage) -> Vec<String> {
    let log = stage.server.log();
    log.iter().map(|exchange| exchange.request.path.rsplit(['.', '/']).next().unwrap().to_string()).collect()
}

async fn enter(stage: &Stage) -> Result<Grant, Fault> {
    enter_by(stage, &Ann::new(stage, true)).await
}

async fn enter_by(stage: &Stage, person: &Ann) -> Result<Grant, Fault> {
    let grant = person.enter(stage, &LOGINS[1], None).await;
    at_the_twin(stage, person);
    grant
}

/// The browser was sent to the twin as it is, not to the network.
fn at_the_twin(stage: &Stage, person: &Ann) {
    let (visited, mirror) = (person.visited(), stage.server.url());
    assert!(visited.iter().all(|address| address.starts_with(&mirror)), "{visited:?}");
}

async fn logged_in() -> Stage {
    let stage = Stage::new(&Network, 0);
    stage.keep(&enter(&stage).await.unwrap());
    stage.server.clear_log();
    stage
}

fn text(text: &str) -> crate::platform::Content {
    content(vec![(Text::plain(text), Vec::new())])
}

/// No secret of the grant or of the exchanges is in this.
fn clean(stage: &Stage, shown: &str) {
    for exchange in stage.server.log() {
        let form = exchange.request.form();
        for name in ["code", "code_verifier", "state", "refresh_token", "token"] {
            let secret = form.iter().find(|(key, _)| key == name);
            assert!(secret.is_none_or(|(_, secret)| !shown.contains(secret.as_str())), "{name} in {shown}");
        }
    }
}

#[tokio::test]
async fn a_login_is_found_pushed_agreed_to_and_bound() {
    let stage = Stage::new(&Network, 0);
    let person = Ann::new(&stage, true);
    let grant = enter_by(&stage, &person).await.unwrap();
    assert_eq!(
        paths(&stage),
        ["resolveHandle", "did:plc:twinofblueskyaccountaaaa", "oauth-protected-resource", "oauth-authorization-server",
            "par", "par", "authorize", "token"]
        , "the first request without a nonce is sent once more"
    );
    let facts = &grant.facts;
    assert_eq!((facts.way.as_str(), facts.issuer.as_str()), ("browser", "https://bsky.social"));
    assert_eq!(facts.subject, "did:plc:twinofblueskyaccountaaaa");
    assert_eq!(facts.more["pds"], "https://morel.bsky.example");
    assert_eq!(facts.more["handle"], "ann0.bsky.example");
    let lasts = (facts.login_ends.unwrap() - Utc::now()).num_minutes();
    assert!((20155..=20160).contains(&lasts), "two weeks, not {lasts} min");
    let lasts = (facts.access_ends.unwrap() - Utc::now()).num_minutes();
    assert!((58..=60).contains(&lasts), "{lasts}");
    assert!(facts.scopes.as_ref().unwrap().contains(&"repo:app.bsky.feed.post".to_string()));
    let client = url::Url::parse(&facts.client_id).unwrap();
    assert_eq!((client.host_str(), client.port(), client.path()), (Some("localhost"), None, "/"));
    assert!(client.query_pairs().any(|(key, value)| key == "redirect_uri" && value == "http://127.0.0.1/callback"));
    assert_eq!(grant.secrets.keys().collect::<Vec<_>>(), [KEY, REFRESH, TOKEN]);
    // a renewed desk finds everything among the secrets
    stage.keep(&grant);
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap().handle, "@ann0.bsky.example");
    clean(&stage, &format!("{grant:?} {:?}", person.said()));
    let pushed = stage.server.log()[5].request.form();
    let hint = pushed.iter().find(|(name, _)| name == "login_hint").unwrap();
    assert_eq!(hint.1, "ann0.bsky.example");
}

#[tokio::test]
async fn a_warm_post_is_one_request() {
    let stage = logged_in().await;
    let receipts = stage.publish(&text("first")).await.unwrap();
    assert_eq!(paths(&stage), ["putRecord", "putRecord"], "this server's nonce was not known yet");
    stage.publish(&text("second")).await.unwrap();
    assert_eq!(paths(&stage).len(), 3);
    assert_eq!(stage.timeline().len(), 2);
    Platform::delete(&Network).unwrap().delete(&stage.cx(), &receipts[0]).await.unwrap();
    assert_eq!(stage.timeline().len(), 1);
    let sent = stage.server.log().pop().unwrap().request;
    assert!(sent.header("authorization").unwrap().starts_with("DPoP "));
}

#[tokio::test]
async fn a_picture_is_not_the_request_that_asks_for_a_nonce() {
    let stage = logged_in().await;
    let picture = stage.file("crab.png", "image/png", 2000, Some("The crab"));
    stage.publish(&content(vec![(Text::plain("look"), vec![picture])])).await.unwrap();
    assert_eq!(paths(&stage), ["getSession", "uploadBlob", "putRecord"]);
    assert_eq!(stage.timeline()[0].media.len(), 1);
}

#[tokio::test]
async fn an_expired_token_is_renewed_and_a_refresh_token_is_good_once() {
    let stage = logged_in().await;
    let first = stage.secrets.read().unwrap().clone();
    stage.server.expire_sessions("bluesky");
    let post = stage.posts(&text("a")).remove(0);
    let fault = stage.publish_one(&post).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect, fault.status), (Kind::Auth, Effect::None, Some(401)));
    assert!(Network.refresh(&stage.cx()).await.unwrap());
    stage.publish_one(&post).await.unwrap();
    let second = stage.secrets.read().unwrap().clone();
    for name in [TOKEN, REFRESH] {
        assert_ne!(first[name].expose_secret(), second[name].expose_secret(), "{name}");
    }
    assert_eq!(first[KEY].expose_secret(), second[KEY].expose_secret());
    let (old, new) = (crate::login::Facts::among(&first).unwrap(), stage.cx().facts().unwrap());
    assert_eq!((old.login_ends, old.granted_at, &old.client_id), (new.login_ends, new.granted_at, &new.client_id));
    // somebody uses the spent one: the network ends the whole login
    *stage.secrets.write().unwrap() = first;
    let fault = Network.refresh(&stage.cx()).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Auth, Some("invalid_grant")));
    assert!(fault.message.contains("`xpost account login test`"), "{fault}");
    clean(&stage, &fault.to_string());
    *stage.secrets.write().unwrap() = second;
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap_err().kind, Kind::Auth);
    assert_eq!(Network.refresh(&stage.cx()).await.unwrap_err().code.as_deref(), Some("invalid_grant"));
}

#[tokio::test]
async fn two_weeks_are_all() {
    let stage = logged_in().await;
    let mut facts = stage.cx().facts().unwrap();
    facts.login_ends = Some(Utc::now() - TimeDelta::minutes(1));
    let grant = Grant { secrets: stage.secrets.read().unwrap().clone(), facts };
    stage.keep(&grant);
    let fault = Network.refresh(&stage.cx()).await.unwrap_err();
    assert!(fault.kind == Kind::Auth && fault.message.contains("two weeks"), "{fault}");
    assert_eq!(paths(&stage).len(), 0);
}

#[tokio::test]
async fn what_is_revoked_is_good_for_nothing() {
    let stage = logged_in().await;
    let held = stage.secrets.read().unwrap().clone();
    let facts = stage.cx().facts().unwrap();
    assert!(crate::login::revoke(&stage.cx().desk(&crate::login::Nobody), &LOGINS[1], &held, &facts).await.unwrap());
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap_err().kind, Kind::Auth);
    assert_eq!(Network.refresh(&stage.cx()).await.unwrap_err().kind, Kind::Auth);
    assert!(stage.publish(&text("a")).await.is_err() && stage.timeline().is_empty());
}

#[tokio::test]
async fn a_session_of_an_app_password_ends_with_the_account() {
    let stage = Stage::new(&Network, 0);
    Network.leave(&stage.cx()).await.unwrap();
    assert_eq!(paths(&stage).len(), 0, "there was none");
    Network.whoami(&stage.cx()).await.unwrap();
    Network.leave(&stage.cx()).await.unwrap();
    assert_eq!(paths(&stage), ["createSession", "getSession", "deleteSession"]);
    assert_eq!(Network.whoami(&stage.cx()).await.unwrap_err().kind, Kind::Auth);
    Network.leave(&stage.cx()).await.unwrap();
}

#[tokio::test]
async fn ten_minutes_of_clock_do_no_harm() {
    for minutes in [10, -10] {
        let mut twin = BlueskyTwin::default();
        twin.oauth.ahead = TimeDelta::minutes(minutes);
        let stage = Stage::with_twin(&Network, 0, Box::new(twin));
        let grant = enter(&stage).await.unwrap();
        let ahead: i64 = grant.facts.more["clock_ahead"].parse().unwrap();
        assert!((ahead - minutes * 60).abs() <= 1, "{ahead}");
        stage.keep(&grant);
        stage.server.clear_log();
        // what was learnt at login spares the first post the refusal for its time
        stage.publish(&text("a")).await.unwrap();
        assert_eq!(paths(&stage), ["putRecord", "putRecord"]);
        assert!(Network.refresh(&stage.cx()).await.unwrap());
        stage.publish(&text("b")).await.unwrap();
        // what an earlier process learnt holds for a key that has asked nobody yet
        let mut facts = stage.cx().facts().unwrap();
        facts.more.insert("clock_ahead".into(), "-1200".into());
        let secret = crate::login::dpop::Dpop::generate().unwrap().to_secret();
        let key = oauth::key(&secret, &facts).unwrap();
        assert_eq!(key.ahead("https://morel.bsky.example"), TimeDelta::seconds(-1200));
    }
}

#[tokio::test]
async fn a_server_that_never_takes_its_nonce_is_left_alone() {
    let stage = cheating(|request, reply| match request.path.as_str() {
        "/oauth/token" | "/xrpc/com.atproto.repo.putRecord" => {
            Reply::json(400, &json!({"error": "use_dpop_nonce", "error_description": "again"})).header("dpop-nonce", "x")
        }
        _ => reply,
    });
    let fault = enter(&stage).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect, fault.code.as_deref()), (Kind::Unavailable, Effect::None, Some("use_dpop_nonce")));
    assert_eq!(paths(&stage).iter().filter(|path| *path == "token").count(), 2);
    clean(&stage, &fault.to_string());
    let other = logged_in().await;
    *stage.secrets.write().unwrap() = other.secrets.read().unwrap().clone();
    stage.server.clear_log();
    let fault = stage.publish(&text("a")).await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (Kind::Unavailable, Effect::None));
    assert_eq!(paths(&stage), ["putRecord", "putRecord"]);
}

/// What must not happen with a server that cheats in this way: no code and no token leave the house.
async fn refused_early(spoil: fn(&Incoming, Reply) -> Reply) -> String {
    let stage = cheating(spoil);
    let fault = enter(&stage).await.unwrap_err();
    assert_eq!(fault.effect, Effect::None);
    let paths = paths(&stage);
    assert!(!paths.iter().any(|path| path == "token"), "{paths:?}");
    assert!(!stage.server.log().iter().any(|exchange| exchange.request.host == "evil.example"), "{paths:?}");
    clean(&stage, &fault.to_string());
    fault.to_string()
}

#[tokio::test]
async fn metadata_that_lead_astray() {
    let why = refused_early(|request, reply| match request.path.ends_with("authorization-server") {
        true => with(reply, "/issuer", json!("https://evil.example")),
        false => reply,
    })
    .await;
    assert!(why.contains("speaks for another issuer than `https://bsky.social`"), "{why}");
    let why = refused_early(|request, reply| match request.path.ends_with("protected-resource") {
        true => with(reply, "/authorization_servers", json!(["http://127.0.0.1:9"])),
        false => reply,
    })
    .await;
    assert!(why.contains("an address that is not followed"), "{why}");
    let why = refused_early(|request, reply| match request.path.ends_with("protected-resource") {
        true => with(reply, "/authorization_servers", json!(["https://bsky.social", "https://evil.example"])),
        false => reply,
    })
    .await;
    assert!(why.contains("names 2 authorization servers"), "{why}");
    let why = refused_early(|request, reply| match request.path.ends_with("protected-resource") {
        true => with(reply, "/resource", json!("https://evil.example")),
        false => reply,
    })
    .await;
    assert!(why.contains("describes another server"), "{why}");
    for endpoint in ["pushed_authorization_request", "authorization", "token", "revocation"] {
        // the closure of a cheat holds nothing, so each has its own
        let spoil: fn(&Incoming, Reply) -> Reply = match endpoint {
            "pushed_authorization_request" => |request, reply| elsewhere(request, reply, "/pushed_authorization_request_endpoint"),
            "authorization" => |request, reply| elsewhere(request, reply, "/authorization_endpoint"),
            "token" => |request, reply| elsewhere(request, reply, "/token_endpoint"),
            _ => |request, reply| elsewhere(request, reply, "/revocation_endpoint"),
        };
        let why = refused_early(spoil).await;
        assert!(why.contains(&format!("names a `{endpoint}_endpoint` that is not its own")), "{why}");
    }
    let why = refused_early(|request, reply| match request.host == "plc.directory" {
        true => with(reply, "/service/0/serviceEndpoint", json!("http://127.0.0.1:9")),
        false => reply,
    })
    .await;
    assert!(why.contains("names no server that can be used"), "{why}");
    let why = refused_early(|request, reply| match request.host == "plc.directory" {
        true => with(reply, "/alsoKnownAs", json!(["at://somebody.else.example"])),
        false => reply,
    })
    .await;
    assert!(why.contains("which does not call itself so"), "{why}");
    let why = refused_early(|request, reply| match request.host == "plc.directory" {
        true => with(reply, "/id", json!("did:plc:somebodyelse")),
        false => reply,
    })
    .await;
    assert!(why.contains("another document"), "{why}");
    let why = refused_early(|request, reply| match request.path.ends_with("authorization-server") {
        true => with(reply, "/code_challenge_methods_supported", json!(["plain"])),
        false => reply,
    })
    .await;
    assert!(why.contains("`S256` in its `code_challenge_methods_supported`"), "{why}");
}

fn elsewhere(request: &Incoming, reply: Reply, pointer: &str) -> Reply {
    match request.path.ends_with("authorization-server") {
        true => with(reply, pointer, json!("https://evil.example/oauth")),
        false => reply,
    }
}

#[tokio::test]
async fn tokens_for_somebody_else_are_given_back() {
    let stage = cheating(|request, reply| match request.path == "/oauth/token" && reply.status == 200 {
        true => with(reply, "/sub", json!("did:plc:twinofblueskyaccountaaab")),
        false => reply,
    });
    let fault = enter(&stage).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Auth);
    assert!(fault.message.contains("you logged in as `did:plc:twinofblueskyaccountaaab`, not as `ann0.bsky.example`"), "{fault}");
    assert_eq!(paths(&stage).last().unwrap(), "revoke");
    // a token that anybody who reads it could use
    let stage = cheating(|request, reply| match request.path == "/oauth/token" && reply.status == 200 {
        true => with(reply, "/token_type", json!("Bearer")),
        false => reply,
    });
    assert!(enter(&stage).await.unwrap_err().message.contains("`token_type` of `DPoP`"));
    // renewed for somebody else
    let stage = cheating(|request, reply| {
        let refresh = String::from_utf8_lossy(&request.body).contains("grant_type=refresh_token");
        match refresh && reply.status == 200 {
            true => with(reply, "/sub", json!("did:plc:twinofblueskyaccountaaab")),
            false => reply,
        }
    });
    stage.keep(&enter(&stage).await.unwrap());
    let before = stage.secrets.read().unwrap()[TOKEN].expose_secret().to_string();
    assert!(Network.refresh(&stage.cx()).await.unwrap_err().message.contains("not of"));
    assert_eq!(stage.secrets.read().unwrap()[TOKEN].expose_secret(), before);
}

#[tokio::test]
async fn an_answer_of_another_issuer_is_not_used() {
    for back in [
        (|address| address.replace("iss=https%3A%2F%2Fbsky.social", "iss=https%3A%2F%2Fevil.example")) as fn(&str) -> String,
        |address| address.replace("iss=", "was="),
        |address| format!("{address}&iss=https%3A%2F%2Fevil.example"),
    ] {
        let stage = Stage::new(&Network, 0);
        let person = Ann { back, ..Ann::new(&stage, true) };
        let fault = enter_by(&stage, &person).await.unwrap_err();
        assert!(fault.kind == Kind::Auth && fault.message.contains("not from `https://bsky.social`"), "{fault}");
        assert_eq!(paths(&stage).last().unwrap(), "authorize", "the code was sent to nobody");
    }
    let stage = Stage::new(&Network, 0);
    let denied = |address: &str| address.replace("code=", "error=access_denied&error_description=The+user+rejected&was=");
    let person = Ann { back: denied, ..Ann::new(&stage, true) };
    let fault = enter_by(&stage, &person).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Auth, Some("access_denied")));
    assert!(fault.message.contains("The user rejected"), "{fault}");
}

#[tokio::test]
async fn the_address_can_be_pasted() {
    let stage = Stage::new(&Network, 0);
    let person = Ann::new(&stage, false);
    let grant = enter_by(&stage, &person).await.unwrap();
    assert_eq!(grant.facts.subject, "did:plc:twinofblueskyaccountaaaa");
}

#[tokio::test]
async fn without_a_handle_whoever_logs_in_is_looked_up() {
    let mut stage = Stage::new(&Network, 0);
    stage.account.settings = json!({});
    let grant = enter(&stage).await.unwrap();
    assert_eq!(grant.facts.more["handle"], "ann0.bsky.example");
    assert_eq!(grant.facts.more["pds"], "https://morel.bsky.example");
    let asked = paths(&stage);
    assert_eq!(asked[..2], ["oauth-protected-resource", "oauth-authorization-server"], "an entrance is the issuer itself");
    // his server trusts somebody else
    let mut stage = cheating(|request, reply| {
        match request.host == "morel.bsky.example" && request.path.ends_with("protected-resource") {
            true => with(reply, "/authorization_servers", json!(["https://evil.example"])),
            false => reply,
        }
    });
    stage.account.settings = json!({});
    let fault = enter(&stage).await.unwrap_err();
    assert!(fault.message.contains("does not trust `https://bsky.social`"), "{fault}");
    assert_eq!(paths(&stage).last().unwrap(), "revoke");
}

#[tokio::test]
async fn permissions() {
    // a server that knows no single ones refuses them, or leaves them out
    for spoil in [
        (|request: &Incoming, reply: Reply| {
            let narrow = String::from_utf8_lossy(&request.body).contains("scope=atproto+repo");
            match request.path == "/oauth/par" && narrow && reply.status == 201 {
                true => Reply::json(400, &json!({"error": "invalid_scope", "error_description": "unknown"})),
                false => reply,
            }
        }) as fn(&Incoming, Reply) -> Reply,
        |request, reply| {
            let narrow = String::from_utf8_lossy(&reply.body).contains("repo:");
            match request.path == "/oauth/token" && narrow {
                true => with(reply, "/scope", json!("atproto")),
                false => reply,
            }
        },
    ] {
        let stage = cheating(spoil);
        let person = Ann::new(&stage, true);
        let grant = enter_by(&stage, &person).await.unwrap();
        let scopes = grant.facts.scopes.clone().unwrap();
        assert_eq!(scopes[..2], ["atproto", "transition:generic"]);
        assert!(scopes.contains(&"repo:app.bsky.feed.post".to_string()));
        assert!(person.said()[0].contains("no single permissions"));
        stage.keep(&grant);
        stage.publish(&text("a")).await.unwrap();
    }
    // the person left the one that counts out
    let stage = cheating(|request, reply| match request.path == "/oauth/token" && reply.status == 200 {
        true => with(reply, "/scope", json!("atproto blob:image/*")),
        false => reply,
    });
    let fault = enter(&stage).await.unwrap_err();
    assert!(fault.kind == Kind::Auth && fault.message.contains("was left out"), "{fault}");
    assert_eq!(paths(&stage).iter().filter(|path| *path == "par").count(), 2, "nothing wider was asked for");
    let may = |scopes: &str| oauth::may_post(&scopes.split(' ').collect::<Vec<_>>());
    for good in [
        "atproto repo:app.bsky.feed.post",
        "atproto transition:generic",
        "atproto repo:*",
        "atproto repo:app.bsky.feed.post?action=create&action=update",
        "atproto repo?collection=app.bsky.feed.postgate&collection=app.bsky.feed.post",
    ] {
        assert!(may(good), "{good}");
    }
    for bad in [
        "repo:app.bsky.feed.post",
        "atproto",
        "atproto repo:app.bsky.feed.post?action=create",
        "atproto repo:app.bsky.feed.postgate",
        "atproto repository:app.bsky.feed.post",
    ] {
        assert!(!may(bad), "{bad}");
    }
}

#[tokio::test]
async fn an_app_of_ones_own() {
    let stage = Stage::new(&Network, 0);
    let person = Ann::new(&stage, true);
    let app = App { id: "https://app.example/client-metadata.json".into(), ..App::default() };
    let cx = stage.cx();
    let desk = Desk { app: Some(app.clone()), ..cx.desk(&person) };
    let grant = Browser.enter(&desk).await.unwrap();
    at_the_twin(&stage, &person);
    assert_eq!(grant.facts.client_id, app.id);
}

#[tokio::test]
async fn nobody_of_that_name() {
    let mut stage = Stage::new(&Network, 0);
    stage.account.settings = json!({"handle": "no.body.example"});
    let fault = enter(&stage).await.unwrap_err();
    assert!(fault.kind == Kind::Rejected && fault.message.contains("nobody is called `no.body.example`"), "{fault}");
    stage.account.settings = json!({"handle": "ann"});
    assert!(enter(&stage).await.unwrap_err().message.contains("`ann` is no handle"));
    stage.account.settings = json!({"handle": "did:plc:twinofblueskyaccountaaaa"});
    assert_eq!(enter(&stage).await.unwrap().facts.more["handle"], "ann0.bsky.example");
}
