//! What a login yields.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::account::Secrets;

/// The secret field of the access token, whichever way it was had.
pub const TOKEN: &str = "token";
/// The secret field of the refresh token.
pub const REFRESH: &str = "refresh_token";
/// The secret field of the app's secret; renewing needs it.
pub const CLIENT_SECRET: &str = "client_secret";
/// The field in which [`Facts`] are kept beside the secrets that they describe.
pub const FACTS: &str = "login";

/// What is known of a login, and is no secret. Kept beside the secrets that it describes, and in the account's row for those
/// who only look.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The [`super::Login`] by name.
    pub way: String,
    /// As granted; `None` where the network does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// What was asked for, where the server's own list decided that; empty: what the way names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<String>,
    pub granted_at: Option<DateTime<Utc>>,
    /// When the access token was had; renewing moves it.
    pub renewed_at: Option<DateTime<Utc>>,
    pub access_ends: Option<DateTime<Utc>>,
    pub refresh_ends: Option<DateTime<Utc>>,
    /// When a person has to log in again, whatever is renewed.
    pub login_ends: Option<DateTime<Utc>>,
    /// The app's id, which is public.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_id: String,
    /// Who issued it: the origin, or the issuer's own name of itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub issuer: String,
    /// The subject that it was issued for, where the answer says (`sub`).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// What else the way needs to renew and revoke: endpoints, hosts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<String, String>,
    /// The first 16 hexadecimal digits of the access token's SHA-256: facts of another token are not believed.
    pub of: String,
}

impl Facts {
    /// The facts kept among these secrets, if they describe the token that is there.
    pub fn among(secrets: &Secrets) -> Option<Facts> {
        let facts: Facts = serde_json::from_str(secrets.get(FACTS)?.expose_secret()).ok()?;
        (facts.of == fingerprint(secrets.get(TOKEN)?)).then_some(facts)
    }

    /// When the login ends unless a person acts: the earliest of what cannot be renewed by us.
    pub fn ends(&self, renewable: bool) -> Option<DateTime<Utc>> {
        let access = self.access_ends.filter(|_| !renewable);
        [self.login_ends, self.refresh_ends, access].into_iter().flatten().min()
    }
}

/// What a login yields.
#[derive(Clone, Default)]
pub struct Grant {
    /// For the secret chain; [`TOKEN`] is always there.
    pub secrets: Secrets,
    pub facts: Facts,
}

impl Grant {
    /// A grant of this access token.
    pub fn new(token: SecretString) -> Grant {
        Grant { secrets: Secrets::from([(TOKEN.to_string(), token)]), facts: Facts::default() }
    }

    /// The secrets with the facts among them, as they are kept.
    pub fn to_keep(&self) -> Secrets {
        let mut all = self.secrets.clone();
        let facts = Facts { of: all.get(TOKEN).map(fingerprint).unwrap_or_default(), ..self.facts.clone() };
        // strings, numbers and times only: it cannot fail, and without facts a token is a token still
        let text = serde_json::to_string(&facts).unwrap_or_default();
        all.insert(FACTS.to_string(), SecretString::from(text));
        all
    }
}

/// Shows the facts alone.
impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grant").field("facts", &self.facts).finish_non_exhaustive()
    }
}

fn fingerprint(token: &SecretString) -> String {
    digest(&SHA256, token.expose_secret().as_bytes()).as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_belong_to_one_token() {
        let mut grant = Grant::new(SecretString::from("first"));
        grant.facts.way = "browser".into();
        let mut kept = grant.to_keep();
        assert_eq!(Facts::among(&kept).unwrap().way, "browser");
        assert!(!format!("{grant:?}").contains("first"));
        kept.insert(TOKEN.into(), SecretString::from("another, from the environment"));
        assert_eq!(Facts::among(&kept), None);
    }
}
