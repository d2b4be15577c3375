//! The journal: what is to be posted, what is being posted, what was. Every change of state is one transaction that is on disk
//! before its caller goes on.
//!
//! `CROSS JOIN` holds SQLite to the order that is written: the few parts that are open or owned come first, through the index
//! that holds only those, however many posts the journal has.

use chrono::{DateTime, Duration, Utc};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde_json::Value;

use super::engine::{Error, Store};
use super::outbox_add::{Add, existing, has_delivery, insert_parts, insert_post, renew};
use super::rows::{self, DeliveryRow, LONGEST_WAIT, PartRow, ms, time};
use crate::net::Fault;

/// What became of one target of an [`Add`], in the order of its targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    pub post_id: i64,
    pub delivery_id: i64,
    /// `false`: the same draft was in the journal for this account already, and that delivery goes on.
    pub fresh: bool,
}

/// Which deliveries a run is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    Deliveries(Vec<i64>),
    /// All that is due.
    Due,
}

impl Scope {
    fn ids(&self) -> Option<String> {
        match self {
            Scope::Deliveries(ids) => Some(format!("{ids:?}")),
            Scope::Due => None,
        }
    }
}

/// What an account's worker gets to do next.
#[derive(Debug)]
pub enum Claim {
    Part(Box<Claimed>),
    /// Nothing before this time.
    Wait(DateTime<Utc>),
    Nothing,
}

/// A part that now belongs to this process.
#[derive(Debug)]
pub struct Claimed {
    pub part: PartRow,
    pub delivery: DeliveryRow,
    /// Receipts (JSON) of the first part and of the one before.
    pub root: Option<Value>,
    pub parent: Option<Value>,
}

/// One thing that was tried for a part.
#[derive(Debug, Clone)]
pub struct Try {
    /// What [`Store::sending`] gave, for the write it began.
    pub attempt: Option<i64>,
    /// `prepare`, `publish`, `find`.
    pub phase: &'static str,
    pub began: DateTime<Utc>,
    /// `ok`, `later`, `fault`, `found`, `not found`, `unsure`.
    pub outcome: &'static str,
    pub fault: Option<Fault>,
}

/// How a try ended, for [`Store::settle`].
#[derive(Debug, Clone)]
pub enum Settled {
    /// It is posted.
    Sent {
        receipt: Value,
    },
    /// Again at that time. `clean`: certainly nothing was posted by any try so far.
    Again {
        at: DateTime<Utc>,
        fault: Option<Fault>,
        clean: bool,
    },
    /// The network is busy with it: prepare again at that time from this checkpoint; no try was lost.
    Later {
        at: DateTime<Utc>,
        checkpoint: Value,
    },
    Failed {
        fault: Fault,
    },
    Unknown {
        fault: Fault,
    },
    /// This process stops; the part is as it was.
    Released,
}

impl Store {
    /// Puts a planned draft into the journal, whole or not at all. A target for which the same draft (or the same once key) is
    /// there already gets that delivery: its failed parts are queued again, and if nothing of it was ever sent it takes the new plan.
    ///
    /// # Errors
    /// An account is gone, or the database cannot be written: nothing was added.
    pub async fn outbox_add(&self, add: Add, now: DateTime<Utc>) -> Result<Vec<Added>, Error> {
        self.write(move |tx| {
            let mut post_id = None;
            let mut known = Vec::with_capacity(add.targets.len());
            for target in &add.targets {
                let found = if add.again { None } else { existing(tx, &add, target.account_id)? };
                post_id = post_id.or(found.map(|(post, _)| post));
                known.push(found);
            }
            let mut added = Vec::with_capacity(known.len());
            for (target, found) in add.targets.iter().zip(known) {
                if let Some((post_id, delivery_id)) = found {
                    renew(tx, delivery_id, target, &add, now)?;
                    added.push(Added { post_id, delivery_id, fresh: false });
                    continue;
                }
                let post = match post_id {
                    Some(id) if !has_delivery(tx, id, target.account_id)? => id,
                    _ => insert_post(tx, &add, now)?,
                };
                post_id = Some(post);
                let inserted = tx.execute(
                    "INSERT INTO deliveries (post_id, account_id, account, platform, handle, plan_hash, once, reply_to, quote, expires_at)
                     SELECT ?1, id, name, platform, handle, ?3, ?4, ?5, ?6, ?7 FROM accounts WHERE id = ?2",
                    params![
                        post,
                        target.account_id,
                        target.plan_hash,
                        add.once_key.is_some(),
                        target.reply_to.to_string(),
                        target.quote.to_string(),
                        target.expires_at.map(ms)
                    ],
                )?;
                if inserted == 0 {
                    return Ok(Err(Error::Conflict("an account was removed while the draft was being planned; nothing was posted".into())));
                }
                let delivery_id = tx.last_insert_rowid();
                insert_parts(tx, delivery_id, target, &add, now)?;
                added.push(Added { post_id: post, delivery_id, fresh: true });
            }
            Ok(Ok(added))
        })
        .await
    }

    /// Takes the next part of this account that may be worked on, for `owner`. A part that another process left in the middle of a
    /// write comes first, then the oldest delivery's next part; part n+1 only when part n is sent; never two at a time.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn claim(&self, account_id: i64, scope: &Scope, owner: &str, now: DateTime<Utc>) -> Result<Claim, Error> {
        let (ids, owner) = (scope.ids(), owner.to_string());
        // a claim that is lost with the power is free again; what it leads to is written durably before it is sent
        self.write_lightly(move |tx| {
            let busy: bool = tx
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM parts p CROSS JOIN deliveries d ON d.id = p.delivery_id
                     WHERE d.account_id = ?1 AND p.state IN ('preparing','sending') AND p.owner IS NOT NULL)",
                )?
                .query_row([account_id], |row| row.get(0))?;
            if busy {
                let open = open_parts(tx, account_id, ids.as_deref())?;
                return Ok(Ok(if open { Claim::Wait(now + Duration::milliseconds(50)) } else { Claim::Nothing }));
            }
            let not_before: Option<i64> = tx
                .prepare_cached("SELECT not_before FROM rates WHERE account_id = ?1 AND not_before > ?2 AND not_before <= ?3")?
                .query_row(params![account_id, ms(now), ms(now + LONGEST_WAIT)], |row| row.get(0))
                .optional()?;
            // what may be worked on, the most urgent first: a broken-off write, then by age
            let next: Option<(i64, i64)> = tx
                .prepare_cached(
                    "SELECT p.id, CASE WHEN p.tries > 0 AND p.next_at > ?4 THEN 0 ELSE p.next_at END AS due
                     FROM parts p CROSS JOIN deliveries d ON d.id = p.delivery_id
                     WHERE p.state IN ('queued','preparing','sending') AND p.state <> 'preparing' AND d.account_id = ?1
                       AND (?2 IS NULL OR d.id IN (SELECT value FROM json_each(?2)))
                       AND NOT EXISTS (SELECT 1 FROM parts b WHERE b.delivery_id = p.delivery_id AND b.idx < p.idx AND b.state <> 'sent')
                     ORDER BY p.state = 'queued', due > ?3, CASE WHEN due > ?3 THEN due ELSE 0 END, d.id, p.idx LIMIT 1",
                )?
                .query_row(params![account_id, ids, ms(now), ms(now + LONGEST_WAIT)], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((id, next_at)) = next else { return Ok(Ok(Claim::Nothing)) };
            let wait = next_at.max(not_before.unwrap_or(0));
            if wait > ms(now) {
                return Ok(Ok(Claim::Wait(time(wait))));
            }
            let part = tx
                .prepare_cached(
                    "UPDATE parts SET owner = ?2, state = CASE state WHEN 'queued' THEN 'preparing' ELSE state END
                     WHERE id = ?1 AND owner IS NULL RETURNING *",
                )?
                .query_row(params![id, owner], rows::part)?;
            let delivery = tx
                .prepare_cached("SELECT * FROM deliveries WHERE id = ?1")?
                .query_row([part.delivery_id], rows::delivery)?;
            let receipt = |index: Option<usize>| -> rusqlite::Result<Option<Value>> {
                let Some(index) = index else { return Ok(None) };
                tx.prepare_cached("SELECT receipt FROM parts WHERE delivery_id = ?1 AND idx = ?2")?
                    .query_row(params![part.delivery_id, index], |row| rows::json_opt(row, "receipt"))
            };
            let parent = receipt(part.index.checked_sub(1))?;
            let root = if part.index > 0 { receipt(Some(0))? } else { None };
            Ok(Ok(Claim::Part(Box::new(Claimed { part, delivery, root, parent }))))
        })
        .await
    }

    /// Posts from a source of this name but another draft, of which only a part is out at this account: (post id, parts that are out,
    /// all parts), the newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn half_out(
        &self,
        source: String,
        but_hash: String,
        account_id: i64,
    ) -> Result<Vec<(i64, usize, usize)>, Error> {
        self.read(move |c| {
            c.prepare_cached(
                // by the parts that are not out, which are few
                "SELECT d.post_id, total(a.state = 'sent'), count(*) FROM
                   (SELECT delivery_id AS id FROM parts WHERE state IN ('queued','preparing','sending')
                    UNION SELECT delivery_id FROM parts WHERE state IN ('failed','unknown')) AS part_out
                 CROSS JOIN deliveries d ON d.id = part_out.id JOIN posts p ON p.id = d.post_id JOIN parts a ON a.delivery_id = d.id
                 WHERE d.account_id = ?3 AND p.source = ?1 AND p.draft_hash <> ?2
                 GROUP BY d.id HAVING total(a.state = 'sent' AND a.deleted_at IS NULL) > 0
                 ORDER BY d.id DESC LIMIT 5",
            )?
            .query_map(params![source, but_hash, account_id], |row| {
                Ok((row.get(0)?, row.get::<_, f64>(1)? as usize, row.get(2)?))
            })?
            .collect()
        })
        .await
    }

    /// Which accounts have something to do in this scope: (account id, number of open parts).
    ///
    /// # Errors
    /// The database failed.
    pub async fn open_accounts(&self, scope: &Scope, due: DateTime<Utc>) -> Result<Vec<i64>, Error> {
        let ids = scope.ids();
        self.read(move |c| {
            c.prepare_cached(
                "SELECT DISTINCT d.account_id FROM parts p CROSS JOIN deliveries d ON d.id = p.delivery_id
                 WHERE p.state IN ('queued','preparing','sending') AND d.account_id IS NOT NULL
                   AND CASE WHEN ?1 IS NULL THEN p.next_at <= ?2 OR (p.tries > 0 AND p.next_at > ?3) ELSE d.id IN (SELECT value FROM json_each(?1)) END",
            )?
            .query_map(params![ids, ms(due), ms(due + LONGEST_WAIT)], |row| row.get(0))?
            .collect()
        })
        .await
    }

    /// Commits what `prepare` has finished so far, or what `publish` found to be gone (an upload that the network dropped).
    ///
    /// # Errors
    /// The part is not ours any more, or the disk is full.
    pub async fn checkpoint(&self, part: i64, owner: &str, state: Value) -> Result<(), Error> {
        let owner = owner.to_string();
        self.write(move |tx| {
            let changed = tx.execute(
                "UPDATE parts SET checkpoint = ?3 WHERE id = ?1 AND owner = ?2 AND state IN ('preparing','sending')",
                params![part, owner, state.to_string()],
            )?;
            Ok(ours(changed))
        })
        .await
    }

    /// Commits the intent to write: after this, and only after this, the one visible request may go out. Gives the attempt's id.
    ///
    /// # Errors
    /// The part is not ours any more, or the disk is full: nothing may be sent.
    pub async fn sending(&self, part: i64, owner: &str, ready: Value, now: DateTime<Utc>) -> Result<i64, Error> {
        let owner = owner.to_string();
        self.write(move |tx| {
            let changed = tx
                .prepare_cached(
                    "UPDATE parts SET state = 'sending', ready = ?3, first_sent = COALESCE(first_sent, ?4)
                     WHERE id = ?1 AND owner = ?2 AND state IN ('preparing','sending')",
                )?
                .execute(params![part, owner, ready.to_string(), ms(now)])?;
            if let Err(error) = ours(changed) {
                return Ok(Err(error));
            }
            tx.prepare_cached(
                "INSERT INTO attempts (part_id, phase, began_at, outcome) VALUES (?1, 'publish', ?2, 'interrupted')",
            )?
            .execute(params![part, ms(now)])?;
            Ok(Ok(tx.last_insert_rowid()))
        })
        .await
    }

    /// Writes down one try (or ends the one that [`Store::sending`] began).
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn tried(&self, part: i64, tried: Try, now: DateTime<Utc>) -> Result<(), Error> {
        self.write(move |tx| {
            write_attempt(tx, part, &tried, now)?;
            Ok(Ok(()))
        })
        .await
    }

    /// Commits how a try ended, together with its attempt, and lets go of the part. `not_before` is the account's next free moment.
    ///
    /// # Errors
    /// The part is not ours any more, or the disk is full.
    pub async fn settle(
        &self,
        part: i64,
        owner: &str,
        settled: Settled,
        tried: Option<Try>,
        now: DateTime<Utc>,
        not_before: Option<(DateTime<Utc>, String)>,
    ) -> Result<(), Error> {
        let owner = owner.to_string();
        self.write(move |tx| {
            let fault_json = |fault: &Fault| serde_json::to_string(fault).ok();
            let changed = match &settled {
                Settled::Sent { receipt } => tx
                    .prepare_cached(
                        "UPDATE parts SET state = 'sent', owner = NULL, receipt = ?3, sent_at = ?4, fault = NULL, checkpoint = 'null',
                         ready = 'null' WHERE id = ?1 AND owner = ?2",
                    )?
                    .execute(params![part, owner, receipt.to_string(), ms(now)])?,
                Settled::Again { at, fault, clean } => tx
                    .prepare_cached(
                        "UPDATE parts SET state = 'queued', owner = NULL, next_at = ?3, tries = tries + 1, fault = ?4,
                         first_sent = CASE WHEN ?5 THEN NULL ELSE first_sent END WHERE id = ?1 AND owner = ?2",
                    )?
                    .execute(params![part, owner, ms(*at), fault.as_ref().and_then(fault_json), clean])?,
                Settled::Later { at, checkpoint } => tx
                    .prepare_cached(
                        "UPDATE parts SET state = 'queued', owner = NULL, next_at = ?3, checkpoint = ?4, tries = 0
                         WHERE id = ?1 AND owner = ?2 AND state = 'preparing'",
                    )?
                    .execute(params![part, owner, ms(*at), checkpoint.to_string()])?,
                Settled::Failed { fault } => tx
                    .prepare_cached(
                        "UPDATE parts SET state = 'failed', owner = NULL, fault = ?3, tries = 0, first_sent = NULL WHERE id = ?1 AND owner = ?2",
                    )?
                    .execute(params![part, owner, fault_json(fault)])?,
                Settled::Unknown { fault } => tx
                    .prepare_cached("UPDATE parts SET state = 'unknown', owner = NULL, fault = ?3 WHERE id = ?1 AND owner = ?2")?
                    .execute(params![part, owner, fault_json(fault)])?,
                Settled::Released => tx
                    .prepare_cached(
                        "UPDATE parts SET owner = NULL, state = CASE state WHEN 'preparing' THEN 'queued' ELSE state END
                         WHERE id = ?1 AND owner = ?2",
                    )?
                    .execute(params![part, owner])?,
            };
            if let Err(error) = ours(changed) {
                return Ok(Err(error));
            }
            if let Some(tried) = tried {
                write_attempt(tx, part, &tried, now)?;
            }
            if let Some((until, why)) = not_before {
                tx.prepare_cached(
                    "INSERT INTO rates (account_id, not_before, why)
                     SELECT d.account_id, ?2, ?3 FROM parts p JOIN deliveries d ON d.id = p.delivery_id
                     WHERE p.id = ?1 AND d.account_id IS NOT NULL
                     ON CONFLICT (account_id) DO UPDATE SET not_before = excluded.not_before, why = excluded.why
                     WHERE excluded.not_before > not_before",
                )?
                .execute(params![part, ms(until), why])?;
            }
            Ok(Ok(()))
        })
        .await
    }

    /// The processes that rows say are at work.
    ///
    /// # Errors
    /// The database failed.
    pub async fn owners(&self) -> Result<Vec<String>, Error> {
        self.read(|c| {
            c.prepare_cached("SELECT DISTINCT owner FROM parts WHERE owner IS NOT NULL")?
                .query_map([], |row| row.get(0))?
                .collect()
        })
        .await
    }

    /// Frees the rows of a process that died: what it was preparing is queued again; what it was sending stays `sending` without an
    /// owner, to be settled by the next run. Gives how many there were.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn recover(&self, dead: &str) -> Result<usize, Error> {
        let dead = dead.to_string();
        self.write(move |tx| {
            let rows = tx.execute(
                "UPDATE parts SET owner = NULL, state = CASE state WHEN 'preparing' THEN 'queued' ELSE state END WHERE owner = ?1",
                [dead],
            )?;
            Ok(Ok(rows))
        })
        .await
    }

    /// Queues failed parts again, at once and with all their tries; also those that wait for their next try. Gives how many.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn requeue(&self, deliveries: Vec<i64>, now: DateTime<Utc>) -> Result<usize, Error> {
        self.write(move |tx| {
            let mut rows = 0;
            for id in deliveries {
                rows += tx.execute(
                    "UPDATE parts SET state = 'queued', tries = 0, next_at = ?2
                     WHERE delivery_id = ?1 AND (state = 'failed' OR (state = 'queued' AND tries > 0))",
                    params![id, ms(now)],
                )?;
            }
            Ok(Ok(rows))
        })
        .await
    }

    /// Cancels what is queued of these deliveries. What is being sent goes on. Gives how many parts.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn cancel(&self, deliveries: Vec<i64>) -> Result<usize, Error> {
        self.write(move |tx| {
            let mut rows = 0;
            for id in deliveries {
                rows += tx.execute(
                    "UPDATE parts SET state = 'cancelled' WHERE delivery_id = ?1 AND (state = 'failed' OR (state = 'queued' AND first_sent IS NULL))",
                    [id],
                )?;
            }
            Ok(Ok(rows))
        })
        .await
    }

    /// Settles an unknown part by what a person or a read-back says: posted (with a receipt) or not (queued again, as if never sent).
    ///
    /// # Errors
    /// The part is not `unknown` any more.
    pub async fn resolve(
        &self,
        part: i64,
        receipt: Option<Value>,
        phase: &'static str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        self.write(move |tx| {
            let changed = match &receipt {
                Some(receipt) => tx.execute(
                    "UPDATE parts SET state = 'sent', receipt = ?2, sent_at = COALESCE(first_sent, ?3), fault = NULL WHERE id = ?1 AND state = 'unknown'",
                    params![part, receipt.to_string(), ms(now)],
                )?,
                None => tx.execute(
                    "UPDATE parts SET state = 'queued', first_sent = NULL, tries = 0, next_at = ?2, fault = NULL WHERE id = ?1 AND state = 'unknown'",
                    params![part, ms(now)],
                )?,
            };
            if changed == 0 {
                return Ok(Err(Error::Conflict(format!("part {part} is not unknown any more"))));
            }
            let outcome = if receipt.is_some() { "found" } else { "not found" };
            write_attempt(tx, part, &Try { attempt: None, phase, began: now, outcome, fault: None }, now)?;
            Ok(Ok(()))
        })
        .await
    }

    /// There is nothing more to be taken back of this delivery, or no way to.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn expired(&self, delivery: i64) -> Result<(), Error> {
        self.write(move |tx| {
            tx.execute("UPDATE deliveries SET expires_at = NULL WHERE id = ?1", [delivery])?;
            Ok(Ok(()))
        })
        .await
    }

    /// Remembers that a part was taken back at the network.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn deleted(&self, part: i64, now: DateTime<Utc>) -> Result<(), Error> {
        self.write(move |tx| {
            tx.execute("UPDATE parts SET deleted_at = ?2 WHERE id = ?1", params![part, ms(now)])?;
            write_attempt(
                tx,
                part,
                &Try { attempt: None, phase: "delete", began: now, outcome: "ok", fault: None },
                now,
            )?;
            Ok(Ok(()))
        })
        .await
    }
}

/// A row that is not ours any more was recovered by another process, which only happens to the dead; stop at once.
fn ours(changed: usize) -> Result<(), Error> {
    if changed == 1 { Ok(()) } else { Err(Error::Conflict("the part belongs to another process now".into())) }
}

fn open_parts(tx: &Connection, account_id: i64, ids: Option<&str>) -> rusqlite::Result<bool> {
    tx.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM parts p CROSS JOIN deliveries d ON d.id = p.delivery_id
         WHERE d.account_id = ?1 AND p.state IN ('queued','preparing','sending')
           AND (?2 IS NULL OR d.id IN (SELECT value FROM json_each(?2))))",
    )?
    .query_row(params![account_id, ids], |row| row.get(0))
}

pub(super) fn write_attempt(tx: &Transaction, part: i64, tried: &Try, now: DateTime<Utc>) -> rusqlite::Result<()> {
    let fault = tried.fault.as_ref().and_then(|fault| serde_json::to_string(fault).ok());
    match tried.attempt {
        Some(id) => tx
            .prepare_cached("UPDATE attempts SET ended_at = ?2, outcome = ?3, fault = ?4 WHERE id = ?1")?
            .execute(params![id, ms(now), tried.outcome, fault])?,
        None => tx
            .prepare_cached("INSERT INTO attempts (part_id, phase, began_at, ended_at, outcome, fault) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![part, tried.phase, ms(tried.began), ms(now), tried.outcome, fault])?,
    };
    Ok(())
}
