//! Link cards: what a page says of itself.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};
use url::Url;

use super::{Card, Media, file};
use crate::draft::sha256;
use crate::net::{Door, Fetched};

/// The most of a page that is read; what describes it stands in its head.
const MAX_PAGE: usize = 512 * 1024;
/// The largest picture that a card takes, in bytes.
pub const MAX_PICTURE: usize = 1_000_000;
/// For the page and its picture together, redirects included.
const TIME: Duration = Duration::from_secs(8);
const MAX_HOPS: usize = 4;
/// Longest title and description, in characters.
const MAX_TITLE: usize = 300;
const MAX_DESCRIPTION: usize = 1000;

/// Reads the card of a page. A picture that cannot be had leaves the card without one.
pub(super) async fn fetch(door: &Door, url: &str, cache: &Path) -> Result<Card, String> {
    let deadline = Instant::now() + TIME;
    let (page, at) = get(door, url, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1", MAX_PAGE, deadline).await?;
    let kind = page.answer.header("content-type").unwrap_or_default().to_lowercase();
    if !kind.is_empty() && !kind.contains("html") && !kind.contains("xml") {
        let kind = kind.split(';').next().unwrap_or_default();
        return Err(format!("it is no page but `{kind}`"));
    }
    let text = decode(&page.answer.body, &kind);
    let found = read_page(&text);
    let host = at.host_str().unwrap_or_default().to_string();
    let mut card = Card {
        url: url.to_string(),
        title: if found.title.is_empty() { host } else { found.title },
        description: found.description,
        image: None,
    };
    // a relative address means one on the page that answered, which may not be the one that was asked
    let base = found.base.and_then(|base| at.join(&base).ok()).unwrap_or(at);
    if let Some(picture) = found.image.and_then(|picture| base.join(&picture).ok()) {
        card.image = match picture_of(door, &picture, cache, deadline).await {
            Ok(media) => Some(media),
            Err(why) => {
                tracing::info!("the picture of the link card of {url} is left out: {why}");
                None
            }
        };
    }
    Ok(card)
}

/// One GET with redirects followed by hand, each hop looked at anew by the door.
async fn get(door: &Door, url: &str, accept: &str, most: usize, deadline: Instant) -> Result<(Fetched, Url), String> {
    let mut at = Url::parse(url).map_err(|error| format!("it is not an address: {error}"))?;
    for _ in 0..=MAX_HOPS {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(format!("no answer within {} s", TIME.as_secs()));
        }
        let page = door.fetch_public(at.as_str(), accept, most, left).await.map_err(|fault| fault.to_string())?;
        match page.answer.status {
            200..=299 => return Ok((page, at)),
            301 | 302 | 303 | 307 | 308 => {
                let to = page.answer.header("location").and_then(|to| at.join(to).ok());
                let to = to.ok_or_else(|| "it redirects to nowhere".to_string())?;
                if !matches!(to.scheme(), "http" | "https") || (at.scheme() == "https" && to.scheme() == "http") {
                    return Err(format!(
                        "it redirects from `{}` to `{}`, which is not followed",
                        at.scheme(),
                        to.scheme()
                    ));
                }
                at = to;
            }
            status => return Err(format!("it answered {status}")),
        }
    }
    Err(format!("it redirects more than {MAX_HOPS} times"))
}

async fn picture_of(door: &Door, url: &Url, cache: &Path, deadline: Instant) -> Result<Media, String> {
    let accept = "image/png,image/jpeg,image/webp,image/gif;q=0.8";
    let (picture, _) = get(door, url.as_str(), accept, MAX_PICTURE, deadline).await?;
    if !picture.whole {
        return Err(format!("it is larger than {MAX_PICTURE} bytes"));
    }
    let (cache, bytes) = (cache.to_path_buf(), picture.answer.body);
    tokio::task::spawn_blocking(move || keep(&cache, &bytes)).await.map_err(|_| "it could not be kept".to_string())?
}

/// Writes the picture under its hash, at once or not at all.
fn keep(cache: &Path, bytes: &[u8]) -> Result<Media, String> {
    let fail = |error: std::io::Error| format!("it could not be kept in `{}`: {error}", cache.display());
    std::fs::create_dir_all(cache).map_err(fail)?;
    let hash = sha256(bytes);
    let raw: PathBuf = cache.join(format!("{hash}.{}.part", std::process::id()));
    std::fs::write(&raw, bytes).map_err(fail)?;
    let looked = file::inspect(&raw).and_then(|media| match media.mime.as_str() {
        "image/png" | "image/jpeg" | "image/webp" | "image/gif" => Ok(media),
        other => Err(format!("it is `{other}`")),
    });
    let media = match looked {
        Ok(media) => media,
        Err(why) => {
            // a leftover would only be rubbish in the cache
            let _ = std::fs::remove_file(&raw);
            return Err(why);
        }
    };
    let extension = media.mime.rsplit('/').next().unwrap_or_default().replace("jpeg", "jpg");
    let path = cache.join(format!("{hash}.{extension}"));
    std::fs::rename(&raw, &path).map_err(fail)?;
    Ok(Media { name: format!("card.{extension}"), path: std::path::absolute(&path).unwrap_or(path), ..media })
}

/// The page as text: by its BOM, the header's charset, a `<meta>` in its first kilobyte, else UTF-8.
fn decode(bytes: &[u8], content_type: &str) -> String {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_lowercase();
    let label = |text: &str| {
        let (_, after) = text.split_once("charset=")?;
        let after = after.trim_start_matches(['"', '\'', ' ']);
        let label =
            &after[..after.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.:".contains(c))).unwrap_or(after.len())];
        encoding_rs::Encoding::for_label(label.as_bytes())
    };
    let encoding = label(content_type).or_else(|| label(&head)).unwrap_or(encoding_rs::UTF_8);
    encoding.decode(bytes).0.into_owned()
}

/// What a page says of itself, not yet checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub title: String,
    pub description: String,
    /// As written: perhaps relative to `base`, perhaps to the page.
    pub image: Option<String>,
    pub base: Option<String>,
}

/// Reads Open Graph, then Twitter's tags, then `<title>` and `<meta name="description">`. Any text is read, sense or nonsense.
pub fn read_page(html: &str) -> Page {
    let mut tags: Vec<(String, String)> = Vec::new();
    let mut title = String::new();
    let mut base = None;
    let mut in_title = false;
    let mut emitter = DefaultEmitter::<()>::new_with_span();
    // what looks like a tag inside a title or a script is none
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let attribute = |name: &[u8]| {
                    tag.attributes.get(name).map(|value| String::from_utf8_lossy(value).trim().to_string())
                };
                match &tag.name[..] {
                    b"meta" => {
                        let name = attribute(b"property").or_else(|| attribute(b"name"));
                        if let Some((name, content)) = name.zip(attribute(b"content"))
                            && !content.is_empty()
                        {
                            tags.push((name.to_lowercase(), content));
                        }
                    }
                    b"base" if base.is_none() => base = attribute(b"href"),
                    // a second title is one of a drawing inside the page
                    b"title" => in_title = title.is_empty(),
                    b"body" => break,
                    _ => {}
                }
            }
            Token::EndTag(tag) if &tag.name[..] == b"title" => in_title = false,
            Token::String(text) if in_title && title.len() < 4 * MAX_TITLE => {
                title.push_str(&String::from_utf8_lossy(&text));
            }
            _ => {}
        }
    }
    let first = |names: &[&str]| {
        names.iter().find_map(|name| tags.iter().find(|(tag, _)| tag == name)).map(|(_, content)| content.clone())
    };
    Page {
        title: tidy(&first(&["og:title", "twitter:title"]).unwrap_or(title), MAX_TITLE),
        description: tidy(
            &first(&["og:description", "twitter:description", "description"]).unwrap_or_default(),
            MAX_DESCRIPTION,
        ),
        image: first(&["og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src"]),
        base,
    }
}

/// One line without control and direction characters, cut with an ellipsis.
fn tidy(text: &str, most: usize) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .collect();
    let line = clean.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if line.chars().count() > most { line.chars().take(most - 1).chain(['…']).collect() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_says_of_itself() {
        let page = read_page(
            r#"<html><head><title>Plain &amp; simple</title><base href="/sub/">
            <meta name="description" content="first"><meta property="og:description" content="Second &quot;one&quot;">
            <meta name="twitter:image" content="t.png"><META PROPERTY='OG:IMAGE' CONTENT='/a.png'></head><body>
            <meta property="og:title" content="in the body"></body>"#,
        );
        assert_eq!(page.title, "Plain & simple");
        assert_eq!(page.description, "Second \"one\"");
        assert_eq!((page.image.as_deref(), page.base.as_deref()), (Some("/a.png"), Some("/sub/")));
        assert_eq!(read_page("<title>a\n <b>b"), Page { title: "a <b>b".into(), ..Page::default() });
        let page = read_page("<script>'<meta property=og:title content=no>'</script><title>yes</title>");
        assert_eq!(page.title, "yes");
        assert_eq!(read_page("\0<<<>\u{202e}"), Page::default());
    }

    #[test]
    fn charsets() {
        assert_eq!(decode(b"caf\xe9", "text/html; charset=ISO-8859-1"), "café");
        assert_eq!(
            decode(b"<meta charset=\"windows-1251\">\xcf\xf0", "text/html"),
            "<meta charset=\"windows-1251\">Пр"
        );
        assert_eq!(decode("<p>é".as_bytes(), "text/html"), "<p>é");
        assert_eq!(decode(b"\xef\xbb\xbfa", "text/html; charset=nonsense"), "a");
    }
}
