//! A name and a password for a token; the password is asked for, sent once and forgotten.

use chrono::{TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::refuse::harmless;
use super::wire::endpoint;
use super::{Desk, Facts, Grant, Password, Secrets, TOKEN, code, said};
use crate::net::{Answer, Body, Effect, Fault, Kind, Method, Request, by_status, one_line};

/// Where an account's settings may hold the name, beside the network's own word for it.
const NAMES: [&str; 5] = ["username", "user", "login", "handle", "email"];

/// Logs in.
///
/// # Errors
/// There is nobody to ask, or the network said no; nothing was kept.
pub async fn enter(desk: &Desk<'_>, flow: &Password) -> Result<Grant, Fault> {
    desk.person.say(flow.warning);
    let setting = |key: &str| desk.settings.get(key).and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = match setting(flow.name).or_else(|| NAMES.into_iter().find_map(setting)) {
        Some(name) => name.to_string(),
        None => {
            let asked = desk.person.ask(&format!("your name at {}", desk.title), false).await?;
            asked.expose_secret().trim().to_string()
        }
    };
    let password = desk.person.ask(&format!("the password of {name} at {}", desk.title), true).await?;
    desk.door.redactor().learn(&password);
    let fixed = flow.more.iter().map(|(key, value)| (*key, (*value).to_string()));
    let pairs: Vec<(&str, String)> =
        [(flow.name, name), (flow.password, password.expose_secret().to_string())].into_iter().chain(fixed).collect();
    let at = endpoint(desk, flow.token)?;
    let mut request = Request::post(at.as_str()).header("accept", "application/json");
    request = if flow.json {
        let members: Map<String, Value> =
            pairs.into_iter().map(|(key, value)| (key.to_string(), value.into())).collect();
        request.json(Value::Object(members))
    } else {
        request.body(Body::Form(pairs.into_iter().map(|(key, value)| (key.to_string(), value)).collect()))
    };
    let asked_at = Utc::now();
    let answer = desk.door.send(request).await.map_err(harmless)?;
    let value = answer.value();
    said::learn(desk.door.redactor(), &value);
    let token = value.pointer(flow.answer).and_then(Value::as_str).filter(|token| !token.is_empty());
    if let Some(token) = token {
        desk.door.redactor().learn(&SecretString::from(token));
    }
    if let Some(fault) = refused(desk, &answer, &value) {
        return Err(fault);
    }
    let Some(token) = token else {
        let mut fault = Fault::new(Kind::Protocol, format!("{} answered without a token", answer.asked));
        fault.status = Some(answer.status);
        return Err(fault);
    };
    let mut grant = Grant::new(SecretString::from(token));
    // beside the token an answer may say how long it lives and whose it is
    let mut beside = value.pointer(flow.answer.rsplit_once('/').map_or("", |(parent, _)| parent)).cloned();
    if let Some(Value::Object(fields)) = &mut beside {
        fields.insert("access_token".into(), token.into());
    }
    let made = beside.and_then(|value| said::token(&value, "")).unwrap_or_default();
    let life = made.get("expires_in").and_then(Value::as_u64).map(std::time::Duration::from_secs).or(flow.life.access);
    let after = |life: Option<std::time::Duration>| asked_at.checked_add_signed(TimeDelta::from_std(life?).ok()?);
    grant.facts.access_ends = after(life);
    grant.facts.login_ends = after(flow.life.login);
    grant.facts.subject = made.get("subject").and_then(Value::as_str).unwrap_or_default().to_string();
    grant.facts.issuer = at.origin().ascii_serialization();
    Ok(grant)
}

/// Ends the session at the network; `false` where the network has no way to do that.
///
/// # Errors
/// It is still good there.
pub async fn revoke(desk: &Desk<'_>, flow: &Password, held: &Secrets, facts: &Facts) -> Result<bool, Fault> {
    let (Some((at, method)), Some(token)) = (flow.revoke, held.get(TOKEN)) else { return Ok(false) };
    code::same_server(desk, flow.token, facts)?;
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| Fault::local(format!("`{method}` is not a method of HTTP")))?;
    let request = Request::new(method, endpoint(desk, at)?).bearer(token);
    let answer = desk.door.send(request).await.map_err(harmless)?;
    // not good any more is what was wanted
    if answer.status == 401 {
        return Ok(true);
    }
    refused(desk, &answer, &answer.value()).map_or(Ok(true), Err)
}

fn refused(desk: &Desk<'_>, answer: &Answer, value: &Value) -> Option<Fault> {
    let said = said::refusal(value);
    let redactor = desk.door.redactor();
    let mut fault = by_status(answer).or_else(|| said.as_ref().map(|_| Fault::new(Kind::Auth, "")))?;
    let words = said.map_or_else(|| answer.reason(), |said| if said.words.is_empty() { said.code } else { said.words });
    let words = one_line(words.trim_end_matches('.'), 200);
    fault.message = if matches!(answer.status, 200..=299 | 400 | 401 | 403) {
        fault.kind = Kind::Auth;
        format!("{} did not take the name or the password: {words}", desk.title)
    } else {
        format!("{}: {words}", answer.asked)
    };
    fault.message = redactor.clean(&fault.message);
    fault.code = fault.code.filter(|code| redactor.clean(code) == *code);
    fault.status = Some(answer.status);
    fault.effect = Effect::None;
    Some(fault)
}
