//! What one login can post to, beside or instead of the account that logged in: listed, chosen, added as accounts of their own.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::account_add::{distinct_variables, free_name, take_back};
use super::out::one_line;
use super::person::{Interrupts, prompt};
use super::trouble::{Exit, Trouble};
use super::world::{World, platform_of, title_of};
use super::{delivery, docs};
use crate::account::{LOGIN_OF, LOGIN_ONLY, valid_name};
use crate::deliver::Engine;
use crate::draft::did_you_mean;
use crate::login::Facts;
use crate::platform::TargetOffer;
use crate::store::{Account, NewAccount, SecretSource, Store};

/// List what a login can post to (pages, channels, chats), and add it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each becomes an account of its own that shares the login.

Examples:
  xpost account targets work
  xpost account targets work --add 1,3-5
  xpost account targets work --add example-page
  xpost account targets work --json | jq '.targets[] | select(.account == null)'")]
pub struct Args {
    name: String,
    /// Add these: numbers, ranges or names of the list
    #[arg(long, value_name = "WHICH", num_args = 1.., value_delimiter = ',', conflicts_with = "all")]
    add: Vec<String>,
    /// Add all that can be posted to and are not there yet
    #[arg(long)]
    all: bool,
    /// Do not ask the network who each of them is
    #[arg(long)]
    offline: bool,
}

/// What was added and what was not.
#[derive(Default)]
pub struct Added {
    accounts: Vec<Account>,
    failed: Vec<(String, Trouble)>,
}

pub async fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    let named = world.account(&args.name).await?;
    let platform = platform_of(&named.platform)?;
    let engine = delivery::engine(world, delivery::Patience::none())?;
    let parent = who_logged_in(&engine.store().accounts().await?, named);
    let offers = engine.offers(&parent).await?;
    let accounts = engine.store().accounts().await?;
    let chosen: BTreeSet<usize> = if args.all {
        (0..offers.len()).filter(|at| open(&offers[*at], &parent, &accounts)).collect()
    } else {
        which(&args.add.join(","), &offers)
            .map_err(|why| Trouble::usage(why).next(format!("xpost account targets {}", parent.name)))?
    };
    for at in &chosen {
        let offer = &offers[*at];
        if let Some(not) = &offer.not {
            return Err(Trouble::usage(format!("`{}` cannot be posted to: {}", title(offer), one_line(not))));
        }
    }
    let interrupts = Interrupts::listen();
    let wanted: Vec<TargetOffer> = chosen.iter().map(|at| offers[*at].clone()).collect();
    let added = match wanted.is_empty() {
        true => Added::default(),
        false => adding(&engine, &parent, wanted, args.offline, &interrupts, world).await?,
    };
    if world.out.json {
        let accounts = engine.store().accounts().await?;
        let list: Vec<Value> = offers
            .iter()
            .enumerate()
            .map(|(at, offer)| {
                json!({
                    "number": at + 1, "name": offer.name, "title": offer.title, "settings": offer.settings,
                    "account": account_of(offer, &parent, &accounts).map(|account| &account.name), "not": offer.not,
                })
            })
            .collect();
        let failed: Vec<Value> =
            added.failed.iter().map(|(name, trouble)| json!({ "name": name, "message": trouble.message })).collect();
        world.out.document(
            "account_targets",
            json!({
                "account": parent.name, "targets": list,
                "added": added.accounts.iter().map(docs::account).collect::<Vec<_>>(), "failed": failed,
            }),
        );
        return Ok(exit(&added));
    }
    if !chosen.is_empty() {
        return Ok(told(&added, world));
    }
    if platform.targets().is_none() {
        let title = platform.spec().title;
        world.out.note(&format!("{title}: a login posts to one place; there is nothing to choose"));
    } else if offers.is_empty() {
        world.out.note(&format!("`{}` can post nowhere else, as far as {} says", parent.name, platform.spec().title));
    } else if args.all {
        world.out.note("all that can be posted to are there already");
    } else {
        let rows = rows(&offers, &parent, &accounts);
        world.out.table(&["", "NAME", "WHAT", "ACCOUNT"], &rows);
        world.out.note(&format!("add some of them: xpost account targets {} --add 1,2", parent.name));
    }
    Ok(Exit::Done)
}

/// Shows what a new login can post to, and lets the person at the terminal choose. `None`: nothing was chosen.
pub async fn choose(engine: &Engine, parent: &Account, world: &World) -> Option<Vec<TargetOffer>> {
    let later = format!("later: xpost account targets {}", parent.name);
    let offers = match engine.offers(parent).await {
        Ok(offers) => offers,
        Err(fault) => {
            world.out.warn(&format!("what else it can post to could not be asked: {fault}; {later}"));
            return None;
        }
    };
    let accounts = engine.store().accounts().await.unwrap_or_default();
    let free = offers.iter().filter(|offer| open(offer, parent, &accounts)).count();
    if free == 0 {
        return None;
    }
    world.out.say(&format!("`{}` can post to:", parent.name));
    let table = super::out::table(&["", "NAME", "WHAT", "ACCOUNT"], &rows(&offers, parent, &accounts), usize::MAX);
    table.iter().skip(1).for_each(|line| world.out.say(&format!("  {line}")));
    // where the account itself is a place to post to, that may be all that was wanted
    let itself = offers.iter().any(|offer| offer.not.is_none() && covers(parent, offer));
    let (default, meaning) = match (itself, free) {
        (true, _) => ("", format!("only `{}` itself", parent.name)),
        (false, 1) => ("all", "the one there is".to_string()),
        (false, _) => ("", "none now".to_string()),
    };
    loop {
        let label = format!("which to add (numbers, ranges such as 1-3, `all`; empty: {meaning})");
        let answer = prompt(&label, false, false).await.ok()?;
        let answer = if answer.is_empty() { default } else { &answer };
        if answer.is_empty() {
            world.out.note(&later);
            return None;
        }
        let chosen: Result<Vec<TargetOffer>, String> = if answer == "all" {
            Ok(offers.iter().filter(|offer| open(offer, parent, &accounts)).cloned().collect())
        } else {
            which(answer, &offers).map(|chosen| chosen.iter().map(|at| offers[*at].clone()).collect())
        };
        match chosen {
            Ok(chosen) => match chosen.iter().find_map(|offer| Some((offer, offer.not.as_ref()?))) {
                None => return Some(chosen),
                Some((offer, not)) => {
                    world.out.say(&format!("`{}` cannot be posted to: {}", title(offer), one_line(not)));
                }
            },
            Err(why) => world.out.say(&why),
        }
    }
}

/// Adds each of these as an account that shares the login of `parent`, and asks the network who it is.
///
/// # Errors
/// The login cannot be shared, or the store failed. What the network said to one of them stands in [`Added`].
pub async fn add(
    engine: &Engine,
    parent: &Account,
    offers: Vec<TargetOffer>,
    interrupts: &Interrupts,
    world: &World,
) -> Result<Added, Trouble> {
    adding(engine, parent, offers, false, interrupts, world).await
}

async fn adding(
    engine: &Engine,
    parent: &Account,
    offers: Vec<TargetOffer>,
    offline: bool,
    interrupts: &Interrupts,
    world: &World,
) -> Result<Added, Trouble> {
    let store = engine.store();
    let mut added = Added::default();
    // whoever chose places of a login that is none itself does not mean the login when he says `all`
    let elsewhere = |offer: &TargetOffer| {
        !offer.settings.is_empty() && offer.settings.keys().all(|key| parent.settings.get(key).is_none())
    };
    let itself = offers.iter().any(|offer| covers(parent, offer));
    let only_login = !itself && offers.iter().all(elsewhere);
    for offer in offers {
        let accounts = store.accounts().await?;
        if let Some(account) = account_of(&offer, parent, &accounts) {
            world.out.note(&format!("`{}` is there already as `{}`", title(&offer), account.name));
            continue;
        }
        match one(engine, parent, &offer, offline, interrupts, world).await {
            Ok(account) => added.accounts.push(account),
            Err(trouble) if trouble.exit == Exit::Interrupted => return Err(trouble),
            Err(trouble) => added.failed.push((title(&offer), trouble)),
        }
    }
    if itself || (only_login && !added.accounts.is_empty()) {
        mark(store, parent, only_login).await?;
    }
    Ok(added)
}

/// Whether an account is a login alone, and no place to post to.
async fn mark(store: &Store, parent: &Account, only_login: bool) -> Result<(), Trouble> {
    let Some(mut account) = store.account_by_id(parent.id).await? else { return Ok(()) };
    let Some(settings) = account.settings.as_object_mut() else { return Ok(()) };
    match only_login {
        true => settings.insert(LOGIN_ONLY.to_string(), Value::Bool(true)),
        false => settings.remove(LOGIN_ONLY),
    };
    Ok(store.account_update(account).await?)
}

async fn one(
    engine: &Engine,
    parent: &Account,
    offer: &TargetOffer,
    offline: bool,
    interrupts: &Interrupts,
    world: &World,
) -> Result<Account, Trouble> {
    let (store, chain) = (engine.store(), world.chain()?);
    let own = !offer.secrets.is_empty();
    match &parent.secret {
        SecretSource::Environment => {
            return Err(Trouble::usage(format!(
                "the environment gives the login to `{}` alone; keep it where its other accounts find it, too",
                parent.name
            ))
            .next(format!("xpost account login {} --secret file", parent.name)));
        }
        SecretSource::Command { .. } if own => {
            return Err(Trouble::usage(format!(
                "`{}` has a secret of its own, which must be kept; the secret of `{}` comes from a command",
                title(offer),
                parent.name
            ))
            .next(format!("xpost account login {} --secret file", parent.name)));
        }
        _ => {}
    }
    let mut settings = parent.settings.as_object().cloned().unwrap_or_default();
    settings.remove(LOGIN_ONLY);
    settings.extend(offer.settings.clone());
    let login = if own { of_login(parent) } else { parent.login.clone() };
    let mut account = store
        .account_add(NewAccount {
            name: name_for(store, parent, offer).await?,
            platform: parent.platform.clone(),
            server: parent.server.clone(),
            settings: Value::Object(settings),
            secret: parent.secret.clone(),
            secret_key: (!own).then(|| parent.secret_key.clone()),
            login,
        })
        .await?;
    let work = async {
        if own {
            chain.replace(&account, &offer.secrets).await?;
        } else {
            // the newest there is: it may have been renewed since
            let now = store.account_by_id(parent.id).await?;
            let login = now.as_ref().unwrap_or(parent);
            account.expires_at = login.expires_at;
            store.account_login(&account.secret_key, login.login.clone(), login.expires_at).await?;
        }
        if offline {
            return Ok(());
        }
        engine.check(account.clone()).await.map(drop).map_err(Trouble::from)
    };
    let so = format!("`{}` was not added, and what came before it is there", title(offer));
    match interrupts.or(&so, work).await {
        Ok(()) => store
            .account_by_id(account.id)
            .await?
            .ok_or_else(|| Trouble::local(format!("account `{}` is gone", account.name))),
        Err(trouble) => {
            if own {
                take_back(store, &chain, &account).await?;
            } else {
                store.account_remove(account.id, false).await?;
            }
            Err(trouble)
        }
    }
}

/// For an account with secrets of its own: whose login they came of.
fn of_login(parent: &Account) -> Value {
    let mut facts = Facts { way: parent.way().to_string(), granted_at: Some(chrono::Utc::now()), ..Facts::default() };
    facts.more.insert(LOGIN_OF.to_string(), parent.secret_key.clone());
    json!(facts)
}

/// A name that is free, as near as can be to what the network calls it.
async fn name_for(store: &Store, parent: &Account, offer: &TargetOffer) -> Result<String, Trouble> {
    let word = |text: &str| -> String {
        let plain = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
        let text: String = text.to_lowercase().chars().map(plain).collect();
        let parts: Vec<&str> = text.split('-').filter(|part| !part.is_empty()).collect();
        parts.join("-").trim_start_matches(['.', '_']).chars().take(48).collect()
    };
    let named = [word(&offer.name), word(&offer.title)].into_iter().find(|word| valid_name(word).is_ok());
    let named = named.unwrap_or_else(|| parent.platform.clone());
    for n in 0..100 {
        // another network's account may be called the same
        let base = match n {
            0 => named.clone(),
            1 => format!("{named}-{}", parent.platform),
            n => format!("{named}-{n}"),
        };
        let name = free_name(store, &base).await?;
        if name == base && distinct_variables(store, &name, None).await.is_ok() {
            return Ok(name);
        }
    }
    Err(Trouble::usage(format!("a hundred accounts are called `{named}` already")))
}

/// What became of it, one line each; and the exit code.
pub fn told(added: &Added, world: &World) -> Exit {
    if !world.out.json {
        for account in &added.accounts {
            let title = title_of(&account.platform);
            let who = match account.handle.as_str() {
                "" => format!("on {title}, not checked"),
                handle => format!(": {handle} on {title}"),
            };
            let blank = if who.starts_with(':') { "" } else { " " };
            world.out.line(&format!("added `{}`{blank}{who}", account.name));
        }
    }
    for (name, trouble) in &added.failed {
        world.out.warn(&format!("`{name}` was not added: {}", trouble.message));
        if let Some(next) = &trouble.next {
            world.out.say(&format!("  next: {next}"));
        }
    }
    exit(added)
}

fn exit(added: &Added) -> Exit {
    let worst = added.failed.iter().map(|(_, trouble)| trouble.exit);
    worst.max_by_key(|exit| (*exit == Exit::Login, *exit as u8)).unwrap_or(Exit::Done)
}

/// The account that posts to this already, if there is one.
fn account_of<'a>(offer: &TargetOffer, parent: &'a Account, accounts: &'a [Account]) -> Option<&'a Account> {
    let of_it = |account: &&Account| {
        account.platform == parent.platform
            && account.server == parent.server
            && (account.secret_key == parent.secret_key || login_of(account) == Some(parent.secret_key.as_str()))
    };
    accounts.iter().filter(of_it).find(|account| covers(account, offer))
}

/// The account that logged in, of those that share the login of this one or came of it.
fn who_logged_in(accounts: &[Account], named: Account) -> Account {
    let key = login_of(&named).unwrap_or(&named.secret_key);
    let first = accounts.iter().filter(|account| account.secret_key == key).min_by_key(|account| account.id);
    first.cloned().unwrap_or(named)
}

/// Whose login the secrets of this account came of, if they are its own: that login's `secret_key`.
pub fn login_of(account: &Account) -> Option<&str> {
    account.login["more"][LOGIN_OF].as_str()
}

/// Whether this account posts there: an offer that would change nothing is the account itself.
fn covers(account: &Account, offer: &TargetOffer) -> bool {
    let same = offer.settings.iter().all(|(key, value)| account.settings.get(key) == Some(value));
    same && (offer.secrets.is_empty() || !offer.settings.is_empty())
}

/// Whether it can be added.
fn open(offer: &TargetOffer, parent: &Account, accounts: &[Account]) -> bool {
    offer.not.is_none() && account_of(offer, parent, accounts).is_none()
}

fn title(offer: &TargetOffer) -> String {
    one_line(if offer.title.is_empty() { &offer.name } else { &offer.title })
}

fn rows(offers: &[TargetOffer], parent: &Account, accounts: &[Account]) -> Vec<Vec<String>> {
    let state = |offer: &TargetOffer| match (&offer.not, account_of(offer, parent, accounts)) {
        (Some(not), _) => format!("(no: {})", one_line(not)),
        (None, Some(account)) => account.name.clone(),
        (None, None) => "-".into(),
    };
    let row = |(at, offer): (usize, &TargetOffer)| {
        vec![(at + 1).to_string(), one_line(&offer.name), title(offer), state(offer)]
    };
    offers.iter().enumerate().map(row).collect()
}

/// Which offers are meant by numbers, ranges and names, with commas or blanks between them.
///
/// # Errors
/// A word means none of them; the message names the nearest.
fn which(text: &str, offers: &[TargetOffer]) -> Result<BTreeSet<usize>, String> {
    let mut chosen = BTreeSet::new();
    let by_name = |word: &str| {
        let same = |text: &str| text.to_lowercase() == word.to_lowercase();
        offers.iter().position(|offer| same(&offer.name) || same(&offer.title))
    };
    // names may hold blanks, so commas come first
    for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        if let Some(at) = by_name(item) {
            chosen.insert(at);
            continue;
        }
        for word in item.split_whitespace() {
            let number = |text: &str| text.parse::<usize>().ok();
            let range = word.split_once('-').and_then(|(from, to)| Some((number(from)?, number(to)?)));
            let (from, to) = match (number(word), range, by_name(word)) {
                (Some(one), ..) => (one, one),
                (None, Some(range), _) => range,
                (None, None, Some(at)) => (at + 1, at + 1),
                (None, None, None) => {
                    let hint = did_you_mean(word, offers.iter().map(|offer| offer.name.as_str()));
                    return Err(format!("`{}` is none of them{hint}", one_line(word)));
                }
            };
            if from == 0 || to < from || to > offers.len() {
                return Err(format!("`{word}`: there are {}, numbered from 1", offers.len()));
            }
            chosen.extend(from - 1..to);
        }
    }
    Ok(chosen)
}
