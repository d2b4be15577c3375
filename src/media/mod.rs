//! Images, video and link cards: what a draft's media really are. Reads only, posts nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What was found out about the media and links of a draft, before `plan`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// By [`crate::draft::MediaRef::source`], as written.
    pub media: BTreeMap<String, Result<Media, String>>,
    /// Link cards by URL.
    pub cards: BTreeMap<String, Result<Card, String>>,
}

/// One medium on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// Absolute path.
    pub path: PathBuf,
    /// Name for uploads: the file's own name.
    pub name: String,
    /// By content, never by name: `image/png`.
    pub mime: String,
    pub bytes: u64,
    /// Pixels, where known.
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// SHA-256 of the file (hex): the same file is uploaded once.
    pub sha256: String,
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
