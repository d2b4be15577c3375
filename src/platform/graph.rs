//! What all networks that are built on Meta's Graph API have in common: the version, the requests, the envelope of a refusal and
//! what its numbers mean, and for their twins the same refusals to be given.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{Api, Cx};
use crate::net::{Answer, Effect, Fault, Kind, Method, Request, by_status, one_line};
use crate::twin::Reply;

/// The version that is spoken where an account names no other: the newest on 2026-11-22, out since 2026-07-29. Meta answers a
/// version for two years at least; the day of its end is not published yet
/// (<https://developers.facebook.com/docs/graph-api/changelog/versions>).
pub const API: Api = Api { version: "v26.0", sunset: None };

/// The setting by which an account speaks another version: `v25.0`.
pub const VERSION: &str = "api_version";

/// The version that this account speaks: its own setting, else the network's.
///
/// # Errors
/// The setting is not a version.
pub fn version<'a>(cx: &'a Cx<'_>) -> Result<&'a str, Fault> {
    let own = cx.account.setting(VERSION).trim();
    if own.is_empty() {
        return Ok(cx.platform.spec().api.map_or(API.version, |api| api.version));
    }
    let number = own.strip_prefix('v').unwrap_or_default();
    if number.split('.').count() == 2
        && number.split('.').all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    {
        return Ok(own);
    }
    let (name, newest) = (&cx.account.name, API.version);
    Err(Fault::local(format!("account `{name}`: `{VERSION}` must look like `{newest}`, not `{own}`")))
}

/// A request to the account's server in the version that it speaks, with the account's `token`. `path` without a slash in front:
/// `me/accounts`.
///
/// # Errors
/// There is no token, or the version is none.
pub fn request(cx: &Cx<'_>, method: Method, path: &str) -> Result<Request, Fault> {
    request_to(cx, &cx.account.server, method, path)
}

/// The same to another host of the network's, which its `hosts` must name.
///
/// # Errors
/// There is no token, or the version is none.
pub fn request_to(cx: &Cx<'_>, origin: &str, method: Method, path: &str) -> Result<Request, Fault> {
    let url = format!("{origin}/{}/{path}", version(cx)?);
    Ok(Request::new(method, url).bearer(&cx.secret("token")?))
}

/// In a [`Meaning`]: whatever code; the subcode tells.
pub const ANY: i64 = i64::MIN;

/// What one of a network's own numbers means: the exact ones (with a subcode) stand before the others. For what the common table does not know, or
/// knows less of.
#[derive(Debug, Clone, Copy)]
pub struct Meaning {
    pub code: i64,
    /// `None`: whatever subcode.
    pub subcode: Option<i64>,
    pub kind: Kind,
    pub effect: Effect,
    /// What to do about it, put behind the network's own words; may be empty.
    pub hint: &'static str,
}

/// A number that certainly posted nothing.
pub const fn meaning(code: i64, subcode: Option<i64>, kind: Kind, hint: &'static str) -> Meaning {
    Meaning { code, subcode, kind, effect: Effect::None, hint }
}

const LOGIN: &str = "log in again";
const APP: &str = "the app's limit, which all its users share; it is over within the hour";

/// The numbers that mean the same in all of the Graph API, the exact ones first
/// (<https://developers.facebook.com/docs/graph-api/guides/error-handling>, 2026-11-22).
const COMMON: &[Meaning] = &[
    // whether it was done before the trouble began, nobody says
    Meaning { code: 1, subcode: None, kind: Kind::Unavailable, effect: Effect::Maybe, hint: "" },
    Meaning { code: 2, subcode: None, kind: Kind::Unavailable, effect: Effect::Maybe, hint: "" },
    Meaning { code: -1, subcode: None, kind: Kind::Unavailable, effect: Effect::Maybe, hint: "" },
    Meaning {
        code: 506,
        subcode: None,
        kind: Kind::Rejected,
        effect: Effect::Maybe,
        hint: "the same was posted just before",
    },
    meaning(4, None, Kind::Limited, APP),
    meaning(17, None, Kind::Limited, "this login's limit; it is over within the hour"),
    meaning(32, None, Kind::Limited, "this page's limit; it is over within the hour"),
    meaning(341, None, Kind::Limited, APP),
    meaning(613, None, Kind::Limited, ""),
    meaning(102, None, Kind::Auth, LOGIN),
    meaning(190, Some(458), Kind::Auth, "the app was removed from the account; log in again"),
    meaning(190, Some(459), Kind::Auth, "a person must sign in on Meta's own site first, then log in again"),
    meaning(190, Some(460), Kind::Auth, "the password was changed; log in again"),
    meaning(
        190,
        Some(464),
        Kind::Auth,
        "a person must confirm the account on Meta's own site first, then log in again",
    ),
    meaning(190, Some(492), Kind::Auth, "the person has no role on the page any more; log in as somebody who has"),
    meaning(190, None, Kind::Auth, LOGIN),
    meaning(3, None, Kind::Forbidden, "the app may not do this; look at its permissions in Meta's app dashboard"),
    meaning(10, None, Kind::Forbidden, "the login lacks a permission, or the app lacks it; log in again and allow it"),
    meaning(
        368,
        None,
        Kind::Forbidden,
        "Meta has blocked this for now as abusive; look at the account there before you go on",
    ),
];

/// What an answer means: `None` if all is well. A 200 that holds an error or `"success": false` is a refusal. `own` is looked at
/// before the common table. The fault's code is `CODE` or `CODE/SUBCODE`, its request id Meta's `fbtrace_id`.
pub fn explain(answer: &Answer, own: &[Meaning]) -> Option<Fault> {
    let value = answer.value();
    let error = &value["error"];
    if !error.is_object() {
        let mut fault = match by_status(answer) {
            None if value["success"] == false => {
                let mut fault = Fault::new(Kind::Rejected, "the network says that it did not do it, and not why");
                fault.status = Some(answer.status);
                fault
            }
            None => return None,
            Some(fault) => fault,
        };
        fault.request_id = trace(answer, &value).or(fault.request_id);
        return Some(fault);
    }
    let (code, subcode) = (error["code"].as_i64(), error["error_subcode"].as_i64());
    let fits = |line: &&Meaning| {
        (line.code == ANY || Some(line.code) == code) && (line.subcode.is_none() || line.subcode == subcode)
    };
    let line = own.iter().find(fits).or_else(|| COMMON.iter().find(fits));
    let transient = error["is_transient"] == true;
    let (kind, effect, hint) = match line {
        Some(line) => (line.kind, line.effect, line.hint),
        None if code.is_some_and(|code| (200..=299).contains(&code)) => {
            (Kind::Forbidden, Effect::None, "the login lacks a permission, or the person a right on the page")
        }
        // business use cases have a budget of their own each
        None if code.is_some_and(|code| (80_000..=80_014).contains(&code)) => (Kind::Limited, Effect::None, ""),
        None if transient => (Kind::Unavailable, Effect::Maybe, ""),
        None if answer.status >= 500 => (Kind::Unavailable, Effect::Maybe, ""),
        None => match by_status(answer) {
            Some(fault) => (fault.kind, fault.effect, ""),
            None => (Kind::Rejected, Effect::None, ""),
        },
    };
    let message = if hint.is_empty() { words(error) } else { format!("{}; {hint}", words(error)) };
    let mut fault = Fault::new(kind, message);
    fault.effect = if answer.write { effect } else { Effect::None };
    fault.status = Some(answer.status);
    fault.request_id = trace(answer, &value);
    fault.code = code.map(|code| subcode.map_or_else(|| code.to_string(), |sub| format!("{code}/{sub}")));
    fault.retry_at = by_status(answer).and_then(|fault| fault.retry_at);
    if kind == Kind::Limited {
        fault.retry_at = fault.retry_at.or_else(|| regained(answer));
    }
    Some(fault)
}

/// The number of a refusal, without its subcode; for what a network does about one.
pub fn code(fault: &Fault) -> Option<i64> {
    fault.code.as_deref()?.split('/').next()?.parse().ok()
}

/// A moment as the Graph API writes it (`2026-11-22T10:00:00+0000`) or takes it (seconds since 1970).
pub fn moment(value: &Value) -> Option<DateTime<Utc>> {
    match value {
        Value::Number(seconds) => DateTime::from_timestamp(seconds.as_i64()?, 0),
        Value::String(text) => match text.parse::<i64>() {
            Ok(seconds) => DateTime::from_timestamp(seconds, 0),
            Err(_) => DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%z").ok().map(|at| at.with_timezone(&Utc)),
        },
        _ => None,
    }
}

/// The network's own words: what it says to the person if it has such, without the number in front and the stop at the end.
fn words(error: &Value) -> String {
    let text = |key: &str| error[key].as_str().map(str::trim).filter(|text| !text.is_empty());
    let said = text("message").unwrap_or("the network gave no reason");
    let said = match said.strip_prefix("(#").and_then(|rest| rest.split_once(") ")) {
        Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => said,
    };
    let plain = |text: &str| one_line(text.trim_end_matches('.'), 300);
    let details = error["error_data"]["details"].as_str().map(str::trim).filter(|text| !text.is_empty());
    match text("error_user_msg").or(details).filter(|more| *more != said) {
        Some(more) => format!("{}: {}", plain(said), plain(more)),
        None => plain(said),
    }
}

/// Meta's id of the request.
fn trace(answer: &Answer, value: &Value) -> Option<String> {
    let body = value["error"]["fbtrace_id"].as_str().map(str::to_string);
    body.or_else(|| answer.header("x-fb-trace-id").map(str::to_string)).or_else(|| answer.request_id.clone())
}

/// When the budget is there again, if a header says so: `X-Business-Use-Case-Usage` names minutes for each kind of use; the longest counts.
fn regained(answer: &Answer) -> Option<DateTime<Utc>> {
    let usage: Value = serde_json::from_str(answer.header("x-business-use-case-usage")?).ok()?;
    let minutes = usage.as_object()?.values().filter_map(Value::as_array).flatten();
    let longest =
        minutes.filter_map(|use_case| use_case["estimated_time_to_regain_access"].as_f64()).fold(0.0, f64::max);
    // a day at most, as with all that networks ask for
    (longest > 0.0).then(|| answer.at + TimeDelta::milliseconds((longest.min(1440.0) * 60_000.0).ceil() as i64))
}

/// A request with the token as Meta's upload hosts want it: `Authorization: OAuth TOKEN`.
pub fn oauth(request: Request, token: &SecretString) -> Request {
    request.secret_header("authorization", SecretString::from(format!("OAuth {}", token.expose_secret())))
}

/// For twins: a refusal as the Graph API gives it. `subcode` 0 is none.
pub fn refuse(status: u16, code: i64, subcode: i64, message: &str) -> Reply {
    let kind = if matches!(code, 100) { "GraphMethodException" } else { "OAuthException" };
    let mut error = json!({"message": message, "type": kind, "code": code, "fbtrace_id": "AbCdEfGhIjKlMnOpQrS"});
    if subcode != 0 {
        error["error_subcode"] = json!(subcode);
    }
    if matches!(code, 1 | 2) {
        error["is_transient"] = json!(true);
    }
    Reply::json(status, &json!({ "error": error }))
}

/// For twins: the login is over.
pub fn expired() -> Reply {
    let message = "Error validating access token: Session has expired on Sunday, 22-Nov-26 01:00:00 PST. The current time is Sunday, 22-Nov-26 01:00:01 PST.";
    refuse(401, 190, 463, message)
}

/// For twins: too much in this business use case; `owner` is the id whose budget it is. The network counts in minutes; a twin's are
/// broken ones, so that tests need not wait.
pub fn limited(owner: &str, use_case: &str, seconds: u64) -> Reply {
    let usage = json!({owner: [{
        "type": use_case,
        "call_count": 100,
        "total_cputime": 25,
        "total_time": 25,
        "estimated_time_to_regain_access": seconds as f64 / 60.0,
    }]});
    let message = "(#80001) There have been too many calls to this account. Wait a bit and try again.";
    refuse(400, 80_001, 0, message).header("x-business-use-case-usage", usage.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &[Meaning] = &[
        meaning(190, Some(77), Kind::Forbidden, "own"),
        meaning(ANY, Some(78), Kind::Billing, ""),
        meaning(9, None, Kind::Limited, ""),
    ];

    fn answer(reply: &Reply, write: bool) -> Answer {
        let mut headers = reqwest::header::HeaderMap::new();
        for (name, value) in &reply.headers {
            let name: reqwest::header::HeaderName = name.parse().unwrap();
            headers.insert(name, value.parse().unwrap());
        }
        Answer {
            status: reply.status,
            headers,
            body: reply.body.clone(),
            request_id: None,
            rate: None,
            at: Utc::now(),
            write,
            asked: "POST https://graph.example/x".into(),
        }
    }

    fn said(reply: &Reply) -> Fault {
        explain(&answer(reply, true), OWN).unwrap()
    }

    #[test]
    fn numbers_mean_more_than_the_status() {
        let of = |status, code, sub| {
            let fault = said(&refuse(status, code, sub, "(#1) No."));
            (fault.kind, fault.effect)
        };
        assert_eq!(of(400, 190, 0), (Kind::Auth, Effect::None));
        assert_eq!(of(400, 190, 463), (Kind::Auth, Effect::None));
        assert_eq!(of(400, 190, 77), (Kind::Forbidden, Effect::None), "a network's own line comes first");
        assert_eq!(of(400, 1, 78), (Kind::Billing, Effect::None), "whatever the code");
        assert_eq!(of(400, 10, 0), (Kind::Forbidden, Effect::None));
        assert_eq!(of(400, 200, 0), (Kind::Forbidden, Effect::None));
        assert_eq!(of(403, 4, 0), (Kind::Limited, Effect::None));
        assert_eq!(of(400, 80_001, 0), (Kind::Limited, Effect::None));
        assert_eq!(of(500, 1, 0), (Kind::Unavailable, Effect::Maybe));
        assert_eq!(of(503, 2, 0), (Kind::Unavailable, Effect::Maybe));
        assert_eq!(of(400, 506, 0), (Kind::Rejected, Effect::Maybe));
        assert_eq!(of(400, 100, 33), (Kind::Rejected, Effect::None));
        assert_eq!(of(500, 4_711, 0), (Kind::Unavailable, Effect::Maybe));
        assert_eq!(of(200, 4_711, 0), (Kind::Rejected, Effect::None), "a 200 can be a refusal");
        let read = explain(&answer(&refuse(500, 1, 0, "x"), false), OWN).unwrap();
        assert_eq!(read.effect, Effect::None, "who only reads does nothing");
    }

    #[test]
    fn what_is_kept_of_a_refusal() {
        let fault = said(&refuse(400, 190, 463, "(#190) Session has expired."));
        assert_eq!(fault.code.as_deref(), Some("190/463"));
        assert_eq!(code(&fault), Some(190));
        assert_eq!(fault.request_id.as_deref(), Some("AbCdEfGhIjKlMnOpQrS"));
        assert!(fault.message.starts_with("Session has expired; "), "{}", fault.message);
        let full = json!({"error": {"message": "Invalid parameter", "code": 100, "error_user_msg": "The picture is too big."}});
        assert_eq!(said(&Reply::json(400, &full)).message, "Invalid parameter: The picture is too big");
    }

    #[test]
    fn the_time_that_the_budget_comes_back() {
        let reply = limited("1", "pages", 600);
        let asked = answer(&reply, true);
        let at = explain(&asked, OWN).unwrap().retry_at.unwrap();
        assert_eq!((at - asked.at).num_seconds(), 600);
        assert_eq!(said(&refuse(400, 4, 0, "x")).retry_at, None);
    }

    #[test]
    fn moments_in_both_dialects() {
        let at = Some("2026-11-22T10:00:00Z".parse().unwrap());
        assert_eq!(moment(&json!("2026-11-22T10:00:00+0000")), at);
        assert_eq!((moment(&json!(1_795_341_600)), moment(&json!("1795341600"))), (at, at));
        assert_eq!(moment(&json!("2026-11-22T11:00:00+0100")), at);
        assert_eq!(moment(&json!("tomorrow")), None);
    }

    #[test]
    fn what_is_no_refusal_of_the_graph() {
        assert_eq!(explain(&answer(&Reply::json(200, &json!({"id": "1"})), true), OWN), None);
        assert_eq!(said(&Reply::json(200, &json!({"success": false}))).kind, Kind::Rejected);
        let page = said(&Reply::html(502, "<title>Bad gateway</title>"));
        assert_eq!((page.kind, page.effect), (Kind::Unavailable, Effect::Maybe));
    }
}
