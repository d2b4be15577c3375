//! Harbour and Lagoon, two invented networks that answer without a server: every kind of login, and a login with several places.

use std::collections::BTreeMap;
use std::io::Write;

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use xpost::login::{Desk, Facts, Flow, Grant, Login, Scope, Secrets, Typed, Way};
use xpost::net::{Fault, Kind};
use xpost::platform::{
    Ask, Cx, Field, FieldKind, Piece, Platform, Post, Profile, Receipt, Server, Spec, TargetOffer, Targets, TextRule,
    Title, TwinAccount,
};
use xpost::text::Markup;
use xpost::twin::Twin;

pub static ALL: &[&dyn Platform] =
    &[&Harbour { spec: &HARBOUR, logins: WAYS }, &Harbour { spec: &LAGOON, logins: BOATS }];

struct Harbour {
    spec: &'static Spec,
    logins: &'static [Login],
}

const fn field(name: &'static str, kind: FieldKind, help: &'static str) -> Field {
    Field { name, kind, required: false, help }
}

const fn spec(name: &'static str, title: &'static str, fields: &'static [Field]) -> Spec {
    Spec {
        name,
        title,
        about: "invented",
        checked: "2026-11-22",
        sources: &["https://harbour.example"],
        server: Server::Fixed("https://harbour.example"),
        fields,
        text: TextRule { max: Some(280), ..Spec::PLAIN.text },
        title_rule: Title::Line,
        swaps: &[],
        threads: true,
        ..Spec::PLAIN
    }
}

static HARBOUR: Spec = spec(
    "harbour",
    "Harbour",
    &[
        field("token", FieldKind::Secret, "a token, such as `typed-1234567`"),
        field("seal", FieldKind::Secret, "the harbour master's seal"),
        field("berth", FieldKind::Text, "where to moor"),
    ],
);
static LAGOON: Spec = spec("lagoon", "Lagoon", &[]);

const WAYS: &[Login] = &[
    Login {
        name: "browser",
        about: "through the harbour master's page",
        flow: Flow::Own(&Page),
        keeps: &["token"],
        asks: &[],
        page: Some("{server}/logins"),
    },
    Login {
        name: "token",
        about: "a token of your own",
        flow: Flow::Typed(Typed {
            warning: Some("a token never ends; the browser is better"),
            check: Some(|secrets| {
                let good = secrets.get("token").is_some_and(|token| token.expose_secret().starts_with("typed-"));
                good.then_some(()).ok_or_else(|| "a token of Harbour begins with `typed-`".to_string())
            }),
        }),
        keeps: &["token"],
        asks: &["token"],
        page: Some("{server}/tokens"),
    },
    Login {
        name: "seal",
        about: "the master's own seal",
        flow: Flow::Typed(Typed::PLAIN),
        keeps: &["seal"],
        asks: &["seal"],
        page: None,
    },
];

const BOATS: &[Login] =
    &[Login { name: "gondola", about: "by boat", flow: Flow::Own(&Boat), keeps: &["token"], asks: &[], page: None }];

/// What happened at the network, for the test.
fn log(line: &str) {
    let Some(path) = std::env::var_os("HARBOUR_LOG") else { return };
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    writeln!(file, "{line}").unwrap();
}

struct Page;

#[async_trait]
impl Way for Page {
    async fn enter(&self, desk: &Desk<'_>) -> Result<Grant, Fault> {
        log("enter");
        let start = desk.person.browser().then_some("http://127.0.0.1:8/");
        desk.person.visit("https://harbour.example/enter?state=abc", start);
        if desk.settings["berth"] == "far" {
            std::future::pending::<()>().await;
        }
        let mut grant = Grant::new(SecretString::from(format!("quay-{}", uuid::Uuid::now_v7())));
        grant.secrets.insert("refresh_token".into(), SecretString::from(format!("quay-{}", uuid::Uuid::now_v7())));
        grant.facts.scopes = Some(vec!["moor".into()]);
        grant.facts.login_ends = Some(Utc::now() + TimeDelta::hours(9 * 24 + 1));
        grant.facts.issuer = "https://harbour.example".into();
        if let Some(app) = &desk.app {
            grant.facts.client_id.clone_from(&app.id);
            if let Some(secret) = &app.secret {
                log("the app has its secret");
                grant.secrets.insert("client_secret".into(), secret.clone());
            }
        }
        Ok(grant)
    }

    fn scopes(&self) -> &'static [Scope] {
        &[
            Scope { name: "moor", why: "to publish", optional: false },
            Scope { name: "light", why: "to be seen at night", optional: true },
        ]
    }

    async fn renew(&self, _: &Desk<'_>, _: &Secrets, _: &Facts) -> Result<Grant, Fault> {
        Err(Fault::new(Kind::Auth, "the tide is out"))
    }

    async fn revoke(&self, _: &Desk<'_>, held: &Secrets, _: &Facts) -> Result<(), Fault> {
        if std::env::var_os("HARBOUR_CLOSED").is_some() {
            return Err(Fault::new(Kind::Network, "the harbour is closed"));
        }
        assert!(held["token"].expose_secret().starts_with("quay-"));
        log("revoke");
        Ok(())
    }
}

/// Needs a person.
struct Boat;

#[async_trait]
impl Way for Boat {
    async fn enter(&self, desk: &Desk<'_>) -> Result<Grant, Fault> {
        desk.person.ask("your name", false).await.map(Grant::new)
    }

    async fn renew(&self, _: &Desk<'_>, _: &Secrets, _: &Facts) -> Result<Grant, Fault> {
        Err(Fault::new(Kind::Auth, "the tide is out"))
    }

    async fn revoke(&self, _: &Desk<'_>, _: &Secrets, _: &Facts) -> Result<(), Fault> {
        Ok(())
    }
}

#[async_trait]
impl Platform for Harbour {
    fn spec(&self) -> &'static Spec {
        self.spec
    }

    fn encode(&self, _: &Ask, piece: &mut Piece) -> Result<Value, String> {
        Ok(json!({ "text": Markup::Plain.encode(&piece.text) }))
    }

    async fn publish(&self, _: &Cx<'_>, _: &Post, _: &Value) -> Result<Receipt, Fault> {
        Ok(Receipt::new("1", None))
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        log("whoami");
        let berth = cx.account.setting("berth");
        let token = cx.optional_secret("token").or(cx.optional_secret("seal")).unwrap_or_default();
        let good = ["quay-", "typed-", "pier-token-"].iter().any(|start| token.expose_secret().starts_with(start));
        if berth == "slow" {
            std::future::pending::<()>().await;
        }
        // a pier with a token of its own takes no other
        let own = berth != "south" || token.expose_secret().starts_with("pier-token-");
        if berth == "mined" || !good || !own {
            return Err(Fault::new(Kind::Auth, "the harbour master knows nobody of that name"));
        }
        let name = if berth.is_empty() { "harbour" } else { berth };
        Ok(Profile { id: name.into(), handle: format!("@{name}"), url: None })
    }

    fn logins(&self) -> &'static [Login] {
        self.logins
    }

    fn targets(&self) -> Option<&dyn Targets> {
        Some(self)
    }

    fn twin(&self) -> Box<dyn Twin> {
        xpost::platform::by_name("feed").unwrap().twin()
    }

    fn twin_account(&self, _: usize, _: &std::path::Path) -> TwinAccount {
        TwinAccount { server: String::new(), settings: json!({}), secrets: BTreeMap::new() }
    }

    fn setup(&self) -> &'static str {
        "# Harbour\n\nneeds a login\n\n1. go there\n\nThat is all.\n"
    }
}

#[async_trait]
impl Targets for Harbour {
    async fn targets(&self, _: &Cx<'_>) -> Result<Vec<TargetOffer>, Fault> {
        let berth = |name: &str| BTreeMap::from([("berth".to_string(), Value::from(name))]);
        Ok(vec![
            TargetOffer {
                title: "North pier".into(),
                name: "north".into(),
                settings: berth("north"),
                ..TargetOffer::default()
            },
            TargetOffer {
                title: "South pier".into(),
                name: "south".into(),
                settings: berth("south"),
                secrets: BTreeMap::from([("token".to_string(), SecretString::from("pier-token-1"))]),
                not: None,
            },
            TargetOffer {
                title: "Mine field".into(),
                name: "mine".into(),
                settings: berth("mined"),
                not: Some("nobody comes back from there".into()),
                ..TargetOffer::default()
            },
        ])
    }
}
