//! Reading pages of the open web that a draft names: never a machine of the private network, never without end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use chrono::Utc;
use reqwest::header::HeaderMap;
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
        let request = Request::get(url).header("accept", accept);
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
            let resolving = tokio::time::timeout(timeout, public_addresses(&target));
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
        headers.append(header_name("accept")?, header_value(accept)?);
        let sent = client.get(target).headers(headers).timeout(timeout).send().await;
        let mut response = sent.map_err(|error| self.transport(&error, false, &asked))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let mut body = Vec::new();
        let mut whole = true;
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    let room = most - body.len();
                    if chunk.len() > room {
                        body.extend_from_slice(&chunk[..room]);
                        whole = false;
                        break;
                    }
                    body.extend_from_slice(&chunk);
                }
                Ok(None) => break,
                Err(error) => {
                    let why = self.redactor().clean(&chain(&error));
                    return Err(Fault::new(Kind::Network, format!("{asked}: the answer broke off: {why}")));
                }
            }
        }
        tracing::debug!(asked, status, whole, "fetched {} bytes", body.len());
        let answer =
            Answer { status, headers, body, request_id: None, rate: None, at: Utc::now(), write: false, asked };
        Ok(Fetched { answer, whole })
    }
}

/// The addresses of an URL's host, if every one of them is public.
async fn public_addresses(url: &Url) -> Result<Vec<SocketAddr>, Fault> {
    let port = url.port_or_known_default().unwrap_or(443);
    let addresses: Vec<SocketAddr> = match url.host() {
        Some(Host::Ipv4(ip)) => vec![(ip, port).into()],
        Some(Host::Ipv6(ip)) => vec![(ip, port).into()],
        Some(Host::Domain(name)) => tokio::net::lookup_host((name, port))
            .await
            .map_err(|error| Fault::new(Kind::Network, format!("`{name}` was not resolved: {error}")))?
            .collect(),
        None => Vec::new(),
    };
    match addresses.iter().find(|address| !is_public(address.ip())) {
        Some(address) => Err(Fault::local(format!("{} is not a public address and is not fetched", address.ip()))),
        None if addresses.is_empty() => Err(Fault::new(Kind::Network, "the host has no address")),
        None => Ok(addresses),
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
