//! An authorization server made with the kit, a browser, and a person, for the tests of the flows.

mod attacks;
mod code;
mod device;
mod keep;
mod password;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::net::{DoorOptions, Effect, Redactor};
use crate::twin::{Incoming, Reply, Seen, Server, ServerOptions, Twin};

pub const HOST: &str = "auth.example";
pub const ORIGIN: &str = "https://auth.example";
pub const APP_SECRET: &str = "app-secret-0123456789";
pub const LOOPBACK: Redirect = Redirect::Loopback { host: "127.0.0.1", port: None, path: "/callback" };

pub const SCOPES: &[Scope] = &[
    Scope { name: "read", why: "to see who you are", optional: false },
    Scope { name: "write", why: "to publish", optional: false },
    Scope { name: "stats", why: "to count", optional: true },
];

/// As the standard has it; tests change what they are about.
pub const FLOW: Code = Code {
    authorize: "{server}/authorize",
    token: "{server}/token",
    revoke: Some(Revoke::Standard("{server}/revoke")),
    scopes: SCOPES,
    joined: " ",
    challenge: Challenge::S256,
    redirects: &[LOOPBACK],
    client: Client::App { secret: AppSecret::Needed },
    more: &[],
    dialect: Dialect::STANDARD,
    longer: None,
    renew: Renew::Refresh,
    life: Life::SAID,
};

/// What the server knows and how it behaves.
#[derive(Default)]
pub struct State {
    /// The name of the client's id in requests.
    pub id_name: Option<&'static str>,
    pub basic: bool,
    pub get: bool,
    pub hex: bool,
    /// No secret is expected.
    pub public: bool,
    /// Put around the token object.
    pub wrap: Option<fn(Value) -> Value>,
    /// Answers to requests of the token endpoint, taken before its own.
    pub script: VecDeque<Reply>,
    /// Granted instead of what was asked for.
    pub grants: Option<&'static str>,
    pub rotates: bool,
    /// What comes back with the browser beside code and state.
    pub back: Vec<(&'static str, String)>,
    /// The person says no.
    pub denies: bool,
    /// Asks for the last authorization.
    pub asked: BTreeMap<String, String>,
    codes: BTreeMap<String, (BTreeMap<String, String>, bool)>,
    refresh: BTreeSet<String>,
    used: BTreeSet<String>,
    pub access: BTreeSet<String>,
    pub revoked: Vec<(String, String)>,
    registered: BTreeMap<String, String>,
    /// The device grant's answers until it says yes.
    pub device: VecDeque<Reply>,
    count: u32,
    /// Everything secret that was handed out or came in.
    pub secrets: Vec<String>,
}

pub type Shared = Arc<Mutex<State>>;

pub struct AuthServer(Shared);

fn refuse(status: u16, code: &str, words: &str) -> Reply {
    Reply::json(status, &json!({"error": code, "error_description": words}))
}

impl State {
    fn fresh(&mut self, what: &str) -> String {
        self.count += 1;
        let secret = format!("{what}-secret-{:08}", self.count);
        self.secrets.push(secret.clone());
        secret
    }

    fn authorize(&mut self, request: &Incoming) -> Reply {
        self.asked = request.query.iter().cloned().collect();
        let asked = self.asked.clone();
        self.secrets.extend(asked.get("state").cloned());
        let mut to = url::Url::parse(&asked["redirect_uri"]).unwrap();
        if self.denies {
            let words = "the person thought better of it";
            to.query_pairs_mut().append_pair("error", "access_denied").append_pair("error_description", words);
        } else {
            let code = self.fresh("code");
            to.query_pairs_mut().append_pair("code", &code);
            self.codes.insert(code, (asked.clone(), false));
        }
        if let Some(state) = asked.get("state") {
            to.query_pairs_mut().append_pair("state", state);
        }
        for (name, value) in &self.back {
            to.query_pairs_mut().append_pair(name, value);
        }
        Reply::empty(302).header("location", to)
    }

    /// Whether the client is who it says.
    fn client(&self, request: &Incoming, form: &BTreeMap<String, String>) -> Result<(), Reply> {
        let no = |why: &str| Err(refuse(401, "invalid_client", why));
        let name = self.id_name.unwrap_or("client_id");
        let (id, secret) = if let Some(basic) = request.header("authorization") {
            let both = BASE64_STANDARD.decode(basic.strip_prefix("Basic ").unwrap()).unwrap();
            let both = String::from_utf8(both).unwrap();
            let (id, secret) = both.split_once(':').unwrap();
            let pairs: Vec<_> =
                url::form_urlencoded::parse(format!("i={id}&s={secret}").as_bytes()).into_owned().collect();
            if !self.basic || form.contains_key("client_secret") {
                return no("not by header");
            }
            (pairs[0].1.clone(), Some(pairs[1].1.clone()))
        } else {
            if self.basic {
                return no("by header");
            }
            (form.get(name).cloned().unwrap_or_default(), form.get("client_secret").cloned())
        };
        if let Some(expected) = self.registered.get(&id) {
            return if secret.unwrap_or_default() == *expected { Ok(()) } else { no("wrong secret") };
        }
        let expected = (!self.public).then(|| APP_SECRET.to_string());
        if id == "app-1" && secret == expected { Ok(()) } else { no("no such app") }
    }

    fn issue(&mut self, scopes: &str) -> Reply {
        let access = self.fresh("access");
        let refresh = self.fresh("refresh");
        self.access.insert(access.clone());
        self.refresh.insert(refresh.clone());
        let scope = self.grants.unwrap_or(scopes);
        let made = json!({"access_token": access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": refresh, "scope": scope});
        Reply::json(200, &self.wrap.map_or(made.clone(), |wrap| wrap(made)))
    }

    fn token(&mut self, request: &Incoming) -> Reply {
        if let Some(reply) = self.script.pop_front() {
            return reply;
        }
        if (request.method == "GET") != self.get {
            return Reply::text(405, "not with this method");
        }
        let pairs = if self.get { request.query.clone() } else { request.form() };
        let form: BTreeMap<String, String> = pairs.into_iter().collect();
        self.secrets.extend(form.get("code_verifier").cloned());
        if let Err(reply) = self.client(request, &form) {
            return reply;
        }
        match form["grant_type"].as_str() {
            "authorization_code" => {
                let Some((asked, used)) = self.codes.get_mut(&form["code"]) else {
                    return refuse(400, "invalid_grant", "no such code");
                };
                if std::mem::replace(used, true) {
                    return refuse(400, "invalid_grant", "a code is good once");
                }
                let asked = asked.clone();
                if form.get("redirect_uri") != asked.get("redirect_uri") {
                    return refuse(400, "invalid_grant", "another redirect address");
                }
                let proof = form.get("code_verifier").map(|verifier| {
                    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
                    if self.hex {
                        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
                    } else {
                        BASE64_URL_SAFE_NO_PAD.encode(digest)
                    }
                });
                if proof.as_ref() != asked.get("code_challenge") {
                    return refuse(400, "invalid_grant", "the proof does not fit");
                }
                self.issue(&asked.get("scope").cloned().unwrap_or_default())
            }
            "refresh_token" => {
                let old = &form["refresh_token"];
                if self.used.contains(old) {
                    // a thief may have it: the whole family goes
                    self.refresh.clear();
                    return refuse(400, "invalid_grant", "used twice");
                }
                if !self.refresh.contains(old) {
                    return refuse(400, "invalid_grant", "unknown");
                }
                if !self.rotates {
                    let access = self.fresh("access");
                    self.access.insert(access.clone());
                    return Reply::json(200, &json!({"access_token": access, "expires_in": 60}));
                }
                self.refresh.remove(old);
                self.used.insert(old.clone());
                self.issue("read write")
            }
            "urn:ietf:params:oauth:grant-type:device_code" => match self.device.pop_front() {
                Some(reply) => reply,
                None => self.issue("read write"),
            },
            _ => refuse(400, "unsupported_grant_type", "not here"),
        }
    }

    fn register(&mut self, request: &Incoming) -> Reply {
        let ask = request.json();
        let id = format!("made-{}", self.count);
        let public = ask["token_endpoint_auth_method"] == "none";
        let secret = if public { String::new() } else { self.fresh("client") };
        self.registered.insert(id.clone(), secret.clone());
        let mut made = ask;
        made["client_id"] = id.into();
        if !public {
            made["client_secret"] = secret.into();
        }
        Reply::json(201, &made)
    }
}

impl Twin for AuthServer {
    fn hosts(&self) -> Vec<String> {
        vec![HOST.to_string()]
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        let mut state = self.0.lock().unwrap();
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/authorize") => state.authorize(request),
            (_, "/token") => state.token(request),
            ("POST", "/register") => state.register(request),
            ("POST", "/revoke") => {
                if let Some(reply) = state.script.pop_front() {
                    return reply;
                }
                let form: BTreeMap<String, String> = request.form().into_iter().collect();
                if let Err(reply) = state.client(request, &form) {
                    return reply;
                }
                state.revoked.push((form["token"].clone(), form["token_type_hint"].clone()));
                Reply::empty(200)
            }
            ("POST", "/device") => {
                let code = state.fresh("device");
                state.asked = request.form().into_iter().collect();
                Reply::json(
                    200,
                    &json!({"device_code": code, "user_code": "ABCD-EFGH", "verification_uri": "https://auth.example/go",
                        "verification_uri_complete": "https://auth.example/go?user_code=ABCD-EFGH", "expires_in": 600, "interval": 5}),
                )
            }
            ("GET", "/longer") => {
                let query: BTreeMap<String, String> = request.query.iter().cloned().collect();
                let old = query.get("access_token").cloned().unwrap_or_default();
                if query.get("grant_type").map(String::as_str) != Some("th_exchange") || !state.access.contains(&old) {
                    return Reply::json(
                        400,
                        &json!({"error": {"message": format!("bad {old}"), "type": "OAuthException", "code": 190}}),
                    );
                }
                let access = state.fresh("long");
                state.access.insert(access.clone());
                Reply::json(200, &json!({"access_token": access, "token_type": "bearer", "expires_in": 5_184_000}))
            }
            ("DELETE", "/me/permissions") => {
                let token = request.bearer().unwrap_or_default().to_string();
                if !state.access.remove(&token) {
                    return refuse(401, "invalid_token", "gone");
                }
                state.revoked.push((token, "delete".into()));
                Reply::json(200, &json!({"success": true}))
            }
            ("POST", "/session") => {
                let name = if request.header("content-type").is_some_and(|mime| mime.contains("json")) {
                    request.json()
                } else {
                    json!(request.form().into_iter().collect::<BTreeMap<_, _>>())
                };
                if name["username"] != "ann" || name["pass"] != "pass-secret-0001" || name["stay"] != "true" {
                    return refuse(401, "incorrect_login", &format!("wrong: {name}"));
                }
                let token = state.fresh("session");
                state.access.insert(token.clone());
                Reply::json(200, &json!({"login": {"jwt": token, "expires_in": 600, "user_id": 7}}))
            }
            ("POST", "/logout") => {
                let token = request.bearer().unwrap_or_default().to_string();
                if state.access.remove(&token) { Reply::empty(204) } else { refuse(401, "not_logged_in", "") }
            }
            _ => Reply::text(404, "nothing here"),
        }
    }

    fn limited(&self, seconds: u64) -> Reply {
        refuse(429, "rate_limited", "slow").header("retry-after", seconds.to_string())
    }

    fn expired(&self) -> Reply {
        refuse(401, "invalid_token", "gone")
    }

    fn timeline(&self) -> Vec<Seen> {
        Vec::new()
    }
}

/// The server, a door to it, and what a login has at hand.
pub struct World {
    pub server: Server,
    pub state: Shared,
    pub door: Door,
    pub settings: Value,
    pub app: Option<App>,
}

pub fn world() -> World {
    recording(None)
}

pub fn recording(record: Option<std::path::PathBuf>) -> World {
    let state = Shared::default();
    let twin: Box<dyn Twin> = Box::new(AuthServer(state.clone()));
    let server = Server::start(vec![("auth".to_string(), twin)], &ServerOptions::default()).unwrap();
    let mirror = Some(url::Url::parse(&server.url()).unwrap());
    let options = DoorOptions { mirror, record, timeout: Some(Duration::from_secs(10)) };
    let door = Door::new(options, Redactor::default()).unwrap();
    let app = App { id: "app-1".into(), secret: Some(SecretString::from(APP_SECRET)), ..App::default() };
    World { server, state, door, settings: json!({}), app: Some(app) }
}

impl World {
    pub fn desk<'a>(&'a self, person: &'a dyn Person) -> Desk<'a> {
        Desk {
            door: &self.door,
            account: "work",
            title: "Example",
            server: ORIGIN,
            settings: &self.settings,
            app: self.app.clone(),
            person,
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A person whose browser does what it is told to.
    pub fn browsing(&self) -> Tester {
        let port = self.server.port();
        Tester::new(true, move |address, start| {
            tokio::spawn(browse(port, address, start));
        })
    }

    pub fn person(&self, answers: &[&str]) -> Tester {
        let person = Tester::new(false, |_, _| {});
        person.answers.lock().unwrap().extend(answers.iter().map(ToString::to_string));
        person
    }

    /// How many requests reached a path.
    pub fn asked(&self, path: &str) -> usize {
        self.server.log().iter().filter(|exchange| exchange.request.path == path).count()
    }

    /// A refusal says nothing that is nobody's business, and posts nothing.
    #[track_caller]
    pub fn proper(&self, fault: &Fault) {
        assert_eq!(fault.effect, Effect::None, "{fault}");
        self.clean(&format!("{fault} {fault:?}"));
    }

    #[track_caller]
    pub fn clean(&self, text: &str) {
        let state = self.state();
        for secret in state.secrets.iter().map(String::as_str).chain([APP_SECRET, "pass-secret-0001"]) {
            assert!(!text.contains(secret), "`{secret}` in: {text}");
        }
    }
}

/// Code, page, page with the code in it, and until when.
type Shown = (String, String, Option<String>, DateTime<Utc>);
type OnVisit = Box<dyn Fn(String, Option<String>) + Send + Sync>;

/// Whoever sits there.
pub struct Tester {
    browser: bool,
    on_visit: OnVisit,
    pub answers: Mutex<VecDeque<String>>,
    pub questions: Mutex<Vec<(String, bool)>>,
    pub said: Mutex<Vec<String>>,
    pub visited: Mutex<Vec<(String, Option<String>)>>,
    pub codes: Mutex<Vec<Shown>>,
}

impl Tester {
    pub fn new(browser: bool, on_visit: impl Fn(String, Option<String>) + Send + Sync + 'static) -> Tester {
        Tester {
            browser,
            on_visit: Box::new(on_visit),
            answers: Mutex::default(),
            questions: Mutex::default(),
            said: Mutex::default(),
            visited: Mutex::default(),
            codes: Mutex::default(),
        }
    }

    pub fn said(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }
}

#[async_trait]
impl Person for Tester {
    fn browser(&self) -> bool {
        self.browser
    }

    fn visit(&self, address: &str, start: Option<&str>) {
        let (address, start) = (address.to_string(), start.map(str::to_string));
        self.visited.lock().unwrap().push((address.clone(), start.clone()));
        (self.on_visit)(address, start);
    }

    fn enter_code(&self, code: &str, page: &str, whole: Option<&str>, until: DateTime<Utc>) {
        self.codes.lock().unwrap().push((code.into(), page.into(), whole.map(str::to_string), until));
    }

    async fn ask(&self, what: &str, hidden: bool) -> Result<SecretString, Fault> {
        self.questions.lock().unwrap().push((what.to_string(), hidden));
        let answer = self.answers.lock().unwrap().pop_front();
        let Some(mut answer) = answer else { return Err(Fault::new(Kind::Auth, "nobody answers")) };
        // what the browser landed on holds the state of this very login
        if let Some((address, _)) = self.visited.lock().unwrap().last() {
            answer = answer.replace("{state}", &param(address, "state"));
            answer = answer.replace("{redirect}", &param(address, "redirect_uri"));
        }
        Ok(SecretString::from(answer))
    }

    fn say(&self, line: &str) {
        self.said.lock().unwrap().push(line.to_string());
    }
}

/// A parameter of an address.
pub fn param(address: &str, name: &str) -> String {
    let url = url::Url::parse(address).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// One answer: status, location, everything.
pub struct Page {
    pub status: u16,
    pub location: String,
    pub whole: String,
}

/// Sends these bytes to a port of this machine.
pub async fn raw(port: u16, request: &str) -> Page {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let whole = String::from_utf8_lossy(&bytes).into_owned();
    let status = whole.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    let location = whole.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_default().to_string();
    Page { status, location, whole }
}

/// A GET as a browser makes it, with its `Host`.
pub async fn get(address: &str) -> Page {
    let url = url::Url::parse(address).unwrap();
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    raw(url.port().unwrap(), &format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await
}

/// Where the server would send the browser after the person agreed.
pub async fn agree(port: u16, address: &str) -> String {
    let mirrored = address.replace("https://", &format!("http://127.0.0.1:{port}/"));
    let page = get(&mirrored).await;
    assert_eq!(page.status, 302, "{}", page.whole);
    page.location
}

/// The whole way of a browser, from the short address to the last page.
pub async fn browse(port: u16, address: String, start: Option<String>) -> Page {
    let first = get(&start.expect("a browser is given a short address")).await;
    assert_eq!((first.status, first.location.as_str()), (302, address.as_str()));
    get(&agree(port, &address).await).await
}

/// A secret field in plain text.
pub fn plain<'a>(grant: &'a Grant, name: &str) -> &'a str {
    grant.secrets.get(name).map_or("", |secret| secret.expose_secret())
}

/// How far in the future, in seconds.
pub fn left(end: Option<DateTime<Utc>>) -> i64 {
    (end.unwrap() - Utc::now()).num_seconds()
}
