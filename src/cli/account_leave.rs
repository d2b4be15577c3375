//! `xpost account remove` and `export`: a login goes, or goes elsewhere, too.

use std::io::IsTerminal;
use std::sync::Arc;

use serde_json::{Value, json};

use super::account_add::sharing;
use super::login;
use super::targets::login_of;
use super::trouble::{Exit, Trouble};
use super::world::{World, title_of};
use crate::account::{Chain, Secrets, Vault, pack, variable};
use crate::deliver::{Ended, Engine, Options};
use crate::platform;
use crate::store::{Account, SecretSource, Store};

/// Forget an account, delete its secret, and end its login at the network
///
/// A login that other accounts share stays until the last of them is removed. Where a network has no way to end a login, the page
/// is named where a person can do it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  xpost account remove work\n  xpost account remove work --keep-token --history")]
pub struct RemoveArgs {
    name: String,
    /// Leave the login good at the network: another program or machine uses it
    #[arg(long)]
    keep_token: bool,
    /// Forget what was posted there, too
    #[arg(long)]
    history: bool,
}

/// Write the whole login as one value, for a pipeline
///
/// The value goes to standard output, which must not be a terminal. The variable `XPOST_<NAME>_LOGIN` takes it, and so does
/// `account add --stdin` on another machine.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  xpost account export work | gh secret set XPOST_WORK_LOGIN
  xpost account export work | ssh host xpost account add mastodon --server mastodon.social --name work --stdin")]
pub struct ExportArgs {
    name: String,
}

/// What became of a login.
enum Left {
    Ended(Ended),
    /// `--keep-token`.
    Kept,
    /// Accounts that use it still.
    Shared(Vec<String>),
    /// It is kept outside xpost, which leaves it alone.
    Outside,
    /// There is none.
    Nothing,
}

pub async fn remove(args: RemoveArgs, world: &World) -> Result<Exit, Trouble> {
    let account = world.account(&args.name).await?;
    let (chain, store) = (world.chain()?, world.store()?);
    let others = sharing(&store, &account).await?;
    if store.account_busy(account.id).await? {
        return Err(Trouble::local("something is being posted to this account right now; try again in a moment"));
    }
    let (users, needed) = users(&store, &account, &others).await?;
    // secrets of its own came of a login that is kept beside them until the last account goes that needs it
    let parent = login_of(&account).filter(|_| users.is_empty());
    let parent = parent.map(|key| Account { secret_key: key.to_string(), ..account.clone() });
    // held until the secrets are gone, so that nobody renews them meanwhile
    let (left, _leaving) = match &account.secret {
        SecretSource::None => (Left::Nothing, None),
        _ if !users.is_empty() => (Left::Shared(users), None),
        _ if args.keep_token => (Left::Kept, None),
        SecretSource::Environment | SecretSource::Command { .. } => (Left::Outside, None),
        SecretSource::Keyring | SecretSource::File => {
            match engine(world, &store)?.leave(parent.as_ref().unwrap_or(&account)).await {
                Ok(leaving) => (Left::Ended(leaving.ended.clone()), Some(leaving)),
                Err(fault) => (Left::Ended(Ended::Failed { fault, page: None }), None),
            }
        }
    };
    let cancelled = store.account_remove(account.id, args.history).await?;
    for gone in [Some(&account).filter(|_| !needed), parent.as_ref()].into_iter().flatten() {
        chain.erase(gone).await.map_err(|fault| {
            Trouble::local(format!(
                "account `{}` is removed, but its secret could not be deleted: {}",
                account.name, fault.message
            ))
        })?;
    }
    tell(&args, &account, &left, cancelled, world);
    Ok(Exit::Done)
}

/// The accounts that the login of this one is still needed for, and whether they need its very secrets.
async fn users(store: &Store, account: &Account, others: &[Account]) -> Result<(Vec<String>, bool), Trouble> {
    let all = store.accounts().await?;
    let parent = login_of(account);
    let children = all.iter().filter(|other| login_of(other) == Some(account.secret_key.as_str()));
    let needed: Vec<&Account> = others.iter().chain(children).collect();
    // those of the login that its own secrets came of
    let beside = all.iter().filter(|other| {
        other.id != account.id
            && parent.is_some_and(|parent| other.secret_key == parent || login_of(other) == Some(parent))
    });
    let names = needed.iter().copied().chain(beside).map(|other| other.name.clone()).collect();
    Ok((names, !needed.is_empty()))
}

fn tell(args: &RemoveArgs, account: &Account, left: &Left, cancelled: usize, world: &World) {
    let place = place(account);
    let at = |page: &Option<String>| page.as_ref().map_or_else(String::new, |page| format!(": {page}"));
    let (word, page) = match left {
        Left::Ended(Ended::Revoked) => ("revoked", None),
        Left::Ended(Ended::ByHand { page }) => ("by_hand", page.clone()),
        Left::Ended(Ended::Failed { page, .. }) => ("failed", page.clone()),
        Left::Kept => ("kept", None),
        Left::Shared(_) => ("shared", None),
        Left::Outside => ("outside", None),
        Left::Nothing => ("none", None),
    };
    if let Left::Ended(Ended::Failed { fault, page }) = left {
        world.out.warn(&format!(
            "the login of `{}` could not be ended at {place}: {fault}; it may still be good there, end it yourself{}",
            account.name,
            at(page)
        ));
    }
    if world.out.json {
        let fault = match left {
            Left::Ended(Ended::Failed { fault, .. }) => super::docs::fault(fault),
            _ => Value::Null,
        };
        world.out.document(
            "account_removed",
            json!({
                "account": account.name, "history": args.history, "login": word, "page": page, "fault": fault,
                "used_by": if let Left::Shared(users) = left { json!(users) } else { json!([]) },
            }),
        );
        return;
    }
    let what = match left {
        Left::Ended(_) | Left::Kept => format!("account `{}` and its secret are", account.name),
        Left::Shared(_) | Left::Outside | Left::Nothing => format!("account `{}` is", account.name),
    };
    let kept = if args.history { "" } else { "; what was posted stays in the history" };
    world.out.note(&format!("{what} removed from this machine{kept}"));
    if cancelled > 0 {
        let parts = if cancelled == 1 { "part that waited is" } else { "parts that waited are" };
        world.out.note(&format!("{cancelled} {parts} cancelled"));
    }
    match left {
        Left::Ended(Ended::Revoked) => world.out.note(&format!("its login was ended at {place}")),
        Left::Ended(Ended::ByHand { page }) => world.out.note(&format!(
            "the credentials are still good at {place}; revoke them there if nobody else uses them{}",
            at(page)
        )),
        Left::Kept => world.out.note(&format!("its login is still good at {place}, as asked for")),
        Left::Shared(users) => {
            world.out.note(&format!("its login stays, because `{}` needs it", users.join("`, `")));
        }
        Left::Outside => {
            world.out.note(&format!(
                "its secret is kept outside xpost and is still good at {place}; nothing was done to it"
            ));
        }
        Left::Ended(Ended::Failed { .. }) | Left::Nothing => {}
    }
}

fn place(account: &Account) -> String {
    if account.server.is_empty() { title_of(&account.platform).to_string() } else { account.server.clone() }
}

/// An engine that sees the secrets that are kept, and not those that the environment puts over them.
fn engine(world: &World, store: &Arc<Store>) -> Result<Engine, Trouble> {
    let vault = Arc::new(stored(world)?);
    Ok(Engine::new(Arc::clone(store), world.door()?, vault, world.home()?, Options::default())?)
}

fn stored(world: &World) -> Result<Chain, Trouble> {
    Ok(world.chain()?.with_env(Arc::new(|_| None)))
}

pub async fn export(args: ExportArgs, world: &World) -> Result<Exit, Trouble> {
    let account = world.account(&args.name).await?;
    let variable = variable(&account.name, super::account_fields::LOGIN);
    if std::io::stdout().is_terminal() {
        return Err(Trouble::usage(
            "the login is a secret, and standard output is a terminal; pipe it to where it belongs",
        )
        .next(format!("xpost account export {} | gh secret set {variable}", account.name)));
    }
    let secrets: Secrets = match account.secret {
        SecretSource::None => {
            return Err(Trouble::usage(format!("{} needs no secret", title_of(&account.platform))));
        }
        SecretSource::Environment => {
            return Err(Trouble::usage(format!(
                "the secret of `{}` comes from the environment; there is nothing to export",
                account.name
            )));
        }
        _ => stored(world)?.load(&account).await?,
    };
    world.out.raw(format!("{}\n", pack(&secrets)).as_bytes());
    world.out.note(&format!("the login of `{}` was written whole; `{variable}` takes it", account.name));
    let ways = platform::by_name(&account.platform).map_or(&[][..], |platform| platform.logins());
    let way = login::facts(&secrets).and_then(|facts| ways.iter().find(|way| way.name == facts.way));
    if way.is_some_and(crate::login::renewable) && secrets.contains_key(crate::login::REFRESH) {
        world.out.note(
            "it is renewed with a refresh token, which may be good for one of two machines only: give a pipeline a login of its own, \
             and keep it there",
        );
    }
    Ok(Exit::Done)
}
