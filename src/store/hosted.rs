//! Files that a media host keeps for networks to fetch: who still needs them, and what is to be removed.

use chrono::{DateTime, Duration, Utc};
use rusqlite::{OptionalExtension, Row, params};

use super::engine::{Error, Store};
use super::rows::{ms, time};

/// What could not be removed for so long is left to the storage's own rules.
const GIVE_UP: Duration = Duration::days(30);

/// A file at a media host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedRow {
    pub id: i64,
    /// Under which it lies there.
    pub name: String,
    /// Without its query, of which the `?` is left; empty until it is known, and where it is made from the name each time.
    pub url: String,
    /// When its address was signed, by the host's clock.
    pub signed_at: DateTime<Utc>,
    /// It is removed then, whoever needs it.
    pub until: DateTime<Utc>,
}

const COLUMNS: &str = "id, name, url, signed_at, until";

fn hosted(row: &Row) -> rusqlite::Result<HostedRow> {
    Ok(HostedRow {
        id: row.get("id")?,
        name: row.get("name")?,
        url: row.get("url")?,
        signed_at: time(row.get("signed_at")?),
        until: time(row.get("until")?),
    })
}

impl Store {
    /// The same file that is there already and stays beyond `least`; this part needs it from now on.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn hosted_take(
        &self,
        host: &str,
        sha256: &str,
        part_id: i64,
        least: DateTime<Utc>,
    ) -> Result<Option<HostedRow>, Error> {
        let (host, sha256) = (host.to_string(), sha256.to_string());
        self.write(move |tx| {
            let find = format!(
                "SELECT {COLUMNS} FROM hosted WHERE host = ?1 AND sha256 = ?2 AND there = 1 AND until > ?3
                 ORDER BY until DESC LIMIT 1"
            );
            let found = tx.query_row(&find, params![host, sha256, ms(least)], hosted).optional()?;
            if let Some(found) = &found {
                let needed = "INSERT OR IGNORE INTO hosted_uses (hosted_id, part_id) VALUES (?1, ?2)";
                tx.execute(needed, params![found.id, part_id])?;
            }
            Ok(Ok(found))
        })
        .await
    }

    /// A file that is about to go to the host for this part. Gives its row.
    ///
    /// # Errors
    /// The database cannot be written: nothing must go out.
    pub async fn hosted_begin(
        &self,
        host: &str,
        sha256: &str,
        part_id: i64,
        name: &str,
        until: DateTime<Utc>,
    ) -> Result<i64, Error> {
        let (host, sha256, name) = (host.to_string(), sha256.to_string(), name.to_string());
        self.write(move |tx| {
            // what an earlier try of this part left half done is needed no more
            tx.execute(
                "DELETE FROM hosted_uses WHERE part_id = ?1 AND hosted_id IN (SELECT id FROM hosted WHERE sha256 = ?2)",
                params![part_id, sha256],
            )?;
            tx.execute(
                "INSERT INTO hosted (host, sha256, name, until) VALUES (?1, ?2, ?3, ?4)",
                params![host, sha256, name, ms(until)],
            )?;
            let id = tx.last_insert_rowid();
            tx.execute("INSERT INTO hosted_uses (hosted_id, part_id) VALUES (?1, ?2)", params![id, part_id])?;
            Ok(Ok(id))
        })
        .await
    }

    /// It is there. `url` without its query.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn hosted_there(&self, id: i64, url: &str, signed_at: DateTime<Utc>) -> Result<(), Error> {
        let url = url.to_string();
        self.write(move |tx| {
            let there = "UPDATE hosted SET there = 1, url = ?2, signed_at = ?3 WHERE id = ?1";
            tx.execute(there, params![id, url, ms(signed_at)])?;
            Ok(Ok(()))
        })
        .await
    }

    /// This part needs the file no more. Gives what nobody needs now: it is the caller's to remove.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn hosted_release(&self, host: &str, sha256: &str, part_id: i64) -> Result<Vec<HostedRow>, Error> {
        let (host, sha256) = (host.to_string(), sha256.to_string());
        self.write(move |tx| {
            tx.execute(
                "DELETE FROM hosted_uses WHERE part_id = ?1 AND hosted_id IN (SELECT id FROM hosted WHERE sha256 = ?2)",
                params![part_id, sha256],
            )?;
            let claim = format!(
                "UPDATE hosted SET there = 0 WHERE host = ?1 AND sha256 = ?2
                 AND NOT EXISTS (SELECT 1 FROM hosted_uses WHERE hosted_id = hosted.id) RETURNING {COLUMNS}"
            );
            let rows = tx.prepare(&claim)?.query_map(params![host, sha256], hosted)?.collect::<Result<_, _>>()?;
            Ok(Ok(rows))
        })
        .await
    }

    /// What is to be removed at this host: past its time, or needed by no part that may still be posted.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn hosted_due(&self, host: &str, now: DateTime<Utc>) -> Result<Vec<HostedRow>, Error> {
        let host = host.to_string();
        // most runs have nothing to remove, and need no write for that
        let any = self.read(|c| c.query_row("SELECT EXISTS (SELECT 1 FROM hosted)", [], |row| row.get::<_, bool>(0)));
        if !any.await? {
            return Ok(Vec::new());
        }
        self.write(move |tx| {
            tx.execute("DELETE FROM hosted WHERE until < ?1", [ms(now - GIVE_UP)])?;
            tx.execute(
                "DELETE FROM hosted_uses WHERE part_id IN (SELECT id FROM parts WHERE state IN ('failed', 'cancelled'))",
                [],
            )?;
            let claim = format!(
                "UPDATE hosted SET there = 0 WHERE host = ?1 AND (until <= ?2
                 OR NOT EXISTS (SELECT 1 FROM hosted_uses WHERE hosted_id = hosted.id)) RETURNING {COLUMNS}"
            );
            let rows = tx.prepare(&claim)?.query_map(params![host, ms(now)], hosted)?.collect::<Result<_, _>>()?;
            Ok(Ok(rows))
        })
        .await
    }

    /// It was removed, or never came there.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn hosted_gone(&self, id: i64) -> Result<(), Error> {
        self.write(move |tx| {
            tx.execute("DELETE FROM hosted WHERE id = ?1", [id])?;
            Ok(Ok(()))
        })
        .await
    }
}
