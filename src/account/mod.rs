//! Accounts and their secrets: the environment, the OS keyring, a command, a private file; and which accounts a word means.
//!
//! | file | what |
//! |---|---|
//! | [`Chain`] | the secret chain: [`Vault`] over environment, keyring, command and file |
//! | [`AppSettings`] | apps of one's own at a network |
//! | [`Rotation`] | the commands that are handed a renewed login |
//! | [`Config`] | `config.toml`: the user's own settings |
//! | [`Project`] | `xpost.toml`: accounts and groups that a repository carries, without secrets |
//! | [`Book`] | which accounts `--to` means |

mod apps;
mod backend;
mod chain;
mod config;
mod keyring;
mod project;
mod rotate;
mod targets;
mod toml_file;

use std::collections::BTreeMap;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::net::Fault;
use crate::store::Account;

pub use apps::{AppSettings, OwnApp, app_variable, own_app};
pub use backend::{pack, unpack};
pub use chain::{Chain, FieldsOf, Given, SecretField, missing, variable};
pub use config::{AccountConfig, CA_FILE, Config, LimitOverrides, People, limits_of};

pub use project::{Declared, Known, Project};
pub use rotate::{Notice, Notices, Rotation};
pub use targets::{Book, LOGIN_OF, LOGIN_ONLY, Target, valid_name};
pub use toml_file::FileError;

/// Secret fields by name: `token`, `password`, and the sessions that a network keeps.
pub type Secrets = BTreeMap<String, SecretString>;

/// What a [`Vault`] has set aside; it gives it back when it is dropped.
pub type Room = Box<dyn std::any::Any + Send + Sync>;

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

    /// Makes sure that [`Vault::keep`] will succeed, before a refresh token is spent that can be used only once. What it gives is to
    /// be held until then: it may be room on a disk.
    ///
    /// # Errors
    /// A `local` fault: what the network would give could not be kept.
    async fn ready(&self, account: &Account) -> Result<Room, Fault> {
        let _ = account;
        Ok(Box::new(()))
    }
}
