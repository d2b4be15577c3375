//! OAuth 1.0a (RFC 5849 2) without a callback: the person agrees on a page of the network and types the number that it shows.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::oauth1::{self, Keys, TOKEN_SECRET};
use super::{CLIENT_SECRET, Desk, Facts, Grant, Pin, Secrets};
use crate::net::{Answer, Effect, Fault, Kind, Request, by_status};

/// The word for "no callback" (RFC 5849 2.1).
const OUT_OF_BAND: &str = "oob";
/// Networks refuse times that are off by five minutes; what is off by less than this is not worth a word.
const CLOCK: TimeDelta = TimeDelta::seconds(60);

/// A token and the secret that belongs to it.
struct Pair {
    token: SecretString,
    secret: SecretString,
}

/// Logs in with a number. What the grant holds does not end by itself.
///
/// # Errors
/// The person or the network said no, or the network was not reached; nothing was kept.
pub async fn enter(desk: &Desk<'_>, flow: &Pin) -> Result<Grant, Fault> {
    let (consumer, consumer_secret) = consumer(desk).await?;
    let app = Keys::new(&consumer, &consumer_secret);
    let mut line = Line { desk, clock: None };

    let asking = app.clone().with("oauth_callback", &SecretString::from(OUT_OF_BAND));
    let (request, said) = line.pair(flow.request, &asking, "the app's consumer key and secret").await?;
    if said.get("oauth_callback_confirmed").is_none_or(|word| word != "true") {
        // before revision A of the protocol a stranger could have the person agree to his own login
        let why = format!("{} did not confirm `oauth_callback`: what it speaks is older than OAuth 1.0a", desk.title);
        return Err(Fault::new(Kind::Protocol, why));
    }

    let verifier = agreed(desk, flow, &request).await?;
    desk.door.redactor().learn(&verifier);
    let trading = app.token(&request.token, &request.secret).with("oauth_verifier", &verifier);
    let (access, said) = line.pair(flow.access, &trading, "that number; log in again for another one").await?;

    let mut grant = Grant::new(access.token);
    grant.secrets.insert(TOKEN_SECRET.to_string(), access.secret);
    grant.secrets.insert(CLIENT_SECRET.to_string(), consumer_secret);
    grant.facts.client_id = consumer;
    grant.facts.issuer = Url::parse(&address(desk, flow.access))
        .map_or_else(|_| String::new(), |url| url.origin().ascii_serialization());
    grant.facts.subject = said.get("user_id").cloned().unwrap_or_default();
    Ok(grant)
}

/// Ends the token where the network has a call for that; `false` where it has none.
///
/// # Errors
/// It is still good there, as far as is known.
pub async fn revoke(desk: &Desk<'_>, flow: &Pin, held: &Secrets, facts: &Facts) -> Result<bool, Fault> {
    let Some(url) = flow.revoke else { return Ok(false) };
    let keys = Keys::held(&facts.client_id, held).map_err(|fault| {
        let message = format!("account `{}`: {}", desk.account, fault.message);
        Fault { message, ..fault }
    })?;
    Line { desk, clock: None }.ask(url, &keys, "back its token").await?;
    Ok(true)
}

/// The person's own app.
async fn consumer(desk: &Desk<'_>) -> Result<(String, SecretString), Fault> {
    let (id, secret) = desk.app.as_ref().map_or((String::new(), None), |app| (app.id.clone(), app.secret.clone()));
    let id = if id.is_empty() {
        let typed = desk.person.ask(&format!("consumer key (API key) of your {} app", desk.title), false).await?;
        typed.expose_secret().trim().to_string()
    } else {
        id
    };
    let secret = match secret {
        Some(secret) => secret,
        None => {
            let what = format!("consumer secret (API key secret) of your {} app", desk.title);
            let typed = desk.person.ask(&what, true).await?;
            SecretString::from(typed.expose_secret().trim())
        }
    };
    if id.is_empty() || secret.expose_secret().is_empty() {
        return Err(Fault::new(Kind::Auth, format!("there is no app to log in to {} with", desk.title)));
    }
    desk.door.redactor().learn(&secret);
    Ok((id, secret))
}

/// Has the person agree, and takes what the page gave him. A listener that the browser comes back to would stand here: it reads
/// the same parameters that [`verifier`] finds in a pasted address.
async fn agreed(desk: &Desk<'_>, flow: &Pin, request: &Pair) -> Result<SecretString, Fault> {
    let mut page = Url::parse(&address(desk, flow.authorize))
        .map_err(|_| Fault::local(format!("the address of {}'s page is no URL", desk.title)))?;
    page.query_pairs_mut().append_pair("oauth_token", request.token.expose_secret());
    desk.person.visit(page.as_str(), None);
    let what = format!("the number that {} shows, or the address that you landed on", desk.title);
    // good once and for minutes: he may see what he types
    let typed = desk.person.ask(&what, false).await?;
    desk.door.redactor().learn(&typed);
    verifier(&typed, request).map_err(|why| Fault::new(Kind::Auth, format!("{}: {why}", desk.title)))
}

/// The verifier in what was typed: the number, in whatever groups, or an address with `oauth_verifier` that was landed on.
fn verifier(typed: &SecretString, request: &Pair) -> Result<SecretString, &'static str> {
    let text = typed.expose_secret().trim();
    let query = text.split_once('?').map_or("", |(_, query)| query.split('#').next().unwrap_or_default());
    let said: BTreeMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).collect();
    if said.contains_key("denied") || said.contains_key("oauth_problem") {
        return Err("it was declined there, and nothing was kept");
    }
    let found = match said.get("oauth_verifier") {
        Some(found) => {
            if said.get("oauth_token").is_none_or(|token| token != request.token.expose_secret()) {
                return Err("the address belongs to another login, and was not used");
            }
            found.to_string()
        }
        None if text.contains("://") => return Err("the address holds no `oauth_verifier`"),
        None => text.split_whitespace().collect(),
    };
    if found.is_empty() { Err("nothing was typed") } else { Ok(SecretString::from(found)) }
}

fn address(desk: &Desk<'_>, template: &str) -> String {
    template.replace("{server}", desk.server)
}

/// The line to the network, and how far its clock is ahead of ours; `None` until it has taken a time.
struct Line<'a> {
    desk: &'a Desk<'a>,
    clock: Option<TimeDelta>,
}

impl Line<'_> {
    /// A signed POST that is answered with a token, its secret, and more.
    async fn pair(&mut self, url: &str, keys: &Keys, what: &str) -> Result<(Pair, BTreeMap<String, String>), Fault> {
        let answer = self.ask(url, keys, what).await?;
        let mut said: BTreeMap<String, String> = url::form_urlencoded::parse(&answer.body).into_owned().collect();
        let mut take = |name: &str| -> Result<SecretString, Fault> {
            let value = said.remove(name).filter(|value| !value.is_empty()).map(SecretString::from);
            // the body may hold the other half, and is not quoted
            let value = value.ok_or_else(|| {
                Fault::new(Kind::Protocol, format!("{}: {} answered without `{name}`", self.desk.title, answer.asked))
            })?;
            self.desk.door.redactor().learn(&value);
            Ok(value)
        };
        let pair = Pair { token: take("oauth_token")?, secret: take("oauth_token_secret")? };
        Ok((pair, said))
    }

    /// A signed POST. Where the clocks differ, it is signed once more by the server's.
    async fn ask(&mut self, url: &str, keys: &Keys, what: &str) -> Result<Answer, Fault> {
        let url = address(self.desk, url);
        loop {
            let request = oauth1::signed(Request::post(url.as_str()), keys, self.clock.unwrap_or_default())?;
            let answer = self.desk.door.send(request).await.map_err(harmless)?;
            let Some(fault) = by_status(&answer) else {
                self.clock.get_or_insert_default();
                return Ok(answer);
            };
            let off = oauth1::offset(&answer).filter(|off| off.abs() > CLOCK);
            if let (true, Some(off)) = (matches!(answer.status, 400 | 401) && self.clock.is_none(), off) {
                let minutes = (off.num_seconds().abs() + 30) / 60;
                let way = if off > TimeDelta::zero() { "behind" } else { "ahead of" };
                let title = self.desk.title;
                self.desk.person.say(&format!(
                    "this machine's clock is {minutes} min {way} {title}'s: signed again by its time; set the clock, or posting will be refused"
                ));
                self.clock = Some(off);
                continue;
            }
            let said = self.desk.door.redactor().clean(&fault.message);
            let message = match fault.kind {
                Kind::Limited | Kind::Unavailable => format!("{} cannot log anybody in now: {said}", self.desk.title),
                _ => format!("{} does not take {what}: {said}", self.desk.title),
            };
            return Err(harmless(Fault { message, ..fault }));
        }
    }
}

/// A login that failed half-way posted nothing.
fn harmless(fault: Fault) -> Fault {
    Fault { effect: Effect::None, ..fault }
}

#[cfg(test)]
#[path = "pin_tests.rs"]
mod tests;
