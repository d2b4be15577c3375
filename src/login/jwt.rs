//! JSON Web Tokens (RFC 7519) in the compact form, signed with HS256 and ES256 (RFC 7518).
//!
//! A token that a key mints for each request (Ghost's integrations: 5 minutes, `aud` is `/admin/`; its Admin API documentation,
//! 2026-11) is [`minted`] from the key as the network shows it and the time.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::{Map, Value, json};

use super::key::{self, Es256};
use crate::net::Fault;

/// What a token says. Times are whole seconds of the epoch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Nothing yet.
    pub fn new() -> Claims {
        Claims::default()
    }

    /// `iat`.
    pub fn issued(self, at: DateTime<Utc>) -> Claims {
        self.with("iat", at.timestamp())
    }

    /// `exp`.
    pub fn expires(self, at: DateTime<Utc>) -> Claims {
        self.with("exp", at.timestamp())
    }

    /// `iat`, and `exp` this much later.
    pub fn lasting(self, from: DateTime<Utc>, life: Duration) -> Claims {
        let end = from.timestamp().saturating_add(i64::try_from(life.as_secs()).unwrap_or(i64::MAX));
        self.issued(from).with("exp", end)
    }

    /// `nbf`.
    pub fn not_before(self, at: DateTime<Utc>) -> Claims {
        self.with("nbf", at.timestamp())
    }

    /// `aud`.
    pub fn audience(self, audience: &str) -> Claims {
        self.with("aud", audience)
    }

    /// `iss`.
    pub fn issuer(self, issuer: &str) -> Claims {
        self.with("iss", issuer)
    }

    /// `sub`.
    pub fn subject(self, subject: &str) -> Claims {
        self.with("sub", subject)
    }

    /// Any other claim; one of the same name is replaced.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Claims {
        self.0.insert(name.to_string(), value.into());
        self
    }
}

impl From<Claims> for Value {
    fn from(claims: Claims) -> Value {
        Value::Object(claims.0)
    }
}

/// The header of an ordinary token: `typ` is `JWT`, and `kid` where the key has a name.
pub fn header(kid: Option<&str>) -> Value {
    kid.map_or_else(|| json!({"typ": "JWT"}), |kid| json!({"typ": "JWT", "kid": kid}))
}

/// A token signed with HMAC-SHA256. `header` is an object; its `alg` is set here.
pub fn hs256(header: Value, claims: impl Into<Value>, key: &[u8]) -> SecretString {
    jws_hs256(header, claims.into().to_string().as_bytes(), key)
}

/// Any bytes signed with HMAC-SHA256, in the compact form of RFC 7515. `header` is an object; its `alg` is set here.
pub fn jws_hs256(header: Value, payload: &[u8], key: &[u8]) -> SecretString {
    let input = input(header, "HS256", payload);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), input.as_bytes());
    finished(input, tag.as_ref())
}

/// A token signed with ECDSA on P-256. `header` is an object; its `alg` is set here.
///
/// # Errors
/// `local`: the system gives no randomness.
pub fn es256(header: Value, claims: impl Into<Value>, key: &Es256) -> Result<SecretString, Fault> {
    let input = input(header, "ES256", claims.into().to_string().as_bytes());
    let signature = key.sign(input.as_bytes())?;
    Ok(finished(input, &signature))
}

/// A token for one request, from a key as networks show it: `ID:SECRET`, the secret in hexadecimal. It names the key by its id, is
/// for this audience, and good for `life` from `now` on.
///
/// # Errors
/// What is wrong with the key, for a person, without quoting any of it.
pub fn minted(key: &SecretString, audience: &str, life: Duration, now: DateTime<Utc>) -> Result<SecretString, String> {
    let (id, secret) = id_and_secret(key)?;
    let claims = Claims::new().lasting(now, life).audience(audience);
    Ok(hs256(header(Some(&id)), claims, secret.expose_secret()))
}

/// The two halves of a key as [`minted`] takes it.
///
/// # Errors
/// What is wrong with it, for a person, without quoting any of it.
pub fn id_and_secret(key: &SecretString) -> Result<(String, SecretSlice<u8>), String> {
    let (id, secret) =
        key.expose_secret().trim().split_once(':').ok_or("the key has no colon: it is `ID:SECRET`, copied whole")?;
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return Err("what stands before the key's colon is no id: the key is `ID:SECRET`, copied whole".to_string());
    }
    let digits: Option<Vec<u8>> =
        secret.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.map(SecretSlice::from).filter(|digits| {
        let count = digits.expose_secret().len();
        count > 0 && count % 2 == 0
    });
    let digits =
        digits.ok_or("what stands after the key's colon is not hexadecimal: the key is `ID:SECRET`, copied whole")?;
    let bytes: Vec<u8> = digits.expose_secret().chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    Ok((id.to_string(), SecretSlice::from(bytes)))
}

/// What a token says of itself. Nobody has looked at the signature: good for planning, never for trust.
pub fn claims_unverified(token: &str) -> Option<Value> {
    let mut pieces = token.split('.');
    let (_, claims, _, None) = (pieces.next()?, pieces.next()?, pieces.next()?, pieces.next()) else { return None };
    object(claims)
}

/// Header and claims of a token whose HMAC-SHA256 is right; its times are the caller's to look at. Compares in constant time.
pub fn verified_hs256(token: &str, key: &[u8]) -> Option<(Value, Value)> {
    let (input, signature) = split(token)?;
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), input.as_bytes(), &signature).ok()?;
    contents(input, "HS256")
}

/// Header and claims of a token that the key of this public P-256 JWK signed; its times are the caller's to look at.
pub fn verified_es256(token: &str, jwk: &Value) -> Option<(Value, Value)> {
    let (input, signature) = split(token)?;
    key::verify(jwk, input.as_bytes(), &signature).then_some(())?;
    contents(input, "ES256")
}

/// What is signed: the header, `alg` first, and the payload.
fn input(header: Value, alg: &str, payload: &[u8]) -> String {
    let mut whole = Map::from_iter([("alg".to_string(), Value::from(alg))]);
    if let Value::Object(members) = header {
        whole.extend(members.into_iter().filter(|(name, _)| name != "alg"));
    }
    let header = Value::Object(whole).to_string();
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

fn finished(input: String, signature: &[u8]) -> SecretString {
    SecretString::from(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn split(token: &str) -> Option<(&str, Vec<u8>)> {
    let (input, signature) = token.rsplit_once('.')?;
    Some((input, URL_SAFE_NO_PAD.decode(signature).ok()?))
}

fn contents(input: &str, alg: &str) -> Option<(Value, Value)> {
    let (header, claims) = input.split_once('.')?;
    let header = object(header)?;
    (header["alg"] == alg).then_some(())?;
    Some((header, object(claims)?))
}

fn object(piece: &str) -> Option<Value> {
    let value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(piece).ok()?).ok()?;
    value.is_object().then_some(value)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn noon() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
    }

    #[test]
    fn the_example_of_the_standard() {
        // RFC 7515 A.1; its header and claims are laid out with line breaks, so that only the signature can be judged
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let key = URL_SAFE_NO_PAD.decode(key).unwrap();
        let (header, claims) = verified_hs256(token, &key).unwrap();
        assert_eq!(header, json!({"typ": "JWT", "alg": "HS256"}));
        assert_eq!(claims, json!({"iss": "joe", "exp": 1_300_819_380, "http://example.com/is_root": true}));
        assert_eq!(verified_hs256(token, b"another key"), None);
        assert_eq!(verified_hs256(&token.replace("dBj", "dBk"), &key), None);
    }

    #[test]
    fn a_key_mints_a_token_for_five_minutes() {
        let key = SecretString::from("6470f1a3c2:00010203fF\n");
        let token = minted(&key, "/admin/", Duration::from_secs(300), noon()).unwrap();
        let (header, claims) = verified_hs256(token.expose_secret(), &[0, 1, 2, 3, 255]).unwrap();
        assert_eq!(header, json!({"alg": "HS256", "typ": "JWT", "kid": "6470f1a3c2"}));
        let now = noon().timestamp();
        assert_eq!(claims, json!({"iat": now, "exp": now + 300, "aud": "/admin/"}));
    }

    #[test]
    fn a_key_that_mints_nothing_is_not_quoted() {
        for bad in ["0123456789abcdef", ":0123", "id:", "id:012", "id:01xz", "i d:0123", "id:ключ", "a:b:c", ""] {
            let why = minted(&SecretString::from(bad), "/", Duration::ZERO, noon()).unwrap_err();
            assert!(why.contains("`ID:SECRET`") && (bad.is_empty() || !why.contains(bad)), "{bad}: {why}");
        }
    }

    #[test]
    fn all_claims_and_a_header_of_the_callers_own() {
        let key = Es256::generate().unwrap();
        let claims = Claims::new()
            .issued(noon())
            .expires(noon() + Duration::from_secs(60))
            .not_before(noon() - Duration::from_secs(5))
            .issuer("us")
            .subject("me")
            .audience("them")
            .with("htm", "POST")
            .with("htm", "GET");
        let header = json!({"typ": "dpop+jwt", "alg": "none", "jwk": key.public_jwk()});
        let token = es256(header, claims, &key).unwrap();
        let (header, claims) = verified_es256(token.expose_secret(), &key.public_jwk()).unwrap();
        assert_eq!(header, json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": key.public_jwk()}));
        let now = noon().timestamp();
        assert_eq!(
            claims,
            json!({"iat": now, "exp": now + 60, "nbf": now - 5, "iss": "us", "sub": "me", "aud": "them", "htm": "GET"})
        );
        assert_eq!(claims_unverified(token.expose_secret()), Some(claims));
        assert_eq!(verified_es256(token.expose_secret(), &Es256::generate().unwrap().public_jwk()), None);
    }

    #[test]
    fn one_algorithm_is_never_taken_for_another() {
        // a token whose header names another algorithm than the one that it was signed with
        let (key, forged) = (b"0123456789", json!({"alg": "ES256", "typ": "JWT"}));
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(forged.to_string()), URL_SAFE_NO_PAD.encode("{}"));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), input.as_bytes());
        assert_eq!(verified_hs256(finished(input, tag.as_ref()).expose_secret(), key), None);
    }

    #[test]
    fn what_is_no_token_says_nothing() {
        for other in ["", "a.b.c", "a", "x.e30", "x.e30.y.z", "x.WzFd.y", "…"] {
            assert_eq!(claims_unverified(other), None, "{other}");
            assert_eq!(verified_hs256(other, b"key"), None, "{other}");
        }
        assert_eq!(claims_unverified("x.e30.y"), Some(json!({})));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

        #[test]
        fn what_was_said_is_read_back(name in "\\PC{1,20}", said in "\\PC{0,60}", kid in "\\PC{0,20}", key in prop::collection::vec(any::<u8>(), 0..100)) {
            let token = hs256(header(Some(&kid)), Claims::new().with(&name, said.as_str()), &key);
            let (head, claims) = verified_hs256(token.expose_secret(), &key).unwrap();
            prop_assert_eq!(&head["kid"], &json!(kid));
            prop_assert_eq!(&claims, &json!({name: said}));
            prop_assert_eq!(claims_unverified(token.expose_secret()), Some(claims));
        }

        #[test]
        fn a_changed_token_is_refused(at in 0usize..1000, key in prop::collection::vec(any::<u8>(), 1..40)) {
            let token = hs256(header(None), Claims::new().issuer("us"), &key).expose_secret().to_string();
            let at = at % token.len();
            let other = if &token[at..=at] == "A" { "B" } else { "A" };
            let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
            prop_assert_eq!(verified_hs256(&changed, &key), None);
        }

        #[test]
        fn nothing_breaks_the_reader(text in "\\PC{0,100}") {
            claims_unverified(&text);
            verified_es256(&text, &json!({}));
        }
    }
}
