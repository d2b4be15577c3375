//! Sessions: an app password is traded for a short token, which is kept and used until it is close to its end.

use std::collections::BTreeMap;

use chrono::Utc;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::SessionAnswer;
use crate::login::jwt;
use crate::net::{Answer, Effect, Fault, Kind, Request};
use crate::platform::Cx;

const ACCESS: &str = "session_access";
const REFRESH: &str = "session_refresh";
const FACTS: &str = "session_facts";
/// A token that ends within this many seconds is not begun with.
const MARGIN: i64 = 60;

/// A session that can be used.
pub struct Session {
    pub access: SecretString,
    pub facts: Facts,
}

/// What is known with a session, kept beside its tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub did: String,
    pub handle: String,
    /// Where the account's data really is; `bsky.social` is only the entrance.
    pub pds: String,
    /// Who asked and where: with another handle or server the session is another one.
    pub identifier: String,
    pub server: String,
}

/// The handle, DID or address that the account logs in with.
fn identifier(cx: &Cx<'_>) -> String {
    cx.account.setting("handle").trim().trim_start_matches('@').to_string()
}

/// Where the session's data really are.
pub fn host(cx: &Cx<'_>) -> Option<String> {
    kept(cx).map(|(_, facts)| facts.pds)
}

fn kept(cx: &Cx<'_>) -> Option<(SecretString, Facts)> {
    let facts: Facts = serde_json::from_str(cx.optional_secret(FACTS)?.expose_secret()).ok()?;
    let ours = facts.identifier == identifier(cx) && facts.server == cx.account.server;
    Some((cx.optional_secret(ACCESS)?, facts)).filter(|_| ours)
}

/// The kept session, without a request where its token still holds; else a renewed or a new one.
///
/// # Errors
/// The password is missing or refused, or the server cannot be reached; nothing was posted.
pub async fn current(cx: &Cx<'_>) -> Result<Session, Fault> {
    if let Some((access, facts)) = kept(cx)
        && expires(access.expose_secret()).is_none_or(|at| at > Utc::now().timestamp() + MARGIN)
    {
        return Ok(Session { access, facts });
    }
    renew(cx).await
}

/// A new session from the refresh token, or from the password where that is refused.
///
/// # Errors
/// As [`current`].
pub async fn renew(cx: &Cx<'_>) -> Result<Session, Fault> {
    let url = |method: &str| format!("{}/xrpc/com.atproto.server.{method}", cx.account.server);
    if let (Some((_, facts)), Some(refresh)) = (kept(cx), cx.optional_secret(REFRESH)) {
        match cx.call(Request::post(url("refreshSession")).bearer(&refresh)).await {
            Ok(answer) => return keep(cx, &answer, Some(&facts)).await,
            Err(fault) if fault.kind.transient() || fault.kind == Kind::Local => return Err(harmless(fault)),
            // whatever else is wrong with the old session, a new one is the cure
            Err(_) => {}
        }
    }
    let password = cx.secret("password")?;
    let identifier = identifier(cx);
    if identifier.is_empty() {
        let why = format!("account `{}` has no `handle`; run `xpost account add` again", cx.account.name);
        return Err(Fault::new(Kind::Auth, why));
    }
    cx.door.redactor().learn(&password);
    let body = json!({"identifier": identifier, "password": password.expose_secret()});
    let answer = cx.call(Request::post(url("createSession")).json(body)).await.map_err(harmless)?;
    keep(cx, &answer, None).await
}

async fn keep(cx: &Cx<'_>, answer: &Answer, before: Option<&Facts>) -> Result<Session, Fault> {
    let session: SessionAnswer = answer.json().map_err(harmless)?;
    let (access, refresh) = (SecretString::from(session.access_jwt), SecretString::from(session.refresh_jwt));
    let pds = endpoint(&session.did_doc, &cx.account.server)
        .or_else(|| before.map(|facts| facts.pds.clone()))
        .unwrap_or_else(|| cx.account.server.clone());
    let facts = Facts {
        did: session.did,
        handle: session.handle,
        pds,
        identifier: identifier(cx),
        server: cx.account.server.clone(),
    };
    // one text with braces around it: the redactor learns it whole and blots out nothing else
    let kept = json!(facts).to_string();
    cx.keep(BTreeMap::from([
        (ACCESS.to_string(), access.clone()),
        (REFRESH.to_string(), refresh),
        (FACTS.to_string(), SecretString::from(kept)),
    ]))
    .await?;
    Ok(Session { access, facts })
}

/// A login that failed half-way posted nothing.
fn harmless(fault: Fault) -> Fault {
    Fault { effect: Effect::None, ..fault }
}

/// The PDS that the DID document names: https, or plain http on this machine.
fn endpoint(doc: &Value, server: &str) -> Option<String> {
    let service = doc["service"].as_array()?.iter().find(|service| {
        service["id"].as_str().is_some_and(|id| id.ends_with("#atproto_pds"))
            && service["type"] == "AtprotoPersonalDataServer"
    })?;
    let text = service["serviceEndpoint"].as_str()?;
    let url = url::Url::parse(text).ok()?;
    let loopback = match url.host()? {
        url::Host::Domain(name) => name == "localhost",
        url::Host::Ipv4(ip) => ip.is_loopback(),
        url::Host::Ipv6(ip) => ip.is_loopback(),
    };
    // a server on the internet has no business to send us to this machine
    let allowed = match url.scheme() {
        "https" => true,
        "http" => loopback && server.starts_with("http://"),
        _ => false,
    };
    allowed.then(|| url.origin().ascii_serialization())
}

/// When a JWT ends, in seconds of the epoch; `None` if it does not say.
fn expires(token: &str) -> Option<i64> {
    jwt::claims_unverified(token)?["exp"].as_i64()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    #[test]
    fn where_the_data_is() {
        let doc = |endpoint: &str| {
            json!({"service": [{"id": "#x", "type": "Other", "serviceEndpoint": "https://no.example"},
                {"id": "did:plc:a#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": endpoint}]})
        };
        let far = "https://bsky.social";
        assert_eq!(endpoint(&doc("https://morel.host.example/"), far).as_deref(), Some("https://morel.host.example"));
        assert_eq!(endpoint(&doc("http://localhost:2583"), "http://localhost:2583").as_deref(), Some("http://localhost:2583"));
        assert_eq!(endpoint(&doc("http://localhost:2583"), far), None);
        assert_eq!(endpoint(&doc("http://pds.example"), "http://localhost:1"), None);
        assert_eq!(endpoint(&doc("file:///etc/passwd"), far), None);
        assert_eq!(endpoint(&Value::Null, far), None);
    }

    #[test]
    fn when_a_token_ends() {
        let jwt = format!("x.{}.y", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"exp":1795325744}"#));
        assert_eq!(expires(&jwt), Some(1_795_325_744));
        for other in ["", "a.b.c", "a", "x.e30.y"] {
            assert_eq!(expires(other), None, "{other}");
        }
    }
}
