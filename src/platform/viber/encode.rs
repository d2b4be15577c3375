//! A part as the request that posts it. Pure.

use serde_json::{Value, json};

use super::{Network, SPEC};
use crate::media::Media;
use crate::platform::{Ask, Content, ContentPost, MediaUse, Piece, PlanNote, Platform, Rendered, fit};
use crate::text::{Markup, Text};

/// Largest thumbnail, in bytes and pixels a side.
const THUMBNAIL: (u64, u32) = (100_000, 400);
/// Longest name of a file.
const NAME: usize = 256;

/// The rule for all, with one difference: films and files carry no text, and pictures only a little; what does not fit there stands
/// in a post of its own before them.
pub fn render(network: &Network, ask: &Ask) -> Rendered {
    let encode = |ask: &Ask, piece: &mut Piece| network.encode(ask, piece);
    let whole = fit::standard(&SPEC, ask, &encode);
    let [part] = whole.parts.as_slice() else { return whole };
    let Some(class) = part.media.first().map(|one| one.media.class().to_string()) else { return whole };
    let long = part.limit.is_some_and(|most| part.count > most);
    if part.text.is_empty() || (class == "image" && !(long && ask.content.overflow.is_none())) {
        return whole;
    }
    let media: Vec<MediaUse> = ask.content.posts.iter().flat_map(|post| post.media.clone()).collect();
    let mut words = ask.content.clone();
    for post in &mut words.posts {
        post.media.clear();
    }
    let alone = Content {
        posts: vec![ContentPost { text: Text::default(), media }],
        lang: words.lang.clone(),
        require_alt: words.require_alt,
        zone: words.zone.clone(),
        options: words.options.clone(),
        ..Content::default()
    };
    let mut rendered = fit::standard(&SPEC, &Ask { content: &words, ..ask.clone() }, &encode);
    let shown = fit::standard(&SPEC, &Ask { content: &alone, ..ask.clone() }, &encode);
    rendered.parts.extend(shown.parts);
    rendered.problems.extend(shown.problems);
    rendered.warnings.extend(shown.warnings);
    rendered.changes.extend(shown.changes);
    let why = match class.as_str() {
        "image" => "the text is too long for a caption".to_string(),
        "video" => "Viber's films carry no text".to_string(),
        _ => "Viber's files carry no text".to_string(),
    };
    rendered.changes.push(PlanNote::new("text_apart", format!("{why}; it is a post of its own before it")));
    rendered
}

/// The request's body, but for the sender, the addresses of media, which may be signed, and their size, which may change until then.
pub fn encode(_: &Ask, piece: &mut Piece) -> Result<Value, String> {
    let text = Markup::Plain.encode(&piece.text);
    let Some(one) = piece.media.first() else {
        return Ok(json!({"type": "text", "text": text}));
    };
    let media = &one.media;
    Ok(match media.class() {
        "image" => json!({"type": "picture", "text": text}),
        "video" => {
            let mut body = json!({"type": "video"});
            if let Some(millis) = media.about.millis {
                // whole seconds, never none
                body["duration"] = json!(millis.div_ceil(1000).max(1));
            }
            match one.extras.thumbnail.as_ref().map(thumbnail) {
                None => {}
                Some(Ok(())) => body["thumbnail"] = Value::Null,
                Some(Err(why)) => piece.notes.push(PlanNote::new("thumbnail_left_out", why)),
            }
            body
        }
        _ => {
            let length = media.name.chars().count();
            if length > NAME {
                return Err(format!("the file's name has {length} characters, {NAME} are allowed"));
            }
            json!({"type": "file", "file_name": media.name})
        }
    })
}

fn thumbnail(media: &Media) -> Result<(), String> {
    let (bytes, side) = THUMBNAIL;
    let large = media.width.max(media.height).is_some_and(|longest| longest > side);
    if media.mime == "image/jpeg" && media.bytes <= bytes && !large {
        return Ok(());
    }
    Err(format!(
        "the thumbnail `{}` is left out: Viber takes a JPEG of at most {} kB and {side} x {side} pixels",
        media.name,
        bytes / 1000
    ))
}
