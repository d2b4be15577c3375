//! `xpost publish`: drafts in, posts out.

use std::collections::BTreeMap;

use super::delivery::{self, Outcome, Patience, Refused};
use super::input::{self, DraftArgs};
use super::notes::Notes;
use super::planning::{self, Depth, Planned};
use super::trouble::{Exit, Trouble};
use super::world::{World, block_on_many, platform_of, title_of};
use super::{check, out::one_line};
use crate::account::Target;
use crate::deliver::{AddOptions, Engine, Order, Written};
use crate::draft::Draft;
use crate::platform::{AccountInfo, PlanNote, Repeat};
use crate::store::{Account, PartState, Scope};

/// Publish drafts on their targets, each exactly once
///
/// Everything is checked before anything is sent. The same draft is never posted twice to the same account: a second run
/// completes what is missing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  xpost publish draft.md --to all
  echo 'It works' | xpost publish - --to mastodon,bluesky
  xpost publish release.md --to @work --var version=2.0 --once v2.0
  xpost publish draft.md --at '2026-12-01 09:00'     then `xpost run` from a timer
  xpost publish                                       opens $EDITOR")]
pub struct Args {
    #[command(flatten)]
    drafts: DraftArgs,
    /// Post once for this key (a tag, say), also on machines that remember nothing
    #[arg(long, value_name = "KEY")]
    once: Option<String>,
    /// Post it again, even if the same draft was posted before
    #[arg(long, conflicts_with = "once")]
    again: bool,
    /// Send only if the plan is still the one of `xpost preview --json`
    #[arg(long, value_name = "HASH")]
    plan: Option<String>,
    /// Send nothing at all if one target has a problem
    #[arg(long)]
    all_or_none: bool,
    /// Not before this time: `2026-12-01 09:00` in your zone
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Wait so long for networks that ask to come back later
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    /// Check only, as `xpost check`
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// How to send what was planned.
#[derive(Debug, Clone, Default)]
pub struct Sending {
    pub once: Option<String>,
    pub again: bool,
    pub all_or_none: bool,
}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    let drafts = drafts(&args, world).map_err(unsent)?;
    let patience = Patience::of(args.wait, world).map_err(unsent)?;
    block_on_many(async {
        if args.dry_run {
            let planned = planning::plan(drafts, &args.drafts, Depth::Offline, world).await?;
            return Ok(check::show("check", &planned, world));
        }
        let planned = plans(drafts, &args, world).await.map_err(unsent)?;
        let sending = Sending { once: args.once, again: args.again, all_or_none: args.all_or_none };
        let engine = delivery::engine(world, patience).map_err(unsent)?;
        send("publish", planned, &sending, &engine, world).await
    })
}

/// Trouble from before anything was put into the journal.
fn unsent(trouble: Trouble) -> Trouble {
    if trouble.message.contains("nothing was sent") { trouble } else { trouble.detail("nothing was sent") }
}

fn drafts(args: &Args, world: &World) -> Result<Vec<Draft>, Trouble> {
    let mut drafts = input::read(&args.drafts, world)?;
    if args.once.is_some() && drafts.len() != 1 {
        return Err(Trouble::usage("`--once` goes with one draft: the key stands for one post"));
    }
    if args.once.as_deref().is_some_and(|key| key.trim().is_empty()) {
        return Err(Trouble::usage("the key of `--once` is empty"));
    }
    if let Some(at) = &args.at {
        let zone = input::zone(world, None)?;
        crate::draft::when::moment(at, zone).map_err(|why| Trouble::usage(format!("`--at`: {why}")))?;
        for draft in &mut drafts {
            draft.fields.at = Some(at.clone());
            draft.on.values_mut().for_each(|fields| fields.at = None);
        }
    }
    Ok(drafts)
}

async fn plans(drafts: Vec<Draft>, args: &Args, world: &World) -> Result<Vec<Planned>, Trouble> {
    let planned = planning::plan(drafts, &args.drafts, Depth::Send, world).await?;
    if let Some(wanted) = &args.plan {
        let hash = planning::hash(&planned);
        if *wanted != hash {
            return Err(Trouble::refused("the plan has changed since the preview; nothing was sent")
                .detail(format!("wanted `{}`", one_line(wanted)))
                .detail(format!("is now `{hash}`"))
                .next("xpost preview"));
        }
    }
    Ok(planned)
}

/// Puts plans into the journal and delivers them.
pub async fn send(
    kind: &str,
    planned: Vec<Planned>,
    sending: &Sending,
    engine: &Engine,
    world: &World,
) -> Result<Exit, Trouble> {
    warnings(&planned, world);
    let stopped = planned.iter().any(|planned| !planned.good()) && sending.all_or_none;
    let mut outcomes = Vec::new();
    let mut now = Vec::new();
    let mut known = Vec::new();
    let mut once_alone: Vec<String> = Vec::new();
    for one in planned {
        let mut outcome = Outcome { source: one.draft.source.clone(), ..Outcome::default() };
        let written = Written {
            source: one.draft.source.clone(),
            title: one.draft.fields.title.clone(),
            body: body(&one),
            hash: one.draft.hash.clone(),
        };
        // one transaction for all targets of a time
        let mut orders: BTreeMap<Option<chrono::DateTime<chrono::Utc>>, Vec<Order>> = BTreeMap::new();
        let begun = chrono::Utc::now();
        for (target, mut plan) in one.targets {
            let Target::Account(account) = target else { continue };
            let expires_at = plan.expires_at(begun);
            if expires_at.is_some_and(|end| end <= begun) {
                plan.problems.push(PlanNote::new("expires", "the time of `expires` is over"));
            }
            if !plan.good() || stopped {
                if !plan.good() {
                    outcome.refused.push(Refused {
                        target: account.name.clone(),
                        platform: plan.platform.clone(),
                        problems: plan.problems,
                    });
                }
                continue;
            }
            if sending.once.is_some() && !lasting(&account)? {
                once_alone.push(account.name.clone());
            }
            half_out(&one.draft, &account, world).await.map_err(unsent)?;
            orders.entry(plan.at).or_default().push(Order {
                account: *account,
                plan_hash: plan.hash,
                parts: plan.parts,
                reply_to: plan.reply_to,
                quote: plan.quote,
                expires_at,
            });
        }
        let mut ids = Vec::new();
        for (at, orders) in orders {
            let options = AddOptions { once: sending.once.clone(), again: sending.again, at };
            let added = match engine.add(&written, &orders, &options).await {
                Ok(added) => added,
                Err(fault) => {
                    let trouble = unsent(fault.into());
                    let before =
                        outcomes.iter().filter(|(_, ids): &&(Outcome, Vec<(i64, i64)>)| !ids.is_empty()).count();
                    return Err(match before {
                        0 => trouble,
                        n => trouble.detail(format!("{n} of the drafts wait in the journal")).next("xpost run"),
                    });
                }
            };
            for added in added {
                if at.is_none_or(|at| at <= chrono::Utc::now()) {
                    now.push(added.delivery_id);
                }
                if !added.fresh {
                    known.push(added.delivery_id);
                }
                ids.push((added.post_id, added.delivery_id));
            }
        }
        outcomes.push((outcome, ids));
    }
    for (outcome, _) in &outcomes {
        for refused in &outcome.refused {
            for problem in &refused.problems {
                world.out.say(&format!(
                    "{} {}: {}: {}",
                    world.out.err_paint(super::out::Paint::Bad, "problem:"),
                    one_line(&outcome.source),
                    refused.target,
                    one_line(&problem.message)
                ));
            }
        }
    }
    for name in once_alone {
        world.out.warn(&format!(
            "{name}: this network cannot be asked what was posted, so `--once` holds on this machine alone, not on one without its history"
        ));
    }
    let store = world.store()?;
    already(&known, world).await?;
    let interrupted =
        if now.is_empty() { false } else { delivery::work(engine, Scope::Deliveries(now), world).await? };
    let mut all = Vec::new();
    for (outcome, ids) in outcomes {
        let mut posts: Vec<i64> = ids.iter().map(|(post, _)| *post).collect();
        posts.sort_unstable();
        posts.dedup();
        let only: Vec<i64> = ids.iter().map(|(_, delivery)| *delivery).collect();
        let mut found = delivery::outcomes(&store, &posts, Some(&only)).await?;
        match found.first_mut() {
            Some(first) => first.refused = outcome.refused,
            None if outcome.refused.is_empty() => {}
            None => found.push(outcome),
        }
        all.extend(found);
    }
    delivery::ending(&all, &store, world).await;
    let exit = delivery::report(kind, &all, interrupted, world);
    if exit == Exit::Refused {
        world.out.note("nothing was sent");
    }
    Ok(exit)
}

/// What deserves a look, once for all targets.
fn warnings(planned: &[Planned], world: &World) {
    if world.out.json {
        return;
    }
    for one in planned {
        let mut notes = Notes::default();
        for (target, plan) in &one.targets {
            let title = title_of(target.platform());
            plan.warnings.iter().for_each(|note| notes.add(target.name(), title, &note.message));
        }
        for (names, text) in notes.lines() {
            world.out.warn(&format!("{names}: {}", one_line(&text)));
        }
    }
}

/// Whether a once key holds on a machine without memory: the network can be asked, or takes the same post only once.
fn lasting(account: &Account) -> Result<bool, Trouble> {
    let platform = platform_of(&account.platform)?;
    Ok(platform.find().is_some() || platform.repeat(&AccountInfo::from(account)) == Repeat::SameId)
}

/// A thread that broke, then its draft was edited: that is another post, and the old one's beginning stays where it is.
async fn half_out(draft: &Draft, account: &Account, world: &World) -> Result<(), Trouble> {
    if ["--text", "stdin", "editor"].contains(&draft.source.as_str()) {
        return Ok(());
    }
    let store = world.store()?;
    for (post, out, all) in store.half_out(draft.source.clone(), draft.hash.clone(), account.id).await? {
        world.out.warn(&format!(
            "{}: post {post}, from a file of this name, is not complete on {} ({out} of {all} parts); if the draft was changed since, \
             this is another post; `xpost retry {post}` completes the old one",
            one_line(&draft.source),
            account.name
        ));
    }
    Ok(())
}

/// Says what was posted before.
async fn already(known: &[i64], world: &World) -> Result<(), Trouble> {
    let store = world.store()?;
    for id in known {
        let Some(delivery) = store.delivery(*id).await? else { continue };
        match delivery.state() {
            PartState::Sent => {
                let url = delivery.url().map_or_else(String::new, |url| format!(" {url}"));
                world.out.note(&format!(
                    "already posted to {}{url}; nothing is sent again (`--again` would)",
                    delivery.account
                ));
            }
            _ => world.out.note(&format!("{} has this draft already; what is missing is completed", delivery.account)),
        }
    }
    Ok(())
}

/// All that was written, for the search.
pub fn body(planned: &Planned) -> String {
    let posts: Vec<&str> = planned.draft.posts.iter().map(|post| post.text.text.as_str()).collect();
    let body = posts.join("\n\n");
    if !body.trim().is_empty() {
        return body;
    }
    let mut texts = planned.plans().flat_map(|plan| &plan.parts).map(|part| part.text.text.as_str());
    texts.find(|text| !text.is_empty()).unwrap_or_default().to_string()
}
