//! One server for all twins of a run, on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::http::{Incoming, Reply};
use super::inject::{self, Inject, What, When};
use super::wire::{Bad, Raw, Wire};
use super::{Seen, Twin, page};

/// How a server is set up.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// 0 takes any free port. The address is always loopback.
    pub port: u16,
    /// Every answer of a twin waits this long.
    pub delay: Duration,
}

/// The log keeps this many exchanges and drops the oldest,
const LOG_LENGTH: usize = 50_000;
/// and of each body this many bytes.
const LOG_BODY: usize = 4 * 1024 * 1024;
const HUGE: usize = 200 * 1024 * 1024;

/// One request and what became of it.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub platform: String,
    /// Its body is cut at 4 MB.
    pub request: Incoming,
    /// What was sent back; `None` if the connection was dropped or the answer spoilt on purpose.
    pub reply: Option<Reply>,
    /// Whether the twin has seen the request.
    pub answered: bool,
    /// The fault that was injected.
    pub fault: Option<What>,
    pub at: DateTime<Utc>,
}

struct Stand {
    name: String,
    hosts: Vec<String>,
    /// Hosts of others, where some requests are this twin's.
    shares: Vec<String>,
    twin: Mutex<Box<dyn Twin>>,
}

struct Shared {
    stands: Vec<Stand>,
    faults: Mutex<Vec<Inject>>,
    log: Mutex<std::collections::VecDeque<Exchange>>,
    delay: Duration,
}

/// A running server; it stops when this is dropped. It has a thread of its own, so it can be started from anywhere.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    /// Serves these twins, each under its platform's name. `https://HOST/path` is found at `URL/HOST/path`.
    ///
    /// # Errors
    /// The port is taken, or the system gives no socket or thread.
    pub fn start(twins: Vec<(String, Box<dyn Twin>)>, options: &ServerOptions) -> std::io::Result<Server> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let stand = |(name, twin): (String, Box<dyn Twin>)| {
            let (hosts, shares) = (twin.hosts(), twin.shares());
            Stand { name, hosts, shares, twin: Mutex::new(twin) }
        };
        let stands = twins.into_iter().map(stand).collect();
        let shared = Arc::new(Shared { stands, faults: Mutex::default(), log: Mutex::default(), delay: options.delay });
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let serving = shared.clone();
        let thread = std::thread::Builder::new().name("twins".to_string()).spawn(move || {
            runtime.block_on(accept(listener, serving, stopped));
        })?;
        Ok(Server { address, shared, stop, thread: Some(thread) })
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// A fault for a request to come.
    pub fn inject(&self, fault: Inject) {
        lock(&self.shared.faults).push(fault);
    }

    /// Takes back all faults that have not hit yet.
    pub fn clear_faults(&self) {
        lock(&self.shared.faults).clear();
    }

    /// Every exchange with a twin so far, oldest first.
    pub fn log(&self) -> Vec<Exchange> {
        lock(&self.shared.log).iter().cloned().collect()
    }

    pub fn clear_log(&self) {
        lock(&self.shared.log).clear();
    }

    /// What stands in the timeline of this platform, oldest first.
    pub fn timeline(&self, platform: &str) -> Vec<Seen> {
        self.shared
            .stands
            .iter()
            .filter(|stand| stand.name == platform)
            .flat_map(|s| lock(&s.twin).timeline())
            .collect()
    }

    /// Makes the sessions of this platform invalid.
    pub fn expire_sessions(&self, platform: &str) {
        self.each(platform, |twin| twin.expire_sessions());
    }

    /// Tells the twin of this platform the settings of an account that was made for it.
    pub fn welcome(&self, platform: &str, settings: &Value) {
        self.each(platform, |twin| twin.welcome(settings));
    }

    fn each(&self, platform: &str, act: impl Fn(&mut dyn Twin)) {
        for stand in self.shared.stands.iter().filter(|stand| stand.name == platform) {
            act(lock(&stand.twin).as_mut());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("url", &self.url()).finish_non_exhaustive()
    }
}

async fn accept(listener: std::net::TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        tokio::select! {
            // the sender is gone only if the server is
            _ = stopped.changed() => return,
            next = listener.accept() => match next {
                Ok((stream, _)) => { tokio::spawn(serve(stream, shared.clone())); }
                // out of file handles: wait for connections to close
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut wire = Wire::new(stream);
    loop {
        let raw = match wire.read().await {
            Ok(raw) => raw,
            Err(Bad::Closed) => return,
            Err(Bad::Status(status, why)) => {
                let _ = wire.write(&Reply::text(status, why), false, false).await;
                return wire.close().await;
            }
        };
        let (keep_alive, head_only) = (raw.keep_alive, raw.method == "HEAD");
        let outcome = shared.answer(raw).await;
        let sent = match outcome {
            Outcome::Whole(reply) => wire.write(&reply, head_only, keep_alive).await.map(|()| keep_alive),
            Outcome::Nothing => Ok(false),
            Outcome::Half(reply) => wire.write_half(&reply).await.map(|()| false),
            Outcome::Huge => wire.write_huge(HUGE).await.map(|()| false),
            Outcome::Endless => wire.write_endless().await.map(|()| false),
        };
        match sent {
            Ok(true) => {}
            Ok(false) => return wire.close().await,
            Err(_) => return,
        }
    }
}

/// What goes back over the wire.
enum Outcome {
    Whole(Reply),
    Nothing,
    Half(Reply),
    Huge,
    Endless,
}

impl Shared {
    async fn answer(&self, raw: Raw) -> Outcome {
        let (path, query) = raw.target.split_once('?').unwrap_or((&raw.target, ""));
        let mut pieces = path.trim_start_matches('/').splitn(2, '/');
        let host = decode(pieces.next().unwrap_or_default());
        if host.is_empty() || host == "_mock" || !host.contains(['.', ':']) && self.stand(&host).is_none() {
            return Outcome::Whole(self.desk(&raw, path));
        }
        let request = Incoming {
            method: raw.method,
            path: format!("/{}", decode(pieces.next().unwrap_or_default())),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: raw.headers,
            body: raw.body,
            host,
        };
        let Some(stand) = self.stand_for(&request) else {
            return Outcome::Whole(Reply::text(404, &format!("no twin answers for `{}`", request.host)));
        };
        let (delay, fault) = inject::take(&mut lock(&self.faults), &stand.name, &request);
        tokio::time::sleep(self.delay + Duration::from_millis(delay)).await;
        self.act(stand, request, fault)
    }

    /// The one place where a twin is asked; no wait in here, so that what is logged is in the order of what the twin saw.
    fn act(&self, stand: &Stand, mut request: Incoming, fault: Option<Inject>) -> Outcome {
        let mut twin = lock(&stand.twin);
        let at = Utc::now();
        let spoils = fault.as_ref().is_some_and(|fault| !matches!(fault.what, What::ExpireSessions));
        if matches!(fault, Some(Inject { what: What::ExpireSessions, .. })) {
            twin.expire_sessions();
        }
        let answered = !spoils || fault.as_ref().is_some_and(|fault| fault.moment() == When::After);
        let honest = answered.then(|| twin.answer(&request));
        let outcome = match (fault.as_ref().map(|fault| &fault.what), honest) {
            (Some(What::Drop), _) => Outcome::Nothing,
            (Some(What::Status { status }), _) => Outcome::Whole(twin.unavailable(*status)),
            (Some(What::Limited { seconds }), _) => Outcome::Whole(twin.limited(*seconds)),
            (Some(What::Expired), _) => Outcome::Whole(twin.expired()),
            (Some(What::Truncated), honest) => Outcome::Half(honest.unwrap_or_else(|| Reply::json(200, &json!({})))),
            (Some(What::Html), _) => Outcome::Whole(Reply::html(
                200,
                "<!doctype html><html><head><title>Welcome to the hotel network</title></head><body>Log in</body></html>",
            )),
            (Some(What::Huge), _) => Outcome::Huge,
            (Some(What::Endless), _) => Outcome::Endless,
            (Some(What::Redirect { to }), _) => Outcome::Whole(Reply::empty(307).header("location", to)),
            // without a fault that spoils the answer, the twin was asked
            (_, honest) => Outcome::Whole(honest.unwrap_or_default()),
        };
        request.body.truncate(LOG_BODY);
        let exchange = Exchange {
            platform: stand.name.clone(),
            request,
            reply: if let Outcome::Whole(reply) = &outcome { Some(reply.clone()) } else { None },
            answered,
            fault: fault.map(|fault| fault.what),
            at,
        };
        let mut log = lock(&self.log);
        if log.len() >= LOG_LENGTH {
            log.pop_front();
        }
        log.push_back(exchange);
        outcome
    }

    /// The twin that answers for a host, with or without its port.
    /// The twin that this request is for, where several share a host.
    fn stand_for(&self, request: &Incoming) -> Option<&Stand> {
        let shares = |stand: &&Stand| stand.shares.iter().any(|host| host.eq_ignore_ascii_case(&request.host));
        let mut sharing = self.stands.iter().filter(shares);
        let claims = |stand: &&Stand| lock(&stand.twin).claims(request);
        sharing.clone().find(claims).or_else(|| self.stand(&request.host)).or_else(|| sharing.next())
    }

    fn stand(&self, host: &str) -> Option<&Stand> {
        let bare =
            host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map(|(bare, _)| bare);
        let named = |name: &str| {
            self.stands.iter().find(|stand| stand.hosts.iter().any(|known| known.eq_ignore_ascii_case(name)))
        };
        named(host).or_else(|| named(bare?))
    }

    /// What belongs to no twin: the page and the handles of the mock itself.
    fn desk(&self, raw: &Raw, path: &str) -> Reply {
        // a page of the open web must not talk to this server under a name of its own
        let host = raw.headers.iter().find(|(name, _)| name == "host").map_or("", |(_, value)| value.as_str());
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        if !matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
            return Reply::text(403, "ask by a loopback address");
        }
        match (raw.method.as_str(), path) {
            ("GET" | "HEAD", "/") => page::reply(&self.timelines()),
            ("GET" | "HEAD", "/_mock/timeline.json") => {
                let all: Map<String, Value> =
                    self.timelines().into_iter().map(|(name, seen)| (name, json!(seen))).collect();
                Reply::json(200, &Value::Object(all))
            }
            ("GET" | "HEAD", "/_mock/log.json") => {
                let log: Vec<Value> = lock(&self.log).iter().map(exchange_json).collect();
                Reply::json(200, &Value::Array(log))
            }
            ("GET", "/_mock/faults") => Reply::json(200, &json!(*lock(&self.faults))),
            ("POST", "/_mock/faults") => match Inject::parse(&raw.body) {
                Ok(faults) => {
                    lock(&self.faults).extend(faults);
                    Reply::json(200, &json!(*lock(&self.faults)))
                }
                Err(why) => Reply::json(400, &json!({"error": why})),
            },
            ("DELETE", "/_mock/faults") => {
                lock(&self.faults).clear();
                Reply::empty(204)
            }
            _ => Reply::text(404, "nothing here; `/` shows the timelines"),
        }
    }

    fn timelines(&self) -> Vec<(String, Vec<Seen>)> {
        self.stands.iter().map(|stand| (stand.name.clone(), lock(&stand.twin).timeline())).collect()
    }
}

fn decode(text: &str) -> String {
    let bytes: Vec<u8> = {
        let raw = text.as_bytes();
        let digit = |at: usize| raw.get(at).and_then(|byte| (*byte as char).to_digit(16));
        let mut bytes = Vec::with_capacity(raw.len());
        let mut at = 0;
        while at < raw.len() {
            match (raw[at], digit(at + 1), digit(at + 2)) {
                (b'%', Some(high), Some(low)) => {
                    bytes.push((high * 16 + low) as u8);
                    at += 3;
                }
                (byte, ..) => {
                    bytes.push(byte);
                    at += 1;
                }
            }
        }
        bytes
    };
    String::from_utf8_lossy(&bytes).into_owned()
}

fn exchange_json(exchange: &Exchange) -> Value {
    #[derive(Serialize)]
    struct Side<'a> {
        headers: &'a [(String, String)],
        body: Value,
    }
    // JSON as JSON, text as text, anything else by its size
    let body = |bytes: &[u8]| match (serde_json::from_slice::<Value>(bytes), std::str::from_utf8(bytes)) {
        (Ok(value), _) => value,
        (_, Ok(text)) => json!(text),
        _ => json!(format!("[{} bytes]", bytes.len())),
    };
    let request = &exchange.request;
    // somebody may have pointed a real account here
    let masked: Vec<(String, String)> = request
        .headers
        .iter()
        .map(|(name, value)| {
            let secret = matches!(name.as_str(), "authorization" | "cookie" | "proxy-authorization");
            (name.clone(), if secret { "[secret]".to_string() } else { value.clone() })
        })
        .collect();
    let query: Vec<(&str, &str)> = request
        .query
        .iter()
        .map(|(name, value)| {
            let secret = ["token", "secret", "code"].iter().any(|word| name.contains(word));
            (name.as_str(), if secret { "[secret]" } else { value.as_str() })
        })
        .collect();
    json!({
        "at": exchange.at,
        "platform": exchange.platform,
        "method": request.method,
        "host": request.host,
        "path": request.path,
        "query": query,
        "request": Side { headers: &masked, body: body(&request.body) },
        "reached_the_twin": exchange.answered,
        "fault": exchange.fault,
        "status": exchange.reply.as_ref().map(|reply| reply.status),
        "answer": exchange.reply.as_ref().map(|reply| Side { headers: &reply.headers, body: body(&reply.body) }),
    })
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
