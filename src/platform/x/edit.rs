//! Other words for a post that is out. Premium accounts may change a post five times within an hour; each change is a post with
//! another id, which takes the place of the one before. <https://docs.x.com/x-api/fundamentals/edit-posts>, 2026-11-21.

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Network, api, body, encode, explain, find};
use crate::net::{Fault, Kind, Method};
use crate::platform::{Cx, Edit, Found, Post, Receipt, payload_error};

/// What was changed is not older than this.
const WITHIN: TimeDelta = TimeDelta::hours(2);

#[async_trait]
impl Edit for Network {
    fn can(&self, old: &Post, new: &Post) -> Result<(), String> {
        old.same_media(new)?;
        let alts = |post: &Post| post.media.iter().map(|one| one.alt.clone()).collect::<Vec<_>>();
        let other = |key: &str| old.payload.get(key) != new.payload.get(key);
        let has = |key: &str| [old, new].iter().any(|post| post.payload.get(key).is_some());
        if alts(old) != alts(new) || other(encode::WARNING) || other(encode::SUBTITLES) {
            return Err("what is said of its media cannot be changed".to_string());
        }
        let fixed = [("poll", "a post with a poll"), ("community_id", "a post in a community"), ("reply", "a reply")];
        match fixed.iter().find(|(key, _)| has(key)) {
            Some((_, what)) => Err(format!("it is {what}, and X lets nobody change that")),
            None => Ok(()),
        }
    }

    async fn edit(&self, cx: &Cx<'_>, receipt: &Receipt, post: &Post) -> Result<Receipt, Fault> {
        let id = api::own(receipt).ok_or_else(|| Fault::local("the post is known without its id; change it on X"))?;
        let ids: Vec<String> = serde_json::from_value(receipt.extra["media_ids"].clone()).unwrap_or_default();
        if ids.len() != post.media.len() {
            return Err(Fault::local("the ids of its media are not known; change the post on X"));
        }
        let mut body = body(post, &ids);
        body.insert("edit_options".into(), json!({ "previous_post_id": id }));
        if let Some(parent) = post.parent.as_ref().and_then(api::own) {
            body.insert("reply".into(), json!({ "in_reply_to_tweet_id": parent }));
        }
        let request = api::request(Method::POST, "/2/tweets").json(Value::Object(body));
        let fault = match api::call(cx, request).await {
            Ok(answer) => {
                let id = api::id(&api::data(&answer)["id"]).ok_or_else(|| payload_error(&answer, "data.id"))?;
                return Ok(find::with_media(api::receipt(cx, &id), &ids));
            }
            Err(fault) => fault,
        };
        if fault.code.as_deref() == Some(explain::DUPLICATE) {
            // it has this text already: the answer to an earlier try was lost
            let ready = json!({ "media": ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>() });
            if let Found::Yes(receipt) = find::find(cx, post, &ready, Utc::now() - WITHIN).await? {
                return Ok(receipt);
            }
        }
        if fault.kind == Kind::Forbidden {
            let message =
                format!("{}; X lets Premium accounts change a post, five times within an hour", fault.message);
            return Err(Fault { message, ..fault });
        }
        Err(fault)
    }
}
