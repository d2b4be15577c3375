//! A part as the request that opens the post. Pure.

use serde_json::{Map, Value, json};

use super::{CHUNK, Network};
use crate::draft::Visibility;
use crate::media::Media;
use crate::platform::{AccountInfo, Ask, Piece, PlanNote, Platform};
use crate::text::{Kind, Markup, Unit};

/// Shortest and longest side of a film, in pixels.
const SIDES: std::ops::RangeInclusive<u32> = 360..=4096;
/// Longest title of a photo post, in UTF-16 units.
pub const TITLE: usize = 90;

/// Who may see a post: our word, TikTok's, and how it is said.
const PRIVACY: &[(&str, &str)] = &[
    ("public", "PUBLIC_TO_EVERYONE"),
    ("friends", "MUTUAL_FOLLOW_FRIENDS"),
    ("followers", "FOLLOWER_OF_CREATOR"),
    ("self", "SELF_ONLY"),
];

/// Our words, for the fields that take them.
pub const PRIVACIES: &[&str] = &["public", "friends", "followers", "self"];

fn word(level: &str) -> Option<&'static str> {
    PRIVACY.iter().find(|(_, theirs)| *theirs == level).map(|(ours, _)| *ours)
}

/// Whether the account's setting or the draft asks for drafts in the app's inbox.
fn inbox(ask: &Ask) -> bool {
    let own = ask.account.and_then(|account| account.settings.get("draft")).and_then(Value::as_bool);
    ask.content.option_bool("draft").or(own).unwrap_or(false)
}

/// The payload: where the request goes, and its body as far as it is known before the network was asked.
pub fn encode(ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
    let Some(first) = piece.media.first().map(|one| one.media.clone()) else {
        return Ok(Value::Null);
    };
    let text = Markup::Plain.encode(&piece.text);
    if piece.text.marks.iter().any(|mark| matches!(mark.kind, Kind::Link { .. })) {
        piece.notes.push(PlanNote::new("link_plain", "addresses in a TikTok caption cannot be clicked"));
    }
    let account = ask.account.cloned().unwrap_or_default();
    let pulled = Network.fetches(&account, first.class());
    let info = if inbox(ask) && first.class() == "video" {
        let set =
            ["privacy", "comments", "duet", "stitch", "cover", "paid_partnership", "own_business", "ai_generated"];
        let lost = set.iter().find(|key| ask.content.option(key).is_some());
        if let Some(key) = lost {
            return Err(format!("a draft carries no `{key}`: it is chosen in the TikTok app"));
        }
        if !text.trim().is_empty() {
            let note = "a draft carries no caption: paste it in the TikTok app, where the film waits in the inbox";
            piece.notes.push(PlanNote::new("draft_without_text", note));
        }
        None
    } else {
        Some(info(ask, piece, &account, &first, &text)?)
    };
    let mut body = Map::new();
    if let Some(info) = info {
        body.insert("post_info".into(), Value::Object(info));
    }
    let path = if first.class() == "image" {
        let cover = photo_cover(ask, piece.media.len())?;
        body.insert("media_type".into(), json!("PHOTO"));
        body.insert("post_mode".into(), json!(if inbox(ask) { "MEDIA_UPLOAD" } else { "DIRECT_POST" }));
        // the addresses are put in by `publish`: they may be signed
        body.insert("source_info".into(), json!({"source": "PULL_FROM_URL", "photo_cover_index": cover}));
        "/v2/post/publish/content/init/"
    } else {
        sides(&first)?;
        let source = match pulled {
            true => json!({"source": "PULL_FROM_URL"}),
            // how it is cut follows from the file that will be sent, which may be made first
            false => json!({"source": "FILE_UPLOAD"}),
        };
        body.insert("source_info".into(), source);
        if inbox(ask) { "/v2/post/publish/inbox/video/init/" } else { "/v2/post/publish/video/init/" }
    };
    Ok(json!({"path": path, "body": body}))
}

/// How a film is cut, in TikTok's terms: the pieces but the last are of one size, the last takes what is left over.
pub fn source(bytes: u64) -> Value {
    let count = CHUNK.spans(bytes).len() as u64;
    let chunk = if count == 1 { bytes } else { CHUNK.size };
    json!({"source": "FILE_UPLOAD", "video_size": bytes, "chunk_size": chunk, "total_chunk_count": count})
}

fn info(
    ask: &Ask,
    piece: &mut Piece,
    account: &AccountInfo,
    first: &Media,
    text: &str,
) -> Result<Map<String, Value>, String> {
    let (content, about) = (ask.content, &account.about);
    let film = first.class() == "video";
    let mut info = Map::new();
    if film {
        info.insert("title".into(), json!(text));
    } else {
        if let Some(title) = &piece.title {
            let length = Unit::Utf16.count(title);
            if length > TITLE {
                return Err(format!("the title has {length} UTF-16 units, {TITLE} are allowed"));
            }
            info.insert("title".into(), json!(title));
        }
        info.insert("description".into(), json!(text));
    }
    let flag = |info: &mut Map<String, Value>, option: &str, name: &str| {
        if let Some(on) = content.option_bool(option) {
            info.insert(name.into(), json!(on));
        }
    };
    if inbox(ask) {
        // of a photo draft TikTok takes the texts, the rest is chosen in the app
        return Ok(info);
    }
    let level = privacy(ask, account)?;
    match level {
        Some(level) => info.insert("privacy_level".into(), json!(level)),
        None => {
            let note = "TikTok wants to be told who may see it: an account's `privacy`, or `[on.tiktok]` `privacy`";
            piece.notes.push(PlanNote::new("privacy_missing", note));
            None
        }
    };
    // whoever may not be asked stays as the creator has it
    let interactions: &[_] = match film {
        true => &[("comments", "comment"), ("duet", "duet"), ("stitch", "stitch")],
        false => &[("comments", "comment")],
    };
    for (option, name) in interactions {
        let off = about[format!("{name}_disabled")] == true;
        let wanted = content.option_bool(option);
        if off && wanted == Some(true) {
            let note = format!("`{option}` is switched off in the account's settings at TikTok, and stays off");
            piece.notes.push(PlanNote::new("interaction_off", note));
        }
        info.insert(format!("disable_{name}"), json!(off || wanted == Some(false)));
    }
    let unknown: &[&str] = if film { &["music"] } else { &["duet", "stitch", "ai_generated"] };
    for option in unknown.iter().filter(|option| content.option(option).is_some()) {
        let what = if film { "a film" } else { "a photo post" };
        piece
            .notes
            .push(PlanNote::new("option_left_out", format!("{what} has no `{option}` at TikTok; it is left out")));
    }
    flag(&mut info, "paid_partnership", "brand_content_toggle");
    flag(&mut info, "own_business", "brand_organic_toggle");
    if content.option_bool("paid_partnership") == Some(true) && level == Some("SELF_ONLY") {
        return Err("a paid partnership cannot be posted with `privacy = \"self\"`".into());
    }
    if film {
        flag(&mut info, "ai_generated", "is_aigc");
        if let Some(millis) = film_cover(ask, first)? {
            info.insert("video_cover_timestamp_ms".into(), json!(millis));
        }
    } else {
        flag(&mut info, "music", "auto_add_music");
    }
    Ok(info)
}

/// Who may see it, in TikTok's word: as the draft says, else as the account does. There is no default: TikTok demands a choice, and
/// takes only what it offers the creator. `None` where no account is asked.
fn privacy(ask: &Ask, account: &AccountInfo) -> Result<Option<&'static str>, String> {
    let seen = ask.content.visibility.map(|visibility| match visibility {
        Visibility::Followers => "followers",
        _ => "public",
    });
    let chosen = ask.content.option_str("privacy").or(seen).or(match account.setting("privacy") {
        "" => None,
        own => Some(own),
    });
    let offered: Option<Vec<&str>> =
        account.about["privacy"].as_array().map(|list| list.iter().filter_map(Value::as_str).collect());
    let words = |levels: &[&str]| {
        levels.iter().filter_map(|level| word(level)).map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
    };
    let Some(chosen) = chosen else {
        if ask.account.is_none() {
            return Ok(None);
        }
        let all: Vec<&str> = PRIVACY.iter().map(|(_, level)| *level).collect();
        return Err(format!(
            "say who may see it: `privacy` in `[on.tiktok]` or in the account's settings, one of {}",
            words(offered.as_ref().unwrap_or(&all))
        ));
    };
    let Some((_, level)) = PRIVACY.iter().find(|(ours, _)| *ours == chosen) else {
        return Err(format!("`{chosen}` is no `privacy`; one of `{}`", PRIVACIES.join("`, `")));
    };
    if let Some(offered) = offered.filter(|offered| !offered.contains(level)) {
        return Err(format!("TikTok does not let this account post as `{chosen}`, only as {}", words(&offered)));
    }
    Ok(Some(level))
}

fn sides(media: &Media) -> Result<(), String> {
    let Some((width, height)) = media.width.zip(media.height) else { return Ok(()) };
    if SIDES.contains(&width) && SIDES.contains(&height) {
        return Ok(());
    }
    let (least, most) = (SIDES.start(), SIDES.end());
    Err(format!("`{}` is {width} x {height}; TikTok takes films of {least} to {most} pixels a side", media.name))
}

/// The moment of the film that is its cover, in milliseconds.
fn film_cover(ask: &Ask, media: &Media) -> Result<Option<u64>, String> {
    let Some(value) = ask.content.option("cover") else { return Ok(None) };
    let seconds = value.as_f64().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    let millis =
        (seconds.ok_or("`cover` is the second of the film that is shown, such as `2.5`")? * 1000.0).round() as u64;
    match media.about.millis {
        Some(length) if millis > length => Err(format!(
            "`cover` is at {:.1} s, and `{}` is {:.1} s long",
            millis as f64 / 1e3,
            media.name,
            length as f64 / 1e3
        )),
        _ => Ok(Some(millis)),
    }
}

/// The picture that is the cover, counted from 0 as TikTok does; people count from 1.
fn photo_cover(ask: &Ask, pictures: usize) -> Result<usize, String> {
    let Some(value) = ask.content.option("cover") else { return Ok(0) };
    let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
    let number = number.filter(|number| (1..=pictures).contains(number));
    number.map(|number| number - 1).ok_or(format!("`cover` is the number of a picture, 1 to {pictures}"))
}
