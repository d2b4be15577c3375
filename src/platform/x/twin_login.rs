//! The twin's logins: apps and their tokens, OAuth 2.0 with proof keys and refresh tokens that are good once, OAuth 1.0a with
//! signatures that are checked and nonces that are good once.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use secrecy::SecretString;
use serde_json::json;

use super::api;
use super::twin::{Refusal, refuse};
use crate::login::oauth1::{self, TOKEN_SECRET};
use crate::login::{CLIENT_SECRET, Grant, REFRESH, TOKEN};
use crate::net::Method;
use crate::platform::TwinAccount;
use crate::twin::{Incoming, Reply};

/// An app without a secret ("Native App"), and one with.
pub const NATIVE: &str = "x-twin-native-app";
pub const WEB: (&str, &str) = ("x-twin-web-app", "x-twin-web-secret");
/// What both have registered.
pub const REDIRECT: &str = "http://127.0.0.1:8459/callback";
/// The keys of an app for OAuth 1.0a.
pub const CONSUMER: (&str, &str) = ("x-twin-consumer-key", "x-twin-consumer-secret");
/// The number that the page of OAuth 1.0a shows.
pub const NUMBER: &str = "7654321";
/// A token lives so long, a code waits so long for its exchange.
pub const TOKEN_LIFE: Duration = Duration::hours(2);
const CODE_LIFE: Duration = Duration::seconds(30);
/// A signature's time may be off by so much.
const CLOCK: i64 = 300;
const SCOPES: &[&str] =
    &["tweet.read", "tweet.write", "users.read", "media.write", "offline.access", "like.write", "dm.write"];
/// So many accounts are logged in from the start.
const ACCOUNTS: usize = 8;

/// The account number `n`: the four keys for even ones, a login in the browser for odd ones.
pub fn account(n: usize) -> TwinAccount {
    let server = api::SERVER.to_string();
    if n.is_multiple_of(2) {
        let (token, secret) = keys(n);
        let secrets = [(TOKEN, token), (TOKEN_SECRET, secret), (CLIENT_SECRET, CONSUMER.1.to_string())];
        let secrets = secrets.map(|(name, value)| (name.to_string(), SecretString::from(value)));
        return TwinAccount { server, settings: json!({ "consumer_key": CONSUMER.0 }), secrets: secrets.into() };
    }
    let mut grant = Grant::new(SecretString::from(access(n)));
    grant.secrets.insert(REFRESH.to_string(), SecretString::from(refresh(n)));
    grant.facts.way = "browser".into();
    grant.facts.client_id = NATIVE.into();
    grant.facts.issuer = api::SERVER.into();
    TwinAccount { server, settings: json!({}), secrets: grant.to_keep() }
}

fn keys(n: usize) -> (String, String) {
    (format!("x-twin-key-{n}"), format!("x-twin-key-secret-{n}"))
}

fn access(n: usize) -> String {
    format!("x-twin-access-{n}")
}

fn refresh(n: usize) -> String {
    format!("x-twin-refresh-{n}")
}

#[derive(Debug)]
struct Token {
    access: String,
    refresh: Option<String>,
    user: usize,
    app: String,
    scopes: Vec<String>,
    ends: DateTime<Utc>,
}

#[derive(Debug)]
struct Code {
    code: String,
    app: String,
    redirect: String,
    scopes: Vec<String>,
    challenge: String,
    at: DateTime<Utc>,
    used: bool,
}

/// Who is logged in.
#[derive(Debug)]
pub struct Logins {
    tokens: Vec<Token>,
    codes: Vec<Code>,
    /// By token: its secret and whose it is.
    keys: BTreeMap<String, (String, usize)>,
    /// Request tokens that wait for a number, and their secrets.
    asked: BTreeMap<String, String>,
    nonces: BTreeSet<String>,
    made: u64,
    /// How far this network's clock is ahead of ours, in seconds.
    pub ahead: i64,
}

impl Default for Logins {
    fn default() -> Logins {
        let scopes: Vec<String> = SCOPES[..5].iter().map(ToString::to_string).collect();
        let token = |n| Token {
            access: access(n),
            refresh: Some(refresh(n)),
            user: n,
            app: NATIVE.into(),
            scopes: scopes.clone(),
            ends: Utc::now() + TOKEN_LIFE,
        };
        let key = |n| {
            let (token, secret) = keys(n);
            (token, (secret, n))
        };
        Logins {
            tokens: (0..ACCOUNTS).map(token).collect(),
            codes: Vec::new(),
            keys: (0..ACCOUNTS).map(key).collect(),
            asked: BTreeMap::new(),
            nonces: BTreeSet::new(),
            made: 0,
            ahead: 0,
        }
    }
}

/// As X refuses credentials on its paths of version 2.
pub fn unauthorized() -> Reply {
    Reply::json(401, &json!({"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}))
}

/// As X refuses signatures.
fn unsigned(code: u64, message: &str) -> Refusal {
    Box::new(Reply::json(401, &json!({"errors": [{"code": code, "message": message}]})))
}

fn oauth(status: u16, error: &str, description: &str) -> Refusal {
    Box::new(Reply::json(status, &json!({"error": error, "error_description": description})))
}

impl Logins {
    /// Ends every access token; what renews them stays good.
    pub fn expire(&mut self) {
        for token in &mut self.tokens {
            token.ends = Utc::now();
        }
    }

    /// Whose request this is, if it may do what needs this scope.
    pub fn user(&mut self, request: &Incoming, scope: &str) -> Result<usize, Refusal> {
        if request.header("authorization").is_some_and(|header| header.starts_with("OAuth ")) {
            let protocol = self.signature(request)?;
            let token = protocol.get("oauth_token").map(String::as_str).unwrap_or_default();
            return self.keys.get(token).map(|(_, user)| *user).ok_or_else(|| Box::new(unauthorized()));
        }
        let token = request.bearer().and_then(|token| self.tokens.iter().find(|known| known.access == token));
        let token = token.filter(|token| token.ends > Utc::now()).ok_or_else(|| Box::new(unauthorized()))?;
        if token.scopes.iter().any(|have| have == scope) {
            return Ok(token.user);
        }
        Err(refuse(403, "about:blank", "Forbidden", &format!("Your client app is not allowed {scope} by this user")))
    }

    /// The parameters of a header whose signature, time and nonce are good.
    fn signature(&mut self, request: &Incoming) -> Result<BTreeMap<String, String>, Refusal> {
        let no = || unsigned(32, "Could not authenticate you.");
        let protocol = request.header("authorization").and_then(oauth1::parse).ok_or_else(no)?;
        let map: BTreeMap<String, String> = protocol.iter().cloned().collect();
        let of = |name: &str| map.get(name).map(String::as_str).unwrap_or_default();
        let token = of("oauth_token");
        let secret = match (self.keys.get(token), self.asked.get(token)) {
            (Some((secret, _)), _) | (None, Some(secret)) => secret.clone(),
            (None, None) if token.is_empty() => String::new(),
            (None, None) => return Err(unsigned(89, "Invalid or expired token.")),
        };
        let method: Method = request.method.parse().map_err(|_| no())?;
        let url = format!("https://{}{}", request.host, request.path);
        let form =
            request.header("content-type").is_some_and(|mime| mime.starts_with("application/x-www-form-urlencoded"));
        let form = if form { request.form() } else { Vec::new() };
        let parameters: Vec<(&str, &str)> =
            request.query.iter().chain(&form).map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (ours, theirs) = (SecretString::from(CONSUMER.1), SecretString::from(secret));
        if of("oauth_consumer_key") != CONSUMER.0
            || !oauth1::verify(&method, &url, &parameters, &protocol, &ours, &theirs)
        {
            return Err(no());
        }
        let at: i64 = of("oauth_timestamp").parse().unwrap_or_default();
        if at.abs_diff(Utc::now().timestamp() + self.ahead) > CLOCK as u64 {
            return Err(unsigned(135, "Timestamp out of bounds."));
        }
        if of("oauth_nonce").is_empty() || !self.nonces.insert(of("oauth_nonce").to_string()) {
            return Err(no());
        }
        Ok(map)
    }

    /// Answers what belongs to logging in; `None` for everything else.
    pub fn route(&mut self, request: &Incoming) -> Option<Result<Reply, Refusal>> {
        Some(match (request.method.as_str(), request.host.as_str(), request.path.as_str()) {
            ("GET", "x.com", "/i/oauth2/authorize") => self.authorize(request),
            ("POST", "api.x.com", "/2/oauth2/token") => self.token(request),
            ("POST", "api.x.com", "/2/oauth2/revoke") => self.revoke(request),
            ("POST", "api.x.com", "/oauth/request_token") => self.request_token(request),
            ("GET", "api.x.com", "/oauth/authorize") => self.number(request),
            ("POST", "api.x.com", "/oauth/access_token") => self.access_token(request),
            ("POST", "api.x.com", "/1.1/oauth/invalidate_token") => self.invalidate(request),
            _ => return None,
        })
    }

    fn next(&mut self, what: &str) -> String {
        self.made += 1;
        format!("x-twin-{what}-{:06}", self.made)
    }

    /// The person says yes at once. A redirect address that is not registered learns nothing.
    fn authorize(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let query = |name: &str| request.query(name).unwrap_or_default();
        let page = || {
            Box::new(Reply::html(
                400,
                "<h1>Something went wrong</h1><p>You weren’t able to give access to the App.</p>",
            ))
        };
        let app = [NATIVE, WEB.0].into_iter().find(|app| *app == query("client_id")).ok_or_else(page)?;
        let scopes: Vec<String> = query("scope").split_whitespace().map(str::to_string).collect();
        let known = !scopes.is_empty() && scopes.iter().all(|scope| SCOPES.contains(&scope.as_str()));
        let proof = query("code_challenge_method") == "S256" && query("code_challenge").len() == 43;
        if query("redirect_uri") != REDIRECT
            || query("response_type") != "code"
            || query("state").is_empty()
            || !known
            || !proof
        {
            return Err(page());
        }
        let code = self.next("code");
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        pairs.append_pair("state", query("state")).append_pair("code", &code);
        self.codes.push(Code {
            code,
            app: app.to_string(),
            redirect: REDIRECT.to_string(),
            scopes,
            challenge: query("code_challenge").to_string(),
            at: Utc::now(),
            used: false,
        });
        Ok(Reply::empty(302).header("location", format!("{REDIRECT}?{}", pairs.finish())))
    }

    /// The app that asks: named in the body if it has no secret, by Basic if it has one.
    fn app(request: &Incoming, fields: &BTreeMap<String, String>) -> Result<String, Refusal> {
        let wrong = || oauth(401, "unauthorized_client", "Missing valid authorization header");
        match request.header("authorization").and_then(|header| header.strip_prefix("Basic ")) {
            Some(basic) => {
                let pair =
                    STANDARD.decode(basic).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
                if pair == format!("{}:{}", WEB.0, WEB.1) { Ok(WEB.0.into()) } else { Err(wrong()) }
            }
            None if fields.get("client_id").is_some_and(|id| id == NATIVE) => Ok(NATIVE.into()),
            None => Err(wrong()),
        }
    }

    fn token(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let fields: BTreeMap<String, String> = request.form().into_iter().collect();
        let of = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        let app = Logins::app(request, &fields)?;
        let invalid = |what: &str| oauth(400, "invalid_request", &format!("Value passed for the {what} was invalid."));
        match of("grant_type") {
            "authorization_code" => {
                let code = self.codes.iter_mut().find(|code| code.code == of("code"));
                let code = code.filter(|code| !code.used && code.app == app && Utc::now() - code.at < CODE_LIFE);
                let code = code.ok_or_else(|| invalid("authorization code"))?;
                code.used = true;
                if code.redirect != of("redirect_uri") {
                    return Err(invalid("redirect uri"));
                }
                if URL_SAFE_NO_PAD.encode(digest(&SHA256, of("code_verifier").as_bytes())) != code.challenge {
                    return Err(oauth(
                        400,
                        "invalid_request",
                        "Value passed for the code verifier did not match the code challenge.",
                    ));
                }
                let scopes = code.scopes.clone();
                Ok(self.give(0, app, scopes))
            }
            "refresh_token" => {
                let at = self
                    .tokens
                    .iter()
                    .position(|token| token.refresh.as_deref() == Some(of("refresh_token")) && token.app == app);
                let old = self.tokens.remove(at.ok_or_else(|| invalid("token"))?);
                Ok(self.give(old.user, app, old.scopes))
            }
            _ => Err(oauth(400, "unsupported_grant_type", "Value passed for the grant type was invalid.")),
        }
    }

    fn give(&mut self, user: usize, app: String, scopes: Vec<String>) -> Reply {
        let access = self.next("given-access");
        let refresh = scopes.iter().any(|scope| scope == "offline.access").then(|| self.next("given-refresh"));
        let mut shown = json!({"token_type": "bearer", "expires_in": TOKEN_LIFE.num_seconds(), "access_token": access,
            "scope": scopes.join(" ")});
        if let Some(refresh) = &refresh {
            shown["refresh_token"] = json!(refresh);
        }
        self.tokens.push(Token { access, refresh, user, app, scopes, ends: Utc::now() + TOKEN_LIFE });
        Reply::json(200, &shown)
    }

    fn revoke(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let fields: BTreeMap<String, String> = request.form().into_iter().collect();
        let app = Logins::app(request, &fields)?;
        let wanted = fields.get("token").cloned().unwrap_or_default();
        for token in self.tokens.iter_mut().filter(|token| token.app == app) {
            if token.access == wanted {
                token.ends = Utc::now();
            }
            if token.refresh.as_ref() == Some(&wanted) {
                token.refresh = None;
            }
        }
        Ok(Reply::json(200, &json!({"revoked": true})))
    }

    fn request_token(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let protocol = self.signature(request)?;
        if protocol.get("oauth_callback").is_none_or(|back| back != "oob") {
            return Err(unsigned(415, "Callback URL not approved for this client application."));
        }
        let (token, secret) = (self.next("request"), self.next("request-secret"));
        let body = format!("oauth_token={token}&oauth_token_secret={secret}&oauth_callback_confirmed=true");
        self.asked.insert(token, secret);
        Ok(Reply::text(200, &body))
    }

    fn number(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let known = request.query("oauth_token").is_some_and(|token| self.asked.contains_key(token));
        let page = if known { format!("<kbd><code>{NUMBER}</code></kbd>") } else { "<h2>Whoa there!</h2>".to_string() };
        Ok(Reply::html(if known { 200 } else { 403 }, &page))
    }

    fn access_token(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let protocol = self.signature(request)?;
        let asked = protocol.get("oauth_token").and_then(|token| self.asked.remove(token));
        if asked.is_none() || protocol.get("oauth_verifier").is_none_or(|number| number != NUMBER) {
            return Err(Box::new(Reply::text(
                401,
                "Error processing your OAuth request: Invalid oauth_verifier parameter",
            )));
        }
        let (token, secret) = (self.next("given-key"), self.next("given-key-secret"));
        let body = format!(
            "oauth_token={token}&oauth_token_secret={secret}&user_id={}&screen_name={}",
            super::twin::user_id(0),
            super::twin::name(0)
        );
        self.keys.insert(token, (secret, 0));
        Ok(Reply::text(200, &body))
    }

    fn invalidate(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let protocol = self.signature(request)?;
        let token = protocol.get("oauth_token").cloned().unwrap_or_default();
        match self.keys.remove(&token) {
            Some(_) => Ok(Reply::json(200, &json!({ "access_token": token }))),
            None => Err(unsigned(89, "Invalid or expired token.")),
        }
    }
}
