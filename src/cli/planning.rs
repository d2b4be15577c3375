//! Drafts to plans: which targets, which facts, one plan for each.

use std::collections::BTreeMap;

use chrono::Utc;

use super::input::{DraftArgs, zone};
use super::out::one_line;
use super::trouble::Trouble;
use super::world::{World, platform_names, platform_of};
use crate::account::{Book, Target, limits_of};
use crate::draft::{Draft, Fields, built_ins};
use crate::host;
use crate::media;
use crate::plan::{self, Known, Plan, Settings};
use crate::platform::{AccountInfo, MediaUse, Part, PlanNote, Receipt};
use crate::store::PartState;

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// No network, no account needed: `check`.
    Offline,
    /// Link cards are read; no account needed: `preview`.
    Cards,
    /// As it will be sent: every target is an account.
    Send,
}

/// One draft with a plan for each of its targets.
pub struct Planned {
    pub draft: Draft,
    pub targets: Vec<(Target, Plan)>,
}

impl Planned {
    pub fn plans(&self) -> impl Iterator<Item = &Plan> {
        self.targets.iter().map(|(_, plan)| plan)
    }

    pub fn good(&self) -> bool {
        self.plans().all(Plan::good)
    }
}

/// The hash of all plans of all drafts.
pub fn hash(planned: &[Planned]) -> String {
    let plans: Vec<Plan> = planned.iter().flat_map(Planned::plans).cloned().collect();
    plan::hash_all(&plans)
}

/// Plans these drafts for their targets.
///
/// # Errors
/// A target is unknown, or the settings are wrong. What is wrong with a draft for one target is in its plan.
pub async fn plan(
    mut drafts: Vec<Draft>,
    args: &DraftArgs,
    depth: Depth,
    world: &World,
) -> Result<Vec<Planned>, Trouble> {
    let book = world.book(depth != Depth::Send).await?;
    let settings = settings(world)?;
    let mut planned = Vec::with_capacity(drafts.len());
    for draft in drafts.drain(..) {
        let targets = targets(&draft, &args.to, depth, &book, world).await?;
        let config = world.config()?;
        let aims: Vec<plan::Target> = targets
            .iter()
            .map(|target| {
                Ok(plan::Target {
                    name: target.name().to_string(),
                    platform: platform_of(target.platform())?,
                    account: match target {
                        Target::Platform(_) => None,
                        Target::Account(account) => {
                            let settings = limits_of(&account.settings, config, &account.platform);
                            Some(AccountInfo { settings, ..AccountInfo::from(account.as_ref()) })
                        }
                    },
                })
            })
            .collect::<Result<_, Trouble>>()?;
        let cards = if depth == Depth::Offline { Vec::new() } else { plan::card_urls(&draft, &aims, &settings) };
        let media = draft.media();
        let away = depth != Depth::Offline && media.iter().any(|medium| media::is_remote(&medium.source));
        let door = if cards.is_empty() && !away { None } else { Some(world.door()?) };
        let cache = world.home()?.cache();
        let facts = media::gather(&media, &draft.base, door.as_deref(), &cards, &cache).await;
        let known = known(&draft, &targets, world).await?;
        let mut stray = strays(&draft, &book);
        // without any account, the names of accounts cannot be known
        let tolerant = depth != Depth::Send && book.accounts.is_empty();
        let with_plans = targets
            .into_iter()
            .zip(&aims)
            .map(|(target, aim)| {
                let mut plan = plan::plan(&draft, &facts, aim, &known, &settings);
                if config.media_host.is_none() {
                    let note = homeless(&plan.parts, aim);
                    if aim.account.is_some() { plan.problems.extend(note) } else { plan.warnings.extend(note) }
                }
                if tolerant {
                    plan.warnings.append(&mut stray.clone())
                } else {
                    plan.problems.append(&mut stray.clone())
                }
                (target, plan)
            })
            .collect();
        stray.clear();
        planned.push(Planned { draft, targets: with_plans });
    }
    Ok(planned)
}

/// Said where the network fetches media from a public address, and there is no place for them.
fn homeless(parts: &[Part], aim: &plan::Target) -> Option<PlanNote> {
    let nobody = AccountInfo::default();
    let account = aim.account.as_ref().unwrap_or(&nobody);
    let fetched = |one: &MediaUse| aim.platform.fetches(account, one.media.class());
    parts
        .iter()
        .flat_map(|part| &part.media)
        .any(fetched)
        .then(|| PlanNote::new("media_host", host::needed("the network", host::NONE)))
}

fn strays(draft: &Draft, book: &Book) -> Vec<PlanNote> {
    let accounts = book.accounts.iter().map(|account| account.name.as_str());
    let names: Vec<&str> = platform_names().into_iter().chain(accounts).collect();
    plan::unknown_names(draft, &names)
}

fn settings(world: &World) -> Result<Settings, Trouble> {
    let config = world.config()?;
    let project = world.project()?;
    let mut people = config.people.clone();
    for (name, handles) in project.iter().flat_map(|project| &project.people) {
        people.entry(name.clone()).or_default().extend(handles.clone());
    }
    let require_alt = project.and_then(|project| project.require_alt).or(config.require_alt);
    let keep_metadata = project.and_then(|project| project.keep_metadata).or(config.keep_metadata);
    let zone = zone(world, None)?;
    let links = config.links.clone().knowing(&built_ins(&Utc::now().with_timezone(&zone)));
    let defaults = Fields { people, require_alt, keep_metadata, links, ..Fields::default() };
    Ok(Settings { zone: Some(zone.name().to_string()), defaults })
}

async fn targets(
    draft: &Draft,
    asked: &[String],
    depth: Depth,
    book: &Book,
    world: &World,
) -> Result<Vec<Target>, Trouble> {
    let named = |words: &[String]| !words.iter().all(|text| text.split(',').all(|word| word.trim().is_empty()));
    let mut words = asked.to_vec();
    let mut from = "";
    if !named(&words) {
        words = draft.fields.to.clone().unwrap_or_default();
        from = if named(&words) { draft.source.as_str() } else { "" };
    }
    if !named(&words) {
        words = world.defaults().await?;
    }
    if !named(&words) {
        let bare = depth != Depth::Send;
        match book.accounts.as_slice() {
            [one] if !bare => words = vec![one.name.clone()],
            [] if !bare => {
                return Err(Trouble::usage("there is no account yet")
                    .detail("try it without any: `xpost demo`")
                    .next("xpost account add PLATFORM (see `xpost platforms`)"));
            }
            _ if bare => words = vec!["all".into()],
            several => {
                let names: Vec<&str> = several.iter().map(|account| account.name.as_str()).collect();
                return Err(Trouble::usage(format!("{}: where to?", one_line(&draft.source)))
                    .detail(format!("there are the accounts {}", names.join(", ")))
                    .next("name targets with `--to`, with `to` in the draft, or once for all with `xpost account default`"));
            }
        }
    }
    let targets = book
        .resolve(&words)
        .map_err(|why| if from.is_empty() { why } else { format!("{}: `to`: {why}", one_line(from)) })
        .map_err(|why| Trouble::usage(why).next("xpost account list"))?;
    if targets.is_empty() {
        return Err(Trouble::usage("no target is left").next("xpost account list"));
    }
    Ok(targets)
}

/// The receipts of our own posts that the draft replies to or quotes.
async fn known(draft: &Draft, targets: &[Target], world: &World) -> Result<Known, Trouble> {
    let mut posts = BTreeMap::new();
    let fields = std::iter::once(&draft.fields).chain(draft.on.values());
    let mut ids: Vec<&String> = fields.flat_map(|fields| fields.reply_to.iter().chain(&fields.quote)).collect();
    ids.sort();
    ids.dedup();
    for text in ids {
        let Ok(id) = text.parse::<i64>() else { continue };
        let Some(store) = world.store_if_any() else { break };
        for delivery in store.deliveries(id).await? {
            let first =
                delivery.parts.first().filter(|part| part.state == PartState::Sent && part.deleted_at.is_none());
            let receipt = first.and_then(|part| serde_json::from_value::<Receipt>(part.receipt.clone()?).ok());
            // an account that was renamed goes by its name of now
            let target = targets.iter().find(|target| match target {
                Target::Account(account) => Some(account.id) == delivery.account_id,
                Target::Platform(_) => false,
            });
            if let (Some(receipt), Some(target)) = (receipt, target) {
                posts.insert((text.clone(), target.name().to_string()), receipt);
            }
        }
    }
    Ok(Known { posts })
}
