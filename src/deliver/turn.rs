//! One part's turn: from claimed to its next resting place.
//!
//! ```text
//! prepare --> write --> sent
//!    |          |  \--> failed (certainly nothing posted) | queued again | unknown
//!    |          \-----> find --> sent | queued again | unknown
//!    \--> queued again | failed
//! ```
//! A part whose earlier write may have landed enters at `write` (where the network recognises the repeat) or at `find`.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use serde_json::Value;

use super::engine::{EventKind, store_fault};
use super::session::Session;
use super::verdict::{Phase, Situation, TRIES, Verdict, next_try};
use super::worker::Worker;
use crate::account::Secrets;
use crate::host::{self, Hosted};
use crate::media::{self, Media};
use crate::net::{Effect, Fault, Kind};
use crate::platform::{Cx, Find, Found, Post, Ready, Receipt, Repeat, Sink};
use crate::store::{Account, Claimed, Settled, Try};

/// With a once key, what may be on the network from another machine's run is looked for this far back.
const ONCE_LOOK_BACK: Duration = Duration::days(2);

/// A network that says "later, and that is now" is asked again after this long.
const SHORTEST_LATER: Duration = Duration::milliseconds(250);

/// How a turn ended: what is to be committed, and what the listener is told after that.
pub(super) struct End {
    pub(super) settled: Settled,
    pub(super) tried: Option<Try>,
    /// The account rests until then, and why.
    pub(super) rest: Option<(DateTime<Utc>, String)>,
    pub(super) event: Option<EventKind>,
}

impl End {
    fn failed(fault: Fault, tried: Try) -> End {
        let settled = Settled::Failed { fault: fault.clone() };
        End { settled, tried: Some(tried), rest: None, event: Some(EventKind::Failed { fault }) }
    }

    fn unknown(fault: Fault, tried: Option<Try>) -> End {
        let settled = Settled::Unknown { fault: fault.clone() };
        End { settled, tried, rest: None, event: Some(EventKind::Unknown { fault }) }
    }

    /// The run stops; the part stays as it is.
    fn released() -> End {
        End { settled: Settled::Released, tried: None, rest: None, event: None }
    }

    /// The account cannot be used at all (no secret, no such network, an unreadable row). What may have been posted stays open.
    pub(super) fn without_session(claimed: &Claimed, fault: Fault) -> End {
        let tried = fault_of(None, "prepare", Utc::now(), &fault);
        if claimed.part.first_sent.is_some() { End::unknown(fault, Some(tried)) } else { End::failed(fault, tried) }
    }
}

/// What comes next in a turn.
enum Step {
    Prepare,
    Write,
    /// Read back, because of this fault; `None`: before the first write, because of a once key.
    Find(Option<Fault>),
    End(Box<End>),
}

impl From<End> for Step {
    fn from(end: End) -> Step {
        Step::End(Box::new(end))
    }
}

/// One part's turn.
pub(super) struct Turn<'a> {
    worker: &'a Worker,
    claimed: &'a Claimed,
    session: &'a Session,
    sink: &'a PartSink<'a>,
    post: Post,
    repeat: Repeat,
    finder: Option<&'a dyn Find>,
    /// The login was renewed in this turn.
    refreshed: bool,
    /// Since when a write may have landed.
    dirty: Option<DateTime<Utc>>,
    /// What `prepare` made.
    ready: Value,
    /// Nothing needs to be looked for before the first write.
    looked: bool,
    /// The files to upload are there.
    made: bool,
    /// When the present step began.
    began: DateTime<Utc>,
}

impl<'a> Turn<'a> {
    /// A turn for a claimed part.
    ///
    /// # Errors
    /// The journal's row cannot be read.
    pub(super) fn new(
        worker: &'a Worker,
        claimed: &'a Claimed,
        session: &'a Session,
        sink: &'a PartSink<'a>,
    ) -> Result<Turn<'a>, Fault> {
        let finder = session.platform.find();
        Ok(Turn {
            post: post(claimed)?,
            repeat: session.platform.repeat(&session.info),
            looked: !claimed.delivery.once || finder.is_none(),
            finder,
            refreshed: false,
            dirty: claimed.part.first_sent,
            ready: claimed.part.ready.clone(),
            made: false,
            began: Utc::now(),
            worker,
            claimed,
            session,
            sink,
        })
    }

    /// Goes through the steps. `learnt`: whether what the server says of itself could be had.
    ///
    /// # Errors
    /// The journal cannot be written; nothing was sent after that.
    pub(super) async fn run(mut self, learnt: Result<(), Fault>) -> Result<End, Fault> {
        let mut step = match (self.dirty, learnt) {
            (Some(_), _) => self.resume(),
            (None, Ok(())) => Step::Prepare,
            (None, Err(fault)) => {
                // the login was renewed while learning, if that was of use
                self.refreshed = true;
                self.after_prepare(fault).await?
            }
        };
        loop {
            step = match step {
                Step::Prepare => self.prepare().await?,
                Step::Write => self.write().await?,
                Step::Find(lost) => self.find(lost).await?,
                Step::End(end) => return Ok(*end),
            };
        }
    }

    /// A write was begun and its end is not known: the process died, or the last answer was lost.
    fn resume(&self) -> Step {
        let part = &self.claimed.part;
        let fault = part.fault.clone().filter(|fault| fault.effect == Effect::Maybe).unwrap_or_else(interrupted);
        // a loss that is in the journal is counted in the tries already
        match self.judge(Phase::Publish, &fault, part.tries.saturating_sub(1), false) {
            Verdict::Again => Step::Write,
            Verdict::Find => Step::Find(Some(fault)),
            _ => End::unknown(fault, None).into(),
        }
    }

    async fn prepare(&mut self) -> Result<Step, Fault> {
        self.tell(EventKind::Preparing);
        self.began = Utc::now();
        // after a renewed login it goes on from what it had finished before
        if let Some(saved) = self.sink.saved.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.post.state = saved;
        }
        if let Err(fault) = self.make().await {
            return self.after_prepare(fault).await;
        }
        Ok(match self.session.platform.prepare(&self.cx(), &self.post).await {
            Ok(Ready::Now(ready)) => {
                self.ready = ready;
                if self.looked { Step::Write } else { Step::Find(None) }
            }
            Ok(Ready::Later { state, at }) => {
                let at = at.max(Utc::now() + SHORTEST_LATER);
                End {
                    settled: Settled::Later { at, checkpoint: state },
                    tried: Some(Try {
                        attempt: None,
                        phase: "prepare",
                        began: self.began,
                        outcome: "later",
                        fault: None,
                    }),
                    rest: None,
                    event: Some(EventKind::Waiting { at, fault: None }),
                }
                .into()
            }
            Err(fault) => self.after_prepare(fault).await?,
        })
    }

    /// Makes the pictures that were found not to fit when the post was planned. Networks only ever see what is uploaded.
    async fn make(&mut self) -> Result<(), Fault> {
        if self.made {
            return Ok(());
        }
        let (engine, sink) = (&self.worker.engine, self.sink);
        let card = self.post.card.as_mut().and_then(|card| card.image.as_mut());
        for media in self.post.media.iter_mut().map(|one| &mut one.media).chain(card) {
            if media.fit.is_some() {
                sink.progress(&format!("fitting {}", media.name));
                *media = media::made(media, engine.cache())
                    .await
                    .map_err(|why| Fault::local(format!("`{}`: {why}", media.name)))?;
            }
        }
        self.made = true;
        Ok(())
    }

    async fn after_prepare(&mut self, fault: Fault) -> Result<Step, Fault> {
        let tried = fault_of(None, "prepare", self.began, &fault);
        Ok(match self.judge(Phase::Prepare, &fault, self.claimed.part.tries, false) {
            Verdict::Refresh => match self.renew(&tried).await? {
                Ok(()) => Step::Prepare,
                Err(renewal) => End::failed(renewal.unwrap_or(fault), tried).into(),
            },
            Verdict::Again => self.again(&fault, tried).into(),
            _ => End::failed(fault, tried).into(),
        })
    }

    async fn write(&mut self) -> Result<Step, Fault> {
        if self.worker.stopping() {
            return Ok(End::released().into());
        }
        self.began = Utc::now();
        // a write that is repeated by a later run begins here
        if let Err(fault) = self.make().await {
            let tried = fault_of(None, "prepare", self.began, &fault);
            let open = self.dirty.is_some();
            return Ok(if open { End::unknown(fault, Some(tried)) } else { End::failed(fault, tried) }.into());
        }
        let (part, worker) = (&self.claimed.part, self.worker);
        let sending = worker.engine.store().sending(part.id, &worker.name, self.ready.clone(), self.began);
        let attempt = Some(sending.await.map_err(store_fault)?);
        self.tell(EventKind::Sending);
        let fault = match self.session.platform.publish(&self.cx(), &self.post, &self.ready).await {
            Ok(receipt) => {
                let tried = Try { attempt, phase: "publish", began: self.began, outcome: "ok", fault: None };
                return Ok(self.sent(receipt, tried, false).into());
            }
            Err(fault) => fault,
        };
        let tried = fault_of(attempt, "publish", self.began, &fault);
        // what the network gave before it went wrong (the id of a job) is what it can be asked about
        if let Some(saved) = self.sink.saved.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            self.post.state = saved;
        }
        let before = self.dirty.is_some();
        if fault.effect == Effect::Maybe {
            self.dirty = self.dirty.or(Some(self.began));
        }
        Ok(match self.judge(Phase::Publish, &fault, part.tries, before) {
            Verdict::Refresh => match self.renew(&tried).await? {
                Ok(()) => Step::Write,
                Err(renewal) if before => End::unknown(renewal.unwrap_or(fault), Some(tried)).into(),
                Err(renewal) => End::failed(renewal.unwrap_or(fault), tried).into(),
            },
            Verdict::Again => self.again(&fault, tried).into(),
            Verdict::Find => {
                worker.engine.store().tried(part.id, tried, Utc::now()).await.map_err(store_fault)?;
                Step::Find(Some(fault))
            }
            Verdict::Fail => End::failed(fault, tried).into(),
            Verdict::Unknown => End::unknown(fault, Some(tried)).into(),
        })
    }

    async fn find(&mut self, lost: Option<Fault>) -> Result<Step, Fault> {
        let part = &self.claimed.part;
        let Some(finder) = self.finder else {
            return Ok(lost.map_or(Step::Write, |lost| End::unknown(lost, None).into()));
        };
        self.tell(EventKind::Checking);
        let found = match &lost {
            None => {
                finder.find(&self.cx(), &self.post, &self.ready, part.created_at.min(Utc::now()) - ONCE_LOOK_BACK).await
            }
            Some(_) => {
                // the network may still be at work on what it was sent: a "no" counts the second time
                let settle = self.worker.engine.options().settle;
                let since = self.dirty.unwrap_or(part.created_at);
                let mut found = Ok(Found::No);
                for pause in [settle, settle * 3] {
                    if !self.worker.rest(pause).await {
                        return Ok(End::released().into());
                    }
                    self.began = Utc::now();
                    found = finder.find(&self.cx(), &self.post, &self.ready, since).await;
                    if !matches!(found, Ok(Found::No)) {
                        break;
                    }
                }
                found
            }
        };
        let tried = |outcome, fault| Try { attempt: None, phase: "find", began: self.began, outcome, fault };
        Ok(match (found, lost) {
            (Ok(Found::Yes(receipt)), _) => self.sent(receipt, tried("found", None), true).into(),
            (Ok(Found::No | Found::Unsure), None) => {
                self.looked = true;
                Step::Write
            }
            (Ok(Found::No), Some(lost)) => {
                self.dirty = None;
                // "that is here already", and it is none of ours: it will be the same the next time
                let taken = lost.effect == Effect::Maybe && lost.kind == Kind::Rejected;
                let lost = Fault { effect: Effect::None, ..lost };
                let tried = tried("not found", None);
                if !taken && part.tries + 1 < TRIES {
                    self.again(&lost, tried).into()
                } else {
                    End::failed(lost, tried).into()
                }
            }
            (Ok(Found::Unsure), Some(lost)) => End::unknown(lost, Some(tried("unsure", None))).into(),
            (Err(fault), lost) => {
                let tried = tried("fault", Some(fault.clone()));
                match self.judge(Phase::Find, &fault, part.tries, true) {
                    Verdict::Refresh => match (self.renew(&tried).await?, lost) {
                        (Ok(()), lost) => Step::Find(lost),
                        (Err(_), Some(lost)) => End::unknown(lost, Some(tried)).into(),
                        (Err(renewal), None) => End::failed(renewal.unwrap_or(fault), tried).into(),
                    },
                    Verdict::Again => {
                        let mut end = self.again(&fault, tried);
                        // the write's own fault stays in the journal: it says that the post may exist
                        if let (Some(lost), Settled::Again { fault: kept, .. }) = (lost, &mut end.settled) {
                            *kept = Some(lost);
                        }
                        end.into()
                    }
                    _ => match lost {
                        Some(lost) => End::unknown(lost, Some(tried)).into(),
                        None => End::failed(fault, tried).into(),
                    },
                }
            }
        })
    }

    /// Renews the login; the try that led to it is written down. `Err` holds the renewal's own fault, if it had one.
    async fn renew(&mut self, tried: &Try) -> Result<Result<(), Option<Fault>>, Fault> {
        self.refreshed = true;
        let engine = &self.worker.engine;
        match engine.refresh(self.session, self.sink).await {
            Ok(true) => {
                engine.store().tried(self.claimed.part.id, tried.clone(), Utc::now()).await.map_err(store_fault)?;
                Ok(Ok(()))
            }
            Ok(false) => Ok(Err(None)),
            Err(renewal) => Ok(Err(Some(renewal))),
        }
    }

    fn judge(&self, phase: Phase, fault: &Fault, tries: u32, dirty: bool) -> Verdict {
        let since_first = match self.dirty {
            Some(at) => Some(Utc::now() - at).filter(|since| *since >= Duration::zero()),
            None => Some(Duration::zero()),
        };
        (self.worker.engine.options().judge)(&Situation {
            phase,
            fault,
            repeat: self.repeat,
            can_find: self.finder.is_some(),
            tries,
            dirty,
            refreshed: self.refreshed,
            since_first,
        })
    }

    /// Queued for another try.
    fn again(&self, fault: &Fault, tried: Try) -> End {
        let part = &self.claimed.part;
        let base = Duration::from_std(self.worker.engine.options().backoff).unwrap_or_default();
        let at = next_try(fault, part.tries, part.key, base, Utc::now());
        End {
            settled: Settled::Again { at, fault: Some(fault.clone()), clean: self.dirty.is_none() },
            tried: Some(tried),
            // the whole account is limited, not this part alone
            rest: (fault.kind == Kind::Limited).then(|| (at, fault.to_string())),
            event: Some(EventKind::Waiting { at, fault: Some(fault.clone()) }),
        }
    }

    fn sent(&self, receipt: Receipt, tried: Try, found: bool) -> End {
        let now = Utc::now();
        let pace = Duration::from_std(self.session.platform.spec().pace).unwrap_or_default();
        let rest = match self.session.spent() {
            Some(reset) => Some((reset.max(now + pace), "the network's budget is used up".to_string())),
            None if pace > Duration::zero() => Some((now + pace, "the network's pace".to_string())),
            None => None,
        };
        let url = receipt.url.clone();
        let event = Some(if found { EventKind::Found { url } } else { EventKind::Sent { url } });
        let receipt = serde_json::to_value(&receipt).unwrap_or(Value::Null);
        End { settled: Settled::Sent { receipt }, tried: Some(tried), rest, event }
    }

    fn cx(&self) -> Cx<'_> {
        self.session.cx(self.sink)
    }

    fn tell(&self, kind: EventKind) {
        self.worker.tell(self.claimed, kind);
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
pub(super) fn post(claimed: &Claimed) -> Result<Post, Fault> {
    fn read<T: serde::de::DeserializeOwned>(value: &Value, what: &str) -> Result<T, Fault> {
        serde_json::from_value(value.clone())
            .map_err(|error| Fault::local(format!("the journal's {what} cannot be read: {error}")))
    }
    let Claimed { part, delivery, root, parent } = claimed;
    // what a person only said to be there, without an address, cannot be replied to: the rest stands by itself
    let known = |receipt: &Receipt| !receipt.id.is_empty() || receipt.url.is_some();
    let receipt = |value: &Option<Value>| -> Result<Option<Receipt>, Fault> {
        Ok(value.as_ref().map(|value| read(value, "receipt")).transpose()?.filter(known))
    };
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
        comment: part.comment,
        reply_to: if first { read(&delivery.reply_to, "reply")? } else { None },
        quote: if first { read(&delivery.quote, "quote")? } else { None },
        root: receipt(root)?,
        parent: receipt(parent)?,
        state: part.checkpoint.clone(),
    })
}

/// What a platform may keep while it works on a part.
pub(super) struct PartSink<'a> {
    worker: &'a Worker,
    claimed: &'a Claimed,
    account: Account,
    /// What was saved last in this turn.
    saved: Mutex<Option<Value>>,
}

impl<'a> PartSink<'a> {
    pub(super) fn new(worker: &'a Worker, claimed: &'a Claimed, account: Account) -> PartSink<'a> {
        PartSink { worker, claimed, account, saved: Mutex::default() }
    }
}

#[async_trait]
impl Sink for PartSink<'_> {
    async fn save(&self, state: &Value) -> Result<(), Fault> {
        let store = self.worker.engine.store();
        store.checkpoint(self.claimed.part.id, &self.worker.name, state.clone()).await.map_err(store_fault)?;
        *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = Some(state.clone());
        Ok(())
    }

    async fn keep(&self, secrets: &Secrets) -> Result<(), Fault> {
        self.worker.engine.keep(&self.account, secrets).await
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
        let store = self.worker.engine.store();
        store.remember_upload(self.account.id, sha256, kind, remote.clone(), until).await.map_err(store_fault)
    }

    async fn public_url(&self, media: &Media) -> Result<Hosted, Fault> {
        let engine = &self.worker.engine;
        let host = engine.media_host().ok_or_else(host::none)?;
        host.public_url(engine.door(), engine.store(), media, self.claimed.part.id).await
    }

    async fn fetched(&self, media: &Media) -> Result<(), Fault> {
        let engine = &self.worker.engine;
        let Some(host) = engine.media_host() else { return Ok(()) };
        host.fetched(engine.door(), engine.store(), media, self.claimed.part.id).await
    }

    fn progress(&self, what: &str) {
        self.worker.tell(self.claimed, EventKind::Progress(what.to_string()));
    }

    fn bytes(&self, what: &str, done: u64, total: u64) {
        self.worker.tell(self.claimed, EventKind::Uploading { name: what.to_string(), done, total });
    }
}
