//! The twin's uploads: announced first, sent to addresses of their own, films in pieces that are closed with their tags.

use std::collections::BTreeMap;

use chrono::{Duration, Utc};
use serde_json::{Value, json};

use super::twin::Who;
use super::twin_check::refuse;
use crate::twin::{Incoming, Reply, SeenMedia};

/// Films are cut into pieces of so many bytes.
const PIECE: u64 = 4 * 1024 * 1024;
/// So often LinkedIn says that it is not ready yet.
const BUSY: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Image,
    Document,
    Video,
}

impl Kind {
    fn of(path: &str) -> Kind {
        match path {
            "images" => Kind::Image,
            "documents" => Kind::Document,
            _ => Kind::Video,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Kind::Image => "image",
            Kind::Document => "document",
            Kind::Video => "video",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Waiting,
    /// Asked for so often since it was closed.
    Processing(u32),
    Available,
    Failed,
}

#[derive(Debug)]
struct Asset {
    kind: Kind,
    owner: String,
    state: State,
    token: String,
    /// Bytes of each piece, and what came for it.
    pieces: Vec<(u64, Option<Vec<u8>>)>,
}

impl Asset {
    fn bytes(&self) -> Vec<u8> {
        self.pieces.iter().filter_map(|(_, bytes)| bytes.as_deref()).flatten().copied().collect()
    }

    fn mime(&self) -> &'static str {
        let bytes = self.bytes();
        let starts = |magic: &[u8]| bytes.starts_with(magic);
        match self.kind {
            Kind::Image if starts(b"\x89PNG") => "image/png",
            Kind::Image if starts(b"\xff\xd8\xff") => "image/jpeg",
            Kind::Image if starts(b"GIF8") => "image/gif",
            Kind::Document if starts(b"%PDF-") => "application/pdf",
            Kind::Document if starts(b"PK\x03\x04") || starts(b"\xd0\xcf\x11\xe0") => "application/msword",
            Kind::Video if bytes.get(4..8) == Some(b"ftyp") => "video/mp4",
            _ => "",
        }
    }

    /// The tag of a piece that is there.
    fn tag(bytes: &[u8]) -> String {
        let sum = bytes.iter().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        format!("/ambry-video/signedId/{sum:016x}.bin")
    }
}

/// All that was announced.
#[derive(Debug, Default)]
pub(super) struct Assets {
    all: BTreeMap<String, Asset>,
}

impl Assets {
    /// What was asked of `images`, `documents` and `videos`.
    pub fn api(&mut self, request: &Incoming, path: &[&str], who: &Who) -> Result<Reply, Reply> {
        let kind = Kind::of(path[0]);
        match (request.method.as_str(), path, request.query("action")) {
            ("POST", [_], Some("initializeUpload")) => self.announce(request, kind, who),
            ("POST", [_], Some("finalizeUpload")) if kind == Kind::Video => self.close(request, who),
            ("GET", [_, urn], None) => self.status(urn, who),
            _ => Err(refuse(400, "PARAM_INVALID", "Invalid query parameters passed to request")),
        }
    }

    fn announce(&mut self, request: &Incoming, kind: Kind, who: &Who) -> Result<Reply, Reply> {
        let body = request.json();
        let about = &body["initializeUploadRequest"];
        let known = ["owner", "fileSizeBytes", "uploadCaptions", "uploadThumbnail"];
        let known = if kind == Kind::Video { &known[..] } else { &known[..1] };
        super::twin_check::known(about, known, "/initializeUploadRequest")?;
        let owner = about["owner"].as_str().unwrap_or_default().to_string();
        who.may_write(&owner, &format!("partnerApi{}s.ACTION-initializeUpload.20260901", kind.word()))?;
        let number = self.all.len() + 1;
        let urn = format!("urn:li:{}:D4E-twin_{number}", kind.word());
        let address = |piece: usize| format!("https://www.linkedin.com/dms-uploads/sp/v2/D4E-twin_{number}/uploaded-{}/{piece}?ca=twin&sync=0&sig={number:08x}", kind.word());
        let until = (Utc::now() + Duration::hours(24)).timestamp_millis();
        let mut value = json!({kind.word(): urn});
        let mut pieces = vec![(u64::MAX, None)];
        if kind == Kind::Video {
            let size = about["fileSizeBytes"].as_u64().unwrap_or_default();
            if !(75_000..=500_000_000).contains(&size) {
                return Err(refuse(400, "INVALID_FILE_SIZE", "Video size must be between 75KB and 500MB"));
            }
            pieces = (0..size.div_ceil(PIECE)).map(|n| (PIECE.min(size - n * PIECE), None)).collect();
            let told: Vec<Value> = (0..size.div_ceil(PIECE))
                .map(|n| json!({"uploadUrl": address(n as usize), "firstByte": n * PIECE, "lastByte": (size - 1).min((n + 1) * PIECE - 1)}))
                .collect();
            value["uploadInstructions"] = json!(told);
            value["uploadToken"] = json!(format!("twin-upload-{number}"));
            value["uploadUrlsExpireAt"] = json!(until);
        } else {
            value["uploadUrl"] = json!(address(0));
            value["uploadUrlExpiresAt"] = json!(until);
        }
        let token = format!("twin-upload-{number}");
        self.all.insert(urn, Asset { kind, owner, state: State::Waiting, token, pieces });
        Ok(Reply::json(200, &json!({"value": value})))
    }

    /// A file, or a piece of a film, at an address that was given out.
    pub fn put(&mut self, request: &Incoming, who: Option<&Who>) -> Result<Reply, Reply> {
        let gone = || Reply::text(404, "Not Found");
        let segments = request.segments();
        let [_, _, _, id, name, piece] = segments.as_slice() else { return Err(gone()) };
        if request.method != "PUT" {
            return Err(Reply::text(405, "Method Not Allowed"));
        }
        let kind = name.trim_start_matches("uploaded-");
        let asset = self.all.get_mut(&format!("urn:li:{kind}:{id}")).ok_or_else(gone)?;
        let number = id.rsplit('_').next().and_then(|n| n.parse::<usize>().ok()).unwrap_or_default();
        if request.query("sig") != Some(&format!("{number:08x}")) {
            return Err(Reply::text(403, "Signature mismatch"));
        }
        match asset.kind {
            // what is signed wants no login, and gets none
            Kind::Video if request.header("authorization").is_some() => {
                return Err(Reply::text(400, "Only one auth mechanism allowed"));
            }
            Kind::Image | Kind::Document if who.is_none() => return Err(Reply::text(401, "Unauthorized")),
            _ => {}
        }
        let place = piece.parse::<usize>().ok().and_then(|n| asset.pieces.get_mut(n)).ok_or_else(gone)?;
        if asset.kind == Kind::Video && place.0 != request.body.len() as u64 {
            return Err(Reply::text(400, "Content length does not match the upload instruction"));
        }
        place.1 = Some(request.body.clone());
        if asset.kind == Kind::Video {
            return Ok(Reply::empty(200).header("etag", format!("\"{}\"", Asset::tag(&request.body))));
        }
        let most = if asset.kind == Kind::Image { 10_000_000 } else { 100_000_000 };
        let good = !asset.mime().is_empty() && request.body.len() <= most;
        asset.state = if good { State::Available } else { State::Failed };
        Ok(Reply::empty(201))
    }

    fn close(&mut self, request: &Incoming, who: &Who) -> Result<Reply, Reply> {
        let body = request.json();
        let about = &body["finalizeUploadRequest"];
        let asset = about["video"].as_str().and_then(|urn| self.all.get_mut(urn));
        let asset = asset.ok_or_else(|| refuse(400, "INVALID_VIDEO_ID", "This Video ID is invalid"))?;
        who.may_write(&asset.owner, "partnerApiVideos.ACTION-finalizeUpload.20260901")?;
        if asset.state != State::Waiting {
            return Err(refuse(400, "INVALID_VIDEO_STATE", "The upload of this video was finalized before"));
        }
        let tags: Vec<String> = asset.pieces.iter().filter_map(|(_, bytes)| bytes.as_deref()).map(Asset::tag).collect();
        if tags.len() != asset.pieces.len() {
            return Err(refuse(400, "MEDIA_ASSET_WAITING_UPLOAD", "Media asset is waiting upload"));
        }
        if about["uploadToken"] != asset.token || about["uploadedPartIds"] != json!(tags) {
            return Err(refuse(400, "INVALID_VALUE_FOR_FIELD", "uploadedPartIds do not match the uploaded parts"));
        }
        asset.state = if asset.mime().is_empty() { State::Failed } else { State::Processing(0) };
        Ok(Reply::empty(200))
    }

    fn status(&mut self, urn: &str, who: &Who) -> Result<Reply, Reply> {
        if !who.has("r_organization_social") {
            return Err(super::twin_check::denied("partnerApiMedia.GET.20260901"));
        }
        let asset = self.all.get_mut(urn).ok_or_else(|| refuse(404, "NOT_FOUND", "Could not find entity"))?;
        let mut shown = json!({"id": urn, "owner": asset.owner});
        shown["status"] = json!(match asset.state {
            State::Waiting => "WAITING_UPLOAD",
            State::Available => "AVAILABLE",
            State::Failed => "PROCESSING_FAILED",
            State::Processing(_) => "PROCESSING",
        });
        if asset.state == State::Failed {
            shown["processingFailureReason"] = json!("UNSUPPORTED_FORMAT");
        }
        tick(asset);
        Ok(Reply::json(200, &shown))
    }

    /// Whether everything that a post names was uploaded by its author, and is ready.
    pub fn usable(&mut self, body: &Value, author: &str) -> Result<(), Reply> {
        for urn in urns(body) {
            let asset = self.all.get_mut(&urn).filter(|asset| asset.owner == author);
            let asset = asset.ok_or_else(|| refuse(400, "INVALID_CONTENT_OWNERSHIP", "The media asset does not belong to the author"))?;
            match asset.state {
                State::Available => {}
                State::Failed => return Err(refuse(400, "MEDIA_ASSET_PROCESSING_FAILED", "Media asset failed processing")),
                State::Waiting | State::Processing(_) => {
                    tick(asset);
                    return Err(refuse(400, "MEDIA_ASSET_WAITING_UPLOAD", "Media asset is waiting upload"));
                }
            }
        }
        Ok(())
    }

    /// What a reader sees: the pictures, film or document of a post, without the picture of a link card.
    pub fn shown(&self, body: &Value) -> Vec<SeenMedia> {
        let one = |entry: &Value| {
            let asset = self.all.get(entry["id"].as_str()?)?;
            let alt = entry["altText"].as_str().unwrap_or_default().to_string();
            Some(SeenMedia { mime: asset.mime().to_string(), bytes: asset.bytes().len() as u64, alt })
        };
        let content = &body["content"];
        let many = content.pointer("/multiImage/images").and_then(Value::as_array);
        many.into_iter().flatten().chain(content.get("media")).filter_map(one).collect()
    }
}

/// Time passes for what LinkedIn is at work on.
fn tick(asset: &mut Asset) {
    if let State::Processing(asked) = asset.state {
        asset.state = if asked + 1 > BUSY { State::Available } else { State::Processing(asked + 1) };
    }
}

fn urns(body: &Value) -> Vec<String> {
    let content = &body["content"];
    let many = content.pointer("/multiImage/images").and_then(Value::as_array);
    let ids = many.into_iter().flatten().chain(content.get("media")).map(|entry| &entry["id"]);
    ids.chain(content.pointer("/article/thumbnail")).filter_map(|id| id.as_str().map(str::to_string)).collect()
}
