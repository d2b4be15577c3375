//! The ways into a network, as data. A network's folder fills these in; [`super::enter`], [`super::renew`] and
//! [`super::revoke`] walk them.

use std::time::Duration;

use secrecy::SecretString;

use super::Way;

/// One way to log in to a network.
#[derive(Clone, Copy)]
pub struct Login {
    /// As typed after `--with`: `browser`, `device`, `app-password`, `token`.
    pub name: &'static str,
    /// One line for the menu.
    pub about: &'static str,
    pub flow: Flow,
    /// The secret fields that an account which logged in this way cannot do without; the first is the one that requests carry.
    pub keeps: &'static [&'static str],
    /// What this way asks for of [`crate::platform::Spec::fields`], secret or not, beside the server. Fields that no way names
    /// are asked for by all.
    pub asks: &'static [&'static str],
    /// Where a person can end such a login himself; `{server}` stands for the account's server.
    pub page: Option<&'static str>,
}

impl Login {
    /// Whether a person must be there: everything but what can be typed in ahead.
    pub fn attended(&self) -> bool {
        !matches!(self.flow, Flow::Typed(_))
    }
}

/// How a [`Login`] is walked.
#[derive(Clone, Copy)]
pub enum Flow {
    /// The secret fields are typed in: app passwords, bot tokens, webhook URLs, Basic, key pairs, keys that sign a JWT for each request.
    Typed(Typed),
    /// OAuth 2.0 authorization code (RFC 6749 4.1), with PKCE where the network takes it.
    Code(&'static Code),
    /// OAuth 2.0 device grant (RFC 8628).
    Device(&'static Device),
    /// A page that is opened with a session of our own making and asked until the person has agreed (Misskey's MiAuth).
    Poll(&'static Poll),
    /// OAuth 1.0a: the person copies a number, or is sent back to a listener (RFC 5849).
    Pin(&'static Pin),
    /// A name and a password are traded for a token; the password is not kept.
    Password(&'static Password),
    /// The network's own ceremony.
    Own(&'static dyn Way),
}

/// Looks at secret fields; says what is wrong, without quoting any of it.
pub type Check = fn(&super::Secrets) -> Result<(), String>;

/// What is typed in.
#[derive(Clone, Copy)]
pub struct Typed {
    /// Said before it is asked for, where this way is not the one to choose.
    pub warning: Option<&'static str>,
    /// Looks at what was typed before anything is sent; says what is wrong, without quoting it.
    pub check: Option<Check>,
}

impl Typed {
    /// Nothing special.
    pub const PLAIN: Typed = Typed { warning: None, check: None };
}

/// Authorization code. In every address `{server}` stands for the account's server.
#[derive(Clone, Copy)]
pub struct Code {
    pub authorize: &'static str,
    pub token: &'static str,
    pub revoke: Option<Revoke>,
    pub scopes: &'static [Scope],
    /// What stands between scopes in the request: a space, or with some networks a comma.
    pub joined: &'static str,
    pub challenge: Challenge,
    /// Where the person is sent afterwards, the best first; what a machine without a browser cannot use is passed over.
    pub redirects: &'static [Redirect],
    pub client: Client,
    /// Further parameters of the authorization request (`access_type=offline`).
    pub more: &'static [(&'static str, &'static str)],
    pub dialect: Dialect,
    /// The answer's token is traded at once for one that lives longer.
    pub longer: Option<Exchange>,
    pub renew: Renew,
    pub life: Life,
}

/// Device grant.
#[derive(Clone, Copy)]
pub struct Device {
    /// The device authorization endpoint.
    pub start: &'static str,
    pub token: &'static str,
    pub revoke: Option<Revoke>,
    pub scopes: &'static [Scope],
    pub joined: &'static str,
    pub client: Client,
    pub dialect: Dialect,
    pub renew: Renew,
    pub life: Life,
}

/// A page with a session of our own making.
#[derive(Clone, Copy)]
pub struct Poll {
    /// The page; `{session}` is a UUID of ours, `{name}` our name, `{scopes}` the joined scopes.
    pub page: &'static str,
    /// Asked (POST) until it says yes.
    pub ask: &'static str,
    /// Where in the answer the token is, as a JSON pointer.
    pub token: &'static str,
    pub scopes: &'static [Scope],
    pub joined: &'static str,
    pub every: Duration,
    pub at_most: Duration,
}

/// OAuth 1.0a.
#[derive(Clone, Copy)]
pub struct Pin {
    pub request: &'static str,
    pub authorize: &'static str,
    pub access: &'static str,
    /// POST, signed, to end the token.
    pub revoke: Option<&'static str>,
}

/// A name and a password for a token.
#[derive(Clone, Copy)]
pub struct Password {
    pub token: &'static str,
    /// Said before anything is asked for.
    pub warning: &'static str,
    /// What the request calls them.
    pub name: &'static str,
    pub password: &'static str,
    /// Further fixed members of the request.
    pub more: &'static [(&'static str, &'static str)],
    /// JSON, or a form.
    pub json: bool,
    /// Where in the answer the token is, as a JSON pointer.
    pub answer: &'static str,
    /// Address to end the session with the token as bearer, and its method.
    pub revoke: Option<(&'static str, &'static str)>,
    pub life: Life,
}

/// One permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    pub name: &'static str,
    /// What xpost does with it: `to publish`.
    pub why: &'static str,
    /// Without it one can still publish.
    pub optional: bool,
}

impl Scope {
    /// Whether what was granted holds this scope: by its name, or as the part of a wider one (`write` holds `write:statuses`).
    pub fn held(&self, granted: &[String]) -> bool {
        granted.iter().any(|have| {
            self.name == have || self.name.strip_prefix(have.as_str()).is_some_and(|rest| rest.starts_with(':'))
        })
    }
}

/// Proof key for code exchange (RFC 7636).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    S256,
    /// SHA-256 in hexadecimal instead of base64url (TikTok's desktop flow).
    S256Hex,
    /// The network knows no PKCE; the state alone protects.
    None,
}

/// Where the person comes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redirect {
    /// A listener on this machine. `host` as the network demands it (`127.0.0.1`, `localhost`); without a `port` any free one.
    Loopback { host: &'static str, port: Option<u16>, path: &'static str },
    /// An https address of the person's own app, which he names; he pastes the address that he lands on.
    Https,
    /// The network shows the code on a page of its own (`urn:ietf:wg:oauth:2.0:oob`); the person pastes the code.
    Shown(&'static str),
}

/// Whose app asks.
#[derive(Clone, Copy)]
pub enum Client {
    /// The person's own, registered at the network by hand.
    App { secret: AppSecret },
    /// One that the server gives us at run time, for this login alone.
    Registered(&'static dyn super::Register),
    /// Public and the same for everybody.
    Public(&'static str),
}

/// Whether an app has a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppSecret {
    Needed,
    /// Public apps have none.
    Optional,
    Never,
}

/// Where networks differ from the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    pub auth: ClientAuth,
    /// What the client's id is called (`client_key` with TikTok).
    pub client_id: &'static str,
    /// The token endpoint is asked with GET (Meta); the secrets then travel in the query, hidden from every log.
    pub get: bool,
    /// Where in the answer the token is, as a JSON pointer: empty for the whole.
    pub answer: &'static str,
}

impl Dialect {
    /// RFC 6749 with the client's secret in the body.
    pub const STANDARD: Dialect = Dialect { auth: ClientAuth::Body, client_id: "client_id", get: false, answer: "" };
}

/// How the client shows its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    Basic,
    Body,
}

/// A token for a token: Meta's long-lived exchange and refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    pub url: &'static str,
    pub grant_type: &'static str,
    /// What the request calls the old token.
    pub token: &'static str,
    /// Whether the client's id and secret go with it.
    pub with_id: bool,
    pub with_secret: bool,
    /// A token younger than this is not renewed.
    pub not_before: Duration,
}

/// How a login is kept alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renew {
    /// With its refresh token (RFC 6749 6); whether that one changes too is the network's choice.
    Refresh,
    /// With itself.
    Exchange(Exchange),
    /// Never: it does not end, or only a person can log in again.
    Never,
}

/// How long things live where the answer does not say, and when to renew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    pub access: Option<Duration>,
    pub refresh: Option<Duration>,
    /// The whole login, whatever is renewed (AT Protocol: two weeks for public clients).
    pub login: Option<Duration>,
    /// An access token is renewed when less than this is left of it.
    pub ahead: Duration,
}

impl Life {
    /// What the answer says, renewed 5 minutes ahead.
    pub const SAID: Life = Life { access: None, refresh: None, login: None, ahead: Duration::from_secs(300) };
}

/// How a token is ended at the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoke {
    /// RFC 7009: the refresh token if there is one (which ends the access token, too), else the access token.
    Standard(&'static str),
    /// `DELETE` with the token as bearer (Meta: `/me/permissions`).
    Delete(&'static str),
}

/// An app at a network.
#[derive(Debug, Clone, Default)]
pub struct App {
    pub id: String,
    pub secret: Option<SecretString>,
    /// An https address that is registered with it.
    pub redirect: Option<String>,
    /// What it was registered for, where the server does not know the flow's own scopes: these are asked for instead, and these
    /// are what must be granted.
    pub scopes: Option<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_scope_holds_its_parts() {
        let scope = Scope { name: "write:statuses", why: "to publish", optional: false };
        let held = |granted: &[&str]| scope.held(&granted.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert!(held(&["write:statuses"]) && held(&["read", "write"]));
        assert!(!held(&[]) && !held(&["read", "write:media", "writer", "write:statuses:own", ""]));
    }
}
