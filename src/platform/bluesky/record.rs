//! The records: what `encode` can say of them before the network was asked, and how the rest is filled in.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use unicode_segmentation::UnicodeSegmentation;

use super::POST;
use super::api::StrongRef;
use super::address::AtUri;
use super::syntax;
use crate::media::Media;
use crate::platform::{Ask, Content, Piece, PlanNote};
use crate::text::{Kind, Text};

/// The most that a link card's picture may have (lexicon `app.bsky.embed.external`, 2026-08).
pub const THUMB_BYTES: u64 = 1_000_000;
/// Longest tag: grapheme clusters and bytes.
const TAG: (usize, usize) = (64, 640);

/// The record and its gates, without what only the network can say: `null` stands for blobs, DIDs and references.
pub fn encode(ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
    let content = ask.content;
    let mut record = Map::new();
    record.insert("$type".into(), json!(POST));
    record.insert("text".into(), json!(piece.text.text));
    let facets = facets(&piece.text);
    if !facets.is_empty() {
        record.insert("facets".into(), json!(facets));
    }
    if let Some(lang) = &content.lang {
        record.insert("langs".into(), json!([lang]));
    }
    let labels = labels(content, piece)?;
    if !labels.is_empty() {
        let values: Vec<Value> = labels.iter().map(|label| json!({"val": label})).collect();
        record.insert("labels".into(), json!({"$type": "com.atproto.label.defs#selfLabels", "values": values}));
    }
    let tags = list(content.option("hidden_tags"));
    let tags: Vec<&str> = tags.iter().map(|tag| tag.trim_start_matches('#')).collect();
    if tags.len() > 8 || tags.iter().any(|tag| !fits_tag(tag)) {
        return Err("`hidden_tags` takes at most 8 tags of at most 64 characters".to_string());
    }
    if !tags.is_empty() {
        record.insert("tags".into(), json!(tags));
    }
    if let Some(embed) = embed(content, piece) {
        record.insert("embed".into(), embed);
    }
    let mut payload = Map::from_iter([("record".to_string(), Value::Object(record))]);
    if let Some(allow) = allow(content)?
        && piece.index == 0
    {
        if content.reply_to.is_some() {
            piece.notes.push(PlanNote::new("threadgate", "who may reply is for the first post of a conversation to say"));
        } else {
            payload.insert("threadgate".into(), json!({"$type": "app.bsky.feed.threadgate", "allow": allow}));
        }
    }
    if content.option_bool("quotes") == Some(false) {
        let rules = json!([{"$type": "app.bsky.feed.postgate#disableRule"}]);
        payload.insert("postgate".into(), json!({"$type": "app.bsky.feed.postgate", "embeddingRules": rules}));
    }
    Ok(Value::Object(payload))
}

/// Links, mentions and tags by their UTF-8 bytes, in order, none over another. A mention has its handle and no DID yet.
pub fn facets(text: &Text) -> Vec<Value> {
    let mut facets = Vec::new();
    let mut end = 0;
    for mark in &text.marks {
        let feature = match &mark.kind {
            Kind::Link { url } if url.starts_with("https://") || url.starts_with("http://") => {
                json!({"$type": "app.bsky.richtext.facet#link", "uri": url})
            }
            Kind::Mention { handle } if syntax::did(handle) => {
                json!({"$type": "app.bsky.richtext.facet#mention", "did": handle})
            }
            Kind::Mention { handle } if syntax::handle(handle) => {
                json!({"$type": "app.bsky.richtext.facet#mention", "handle": handle, "did": null})
            }
            Kind::Tag { tag } if fits_tag(tag) => json!({"$type": "app.bsky.richtext.facet#tag", "tag": tag}),
            _ => continue,
        };
        let inside = mark.start >= end && mark.start < mark.end && mark.end <= text.text.len();
        if inside && text.text.is_char_boundary(mark.start) && text.text.is_char_boundary(mark.end) {
            end = mark.end;
            facets.push(json!({"index": {"byteStart": mark.start, "byteEnd": mark.end}, "features": [feature]}));
        }
    }
    facets
}

fn fits_tag(tag: &str) -> bool {
    !tag.is_empty() && tag.len() <= TAG.1 && tag.graphemes(true).count() <= TAG.0
}

/// The labels that a word of a warning stands for.
const WORDS: &[(&str, &[&str])] = &[
    ("porn", &["porn", "nsfw", "18+"]),
    ("sexual", &["sexual", "suggestive", "lewd"]),
    ("nudity", &["nudity", "nude", "naked"]),
    ("graphic-media", &["gore", "blood", "violence", "graphic", "graphic-media"]),
];

/// The labels that a warning stands for; empty where it is about something that Bluesky has no label for.
pub fn labels_of(warning: &str) -> Vec<&'static str> {
    let warning = warning.to_lowercase();
    let words: Vec<&str> =
        warning.split(|c: char| !(c.is_alphanumeric() || c == '+' || c == '-')).filter(|word| !word.is_empty()).collect();
    WORDS.iter().filter(|(_, known)| known.iter().any(|word| words.contains(word))).map(|(label, _)| *label).collect()
}

fn labels(content: &Content, piece: &mut Piece) -> Result<Vec<String>, String> {
    let mut labels = list(content.option("labels"));
    if labels.len() > 10 || labels.iter().any(|label| label.is_empty() || label.len() > 128) {
        return Err("`labels` takes at most 10 labels of at most 128 bytes".to_string());
    }
    if labels.is_empty() {
        labels = labels_of(content.warning.as_deref().unwrap_or_default()).iter().map(ToString::to_string).collect();
    }
    if labels.is_empty() && content.sensitive && !piece.media.is_empty() {
        piece.notes.push(PlanNote::new(
            "label",
            "Bluesky wants to know in what way media are sensitive; `graphic-media` was taken, set `labels` for another",
        ));
        labels.push("graphic-media".to_string());
    }
    Ok(labels)
}

/// One text or a list of texts.
fn list(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_string).collect(),
        _ => Vec::new(),
    }
}

/// Who may reply; `None` where everybody may.
fn allow(content: &Content) -> Result<Option<Vec<Value>>, String> {
    let words = list(content.option("threadgate"));
    if words.is_empty() {
        return Ok(None);
    }
    let mut rules = Vec::new();
    for word in &words {
        let rule = match word.as_str() {
            "nobody" if words.len() == 1 => return Ok(Some(rules)),
            "mentions" => "mentionRule",
            "followers" => "followerRule",
            "following" => "followingRule",
            list if AtUri::parse(list).is_some_and(|uri| uri.collection == "app.bsky.graph.list") => {
                rules.push(json!({"$type": "app.bsky.feed.threadgate#listRule", "list": list}));
                continue;
            }
            _ => {
                return Err(format!(
                    "`threadgate` does not know `{word}`; write `nobody` alone, or some of `mentions`, `followers`, `following`, a list's at:// address"
                ));
            }
        };
        rules.push(json!({ "$type": format!("app.bsky.feed.threadgate#{rule}") }));
    }
    if rules.len() > 5 { Err("`threadgate` takes at most 5 rules".to_string()) } else { Ok(Some(rules)) }
}

/// Pictures or a film before a card; either of them beside a quote.
fn embed(content: &Content, piece: &mut Piece) -> Option<Value> {
    let media = if piece.media.is_empty() {
        piece.card.as_ref().map(|card| {
            let mut external = json!({"uri": card.url, "title": card.title, "description": card.description});
            match &card.image {
                Some(image) if image.bytes <= THUMB_BYTES => external["thumb"] = Value::Null,
                Some(_) => {
                    let why = "the card's picture has more than 1 MB and is left out";
                    piece.notes.push(PlanNote::new("card_picture", why));
                }
                None => {}
            }
            json!({"$type": "app.bsky.embed.external", "external": external})
        })
    } else if let [film] = piece.media.as_slice()
        && film.media.class() == "video"
    {
        let mut embed = json!({"$type": "app.bsky.embed.video", "video": null});
        if let Some(alt) = &film.alt {
            embed["alt"] = json!(alt);
        }
        if let Some(ratio) = ratio(&film.media) {
            embed["aspectRatio"] = ratio;
        }
        Some(embed)
    } else {
        let images: Vec<Value> = piece
            .media
            .iter()
            .map(|medium| {
                let mut image = json!({"alt": medium.alt.as_deref().unwrap_or_default(), "image": null});
                if let Some(ratio) = ratio(&medium.media) {
                    image["aspectRatio"] = ratio;
                }
                image
            })
            .collect();
        Some(json!({"$type": "app.bsky.embed.images", "images": images}))
    };
    let quote = content.quote.as_ref().filter(|_| piece.index == 0);
    match (media, quote) {
        (media, None) => media,
        (None, Some(_)) => Some(json!({"$type": "app.bsky.embed.record", "record": null})),
        (Some(media), Some(_)) => Some(json!({"$type": "app.bsky.embed.recordWithMedia",
            "record": {"$type": "app.bsky.embed.record", "record": null}, "media": media})),
    }
}

/// Its shape, where that is known.
fn ratio(media: &Media) -> Option<Value> {
    let (width, height) = media.width.zip(media.height)?;
    (width > 0 && height > 0).then(|| json!({"width": width, "height": height}))
}

/// What the network said, to be filled in.
#[derive(Debug)]
pub struct Known<'a> {
    pub blobs: &'a [Value],
    pub thumb: Option<&'a Value>,
    pub dids: &'a BTreeMap<String, Option<String>>,
    pub quote: Option<&'a StrongRef>,
    /// Root and parent.
    pub reply: Option<(&'a StrongRef, &'a StrongRef)>,
}

/// The handles that the payload's facets mention.
pub fn mentions(payload: &Value) -> Vec<String> {
    let facets = payload["record"]["facets"].as_array();
    let handles = facets.into_iter().flatten().filter_map(|facet| facet["features"][0]["handle"].as_str());
    handles.map(str::to_string).collect()
}

/// The whole record: the same bytes at every try, since all of it comes from the journal.
pub fn complete(payload: &Value, created: DateTime<Utc>, known: &Known<'_>) -> Value {
    let mut record = payload["record"].clone();
    if let Some(facets) = record.get_mut("facets").and_then(Value::as_array_mut) {
        facets.retain_mut(|facet| {
            let feature = &mut facet["features"][0];
            let Some(handle) = feature["handle"].as_str() else { return true };
            // nobody of that name: the text stays, the link goes
            let Some(Some(did)) = known.dids.get(handle) else { return false };
            *feature = json!({"$type": feature["$type"], "did": did});
            true
        });
        if facets.is_empty()
            && let Some(record) = record.as_object_mut()
        {
            record.shift_remove("facets");
        }
    }
    if let Some(embed) = record.get_mut("embed") {
        let kind = embed["$type"].as_str().unwrap_or_default().to_string();
        match (kind.as_str(), known.quote) {
            ("app.bsky.embed.record", Some(quote)) => embed["record"] = json!(quote),
            ("app.bsky.embed.recordWithMedia", Some(quote)) => embed["record"]["record"] = json!(quote),
            _ => {}
        }
        let media = if kind == "app.bsky.embed.recordWithMedia" { &mut embed["media"] } else { embed };
        if let Some(images) = media.get_mut("images").and_then(Value::as_array_mut) {
            for (image, blob) in images.iter_mut().zip(known.blobs) {
                image["image"] = blob.clone();
            }
        }
        if let (Some(film), Some(blob)) = (media.get_mut("video"), known.blobs.first()) {
            *film = blob.clone();
        }
        if let Some(external) = media.get_mut("external").and_then(Value::as_object_mut)
            && external.contains_key("thumb")
        {
            match known.thumb {
                Some(thumb) => external.insert("thumb".into(), thumb.clone()),
                None => external.shift_remove("thumb"),
            };
        }
    }
    if let Some((root, parent)) = known.reply {
        record["reply"] = json!({"root": root, "parent": parent});
    }
    record["createdAt"] = json!(timestamp(created));
    record
}

/// RFC 3339 with milliseconds, as the network writes it itself.
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Mark;

    fn mark(start: usize, end: usize, kind: Kind) -> Mark {
        Mark { start, end, kind }
    }

    #[test]
    fn facets_count_bytes_and_never_overlap() {
        let text = Text {
            text: "né 👩‍👩‍👧 docs @bob.example #rüst".to_string(),
            marks: vec![
                mark(0, 3, Kind::Strong),
                mark(23, 27, Kind::Link { url: "https://example.org/".into() }),
                mark(24, 26, Kind::Tag { tag: "oc".into() }),
                mark(28, 40, Kind::Mention { handle: "bob.example".into() }),
                mark(41, 47, Kind::Tag { tag: "rüst".into() }),
                mark(47, 90, Kind::Tag { tag: "beyond".into() }),
            ],
        };
        let found: Vec<(String, String)> = facets(&text)
            .iter()
            .map(|facet| {
                let at = |key: &str| facet["index"][key].as_u64().unwrap() as usize;
                let kind = facet["features"][0]["$type"].as_str().unwrap().rsplit('#').next().unwrap();
                (text.text[at("byteStart")..at("byteEnd")].to_string(), kind.to_string())
            })
            .collect();
        let want = [("docs", "link"), ("@bob.example", "mention"), ("#rüst", "tag")];
        assert_eq!(found, want.map(|(text, kind)| (text.to_string(), kind.to_string())));
    }

    #[test]
    fn no_facet_for_what_the_network_would_refuse() {
        let one = |kind: Kind| facets(&Text { text: "abcdef".into(), marks: vec![mark(0, 3, kind)] }).len();
        assert_eq!(one(Kind::Link { url: "mailto:a@b.c".into() }), 0);
        assert_eq!(one(Kind::Mention { handle: "ann@example.org".into() }), 0);
        assert_eq!(one(Kind::Mention { handle: "did:plc:abc".into() }), 1);
        assert_eq!(one(Kind::Tag { tag: "x".repeat(65) }), 0);
        assert_eq!(one(Kind::Tag { tag: "x".repeat(64) }), 1);
    }

    #[test]
    fn warnings_that_are_labels() {
        assert_eq!(labels_of("NSFW: nudity"), ["porn", "nudity"]);
        assert_eq!(labels_of("blood, gore"), ["graphic-media"]);
        assert_eq!(labels_of("long"), Vec::<&str>::new());
        assert_eq!(labels_of("bloody-minded politics"), Vec::<&str>::new());
    }

    #[test]
    fn what_the_network_said_is_filled_in() {
        let payload = json!({"record": {"$type": POST, "text": "a @b.c @d.e", "facets": [
            {"index": {"byteStart": 2, "byteEnd": 6}, "features": [{"$type": "app.bsky.richtext.facet#mention", "handle": "b.c", "did": null}]},
            {"index": {"byteStart": 7, "byteEnd": 11}, "features": [{"$type": "app.bsky.richtext.facet#mention", "handle": "d.e", "did": null}]}],
            "embed": {"$type": "app.bsky.embed.recordWithMedia", "record": {"$type": "app.bsky.embed.record", "record": null},
                "media": {"$type": "app.bsky.embed.images", "images": [{"alt": "x", "image": null}]}}}});
        assert_eq!(mentions(&payload), ["b.c", "d.e"]);
        let quote = StrongRef { uri: "at://q".into(), cid: "bq".into() };
        let dids = BTreeMap::from([("b.c".to_string(), Some("did:plc:b".to_string())), ("d.e".to_string(), None)]);
        let blobs = [json!({"$type": "blob"})];
        let known = Known { blobs: &blobs, dids: &dids, quote: Some(&quote), reply: Some((&quote, &quote)), thumb: None };
        let at = "2026-11-21T12:00:00.123456Z".parse().unwrap();
        let record = complete(&payload, at, &known);
        assert_eq!(record["facets"].as_array().unwrap().len(), 1);
        assert_eq!(record["facets"][0]["features"][0], json!({"$type": "app.bsky.richtext.facet#mention", "did": "did:plc:b"}));
        assert_eq!(record["embed"]["record"]["record"], json!({"uri": "at://q", "cid": "bq"}));
        assert_eq!(record["embed"]["media"]["images"][0]["image"], blobs[0]);
        assert_eq!(record["reply"]["parent"]["cid"], "bq");
        assert_eq!(record["createdAt"], "2026-11-21T12:00:00.123Z");
        assert_eq!(record.to_string(), complete(&payload, at, &known).to_string());
    }
}
