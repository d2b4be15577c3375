//! Read-back: did this part land? The newest posts of the author are read, or the comments below a post.
//!
//! Members' own posts can be read by apps with the closed permission `r_member_social` alone: for all others LinkedIn does not tell.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::api;
use super::upload::Prepared;
use super::{Network, comment_receipt, receipt};
use crate::net::{Fault, Method};
use crate::platform::{Cx, Find, Found, Post, payload_error};

/// So many posts or comments are on a page,
const PAGE: usize = 50;
/// and so many pages are read.
const PAGES: usize = 4;

#[async_trait]
impl Find for Network {
    async fn find(&self, cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
        let prepared: Prepared = serde_json::from_value(ready.clone()).unwrap_or_default();
        let known = ["author", "actor"].iter().find_map(|key| post.payload[*key].as_str());
        let author = match known.map(str::to_string).or(prepared.author).or_else(|| api::author(cx.account)) {
            Some(author) => author,
            None => super::who::person(cx).await?.id,
        };
        if !may_read(cx, &author) {
            return Ok(Found::Unsure);
        }
        let search = Search { post, author: &author };
        match search.pages(cx, since).await {
            // a login whose permissions are not known was not allowed after all
            Err(fault) if matches!(fault.status, Some(400 | 403)) => Ok(Found::Unsure),
            found => found,
        }
    }
}

/// Whether the login may read what this author wrote, as far as it says.
fn may_read(cx: &Cx<'_>, author: &str) -> bool {
    let scope = if author.starts_with("urn:li:organization:") { "r_organization_social" } else { "r_member_social" };
    let granted = cx.facts().and_then(|facts| facts.scopes);
    granted.is_none_or(|granted| granted.iter().any(|have| have.starts_with(scope)))
}

struct Search<'a> {
    post: &'a Post,
    author: &'a str,
}

impl Search<'_> {
    async fn pages(&self, cx: &Cx<'_>, since: DateTime<Utc>) -> Result<Found, Fault> {
        let root = self.post.root.as_ref().filter(|_| self.post.comment);
        for page in 0..PAGES {
            let start = page * PAGE;
            let path = match root {
                Some(root) => format!("/socialActions/{}/comments?start={start}&count={PAGE}", api::key(&root.id)),
                None => {
                    let author = api::key(self.author);
                    format!("/posts?author={author}&q=author&start={start}&count={PAGE}&sortBy=CREATED")
                }
            };
            let request = api::rest(cx, Method::GET, &path)?;
            let request = if root.is_some() { request } else { request.header("x-restli-method", "FINDER") };
            let answer = cx.call(request).await?;
            let value = answer.value();
            let elements = value["elements"].as_array().ok_or_else(|| payload_error(&answer, "elements"))?;
            let since = answer.by_their_clock(since);
            let mut hits: Vec<(DateTime<Utc>, &Value)> = Vec::new();
            let mut older = false;
            for element in elements {
                let Some(at) = made(element) else { continue };
                older |= at < since;
                if at >= since && self.same(element) {
                    hits.push((at, element));
                }
            }
            // a text that stands there twice was sent twice by somebody: the first is the one that is looked for
            if let Some((_, element)) = hits.into_iter().min_by_key(|(at, _)| *at) {
                let found = match root {
                    Some(root) => comment_receipt(element, None, root, self.author),
                    None => element["id"].as_str().map(receipt),
                };
                return Ok(found.map_or(Found::Unsure, Found::Yes));
            }
            // the comments' order is LinkedIn's own, so that all must be seen
            let end = elements.len() < PAGE;
            if end || (older && root.is_none()) {
                return Ok(Found::No);
            }
        }
        Ok(Found::Unsure)
    }

    /// Whether it says what the part says.
    fn same(&self, element: &Value) -> bool {
        let payload = &self.post.payload;
        if self.post.comment {
            let text = |value: &Value| squeezed(value.pointer("/message/text").and_then(Value::as_str).unwrap_or_default());
            return element["actor"] == *self.author && text(element) == text(payload);
        }
        let commentary = |value: &Value| squeezed(&shown(value["commentary"].as_str().unwrap_or_default()));
        let kind = |value: &Value| value["content"].as_object().and_then(|content| content.keys().next().cloned());
        let question = |value: &Value| value.pointer("/content/poll/question").cloned();
        // what LinkedIn tells of the content depends on what it is
        let alike = kind(element).is_none() || kind(element) == kind(payload);
        element["author"] == *self.author
            && commentary(element) == commentary(payload)
            && alike
            && (question(element).is_none() || question(element) == question(payload))
    }
}

/// When a post or comment was made.
fn made(element: &Value) -> Option<DateTime<Utc>> {
    let said = ["/createdAt", "/publishedAt", "/created/time"].iter().find_map(|path| api::time(element.pointer(path)?));
    said.or_else(|| api::made(element["id"].as_str()?))
}

/// What a reader sees of a little text: escapes taken off, tags and mentions by their names.
pub(super) fn shown(little: &str) -> String {
    let mut out = String::with_capacity(little.len());
    let mut rest = little;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix('\\') {
            let next = after.chars().next();
            out.extend(next);
            rest = &after[next.map_or(0, char::len_utf8)..];
        } else if let Some((tag, after)) = rest.strip_prefix("{hashtag|").and_then(|inner| template(inner, '}')) {
            // `\#|word`
            out.push('#');
            out.push_str(&shown(tag.split_once('|').map_or("", |(_, word)| word)));
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix("@[").and_then(|inner| template(inner, ']')) {
            out.push_str(&shown(name));
            rest = after.strip_prefix('(').and_then(|urn| urn.split_once(')')).map_or(after, |(_, after)| after);
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// The inside of a template up to its end, escapes left in, and what comes after.
fn template(inner: &str, end: char) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == end => return Some((&inner[..at], &inner[at + c.len_utf8()..])),
            _ => {}
        }
    }
    None
}

/// Without white space, which LinkedIn trims here and there.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
