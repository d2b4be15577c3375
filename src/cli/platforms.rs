//! `xpost platforms`: what each network can do, from its facts and from what is implemented.

use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use super::trouble::{Exit, Trouble};
use super::world::{World, platform_names, platform_of};
use crate::platform::{self, Card, Field, FieldKind, Platform, Server, Title};
use crate::text::Unit;

/// Show the networks and what each can do
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  xpost platforms\n  xpost platforms bluesky\n  xpost platforms --json | jq '.platforms[].name'"
)]
pub struct Args {
    /// One network in full
    #[arg(ignore_case = true, value_parser = PossibleValuesParser::new(platform_names()))]
    platform: Option<String>,
}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    let all: Vec<&dyn Platform> = match &args.platform {
        Some(name) => vec![platform_of(name)?],
        None => platform::ALL.to_vec(),
    };
    if world.out.json {
        world.out.document("platforms", json!({ "platforms": all.iter().map(|p| document(*p)).collect::<Vec<_>>() }));
        return Ok(Exit::Done);
    }
    if args.platform.is_some() {
        all.iter().for_each(|platform| full(*platform, world));
        return Ok(Exit::Done);
    }
    let yes = |can: bool| if can { "yes" } else { "-" }.to_string();
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|platform| {
            let spec = platform.spec();
            vec![
                spec.name.to_string(),
                spec.text.max.map_or_else(|| "any".into(), |max| max.to_string()),
                yes(spec.threads),
                spec.media.image.map_or_else(|| "-".into(), |image| image.max.min(spec.media.max).to_string()),
                spec.media.video.map_or_else(|| "-".into(), |video| video.max.min(spec.media.max).to_string()),
                yes(spec.poll.is_some()),
                yes(platform.find().is_some()),
                yes(platform.edit().is_some()),
                yes(platform.delete().is_some()),
                spec.repeat.word().to_string(),
                spec.about.to_string(),
            ]
        })
        .collect();
    world.out.table(
        &[
            "NAME",
            "TEXT",
            "THREADS",
            "IMAGES",
            "VIDEOS",
            "POLLS",
            "READS BACK",
            "EDITS",
            "DELETES",
            "REPEAT",
            "WHAT IT IS",
        ],
        &rows,
    );
    Ok(Exit::Done)
}

fn server(server: Server) -> (&'static str, Option<&'static str>) {
    match server {
        Server::Fixed(origin) => ("fixed", Some(origin)),
        Server::Default(origin) => ("default", Some(origin)),
        Server::Own(_) => ("own", None),
        Server::Local => ("local", None),
    }
}

fn kind(field: FieldKind) -> &'static str {
    match field {
        FieldKind::Secret => "secret",
        FieldKind::Text => "text",
        FieldKind::Bool => "bool",
        FieldKind::Number => "number",
        FieldKind::Choice(_) => "choice",
        FieldKind::List => "list",
        FieldKind::Table => "table",
        FieldKind::Directory => "directory",
        FieldKind::Any => "any",
    }
}

fn field(field: &Field) -> Value {
    let choices = match field.kind {
        FieldKind::Choice(words) => json!(words),
        _ => Value::Null,
    };
    json!({ "name": field.name, "kind": kind(field.kind), "required": field.required, "choices": choices, "help": field.help })
}

fn document(platform: &dyn Platform) -> Value {
    let spec = platform.spec();
    let (server_kind, origin) = server(spec.server);
    json!({
        "name": spec.name,
        "title": spec.title,
        "about": spec.about,
        "checked": spec.checked,
        "sources": spec.sources,
        "server": { "kind": server_kind, "origin": origin },
        "fields": spec.fields.iter().map(field).collect::<Vec<_>>(),
        "options": spec.options.iter().map(field).collect::<Vec<_>>(),
        "text": {
            "markup": spec.text.markup,
            "unit": spec.text.unit,
            "max": spec.text.max,
            "also": spec.text.also.map(|(unit, max)| json!({ "unit": unit, "max": max })),
            "caption": spec.text.caption,
        },
        "title_field": match spec.title_rule {
            Title::Native { max, required } => json!({ "kind": "native", "max": max, "required": required }),
            Title::Line => json!({ "kind": "line", "max": null, "required": false }),
            Title::Ignored => json!({ "kind": "ignored", "max": null, "required": false }),
        },
        "media": {
            "max": spec.media.max,
            "mixed": spec.media.mixed,
            "required": spec.media.required,
            "alt": spec.media.alt.map(|(unit, max)| json!({ "unit": unit, "max": max })),
            "image": spec.media.image.map(|image| json!({
                "max": image.max, "bytes": image.bytes, "pixels": image.pixels, "side": image.side, "mimes": image.mimes,
            })),
            "video": spec.media.video.map(|video| json!({ "max": video.max, "bytes": video.bytes, "mimes": video.mimes })),
            "file": spec.media.file.map(|file| json!({ "max": file.max, "bytes": file.bytes, "mimes": file.mimes })),
        },
        "poll": spec.poll.map(|poll| json!({
            "options": [poll.options.0, poll.options.1], "option": poll.option, "seconds": [poll.seconds.0, poll.seconds.1],
            "with_media": poll.with_media,
        })),
        "threads": spec.threads,
        "replies": spec.replies,
        "quotes": spec.quotes,
        "warnings": spec.warnings,
        "languages": spec.languages,
        "visibility": spec.visibility,
        "location": spec.location,
        "comments": spec.comments.map(|rule| json!({ "unit": rule.unit, "max": rule.max })),
        "card": match spec.card { Card::Ours => "ours", Card::Network => "network", Card::None => "none" },
        "repeat": spec.repeat.word(),
        "finds": platform.find().is_some(),
        "edits": platform.edit().is_some(),
        "deletes": platform.delete().is_some(),
    })
}

fn full(platform: &dyn Platform, world: &World) {
    let spec = platform.spec();
    let out = &world.out;
    let row = |key: &str, value: String| {
        if !value.is_empty() {
            out.line(&format!("{key:<12} {value}"));
        }
    };
    out.line(&format!("{} ({})", spec.title, spec.name));
    row("what", spec.about.to_string());
    row(
        "text",
        match spec.text.max {
            Some(max) => format!("{max} {}", units(spec.text.unit)),
            None => "without limit".into(),
        },
    );
    row("also", spec.text.also.map(|(unit, max)| format!("{max} {}", units(unit))).unwrap_or_default());
    row("markup", word(spec.text.markup));
    row(
        "media",
        match spec.media.max {
            0 => "none".into(),
            max => format!("{max} in a post{}", if spec.media.required { ", at least one" } else { "" }),
        },
    );
    if let Some(image) = spec.media.image {
        row("images", format!("{}, {} bytes each, {}", image.max, image.bytes, image.mimes.join(" ")));
    }
    if let Some(video) = spec.media.video {
        row("videos", format!("{}, {} bytes each, {}", video.max, video.bytes, video.mimes.join(" ")));
    }
    if let Some(file) = spec.media.file {
        row("files", format!("{}, {} bytes each, {}", file.max, file.bytes, file.mimes.join(" ")));
    }
    let can: Vec<&str> = [
        (spec.threads, "threads"),
        (spec.replies, "replies"),
        (spec.quotes, "quotes"),
        (spec.poll.is_some(), "polls"),
        (spec.warnings, "content warnings"),
        (spec.languages, "languages"),
        (platform.find().is_some(), "reads back"),
        (spec.location, "places"),
        (spec.comments.is_some(), "first comments"),
        (platform.edit().is_some(), "edits"),
        (platform.delete().is_some(), "deletes"),
    ]
    .into_iter()
    .filter_map(|(can, word)| can.then_some(word))
    .collect();
    row("can", can.join(", "));
    row("repeat", spec.repeat.word().to_string());
    for (head, fields) in [("account", spec.fields), ("options", spec.options)] {
        for field in fields {
            let required = if field.required { ", required" } else { "" };
            let kind = match field.kind {
                FieldKind::Choice(words) => words.join(", "),
                other => kind(other).to_string(),
            };
            row(head, format!("{} ({kind}{required}): {}", field.name, field.help));
        }
    }
    row("checked", format!("{} against {}", spec.checked, spec.sources.join(" ")));
}

/// What is counted, for somebody who writes a text.
fn units(unit: Unit) -> &'static str {
    match unit {
        Unit::Graphemes => "characters (an emoji counts 1)",
        Unit::Mastodon => "characters (a link counts 23, `@ann@example.org` as `@ann`)",
        Unit::Scalars => "characters (an emoji counts its code points, mostly 1 or 2)",
        Unit::Utf16 => "characters (UTF-16 units: an emoji counts 2 or more)",
        Unit::Bytes => "bytes (UTF-8: `é` counts 2, most emoji 4 or more)",
        Unit::Weighted => "characters (a link counts 23, an emoji 2, a Chinese or Japanese character 2)",
        Unit::EmojiBytes => "characters (an emoji counts its bytes, mostly 4 or more)",
    }
}

/// An enum's word as it is in JSON.
fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).unwrap_or_default().as_str().unwrap_or_default().replace('_', " ")
}
