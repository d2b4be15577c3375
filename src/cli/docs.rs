//! The shapes of `--json`: `docs/json.md` explains them, `docs/json.schema.json` judges them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::world::source_word;
use crate::login::{Facts, missing_scopes};
use crate::net::{Effect, Fault};
use crate::platform::{self, Cost, PlanNote};
use crate::store::{Account, Attempt, DeliveryRow, PartRow, PartState, PostRow, SecretSource};

/// UTC with seconds and a `Z`.
pub fn time(at: DateTime<Utc>) -> Value {
    Value::from(at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

fn time_or_null(at: Option<DateTime<Utc>>) -> Value {
    at.map_or(Value::Null, time)
}

pub fn fault(fault: &Fault) -> Value {
    json!({
        "kind": fault.kind.word(),
        "posted": match fault.effect { Effect::None => "no", Effect::Maybe => "maybe" },
        "message": fault.message,
        "status": fault.status,
        "code": fault.code,
        "request_id": fault.request_id,
        "retry_at": time_or_null(fault.retry_at),
    })
}

/// What is known of the login of an account; `null` where nothing is.
fn login(account: &Account) -> Value {
    let Ok(facts) = serde_json::from_value::<Facts>(account.login.clone()) else { return Value::Null };
    let ways = platform::by_name(&account.platform).map_or(&[][..], |platform| platform.logins());
    let way = ways.iter().find(|way| way.name == facts.way);
    let missing = way.map_or_else(Vec::new, |way| missing_scopes(way, &facts));
    json!({
        "way": facts.way,
        "scopes": facts.scopes,
        "missing": missing
            .iter()
            .map(|scope| json!({ "name": scope.name, "why": scope.why, "optional": scope.optional }))
            .collect::<Vec<_>>(),
        "granted_at": time_or_null(facts.granted_at),
        "renewed_at": time_or_null(facts.renewed_at),
        "access_ends": time_or_null(facts.access_ends),
        "refresh_ends": time_or_null(facts.refresh_ends),
        "login_ends": time_or_null(facts.login_ends),
        "client_id": facts.client_id,
        "issuer": facts.issuer,
        "subject": facts.subject,
    })
}

pub fn account(account: &Account) -> Value {
    json!({
        "name": account.name,
        "platform": account.platform,
        "server": account.server,
        "handle": account.handle,
        "remote_id": account.remote_id,
        "url": account.url,
        "settings": account.settings,
        "secret": source_word(&account.secret),
        "command": match &account.secret {
            SecretSource::Command { command } => json!(command),
            _ => Value::Null,
        },
        "checked_at": time_or_null(account.checked_at),
        "limits_at": time_or_null(account.about_at),
        "expires_at": time_or_null(account.expires_at),
        "login": login(account),
        "created_at": time(account.created_at),
    })
}

/// What a network charges: how much of what.
pub fn cost(cost: &Cost) -> Value {
    json!({ "amount": cost.micros as f64 / 1e6, "unit": cost.unit })
}

/// What the parts that were posted cost, by the prices of when they were planned.
pub fn spent(delivery: &DeliveryRow) -> Option<Cost> {
    let sent = delivery.parts.iter().filter(|part| part.state == PartState::Sent);
    let costs: Vec<Cost> = sent.filter_map(|part| serde_json::from_value(part.cost.clone()).ok()?).collect();
    Cost::sum(&costs)
}

fn part(part: &PartRow) -> Value {
    let receipt = |key: &str| part.receipt.as_ref().and_then(|receipt| receipt.get(key)).cloned().unwrap_or_default();
    json!({
        "part": part.index + 1,
        "of": part.of,
        "state": part.state.word(),
        "url": receipt("url"),
        "id": receipt("id"),
        "key": part.key,
        "text": part.text.get("text").cloned().unwrap_or_default(),
        "comment": part.comment,
        "cost": serde_json::from_value(part.cost.clone()).ok().as_ref().map(cost),
        "tries": part.tries,
        "next_at": if part.state.settled() { Value::Null } else { time(part.next_at) },
        "sent_at": time_or_null(part.sent_at),
        "deleted_at": time_or_null(part.deleted_at),
        "fault": part.fault.as_ref().map(fault),
    })
}

pub fn delivery(delivery: &DeliveryRow) -> Value {
    json!({
        "id": delivery.id,
        "account": delivery.account,
        "platform": delivery.platform,
        "handle": delivery.handle,
        "state": delivery.state().word(),
        "url": delivery.url(),
        "plan": delivery.plan_hash,
        "spent": spent(delivery).as_ref().map(cost),
        "parts": delivery.parts.iter().map(part).collect::<Vec<_>>(),
    })
}

/// A post with its deliveries.
pub fn post(post: &PostRow, deliveries: &[DeliveryRow]) -> Map<String, Value> {
    let value = json!({
        "id": post.id,
        "created_at": time(post.created_at),
        "source": post.source,
        "title": post.title,
        "body": post.body,
        "draft": post.draft_hash,
        "once": post.once_key,
        "at": time_or_null(post.at),
        "deliveries": deliveries.iter().map(delivery).collect::<Vec<_>>(),
    });
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

pub fn attempt(attempt: &Attempt, deliveries: &[DeliveryRow]) -> Value {
    let place = deliveries
        .iter()
        .flat_map(|delivery| delivery.parts.iter().map(move |part| (delivery, part)))
        .find(|(_, part)| part.id == attempt.part_id);
    json!({
        "account": place.map(|(delivery, _)| &delivery.account),
        "part": place.map(|(_, part)| part.index + 1),
        "phase": attempt.phase,
        "began_at": time(attempt.began_at),
        "ended_at": time_or_null(attempt.ended_at),
        "outcome": attempt.outcome,
        "fault": attempt.fault.as_ref().map(fault),
    })
}

pub fn note(note: &PlanNote) -> Value {
    json!({ "code": note.code, "message": note.message, "part": note.part })
}

pub fn notes(notes: &[PlanNote]) -> Value {
    notes.iter().map(note).collect()
}

/// What became of taking a delivery back.
pub fn taken_back(delivery: &DeliveryRow, result: &Result<(), Fault>) -> Value {
    json!({
        "post": delivery.post_id,
        "account": delivery.account,
        "platform": delivery.platform,
        "deleted": result.is_ok(),
        "fault": result.as_ref().err().map_or(Value::Null, fault),
    })
}
