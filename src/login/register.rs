//! Whose app asks: the person's own, one for everybody, or one that the server gives out at run time (RFC 7591).

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::refuse::harmless;
use super::wire::endpoint;
use super::{App, AppSecret, CLIENT_SECRET, Client, ClientAuth, Desk, Facts, Register, Secrets, said};
use crate::net::{Effect, Fault, Kind, Request, by_status, one_line};

/// Who has the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Person,
    Server,
    Everybody,
}

impl Owner {
    fn of(client: &Client) -> Owner {
        match client {
            Client::App { .. } => Owner::Person,
            Client::Registered(_) => Owner::Server,
            Client::Public(_) => Owner::Everybody,
        }
    }
}

/// The app for a new login.
///
/// # Errors
/// There is none, and nobody to ask; or the server gives none out.
pub(super) async fn app(
    desk: &Desk<'_>,
    client: &Client,
    redirect: &str,
    scopes: &[&str],
) -> Result<(App, Owner), Fault> {
    let mut app = match client {
        Client::Public(id) => App { id: (*id).to_string(), ..App::default() },
        Client::Registered(register) => register.register(desk, redirect, scopes).await.map_err(harmless)?,
        Client::App { secret } => {
            let mut app = desk.app.clone().unwrap_or_default();
            if app.id.is_empty() {
                let id = desk.person.ask(&format!("client id of your app at {}", desk.title), false).await?;
                app.id = id.expose_secret().trim().to_string();
            }
            if *secret == AppSecret::Needed && app.secret.is_none() {
                app.secret =
                    Some(desk.person.ask(&format!("client secret of your app at {}", desk.title), true).await?);
            }
            if *secret == AppSecret::Never {
                app.secret = None;
            }
            app
        }
    };
    if app.id.is_empty() {
        return Err(Fault::new(Kind::Auth, format!("there is no app to log in to {} with", desk.title)));
    }
    app.secret = app.secret.filter(|secret| !secret.expose_secret().is_empty());
    if let Some(secret) = &app.secret {
        desk.door.redactor().learn(secret);
    }
    Ok((app, Owner::of(client)))
}

/// The app of a login that is there.
pub(super) fn kept(desk: &Desk<'_>, client: &Client, held: &Secrets, facts: &Facts) -> (App, Owner) {
    // the person's own app has no business in logins that are made with another
    let given = desk.app.clone().filter(|_| matches!(client, Client::App { .. })).unwrap_or_default();
    let public = if let Client::Public(id) = client { id } else { "" };
    let id = [facts.client_id.as_str(), &given.id, public].into_iter().find(|id| !id.is_empty()).unwrap_or_default();
    let never = matches!(client, Client::App { secret: AppSecret::Never });
    // a secret belongs to the id that the login was made with
    let given_secret = given.secret.clone().filter(|_| given.id == id && !never);
    let app = App { id: id.to_string(), secret: held.get(CLIENT_SECRET).cloned().or(given_secret), ..given };
    (app, Owner::of(client))
}

/// Dynamic client registration (RFC 7591): a native app for one login.
#[derive(Debug, Clone, Copy)]
pub struct Rfc7591 {
    /// The registration endpoint; `{server}` stands for the account's server.
    pub url: &'static str,
    /// How the app will show its secret; `None` asks for a public app. A server that gives a secret all the same is believed.
    pub auth: Option<ClientAuth>,
    /// Further members of the request (`client_uri`, where a server demands one).
    pub more: &'static [(&'static str, &'static str)],
}

#[async_trait]
impl Register for Rfc7591 {
    /// Registers `xpost (ACCOUNT)`. Without a redirect address it is an app for the device grant.
    async fn register(&self, desk: &Desk<'_>, redirect: &str, scopes: &[&str]) -> Result<App, Fault> {
        let method = match self.auth {
            None => "none",
            Some(ClientAuth::Basic) => "client_secret_basic",
            Some(ClientAuth::Body) => "client_secret_post",
        };
        let mut ask = json!({
            "client_name": format!("xpost ({})", desk.account),
            "application_type": "native",
            "token_endpoint_auth_method": method,
        });
        if redirect.is_empty() {
            ask["grant_types"] = json!(["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]);
            ask["response_types"] = json!([]);
        } else {
            ask["redirect_uris"] = json!([redirect]);
            ask["grant_types"] = json!(["authorization_code", "refresh_token"]);
            ask["response_types"] = json!(["code"]);
        }
        if !scopes.is_empty() {
            ask["scope"] = scopes.join(" ").into();
        }
        for (name, value) in self.more {
            ask[*name] = json!(value);
        }
        let url = endpoint(desk, self.url)?;
        let request = Request::post(url).header("accept", "application/json").json(ask);
        let answer = desk.door.send(request).await.map_err(harmless)?;
        let value = answer.value();
        said::learn(desk.door.redactor(), &value);
        let failed = |kind: Kind, why: &str| {
            let why = desk.door.redactor().clean(&one_line(why, 200));
            Fault::new(kind, format!("{} gives out no app to log in with: {why}", desk.server))
        };
        if let Some(fault) = by_status(&answer) {
            let said = said::refusal(&value);
            let code = said.as_ref().map_or("", |said| said.code.as_str());
            let why = match &said {
                Some(said) if !said.words.is_empty() => said.words.clone(),
                Some(said) if !said.code.is_empty() => said.code.clone(),
                _ => fault.message.clone(),
            };
            let made = failed(if answer.status == 404 { Kind::Unsupported } else { fault.kind }, &why);
            let code = Some(code.to_string()).filter(|code| !code.is_empty() && code.len() <= 60);
            let code = code.filter(|code| desk.door.redactor().clean(code) == *code);
            return Err(Fault { message: made.message, kind: made.kind, code, effect: Effect::None, ..fault });
        }
        let text = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let id = text("client_id").ok_or_else(|| failed(Kind::Protocol, "its answer has no `client_id`"))?;
        Ok(App { id: id.to_string(), secret: text("client_secret").map(SecretString::from), ..App::default() })
    }
}
