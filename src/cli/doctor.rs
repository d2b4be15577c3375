//! `xpost doctor`: what is well on this machine and what is not.

use std::path::Path;

use chrono::Utc;
use serde_json::json;

use super::out::Paint;
use super::trouble::{Exit, Trouble};
use super::world::{World, block_on, source_word};
use crate::account::Vault;
use crate::store::{Account, SecretSource, Store};

/// Look at settings, store, keyring, accounts and what is waiting, and say what to do
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Asks no network; `xpost account check` does. The media host is tried.\n\nExamples:\n  xpost doctor\n  xpost doctor --json | jq '.checks[] | select(.state != \"ok\")'"
)]
pub struct Args {
    /// Try no media host
    #[arg(long)]
    offline: bool,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    Warn,
    Fail,
}

struct Check {
    name: String,
    state: State,
    says: String,
    next: Option<String>,
}

#[derive(Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn add(&mut self, name: &str, state: State, says: impl Into<String>, next: Option<&str>) {
        self.0.push(Check { name: name.into(), state, says: says.into(), next: next.map(str::to_string) });
    }
}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    let checks = block_on(async { Ok(examine(world, args.offline).await) })?;
    let worst = |state| checks.0.iter().any(|check| check.state == state);
    if world.out.json {
        let checks: Vec<_> = checks
            .0
            .iter()
            .map(|check| {
                let state = match check.state {
                    State::Ok => "ok",
                    State::Warn => "warn",
                    State::Fail => "fail",
                };
                json!({ "name": check.name, "state": state, "says": check.says, "next": check.next })
            })
            .collect();
        world.out.document(
            "doctor",
            json!({ "xpost": env!("CARGO_PKG_VERSION"), "ok": !worst(State::Fail), "checks": checks }),
        );
    } else {
        world.out.line(&format!("xpost {} (the crossposter in Rust)", env!("CARGO_PKG_VERSION")));
        for check in &checks.0 {
            let mark = match check.state {
                State::Ok => world.out.paint(Paint::Good, "ok  "),
                State::Warn => world.out.paint(Paint::Warn, "warn"),
                State::Fail => world.out.paint(Paint::Bad, "FAIL"),
            };
            world.out.line(&format!("{mark}  {:<16} {}", check.name, check.says));
            if let Some(next) = &check.next {
                world.out.line(&format!("      {:<16} {} {next}", "", world.out.paint(Paint::Dim, "next:")));
            }
        }
    }
    Ok(if worst(State::Fail) { Exit::Error } else { Exit::Done })
}

async fn examine(world: &World, offline: bool) -> Checks {
    let mut checks = Checks::default();
    settings(world, &mut checks);
    let store = store(world, &mut checks).await;
    let accounts = match &store {
        Some(store) => store.accounts().await.unwrap_or_default(),
        None => Vec::new(),
    };
    keyring(world, &accounts, &mut checks).await;
    if accounts.is_empty() {
        checks.add("accounts", State::Warn, "there is none yet", Some("xpost account add PLATFORM"));
    }
    for account in &accounts {
        examine_account(account, world, &mut checks).await;
    }
    match super::media_host::examine(world, offline).await {
        None => {}
        Some(Ok((says, well))) => {
            checks.add("media host", if well { State::Ok } else { State::Warn }, says, None);
        }
        Some(Err((says, next))) => checks.add("media host", State::Fail, says, next),
    }
    if let Some(store) = store {
        waiting(&store, &mut checks).await;
    }
    for name in ["XPOST_MIRROR", "XPOST_RECORD"] {
        if std::env::var_os(name).is_some_and(|value| !value.is_empty()) {
            let says = if name == "XPOST_MIRROR" {
                "is set: nothing reaches a real network"
            } else {
                "is set: every exchange is written to files, secrets replaced"
            };
            checks.add(name, State::Warn, says, Some(&format!("unset {name}")));
        }
    }
    checks
}

fn settings(world: &World, checks: &mut Checks) {
    match world.home() {
        Err(trouble) => {
            checks.add("home", State::Fail, trouble.message, Some("set `XPOST_HOME` to a directory of your own"))
        }
        Ok(home) => {
            let path = home.config_file();
            match world.config() {
                Err(trouble) => checks.add("settings", State::Fail, trouble.message, None),
                Ok(_) if path.exists() => checks.add("settings", State::Ok, path.display().to_string(), None),
                Ok(_) => checks.add("settings", State::Ok, format!("none (they would be in {})", path.display()), None),
            }
        }
    }
    match world.project() {
        Err(trouble) => checks.add("project", State::Fail, trouble.message, None),
        Ok(Some(project)) => checks.add("project", State::Ok, project.path.display().to_string(), None),
        Ok(None) => {}
    }
}

async fn store(world: &World, checks: &mut Checks) -> Option<std::sync::Arc<Store>> {
    let path = world.home().ok()?.database();
    if !path.exists() {
        if let Some(above) = path.ancestors().skip(1).find(|above| above.exists()).filter(|above| !above.is_dir()) {
            let says = format!("{} cannot be made: {} is not a directory", path.display(), above.display());
            checks.add("store", State::Fail, says, Some("set `XPOST_HOME` to a directory of your own"));
            return None;
        }
        checks.add("store", State::Ok, format!("none yet (it would be {})", path.display()), None);
        return None;
    }
    let store = match world.store() {
        Ok(store) => store,
        Err(trouble) => {
            checks.add("store", State::Fail, trouble.message, None);
            return None;
        }
    };
    match store.check().await {
        Err(error) => checks.add("store", State::Fail, error.to_string(), None),
        Ok(()) => {
            let totals = store.totals().await.unwrap_or_default();
            let size = size(&path) / 1024;
            checks.add("store", State::Ok, format!("{} ({} posts, {size} kB)", path.display(), totals.posts), None);
        }
    }
    if let Some(why) = open_to_others(&path) {
        checks.add("store", State::Warn, why, Some(&format!("chmod 600 {}", path.display())));
    }
    Some(store)
}

/// The bytes of a database: the file, and what its write-ahead file holds beside it.
fn size(path: &Path) -> u64 {
    let beside = path.with_extension("db-wal");
    [path, &beside].into_iter().filter_map(|file| std::fs::metadata(file).ok()).map(|meta| meta.len()).sum()
}

#[cfg(unix)]
fn open_to_others(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| format!("others may read {} (its mode is {mode:o})", path.display()))
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) -> Option<String> {
    None
}

async fn keyring(world: &World, accounts: &[Account], checks: &mut Checks) {
    let needed = accounts.iter().any(|account| account.secret == SecretSource::Keyring);
    let Ok(chain) = world.chain() else { return };
    match chain.keyring().await {
        Ok(()) => checks.add("keyring", State::Ok, "can be written", None),
        Err(fault) => {
            let state = if needed { State::Fail } else { State::Warn };
            checks.add("keyring", state, fault.message, None);
        }
    }
}

async fn examine_account(account: &Account, world: &World, checks: &mut Checks) {
    let name = format!("account {}", account.name);
    let Ok(chain) = world.chain() else { return };
    if crate::platform::by_name(&account.platform).is_none() {
        checks.add(&name, State::Fail, format!("this xpost knows no network `{}`", account.platform), None);
        return;
    }
    // a command may ask a person for something; it is not run by a mere look
    let secret = match account.secret {
        SecretSource::Command { .. } => Ok(()),
        _ => chain.load(account).await.map(drop),
    };
    if let Err(fault) = secret {
        checks.add(&name, State::Fail, fault.message, Some(&format!("xpost account login {}", account.name)));
        return;
    }
    let now = Utc::now();
    if let Some(expires) = account.expires_at.filter(|at| *at < now + chrono::Duration::days(7)) {
        let says = format!("its login expires {}", expires.format("%Y-%m-%d %H:%M UTC"));
        checks.add(&name, State::Warn, says, Some(&format!("xpost account login {}", account.name)));
        return;
    }
    let Some(checked) = account.checked_at else {
        let next = format!("xpost account check {}", account.name);
        checks.add(&name, State::Warn, format!("{}, never checked", account.platform), Some(&next));
        return;
    };
    let limits = account.about_at.map_or_else(
        || "published limits".to_string(),
        |at| format!("limits asked {} h ago", (now - at).num_hours().max(0)),
    );
    checks.add(
        &name,
        State::Ok,
        format!(
            "{} {}, {}, checked {}, {limits}",
            account.platform,
            account.handle,
            match &account.secret {
                SecretSource::None => "needs no secret".to_string(),
                secret => format!("secret from {}", source_word(secret)),
            },
            checked.format("%Y-%m-%d")
        ),
        None,
    );
}

async fn waiting(store: &Store, checks: &mut Checks) {
    let Ok(totals) = store.totals().await else { return };
    if totals.unknown > 0 {
        checks.add(
            "unknown",
            State::Warn,
            format!("{} parts may or may not have been posted", totals.unknown),
            Some("xpost resolve"),
        );
    }
    if totals.failed > 0 {
        checks.add("failed", State::Warn, format!("{} parts", totals.failed), Some("xpost retry"));
    }
    if totals.queued > 0 {
        checks.add("waiting", State::Ok, format!("{} parts", totals.queued), Some("xpost run"));
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn the_write_ahead_file_counts() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("xpost.db");
        assert_eq!(size(&path), 0);
        std::fs::write(&path, [0; 4096]).unwrap();
        std::fs::write(home.path().join("xpost.db-wal"), [0; 1000]).unwrap();
        assert_eq!(size(&path), 5096);
    }
}
