//! What was written: front matter and Markdown, parsed once.
//!
//! [`parse`] reads a draft, [`body`] a text that stands in the front matter. Both are pure: what the clock says comes in as
//! variables ([`built_ins`]), and no file but the draft's own bytes is looked at.

mod detect;
mod error;
mod fields;
mod front;
mod links;
mod markdown;
mod media;
mod near;
mod vars;
pub mod when;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::text::Text;
use error::Wrong;

pub(crate) use detect::{Edit, replace, unresolved_name};
pub use error::DraftError;
pub use fields::KEYS;
pub(crate) use links::with_parameters;
pub use links::{Links, Template};
pub use media::{AltOverflow, Focus, MediaDetails};
pub use near::{did_you_mean, nearest};
pub use vars::{Vars, built_ins};

/// The largest draft that is read, in bytes.
pub const MAX_DRAFT: usize = 10 * 1024 * 1024;

/// What the body of a draft is written in. Front matter is read in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    #[default]
    Markdown,
    /// Characters as they are; only URLs, hashtags, `@{names}` and thread breaks mean something.
    Plain,
}

impl Form {
    /// By the name of the file: `.txt` and `.text` are plain.
    pub fn of(path: &Path) -> Form {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if ["txt", "text"].iter().any(|plain| extension.eq_ignore_ascii_case(plain)) {
            Form::Plain
        } else {
            Form::Markdown
        }
    }
}

/// Something in a draft that deserves a look and stops nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Stable, for scripts: `html_dropped`, `relative_link`.
    pub code: String,
    /// Of the draft, 1-based.
    pub line: usize,
    pub message: String,
}

/// One draft as it was written, variables filled in, nothing yet decided for any network.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Where it came from, for messages: a file's name, `stdin` or `--text`.
    pub source: String,
    /// Media with relative paths are looked for from here.
    pub base: PathBuf,
    /// The front matter, apart from `on`.
    pub fields: Fields,
    /// `[on.NAME]`: fields by platform or account name.
    pub on: BTreeMap<String, Fields>,
    /// The posts of the thread in the order of the draft; at least one.
    pub posts: Vec<Post>,
    /// What the body is written in; `text` in the front matter is read the same way.
    pub form: Form,
    /// What the parser wants the user to know.
    pub notes: Vec<Note>,
    /// SHA-256 (hex) of what is said, variables filled in: the same draft has the same hash. Where and when it is to be posted
    /// (`to`, `at`, `zone`) is no part of it, so that a draft sent to one more network is still the same draft.
    pub hash: String,
}

/// One post of a thread, as written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Post {
    pub text: Text,
    pub media: Vec<MediaRef>,
}

/// A picture or film that the draft names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaRef {
    /// As written: a path (relative to the draft) or an URL.
    pub source: String,
    /// The Markdown alt; `None` where it was left empty.
    pub alt: Option<String>,
    /// The line of the draft, 1-based.
    pub line: usize,
}

/// Who may see a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    Public,
    Unlisted,
    Followers,
    Direct,
}

/// What to do with a text that is too long for one post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overflow {
    /// Make a thread of it (the default where the network has threads).
    Thread,
    /// Cut it, with an ellipsis and the draft's `link` kept; said in `changes`.
    Truncate,
    /// Refuse this target (the default where the network has no threads).
    Refuse,
}

/// A poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// The question, for networks where it is not the post's text.
    #[serde(default)]
    pub question: Option<String>,
    pub options: Vec<String>,
    /// How long it is open: `30m`, `24h`, `7d`. Default one day.
    #[serde(default)]
    pub duration: Option<String>,
    #[serde(default)]
    pub multiple: bool,
}

impl Poll {
    /// How long it is open, in seconds; one day where the draft does not say.
    ///
    /// # Errors
    /// `duration` is no length of time ([`parse`] has looked at that already).
    pub fn seconds(&self) -> Result<u64, String> {
        self.duration.as_deref().map_or(Ok(86_400), |text| when::duration(text).map(|length| length.as_secs()))
    }
}

/// Where a post is from: `location = { name = "…", lat = 52.5, lon = 13.4, id.NETWORK = "…" }`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Location {
    pub name: Option<String>,
    /// Degrees, both or none; north and east positive.
    pub lat: Option<f64>,
    pub lon: Option<f64>,
    /// A network's own id of the place, by platform or account name.
    pub id: BTreeMap<String, String>,
}

/// `card = false`, or title, description and image of the link card written by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CardChoice {
    Wanted(bool),
    Own(OwnCard),
}

/// A link card written by hand; what is left out is read from the page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnCard {
    pub title: Option<String>,
    pub description: Option<String>,
    pub image: Option<String>,
}

/// The front matter: everything is optional, and every field may stand in `[on.NAME]` too.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields {
    pub title: Option<String>,
    /// A short text for networks that show one (articles, feeds).
    pub summary: Option<String>,
    pub to: Option<Vec<String>>,
    pub lang: Option<String>,
    pub link: Option<String>,
    pub visibility: Option<Visibility>,
    /// Content warning.
    pub warning: Option<String>,
    pub sensitive: Option<bool>,
    pub tags: Option<Vec<String>>,
    /// Wall time as written, in `zone`.
    pub at: Option<String>,
    /// IANA name.
    pub zone: Option<String>,
    pub expires: Option<String>,
    pub poll: Option<Poll>,
    /// A post id of ours (`12`) or an URL.
    pub reply_to: Option<String>,
    pub quote: Option<String>,
    pub overflow: Option<Overflow>,
    /// What to do with an alt text that is too long; refuse where it does not say.
    pub alt_overflow: Option<AltOverflow>,
    /// `true` adds ` (1/3)` to the posts of a thread.
    pub numbering: Option<bool>,
    pub require_alt: Option<bool>,
    /// `true` leaves in pictures what says when, where and with what they were taken.
    pub keep_metadata: Option<bool>,
    pub card: Option<CardChoice>,
    pub location: Option<Location>,
    /// The first comment, which goes out as a part of its own after the post.
    pub comment: Option<String>,
    /// What a target may cost at most, in the unit that its network charges; a target that would cost more is refused.
    pub max_cost: Option<f64>,
    /// What is added to the addresses of one's own pages.
    pub links: Links,
    /// Replaces the body (parsed as Markdown).
    pub text: Option<String>,
    /// Replaces the media of the body.
    pub media: Option<Vec<MediaRef>>,
    /// `[media."crab.png"]`: what else is said of a medium, by its source.
    pub details: BTreeMap<String, MediaDetails>,
    /// `@{name}` -> handle, by name, then by platform (or account) name: `[people.ann] NAME = "@ann@example.org"`.
    pub people: BTreeMap<String, BTreeMap<String, String>>,
    /// Keys that only a network knows, from `[on.NAME]`; checked against the network's spec in `plan`.
    pub extra: BTreeMap<String, serde_json::Value>,
}

/// Reads a draft.
///
/// `source` is its name for messages, `base` where its relative paths begin, `vars` what `{{ names }}` stand for (the caller
/// adds [`built_ins`]).
///
/// # Errors
/// What is wrong, with line and column where they are known. Nothing is half read.
pub fn parse(source: &str, base: &Path, bytes: &[u8], form: Form, vars: &Vars) -> Result<Draft, DraftError> {
    read(base, bytes, form, vars)
        .map(|draft| Draft { source: source.to_string(), ..draft })
        .map_err(|wrong| wrong.of(source))
}

/// Reads a text as the body of a draft: `text` of the front matter, `--text`. Posts with nothing in them are left out.
pub fn body(text: &str, form: Form) -> Vec<Post> {
    posts(text, form, 1).posts
}

fn posts(text: &str, form: Form, line: usize) -> markdown::Body {
    match form {
        Form::Markdown => markdown::markdown(text, line),
        Form::Plain => markdown::plain(text),
    }
}

fn read(base: &Path, bytes: &[u8], form: Form, vars: &Vars) -> Result<Draft, Wrong> {
    let text = decode(bytes)?;
    let cut = front::cut(&text)?;
    let mut entries = match cut.front {
        Some((format, front, line)) => front::read(format, front, line)?,
        None => Vec::new(),
    };
    fields::fill_all(&mut entries, vars)?;
    let filled = vars::fill(cut.body, cut.body_line, vars)?;
    if filled.len() > MAX_DRAFT {
        return Err(Wrong::at(cut.body_line, "the draft grows over 10 MB when its variables are filled in"));
    }
    // what variables brought in is looked at as what was typed
    characters(&filled, cut.body_line)?;
    let (fields, on) = fields::top(&entries, vars)?;
    let filled = filled.replace("\r\n", "\n");
    let mut body = posts(&filled, form, cut.body_line);
    let says = |fields: &Fields| {
        [&fields.title, &fields.text, &fields.link]
            .iter()
            .any(|text| text.as_ref().is_some_and(|t| !t.trim().is_empty()))
            || fields.media.as_ref().is_some_and(|media| !media.is_empty())
            || fields.poll.is_some()
            || fields.quote.is_some()
    };
    if body.posts.is_empty() {
        if !says(&fields) && !on.values().any(says) {
            return Err(Wrong::at(0, "the draft is empty: it has neither text nor media"));
        }
        body.posts.push(Post::default());
    }
    let hash = hash(&entries, &filled, form);
    let draft = Draft {
        source: String::new(),
        base: base.to_path_buf(),
        fields,
        on,
        posts: body.posts,
        form,
        notes: body.notes,
        hash,
    };
    media::all_there(&draft)?;
    Ok(draft)
}

/// Bytes to text with `\n` as the only line end and no BOM.
fn decode(bytes: &[u8]) -> Result<String, Wrong> {
    if bytes.len() > MAX_DRAFT {
        return Err(Wrong::at(0, format!("the draft has {} bytes; at most 10 MB are read", bytes.len())));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Wrong::at(1, "the draft is UTF-16; save it as UTF-8"));
    }
    let line_of = |offset: usize| bytes[..offset].iter().filter(|byte| **byte == b'\n').count() + 1;
    if let Some(offset) = bytes.iter().position(|byte| *byte == 0) {
        let message = format!(
            "the draft is not text: a zero byte at offset {offset}; a picture goes into the draft as `![alt](file)`"
        );
        return Err(Wrong::at(line_of(offset), message));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let message =
            format!("the draft is not UTF-8: byte 0x{:02x} at offset {offset}; save it as UTF-8", bytes[offset]);
        Wrong::at(line_of(offset), message)
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    characters(&text, 1)?;
    Ok(text)
}

/// Control characters mean nothing in a post and much to a terminal: they are refused, with their place.
fn characters(text: &str, line: usize) -> Result<(), Wrong> {
    let bad = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
    let Some((offset, c)) = text.char_indices().find(|(_, c)| bad(*c)) else { return Ok(()) };
    let (at, column) = error::place(text, offset);
    let what = if c == '\u{1b}' { " (colours of a terminal?)" } else { "" };
    Err(Wrong::at(line + at - 1, format!("control character U+{:04X}{what} in the draft; take it out", c as u32))
        .column(column))
}

fn hash(entries: &[front::Entry], body: &str, form: Form) -> String {
    let said = entries.iter().filter(|entry| !matches!(entry.key.as_str(), "to" | "at" | "zone"));
    let front: BTreeMap<&str, String> =
        said.map(|entry| (entry.key.as_str(), canonical(&entry.node.value.json()))).collect();
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(if form == Form::Plain { b"plain" } else { b"markdown" });
    for (key, value) in &front {
        context.update(format!("\0{key}\0{value}").as_bytes());
    }
    context.update(b"\0\0");
    context.update(body.trim_end().as_bytes());
    hex(context.finish().as_ref())
}

/// JSON with sorted keys and no blanks: the same value is the same text.
pub(crate) fn canonical(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Object(object) => {
            let sorted: BTreeMap<&String, &Value> = object.iter().collect();
            let pairs: Vec<String> = sorted
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", pairs.join(","))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

/// SHA-256 as hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Draft {
    /// Every medium that the draft names for any target, each source once: of the body, of `media` and `text` in the front
    /// matter and in `[on.NAME]`, pictures of link cards written by hand, thumbnails and subtitles.
    pub fn media(&self) -> Vec<MediaRef> {
        let mut all: Vec<MediaRef> = self.posts.iter().flat_map(|post| post.media.clone()).collect();
        for fields in std::iter::once(&self.fields).chain(self.on.values()) {
            all.extend(fields.media.iter().flatten().cloned());
            all.extend(fields.text.iter().flat_map(|text| body(text, self.form)).flat_map(|post| post.media));
            let drawn = match &fields.card {
                Some(CardChoice::Own(OwnCard { image, .. })) => image.as_ref(),
                _ => None,
            };
            let beside = fields.details.values().flat_map(|details| details.thumbnail.iter().chain(&details.subtitles));
            all.extend(beside.chain(drawn).map(|source| MediaRef { source: source.clone(), alt: None, line: 0 }));
        }
        let mut seen = std::collections::HashSet::new();
        all.retain(|medium| seen.insert(medium.source.clone()));
        all
    }
}
