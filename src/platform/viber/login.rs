//! The ways into a Viber channel: its token, and the webhook that Viber wants to see once before it takes a post.

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{explain, request};
use crate::login::{Desk, Facts, Flow, Grant, Login, Secrets, TOKEN, Typed, Way};
use crate::net::{Effect, Fault, Kind};

/// With the webhook first: a new channel has none.
pub const LOGINS: &[Login] = &[
    Login {
        name: "webhook",
        about: "the channel's token, and the webhook that Viber demands is set",
        flow: Flow::Own(&Webhook),
        keeps: &[TOKEN],
        asks: &["token", "webhook", "from"],
        page: None,
    },
    Login {
        name: "token",
        about: "the channel's token; its webhook is set already",
        flow: Flow::Typed(Typed { warning: None, check: Some(one_word) }),
        keeps: &[TOKEN],
        asks: &["token", "from"],
        page: None,
    },
];

fn one_word(secrets: &Secrets) -> Result<(), String> {
    let token = secrets.get(TOKEN).map(|token| token.expose_secret().trim()).unwrap_or_default();
    if token.is_empty() || token.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("the token is not one word; copy it whole from the channel's info, Developer Tools".into());
    }
    Ok(())
}

/// Asks for the token, sets the webhook, and looks whether Viber took it.
/// <https://developers.viber.com/docs/tools/channels-post-api/>, 2026-11-22.
struct Webhook;

#[async_trait]
impl Way for Webhook {
    async fn enter(&self, desk: &Desk<'_>) -> Result<Grant, Fault> {
        let token = desk.person.ask("the channel's token (channel info > Developer Tools)", true).await?;
        let token = SecretString::from(token.expose_secret().trim().to_string());
        desk.door.redactor().learn(&token);
        one_word(&Secrets::from([(TOKEN.to_string(), token.clone())])).map_err(|why| Fault::new(Kind::Auth, why))?;
        let url = match desk.settings["webhook"].as_str().map(str::trim).filter(|url| !url.is_empty()) {
            Some(url) => url.to_string(),
            None => {
                let what = "an https address of yours that answers every POST with 200";
                desk.person.ask(what, false).await?.expose_secret().trim().to_string()
            }
        };
        if !url::Url::parse(&url).is_ok_and(|url| url.scheme() == "https" && url.has_host()) {
            return Err(Fault::local("the webhook must be an https address, such as `https://example.org/viber`"));
        }
        desk.person.say(&format!("Viber now asks `{url}` whether it is there"));
        let asked = request("/pa/set_webhook", &token).json(json!({ "url": url }));
        let answer = desk.door.send(asked).await.map_err(harmless)?;
        if let Some(fault) = explain::explain(&answer) {
            let refused = fault.kind == Kind::Rejected;
            let message = match refused {
                true => format!(
                    "Viber did not take `{url}`: {}; it must answer a POST with 200, with a certificate that everybody trusts",
                    answer.value()["status_message"].as_str().unwrap_or("it gave no reason")
                ),
                false => fault.message.clone(),
            };
            return Err(harmless(Fault { message: desk.door.redactor().clean(&message), ..fault }));
        }
        if answer.value()["status"] != 0 {
            let message = "Viber answered as nobody does who sets a webhook; try again later";
            return Err(Fault::new(Kind::Protocol, message));
        }
        Ok(Grant::new(token))
    }

    async fn renew(&self, _: &Desk<'_>, _: &Secrets, _: &Facts) -> Result<Grant, Fault> {
        let message = "Viber's tokens do not renew: copy the new one from the channel's info, Developer Tools, and run `xpost account login`";
        Err(Fault::new(Kind::Auth, message))
    }

    async fn revoke(&self, _: &Desk<'_>, _: &Secrets, _: &Facts) -> Result<(), Fault> {
        let message = "Viber lets no program end a token; have a new one made in the channel's info, Developer Tools";
        Err(Fault::new(Kind::Unsupported, message))
    }
}

/// A webhook is seen by nobody.
fn harmless(fault: Fault) -> Fault {
    Fault { effect: Effect::None, ..fault }
}
