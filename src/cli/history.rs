//! `xpost history`: what was posted, and what was tried.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::docs;
use super::out::{Paint, one_line};
use super::trouble::{Exit, Trouble};
use super::world::{World, block_on};
use crate::draft::when;
use crate::store::{DeliveryRow, PartState, PostRow, Query, Store};

/// List, search and show what was posted, with every attempt
#[derive(Debug, ClapArgs)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  xpost history                         the last 20 posts
  xpost history search 'ferris rel*'    words, \"a phrase\", a beginning*
  xpost history show 12                 one post with every attempt
  xpost history export --format csv > posts.csv"
)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List posts, the newest first
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        filter: Filter,
    },
    /// Find posts by their words
    Search {
        /// Words, "a phrase", a beginning*
        #[arg(required = true)]
        words: Vec<String>,
        #[command(flatten)]
        filter: Filter,
    },
    /// Show one post with its parts and every attempt
    Show { id: i64 },
    /// Write all posts to standard output
    Export {
        #[arg(long, value_enum, default_value = "jsonl")]
        format: Format,
        #[command(flatten)]
        filter: Filter,
    },
}

#[derive(Debug, Clone, Default, ClapArgs)]
struct Filter {
    /// Only posts to this account
    #[arg(long)]
    account: Option<String>,
    /// Only posts to this network
    #[arg(long)]
    platform: Option<String>,
    /// Only posts with a part in this state
    #[arg(long, value_parser = ["queued", "preparing", "sending", "sent", "failed", "unknown", "cancelled"])]
    state: Option<String>,
    /// Not older than this: `7d`, `12h`, `2026-12-01`
    #[arg(long)]
    since: Option<String>,
    /// Older than this
    #[arg(long)]
    until: Option<String>,
    /// Posts before this id, for the next page
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// At most so many
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
}

/// How to export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line for each post
    Jsonl,
    /// One line for each part
    Csv,
}

/// Posts of a list that names no other number.
const PAGE: usize = 20;

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    block_on(async {
        let store = world.store()?;
        match args.verb {
            None => list(&store, args.filter.query(None)?, world).await,
            Some(Verb::List { filter }) => list(&store, filter.query(None)?, world).await,
            Some(Verb::Search { words, filter }) => list(&store, filter.query(Some(words.join(" ")))?, world).await,
            Some(Verb::Show { id }) => show(&store, id, world).await,
            Some(Verb::Export { format, filter }) => export(&store, format, filter.query(None)?, world).await,
        }
    })
}

impl Filter {
    fn query(&self, text: Option<String>) -> Result<Query, Trouble> {
        let state: Option<PartState> =
            self.state.as_ref().and_then(|word| serde_json::from_value(Value::from(word.as_str())).ok());
        Ok(Query {
            text,
            account: self.account.clone(),
            platform: self.platform.clone(),
            state,
            since: self.since.as_deref().map(|text| past(text, Utc::now())).transpose()?,
            until: self.until.as_deref().map(|text| past(text, Utc::now())).transpose()?,
            before: self.before,
            limit: self.limit,
        })
    }
}

/// A day, a moment, or so long ago.
fn past(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, Trouble> {
    let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    if let Some(day) = day {
        return Ok(day.and_utc());
    }
    if let Ok(ago) = when::duration(text) {
        return Ok(now - Duration::from_std(ago).unwrap_or_default());
    }
    when::moment(text, chrono_tz::UTC).map(|moment| moment.at).map_err(|_| {
        Trouble::usage(format!("`{text}` is neither a time nor a length of time; write `7d` or `2026-12-01`"))
    })
}

async fn list(store: &Store, mut query: Query, world: &World) -> Result<Exit, Trouble> {
    query.limit = Some(query.limit.unwrap_or(PAGE));
    let posts = store.posts(query).await?;
    let mut all = Vec::with_capacity(posts.len());
    for post in posts {
        let deliveries = store.deliveries(post.id).await?;
        all.push((post, deliveries));
    }
    if world.out.json {
        let posts: Vec<Value> = all.iter().map(|(post, deliveries)| docs::post(post, deliveries).into()).collect();
        world.out.document("history", json!({ "posts": posts }));
        return Ok(Exit::Done);
    }
    if all.is_empty() {
        world.out.note("nothing was posted that fits");
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|(post, deliveries)| {
            vec![
                post.id.to_string(),
                post.at.unwrap_or(post.created_at).format("%Y-%m-%d %H:%M").to_string(),
                summary(deliveries),
                deliveries.iter().map(|delivery| delivery.account.as_str()).collect::<Vec<_>>().join(" "),
                one_line(post.title.as_deref().unwrap_or(&post.body)),
            ]
        })
        .collect();
    world.out.table(&["POST", "UTC", "STATE", "TO", "TEXT"], &rows);
    Ok(Exit::Done)
}

/// `sent`, or how many of each: `2 sent, 1 failed`.
pub fn summary(deliveries: &[DeliveryRow]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for delivery in deliveries {
        let gone = !delivery.parts.is_empty() && delivery.parts.iter().all(|part| part.deleted_at.is_some());
        *counts.entry(if gone { "deleted" } else { delivery.state().word() }).or_default() += 1;
    }
    match counts.iter().next() {
        None => "none".into(),
        Some((word, _)) if counts.len() == 1 => (*word).to_string(),
        _ => counts.iter().map(|(word, n)| format!("{n} {word}")).collect::<Vec<_>>().join(", "),
    }
}

/// The post of this number.
///
/// # Errors
/// There is none.
pub async fn post(store: &Store, id: i64) -> Result<(PostRow, Vec<DeliveryRow>), Trouble> {
    match store.post(id).await? {
        Some(post) => Ok((post, store.deliveries(id).await?)),
        None => Err(Trouble::usage(format!("there is no post {id}")).next("xpost history")),
    }
}

async fn show(store: &Store, id: i64, world: &World) -> Result<Exit, Trouble> {
    let (post, deliveries) = post(store, id).await?;
    let attempts = store.attempts(id).await?;
    if world.out.json {
        let mut fields = docs::post(&post, &deliveries);
        let attempts: Vec<Value> = attempts.iter().map(|attempt| docs::attempt(attempt, &deliveries)).collect();
        fields.insert("attempts".into(), attempts.into());
        world.out.document("post", json!({ "post": fields }));
        return Ok(Exit::Done);
    }
    let out = &world.out;
    out.line(&format!(
        "post {}  {}  from {}",
        post.id,
        post.created_at.format("%Y-%m-%d %H:%M:%S UTC"),
        one_line(&post.source)
    ));
    if let Some(title) = &post.title {
        out.line(&format!("title  {}", one_line(title)));
    }
    if let Some(at) = post.at {
        out.line(&format!("at     {}", at.format("%Y-%m-%d %H:%M UTC")));
    }
    if let Some(key) = &post.once_key {
        out.line(&format!("once   {}", one_line(key)));
    }
    for delivery in &deliveries {
        out.line("");
        let name = out.paint(Paint::Bold, &delivery.account);
        let spent = docs::spent(delivery).map_or_else(String::new, |cost| format!("  about {cost}"));
        out.line(&format!(
            "{name}  {} {}  {}{spent}",
            delivery.platform,
            delivery.handle,
            state_word(world, delivery.state())
        ));
        for part in &delivery.parts {
            let url = part.receipt.as_ref().and_then(|receipt| receipt.get("url")?.as_str()).unwrap_or_default();
            let deleted = if part.deleted_at.is_some() { " (deleted)" } else { "" };
            let what = if part.comment { "comment" } else { "part" };
            out.line(
                format!("  {what} {}/{}  {}{deleted}  {url}", part.index + 1, part.of, state_word(world, part.state))
                    .trim_end(),
            );
            let text = part.text.get("text").and_then(Value::as_str).unwrap_or_default();
            for line in text.lines() {
                out.line(format!("    {}", out.paint(Paint::Dim, &one_line(line))).trim_end());
            }
            if let Some(fault) = &part.fault {
                out.line(&format!("    {}: {fault}", fault.kind.word()));
            }
            for attempt in attempts.iter().filter(|attempt| attempt.part_id == part.id) {
                let took = attempt
                    .ended_at
                    .map_or_else(String::new, |end| format!(" in {} ms", (end - attempt.began_at).num_milliseconds()));
                let why = attempt.fault.as_ref().map_or_else(String::new, |fault| format!(": {fault}"));
                out.line(&format!(
                    "    {}  {} {}{took}{why}",
                    attempt.began_at.format("%H:%M:%S"),
                    attempt.phase,
                    attempt.outcome
                ));
            }
        }
    }
    Ok(Exit::Done)
}

/// A state in its colour.
pub fn state_word(world: &World, state: PartState) -> String {
    let paint = match state {
        PartState::Sent => Paint::Good,
        PartState::Failed => Paint::Bad,
        PartState::Unknown => Paint::Warn,
        _ => Paint::Dim,
    };
    world.out.paint(paint, state.word())
}

async fn export(store: &Store, format: Format, mut query: Query, world: &World) -> Result<Exit, Trouble> {
    let mut left = query.limit.unwrap_or(usize::MAX);
    if format == Format::Csv {
        world
            .out
            .line("post,created_at,source,title,account,platform,part,of,state,sent_at,url,id,text,error,cost,unit");
    }
    while left > 0 {
        query.limit = Some(left.min(500));
        let posts = store.posts(query.clone()).await?;
        let Some(last) = posts.last() else { break };
        query.before = Some(last.id);
        left = left.saturating_sub(posts.len());
        let mut lines = String::new();
        for post in &posts {
            let deliveries = store.deliveries(post.id).await?;
            match format {
                Format::Jsonl => {
                    let attempts = store.attempts(post.id).await?;
                    let mut fields = docs::post(post, &deliveries);
                    let attempts: Vec<Value> =
                        attempts.iter().map(|attempt| docs::attempt(attempt, &deliveries)).collect();
                    fields.insert("attempts".into(), attempts.into());
                    lines.push_str(&Value::Object(fields).to_string());
                    lines.push('\n');
                }
                Format::Csv => csv(post, &deliveries, &mut lines),
            }
        }
        world.out.raw(lines.as_bytes());
    }
    Ok(Exit::Done)
}

fn csv(post: &PostRow, deliveries: &[DeliveryRow], lines: &mut String) {
    let time = |at: Option<DateTime<Utc>>| {
        at.map_or_else(String::new, |at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    };
    for delivery in deliveries {
        for part in &delivery.parts {
            let receipt = |key: &str| {
                part.receipt.as_ref().and_then(|receipt| receipt.get(key)?.as_str()).unwrap_or_default().to_string()
            };
            let cost = &part.cost;
            let cells = [
                post.id.to_string(),
                time(Some(post.created_at)),
                post.source.clone(),
                post.title.clone().unwrap_or_default(),
                delivery.account.clone(),
                delivery.platform.clone(),
                (part.index + 1).to_string(),
                part.of.to_string(),
                part.state.word().to_string(),
                time(part.sent_at),
                receipt("url"),
                receipt("id"),
                part.text.get("text").and_then(Value::as_str).unwrap_or_default().to_string(),
                part.fault.as_ref().map(ToString::to_string).unwrap_or_default(),
                cost["micros"].as_u64().map(|micros| (micros as f64 / 1e6).to_string()).unwrap_or_default(),
                cost["unit"].as_str().unwrap_or_default().to_string(),
            ];
            let cells: Vec<String> = cells.iter().map(|cell| cell_of(cell)).collect();
            lines.push_str(&cells.join(","));
            lines.push('\n');
        }
    }
}

/// Quoted where it must be; a cell that a spreadsheet would run as a formula gets an apostrophe before it.
fn cell_of(text: &str) -> String {
    let text = if text != "--text" && text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_string()
    };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        assert_eq!(cell_of("plain"), "plain");
        assert_eq!(cell_of("a,\"b\"\nc"), "\"a,\"\"b\"\"\nc\"");
        assert_eq!(cell_of("=1+1"), "'=1+1");
        assert_eq!(cell_of("@ann, hi"), "\"'@ann, hi\"");
    }

    #[test]
    fn the_past_is_a_day_or_so_long_ago() {
        let now = "2026-12-03T12:00:00Z".parse::<DateTime<Utc>>().unwrap();
        assert_eq!(past("2d", now).unwrap().to_rfc3339(), "2026-12-01T12:00:00+00:00");
        assert_eq!(past("2026-12-01", now).unwrap().to_rfc3339(), "2026-12-01T00:00:00+00:00");
        assert!(past("soon", now).unwrap_err().message.contains("`soon` is neither"));
    }
}
