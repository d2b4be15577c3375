//! What TikTok means by an answer, and by the reason that it gives for a post that failed. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::net::{Answer, Fault, Kind, by_status, one_line};

/// A minute's budget: TikTok names no time, its windows are of one minute.
const MINUTE: TimeDelta = TimeDelta::seconds(60);
/// What is counted by the day is counted over the last 24 hours.
const DAY: TimeDelta = TimeDelta::hours(24);

/// `None` if all is well: the envelope's code decides, whatever the status.
pub fn explain(answer: &Answer) -> Option<Fault> {
    let value = answer.value();
    let error = &value["error"];
    let (code, words) = match error {
        // OAuth's endpoints answer flatly
        Value::String(code) => (code.as_str(), value["error_description"].as_str().unwrap_or_default()),
        error => (error["code"].as_str().unwrap_or_default(), error["message"].as_str().unwrap_or_default()),
    };
    let plain = by_status(answer);
    if matches!(code, "" | "ok") {
        return plain;
    }
    let mut fault = reason(&one_line(code, 60), words, answer.at);
    if let Some(plain) = plain {
        // what TikTok's own trouble left behind nobody knows
        fault.effect = plain.effect;
        fault.retry_at = plain.retry_at.or(fault.retry_at);
        if fault.kind == Kind::Rejected && plain.kind != Kind::Forbidden {
            fault.kind = plain.kind;
        }
    } else if fault.kind == Kind::Unavailable && answer.write {
        fault = fault.maybe();
    }
    fault.status = Some(answer.status);
    let log = error["log_id"].as_str().or(value["log_id"].as_str());
    fault.request_id = log.filter(|id| !id.is_empty()).map(|id| one_line(id, 80)).or(answer.request_id.clone());
    Some(fault)
}

/// The fault that a code of TikTok's means, without effect.
pub fn reason(code: &str, words: &str, now: DateTime<Utc>) -> Fault {
    let day = "TikTok counts over 24 hours";
    let (kind, wait, text) = match code {
        "access_token_invalid" | "access_token_expired" => {
            (Kind::Auth, None, "the access token is not good any more".to_string())
        }
        "scope_not_authorized" | "scope_permission_missed" => (
            Kind::Forbidden,
            None,
            "the login lacks a permission for this; have it in your app at developers.tiktok.com, then run `xpost account login`"
                .into(),
        ),
        "rate_limit_exceeded" => (Kind::Limited, Some(MINUTE), "too many requests in a minute".into()),
        "spam_risk_too_many_posts" => {
            (Kind::Limited, Some(DAY), format!("the account has posted as often as apps may post for it; {day}"))
        }
        "spam_risk_too_many_pending_share" => (
            Kind::Limited,
            Some(DAY),
            format!("too many drafts wait in the app's inbox; finish or discard some in TikTok ({day})"),
        ),
        "reached_active_user_cap" => {
            (Kind::Limited, Some(DAY), format!("the app has posted for as many people as it may; {day}"))
        }
        "spam_risk_user_banned_from_posting" => {
            (Kind::Forbidden, None, "TikTok does not let this account post at the moment".into())
        }
        "unaudited_client_can_only_post_to_private_accounts" => (
            Kind::Forbidden,
            None,
            "your app is not audited: TikTok lets it post only with `privacy = \"self\"`, and only while the account is set to private \
             in the TikTok app; or send drafts with `draft = true`"
                .into(),
        ),
        "url_ownership_unverified" => (
            Kind::Forbidden,
            None,
            "TikTok fetches media only from addresses that belong to your app: verify the media host's domain or prefix at \
             developers.tiktok.com (URL properties)"
                .into(),
        ),
        "privacy_level_option_mismatch" => (
            Kind::Rejected,
            None,
            "the account may not post with this `privacy` (any more); run `xpost account check` and choose another".into(),
        ),
        "app_version_check_failed" => {
            (Kind::Rejected, None, "drafts need a newer TikTok app on the person's phone".into())
        }
        "video_pull_failed" | "photo_pull_failed" => (
            Kind::Rejected,
            None,
            "TikTok could not fetch the media; the media host must answer everybody, over https and without redirects".into(),
        ),
        "picture_size_check_failed" => {
            (Kind::Rejected, None, "the pixels do not suit TikTok (films: 360 to 4096 a side, pictures: up to 1080p)".into())
        }
        "file_format_check_failed" => (Kind::Rejected, None, "TikTok cannot read the file's format".into()),
        "duration_check_failed" => (Kind::Rejected, None, "the film is too short or too long for the account".into()),
        "frame_rate_check_failed" => {
            (Kind::Rejected, None, "the film's frame rate does not suit TikTok (23 to 60 a second)".into())
        }
        "publish_cancelled" => (Kind::Rejected, None, "the post was cancelled in TikTok".into()),
        "auth_removed" => {
            (Kind::Forbidden, None, "the person took the app's access away; run `xpost account login`".into())
        }
        "internal" | "internal_error" => (Kind::Unavailable, None, "TikTok has trouble of its own".into()),
        _ => (Kind::Rejected, None, String::new()),
    };
    let words = one_line(words, 300);
    let words = words.trim().trim_end_matches('.');
    let text = match (text.is_empty(), words.is_empty()) {
        (true, true) => format!("TikTok says no: `{code}`"),
        (true, false) => words.to_string(),
        (false, _) => text,
    };
    let mut fault = Fault::new(kind, text).code(code);
    fault.retry_at = wait.map(|wait| now + wait);
    fault
}
