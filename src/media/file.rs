//! Files on disk: what they are, their size and hash. Nothing is decoded.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;

use super::Media;
use super::probe::{Probed, probe};
use crate::draft::hex;

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

/// What a file is, from its headers alone: at most [`super::MOST_READ`] bytes of it are read, however large it is.
///
/// # Errors
/// Why it cannot be posted: missing, a directory, unreadable, cut off, of a kind that no network takes.
pub fn look(path: &Path) -> Result<Media, String> {
    opened(path).map(|(media, _)| media)
}

/// The same, with its hash, for which it is read from end to end with little memory.
///
/// # Errors
/// As [`look`].
pub fn inspect(path: &Path) -> Result<Media, String> {
    let (media, mut file) = opened(path)?;
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0u8; 64 * 1024];
    let mut bytes = 0;
    file.seek(SeekFrom::Start(0)).map_err(fail)?;
    loop {
        let read = file.read(&mut buffer).map_err(fail)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
    if bytes != media.bytes {
        return Err("it is being written to; wait until it is whole".to_string());
    }
    Ok(Media { sha256: hex(hash.finish().as_ref()), ..media })
}

fn opened(path: &Path) -> Result<(Media, File), String> {
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
    let file = File::open(path).map_err(fail)?;
    let Probed { mime, pixels, about: more } = probe(&file, about.len())?;
    let media = Media {
        path: std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path)),
        name: path.file_name().map_or_else(|| "file".to_string(), |name| name.to_string_lossy().into_owned()),
        mime: mime.to_string(),
        bytes: about.len(),
        width: pixels.map(|(width, _)| width),
        height: pixels.map(|(_, height)| height),
        about: more,
        ..Media::default()
    };
    Ok((media, file))
}

fn fail(error: std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_string(),
        std::io::ErrorKind::PermissionDenied => "it may not be read by you".to_string(),
        _ => format!("it cannot be read: {error}"),
    }
}
