use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use base64::Engine as _;
use chrono::Utc;
use proptest::prelude::*;
use serde_json::json;

use super::super::sitter::{Sitter, door};
use super::super::{App, Flow, Login, TOKEN};
use super::*;
use crate::net::{Door, DoorOptions, Redactor};
use crate::twin::{Incoming, Inject, Reply, Seen, Server, ServerOptions, Twin, What};

const HOST: &str = "pins.example";
const CONSUMER: (&str, &str) = ("consumer-key-1", "consumer-secret/+&=1");
const REQUEST: (&str, &str) = ("request-token-1", "request-secret-1");
const ACCESS: (&str, &str) = ("access-token-1", "access-secret~1");
const NUMBER: &str = "1234567";

const FLOW: Pin = Pin {
    request: "https://pins.example/oauth/request_token",
    authorize: "https://pins.example/oauth/authorize?lang=en",
    access: "https://pins.example/oauth/access_token",
    revoke: Some("https://pins.example/oauth/invalidate_token"),
};

#[derive(Debug, Default)]
struct State {
    nonces: BTreeSet<String>,
    agreed: bool,
    traded: bool,
    ended: bool,
    /// What this server's clock is ahead of ours, in seconds.
    ahead: i64,
    /// Answers without `oauth_callback_confirmed`.
    old: bool,
    /// Answers a token without its secret.
    half: bool,
}

/// A server of the protocol that looks at everything itself: it shares no code with what it judges.
struct Pins(Arc<Mutex<State>>);

fn refused(state: &State, status: u16, why: &str) -> Reply {
    let date = (Utc::now() + TimeDelta::seconds(state.ahead)).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    Reply::text(status, why).header("date", date)
}

/// RFC 3986, the slow way.
fn quoted(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() || "-._~".contains(c) => c.to_string(),
            c => c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect(),
        })
        .collect()
}

/// The header's parameters, if signature, time and nonce are good.
fn checked(state: &mut State, request: &Incoming, token_secret: &str) -> Result<BTreeMap<String, String>, Reply> {
    let refused = |state: &State, why: &str| Err(refused(state, 401, why));
    let Some(header) = request.header("authorization").and_then(|header| header.strip_prefix("OAuth ")) else {
        return refused(state, "no header");
    };
    let unquoted = |text: &str| {
        let plain = text.replace('+', "%2B");
        url::form_urlencoded::parse(plain.as_bytes()).next().map_or_else(String::new, |(name, _)| name.into_owned())
    };
    let mut pairs: BTreeMap<String, String> = header
        .split(", ")
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_string(), unquoted(value.trim_matches('"'))))
        .collect();
    let signature = pairs.remove("oauth_signature").unwrap_or_default();
    // every name and value here is sent once, so that a map is order enough
    let all: Vec<String> = pairs.iter().map(|(name, value)| format!("{}={}", quoted(name), quoted(value))).collect();
    let address = quoted(&format!("https://{HOST}{}", request.path));
    let base = format!("{}&{address}&{}", request.method, quoted(&all.join("&")));
    let key = format!("{}&{}", quoted(CONSUMER.1), quoted(token_secret));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes()), base.as_bytes());
    let now = Utc::now().timestamp() + state.ahead;
    match () {
        () if base64::engine::general_purpose::STANDARD.encode(tag) != signature => refused(state, "bad signature"),
        () if pairs["oauth_consumer_key"] != CONSUMER.0 => refused(state, "no such app"),
        () if pairs["oauth_timestamp"].parse::<i64>().unwrap().abs_diff(now) > 300 => {
            refused(state, "timestamp out of bounds")
        }
        () if !state.nonces.insert(pairs["oauth_nonce"].clone()) => refused(state, "nonce used"),
        () => Ok(pairs),
    }
}

impl Pins {
    fn reply(state: &mut State, request: &Incoming) -> Result<Reply, Reply> {
        let form = |pairs: &[(&str, &str)]| {
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            Reply::text(200, &body)
        };
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/oauth/request_token") => {
                let said = checked(state, request, "")?;
                if said.get("oauth_callback").map(String::as_str) != Some("oob") {
                    return Err(refused(state, 403, "callback not approved"));
                }
                let confirmed = if state.old { "false" } else { "true" };
                let all = [
                    ("oauth_token", REQUEST.0),
                    ("oauth_token_secret", REQUEST.1),
                    ("oauth_callback_confirmed", confirmed),
                ];
                Ok(form(if state.half { &all[..1] } else { &all }))
            }
            ("POST", "/oauth/access_token") => {
                let said = checked(state, request, REQUEST.1)?;
                if said["oauth_token"] != REQUEST.0 || said["oauth_verifier"] != NUMBER || !state.agreed || state.traded
                {
                    return Err(refused(state, 401, "invalid oauth_verifier parameter"));
                }
                state.traded = true;
                Ok(form(&[
                    ("oauth_token", ACCESS.0),
                    ("oauth_token_secret", ACCESS.1),
                    ("user_id", "42"),
                    ("screen_name", "ann"),
                ]))
            }
            ("POST", "/oauth/invalidate_token") => {
                let said = checked(state, request, ACCESS.1)?;
                if said["oauth_token"] != ACCESS.0 || state.ended {
                    return Err(refused(state, 401, "invalid or expired token"));
                }
                state.ended = true;
                Ok(Reply::json(200, &json!({"access_token": ACCESS.0})))
            }
            _ => Err(Reply::text(404, "nothing here")),
        }
    }
}

impl Twin for Pins {
    fn hosts(&self) -> Vec<String> {
        vec![HOST.into()]
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        Pins::reply(&mut self.0.lock().unwrap(), request).unwrap_or_else(|reply| reply)
    }

    fn limited(&self, seconds: u64) -> Reply {
        Reply::text(429, "rate limit exceeded").header("retry-after", seconds.to_string())
    }

    fn expired(&self) -> Reply {
        Reply::text(401, "invalid or expired token")
    }

    fn timeline(&self) -> Vec<Seen> {
        Vec::new()
    }
}

struct Stage {
    state: Arc<Mutex<State>>,
    server: Server,
    door: Door,
}

impl Stage {
    fn new(state: State) -> Stage {
        let state = Arc::new(Mutex::new(state));
        let twins: Vec<(String, Box<dyn Twin>)> = vec![("pins".into(), Box::new(Pins(state.clone())))];
        let server = Server::start(twins, &ServerOptions::default()).unwrap();
        let door = door(&server);
        Stage { state, server, door }
    }

    /// Somebody who agrees, and types this.
    fn person<'a>(&'a self, first: &[&str], then: &'a str) -> Sitter<'a> {
        Sitter::new(first, move |address| {
            assert_eq!(address, format!("https://{HOST}/oauth/authorize?lang=en&oauth_token={}", REQUEST.0));
            self.state.lock().unwrap().agreed = true;
            Some(then.to_string())
        })
    }

    async fn log_in(&self, person: &Sitter<'_>, app: Option<App>) -> Result<Grant, Fault> {
        super::super::enter(&desk(&self.door, person, app), &way()).await
    }

    async fn revoke(&self, grant: &Grant) -> Result<bool, Fault> {
        let nobody = super::super::Nobody;
        super::super::revoke(&desk(&self.door, &nobody, None), &way(), &grant.secrets, &grant.facts).await
    }

    /// No secret is left that the redactor does not know.
    fn secrets_are_known(&self, secrets: &[&str]) {
        for secret in secrets {
            assert_eq!(self.door.redactor().clean(secret), "[secret]");
        }
    }
}

fn way() -> Login {
    Login { name: "pin", about: "", flow: Flow::Pin(&FLOW), keeps: &[TOKEN], asks: &[], page: None }
}

fn desk<'a>(door: &'a Door, person: &'a dyn super::super::Person, app: Option<App>) -> Desk<'a> {
    let settings = &serde_json::Value::Null;
    Desk { door, account: "work", title: "Pins", server: "https://pins.example", settings, app, person }
}

fn app() -> Option<App> {
    Some(App { id: CONSUMER.0.into(), secret: Some(CONSUMER.1.into()), ..App::default() })
}

#[tokio::test]
async fn a_number_for_a_token_and_its_end() {
    let stage = Stage::new(State::default());
    let person = stage.person(&[CONSUMER.0, &format!(" {} ", CONSUMER.1)], " 123 4567\n");
    let grant = stage.log_in(&person, None).await.unwrap();
    let kept: Vec<(&str, &str)> =
        grant.secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose_secret())).collect();
    assert_eq!(kept, [(CLIENT_SECRET, CONSUMER.1), (TOKEN, ACCESS.0), (TOKEN_SECRET, ACCESS.1)]);
    let Facts { way, client_id, issuer, subject, access_ends, login_ends, .. } = &grant.facts;
    assert_eq!((way.as_str(), client_id.as_str(), issuer.as_str()), ("pin", CONSUMER.0, "https://pins.example"));
    assert_eq!((subject.as_str(), *access_ends, *login_ends), ("42", None, None));
    let seen = person.seen();
    assert_eq!(
        seen[..2],
        ["consumer key (API key) of your Pins app", "*consumer secret (API key secret) of your Pins app"]
    );
    stage.secrets_are_known(&[CONSUMER.1, REQUEST.0, REQUEST.1, NUMBER, ACCESS.0, ACCESS.1]);
    let nonces = stage.state.lock().unwrap().nonces.len();
    assert_eq!((nonces, stage.server.log().len()), (2, 2));

    assert!(stage.revoke(&grant).await.unwrap());
    assert!(stage.state.lock().unwrap().ended);
    let bare = Grant { facts: grant.facts.clone(), ..Grant::default() };
    let fault = stage.revoke(&bare).await.unwrap_err();
    assert_eq!(fault.message, "account `work`: there is no `client_secret` to sign with");
    let fault = stage.revoke(&grant).await.unwrap_err();
    assert_eq!(
        (fault.kind, fault.message.as_str()),
        (Kind::Auth, "Pins does not take back its token: invalid or expired token")
    );
}

#[tokio::test]
async fn the_address_that_was_landed_on_will_do() {
    let stage = Stage::new(State::default());
    let landed = format!("https://app.example/back?x=1&oauth_token={}&oauth_verifier={NUMBER}#top", REQUEST.0);
    let person = stage.person(&[], &landed);
    assert_eq!(stage.log_in(&person, app()).await.unwrap().secrets[TOKEN].expose_secret(), ACCESS.0);
    assert_eq!(person.seen().len(), 2, "an app that is known is not asked for: {:?}", person.seen());
}

#[tokio::test]
async fn what_the_person_brings_is_looked_at() {
    for (typed, why) in [
        ("https://app.example/back?oauth_token=another&oauth_verifier=1234567", "another login"),
        ("https://app.example/back?oauth_verifier=1234567", "another login"),
        ("https://app.example/back?denied=request-token-1", "declined"),
        ("https://app.example/back", "no `oauth_verifier`"),
        ("   ", "nothing was typed"),
    ] {
        let stage = Stage::new(State::default());
        let fault = stage.log_in(&stage.person(&[], typed), app()).await.unwrap_err();
        assert_eq!((fault.kind, fault.effect), (Kind::Auth, Effect::None));
        assert!(fault.message.contains(why) && !fault.message.contains("back"), "{typed}: {fault}");
        assert_eq!(stage.server.log().len(), 1, "{typed}");
    }
    let stage = Stage::new(State::default());
    let fault = stage.log_in(&stage.person(&[], "7654321"), app()).await.unwrap_err();
    assert_eq!(
        fault.message,
        "Pins does not take that number; log in again for another one: invalid oauth_verifier parameter"
    );
    assert!(!fault.message.contains("7654321"));
}

#[tokio::test]
async fn an_app_that_is_not_known_is_named_as_the_reason() {
    let stage = Stage::new(State::default());
    let wrong = Some(App { id: CONSUMER.0.into(), secret: Some("another-secret".into()), ..App::default() });
    let fault = stage.log_in(&stage.person(&[], NUMBER), wrong).await.unwrap_err();
    assert_eq!(fault.message, "Pins does not take the app's consumer key and secret: bad signature");
    assert_eq!((fault.kind, fault.status), (Kind::Auth, Some(401)));
    let none = Some(App { id: " ".trim().into(), secret: Some("".into()), ..App::default() });
    let fault = stage.log_in(&stage.person(&["key"], NUMBER), none).await.unwrap_err();
    assert_eq!(fault.message, "there is no app to log in to Pins with");
}

#[tokio::test]
async fn a_clock_that_is_ten_minutes_off_is_made_good() {
    for (ahead, word) in [(600, "10 min behind Pins's"), (-600, "10 min ahead of Pins's")] {
        let stage = Stage::new(State { ahead, ..State::default() });
        let person = stage.person(&[], NUMBER);
        let grant = stage.log_in(&person, app()).await.unwrap();
        let told: Vec<String> = person.seen().into_iter().filter(|line| line.contains("clock")).collect();
        assert!(told.len() == 1 && told[0].contains(word), "{told:?}");
        assert_eq!(stage.server.log().len(), 3, "signed again once");
        assert!(stage.revoke(&grant).await.unwrap());
    }
}

#[tokio::test]
async fn a_server_that_does_not_play_by_the_rules() {
    let stage = Stage::new(State { old: true, ..State::default() });
    let fault = stage.log_in(&stage.person(&[], NUMBER), app()).await.unwrap_err();
    assert!(fault.kind == Kind::Protocol && fault.message.contains("did not confirm"), "{fault}");
    let stage = Stage::new(State { half: true, ..State::default() });
    let fault = stage.log_in(&stage.person(&[], NUMBER), app()).await.unwrap_err();
    assert_eq!(
        fault.message,
        "Pins: POST https://pins.example/oauth/request_token answered without `oauth_token_secret`"
    );
    assert!(!format!("{fault:?}").contains(REQUEST.0));
}

#[tokio::test]
async fn what_is_recorded_holds_no_secret() {
    let stage = Stage::new(State::default());
    let kept = tempfile::tempdir().unwrap();
    let options = DoorOptions {
        mirror: Some(stage.server.url().parse().unwrap()),
        record: Some(kept.path().to_path_buf()),
        ..DoorOptions::default()
    };
    let stage = Stage { door: Door::new(options, Redactor::default()).unwrap(), ..stage };
    let grant = stage.log_in(&stage.person(&[], NUMBER), app()).await.unwrap();
    assert!(stage.revoke(&grant).await.unwrap());
    let mut whole = String::new();
    for file in std::fs::read_dir(kept.path()).unwrap() {
        whole.push_str(&std::fs::read_to_string(file.unwrap().path()).unwrap());
    }
    assert!(whole.contains("oauth_callback_confirmed=true") && whole.contains("screen_name=ann"), "{whole}");
    let encoded = oauth1::encode(CONSUMER.1);
    for secret in [CONSUMER.1, &encoded, REQUEST.0, REQUEST.1, NUMBER, ACCESS.0, ACCESS.1] {
        assert!(!whole.contains(secret), "{whole}");
    }
}

#[tokio::test]
async fn trouble_on_the_way_is_handed_on_and_posts_nothing() {
    for (what, kind) in [
        (What::Drop, Kind::Network),
        (What::Status { status: 503 }, Kind::Unavailable),
        (What::Limited { seconds: 60 }, Kind::Limited),
        (What::Html, Kind::Protocol),
        (What::Redirect { to: "https://elsewhere.example/".into() }, Kind::Protocol),
    ] {
        let stage = Stage::new(State::default());
        stage.server.inject(Inject::new(what.clone()).path("access_token"));
        let fault = stage.log_in(&stage.person(&[], NUMBER), app()).await.unwrap_err();
        assert_eq!((fault.kind, fault.effect), (kind, Effect::None), "{what:?}: {fault}");
        assert_eq!(stage.server.log().len(), 2, "{what:?}: nothing is repeated");
        for secret in [CONSUMER.1, REQUEST.0, REQUEST.1, NUMBER] {
            assert!(!format!("{fault:?}").contains(secret), "{fault}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn a_verifier_is_found_however_it_is_brought(code in "[0-9A-Za-z/+=_-]{1,40}", token in "\\PC{1,30}", at in 0usize..40) {
        let request = Pair { token: SecretString::from(token.as_str()), secret: SecretString::default() };
        let found = |typed: &str| verifier(&SecretString::from(typed), &request).map(|found| found.expose_secret().to_string());
        let at = at.min(code.len());
        prop_assert_eq!(found(&format!(" {} {}\n", &code[..at], &code[at..])), Ok(code.clone()));
        let landed = |token: &str| {
            let pairs = [("oauth_token", token), ("oauth_verifier", &code)];
            Url::parse_with_params("https://app.example/back", pairs).unwrap().to_string()
        };
        prop_assert_eq!(found(&landed(&token)), Ok(code.clone()));
        prop_assert_eq!(found(&landed(&format!("{token}x"))), Err("the address belongs to another login, and was not used"));
    }

    #[test]
    fn nothing_that_is_typed_breaks_it(typed in "\\PC{0,80}|(https://)?[?&#=a-z_%]{0,40}") {
        let request = Pair { token: SecretString::from("token"), secret: SecretString::default() };
        if let Ok(found) = verifier(&SecretString::from(typed), &request) {
            prop_assert!(!found.expose_secret().is_empty());
        }
    }
}
