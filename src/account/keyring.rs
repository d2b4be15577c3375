//! The OS keyring. Everything here blocks, and may block for ever where a locked keyring asks somebody who is not there:
//! [`super::chain`] calls it from a thread of its own with a limit.

use std::error::Error as _;

use keyring::v1::{Entry, Error};

use super::Secrets;
use super::backend::{pack, unpack};
use crate::net::Fault;

/// The service that all entries are kept under.
const SERVICE: &str = "xpost";

/// How to do without a keyring, for messages; where the account is known, [`super::chain`] says it with its name.
pub const WAY_OUT: &str =
    "unlock it, or keep the secret in a private file (`--secret file`) or in the environment (`--secret env`)";

/// What the keyring holds for this key; `None` where it certainly holds nothing.
pub fn read(key: &str) -> Result<Option<Secrets>, Fault> {
    match entry(key)?.get_password() {
        Ok(text) => {
            unpack(&text).map(Some).map_err(|why| Fault::local(format!("the keyring's entry cannot be used: {why}")))
        }
        // a service without any collection says the same as one that holds nothing
        Err(Error::NoEntry) => probe().map(|()| None),
        Err(error) => Err(fault("read", &error)),
    }
}

/// Puts the fields there, in place of those that were.
pub fn write(key: &str, secrets: &Secrets) -> Result<(), Fault> {
    entry(key)?.set_password(&pack(secrets)).map_err(|error| fault("written", &error))
}

/// Deletes the entry; one that is gone already is fine.
pub fn remove(key: &str) -> Result<(), Fault> {
    match entry(key)?.delete_credential() {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(fault("changed", &error)),
    }
}

/// Whether there is a keyring that can be written.
///
/// # Errors
/// Why not, and the way out.
pub fn status() -> Result<(), Fault> {
    Entry::store_status().as_ref().map_err(|error| fault("reached", error))?;
    probe()
}

fn probe() -> Result<(), Fault> {
    probe_with("probe")
}

fn probe_with(text: &str) -> Result<(), Fault> {
    let entry = entry(&format!("probe-{}-{}", std::process::id(), uuid::Uuid::now_v7().simple()))?;
    entry.set_password(text).map_err(|error| fault("written", &error))?;
    entry.delete_credential().map_err(|error| fault("written", &error))
}

/// Makes sure that the keyring takes another value as long as the one that this key has: it may be locked by now, full, or (Windows)
/// limited to a few kilobytes.
///
/// # Errors
/// It does not.
pub fn ready(key: &str) -> Result<(), Fault> {
    let length = match entry(key)?.get_password() {
        Ok(text) => text.len(),
        Err(Error::NoEntry) => 0,
        Err(error) => return Err(fault("read", &error)),
    };
    probe_with(&"x".repeat(length.max(5)))
}

fn entry(key: &str) -> Result<Entry, Fault> {
    Entry::store_status().as_ref().map_err(|error| fault("reached", error))?;
    Entry::new(SERVICE, key).map_err(|error| fault("reached", &error))
}

/// The errors of a keyring hold bytes of secrets in two of their forms; only the harmless ones are shown.
fn fault(verb: &str, error: &Error) -> Fault {
    let why = match error {
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "an entry is malformed".to_string(),
        Error::Ambiguous(_) => "more than one entry fits".to_string(),
        Error::NoEntry => "an entry that was just written is gone".to_string(),
        error => {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(inner) = source {
                let inner_text = inner.to_string();
                if !text.contains(&inner_text) {
                    text = format!("{text}: {inner_text}");
                }
                source = inner.source();
            }
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let plain = ["Platform failure: ", "Couldn't access platform storage: "];
            plain.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(&text).to_string()
        }
    };
    Fault::local(format!("the keyring cannot be {verb}: {why}; {WAY_OUT}"))
}
