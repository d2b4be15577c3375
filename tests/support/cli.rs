//! A person's machine for tests of the program: a home of its own, an empty environment, a directory to work in.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use xpost::mock;
use xpost::platform::{self, Platform};
use xpost::twin::{Server, ServerOptions};

/// The secret that must never be seen.
pub const CANARY: &str = "canary-7f3a9c-secret";

#[path = "openapi.rs"]
mod openapi;
#[path = "specs.rs"]
mod specs;

pub struct Machine {
    dir: tempfile::TempDir,
    vars: Vec<(String, String)>,
    /// Another program than the one that is built: a test that stands in for it.
    pub program: Option<PathBuf>,
    pub server: Option<Server>,
}

/// What a run of the program left.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Machine {
    pub fn new() -> Machine {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("work")).unwrap();
        Machine { dir, vars: Vec::new(), program: None, server: None }
    }

    /// One with the twins of all networks behind it.
    pub fn with_twins() -> Machine {
        let mut machine = Machine::new();
        let server = mock::serve(&ServerOptions::default()).unwrap();
        machine.set("XPOST_MIRROR", &server.url());
        machine.server = Some(server);
        machine
    }

    /// One with the twins and an account on each of these (or all) networks.
    pub fn with_accounts(names: &[&str]) -> Machine {
        let machine = Machine::with_twins();
        for platform in platform::ALL {
            let name = platform.spec().name;
            if names.is_empty() || names.contains(&name) {
                machine.account(*platform, name).good();
            }
        }
        machine
    }

    /// Adds an account of the twin through the program, its secrets on standard input.
    pub fn account(&self, platform: &dyn Platform, name: &str) -> Run {
        use secrecy::ExposeSecret;
        let twin = mock::account(self.twins(), platform, 0, &self.path("site"));
        let mut arguments: Vec<String> =
            ["account", "add", platform.spec().name, "--name", name, "--secret", "file", "--stdin"]
                .map(String::from)
                .into();
        if matches!(platform.spec().server, xpost::platform::Server::Own(_)) {
            arguments.extend(["--server".into(), twin.server.clone()]);
        }
        for (key, value) in twin.settings.as_object().into_iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_string);
            arguments.extend(["--set".into(), format!("{key}={value}")]);
        }
        let secrets: serde_json::Map<String, Value> =
            twin.secrets.iter().map(|(key, secret)| (key.clone(), Value::from(secret.expose_secret()))).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.run_with(&arguments, Value::Object(secrets).to_string().as_bytes())
    }

    pub fn twins(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.vars.retain(|(known, _)| known != name);
        self.vars.push((name.into(), value.into()));
    }

    pub fn unset(&mut self, name: &str) {
        self.vars.retain(|(known, _)| known != name);
    }

    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// A path in the working directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("work").join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let built = Path::new(env!("CARGO_BIN_EXE_xpost"));
        let mut command = Command::new(self.program.as_deref().unwrap_or(built));
        command.args(arguments).env_clear().current_dir(self.dir.path().join("work"));
        // Windows programs do not start without these
        for name in ["PATH", "SYSTEMROOT", "TEMP", "TMP"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("XPOST_HOME", self.home()).env("HOME", self.dir.path()).env("COLUMNS", "100").env("TZ", "UTC");
        // no test but the one of the keyring may reach the keyring of whoever runs it
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
        for (name, value) in &self.vars {
            command.env(name, value);
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, b"")
    }

    pub fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Run {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // a program that does not read its input closes the pipe
        let _ = child.stdin.take().unwrap().write_all(stdin);
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&stderr);
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        Run {
            code: status.code().unwrap_or(-1),
            out: self.plain(&String::from_utf8(stdout).unwrap()),
            err: self.plain(&String::from_utf8(stderr).unwrap()),
        }
    }

    /// The document that `--json` printed.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        let run = self.run(&all);
        serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {run:?}"))
    }

    /// The same on every machine: paths and the port of the twins by name.
    fn plain(&self, text: &str) -> String {
        let mut text = text.replace("\r\n", "\n").replace(&self.home().display().to_string(), "HOME");
        text = text.replace(&self.path("").display().to_string(), "WORK/");
        if let Some(server) = &self.server {
            text = text.replace(&server.url(), "MOCK");
        }
        text
    }

    /// All files under the home, with their bytes.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        fn walk(directory: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
            for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    walk(&entry.path(), files);
                } else {
                    files.push((entry.path(), std::fs::read(entry.path()).unwrap_or_default()));
                }
            }
        }
        let mut files = Vec::new();
        walk(&self.home(), &mut files);
        files
    }
}

/// Every request of every test is judged by its network's published document.
impl Drop for Machine {
    fn drop(&mut self) {
        let Some(server) = self.server.as_ref().filter(|_| !std::thread::panicking()) else { return };
        let log = server.log();
        for platform in platform::ALL {
            let spec = platform.spec();
            let own: Vec<_> = log.iter().filter(|exchange| exchange.platform == spec.name).cloned().collect();
            if let Some(document) = spec.document.filter(|_| !own.is_empty()) {
                let problems = openapi::check_log(document, &own);
                assert!(problems.is_empty(), "against the published document `{document}`:\n{}", problems.join("\n"));
            }
        }
    }
}

impl Run {
    /// It ended with 0.
    #[track_caller]
    pub fn good(&self) -> &Run {
        self.ends(0)
    }

    #[track_caller]
    pub fn ends(&self, code: i32) -> &Run {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    /// Both streams and the exit code, for snapshots.
    pub fn all(&self) -> String {
        format!("{}--- stderr\n{}--- exit {}\n", self.out, self.err, self.code)
    }
}

/// `insta` filters for what differs from run to run.
pub fn filters() -> Vec<(&'static str, &'static str)> {
    vec![
        (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?( ?UTC|Z)?", "[time]"),
        (r"\b\d\d:\d\d:\d\d\b", "[clock]"),
        (r"checked \d{4}-\d\d-\d\d", "checked [day]"),
        (r"(ok  |warn|FAIL)  keyring .*", "[keyring]"),
        (r"\b[0-9a-f]{64}\b", "[hash]"),
        (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "[uuid]"),
        (r"in \d+ ms", "in [n] ms"),
        (r"(share:|status/|archives/\w+/p)\d{16,}", "$1[id]"),
        (r"\(\d+ posts, \d+ kB\)", "([size])"),
        (r"post/[2-7a-z]{13}\b", "post/[tid]"),
        (r"channels/\d+/\d+/\d+", "channels/[ids]"),
        (r"@ann0/\d+", "@ann0/[id]"),
        (r"p/[0-9a-z]+\.html", "p/[id].html"),
        (r"\\", "/"),
    ]
}

/// The networks that take a draft of words alone, or of words and a picture, as `--to` takes them.
pub fn takers(picture: bool) -> String {
    let takes = |platform: &&&dyn Platform| {
        let media = &platform.spec().media;
        !media.required || (picture && media.image.is_some())
    };
    let names: Vec<&str> = platform::ALL.iter().filter(takes).map(|platform| platform.spec().name).collect();
    names.join(",")
}
