//! `xpost run`: delivers what is due.

use super::delivery::{self, Patience};
use super::trouble::{Exit, Trouble};
use super::world::{World, block_on_many};
use crate::store::Scope;

/// Deliver what is due: scheduled posts, and posts that a network asked to try later
///
/// Made for a timer (cron, systemd, a scheduled pipeline). Two of them at once do not post twice.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  xpost run\n  */5 * * * * xpost run --quiet")]
pub struct Args {
    /// Wait so long for networks that ask to come back later
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    let patience = Patience::of(args.wait, world)?;
    block_on_many(async {
        let store = world.store()?;
        let engine = delivery::engine(world, patience)?;
        let open = store.deliveries_due(chrono::Utc::now()).await?;
        let mut posts: Vec<i64> = open.iter().map(|delivery| delivery.post_id).collect();
        posts.sort_unstable();
        posts.dedup();
        let only: Vec<i64> = open.iter().map(|delivery| delivery.id).collect();
        let interrupted = delivery::work(&engine, Scope::Due, world).await?;
        let outcomes = delivery::outcomes(&store, &posts, Some(&only)).await?;
        if outcomes.is_empty() && !world.out.json {
            world.out.note("nothing is due");
        }
        Ok(delivery::report("run", &outcomes, interrupted, world))
    })
}
