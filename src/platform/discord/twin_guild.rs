//! The twin's server as a bot sees it: its list of servers, its place there, and the channels with their rights.

use serde_json::{Value, json};

use super::twin::{FORUM, GUILD, HIDDEN, NEWS, TEXT};
use crate::twin::{Incoming, Reply};

/// The role that every bot has, beside that of everyone.
const ROLE: &str = "980000000000000001";
const CATEGORY: &str = "985000000000000001";
/// View Channels, Send Messages, Embed Links, Attach Files, Read Message History.
const RIGHTS: u64 = 0x400 | 0x800 | 0x4000 | 0x8000 | 0x10000;

/// Answers what is about servers; `None` for everything else.
pub(super) fn route(request: &Incoming, path: &[&str], n: u64, user: &Value) -> Option<Reply> {
    let unknown = || Reply::json(404, &json!({"message": "Unknown Guild", "code": 10004}));
    Some(match path {
        ["users", "@me", "guilds"] => {
            let after = request.query("after").and_then(|id| id.parse::<u64>().ok()).unwrap_or_default();
            let there = GUILD.parse().is_ok_and(|id: u64| id > after);
            Reply::json(200, &if there { json!([guild()]) } else { json!([]) })
        }
        ["guilds", GUILD, "members", id] if user["id"] == *id => Reply::json(200, &member(user)),
        ["guilds", GUILD, "channels"] => Reply::json(200, &channels(n)),
        ["guilds", _, "members", _] => Reply::json(404, &json!({"message": "Unknown Member", "code": 10007})),
        ["guilds", ..] => unknown(),
        _ => return None,
    })
}

fn guild() -> Value {
    json!({
        "id": GUILD,
        "name": "Twin harbour",
        "icon": null,
        "banner": null,
        "owner": false,
        "permissions": RIGHTS.to_string(),
        "features": [],
    })
}

fn member(user: &Value) -> Value {
    json!({
        "user": user,
        "nick": null,
        "avatar": null,
        "banner": null,
        "roles": [ROLE],
        "joined_at": "2026-01-01T00:00:00.000000+00:00",
        "deaf": false,
        "mute": false,
        "flags": 0,
        "communication_disabled_until": null,
    })
}

/// The bot's text channel in a category, its announcements, a room where only the role may write, the rules (nobody may), the one
/// that it may not see, the forum, and a voice channel.
fn channels(n: u64) -> Value {
    let overwrite = |id: &str, allow: u64, deny: u64| json!({"id": id, "type": 0, "allow": allow.to_string(), "deny": deny.to_string()});
    let channel = |id: String, kind: u8, name: String, position: u8, overwrites: Value| {
        json!({
            "id": id,
            "type": kind,
            "name": name,
            "position": position,
            "flags": 0,
            "guild_id": GUILD,
            "parent_id": if position > 2 { Value::from(CATEGORY) } else { Value::Null },
            "permission_overwrites": overwrites,
        })
    };
    json!([
        channel((FORUM + n).to_string(), 15, format!("twin-forum-{n}"), 7, json!([])),
        channel((TEXT + n).to_string(), 0, format!("twin-{n}"), 1, json!([overwrite(GUILD, 0, 0x800), overwrite(ROLE, 0x800, 0)])),
        channel((NEWS + n).to_string(), 5, format!("twin-news-{n}"), 2, json!([])),
        channel(CATEGORY.into(), 4, "Harbour".into(), 0, json!([])),
        channel((HIDDEN + n).to_string(), 0, "captain".into(), 5, json!([overwrite(GUILD, 0, 0x400)])),
        channel("986000000000000001".into(), 0, "rules".into(), 4, json!([overwrite(GUILD, 0, 0x800)])),
        channel("986000000000000002".into(), 2, "deck".into(), 6, json!([])),
    ])
}
