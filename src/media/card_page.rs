//! A page as it came: its charset, and what it says of itself.

use encoding_rs::Encoding;
use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};
use serde_json::Value;

/// Longest title and description, in characters.
pub(super) const MAX_TITLE: usize = 300;
const MAX_DESCRIPTION: usize = 1000;
/// Where a `<meta>` that names the charset must stand, in bytes (HTML Living Standard, 13.2.3.2, read 2026-11-21).
const PRESCAN: usize = 1024;

/// The page as text: by its BOM, the header's charset, a `<meta>` in its first kilobyte, else UTF-8. Whatever the bytes are, there
/// is a text.
pub fn decode(bytes: &[u8], content_type: &str) -> String {
    let named = charset_of(content_type).and_then(|label| Encoding::for_label(label.as_bytes()));
    let encoding = named.or_else(|| declared(bytes)).unwrap_or(encoding_rs::UTF_8);
    // looks at the BOM first
    encoding.decode(bytes).0.into_owned()
}

/// What follows `charset=` in a content type.
fn charset_of(content_type: &str) -> Option<String> {
    let lower = content_type.to_ascii_lowercase();
    let (_, after) = lower.split_once("charset")?;
    let after = after.trim_start().strip_prefix('=')?.trim_start();
    let label = match after.strip_prefix(['"', '\'']) {
        Some(quoted) => quoted.split(['"', '\'']).next(),
        None => after.split(|c: char| c == ';' || c == ',' || c.is_whitespace()).next(),
    };
    label.map(|label| label.trim().to_string()).filter(|label| !label.is_empty())
}

/// What a `<meta>` says, as the standard has it: one that claims UTF-16 cannot be right, or it could not have been read.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    // every encoding that can be declared this way writes tags in ASCII
    let head: String = bytes[..bytes.len().min(PRESCAN)].iter().map(|byte| char::from(*byte)).collect();
    let mut emitter = DefaultEmitter::<()>::new_with_span();
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(head.as_str(), emitter) {
        let Ok(Token::StartTag(tag)) = token else { continue };
        if &tag.name[..] != b"meta" {
            continue;
        }
        let attribute = |name: &[u8]| tag.attributes.get(name).map(|value| String::from_utf8_lossy(value).into_owned());
        let about_type = attribute(b"http-equiv").is_some_and(|name| name.trim().eq_ignore_ascii_case("content-type"));
        let label = attribute(b"charset")
            .or_else(|| attribute(b"content").filter(|_| about_type).and_then(|content| charset_of(&content)));
        if let Some(encoding) = label.and_then(|label| Encoding::for_label(label.trim().as_bytes())) {
            let sixteen = encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE;
            return Some(if sixteen { encoding_rs::UTF_8 } else { encoding });
        }
    }
    None
}

/// What a page says of itself, not yet checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub title: String,
    pub description: String,
    /// As written: perhaps relative to `base`, perhaps to the page.
    pub image: Option<String>,
    pub base: Option<String>,
    /// Open Graph or Twitter gave the title; else it is `<title>`.
    pub titled: bool,
    /// The address of its oEmbed description, as written.
    pub oembed: Option<String>,
}

/// Reads Open Graph, then Twitter's tags, then `<title>` and `<meta name="description">`. Any text is read, sense or nonsense.
pub fn read_page(html: &str) -> Page {
    let mut tags: Vec<(String, String)> = Vec::new();
    let mut title = String::new();
    let mut base = None;
    let mut oembed = None;
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
                    b"link" if oembed.is_none() => {
                        let is = |name: &[u8], what: &str| {
                            let value = attribute(name).unwrap_or_default().to_lowercase();
                            value.split_ascii_whitespace().any(|word| word == what)
                        };
                        if is(b"rel", "alternate") && is(b"type", "application/json+oembed") {
                            oembed = attribute(b"href").filter(|href| !href.is_empty());
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
    let own = first(&["og:title", "twitter:title"]).map(|title| tidy(&title, MAX_TITLE)).filter(|own| !own.is_empty());
    Page {
        titled: own.is_some(),
        title: own.unwrap_or_else(|| tidy(&title, MAX_TITLE)),
        description: tidy(
            &first(&["og:description", "twitter:description", "description"]).unwrap_or_default(),
            MAX_DESCRIPTION,
        ),
        image: first(&["og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src"]),
        base,
        oembed,
    }
}

/// What an oEmbed answer says: title, and the address of a picture (oEmbed 1.0, sections 2.3.4 and 2.3.4.1, read 2026-11-21).
pub fn read_oembed(json: &[u8]) -> (Option<String>, Option<String>) {
    let value: Value = serde_json::from_slice(json).unwrap_or_default();
    let get = |key: &str| value.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let title = get("title").map(|title| tidy(title, MAX_TITLE)).filter(|title| !title.is_empty());
    let photo = get("url").filter(|_| get("type") == Some("photo"));
    (title, get("thumbnail_url").or(photo).map(str::to_string))
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
            "<link rel='stylesheet' href=a><link rel='alternate' type='application/json+oembed' href='/o?x=1&amp;y=2'>\
             <link rel=alternate type=application/json+oembed href=/second><meta property=og:title content=' '>",
        );
        assert_eq!((page.oembed.as_deref(), page.titled), (Some("/o?x=1&y=2"), false));
        let page = read_page(
            r#"<html><head><title>Plain &amp; simple</title><base href="/sub/">
            <meta name="description" content="first"><meta property="og:description" content="Second &quot;one&quot;">
            <meta name="twitter:image" content="t.png"><META PROPERTY='OG:IMAGE' CONTENT='/a.png'></head><body>
            <meta property="og:title" content="in the body"></body>"#,
        );
        assert_eq!(page.title, "Plain & simple");
        assert_eq!(page.description, "Second \"one\"");
        assert_eq!((page.image.as_deref(), page.base.as_deref()), (Some("/a.png"), Some("/sub/")));
        assert!(!page.titled && read_page("<meta name='twitter:title' content='t'>").titled);
        assert_eq!(read_page("<title>a\n <b>b"), Page { title: "a <b>b".into(), ..Page::default() });
        let page = read_page("<script>'<meta property=og:title content=no>'</script><title>yes</title>");
        assert_eq!(page.title, "yes");
        assert_eq!(read_page("\0<<<>\u{202e}"), Page::default());
    }

    #[test]
    fn charsets() {
        assert_eq!(decode(b"caf\xe9", "text/html; charset=ISO-8859-1"), "café");
        assert_eq!(decode(b"caf\xe9", "text/html; Charset = \"latin1\"; x=y"), "café");
        for meta in [
            "<meta charset=\"windows-1251\">",
            "<META CHARSET=windows-1251 >",
            "<!-- <meta charset=utf-8> --><meta charset='nonsense'><meta charset=cp1251>",
            "<script>\"<meta charset=utf-8>\"</script><meta content='text/html; charset=windows-1251' http-equiv=Content-Type>",
        ] {
            assert_eq!(decode(&[meta.as_bytes(), b"\xcf\xf0"].concat(), "text/html"), format!("{meta}Пр"));
        }
        // words about a charset are none, and a page that could be read this far is no UTF-16
        assert_eq!(decode("<p>charset=latin1 é".as_bytes(), ""), "<p>charset=latin1 é");
        assert_eq!(decode("<meta charset=utf-16>é".as_bytes(), ""), "<meta charset=utf-16>é");
        assert_eq!(decode("<p>é".as_bytes(), "text/html"), "<p>é");
        assert_eq!(decode(b"\xef\xbb\xbfa", "text/html; charset=nonsense"), "a");
        let sixteen = |swap: bool, text: &str| -> Vec<u8> {
            text.encode_utf16().flat_map(|unit| if swap { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        };
        // the BOM is right, whatever the header says
        assert_eq!(decode(&sixteen(false, "\u{feff}<p>é"), "text/html; charset=utf-8"), "<p>é");
        assert_eq!(decode(&sixteen(true, "\u{feff}<p>é"), "text/html"), "<p>é");
        assert_eq!(decode(&sixteen(true, "<p>é"), "text/html; charset=UTF-16BE"), "<p>é");
    }

    #[test]
    fn oembed_says_title_and_picture() {
        let said =
            read_oembed(br#"{"type":"video","title":" Two\n lines ","thumbnail_url":"https://a/t.png","url":"no"}"#);
        assert_eq!(said, (Some("Two lines".into()), Some("https://a/t.png".into())));
        assert_eq!(read_oembed(br#"{"type":"photo","url":"p.png"}"#), (None, Some("p.png".into())));
        for nonsense in [&b"<html>"[..], b"[]", b"{\"title\":3}", b"", b"{\"title\":\"\\u202e\"}"] {
            assert_eq!(read_oembed(nonsense), (None, None));
        }
    }
}
