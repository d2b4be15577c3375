//! How a draft gets into the journal: anew, or by going on with what it has there already.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::Value;
use uuid::Uuid;

use super::rows::ms;

/// A draft for the journal, planned for its targets.
#[derive(Debug, Clone)]
pub struct Add {
    pub source: String,
    pub title: Option<String>,
    /// All that was written, as plain text, for the search.
    pub body: String,
    pub draft_hash: String,
    pub once_key: Option<String>,
    /// Not before this time.
    pub at: Option<DateTime<Utc>>,
    /// Post it again even if the same draft is there already.
    pub again: bool,
    pub targets: Vec<NewDelivery>,
}

/// One target of an [`Add`].
#[derive(Debug, Clone)]
pub struct NewDelivery {
    pub account_id: i64,
    pub plan_hash: String,
    pub reply_to: Value,
    pub quote: Value,
    /// To be taken back then.
    pub expires_at: Option<DateTime<Utc>>,
    pub parts: Vec<NewPart>,
}

/// One part of a [`NewDelivery`].
#[derive(Debug, Clone)]
pub struct NewPart {
    pub key: Uuid,
    pub text: Value,
    pub media: Value,
    pub card: Value,
    pub payload: Value,
    pub comment: bool,
    pub cost: Value,
}

/// The delivery that this draft (or once key) has for this account already, unless it was cancelled or deleted as a whole.
pub(super) fn existing(tx: &Transaction, add: &Add, account_id: i64) -> rusqlite::Result<Option<(i64, i64)>> {
    let find = |condition: &str, value: &str| {
        let sql = format!(
            "SELECT p.id, d.id FROM posts p JOIN deliveries d ON d.post_id = p.id WHERE {condition} AND d.account_id = ?2
             AND EXISTS (SELECT 1 FROM parts WHERE delivery_id = d.id AND state <> 'cancelled' AND deleted_at IS NULL)
             ORDER BY d.id DESC LIMIT 1"
        );
        tx.query_row(&sql, params![value, account_id], |row| Ok((row.get(0)?, row.get(1)?))).optional()
    };
    if let Some(key) = &add.once_key
        && let Some(found) = find("p.once_key = ?1", key)?
    {
        return Ok(Some(found));
    }
    // with a once key, too: the same draft that was posted here without one is not posted again
    find("p.once_key IS NULL AND p.draft_hash = ?1", &add.draft_hash)
}

pub(super) fn has_delivery(tx: &Transaction, post: i64, account_id: i64) -> rusqlite::Result<bool> {
    tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM deliveries WHERE post_id = ?1 AND account = (SELECT name FROM accounts WHERE id = ?2))",
        [post, account_id],
        |row| row.get(0),
    )
}

pub(super) fn insert_post(tx: &Transaction, add: &Add, now: DateTime<Utc>) -> rusqlite::Result<i64> {
    tx.execute(
        "INSERT INTO posts (created_at, source, title, body, draft_hash, once_key, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![ms(now), add.source, add.title, add.body, add.draft_hash, add.once_key, add.at.map(ms)],
    )?;
    Ok(tx.last_insert_rowid())
}

pub(super) fn insert_parts(
    tx: &Transaction,
    delivery: i64,
    target: &NewDelivery,
    add: &Add,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let mut statement = tx.prepare_cached(
        "INSERT INTO parts (delivery_id, idx, of, key, created_at, text, media, card, payload, comment, cost, state, next_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'queued', ?12)",
    )?;
    for (index, part) in target.parts.iter().enumerate() {
        statement.execute(params![
            delivery,
            index,
            target.parts.len(),
            part.key.to_string(),
            // the parts of a thread keep their order wherever posts are sorted by time
            ms(add.at.unwrap_or(now).max(now)) + index as i64,
            part.text.to_string(),
            part.media.to_string(),
            part.card.to_string(),
            part.payload.to_string(),
            part.comment,
            part.cost.to_string(),
            ms(add.at.unwrap_or(now)),
        ])?;
    }
    Ok(())
}

/// Whether a delivery of which nothing was ever sent has finished steps (uploads) that are of use to this plan: then its parts, which
/// are the same, are kept with their identity.
fn begun(
    tx: &Transaction,
    delivery: i64,
    target: &NewDelivery,
    add: &Add,
    now: DateTime<Utc>,
) -> rusqlite::Result<bool> {
    let mut statement = tx.prepare_cached(
        "SELECT p.text, p.media, p.card, p.payload, p.key, p.checkpoint FROM parts p JOIN deliveries d ON d.id = p.delivery_id
         WHERE d.id = ?1 AND d.plan_hash = ?2 ORDER BY p.idx",
    )?;
    let rows = statement.query_map(params![delivery, target.plan_hash], |row| {
        let columns: Vec<String> = (0..6).map(|at| row.get(at)).collect::<rusqlite::Result<_>>()?;
        Ok(columns)
    })?;
    let known: Vec<Vec<String>> = rows.collect::<rusqlite::Result<_>>()?;
    let same = |(row, part): (&Vec<String>, &NewPart)| {
        row[..4] == [&part.text, &part.media, &part.card, &part.payload].map(ToString::to_string)
            && (add.once_key.is_none() || row[4] == part.key.to_string())
    };
    Ok(add.at.is_none_or(|at| at <= now)
        && known.len() == target.parts.len()
        && known.iter().any(|row| row[5] != "null")
        && known.iter().zip(&target.parts).all(same))
}

/// The same draft once more: what failed is queued again; a delivery of which nothing was ever sent takes the new plan.
pub(super) fn renew(
    tx: &Transaction,
    delivery: i64,
    target: &NewDelivery,
    add: &Add,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let touched: bool = tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM parts WHERE delivery_id = ?1
         AND (state NOT IN ('queued','failed','cancelled') OR first_sent IS NOT NULL OR owner IS NOT NULL))",
        [delivery],
        |row| row.get(0),
    )?;
    if touched {
        tx.execute(
            "UPDATE parts SET state = 'queued', tries = 0, next_at = ?2 WHERE delivery_id = ?1 AND state = 'failed'",
            params![delivery, ms(now)],
        )?;
        return Ok(());
    }
    if begun(tx, delivery, target, add, now)? {
        tx.execute(
            "UPDATE parts SET state = 'queued', tries = 0, next_at = ?2, fault = NULL WHERE delivery_id = ?1",
            params![delivery, ms(now)],
        )?;
    } else {
        tx.execute("DELETE FROM parts WHERE delivery_id = ?1", [delivery])?;
        insert_parts(tx, delivery, target, add, now)?;
    }
    tx.execute(
        "UPDATE deliveries SET plan_hash = ?2, reply_to = ?3, quote = ?4, expires_at = ?5 WHERE id = ?1",
        params![
            delivery,
            target.plan_hash,
            target.reply_to.to_string(),
            target.quote.to_string(),
            target.expires_at.map(ms)
        ],
    )?;
    Ok(())
}
