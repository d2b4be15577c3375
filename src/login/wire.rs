//! The `oauth2` crate over our door, in the dialect of one network. Nothing here is tried twice, and nothing posts: every fault's
//! effect is `None`.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, DeviceAuthorizationUrl,
    ExtraTokenFields, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken,
    RequestTokenError, Scope, StandardDeviceAuthorizationResponse, StandardRevocableToken, StandardTokenResponse,
    TokenResponse, TokenUrl, http,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::refuse::{harmless, unreadable};
use super::register::Owner;
use super::said::{self, Meaning};
use super::{App, CLIENT_SECRET, Challenge, ClientAuth, Desk, Dialect, Exchange, Facts, Grant, Life, REFRESH, Secrets};
use crate::net::{Answer, Body, Fault, Kind, Method, Request};

/// No token answer is near this, in bytes.
const MAX_TOKEN_ANSWER: usize = 256 * 1024;
/// A network that cannot be reached while a person types a code is asked again after at most this long.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// What of a request may be seen; whatever else is sent is taken for a secret.
const PLAIN: [&str; 7] =
    ["grant_type", "redirect_uri", "scope", "token_type_hint", "client_id", "response_type", "fields"];

/// What RFC 6749 has no name for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct More {
    refresh_token_expires_in: Option<u64>,
    subject: Option<String>,
}

impl ExtraTokenFields for More {}

type Response = StandardTokenResponse<More, BasicTokenType>;
type Plain = oauth2::Client<
    BasicErrorResponse,
    Response,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
>;

/// What a token endpoint gave.
pub(super) struct Token {
    pub access: SecretString,
    pub refresh: Option<SecretString>,
    pub expires_in: Option<Duration>,
    pub refresh_expires_in: Option<Duration>,
    /// As granted; `None` where the answer does not say.
    pub scopes: Option<Vec<String>>,
    pub subject: Option<String>,
    /// When it was asked for, by our clock: lifetimes count from here.
    pub asked_at: DateTime<Utc>,
}

/// What is being asked for; refusals are told accordingly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// The person was sent to the authorization endpoint.
    Authorize,
    Code,
    Refresh,
    Exchange,
    DeviceStart,
    DevicePoll,
    Revoke,
}

type Pause = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The time, which tests do not wait for.
#[derive(Clone)]
pub(super) struct Pace {
    pub now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    pub sleep: Arc<dyn Fn(Duration) -> Pause + Send + Sync>,
}

impl Pace {
    pub fn real() -> Pace {
        Pace { now: Arc::new(Utc::now), sleep: Arc::new(|pause| Box::pin(tokio::time::sleep(pause))) }
    }
}

/// One authorization server, as one app talks to it.
pub(super) struct Wire<'a> {
    pub desk: &'a Desk<'a>,
    pub dialect: Dialect,
    pub app: App,
    pub owner: Owner,
    pub redirect: Option<String>,
}

/// Where the person is sent, and what proves afterwards that it was he who came back.
pub(super) struct Authorization {
    pub address: Url,
    pub state: SecretString,
    pub verifier: Option<SecretString>,
}

/// An endpoint of the account's server.
///
/// # Errors
/// It is not an http(s) address.
pub(super) fn endpoint(desk: &Desk<'_>, template: &str) -> Result<Url, Fault> {
    let text = template.replace("{server}", desk.server);
    Url::parse(&text)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
        .ok_or_else(|| Fault::local(format!("account `{}`: `{text}` is not an http(s) address", desk.account)))
}

impl<'a> Wire<'a> {
    fn client(&self) -> Result<Plain, Fault> {
        let auth = match self.dialect.auth {
            ClientAuth::Basic => AuthType::BasicAuth,
            ClientAuth::Body => AuthType::RequestBody,
        };
        let mut client = Plain::new(ClientId::new(self.app.id.clone())).set_auth_type(auth);
        if let Some(secret) = &self.app.secret {
            self.desk.door.redactor().learn(secret);
            client = client.set_client_secret(ClientSecret::new(secret.expose_secret().to_string()));
        }
        if let Some(redirect) = &self.redirect {
            let redirect = RedirectUrl::new(redirect.clone())
                .map_err(|_| Fault::local(format!("`{redirect}` is not a redirect address")))?;
            client = client.set_redirect_uri(redirect);
        }
        Ok(client)
    }

    /// The authorization request.
    ///
    /// # Errors
    /// The redirect address is none.
    pub fn authorize(
        &self,
        at: Url,
        scopes: &str,
        challenge: Challenge,
        more: &[(&'static str, &'static str)],
    ) -> Result<Authorization, Fault> {
        let client = self.client()?.set_auth_uri(AuthUrl::from_url(at));
        let mut request = client.authorize_url(|| CsrfToken::new_random_len(32));
        let mut verifier = None;
        if challenge != Challenge::None {
            let (proof, kept) = PkceCodeChallenge::new_random_sha256();
            request = if challenge == Challenge::S256 {
                request.set_pkce_challenge(proof)
            } else {
                let digest = digest(&SHA256, kept.secret().as_bytes());
                let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
                request.add_extra_param("code_challenge", hex).add_extra_param("code_challenge_method", "S256")
            };
            verifier = Some(SecretString::from(kept.into_secret()));
        }
        if !scopes.is_empty() {
            request = request.add_scope(Scope::new(scopes.to_string()));
        }
        for (name, value) in more {
            request = request.add_extra_param(*name, *value);
        }
        let (mut address, state) = request.url();
        if self.dialect.client_id != "client_id" {
            let pairs: Vec<(String, String)> = address.query_pairs().into_owned().collect();
            address.query_pairs_mut().clear().extend_pairs(pairs.iter().map(|(name, value)| {
                (if name == "client_id" { self.dialect.client_id } else { name.as_str() }, value.as_str())
            }));
        }
        let state = SecretString::from(state.into_secret());
        self.desk.door.redactor().learn(&state);
        if let Some(verifier) = &verifier {
            self.desk.door.redactor().learn(verifier);
        }
        Ok(Authorization { address, state, verifier })
    }

    /// The code for a token.
    ///
    /// # Errors
    /// The server refuses or cannot be reached.
    pub async fn code(&self, at: Url, code: &SecretString, verifier: Option<SecretString>) -> Result<Token, Fault> {
        let client = self.client()?.set_token_uri(TokenUrl::from_url(at));
        let mut request = client.exchange_code(AuthorizationCode::new(code.expose_secret().to_string()));
        if let Some(verifier) = verifier {
            request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier.expose_secret().to_string()));
        }
        let asked_at = Utc::now();
        let call = Call::new(self, Doing::Code);
        let answer = request.request_async(&call).await;
        call.token(answer, asked_at)
    }

    /// A new token for the refresh token.
    ///
    /// # Errors
    /// `auth`: the login is over. Else: later perhaps.
    pub async fn refresh(&self, at: Url, refresh: &SecretString) -> Result<Token, Fault> {
        let client = self.client()?.set_token_uri(TokenUrl::from_url(at));
        let refresh = RefreshToken::new(refresh.expose_secret().to_string());
        let asked_at = Utc::now();
        let call = Call::new(self, Doing::Refresh);
        let answer = client.exchange_refresh_token(&refresh).request_async(&call).await;
        call.token(answer, asked_at)
    }

    /// A token for a token. Asked with GET, as the networks that know this want it; the secrets are in the query, and in no log.
    ///
    /// # Errors
    /// `auth`: the login is over. Else: later perhaps.
    pub async fn exchange(&self, how: &Exchange, token: &SecretString) -> Result<Token, Fault> {
        let mut pairs = vec![("grant_type".to_string(), how.grant_type.to_string())];
        if how.with_id {
            pairs.push((self.dialect.client_id.to_string(), self.app.id.clone()));
        }
        if let Some(secret) = self.app.secret.as_ref().filter(|_| how.with_secret) {
            pairs.push(("client_secret".to_string(), secret.expose_secret().to_string()));
        }
        pairs.push((how.token.to_string(), token.expose_secret().to_string()));
        let asked_at = Utc::now();
        let answer = self.send(Method::GET, &endpoint(self.desk, how.url)?, pairs, None).await?;
        let value = self.read(&answer, Doing::Exchange)?;
        let call = Call::new(self, Doing::Exchange);
        call.token(
            serde_json::from_value(value).map_err(|_| RequestTokenError::<_, BasicErrorResponse>::Other(String::new())),
            asked_at,
        )
    }

    /// Starts a device grant.
    ///
    /// # Errors
    /// The server refuses or cannot be reached.
    pub async fn device_start(&self, at: Url, scopes: &str) -> Result<StandardDeviceAuthorizationResponse, Fault> {
        let client = self.client()?.set_device_authorization_url(DeviceAuthorizationUrl::from_url(at));
        let mut request = client.exchange_device_code();
        if !scopes.is_empty() {
            request = request.add_scope(Scope::new(scopes.to_string()));
        }
        let call = Call::new(self, Doing::DeviceStart);
        let answer: Result<StandardDeviceAuthorizationResponse, _> = request.request_async(&call).await;
        answer.map_err(|error| call.fault(error))
    }

    /// Asks until the person has typed the code in, or it has run out. Trouble of the network is waited out.
    ///
    /// # Errors
    /// The person said no, the code ran out, or the server refuses.
    pub async fn device_poll(
        &self,
        at: Url,
        started: &StandardDeviceAuthorizationResponse,
        pace: &Pace,
    ) -> Result<Token, Fault> {
        let client = self.client()?.set_token_uri(TokenUrl::from_url(at));
        let call = Call::new(self, Doing::DevicePoll);
        let answer = {
            let now = pace.now.clone();
            let sleep = |pause: Duration| {
                // a server that names its time is left alone until then
                let wait = call.last().and_then(|fault| (fault.retry_at? - (pace.now)()).to_std().ok());
                (pace.sleep)(wait.map_or(pause, |wait| wait.max(pause)))
            };
            client
                .exchange_device_access_token(started)
                .set_time_fn(move || now())
                .set_max_backoff_interval(LONGEST_PAUSE.max(started.interval()))
                .request_async(&call, sleep, None)
                .await
        };
        // the answer that held the token came just now
        let asked_at = (pace.now)();
        match answer {
            Err(RequestTokenError::ServerResponse(refusal)) => {
                let code = refusal.error().as_ref().to_string();
                let trouble = call.last();
                if code == "expired_token" {
                    let trouble = trouble.filter(|fault| fault.kind.transient());
                    let trouble = trouble.map_or_else(String::new, |fault| format!("; the last: {}", fault.message));
                    let title = self.desk.title;
                    let minutes = started.expires_in().as_secs().div_ceil(60);
                    let message =
                        format!("the code was not typed in at {title} within {minutes} min{trouble}; log in again");
                    return Err(Fault::new(Kind::Auth, message).code(code));
                }
                Err(trouble.unwrap_or_else(|| unreadable(self.desk.title)))
            }
            answer => call.token(answer, asked_at),
        }
    }

    /// Ends a token (RFC 7009). One that is not good any more is a success.
    ///
    /// # Errors
    /// It is still good.
    pub async fn revoke(&self, at: &str, token: &SecretString, hint: &str) -> Result<(), Fault> {
        let mut pairs = vec![
            ("token".to_string(), token.expose_secret().to_string()),
            ("token_type_hint".to_string(), hint.to_string()),
        ];
        let mut basic = None;
        match (&self.app.secret, self.dialect.auth) {
            (Some(secret), ClientAuth::Basic) => basic = Some(basic_header(&self.app.id, secret)),
            (secret, _) => {
                if !self.app.id.is_empty() {
                    pairs.push((self.dialect.client_id.to_string(), self.app.id.clone()));
                }
                if let Some(secret) = secret {
                    pairs.push(("client_secret".to_string(), secret.expose_secret().to_string()));
                }
            }
        }
        let answer = self.send(Method::POST, &endpoint(self.desk, at)?, pairs, basic).await?;
        let value = answer.value();
        if said::refusal(&value).is_some_and(|said| said.meaning() == Meaning::Grant) {
            return Ok(());
        }
        self.refused(&answer, &value, Doing::Revoke).map_or(Ok(()), Err)
    }

    /// Ends the login with a `DELETE` that carries the token itself.
    ///
    /// # Errors
    /// It is still good.
    pub async fn delete(&self, at: &str, token: &SecretString) -> Result<(), Fault> {
        let request = Request::new(Method::DELETE, endpoint(self.desk, at)?).bearer(token);
        let answer = self.desk.door.send(request).await.map_err(harmless)?;
        if answer.status == 401 {
            return Ok(());
        }
        let value = answer.value();
        self.refused(&answer, &value, Doing::Revoke).map_or(Ok(()), Err)
    }

    /// One request to the server; what may be seen of it is a list, all else is learnt before it goes out.
    async fn send(
        &self,
        method: Method,
        at: &Url,
        pairs: Vec<(String, String)>,
        basic: Option<SecretString>,
    ) -> Result<Answer, Fault> {
        let plain = |name: &str| PLAIN.contains(&name) || name == self.dialect.client_id;
        for (_, value) in pairs.iter().filter(|(name, _)| !plain(name)) {
            self.desk.door.redactor().learn(&SecretString::from(value.as_str()));
        }
        let mut request = Request::new(method.clone(), at.as_str()).header("accept", "application/json");
        if let Some(basic) = basic {
            request = request.secret_header("authorization", basic);
        }
        if method == Method::GET {
            for (name, value) in pairs {
                request = if plain(&name) {
                    request.query(&name, value)
                } else {
                    request.secret_query(&name, SecretString::from(value))
                };
            }
        } else {
            request = request.body(Body::Form(pairs));
        }
        let answer = self.desk.door.send(request).await.map_err(harmless)?;
        if answer.body.len() > MAX_TOKEN_ANSWER {
            let most = MAX_TOKEN_ANSWER / 1024;
            let mut fault =
                Fault::new(Kind::Protocol, format!("{}: the answer is larger than {most} kB", answer.asked));
            fault.status = Some(answer.status);
            return Err(fault);
        }
        said::learn(self.desk.door.redactor(), &answer.value());
        Ok(answer)
    }

    /// An answer in the words of the standard.
    fn read(&self, answer: &Answer, doing: Doing) -> Result<Value, Fault> {
        let value = answer.value();
        if let Some(fault) = self.refused(answer, &value, doing) {
            return Err(fault);
        }
        let (made, missing) = match doing {
            Doing::DeviceStart => (said::device(&value), "a code to type in"),
            _ => (said::token(&value, self.dialect.answer), "an `access_token`"),
        };
        made.ok_or_else(|| {
            // what it did answer may hold anything
            let what = match answer.body.trim_ascii_start().first() {
                None => "nothing".to_string(),
                Some(b'<') => answer.reason(),
                Some(b'{' | b'[') if value.is_null() => "broken JSON".to_string(),
                Some(_) => "something else".to_string(),
            };
            let mut fault = Fault::new(Kind::Protocol, format!("{} answered {what}, not {missing}", answer.asked));
            fault.status = Some(answer.status);
            self.clean(fault)
        })
    }

    /// What a first token yields.
    pub fn grant(&self, at: &Url, token: Token, life: &Life) -> Grant {
        let mut grant = Grant::new(token.access.clone());
        let facts = &mut grant.facts;
        facts.access_ends = after(token.asked_at, token.expires_in.or(life.access));
        facts.login_ends = after(token.asked_at, life.login);
        facts.scopes.clone_from(&token.scopes);
        facts.subject = token.subject.clone().unwrap_or_default();
        facts.issuer = at.origin().ascii_serialization();
        facts.client_id.clone_from(&self.app.id);
        if let Some(refresh) = &token.refresh {
            facts.refresh_ends = after(token.asked_at, token.refresh_expires_in.or(life.refresh));
            grant.secrets.insert(REFRESH.to_string(), refresh.clone());
        }
        if let Some(secret) = &self.app.secret {
            grant.secrets.insert(CLIENT_SECRET.to_string(), secret.clone());
        }
        grant
    }

    /// What a renewed token yields: what the answer does not say stays as it was.
    pub fn renewed(&self, token: Token, life: &Life, held: &Secrets, facts: &Facts) -> Grant {
        let mut grant = Grant::new(token.access.clone());
        grant.facts = Facts {
            access_ends: after(token.asked_at, token.expires_in.or(life.access)),
            scopes: token.scopes.clone().or_else(|| facts.scopes.clone()),
            subject: token.subject.clone().unwrap_or_else(|| facts.subject.clone()),
            client_id: self.app.id.clone(),
            ..facts.clone()
        };
        let rotated = token
            .refresh
            .as_ref()
            .filter(|new| held.get(REFRESH).is_none_or(|old| old.expose_secret() != new.expose_secret()));
        let said = token.refresh_expires_in.or(life.refresh.filter(|_| rotated.is_some()));
        if let Some(ends) = after(token.asked_at, said) {
            grant.facts.refresh_ends = Some(ends);
        }
        if let Some(refresh) = token.refresh {
            grant.secrets.insert(REFRESH.to_string(), refresh);
        }
        grant
    }
}

fn after(start: DateTime<Utc>, life: Option<Duration>) -> Option<DateTime<Utc>> {
    start.checked_add_signed(TimeDelta::from_std(life?).ok()?)
}

fn basic_header(id: &str, secret: &SecretString) -> SecretString {
    // RFC 6749 2.3.1: both are form-encoded first
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let both = format!("{}:{}", encode(id), encode(secret.expose_secret()));
    SecretString::from(format!("Basic {}", BASE64_STANDARD.encode(both)))
}

/// One use of the crate: what it sends, and the fault that it cannot carry.
struct Call<'w, 'a> {
    wire: &'w Wire<'a>,
    doing: Doing,
    last: Mutex<Option<Fault>>,
}

impl<'w, 'a> Call<'w, 'a> {
    fn new(wire: &'w Wire<'a>, doing: Doing) -> Call<'w, 'a> {
        Call { wire, doing, last: Mutex::default() }
    }

    fn last(&self) -> Option<Fault> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fault<E: oauth2::ErrorResponse + 'static>(&self, error: RequestTokenError<Fault, E>) -> Fault {
        match error {
            RequestTokenError::Request(fault) => fault,
            // the crate's own words quote the answer
            _ => self.last().unwrap_or_else(|| unreadable(self.wire.desk.title)),
        }
    }

    fn token<E: oauth2::ErrorResponse + 'static>(
        &self,
        answer: Result<Response, RequestTokenError<Fault, E>>,
        asked_at: DateTime<Utc>,
    ) -> Result<Token, Fault> {
        let answer = answer.map_err(|error| self.fault(error))?;
        let secret = |text: &str| {
            let secret = SecretString::from(text);
            self.wire.desk.door.redactor().learn(&secret);
            secret
        };
        let more = answer.extra_fields();
        Ok(Token {
            access: secret(answer.access_token().secret()),
            refresh: answer.refresh_token().map(|token| secret(token.secret())),
            expires_in: answer.expires_in(),
            refresh_expires_in: more.refresh_token_expires_in.map(Duration::from_secs),
            scopes: answer.scopes().map(|scopes| scopes.iter().map(|scope| String::from(scope.as_str())).collect()),
            subject: more.subject.clone(),
            asked_at,
        })
    }

    async fn forward(&self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        let at = Url::parse(&request.uri().to_string())
            .map_err(|_| Fault::local("the address of a login cannot be read".to_string()))?;
        let name = |name: String| if name == "client_id" { self.wire.dialect.client_id.to_string() } else { name };
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(request.body()).into_owned().map(|(key, value)| (name(key), value)).collect();
        let basic = request.headers().get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let basic = basic.map(SecretString::from);
        let get = self.wire.dialect.get && self.doing != Doing::DeviceStart;
        let method = if get { Method::GET } else { Method::POST };
        let answer = self.wire.send(method, &at, pairs, basic).await;
        let read = answer.and_then(|answer| self.wire.read(&answer, self.doing));
        let (status, value) = match read {
            Ok(value) => (200, value),
            // the crate itself goes on asking after these, and after every error of its HTTP client; all others end it
            Err(fault) if self.doing == Doing::DevicePoll => {
                let code = fault.code.clone().unwrap_or_default();
                let waits = matches!(code.as_str(), "authorization_pending" | "slow_down");
                let code = if waits || code == "expired_token" { code } else { "refused".to_string() };
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault.clone()).filter(|_| !waits);
                if !waits && fault.kind.transient() {
                    return Err(fault);
                }
                (400, json!({ "error": code }))
            }
            Err(fault) => return Err(fault),
        };
        let mut response = HttpResponse::new(value.to_string().into_bytes());
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::BAD_REQUEST);
        let json = http::HeaderValue::from_static("application/json");
        response.headers_mut().insert(http::header::CONTENT_TYPE, json);
        Ok(response)
    }
}

impl<'c> AsyncHttpClient<'c> for Call<'_, '_> {
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Fault>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.forward(request))
    }
}
