//! Link cards: what a page says of itself, read once for all networks.

use std::path::Path;
use std::time::{Duration, Instant};

use url::Url;

use super::card_page::{decode, read_oembed, read_page};
use super::fetch::{Got, Miss, Want, get};
use super::kept::{Kept, Shelf};
use super::{Card, Media, file};
use crate::draft::sha256;
use crate::net::{Door, Stamp};

/// The most of a page that is read; what describes it stands in its head.
const MAX_PAGE: u64 = 512 * 1024;
/// The most of an oEmbed answer.
const MAX_OEMBED: u64 = 64 * 1024;
/// The largest picture that a card takes, in bytes.
pub const MAX_PICTURE: usize = 1_000_000;
/// For the page, its oEmbed description and its picture together, redirects included.
const TIME: Duration = Duration::from_secs(8);
/// The most that cards and their pictures take on the disk.
const MAX_CACHE: u64 = 64 * 1024 * 1024;

/// Reads the card of a page, or takes the one that was read before. A picture that cannot be had leaves the card without one.
pub(super) async fn fetch(door: &Door, url: &str, cache: &Path) -> Result<Card, String> {
    fetch_within(door, url, cache, TIME).await
}

pub(super) async fn fetch_within(door: &Door, url: &str, cache: &Path, time: Duration) -> Result<Card, String> {
    let shelf = Shelf::new(cache.join("cards"));
    let held: Option<Kept<Card>> =
        shelf.get(url).filter(|kept: &Kept<Card>| kept.what.image.iter().all(|picture| picture.path.exists()));
    if let Some(kept) = held.as_ref().filter(|kept| kept.fresh()) {
        shelf.used(kept, kept.what.image.as_ref());
        return Ok(kept.what.clone());
    }
    match read(door, url, held.as_ref(), &shelf, Instant::now() + time).await {
        Ok(card) => {
            shelf.tidy(MAX_CACHE);
            Ok(card)
        }
        // what the page said yesterday is better than nothing while its server is away
        Err(miss) => match held.filter(|_| miss.passing) {
            Some(kept) => {
                tracing::info!("the link card of {url} is that of {}: {}", kept.read, miss.why);
                Ok(kept.what)
            }
            None => Err(miss.why),
        },
    }
}

async fn read(
    door: &Door,
    url: &str,
    held: Option<&Kept<Card>>,
    shelf: &Shelf,
    deadline: Instant,
) -> Result<Card, Miss> {
    let want = Want {
        accept: "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1",
        most: MAX_PAGE,
        deadline,
        held: held.map(|kept| (kept.at.as_str(), &kept.stamp)),
    };
    let (page, at) = match get(door, url, &want, None).await? {
        Got::New(page, at) => (page, at),
        Got::Same => {
            let Some(kept) = held else {
                return Err(Miss::lasting("it answered 304 to a question that was not asked"));
            };
            shelf.put(&Kept::new(url, &kept.at, kept.stamp.clone(), kept.what.clone()));
            return Ok(kept.what.clone());
        }
    };
    let content_type = page.answer.header("content-type").unwrap_or_default().to_lowercase();
    if !content_type.is_empty() && !content_type.contains("html") && !content_type.contains("xml") {
        let kind = content_type.split(';').next().unwrap_or_default();
        return Err(Miss::lasting(format!("it is no page but `{kind}`")));
    }
    let mut found = read_page(&decode(&page.answer.body, &content_type));
    // a relative address means one on the page that answered, which may not be the one that was asked
    let base = found.base.as_deref().and_then(|base| at.join(base).ok()).unwrap_or_else(|| at.clone());
    let mut whole = true;
    if (!found.titled || found.image.is_none())
        && let Some(address) = found.oembed.as_deref().and_then(|address| base.join(address).ok())
    {
        let want = Want { accept: "application/json", most: MAX_OEMBED, deadline, held: None };
        match get(door, address.as_str(), &want, None).await {
            Ok(Got::New(answer, _)) => {
                let (title, picture) = read_oembed(&answer.answer.body);
                if let Some(title) = title.filter(|_| !found.titled) {
                    found.title = title;
                }
                found.image = found.image.or(picture);
            }
            Ok(Got::Same) => {}
            Err(miss) => {
                whole = !miss.passing;
                tracing::info!("the oEmbed description of {url} is left out: {}", miss.why);
            }
        }
    }
    let host = at.host_str().unwrap_or_default().to_string();
    let mut card = Card {
        url: url.to_string(),
        title: if found.title.is_empty() { host } else { found.title },
        description: found.description,
        image: None,
    };
    if let Some(picture) = found.image.and_then(|picture| base.join(&picture).ok()) {
        match picture_of(door, &picture, shelf, deadline).await {
            Ok(media) => card.image = Some(media),
            Err(miss) => {
                whole &= !miss.passing;
                tracing::info!("the picture of the link card of {url} is left out: {}", miss.why);
            }
        }
    }
    // a card that lacks something only because a server was slow is not kept for a day
    if whole {
        shelf.put(&Kept::new(url, at.as_str(), Stamp::of(&page.answer), card.clone()));
    }
    Ok(card)
}

async fn picture_of(door: &Door, url: &Url, shelf: &Shelf, deadline: Instant) -> Result<Media, Miss> {
    let accept = "image/png,image/jpeg,image/webp,image/gif;q=0.8";
    let want = Want { accept, most: MAX_PICTURE as u64, deadline, held: None };
    let Got::New(picture, _) = get(door, url.as_str(), &want, None).await? else {
        return Err(Miss::lasting("it answered 304 to a question that was not asked"));
    };
    if !picture.whole {
        return Err(Miss::lasting(format!("it is larger than {MAX_PICTURE} bytes")));
    }
    let (shelf, bytes) = (shelf.clone(), picture.answer.body);
    tokio::task::spawn_blocking(move || keep(&shelf, &bytes))
        .await
        .map_err(|_| Miss::lasting("it could not be kept"))?
        .map_err(Miss::lasting)
}

/// Writes the picture under its hash, at once or not at all.
fn keep(shelf: &Shelf, bytes: &[u8]) -> Result<Media, String> {
    let raw = shelf.part()?;
    std::fs::write(raw.path(), bytes).map_err(|error| format!("it could not be kept: {error}"))?;
    let media = match file::inspect(raw.path())? {
        media if ["image/png", "image/jpeg", "image/webp", "image/gif"].contains(&media.mime.as_str()) => media,
        media => return Err(format!("it is `{}`", media.mime)),
    };
    let extension = media.mime.rsplit('/').next().unwrap_or_default().replace("jpeg", "jpg");
    let path = raw.keep(&format!("{}.{extension}", sha256(bytes)))?;
    Ok(Media { name: format!("card.{extension}"), path, ..media })
}
