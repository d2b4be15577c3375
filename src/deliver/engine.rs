//! The engine: one worker for each account, all of them at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::owner::Owner;
use super::verdict::{Situation, Verdict, verdict};
use super::worker::Worker;
use crate::account::Vault;
use crate::host::MediaHost;
use crate::net::{Door, Effect, Fault};
use crate::platform::{self, Platform};
use crate::store::{self, Home, Scope, Store};

/// How the engine behaves.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long a run waits for parts that are to be tried again later. What takes longer stays queued.
    pub patience: Duration,
    /// How long after a lost answer the network is asked whether the post is there; it may still have been at work on it. A
    /// "no" counts only after four times as long.
    pub settle: Duration,
    /// The first pause before another try; it doubles.
    pub backoff: Duration,
    /// The networks by name.
    pub networks: fn(&str) -> Option<&'static dyn Platform>,
    /// Who decides about repeats: [`verdict`], but for the test that tries whether a wrong one would be noticed.
    pub judge: fn(&Situation) -> Verdict,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            patience: Duration::from_secs(120),
            settle: Duration::from_secs(2),
            backoff: Duration::from_secs(1),
            networks: platform::by_name,
            judge: verdict,
        }
    }
}

/// Something that happened to a part.
#[derive(Debug, Clone)]
pub struct Event {
    pub delivery_id: i64,
    pub account: String,
    pub platform: String,
    /// 1-based.
    pub part: usize,
    pub of: usize,
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum EventKind {
    Preparing,
    /// `uploading crab.png`.
    Progress(String),
    /// A file on its way: so many bytes of so many have left.
    Uploading {
        name: String,
        done: u64,
        total: u64,
    },
    Sending,
    Sent {
        url: Option<String>,
    },
    /// Found at the network after its answer had been lost.
    Found {
        url: Option<String>,
    },
    /// Reading back whether it landed.
    Checking,
    /// To be tried again then.
    Waiting {
        at: DateTime<Utc>,
        fault: Option<Fault>,
    },
    Failed {
        fault: Fault,
    },
    Unknown {
        fault: Fault,
    },
}

pub(super) type Listener = dyn Fn(Event) + Send + Sync;

/// The engine. Clones share everything.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<Store>,
    door: Arc<Door>,
    vault: Arc<dyn Vault>,
    locks: PathBuf,
    cache: PathBuf,
    owner: Owner,
    options: Options,
    /// CA files by account, where the user's settings name one.
    ca_files: OnceLock<BTreeMap<String, PathBuf>>,
    host: OnceLock<MediaHost>,
}

/// A store's trouble as a fault. Nothing was sent by it.
pub(super) fn store_fault(error: store::Error) -> Fault {
    Fault::local(error.to_string())
}

impl Engine {
    /// An engine over a store, a door and a vault.
    ///
    /// # Errors
    /// The lock directory cannot be written.
    pub fn new(
        store: Arc<Store>,
        door: Arc<Door>,
        vault: Arc<dyn Vault>,
        home: &Home,
        options: Options,
    ) -> Result<Engine, Fault> {
        let locks = home.locks();
        let owner = Owner::new(&locks)?;
        Ok(Engine {
            inner: Arc::new(Inner {
                store,
                door,
                vault,
                locks,
                cache: home.cache(),
                owner,
                options,
                ca_files: OnceLock::new(),
                host: OnceLock::new(),
            }),
        })
    }

    /// The same, with the PEM files that the user's settings name for accounts; said once, before anything is done. An account's own
    /// setting wins.
    #[must_use]
    pub fn with_ca_files(self, files: BTreeMap<String, PathBuf>) -> Engine {
        drop(self.inner.ca_files.set(files));
        self
    }

    /// The PEM file that the settings name for this account.
    pub(super) fn ca_file(&self, account: &str) -> Option<PathBuf> {
        let files = self.inner.ca_files.get()?;
        files.iter().find(|(name, _)| name.eq_ignore_ascii_case(account)).map(|(_, path)| path.clone())
    }

    /// Gives the engine a media host, once, for networks that take nothing but public URLs.
    #[must_use]
    pub fn hosted_by(self, host: MediaHost) -> Engine {
        drop(self.inner.host.set(host));
        self
    }

    /// The media host, if there is one.
    pub fn media_host(&self) -> Option<&MediaHost> {
        self.inner.host.get()
    }

    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    pub fn door(&self) -> &Door {
        &self.inner.door
    }

    pub(super) fn vault(&self) -> &dyn Vault {
        &*self.inner.vault
    }

    pub(super) fn locks(&self) -> &Path {
        &self.inner.locks
    }

    pub(super) fn cache(&self) -> &Path {
        &self.inner.cache
    }

    pub(super) fn owner(&self) -> &Owner {
        &self.inner.owner
    }

    pub(super) fn options(&self) -> &Options {
        &self.inner.options
    }

    /// Frees what processes that died had in hand. Gives how many parts.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub async fn recover(&self) -> Result<usize, Fault> {
        let mut freed = 0;
        for worker in self.store().owners().await.map_err(store_fault)? {
            if self.owner().dead(self.locks(), &worker) {
                freed += self.store().recover(&worker).await.map_err(store_fault)?;
            }
        }
        Ok(freed)
    }

    /// Works until nothing in the scope can be done within the patience, or `stop` turns true (what is in flight is finished).
    /// How it ended stands in the journal.
    ///
    /// # Errors
    /// The journal cannot be read or written. What was sent by then is in the journal, or in the message.
    pub async fn run(&self, scope: Scope, listener: Arc<Listener>, stop: watch::Receiver<bool>) -> Result<(), Fault> {
        self.recover().await?;
        let began = tokio::time::Instant::now();
        let accounts = self.store().open_accounts(&scope, Utc::now()).await.map_err(store_fault)?;
        if !accounts.is_empty() {
            // certificates are read while the journal is written and secrets are fetched
            let door = Arc::clone(&self.inner.door);
            drop(tokio::task::spawn_blocking(move || door.warm()));
        }
        let mut workers = JoinSet::new();
        let mut accounts_of = std::collections::HashMap::new();
        for account_id in accounts {
            let worker = Worker {
                engine: self.clone(),
                account_id,
                name: self.owner().worker(account_id),
                scope: scope.clone(),
                listener: Arc::clone(&listener),
                stop: stop.clone(),
                deadline: began + self.options().patience,
            };
            let handle = workers.spawn(worker.run());
            accounts_of.insert(handle.id(), account_id);
        }
        let mut faults: Vec<Fault> = Vec::new();
        while let Some(ended) = workers.join_next_with_id().await {
            match ended {
                Ok((_, Ok(()))) => {}
                Ok((_, Err(fault))) => faults.push(fault),
                Err(panicked) => {
                    // a defect in one network's code stops that account alone, and its part stays for the next run
                    if let Some(account_id) = accounts_of.get(&panicked.id()) {
                        let freed = self.store().recover(&self.owner().worker(*account_id)).await;
                        freed.map_err(store_fault)?;
                    }
                    faults.push(Fault::local(
                        "xpost has a defect: a network's code panicked; its part stays in the journal, run `xpost retry`",
                    ));
                }
            }
        }
        // what one worker says ("this was posted, but ...") must not be lost behind what another one says
        faults.dedup_by(|next, first| next.message == first.message);
        let mut faults = faults.into_iter();
        let Some(mut all) = faults.next() else { return Ok(()) };
        for fault in faults {
            all.message = format!("{}; and {}", all.message, fault.message);
            if fault.effect == Effect::Maybe {
                all.effect = Effect::Maybe;
            }
        }
        Err(all)
    }
}
