//! `rotate_command`: a login that changed is handed to a program of the user's, which puts it where the next run will find it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::backend::wait;

/// How long such a command may take.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The most of its output that is shown, in bytes.
const MOST_SHOWN: u64 = 64 * 1024;

/// The commands that are handed renewed logins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotation {
    /// `XPOST_ROTATE_COMMAND`: for all accounts, before what is configured.
    pub everywhere: Option<Vec<String>>,
    /// `[accounts.NAME] rotate_command` of `config.toml`.
    pub of_account: BTreeMap<String, Vec<String>>,
}

impl Rotation {
    /// The command for this account.
    pub fn command(&self, account: &str) -> Option<&[String]> {
        let own =
            || self.of_account.iter().find(|(name, _)| name.eq_ignore_ascii_case(account)).map(|(_, words)| words);
        self.everywhere.as_ref().or_else(own).map(Vec::as_slice).filter(|words| !words.is_empty())
    }
}

/// Something that whoever runs the program should see, on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice<'a> {
    Warning(&'a str),
    /// A line that a command printed.
    Output(&'a str),
}

/// Takes notices.
pub type Notices = Arc<dyn Fn(Notice<'_>) + Send + Sync>;

/// Hands a login to a command: on its standard input, with `XPOST_ACCOUNT` and `XPOST_VARIABLE` in its environment. What it prints
/// goes to `say`, line by line.
///
/// # Errors
/// Why the command did not take it; never with the login in it.
pub fn hand_over(
    command: &[String],
    account: &str,
    variable: &str,
    login: &SecretString,
    limit: Duration,
    say: &Notices,
) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else { return Err("it is empty".into()) };
    let mut child = Command::new(program)
        .args(arguments)
        .env("XPOST_ACCOUNT", account)
        .env("XPOST_VARIABLE", variable)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("`{program}` cannot be run: {error}"))?;
    // each pipe has a thread of its own: a command that does not read, or whose children hold a pipe open, holds up nobody
    let (done, written) = mpsc::channel();
    if let Some(mut input) = child.stdin.take() {
        let login = login.clone();
        std::thread::spawn(move || {
            // one that does not read all of it says by its status how it ended
            let sent = input.write_all(login.expose_secret().as_bytes()).and_then(|()| input.write_all(b"\n"));
            drop(input);
            // nobody may wait for it any more
            let _ = done.send(sent.is_ok());
        });
    }
    let (lines, shown) = mpsc::channel();
    let outputs: [Option<Box<dyn Read + Send>>; 2] =
        [child.stdout.take().map(|pipe| Box::new(pipe) as _), child.stderr.take().map(|pipe| Box::new(pipe) as _)];
    for pipe in outputs.into_iter().flatten() {
        let lines = lines.clone();
        std::thread::spawn(move || {
            let mut shown = BufReader::new(pipe.take(MOST_SHOWN));
            for line in shown.by_ref().split(b'\n').map_while(Result::ok) {
                // nobody listens any more, but whoever writes must not be stopped by that
                drop(lines.send(String::from_utf8_lossy(&line).trim_end().to_string()));
            }
            drop(lines);
            drop(std::io::copy(&mut shown.into_inner().into_inner(), &mut std::io::sink()));
        });
    }
    drop(lines);
    let ended = wait(&mut child, limit).map_err(|why| format!("`{program}`: {why}"));
    while let Ok(line) = shown.recv_timeout(Duration::from_millis(200)) {
        say(Notice::Output(&line));
    }
    ended?;
    if written.recv_timeout(Duration::from_millis(200)) == Ok(true) {
        return Ok(());
    }
    Err(format!("`{program}` ended without reading all of it"))
}

/// Whether there is such a program, as far as can be told without running it.
pub fn there(program: &str) -> bool {
    let path = Path::new(program);
    if path.components().count() > 1 {
        return path.is_file() || cfg!(windows);
    }
    let Some(folders) = std::env::var_os("PATH") else { return true };
    let endings = if cfg!(windows) { &["", ".exe", ".com", ".cmd", ".bat"][..] } else { &[""] };
    std::env::split_paths(&folders)
        .any(|folder| endings.iter().any(|end| folder.join(format!("{program}{end}")).is_file()))
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn run(script: &str, limit: Duration) -> (Result<(), String>, Vec<String>) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let say: Notices = {
            let heard = Arc::clone(&heard);
            Arc::new(move |notice| match notice {
                Notice::Output(line) | Notice::Warning(line) => heard.lock().unwrap().push(line.to_string()),
            })
        };
        let command = ["sh".to_string(), "-c".into(), script.into()];
        let result = hand_over(&command, "work", "XPOST_WORK_LOGIN", &SecretString::from("canary-1"), limit, &say);
        let heard = heard.lock().unwrap().clone();
        (result, heard)
    }

    #[test]
    fn a_command_is_given_the_login_and_told_whose_it_is() {
        let (result, heard) = run("read line; echo \"$XPOST_ACCOUNT $XPOST_VARIABLE ${#line}\"; echo bad >&2", LIMIT);
        assert_eq!(result, Ok(()));
        assert!(
            heard.contains(&"work XPOST_WORK_LOGIN 8".to_string()) && heard.contains(&"bad".to_string()),
            "{heard:?}"
        );
    }

    #[test]
    fn a_command_that_fails_says_how() {
        for (script, says) in [
            ("cat >/dev/null; exit 4", "`sh`: it ended with exit status: 4"),
            ("sleep 5", "`sh`: it took longer than 1 s"),
        ] {
            let why = run(script, Duration::from_secs(1)).0.unwrap_err();
            assert!(why.contains(says) && !why.contains("canary"), "{why}");
        }
        let none = hand_over(&["xpost-no-such".into()], "a", "b", &"x".into(), LIMIT, &{
            let deaf: Notices = Arc::new(|_: Notice<'_>| {});
            deaf
        });
        assert!(none.unwrap_err().contains("cannot be run"));
        assert!(there("sh") && !there("xpost-no-such") && !there("/nonexistent/sh"));
    }

    #[test]
    fn what_is_set_for_all_goes_first() {
        let words = |text: &str| vec![text.to_string()];
        let own = BTreeMap::from([("Work".to_string(), words("own"))]);
        let rotation = Rotation { everywhere: None, of_account: own };
        assert_eq!(rotation.command("work"), Some(&words("own")[..]));
        assert_eq!(rotation.command("play"), None);
        let all = Rotation { everywhere: Some(words("all")), ..rotation };
        assert_eq!(all.command("work"), Some(&words("all")[..]));
    }
}
