//! Uploads that a network still holds, so that the same file goes out once.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};
use serde_json::Value;

use super::engine::{Error, Store};
use super::rows::{self, ms};

impl Store {
    /// An upload of this file that the network still holds.
    ///
    /// # Errors
    /// The database failed.
    pub async fn upload(
        &self,
        account_id: i64,
        sha256: &str,
        kind: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Value>, Error> {
        let (sha256, kind) = (sha256.to_string(), kind.to_string());
        self.read(move |c| {
            c.query_row(
                "SELECT remote FROM uploads WHERE account_id = ?1 AND sha256 = ?2 AND kind = ?3 AND until > ?4",
                params![account_id, sha256, kind, ms(now)],
                |row| rows::json(row, "remote"),
            )
            .optional()
        })
        .await
    }

    /// Remembers an upload.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn remember_upload(
        &self,
        account_id: i64,
        sha256: &str,
        kind: &str,
        remote: Value,
        until: DateTime<Utc>,
    ) -> Result<(), Error> {
        let (sha256, kind) = (sha256.to_string(), kind.to_string());
        self.write(move |tx| {
            tx.execute("DELETE FROM uploads WHERE until < ?1", [ms(Utc::now())])?;
            tx.execute(
                "INSERT OR REPLACE INTO uploads (account_id, sha256, kind, remote, until) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![account_id, sha256, kind, remote.to_string(), ms(until)],
            )?;
            Ok(Ok(()))
        })
        .await
    }
}
