//! Accounts, groups, default targets, and what is cached about servers.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::Value;

use super::engine::{Error, Store};
use super::rows::{self, Account, NewAccount, SecretSource, ms};

impl Store {
    /// Adds an account.
    ///
    /// # Errors
    /// The name is taken.
    pub async fn account_add(&self, new: NewAccount) -> Result<Account, Error> {
        self.write(move |tx| {
            let taken: bool =
                tx.query_row("SELECT EXISTS (SELECT 1 FROM accounts WHERE name = ?1)", [&new.name], |row| row.get(0))?;
            if taken {
                return Ok(Err(Error::Conflict(format!("there is an account `{}` already", new.name))));
            }
            let now = ms(Utc::now());
            tx.execute(
                "INSERT INTO accounts (name, platform, server, settings, secret, secret_key, login, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    new.name,
                    new.platform,
                    new.server,
                    new.settings.to_string(),
                    source(&new.secret),
                    new.secret_key.as_deref().unwrap_or_default(),
                    new.login.to_string(),
                    now
                ],
            )?;
            let id = tx.last_insert_rowid();
            if new.secret_key.is_none() {
                tx.execute(
                    "UPDATE accounts SET secret_key = ?2 WHERE id = ?1",
                    params![id, format!("account-{id}-{now}")],
                )?;
            }
            tx.query_row("SELECT * FROM accounts WHERE id = ?1", [id], rows::account).map(Ok)
        })
        .await
    }

    /// The account of this name, letter case ignored.
    ///
    /// # Errors
    /// The database failed.
    pub async fn account(&self, name: &str) -> Result<Option<Account>, Error> {
        let name = name.to_string();
        self.read(move |c| c.query_row("SELECT * FROM accounts WHERE name = ?1", [name], rows::account).optional())
            .await
    }

    /// The account of this id.
    ///
    /// # Errors
    /// The database failed.
    pub async fn account_by_id(&self, id: i64) -> Result<Option<Account>, Error> {
        self.read(move |c| c.query_row("SELECT * FROM accounts WHERE id = ?1", [id], rows::account).optional()).await
    }

    /// All accounts by name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn accounts(&self) -> Result<Vec<Account>, Error> {
        self.read(|c| c.prepare_cached("SELECT * FROM accounts ORDER BY name")?.query_map([], rows::account)?.collect())
            .await
    }

    /// Writes back everything of an account but its id, name and time of birth.
    ///
    /// # Errors
    /// The database failed.
    pub async fn account_update(&self, account: Account) -> Result<(), Error> {
        self.write(move |tx| {
            tx.execute(
                "UPDATE accounts SET platform = ?2, server = ?3, remote_id = ?4, handle = ?5, url = ?6, settings = ?7, secret = ?8,
                 about = ?9, about_at = ?10, checked_at = ?11, expires_at = ?12, secret_key = ?13, login = ?14 WHERE id = ?1",
                params![
                    account.id,
                    account.platform,
                    account.server,
                    account.remote_id,
                    account.handle,
                    account.url,
                    account.settings.to_string(),
                    source(&account.secret),
                    account.about.to_string(),
                    account.about_at.map(ms),
                    account.checked_at.map(ms),
                    account.expires_at.map(ms),
                    account.secret_key,
                    account.login.to_string(),
                ],
            )?;
            Ok(Ok(()))
        })
        .await
    }

    /// Keeps what a server says of itself.
    ///
    /// # Errors
    /// The database failed.
    pub async fn account_about(&self, id: i64, about: Value, at: DateTime<Utc>) -> Result<(), Error> {
        self.write(move |tx| {
            tx.execute(
                "UPDATE accounts SET about = ?2, about_at = ?3 WHERE id = ?1",
                params![id, about.to_string(), ms(at)],
            )?;
            Ok(Ok(()))
        })
        .await
    }

    /// Keeps who an account turned out to be, and nothing else of it: its login may have been renewed meanwhile.
    ///
    /// # Errors
    /// The database failed.
    pub async fn account_checked(
        &self,
        id: i64,
        remote_id: &str,
        handle: &str,
        url: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<(), Error> {
        let (remote_id, handle, url) = (remote_id.to_string(), handle.to_string(), url.map(str::to_string));
        self.write(move |tx| {
            tx.execute(
                "UPDATE accounts SET remote_id = ?2, handle = ?3, url = ?4, checked_at = ?5 WHERE id = ?1",
                params![id, remote_id, handle, url, ms(at)],
            )?;
            Ok(Ok(()))
        })
        .await
    }

    /// Keeps what is known of a login, for all accounts that share it, and when it ends.
    ///
    /// # Errors
    /// The database failed.
    pub async fn account_login(&self, key: &str, login: Value, ends: Option<DateTime<Utc>>) -> Result<(), Error> {
        let key = key.to_string();
        self.write(move |tx| {
            tx.execute(
                "UPDATE accounts SET login = ?2, expires_at = ?3 WHERE secret_key = ?1",
                params![key, login.to_string(), ends.map(ms)],
            )?;
            Ok(Ok(()))
        })
        .await
    }

    /// Gives an account another name.
    ///
    /// # Errors
    /// The new name is taken, or there is no such account.
    pub async fn account_rename(&self, from: &str, to: &str) -> Result<(), Error> {
        let (from, to) = (from.to_string(), to.to_string());
        self.write(move |tx| {
            let other: bool = tx.query_row(
                "SELECT EXISTS (SELECT 1 FROM accounts WHERE name = ?1 AND id IS NOT (SELECT id FROM accounts WHERE name = ?2))",
                [&to, &from],
                |row| row.get(0),
            )?;
            if other {
                return Ok(Err(Error::Conflict(format!("there is an account `{to}` already"))));
            }
            let id: Option<i64> = tx.query_row("SELECT id FROM accounts WHERE name = ?1", [&from], |row| row.get(0)).optional()?;
            let Some(id) = id else {
                return Ok(Err(Error::Conflict(format!("there is no account `{from}`"))));
            };
            tx.execute("UPDATE accounts SET name = ?2 WHERE id = ?1", params![id, to])?;
            // the history goes on under the new name
            tx.execute("UPDATE OR IGNORE deliveries SET account = ?2 WHERE account_id = ?1", params![id, to])?;
            Ok(Ok(()))
        })
        .await
    }

    /// Whether one of its parts is in somebody's hands right now.
    ///
    /// # Errors
    /// The database failed.
    pub async fn account_busy(&self, id: i64) -> Result<bool, Error> {
        self.read(move |c| {
            c.query_row(
                "SELECT EXISTS (SELECT 1 FROM parts JOIN deliveries d ON d.id = delivery_id
                 WHERE d.account_id = ?1 AND owner IS NOT NULL)",
                [id],
                |row| row.get(0),
            )
        })
        .await
    }

    /// Forgets an account; what is still queued for it is cancelled. With `history`, its deliveries go too, and posts that no
    /// other account has a delivery of. Gives how many parts were cancelled.
    ///
    /// # Errors
    /// One of its parts is being sent right now, or the database failed.
    pub async fn account_remove(&self, id: i64, history: bool) -> Result<usize, Error> {
        self.write(move |tx| {
            let busy: bool = tx.query_row(
                "SELECT EXISTS (SELECT 1 FROM parts JOIN deliveries d ON d.id = delivery_id
                 WHERE d.account_id = ?1 AND owner IS NOT NULL)",
                [id],
                |row| row.get(0),
            )?;
            if busy {
                return Ok(Err(Error::Conflict(
                    "something is being posted to this account right now; try again in a moment".into(),
                )));
            }
            let cancelled = tx.execute(
                "UPDATE parts SET state = 'cancelled' WHERE state = 'queued'
                 AND delivery_id IN (SELECT id FROM deliveries WHERE account_id = ?1)",
                [id],
            )?;
            // nobody will be able to ask the network any more
            tx.execute(
                "UPDATE parts SET state = 'unknown' WHERE state = 'sending'
                 AND delivery_id IN (SELECT id FROM deliveries WHERE account_id = ?1)",
                [id],
            )?;
            if history {
                tx.execute("DELETE FROM deliveries WHERE account_id = ?1", [id])?;
                tx.execute("DELETE FROM posts WHERE id NOT IN (SELECT post_id FROM deliveries)", [])?;
            }
            tx.execute("DELETE FROM accounts WHERE id = ?1", [id])?;
            Ok(Ok(cancelled))
        })
        .await
    }

    /// All groups with the names of their accounts.
    ///
    /// # Errors
    /// The database failed.
    pub async fn groups(&self) -> Result<Vec<(String, Vec<String>)>, Error> {
        self.read(|c| {
            let mut groups: Vec<(String, Vec<String>)> = Vec::new();
            let mut statement = c.prepare_cached(
                "SELECT g.name, a.name FROM account_groups g JOIN accounts a ON a.id = g.account_id ORDER BY g.name, a.name",
            )?;
            for pair in statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))? {
                let (group, account) = pair?;
                match groups.last_mut() {
                    Some((name, members)) if *name == group => members.push(account),
                    _ => groups.push((group, vec![account])),
                }
            }
            Ok(groups)
        })
        .await
    }

    /// Makes the group hold exactly these accounts; none at all removes it.
    ///
    /// # Errors
    /// A name is not an account's.
    pub async fn group_set(&self, group: &str, members: Vec<String>) -> Result<(), Error> {
        let group = group.to_string();
        self.write(move |tx| {
            tx.execute("DELETE FROM account_groups WHERE name = ?1", [&group])?;
            for member in members {
                if !add_member(tx, &group, &member)? {
                    return Ok(Err(Error::Conflict(format!("there is no account `{member}`"))));
                }
            }
            Ok(Ok(()))
        })
        .await
    }

    /// A small setting of the whole installation (default targets), `Null` if it was never set.
    ///
    /// # Errors
    /// The database failed.
    pub async fn setting(&self, key: &'static str) -> Result<Value, Error> {
        let text: Option<String> = self
            .read(move |c| c.query_row("SELECT value FROM settings WHERE key = ?1", [key], |row| row.get(0)).optional())
            .await?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null))
    }

    /// Sets it; `Null` removes it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn set_setting(&self, key: &'static str, value: Value) -> Result<(), Error> {
        self.write(move |tx| {
            if value.is_null() {
                tx.execute("DELETE FROM settings WHERE key = ?1", [key])?;
            } else {
                tx.execute(
                    "INSERT OR REPLACE INTO settings (key, value) VALUES (?1, ?2)",
                    params![key, value.to_string()],
                )?;
            }
            Ok(Ok(()))
        })
        .await
    }
}

fn add_member(tx: &Transaction, group: &str, member: &str) -> rusqlite::Result<bool> {
    let changed = tx.execute(
        "INSERT OR IGNORE INTO account_groups (name, account_id) SELECT ?1, id FROM accounts WHERE name = ?2",
        [group, member],
    )?;
    if changed > 0 {
        return Ok(true);
    }
    // nothing was added: a member named twice, or no account
    tx.query_row("SELECT EXISTS (SELECT 1 FROM accounts WHERE name = ?1)", [member], |row| row.get(0))
}

/// The JSON of a secret's source.
fn source(source: &SecretSource) -> String {
    serde_json::to_string(source).unwrap_or_default()
}
