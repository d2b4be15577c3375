//! The twin's login: one app, consent that is given at once, codes that are good once, tokens that end and are renewed.

use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use super::twin::{APP_SECRET, Session};
use crate::twin::{Incoming, Reply};

/// The app of the tests; its secret key is [`APP_SECRET`].
pub(super) const CLIENT: &str = "512000000001";
/// Addresses that are in the app's list.
pub(super) const REDIRECTS: &[&str] = &["http://localhost:8477/auth", "https://example.org/ok"];
const SCOPES: &[&str] =
    &["VALUABLE_ACCESS", "LONG_ACCESS_TOKEN", "GROUP_CONTENT", "PHOTO_CONTENT", "VIDEO_CONTENT", "SET_STATUS"];
const CODE_LIFE: Duration = Duration::minutes(2);

#[derive(Debug)]
struct Code {
    code: String,
    redirect: String,
    scopes: Vec<String>,
    at: DateTime<Utc>,
}

#[derive(Debug)]
struct Grant {
    token: String,
    refresh: String,
    scopes: Vec<String>,
    ends: DateTime<Utc>,
}

/// What was given out.
#[derive(Debug, Default)]
pub(super) struct OAuth {
    codes: Vec<Code>,
    grants: Vec<Grant>,
    made: u64,
}

fn error(error: &str, description: &str) -> Reply {
    Reply::json(400, &json!({"error": error, "error_description": description}))
}

impl OAuth {
    /// Whose token it is.
    pub fn session(&self, token: &str, uid: u64) -> Option<Session> {
        let grant = self.grants.iter().find(|grant| grant.token == token)?;
        Some(Session { uid, scopes: Some(grant.scopes.clone()), ended: grant.ends <= Utc::now() })
    }

    /// Ends every access token.
    pub fn expire(&mut self) {
        for grant in &mut self.grants {
            grant.ends = Utc::now();
        }
    }

    pub fn authorize(&mut self, request: &Incoming) -> Reply {
        let query = |name: &str| request.query(name).unwrap_or_default();
        if query("client_id") != CLIENT {
            return Reply::html(400, "<p>unknown client_id</p>");
        }
        let redirect = query("redirect_uri").to_string();
        if !REDIRECTS.contains(&redirect.as_str()) {
            return Reply::html(400, "<p>redirect_uri is not in the application's list</p>");
        }
        let scopes: Vec<String> = query("scope").split(';').filter(|scope| !scope.is_empty()).map(str::to_string).collect();
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        if query("response_type") != "code" {
            pairs.append_pair("error", "unsupported_response_type");
        } else if scopes.iter().any(|scope| !SCOPES.contains(&scope.as_str())) {
            pairs.append_pair("error", "invalid_scope");
        } else {
            self.made += 1;
            let code = format!("ok-twin-code-{:06}", self.made);
            pairs.append_pair("code", &code).append_pair("permissions_granted", &scopes.join(";"));
            self.codes.push(Code { code, redirect: redirect.clone(), scopes, at: Utc::now() });
        }
        if let Some(state) = request.query("state") {
            pairs.append_pair("state", state);
        }
        Reply::empty(302).header("location", format!("{redirect}?{}", pairs.finish()))
    }

    pub fn token(&mut self, request: &Incoming) -> Reply {
        let form = request.form();
        let given = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
        if request.method != "POST" || given("client_id") != CLIENT || given("client_secret") != APP_SECRET {
            return error("invalid_client", "client_id or client_secret is wrong");
        }
        match given("grant_type") {
            "authorization_code" => {
                let Some(at) = self.codes.iter().position(|code| code.code == given("code")) else {
                    return error("invalid_request", "Expired code");
                };
                // good once, whatever comes of it
                let code = self.codes.remove(at);
                if code.redirect != given("redirect_uri") || Utc::now() - code.at > CODE_LIFE {
                    return error("invalid_request", "Expired code or another redirect_uri");
                }
                self.made += 1;
                let (token, refresh) = (format!("tkn1OkTwinGiven{:06}", self.made), format!("ok-twin-refresh-{:06}", self.made));
                let life = life(&code.scopes);
                let shown = json!({"access_token": token, "token_type": "session", "refresh_token": refresh, "expires_in": life.num_seconds().to_string()});
                self.grants.push(Grant { token, refresh, scopes: code.scopes, ends: Utc::now() + life });
                Reply::json(200, &shown)
            }
            "refresh_token" => {
                self.made += 1;
                let token = format!("tkn1OkTwinGiven{:06}", self.made);
                let Some(grant) = self.grants.iter_mut().find(|grant| grant.refresh == given("refresh_token")) else {
                    return error("invalid_grant", "Refresh token is invalid");
                };
                let life = life(&grant.scopes);
                (grant.token, grant.ends) = (token.clone(), Utc::now() + life);
                // the refresh token stays
                Reply::json(200, &json!({"access_token": token, "token_type": "session", "expires_in": life.num_seconds().to_string()}))
            }
            _ => error("unsupported_grant_type", "grant_type"),
        }
    }
}

fn life(scopes: &[String]) -> Duration {
    if scopes.iter().any(|scope| scope == "LONG_ACCESS_TOKEN") { Duration::days(30) } else { Duration::minutes(30) }
}
