//! A program of the user's own that puts a file somewhere and prints its URL.

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use chrono::Utc;

use super::{Placed, web_address};
use crate::account::HostSettings;
use crate::media::Media;
use crate::net::Fault;
use crate::store::HostedRow;

/// How long a program may take.
const LIMIT: Duration = Duration::from_secs(600);
/// The most that it may print, in bytes.
const MOST: u64 = 8 * 1024;

pub(super) struct Command {
    put: Vec<String>,
    remove: Option<Vec<String>>,
    limit: Duration,
}

impl Command {
    pub(super) fn new(settings: &HostSettings) -> Result<Command, String> {
        let put = settings.command.clone().unwrap_or_default();
        let holds = |command: &[String], names: &[&str]| {
            command.iter().skip(1).any(|one| names.iter().any(|name| one.contains(name)))
        };
        if !holds(&put, &["{file}"]) {
            return Err("`command` must be a program and its arguments, one of them `{file}`".into());
        }
        let remove = settings.remove_command.clone();
        if remove.as_ref().is_some_and(|remove| !holds(remove, &["{name}", "{url}"])) {
            return Err("`remove_command` must be a program and its arguments, one of them `{name}` or `{url}`".into());
        }
        Ok(Command { put, remove, limit: LIMIT })
    }

    #[cfg(test)]
    pub(super) fn with_limit(self, limit: Duration) -> Command {
        Command { limit, ..self }
    }

    pub(super) fn place(&self) -> String {
        format!("command\n{}", self.put.join("\n"))
    }

    pub(super) fn program(&self) -> &str {
        self.put.first().map_or("", String::as_str)
    }

    pub(super) async fn put(&self, media: &Media, name: &str) -> Result<Placed, Fault> {
        let file = media.path.display().to_string();
        let printed = self.run(&self.put, &[("{file}", &file), ("{name}", name), ("{type}", &media.mime)]).await?;
        let program = self.program();
        let wrong = |why: String| Fault::local(format!("the command `{program}` printed no address: {why}")).maybe();
        let text = printed.trim();
        if text.is_empty() || text.contains(char::is_whitespace) {
            return Err(wrong("its output must be one URL and nothing else".into()));
        }
        Ok(Placed { url: Some(web_address(text).map_err(wrong)?), at: Utc::now() })
    }

    pub(super) async fn remove(&self, row: &HostedRow) -> Result<(), Fault> {
        let Some(command) = &self.remove else { return Ok(()) };
        self.run(command, &[("{name}", &row.name), ("{url}", row.url.trim_end_matches('?'))]).await.map(drop)
    }

    async fn run(&self, command: &[String], values: &[(&str, &str)]) -> Result<String, Fault> {
        let fill = |argument: &String| filled(argument, values);
        let Some((program, arguments)) = command.split_first() else {
            return Err(Fault::local("the command is empty"));
        };
        let (program, arguments, limit) = (program.clone(), arguments.iter().map(fill).collect::<Vec<_>>(), self.limit);
        tokio::task::spawn_blocking(move || output(&program, &arguments, limit))
            .await
            .unwrap_or_else(|_| Err(Fault::local("the command could not be waited for")))
    }
}

/// Puts the values in place of their names, each once: what a value holds is never a name again.
fn filled(argument: &str, values: &[(&str, &str)]) -> String {
    let mut rest = argument;
    let mut text = String::new();
    while let Some((at, name, value)) =
        values.iter().filter_map(|(name, value)| Some((rest.find(name)?, *name, *value))).min_by_key(|(at, ..)| *at)
    {
        text.push_str(&rest[..at]);
        text.push_str(value);
        rest = &rest[at + name.len()..];
    }
    text + rest
}

/// Runs a program and takes what it prints, which may be a secret and is never quoted; what it says on standard error the person sees.
fn output(program: &str, arguments: &[String], limit: Duration) -> Result<String, Fault> {
    let failed = |why: String| Fault::local(format!("the command `{program}` failed: {why}")).maybe();
    let mut child = std::process::Command::new(program)
        .args(arguments)
        // standard input may be the draft
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| Fault::local(format!("the command `{program}` cannot be run: {error}")))?;
    let (send, printed) = std::sync::mpsc::channel();
    if let Some(pipe) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = pipe.take(MOST + 1).read_to_end(&mut bytes);
            drop(send.send(read.map(|_| bytes)));
        });
    }
    let end = Instant::now() + limit;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(10)),
            ended => {
                drop(child.kill());
                drop(child.wait());
                let late = || format!("it took longer than {} s", limit.as_secs());
                return Err(failed(ended.map_or_else(|error| error.to_string(), |_| late())));
            }
        }
    };
    // a child of the command may still hold the pipe open
    let rest = end.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(200), Duration::from_secs(10));
    let bytes = printed.recv_timeout(rest);
    // one that prints without end dies of the closed pipe
    if matches!(&bytes, Ok(Ok(bytes)) if bytes.len() as u64 > MOST) {
        return Err(failed("it printed more than 8 kB".into()));
    }
    if !status.success() {
        return Err(failed(format!("it ended with {status}")));
    }
    let bytes = bytes
        .map_err(|_| failed("it ended, but its output did not".into()))?
        .map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| failed("it printed something that is not UTF-8".into()))
}
