//! What the twin holds beside posts: photos, films, files, polls, and the upload servers.

use std::collections::BTreeMap;

use chrono::Utc;
use serde_json::{Value, json};

use super::twin::{Done, Params, Refused, Who, edits, error, parameter, right};
use crate::twin::{Incoming, Reply, SeenMedia};

/// One upload server for one kind, one wall.
#[derive(Debug)]
struct Server {
    kind: &'static str,
    owner: i64,
    /// The film that it is for.
    film: Option<i64>,
}

/// The state.
#[derive(Debug, Default)]
pub(super) struct Media {
    /// By the key in the upload address.
    servers: BTreeMap<String, Server>,
    /// What was uploaded and not saved yet, by its hash.
    fresh: BTreeMap<String, (i64, SeenMedia)>,
    /// By `photo-1_2`. Polls and films that never came have no type.
    saved: BTreeMap<String, SeenMedia>,
    last: i64,
}

fn object(kind: &str, owner: i64, id: i64) -> String {
    format!("{kind}{owner}_{id}")
}

impl Media {
    /// What stands behind `photo-1_2`.
    pub fn seen(&self, name: &str) -> Option<SeenMedia> {
        self.saved.get(name).cloned()
    }

    fn next(&mut self) -> i64 {
        self.last += 1;
        456_239_000 + self.last
    }

    fn server(&mut self, kind: &'static str, owner: i64, film: Option<i64>) -> String {
        let key = format!("upload-{}", self.next());
        self.servers.insert(key.clone(), Server { kind, owner, film });
        format!("https://pu.vk.com/c1/upload.php?act=do_add&key={key}")
    }

    /// The wall that is meant, if these may be uploaded to it.
    fn owner(who: &Who, params: &Params) -> Result<i64, Refused> {
        let group = params.number("group_id")?;
        let denied = || error(203, "Access to group denied: access denied");
        match (who, group) {
            (Who::User(id, _), None) => Ok(*id),
            (Who::User(id, _), Some(group)) if edits(*id, -group) => Ok(-group),
            (Who::Community(own), group) if group.is_none_or(|group| group == *own) => Ok(-own),
            _ => Err(denied()),
        }
    }

    pub fn call(&mut self, method: &str, who: &Who, params: &Params) -> Done {
        match method {
            "photos.getWallUploadServer" => {
                right(who, "photos")?;
                let owner = Media::owner(who, params)?;
                Ok(json!({"upload_url": self.server("photo", owner, None), "album_id": -14, "user_id": 1}))
            }
            "docs.getWallUploadServer" => {
                right(who, "docs")?;
                let owner = Media::owner(who, params)?;
                Ok(json!({"upload_url": self.server("doc", owner, None)}))
            }
            "video.save" => {
                right(who, "video")?;
                let owner = Media::owner(who, params)?;
                let id = self.next();
                let url = self.server("video", owner, Some(id));
                // the film is there at once, and empty
                self.saved.insert(object("video", owner, id), SeenMedia::default());
                Ok(json!({"upload_url": url, "owner_id": owner, "video_id": id, "title": params.text("name"), "access_key": "abc"}))
            }
            "photos.saveWallPhoto" => {
                let owner = Media::owner(who, params)?;
                let taken: Value = serde_json::from_str(params.text("photo")).unwrap_or_default();
                let size = taken[0]["size"].as_u64();
                let fresh = self.fresh.get(params.text("hash")).filter(|(wall, medium)| *wall == owner && size == Some(medium.bytes));
                let Some((_, medium)) = fresh.cloned() else { return Err(error(121, "Invalid hash")) };
                if params.number("server")? != Some(626_627) {
                    return Err(error(118, "Invalid server"));
                }
                let id = self.next();
                self.saved.insert(object("photo", owner, id), medium);
                Ok(json!([{"id": id, "owner_id": owner, "album_id": -14, "access_key": "abc", "date": Utc::now().timestamp(), "sizes": []}]))
            }
            "docs.save" => {
                let Some((owner, medium)) = self.fresh.get(params.text("file")).cloned() else {
                    return Err(error(105, "Couldn't save file"));
                };
                let id = self.next();
                let shown = json!({"id": id, "owner_id": owner, "title": "file", "size": medium.bytes});
                self.saved.insert(object("doc", owner, id), medium);
                Ok(json!({"type": "doc", "doc": shown}))
            }
            _ => self.poll(who, params),
        }
    }

    fn poll(&mut self, who: &Who, params: &Params) -> Done {
        right(who, "wall")?;
        let owner = match (who, params.number("owner_id")?) {
            (Who::User(id, _), None) => *id,
            (Who::User(id, _), Some(owner)) if owner == *id || edits(*id, owner) => owner,
            _ => return Err(error(15, "Access denied")),
        };
        let answers: Vec<String> = serde_json::from_str(params.text("add_answers")).map_err(|_| parameter("add_answers should be JSON"))?;
        if !(1..=10).contains(&answers.len()) || answers.iter().any(|one| one.is_empty() || one.chars().count() > 100) {
            return Err(parameter("add_answers"));
        }
        if params.text("question").is_empty() {
            return Err(parameter("question is undefined"));
        }
        if params.number("end_date")?.is_some_and(|end| end <= Utc::now().timestamp()) {
            return Err(parameter("end_date should be in the future"));
        }
        let flags = (params.flag("is_anonymous")?, params.flag("is_multiple")?);
        let id = self.next();
        self.saved.insert(object("poll", owner, id), SeenMedia::default());
        Ok(json!({"id": id, "owner_id": owner, "question": params.text("question"), "anonymous": flags.0, "multiple": flags.1, "answers": []}))
    }

    /// The upload servers: multipart, one file.
    pub fn upload(&mut self, request: &Incoming) -> Reply {
        let refused = |why: &str| Reply::json(200, &json!({"error": why, "bwact": "do_add"}));
        let Some(server) = request.query("key").and_then(|key| self.servers.get(key)) else {
            return Reply::html(404, "<h1>404 Not Found</h1>");
        };
        let (kind, owner, film) = (server.kind, server.owner, server.film);
        let parts = request.multipart();
        let field = match kind {
            "photo" => "photo",
            "video" => "video_file",
            _ => "file",
        };
        let Some(part) = parts.iter().find(|part| part.name == field && part.filename.is_some()) else {
            return refused("ERR_UPLOAD_NO_FILE: no file was sent");
        };
        let medium = SeenMedia { mime: part.mime.clone().unwrap_or_default(), bytes: part.bytes.len() as u64, alt: String::new() };
        let hash = format!("{kind}-hash-{}", self.next());
        match (kind, film) {
            ("photo", _) if !medium.mime.starts_with("image/") => {
                Reply::json(200, &json!({"server": 626_627, "photo": "[]", "hash": hash}))
            }
            ("photo", _) => {
                let taken = json!([{"photo": "a1b2c3:x", "sizes": [], "size": medium.bytes}]).to_string();
                self.fresh.insert(hash.clone(), (owner, medium));
                Reply::json(200, &json!({"server": 626_627, "photo": taken, "hash": hash}))
            }
            (_, Some(id)) => {
                let size = medium.bytes;
                self.saved.insert(object("video", owner, id), medium);
                Reply::json(200, &json!({"size": size, "owner_id": owner, "video_id": id, "video_hash": hash}))
            }
            _ => {
                self.fresh.insert(hash.clone(), (owner, medium));
                Reply::json(200, &json!({"file": hash}))
            }
        }
    }
}
