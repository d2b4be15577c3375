//! Reading the journal: lists, search, one post with all its attempts, totals.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use serde::{Deserialize, Serialize};

use super::engine::{Error, Store};
use super::rows::{self, Attempt, DeliveryRow, PartRow, PartState, PostRow, ms};

/// What `history` asks for; everything may be left out.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Full-text: words, `"a phrase"`, `pre*`.
    pub text: Option<String>,
    pub account: Option<String>,
    pub platform: Option<String>,
    pub state: Option<PartState>,
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    /// Posts older than this id (for the next page).
    pub before: Option<i64>,
    pub limit: Option<usize>,
}

/// How many parts are in which state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub posts: u64,
    pub sent: u64,
    pub queued: u64,
    pub failed: u64,
    pub unknown: u64,
}

impl Store {
    /// Posts that fit, the newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn posts(&self, query: Query) -> Result<Vec<PostRow>, Error> {
        self.read(move |c| {
            let mut sql = String::from("SELECT posts.* FROM ");
            let mut values: Vec<Box<dyn rusqlite::ToSql>> = Vec::new();
            // the full-text index gives its rows newest first, so that a page ends the search however many posts have the word
            let id = if let Some(text) = &query.text {
                sql.push_str("posts_fts CROSS JOIN posts ON posts.id = posts_fts.rowid WHERE posts_fts MATCH ?");
                values.push(Box::new(fts(text)));
                "posts_fts.rowid"
            } else {
                sql.push_str("posts WHERE 1");
                "posts.id"
            };
            if let Some(before) = query.before {
                sql.push_str(&format!(" AND {id} < ?"));
                values.push(Box::new(before));
            }
            if let Some(since) = query.since {
                sql.push_str(" AND posts.created_at >= ?");
                values.push(Box::new(ms(since)));
            }
            if let Some(until) = query.until {
                sql.push_str(" AND posts.created_at < ?");
                values.push(Box::new(ms(until)));
            }
            if query.account.is_some() || query.platform.is_some() {
                sql.push_str(" AND EXISTS (SELECT 1 FROM deliveries d WHERE d.post_id = posts.id");
                if let Some(account) = query.account {
                    sql.push_str(" AND d.account = ?");
                    values.push(Box::new(account));
                }
                if let Some(platform) = query.platform {
                    sql.push_str(" AND d.platform = ?");
                    values.push(Box::new(platform));
                }
                sql.push(')');
            }
            if let Some(state) = query.state {
                sql.push_str(&match few(state) {
                    Some(few) => format!(" AND posts.id IN (SELECT d.post_id FROM parts p CROSS JOIN deliveries d ON d.id = p.delivery_id WHERE {few})"),
                    None => format!(
                        " AND EXISTS (SELECT 1 FROM deliveries d JOIN parts p ON p.delivery_id = d.id WHERE d.post_id = posts.id AND p.state = '{}')",
                        state.word()
                    ),
                });
            }
            sql.push_str(&format!(" ORDER BY {id} DESC LIMIT ?"));
            values.push(Box::new(query.limit.map_or(-1, |limit| limit as i64)));
            c.prepare_cached(&sql)?.query_map(params_from_iter(values), rows::post)?.collect()
        })
        .await
    }

    /// One post.
    ///
    /// # Errors
    /// The database failed.
    pub async fn post(&self, id: i64) -> Result<Option<PostRow>, Error> {
        self.read(move |c| c.query_row("SELECT * FROM posts WHERE id = ?1", [id], rows::post).optional()).await
    }

    /// The deliveries of a post with their parts, by account name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn deliveries(&self, post: i64) -> Result<Vec<DeliveryRow>, Error> {
        self.read(move |c| with_parts(c, "SELECT * FROM deliveries WHERE post_id = ?1 ORDER BY account", post)).await
    }

    /// One delivery with its parts.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delivery(&self, id: i64) -> Result<Option<DeliveryRow>, Error> {
        Ok(self.read(move |c| with_parts(c, "SELECT * FROM deliveries WHERE id = ?1", id)).await?.pop())
    }

    /// Deliveries with a part in this state, oldest first, with their parts.
    ///
    /// # Errors
    /// The database failed.
    pub async fn deliveries_in(&self, state: PartState) -> Result<Vec<DeliveryRow>, Error> {
        self.read(move |c| {
            let which = few(state).unwrap_or_else(|| format!("p.state = '{}'", state.word()));
            let sql = format!(
                "SELECT * FROM deliveries WHERE id IN (SELECT p.delivery_id FROM parts p WHERE {which} AND ?1) ORDER BY id"
            );
            with_parts(c, &sql, true)
        })
        .await
    }

    /// Deliveries with a part that may be worked on at this time, oldest first, with their parts.
    ///
    /// # Errors
    /// The database failed.
    pub async fn deliveries_due(&self, due: DateTime<Utc>) -> Result<Vec<DeliveryRow>, Error> {
        self.read(move |c| {
            let open = with_parts(
                c,
                "SELECT * FROM deliveries WHERE id IN (SELECT delivery_id FROM parts
                 WHERE state IN ('queued','preparing','sending') AND (next_at <= ?1 OR tries > 0)) ORDER BY id",
                ms(due),
            )?;
            let now = |part: &PartRow| !part.state.settled() && part.due(due);
            Ok(open.into_iter().filter(|delivery| delivery.parts.iter().any(now)).collect())
        })
        .await
    }

    /// Deliveries whose time is over and of which something is still there, oldest first, with their parts.
    ///
    /// # Errors
    /// The database failed.
    pub async fn deliveries_expired(&self, now: DateTime<Utc>) -> Result<Vec<DeliveryRow>, Error> {
        self.read(move |c| {
            with_parts(c, "SELECT * FROM deliveries WHERE expires_at <= ?1 ORDER BY expires_at, id", ms(now))
        })
        .await
    }

    /// All that was tried for a post, in order.
    ///
    /// # Errors
    /// The database failed.
    pub async fn attempts(&self, post: i64) -> Result<Vec<Attempt>, Error> {
        self.read(move |c| {
            c.prepare_cached(
                "SELECT a.* FROM attempts a JOIN parts p ON p.id = a.part_id JOIN deliveries d ON d.id = p.delivery_id
                 WHERE d.post_id = ?1 ORDER BY a.began_at, a.id",
            )?
            .query_map([post], |row| {
                Ok(Attempt {
                    part_id: row.get("part_id")?,
                    phase: row.get("phase")?,
                    began_at: rows::time(row.get("began_at")?),
                    ended_at: rows::time_opt(row, "ended_at")?,
                    outcome: row.get("outcome")?,
                    fault: rows::json_opt(row, "fault")?,
                })
            })?
            .collect()
        })
        .await
    }

    /// How full the journal is.
    ///
    /// # Errors
    /// The database failed.
    pub async fn totals(&self) -> Result<Totals, Error> {
        self.read(|c| {
            let count = |sql: &str| c.query_row(sql, [], |row| row.get::<_, u64>(0));
            Ok(Totals {
                posts: count("SELECT count(*) FROM posts")?,
                sent: count("SELECT count(*) FROM parts WHERE state = 'sent'")?,
                queued: count("SELECT count(*) FROM parts WHERE state IN ('queued','preparing','sending')")?,
                failed: count("SELECT count(*) FROM parts WHERE state = 'failed'")?,
                unknown: count("SELECT count(*) FROM parts WHERE state = 'unknown'")?,
            })
        })
        .await
    }
}

fn with_parts(c: &Connection, sql: &str, value: impl rusqlite::ToSql) -> rusqlite::Result<Vec<DeliveryRow>> {
    let mut deliveries: Vec<DeliveryRow> =
        c.prepare_cached(sql)?.query_map(params![value], rows::delivery)?.collect::<Result<_, _>>()?;
    let mut statement = c.prepare_cached("SELECT * FROM parts WHERE delivery_id = ?1 ORDER BY idx")?;
    for delivery in &mut deliveries {
        delivery.parts = statement.query_map([delivery.id], rows::part)?.collect::<Result<_, _>>()?;
    }
    Ok(deliveries)
}

/// The condition for a state that few parts are in, in the words of the index that holds only those: SQLite takes such an index
/// when it finds its condition in the query to the letter.
fn few(state: PartState) -> Option<String> {
    let index = match state {
        PartState::Queued | PartState::Preparing | PartState::Sending => "p.state IN ('queued','preparing','sending')",
        PartState::Failed | PartState::Unknown => "p.state IN ('failed','unknown')",
        PartState::Sent | PartState::Cancelled => return None,
    };
    Some(format!("{index} AND p.state = '{}'", state.word()))
}

/// A person's words as an FTS5 query that cannot be a syntax error: each word quoted, phrases and a final `*` kept.
fn fts(text: &str) -> String {
    let mut query = String::new();
    for (index, piece) in text.split('"').enumerate() {
        let quoted = |word: &str| {
            let prefix = word.ends_with('*');
            let word = word.trim_matches('*');
            format!("\"{word}\"{}", if prefix { "*" } else { "" })
        };
        let terms: Vec<String> = if index % 2 == 1 {
            vec![format!("\"{piece}\"")]
        } else {
            piece.split_whitespace().filter(|word| !word.trim_matches('*').is_empty()).map(quoted).collect()
        };
        for term in terms {
            query.push_str(if query.is_empty() { "" } else { " " });
            query.push_str(&term);
        }
    }
    if query.is_empty() { "\"\"".into() } else { query }
}

#[cfg(test)]
mod tests {
    use super::fts;

    #[test]
    fn any_words_make_a_valid_query() {
        assert_eq!(fts("ferris 2.0"), "\"ferris\" \"2.0\"");
        assert_eq!(fts("rel* \"two words\" OR"), "\"rel\"* \"two words\" \"OR\"");
        assert_eq!(fts("  "), "\"\"");
        assert_eq!(fts("* a\"b"), "\"a\" \"b\"");
    }
}
