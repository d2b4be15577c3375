//! Signatures of a delivery: Standard Webhooks and the styles that older receivers know.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use super::hex;

/// How a receiver knows that a delivery is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `webhook-signature: v1,BASE64` over `id.timestamp.body`.
    Standard,
    /// `x-hub-signature-256: sha256=HEX` over the body.
    Github,
    /// `x-signature: t=UNIX,v1=HEX` over `timestamp.body`.
    Stripe,
    /// `authorization: Bearer SECRET`.
    Bearer,
    None,
}

/// What stands in `signature`.
pub(super) const STYLES: &[&str] = &["standard", "github", "stripe", "bearer", "none"];

impl Style {
    /// The style of this name; without a name, `standard` where there is a secret.
    pub fn named(name: &str, secret: bool) -> Option<Style> {
        Some(match name {
            "" if secret => Style::Standard,
            "" | "none" => Style::None,
            "standard" => Style::Standard,
            "github" => Style::Github,
            "stripe" => Style::Stripe,
            "bearer" => Style::Bearer,
            _ => return None,
        })
    }

    /// The header that carries it, unless `signature_header` names another.
    pub fn header(self) -> &'static str {
        match self {
            Style::Standard => "webhook-signature",
            Style::Github => "x-hub-signature-256",
            Style::Stripe => "x-signature",
            Style::Bearer | Style::None => "authorization",
        }
    }
}

/// The keys of a secret field: several secrets, parted by white space, are signed with one after the other (rotation).
///
/// # Errors
/// A `whsec_` secret that is no base64 or not 24 to 64 bytes, as Standard Webhooks wants; no secret at all. The text is for a
/// person and holds nothing of the secret.
pub(super) fn keys(style: Style, secret: &SecretString) -> Result<Vec<hmac::Key>, String> {
    let text = secret.expose_secret();
    // the one style with a single signature takes the text as it is: it may hold blanks
    let several: Vec<&str> = if style == Style::Github { vec![text] } else { text.split_whitespace().collect() };
    let keys: Vec<hmac::Key> = several
        .into_iter()
        .map(|one| {
            let bytes = match (style, one.strip_prefix("whsec_")) {
                (Style::Standard, rest) => {
                    let bytes = STANDARD.decode(rest.unwrap_or(one)).ok().filter(|bytes| (24..=64).contains(&bytes.len()));
                    bytes.ok_or("the signing secret must be `whsec_` and the base64 of 24 to 64 bytes")?
                }
                _ => one.as_bytes().to_vec(),
            };
            Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
        })
        .collect::<Result<_, String>>()?;
    if keys.is_empty() { Err("the signing secret is empty".to_string()) } else { Ok(keys) }
}

/// The value of the signature header; all keys in one value.
pub(super) fn sign(style: Style, keys: &[hmac::Key], id: &str, timestamp: i64, body: &[u8]) -> String {
    let over = |key: &hmac::Key, head: String| {
        let mut context = hmac::Context::with_key(key);
        context.update(head.as_bytes());
        context.update(body);
        context.sign()
    };
    match style {
        Style::Standard => keys
            .iter()
            .map(|key| format!("v1,{}", STANDARD.encode(over(key, format!("{id}.{timestamp}.")))))
            .collect::<Vec<_>>()
            .join(" "),
        Style::Github => {
            keys.first().map_or_else(String::new, |key| format!("sha256={}", hex(over(key, String::new()).as_ref())))
        }
        Style::Stripe => {
            let signed = keys.iter().map(|key| format!(",v1={}", hex(over(key, format!("{timestamp}.")).as_ref())));
            format!("t={timestamp}{}", signed.collect::<String>())
        }
        Style::Bearer | Style::None => String::new(),
    }
}

/// Whether a Standard Webhooks signature is good: one of its values fits the key, and the time is within five minutes of `now`
/// (Unix seconds). Compares in constant time.
pub(super) fn verify(key: &hmac::Key, id: &str, timestamp: &str, signature: &str, body: &[u8], now: i64) -> bool {
    let recent = timestamp.parse::<i64>().is_ok_and(|at| at.abs_diff(now) <= 300);
    let message = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    recent
        && signature
            .split(' ')
            .filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok())
            .any(|tag| hmac::verify(key, &message, &tag).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(style: Style, secret: &str) -> Vec<hmac::Key> {
        keys(style, &SecretString::from(secret)).unwrap()
    }

    /// Computed with `openssl dgst -sha256 -mac HMAC`, key = bytes 00 to 1f.
    const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn standard_signature_and_rotation() {
        let body = "{\"text\":\"crab 🦀\"}".as_bytes();
        let one = sign(Style::Standard, &key(Style::Standard, SECRET), "msg_1", 1_790_000_000, body);
        assert_eq!(one, "v1,3fNFD5sIeBocymkujp7L8qKPU1/4OzQfzK+apF1Fko4=");
        let other = format!("whsec_{}", STANDARD.encode([7u8; 24]));
        let both = sign(Style::Standard, &key(Style::Standard, &format!("{other} {SECRET}")), "msg_1", 1_790_000_000, body);
        assert!(both.ends_with(&one) && both.matches("v1,").count() == 2);
        let good = |signature: &str, now, body: &[u8]| {
            verify(&key(Style::Standard, SECRET)[0], "msg_1", "1790000000", signature, body, now)
        };
        assert!(good(&both, 1_790_000_000, body) && good(&one, 1_790_000_300, body));
        assert!(!good(&one, 1_790_000_301, body), "too old");
        assert!(!good(&one, 1_790_000_000, b"{}"), "another body");
        assert!(!good(&one.replace("v1,", "v1a,"), 1_790_000_000, body), "another scheme");
    }

    #[test]
    fn other_styles() {
        let body = b"{}";
        assert_eq!(sign(Style::Github, &key(Style::Github, "It's a Secret"), "", 0, body), "sha256=0a7d85fb67a383ba197f050ba569e50d3c476ea8c2e018c511921ea18fc379e9");
        assert_eq!(sign(Style::Stripe, &key(Style::Stripe, "whsec_x"), "", 5, body), "t=5,v1=f10923ae588677114170c6e35312691c1c76dc1fceebf1d2f1191385501c5ff7");
    }

    #[test]
    fn a_bad_secret_is_refused_without_being_shown() {
        for bad in ["whsec_not base64!", "whsec_c2hvcnQ=", "plain words", " "] {
            let why = keys(Style::Standard, &SecretString::from(bad)).unwrap_err();
            assert!(!why.contains("c2hvcnQ") && !why.contains("plain"), "{why}");
        }
    }
}
