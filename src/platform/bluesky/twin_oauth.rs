//! The twin's logins by browser: an entrance that issues tokens and a PDS that trusts it, as strict as the official ones (PDS 0.5) were
//! seen to be. The person at the twin's browser agrees to everything at once.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use url::Url;

use crate::login::dpop::{self, Proof};
use crate::twin::{Incoming, Reply};

/// A proof may be this old or early.
const TOLERANCE: TimeDelta = TimeDelta::seconds(190);
const ACCESS: TimeDelta = TimeDelta::hours(1);

type Refusal = Box<Reply>;

/// What was pushed ahead.
#[derive(Debug, Clone)]
struct Pushed {
    client: String,
    redirect: String,
    challenge: String,
    state: String,
    scope: String,
    hint: String,
    jkt: String,
}

/// One login.
#[derive(Debug, Clone)]
struct Held {
    n: usize,
    client: String,
    scope: String,
    jkt: String,
    access: String,
    ends: DateTime<Utc>,
    refresh: String,
    /// Refresh tokens that were used.
    spent: BTreeSet<String>,
    code: String,
}

/// Whom an access token lets in.
pub struct Visitor {
    pub n: usize,
    scope: String,
}

impl Visitor {
    /// Whether the login's permissions cover this. `what` is `repo:COLLECTION` or `blob:TYPE`.
    pub fn may(&self, what: &str) -> Result<(), Refusal> {
        let covered = self.scope.split(' ').any(|scope| match scope.strip_suffix("/*") {
            _ if scope == "transition:generic" || scope == what => true,
            Some(kind) => what.strip_prefix(kind).is_some_and(|rest| rest.starts_with('/')),
            None => false,
        });
        let message = format!("Missing required scope \"{what}\"");
        if covered { Ok(()) } else { Err(said(403, "ScopeMissingError", &message)) }
    }
}

/// Everything about logins by browser.
#[derive(Debug)]
pub struct Logins {
    issuer: String,
    pds: String,
    pushed: BTreeMap<String, Pushed>,
    codes: BTreeMap<String, (Pushed, usize)>,
    held: Vec<Held>,
    proofs: BTreeSet<String>,
    /// The present nonce is made of this.
    turn: u64,
    issued: u64,
    /// By how much the network's clock is ahead of the real one.
    pub ahead: TimeDelta,
}

fn said(status: u16, error: &str, message: &str) -> Refusal {
    Box::new(Reply::json(status, &json!({"error": error, "message": message})))
}

fn refused(status: u16, error: &str, message: &str) -> Refusal {
    Box::new(Reply::json(status, &json!({"error": error, "error_description": message})))
}

fn get<'a>(form: &'a [(String, String)], name: &str) -> &'a str {
    form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

impl Logins {
    /// `issuer` and `pds` are hosts.
    pub fn new(issuer: &str, pds: &str) -> Logins {
        Logins {
            issuer: format!("https://{issuer}"),
            pds: format!("https://{pds}"),
            pushed: BTreeMap::new(),
            codes: BTreeMap::new(),
            held: Vec::new(),
            proofs: BTreeSet::new(),
            turn: 1,
            issued: 0,
            ahead: TimeDelta::zero(),
        }
    }

    /// Access tokens end and nonces change; a refresh token still buys a new one.
    pub fn expire(&mut self) {
        self.turn += 2;
        for held in &mut self.held {
            held.ends = DateTime::<Utc>::MIN_UTC;
        }
    }

    /// What every answer to a request with a proof carries.
    pub fn headers(&self, request: &Incoming, reply: Reply) -> Reply {
        let date = (Utc::now() + self.ahead).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let reply = reply.header("date", date);
        let proved = request.header("dpop").is_some() || request.path.starts_with("/oauth/");
        if proved { reply.header("dpop-nonce", self.nonce(&request.host, self.turn)) } else { reply }
    }

    fn nonce(&self, host: &str, turn: u64) -> String {
        dpop::hash(&format!("{host} {turn}"))
    }

    /// What does not belong to XRPC; `None` where there is nothing of that name.
    pub fn route(&mut self, request: &Incoming, number: fn(&str) -> Option<usize>, did: fn(usize) -> String) -> Option<Result<Reply, Refusal>> {
        let origin = format!("https://{}", request.host);
        let issuer = self.issuer.clone();
        Some(match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/.well-known/oauth-protected-resource") if origin == self.pds => Ok(Reply::json(
                200,
                &json!({"resource": self.pds, "authorization_servers": [issuer], "scopes_supported": [],
                    "bearer_methods_supported": ["header"], "resource_documentation": "https://atproto.com"}),
            )),
            ("GET", "/.well-known/oauth-authorization-server") if origin == issuer => {
                let at = |path: &str| format!("{issuer}/oauth/{path}");
                Ok(Reply::json(
                    200,
                    &json!({"issuer": issuer, "scopes_supported": ["atproto", "transition:email", "transition:generic"],
                        "response_types_supported": ["code"], "grant_types_supported": ["authorization_code", "refresh_token"],
                        "code_challenge_methods_supported": ["S256"], "authorization_response_iss_parameter_supported": true,
                        "authorization_endpoint": at("authorize"), "token_endpoint": at("token"),
                        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
                        "revocation_endpoint": at("revoke"), "pushed_authorization_request_endpoint": at("par"),
                        "require_pushed_authorization_requests": true, "dpop_signing_alg_values_supported": ["ES256"],
                        "client_id_metadata_document_supported": true}),
                ))
            }
            ("POST", "/oauth/par") if origin == issuer => self.push(request),
            ("GET", "/oauth/authorize") if origin == issuer => self.authorize(request, number),
            ("POST", "/oauth/token") if origin == issuer => self.token(request, did),
            ("POST", "/oauth/revoke") if origin == issuer => self.revoke(request),
            _ => return None,
        })
    }

    /// RFC 9449 4.3; gives the thumbprint of the key.
    fn proof(&mut self, request: &Incoming, token: Option<&str>) -> Result<String, Refusal> {
        let at_pds = token.is_some();
        let no = |status: u16, error: &str, why: &str| {
            let reply = if at_pds { said(401, error, why) } else { refused(status, error, why) };
            let challenge = format!("DPoP algs=\"ES256\", error=\"{error}\", error_description=\"{}\"", why.replace('"', "'"));
            if at_pds || status == 401 { Box::new(reply.header("www-authenticate", challenge)) } else { reply }
        };
        let wrong = |why: &str| no(401, "invalid_dpop_proof", why);
        let text = request.header("dpop").ok_or_else(|| wrong("DPoP proof required"))?;
        let proof = Proof::read(text).ok_or_else(|| wrong("Failed to verify DPoP proof"))?;
        let claims = &proof.claims;
        let issued = claims["iat"].as_i64().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        if issued.is_none_or(|at| (Utc::now() + self.ahead - at).abs() > TOLERANCE) {
            return Err(wrong("Failed to verify DPoP proof: \"iat\" claim timestamp check failed"));
        }
        if claims["htm"] != request.method || claims["htu"] != format!("https://{}{}", request.host, request.path) {
            return Err(wrong("DPoP \"htu\" mismatch"));
        }
        let nonces = [self.turn, self.turn - 1].map(|turn| self.nonce(&request.host, turn));
        if !nonces.iter().any(|nonce| claims["nonce"] == *nonce) {
            let who = if at_pds { "Resource" } else { "Authorization" };
            return Err(no(400, "use_dpop_nonce", &format!("{who} server requires nonce in DPoP proof")));
        }
        if claims.get("ath").and_then(Value::as_str) != token.map(dpop::hash).as_deref() {
            return Err(wrong("DPoP \"ath\" mismatch"));
        }
        if !claims["jti"].as_str().is_some_and(|id| self.proofs.insert(id.to_string())) {
            return Err(wrong("DPoP proof replayed"));
        }
        Ok(proof.jkt)
    }

    /// The visitor of a request with `Authorization: DPoP`.
    pub fn visitor(&mut self, request: &Incoming, token: &str) -> Result<Visitor, Refusal> {
        let jkt = self.proof(request, Some(token))?;
        let invalid = |why: &str| {
            let challenge = format!("DPoP algs=\"ES256\", error=\"invalid_token\", error_description=\"{why}\"");
            Box::new(said(401, "invalid_token", why).header("www-authenticate", challenge))
        };
        let held = self.held.iter().find(|held| held.access == token).ok_or_else(|| invalid("Invalid token"))?;
        if held.jkt != jkt {
            return Err(invalid("Invalid DPoP key binding"));
        }
        if held.ends < Utc::now() {
            return Err(invalid("'exp' claim timestamp check failed"));
        }
        Ok(Visitor { n: held.n, scope: held.scope.clone() })
    }

    fn push(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let form = request.form();
        let bad = |why: &str| refused(400, "invalid_request", why);
        let client = get(&form, "client_id");
        let redirect = get(&form, "redirect_uri");
        let scope = get(&form, "scope");
        let known = known_client(client).ok_or_else(|| refused(400, "invalid_client_metadata", "Invalid client_id"))?;
        let jkt = self.proof(request, None)?;
        if let Some((redirects, scopes)) = known {
            if !redirects.iter().any(|one| same_but_port(one, redirect)) {
                return Err(bad(&format!("Invalid redirect_uri {redirect}")));
            }
            if let Some(alien) = scope.split(' ').find(|one| !scopes.iter().any(|scope| scope == one)) {
                let why = format!("Scope \"{alien}\" is not declared in the client metadata");
                return Err(refused(400, "invalid_scope", &why));
            }
        }
        if !scope.split(' ').any(|one| one == "atproto") {
            return Err(refused(400, "invalid_scope", "The \"atproto\" scope is required"));
        }
        if get(&form, "response_type") != "code" || get(&form, "code_challenge_method") != "S256" {
            return Err(bad("atproto requires use of \"S256\" code_challenge_method"));
        }
        let challenge = get(&form, "code_challenge");
        if challenge.len() != 43 || get(&form, "state").len() < 16 {
            return Err(bad("Use of PKCE and state is required"));
        }
        let pushed = Pushed {
            client: client.into(),
            redirect: redirect.into(),
            challenge: challenge.into(),
            state: get(&form, "state").into(),
            scope: scope.into(),
            hint: get(&form, "login_hint").into(),
            jkt,
        };
        let uri = format!("urn:ietf:params:oauth:request_uri:req-{}", self.secret("request"));
        self.pushed.insert(uri.clone(), pushed);
        Ok(Reply::json(201, &json!({"request_uri": uri, "expires_in": 300})))
    }

    fn authorize(&mut self, request: &Incoming, number: fn(&str) -> Option<usize>) -> Result<Reply, Refusal> {
        let uri = request.query("request_uri").unwrap_or_default();
        let no = |why: &str| Box::new(Reply::html(400, &format!("<html><head><title>{why}</title></head></html>")));
        // one that was pushed is good for one time
        let pushed = self.pushed.remove(uri).ok_or_else(|| no("Unknown request_uri"))?;
        if request.query("client_id") != Some(&pushed.client) {
            return Err(no("This request was not initiated for this client"));
        }
        let mut back = Url::parse(&pushed.redirect).map_err(|_| no("Invalid redirect_uri"))?;
        let code = format!("cod-{}", self.secret("code"));
        back.query_pairs_mut()
            .append_pair("iss", &self.issuer)
            .append_pair("state", &pushed.state)
            .append_pair("code", &code);
        let n = number(&pushed.hint).unwrap_or(0);
        self.codes.insert(code, (pushed, n));
        Ok(Reply::empty(303).header("location", back.as_str()))
    }

    fn token(&mut self, request: &Incoming, did: fn(usize) -> String) -> Result<Reply, Refusal> {
        let form = request.form();
        let jkt = self.proof(request, None)?;
        let no = |why: &str| refused(400, "invalid_grant", why);
        let client = get(&form, "client_id");
        let at = match get(&form, "grant_type") {
            "authorization_code" => {
                let code = get(&form, "code");
                let Some((pushed, n)) = self.codes.remove(code) else {
                    // a code that comes a second time was stolen: what it bought ends
                    self.held.retain(|held| held.code != code);
                    return Err(no("Invalid code"));
                };
                if pushed.client != client || pushed.redirect != get(&form, "redirect_uri") {
                    return Err(no("This code was issued for another client"));
                }
                if dpop::hash(get(&form, "code_verifier")) != pushed.challenge {
                    return Err(no("Invalid code_verifier"));
                }
                if pushed.jkt != jkt {
                    return Err(no("DPoP proof does not match the expected JKT"));
                }
                self.held.push(Held {
                    n,
                    client: client.into(),
                    scope: pushed.scope,
                    jkt,
                    access: String::new(),
                    ends: Utc::now(),
                    refresh: String::new(),
                    spent: BTreeSet::new(),
                    code: code.into(),
                });
                self.held.len() - 1
            }
            "refresh_token" => {
                let refresh = get(&form, "refresh_token");
                if let Some(at) = self.held.iter().position(|held| held.spent.contains(refresh)) {
                    self.held.remove(at);
                    return Err(no("Refresh token replayed"));
                }
                let at = self.held.iter().position(|held| held.refresh == refresh);
                let at = at.ok_or_else(|| no("Invalid refresh token"))?;
                if self.held[at].client != client || self.held[at].jkt != jkt {
                    return Err(no("DPoP proof does not match the expected JKT"));
                }
                self.held[at].spent.insert(refresh.into());
                at
            }
            other => return Err(no(&format!("Grant type \"{other}\" is not supported by the server"))),
        };
        let (access, refresh) = (self.secret("access"), format!("ref-{}", self.secret("refresh")));
        let held = &mut self.held[at];
        (held.access, held.refresh, held.ends) = (access, refresh, Utc::now() + ACCESS);
        Ok(Reply::json(
            200,
            &json!({"access_token": held.access, "token_type": "DPoP", "refresh_token": held.refresh,
                "scope": held.scope, "expires_in": ACCESS.num_seconds(), "sub": did(held.n)}),
        ))
    }

    fn revoke(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let form = request.form();
        let jkt = self.proof(request, None)?;
        let (token, client) = (get(&form, "token"), get(&form, "client_id"));
        self.held.retain(|held| {
            let named = held.access == token || held.refresh == token || held.spent.contains(token);
            !(named && held.client == client && held.jkt == jkt)
        });
        Ok(Reply::json(200, &json!({})))
    }

    /// A name that nobody guesses from the ones before.
    fn secret(&mut self, what: &str) -> String {
        self.issued += 1;
        let seed = format!("{what} {} {:?}", self.issued, std::time::SystemTime::now());
        digest(&SHA256, seed.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Redirect addresses and permissions that a client says of itself; `Some(None)` for one with a published description, which is
/// believed; `None` for what is no client.
#[allow(clippy::option_option, reason = "three kinds of clients")]
fn known_client(id: &str) -> Option<Option<(Vec<String>, Vec<String>)>> {
    if id.starts_with("https://") {
        return Some(None);
    }
    let query = id.strip_prefix("http://localhost")?;
    let query = query.strip_prefix('/').unwrap_or(query).strip_prefix('?')?;
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let all = pairs.iter().filter(|(name, _)| name == "redirect_uri").map(|(_, value)| value.clone());
    let scopes = get(&pairs, "scope").split(' ').map(str::to_string).collect();
    Some(Some((all.collect(), scopes)))
}

/// RFC 8252 7.3: the port is open, on this machine's addresses; its name is refused (8.3).
fn same_but_port(one: &str, other: &str) -> bool {
    let (Ok(mut one), Ok(mut other)) = (Url::parse(one), Url::parse(other)) else { return false };
    let loopback = matches!(one.host_str(), Some("127.0.0.1" | "[::1]"));
    loopback && one.set_port(None).is_ok() && other.set_port(None).is_ok() && one == other
}
