//! What Mattermost means by an answer: `{"id", "message", "request_id", "status_code"}`, where the id says more than the status.
//!
//! Source: <https://github.com/mattermost/mattermost> (`server/public/model/utils.go`, `server/i18n/en.json`), 2026-11-22.

use serde_json::Value;

use crate::net::{Answer, Fault, Kind, one_line};
use crate::platform::explain_by_status;

/// `None` if all is well.
pub(super) fn explain(answer: &Answer) -> Option<Fault> {
    let mut fault = explain_by_status(answer)?;
    let value = answer.value();
    let Some(id) = value["id"].as_str().filter(|id| id.contains('.')) else {
        // a page: another path, or somebody's login before the server
        if answer.status == 404 && !value.is_object() {
            fault.message = format!(
                "{}; is there a Mattermost at this address? the account's `server` and `path` say where",
                fault.message
            );
        }
        return Some(fault);
    };
    let id = one_line(id, 100);
    let said = value["message"].as_str().map(|said| one_line(said.trim_end_matches('.'), 250)).unwrap_or_default();
    fault.request_id = value["request_id"].as_str().map(|id| one_line(id, 60)).or(fault.request_id);
    let (kind, hint) = match id.as_str() {
        "api.post.deduplicate_create_post.pending" => (Kind::Unavailable, "the first try is still at work"),
        "api.context.permissions.app_error" => {
            (Kind::Forbidden, "add the account or bot to the team and the channel, and let it post there")
        }
        "api.context.mfa_required.app_error" => {
            (Kind::Auth, "the server wants a second factor from this account; use a bot")
        }
        "api.user.check_user_access_token.app_error" | "app.user_access_token.invalid_or_missing" => {
            (Kind::Auth, "the token is not good any more; run `xpost account add` again")
        }
        "web.incoming_webhook.invalid.app_error" | "web.incoming_webhook.disabled.app_error" => {
            (Kind::Forbidden, "the webhook is gone or switched off; make a new one and run `xpost account add` again")
        }
        "web.incoming_webhook.channel.app_error" | "web.incoming_webhook.channel_locked.app_error" => {
            (Kind::Rejected, "the webhook does not post to this channel")
        }
        "api.post.post_priority.priority_post_not_allowed_for_user.request_error"
        | "api.post.post_priority.priority_post_only_allowed_for_root_post.request_error"
        | "api.post.post_priority.urgent_persistent_notification_post.request_error"
        | "api.post.post_priority.min_recipients_persistent_notification_post.request_error"
        | "license_error.feature_unavailable" => {
            (fault.kind, "leave the option out, or ask the server's administrator")
        }
        _ => (fault.kind, ""),
    };
    fault.kind = kind;
    let hint = if hint.is_empty() { String::new() } else { format!("; {hint}") };
    let said = if said.is_empty() { "the server refused".to_string() } else { said };
    fault.message = format!("{said}{}{hint}", detail(&value));
    Some(fault.code(id))
}

fn detail(value: &Value) -> String {
    let detail = value["detailed_error"].as_str().map(|detail| one_line(detail, 150)).unwrap_or_default();
    if detail.is_empty() { detail } else { format!(": {detail}") }
}
