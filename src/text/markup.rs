//! Encoding: what a network is sent for a marked text.

use serde::{Deserialize, Serialize};

use super::Text;

/// What a network can show, and how it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Markup {
    /// Nothing but characters: labelled links are written out as `label (https://…)`, mentions as `@handle`.
    Plain,
    /// Characters and ranges for links, mentions and tags (Bluesky facets); a link keeps its label.
    Links,
    /// Characters and ranges for all marks (Telegram entities).
    Entities,
    /// HTML.
    Html,
    /// CommonMark.
    Markdown,
    /// Discord's dialect: its own escapes, `-#` and headings, masked links.
    Discord,
    /// Slack's dialect.
    Mrkdwn,
    /// LinkedIn's escaped text.
    LittleText,
}

impl Markup {
    /// The text reduced to what the network can show: the result is what is split and counted (through [`Markup::encode`]).
    pub fn fit(self, text: &Text) -> Text {
        text.clone()
    }

    /// The string that is sent. For [`Markup::Links`] and [`Markup::Entities`] it is the text itself; the ranges are the network's own business.
    pub fn encode(self, text: &Text) -> String {
        text.text.clone()
    }
}
