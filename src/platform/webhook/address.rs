//! Where a webhook may go: not into this machine or its network, unless the account says so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::net::{Fault, Kind};

/// Reads a webhook's URL.
///
/// # Errors
/// What is wrong with it, without a word of it: "is not ...".
pub(super) fn parse(text: &str, allow_private: bool) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|error| format!("is not a URL ({error})"))?;
    if !url.has_host() || !matches!(url.scheme(), "https" | "http") {
        return Err("must begin with `https://`".to_string());
    }
    if url.scheme() == "http" && !allow_private {
        return Err("must begin with `https://`; set `allow_private = true` to allow plain http".to_string());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password; use `signature = \"bearer\"`".to_string());
    }
    Ok(url)
}

/// Looks the host up and refuses it where any of its addresses is not on the open internet. (Between this look-up and the
/// connection a hostile name server may change its mind; what is refused here is the mistake and the plain attempt.)
///
/// # Errors
/// A `forbidden` fault. A host that cannot be looked up is no error here: the connection will fail and say so.
pub(super) async fn public(url: &Url) -> Result<(), Fault> {
    let addresses: Vec<IpAddr> = match url.host() {
        Some(Host::Ipv4(ip)) => vec![ip.into()],
        Some(Host::Ipv6(ip)) => vec![ip.into()],
        Some(Host::Domain(name)) => match tokio::net::lookup_host((name, url.port_or_known_default().unwrap_or(443))).await {
            Ok(found) => found.map(|address| address.ip()).collect(),
            Err(_) => Vec::new(),
        },
        None => Vec::new(),
    };
    if addresses.into_iter().all(is_public) {
        return Ok(());
    }
    let host = url.host_str().unwrap_or_default();
    Err(Fault::new(
        Kind::Forbidden,
        format!("`{host}` is an address of this machine or of a private network; set `allow_private = true` for this account to allow it"),
    )
    .code("private_address"))
}

/// On the open internet, by the IANA special-purpose registries (RFC 6890 and what came after, as of 2026).
pub(super) fn is_public(ip: IpAddr) -> bool {
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
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a == 198 && (b == 18 || b == 19)))
}

fn public_v6(ip: Ipv6Addr) -> bool {
    let parts = ip.segments();
    // addresses that stand for an IPv4 address: mapped, NAT64 (64:ff9b::/96), 6to4 (2002::/16)
    let v4 = |high: u16, low: u16| public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match parts {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        // only 2000::/3 is handed out
        [first, ..] => first & 0xe000 == 0x2000 && first != 0x3fff,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_ones_own_network_are_told_from_the_rest() {
        for own in [
            "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "192.0.0.8",
            "198.18.0.1", "224.0.0.1", "255.255.255.255", "203.0.113.5", "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1",
            "::ffff:10.1.1.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "::127.0.0.1", "2001::1",
        ] {
            assert!(!is_public(own.parse().unwrap()), "{own}");
        }
        for open in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "192.169.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "2001:4860:4860::8888"] {
            assert!(is_public(open.parse().unwrap()), "{open}");
        }
    }

    #[test]
    fn urls() {
        assert!(parse(" https://hooks.example/in/abc?x=1\n", false).is_ok());
        assert!(parse("http://10.0.0.1/in", true).is_ok());
        for bad in ["http://hooks.example/CANARY", "ftp://hooks.example/CANARY", "CANARY", "https://", "https://u:CANARY@hooks.example/", "file:///CANARY"] {
            let why = parse(bad, false).unwrap_err();
            assert!(!why.contains("CANARY"), "{why}");
        }
    }

    #[tokio::test]
    async fn names_and_tricky_spellings_of_loopback_are_refused() {
        for url in ["https://localhost/x", "https://127.1/x", "https://0x7f000001/x", "https://2130706433/x", "https://[::1]/x"] {
            let fault = public(&Url::parse(url).unwrap()).await.unwrap_err();
            assert_eq!((fault.kind, fault.effect), (Kind::Forbidden, crate::net::Effect::None), "{url}");
        }
        assert!(public(&Url::parse("https://1.1.1.1/x").unwrap()).await.is_ok());
    }
}
