//! One account at work: its row, its secrets, and what the network says of its budget.

use std::sync::{Mutex, PoisonError, RwLock};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::engine::{Engine, store_fault};
use super::owner::login_lock;
use crate::account::Secrets;
use crate::login::{self, Facts, Login};
use crate::net::{Fault, Kind, Rate};
use crate::platform::{AccountInfo, Cx, Delete, Find, Platform, Profile, Receipt, Sink};
use crate::store::{Account, DeliveryRow};

/// What a server said of itself is asked again after this long.
const ABOUT_AGE: Duration = Duration::hours(24);

/// An account with its secrets in hand.
pub struct Session {
    pub account: Account,
    pub info: AccountInfo,
    pub platform: &'static dyn Platform,
    pub(super) secrets: RwLock<Secrets>,
    pub(super) rate: Mutex<Option<Rate>>,
}

impl Session {
    /// The context for one call of the platform.
    pub(super) fn cx<'a>(&'a self, engine: &'a Engine, sink: &'a dyn Sink) -> Cx<'a> {
        Cx {
            door: engine.door(),
            platform: self.platform,
            account: &self.info,
            secrets: &self.secrets,
            sink,
            rate: &self.rate,
        }
    }

    /// The login that these secrets are of, and the way in which it was made.
    fn login(&self) -> Option<(&'static Login, Facts)> {
        let facts = Facts::among(&self.secrets.read().unwrap_or_else(PoisonError::into_inner))?;
        Some((self.platform.logins().iter().find(|way| way.name == facts.way)?, facts))
    }

    /// The network's last word on the budget: when it is used up, the time at which it is full again.
    pub(super) fn spent(&self) -> Option<DateTime<Utc>> {
        let rate = *self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        rate.filter(|rate| rate.remaining == 0).map(|rate| rate.reset)
    }
}

/// When a person has to log in again.
pub fn ends(account: &Account, facts: &Facts) -> Option<DateTime<Utc>> {
    let ways = crate::platform::by_name(&account.platform).map_or(&[][..], |platform| platform.logins());
    let renewable = ways.iter().find(|way| way.name == facts.way).is_some_and(login::renewable);
    facts.ends(renewable)
}

/// The sink of calls outside a delivery: sessions are kept, everything else has no place.
pub(super) struct Quiet<'a> {
    pub(super) engine: &'a Engine,
    pub(super) account: &'a Account,
}

#[async_trait]
impl Sink for Quiet<'_> {
    async fn save(&self, _: &Value) -> Result<(), Fault> {
        Ok(())
    }

    async fn keep(&self, secrets: &Secrets) -> Result<(), Fault> {
        self.engine.keep(self.account, secrets).await
    }

    async fn uploaded(&self, _: &str, _: &str) -> Result<Option<Value>, Fault> {
        Ok(None)
    }

    async fn remember_upload(&self, _: &str, _: &str, _: &Value, _: DateTime<Utc>) -> Result<(), Fault> {
        Ok(())
    }

    fn progress(&self, _: &str) {}
}

impl Engine {
    /// Loads an account's secrets.
    ///
    /// # Errors
    /// The platform is not known to this program, or the secrets cannot be had.
    pub async fn session(&self, account: Account) -> Result<Session, Fault> {
        let platform = (self.options().networks)(&account.platform).ok_or_else(|| {
            Fault::new(Kind::Unsupported, format!("this xpost knows no network `{}`", account.platform))
        })?;
        let secrets = self.vault().load(&account).await?;
        for secret in secrets.values() {
            self.door().redactor().learn(secret);
        }
        let session = Session {
            info: AccountInfo::from(&account),
            account,
            platform,
            secrets: RwLock::new(secrets),
            rate: Mutex::new(None),
        };
        self.keep_alive(&session).await?;
        Ok(session)
    }

    /// Commits secrets through the chain, and what is known of the login to the account's row.
    pub(super) async fn keep(&self, account: &Account, secrets: &Secrets) -> Result<(), Fault> {
        self.vault().keep(account, secrets).await?;
        let Some(text) = secrets.get(login::FACTS) else { return Ok(()) };
        let Ok(facts) = serde_json::from_str::<Facts>(text.expose_secret()) else { return Ok(()) };
        let ends = ends(account, &facts);
        self.store().account_login(&account.secret_key, serde_json::json!(facts), ends).await.map_err(store_fault)
    }

    /// Renews a login that is about to end.
    async fn keep_alive(&self, session: &Session) -> Result<(), Fault> {
        let now = Utc::now();
        let Some((way, facts)) = session.login().filter(|(way, facts)| login::due(way, facts, now)) else {
            return Ok(());
        };
        let sink = Quiet { engine: self, account: &session.account };
        match self.refresh(session, &sink).await {
            Ok(_) => Ok(()),
            // it holds for now; the network will say when it does not
            Err(fault) if facts.access_ends.is_some_and(|end| end > now) => {
                tracing::debug!(account = session.account.name, way = way.name, "not renewed: {}", fault.message);
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }

    /// Renews the login, one process at a time: whoever waited takes what the other one got.
    ///
    /// # Errors
    /// The network refuses, or the renewed login cannot be kept.
    pub(super) async fn refresh(&self, session: &Session, sink: &dyn Sink) -> Result<bool, Fault> {
        let _lock = login_lock(self.locks(), &session.account.secret_key).await?;
        let now_kept = self.vault().load(&session.account).await?;
        let changed = {
            let mut held = session.secrets.write().unwrap_or_else(PoisonError::into_inner);
            let same = now_kept.iter().all(|(name, secret)| {
                held.get(name).is_some_and(|known| known.expose_secret() == secret.expose_secret())
            });
            for secret in now_kept.values() {
                self.door().redactor().learn(secret);
            }
            held.extend(now_kept);
            !same
        };
        if changed {
            return Ok(true);
        }
        session.platform.refresh(&session.cx(self, sink)).await
    }

    /// Makes sure that what the server says of itself is known and not too old.
    ///
    /// # Errors
    /// Nothing is known yet and the server cannot be asked.
    pub(super) async fn learn(&self, session: &mut Session, sink: &dyn Sink) -> Result<(), Fault> {
        let now = Utc::now();
        let age = session.account.about_at.map(|at| now - at);
        if age.is_some_and(|age| age < ABOUT_AGE && age > -ABOUT_AGE) {
            return Ok(());
        }
        let found = match session.platform.discover(&session.cx(self, sink)).await {
            Err(fault) if fault.kind == Kind::Auth && self.refresh(session, sink).await? => {
                session.platform.discover(&session.cx(self, sink)).await
            }
            found => found,
        };
        match found {
            Ok(about) => {
                self.store().account_about(session.account.id, about.clone(), now).await.map_err(store_fault)?;
                session.info.about = about;
                session.account.about_at = Some(now);
                Ok(())
            }
            // old facts are better than no post
            Err(_) if age.is_some() => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// Who the credentials belong to, asked of the network; the answer and what the server says of itself are kept.
    ///
    /// # Errors
    /// The network refuses the credentials or cannot be reached.
    pub async fn check(&self, account: Account) -> Result<(Account, Profile), Fault> {
        let mut session = self.session(account.clone()).await?;
        let sink = Quiet { engine: self, account: &account };
        session.account.about_at = None;
        self.learn(&mut session, &sink).await?;
        let profile = match session.platform.whoami(&session.cx(self, &sink)).await {
            Err(fault) if fault.kind == Kind::Auth && self.refresh(&session, &sink).await? => {
                session.platform.whoami(&session.cx(self, &sink)).await
            }
            said => said,
        }?;
        let mut account = session.account;
        account.about = session.info.about;
        account.remote_id.clone_from(&profile.id);
        account.handle.clone_from(&profile.handle);
        account.url.clone_from(&profile.url);
        account.checked_at = Some(Utc::now());
        self.store().account_update(account.clone()).await.map_err(store_fault)?;
        Ok((account, profile))
    }

    /// Takes a delivery back: all of its parts that are there, the end of a thread first, so that no reply is left without its
    /// beginning. What was taken back by the time of an error is remembered.
    ///
    /// # Errors
    /// The account is gone, the network cannot do that, or refuses.
    pub async fn take_back(&self, delivery: &DeliveryRow) -> Result<(), Fault> {
        let account = match delivery.account_id {
            Some(id) => self.store().account_by_id(id).await.map_err(store_fault)?,
            None => None,
        };
        let session = self.session(account.ok_or_else(|| Fault::local("its account was removed from xpost"))?).await?;
        for part in delivery.parts.iter().rev().filter(|part| part.there()) {
            let receipt = part.receipt.clone().and_then(|receipt| serde_json::from_value::<Receipt>(receipt).ok());
            if let Some(receipt) = receipt {
                self.delete(&session, part.id, &receipt).await?;
            }
        }
        Ok(())
    }

    /// Takes one posted part back.
    ///
    /// # Errors
    /// The network cannot do that, or refuses.
    pub async fn delete(&self, session: &Session, part: i64, receipt: &Receipt) -> Result<(), Fault> {
        let platform: &dyn Delete = session.platform.delete().ok_or_else(|| {
            Fault::new(Kind::Unsupported, format!("{} has no way to delete a post", session.platform.spec().title))
        })?;
        let sink = Quiet { engine: self, account: &session.account };
        match platform.delete(&session.cx(self, &sink), receipt).await {
            Err(fault) if fault.kind == Kind::Auth && self.refresh(session, &sink).await? => {
                platform.delete(&session.cx(self, &sink), receipt).await
            }
            done => done,
        }?;
        self.store().deleted(part, Utc::now()).await.map_err(store_fault)
    }

    /// The platform's read-back, if it has one.
    pub fn finder(session: &Session) -> Option<&'static dyn Find> {
        session.platform.find()
    }
}
