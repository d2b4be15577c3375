//! What the twin makes of `POST /2/tweets`.

use chrono::{Duration, Utc};
use serde_json::{Map, Value, json};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use super::api;
use super::twin::{FRIEND, Made, Refusal, XTwin, forbidden, invalid, of_others, refuse};
use crate::twin::{Incoming, Reply};

const FIELDS: &[&str] = &[
    "card_uri",
    "community_id",
    "direct_message_deep_link",
    "edit_options",
    "for_super_followers_only",
    "geo",
    "made_with_ai",
    "media",
    "nullcast",
    "paid_partnership",
    "poll",
    "quote_tweet_id",
    "reply",
    "reply_settings",
    "share_with_followers",
    "text",
];
const LONGEST: usize = 280;
const EDIT_WITHIN: Duration = Duration::hours(1);
const EDITS: usize = 5;

/// Takes a post, a reply or a change.
pub(super) fn post(twin: &mut XTwin, owner: usize, request: &Incoming) -> Result<Reply, Refusal> {
    let Value::Object(body) = request.json() else {
        return Err(invalid("text", "The request body is not a JSON object"));
    };
    let text = body.get("text").and_then(Value::as_str).unwrap_or_default().to_string();
    twin.spend(0)?;
    if twin.credits < price(&text) {
        twin.spend(price(&text))?;
    }
    form(&body)?;
    let media = media(twin, owner, &body)?;
    if text.trim().is_empty()
        && media.is_empty()
        && !body.contains_key("quote_tweet_id")
        && !body.contains_key("card_uri")
    {
        return Err(invalid("text", "Your request must include text or media"));
    }
    if weight(&text) > LONGEST {
        let why = "Your Tweet text is too long. For more information on how Twitter determines text length see https://github.com/twitter/twitter-text.";
        return Err(invalid("text", why));
    }
    let same =
        |made: &Made| made.owner == owner && !text.is_empty() && key(&made.text) == key(&text) && made.media == media;
    if twin.posts.iter().any(same) {
        return Err(forbidden("You are not allowed to create a Tweet with duplicate content."));
    }
    let cashtags = text.split_whitespace().filter(|word| {
        word.strip_prefix('$')
            .is_some_and(|name| name.len() <= 6 && name.starts_with(|c: char| c.is_ascii_alphabetic()))
    });
    if cashtags.count() > 1 && !twin.enterprise {
        return Err(forbidden("Posts are limited to one cashtag."));
    }
    let reply_to = reply(twin, owner, &body)?;
    if let Some(quoted) = body.get("quote_tweet_id").and_then(Value::as_str) {
        if twin.by_id(quoted).is_none() && !of_others(quoted) {
            return Err(invalid("quote_tweet_id", "The post that you quote does not exist."));
        }
        if !twin.enterprise {
            let why = "When authenticating requests for this endpoint, quoting needs an enterprise plan.";
            return Err(refuse(403, "client-forbidden", "Client Forbidden", why));
        }
    }
    if let Some(previous) = body.get("edit_options").map(|edit| edit["previous_post_id"].as_str().unwrap_or_default()) {
        let previous = previous.to_string();
        return change(twin, owner, &previous, text, media);
    }
    twin.spend(price(&text))?;
    let id = twin.next_id();
    let conversation = reply_to.as_deref().map_or_else(
        || id.clone(),
        |above| twin.by_id(above).map_or_else(|| above.to_string(), |post| post.conversation.clone()),
    );
    let mut fields = body.clone();
    ["text", "media", "reply"].iter().for_each(|key| drop(fields.remove(*key)));
    if let Some(tagged) = body.get("media").map(|media| media["tagged_user_ids"].clone()).filter(Value::is_array) {
        fields.insert("tagged_user_ids".into(), tagged);
    }
    let made =
        Made { history: vec![id.clone()], id, owner, text, reply_to, conversation, media, at: Utc::now(), fields };
    let answer = Reply::json(201, &json!({ "data": twin.shown(&made, &[]) }));
    twin.posts.push(made);
    Ok(answer)
}

/// What a post costs, in millionths of a dollar.
fn price(text: &str) -> i64 {
    if text.split_whitespace().any(link) { 200_000 } else { 15_000 }
}

/// Whether a word is a link, with a scheme or without.
pub(super) fn link(word: &str) -> bool {
    let word = word.trim_matches(|c: char| c.is_ascii_punctuation() && c != '/');
    if word.contains("://") {
        return word.starts_with("https://") || word.starts_with("http://");
    }
    let host = word.split('/').next().unwrap_or_default();
    let end = host.rsplit_once('.').filter(|(name, _)| !name.is_empty() && !name.contains('@'));
    end.is_some_and(|(_, end)| crate::text::is_tld(end))
}

/// Names, types and numbers of the fields.
fn form(body: &Map<String, Value>) -> Result<(), Refusal> {
    if let Some(key) = body.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        return Err(invalid(
            key,
            &format!("$.{key}: is not defined in the schema and the schema does not allow additional properties"),
        ));
    }
    for key in ["made_with_ai", "paid_partnership", "nullcast", "for_super_followers_only", "share_with_followers"] {
        if body.get(key).is_some_and(|value| !value.is_boolean()) {
            return Err(invalid(key, &format!("$.{key}: boolean expected")));
        }
    }
    for key in ["community_id", "quote_tweet_id"] {
        if body.get(key).is_some_and(|value| !value.as_str().is_some_and(api::is_id)) {
            return Err(invalid(key, &format!("$.{key}: does not match the regex pattern ^[0-9]{{1,19}}$")));
        }
    }
    if let Some(who) = body.get("reply_settings") {
        if !matches!(who.as_str(), Some("following" | "mentionedUsers" | "subscribers" | "verified")) {
            return Err(invalid("reply_settings", "$.reply_settings: does not have a value in the enumeration"));
        }
        if body.contains_key("reply") {
            return Err(invalid("reply_settings", "reply_settings is not allowed on replies"));
        }
    }
    if let Some(poll) = body.get("poll") {
        let options = poll["options"].as_array().map(Vec::as_slice).unwrap_or_default();
        let fits = |option: &Value| option.as_str().is_some_and(|text| (1..=25).contains(&text.chars().count()));
        if !(2..=4).contains(&options.len()) || !options.iter().all(fits) {
            return Err(invalid("poll.options", "$.poll.options: there must be 2 to 4 items of 1 to 25 characters"));
        }
        if !poll["duration_minutes"].as_u64().is_some_and(|minutes| (5..=10_080).contains(&minutes)) {
            return Err(invalid("poll.duration_minutes", "$.poll.duration_minutes: must be between 5 and 10080"));
        }
    }
    let alone = ["media", "poll", "quote_tweet_id", "card_uri"].iter().filter(|key| body.contains_key(**key)).count();
    if alone > 1 {
        return Err(invalid("media", "Only one of media, poll, quote_tweet_id and card_uri may be given"));
    }
    if body.contains_key("share_with_followers") && !body.contains_key("community_id") {
        return Err(invalid("share_with_followers", "share_with_followers is for posts to a community"));
    }
    Ok(())
}

/// The media of a post: four pictures, or one that moves, or one film, all ready and one's own.
fn media(twin: &XTwin, owner: usize, body: &Map<String, Value>) -> Result<Vec<String>, Refusal> {
    let Some(media) = body.get("media") else { return Ok(Vec::new()) };
    let ids = media["media_ids"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ids: Vec<String> = ids.iter().filter_map(|id| id.as_str().map(str::to_string)).collect();
    if !(1..=4).contains(&ids.len()) {
        return Err(invalid("media.media_ids", "$.media.media_ids: there must be 1 to 4 items in the array"));
    }
    if media["tagged_user_ids"].as_array().is_some_and(|tagged| tagged.len() > 10) {
        return Err(invalid(
            "media.tagged_user_ids",
            "$.media.tagged_user_ids: there must be a maximum of 10 items in the array",
        ));
    }
    let kinds: Vec<&str> = ids.iter().filter_map(|id| twin.uploads.ready(owner, id)).collect();
    if kinds.len() != ids.len() {
        return Err(invalid("media.media_ids", "Your media IDs are invalid."));
    }
    if kinds.len() > 1 && kinds.iter().any(|kind| *kind != "tweet_image") {
        return Err(invalid("media.media_ids", "A post may have four photos, or one GIF, or one video."));
    }
    Ok(ids)
}

/// What a reply answers to, if this may be answered.
fn reply(twin: &XTwin, owner: usize, body: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    let Some(reply) = body.get("reply") else { return Ok(None) };
    let Some(id) = reply["in_reply_to_tweet_id"].as_str().filter(|id| api::is_id(id)) else {
        return Err(invalid(
            "reply.in_reply_to_tweet_id",
            "$.reply.in_reply_to_tweet_id: is missing but it is required",
        ));
    };
    let refused = "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the author of the post you are replying to.";
    match twin.by_id(id) {
        Some(own) if own.owner == owner && twin.threads => Ok(Some(id.to_string())),
        None if !of_others(id) => {
            Err(forbidden("You attempted to reply to a Tweet that is deleted or not visible to you."))
        }
        _ if twin.enterprise || id == FRIEND => Ok(Some(id.to_string())),
        _ => Err(forbidden(refused)),
    }
}

/// A change of a post that is there.
fn change(twin: &mut XTwin, owner: usize, previous: &str, text: String, media: Vec<String>) -> Result<Reply, Refusal> {
    if !twin.premium {
        return Err(forbidden("You are not permitted to perform this action."));
    }
    let at = twin.posts.iter().position(|post| post.owner == owner && post.id == previous);
    let at = at.ok_or_else(|| forbidden("You can only edit the latest version of your own posts."))?;
    let made = &twin.posts[at];
    let fixed = made.fields.contains_key("poll") || made.fields.contains_key("community_id");
    if fixed || Utc::now() - made.at > EDIT_WITHIN || made.history.len() > EDITS {
        return Err(forbidden("This post can no longer be edited."));
    }
    twin.spend(price(&text))?;
    let id = twin.next_id();
    let made = &mut twin.posts[at];
    made.history.push(id.clone());
    (made.id, made.text, made.media) = (id, text, media);
    let made = made.clone();
    Ok(Reply::json(201, &json!({ "data": twin.shown(&made, &[]) })))
}

/// What makes two texts the same.
fn key(text: &str) -> String {
    text.nfc().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// twitter-text's weighted count, written anew on purpose: it judges what the text room counts.
pub(super) fn weight(text: &str) -> usize {
    let text: String = text.nfc().collect();
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let bare = word.trim_end();
            let length = if link(bare) { 23 } else { bare.graphemes(true).map(cluster).sum() };
            length + word[bare.len()..].chars().count()
        })
        .sum()
}

fn cluster(cluster: &str) -> usize {
    let emoji = |c: char| matches!(c, '\u{fe0f}' | '\u{20e3}' | '\u{1f000}'..='\u{1faff}' | '\u{231a}' | '\u{231b}' | '\u{2600}'..='\u{27bf}');
    if cluster.chars().any(emoji) {
        return 2;
    }
    let light = |c: char| matches!(u32::from(c), 0..=4351 | 8192..=8205 | 8208..=8223 | 8242..=8247);
    cluster.chars().map(|c| if light(c) { 1 } else { 2 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_weighs_as_x_does() {
        for (text, weighs) in [
            ("hello", 5),
            ("Привет", 6),
            ("日本語", 6),
            ("cafe\u{301}", 4),
            ("\u{2014}\u{2013}", 2),
            ("\u{2026}\u{20ac}", 4),
            ("👍👨‍👩‍👧🇩🇪", 6),
            ("https://example.org/a/very/long/path?of=many&characters=yes", 23),
            ("see example.com now", 31),
        ] {
            assert_eq!(weight(text), weighs, "{text}");
            assert_eq!(crate::text::Unit::Weighted.count(text), weighs, "{text}");
        }
    }

    #[test]
    fn links_have_a_scheme_or_a_known_end() {
        for word in ["https://a.example", "http://b", "example.com", "example.org/x", "(example.net)"] {
            assert!(link(word), "{word}");
        }
        for word in ["example", "3.14", "a@example.com", "file.nonsense", "e.g.", "ftp://example.org"] {
            assert!(!link(word), "{word}");
        }
    }
}
