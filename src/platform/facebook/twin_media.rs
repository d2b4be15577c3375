//! The twin's pictures and films.

use chrono::Utc;
use serde_json::{Map, Value, json};

use super::twin::{APP, FacebookTwin, Post, Refusal, UPLOAD, What, Who, in_range, invalid, missing, params, refuse, scheduled, text};
use crate::twin::{Incoming, Reply, SeenMedia};

const PHOTO_BYTES: usize = 4_000_000;
/// Reels that a page may post in a day.
const REELS: usize = 30;

#[derive(Debug)]
pub(super) struct Photo {
    pub id: String,
    page: usize,
    pub mime: String,
    pub bytes: u64,
    pub alt: String,
    temporary: bool,
    used: bool,
}

/// A film that Facebook has, or is waiting for (a reel).
#[derive(Debug)]
pub(super) struct Film {
    pub id: String,
    page: usize,
    total: u64,
    bytes: Vec<u8>,
    /// How often a question after it is still answered with "processing", once it was posted.
    pub busy: u32,
    posted: bool,
    waits: bool,
    description: String,
}

/// An upload of the Resumable Upload API.
#[derive(Debug)]
pub(super) struct Session {
    id: String,
    total: u64,
    bytes: Vec<u8>,
    used: bool,
}

fn sniff(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'B', b'M', ..] => Some("image/bmp"),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => Some("image/tiff"),
        _ => None,
    }
}

fn is_mp4(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(b"ftyp")
}

impl FacebookTwin {
    pub(super) fn photo(&mut self, request: &Incoming, page: usize) -> Result<Reply, Refusal> {
        let params = params(request, &["published", "temporary", "alt_text_custom", "message", "caption", "url"])?;
        let parts = request.multipart();
        let file = parts.iter().find(|part| part.name == "source" && part.filename.is_some());
        let file = file.ok_or_else(|| refuse(400, 324, 0, "(#324) Requires upload file"))?;
        if text(&params, "published") != "false" {
            return Err(invalid("the twin takes pictures of posts to come only"));
        }
        let mime = sniff(&file.bytes).ok_or_else(|| refuse(400, 1, 2_207_005, "Invalid image file"))?;
        if file.bytes.len() > PHOTO_BYTES {
            return Err(refuse(400, 1, 1_366_046, "Your photos couldn't be uploaded. Photos should be smaller than 4 MB."));
        }
        let id = self.next().to_string();
        self.photos.push(Photo {
            id: id.clone(),
            page,
            mime: mime.into(),
            bytes: file.bytes.len() as u64,
            alt: text(&params, "alt_text_custom"),
            temporary: text(&params, "temporary") == "true",
            used: false,
        });
        Ok(Reply::json(200, &json!({"id": id})))
    }

    /// Pictures into a post: of this page, each once, and kept for a post that waits only if that was said when they came.
    pub(super) fn attach(&mut self, ids: &[String], page: usize, waits: bool) -> Result<(), Refusal> {
        if ids.len() > 10 {
            return Err(invalid("attached_media holds too many pictures"));
        }
        for (at, id) in ids.iter().enumerate() {
            let photo = self.photos.iter().find(|photo| photo.id == *id && photo.page == page);
            let photo = photo.ok_or_else(|| invalid("Invalid parameter: media_fbid"))?;
            if photo.used || ids[..at].contains(id) {
                return Err(refuse(400, 100, 1_366_051, "These photos were already posted."));
            }
            if photo.temporary != waits {
                return Err(invalid("a picture of a post that waits must be temporary, and no other"));
            }
        }
        self.photos.iter_mut().filter(|photo| ids.contains(&photo.id)).for_each(|photo| photo.used = true);
        Ok(())
    }

    pub(super) fn start_upload(&mut self, request: &Incoming, app: &str) -> Result<Reply, Refusal> {
        let params = params(request, &["file_name", "file_length", "file_type"])?;
        if app != APP {
            return Err(missing(app));
        }
        if text(&params, "file_type") != "video/mp4" {
            return Err(invalid("Param file_type must be one of {application/pdf, image/jpeg, image/jpg, image/png, video/mp4}"));
        }
        let total = text(&params, "file_length").parse().ok().filter(|total| *total > 0u64);
        let total = total.ok_or_else(|| invalid("Param file_length must be a positive number"))?;
        let id = format!("upload:twin{}", self.next());
        self.sessions.push(Session { id: id.clone(), total, bytes: Vec::new(), used: false });
        Ok(Reply::json(200, &json!({"id": format!("{id}?sig=ARtwin")})))
    }

    pub(super) fn session(&mut self, request: &Incoming, method: &str, id: &str) -> Result<Reply, Refusal> {
        let oauth = request.header("authorization").is_some_and(|header| header.starts_with("OAuth "));
        let session = self.sessions.iter_mut().find(|session| session.id == id && !session.used);
        let session = session.filter(|_| request.query("sig") == Some("ARtwin") && oauth).ok_or_else(|| missing(id))?;
        if method == "GET" {
            return Ok(Reply::json(200, &json!({"id": id, "file_offset": session.bytes.len()})));
        }
        let offset = request.header("file_offset").and_then(|offset| offset.parse().ok());
        if offset != Some(session.bytes.len()) {
            return Err(invalid("file_offset is not where the upload is"));
        }
        session.bytes.extend(&request.body);
        match session.bytes.len() as u64 {
            there if there == session.total && is_mp4(&session.bytes) => {
                let handle = format!("2:{}", id.trim_start_matches("upload:"));
                Ok(Reply::json(200, &json!({"h": handle})))
            }
            there if there < session.total => Ok(Reply::json(200, &json!({"id": id, "file_offset": there}))),
            _ => Err(invalid("the file is not what was announced")),
        }
    }

    pub(super) fn film(&mut self, request: &Incoming, page: usize) -> Result<Reply, Refusal> {
        let known = ["fbuploader_video_file_chunk", "description", "title", "published", "scheduled_publish_time", "targeting"];
        let mut params = params(request, &known)?;
        let scheduled = scheduled(&params)?;
        let handle = text(&params, "fbuploader_video_file_chunk");
        let id = format!("upload:{}", handle.trim_start_matches("2:"));
        let session = self.sessions.iter_mut().find(|one| one.id == id && !one.used && one.bytes.len() as u64 == one.total);
        let session = session.ok_or_else(|| refuse(400, 6000, 1_363_130, "There was a problem uploading your video file."))?;
        session.used = true;
        let bytes = std::mem::take(&mut session.bytes);
        let id = self.next().to_string();
        let film = SeenMedia { mime: "video/mp4".into(), bytes: bytes.len() as u64, alt: String::new() };
        let description = text(&params, "description");
        let total = bytes.len() as u64;
        let waits = scheduled.is_some();
        self.films.push(Film { id: id.clone(), page, total, bytes, busy: 1, posted: true, waits, description: description.clone() });
        let title = Some(text(&params, "title")).filter(|title| !title.is_empty());
        params.retain(|name, _| name == "targeting");
        self.posts.push(Post { scheduled, title, fields: params, ..post(id.clone(), page, What::Film, description, film) });
        Ok(Reply::json(200, &json!({"id": id})))
    }

    pub(super) fn reel(&mut self, request: &Incoming, page: usize) -> Result<Reply, Refusal> {
        let known = ["upload_phase", "video_id", "video_state", "scheduled_publish_time", "description", "title", "place", "targeting"];
        let mut params = params(request, &known)?;
        match text(&params, "upload_phase").as_str() {
            "start" => {
                let id = self.next().to_string();
                let url = format!("https://{UPLOAD}/video-upload/v26.0/{id}");
                self.films.push(Film {
                    id: id.clone(),
                    page,
                    total: 0,
                    bytes: Vec::new(),
                    busy: 0,
                    posted: false,
                    waits: false,
                    description: String::new(),
                });
                Ok(Reply::json(200, &json!({"video_id": id, "upload_url": url})))
            }
            "finish" => {
                let day = Utc::now() - chrono::Duration::hours(24);
                let today = self.posts.iter().filter(|post| post.page == page && post.what == What::Reel && post.at > day);
                if today.count() >= REELS {
                    return Err(refuse(400, 4, 1_363_166, "(#4) The page has posted as many reels as it may in 24 hours."));
                }
                let id = text(&params, "video_id");
                let film = self.films.iter_mut().find(|film| film.id == id && film.page == page).ok_or_else(|| missing(&id))?;
                if film.total == 0 || film.bytes.len() as u64 != film.total {
                    return Err(refuse(400, 6000, 1_363_130, "There was a problem uploading your video file."));
                }
                if film.posted {
                    return Err(invalid("the video was published already"));
                }
                let scheduled = match text(&params, "video_state").as_str() {
                    "PUBLISHED" => None,
                    "SCHEDULED" => Some(in_range(params.get("scheduled_publish_time").unwrap_or(&Value::Null))?),
                    _ => return Err(invalid("Param video_state must be one of {DRAFT, PUBLISHED, SCHEDULED}")),
                };
                let description = text(&params, "description");
                (film.posted, film.busy, film.waits) = (true, 1, scheduled.is_some());
                film.description.clone_from(&description);
                let seen = SeenMedia { mime: "video/mp4".into(), bytes: film.total, alt: String::new() };
                let title = Some(text(&params, "title")).filter(|title| !title.is_empty());
                params.retain(|name, _| matches!(name.as_str(), "place" | "targeting"));
                self.posts.push(Post { scheduled, title, fields: params, ..post(id, page, What::Reel, description, seen) });
                Ok(Reply::json(200, &json!({"success": true})))
            }
            _ => Err(invalid("Param upload_phase must be one of {START, FINISH}")),
        }
    }

    /// The host that takes a reel's bytes, with its own dialect.
    pub(super) fn bytes_of_reel(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let refused = |kind: &str, message: &str, again: bool| {
            Box::new(Reply::json(400, &json!({"debug_info": {"retriable": again, "type": kind, "message": message}})))
        };
        let oauth = request.header("authorization").is_some_and(|header| header.starts_with("OAuth "));
        let Who::Page(page) = self.who(request)? else {
            return Err(refused("NotAuthorizedError", "User not authorized to perform this request", false));
        };
        let path = request.segments();
        let number = |name: &str| request.header(name).and_then(|text| text.parse::<u64>().ok());
        let ["video-upload", _, id] = path.as_slice() else { return Err(refused("InvalidPathError", "Unknown path", false)) };
        let film = self.films.iter_mut().find(|film| film.id == *id && film.page == page && !film.posted);
        let film = film.filter(|_| oauth).ok_or_else(|| refused("NotAuthorizedError", "no such upload", false))?;
        let (Some(offset), Some(total)) = (number("offset"), number("file_size").filter(|total| *total > 0)) else {
            return Err(refused("HeaderMissingError", "offset and file_size are needed", false));
        };
        if offset != film.bytes.len() as u64 || (film.total != 0 && film.total != total) {
            return Err(refused("OffsetInvalidError", "the upload is not there", true));
        }
        film.total = total;
        film.bytes.extend(&request.body);
        if film.bytes.len() as u64 > total || !is_mp4(&film.bytes) {
            return Err(refused("ProcessingFailedError", "the file is no video", false));
        }
        Ok(Reply::json(200, &json!({"success": true})))
    }

    /// A film as it is read; whoever asks after one that was posted hears once that it is being processed.
    pub(super) fn film_node(&mut self, id: &str) -> Option<Value> {
        let film = self.films.iter_mut().find(|film| film.id == id)?;
        let whole = film.total > 0 && film.bytes.len() as u64 == film.total;
        let busy = film.posted && film.busy > 0;
        film.busy = film.busy.saturating_sub(u32::from(busy));
        let word = match (film.posted, busy, whole) {
            (true, false, _) => "ready",
            (true, true, _) => "processing",
            (false, _, true) => "upload_complete",
            (false, _, false) => "uploading",
        };
        let uploading = match (whole, film.bytes.is_empty()) {
            (true, _) => json!({"status": "complete"}),
            (false, true) => json!({"status": "not_started"}),
            (false, false) => json!({"status": "in_progress", "bytes_transfered": film.bytes.len()}),
        };
        let publishing = match (film.posted && !busy, film.waits) {
            (true, true) => json!({"status": "not_started", "publish_status": "scheduled"}),
            (true, false) => json!({"status": "complete", "publish_status": "published"}),
            _ => json!({"status": "not_started"}),
        };
        let processing = json!({"status": if word == "ready" { "complete" } else { "not_started" }});
        let phases = json!({"video_status": word, "uploading_phase": uploading, "processing_phase": processing, "publishing_phase": publishing});
        let mut shown = json!({"id": id, "status": phases});
        if !film.description.is_empty() {
            shown["description"] = json!(film.description);
        }
        Some(shown)
    }
}

fn post(id: String, page: usize, what: What, text: String, film: SeenMedia) -> Post {
    Post {
        id,
        page,
        what,
        text,
        title: None,
        photos: Vec::new(),
        film: Some(film),
        parent: None,
        at: Utc::now(),
        scheduled: None,
        fields: Map::new(),
    }
}
