//! Where things are kept on this machine.

use std::path::{Path, PathBuf};

use super::engine::Error;

/// The directories of this installation. With `XPOST_HOME` everything lies under that one directory; else where the system
/// wants configuration, data and caches to be.
#[derive(Debug, Clone)]
pub struct Home {
    config: PathBuf,
    data: PathBuf,
    cache: PathBuf,
}

impl Home {
    /// The home that the environment names.
    ///
    /// # Errors
    /// There is neither `XPOST_HOME` nor a home directory.
    pub fn find() -> Result<Home, Error> {
        if let Some(root) = std::env::var_os("XPOST_HOME").filter(|root| !root.is_empty()) {
            return Ok(Home::at(Path::new(&root)));
        }
        let directories = directories::ProjectDirs::from("", "", "xpost").ok_or_else(|| {
            Error::Other("no home directory is known; set `XPOST_HOME` to a directory of your own".into())
        })?;
        Ok(Home {
            config: directories.config_dir().to_path_buf(),
            data: directories.data_dir().to_path_buf(),
            cache: directories.cache_dir().to_path_buf(),
        })
    }

    /// Everything under one directory.
    pub fn at(root: &Path) -> Home {
        Home { config: root.to_path_buf(), data: root.to_path_buf(), cache: root.join("cache") }
    }

    /// The user's own settings.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// Accounts and history.
    pub fn database(&self) -> PathBuf {
        self.data.join("xpost.db")
    }

    /// Lock files of running processes and of logins being renewed.
    pub fn locks(&self) -> PathBuf {
        self.data.join("locks")
    }

    /// Secrets of the accounts that asked for a file by name.
    pub fn secrets(&self) -> PathBuf {
        self.data.join("secrets")
    }

    /// Pictures of link cards and the like; may be deleted at any time.
    pub fn cache(&self) -> PathBuf {
        self.cache.clone()
    }
}
