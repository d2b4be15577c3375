//! The twin's files: an address is given out, the bytes must be those that were announced, and only a file that is complete is known.
//!
//! Where a file was shared is told late: for a picture when it is asked for the first time, for anything else the second time.

use serde_json::{Value, json};

use super::twin::{BASE, No, no};
use crate::twin::{Incoming, Reply, SeenMedia};

#[derive(Debug, Default)]
struct File {
    id: String,
    /// The last piece of the address that it is sent to.
    address: String,
    name: String,
    title: String,
    alt: String,
    length: u64,
    bytes: Option<Vec<u8>>,
    complete: bool,
    shares: Vec<Value>,
    channel: String,
    asked: u32,
}

/// All files of the workspace.
#[derive(Debug, Default)]
pub(super) struct Files {
    all: Vec<File>,
    made: u64,
}

impl Files {
    fn find(&mut self, id: &str) -> Option<&mut File> {
        self.all.iter_mut().find(|file| file.id == id)
    }

    pub fn begin(&mut self, given: &Value) -> Result<Value, No> {
        let name = given["filename"].as_str().unwrap_or_default();
        let length = given["length"].as_str().and_then(|length| length.parse::<u64>().ok()).unwrap_or_default();
        if name.is_empty() || length == 0 {
            return no("invalid_arguments");
        }
        if length > super::GIGABYTE {
            return no("file_upload_size_restricted");
        }
        let alt = given["alt_txt"].as_str().unwrap_or_default();
        if alt.chars().count() > 1000 {
            return no("alt_txt_too_large");
        }
        self.made += 1;
        let (id, address) = (
            format!("F0TWIN{:04}", self.made),
            format!("twin-upload-{:016x}", self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        );
        let url = format!("https://files.slack.com/upload/v1/{address}");
        self.all.push(File { id: id.clone(), address, name: name.into(), alt: alt.into(), length, ..File::default() });
        Ok(json!({"upload_url": url, "file_id": id}))
    }

    /// The bytes themselves.
    pub fn receive(&mut self, request: &Incoming) -> Reply {
        let segments = request.segments();
        let ["upload", "v1", address] = segments.as_slice() else { return Reply::text(404, "not found") };
        let Some(file) = self.all.iter_mut().find(|file| file.address == *address && !file.complete) else {
            return Reply::text(404, "upload not found or over");
        };
        let parts = request.multipart();
        let bytes = parts.first().map_or(request.body.as_slice(), |part| &part.bytes);
        if request.method != "POST" || bytes.len() as u64 != file.length {
            return Reply::text(400, &format!("expected {} bytes", file.length));
        }
        file.bytes = Some(bytes.to_vec());
        Reply::text(200, &format!("OK - {}", bytes.len()))
    }

    /// Whether all of these have been sent and wait to be completed.
    pub fn ready(&mut self, ids: &[String]) -> Result<(), No> {
        for id in ids {
            match self.find(id) {
                Some(file) if file.bytes.is_some() && !file.complete => {}
                Some(file) if file.bytes.is_some() => return no("file_already_completed"),
                _ => return no("file_not_found"),
            }
        }
        Ok(())
    }

    pub fn complete(&mut self, id: &str, title: Option<&str>) {
        if let Some(file) = self.find(id) {
            file.complete = true;
            file.title = title.unwrap_or(&file.name).to_string();
        }
    }

    pub fn share(&mut self, ids: &[String], channel: &str, ts: &str, thread: Option<&str>) {
        for id in ids {
            if let Some(file) = self.find(id) {
                let mut share = json!({"ts": ts, "channel_name": "twin", "team_id": super::twin::TEAM});
                if let Some(thread) = thread {
                    share["thread_ts"] = json!(thread);
                }
                file.channel = channel.into();
                file.shares.push(share);
            }
        }
    }

    pub fn info(&mut self, id: &str) -> Result<Value, No> {
        // what was not completed is not there
        let Some(file) = self.find(id).filter(|file| file.complete) else { return no("file_not_found") };
        file.asked += 1;
        let mime = file.mime();
        let told = mime.starts_with("image/") || file.asked > 1;
        let shares = if told && !file.shares.is_empty() {
            json!({"public": {file.channel.as_str(): file.shares}})
        } else {
            json!({})
        };
        Ok(json!({
            "id": file.id, "name": file.name, "title": file.title, "mimetype": mime, "size": file.length, "alt_txt": file.alt,
            "permalink": format!("{BASE}files/U0TWIN0000/{}/{}", file.id, file.name.to_lowercase()), "shares": shares,
        }))
    }

    pub fn delete(&mut self, id: &str) -> Result<(), No> {
        let Some(at) = self.all.iter().position(|file| file.id == id && file.complete) else {
            return no("file_not_found");
        };
        self.all.remove(at);
        Ok(())
    }

    /// As a message shows it.
    pub fn short(&self, id: &str) -> Value {
        let file = self.all.iter().find(|file| file.id == id);
        file.map_or(
            Value::Null,
            |file| json!({"id": file.id, "name": file.name, "title": file.title, "size": file.length}),
        )
    }

    pub fn seen(&self, id: &str) -> Option<SeenMedia> {
        let file = self.all.iter().find(|file| file.id == id)?;
        Some(SeenMedia { mime: file.mime().to_string(), bytes: file.length, alt: file.alt.clone() })
    }
}

impl File {
    /// By the first bytes, else by the name, as the real one does.
    fn mime(&self) -> &'static str {
        let bytes = self.bytes.as_deref().unwrap_or_default();
        let end = self.name.rsplit('.').next().unwrap_or_default();
        match bytes {
            [0x89, b'P', b'N', b'G', ..] => "image/png",
            [0xff, 0xd8, ..] => "image/jpeg",
            [b'G', b'I', b'F', b'8', ..] => "image/gif",
            [b'%', b'P', b'D', b'F', ..] => "application/pdf",
            _ => match end {
                "png" => "image/png",
                "jpg" | "jpeg" => "image/jpeg",
                "gif" => "image/gif",
                "webp" => "image/webp",
                "mp4" => "video/mp4",
                "pdf" => "application/pdf",
                _ => "application/octet-stream",
            },
        }
    }
}
