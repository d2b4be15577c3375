//! What X means by an answer. It speaks problem details (RFC 7807: `title`, `detail`, `type`), lists of `errors`, and on some paths
//! the old `errors` with numbers; a 200 may hold `errors` and nothing else.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::login::oauth1;
use crate::net::{Answer, Fault, Kind, by_status, one_line, parse_retry_at};

/// The code of "you have posted that already".
pub const DUPLICATE: &str = "duplicate";
/// The code of "you may not reply to this".
pub const REPLY: &str = "reply_refused";
/// The code of "what you reply to is not there".
pub const GONE: &str = "reply_gone";

/// What an answer means; `None` if all is well.
pub fn explain(answer: &Answer) -> Option<Fault> {
    let value = answer.value();
    let mut fault = match by_status(answer) {
        Some(fault) => fault,
        None if value["data"].is_null() && value["errors"].as_array().is_some_and(|list| !list.is_empty()) => {
            let mut fault = Fault::new(Kind::Rejected, String::new());
            fault.status = Some(answer.status);
            // it was taken all the same, and whatever was wrong may have come after the deed
            if answer.write { fault.maybe() } else { fault }
        }
        None => return None,
    };
    fault.request_id = answer.header("x-transaction-id").map(|id| one_line(id, 80)).or(answer.request_id.clone());
    fault.code = code(&value);
    if let Some(said) = said(&value) {
        fault.message = said;
    }
    let lower = fault.message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let code = fault.code.clone().unwrap_or_default();
    match answer.status {
        401 if code == "32" || code == "135" => {
            if let Some(off) = oauth1::offset(answer).map(|off| off.num_minutes()).filter(|off| off.abs() >= 2) {
                let way = if off > 0 { "behind" } else { "ahead of" };
                fault.message =
                    format!("{}: this machine's clock is {} min {way} X's; set it", fault.message, off.abs());
            }
        }
        402 => fault = billing(fault),
        400 | 403 if code == "187" || says(&["duplicate content"]) => {
            // ours, if an answer was lost before; `find` tells
            fault = Fault { kind: Kind::Rejected, ..fault }.maybe().code(DUPLICATE);
        }
        400 | 403 if code == "433" || says(&["reply to this conversation is not allowed", "who can reply"]) => {
            fault = Fault { kind: Kind::Forbidden, ..fault }.code(REPLY);
        }
        400 | 403 if says(&["attempted to reply to a"]) => {
            fault = Fault { kind: Kind::Rejected, ..fault }.code(GONE);
        }
        403 | 429 if code == "usage-capped" || says(&["usage cap", "spend cap", "spending limit"]) => {
            fault = billing(fault)
        }
        403 if says(&["longer than", "too long"]) => fault.kind = Kind::Rejected,
        403 if says(&["app permissions"]) => {
            fault.message = format!(
                "{}; give the app \"Read and write\" in its settings, then make its access token anew",
                fault.message
            );
        }
        403 if code == "client-forbidden" => {
            fault.message = format!("{}; the app's plan does not have this, see https://console.x.com", fault.message);
        }
        429 => fault.retry_at = windows(answer).max().or(fault.retry_at),
        _ => {}
    }
    Some(fault)
}

fn billing(fault: Fault) -> Fault {
    let message = format!("{}; nothing was posted: add credits at https://console.x.com", fault.message);
    Fault { kind: Kind::Billing, message, retry_at: None, ..fault }
}

/// When the windows end that are used up: 15 minutes, and a day for the user and for the app.
fn windows(answer: &Answer) -> impl Iterator<Item = DateTime<Utc>> {
    let window = |prefix: &str| {
        let left = answer.header(&format!("{prefix}-remaining"))?.trim();
        let reset = answer.header(&format!("{prefix}-reset"))?;
        (left == "0").then(|| parse_retry_at(reset, answer.at)).flatten()
    };
    ["x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour"].map(window).into_iter().flatten()
}

/// X's own code: the end of a problem's address, or a number of the old kind.
fn code(value: &Value) -> Option<String> {
    let first = &value["errors"][0];
    let slug = |value: &Value| {
        let slug = value["type"].as_str()?.split_once("/problems/")?.1;
        let word = slug.len() <= 60
            && slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte.is_ascii_digit());
        word.then(|| slug.to_string())
    };
    slug(value).or_else(|| slug(first)).or_else(|| first["code"].as_u64().map(|code| code.to_string()))
}

/// What went wrong in X's words: the errors one by one, else the detail.
fn said(value: &Value) -> Option<String> {
    let text = |value: &Value, names: &[&str]| {
        names.iter().find_map(|name| value[*name].as_str()).filter(|text| !text.is_empty()).map(str::to_string)
    };
    let errors = value["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut all: Vec<String> =
        errors.iter().take(5).filter_map(|error| text(error, &["message", "detail", "title"])).collect();
    all.dedup();
    let all = match all.is_empty() {
        true => text(value, &["detail", "error_description", "title", "error"])?,
        false => all.join("; "),
    };
    Some(one_line(all.trim_end_matches('.'), 300))
}
