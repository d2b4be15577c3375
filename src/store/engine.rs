//! The connection: opened, checked, migrated, and served by one thread.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

/// The migrations in order; `user_version` counts those that were run.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002-hosted.sql"),
    include_str!("migrations/0003-comments.sql"),
];

/// Another process may hold the write lock this long.
const BUSY: Duration = Duration::from_secs(20);

/// Writes that are committed together at the most.
const BATCH: usize = 64;

/// What can go wrong with the store.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error(
        "the database `{path}` was written by a newer xpost (its version is {found}, this one knows {known}); update xpost"
    )]
    Newer { path: String, found: usize, known: usize },
    #[error("the database `{path}` is damaged: {why}; move it away to start anew, or restore a backup")]
    Damaged { path: String, why: String },
    #[error("the disk is full: the database `{path}` could not be written; nothing more is sent until there is room")]
    Full { path: String },
    #[error("the database `{path}` cannot be written: {why}; set `XPOST_HOME` to a directory of your own")]
    ReadOnly { path: String, why: String },
    #[error("the database `{path}` stayed locked by another process for {} s; try again", BUSY.as_secs())]
    Busy { path: String },
    #[error("{0}")]
    Conflict(String),
    #[error("the database failed: {0}")]
    Other(String),
}

impl Error {
    fn from_sqlite(error: &rusqlite::Error, path: &Path) -> Error {
        use rusqlite::ErrorCode as Code;
        let io_failed = error.sqlite_error_code() == Some(Code::SystemIoFailure);
        let full = io_failed && no_room(path);
        let path = path.display().to_string();
        let why = error.to_string();
        match error.sqlite_error_code() {
            Some(Code::NotADatabase | Code::DatabaseCorrupt) => Error::Damaged { path, why },
            Some(Code::DiskFull) => Error::Full { path },
            _ if full => Error::Full { path },
            Some(Code::ReadOnly | Code::CannotOpen | Code::PermissionDenied) => Error::ReadOnly { path, why },
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Error::Busy { path },
            _ => Error::Other(why),
        }
    }
}

/// Whether there is no room beside the database. SQLite says "disk I/O error" where its memory-mapped index does not fit.
fn no_room(path: &Path) -> bool {
    let probe = path.with_extension(format!("room-{}", std::process::id()));
    let written = private_file(&probe).and_then(|()| std::fs::write(&probe, [0; 64 * 1024]));
    drop(std::fs::remove_file(&probe));
    written
        .is_err_and(|error| matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded))
}

type Value = Box<dyn Any + Send>;
type WriteJob = Box<dyn FnOnce(&Transaction) -> rusqlite::Result<Result<Value, Error>> + Send>;
type ReadJob = Box<dyn FnOnce(&Connection) -> rusqlite::Result<Value> + Send>;

enum Job {
    Write(Write),
    Read(ReadJob, oneshot::Sender<Result<Value, Error>>),
}

struct Write {
    job: WriteJob,
    reply: oneshot::Sender<Result<Value, Error>>,
    /// It has to be on the disk before its caller goes on.
    durable: bool,
}

/// The store. Dropping it closes the database.
pub struct Store {
    jobs: mpsc::Sender<Job>,
    path: PathBuf,
}

impl Store {
    /// Opens (or makes) the database file, private to this user, and brings it up to date.
    ///
    /// # Errors
    /// It cannot be opened or written, is damaged, or is newer than this program.
    pub fn open(path: &Path) -> Result<Store, Error> {
        let at = |error: &rusqlite::Error| Error::from_sqlite(error, path);
        let cannot = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::StorageFull => Error::Full { path: path.display().to_string() },
            _ => Error::ReadOnly { path: path.display().to_string(), why: error.to_string() },
        };
        if let Some(directory) = path.parent() {
            private_directory(directory).map_err(cannot)?;
        }
        private_file(path).map_err(cannot)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(|error| at(&error))?;
        connection.busy_timeout(BUSY).map_err(|error| at(&error))?;
        // folded into the database at 1 MB (250 pages) instead of 4, so that the files stay small beside one another
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 250; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
                 PRAGMA temp_store = MEMORY;",
            )
            .map_err(|error| at(&error))?;
        connection.set_prepared_statement_cache_capacity(64);
        migrate(&mut connection, path)?;
        let (jobs, queue) = mpsc::channel();
        let file = path.to_path_buf();
        std::thread::Builder::new()
            .name("store".into())
            .spawn(move || serve(connection, &queue, &file))
            .map_err(|error| Error::Other(format!("no thread for the database: {error}")))?;
        Ok(Store { jobs, path: path.to_path_buf() })
    }

    /// Where the database is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs a transaction; it returns after the commit has reached the disk. A [`Error`] from the closure rolls back.
    pub(super) async fn write<R, F>(&self, job: F) -> Result<R, Error>
    where
        R: Send + 'static,
        F: FnOnce(&Transaction) -> rusqlite::Result<Result<R, Error>> + Send + 'static,
    {
        self.commit(true, job).await
    }

    /// The same for what may be lost with the power (never with the process): it reaches the disk with the next [`Store::write`].
    pub(super) async fn write_lightly<R, F>(&self, job: F) -> Result<R, Error>
    where
        R: Send + 'static,
        F: FnOnce(&Transaction) -> rusqlite::Result<Result<R, Error>> + Send + 'static,
    {
        self.commit(false, job).await
    }

    async fn commit<R, F>(&self, durable: bool, job: F) -> Result<R, Error>
    where
        R: Send + 'static,
        F: FnOnce(&Transaction) -> rusqlite::Result<Result<R, Error>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: WriteJob = Box::new(move |tx| Ok(job(tx)?.map(|value| Box::new(value) as Value)));
        self.ask(Job::Write(Write { job, reply, durable }), answer).await
    }

    /// Reads outside any write transaction.
    pub(super) async fn read<R, F>(&self, job: F) -> Result<R, Error>
    where
        R: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<R> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: ReadJob = Box::new(move |connection| Ok(Box::new(job(connection)?) as Value));
        self.ask(Job::Read(job, reply), answer).await
    }

    async fn ask<R: 'static>(&self, job: Job, answer: oneshot::Receiver<Result<Value, Error>>) -> Result<R, Error> {
        let gone = || Error::Other("its thread has ended".into());
        self.jobs.send(job).map_err(|_| gone())?;
        let value = answer.await.map_err(|_| gone())??;
        value.downcast::<R>().map(|value| *value).map_err(|_| Error::Other("an answer of another type".into()))
    }

    /// Whether the file is whole, as SQLite's own quick check says.
    ///
    /// # Errors
    /// It is not, or could not be read.
    pub async fn check(&self) -> Result<(), Error> {
        let path = self.path.display().to_string();
        let said: String = self.read(|c| c.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))).await?;
        if said == "ok" { Ok(()) } else { Err(Error::Damaged { path, why: said }) }
    }

    /// A copy of the database, whole at one moment, in a new private file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn backup(&self, to: PathBuf) -> Result<(), Error> {
        private_file(&to).map_err(|error| Error::Other(format!("cannot write `{}`: {error}", to.display())))?;
        self.read(move |c| c.backup("main", &to, None::<fn(rusqlite::backup::Progress)>)).await
    }
}

/// The thread: takes jobs as they come, and commits the writes that are waiting together.
fn serve(mut connection: Connection, queue: &mpsc::Receiver<Job>, path: &Path) {
    let mut held = None;
    while let Some(job) = held.take().or_else(|| queue.recv().ok()) {
        match job {
            Job::Read(job, reply) => {
                let result = job(&connection).map_err(|error| Error::from_sqlite(&error, path));
                drop(reply.send(result));
            }
            Job::Write(write) => {
                let mut batch = vec![write];
                while batch.len() < BATCH {
                    match queue.try_recv() {
                        Ok(Job::Write(write)) => batch.push(write),
                        Ok(other) => {
                            held = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                commit(&mut connection, batch, path);
            }
        }
    }
}

type Waiting = Vec<(oneshot::Sender<Result<Value, Error>>, Result<Value, Error>)>;

fn commit(connection: &mut Connection, batch: Vec<Write>, path: &Path) {
    // FULL: a forgotten `sending` is a second post
    let sync = if batch.iter().any(|write| write.durable) { "FULL" } else { "NORMAL" };
    let begun = connection
        .pragma_update(None, "synchronous", sync)
        .and_then(|()| connection.transaction_with_behavior(TransactionBehavior::Immediate));
    let mut tx = match begun {
        Ok(tx) => tx,
        Err(error) => {
            let error = Error::from_sqlite(&error, path);
            for write in batch {
                drop(write.reply.send(Err(error.clone())));
            }
            return;
        }
    };
    let mut waiting: Waiting = Vec::with_capacity(batch.len());
    for Write { job, reply, .. } in batch {
        let result = one(&mut tx, job).unwrap_or_else(|error| Err(Error::from_sqlite(&error, path)));
        waiting.push((reply, result));
    }
    crash_point();
    // nobody is told of success before the disk has it
    let failed = tx.commit().err().map(|error| Error::from_sqlite(&error, path));
    crash_point();
    for (reply, result) in waiting {
        drop(reply.send(match &failed {
            Some(error) => Err(error.clone()),
            None => result,
        }));
    }
}

/// For the crash test, in debug builds alone: `XPOST_TEST_CRASH=N` kills this process at the Nth commit, before it reaches the disk
/// (odd) or right after (even).
fn crash_point() {
    #[cfg(debug_assertions)]
    {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static AT: std::sync::OnceLock<Option<usize>> = std::sync::OnceLock::new();
        static COMMITS: AtomicUsize = AtomicUsize::new(0);
        let at = *AT.get_or_init(|| std::env::var("XPOST_TEST_CRASH").ok()?.parse().ok());
        let passed = COMMITS.fetch_add(1, Ordering::Relaxed) + 1;
        if at == Some(passed) {
            std::process::abort();
        }
    }
}

/// One job in a savepoint of its own, so that its failure undoes nothing of its neighbours.
fn one(tx: &mut Transaction, job: WriteJob) -> rusqlite::Result<Result<Value, Error>> {
    tx.execute_batch("SAVEPOINT job")?;
    match job(tx) {
        Ok(Ok(value)) => {
            tx.execute_batch("RELEASE job")?;
            Ok(Ok(value))
        }
        failed => {
            tx.execute_batch("ROLLBACK TO job; RELEASE job")?;
            failed
        }
    }
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    let at = |error: rusqlite::Error| Error::from_sqlite(&error, path);
    let version = |c: &Connection| c.query_row("PRAGMA user_version", [], |row| row.get::<_, usize>(0));
    let known = MIGRATIONS.len();
    if version(connection).map_err(at)? == known {
        return Ok(());
    }
    // two processes may start at once: look again under the write lock
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(at)?;
    let found = version(&tx).map_err(at)?;
    if found > known {
        return Err(Error::Newer { path: path.display().to_string(), found, known });
    }
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(found) {
        tx.execute_batch(sql).map_err(at)?;
        tx.pragma_update(None, "user_version", index + 1).map_err(at)?;
    }
    tx.commit().map_err(at)
}

/// Makes a directory, and those above it, for this user alone.
///
/// # Errors
/// It cannot be made.
pub fn private_directory(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes a file for this user alone, if it is not there.
///
/// # Errors
/// It cannot be made.
pub fn private_file(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}
