//! What the twin reads of a message and how it judges it: the limits of the documentation, refused in the form of code 50035.

use serde_json::{Map, Value, json};

use crate::twin::{Incoming, Reply};

/// One file of a multipart body.
#[derive(Debug)]
pub(super) struct File {
    /// The `n` of `files[n]`.
    pub index: u64,
    pub name: String,
    pub mime: String,
    pub bytes: u64,
}

/// The message and its files, from JSON or from `payload_json` and `files[n]`.
pub(super) fn read(request: &Incoming) -> (Value, Vec<File>) {
    let mut body = request.json();
    let mut files = Vec::new();
    for part in request.multipart() {
        let index = part.name.strip_prefix("files[").and_then(|n| n.strip_suffix(']')).and_then(|n| n.parse().ok());
        match index {
            Some(index) => files.push(File {
                index,
                name: part.filename.unwrap_or_default(),
                mime: part.mime.unwrap_or_default(),
                bytes: part.bytes.len() as u64,
            }),
            None if part.name == "payload_json" => body = serde_json::from_slice(&part.bytes).unwrap_or(Value::Null),
            None => {}
        }
    }
    (body, files)
}

/// The nested `errors` of a refused form.
#[derive(Debug, Default)]
pub(super) struct Problems(Map<String, Value>);

impl Problems {
    /// One more, at a path whose pieces are parted by dots.
    pub fn add(&mut self, path: &str, code: &str, message: &str) {
        let error = json!({"code": code, "message": message});
        let mut place = Value::Object(std::mem::take(&mut self.0));
        let pointer = format!("/{}", path.replace('.', "/"));
        if let Some(Value::Array(errors)) = place.pointer_mut(&format!("{pointer}/_errors")) {
            errors.push(error);
        } else {
            let mut at = &mut place;
            for piece in path.split('.') {
                at = &mut at[piece];
            }
            at["_errors"] = json!([error]);
        }
        if let Value::Object(map) = place {
            self.0 = map;
        }
    }

    pub fn length(&mut self, path: &str, text: &str, least: usize, most: usize) {
        let length = text.chars().count();
        if length > most {
            self.add(path, "BASE_TYPE_MAX_LENGTH", &format!("Must be {most} or fewer in length."));
        } else if length < least {
            self.add(path, "BASE_TYPE_BAD_LENGTH", &format!("Must be between {least} and {most} in length."));
        }
    }

    pub fn done(self) -> Result<(), Reply> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Reply::json(400, &json!({"message": "Invalid Form Body", "code": 50035, "errors": self.0})))
    }
}

/// Judges a message as a whole; `most` is the longest content.
pub(super) fn message(body: &Value, files: &[File], most: usize) -> Result<(), Reply> {
    if files.iter().any(|file| file.bytes > 10 * 1024 * 1024) {
        return Err(Reply::json(413, &json!({"message": "Request entity too large", "code": 40005})));
    }
    let content = body["content"].as_str().unwrap_or_default();
    let list = |key: &str| body[key].as_array().cloned().unwrap_or_default();
    let embeds = list("embeds");
    if content.trim().is_empty() && embeds.is_empty() && files.is_empty() && body["poll"].is_null() {
        return Err(Reply::json(400, &json!({"message": "Cannot send an empty message", "code": 50006})));
    }
    let mut problems = Problems::default();
    problems.length("content", content, 0, most);
    if let Some(nonce) = body["nonce"].as_str() {
        problems.length("nonce", nonce, 0, 25);
    }
    if let Some(name) = body["username"].as_str() {
        problems.length("username", name, 1, 80);
        if ["discord", "clyde"].iter().any(|word| name.to_lowercase().contains(word)) {
            problems.add("username", "USERNAME_INVALID_CONTAINS", "Username cannot contain \"discord\"");
        }
    }
    if let Some(name) = body["thread_name"].as_str() {
        problems.length("thread_name", name, 1, 100);
    }
    if embeds.len() > 10 || files.len() > 10 {
        problems.add("embeds", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.");
    }
    let mut sum = 0;
    for (n, embed) in embeds.iter().enumerate() {
        let texts = [("title", &embed["title"], 256), ("description", &embed["description"], 4096), ("footer.text", &embed["footer"]["text"], 2048)];
        for (key, value, most) in texts {
            let text = value.as_str().unwrap_or_default();
            sum += text.chars().count();
            problems.length(&format!("embeds.{n}.{key}"), text, 0, most);
        }
        if !embed["color"].is_null() && embed["color"].as_u64().is_none_or(|color| color > 0xff_ffff) {
            problems.add(&format!("embeds.{n}.color"), "NUMBER_TYPE_MAX", "int value should be less than or equal to 16777215.");
        }
    }
    if sum > 6000 {
        problems.add("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000");
    }
    for (n, attachment) in list("attachments").iter().enumerate() {
        let id = attachment["id"].as_str().map_or_else(|| attachment["id"].as_u64(), |id| id.parse().ok());
        if !files.iter().any(|file| Some(file.index) == id) {
            problems.add(&format!("attachments.{n}.id"), "ATTACHMENT_NOT_FOUND", "Attachment data not found");
        }
        problems.length(&format!("attachments.{n}.description"), attachment["description"].as_str().unwrap_or_default(), 0, 1024);
    }
    if !body["poll"].is_null() {
        let poll = &body["poll"];
        problems.length("poll.question.text", poll["question"]["text"].as_str().unwrap_or_default(), 1, 300);
        let answers = poll["answers"].as_array().cloned().unwrap_or_default();
        if !(1..=10).contains(&answers.len()) {
            problems.add("poll.answers", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 10 in length.");
        }
        for (n, answer) in answers.iter().enumerate() {
            problems.length(&format!("poll.answers.{n}.poll_media.text"), answer["poll_media"]["text"].as_str().unwrap_or_default(), 1, 55);
        }
        if !poll["duration"].is_null() && !poll["duration"].as_u64().is_some_and(|hours| (1..=768).contains(&hours)) {
            problems.add("poll.duration", "NUMBER_TYPE_MAX", "int value should be less than or equal to 768.");
        }
    }
    problems.done()
}

/// What a reader sees of a content: Discord's Markdown without its signs. Good for what xpost writes, which escapes every sign that is not meant.
pub(super) fn shown(content: &str) -> String {
    let mut out = String::new();
    let mut rest = content;
    while let Some(c) = rest.chars().next() {
        let line_start = out.is_empty() || out.ends_with('\n');
        let starts = |signs: &[&'static str]| signs.iter().find(|sign| rest.starts_with(**sign)).copied();
        if let Some(after) = rest.strip_prefix("```") {
            let (code, after) = after.split_once("```").unwrap_or((after, ""));
            // the first line names the language
            out.push_str(code.split_once('\n').map_or(code, |(_, code)| code).trim_end_matches('\n'));
            rest = after;
        } else if c == '`' {
            let (fence, after) = rest.split_at(rest.len() - rest.trim_start_matches('`').len());
            let (code, after) = after.split_once(fence).unwrap_or((after, ""));
            out.push_str(code);
            rest = after;
        } else if starts(&["https://", "http://"]).is_some() {
            let (address, after) = rest.split_at(rest.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(rest.len()));
            out.push_str(address);
            rest = after.strip_prefix('>').unwrap_or(after);
        } else if let Some(after) = rest.strip_prefix('\\') {
            let escaped = after.chars().next().filter(char::is_ascii_punctuation);
            out.push(escaped.unwrap_or('\\'));
            rest = &after[escaped.map_or(0, char::len_utf8)..];
        } else if let Some(after) = rest.strip_prefix("](<") {
            // a masked link shows its label alone
            rest = after.split_once(">)").map_or("", |(_, after)| after);
        } else if let Some(sign) = starts(&["### ", "## ", "# ", "-# ", "> ", "- "]).filter(|_| line_start) {
            out.push_str(if sign == "- " { "• " } else { "" });
            rest = &rest[sign.len()..];
        } else if rest.starts_with("<http") {
            rest = &rest[1..];
        } else if let Some(sign) = starts(&["**", "__", "~~", "||", "*", "_", "["]) {
            rest = &rest[sign.len()..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}
