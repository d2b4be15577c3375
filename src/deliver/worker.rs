//! One account's worker: takes part after part and gives each its turn.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::engine::{Engine, Event, EventKind, Listener, store_fault};
use super::session::Session;
use super::turn::{End, PartSink, Turn};
use crate::net::Fault;
use crate::store::{Claim, Claimed, Scope, Settled};

/// How often a post that is out is written to a journal that refuses it.
const JOURNAL_TRIES: u32 = 5;

/// The worker of one account in one run.
pub(super) struct Worker {
    pub(super) engine: Engine,
    pub(super) account_id: i64,
    /// As the rows name it.
    pub(super) name: String,
    pub(super) scope: Scope,
    pub(super) listener: Arc<Listener>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) deadline: Instant,
}

impl Worker {
    /// Works until there is nothing to do within the deadline.
    pub(super) async fn run(self) -> Result<(), Fault> {
        let mut session = None;
        while !self.stopping() {
            let claim = self.engine.store().claim(self.account_id, &self.scope, &self.name, Utc::now()).await;
            match claim.map_err(store_fault)? {
                Claim::Nothing => break,
                Claim::Wait(until) => {
                    let wait = (until - Utc::now()).to_std().unwrap_or_default();
                    if Instant::now() + wait > self.deadline {
                        break;
                    }
                    // not longer than a second at a time: another process may do the work, or die over it
                    self.rest(wait.min(Duration::from_secs(1))).await;
                    self.engine.recover().await?;
                }
                Claim::Part(claimed) => {
                    let end = self.turn(&claimed, &mut session).await?;
                    self.settle(&claimed, end).await?;
                }
            }
        }
        Ok(())
    }

    async fn turn(&self, claimed: &Claimed, session: &mut Option<Session>) -> Result<End, Fault> {
        let session = match session {
            Some(session) => session,
            None => match self.open().await {
                Ok(opened) => session.insert(opened),
                Err(fault) => return Ok(End::without_session(claimed, fault)),
            },
        };
        let sink = PartSink::new(self, claimed, session.account.clone());
        let learnt = match self.engine.keep_alive(session, chrono::TimeDelta::zero()).await {
            Ok(()) => self.engine.learn(session, &sink).await,
            // a network that is away comes back; what the fault says of the login counts as of a first request
            Err(fault) => Err(fault),
        };
        match Turn::new(self, claimed, session, &sink) {
            Ok(turn) => turn.run(learnt).await,
            Err(fault) => Ok(End::without_session(claimed, fault)),
        }
    }

    async fn open(&self) -> Result<Session, Fault> {
        let account = self.engine.store().account_by_id(self.account_id).await.map_err(store_fault)?;
        self.engine.open(account.ok_or_else(|| Fault::local("the account was removed"))?).await
    }

    /// Commits how the turn ended. What is posted must get into the journal: the disk may find room, the lock may be freed.
    async fn settle(&self, claimed: &Claimed, end: End) -> Result<(), Fault> {
        let End { settled, tried, rest, event } = end;
        let now = Utc::now();
        let mut tries = 1;
        loop {
            let store = self.engine.store();
            let done =
                store.settle(claimed.part.id, &self.name, settled.clone(), tried.clone(), now, rest.clone()).await;
            match (done, &settled) {
                (Ok(()), _) => break,
                (Err(_), Settled::Sent { .. }) if tries < JOURNAL_TRIES => {
                    sleep(Duration::from_millis(200 << tries)).await;
                    tries += 1;
                }
                (Err(error), Settled::Sent { receipt }) => {
                    let url = receipt.get("url").and_then(Value::as_str).unwrap_or("the network gave no address");
                    let account = &claimed.delivery.account;
                    let text = format!(
                        "`{account}` was posted ({url}), but the journal could not be written: {error}; the next run settles it"
                    );
                    return Err(Fault::local(text).maybe());
                }
                (Err(error), _) => return Err(store_fault(error)),
            }
        }
        if let Some(kind) = event {
            self.tell(claimed, kind);
        }
        Ok(())
    }

    /// Whether the run is to stop.
    pub(super) fn stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Waits; `false` if the run is to stop.
    pub(super) async fn rest(&self, wait: Duration) -> bool {
        let mut stop = self.stop.clone();
        if *stop.borrow() {
            return false;
        }
        let stopped = async {
            // a sender that is gone will never say stop
            if stop.wait_for(|stop| *stop).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = sleep(wait) => true,
            () = stopped => false,
        }
    }

    pub(super) fn tell(&self, claimed: &Claimed, kind: EventKind) {
        (self.listener)(Event {
            delivery_id: claimed.delivery.id,
            account: claimed.delivery.account.clone(),
            platform: claimed.delivery.platform.clone(),
            part: claimed.part.index + 1,
            of: claimed.part.of,
            kind,
        });
    }
}
