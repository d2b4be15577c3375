//! `xpost media-host`: the keys of the storage that `[media_host]` names; and what `run` and `doctor` do about it.

use std::io::{IsTerminal, Read};

use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::trouble::{Exit, Trouble};
use super::world::{World, block_on};
use crate::account::Secrets;
use crate::deliver::Engine;
use crate::host::{Checked, FIELDS, Keys, MediaHost};
use crate::net::Redactor;
use crate::store::SecretSource;

/// Keys of the storage that puts media where networks can fetch them
///
/// What it is stands in `[media_host]` of `config.toml` (docs/media-host.md); `xpost doctor` tries it.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Login(LoginArgs),
    Logout(LogoutArgs),
}

/// Keep the access key and the secret key of an S3 storage, in place of those that were
#[derive(Debug, clap::Args)]
#[command(after_help = "\
They go to the keyring, or to a private file with `secret = \"file\"` in `[media_host]`. Without a keyring, on a build machine:
XPOST_MEDIA_HOST_ACCESS_KEY and XPOST_MEDIA_HOST_SECRET_KEY.

Examples:
  xpost media-host login
  pass show storage.json | xpost media-host login --stdin")]
struct LoginArgs {
    /// Read them from standard input: JSON, or lines of `access_key=…` and `secret_key=…`
    #[arg(long)]
    stdin: bool,
}

/// Delete the kept keys
#[derive(Debug, clap::Args)]
struct LogoutArgs {}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    let settings = world.config()?.media_host.clone();
    let settings = settings.filter(|settings| settings.endpoint.is_some()).ok_or_else(|| {
        Trouble::usage("`config.toml` has no `[media_host]` with an `endpoint`, and only that needs keys")
            .next("xpost doctor")
    })?;
    let keys = Keys::new(&settings, world.home()?, world.redactor.clone()).map_err(Trouble::usage)?;
    if !matches!(keys.source(), SecretSource::Keyring | SecretSource::File) {
        return Err(Trouble::usage("`[media_host]` says that its keys come from elsewhere, so none are kept here"));
    }
    block_on(async {
        let kept = matches!(args.what, What::Login(_));
        match args.what {
            What::Login(args) => {
                let secrets = if args.stdin { piped()? } else { typed(world)? };
                keys.replace(&secrets).await?;
                world.out.note("the keys are kept; try them with `xpost doctor`");
            }
            What::Logout(_) => {
                keys.erase().await?;
                world.out.note("the keys are deleted here; end them at the storage too, if nobody else needs them");
            }
        }
        if world.out.json {
            world.out.document("media_host", json!({ "endpoint": settings.endpoint, "kept": kept }));
        }
        Ok(Exit::Done)
    })
}

fn whole(secrets: Secrets) -> Result<Secrets, Trouble> {
    match FIELDS.iter().find(|field| field.required && !secrets.contains_key(field.name)) {
        Some(missing) => Err(Trouble::usage(format!("there is no `{}`; nothing was changed", missing.name))),
        None => Ok(secrets),
    }
}

fn typed(world: &World) -> Result<Secrets, Trouble> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() || world.out.json {
        return Err(Trouble::usage("there is no terminal to ask at").next("xpost media-host login --stdin"));
    }
    let mut secrets = Secrets::new();
    for field in FIELDS.iter().filter(|field| field.required) {
        let prompt = dialoguer::Password::new().with_prompt(field.name);
        let value =
            prompt.interact().map_err(|error| Trouble::usage(format!("the terminal cannot be asked: {error}")))?;
        secrets.insert(field.name.into(), SecretString::from(value.trim()));
    }
    whole(secrets)
}

fn piped() -> Result<Secrets, Trouble> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(64 * 1024).read_to_string(&mut text);
    read.map_err(|error| Trouble::usage(format!("standard input cannot be read: {error}")))?;
    let text = text.trim();
    let known = |name: &str| FIELDS.iter().any(|field| field.name == name);
    let wrong = || {
        Trouble::usage(
            "standard input is neither JSON nor lines of `field=value` with the fields `access_key`, `secret_key`, `session_token`",
        )
    };
    let pairs: Vec<(String, String)> = if text.starts_with('{') {
        let object: Map<String, Value> = serde_json::from_str(text).map_err(|_| wrong())?;
        object.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_string()))).collect()
    } else {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let pairs = lines
            .map(|line| line.split_once('=').map(|(name, value)| (name.trim().to_string(), value.trim().to_string())));
        pairs.collect::<Option<_>>().ok_or_else(wrong)?
    };
    if pairs.iter().any(|(name, _)| !known(name)) {
        return Err(wrong());
    }
    whole(pairs.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.into())).collect())
}

/// The media host of the settings, if there is one.
///
/// # Errors
/// What is wrong with the settings.
pub fn of(world: &World) -> Result<Option<MediaHost>, Trouble> {
    let Some(settings) = &world.config()?.media_host else { return Ok(None) };
    let host = MediaHost::new(settings, world.home()?, Redactor::clone(&world.redactor));
    host.map(Some).map_err(|fault| Trouble::usage(fault.message).next("xpost doctor"))
}

/// Removes what networks need no more. What cannot be removed is a warning, not a failure of the run: no post depends on it.
pub async fn sweep(engine: &Engine, world: &World) {
    let Some(host) = engine.media_host() else { return };
    match host.sweep(engine.door(), engine.store()).await {
        Ok(0) => {}
        Ok(removed) => tracing::info!("{removed} files were removed from the media host"),
        Err(fault) => world.out.warn(&format!("{fault}; the next `xpost run` tries again")),
    }
}

/// What `doctor` says: text and whether all is well, or what is wrong and the next command. `None`: there is no media host.
pub async fn examine(world: &World, offline: bool) -> Option<Result<(String, bool), (String, Option<&'static str>)>> {
    let host = match of(world) {
        Ok(None) => return None,
        Ok(Some(host)) => host,
        // broken settings are told as such
        Err(_) if world.config().is_err() => return None,
        Err(trouble) => return Some(Err((trouble.message, None))),
    };
    let about = host.about();
    if offline {
        return Some(Ok((format!("{about}, not tried"), true)));
    }
    let door = match world.door() {
        Ok(door) => door,
        Err(trouble) => return Some(Err((trouble.message, None))),
    };
    Some(match host.check(&door).await {
        Ok(Checked::Public) => Ok((format!("{about}: a file was put there, fetched and removed"), true)),
        Ok(Checked::HereAlone) => {
            Ok((format!("{about}: it works, but only this machine can fetch what is put there"), false))
        }
        Err(fault) => Err((format!("{about}: {fault}"), None)),
    })
}
