//! Keeps secrets out of everything that is shown, logged or kept.

use std::sync::{Arc, RwLock};

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// Knows the secrets of this process and puts `[secret]` in their place. Clones share what they know.
#[derive(Clone, Default)]
pub struct Redactor {
    secrets: Arc<RwLock<Vec<SecretString>>>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

/// A shorter secret would blot out ordinary words.
const SHORTEST: usize = 6;

impl Redactor {
    /// From now on this is replaced wherever it turns up, also in its URL-encoded form.
    pub fn learn(&self, secret: &SecretString) {
        let plain = secret.expose_secret();
        if plain.len() < SHORTEST {
            return;
        }
        let mut secrets = self.secrets.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let encoded: String = url::form_urlencoded::byte_serialize(plain.as_bytes()).collect();
        for form in [plain.to_string(), encoded] {
            if !secrets.iter().any(|known| known.expose_secret() == form) {
                secrets.push(SecretString::from(form));
            }
        }
        // the longest first, so that a secret that holds another goes as a whole
        secrets.sort_by_key(|known| std::cmp::Reverse(known.expose_secret().len()));
    }

    /// The text without any secret.
    pub fn clean(&self, text: &str) -> String {
        let secrets = self.secrets.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut text = text.to_string();
        for secret in secrets.iter() {
            if text.contains(secret.expose_secret()) {
                text = text.replace(secret.expose_secret(), "[secret]");
            }
        }
        text
    }
}

/// Puts `[secret]` in place of every text whose key says that it is one. A session's tokens come with an answer, before anybody could
/// have learnt them.
pub fn hide_fields(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if secret(&name.to_lowercase()) => *text = "[secret]".into(),
                    value => hide_fields(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(hide_fields),
        _ => {}
    }
}

/// The same for a body of `name=value` pairs with `&` between them, which is how OAuth 1.0a answers, whatever type it says the body
/// is. Any other text comes back as it is.
pub fn hide_pairs(text: &str) -> String {
    if text.trim().contains(char::is_whitespace) {
        return text.to_string();
    }
    let pairs = text.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if !value.is_empty() && secret(&name.to_lowercase()) => format!("{name}=[secret]"),
        _ => pair.to_string(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// Whether a name in lower case says that its value is one.
fn secret(name: &str) -> bool {
    // a plain `code` is an error's more often than a login's
    ["jwt", "token", "secret", "password", "verifier", "assertion", "device_code"]
        .iter()
        .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_say_that_they_are_secret_are_hidden() {
        let mut value =
            serde_json::json!({"did": "x", "accessJwt": "a", "list": [{"refresh_token": "b", "tokens": 3}]});
        hide_fields(&mut value);
        let expected = serde_json::json!({"did": "x", "accessJwt": "[secret]", "list": [{"refresh_token": "[secret]", "tokens": 3}]});
        assert_eq!(value, expected);
    }

    #[test]
    fn pairs_that_say_that_they_are_secret_are_hidden() {
        let answer = "oauth_token=a-b&oauth_token_secret=c%3D&oauth_callback_confirmed=true&user_id=7&token=&x";
        let hidden =
            "oauth_token=[secret]&oauth_token_secret=[secret]&oauth_callback_confirmed=true&user_id=7&token=&x";
        assert_eq!(hide_pairs(answer), hidden);
        assert_eq!(hide_pairs("token=1\n"), "token=[secret]");
        for other in ["the token=1 & more", "", "<a href=\"/?token=1\">x</a>", "token"] {
            assert_eq!(hide_pairs(other), other);
        }
    }

    #[test]
    fn nothing_that_was_learnt_is_shown() {
        let redactor = Redactor::default();
        redactor.learn(&SecretString::from("s3cret/token+1"));
        assert_eq!(redactor.clean("a s3cret/token+1 b s3cret%2Ftoken%2B1 c"), "a [secret] b [secret] c");
        assert!(!format!("{redactor:?}").contains("s3cret"));
    }
}
