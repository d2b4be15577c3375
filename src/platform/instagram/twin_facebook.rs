//! Facebook's side of the twin: the dialog, tokens for codes and for longer ones, and the pages of the person.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::twin::{HANDLE, PAGE_TOKEN, USER};
use crate::platform::container_twin::{REDIRECT, Refusal, refuse};
use crate::platform::graph;
use crate::twin::{Incoming, Reply};

/// The app of the twin's logins at Facebook.
pub const APP: (&str, &str) = ("2020202020202020", "facebook-twin-app-secret-0123456789");
/// Begins every token that is given out.
pub const TOKEN: &str = "EAAinstagram-twin-given-";
const SCOPES: [&str; 7] = [
    "instagram_basic",
    "instagram_content_publish",
    "instagram_manage_comments",
    "instagram_manage_contents",
    "pages_show_list",
    "pages_read_engagement",
    "business_management",
];

#[derive(Debug)]
struct Code {
    text: String,
    redirect: String,
    scopes: Vec<String>,
    used: bool,
}

#[derive(Debug)]
struct Token {
    text: String,
    scopes: Vec<String>,
    ends: DateTime<Utc>,
}

/// What was given out.
#[derive(Debug, Default)]
pub struct Facebook {
    codes: Vec<Code>,
    tokens: Vec<Token>,
    made: u64,
}

impl Facebook {
    /// Whether a person's token is good for this permission; `None` if it is none of ours, or has ended.
    pub fn allows(&self, token: &str, scope: &str) -> Option<bool> {
        let token = self.tokens.iter().find(|known| known.text == token && known.ends > Utc::now())?;
        Some(token.scopes.iter().any(|have| have == scope))
    }

    fn next(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{TOKEN}{what}-{:08}", self.made)
    }

    fn give(&mut self, scopes: Vec<String>, life: TimeDelta) -> Reply {
        let text = self.next("person");
        self.tokens.push(Token { text: text.clone(), scopes, ends: Utc::now() + life });
        Reply::json(200, &json!({"access_token": text, "token_type": "bearer", "expires_in": life.num_seconds()}))
    }

    /// The person says yes at once. An app in development takes `localhost` as it is, everything else must be registered.
    pub fn dialog(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let query = |name: &str| request.query(name).unwrap_or_default();
        let wrong = |why: &str| Box::new(Reply::html(400, &format!("<title>Error</title><p>{why}</p>")));
        let redirect = query("redirect_uri");
        let scopes: Vec<String> = query("scope").split(',').map(str::to_string).collect();
        if query("client_id") != APP.0 {
            return Err(wrong("Invalid App ID"));
        }
        if redirect != REDIRECT && !redirect.starts_with("http://localhost:") {
            return Err(wrong("URL Blocked"));
        }
        if query("response_type") != "code" || scopes.iter().any(|scope| !SCOPES.contains(&scope.as_str())) {
            return Err(wrong("Invalid Scopes"));
        }
        let text = self.next("code");
        let pairs = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("code", &text)
            .append_pair("state", query("state"))
            .finish();
        self.codes.push(Code { text, redirect: redirect.into(), scopes, used: false });
        Ok(Reply::empty(302).header("location", format!("{redirect}?{pairs}#_=_")))
    }

    /// A token for a code, or a longer one for a token.
    pub fn token(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let query = |name: &str| request.query(name).unwrap_or_default();
        if (query("client_id"), query("client_secret")) != APP {
            return Err(refuse(400, 101, 0, "Error validating application. Cannot get application info due to a system error."));
        }
        if query("grant_type") == "fb_exchange_token" {
            let known = self.tokens.iter().find(|token| token.text == query("fb_exchange_token") && token.ends > Utc::now());
            let scopes = known.map(|token| token.scopes.clone()).ok_or_else(|| Box::new(graph::expired()))?;
            return Ok(self.give(scopes, TimeDelta::days(60)));
        }
        let used = || refuse(400, 100, 36_009, "This authorization code has been used.");
        let code = self.codes.iter_mut().find(|code| code.text == query("code")).ok_or_else(used)?;
        if code.used {
            return Err(used());
        }
        if code.redirect != query("redirect_uri") {
            let why = "Error validating verification code. Please make sure your redirect_uri is identical to the one you used";
            return Err(refuse(400, 100, 36_008, why));
        }
        code.used = true;
        let scopes = code.scopes.clone();
        Ok(self.give(scopes, TimeDelta::hours(2)))
    }

    /// The login ends.
    pub fn leave(&mut self, token: &str) -> Reply {
        self.tokens.retain(|known| known.text != token);
        Reply::json(200, &json!({"success": true}))
    }
}

/// The pages of the person: one with an account on Instagram, one without, and one where the role is not enough.
pub fn pages() -> Value {
    let account = |n: u64| json!({"id": (USER + n).to_string(), "username": format!("{HANDLE}{n}")});
    json!({"data": [
        {
            "id": "100000000000000", "name": "Example page", "access_token": format!("{PAGE_TOKEN}0"),
            "tasks": ["MODERATE", "CREATE_CONTENT", "MANAGE"], "instagram_business_account": account(0),
        },
        {"id": "100000000000001", "name": "Without", "access_token": format!("{PAGE_TOKEN}8"), "tasks": ["CREATE_CONTENT"]},
        {
            "id": "100000000000002", "name": "Somebody's", "access_token": format!("{PAGE_TOKEN}9"),
            "tasks": ["ANALYZE"], "instagram_business_account": account(9),
        },
    ]})
}
