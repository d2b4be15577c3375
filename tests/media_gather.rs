//! Files and link cards as they are found in the world.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use xpost::draft::MediaRef;
use xpost::media::{Facts, gather};
use xpost::net::{Door, DoorOptions, Redactor};

fn medium(source: &str) -> MediaRef {
    MediaRef { source: source.into(), alt: None, line: 1 }
}

async fn facts(base: &Path, sources: &[&str]) -> Facts {
    let media: Vec<_> = sources.iter().map(|source| medium(source)).collect();
    gather(&media, base, None, &[], &base.join("cache")).await
}

fn crab() -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(12, 8).write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}

#[tokio::test]
async fn files_are_what_they_hold_and_not_what_they_are_called() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("my crab.jpg"), crab()).unwrap();
    std::fs::create_dir(home.path().join("folder")).unwrap();
    std::fs::write(home.path().join("empty.png"), b"").unwrap();
    std::fs::write(home.path().join("cut.png"), &crab()[..40]).unwrap();
    std::fs::write(home.path().join("words.png"), "these are words").unwrap();
    std::fs::write(home.path().join("film.txt"), "WEBVTT\n\n00:01.000 --> 00:02.000\nhello\n").unwrap();
    std::fs::write(home.path().join("broken.srt"), "1\n00:00:02,000 --> 00:00:01,000\nhello\n").unwrap();
    let sources = [
        "my crab.jpg",
        "my%20crab.jpg",
        "none.png",
        "folder",
        "empty.png",
        "cut.png",
        "words.png",
        "film.txt",
        "broken.srt",
        "ftp://example.org/a.png",
        "data:image/png;base64,AAAA",
    ];
    let facts = facts(home.path(), &sources).await;
    let found = facts.media["my crab.jpg"].as_ref().unwrap();
    assert_eq!((found.mime.as_str(), found.width, found.height), ("image/png", Some(12), Some(8)));
    assert_eq!((found.name.as_str(), found.bytes), ("my crab.jpg", crab().len() as u64));
    assert!(found.path.is_absolute() && found.sha256.len() == 64);
    assert_eq!(facts.media["my%20crab.jpg"].as_ref(), Ok(found));
    let subtitles = facts.media["film.txt"].as_ref().unwrap();
    assert_eq!((subtitles.mime.as_str(), subtitles.name.as_str()), ("text/vtt", "film.txt"));
    for (source, said) in [
        ("none.png", "no such file"),
        ("folder", "a directory"),
        ("empty.png", "empty"),
        ("cut.png", "cut off"),
        ("words.png", "neither picture"),
        ("broken.srt", "line 2: the cue ends before it begins"),
        ("ftp://example.org/a.png", "not yet"),
        ("data:image/png;base64,AAAA", "save the picture"),
    ] {
        let why = facts.media[source].as_ref().unwrap_err();
        assert!(why.contains(said), "{source}: {why}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_is_not_regular_is_not_read() {
    let facts = facts(Path::new("/dev"), &["zero"]).await;
    assert!(facts.media["zero"].as_ref().unwrap_err().contains("regular"));
}

type Pages = BTreeMap<&'static str, Vec<u8>>;

/// A server that answers `/host/path` with whole responses, one for each connection.
fn serve(pages: Pages) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (pages, log) = (pages.clone(), log.clone());
            std::thread::spawn(move || answer(stream, &pages, &log));
        }
    });
    (base, asked)
}

fn answer(mut stream: TcpStream, pages: &Pages, log: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0u8; 1];
    while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_string();
    log.lock().unwrap().push(head);
    match pages.get(path.as_str()) {
        Some(page) => drop(stream.write_all(page)),
        None => drop(stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")),
    }
}

fn page(kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn moved(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn cards_are_read_through_the_door() {
    let og = br#"<title>t</title><meta property="og:title" content="Ferris"><meta property="og:image" content="img/crab.png">"#;
    let mut long = b"<title>Long</title>".to_vec();
    long.resize(3_000_000, b' ');
    let pages: Pages = [
        ("/a.example/", moved("/post/")),
        ("/a.example/post/", page("text/html", og)),
        ("/a.example/post/img/crab.png", page("text/plain", &crab())),
        ("/loop.example/", moved("https://loop.example/")),
        ("/down.example/", moved("http://down.example/")),
        ("/latin.example/", page("text/html; charset=iso-8859-1", b"<title>caf\xe9</title>")),
        ("/file.example/", page("application/pdf", b"%PDF")),
        ("/long.example/", page("text/html", &long)),
        ("/bad.example/", page("text/html", br#"<meta property="og:image" content="/x.png"><title>Bad</title>"#)),
        ("/bad.example/x.png", page("image/png", &vec![0x89; 2_000_000])),
    ]
    .into();
    let (base, asked) = serve(pages);
    let options = DoorOptions { mirror: Some(base.parse().unwrap()), ..DoorOptions::default() };
    let door = Door::new(options, Redactor::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let urls: Vec<String> = ["a", "loop", "down", "latin", "file", "long", "bad", "none"]
        .iter()
        .map(|host| format!("https://{host}.example/"))
        .collect();
    let facts = gather(&[], home.path(), Some(&door), &urls, &home.path().join("cache")).await;
    let card = facts.cards["https://a.example/"].as_ref().unwrap();
    assert_eq!((card.title.as_str(), card.url.as_str()), ("Ferris", "https://a.example/"));
    let picture = card.image.as_ref().unwrap();
    assert_eq!((picture.mime.as_str(), picture.width), ("image/png", Some(12)));
    assert_eq!(std::fs::read(&picture.path).unwrap(), crab());
    assert_eq!(facts.cards["https://latin.example/"].as_ref().unwrap().title, "café");
    assert_eq!(facts.cards["https://long.example/"].as_ref().unwrap().title, "Long");
    let bad = facts.cards["https://bad.example/"].as_ref().unwrap();
    assert_eq!((bad.title.as_str(), &bad.image), ("Bad", &None));
    for (host, said) in
        [("loop", "more than 4 times"), ("down", "not followed"), ("file", "application/pdf"), ("none", "404")]
    {
        let why = facts.cards[&format!("https://{host}.example/")].as_ref().unwrap_err();
        assert!(why.contains(said), "{host}: {why}");
    }
    // nothing is left in the cache but four cards and the one picture that was good
    let kept = std::fs::read_dir(home.path().join("cache/cards")).unwrap().count();
    assert_eq!(kept, 4 + 1);
    // a day long nobody is asked again
    let before = asked.lock().unwrap().len();
    let again = gather(&[], home.path(), Some(&door), &urls[..1], &home.path().join("cache")).await;
    assert_eq!(again.cards["https://a.example/"].as_ref(), Ok(card));
    assert_eq!(asked.lock().unwrap().len(), before);
    assert!(asked.lock().unwrap().iter().all(|head| head.starts_with("GET ")));
}

#[tokio::test]
async fn a_card_from_the_own_machine_is_refused() {
    let (base, asked) = serve([("/", page("text/html", b"<title>secret</title>"))].into());
    let door = Door::new(DoorOptions::default(), Redactor::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let url = format!("{base}/");
    let facts = gather(&[], home.path(), Some(&door), std::slice::from_ref(&url), home.path()).await;
    assert!(facts.cards[&url].as_ref().unwrap_err().contains("not a public address"));
    assert!(asked.lock().unwrap().is_empty());
}
