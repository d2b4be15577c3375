//! The twin's media: one request, or INIT, APPEND, FINALIZE and STATUS as paths; films take their time.

use std::collections::BTreeMap;

use chrono::{Duration, Utc};
use serde_json::{Value, json};

use super::api;
use super::twin::{Refusal, invalid, refuse};
use crate::twin::{Incoming, Reply, SeenMedia};

const IMAGE_BYTES: usize = 5 * 1024 * 1024;
const GIF_BYTES: u64 = 15 * 1024 * 1024;
const SEGMENT_BYTES: usize = 8 * 1024 * 1024;
const ALT: usize = 1000;
/// An upload is kept so long.
const LIFE: i64 = 86_400;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    Open,
    /// So many questions more.
    Busy(u32),
    Ready,
    Failed,
}

#[derive(Debug)]
struct Upload {
    id: String,
    owner: usize,
    category: String,
    mime: String,
    total: u64,
    /// By number: length, and the first bytes.
    segments: BTreeMap<u64, (u64, Vec<u8>)>,
    stand: Stand,
    alt: String,
    warning: Value,
    subtitles: Value,
}

/// All uploads.
#[derive(Debug, Default)]
pub struct Uploads(Vec<Upload>);

fn missing() -> Refusal {
    refuse(404, "resource-not-found", "Not Found Error", "Could not find the media.")
}

/// The type of a file by its first bytes, as far as X takes it.
fn sniff(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some("video/mp4"),
        [b'W', b'E', b'B', b'V', b'T', b'T', ..] => Some("text/vtt"),
        [b'0'..=b'9', ..] => Some("text/srt"),
        _ => None,
    }
}

impl Upload {
    fn shown(&self) -> Value {
        let mut data = json!({"id": self.id, "media_key": format!("3_{}", self.id), "expires_after_secs": LIFE, "size": self.total});
        match self.stand {
            Stand::Busy(3) => data["processing_info"] = json!({"state": "pending", "check_after_secs": 1}),
            Stand::Busy(_) => {
                data["processing_info"] =
                    json!({"state": "in_progress", "check_after_secs": 1, "progress_percent": 50});
            }
            Stand::Ready if self.category != "tweet_image" => {
                data["processing_info"] = json!({"state": "succeeded", "progress_percent": 100});
            }
            Stand::Failed => {
                data["processing_info"] = json!({"state": "failed",
                    "error": {"code": 1, "name": "InvalidMedia", "message": "Unsupported video format"}});
            }
            _ => {}
        }
        json!({ "data": data })
    }

    /// What it really is.
    fn kind(&self) -> Option<&'static str> {
        self.segments.get(&0).and_then(|(_, head)| sniff(head))
    }
}

impl Uploads {
    /// What a post may use: the category of an upload of this account that is ready.
    pub fn ready(&self, owner: usize, id: &str) -> Option<&str> {
        let upload =
            self.0.iter().find(|upload| upload.id == id && upload.owner == owner && upload.stand == Stand::Ready);
        upload.map(|upload| upload.category.as_str())
    }

    pub fn seen(&self, id: &str) -> Option<SeenMedia> {
        let upload = self.0.iter().find(|upload| upload.id == id)?;
        Some(SeenMedia { mime: upload.mime.clone(), bytes: upload.total, alt: upload.alt.clone() })
    }

    /// What else was said of a medium.
    pub fn extra(&self, id: &str) -> Option<Value> {
        let upload = self.0.iter().find(|upload| upload.id == id)?;
        let extra = json!({"warning": upload.warning, "subtitles": upload.subtitles});
        (extra["warning"].is_object() || extra["subtitles"].is_object()).then_some(extra)
    }

    fn own(&mut self, owner: usize, id: &str) -> Result<&mut Upload, Refusal> {
        self.0.iter_mut().find(|upload| upload.id == id && upload.owner == owner).ok_or_else(missing)
    }

    /// One request about media; a new one gets this id.
    pub fn route(&mut self, owner: usize, request: &Incoming, id: String) -> Result<Reply, Refusal> {
        match (request.method.as_str(), &request.segments()[2..]) {
            ("POST", ["upload"]) => self.whole(owner, request, id),
            ("POST", ["upload", "initialize"]) => self.initialize(owner, request, id),
            ("POST", ["upload", id, "append"]) => self.append(owner, request, id),
            ("POST", ["upload", id, "finalize"]) => self.finalize(owner, id),
            ("GET", ["upload"]) => self.status(owner, request),
            ("POST", ["metadata"]) => self.metadata(owner, &request.json()),
            ("POST", ["subtitles"]) => self.subtitles(owner, &request.json()),
            _ => Err(missing()),
        }
    }

    fn whole(&mut self, owner: usize, request: &Incoming, id: String) -> Result<Reply, Refusal> {
        let parts = request.multipart();
        let file =
            parts.iter().find(|part| part.name == "media").ok_or_else(|| invalid("media", "media is required"))?;
        let category = parts.iter().find(|part| part.name == "media_category");
        let category = category.map(|part| String::from_utf8_lossy(&part.bytes).into_owned()).unwrap_or_default();
        let mime = sniff(&file.bytes).filter(|mime| mime.starts_with("image/"));
        let Some(mime) = mime.filter(|mime| category == "tweet_image" && *mime != "image/gif") else {
            return Err(invalid("media", "media type unrecognized."));
        };
        if file.bytes.len() > IMAGE_BYTES {
            return Err(invalid("media", "File size exceeds 5242880 bytes."));
        }
        let total = file.bytes.len() as u64;
        let mut upload = Upload {
            id,
            owner,
            category,
            mime: mime.into(),
            total,
            segments: BTreeMap::new(),
            stand: Stand::Ready,
            alt: String::new(),
            warning: Value::Null,
            subtitles: Value::Null,
        };
        upload.segments.insert(0, (total, file.bytes[..16.min(file.bytes.len())].to_vec()));
        let reply = Reply::json(200, &upload.shown());
        self.0.push(upload);
        Ok(reply)
    }

    fn initialize(&mut self, owner: usize, request: &Incoming, id: String) -> Result<Reply, Refusal> {
        let body = request.json();
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_string();
        let (category, mime) = (text("media_category"), text("media_type"));
        let fits = match category.as_str() {
            "tweet_image" => mime.starts_with("image/"),
            "tweet_gif" => mime == "image/gif",
            "tweet_video" => matches!(mime.as_str(), "video/mp4" | "video/quicktime" | "video/webm"),
            "subtitles" => matches!(mime.as_str(), "text/srt" | "text/vtt"),
            _ => return Err(invalid("media_category", "media_category does not have a value in the enumeration")),
        };
        let total = body["total_bytes"].as_u64().filter(|total| *total > 0);
        let Some(total) = total.filter(|_| fits) else {
            return Err(invalid("media_type", "media_type and total_bytes must fit the media_category"));
        };
        if category == "tweet_gif" && total > GIF_BYTES {
            return Err(invalid("total_bytes", "File size exceeds 15728640 bytes."));
        }
        self.0.push(Upload {
            id: id.clone(),
            owner,
            category,
            mime,
            total,
            segments: BTreeMap::new(),
            stand: Stand::Open,
            alt: String::new(),
            warning: Value::Null,
            subtitles: Value::Null,
        });
        Ok(Reply::json(200, &json!({"data": {"id": id, "media_key": format!("13_{id}"), "expires_after_secs": LIFE}})))
    }

    fn append(&mut self, owner: usize, request: &Incoming, id: &str) -> Result<Reply, Refusal> {
        let parts = request.multipart();
        let index = parts.iter().find(|part| part.name == "segment_index");
        let index = index
            .and_then(|part| String::from_utf8_lossy(&part.bytes).parse::<u64>().ok())
            .filter(|index| *index <= 999);
        let index = index.ok_or_else(|| invalid("segment_index", "segment_index must be between 0 and 999"))?;
        let media = parts.iter().find(|part| part.name == "media").filter(|part| !part.bytes.is_empty());
        let media = media.ok_or_else(|| invalid("media", "media is required"))?;
        if media.bytes.len() > SEGMENT_BYTES {
            return Err(Box::new(Reply::html(413, "<h1>Request Entity Too Large</h1>")));
        }
        let upload = self.own(owner, id)?;
        if upload.stand != Stand::Open {
            return Err(invalid("id", "The upload is finalized already."));
        }
        upload.segments.insert(index, (media.bytes.len() as u64, media.bytes[..16.min(media.bytes.len())].to_vec()));
        let ends = (Utc::now() + Duration::seconds(LIFE)).timestamp();
        Ok(Reply::json(200, &json!({"data": {"expires_at": ends}})))
    }

    fn finalize(&mut self, owner: usize, id: &str) -> Result<Reply, Refusal> {
        let upload = self.own(owner, id)?;
        if upload.stand != Stand::Open {
            return Err(invalid("id", "The upload is finalized already."));
        }
        let there: u64 = upload.segments.values().map(|(length, _)| length).sum();
        let whole = upload.segments.keys().copied().eq(0..upload.segments.len() as u64);
        if there != upload.total || !whole {
            return Err(invalid("id", "Segments do not add up to provided total file size."));
        }
        let working = matches!(upload.category.as_str(), "tweet_video" | "tweet_gif");
        upload.stand = if working { Stand::Busy(3) } else { Stand::Ready };
        let mut shown = upload.shown();
        if !working && let Some(data) = shown["data"].as_object_mut() {
            data.remove("processing_info");
        }
        Ok(Reply::json(200, &shown))
    }

    fn status(&mut self, owner: usize, request: &Incoming) -> Result<Reply, Refusal> {
        if request.query("command") != Some("STATUS") {
            return Err(invalid("command", "command must be STATUS"));
        }
        let upload = self.own(owner, request.query("media_id").unwrap_or_default())?;
        upload.stand = match upload.stand {
            Stand::Open => return Err(missing()),
            Stand::Busy(1) => {
                let group = |mime: &str| mime.split('/').next().unwrap_or_default().to_string();
                let good = upload.kind().is_some_and(|kind| group(kind) == group(&upload.mime));
                if good { Stand::Ready } else { Stand::Failed }
            }
            Stand::Busy(left) => Stand::Busy(left - 1),
            other => other,
        };
        Ok(Reply::json(200, &upload.shown()))
    }

    fn metadata(&mut self, owner: usize, body: &Value) -> Result<Reply, Refusal> {
        let alt = body["metadata"]["alt_text"]["text"].as_str().unwrap_or_default().to_string();
        if alt.chars().count() > ALT {
            return Err(invalid(
                "metadata.alt_text.text",
                "$.metadata.alt_text.text: must be at most 1000 characters long",
            ));
        }
        let id = body["id"].as_str().filter(|id| api::is_id(id)).ok_or_else(|| invalid("id", "$.id: is required"))?;
        let upload = self.own(owner, id)?;
        if !alt.is_empty() && upload.category == "tweet_video" {
            return Err(invalid("metadata.alt_text", "alt_text is not supported for this media"));
        }
        (upload.alt, upload.warning) = (alt, body["metadata"]["sensitive_media_warning"].clone());
        Ok(Reply::json(200, &json!({"data": {"id": id, "associated_metadata": body["metadata"]}})))
    }

    fn subtitles(&mut self, owner: usize, body: &Value) -> Result<Reply, Refusal> {
        let (film, track) = (body["id"].as_str().unwrap_or_default(), &body["subtitles"]);
        let code = track["language_code"].as_str().unwrap_or_default();
        if code.len() != 2
            || !code.bytes().all(|byte| byte.is_ascii_uppercase())
            || track["display_name"].as_str().is_none()
        {
            return Err(invalid(
                "subtitles.language_code",
                "$.subtitles.language_code: does not match the regex pattern ^[A-Z]{2}$",
            ));
        }
        if self.ready(owner, track["id"].as_str().unwrap_or_default()) != Some("subtitles") {
            return Err(invalid("subtitles.id", "The subtitles are no subtitles."));
        }
        if self.ready(owner, film) != Some("tweet_video") || body["media_category"] != "TweetVideo" {
            return Err(invalid("id", "The media is no video that is ready."));
        }
        self.own(owner, film)?.subtitles = json!({"language_code": code, "display_name": track["display_name"]});
        let shown = json!({"data": {"id": film, "media_category": "TweetVideo", "associated_subtitles": {"subtitles": [track]}}});
        Ok(Reply::json(200, &shown))
    }
}
