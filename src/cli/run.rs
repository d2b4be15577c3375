//! `xpost run`: delivers what is due.

use super::delivery::{self, Patience, TakenBack};
use super::trouble::{Exit, Trouble};
use super::world::{World, block_on_many};
use crate::deliver::Engine;
use crate::net::Kind;
use crate::store::{PartRow, Scope, Store};

/// Deliver what is due: scheduled posts, posts that a network asked to try later; take back what has expired
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
        delivery::ending(&outcomes, &store, world).await;
        let taken_back = if interrupted { Vec::new() } else { expired(&engine, &store).await? };
        if !interrupted {
            super::media_host::sweep(&engine, world).await;
        }
        if outcomes.is_empty() && taken_back.is_empty() && !world.out.json {
            world.out.note("nothing is due");
        }
        Ok(delivery::report_with("run", &outcomes, Some(&taken_back), interrupted, world))
    })
}

/// Takes back what has expired. What a network does not let us take back is told once, not at every run.
async fn expired(engine: &Engine, store: &Store) -> Result<Vec<TakenBack>, Trouble> {
    let mut done = Vec::new();
    for delivery in store.deliveries_expired(chrono::Utc::now()).await? {
        // what is still on its way is taken back when it is out
        if delivery.parts.iter().any(|part| !part.state.settled()) {
            continue;
        }
        let result = engine.take_back(&delivery).await;
        if result.as_ref().err().is_none_or(|fault| !fault.kind.transient() && fault.kind != Kind::Auth) {
            store.expired(delivery.id).await?;
        }
        if result.is_err() || delivery.parts.iter().any(PartRow::there) {
            done.push(TakenBack { delivery, result });
        }
    }
    Ok(done)
}
