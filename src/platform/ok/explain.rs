//! What OK means by an answer. Pure. Codes: apiok.ru/en/dev/errors.

use chrono::TimeDelta;
use serde_json::Value;

use crate::net::{Answer, Effect, Fault, Kind, by_status, one_line, parse_retry_at};

/// OK names no time to come back.
const FLOOD: TimeDelta = TimeDelta::minutes(10);
const LIMIT: TimeDelta = TimeDelta::hours(1);

/// `None` if all is well. Refusals come with a 200 and an `error_code`.
pub(super) fn explain(answer: &Answer) -> Option<Fault> {
    let value = answer.value();
    let Some(code) = value["error_code"].as_i64() else {
        if answer.success()
            && let Some(said) = value["error"].as_str().or(value["error_description"].as_str())
        {
            let said = one_line(said.trim_end_matches('.'), 200);
            return Some(made(answer, None, Kind::Rejected, format!("OK does not take the file: {said}")));
        }
        return by_status(answer);
    };
    let said = value["error_msg"].as_str().unwrap_or("it gave no reason");
    let data = match &value["error_data"] {
        Value::String(data) if !data.is_empty() => format!(" ({data})"),
        _ => String::new(),
    };
    let said = one_line(&format!("{}{data}", said.trim_end_matches('.')), 300);
    let lower = said.to_lowercase();
    let (kind, message) = match code {
        4 if lower.contains("limit") || lower.contains("flood") => (Kind::Limited, said),
        7 | 11 | 26 => (Kind::Limited, said),
        8 => (Kind::Limited, said),
        1 | 2 | 31 => (Kind::Unavailable, said),
        9 => (Kind::Forbidden, format!("{said}; OK takes nothing from this network address for now")),
        10 | 200 => (
            Kind::Forbidden,
            format!("{said}; ask api-support@ok.ru for VALUABLE_ACCESS, GROUP_CONTENT and PHOTO_CONTENT for your app, then log in again"),
        ),
        22 => (Kind::Forbidden, format!("{said}; activate the user at ok.ru")),
        24 | 50 => (Kind::Forbidden, format!("{said}; only administrators and editors of a group may do this")),
        101 => (Kind::Auth, format!("{said}; check the account's `app_key`")),
        102 | 103 | 453 => (Kind::Auth, format!("{said}; run `xpost account login` again")),
        104 => (
            Kind::Auth,
            format!("{said}; the `session_secret` does not belong to this token, copy both anew from the app's settings"),
        ),
        160 => (Kind::Rejected, format!("{said}; check the account's `group`")),
        210 => (Kind::Forbidden, format!("{said}; your app at OK is switched off")),
        455..=458 => (Kind::Forbidden, said),
        3 | 451 => (Kind::Unsupported, said),
        _ => (Kind::Rejected, said),
    };
    let mut fault = made(answer, Some(code), kind, message);
    if kind == Kind::Unavailable && answer.write {
        fault.effect = Effect::Maybe;
    }
    if kind == Kind::Limited {
        let wait = if matches!(code, 4 | 8) { FLOOD } else { LIMIT };
        let named = answer.header("retry-after").and_then(|text| parse_retry_at(text, answer.at));
        fault.retry_at = Some(named.unwrap_or(answer.at + wait));
    }
    Some(fault)
}

fn made(answer: &Answer, code: Option<i64>, kind: Kind, message: String) -> Fault {
    let code = code.map(|code| code.to_string());
    answer.stamped(Fault { code, ..Fault::new(kind, message) })
}
