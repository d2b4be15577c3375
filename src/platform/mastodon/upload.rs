//! One medium on its way to the server.

use chrono::Utc;
use serde_json::json;

use super::server::Server;
use super::{UPLOAD_KEPT, Upload, api};
use crate::media::Media;
use crate::net::{Body, Effect, Fault, FilePart, Method, Request};
use crate::platform::{Cx, MediaUse, payload_error};

/// Uploads one medium, or takes one that was uploaded before and never used.
pub async fn upload(cx: &Cx<'_>, medium: &MediaUse, taken: &[Upload], reuse: bool) -> Result<Upload, Fault> {
    let token = cx.secret("token")?;
    let base = &cx.account.server;
    let alt = medium.alt.as_deref().unwrap_or_default();
    // another alt is another upload; what a status has used once cannot be used again, and Mastodon answers 404 for it. Other
    // servers do not tell, so there nothing is used again.
    let mut kind = format!("media {alt}");
    let extras = &medium.extras;
    if let Some(focus) = extras.focus {
        kind.push_str(&format!(" focus {focus}"));
    }
    if let Some(thumbnail) = &extras.thumbnail {
        kind.push_str(&format!(" thumbnail {}", thumbnail.sha256));
    }
    let reuse = reuse && Server::of(Some(cx.account)).mastodon();
    if reuse
        && let Some(id) = cx.sink.uploaded(&medium.media.sha256, &kind).await?.as_ref().and_then(api::id)
        && taken.iter().all(|upload| upload.id != id)
        && let Ok(answer) = cx.call(stored(base, &id).bearer(&token)).await
    {
        return Ok(Upload { id, ready: answer.status != 206, again: false });
    }
    cx.sink.progress(&format!("uploading {}", medium.media.name));
    let request = |version: &str| {
        let mut fields = Vec::new();
        if !alt.is_empty() {
            fields.push(("description".to_string(), alt.to_string()));
        }
        fields.extend(extras.focus.map(|focus| ("focus".to_string(), focus.to_string())));
        let part = |name: &str, media: &Media| {
            let file = FilePart {
                path: media.path.clone(),
                name: media.name.clone(),
                mime: media.mime.clone(),
                bytes: media.bytes,
            };
            (name.to_string(), file)
        };
        let files = std::iter::once(part("file", &medium.media))
            .chain(extras.thumbnail.iter().map(|thumbnail| part("thumbnail", thumbnail)))
            .collect();
        api::request(base, Method::POST, &format!("/api/{version}/media"))
            .bearer(&token)
            .body(Body::Multipart(fields, files))
    };
    let answer = match cx.call(request("v2")).await {
        Err(fault) if matches!(fault.status, Some(404 | 405)) => cx.call(request("v1")).await,
        other => other,
    }
    .map_err(unseen)?;
    let id = api::id(&answer.value()["id"]).ok_or_else(|| unseen(payload_error(&answer, "id")))?;
    let until = Utc::now() + UPLOAD_KEPT;
    cx.sink.remember_upload(&medium.media.sha256, &kind, &json!(id), until).await?;
    Ok(Upload { id, ready: answer.status != 202, again: false })
}

/// The question what has become of an upload.
pub fn stored(server: &str, id: &str) -> Request {
    api::request(server, Method::GET, &format!("/api/v1/media/{id}"))
}

/// An upload that failed half-way is seen by nobody.
pub fn unseen(fault: Fault) -> Fault {
    Fault { effect: Effect::None, ..fault }
}
