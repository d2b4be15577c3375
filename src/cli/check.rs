//! `xpost check`: everything that can be said before anything is sent.

use serde_json::{Value, json};

use super::docs;
use super::input::{self, DraftArgs};
use super::notes::Notes;
use super::out::{Paint, one_line};
use super::planning::{self, Depth, Planned};
use super::trouble::{Exit, Trouble};
use super::world::{World, block_on, title_of};
use crate::account::Target;
use crate::plan::Plan;
use crate::platform;

/// Check drafts for their targets, offline: parts, counts, warnings and problems
///
/// Needs no network, no secret and no account: the name of a platform stands for its published defaults.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  xpost check draft.md --to all
  xpost check *.md --to mastodon,bluesky --json

Exits with 0 if nothing is wrong, with 3 if a target has a problem.")]
pub struct Args {
    #[command(flatten)]
    drafts: DraftArgs,
}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    block_on(async {
        let drafts = input::read(&args.drafts, world)?;
        let planned = planning::plan(drafts, &args.drafts, Depth::Offline, world).await?;
        Ok(show("check", &planned, world))
    })
}

/// Prints the plans, without their payloads.
pub fn show(kind: &str, planned: &[Planned], world: &World) -> Exit {
    let good = planned.iter().all(Planned::good);
    if world.out.json {
        let drafts: Vec<Value> = planned.iter().map(|planned| document(planned, false)).collect();
        world.out.document(kind, json!({ "ok": good, "drafts": drafts }));
    } else {
        for (index, one) in planned.iter().enumerate() {
            if planned.len() > 1 {
                if index > 0 {
                    world.out.line("");
                }
                world.out.line(&world.out.paint(Paint::Bold, &one_line(&one.draft.source)));
            }
            table(one, world);
        }
    }
    if good { Exit::Done } else { Exit::Refused }
}

fn table(planned: &Planned, world: &World) {
    let out = &world.out;
    let rows: Vec<Vec<String>> = planned
        .targets
        .iter()
        .map(|(target, plan)| {
            let mark = match (plan.problems.is_empty(), plan.warnings.is_empty()) {
                (true, true) => out.paint(Paint::Good, "ok"),
                (true, false) => out.paint(Paint::Warn, "warning"),
                _ => out.paint(Paint::Bad, "problem"),
            };
            let counts: Vec<String> = plan
                .parts
                .iter()
                .map(|part| {
                    part.limit.map_or_else(|| part.count.to_string(), |limit| format!("{}/{limit}", part.count))
                })
                .collect();
            vec![target.name().to_string(), mark, plan.parts.len().to_string(), counts.join(" ")]
        })
        .collect();
    out.table(&["TARGET", "STATE", "PARTS", "LENGTH"], &rows);
    for (target, plan) in &planned.targets {
        if let Some(cost) = plan.cost() {
            out.line(&format!("{} {}: about {cost}", out.paint(Paint::Dim, "cost:"), target.name()));
        }
    }
    for (paint, word, of) in [
        (Paint::Bad, "problem", (|plan: &Plan| plan.problems.clone()) as fn(&Plan) -> _),
        (Paint::Warn, "warning", |plan: &Plan| plan.warnings.clone()),
        (Paint::Dim, "change", |plan: &Plan| plan.changes.clone()),
    ] {
        if word == "change" && out.quiet {
            continue;
        }
        let mut notes = Notes::default();
        for (target, plan) in &planned.targets {
            for note in of(plan) {
                let part = note
                    .part
                    .filter(|_| plan.parts.len() > 1)
                    .map_or_else(String::new, |part| format!("part {part}: "));
                notes.add(target.name(), title_of(target.platform()), &format!("{part}{}", note.message));
            }
        }
        for (names, text) in notes.lines() {
            out.line(&format!("{} {names}: {}", out.paint(paint, &format!("{word}:")), one_line(&text)));
        }
    }
}

/// One draft with its plans; `payloads`: with all that is sent.
pub fn document(planned: &Planned, payloads: bool) -> Value {
    let targets: Vec<Value> = planned
        .targets
        .iter()
        .map(|(target, plan)| {
            let unit = platform::by_name(&plan.platform).map(|platform| platform.spec().text.unit);
            let parts: Vec<Value> = plan
                .parts
                .iter()
                .enumerate()
                .map(|(index, part)| {
                    let mut value = json!({
                        "part": index + 1,
                        "of": plan.parts.len(),
                        "count": part.count,
                        "limit": part.limit,
                        "unit": unit,
                        "text": part.text.text,
                        "media": part.media.iter().map(|one| json!({
                            "name": one.media.name, "mime": one.media.mime, "bytes": one.media.bytes,
                            "width": one.media.width, "height": one.media.height, "alt": one.alt,
                        })).collect::<Vec<_>>(),
                        "card": part.card.as_ref().map(|card| json!({
                            "url": card.url, "title": card.title, "description": card.description, "image": card.image.is_some(),
                        })),
                        "comment": part.comment,
                        "cost": part.cost.as_ref().map(docs::cost),
                    });
                    if payloads && let Value::Object(value) = &mut value {
                        value.insert("payload".into(), part.payload.clone());
                    }
                    value
                })
                .collect();
            let mut value = json!({
                "target": target.name(),
                "platform": plan.platform,
                "account": matches!(target, Target::Account(_)),
                "ok": plan.good(),
                "at": plan.at.map(docs::time),
                "cost": plan.cost().as_ref().map(docs::cost),
                "parts": parts,
                "problems": docs::notes(&plan.problems),
                "warnings": docs::notes(&plan.warnings),
                "changes": docs::notes(&plan.changes),
            });
            if payloads && let Value::Object(value) = &mut value {
                value.insert("plan".into(), plan.hash.clone().into());
            }
            value
        })
        .collect();
    json!({ "source": planned.draft.source, "draft": planned.draft.hash, "targets": targets })
}
