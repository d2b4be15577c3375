//! `xpost doctor`: what is well on this machine and with its logins, and what is not.

use std::path::Path;
use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use super::delivery::{self, Patience};
use super::finding::{self, About, CLOCK, Finding, Ill, State};
use super::out::Paint;
use super::trouble::{Exit, Trouble};
use super::world::{World, block_on_many};
use crate::deliver::Health;
use crate::draft::{did_you_mean, when};
use crate::net::Door;
use crate::store::{Account, SecretSource, Store};

/// Look at settings, store, keyring, every login and what is waiting, and say what to do
///
/// Every network is asked who its account is, all at once, and logins are renewed that are about to end.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Ends with 7 if a login is broken or ends within `--warn`, so that a weekly job tells in time.

Examples:
  xpost doctor
  xpost doctor --quiet --warn 14d            prints only what needs a person
  xpost doctor --offline
  xpost doctor --json | jq '.checks[] | select(.state != \"ok\")'")]
pub struct Args {
    /// Tell of logins that end within this time
    #[arg(long, value_name = "TIME", default_value = "7d")]
    warn: String,
    /// Ask no network
    #[arg(long)]
    offline: bool,
}

struct Check {
    name: String,
    state: State,
    says: String,
    next: Option<String>,
}

#[derive(Default)]
struct Checks {
    all: Vec<Check>,
    accounts: Vec<Value>,
    /// A login needs a person.
    login: bool,
    /// Something on this machine is broken.
    broken: bool,
}

impl Checks {
    /// A check of this machine.
    fn add(&mut self, name: &str, state: State, says: impl Into<String>, next: Option<&str>) {
        self.broken |= state == State::Fail;
        self.all.push(Check { name: name.into(), state, says: says.into(), next: next.map(str::to_string) });
    }

    fn account(&mut self, name: &str, finding: Finding) {
        let Finding { ill, state, says, next, json } = finding;
        self.login |= ill.is_some_and(Ill::needs_login);
        self.broken |= ill == Some(Ill::Machine);
        self.accounts.push(json);
        self.all.push(Check { name: format!("account {name}"), state, says, next });
    }
}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    let warn = when::duration(&args.warn).map_err(|why| Trouble::usage(format!("`--warn`: {why}")))?;
    let warn = TimeDelta::from_std(warn).map_err(|_| Trouble::usage("`--warn` is too long"))?;
    let checks = block_on_many(async { Ok(examine(world, !args.offline, warn).await) })?;
    let exit = match (checks.broken, checks.login) {
        (true, _) => Exit::Error,
        (false, true) => Exit::Login,
        (false, false) => Exit::Done,
    };
    if world.out.json {
        let shown = |check: &Check| json!({ "name": check.name, "state": check.state.word(), "says": check.says, "next": check.next });
        let all: Vec<_> = checks.all.iter().map(shown).collect();
        world.out.document(
            "doctor",
            json!({
                "xpost": env!("CARGO_PKG_VERSION"), "ok": exit == Exit::Done, "exit": exit as u8,
                "checks": all, "accounts": checks.accounts,
            }),
        );
        return Ok(exit);
    }
    let quiet = world.out.quiet;
    if !quiet {
        world.out.line(&format!("xpost {} (the crossposter in Rust)", env!("CARGO_PKG_VERSION")));
    }
    for check in checks.all.iter().filter(|check| !quiet || check.state != State::Ok) {
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
    Ok(exit)
}

async fn examine(world: &World, ask: bool, warn: TimeDelta) -> Checks {
    let mut checks = Checks::default();
    settings(world, &mut checks);
    let store = store(world, &mut checks).await;
    let accounts = match &store {
        Some(store) => store.accounts().await.unwrap_or_default(),
        None => Vec::new(),
    };
    if let Ok(config) = world.config() {
        for name in config.accounts.keys() {
            if store.is_some() && !accounts.iter().any(|account| account.name.eq_ignore_ascii_case(name)) {
                let hint = did_you_mean(name, accounts.iter().map(|account| account.name.as_str()));
                checks.add("settings", State::Warn, format!("`accounts.{name}`: there is no such account{hint}"), None);
            }
        }
    }
    // the keyring may take its time, and so may each network: nobody waits for another
    let ((), looked) = futures_util::join!(keyring(world, &accounts, &mut checks), look(world, &accounts, ask, warn));
    if accounts.is_empty() {
        checks.add("accounts", State::Warn, "there is none yet", Some("xpost account add PLATFORM"));
    }
    match looked {
        Ok((looked, door)) => findings(world, looked, &door, ask, warn, &mut checks),
        Err(trouble) => checks.add("accounts", State::Fail, trouble.message, trouble.next.as_deref()),
    }
    match super::media_host::examine(world, !ask).await {
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

/// All accounts at once.
async fn look(
    world: &World,
    accounts: &[Account],
    ask: bool,
    warn: TimeDelta,
) -> Result<(Vec<Health>, Option<Arc<Door>>), Trouble> {
    if accounts.is_empty() {
        return Ok((Vec::new(), None));
    }
    let door = world.door()?;
    let engine = delivery::engine_through(world, Patience::none(), Arc::clone(&door))?;
    let tasks: Vec<_> = accounts
        .iter()
        .map(|account| {
            let (engine, account) = (engine.clone(), account.clone());
            tokio::spawn(async move {
                // a command may ask a person for something; it is not run by a mere look
                if !ask && matches!(account.secret, SecretSource::Command { .. }) {
                    return Health { account, login: None, renewed: false, said: Ok(None) };
                }
                engine.health(account, ask, warn).await
            })
        })
        .collect();
    let mut looked = Vec::new();
    for (task, account) in tasks.into_iter().zip(accounts) {
        looked.push(task.await.unwrap_or_else(|_| {
            let defect = crate::net::Fault::local("xpost has a defect: a network's code panicked");
            Health { account: account.clone(), login: None, renewed: false, said: Err(defect) }
        }));
    }
    Ok((looked, Some(door)))
}

fn findings(
    world: &World,
    looked: Vec<Health>,
    door: &Option<Arc<Door>>,
    ask: bool,
    warn: TimeDelta,
    checks: &mut Checks,
) {
    let Ok(config) = world.config() else { return };
    let answered = |health: &Health| match &health.said {
        Ok(said) => said.is_some(),
        Err(fault) => fault.status.is_some(),
    };
    let about = About {
        now: Utc::now(),
        warn,
        asked: ask,
        connected: looked.iter().any(answered),
        clock: door.as_ref().and_then(|door| door.clock()),
        config,
    };
    if let Some((host, ahead)) = about.clock.as_ref().filter(|(_, ahead)| ahead.abs() > CLOCK) {
        let says = format!("{}: logins may be refused, and times be wrong", finding::clock(host, *ahead));
        checks.add("clock", State::Warn, says, Some("set the clock of this machine"));
    }
    for health in looked {
        let name = health.account.name.clone();
        checks.account(&name, finding::judge(&health, &about));
    }
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

async fn store(world: &World, checks: &mut Checks) -> Option<Arc<Store>> {
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
