//! The twin's OAuth: two apps, consent that is given at once, codes that are good once. As strict as LinkedIn about redirect addresses
//! and permissions: one that the app was not given fails the whole login.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::login::{PORT, SHOWN};
use super::twin::{MEMBER_SCOPES, PAGE_SCOPES};
use crate::twin::{Incoming, Reply};

/// A code waits so long for its exchange.
const CODE_LIFE: Duration = Duration::minutes(30);
pub(super) const TOKEN_LIFE: Duration = Duration::days(60);
pub(super) const REFRESH_LIFE: Duration = Duration::days(365);

/// An app: one without review, or one with the Community Management API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum App {
    Member,
    Community,
}

impl App {
    pub fn id(self) -> &'static str {
        if self == App::Member { "86twinmember" } else { "86twinpages" }
    }

    pub fn secret(self) -> &'static str {
        if self == App::Member { "WPL_AP1.twin-member-secret" } else { "WPL_AP1.twin-pages-secret" }
    }

    fn scopes(self) -> &'static [&'static str] {
        if self == App::Member { MEMBER_SCOPES } else { PAGE_SCOPES }
    }

    fn of(id: &str) -> Option<App> {
        [App::Member, App::Community].into_iter().find(|app| app.id() == id)
    }
}

#[derive(Debug)]
struct Code {
    code: String,
    app: App,
    redirect: String,
    scopes: Vec<String>,
    at: DateTime<Utc>,
}

#[derive(Debug)]
struct Token {
    token: String,
    refresh: Option<(String, DateTime<Utc>)>,
    app: App,
    scopes: Vec<String>,
    ends: DateTime<Utc>,
}

/// What was given out.
#[derive(Debug)]
pub(super) struct OAuth {
    /// The addresses that the apps have registered.
    pub redirects: Vec<String>,
    /// Whether the reviewed app is one of those that get refresh tokens.
    pub refreshing: bool,
    codes: Vec<Code>,
    tokens: Vec<Token>,
    made: u64,
}

impl Default for OAuth {
    fn default() -> OAuth {
        let redirects = vec![format!("http://localhost:{PORT}/callback"), SHOWN.to_string()];
        OAuth { redirects, refreshing: true, codes: Vec::new(), tokens: Vec::new(), made: 0 }
    }
}

fn error(status: u16, error: &str, description: &str) -> Reply {
    Reply::json(status, &json!({"error": error, "error_description": description}))
}

impl OAuth {
    pub fn route(&mut self, request: &Incoming) -> Result<Reply, Reply> {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/oauth/v2/authorization") => self.authorize(request),
            ("POST", "/oauth/v2/accessToken") => self.token(request),
            ("POST", "/oauth/v2/revoke") => self.revoke(request),
            ("GET", "/developers/tools/oauth/redirect") => {
                let code = crate::text::escape_html(request.query("code").unwrap_or_default());
                Ok(Reply::html(200, &format!("<h1>OAuth 2.0 redirect</h1><input readonly value=\"{code}\">")))
            }
            _ => Err(Reply::html(404, "<title>Page not found | LinkedIn</title>")),
        }
    }

    /// What a token that was given out may do; `None` if it is none of ours, or has ended.
    pub fn scopes(&self, token: &str) -> Option<Vec<String>> {
        let token = self.tokens.iter().find(|known| known.token == token && known.ends > Utc::now())?;
        Some(token.scopes.clone())
    }

    /// Ends all access tokens.
    pub fn expire(&mut self) {
        self.tokens.iter_mut().for_each(|token| token.ends = Utc::now());
    }

    fn next(&mut self, what: &str) -> String {
        self.made += 1;
        format!("AQX-linkedin-twin-{what}-{:06}", self.made)
    }

    /// The person says yes at once.
    fn authorize(&mut self, request: &Incoming) -> Result<Reply, Reply> {
        let query = |name: &str| request.query(name).unwrap_or_default();
        // an address that was not registered must learn nothing, so these are told on a page
        let wrong = |why: &str| Reply::html(400, &format!("<title>LinkedIn</title><p>Bummer, something went wrong. {why}</p>"));
        let app = App::of(query("client_id")).ok_or_else(|| wrong("The passed in client_id is invalid"))?;
        let redirect = query("redirect_uri").to_string();
        if !self.redirects.contains(&redirect) {
            return Err(wrong("The redirect_uri does not match the registered value"));
        }
        let scopes: Vec<String> = query("scope").split_whitespace().map(str::to_string).collect();
        let stray = scopes.iter().find(|scope| !app.scopes().contains(&scope.as_str()));
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        if query("response_type") != "code" || scopes.is_empty() {
            pairs.append_pair("error", "invalid_request").append_pair("error_description", "The request is malformed");
        } else if let Some(scope) = stray {
            let why = format!("Scope \"{scope}\" is not authorized for your application");
            pairs.append_pair("error", "unauthorized_scope_error").append_pair("error_description", &why);
        } else {
            let code = self.next("code");
            pairs.append_pair("code", &code);
            self.codes.push(Code { code, app, redirect: redirect.clone(), scopes, at: Utc::now() });
        }
        pairs.append_pair("state", query("state"));
        Ok(Reply::empty(302).header("location", format!("{redirect}?{}", pairs.finish())))
    }

    /// The app that shows its secret.
    fn client(fields: &[(String, String)]) -> Result<App, Reply> {
        let app = App::of(field(fields, "client_id")).filter(|app| app.secret() == field(fields, "client_secret"));
        app.ok_or_else(|| error(401, "invalid_client", "Client authentication failed"))
    }

    fn token(&mut self, request: &Incoming) -> Result<Reply, Reply> {
        let fields = request.form();
        let app = OAuth::client(&fields)?;
        match field(&fields, "grant_type") {
            "authorization_code" => {
                let why = "Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization code. Or \
                           authorization code expired. Or external member binding exists";
                let at = self.codes.iter().position(|code| code.code == field(&fields, "code"));
                let code = at.map(|at| self.codes.remove(at));
                let good = |code: &Code| {
                    code.app == app && code.redirect == field(&fields, "redirect_uri") && Utc::now() - code.at < CODE_LIFE
                };
                let code = code.filter(good).ok_or_else(|| error(400, "invalid_request", why))?;
                // another set of permissions ends what was given before
                let mut set = code.scopes.clone();
                set.sort();
                self.tokens.retain(|token| {
                    let mut old = token.scopes.clone();
                    old.sort();
                    token.app != app || old == set
                });
                let refresh = (app == App::Community && self.refreshing).then(|| (self.next("refresh"), Utc::now() + REFRESH_LIFE));
                Ok(self.give(app, code.scopes, refresh))
            }
            "refresh_token" => {
                let wanted = field(&fields, "refresh_token");
                let held = |token: &Token| {
                    token.app == app && token.refresh.as_ref().is_some_and(|(refresh, ends)| refresh == wanted && *ends > Utc::now())
                };
                let at = self.tokens.iter().position(held);
                let at = at.ok_or_else(|| error(400, "invalid_grant", "The provided refresh token is invalid, expired or revoked"))?;
                let old = self.tokens.remove(at);
                // it is the same one, and its end does not move
                Ok(self.give(app, old.scopes, old.refresh))
            }
            other => Err(error(400, "unsupported_grant_type", &format!("{other} is not supported"))),
        }
    }

    fn give(&mut self, app: App, scopes: Vec<String>, refresh: Option<(String, DateTime<Utc>)>) -> Reply {
        let token = self.next("given-token");
        let mut shown: Value = json!({
            "access_token": token, "expires_in": TOKEN_LIFE.num_seconds() - 1, "scope": scopes.join(","), "token_type": "Bearer",
        });
        if let Some((refresh, ends)) = &refresh {
            shown["refresh_token"] = json!(refresh);
            shown["refresh_token_expires_in"] = json!((*ends - Utc::now()).num_seconds());
        }
        self.tokens.push(Token { token, refresh, app, scopes, ends: Utc::now() + TOKEN_LIFE });
        Reply::json(200, &shown)
    }

    fn revoke(&mut self, request: &Incoming) -> Result<Reply, Reply> {
        let fields = request.form();
        let app = OAuth::client(&fields)?;
        let wanted = field(&fields, "token");
        self.tokens.retain(|token| {
            let named = token.token == wanted || token.refresh.as_ref().is_some_and(|(refresh, _)| refresh == wanted);
            token.app != app || !named
        });
        Ok(Reply::empty(200))
    }
}

fn field<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}
