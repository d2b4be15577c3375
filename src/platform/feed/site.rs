//! The directory: every file in it is written whole or not at all, by one process at a time.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use url::Url;

use super::{atom, html, item};
use crate::media::Media;
use crate::net::Fault;

const LOCK: &str = ".xpost-feed.lock";
const JSON: &str = "feed.json";
/// Another process holds the lock for some milliseconds; this long means that it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A feed's directory and what is said of it.
#[derive(Debug, Clone)]
pub(super) struct Site {
    directory: PathBuf,
    /// Without a slash at the end.
    base: String,
    title: String,
    /// The title is only the directory's name, so one that stands in the feed already is better.
    untitled: bool,
    author: String,
    keep: Option<usize>,
}

/// The name of a copied medium: by its content, so the same picture is there once.
pub(super) fn media_name(media: &Media) -> String {
    name_of(&media.sha256, &media.mime)
}

pub(super) fn name_of(sha256: &str, mime: &str) -> String {
    let end = match mime {
        "image/jpeg" => "jpg",
        "video/quicktime" => "mov",
        other => other.rsplit('/').next().unwrap_or("bin"),
    };
    let end: String = end.chars().filter(char::is_ascii_alphanumeric).collect();
    let start: String = sha256.chars().filter(char::is_ascii_hexdigit).take(32).collect();
    format!("{start}.{end}")
}

fn trouble(what: &str, path: &Path, error: &std::io::Error) -> Fault {
    Fault::local(format!("cannot {what} `{}`: {error}", path.display()))
}

impl Site {
    /// A site in `directory` that is read at `base`; empty texts stand for the defaults.
    ///
    /// # Errors
    /// No directory, or a base that is no address.
    pub fn new(directory: &str, base: &str, title: &str, author: &str, keep: Option<usize>) -> Result<Site, Fault> {
        if directory.is_empty() {
            return Err(Fault::local("the account has no `directory`; run `xpost account add feed`"));
        }
        let path = std::path::absolute(directory).map_err(|error| trouble("use", Path::new(directory), &error))?;
        let base = if base.is_empty() {
            Url::from_directory_path(&path).map_err(|()| Fault::local(format!("`{directory}` has no address")))?
        } else {
            Url::parse(base)
                .ok()
                .filter(|url| matches!(url.scheme(), "https" | "http" | "file") && !url.cannot_be_a_base())
                .ok_or_else(|| Fault::local(format!("`base_url` must be an address like `https://example.org/blog`, not `{base}`")))?
        };
        let name = path.file_name().map_or_else(|| "Feed".to_string(), |name| name.to_string_lossy().into_owned());
        Ok(Site {
            directory: path,
            base: base.as_str().trim_end_matches('/').to_string(),
            untitled: title.is_empty(),
            title: if title.is_empty() { name } else { title.to_string() },
            author: author.to_string(),
            keep,
        })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn title(&self) -> &str {
        &self.title
    }

    pub fn author(&self) -> &str {
        &self.author
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// The address of a file of the site.
    pub fn url(&self, file: &str) -> String {
        format!("{}/{file}", self.base)
    }

    /// Whether the directory can be written to, as far as can be told without writing.
    ///
    /// # Errors
    /// A `local` fault.
    pub fn check(&self) -> Result<(), Fault> {
        let there = self.directory.ancestors().find(|path| path.exists()).unwrap_or(&self.directory);
        let facts = fs::metadata(there).map_err(|error| trouble("read", there, &error))?;
        if !facts.is_dir() {
            return Err(Fault::local(format!("`{}` is not a directory", there.display())));
        }
        if facts.permissions().readonly() {
            return Err(Fault::local(format!("`{}` is read-only", there.display())));
        }
        self.load().map(drop)
    }

    /// Copies a medium to the site, unless it is there already.
    ///
    /// # Errors
    /// A `local` fault; what was copied so far leaves no trace under its final name.
    pub fn copy(&self, media: &Media) -> Result<(), Fault> {
        let target = self.directory.join("media").join(media_name(media));
        if fs::metadata(&target).is_ok_and(|facts| facts.len() == media.bytes) {
            return Ok(());
        }
        let mut source = File::open(&media.path).map_err(|error| trouble("read", &media.path, &error))?;
        self.write_with(&target, |file| {
            let copied = std::io::copy(&mut source, file)?;
            if copied == media.bytes {
                return Ok(());
            }
            Err(std::io::Error::other(format!("`{}` changed while it was being posted", media.path.display())))
        })
    }

    /// The items, and whether the feed is as long as it may be.
    ///
    /// # Errors
    /// A `local` fault.
    pub fn items(&self) -> Result<(Vec<Value>, bool), Fault> {
        let items = items_of(&self.load()?);
        let full = self.keep.is_some_and(|keep| items.len() >= keep);
        Ok((items, full))
    }

    /// Changes the items under the lock and writes all that follows from them. `fresh` is the page that surely must be written anew,
    /// `gone` one that surely must not stay.
    ///
    /// # Errors
    /// A `local` fault. Up to the moment `feed.json` is in place the site is as it was; after it, the next change mends the rest.
    pub fn change(
        &self,
        change: impl FnOnce(&mut Vec<Value>) -> Result<(), Fault>,
        fresh: Option<&str>,
        gone: Option<&str>,
    ) -> Result<(), Fault> {
        let _lock = self.lock()?;
        let mut feed = self.load()?;
        let mut site = self.clone();
        if let Some(title) = feed.get("title").and_then(Value::as_str).filter(|title| self.untitled && !title.is_empty()) {
            site.title = title.to_string();
        }
        let before = items_of(&feed);
        let mut items = before.clone();
        change(&mut items)?;
        // newest first; what is of the same moment has an order all the same
        items.sort_by_cached_key(|item| std::cmp::Reverse((item::date(item), item["id"].to_string())));
        if let Some(keep) = self.keep {
            items.truncate(keep);
        }
        site.describe(&mut feed);
        for item in &items {
            let Some(file) = site.own_page(item) else { continue };
            // what stood there before has its page, unless a crash came between
            if fresh == Some(file.as_str()) || !self.directory.join(&file).exists() {
                self.write(&file, html::page(&site, item).as_bytes())?;
            }
        }
        feed.insert("items".into(), json!(items));
        let text = serde_json::to_string_pretty(&feed).map_err(|error| Fault::local(error.to_string()))?;
        self.write(JSON, text.as_bytes())?;
        // from here on readers can see the change, so a failure is no longer without effect
        self.write("atom.xml", atom::feed(&site, &feed, &items).as_bytes()).map_err(Fault::maybe)?;
        self.write("index.html", html::index(&site, &items).as_bytes()).map_err(Fault::maybe)?;
        let gone = gone.filter(|file| is_page(file) && !items.iter().any(|item| self.own_page(item).as_deref() == Some(file)));
        if let Some(file) = gone {
            let path = self.directory.join(file);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(trouble("remove", &path, &error)),
                _ => {}
            }
        }
        self.sweep(&before, &items);
        Ok(())
    }

    /// Our own lines at the top of the feed; all that somebody else wrote there stays.
    fn describe(&self, feed: &mut Map<String, Value>) {
        feed.insert("version".into(), json!("https://jsonfeed.org/version/1.1"));
        feed.insert("title".into(), json!(self.title));
        feed.insert("home_page_url".into(), json!(self.url("")));
        feed.insert("feed_url".into(), json!(self.url(JSON)));
        if !self.author.is_empty() {
            feed.insert("authors".into(), json!([{"name": self.author}]));
        }
        // readers know a feed by its id, so it stays when the site moves
        let own = feed.entry("_xpost").or_insert_with(|| json!({}));
        if own.get("id").is_none()
            && let Some(own) = own.as_object_mut()
        {
            let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, self.base.as_bytes());
            own.insert("id".into(), json!(format!("urn:uuid:{id}")));
        }
    }

    /// `p/NAME.html` of an item that is ours.
    pub fn own_page(&self, item: &Value) -> Option<String> {
        let url = item["url"].as_str()?;
        let file = &url[url.rfind("/p/")? + 1..];
        (item["id"].as_str()?.starts_with("urn:uuid:") && is_page(file)).then(|| file.to_string())
    }

    /// Removes the pages and media of items of ours that are gone. What cannot be removed is only litter, so it is no fault.
    fn sweep(&self, before: &[Value], after: &[Value]) {
        let folder = format!("\"{}/media/", item::escape(&self.base));
        let files = |items: &[Value]| -> BTreeSet<String> {
            let mut files = BTreeSet::new();
            for item in items {
                let Some(page) = self.own_page(item) else { continue };
                files.insert(page);
                // the pictures of link cards stand in the content alone
                for piece in item["content_html"].as_str().unwrap_or_default().split(&folder).skip(1) {
                    let name = piece.split('"').next().unwrap_or_default();
                    if is_name(name) {
                        files.insert(format!("media/{name}"));
                    }
                }
            }
            files
        };
        for file in files(before).difference(&files(after)) {
            let _ = fs::remove_file(self.directory.join(file));
        }
    }

    fn load(&self) -> Result<Map<String, Value>, Fault> {
        let path = self.directory.join(JSON);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Map::new()),
            Err(error) => return Err(trouble("read", &path, &error)),
        };
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(map)) if map.get("items").is_none_or(Value::is_array) => Ok(map),
            _ => Err(Fault::local(format!("`{}` is not a JSON Feed; move it away, or name another directory", path.display()))),
        }
    }

    /// One writer at a time, also among processes; the system frees the lock however its holder ends.
    fn lock(&self) -> Result<File, Fault> {
        fs::create_dir_all(&self.directory).map_err(|error| trouble("make", &self.directory, &error))?;
        let path = self.directory.join(LOCK);
        let open = File::options().create(true).truncate(false).write(true).open(&path);
        let file = open.map_err(|error| trouble("write", &path, &error))?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(10)),
                Err(TryLockError::WouldBlock) => {
                    return Err(Fault::local(format!("another process holds `{}`", path.display())));
                }
                Err(TryLockError::Error(error)) => return Err(trouble("lock", &path, &error)),
            }
        }
    }

    fn write(&self, file: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.write_with(&self.directory.join(file), |out| out.write_all(bytes))
    }

    /// A temporary file beside the target, synced, then renamed over it: a reader sees the old file or the new one.
    fn write_with(&self, target: &Path, fill: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<(), Fault> {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let folder = target.parent().unwrap_or(&self.directory);
        let fail = |error: std::io::Error| trouble("write", target, &error);
        fs::create_dir_all(folder).map_err(fail)?;
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let temporary = folder.join(format!(".xpost-{}-{number}.tmp", std::process::id()));
        let result = File::create(&temporary)
            .and_then(|mut file| {
                fill(&mut file)?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&temporary, target))
            .and_then(|()| sync_folder(folder));
        if result.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        result.map_err(fail)
    }
}

/// Makes the rename itself last. Windows has no such thing for folders, and needs none.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}

/// `NAME.END` without anything that leads elsewhere.
fn is_name(name: &str) -> bool {
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    name.split_once('.').is_some_and(|(start, end)| plain(start) && plain(end))
}

fn is_page(file: &str) -> bool {
    file.strip_prefix("p/").is_some_and(|name| is_name(name) && name.ends_with(".html"))
}

fn items_of(feed: &Map<String, Value>) -> Vec<Value> {
    feed.get("items").and_then(Value::as_array).cloned().unwrap_or_default()
}
