//! Drafts of wire files: their Markdown and their fields.

use std::path::Path;

use serde_json::Value;
use xpost::draft::{self, Form, Poll, Visibility};
use xpost::media::Card;
use xpost::platform::{Content, ContentPost, MediaUse, Place, Reference};

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
        "comment" => content.comment = Some(draft::body(value, Form::Markdown).remove(0).text),
        "zone" => content.zone = value.to_string(),
        "location" => {
            let place = json_or_text(value);
            let text = |key: &str| place[key].as_str().map(str::to_string);
            content.location = Some(Place {
                name: text("name"),
                lat: place["lat"].as_f64(),
                lon: place["lon"].as_f64(),
                id: text("id"),
            });
        }
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
    let posts = draft::body(markdown, Form::Markdown).into_iter().map(|post| ContentPost {
        text: post.text,
        media: post
            .media
            .into_iter()
            .map(|medium| MediaUse {
                media: pictures::media(home, &medium.source),
                alt: medium.alt,
                extras: Default::default(),
            })
            .collect(),
    });
    posts.collect()
}
