//! A file on its way out: read in small steps, counted as they leave.

use std::io::{Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::stream::{self, Stream};

use super::fault::Fault;
use super::request::FileSlice;

/// How much is read at a time, in bytes; two of these are in memory at most.
const STEP: usize = 256 * 1024;

/// Counts the bytes of files that have left. Clones share the count; what is counted may still wait in the system's buffers.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Tally>);

#[derive(Debug, Default)]
struct Tally {
    sent: AtomicU64,
    /// Why a file could not be read to its end.
    broken: OnceLock<String>,
}

impl Meter {
    /// Bytes so far.
    pub fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// What became of the file itself, if that is why the request broke.
    pub(super) fn broken(&self) -> Option<&str> {
        self.0.broken.get().map(String::as_str)
    }
}

/// The bytes of a slice as a stream.
///
/// # Errors
/// The file is gone, may not be read, or has another size than it had.
pub(super) async fn open(
    slice: &FileSlice,
    meter: &Meter,
) -> Result<impl Stream<Item = std::io::Result<Vec<u8>>> + Send + 'static, Fault> {
    let path = slice.file.path.clone();
    let (at, whole) = (slice.at, slice.file.bytes);
    let opened = tokio::task::spawn_blocking(move || {
        let mut file = std::fs::File::open(&path)?;
        let length = file.metadata()?.len();
        if length == whole && at > 0 {
            file.seek(SeekFrom::Start(at))?;
        }
        Ok::<_, std::io::Error>((file, length))
    });
    let shown = slice.file.path.display().to_string();
    let (file, length) = opened
        .await
        .map_err(std::io::Error::other)
        .and_then(|opened| opened)
        .map_err(|error| Fault::local(format!("cannot read `{shown}`: {error}")))?;
    if length != whole {
        return Err(Fault::local(format!(
            "`{shown}` changed while it was being posted: {whole} bytes became {length}"
        )));
    }
    let meter = meter.clone();
    Ok(stream::try_unfold((file, slice.length), move |(mut file, left)| {
        let (meter, shown) = (meter.clone(), shown.clone());
        async move {
            if left == 0 {
                return Ok(None);
            }
            let want = usize::try_from(left).unwrap_or(STEP).min(STEP);
            let read = tokio::task::spawn_blocking(move || {
                let mut bytes = vec![0; want];
                file.read_exact(&mut bytes).map(|()| (file, bytes))
            });
            match read.await.map_err(std::io::Error::other).and_then(|read| read) {
                Ok((file, bytes)) => {
                    meter.0.sent.fetch_add(want as u64, Ordering::Relaxed);
                    Ok(Some((bytes, (file, left - want as u64))))
                }
                Err(error) => {
                    let why = match error.kind() {
                        std::io::ErrorKind::UnexpectedEof => {
                            format!("`{shown}` changed while it was being posted: it has become shorter")
                        }
                        _ => format!("cannot read `{shown}`: {error}"),
                    };
                    // only the first one counts, and it is the one to tell
                    let _ = meter.0.broken.set(why);
                    Err(error)
                }
            }
        }
    }))
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::super::{Body, Door, DoorOptions, FilePart, Kind, Method, Redactor, Request};
    use super::*;
    use crate::twin::{Server, ServerOptions};

    fn part(directory: &tempfile::TempDir, length: usize) -> FilePart {
        let path = directory.path().join("clip.mp4");
        let content: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
        std::fs::write(&path, content).unwrap();
        FilePart { path, name: "clip.mp4".into(), mime: "video/mp4".into(), bytes: length as u64 }
    }

    #[tokio::test]
    async fn a_piece_is_what_it_says_and_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let file = part(&directory, 3 * STEP);
        let all = std::fs::read(&file.path).unwrap();
        for (at, length) in [(0, 3 * STEP), (1, STEP), (STEP - 1, STEP + 2), (3 * STEP - 1, 1), (7, 0)] {
            let meter = Meter::default();
            let slice = FileSlice { file: file.clone(), at: at as u64, length: length as u64 };
            let steps: Vec<Vec<u8>> = open(&slice, &meter).await.unwrap().try_collect().await.unwrap();
            assert!(steps.iter().all(|step| step.len() <= STEP));
            assert!(steps.concat() == all[at..at + length], "{at} {length}");
            assert_eq!((meter.sent(), meter.broken()), (length as u64, None));
        }
    }

    #[tokio::test]
    async fn a_file_that_changes_is_trouble_of_this_machine() {
        let directory = tempfile::tempdir().unwrap();
        let server = Server::start(Vec::new(), &ServerOptions::default()).unwrap();
        let door = Door::new(DoorOptions::default(), Redactor::default()).unwrap();
        let send = async |slice: FileSlice| {
            let request = Request::new(Method::PUT, format!("{}/x", server.url())).body(Body::Slice(slice));
            door.send(request).await.unwrap_err()
        };
        let file = part(&directory, 1000);
        // it ends before the piece does: as if it were cut while it is read
        let fault = send(FileSlice { file: file.clone(), at: 900, length: 5000 }).await;
        assert_eq!((fault.kind, fault.effect), (Kind::Local, super::super::Effect::None), "{fault}");
        assert!(fault.message.ends_with("it has become shorter"), "{fault}");
        let fault = send(FilePart { bytes: 999, ..file.clone() }.into()).await;
        assert!(fault.message.ends_with("999 bytes became 1000"), "{fault}");
        std::fs::remove_file(&file.path).unwrap();
        assert_eq!(send(file.into()).await.kind, Kind::Local);
    }
}
