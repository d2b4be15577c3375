//! `xpost delete`: takes posts back at the networks that can.

use serde_json::{Value, json};

use super::delivery::{self, Patience};
use super::docs;
use super::out::Paint;
use super::retry::chosen;
use super::trouble::{Exit, Trouble};
use super::world::{World, block_on_many};
use crate::net::{Fault, Kind};
use crate::platform::Receipt;
use crate::store::{DeliveryRow, PartState};

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
        let there: Vec<&DeliveryRow> = deliveries.iter().filter(|d| d.parts.iter().any(to_delete)).collect();
        if !args.yes && !there.is_empty() {
            confirm(&there, world)?;
        }
        let engine = delivery::engine(world, Patience::none())?;
        let store = world.store()?;
        let (mut done, mut failed, mut login) = (0, 0, false);
        let mut results = Vec::new();
        for delivery in there {
            let result = match delivery.account_id {
                None => Err(Fault::new(Kind::Local, "its account was removed from xpost")),
                Some(id) => match store.account_by_id(id).await? {
                    None => Err(Fault::new(Kind::Local, "its account was removed from xpost")),
                    Some(account) => engine.session(account).await,
                },
            };
            let result = match result {
                Ok(session) => {
                    let mut result = Ok(());
                    // the end of a thread first, so that no reply is left without its beginning
                    for part in delivery.parts.iter().rev().filter(|part| to_delete(part)) {
                        let receipt =
                            part.receipt.clone().and_then(|receipt| serde_json::from_value::<Receipt>(receipt).ok());
                        let Some(receipt) = receipt else { continue };
                        result = engine.delete(&session, part.id, &receipt).await;
                        if result.is_err() {
                            break;
                        }
                    }
                    result
                }
                Err(fault) => Err(fault),
            };
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
            results.push(json!({
                "post": delivery.post_id,
                "account": delivery.account,
                "platform": delivery.platform,
                "deleted": result.is_ok(),
                "fault": result.as_ref().err().map_or(Value::Null, docs::fault),
            }));
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

fn to_delete(part: &crate::store::PartRow) -> bool {
    part.state == PartState::Sent && part.deleted_at.is_none()
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
