//! A machine with an account of the network of these tests, and the program on it.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};
use xpost::account::{Chain, SecretField};
use xpost::login::{Facts, Grant, REFRESH, Secrets};
use xpost::net::Redactor;
use xpost::store::{Account, Home, NewAccount, SecretSource, Store};
use xpost::twin::{Server, ServerOptions};

use super::tide::{SERVER, Stand, access, refresh};

/// Set where this file is the program.
pub const AS_PROGRAM: &str = "LOGIN_ALIVE_AS_PROGRAM";
const PAUSE: &str = "LOGIN_ALIVE_PAUSE";
const MARK: &str = "LOGIN_ALIVE_MARK";

/// The program stops here for good if it was told to, and leaves a mark.
pub async fn pause_at(place: &str) {
    if std::env::var(PAUSE).is_ok_and(|wanted| wanted == place) {
        std::fs::write(std::env::var_os(MARK).unwrap(), place).unwrap();
        std::future::pending::<()>().await;
    }
}

/// The network, behind a real socket.
pub struct Network {
    pub stand: Stand,
    pub server: Server,
}

impl Network {
    pub fn new() -> Network {
        let stand = Stand::default();
        let twins = vec![("tide".to_string(), Box::new(stand.clone()) as _)];
        Network { stand, server: Server::start(twins, &ServerOptions::default()).unwrap() }
    }
}

/// A login of this generation whose access token ends so many seconds from now.
pub fn login(n: u32, seconds: i64) -> Grant {
    let mut grant = Grant::new(SecretString::from(access(n)));
    grant.secrets.insert(REFRESH.into(), SecretString::from(refresh(n)));
    grant.facts = Facts {
        way: "own".into(),
        granted_at: Some(Utc::now()),
        renewed_at: Some(Utc::now()),
        access_ends: Some(Utc::now() + TimeDelta::seconds(seconds)),
        ..Facts::default()
    };
    grant
}

/// As the secret chain and the environment hold it.
pub fn packed(secrets: &Secrets) -> String {
    use secrecy::ExposeSecret;
    let fields: serde_json::Map<String, Value> =
        secrets.iter().map(|(name, secret)| (name.clone(), Value::from(secret.expose_secret()))).collect();
    json!({ "v": 1, "fields": fields }).to_string()
}

pub struct Machine {
    dir: tempfile::TempDir,
    vars: Vec<(String, String)>,
}

#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Run {
    #[track_caller]
    pub fn ends(&self, code: i32) -> &Run {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    /// Somewhere, on either stream.
    #[track_caller]
    pub fn says(&self, words: &[&str]) -> &Run {
        for word in words {
            assert!(self.out.contains(word) || self.err.contains(word), "no `{word}` in\n{}\n{}", self.out, self.err);
        }
        self
    }

    #[track_caller]
    pub fn silent_about(&self, word: &str) -> &Run {
        assert!(!self.out.contains(word) && !self.err.contains(word), "`{word}` in\n{}\n{}", self.out, self.err);
        self
    }
}

impl Machine {
    /// One that reaches the network.
    pub fn new(network: &Network) -> Machine {
        let mut machine = Machine::alone();
        machine.set("XPOST_MIRROR", &network.server.url());
        machine
    }

    /// One without a mirror.
    pub fn alone() -> Machine {
        Machine { dir: tempfile::tempdir().unwrap(), vars: Vec::new() }
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.vars.push((name.into(), value.into()));
    }

    pub fn unset(&mut self, name: &str) {
        self.vars.retain(|(known, _)| known != name);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn home(&self) -> Home {
        Home::at(&self.path("home"))
    }

    /// Adds the account `tide`, or another one of this name, and puts its login where it says.
    pub fn account(&self, name: &str, server: &str, secret: SecretSource, grant: &Grant, settings: Value) -> Account {
        let writes = matches!(secret, SecretSource::File);
        let new = NewAccount {
            name: name.into(),
            platform: "tide".into(),
            server: server.into(),
            settings,
            secret,
            secret_key: None,
            login: if writes { json!(grant.facts) } else { Value::Null },
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let store = Store::open(&self.home().database()).unwrap();
            let account = store.account_add(new).await.unwrap();
            if writes {
                self.chain().replace(&account, &grant.to_keep()).await.unwrap();
            }
            account
        })
    }

    /// The account `tide` with its login in a file.
    pub fn with_login(&self, grant: &Grant) -> Account {
        self.account("tide", SERVER, SecretSource::File, grant, json!({}))
    }

    pub fn chain(&self) -> Chain {
        let fields = |_: &str, _: &str| vec![SecretField { name: "token", required: true }];
        Chain::new(&self.home(), Redactor::default(), fields).with_env(Arc::new(|_| None))
    }

    /// What its secrets file holds.
    pub fn kept(&self, account: &Account) -> String {
        std::fs::read_to_string(self.home().secrets().join(format!("{}.json", account.secret_key))).unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(arguments).env_clear().current_dir(self.dir.path());
        for name in ["PATH", "SYSTEMROOT", "TEMP", "TMP"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env(AS_PROGRAM, "1").env("XPOST_HOME", self.path("home")).env("HOME", self.dir.path()).env("TZ", "UTC");
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus").env("RUST_BACKTRACE", "0");
        for (name, value) in &self.vars {
            command.env(name, value);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        finish(self.command(arguments).spawn().unwrap())
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let run = self.run(&[arguments, &["--json"]].concat());
        serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {run:?}"))
    }

    /// Runs it up to this place, and kills it there.
    pub fn killed_at(&self, place: &str, arguments: &[&str]) {
        let mark = self.path("mark");
        drop(std::fs::remove_file(&mark));
        let mut child = self.command(arguments).env(PAUSE, place).env(MARK, &mark).spawn().unwrap();
        until(place, || mark.exists());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// Waits for the end of a program that was started, and looks for what must not be seen.
pub fn finish(child: std::process::Child) -> Run {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let run = Run {
        code: status.code().unwrap_or(-1),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    };
    run.silent_about("panicked").silent_about("canary-7f3a9c");
    run
}

#[track_caller]
pub fn until(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(10));
    }
}
