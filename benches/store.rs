//! The journal when it is full: `cargo bench --bench store -- DIRECTORY [POSTS]`. Fills a database of so many posts (200,000) in
//! the directory unless it is there, then times the queries that a person or a timer waits for, each the median of many calls
//! through the library. Prints one JSON object; `scripts/bench` reads it, and lets the binary search the same database.

use std::path::Path;
use std::time::Instant;

use chrono::{DateTime, Duration, Utc};
use rusqlite::{Connection, params};
use serde_json::{Map, json};
use xpost::store::{Claim, Home, NewAccount, Query, Scope, SecretSource, Settled, Store};

const ACCOUNTS: [&str; 6] = ["bluesky", "discord", "feed", "mastodon", "telegram", "webhook"];
const RUNS: usize = 41;
/// Of all posts, so many are scheduled for the future.
const SCHEDULED: usize = 1000;

type Failed = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let Some(directory) = arguments.next() else {
        eprintln!("usage: cargo bench --bench store -- DIRECTORY [POSTS]");
        return Ok(());
    };
    let posts: usize = arguments.next().map_or(Ok(200_000), |text| text.parse())?;
    let path = Home::at(Path::new(&directory)).database();
    let now = Utc::now();
    if !path.exists() {
        let store = Store::open(&path)?;
        for name in ACCOUNTS {
            let account = NewAccount {
                name: name.into(),
                platform: name.into(),
                server: "https://example.org".into(),
                settings: json!({}),
                secret: SecretSource::None,
                secret_key: None,
                login: serde_json::Value::Null,
            };
            store.account_add(account).await?;
        }
        drop(store);
        fill(&path, posts, now)?;
    }
    let store = Store::open(&path)?;
    let search = |words: &str| {
        let query = Query { text: Some(words.into()), limit: Some(20), ..Query::default() };
        (words.to_string(), query)
    };
    let mut figures = Map::new();
    // a word of one post, of 1 in 500, of nearly all, two words, the beginning of many
    for (words, query) in ["number77777", "word7", "release", "word7 release", "wor*"].map(search) {
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let began = Instant::now();
            let found = store.posts(query.clone()).await?;
            times.push(began.elapsed());
            assert!(!found.is_empty(), "`{words}` is in the journal");
        }
        figures.insert(format!("search {words}"), median(times));
    }
    // what `xpost run` asks: nothing is due, then one part of each account is
    let account = store.account("mastodon").await?.ok_or("the account is gone")?.id;
    for (name, at) in [("nothing due", now), ("due", now + Duration::days(400))] {
        let (mut accounts, mut deliveries, mut claims) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let began = Instant::now();
            let open = store.open_accounts(&Scope::Due, at).await?;
            accounts.push(began.elapsed());
            assert_eq!(open.len(), if name == "due" { ACCOUNTS.len() } else { 0 });
            let began = Instant::now();
            let found = store.deliveries_due(at).await?;
            deliveries.push(began.elapsed());
            assert_eq!(found.is_empty(), name != "due");
            let began = Instant::now();
            let claim = store.claim(account, &Scope::Due, "bench", at).await?;
            claims.push(began.elapsed());
            if let Claim::Part(claimed) = claim {
                store.settle(claimed.part.id, "bench", Settled::Released, None, at, None).await?;
            } else {
                assert_ne!(name, "due");
            }
        }
        figures.insert(format!("{name}: accounts"), median(accounts));
        figures.insert(format!("{name}: deliveries"), median(deliveries));
        // of a part that is there, the claim is a commit to the disk
        figures.insert(format!("{name}: claim"), median(claims));
    }
    println!("{}", json!({ "posts": posts, "unit": "ms", "median of": RUNS, "figures": figures }));
    Ok(())
}

fn median(mut times: Vec<std::time::Duration>) -> serde_json::Value {
    times.sort();
    json!((times[times.len() / 2].as_secs_f64() * 1e6).round() / 1e3)
}

/// Rows as the journal writes them, without waiting for the disk at each.
fn fill(path: &Path, posts: usize, now: DateTime<Utc>) -> Result<(), Failed> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL;")?;
    let tx = connection.transaction()?;
    let start = (now - Duration::days(1000)).timestamp_millis();
    let step = Duration::days(999).num_milliseconds() / posts.max(1) as i64;
    for n in 0..posts {
        let at = start + step * n as i64;
        let words: Vec<String> =
            (0..20).map(|k| format!("word{}", (n * 31 + k * k * 17 + n / 7 * k) % 10_000)).collect();
        let body = format!("A release, number{n}: {}", words.join(" "));
        tx.prepare_cached("INSERT INTO posts (created_at, source, body, draft_hash) VALUES (?1, 'draft.md', ?2, ?3)")?
            .execute(params![at, body, format!("{n:064x}")])?;
        let post = tx.last_insert_rowid();
        let account = n % ACCOUNTS.len();
        tx.prepare_cached(
            "INSERT INTO deliveries (post_id, account_id, account, platform, handle, plan_hash, once, reply_to, quote)
             VALUES (?1, ?2, ?3, ?3, '@ann', ?4, 0, 'null', 'null')",
        )?
        .execute(params![post, account as i64 + 1, ACCOUNTS[account], format!("{n:064x}")])?;
        let delivery = tx.last_insert_rowid();
        let later = n + SCHEDULED >= posts;
        let receipt = json!({"id": n.to_string(), "url": format!("https://example.org/@ann/{n}")}).to_string();
        tx.prepare_cached(
            "INSERT INTO parts (delivery_id, idx, of, key, created_at, text, media, card, payload, state, next_at, sent_at, receipt)
             VALUES (?1, 0, 1, ?2, ?3, ?4, '[]', 'null', ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            delivery,
            uuid::Uuid::from_u128(n as u128).to_string(),
            at,
            json!({"text": body, "marks": []}).to_string(),
            json!({"status": body, "visibility": "public"}).to_string(),
            if later { "queued" } else { "sent" },
            if later { (now + Duration::days(365)).timestamp_millis() } else { at },
            (!later).then_some(at),
            (!later).then_some(receipt),
        ])?;
        if !later {
            let part = tx.last_insert_rowid();
            tx.prepare_cached(
                "INSERT INTO attempts (part_id, phase, began_at, ended_at, outcome) VALUES (?1, 'publish', ?2, ?2, 'ok')",
            )?
            .execute(params![part, at])?;
        }
    }
    tx.commit()?;
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);")?;
    Ok(())
}
