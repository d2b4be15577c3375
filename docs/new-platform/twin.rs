//! A Pond that lives in memory: it knows the limit, the key, and how the real one says no.

use chrono::Utc;
use serde_json::json;

use crate::twin::{Incoming, Reply, Seen, Twin};

pub(super) const HOST: &str = "pond.example";

/// The token of the `n`th account.
pub(super) fn token(n: usize) -> String {
    format!("pond-twin-token-{n}")
}

#[derive(Debug, Default)]
pub(super) struct Pond {
    notes: Vec<Seen>,
    next: usize,
}

impl Twin for Pond {
    fn hosts(&self) -> Vec<String> {
        vec![HOST.to_string()]
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        let Some(n) = request.bearer().and_then(|token| token.strip_prefix("pond-twin-token-")) else {
            return self.expired();
        };
        let account = format!("ann{n}");
        match (request.method.as_str(), request.segments().as_slice()) {
            ("GET", ["api", "me"]) => Reply::json(200, &json!({ "name": account })),
            ("GET", ["api", "notes"]) => self.list(&account),
            ("POST", ["api", "notes"]) => self.post(request, account),
            ("DELETE", ["api", "notes", id]) => {
                let before = self.notes.len();
                self.notes.retain(|note| note.id != *id || note.account != account);
                if self.notes.len() < before { Reply::empty(204) } else { no(404, "no such note") }
            }
            _ => no(404, "no such page"),
        }
    }

    fn limited(&self, seconds: u64) -> Reply {
        no(429, "too many notes").header("retry-after", seconds.to_string())
    }

    fn expired(&self) -> Reply {
        no(401, "this token is not good")
    }

    fn timeline(&self) -> Vec<Seen> {
        self.notes.clone()
    }
}

impl Pond {
    fn list(&self, account: &str) -> Reply {
        let own = self.notes.iter().rev().filter(|note| note.account == account).take(40);
        let notes: Vec<_> = own
            .map(|note| {
                json!({
                    "id": note.id, "text": note.text, "url": note.url, "reply_to": note.reply_to,
                    "created_at": note.at.to_rfc3339(),
                })
            })
            .collect();
        Reply::json(200, &json!(notes))
    }

    fn post(&mut self, request: &Incoming, account: String) -> Reply {
        let note = request.json();
        let Some(text) = note["text"].as_str().filter(|text| !text.trim().is_empty()) else {
            return no(422, "text is missing");
        };
        if text.chars().count() > 280 {
            return no(422, "text is longer than 280 characters");
        }
        let key = request.header("idempotency-key").unwrap_or_default();
        let known = |seen: &&Seen| !key.is_empty() && seen.extra["key"] == key && seen.account == account;
        if let Some(seen) = self.notes.iter().find(known) {
            return Reply::json(200, &json!({ "id": seen.id, "url": seen.url }));
        }
        self.next += 1;
        let id = format!("n{}", self.next);
        let url = format!("https://{HOST}/notes/{id}");
        let answer = json!({ "id": id, "url": url });
        self.notes.push(Seen {
            id,
            account,
            text: text.to_string(),
            url: Some(url),
            reply_to: note["reply_to"].as_str().map(str::to_string),
            at: Utc::now(),
            extra: json!({ "key": key }),
            ..Seen::default()
        });
        Reply::json(201, &answer)
    }
}

fn no(status: u16, why: &str) -> Reply {
    Reply::json(status, &json!({ "error": why }))
}
