//! For the twins of Threads and Instagram: containers, and the login of the two.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::graph;
use crate::twin::{Incoming, Reply, SeenMedia};

/// A container that is not shown is gone after this.
const LIFE: TimeDelta = TimeDelta::hours(24);
/// What a file weighs that a twin only pretends to fetch.
const WEIGHT: u64 = 4096;

pub(super) type Refusal = Box<Reply>;
/// The fields of a request.
pub(super) type Fields = BTreeMap<String, String>;

/// A refusal in Meta's words.
pub(super) fn refuse(status: u16, code: i64, subcode: i64, message: &str) -> Refusal {
    Box::new(graph::refuse(status, code, subcode, message))
}

/// What is not there, or belongs to somebody else: Meta tells neither from the other.
pub(super) fn missing(id: &str) -> Refusal {
    let message = format!(
        "Unsupported request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation."
    );
    refuse(400, 100, 33, &message)
}

/// Query and form as one, the form counting more; without the token.
pub(super) fn fields(request: &Incoming) -> Fields {
    let all = request.query.iter().cloned().chain(request.form());
    all.filter(|(name, _)| name != "access_token").collect()
}

/// One container.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub id: String,
    pub owner: usize,
    pub fields: Fields,
    pub made: DateTime<Utc>,
    /// So often it still says that it is at work.
    pub busy: u32,
    pub shown: bool,
    /// Why it failed.
    pub failed: Option<&'static str>,
    /// It waits for its film.
    pub open: bool,
    pub media: Vec<SeenMedia>,
}

impl Container {
    /// The state, which asking moves on.
    pub fn look(&mut self) -> &'static str {
        if self.shown {
            return "PUBLISHED";
        }
        if Utc::now() - self.made > LIFE {
            return "EXPIRED";
        }
        if self.busy > 0 || self.open {
            self.busy = self.busy.saturating_sub(1);
            return "IN_PROGRESS";
        }
        if self.failed.is_some() { "ERROR" } else { "FINISHED" }
    }

    /// Whether it can be shown or be a part of another one.
    pub fn finished(&self) -> bool {
        !self.shown && self.busy == 0 && !self.open && self.failed.is_none() && Utc::now() - self.made <= LIFE
    }

    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// What the crawler finds at an address: the type by the name's end; `None` where it is no public https address of a file.
pub(super) fn fetch(url: &str, alt: &str) -> Option<SeenMedia> {
    let url = url::Url::parse(url).ok().filter(|url| url.scheme() == "https" && url.host_str().is_some())?;
    let mime = match url.path().rsplit('.').next()? {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "mp4" => "video/mp4",
        "mov" => "video/quicktime",
        _ => return None,
    };
    Some(SeenMedia { mime: mime.into(), bytes: WEIGHT, alt: alt.into() })
}

/// The members of a list, as JSON or with commas between.
pub(super) fn list(text: &str) -> Vec<String> {
    match serde_json::from_str::<Vec<Value>>(text) {
        Ok(all) => all.iter().filter_map(super::container::id).collect(),
        Err(_) => text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_string).collect(),
    }
}

/// Meta's own way to write a moment.
pub(super) fn stamp(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S+0000").to_string()
}

/// The app of the twins' logins.
pub const APP: (&str, &str) = ("1010101010101010", "meta-twin-app-secret-0123456789");
/// The redirect address that is registered with it.
pub const REDIRECT: &str = "https://xpost.example/callback";

/// How one of the two calls things.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    /// `th` or `ig`.
    pub grant: &'static str,
    /// Begins every token.
    pub token: &'static str,
    pub scopes: &'static [&'static str],
    /// The answer to a code is the first of a list.
    pub wrapped: bool,
    /// The user's own number.
    pub user: u64,
}

#[derive(Debug, Clone)]
struct Token {
    text: String,
    scopes: Vec<String>,
    made: DateTime<Utc>,
    ends: DateTime<Utc>,
    long: bool,
}

#[derive(Debug)]
struct Code {
    text: String,
    redirect: String,
    scopes: Vec<String>,
    at: DateTime<Utc>,
    used: bool,
}

/// What was given out: codes that are good once, tokens of an hour, tokens of 60 days.
#[derive(Debug)]
pub(super) struct OAuth {
    words: Words,
    codes: Vec<Code>,
    tokens: Vec<Token>,
    made: u64,
}

impl OAuth {
    pub fn new(words: Words) -> OAuth {
        OAuth { words, codes: Vec::new(), tokens: Vec::new(), made: 0 }
    }

    /// Whether a token that was given out is good for this scope; `None` if it is none of ours, or has ended.
    pub fn allows(&self, token: &str, scope: &str) -> Option<bool> {
        let token = self.tokens.iter().find(|known| known.text == token && known.ends > Utc::now())?;
        Some(token.scopes.iter().any(|have| have == scope))
    }

    /// Makes every token older.
    #[cfg(test)]
    pub fn age(&mut self, by: TimeDelta) {
        for token in &mut self.tokens {
            token.made -= by;
            token.ends -= by;
        }
    }

    fn next(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{}{what}-{:08}", self.words.token, self.made)
    }

    fn give(&mut self, scopes: Vec<String>, life: TimeDelta) -> Token {
        let now = Utc::now();
        let long = life > TimeDelta::hours(2);
        let text = self.next(if long { "long" } else { "short" });
        let token = Token { text, scopes, made: now, ends: now + life, long };
        self.tokens.push(token.clone());
        token
    }

    /// The person says yes at once.
    pub fn authorize(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let query = |name: &str| request.query(name).unwrap_or_default();
        let wrong = |why: &str| Box::new(Reply::html(400, &format!("<title>Sorry</title><p>{why}</p>")));
        if query("client_id") != APP.0 {
            return Err(wrong("Invalid platform app"));
        }
        if query("redirect_uri") != REDIRECT {
            return Err(wrong("Invalid redirect_uri"));
        }
        let scopes: Vec<String> = query("scope").split(',').map(str::to_string).collect();
        if query("response_type") != "code" || scopes.iter().any(|scope| !self.words.scopes.contains(&scope.as_str())) {
            return Err(wrong("Invalid Scopes"));
        }
        let text = self.next("code");
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("code", &text)
            .append_pair("state", query("state"))
            .finish();
        self.codes.push(Code { text, redirect: REDIRECT.into(), scopes, at: Utc::now(), used: false });
        // Meta puts this behind every address that it sends people to
        Ok(Reply::empty(302).header("location", format!("{REDIRECT}?{query}#_")))
    }

    /// A code for a token of an hour.
    pub fn token(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let form: Fields = request.form().into_iter().collect();
        let text = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let refused = |message: &str| {
            let body = json!({"error_type": "OAuthException", "code": 400, "error_message": message});
            Box::new(Reply::json(400, &body))
        };
        if (text("client_id"), text("client_secret")) != APP {
            return Err(refused("Error validating client secret."));
        }
        if text("grant_type") != "authorization_code" {
            return Err(refused("Invalid grant_type"));
        }
        let gone = || refused("This authorization code has been used or has expired");
        let code = self.codes.iter_mut().find(|code| code.text == text("code")).ok_or_else(gone)?;
        if code.used || Utc::now() - code.at > TimeDelta::hours(1) {
            return Err(gone());
        }
        if code.redirect != text("redirect_uri") {
            return Err(refused("Error validating verification code. Please make sure your redirect_uri is identical"));
        }
        code.used = true;
        let scopes = code.scopes.clone();
        let token = self.give(scopes, TimeDelta::hours(1));
        let mut shown = json!({"access_token": token.text, "user_id": self.words.user});
        if self.words.wrapped {
            shown["permissions"] = json!(token.scopes.join(","));
            shown = json!({ "data": [shown] });
        }
        Ok(Reply::json(200, &shown))
    }

    /// A token for a longer one, or for a fresh one.
    pub fn exchange(&mut self, request: &Incoming) -> Result<Reply, Refusal> {
        let query = |name: &str| request.query(name).unwrap_or_default();
        let longer = request.path.ends_with("/access_token") && !request.path.ends_with("/refresh_access_token");
        let grant = format!("{}_{}_token", self.words.grant, if longer { "exchange" } else { "refresh" });
        if query("grant_type") != grant {
            return Err(refuse(400, 100, 0, "Unsupported grant_type"));
        }
        let known = self.tokens.iter().find(|token| token.text == query("access_token") && token.ends > Utc::now());
        let known = known.cloned().ok_or_else(|| Box::new(graph::expired()))?;
        if longer && query("client_secret") != APP.1 {
            return Err(refuse(400, 101, 0, "Error validating client secret."));
        }
        if longer == known.long {
            return Err(refuse(400, 190, 0, "Invalid token type for this exchange."));
        }
        if !longer && Utc::now() - known.made < TimeDelta::hours(24) {
            return Err(refuse(400, 190, 0, "The access token is too young to be refreshed."));
        }
        let token = self.give(known.scopes, TimeDelta::days(60));
        Ok(Reply::json(200, &json!({"access_token": token.text, "token_type": "bearer", "expires_in": 60 * 86_400})))
    }
}

/// For tests: a twin that can still be reached while it is served.
#[cfg(test)]
pub(super) struct Held<T>(pub std::sync::Arc<std::sync::Mutex<T>>);

#[cfg(test)]
impl<T: crate::twin::Twin> crate::twin::Twin for Held<T> {
    fn hosts(&self) -> Vec<String> {
        self.0.lock().unwrap().hosts()
    }
    fn shares(&self) -> Vec<String> {
        self.0.lock().unwrap().shares()
    }
    fn claims(&self, request: &Incoming) -> bool {
        self.0.lock().unwrap().claims(request)
    }
    fn answer(&mut self, request: &Incoming) -> Reply {
        self.0.lock().unwrap().answer(request)
    }
    fn limited(&self, seconds: u64) -> Reply {
        self.0.lock().unwrap().limited(seconds)
    }
    fn expired(&self) -> Reply {
        self.0.lock().unwrap().expired()
    }
    fn timeline(&self) -> Vec<crate::twin::Seen> {
        self.0.lock().unwrap().timeline()
    }
}
