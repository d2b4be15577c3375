//! One account's worker: takes part after part and brings each to an end.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::engine::{Engine, Event, EventKind, Listener, store_fault};
use super::session::Session;
use super::verdict::{Phase, Situation, Verdict, next_try, verdict};
use crate::account::Secrets;
use crate::net::{Effect, Fault, Kind};
use crate::platform::{Found, Post, Ready, Receipt, Sink};
use crate::store::{Claim, Claimed, DeliveryRow, PartRow, PartState, Scope, Settled, Try};

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

/// How one part's turn ended.
struct End {
    settled: Settled,
    tried: Option<Try>,
    /// The account rests until then, and why.
    rest: Option<(DateTime<Utc>, String)>,
    event: Option<EventKind>,
}

/// What is to be done next for a part.
enum Step {
    Prepare,
    Write,
    /// Read back, because of this fault.
    Find(Fault),
}

impl Worker {
    /// Works until there is nothing to do within the deadline.
    pub(super) async fn run(mut self) -> Result<(), Fault> {
        let mut session = None;
        loop {
            if *self.stop.borrow() {
                return Ok(());
            }
            let claim = self.engine.store().claim(self.account_id, &self.scope, &self.name, Utc::now()).await;
            match claim.map_err(store_fault)? {
                Claim::Nothing => return Ok(()),
                Claim::Wait(until) => {
                    let wait = (until - Utc::now()).to_std().unwrap_or_default();
                    if Instant::now() + wait > self.deadline {
                        return Ok(());
                    }
                    // not longer than a second at a time: another process may do the work, or die over it
                    self.pause(wait.min(std::time::Duration::from_secs(1))).await;
                    self.engine.recover().await?;
                }
                Claim::Part(claimed) => self.part(*claimed, &mut session).await?,
            }
        }
    }

    async fn pause(&mut self, wait: std::time::Duration) {
        tokio::select! {
            () = sleep(wait) => {}
            _ = self.stop.wait_for(|stop| *stop) => {}
        }
    }

    fn tell(&self, delivery: &DeliveryRow, part: &PartRow, kind: EventKind) {
        (self.listener)(Event {
            delivery_id: delivery.id,
            account: delivery.account.clone(),
            platform: delivery.platform.clone(),
            part: part.index + 1,
            of: part.of,
            kind,
        });
    }

    async fn part(&mut self, claimed: Claimed, session: &mut Option<Session>) -> Result<(), Fault> {
        let (part_id, began) = (claimed.part.id, Utc::now());
        let end = match self.open(session).await {
            Ok(session) => self.drive(&claimed, session).await?,
            Err(fault) => self.without_session(&claimed.part, fault, began),
        };
        let now = Utc::now();
        let mut tries = 0;
        loop {
            let done = self.engine.store().settle(
                part_id,
                &self.name,
                end.settled.clone(),
                end.tried.clone(),
                now,
                end.rest.clone(),
            );
            let Err(error) = done.await else { break };
            tries += 1;
            // a post that is out must get into the journal: the disk may find room, the lock may be freed
            if tries < 5 && matches!(end.settled, Settled::Sent { .. }) {
                sleep(std::time::Duration::from_millis(200 << tries)).await;
                continue;
            }
            return Err(match &end.settled {
                Settled::Sent { receipt } => Fault::local(format!(
                    "`{}` was posted ({}), but the journal could not be written: {error}; the next run will read it back",
                    claimed.delivery.account,
                    receipt.get("url").and_then(Value::as_str).unwrap_or("no address")
                ))
                .maybe(),
                _ => store_fault(error),
            });
        }
        if let Some(kind) = end.event {
            self.tell(&claimed.delivery, &claimed.part, kind);
        }
        Ok(())
    }

    async fn open<'s>(&self, session: &'s mut Option<Session>) -> Result<&'s mut Session, Fault> {
        if session.is_none() {
            let account = self.engine.store().account_by_id(self.account_id).await.map_err(store_fault)?;
            let account = account.ok_or_else(|| Fault::local("the account was removed"))?;
            *session = Some(self.engine.session(account).await?);
        }
        session.as_mut().ok_or_else(|| Fault::local("the account was removed"))
    }

    /// The account cannot be used at all (no secret, no such network).
    fn without_session(&self, part: &PartRow, fault: Fault, began: DateTime<Utc>) -> End {
        let tried = Some(fault_of(None, "prepare", began, &fault));
        // a write that may have landed cannot be asked about now; it stays open for a run that can
        if part.first_sent.is_some() {
            let settled = Settled::Unknown { fault: fault.clone() };
            return End { settled, tried, rest: None, event: Some(EventKind::Unknown { fault }) };
        }
        End {
            settled: Settled::Failed { fault: fault.clone() },
            tried,
            rest: None,
            event: Some(EventKind::Failed { fault }),
        }
    }

    /// Brings one part to its next resting place.
    async fn drive(&mut self, claimed: &Claimed, session: &mut Session) -> Result<End, Fault> {
        let Claimed { part, delivery, .. } = claimed;
        let platform = session.platform;
        let post = match post(claimed) {
            Ok(post) => post,
            Err(fault) => return Ok(self.without_session(part, fault, Utc::now())),
        };
        let sink = JobSink { worker: self, claimed, account: session.account.clone() };
        let learnt = self.engine.learn(session, &sink).await;
        let repeat = platform.repeat(&session.info);
        let finder = platform.find();
        let session = &*session;
        let cx = session.cx(&self.engine, &sink);
        let mut refreshed = false;
        // whether a write before this one may have landed, and since when
        let mut dirty = part.first_sent;
        let mut ready = part.ready.clone();
        let mut looked = !delivery.once || finder.is_none();
        let mut attempt: Option<i64> = None;
        let mut began = Utc::now();

        let judge_after =
            |tries: u32, phase: Phase, fault: &Fault, dirty: Option<DateTime<Utc>>, before: bool, refreshed: bool| {
                let since_first = dirty.map_or(Some(Duration::zero()), |at| {
                    Some(Utc::now() - at).filter(|since| *since >= Duration::zero())
                });
                verdict(&Situation {
                    phase,
                    fault,
                    repeat,
                    can_find: finder.is_some(),
                    tries,
                    dirty: before,
                    refreshed,
                    since_first,
                })
            };
        let judge = |phase, fault: &Fault, dirty, before, refreshed| {
            judge_after(part.tries, phase, fault, dirty, before, refreshed)
        };
        let again = |fault: &Fault, clean: bool, tried: Try, rest: bool| {
            let at = next_try(
                fault,
                part.tries,
                part.key,
                Duration::from_std(self.engine.options().backoff).unwrap_or_default(),
                Utc::now(),
            );
            End {
                settled: Settled::Again { at, fault: Some(fault.clone()), clean },
                tried: Some(tried),
                // the whole account is limited, not this part alone
                rest: (rest && fault.kind == Kind::Limited).then(|| (at, fault.to_string())),
                event: Some(EventKind::Waiting { at, fault: Some(fault.clone()) }),
            }
        };
        let failed = |fault: Fault, tried: Try| End {
            settled: Settled::Failed { fault: fault.clone() },
            tried: Some(tried),
            rest: None,
            event: Some(EventKind::Failed { fault }),
        };
        let unknown = |fault: Fault, tried: Option<Try>| End {
            settled: Settled::Unknown { fault: fault.clone() },
            tried,
            rest: None,
            event: Some(EventKind::Unknown { fault }),
        };

        let mut step = match (dirty, learnt) {
            (None, Ok(())) => Step::Prepare,
            (None, Err(fault)) => {
                let record = fault_of(None, "prepare", began, &fault);
                return Ok(match judge(Phase::Prepare, &fault, None, false, true) {
                    Verdict::Again => again(&fault, true, record, true),
                    _ => failed(fault, record),
                });
            }
            // a write was begun and its end is not in the journal: the process died, or the last answer was lost
            (Some(_), _) => {
                let fault =
                    part.fault.clone().filter(|fault| fault.effect == Effect::Maybe).unwrap_or_else(interrupted);
                // that loss is counted in the tries already
                match judge_after(part.tries.saturating_sub(1), Phase::Publish, &fault, dirty, false, true) {
                    Verdict::Again => Step::Write,
                    Verdict::Find => Step::Find(fault),
                    _ => return Ok(unknown(fault, None)),
                }
            }
        };

        loop {
            match step {
                Step::Prepare => {
                    self.tell(delivery, part, EventKind::Preparing);
                    began = Utc::now();
                    match platform.prepare(&cx, &post).await {
                        Ok(Ready::Now(value)) => {
                            ready = value;
                            step = if looked {
                                Step::Write
                            } else {
                                Step::Find(Fault::local("read back before the first write"))
                            };
                        }
                        Ok(Ready::Later { state, at }) => {
                            // a network that says "now" is not asked in a tight loop
                            let at = at.max(Utc::now() + Duration::milliseconds(250));
                            return Ok(End {
                                settled: Settled::Later { at, checkpoint: state },
                                tried: Some(Try {
                                    attempt: None,
                                    phase: "prepare",
                                    began,
                                    outcome: "later",
                                    fault: None,
                                }),
                                rest: None,
                                event: Some(EventKind::Waiting { at, fault: None }),
                            });
                        }
                        Err(fault) => {
                            let record = fault_of(None, "prepare", began, &fault);
                            match judge(Phase::Prepare, &fault, None, false, refreshed) {
                                Verdict::Refresh => {
                                    refreshed = true;
                                    if let Some(end) = self.renew(session, &sink, fault, record, &failed).await? {
                                        return Ok(end);
                                    }
                                    step = Step::Prepare;
                                }
                                Verdict::Again => return Ok(again(&fault, true, record, true)),
                                _ => return Ok(failed(fault, record)),
                            }
                        }
                    }
                }
                Step::Write => {
                    if *self.stop.borrow() {
                        return Ok(End { settled: Settled::Released, tried: None, rest: None, event: None });
                    }
                    began = Utc::now();
                    let id = self
                        .engine
                        .store()
                        .sending(part.id, &self.name, ready.clone(), began)
                        .await
                        .map_err(store_fault)?;
                    attempt = Some(id);
                    self.tell(delivery, part, EventKind::Sending);
                    let before = dirty.is_some();
                    match platform.publish(&cx, &post, &ready).await {
                        Ok(receipt) => {
                            return Ok(self.sent(
                                session,
                                receipt,
                                Try { attempt: Some(id), phase: "publish", began, outcome: "ok", fault: None },
                                false,
                            ));
                        }
                        Err(fault) => {
                            let record = fault_of(Some(id), "publish", began, &fault);
                            if fault.effect == Effect::Maybe {
                                dirty = dirty.or(Some(began));
                            }
                            match judge(Phase::Publish, &fault, dirty, before, refreshed) {
                                Verdict::Refresh => {
                                    refreshed = true;
                                    let stuck = |fault: Fault, record: Try| {
                                        if before { unknown(fault, Some(record)) } else { failed(fault, record) }
                                    };
                                    if let Some(end) = self.renew(session, &sink, fault, record, &stuck).await? {
                                        return Ok(end);
                                    }
                                    step = Step::Write;
                                }
                                Verdict::Again => return Ok(again(&fault, dirty.is_none(), record, true)),
                                Verdict::Find => step = Step::Find(fault),
                                Verdict::Fail => return Ok(failed(fault, record)),
                                Verdict::Unknown => return Ok(unknown(fault, Some(record))),
                            }
                        }
                    }
                }
                Step::Find(lost) => {
                    if let Some(id) = attempt.take() {
                        let tried = fault_of(Some(id), "publish", began, &lost);
                        self.engine.store().tried(part.id, tried, Utc::now()).await.map_err(store_fault)?;
                    }
                    let Some(finder) = finder else { return Ok(unknown(lost, None)) };
                    self.tell(delivery, part, EventKind::Checking);
                    // the network may still be at work on what it was sent
                    let settle = self.engine.options().settle;
                    let since = dirty.unwrap_or_else(|| part.created_at.min(Utc::now()) - Duration::days(2));
                    let lost_write = dirty.is_some();
                    if lost_write && !self.rest(settle).await {
                        return Ok(End { settled: Settled::Released, tried: None, rest: None, event: None });
                    }
                    began = Utc::now();
                    let mut found = finder.find(&cx, &post, &ready, since).await;
                    if lost_write && matches!(found, Ok(Found::No)) {
                        if !self.rest(settle * 3).await {
                            return Ok(End { settled: Settled::Released, tried: None, rest: None, event: None });
                        }
                        found = finder.find(&cx, &post, &ready, since).await;
                    }
                    let record = |outcome, fault| Try { attempt: None, phase: "find", began, outcome, fault };
                    match found {
                        Ok(Found::Yes(receipt)) => {
                            return Ok(self.sent(session, receipt, record("found", None), true));
                        }
                        Ok(Found::No | Found::Unsure) if !lost_write => {
                            looked = true;
                            step = Step::Write;
                        }
                        Ok(Found::No) if part.tries + 1 < super::TRIES => {
                            return Ok(again(&lost, true, record("not found", None), false));
                        }
                        Ok(Found::No) => {
                            return Ok(failed(Fault { effect: Effect::None, ..lost }, record("not found", None)));
                        }
                        Ok(Found::Unsure) => return Ok(unknown(lost, Some(record("unsure", None)))),
                        Err(fault) => match judge(Phase::Find, &fault, dirty, true, refreshed) {
                            Verdict::Refresh => {
                                refreshed = true;
                                let stuck = |_: Fault, record: Try| {
                                    if lost_write {
                                        unknown(lost.clone(), Some(record))
                                    } else {
                                        failed(fault.clone(), record)
                                    }
                                };
                                if let Some(end) = self
                                    .renew(session, &sink, fault.clone(), record("fault", Some(fault.clone())), &stuck)
                                    .await?
                                {
                                    return Ok(end);
                                }
                                step = Step::Find(lost);
                            }
                            Verdict::Again => {
                                let record = record("fault", Some(fault.clone()));
                                // the write's own fault stays: it says that the post may exist
                                let mut end = again(&fault, dirty.is_none(), record, true);
                                if let (true, Settled::Again { fault: kept, .. }) = (lost_write, &mut end.settled) {
                                    *kept = Some(lost);
                                }
                                return Ok(end);
                            }
                            _ if lost_write => return Ok(unknown(lost, Some(record("fault", Some(fault))))),
                            _ => return Ok(failed(fault.clone(), record("fault", Some(fault)))),
                        },
                    }
                }
            }
        }
    }

    /// Waits; `false` if the run is to stop.
    async fn rest(&self, wait: std::time::Duration) -> bool {
        let mut stop = self.stop.clone();
        if *stop.borrow() {
            return false;
        }
        tokio::select! {
            () = sleep(wait) => true,
            _ = stop.wait_for(|stop| *stop) => false,
        }
    }

    /// Renews the login. `None`: go on. Otherwise the part ends with the login's own fault where that says more.
    async fn renew(
        &self,
        session: &Session,
        sink: &JobSink<'_>,
        fault: Fault,
        record: Try,
        stuck: &(dyn Fn(Fault, Try) -> End + Sync),
    ) -> Result<Option<End>, Fault> {
        match self.engine.refresh(session, sink).await {
            Ok(true) => {
                self.engine.store().tried(sink.claimed.part.id, record, Utc::now()).await.map_err(store_fault)?;
                Ok(None)
            }
            Ok(false) => Ok(Some(stuck(fault, record))),
            Err(renewal) => Ok(Some(stuck(renewal, record))),
        }
    }

    fn sent(&self, session: &Session, receipt: Receipt, tried: Try, found: bool) -> End {
        let now = Utc::now();
        let pace = Duration::from_std(session.platform.spec().pace).unwrap_or_default();
        let rest = match session.spent() {
            Some(reset) => Some((reset.max(now + pace), "the network's budget is used up".to_string())),
            None if pace > Duration::zero() => Some((now + pace, "the network's pace".to_string())),
            None => None,
        };
        let url = receipt.url.clone();
        let event = if found { EventKind::Found { url } } else { EventKind::Sent { url } };
        let receipt = serde_json::to_value(&receipt).unwrap_or(Value::Null);
        End { settled: Settled::Sent { receipt }, tried: Some(tried), rest, event: Some(event) }
    }
}

/// A try that ended in a fault.
fn fault_of(attempt: Option<i64>, phase: &'static str, began: DateTime<Utc>, fault: &Fault) -> Try {
    Try { attempt, phase, began, outcome: "fault", fault: Some(fault.clone()) }
}

/// The fault of a write whose process died.
fn interrupted() -> Fault {
    Fault::new(Kind::Network, "xpost was interrupted while it was posting").maybe()
}

/// The journal's row as the platform's post.
fn post(claimed: &Claimed) -> Result<Post, Fault> {
    fn read<T: serde::de::DeserializeOwned>(value: &Value, what: &str) -> Result<T, Fault> {
        serde_json::from_value(value.clone())
            .map_err(|error| Fault::local(format!("the journal's {what} cannot be read: {error}")))
    }
    let Claimed { part, delivery, root, parent } = claimed;
    let receipt = |value: &Option<Value>| value.as_ref().map(|value| read(value, "receipt")).transpose();
    let first = part.index == 0;
    Ok(Post {
        key: part.key,
        created: part.created_at,
        index: part.index,
        of: part.of,
        text: read(&part.text, "text")?,
        media: read(&part.media, "media")?,
        card: read(&part.card, "card")?,
        payload: part.payload.clone(),
        reply_to: if first { read(&delivery.reply_to, "reply")? } else { None },
        quote: if first { read(&delivery.quote, "quote")? } else { None },
        root: receipt(root)?,
        parent: receipt(parent)?,
        state: part.checkpoint.clone(),
    })
}

/// What a platform may keep while it works on a part.
struct JobSink<'a> {
    worker: &'a Worker,
    claimed: &'a Claimed,
    account: crate::store::Account,
}

#[async_trait]
impl Sink for JobSink<'_> {
    async fn save(&self, state: &Value) -> Result<(), Fault> {
        let store = self.worker.engine.store();
        // after the write was begun the checkpoint is history
        if self.claimed.part.state == PartState::Sending {
            return Ok(());
        }
        store.checkpoint(self.claimed.part.id, &self.worker.name, state.clone()).await.map_err(store_fault)
    }

    async fn keep(&self, secrets: &Secrets) -> Result<(), Fault> {
        self.worker.engine.vault().keep(&self.account, secrets).await
    }

    async fn uploaded(&self, sha256: &str, kind: &str) -> Result<Option<Value>, Fault> {
        self.worker.engine.store().upload(self.account.id, sha256, kind, Utc::now()).await.map_err(store_fault)
    }

    async fn remember_upload(
        &self,
        sha256: &str,
        kind: &str,
        remote: &Value,
        until: DateTime<Utc>,
    ) -> Result<(), Fault> {
        self.worker
            .engine
            .store()
            .remember_upload(self.account.id, sha256, kind, remote.clone(), until)
            .await
            .map_err(store_fault)
    }

    fn progress(&self, what: &str) {
        self.worker.tell(&self.claimed.delivery, &self.claimed.part, EventKind::Progress(what.to_string()));
    }
}
