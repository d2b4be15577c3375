//! A part as the JSON that is sent, without what only LinkedIn can say (ids of uploads). Pure.

use serde_json::{Map, Value, json};

use super::api;
use crate::draft::{Poll, Visibility};
use crate::platform::{Ask, Content, MediaUse, Piece, PlanNote, Reference, shortened};
use crate::text::Markup;

/// Longest question of a poll, in characters.
const QUESTION: usize = 140;
/// Longest title and description of an article, in characters.
const ARTICLE: (usize, usize) = (400, 4086);
/// The shortest film, in milliseconds, and the smallest, in bytes.
const FILM: (u64, u64) = (3000, 75_000);
/// How long polls are open, in seconds, the shortest first. There are no others.
const DURATIONS: [(u64, &str); 4] = [
    (86_400, "ONE_DAY"),
    (3 * 86_400, "THREE_DAYS"),
    (7 * 86_400, "SEVEN_DAYS"),
    (14 * 86_400, "FOURTEEN_DAYS"),
];

/// Whether the draft's title is that of a document or the question of a poll, and not a line above the text.
pub(super) fn takes_title(content: &Content) -> bool {
    let asks = content.poll.as_ref().is_some_and(|poll| poll.question.is_none());
    asks || content.posts.iter().flat_map(|post| &post.media).any(is_document)
}

fn is_document(one: &MediaUse) -> bool {
    !matches!(one.media.class(), "image" | "video" | "audio")
}

/// The request of one part; `title` is the draft's where [`takes_title`] says so.
pub(super) fn encode(ask: &Ask, piece: &mut Piece, title: Option<&str>) -> Result<Value, String> {
    ask.account.map_or(Ok(None), api::organization_number)?;
    let author = ask.account.and_then(api::author);
    let mut body = Map::new();
    if piece.comment {
        // no little text here: a backslash would be seen
        body.insert("message".into(), json!({"text": Markup::Plain.encode(&piece.text)}));
        body.extend(author.map(|author| ("actor".to_string(), json!(author))));
        return Ok(Value::Object(body));
    }
    let page = author.as_deref().is_some_and(|urn| urn.starts_with("urn:li:organization:"));
    let mut commentary = Markup::LittleText.encode(&piece.text);
    let first = piece.index == 0;
    let quote = ask.content.quote.as_ref().filter(|_| first);
    let mut content = None;
    if let Some(poll) = piece.poll.clone() {
        if quote.is_some() {
            return Err("LinkedIn takes no poll beside a reshared post".into());
        }
        let own = poll.question.as_deref().or(title);
        let question = own.unwrap_or(&piece.text.text).to_string();
        let entry = poll_entry(&poll, &question, piece)?;
        if own.is_none() {
            commentary.clear();
        }
        content = Some(json!({"poll": entry}));
    } else if !piece.media.is_empty() {
        if quote.is_some() {
            return Err("LinkedIn takes no media beside a reshared post".into());
        }
        content = Some(media(ask, piece, title)?);
    } else if let Some(card) = piece.card.clone().filter(|_| quote.is_none()) {
        let host = url::Url::parse(&card.url).ok().and_then(|url| url.host_str().map(str::to_string));
        let title = if card.title.trim().is_empty() { host.unwrap_or_default() } else { card.title.clone() };
        let mut article = json!({"source": card.url, "title": cut("title", &title, ARTICLE.0, piece)});
        if !card.description.trim().is_empty() {
            article["description"] = json!(cut("description", &card.description, ARTICLE.1, piece));
        }
        content = Some(json!({"article": article}));
    }
    if let Some(quote) = quote {
        let parent = match quote {
            Reference::Ours(receipt) => api::post_urn(&receipt.id)?,
            Reference::Url(url) => api::post_urn(url)?,
        };
        body.insert("reshareContext".into(), json!({"parent": parent}));
    }
    body.extend(author.map(|author| ("author".to_string(), json!(author))));
    body.insert("commentary".into(), json!(commentary));
    body.insert("visibility".into(), json!(visibility(ask, page)?));
    body.insert(
        "distribution".into(),
        json!({"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []}),
    );
    body.insert("lifecycleState".into(), json!("PUBLISHED"));
    body.insert("isReshareDisabledByAuthor".into(), json!(ask.content.option_bool("no_reshare") == Some(true)));
    body.extend(content.map(|content| ("content".to_string(), content)));
    Ok(Value::Object(body))
}

/// Who may see it.
fn visibility(ask: &Ask, page: bool) -> Result<&'static str, String> {
    let word = match ask.content.option_str("audience") {
        Some("connections") => "CONNECTIONS",
        Some("logged_in") => "LOGGED_IN",
        Some(_) => "PUBLIC",
        None if ask.content.visibility == Some(Visibility::Followers) => "CONNECTIONS",
        None => "PUBLIC",
    };
    if page && word != "PUBLIC" {
        return Err("posts of an organisation are for everybody; leave `visibility` and `audience` out".into());
    }
    Ok(word)
}

/// Pictures, a film or a document; their ids are put in by `publish`.
fn media(ask: &Ask, piece: &mut Piece, title: Option<&str>) -> Result<Value, String> {
    let alt = |one: &MediaUse| one.alt.clone().map(|alt| ("altText".to_string(), json!(alt)));
    if piece.media.len() > 1 {
        let images: Vec<Value> = piece.media.iter().map(|one| Value::Object(alt(one).into_iter().collect())).collect();
        return Ok(json!({"multiImage": {"images": images}}));
    }
    let Some(one) = piece.media.first().cloned() else { return Ok(Value::Null) };
    let mut entry = Map::new();
    let named = ask.content.option_str("media_title");
    match one.media.class() {
        "image" => {}
        "video" | "audio" => {
            let name = &one.media.name;
            if one.media.about.millis.is_some_and(|millis| millis < FILM.0) {
                return Err(format!("`{name}` is shorter than 3 s, which LinkedIn does not take"));
            }
            if one.media.bytes < FILM.1 {
                return Err(format!("`{name}` has {} bytes; LinkedIn takes films from 75 kB on", one.media.bytes));
            }
            entry.extend(named.map(|title| ("title".to_string(), json!(title))));
        }
        // a document cannot do without
        _ => {
            let file = one.media.name.rsplit_once('.').map_or(one.media.name.as_str(), |(stem, _)| stem);
            entry.insert("title".into(), json!(named.or(title).unwrap_or(file)));
            if one.alt.is_some() {
                let note = "LinkedIn shows no alt text of documents; that of the document is left out";
                piece.notes.push(PlanNote::new("alt_left_out", note));
            }
            return Ok(json!({"media": entry}));
        }
    }
    entry.extend(alt(&one));
    Ok(json!({"media": entry}))
}

fn poll_entry(poll: &Poll, question: &str, piece: &mut Piece) -> Result<Value, String> {
    let question = question.trim();
    let length = question.chars().count();
    if !(1..=QUESTION).contains(&length) {
        return Err(format!("a poll's question has 1 to {QUESTION} characters, not {length}; set `poll.question`"));
    }
    if poll.multiple {
        return Err("LinkedIn's polls take one answer of each voter; leave `multiple` out".into());
    }
    let seconds = poll.seconds()?;
    // a length that is too long altogether is told apart from this
    let (length, word) = DURATIONS.into_iter().find(|(length, _)| seconds <= *length).unwrap_or(DURATIONS[3]);
    if length != seconds {
        let days = length / 86_400;
        let note = format!("LinkedIn's polls last 1, 3, 7 or 14 days; this one lasts {days}");
        piece.notes.push(PlanNote::new("poll_rounded", note));
    }
    let options: Vec<Value> = poll.options.iter().map(|option| json!({"text": option})).collect();
    Ok(json!({"question": question, "options": options, "settings": {"duration": word}}))
}

/// The text, shortened and told where it is too long.
fn cut(what: &str, text: &str, most: usize, piece: &mut Piece) -> String {
    let text = text.trim();
    if text.chars().count() <= most {
        return text.to_string();
    }
    piece.notes.push(PlanNote::new("card_shortened", format!("the link card's {what} is cut to {most} characters")));
    shortened(text, |text| text.chars().count() <= most)
}
