//! `xpost completions`: scripts for shells.

use clap_complete::Shell;

use super::trouble::{Exit, Trouble};
use super::world::World;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  xpost completions bash > ~/.local/share/bash-completion/completions/xpost
  xpost completions zsh  > ~/.zfunc/_xpost
  xpost completions fish > ~/.config/fish/completions/xpost.fish")]
pub struct Args {
    shell: Shell,
}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "xpost", &mut script);
    world.out.raw(&script);
    Ok(Exit::Done)
}
