//! A network whose access tokens are short and whose refresh tokens can be spent once; and its stand-in.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use xpost::login::{
    AppSecret, Challenge, Client, Code, Desk, Dialect, Facts, Flow, Grant, Life, Login, REFRESH, Renew, Scope, Secrets,
    Way,
};
use xpost::net::{Body, Fault, Kind, Request, by_status};
use xpost::platform::{Api, Ask, Cx, Piece, Platform, Post, Profile, Receipt, Server, Spec, TextRule, TwinAccount};
use xpost::twin::{Incoming, Reply, Seen, Twin};

use super::machine::pause_at;

pub const SERVER: &str = "https://tide.example";

static SPEC: Spec = Spec {
    name: "tide",
    title: "Tide",
    about: "a network for tests",
    checked: "2026-11-22",
    server: Server::Own("https://tide.example"),
    api: Some(Api { version: "7", sunset: Some("2199-01-01") }),
    text: TextRule { max: Some(100), ..Spec::PLAIN.text },
    threads: true,
    ..Spec::PLAIN
};

/// Permissions as data; such a login is never renewed.
static SCOPED: Code = Code {
    authorize: "{server}/authorize",
    token: "{server}/token",
    revoke: None,
    scopes: &[
        Scope { name: "write", why: "to publish", optional: false },
        Scope { name: "read:own", why: "to see whether a post arrived", optional: true },
    ],
    joined: " ",
    challenge: Challenge::S256,
    redirects: &[],
    client: Client::App { secret: AppSecret::Never },
    more: &[],
    dialect: Dialect::STANDARD,
    longer: None,
    renew: Renew::Never,
    life: Life::SAID,
};

static LOGINS: &[Login] = &[
    Login {
        name: "own",
        about: "its own ceremony",
        flow: Flow::Own(&Ceremony),
        keeps: &["token", REFRESH],
        asks: &[],
        page: None,
    },
    Login { name: "scoped", about: "by code", flow: Flow::Code(&SCOPED), keeps: &["token"], asks: &[], page: None },
];

pub struct Tide;

struct Ceremony;

#[async_trait]
impl Way for Ceremony {
    async fn enter(&self, _: &Desk<'_>) -> Result<Grant, Fault> {
        Err(Fault::new(Kind::Unsupported, "nobody logs in here"))
    }

    async fn renew(&self, desk: &Desk<'_>, held: &Secrets, facts: &Facts) -> Result<Grant, Fault> {
        let refresh = held[REFRESH].expose_secret().to_string();
        let request = Request::post(format!("{}/token", desk.server)).body(Body::Form(vec![(REFRESH.into(), refresh)]));
        let answer = desk.door.send(request).await?;
        if let Some(mut fault) = by_status(&answer) {
            if fault.code.as_deref() == Some("invalid_grant") {
                fault.kind = Kind::Auth;
            }
            return Err(fault);
        }
        pause_at("answered").await;
        let value = answer.value();
        let secret = |name: &str| SecretString::from(value[name].as_str().unwrap().to_string());
        let mut grant = Grant::new(secret("access_token"));
        grant.secrets.insert(REFRESH.into(), secret("refresh_token"));
        for secret in grant.secrets.values() {
            desk.door.redactor().learn(secret);
        }
        let ends = |name: &str| value[name].as_i64().map(|seconds| Utc::now() + TimeDelta::seconds(seconds));
        grant.facts = Facts {
            scopes: facts.scopes.clone(),
            access_ends: ends("expires_in"),
            refresh_ends: ends("refresh_expires_in"),
            ..Facts::default()
        };
        Ok(grant)
    }

    async fn revoke(&self, _: &Desk<'_>, _: &Secrets, _: &Facts) -> Result<(), Fault> {
        Ok(())
    }
}

#[async_trait]
impl Platform for Tide {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn logins(&self) -> &'static [Login] {
        LOGINS
    }

    fn encode(&self, _: &Ask, piece: &mut Piece) -> Result<Value, String> {
        Ok(json!({ "text": piece.text.text }))
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, _: &Value) -> Result<Receipt, Fault> {
        let url = format!("{}/post", cx.account.server);
        let answer = cx.call(Request::post(url).bearer(&cx.secret("token")?).json(post.payload.clone())).await?;
        Ok(Receipt::new(answer.value()["id"].to_string(), None))
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        let url = format!("{}/me", cx.account.server);
        let answer = cx.call(Request::get(url).bearer(&cx.secret("token")?)).await?;
        let said = answer.value();
        Ok(Profile {
            id: said["id"].as_str().unwrap_or_default().into(),
            handle: said["handle"].as_str().unwrap_or_default().into(),
            url: None,
        })
    }

    async fn discover(&self, _: &Cx<'_>) -> Result<Value, Fault> {
        pause_at("stored").await;
        Ok(Value::Null)
    }

    fn twin(&self) -> Box<dyn Twin> {
        Box::new(Stand::default())
    }

    fn twin_account(&self, _: usize, _: &Path) -> TwinAccount {
        unreachable!("accounts are made by hand here")
    }

    fn setup(&self) -> &'static str {
        "# Tide\n\n1. nothing to do\n"
    }
}

type Hook = Box<dyn FnMut() + Send>;

/// What the stand-in knows.
pub struct State {
    /// The generation of tokens that is good.
    pub n: u32,
    /// The refresh token of the generation before is taken once more, until an access token of the new one was used.
    pub grace: bool,
    pub expires_in: i64,
    pub refresh_expires_in: Option<i64>,
    /// Everybody is refused.
    pub revoked: bool,
    /// `/me` answers this instead.
    pub me: Option<(u16, Value)>,
    /// Its clock is ahead by this.
    pub ahead: Option<TimeDelta>,
    /// Done when a login is renewed, before the answer is out.
    pub on_refresh: Option<Hook>,
    pub asked: u32,
    pub renewed: u32,
    pub posts: Vec<String>,
}

/// The stand-in. Clones share what they know.
#[derive(Clone)]
pub struct Stand(Arc<Mutex<State>>);

impl Default for Stand {
    fn default() -> Stand {
        Stand(Arc::new(Mutex::new(State {
            n: 1,
            grace: false,
            expires_in: 3600,
            refresh_expires_in: None,
            revoked: false,
            me: None,
            ahead: None,
            on_refresh: None,
            asked: 0,
            renewed: 0,
            posts: Vec::new(),
        })))
    }
}

pub fn access(n: u32) -> String {
    format!("access-{n}-canary-7f3a9c")
}

pub fn refresh(n: u32) -> String {
    format!("refresh-{n}-canary-7f3a9c")
}

impl Stand {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// How often it was asked for a new token, and how many posts there are.
    pub fn counts(&self) -> (u32, usize) {
        let state = self.state();
        (state.asked, state.posts.len())
    }
}

impl State {
    fn token(&mut self, request: &Incoming) -> Reply {
        self.asked += 1;
        let form = request.form();
        let given = form.iter().find(|(name, _)| name == REFRESH).map_or("", |(_, value)| value.as_str());
        let again = self.grace && given == refresh(self.n - 1);
        if self.revoked || !again && given != refresh(self.n) {
            return Reply::json(
                400,
                &json!({ "error": "invalid_grant", "error_description": "the refresh token is invalid" }),
            );
        }
        self.n += u32::from(!again);
        self.renewed += 1;
        if let Some(hook) = &mut self.on_refresh {
            hook();
        }
        Reply::json(
            200,
            &json!({
                "access_token": access(self.n), "refresh_token": refresh(self.n), "expires_in": self.expires_in,
                "refresh_expires_in": self.refresh_expires_in,
            }),
        )
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        if request.path == "/token" {
            return self.token(request);
        }
        if self.revoked || request.bearer() != Some(&access(self.n)) {
            return Reply::json(401, &json!({ "error": "invalid_token", "message": "the access token is invalid" }));
        }
        self.grace = false;
        match (request.path.as_str(), &self.me) {
            ("/me", Some((status, body))) => Reply::json(*status, body),
            ("/me", None) => Reply::json(200, &json!({ "id": "1", "handle": "@tide" })),
            ("/post", _) => {
                self.posts.push(request.json()["text"].as_str().unwrap_or_default().to_string());
                Reply::json(200, &json!({ "id": self.posts.len() }))
            }
            _ => Reply::text(404, "no such thing"),
        }
    }
}

impl Twin for Stand {
    fn hosts(&self) -> Vec<String> {
        vec!["tide.example".into()]
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        let mut state = self.state();
        let reply = state.answer(request);
        match state.ahead {
            Some(ahead) => reply.header("date", (Utc::now() + ahead).to_rfc2822()),
            None => reply,
        }
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
