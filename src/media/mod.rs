//! Images, video and link cards: what a draft's media really are, and what becomes of a picture that does not fit.
//!
//! | file | what | when |
//! |---|---|---|
//! | `probe` | what a file is, from its headers | gather: reads only |
//! | `fit` | what it must become for a network | plan: pure |
//! | `make` | the file that it becomes, kept in the cache | prepare |

mod captions;
mod card;
mod card_page;
#[cfg(test)]
mod card_tests;
mod fetch;
mod file;
pub mod film;
pub mod fit;
mod kept;
mod make;
mod probe;
mod remote;
#[cfg(test)]
mod remote_tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::draft::MediaRef;
use crate::net::Door;

pub use captions::{captions_kind, read_captions};
pub use card::MAX_PICTURE;
pub use card_page::{Page, decode, read_oembed, read_page};
pub use file::{inspect, look};
pub use film::ffmpeg;
pub use fit::{Decision, Fit, Wish, cleaned, decide};
pub use make::{made, make};
pub use probe::{About, MOST_READ, Probed, probe};

/// What was found out about the media and links of a draft, before `plan`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// By [`crate::draft::MediaRef::source`], as written.
    pub media: BTreeMap<String, Result<Media, String>>,
    /// Link cards by URL.
    pub cards: BTreeMap<String, Result<Card, String>>,
}

/// One medium on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// Absolute path.
    pub path: PathBuf,
    /// Name for uploads: the file's own name.
    pub name: String,
    /// By content, never by name: `image/png`.
    pub mime: String,
    pub bytes: u64,
    /// Pixels as it is shown, where known.
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// SHA-256 of the file (hex): the same file is uploaded once.
    pub sha256: String,
    /// What else the file says of itself.
    #[serde(default)]
    pub about: About,
    /// What it becomes before it is uploaded. Until [`made`] did that, type, pixels and bytes (the most there may be) are those
    /// that it will have, path and hash those of the file that it is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
}

impl Media {
    /// `image`, `video` or `audio`.
    pub fn class(&self) -> &str {
        self.mime.split('/').next().unwrap_or_default()
    }
}

/// What a page says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    pub url: String,
    pub title: String,
    pub description: String,
    /// The picture, already on disk.
    #[serde(default)]
    pub image: Option<Media>,
}

/// Whether a source is an address of the web instead of a file.
pub fn is_remote(source: &str) -> bool {
    let scheme = source.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
}

/// A file of the draft: picture, film, sound, or what is read beside a film.
fn local(source: &str, base: &Path) -> Result<Media, String> {
    file::find(source, base).or_else(|why| captions::inspect(&base.join(source)).unwrap_or(Err(why)))
}

/// Finds out what media and links really are.
///
/// `media` are the draft's ([`crate::draft::Draft::media`]), relative paths looked for from `base`; `cards` the addresses that
/// need a link card. Media on the web are fetched into `cache`. Without a `door` nothing is fetched: media that were not fetched
/// within the last day are missing, and `cards` of the result is empty. Cards and their pictures are kept in
/// `cache`, which is made if it is missing, and a page is asked once a day. What cannot be read is an error of that medium or card alone.
pub async fn gather(media: &[MediaRef], base: &Path, door: Option<&Door>, cards: &[String], cache: &Path) -> Facts {
    let mut facts = Facts::default();
    for medium in media {
        if facts.media.contains_key(&medium.source) {
            continue;
        }
        if is_remote(&medium.source) {
            if let Some(found) = remote::find(&medium.source, door, cache).await {
                facts.media.insert(medium.source.clone(), found);
            }
            continue;
        }
        let (source, base) = (medium.source.clone(), base.to_path_buf());
        // reading a large file takes a while, and other work goes on meanwhile
        let found = tokio::task::spawn_blocking(move || local(&source, &base))
            .await
            .unwrap_or_else(|_| Err("it could not be read: the reader failed".to_string()));
        facts.media.insert(medium.source.clone(), found);
    }
    if let Some(door) = door {
        let mut wanted: Vec<&String> = cards.iter().collect();
        wanted.sort();
        wanted.dedup();
        let read = wanted.into_iter().map(async |url| (url.clone(), card::fetch(door, url, cache).await));
        facts.cards.extend(futures_util::future::join_all(read).await);
    }
    facts
}
