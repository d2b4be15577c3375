//! A draft for one target: overrides applied, people, media, references and cards looked up.

use std::collections::BTreeSet;

use super::links::{self, OwnLinks};
use super::{Known, Notes, Settings, Target, makes_cards, media, options};
use crate::draft::{
    CardChoice, Draft, Edit, Fields, MediaRef, OwnCard, Post, body, did_you_mean, replace, unresolved_name,
};
use crate::media::{Card, Decision, Facts, Wish, decide};
use crate::platform::{Content, ContentPost, Limits, Place, Reference};
use crate::text::{Kind, Text};

/// The fields for a target: defaults, then the draft, then `[on.PLATFORM]`, then `[on.ACCOUNT]`.
pub(super) fn fields(draft: &Draft, target: &Target, settings: &Settings) -> Fields {
    let platform = target.platform.spec().name;
    let mut fields = settings.defaults.clone();
    merge(&mut fields, &draft.fields);
    if let Some(on) = draft.on.get(platform) {
        merge(&mut fields, on);
    }
    if target.name != platform
        && let Some(on) = draft.on.get(&target.name)
    {
        merge(&mut fields, on);
    }
    fields
}

fn merge(into: &mut Fields, from: &Fields) {
    macro_rules! take {
        ($($field:ident),*) => {
            $(if from.$field.is_some() { into.$field.clone_from(&from.$field); })*
        };
    }
    take!(
        title,
        summary,
        to,
        lang,
        link,
        visibility,
        warning,
        sensitive,
        tags,
        at,
        zone,
        expires,
        poll,
        reply_to,
        quote,
        overflow,
        alt_overflow,
        numbering,
        require_alt,
        keep_metadata,
        card,
        location,
        comment,
        max_cost,
        text,
        media
    );
    for (name, handles) in &from.people {
        let known = into.people.entry(name.clone()).or_default();
        known.extend(handles.iter().map(|(place, handle)| (place.clone(), handle.clone())));
    }
    into.links.merge(&from.links);
    for (source, details) in &from.details {
        into.details.entry(source.clone()).or_default().merge(details);
    }
    into.extra.extend(from.extra.iter().map(|(key, value)| (key.clone(), value.clone())));
}

/// The addresses whose link cards are needed: of targets that want the card from us, where the draft did not say
/// `card = false`, has not written the whole card itself, and shows no media, which would take the card's place.
pub fn card_urls(draft: &Draft, targets: &[Target], settings: &Settings) -> Vec<String> {
    let mut urls = BTreeSet::new();
    for target in targets.iter().filter(|target| makes_cards(target)) {
        let fields = fields(draft, target, settings);
        let written = matches!(
            &fields.card,
            Some(CardChoice::Own(OwnCard { title: Some(_), description: Some(_), image: Some(_) }))
        );
        let posts = posts(draft, &fields, &mut Notes::default());
        if !written && let Some(url) = card_url(&fields, &posts) {
            urls.insert(url);
        }
    }
    urls.into_iter().collect()
}

/// The address that a card is wanted for: the draft's `link`, else the first link of the first post.
fn card_url(fields: &Fields, posts: &[Post]) -> Option<String> {
    let first = posts.first()?;
    if fields.card == Some(CardChoice::Wanted(false)) || !first.media.is_empty() {
        return None;
    }
    let web = |url: &str| url.starts_with("https://") || url.starts_with("http://");
    fields.link.clone().or_else(|| {
        first.text.marks.iter().find_map(|mark| match &mark.kind {
            Kind::Link { url } if web(url) => Some(url.clone()),
            _ => None,
        })
    })
}

/// The posts that a target gets: the draft's own, or what `text` and `media` put in their place.
fn posts(draft: &Draft, fields: &Fields, notes: &mut Notes) -> Vec<Post> {
    let mut posts = match &fields.text {
        None => draft.posts.clone(),
        Some(text) => {
            let mut posts = body(text, draft.form);
            if posts.is_empty() {
                posts.push(Post::default());
            }
            // other words for the same pictures, unless they bring pictures of their own
            if fields.media.is_none() && posts.iter().all(|post| post.media.is_empty()) {
                for (index, post) in draft.posts.iter().enumerate() {
                    match posts.get_mut(index) {
                        Some(new) => new.media.clone_from(&post.media),
                        None if post.media.is_empty() => {}
                        None => {
                            let names: Vec<String> = post.media.iter().map(|m| format!("`{}`", m.source)).collect();
                            notes.change(
                                "media_left_out",
                                format!("{} of post {} left out: `text` has fewer posts", names.join(", "), index + 1),
                            );
                        }
                    }
                }
            }
            posts
        }
    };
    if let Some(media) = &fields.media {
        for (index, post) in posts.iter_mut().enumerate() {
            post.media = if index == 0 { media.clone() } else { Vec::new() };
        }
    }
    posts
}

/// Everything that `render` works on.
pub(super) fn content(
    draft: &Draft,
    fields: &Fields,
    facts: &Facts,
    limits: &Limits,
    target: &Target,
    (known, settings): (&Known, &Settings),
    notes: &mut Notes,
) -> Content {
    let zone = fields.zone.as_deref().or(settings.zone.as_deref()).unwrap_or_default();
    let spec = target.platform.spec();
    let mut posts = posts(draft, fields, notes);
    for post in &mut posts {
        people(&mut post.text, fields, target, notes);
    }
    directions(fields, &posts, notes);
    let links = links::OwnLinks::of(fields, target, notes);
    let card = if makes_cards(target) { card(fields, &posts, facts, &links, notes) } else { None };
    for post in &mut posts {
        links.write(&mut post.text, notes);
    }
    let comment = fields.comment.as_deref().map(|text| {
        let mut whole = Text::default();
        for post in body(text, draft.form) {
            whole.paragraph(&post.text);
        }
        people(&mut whole, fields, target, notes);
        links.write(&mut whole, notes);
        whole
    });
    let about = media::About { fields, facts, limits, target };
    let posts = posts
        .into_iter()
        .map(|post| ContentPost {
            text: post.text,
            media: post.media.iter().filter_map(|medium| media::used(medium, &about, notes)).collect(),
        })
        .collect();
    let mut tags: Vec<String> = Vec::new();
    for tag in fields.tags.iter().flatten() {
        let tag = tag.trim_start_matches('#').to_string();
        if !tag.is_empty() && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Content {
        title: fields.title.clone(),
        summary: fields.summary.clone(),
        posts,
        lang: fields.lang.clone(),
        link: fields.link.as_deref().map(|link| links.address(link, notes)),
        visibility: fields.visibility,
        warning: fields.warning.clone(),
        sensitive: fields.sensitive.unwrap_or(false),
        tags,
        poll: fields.poll.clone(),
        reply_to: fields.reply_to.as_deref().and_then(|text| reference("reply_to", text, target, known, notes)),
        quote: fields.quote.as_deref().and_then(|text| reference("quote", text, target, known, notes)),
        overflow: fields.overflow,
        numbering: fields.numbering.unwrap_or(false),
        require_alt: fields.require_alt.unwrap_or(false),
        card_choice: fields.card.clone(),
        card,
        location: location(fields, target, notes),
        comment: comment.filter(|text| !text.text.trim().is_empty()),
        zone: zone.to_string(),
        options: options::options(spec, &fields.extra, notes),
    }
}

/// Where the post is from, if this network shows that.
fn location(fields: &Fields, target: &Target, notes: &mut Notes) -> Option<Place> {
    let location = fields.location.as_ref()?;
    let spec = target.platform.spec();
    if !spec.location {
        notes.change("location_left_out", format!("{} shows no place; `location` is left out", spec.title));
        return None;
    }
    let id = location.id.get(&target.name).or_else(|| location.id.get(spec.name)).cloned();
    Some(Place { id, ..Place::from(location) })
}

/// Puts the handle that this network knows a person by where the draft says `@{name}`, and the plain name where there is none:
/// a guess would call a stranger.
fn people(text: &mut Text, fields: &Fields, target: &Target, notes: &mut Notes) {
    let platform = target.platform.spec();
    let mut edits = Vec::new();
    for mark in &text.marks {
        let Kind::Mention { handle } = &mark.kind else { continue };
        let Some(name) = unresolved_name(handle) else { continue };
        let person = fields.people.get(name);
        let handle = person.and_then(|places| places.get(&target.name).or_else(|| places.get(platform.name)));
        let handle = handle.map(|handle| handle.trim_start_matches('@')).filter(|handle| !handle.is_empty());
        let range = mark.start..mark.end;
        let plain = || person.and_then(|places| places.get("name")).map_or(name, String::as_str).to_string();
        match handle {
            Some(handle) => {
                let kind = Kind::Mention { handle: handle.to_string() };
                // an id that nobody reads: the network shows the name beside it
                let with = if handle.starts_with("urn:") { plain() } else { format!("@{handle}") };
                edits.push(Edit { range, with, kind: Some(kind) });
            }
            None => {
                let with = plain();
                if person.is_some() {
                    let message =
                        format!("`@{{{name}}}` has no handle on {}; the plain name stands there", platform.title);
                    notes.change("no_handle", message);
                } else {
                    let near = did_you_mean(name, fields.people.keys().map(String::as_str));
                    notes.warn(
                        "unknown_person",
                        format!("`@{{{name}}}` is not in `[people]`; the plain name stands there{near}"),
                    );
                }
                edits.push(Edit { range, with, kind: None });
            }
        }
    }
    replace(text, edits);
}

/// Characters that turn the reading direction can make a text read other than it is.
fn directions(fields: &Fields, posts: &[Post], notes: &mut Notes) {
    let texts = posts.iter().map(|post| post.text.text.as_str()).chain(fields.title.as_deref());
    let texts = texts.chain(fields.warning.as_deref());
    let alts = posts.iter().flat_map(|post| &post.media).filter_map(|medium| medium.alt.as_deref());
    let (mut overrides, mut open) = (None, false);
    for text in texts.chain(alts) {
        overrides = overrides.or(text.chars().find(|c| matches!(c, '\u{202d}' | '\u{202e}')));
        let opened = text.chars().filter(|c| matches!(c, '\u{2066}'..='\u{2068}')).count();
        let closed = text.chars().filter(|c| *c == '\u{2069}').count();
        let embedded = text.chars().filter(|c| matches!(c, '\u{202a}' | '\u{202b}')).count();
        let ended = text.chars().filter(|c| *c == '\u{202c}').count();
        open |= opened != closed || embedded != ended;
    }
    if let Some(c) = overrides {
        let message =
            format!("the text holds U+{:04X}, which makes what follows read backwards; take it out", c as u32);
        notes.problem("bidi_override", message);
    } else if open {
        notes.warn(
            "bidi",
            "the text turns its reading direction and does not turn it back (U+202A, U+2066 and the like)",
        );
    }
}

fn reference(key: &str, text: &str, target: &Target, known: &Known, notes: &mut Notes) -> Option<Reference> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Reference::Url(text.to_string()));
    }
    let found = known.posts.get(&(text.to_string(), target.name.clone()));
    if found.is_none() {
        let message =
            format!("`{key}`: post {text} was not published by `{}`; see `xpost history show {text}`", target.name);
        notes.problem("unknown_post", message);
    }
    found.cloned().map(Reference::Ours)
}

/// The link card: what the page says, and over it what the draft says.
fn card(fields: &Fields, posts: &[Post], facts: &Facts, links: &OwnLinks, notes: &mut Notes) -> Option<Card> {
    let url = card_url(fields, posts)?;
    let own = match &fields.card {
        Some(CardChoice::Own(own)) => own.clone(),
        _ => OwnCard::default(),
    };
    let mut card = match facts.cards.get(&url) {
        Some(Ok(card)) => card.clone(),
        missing => {
            match missing {
                Some(Err(why)) => notes.warn("card_unread", format!("`{url}` gave no link card: {why}")),
                _ if own.title.is_some() && own.description.is_some() && own.image.is_some() => {}
                _ => {
                    notes.change("card_later", format!("the link card of `{url}` is read when the draft is published"))
                }
            }
            Card { url: url.clone(), title: own.title.clone()?, ..Card::default() }
        }
    };
    if let Some(title) = own.title {
        card.title = title;
    }
    if let Some(description) = own.description {
        card.description = description;
    }
    if let Some(image) = own.image {
        let medium = MediaRef { source: image, alt: None, line: 0 };
        card.image = media::found(&medium, fields, facts, notes).map(|found| match decide(&found, &Wish::default()) {
            Decision::Change { media, .. } => *media,
            _ => found,
        });
    }
    // the page is read as it is for all networks, and linked to as this one links
    card.url = links.address(&url, notes);
    notes.change("card", format!("a link card for `{url}` is added"));
    Some(card)
}
