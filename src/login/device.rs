//! Device grant (RFC 8628): the person types a code in on any machine.

use secrecy::SecretString;

use super::code::{Terms, alive, end, finish, renewing, same_server};
use super::wire::{Pace, Wire, endpoint};
use super::{Desk, Device, Facts, Grant, Secrets, register};
use crate::net::{Fault, one_line};

/// Logs in.
///
/// # Errors
/// The person or the network said no, or nobody typed the code in; nothing was kept.
pub async fn enter(desk: &Desk<'_>, flow: &Device) -> Result<Grant, Fault> {
    enter_at(desk, flow, &Pace::real()).await
}

/// [`enter`] with another clock.
pub(super) async fn enter_at(desk: &Desk<'_>, flow: &Device, pace: &Pace) -> Result<Grant, Fault> {
    let asked: Vec<&str> = flow.scopes.iter().map(|scope| scope.name).collect();
    let (app, owner) = register::app(desk, &flow.client, "", &asked).await?;
    let scopes = app.scopes.as_ref().map_or(asked, |own| own.iter().map(String::as_str).collect()).join(flow.joined);
    let wire = Wire { desk, dialect: flow.dialect, app: app.clone(), owner, redirect: None };
    let started = wire.device_start(endpoint(desk, flow.start)?, &scopes).await?;
    desk.door.redactor().learn(&SecretString::from(started.device_code().secret().as_str()));
    let until = (pace.now)() + chrono::TimeDelta::from_std(started.expires_in()).unwrap_or_default();
    desk.person.enter_code(
        &one_line(started.user_code().secret(), 64),
        &one_line(started.verification_uri().as_str(), 500),
        started.verification_uri_complete().map(|whole| one_line(whole.secret(), 500)).as_deref(),
        until,
    );
    let token_at = endpoint(desk, flow.token)?;
    let token = wire.device_poll(token_at.clone(), &started, pace).await?;
    let terms = Terms { scopes: flow.scopes, own: app.scopes.as_deref(), revoke: flow.revoke, renew: &flow.renew };
    finish(&wire, &token_at, token, &flow.life, &terms).await
}

/// Renews a login; `None` where there is nothing to renew it with.
///
/// # Errors
/// `auth`: only a person can log in again. Else: later perhaps.
pub async fn renew(desk: &Desk<'_>, flow: &Device, held: &Secrets, facts: &Facts) -> Result<Option<Grant>, Fault> {
    let wire = renewing(desk, &flow.client, flow.dialect, held, facts);
    alive(&wire, &flow.renew, flow.token, &flow.life, held, facts).await
}

/// Ends a login at the network; `false` where the network has no way to do that.
///
/// # Errors
/// It is still good there.
pub async fn revoke(desk: &Desk<'_>, flow: &Device, held: &Secrets, facts: &Facts) -> Result<bool, Fault> {
    let wire = renewing(desk, &flow.client, flow.dialect, held, facts);
    same_server(desk, flow.token, facts)?;
    end(&wire, flow.revoke, held).await
}
