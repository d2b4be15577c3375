//! Logging in by browser: the AT Protocol's profile of OAuth (atproto.com/specs/oauth, read 2026-11-21).
//!
//! Handle to DID to the server that has the data; that one names whom it trusts to log people in; there the request is pushed ahead
//! (RFC 9126), the person agrees in the browser, and the code buys tokens that are bound to a key of ours (RFC 9449). In the end the
//! DID that the tokens are for must be the one that we set out for, and its own server must trust whoever issued them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::identity::{self, Identity};
use super::syntax;
use crate::login::code::{Paste, one, own, read_paste};
use crate::login::dpop::{self, Dpop};
use crate::login::listener::{Judge, Listener, Open, Pairs};
use crate::login::metadata::{self, Issuer};
use crate::login::{Desk, Facts, Grant, REFRESH, Scope, Secrets, TOKEN, Way};
use crate::net::{Answer, Body, Effect, Fault, Kind, Redactor, Request, by_status, one_line};

/// What the way is called.
pub const WAY: &str = "browser";
/// The secret field of the key that the tokens are bound to.
pub const KEY: &str = "dpop_key";
/// What such an account cannot do without.
pub const KEEPS: &[&str] = &[TOKEN, REFRESH, KEY];
/// Further facts: the origin of the account's data, its handle, addresses at the issuer, and by how many seconds their clocks are
/// ahead of ours.
pub const PDS: &str = "pds";
pub const HANDLE: &str = "handle";
const TOKEN_ENDPOINT: &str = "token_endpoint";
const REVOCATION_ENDPOINT: &str = "revocation_endpoint";
const AHEAD: &str = "clock_ahead";

/// A login whose app keeps no secret ends after this long, whatever is renewed (atproto.com/specs/oauth, "Tokens and Session Lifetime").
const LIFE: TimeDelta = TimeDelta::days(14);
/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// So often an address that is not the right one may be pasted.
const PASTES: usize = 3;
const CALLBACK: &str = "/callback";

/// What posting needs, and no more. A record is written with `putRecord`, which wants the right to create and to update.
static SCOPES: &[Scope] = &[
    Scope { name: "atproto", why: "to know which account it is", optional: false },
    Scope { name: "repo:app.bsky.feed.post", why: "to publish and delete posts", optional: false },
    Scope { name: "blob:image/*", why: "to upload pictures and those of link cards", optional: true },
    Scope { name: "blob:video/*", why: "to upload films", optional: true },
    Scope { name: "rpc:com.atproto.repo.uploadBlob?aud=*", why: "to let the film service store what it made", optional: true },
    Scope {
        name: "rpc:app.bsky.video.getUploadLimits?aud=*",
        why: "to ask the film service how much may be uploaded today",
        optional: true,
    },
    Scope { name: "repo:app.bsky.feed.threadgate", why: "to say who may reply (`threadgate`)", optional: true },
    Scope { name: "repo:app.bsky.feed.postgate", why: "to say who may quote (`quotes`)", optional: true },
];
/// For servers that know no single permissions yet: everything that an app password may do.
const WIDE: &str = "atproto transition:generic";

/// The ceremony.
pub struct Browser;

#[async_trait]
impl Way for Browser {
    fn scopes(&self) -> &'static [Scope] {
        SCOPES
    }

    async fn enter(&self, desk: &Desk<'_>) -> Result<Grant, Fault> {
        let (wanted, issuer) = discover(desk).await?;
        let issuer = Server::of(issuer)?;
        let narrow = SCOPES.iter().map(|scope| scope.name).collect::<Vec<_>>().join(" ");
        match attempt(desk, &issuer, wanted.as_ref(), &narrow).await? {
            Attempt::Granted(grant) => Ok(*grant),
            Attempt::TooNarrow => {
                desk.person.say("this server knows no single permissions: it will ask for all that an app password may do");
                match attempt(desk, &issuer, wanted.as_ref(), WIDE).await? {
                    Attempt::Granted(grant) => Ok(*grant),
                    Attempt::TooNarrow => Err(Fault::new(
                        Kind::Forbidden,
                        format!("{} did not give the right to post; nothing was kept", issuer.name()),
                    )),
                }
            }
        }
    }

    async fn renew(&self, desk: &Desk<'_>, held: &Secrets, facts: &Facts) -> Result<Grant, Fault> {
        let again = |what: &str| {
            let message = format!("account `{0}`: {what}; run `xpost account login {0}`", desk.account);
            Fault::new(Kind::Auth, message)
        };
        if facts.login_ends.is_some_and(|end| end <= Utc::now()) {
            return Err(again("its two weeks are over"));
        }
        let (Some(refresh), Some(secret)) = (held.get(REFRESH), held.get(KEY)) else {
            return Err(again("it holds nothing to renew its login with"));
        };
        let token = facts.more.get(TOKEN_ENDPOINT).ok_or_else(|| again("it does not know who issued its login"))?;
        let key = key(secret, facts)?;
        desk.door.redactor().learn(refresh);
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose_secret()),
            ("client_id", &facts.client_id),
        ];
        let answer = post(desk, &key, token, &form).await?;
        if let Some(fault) = refusal(desk, &answer) {
            return Err(match fault.code.as_deref() {
                // a refresh token is good for one time; used twice, it ends the login
                Some("invalid_grant") => Fault {
                    message: format!("{} (the network said: {})", again("its login has ended").message, fault.message),
                    kind: Kind::Auth,
                    ..fault
                },
                _ => fault,
            });
        }
        let tokens = Tokens::read(desk.door.redactor(), &answer)?;
        if tokens.subject != facts.subject {
            let why = format!("the renewed login is that of `{}`, not of `{}`", tokens.subject, facts.subject);
            return Err(again(&why));
        }
        let mut grant = tokens.grant(&key, &answer);
        grant.facts = Facts {
            login_ends: facts.login_ends,
            refresh_ends: facts.refresh_ends,
            client_id: facts.client_id.clone(),
            issuer: facts.issuer.clone(),
            subject: facts.subject.clone(),
            more: facts.more.clone(),
            scopes: grant.facts.scopes.or_else(|| facts.scopes.clone()),
            ..grant.facts
        };
        remember_clock(&mut grant.facts, &key, token);
        Ok(grant)
    }

    async fn revoke(&self, desk: &Desk<'_>, held: &Secrets, facts: &Facts) -> Result<(), Fault> {
        let none = || Fault::new(Kind::Unsupported, "the server names no way to end a login");
        let url = facts.more.get(REVOCATION_ENDPOINT).ok_or_else(none)?;
        let token = held.get(REFRESH).or_else(|| held.get(TOKEN)).ok_or_else(none)?;
        let key = key(held.get(KEY).ok_or_else(none)?, facts)?;
        end(desk, &key, url, token, &facts.client_id).await
    }
}

/// The key of a login, with what is known of the clocks that look at its proofs.
///
/// # Errors
/// `local`: what is kept is no key.
pub fn key(secret: &SecretString, facts: &Facts) -> Result<Dpop, Fault> {
    let key = Dpop::from_secret(secret)?;
    let ahead = facts.more.get(AHEAD).and_then(|seconds| TimeDelta::try_seconds(seconds.parse().ok()?));
    if let Some(ahead) = ahead {
        for origin in hosts(facts) {
            key.expect_ahead(&origin, ahead);
        }
    }
    Ok(key)
}

/// Who may see the tokens: the server that has the data, and the issuer.
pub fn hosts(facts: &Facts) -> Vec<String> {
    facts.more.get(PDS).into_iter().chain([&facts.issuer]).filter(|origin| !origin.is_empty()).cloned().collect()
}

/// An issuer that speaks the protocol.
struct Server {
    issuer: Issuer,
    par: String,
    authorize: String,
    token: String,
    revoke: Option<String>,
}

impl Server {
    fn of(issuer: Issuer) -> Result<Server, Fault> {
        let lacks = |what: &str| {
            let message = format!("`{}` does not log in as the AT Protocol wants it: no `{what}`", issuer.issuer);
            Fault::new(Kind::Unsupported, message)
        };
        let endpoint = |name: &str| issuer.endpoint(name)?.ok_or_else(|| lacks(name));
        for (list, word) in [
            ("scopes_supported", "atproto"),
            ("code_challenge_methods_supported", "S256"),
            ("dpop_signing_alg_values_supported", "ES256"),
            ("token_endpoint_auth_methods_supported", "none"),
        ] {
            if !issuer.lists(list, word) {
                return Err(lacks(&format!("{word}` in its `{list}")));
            }
        }
        if issuer.value["authorization_response_iss_parameter_supported"] != true {
            return Err(lacks("authorization_response_iss_parameter_supported"));
        }
        Ok(Server {
            par: endpoint("pushed_authorization_request_endpoint")?,
            authorize: endpoint("authorization_endpoint")?,
            token: endpoint(TOKEN_ENDPOINT)?,
            revoke: issuer.endpoint(REVOCATION_ENDPOINT)?,
            issuer,
        })
    }

    fn name(&self) -> &str {
        &self.issuer.issuer
    }
}

/// Whom the login is for, if that was said, and who gives logins there.
async fn discover(desk: &Desk<'_>) -> Result<(Option<Identity>, Issuer), Fault> {
    let near = metadata::near(desk.server);
    let name = name(desk);
    // an address of e-mail is nothing that could be looked up
    let wanted = match name.as_str() {
        "" => None,
        name if name.contains('@') => None,
        name => Some(identity::of(desk, name).await?),
    };
    let server = wanted.as_ref().map_or(desk.server, |somebody| &somebody.pds);
    let issuer = match metadata::protected_resource(desk.door, server, near).await? {
        Some(issuer) => issuer,
        // an entrance is no resource, but the issuer itself
        None if wanted.is_none() => server.to_string(),
        None => {
            let why = format!("`{server}`, where the account's data is, does not say who logs people in");
            return Err(Fault::new(Kind::Unsupported, why));
        }
    };
    Ok((wanted, Issuer::read(desk.door, &issuer).await?))
}

/// The handle, DID or address that was given.
fn name(desk: &Desk<'_>) -> String {
    desk.settings["handle"].as_str().unwrap_or_default().trim().trim_start_matches('@').to_string()
}

enum Attempt {
    Granted(Box<Grant>),
    /// The server does not know the permissions that were asked for.
    TooNarrow,
}

/// One walk through the browser.
async fn attempt(
    desk: &Desk<'_>,
    server: &Server,
    wanted: Option<&Identity>,
    scope: &str,
) -> Result<Attempt, Fault> {
    let door = desk.door;
    let key = Dpop::generate()?;
    door.redactor().learn(&key.to_secret());
    let (state, verifier) = (random()?, random()?);
    door.redactor().learn(&state);
    door.redactor().learn(&verifier);
    let way = Redirect::open(desk).await?;
    let client = client_id(desk, &way, scope);
    let challenge = dpop::hash(verifier.expose_secret());
    let mut form = vec![
        ("response_type", "code"),
        ("client_id", &client),
        ("redirect_uri", &way.address),
        ("scope", scope),
        ("state", state.expose_secret()),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let hint = name(desk);
    if syntax::identifier(&hint) {
        form.push(("login_hint", &hint));
    }
    let answer = post(desk, &key, &server.par, &form).await?;
    if let Some(fault) = refusal(desk, &answer) {
        return match fault.code.as_deref() {
            Some("invalid_scope") if scope != WIDE => Ok(Attempt::TooNarrow),
            _ => Err(fault),
        };
    }
    let value = answer.value();
    let pushed = value["request_uri"].as_str().ok_or_else(|| lacking(&answer, "request_uri"))?;
    door.redactor().learn(&SecretString::from(pushed.to_string()));
    let mut address = Url::parse(&server.authorize).map_err(|_| lacking(&answer, "authorization_endpoint"))?;
    address.query_pairs_mut().append_pair("client_id", &client).append_pair("request_uri", pushed);
    let redirect = way.address.clone();
    let mut open = None;
    let back = way.send(desk, &door.address(address.as_str()), &state, &mut open).await?;
    let code = returned(&back, server.name(), door.redactor())?;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.expose_secret()),
        ("redirect_uri", &redirect),
        ("client_id", &client),
        ("code_verifier", verifier.expose_secret()),
    ];
    let answer = post(desk, &key, &server.token, &form).await?;
    if let Some(fault) = refusal(desk, &answer) {
        return Err(fault);
    }
    let tokens = Tokens::read(door.redactor(), &answer)?;
    match settled(desk, server, wanted, &tokens, scope).await {
        Ok(Some(somebody)) => {
            let mut grant = tokens.grant(&key, &answer);
            let facts = &mut grant.facts;
            facts.login_ends = Some(answer.at + LIFE);
            facts.client_id = client;
            facts.issuer = server.name().to_string();
            facts.subject.clone_from(&somebody.did);
            facts.more.insert(PDS.into(), somebody.pds);
            facts.more.insert(HANDLE.into(), somebody.handle.unwrap_or_default());
            facts.more.insert(TOKEN_ENDPOINT.into(), server.token.clone());
            if let Some(revoke) = &server.revoke {
                facts.more.insert(REVOCATION_ENDPOINT.into(), revoke.clone());
            }
            remember_clock(facts, &key, &server.token);
            Ok(Attempt::Granted(Box::new(grant)))
        }
        refused => {
            // nobody keeps it, so nobody should be able to use it; if that fails, it ends by itself
            if let Some(url) = &server.revoke {
                drop(end(desk, &key, url, &tokens.refresh, &client).await);
            }
            refused.map(|_| Attempt::TooNarrow)
        }
    }
}

/// Who the tokens are for, once everything about them is as it must be; `None` where they permit nothing because the server knows no
/// single permissions.
async fn settled(
    desk: &Desk<'_>,
    server: &Server,
    wanted: Option<&Identity>,
    tokens: &Tokens,
    scope: &str,
) -> Result<Option<Identity>, Fault> {
    let wrong = |why: String| Fault::new(Kind::Auth, format!("{why}; nothing was kept"));
    let somebody = match wanted {
        // the issuer was found by way of this very account's server
        Some(wanted) if wanted.did == tokens.subject => wanted.clone(),
        Some(wanted) => {
            let name = wanted.handle.as_ref().unwrap_or(&wanted.did);
            return Err(wrong(format!("you logged in as `{}`, not as `{name}`", one_line(&tokens.subject, 100))));
        }
        None => {
            let found = identity::of_did(desk, &tokens.subject).await?;
            let trusted = metadata::protected_resource(desk.door, &found.pds, metadata::near(desk.server)).await?;
            if trusted.as_deref() != Some(server.name()) {
                let why = format!("`{}` does not trust `{}` to log `{}` in", found.pds, server.name(), found.did);
                return Err(wrong(why));
            }
            found
        }
    };
    let granted: Vec<&str> = tokens.scopes.iter().map(String::as_str).collect();
    if may_post(&granted) {
        return Ok(Some(somebody));
    }
    // one single permission was understood, so that the person left the other one out
    if scope == WIDE || granted.iter().any(|scope| scope.starts_with("repo") || scope.starts_with("blob")) {
        return Err(wrong("the permission to publish posts was left out".to_string()));
    }
    Ok(None)
}

/// Whether these permissions let us create and update posts.
pub fn may_post(granted: &[&str]) -> bool {
    granted.contains(&"atproto")
        && granted.iter().any(|scope| *scope == "transition:generic" || {
            let Some(rest) = scope.strip_prefix("repo") else { return false };
            let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
            let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            let has = |key: &str, wanted: &str| pairs.iter().any(|(name, value)| name == key && value == wanted);
            let acts = |wanted: &str| !pairs.iter().any(|(key, _)| key == "action") || has("action", wanted);
            let ours = |one: &str| name.strip_prefix(':') == Some(one) || has("collection", one);
            (ours("*") || ours(super::POST)) && acts("create") && acts("update")
        })
}

/// The app's name of itself: the person's own (the address of its published description), or the one that every server makes up for
/// programs on the person's own machine, which says in itself where it is sent back to and what it may ask for.
fn client_id(desk: &Desk<'_>, way: &Redirect, scope: &str) -> String {
    if let Some(app) = desk.app.as_ref().filter(|app| !app.id.is_empty()) {
        return app.id.clone();
    }
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("redirect_uri", &way.bare)
        .append_pair("scope", scope)
        .finish();
    format!("http://localhost?{query}")
}

/// Where the person comes back to.
struct Redirect {
    listener: Option<Listener>,
    /// As the request names it,
    address: String,
    /// and without the port, which servers leave open.
    bare: String,
}

impl Redirect {
    async fn open(desk: &Desk<'_>) -> Result<Redirect, Fault> {
        let bare = format!("http://127.0.0.1{CALLBACK}");
        if let Some(own) = desk.app.as_ref().and_then(|app| app.redirect.clone()).filter(|own| !own.is_empty()) {
            return Ok(Redirect { listener: None, address: own, bare });
        }
        let listener = Listener::bind("127.0.0.1", None).await?;
        let address = format!("http://127.0.0.1:{}{CALLBACK}", listener.port());
        // with the browser elsewhere nobody listens: it shows the address that it could not open
        Ok(Redirect { listener: Some(listener).filter(|_| desk.person.browser()), address, bare })
    }

    /// Sends the person to this address and gives the parameters that he came back with; the state is the right one. The listener,
    /// which tells latecomers so, is closed when what it left in `open` is dropped.
    async fn send(
        self,
        desk: &Desk<'_>,
        address: &str,
        state: &SecretString,
        open: &mut Option<Open>,
    ) -> Result<Pairs, Fault> {
        let Some(listener) = self.listener else {
            desk.person.visit(address, None);
            return self::pasted(desk, &self.address, state).await;
        };
        let expected = state.clone();
        let judge: Judge = Arc::new(move |pairs: &Pairs| own(pairs, &expected).then(|| one(pairs, "code").is_some()));
        let open = open.insert(listener.open(CALLBACK, address, judge));
        desk.person.visit(address, Some(open.start()));
        open.wait(PATIENCE, &|line| desk.person.say(line)).await
    }
}

/// Asks for the address that the browser was sent to.
async fn pasted(desk: &Desk<'_>, redirect: &str, state: &SecretString) -> Result<Pairs, Fault> {
    let mut left = PASTES;
    loop {
        left -= 1;
        let text = desk.person.ask("paste the address", false).await?;
        desk.door.redactor().learn(&text);
        let why = match read_paste(text.expose_secret(), redirect, false) {
            Ok(Paste::Address(pairs)) if own(&pairs, state) => return Ok(pairs),
            Ok(_) => "it does not belong to this login: perhaps an older one".to_string(),
            Err(why) => why,
        };
        if left == 0 {
            return Err(Fault::new(Kind::Auth, format!("what was pasted cannot be used: {why}; log in again")));
        }
        desk.person.say(&format!("that cannot be used: {why}"));
    }
}

/// The code that the person brought back from this issuer (RFC 9207) and no other one.
fn returned(back: &Pairs, issuer: &str, redactor: &Redactor) -> Result<SecretString, Fault> {
    let from = one(back, "iss");
    if from != Some(issuer) {
        let from = from.map_or_else(|| "nobody in particular".to_string(), |from| format!("`{}`", one_line(from, 100)));
        return Err(Fault::new(
            Kind::Auth,
            format!("the answer came from {from}, not from `{issuer}`; it was not used, and nothing was kept"),
        ));
    }
    if let Some(error) = one(back, "error") {
        let said = one(back, "error_description").unwrap_or(error);
        let message = match error {
            "access_denied" => format!("the login was refused in the browser ({}); nothing was kept", one_line(said, 200)),
            _ => format!("`{issuer}` said: {}; nothing was kept", one_line(said, 200)),
        };
        return Err(Fault::new(Kind::Auth, message).code(one_line(error, 60)));
    }
    let code = one(back, "code").filter(|code| !code.is_empty());
    let code = SecretString::from(
        code.ok_or_else(|| Fault::new(Kind::Protocol, format!("`{issuer}` sent you back without a code")))?.to_string(),
    );
    redactor.learn(&code);
    Ok(code)
}

/// What a token endpoint gives.
struct Tokens {
    access: SecretString,
    refresh: SecretString,
    subject: String,
    scopes: Vec<String>,
    ends: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: String,
    refresh_token: Option<String>,
    #[serde(default)]
    scope: String,
    expires_in: Option<i64>,
    sub: Option<String>,
}

impl Tokens {
    fn read(redactor: &Redactor, answer: &Answer) -> Result<Tokens, Fault> {
        let said: TokenAnswer = answer.json().map_err(harmless)?;
        let access = SecretString::from(said.access_token);
        redactor.learn(&access);
        let refresh = said.refresh_token.map(SecretString::from);
        if let Some(refresh) = &refresh {
            redactor.learn(refresh);
        }
        // a token that anybody could use is not what was asked for
        if !said.token_type.eq_ignore_ascii_case("dpop") {
            return Err(lacking(answer, "token_type` of `DPoP"));
        }
        Ok(Tokens {
            access,
            refresh: refresh.ok_or_else(|| lacking(answer, "refresh_token"))?,
            subject: said.sub.filter(|sub| syntax::did(sub)).ok_or_else(|| lacking(answer, "sub"))?,
            scopes: said.scope.split_ascii_whitespace().map(str::to_string).collect(),
            // counted from our own clock, whatever the server's is
            ends: said.expires_in.and_then(TimeDelta::try_seconds).map(|life| answer.at + life),
        })
    }

    fn grant(&self, key: &Dpop, answer: &Answer) -> Grant {
        let mut grant = Grant::new(self.access.clone());
        grant.secrets.insert(REFRESH.into(), self.refresh.clone());
        grant.secrets.insert(KEY.into(), key.to_secret());
        let wide = self.scopes.iter().any(|scope| scope == "transition:generic");
        // the wide one holds all the single ones
        let held = SCOPES.iter().map(|scope| scope.name.to_string()).filter(|name| wide && !self.scopes.contains(name));
        grant.facts.scopes = (!self.scopes.is_empty()).then(|| self.scopes.iter().cloned().chain(held).collect());
        grant.facts.access_ends = self.ends;
        grant.facts.renewed_at = Some(answer.at);
        grant
    }
}

/// A clock that is wrong today is wrong tomorrow: what was learnt of it spares the next process a request.
fn remember_clock(facts: &mut Facts, key: &Dpop, url: &str) {
    let ahead = key.ahead(url).num_seconds();
    if ahead == 0 {
        facts.more.remove(AHEAD);
    } else {
        facts.more.insert(AHEAD.into(), ahead.to_string());
    }
}

/// Ends a login at the network.
async fn end(desk: &Desk<'_>, key: &Dpop, url: &str, token: &SecretString, client: &str) -> Result<(), Fault> {
    let form = [("token", token.expose_secret()), ("client_id", client)];
    refusal(desk, &post(desk, key, url, &form).await?).map_or(Ok(()), Err)
}

/// A form with a proof; sent again, once, where nonce or clock were all that was wrong.
async fn post(desk: &Desk<'_>, key: &Dpop, url: &str, form: &[(&str, &str)]) -> Result<Answer, Fault> {
    let form: Vec<(String, String)> =
        form.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect();
    let build = || {
        let request = Request::post(url).header("accept", "application/json").body(Body::Form(form.clone()));
        key.dress(request, None)
    };
    let mut answer = desk.door.send(build()?).await.map_err(harmless)?;
    if key.again(url, &answer) {
        answer = desk.door.send(build()?).await.map_err(harmless)?;
        key.again(url, &answer);
    }
    dpop::stubborn(&answer).map_or(Ok(answer), Err)
}

/// What an authorization server's refusal means.
fn refusal(desk: &Desk<'_>, answer: &Answer) -> Option<Fault> {
    let fault = harmless(by_status(answer)?);
    let kind = match fault.code.as_deref() {
        Some("invalid_grant" | "invalid_client" | "unauthorized_client" | "access_denied") => Kind::Auth,
        _ => fault.kind,
    };
    // servers quote what they were sent
    let message = desk.door.redactor().clean(&format!("{}: {}", answer.asked, fault.message));
    Some(Fault { message, kind, ..fault })
}

fn lacking(answer: &Answer, what: &str) -> Fault {
    let fault = Fault::new(Kind::Protocol, format!("{} answered without `{what}`", answer.asked));
    Fault { status: Some(answer.status), ..fault }
}

/// Nothing of a login posts anything.
fn harmless(fault: Fault) -> Fault {
    Fault { effect: Effect::None, ..fault }
}

/// 256 bits as text.
fn random() -> Result<SecretString, Fault> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Fault::local("the system's random numbers fail"))?;
    Ok(SecretString::from(base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes)))
}
