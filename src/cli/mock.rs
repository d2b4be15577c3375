//! `xpost mock`: the twins of all networks on loopback.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::trouble::{Exit, Trouble};
use super::world::{World, block_on};
use crate::account::{Secrets, pack};
use crate::login::FACTS;
use crate::mock;
use crate::twin::ServerOptions;

/// Serve stand-ins of all networks on this machine, to test a pipeline without posting anything
///
/// Set `XPOST_MIRROR` as it says, and every request of xpost goes to the stand-ins. Its page shows the timelines and takes
/// faults to inject. It ends with Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  xpost mock --port 8765\n  XPOST_MIRROR=http://127.0.0.1:8765 xpost publish draft.md --to all"
)]
pub struct Args {
    /// 0 takes any free port
    #[arg(long, default_value_t = 8765)]
    port: u16,
    /// Every answer waits so long
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    delay: u64,
    /// Where stand-ins of this machine (feed) may write; a temporary directory otherwise
    #[arg(long)]
    dir: Option<PathBuf>,
}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    let temporary = args.dir.is_none();
    let dir = args.dir.unwrap_or_else(|| std::env::temp_dir().join(format!("xpost-mock-{}", std::process::id())));
    std::fs::create_dir_all(&dir).with_context(|| format!("`{}` cannot be made", dir.display()))?;
    let options = ServerOptions { port: args.port, delay: Duration::from_millis(args.delay) };
    let server = mock::serve(&options).map_err(|error| {
        Trouble::local(format!("port {} cannot be served: {error}", args.port)).next("xpost mock --port 0")
    })?;
    let hints = mock::ways(&server, &dir);
    let out = &world.out;
    if out.json {
        let pairs = |pairs: &[(String, String)]| -> Value {
            pairs.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect::<serde_json::Map<_, _>>().into()
        };
        let networks: Vec<Value> = hints
            .iter()
            .map(|hint| {
                json!({ "platform": hint.platform, "hosts": hint.hosts, "server": hint.server, "settings": pairs(&hint.settings), "fields": pairs(&hint.secrets) })
            })
            .collect();
        out.document("mock", json!({ "url": server.url(), "networks": networks }));
    } else {
        out.line(&format!("page          {}/", server.url()));
        out.line(&format!("environment   XPOST_MIRROR={}", server.url()));
        for hint in &hints {
            out.line("");
            let server = if hint.server.is_empty() { String::new() } else { format!(" --server {}", hint.server) };
            let sets: String = hint.settings.iter().map(|(key, value)| format!(" --set '{key}={value}'")).collect();
            out.line(&format!("{:<13} xpost account add {}{server}{sets} --stdin", hint.platform, hint.platform));
            if hint.secrets.iter().any(|(field, _)| field == FACTS) {
                // a whole login goes in as `account export` writes it
                let secrets = hint.secrets.iter();
                let whole: Secrets = secrets.map(|(field, value)| (field.clone(), value.as_str().into())).collect();
                out.line(&format!("{:<13}   {}", "", pack(&whole)));
                continue;
            }
            for (field, value) in &hint.secrets {
                out.line(&format!("{:<13}   {field}={value}", ""));
            }
        }
        out.note("\nCtrl-C ends it");
    }
    block_on(async {
        wait().await;
        Ok(())
    })?;
    drop(server);
    if temporary {
        drop(std::fs::remove_dir_all(&dir));
    }
    Ok(Exit::Done)
}

/// Until Ctrl-C or SIGTERM.
pub async fn wait() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    drop(tokio::signal::ctrl_c().await);
}
