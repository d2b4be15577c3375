//! Proof of possession (RFC 9449): every request of such a login carries a token of its own, signed with a key that never leaves this
//! machine, so that what is read on the way is of no use to anybody else.
//!
//! A server may demand a nonce of its own in that proof, and it looks at the time. Both are learnt from its answers, for each key and
//! origin, and remembered as long as the process lives: a nonce is good for minutes and not worth a write.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;

use super::jwt::{self, Claims};
use super::key::Es256;
use crate::net::{Answer, Fault, Kind, Method, Request};

/// A difference of clocks below this is that of `Date`, which knows whole seconds, and of the way.
const PRECISION: TimeDelta = TimeDelta::seconds(5);
/// So many origins and keys are remembered at most.
const MEMORY: usize = 1000;

/// What servers said last, by the key's thumbprint and the origin.
static SAID: Mutex<BTreeMap<(String, String), Said>> = Mutex::new(BTreeMap::new());

#[derive(Debug, Clone, Default)]
struct Said {
    nonce: Option<String>,
    /// Its clock less ours.
    ahead: TimeDelta,
}

/// A login's key, and what signs with it.
#[derive(Debug)]
pub struct Dpop {
    key: Es256,
    thumbprint: String,
}

impl From<Es256> for Dpop {
    fn from(key: Es256) -> Dpop {
        Dpop { thumbprint: key.thumbprint(), key }
    }
}

impl Dpop {
    /// For a new login.
    ///
    /// # Errors
    /// `local`: the system gives no randomness.
    pub fn generate() -> Result<Dpop, Fault> {
        Es256::generate().map(Dpop::from)
    }

    /// From what [`Dpop::to_secret`] gave.
    ///
    /// # Errors
    /// `local`: it is no key. Nothing of it is quoted.
    pub fn from_secret(secret: &SecretString) -> Result<Dpop, Fault> {
        Es256::from_secret(secret).map(Dpop::from)
    }

    /// To keep in a secret field.
    pub fn to_secret(&self) -> SecretString {
        self.key.to_secret()
    }

    /// The public key's thumbprint, which tokens are bound to (`jkt`).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The request with a proof, and with the access token where one goes with it. Finish the request's address before.
    ///
    /// # Errors
    /// `local`: the address is no URL, or the system gives no randomness.
    pub fn dress(&self, request: Request, token: Option<&SecretString>) -> Result<Request, Fault> {
        let proof = self.proof(request.method(), request.url(), token)?;
        let request = request.secret_header("dpop", proof);
        Ok(match token {
            Some(token) => {
                request.secret_header("authorization", SecretString::from(format!("DPoP {}", token.expose_secret())))
            }
            None => request,
        })
    }

    /// A proof for one request. The address may have a query, which is not covered.
    fn proof(&self, method: &Method, url: &str, token: Option<&SecretString>) -> Result<SecretString, Fault> {
        let said = self.said(url);
        let mut target =
            Url::parse(url).map_err(|_| Fault::local("a request without a whole address cannot be signed"))?;
        target.set_query(None);
        target.set_fragment(None);
        let mut id = [0; 16];
        aws_lc_rs::rand::fill(&mut id).map_err(|_| Fault::local("the system's random numbers fail"))?;
        let mut claims = Claims::new()
            .with("jti", URL_SAFE_NO_PAD.encode(id))
            .with("htm", method.as_str())
            .with("htu", target.as_str())
            .issued(Utc::now() + said.ahead);
        if let Some(nonce) = said.nonce {
            claims = claims.with("nonce", nonce);
        }
        if let Some(token) = token {
            claims = claims.with("ath", hash(token.expose_secret()));
        }
        jwt::es256(json!({"typ": "dpop+jwt", "jwk": self.key.public_jwk()}), claims, &self.key)
    }

    /// Takes in what an answer from this address says of nonce and time. `true`: the request was refused for one of these alone, so
    /// that nothing was done, and what was missing is known now: with a new proof it may be sent once more.
    pub fn again(&self, url: &str, answer: &Answer) -> bool {
        let before = self.said(url);
        let mut now = before.clone();
        if let Some(nonce) = answer.header("dpop-nonce").filter(|nonce| (1..=1000).contains(&nonce.len())) {
            now.nonce = Some(nonce.to_string());
        }
        if let Some(date) = answer.header("date").and_then(|date| DateTime::parse_from_rfc2822(date).ok()) {
            let ahead = date.to_utc() - answer.at;
            now.ahead = if ahead.abs() < PRECISION { TimeDelta::zero() } else { ahead };
        }
        let again = match refusal(answer) {
            Some("use_dpop_nonce") => answer.header("dpop-nonce").is_some(),
            // the time is looked at before the nonce is
            Some("invalid_dpop_proof") => (now.ahead - before.ahead).abs() >= PRECISION,
            _ => false,
        };
        self.remember(url, now);
        again
    }

    /// Whether the next request to this address has a nonce to show. A request that is expensive to send twice should not be the one
    /// that asks for it.
    pub fn ready(&self, url: &str) -> bool {
        self.said(url).nonce.is_some()
    }

    /// By how much the clock behind this address is ahead of ours; zero where they agree or nothing is known.
    pub fn ahead(&self, url: &str) -> TimeDelta {
        self.said(url).ahead
    }

    /// What an earlier process learnt of that clock, where this one has not asked yet.
    pub fn expect_ahead(&self, url: &str, ahead: TimeDelta) {
        let key = (self.thumbprint.clone(), origin(url));
        let mut all = SAID.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(key).or_insert(Said { nonce: None, ahead });
    }

    fn said(&self, url: &str) -> Said {
        let all = SAID.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&(self.thumbprint.clone(), origin(url))).cloned().unwrap_or_default()
    }

    fn remember(&self, url: &str, said: Said) {
        let mut all = SAID.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MEMORY {
            all.clear();
        }
        all.insert((self.thumbprint.clone(), origin(url)), said);
    }
}

/// What to say of an answer that refuses even the second proof for its nonce or its time; `None` for every other answer.
pub fn stubborn(answer: &Answer) -> Option<Fault> {
    let message = match refusal(answer)? {
        "use_dpop_nonce" => {
            format!("{} asks for another nonce each time; nothing was done, try again later", answer.asked)
        }
        "invalid_dpop_proof" => format!(
            "{} does not accept the proof of possession ({}); nothing was done, look at this machine's clock",
            answer.asked,
            answer.reason()
        ),
        _ => return None,
    };
    let mut fault = Fault::new(Kind::Unavailable, message);
    fault.status = Some(answer.status);
    fault.request_id.clone_from(&answer.request_id);
    fault.code = refusal(answer).map(str::to_string);
    Some(fault)
}

/// The refusals of proofs, from an authorization server's JSON or a resource server's header.
fn refusal(answer: &Answer) -> Option<&'static str> {
    if !matches!(answer.status, 400 | 401) {
        return None;
    }
    let body = answer.value();
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    ["use_dpop_nonce", "invalid_dpop_proof"]
        .into_iter()
        .find(|code| body["error"] == *code || challenge.contains(&format!("error=\"{code}\"")))
}

fn origin(url: &str) -> String {
    Url::parse(url).map_or_else(|_| url.to_string(), |url| url.origin().ascii_serialization())
}

/// The base64url of a text's SHA-256: `ath`, and PKCE's S256.
pub fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

/// A proof whose signature is right, as a server sees it. Method, address, nonce, time and token are the server's to look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// The thumbprint of the key that signed.
    pub jkt: String,
    pub claims: serde_json::Value,
}

impl Proof {
    /// Reads a proof; `None` if it is none, or if another key signed it than the one that it carries.
    pub fn read(text: &str) -> Option<Proof> {
        let header = URL_SAFE_NO_PAD.decode(text.split('.').next()?).ok()?;
        let header: serde_json::Value = serde_json::from_slice(&header).ok()?;
        let jwk = &header["jwk"];
        if header["typ"] != "dpop+jwt" || jwk.get("d").is_some() {
            return None;
        }
        let (_, claims) = jwt::verified_es256(text, jwk)?;
        Some(Proof { jkt: super::key::thumbprint(jwk)?, claims })
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    const TOKEN: &str = "https://as.example/oauth/token";

    fn with(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| {
            (
                reqwest::header::HeaderName::try_from(*name).unwrap(),
                reqwest::header::HeaderValue::try_from(*value).unwrap(),
            )
        });
        Answer {
            status,
            headers: headers.collect(),
            body: body.as_bytes().to_vec(),
            request_id: None,
            rate: None,
            at: Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap(),
            write: true,
            asked: format!("POST {TOKEN}"),
        }
    }

    fn proof(dpop: &Dpop, url: &str) -> Proof {
        Proof::read(dpop.proof(&Method::POST, url, None).unwrap().expose_secret()).unwrap()
    }

    #[test]
    fn a_proof_says_what_it_is_for() {
        let dpop = Dpop::generate().unwrap();
        let token = SecretString::from("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
        let url = "https://resource.example.org/protectedresource?page=2#x";
        let first = Proof::read(dpop.proof(&Method::GET, url, Some(&token)).unwrap().expose_secret()).unwrap();
        assert_eq!(first.jkt, dpop.thumbprint());
        assert_eq!(first.claims["htm"], "GET");
        assert_eq!(first.claims["htu"], "https://resource.example.org/protectedresource");
        // RFC 9449, 7.1
        assert_eq!(first.claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
        assert!((first.claims["iat"].as_i64().unwrap() - Utc::now().timestamp()).abs() < 3);
        assert!(first.claims.get("nonce").is_none() && first.claims.get("iss").is_none());
        let second = proof(&dpop, url);
        assert_ne!(second.claims["jti"], first.claims["jti"]);
        assert!(second.claims.get("ath").is_none());
        assert!(dpop.dress(Request::get("/relative"), None).is_err());
        let shown = format!("{:?}", dpop.dress(Request::post(TOKEN), Some(&token)).unwrap());
        assert!(!shown.contains(token.expose_secret()), "{shown}");
    }

    #[test]
    fn the_key_comes_back_and_is_not_shown() {
        let dpop = Dpop::generate().unwrap();
        assert_eq!(Dpop::from_secret(&dpop.to_secret()).unwrap().thumbprint(), dpop.thumbprint());
        assert!(!format!("{dpop:?}").contains(dpop.to_secret().expose_secret()));
    }

    #[test]
    fn nonces_are_learnt_for_each_server_and_key() {
        let (one, other) = (Dpop::generate().unwrap(), Dpop::generate().unwrap());
        let nonce_of = |dpop: &Dpop, url: &str| proof(dpop, url).claims["nonce"].as_str().map(str::to_string);
        let wanted =
            r#"{"error": "use_dpop_nonce", "error_description": "Authorization server requires nonce in DPoP proof"}"#;
        assert!(!one.ready(TOKEN));
        assert!(one.again(TOKEN, &with(400, &[("dpop-nonce", "first")], wanted)));
        assert!(one.ready("https://as.example/other"));
        assert_eq!(nonce_of(&one, TOKEN).as_deref(), Some("first"));
        assert_eq!(nonce_of(&one, "https://pds.example/xrpc/a"), None, "another server");
        assert_eq!(nonce_of(&other, TOKEN), None, "another key");
        // a good answer brings the next one
        assert!(!one.again(TOKEN, &with(200, &[("dpop-nonce", "second")], "{}")));
        assert_eq!(nonce_of(&one, TOKEN).as_deref(), Some("second"));
        // a resource server's way to say it
        let challenge = r#"DPoP algs="ES256", error="use_dpop_nonce", error_description="x""#;
        let headers = [("dpop-nonce", "third"), ("www-authenticate", challenge)];
        assert!(one.again("https://pds.example/", &with(401, &headers, "")));
        // nothing to go on with
        assert!(!one.again(TOKEN, &with(400, &[], wanted)));
        assert!(!one.again(TOKEN, &with(400, &[("dpop-nonce", "n")], r#"{"error": "invalid_grant"}"#)));
        assert!(!one.again(TOKEN, &with(500, &[("dpop-nonce", "n")], wanted)));
        let fault = stubborn(&with(400, &[("dpop-nonce", "n")], wanted)).unwrap();
        assert_eq!((fault.kind, fault.effect), (Kind::Unavailable, crate::net::Effect::None));
        assert_eq!(stubborn(&with(400, &[], r#"{"error": "invalid_grant"}"#)), None);
    }

    #[test]
    fn the_servers_clock_counts() {
        let dpop = Dpop::generate().unwrap();
        let wrong = r#"{"error": "invalid_dpop_proof", "error_description": "\"iat\" claim timestamp check failed"}"#;
        let at = Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap();
        let dated = |minutes: i64| (at + TimeDelta::minutes(minutes)).to_rfc2822().replace("+0000", "GMT");
        let issued = || proof(&dpop, TOKEN).claims["iat"].as_i64().unwrap() - Utc::now().timestamp();
        for minutes in [10, -10] {
            assert!(dpop.again(TOKEN, &with(401, &[("date", &dated(minutes))], wrong)));
            assert_eq!(dpop.ahead(TOKEN), TimeDelta::minutes(minutes));
            assert!((issued() - minutes * 60).abs() < 3);
            // the clocks were not the trouble
            assert!(!dpop.again(TOKEN, &with(401, &[("date", &dated(minutes))], wrong)));
        }
        assert!(!dpop.again(TOKEN, &with(200, &[("date", &dated(0))], "{}")));
        assert_eq!(dpop.ahead(TOKEN), TimeDelta::zero());
        let later = Dpop::generate().unwrap();
        later.expect_ahead(TOKEN, TimeDelta::minutes(3));
        assert_eq!(later.ahead(TOKEN), TimeDelta::minutes(3));
        assert!(stubborn(&with(401, &[], wrong)).unwrap().message.contains("clock"));
    }

    #[test]
    fn what_is_no_proof_is_not_read() {
        let dpop = Dpop::generate().unwrap();
        let good = dpop.proof(&Method::POST, TOKEN, None).unwrap().expose_secret().to_string();
        assert!(Proof::read(&good).is_some());
        let jwk = Dpop::generate().unwrap().key.public_jwk();
        let stolen = jwt::es256(json!({"typ": "dpop+jwt", "jwk": jwk}), Claims::new(), &dpop.key).unwrap();
        let other = jwt::es256(json!({"typ": "JWT", "jwk": dpop.key.public_jwk()}), Claims::new(), &dpop.key).unwrap();
        for bad in ["", "a.b.c", &good[1..], &good[..good.len() - 4], stolen.expose_secret(), other.expose_secret()] {
            assert_eq!(Proof::read(bad), None, "{bad}");
        }
    }
}
