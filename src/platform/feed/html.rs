//! The pages: an index and one page for each post, with no script and nothing from elsewhere.

use std::fmt::Write as _;

use serde_json::Value;

use super::atom;
use super::item::{self, escape};
use super::site::Site;

const STYLE: &str = include_str!("style.css");
/// No script runs, whatever stands in an item that another hand wrote into the feed.
const POLICY: &str = "default-src 'none'; img-src * data: file:; media-src * file:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// All posts, newest first.
pub(super) fn index(site: &Site, items: &[Value]) -> String {
    let mut out = head(site, site.title(), "", "");
    let _ = write!(out, "<header class=\"top\"><h1>{}</h1>", escape(site.title()));
    if !site.author().is_empty() {
        let _ = write!(out, "<p>{}</p>", escape(site.author()));
    }
    out.push_str("<nav><a href=\"atom.xml\">Atom</a> <a href=\"feed.json\">JSON Feed</a></nav></header>\n<main>\n");
    if items.is_empty() {
        out.push_str("<p class=\"empty\">Nothing here yet.</p>\n");
    }
    for item in items {
        let own = site.own_page(item);
        let link = own.or_else(|| item["url"].as_str().filter(|url| url.starts_with("http")).map(str::to_string));
        article(&mut out, site, item, link.as_deref(), "");
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// One post.
pub(super) fn page(site: &Site, item: &Value) -> String {
    let lang = item["language"].as_str().unwrap_or_default();
    let mut out = head(site, &atom::title(item), "../", lang);
    let _ = write!(out, "<header class=\"top\"><p><a href=\"../index.html\">{}</a></p></header>\n<main>\n", escape(site.title()));
    article(&mut out, site, item, None, "../");
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// `up` leads from the page to the directory of the site.
fn head(site: &Site, title: &str, up: &str, lang: &str) -> String {
    let lang = if lang.is_empty() { String::new() } else { format!(" lang=\"{}\"", escape(lang)) };
    let feed = |mime: &str, file: &str| {
        format!("<link rel=\"alternate\" type=\"{mime}\" title=\"{}\" href=\"{up}{file}\">\n", escape(site.title()))
    };
    format!(
        "<!doctype html>\n<html{lang}>\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"content-security-policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n{}{}<style>{STYLE}</style>\n</head>\n<body>\n",
        escape(title),
        feed("application/atom+xml", "atom.xml"),
        feed("application/feed+json", "feed.json"),
    )
}

fn article(out: &mut String, site: &Site, item: &Value, link: Option<&str>, up: &str) {
    let text = |key: &str| item[key].as_str().filter(|text| !text.is_empty());
    let lang = text("language").map_or_else(String::new, |lang| format!(" lang=\"{}\"", escape(lang)));
    let _ = writeln!(out, "<article{lang}>");
    let linked = |inner: &str| match link {
        Some(link) => format!("<a href=\"{}\">{inner}</a>", escape(link)),
        None => inner.to_string(),
    };
    if let Some(title) = text("title") {
        let _ = writeln!(out, "<h2>{}</h2>", linked(&escape(title)));
    }
    // from the page itself to its media, so that it can be read where it lies too
    let content = match (text("content_html"), text("content_text")) {
        (Some(html), _) => html.replace(&format!("=\"{}/", escape(site.base())), &format!("=\"{up}")),
        (None, Some(plain)) => format!("<p class=\"plain\">{}</p>", escape(plain)),
        (None, None) => String::new(),
    };
    let _ = writeln!(out, "<div class=\"content\">{content}</div>\n<footer>");
    if let Some(at) = item::date(item) {
        let stamp = format!("<time datetime=\"{}\">{}</time>", at.to_rfc3339(), at.format("%-d %B %Y, %H:%M UTC"));
        let _ = writeln!(out, "{}", linked(&stamp));
    }
    if let Some(url) = text("external_url").filter(|url| url.starts_with("https://") || url.starts_with("http://")) {
        let _ = writeln!(out, "<a href=\"{}\">{}</a>", escape(url), escape(url.split("://").last().unwrap_or(url).trim_end_matches('/')));
    }
    for tag in item["tags"].as_array().map_or(&[][..], Vec::as_slice).iter().filter_map(Value::as_str) {
        let _ = writeln!(out, "<span>#{}</span>", escape(tag));
    }
    out.push_str("</footer>\n</article>\n");
}
