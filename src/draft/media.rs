//! What a draft says of its media beside their alt texts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::Wrong;
use super::fields::{line, only, text, text_of, wrong};
use super::front::{Entry, Node, Value};
use super::near::did_you_mean;
use super::{Draft, Fields, MediaRef};

/// What to do with an alt text that is longer than a network takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AltOverflow {
    /// Refuse this target.
    Refuse,
    /// Cut it between words, with an ellipsis; said in `changes`.
    Truncate,
}

/// The point of a picture that must stay in sight where it is cropped, in thousandths: x from -1000 (left) to 1000, y from -1000
/// (bottom) to 1000; the middle is 0, 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Focus {
    pub x: i16,
    pub y: i16,
}

impl std::fmt::Display for Focus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{}", f64::from(self.x) / 1000.0, f64::from(self.y) / 1000.0)
    }
}

/// What is said of one medium, in `[media."crab.png"]` or beside `file` in a list; what is left out is not said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaDetails {
    /// In place of the words in the brackets.
    pub alt: Option<String>,
    pub focus: Option<Focus>,
    /// The picture that stands for a film until it plays.
    pub thumbnail: Option<String>,
    /// SRT or WebVTT.
    pub subtitles: Option<String>,
}

impl MediaDetails {
    /// Puts what another says over it.
    pub(crate) fn merge(&mut self, over: &MediaDetails) {
        macro_rules! take {
            ($($field:ident),*) => {
                $(if over.$field.is_some() { self.$field.clone_from(&over.$field); })*
            };
        }
        take!(alt, focus, thumbnail, subtitles);
    }
}

const DETAILS: &[&str] = &["alt", "focus", "thumbnail", "subtitles"];

/// `media`: a list that takes the place of the body's, or a table that says more of what is there.
pub(super) fn read(entry: &Entry, fields: &mut Fields) -> Result<(), Wrong> {
    if let Value::Table(table) = &entry.node.value
        && !table.iter().any(|inner| inner.key == "file" && matches!(inner.node.value, Value::Text(_)))
    {
        for inner in table {
            let said = details(inner, DETAILS)?;
            fields.details.insert(inner.key.clone(), said);
        }
        return Ok(());
    }
    let one = [entry.node.clone()];
    let nodes: &[Node] = match &entry.node.value {
        Value::List(list) => list,
        _ => &one,
    };
    let mut media = Vec::new();
    for node in nodes {
        let Value::Table(table) = &node.value else {
            media.push(MediaRef { source: text_of("media", node)?, alt: None, line: node.line });
            continue;
        };
        let inner = Entry { key: "media".into(), line: node.line, column: node.column, node: node.clone() };
        let mut said = details(&inner, &["file", "alt", "focus", "thumbnail", "subtitles"])?;
        let source = table.iter().find(|e| e.key == "file").map(line).transpose()?;
        let source = source.ok_or_else(|| wrong(&inner, "a medium needs `file`"))?;
        // the same file may stand there twice with other words
        media.push(MediaRef { source: source.clone(), alt: said.alt.take(), line: node.line });
        if said != MediaDetails::default() {
            fields.details.entry(source).or_default().merge(&said);
        }
    }
    fields.media = Some(media);
    Ok(())
}

fn details(entry: &Entry, known: &[&str]) -> Result<MediaDetails, Wrong> {
    let mut said = MediaDetails::default();
    for inner in only(entry, known)? {
        match inner.key.as_str() {
            "alt" => said.alt = Some(text(inner)?.trim().to_string()).filter(|alt| !alt.is_empty()),
            "focus" => said.focus = Some(focus(inner)?),
            "thumbnail" => said.thumbnail = Some(line(inner)?),
            "subtitles" => said.subtitles = Some(line(inner)?),
            _ => {}
        }
    }
    Ok(said)
}

/// `[0.3, -0.2]` or `"0.3,-0.2"`.
fn focus(entry: &Entry) -> Result<Focus, Wrong> {
    let numbers: Vec<f64> = match &entry.node.value {
        Value::List(list) => list
            .iter()
            .filter_map(|node| match node.value {
                Value::Int(n) => Some(n as f64),
                Value::Float(n) => Some(n),
                _ => None,
            })
            .collect(),
        Value::Text(text) => text.split(',').filter_map(|number| number.trim().parse().ok()).collect(),
        _ => Vec::new(),
    };
    match numbers[..] {
        // within these bounds a thousandfold fits
        [x, y] if [x, y].iter().all(|n| (-1.0..=1.0).contains(n)) => {
            Ok(Focus { x: (x * 1000.0).round() as i16, y: (y * 1000.0).round() as i16 })
        }
        _ => Err(wrong(
            entry,
            "`focus` must be two numbers from -1 to 1, from the left and from below, as `[0.3, -0.2]`; the middle is `[0, 0]`",
        )),
    }
}

/// Whether every medium that more is said of is one of the draft's: a slip of the pen would be ignored in silence.
pub(super) fn all_there(draft: &Draft) -> Result<(), Wrong> {
    let media = draft.media();
    let sources = || media.iter().map(|medium| medium.source.as_str());
    let tables: Vec<&BTreeMap<String, MediaDetails>> =
        std::iter::once(&draft.fields).chain(draft.on.values()).map(|fields| &fields.details).collect();
    match tables.iter().flat_map(|table| table.keys()).find(|source| sources().all(|known| known != *source)) {
        None => Ok(()),
        Some(stray) => {
            let near = did_you_mean(stray, sources());
            Err(Wrong::at(0, format!("`media.\"{stray}\"`: the draft has no such medium{near}")))
        }
    }
}
