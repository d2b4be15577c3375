//! Stand-ins of the networks whose logins no server that one can install has: an https redirect that is pasted, a code that is shown,
//! a challenge in hexadecimal (TikTok), no PKCE at all, a short token traded for a long one (Meta), MiAuth (Misskey), OAuth 1.0a (X),
//! a password for a token.
//!
//! They are strict: a parameter too many, too few or of another form is refused and written down in [`Books::wrong`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use url::form_urlencoded;
use xpost::twin::{Incoming, Reply, Seen, Twin};

pub const HOST: &str = "lab.example";
pub const CLIENT: &str = "lab-app-7";
pub const CLIENT_SECRET: &str = "lab-client-secret-canary-71c2";
pub const PASSWORD: &str = "lab-password-canary-93f0";
/// A token that was made by hand.
pub const TYPED: &str = "lab-typed-token-canary-0a1b";
/// An address of a person's own app, where nobody serves anything.
pub const LANDING: &str = "https://app.example/landed";
const OOB: &str = "urn:ietf:wg:oauth:2.0:oob";

/// What the stand-in knows.
#[derive(Default)]
pub struct Books {
    tokens: BTreeMap<String, Token>,
    /// Refresh tokens that are good, and those that were used.
    refresh: BTreeMap<String, String>,
    used: BTreeMap<String, String>,
    codes: BTreeMap<String, Asked>,
    spent: BTreeMap<String, String>,
    tickets: BTreeMap<String, Asked>,
    sessions: BTreeMap<String, Option<bool>>,
    requests: BTreeMap<String, Request>,
    secrets: BTreeMap<String, String>,
    nonces: BTreeSet<String>,
    made: u32,
    posts: Vec<Seen>,
    /// Every secret that was made here or came here.
    pub secret: BTreeSet<String>,
    /// What clients did wrong.
    pub wrong: Vec<String>,
    /// What was asked of token endpoints, and how it ended.
    pub asked: Vec<String>,
}

#[derive(Clone, Default)]
struct Token {
    way: String,
    /// The login that it is of; revoking ends them all.
    family: String,
    ends: Option<DateTime<Utc>>,
    page: Option<String>,
}

/// An authorization request.
#[derive(Clone, Default)]
struct Asked {
    way: &'static str,
    redirect: String,
    state: String,
    challenge: Option<String>,
}

/// A request token of OAuth 1.0a.
struct Request {
    secret: String,
    pin: Option<String>,
}

/// How one stand-in differs from the standard.
struct Rules {
    way: &'static str,
    id: &'static str,
    basic: bool,
    challenge: Option<fn(&str) -> String>,
    redirect: fn(&str) -> bool,
    joined: char,
    get: bool,
}

const RULES: &[Rules] = &[
    Rules {
        way: "https",
        id: "client_id",
        basic: true,
        challenge: Some(s256),
        redirect: |to| to == LANDING,
        joined: ' ',
        get: false,
    },
    Rules {
        way: "shown",
        id: "client_id",
        basic: false,
        challenge: Some(s256),
        redirect: |to| to == OOB,
        joined: ' ',
        get: false,
    },
    Rules {
        way: "hex",
        id: "client_key",
        basic: false,
        challenge: Some(hex),
        redirect: loopback,
        joined: ',',
        get: false,
    },
    Rules { way: "bare", id: "client_id", basic: false, challenge: None, redirect: loopback, joined: ' ', get: false },
    Rules {
        way: "longer",
        id: "client_id",
        basic: false,
        challenge: None,
        redirect: |to| to == LANDING,
        joined: ',',
        get: true,
    },
];

/// The books, shared by the stand-in that is served and the test that looks into them.
#[derive(Clone, Default)]
pub struct Town(Arc<Mutex<Books>>);

type Refusal = Box<Reply>;
type Pairs = Vec<(String, String)>;

fn refuse(status: u16, error: &str) -> Refusal {
    Box::new(Reply::json(status, &json!({ "error": error })))
}

fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

fn hex(verifier: &str) -> String {
    digest::digest(&digest::SHA256, verifier.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn loopback(to: &str) -> bool {
    url::Url::parse(to).is_ok_and(|url| {
        url.scheme() == "http"
            && url.host_str() == Some("127.0.0.1")
            && url.port().is_some()
            && url.path() == "/callback"
    })
}

fn get<'a>(pairs: &'a Pairs, name: &str) -> &'a str {
    pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

impl Town {
    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Twin for Town {
    fn hosts(&self) -> Vec<String> {
        vec![HOST.into()]
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        self.books().route(request).unwrap_or_else(|refusal| *refusal)
    }

    fn limited(&self, seconds: u64) -> Reply {
        Reply::json(429, &json!({"error": "slow_down"})).header("retry-after", seconds.to_string())
    }

    fn expired(&self) -> Reply {
        Reply::json(401, &json!({"error": "invalid_token"}))
    }

    fn timeline(&self) -> Vec<Seen> {
        self.books().posts.clone()
    }
}

impl Books {
    fn route(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let path = request.segments();
        let method = request.method.as_str();
        let rules = path.first().and_then(|way| RULES.iter().find(|rules| rules.way == *way));
        match (method, path.as_slice(), rules) {
            (_, ["lab", ..], _) => self.post_office(request),
            ("GET", [_, "authorize"], Some(rules)) => self.authorize(rules, &request.query),
            ("POST", [_, "decide"], Some(rules)) => self.decide(rules, &request.form()),
            ("POST" | "GET", [_, "token"], Some(rules)) => self.token(rules, request),
            ("POST", [_, "revoke"], Some(rules)) => self.revoke(rules, request),
            ("GET", ["longer", step @ ("trade" | "again")], _) => self.longer(step, &request.query),
            ("DELETE", ["longer", "permissions"], _) => {
                let token = request.bearer().unwrap_or_default().to_string();
                let family = self.tokens.get(&token).ok_or_else(|| refuse(401, "invalid_token"))?.family.clone();
                self.end(&family);
                Ok(Reply::json(200, &json!({"success": true})))
            }
            ("GET", ["miauth", session], _) => self.miauth(session, &request.query),
            ("POST", ["miauth", session, "decide"], _) => {
                let yes = get(&request.form(), "allow") == "yes";
                let known = self.sessions.get_mut(*session).ok_or_else(|| refuse(404, "no such session"))?;
                *known = Some(yes);
                Ok(Reply::html(200, "<p>Go back to the app."))
            }
            ("POST", ["api", "miauth", session, "check"], _) => Ok(self.miauth_check(session)),
            (_, ["pin", step], _) => self.pin(step, request),
            ("POST", ["session"], _) => self.session(&request.json()),
            ("DELETE", ["session"], _) => {
                let token = request.bearer().unwrap_or_default().to_string();
                self.tokens.remove(&token).ok_or_else(|| refuse(401, "invalid_token"))?;
                Ok(Reply::empty(204))
            }
            _ => Err(self.mistake(&format!("{method} {}", request.path))),
        }
    }

    /// Writes down what a client did wrong.
    fn mistake(&mut self, what: &str) -> Refusal {
        self.wrong.push(what.to_string());
        refuse(400, "invalid_request")
    }

    /// A secret that nobody had before.
    fn make(&mut self, kind: &str) -> String {
        self.made += 1;
        let mut random = [0; 12];
        aws_lc_rs::rand::fill(&mut random).unwrap();
        let made = format!("{kind}-canary-{}-{}", self.made, URL_SAFE_NO_PAD.encode(random));
        self.secret.insert(made.clone());
        made
    }

    fn issue(&mut self, way: &str, family: &str, life: Option<i64>) -> String {
        let token = self.make("access");
        let ends = life.map(|seconds| Utc::now() + TimeDelta::seconds(seconds));
        self.tokens.insert(token.clone(), Token { way: way.into(), family: family.into(), ends, page: None });
        token
    }

    fn end(&mut self, family: &str) {
        self.tokens.retain(|_, token| token.family != family);
        self.refresh.retain(|_, of| of != family);
    }

    /// What a token is still good for.
    pub fn good(&self, token: &str) -> bool {
        self.tokens.get(token).is_some_and(|token| token.ends.is_none_or(|end| end > Utc::now()))
            || self.refresh.contains_key(token)
            || self.secrets.contains_key(token)
    }

    /// Tokens that are good, with their ways.
    pub fn alive(&self) -> Vec<(String, String)> {
        self.tokens.iter().map(|(token, of)| (of.way.clone(), token.clone())).collect()
    }

    /// Ends the access tokens of a way before their time, and leaves the refresh tokens.
    pub fn expire(&mut self, way: &str) {
        self.tokens.retain(|_, token| token.way != way);
    }

    fn authorize(&mut self, rules: &Rules, query: &Pairs) -> Result<Reply, Refusal> {
        let mut wanted = vec!["response_type", rules.id, "redirect_uri", "scope", "state"];
        if rules.challenge.is_some() {
            wanted.extend(["code_challenge", "code_challenge_method"]);
        }
        self.exactly("authorize", query, &wanted)?;
        let scope = format!("write{}media", rules.joined);
        let state = get(query, "state");
        self.secret.insert(state.to_string());
        for (what, good) in [
            ("response_type", get(query, "response_type") == "code"),
            ("client", get(query, rules.id) == CLIENT),
            ("redirect_uri", (rules.redirect)(get(query, "redirect_uri"))),
            ("scope", get(query, "scope") == scope),
            // 128 bits in base64url
            ("state", state.len() >= 22),
            ("method", rules.challenge.is_none() || get(query, "code_challenge_method") == "S256"),
        ] {
            if !good {
                return Err(self.mistake(&format!("{}: authorize: {what}: {query:?}", rules.way)));
            }
        }
        let ticket = self.make("ticket");
        let challenge = rules.challenge.map(|_| get(query, "code_challenge").to_string());
        let asked =
            Asked { way: rules.way, redirect: get(query, "redirect_uri").into(), state: state.into(), challenge };
        self.tickets.insert(ticket.clone(), asked);
        let page =
            format!("<form method=post action=/{}/decide><input name=ticket value=\"{ticket}\"></form>", rules.way);
        Ok(Reply::html(200, &page))
    }

    fn decide(&mut self, rules: &Rules, form: &Pairs) -> Result<Reply, Refusal> {
        let asked = self.tickets.remove(get(form, "ticket")).ok_or_else(|| refuse(400, "no such ticket"))?;
        let mut answer = form_urlencoded::Serializer::new(String::new());
        if get(form, "allow") == "yes" {
            let code = self.make("code");
            if asked.redirect == OOB {
                self.codes.insert(code.clone(), asked);
                return Ok(Reply::html(200, &format!("<p>Your code: <code>{code}</code>")));
            }
            answer.append_pair("code", &code);
            self.codes.insert(code, asked.clone());
        } else {
            answer.append_pair("error", "access_denied").append_pair("error_description", "the person said no");
        }
        answer.append_pair("state", &asked.state);
        let tail = if rules.way == "longer" { "#_" } else { "" };
        Ok(Reply::empty(302).header("location", format!("{}?{}{tail}", asked.redirect, answer.finish())))
    }

    fn token(&mut self, rules: &Rules, request: &Incoming) -> Result<Reply, Refusal> {
        let pairs = if rules.get { request.query.clone() } else { request.form() };
        if rules.get != (request.method == "GET") || (!rules.get && !request.query.is_empty()) {
            return Err(self.mistake(&format!("{}: token asked with {}", rules.way, request.method)));
        }
        let grant = if rules.get { "authorization_code" } else { get(&pairs, "grant_type") }.to_string();
        self.client(rules, request, &pairs)?;
        let reply = match grant.as_str() {
            "authorization_code" => self.redeem(rules, &pairs),
            "refresh_token" => self.again(rules, &pairs),
            other => Err(self.mistake(&format!("{}: grant `{other}`", rules.way))),
        };
        let how = if reply.is_ok() { "ok" } else { "no" };
        self.asked.push(format!("{} {grant} {how}", rules.way));
        reply
    }

    /// The client's id and secret, where they belong and nowhere else.
    fn client(&mut self, rules: &Rules, request: &Incoming, pairs: &Pairs) -> Result<(), Refusal> {
        let basic = request.header("authorization").and_then(|value| value.strip_prefix("Basic "));
        let expected = STANDARD.encode(format!("{CLIENT}:{CLIENT_SECRET}"));
        let body = (get(pairs, rules.id), get(pairs, "client_secret"));
        let good = match (rules.basic, basic) {
            (true, Some(given)) => given == expected && body.1.is_empty(),
            (false, None) => body == (CLIENT, CLIENT_SECRET),
            _ => false,
        };
        if good { Ok(()) } else { Err(self.mistake(&format!("{}: client authentication", rules.way))) }
    }

    fn redeem(&mut self, rules: &Rules, pairs: &Pairs) -> Result<Reply, Refusal> {
        let code = get(pairs, "code").to_string();
        if let Some(family) = self.spent.get(&code).cloned() {
            self.end(&family);
            return Err(refuse(400, "invalid_grant"));
        }
        let asked = self.codes.remove(&code).filter(|asked| asked.way == rules.way);
        let asked = asked.ok_or_else(|| refuse(400, "invalid_grant"))?;
        let verifier = get(pairs, "code_verifier");
        self.secret.insert(verifier.to_string());
        let proved = match (rules.challenge, &asked.challenge) {
            (Some(made), Some(challenge)) => (43..=128).contains(&verifier.len()) && made(verifier) == *challenge,
            _ => verifier.is_empty(),
        };
        if !proved || get(pairs, "redirect_uri") != asked.redirect {
            return Err(self.mistake(&format!("{}: proof or redirect of the code", rules.way)));
        }
        let family = format!("{}-{}", rules.way, self.made);
        self.spent.insert(code, family.clone());
        Ok(self.tokens_of(rules, &family))
    }

    fn tokens_of(&mut self, rules: &Rules, family: &str) -> Reply {
        let life = if rules.way == "longer" { 3600 } else { 7200 };
        let token = self.issue(rules.way, family, Some(life));
        let mut answer = json!({ "access_token": token, "expires_in": life, "token_type": "bearer" });
        if rules.way != "longer" {
            let refresh = self.make("refresh");
            self.refresh.insert(refresh.clone(), family.to_string());
            answer["refresh_token"] = refresh.into();
        }
        if rules.way == "hex" {
            answer["scope"] = "write,media".into();
            answer["open_id"] = "open-7".into();
            answer["refresh_expires_in"] = 31_536_000.into();
            answer = json!({ "data": answer });
        }
        Reply::json(200, &answer)
    }

    fn again(&mut self, rules: &Rules, pairs: &Pairs) -> Result<Reply, Refusal> {
        let old = get(pairs, "refresh_token").to_string();
        if let Some(family) = self.used.get(&old).cloned() {
            self.end(&family);
            return Err(refuse(400, "invalid_grant"));
        }
        let family = self.refresh.remove(&old).ok_or_else(|| refuse(400, "invalid_grant"))?;
        self.used.insert(old, family.clone());
        self.tokens.retain(|_, token| token.family != family);
        Ok(self.tokens_of(rules, &family))
    }

    fn revoke(&mut self, rules: &Rules, request: &Incoming) -> Result<Reply, Refusal> {
        let form = request.form();
        self.client(rules, request, &form)?;
        let token = get(&form, "token");
        let family = self.refresh.get(token).cloned().or_else(|| Some(self.tokens.get(token)?.family.clone()));
        if let Some(family) = family {
            self.end(&family);
        }
        // RFC 7009: a token that is not known is no error
        Ok(Reply::empty(200))
    }

    /// A short token for a long one, and a long one for a longer one.
    fn longer(&mut self, step: &str, query: &Pairs) -> Result<Reply, Refusal> {
        let (grant, name) = if step == "trade" {
            ("fb_exchange_token", "fb_exchange_token")
        } else {
            ("th_refresh_token", "access_token")
        };
        let mut wanted = vec!["grant_type", name];
        if step == "trade" {
            wanted.extend(["client_id", "client_secret"]);
        }
        self.exactly(step, query, &wanted)?;
        let old = get(query, name).to_string();
        let known = self.tokens.get(&old).cloned().filter(|token| token.way == "longer" || token.way == "long");
        let Some(known) = known.filter(|_| get(query, "grant_type") == grant) else {
            self.asked.push(format!("longer {step} no"));
            return Err(refuse(400, "invalid_grant"));
        };
        if step == "trade" && (get(query, "client_id"), get(query, "client_secret")) != (CLIENT, CLIENT_SECRET) {
            return Err(self.mistake("longer: client"));
        }
        let token = self.issue("long", &known.family, Some(60 * 86_400));
        self.asked.push(format!("longer {step} ok"));
        Ok(Reply::json(200, &json!({ "access_token": token, "token_type": "bearer", "expires_in": 60 * 86_400 })))
    }

    fn miauth(&mut self, session: &str, query: &Pairs) -> Result<Reply, Refusal> {
        self.exactly("miauth", query, &["name", "permission"])?;
        if uuid::Uuid::parse_str(session).is_err() || get(query, "permission") != "write:notes,read:account" {
            return Err(self.mistake(&format!("miauth: {query:?}")));
        }
        self.secret.insert(session.to_string());
        self.sessions.entry(session.to_string()).or_default();
        Ok(Reply::html(200, &format!("<form method=post action=/miauth/{session}/decide></form>")))
    }

    fn miauth_check(&mut self, session: &str) -> Reply {
        if self.sessions.get(session) != Some(&Some(true)) {
            return Reply::json(200, &json!({"ok": false}));
        }
        // it works once
        self.sessions.remove(session);
        let token = self.issue("poll", session, None);
        Reply::json(200, &json!({"ok": true, "token": token, "user": {"id": "9", "username": "ann"}}))
    }

    fn session(&mut self, body: &Value) -> Result<Reply, Refusal> {
        let keys: Vec<&String> = body.as_object().into_iter().flat_map(|object| object.keys()).collect();
        if keys.iter().map(|key| key.as_str()).collect::<BTreeSet<_>>() != BTreeSet::from(["name", "secret", "app"]) {
            return Err(self.mistake("session: members"));
        }
        if body["name"] != "ann" || body["secret"] != PASSWORD || body["app"] != "xpost" {
            return Err(Box::new(Reply::json(401, &json!({"error": "wrong name or password"}))));
        }
        let token = self.issue("password", "password", Some(86_400));
        Ok(Reply::json(200, &json!({"session": {"jwt": token}})))
    }

    fn exactly(&mut self, what: &str, pairs: &Pairs, wanted: &[&str]) -> Result<(), Refusal> {
        let mut given: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
        let mut wanted = wanted.to_vec();
        given.sort_unstable();
        wanted.sort_unstable();
        if given == wanted { Ok(()) } else { Err(self.mistake(&format!("{what}: {given:?} instead of {wanted:?}"))) }
    }

    fn pin(&mut self, step: &str, request: &Incoming) -> Result<Reply, Refusal> {
        match (request.method.as_str(), step) {
            ("POST", "request_token") => {
                let oauth = self.signed(request, None)?;
                if get(&oauth, "oauth_callback") != "oob" {
                    return Err(self.mistake("pin: callback"));
                }
                let (token, secret) = (self.make("request"), self.make("request-secret"));
                self.requests.insert(token.clone(), Request { secret: secret.clone(), pin: None });
                let pairs = [
                    ("oauth_token", token.as_str()),
                    ("oauth_token_secret", &secret),
                    ("oauth_callback_confirmed", "true"),
                ];
                Ok(form(&pairs))
            }
            ("GET", "authorize") => {
                self.exactly("pin", &request.query, &["oauth_token"])?;
                let token = request.query("oauth_token").unwrap_or_default();
                if !self.requests.contains_key(token) {
                    return Err(self.mistake("pin: no such request token"));
                }
                Ok(Reply::html(
                    200,
                    &format!("<form method=post action=/pin/decide><input name=ticket value=\"{token}\"></form>"),
                ))
            }
            ("POST", "decide") => {
                let pin = format!("{:07}", 1_234_500 + self.made);
                self.secret.insert(pin.clone());
                let form = request.form();
                let asked = self.requests.get_mut(get(&form, "ticket")).ok_or_else(|| refuse(400, "no such ticket"))?;
                asked.pin = Some(pin.clone());
                Ok(Reply::html(200, &format!("<p>Your code: <code>{pin}</code>")))
            }
            ("POST", "access_token") => {
                let token =
                    oauth_header(request).map(|pairs| get(&pairs, "oauth_token").to_string()).unwrap_or_default();
                let secret = self.requests.get(&token).map(|asked| asked.secret.clone());
                let oauth = self.signed(request, Some(&secret.ok_or_else(|| refuse(401, "no such request token"))?))?;
                let asked = self.requests.remove(&token).ok_or_else(|| refuse(401, "no such request token"))?;
                let given = if get(&oauth, "oauth_verifier").is_empty() {
                    request.query("oauth_verifier").map(str::to_string)
                } else {
                    Some(get(&oauth, "oauth_verifier").to_string())
                };
                let given = given
                    .or_else(|| request.form().into_iter().find(|(key, _)| key == "oauth_verifier").map(|pair| pair.1));
                if asked.pin.is_none() || asked.pin != given {
                    return Err(refuse(401, "wrong number"));
                }
                let (token, secret) = (self.make("oauth1"), self.make("oauth1-secret"));
                self.secrets.insert(token.clone(), secret.clone());
                Ok(form(&[
                    ("oauth_token", &token),
                    ("oauth_token_secret", &secret),
                    ("user_id", "9"),
                    ("screen_name", "ann"),
                ]))
            }
            ("POST", "invalidate") => {
                let token = self.signer(request)?;
                self.secrets.remove(&token);
                Ok(Reply::json(200, &json!({"access_token": token})))
            }
            _ => Err(self.mistake(&format!("pin: {} {step}", request.method))),
        }
    }

    /// The access token that signed a request.
    fn signer(&mut self, request: &Incoming) -> Result<String, Refusal> {
        let oauth = oauth_header(request).ok_or_else(|| refuse(401, "invalid_token"))?;
        let token = get(&oauth, "oauth_token").to_string();
        let secret = self.secrets.get(&token).cloned().ok_or_else(|| refuse(401, "invalid_token"))?;
        self.signed(request, Some(&secret))?;
        Ok(token)
    }

    /// The `oauth_` parameters of a request whose signature holds (RFC 5849 3.4), whose time is right and whose nonce is new.
    fn signed(&mut self, request: &Incoming, secret: Option<&str>) -> Result<Pairs, Refusal> {
        let oauth = oauth_header(request).ok_or_else(|| refuse(401, "not signed"))?;
        let mut all: Vec<(String, String)> =
            oauth.iter().filter(|(key, _)| key != "oauth_signature" && key != "realm").cloned().collect();
        all.extend(request.query.iter().cloned());
        if request.header("content-type").is_some_and(|mime| mime.starts_with("application/x-www-form-urlencoded")) {
            all.extend(request.form());
        }
        let mut encoded: Vec<(String, String)> =
            all.iter().map(|(key, value)| (percent(key), percent(value))).collect();
        encoded.sort();
        let joined: Vec<String> = encoded.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let url = format!("https://{HOST}{}", request.path);
        let base = format!("{}&{}&{}", request.method, percent(&url), percent(&joined.join("&")));
        let key = format!("{}&{}", percent(CLIENT_SECRET), percent(secret.unwrap_or_default()));
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
        let signature = STANDARD.decode(get(&oauth, "oauth_signature")).unwrap_or_default();
        let time: i64 = get(&oauth, "oauth_timestamp").parse().unwrap_or_default();
        let nonce = format!("{time} {}", get(&oauth, "oauth_nonce"));
        for (what, good) in [
            ("consumer", get(&oauth, "oauth_consumer_key") == CLIENT),
            ("method", get(&oauth, "oauth_signature_method") == "HMAC-SHA1"),
            ("signature", hmac::verify(&key, base.as_bytes(), &signature).is_ok()),
            ("time", (Utc::now().timestamp() - time).abs() < 300),
            ("nonce", nonce.len() > 20 && self.nonces.insert(nonce.clone())),
        ] {
            if !good {
                return Err(self.mistake(&format!("oauth1: {what}")));
            }
        }
        Ok(oauth)
    }

    /// Where posts go: whoever comes must show a token that is good.
    fn post_office(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let (way, page) = match request.bearer() {
            Some(TYPED) => ("typed".to_string(), None),
            Some(token) => {
                let known = self.tokens.get(token).filter(|token| token.ends.is_none_or(|end| end > Utc::now()));
                known
                    .map(|token| (token.way.clone(), token.page.clone()))
                    .ok_or_else(|| refuse(401, "invalid_token"))?
            }
            None => {
                self.signer(request)?;
                ("pin".to_string(), None)
            }
        };
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/lab/me") => Ok(Reply::json(
                200,
                &json!({ "id": page.as_deref().unwrap_or("9"), "name": page.as_deref().unwrap_or("ann") }),
            )),
            ("GET", "/lab/targets") if way == "long" => {
                let family = self.tokens[request.bearer().unwrap_or_default()].family.clone();
                let token = self.make("page");
                let own = Token { way: "page".into(), family, ends: None, page: Some("crabs".into()) };
                self.tokens.insert(token.clone(), own);
                Ok(Reply::json(
                    200,
                    &json!([
                        { "title": "Crab page", "name": "crabs", "page": "crabs", "token": token },
                        { "title": "Shared page", "name": "shared", "page": "shared" },
                        { "title": "Closed page", "name": "closed", "page": "closed", "not": "you may only read there" },
                    ]),
                ))
            }
            ("GET", "/lab/targets") => Ok(Reply::json(200, &json!([]))),
            ("POST", "/lab/posts") => {
                let body = request.json();
                let named = body["page"].as_str();
                if page.is_some() && page.as_deref() != named {
                    return Err(self.mistake("a page's token is used elsewhere"));
                }
                let id = (self.posts.len() + 1).to_string();
                let text = body["text"].as_str().unwrap_or_default().to_string();
                let extra = json!({ "way": way });
                self.posts.push(Seen {
                    id: id.clone(),
                    account: named.unwrap_or("ann").into(),
                    text,
                    at: Utc::now(),
                    extra,
                    ..Seen::default()
                });
                Ok(Reply::json(200, &json!({ "id": id })))
            }
            _ => Err(self.mistake(&format!("{} {}", request.method, request.path))),
        }
    }
}

fn form(pairs: &[(&str, &str)]) -> Reply {
    Reply::text(200, &form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

/// The parameters of `Authorization: OAuth …`, decoded.
fn oauth_header(request: &Incoming) -> Option<Pairs> {
    let value = request.header("authorization")?.strip_prefix("OAuth ")?;
    let decode = |text: &str| percent_decode(text.trim().trim_matches('"'));
    value.split(',').map(|pair| pair.split_once('=').map(|(key, value)| (decode(key), decode(value)))).collect()
}

/// RFC 3986: everything but the unreserved characters.
fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn percent_decode(text: &str) -> String {
    // form decoding reads `+` as a blank, which this encoding never writes
    let query = format!("x={}", text.replace('+', "%2B"));
    form_urlencoded::parse(query.as_bytes()).next().map(|pair| pair.1.into_owned()).unwrap_or_default()
}
