//! The command line: one file per verb; the only room that touches the terminal.
//!
//! | file | what |
//! |---|---|
//! | [`mod@out`], `trouble` | results, talk, exit codes |
//! | `world` | home, settings, store, secrets and the door, each opened when a verb first needs it |
//! | `input`, `planning`, `delivery` | from what was typed to a draft, to plans, through the engine |
//! | `docs` | the shapes of `--json`, see `docs/json.md` |
//! | `login`, `person` | ways to log in, walked with whoever sits at the terminal |
//! | all others | one verb each |

mod account;
mod account_add;
mod account_fields;
mod account_leave;
mod backup;
mod cancel;
mod check;
mod completions;
mod delete;
mod delivery;
mod demo;
mod docs;
mod doctor;
mod edit;
mod finding;
mod history;
mod input;
mod login;
mod man;
mod media;
mod media_host;
mod mock;
mod notes;
pub mod out;
mod person;
mod planning;
mod platforms;
mod preview;
mod preview_html;
mod publish;
mod resolve;
mod retry;
mod run;
mod targets;
mod trouble;
mod world;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use out::{Color, Out};
use trouble::{Exit, Trouble};

use crate::net::Redactor;

const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\nthe crossposter in Rust: write once, land everywhere, exactly once\n(not the Go tool of the same name, which posts to X, Mastodon and Bluesky)"
);

const AFTER: &str = "\
Examples:
  xpost account add mastodon --server https://mastodon.social
  xpost check draft.md --to all
  xpost publish draft.md --to all
  echo 'It works' | xpost publish - --to mastodon,bluesky

Exit codes:
  0 all done        3 refused, nothing was sent    6 an outcome is unknown: run `xpost resolve`
  1 local error     4 partly published             7 a login is needed or has expired
  2 wrong usage     5 nothing published            130 interrupted; the journal has the rest

Try `xpost demo` first: it needs no account and no network.";

/// Write once, land everywhere, exactly once
///
/// xpost takes one Markdown draft and puts one correct native post on each network, and keeps a journal so that a crash, a time-out or a
/// second run never posts twice.
#[derive(Debug, Parser)]
#[command(name = "xpost", version = env!("CARGO_PKG_VERSION"), long_version = VERSION, after_help = AFTER, max_term_width = 100, propagate_version = false)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
struct Globals {
    /// One JSON document on standard output (docs/json.md)
    #[arg(long, global = true)]
    json: bool,
    /// Only results, warnings and errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Tell what is done; twice: every request (never a secret)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Colour: `auto` on a terminal, unless `NO_COLOR` is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = false)]
    color: Color,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Publish(publish::Args),
    Check(check::Args),
    Preview(preview::Args),
    Account(account::Args),
    History(history::Args),
    Run(run::Args),
    Retry(retry::Args),
    Resolve(resolve::Args),
    Cancel(cancel::Args),
    Edit(edit::Args),
    Delete(delete::Args),
    Media(media::Args),
    Platforms(platforms::Args),
    MediaHost(media_host::Args),
    Doctor(doctor::Args),
    Backup(backup::Args),
    Mock(mock::Args),
    Demo(demo::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// The command tree, for completions, man pages and tests.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { Exit::Usage as u8 } else { Exit::Done as u8 });
        }
    };
    let redactor = Redactor::default();
    let globals = &cli.globals;
    let out = Out::new(globals.json, globals.quiet, globals.verbose, globals.color, redactor.clone());
    if globals.verbose > 0 {
        log(globals.verbose, redactor.clone());
    }
    let world = world::World::new(out, redactor);
    let exit = dispatch(cli.verb, &world).unwrap_or_else(|trouble| {
        world.out.trouble(&trouble);
        trouble.exit
    });
    let exit = if world.out.failed() && exit == Exit::Done { Exit::Error } else { exit };
    ExitCode::from(exit as u8)
}

fn dispatch(verb: Verb, world: &world::World) -> Result<Exit, Trouble> {
    match verb {
        Verb::Publish(args) => publish::run(args, world),
        Verb::Check(args) => check::run(args, world),
        Verb::Preview(args) => preview::run(args, world),
        Verb::Account(args) => account::run(args, world),
        Verb::History(args) => history::run(args, world),
        Verb::Run(args) => run::run(args, world),
        Verb::Retry(args) => retry::run(args, world),
        Verb::Resolve(args) => resolve::run(args, world),
        Verb::Cancel(args) => cancel::run(args, world),
        Verb::Edit(args) => edit::run(args, world),
        Verb::Delete(args) => delete::run(args, world),
        Verb::Media(args) => media::run(args, world),
        Verb::Platforms(args) => platforms::run(args, world),
        Verb::MediaHost(args) => media_host::run(args, world),
        Verb::Doctor(args) => doctor::run(args, world),
        Verb::Backup(args) => backup::run(args, world),
        Verb::Mock(args) => mock::run(args, world),
        Verb::Demo(args) => demo::run(args, world),
        Verb::Completions(args) => completions::run(args, world),
        Verb::Man(args) => man::run(args, world),
    }
}

/// Log lines on standard error, through the redactor.
fn log(verbose: u8, redactor: Redactor) {
    struct Clean(Redactor);
    impl std::io::Write for Clean {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let text = self.0.clean(&String::from_utf8_lossy(bytes));
            drop(std::io::Write::write_all(&mut std::io::stderr().lock(), text.as_bytes()));
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let filter = if verbose > 1 { "xpost=debug" } else { "xpost=info" };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_target(false)
        .with_ansi(false)
        .with_writer(move || Clean(redactor.clone()))
        .finish();
    drop(tracing::subscriber::set_global_default(subscriber));
}
