//! What Slack means by an answer. The Web API says 200 to nearly everything and `"ok": false` when it means no; webhooks say a word.
//!
//! Source: docs.slack.dev, the errors of each method, and "Sending messages using incoming webhooks", 2026-11-22.

use serde_json::Value;

use crate::net::{Answer, Effect, Fault, Kind, one_line, parse_retry_at};
use crate::platform::explain_by_status;

/// Kind and words of a code; `maybe`: the message may have been sent all the same.
fn meaning(code: &str) -> (Kind, bool, &'static str) {
    match code {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => (Kind::Limited, false, "too many requests"),
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" | "rollup_error" => {
            (Kind::Unavailable, true, "Slack has trouble of its own")
        }
        "team_added_to_org" => (Kind::Unavailable, false, "the workspace is being moved into an organisation"),
        "not_authed" | "invalid_auth" | "account_inactive" | "token_revoked" => (
            Kind::Auth,
            false,
            "the token is not good any more; run `xpost account login` or `xpost account add` again",
        ),
        "token_expired" => (Kind::Auth, false, "the token has run out"),
        "two_factor_setup_required" => (Kind::Auth, false, "the workspace wants two factors from this user"),
        "invalid_token" | "no_service" | "no_active_hooks" | "no_team" | "no_service_id" | "no_team_id" => (
            Kind::Forbidden,
            false,
            "the webhook is gone or was switched off; make a new one and run `xpost account add` again",
        ),
        "missing_scope" => (Kind::Forbidden, false, "the app lacks a permission"),
        "not_in_channel" => {
            (Kind::Forbidden, false, "the app is not in the channel; type `/invite @` and its name there")
        }
        "access_denied"
        | "accesslimited"
        | "no_permission"
        | "not_allowed_token_type"
        | "ekm_access_denied"
        | "org_login_required"
        | "team_access_not_granted"
        | "messages_tab_disabled"
        | "action_prohibited"
        | "enterprise_is_restricted"
        | "posting_to_general_channel_denied"
        | "user_is_restricted" => (Kind::Forbidden, false, "the workspace does not let this app do that"),
        "cant_update_message" | "cant_delete_message" | "cant_delete_file" => {
            (Kind::Forbidden, false, "only who posted it can change it")
        }
        "edit_window_closed" => (Kind::Rejected, false, "the workspace lets nobody change a message that is this old"),
        "compliance_exports_prevent_deletion" => {
            (Kind::Forbidden, false, "the workspace keeps all messages; nobody can delete one")
        }
        "channel_not_found" => (
            Kind::Rejected,
            false,
            "there is no such channel, or the app is not in it; type `/invite @` and its name there",
        ),
        "is_archived" | "channel_is_archived" => (Kind::Rejected, false, "the channel is archived"),
        "message_not_found" => (Kind::Rejected, false, "the message is not there"),
        "thread_not_found" | "cannot_reply_to_message" => (Kind::Rejected, false, "there is no such thread"),
        "msg_too_long" => (Kind::Rejected, false, "the text is too long"),
        "no_text" | "invalid_payload" => (Kind::Rejected, false, "the message is empty or cannot be read"),
        "invalid_blocks" | "invalid_blocks_format" => {
            (Kind::Rejected, false, "the blocks are not as Block Kit wants them")
        }
        "time_in_past" => (Kind::Rejected, false, "`publish_at` is in the past"),
        "time_too_far" => (Kind::Rejected, false, "`publish_at` is more than 120 days ahead"),
        "restricted_too_many" => (
            Kind::Rejected,
            false,
            "the channel has 30 scheduled messages within these 5 minutes already; choose another `publish_at`",
        ),
        "storage_limit_reached" | "file_uploads_disabled" | "file_upload_size_restricted" => {
            (Kind::Forbidden, false, "the workspace takes no more files")
        }
        "file_not_found" | "file_deleted" => (Kind::Rejected, false, "the file is not there"),
        "unknown_method" => (Kind::Unsupported, false, "this server does not know the method"),
        code if code.starts_with("restricted_action") => {
            (Kind::Forbidden, false, "the workspace's rules do not let this app post there")
        }
        _ => (Kind::Rejected, false, "Slack refused"),
    }
}

/// `None` if all is well.
pub(super) fn explain(answer: &Answer) -> Option<Fault> {
    let value = answer.value();
    let said = match value.get("ok") {
        Some(Value::Bool(false)) => Some(value["error"].as_str().unwrap_or("unknown_error").to_string()),
        _ if answer.success() => None,
        _ => word(answer),
    };
    let by_status = explain_by_status(answer);
    let Some(code) = said else {
        return by_status.map(|fault| named(answer, fault));
    };
    let (mut kind, maybe, words) = meaning(&code);
    // a status that says more than a code that is not known
    if let Some(known) = &by_status
        && (known.kind == Kind::Limited || (words == "Slack refused" && known.kind != Kind::Rejected))
    {
        kind = known.kind;
    }
    let maybe =
        maybe || by_status.as_ref().is_some_and(|fault| fault.effect == Effect::Maybe && kind == Kind::Unavailable);
    let mut fault = Fault::new(kind, format!("{words}{}", details(&value)));
    if maybe && answer.write {
        fault = fault.maybe();
    }
    fault.status = Some(answer.status);
    if kind == Kind::Limited {
        fault.retry_at = answer.header("retry-after").and_then(|text| parse_retry_at(text, answer.at));
    }
    Some(named(answer, fault.code(one_line(&code, 60))))
}

/// With Slack's id of the request.
fn named(answer: &Answer, fault: Fault) -> Fault {
    let id = answer.header("x-slack-req-id").map(|id| one_line(id, 80));
    Fault { request_id: id.or(fault.request_id), ..fault }
}

/// The word with which a webhook refuses.
fn word(answer: &Answer) -> Option<String> {
    let text = std::str::from_utf8(&answer.body).ok()?.trim();
    let word = (3..=60).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    word.then(|| text.to_string())
}

/// Permissions that are missing, and what else Slack says beside its code.
fn details(value: &Value) -> String {
    let mut out = String::new();
    if let Some(needed) = value["needed"].as_str().filter(|needed| !needed.is_empty()) {
        let provided = value["provided"].as_str().unwrap_or_default();
        out.push_str(&format!(
            ": needed `{}`, the app has `{}`; add it under OAuth & Permissions and install the app again",
            one_line(needed, 200),
            one_line(provided, 300)
        ));
    }
    let more = value["response_metadata"]["messages"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let more: Vec<String> = more.take(3).map(|line| one_line(line.trim_start_matches("[ERROR] "), 150)).collect();
    if !more.is_empty() {
        out.push_str(&format!(": {}", more.join("; ")));
    }
    out
}
