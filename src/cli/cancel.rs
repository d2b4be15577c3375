//! `xpost cancel`: what is not sent yet is not sent.

use super::delivery;
use super::retry::chosen;
use super::trouble::{Exit, Trouble};
use super::world::{World, block_on};
use crate::store::PartState;
use serde_json::json;

/// Cancel what is scheduled, waiting or failed; what is being sent right now goes on
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  xpost cancel 12\n  xpost cancel 12 --to mastodon")]
pub struct Args {
    /// Posts, see `xpost history`
    #[arg(required = true)]
    posts: Vec<i64>,
    /// Only these accounts or platforms
    #[arg(short, long, value_name = "TARGET")]
    to: Vec<String>,
}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    block_on(async {
        let store = world.store()?;
        let deliveries = chosen(world, &args.posts, &args.to, &[]).await?;
        let ids: Vec<i64> = deliveries.iter().map(|delivery| delivery.id).collect();
        let parts = store.cancel(ids.clone()).await?;
        let outcomes = delivery::outcomes(&store, &args.posts, Some(&ids)).await?;
        let going: Vec<&str> = outcomes
            .iter()
            .flat_map(|outcome| &outcome.deliveries)
            .filter(|delivery| {
                delivery.parts.iter().any(|part| matches!(part.state, PartState::Preparing | PartState::Sending))
            })
            .map(|delivery| delivery.account.as_str())
            .collect();
        if world.out.json {
            world.out.document("cancel", json!({ "posts": args.posts, "parts": parts, "going_on": going }));
        } else {
            world.out.line(&format!("{parts} part{} cancelled", if parts == 1 { "" } else { "s" }));
            let open = outcomes
                .iter()
                .flat_map(|outcome| &outcome.deliveries)
                .any(|delivery| delivery.state() == PartState::Queued);
            if open {
                world.out.note("what may have been posted already cannot be cancelled; next: xpost run (finds out)");
            }
            if !going.is_empty() {
                world.out.warn(&format!("being sent right now, so not cancelled: {}", going.join(", ")));
            }
        }
        Ok(Exit::Done)
    })
}
