//! What Discord means by an answer. Pure.

use serde_json::Value;

use crate::net::{Answer, Fault, Kind, by_status, one_line, parse_retry_at};

/// `None` if all is well.
pub(super) fn explain(answer: &Answer) -> Option<Fault> {
    let mut fault = by_status(answer)?;
    let value = answer.value();
    if !value.is_object() {
        return Some(fault);
    }
    let code = value["code"].as_u64().unwrap_or_default();
    fault.code = (code != 0).then(|| code.to_string());
    let said = fault.message.trim_end_matches('.').to_string();
    if let Some(seconds) = value["retry_after"].as_f64() {
        fault.retry_at = parse_retry_at(&seconds.to_string(), answer.at).or(fault.retry_at);
    }
    let (kind, message) = match (code, answer.status) {
        // slow mode, announcement edits, writes to the channel, edits of old messages
        (20016 | 20022 | 20028 | 30046, _) | (_, 429) => {
            let scope = if value["global"] == true { " (all of this bot's requests)" } else { "" };
            (Kind::Limited, format!("{said}{scope}"))
        }
        (130_000, _) => (Kind::Unavailable, said),
        (50027, _) => (Kind::Auth, "the webhook's token is not valid; copy the webhook URL again and run `xpost account add`".into()),
        (10015, _) => (
            Kind::Forbidden,
            "the webhook was deleted in Discord; make a new one (channel settings, Integrations) and run `xpost account add`".into(),
        ),
        (_, 401) => (Kind::Auth, "the token is not valid (any more); reset it in the developer portal and run `xpost account add` again".into()),
        (10003, _) => (Kind::Rejected, format!("{said}; check the account's `channel` and that the bot was invited to the server")),
        (50001, _) => (Kind::Forbidden, format!("{said}; let the bot see the channel (View Channel, Read Message History)")),
        (50013, _) => (
            Kind::Forbidden,
            format!("{said}; give the bot Send Messages, Embed Links and Attach Files (in threads: Send Messages in Threads)"),
        ),
        (40005, _) | (_, 413) => (Kind::Rejected, format!("{said}; a file is larger than this server takes, set `max_image_bytes` or `max_video_bytes`")),
        (50035, _) => (Kind::Rejected, flatten(&value).unwrap_or(said)),
        (220_001, _) => (Kind::Rejected, format!("{said}; this is a forum, set `thread_name` or `thread_id`")),
        (220_002 | 220_003, _) => (Kind::Rejected, format!("{said}; this is not a forum, leave out `thread_name`")),
        _ => (fault.kind, said),
    };
    (fault.kind, fault.message) = (kind, message);
    Some(fault)
}

/// The nested `errors` of a refused form as one line: `content: must be 2000 or fewer in length; embeds.0.title: …`.
fn flatten(value: &Value) -> Option<String> {
    fn walk(value: &Value, path: &str, found: &mut Vec<String>) {
        let pieces: Vec<(String, &Value)> = match value {
            Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
            Value::Array(list) => list.iter().enumerate().map(|(n, value)| (n.to_string(), value)).collect(),
            _ => return,
        };
        for (key, value) in pieces {
            if key == "_errors" {
                for error in value.as_array().into_iter().flatten() {
                    let words = error["message"].as_str().or(error["code"].as_str()).unwrap_or("not accepted");
                    let words = words.trim_end_matches('.');
                    found.push(if path.is_empty() { words.to_string() } else { format!("{path}: {words}") });
                }
            } else {
                walk(value, &if path.is_empty() { key } else { format!("{path}.{key}") }, found);
            }
        }
    }
    let mut found = Vec::new();
    walk(&value["errors"], "", &mut found);
    (!found.is_empty()).then(|| one_line(&found.join("; "), 300))
}
