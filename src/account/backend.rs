//! Where a secret lies: a private file, the output of a command. Everything here blocks; [`super::chain`] calls it from a thread.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::Secrets;
use crate::net::{Fault, Kind};
use crate::store::private_directory;

/// The most that a command may print, in bytes.
const MAX_OUTPUT: u64 = 1024 * 1024;

/// By how many bytes a login may grow when it is renewed.
const ROOM: u64 = 8 * 1024;

/// How long a command may take.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// The one JSON value that keyring and file hold: `{"v":1,"fields":{...}}`.
pub fn pack(secrets: &Secrets) -> String {
    let fields: Map<String, Value> =
        secrets.iter().map(|(name, secret)| (name.clone(), Value::from(secret.expose_secret()))).collect();
    json!({ "v": 1, "fields": fields }).to_string()
}

/// The fields of that value; the error never quotes it.
pub fn unpack(text: &str) -> Result<Secrets, String> {
    let value: Value = serde_json::from_str(text).map_err(|_| "it is not the JSON that xpost writes".to_string())?;
    match value.get("v").and_then(Value::as_u64) {
        Some(1) => {}
        Some(newer) => return Err(format!("its version is {newer}, this xpost knows 1; update xpost")),
        None => return Err("it is not the JSON that xpost writes".into()),
    }
    let fields = value.get("fields").and_then(Value::as_object).ok_or("it holds no fields")?;
    Ok(texts(fields))
}

/// The text fields of an object.
pub fn texts(fields: &Map<String, Value>) -> Secrets {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    fields.iter().filter_map(|(name, value)| Some((name.clone(), SecretString::from(text(value)?)))).collect()
}

/// The secrets in a file of this user alone; `None` if there is no such file.
pub fn read_file(path: &Path) -> Result<Option<Secrets>, Fault> {
    let wrong = |why: String| Fault::local(format!("the secrets file `{}` cannot be used: {why}", path.display()));
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let meta = file.metadata().map_err(|error| wrong(error.to_string()))?;
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            return Err(wrong(format!(
                "others may read it (its mode is {mode:o}); run `chmod 600 {}`",
                path.display()
            )));
        }
    }
    if meta.len() > MAX_OUTPUT {
        return Err(wrong("it is far too large".into()));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
    unpack(&text).map(Some).map_err(wrong)
}

/// Writes the secrets whole or not at all: a new file, on the disk, then in place of the old one.
pub fn write_file(path: &Path, secrets: &Secrets) -> Result<(), Fault> {
    let wrong = |error: std::io::Error| {
        Fault::local(format!("the secrets file `{}` cannot be written: {error}; nothing was changed", path.display()))
    };
    if let Some(directory) = path.parent() {
        private_directory(directory).map_err(wrong)?;
    }
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let write = || {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&new)?;
        file.write_all(pack(secrets).as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    };
    drop(std::fs::remove_file(&new));
    // what was set aside for this
    drop(std::fs::remove_file(room(path)));
    write().map_err(|error| {
        drop(std::fs::remove_file(&new));
        wrong(error)
    })
}

/// Sets aside the room that the next [`write_file`] of this path needs, until then: a disk that fills up meanwhile takes it from
/// nobody.
///
/// # Errors
/// There is no room, or the directory cannot be written.
pub fn reserve(path: &Path) -> Result<Reserved, Fault> {
    let wrong = |error: std::io::Error| {
        Fault::local(format!("its secrets file `{}` could not be written: {error}", path.display()))
    };
    if let Some(directory) = path.parent() {
        private_directory(directory).map_err(wrong)?;
    }
    let size = std::fs::metadata(path).map_or(0, |meta| meta.len()) + ROOM;
    let room = room(path);
    let take = || {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&room)?;
        std::io::copy(&mut std::io::repeat(0).take(size), &mut file)?;
        file.sync_all()
    };
    match take() {
        Ok(()) => Ok(Reserved(room)),
        Err(error) => {
            drop(std::fs::remove_file(&room));
            Err(wrong(error))
        }
    }
}

/// Room on the disk, given back when it is dropped.
pub struct Reserved(PathBuf);

impl Drop for Reserved {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

fn room(path: &Path) -> PathBuf {
    path.with_extension("room")
}

/// Deletes the file; one that is gone already is fine.
pub fn remove_file(path: &Path) -> Result<(), Fault> {
    // a process that was killed may have left it
    drop(std::fs::remove_file(room(path)));
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Fault::local(format!("the secrets file `{}` cannot be deleted: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

/// Runs a command and takes what it prints: a JSON object of fields, or the plain value of the one secret field there is.
/// What it printed is never quoted; what it says on standard error the person sees.
pub fn run_command(command: &[String], fields: &[&str], limit: Duration) -> Result<Secrets, Fault> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Fault::local("the command that gives the secret is empty"));
    };
    let failed = |why: String| Fault::new(Kind::Auth, format!("the command `{program}` gave no secret: {why}"));
    let mut child = Command::new(program)
        .args(arguments)
        // standard input may be the draft
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| {
            Fault::local(format!("the command `{program}` that gives the secret cannot be run: {error}"))
        })?;
    let (send, printed) = std::sync::mpsc::channel();
    if let Some(pipe) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = pipe.take(MAX_OUTPUT + 1).read_to_end(&mut bytes);
            drop(send.send(read.map(|_| bytes)));
        });
    }
    let end = Instant::now() + limit;
    wait(&mut child, limit).map_err(failed)?;
    // a child of the command may still hold the pipe open
    let bytes = printed
        .recv_timeout(end.saturating_duration_since(Instant::now()).max(Duration::from_millis(200)))
        .map_err(|_| failed("it ended, but its output did not".into()))?
        .map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > MAX_OUTPUT {
        return Err(failed("it printed more than 1 MB".into()));
    }
    let text = String::from_utf8(bytes).map_err(|_| failed("it printed something that is not UTF-8".into()))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(failed("it printed nothing".into()));
    }
    if text.starts_with('{')
        && let Ok(Value::Object(object)) = serde_json::from_str(text)
    {
        return Ok(match object.get("fields") {
            Some(Value::Object(fields)) => texts(fields),
            _ => texts(&object),
        });
    }
    match fields {
        [one] => Ok([((*one).to_string(), SecretString::from(text))].into()),
        [] => Err(failed("this account has no secret field".into())),
        several => Err(failed(format!(
            "it must print a JSON object with the fields `{}`, because there is more than one",
            several.join("`, `")
        ))),
    }
}

/// Waits until a command has ended well; one that takes longer is ended.
///
/// # Errors
/// Why it did not end well.
pub fn wait(child: &mut Child, limit: Duration) -> Result<(), String> {
    let end = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("it ended with {status}")),
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                drop(child.kill());
                drop(child.wait());
                return Err(format!("it took longer than {} s", limit.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(pairs: &[(&str, &str)]) -> Secrets {
        pairs.iter().map(|(name, value)| ((*name).to_string(), SecretString::from(*value))).collect()
    }

    fn plain(secrets: &Secrets) -> Vec<(&str, &str)> {
        secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose_secret())).collect()
    }

    #[test]
    fn a_file_holds_what_was_written_and_is_private() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("secrets/a.json");
        assert!(read_file(&path).unwrap().is_none());
        write_file(&path, &secrets(&[("token", "one")])).unwrap();
        write_file(&path, &secrets(&[("token", "two"), ("session", "{\"a\":1}")])).unwrap();
        assert_eq!(plain(&read_file(&path).unwrap().unwrap()), [("session", "{\"a\":1}"), ("token", "two")]);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(path.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
            let fault = read_file(&path).unwrap_err();
            assert!(
                fault.message.contains("others may read it (its mode is 640); run `chmod 600"),
                "{}",
                fault.message
            );
        }
        let reserved = reserve(&path).unwrap();
        assert!(room(&path).metadata().unwrap().len() > ROOM);
        write_file(&path, &secrets(&[("token", "three")])).unwrap();
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "the room was used");
        drop(reserved);
        drop(reserve(&path).unwrap());
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "the room was given back");
        std::mem::forget(reserve(&path).unwrap());
        remove_file(&path).unwrap();
        remove_file(&path).unwrap();
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
        // something that cannot be replaced stands where the room should be
        std::fs::create_dir_all(room(&path).join("x")).unwrap();
        assert!(reserve(&path).err().unwrap().message.contains("could not be written"));
    }

    #[test]
    fn a_broken_value_is_refused_and_never_quoted() {
        for (text, says) in [
            ("canary-not-json", "not the JSON"),
            (r#"{"v":2,"fields":{"token":"canary"}}"#, "update xpost"),
            (r#"{"token":"canary"}"#, "not the JSON"),
            (r#"{"v":1,"canary":0}"#, "no fields"),
        ] {
            let why = unpack(text).unwrap_err();
            assert!(why.contains(says) && !why.contains("canary"), "{why}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_command_gives_an_object_or_the_one_value() {
        let run = |script: &str, fields: &[&str]| {
            run_command(&["sh".into(), "-c".into(), script.into()], fields, Duration::from_secs(2))
        };
        assert_eq!(plain(&run("echo s3cret", &["token"]).unwrap()), [("token", "s3cret")]);
        let object = run(r#"echo '{"token":"a","secret":"b"}'"#, &["token", "secret"]).unwrap();
        assert_eq!(plain(&object), [("secret", "b"), ("token", "a")]);
        for (script, says) in [
            ("echo canary; exit 3", "exit status: 3"),
            ("true", "printed nothing"),
            ("echo canary", "a JSON object with the fields `token`, `secret`"),
            ("sleep 9", "longer than 2 s"),
        ] {
            let fault = run(script, &["token", "secret"]).unwrap_err();
            assert!(fault.message.contains(says) && !fault.message.contains("canary"), "{}", fault.message);
            assert_eq!(fault.kind, Kind::Auth);
        }
        let missing = run_command(&["xpost-no-such-program".into()], &["token"], COMMAND_LIMIT).unwrap_err();
        assert_eq!(missing.kind, Kind::Local);
    }
}
