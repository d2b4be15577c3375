//! A directory of this machine that a web server shows.

use std::path::{Path, PathBuf};

use chrono::Utc;
use url::Url;

use super::{Placed, web_place};
use crate::account::HostSettings;
use crate::media::Media;
use crate::net::Fault;

pub(super) struct Directory {
    directory: PathBuf,
    prefix: Url,
}

impl Directory {
    pub(super) fn new(settings: &HostSettings) -> Result<Directory, String> {
        let directory = settings.directory.clone().unwrap_or_default();
        if !directory.is_absolute() {
            return Err(format!("`directory` is `{}`; write it in full, from the root on", directory.display()));
        }
        let prefix = settings.url_prefix.as_deref().ok_or("`directory` needs `url_prefix`, where the world sees it")?;
        Ok(Directory { directory, prefix: web_place("url_prefix", prefix)? })
    }

    pub(super) fn place(&self) -> String {
        format!("directory\n{}\n{}", self.directory.display(), self.prefix)
    }

    pub(super) fn about(&self) -> String {
        format!("the directory {}, seen at {}", self.directory.display(), self.prefix)
    }

    pub(super) async fn put(&self, media: &Media, name: &str) -> Result<Placed, Fault> {
        let url =
            self.prefix.join(name).map_err(|error| Fault::local(format!("`url_prefix` makes no address: {error}")))?;
        let (from, to, bytes) = (media.path.clone(), self.directory.join(name), media.bytes);
        apart(move || copy(&from, &to, bytes)).await?;
        Ok(Placed { url: Some(url), at: Utc::now() })
    }

    pub(super) async fn remove(&self, name: &str) -> Result<(), Fault> {
        let path = self.directory.join(name);
        apart(move || match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Fault::local(format!("`{}` cannot be deleted: {error}", path.display())))
            }
            _ => {
                // what a copy that was killed left
                drop(std::fs::remove_file(part_of(&path)));
                Ok(())
            }
        })
        .await
    }
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    path.with_file_name(name)
}

/// Whole or not at all, readable by the web server whatever the original's mode.
fn copy(from: &Path, to: &Path, bytes: u64) -> Result<(), Fault> {
    let cannot = |error: std::io::Error| Fault::local(format!("`{}` cannot be written: {error}", to.display()));
    let mut source = std::fs::File::open(from)
        .map_err(|error| Fault::local(format!("cannot read `{}`: {error}", from.display())))?;
    let part = part_of(to);
    let mut write = || {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
        let mut file = options.open(&part)?;
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        std::io::copy(&mut source, &mut file)
    };
    let done = write().map_err(cannot).and_then(|written| {
        if written != bytes {
            return Err(Fault::local(format!(
                "`{}` changed while it was being posted: {bytes} bytes became {written}",
                from.display()
            )));
        }
        std::fs::rename(&part, to).map_err(cannot)
    });
    if done.is_err() {
        drop(std::fs::remove_file(&part));
    }
    done
}

/// Files are copied apart from what waits for the network.
async fn apart(job: impl FnOnce() -> Result<(), Fault> + Send + 'static) -> Result<(), Fault> {
    tokio::task::spawn_blocking(job).await.unwrap_or_else(|_| Err(Fault::local("the file could not be copied")))
}
