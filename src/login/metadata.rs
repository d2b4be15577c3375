//! What servers say of their logins: protected resources (RFC 9728) and authorization servers (RFC 8414). Nothing that is read here is
//! believed of anybody but the one who said it.

use serde_json::Value;
use url::{Host, Url};

use crate::net::{Answer, Door, Effect, Fault, Kind, Request, by_status, is_public};

/// Whether this address is on this machine or in its own network. What an address on the internet names must not be.
pub fn near(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| host_near(&url))
}

fn host_near(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => !is_public(ip.into()),
        Some(Host::Ipv6(ip)) => !is_public(ip.into()),
        None => false,
    }
}

fn loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// An address that a server named, if it may be followed: https, or http on this machine; to this machine or its network only where
/// `near` says that we came from there.
pub fn allowed(text: &str, near: bool) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && loopback(&url));
    let good = scheme && url.has_host() && url.username().is_empty() && url.password().is_none();
    (good && (near || !host_near(&url))).then_some(url)
}

/// The same for an address that must be an origin and nothing more; without a slash at the end.
pub fn allowed_origin(text: &str, near: bool) -> Option<String> {
    let url = allowed(text, near)?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    bare.then(|| url.origin().ascii_serialization())
}

/// The authorization server that a resource server names as the one it trusts; `None` where it names none at all (404).
///
/// # Errors
/// It cannot be reached, says something else than the standard has it, names several or one that may not be followed.
pub async fn protected_resource(door: &Door, server: &str, near: bool) -> Result<Option<String>, Fault> {
    let answer = read(door, &format!("{server}/.well-known/oauth-protected-resource")).await?;
    if answer.status == 404 {
        return Ok(None);
    }
    let value = object(&answer)?;
    if value["resource"].as_str().map(|text| text.trim_end_matches('/')) != Some(server) {
        return Err(wrong(&answer, &format!("describes another server than `{server}`")));
    }
    let servers = value["authorization_servers"].as_array().map_or(&[][..], Vec::as_slice);
    let [one] = servers else {
        return Err(wrong(&answer, &format!("names {} authorization servers instead of one", servers.len())));
    };
    let one = one.as_str().unwrap_or_default();
    allowed_origin(one, near)
        .map(Some)
        .ok_or_else(|| wrong(&answer, "names an authorization server at an address that is not followed"))
}

/// An authorization server by its own description.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// Its name of itself, which is its origin.
    pub issuer: String,
    /// What it says; names as in RFC 8414 and its registry.
    pub value: Value,
}

impl Issuer {
    /// Reads what this issuer says of itself.
    ///
    /// # Errors
    /// It cannot be reached, or speaks for another one.
    pub async fn read(door: &Door, issuer: &str) -> Result<Issuer, Fault> {
        let answer = read(door, &format!("{issuer}/.well-known/oauth-authorization-server")).await?;
        let value = object(&answer)?;
        if value["issuer"] != issuer {
            return Err(wrong(&answer, &format!("speaks for another issuer than `{issuer}`")));
        }
        Ok(Issuer { issuer: issuer.to_string(), value })
    }

    /// One of its addresses (`token_endpoint`); `None` where it has none of that name. It must be on the issuer's own origin, because
    /// tokens go nowhere else.
    ///
    /// # Errors
    /// It is somewhere else.
    pub fn endpoint(&self, name: &str) -> Result<Option<String>, Fault> {
        let Some(text) = self.value[name].as_str() else { return Ok(None) };
        let url = Url::parse(text).ok().filter(|url| url.origin().ascii_serialization() == self.issuer);
        match url {
            Some(url) if url.username().is_empty() && url.fragment().is_none() => Ok(Some(url.into())),
            _ => {
                let why = format!("`{}` names a `{name}` that is not its own; nothing was sent there", self.issuer);
                Err(Fault::new(Kind::Protocol, why))
            }
        }
    }

    /// Whether one of its lists (`scopes_supported`) has this word.
    pub fn lists(&self, name: &str, word: &str) -> bool {
        self.value[name].as_array().is_some_and(|list| list.iter().any(|item| item == word))
    }
}

async fn read(door: &Door, url: &str) -> Result<Answer, Fault> {
    let answer = door.send(Request::get(url).header("accept", "application/json")).await?;
    match by_status(&answer) {
        Some(fault) if answer.status != 404 => {
            Err(Fault { message: format!("{}: {}", answer.asked, fault.message), ..fault })
        }
        _ => Ok(answer),
    }
}

fn object(answer: &Answer) -> Result<Value, Fault> {
    if answer.status == 404 {
        return Err(wrong(answer, "found nothing there: this server has no login by browser"));
    }
    let value = answer.value();
    if value.is_object() { Ok(value) } else { Err(wrong(answer, "answered no JSON object")) }
}

fn wrong(answer: &Answer, why: &str) -> Fault {
    let fault = Fault::new(Kind::Protocol, format!("{} {why}", answer.asked));
    Fault { status: Some(answer.status), effect: Effect::None, ..fault }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn which_addresses_are_followed() {
        for (text, far, from_here) in [
            ("https://bsky.social", true, true),
            ("https://bsky.social:8443", true, true),
            ("http://bsky.social", false, false),
            ("http://localhost:2583", false, true),
            ("http://127.0.0.1", false, true),
            ("http://[::1]:80", false, true),
            ("https://localhost", false, true),
            ("https://127.0.0.1", false, true),
            ("https://10.0.0.1", false, true),
            ("http://10.0.0.1", false, false),
            ("https://[::ffff:127.0.0.1]", false, true),
            ("https://0x7f.1", false, true),
            ("https://user@bsky.social", false, false),
            ("ftp://bsky.social", false, false),
            ("bsky.social", false, false),
            ("", false, false),
        ] {
            assert_eq!(allowed(text, false).is_some(), far, "{text}");
            assert_eq!(allowed(text, true).is_some(), from_here, "{text}");
        }
        assert_eq!(allowed_origin("https://Bsky.Social/", false).as_deref(), Some("https://bsky.social"));
        for more in ["https://bsky.social/path", "https://bsky.social?x", "https://bsky.social/#x"] {
            assert_eq!(allowed_origin(more, false), None, "{more}");
        }
        assert!(near("http://localhost:1") && near("https://192.168.1.2") && !near("https://bsky.social") && !near(""));
    }

    #[test]
    fn endpoints_are_the_issuers_own() {
        let value = json!({"token_endpoint": "https://as.example/oauth/token", "a": "https://as.example.evil/oauth",
            "b": "http://as.example/", "c": "https://as.example:444/", "d": "/oauth", "e": "https://u@as.example/",
            "scopes_supported": ["atproto"]});
        let issuer = Issuer { issuer: "https://as.example".into(), value };
        assert_eq!(issuer.endpoint("token_endpoint").unwrap().as_deref(), Some("https://as.example/oauth/token"));
        assert_eq!(issuer.endpoint("revocation_endpoint").unwrap(), None);
        for name in ["a", "b", "c", "d", "e"] {
            assert_eq!(issuer.endpoint(name).unwrap_err().kind, Kind::Protocol, "{name}");
        }
        assert!(issuer.lists("scopes_supported", "atproto") && !issuer.lists("scopes_supported", "at"));
    }
}
