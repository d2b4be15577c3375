//! Pictures as [`super::fit`] decided: made once, kept in the cache, shared by all networks that want the same.

mod clean;
mod decode;
mod encode;
mod film;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::fit::{Fit, MOST_BYTES, Remake, overwritten};
use super::probe::{Probed, blanks, probe};
use super::{Media, file};
use crate::draft::{canonical, sha256};
use crate::store::private_directory;

/// The cache of made pictures is not let grow beyond this, in bytes.
const MOST_KEPT: u64 = 500_000_000;
/// What was used this recently may be needed by an upload that runs now, and is never removed.
const IN_USE: Duration = Duration::from_secs(600);
/// Part of the cache's keys: raised when the same decision would give another picture.
const VERSION: u32 = 1;

/// One picture at a time: each takes hundreds of megabytes, and whoever waits for the same one finds it in the cache, or at least
/// decoded.
static ONE: Mutex<Option<Decoded>> = Mutex::new(None);
/// How many wait for it; with none, the decoded picture is dropped.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// The picture that was decoded last.
struct Decoded {
    sha256: String,
    probed: Probed,
    picture: decode::Picture,
}

/// Makes what was decided for this medium, or finds it in `cache` where it was made before. Gives the file to upload with its own
/// size and hash; a medium that goes as it is comes back unchanged.
///
/// # Errors
/// The file changed or is gone, it cannot be decoded, what was decided cannot be reached, or the cache cannot be written.
pub async fn made(media: &Media, cache: &Path) -> Result<Media, String> {
    if media.fit.is_none() {
        return Ok(media.clone());
    }
    let (media, cache) = (media.clone(), cache.to_path_buf());
    tokio::task::spawn_blocking(move || make(&media, &cache))
        .await
        .unwrap_or_else(|_| Err("it could not be changed: its decoder failed".to_string()))
}

/// The same on this thread.
///
/// # Errors
/// As [`made`].
pub fn make(media: &Media, cache: &Path) -> Result<Media, String> {
    let Some(fit) = &media.fit else { return Ok(media.clone()) };
    let decided = canonical(&serde_json::json!({ "of": media.sha256, "fit": fit, "version": VERSION }));
    let end = media.mime.rsplit('/').next().unwrap_or_default().replace("jpeg", "jpg");
    let path = cache.join("fitted").join(format!("{}.{end}", sha256(decided.as_bytes())));
    if let Some(kept) = kept(&path, media) {
        return Ok(kept);
    }
    WAITING.fetch_add(1, Ordering::SeqCst);
    let mut last = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    WAITING.fetch_sub(1, Ordering::SeqCst);
    let made = match kept(&path, media) {
        Some(kept) => Ok(kept),
        None => fresh(media, fit, &path, &mut last),
    };
    if WAITING.load(Ordering::SeqCst) == 0 {
        *last = None;
    }
    made
}

fn fresh(media: &Media, fit: &Fit, path: &Path, last: &mut Option<Decoded>) -> Result<Media, String> {
    match fit {
        Fit::Clean if overwritten(&media.mime) => write(path, |file, part| overwrite(media, file, part))?,
        Fit::Clean => whole(path, &clean::clean(&media.mime, &read(media)?)?)?,
        Fit::Remake(remake) => whole(path, &drawn(media, read(media)?, remake, last)?)?,
        Fit::Film(new) => film::film(media, new, path)?,
    }
    sweep(path);
    kept(path, media).ok_or_else(|| "what was made of it is none; this is a defect of xpost".to_string())
}

/// A copy of the file in which what it hides is overwritten; takes little memory however large it is.
fn overwrite(media: &Media, file: &mut File, part: &Path) -> Result<(), String> {
    let keep = |error: std::io::Error| unkept(part, &error);
    let mut source = File::open(&media.path).map_err(unread)?;
    std::io::copy(&mut source, file).map_err(keep)?;
    // the copy is looked at, and not the source, which may change at any time
    let copy = file::inspect(part)?;
    if copy.sha256 != media.sha256 {
        return Err(CHANGED.to_string());
    }
    for blank in blanks(&*file, copy.bytes)? {
        file.seek(SeekFrom::Start(blank.at)).map_err(keep)?;
        file.write_all(&blank.with).map_err(keep)?;
        std::io::copy(&mut std::io::repeat(0).take(blank.zeros), file).map_err(keep)?;
    }
    Ok(())
}

pub(super) const CHANGED: &str = "the file changed since the post was planned; publish it again";

fn unkept(path: &Path, error: &std::io::Error) -> String {
    let directory = path.parent().unwrap_or(path);
    format!("it could not be kept in `{}`: {error}", directory.display())
}

fn unread(error: std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file any more".to_string(),
        _ => format!("it cannot be read: {error}"),
    }
}

/// The whole file, if it still is the one that was planned with.
fn read(media: &Media) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = File::open(&media.path).map_err(unread)?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > MOST_BYTES || sha256(&bytes) != media.sha256 {
        return Err(CHANGED.to_string());
    }
    Ok(bytes)
}

fn drawn(media: &Media, source: Vec<u8>, remake: &Remake, last: &mut Option<Decoded>) -> Result<Vec<u8>, String> {
    let decoded = match last.take().filter(|decoded| decoded.sha256 == media.sha256) {
        Some(decoded) => decoded,
        None => {
            let mut probed = probe(std::io::Cursor::new(&source), source.len() as u64)?;
            let picture = if matches!(probed.mime, "image/heic" | "image/avif") {
                let (still, found) = film::still(&media.path, &probed)?;
                probed = found;
                decode::decode(&still, &probed)?
            } else {
                decode::decode(&source, &probed)?
            };
            Decoded { sha256: media.sha256.clone(), probed, picture }
        }
    };
    let exif = if remake.keep { clean::exif_upright(decoded.probed.mime, &source) } else { None };
    drop(source);
    let decoded = last.insert(decoded);
    encode::encode(&decoded.picture, remake, &decoded.probed.about, exif.as_deref())
}

/// What was made before, if it is there and whole.
fn kept(path: &Path, media: &Media) -> Option<Media> {
    let file = File::options().read(true).write(true).open(path).ok()?;
    // what is used stays
    drop(file.set_modified(SystemTime::now()));
    drop(file);
    let found = file::inspect(path).ok().filter(|found| found.mime == media.mime)?;
    Some(Media { name: media.name.clone(), fit: None, ..found })
}

fn whole(path: &Path, bytes: &[u8]) -> Result<(), String> {
    write(path, |file, part| file.write_all(bytes).map_err(|error| unkept(part, &error)))
}

/// At once or not at all, and for nobody else to read: the picture may be from a place that only its owner can read. `fill` is given
/// the file and where it is while it grows.
fn write(path: &Path, fill: impl FnOnce(&mut File, &Path) -> Result<(), String>) -> Result<(), String> {
    let fail = |error: std::io::Error| unkept(path, &error);
    private_directory(path.parent().unwrap_or(path)).map_err(fail)?;
    let part = path.with_extension(format!("{}.part", std::process::id()));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let filled = options.open(&part).map_err(fail).and_then(|mut file| fill(&mut file, &part));
    let written = filled.and_then(|()| fs::rename(&part, path).map_err(fail));
    if written.is_err() {
        // a leftover would only be rubbish in the cache
        drop(fs::remove_file(&part));
    }
    written
}

/// Removes what was not used for longest while there is too much, and what a dead process left. Whatever cannot be removed stays.
fn sweep(fresh: &Path) {
    let Ok(entries) = fs::read_dir(fresh.parent().unwrap_or(fresh)) else { return };
    let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let about = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            Some((about.modified().ok()?, about.len(), entry.path()))
        })
        .collect();
    files.sort();
    let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    let now = SystemTime::now();
    for (used, bytes, path) in files {
        let old = now.duration_since(used).is_ok_and(|age| age > IN_USE);
        let rest = path.extension().is_some_and(|end| end == "part");
        if old && path != fresh && (rest || total > MOST_KEPT) && fs::remove_file(&path).is_ok() {
            total = total.saturating_sub(bytes);
        }
    }
}
