//! Media that a draft names by their address.

use std::path::Path;
use std::time::{Duration, Instant};

use url::Url;

use super::fetch::{Got, Miss, Want, get};
use super::kept::{Kept, Shelf};
use super::{Media, file};
use crate::net::{Door, Stamp};

/// The largest medium that is fetched, in bytes.
const MAX: u64 = 100_000_000;
/// For all of it, redirects included.
const TIME: Duration = Duration::from_secs(60);
/// The most that fetched media take on the disk.
const MAX_CACHE: u64 = 1_000_000_000;

/// The medium at an address; the one that was fetched before, if that is no day ago or the server says that it is the same still.
/// Without a door `None` where it would have to be asked.
pub(super) async fn find(url: &str, door: Option<&Door>, cache: &Path) -> Option<Result<Media, String>> {
    find_within(url, door, cache, MAX, TIME).await
}

pub(super) async fn find_within(
    url: &str,
    door: Option<&Door>,
    cache: &Path,
    most: u64,
    time: Duration,
) -> Option<Result<Media, String>> {
    let shelf = Shelf::new(cache.join("media"));
    let held: Option<Kept<Media>> = shelf.get(url).filter(|kept: &Kept<Media>| {
        std::fs::metadata(&kept.what.path).is_ok_and(|about| about.len() == kept.what.bytes)
    });
    if let Some(kept) = held.as_ref().filter(|kept| kept.fresh()) {
        shelf.used(kept, Some(&kept.what));
        return Some(Ok(kept.what.clone()));
    }
    let fetched = fetch(url, door?, held.as_ref(), &shelf, most, Instant::now() + time).await;
    shelf.tidy(MAX_CACHE);
    // a medium is what the draft is about: an old one in place of what cannot be had would be a guess
    Some(fetched.map_err(|miss| miss.why))
}

async fn fetch(
    url: &str,
    door: &Door,
    held: Option<&Kept<Media>>,
    shelf: &Shelf,
    most: u64,
    deadline: Instant,
) -> Result<Media, Miss> {
    let part = shelf.part().map_err(Miss::lasting)?;
    let file = tokio::fs::File::create(part.path()).await;
    let mut file = file.map_err(|error| Miss::lasting(format!("it could not be kept: {error}")))?;
    let held = held.map(|kept| (kept, (kept.at.as_str(), &kept.stamp)));
    let want = Want { accept: "image/*,video/*,audio/*;q=0.9", most, deadline, held: held.map(|(_, known)| known) };
    let (fetched, at) = match (get(door, url, &want, Some(&mut file)).await?, held) {
        (Got::New(fetched, at), _) => (fetched, at),
        (Got::Same, Some((kept, _))) => {
            shelf.put(&Kept::new(url, &kept.at, kept.stamp.clone(), kept.what.clone()));
            shelf.used(kept, Some(&kept.what));
            return Ok(kept.what.clone());
        }
        (Got::Same, None) => return Err(Miss::lasting("it answered 304 to a question that was not asked")),
    };
    drop(file);
    if !fetched.whole {
        return Err(Miss::lasting(format!("it is larger than {} MB", most / 1_000_000)));
    }
    let name = name(&at);
    let media = tokio::task::spawn_blocking(move || -> Result<Media, String> {
        let media = file::inspect(part.path())?;
        let extension = extension(&media.mime);
        let path = part.keep(&format!("{}.{extension}", media.sha256))?;
        Ok(Media { path, name: format!("{name}.{extension}"), ..media })
    });
    let media = media.await.map_err(|_| Miss::lasting("it could not be read"))?.map_err(Miss::lasting)?;
    shelf.put(&Kept::new(url, at.as_str(), Stamp::of(&fetched.answer), media.clone()));
    Ok(media)
}

/// What a file of this type is called at its end; what it was called on the web may be a lie.
fn extension(mime: &str) -> String {
    match mime {
        "image/jpeg" => "jpg".into(),
        "video/quicktime" => "mov".into(),
        "video/x-matroska" => "mkv".into(),
        "audio/mpeg" => "mp3".into(),
        other => {
            other.rsplit(['/', '-']).next().unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect()
        }
    }
}

/// A name for uploads: the last word of the address without its ending, letters and digits only.
fn name(url: &Url) -> String {
    let last = url.path_segments().and_then(|mut words| words.next_back()).unwrap_or_default();
    let stem = last.rsplit_once('.').map_or(last, |(stem, _)| stem);
    let good = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name: String = stem.chars().filter(good).take(60).collect();
    if name.is_empty() { "media".to_string() } else { name }
}
