//! WhatsApp: messages of a business's number to people who want them, by the Cloud API.
//!
//! There are no posts here: a message goes to one person. An account names the people, and each message to each of them is a part of
//! its own in the journal, so that none gets one twice, whatever happens in between. Nothing recognises a repeat, and nothing can be
//! read back (what becomes of a message is told to webhooks alone), so after a lost answer a person has to say.

mod encode;
mod twin;

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::graph::{self, Meaning, meaning};
use super::upload::file;
use super::{
    Ask, Card, Cx, Field, FieldKind, FileRule, ImageRule, Limits, MediaRule, Piece, Platform, Post, Profile, Ready,
    Receipt, Rendered, Repeat, Server, Spec, TextRule, TwinAccount, VideoRule, payload_error,
};
use crate::net::{Answer, Body, Effect, Fault, Kind, Method};
use crate::text::Unit;
use crate::twin::Twin;

/// The network.
pub struct Network;

/// An uploaded file is kept for 30 days; forget it before.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media>, 2026-11-21.
const KEPT: TimeDelta = TimeDelta::days(28);

static SPEC: Spec = Spec {
    name: "whatsapp",
    title: "WhatsApp",
    about: "messages of a business's number to the people that the account names (Cloud API)",
    checked: "2026-11-22",
    sources: &[
        "https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages",
        "https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media",
        "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes",
        "https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput",
    ],
    server: Server::Fixed("https://graph.facebook.com"),
    api: Some(graph::API),
    fields: &[
        Field {
            name: "token",
            kind: FieldKind::Secret,
            required: true,
            help: "access token of a system user with `whatsapp_business_messaging`",
        },
        Field {
            name: "phone",
            kind: FieldKind::Text,
            required: true,
            help: "phone number ID of the number that writes: WhatsApp > API Setup (not the number itself)",
        },
        Field {
            name: "to",
            kind: FieldKind::List,
            required: true,
            help: "numbers of the people who get the messages, with country code, with commas between them: `+15551234567`",
        },
        Field {
            name: graph::VERSION,
            kind: FieldKind::Text,
            required: false,
            help: "another version of the Graph API: `v25.0`",
        },
    ],
    options: &[
        Field {
            name: "template",
            kind: FieldKind::Text,
            required: false,
            help: "name of an approved template: the only thing that reaches people who did not write within 24 hours",
        },
        Field {
            name: "language",
            kind: FieldKind::Text,
            required: false,
            help: "language of the template as it is registered, `en_US`; else the draft's `lang`",
        },
        Field {
            name: "parameters",
            kind: FieldKind::List,
            required: false,
            help: "what stands for {{1}}, {{2}} … of the template; without it the draft's text stands for {{1}}",
        },
        Field {
            name: "preview",
            kind: FieldKind::Bool,
            required: false,
            help: "`false`: no preview of the first link",
        },
    ],
    text: TextRule {
        unit: Unit::Scalars,
        max: Some(4096),
        caption: Some(1024),
        optional: true,
        ..Spec::PLAIN.text
    },
    media: MediaRule {
        max: 1,
        image: Some(ImageRule {
            max: 1,
            bytes: 5_000_000,
            pixels: None,
            side: None,
            mimes: &["image/jpeg", "image/png"],
        }),
        video: Some(VideoRule {
            max: 1,
            bytes: 16_000_000,
            mimes: &["video/mp4", "video/3gpp", "audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"],
        }),
        file: Some(FileRule { max: 1, bytes: 100_000_000, mimes: &["application/pdf"], mixed: false }),
        ..MediaRule::NONE
    },
    threads: true,
    languages: true,
    card: Card::Network,
    repeat: Repeat::Never,
    document: Some("whatsapp"),
    ..Spec::PLAIN
};

/// WhatsApp's own numbers.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes>, 2026-11-21.
const OWN: &[Meaning] = &[
    meaning(131_047, None, Kind::Rejected, "nothing but an approved template reaches who did not write within 24 hours; set `[on.whatsapp] template`"),
    meaning(131_026, None, Kind::Rejected, "the number has no WhatsApp, an old one, or has not agreed to its terms"),
    meaning(131_030, None, Kind::Rejected, "an app in development writes to numbers of its own list alone: WhatsApp > API Setup > To"),
    meaning(131_051, None, Kind::Rejected, ""),
    meaning(131_052, None, Kind::Rejected, ""),
    meaning(131_053, None, Kind::Rejected, "the file is not what WhatsApp takes; look at its format"),
    meaning(131_049, None, Kind::Rejected, "WhatsApp holds marketing back from this person for now; wait a day at least"),
    meaning(130_472, None, Kind::Rejected, "this person is in a group of WhatsApp's that gets no marketing; try another day"),
    meaning(131_031, None, Kind::Forbidden, "the business account is locked; look at WhatsApp Manager"),
    meaning(131_042, None, Kind::Billing, "look at the payment method in WhatsApp Manager"),
    meaning(131_005, None, Kind::Forbidden, "the token lacks `whatsapp_business_messaging`"),
    meaning(133_010, None, Kind::Forbidden, "the number is not registered with the Cloud API yet; `xpost account add whatsapp --help-setup` says how"),
    meaning(132_000, None, Kind::Rejected, "the template wants another number of `parameters`"),
    meaning(132_001, None, Kind::Rejected, "there is no such template in this language, or it is not approved yet"),
    meaning(132_005, None, Kind::Rejected, "with its parameters the template is too long"),
    meaning(132_007, None, Kind::Rejected, "the template's parameters are against the rules"),
    meaning(132_012, None, Kind::Rejected, "the template's parameters have another form"),
    meaning(132_015, None, Kind::Rejected, "WhatsApp has paused the template for its bad marks"),
    meaning(132_016, None, Kind::Rejected, "WhatsApp has switched the template off for its bad marks"),
    meaning(130_429, None, Kind::Limited, ""),
    meaning(131_056, None, Kind::Limited, "too many messages to one person at once"),
    meaning(131_048, None, Kind::Limited, "people have blocked or reported the number; look at its quality in WhatsApp Manager"),
    meaning(80_007, None, Kind::Limited, ""),
    Meaning { code: 131_000, subcode: None, kind: Kind::Unavailable, effect: Effect::Maybe, hint: "" },
    Meaning { code: 131_016, subcode: None, kind: Kind::Unavailable, effect: Effect::Maybe, hint: "" },
    meaning(133_004, None, Kind::Unavailable, ""),
];

/// About one message in six seconds reaches the same person.
const PAIR: TimeDelta = TimeDelta::seconds(6);

/// What `prepare` has finished.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// The uploaded file.
    media: Option<String>,
}

/// The id of the number that writes.
///
/// # Errors
/// It is none; somebody may have taken the number itself.
fn phone<'a>(cx: &'a Cx<'_>) -> Result<&'a str, Fault> {
    let phone = cx.account.setting("phone").trim();
    if phone.is_empty() || !phone.bytes().all(|byte| byte.is_ascii_digit()) {
        let name = &cx.account.name;
        let why = format!("account `{name}`: `phone` must be a phone number ID, which has digits alone, not `{phone}`");
        return Err(Fault::local(why));
    }
    Ok(phone)
}

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn limits(&self, _: &Value) -> Limits {
        Limits::of(&SPEC)
    }

    /// The rule for all, once for each person.
    fn render(&self, ask: &Ask) -> Rendered {
        encode::render(&SPEC, ask)
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        encode::encode(ask, piece)
    }

    async fn prepare(&self, cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
        let mut state: State = serde_json::from_value(post.state.clone()).unwrap_or_default();
        let Some(one) = post.media.first() else { return Ok(Ready::Now(Value::Null)) };
        if state.media.is_none() {
            let kept = cx.sink.uploaded(&one.media.sha256, "media").await?;
            state.media = kept.as_ref().and_then(Value::as_str).map(str::to_string);
            if state.media.is_none() {
                cx.sink.progress(&format!("uploading {}", one.media.name));
                let fields = [("messaging_product", "whatsapp"), ("type", one.media.mime.as_str())];
                let fields = fields.map(|(name, value)| (name.to_string(), value.to_string())).into();
                let request = graph::request(cx, Method::POST, &format!("{}/media", phone(cx)?))?;
                let body = Body::Multipart(fields, vec![("file".to_string(), file(&one.media))]);
                // a file that nobody is sent is seen by nobody
                let unseen = |fault| Fault { effect: Effect::None, ..fault };
                let answer = cx.call(request.body(body)).await.map_err(unseen)?;
                let id = answer.value()["id"].as_str().map(str::to_string);
                let id = id.ok_or_else(|| unseen(payload_error(&answer, "id")))?;
                cx.sink.remember_upload(&one.media.sha256, "media", &json!(id), Utc::now() + KEPT).await?;
                state.media = Some(id);
            }
            cx.save(&json!(state)).await?;
        }
        Ok(Ready::Now(json!(state)))
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Receipt, Fault> {
        let state: State = serde_json::from_value(ready.clone()).unwrap_or_default();
        let body = encode::finished(post, state.media.as_deref());
        let request = graph::request(cx, Method::POST, &format!("{}/messages", phone(cx)?))?;
        let answer = cx.call(request.json(body)).await?;
        let value = answer.value();
        let message = &value["messages"][0];
        let id = message["id"].as_str().ok_or_else(|| payload_error(&answer, "messages"))?;
        let held = message["message_status"].as_str().filter(|status| *status != "accepted");
        if let Some(status) = held {
            cx.sink.progress(&format!("WhatsApp has taken the message and holds it back for now: `{status}`"));
        }
        Ok(Receipt::new(id, None).extra(json!({"to": post.payload["to"], "status": message["message_status"]})))
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        let phone = phone(cx)?;
        let request = graph::request(cx, Method::GET, phone)?.query("fields", "id,display_phone_number,verified_name");
        let answer = cx.call(request).await?;
        let value = answer.value();
        let text = |key: &str| value[key].as_str().filter(|text| !text.is_empty()).map(str::to_string);
        let number = text("display_phone_number").ok_or_else(|| payload_error(&answer, "display_phone_number"))?;
        let handle = text("verified_name").map_or_else(|| number.clone(), |name| format!("{name} ({number})"));
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        let id = text("id").unwrap_or_else(|| phone.to_string());
        Ok(Profile { id, handle, url: Some(format!("https://wa.me/{digits}")) })
    }

    async fn discover(&self, cx: &Cx<'_>) -> Result<Value, Fault> {
        let request = graph::request(cx, Method::GET, phone(cx)?)?.query("fields", "id,quality_rating");
        let answer = cx.call(request).await?;
        Ok(json!({ "quality": answer.value()["quality_rating"] }))
    }

    fn explain(&self, answer: &Answer) -> Option<Fault> {
        let mut fault = graph::explain(answer, OWN)?;
        if graph::code(&fault) == Some(131_056) {
            fault.retry_at = fault.retry_at.or(Some(answer.at + PAIR));
        }
        Some(fault)
    }

    fn twin(&self) -> Box<dyn Twin> {
        Box::<twin::WhatsappTwin>::default()
    }

    fn twin_account(&self, n: usize, _home: &std::path::Path) -> TwinAccount {
        twin::account(n)
    }

    fn setup(&self) -> &'static str {
        include_str!("setup.md")
    }
}

#[cfg(test)]
mod tests;
