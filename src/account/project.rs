//! `xpost.toml`: the accounts and groups that a repository carries, without their secrets.
//!
//! A project never changes an account of the user's own: its secret would go where the project says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};
use toml::Spanned;

use super::config::{CA_FILE, LimitOverrides, People};
use super::targets::valid_name;
use super::toml_file::{self, FileError};
use super::variable;
use crate::draft::did_you_mean;
use crate::store::{Account, Error, NewAccount, SecretSource, Store};

/// The name of the file.
const NAME: &str = "xpost.toml";

/// A project's file, read and checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Project {
    pub path: PathBuf,
    pub to: Vec<String>,
    pub zone: Option<String>,
    pub require_alt: Option<bool>,
    pub people: People,
    pub groups: BTreeMap<String, Vec<String>>,
    pub accounts: Vec<Declared>,
}

/// An account that the project declares.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    pub name: String,
    pub platform: String,
    /// As written; `None` where the platform's own is meant.
    pub server: Option<String>,
    pub secret: SecretSource,
    pub settings: Value,
}

/// What the reader must know of a platform: the fields that are not secret, those of them that name a directory, and the secret ones.
pub struct Known<'a> {
    pub settings: Vec<&'a str>,
    /// A relative one begins at the directory of the file: the file means the same wherever in the project one stands.
    pub directories: Vec<&'a str>,
    pub secrets: Vec<&'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    to: Vec<String>,
    zone: Option<String>,
    require_alt: Option<bool>,
    #[serde(default)]
    people: People,
    #[serde(default)]
    groups: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    accounts: BTreeMap<Spanned<String>, BTreeMap<Spanned<String>, Spanned<toml::Value>>>,
}

impl Project {
    /// The file of the nearest directory that has one, from `start` upwards.
    pub fn find(start: &Path) -> Option<PathBuf> {
        start.ancestors().map(|directory| directory.join(NAME)).find(|path| path.is_file())
    }

    /// Reads it. `known` tells what a platform's accounts may hold, `None` where there is no such platform; `platforms` are all
    /// names.
    ///
    /// # Errors
    /// The file is not what it should be; the message names the line and the nearest known key.
    pub fn read<'a>(
        path: &Path,
        platforms: &[&str],
        known: &dyn Fn(&str) -> Option<Known<'a>>,
    ) -> Result<Project, FileError> {
        let text = toml_file::read(path)?.ok_or_else(|| FileError::new(path, "it cannot be read: no such file"))?;
        let raw: Raw = toml_file::parse(path, &text)?;
        let mut accounts = Vec::new();
        for (name, fields) in raw.accounts {
            let at = |span, message: String| FileError::at(path, &text, Some(span), message);
            let span = name.span();
            let name = name.into_inner();
            valid_name(&name).map_err(|why| at(span.clone(), why))?;
            let text_of = |key: &str| -> Result<Option<String>, FileError> {
                match fields.iter().find(|(name, _)| name.get_ref() == key) {
                    None => Ok(None),
                    Some((_, value)) => match value.get_ref() {
                        toml::Value::String(text) => Ok(Some(text.clone())),
                        _ => Err(at(value.span(), format!("`{key}` of account `{name}` must be a text"))),
                    },
                }
            };
            let platform = text_of("platform")?
                .ok_or_else(|| at(span.clone(), format!("account `{name}` does not say its `platform`")))?;
            let Some(fits) = known(&platform) else {
                let hint = did_you_mean(&platform, platforms.iter().copied());
                return Err(at(span, format!("there is no platform `{platform}`{hint}")));
            };
            let server = text_of("server")?;
            let mut secret = SecretSource::Environment;
            let mut settings = Map::new();
            for (key, value) in &fields {
                let key_span = key.span();
                match key.get_ref().as_str() {
                    "platform" | "server" => {}
                    "secret" if !fits.settings.contains(&"secret") => {
                        secret = source(value.get_ref()).map_err(|why| at(value.span(), why))?;
                    }
                    key if fits.secrets.contains(&key) => {
                        return Err(at(
                            key_span,
                            format!(
                                "`{key}` is a secret and does not belong in a file that others read; set `{}`",
                                variable(&name, key)
                            ),
                        ));
                    }
                    key if fits.settings.contains(&key) || LimitOverrides::NAMES.contains(&key) || key == CA_FILE => {
                        let wrong = |error: String| at(value.span(), format!("`{key}`: {error}"));
                        let mut value = serde_json::to_value(value.get_ref()).map_err(|e| wrong(e.to_string()))?;
                        let is_path = fits.directories.contains(&key) || key == CA_FILE;
                        if let (true, Some(named)) = (is_path, value.as_str()) {
                            let base = path.parent().unwrap_or(Path::new(""));
                            let whole = std::path::absolute(base.join(named)).map_err(|e| wrong(e.to_string()))?;
                            value = Value::from(whole.to_string_lossy());
                        }
                        settings.insert(key.to_string(), value);
                    }
                    key => {
                        let all = ["platform", "server", "secret"].into_iter().chain(fits.settings.iter().copied());
                        let hint = did_you_mean(key, all);
                        return Err(at(key_span, format!("account `{name}`: unknown key `{key}`{hint}")));
                    }
                }
            }
            accounts.push(Declared { name, platform, server, secret, settings: Value::Object(settings) });
        }
        Ok(Project {
            path: path.to_path_buf(),
            to: raw.to,
            zone: raw.zone,
            require_alt: raw.require_alt,
            people: raw.people,
            groups: raw.groups,
            accounts,
        })
    }
}

/// A project file comes with whatever was checked out, so it may name where a secret is, but never a program to run.
fn source(value: &toml::Value) -> Result<SecretSource, String> {
    match value.as_str() {
        Some("environment" | "env") => Ok(SecretSource::Environment),
        Some("keyring") => Ok(SecretSource::Keyring),
        Some("file") => Ok(SecretSource::File),
        _ => Err("`secret` must be `environment`, `keyring` or `file`; a command is for accounts of your own: \
                  `xpost account add --secret command`"
            .to_string()),
    }
}

impl Declared {
    /// The account of this name in the store: added if it is not there, brought up to date if it came from a project before.
    /// `server` is the origin that is meant.
    ///
    /// # Errors
    /// The user has an account of the same name that is another one, or the store failed.
    pub async fn merge(&self, store: &Store, server: &str) -> Result<Account, Error> {
        let Some(mut own) = store.account(&self.name).await? else {
            let new = NewAccount {
                name: self.name.clone(),
                platform: self.platform.clone(),
                server: server.to_string(),
                settings: self.settings.clone(),
                secret: self.secret.clone(),
                secret_key: None,
                login: serde_json::Value::Null,
            };
            return match store.account_add(new).await {
                // another process may have been quicker
                Err(Error::Conflict(why)) => store.account(&self.name).await?.ok_or(Error::Conflict(why)),
                result => result,
            };
        };
        let differs = if own.platform != self.platform {
            Some("platform")
        } else if own.server != server {
            Some("server")
        } else {
            None
        };
        // only what the environment gives can have come from a project; all else the user set up
        let ours = own.secret != SecretSource::Environment;
        let setting = |(key, value): (&String, &Value)| (own.settings.get(key) != Some(value)).then(|| key.clone());
        let changed = self.settings.as_object().and_then(|settings| settings.iter().find_map(setting));
        let differs = differs.map(str::to_string).or_else(|| changed.clone().filter(|_| ours));
        if let Some(what) = differs {
            return Err(Error::Conflict(format!(
                "account `{}` of `xpost.toml` and your own account of that name differ in `{what}`; give one of them another name \
                 (`xpost account rename {} NEW`)",
                self.name, self.name
            )));
        }
        if !ours && (changed.is_some() || own.secret != self.secret) {
            own.settings = self.settings.clone();
            own.secret = self.secret.clone();
            store.account_update(own.clone()).await?;
        }
        Ok(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(platform: &str) -> Option<Known<'static>> {
        (platform == "telegram").then(|| Known {
            settings: vec!["chat", "silent"],
            directories: Vec::new(),
            secrets: vec!["token"],
        })
    }

    fn read(text: &str) -> Result<Project, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        std::fs::write(&path, text).unwrap();
        Project::read(&path, &["telegram", "feed"], &known)
            .map_err(|error| error.to_string().replace(&path.display().to_string(), NAME))
    }

    #[test]
    fn accounts_and_groups_are_read() {
        let project = read(
            "to = ['@release']\n[groups]\nrelease = ['news', 'feed']\n[accounts.news]\nplatform = 'telegram'\nchat = '@news'\n\
             max_text = 100\n[accounts.ops]\nplatform = 'telegram'\nsecret = 'keyring'\n",
        )
        .unwrap();
        assert_eq!(project.to, ["@release"]);
        assert_eq!(project.groups["release"], ["news", "feed"]);
        assert_eq!(project.accounts[0].settings, serde_json::json!({ "chat": "@news", "max_text": 100 }));
        assert_eq!(project.accounts[0].secret, SecretSource::Environment);
        assert_eq!(project.accounts[1].secret, SecretSource::Keyring);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, says) in [
            (
                "[accounts.x]\nplatform = 'telegram'\nsecret = { command = ['rm'] }\n",
                "xpost.toml:3: `secret` must be `environment`, `keyring` or `file`; a command is for accounts of your own: `xpost account \
                 add --secret command`",
            ),
            ("[acounts.x]\n", "xpost.toml:1: unknown key `acounts`; did you mean `accounts`?"),
            ("[accounts.x]\nchat = 'a'\n", "xpost.toml:1: account `x` does not say its `platform`"),
            (
                "[accounts.x]\nplatform = 'telegrm'\n",
                "xpost.toml:1: there is no platform `telegrm`; did you mean `telegram`?",
            ),
            (
                "[accounts.x]\nplatform = 'telegram'\nchta = 'a'\n",
                "xpost.toml:3: account `x`: unknown key `chta`; did you mean `chat`?",
            ),
            (
                "[accounts.x]\nplatform = 'telegram'\ntoken = 'canary'\n",
                "xpost.toml:3: `token` is a secret and does not belong in a file that others read; set `XPOST_X_TOKEN`",
            ),
            (
                "[accounts.all]\nplatform = 'telegram'\n",
                "xpost.toml:1: an account cannot be called `all`: the word means every account",
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), says);
        }
        assert!(
            read("[accounts.x]\nplatform = 'telegram'\nsecret = 'vault'\n")
                .unwrap_err()
                .starts_with("xpost.toml:3: `secret` must be")
        );
    }

    #[test]
    fn the_nearest_file_upwards_counts() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(dir.path().join(NAME), "").unwrap();
        assert_eq!(Project::find(&deep), Some(dir.path().join(NAME)));
        std::fs::write(dir.path().join("a").join(NAME), "").unwrap();
        assert_eq!(Project::find(&deep), Some(dir.path().join("a").join(NAME)));
    }

    #[tokio::test]
    async fn a_project_never_redirects_an_account_of_the_users_own() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("x.db")).unwrap();
        let declared = |chat: &str, secret| Declared {
            name: "news".into(),
            platform: "telegram".into(),
            server: None,
            secret,
            settings: serde_json::json!({ "chat": chat }),
        };
        let first = declared("@a", SecretSource::Environment).merge(&store, "https://one.example").await.unwrap();
        let second = declared("@b", SecretSource::Environment).merge(&store, "https://one.example").await.unwrap();
        assert_eq!((first.id, second.settings["chat"].as_str()), (second.id, Some("@b")));
        let error = declared("@b", SecretSource::Environment).merge(&store, "https://evil.example").await.unwrap_err();
        assert!(error.to_string().contains("differ in `server`"), "{error}");
        let mut own = second;
        for secret in
            [SecretSource::Keyring, SecretSource::None, SecretSource::Command { command: vec!["pass".into()] }]
        {
            own.secret = secret.clone();
            store.account_update(own.clone()).await.unwrap();
            let error =
                declared("@c", SecretSource::Environment).merge(&store, "https://one.example").await.unwrap_err();
            assert!(error.to_string().contains("differ in `chat`"), "{error}");
            let same = declared("@b", SecretSource::Environment).merge(&store, "https://one.example").await.unwrap();
            assert_eq!(same.secret, secret);
        }
    }

    #[test]
    fn a_directory_begins_at_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        let known = |platform: &str| {
            (platform == "feed").then(|| Known {
                settings: vec!["directory", "title"],
                directories: vec!["directory"],
                secrets: Vec::new(),
            })
        };
        let elsewhere = dir.path().join("elsewhere");
        for (written, meant) in
            [("site/out".to_string(), dir.path().join("site/out")), (elsewhere.display().to_string(), elsewhere)]
        {
            let text = format!("[accounts.site]\nplatform = 'feed'\ntitle = 'site'\ndirectory = '{written}'\n");
            std::fs::write(&path, text).unwrap();
            let project = Project::read(&path, &["feed"], &known).unwrap();
            assert_eq!(Path::new(project.accounts[0].settings["directory"].as_str().unwrap()), meant);
            assert_eq!(project.accounts[0].settings["title"], "site");
        }
    }
}
