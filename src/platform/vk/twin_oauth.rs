//! The twin's older login at oauth.vk.com: one app, consent that is given at once, codes that are good once.

use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use super::api::RIGHTS;
use crate::twin::{Incoming, Reply};

/// The app of the tests.
pub(super) const CLIENT: &str = "51000001";
pub(super) const CLIENT_SECRET: &str = "twin-protected-key-of-app-51000001";
pub(super) const REDIRECT: &str = "https://example.org/xpost";
/// A code waits so long for its exchange.
const CODE_LIFE: Duration = Duration::hours(1);
/// The bit of `offline`: the token does not end.
const OFFLINE: u64 = 1 << 16;

#[derive(Debug)]
struct Code {
    code: String,
    redirect: String,
    mask: u64,
    at: DateTime<Utc>,
}

/// What was given out.
#[derive(Debug, Default)]
pub(super) struct OAuth {
    codes: Vec<Code>,
    tokens: Vec<(String, u64)>,
    made: u64,
}

fn error(error: &str, description: &str) -> Reply {
    Reply::json(401, &json!({"error": error, "error_description": description}))
}

impl OAuth {
    /// What a token that was given out may do.
    pub fn rights(&self, token: &str) -> Option<u64> {
        self.tokens.iter().find(|(known, _)| known == token).map(|(_, mask)| *mask)
    }

    pub fn answer(&mut self, request: &Incoming) -> Reply {
        match request.segments().as_slice() {
            ["authorize"] => self.authorize(request),
            ["access_token"] => self.token(request),
            _ => Reply::html(404, "<h1>404 Not Found</h1>"),
        }
    }

    fn authorize(&mut self, request: &Incoming) -> Reply {
        let query = |name: &str| request.query(name).unwrap_or_default();
        if query("client_id") != CLIENT {
            return error("invalid_client", "client_id is incorrect");
        }
        if query("redirect_uri") != REDIRECT {
            return error("invalid_request", "redirect_uri is incorrect, check application redirect uri in the settings page");
        }
        if query("response_type") != "code" {
            return error("invalid_request", "Security Error");
        }
        let mut mask = 0;
        for scope in query("scope").split(',').filter(|scope| !scope.is_empty()) {
            match RIGHTS.iter().find(|(_, name)| *name == scope) {
                Some((bit, _)) => mask |= bit,
                None if scope == "offline" => mask |= OFFLINE,
                None => return error("invalid_scope", "unknown scope"),
            }
        }
        self.made += 1;
        let code = format!("twin-code-{:06}", self.made);
        self.codes.push(Code { code: code.clone(), redirect: REDIRECT.into(), mask, at: Utc::now() });
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        pairs.append_pair("code", &code);
        if let Some(state) = request.query("state") {
            pairs.append_pair("state", state);
        }
        Reply::empty(302).header("location", format!("{REDIRECT}?{}", pairs.finish()))
    }

    fn token(&mut self, request: &Incoming) -> Reply {
        let form = request.form();
        let given = |name: &str| {
            let body = form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
            request.query(name).or(body).unwrap_or_default().to_string()
        };
        if given("client_id") != CLIENT || given("client_secret") != CLIENT_SECRET {
            return error("invalid_client", "client_secret is incorrect");
        }
        let Some(at) = self.codes.iter().position(|code| code.code == given("code")) else {
            return error("invalid_grant", "Code is invalid or expired.");
        };
        // good once, whatever comes of it
        let code = self.codes.remove(at);
        if code.redirect != given("redirect_uri") {
            return error("invalid_grant", "redirect_uri mismatch");
        }
        if Utc::now() - code.at > CODE_LIFE {
            return error("invalid_grant", "Code is invalid or expired.");
        }
        self.made += 1;
        let token = format!("vk1.a.twin-given-token-{:06}", self.made);
        self.tokens.push((token.clone(), code.mask));
        let ends = if code.mask & OFFLINE == 0 { 86_400 } else { 0 };
        Reply::json(200, &json!({"access_token": token, "expires_in": ends, "user_id": 7_000_000}))
    }
}
