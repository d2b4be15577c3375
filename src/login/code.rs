//! Authorization code (RFC 6749 4.1) with PKCE (RFC 7636): on a loopback listener, or with the address pasted.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use chrono::{TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use url::{Origin, Url};

use super::listener::{Listener, Pairs};
use super::wire::{Authorization, Doing, Token, Wire, endpoint};
use super::{Code, Desk, Facts, Grant, REFRESH, Redirect, Renew, Revoke, Scope, Secrets, TOKEN, flow, register, said};
use crate::net::{Fault, Kind};

/// How long a listener waits for the browser.
const WAIT: Duration = Duration::from_secs(300);
/// So often an address that is not the right one may be pasted.
const PASTES: usize = 3;
/// What is pasted is a code or an address, in bytes.
const MAX_PASTE: usize = 16 * 1024;

/// Logs in.
///
/// # Errors
/// The person or the network said no; nothing was kept.
pub async fn enter(desk: &Desk<'_>, flow: &Code) -> Result<Grant, Fault> {
    enter_within(desk, flow, WAIT).await
}

/// [`enter`] with another limit for the browser.
pub(super) async fn enter_within(desk: &Desk<'_>, flow: &Code, limit: Duration) -> Result<Grant, Fault> {
    let place = Place::choose(desk, flow.redirects).await?;
    let asked: Vec<&str> = flow.scopes.iter().map(|scope| scope.name).collect();
    let (app, owner) = register::app(desk, &flow.client, &place.redirect, &asked).await?;
    let scopes = app.scopes.as_ref().map_or(asked, |own| own.iter().map(String::as_str).collect()).join(flow.joined);
    let redirect = Some(place.redirect.clone());
    let wire = Wire { desk, dialect: flow.dialect, app: app.clone(), owner, redirect };
    let at = endpoint(desk, flow.authorize)?;
    let issuer = at.origin();
    let sent = wire.authorize(at, &scopes, flow.challenge, flow.more)?;
    // dropped at the end of this function, so that a second callback hears that it is too late
    let mut open = None;
    let code = match place.how {
        How::Listener(listener, path) => {
            let state = sent.state.clone();
            let judge = Arc::new(move |pairs: &Pairs| {
                own(pairs, &state).then(|| one(pairs, "code").is_some() && one(pairs, "error").is_none())
            });
            let open = open.insert(listener.open(&path, sent.address.as_str(), judge));
            desk.person.visit(sent.address.as_str(), Some(open.start()));
            let pairs = open.wait(limit, &|line| desk.person.say(line)).await?;
            landed(&wire, &pairs, &sent.state, &issuer)?
        }
        How::Pasted { bare } => {
            desk.person.visit(sent.address.as_str(), None);
            pasted(&wire, &sent, &issuer, bare).await?
        }
    };
    let token_at = endpoint(desk, flow.token)?;
    let mut token = wire.code(token_at.clone(), &code, sent.verifier).await?;
    if let Some(longer) = &flow.longer {
        let long = wire.exchange(longer, &token.access).await?;
        token = Token {
            scopes: long.scopes.or(token.scopes),
            subject: long.subject.or(token.subject),
            refresh: long.refresh.or(token.refresh),
            ..long
        };
    }
    let terms = Terms { scopes: flow.scopes, own: app.scopes.as_deref(), revoke: flow.revoke, renew: &flow.renew };
    finish(&wire, &token_at, token, &flow.life, &terms).await
}

/// What a new login is measured by.
pub(super) struct Terms<'a> {
    pub scopes: &'a [Scope],
    /// The app's, where it has its own.
    pub own: Option<&'a [String]>,
    pub revoke: Option<Revoke>,
    pub renew: &'a Renew,
}

/// The grant that a token makes, if it holds what is needed; else it is ended at the network, so that it does not lie around.
pub(super) async fn finish(
    wire: &Wire<'_>,
    at: &Url,
    token: Token,
    life: &flow::Life,
    terms: &Terms<'_>,
) -> Result<Grant, Fault> {
    let Desk { title, account, door, person, .. } = *wire.desk;
    let soon = short_lived(title, life, terms.renew, &token);
    let mut grant = wire.grant(at, token, life);
    let lacking = lacking(terms.scopes, terms.own, grant.facts.scopes.as_deref());
    if !lacking.is_empty() {
        if let Err(fault) = end(wire, terms.revoke, &grant.secrets).await {
            tracing::debug!(account, "a login that lacks scopes was not revoked: {}", fault.message);
        }
        let message = format!("{title} did not grant {}; log in again and allow it", lacking.join(" and "));
        return Err(Fault::new(Kind::Auth, door.redactor().clean(&message)));
    }
    if let Some(line) = soon {
        person.say(&line);
    }
    grant.facts.asked = terms.own.unwrap_or_default().to_vec();
    if *terms.renew == Renew::Refresh && !grant.secrets.contains_key(REFRESH) {
        // some networks give what renews a login to some apps alone: without it the login ends with its token
        let ends = [grant.facts.login_ends, grant.facts.access_ends];
        grant.facts.login_ends = ends.into_iter().flatten().min();
    }
    Ok(grant)
}

/// Renews a login; `None` where there is nothing to renew it with, or it is too young.
///
/// # Errors
/// `auth`: only a person can log in again. Else: later perhaps.
pub async fn renew(desk: &Desk<'_>, flow: &Code, held: &Secrets, facts: &Facts) -> Result<Option<Grant>, Fault> {
    let wire = renewing(desk, &flow.client, flow.dialect, held, facts);
    alive(&wire, &flow.renew, flow.token, &flow.life, held, facts).await
}

/// Ends a login at the network; `false` where the network has no way to do that.
///
/// # Errors
/// It is still good there.
pub async fn revoke(desk: &Desk<'_>, flow: &Code, held: &Secrets, facts: &Facts) -> Result<bool, Fault> {
    let wire = renewing(desk, &flow.client, flow.dialect, held, facts);
    same_server(desk, flow.token, facts)?;
    end(&wire, flow.revoke, held).await
}

/// The wire of a login that is there.
pub(super) fn renewing<'a>(
    desk: &'a Desk<'a>,
    client: &flow::Client,
    dialect: flow::Dialect,
    held: &Secrets,
    facts: &Facts,
) -> Wire<'a> {
    for secret in held.values() {
        desk.door.redactor().learn(secret);
    }
    let (app, owner) = register::kept(desk, client, held, facts);
    Wire { desk, dialect, app, owner, redirect: None }
}

/// Renews with whatever the flow has for it.
pub(super) async fn alive(
    wire: &Wire<'_>,
    how: &Renew,
    token: &str,
    life: &flow::Life,
    held: &Secrets,
    facts: &Facts,
) -> Result<Option<Grant>, Fault> {
    same_server(wire.desk, token, facts)?;
    let renewed = match how {
        Renew::Never => return Ok(None),
        Renew::Refresh => {
            let Some(refresh) = held.get(REFRESH) else { return Ok(None) };
            wire.refresh(endpoint(wire.desk, token)?, refresh).await?
        }
        Renew::Exchange(exchange) => {
            let Some(token) = held.get(TOKEN) else { return Ok(None) };
            let young = TimeDelta::from_std(exchange.not_before).unwrap_or(TimeDelta::MAX);
            if facts.renewed_at.is_some_and(|at| Utc::now() - at < young) {
                return Ok(None);
            }
            wire.exchange(exchange, token).await?
        }
    };
    Ok(Some(wire.renewed(renewed, life, held, facts)))
}

/// Ends what these secrets open.
pub(super) async fn end(wire: &Wire<'_>, how: Option<Revoke>, held: &Secrets) -> Result<bool, Fault> {
    let Some(access) = held.get(TOKEN) else { return Ok(false) };
    match how {
        None => Ok(false),
        Some(Revoke::Standard(at)) => {
            let (token, hint) = match held.get(REFRESH) {
                Some(refresh) => (refresh, "refresh_token"),
                None => (access, "access_token"),
            };
            wire.revoke(at, token, hint).await.map(|()| true)
        }
        Some(Revoke::Each(at)) => {
            wire.revoke(at, access, "access_token").await?;
            if let Some(refresh) = held.get(REFRESH) {
                wire.revoke(at, refresh, "refresh_token").await?;
            }
            Ok(true)
        }
        Some(Revoke::Delete(at)) => wire.delete(at, access).await.map(|()| true),
    }
}

/// A login of one server is not shown to another because the account's `server` was changed.
pub(super) fn same_server(desk: &Desk<'_>, template: &str, facts: &Facts) -> Result<(), Fault> {
    if !template.contains("{server}") || facts.issuer.is_empty() {
        return Ok(());
    }
    let origin = endpoint(desk, template)?.origin().ascii_serialization();
    if origin == facts.issuer {
        return Ok(());
    }
    Err(Fault::local(format!(
        "account `{}`: its login is for `{}`, and was not sent to `{origin}`; run `xpost account login {}`",
        desk.account, facts.issuer, desk.account
    )))
}

/// What was not granted though it is needed, with what for. A server that does not say what it granted gave what was asked for.
pub(super) fn lacking(scopes: &[Scope], own: Option<&[String]>, granted: Option<&[String]>) -> Vec<String> {
    let Some(granted) = granted else { return Vec::new() };
    let held = |name: &str| {
        granted
            .iter()
            .any(|have| name == have || name.strip_prefix(have.as_str()).is_some_and(|rest| rest.starts_with(':')))
    };
    let why = |name: &str| match scopes.iter().find(|scope| scope.name == name) {
        Some(scope) => format!("`{name}` ({})", scope.why),
        None => format!("`{name}`"),
    };
    match own {
        Some(own) => {
            let optional = |name: &str| scopes.iter().any(|scope| scope.name == name && scope.optional);
            own.iter().filter(|name| !held(name) && !optional(name)).map(|name| why(name)).collect()
        }
        None => {
            scopes.iter().filter(|scope| !scope.optional && !held(scope.name)).map(|scope| why(scope.name)).collect()
        }
    }
}

/// A login that ends within days where others live on, as networks do with apps that are still being tried out.
fn short_lived(title: &str, life: &flow::Life, renew: &Renew, token: &Token) -> Option<String> {
    let lives = token.refresh_expires_in.filter(|_| token.refresh.is_some() && *renew == Renew::Refresh)?;
    let usual = life.refresh.or(life.login);
    (lives <= Duration::from_secs(8 * 86_400) && usual.is_none_or(|usual| usual > lives)).then(|| {
        let days = lives.as_secs().div_ceil(86_400);
        format!("this login ends in {days} days: {title} lets apps that are still in testing live no longer; publish the app there")
    })
}

/// Where the person comes back to.
struct Place {
    redirect: String,
    how: How,
}

enum How {
    Listener(Listener, String),
    /// `bare`: the network's page shows the code alone.
    Pasted {
        bare: bool,
    },
}

impl Place {
    /// The best of these that can be used here.
    async fn choose(desk: &Desk<'_>, all: &[Redirect]) -> Result<Place, Fault> {
        let named = desk.app.as_ref().and_then(|app| app.redirect.as_deref()).filter(|named| !named.is_empty());
        let loopback = all.iter().find(|redirect| matches!(redirect, Redirect::Loopback { .. }));
        // whoever names one has registered that one
        if let Some(named) = named {
            if let Some((host, port, path)) = on_loopback(named).filter(|_| loopback.is_some()) {
                return Place::on_loopback(desk, host, Some(port), &path).await;
            }
            if all.contains(&Redirect::Https) {
                return Ok(Place { redirect: registered(desk, named)?, how: How::Pasted { bare: false } });
            }
        }
        let shown = all.iter().find(|redirect| matches!(redirect, Redirect::Shown(_)));
        let first = if desk.person.browser() { all.first() } else { shown.or(loopback).or(all.first()) };
        match first {
            Some(Redirect::Shown(address)) => {
                Ok(Place { redirect: (*address).to_string(), how: How::Pasted { bare: true } })
            }
            Some(Redirect::Https) => {
                let asked = desk.person.ask("redirect address of your app (https)", false).await?;
                let redirect = registered(desk, asked.expose_secret().trim())?;
                Ok(Place { redirect, how: How::Pasted { bare: false } })
            }
            Some(Redirect::Loopback { host, port, path }) => Place::on_loopback(desk, host, *port, path).await,
            None => Err(Fault::local(format!("{} names no address to come back to", desk.title))),
        }
    }

    /// A listener, or where the browser is elsewhere nobody: it shows the address that it could not open.
    async fn on_loopback(desk: &Desk<'_>, host: &str, port: Option<u16>, path: &str) -> Result<Place, Fault> {
        let address = |port: u16| format!("http://{host}:{port}{path}");
        if desk.person.browser() {
            let listener = Listener::bind(host, port).await?;
            return Ok(Place { redirect: address(listener.port()), how: How::Listener(listener, path.to_string()) });
        }
        let port = match port {
            Some(port) => port,
            None => Listener::bind(host, None).await?.port(),
        };
        Ok(Place { redirect: address(port), how: How::Pasted { bare: false } })
    }
}

/// An address of this machine, taken apart, if it is one that a listener can serve.
fn on_loopback(text: &str) -> Option<(&'static str, u16, String)> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "http" && url.query().is_none())?;
    let host = ["127.0.0.1", "localhost", "[::1]"].into_iter().find(|own| url.host_str() == Some(own))?;
    Some((host, url.port()?, url.path().to_string()))
}

/// The https address that the person has registered with his app.
fn registered(desk: &Desk<'_>, text: &str) -> Result<String, Fault> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.has_host() && url.fragment().is_none());
    url.map(|_| text.to_string()).ok_or_else(|| {
        let text = desk.door.redactor().clean(&crate::net::one_line(text, 100));
        Fault::local(format!("`{text}` is not the https address of an app's redirect"))
    })
}

/// Asks for what the browser landed on.
async fn pasted(wire: &Wire<'_>, sent: &Authorization, issuer: &Origin, bare: bool) -> Result<SecretString, Fault> {
    let person = wire.desk.person;
    let redirect = wire.redirect.as_deref().unwrap_or_default();
    let mut left = PASTES;
    loop {
        left -= 1;
        let text = person.ask(if bare { "paste the code" } else { "paste the address" }, false).await?;
        wire.desk.door.redactor().learn(&text);
        let taken = match read_paste(text.expose_secret(), redirect, bare) {
            Ok(Paste::Code(code)) => {
                wire.desk.door.redactor().learn(&code);
                return Ok(code);
            }
            Ok(Paste::Address(pairs)) if own(&pairs, &sent.state) => {
                return landed(wire, &pairs, &sent.state, issuer);
            }
            Ok(Paste::Address(_)) => "it does not belong to this login: perhaps an older one".to_string(),
            Err(why) => why,
        };
        if left == 0 {
            return Err(Fault::new(Kind::Auth, format!("what was pasted cannot be used: {taken}; log in again")));
        }
        person.say(&format!("that cannot be used: {taken}"));
    }
}

/// What somebody pasted.
pub(crate) enum Paste {
    Code(SecretString),
    Address(Pairs),
}

/// Takes apart what was pasted; the error says what is wrong without quoting it.
pub(crate) fn read_paste(text: &str, redirect: &str, bare: bool) -> Result<Paste, String> {
    let text = text.trim().trim_matches(['"', '\'', '<', '>']);
    // two networks of one house hang this on
    let text = text.strip_suffix("#_=_").or_else(|| text.strip_suffix("#_")).unwrap_or(text);
    if text.is_empty() || text.len() > MAX_PASTE {
        return Err("it is empty or far too long".to_string());
    }
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(url) = url else {
        // snac's page shows the end of the address that it would have sent the person to
        if bare && text.contains("&state=") {
            return Ok(Paste::Address(
                url::form_urlencoded::parse(format!("code={text}").as_bytes()).into_owned().collect(),
            ));
        }
        let code = !text.contains(char::is_whitespace) && !text.contains(char::is_control);
        return match (bare, code) {
            (true, true) => Ok(Paste::Code(SecretString::from(text))),
            (true, false) => Err("it is not a code".to_string()),
            (false, _) => Err(format!("the whole address is needed, from `{redirect}` to its end")),
        };
    };
    let expected = Url::parse(redirect).ok().filter(|expected| {
        expected.origin() == url.origin() && expected.origin().is_tuple() && expected.path() == url.path()
    });
    // a name in front of the host is how one address is made to look like another
    if expected.is_none() || !url.username().is_empty() || url.password().is_some() {
        return Err(if bare {
            "it is an address, not the code".to_string()
        } else {
            format!("it does not begin with `{redirect}`")
        });
    }
    Ok(Paste::Address(url.query_pairs().into_owned().collect()))
}

/// The one parameter of this name; none where it is there twice.
pub(crate) fn one<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    let mut all = pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let first = all.next().filter(|value| !value.is_empty());
    if all.next().is_some() { None } else { first }
}

/// Whether this came back from where we sent the person.
pub(crate) fn own(pairs: &Pairs, state: &SecretString) -> bool {
    one(pairs, "state")
        .is_some_and(|came| verify_slices_are_equal(came.as_bytes(), state.expose_secret().as_bytes()).is_ok())
}

/// The code that came back, if nothing speaks against it.
fn landed(wire: &Wire<'_>, pairs: &Pairs, state: &SecretString, issuer: &Origin) -> Result<SecretString, Fault> {
    let Desk { title, door, .. } = wire.desk;
    if let Some(code) = one(pairs, "code") {
        door.redactor().learn(&SecretString::from(code));
    }
    if !own(pairs, state) {
        return Err(Fault::new(
            Kind::Auth,
            format!("what came back from {title} belongs to another login; log in again"),
        ));
    }
    // RFC 9207: an answer of another server than the one that was asked, so its code is not for anybody
    if pairs.iter().any(|(name, _)| name == "iss") {
        let same = one(pairs, "iss").and_then(|iss| Url::parse(iss).ok()).is_some_and(|iss| iss.origin() == *issuer);
        if !same {
            let message = format!(
                "the answer is of another server than `{}`: its code was sent to nobody; log in again",
                issuer.ascii_serialization()
            );
            return Err(Fault::new(Kind::Auth, message));
        }
    }
    if pairs.iter().any(|(name, _)| name == "error") {
        let text = |names: &[&str]| names.iter().find_map(|name| one(pairs, name)).unwrap_or_default().to_string();
        let said = said::Said {
            code: text(&["error"]),
            words: text(&["error_description", "error_message", "error_reason"]),
            passing: false,
        };
        let mut fault = wire.told(&said, Doing::Authorize);
        if fault.kind == Kind::Rejected {
            fault.kind = Kind::Auth;
        }
        return Err(fault);
    }
    match one(pairs, "code") {
        Some(code) => Ok(SecretString::from(code)),
        None => Err(Fault::new(Kind::Protocol, format!("{title} sent the browser back without a code; log in again"))),
    }
}
