//! A server that sees bodies while they arrive, so that it can break off, or be killed at, any point of a request.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};

/// A request, whole or as much of it as came.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub method: String,
    /// With the host that it was meant for: `/lab.example/start`.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// What the head promises, in bytes.
    pub length: usize,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Default)]
pub struct Said {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// When in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Its head is there, nothing was read of its body.
    Head,
    /// Half of its body was read.
    Half,
    /// All of it is there, and the network has not seen it.
    Before,
    /// The network has it; no answer went back.
    After,
}

/// What happens then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The connection closes.
    Drop,
    /// This status, with nothing else.
    Status(u16),
    /// Whoever holds [`Server::hits`] is told, and the request is never answered.
    Stall,
}

/// What a network does with requests.
pub trait Net: Send {
    fn answer(&mut self, asked: &Asked) -> Said;
    /// The connection broke inside of a body: this much came.
    fn partial(&mut self, asked: &Asked) {
        let _ = asked;
    }
}

/// A fault for the nth request from now (1 is the next).
pub type Plan = Option<(usize, Moment, What)>;

pub struct Server<N: Net + 'static> {
    pub url: String,
    pub net: Arc<Mutex<N>>,
    shared: Arc<Shared>,
}

struct Shared {
    plan: Mutex<(usize, Plan)>,
    hits: mpsc::Sender<Asked>,
    log: Mutex<Vec<Asked>>,
}

impl<N: Net + 'static> Server<N> {
    /// Serves until the process ends. The receiver hears of every fault that hit.
    pub fn start(net: N) -> (Server<N>, mpsc::Receiver<Asked>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (hits, hit) = mpsc::channel();
        let shared = Arc::new(Shared { plan: Mutex::default(), hits, log: Mutex::default() });
        let net = Arc::new(Mutex::new(net));
        let (serving, stand) = (shared.clone(), net.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, net) = (serving.clone(), stand.clone());
                std::thread::spawn(move || serve(stream, &shared, &*net));
            }
        });
        (Server { url, net, shared }, hit)
    }

    /// The fault to come; requests are counted from here.
    pub fn plan(&self, plan: Plan) {
        *self.shared.plan.lock().unwrap() = (0, plan);
    }

    /// Requests so far, bodies as far as they were read.
    pub fn log(&self) -> Vec<Asked> {
        self.shared.log.lock().unwrap().clone()
    }
}

fn serve<N: Net>(mut stream: TcpStream, shared: &Shared, net: &Mutex<N>) {
    stream.set_nodelay(true).unwrap();
    let mut buffer = Vec::new();
    while let Some(mut asked) = head(&mut stream, &mut buffer) {
        let fault = {
            let mut plan = shared.plan.lock().unwrap();
            plan.0 += 1;
            let now = plan.0;
            plan.1.take_if(|(n, ..)| *n == now)
        };
        let index = {
            let mut log = shared.log.lock().unwrap();
            log.push(asked.clone());
            log.len() - 1
        };
        let half = match fault {
            Some((_, Moment::Head, _)) => 0,
            Some((_, Moment::Half, _)) => asked.length / 2,
            _ => asked.length,
        };
        while buffer.len() < half {
            if !more(&mut stream, &mut buffer) {
                break;
            }
        }
        asked.body = buffer.drain(..half.min(buffer.len())).collect();
        shared.log.lock().unwrap()[index].body.clone_from(&asked.body);
        if asked.body.len() < asked.length {
            net.lock().unwrap().partial(&asked);
            if fault.is_none() {
                return;
            }
        }
        let said = match fault {
            Some((_, Moment::After, _)) | None => Some(net.lock().unwrap().answer(&asked)),
            _ => None,
        };
        let said = match fault {
            None => said.unwrap(),
            Some((.., what)) => {
                // nobody listens once the test is over
                let _ = shared.hits.send(asked);
                match what {
                    What::Drop => return,
                    What::Status(status) => Said { status, ..Said::default() },
                    What::Stall => {
                        while more(&mut stream, &mut buffer) {}
                        return;
                    }
                }
            }
        };
        let mut text = format!("HTTP/1.1 {} x\r\ncontent-length: {}\r\n", said.status, said.body.len());
        for (name, value) in &said.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(&said.body);
        if stream.write_all(text.as_bytes()).is_err() || half < asked_length(shared, index) {
            return;
        }
    }
}

fn asked_length(shared: &Shared, index: usize) -> usize {
    shared.log.lock().unwrap()[index].length
}

fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> bool {
    // small steps, so that half a body is not read too far
    let mut bytes = [0; 256];
    match stream.read(&mut bytes) {
        Ok(read) if read > 0 => {
            buffer.extend_from_slice(&bytes[..read]);
            true
        }
        _ => false,
    }
}

fn head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Asked> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 50];
        let mut request = httparse::Request::new(&mut headers);
        if let Ok(httparse::Status::Complete(used)) = request.parse(buffer) {
            let mut asked = Asked {
                method: request.method.unwrap().to_string(),
                path: request.path.unwrap().to_string(),
                ..Asked::default()
            };
            for header in request.headers.iter() {
                asked.headers.push((header.name.to_lowercase(), String::from_utf8_lossy(header.value).into_owned()));
            }
            asked.length = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
            assert_eq!(asked.header("transfer-encoding"), None, "lengths are sent ahead");
            buffer.drain(..used);
            return Some(asked);
        }
        if !more(stream, buffer) {
            return None;
        }
    }
}
