//! The keys of the front matter.

use std::collections::BTreeMap;

use super::error::Wrong;
use super::front::{Entry, Node, Value};
use super::near::did_you_mean;
use super::vars::{Vars, fill};
use super::{AltOverflow, CardChoice, Fields, Links, Location, Overflow, OwnCard, Poll, Visibility, media, when};

/// Every key that a draft knows, in the order of the documentation; `on` stands beside them at the top.
pub const KEYS: &[&str] = &[
    "title",
    "summary",
    "to",
    "lang",
    "link",
    "visibility",
    "warning",
    "sensitive",
    "tags",
    "at",
    "zone",
    "expires",
    "poll",
    "reply_to",
    "quote",
    "overflow",
    "alt_overflow",
    "numbering",
    "require_alt",
    "keep_metadata",
    "card",
    "location",
    "comment",
    "max_cost",
    "links",
    "text",
    "media",
    "people",
];

/// Fills variables into every text of the front matter, apart from `links`: what these name is known target by target.
pub(super) fn fill_all(entries: &mut [Entry], vars: &Vars) -> Result<(), Wrong> {
    for entry in entries.iter_mut().filter(|entry| entry.key != "links") {
        match &mut entry.node.value {
            Value::Table(targets) if entry.key == "on" => {
                for target in targets {
                    match &mut target.node.value {
                        Value::Table(own) => own
                            .iter_mut()
                            .filter(|own| own.key != "links")
                            .try_for_each(|own| fill_node(&mut own.node, vars))?,
                        _ => fill_node(&mut target.node, vars)?,
                    }
                }
            }
            _ => fill_node(&mut entry.node, vars)?,
        }
    }
    Ok(())
}

fn fill_node(node: &mut Node, vars: &Vars) -> Result<(), Wrong> {
    match &mut node.value {
        Value::Text(text) => {
            *text = fill(text, node.line, vars)?.replace("\r\n", "\n");
            // an escape (`"\u0007"`) or a variable may have brought in what was not typed
            super::characters(text, 1).map_err(|found| Wrong { line: node.line, column: None, ..found })?;
        }
        Value::List(list) => list.iter_mut().try_for_each(|inner| fill_node(inner, vars))?,
        Value::Table(table) => table.iter_mut().try_for_each(|inner| fill_node(&mut inner.node, vars))?,
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
    }
    Ok(())
}

/// The whole front matter: the fields and `[on.NAME]`.
pub(super) fn top(entries: &[Entry], vars: &Vars) -> Result<(Fields, BTreeMap<String, Fields>), Wrong> {
    let mut on = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.key == "on") {
        for inner in table(entry)? {
            on.insert(inner.key.clone(), fields(table(inner)?, true, vars)?);
        }
    }
    let own: Vec<Entry> = entries.iter().filter(|entry| entry.key != "on").cloned().collect();
    Ok((fields(&own, false, vars)?, on))
}

/// One table of fields; in `[on.NAME]` (`open`) other keys are kept for the network to know.
fn fields(entries: &[Entry], open: bool, vars: &Vars) -> Result<Fields, Wrong> {
    let mut fields = Fields::default();
    for entry in entries {
        if matches!(entry.node.value, Value::Null) && KEYS.contains(&entry.key.as_str()) {
            // `title:` in YAML: not given
            continue;
        }
        match entry.key.as_str() {
            "title" => fields.title = Some(line(entry)?),
            "summary" => fields.summary = Some(text(entry)?),
            "to" => fields.to = Some(list(entry)?),
            "lang" => fields.lang = Some(lang(entry)?),
            "link" => fields.link = Some(link(entry)?),
            "visibility" => {
                let words = [
                    ("public", Visibility::Public),
                    ("unlisted", Visibility::Unlisted),
                    ("followers", Visibility::Followers),
                    ("direct", Visibility::Direct),
                ];
                fields.visibility = Some(choice(entry, &words)?);
            }
            "warning" => fields.warning = Some(line(entry)?),
            "sensitive" => fields.sensitive = Some(boolean(entry)?),
            "tags" => fields.tags = Some(list(entry)?),
            "at" => fields.at = Some(line(entry)?),
            "zone" => fields.zone = Some(checked(entry, |name| when::zone(name).map(drop))?),
            "expires" => fields.expires = Some(line(entry)?),
            "poll" => fields.poll = Some(poll(entry)?),
            "reply_to" => fields.reply_to = Some(reference(entry)?),
            "quote" => fields.quote = Some(reference(entry)?),
            "overflow" => {
                let words =
                    [("thread", Overflow::Thread), ("truncate", Overflow::Truncate), ("refuse", Overflow::Refuse)];
                fields.overflow = Some(choice(entry, &words)?);
            }
            "alt_overflow" => {
                let words = [("truncate", AltOverflow::Truncate), ("refuse", AltOverflow::Refuse)];
                fields.alt_overflow = Some(choice(entry, &words)?);
            }
            "numbering" => fields.numbering = Some(boolean(entry)?),
            "require_alt" => fields.require_alt = Some(boolean(entry)?),
            "keep_metadata" => fields.keep_metadata = Some(boolean(entry)?),
            "card" => fields.card = Some(card(entry)?),
            "location" => fields.location = Some(location(entry)?),
            "comment" => fields.comment = Some(text(entry)?),
            "max_cost" => {
                let most = number(entry, "max_cost")?;
                if most < 0.0 {
                    return Err(wrong(entry, "`max_cost` is below zero"));
                }
                fields.max_cost = Some(most);
            }
            "links" => {
                fields.links = Links::read(&entry.node.value.json(), vars).map_err(|why| wrong(entry, why))?;
            }
            "text" => fields.text = Some(text(entry)?),
            "media" => media::read(entry, &mut fields)?,
            "people" => fields.people = people(entry)?,
            key if open => {
                fields.extra.insert(key.to_string(), entry.node.value.json());
            }
            key => {
                let near = did_you_mean(key, KEYS.iter().copied().chain(["on"]));
                let hint = if near.is_empty() {
                    "; what only one network knows goes under `[on.NETWORK]`".to_string()
                } else {
                    near
                };
                return Err(wrong(entry, format!("unknown key `{key}`{hint}")));
            }
        }
    }
    times(entries, &fields)?;
    Ok(fields)
}

/// What can be said about times without knowing the configured zone.
fn times(entries: &[Entry], fields: &Fields) -> Result<(), Wrong> {
    let zone = fields.zone.as_deref().and_then(|name| when::zone(name).ok());
    for (key, value) in [("at", &fields.at), ("expires", &fields.expires)] {
        let (Some(value), Some(entry)) = (value, entries.iter().find(|entry| entry.key == key)) else { continue };
        if key == "expires" && when::duration(value).is_ok() {
            continue;
        }
        // without a zone of its own only the form can be judged, and every wall time exists in UTC
        if let Err(message) = when::moment(value, zone.unwrap_or(chrono_tz::UTC)) {
            let hint = if key == "expires" { ", or as how long: `30d`" } else { "" };
            return Err(wrong(entry, format!("`{key}`: {message}{hint}")));
        }
    }
    Ok(())
}

pub(super) fn wrong(entry: &Entry, message: impl Into<String>) -> Wrong {
    Wrong::at(entry.line, message).column(entry.column)
}

fn table(entry: &Entry) -> Result<&[Entry], Wrong> {
    match &entry.node.value {
        Value::Table(table) => Ok(table),
        Value::Null => Ok(&[]),
        other => Err(wrong(entry, format!("`{}` must be a table, not {}", entry.key, other.kind()))),
    }
}

pub(super) fn text(entry: &Entry) -> Result<String, Wrong> {
    text_of(&entry.key, &entry.node)
}

pub(super) fn text_of(key: &str, node: &Node) -> Result<String, Wrong> {
    match &node.value {
        Value::Text(text) => Ok(text.clone()),
        other @ (Value::Bool(_) | Value::Int(_) | Value::Float(_)) => Err(Wrong::at(
            node.line,
            format!("`{key}` must be text, not {}; put it in quotes: \"{}\"", other.kind(), other.json()),
        )
        .column(node.column)),
        other => Err(Wrong::at(node.line, format!("`{key}` must be text, not {}", other.kind())).column(node.column)),
    }
}

/// Text of one line, blanks at its ends taken off.
pub(super) fn line(entry: &Entry) -> Result<String, Wrong> {
    let text = text(entry)?.trim().to_string();
    if text.contains('\n') {
        return Err(wrong(entry, format!("`{}` must be one line", entry.key)));
    }
    Ok(text)
}

fn checked(entry: &Entry, check: impl Fn(&str) -> Result<(), String>) -> Result<String, Wrong> {
    let text = line(entry)?;
    check(&text).map_err(|message| wrong(entry, format!("`{}`: {message}", entry.key)))?;
    Ok(text)
}

fn boolean(entry: &Entry) -> Result<bool, Wrong> {
    match &entry.node.value {
        Value::Bool(b) => Ok(*b),
        other => Err(wrong(entry, format!("`{}` must be `true` or `false`, not {}", entry.key, other.kind()))),
    }
}

fn choice<T: Copy>(entry: &Entry, words: &[(&str, T)]) -> Result<T, Wrong> {
    let word = line(entry)?;
    words.iter().find(|(name, _)| *name == word).map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<String> = words.iter().map(|(name, _)| format!("`{name}`")).collect();
        wrong(entry, format!("`{}` must be one of {}, not `{word}`", entry.key, names.join(", ")))
    })
}

/// A list of texts; one text alone is a list of one.
fn list(entry: &Entry) -> Result<Vec<String>, Wrong> {
    let list = match &entry.node.value {
        Value::List(list) => {
            list.iter().map(|node| Ok(text_of(&entry.key, node)?.trim().to_string())).collect::<Result<_, Wrong>>()?
        }
        Value::Text(text) => vec![text.trim().to_string()],
        other => return Err(wrong(entry, format!("`{}` must be a list of texts, not {}", entry.key, other.kind()))),
    };
    if list.iter().any(|text: &String| text.is_empty() || text.contains('\n')) {
        return Err(wrong(entry, format!("`{}` holds an empty text or one of several lines", entry.key)));
    }
    Ok(list)
}

fn lang(entry: &Entry) -> Result<String, Wrong> {
    checked(entry, |tag| {
        let mut pieces = tag.split('-');
        let first = pieces.next().unwrap_or_default();
        let good = (2..=3).contains(&first.len())
            && first.bytes().all(|b| b.is_ascii_alphabetic())
            && pieces.all(|piece| (1..=8).contains(&piece.len()) && piece.bytes().all(|b| b.is_ascii_alphanumeric()));
        if good { Ok(()) } else { Err(format!("`{tag}` is not a language tag; write it as `en`, `de` or `pt-BR`")) }
    })
}

/// An absolute address of the web.
fn link(entry: &Entry) -> Result<String, Wrong> {
    checked(entry, |address| match url::Url::parse(address) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(()),
        _ => Err(format!("`{address}` is not the address of a page; it must begin with `https://`")),
    })
}

/// A post id of ours or an address.
fn reference(entry: &Entry) -> Result<String, Wrong> {
    if let Value::Int(id) = &entry.node.value {
        return Ok(id.to_string());
    }
    checked(entry, |text| {
        let id = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let address = url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "at"));
        if id || address {
            Ok(())
        } else {
            Err(format!("`{text}` is neither the id of a post (see `xpost history`) nor an address"))
        }
    })
}

/// The entries of a table that may hold only these keys.
pub(super) fn only<'a>(entry: &'a Entry, known: &[&str]) -> Result<&'a [Entry], Wrong> {
    let entries = table(entry)?;
    match entries.iter().find(|inner| !known.contains(&inner.key.as_str())) {
        None => Ok(entries),
        Some(stray) => {
            let near = did_you_mean(&stray.key, known.iter().copied());
            Err(wrong(stray, format!("unknown key `{}` in `{}`{near}", stray.key, entry.key)))
        }
    }
}

fn poll(entry: &Entry) -> Result<Poll, Wrong> {
    let mut poll = Poll { question: None, options: Vec::new(), duration: None, multiple: false };
    for inner in only(entry, &["question", "options", "duration", "multiple"])? {
        match inner.key.as_str() {
            "question" => poll.question = Some(line(inner)?),
            "options" => poll.options = list(inner)?,
            "duration" => poll.duration = Some(checked(inner, |text| when::duration(text).map(drop))?),
            _ => poll.multiple = boolean(inner)?,
        }
    }
    if poll.options.len() < 2 {
        return Err(wrong(entry, "`poll` needs at least two `options`"));
    }
    if let Some(twice) = poll.options.iter().enumerate().find(|(n, option)| poll.options[..*n].contains(option)) {
        return Err(wrong(entry, format!("`poll` has the option `{}` twice", twice.1)));
    }
    Ok(poll)
}

fn number(entry: &Entry, key: &str) -> Result<f64, Wrong> {
    match &entry.node.value {
        Value::Int(n) => Ok(*n as f64),
        Value::Float(n) if n.is_finite() => Ok(*n),
        other => Err(wrong(entry, format!("`{key}` must be a number, not {}", other.kind()))),
    }
}

fn location(entry: &Entry) -> Result<Location, Wrong> {
    if let Value::Text(_) = entry.node.value {
        return Ok(Location { name: Some(line(entry)?), ..Location::default() });
    }
    let mut location = Location::default();
    for inner in only(entry, &["name", "lat", "lon", "id"])? {
        let degrees = |most: f64| {
            let value = number(inner, &inner.key)?;
            if value.abs() <= most {
                Ok(Some(value))
            } else {
                Err(wrong(inner, format!("`{}` must lie between -{most} and {most}, not {value}", inner.key)))
            }
        };
        match inner.key.as_str() {
            "name" => location.name = Some(line(inner)?),
            "lat" => location.lat = degrees(90.0)?,
            "lon" => location.lon = degrees(180.0)?,
            _ => {
                for id in table(inner)? {
                    // ids are often digits alone
                    let value = match &id.node.value {
                        Value::Int(n) => n.to_string(),
                        _ => line(id)?,
                    };
                    location.id.insert(id.key.clone(), value);
                }
            }
        }
    }
    if location.lat.is_some() != location.lon.is_some() {
        return Err(wrong(entry, "`location` needs both `lat` and `lon`, or neither"));
    }
    if location == Location::default() {
        return Err(wrong(entry, "`location` is empty: give it a `name`, `lat` and `lon`, or an `id`"));
    }
    Ok(location)
}

fn card(entry: &Entry) -> Result<CardChoice, Wrong> {
    if let Value::Bool(wanted) = entry.node.value {
        return Ok(CardChoice::Wanted(wanted));
    }
    if !matches!(entry.node.value, Value::Table(_)) {
        return Err(wrong(entry, "`card` must be `true`, `false` or a table with `title`, `description`, `image`"));
    }
    let mut card = OwnCard::default();
    for inner in only(entry, &["title", "description", "image"])? {
        match inner.key.as_str() {
            "title" => card.title = Some(line(inner)?),
            "description" => card.description = Some(text(inner)?),
            _ => card.image = Some(line(inner)?),
        }
    }
    Ok(CardChoice::Own(card))
}

fn people(entry: &Entry) -> Result<BTreeMap<String, BTreeMap<String, String>>, Wrong> {
    table(entry)?
        .iter()
        .map(|person| {
            let handles = table(person)?;
            let handles = handles.iter().map(|handle| Ok((handle.key.clone(), line(handle)?)));
            Ok((person.key.clone(), handles.collect::<Result<_, Wrong>>()?))
        })
        .collect()
}
