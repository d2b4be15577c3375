//! Who is at work: a lock file that its process holds. The kernel frees the lock however the process ends, so there is neither a
//! heartbeat nor a clock in it.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use crate::net::Fault;

/// This process, as the rows it works on name it.
#[derive(Debug)]
pub struct Owner {
    id: Uuid,
    path: PathBuf,
    file: Option<File>,
}

impl Owner {
    /// A new owner with its lock taken.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn new(locks: &Path) -> Result<Owner, Fault> {
        let fail = |error: std::io::Error| Fault::local(format!("no lock file in `{}`: {error}", locks.display()));
        crate::store::private_directory(locks).map_err(fail)?;
        let id = Uuid::now_v7();
        let path = file_of(locks, &id.to_string());
        let file = private().create_new(true).open(&path).map_err(fail)?;
        file.lock().map_err(fail)?;
        Ok(Owner { id, path, file: Some(file) })
    }

    /// The name of one of this process's workers.
    pub fn worker(&self, account_id: i64) -> String {
        format!("{}.{account_id}", self.id)
    }

    /// Whether the process behind a worker's name is gone. Its lock file goes with the answer.
    pub fn dead(&self, locks: &Path, worker: &str) -> bool {
        let id = worker.split('.').next().unwrap_or(worker);
        if id == self.id.to_string() {
            return false;
        }
        let path = file_of(locks, id);
        match OpenOptions::new().write(true).open(&path) {
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
            Ok(file) => match file.try_lock() {
                Ok(()) => {
                    drop(file);
                    // whoever comes next finds no file, which says the same
                    drop(std::fs::remove_file(&path));
                    true
                }
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
            },
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        drop(self.file.take());
        drop(std::fs::remove_file(&self.path));
    }
}

/// To write, for this user alone if it is made by it.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn file_of(locks: &Path, id: &str) -> PathBuf {
    locks.join(format!("{id}.lock"))
}

/// Takes the lock of a login (its `secret_key`), so that one process at a time renews it. Held until dropped.
///
/// # Errors
/// The directory cannot be written, or another process held it for three minutes: the network's time, then that of a command which
/// is handed the new login.
pub async fn login_lock(locks: &Path, key: &str) -> Result<File, Fault> {
    wait_for(locks, &format!("login-{key}"), "renewing this login").await
}

/// Takes the lock of a delivery whose words are changed, so that the journal ends with the words that the network ends with.
///
/// # Errors
/// The directory cannot be written, or another process held it for three minutes.
pub async fn edit_lock(locks: &Path, delivery: i64) -> Result<File, Fault> {
    wait_for(locks, &format!("edit-{delivery}"), "changing this post").await
}

async fn wait_for(locks: &Path, name: &str, doing: &str) -> Result<File, Fault> {
    let path = file_of(locks, name);
    let fail = |error: std::io::Error| Fault::local(format!("no lock on `{}`: {error}", path.display()));
    crate::store::private_directory(locks).map_err(fail)?;
    let file = private().create(true).truncate(false).open(&path).map_err(fail)?;
    for _ in 0..9000 {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
    }
    Err(Fault::local(format!("another xpost has been {doing} for three minutes; try again")))
}
