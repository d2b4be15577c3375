//! `xpost edit`: other words for a post that is out.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::delivery::{self, Patience};
use super::docs;
use super::history;
use super::input::{self, DraftArgs};
use super::out::{Paint, one_line};
use super::planning::{self, Depth};
use super::publish;
use super::retry::chosen;
use super::trouble::{Exit, Trouble};
use super::world::{World, block_on_many};
use crate::account::Target;
use crate::net::{Fault, Kind};
use crate::store::{DeliveryRow, PartRow};

/// Change the text of a post at the networks that can, to what a draft says now
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  xpost edit 12 draft.md
  xpost edit 12 --text 'Ferris 2.0.1 is out' --to mastodon

Pictures stay as they are. A network that cannot change posts says so, and what is there stays.")]
pub struct Args {
    /// The post, see `xpost history`
    post: i64,
    /// The draft in Markdown (or .txt) as it is to be now; `-` is standard input
    #[arg(value_name = "DRAFT")]
    draft: Vec<std::path::PathBuf>,
    /// The text itself, instead of a file
    #[arg(long, value_name = "TEXT", conflicts_with = "draft")]
    text: Option<String>,
    /// Only these accounts or platforms
    #[arg(short, long, value_name = "TARGET")]
    to: Vec<String>,
    /// A variable for `{{ KEY }}` in the draft; `XPOST_VAR_KEY` in the environment is the same
    #[arg(long, value_name = "KEY=VALUE")]
    var: Vec<String>,
}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    block_on_many(async {
        let store = world.store()?;
        let all = history::post(&store, args.post).await?.1;
        let mut deliveries = chosen(world, &[args.post], &args.to, &[]).await?;
        deliveries.retain(|delivery| delivery.parts.iter().any(PartRow::there));
        if deliveries.is_empty() {
            return Err(Trouble::usage(format!("nothing of post {} is posted there", args.post))
                .detail("one that still waits is changed by `xpost cancel` and publishing the new draft")
                .next(format!("xpost history show {}", args.post)));
        }
        let to = deliveries.iter().map(|delivery| delivery.account.clone()).collect();
        let drafts = DraftArgs { drafts: args.draft, text: args.text, to, var: args.var };
        let read = input::read(&drafts, world)?;
        if read.len() != 1 {
            return Err(Trouble::usage("one post is changed by one draft; name one"));
        }
        let planned = planning::plan(read, &drafts, Depth::Send, world).await?.remove(0);
        let body = publish::body(&planned);
        let engine = delivery::engine(world, Patience::none())?;
        let (mut work, mut plans) = (JoinSet::new(), Vec::new());
        let mut results: Vec<(DeliveryRow, Result<Vec<usize>, Fault>)> = Vec::new();
        for (target, plan) in planned.targets {
            let Target::Account(account) = target else { continue };
            let Some(delivery) = deliveries.iter().find(|delivery| delivery.account_id == Some(account.id)).cloned()
            else {
                continue;
            };
            if !plan.good() {
                let why: Vec<&str> = plan.problems.iter().map(|problem| problem.message.as_str()).collect();
                results.push((delivery, Err(Fault::new(Kind::Unsupported, why.join("; ")))));
                continue;
            }
            plans.push((delivery.id, plan.hash.clone()));
            let engine = engine.clone();
            work.spawn(async move {
                let done = engine.edit(delivery.id, &plan.parts, &plan.hash).await;
                (delivery, done)
            });
        }
        while let Some(done) = work.join_next().await {
            results.push(done.map_err(|error| Trouble::local(format!("an edit broke off: {error}")))?);
        }
        results.sort_by(|(a, _), (b, _)| a.account.cmp(&b.account));
        // everywhere the same again: the draft is this one from now on
        let there = all.iter().filter(|delivery| delivery.parts.iter().any(PartRow::there)).count();
        if results.iter().all(|(_, done)| done.is_ok()) && results.len() == there {
            let (title, hash) = (planned.draft.fields.title.clone(), planned.draft.hash.clone());
            store.rewritten(args.post, title, body, hash, plans).await?;
        }
        Ok(report(args.post, &results, world))
    })
}

fn report(post: i64, results: &[(DeliveryRow, Result<Vec<usize>, Fault>)], world: &World) -> Exit {
    let failed = results.iter().filter(|(_, done)| done.is_err()).count();
    let kinds = || results.iter().filter_map(|(_, done)| done.as_ref().err()).map(|fault| fault.kind);
    let exit = match (results.len() - failed, failed) {
        (_, 0) => Exit::Done,
        (0, _) if kinds().all(|kind| kind == Kind::Unsupported) => Exit::Refused,
        (0, _) if kinds().any(|kind| kind == Kind::Auth) => Exit::Login,
        (0, _) => Exit::Nothing,
        _ => Exit::Partly,
    };
    if world.out.json {
        let results: Vec<Value> = results
            .iter()
            .map(|(delivery, done)| {
                json!({
                    "account": delivery.account,
                    "platform": delivery.platform,
                    "url": delivery.url(),
                    "changed": done.as_ref().map(|parts| parts.iter().map(|part| part + 1).collect::<Vec<_>>()).unwrap_or_default(),
                    "fault": done.as_ref().err().map_or(Value::Null, docs::fault),
                })
            })
            .collect();
        world.out.document("edit", json!({ "exit": exit as u8, "post": post, "results": results }));
        return exit;
    }
    let rows: Vec<Vec<String>> = results
        .iter()
        .map(|(delivery, done)| {
            let (word, says) = match done {
                Ok(parts) if parts.is_empty() => (world.out.paint(Paint::Dim, "same"), String::new()),
                Ok(_) => (world.out.paint(Paint::Good, "edited"), delivery.url().unwrap_or_default().to_string()),
                Err(fault) => (world.out.paint(Paint::Bad, "failed"), one_line(&fault.to_string())),
            };
            vec![word, delivery.account.clone(), says]
        })
        .collect();
    let lines = super::out::table(&["", "", ""], &rows, usize::MAX);
    lines.iter().skip(1).for_each(|line| world.out.line(line));
    exit
}
