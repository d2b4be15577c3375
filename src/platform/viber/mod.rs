//! Viber: posts to a channel, with the token that its super-admins find in the app.
//!
//! Viber answers 200 to everything and says by a number what it means; it gives no address of a post and no way to read one back.

mod encode;
mod explain;
mod login;
#[cfg(test)]
mod tests;
mod twin;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{
    AccountInfo, Ask, Cx, Extra, Field, FieldKind, FileRule, ImageRule, MediaRule, Piece, Platform, Post, Profile,
    Ready, Receipt, Rendered, Repeat, Server, Spec, TextRule, Title, TwinAccount, VideoRule, payload_error,
};
use crate::login::Login;
use crate::net::{Answer, Effect, Fault, Kind, Method, Request};
use crate::text::{Markup, Unit};
use crate::twin::Twin;

/// Viber's channels.
#[derive(Debug)]
pub struct Network;

const SERVER: &str = "https://chatapi.viber.com";

static SPEC: Spec = Spec {
    name: "viber",
    title: "Viber",
    about: "posts to a Viber channel",
    checked: "2026-11-22",
    sources: &[
        "https://developers.viber.com/docs/tools/channels-post-api/ (7.3.0)",
        "https://developers.viber.com/docs/api/rest-bot-api/",
    ],
    server: Server::Fixed(SERVER),
    fields: &[
        Field {
            name: "token",
            kind: FieldKind::Secret,
            required: true,
            help: "the channel's token: channel info > Developer Tools, for super-admins",
        },
        Field {
            name: "webhook",
            kind: FieldKind::Text,
            required: false,
            help: "an https address of yours that answers every POST with 200; Viber wants one before the first post",
        },
        Field {
            name: "from",
            kind: FieldKind::Text,
            required: false,
            help: "the id of the super-admin in whose name posts are; left empty, the channel's first",
        },
    ],
    text: TextRule {
        markup: Markup::Plain,
        unit: Unit::Scalars,
        max: Some(7000),
        // the whole request may have 30 kB
        also: Some((Unit::Bytes, 28_000)),
        // 512, 768 and 120 are documented in different places; the middle one is not risked
        caption: Some(512),
        optional: true,
    },
    title_rule: Title::Line,
    media: MediaRule {
        max: 1,
        image: Some(ImageRule {
            max: 1,
            bytes: 1_000_000,
            pixels: None,
            side: None,
            mimes: &["image/jpeg", "image/png"],
        }),
        // 26 MB are documented; 50 MB were seen to work, which `max_video_bytes` may say
        video: Some(VideoRule { max: 1, bytes: 26_000_000, mimes: &["video/mp4"] }),
        file: Some(FileRule { max: 1, bytes: 50_000_000, mimes: &[], mixed: false }),
        ..MediaRule::NONE
    },
    repeat: Repeat::Never,
    ..Spec::PLAIN
};

#[async_trait]
impl Platform for Network {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn extras(&self) -> &'static [Extra] {
        &[Extra::Thumbnail]
    }

    fn render(&self, ask: &Ask) -> Rendered {
        encode::render(self, ask)
    }

    fn encode(&self, ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
        encode::encode(ask, piece)
    }

    /// Puts the media where Viber fetches them.
    async fn prepare(&self, cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
        sender(cx)?;
        addresses(cx, post).await?;
        Ok(Ready::Now(Value::Null))
    }

    async fn publish(&self, cx: &Cx<'_>, post: &Post, _ready: &Value) -> Result<Receipt, Fault> {
        let mut body = post.payload.as_object().cloned().ok_or_else(|| Fault::local("the planned request is empty"))?;
        body.insert("from".into(), json!(sender(cx)?));
        if let Some(one) = post.media.first().filter(|one| one.media.class() != "image") {
            body.insert("size".into(), json!(one.media.bytes));
        }
        for (name, address) in addresses(cx, post).await? {
            body.insert(name.into(), json!(address.expose_secret()));
        }
        let answer = cx.call(request("/pa/post", &cx.secret("token")?).json(Value::Object(body))).await?;
        let id = id(&answer.value()["message_token"]).ok_or_else(|| payload_error(&answer, "message_token"))?;
        Ok(Receipt::new(id, None))
    }

    async fn whoami(&self, cx: &Cx<'_>) -> Result<Profile, Fault> {
        let (answer, info) = info(cx).await?;
        let id = info["id"].as_str().ok_or_else(|| payload_error(&answer, "id"))?;
        let name = info["name"].as_str().unwrap_or(id);
        let own = cx.account.setting("from").trim();
        let admins = admins(&info);
        if !own.is_empty() && !admins.iter().any(|(id, _)| id == own) {
            let list: Vec<String> = admins.iter().map(|(id, name)| format!("`{id}` ({name})")).collect();
            let message = format!("`from` = `{own}` is no super-admin of `{name}`; these are: {}", list.join(", "));
            return Err(Fault::new(Kind::Forbidden, message));
        }
        if own.is_empty() && admins.is_empty() {
            let message = format!("Viber names no super-admin of `{name}`; give the id of one with `--set from=…`");
            return Err(Fault::new(Kind::Forbidden, message));
        }
        // older answers do not say whether there is one
        if info["webhook"].as_str().is_some_and(str::is_empty) {
            return Err(explain::no_webhook(&cx.account.name));
        }
        Ok(Profile { id: id.to_string(), handle: name.to_string(), url: None })
    }

    async fn discover(&self, cx: &Cx<'_>) -> Result<Value, Fault> {
        let (_, info) = info(cx).await?;
        let first = admins(&info).first().map(|(id, _)| id.clone());
        Ok(json!({"name": info["name"], "from": first}))
    }

    fn explain(&self, answer: &Answer) -> Option<Fault> {
        explain::explain(answer)
    }

    fn logins(&self) -> &'static [Login] {
        login::LOGINS
    }

    fn fetches(&self, _account: &AccountInfo, _class: &str) -> bool {
        true
    }

    fn twin(&self) -> Box<dyn Twin> {
        Box::new(twin::Viber::default())
    }

    fn twin_account(&self, n: usize, _home: &std::path::Path) -> TwinAccount {
        TwinAccount {
            server: SERVER.into(),
            settings: json!({}),
            secrets: [("token".to_string(), SecretString::from(twin::token(n)))].into(),
        }
    }

    fn setup(&self) -> &'static str {
        include_str!("setup.md")
    }
}

fn request(path: &str, token: &SecretString) -> Request {
    let token = SecretString::from(token.expose_secret().trim().to_string());
    Request::new(Method::POST, format!("{SERVER}{path}")).secret_header("x-viber-auth-token", token)
}

/// What Viber says of the channel; asked with `POST`, but it only reads.
async fn info(cx: &Cx<'_>) -> Result<(Answer, Value), Fault> {
    let asked = cx.call(request("/pa/get_account_info", &cx.secret("token")?).json(json!({}))).await;
    let answer = asked.map_err(|fault| Fault { effect: Effect::None, ..fault })?;
    let info = answer.value();
    if !info["status"].is_i64() {
        return Err(Fault { effect: Effect::None, ..payload_error(&answer, "status") });
    }
    Ok((answer, info))
}

/// Ids and names of those who may post.
fn admins(info: &Value) -> Vec<(String, String)> {
    let members = info["members"].as_array().into_iter().flatten();
    let admins = members.filter(|member| member["role"] == "superadmin");
    let text = |member: &Value, key: &str| member[key].as_str().unwrap_or_default().to_string();
    admins.map(|admin| (text(admin, "id"), text(admin, "name"))).filter(|(id, _)| !id.is_empty()).collect()
}

/// In whose name the post is.
fn sender(cx: &Cx<'_>) -> Result<String, Fault> {
    let own = cx.account.setting("from").trim();
    let known = if own.is_empty() { cx.account.about["from"].as_str().unwrap_or_default() } else { own };
    if known.is_empty() {
        let name = &cx.account.name;
        return Err(Fault::local(format!("it is not known in whose name to post; run `xpost account check {name}`")));
    }
    Ok(known.to_string())
}

/// Where Viber fetches the part's medium and its thumbnail, by the names of the request. May be signed.
async fn addresses(cx: &Cx<'_>, post: &Post) -> Result<Vec<(&'static str, SecretString)>, Fault> {
    let Some(one) = post.media.first() else { return Ok(Vec::new()) };
    let mut all = vec![("media", cx.public_url(&one.media).await?.url)];
    if let Some(thumbnail) = one.extras.thumbnail.as_ref().filter(|_| post.payload.get("thumbnail").is_some()) {
        all.push(("thumbnail", cx.public_url(thumbnail).await?.url));
    }
    Ok(all)
}

/// A number of 64 bits, as number or text.
fn id(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}
