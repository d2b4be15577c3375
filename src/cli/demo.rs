//! `xpost demo`: everything once, on this machine alone.

use std::time::Duration;

use anyhow::Context as _;

use super::delivery::{self, Patience};
use super::input::DraftArgs;
use super::out::Paint;
use super::planning::{self, Depth};
use super::publish::{Sending, send};
use super::trouble::{Exit, Trouble};
use super::world::{World, block_on_many};
use crate::account::{Config, HostSettings};
use crate::draft::{self, Form};
use crate::mock;
use crate::platform::{self, FieldKind};
use crate::store::{Home, NewAccount, SecretSource};
use crate::twin::ServerOptions;

const RELEASE: &str = include_str!("../../examples/release.md");
const EVERYTHING: &str = include_str!("../../examples/everything.md");
/// What the two drafts show.
const FILES: &[(&str, &[u8])] = &[
    ("crab.png", include_bytes!("../../examples/crab.png")),
    ("crab-blue.png", include_bytes!("../../examples/crab-blue.png")),
    ("wave.mp4", include_bytes!("../../examples/wave.mp4")),
];

/// Publish an example to stand-ins of all networks: no account, no network, nothing leaves this machine
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  xpost demo\n  xpost demo --all     with a film, a comment and a place, to every network\n  xpost demo --stay    keep the page with the timelines open until Ctrl-C"
)]
pub struct Args {
    /// Publish `examples/everything.md`, with pictures and a film, to every network
    #[arg(long)]
    all: bool,
    /// Keep the page open until Ctrl-C (always, on a terminal)
    #[arg(long)]
    stay: bool,
    /// Every answer waits so long, so that there is something to see
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 150)]
    delay: u64,
}

/// A directory that goes with the demo.
struct Temporary(std::path::PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub fn run(args: Args, outer: &World) -> Result<Exit, Trouble> {
    let dir = Temporary(std::env::temp_dir().join(format!("xpost-demo-{}", uuid::Uuid::now_v7().simple())));
    let (name, text) = if args.all { ("everything.md", EVERYTHING) } else { ("release.md", RELEASE) };
    furnish(&dir.0).with_context(|| format!("`{}` cannot be written", dir.0.display()))?;
    let options = ServerOptions { port: 0, delay: Duration::from_millis(args.delay) };
    let server = mock::serve(&options).context("no port of this machine can be served")?;
    let mirror = url::Url::parse(&server.url()).map_err(|error| Trouble::local(error.to_string()))?;
    // some networks fetch pictures from a public address
    let public = dir.0.join("public");
    std::fs::create_dir(&public).with_context(|| format!("`{}` cannot be written", public.display()))?;
    let host = HostSettings {
        directory: Some(public),
        url_prefix: Some("https://files.example/".into()),
        ..HostSettings::default()
    };
    let config = Config { media_host: Some(host), ..Config::default() };
    let world = outer.elsewhere(Home::at(&dir.0), config, mirror);
    let out = &world.out;
    let exit = block_on_many(async {
        let store = world.store()?;
        let chain = world.chain()?;
        for platform in platform::ALL {
            let spec = platform.spec();
            let twin = mock::account(&server, *platform, 0, &dir.0);
            let none = spec.fields.iter().all(|field| field.kind != FieldKind::Secret);
            let account = store
                .account_add(NewAccount {
                    name: spec.name.into(),
                    platform: spec.name.into(),
                    server: twin.server,
                    settings: twin.settings,
                    secret: if none { SecretSource::None } else { SecretSource::File },
                    secret_key: None,
                    login: serde_json::Value::Null,
                })
                .await?;
            if !none {
                chain.replace(&account, &twin.secrets).await?;
            }
        }
        let engine = delivery::engine(&world, Patience::none())?;
        let accounts = store.accounts().await?;
        let checks = futures_util::future::join_all(accounts.into_iter().map(|account| engine.check(account))).await;
        checks.into_iter().collect::<Result<Vec<_>, _>>()?;
        let source = format!("examples/{name}");
        let draft = draft::parse(&source, &dir.0, text.as_bytes(), Form::Markdown, &variables())
            .map_err(|error| Trouble::local(error.to_string()))?;
        let to = DraftArgs { drafts: Vec::new(), text: None, to: vec!["all".into()], var: Vec::new() };
        let mut planned = planning::plan(vec![draft], &to, Depth::Send, &world).await?;
        let mut away = Vec::new();
        for one in planned.iter_mut().filter(|_| !args.all) {
            away.extend(one.plans().filter(|plan| !plan.good()).map(|plan| plan.target.clone()));
            one.targets.retain(|(_, plan)| plan.good());
        }
        let there: usize = planned.iter().map(|one| one.targets.len()).sum();
        out.note(&format!("publishing `{source}` to {there} stand-ins on this machine"));
        if !away.is_empty() {
            out.note(&format!("left out, since they want a film: {} (`xpost demo --all` has one)", away.join(", ")));
        }
        let patient = delivery::engine(&world, Patience::of(None, &world)?)?;
        send("demo", planned, &Sending::default(), &patient, &world).await
    })?;
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr()) && !out.json;
    if terminal || args.stay {
        out.note(&format!("\nthe timelines are at {}/  (Ctrl-C ends it)", out.err_paint(Paint::Bold, &server.url())));
        super::world::block_on(async {
            super::mock::wait().await;
            Ok(())
        })?;
    } else {
        out.note(&format!("\nthe timelines were at {}/ (`--stay` keeps them there)", server.url()));
    }
    Ok(exit)
}

/// The files of the drafts.
fn furnish(dir: &std::path::Path) -> std::io::Result<()> {
    crate::store::private_directory(dir)?;
    FILES.iter().try_for_each(|(name, bytes)| std::fs::write(dir.join(name), bytes))
}

fn variables() -> draft::Vars {
    let mut vars = draft::built_ins(&chrono::Utc::now());
    vars.insert("version".into(), "2.0".into());
    vars
}
