//! Who somebody is: handle to DID, DID to its document, and from that the server that has the data.
//!
//! Source: atproto.com/specs/did, /specs/handle, read 2026-11-21.

use std::time::Duration;

use serde_json::Value;

use super::syntax;
use crate::login::{Desk, metadata};
use crate::net::{Door, Fault, Kind, Request, by_status};

/// Where documents of `did:plc` are; `XPOST_PLC_URL` names another directory.
const PLC: &str = "https://plc.directory";
/// The largest document or well-known file that is read whole.
const DOCUMENT: usize = 256 * 1024;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Somebody, as his DID's document has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub did: String,
    /// Only if handle and document name each other.
    pub handle: Option<String>,
    /// Origin of the server that has the data.
    pub pds: String,
}

/// Who has this handle or DID.
///
/// # Errors
/// `rejected`: nobody is called that, or handle and DID do not name each other. Else what was in the way.
pub async fn of(desk: &Desk<'_>, name: &str) -> Result<Identity, Fault> {
    if syntax::did(name) {
        return of_did(desk, name).await;
    }
    let handle = name.to_ascii_lowercase();
    let did = resolve(desk.door, desk.server, &handle).await?;
    let doc = document(desk, &did).await?;
    if !names(&doc).any(|name| name == handle) {
        let why = format!("`{handle}` claims to be `{did}`, which does not call itself so");
        return Err(Fault::new(Kind::Rejected, why));
    }
    found(desk, did, Some(handle), &doc)
}

/// Who has this DID; a handle only where it leads back to it.
///
/// # Errors
/// It has no document, or that names no server.
pub async fn of_did(desk: &Desk<'_>, did: &str) -> Result<Identity, Fault> {
    let doc = document(desk, did).await?;
    let mut handle = None;
    if let Some(name) = names(&doc).next()
        && resolve(desk.door, desk.server, &name).await.is_ok_and(|owner| owner == did)
    {
        handle = Some(name);
    }
    found(desk, did.to_string(), handle, &doc)
}

fn found(desk: &Desk<'_>, did: String, handle: Option<String>, doc: &Value) -> Result<Identity, Fault> {
    let pds = endpoint(doc, desk.server)
        .ok_or_else(|| Fault::new(Kind::Rejected, format!("the document of `{did}` names no server that can be used")))?;
    Ok(Identity { did, handle, pds })
}

/// The handles that a document claims.
fn names(doc: &Value) -> impl Iterator<Item = String> {
    let list = doc["alsoKnownAs"].as_array().into_iter().flatten();
    list.filter_map(|name| Some(name.as_str()?.strip_prefix("at://")?.to_ascii_lowercase()))
        .filter(|name| syntax::handle(name))
}

/// Whose handle it is, by the server's word, else by what the handle's own domain says. The name server is not asked: servers do that.
async fn resolve(door: &Door, server: &str, handle: &str) -> Result<String, Fault> {
    if !syntax::handle(handle) {
        return Err(Fault::new(Kind::Rejected, format!("`{handle}` is no handle; one looks like `ann.bsky.social`")));
    }
    let url = format!("{server}/xrpc/com.atproto.identity.resolveHandle");
    let said = match door.send(Request::get(url).query("handle", handle)).await {
        Ok(answer) => match by_status(&answer) {
            None => match answer.value()["did"].as_str().filter(|did| syntax::did(did)) {
                Some(did) => return Ok(did.to_string()),
                None => Fault::new(Kind::Protocol, format!("{} answered without a DID", answer.asked)),
            },
            Some(fault) => Fault { message: format!("{}: {}", answer.asked, fault.message), ..fault },
        },
        Err(fault) => fault,
    };
    let own = format!("https://{handle}/.well-known/atproto-did");
    if let Ok(fetched) = door.fetch_public(&own, "text/plain", 4096, TIMEOUT).await
        && fetched.answer.success()
        && let Ok(text) = String::from_utf8(fetched.answer.body)
        && syntax::did(text.trim())
    {
        return Ok(text.trim().to_string());
    }
    match said.kind {
        Kind::Rejected => {
            Err(Fault { message: format!("nobody is called `{handle}` ({})", said.message), ..said })
        }
        _ => Err(said),
    }
}

/// The document of a DID.
async fn document(desk: &Desk<'_>, did: &str) -> Result<Value, Fault> {
    let answer = if did.starts_with("did:plc:") {
        desk.door.send(Request::get(format!("{}/{did}", plc(desk)?)).header("accept", "application/json")).await?
    } else if let Some(host) = did.strip_prefix("did:web:").filter(|host| !host.contains([':', '%'])) {
        let url = format!("https://{host}/.well-known/did.json");
        desk.door.fetch_public(&url, "application/json", DOCUMENT, TIMEOUT).await?.answer
    } else {
        return Err(Fault::new(Kind::Unsupported, format!("`{did}` is of a kind that cannot be looked up")));
    };
    if let Some(fault) = by_status(&answer) {
        let gone = matches!(answer.status, 404 | 410);
        let message = if gone { format!("there is no `{did}`") } else { format!("{}: {}", answer.asked, fault.message) };
        return Err(Fault { message, ..fault });
    }
    let doc = answer.value();
    if doc["id"] != did {
        return Err(Fault::new(Kind::Protocol, format!("{} answered with another document", answer.asked)));
    }
    Ok(doc)
}

/// The directory of `did:plc`: the account's setting, the environment's, the public one.
fn plc(desk: &Desk<'_>) -> Result<String, Fault> {
    let named = desk.settings["plc"].as_str().map(str::to_string);
    let named = named.or_else(|| std::env::var("XPOST_PLC_URL").ok()).filter(|text| !text.is_empty());
    match named {
        None => Ok(PLC.to_string()),
        Some(text) => metadata::allowed_origin(&text, true)
            .ok_or_else(|| Fault::local(format!("`XPOST_PLC_URL` is `{text}`, which is not the origin of a directory"))),
    }
}

/// The PDS that a document names, for an account of this server: https, or plain http on this machine.
pub fn endpoint(doc: &Value, server: &str) -> Option<String> {
    let service = doc["service"].as_array()?.iter().find(|service| {
        service["id"].as_str().is_some_and(|id| id.ends_with("#atproto_pds"))
            && service["type"] == "AtprotoPersonalDataServer"
    })?;
    let url = metadata::allowed(service["serviceEndpoint"].as_str()?, metadata::near(server))?;
    Some(url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn where_the_data_is() {
        let doc = |endpoint: &str| {
            json!({"service": [{"id": "#x", "type": "Other", "serviceEndpoint": "https://no.example"},
                {"id": "did:plc:a#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": endpoint}]})
        };
        let far = "https://bsky.social";
        assert_eq!(endpoint(&doc("https://morel.host.example/"), far).as_deref(), Some("https://morel.host.example"));
        let here = "http://localhost:2583";
        assert_eq!(endpoint(&doc(here), here).as_deref(), Some(here));
        // a server on the internet has no business to send us to this machine
        assert_eq!(endpoint(&doc(here), far), None);
        assert_eq!(endpoint(&doc("https://127.0.0.1"), far), None);
        assert_eq!(endpoint(&doc("http://pds.example"), here), None);
        assert_eq!(endpoint(&doc("file:///etc/passwd"), far), None);
        assert_eq!(endpoint(&Value::Null, far), None);
    }

    #[test]
    fn names_of_a_document() {
        let doc = json!({"alsoKnownAs": ["https://x.example", "at://Ann.Example.org", "at://no handle", 7]});
        assert_eq!(names(&doc).collect::<Vec<_>>(), ["ann.example.org"]);
    }
}
