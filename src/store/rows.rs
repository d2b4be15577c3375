//! The rows, in the tool's own terms.

use chrono::{DateTime, Duration, TimeZone, Utc};
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::net::Fault;

/// A connected account, as it is kept: everything but its secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub id: i64,
    pub name: String,
    pub platform: String,
    pub server: String,
    pub remote_id: String,
    pub handle: String,
    pub url: Option<String>,
    pub settings: Value,
    pub secret: SecretSource,
    /// What the secret's entry is called where it is kept: the same after a rename, and never that of another account, not even of
    /// another home. Accounts of one login share it.
    pub secret_key: String,
    /// What is known of the login and is no secret; `Null` for credentials that say nothing of themselves.
    pub login: Value,
    pub about: Value,
    pub about_at: Option<DateTime<Utc>>,
    pub checked_at: Option<DateTime<Utc>>,
    pub expires_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

impl Account {
    /// The way in which it logged in, by the name that the network's list gives it; empty where that is not known.
    pub fn way(&self) -> &str {
        self.login["way"].as_str().unwrap_or_default()
    }
}

/// An account to add; the rest is filled in by its first check.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAccount {
    pub name: String,
    pub platform: String,
    pub server: String,
    pub settings: Value,
    pub secret: SecretSource,
    /// Another account's, to share its login; `None` for one of its own.
    pub secret_key: Option<String>,
    pub login: Value,
}

/// Where an account's secret is kept. The environment always comes first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "backend")]
pub enum SecretSource {
    Keyring,
    /// The program and its arguments; it prints the secret.
    Command {
        command: Vec<String>,
    },
    /// A file of mode 0600 in the secrets directory.
    File,
    /// Nowhere: the environment gives it at every run.
    Environment,
    /// There is none (a directory on this machine).
    None,
}

/// Where a part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartState {
    Queued,
    Preparing,
    Sending,
    Sent,
    Failed,
    Unknown,
    Cancelled,
}

impl PartState {
    /// As in the journal and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            PartState::Queued => "queued",
            PartState::Preparing => "preparing",
            PartState::Sending => "sending",
            PartState::Sent => "sent",
            PartState::Failed => "failed",
            PartState::Unknown => "unknown",
            PartState::Cancelled => "cancelled",
        }
    }

    /// Whether the engine will do nothing more about it by itself.
    pub fn settled(self) -> bool {
        matches!(self, PartState::Sent | PartState::Failed | PartState::Unknown | PartState::Cancelled)
    }
}

impl ToSql for PartState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.word().into())
    }
}

impl FromSql for PartState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_value(Value::from(value.as_str()?)).map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

/// One draft that was handed to the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PostRow {
    pub id: i64,
    pub created_at: DateTime<Utc>,
    pub source: String,
    pub title: Option<String>,
    pub body: String,
    pub draft_hash: String,
    pub once_key: Option<String>,
    pub at: Option<DateTime<Utc>>,
}

/// One post on its way to one account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryRow {
    pub id: i64,
    pub post_id: i64,
    /// `None` once the account was removed.
    pub account_id: Option<i64>,
    pub account: String,
    pub platform: String,
    pub handle: String,
    pub plan_hash: String,
    pub once: bool,
    /// JSON of a reference, or null.
    pub reply_to: Value,
    pub quote: Value,
    /// To be taken back then.
    pub expires_at: Option<DateTime<Utc>>,
    pub parts: Vec<PartRow>,
}

impl DeliveryRow {
    /// The delivery's state is that of its first part that is not sent; all sent is sent.
    pub fn state(&self) -> PartState {
        self.parts.iter().map(|part| part.state).find(|state| *state != PartState::Sent).unwrap_or(PartState::Sent)
    }

    /// Where the first part can be seen.
    pub fn url(&self) -> Option<&str> {
        self.parts.first()?.receipt.as_ref()?.get("url")?.as_str()
    }
}

/// One part of a delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartRow {
    pub id: i64,
    pub delivery_id: i64,
    pub index: usize,
    pub of: usize,
    pub key: Uuid,
    pub created_at: DateTime<Utc>,
    /// JSON of the marked text, the media, the card.
    pub text: Value,
    pub media: Value,
    pub card: Value,
    pub payload: Value,
    /// It is the comment below the post.
    pub comment: bool,
    /// JSON of what it costs, or null.
    pub cost: Value,
    pub state: PartState,
    pub checkpoint: Value,
    pub ready: Value,
    pub tries: u32,
    pub next_at: DateTime<Utc>,
    pub first_sent: Option<DateTime<Utc>>,
    pub sent_at: Option<DateTime<Utc>>,
    /// JSON of a receipt.
    pub receipt: Option<Value>,
    pub fault: Option<Fault>,
    pub deleted_at: Option<DateTime<Utc>>,
}

/// No try and no account is made to wait longer than this. What the journal says beyond it was written while the clock was wrong.
pub(super) const LONGEST_WAIT: Duration = Duration::minutes(24 * 60 + 5);

impl PartRow {
    /// Posted, and not taken back.
    pub fn there(&self) -> bool {
        self.state == PartState::Sent && self.deleted_at.is_none()
    }

    /// Whether its time has come; a try that waits for longer than any try may is due, a schedule is not.
    pub fn due(&self, now: DateTime<Utc>) -> bool {
        self.next_at <= now || (self.tries > 0 && self.next_at > now + LONGEST_WAIT)
    }
}

/// One thing that was tried for a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub part_id: i64,
    pub phase: String,
    pub began_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub outcome: String,
    pub fault: Option<Fault>,
}

/// Milliseconds of the epoch, and back.
pub(super) fn ms(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

pub(super) fn time(ms: i64) -> DateTime<Utc> {
    Utc.timestamp_millis_opt(ms).single().unwrap_or_default()
}

/// A JSON column; a row that does not parse is an error, not a default.
pub(super) fn json<T: DeserializeOwned>(row: &Row, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    parse(&text)
}

pub(super) fn json_opt<T: DeserializeOwned>(row: &Row, column: &str) -> rusqlite::Result<Option<T>> {
    row.get::<_, Option<String>>(column)?.as_deref().map(parse).transpose()
}

fn parse<T: DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error)))
}

pub(super) fn time_opt(row: &Row, column: &str) -> rusqlite::Result<Option<DateTime<Utc>>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(time))
}

pub(super) fn account(row: &Row) -> rusqlite::Result<Account> {
    Ok(Account {
        id: row.get("id")?,
        name: row.get("name")?,
        platform: row.get("platform")?,
        server: row.get("server")?,
        remote_id: row.get("remote_id")?,
        handle: row.get("handle")?,
        url: row.get("url")?,
        settings: json(row, "settings")?,
        secret: json(row, "secret")?,
        secret_key: row.get("secret_key")?,
        login: json(row, "login")?,
        about: json(row, "about")?,
        about_at: time_opt(row, "about_at")?,
        checked_at: time_opt(row, "checked_at")?,
        expires_at: time_opt(row, "expires_at")?,
        created_at: time(row.get("created_at")?),
    })
}

pub(super) fn post(row: &Row) -> rusqlite::Result<PostRow> {
    Ok(PostRow {
        id: row.get("id")?,
        created_at: time(row.get("created_at")?),
        source: row.get("source")?,
        title: row.get("title")?,
        body: row.get("body")?,
        draft_hash: row.get("draft_hash")?,
        once_key: row.get("once_key")?,
        at: time_opt(row, "at")?,
    })
}

pub(super) fn delivery(row: &Row) -> rusqlite::Result<DeliveryRow> {
    Ok(DeliveryRow {
        id: row.get("id")?,
        post_id: row.get("post_id")?,
        account_id: row.get("account_id")?,
        account: row.get("account")?,
        platform: row.get("platform")?,
        handle: row.get("handle")?,
        plan_hash: row.get("plan_hash")?,
        once: row.get("once")?,
        reply_to: json(row, "reply_to")?,
        quote: json(row, "quote")?,
        expires_at: time_opt(row, "expires_at")?,
        parts: Vec::new(),
    })
}

pub(super) fn part(row: &Row) -> rusqlite::Result<PartRow> {
    let key: String = row.get("key")?;
    let key = Uuid::parse_str(&key)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error)))?;
    Ok(PartRow {
        id: row.get("id")?,
        delivery_id: row.get("delivery_id")?,
        index: row.get("idx")?,
        of: row.get("of")?,
        key,
        created_at: time(row.get("created_at")?),
        text: json(row, "text")?,
        media: json(row, "media")?,
        card: json(row, "card")?,
        payload: json(row, "payload")?,
        comment: row.get("comment")?,
        cost: json(row, "cost")?,
        state: row.get("state")?,
        checkpoint: json(row, "checkpoint")?,
        ready: json(row, "ready")?,
        tries: row.get("tries")?,
        next_at: time(row.get("next_at")?),
        first_sent: time_opt(row, "first_sent")?,
        sent_at: time_opt(row, "sent_at")?,
        receipt: json_opt(row, "receipt")?,
        fault: json_opt(row, "fault")?,
        deleted_at: time_opt(row, "deleted_at")?,
    })
}
