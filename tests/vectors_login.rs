//! Published vectors of signatures and keys, read in place: an OAuth 1.0a example, JWS and DPoP examples, Nostr's keys.

// What the helpers of a test unwrap is the test's own business.
#![allow(clippy::unwrap_used)]

#[path = "support/specs.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use support::specs;
use xpost::login::jwt;
use xpost::login::key::{self, Secp256k1};
use xpost::login::oauth1::{self, Keys};
use xpost::net::Method;

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

fn secret(value: &Value, key: &str) -> SecretString {
    SecretString::from(text(value, key))
}

#[test]
fn oauth1_example() {
    let Some(path) = specs("oauth/oauth1-x-example.json") else { return };
    let file = read(&path);
    let (case, oauth) = (&file["case"], &file["case"]["oauth"]);
    let pairs = |of: &'static str| {
        case[of].as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
    };
    let parameters: Vec<(&str, &str)> = pairs("query").chain(pairs("form")).collect();
    assert_eq!(parameters.len(), 2);
    let keys = Keys::new(text(oauth, "oauth_consumer_key"), &secret(case, "consumer_secret"))
        .token(&secret(oauth, "oauth_token"), &secret(case, "token_secret"));
    let method: Method = text(case, "method").parse().unwrap();
    let nonce = text(oauth, "oauth_nonce");
    let at = text(oauth, "oauth_timestamp").parse().unwrap();
    let sign = |url: &str, parameters: &[(&str, &str)]| {
        let header = oauth1::sign(&method, url, parameters, &keys, nonce, at).unwrap();
        oauth1::parse(header.expose_secret()).unwrap()
    };
    let signed = sign(text(case, "url"), &parameters);
    // all that the example sends, and the signature
    let mut expected: Vec<(String, String)> = oauth
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_string()))
        .collect();
    expected.push(("oauth_signature".into(), text(case, "signature_in_doc").into()));
    expected.sort();
    assert_eq!(signed, expected);
    // the query may stand in the URL instead
    let url = format!("{}?include_entities=true", text(case, "url"));
    assert_eq!(sign(&url, &parameters[1..]), expected);
    let good = |parameters: &[(&str, &str)]| {
        let (consumer, token) = (secret(case, "consumer_secret"), secret(case, "token_secret"));
        oauth1::verify(&method, text(case, "url"), parameters, &expected, &consumer, &token)
    };
    assert!(good(&parameters) && !good(&parameters[1..]));
}

/// The examples of RFC 7520 with HS256, byte for byte; those that show no compact form are put together from their pieces.
#[test]
fn jws_cookbook() {
    let Some(path) = specs("oauth/jose-cookbook-jws.json") else { return };
    let file = read(&path);
    let mut seen = Vec::new();
    for (name, case) in file["files"].as_object().unwrap() {
        // an example without a protected header is no compact form at all
        let (Some("HS256"), true) = (case["input"]["alg"].as_str(), case["signing"]["protected"].is_object()) else {
            continue;
        };
        let key = URL_SAFE_NO_PAD.decode(text(&case["input"]["key"], "k")).unwrap();
        let payload = text(&case["input"], "payload");
        let ours = jwt::jws_hs256(case["signing"]["protected"].clone(), payload.as_bytes(), &key);
        let pieces: Vec<&str> = ours.expose_secret().split('.').collect();
        assert_eq!(pieces[0], text(&case["signing"], "protected_b64u"), "{name}");
        assert_eq!(pieces[..2].join("."), text(&case["signing"], "sig-input"), "{name}");
        assert_eq!(pieces[2], text(&case["signing"], "sig"), "{name}");
        if let Some(compact) = case["output"]["compact"].as_str() {
            let detached = compact.contains("..");
            assert_eq!(
                if detached { format!("{}..{}", pieces[0], pieces[2]) } else { pieces.join(".") },
                compact,
                "{name}"
            );
        }
        seen.push(name.as_str());
    }
    assert!(seen.len() >= 3 && seen[0] == "jws/4_4.hmac-sha2_integrity_protection.json", "{seen:?}");
}

/// Every proof in the drafts' examples is signed by the key that it carries; its thumbprint is the one that the examples bind to.
#[test]
fn dpop_examples() {
    let Some(path) = specs("oauth/dpop-draft-examples.json") else { return };
    let (mut proofs, mut prints, mut bound) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for block in read(&path)["blocks"].as_array().unwrap() {
        // lines that are folded for print end with a backslash
        let folded = text(block, "text");
        let whole: String = folded.split("\\\n").map(str::trim_start).collect();
        for word in whole
            .split_whitespace()
            .filter(|word| word.len() > 100 && word.starts_with("eyJ") && word.matches('.').count() == 2)
        {
            let header = word.split('.').next().unwrap();
            let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
            if header["typ"] != "dpop+jwt" {
                bound.extend(
                    jwt::claims_unverified(word).and_then(|claims| Some(claims["cnf"]["jkt"].as_str()?.to_string())),
                );
                continue;
            }
            let (header, claims) = jwt::verified_es256(word, &header["jwk"]).unwrap();
            assert!(claims["jti"].is_string() && claims["htm"].is_string() && claims["htu"].is_string(), "{claims}");
            prints.insert(key::thumbprint(&header["jwk"]).unwrap());
            proofs.insert(word.to_string());
        }
    }
    assert!(proofs.len() >= 3, "{}", proofs.len());
    assert_eq!(prints, BTreeSet::from(["0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I".to_string()]));
    assert_eq!(bound, prints);
}

/// The key pairs of BIP 340.
#[test]
fn secp256k1_keys() {
    let Some(path) = specs("nostr/bip340.csv") else { return };
    let mut pairs = 0;
    for line in std::fs::read_to_string(path).unwrap().lines().skip(1) {
        let columns: Vec<&str> = line.split(',').collect();
        if columns[1].is_empty() {
            continue;
        }
        let key = Secp256k1::parse(&SecretString::from(columns[1]), "nsec").unwrap();
        assert_eq!(hex(key.public()), columns[2].to_lowercase());
        assert_eq!(hex(key.secret().expose_secret()), columns[1].to_lowercase());
        pairs += 1;
    }
    assert!(pairs >= 2, "{pairs}");
}

/// Keys in the published texts of Nostr: what begins with `nsec1` is a key, everything else is refused and named.
#[test]
fn nostr_keys() {
    let Some(path) = specs("nostr/nip-examples.json") else { return };
    let whole = std::fs::read_to_string(path).unwrap();
    let mut kinds = BTreeSet::new();
    let words = whole.split(|c: char| !c.is_ascii_alphanumeric());
    for word in words.filter(|word| word.len() > 60 && (word.starts_with('n') && word.contains('1'))) {
        let Some(kind) = ["nsec", "npub", "nprofile", "nevent", "naddr"]
            .into_iter()
            .find(|kind| word.strip_prefix(kind).is_some_and(|rest| rest.starts_with('1')))
        else {
            continue;
        };
        match (kind, Secp256k1::parse(&SecretString::from(word), "nsec")) {
            ("nsec", Ok(key)) => {
                // written again it is the same text
                let again =
                    bech32::encode::<bech32::Bech32>(bech32::Hrp::parse("nsec").unwrap(), key.secret().expose_secret());
                assert_eq!(again.unwrap(), word);
                kinds.insert(kind);
            }
            ("nsec", Err(why)) => panic!("{word}: {why}"),
            (_, Ok(_)) => panic!("{word} was taken for a secret key"),
            (_, Err(why)) => {
                assert!(!why.contains(word), "{why}");
                if why.starts_with(&format!("this is a `{kind}`")) {
                    kinds.insert(kind);
                }
            }
        }
    }
    assert!(kinds.contains("nsec") && kinds.contains("npub"), "{kinds:?}");
}

/// Keys that NIP-44 calls invalid because nobody can sign with them.
#[test]
fn keys_out_of_range() {
    let Some(path) = specs("nostr/nip44.vectors.json") else { return };
    let vectors = read(&path);
    let of = |which: &str| vectors["v2"][which]["get_conversation_key"].as_array().unwrap().clone();
    let parse = |case: &Value| Secp256k1::parse(&secret(case, "sec1"), "nsec");
    let good = of("valid");
    assert!(good.len() > 10 && good.iter().all(|case| parse(case).is_ok()));
    let mut refused = 0;
    for case in of("invalid").iter().filter(|case| text(case, "note").starts_with("sec1")) {
        let why = parse(case).unwrap_err();
        assert!(why.contains("range") && !why.contains(text(case, "sec1")), "{why}");
        refused += 1;
    }
    assert!(refused >= 1, "{refused}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
