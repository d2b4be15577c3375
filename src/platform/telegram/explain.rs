//! What the Bot API means by an answer. Pure.

use crate::net::{Answer, Fault, Kind, by_status, parse_retry_at};

/// Words of a 400 that are about rights, not about the request.
const RIGHTS: &[&str] = &["not enough rights", "have no rights", "need administrator rights", "CHAT_WRITE_FORBIDDEN"];

/// Said of a bot that is not allowed to post to a chat.
pub(super) fn no_right(bot: &str) -> String {
    format!("{bot} may not post there; add it (in a channel: as an administrator with \"Post messages\")")
}

/// `None` if all is well. A 200 with `"ok": false` is a refusal with the status of its `error_code`.
pub(super) fn explain(answer: &Answer) -> Option<Fault> {
    let value = answer.value();
    let refused = value["ok"] == false;
    if answer.success() && !refused {
        return None;
    }
    let mut said = answer.clone();
    if let Some(code) = value["error_code"].as_u64().and_then(|code| u16::try_from(code).ok()) {
        said.status = code;
    }
    let mut fault = by_status(&said).unwrap_or_else(|| Fault::new(Kind::Rejected, answer.reason()));
    fault.status = Some(answer.status);
    if !refused {
        // not the Bot API's own words: a proxy, or a server that is something else
        if said.status == 404 {
            fault.message.push_str("; this is not a Bot API server, check the account's `server`");
        }
        return Some(fault);
    }
    let words = ["Bad Request: ", "Forbidden: ", "Unauthorized: ", "Conflict: "]
        .iter()
        .find_map(|prefix| fault.message.strip_prefix(prefix))
        .unwrap_or(&fault.message)
        .to_string();
    fault.message = match said.status {
        401 => "the token is not valid (any more); get it from @BotFather and run `xpost account add` again".into(),
        // the token is part of the path: a path that is not known is a token that is not one
        404 => {
            fault.kind = Kind::Auth;
            "the token has the wrong shape; copy it whole from @BotFather and run `xpost account add` again".into()
        }
        403 => format!("{words}; add the bot to the chat and let it post there"),
        429 => {
            let seconds = &value["parameters"]["retry_after"];
            fault.retry_at = parse_retry_at(&seconds.to_string(), answer.at).or(fault.retry_at);
            words
        }
        400 if value["parameters"]["migrate_to_chat_id"].is_i64() => {
            let id = &value["parameters"]["migrate_to_chat_id"];
            format!("the group became a supergroup and is now `{id}`; run `xpost account add` with `chat` = `{id}`")
        }
        400 if words.contains("chat not found") => {
            format!("{words}; check the account's `chat` and that the bot is a member of it")
        }
        400 if RIGHTS.iter().any(|right| words.contains(right)) => {
            fault.kind = Kind::Forbidden;
            format!("{words}; let the bot post there (in a channel: as an administrator with \"Post messages\")")
        }
        400 if words.contains("message thread not found") || words.contains("TOPIC_CLOSED") => {
            format!("{words}; check `topic`")
        }
        _ => words,
    };
    Some(fault)
}
