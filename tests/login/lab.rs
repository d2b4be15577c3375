//! A network that exists only here and knows every way to log in, beside the authorization server and the stand-ins that let one in.

use std::path::Path;
use std::sync::{LazyLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use serde_json::{Value, json};
use xpost::login::{
    AppSecret, Challenge, Client, ClientAuth, Code, Device, Dialect, Exchange, Flow, Life, Login, Password, Pin, Poll,
    Redirect, Renew, Revoke, Scope, Typed, oauth1, register::Rfc7591,
};
use xpost::net::{Body, Fault, Method, Request};
use xpost::platform::{
    Ask, Cx, Field, FieldKind, Piece, Platform, Post, Profile, Receipt, Server, Spec, TargetOffer, Targets,
    TwinAccount, payload_error,
};
use xpost::twin::Twin;

use crate::quay;

/// Set in the environment of this executable, it is the program.
pub const PROGRAM: &str = "XPOST_LAB";
/// The directory in which a process finds a file with its number once its command line was read.
pub const SEEN: &str = "XPOST_LAB_SEEN";

/// Waits until the command line of this process was read: on a busy machine it may else be gone before that.
pub fn be_seen() {
    let Some(marks) = std::env::var_os(SEEN).filter(|_| cfg!(target_os = "linux")) else { return };
    let marks = Path::new(&marks);
    let until = std::time::Instant::now() + Duration::from_secs(5);
    let there = || marks.join(std::process::id().to_string()).exists() || marks.join("over").exists();
    while !there() && std::time::Instant::now() < until {
        std::thread::sleep(Duration::from_millis(2));
    }
}
/// The port of the way `fixed`, as the network demands it.
pub const PORT: &str = "XPOST_LAB_PORT";

pub struct Lab;

/// What is added to the program.
pub static LAB: &[&dyn Platform] = &[&Lab];

static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec {
    name: "lab",
    title: "Lab",
    about: "a network with every way to log in",
    server: Server::Own("https://lab.example"),
    fields: &[
        Field { name: "token", kind: FieldKind::Secret, required: true, help: "a token made by hand" },
        Field { name: "page", kind: FieldKind::Text, required: false, help: "the page to post to" },
    ],
    options: &[],
    ..quay::facts()
});

const SCOPES: &[Scope] = &[
    Scope { name: "write", why: "to publish", optional: false },
    Scope { name: "media", why: "to upload pictures", optional: true },
];

const FREE: &[Redirect] = &[Redirect::Loopback { host: "127.0.0.1", port: None, path: "/callback" }];

/// Tokens are renewed when they have ended, not before: the authorization server's live for an hour, or for two seconds.
const LIFE: Life = Life { ahead: Duration::ZERO, ..Life::SAID };

/// The authorization server: public app, PKCE, any free port.
const NATIVE: Code = Code {
    authorize: "{server}/auth",
    token: "{server}/token",
    revoke: Some(Revoke::Standard("{server}/token/revocation")),
    scopes: SCOPES,
    joined: " ",
    challenge: Challenge::S256,
    redirects: FREE,
    client: Client::Public("lab-native"),
    more: &[("prompt", "consent")],
    dialect: Dialect::STANDARD,
    longer: None,
    renew: Renew::Refresh,
    life: LIFE,
};

/// A person's own app at a stand-in.
const APP: Code = Code {
    authorize: "{server}/shown/authorize",
    token: "{server}/shown/token",
    revoke: Some(Revoke::Standard("{server}/shown/revoke")),
    client: Client::App { secret: AppSecret::Needed },
    more: &[],
    ..NATIVE
};

/// Meta: a short token is traded for a long one, which renews itself.
const LONGER: Code = Code {
    authorize: "{server}/longer/authorize",
    token: "{server}/longer/token",
    revoke: Some(Revoke::Delete("{server}/longer/permissions")),
    joined: ",",
    challenge: Challenge::None,
    redirects: &[Redirect::Https],
    dialect: Dialect { get: true, ..Dialect::STANDARD },
    longer: Some(Exchange {
        url: "{server}/longer/trade",
        grant_type: "fb_exchange_token",
        token: "fb_exchange_token",
        with_id: true,
        with_secret: true,
        not_before: Duration::ZERO,
    }),
    renew: Renew::Exchange(Exchange {
        url: "{server}/longer/again",
        grant_type: "th_refresh_token",
        token: "access_token",
        with_id: false,
        with_secret: false,
        not_before: Duration::from_secs(3600),
    }),
    ..APP
};

/// Misskey.
const POLL: Poll = Poll {
    page: "{server}/miauth/{session}?name={name}&permission={scopes}",
    ask: "{server}/api/miauth/{session}/check",
    token: "/token",
    scopes: &[
        Scope { name: "write:notes", why: "to publish", optional: false },
        Scope { name: "read:account", why: "to know who it is", optional: false },
    ],
    joined: ",",
    every: Duration::from_millis(200),
    at_most: Duration::from_secs(60),
};

const fn browser(name: &'static str, about: &'static str, code: &'static Code) -> Login {
    Login { name, about, flow: Flow::Code(code), keeps: &["token"], asks: &[], page: Some("{server}/apps") }
}

static LOGINS: LazyLock<Vec<Login>> = LazyLock::new(|| {
    let port = std::env::var(PORT).ok().and_then(|port| port.parse().ok());
    let fixed: &'static [Redirect] = vec![Redirect::Loopback { host: "127.0.0.1", port, path: "/callback" }].leak();
    let fixed: &'static Code = Box::leak(Box::new(Code { redirects: fixed, ..NATIVE }));
    vec![
        browser("browser", "in the browser", &NATIVE),
        browser("fixed", "in the browser, back to a port that the network knows", fixed),
        browser(
            "localhost",
            "in the browser, back to localhost",
            &Code { redirects: &[Redirect::Loopback { host: "localhost", port: None, path: "/callback" }], ..NATIVE },
        ),
        browser("brief", "tokens that end in two seconds", &Code { client: Client::Public("lab-brief"), ..NATIVE }),
        browser(
            "registered",
            "with an app that the server gives out",
            &Code { client: Client::Registered(&Rfc7591 { url: "{server}/reg", auth: None, more: &[] }), ..NATIVE },
        ),
        browser(
            "https",
            "back to an https address of one's own",
            &Code {
                authorize: "{server}/https/authorize",
                token: "{server}/https/token",
                revoke: Some(Revoke::Standard("{server}/https/revoke")),
                redirects: &[Redirect::Https],
                dialect: Dialect { auth: ClientAuth::Basic, ..Dialect::STANDARD },
                ..APP
            },
        ),
        browser(
            "shown",
            "with a code that the network shows",
            &Code { redirects: &[Redirect::Shown("urn:ietf:wg:oauth:2.0:oob")], ..APP },
        ),
        browser(
            "hex",
            "with a challenge in hexadecimal",
            &Code {
                authorize: "{server}/hex/authorize",
                token: "{server}/hex/token",
                revoke: Some(Revoke::Standard("{server}/hex/revoke")),
                joined: ",",
                challenge: Challenge::S256Hex,
                dialect: Dialect { client_id: "client_key", answer: "/data", ..Dialect::STANDARD },
                ..APP
            },
        ),
        browser(
            "bare",
            "without PKCE",
            &Code {
                authorize: "{server}/bare/authorize",
                token: "{server}/bare/token",
                revoke: Some(Revoke::Standard("{server}/bare/revoke")),
                challenge: Challenge::None,
                ..APP
            },
        ),
        browser("longer", "a short token for a long one", &LONGER),
        Login {
            flow: Flow::Device(&Device {
                start: "{server}/device/auth",
                token: "{server}/token",
                revoke: NATIVE.revoke,
                scopes: SCOPES,
                joined: " ",
                client: Client::Public("lab-native"),
                dialect: Dialect::STANDARD,
                renew: Renew::Refresh,
                life: LIFE,
            }),
            ..browser("device", "with a code on another device", &NATIVE)
        },
        Login { flow: Flow::Poll(&POLL), ..browser("poll", "on a page of the server", &NATIVE) },
        Login {
            flow: Flow::Pin(&Pin {
                request: "{server}/pin/request_token",
                authorize: "{server}/pin/authorize",
                access: "{server}/pin/access_token",
                revoke: Some("{server}/pin/invalidate"),
            }),
            keeps: &["token", "token_secret", "client_secret"],
            ..browser("pin", "with a number", &NATIVE)
        },
        Login {
            flow: Flow::Password(&Password {
                token: "{server}/session",
                warning: "the password is sent to the server and is not kept",
                name: "name",
                password: "secret",
                more: &[("app", "xpost")],
                json: true,
                answer: "/session/jwt",
                revoke: Some(("{server}/session", "DELETE")),
                life: LIFE,
            }),
            ..browser("password", "with name and password", &NATIVE)
        },
        Login {
            flow: Flow::Typed(Typed::PLAIN),
            keeps: &[],
            asks: &["token", "page"],
            ..browser("token", "a token made by hand", &NATIVE)
        },
    ]
});

impl Lab {
    /// Shows the network whose login it is: a bearer token, or a signature.
    fn proved(cx: &Cx<'_>, method: &Method, path: &str) -> Result<Request, Fault> {
        let url = format!("{}{path}", cx.account.server);
        let request = Request::new(method.clone(), &url);
        let Some(facts) = cx.facts().filter(|facts| facts.way == "pin") else {
            return Ok(request.bearer(&cx.secret("token")?));
        };
        let held = cx.secrets.read().unwrap_or_else(PoisonError::into_inner).clone();
        oauth1::signed(request, &oauth1::Keys::held(&facts.client_id, &held)?, TimeDelta::zero())
    }
}

#[async_trait]
impl Platform for Lab {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        let page = ask.account.and_then(|account| account.settings.get("page")).cloned();
        Ok(json!({ "text": SPEC.text.markup.encode(&piece.text), "page": page }))
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, _: &Value) -> Result<Receipt, Fault> {
        let request = Lab::proved(cx, &Method::POST, "/lab/posts")?.body(Body::Json(post.payload.clone()));
        let answer = cx.call(request).await?;
        let id = answer.value()["id"].as_str().map(str::to_string).ok_or_else(|| payload_error(&answer, "id"))?;
        Ok(Receipt::new(id, None))
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        let answer = cx.call(Lab::proved(cx, &Method::GET, "/lab/me")?).await?.value();
        let text = |key: &str| answer[key].as_str().unwrap_or_default().to_string();
        Ok(Profile { id: text("id"), handle: text("name"), url: None })
    }

    fn logins(&self) -> &'static [Login] {
        &LOGINS
    }

    fn targets(&self) -> Option<&dyn Targets> {
        Some(self)
    }

    fn twin(&self) -> Box<dyn Twin> {
        Box::new(crate::twin::Town::default())
    }

    fn twin_account(&self, _: usize, _: &Path) -> TwinAccount {
        let server = format!("https://{}", crate::twin::HOST);
        TwinAccount { server, settings: json!({}), secrets: Default::default() }
    }

    fn setup(&self) -> &'static str {
        "# Lab\n\n1. make a token at the lab\n2. paste it here\n"
    }
}

#[async_trait]
impl Targets for Lab {
    async fn targets(&self, cx: &Cx<'_>) -> Result<Vec<TargetOffer>, Fault> {
        let answer = cx.call(Lab::proved(cx, &Method::GET, "/lab/targets")?).await?.value();
        let offers = answer.as_array().cloned().unwrap_or_default();
        Ok(offers
            .iter()
            .map(|offer| {
                let text = |key: &str| offer[key].as_str().map(str::to_string);
                TargetOffer {
                    title: text("title").unwrap_or_default(),
                    name: text("name").unwrap_or_default(),
                    settings: [("page".to_string(), offer["page"].clone())].into(),
                    secrets: text("token").map(|token| ("token".to_string(), token.into())).into_iter().collect(),
                    not: text("not"),
                }
            })
            .collect())
    }
}
