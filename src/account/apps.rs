//! Apps of one's own at a network: `[apps.NAME]` of `config.toml`, and the environment over it.

use secrecy::SecretString;
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};

use super::{Config, backend, variable};
use crate::net::Fault;

/// An app of one's own; NAME is a platform or an account, and the account wins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AppSettings {
    /// What the network calls it; public.
    pub client_id: Option<String>,
    /// An https address that is registered with it.
    pub redirect: Option<String>,
    /// The program that prints its secret, and its arguments.
    pub client_secret_command: Vec<String>,
    /// There is no such key: it is here to say why.
    #[serde(deserialize_with = "refused")]
    client_secret: (),
}

fn refused<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    IgnoredAny::deserialize(deserializer)?;
    Err(D::Error::custom(
        "`client_secret` is a secret and does not belong in a file that is copied and shown; name the command that prints it \
         (`client_secret_command = [\"pass\", \"show\", \"app\"]`) or set `XPOST_APP_<NAME>_CLIENT_SECRET`",
    ))
}

/// What was found of one's own app.
#[derive(Debug, Clone, Default)]
pub struct OwnApp {
    pub client_id: Option<String>,
    pub client_secret: Option<SecretString>,
    pub redirect: Option<String>,
}

/// The variable of the environment that gives a field of an app: `XPOST_APP_<NAME>_<FIELD>`.
pub fn app_variable(name: &str, field: &str) -> String {
    variable(&format!("app_{name}"), field)
}

/// One's own app for this account: each field from the environment, by the account's name and then by the platform's; then the table
/// of the account, or else that of the platform. The command that prints the secret is run only if there is no other.
///
/// # Errors
/// The command gave no secret.
pub async fn own_app(
    config: &Config,
    account: &str,
    platform: &str,
    env: &(dyn Fn(&str) -> Option<String> + Sync),
) -> Result<OwnApp, Fault> {
    let given = |field: &str| [account, platform].iter().find_map(|name| env(&app_variable(name, field)));
    let named = |wanted: &str| config.apps.iter().find(|(name, _)| name.to_lowercase() == wanted.to_lowercase());
    let table = named(account).or_else(|| named(platform)).map(|(_, table)| table.clone()).unwrap_or_default();
    let client_secret = match given("client_secret") {
        Some(secret) => Some(SecretString::from(secret)),
        None if table.client_secret_command.is_empty() => None,
        None => {
            let command = table.client_secret_command;
            let run = move || backend::run_command(&command, &[FIELD], backend::COMMAND_LIMIT);
            let printed = tokio::task::spawn_blocking(run).await;
            printed.map_err(|_| Fault::local("the command that gives the app's secret broke off"))??.remove(FIELD)
        }
    };
    Ok(OwnApp {
        client_id: given("client_id").or(table.client_id),
        client_secret,
        redirect: given("redirect").or(table.redirect),
    })
}

const FIELD: &str = "client_secret";

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn config(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    #[tokio::test]
    async fn the_account_goes_before_the_platform_and_the_environment_before_both() {
        let config = config(
            "[apps.x]\nclient_id = 'of-x'\nredirect = 'https://x.example/back'\n[apps.Work]\nclient_id = 'of-work'\n",
        );
        let none = |_: &str| None;
        let app = own_app(&config, "home", "x", &none).await.unwrap();
        assert_eq!((app.client_id.as_deref(), app.redirect.as_deref()), (Some("of-x"), Some("https://x.example/back")));
        // a table is one app: nothing of another one is mixed in
        let app = own_app(&config, "work", "x", &none).await.unwrap();
        assert_eq!((app.client_id.as_deref(), app.redirect), (Some("of-work"), None));
        let env = |name: &str| match name {
            "XPOST_APP_X_CLIENT_ID" => Some("env-x".to_string()),
            "XPOST_APP_X_CLIENT_SECRET" => Some("env-x-secret".to_string()),
            "XPOST_APP_WORK_CLIENT_ID" => Some("env-work".to_string()),
            _ => None,
        };
        let app = own_app(&config, "work", "x", &env).await.unwrap();
        assert_eq!(app.client_id.as_deref(), Some("env-work"));
        assert_eq!(app.client_secret.unwrap().expose_secret(), "env-x-secret");
        assert!(own_app(&config, "home", "y", &none).await.unwrap().client_id.is_none());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_gives_the_secret_of_an_app() {
        let config = config("[apps.x]\nclient_id = 'a'\nclient_secret_command = ['echo', 'printed-secret']\n");
        let app = own_app(&config, "work", "x", &|_| None).await.unwrap();
        assert_eq!(app.client_secret.unwrap().expose_secret(), "printed-secret");
        let config = self::config("[apps.x]\nclient_secret_command = ['false']\n");
        let fault = own_app(&config, "work", "x", &|_| None).await.unwrap_err();
        assert!(fault.message.contains("the command `false` gave no secret"), "{fault}");
        // what the environment gives is not asked for again
        let env = |name: &str| (name == "XPOST_APP_X_CLIENT_SECRET").then(|| "given".to_string());
        assert!(own_app(&config, "work", "x", &env).await.is_ok());
    }
}
