//! A page with a session of our own making, asked about until the person has agreed there (Misskey's MiAuth).

use std::time::Duration;

use aws_lc_rs::rand;
use chrono::Utc;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::{Builder, Uuid};

use super::oauth1::encode;
use super::{Desk, Grant, Poll};
use crate::net::{Effect, Fault, Kind, Request, by_status};

/// Logs in through the page. What the grant holds does not end by itself.
///
/// # Errors
/// Nobody agreed in time, or the network refused; nothing was kept.
pub async fn enter(desk: &Desk<'_>, flow: &Poll) -> Result<Grant, Fault> {
    let session = SecretString::from(session()?.to_string());
    desk.door.redactor().learn(&session);
    desk.person.visit(&page(desk, flow, &session), None);
    desk.person.say(&format!(
        "waiting for your yes at {}, for {} at most; Ctrl-C ends it, and nothing is kept",
        desk.title,
        span(flow.at_most)
    ));
    let token = wait(desk, flow, &session).await?;
    let mut grant = Grant::new(token);
    grant.facts.issuer = desk.server.to_string();
    Ok(grant)
}

/// Asks at every interval. Trouble on the way is waited out, a refusal is not.
async fn wait(desk: &Desk<'_>, flow: &Poll, session: &SecretString) -> Result<SecretString, Fault> {
    let until = Instant::now() + flow.at_most;
    let mut pause = flow.every;
    let (mut trouble, mut lost) = (None, false);
    while Instant::now() + pause < until {
        sleep(pause).await;
        pause = flow.every;
        match ask(desk, flow, session).await {
            Ok(Some(token)) => return Ok(token),
            Ok(None) => {}
            // an answer that broke off is trouble on the way, too
            Err(fault) if fault.kind.transient() || fault.effect == Effect::Maybe => {
                let named = fault.retry_at.and_then(|at| (at - Utc::now()).to_std().ok()).unwrap_or_default();
                pause = pause.max(named);
                lost |= fault.effect == Effect::Maybe;
                if trouble.is_none() {
                    desk.person.say(&format!("{}; asked again in {}", fault.message, span(pause)));
                }
                trouble = Some(fault.message);
            }
            Err(fault) => return Err(Fault { effect: Effect::None, ..fault }),
        }
    }
    let mut message = format!("nobody said yes at {} within {}, and nothing was kept", desk.title, span(flow.at_most));
    if lost {
        // a yes is told once: it may have been in an answer that never arrived
        message.push_str("; if you did say yes, end that access there and log in again");
    }
    if let Some(trouble) = trouble {
        message.push_str(&format!("; the last trouble on the way: {trouble}"));
    }
    Err(Fault::new(Kind::Auth, message))
}

/// `None`: not yet. A yes is told once, so that its answer must be used.
async fn ask(desk: &Desk<'_>, flow: &Poll, session: &SecretString) -> Result<Option<SecretString>, Fault> {
    let url = flow.ask.replace("{server}", desk.server).replace("{session}", "{secret}");
    let answer = desk.door.send(Request::post(url).secret_path(session).json(json!({}))).await?;
    if let Some(mut fault) = by_status(&answer) {
        fault.message = desk.door.redactor().clean(&format!("{} gives no token: {}", desk.title, fault.message));
        return Err(fault);
    }
    let value: Value = answer.json()?;
    let token = value.pointer(flow.token).and_then(Value::as_str).filter(|token| !token.is_empty());
    Ok(token.map(|token| {
        let token = SecretString::from(token);
        desk.door.redactor().learn(&token);
        token
    }))
}

/// Whoever knows it gets the token: all of it is random.
fn session() -> Result<Uuid, Fault> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| Fault::local("no session could be made: the system's random numbers fail"))?;
    Ok(Builder::from_random_bytes(bytes).into_uuid())
}

fn page(desk: &Desk<'_>, flow: &Poll, session: &SecretString) -> String {
    let scopes: Vec<&str> = flow.scopes.iter().map(|scope| scope.name).collect();
    flow.page
        .replace("{server}", desk.server)
        .replace("{session}", session.expose_secret())
        .replace("{name}", &encode(&format!("xpost ({})", desk.account)))
        .replace("{scopes}", &encode(&scopes.join(flow.joined)))
}

fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds < 120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}

#[cfg(test)]
#[path = "poll_tests.rs"]
mod tests;
