//! The twin's logins: one app in development mode, consent that is given at once, tokens that are short until they are traded.

use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use super::twin::{API, APP, Refusal, refuse};
use crate::twin::{Incoming, Reply};

pub(super) const WWW: &str = "www.facebook.com";
/// The app's secret.
pub(super) const SECRET: &str = "facebook-twin-app-secret";
/// The one redirect address that is registered with the app; beside it, in development mode, `http://localhost` with any port.
pub(super) const REDIRECT: &str = "https://app.example/callback";
const CODE_LIFE: Duration = Duration::minutes(10);
const SHORT: Duration = Duration::seconds(5400);
/// As Meta gives them: two months less some hours.
pub(super) const LONG: Duration = Duration::seconds(5_183_944);
const SCOPES: &[&str] = &[
    "public_profile",
    "pages_show_list",
    "pages_manage_posts",
    "pages_read_engagement",
    "pages_manage_engagement",
    "pages_read_user_content",
    "pages_manage_metadata",
    "read_insights",
    "business_management",
    "publish_video",
];

#[derive(Debug)]
struct Code {
    code: String,
    redirect: String,
    scopes: Vec<String>,
    at: DateTime<Utc>,
    used: bool,
}

#[derive(Debug)]
struct Token {
    token: String,
    scopes: Vec<String>,
    ends: DateTime<Utc>,
}

/// What was given out.
#[derive(Debug, Default)]
pub(super) struct OAuth {
    codes: Vec<Code>,
    tokens: Vec<Token>,
    made: u64,
}

fn registered(redirect: &str) -> bool {
    redirect == REDIRECT
        || url::Url::parse(redirect).is_ok_and(|url| url.scheme() == "http" && url.host_str() == Some("localhost"))
}

impl OAuth {
    /// Answers what is the login's; `None` for everything else.
    pub(super) fn route(&mut self, request: &Incoming) -> Option<Result<Reply, Refusal>> {
        let path = request.segments();
        Some(match (request.host.as_str(), request.method.as_str(), path.as_slice()) {
            (WWW, "GET", [_, "dialog", "oauth"]) => self.authorize(request),
            (WWW, ..) => Ok(Reply::html(404, "<title>Page not found</title>")),
            (API, "GET", [_, "oauth", "access_token"]) => self.token(request),
            (API, "DELETE", [_, "me", "permissions"]) => self.leave(request),
            _ => return None,
        })
    }

    /// What the person of this token has allowed; `None` if it is not good.
    pub(super) fn person(&self, token: &str) -> Option<Vec<String>> {
        let token = self.tokens.iter().find(|known| known.token == token)?;
        (token.ends > Utc::now()).then(|| token.scopes.clone())
    }

    fn next(&mut self, what: &str) -> String {
        self.made += 1;
        format!("EAAfacebook-twin-{what}-{:06}", self.made)
    }

    fn authorize(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let text = |name: &str| request.query(name).unwrap_or_default();
        let page = |why: &str| Ok(Reply::html(400, &format!("<title>Error</title><p>{}</p>", crate::text::escape_html(why))));
        if text("client_id") != APP {
            return page("Invalid App ID");
        }
        let redirect = text("redirect_uri").to_string();
        if !registered(&redirect) {
            return page("URL Blocked: this redirect failed because the redirect URI is not white-listed in the app's settings");
        }
        if text("response_type") != "code" || text("state").is_empty() {
            return page("response_type must be code, with a state");
        }
        let scopes: Vec<String> = text("scope").split(',').filter(|scope| !scope.is_empty()).map(str::to_string).collect();
        if let Some(wrong) = scopes.iter().find(|scope| !SCOPES.contains(&scope.as_str())) {
            return page(&format!("Invalid Scopes: {wrong}"));
        }
        let code = self.next("code");
        self.codes.push(Code { code: code.clone(), redirect: redirect.clone(), scopes, at: Utc::now(), used: false });
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        let query = pairs.append_pair("code", &code).append_pair("state", text("state")).finish();
        // Facebook leaves this behind where there is no fragment
        Ok(Reply::empty(302).header("location", format!("{redirect}?{query}#_=_")))
    }

    fn token(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let text = |name: &str| request.query(name).unwrap_or_default();
        if text("client_id") != APP {
            return Err(refuse(400, 101, 0, "Error validating application. Cannot get application info due to a system error."));
        }
        if text("client_secret") != SECRET {
            return Err(refuse(400, 1, 0, "Error validating client secret."));
        }
        if text("grant_type") == "fb_exchange_token" {
            let held = self.tokens.iter().find(|known| known.token == text("fb_exchange_token") && known.ends > Utc::now());
            let scopes = held.map(|held| held.scopes.clone()).ok_or_else(|| refuse(400, 190, 0, "Invalid OAuth access token."))?;
            return Ok(self.give("long-token", scopes, LONG));
        }
        let now = Utc::now();
        let code = self.codes.iter_mut().find(|code| code.code == text("code"));
        let code = code.ok_or_else(|| refuse(400, 100, 36_009, "Invalid verification code format."))?;
        if code.used {
            return Err(refuse(400, 100, 36_009, "This authorization code has been used."));
        }
        if now - code.at > CODE_LIFE {
            return Err(refuse(400, 100, 36_007, "This authorization code has expired."));
        }
        if code.redirect != text("redirect_uri") {
            let message = "Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request";
            return Err(refuse(400, 100, 36_008, message));
        }
        code.used = true;
        let scopes = code.scopes.clone();
        Ok(self.give("token", scopes, SHORT))
    }

    fn give(&mut self, what: &str, scopes: Vec<String>, life: Duration) -> Reply {
        let token = self.next(what);
        self.tokens.push(Token { token: token.clone(), scopes, ends: Utc::now() + life });
        Reply::json(200, &json!({"access_token": token, "token_type": "bearer", "expires_in": life.num_seconds()}))
    }

    /// All that the person allowed is taken back.
    fn leave(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let token = request.bearer().unwrap_or_default();
        if self.person(token).is_none() {
            return Err(refuse(401, 190, 0, "Invalid OAuth access token - Cannot parse access token"));
        }
        self.tokens.clear();
        Ok(Reply::json(200, &json!({"success": true})))
    }
}
