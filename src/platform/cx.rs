//! What a network works with while it acts for one account.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde_json::Value;

use super::contract::{AccountInfo, Platform, Sink};
use super::spec::Server;
use crate::host::{self, Hosted};
use crate::login::{self, Desk, Facts, Nobody};
use crate::media::Media;
use crate::net::{Answer, Door, Fault, Load, Meter, Request};

/// How often a person is told how far an upload is.
const BEAT: std::time::Duration = std::time::Duration::from_millis(100);

/// What a network works with while it acts for one account.
pub struct Cx<'a> {
    pub door: &'a Door,
    pub platform: &'a dyn Platform,
    pub account: &'a AccountInfo,
    /// The account's secret fields: `token`, `password`, and sessions kept by [`Cx::keep`]. Behind a lock, because `refresh`
    /// replaces them.
    pub secrets: &'a std::sync::RwLock<BTreeMap<String, SecretString>>,
    pub sink: &'a dyn Sink,
    /// The last that the network said of its budget, for the rate ledger.
    pub rate: &'a std::sync::Mutex<Option<crate::net::Rate>>,
}

impl Cx<'_> {
    /// Sends one request and lets the platform explain the answer.
    ///
    /// # Errors
    /// No answer, or an answer that is a refusal.
    pub async fn call(&self, request: Request) -> Result<Answer, Fault> {
        self.judge(self.answer(request).await?)
    }

    /// Sends one request; the answer is not looked at yet. For what an answer says to those who sign requests (a nonce, the time).
    ///
    /// # Errors
    /// No answer.
    pub async fn answer(&self, request: Request) -> Result<Answer, Fault> {
        self.bound(&request)?;
        let answer = match request.load() {
            None => self.door.send(request).await?,
            Some(load) => self.watched(request, &load).await?,
        };
        if let Some(rate) = answer.rate {
            *self.rate.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(rate);
        }
        Ok(answer)
    }

    /// Sends a request that carries a file; the sink is told how far it is.
    async fn watched(&self, request: Request, load: &Load) -> Result<Answer, Fault> {
        let meter = Meter::default();
        let tell = || self.sink.bytes(&load.name, load.before + meter.sent(), load.total);
        let sending = self.door.send(request.meter(&meter));
        tokio::pin!(sending);
        let mut beat = tokio::time::interval(BEAT);
        loop {
            tokio::select! {
                answer = &mut sending => {
                    tell();
                    return answer;
                }
                _ = beat.tick() => tell(),
            }
        }
    }

    /// Lets the platform explain an answer.
    ///
    /// # Errors
    /// It is a refusal.
    pub fn judge(&self, answer: Answer) -> Result<Answer, Fault> {
        match self.platform.explain(&answer) {
            None => Ok(answer),
            Some(mut fault) => {
                fault.message = self.door.redactor().clean(&fault.message);
                Err(fault)
            }
        }
    }

    /// Credentials go to the account's server, the network's hosts, and to nobody else.
    fn bound(&self, request: &Request) -> Result<(), Fault> {
        let Some(origin) = request.secret_to() else { return Ok(()) };
        let own = match self.platform.spec().server {
            Server::Fixed(own) | Server::Default(own) => own,
            Server::Own(_) | Server::Local => "",
        };
        if origin == self.account.server || origin == own || self.platform.hosts(self).contains(&origin) {
            return Ok(());
        }
        Err(Fault::local(format!(
            "account `{}`: its credentials are for `{}`, and were not sent to `{origin}`",
            self.account.name, self.account.server
        )))
    }

    /// What is known of the login that these secrets are of; `None` for credentials that say nothing of themselves.
    pub fn facts(&self) -> Option<Facts> {
        Facts::among(&self.secrets.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Renews a login by the way in which it was made; the new one is kept before it is used. `false`: there is nothing to renew.
    ///
    /// # Errors
    /// The network refuses, or what it gave cannot be kept.
    pub async fn renew(&self) -> Result<bool, Fault> {
        let Some(facts) = self.facts() else { return Ok(false) };
        let Some(way) = self.platform.logins().iter().find(|way| way.name == facts.way) else { return Ok(false) };
        let held = self.secrets.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let desk = self.desk(&Nobody);
        let Some(grant) = login::renew(&desk, way, &held, &facts).await? else { return Ok(false) };
        self.keep(grant.to_keep()).await?;
        Ok(true)
    }

    /// What the flows of [`crate::login`] work with.
    pub fn desk<'a>(&'a self, person: &'a dyn login::Person) -> Desk<'a> {
        Desk {
            door: self.door,
            account: &self.account.name,
            title: self.platform.spec().title,
            server: &self.account.server,
            settings: &self.account.settings,
            app: None,
            person,
        }
    }

    /// A secret field of the account.
    ///
    /// # Errors
    /// An `auth` fault that names the field, if it is not there.
    pub fn secret(&self, name: &str) -> Result<SecretString, Fault> {
        self.optional_secret(name).ok_or_else(|| {
            Fault::new(
                crate::net::Kind::Auth,
                format!(
                    "account `{}` has no `{name}`; run `xpost account add` again or set it in the environment",
                    self.account.name
                ),
            )
        })
    }

    /// The same where it may be missing.
    pub fn optional_secret(&self, name: &str) -> Option<SecretString> {
        self.secrets.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(name).cloned()
    }

    /// Replaces secret fields now and for later runs.
    ///
    /// # Errors
    /// The secret store refused; nothing was changed there.
    pub async fn keep(&self, renewed: BTreeMap<String, SecretString>) -> Result<(), Fault> {
        for secret in renewed.values() {
            self.door.redactor().learn(secret);
        }
        {
            let mut secrets = self.secrets.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            secrets.extend(renewed.iter().map(|(name, secret)| (name.clone(), secret.clone())));
        }
        self.sink.keep(&renewed).await
    }

    /// A public address of a medium, for networks that take nothing else: the file is put to the user's media host, once however often
    /// and by however many accounts it is asked for. May be signed: it goes to the network and nowhere else, least of all into a
    /// checkpoint; ask for it again where it is needed again, which costs nothing.
    ///
    /// # Errors
    /// There is no media host (code [`host::NO_HOST`]; the message says what to configure), or it refuses. Without effect: nothing was
    /// posted.
    pub async fn public_url(&self, media: &Media) -> Result<Hosted, Fault> {
        self.sink.public_url(media).await.map_err(|fault| match fault.code.as_deref() {
            Some(host::NO_HOST) => Fault { message: host::needed(self.platform.spec().title, &fault.message), ..fault },
            _ => fault,
        })
    }

    /// The network has fetched a medium that [`Cx::public_url`] gave it for this part; it is removed unless another part needs it. Where
    /// a network does not tell, leave it out: the media host's own time ends it.
    ///
    /// # Errors
    /// The journal could not be written.
    pub async fn fetched(&self, media: &Media) -> Result<(), Fault> {
        self.sink.fetched(media).await
    }

    /// Commits what `prepare` has finished so far.
    ///
    /// # Errors
    /// The journal could not be written.
    pub async fn save(&self, state: &Value) -> Result<(), Fault> {
        self.sink.save(state).await
    }
}
