//! The twin's OAuth: one app, consent that is given at once, tokens that end and are renewed. As strict as TikTok about redirects, the
//! challenge in hexadecimal and codes that come twice.

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use super::twin::{Refusal, WWW};
use crate::draft::hex;
use crate::twin::{Incoming, Reply};

/// The app.
pub const KEY: &str = "aw1tiktoktwinapp";
pub const SECRET: &str = "tiktok-twin-app-secret";
/// How long an access token lives, and a refresh token.
pub const ACCESS: i64 = 86_400;
pub const REFRESH: i64 = 31_536_000;
const SCOPES: &[&str] = &["user.info.basic", "video.publish", "video.upload", "video.list"];

#[derive(Debug)]
struct Code {
    code: String,
    redirect: String,
    scopes: Vec<String>,
    challenge: String,
    at: DateTime<Utc>,
    used: bool,
}

#[derive(Debug)]
struct Token {
    access: String,
    refresh: String,
    scopes: Vec<String>,
    ends: DateTime<Utc>,
}

/// What was given out.
#[derive(Debug, Default)]
pub struct OAuth {
    codes: Vec<Code>,
    tokens: Vec<Token>,
    made: u64,
}

/// OAuth's endpoints answer flatly.
fn error(error: &str, description: &str) -> Refusal {
    let log = "20261122100000010245067000000A1B2C";
    Box::new(Reply::json(400, &json!({"error": error, "error_description": description, "log_id": log})))
}

/// An address that the app registered: `http://127.0.0.1:*/callback/`.
fn registered(redirect: &str) -> bool {
    url::Url::parse(redirect).is_ok_and(|url| {
        url.scheme() == "http"
            && matches!(url.host_str(), Some("127.0.0.1"))
            && url.port().is_some()
            && url.path() == "/callback/"
            && url.query().is_none()
    })
}

impl OAuth {
    /// Answers what is OAuth's; `None` for everything else.
    pub fn route(&mut self, request: &Incoming) -> Option<Result<Reply, Refusal>> {
        Some(match (request.method.as_str(), request.segments().as_slice()) {
            ("GET", ["v2", "auth", "authorize"]) if request.host == WWW => self.authorize(request),
            ("POST", ["v2", "oauth", "token"]) => self.token(request),
            ("POST", ["v2", "oauth", "revoke"]) => self.revoke(request),
            _ => return None,
        })
    }

    /// Whether a token that was given out is good for this scope; `None` if it is none of ours.
    pub fn allows(&self, token: &str, scope: &str) -> Option<bool> {
        let token = self.tokens.iter().find(|known| known.access == token && known.ends > Utc::now())?;
        Some(token.scopes.iter().any(|have| have == scope))
    }

    /// Ends every access token; they can be renewed.
    pub fn expire(&mut self) {
        for token in &mut self.tokens {
            token.ends = Utc::now();
        }
    }

    /// The person says yes at once.
    fn authorize(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let query = |name: &str| request.query(name).unwrap_or_default();
        let wrong = |what: &str| Box::new(Reply::html(400, &format!("<p>Something went wrong</p><p>{what}</p>")));
        if query("client_key") != KEY {
            return Err(wrong("client_key"));
        }
        let redirect = query("redirect_uri").to_string();
        if !registered(&redirect) {
            return Err(wrong("redirect_uri"));
        }
        let scopes: Vec<String> = query("scope").split(',').map(str::to_string).collect();
        if query("response_type") != "code" || !scopes.iter().all(|scope| SCOPES.contains(&scope.as_str())) {
            return Err(wrong("scope"));
        }
        let challenge = query("code_challenge").to_string();
        let hex = challenge.len() == 64 && challenge.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !hex || query("code_challenge_method") != "S256" {
            return Err(wrong("code_challenge"));
        }
        self.made += 1;
        // codes hold characters that must be encoded, and must come back decoded
        let code = format!("tiktok*twin!code{}%", self.made);
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        pairs.append_pair("code", &code).append_pair("scopes", &scopes.join(",")).append_pair("state", query("state"));
        let to = format!("{redirect}?{}", pairs.finish());
        self.codes.push(Code { code, redirect, scopes, challenge, at: Utc::now(), used: false });
        Ok(Reply::empty(302).header("location", to))
    }

    fn token(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let form = request.form();
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
        if field("client_key") != KEY || field("client_secret") != SECRET {
            return Err(error("invalid_client", "Client key or secret is incorrect."));
        }
        match field("grant_type") {
            "authorization_code" => {
                let wrong = || error("invalid_grant", "Authorization code is expired or invalid.");
                let code = self.codes.iter_mut().find(|code| code.code == field("code")).ok_or_else(wrong)?;
                let proof = hex(digest(&SHA256, field("code_verifier").as_bytes()).as_ref());
                let late = Utc::now() - code.at > Duration::minutes(10);
                if code.used || late || code.redirect != field("redirect_uri") || code.challenge != proof {
                    return Err(wrong());
                }
                code.used = true;
                let scopes = code.scopes.clone();
                Ok(self.give(scopes))
            }
            "refresh_token" => {
                let old = self.tokens.iter().position(|token| token.refresh == field("refresh_token"));
                let old = old.ok_or_else(|| error("invalid_grant", "Refresh token is invalid or expired."))?;
                let old = self.tokens.remove(old);
                Ok(self.give(old.scopes))
            }
            _ => Err(error("unsupported_grant_type", "Grant type is not supported.")),
        }
    }

    fn give(&mut self, scopes: Vec<String>) -> Reply {
        self.made += 1;
        let token = Token {
            access: format!("act.tiktok-twin-given-{:06}", self.made),
            refresh: format!("rft.tiktok-twin-given-{:06}", self.made),
            scopes,
            ends: Utc::now() + Duration::seconds(ACCESS),
        };
        let shown = json!({
            "access_token": token.access, "expires_in": ACCESS, "open_id": "-000twin-open-id-0", "refresh_expires_in": REFRESH,
            "refresh_token": token.refresh, "scope": token.scopes.join(","), "token_type": "Bearer",
        });
        self.tokens.push(token);
        Reply::json(200, &shown)
    }

    fn revoke(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let form = request.form();
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
        if field("client_key") != KEY || field("client_secret") != SECRET {
            return Err(error("invalid_client", "Client key or secret is incorrect."));
        }
        let wanted = field("token");
        self.tokens.retain(|token| token.access != wanted && token.refresh != wanted);
        Ok(Reply::empty(200))
    }
}
