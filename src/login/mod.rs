//! Logins: every way into a network, declared as data by the networks and walked here; and what keeps a login alive and ends it.
//!
//! | file | what |
//! |---|---|
//! | [`flow`] | the ways, as data |
//! | [`Grant`] | what a login yields: secrets for the chain, [`Facts`] for everybody |
//! | `code`, `device`, `poll`, `pin`, `password` | one flow each |
//! | `listener` | the loopback listener that a browser comes back to |
//! | `wire`, `said`, `refuse` | the `oauth2` crate over our door, with the networks' dialects; what their answers mean, in plain words |
//! | [`register`] | whose app asks; apps that a server gives out at run time |
//! | [`metadata`] | what servers say of their logins |
//! | [`oauth1`], [`dpop`], [`jwt`], [`key`] | signatures and the keys that make them |

pub(crate) mod code;
mod device;
pub mod dpop;
pub mod flow;
mod grant;
pub mod jwt;
pub mod key;
pub(crate) mod listener;
pub mod metadata;
pub mod oauth1;
mod password;
mod pin;
mod poll;
mod refuse;
pub mod register;
mod said;
mod wire;

#[cfg(test)]
mod sitter;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::Value;

pub use flow::{
    App, AppSecret, Challenge, Client, ClientAuth, Code, Device, Dialect, Exchange, Flow, Life, Login, Password, Pin,
    Poll, Redirect, Renew, Revoke, Scope, Typed,
};
pub use grant::{CLIENT_SECRET, FACTS, Facts, Grant, REFRESH, TOKEN};

pub use crate::account::Secrets;
use crate::net::{Door, Fault, Kind};

/// What a flow works with.
pub struct Desk<'a> {
    pub door: &'a Door,
    /// The account's name, for messages and for the name under which an app is registered.
    pub account: &'a str,
    /// The network's name as written in prose.
    pub title: &'a str,
    /// Origin without a slash at the end; stands for `{server}`.
    pub server: &'a str,
    /// The account's fields that are not secret.
    pub settings: &'a Value,
    /// The person's own app, from the environment, the settings or what is kept.
    pub app: Option<App>,
    /// Whoever sits at the terminal.
    pub person: &'a dyn Person,
}

/// Whoever sits at the terminal; the command line implements it.
#[async_trait]
pub trait Person: Sync + Send {
    /// Whether a listener on this machine can be reached by the person's browser; `false` with `--paste`.
    fn browser(&self) -> bool;

    /// Shows the address and, where there is a browser, opens it. `start` is a short address on this machine that leads there: it
    /// can stand in a process list.
    fn visit(&self, address: &str, start: Option<&str>);

    /// Shows a code and the page where it is typed in; `whole` is the page's address with the code in it.
    fn enter_code(&self, code: &str, page: &str, whole: Option<&str>, until: DateTime<Utc>);

    /// Asks for something secret or not: an address that was landed on, a number, a password.
    ///
    /// # Errors
    /// There is nobody to ask, or he typed nothing.
    async fn ask(&self, what: &str, hidden: bool) -> Result<SecretString, Fault>;

    /// A line on the side.
    fn say(&self, line: &str);
}

/// A ceremony of a network's own, where data does not suffice.
#[async_trait]
pub trait Way: Sync + Send {
    /// What it asks for, and why; empty where the network has no permissions to choose.
    fn scopes(&self) -> &'static [Scope] {
        &[]
    }

    /// Logs in.
    ///
    /// # Errors
    /// The person or the network said no; nothing was kept.
    async fn enter(&self, desk: &Desk<'_>) -> Result<Grant, Fault>;

    /// Renews what is held. Called under the account's lock; the answer is stored before it is used.
    ///
    /// # Errors
    /// `auth`: only a person can log in again. Everything else: later perhaps.
    async fn renew(&self, desk: &Desk<'_>, held: &Secrets, facts: &Facts) -> Result<Grant, Fault>;

    /// Ends the login at the network.
    ///
    /// # Errors
    /// It is still good there.
    async fn revoke(&self, desk: &Desk<'_>, held: &Secrets, facts: &Facts) -> Result<(), Fault>;
}

/// A server that gives out an app at run time.
#[async_trait]
pub trait Register: Sync + Send {
    /// An app for this redirect address and these scopes.
    ///
    /// # Errors
    /// The server gives none.
    async fn register(&self, desk: &Desk<'_>, redirect: &str, scopes: &[&str]) -> Result<App, Fault>;
}

/// Nobody sits at the terminal.
pub struct Nobody;

#[async_trait]
impl Person for Nobody {
    fn browser(&self) -> bool {
        false
    }

    fn visit(&self, _: &str, _: Option<&str>) {}

    fn enter_code(&self, _: &str, _: &str, _: Option<&str>, _: DateTime<Utc>) {}

    async fn ask(&self, what: &str, _: bool) -> Result<SecretString, Fault> {
        Err(Fault::new(Kind::Auth, format!("{what}: there is nobody to ask")))
    }

    fn say(&self, _: &str) {}
}

/// Logs in by this way. [`Flow::Typed`] has no ceremony and is not walked here.
///
/// # Errors
/// The person or the network said no; nothing was kept.
pub async fn enter(desk: &Desk<'_>, way: &Login) -> Result<Grant, Fault> {
    let mut grant = match way.flow {
        Flow::Typed(_) => return Err(Fault::local(format!("`{}` is typed in", way.name))),
        Flow::Code(flow) => code::enter(desk, flow).await,
        Flow::Device(flow) => device::enter(desk, flow).await,
        Flow::Poll(flow) => poll::enter(desk, flow).await,
        Flow::Pin(flow) => pin::enter(desk, flow).await,
        Flow::Password(flow) => password::enter(desk, flow).await,
        Flow::Own(flow) => flow.enter(desk).await,
    }?;
    let now = Utc::now();
    grant.facts.way = way.name.to_string();
    grant.facts.granted_at = Some(now);
    grant.facts.renewed_at = Some(now);
    Ok(grant)
}

/// Renews a login; `None` where there is nothing to renew it with. Called under its lock; what comes back is stored before it is used.
///
/// # Errors
/// `auth`: only a person can log in again. Everything else: later perhaps.
pub async fn renew(desk: &Desk<'_>, way: &Login, held: &Secrets, facts: &Facts) -> Result<Option<Grant>, Fault> {
    let renewed = match way.flow {
        Flow::Code(flow) => code::renew(desk, flow, held, facts).await,
        Flow::Device(flow) => device::renew(desk, flow, held, facts).await,
        Flow::Own(flow) => flow.renew(desk, held, facts).await.map(Some),
        Flow::Typed(_) | Flow::Poll(_) | Flow::Pin(_) | Flow::Password(_) => Ok(None),
    }?;
    Ok(renewed.map(|mut grant| {
        grant.facts.way = way.name.to_string();
        grant.facts.granted_at = facts.granted_at;
        grant.facts.renewed_at = Some(Utc::now());
        grant
    }))
}

/// Ends a login at the network; `false` where the network has no way to do that.
///
/// # Errors
/// It is still good there.
pub async fn revoke(desk: &Desk<'_>, way: &Login, held: &Secrets, facts: &Facts) -> Result<bool, Fault> {
    match way.flow {
        Flow::Code(flow) => code::revoke(desk, flow, held, facts).await,
        Flow::Device(flow) => device::revoke(desk, flow, held, facts).await,
        Flow::Pin(flow) => pin::revoke(desk, flow, held, facts).await,
        Flow::Password(flow) => password::revoke(desk, flow, held, facts).await,
        Flow::Own(flow) => flow.revoke(desk, held, facts).await.map(|()| true),
        Flow::Typed(_) | Flow::Poll(_) => Ok(false),
    }
}

/// Whether a login should be renewed before it is used.
pub fn due(way: &Login, facts: &Facts, now: DateTime<Utc>) -> bool {
    let ahead = match way.flow {
        Flow::Code(flow) => flow.life.ahead,
        Flow::Device(flow) => flow.life.ahead,
        _ => Life::SAID.ahead,
    };
    let margin = chrono::TimeDelta::from_std(ahead).unwrap_or(chrono::TimeDelta::MAX);
    renewable(way) && facts.access_ends.is_some_and(|end| end - now < margin)
}

/// What a way asks for; empty where it has no permissions to choose.
pub fn scopes(way: &Login) -> &'static [Scope] {
    match way.flow {
        Flow::Code(flow) => flow.scopes,
        Flow::Device(flow) => flow.scopes,
        Flow::Poll(flow) => flow.scopes,
        Flow::Own(flow) => flow.scopes(),
        Flow::Typed(_) | Flow::Pin(_) | Flow::Password(_) => &[],
    }
}

/// What a way asks for and was not granted; nothing where the network does not say what it granted.
pub fn missing_scopes(way: &Login, facts: &Facts) -> Vec<Scope> {
    let granted = facts.scopes.as_deref();
    granted.map_or_else(Vec::new, |granted| scopes(way).iter().filter(|scope| !scope.held(granted)).copied().collect())
}

/// Whether such a login can be renewed without a person.
pub fn renewable(way: &Login) -> bool {
    match way.flow {
        Flow::Code(flow) => flow.renew != Renew::Never,
        Flow::Device(flow) => flow.renew != Renew::Never,
        Flow::Own(_) => true,
        Flow::Typed(_) | Flow::Poll(_) | Flow::Pin(_) | Flow::Password(_) => false,
    }
}
