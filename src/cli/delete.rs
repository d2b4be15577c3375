//! `xpost delete`: takes posts back at the networks that can.

use serde_json::json;

use super::delivery::{self, Patience};
use super::docs;
use super::out::Paint;
use super::retry::chosen;
use super::trouble::{Exit, Trouble};
use super::world::{World, block_on_many};
use crate::net::Kind;
use crate::store::{DeliveryRow, PartRow};

/// Delete a post at the networks that can, and remember it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  xpost delete 12 --yes\n  xpost delete 12 --to bluesky --yes")]
pub struct Args {
    /// Posts, see `xpost history`
    #[arg(required = true)]
    posts: Vec<i64>,
    /// Only these accounts or platforms
    #[arg(short, long, value_name = "TARGET")]
    to: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    block_on_many(async {
        let deliveries = chosen(world, &args.posts, &args.to, &[]).await?;
        let there: Vec<&DeliveryRow> = deliveries.iter().filter(|d| d.parts.iter().any(PartRow::there)).collect();
        if !args.yes && !there.is_empty() {
            confirm(&there, world)?;
        }
        let engine = delivery::engine(world, Patience::none())?;
        let (mut done, mut failed, mut login) = (0, 0, false);
        let mut results = Vec::new();
        for delivery in there {
            let result = engine.take_back(delivery).await;
            let (mark, why) = match &result {
                Ok(()) => {
                    done += 1;
                    (world.out.paint(Paint::Good, "deleted"), String::new())
                }
                Err(fault) => {
                    failed += 1;
                    login |= fault.kind == Kind::Auth;
                    (world.out.paint(Paint::Bad, "failed"), format!("  {fault}"))
                }
            };
            if !world.out.json {
                world.out.line(&format!("{mark}  {}{why}", delivery.account));
            }
            results.push(docs::taken_back(delivery, &result));
        }
        if world.out.json {
            world.out.document("delete", json!({ "results": results }));
        } else if results.is_empty() {
            world.out.note("there is nothing of it to delete");
        }
        Ok(match (done, failed) {
            (_, 0) => Exit::Done,
            (0, _) if login => Exit::Login,
            (0, _) => Exit::Nothing,
            _ => Exit::Partly,
        })
    })
}

fn confirm(there: &[&DeliveryRow], world: &World) -> Result<(), Trouble> {
    use std::io::IsTerminal;
    let names: Vec<&str> = there.iter().map(|delivery| delivery.account.as_str()).collect();
    if !std::io::stdin().is_terminal() || world.out.json {
        return Err(Trouble::usage(format!("nothing was deleted: say `--yes` to delete at {}", names.join(", "))));
    }
    let sure = dialoguer::Confirm::new()
        .with_prompt(format!("delete for good at {}?", names.join(", ")))
        .default(false)
        .interact()
        .map_err(|error| Trouble::usage(format!("the terminal cannot be asked: {error}")))?;
    if sure { Ok(()) } else { Err(Trouble::usage("nothing was deleted")) }
}
