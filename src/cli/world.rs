//! What verbs work with, each part opened when it is first needed: `check` opens no store, `--version` opens nothing.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::input::words;
use super::out::{Out, one_line};
use super::trouble::Trouble;
use crate::account::{Book, Chain, Config, Declared, Known, Notice, Project, Rotation, SecretField};
use crate::draft::did_you_mean;
use crate::net::{Door, DoorOptions, Redactor};
use crate::platform::{self, Field, FieldKind, Platform, Server, Spec};
use crate::store::{Account, Home, SecretSource, Store};

/// The setting that holds the default targets.
pub const DEFAULTS: &str = "default_to";

/// One run of the program.
pub struct World {
    pub out: Out,
    pub redactor: Redactor,
    /// Everything goes to this server; and the environment gives no secrets.
    mirror: Option<Url>,
    home: OnceCell<Home>,
    config: OnceCell<Config>,
    project: OnceCell<Option<Project>>,
    store: OnceCell<Arc<Store>>,
    /// What [`World::store_if_any`] came to.
    any: OnceCell<Option<Arc<Store>>>,
}

impl World {
    pub fn new(out: Out, redactor: Redactor) -> World {
        World {
            out,
            redactor,
            mirror: None,
            home: OnceCell::new(),
            config: OnceCell::new(),
            project: OnceCell::new(),
            store: OnceCell::new(),
            any: OnceCell::new(),
        }
    }

    /// The same terminal with another home, these settings and a door that leads to this machine alone: no project, no secret of the
    /// environment.
    pub fn elsewhere(&self, home: Home, config: Config, mirror: Url) -> World {
        let world = World::new(self.out.clone(), self.redactor.clone());
        drop(world.home.set(home));
        drop(world.config.set(config));
        drop(world.project.set(None));
        World { mirror: Some(mirror), ..world }
    }

    pub fn home(&self) -> Result<&Home, Trouble> {
        once(&self.home, || Ok(Home::find()?))
    }

    /// The user's settings.
    pub fn config(&self) -> Result<&Config, Trouble> {
        once(&self.config, || {
            let path = self.home()?.config_file();
            let config = Config::read(&path)?;
            for name in config.limits.keys() {
                if platform::by_name(name).is_none() {
                    let hint = did_you_mean(name, platform_names());
                    return Err(Trouble::usage(format!(
                        "{}: `limits.{name}`: there is no platform `{name}`{hint}",
                        path.display()
                    )));
                }
            }
            Ok(config)
        })
    }

    /// The `xpost.toml` of the directory that one works in, or of one above it.
    pub fn project(&self) -> Result<Option<&Project>, Trouble> {
        let project = once(&self.project, || {
            let here = std::env::current_dir().ok();
            let Some(path) = here.as_deref().and_then(Project::find) else { return Ok(None) };
            Ok(Some(Project::read(&path, &platform_names(), &known)?))
        })?;
        Ok(project.as_ref())
    }

    pub fn store(&self) -> Result<Arc<Store>, Trouble> {
        once(&self.store, || Ok(Arc::new(Store::open(&self.home()?.database())?))).cloned()
    }

    /// The store if there is one yet; for verbs that must work without. A broken one is said, and done without.
    pub fn store_if_any(&self) -> Option<Arc<Store>> {
        let open = || {
            let path = self.home().ok()?.database();
            if !path.exists() {
                return None;
            }
            self.store()
                .map_err(|trouble| self.out.warn(&format!("{}; going on without accounts", trouble.message)))
                .ok()
        };
        self.any.get_or_init(open).clone()
    }

    pub fn chain(&self) -> Result<Chain, Trouble> {
        let configured = self.config()?.accounts.iter();
        let rotation = Rotation {
            everywhere: self.rotate_command()?,
            of_account: configured
                .filter_map(|(name, account)| Some((name.clone(), account.rotate_command.clone()?)))
                .collect(),
        };
        let out = self.out.clone();
        let notices = Arc::new(move |notice: Notice<'_>| match notice {
            Notice::Warning(text) => out.warn(text),
            Notice::Output(line) => out.say(&one_line(line)),
        });
        let chain = Chain::new(self.home()?, self.redactor.clone(), secret_fields).with_rotation(rotation, notices);
        Ok(if self.mirror.is_some() { chain.with_env(Arc::new(|_| None)) } else { chain })
    }

    /// `XPOST_ROTATE_COMMAND`, cut into words as a shell would.
    fn rotate_command(&self) -> Result<Option<Vec<String>>, Trouble> {
        let named = std::env::var("XPOST_ROTATE_COMMAND").ok().filter(|text| !text.trim().is_empty());
        let Some(text) = named.filter(|_| self.mirror.is_none()) else { return Ok(None) };
        words(&text).map(Some).map_err(|why| Trouble::usage(format!("`XPOST_ROTATE_COMMAND`: {why}")))
    }

    /// The door to the network. `XPOST_MIRROR` sends everything to a loopback server (`xpost mock`), `XPOST_RECORD` writes every
    /// exchange to a directory, secrets replaced.
    pub fn door(&self) -> Result<Arc<Door>, Trouble> {
        let named = || match std::env::var("XPOST_MIRROR").ok().filter(|text| !text.is_empty()) {
            Some(text) => Url::parse(&text)
                .map(Some)
                .map_err(|error| Trouble::usage(format!("`XPOST_MIRROR` is `{text}`, which is not a URL: {error}"))),
            None => Ok(None),
        };
        let mirror = self.mirror.clone().map_or_else(named, |mirror| Ok(Some(mirror)))?;
        let record = std::env::var_os("XPOST_RECORD").filter(|path| !path.is_empty()).map(PathBuf::from);
        let options = DoorOptions { mirror, record, timeout: None };
        Door::new(options, self.redactor.clone()).map(Arc::new).map_err(|fault| Trouble::usage(fault.message))
    }

    /// All targets that there are: accounts of the store, and those that the project declares. With `bare`, nothing is written and a
    /// platform without accounts stands for itself; else declared accounts become accounts of the store.
    pub async fn book(&self, bare: bool) -> Result<Book, Trouble> {
        let platforms = platform_names();
        let mut book = Book { platforms, bare, ..Book::default() };
        let store = if bare { self.store_if_any() } else { Some(self.store()?) };
        let project = self.project()?;
        if let (Some(project), Some(store), false) = (project, &store, bare) {
            for declared in &project.accounts {
                let server = server_of_declared(declared).map_err(|why| project_trouble(project, declared, &why))?;
                declared.merge(store, &server).await?;
            }
        }
        if let Some(store) = &store {
            book.accounts = store.accounts().await?;
            book.groups = store.groups().await?.into_iter().collect();
        }
        if let Some(project) = project {
            if bare {
                for declared in &project.accounts {
                    let server =
                        server_of_declared(declared).map_err(|why| project_trouble(project, declared, &why))?;
                    if !book.accounts.iter().any(|account| account.name.eq_ignore_ascii_case(&declared.name)) {
                        book.accounts.push(unsaved(declared, server));
                    }
                }
            }
            book.groups.extend(project.groups.clone());
        }
        Ok(book)
    }

    /// The default targets: the project's, else those of `xpost account default`, else those of `config.toml`.
    pub async fn defaults(&self) -> Result<Vec<String>, Trouble> {
        if let Some(project) = self.project()?.filter(|project| !project.to.is_empty()) {
            return Ok(project.to.clone());
        }
        if self.home()?.database().exists()
            && let Some(store) = self.store_if_any()
            && let Ok(words) = serde_json::from_value::<Vec<String>>(store.setting(DEFAULTS).await?)
            && !words.is_empty()
        {
            return Ok(words);
        }
        Ok(self.config()?.to.clone())
    }

    /// The account of this name.
    ///
    /// # Errors
    /// There is none; the message names the nearest.
    pub async fn account(&self, name: &str) -> Result<Account, Trouble> {
        let book = self.book(false).await?;
        let found = book.accounts.iter().find(|account| account.name.to_lowercase() == name.to_lowercase());
        found.cloned().ok_or_else(|| {
            let hint = did_you_mean(name, book.accounts.iter().map(|account| account.name.as_str()));
            Trouble::usage(format!("there is no account `{name}`{hint}")).next("xpost account list")
        })
    }
}

/// An account of a project file before it was ever used.
fn unsaved(declared: &Declared, server: String) -> Account {
    Account {
        id: 0,
        name: declared.name.clone(),
        platform: declared.platform.clone(),
        server,
        remote_id: String::new(),
        handle: String::new(),
        url: None,
        settings: declared.settings.clone(),
        secret: declared.secret.clone(),
        secret_key: String::new(),
        login: serde_json::Value::Null,
        about: serde_json::Value::Null,
        about_at: None,
        checked_at: None,
        expires_at: None,
        created_at: chrono::DateTime::UNIX_EPOCH,
    }
}

fn project_trouble(project: &Project, declared: &Declared, why: &str) -> Trouble {
    Trouble::usage(format!("{}: account `{}`: {why}", project.path.display(), declared.name))
}

fn once<T>(cell: &OnceCell<T>, make: impl FnOnce() -> Result<T, Trouble>) -> Result<&T, Trouble> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}

pub fn platform_names() -> Vec<&'static str> {
    platform::known().map(|platform| platform.spec().name).collect()
}

/// The platform of this name.
///
/// # Errors
/// There is none; the message names the nearest.
pub fn platform_of(name: &str) -> Result<&'static dyn Platform, Trouble> {
    platform::by_name(&name.to_lowercase()).ok_or_else(|| {
        let hint = did_you_mean(name, platform_names());
        Trouble::usage(format!("there is no platform `{name}`{hint}")).next("xpost platforms")
    })
}

/// The network's own name; the one it is given where it is unknown.
pub fn title_of(platform: &str) -> &str {
    platform::by_name(platform).map_or(platform, |platform| platform.spec().title)
}

/// The secret fields of a platform, for the secret chain.
///
/// An account that logged in by a ceremony needs what that way keeps; of the fields that are typed in, none.
pub fn secret_fields(platform: &str, way: &str) -> Vec<SecretField> {
    let Some(platform) = platform::by_name(platform) else { return Vec::new() };
    let way = platform.logins().iter().find(|login| login.name == way && !login.keeps.is_empty());
    let secret = |field: &&Field| field.kind == FieldKind::Secret;
    let typed = platform.spec().fields.iter().filter(secret);
    let Some(way) = way else {
        return typed.map(|field| SecretField { name: field.name, required: field.required }).collect();
    };
    let kept = way.keeps.iter().map(|name| SecretField { name, required: true });
    let others = typed.filter(|field| !way.keeps.contains(&field.name));
    let others = others.map(|field| SecretField { name: field.name, required: false });
    kept.chain(others.filter(|_| !way.attended())).collect()
}

fn known(platform: &str) -> Option<Known<'static>> {
    let spec = platform::by_name(platform)?.spec();
    let names = |which: fn(FieldKind) -> bool| {
        spec.fields.iter().filter(|field| which(field.kind)).map(|field| field.name).collect()
    };
    Some(Known {
        settings: names(|kind| kind != FieldKind::Secret),
        directories: names(|kind| kind == FieldKind::Directory),
        secrets: names(|kind| kind == FieldKind::Secret),
    })
}

fn server_of_declared(declared: &Declared) -> Result<String, String> {
    let spec = platform::by_name(&declared.platform).ok_or("there is no such platform")?.spec();
    server_of(spec, declared.server.as_deref())
}

/// The origin that is meant: what was typed, made whole, or the platform's own.
///
/// # Errors
/// A server is needed, or what was typed is none.
pub fn server_of(spec: &Spec, typed: Option<&str>) -> Result<String, String> {
    let typed = typed.map(str::trim).filter(|typed| !typed.is_empty());
    match (spec.server, typed) {
        (Server::Local, None) => Ok(String::new()),
        (Server::Fixed(origin) | Server::Default(origin), None) => Ok(origin.to_string()),
        (Server::Own(example), None) => Err(format!("{} needs a server, such as `--server {example}`", spec.title)),
        (Server::Local, Some(_)) => Err(format!("{} has no server: it works on this machine", spec.title)),
        (Server::Fixed(origin), Some(typed)) if origin_of(typed).as_deref() != Ok(origin) => {
            Err(format!("{} is at `{origin}` alone; leave `server` out", spec.title))
        }
        (_, Some(typed)) => origin_of(typed),
    }
}

/// `example.org`, `https://example.org/@ann` and `@ann@example.org` are all `https://example.org`.
fn origin_of(typed: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("`{typed}` is not a server: {why}"));
    let host = match typed.trim_start_matches('@').split_once('@') {
        Some((_, host)) if !typed.contains("://") => host,
        _ => typed,
    };
    let text = if host.contains("://") { host.to_string() } else { format!("https://{host}") };
    let Ok(url) = Url::parse(&text) else { return wrong("write it as `https://example.org`") };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a server's address holds no password; leave out what stands before the `@`".into());
    }
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => return wrong("it names no host"),
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => return wrong("a password would travel in the open; write `https://`"),
        _ => return wrong("write it as `https://example.org`"),
    }
    Ok(url.origin().ascii_serialization())
}

/// One word for where an account's secret is.
pub fn source_word(secret: &SecretSource) -> &'static str {
    match secret {
        SecretSource::Keyring => "keyring",
        SecretSource::Command { .. } => "command",
        SecretSource::File => "file",
        SecretSource::Environment => "environment",
        SecretSource::None => "none",
    }
}

/// Runs a verb that waits, on this thread alone.
///
/// # Errors
/// What the verb says, or the runtime could not be made.
pub fn block_on<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    drive(tokio::runtime::Builder::new_current_thread(), work)
}

/// Runs a verb that talks to several networks at once, on a few threads.
///
/// # Errors
/// What the verb says, or the runtime could not be made.
pub fn block_on_many<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).max_blocking_threads(16);
    drive(builder, work)
}

fn drive<T>(
    mut builder: tokio::runtime::Builder,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| Trouble::local(format!("the asynchronous runtime could not be started: {error}")))?;
    let result = runtime.block_on(work);
    // a look-up that hangs must not hold up the end
    runtime.shutdown_timeout(Duration::from_millis(50));
    result
}

#[cfg(test)]
mod tests {
    use super::origin_of;

    #[test]
    fn a_server_is_an_origin_however_it_was_typed() {
        for typed in
            ["example.org", "https://Example.org/", "https://example.org/@ann", "@ann@example.org", "ann@example.org"]
        {
            assert_eq!(origin_of(typed).as_deref(), Ok("https://example.org"), "{typed}");
        }
        assert_eq!(origin_of("http://localhost:8301/x").as_deref(), Ok("http://localhost:8301"));
        for typed in ["http://example.org", "ftp://example.org", "https://", "exa mple", "https://u:p@example.org"] {
            let why = origin_of(typed).unwrap_err();
            assert!(!why.contains("u:p"), "{why}");
        }
    }
}
