//! Ending a login at its network.

use std::fs::File;
use std::sync::PoisonError;

use super::engine::Engine;
use super::owner::login_lock;
use super::session::Quiet;
use crate::login::{self, Login, Nobody};
use crate::net::Fault;
use crate::store::Account;

/// What became of a login, and its lock: as long as this lives, nobody renews what is to be forgotten.
#[derive(Debug)]
pub struct Leaving {
    pub ended: Ended,
    _lock: File,
}

/// What became of a login at its network.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// It is good for nothing any more.
    Revoked,
    /// The network has no way to end it, or it was typed in: a person can do it on this page.
    ByHand { page: Option<String> },
    /// It should have been possible, and was not: it is still good there, as far as one knows.
    Failed { fault: Fault, page: Option<String> },
}

impl Engine {
    /// Ends the login of an account at its network, with the secrets that are kept. Nothing is forgotten by it.
    ///
    /// # Errors
    /// The login is being renewed by somebody else all the time, or its lock cannot be had; the network was not asked.
    pub async fn leave(&self, account: &Account) -> Result<Leaving, Fault> {
        let lock = login_lock(self.locks(), &account.secret_key).await?;
        Ok(Leaving { ended: self.end(account).await, _lock: lock })
    }

    async fn end(&self, account: &Account) -> Ended {
        let platform = (self.options().networks)(&account.platform);
        let ways = platform.map_or(&[][..], |platform| platform.logins());
        let page =
            |way: Option<&Login>| way.and_then(|way| way.page).map(|page| page.replace("{server}", &account.server));
        let by_row = ways.iter().find(|way| way.name == account.way()).or(ways.first().filter(|_| ways.len() == 1));
        // what is to end need not be renewed first
        let session = match self.open(account.clone()).await {
            Ok(session) => session,
            Err(fault) => return Ended::Failed { fault, page: page(by_row) },
        };
        let sink = Quiet { engine: self, account };
        let Some((way, facts)) = session.login() else {
            // a session that typed credentials were traded for goes with them, or ends by itself within hours
            if let Err(fault) = session.platform.leave(&session.cx(&sink)).await {
                tracing::debug!(account = account.name, "its session was not ended: {}", fault.message);
            }
            return Ended::ByHand { page: page(by_row) };
        };
        let held = session.secrets.read().unwrap_or_else(PoisonError::into_inner).clone();
        match login::revoke(&session.cx(&sink).desk(&Nobody), way, &held, &facts).await {
            Ok(true) => Ended::Revoked,
            Ok(false) => Ended::ByHand { page: page(Some(way)) },
            Err(mut fault) => {
                fault.message = self.door().redactor().clean(&fault.message);
                Ended::Failed { fault, page: page(Some(way)) }
            }
        }
    }
}
