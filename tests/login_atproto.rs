//! Logins by browser at the official PDS, started by `scripts/servers/start`, which tells where it and its directory are; without it
//! these tests say that they were skipped. The consent page is used through its own JSON API, as its script does. And the published
//! examples of proofs of possession.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "support/pictures.rs"]
mod pictures;
#[path = "support/specs.rs"]
mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use xpost::account::{Chain, SecretField, Secrets, Vault};
use xpost::deliver::{AddOptions, Engine, Options, Order, Written};
use xpost::login::{self, Desk, FACTS, Facts, Login, Nobody, Person, REFRESH, TOKEN};
use xpost::net::{Door, DoorOptions, Fault, Kind, Redactor};
use xpost::platform::{self, Ask, Content, ContentPost, MediaUse, Platform};
use xpost::store::{Account, Home, NewAccount, PartState, Scope, SecretSource, Store};
use xpost::text::Text;

/// Where a server is, or `None` (said aloud) where it is not running.
fn place(variable: &str) -> Option<String> {
    let place = std::env::var(variable).ok().filter(|place| !place.is_empty());
    if place.is_none() {
        assert!(std::env::var("XPOST_TEST_REAL").is_err(), "{variable} is not set");
        eprintln!("skipped: {variable} is not set; `scripts/test` starts the servers");
    }
    place
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

/// A browser with cookies, on the page where the person agrees.
struct Consent {
    origin: String,
    page: String,
    cookies: BTreeMap<String, String>,
}

impl Consent {
    async fn send(&mut self, request: reqwest::RequestBuilder) -> reqwest::Response {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header("cookie", cookies.join("; ")).send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.insert(name.to_string(), value.to_string());
        }
        answer
    }

    /// The page itself.
    async fn open(address: &str) -> Consent {
        let origin = url::Url::parse(address).unwrap().origin().ascii_serialization();
        let mut consent = Consent { origin, page: address.to_string(), cookies: BTreeMap::new() };
        let request = http()
            .get(address)
            .header("sec-fetch-site", "none")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document");
        let answer = consent.send(request).await;
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        consent
    }

    /// One call of the page's script.
    async fn call(&mut self, name: &str, token: Option<&str>, body: &Value) -> Value {
        let mut request = http()
            .post(format!("{}/@atproto/oauth-provider/~api/{name}", self.origin))
            .header("sec-fetch-site", "same-origin")
            .header("sec-fetch-mode", "same-origin")
            .header("origin", &self.origin)
            .header("referer", &self.page)
            .header("x-csrf-token", &self.cookies["csrf-token"])
            .json(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = self.send(request).await;
        let status = answer.status();
        let value: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{name}: {value}");
        value
    }

    /// Where the page sends the browser in the end.
    async fn back(&mut self, url: &str) -> String {
        let request = http()
            .get(url)
            .header("sec-fetch-site", "same-origin")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
            .header("referer", &self.page);
        let answer = self.send(request).await;
        answer.headers()["location"].to_str().unwrap().to_string()
    }
}

/// Somebody with a browser, who agrees or does not.
struct Somebody {
    handle: String,
    password: String,
    agrees: bool,
    said: Mutex<Vec<String>>,
}

impl Somebody {
    fn new(handle: &str, password: &str) -> Somebody {
        Somebody { handle: handle.into(), password: password.into(), agrees: true, said: Mutex::default() }
    }
}

async fn walk(start: String, handle: String, password: String, agrees: bool) {
    let first = http().get(&start).send().await.unwrap();
    let address = first.headers()["location"].to_str().unwrap().to_string();
    let mut consent = Consent::open(&address).await;
    let url = if agrees {
        let body = json!({"locale": "en", "username": handle, "password": password, "remember": false});
        let signed = consent.call("sign-in", None, &body).await;
        let did = &signed["account"]["did"];
        let token = signed["ephemeralToken"].as_str().unwrap();
        consent.call("consent", Some(token), &json!({ "did": did })).await["url"].clone()
    } else {
        consent.call("reject", None, &json!({})).await["url"].clone()
    };
    let back = consent.back(url.as_str().unwrap()).await;
    assert!(http().get(back).send().await.unwrap().status().is_success());
}

#[async_trait]
impl Person for Somebody {
    fn browser(&self) -> bool {
        true
    }

    fn visit(&self, _: &str, start: Option<&str>) {
        tokio::spawn(walk(start.unwrap().to_string(), self.handle.clone(), self.password.clone(), self.agrees));
    }

    fn enter_code(&self, _: &str, _: &str, _: Option<&str>, _: DateTime<Utc>) {}

    async fn ask(&self, what: &str, _: bool) -> Result<SecretString, Fault> {
        panic!("asked for {what}")
    }

    fn say(&self, line: &str) {
        self.said.lock().unwrap().push(line.to_string());
    }
}

fn bluesky() -> &'static dyn Platform {
    platform::by_name("bluesky").unwrap()
}

fn way() -> &'static Login {
    bluesky().logins().iter().find(|way| way.name == "browser").unwrap()
}

fn fields(_: &str, way: &str) -> Vec<SecretField> {
    let way = bluesky().logins().iter().find(|login| login.name == way).unwrap_or(&bluesky().logins()[0]);
    way.keeps.iter().map(|name| SecretField { name, required: true }).collect()
}

/// A machine of its own, with an account that is not logged in yet.
struct World {
    directory: tempfile::TempDir,
    redactor: Redactor,
    pds: String,
    somebody: Somebody,
}

impl World {
    async fn new(name: &str) -> Option<World> {
        let (Some(pds), Some(plc)) = (place("XPOST_TEST_PDS"), place("XPOST_TEST_PLC")) else { return None };
        // several runs may use one server
        let handle = format!("{name}{}.test", Utc::now().timestamp_micros() % 1_000_000_000);
        let password = format!("password-of-{handle}");
        let body = json!({"email": format!("{handle}@example.com"), "handle": handle, "password": password});
        let url = format!("{pds}/xrpc/com.atproto.server.createAccount");
        let answer = http().post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        let somebody = Somebody::new(&handle, &password);
        let world = World {
            directory: tempfile::tempdir().unwrap(),
            redactor: Redactor::default(),
            pds: pds.clone(),
            somebody,
        };
        let new = NewAccount {
            name: "sky".into(),
            platform: "bluesky".into(),
            server: pds,
            settings: json!({"handle": handle, "plc": plc}),
            secret: SecretSource::File,
            secret_key: None,
            login: Value::Null,
        };
        world.engine().store().account_add(new).await.unwrap();
        Some(world)
    }

    fn home(&self) -> Home {
        Home::at(self.directory.path())
    }

    fn chain(&self) -> Chain {
        Chain::new(&self.home(), self.redactor.clone(), fields).with_env(Arc::new(|_| None))
    }

    /// A new process, as far as the journal can tell.
    fn engine(&self) -> Engine {
        let store = Arc::new(Store::open(&self.home().database()).unwrap());
        let door = Arc::new(Door::new(DoorOptions::default(), self.redactor.clone()).unwrap());
        Engine::new(store, door, Arc::new(self.chain()), &self.home(), Options::default()).unwrap()
    }

    async fn account(&self) -> Account {
        self.engine().store().account("sky").await.unwrap().unwrap()
    }

    async fn enter(&self, person: &Somebody) -> Result<login::Grant, Fault> {
        let (engine, account) = (self.engine(), self.account().await);
        login::enter(&desk(&engine, &account, person), way()).await
    }

    /// Logs in and keeps it, as the command line does.
    async fn log_in(&self) {
        let grant = self.enter(&self.somebody).await.unwrap();
        self.keep(&grant.to_keep()).await;
    }

    async fn keep(&self, secrets: &Secrets) {
        let account = self.account().await;
        self.chain().replace(&account, secrets).await.unwrap();
        let facts: Value = serde_json::from_str(secrets[FACTS].expose_secret()).unwrap();
        self.engine().store().account_login(&account.secret_key, facts, None).await.unwrap();
    }

    async fn held(&self) -> Secrets {
        self.chain().load(&self.account().await).await.unwrap()
    }

    /// Keeps the login with other facts.
    async fn pretend(&self, change: impl Fn(&mut Facts)) {
        let mut secrets = self.held().await;
        let mut facts = Facts::among(&secrets).unwrap();
        change(&mut facts);
        secrets.insert(FACTS.into(), SecretString::from(serde_json::to_string(&facts).unwrap()));
        self.keep(&secrets).await;
    }

    /// Publishes through the engine; the records as the PDS has them.
    async fn publish(&self, texts: &[&str], picture: bool) -> Vec<Value> {
        let (engine, account) = (self.engine(), self.account().await);
        let mut posts: Vec<ContentPost> =
            texts.iter().map(|text| ContentPost { text: Text::plain(*text), media: Vec::new() }).collect();
        if picture {
            let media = pictures::media(self.directory.path(), "crab.png");
            posts[0].media.push(MediaUse { media, alt: Some("A crab".into()), extras: Default::default() });
        }
        let content = content(posts);
        let info = xpost::platform::AccountInfo::from(&account);
        let limits = bluesky().limits(&info.about);
        let rendered = bluesky().render(&Ask { content: &content, account: Some(&info), limits: &limits });
        assert_eq!(rendered.problems, []);
        let order = Order {
            account,
            plan_hash: texts.join("|"),
            parts: rendered.parts,
            reply_to: None,
            quote: None,
            expires_at: None,
        };
        let written = Written { source: "test".into(), title: None, body: texts.join(" "), hash: texts.join("|") };
        let added = engine.add(&written, &[order], &AddOptions::default()).await.unwrap();
        let id = added[0].delivery_id;
        let (_keep, stop) = tokio::sync::watch::channel(false);
        engine.run(Scope::Deliveries(vec![id]), Arc::new(|_| {}), stop).await.unwrap();
        let row = engine.store().delivery(id).await.unwrap().unwrap();
        let mut records = Vec::new();
        for part in &row.parts {
            assert_eq!(part.state, PartState::Sent, "{:?}", part.fault);
            let uri = part.receipt.as_ref().unwrap()["id"].as_str().unwrap().to_string();
            let [repo, collection, key] = uri.strip_prefix("at://").unwrap().split('/').collect::<Vec<_>>()[..] else {
                panic!("{uri}")
            };
            let url =
                format!("{}/xrpc/com.atproto.repo.getRecord?repo={repo}&collection={collection}&rkey={key}", self.pds);
            records.push(http().get(url).send().await.unwrap().json().await.unwrap());
        }
        records
    }
}

fn desk<'a>(engine: &'a Engine, account: &'a Account, person: &'a dyn Person) -> Desk<'a> {
    Desk {
        door: engine.door(),
        account: &account.name,
        title: "Bluesky",
        server: &account.server,
        settings: &account.settings,
        app: None,
        person,
    }
}

fn content(posts: Vec<ContentPost>) -> Content {
    Content {
        posts,
        lang: Some("en".into()),
        options: BTreeMap::from([("threadgate".to_string(), json!("nobody")), ("quotes".to_string(), json!(false))]),
        ..Content::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_browser_to_posts_and_back_out() {
    let Some(world) = World::new("ann").await else { return };
    world.log_in().await;
    let facts = Facts::among(&world.held().await).unwrap();
    // nothing wider than what was asked for, and all of that
    let mut asked: Vec<&str> = login_scopes();
    let mut granted: Vec<&str> = facts.scopes.as_ref().unwrap().iter().map(String::as_str).collect();
    asked.sort_unstable();
    granted.sort_unstable();
    assert_eq!(granted, asked);
    assert_eq!(facts.issuer, world.pds);
    assert!(facts.subject.starts_with("did:plc:"), "{}", facts.subject);
    assert!((facts.login_ends.unwrap() - Utc::now() - TimeDelta::days(14)).num_minutes().abs() <= 1);

    let (account, profile) = world.engine().check(world.account().await).await.unwrap();
    assert_eq!(
        (profile.id.as_str(), profile.handle.as_str()),
        (facts.subject.as_str(), format!("@{}", world.somebody.handle).as_str())
    );
    assert_eq!(account.remote_id, facts.subject);

    let records = world.publish(&["with a picture", "and a second part"], true).await;
    assert_eq!(records[0]["value"]["embed"]["images"][0]["alt"], "A crab");
    assert_eq!(records[1]["value"]["reply"]["parent"]["uri"], records[0]["uri"]);

    // the permissions are those of posting: a profile cannot be changed with them
    let other = world.door_post("app.bsky.actor.profile").await;
    assert_eq!(other, (403, "ScopeMissingError".to_string()));

    // an access token that is over is renewed ahead of the post; two processes renew once
    let before = world.held().await;
    world.pretend(|facts| facts.access_ends = Some(Utc::now())).await;
    let (one, other) = (world.engine(), world.engine());
    let account = world.account().await;
    let (first, second) = tokio::join!(one.check(account.clone()), other.check(account.clone()));
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    let after = world.held().await;
    for name in [TOKEN, REFRESH] {
        assert_ne!(before[name].expose_secret(), after[name].expose_secret(), "{name}");
    }
    assert_eq!(world.publish(&["after renewing"], false).await[0]["value"]["text"], "after renewing");

    // a machine whose clock is ten minutes off either way: its proofs are refused, once
    let key = login::dpop::Dpop::from_secret(&world.held().await["dpop_key"]).unwrap();
    for minutes in [10, -10] {
        let wrong = TimeDelta::minutes(minutes);
        mislead(&key, &world.pds, wrong);
        assert_eq!(world.refused_for_its_time(&key).await, (401, "invalid_dpop_proof".to_string()));
        assert_eq!(key.ahead(&world.pds), TimeDelta::zero(), "learnt from the refusal");
        mislead(&key, &world.pds, wrong);
        let text = format!("clock {minutes}");
        assert_eq!(world.publish(&[&text], false).await[0]["value"]["text"], text.as_str());
        mislead(&key, &world.pds, wrong);
        world.pretend(|facts| facts.access_ends = Some(Utc::now())).await;
        world.engine().check(world.account().await).await.unwrap();
        assert_eq!(key.ahead(&world.pds), TimeDelta::zero());
    }

    // out again
    let (engine, account, held) = (world.engine(), world.account().await, world.held().await);
    let facts = Facts::among(&held).unwrap();
    assert!(login::revoke(&desk(&engine, &account, &Nobody), way(), &held, &facts).await.unwrap());
    let fault = world.engine().check(account).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Auth, Some("invalid_grant")), "{fault}");
    assert!(fault.message.contains("`xpost account login sky`"), "{fault}");

    // nothing secret outside the secrets' own files
    for entry in walkdir(world.directory.path()) {
        let text = String::from_utf8_lossy(&std::fs::read(&entry).unwrap()).into_owned();
        let secret = [&before, &after, &held].iter().any(|secrets| {
            [TOKEN, REFRESH, "dpop_key"].iter().any(|name| text.contains(secrets[*name].expose_secret()))
        });
        assert!(!secret || entry.components().any(|part| part.as_os_str() == "secrets"), "{}", entry.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_is_used_twice_ends_the_login() {
    let Some(world) = World::new("bob").await else { return };
    world.log_in().await;
    let old = world.held().await;
    world.pretend(|facts| facts.access_ends = Some(Utc::now())).await;
    world.engine().check(world.account().await).await.unwrap();
    let new = world.held().await;
    let (engine, account) = (world.engine(), world.account().await);
    let facts = Facts::among(&old).unwrap();
    let fault = login::renew(&desk(&engine, &account, &Nobody), way(), &old, &facts).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Auth, Some("invalid_grant")), "{fault}");
    world.keep(&new).await;
    let fault = world.engine().check(world.account().await).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Auth, "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_no_is_not_logged_in() {
    let Some(world) = World::new("cat").await else { return };
    let no = Somebody { agrees: false, ..Somebody::new(&world.somebody.handle, &world.somebody.password) };
    let fault = world.enter(&no).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Auth, Some("access_denied")), "{fault}");
    // somebody else's account
    let Some(other) = World::new("dan").await else { return };
    let fault = world.enter(&other.somebody).await.unwrap_err();
    assert!(fault.kind == Kind::Auth && fault.message.contains("you logged in as `did:plc:"), "{fault}");
    // without a handle it is whoever logs in
    let engine = other.engine();
    let account = Account { settings: json!({"plc": other.account().await.settings["plc"]}), ..other.account().await };
    let grant = login::enter(&desk(&engine, &account, &other.somebody), way()).await.unwrap();
    assert_eq!(grant.facts.more["handle"], other.somebody.handle);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_an_app_password_is_ended() {
    let Some(world) = World::new("eve").await else { return };
    let account = world.account().await;
    let password = SecretString::from(world.somebody.password.clone());
    world.chain().replace(&account, &Secrets::from([("password".to_string(), password)])).await.unwrap();
    world.engine().check(account).await.unwrap();
    let held = world.chain().load(&world.account().await).await.unwrap();
    let engine = world.engine();
    let info = xpost::platform::AccountInfo::from(&world.account().await);
    let secrets = std::sync::RwLock::new(held.clone());
    let cx = platform::Cx {
        door: engine.door(),
        platform: bluesky(),
        account: &info,
        secrets: &secrets,
        sink: &NoSink,
        rate: &Mutex::default(),
    };
    bluesky().leave(&cx).await.unwrap();
    let url = format!("{}/xrpc/com.atproto.server.refreshSession", world.pds);
    let refresh = held["session_refresh"].expose_secret();
    let answer = http().post(url).bearer_auth(refresh).send().await.unwrap();
    assert_eq!(answer.status(), 400, "the session is over");
}

struct NoSink;

#[async_trait]
impl platform::Sink for NoSink {
    async fn save(&self, _: &Value) -> Result<(), Fault> {
        Ok(())
    }
    async fn keep(&self, _: &Secrets) -> Result<(), Fault> {
        Ok(())
    }
    async fn uploaded(&self, _: &str, _: &str) -> Result<Option<Value>, Fault> {
        Ok(None)
    }
    async fn remember_upload(&self, _: &str, _: &str, _: &Value, _: DateTime<Utc>) -> Result<(), Fault> {
        Ok(())
    }
    fn progress(&self, _: &str) {}
}

fn login_scopes() -> Vec<&'static str> {
    match way().flow {
        login::Flow::Own(own) => own.scopes().iter().map(|scope| scope.name).collect(),
        _ => Vec::new(),
    }
}

fn walkdir(root: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walkdir(&path)) } else { found.push(path) }
    }
    found
}

/// Makes this process believe that the clock there is wrong by this much.
fn mislead(key: &login::dpop::Dpop, url: &str, ahead: TimeDelta) {
    let at = Utc::now();
    let date = (at + ahead).to_rfc2822().replace("+0000", "GMT");
    let answer = xpost::net::Answer {
        status: 200,
        headers: [(reqwest::header::DATE, date.parse().unwrap())].into_iter().collect(),
        body: Vec::new(),
        request_id: None,
        rate: None,
        at,
        write: false,
        asked: String::new(),
    };
    assert!(!key.again(url, &answer));
    assert!((key.ahead(url) - ahead).num_seconds().abs() <= 1);
}

impl World {
    /// Sends one request with a proof of the wrong time, and takes in what the server says; status and error.
    async fn refused_for_its_time(&self, key: &login::dpop::Dpop) -> (u16, String) {
        let (engine, held) = (self.engine(), self.held().await);
        let url = format!("{}/xrpc/com.atproto.server.getSession", self.pds);
        let request = key.dress(xpost::net::Request::get(&url), Some(&held[TOKEN])).unwrap();
        let answer = engine.door().send(request).await.unwrap();
        assert!(key.again(&url, &answer), "with the right time it may be sent again");
        (answer.status, answer.value()["error"].as_str().unwrap_or_default().to_string())
    }

    /// Tries to write a record of another kind with the login's own key; status and error.
    async fn door_post(&self, collection: &str) -> (u16, String) {
        let held = self.held().await;
        let facts = Facts::among(&held).unwrap();
        let key = login::dpop::Dpop::from_secret(&held["dpop_key"]).unwrap();
        let url = format!("{}/xrpc/com.atproto.repo.putRecord", self.pds);
        let engine = self.engine();
        let build = || {
            let record = json!({"repo": facts.subject, "collection": collection, "rkey": "self",
                "record": {"$type": collection, "displayName": "not me"}});
            key.dress(xpost::net::Request::post(&url).json(record), Some(&held[TOKEN])).unwrap()
        };
        let mut answer = engine.door().send(build()).await.unwrap();
        if key.again(&url, &answer) {
            answer = engine.door().send(build()).await.unwrap();
        }
        (answer.status, answer.value()["error"].as_str().unwrap_or_default().to_string())
    }
}

/// The proofs and the token hash that the standard's draft gives as examples.
#[test]
fn published_proofs() {
    let Some(file) = support::specs("oauth/dpop-draft-examples.json") else { return };
    let examples: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut seen = Vec::new();
    for block in examples["blocks"].as_array().unwrap() {
        let text = block["text"].as_str().unwrap().replace("\\\n ", "");
        let Some((_, rest)) = text.split_once("DPoP: ") else { continue };
        let proof = rest.split_whitespace().next().unwrap();
        let read = login::dpop::Proof::read(proof).unwrap_or_else(|| panic!("not read: {proof}"));
        // the thumbprint that the draft binds its example token to
        assert_eq!(read.jkt, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        if let Some(hash) = read.claims["ath"].as_str() {
            assert_eq!(hash, login::dpop::hash("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"));
        }
        // one character of the signature changed
        let last = if proof.ends_with("Lg") { "Mg" } else { "Lg" };
        assert_eq!(login::dpop::Proof::read(&format!("{}{last}", &proof[..proof.len() - 2])), None);
        seen.push(format!("{} {}", read.claims["htm"].as_str().unwrap(), read.claims["htu"].as_str().unwrap()));
    }
    seen.sort();
    assert_eq!(
        seen,
        [
            "GET https://resource.example.org/protectedresource",
            "POST https://server.example.com/token",
            "POST https://server.example.com/token",
            "POST https://server.example.com/token"
        ]
    );
}
