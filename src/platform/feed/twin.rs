//! A feed needs no stand-in: the twin reads the directories that its accounts write to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::item;
use crate::platform::TwinAccount;
use crate::twin::{Incoming, Reply, Seen, SeenMedia, Twin};

/// What was told of by [`Twin::welcome`].
#[derive(Debug, Default)]
pub(super) struct Directories(Vec<PathBuf>);

pub(super) fn account(n: usize, home: &Path) -> TwinAccount {
    let directory = home.join(format!("feed-{n}"));
    let settings = json!({"directory": directory, "title": format!("Feed {n}"), "author": "Ann"});
    TwinAccount { server: String::new(), settings, secrets: BTreeMap::new() }
}

impl Twin for Directories {
    fn hosts(&self) -> Vec<String> {
        Vec::new()
    }

    fn answer(&mut self, _request: &Incoming) -> Reply {
        Reply::text(404, "a feed answers nobody")
    }

    fn limited(&self, _seconds: u64) -> Reply {
        Reply::text(404, "a feed answers nobody")
    }

    fn expired(&self) -> Reply {
        Reply::text(404, "a feed answers nobody")
    }

    fn welcome(&mut self, settings: &Value) {
        if let Some(directory) = settings.get("directory").and_then(Value::as_str).map(PathBuf::from)
            && !self.0.contains(&directory)
        {
            self.0.push(directory);
        }
    }

    fn timeline(&self) -> Vec<Seen> {
        let mut all: Vec<Seen> = self.0.iter().flat_map(|directory| read(directory)).collect();
        all.sort_by_key(|seen| seen.at);
        all
    }
}

/// The items of one directory; none where there is no feed (yet).
fn read(directory: &Path) -> Vec<Seen> {
    let bytes = std::fs::read(directory.join("feed.json")).unwrap_or_default();
    let feed: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let text = |value: &Value, key: &str| value[key].as_str().map(str::to_string);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let account = text(&feed, "title").unwrap_or_default();
    list(&feed["items"])
        .iter()
        .map(|one| Seen {
            id: text(one, "id").unwrap_or_default(),
            account: account.clone(),
            title: text(one, "title"),
            text: text(one, "content_text").unwrap_or_default(),
            url: text(one, "url"),
            reply_to: None,
            media: list(&one["attachments"])
                .iter()
                .map(|medium| SeenMedia {
                    mime: text(medium, "mime_type").unwrap_or_default(),
                    bytes: medium["size_in_bytes"].as_u64().unwrap_or_default(),
                    alt: text(medium, "title").unwrap_or_default(),
                })
                .collect(),
            at: item::date(one).unwrap_or_default(),
            extra: json!({"tags": one["tags"], "external_url": one["external_url"]}),
        })
        .collect()
}
