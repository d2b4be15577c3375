//! Where media get a public URL, for networks that take nothing else.
//!
//! | file | what |
//! |---|---|
//! | `s3` | storage that speaks S3: signed by us, sent through the door |
//! | `command`, `directory` | a program that prints the URL; a directory that a web server shows |
//! | `check` | put, fetch, compare, remove: for `xpost doctor` |
//!
//! Every file has an unguessable name. What is put there stands in the store first, and is removed when every part that needs it said
//! that its network has fetched it, when no such part can be posted any more, or when its time is over; `xpost run` removes what a
//! run left behind. A fault of a media host never has an effect on a network, and never means the network's own login.

mod check;
mod command;
mod directory;
mod keys;
mod s3;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::account::HostSettings;
use crate::draft::{sha256, when::duration};
use crate::media::Media;
use crate::net::{Door, Effect, Fault, Kind, Redactor};
use crate::store::{self, Home, HostedRow, Store};

pub use check::Checked;
pub use keys::{FIELDS, Keys};

/// The code of the fault that says that there is no media host.
pub const NO_HOST: &str = "no_media_host";

/// How long media stay where the settings say nothing.
const KEEP: Duration = Duration::hours(24);
const LEAST_KEEP: Duration = Duration::minutes(10);
/// A signed address can hold no longer (AWS Signature Version 4, read 2026-11-22).
const MOST_SIGNED: Duration = Duration::days(7);
/// How many files one run removes at the most.
const SWEEP: usize = 200;

/// A medium at its public address.
#[derive(Debug, Clone)]
pub struct Hosted {
    /// May be signed: whoever has it can read the file. For the network alone, never for a log, a message or the journal.
    pub url: SecretString,
    /// It is gone after this.
    pub until: DateTime<Utc>,
}

/// Said where a media host is needed and there is none.
pub const NONE: &str =
    "there is no media host; add `[media_host]` to `config.toml` (docs/media-host.md), then run `xpost doctor`";

/// There is no media host; says what to do.
pub fn none() -> Fault {
    Fault::local(NONE).code(NO_HOST)
}

/// What goes wrong with the media host, after why the network (its title) needs one.
pub fn needed(title: &str, trouble: &str) -> String {
    format!("{title} fetches media from a public address: {trouble}")
}

/// A media host.
pub struct MediaHost {
    way: Way,
    /// A hash of the settings: rows of another one are none of ours.
    id: String,
    keep: Duration,
    redactor: Redactor,
    /// One file goes out once, however many accounts want it at the same time.
    busy: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Addresses with a query (a program may print signed ones), which must not get into the store: known to this process alone.
    whole: Mutex<HashMap<i64, SecretString>>,
}

enum Way {
    S3(Box<s3::S3>),
    Command(command::Command),
    Directory(directory::Directory),
}

/// A file that was just put there.
struct Placed {
    /// `None`: it is signed anew each time.
    url: Option<Url>,
    /// The host's time.
    at: DateTime<Utc>,
}

impl MediaHost {
    /// The media host of these settings. Nothing is asked yet, not even for the keys.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(settings: &HostSettings, home: &Home, redactor: Redactor) -> Result<MediaHost, Fault> {
        let wrong = |why: String| Fault::local(format!("`[media_host]` in `config.toml`: {why}"));
        let keep = match &settings.keep {
            Some(text) => duration(text).map_err(|why| wrong(format!("`keep`: {why}")))?,
            None => KEEP.to_std().unwrap_or_default(),
        };
        let keep = Duration::from_std(keep).map_err(|_| wrong("`keep` is too long".into()))?;
        if keep < LEAST_KEEP {
            return Err(wrong(
                "`keep` is shorter than 10 minutes, which is too short for a network to fetch a film".into(),
            ));
        }
        let named = [
            ("endpoint", settings.endpoint.is_some()),
            ("command", settings.command.is_some()),
            ("directory", settings.directory.is_some()),
        ];
        let named: Vec<&str> = named.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect();
        let way = match named.as_slice() {
            ["endpoint"] => {
                let keys = Keys::new(settings, home, redactor.clone()).map_err(wrong)?;
                Way::S3(Box::new(s3::S3::new(settings, keep, keys).map_err(wrong)?))
            }
            ["command"] => Way::Command(command::Command::new(settings).map_err(wrong)?),
            ["directory"] => Way::Directory(directory::Directory::new(settings).map_err(wrong)?),
            [] => return Err(wrong("one of `endpoint`, `command` and `directory` is needed".into())),
            several => return Err(wrong(format!("only one of `{}` can be used", several.join("`, `")))),
        };
        let place = match &way {
            Way::S3(s3) => s3.place(),
            Way::Command(command) => command.place(),
            Way::Directory(directory) => directory.place(),
        };
        let id = sha256(place.as_bytes())[..16].to_string();
        Ok(MediaHost { way, id, keep, redactor, busy: Mutex::default(), whole: Mutex::default() })
    }

    /// What it is, in a few words without a secret: `bucket \`media\` at https://...`.
    pub fn about(&self) -> String {
        match &self.way {
            Way::S3(s3) => s3.about(),
            Way::Command(command) => format!("the command `{}`", command.program()),
            Way::Directory(directory) => directory.about(),
        }
    }

    /// The public address of a medium for a part: that of the same file where it is there already, else it is put there. A request of
    /// a network for it is expected until [`MediaHost::fetched`] or [`Hosted::until`].
    ///
    /// # Errors
    /// The host refuses or cannot be reached: nothing was posted, no network was asked.
    pub async fn public_url(&self, door: &Door, store: &Store, media: &Media, part: i64) -> Result<Hosted, Fault> {
        if door.mirrored() && !self.stays_here() {
            let text = "`XPOST_MIRROR` is set, so that nothing leaves this machine: the media host is not used";
            return Err(Fault::local(text).code(NO_HOST));
        }
        let turn = Arc::clone(
            self.busy.lock().unwrap_or_else(PoisonError::into_inner).entry(media.sha256.clone()).or_default(),
        );
        let _turn = turn.lock().await;
        let now = Utc::now();
        if let Some(row) =
            store.hosted_take(&self.id, &media.sha256, part, now + self.keep / 2).await.map_err(store_fault)?
            && let Some(url) = self.address(&row).await?
        {
            return Ok(Hosted { url, until: row.until });
        }
        let name = name_for(&media.mime)?;
        let until = now + self.keep;
        let id = store.hosted_begin(&self.id, &media.sha256, part, &name, until).await.map_err(store_fault)?;
        let placed = match self.put(door, media, &name).await {
            Ok(placed) => placed,
            Err(fault) => {
                // what certainly did not get there need not be removed; the rest is left to the sweep
                let rows = store.hosted_release(&self.id, &media.sha256, part).await.map_err(store_fault)?;
                if fault.effect == Effect::None && rows.iter().any(|row| row.id == id) {
                    store.hosted_gone(id).await.map_err(store_fault)?;
                }
                return Err(ours(fault, &self.redactor));
            }
        };
        let mut row = HostedRow { id, name, url: String::new(), signed_at: placed.at, until };
        if let Some(mut url) = placed.url {
            let whole = SecretString::from(url.to_string());
            if url.query().is_some() || url.fragment().is_some() {
                hide(&url, &self.redactor);
                self.whole.lock().unwrap_or_else(PoisonError::into_inner).insert(id, whole);
                // the mark of an address that is not whole
                url.set_query(Some(""));
                url.set_fragment(None);
            }
            row.url = url.to_string();
        }
        store.hosted_there(id, &row.url, row.signed_at).await.map_err(store_fault)?;
        let url = self.address(&row).await?.ok_or_else(|| Fault::local("the media host: it gave no address"))?;
        Ok(Hosted { url, until })
    }

    /// The part's network has the medium: the file is removed, unless another part needs it. What cannot be removed now is left to
    /// [`MediaHost::sweep`].
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn fetched(&self, door: &Door, store: &Store, media: &Media, part: i64) -> Result<(), Fault> {
        let rows = store.hosted_release(&self.id, &media.sha256, part).await.map_err(store_fault)?;
        if let Err(fault) = self.remove_all(door, store, &rows).await {
            tracing::info!("{fault}; `xpost run` tries again");
        }
        Ok(())
    }

    /// Removes what nobody needs any more, and what runs that died left behind. Gives how many.
    ///
    /// # Errors
    /// The store cannot be written, or a file cannot be removed; the rest is tried at the next sweep.
    pub async fn sweep(&self, door: &Door, store: &Store) -> Result<usize, Fault> {
        if door.mirrored() && !self.stays_here() {
            return Ok(0);
        }
        let mut rows = store.hosted_due(&self.id, Utc::now()).await.map_err(store_fault)?;
        rows.truncate(SWEEP);
        self.remove_all(door, store, &rows).await?;
        Ok(rows.len())
    }

    async fn remove_all(&self, door: &Door, store: &Store, rows: &[HostedRow]) -> Result<(), Fault> {
        for row in rows {
            self.remove(door, row).await.map_err(|fault| {
                let fault = ours(fault, &self.redactor);
                Fault { message: format!("`{}` was not removed: {}", row.name, fault.message), ..fault }
            })?;
            store.hosted_gone(row.id).await.map_err(store_fault)?;
            self.whole.lock().unwrap_or_else(PoisonError::into_inner).remove(&row.id);
        }
        Ok(())
    }

    async fn put(&self, door: &Door, media: &Media, name: &str) -> Result<Placed, Fault> {
        match &self.way {
            Way::S3(s3) => s3.put(door, media, name).await,
            Way::Command(command) => command.put(media, name).await,
            Way::Directory(directory) => directory.put(media, name).await,
        }
    }

    async fn remove(&self, door: &Door, row: &HostedRow) -> Result<(), Fault> {
        match &self.way {
            Way::S3(s3) => s3.remove(door, &row.name).await,
            Way::Command(command) => command.remove(row).await,
            Way::Directory(directory) => directory.remove(&row.name).await,
        }
    }

    /// The whole address of a file that is there; `None` where another process alone knew it.
    async fn address(&self, row: &HostedRow) -> Result<Option<SecretString>, Fault> {
        if let Some(whole) = self.whole.lock().unwrap_or_else(PoisonError::into_inner).get(&row.id) {
            return Ok(Some(whole.clone()));
        }
        match &self.way {
            Way::S3(s3) => {
                let url = s3.address(&row.name, row.signed_at).await.map_err(|fault| ours(fault, &self.redactor))?;
                hide(&url, &self.redactor);
                Ok(Some(SecretString::from(url.to_string())))
            }
            _ if row.url.is_empty() || row.url.ends_with('?') => Ok(None),
            _ => Ok(Some(SecretString::from(row.url.clone()))),
        }
    }

    /// Whether it can be used where nothing may leave this machine.
    fn stays_here(&self) -> bool {
        match &self.way {
            Way::S3(s3) => s3.stays_here(),
            Way::Command(_) => false,
            Way::Directory(_) => true,
        }
    }
}

/// A fault of the media host as its users see it: nothing was posted, and no login of a network is at fault.
fn ours(fault: Fault, redactor: &Redactor) -> Fault {
    let kind = match fault.kind {
        Kind::Network | Kind::Unavailable => fault.kind,
        Kind::Limited => Kind::Unavailable,
        _ => Kind::Local,
    };
    let message = redactor.clean(&fault.message);
    let message = if message.starts_with("the media host") { message } else { format!("the media host: {message}") };
    Fault { kind, effect: Effect::None, message, ..fault }
}

fn store_fault(error: store::Error) -> Fault {
    Fault::local(error.to_string())
}

/// 128 random bits, and the ending that belongs to the type.
fn name_for(mime: &str) -> Result<String, Fault> {
    let mut random = [0u8; 16];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| Fault::local("the system gives no random numbers"))?;
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{hex}.{}", ending(mime)))
}

fn ending(mime: &str) -> &str {
    match mime {
        "image/jpeg" => "jpg",
        "image/tiff" => "tif",
        "video/quicktime" => "mov",
        "video/x-matroska" => "mkv",
        "video/3gpp" => "3gp",
        "audio/mpeg" => "mp3",
        "audio/mp4" => "m4a",
        "text/plain" => "txt",
        // png, gif, webp, avif, heic, mp4, webm, ogg, flac, wav, pdf
        _ => {
            let sub = mime.rsplit('/').next().unwrap_or_default();
            if sub.is_empty() || !sub.bytes().all(|byte| byte.is_ascii_alphanumeric()) { "bin" } else { sub }
        }
    }
}

/// An address that a network is given: `https`, or `http` on this machine for those who try things out.
fn web_address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("it is not a URL ({error})"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user name or a password, and networks would see them".into());
    }
    match url.scheme() {
        "https" if url.has_host() => Ok(url),
        "http" if on_loopback(&url) => Ok(url),
        _ => Err("it must begin with `https://`".into()),
    }
}

/// A place that names are put behind: the same, with a slash at its end.
fn web_place(name: &str, text: &str) -> Result<Url, String> {
    let url = web_address(text).map_err(|why| format!("`{name}`: {why}"))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{name}`: it must end with a path, without `?` and `#`"));
    }
    let whole = format!("{}/", url.as_str().trim_end_matches('/'));
    Url::parse(&whole).map_err(|error| format!("`{name}`: {error}"))
}

fn on_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// What makes an address more than a place is a secret, whole and in parts: a storage's answer may quote the signature alone.
fn hide(url: &Url, redactor: &Redactor) {
    for part in url.query().into_iter().chain(url.fragment()) {
        redactor.learn(&SecretString::from(part.to_string()));
    }
    for (_, value) in url.query_pairs().filter(|(_, value)| value.len() >= 20) {
        redactor.learn(&SecretString::from(value.into_owned()));
    }
}

/// The secret text of an address, for those who fetch it themselves.
fn plain(url: &SecretString) -> &str {
    url.expose_secret()
}

#[cfg(test)]
mod tests;
