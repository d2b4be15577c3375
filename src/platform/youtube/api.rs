//! Requests to the Data API, and what its answers mean.

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use serde_json::Value;

use crate::net::{Answer, Fault, Kind, Method, Request, one_line};
use crate::platform::{Cx, explain_by_status};

/// Where the API is; uploads go to the same host.
pub const ORIGIN: &str = "https://www.googleapis.com";

/// A request of the Data API: `videos`, `channels`; `part` names the parts of the resource that it reads or writes.
///
/// # Errors
/// The account has no token.
pub fn request(cx: &Cx<'_>, method: Method, resource: &str, part: &str) -> Result<Request, Fault> {
    at(cx, method, &format!("/youtube/v3/{resource}"), part)
}

/// The same for what carries a file.
///
/// # Errors
/// The account has no token.
pub fn upload(cx: &Cx<'_>, resource: &str, part: &str) -> Result<Request, Fault> {
    at(cx, Method::POST, &format!("/upload/youtube/v3/{resource}"), part)
}

fn at(cx: &Cx<'_>, method: Method, path: &str, part: &str) -> Result<Request, Fault> {
    let request = Request::new(method, format!("{ORIGIN}{path}")).bearer(&cx.secret("token")?);
    Ok(if part.is_empty() { request } else { request.query("part", part) })
}

/// The address of a video for people.
pub fn watch(id: &str) -> String {
    format!("https://www.youtube.com/watch?v={id}")
}

/// A moment as the API writes it.
pub fn moment(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(value.as_str()?).ok().map(|at| at.to_utc())
}

/// When YouTube counts anew: midnight in California.
/// <https://developers.google.com/youtube/data/guides/quota_and_compliance_audits>, 2026-11-21.
pub fn quota_reset(now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let zone = chrono_tz::America::Los_Angeles;
    let tomorrow = now.with_timezone(&zone).date_naive().checked_add_days(Days::new(1))?;
    tomorrow.and_time(NaiveTime::MIN).and_local_timezone(zone).earliest().map(|at| at.to_utc())
}

/// What an answer means. The API gives a reason in one word beside the status, and the word says more.
/// <https://developers.google.com/youtube/v3/docs/errors>, 2026-11-21.
pub fn explain(answer: &Answer) -> Option<Fault> {
    let mut fault = explain_by_status(answer)?;
    let value = answer.value();
    let error = &value["error"];
    let Some(said) = error["message"].as_str() else { return Some(fault) };
    let reason = error["errors"][0]["reason"].as_str().unwrap_or_default();
    // the messages of some errors are HTML
    fault.message = plain(said);
    fault.code = Some(reason.to_string()).filter(|reason| !reason.is_empty()).or(fault.code);
    let said = fault.message.clone();
    let mut say = |kind, message: String| (fault.kind, fault.message) = (kind, message);
    match reason {
        "quotaExceeded" | "dailyLimitExceeded" => {
            say(Kind::Limited, format!("the app has used up its quota of today, which begins anew at midnight in California: {said}"));
            fault.retry_at = quota_reset(answer.at);
        }
        "uploadLimitExceeded" => {
            say(Kind::Limited, format!("the channel has uploaded all that it may within a day: {said}"));
            fault.retry_at = Some(answer.at + TimeDelta::days(1));
        }
        "rateLimitExceeded" | "userRateLimitExceeded" | "uploadRateLimitExceeded" => say(Kind::Limited, said),
        "youtubeSignupRequired" => say(
            Kind::Forbidden,
            "this Google account has no channel; make one at https://www.youtube.com/create_channel and log in again".into(),
        ),
        "insufficientPermissions" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT" => say(
            Kind::Forbidden,
            "the login does not hold the permission for this; log in again with `xpost account login` in the browser and leave all boxes ticked".into(),
        ),
        "accessNotConfigured" => {
            say(Kind::Forbidden, format!("switch on \"YouTube Data API v3\" in the app's project: {said}"));
        }
        "commentsDisabled" => say(
            Kind::Forbidden,
            "the video takes no comments: it is private, made for kids, or comments are switched off".into(),
        ),
        "forbiddenPrivacySetting" => say(
            Kind::Rejected,
            format!("YouTube does not let this video be seen by others; apps that were not audited cannot publish ({said})"),
        ),
        "invalidPublishAt" => say(
            Kind::Rejected,
            format!("YouTube does not take the time of `publish_at`; only a video that was never public can be scheduled ({said})"),
        ),
        _ => {}
    }
    Some(fault)
}

/// Text without the tags that some messages carry, in one line.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut tag = false;
    for c in text.chars() {
        match c {
            '<' => tag = true,
            '>' if tag => tag = false,
            c if !tag => out.push(c),
            _ => {}
        }
    }
    let line = one_line(&out, 300);
    line.trim_end_matches('.').to_string()
}
