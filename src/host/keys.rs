//! The keys of a storage, through the same chain as the secrets of accounts.

use std::sync::Arc;

use chrono::DateTime;
use rusty_s3::Credentials;
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::account::{Chain, HostSettings, SecretField, Secrets, Vault};
use crate::draft::sha256;
use crate::net::{Fault, Redactor};
use crate::store::{Account, Home, SecretSource};

/// What the media host is called where accounts have names: `XPOST_MEDIA_HOST_ACCESS_KEY` comes from it.
const NAME: &str = "media_host";

/// The secret fields; a session token goes with the temporary keys that clouds give to build machines.
pub const FIELDS: &[SecretField] = &[
    SecretField { name: "access_key", required: true },
    SecretField { name: "secret_key", required: true },
    SecretField { name: "session_token", required: false },
];

/// Where the keys of a storage are.
pub struct Keys {
    chain: Chain,
    account: Account,
    got: OnceCell<Arc<Credentials>>,
}

impl Keys {
    /// The keys that these settings speak of; they are read when they are first needed.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(settings: &HostSettings, home: &Home, redactor: Redactor) -> Result<Keys, String> {
        let secret = match (settings.secret.as_deref(), &settings.secret_command) {
            (None, Some(command)) if command.is_empty() => return Err("`secret_command` is empty".into()),
            (None, Some(command)) => SecretSource::Command { command: command.clone() },
            (Some(_), Some(_)) => return Err("only one of `secret` and `secret_command` can be used".into()),
            (None | Some("keyring"), None) => SecretSource::Keyring,
            (Some("file"), None) => SecretSource::File,
            (Some("env"), None) => SecretSource::Environment,
            (Some(other), None) => return Err(format!("`secret = \"{other}\"` is none of `keyring`, `file`, `env`")),
        };
        // another storage, or another home, has other keys
        let place = format!("{}\n{}", home.database().display(), settings.endpoint.as_deref().unwrap_or_default());
        let account = Account {
            id: 0,
            name: NAME.into(),
            platform: NAME.into(),
            server: String::new(),
            remote_id: String::new(),
            handle: String::new(),
            url: None,
            settings: Value::Null,
            secret,
            secret_key: format!("media-host-{}", &sha256(place.as_bytes())[..16]),
            login: Value::Null,
            about: Value::Null,
            about_at: None,
            checked_at: None,
            expires_at: None,
            created_at: DateTime::UNIX_EPOCH,
        };
        let chain = Chain::new(home, redactor, |_, _| FIELDS.to_vec());
        Ok(Keys { chain, account, got: OnceCell::new() })
    }

    /// Where they are kept.
    pub fn source(&self) -> &SecretSource {
        &self.account.secret
    }

    /// Keeps them, in place of those that were.
    ///
    /// # Errors
    /// The keyring or the file cannot be written, or the settings say that they come from elsewhere.
    pub async fn replace(&self, secrets: &Secrets) -> Result<(), Fault> {
        self.chain.replace(&self.account, secrets).await.map_err(named)
    }

    /// Deletes them.
    ///
    /// # Errors
    /// They are still there.
    pub async fn erase(&self) -> Result<(), Fault> {
        self.chain.erase(&self.account).await.map_err(named)
    }

    /// Reads them, once.
    ///
    /// # Errors
    /// There are none, or where they are cannot be read.
    pub(super) async fn get(&self) -> Result<Arc<Credentials>, Fault> {
        let read = async {
            let secrets = self.chain.load(&self.account).await.map_err(named)?;
            let field = |name: &str| secrets.get(name).map(|secret| secret.expose_secret().trim().to_string());
            let (key, secret) = (field("access_key").unwrap_or_default(), field("secret_key").unwrap_or_default());
            Ok(Arc::new(match field("session_token").filter(|token| !token.is_empty()) {
                Some(token) => Credentials::new_with_token(key, secret, token),
                None => Credentials::new(key, secret),
            }))
        };
        self.got.get_or_try_init(|| read).await.cloned()
    }
}

/// The chain speaks of accounts; this is none.
fn named(fault: Fault) -> Fault {
    let message = fault
        .message
        .replace(&format!("`xpost account login {NAME} --secret file`"), "`secret = \"file\"` in `[media_host]`")
        .replace(&format!("xpost account login {NAME}"), "xpost media-host login")
        .replace(&format!("account `{NAME}`"), "the media host");
    Fault { message, ..fault }
}
