//! A part as the containers that Instagram makes of it. Pure.

use serde_json::{Map, Value, json};

use crate::platform::{Ask, MediaUse, Piece, PlanNote};
use crate::text::{Markup, detect};

/// <https://developers.facebook.com/docs/instagram-platform/content-publishing>, 2026-11-22.
const HASHTAGS: usize = 30;
const MENTIONS: usize = 20;
const COLLABORATORS: usize = 3;
/// Instagram shows no more of them since 2026, as others report; nothing of Meta's says so.
const HASHTAGS_SHOWN: usize = 5;
/// Milliseconds: shortest film, and the longest one of the reels tab and of a story.
const SHORTEST: u64 = 3_000;
const STORY: u64 = 60_000;
/// Meta's documentation has named this limit of comments; longer ones are reported to pass.
const COMMENT: usize = 300;

/// Whether the draft asks for a story.
pub fn story(ask: &Ask) -> bool {
    ask.content.option_bool("story") == Some(true)
}

/// The payload: `{"message": ..}` for a comment, else `containers`.
///
/// # Errors
/// What Instagram cannot say.
pub fn encode(ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
    let text = Markup::Plain.encode(&piece.text);
    if piece.comment {
        let length = text.chars().count();
        if length > COMMENT {
            let message = format!("the comment has {length} characters; Instagram may take no more than {COMMENT}");
            piece.notes.push(PlanNote::new("comment_long", message));
        }
        return Ok(json!({ "message": text }));
    }
    let mut whole = Map::new();
    if story(ask) {
        return story_of(ask, piece, &text);
    }
    if !text.is_empty() {
        caption(&text, piece)?;
        whole.insert("caption".into(), json!(text));
    }
    place(ask, piece, &mut whole);
    together(ask, &mut whole)?;
    if ask.content.option_bool("ai_generated") == Some(true) {
        whole.insert("is_ai_generated".into(), json!(true));
    }
    quota(ask, piece);
    for one in &piece.media {
        long_enough(one)?;
    }
    let media = piece.media.clone();
    let containers = match media.as_slice() {
        [] => return Err("Instagram takes no post without a picture or film".to_string()),
        [one] if one.media.class() == "image" => {
            only_reels(ask, piece);
            image(one, &mut whole);
            vec![whole]
        }
        [one] => {
            reel(ask, one, piece, &mut whole)?;
            vec![whole]
        }
        several => {
            only_reels(ask, piece);
            if whole.remove("user_tags").is_some() {
                return Err("in a carousel people are tagged in single pictures, which xpost does not do; leave `user_tags` out".to_string());
            }
            let mut all: Vec<Map<String, Value>> = several.iter().map(child).collect();
            if several.iter().any(|one| shape(one) != shape(&several[0])) {
                let message = "Instagram crops all of a carousel to the shape of the first; these have several shapes";
                piece.notes.push(PlanNote::new("carousel_shape", message));
            }
            whole.insert("media_type".into(), json!("CAROUSEL"));
            whole.insert("children".into(), Value::Null);
            all.push(whole);
            all
        }
    };
    Ok(json!({ "containers": containers }))
}

fn image(one: &MediaUse, fields: &mut Map<String, Value>) {
    fields.insert("image_url".into(), Value::Null);
    if let Some(alt) = &one.alt {
        fields.insert("alt_text".into(), json!(alt));
    }
}

fn child(one: &MediaUse) -> Map<String, Value> {
    let mut fields = Map::from_iter([("is_carousel_item".to_string(), json!(true))]);
    if one.media.class() == "image" {
        image(one, &mut fields);
    } else {
        fields.insert("media_type".into(), json!("VIDEO"));
        fields.insert("video_url".into(), Value::Null);
    }
    fields
}

/// Since 2023 every single film is a reel.
fn reel(ask: &Ask, one: &MediaUse, piece: &mut Piece, fields: &mut Map<String, Value>) -> Result<(), String> {
    let content = ask.content;
    fields.insert("media_type".into(), json!("REELS"));
    fields.insert("video_url".into(), Value::Null);
    no_alt(one, piece);
    if let Some(share) = content.option_bool("share_to_feed") {
        fields.insert("share_to_feed".into(), json!(share));
    }
    if one.extras.thumbnail.is_some() {
        fields.insert("cover_url".into(), Value::Null);
    } else if let Some(at) = content.option("thumb_offset").and_then(Value::as_u64) {
        fields.insert("thumb_offset".into(), json!(at.to_string()));
    }
    if let Some(name) = content.option_str("audio_name") {
        fields.insert("audio_name".into(), json!(name));
    }
    if let Some(how) = content.option_str("trial") {
        if fields.contains_key("collaborators") {
            return Err("a trial reel has no collaborators; leave `trial` or `collaborators` out".to_string());
        }
        let strategy = if how == "manual" { "MANUAL" } else { "SS_PERFORMANCE" };
        fields.insert("trial_params".into(), json!({ "graduation_strategy": strategy }));
    }
    Ok(())
}

/// A story is one picture or film and nothing else.
fn story_of(ask: &Ask, piece: &mut Piece, text: &str) -> Result<Value, String> {
    let media = piece.media.clone();
    let [one] = media.as_slice() else {
        return Err("a story is one picture or film; leave the others out".to_string());
    };
    if !text.is_empty() {
        piece.notes.push(PlanNote::new("story_text", "a story shows no text of the draft; it is left out"));
    }
    long_enough(one)?;
    if one.media.about.millis.is_some_and(|millis| millis > STORY) {
        return Err(format!("`{}` is longer than the 60 seconds of a story", one.media.name));
    }
    no_alt(one, piece);
    for name in ["collaborators", "share_to_feed", "trial", "audio_name", "thumb_offset"] {
        if ask.content.option(name).is_some() {
            return Err(format!("a story has no `{name}`; leave it out"));
        }
    }
    let address = if one.media.class() == "image" { "image_url" } else { "video_url" };
    quota(ask, piece);
    Ok(json!({ "containers": [{ "media_type": "STORIES", address: null }] }))
}

/// Hashtags and mentions of a caption.
fn caption(text: &str, piece: &mut Piece) -> Result<(), String> {
    let (tags, mentions) = (detect::x_hashtags(text).len(), detect::x_mentions(text).len());
    if tags > HASHTAGS {
        return Err(format!("the text has {tags} hashtags, Instagram takes {HASHTAGS}; leave some out"));
    }
    if mentions > MENTIONS {
        return Err(format!("the text mentions {mentions} people, Instagram takes {MENTIONS}; leave some out"));
    }
    if tags > HASHTAGS_SHOWN {
        let message = format!("the text has {tags} hashtags; Instagram may refuse or ignore more than {HASHTAGS_SHOWN}");
        piece.notes.push(PlanNote::new("many_hashtags", message));
    }
    if !detect::links(text).is_empty() {
        piece.notes.push(PlanNote::new("link_as_text", "links in a caption cannot be tapped on Instagram"));
    }
    Ok(())
}

fn place(ask: &Ask, piece: &mut Piece, fields: &mut Map<String, Value>) {
    let Some(place) = &ask.content.location else { return };
    match &place.id {
        Some(id) => drop(fields.insert("location_id".into(), json!(id))),
        None => {
            let message = "Instagram knows places by their number alone; give `location` an `id.instagram`: it is left out";
            piece.notes.push(PlanNote::new("location_left_out", message));
        }
    }
}

/// Who else posts it, and who is in the picture.
fn together(ask: &Ask, fields: &mut Map<String, Value>) -> Result<(), String> {
    let plain = |name: &str| name.trim().trim_start_matches('@').to_string();
    if let Some(list) = ask.content.option("collaborators").and_then(Value::as_array) {
        let names: Vec<String> = list.iter().filter_map(Value::as_str).map(plain).collect();
        if names.len() > COLLABORATORS {
            return Err(format!("there are {} `collaborators`, Instagram takes {COLLABORATORS}", names.len()));
        }
        fields.insert("collaborators".into(), json!(names));
    }
    if let Some(tags) = ask.content.option("user_tags").and_then(Value::as_array) {
        let mut all = Vec::new();
        for tag in tags {
            let wrong = || "`user_tags` is a list of tables with `username`, `x` and `y`, both from 0 to 1".to_string();
            let inside = |key: &str| tag[key].as_f64().filter(|at| (0.0..=1.0).contains(at));
            let name = tag["username"].as_str().map(plain).filter(|name| !name.is_empty()).ok_or_else(wrong)?;
            let mut one = json!({ "username": name });
            for key in ["x", "y"] {
                if !tag[key].is_null() {
                    one[key] = json!(inside(key).ok_or_else(wrong)?);
                }
            }
            all.push(one);
        }
        fields.insert("user_tags".into(), json!(all));
    }
    Ok(())
}

fn only_reels(ask: &Ask, piece: &mut Piece) {
    for name in ["share_to_feed", "thumb_offset", "audio_name", "trial"] {
        if ask.content.option(name).is_some() {
            piece.notes.push(PlanNote::new("only_reels", format!("`{name}` is for reels; it is left out")));
        }
    }
}

fn no_alt(one: &MediaUse, piece: &mut Piece) {
    if one.alt.is_some() {
        let message = format!("Instagram has alt texts for pictures of posts alone; that of `{}` is left out", one.media.name);
        piece.notes.push(PlanNote::new("alt_left_out", message));
    }
}

fn long_enough(one: &MediaUse) -> Result<(), String> {
    match one.media.about.millis.filter(|_| one.media.class() == "video") {
        Some(millis) if millis < SHORTEST => {
            Err(format!("`{}` is {:.1} s long; Instagram takes films from 3 s on", one.media.name, millis as f64 / 1000.0))
        }
        _ => Ok(()),
    }
}

/// Width to height, in hundredths.
fn shape(one: &MediaUse) -> Option<u64> {
    let (width, height) = one.media.width.zip(one.media.height)?;
    (u64::from(width) * 100).checked_div(u64::from(height))
}

/// Says so where Instagram said that the day's posts are used up.
fn quota(ask: &Ask, piece: &mut Piece) {
    let Some(quota) = ask.account.map(|account| &account.about["quota"]) else { return };
    if let (Some(used), Some(total)) = (quota["used"].as_u64(), quota["total"].as_u64())
        && used >= total
    {
        let message = format!("the account had used {used} of {total} posts of 24 hours when Instagram was last asked; it may refuse this one for now");
        piece.notes.push(PlanNote::new("quota", message));
    }
}
