//! OAuth 1.0a signatures (RFC 5849) with HMAC-SHA1, the one method that all networks which still speak it take.
//!
//! A token that a person has made at the network by hand comes as four values, which are typed in or set in the environment
//! ([`super::Flow::Typed`]): the consumer key is a field that is not secret, [`super::CLIENT_SECRET`], [`super::TOKEN`] and
//! [`TOKEN_SECRET`] are secret ones. [`super::Flow::Pin`] yields the same fields, so that [`Keys::held`] serves both.

use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{CLIENT_SECRET, Secrets, TOKEN};
use crate::net::{Answer, Fault, Kind, Method, Request};

/// The secret field of the secret that belongs to the token.
pub const TOKEN_SECRET: &str = "token_secret";

/// What signs a request.
#[derive(Clone)]
pub struct Keys {
    consumer: String,
    consumer_secret: SecretString,
    token: Option<(SecretString, SecretString)>,
    more: Vec<(&'static str, SecretString)>,
}

impl Keys {
    /// An app's consumer key and secret, without a token.
    pub fn new(consumer: &str, secret: &SecretString) -> Keys {
        Keys { consumer: consumer.to_string(), consumer_secret: secret.clone(), token: None, more: Vec::new() }
    }

    /// With a token and its secret.
    #[must_use]
    pub fn token(mut self, token: &SecretString, secret: &SecretString) -> Keys {
        self.token = Some((token.clone(), secret.clone()));
        self
    }

    /// With a parameter of the protocol itself, which travels in the header (`oauth_callback`, `oauth_verifier`).
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &SecretString) -> Keys {
        self.more.push((name, value.clone()));
        self
    }

    /// From an account's secret fields and the consumer key, which is not secret.
    ///
    /// # Errors
    /// `auth`: something is missing; the message names the field.
    pub fn held(consumer: &str, secrets: &Secrets) -> Result<Keys, Fault> {
        let missing = |field: &str| Fault::new(Kind::Auth, format!("there is no `{field}` to sign with"));
        let field = |name: &str| secrets.get(name).ok_or_else(|| missing(name));
        if consumer.is_empty() {
            return Err(missing("consumer key"));
        }
        Ok(Keys::new(consumer, field(CLIENT_SECRET)?).token(field(TOKEN)?, field(TOKEN_SECRET)?))
    }
}

/// Shows the consumer key, which is public.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("consumer", &self.consumer).finish_non_exhaustive()
    }
}

/// The request with its signature. What is signed is what the request holds now: method, URL, query and form; other bodies (JSON,
/// multipart, bytes) are not covered by the protocol. `offset` is what must be added to this machine's clock, see [`offset`].
///
/// # Errors
/// `local`: the request's URL is none, or the system gives no randomness.
pub fn signed(request: Request, keys: &Keys, offset: TimeDelta) -> Result<Request, Fault> {
    let now = Utc::now().checked_add_signed(offset).unwrap_or_else(Utc::now);
    let header = {
        let parameters = request.parameters();
        sign(request.method(), request.url(), &parameters, keys, &nonce()?, now.timestamp())?
    };
    Ok(request.secret_header("authorization", header))
}

/// The value of the `Authorization` header. `parameters` are those of the query, beside what the URL itself holds, and of the form,
/// decoded and in any order; `timestamp` is in seconds of the epoch.
///
/// # Errors
/// `local`: the URL is none.
pub fn sign(
    method: &Method,
    url: &str,
    parameters: &[(&str, &str)],
    keys: &Keys,
    nonce: &str,
    timestamp: i64,
) -> Result<SecretString, Fault> {
    let timestamp = timestamp.to_string();
    let mut protocol = vec![
        ("oauth_consumer_key", keys.consumer.as_str()),
        ("oauth_nonce", nonce),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", &timestamp),
        ("oauth_version", "1.0"),
    ];
    if let Some((token, _)) = &keys.token {
        protocol.push(("oauth_token", token.expose_secret()));
    }
    protocol.extend(keys.more.iter().map(|(name, value)| (*name, value.expose_secret())));
    let all: Vec<(&str, &str)> = parameters.iter().chain(&protocol).copied().collect();
    // the URL is not part of the message: it may hold a secret
    let base = base_string(method, url, &all).ok_or_else(|| Fault::local("what was to be signed has no good URL"))?;
    let secret = keys.token.as_ref().map_or("", |(_, secret)| secret.expose_secret());
    let tag = hmac::sign(&key(keys.consumer_secret.expose_secret(), secret), base.as_bytes());
    let signature = STANDARD.encode(tag);
    protocol.push(("oauth_signature", &signature));
    protocol.sort_unstable();
    let pairs: Vec<String> =
        protocol.iter().map(|(name, value)| format!("{}=\"{}\"", encode(name), encode(value))).collect();
    Ok(SecretString::from(format!("OAuth {}", pairs.join(", "))))
}

/// The parameters of an `Authorization: OAuth …` header, decoded; `None` if it is none. For the server's side of a twin.
pub fn parse(header: &str) -> Option<Vec<(String, String)>> {
    let (scheme, rest) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("OAuth").then_some(())?;
    rest.split(',')
        .map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            Some((decode(name)?, decode(value.strip_prefix('"')?.strip_suffix('"')?)?))
        })
        .collect()
}

/// Whether a request is signed with these secrets, the token's being empty where there is no token. `protocol` is what [`parse`]
/// gave, `parameters` those of query and form. Compares in constant time; nonce and time are the caller's to look at.
pub fn verify(
    method: &Method,
    url: &str,
    parameters: &[(&str, &str)],
    protocol: &[(String, String)],
    consumer_secret: &SecretString,
    token_secret: &SecretString,
) -> bool {
    let of = |name: &str| protocol.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let Some(tag) = of("oauth_signature").and_then(|signature| STANDARD.decode(signature).ok()) else { return false };
    let signed = protocol.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let signed = signed.filter(|(name, _)| !matches!(*name, "oauth_signature" | "realm"));
    let all: Vec<(&str, &str)> = parameters.iter().copied().chain(signed).collect();
    let Some(base) = base_string(method, url, &all) else { return false };
    let key = key(consumer_secret.expose_secret(), token_secret.expose_secret());
    of("oauth_signature_method") == Some("HMAC-SHA1") && hmac::verify(&key, base.as_bytes(), &tag).is_ok()
}

/// A new nonce: 128 random bits in hexadecimal.
///
/// # Errors
/// `local`: the system gives no randomness.
pub fn nonce() -> Result<String, Fault> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| Fault::local("nothing could be signed: the system's random numbers fail"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// How far the server's clock is ahead of this machine's, by the `Date` of an answer; `None` where the answer has none.
pub fn offset(answer: &Answer) -> Option<TimeDelta> {
    let date = DateTime::parse_from_rfc2822(answer.header("date")?).ok()?;
    Some(date.with_timezone(&Utc) - answer.at)
}

/// Percent-encoding as RFC 5849 3.6 wants it: everything but letters, digits and `-._~`.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The reverse; `None` where it is broken or no UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || (bytes.next()? as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            out.push(digit()? << 4 | digit()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

/// RFC 5849 3.4.1: method, URL without query, and all parameters in order, the URL's own among them.
fn base_string(method: &Method, url: &str, parameters: &[(&str, &str)]) -> Option<String> {
    let url = Url::parse(url).ok().filter(Url::has_host)?;
    let mut all: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (encode(&name), encode(&value))).collect();
    all.extend(parameters.iter().map(|(name, value)| (encode(name), encode(value))));
    all.sort_unstable();
    let all: Vec<String> = all.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    // lower case and without a default port, as the crate keeps them
    let address = format!("{}{}", url.origin().ascii_serialization(), url.path());
    Some(format!("{}&{}&{}", encode(method.as_str()), encode(&address), encode(&all.join("&"))))
}

fn key(consumer_secret: &str, token_secret: &str) -> hmac::Key {
    let text = SecretString::from(format!("{}&{}", encode(consumer_secret), encode(token_secret)));
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, text.expose_secret().as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::net::Body;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    fn keys() -> Keys {
        Keys::new("ck", &secret("cs")).token(&secret("tk"), &secret("ts"))
    }

    fn signature(header: &SecretString) -> String {
        let all = parse(header.expose_secret()).unwrap();
        all.into_iter().find(|(name, _)| name == "oauth_signature").unwrap().1
    }

    /// The base string of RFC 5849 3.4.1.1 (erratum 2550), with everything that is awkward: repeated names, empty values, `+`.
    #[test]
    fn the_base_string_of_the_standard() {
        let parameters = [
            ("c2", ""),
            ("a3", "2 q"),
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
        ];
        let url = "HTTP://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b";
        assert_eq!(
            base_string(&Method::POST, url, &parameters).unwrap(),
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
        );
        assert_eq!(
            base_string(&Method::GET, "https://a.example:8443", &[]).unwrap(),
            "GET&https%3A%2F%2Fa.example%3A8443%2F&"
        );
        for none in ["", "no url", "mailto:a@b.example"] {
            assert_eq!(base_string(&Method::GET, none, &[]), None, "{none}");
            assert!(sign(&Method::GET, none, &[], &keys(), "n", 0).is_err());
        }
    }

    /// The example of RFC 5849 1.2, all three requests: without a token, with a verifier, and for a photo with a query.
    #[test]
    fn the_session_of_the_standard() {
        let app = Keys::new("dpf43f3p2l4k3l03", &secret("kd94hf93k423kf44"));
        let cases = [
            (
                Method::POST,
                "https://photos.example.net/initiate",
                app.clone().with("oauth_callback", &secret("http://printer.example.com/ready")),
                ("wIjqoS", 137_131_200),
            ),
            (
                Method::POST,
                "https://photos.example.net/token",
                app.clone()
                    .token(&secret("hh5s93j4hdidpola"), &secret("hdhd0244k9j7ao03"))
                    .with("oauth_verifier", &secret("hfdp7dh39dks9884")),
                ("walatlh", 137_131_201),
            ),
            (
                Method::GET,
                "http://photos.example.net/photos?file=vacation.jpg&size=original",
                app.token(&secret("nnch734d00sl2jdk"), &secret("pfkkdhi9sl3r4s00")),
                ("chapoH", 137_131_202),
            ),
        ];
        // the example leaves out `oauth_version`, which is optional, so that its signatures are checked as a server would do it
        let theirs = ["74KNZJeDHnMBp0EMJ9ZHt/XKycU=", "gKgrFCywp7rO0OXSjdot/IHF7IU=", "MdpQcU8iPSUjWoN/UDMsK2sui9I="];
        for ((method, url, keys, (nonce, at)), theirs) in cases.iter().zip(theirs) {
            let ours = sign(method, url, &[], keys, nonce, *at).unwrap();
            let mut protocol = parse(ours.expose_secret()).unwrap();
            let token_secret = keys.token.as_ref().map_or_else(SecretString::default, |(_, secret)| secret.clone());
            assert!(verify(method, url, &[], &protocol, &keys.consumer_secret, &token_secret));
            protocol.retain(|(name, _)| name != "oauth_version");
            assert!(!verify(method, url, &[], &protocol, &keys.consumer_secret, &token_secret));
            protocol.push(("realm".into(), "Photos".into()));
            protocol
                .iter_mut()
                .filter(|(name, _)| name == "oauth_signature")
                .for_each(|(_, value)| *value = theirs.into());
            assert!(verify(method, url, &[], &protocol, &keys.consumer_secret, &token_secret), "{url}");
            assert!(!verify(method, url, &[], &protocol, &secret("another"), &token_secret));
        }
    }

    /// Computed with `openssl dgst -sha1 -hmac 'cs&ts'`.
    #[test]
    fn a_json_body_is_not_covered_and_a_form_is() {
        let url = "https://api.x.com/2/tweets";
        let header = sign(&Method::POST, url, &[], &keys(), "abc123", 1_700_000_000).unwrap();
        assert_eq!(signature(&header), "tVWLe1xy17OM3wYPEL+WZHlq0Ms=");
        assert_eq!(
            header.expose_secret(),
            "OAuth oauth_consumer_key=\"ck\", oauth_nonce=\"abc123\", oauth_signature=\"tVWLe1xy17OM3wYPEL%2BWZHlq0Ms%3D\", oauth_signature_method=\"HMAC-SHA1\", oauth_timestamp=\"1700000000\", oauth_token=\"tk\", oauth_version=\"1.0\""
        );
        let json = Request::post(url).json(serde_json::json!({"text": "hello"}));
        assert_eq!(json.parameters(), []);
        let form = Request::post(url)
            .body(Body::Form(vec![("text".into(), "hello".into())]))
            .query("q", "1")
            .secret_query("s", secret("2"));
        assert_eq!(form.parameters(), [("q", "1"), ("text", "hello"), ("s", "2")]);
    }

    #[test]
    fn no_two_requests_carry_the_same_nonce_and_nothing_shows_a_key() {
        let request = || signed(Request::get("https://a.example/x?y=z"), &keys(), TimeDelta::hours(1)).unwrap();
        let shown = format!("{:?} {:?}", request(), keys());
        assert!(!shown.contains("oauth_") && !shown.contains("\"cs\"") && !shown.contains("\"ts\""), "{shown}");
        assert_eq!(request().secret_to().as_deref(), Some("https://a.example"));
        assert_ne!(nonce().unwrap(), nonce().unwrap());
    }

    #[test]
    fn keys_come_from_what_is_kept() {
        let mut kept = Secrets::from([(TOKEN.to_string(), secret("tk")), (CLIENT_SECRET.to_string(), secret("cs"))]);
        let fault = Keys::held("ck", &kept).unwrap_err();
        assert_eq!((fault.kind, fault.message.as_str()), (Kind::Auth, "there is no `token_secret` to sign with"));
        kept.insert(TOKEN_SECRET.to_string(), secret("ts"));
        let header = sign(
            &Method::POST,
            "https://api.x.com/2/tweets",
            &[],
            &Keys::held("ck", &kept).unwrap(),
            "abc123",
            1_700_000_000,
        );
        assert_eq!(signature(&header.unwrap()), "tVWLe1xy17OM3wYPEL+WZHlq0Ms=");
        assert!(Keys::held("", &kept).is_err());
    }

    #[test]
    fn the_clock_of_the_other_side() {
        let mut answer = Answer {
            status: 401,
            headers: [(reqwest::header::DATE, "Sat, 21 Nov 2026 12:10:00 GMT".parse().unwrap())].into_iter().collect(),
            body: Vec::new(),
            request_id: None,
            rate: None,
            at: "2026-11-21T12:00:00Z".parse().unwrap(),
            write: true,
            asked: String::new(),
        };
        assert_eq!(offset(&answer), Some(TimeDelta::minutes(10)));
        answer.headers.clear();
        assert_eq!(offset(&answer), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn encoding_is_undone_and_holds_nothing_reserved(text in "\\PC{0,60}|[ -~]{0,60}") {
            let encoded = encode(&text);
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
            prop_assert_eq!(decode(&encoded), Some(text));
        }

        #[test]
        fn the_order_of_parameters_is_nothing(
            parameters in prop::collection::vec(("\\PC{0,8}", "\\PC{0,8}"), 0..6).prop_shuffle(),
            consumer in "\\PC{1,12}", consumer_secret in "\\PC{0,12}", token_secret in "\\PC{0,12}",
        ) {
            let keys = Keys::new(&consumer, &secret(&consumer_secret)).token(&secret("t"), &secret(&token_secret));
            let mut pairs: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let url = "https://a.example/p%C3%A4th?x=1";
            let header = sign(&Method::PUT, url, &pairs, &keys, "n", 1).unwrap();
            pairs.sort_unstable();
            let sorted = sign(&Method::PUT, url, &pairs, &keys, "n", 1).unwrap();
            prop_assert_eq!(sorted.expose_secret(), header.expose_secret());
            // as a server sees it, the query read by somebody else
            let mut sent = Url::parse(url).unwrap();
            sent.query_pairs_mut().extend_pairs(&pairs);
            let protocol = parse(header.expose_secret()).unwrap();
            let good = |secret: &SecretString| verify(&Method::PUT, sent.as_str(), &[], &protocol, secret, &token_secret.clone().into());
            prop_assert!(good(&secret(&consumer_secret)));
            let another = format!("{consumer_secret}x");
            prop_assert!(!good(&secret(&another)));
        }

        #[test]
        fn nothing_breaks_the_reader(text in "(OAuth )?[a-z%=\", ]{0,60}|\\PC{0,40}") {
            if let Some(all) = parse(&text) {
                verify(&Method::GET, "https://a.example", &[], &all, &secret(""), &secret(""));
            }
        }
    }
}
