//! `xpost man`: manual pages.

use std::path::PathBuf;

use anyhow::Context as _;

use super::trouble::{Exit, Trouble};
use super::world::World;

/// Print the manual page, or write a page for each verb
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  xpost man | man -l -\n  xpost man --dir ~/.local/share/man/man1")]
pub struct Args {
    /// Write all pages into this directory
    #[arg(long)]
    dir: Option<PathBuf>,
}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    let command = super::command();
    let Some(dir) = args.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page).context("the page cannot be made")?;
        world.out.raw(&page);
        return Ok(Exit::Done);
    };
    std::fs::create_dir_all(&dir)
        .and_then(|()| clap_mangen::generate_to(command, &dir))
        .with_context(|| format!("`{}` cannot be written", dir.display()))?;
    world.out.note(&format!("the pages are in `{}`", dir.display()));
    Ok(Exit::Done)
}
