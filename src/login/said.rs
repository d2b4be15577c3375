//! What authorization servers answer: tokens made standard before anybody reads them, refusals put in order. Pure.

use secrecy::SecretString;
use serde_json::{Map, Value, json};

use crate::net::Redactor;

/// A refusal, as the server put it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// `invalid_grant`, or a number; may be empty.
    pub code: String,
    /// For a person; may be empty. May quote what was sent.
    pub words: String,
    /// It says of itself that it will pass.
    pub passing: bool,
}

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The code or the refresh token is not good any more.
    Grant,
    /// The app is not known, or its secret is wrong.
    Client,
    /// The redirect address is not one of the app's.
    Redirect,
    Scope,
    /// The person said no.
    Denied,
    /// The app may not log in in this way.
    Way,
    /// An administrator has not allowed the app.
    Admin,
    /// The app is only for those who belong to its organisation.
    Inside,
    Money,
    Busy,
    Limited,
    /// Device grant: asked too early, or too often.
    Pending,
    SlowDown,
    /// Device grant: the code has run out.
    Expired,
    /// RFC 7009: this kind of token cannot be revoked.
    TokenType,
    Other,
}

impl Said {
    pub fn meaning(&self) -> Meaning {
        match self.code.to_ascii_lowercase().as_str() {
            "invalid_grant"
            | "invalid_code"
            | "code_already_used"
            | "code_expired"
            | "invalid_refresh_token"
            | "invalid_token"
            | "token_expired"
            | "token_revoked"
            | "account_inactive"
            | "m_unknown_token" => Meaning::Grant,
            "invalid_client"
            | "unauthorized_client"
            | "invalid_client_id"
            | "bad_client_secret"
            | "invalid_client_key" => Meaning::Client,
            "redirect_uri_mismatch" | "invalid_redirect_uri" | "bad_redirect_uri" => Meaning::Redirect,
            "invalid_scope" | "missing_scope" | "insufficient_scope" | "unauthorized_scope_error" => Meaning::Scope,
            "access_denied"
            | "user_denied"
            | "consent_required"
            | "user_cancelled_login"
            | "user_cancelled_authorize"
            | "authorization_declined" => Meaning::Denied,
            "unsupported_grant_type" | "unsupported_response_type" => Meaning::Way,
            "admin_policy_enforced" => Meaning::Admin,
            "org_internal" => Meaning::Inside,
            "payment_required" | "insufficient_credits" => Meaning::Money,
            "server_error" | "temporarily_unavailable" | "internal_error" | "service_unavailable" => Meaning::Busy,
            "rate_limited" | "ratelimited" | "rate_limit_exceeded" | "too_many_requests" | "m_limit_exceeded" => {
                Meaning::Limited
            }
            "authorization_pending" => Meaning::Pending,
            "slow_down" => Meaning::SlowDown,
            "expired_token" => Meaning::Expired,
            "unsupported_token_type" => Meaning::TokenType,
            // a server that has no word of its own for a grant that is used up
            "invalid_request"
                if ["for the token was invalid", "for the authorization code was invalid"]
                    .iter()
                    .any(|words| self.words.contains(words)) =>
            {
                Meaning::Grant
            }
            _ if self.passing => Meaning::Busy,
            _ => Meaning::Other,
        }
    }
}

/// The refusal in an answer, whatever its status: `{"error": "code"}`, `{"error": {"code": …}}`, `{"ok": false}`,
/// `{"error_type": …}`, `{"errcode": …}`.
pub(super) fn refusal(value: &Value) -> Option<Said> {
    let text = |of: &Value, keys: &[&str]| {
        keys.iter().find_map(|key| of.get(*key)?.as_str()).filter(|text| !text.is_empty()).map(str::to_string)
    };
    let words = |of: &Value| {
        text(of, &["error_description", "message", "error_message", "description", "detail"]).unwrap_or_default()
    };
    let fine = |code: &str| ["", "ok", "success", "0"].iter().any(|fine| code.eq_ignore_ascii_case(fine));
    if let Some(code) = text(value, &["errcode"]) {
        let words = text(value, &["error"]).unwrap_or_default();
        return Some(Said { code, words, passing: false });
    }
    match value.get("error") {
        Some(Value::String(code)) if !fine(code) => {
            return Some(Said { code: code.clone(), words: words(value), passing: false });
        }
        Some(error @ Value::Object(_)) => {
            let plain = |key: &str| match error.get(key)? {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            };
            let code = plain("code").or_else(|| plain("type")).or_else(|| plain("status")).unwrap_or_default();
            let passing = error.get("is_transient") == Some(&Value::Bool(true));
            let words = words(error);
            if !fine(&code) || code.is_empty() && !words.is_empty() {
                return Some(Said { code, words, passing });
            }
        }
        _ => {}
    }
    if let Some(code) = text(value, &["error_type", "error_code"]).filter(|code| !fine(code)) {
        return Some(Said { code, words: words(value), passing: false });
    }
    (value.get("ok") == Some(&Value::Bool(false))).then(|| Said {
        code: String::new(),
        words: words(value),
        passing: false,
    })
}

/// The token in an answer as RFC 6749 5.1 has it; `None` where there is none. `pointer` says where the object is that holds it;
/// where it is not there, the whole is looked at.
pub(super) fn token(value: &Value, pointer: &str) -> Option<Value> {
    let has = |of: &&Value| of.get("access_token").and_then(Value::as_str).is_some_and(|token| !token.is_empty());
    let from = value.pointer(pointer).filter(has).or(Some(value).filter(has))?;
    let mut out = Map::new();
    out.insert("access_token".into(), from["access_token"].clone());
    let kind = from.get("token_type").and_then(Value::as_str).filter(|kind| !kind.is_empty()).unwrap_or("bearer");
    out.insert("token_type".into(), kind.into());
    let seconds = |keys: &[&str]| keys.iter().find_map(|key| number(from.get(*key)?)).filter(|seconds| *seconds > 0);
    let access =
        seconds(&["expires_in", "expires"]).or_else(|| seconds(&["expires_in_ms"]).map(|ms| ms.div_ceil(1000)));
    let refresh = seconds(&["refresh_token_expires_in", "refresh_expires_in"]);
    for (name, seconds) in [("expires_in", access), ("refresh_token_expires_in", refresh)] {
        if let Some(seconds) = seconds {
            out.insert(name.into(), seconds.into());
        }
    }
    if let Some(refresh) = from.get("refresh_token").and_then(Value::as_str).filter(|token| !token.is_empty()) {
        out.insert("refresh_token".into(), refresh.into());
    }
    let scopes = ["scope", "scopes", "permissions", "granted_scopes"].iter().find_map(|key| scopes(from.get(*key)?));
    if let Some(scopes) = scopes {
        out.insert("scope".into(), scopes.join(" ").into());
    }
    let subject = ["sub", "open_id", "user_id", "account", "me"].iter().find_map(|key| match from.get(*key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    });
    if let Some(subject) = subject {
        out.insert("subject".into(), subject.into());
    }
    Some(Value::Object(out))
}

/// The start of a device grant as RFC 8628 3.2 has it; `None` where something that is needed is not there.
pub(super) fn device(value: &Value) -> Option<Value> {
    let text = |keys: &[&str]| keys.iter().find_map(|key| value.get(*key)?.as_str()).filter(|text| !text.is_empty());
    let web =
        |text: &&str| url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
    let page = text(&["verification_uri", "verification_url"]).filter(web)?;
    let seconds = |key: &str| value.get(key).and_then(number).filter(|seconds| *seconds > 0);
    let mut out = json!({
        "device_code": text(&["device_code"])?,
        "user_code": text(&["user_code"])?,
        "verification_uri": page,
        // one that does not say is not waited for without end, nor asked without a pause
        "expires_in": seconds("expires_in").unwrap_or(900).min(3600),
        "interval": seconds("interval").unwrap_or(5).min(60),
    });
    if let Some(whole) = text(&["verification_uri_complete", "verification_url_complete"]).filter(web) {
        out["verification_uri_complete"] = whole.into();
    }
    Some(out)
}

/// A list, or a text with spaces or commas between; nothing is `None`: who says nothing may have given all.
fn scopes(value: &Value) -> Option<Vec<String>> {
    let all: Vec<String> = match value {
        Value::String(text) => text.split([' ', ',']).filter(|scope| !scope.is_empty()).map(str::to_string).collect(),
        Value::Array(list) => list.iter().filter_map(|scope| scope.as_str().map(str::to_string)).collect(),
        _ => return None,
    };
    (!all.is_empty()).then_some(all)
}

/// A whole number, also as text or with a fraction; at most a hundred years of seconds in milliseconds.
fn number(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    (number.is_finite() && number >= 0.0).then_some(number.min(3.2e12) as u64)
}

/// Teaches the redactor every secret that came with an answer.
pub(super) fn learn(redactor: &Redactor, value: &Value) {
    const SECRET: [&str; 7] = [
        "access_token",
        "refresh_token",
        "id_token",
        "client_secret",
        "registration_access_token",
        "device_code",
        "session_token",
    ];
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if SECRET.contains(&name.as_str()) => {
                        redactor.learn(&SecretString::from(text.as_str()));
                    }
                    value => learn(redactor, value),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| learn(redactor, value)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_made_standard() {
        for (answer, pointer, expected) in [
            (json!({"access_token": "a"}), "", json!({"access_token": "a", "token_type": "bearer"})),
            (
                json!({"access_token": "a", "token_type": "Bearer", "expires_in": "3600", "scope": "x,y z"}),
                "",
                json!({"access_token": "a", "token_type": "Bearer", "expires_in": 3600, "scope": "x y z"}),
            ),
            (
                json!({"access_token": "a", "token_type": null, "expires_in": 0, "refresh_token": "", "scope": "", "user_id": 17_841_400_000_000_001_u64}),
                "",
                json!({"access_token": "a", "token_type": "bearer", "subject": "17841400000000001"}),
            ),
            (
                json!({"access_token": "a", "expires_in_ms": 1500, "refresh_expires_in": 31_536_000.0, "refresh_token": "r", "open_id": "o"}),
                "",
                json!({"access_token": "a", "token_type": "bearer", "expires_in": 2, "refresh_token_expires_in": 31_536_000, "refresh_token": "r", "subject": "o"}),
            ),
            (
                json!({"ok": true, "access_token": "bot", "user": {"access_token": "u", "scopes": ["p", "q"], "expires_in": -5}}),
                "/user",
                json!({"access_token": "u", "token_type": "bearer", "scope": "p q"}),
            ),
            // wrapped today, bare tomorrow
            (
                json!({"data": [{"access_token": "a", "permissions": "p"}]}),
                "/data/0",
                json!({"access_token": "a", "token_type": "bearer", "scope": "p"}),
            ),
            (json!({"access_token": "a"}), "/data/0", json!({"access_token": "a", "token_type": "bearer"})),
        ] {
            assert_eq!(token(&answer, pointer), Some(expected), "{answer}");
        }
        for none in [json!({}), json!({"access_token": ""}), json!({"access_token": 7}), json!([]), Value::Null] {
            assert_eq!(token(&none, ""), None, "{none}");
        }
    }

    #[test]
    fn refusals_are_found_in_every_dialect() {
        for (answer, code, words, meaning) in [
            (json!({"error": "invalid_grant", "error_description": "gone"}), "invalid_grant", "gone", Meaning::Grant),
            (
                json!({"error": "invalid_request", "error_description": "Value passed for the token was invalid."}),
                "invalid_request",
                "Value passed for the token was invalid.",
                Meaning::Grant,
            ),
            (json!({"error": "invalid_request", "message": "no"}), "invalid_request", "no", Meaning::Other),
            (json!({"ok": false, "error": "bad_client_secret"}), "bad_client_secret", "", Meaning::Client),
            (json!({"ok": false}), "", "", Meaning::Other),
            (
                json!({"error": {"message": "used", "type": "OAuthException", "code": 100}}),
                "100",
                "used",
                Meaning::Other,
            ),
            (json!({"error": {"message": "wait", "code": 2, "is_transient": true}}), "2", "wait", Meaning::Busy),
            (
                json!({"error_type": "OAuthException", "code": 400, "error_message": "no"}),
                "OAuthException",
                "no",
                Meaning::Other,
            ),
            (json!({"errcode": "M_UNKNOWN_TOKEN", "error": "gone"}), "M_UNKNOWN_TOKEN", "gone", Meaning::Grant),
            (json!({"error": "slow_down"}), "slow_down", "", Meaning::SlowDown),
        ] {
            let said = refusal(&answer).unwrap();
            assert_eq!((said.code.as_str(), said.words.as_str(), said.meaning()), (code, words, meaning), "{answer}");
        }
        for fine in [
            json!({"error": {"code": "ok", "message": ""}, "access_token": "a"}),
            json!({"error": "", "ok": true}),
            json!({"error": null}),
            json!({"error": {}}),
            Value::Null,
        ] {
            assert_eq!(refusal(&fine), None, "{fine}");
        }
    }

    #[test]
    fn a_device_grant_without_numbers_is_bounded() {
        let bare = json!({"device_code": "d", "user_code": "U", "verification_url": "https://a.example/device", "interval": 0});
        let made = device(&bare).unwrap();
        assert_eq!((made["interval"].as_u64(), made["expires_in"].as_u64()), (Some(5), Some(900)));
        let asked = json!({"device_code": "d", "user_code": "U", "verification_uri": "https://a.example/device", "interval": "7", "expires_in": 1e9});
        let made = device(&asked).unwrap();
        assert_eq!((made["interval"].as_u64(), made["expires_in"].as_u64()), (Some(7), Some(3600)));
        for page in ["javascript:alert(1)", "file:///etc/passwd", ""] {
            assert_eq!(device(&json!({"device_code": "d", "user_code": "U", "verification_uri": page})), None);
        }
    }

    #[test]
    fn what_came_with_an_answer_is_learnt() {
        let redactor = Redactor::default();
        learn(
            &redactor,
            &json!({"token_type": "bearer", "data": [{"access_token": "acc-123456"}], "id_token": "idt-123456"}),
        );
        assert_eq!(redactor.clean("bearer acc-123456 idt-123456"), "bearer [secret] [secret]");
    }
}
