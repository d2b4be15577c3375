//! The feed as Atom (RFC 4287).

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};

use super::item::{self, escape};
use super::site::Site;

fn modified(item: &Value) -> Option<DateTime<Utc>> {
    let text = item["date_modified"].as_str();
    text.and_then(|text| Some(DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc))).or_else(|| item::date(item))
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// An item's title; Atom demands one, so a note gets the start of its text.
pub(super) fn title(item: &Value) -> String {
    if let Some(title) = item["title"].as_str().filter(|title| !title.is_empty()) {
        return title.to_string();
    }
    let line = item["content_text"].as_str().unwrap_or_default().lines().find(|line| !line.trim().is_empty());
    let line = line.unwrap_or("Untitled").trim();
    if line.chars().count() <= 60 {
        return line.to_string();
    }
    let cut: String = line.chars().take(60).collect();
    // at a word's end, if that leaves something
    let end = cut.rfind(char::is_whitespace).filter(|end| *end > 20).unwrap_or(cut.len());
    format!("{}…", cut[..end].trim_end())
}

/// The whole feed.
pub(super) fn feed(site: &Site, feed: &Map<String, Value>, items: &[Value]) -> String {
    let id = feed.get("_xpost").and_then(|own| own["id"].as_str()).unwrap_or(site.base());
    let updated = items.iter().filter_map(modified).max().unwrap_or_else(Utc::now);
    let author = if site.author().is_empty() { site.title() } else { site.author() };
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n");
    let _ = write!(
        out,
        "<id>{}</id>\n<title>{}</title>\n<updated>{}</updated>\n<author><name>{}</name></author>\n\
         <link rel=\"self\" type=\"application/atom+xml\" href=\"{}\"/>\n<link rel=\"alternate\" type=\"text/html\" href=\"{}\"/>\n\
         <generator>xpost</generator>\n",
        escape(id),
        escape(site.title()),
        time(updated),
        escape(author),
        escape(&site.url("atom.xml")),
        escape(&site.url("")),
    );
    for item in items {
        entry(&mut out, item);
    }
    out.push_str("</feed>\n");
    out
}

fn entry(out: &mut String, item: &Value) {
    let text = |key: &str| item[key].as_str().map(escape);
    // without an id or a date it is no entry; items of other hands may lack one
    let (Some(id), Some(updated)) = (text("id"), modified(item)) else { return };
    let lang = text("language").map_or_else(String::new, |lang| format!(" xml:lang=\"{lang}\""));
    let _ = write!(out, "<entry{lang}>\n<id>{id}</id>\n<title>{}</title>\n<updated>{}</updated>\n", escape(&title(item)), time(updated));
    if let Some(at) = item::date(item) {
        let _ = writeln!(out, "<published>{}</published>", time(at));
    }
    if let Some(url) = text("url") {
        let _ = writeln!(out, "<link rel=\"alternate\" type=\"text/html\" href=\"{url}\"/>");
    }
    if let Some(url) = text("external_url") {
        let _ = writeln!(out, "<link rel=\"related\" href=\"{url}\"/>");
    }
    for tag in item["tags"].as_array().map_or(&[][..], Vec::as_slice).iter().filter_map(Value::as_str) {
        let _ = writeln!(out, "<category term=\"{}\"/>", escape(tag));
    }
    for one in item["attachments"].as_array().map_or(&[][..], Vec::as_slice) {
        if let Some(url) = one["url"].as_str() {
            let _ = writeln!(
                out,
                "<link rel=\"enclosure\" type=\"{}\" length=\"{}\" title=\"{}\" href=\"{}\"/>",
                escape(one["mime_type"].as_str().unwrap_or("application/octet-stream")),
                one["size_in_bytes"].as_u64().unwrap_or_default(),
                escape(one["title"].as_str().unwrap_or_default()),
                escape(url)
            );
        }
    }
    if let Some(summary) = text("summary") {
        let _ = writeln!(out, "<summary>{summary}</summary>");
    }
    match (text("content_html"), text("content_text")) {
        (Some(html), _) => drop(writeln!(out, "<content type=\"html\">{html}</content>")),
        (None, Some(plain)) => drop(writeln!(out, "<content type=\"text\">{plain}</content>")),
        (None, None) => {}
    }
    out.push_str("</entry>\n");
}
