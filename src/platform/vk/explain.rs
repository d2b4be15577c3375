//! What VK means by an answer. Pure.
//!
//! Codes: VKCOM/vk-api-schema `errors.json` (5.199, 2025-01-21).

use chrono::TimeDelta;
use serde_json::Value;

use crate::net::{Answer, Effect, Fault, Kind, by_status, one_line, parse_retry_at};

/// VK names no time to come back; these are what its own words ("per second", "flood") come to.
const SECOND: TimeDelta = TimeDelta::seconds(1);
const FLOOD: TimeDelta = TimeDelta::minutes(10);
const QUOTA: TimeDelta = TimeDelta::hours(1);

/// `None` if all is well. VK answers 200 to everything, refusals included.
pub(super) fn explain(answer: &Answer) -> Option<Fault> {
    let value = answer.value();
    let error = match &value["error"] {
        // upload servers: `{"error": "ERR_UPLOAD_BAD_IMAGE_SIZE: …"}`
        Value::String(said) if answer.success() && value.get("response").is_none() => {
            let said = one_line(said.trim_end_matches('.'), 200);
            return Some(made(answer, None, Kind::Rejected, format!("VK does not take the file: {said}")));
        }
        Value::Object(error) => error,
        _ => return by_status(answer),
    };
    let code = error.get("error_code").and_then(Value::as_i64);
    let said = error.get("error_msg").and_then(Value::as_str).unwrap_or("it gave no reason");
    let said = one_line(said.trim_end_matches('.'), 300);
    let lower = said.to_lowercase();
    let (kind, message) = match code.unwrap_or_default() {
        5 if lower.contains("ip address") => (
            Kind::Auth,
            format!("{said}; a user's token holds for one network address, use a community's key here or log in again from here"),
        ),
        4 | 5 | 16 | 38 => (Kind::Auth, format!("{said}; run `xpost account login` again")),
        6 => (Kind::Limited, said),
        9 => (Kind::Limited, format!("{said}: too much of the same in too short a time")),
        29 | 601 => (Kind::Limited, format!("{said}: this method's quota is used up")),
        223 => (Kind::Limited, said),
        214 if lower.contains("a day") || lower.contains("too many") => (Kind::Limited, said),
        1 | 10 | 36 | 43 => (Kind::Unavailable, said),
        14 | 3300 => (
            Kind::Forbidden,
            "VK wants a captcha solved, which only a person can do; post something by hand on vk.com from this network, or wait an hour, \
             then run `xpost retry`"
                .into(),
        ),
        17 | 24 | 25 | 3301 => {
            (Kind::Forbidden, format!("{said}; open vk.com as this user, confirm what it asks for, then run `xpost retry`"))
        }
        18 | 37 => (Kind::Forbidden, format!("{said}; VK has closed the user or the community")),
        20 | 21 | 28 => (Kind::Forbidden, format!("{said}; the token's app is of the wrong kind, see `xpost account add vk`")),
        27 => (Kind::Unsupported, format!("{said}; a community's key may not do this, add a `user_token`")),
        1051 => (
            Kind::Forbidden,
            format!("{said}; a VK ID login cannot post, use a community's key or a token of an older app, see `xpost account add vk`"),
        ),
        7 | 15 | 203 | 204 | 210..=213 | 260 => {
            (Kind::Forbidden, format!("{said}; check the token's rights, the user's place in the community and `group`"))
        }
        214 => (Kind::Rejected, format!("{said}; the wall takes no post from this account, or not at this time")),
        219 | 224 => (Kind::Rejected, format!("{said}; leave out `mark_as_ads` or wait")),
        220 => (Kind::Limited, said),
        222 => (Kind::Rejected, format!("{said}; take the links out of the text")),
        225 => (Kind::Rejected, format!("{said}; leave out `donut`")),
        3 | 23 | 33 => (Kind::Unsupported, said),
        _ => (Kind::Rejected, said),
    };
    let mut fault = made(answer, code, kind, message);
    if kind == Kind::Unavailable && answer.write {
        fault.effect = Effect::Maybe;
    }
    if kind == Kind::Limited {
        let wait = match code {
            Some(6) => SECOND,
            Some(9 | 220 | 223) => FLOOD,
            _ => QUOTA,
        };
        let named = answer.header("retry-after").and_then(|text| parse_retry_at(text, answer.at));
        fault.retry_at = Some(named.unwrap_or(answer.at + wait));
    }
    Some(fault)
}

fn made(answer: &Answer, code: Option<i64>, kind: Kind, message: String) -> Fault {
    let code = code.map(|code| code.to_string());
    answer.stamped(Fault { code, ..Fault::new(kind, message) })
}
