//! A stand-in for WhatsApp's Cloud API: one number that writes, people with an open window or without, templates.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::platform::{TwinAccount, graph};
use crate::twin::{Incoming, Reply, Seen, SeenMedia, Twin};

const HOST: &str = "graph.facebook.com";
/// Tokens are this and the account's number.
const TOKEN: &str = "whatsapp-twin-token-";
/// Numbers that end so have not written within a day.
pub(super) const SILENT: &str = "00";
/// The templates that are approved: name, language, how many parameters, and whether a picture stands above.
const TEMPLATES: &[(&str, &str, usize, bool)] =
    &[("release_note", "en_US", 1, false), ("release_picture", "en_US", 2, true), ("greeting", "de", 0, false)];
const MAX_TEXT: usize = 4096;
const MAX_CAPTION: usize = 1024;

/// The account number `n` of the twin.
pub fn account(n: usize) -> TwinAccount {
    TwinAccount {
        server: format!("https://{HOST}"),
        settings: json!({"phone": phone(n), "to": "+1 555 123 4567"}),
        secrets: BTreeMap::from([("token".to_string(), SecretString::from(format!("{TOKEN}{n}")))]),
    }
}

fn phone(n: usize) -> String {
    (106_540_352_242_900 + n as u64).to_string()
}

#[derive(Debug)]
struct Upload {
    id: String,
    owner: usize,
    mime: String,
    bytes: u64,
    at: DateTime<Utc>,
}

#[derive(Debug)]
struct Message {
    id: String,
    body: Value,
    text: String,
    reply_to: Option<String>,
    media: Option<SeenMedia>,
    at: DateTime<Utc>,
}

/// The network's state.
#[derive(Debug, Default)]
pub struct WhatsappTwin {
    uploads: Vec<Upload>,
    messages: Vec<Message>,
    made: u64,
    /// The account has no money left.
    pub(super) broke: bool,
    /// The number was never registered.
    pub(super) unregistered: bool,
}

type Refusal = Box<Reply>;

fn refuse(status: u16, code: i64, message: &str, details: &str) -> Refusal {
    let mut reply = graph::refuse(status, code, 0, &format!("(#{code}) {message}"));
    if !details.is_empty() {
        let mut value: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        value["error"]["error_data"] = json!({"messaging_product": "whatsapp", "details": details});
        reply.body = value.to_string().into_bytes();
    }
    Box::new(reply)
}

fn parameter(details: &str) -> Refusal {
    refuse(400, 100, "Invalid parameter", details)
}

impl Twin for WhatsappTwin {
    fn hosts(&self) -> Vec<String> {
        vec![HOST.to_string()]
    }

    /// Facebook's twin has the same host.
    fn shares(&self) -> Vec<String> {
        self.hosts()
    }

    fn claims(&self, request: &Incoming) -> bool {
        request.bearer().is_some_and(|token| token.starts_with(TOKEN))
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        self.route(request).unwrap_or_else(|refusal| *refusal)
    }

    fn limited(&self, seconds: u64) -> Reply {
        graph::limited(&phone(0), "whatsapp", seconds)
    }

    fn expired(&self) -> Reply {
        graph::expired()
    }

    fn timeline(&self) -> Vec<Seen> {
        let seen = self.messages.iter().map(|message| Seen {
            id: message.id.clone(),
            account: format!("+{}", message.body["to"].as_str().unwrap_or_default()),
            title: None,
            text: message.text.clone(),
            url: None,
            reply_to: message.reply_to.clone(),
            media: message.media.iter().cloned().collect(),
            at: message.at,
            extra: json!({"type": message.body["type"], "template": message.body["template"]}),
        });
        seen.collect()
    }
}

impl WhatsappTwin {
    fn route(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let path = request.segments();
        let [version, phone_id, rest @ ..] = path.as_slice() else {
            return Err(refuse(400, 2500, "Unknown path components", ""));
        };
        if !version.starts_with('v') {
            return Err(refuse(400, 2500, "Unknown path components", ""));
        }
        let token = request.bearer().ok_or_else(|| refuse(401, 190, "An access token is required to request this resource.", ""))?;
        let owner: Option<usize> = token.strip_prefix(TOKEN).and_then(|n| n.parse().ok());
        let owner = owner.ok_or_else(|| Box::new(self.expired()))?;
        if *phone_id != phone(owner) {
            let message = format!(
                "Unsupported {} request. Object with ID '{phone_id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation.",
                request.method.to_lowercase()
            );
            return Err(Box::new(graph::refuse(400, 100, 33, &message)));
        }
        match (request.method.as_str(), rest) {
            ("GET", []) => Ok(self.number(owner, request.query("fields").unwrap_or("id"))),
            ("POST", ["media"]) => self.upload(owner, request),
            ("POST", ["messages"]) => self.send(owner, &request.json()),
            _ => Err(refuse(400, 2500, "Unknown path components", "")),
        }
    }

    fn number(&self, n: usize, fields: &str) -> Reply {
        let all = json!({
            "id": phone(n), "display_phone_number": format!("+1 631-555-810{n}"), "verified_name": format!("Ann's Crabs {n}"),
            "quality_rating": "GREEN", "code_verification_status": "VERIFIED",
        });
        let mut shown = json!({"id": phone(n)});
        for field in fields.split(',') {
            if let Some(value) = all.get(field) {
                shown[field] = value.clone();
            }
        }
        Reply::json(200, &shown)
    }

    fn upload(&mut self, owner: usize, request: &Incoming) -> Result<Reply, Refusal> {
        let parts = request.multipart();
        let text = |name: &str| {
            let part = parts.iter().find(|part| part.name == name);
            part.map(|part| String::from_utf8_lossy(&part.bytes).into_owned()).unwrap_or_default()
        };
        if text("messaging_product") != "whatsapp" {
            return Err(parameter("The parameter messaging_product is required."));
        }
        let file = parts.iter().find(|part| part.name == "file").ok_or_else(|| parameter("The parameter file is required."))?;
        let mime = text("type");
        let most = match mime.as_str() {
            "image/jpeg" | "image/png" => 5_000_000,
            "video/mp4" | "video/3gpp" | "audio/aac" | "audio/amr" | "audio/mpeg" | "audio/mp4" | "audio/ogg" => 16_000_000,
            "application/pdf" => 100_000_000,
            _ => return Err(parameter("Param file must be a file with one of the supported types.")),
        };
        let good = match mime.as_str() {
            "image/jpeg" => file.bytes.starts_with(&[0xff, 0xd8]),
            "image/png" => file.bytes.starts_with(b"\x89PNG"),
            "application/pdf" => file.bytes.starts_with(b"%PDF"),
            "video/mp4" => file.bytes.get(4..8) == Some(b"ftyp".as_slice()),
            _ => true,
        };
        if !good || file.bytes.is_empty() || file.bytes.len() > most {
            return Err(refuse(400, 131_053, "Media upload error", "The file cannot be used."));
        }
        self.made += 1;
        let id = (4_490_709_327_384_000 + self.made).to_string();
        self.uploads.push(Upload { id: id.clone(), owner, mime, bytes: file.bytes.len() as u64, at: Utc::now() });
        Ok(Reply::json(200, &json!({ "id": id })))
    }

    fn medium(&self, owner: usize, kind: &str, value: &Value) -> Result<SeenMedia, Refusal> {
        let id = value["id"].as_str().unwrap_or_default();
        let fresh = |upload: &&Upload| upload.id == id && upload.owner == owner && Utc::now() - upload.at < Duration::days(30);
        let upload = self.uploads.iter().find(fresh).ok_or_else(|| parameter(&format!("{kind}.id is not a valid media id.")))?;
        let fits = match kind {
            "document" => true,
            kind => upload.mime.split('/').next() == Some(kind),
        };
        if !fits {
            return Err(refuse(400, 131_053, "Media upload error", "The type of the media does not fit the message."));
        }
        Ok(SeenMedia { mime: upload.mime.clone(), bytes: upload.bytes, alt: String::new() })
    }

    fn send(&mut self, owner: usize, body: &Value) -> Result<Reply, Refusal> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let count = |value: &Value| value.as_str().unwrap_or_default().chars().count();
        if body["messaging_product"] != "whatsapp" {
            return Err(parameter("The parameter messaging_product is required."));
        }
        if self.unregistered {
            return Err(refuse(400, 133_010, "Account not registered", ""));
        }
        let to = text(&body["to"]);
        if to.is_empty() || !to.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(parameter("The parameter to is not a phone number."));
        }
        let kind = text(&body["type"]);
        if body.get(&kind).is_none_or(|value| !value.is_object()) {
            return Err(parameter(&format!("The parameter {kind} is required.")));
        }
        let value = &body[&kind];
        let mut media = None;
        let said = match kind.as_str() {
            "text" if count(&value["body"]) == 0 => return Err(parameter("The parameter text['body'] is required.")),
            "text" if count(&value["body"]) > MAX_TEXT => {
                return Err(parameter("Param text['body'] must be at most 4096 characters long."));
            }
            "text" => text(&value["body"]),
            "image" | "video" | "audio" | "document" => {
                if count(&value["caption"]) > MAX_CAPTION || (kind == "audio" && value.get("caption").is_some()) {
                    return Err(parameter(&format!("Param {kind}['caption'] is not valid.")));
                }
                media = Some(self.medium(owner, &kind, value)?);
                text(&value["caption"])
            }
            "template" => {
                let (said, seen) = self.template(owner, value)?;
                media = seen;
                said
            }
            _ => return Err(refuse(400, 131_051, "Unsupported message type", "")),
        };
        if self.broke {
            return Err(refuse(400, 131_042, "Business eligibility payment issue", ""));
        }
        if kind != "template" && to.ends_with(SILENT) {
            let details = "Message failed to send because more than 24 hours have passed since the customer last replied to this number.";
            return Err(refuse(400, 131_047, "Re-engagement message", details));
        }
        let reply_to = body["context"]["message_id"].as_str().map(str::to_string);
        if let Some(id) = &reply_to
            && !self.messages.iter().any(|message| message.id == *id && message.body["to"] == body["to"])
        {
            return Err(parameter("The parameter context['message_id'] is not a message of this conversation."));
        }
        self.made += 1;
        let id = format!("wamid.HBgL{:012}", self.made);
        self.messages.push(Message { id: id.clone(), body: body.clone(), text: said, reply_to, media, at: Utc::now() });
        Ok(Reply::json(
            200,
            &json!({
                "messaging_product": "whatsapp",
                "contacts": [{"input": to, "wa_id": to}],
                "messages": [{"id": id, "message_status": "accepted"}],
            }),
        ))
    }

    /// What a person reads of a template, and the picture above.
    fn template(&self, owner: usize, value: &Value) -> Result<(String, Option<SeenMedia>), Refusal> {
        let (name, language) = (&value["name"], &value["language"]["code"]);
        let known = TEMPLATES.iter().find(|known| name == known.0 && language == known.1);
        let &(_, _, wanted, picture) =
            known.ok_or_else(|| refuse(404, 132_001, "Template name does not exist in the translation", ""))?;
        let component = |kind: &str| {
            let list = value["components"].as_array().into_iter().flatten();
            list.into_iter().find(|component| component["type"] == kind).map(|component| &component["parameters"])
        };
        let parameters: Vec<&str> =
            component("body").and_then(Value::as_array).into_iter().flatten().filter_map(|one| one["text"].as_str()).collect();
        if parameters.len() != wanted {
            let details = format!("body: number of localizable_params ({}) does not match the expected number of params ({wanted})", parameters.len());
            return Err(refuse(400, 132_000, "Number of parameters does not match the expected number of params", &details));
        }
        if parameters.iter().any(|text| text.contains(['\n', '\t']) || text.contains("     ")) {
            return Err(parameter("Param text cannot have new-line/tab characters or more than 4 consecutive spaces"));
        }
        let header = component("header").map(|parameters| &parameters[0]);
        let media = match (picture, header) {
            (true, Some(header)) => Some(self.medium(owner, "image", &header["image"])?),
            (false, None) => None,
            _ => return Err(refuse(400, 132_012, "Parameter format does not match format in the created template", "header: Format mismatch")),
        };
        Ok((parameters.join(" "), media))
    }
}
