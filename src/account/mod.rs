//! Accounts and their secrets: the environment, the OS keyring, a command, a private file.

use std::collections::BTreeMap;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::net::Fault;
use crate::store::Account;

/// Secret fields by name: `token`, `password`, and the sessions that a network keeps.
pub type Secrets = BTreeMap<String, SecretString>;

/// Where the secrets of accounts come from and go to.
#[async_trait]
pub trait Vault: Send + Sync {
    /// All secret fields of an account.
    ///
    /// # Errors
    /// An `auth` fault where there is no secret, a `local` one where its store cannot be read.
    async fn load(&self, account: &Account) -> Result<Secrets, Fault>;

    /// Adds or replaces fields.
    ///
    /// # Errors
    /// A `local` fault: nothing was changed.
    async fn keep(&self, account: &Account, renewed: &Secrets) -> Result<(), Fault>;
}
