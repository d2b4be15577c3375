//! `xpost resolve`: settles what may or may not have been posted.

use std::io::IsTerminal;

use chrono::Utc;
use serde_json::{Value, json};

use super::delivery::{self, Patience};
use super::docs;
use super::out::{Paint, one_line};
use super::retry::chosen;
use super::trouble::{Exit, Trouble};
use super::world::{World, block_on_many};
use crate::deliver::Engine;
use crate::net::Fault;
use crate::platform::{Found, Receipt};
use crate::store::{DeliveryRow, PartState, Scope, Store};

/// Settle posts whose outcome is unknown: ask the network, or say yourself what became of them
///
/// Without an answer of the network or yours nothing is done: a guess would be a lost post or a second one.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  xpost resolve                                      asks every network that can be asked
  xpost resolve 12 --to discord --posted             I have seen it there
  xpost resolve 12 --to discord --not-posted         it is not there: send it now")]
pub struct Args {
    /// Posts; without one all whose outcome is unknown
    posts: Vec<i64>,
    /// Only these accounts or platforms
    #[arg(short, long, value_name = "TARGET")]
    to: Vec<String>,
    /// It was posted; with the address, if you have it
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "", conflicts_with = "not_posted", requires = "posts")]
    posted: Option<String>,
    /// It was not posted: send it now
    #[arg(long, requires = "posts")]
    not_posted: bool,
    /// Wait so long for networks that ask to come back later
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

/// What is known now of an unknown part.
enum Word {
    Posted(Receipt),
    NotPosted,
    /// Still nothing, and why.
    Open(String),
}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    if args.posted.as_deref().is_some_and(|url| !url.is_empty() && url::Url::parse(url).is_err()) {
        return Err(Trouble::usage("what stands after `--posted` is not an address"));
    }
    let patience = Patience::of(args.wait, world)?;
    block_on_many(async {
        let store = world.store()?;
        let engine = delivery::engine(world, patience)?;
        engine.recover().await?;
        let mut deliveries = chosen(world, &args.posts, &args.to, &[PartState::Unknown]).await?;
        deliveries.retain(|delivery| delivery.state() == PartState::Unknown);
        if deliveries.is_empty() && !world.out.json {
            world.out.note("no outcome is unknown");
        }
        if args.posted.as_deref().is_some_and(|url| !url.is_empty()) && deliveries.len() > 1 {
            return Err(Trouble::usage("an address belongs to one target; name it with `--to`"));
        }
        let mut again = Vec::new();
        let mut results = Vec::new();
        for delivery in &deliveries {
            let Some(part) = delivery.parts.iter().find(|part| part.state == PartState::Unknown) else { continue };
            let mut by = "resolve";
            let word = match (&args.posted, args.not_posted) {
                (Some(url), _) => Word::Posted(receipt(url)),
                (None, true) => Word::NotPosted,
                (None, false) => {
                    by = "find";
                    match ask_network(&engine, &store, delivery, part.index).await {
                        Word::Open(why) => match ask_person(delivery, &why, world)? {
                            Some(word) => {
                                by = "resolve";
                                word
                            }
                            None => Word::Open(why),
                        },
                        word => word,
                    }
                }
            };
            let (state, why) = match word {
                Word::Posted(receipt) => {
                    let receipt = serde_json::to_value(&receipt).map_err(|error| Trouble::local(error.to_string()))?;
                    store.resolve(part.id, Some(receipt), by, Utc::now()).await?;
                    // the rest of its thread
                    again.push(delivery.id);
                    ("posted", None)
                }
                Word::NotPosted if delivery.account_id.is_none() => {
                    // nobody is left who could send it
                    store.resolve(part.id, None, by, Utc::now()).await?;
                    store.cancel(vec![delivery.id]).await?;
                    ("not_posted", Some("its account was removed from xpost".to_string()))
                }
                Word::NotPosted => {
                    store.resolve(part.id, None, by, Utc::now()).await?;
                    again.push(delivery.id);
                    ("not_posted", None)
                }
                Word::Open(why) => ("unknown", Some(why)),
            };
            if !world.out.json {
                let (paint, says) = match state {
                    "posted" => (Paint::Good, "it was posted".to_string()),
                    "not_posted" if why.is_some() => (
                        Paint::Warn,
                        "it was not posted, and is not sent: its account was removed from xpost".to_string(),
                    ),
                    "not_posted" => (Paint::Good, "it was not posted, and is sent now".to_string()),
                    _ => (Paint::Warn, format!("still unknown: {}", why.as_deref().unwrap_or_default())),
                };
                let line = format!(
                    "post {} part {}/{} on {}: {says}",
                    delivery.post_id,
                    part.index + 1,
                    part.of,
                    delivery.account
                );
                world.out.note(&world.out.err_paint(paint, &line));
            }
            results.push(json!({
                "post": delivery.post_id, "account": delivery.account, "platform": delivery.platform,
                "part": part.index + 1, "answer": state, "why": why,
            }));
        }
        let interrupted =
            if again.is_empty() { false } else { delivery::work(&engine, Scope::Deliveries(again), world).await? };
        let mut posts: Vec<i64> = deliveries.iter().map(|delivery| delivery.post_id).collect();
        posts.sort_unstable();
        posts.dedup();
        let only: Vec<i64> = deliveries.iter().map(|delivery| delivery.id).collect();
        let outcomes = delivery::outcomes(&store, &posts, Some(&only)).await?;
        if !world.out.json {
            return Ok(delivery::report("resolve", &outcomes, interrupted, world));
        }
        let exit = delivery::exit(&outcomes, interrupted);
        let posts: Vec<Value> = outcomes
            .iter()
            .filter_map(|outcome| outcome.post.as_ref().map(|post| docs::post(post, &outcome.deliveries).into()))
            .collect();
        world.out.document("resolve", json!({ "exit": exit as u8, "answers": results, "posts": posts }));
        Ok(exit)
    })
}

fn receipt(url: &str) -> Receipt {
    Receipt { id: String::new(), url: (!url.is_empty()).then(|| url.to_string()), extra: Value::Null }
}

async fn ask_network(engine: &Engine, store: &Store, delivery: &DeliveryRow, index: usize) -> Word {
    let open = |fault: Fault| Word::Open(fault.to_string());
    let account = match delivery.account_id {
        None => return Word::Open("its account was removed from xpost".into()),
        Some(id) => match store.account_by_id(id).await {
            Ok(Some(account)) => account,
            Ok(None) => return Word::Open("its account was removed from xpost".into()),
            Err(error) => return Word::Open(error.to_string()),
        },
    };
    let session = match engine.session(account).await {
        Ok(session) => session,
        Err(fault) => return open(fault),
    };
    match engine.find(&session, delivery, index).await {
        Ok(Found::Yes(receipt)) => Word::Posted(receipt),
        Ok(Found::No) => Word::NotPosted,
        Ok(Found::Unsure) => Word::Open("what the network shows does not tell".into()),
        Err(fault) => open(fault),
    }
}

/// On a terminal, what the person says.
fn ask_person(delivery: &DeliveryRow, why: &str, world: &World) -> Result<Option<Word>, Trouble> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() || world.out.json || world.out.quiet {
        return Ok(None);
    }
    let Some(part) = delivery.parts.iter().find(|part| part.state == PartState::Unknown) else { return Ok(None) };
    let text = part.text.get("text").and_then(Value::as_str).unwrap_or_default();
    world.out.say(&format!("{}: {}", delivery.account, why));
    world.out.say(&format!("  {}", super::out::cut(&one_line(text), 100)));
    let choice = dialoguer::Select::new()
        .with_prompt(format!("look at {}: is it there?", delivery.account))
        .items(["leave it open", "yes, it was posted", "no, send it now"])
        .default(0)
        .interact()
        .map_err(|error| Trouble::usage(format!("the terminal cannot be asked: {error}")))?;
    Ok(match choice {
        1 => Some(Word::Posted(receipt(""))),
        2 => Some(Word::NotPosted),
        _ => None,
    })
}
