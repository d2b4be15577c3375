//! The kit that twins are made with: small stateful stand-ins of networks, served over real sockets on loopback.
//!
//! A twin lives in its network's folder (`twin.rs`) and knows that network's limits, duplicate rules and error shapes; the kit
//! does HTTP, faults, the log of exchanges and the page.

mod http;
mod inject;
mod page;
mod server;
mod wire;

pub use http::{FormPart, Incoming, Reply};
pub use inject::{Inject, What, When};
pub use server::{Exchange, Server, ServerOptions};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A stand-in of one network.
pub trait Twin: Send {
    /// The hosts it answers for; a request for `https://HOST/path` reaches it as `/HOST/path` through the mirror.
    fn hosts(&self) -> Vec<String>;

    /// Hosts that it answers for beside the twin whose they are (one company, several networks): what it [`Twin::claims`], and
    /// everything where that other twin is not there.
    fn shares(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether a request to one of [`Twin::shares`] is its own, by the token or the app that it shows.
    fn claims(&self, request: &Incoming) -> bool {
        let _ = request;
        false
    }

    /// Answers one request, as the real network would.
    fn answer(&mut self, request: &Incoming) -> Reply;

    /// "Too many requests" in the network's own dialect, to be over in `seconds`.
    fn limited(&self, seconds: u64) -> Reply;

    /// "This token is no longer good" in the network's own dialect.
    fn expired(&self) -> Reply;

    /// "I have trouble" in the network's own dialect, with this status (500, 502, 503).
    fn unavailable(&self, status: u16) -> Reply {
        Reply::html(status, "<html><head><title>Bad gateway</title></head><body>nginx</body></html>")
    }

    /// Makes every session that was handed out invalid, where the network has sessions; a fixed token stays good.
    fn expire_sessions(&mut self) {}

    /// Tells the settings of an account that was made for this stand-in: a platform that is no server (a directory on this machine)
    /// learns so where its posts are.
    fn welcome(&mut self, settings: &Value) {
        let _ = settings;
    }

    /// All that was posted and not deleted, oldest first.
    fn timeline(&self) -> Vec<Seen>;
}

/// One post as a reader of the twin sees it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub id: String,
    /// Who posted it or where it stands: a handle, a channel.
    pub account: String,
    pub title: Option<String>,
    /// As stored, without markup.
    pub text: String,
    pub url: Option<String>,
    /// The id of the post that this one replies to.
    pub reply_to: Option<String>,
    pub media: Vec<SeenMedia>,
    pub at: DateTime<Utc>,
    /// Whatever else is worth showing (poll, card, labels, visibility).
    pub extra: Value,
}

/// A medium that a twin holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenMedia {
    pub mime: String,
    pub bytes: u64,
    pub alt: String,
}
