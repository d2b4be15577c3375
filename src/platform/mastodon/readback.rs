//! Did it land? Reads the account's own recent statuses and compares text, place in the thread, media and time.

use chrono::{DateTime, Duration, Utc};
use html5gum::{Token, Tokenizer};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use super::api::{self, Status};
use super::server::Server;
use crate::net::{Answer, Fault, Method};
use crate::platform::{Cx, Found, Post, Receipt, payload_error};

/// Pages of 40 statuses that are read before giving up.
const PAGES: usize = 5;

/// Looks for the part among the account's own statuses since the first try.
///
/// # Errors
/// The statuses cannot be read.
pub async fn find(cx: &Cx<'_>, post: &Post, reply: Option<&str>, since: DateTime<Utc>) -> Result<Found, Fault> {
    let token = cx.secret("token")?;
    let server = &cx.account.server;
    let id = if cx.account.remote_id.is_empty() {
        let answer = cx.call(api::request(server, Method::GET, "/api/v1/accounts/verify_credentials").bearer(&token)).await?;
        api::id(&answer.value()["id"]).ok_or_else(|| payload_error(&answer, "id"))?
    } else {
        cx.account.remote_id.clone()
    };
    let mut search = Search::new(post, reply);
    let mut oldest: Option<String> = None;
    let mut reached = false;
    for _ in 0..PAGES {
        let mut request = api::request(server, Method::GET, &format!("/api/v1/accounts/{id}/statuses"))
            .bearer(&token)
            .query("limit", "40")
            .query("exclude_reblogs", "true");
        if let Some(oldest) = &oldest {
            request = request.query("max_id", oldest);
        }
        let answer = cx.call(request).await?;
        let page = answer.value();
        let page = page.as_array().ok_or_else(|| payload_error(&answer, "statuses"))?;
        let begin = begin(&answer, since);
        let last = page.last().and_then(|status| api::id(&status["id"]));
        let older = search.read(page, begin);
        // the end of the list, or a server that ignores `max_id` and shows the same page again
        reached = older || last.is_none();
        if reached || search.found() || last == oldest {
            break;
        }
        oldest = last;
    }
    let everything = Server::of(Some(cx.account)).lists_everything();
    Ok(search.verdict(reached, everything, since))
}

/// Where to begin looking: the first try in the server's own time. With its clock known, 10 s are enough; else its clock may be
/// wrong by a minute and a half.
fn begin(answer: &Answer, since: DateTime<Utc>) -> DateTime<Utc> {
    let server = answer.header("date").and_then(|text| DateTime::parse_from_rfc2822(text).ok());
    match server.map(|date| date.with_timezone(&Utc) - answer.at) {
        // the header has whole seconds
        Some(offset) if offset.abs() <= Duration::seconds(2) => since - Duration::seconds(10),
        Some(offset) => since + offset - Duration::seconds(10),
        None => since - Duration::seconds(90),
    }
}

/// One search over several pages.
struct Search {
    texts: Vec<String>,
    loose: Vec<String>,
    reply: Option<String>,
    media: usize,
    visibility: String,
    formatted: bool,
    exact_hits: Vec<Status>,
    loose_hits: Vec<Status>,
    /// The same text, but elsewhere in a thread or with other media.
    near: bool,
    others: bool,
}

impl Search {
    fn new(post: &Post, reply: Option<&str>) -> Search {
        let mut texts = vec![key(&post.text.text)];
        if let Some(sent) = post.payload["status"].as_str() {
            texts.push(key(sent));
        }
        Search {
            loose: texts.iter().map(|text| letters(text)).collect(),
            texts,
            reply: reply.map(str::to_string),
            media: post.media.len(),
            visibility: post.payload["visibility"].as_str().unwrap_or_default().to_string(),
            formatted: post.payload["content_type"].as_str().is_some_and(|kind| kind != "text/plain"),
            exact_hits: Vec::new(),
            loose_hits: Vec::new(),
            near: false,
            others: false,
        }
    }

    /// Takes in one page; whether it reaches back to before `begin`.
    fn read(&mut self, page: &[Value], begin: DateTime<Utc>) -> bool {
        let mut older = false;
        for value in page {
            let Some(status) = Status::read(value) else { continue };
            match status.created {
                Some(created) if created < begin => {
                    older = true;
                    continue;
                }
                _ if value["reblog"].is_object() => continue,
                _ => {}
            }
            let source = status.source.as_deref().map(key);
            let shown = key(&plain(&status.content));
            let same = |wanted: &Vec<String>, form: &dyn Fn(&str) -> String| {
                wanted.contains(&form(&shown)) || source.as_deref().is_some_and(|source| wanted.contains(&form(source)))
            };
            let exact = same(&self.texts, &|text| text.to_string());
            let loose = exact || same(&self.loose, &letters);
            let place = status.in_reply_to == self.reply && status.media.is_none_or(|count| count == self.media);
            match (exact, loose, place) {
                (true, _, true) => self.exact_hits.push(status),
                (_, true, true) => self.loose_hits.push(status),
                (_, true, false) => self.near = true,
                _ => self.others = true,
            }
        }
        older
    }

    fn found(&self) -> bool {
        !self.exact_hits.is_empty()
    }

    fn verdict(self, reached: bool, everything: bool, since: DateTime<Utc>) -> Found {
        let receipt = |status: &Status| Found::Yes(Receipt::new(&status.id, status.url.clone()));
        // the first one after the first try; one from shortly before it only if there is no other
        let after = |status: &&Status| status.created.is_none_or(|at| at >= since - Duration::seconds(2));
        if let Some(status) = self.exact_hits.iter().rfind(after).or_else(|| self.exact_hits.first()) {
            return receipt(status);
        }
        match self.loose_hits.as_slice() {
            [one] => return receipt(one),
            [] => {}
            _ => return Found::Unsure,
        }
        let hidden = !everything && matches!(self.visibility.as_str(), "private" | "direct" | "local" | "mutuals_only");
        if self.near || !reached || hidden || (self.formatted && self.others) { Found::Unsure } else { Found::No }
    }
}

/// The text of a status' HTML. Mastodon cuts a long address into spans of which some are hidden; put together they are the address.
pub fn plain(html: &str) -> String {
    let mut text = Vec::new();
    for Ok(token) in Tokenizer::new(html) {
        match token {
            Token::String(string) => text.extend_from_slice(&string),
            Token::StartTag(tag) if matches!(tag.name.as_slice(), b"br" | b"p" | b"li" | b"div" | b"blockquote") => {
                text.push(b'\n');
            }
            _ => {}
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// What is compared: one Unicode form, no white space, no `https://`, no host of a mention.
fn key(text: &str) -> String {
    let text = drop_hosts(text);
    let text = text.replace("https://", "").replace("http://", "");
    text.nfc().filter(|c| !c.is_whitespace() && !matches!(c, '\u{200b}' | '\u{feff}')).collect()
}

/// Only what no server formats away: some read `*a*` as emphasis without being asked.
fn letters(key: &str) -> String {
    key.chars().filter(|c| !c.is_ascii_punctuation()).collect()
}

/// `@ann@example.org` becomes `@ann`, as it is shown.
fn drop_hosts(text: &str) -> String {
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let after = &rest[at + 1..];
        let user = after.find(|c| !name(c)).unwrap_or(after.len());
        out.push_str(&rest[..at + 1 + user]);
        rest = &after[user..];
        if user > 0
            && let Some(host) = rest.strip_prefix('@')
        {
            let end = host.find(|c| !name(c)).unwrap_or(host.len());
            let end = host[..end].trim_end_matches(['.', '-']).len();
            if end > 0 {
                rest = &host[end..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Text;
    use serde_json::json;

    fn post(text: &str, media: usize) -> Post {
        let medium = crate::platform::MediaUse {
            media: crate::media::Media {
                path: "a.png".into(),
                name: "a.png".into(),
                mime: "image/png".into(),
                bytes: 1,
                width: None,
                height: None,
                sha256: "0".into(),
                ..crate::media::Media::default()
            },
            alt: None,
            extras: Default::default(),
        };
        Post {
            key: uuid::Uuid::from_u128(1),
            created: Utc::now(),
            index: 0,
            of: 1,
            text: Text::plain(text),
            media: vec![medium; media],
            card: None,
            payload: json!({"status": text, "visibility": "public"}),
            reply_to: None,
            quote: None,
            root: None,
            parent: None,
            state: Value::Null,
            ..Post::default()
        }
    }

    fn status(id: &str, seconds: i64, content: &str, reply: Option<&str>, media: usize) -> Value {
        json!({"id": id, "url": format!("https://m.example/@a/{id}"), "content": content, "in_reply_to_id": reply,
            "created_at": (now() + Duration::seconds(seconds)).to_rfc3339(), "media_attachments": vec![json!({}); media]})
    }

    fn now() -> DateTime<Utc> {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    fn search(post: &Post, reply: Option<&str>, page: &[Value]) -> Found {
        let mut search = Search::new(post, reply);
        let reached = search.read(page, now() - Duration::seconds(10)) || page.is_empty();
        search.verdict(reached, false, now())
    }

    fn yes(id: &str) -> Found {
        Found::Yes(Receipt::new(id, Some(format!("https://m.example/@a/{id}"))))
    }

    #[test]
    fn html_is_compared_as_the_text_it_was_made_of() {
        let text = "Hi @ann@example.org. See https://example.org/a/very/long/path?x=1&y=2 #rust\n\n\"a\" < b & c…";
        let html = concat!(
            "<p>Hi <span class=\"h-card\"><a href=\"https://example.org/@ann\">@<span>ann</span></a></span>. See ",
            "<a href=\"https://example.org/a/very/long/path?x=1&amp;y=2\"><span class=\"invisible\">https://</span>",
            "<span class=\"ellipsis\">example.org/a/very/long/path?x</span><span class=\"invisible\">=1&amp;y=2</span></a> ",
            "<a href=\"https://m.example/tags/rust\">#<span>rust</span></a></p><p>&quot;a&quot; &lt; b &amp; c\u{2026}</p>"
        );
        let old = status("1", -500, "<p>old</p>", None, 0);
        assert_eq!(search(&post(text, 0), None, &[status("2", 1, html, None, 0), old.clone()]), yes("2"));
        assert_eq!(search(&post("Hi", 0), None, &[status("2", 1, html, None, 0), old]), Found::No);
    }

    #[test]
    fn no_only_where_the_page_reaches_back() {
        assert_eq!(search(&post("a", 0), None, &[]), Found::No);
        assert_eq!(search(&post("a", 0), None, &[status("2", 5, "b", None, 0)]), Found::Unsure);
        assert_eq!(search(&post("a", 0), None, &[status("2", 5, "b", None, 0), status("1", -60, "a", None, 0)]), Found::No);
    }

    #[test]
    fn place_and_media_must_agree() {
        let old = status("1", -60, "z", None, 0);
        let page = [status("3", 2, "a", Some("2"), 0), old.clone()];
        assert_eq!(search(&post("a", 0), Some("2"), &page), yes("3"));
        assert_eq!(search(&post("a", 0), None, &page), Found::Unsure);
        assert_eq!(search(&post("a", 1), Some("2"), &page), Found::Unsure);
        let page = [status("3", 2, "", None, 1), status("2", 1, "", None, 2), old];
        assert_eq!(search(&post("", 2), None, &page), yes("2"));
    }

    #[test]
    fn a_server_that_formats_by_itself() {
        let old = status("1", -60, "z", None, 0);
        let page = [status("2", 1, "1<i>2</i>3 <b>bold</b>", None, 0), old.clone()];
        assert_eq!(search(&post("1*2*3 **bold**", 0), None, &page), yes("2"));
        let mut told = status("2", 1, "quite another", None, 0);
        told["text"] = json!("1*2*3 **bold**");
        assert_eq!(search(&post("1*2*3 **bold**", 0), None, &[told, old]), yes("2"));
    }

    #[test]
    fn of_two_the_one_after_the_first_try() {
        let page = [status("3", 1, "a", None, 0), status("2", -8, "a", None, 0), status("1", -60, "z", None, 0)];
        assert_eq!(search(&post("a", 0), None, &page), yes("3"));
    }

    #[test]
    fn what_the_list_does_not_show_is_not_missing() {
        let mut direct = post("a", 0);
        direct.payload["visibility"] = json!("direct");
        assert_eq!(search(&direct, None, &[]), Found::Unsure);
        assert_eq!(Search::new(&direct, None).verdict(true, true, now()), Found::No);
    }

    #[test]
    fn hosts_of_mentions() {
        assert_eq!(drop_hosts("a @b@c.org, @d @e@f.g. h@i.j @@ @"), "a @b, @d @e. h@i.j @@ @");
    }
}
