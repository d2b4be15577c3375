//! The twin's OAuth, as strict as Google's: one app that a person registered by hand, consent that is given at once, refresh tokens
//! that stay the same, codes for other devices.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::twin::Refusal;
use crate::twin::{Incoming, Reply};

/// The app that is registered at the twin.
pub const CLIENT: &str = "youtube-twin.apps.googleusercontent.com";
pub const SECRET: &str = "youtube-twin-client-secret";
pub const TOKEN_LIFE: Duration = Duration::seconds(3599);

const SCOPES: &[&str] = &["youtube", "youtube.force-ssl", "youtube.readonly", "youtube.upload"];
/// What the device flow gives.
const DEVICE: &[&str] = &["youtube", "youtube.readonly"];
const PREFIX: &str = "https://www.googleapis.com/auth/";

#[derive(Debug)]
struct Code {
    code: String,
    redirect: String,
    scopes: Vec<String>,
    challenge: Option<String>,
    /// Whether a refresh token comes with the access token.
    offline: bool,
    at: DateTime<Utc>,
}

#[derive(Debug)]
struct Device {
    code: String,
    scopes: Vec<String>,
    /// So often it still says that the person has not agreed.
    pending: u32,
}

/// What a person agreed to; it ends with whatever token is revoked.
#[derive(Debug)]
struct Grant {
    refresh: Option<String>,
    access: Vec<(String, DateTime<Utc>)>,
    scopes: Vec<String>,
}

/// What was given out.
#[derive(Debug, Default)]
pub struct OAuth {
    codes: Vec<Code>,
    devices: Vec<Device>,
    grants: Vec<Grant>,
    made: u64,
    /// The consent screen is in testing: logins end after a week.
    pub testing: bool,
    /// Scopes that the person unticks.
    pub unticked: &'static [&'static str],
}

fn error(status: u16, error: &str, description: &str) -> Refusal {
    Box::new(Reply::json(status, &json!({"error": error, "error_description": description})))
}

fn scopes(text: &str, known: &[&str]) -> Option<Vec<String>> {
    let list: Vec<String> = text.split(' ').filter(|scope| !scope.is_empty()).map(str::to_string).collect();
    let good = |scope: &String| scope.strip_prefix(PREFIX).is_some_and(|name| known.contains(&name));
    (!list.is_empty() && list.iter().all(good)).then_some(list)
}

/// Google's desktop apps take any port of this machine.
fn loopback(redirect: &str) -> bool {
    url::Url::parse(redirect).is_ok_and(|url| {
        url.scheme() == "http" && matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")) && url.port().is_some()
    })
}

impl OAuth {
    /// Answers what is OAuth's; `None` for everything else.
    pub fn route(&mut self, request: &Incoming) -> Option<Result<Reply, Refusal>> {
        let form: BTreeMap<String, String> = request.form().into_iter().collect();
        Some(match (request.host.as_str(), request.method.as_str(), request.path.as_str()) {
            ("accounts.google.com", "GET", "/o/oauth2/v2/auth") => self.authorize(request),
            ("oauth2.googleapis.com", "POST", "/token") => self.token(&form),
            ("oauth2.googleapis.com", "POST", "/device/code") => self.device(&form),
            ("oauth2.googleapis.com", "POST", "/revoke") => self.revoke(form.get("token").map_or("", String::as_str)),
            ("accounts.google.com" | "oauth2.googleapis.com", ..) => Err(error(404, "not_found", "Not Found")),
            _ => return None,
        })
    }

    /// The scopes of a token that was given out and has not ended, without what all of them begin with.
    pub fn scopes(&self, token: &str) -> Option<Vec<&str>> {
        let good = |grant: &&Grant| grant.access.iter().any(|(known, ends)| known == token && *ends > Utc::now());
        let grant = self.grants.iter().find(good)?;
        Some(grant.scopes.iter().filter_map(|scope| scope.strip_prefix(PREFIX)).collect())
    }

    /// Ends all access tokens.
    pub fn expire(&mut self) {
        self.grants.iter_mut().for_each(|grant| grant.access.clear());
    }

    fn next(&mut self, what: &str) -> String {
        self.made += 1;
        format!("youtube-twin-{what}-{:06}", self.made)
    }

    /// The person says yes at once, apart from what he unticks.
    fn authorize(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let query = |name: &str| request.query(name).unwrap_or_default();
        let page = |why: &str| Box::new(Reply::html(400, &format!("<h1>Access blocked</h1><p>Error 400: {why}</p>")));
        if query("client_id") != CLIENT {
            return Err(page("invalid_client"));
        }
        let redirect = query("redirect_uri").to_string();
        if !loopback(&redirect) {
            return Err(page("redirect_uri_mismatch"));
        }
        if query("response_type") != "code" {
            return Err(page("unsupported_response_type"));
        }
        let Some(mut scopes) = scopes(query("scope"), SCOPES) else { return Err(page("invalid_scope")) };
        scopes.retain(|scope| !self.unticked.iter().any(|name| scope.ends_with(&format!("/{name}"))));
        let challenge = request.query("code_challenge").map(str::to_string);
        if challenge.is_some() && query("code_challenge_method") != "S256" {
            return Err(page("invalid_request"));
        }
        // who agreed before is given a refresh token only where he is asked again
        let offline = query("access_type") == "offline" && (self.grants.is_empty() || query("prompt") == "consent");
        let code = self.next("code");
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        pairs.append_pair("state", query("state")).append_pair("code", &code).append_pair("scope", &scopes.join(" "));
        let to = format!("{redirect}?{}", pairs.finish());
        self.codes.push(Code { code, redirect, scopes, challenge, offline, at: Utc::now() });
        Ok(Reply::empty(302).header("location", to))
    }

    fn device(&mut self, form: &BTreeMap<String, String>) -> Result<Reply, Refusal> {
        let text = |name: &str| form.get(name).map_or("", String::as_str);
        if text("client_id") != CLIENT {
            return Err(error(401, "invalid_client", "The OAuth client was not found."));
        }
        let scopes = scopes(text("scope"), DEVICE);
        let scopes = scopes.ok_or_else(|| error(400, "invalid_scope", "Invalid device flow scope"))?;
        let code = self.next("device");
        self.devices.push(Device { code: code.clone(), scopes, pending: 1 });
        // the address has another name than in the standard
        Ok(Reply::json(
            200,
            &json!({
                "device_code": code, "user_code": "GQVQ-JKEC", "verification_url": "https://www.google.com/device", "expires_in": 1800,
                "interval": 1
            }),
        ))
    }

    fn token(&mut self, form: &BTreeMap<String, String>) -> Result<Reply, Refusal> {
        let text = |name: &str| form.get(name).map_or("", String::as_str);
        if text("client_id") != CLIENT || text("client_secret") != SECRET {
            return Err(error(401, "invalid_client", "Unauthorized"));
        }
        match text("grant_type") {
            "authorization_code" => {
                // a code is good once, whatever comes of it
                let at = self.codes.iter().position(|code| code.code == text("code"));
                let code = self.codes.remove(at.ok_or_else(|| error(400, "invalid_grant", "Malformed auth code."))?);
                if code.redirect != text("redirect_uri") {
                    return Err(error(400, "redirect_uri_mismatch", "Bad Request"));
                }
                let proof = URL_SAFE_NO_PAD.encode(digest(&SHA256, text("code_verifier").as_bytes()));
                if code.challenge.is_some_and(|challenge| challenge != proof) {
                    return Err(error(400, "invalid_grant", "Invalid code verifier."));
                }
                if Utc::now() - code.at > Duration::minutes(10) {
                    return Err(error(400, "invalid_grant", "Bad Request"));
                }
                Ok(self.give(code.scopes, code.offline))
            }
            "urn:ietf:params:oauth:grant-type:device_code" => {
                let at = self.devices.iter().position(|device| device.code == text("device_code"));
                let at = at.ok_or_else(|| error(400, "invalid_grant", "Malformed device code."))?;
                if self.devices[at].pending > 0 {
                    self.devices[at].pending -= 1;
                    return Err(error(428, "authorization_pending", "Precondition Required"));
                }
                let device = self.devices.remove(at);
                Ok(self.give(device.scopes, true))
            }
            "refresh_token" => {
                let at = self.grants.iter().position(|grant| grant.refresh.as_deref() == Some(text("refresh_token")));
                let at = at.ok_or_else(|| error(400, "invalid_grant", "Token has been expired or revoked."))?;
                let token = self.next("access");
                self.grants[at].access.push((token.clone(), Utc::now() + TOKEN_LIFE));
                Ok(Reply::json(200, &self.shown(&token, &self.grants[at].scopes)))
            }
            _ => Err(error(400, "unsupported_grant_type", "Invalid grant_type")),
        }
    }

    fn shown(&self, token: &str, scopes: &[String]) -> Value {
        json!({"access_token": token, "expires_in": TOKEN_LIFE.num_seconds(), "scope": scopes.join(" "), "token_type": "Bearer"})
    }

    fn give(&mut self, scopes: Vec<String>, offline: bool) -> Reply {
        let token = self.next("access");
        let refresh = offline.then(|| self.next("refresh"));
        let mut shown = self.shown(&token, &scopes);
        if let Some(refresh) = &refresh {
            shown["refresh_token"] = json!(refresh);
            if self.testing {
                shown["refresh_token_expires_in"] = json!(604_799);
            }
        }
        self.grants.push(Grant { refresh, access: vec![(token, Utc::now() + TOKEN_LIFE)], scopes });
        Reply::json(200, &shown)
    }

    fn revoke(&mut self, token: &str) -> Result<Reply, Refusal> {
        let holds = |grant: &Grant| {
            grant.refresh.as_deref() == Some(token) || grant.access.iter().any(|(access, _)| access == token)
        };
        let at = self.grants.iter().position(holds);
        self.grants.remove(at.ok_or_else(|| error(400, "invalid_token", "Token expired or revoked"))?);
        Ok(Reply::json(200, &json!({})))
    }
}
