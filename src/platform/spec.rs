//! What is true of a network, as data.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::draft::Visibility;
use crate::media::fit::Shape;
use crate::text::{Markup, Unit};

/// The facts about a network: numbers and rules. A constant in each network's folder; [`Limits`] is the part of it that a
/// server's own word and the user's configuration may override.
#[derive(Debug)]
pub struct Spec {
    /// Lower case, as typed: `mastodon`.
    pub name: &'static str,
    /// As written in prose: `Mastodon`.
    pub title: &'static str,
    /// One line: what it is.
    pub about: &'static str,
    /// The day the facts were last checked: `2026-11-21`.
    pub checked: &'static str,
    /// Where the facts are from.
    pub sources: &'static [&'static str],
    pub server: Server,
    /// The version of the API that is spoken, where the network dates them.
    pub api: Option<Api>,
    /// What identifies and unlocks an account; `account add` asks for these in this order.
    pub fields: &'static [Field],
    /// Keys that `[on.NAME]` takes beside the fields of every draft.
    pub options: &'static [Field],
    pub text: TextRule,
    pub title_rule: Title,
    /// Characters that its texts and titles cannot have, each with the one that stands in its place.
    pub swaps: &'static [(char, char)],
    /// The draft's `tags` and `link` have fields of their own; elsewhere they are written into the text if they are not there yet.
    pub native_tags: bool,
    pub native_link: bool,
    pub media: MediaRule,
    pub poll: Option<PollRule>,
    /// A reply to a post of one's own makes a thread.
    pub threads: bool,
    /// Replies to somebody else's post, by its URL.
    pub replies: bool,
    pub quotes: bool,
    pub warnings: bool,
    pub languages: bool,
    pub visibility: &'static [Visibility],
    /// A place may be said of a post.
    pub location: bool,
    /// Posts have comments apart from replies: what one may be. `None`: the draft's `comment` is a reply where there are threads.
    pub comments: Option<TextRule>,
    pub card: Card,
    /// How a repeat is recognised, unless [`super::Platform::repeat`] knows better for one account.
    pub repeat: Repeat,
    /// Shortest time between two writes of one account.
    pub pace: Duration,
    /// The published OpenAPI document that judges this network's requests (file name without `.json`), if there is one.
    pub document: Option<&'static str>,
}

impl Spec {
    /// A network of plain text and nothing else, to write another one's facts over.
    pub const PLAIN: Spec = Spec {
        name: "",
        title: "",
        about: "",
        checked: "",
        sources: &[],
        server: Server::Local,
        api: None,
        fields: &[],
        options: &[],
        text: TextRule {
            markup: Markup::Plain,
            unit: Unit::Scalars,
            max: None,
            also: None,
            caption: None,
            optional: false,
        },
        title_rule: Title::Ignored,
        swaps: &[],
        native_tags: false,
        native_link: false,
        media: MediaRule::NONE,
        poll: None,
        threads: false,
        replies: false,
        quotes: false,
        warnings: false,
        languages: false,
        visibility: &[],
        location: false,
        comments: None,
        card: Card::None,
        repeat: Repeat::Never,
        pace: Duration::ZERO,
        document: None,
    };
}

/// A dated version of a network's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Api {
    pub version: &'static str,
    /// The day after which it is no more answered: `2028-07-29`; `None` where the network names none.
    pub sunset: Option<&'static str>,
}

/// Where the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// One place for all: `https://discord.com`.
    Fixed(&'static str),
    /// One for most, another on request (own PDS, local Bot API server).
    Default(&'static str),
    /// Every account names its own; the text is an example.
    Own(&'static str),
    /// None: this machine.
    Local,
}

/// One thing that `account add` asks for or `[on.NAME]` takes.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// `token`, `chat`, `webhook`: lower snake case. `XPOST_<ACCOUNT>_<NAME>` in the environment is the same thing.
    pub name: &'static str,
    pub kind: FieldKind,
    pub required: bool,
    /// One line for the prompt and the documentation.
    pub help: &'static str,
}

/// What a [`Field`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Kept by the secret chain, never in the database.
    Secret,
    Text,
    Bool,
    Number,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of texts.
    List,
    /// A table, checked by the network's own code.
    Table,
    /// A directory on this machine.
    Directory,
    /// One of several kinds (`false` or a word, `true` or a table), checked by the network's own code.
    Any,
}

/// How much text, counted how, written how.
#[derive(Debug, Clone, Copy)]
pub struct TextRule {
    pub markup: Markup,
    /// How the encoded text is counted.
    pub unit: Unit,
    pub max: Option<usize>,
    /// A second limit that holds at the same time (Bluesky: 3000 UTF-8 bytes).
    pub also: Option<(Unit, usize)>,
    /// Text of a post that carries media, where that is less (Telegram captions: 1024).
    pub caption: Option<usize>,
    /// A post may have no text at all if it carries media.
    pub optional: bool,
}

/// What becomes of the draft's title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Title {
    /// The network has titles of its own.
    Native { max: usize, required: bool },
    /// It stands above the text of the first post as a strong line.
    Line,
    /// It is left out.
    Ignored,
}

/// Which media one post takes.
#[derive(Debug, Clone, Copy)]
pub struct MediaRule {
    /// Most media of all kinds in one post.
    pub max: usize,
    pub image: Option<ImageRule>,
    pub video: Option<VideoRule>,
    /// Files of other kinds: documents, sound.
    pub file: Option<FileRule>,
    /// Images and video in one post.
    pub mixed: bool,
    /// Alt text: unit and most; `None` where the network has none.
    pub alt: Option<(Unit, usize)>,
    /// A post must carry a medium (Instagram, Pixelfed).
    pub required: bool,
}

impl MediaRule {
    /// No media at all.
    pub const NONE: MediaRule =
        MediaRule { max: 0, image: None, video: None, file: None, mixed: false, alt: None, required: false };
}

/// Limits of one image.
#[derive(Debug, Clone, Copy)]
pub struct ImageRule {
    pub max: usize,
    pub bytes: u64,
    /// Width x height.
    pub pixels: Option<u64>,
    /// Longest side.
    pub side: Option<u32>,
    pub mimes: &'static [&'static str],
}

/// Limits of one video.
#[derive(Debug, Clone, Copy)]
pub struct VideoRule {
    pub max: usize,
    pub bytes: u64,
    pub mimes: &'static [&'static str],
}

/// Limits of one file that is neither image nor video.
#[derive(Debug, Clone, Copy)]
pub struct FileRule {
    pub max: usize,
    pub bytes: u64,
    pub mimes: &'static [&'static str],
    /// May stand beside images and video in one post.
    pub mixed: bool,
}

/// Limits of a poll.
#[derive(Debug, Clone, Copy)]
pub struct PollRule {
    pub options: (usize, usize),
    /// Longest option, in characters.
    pub option: usize,
    /// Shortest and longest time open, in seconds.
    pub seconds: (u64, u64),
    /// May stand beside media.
    pub with_media: bool,
}

/// Who makes the link card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    /// We do: title, description and picture go with the post.
    Ours,
    /// The network fetches the page itself.
    Network,
    None,
}

/// How the network treats the same post sent twice: what the engine does when an answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// The post's identity is ours: the same bytes again are the same post.
    SameId,
    /// A key that the network remembers this long. Outside the window, and after a 5xx to a repeated key: find.
    Key { window: Duration },
    /// Look up by a name of our own (slug, canonical URL), then create.
    Lookup,
    /// Nothing recognises a repeat; one's own recent posts can be read back.
    Find,
    /// Nothing recognises a repeat and nothing can be read back: at most once.
    Never,
}

impl Repeat {
    /// One word for the capability table and the journal.
    pub fn word(self) -> &'static str {
        match self {
            Repeat::SameId => "same id",
            Repeat::Key { .. } => "key",
            Repeat::Lookup => "lookup",
            Repeat::Find => "find",
            Repeat::Never => "never",
        }
    }
}

/// The numbers that hold for one target: the spec's, then the server's own word, then the user's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub text: Option<usize>,
    pub caption: Option<usize>,
    pub unit: Unit,
    pub media: usize,
    pub images: usize,
    pub image_bytes: u64,
    pub image_pixels: Option<u64>,
    pub image_side: Option<u32>,
    pub image_mimes: Vec<String>,
    /// Most bytes of a picture that moves, where these are others: such a picture cannot be drawn anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub animated_bytes: Option<u64>,
    /// The narrowest and the widest shape of an image, where there are bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_shape: Option<Shape>,
    /// An image of another shape gets white bars instead of being refused.
    #[serde(default)]
    pub pad_images: bool,
    pub videos: usize,
    pub video_bytes: u64,
    pub video_mimes: Vec<String>,
    /// Longest video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_seconds: Option<u64>,
    /// Films that do not fit may be made anew by `ffmpeg`: the user said so, and whether it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ffmpeg: Option<bool>,
    #[serde(default)]
    pub files: usize,
    #[serde(default)]
    pub file_bytes: u64,
    #[serde(default)]
    pub file_mimes: Vec<String>,
    /// Media are described or linked to and not sent: none needs to fit. What tells of their maker is taken out all the same.
    #[serde(default)]
    pub described: bool,
    pub alt: Option<usize>,
    pub poll_options: usize,
    pub poll_option: usize,
    pub poll_seconds: (u64, u64),
}

impl Limits {
    /// The published defaults.
    pub fn of(spec: &Spec) -> Limits {
        let image = spec.media.image;
        let (video, file) = (spec.media.video, spec.media.file);
        let mimes = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        Limits {
            text: spec.text.max,
            caption: spec.text.caption,
            unit: spec.text.unit,
            media: spec.media.max,
            images: image.map_or(0, |rule| rule.max),
            image_bytes: image.map_or(0, |rule| rule.bytes),
            image_pixels: image.and_then(|rule| rule.pixels),
            image_side: image.and_then(|rule| rule.side),
            image_mimes: image.map_or_else(Vec::new, |rule| mimes(rule.mimes)),
            animated_bytes: None,
            image_shape: None,
            pad_images: false,
            videos: video.map_or(0, |rule| rule.max),
            video_bytes: video.map_or(0, |rule| rule.bytes),
            video_mimes: video.map_or_else(Vec::new, |rule| mimes(rule.mimes)),
            video_seconds: None,
            ffmpeg: None,
            files: file.map_or(0, |rule| rule.max),
            file_bytes: file.map_or(0, |rule| rule.bytes),
            file_mimes: file.map_or_else(Vec::new, |rule| mimes(rule.mimes)),
            described: false,
            alt: spec.media.alt.map(|(_, most)| most),
            poll_options: spec.poll.map_or(0, |rule| rule.options.1),
            poll_option: spec.poll.map_or(0, |rule| rule.option),
            poll_seconds: spec.poll.map_or((0, 0), |rule| rule.seconds),
        }
    }

    /// The same, with what the user's settings say (`max_text`, `max_media`, `max_alt`, `max_image_bytes`, `max_video_bytes`,
    /// `pad_images`, `ffmpeg`).
    pub fn overridden(mut self, settings: &Value) -> Limits {
        let number = |key: &str| settings.get(key).and_then(Value::as_u64);
        if let Some(n) = number("max_text") {
            self.text = Some(n as usize);
        }
        if let Some(n) = number("max_media") {
            self.media = n as usize;
            self.images = self.images.min(n as usize);
        }
        if let Some(n) = number("max_alt") {
            self.alt = Some(n as usize);
        }
        if let Some(n) = number("max_image_bytes") {
            self.image_bytes = n;
        }
        if let Some(n) = number("max_video_bytes") {
            self.video_bytes = n;
        }
        self.ffmpeg = settings.get("ffmpeg").and_then(Value::as_bool).or(self.ffmpeg);
        if let Some(pad) = settings.get("pad_images") {
            self.pad_images = pad.as_bool().unwrap_or_else(|| pad.as_u64().is_some_and(|n| n > 0));
        }
        self
    }
}
