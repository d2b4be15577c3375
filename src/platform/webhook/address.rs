//! Where a webhook may go: not into this machine or its network, unless the account says so.

use std::net::IpAddr;

use url::{Host, Url};

use crate::net::{Fault, Kind, is_public};

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

#[cfg(test)]
mod tests {
    use super::*;

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
