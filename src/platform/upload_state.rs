//! What the journal keeps of an upload.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::time::UNIX_EPOCH;

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::draft::hex;
use crate::media::Media;
use crate::net::Fault;

/// How far an upload is. A new one is `State::default()`; networks keep it among what their `prepare` has finished.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub(super) step: Step,
    /// What identifies it at the network; gone when it is done.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(super) session: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) began: Option<DateTime<Utc>>,
    /// Bytes from the beginning that are there, where that is what counts.
    pub(super) sent: u64,
    /// The pieces that are there, where these are what counts, and what the network gave for each.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tags: BTreeMap<usize, Value>,
    /// What came with the last piece.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(super) last: Value,
    /// No piece was on its way when this was saved.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) sure: bool,
    pub(super) stamp: Stamp,
    /// How many sessions were opened for this file.
    pub(super) opened: u32,
    /// What refers to the file.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(super) remote: Value,
}

/// Where an upload is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    #[default]
    New,
    /// A session is open.
    Sending,
    /// All pieces are there; the session may be closed or not.
    Sent,
    /// The network is at work on it.
    Busy,
    Done,
}

/// What tells cheaply that a file is still the same: its size and when it was written (nanoseconds since 1970).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp(u64, i64);

impl Stamp {
    pub(super) fn of(media: &Media) -> Result<Stamp, Fault> {
        let fail = |error: std::io::Error| Fault::local(format!("cannot read `{}`: {error}", media.path.display()));
        let about = std::fs::metadata(&media.path).map_err(fail)?;
        let written = about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        Ok(Stamp(about.len(), i64::try_from(written.as_nanos()).unwrap_or_default()))
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0
    }
}

/// The hash of a file, in hex; read in small steps.
pub(super) fn sha256(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(hash.finish().as_ref())),
            read => hash.update(&buffer[..read]),
        }
    }
}

impl State {
    /// Whether the file can be used.
    pub fn is_done(&self) -> bool {
        self.step == Step::Done
    }

    pub(super) fn open(&mut self, session: Value) {
        let (stamp, opened) = (self.stamp, self.opened + 1);
        *self = State { step: Step::Sending, session, began: Some(Utc::now()), stamp, opened, ..State::default() };
    }

    pub(super) fn anew(&mut self) {
        *self = State { stamp: self.stamp, opened: self.opened, ..State::default() };
    }

    pub(super) fn done(&mut self, remote: Value) {
        *self = State { step: Step::Done, remote, ..State::default() };
    }
}
