//! `xpost retry`: once more, only what failed.

use super::delivery::{self, Patience};
use super::history;
use super::trouble::{Exit, Trouble};
use super::world::{World, block_on_many};
use crate::store::{DeliveryRow, PartState, Scope};

/// Try again what failed, from the part that failed on; nothing is posted twice
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  xpost retry          everything that failed\n  xpost retry 12\n  xpost retry 12 --to mastodon"
)]
pub struct Args {
    /// Posts; without one all that failed or wait for another try
    posts: Vec<i64>,
    /// Only these accounts or platforms
    #[arg(short, long, value_name = "TARGET")]
    to: Vec<String>,
    /// Wait so long for networks that ask to come back later
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    let patience = Patience::of(args.wait, world)?;
    block_on_many(async {
        let store = world.store()?;
        let mut deliveries = chosen(world, &args.posts, &args.to, &[PartState::Failed, PartState::Queued]).await?;
        deliveries.retain(|delivery| {
            delivery
                .parts
                .iter()
                .any(|part| part.state == PartState::Failed || (part.state == PartState::Queued && part.tries > 0))
        });
        let ids: Vec<i64> = deliveries.iter().map(|delivery| delivery.id).collect();
        let mut posts: Vec<i64> = deliveries.iter().map(|delivery| delivery.post_id).collect();
        posts.sort_unstable();
        posts.dedup();
        if ids.is_empty() {
            if !world.out.json {
                world.out.note("nothing has failed");
            }
            return Ok(delivery::report("retry", &[], false, world));
        }
        let engine = delivery::engine(world, patience)?;
        store.requeue(ids.clone(), chrono::Utc::now()).await?;
        let interrupted = delivery::work(&engine, Scope::Deliveries(ids.clone()), world).await?;
        let outcomes = delivery::outcomes(&store, &posts, Some(&ids)).await?;
        Ok(delivery::report("retry", &outcomes, interrupted, world))
    })
}

/// The deliveries of these posts (or all with a part in one of these states), for these targets (or all).
///
/// # Errors
/// There is no such post, or no such target.
pub async fn chosen(
    world: &World,
    posts: &[i64],
    to: &[String],
    states: &[PartState],
) -> Result<Vec<DeliveryRow>, Trouble> {
    let store = world.store()?;
    let mut deliveries: Vec<DeliveryRow> = Vec::new();
    if posts.is_empty() {
        for state in states {
            for delivery in store.deliveries_in(*state).await? {
                if !deliveries.iter().any(|known| known.id == delivery.id) {
                    deliveries.push(delivery);
                }
            }
        }
    }
    for id in posts {
        deliveries.extend(history::post(&store, *id).await?.1);
    }
    let words: Vec<String> = to
        .iter()
        .flat_map(|text| text.split(','))
        .map(|word| word.trim().to_lowercase())
        .filter(|w| !w.is_empty())
        .collect();
    if words.is_empty() || words.iter().any(|word| word == "all") {
        return Ok(deliveries);
    }
    // an account that was removed still has its deliveries
    let by_name =
        |delivery: &DeliveryRow, word: &str| delivery.account.to_lowercase() == word || delivery.platform == word;
    let mut named: Vec<String> = Vec::new();
    for word in &words {
        if deliveries.iter().any(|delivery| by_name(delivery, word)) {
            named.push(word.clone());
        } else {
            let targets = world.book(false).await?.resolve(std::slice::from_ref(word)).map_err(Trouble::usage)?;
            named.extend(targets.iter().map(|target| target.name().to_lowercase()));
        }
    }
    deliveries.retain(|delivery| named.iter().any(|word| by_name(delivery, word)));
    Ok(deliveries)
}
