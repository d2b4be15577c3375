//! Reading pages of the open web that a draft names: never a machine of the private network, never without end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use chrono::Utc;
use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use url::{Host, Url};

use super::Request;
use super::door::{Answer, Door, build, chain, header_name, header_value};
use super::fault::{Fault, Kind};

/// What [`Door::fetch_public`] read.
#[derive(Debug)]
pub struct Fetched {
    pub answer: Answer,
    /// `false` where the body went on beyond the bound and was cut there.
    pub whole: bool,
}

/// By what a server recognises that we hold what it would send: the `ETag` and `Last-Modified` of its last answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
}

impl Stamp {
    /// What this answer says; longer than 256 bytes is not kept.
    pub fn of(answer: &Answer) -> Stamp {
        let get = |name: &str| answer.header(name).filter(|text| text.len() <= 256).map(str::to_string);
        Stamp { etag: get("etag"), modified: get("last-modified") }
    }

    /// The server named neither.
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.modified.is_none()
    }
}

/// How an address of the open web is asked.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    pub accept: &'a str,
    /// What is there already; the server answers 304 where it is still good.
    pub stamp: Option<&'a Stamp>,
    /// Bytes of the body that are read at most, after it is unpacked.
    pub most: u64,
    /// For all of it, from the name to the last byte.
    pub timeout: Duration,
}

/// Where a body goes.
enum Place<'a> {
    Memory(&'a mut Vec<u8>),
    File(&'a mut tokio::fs::File),
}

fn full(error: std::io::Error) -> Fault {
    Fault::local(format!("it could not be kept: {error}"))
}

impl Door {
    /// One GET of an address that somebody wrote into a draft: no secret goes with it, no redirect is followed, at most `most`
    /// bytes are read, and the host must be on the public internet. Names are resolved first, and the connection goes to the
    /// addresses that were looked at, so that an answer of the name server cannot change in between. A mirrored door asks the
    /// mirror, which is loopback by definition.
    ///
    /// # Errors
    /// A `local` fault for an address that is not public; else as [`Door::send`]. Nothing that is fetched has an effect.
    pub async fn fetch_public(
        &self,
        url: &str,
        accept: &str,
        most: usize,
        timeout: Duration,
    ) -> Result<Fetched, Fault> {
        self.ask_public(url, &Asking { accept, stamp: None, most: most as u64, timeout }).await
    }

    /// The same, where something of it is there already.
    ///
    /// # Errors
    /// As [`Door::fetch_public`].
    pub async fn ask_public(&self, url: &str, asking: &Asking<'_>) -> Result<Fetched, Fault> {
        let mut body = Vec::new();
        let mut fetched = self.read_public(url, asking, Place::Memory(&mut body)).await?;
        fetched.answer.body = body;
        Ok(fetched)
    }

    /// The same into a file, a piece at a time; `body` of the answer stays empty. What was written of an answer that is no
    /// success or was cut off is for the caller to throw away.
    ///
    /// # Errors
    /// As [`Door::fetch_public`], and a `local` fault where the file cannot be written.
    pub async fn save_public(
        &self,
        url: &str,
        asking: &Asking<'_>,
        into: &mut tokio::fs::File,
    ) -> Result<Fetched, Fault> {
        let fetched = self.read_public(url, asking, Place::File(into)).await?;
        into.flush().await.map_err(full)?;
        Ok(fetched)
    }

    async fn read_public(&self, url: &str, asking: &Asking<'_>, mut place: Place<'_>) -> Result<Fetched, Fault> {
        let end = Instant::now() + asking.timeout;
        let request = Request::get(url);
        let target = self.target(&request)?;
        let asked = format!("GET {}", self.redactor().clean(url));
        if target.username() != "" || target.password().is_some() {
            return Err(Fault::local(format!("{asked}: an address with a user name in it is not fetched")));
        }
        let own;
        let client = if self.mirrored() {
            // plain http is not mirrored, so it must be loopback as it stands
            let loopback = match target.host() {
                Some(Host::Ipv4(ip)) => ip.is_loopback(),
                Some(Host::Ipv6(ip)) => ip.is_loopback(),
                Some(Host::Domain(name)) => name == "localhost",
                None => false,
            };
            if !loopback {
                return Err(Fault::local(format!("{asked}: only `https` addresses are mirrored")));
            }
            self.client()?
        } else {
            let resolving = tokio::time::timeout(asking.timeout, public_addresses(&target));
            let addresses = resolving
                .await
                .map_err(|_| Fault::new(Kind::Network, format!("{asked}: the name was not resolved in time")))?
                .map_err(|fault| Fault { message: format!("{asked}: {}", fault.message), ..fault })?;
            let client = build(&|builder| match target.host() {
                Some(Host::Domain(name)) => builder.resolve_to_addrs(name, &addresses),
                _ => builder,
            });
            own = client.map_err(|error| Fault::local(format!("the HTTP client could not be made: {error}")))?;
            &own
        };
        let mut headers = HeaderMap::new();
        headers.append(header_name("accept")?, header_value(asking.accept)?);
        let stamp = asking.stamp.into_iter();
        for (name, value) in
            stamp.flat_map(|stamp| [("if-none-match", &stamp.etag), ("if-modified-since", &stamp.modified)])
        {
            if let Some(value) = value {
                headers.append(header_name(name)?, header_value(value)?);
            }
        }
        let left = end.saturating_duration_since(Instant::now());
        let sent = client.get(target).headers(headers).timeout(left).send().await;
        let mut response = sent.map_err(|error| self.transport(&error, false, &asked))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let mut read = 0u64;
        let mut whole = true;
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    let room = asking.most - read;
                    whole = chunk.len() as u64 <= room;
                    // no more than a chunk, which is in memory already
                    let part = if whole { chunk.len() } else { room as usize };
                    match &mut place {
                        Place::Memory(body) => body.extend_from_slice(&chunk[..part]),
                        Place::File(file) => file.write_all(&chunk[..part]).await.map_err(full)?,
                    }
                    read += part as u64;
                    if !whole {
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    let why = self.redactor().clean(&chain(&error));
                    return Err(Fault::new(Kind::Network, format!("{asked}: the answer broke off: {why}")));
                }
            }
        }
        tracing::debug!(asked, status, whole, "fetched {read} bytes");
        let answer = Answer {
            status,
            headers,
            body: Vec::new(),
            request_id: None,
            rate: None,
            at: Utc::now(),
            write: false,
            asked,
        };
        Ok(Fetched { answer, whole })
    }
}

/// The addresses of an URL's host, if every one of them is public.
async fn public_addresses(url: &Url) -> Result<Vec<SocketAddr>, Fault> {
    let port = url.port_or_known_default().unwrap_or(443);
    let addresses: Vec<SocketAddr> = match url.host() {
        Some(Host::Ipv4(ip)) => vec![(ip, port).into()],
        Some(Host::Ipv6(ip)) => vec![(ip, port).into()],
        Some(Host::Domain(name)) => lookup(name, port)
            .await
            .map_err(|error| Fault::new(Kind::Network, format!("`{name}` was not resolved: {error}")))?,
        None => Vec::new(),
    };
    match addresses.iter().find(|address| !open(address.ip())) {
        Some(address) => Err(Fault::local(format!("{} is not a public address and is not fetched", address.ip()))),
        None if addresses.is_empty() => Err(Fault::new(Kind::Network, "the host has no address")),
        None => Ok(addresses),
    }
}

#[cfg(not(test))]
async fn lookup(name: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((name, port)).await?.collect())
}

#[cfg(not(test))]
fn open(ip: IpAddr) -> bool {
    is_public(ip)
}

/// In unit tests, and in nothing that is ever shipped, a name server and an internet of the test's own can stand in.
#[cfg(test)]
pub(crate) use world::{World, in_world};
#[cfg(test)]
use world::{lookup, open};

#[cfg(test)]
mod world {
    use super::*;

    type Resolve = Box<dyn Fn(&str) -> Vec<SocketAddr> + Send + Sync>;

    /// A name server, and the one address of this machine that counts as public.
    pub(crate) struct World {
        pub resolve: Resolve,
        pub public: IpAddr,
    }

    tokio::task_local! {
        static WORLD: World;
    }

    /// Runs something in that world; tasks that it spawns are outside.
    pub(crate) async fn in_world<T>(world: World, what: impl Future<Output = T>) -> T {
        WORLD.scope(world, what).await
    }

    pub(super) async fn lookup(name: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        match WORLD.try_with(|world| (world.resolve)(name)) {
            Ok(addresses) => Ok(addresses),
            Err(_) => Ok(tokio::net::lookup_host((name, port)).await?.collect()),
        }
    }

    pub(super) fn open(ip: IpAddr) -> bool {
        is_public(ip) || WORLD.try_with(|world| world.public == ip).unwrap_or(false)
    }
}

/// Whether an address belongs to the open internet. By the IANA special-purpose registries (RFC 6890 and its updates, read
/// 2026-11-21); addresses that carry an IPv4 address inside are judged by it.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => public_v4(ip),
        IpAddr::V6(ip) => public_v6(ip),
    }
}

fn public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b)))
}

fn public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    let inner = |high: u16, low: u16| public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match s {
        // mapped, NAT64, 6to4
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
        [0x2002, high, low, ..] => inner(high, low),
        // Teredo, benchmarking, ORCHID, documentation
        [0x2001, 0..=0x01ff | 0x0db8, ..] => false,
        [0x3fff, 0..=0x0fff, ..] => false,
        // global unicast is 2000::/3; all else is local, reserved or multicast
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_open_internet_is_public() {
        for public in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2001:4860::8888", "64:ff9b::101:101"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "203.0.113.5",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::7f00:1",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "64:ff9b:1::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[tokio::test]
    async fn a_private_address_is_not_asked() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let door = Door::new(Default::default(), Default::default()).unwrap();
        for host in ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "2130706433"] {
            let url = format!("http://{host}:{port}/");
            let fault = door.fetch_public(&url, "*/*", 10, Duration::from_secs(5)).await.unwrap_err();
            assert!(fault.message.contains("not a public address") || fault.kind == Kind::Network, "{fault}");
        }
        let fault = door.fetch_public("https://a:b@example.org/", "*/*", 10, Duration::from_secs(5)).await.unwrap_err();
        assert!(fault.message.contains("user name"), "{fault}");
        let asked = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(asked.is_err(), "somebody connected");
    }
}
