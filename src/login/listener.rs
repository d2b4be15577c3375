//! The loopback listener that a browser comes back to (RFC 8252 7.3).
//!
//! It answers on this machine alone, to its own name and port, for one login: `GET /` leads to the network once, the callback is
//! taken once. A callback that is not ours is told and changes nothing. Everything ends when the [`Open`] is dropped.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::net::{Fault, Kind};
use crate::text::escape_html;

const PAGE: &str = include_str!("page.html");
/// Longest request line and headers, in bytes.
const MAX_REQUEST: usize = 8 * 1024;
/// A request that is not whole by then is dropped.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);
/// Connections at a time; browsers open some that they never use.
const MAX_OPEN: usize = 32;
/// So many free ports are tried until one is free for IPv4 and IPv6 alike.
const PORTS: usize = 16;
/// So many callbacks that are not ours are told.
const MAX_TOLD: usize = 5;

/// The parameters of a callback.
pub(crate) type Pairs = Vec<(String, String)>;

/// Looks at a callback's parameters: `None` if it is not ours, else whether it brings what was asked for. Values that are
/// compared with secrets are compared in constant time by whoever writes this.
pub(crate) type Judge = Arc<dyn Fn(&Pairs) -> Option<bool> + Send + Sync>;

/// A port that is ours.
pub(crate) struct Listener {
    sockets: Vec<TcpListener>,
    host: &'static str,
    port: u16,
}

impl Listener {
    /// Binds this port, or any, on 127.0.0.1 and `[::1]`. A machine may lack one family, but not the one that `host` names.
    ///
    /// # Errors
    /// The port is taken: somebody else would get what is meant for us.
    pub async fn bind(host: &str, port: Option<u16>) -> Result<Listener, Fault> {
        let mut trouble = None;
        for _ in 0..if port.is_some() { 1 } else { PORTS } {
            match try_bind(host, port.unwrap_or(0)).await {
                Ok(listener) => return Ok(listener),
                Err(error) => trouble = Some(error),
            }
        }
        let why = trouble.map_or_else(String::new, |error| format!(": {error}"));
        Err(Fault::local(match port {
            Some(port) => format!(
                "port {port} of this machine, to which the network sends the browser back, cannot be listened on{why}; free it, or log in with `--paste`"
            ),
            None => format!("no port of this machine can be listened on{why}; log in with `--paste`"),
        }))
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Answers from now on: `GET /` with the way to `target`, `path` with a page, once each.
    pub fn open(self, path: &str, target: &str, judge: Judge) -> Open {
        let v4 = self.sockets.iter().any(|socket| socket.local_addr().is_ok_and(|at| at.is_ipv4()));
        let own = if v4 { "127.0.0.1" } else { "[::1]" };
        let (foreign, refused) = mpsc::channel(MAX_TOLD);
        let (ours, landed) = oneshot::channel();
        let site = Arc::new(Site {
            path: path.to_string(),
            target: target.to_string(),
            names: [own, self.host].iter().map(|host| format!("{host}:{}", self.port)).collect(),
            judge,
            foreign,
            ours: Mutex::new(Some(ours)),
            started: AtomicBool::new(false),
            room: Arc::new(Semaphore::new(MAX_OPEN)),
        });
        let start = format!("http://{own}:{}/", self.port);
        let mut tasks = JoinSet::new();
        for socket in self.sockets {
            tasks.spawn(accept(socket, site.clone()));
        }
        Open { start, refused, landed, _tasks: tasks }
    }
}

async fn try_bind(host: &str, port: u16) -> std::io::Result<Listener> {
    let host = match host.trim_matches(['[', ']']) {
        "localhost" => "localhost",
        "::1" => "[::1]",
        _ => "127.0.0.1",
    };
    let v4 = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await;
    let port = match &v4 {
        Ok(socket) => socket.local_addr()?.port(),
        Err(_) => port,
    };
    let v6 = TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await;
    // the other family may not be there; in the hands of somebody else it must not be
    let missing = |error: &std::io::Error| !matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied);
    let mut sockets = Vec::new();
    let mut trouble = None;
    for (bound, needed) in [(v4, host == "127.0.0.1"), (v6, host == "[::1]")] {
        match bound {
            Ok(socket) => sockets.push(socket),
            Err(error) if needed || !missing(&error) => return Err(error),
            Err(error) => trouble = Some(error),
        }
    }
    let Some(first) = sockets.first() else {
        return Err(trouble.unwrap_or_else(|| ErrorKind::AddrNotAvailable.into()));
    };
    let port = first.local_addr()?.port();
    Ok(Listener { sockets, host, port })
}

/// A listener at work; dropping it closes everything.
pub(crate) struct Open {
    start: String,
    refused: mpsc::Receiver<()>,
    landed: oneshot::Receiver<Pairs>,
    _tasks: JoinSet<()>,
}

impl Open {
    /// The short address that leads to the network; it can stand in a process list.
    pub fn start(&self) -> &str {
        &self.start
    }

    /// Waits for the one callback that is ours; others are told with `tell`. The listener answers on until it is dropped.
    ///
    /// # Errors
    /// `auth`: nobody came back in time.
    pub async fn wait(&mut self, limit: Duration, tell: &(dyn Fn(&str) + Sync)) -> Result<Pairs, Fault> {
        let wait = async {
            let mut told = 0;
            loop {
                tokio::select! {
                    biased;
                    pairs = &mut self.landed => return pairs.ok(),
                    Some(()) = self.refused.recv(), if told < MAX_TOLD => {
                        told += 1;
                        tell("somebody came back who was not sent from here; it was refused, and the login still waits");
                    }
                }
            }
        };
        timeout(limit, wait).await.ok().flatten().ok_or_else(|| {
            let minutes = limit.as_secs().div_ceil(60).max(1);
            let message = format!(
                "nobody came back within {minutes} min; log in again, with `--paste` where the browser is on another machine"
            );
            Fault::new(Kind::Auth, message)
        })
    }
}

struct Site {
    path: String,
    target: String,
    /// What `Host` may say.
    names: Vec<String>,
    judge: Judge,
    foreign: mpsc::Sender<()>,
    /// Gone once the callback was taken.
    ours: Mutex<Option<oneshot::Sender<Pairs>>>,
    started: AtomicBool,
    room: Arc<Semaphore>,
}

async fn accept(socket: TcpListener, site: Arc<Site>) {
    let mut open = JoinSet::new();
    loop {
        match socket.accept().await {
            Ok((stream, _)) => {
                while open.try_join_next().is_some() {}
                // whoever fills all places loses them after five seconds
                let Ok(place) = site.room.clone().acquire_owned().await else { return };
                let site = site.clone();
                open.spawn(async move {
                    serve(stream, &site).await;
                    drop(place);
                });
            }
            // out of file handles: wait for connections to close
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// What goes back.
struct Reply {
    status: &'static str,
    to: Option<String>,
    title: &'static str,
    text: &'static str,
}

impl Reply {
    fn new(status: &'static str, title: &'static str, text: &'static str) -> Reply {
        Reply { status, to: None, title, text }
    }

    fn bytes(&self) -> Vec<u8> {
        let page = PAGE.replace("{title}", &escape_html(self.title)).replace("{text}", &escape_html(self.text));
        let to = self.to.as_ref().map_or_else(String::new, |to| format!("location: {to}\r\n"));
        format!(
            "HTTP/1.1 {}\r\n{to}content-type: text/html; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\
             cache-control: no-store\r\nreferrer-policy: no-referrer\r\nx-content-type-options: nosniff\r\n\
             content-security-policy: default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\r\n{page}",
            self.status,
            page.len()
        )
        .into_bytes()
    }
}

async fn serve(mut stream: TcpStream, site: &Site) {
    let Ok(Some(reply)) = timeout(REQUEST_LIMIT, read(&mut stream, site)).await else { return };
    let bytes = reply.bytes();
    let send = async {
        stream.write_all(&bytes).await?;
        stream.shutdown().await?;
        // what is left unread would make the system throw away what was just written
        let mut rest = [0; 1024];
        let mut most = 64;
        while most > 0 && stream.read(&mut rest).await? > 0 {
            most -= 1;
        }
        std::io::Result::Ok(())
    };
    drop(timeout(REQUEST_LIMIT, send).await);
}

/// Reads one request and decides; `None` if the other side went away.
async fn read(stream: &mut TcpStream, site: &Site) -> Option<Reply> {
    let mut bytes = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        // what goes beyond is not looked at, even if it came in one piece
        match request.parse(&bytes[..bytes.len().min(MAX_REQUEST)]) {
            Ok(httparse::Status::Complete(_)) => return Some(decide(&request, site)),
            Ok(httparse::Status::Partial) if bytes.len() < MAX_REQUEST => {}
            Ok(httparse::Status::Partial) => {
                return Some(Reply::new("431 Request Header Fields Too Large", "Too long", "That was no browser."));
            }
            Err(_) => return Some(Reply::new("400 Bad Request", "Not understood", "That was no browser.")),
        }
    }
}

fn decide(request: &httparse::Request<'_, '_>, site: &Site) -> Reply {
    let mut hosts = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("host"));
    let host = hosts.next().and_then(|header| std::str::from_utf8(header.value).ok());
    // a page of the open web whose name was made to lead here must learn nothing
    let named = host.is_some_and(|host| site.names.iter().any(|name| name.eq_ignore_ascii_case(host)));
    if !named || hosts.next().is_some() {
        return Reply::new("421 Misdirected Request", "Not here", "This address is for one login on this machine.");
    }
    if request.method != Some("GET") {
        return Reply::new("405 Method Not Allowed", "Not so", "Only a browser's visit is answered here.");
    }
    let target = request.path.unwrap_or_default();
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let gone = Reply::new("410 Gone", "Over", "This login was answered already. You can close this page.");
    if path == site.path && (path != "/" || query.is_some()) {
        // held over the judgement, so that of two at the same time one is too late
        let mut ours = site.ours.lock().unwrap_or_else(PoisonError::into_inner);
        if ours.is_none() {
            return gone;
        }
        let pairs: Pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        let Some(good) = (site.judge)(&pairs) else {
            // when nobody listens any more, or enough was told, this one is not
            let _ = site.foreign.try_send(());
            return Reply::new(
                "400 Bad Request",
                "Refused",
                "This page was not asked for by the login that waits here.",
            );
        };
        if let Some(ours) = ours.take() {
            drop(ours.send(pairs));
        }
        return if good {
            Reply::new("200 OK", "You can close this page", "xpost goes on in the terminal.")
        } else {
            Reply::new(
                "200 OK",
                "Not logged in",
                "The network said no. The terminal says why; you can close this page.",
            )
        };
    }
    if path == "/" && query.is_none() {
        if site.started.swap(true, Ordering::SeqCst) {
            return Reply::new("410 Gone", "Over", "This address works once. Open the one in the terminal.");
        }
        let reply = Reply::new("302 Found", "This way", "Your browser should go on by itself.");
        return Reply { to: Some(site.target.clone()), ..reply };
    }
    Reply::new("404 Not Found", "Nothing here", "This address is for one login on this machine.")
}
