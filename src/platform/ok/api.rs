//! Calls: one address, the method among the parameters, a signature over all of them.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::login::{CLIENT_SECRET, TOKEN};
use crate::net::{Answer, Body, Fault, Kind, Method, Request};
use crate::platform::{Cx, payload_error};

/// The one place of the API.
pub(super) const SERVER: &str = "https://api.ok.ru";
/// The secret field of what signs requests of a token that was made in the app's settings.
pub(super) const SESSION_SECRET: &str = "session_secret";

/// Parameters of a call.
pub(super) type Params = Vec<(String, String)>;

/// Parameters from pairs.
pub(super) fn params<const N: usize>(pairs: [(&str, String); N]) -> Params {
    pairs.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}

/// MD5 in lower-case hexadecimal: nobody's idea of a hash today, and the only one that the network takes.
pub(super) fn md5_hex(text: &str) -> String {
    format!("{:x}", md5::compute(text))
}

/// What signs the requests of a token: `md5(token + the app's secret key)`.
pub(super) fn session_secret(token: &str, app_secret: &str) -> String {
    md5_hex(&format!("{token}{app_secret}"))
}

/// The signature: all parameters but the token and the signature itself, sorted by name, as they were before they were encoded.
pub(super) fn signature<'a>(params: impl IntoIterator<Item = (&'a str, &'a str)>, secret: &str) -> String {
    let mut all: Vec<(&str, &str)> = params.into_iter().filter(|(name, _)| !unsigned(name)).collect();
    all.sort_unstable();
    let mut text: String = all.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    text.push_str(secret);
    md5_hex(&text)
}

fn unsigned(name: &str) -> bool {
    matches!(name, "access_token" | "session_key" | "sig")
}

/// What requests are signed with.
fn secret(cx: &Cx<'_>, token: &SecretString) -> Result<SecretString, Fault> {
    let filled = |name: &str| cx.optional_secret(name).filter(|secret| !secret.expose_secret().trim().is_empty());
    if let Some(own) = filled(SESSION_SECRET) {
        return Ok(own);
    }
    match filled(CLIENT_SECRET) {
        Some(app) => Ok(session_secret(token.expose_secret().trim(), app.expose_secret().trim()).into()),
        None => cx.secret(SESSION_SECRET),
    }
}

/// A good answer.
#[derive(Debug)]
pub(super) struct Said {
    pub answer: Answer,
    pub value: Value,
}

impl Said {
    /// A number or a text as text.
    pub fn text(&self, key: &str) -> Result<String, Fault> {
        text(&self.value[key]).ok_or_else(|| payload_error(&self.answer, key))
    }

    /// Whether it says that it was done.
    pub fn done(&self) -> bool {
        self.value == true || self.value["success"] == true
    }
}

/// Ids are texts in most answers and numbers in some.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Calls a method that changes nothing.
pub(super) async fn read(cx: &Cx<'_>, method: &str, params: Params) -> Result<Said, Fault> {
    call(cx, method, params, false).await
}

/// Calls a method that changes something.
pub(super) async fn write(cx: &Cx<'_>, method: &str, params: Params) -> Result<Said, Fault> {
    call(cx, method, params, true).await
}

async fn call(cx: &Cx<'_>, method: &str, mut all: Params, write: bool) -> Result<Said, Fault> {
    let token = cx.secret(TOKEN)?;
    let app = cx.account.setting("app_key").trim();
    if app.is_empty() {
        let name = &cx.account.name;
        let why = format!("account `{name}` has no `app_key`, the public key of your app at OK; run `xpost account login {name}`");
        return Err(Fault::new(Kind::Auth, why));
    }
    all.extend(params([("application_key", app.to_string()), ("format", "json".into()), ("method", method.to_string())]));
    let pairs = all.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let sig = signature(pairs, secret(cx, &token)?.expose_secret().trim());
    all.push(("sig".into(), sig));
    let server = if cx.account.server.is_empty() { SERVER } else { &cx.account.server };
    let url = format!("{server}/fb.do");
    let token = SecretString::from(token.expose_secret().trim());
    let request = if write {
        Request::new(Method::POST, url).body(Body::Form(all)).secret_form("access_token", token)
    } else {
        let request = Request::new(Method::GET, url).secret_query("access_token", token);
        all.into_iter().fold(request, |request, (name, value)| request.query(&name, value))
    };
    let answer = cx.call(request).await?;
    // a method that has nothing to say may say nothing
    let value = match answer.body.trim_ascii() {
        [] => Value::Null,
        body => serde_json::from_slice(body).map_err(|_| payload_error(&answer, "JSON"))?,
    };
    Ok(Said { answer, value })
}

/// The group that is posted to: its number; empty for the user's own page.
pub(super) fn group(cx: &Cx<'_>) -> Result<Option<String>, Fault> {
    let named = match cx.account.settings.get("group") {
        Some(Value::Number(number)) => number.to_string(),
        _ => cx.account.setting("group").trim().trim_end_matches('/').to_string(),
    };
    let number = named.rsplit('/').next().unwrap_or_default();
    match number {
        "" => Ok(None),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Some(digits.to_string())),
        _ => Err(Fault::local(format!("`group` is the number of a group at OK, not `{named}`; `xpost account targets` shows it"))),
    }
}

/// Whose page or which group the account posts to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Whose {
    pub uid: String,
    pub name: String,
    /// Number, title, and the word of its address if it has one.
    pub group: Option<(String, String, Option<String>)>,
}

/// Asks who the token belongs to, and what the group is.
pub(super) async fn look(cx: &Cx<'_>) -> Result<Whose, Fault> {
    let me = read(cx, "users.getCurrentUser", params([("fields", "uid,name".into())])).await?;
    let uid = me.text("uid")?;
    let name = me.value["name"].as_str().unwrap_or_default().to_string();
    let Some(gid) = group(cx)? else { return Ok(Whose { uid, name, group: None }) };
    let found = groups(cx, std::slice::from_ref(&gid)).await?;
    let Some(group) = found.into_iter().next() else {
        return Err(Fault::new(Kind::Rejected, format!("OK knows no group `{gid}`; `xpost account targets` shows yours")));
    };
    Ok(Whose { uid, name, group: Some(group) })
}

/// What groups are called.
pub(super) async fn groups(cx: &Cx<'_>, gids: &[String]) -> Result<Vec<(String, String, Option<String>)>, Fault> {
    if gids.is_empty() {
        return Ok(Vec::new());
    }
    let said = read(cx, "group.getInfo", params([("uids", gids.join(",")), ("fields", "uid,name,shortname".into())])).await?;
    let list = said.value.as_array().ok_or_else(|| payload_error(&said.answer, "uid"))?;
    let one = |value: &Value| {
        let word = value["shortname"].as_str().filter(|word| !word.is_empty()).map(str::to_string);
        Some((text(&value["uid"])?, value["name"].as_str().unwrap_or_default().to_string(), word))
    };
    Ok(list.iter().filter_map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_covers_what_was_not_encoded_yet() {
        let secret = session_secret("tkn1TESTaccess", "SECRET123");
        assert_eq!(secret, "eea3eba8e134afa41da1cac1c9bd5456");
        let params = [
            ("method", "mediatopic.post"),
            ("attachment", "{\"media\":[{\"type\":\"text\",\"text\":\"Привет\"}]}"),
            ("access_token", "tkn1TESTaccess"),
            ("gid", "53000000000001"),
            ("format", "json"),
            ("application_key", "CPUBKEY"),
            ("type", "GROUP_THEME"),
        ];
        assert_eq!(signature(params, &secret), "6f2fdb0239b2505949d61093fd269cc0");
        // RFC 1321, A.5
        assert_eq!(md5_hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
    }
}
