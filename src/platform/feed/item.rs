//! One post as an item of a JSON Feed: what all other files are made from.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::text::escape_html;
use super::site::Site;
use crate::platform::Post;

/// The item's id: from the post's key alone, so the same post is the same item for ever, wherever the site moves.
pub(super) fn id(post: &Post) -> String {
    format!("urn:uuid:{}", post.uuid())
}

/// The post's page, below the directory.
pub(super) fn page(post: &Post) -> String {
    format!("p/{}.html", post.nonce())
}

/// When it was published.
pub(super) fn date(item: &Value) -> Option<DateTime<Utc>> {
    let text = item.get("date_published").or_else(|| item.get("date_modified"))?.as_str()?;
    Some(DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc))
}

/// Text for XML and HTML, in an element or in a quoted attribute. Characters that XML 1.0 forbids are dropped; a carriage return,
/// bare, would become a line feed.
pub(super) fn escape(text: &str) -> String {
    clean(&escape_html(&text.replace('\0', ""))).replace('\r', "&#13;")
}

/// Drops what no feed can carry from HTML that is written already.
pub(super) fn clean(html: &str) -> String {
    html.chars().filter(|c| matches!(c, '\t' | '\n' | '\r') || (*c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'))).collect()
}

/// The item of a post.
pub(super) fn item(site: &Site, post: &Post) -> Value {
    let payload = &post.payload;
    let text = |key: &str| payload[key].as_str().filter(|text| !text.is_empty());
    let url = site.url(&page(post));
    let mut item = Map::new();
    item.insert("id".into(), json!(id(post)));
    item.insert("url".into(), json!(url));
    for (key, value) in
        [("title", text("title")), ("summary", text("summary")), ("external_url", text("link")), ("language", text("lang"))]
    {
        if let Some(value) = value {
            item.insert(key.into(), json!(clean(value)));
        }
    }
    item.insert("content_html".into(), json!(content(site, payload)));
    item.insert("content_text".into(), json!(clean(text("text").unwrap_or_default())));
    let media = payload["media"].as_array().map_or(&[][..], Vec::as_slice);
    if let Some(image) = media.iter().find(|one| one["mime"].as_str().is_some_and(|mime| mime.starts_with("image/"))) {
        item.insert("image".into(), json!(media_url(site, image)));
    }
    item.insert("date_published".into(), json!(post.created.to_rfc3339_opts(SecondsFormat::Millis, true)));
    if let Some(tags) = payload["tags"].as_array().filter(|tags| !tags.is_empty()) {
        item.insert("tags".into(), json!(tags));
    }
    if !media.is_empty() {
        let attachments = media.iter().map(|one| {
            let mut attachment = json!({"url": media_url(site, one), "mime_type": one["mime"], "size_in_bytes": one["bytes"]});
            if let (Some(alt), Some(map)) = (one["alt"].as_str().filter(|alt| !alt.is_empty()), attachment.as_object_mut()) {
                map.insert("title".into(), json!(clean(alt)));
            }
            attachment
        });
        item.insert("attachments".into(), attachments.collect());
    }
    if let Some(warning) = text("warning") {
        item.insert("_xpost".into(), json!({"warning": clean(warning)}));
    }
    Value::Object(item)
}

fn media_url(site: &Site, medium: &Value) -> String {
    let name = super::site::name_of(medium["sha256"].as_str().unwrap_or_default(), medium["mime"].as_str().unwrap_or_default());
    site.url(&format!("media/{name}"))
}

/// The whole content as HTML, every address absolute.
fn content(site: &Site, payload: &Value) -> String {
    let text = |value: &Value, key: &str| escape(value[key].as_str().unwrap_or_default());
    let mut html = clean(payload["html"].as_str().unwrap_or_default());
    for one in payload["media"].as_array().map_or(&[][..], Vec::as_slice) {
        let (url, alt) = (escape(&media_url(site, one)), text(one, "alt"));
        let size = match (one["width"].as_u64(), one["height"].as_u64()) {
            (Some(width), Some(height)) => format!(" width=\"{width}\" height=\"{height}\""),
            _ => String::new(),
        };
        html.push_str(&if one["mime"].as_str().is_some_and(|mime| mime.starts_with("video/")) {
            format!("\n<figure><video src=\"{url}\" aria-label=\"{alt}\"{size} controls preload=\"metadata\"></video></figure>")
        } else {
            format!("\n<figure><img src=\"{url}\" alt=\"{alt}\"{size}></figure>")
        });
    }
    let card = &payload["card"];
    if let Some(url) = card["url"].as_str().filter(|url| url.starts_with("https://") || url.starts_with("http://")) {
        let picture = card["image"].as_str().map_or_else(String::new, |name| {
            format!("<img src=\"{}\" alt=\"\">", escape(&site.url(&format!("media/{name}"))))
        });
        html.push_str(&format!(
            "\n<aside class=\"card\"><a href=\"{}\">{picture}<strong>{}</strong></a><p>{}</p></aside>",
            escape(url),
            text(card, "title"),
            text(card, "description")
        ));
    }
    match payload["warning"].as_str().filter(|warning| !warning.is_empty()) {
        Some(warning) => format!("<details><summary>{}</summary>\n{html}\n</details>", escape(warning)),
        None => html,
    }
}

/// Puts an item where one of the same id stands, or adds it. Keys that an older item has and this one has not are kept, if they are
/// not ours; a changed item says so.
pub(super) fn put(items: &mut Vec<Value>, mut item: Value) {
    let Some(old) = items.iter_mut().find(|old| old["id"] == item["id"]) else {
        items.push(item);
        return;
    };
    const OURS: &[&str] =
        &["title", "summary", "external_url", "language", "image", "tags", "attachments", "date_modified", "_xpost"];
    let changed = item.as_object().is_some_and(|new| new.iter().any(|(key, value)| old.get(key) != Some(value)))
        || OURS.iter().any(|key| *key != "date_modified" && old.get(*key).is_some() && item.get(*key).is_none());
    if let (Some(new), Some(old)) = (item.as_object_mut(), old.as_object()) {
        for (key, value) in old {
            if !new.contains_key(key) && (!OURS.contains(&key.as_str()) || (key == "date_modified" && !changed)) {
                new.insert(key.clone(), value.clone());
            }
        }
        if changed {
            new.insert("date_modified".into(), json!(Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)));
        }
    }
    *old = item;
}
