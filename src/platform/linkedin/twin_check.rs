//! What the twin judges requests by, and its refusals.

use serde_json::{Value, json};

use crate::twin::{Incoming, Reply};

/// A refusal as the versioned API words it.
pub(super) fn refuse(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"status": status, "code": code, "message": message}))
}

pub(super) fn refuse_numbered(status: u16, number: u64, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"status": status, "serviceErrorCode": number, "code": code, "message": message}))
}

pub(super) fn denied(what: &str) -> Reply {
    refuse_numbered(403, 100, "ACCESS_DENIED", &format!("Not enough permissions to access: {what}"))
}

/// The headers of the versioned API, and paths whose keys are encoded.
pub(super) fn headers(request: &Incoming) -> Result<(), Reply> {
    let Some(version) = request.header("linkedin-version") else {
        return Err(refuse(400, "VERSION_MISSING", "A version must be present. Please specify a version by adding the LinkedIn-Version header."));
    };
    let month = version.parse::<u32>().ok().filter(|n| version.len() == 6 && (1..=12).contains(&(n % 100)));
    if !month.is_some_and(|month| (202_512..=202_709).contains(&month)) {
        return Err(refuse(426, "NONEXISTENT_VERSION", &format!("Requested version {version} is not active")));
    }
    if request.header("x-restli-protocol-version") != Some("2.0.0") {
        return Err(refuse(400, "ILLEGAL_ARGUMENT", "Invalid complex key format"));
    }
    if request.raw.contains(':') {
        return Err(refuse(400, "ILLEGAL_ARGUMENT", "Syntax exception in path variables"));
    }
    let json = request.header("content-type").is_some_and(|mime| mime.starts_with("application/json"));
    if request.method == "POST" && !json {
        return Err(refuse(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be application/json"));
    }
    Ok(())
}

/// No other keys than these.
pub(super) fn known(value: &Value, keys: &[&str], at: &str) -> Result<(), Reply> {
    let stray = value.as_object().and_then(|map| map.keys().find(|key| !keys.contains(&key.as_str())));
    match stray {
        Some(key) => {
            let message = format!("ERROR :: {at}/{key} :: unrecognized field found but not allowed");
            Err(refuse(422, "UNPROCESSABLE_ENTITY", &message))
        }
        None => Ok(()),
    }
}

pub(super) fn length(field: &str, text: &str, most: usize) -> Result<(), Reply> {
    let length = text.encode_utf16().count();
    if length <= most {
        return Ok(());
    }
    let message = format!("Value for {field} is too long");
    Err(Reply::json(400, &json!({
        "status": 400, "code": "FIELD_LENGTH_TOO_LONG", "message": message, "errorDetailType": "com.linkedin.common.error.BadRequest",
        "errorDetails": {"inputErrors": [{
            "code": "FIELD_LENGTH_TOO_LONG", "description": format!("field length {length} exceeds the maximum length of {most}"),
            "input": {"inputPath": {"fieldPath": field}},
        }]},
    })))
}

fn required(field: &str) -> Reply {
    refuse(422, "MISSING_FIELD", &format!("ERROR :: {field} :: field is required but not found and has no default value"))
}

fn invalid(field: &str, why: &str) -> Reply {
    refuse(422, "INVALID_VALUE_FOR_FIELD", &format!("ERROR :: {field} :: {why}"))
}

/// Judges a post as a whole, apart from who may write it and what was uploaded.
pub(super) fn post(body: &Value) -> Result<(), Reply> {
    let keys = ["author", "commentary", "visibility", "distribution", "lifecycleState", "isReshareDisabledByAuthor", "content", "reshareContext"];
    known(body, &keys, "")?;
    for key in &keys[..5] {
        if body.get(*key).is_none_or(Value::is_null) {
            return Err(required(&format!("/{key}")));
        }
    }
    let text = |key: &str| body[key].as_str().unwrap_or_default();
    let author = text("author");
    if !author.starts_with("urn:li:person:") && !author.starts_with("urn:li:organization:") {
        return Err(invalid("/author", "is not a valid author"));
    }
    if text("lifecycleState") != "PUBLISHED" {
        return Err(invalid("/lifecycleState", "is not an enum symbol"));
    }
    let audiences: &[&str] = if author.contains(":organization:") { &["PUBLIC"] } else { &["PUBLIC", "CONNECTIONS", "LOGGED_IN"] };
    if !audiences.contains(&text("visibility")) {
        return Err(invalid("/visibility", "is not supported for the author"));
    }
    let distribution = &body["distribution"];
    known(distribution, &["feedDistribution", "targetEntities", "thirdPartyDistributionChannels"], "/distribution")?;
    if !["MAIN_FEED", "NONE"].contains(&distribution["feedDistribution"].as_str().unwrap_or_default()) {
        return Err(required("/distribution/feedDistribution"));
    }
    length("/commentary", text("commentary"), 3000)?;
    let reshare = body.get("reshareContext");
    if let Some(reshare) = reshare {
        known(reshare, &["parent"], "/reshareContext")?;
        let parent = reshare["parent"].as_str().unwrap_or_default();
        if !parent.starts_with("urn:li:share:") && !parent.starts_with("urn:li:ugcPost:") {
            return Err(invalid("/reshareContext/parent", "is not a share or ugcPost"));
        }
    }
    match body.get("content") {
        Some(_) if reshare.is_some() => Err(invalid("/content", "a reshare may not have content")),
        Some(of) => content(of),
        None if text("commentary").trim().is_empty() && reshare.is_none() => Err(required("/commentary")),
        None => Ok(()),
    }
}

fn content(content: &Value) -> Result<(), Reply> {
    let kinds = ["media", "multiImage", "article", "poll"];
    known(content, &kinds, "/content")?;
    let given: Vec<&str> = kinds.into_iter().filter(|kind| content.get(*kind).is_some()).collect();
    let [kind] = given.as_slice() else { return Err(invalid("/content", "union type must have exactly one member")) };
    let of = &content[*kind];
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_string();
    match *kind {
        "media" => {
            known(of, &["id", "title", "altText"], "/content/media")?;
            let id = text(of, "id");
            if !["urn:li:image:", "urn:li:video:", "urn:li:document:"].iter().any(|kind| id.starts_with(kind)) {
                return Err(required("/content/media/id"));
            }
            if id.starts_with("urn:li:document:") && text(of, "title").is_empty() {
                return Err(required("/content/media/title"));
            }
            length("/content/media/altText", &text(of, "altText"), 4086)
        }
        "multiImage" => {
            known(of, &["images"], "/content/multiImage")?;
            let images = of["images"].as_array().cloned().unwrap_or_default();
            if !(2..=20).contains(&images.len()) {
                return Err(invalid("/content/multiImage/images", "must have between 2 and 20 images"));
            }
            for image in &images {
                known(image, &["id", "altText"], "/content/multiImage/images")?;
                if !text(image, "id").starts_with("urn:li:image:") {
                    return Err(required("/content/multiImage/images/id"));
                }
                length("/content/multiImage/images/altText", &text(image, "altText"), 4086)?;
            }
            Ok(())
        }
        "article" => {
            known(of, &["source", "title", "description", "thumbnail"], "/content/article")?;
            if !text(of, "source").starts_with("http") {
                return Err(required("/content/article/source"));
            }
            if text(of, "title").is_empty() {
                return Err(required("/content/article/title"));
            }
            length("/content/article/title", &text(of, "title"), 400)?;
            length("/content/article/description", &text(of, "description"), 4086)
        }
        _ => {
            known(of, &["question", "options", "settings"], "/content/poll")?;
            let question = text(of, "question");
            if question.is_empty() {
                return Err(required("/content/poll/question"));
            }
            length("/content/poll/question", &question, 140)?;
            let options = of["options"].as_array().cloned().unwrap_or_default();
            if !(2..=4).contains(&options.len()) {
                return Err(invalid("/content/poll/options", "must have between 2 and 4 options"));
            }
            for option in &options {
                length("/content/poll/options/text", &text(option, "text"), 30)?;
            }
            let durations = ["ONE_DAY", "THREE_DAYS", "SEVEN_DAYS", "FOURTEEN_DAYS"];
            if !durations.contains(&text(&of["settings"], "duration").as_str()) {
                return Err(invalid("/content/poll/settings/duration", "is not an enum symbol"));
            }
            Ok(())
        }
    }
}

/// What a reader sees of a little text. A reserved sign that is not escaped ends it: LinkedIn drops the rest without a word.
pub(super) fn read(little: &str) -> String {
    let mut out = String::new();
    let mut rest = little;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '\\' => {
                let next = after.chars().next();
                out.extend(next);
                &after[next.map_or(0, char::len_utf8)..]
            }
            '{' => match rest.strip_prefix("{hashtag|\\#|").and_then(|inner| inner.split_once('}')) {
                Some((word, after)) => {
                    out.push('#');
                    out.push_str(&word.replace('\\', ""));
                    after
                }
                None => return out,
            },
            '@' => {
                let inner = after.strip_prefix('[').and_then(|inner| inner.split_once("](urn:li:"));
                match inner.and_then(|(name, urn)| Some((name, urn.split_once(')')?.1))) {
                    Some((name, after)) => {
                        out.push_str(&name.replace('\\', ""));
                        after
                    }
                    None => return out,
                }
            }
            '#' if after.starts_with(char::is_alphanumeric) => {
                out.push(c);
                after
            }
            c if "|{}@[]()<>#*_~".contains(c) => return out,
            c => {
                out.push(c);
                after
            }
        };
    }
    out
}
