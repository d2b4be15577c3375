//! Did it land? Reads the account's own posts since the part came into the journal, and compares text, place and media.
//!
//! X refuses a text that the account has posted already, whoever posts it. So a post with this text that is younger than the part is
//! the part: a refusal for a duplicate is settled like a lost answer.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use super::{api, media};
use crate::net::{Fault, Method};
use crate::platform::{Cx, Found, Platform, Post, Receipt, payload_error};

/// Pages of 100 posts that are read before giving up; each post that is read costs.
const PAGES: usize = 3;
/// X's clock may differ from ours by this much.
const SLACK: TimeDelta = TimeDelta::seconds(90);
const FIELDS: &str = "attachments,conversation_id,created_at,entities,note_post";

/// Looks for the part among the account's own posts since the first try, or since it came into the journal.
///
/// # Errors
/// The posts cannot be read.
pub async fn find(cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
    let user = match cx.account.remote_id.as_str() {
        "" => super::Network.whoami(cx).await?.id,
        id => id.to_string(),
    };
    let begin = since.min(post.created) - SLACK;
    let wanted = Wanted::new(post);
    let mut hits: Vec<String> = Vec::new();
    let mut near = false;
    let mut page: Option<String> = None;
    let mut whole = false;
    for _ in 0..PAGES {
        let mut request = api::request(Method::GET, &format!("/2/users/{user}/tweets"))
            .query("max_results", "100")
            .query("exclude", "retweets")
            .query("start_time", begin.to_rfc3339_opts(SecondsFormat::Secs, true))
            .query("post.fields", FIELDS);
        if let Some(page) = &page {
            request = request.query("pagination_token", page);
        }
        let answer = api::call(cx, request).await?;
        let value = answer.value();
        // an empty timeline has no `data`
        if !value["meta"].is_object() {
            return Err(payload_error(&answer, "meta"));
        }
        for seen in value["data"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let Some(id) = api::id(&seen["id"]) else { continue };
            match wanted.judge(seen, &id) {
                Likeness::Same => hits.push(id),
                Likeness::Near => near = true,
                Likeness::Other => {}
            }
        }
        page = value["meta"]["next_token"].as_str().map(str::to_string);
        whole = page.is_none();
        if whole || !hits.is_empty() {
            break;
        }
    }
    // newest first: of two the first one is the one that was lost
    if let Some(id) = hits.pop() {
        return Ok(Found::Yes(with_media(api::receipt(cx, &id), &media::State::ids(ready))));
    }
    // what the account's timeline does not show is not missing
    let hidden =
        ["community_id", "nullcast", "for_super_followers_only"].iter().any(|key| post.payload.get(*key).is_some());
    Ok(if near || !whole || hidden { Found::Unsure } else { Found::No })
}

/// A receipt that knows the post's media, which an edit must name again.
pub fn with_media(receipt: Receipt, ids: &[String]) -> Receipt {
    if ids.is_empty() { receipt } else { receipt.extra(serde_json::json!({ "media_ids": ids })) }
}

/// How a post that was read resembles the one that is looked for.
#[derive(Debug, PartialEq, Eq)]
enum Likeness {
    Same,
    /// The same text elsewhere, or with other media.
    Near,
    Other,
}

/// What is looked for.
struct Wanted {
    text: String,
    media: usize,
    poll: bool,
    /// What it replies to, and the thread that it is part of.
    parent: Option<String>,
    root: Option<String>,
}

impl Wanted {
    fn new(post: &Post) -> Wanted {
        let replied = post.payload["reply"]["in_reply_to_tweet_id"].as_str().map(str::to_string);
        Wanted {
            text: key(post.payload["text"].as_str().unwrap_or_default()),
            media: post.media.len(),
            poll: !post.payload["poll"].is_null(),
            parent: post.parent.as_ref().and_then(api::own).or(replied),
            root: post.root.as_ref().and_then(api::own),
        }
    }

    fn judge(&self, seen: &Value, id: &str) -> Likeness {
        let long = [&seen["note_post"], &seen["note_tweet"]].into_iter().find(|note| note["text"].is_string());
        let shown = shown(long.unwrap_or(seen), &seen["entities"]);
        let bare = key(&shown);
        let same = bare == self.text || (self.parent.is_some() && key(without_names(&shown)) == self.text);
        if !same {
            return Likeness::Other;
        }
        let count = |name: &str| seen["attachments"][name].as_array().map_or(0, Vec::len);
        let told = seen["attachments"].is_object() || self.media == 0;
        let media = !told || (count("media_keys") == self.media && (count("poll_ids") > 0) == self.poll);
        if media && self.place(seen, id) { Likeness::Same } else { Likeness::Near }
    }

    /// Whether it stands where it should: by what it replies to, where that is told, else by its thread.
    fn place(&self, seen: &Value, id: &str) -> bool {
        let list = [&seen["referenced_posts"], &seen["referenced_tweets"]].into_iter().find_map(Value::as_array);
        let above =
            list.into_iter().flatten().find(|one| one["type"] == "replied_to").and_then(|one| api::id(&one["id"]));
        if above.is_some() {
            return above == self.parent;
        }
        // a thread has the id of its first post's first version
        let versions = ["edit_history_post_ids", "edit_history_tweet_ids"].iter().find_map(|key| seen[*key].as_array());
        let first = |thread: &str| thread == id || versions.is_some_and(|all| all.iter().any(|one| one == thread));
        match (api::id(&seen["conversation_id"]), &self.parent) {
            (None, _) => true,
            (Some(thread), None) => first(&thread),
            (Some(thread), Some(_)) => !first(&thread) && self.root.as_ref().is_none_or(|root| *root == thread),
        }
    }
}

/// The text as it was written: short addresses replaced by what they stand for, those of media taken out.
fn shown(text: &Value, entities: &Value) -> String {
    let mut shown = text["text"].as_str().unwrap_or_default().to_string();
    let lists = [&text["entities"]["urls"], &entities["urls"]];
    for url in lists.into_iter().filter_map(Value::as_array).flatten() {
        let (Some(short), Some(long)) = (url["url"].as_str(), url["expanded_url"].as_str()) else { continue };
        let medium = url["media_key"].is_string() || long.contains("/photo/") || long.contains("/video/");
        shown = shown.replace(short, if medium { "" } else { long });
    }
    shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Without the names that X puts before a reply.
fn without_names(text: &str) -> &str {
    let mut rest = text.trim_start();
    while rest.starts_with('@') {
        let Some((_, after)) = rest.split_once(char::is_whitespace) else { break };
        rest = after.trim_start();
    }
    rest
}

/// What is compared: one Unicode form, words without the space between them, addresses without scheme and last slash.
fn key(text: &str) -> String {
    let text: String = text.nfc().collect();
    let words = text.split_whitespace().map(|word| {
        let word = word.replace("https://", "").replace("http://", "");
        word.trim_end_matches('/').to_string()
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted(text: &str, parent: Option<&str>) -> Wanted {
        let parent = parent.map(|id| Receipt::new(id, None));
        Wanted::new(&Post { payload: json!({ "text": text }), root: parent.clone(), parent, ..Post::default() })
    }

    #[test]
    fn what_is_shown_is_what_was_written() {
        let seen = json!({"id": "5", "conversation_id": "5", "text": "née &lt;b&gt; &amp; https://t.co/a see\nhttps://t.co/b https://t.co/c",
            "entities": {"urls": [{"url": "https://t.co/a", "expanded_url": "https://example.org/a?b=c"},
                {"url": "https://t.co/b", "expanded_url": "http://example.com"},
                {"url": "https://t.co/c", "expanded_url": "https://x.com/ann/status/5/photo/1", "media_key": "3_7"}]}});
        let text = "ne\u{301}e <b> & https://example.org/a?b=c see\n\nexample.com";
        assert_eq!(wanted(text, None).judge(&seen, "5"), Likeness::Same);
        assert_eq!(wanted("another", None).judge(&seen, "5"), Likeness::Other);
        let one = Wanted { media: 1, ..wanted(text, None) };
        assert_eq!(one.judge(&seen, "5"), Likeness::Same, "the answer does not tell of media");
        let told = json!({"id": "5", "conversation_id": "5", "text": text, "attachments": {"media_keys": ["3_1"]}});
        assert_eq!((one.judge(&told, "5"), wanted(text, None).judge(&told, "5")), (Likeness::Same, Likeness::Near));
    }

    #[test]
    fn long_posts_have_their_text_elsewhere() {
        for name in ["note_post", "note_tweet"] {
            let seen = json!({"id": "5", "text": "cut…", name: {"text": "the whole of it"}});
            assert_eq!(wanted("the whole of it", None).judge(&seen, "5"), Likeness::Same);
        }
    }

    #[test]
    fn the_place_in_a_thread_counts() {
        let reply = json!({"id": "9", "text": "@ann two", "conversation_id": "5"});
        assert_eq!(wanted("two", Some("5")).judge(&reply, "9"), Likeness::Same);
        assert_eq!(wanted("two", Some("6")).judge(&reply, "9"), Likeness::Near);
        assert_eq!(wanted("@ann two", None).judge(&reply, "9"), Likeness::Near);
        for name in ["referenced_posts", "referenced_tweets"] {
            let told =
                json!({"id": "9", "text": "two", "conversation_id": "5", name: [{"type": "replied_to", "id": "7"}]});
            assert_eq!(wanted("two", Some("7")).judge(&told, "9"), Likeness::Same);
            assert_eq!(wanted("two", Some("5")).judge(&told, "9"), Likeness::Near);
        }
        assert_eq!(wanted("two", Some("7")).judge(&json!({"id": "9", "text": "two"}), "9"), Likeness::Same);
    }
}
