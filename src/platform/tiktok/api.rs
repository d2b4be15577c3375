//! TikTok's API on the wire: requests, the envelope of its answers, what becomes of a post.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::explain;
use crate::net::{Answer, Effect, Fault, Kind, Method, Request, one_line};
use crate::platform::{Cx, payload_error};

pub const SERVER: &str = "https://open.tiktokapis.com";

/// A request of the account's to this path.
pub fn request(cx: &Cx<'_>, method: Method, path: &str) -> Result<Request, Fault> {
    let server = if cx.account.server.is_empty() { SERVER } else { &cx.account.server };
    Ok(Request::new(method, format!("{server}{path}")).bearer(&cx.secret("token")?))
}

/// Asks with `POST` what only reads: nothing is posted, whatever comes of it.
pub async fn ask(cx: &Cx<'_>, path: &str, body: Value) -> Result<Answer, Fault> {
    let asked = cx.call(request(cx, Method::POST, path)?.json(body)).await;
    asked.map_err(|fault| Fault { effect: Effect::None, ..fault })
}

/// The creator's settings of the day: <https://developers.tiktok.com/doc/content-posting-api-reference-query-creator-info>,
/// 2026-11-22. At most 20 times a minute.
pub async fn creator(cx: &Cx<'_>) -> Result<Value, Fault> {
    let answer = ask(cx, "/v2/post/publish/creator_info/query/", json!({})).await?;
    let data = &answer.value()["data"];
    if !data["privacy_level_options"].is_array() {
        return Err(Fault { effect: Effect::None, ..payload_error(&answer, "privacy_level_options") });
    }
    Ok(json!({
        "username": data["creator_username"],
        "nickname": data["creator_nickname"],
        "privacy": data["privacy_level_options"],
        "comment_disabled": data["comment_disabled"],
        "duet_disabled": data["duet_disabled"],
        "stitch_disabled": data["stitch_disabled"],
        "video_seconds": data["max_video_post_duration_sec"],
    }))
}

/// What became of a post.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// It is posted; its number once everybody may see it and moderation is over.
    Posted(Option<String>),
    /// It waits in the app's inbox for the person to finish it.
    Inbox,
    /// TikTok is at work on it.
    Working,
    /// Bytes of the file are missing; so many are there, if TikTok says.
    Incomplete(Option<u64>),
    /// It is not posted and will not be.
    Failed(Fault),
}

/// Asks what became of it; reads only. `total`: bytes of a file that is sent, `None` for what is fetched.
/// <https://developers.tiktok.com/doc/content-posting-api-reference-get-video-status>, 2026-11-22. At most 30 times a minute.
pub async fn fate(cx: &Cx<'_>, id: &str, total: Option<u64>) -> Result<Fate, Fault> {
    let answer = ask(cx, "/v2/post/publish/status/fetch/", json!({"publish_id": id})).await?;
    let data = &answer.value()["data"];
    Ok(match data["status"].as_str() {
        Some("PUBLISH_COMPLETE") => {
            let post = data["publicaly_available_post_id"].get(0).and_then(|id| match id {
                Value::Number(number) => Some(number.to_string()),
                Value::String(text) => Some(text.clone()),
                _ => None,
            });
            Fate::Posted(post)
        }
        Some("SEND_TO_USER_INBOX") => Fate::Inbox,
        Some("FAILED") => {
            let reason = one_line(data["fail_reason"].as_str().unwrap_or("it gave no reason"), 200);
            let mut fault = explain::reason(&reason, "", answer.at);
            fault.request_id = answer.value()["error"]["log_id"].as_str().map(str::to_string);
            Fate::Failed(fault)
        }
        Some("PROCESSING_UPLOAD") => match (data["uploaded_bytes"].as_u64(), total) {
            (Some(there), Some(total)) if there >= total => Fate::Working,
            (there, _) => Fate::Incomplete(there),
        },
        Some(_) => Fate::Working,
        None => return Err(Fault { effect: Effect::None, ..payload_error(&answer, "status") }),
    })
}

/// TikTok has it all, and will say later what it made of it; asked again in as long as it has taken already.
pub fn working(since: DateTime<Utc>) -> Fault {
    let now = Utc::now();
    let pause = (now - since).clamp(TimeDelta::seconds(5), TimeDelta::minutes(5));
    let mut fault = Fault::new(Kind::Unavailable, "TikTok has it and is still at work on it").maybe();
    fault.retry_at = Some(now + pause);
    fault.code("processing")
}
