//! A machine with a terminal, a browser and the servers that let one in; and the search for secrets when a test is over.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xpost::twin::{Server, ServerOptions};

use crate::cli::{Machine, Run};
use crate::lab;
use crate::pty::{Ended, Terminal};
use crate::twin::{CLIENT, CLIENT_SECRET, HOST, LANDING, PASSWORD, TYPED, Town};

/// One test. What it needs is named by the variables that tell where it is.
pub struct Case {
    pub name: &'static str,
    pub needs: &'static [&'static str],
    pub run: fn(),
}

/// `cases![needs => name, name]`: test functions as cases.
#[macro_export]
macro_rules! cases {
    ($($needs:expr => $($name:ident),+ $(,)?);+ $(;)?) => {
        &[$($($crate::place::Case { name: stringify!($name), needs: $needs, run: $name },)+)+]
    };
}

/// The authorization server and a browser.
pub const REAL: &[&str] = &["XPOST_TEST_AS", "XPOST_TEST_BROWSER"];

/// The official server of the AT Protocol, and a browser.
pub const SKY: &[&str] = &["XPOST_TEST_PDS", "XPOST_TEST_PLC", "XPOST_TEST_BROWSER"];

/// macOS opens the browser of its settings, whatever `BROWSER` says: there the test goes to the address that is shown.
pub const OPENS_ITS_OWN: bool = cfg!(target_os = "macos");

/// The machine.
pub struct Place {
    pub machine: Machine,
    pub town: Town,
    /// All that was ever said, by the program and on the terminal.
    said: Arc<Mutex<String>>,
    watch: Option<Watch>,
    /// Secrets that no server of ours wrote down.
    secret: BTreeSet<String>,
    /// Secrets that the person must see: an address to open by hand holds the state, a typed code is a code.
    shown: BTreeSet<String>,
}

impl Place {
    pub fn new() -> Place {
        let town = Town::default();
        let twin: Box<dyn xpost::twin::Twin> = Box::new(town.clone());
        let server = Server::start(vec![("lab".into(), twin)], &ServerOptions::default()).unwrap();
        let mut machine = Machine::new();
        machine.program = Some(std::env::current_exe().unwrap());
        machine.set(lab::PROGRAM, "1");
        machine.set("XPOST_MIRROR", &server.url());
        machine.set("XPOST_RECORD", &machine.path("record").display().to_string());
        machine.set("TERM", "xterm-256color");
        machine.set("RUST_BACKTRACE", "1");
        machine.set("RUST_LOG", "trace");
        machine.server = Some(server);
        let seen = machine.path("seen");
        std::fs::create_dir_all(&seen).unwrap();
        machine.set(lab::SEEN, &seen.display().to_string());
        let watch = Watch::new(machine.home(), seen);
        let secret = [CLIENT_SECRET, PASSWORD, TYPED].map(String::from).into();
        Place { machine, town, said: Arc::default(), watch: Some(watch), secret, shown: BTreeSet::new() }
    }

    /// With the person's own app in the environment.
    pub fn with_app() -> Place {
        let mut place = Place::new();
        place.machine.set("XPOST_APP_LAB_CLIENT_ID", CLIENT);
        place.machine.set("XPOST_APP_LAB_CLIENT_SECRET", CLIENT_SECRET);
        place.machine.set("XPOST_APP_LAB_REDIRECT", LANDING);
        place
    }

    /// With Chromium as the browser.
    pub fn with_browser() -> Place {
        let mut place = Place::new();
        place.machine.set("BROWSER", &std::env::var("XPOST_TEST_BROWSER").unwrap());
        place.machine.set("BROWSE_LOG", &place.browsed().display().to_string());
        place
    }

    /// With a browser that writes down what it is to open; the test goes there itself.
    pub fn note_what_is_opened(&mut self) {
        let opened = self.machine.path("opened");
        let script =
            self.machine.write("browser", &format!("#!/bin/sh\nprintf '%s\\n' \"$1\" >> '{}'\n", opened.display()));
        std::os::unix::fs::PermissionsExt::set_mode(&mut std::fs::metadata(&script).unwrap().permissions(), 0o755);
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        self.machine.set("BROWSER", &script.display().to_string());
    }

    /// What the browser was told to open, when it was.
    pub fn opened(&self, terminal: &Terminal) -> String {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let mut text = std::fs::read_to_string(self.machine.path("opened")).unwrap_or_default();
            if OPENS_ITS_OWN {
                let said = terminal.said();
                text =
                    said.split_inclusive('\n').find(|line| line.starts_with("http://")).unwrap_or_default().to_string();
            }
            if text.ends_with('\n') {
                return text.trim_end().to_string();
            }
            assert!(Instant::now() < until, "no browser was opened");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What Chromium did, for messages.
    pub fn browsed(&self) -> PathBuf {
        self.machine.path("browsed")
    }

    /// `account add lab` at the stand-ins by this way, in a terminal.
    pub fn add(&self, way: &str, more: &[&str]) -> Terminal {
        self.add_at(&format!("https://{HOST}"), way, more)
    }

    /// The same at the authorization server.
    pub fn add_real(&self, way: &str, more: &[&str]) -> Terminal {
        self.add_at(&std::env::var("XPOST_TEST_AS").unwrap(), way, more)
    }

    pub fn add_at(&self, server: &str, way: &str, more: &[&str]) -> Terminal {
        let add = ["account", "add", "lab", "--server", server, "--secret", "file", "--with", way, "-vv"];
        self.terminal(&[&add[..], more].concat(), 100)
    }

    pub fn terminal(&self, arguments: &[&str], columns: u16) -> Terminal {
        let mut command = self.machine.command(arguments);
        command.env_remove("COLUMNS");
        if OPENS_ITS_OWN && matches!(arguments, ["account", "add" | "login", ..]) && !arguments.contains(&"--paste") {
            command.arg("--no-browser");
        }
        let terminal = Terminal::start(&command, columns);
        // on a busy machine the program may else be gone before its command line was read
        if let Some(watch) = &self.watch {
            watch.until_seen();
        }
        terminal
    }

    /// Takes down what was said; all terminals end here.
    #[track_caller]
    pub fn end(&self, terminal: Terminal, code: u32) -> Ended {
        let ended = terminal.end();
        self.said.lock().unwrap().push_str(&ended.said);
        self.said.lock().unwrap().push_str(&ended.raw);
        ended.with(code)
    }

    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Run {
        let run = self.machine.run(arguments);
        self.said.lock().unwrap().push_str(&run.all());
        run
    }

    /// Posts something and takes it that it is out.
    #[track_caller]
    pub fn publish(&self, account: &str, text: &str) {
        self.run(&["publish", "--text", text, "--to", account, "-vv"]).ends(0);
    }

    /// The secrets that are kept on this machine, one object for each login.
    pub fn kept(&self) -> Vec<Value> {
        let mut found: Vec<Value> = self
            .secret_files()
            .iter()
            .filter_map(|path| serde_json::from_slice(&std::fs::read(path).ok()?).ok())
            .collect();
        for value in &mut found {
            *value = value["fields"].take();
        }
        found
    }

    pub fn secret_files(&self) -> Vec<PathBuf> {
        let files = self.machine.files().into_iter().map(|(path, _)| path);
        files.filter(|path| path.starts_with(self.machine.home().join("secrets"))).collect()
    }

    /// A field of the one login that is kept.
    #[track_caller]
    pub fn held(&self, field: &str) -> String {
        let kept = self.kept();
        let found = kept.iter().find_map(|login| login[field].as_str());
        found
            .unwrap_or_else(|| panic!("no `{field}` is kept: {:?}", kept.iter().map(keys).collect::<Vec<_>>()))
            .to_string()
    }

    /// Remembers what is kept now as secret; call it while it is there.
    pub fn learn(&mut self) {
        for login in self.kept() {
            for (name, value) in login.as_object().into_iter().flatten() {
                if name != "login" {
                    self.secret.extend(value.as_str().map(str::to_string));
                }
            }
        }
    }

    /// A secret, which the person sees all the same.
    pub fn show(&mut self, secret: &str) {
        self.shown.insert(secret.to_string());
    }

    /// A secret of this test's own.
    pub fn hide(&mut self, secret: &str) {
        self.secret.insert(secret.to_string());
    }

    /// Nothing of an account is here: no row, no secret, no lock.
    #[track_caller]
    pub fn empty(&self) {
        let accounts = self.machine.json(&["account", "list"]);
        assert_eq!(accounts["accounts"], json!([]), "an account was left");
        assert!(self.secret_files().is_empty(), "secrets were left: {:?}", self.secret_files());
    }

    /// The test is over: no secret is anywhere but in its own file.
    #[track_caller]
    pub fn search(mut self) {
        let processes = self.watch.take().unwrap().end();
        assert!(!processes.is_empty(), "no command line was seen");
        self.learn();
        let mut secret: BTreeSet<String> = self.secret.clone();
        {
            let books = self.town.books();
            secret.extend(books.secret.iter().cloned());
            assert!(books.wrong.is_empty(), "a client did wrong: {:?}", books.wrong);
        }
        secret.retain(|text| text.len() >= 7);
        let found = |text: &[u8], except: &BTreeSet<String>| {
            let hit = secret.iter().filter(|secret| !except.contains(*secret)).find(|secret| holds(text, secret))?;
            Some(hit.clone())
        };
        let none = BTreeSet::new();
        for line in &processes {
            assert!(found(line.as_bytes(), &none).is_none(), "a secret is in a command line: {line}");
            let words = ["state=", "code=", "code_challenge", "access_token", "oauth_token"];
            assert!(!words.iter().any(|word| line.contains(word)), "a login is in a command line: {line}");
        }
        let said = self.said.lock().unwrap();
        for line in said.lines() {
            if let Some(secret) = found(line.as_bytes(), &self.shown) {
                panic!("the program said a secret, `{secret}`: {line}");
            }
        }
        let (mut searched, own) = (0, self.machine.home().join("secrets"));
        let mut files = self.machine.files();
        walk(&self.machine.path("record"), &mut files);
        for (path, bytes) in files.iter().filter(|(path, _)| !path.starts_with(&own)) {
            searched += 1;
            if let Some(secret) = found(bytes, &none) {
                panic!("a secret is in {}: `{secret}`: {}", path.display(), around(bytes, &secret));
            }
            // secrets that no server told us of: what was sent under a name that says what it is
            if path.starts_with(self.machine.path("record")) {
                let text = String::from_utf8_lossy(bytes);
                for name in ["code", "state", "code_verifier", "device_code", "token", "refresh_token", "client_secret"]
                {
                    for start in [format!("{name}="), format!("\"{name}\": \"")] {
                        for (at, found) in text.match_indices(&start) {
                            let whole = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                            let value = &text[at + found.len()..];
                            let hidden = value.starts_with("[secret]") || value.starts_with("%5Bsecret%5D");
                            assert!(hidden || !whole, "`{name}` is in {}:\n{text}", path.display());
                        }
                    }
                }
            }
        }
        assert!(searched > 0, "nothing was searched");
    }
}

fn keys(value: &Value) -> Vec<String> {
    value.as_object().into_iter().flat_map(|object| object.keys().cloned()).collect()
}

/// Whether a text holds a secret as it is, as a URL has it, or in base64.
fn holds(text: &[u8], secret: &str) -> bool {
    use base64::Engine as _;
    let within = |form: &str| text.windows(form.len()).any(|window| window == form.as_bytes());
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    // the first bytes may be joined with what stands before them (Basic): whole groups of three, from each offset
    let packed = (0..3).filter(|_| secret.len() > 15).map(|skip| {
        let bytes = &secret.as_bytes()[skip..];
        base64::engine::general_purpose::STANDARD_NO_PAD.encode(&bytes[..bytes.len() / 3 * 3])
    });
    within(secret) || within(&encoded) || packed.into_iter().any(|form| within(&form))
}

fn around(bytes: &[u8], secret: &str) -> String {
    let at = bytes.windows(secret.len()).position(|window| window == secret.as_bytes()).unwrap_or(0);
    String::from_utf8_lossy(&bytes[at.saturating_sub(200)..(at + 200).min(bytes.len())]).into_owned()
}

fn walk(directory: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            walk(&entry.path(), found);
        } else {
            found.push((entry.path(), std::fs::read(entry.path()).unwrap_or_default()));
        }
    }
}

/// The command lines of all processes that were started for this machine, the browser's among them.
struct Watch {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<BTreeSet<String>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Watch {
    /// Each process gets a file in `marks` once its line was read.
    fn new(home: PathBuf, marks: PathBuf) -> Watch {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let seen: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let lines = seen.clone();
        let home = home.display().to_string();
        let thread = std::thread::spawn(move || {
            let mut foreign = BTreeSet::new();
            while !stopped.load(Ordering::Relaxed) {
                for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
                    let Ok(line) = std::fs::read(entry.path().join("cmdline")) else { continue };
                    let id = (entry.file_name(), line);
                    if id.1.is_empty() || foreign.contains(&id) {
                        continue;
                    }
                    let line = String::from_utf8_lossy(&id.1).replace('\0', " ");
                    // ours, if it was started with our home
                    let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
                    if holds_plain(&environment, home.as_bytes()) {
                        lines.lock().unwrap().insert(line);
                        drop(std::fs::write(marks.join(entry.file_name()), ""));
                    } else if !environment.is_empty() {
                        foreign.insert(id);
                    }
                }
                std::thread::sleep(Duration::from_millis(25));
            }
            drop(std::fs::write(marks.join("over"), ""));
        });
        Watch { stop, seen, thread: Some(thread) }
    }

    /// Waits until one command line was read, or for so long that there is none to read.
    fn until_seen(&self) {
        let until = Instant::now() + Duration::from_secs(if cfg!(target_os = "linux") { 5 } else { 0 });
        while self.seen.lock().unwrap().is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn end(mut self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        // there is no such list to read elsewhere
        if cfg!(target_os = "linux") { seen } else { BTreeSet::from([String::new()]) }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn holds_plain(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// What a server answered.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Page {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(name)))
            .map(|pair| pair.1.trim())
    }
}

/// Sends these bytes to a port of this machine and reads to the end; `None` where nobody listens or nothing comes back.
pub fn raw(port: u16, request: &[u8]) -> Option<Page> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request).ok()?;
    let mut bytes = Vec::new();
    // a connection that is reset after the answer has given the answer
    drop(stream.read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Page { status, head: head.to_string(), body: body.to_string() })
}

/// The port of an address on this machine.
#[track_caller]
pub fn port_of(address: &str) -> u16 {
    url::Url::parse(address).unwrap().port().unwrap_or_else(|| panic!("no port in {address}"))
}

/// Fetches an address on this machine, as a browser does.
pub fn fetch(address: &str) -> Option<Page> {
    let url = url::Url::parse(address).unwrap();
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    raw(url.port().unwrap(), format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
}

impl Place {
    /// Asks a stand-in, whatever host it stands in for.
    fn twin(&self, method: &str, address: &str, body: &str) -> Page {
        let url = url::Url::parse(address).unwrap();
        let path =
            format!("/{}{}", url.host_str().unwrap(), &url[url::Position::BeforePath..url::Position::AfterQuery]);
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        raw(self.machine.twins().port(), format!("{head}{body}").as_bytes()).unwrap()
    }

    /// Opens an address of a stand-in and answers: where the browser is sent then, or the code that the page shows.
    #[track_caller]
    pub fn answer(&self, address: &str, yes: bool) -> String {
        let page = self.twin("GET", address, "");
        assert_eq!(page.status, 200, "{address}: {}", page.body);
        let between = |text: &str, from: &str, to: &str| {
            let start = text.find(from)? + from.len();
            Some(text[start..].split(to).next()?.to_string())
        };
        let action = between(&page.body, "action=", ">").unwrap();
        let action = action.split(' ').next().unwrap();
        let ticket = between(&page.body, "value=\"", "\"").unwrap_or_default();
        let allow = if yes { "yes" } else { "no" };
        let form: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("ticket", &ticket)
            .append_pair("allow", allow)
            .finish();
        let done = self.twin("POST", &format!("https://{HOST}{action}"), &form);
        match done.header("location") {
            Some(location) => location.to_string(),
            None => between(&done.body, "<code>", "</code>").unwrap_or_default(),
        }
    }

    /// What a browser does that was told to open the listener's own address: goes on to the network, agrees there, and comes back.
    #[track_caller]
    pub fn through(&self, start: &str, yes: bool) -> Page {
        let back = self.answer(&self.sent_on(start), yes);
        fetch(&back).expect("the listener answers")
    }

    /// Where the listener sends a browser on to.
    #[track_caller]
    pub fn sent_on(&self, start: &str) -> String {
        let first = fetch(start).expect("the listener answers");
        assert_eq!(first.status, 302, "{}", first.body);
        first.header("location").unwrap().to_string()
    }
}

/// Posts JSON to a server on this machine.
pub fn post_json(address: &str, body: &Value) -> Page {
    let url = url::Url::parse(address).unwrap();
    let (body, host) = (body.to_string(), &url[url::Position::BeforeHost..url::Position::AfterPort]);
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        url.path(),
        body.len()
    );
    raw(url.port().unwrap(), format!("{head}{body}").as_bytes()).unwrap()
}

/// What the authorization server says of a token.
pub fn introspect(token: &str) -> Value {
    let port = port_of(&std::env::var("XPOST_TEST_AS").unwrap());
    let request = format!(
        "POST /lab/introspect HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{token}",
        token.len()
    );
    json_of(&raw(port, request.as_bytes()).unwrap())
}

/// Something that the authorization server tells tests.
pub fn lab(path: &str) -> Value {
    let server = std::env::var("XPOST_TEST_AS").unwrap();
    json_of(&fetch(&format!("{server}/lab/{path}")).unwrap())
}

/// The body as JSON, chunked or not.
fn json_of(page: &Page) -> Value {
    let start = page.body.find(['{', '[']).unwrap_or(0);
    let end = page.body.rfind(['}', ']']).map_or(page.body.len(), |end| end + 1);
    serde_json::from_str(&page.body[start..end]).unwrap_or_else(|error| panic!("{error}: {}", page.body))
}

impl Place {
    /// A person at a real browser opens an address, which goes in by standard input: where the browser is sent to that nobody serves,
    /// or nothing.
    #[track_caller]
    pub fn browse(&self, address: &str, lands: Option<&str>) -> String {
        let mut command = std::process::Command::new(std::env::var("XPOST_TEST_BROWSER").unwrap());
        command.arg("-").env("BROWSE_LOG", self.browsed());
        if let Some(lands) = lands {
            command.env("BROWSE_LANDS", lands);
        }
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(address.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let log = std::fs::read_to_string(self.browsed()).unwrap_or_default();
        assert!(output.status.success(), "the browser did not get there:\n{log}");
        String::from_utf8(output.stdout).unwrap().trim().to_string()
    }
}

/// What Chromium did up to where it came back to.
pub fn browsed_to_the_end(place: &Place) -> String {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let log = std::fs::read_to_string(place.browsed()).unwrap_or_default();
        if log.contains("\ndone ") || Instant::now() > until {
            return log;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A parameter of an address.
#[track_caller]
pub fn parameter(address: &str, name: &str) -> String {
    let url = url::Url::parse(address).unwrap();
    let found = url.query_pairs().find(|(key, _)| key == name).map(|pair| pair.1.into_owned());
    found.unwrap_or_else(|| panic!("no `{name}` in {address}"))
}
