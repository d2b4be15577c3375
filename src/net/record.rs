//! Records exchanges as text, secrets replaced: how a platform's wire files start.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::header::HeaderMap;

use super::door::Answer;
use super::fault::Fault;
use super::redact::{Redactor, hide_fields, hide_pairs};
use super::request::{Body, Request};

/// The request half, taken down before the request is consumed.
pub(super) fn request(request: &Request, headers: &HeaderMap) -> String {
    let mut url = request.shown_url.clone().unwrap_or_else(|| request.url.clone());
    if !request.query.is_empty() {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.query).finish();
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&query);
    }
    let mut text = format!("> {} {url}\n", request.method);
    for (name, value) in headers {
        let value = if value.is_sensitive() { "[secret]" } else { value.to_str().unwrap_or("[binary]") };
        let _ = writeln!(text, "> {name}: {value}");
    }
    let body = match &request.body {
        Body::Empty => String::new(),
        Body::Json(value) => pretty(value.clone()),
        Body::Form(pairs) => {
            let plain = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            let secret = request.secret_form.iter().map(|(name, _)| format!("{name}=[secret]"));
            std::iter::once(hide_pairs(&plain)).chain(secret).collect::<Vec<_>>().join("&")
        }
        Body::Bytes(_, bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Body::File(part) => format!("[{} bytes of {}]", part.bytes, part.mime),
        Body::Slice(slice) => format!("[{} bytes of {} from {}]", slice.length, slice.file.mime, slice.at),
        Body::FormSlice(fields, name, slice) => fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .chain([format!("{name}: [{} bytes of {} from {}]", slice.length, slice.file.mime, slice.at)])
            .collect::<Vec<_>>()
            .join("\n"),
        Body::Multipart(fields, files) => fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .chain(
                files
                    .iter()
                    .map(|(name, part)| format!("{name}: [{} bytes of {}, {}]", part.bytes, part.mime, part.name)),
            )
            .collect::<Vec<_>>()
            .join("\n"),
    };
    if !body.is_empty() {
        text.push_str(">\n");
        for line in body.lines() {
            let _ = writeln!(text, "> {line}");
        }
    }
    text
}

/// Writes the whole exchange to the next free file of the directory.
pub(super) fn write(directory: &Path, redactor: &Redactor, mut text: String, answer: &Answer) -> Result<(), Fault> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let _ = writeln!(text, "< {}", answer.status);
    for (name, value) in &answer.headers {
        let value = if name == "set-cookie" { "[secret]" } else { value.to_str().unwrap_or("[binary]") };
        let _ = writeln!(text, "< {name}: {value}");
    }
    let body = match serde_json::from_slice::<serde_json::Value>(&answer.body) {
        Ok(value) => pretty(value),
        Err(_) => hide_pairs(&String::from_utf8_lossy(&answer.body)),
    };
    if !body.is_empty() {
        text.push_str("<\n");
        for line in body.lines() {
            let _ = writeln!(text, "< {line}");
        }
    }
    let fail = |error: std::io::Error| Fault::local(format!("cannot record to `{}`: {error}", directory.display()));
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    // no secrets, but drafts, and who they were sent to
    #[cfg(unix)]
    {
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    builder.create(directory).map_err(fail)?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let file = directory.join(format!("{}-{number:03}.http", std::process::id()));
    options.open(file).and_then(|mut file| file.write_all(redactor.clean(&text).as_bytes())).map_err(fail)
}

/// JSON on several lines, without what its keys say is secret.
fn pretty(mut value: serde_json::Value) -> String {
    hide_fields(&mut value);
    serde_json::to_string_pretty(&value).unwrap_or_default()
}
