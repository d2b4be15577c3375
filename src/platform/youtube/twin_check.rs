//! What the twin looks at in a request before it does anything.

use serde_json::Value;

use super::encode::tags_length;
use super::twin::{Refusal, refuse};
use crate::twin::Incoming;

const MAX_TITLE: usize = 100;
const MAX_DESCRIPTION: usize = 5000;
const MAX_TAGS: usize = 500;
const MAX_COMMENT: usize = 10_000;

/// The parts that a request names; what is not known is refused.
pub fn parts<'a>(request: &'a Incoming, known: &[&str]) -> Result<Vec<&'a str>, Refusal> {
    let parts: Vec<&str> = request.query("part").unwrap_or_default().split(',').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return Err(refuse(400, "missingRequiredParameter", "The request is missing a required parameter: part"));
    }
    match parts.iter().find(|part| !known.contains(part)) {
        Some(part) => Err(refuse(400, "unknownPart", &format!("'{part}'"))),
        None => Ok(parts),
    }
}

/// Title, description, tags and category.
pub fn check_snippet(snippet: &Value) -> Result<(), Refusal> {
    let angle = |text: &str| text.contains(['<', '>']);
    let title = snippet["title"].as_str().unwrap_or_default();
    if title.trim().is_empty() || title.chars().count() > MAX_TITLE || angle(title) {
        return Err(refuse(400, "invalidTitle", "The request metadata specifies an invalid or empty video title."));
    }
    let description = snippet["description"].as_str().unwrap_or_default();
    if description.len() > MAX_DESCRIPTION || angle(description) {
        return Err(refuse(400, "invalidDescription", "The request metadata specifies an invalid video description."));
    }
    let tags: Vec<&str> = snippet["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if tags_length(&tags) > MAX_TAGS || tags.iter().any(|tag| angle(tag)) {
        return Err(refuse(400, "invalidTags", "The request metadata specifies invalid video keywords."));
    }
    match snippet.get("categoryId") {
        Some(category) if category.as_str().and_then(|id| id.parse::<u32>().ok()).is_none_or(|id| id > 44) => {
            Err(refuse(400, "invalidCategoryId", "The snippet.categoryId property specifies an invalid category ID."))
        }
        _ => Ok(()),
    }
}

/// Who may see it, and when; `seen`: whether others could see it before.
pub fn check_status(status: &Value, seen: bool) -> Result<(), Refusal> {
    let privacy = status["privacyStatus"].as_str();
    if privacy.is_some_and(|privacy| !["public", "unlisted", "private"].contains(&privacy)) {
        return Err(refuse(400, "invalidVideoMetadata", "The request metadata is invalid."));
    }
    if let Some(at) = status.get("publishAt") {
        let time = super::api::moment(at);
        if privacy != Some("private") || seen || time.is_none() {
            return Err(refuse(400, "invalidPublishAt", "The request metadata specifies an invalid scheduled publishing time."));
        }
    }
    Ok(())
}

/// The text of a comment.
pub fn words(text: &Value) -> Result<String, Refusal> {
    let text = text.as_str().unwrap_or_default();
    match text.chars().count() {
        0 => Err(refuse(400, "commentTextRequired", "The comment resource must specify a value for the textOriginal property.")),
        n if n > MAX_COMMENT => Err(refuse(400, "commentTextTooLong", "The comment text is too long.")),
        _ => Ok(text.to_string()),
    }
}

/// The JSON and the file of a `multipart/related` body.
pub fn related(request: &Incoming) -> Option<(Value, String)> {
    let boundary = request.header("content-type")?.strip_prefix("multipart/related; boundary=")?;
    let body = String::from_utf8_lossy(&request.body);
    let inside = body.strip_prefix(&format!("--{boundary}\r\n"))?.strip_suffix(&format!("\r\n--{boundary}--\r\n"))?;
    let (about, file) = inside.split_once(&format!("\r\n--{boundary}\r\n"))?;
    let (_, about) = about.split_once("\r\n\r\n")?;
    let (_, file) = file.split_once("\r\n\r\n")?;
    Some((serde_json::from_str(about).ok()?, file.to_string()))
}
