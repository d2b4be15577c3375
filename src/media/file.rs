//! Files on disk: size, hash, kind and pixels in one pass, nothing decoded.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;

use super::Media;
use super::sniff::{self, Found};
use crate::draft::hex;

/// How much of a file's end is looked at for the mark that says it is whole.
const TAIL: usize = 64 * 1024;

/// The file that a draft names; paths are tried as written and then with `%20` and the like decoded, as Markdown editors write
/// them.
pub(super) fn find(source: &str, base: &Path) -> Result<Media, String> {
    if source.starts_with("data:") {
        return Err("`data:` addresses are not read; save the picture as a file".to_string());
    }
    if let Some((scheme, _)) = source.split_once("://") {
        return Err(format!("media are read from files only, `{scheme}://` not yet; download it and name the file"));
    }
    let path = base.join(source);
    if !path.exists()
        && source.contains('%')
        && let Some(decoded) = percent_decoded(source)
        && base.join(&decoded).exists()
    {
        return inspect(&base.join(decoded));
    }
    inspect(&path)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let code = more.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// What a file is. Read once from end to end for its hash, with little memory; pixels come from its header.
///
/// # Errors
/// Why it cannot be posted: missing, a directory, unreadable, cut off, of a kind that no network takes.
pub fn inspect(path: &Path) -> Result<Media, String> {
    let fail = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_string(),
        std::io::ErrorKind::PermissionDenied => "it may not be read by you".to_string(),
        _ => format!("it cannot be read: {error}"),
    };
    let about = std::fs::metadata(path).map_err(fail)?;
    if about.is_dir() {
        return Err("it is a directory, not a file".to_string());
    }
    if !about.is_file() {
        return Err("it is not a regular file".to_string());
    }
    if about.len() == 0 {
        return Err("the file is empty".to_string());
    }
    let mut file = File::open(path).map_err(fail)?;
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut head = Vec::new();
    let mut tail: Vec<u8> = Vec::new();
    let mut buffer = vec![0u8; TAIL];
    let mut bytes = 0u64;
    loop {
        let read = file.read(&mut buffer).map_err(fail)?;
        if read == 0 {
            break;
        }
        let chunk = &buffer[..read];
        hash.update(chunk);
        bytes += read as u64;
        if head.len() < sniff::HEAD {
            head.extend_from_slice(&chunk[..chunk.len().min(sniff::HEAD - head.len())]);
        }
        tail.extend_from_slice(chunk);
        if tail.len() > TAIL {
            tail.drain(..tail.len() - TAIL);
        }
    }
    file.seek(SeekFrom::Start(0)).map_err(fail)?;
    let Found { mime, pixels } = sniff::sniff(&head, &tail, bytes, &mut file)?;
    Ok(Media {
        path: std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path)),
        name: path.file_name().map_or_else(|| "file".to_string(), |name| name.to_string_lossy().into_owned()),
        mime: mime.to_string(),
        bytes,
        width: pixels.map(|(width, _)| width),
        height: pixels.map(|(_, height)| height),
        sha256: hex(hash.finish().as_ref()),
    })
}
