//! Reading a TOML file so that a mistake is named with its file, its line and the word that was probably meant.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::draft::did_you_mean;

/// The most that a settings file may hold, in bytes.
const MAX: u64 = 1024 * 1024;

/// What is wrong with a settings file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {message}", path.display(), line.map_or_else(String::new, |line| format!(":{line}")))]
pub struct FileError {
    pub path: PathBuf,
    /// 1-based.
    pub line: Option<usize>,
    pub message: String,
}

impl FileError {
    pub fn new(path: &Path, message: impl Into<String>) -> FileError {
        FileError { path: path.to_path_buf(), line: None, message: message.into() }
    }

    /// The same with the line of a place in the text.
    pub fn at(path: &Path, text: &str, span: Option<Range<usize>>, message: impl Into<String>) -> FileError {
        let line = span.and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
        FileError { path: path.to_path_buf(), line, message: message.into() }
    }
}

/// The text of the file, `None` if there is no such file.
pub fn read(path: &Path) -> Result<Option<String>, FileError> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => return Err(FileError::new(path, "it is a directory, not a file")),
        Ok(meta) if meta.len() > MAX => return Err(FileError::new(path, "it is larger than 1 MB")),
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        _ => {}
    }
    std::fs::read(path)
        .map_err(|error| FileError::new(path, format!("it cannot be read: {error}")))
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| FileError::new(path, "it is not UTF-8 text")))
        .map(Some)
}

/// Parses it.
pub fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, FileError> {
    toml::from_str(text).map_err(|error| {
        let said = error.message().trim();
        let message = unknown_key(said).unwrap_or_else(|| said.replace('\n', ", "));
        FileError::at(path, text, error.span(), message)
    })
}

/// ``unknown field `a`, expected one of `b`, `c` `` as a hint instead of a list.
fn unknown_key(said: &str) -> Option<String> {
    let rest = said.strip_prefix("unknown field `")?;
    let (key, rest) = rest.split_once('`')?;
    let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let hint = did_you_mean(key, known.iter().copied());
    Some(match hint.is_empty() {
        true => format!("unknown key `{key}`; known are `{}`", known.join("`, `")),
        false => format!("unknown key `{key}`{hint}"),
    })
}
