//! What a server says of itself, and what follows from it.

use serde_json::{Map, Value, json};

use super::SPEC;
use super::api::{self, number};
use crate::net::{Fault, Kind, Method};
use crate::platform::{AccountInfo, Cx, Limits};
use crate::text::Unit;

/// What is known of the server of an account.
#[derive(Debug, Clone, Copy)]
pub enum Server<'a> {
    /// No account: the published defaults of Mastodon.
    Stock,
    /// What [`discover`] found; `Null` if nobody asked yet.
    Found(&'a Value),
}

impl<'a> Server<'a> {
    pub fn of(account: Option<&'a AccountInfo>) -> Server<'a> {
        account.map_or(Server::Stock, |account| Server::Found(&account.about))
    }

    /// The name from its nodeinfo, lower case; empty while it is not known.
    pub fn software(&self) -> &'a str {
        match self {
            Server::Stock => "mastodon",
            Server::Found(about) => about["software"].as_str().unwrap_or_default(),
        }
    }

    /// For messages: `snac 2.75`, `this server`.
    pub fn title(&self) -> String {
        match (self, self.software()) {
            (_, "") => "this server".to_string(),
            (Server::Stock, _) => "Mastodon".to_string(),
            (Server::Found(about), name) => {
                let version = about["version"].as_str().unwrap_or_default();
                format!("{name} {version}").trim_end().to_string()
            }
        }
    }

    /// Mastodon itself and the forks that keep its server code.
    pub fn mastodon(&self) -> bool {
        matches!(self.software(), "mastodon" | "hometown" | "glitchsoc" | "chuckya")
    }

    pub fn pleroma(&self) -> bool {
        matches!(self.software(), "pleroma" | "akkoma")
    }

    /// The software remembers an Idempotency-Key for an hour. GoToSocial, snac and Takahē were seen to post a second time.
    pub fn remembers_keys(&self) -> bool {
        self.mastodon() || self.pleroma()
    }

    /// The key does more harm than good: Pixelfed saves it before the work is done and answers 400 to every repeat.
    pub fn trips_over_keys(&self) -> bool {
        self.software() == "pixelfed"
    }

    /// The list of an account's statuses holds everything to its owner, not only what is public.
    pub fn lists_everything(&self) -> bool {
        self.mastodon() || self.pleroma() || self.software() == "gotosocial"
    }

    pub fn polls(&self) -> bool {
        !matches!(self.software(), "snac" | "pixelfed" | "friendica")
    }

    /// Quotes came with API version 7 (Mastodon 4.5); older servers ignore the field without a word.
    pub fn quotes(&self) -> bool {
        match self {
            Server::Stock => true,
            Server::Found(about) => number(&about["api"]).is_some_and(|api| api >= 7),
        }
    }

    /// `content_type` values it takes beside plain text; empty where it takes none.
    pub fn formats(&self) -> Vec<&'a str> {
        match self {
            Server::Stock => Vec::new(),
            Server::Found(about) => {
                about["formats"].as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
            }
        }
    }

    /// How it counts: Mastodon gives URLs and mentions a discount, the others count what is there.
    fn unit(&self) -> Unit {
        match self.software() {
            "gotosocial" | "pleroma" | "akkoma" | "pixelfed" | "friendica" | "snac" | "iceshrimp" | "sharkey"
            | "firefish" | "misskey" => Unit::Scalars,
            _ => Unit::Mastodon,
        }
    }
}

/// The limits that follow from what [`discover`] found; what it did not find stays as Mastodon has it.
pub fn limits(about: &Value) -> Limits {
    let mut limits = Limits::of(&SPEC);
    let server = Server::Found(about);
    let get = |key: &str| number(&about[key]);
    limits.unit = server.unit();
    limits.text = get("text").map(|n| n as usize).or(limits.text);
    // Pleroma and Akkoma have no cap on attachments
    let media = get("media").map(|n| n as usize).or(server.pleroma().then_some(64)).unwrap_or(limits.media);
    (limits.media, limits.images) = (media, media);
    limits.alt = get("alt").map(|n| n as usize).or(limits.alt);
    limits.image_bytes = get("image_bytes").unwrap_or(limits.image_bytes);
    limits.image_pixels = get("image_pixels").or(limits.image_pixels);
    limits.video_bytes = get("video_bytes").unwrap_or(limits.video_bytes);
    if let Some(mimes) = about["mimes"].as_array().filter(|list| !list.is_empty()) {
        let (image, other): (Vec<String>, Vec<String>) =
            mimes.iter().filter_map(Value::as_str).map(str::to_string).partition(|mime| mime.starts_with("image/"));
        limits.image_mimes = image;
        limits.videos = limits.videos.min(other.len());
        limits.video_mimes = other;
    }
    if let Some(poll) = about["poll"].as_object() {
        let get = |key: &str| poll.get(key).and_then(number);
        limits.poll_options = get("options").map_or(limits.poll_options, |n| n as usize);
        limits.poll_option = get("option").map_or(limits.poll_option, |n| n as usize);
        limits.poll_seconds =
            (get("min").unwrap_or(limits.poll_seconds.0), get("max").unwrap_or(limits.poll_seconds.1));
    }
    limits
}

/// Asks the server: nodeinfo for its software, `/api/v2/instance` or, where that is not there, `/api/v1/instance` for its limits.
/// Needs no token, but shows it where the server asks for one.
///
/// # Errors
/// The server is not to be reached, or nothing it answers is that of a server with Mastodon's API.
pub async fn discover(cx: &Cx<'_>) -> Result<Value, Fault> {
    let mut about = Map::new();
    let mut refusal = None;
    if let Some(info) = nodeinfo(cx, &mut refusal).await? {
        let software = &info["software"];
        if let Some(name) = software["name"].as_str() {
            about.insert("software".into(), json!(name.to_lowercase()));
            about.insert("version".into(), software["version"].clone());
        }
        if let Some(formats) = info["metadata"]["postFormats"].as_array() {
            about.insert("formats".into(), json!(formats));
        }
    }
    let mut instance = None;
    for path in ["/api/v2/instance", "/api/v1/instance"] {
        instance = ask(cx, path, &mut refusal).await?.filter(|value| value["version"].is_string() || value["title"].is_string());
        if instance.is_some() {
            break;
        }
    }
    match instance {
        Some(instance) => read_instance(&instance, &mut about),
        None if about.is_empty() => {
            // a redirect names the right address, and a token that is refused everywhere is what to mend: both are better to know
            // than that nothing was found
            return Err(refusal.filter(|fault| matches!(fault.kind, Kind::Protocol | Kind::Auth)).unwrap_or_else(|| {
                let server = &cx.account.server;
                let why = format!("`{server}` does not answer like a server with Mastodon's API; check the account's `server`");
                Fault::new(Kind::Protocol, why)
            }));
        }
        None => {}
    }
    Ok(Value::Object(about))
}

/// The newest nodeinfo document that the server offers.
async fn nodeinfo(cx: &Cx<'_>, refusal: &mut Option<Fault>) -> Result<Option<Value>, Fault> {
    let Some(index) = ask(cx, "/.well-known/nodeinfo", refusal).await? else { return Ok(None) };
    let mut links: Vec<(&str, &str)> = index["links"]
        .as_array()
        .map(|links| links.iter().filter_map(|link| Some((link["rel"].as_str()?, link["href"].as_str()?))).collect())
        .unwrap_or_default();
    links.retain(|(rel, _)| rel.contains("nodeinfo") && (rel.ends_with("/2.0") || rel.ends_with("/2.1")));
    links.sort_by_key(|(rel, _)| std::cmp::Reverse(rel.to_string()));
    let Some((_, href)) = links.first() else { return Ok(None) };
    // only the path counts: no other host is asked because of what a server says
    let Ok(url) = url::Url::parse(&cx.account.server).and_then(|base| base.join(href)) else { return Ok(None) };
    ask(cx, url.path(), refusal).await
}

/// One GET whose refusal means "not here"; a JSON object or nothing.
async fn ask(cx: &Cx<'_>, path: &str, refusal: &mut Option<Fault>) -> Result<Option<Value>, Fault> {
    let request = || api::request(&cx.account.server, Method::GET, path);
    let mut answer = cx.call(request()).await;
    if let (Err(fault), Some(token)) = (&answer, cx.optional_secret("token"))
        && matches!(fault.kind, Kind::Auth | Kind::Forbidden)
    {
        answer = cx.call(request().bearer(&token)).await;
    }
    match answer {
        Ok(answer) => Ok(Some(answer.value()).filter(Value::is_object)),
        Err(fault) if fault.kind.transient() || fault.kind == Kind::Local => Err(fault),
        Err(fault) => {
            *refusal = Some(fault);
            Ok(None)
        }
    }
}

/// Both versions of the instance document, and the fields that Pleroma, Hometown and Pixelfed put at its top.
fn read_instance(instance: &Value, about: &mut Map<String, Value>) {
    let version = instance["version"].as_str().unwrap_or_default();
    if !about.contains_key("software")
        && let Some((name, version)) = claimed(version)
    {
        about.insert("software".into(), json!(name));
        about.insert("version".into(), json!(version));
    }
    let statuses = &instance["configuration"]["statuses"];
    let media = &instance["configuration"]["media_attachments"];
    let polls = &instance["configuration"]["polls"];
    let old_polls = &instance["poll_limits"];
    let first = |values: &[&Value]| values.iter().find_map(|value| number(value));
    let found = [
        ("api", first(&[&instance["api_versions"]["mastodon"]])),
        ("text", first(&[&statuses["max_characters"], &instance["max_toot_chars"]])),
        ("media", first(&[&statuses["max_media_attachments"], &instance["max_media_attachments"]])),
        ("alt", first(&[&media["description_limit"], &instance["description_limit"]])),
        ("image_bytes", first(&[&media["image_size_limit"], &instance["upload_limit"]])),
        ("image_pixels", first(&[&media["image_matrix_limit"]])),
        ("video_bytes", first(&[&media["video_size_limit"], &instance["upload_limit"]])),
    ];
    // a limit of 0 says "not told", never "nothing is allowed"
    for (key, value) in found {
        if let Some(value) = value.filter(|value| *value > 0) {
            about.insert(key.into(), json!(value));
        }
    }
    let poll: Map<String, Value> = [
        ("options", first(&[&polls["max_options"], &old_polls["max_options"]])),
        ("option", first(&[&polls["max_characters_per_option"], &old_polls["max_option_chars"]])),
        ("min", first(&[&polls["min_expiration"], &old_polls["min_expiration"]])),
        ("max", first(&[&polls["max_expiration"], &old_polls["max_expiration"]])),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_string(), json!(value?))))
    .collect();
    if !poll.is_empty() {
        about.insert("poll".into(), Value::Object(poll));
    }
    if let Some(mimes) = media["supported_mime_types"].as_array() {
        about.insert("mimes".into(), json!(mimes));
    }
    for formats in [&statuses["supported_mime_types"], &instance["pleroma"]["metadata"]["post_formats"]] {
        if let Some(formats) = formats.as_array() {
            about.insert("formats".into(), json!(formats));
        }
    }
}

/// The software that a version string owns up to: `2.7.2 (compatible; Akkoma 3.1.0)`, `4.0.0 (not true; really snac/2.75)`.
fn claimed(version: &str) -> Option<(String, String)> {
    let inside = version.split_once('(')?.1.split_once(')')?.0;
    let last = inside.rsplit([';', ',']).next()?.trim();
    let last = last.strip_prefix("really ").unwrap_or(last);
    let (name, version) = last.split_once(['/', ' ']).unwrap_or((last, ""));
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    plain.then(|| (name.to_lowercase(), version.trim().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::Repeat;
    use crate::platform::mastodon::Network;
    use crate::platform::Platform as _;

    fn about(instance: Value) -> Value {
        let mut about = Map::new();
        read_instance(&instance, &mut about);
        Value::Object(about)
    }

    #[test]
    fn numbers_as_text_missing_and_wrong_fields() {
        let found = about(json!({
            "version": "3.5.3 (compatible; Pixelfed 0.11.13)", "title": null,
            "configuration": {"statuses": {"max_characters": "800", "max_media_attachments": 10.0},
                "media_attachments": {"image_size_limit": "15000000", "supported_mime_types": ["image/jpeg", "video/mp4"]},
                "polls": "none"},
        }));
        assert_eq!(found["software"], "pixelfed");
        let limits = limits(&found);
        assert_eq!((limits.text, limits.media, limits.image_bytes), (Some(800), 10, 15_000_000));
        assert_eq!(limits.image_mimes, ["image/jpeg"]);
        assert_eq!(limits.video_mimes, ["video/mp4"]);
        assert_eq!(limits.poll_options, 4);
        assert_eq!(limits.unit, Unit::Scalars);
    }

    #[test]
    fn what_old_pleroma_puts_at_the_top() {
        let found = about(json!({
            "version": "2.7.2 (compatible; Akkoma 3.13.2)", "max_toot_chars": 5000, "description_limit": 2000, "upload_limit": 16_000_000,
            "poll_limits": {"max_options": 20, "max_option_chars": 200, "min_expiration": 0, "max_expiration": 31_536_000},
            "pleroma": {"metadata": {"post_formats": ["text/plain", "text/x.misskeymarkdown"]}},
        }));
        let limits = limits(&found);
        assert_eq!((limits.text, limits.alt, limits.image_bytes), (Some(5000), Some(2000), 16_000_000));
        assert_eq!((limits.poll_options, limits.poll_option, limits.poll_seconds), (20, 200, (0, 31_536_000)));
        assert_eq!(Server::Found(&found).formats(), ["text/plain", "text/x.misskeymarkdown"]);
        assert_eq!(limits.media, 64);
    }

    #[test]
    fn nothing_known_is_mastodon_with_care() {
        assert_eq!(limits(&Value::Null), Limits::of(&SPEC));
        let server = Server::Found(&Value::Null);
        assert!(!server.quotes() && !server.remembers_keys() && server.formats().is_empty());
        assert_eq!(server.title(), "this server");
    }

    #[test]
    fn a_version_owns_up() {
        assert_eq!(claimed("4.0.0 (not true; really snac/2.75)"), Some(("snac".into(), "2.75".into())));
        assert_eq!(claimed("2.7.2 (compatible; Akkoma 3.13.2)"), Some(("akkoma".into(), "3.13.2".into())));
        assert_eq!(claimed("4.6.0"), None);
        assert_eq!(claimed("4.6.0 ()"), None);
        assert_eq!(claimed("1 (<b> x"), None);
    }

    #[test]
    fn only_servers_known_for_it_are_trusted_with_a_key() {
        let repeat = |software: &str| {
            let account = AccountInfo { about: json!({ "software": software }), ..AccountInfo::default() };
            Network.repeat(&account)
        };
        for software in ["mastodon", "hometown", "akkoma", "pleroma"] {
            assert_eq!(repeat(software), Repeat::Key { window: std::time::Duration::from_secs(3600) }, "{software}");
        }
        for software in ["gotosocial", "snac", "friendica", "pixelfed", "takahe", ""] {
            assert_eq!(repeat(software), Repeat::Find, "{software}");
        }
    }
}
