//! Link cards against servers that mean no good. Names ending in `.test` lead to this machine, by a name server of the test's own.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};

use super::card::fetch_within;
use super::kept::{Kept, Shelf};
use super::{Card, MAX_PICTURE};
use crate::net::{Door, World, in_world};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// As private as `HERE`, and not the one that counts as public.
const PRIVATE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

pub(super) struct Server {
    port: u16,
    /// The heads of all requests.
    asked: Arc<Mutex<Vec<String>>>,
}

/// Answers every connection by `answer(path, head, stream)`.
pub(super) fn serve(
    answer: impl Fn(&str, &str, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (log, answer) = (asked.clone(), Arc::new(answer));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (log, answer) = (log.clone(), answer.clone());
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0u8; 1];
                while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).to_lowercase();
                let path = head.split(' ').nth(1).unwrap_or_default().to_string();
                log.lock().unwrap().push(head.clone());
                // the client may well have had enough
                let _ = answer(&path, &head, &mut stream);
            });
        }
    });
    Server { port, asked }
}

pub(super) fn send(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n")?;
    stream.write_all(body)
}

fn html(stream: &mut TcpStream, body: &str) -> std::io::Result<()> {
    send(stream, "200 OK", "content-type: text/html\r\n", body.as_bytes())
}

pub(super) fn png() -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(12, 8).write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}

impl Server {
    pub fn url(&self, path: &str) -> String {
        format!("http://page.test:{}{path}", self.port)
    }

    pub fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    async fn card(&self, path: &str, cache: &Path) -> Result<Card, String> {
        self.card_within(path, cache, Duration::from_secs(20)).await
    }

    async fn card_within(&self, path: &str, cache: &Path, time: Duration) -> Result<Card, String> {
        here(fetch_within(&door(), &self.url(path), cache, time)).await
    }
}

/// Where every name leads to this machine, and nobody minds.
pub(super) async fn here<T>(what: impl Future<Output = T>) -> T {
    in_world(World { resolve: Box::new(|_| vec![SocketAddr::new(HERE, 0)]), public: HERE }, what).await
}

pub(super) fn door() -> Door {
    Door::new(Default::default(), Default::default()).unwrap()
}

#[tokio::test]
async fn a_page_without_end_costs_no_more_than_its_beginning() {
    let server = serve(|path, _, stream| {
        let (headers, start) = match path {
            "/body" => ("content-type: text/html\r\n", "<title>Endless</title>"),
            "/title" => ("content-type: text/html\r\n", "<title>"),
            _ => ("x-endless: ", ""),
        };
        let end = if path == "/headers" { "" } else { "\r\n" };
        write!(stream, "HTTP/1.1 200 OK\r\n{headers}{end}{start}")?;
        loop {
            stream.write_all(&[b'a'; 16 * 1024])?;
        }
    });
    let home = tempfile::tempdir().unwrap();
    assert_eq!(server.card("/body", home.path()).await.unwrap().title, "Endless");
    let title = server.card("/title", home.path()).await.unwrap().title;
    assert_eq!((title.chars().count(), title.ends_with("aaa…")), (300, true));
    assert!(server.card("/headers", home.path()).await.is_err());
}

#[tokio::test]
async fn a_page_that_drips_is_left_in_time() {
    let server = serve(|path, _, stream| {
        if path == "/head" {
            std::thread::sleep(Duration::from_secs(30));
        }
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<title>Slow</title>")?;
        loop {
            std::thread::sleep(Duration::from_millis(20));
            stream.write_all(b" ")?;
            stream.flush()?;
        }
    });
    let home = tempfile::tempdir().unwrap();
    for path in ["/drip", "/head"] {
        let started = Instant::now();
        let why = server.card_within(path, home.path(), Duration::from_millis(400)).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(8), "{path}: {:?}", started.elapsed());
        assert!(!why.is_empty());
    }
    assert!(Shelf::new(home.path().join("cards")).get::<Card>(&server.url("/drip")).is_none());
}

/// A gzip stream that says `start` and then its last character again and again, 258 of them in 13 bits (RFC 1951, 3.2.6).
fn bomb(start: &str, blocks: usize) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut bits, mut held) = (0u32, 0u32);
    let mut push = |value: u32, width: u32| {
        // codes go out with their first bit first
        for at in (0..width).rev() {
            held |= (value >> at & 1) << bits;
            bits += 1;
            if bits == 8 {
                out.push(held as u8);
                (bits, held) = (0, 0);
            }
        }
    };
    push(0b110, 3);
    start.bytes().for_each(|byte| push(0x30 + u32::from(byte), 8));
    (0..blocks).for_each(|_| push(0b11000101 << 5, 13));
    out
}

#[tokio::test]
async fn what_unpacks_without_end_is_cut_as_it_unpacks() {
    let server = serve(|path, _, stream| {
        let gzip = |start| bomb(start, 2_000_000);
        let headers = "content-type: text/html\r\ncontent-encoding: gzip\r\n";
        match path {
            "/page" => send(stream, "200 OK", headers, &gzip("<title>Bomb</title>")),
            "/with" => html(stream, "<title>With</title><meta property=og:image content=/picture>"),
            _ => send(stream, "200 OK", headers, &gzip("GIF89a")),
        }
    });
    let home = tempfile::tempdir().unwrap();
    // the stream is half a gigabyte when it is unpacked, and has no end that could be checked
    assert_eq!(server.card("/page", home.path()).await.unwrap().title, "Bomb");
    let card = server.card("/with", home.path()).await.unwrap();
    assert_eq!((card.title.as_str(), card.image), ("With", None));
    assert_eq!(server.asked(), 3);
}

#[tokio::test]
async fn a_name_that_turns_private_is_not_followed() {
    let server = serve(|path, _, stream| match path {
        "/" => html(stream, "<meta property=og:title content=Open><meta property=og:image content=/p.png>"),
        _ => send(stream, "200 OK", "", &png()),
    });
    let (home, asked) = (tempfile::tempdir().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = asked.clone();
    // public for the first question, private ever after: what was looked at must be what is connected to
    let resolve = move |_: &str| {
        let ip = if count.fetch_add(1, Ordering::SeqCst) == 0 { HERE } else { PRIVATE };
        vec![SocketAddr::new(ip, 0)]
    };
    let world = World { resolve: Box::new(resolve), public: HERE };
    let card = in_world(world, fetch_within(&door(), &server.url("/"), home.path(), Duration::from_secs(20))).await;
    let card = card.unwrap();
    assert_eq!((card.title.as_str(), card.image), ("Open", None));
    assert_eq!((asked.load(Ordering::SeqCst), server.asked()), (2, 1));
    // one private address among public ones is enough
    let both = World { resolve: Box::new(|_| vec![(HERE, 0).into(), (PRIVATE, 0).into()]), public: HERE };
    let refused = in_world(both, fetch_within(&door(), &server.url("/2"), home.path(), Duration::from_secs(20))).await;
    assert!(refused.unwrap_err().contains("127.0.0.2 is not a public address"));
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn a_redirect_leads_neither_round_nor_inside() {
    let server = serve(|path, head, stream| {
        let port = head.split_once("page.test:").and_then(|(_, rest)| rest.split_once('\r')).unwrap().0.to_string();
        let to = match path {
            "/inside" => format!("http://127.0.0.2:{port}/"),
            "/name" => format!("http://localhost.test.:{port}/"),
            "/file" => "file:///etc/passwd".to_string(),
            "/user" => format!("http://a:b@page.test:{port}/"),
            other => format!("{other}1"),
        };
        send(stream, "302 Found", &format!("location: {to}\r\n"), b"")
    });
    let home = tempfile::tempdir().unwrap();
    for (path, said) in [
        ("/inside", "127.0.0.2 is not a public address"),
        ("/file", "not followed"),
        ("/user", "user name"),
        ("/loop", "more than 4 times"),
    ] {
        let why = server.card(path, home.path()).await.unwrap_err();
        assert!(why.contains(said), "{path}: {why}");
    }
    // three pages that led elsewhere, and the loop with its four redirects
    assert_eq!(server.asked(), 3 + 5);
}

#[tokio::test]
async fn charsets_that_lie_and_pictures_that_are_none() {
    let server = serve(|path, _, stream| match path {
        "/bom" => {
            let text = "\u{feff}<title>Größe</title>";
            let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            send(stream, "200 OK", "content-type: text/html; charset=iso-8859-1\r\n", &bytes)
        }
        "/cyrillic" => send(
            stream,
            "200 OK",
            "content-type: text/html\r\n",
            b"<meta http-equiv='Content-Type' content='text/html; charset=windows-1251'><title>\xcf\xf0</title>",
        ),
        "/nonsense" => send(stream, "200 OK", "content-type: text/html; charset=;\"é\r\n", b"<title>\xff\xfea</title>"),
        "/picture" => html(stream, "<title>P</title><meta property=og:image content=/p.png>"),
        "/large" => html(stream, "<title>L</title><meta property=og:image content=/l.png>"),
        "/p.png" => send(stream, "200 OK", "content-type: image/png\r\n", b"<html><script>1</script></html>"),
        _ => send(stream, "200 OK", "content-type: image/png\r\n", &vec![0x89; MAX_PICTURE + 1]),
    });
    let home = tempfile::tempdir().unwrap();
    for (path, title) in [("/bom", "Größe"), ("/cyrillic", "Пр"), ("/picture", "P"), ("/large", "L")] {
        let card = server.card(path, home.path()).await.unwrap();
        assert_eq!((card.title.as_str(), card.image), (title, None), "{path}");
    }
    assert!(server.card("/nonsense", home.path()).await.is_ok());
    // nothing half good stays: five entries
    assert_eq!(std::fs::read_dir(home.path().join("cards")).unwrap().count(), 5);
}

#[tokio::test]
async fn oembed_fills_what_the_page_lacks_and_nothing_else() {
    let link = |of: &str| format!("<title>T</title><link rel=alternate type=application/json+oembed href='{of}'>");
    let server = serve(move |path, _, stream| match path {
        "/bare" => html(stream, &link("/o.json")),
        "/titled" => html(stream, &format!("<meta property=og:title content=Own>{}", link("/o.json"))),
        "/full" => html(
            stream,
            &format!("<meta property=og:title content=F><meta property=og:image content=/a.png>{}", link("/full.json")),
        ),
        "/inside" => html(stream, &link("http://127.0.0.2/o.json")),
        "/broken" => html(stream, &link("/nonsense")),
        "/o.json" => send(
            stream,
            "200 OK",
            "content-type: application/json\r\n",
            br#"{"title":"Told","thumbnail_url":"/a.png"}"#,
        ),
        "/a.png" => send(stream, "200 OK", "content-type: image/png\r\n", &png()),
        _ => html(stream, "<html>"),
    });
    let home = tempfile::tempdir().unwrap();
    for (path, title, picture) in
        [("/bare", "Told", true), ("/titled", "Own", true), ("/inside", "T", false), ("/broken", "T", false)]
    {
        let card = server.card(path, home.path()).await.unwrap();
        assert_eq!((card.title.as_str(), card.image.is_some()), (title, picture), "{path}");
    }
    assert!(server.card("/full", home.path()).await.unwrap().image.is_some());
    assert!(server.asked.lock().unwrap().iter().all(|head| !head.contains("/full.json")));
}

#[tokio::test]
async fn a_page_is_asked_once_a_day_and_then_whether_it_changed() {
    let (version, status) = (Arc::new(AtomicUsize::new(1)), Arc::new(AtomicUsize::new(200)));
    let (says, answers) = (version.clone(), status.clone());
    let server = serve(move |path, head, stream| {
        if path == "/p.png" {
            return send(stream, "200 OK", "", &png());
        }
        let tag = format!("\"v{}\"", says.load(Ordering::SeqCst));
        match answers.load(Ordering::SeqCst) {
            200 if head.contains(&format!("if-none-match: {tag}")) => send(stream, "304 Not Modified", "", b""),
            200 => send(
                stream,
                "200 OK",
                &format!("content-type: text/html\r\netag: {tag}\r\n"),
                format!(
                    "<meta property=og:title content='{}'><meta property=og:image content=/p.png>",
                    tag.trim_matches('"')
                )
                .as_bytes(),
            ),
            other => send(stream, &format!("{other} No"), "", b""),
        }
    });
    let home = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(home.path().join("cards"));
    let age = |server: &Server| {
        let mut kept: Kept<Card> = shelf.get(&server.url("/")).unwrap();
        kept.read = Utc::now() - TimeDelta::hours(25);
        shelf.put(&kept);
    };
    let first = server.card("/", home.path()).await.unwrap();
    assert_eq!((first.title.as_str(), first.image.is_some(), server.asked()), ("v1", true, 2));
    assert_eq!(server.card("/", home.path()).await.unwrap(), first);
    assert_eq!(server.asked(), 2);
    age(&server);
    assert_eq!(server.card("/", home.path()).await.unwrap(), first);
    // not modified: the page was asked, its picture was not, and for another day nobody is
    assert_eq!(server.asked(), 3);
    assert_eq!(server.card("/", home.path()).await.unwrap(), first);
    assert_eq!(server.asked(), 3);
    age(&server);
    status.store(503, Ordering::SeqCst);
    assert_eq!(server.card("/", home.path()).await.unwrap(), first);
    status.store(410, Ordering::SeqCst);
    assert!(server.card("/", home.path()).await.unwrap_err().contains("410"));
    status.store(200, Ordering::SeqCst);
    version.store(2, Ordering::SeqCst);
    assert_eq!(server.card("/", home.path()).await.unwrap().title, "v2");
    // a picture that was taken out of the cache is had again
    std::fs::remove_file(&first.image.unwrap().path).unwrap();
    let again = server.card("/", home.path()).await.unwrap();
    assert!(again.image.unwrap().path.exists());
}
