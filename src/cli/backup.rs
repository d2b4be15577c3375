//! `xpost backup`: a copy of the database.

use std::path::PathBuf;

use serde_json::json;

use super::trouble::{Exit, Trouble};
use super::world::{World, block_on};

/// Copy accounts and history into a file, whole as of one moment
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Secrets are not in it: they stay in the keyring, in their files or in the environment. On another machine each account needs \
`xpost account login NAME`. The texts of all posts are in it; only you can read the file.

To restore it, end every xpost, put it in the place of `xpost.db` (`xpost doctor` says where that is) and delete `xpost.db-wal` and \
`xpost.db-shm` beside it. It knows nothing of what was posted after it was made: that could be posted a second time.

Examples:
  xpost backup ~/backups/xpost.db
  xpost backup --force /mnt/usb/xpost.db")]
pub struct Args {
    /// Where to; the directory must be there
    file: PathBuf,
    /// Replace the file if there is one
    #[arg(long)]
    force: bool,
}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    let file = std::path::absolute(&args.file)
        .map_err(|error| Trouble::usage(format!("`{}`: {error}", args.file.display())))?;
    let shown = file.display();
    let database = world.home()?.database();
    if !database.exists() {
        return Err(Trouble::local(format!("there is nothing to copy yet: no `{}`", database.display())));
    }
    if file.is_dir() {
        return Err(Trouble::usage(format!("`{shown}` is a directory; name a file in it")));
    }
    if let (Ok(one), Ok(other)) = (file.canonicalize(), database.canonicalize())
        && one == other
    {
        return Err(Trouble::usage(format!("`{shown}` is the database itself")));
    }
    let exists = || Trouble::usage(format!("there is a file `{shown}` already; `--force` replaces it"));
    if !args.force && file.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let wrong = |error: std::io::Error| Trouble::local(format!("`{shown}` cannot be written: {error}"));
    // beside it first: a copy that breaks off leaves the old one alone
    let mut name = file.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".new-{}", uuid::Uuid::now_v7().simple()));
    let new = file.with_file_name(name);
    let done = block_on(async {
        let store = world.store()?;
        store.backup(new.clone()).await?;
        let totals = store.totals().await?;
        Ok(totals.posts)
    })
    .and_then(|posts| {
        let bytes = std::fs::metadata(&new).map_err(wrong)?.len();
        if args.force {
            std::fs::rename(&new, &file).map_err(wrong)?;
        } else {
            // unlike a rename, a link never replaces what another process put there meanwhile; not every file system has it
            match std::fs::hard_link(&new, &file) {
                Ok(()) => std::fs::remove_file(&new).map_err(wrong)?,
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(exists()),
                Err(_) => std::fs::rename(&new, &file).map_err(wrong)?,
            }
        }
        Ok((posts, bytes))
    });
    if done.is_err() {
        drop(std::fs::remove_file(&new));
    }
    let (posts, bytes) = done?;
    if world.out.json {
        world.out.document("backup", json!({ "file": file.to_string_lossy(), "posts": posts, "bytes": bytes }));
    } else {
        let many = if posts == 1 { "post" } else { "posts" };
        world.out.line(&format!("{posts} {many} and all accounts are in `{shown}` ({} kB)", bytes / 1024));
        world.out.note("secrets are not in it; on another machine each account needs `xpost account login NAME`");
    }
    Ok(Exit::Done)
}
