//! What else one login can post to.

use super::engine::Engine;
use super::session::Quiet;
use crate::net::{Fault, Kind};
use crate::platform::TargetOffer;
use crate::store::Account;

impl Engine {
    /// What the login of this account can post to, asked of the network; empty where one login posts to one place. Secrets among it
    /// are known to the redactor.
    ///
    /// # Errors
    /// The network refuses the credentials or cannot be reached.
    pub async fn offers(&self, account: &Account) -> Result<Vec<TargetOffer>, Fault> {
        let session = self.session(account.clone()).await?;
        let Some(targets) = session.platform.targets() else { return Ok(Vec::new()) };
        let sink = Quiet { engine: self, account };
        let offers = match targets.targets(&session.cx(&sink)).await {
            Err(fault) if fault.kind == Kind::Auth && self.refresh(&session, &sink).await? => {
                targets.targets(&session.cx(&sink)).await
            }
            offers => offers,
        }?;
        offers.iter().flat_map(|offer| offer.secrets.values()).for_each(|secret| self.door().redactor().learn(secret));
        Ok(offers)
    }
}
