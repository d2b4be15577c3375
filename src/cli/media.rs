//! `xpost media`: what a file is, and what each network makes of it.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::docs;
use super::notes::Notes;
use super::out::{Paint, one_line};
use super::trouble::{Exit, Trouble};
use super::world::{World, block_on, platform_of};
use crate::account::{Target, limits_of};
use crate::media::{self, Fit, Media};
use crate::platform::{Judged, Limits, PlanNote, Platform, judge};

/// Show what each network makes of a picture, film or sound: as it is, changed, or not at all
///
/// Reads the files only. Pictures that do not fit are drawn anew when a draft with them is published; films only by ffmpeg, where
/// `config.toml` says `ffmpeg = true`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  xpost media crab.jpg
  xpost media *.jpg --for mastodon,bluesky
  xpost media crab.jpg --for all --json

Exits with 0 if every network takes every file, perhaps changed, with 3 if one does not.")]
pub struct Args {
    /// Pictures, films, sounds
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// For whom: accounts, platforms, @groups or `all`
    #[arg(long = "for", value_name = "TARGET", default_value = "all")]
    targets: Vec<String>,
    /// As with `keep_metadata` in a draft: what says when and where a picture was taken stays in it
    #[arg(long)]
    keep_metadata: bool,
}

/// A target and what it takes.
struct Aim {
    name: String,
    platform: &'static dyn Platform,
    limits: Limits,
}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    block_on(async {
        let aims = aims(&args.targets, world).await?;
        let mut good = true;
        let mut documents = Vec::new();
        for (index, path) in args.files.iter().enumerate() {
            let shown = one_line(&path.display().to_string());
            let looked = media::look(path).map(|mut media| {
                media.about.keep = args.keep_metadata;
                let judged: Vec<Judged> =
                    aims.iter().map(|aim| judge(aim.platform.spec(), &aim.limits, &media)).collect();
                (media, judged)
            });
            good &= looked.as_ref().is_ok_and(|(_, all)| all.iter().all(|one| one.problems.is_empty()));
            if world.out.json {
                documents.push(document(&shown, &looked, &aims));
                continue;
            }
            if index > 0 {
                world.out.line("");
            }
            match &looked {
                Ok((media, judged)) => {
                    world.out.line(&format!("{}: {}", world.out.paint(Paint::Bold, &shown), described(media)));
                    table(&aims, judged, world);
                }
                Err(why) => world.out.line(&format!("{}: {why}", world.out.paint(Paint::Bold, &shown))),
            }
        }
        if world.out.json {
            world.out.document("media", json!({ "ok": good, "files": documents }));
        }
        Ok(if good { Exit::Done } else { Exit::Refused })
    })
}

async fn aims(words: &[String], world: &World) -> Result<Vec<Aim>, Trouble> {
    let book = world.book(true).await?;
    let config = world.config()?;
    let targets = book.resolve(words).map_err(|why| Trouble::usage(why).next("xpost platforms"))?;
    targets
        .iter()
        .map(|target| {
            let platform = platform_of(target.platform())?;
            let (about, settings) = match target {
                Target::Platform(_) => (Value::Null, limits_of(&Value::Null, config, target.platform())),
                Target::Account(account) => {
                    (account.about.clone(), limits_of(&account.settings, config, &account.platform))
                }
            };
            let limits = platform.limits(&about).overridden(&settings);
            Ok(Aim { name: target.name().to_string(), platform, limits })
        })
        .collect()
}

/// One line: kind, size, what is in it.
fn described(media: &Media) -> String {
    let about = &media.about;
    let mut words = vec![media.mime.clone(), format!("{} bytes", media.bytes)];
    if let Some((width, height)) = media.width.zip(media.height) {
        words.push(format!("{width}x{height}"));
    }
    if let Some(millis) = about.millis {
        words.push(format!("{:.1} s", millis as f64 / 1000.0));
    }
    if let Some(bits) = about.bitrate {
        words.push(format!("{} kbit/s", bits / 1000));
    }
    words.extend(about.video.iter().chain(&about.audio).cloned());
    for (is, word) in [(about.animated, "animated"), (about.alpha, "see-through"), (about.turned > 0, "turned")] {
        if is {
            words.push(word.to_string());
        }
    }
    if !about.hidden.is_empty() {
        words.push(format!("with {}", about.hidden.join(", ")));
    }
    one_line(&words.join(", "))
}

fn state(judged: &Judged) -> &'static str {
    match (judged.problems.is_empty(), judged.media.fit.is_some()) {
        (false, _) => "refused",
        (true, true) => "changed",
        (true, false) => "fits",
    }
}

fn table(aims: &[Aim], judged: &[Judged], world: &World) {
    let out = &world.out;
    let rows: Vec<Vec<String>> = aims
        .iter()
        .zip(judged)
        .map(|(aim, one)| {
            let state = state(one);
            let paint = match state {
                "refused" => Paint::Bad,
                "changed" => Paint::Warn,
                _ => Paint::Good,
            };
            let media = &one.media;
            let becomes = match (&media.fit, media.width.zip(media.height)) {
                (None, _) => String::new(),
                (Some(Fit::Film(film)), _) => format!("{} {}x{}, by ffmpeg", media.mime, film.width, film.height),
                (Some(Fit::Clean), _) => "the same without metadata".to_string(),
                (Some(Fit::Remake(_)), Some((width, height))) => format!("{} {width}x{height}", media.mime),
                (Some(Fit::Remake(_)), None) => media.mime.clone(),
            };
            vec![aim.name.clone(), out.paint(paint, state), becomes]
        })
        .collect();
    out.table(&["TARGET", "STATE", "BECOMES"], &rows);
    for (paint, word, of) in [
        (Paint::Bad, "problem", (|one: &Judged| one.problems.clone()) as fn(&Judged) -> Vec<PlanNote>),
        (Paint::Warn, "warning", |one| one.warnings.clone()),
        (Paint::Dim, "change", |one| one.changes.clone()),
    ] {
        if word == "change" && out.quiet {
            continue;
        }
        let mut notes = Notes::default();
        for (aim, one) in aims.iter().zip(judged) {
            of(one).iter().for_each(|note| notes.add(&aim.name, aim.platform.spec().title, &note.message));
        }
        for (names, text) in notes.lines() {
            out.line(&format!("{} {names}: {}", out.paint(paint, &format!("{word}:")), one_line(&text)));
        }
    }
}

fn document(file: &str, looked: &Result<(Media, Vec<Judged>), String>, aims: &[Aim]) -> Value {
    let (media, judged) = match looked {
        Ok((media, judged)) => (media, judged),
        Err(why) => return json!({ "file": file, "error": why, "media": null, "targets": [] }),
    };
    let about = &media.about;
    let targets: Vec<Value> = aims
        .iter()
        .zip(judged)
        .map(|(aim, one)| {
            let becomes = &one.media;
            json!({
                "target": aim.name,
                "platform": aim.platform.spec().name,
                "state": state(one),
                "becomes": becomes.fit.as_ref().map(|fit| json!({
                    "how": match fit { Fit::Clean => "cleaned", Fit::Remake(_) => "drawn", Fit::Film(_) => "by_ffmpeg" },
                    "mime": becomes.mime, "most_bytes": becomes.bytes, "width": becomes.width, "height": becomes.height,
                })),
                "problems": docs::notes(&one.problems),
                "warnings": docs::notes(&one.warnings),
                "changes": docs::notes(&one.changes),
            })
        })
        .collect();
    json!({
        "file": file,
        "error": null,
        "media": {
            "mime": media.mime, "bytes": media.bytes, "width": media.width, "height": media.height,
            "turned": about.turned > 0, "animated": about.animated, "alpha": about.alpha, "hidden": about.hidden,
            "milliseconds": about.millis, "bitrate": about.bitrate, "video": about.video, "audio": about.audio,
        },
        "targets": targets,
    })
}
