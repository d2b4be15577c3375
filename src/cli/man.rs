//! `xpost man`: manual pages.

use std::path::PathBuf;

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
        clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(|error| Trouble::local(format!("the page cannot be made: {error}")))?;
        world.out.raw(&page);
        return Ok(Exit::Done);
    };
    let wrong = |error: std::io::Error| Trouble::local(format!("`{}` cannot be written: {error}", dir.display()));
    std::fs::create_dir_all(&dir).map_err(wrong)?;
    clap_mangen::generate_to(command, &dir).map_err(wrong)?;
    world.out.note(&format!("the pages are in `{}`", dir.display()));
    Ok(Exit::Done)
}
