//! Ending a login at its network.

use std::fs::File;

use super::engine::Engine;
use super::owner::login_lock;
use super::session::Quiet;
use crate::login::{self, Facts, Login, Nobody};
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
        let by_row = || ways.iter().find(|way| way.name == account.way()).or(ways.first().filter(|_| ways.len() == 1));
        let page =
            |way: Option<&Login>| way.and_then(|way| way.page).map(|page| page.replace("{server}", &account.server));
        // not through `session`: what is to end need not be renewed first
        let held = match self.vault().load(account).await {
            Ok(held) => held,
            Err(fault) => return Ended::Failed { fault, page: page(by_row()) },
        };
        held.values().for_each(|secret| self.door().redactor().learn(secret));
        let Some(facts) = Facts::among(&held) else { return Ended::ByHand { page: page(by_row()) } };
        let (Some(platform), Some(way)) = (platform, ways.iter().find(|way| way.name == facts.way)) else {
            return Ended::ByHand { page: None };
        };
        let info = crate::platform::AccountInfo::from(account);
        let secrets = std::sync::RwLock::new(held.clone());
        let (sink, rate) = (Quiet { engine: self, account }, std::sync::Mutex::default());
        let cx = crate::platform::Cx {
            door: self.door(),
            platform,
            account: &info,
            secrets: &secrets,
            sink: &sink,
            rate: &rate,
        };
        match login::revoke(&cx.desk(&Nobody), way, &held, &facts).await {
            Ok(true) => Ended::Revoked,
            Ok(false) => Ended::ByHand { page: page(Some(way)) },
            Err(mut fault) => {
                fault.message = self.door().redactor().clean(&fault.message);
                Ended::Failed { fault, page: page(Some(way)) }
            }
        }
    }
}
