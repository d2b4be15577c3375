//! A part as what will be sent, and what is worth knowing before.

use chrono::SecondsFormat;
use serde_json::{Map, Value, json};

use crate::draft::Visibility;
use crate::media::Media;
use crate::platform::{Ask, Cost, Part, Piece, PlanNote};

/// Longest tags, all together; one with a space in it costs two more.
/// <https://developers.google.com/youtube/v3/docs/videos#snippet.tags[]>, 2026-11-21.
pub const TAGS: usize = 500;
/// More hashtags than these, and YouTube ignores them all.
const HASHTAGS: usize = 60;
/// Largest thumbnail that every channel may have.
/// <https://developers.google.com/youtube/v3/docs/thumbnails/set>, 2026-11-21.
const THUMBNAIL: u64 = 2 * 1024 * 1024;
/// A film that is not wider than high and not longer than this is shown as a Short.
const SHORT_MILLIS: u64 = 180_000;

/// Units of the shared 10,000 a day, since 2026-06-01; uploads are counted apart, 100 a day.
/// <https://developers.google.com/youtube/data/guides/quota_and_compliance_audits>, 2026-11-21.
const LIST: u32 = 1;
const WRITE: u32 = 50;
const CAPTIONS: u32 = 400;
/// How often a film that is being processed is asked about, as a rule.
const POLLS: u32 = 5;

/// The comment below a video.
fn comment(ask: &Ask, piece: &Piece) -> Result<Value, String> {
    let status = status(ask)?;
    let why = if status["privacyStatus"] == "private" {
        "is private when the comment is made"
    } else if status["selfDeclaredMadeForKids"] == true {
        "is made for kids"
    } else {
        return Ok(json!({ "comment": piece.text.text }));
    };
    Err(format!("YouTube takes no comment on a video that {why}; take `comment` out"))
}

/// The payload: `snippet` and `status` as the network has them, and what is done beside.
///
/// # Errors
/// What YouTube cannot take.
pub fn encode(ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
    if piece.comment {
        return comment(ask, piece);
    }
    let content = ask.content;
    let mut snippet = Map::new();
    snippet.insert("title".into(), json!(piece.title.as_deref().unwrap_or_default().trim()));
    snippet.insert("description".into(), json!(piece.text.text));
    let tags: Vec<&str> = content.tags.iter().map(|tag| tag.trim().trim_start_matches('#')).filter(|tag| !tag.is_empty()).collect();
    let length = tags_length(&tags);
    if length > TAGS {
        return Err(format!("the tags have {length} characters, {TAGS} are allowed; one with a space counts two more"));
    }
    if !tags.is_empty() {
        snippet.insert("tags".into(), json!(tags));
    }
    if let Some(category) = content.option("category") {
        let number = category.as_u64().ok_or_else(|| format!("`category`: there is no category {category}"))?;
        snippet.insert("categoryId".into(), json!(number.to_string()));
    }
    if let Some(lang) = &content.lang {
        snippet.insert("defaultLanguage".into(), json!(lang));
        snippet.insert("defaultAudioLanguage".into(), json!(lang));
    }
    let status = status(ask)?;
    let mut payload = json!({"snippet": snippet, "status": status});
    if content.option_bool("notify") == Some(false) {
        payload["notify"] = json!(false);
    }
    let playlists = playlists(content.option("playlists"));
    if !playlists.is_empty() {
        payload["playlists"] = json!(playlists);
    }
    for one in &piece.media {
        if one.extras.subtitles.is_some() {
            let lang = content.lang.as_deref();
            let lang = lang.ok_or("YouTube wants the language of subtitles; add `lang = \"en\"`")?;
            payload["captions"] = json!(lang);
        }
        if let Some(picture) = &one.extras.thumbnail {
            thumbnail(picture, &mut piece.notes)?;
        }
        short(&one.media, &mut piece.notes);
    }
    let hashtags = piece.text.text.split_whitespace().filter(|word| word.len() > 1 && word.starts_with('#')).count();
    if hashtags > HASHTAGS {
        let message = format!("the text has {hashtags} hashtags; YouTube ignores all of them where there are more than {HASHTAGS}");
        piece.notes.push(PlanNote::new("hashtags", message));
    }
    locked(ask, &status, &mut piece.notes);
    Ok(payload)
}

/// The `status` that the video has in the end.
fn status(ask: &Ask) -> Result<Value, String> {
    let content = ask.content;
    let privacy = match (content.option_str("privacy"), content.visibility) {
        (Some(privacy), _) => privacy,
        (None, Some(Visibility::Unlisted)) => "unlisted",
        _ => "public",
    };
    let mut status = Map::new();
    status.insert("privacyStatus".into(), json!(privacy));
    if let Some(at) = content.option_time("publish_at")? {
        if privacy != "public" {
            return Err(format!("`publish_at` makes a video public, `privacy` says {privacy}; leave one of them out"));
        }
        // until then it must be private
        status.insert("privacyStatus".into(), json!("private"));
        status.insert("publishAt".into(), json!(at.to_rfc3339_opts(SecondsFormat::Secs, true)));
    }
    for (option, name) in [
        ("made_for_kids", "selfDeclaredMadeForKids"),
        ("synthetic", "containsSyntheticMedia"),
        ("embeddable", "embeddable"),
        ("public_stats", "publicStatsViewable"),
    ] {
        if let Some(value) = content.option_bool(option) {
            status.insert(name.into(), json!(value));
        }
    }
    if let Some(license) = content.option_str("license") {
        status.insert("license".into(), json!(if license == "creative_commons" { "creativeCommon" } else { "youtube" }));
    }
    Ok(Value::Object(status))
}

/// The ids of playlists; their addresses will do.
fn playlists(option: Option<&Value>) -> Vec<String> {
    let list = option.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let id = |text: &str| {
        let listed = text.split_once("list=").map_or(text, |(_, id)| id);
        listed.split('&').next().unwrap_or(listed).trim().to_string()
    };
    list.map(id).filter(|id| !id.is_empty()).collect()
}

/// As YouTube counts tags: commas between them count, and so do the quotes of one that has a space.
pub fn tags_length(tags: &[&str]) -> usize {
    let each = tags.iter().map(|tag| tag.chars().count() + if tag.contains(' ') { 2 } else { 0 });
    each.sum::<usize>() + tags.len().saturating_sub(1)
}

/// Whether YouTube takes the picture. How large it may be is not the same for all channels any more, so that is only said.
fn thumbnail(picture: &Media, notes: &mut Vec<PlanNote>) -> Result<(), String> {
    let name = &picture.name;
    if !["image/jpeg", "image/png"].contains(&picture.mime.as_str()) {
        return Err(format!("the thumbnail `{name}` is `{}`; YouTube takes image/jpeg, image/png", picture.mime));
    }
    if picture.bytes > THUMBNAIL {
        let megabytes = picture.bytes as f64 / 1e6;
        let message = format!("the thumbnail `{name}` has {megabytes:.1} MB; YouTube may refuse more than 2 MB");
        notes.push(PlanNote::new("thumbnail_large", message));
    }
    Ok(())
}

/// Whether YouTube will show it among the Shorts.
fn short(media: &Media, notes: &mut Vec<PlanNote>) {
    let upright = media.width.zip(media.height).is_some_and(|(width, height)| width <= height);
    let Some(millis) = media.about.millis.filter(|millis| upright && *millis <= SHORT_MILLIS) else { return };
    let message = format!(
        "`{}` is upright or square and {:.0} s long: YouTube shows it as a Short, as it does all of up to 3 minutes",
        media.name,
        (millis as f64 / 1000.0).ceil()
    );
    notes.push(PlanNote::new("short", message));
}

/// Videos of apps that YouTube has not audited stay private, and nothing tells which app has been.
fn locked(ask: &Ask, status: &Value, notes: &mut Vec<PlanNote>) {
    let audited = ask.account.is_none_or(|account| account.settings["audited"] == true);
    if audited || (status["privacyStatus"] == "private" && status.get("publishAt").is_none()) {
        return;
    }
    let message = "YouTube locks videos of apps that it has not audited to private, for good; `xpost account add youtube --help-setup` says how to have \
                   yours audited, and `audited = true` of the account silences this";
    notes.push(PlanNote::new("maybe_locked", message));
}

/// What a part costs of the app's daily 10,000 units. A video's own upload is not among them.
pub fn cost(part: &Part) -> Option<Cost> {
    if part.comment {
        return Some(Cost::new(WRITE.into(), "quota units"));
    }
    let extras = part.media.first().map(|one| &one.extras);
    let thumbnail = u32::from(extras.is_some_and(|extras| extras.thumbnail.is_some())) * WRITE;
    let captions = u32::from(extras.is_some_and(|extras| extras.subtitles.is_some())) * CAPTIONS;
    let playlists = part.payload["playlists"].as_array().map_or(0, Vec::len) as u32 * (LIST + WRITE);
    Some(Cost::new((POLLS * LIST + WRITE + thumbnail + captions + playlists).into(), "quota units"))
}

/// What the video is uploaded as: the same, but seen by nobody.
pub fn hidden(payload: &Value) -> Value {
    let mut status = payload["status"].clone();
    status["privacyStatus"] = json!("private");
    if let Some(status) = status.as_object_mut() {
        status.remove("publishAt");
    }
    json!({"snippet": payload["snippet"], "status": status})
}

/// Whether a video's status is the one that was wanted: shown as it should be, or waiting for its time.
pub fn shown(wanted: &Value, status: &Value) -> bool {
    let at = |status: &Value| super::api::moment(&status["publishAt"]);
    match (at(wanted), status["privacyStatus"].as_str()) {
        (Some(_), Some("public")) => true,
        (Some(time), Some("private")) => at(status) == Some(time),
        (Some(_), _) => false,
        (None, privacy) => privacy.is_some() && privacy == wanted["privacyStatus"].as_str(),
    }
}
