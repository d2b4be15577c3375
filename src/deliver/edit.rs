//! Changing a post that is out. A change may be made twice without harm, so a lost answer is no riddle: it is made again. One process
//! at a time changes a delivery, else the journal could end with other words than the network.

use std::collections::BTreeSet;

use chrono::Utc;

use super::engine::{Engine, store_fault};
use super::lookup::claimed;
use super::owner::edit_lock;
use super::session::{Quiet, Session};
use super::turn::post;
use crate::net::{Effect, Fault, Kind};
use crate::platform::{Edit, Part, Post, Receipt};
use crate::store::{Attempt, NewWords, PartRow, Try};

impl Engine {
    /// Gives the parts of a delivery (its id) new words, and writes that down. What is known to be the same already is left alone; 0-based
    /// numbers of what was changed. Everything is looked at first: if one part cannot be changed, none is.
    ///
    /// # Errors
    /// The network cannot do that, or refuses; parts before the one that failed have their new words, and the journal says so.
    pub async fn edit(&self, delivery: i64, parts: &[Part], plan_hash: &str) -> Result<Vec<usize>, Fault> {
        let _lock = edit_lock(self.locks(), delivery).await?;
        let delivery = self.store().delivery(delivery).await.map_err(store_fault)?;
        let delivery = &delivery.ok_or_else(|| Fault::local("it is not in the journal any more"))?;
        let unsure = unsure(&self.store().attempts(delivery.post_id).await.map_err(store_fault)?);
        let account = match delivery.account_id {
            Some(id) => self.store().account_by_id(id).await.map_err(store_fault)?,
            None => None,
        };
        let session = self.session(account.ok_or_else(|| Fault::local("its account was removed from xpost"))?).await?;
        let title = session.platform.spec().title;
        let cannot = |why: String| Fault::new(Kind::Unsupported, why);
        let Some(network) = session.platform.edit() else {
            return Err(cannot(format!("{title} has no way to change a post; delete it and publish the new draft")));
        };
        if parts.len() != delivery.parts.len() {
            let (old, new) = (delivery.parts.len(), parts.len());
            return Err(cannot(format!("it has {old} parts there, the new draft has {new}; parts cannot come or go")));
        }
        let mut changes = Vec::new();
        for (index, (row, part)) in delivery.parts.iter().zip(parts).enumerate() {
            if !row.there() {
                return Err(Fault::local(format!("part {} is not posted ({})", index + 1, row.state.word())));
            }
            let old = post(&claimed(delivery, index)?)?;
            if row.payload == part.payload && old.text == part.text && !unsure.contains(&row.id) {
                continue;
            }
            let mut new = old.clone();
            (new.text, new.media, new.card) = (part.text.clone(), part.media.clone(), part.card.clone());
            new.payload = part.payload.clone();
            network.can(&old, &new).map_err(|why| cannot(format!("{title}: part {}: {why}", index + 1)))?;
            changes.push((index, row, new));
        }
        for (_, row, new) in &changes {
            self.change(&session, network, row, new).await?;
        }
        self.store().replanned(delivery.id, plan_hash.to_string()).await.map_err(store_fault)?;
        Ok(changes.iter().map(|(index, _, _)| *index).collect())
    }

    async fn change(&self, session: &Session, network: &dyn Edit, row: &PartRow, new: &Post) -> Result<(), Fault> {
        let broken = |error: serde_json::Error| Fault::local(format!("the journal cannot be read: {error}"));
        let receipt = row.receipt.clone().unwrap_or_default();
        let receipt: Receipt = serde_json::from_value(receipt).map_err(broken)?;
        let sink = Quiet { engine: self, account: &session.account };
        let began = Utc::now();
        let attempt = self.store().editing(row.id, began).await.map_err(store_fault)?;
        let done = match network.edit(&session.cx(&sink), &receipt, new).await {
            Err(fault) if fault.kind == Kind::Auth && self.refresh(session, &sink).await? => {
                network.edit(&session.cx(&sink), &receipt, new).await
            }
            done => done,
        };
        let tried = |outcome, fault| Try { attempt: Some(attempt), phase: "edit", began, outcome, fault };
        match done {
            Ok(receipt) => {
                let json = |value: serde_json::Result<_>| value.map_err(broken);
                let words = NewWords {
                    text: json(serde_json::to_value(&new.text))?,
                    media: json(serde_json::to_value(&new.media))?,
                    card: json(serde_json::to_value(&new.card))?,
                    payload: new.payload.clone(),
                    receipt: json(serde_json::to_value(&receipt))?,
                };
                self.store().edited(row.id, words, tried("ok", None), Utc::now()).await.map_err(store_fault)
            }
            Err(fault) => {
                self.store()
                    .tried(row.id, tried("fault", Some(fault.clone())), Utc::now())
                    .await
                    .map_err(store_fault)?;
                Err(fault)
            }
        }
    }
}

/// Parts whose last change may have come to the network or not: its answer was lost, or the process died.
fn unsure(attempts: &[Attempt]) -> BTreeSet<i64> {
    let mut unsure = BTreeSet::new();
    for attempt in attempts.iter().filter(|attempt| attempt.phase == "edit") {
        // what was begun and never ended has no fault
        let refused = attempt.fault.as_ref().is_some_and(|fault| fault.effect == Effect::None);
        if attempt.outcome == "ok" {
            unsure.remove(&attempt.part_id);
        } else if !refused {
            unsure.insert(attempt.part_id);
        }
    }
    unsure
}
