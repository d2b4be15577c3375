//! What becomes of the journal when a post that is out is changed at its network.

use chrono::{DateTime, Utc};
use rusqlite::params;
use serde_json::Value;

use super::outbox::{Try, write_attempt};
use super::rows::ms;
use super::{Error, Store};

/// What a part says after it was changed.
#[derive(Debug, Clone)]
pub struct NewWords {
    /// JSON of the marked text, the media, the card.
    pub text: Value,
    pub media: Value,
    pub card: Value,
    pub payload: Value,
    /// JSON of a receipt.
    pub receipt: Value,
}

impl Store {
    /// Writes down that a part is about to be changed at its network; gives the attempt.
    ///
    /// # Errors
    /// The database cannot be written: then nothing may be sent.
    pub async fn editing(&self, part: i64, now: DateTime<Utc>) -> Result<i64, Error> {
        self.write(move |tx| {
            tx.prepare_cached(
                "INSERT INTO attempts (part_id, phase, began_at, outcome) VALUES (?1, 'edit', ?2, 'interrupted')",
            )?
            .execute(params![part, ms(now)])?;
            Ok(Ok(tx.last_insert_rowid()))
        })
        .await
    }

    /// The network has the new words.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn edited(&self, part: i64, new: NewWords, tried: Try, now: DateTime<Utc>) -> Result<(), Error> {
        self.write(move |tx| {
            tx.execute(
                "UPDATE parts SET text = ?2, media = ?3, card = ?4, payload = ?5, receipt = ?6 WHERE id = ?1",
                params![
                    part,
                    new.text.to_string(),
                    new.media.to_string(),
                    new.card.to_string(),
                    new.payload.to_string(),
                    new.receipt.to_string()
                ],
            )?;
            write_attempt(tx, part, &tried, now)?;
            Ok(Ok(()))
        })
        .await
    }

    /// A delivery is now what this plan says.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn replanned(&self, delivery: i64, plan_hash: String) -> Result<(), Error> {
        self.write(move |tx| {
            tx.execute("UPDATE deliveries SET plan_hash = ?2 WHERE id = ?1", params![delivery, plan_hash])?;
            Ok(Ok(()))
        })
        .await
    }

    /// A post is now this draft, everywhere: publishing it again is publishing what is there. `plans` are its deliveries with the
    /// plans that they were given; if one has another by now, somebody else changed it since, and nothing is written.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn rewritten(
        &self,
        post: i64,
        title: Option<String>,
        body: String,
        draft_hash: String,
        plans: Vec<(i64, String)>,
    ) -> Result<(), Error> {
        self.write(move |tx| {
            for (delivery, plan) in &plans {
                let now: String =
                    tx.query_row("SELECT plan_hash FROM deliveries WHERE id = ?1", [delivery], |row| row.get(0))?;
                if now != *plan {
                    return Ok(Ok(()));
                }
            }
            tx.execute(
                "UPDATE posts SET title = ?2, body = ?3, draft_hash = ?4 WHERE id = ?1",
                params![post, title, body, draft_hash],
            )?;
            Ok(Ok(()))
        })
        .await
    }
}
