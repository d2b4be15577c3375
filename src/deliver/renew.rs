//! Keeping logins alive. A refresh token is treated as money: it can be spent once.
//!
//! One process at a time renews a login, under its lock; whoever waited takes what the other one got. Before a token is spent it is
//! made sure that the answer can be kept, and it is kept before it is used.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::engine::Engine;
use super::owner::login_lock;
use super::session::{Quiet, Session};
use crate::account::Secrets;
use crate::login::{self, Code, Flow, Renew};
use crate::net::{Fault, Kind};
use crate::platform::Sink;
use crate::store::SecretSource;

/// A token that the network refuses so soon after it gave it will not be better the next time.
const FRESH: Duration = Duration::from_secs(60);

/// Another machine that renewed the same login may still be putting it into the place that both take it from.
const SHARED_PAUSE: Duration = Duration::from_secs(1);

/// When a session last had its login renewed by the network.
#[derive(Default)]
pub(super) struct Renewed(Mutex<Option<Instant>>);

impl Renewed {
    fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether it was at all.
    pub(super) fn ever(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn just_now(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|at| at.elapsed() < FRESH)
    }
}

/// Why a login was not renewed.
enum Failed {
    /// The network gave a new one, and it is lost: only a person can help.
    Lost(Fault),
    /// The old one is what it was.
    Not(Fault),
}

impl From<Failed> for Fault {
    fn from(failed: Failed) -> Fault {
        match failed {
            Failed::Lost(fault) | Failed::Not(fault) => fault,
        }
    }
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Failed {
        Failed::Not(fault)
    }
}

impl Session {
    /// Whether the login should be renewed before it is used: its access token is about to end, or what renews it ends within
    /// `margin`, if there is one (a login that is not used for long would end unseen).
    fn due(&self, margin: TimeDelta) -> bool {
        let now = Utc::now();
        let Some((way, facts)) = self.login() else { return false };
        if login::due(way, &facts, now) {
            return true;
        }
        if margin <= TimeDelta::zero() || !login::renewable(way) {
            return false;
        }
        let before = |end: Option<DateTime<Utc>>| end.is_some_and(|end| end - now < margin);
        match way.flow {
            // it is renewed with itself, and not before it has a certain age
            Flow::Code(Code { renew: Renew::Exchange(exchange), .. }) => {
                let youth = TimeDelta::from_std(exchange.not_before).unwrap_or(TimeDelta::MAX);
                before(facts.access_ends) && facts.renewed_at.is_none_or(|at| now - at >= youth)
            }
            _ => before(facts.refresh_ends),
        }
    }

    /// Whether the access token can be used as far as is known.
    fn holds(&self) -> bool {
        self.login().is_some_and(|(_, facts)| facts.access_ends.is_none_or(|end| end > Utc::now()))
    }
}

impl Engine {
    /// Renews a login that is about to end, or whose refresh token ends within `margin`.
    ///
    /// # Errors
    /// The login has ended, or it was renewed and could not be kept. One that holds for now is no error: the network will say when
    /// it does not.
    pub(super) async fn keep_alive(&self, session: &Session, margin: TimeDelta) -> Result<(), Fault> {
        if !session.due(margin) {
            return Ok(());
        }
        let sink = Quiet { engine: self, account: &session.account };
        match self.renew(session, &sink, margin).await {
            Ok(_) => Ok(()),
            Err(Failed::Not(fault)) if session.holds() => {
                tracing::debug!(account = session.account.name, "not renewed: {}", fault.message);
                Ok(())
            }
            Err(failed) => Err(failed.into()),
        }
    }

    /// Renews the login because the network refused it. `false` where there is nothing to renew, or where what the network refused
    /// was had from it a moment ago.
    ///
    /// # Errors
    /// The network refuses, or the renewed login cannot be kept.
    pub(super) async fn refresh(&self, session: &Session, sink: &dyn Sink) -> Result<bool, Fault> {
        if session.renewed.just_now() {
            return Ok(false);
        }
        Ok(self.renew(session, sink, TimeDelta::zero()).await?)
    }

    async fn renew(&self, session: &Session, sink: &dyn Sink, margin: TimeDelta) -> Result<bool, Failed> {
        let account = &session.account;
        let _lock = login_lock(self.locks(), &account.secret_key).await?;
        if self.reread(session).await? && !session.due(margin) {
            return Ok(true);
        }
        let refused = match self.spend(session, sink).await {
            Err(Failed::Not(fault)) if fault.kind == Kind::Auth && session.login().is_some() => fault,
            done => return done,
        };
        // two machines may share one source, and the other one may have been quicker
        if matches!(account.secret, SecretSource::Command { .. } | SecretSource::File) {
            tokio::time::sleep(SHARED_PAUSE).await;
        }
        match self.reread(session).await {
            Ok(true) => Ok(true),
            // nothing new there, or nothing to be had: what the network said counts
            Ok(false) | Err(_) => Err(Failed::Not(refused)),
        }
    }

    /// Takes what the account's place holds by now. Whether that is something else.
    async fn reread(&self, session: &Session) -> Result<bool, Fault> {
        let kept = self.vault().load(&session.account).await?;
        for secret in kept.values() {
            self.door().redactor().learn(secret);
        }
        let mut held = session.secrets.write().unwrap_or_else(PoisonError::into_inner);
        let known = |name: &String, new: &str| held.get(name).is_some_and(|secret| secret.expose_secret() == new);
        let same = kept.iter().all(|(name, secret)| known(name, secret.expose_secret()));
        held.extend(kept);
        Ok(!same)
    }

    /// Asks the network for a new login, once it is certain that it can be kept.
    async fn spend(&self, session: &Session, sink: &dyn Sink) -> Result<bool, Failed> {
        let account = &session.account;
        // credentials that were typed in stay good whatever becomes of a session
        let _room = match session.login() {
            None => None,
            Some(_) => Some(self.vault().ready(account).await.map_err(|mut fault| {
                fault.message = format!(
                    "account `{}`: its login is not renewed, because the new one could not be kept: {}; the old one is as good as it was",
                    account.name, fault.message
                );
                fault
            })?),
        };
        let sink = Renewing { inner: sink, account: &account.name, lost: Mutex::default() };
        let done = session.platform.refresh(&session.cx(&sink)).await;
        if let Some(fault) = sink.lost.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(Failed::Lost(fault));
        }
        if done? {
            session.renewed.now();
            return Ok(true);
        }
        Ok(false)
    }
}

/// A sink that knows when a login that the network gave was lost.
struct Renewing<'a> {
    inner: &'a dyn Sink,
    account: &'a str,
    lost: Mutex<Option<Fault>>,
}

#[async_trait]
impl Sink for Renewing<'_> {
    async fn save(&self, state: &Value) -> Result<(), Fault> {
        self.inner.save(state).await
    }

    async fn keep(&self, secrets: &Secrets) -> Result<(), Fault> {
        let Err(fault) = self.inner.keep(secrets).await else { return Ok(()) };
        if !secrets.contains_key(login::FACTS) {
            return Err(fault);
        }
        let name = self.account;
        // what the keyring advises helps with the next login, not with this one
        let lost = Fault::new(
            Kind::Auth,
            format!(
                "account `{name}`: its login was renewed, but could not be kept: {}; the old one is spent; log in again: `xpost account \
                 login {name}`",
                fault.message.trim_end_matches("; nothing was changed")
            ),
        );
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(lost.clone());
        Err(lost)
    }

    async fn uploaded(&self, sha256: &str, kind: &str) -> Result<Option<Value>, Fault> {
        self.inner.uploaded(sha256, kind).await
    }

    async fn remember_upload(&self, sha: &str, kind: &str, remote: &Value, until: DateTime<Utc>) -> Result<(), Fault> {
        self.inner.remember_upload(sha, kind, remote, until).await
    }

    fn progress(&self, what: &str) {
        self.inner.progress(what);
    }
}
