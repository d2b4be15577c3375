//! What a delivery says, in the shape that its receiver reads.

use chrono::SecondsFormat;
use minijinja::{Environment, UndefinedBehavior};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use crate::platform::{AccountInfo, Ask, MediaUse, Piece, PlanNote, Post};
use crate::text::Markup;

/// The shape of the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `{"type", "timestamp", "data"}` of Standard Webhooks.
    Standard,
    /// `{"text"}` in Slack's dialect, which many self-hosted chats read too.
    Slack,
    /// `{"content"}`.
    Discord,
    /// `{"text"}` in Markdown.
    Mattermost,
    /// The user's own JSON.
    Template,
}

/// What stands in `format`.
pub(super) const FORMATS: &[&str] = &["standard", "slack", "discord", "mattermost", "template"];

/// What stands in `media`: a URL of each medium is wanted whatever it takes, or never. Unset: there is one in the standard format if there
/// is a media host.
pub(super) const MEDIA: &[&str] = &["url", "described"];

/// Stands for what is only known of a medium when it is sent: its URL; its size and hash where it is made first.
fn place(what: &str, at: usize) -> String {
    format!("{{media-{what}:{at}}}")
}

/// Addresses of the part's media in their order; none where none are told.
pub(super) type Urls = Vec<SecretString>;

/// Standard Webhooks wants payloads below 20 KB.
const MOST: usize = 20_000;

impl Format {
    /// The format of the account.
    ///
    /// # Errors
    /// A word that is none.
    pub fn of(account: Option<&AccountInfo>) -> Result<Format, String> {
        let named = account.map_or("", |account| account.setting("format"));
        Ok(match named {
            "" | "standard" => Format::Standard,
            "slack" => Format::Slack,
            "discord" => Format::Discord,
            "mattermost" => Format::Mattermost,
            "template" => Format::Template,
            _ => return Err(format!("`{named}` is no format of a webhook; one of `{}`", FORMATS.join("`, `"))),
        })
    }
}

/// The payload, apart from the identity of the part, which is not known yet.
pub(super) fn encode(ask: &Ask, piece: &mut Piece) -> Result<Value, String> {
    let format = Format::of(ask.account)?;
    for MediaUse { media, .. } in piece.media.iter().filter(|_| !linked(ask)) {
        let by_url = format == Format::Standard && ask.account.is_none_or(|account| account.setting("media").is_empty());
        let how = if by_url { "described, and linked to if there is a media host" } else { "only described" };
        let note = format!("a webhook carries no file: `{}` is {how}", media.name);
        piece.notes.push(PlanNote::new("media_described", note).part(piece.index + 1));
    }
    let payload = match format {
        Format::Standard => {
            let mut data = data(ask, piece);
            if let Some(more) = ask.content.option("data") {
                let more = more.as_object().ok_or("`data` must be a table")?;
                data.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            json!({"type": "post.published", "data": data})
        }
        Format::Slack => json!({"text": chat(ask, piece, Markup::Mrkdwn, "*")}),
        Format::Discord => {
            // no ping unless the receiver's own people write one
            json!({"content": chat(ask, piece, Markup::Discord, "**"), "allowed_mentions": {"parse": []}})
        }
        Format::Mattermost => json!({"text": chat(ask, piece, Markup::Markdown, "**")}),
        Format::Template => {
            let template = ask.account.map_or("", |account| account.setting("template"));
            fill(template, &Value::Object(data(ask, piece)))?
        }
    };
    let size = payload.to_string().len();
    // room for the identity that `bytes` adds
    if matches!(format, Format::Standard | Format::Template) && size > MOST - 500 {
        return Err(format!("the payload would be {size} bytes, more than the {MOST} that a webhook should have; shorten the text"));
    }
    Ok(payload)
}

/// Whether the account wants a URL of each medium.
fn linked(ask: &Ask) -> bool {
    ask.account.is_some_and(|account| account.setting("media") == MEDIA[0])
}

/// All that is known of the part.
fn data(ask: &Ask, piece: &Piece) -> Map<String, Value> {
    let content = ask.content;
    let plain = Markup::Plain.encode(&Markup::Plain.fit(&piece.text));
    let mut data = Map::new();
    let mut put = |key: &str, value: Value| {
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            _ => false,
        };
        if !empty || key == "text" {
            data.insert(key.to_string(), value);
        }
    };
    put("text", json!(plain));
    put("html", json!(Markup::Html.encode(&piece.text)));
    put("title", json!(piece.title));
    put("part", json!(piece.index + 1));
    put("parts", json!(piece.of));
    put("lang", json!(content.lang));
    put("visibility", json!(content.visibility));
    put("warning", json!(content.warning));
    if piece.index == 0 {
        put("summary", json!(content.summary));
        put("link", json!(content.link));
        put("tags", json!(content.tags));
    }
    let media = piece.media.iter().enumerate().map(|(at, MediaUse { media, alt, .. })| {
        let mut one = json!({
            "name": media.name, "mime": media.mime, "bytes": media.bytes, "width": media.width, "height": media.height,
            "sha256": media.sha256, "alt": alt.clone().unwrap_or_default(),
        });
        // what is not known before it is made
        if media.fit.is_some() {
            one["bytes"] = json!(place("bytes", at));
            one["sha256"] = json!(place("sha256", at));
        }
        if linked(ask) {
            one["url"] = json!(place("url", at));
        }
        one
    });
    put("media", media.collect());
    data
}

/// One text for a chat: title, text, link and tags that are not in it yet.
fn chat(ask: &Ask, piece: &Piece, markup: Markup, strong: &str) -> String {
    let mut blocks = Vec::new();
    if let Some(title) = &piece.title {
        let title = markup.encode(&crate::text::Text::plain(title.clone()));
        blocks.push(format!("{strong}{title}{strong}"));
    }
    blocks.push(markup.encode(&piece.text));
    if piece.index == 0 {
        let plain = Markup::Plain.encode(&Markup::Plain.fit(&piece.text));
        if let Some(link) = ask.content.link.as_ref().filter(|link| !plain.contains(link.as_str())) {
            blocks.push(link.clone());
        }
        let missing = ask.content.tags.iter().map(|tag| format!("#{tag}")).filter(|tag| !plain.contains(tag.as_str()));
        blocks.push(missing.collect::<Vec<_>>().join(" "));
    }
    for (at, MediaUse { alt, .. }) in piece.media.iter().enumerate() {
        blocks.extend(alt.as_ref().map(|alt| format!("[{alt}]")));
        blocks.extend(linked(ask).then(|| place("url", at)));
    }
    blocks.retain(|block| !block.is_empty());
    blocks.join("\n\n")
}

/// Fills the user's JSON: placeholders stand inside its strings, so whatever the text holds, the result is JSON. A string that is one
/// placeholder and nothing else becomes the value itself: `"{{ tags }}"` a list.
fn fill(template: &str, data: &Value) -> Result<Value, String> {
    if template.trim().is_empty() {
        return Err("`format = \"template\"` needs `template`, a JSON text with `{{ text }}` in it".to_string());
    }
    let shape: Value =
        serde_json::from_str(template).map_err(|error| format!("`template` is not JSON: {error}; placeholders go inside of strings"))?;
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    // every name is there, so that a template need not ask whether a draft has a title
    let mut all = json!({
        "text": "", "html": "", "title": "", "summary": "", "link": "", "lang": "", "visibility": "", "warning": "", "tags": [], "media": [],
    });
    if let (Some(all), Some(data)) = (all.as_object_mut(), data.as_object()) {
        all.extend(data.clone());
    }
    walk(&environment, shape, &minijinja::Value::from(minijinja::value::Serde(all)))
}

fn walk(environment: &Environment, shape: Value, data: &minijinja::Value) -> Result<Value, String> {
    let fail = |text: &str, error: minijinja::Error| format!("`template`, at `{text}`: {error}");
    Ok(match shape {
        Value::String(text) if text.contains("{{") || text.contains("{%") => {
            let alone = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).filter(|inner| !inner.contains("{{"));
            if let Some(inner) = alone {
                let value = environment
                    .compile_expression(inner.trim())
                    .and_then(|expression| expression.eval(data.clone()))
                    .map_err(|error| fail(&text, error))?;
                if value.is_undefined() {
                    return Err(format!("`template` names `{}`, which is not known", inner.trim()));
                }
                serde_json::to_value(value).map_err(|error| format!("`template`, at `{text}`: {error}"))?
            } else {
                Value::String(environment.render_str(&text, data.clone()).map_err(|error| fail(&text, error))?)
            }
        }
        Value::Array(list) => {
            Value::Array(list.into_iter().map(|one| walk(environment, one, data)).collect::<Result<_, _>>()?)
        }
        Value::Object(map) => Value::Object(
            map.into_iter().map(|(key, one)| Ok((key, walk(environment, one, data)?))).collect::<Result<_, String>>()?,
        ),
        other => other,
    })
}

/// The bytes to sign and send: the payload, in the standard format with the part's identity, the same at every try. `urls` of its media
/// go where they belong.
pub(super) fn bytes(format: Format, post: &Post, urls: &Urls) -> Vec<u8> {
    let mut payload = post.payload.clone();
    if format == Format::Standard
        && let Some(envelope) = payload.as_object_mut()
    {
        envelope.insert("timestamp".to_string(), json!(post.created.to_rfc3339_opts(SecondsFormat::Millis, true)));
        if let Some(data) = envelope.get_mut("data").and_then(Value::as_object_mut) {
            data.insert("id".to_string(), json!(post.uuid()));
            if let (Some(root), Some(parent)) = (&post.root, &post.parent) {
                data.insert("thread".to_string(), json!({"root": root.id, "parent": parent.id}));
            }
            let list = data.get_mut("media").and_then(Value::as_array_mut).into_iter().flatten();
            for (medium, url) in list.zip(urls) {
                medium["url"] = json!(url.expose_secret());
            }
        }
    }
    put(&mut payload, post, urls);
    payload.to_string().into_bytes()
}

/// Puts what is known now where [`place`] stands.
fn put(value: &mut Value, post: &Post, urls: &Urls) {
    match value {
        Value::String(text) if text.contains("{media-") => {
            for (at, MediaUse { media, .. }) in post.media.iter().enumerate() {
                if *text == place("bytes", at) {
                    *value = json!(media.bytes);
                    return;
                }
                *text = text.replace(&place("bytes", at), &media.bytes.to_string());
                *text = text.replace(&place("sha256", at), &media.sha256);
                if let Some(url) = urls.get(at) {
                    *text = text.replace(&place("url", at), url.expose_secret());
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|one| put(one, post, urls)),
        Value::Object(map) => map.values_mut().for_each(|one| put(one, post, urls)),
        _ => {}
    }
}
