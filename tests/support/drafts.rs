//! Drafts of wire files: the few lines of Markdown that they need, and their fields.

use std::path::Path;

use serde_json::Value;
use xpost::draft::{Poll, Visibility};
use xpost::media::Card;
use xpost::platform::{Content, ContentPost, MediaUse, Reference};
use xpost::text::{Kind, Mark, Text};

use super::pictures;
use super::stage;
use super::wire::{Step, json_or_text};

/// The draft of a step; its pictures are made in `home`.
pub fn content(step: &Step, home: &Path) -> Result<Content, String> {
    let mut content = stage::content("");
    content.lang = None;
    content.posts = body(&step.draft.join("\n"), home);
    for (name, value) in &step.fields {
        field(&mut content, name, value, home).map_err(|why| format!("`@field {name}`: {why}"))?;
    }
    content.options.extend(step.options.iter().cloned());
    Ok(content)
}

fn field(content: &mut Content, name: &str, value: &str, home: &Path) -> Result<(), String> {
    let text = || Some(value.to_string());
    match name {
        "lang" => content.lang = text(),
        "link" => content.link = text(),
        "title" => content.title = text(),
        "summary" => content.summary = text(),
        "warning" => content.warning = text(),
        "sensitive" => content.sensitive = value == "true",
        "numbering" => content.numbering = value == "true",
        "visibility" => content.visibility = Some(read::<Visibility>(json_or_text(value))?),
        "tags" => content.tags = read(json_or_text(value))?,
        "poll" => content.poll = Some(read::<Poll>(json_or_text(value))?),
        "reply_to" => content.reply_to = Some(Reference::Url(value.to_string())),
        "quote" => content.quote = Some(Reference::Url(value.to_string())),
        "card" => {
            let card = json_or_text(value);
            let part = |key: &str| card[key].as_str().unwrap_or_default().to_string();
            let image = card["image"].as_str().map(|name| pictures::media(home, name));
            content.card =
                Some(Card { url: part("url"), title: part("title"), description: part("description"), image });
        }
        _ => return Err("is not known".to_string()),
    }
    Ok(())
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

fn body(markdown: &str, home: &Path) -> Vec<ContentPost> {
    let mut posts = vec![ContentPost::default()];
    for line in markdown.lines() {
        let last = posts.len() - 1;
        let post = &mut posts[last];
        let picture = line.strip_prefix("![").and_then(|rest| rest.strip_suffix(')')?.split_once("]("));
        match picture {
            _ if line == "---" => posts.push(ContentPost::default()),
            Some((alt, name)) => post.media.push(MediaUse {
                media: pictures::media(home, name),
                alt: Some(alt.to_string()).filter(|alt| !alt.is_empty()),
            }),
            None => {
                // an empty line parts paragraphs, any other goes on
                if !post.text.is_empty() && !post.text.text.ends_with('\n') {
                    post.text.text.push(if line.is_empty() { '\n' } else { ' ' });
                }
                if line.is_empty() {
                    if !post.text.is_empty() && !post.text.text.ends_with("\n\n") {
                        post.text.text.push('\n');
                    }
                } else {
                    inline(&mut post.text, line);
                }
            }
        }
    }
    for post in &mut posts {
        post.text.text.truncate(post.text.text.trim_end().len());
    }
    posts
}

/// `**strong**`, `*emphasis*`, `` `code` ``, `[label](address)`, addresses, `#tags`.
fn inline(text: &mut Text, mut rest: &str) {
    while !rest.is_empty() {
        let wrapped = |sign: &str| {
            let (inner, after) = rest.strip_prefix(sign)?.split_once(sign)?;
            (!inner.is_empty()).then_some((inner, after))
        };
        let found = if let Some((inner, after)) = wrapped("**") {
            Some((inner, after, Kind::Strong))
        } else if let Some((inner, after)) = wrapped("*") {
            Some((inner, after, Kind::Emphasis))
        } else if let Some((inner, after)) = wrapped("`") {
            Some((inner, after, Kind::Code))
        } else if let Some((label, behind)) = rest.strip_prefix('[').and_then(|rest| rest.split_once("](")) {
            behind.split_once(')').map(|(url, after)| (label, after, Kind::Link { url: url.to_string() }))
        } else if rest.starts_with("https://") {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let end = rest[..end].trim_end_matches(['.', ',', '!']).len();
            Some((&rest[..end], &rest[end..], Kind::Link { url: rest[..end].to_string() }))
        } else if rest.starts_with('#') && !text.text.ends_with(char::is_alphanumeric) {
            let end = rest[1..].find(|c: char| !c.is_alphanumeric() && c != '_').map_or(rest.len(), |end| end + 1);
            (end > 1).then(|| (&rest[..end], &rest[end..], Kind::Tag { tag: rest[1..end].to_string() }))
        } else {
            None
        };
        let start = text.text.len();
        match found {
            Some((inner, after, kind)) => {
                text.text.push_str(inner);
                text.marks.push(Mark { start, end: start + inner.len(), kind });
                rest = after;
            }
            None => {
                let c = rest.chars().next().unwrap_or_default();
                text.text.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
}
