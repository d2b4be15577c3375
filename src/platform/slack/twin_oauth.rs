//! The twin's OAuth v2: one app that everybody knows, consent that is given at once, codes and refresh tokens that are good once.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::twin::{ALL_SCOPES, TEAM, Who, arguments};
use crate::twin::{Incoming, Reply};

/// The app's id and secret; the one that ends in `.rotating` gives tokens that end.
pub(super) const APP: &str = "1234567890.1234567890";
pub(super) const ROTATING: &str = "1234567890.rotating";
pub(super) const APP_SECRET: &str = "twin-slack-app-secret";
/// Where the app's people come back to.
pub(super) const BACK: &str = "https://example.org/slack/callback";
/// A code waits so long for its exchange, and a token that ends lives so long.
const CODE_LIFE: Duration = Duration::minutes(10);
const TOKEN_LIFE: Duration = Duration::hours(12);

#[derive(Debug)]
struct Code {
    code: String,
    app: String,
    redirect: Option<String>,
    scopes: Vec<String>,
    at: DateTime<Utc>,
    used: bool,
}

#[derive(Debug)]
struct Token {
    token: String,
    refresh: Option<String>,
    app: String,
    scopes: Vec<String>,
    ends: Option<DateTime<Utc>>,
}

/// What was given out.
#[derive(Debug, Default)]
pub(super) struct OAuth {
    codes: Vec<Code>,
    tokens: Vec<Token>,
    gone: Vec<String>,
    made: u64,
}

impl OAuth {
    fn next(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}-given-{:04}-{:016x}", self.made, self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Who has this token, if it was given out here. All act as bot 0.
    pub fn who(&self, token: &str) -> Option<Result<Who, &'static str>> {
        if self.gone.iter().any(|gone| gone == token) {
            return Some(Err("token_revoked"));
        }
        let known = self.tokens.iter().find(|known| known.token == token)?;
        let over = known.ends.is_some_and(|end| end <= Utc::now());
        Some(if over { Err("token_expired") } else { Ok(Who { n: 0, scopes: known.scopes.clone() }) })
    }

    /// Ends every token that can be renewed.
    pub fn expire(&mut self) {
        for token in self.tokens.iter_mut().filter(|token| token.ends.is_some()) {
            token.ends = Some(Utc::now());
        }
    }

    /// The page of consent, where everybody says yes.
    pub fn page(&mut self, request: &Incoming) -> Option<Reply> {
        if request.segments() != ["oauth", "v2", "authorize"] {
            return None;
        }
        let query = |name: &str| request.query(name).unwrap_or_default().to_string();
        // an address that was not registered must learn nothing, so these are told on a page
        let wrong = |why: &str| Some(Reply::html(200, &format!("<title>Slack | {why}</title>")));
        let app = query("client_id");
        if app != APP && app != ROTATING {
            return wrong("Invalid client_id parameter");
        }
        let redirect = request.query("redirect_uri").map(str::to_string);
        if redirect.as_deref().is_some_and(|redirect| redirect != BACK) {
            return wrong("redirect_uri did not match any configured URIs");
        }
        let scopes: Vec<String> =
            query("scope").split(',').filter(|scope| !scope.is_empty()).map(str::to_string).collect();
        if scopes.is_empty() {
            return wrong("Invalid permissions requested: no_scopes");
        }
        if scopes.iter().any(|scope| !ALL_SCOPES.contains(&scope.as_str())) {
            return wrong("Invalid permissions requested");
        }
        let code = self.next("code");
        let back = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("code", &code)
            .append_pair("state", &query("state"))
            .finish();
        self.codes.push(Code { code, app, redirect, scopes, at: Utc::now(), used: false });
        Some(Reply::empty(302).header("location", format!("{BACK}?{back}")))
    }

    /// The methods that need no token.
    pub fn method(&mut self, method: &str, request: &Incoming) -> Option<Value> {
        let given = arguments(request);
        let refused = |code: &str| json!({"ok": false, "error": code});
        Some(match method {
            "oauth.v2.access" => self.access(&given).unwrap_or_else(refused),
            "auth.revoke" => {
                let token = request.bearer().or(given["token"].as_str()).unwrap_or_default().to_string();
                let before = self.tokens.len();
                self.tokens.retain(|known| known.token != token);
                let mut found = self.tokens.len() < before;
                for known in self.tokens.iter_mut().filter(|known| known.refresh.as_ref() == Some(&token)) {
                    known.refresh = None;
                    found = true;
                }
                if !found {
                    // what was given out with a token that is gone went with it
                    let known = self.gone.contains(&token) || token.starts_with("xoxe-1-given");
                    return Some(refused(if known { "token_revoked" } else { "invalid_auth" }));
                }
                self.gone.push(token);
                json!({"ok": true, "revoked": true})
            }
            _ => return None,
        })
    }

    fn access(&mut self, given: &Value) -> Result<Value, &'static str> {
        let text = |key: &str| given[key].as_str().unwrap_or_default().to_string();
        let app = text("client_id");
        if app != APP && app != ROTATING {
            return Err("invalid_client_id");
        }
        if text("client_secret") != APP_SECRET {
            return Err("bad_client_secret");
        }
        if text("grant_type") == "refresh_token" {
            let wanted = text("refresh_token");
            let found =
                self.tokens.iter().position(|token| token.refresh.as_deref() == Some(&wanted) && token.app == app);
            let old = self.tokens.remove(found.ok_or("invalid_refresh_token")?);
            return Ok(self.give(&app, old.scopes));
        }
        let code =
            self.codes.iter_mut().find(|code| code.code == text("code") && code.app == app).ok_or("invalid_code")?;
        if code.used {
            return Err("code_already_used");
        }
        if Utc::now() - code.at > CODE_LIFE {
            return Err("code_expired");
        }
        if code.redirect.as_deref().unwrap_or_default() != text("redirect_uri") {
            return Err("bad_redirect_uri");
        }
        code.used = true;
        let scopes = code.scopes.clone();
        Ok(self.give(&app, scopes))
    }

    fn give(&mut self, app: &str, scopes: Vec<String>) -> Value {
        let rotating = app == ROTATING;
        let token = self.next(if rotating { "xoxe.xoxb-1" } else { "xoxb" });
        let refresh = rotating.then(|| self.next("xoxe-1"));
        let mut answer = json!({
            "ok": true, "access_token": token, "token_type": "bot", "scope": scopes.join(","), "bot_user_id": "U0TWIN0000",
            "app_id": "A0TWIN000", "team": {"id": TEAM, "name": "Twin harbour"}, "enterprise": null, "authed_user": {"id": "U0ANN0000"},
            "is_enterprise_install": false,
        });
        if let Some(refresh) = &refresh {
            answer["refresh_token"] = json!(refresh);
            answer["expires_in"] = json!(TOKEN_LIFE.num_seconds());
        }
        let ends = rotating.then(|| Utc::now() + TOKEN_LIFE);
        self.tokens.push(Token { token, refresh, app: app.into(), scopes, ends });
        answer
    }
}
