//! A receiver of webhooks that does what Standard Webhooks asks of one: checks signature and age, takes each id once.

use std::collections::BTreeMap;

use chrono::Utc;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::sign::{self, Style};
use crate::platform::TwinAccount;
use crate::twin::{Incoming, Reply, Seen, SeenMedia, Twin};

const HOST: &str = "hooks.example";
/// Base64 of the bytes 00 to 1f; signs nothing but throw-away deliveries.
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// `https://hooks.example/in/TOKEN` takes deliveries, `/gone/TOKEN` answers 410.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    posts: Vec<Seen>,
}

pub(super) fn account(n: usize) -> TwinAccount {
    let secrets = BTreeMap::from([
        ("url".to_string(), SecretString::from(format!("https://{HOST}/in/throwaway-token-{n}"))),
        ("secret".to_string(), SecretString::from(SECRET)),
    ]);
    TwinAccount { server: String::new(), settings: json!({"format": "standard"}), secrets }
}

impl Twin for Hooks {
    fn hosts(&self) -> Vec<String> {
        vec![HOST.to_string()]
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        let account = match (request.method.as_str(), request.segments().as_slice()) {
            ("POST", ["in", token]) => format!("hook {}", token.rsplit('-').next().unwrap_or_default()),
            (_, ["in", _]) => return Reply::text(405, "POST only"),
            (_, ["gone", ..]) => return Reply::json(410, &json!({"message": "endpoint deleted"})),
            _ => return Reply::text(404, "no such hook"),
        };
        if request.body.len() >= 20_000 {
            return Reply::text(413, "payload too large");
        }
        let Some(id) = request.header("webhook-id").filter(|id| !id.is_empty()) else {
            return Reply::json(400, &json!({"message": "webhook-id is missing"}));
        };
        if !signed(request, id) {
            return Reply::json(401, &json!({"message": "no matching signature"}));
        }
        let Ok(payload) = serde_json::from_slice::<Value>(&request.body) else {
            return Reply::json(400, &json!({"message": "the body is not JSON"}));
        };
        // a repeat is answered like the first, and stored once
        if !self.posts.iter().any(|post| post.id == id && post.account == account) {
            self.posts.push(seen(id, account, payload));
        }
        Reply::json(200, &json!({"ok": true}))
    }

    fn limited(&self, seconds: u64) -> Reply {
        Reply::json(429, &json!({"message": "too many deliveries"})).header("retry-after", seconds.to_string())
    }

    fn expired(&self) -> Reply {
        Reply::json(401, &json!({"message": "no matching signature"}))
    }

    fn timeline(&self) -> Vec<Seen> {
        self.posts.clone()
    }
}

/// By whichever signature the delivery carries; one is needed.
fn signed(request: &Incoming, id: &str) -> bool {
    let secret = SecretString::from(SECRET);
    let timestamp = request.header("webhook-timestamp").unwrap_or_default();
    if let Some(signature) = request.header("webhook-signature") {
        return sign::keys(Style::Standard, &secret)
            .is_ok_and(|keys| sign::verify(&keys[0], id, timestamp, signature, &request.body, Utc::now().timestamp()));
    }
    for style in [Style::Github, Style::Stripe] {
        if let Some(signature) = request.header(style.header()) {
            let expected = sign::keys(style, &secret)
                .map(|keys| sign::sign(style, &keys, id, timestamp.parse().unwrap_or_default(), &request.body));
            return expected.is_ok_and(|expected| expected == signature);
        }
    }
    request.bearer() == Some(SECRET)
}

fn seen(id: &str, account: String, payload: Value) -> Seen {
    let data = payload.get("data").unwrap_or(&payload);
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_string);
    let media = data.get("media").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    Seen {
        id: id.to_string(),
        account,
        title: text(data, "title"),
        text: text(data, "text").or_else(|| text(data, "content")).unwrap_or_default(),
        url: None,
        reply_to: data.pointer("/thread/parent").and_then(Value::as_str).map(str::to_string),
        media: media
            .iter()
            .map(|one| SeenMedia {
                mime: text(one, "mime").unwrap_or_default(),
                bytes: one.get("bytes").and_then(Value::as_u64).unwrap_or_default(),
                alt: text(one, "alt").unwrap_or_default(),
            })
            .collect(),
        at: Utc::now(),
        extra: payload,
    }
}
