//! `config.toml`: what a user wants by default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::apps::AppSettings;
use super::toml_file::{self, FileError};
use crate::draft::Links;
use crate::media;

/// `@{name}` by platform or account name.
pub type People = BTreeMap<String, BTreeMap<String, String>>;

/// The user's settings; everything is optional.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Default targets, as `--to` takes them.
    pub to: Vec<String>,
    /// IANA name of the zone in which drafts' times are meant.
    pub zone: Option<String>,
    /// Missing alt text is an error.
    pub require_alt: Option<bool>,
    /// Pictures keep what says when, where and with what they were taken.
    pub keep_metadata: Option<bool>,
    /// Films that a network does not take as they are may be made anew by the `ffmpeg` on the PATH.
    pub ffmpeg: Option<bool>,
    /// How long `publish` and `run` wait for a network that asks to come back later, in seconds.
    pub wait: Option<u64>,
    /// `[people.NAME]`: handles by platform or account.
    pub people: People,
    /// `[limits.PLATFORM]`.
    pub limits: BTreeMap<String, LimitOverrides>,
    /// `[apps.NAME]`: one's own app at a network, by platform or account.
    pub apps: BTreeMap<String, AppSettings>,
    /// `[links]`: what is added to the addresses of one's own pages, for drafts that do not say otherwise.
    pub links: Links,
    /// `[accounts.NAME]`.
    pub accounts: BTreeMap<String, AccountConfig>,
    /// `[media_host]`: where media are put for networks that take nothing but a public URL.
    pub media_host: Option<HostSettings>,
}

/// `[media_host]`, as it is written; [`crate::host::MediaHost::new`] says what is wrong with it. Never holds a secret.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostSettings {
    /// S3: `https://s3.eu-central-1.amazonaws.com`, and what is there.
    pub endpoint: Option<String>,
    pub bucket: Option<String>,
    /// Default `us-east-1`, which is what many others than AWS want.
    pub region: Option<String>,
    /// `ENDPOINT/BUCKET/NAME` instead of `BUCKET.ENDPOINT/NAME`.
    pub path_style: Option<bool>,
    /// Before each name: `xpost/`.
    pub prefix: Option<String>,
    /// Where the bucket can be read by anybody; without it, addresses are signed.
    pub public_url: Option<String>,
    /// Where the two keys are: `keyring` (the default), `file` or `env`.
    pub secret: Option<String>,
    /// Or a program that prints them as JSON.
    pub secret_command: Option<Vec<String>>,
    /// A program that puts `{file}` somewhere and prints its URL; and one that removes `{name}` or `{url}`.
    pub command: Option<Vec<String>>,
    pub remove_command: Option<Vec<String>>,
    /// A directory of this machine, and where the world sees it.
    pub directory: Option<PathBuf>,
    pub url_prefix: Option<String>,
    /// How long media stay if a network does not say that it has fetched them: `24h`.
    pub keep: Option<String>,
}

/// What this machine knows of one account beside the account itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountConfig {
    /// Program and arguments; a login that was renewed goes to its standard input.
    pub rotate_command: Option<Vec<String>>,
    /// A PEM file whose certificates are trusted instead of the system's; a relative one begins at the directory of `config.toml`.
    pub ca_file: Option<PathBuf>,
}

/// The setting of an account, on every network, that names its [`AccountConfig::ca_file`].
pub const CA_FILE: &str = "ca_file";

/// Numbers that replace a network's published ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitOverrides {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_text: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_media: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_alt: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_image_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_video_bytes: Option<u64>,
    /// Pictures of a shape that is not taken get white bars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pad_images: Option<bool>,
}

impl LimitOverrides {
    /// The names of all of them; an account's settings may hold them too.
    pub const NAMES: &'static [&'static str] =
        &["max_text", "max_media", "max_alt", "max_image_bytes", "max_video_bytes", "pad_images"];
}

impl Config {
    /// Reads the file; without one everything is unset.
    ///
    /// # Errors
    /// The file is not what it should be; the message names the line and the nearest known key.
    pub fn read(path: &Path) -> Result<Config, FileError> {
        let Some(text) = toml_file::read(path)? else { return Ok(Config::default()) };
        let mut config: Config = toml_file::parse(path, &text)?;
        for (name, account) in &mut config.accounts {
            if account.rotate_command.as_ref().is_some_and(Vec::is_empty) {
                return Err(FileError::new(path, format!("`accounts.{name}`: `rotate_command` is empty")));
            }
            if let Some(file) = &mut account.ca_file {
                let base = path.parent().unwrap_or(Path::new(""));
                *file = std::path::absolute(base.join(&*file))
                    .map_err(|error| FileError::new(path, format!("`accounts.{name}`: `ca_file`: {error}")))?;
            }
        }
        Ok(config)
    }
}

/// The settings of an account with the configured limits of its platform under them: the account's own win.
pub fn limits_of(settings: &Value, config: &Config, platform: &str) -> Value {
    let mut all = match config.limits.get(platform).map(serde_json::to_value) {
        Some(Ok(Value::Object(limits))) => limits,
        _ => Map::new(),
    };
    if config.ffmpeg == Some(true) {
        all.insert("ffmpeg".into(), media::ffmpeg().is_some().into());
    }
    if let Value::Object(own) = settings {
        all.extend(own.clone());
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, FileError> {
        toml_file::parse(Path::new("config.toml"), text)
    }

    #[test]
    fn settings_are_read_and_mistakes_named() {
        let config = read(
            "to = ['work', '@friends']\nzone = 'Europe/Vienna'\nrequire_alt = true\nwait = 60\n\
             [people.ann]\nmastodon = '@ann@example.org'\n[limits.mastodon]\nmax_text = 5000\n",
        )
        .unwrap();
        assert_eq!(config.to, ["work", "@friends"]);
        assert_eq!(config.people["ann"]["mastodon"], "@ann@example.org");
        assert_eq!(limits_of(&Value::Null, &config, "mastodon"), serde_json::json!({ "max_text": 5000 }));
        let own = serde_json::json!({ "max_text": 9, "chat": "@x" });
        assert_eq!(limits_of(&own, &config, "mastodon"), own);
        assert_eq!(limits_of(&own, &config, "bluesky"), own);
        for (text, says) in [
            (
                "zone = 'UTC'\nrequire-alt = true\n",
                "config.toml:2: unknown key `require-alt`; did you mean `require_alt`?",
            ),
            ("[limits.x]\nmax_txt = 3\n", "config.toml:2: unknown key `max_txt`; did you mean `max_text`?"),
            (
                "[apps.x]\nclient_secret = 'canary'\n",
                "config.toml:2: `client_secret` is a secret and does not belong in a file that is copied and shown; name the \
                 command that prints it (`client_secret_command = [\"pass\", \"show\", \"app\"]`) or set \
                 `XPOST_APP_<NAME>_CLIENT_SECRET`",
            ),
            (
                "wait = 3\n[links]\nutm_source = '{{ platfrm }}'\n",
                "config.toml:2: `links.utm_source`: `platfrm` is not defined; there are `platform`, `account`, `date`; did you \
                 mean `platform`?",
            ),
            ("wait = 'long'\n", "config.toml:1: invalid type: string \"long\", expected u64"),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), says);
        }
        let known = read("colour = 1\n").unwrap_err().to_string();
        assert!(
            known.ends_with("known are `to`, `zone`, `require_alt`, `keep_metadata`, `ffmpeg`, `wait`, `people`, `limits`, `apps`, `links`, `accounts`, `media_host`"),
            "{known}"
        );
    }

    #[test]
    fn what_this_machine_knows_of_an_account() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, "[accounts.work]\nrotate_command = ['put', 'it']\nca_file = 'own.pem'\n").unwrap();
        let config = Config::read(&path).unwrap();
        assert_eq!(config.accounts["work"].rotate_command.as_deref(), Some(&["put".to_string(), "it".into()][..]));
        assert_eq!(config.accounts["work"].ca_file, Some(std::path::absolute(dir.path().join("own.pem")).unwrap()));
        for (text, says) in [
            ("[accounts.work]\nrotate_command = []\n", "`accounts.work`: `rotate_command` is empty"),
            ("[accounts.work]\nrotate_comand = ['x']\n", "unknown key `rotate_comand`; did you mean `rotate_command`?"),
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(Config::read(&path).unwrap_err().to_string().contains(says));
        }
    }

    #[test]
    fn no_file_is_no_settings() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Config::read(&dir.path().join("none.toml")).unwrap(), Config::default());
        let error = Config::read(dir.path()).unwrap_err();
        assert!(error.message.contains("directory"), "{error}");
    }
}
