//! One account at work: its row, its secrets, and what the network says of its budget.

use std::sync::{Mutex, PoisonError, RwLock};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::engine::{Engine, store_fault};
use super::renew::Renewed;
use crate::account::{CA_FILE, Secrets};
use crate::login::{self, Facts, Login};
use crate::net::{Door, Fault, Kind, Rate};
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
    /// Trusts what this account's server needs.
    door: Door,
    pub(super) renewed: Renewed,
}

impl Session {
    /// The context for one call of the platform.
    pub(super) fn cx<'a>(&'a self, sink: &'a dyn Sink) -> Cx<'a> {
        Cx {
            door: &self.door,
            platform: self.platform,
            account: &self.info,
            secrets: &self.secrets,
            sink,
            rate: &self.rate,
        }
    }

    /// The login that these secrets are of, and the way in which it was made.
    pub(super) fn login(&self) -> Option<(&'static Login, Facts)> {
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
    /// Loads an account's secrets, and renews a login that is about to end.
    ///
    /// # Errors
    /// The platform is not known to this program, the secrets cannot be had, or the login has ended.
    pub async fn session(&self, account: Account) -> Result<Session, Fault> {
        let session = self.open(account).await?;
        self.keep_alive(&session, Duration::zero()).await?;
        Ok(session)
    }

    /// Loads an account's secrets; asks no network.
    ///
    /// # Errors
    /// The platform is not known to this program, or the secrets cannot be had.
    pub(super) async fn open(&self, account: Account) -> Result<Session, Fault> {
        let platform = (self.options().networks)(&account.platform).ok_or_else(|| {
            Fault::new(Kind::Unsupported, format!("this xpost knows no network `{}`", account.platform))
        })?;
        let secrets = self.vault().load(&account).await?;
        for secret in secrets.values() {
            self.door().redactor().learn(secret);
        }
        let info = AccountInfo::from(&account);
        let own = Some(info.setting(CA_FILE)).filter(|path| !path.is_empty()).map(Into::into);
        let session = Session {
            door: self.door().trusting(own.or_else(|| self.ca_file(&account.name))),
            info,
            account,
            platform,
            secrets: RwLock::new(secrets),
            rate: Mutex::new(None),
            renewed: Renewed::default(),
        };
        // a login that comes from outside tells of itself only here
        if let Some((_, facts)) = session.login()
            && session.account.login != serde_json::json!(facts)
        {
            self.note(&session.account, &facts).await;
        }
        Ok(session)
    }

    /// Commits secrets through the chain, and what is known of the login to the account's row.
    pub(super) async fn keep(&self, account: &Account, secrets: &Secrets) -> Result<(), Fault> {
        self.vault().keep(account, secrets).await?;
        if let Some(text) = secrets.get(login::FACTS)
            && let Ok(facts) = serde_json::from_str::<Facts>(text.expose_secret())
        {
            self.note(account, &facts).await;
        }
        Ok(())
    }

    /// The row holds facts for those who only look; a login is as good without.
    async fn note(&self, account: &Account, facts: &Facts) {
        let noted = self.store().account_login(&account.secret_key, serde_json::json!(facts), ends(account, facts));
        if let Err(error) = noted.await {
            tracing::debug!(account = account.name, "what is known of the login is not in the journal: {error}");
        }
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
        let found = match session.platform.discover(&session.cx(sink)).await {
            Err(fault) if fault.kind == Kind::Auth && self.refresh(session, sink).await? => {
                session.platform.discover(&session.cx(sink)).await
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
        let mut session = self.open(account).await?;
        session.account.about_at = None;
        let profile = self.ask(&mut session, Duration::zero()).await?;
        let account = self.store().account_by_id(session.account.id).await.map_err(store_fault)?;
        Ok((account.unwrap_or(session.account), profile))
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
        match platform.delete(&session.cx(&sink), receipt).await {
            Err(fault) if fault.kind == Kind::Auth && self.refresh(session, &sink).await? => {
                platform.delete(&session.cx(&sink), receipt).await
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
