//! Plans into the journal.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::engine::{Engine, store_fault};
use crate::net::Fault;
use crate::platform::{Part, Reference};
use crate::store::{Account, Add, Added, NewDelivery, NewPart};

/// The draft, as the journal remembers it.
#[derive(Debug, Clone)]
pub struct Written {
    /// File name, `stdin` or `--text`.
    pub source: String,
    pub title: Option<String>,
    /// All of it as plain text, for the search.
    pub body: String,
    pub hash: String,
}

/// One target with its planned parts.
#[derive(Debug, Clone)]
pub struct Order {
    pub account: Account,
    pub plan_hash: String,
    pub parts: Vec<Part>,
    pub reply_to: Option<Reference>,
    pub quote: Option<Reference>,
    /// To be taken back then.
    pub expires_at: Option<DateTime<Utc>>,
}

/// How to add.
#[derive(Debug, Clone, Default)]
pub struct AddOptions {
    /// Ids and keys are derived from this, the account and the part, so that a machine without memory does not post twice.
    pub once: Option<String>,
    /// Post it again even if the same draft is there already.
    pub again: bool,
    /// Not before this time.
    pub at: Option<DateTime<Utc>>,
}

/// The name space of keys derived from a once key.
const ONCE: Uuid = Uuid::from_u128(0x6f8d_3c52_9b1e_5a47_8e60_2d1b_7c94_a3f5);

impl Engine {
    /// Puts a draft into the journal, for all targets or for none.
    ///
    /// # Errors
    /// The journal cannot be written: nothing was added, nothing will be sent.
    pub async fn add(&self, written: &Written, orders: &[Order], options: &AddOptions) -> Result<Vec<Added>, Fault> {
        let targets = orders
            .iter()
            .map(|order| {
                let parts = order.parts.iter().enumerate().map(|(index, part)| {
                    Ok(NewPart {
                        key: key(options.once.as_deref(), &order.account, index),
                        text: json(&part.text)?,
                        media: json(&part.media)?,
                        card: json(&part.card)?,
                        payload: part.payload.clone(),
                        comment: part.comment,
                        cost: json(&part.cost)?,
                    })
                });
                Ok(NewDelivery {
                    account_id: order.account.id,
                    plan_hash: order.plan_hash.clone(),
                    reply_to: json(&order.reply_to)?,
                    quote: json(&order.quote)?,
                    expires_at: order.expires_at,
                    parts: parts.collect::<Result<_, Fault>>()?,
                })
            })
            .collect::<Result<_, Fault>>()?;
        let add = Add {
            source: written.source.clone(),
            title: written.title.clone(),
            body: written.body.clone(),
            draft_hash: written.hash.clone(),
            once_key: options.once.clone(),
            at: options.at,
            again: options.again,
            targets,
        };
        self.store().outbox_add(add, Utc::now()).await.map_err(store_fault)
    }
}

/// The part's key: drawn now, or derived, so that another machine derives the same. The account stands for itself by what a
/// pipeline's configuration says of it: platform, server and name.
fn key(once: Option<&str>, account: &Account, index: usize) -> Uuid {
    match once {
        None => Uuid::now_v7(),
        Some(once) => {
            let name =
                [once, &account.platform, &account.server, &account.name.to_lowercase(), &index.to_string()].join("\0");
            Uuid::new_v5(&ONCE, name.as_bytes())
        }
    }
}

fn json<T: serde::Serialize>(value: &T) -> Result<Value, Fault> {
    serde_json::to_value(value).map_err(|error| Fault::local(format!("the plan cannot be written down: {error}")))
}
