//! Parts as what the edges of a page take. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use crate::media::Media;
use crate::net::one_line;
use crate::platform::{Ask, Content, Piece, PlanNote};
use crate::text::Markup;

/// A post that waits must wait at least so long, and at most (another page of the documentation says 30 days; the network's own word
/// decides between).
const SOONEST: TimeDelta = TimeDelta::minutes(10);
const LATEST: TimeDelta = TimeDelta::days(75);
/// Longest title of a film.
const TITLE: usize = 255;

/// One part as `{"edge": …, "fields": …}`.
pub(super) fn encode(ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
    let content = ask.content;
    let message = Markup::Plain.encode(&piece.text);
    if piece.comment {
        return Ok(json!({"edge": "comments", "fields": {"message": message}}));
    }
    let schedule = content.option_time("publish_at")?;
    let film = piece.media.iter().find(|one| one.media.class() == "video").cloned();
    let mut fields = Map::new();
    let edge = match &film {
        None => "feed",
        Some(film) => shape(content, &film.media)?,
    };
    if !message.trim().is_empty() {
        fields.insert(if edge == "feed" { "message" } else { "description" }.into(), json!(message));
    }
    if let Some(at) = schedule {
        fields.insert("scheduled_publish_time".into(), json!(at.timestamp()));
    }
    match edge {
        "video_reels" => {
            let state = if schedule.is_some() { "SCHEDULED" } else { "PUBLISHED" };
            fields.insert("video_state".into(), json!(state));
        }
        _ if schedule.is_some() => {
            fields.insert("published".into(), json!(false));
        }
        _ => {}
    }
    if let Some(countries) = countries(content)? {
        fields.insert("targeting".into(), json!({"geo_locations": {"countries": countries}}));
    }
    place(ask, piece, edge, &mut fields);
    if let Some(film) = &film {
        title(content, &mut fields)?;
        if film.alt.is_some() {
            let message = format!("Facebook has no alt texts for films; that of `{}` is left out", film.media.name);
            piece.notes.push(PlanNote::new("alt_left_out", message));
        }
    } else if content.option("video_title").is_some() || content.option("video_as").is_some() {
        let message = "`video_title` and `video_as` are for films, and there is none; they are left out";
        piece.notes.push(PlanNote::new("no_film", message));
    }
    if edge == "feed"
        && piece.media.is_empty()
        && let Some(link) = content.link.as_deref()
    {
        fields.insert("link".into(), json!(link));
    }
    background(content, piece, edge, &mut fields)?;
    Ok(json!({"edge": edge, "fields": fields}))
}

/// Whether a film is posted as one or as a reel.
fn shape(content: &Content, film: &Media) -> Result<&'static str, String> {
    let sides = film.width.zip(film.height);
    let seconds = film.about.millis.map(|millis| millis as f64 / 1000.0);
    // 9:16 within one pixel of a hundred
    let upright = sides.map(|(width, height)| (f64::from(width) * 16.0 / (f64::from(height) * 9.0) - 1.0).abs() < 0.01);
    let large = sides.map(|(width, height)| width >= 540 && height >= 960);
    let length = seconds.map(|seconds| (3.0..=90.0).contains(&seconds));
    match content.option_str("video_as") {
        Some("video") => Ok("videos"),
        Some("reel") => {
            let name = &film.name;
            // what is not known is for Facebook to judge
            if upright == Some(false) || large == Some(false) {
                let (width, height) = sides.unwrap_or_default();
                return Err(format!("`{name}` is {width} x {height}; a reel is upright, 9:16, and has at least 540 x 960"));
            }
            if length == Some(false) {
                let seconds = seconds.unwrap_or_default();
                return Err(format!("`{name}` is {seconds:.1} s long; a reel has 3 to 90 s"));
            }
            Ok("video_reels")
        }
        _ if (upright, large, length) == (Some(true), Some(true), Some(true)) => Ok("video_reels"),
        _ => Ok("videos"),
    }
}

fn title(content: &Content, fields: &mut Map<String, Value>) -> Result<(), String> {
    let Some(title) = content.option_str("video_title").map(str::trim).filter(|title| !title.is_empty()) else {
        return Ok(());
    };
    let length = title.chars().count();
    if length > TITLE {
        return Err(format!("`video_title` has {length} characters, {TITLE} are allowed"));
    }
    fields.insert("title".into(), json!(title));
    Ok(())
}

fn place(ask: &Ask, piece: &mut Piece, edge: &str, fields: &mut Map<String, Value>) {
    let Some(place) = &ask.content.location else { return };
    let why = match &place.id {
        Some(id) if edge != "videos" => {
            fields.insert("place".into(), json!(id));
            return;
        }
        Some(_) => "a film that is no reel has no place on Facebook",
        None => "Facebook knows places by the number of their page; give it as `location.id.facebook`",
    };
    piece.notes.push(PlanNote::new("location_left_out", format!("{why}; `location` is left out")));
}

fn countries(content: &Content) -> Result<Option<Vec<String>>, String> {
    let Some(list) = content.option("countries").and_then(Value::as_array).filter(|list| !list.is_empty()) else {
        return Ok(None);
    };
    let code = |value: &Value| {
        let code = value.as_str().unwrap_or_default().trim().to_uppercase();
        let good = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        if good { Ok(code) } else { Err(format!("`countries`: `{}` is not a country of two letters, such as `DE`", one_line(&code, 40))) }
    };
    list.iter().map(code).collect::<Result<_, _>>().map(Some)
}

/// A coloured background stands behind text and nothing else.
fn background(content: &Content, piece: &mut Piece, edge: &str, fields: &mut Map<String, Value>) -> Result<(), String> {
    let Some(number) = content.option_str("background").map(str::trim) else { return Ok(()) };
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("`background` is the number of a background, such as `106018623298955`".to_string());
    }
    if edge == "feed" && piece.media.is_empty() && !fields.contains_key("link") {
        fields.insert("text_format_preset_id".into(), json!(number));
    } else {
        let message = "a coloured background stands behind text alone; `background` is left out";
        piece.notes.push(PlanNote::new("background_left_out", message));
    }
    Ok(())
}

/// Whether Facebook would wait that long; asked when the part goes out.
pub(super) fn in_time(fields: &Map<String, Value>, now: DateTime<Utc>) -> Result<(), String> {
    let at = fields.get("scheduled_publish_time").and_then(Value::as_i64).and_then(|at| DateTime::from_timestamp(at, 0));
    match at.map(|at| at - now) {
        Some(left) if left < SOONEST => {
            Err("`publish_at` must be at least 10 minutes ahead when the post goes out; name a later time, or none".to_string())
        }
        Some(left) if left > LATEST => Err("`publish_at` is too far ahead: Facebook keeps posts for 30 days".to_string()),
        _ => Ok(()),
    }
}

/// Fields as a form has them.
pub(super) fn pairs(fields: &Map<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    fields.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}
