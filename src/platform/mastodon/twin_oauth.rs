//! The twin's OAuth: apps, consent that is given at once, tokens with scopes. As strict as Mastodon 4.6 about redirect addresses,
//! secrets, scopes, challenges and codes that come twice.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use serde_json::{Map, Value, json};

use super::twin::{HOST, Refusal, refuse};
use crate::twin::{Incoming, Reply};

const OOB: &str = "urn:ietf:wg:oauth:2.0:oob";
/// A code waits so long for its exchange.
const CODE_LIFE: Duration = Duration::minutes(10);
/// How long a token lives on a server that lets them end.
pub const TOKEN_LIFE: Duration = Duration::hours(1);
const SCOPES: &[&str] = &[
    "read", "profile", "write", "write:media", "write:statuses", "write:accounts", "read:accounts", "read:search",
    "read:statuses", "read:notifications", "follow", "push",
];

#[derive(Debug)]
struct App {
    id: String,
    secret: String,
    redirects: Vec<String>,
    scopes: Vec<String>,
}

#[derive(Debug)]
struct Code {
    code: String,
    app: String,
    redirect: String,
    scopes: Vec<String>,
    challenge: Option<String>,
    at: DateTime<Utc>,
    used: bool,
}

#[derive(Debug)]
struct Token {
    token: String,
    refresh: Option<String>,
    app: String,
    code: String,
    scopes: Vec<String>,
    ends: Option<DateTime<Utc>>,
}

/// What was given out.
#[derive(Debug, Default)]
pub struct OAuth {
    apps: Vec<App>,
    codes: Vec<Code>,
    tokens: Vec<Token>,
    made: u64,
    /// Tokens end after [`TOKEN_LIFE`] and come with a refresh token that is good once, as with Pleroma and Akkoma.
    pub ending: bool,
}

/// Whether these scopes hold this one.
fn hold(scopes: &[String], wanted: &str) -> bool {
    let older = if wanted == "profile" { "read:accounts" } else { wanted };
    let wider = older.split(':').next().unwrap_or(older);
    scopes.iter().any(|have| [wanted, older, wider].contains(&have.as_str()))
}

fn list(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_string).collect()
}

fn error(status: u16, error: &str, description: &str) -> Refusal {
    Box::new(Reply::json(status, &json!({"error": error, "error_description": description})))
}

fn invalid_grant() -> Refusal {
    let why = "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the \
               authorization request, or was issued to another client.";
    error(400, "invalid_grant", why)
}

/// The fields of a request, JSON or form.
fn fields(request: &Incoming) -> Map<String, Value> {
    match request.json() {
        Value::Object(fields) => fields,
        _ => request.form().into_iter().map(|(name, value)| (name, Value::from(value))).collect(),
    }
}

impl OAuth {
    /// Answers what is OAuth's; `None` for everything else.
    pub fn route(&mut self, request: &Incoming) -> Option<Result<Reply, Refusal>> {
        Some(match (request.method.as_str(), request.segments().as_slice()) {
            ("GET", [".well-known", "oauth-authorization-server"]) => Ok(Reply::json(200, &metadata())),
            ("POST", ["api", "v1", "apps"]) => self.app(&fields(request)),
            ("GET", ["oauth", "authorize"]) => self.authorize(request),
            ("GET", ["oauth", "authorize", "native"]) => {
                let code = crate::text::escape_html(request.query("code").unwrap_or_default());
                Ok(Reply::html(200, &format!("<p>Copy this authorization code:</p><input class=\"copypaste\" value=\"{code}\">")))
            }
            ("POST", ["oauth", "token"]) => self.token(&fields(request)),
            ("POST", ["oauth", "revoke"]) => self.revoke(&fields(request)),
            _ => return None,
        })
    }

    /// Whether a token that was given out is good for this scope; `None` if it is none of ours.
    pub fn allows(&self, token: &str, scope: &str) -> Option<bool> {
        let token = self.tokens.iter().find(|known| known.token == token)?;
        token.ends.is_none_or(|end| end > Utc::now()).then(|| hold(&token.scopes, scope))
    }

    /// Ends every token that can be renewed.
    pub fn expire(&mut self) {
        for token in self.tokens.iter_mut().filter(|token| token.ends.is_some()) {
            token.ends = Some(Utc::now());
        }
    }

    fn next(&mut self, what: &str) -> String {
        self.made += 1;
        format!("mastodon-twin-{what}-{:06}", self.made)
    }

    fn app(&mut self, fields: &Map<String, Value>) -> Result<Reply, Refusal> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let invalid = |why: &str| refuse(422, &format!("Validation failed: {why}"));
        if text("client_name").trim().is_empty() {
            return Err(invalid("Application name can't be blank"));
        }
        let redirects: Vec<String> = match fields.get("redirect_uris") {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_string).collect(),
            _ => list(text("redirect_uris")),
        };
        let absolute = |address: &String| address == OOB || url::Url::parse(address).is_ok_and(|url| url.has_host());
        if redirects.is_empty() || !redirects.iter().all(absolute) {
            return Err(invalid("Redirect URI must be an absolute URI."));
        }
        let mut scopes = list(text("scopes"));
        if scopes.is_empty() {
            scopes.push("read".into());
        }
        if !scopes.iter().all(|scope| SCOPES.contains(&scope.as_str())) {
            return Err(invalid("Scopes doesn't match configured on the server."));
        }
        let app = App { id: self.next("app"), secret: self.next("app-secret"), redirects, scopes };
        let shown = json!({
            "id": self.made.to_string(), "name": text("client_name"), "website": null, "scopes": app.scopes,
            "redirect_uri": app.redirects.join("\n"), "redirect_uris": app.redirects,
            "client_id": app.id, "client_secret": app.secret, "client_secret_expires_at": 0,
        });
        self.apps.push(app);
        Ok(Reply::json(200, &shown))
    }

    /// The person says yes at once.
    fn authorize(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let query = |name: &str| request.query(name).unwrap_or_default();
        // an address that was not registered must learn nothing, so these two are told on a page
        let wrong = |why: &str| Box::new(Reply::html(400, &format!("<div id=\"error_explanation\">{why}</div>")));
        let app = self.apps.iter().find(|app| app.id == query("client_id"));
        let app = app.ok_or_else(|| wrong("Client authentication failed due to unknown client"))?;
        let redirect = query("redirect_uri").to_string();
        if !app.redirects.contains(&redirect) {
            return Err(wrong("The redirect uri included is not valid."));
        }
        let scopes = list(request.query("scope").unwrap_or("read"));
        let challenge = request.query("code_challenge").map(str::to_string);
        let refused = if query("response_type") != "code" {
            Some("unsupported_response_type")
        } else if scopes.iter().any(|scope| !hold(&app.scopes, scope)) {
            Some("invalid_scope")
        } else if challenge.is_some() && query("code_challenge_method") != "S256" {
            Some("invalid_code_challenge_method")
        } else {
            None
        };
        let app = app.id.clone();
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        match refused {
            Some(why) => pairs.append_pair("error", why).append_pair("error_description", "refused by the twin"),
            None => {
                let code = self.next("code");
                pairs.append_pair("code", &code);
                let redirect = redirect.clone();
                self.codes.push(Code { code, app, redirect, scopes, challenge, at: Utc::now(), used: false });
                &mut pairs
            }
        };
        if let Some(state) = request.query("state") {
            pairs.append_pair("state", state);
        }
        let query = pairs.finish();
        let to = if redirect == OOB {
            format!("https://{HOST}/oauth/authorize/native?{query}")
        } else {
            let mark = if redirect.contains('?') { '&' } else { '?' };
            format!("{redirect}{mark}{query}")
        };
        Ok(Reply::empty(302).header("location", to))
    }

    /// The app that shows its secret.
    fn client(&self, fields: &Map<String, Value>) -> Option<String> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let app = self.apps.iter().find(|app| app.id == text("client_id") && app.secret == text("client_secret"));
        app.map(|app| app.id.clone())
    }

    fn token(&mut self, fields: &Map<String, Value>) -> Result<Reply, Refusal> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let unknown = "Client authentication failed due to unknown client, no client authentication included, or unsupported \
                       authentication method.";
        let app = self.client(fields).ok_or_else(|| error(401, "invalid_client", unknown))?;
        match text("grant_type") {
            "authorization_code" => {
                let now = Utc::now();
                let code = self.codes.iter_mut().find(|code| code.code == text("code")).ok_or_else(invalid_grant)?;
                if code.used {
                    // whoever has it twice has stolen it once
                    let code = code.code.clone();
                    self.tokens.retain(|token| token.code != code);
                    return Err(invalid_grant());
                }
                let proof = URL_SAFE_NO_PAD.encode(digest(&SHA256, text("code_verifier").as_bytes()));
                let proved = code.challenge.as_ref().is_none_or(|challenge| *challenge == proof);
                if code.app != app || code.redirect != text("redirect_uri") || now - code.at > CODE_LIFE || !proved {
                    return Err(invalid_grant());
                }
                code.used = true;
                let (code, scopes) = (code.code.clone(), code.scopes.clone());
                Ok(self.give(app, code, scopes))
            }
            "refresh_token" if self.ending => {
                let wanted = text("refresh_token");
                let old = self.tokens.iter().position(|token| token.refresh.as_deref() == Some(wanted) && token.app == app);
                let old = self.tokens.remove(old.ok_or_else(invalid_grant)?);
                Ok(self.give(app, old.code, old.scopes))
            }
            _ => Err(error(400, "unsupported_grant_type", "The authorization grant type is not supported.")),
        }
    }

    fn give(&mut self, app: String, code: String, scopes: Vec<String>) -> Reply {
        let (token, now) = (self.next("given-token"), Utc::now());
        let mut shown = json!({"access_token": token, "token_type": "Bearer", "scope": scopes.join(" "), "created_at": now.timestamp()});
        let refresh = self.ending.then(|| self.next("refresh-token"));
        if let Some(refresh) = &refresh {
            shown["refresh_token"] = json!(refresh);
            shown["expires_in"] = json!(TOKEN_LIFE.num_seconds());
        }
        let ends = self.ending.then(|| now + TOKEN_LIFE);
        self.tokens.push(Token { token, refresh, app, code, scopes, ends });
        Reply::json(200, &shown)
    }

    fn revoke(&mut self, fields: &Map<String, Value>) -> Result<Reply, Refusal> {
        let refused = || error(403, "unauthorized_client", "You are not authorized to revoke this token");
        let app = self.client(fields).ok_or_else(refused)?;
        let wanted = fields.get("token").and_then(Value::as_str).unwrap_or_default();
        let at = self.tokens.iter().position(|token| token.token == wanted);
        if let Some(at) = at {
            if self.tokens[at].app != app {
                return Err(refused());
            }
            self.tokens.remove(at);
        }
        Ok(Reply::json(200, &json!({})))
    }
}

fn metadata() -> Value {
    let at = |path: &str| format!("https://{HOST}/{path}");
    json!({
        "issuer": at(""),
        "service_documentation": "https://docs.joinmastodon.org/",
        "authorization_endpoint": at("oauth/authorize"),
        "token_endpoint": at("oauth/token"),
        "revocation_endpoint": at("oauth/revoke"),
        "app_registration_endpoint": at("api/v1/apps"),
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
    })
}
