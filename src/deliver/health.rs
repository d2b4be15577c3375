//! How an account is: for `doctor`.

use chrono::{TimeDelta, Utc};

use super::engine::{Engine, store_fault};
use super::session::{Quiet, Session};
use crate::login::{Facts, Login};
use crate::net::{Fault, Kind};
use crate::platform::Profile;
use crate::store::Account;

/// What was found out about an account.
pub struct Health {
    /// As it is kept now.
    pub account: Account,
    /// What is known of its login, and how it was made; `None` for credentials that say nothing of themselves.
    pub login: Option<(&'static Login, Facts)>,
    /// Its login was renewed just now.
    pub renewed: bool,
    /// Who the network says it is; `None` where it was not asked.
    pub said: Result<Option<Profile>, Fault>,
}

impl Engine {
    /// Looks at an account: its secrets, its login, who the network says it is. With `ask`, a login is renewed that is about to end or
    /// whose refresh token ends within `margin`, and the answers are kept; without, no request is made and nothing changed.
    pub async fn health(&self, account: Account, ask: bool, margin: TimeDelta) -> Health {
        let mut health = Health { account: account.clone(), login: None, renewed: false, said: Ok(None) };
        let mut session = match self.open(account.clone()).await {
            Ok(session) => session,
            Err(fault) => return Health { said: Err(fault), ..health },
        };
        health.login = session.login();
        if ask {
            health.said = self.ask(&mut session, margin).await.map(Some);
            health.renewed = session.renewed.ever();
            health.login = session.login();
        }
        if let Ok(Some(now)) = self.store().account_by_id(account.id).await {
            health.account = now;
        }
        health
    }

    /// Who the credentials belong to, asked of the network; the answer is kept, and so is what the server says of itself.
    pub(super) async fn ask(&self, session: &mut Session, margin: TimeDelta) -> Result<Profile, Fault> {
        self.keep_alive(session, margin).await?;
        let account = session.account.clone();
        let sink = Quiet { engine: self, account: &account };
        self.learn(session, &sink).await?;
        let profile = match session.platform.whoami(&session.cx(&sink)).await {
            Err(fault) if fault.kind == Kind::Auth && self.refresh(session, &sink).await? => {
                session.platform.whoami(&session.cx(&sink)).await
            }
            said => said,
        }?;
        let Profile { id, handle, url } = &profile;
        let kept = self.store().account_checked(account.id, id, handle, url.as_deref(), Utc::now());
        kept.await.map_err(store_fault)?;
        Ok(profile)
    }
}
