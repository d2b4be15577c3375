//! What LinkedIn means by an answer. Pure.

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use serde_json::Value;

use super::api;
use crate::net::{Answer, Effect, Fault, Kind, by_status, one_line};

/// The same text was posted a moment ago.
pub(super) const DUPLICATE: &str = "DUPLICATE_POST";
/// LinkedIn could not make anything of an upload.
pub(super) const UNUSABLE: &str = "MEDIA_ASSET_PROCESSING_FAILED";
/// How long an upload is waited for when a post that uses it is refused.
const SETTLING: TimeDelta = TimeDelta::seconds(20);

/// `None` if all is well.
pub(super) fn explain(answer: &Answer) -> Option<Fault> {
    let mut fault = by_status(answer)?;
    if let Some(id) = answer.header("x-li-uuid").or(answer.header("x-li-request-id")) {
        fault.request_id.get_or_insert_with(|| one_line(id, 80));
    }
    let value = answer.value();
    if !value.is_object() {
        return Some(fault);
    }
    let said = fault.message.trim_end_matches('.').to_string();
    let inner = value.pointer("/errorDetails/inputErrors/0/code").and_then(Value::as_str);
    let number = value["serviceErrorCode"].as_u64();
    let code = value["code"].as_str().or(inner).map(str::to_string);
    fault.code = code.clone().or(number.map(|number| number.to_string()));
    let code = inner.or(code.as_deref()).unwrap_or_default();
    match (answer.status, code) {
        (_, DUPLICATE) | (422, _) if code == DUPLICATE || said.to_lowercase().contains("duplicate of urn:") => {
            fault.code = Some(DUPLICATE.to_string());
            let where_ = api::named(&said).map_or_else(String::new, |urn| format!(": {}", api::address(&urn)));
            fault.message = format!("LinkedIn says that this very text was posted a short while ago{where_}");
            // the one that is there may be ours
            fault.effect = Effect::Maybe;
        }
        (401, _) => {
            fault.kind = Kind::Auth;
            fault.message = match (number, code) {
                (Some(65601), _) | (_, "REVOKED_ACCESS_TOKEN") => "the login was revoked at LinkedIn".into(),
                (Some(65602), _) | (_, "EXPIRED_ACCESS_TOKEN") => "the login has ended; LinkedIn's last for 60 days".into(),
                _ => format!("LinkedIn does not accept this token ({said})"),
            };
        }
        (403, _) => {
            let hint = "the app's product, the login's permissions or your role on the page do not allow this";
            fault.message = format!("{said}; {hint}: see `xpost account add linkedin --help-setup`");
        }
        (426, _) | (_, "NONEXISTENT_VERSION") => {
            fault.kind = Kind::Unsupported;
            fault.message = format!(
                "{said}: LinkedIn answers a version of its API for a year; update xpost, or set the account's `api_version` to a \
                 later month, such as `{}`",
                answer.at.format("%Y%m")
            );
        }
        (429, _) => {
            let day = said.to_uppercase().contains(" DAY ");
            let hint = if day { "; LinkedIn's daily budgets are full again at midnight UTC" } else { "" };
            fault.message = format!("{said}{hint}");
            fault.retry_at = fault.retry_at.or_else(|| midnight(answer.at).filter(|_| day));
        }
        (400..=499, "MEDIA_ASSET_WAITING_UPLOAD" | "MEDIA_ASSET_PROCESSING") => {
            fault.kind = Kind::Unavailable;
            fault.retry_at = fault.retry_at.or(Some(answer.at + SETTLING));
            fault.message = "LinkedIn is not done with the upload yet".into();
        }
        (400, UNUSABLE) => {
            fault.message = format!("{said}: LinkedIn could not use the file; try another format");
        }
        // somebody else changed the same thing at that moment
        (409, _) => fault.kind = Kind::Unavailable,
        _ => fault.message = details(&value).unwrap_or(said),
    }
    Some(fault)
}

/// The next midnight, UTC.
fn midnight(now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let next = now.date_naive().checked_add_days(Days::new(1))?;
    Some(next.and_time(NaiveTime::MIN).and_utc())
}

/// The errors of single fields as one line: `/commentary: too long; …`.
fn details(value: &Value) -> Option<String> {
    let errors = value.pointer("/errorDetails/inputErrors")?.as_array()?;
    let lines: Vec<String> = errors
        .iter()
        .filter_map(|error| {
            let words = error["description"].as_str().or(error["code"].as_str())?.trim_end_matches('.');
            let path = error.pointer("/input/inputPath/fieldPath").and_then(Value::as_str).unwrap_or_default();
            Some(if path.is_empty() { words.to_string() } else { format!("{path}: {words}") })
        })
        .collect();
    (!lines.is_empty()).then(|| one_line(&lines.join("; "), 300))
}
