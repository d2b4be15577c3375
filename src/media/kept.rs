//! What was fetched is kept for a while: a shelf is a directory of the cache, bounded in size.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Media;
use crate::draft::sha256;
use crate::net::Stamp;

/// For how long nobody is asked again.
const FRESH: TimeDelta = TimeDelta::hours(24);
/// What was used so lately may be needed by a run that is under way, and stays whatever its size.
const IN_USE: Duration = Duration::from_secs(3600);
/// A file that was half written so long ago belongs to a run that died.
const DEAD: Duration = Duration::from_secs(86_400);
/// What is read of one entry.
const MAX_ENTRY: u64 = 64 * 1024;

/// One thing that was fetched, and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept<T> {
    /// As asked for.
    pub url: String,
    /// Which address answered, after redirects.
    pub at: String,
    pub read: DateTime<Utc>,
    pub stamp: Stamp,
    pub what: T,
}

impl<T> Kept<T> {
    /// Fetched now.
    pub fn new(url: &str, at: &str, stamp: Stamp, what: T) -> Kept<T> {
        Kept { url: url.to_string(), at: at.to_string(), read: Utc::now(), stamp, what }
    }

    /// Nobody need be asked. A clock that was set back makes nothing fresh for ever.
    pub fn fresh(&self) -> bool {
        let age = Utc::now() - self.read;
        age >= TimeDelta::zero() && age < FRESH
    }
}

/// A directory of things that can be fetched again.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    directory: PathBuf,
}

impl Shelf {
    pub fn new(directory: PathBuf) -> Shelf {
        Shelf { directory }
    }

    fn entry(&self, url: &str) -> PathBuf {
        self.directory.join(format!("{}.json", sha256(url.as_bytes())))
    }

    /// What is kept for an address, however old. What cannot be read is not there.
    pub fn get<T: DeserializeOwned>(&self, url: &str) -> Option<Kept<T>> {
        let path = self.entry(url);
        if std::fs::metadata(&path).ok()?.len() > MAX_ENTRY {
            return None;
        }
        let kept: Kept<T> = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        (kept.url == url).then_some(kept)
    }

    /// Keeps it. A cache that cannot be written only costs time.
    pub fn put<T: Serialize>(&self, kept: &Kept<T>) {
        let put = || -> Result<(), String> {
            let part = self.part()?;
            let text = serde_json::to_vec(kept).map_err(|error| error.to_string())?;
            std::fs::write(part.path(), text).map_err(|error| error.to_string())?;
            let name = self.entry(&kept.url);
            part.keep(&name.file_name().unwrap_or_default().to_string_lossy()).map(drop)
        };
        if let Err(why) = put() {
            tracing::info!("what was read of {} is not kept: {why}", kept.url);
        }
    }

    /// Notes that it was used, so that it outlives what nobody asks for.
    pub fn used<T>(&self, kept: &Kept<T>, media: Option<&Media>) {
        for path in [Some(self.entry(&kept.url)), media.map(|media| media.path.clone())].into_iter().flatten() {
            let touched = std::fs::File::options().write(true).open(&path);
            // where this fails it only goes a little earlier
            let _ = touched.and_then(|file| file.set_modified(SystemTime::now()));
        }
    }

    /// A new file that is gone again unless it is kept.
    pub fn part(&self) -> Result<Part, String> {
        crate::store::private_directory(&self.directory)
            .map_err(|error| format!("it could not be kept in `{}`: {error}", self.directory.display()))?;
        Ok(Part { path: self.directory.join(format!("{}.part", Uuid::now_v7())) })
    }

    /// Takes away what was used longest ago, until no more than `most` bytes are left.
    pub fn tidy(&self, most: u64) {
        let now = SystemTime::now();
        let age = |time: SystemTime| now.duration_since(time).unwrap_or_default();
        let mut files: Vec<(Duration, u64, PathBuf)> = std::fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let about = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
                Some((age(about.modified().ok()?), about.len(), entry.path()))
            })
            .collect();
        let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        files.sort_by_key(|(age, _, _)| std::cmp::Reverse(*age));
        for (age, bytes, path) in files {
            let dead = age > DEAD && path.extension().is_some_and(|extension| extension == "part");
            if (dead || (total > most && age > IN_USE)) && std::fs::remove_file(&path).is_ok() {
                total -= bytes;
            }
        }
    }
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
}

impl Part {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name on the shelf, at once; gives back the whole path.
    pub fn keep(self, name: &str) -> Result<PathBuf, String> {
        let path = self.path.with_file_name(name);
        std::fs::rename(&self.path, &path).map_err(|error| format!("it could not be kept: {error}"))?;
        Ok(std::path::absolute(&path).unwrap_or(path))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // after `keep` there is none
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shelf_keeps_what_was_used_last() {
        let home = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(home.path().join("cards"));
        let hours = |n: u64| SystemTime::now() - Duration::from_secs(3600 * n);
        let put = |name: &str, bytes: usize, at: SystemTime| {
            let part = shelf.part().unwrap();
            std::fs::write(part.path(), vec![0u8; bytes]).unwrap();
            let path = part.keep(name).unwrap();
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
            path
        };
        let old = put("old", 100, hours(50));
        let newer = put("newer", 100, hours(3));
        let now = put("now", 500, SystemTime::now());
        let dead = put("x.part", 1, hours(30));
        shelf.tidy(650);
        assert!(!old.exists() && newer.exists() && now.exists() && !dead.exists());
        // what is in use stays, whatever its size
        shelf.tidy(10);
        assert!(!newer.exists() && now.exists());
        drop(shelf.part().unwrap());
        assert_eq!(std::fs::read_dir(home.path().join("cards")).unwrap().count(), 1);
    }

    #[test]
    fn what_is_kept_is_found_by_its_address_and_grows_old() {
        let home = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(home.path().to_path_buf());
        let mut kept = Kept::new("https://a.example/", "https://a.example/b", Stamp::default(), "what".to_string());
        shelf.put(&kept);
        let found: Kept<String> = shelf.get("https://a.example/").unwrap();
        assert!(found.fresh() && found.what == "what" && found.at == "https://a.example/b");
        assert!(shelf.get::<String>("https://b.example/").is_none());
        kept.read = Utc::now() - TimeDelta::hours(25);
        assert!(!kept.fresh());
        kept.read = Utc::now() + TimeDelta::hours(2);
        assert!(!kept.fresh());
        std::fs::write(shelf.entry("https://a.example/"), "{").unwrap();
        assert!(shelf.get::<String>("https://a.example/").is_none());
    }
}
