//! Media by their address, from servers good and bad.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};

use super::card_tests::{Server, door, here, png, send, serve};
use super::kept::{Kept, Shelf};
use super::remote::find_within;
use super::{Media, gather};
use crate::draft::MediaRef;

async fn find(server: &Server, path: &str, cache: &Path, time: Duration) -> Result<Media, String> {
    here(find_within(&server.url(path), Some(&door()), cache, 100_000, time)).await.unwrap()
}

const LONG: Duration = Duration::from_secs(20);

fn files(cache: &Path) -> usize {
    std::fs::read_dir(cache.join("media")).unwrap().count()
}

#[tokio::test]
async fn a_medium_is_fetched_once_and_is_what_it_holds() {
    let server = serve(|path, head, stream| match path {
        "/my%20crab.jpeg" => send(stream, "302 Found", "location: /a/crab-1.jpeg?x=1\r\n", b"not the picture"),
        "/a/crab-1.jpeg?x=1" if head.contains("if-none-match: \"1\"") => send(stream, "304 Not Modified", "", b""),
        _ => send(stream, "200 OK", "content-type: text/plain\r\netag: \"1\"\r\n", &png()),
    });
    let home = tempfile::tempdir().unwrap();
    let media = find(&server, "/my%20crab.jpeg", home.path(), LONG).await.unwrap();
    assert_eq!((media.mime.as_str(), media.width, media.name.as_str()), ("image/png", Some(12), "crab-1.png"));
    assert_eq!(std::fs::read(&media.path).unwrap(), png());
    assert_eq!((server.asked(), files(home.path())), (2, 2));
    // nobody is asked for a day, and without a way out it is there all the same
    assert_eq!(find(&server, "/my%20crab.jpeg", home.path(), LONG).await.as_ref(), Ok(&media));
    let source = server.url("/my%20crab.jpeg");
    let medium = |source: &str| MediaRef { source: source.to_string(), alt: None, line: 1 };
    let wanted = [medium(&source), medium("https://never.example/x.png")];
    let facts = gather(&wanted, home.path(), None, &[], home.path()).await;
    assert_eq!((facts.media.get(&source), facts.media.len()), (Some(&Ok(media.clone())), 1));
    assert_eq!(server.asked(), 2);
    let shelf = Shelf::new(home.path().join("media"));
    let mut kept: Kept<Media> = shelf.get(&source).unwrap();
    kept.read = Utc::now() - TimeDelta::hours(30);
    shelf.put(&kept);
    assert!(gather(&wanted, home.path(), None, &[], home.path()).await.media.is_empty());
    // not modified: the file stays, the body of the redirect is not it
    assert_eq!(find(&server, "/my%20crab.jpeg", home.path(), LONG).await.as_ref(), Ok(&media));
    assert_eq!((server.asked(), files(home.path())), (4, 2));
    assert_eq!(std::fs::read(&media.path).unwrap(), png());
}

#[tokio::test]
async fn what_is_too_large_too_slow_or_none_leaves_nothing_behind() {
    let server = serve(|path, _, stream| match path {
        "/page" => send(stream, "200 OK", "content-type: image/png\r\n", b"<html><title>no picture</title>"),
        "/cut" => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n").and_then(|()| stream.write_all(&png()))
        }
        "/inside" => send(stream, "302 Found", "location: http://127.0.0.2/\r\n", b""),
        "/gone" => send(stream, "410 Gone", "", &png()),
        "/slow" => {
            write!(stream, "HTTP/1.1 200 OK\r\n\r\n")?;
            loop {
                std::thread::sleep(Duration::from_millis(20));
                stream.write_all(b"x")?;
            }
        }
        _ => {
            write!(stream, "HTTP/1.1 200 OK\r\n\r\n")?;
            stream.write_all(&png())?;
            loop {
                stream.write_all(&[0; 16 * 1024])?;
            }
        }
    });
    let home = tempfile::tempdir().unwrap();
    for (path, said) in [
        ("/page", "neither picture"),
        ("/cut", "broke off"),
        ("/inside", "not a public address"),
        ("/gone", "410"),
        ("/endless", "larger than"),
    ] {
        let why = find(&server, path, home.path(), LONG).await.unwrap_err();
        assert!(why.contains(said), "{path}: {why}");
    }
    let started = Instant::now();
    assert!(find(&server, "/slow", home.path(), Duration::from_millis(400)).await.is_err());
    assert!(started.elapsed() < Duration::from_secs(8));
    assert_eq!(files(home.path()), 0);
}
