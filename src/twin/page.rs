//! The page that shows the timelines of all twins: one column for each network, no outside resource.

use std::fmt::Write as _;

use aws_lc_rs::digest;
use base64::Engine as _;
use serde_json::Value;

use super::Seen;
use super::http::Reply;
use crate::text::escape_html;

const STYLE: &str = include_str!("page.css");
/// Fetches the page again now and then and swaps the timelines if they changed; a reader who has scrolled or selected text keeps both.
const SCRIPT: &str = include_str!("page.js");

/// The page as an answer. Its own script is the only one that the browser will run.
pub(super) fn reply(timelines: &[(String, Vec<Seen>)]) -> Reply {
    let hash = base64::engine::general_purpose::STANDARD.encode(digest::digest(&digest::SHA256, SCRIPT.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
    );
    Reply::html(200, &html(timelines))
        .header("content-security-policy", policy)
        .header("cache-control", "no-store")
        .header("x-content-type-options", "nosniff")
}

fn html(timelines: &[(String, Vec<Seen>)]) -> String {
    let total: usize = timelines.iter().map(|(_, seen)| seen.len()).sum();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>xpost mock: {total} posts</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header><h1>xpost <span>mock</span></h1><p>Twins of {} networks on this machine. Nothing here has left it.</p></header>\n<main>\n",
        timelines.len()
    );
    for (name, seen) in timelines {
        column(&mut out, name, seen);
    }
    let _ = write!(
        out,
        "</main>\n<noscript>Reload the page to see new posts.</noscript>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    );
    out
}

fn column(out: &mut String, name: &str, seen: &[Seen]) {
    // a colour of its own for every network, from its name alone
    let hue = name.bytes().fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 360;
    let letter = name.chars().next().unwrap_or('?').to_uppercase().to_string();
    let _ = write!(
        out,
        "<section style=\"--hue:{hue}\" aria-label=\"{0}\">\n<h2><span class=\"badge\" aria-hidden=\"true\">{1}</span>{0}<small>{2}</small></h2>\n",
        escape_html(name),
        escape_html(&letter),
        seen.len()
    );
    if seen.is_empty() {
        out.push_str("<p class=\"empty\">No post yet.</p>\n");
    }
    for post in seen.iter().rev().take(200) {
        card(out, post);
    }
    if seen.len() > 200 {
        let _ = writeln!(out, "<p class=\"empty\">and {} older ones</p>", seen.len() - 200);
    }
    out.push_str("</section>\n");
}

fn card(out: &mut String, post: &Seen) {
    let _ = write!(
        out,
        "<article><div class=\"meta\"><b>{}</b><time datetime=\"{}\">{}</time></div>",
        escape_html(&post.account),
        post.at.to_rfc3339(),
        post.at.format("%Y-%m-%d %H:%M:%S"),
    );
    if let Some(to) = &post.reply_to {
        let _ = write!(out, "<p class=\"reply\">↳ in reply to {}</p>", escape_html(to));
    }
    if let Some(title) = &post.title {
        let _ = write!(out, "<h3>{}</h3>", escape_html(title));
    }
    if !post.text.is_empty() {
        let _ = write!(out, "<p class=\"text\" dir=\"auto\">{}</p>", escape_html(&post.text));
    }
    for medium in &post.media {
        let alt = if medium.alt.is_empty() { "no alt text".to_string() } else { format!("“{}”", medium.alt) };
        let _ = write!(
            out,
            "<div class=\"media\"><span>{}</span><span>{} bytes</span><em>{}</em></div>",
            escape_html(&medium.mime),
            medium.bytes,
            escape_html(&alt)
        );
    }
    let empty = match &post.extra {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    if !empty {
        let extra = serde_json::to_string_pretty(&post.extra).unwrap_or_default();
        let _ = write!(out, "<details><summary>more</summary><pre>{}</pre></details>", escape_html(&extra));
    }
    let _ = writeln!(out, "<div class=\"id\">{}</div></article>", escape_html(&post.id));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::SeenMedia;

    #[test]
    fn nothing_that_was_posted_becomes_markup() {
        let evil = "<script>alert(1)</script>\"'&";
        let seen = Seen {
            id: evil.into(),
            account: evil.into(),
            title: Some(evil.into()),
            text: evil.into(),
            reply_to: Some(evil.into()),
            media: vec![SeenMedia { mime: evil.into(), bytes: 1, alt: evil.into() }],
            extra: serde_json::json!({ evil: evil }),
            ..Seen::default()
        };
        let page = html(&[("<b>".into(), vec![seen])]);
        assert_eq!(page.matches("<script>").count(), 1, "only our own");
        assert!(!page.contains("alert(1)</script>"));
        assert!(!page.contains("<b><"));
        assert_eq!(page.matches("&lt;script&gt;alert(1)").count(), 9);
    }

    #[test]
    fn the_page_asks_nobody_else() {
        let page = html(&[("feed".into(), Vec::new())]);
        assert!(!page.contains("http://") && !page.contains("https://"), "{page}");
        assert!(page.contains("prefers-color-scheme") && page.contains("No post yet."));
        let reply = reply(&[]);
        assert!(reply.headers.iter().any(|(_, value)| value.contains("script-src 'sha256-")));
    }
}
