//! The payload of a part: the body of `POST /2/tweets`, and under names of our own what is said of its media beforehand.

use serde_json::{Map, Value, json};

use super::{api, cost};
use crate::platform::{Ask, Content, ContentPost, MediaUse, Piece, PlanNote, Rendered};
use crate::text::{Markup, Text};

/// What viewers are warned of, for the media's metadata; not part of the post.
pub const WARNING: &str = "sensitive_media_warning";
/// Language of the subtitles, for their request; not part of the post.
pub const SUBTITLES: &str = "subtitles";

/// Most people that media can be tagged with.
const TAGGED: usize = 10;
/// Older pages allow this, newer ones much more; X decides by the account (milliseconds, bytes).
const SURE_FILM: (u64, u64) = (140_000, 512_000_000);

/// Languages of subtitles as they are called there.
const LANGUAGES: &[(&str, &str)] = &[
    ("ar", "Arabic"),
    ("cs", "Czech"),
    ("da", "Danish"),
    ("de", "German"),
    ("el", "Greek"),
    ("en", "English"),
    ("es", "Spanish"),
    ("fi", "Finnish"),
    ("fr", "French"),
    ("he", "Hebrew"),
    ("hi", "Hindi"),
    ("hu", "Hungarian"),
    ("id", "Indonesian"),
    ("it", "Italian"),
    ("ja", "Japanese"),
    ("ko", "Korean"),
    ("nl", "Dutch"),
    ("no", "Norwegian"),
    ("pl", "Polish"),
    ("pt", "Portuguese"),
    ("ro", "Romanian"),
    ("ru", "Russian"),
    ("sv", "Swedish"),
    ("th", "Thai"),
    ("tr", "Turkish"),
    ("uk", "Ukrainian"),
    ("vi", "Vietnamese"),
    ("zh", "Chinese"),
];

/// Whether a medium has an alt text that X shows: pictures have, films have none.
pub fn described(one: &MediaUse) -> bool {
    one.alt.is_some() && one.media.class() == "image"
}

/// One part.
pub fn encode(ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
    let content = ask.content;
    if let Some(poll) = piece.poll.as_ref().filter(|_| piece.text.text.trim().is_empty()) {
        // a poll's question is the post's text
        piece.text = Text::plain(poll.question.clone().ok_or("a poll on X needs a text: what is asked")?);
    }
    let text = Markup::Plain.encode(&piece.text);
    let mut body = Map::from_iter([("text".to_string(), json!(text))]);
    prices(ask, &text, piece)?;
    for flag in ["made_with_ai", "paid_partnership", "nullcast"] {
        if content.option_bool(flag) == Some(true) {
            body.insert(flag.into(), json!(true));
        }
    }
    media(ask, piece, &mut body)?;
    if piece.index == 0 {
        first(content, piece, &mut body)?;
    }
    if cashtags(&text) > 1 {
        let why = "X takes one cashtag (`$NAME`) in a post of most apps, and refuses the post otherwise";
        piece.notes.push(PlanNote::new("cashtags", why));
    }
    Ok(Value::Object(body))
}

/// What only the first part of a thread carries: the others follow it.
fn first(content: &Content, piece: &mut Piece, body: &mut Map<String, Value>) -> Result<(), String> {
    let mut beside: Vec<&str> = Vec::new();
    if !piece.media.is_empty() {
        beside.push("media");
    }
    if let Some(poll) = &piece.poll {
        beside.push("a poll");
        if poll.multiple {
            piece.notes.push(PlanNote::new("poll_multiple", "a poll on X takes one answer of each voter"));
        }
        body.insert("poll".into(), json!({"options": poll.options, "duration_minutes": poll.seconds()?.div_ceil(60)}));
    }
    if let Some(quote) = content.quote.as_ref().filter(|_| !quotes_by_link(content)) {
        beside.push("a quote");
        body.insert("quote_tweet_id".into(), json!(api::referred(quote).map_err(|why| format!("`quote`: {why}"))?));
        let why = "X takes quotes of enterprise apps alone since 2026-04; with `quote_as = \"link\"` the post's address stands in the text";
        piece.notes.push(PlanNote::new("quote_plan", why));
    }
    if let Some(card) = content.option_str("card_uri") {
        beside.push("`card_uri`");
        body.insert("card_uri".into(), json!(card));
    }
    if beside.len() > 1 {
        return Err(format!("X shows one of these in a post, not {}", beside.join(" and ")));
    }
    if let Some(reply) = &content.reply_to {
        let id = api::referred(reply).map_err(|why| format!("`reply_to`: {why}"))?;
        body.insert("reply".into(), json!({"in_reply_to_tweet_id": id}));
        if matches!(reply, crate::platform::Reference::Url(_)) {
            let why =
                "X takes a reply to somebody else's post only if that post mentions or quotes you (since 2026-02)";
            piece.notes.push(PlanNote::new("reply_plan", why));
        }
    }
    if let Some(who) = content.option_str("reply_settings").filter(|who| *who != "everyone") {
        body.insert("reply_settings".into(), json!(who));
    }
    for flag in ["share_with_followers", "for_super_followers_only"] {
        if content.option_bool(flag) == Some(true) {
            body.insert(flag.into(), json!(true));
        }
    }
    if let Some(community) = content.option_str("community_id") {
        body.insert("community_id".into(), json!(numbered("community_id", community)?));
    } else if body.contains_key("share_with_followers") {
        return Err("`share_with_followers` is for posts in a community; set `community_id` too".to_string());
    }
    if let Some(place) = &content.location {
        match &place.id {
            Some(id) => drop(body.insert("geo".into(), json!({"place_id": id}))),
            None => {
                let why = "X knows places by its own ids alone; set `location = { id.x = \"…\" }`, or it is left out";
                piece.notes.push(PlanNote::new("location_left_out", why));
            }
        }
    }
    Ok(())
}

/// Tags, warnings and subtitles of the media; what cannot be said of them is noted.
fn media(ask: &Ask, piece: &mut Piece, body: &mut Map<String, Value>) -> Result<(), String> {
    let content = ask.content;
    if piece.media.is_empty() {
        return Ok(());
    }
    let list = |key: &str| -> Vec<String> {
        let list = content.option(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_string)).collect()
    };
    let tagged = list("tagged_user_ids");
    if tagged.len() > TAGGED {
        return Err(format!("`tagged_user_ids` has {} people, {TAGGED} are allowed", tagged.len()));
    }
    for id in &tagged {
        numbered("tagged_user_ids", id)?;
    }
    if !tagged.is_empty() && piece.index == 0 {
        body.insert("media".into(), json!({"tagged_user_ids": tagged}));
    }
    let mut warnings = list("media_warnings");
    if let Some(other) =
        warnings.iter().find(|word| !matches!(word.as_str(), "adult_content" | "graphic_violence" | "other"))
    {
        return Err(format!("`media_warnings` knows `adult_content`, `graphic_violence` and `other`, not `{other}`"));
    }
    if warnings.is_empty() && content.sensitive {
        warnings.push("other".into());
    }
    if !warnings.is_empty() {
        let warnings: Map<String, Value> = warnings.into_iter().map(|word| (word, json!(true))).collect();
        body.insert(WARNING.into(), Value::Object(warnings));
    }
    for one in &piece.media {
        let (name, film) = (&one.media.name, one.media.class() != "image");
        if film && one.alt.is_some() {
            let why = format!("X has alt texts for pictures alone; that of `{name}` is left out");
            piece.notes.push(PlanNote::new("alt_left_out", why));
        }
        let millis = one.media.about.millis.unwrap_or_default();
        if film && (millis > SURE_FILM.0 || one.media.bytes > SURE_FILM.1) {
            let why = format!(
                "`{name}` is longer than 140 s or larger than 512 MB, which X may allow Premium accounts alone"
            );
            piece.notes.push(PlanNote::new("film_length", why));
        }
        if one.extras.subtitles.is_some() {
            let code = content.lang.as_deref().and_then(|lang| lang.split(['-', '_']).next()).unwrap_or_default();
            let code = code.to_lowercase();
            let known = LANGUAGES.iter().find(|(known, _)| *known == code);
            let (code, name) = match known {
                Some((code, name)) => (code.to_string(), (*name).to_string()),
                None if code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_lowercase()) => {
                    (code.clone(), code.to_uppercase())
                }
                None => return Err(format!("the subtitles of `{name}` need a language of two letters; set `lang`")),
            };
            body.insert(SUBTITLES.into(), json!({"language_code": code.to_uppercase(), "display_name": name}));
        }
    }
    Ok(())
}

/// Says what is dear, and that only.
fn prices(ask: &Ask, text: &str, piece: &mut Piece) -> Result<(), String> {
    cost::check(ask.account)?;
    let (post, link) = (cost::price(ask.account, cost::POST)?, cost::price(ask.account, cost::LINK)?);
    let links = cost::links(text);
    // written out they have a scheme; a name that only looks like an address surprises
    if links > text.matches("://").count() && link > post {
        let why = format!(
            "X takes a name such as `example.com` for a link, and charges {link} instead of {post} US dollars for a post with one"
        );
        piece.notes.push(PlanNote::new("link_price", why));
    }
    Ok(())
}

/// An id as X writes them.
fn numbered<'a>(key: &str, text: &'a str) -> Result<&'a str, String> {
    if api::is_id(text) {
        Ok(text)
    } else {
        Err(format!("`{key}` must be a number of at most 19 digits, not `{text}`"))
    }
}

/// `$NAME`: a dollar sign, one to six letters, perhaps a dot or underscore and one or two more.
fn cashtags(text: &str) -> usize {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '!' | '?' | '(' | ')' | '"'));
    let is = |word: &str| {
        let Some(name) = word.trim_end_matches('.').strip_prefix('$') else { return false };
        let (stem, end) = name.split_once(['.', '_']).unwrap_or((name, "x"));
        let letters = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphabetic())
        };
        letters(stem, 6) && letters(end, 2)
    };
    words.filter(|word| is(word)).count()
}

/// Whether a quote is to be the post's address in the text: on request, and beside what X shows no quote with.
pub fn quotes_by_link(content: &Content) -> bool {
    let beside = content.poll.is_some() || content.posts.first().is_some_and(|post| !post.media.is_empty());
    content.option_str("quote_as") == Some("link") || beside
}

/// A picture that moves stands alone in a post: whatever is beside it comes in posts of its own.
pub fn part_media(posts: &[ContentPost], out: &mut Rendered) -> Option<Vec<ContentPost>> {
    let moves = |one: &MediaUse| one.media.about.animated && one.media.class() == "image";
    let mixed = |post: &ContentPost| post.media.len() > 1 && post.media.iter().any(moves);
    if !posts.iter().any(mixed) {
        return None;
    }
    let mut parted: Vec<ContentPost> = Vec::new();
    for post in posts {
        let mut groups: Vec<Vec<MediaUse>> = Vec::new();
        for one in &post.media {
            match groups.last_mut() {
                Some(group) if !moves(one) && !group.iter().any(moves) => group.push(one.clone()),
                _ => groups.push(vec![one.clone()]),
            }
        }
        let mut groups = groups.into_iter();
        parted.push(ContentPost { text: post.text.clone(), media: groups.next().unwrap_or_default() });
        parted.extend(groups.map(|media| ContentPost { media, ..ContentPost::default() }));
    }
    let message = "a picture that moves stands alone in a post on X; the other media follow in posts of their own";
    out.changes.push(PlanNote::new("media_split", message));
    Some(parted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cashtags_are_told_from_prices() {
        assert_eq!(cashtags("$X and $BRK.A, ($tsla) $FOO_B"), 4);
        assert_eq!(cashtags("$5 a$X $TOOLONGNAME $A.BCD $ US$ $1A"), 0);
    }
}
