//! Servers with an authority of their own, servers that are not to be believed, and proxies.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;
use xpost::store::SecretSource;

use super::machine::{Machine, login};
use super::tide::access;

pub const ALL: &[(&str, fn())] = &[
    ("a_server_with_an_authority_of_its_own", a_server_with_an_authority_of_its_own),
    ("what_tls_refuses_is_final_and_says_why", what_tls_refuses_is_final_and_says_why),
    ("a_ca_file_that_is_none", a_ca_file_that_is_none),
    ("system_proxies_are_honoured", system_proxies_are_honoured),
];

/// A made-up authority.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        // each a stranger to the others by name, too
        params.distinguished_name.push(DnType::CommonName, uuid::Uuid::now_v7().to_string());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// A server's certificate for this name; one of the past where it has to be.
    fn config(&self, name: &str, over: bool) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_string()]).unwrap();
        if over {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap())
    }
}

/// A server of the tests' network over TLS. Gives its port, and how many connections it had.
fn secure(config: Arc<ServerConfig>) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::Relaxed);
            let config = Arc::clone(&config);
            std::thread::spawn(move || {
                let stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
                // a client that does not believe the certificate hangs up
                drop(answer(stream));
            });
        }
    });
    (port, connections)
}

/// One request, one answer.
fn answer(stream: impl Read + Write) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        head.push(line.to_lowercase());
    }
    let length = head.iter().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
    std::io::copy(&mut stream.by_ref().take(length), &mut std::io::sink())?;
    let good = head.iter().any(|line| line.trim() == format!("authorization: bearer {}", access(1)));
    let (status, body) = if good { ("200 OK", r#"{"id":"1","handle":"@tide"}"#) } else { ("401 No", "{}") };
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.get_mut().write_all(reply.as_bytes())?;
    stream.get_mut().flush()
}

/// An account at this server on a machine without a mirror, and the authority's file.
fn machine(server: &str, authority: &Authority, set: bool) -> (Machine, PathBuf) {
    let machine = Machine::alone();
    let pem = machine.path("own.pem");
    std::fs::write(&pem, &authority.pem).unwrap();
    let settings = if set { json!({ "ca_file": pem }) } else { json!({}) };
    std::fs::create_dir_all(machine.path("home")).unwrap();
    machine.account("tide", server, SecretSource::File, &login(1, 3600), settings);
    (machine, pem)
}

fn a_server_with_an_authority_of_its_own() {
    let authority = Authority::new();
    let (port, connections) = secure(authority.config("localhost", false));
    let server = format!("https://localhost:{port}");
    let (stranger, _) = machine(&server, &authority, false);
    let run = stranger.run(&["account", "check", "tide"]);
    run.ends(1).says(&[
        "no secure connection (TLS) to `localhost`: its certificate was issued by nobody that this machine trusts",
        "`ca_file`",
    ]);
    // in the account's settings
    let (own, pem) = machine(&server, &authority, true);
    own.run(&["account", "check", "tide"]).ends(0).says(&["@tide on Tide"]);
    own.run(&["publish", "--text", "one", "--to", "tide"]).ends(0);
    let doctor = own.json(&["doctor"]);
    assert_eq!(doctor["accounts"][0]["overrides"], json!(["ca_file"]), "{doctor}");
    // or in this machine's, where a relative path begins at the directory of the file
    std::fs::copy(pem, stranger.path("home").join("ca.pem")).unwrap();
    std::fs::write(stranger.home().config_file(), "[accounts.tide]\nca_file = 'ca.pem'\n").unwrap();
    stranger.run(&["account", "check", "tide"]).ends(0);
    assert!(connections.load(Ordering::Relaxed) >= 4);
    // the authority of one account is nobody else's
    let other = Authority::new();
    let (wrong, _) = machine(&server, &other, true);
    wrong.run(&["account", "check", "tide"]).ends(1).says(&["its certificate was issued by nobody in the `ca_file` `"]);
}

fn what_tls_refuses_is_final_and_says_why() {
    let authority = Authority::new();
    for (name, over, says) in [
        ("localhost", true, "its certificate has expired, or the clock of this machine is wrong"),
        ("elsewhere.example", false, "its certificate is for another name"),
    ] {
        let (port, connections) = secure(authority.config(name, over));
        let (machine, _) = machine(&format!("https://localhost:{port}"), &authority, true);
        let run = machine.run(&["publish", "--text", "one", "--to", "tide"]);
        run.ends(5).says(&["no secure connection (TLS) to `localhost`", says, "nothing was sent"]);
        assert_eq!(connections.load(Ordering::Relaxed), 1, "tried once: {run:?}");
    }
    // something that speaks no TLS at all
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"));
        }
    });
    let (machine, pem) = machine(&format!("https://localhost:{port}"), &authority, true);
    let run = machine.run(&["account", "check", "tide"]);
    run.ends(1).says(&["no secure connection (TLS) to `localhost`", &pem.display().to_string()]);
}

fn a_ca_file_that_is_none() {
    let authority = Authority::new();
    let (port, connections) = secure(authority.config("localhost", false));
    let (machine, pem) = machine(&format!("https://localhost:{port}"), &authority, true);
    for (text, says) in [(Some("hello"), "it holds no certificate"), (None, "cannot be used: ")] {
        match text {
            Some(text) => std::fs::write(&pem, text).unwrap(),
            None => std::fs::remove_file(&pem).unwrap(),
        }
        let run = machine.run(&["account", "check", "tide"]);
        run.ends(1).says(&["the `ca_file` `", "own.pem", says]);
    }
    assert_eq!(connections.load(Ordering::Relaxed), 0, "nothing was sent");
}

/// A proxy on loopback: tunnels to one port, answers what is not to be tunnelled, and remembers what it was asked.
fn proxy(to: u16) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let log = Arc::clone(&log);
            std::thread::spawn(move || -> std::io::Result<()> {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte)? == 1 {
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                log.lock().unwrap().push(head.lines().next().unwrap_or_default().to_string());
                if !head.starts_with("CONNECT ") {
                    return answer(Replayed { head: std::io::Cursor::new(head.into_bytes()), stream: client });
                }
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
                let mut server = TcpStream::connect(("127.0.0.1", to))?;
                let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
                std::thread::spawn(move || {
                    drop(std::io::copy(&mut from_server, &mut to_client));
                    drop(to_client.shutdown(Shutdown::Both));
                });
                std::io::copy(&mut client, &mut server).map(drop)
            });
        }
    });
    (address, asked)
}

/// A stream whose beginning was read already.
struct Replayed {
    head: std::io::Cursor<Vec<u8>>,
    stream: TcpStream,
}

impl Read for Replayed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.head.read(buffer)? {
            0 => self.stream.read(buffer),
            n => Ok(n),
        }
    }
}

impl Write for Replayed {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

fn system_proxies_are_honoured() {
    let authority = Authority::new();
    let (port, _) = secure(authority.config("tide.invalid", false));
    let (address, asked) = proxy(port);
    let last = || asked.lock().unwrap().pop();
    // a name that nobody can look up but the proxy, with the account's own authority behind it
    let (mut secure, _) = machine("https://tide.invalid", &authority, true);
    secure.set("HTTPS_PROXY", &address);
    secure.run(&["account", "check", "tide"]).ends(0).says(&["@tide on Tide"]);
    assert_eq!(last().as_deref(), Some("CONNECT tide.invalid:443 HTTP/1.1"));
    secure.set("NO_PROXY", "tide.invalid");
    secure.run(&["account", "check", "tide"]).ends(1).says(&["the host name cannot be looked up"]);
    assert_eq!(last(), None, "the proxy was passed by");
    let (mut plain, _) = machine("http://tide.invalid", &authority, false);
    plain.set("HTTP_PROXY", &address);
    plain.set("http_proxy", &address);
    plain.run(&["account", "check", "tide"]).ends(0);
    assert_eq!(last().as_deref(), Some("GET http://tide.invalid/me HTTP/1.1"));
}
