//! What requests are signed with: a session that an app password was traded for, kept and used until it is close to its end, or the
//! tokens of a login by browser, each request with its proof.

use std::collections::BTreeMap;

use chrono::Utc;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::api::SessionAnswer;
use super::{identity, oauth};
use crate::login::dpop::{self, Dpop};
use crate::login::{self, jwt};
use crate::net::{Answer, Effect, Fault, Kind, Request};
use crate::platform::Cx;

const ACCESS: &str = "session_access";
const REFRESH: &str = "session_refresh";
const FACTS: &str = "session_facts";
/// A token that ends within this many seconds is not begun with.
const MARGIN: i64 = 60;

/// A session that can be used.
pub struct Session {
    access: SecretString,
    /// The key that the token is bound to; none for the token of an app password, whose bearer is believed.
    key: Option<Dpop>,
    pub facts: Facts,
}

impl Session {
    /// Sends one request in this session's name. The request is built twice at most: a proof without the nonce that the server wants,
    /// or by a clock that is not the server's, is refused before anything is done, and sent once more.
    ///
    /// # Errors
    /// As [`Cx::call`].
    pub async fn call(&self, cx: &Cx<'_>, build: impl Fn() -> Request + Send + Sync) -> Result<Answer, Fault> {
        let Some(key) = &self.key else { return cx.call(build().bearer(&self.access)).await };
        cx.judge(self.proved(cx, key, &build).await?)
    }

    async fn proved(
        &self,
        cx: &Cx<'_>,
        key: &Dpop,
        build: &(impl Fn() -> Request + Send + Sync),
    ) -> Result<Answer, Fault> {
        let request = build();
        let url = request.url().to_string();
        let answer = cx.answer(key.dress(request, Some(&self.access))?).await?;
        if !key.again(&url, &answer) {
            return dpop::stubborn(&answer).map_or(Ok(answer), Err);
        }
        let answer = cx.answer(key.dress(build(), Some(&self.access))?).await?;
        key.again(&url, &answer);
        dpop::stubborn(&answer).map_or(Ok(answer), Err)
    }

    /// Makes sure that the next request need not be sent twice, where it is a long one.
    ///
    /// # Errors
    /// The server cannot be reached; nothing was done.
    pub async fn warm(&self, cx: &Cx<'_>) -> Result<(), Fault> {
        match &self.key {
            Some(key) if !key.ready(&self.facts.pds) => {
                let url = format!("{}/xrpc/com.atproto.server.getSession", self.facts.pds);
                let answer = cx.answer(key.dress(Request::get(&url), Some(&self.access))?).await?;
                key.again(&url, &answer);
                Ok(())
            }
            _ => Ok(()),
        }
    }
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

/// Where the session's data really are, and who renews it.
pub fn hosts(cx: &Cx<'_>) -> Vec<String> {
    match by_browser(cx) {
        Some(facts) => oauth::hosts(&facts),
        None => kept(cx).map(|(_, facts)| facts.pds).into_iter().collect(),
    }
}

/// The facts of a login by browser, if these secrets are of one.
fn by_browser(cx: &Cx<'_>) -> Option<login::Facts> {
    cx.facts().filter(|facts| facts.way == oauth::WAY)
}

/// Renews whatever it is.
///
/// # Errors
/// Only a person can log in again (`auth`), or the server cannot be reached; nothing was posted.
pub async fn refresh(cx: &Cx<'_>) -> Result<bool, Fault> {
    match by_browser(cx) {
        Some(_) => cx.renew().await,
        None => renew(cx).await.map(|_| true),
    }
}

/// Ends the session of an app password at the server, if there is one; the password itself stays good.
///
/// # Errors
/// It may be still good there.
pub async fn leave(cx: &Cx<'_>) -> Result<(), Fault> {
    let (Some(_), Some(refresh)) = (kept(cx), cx.optional_secret(REFRESH)) else { return Ok(()) };
    let url = format!("{}/xrpc/com.atproto.server.deleteSession", cx.account.server);
    match cx.call(Request::post(url).bearer(&refresh)).await {
        Ok(_) => Ok(()),
        // it has ended by itself
        Err(fault) if fault.kind == Kind::Auth => Ok(()),
        Err(fault) => Err(harmless(fault)),
    }
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
    if let Some(login) = by_browser(cx) {
        let key = oauth::key(&cx.secret(oauth::KEY)?, &login)?;
        let facts = Facts {
            did: login.subject.clone(),
            handle: login.more.get(oauth::HANDLE).cloned().unwrap_or_default(),
            pds: login.more.get(oauth::PDS).cloned().unwrap_or_default(),
            identifier: identifier(cx),
            server: cx.account.server.clone(),
        };
        return Ok(Session { access: cx.secret(login::TOKEN)?, key: Some(key), facts });
    }
    if let Some((access, facts)) = kept(cx)
        && expires(access.expose_secret()).is_none_or(|at| at > Utc::now().timestamp() + MARGIN)
    {
        return Ok(Session { access, key: None, facts });
    }
    renew(cx).await
}

/// A new session of an app password from the refresh token, or from the password where that is refused.
///
/// # Errors
/// As [`current`].
async fn renew(cx: &Cx<'_>) -> Result<Session, Fault> {
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
    let pds = identity::endpoint(&session.did_doc, &cx.account.server)
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
    Ok(Session { access, key: None, facts })
}

/// A login that failed half-way posted nothing.
fn harmless(fault: Fault) -> Fault {
    Fault { effect: Effect::None, ..fault }
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
    fn when_a_token_ends() {
        let jwt = format!("x.{}.y", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"exp":1795325744}"#));
        assert_eq!(expires(&jwt), Some(1_795_325_744));
        for other in ["", "a.b.c", "a", "x.e30.y"] {
            assert_eq!(expires(other), None, "{other}");
        }
    }
}
