//! Asking a network about a part whose outcome is unknown, outside a run: for `xpost resolve`.

use super::engine::Engine;
use super::session::{Quiet, Session};
use super::turn::post;
use crate::net::{Fault, Kind};
use crate::platform::Found;
use crate::store::{Claimed, DeliveryRow, PartState};

/// A part of a delivery (0-based) as a turn would have it.
///
/// # Errors
/// There is no such part.
pub(super) fn claimed(delivery: &DeliveryRow, index: usize) -> Result<Claimed, Fault> {
    let part = delivery.parts.get(index).ok_or_else(|| Fault::local(format!("there is no part {}", index + 1)))?;
    let sent = |index: usize| {
        delivery.parts.get(index).filter(|part| part.state == PartState::Sent).and_then(|part| part.receipt.clone())
    };
    let (root, parent) = if index == 0 { (None, None) } else { (sent(0), sent(index - 1)) };
    Ok(Claimed { part: part.clone(), delivery: delivery.clone(), root, parent })
}

impl Engine {
    /// Reads back whether a part of this delivery (0-based) is at the network. Changes nothing in the journal.
    ///
    /// # Errors
    /// The network has no read-back or cannot be asked now, or there is no such part.
    pub async fn find(&self, session: &Session, delivery: &DeliveryRow, index: usize) -> Result<Found, Fault> {
        let Some(finder) = session.platform.find() else {
            let title = session.platform.spec().title;
            return Err(Fault::new(Kind::Unsupported, format!("{title} cannot be asked what was posted")));
        };
        let claimed = claimed(delivery, index)?;
        let (part, post) = (&claimed.part, post(&claimed)?);
        let since = part.first_sent.unwrap_or(part.created_at);
        let sink = Quiet { engine: self, account: &session.account };
        match finder.find(&session.cx(&sink), &post, &part.ready, since).await {
            Err(fault) if fault.kind == Kind::Auth && self.refresh(session, &sink).await? => {
                finder.find(&session.cx(&sink), &post, &part.ready, since).await
            }
            found => found,
        }
    }
}
