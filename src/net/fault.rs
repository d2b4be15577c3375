//! What went wrong on the way to a network, on two axes: what kind of trouble, and whether a post may
//! exist all the same.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What kind of trouble it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The credentials are missing, wrong or expired.
    Auth,
    /// The credentials are good, but not for this.
    Forbidden,
    /// The network looked at the request and said no; the same request will be refused again.
    Rejected,
    /// Too many requests; `retry_after` says when, if the network said so.
    Limited,
    /// The network has trouble of its own (5xx).
    Unavailable,
    /// The network was not reached, or the connection broke.
    Network,
    /// The answer was not what this network's API promises.
    Protocol,
    /// This network, server or account cannot do it.
    Unsupported,
    /// It costs money that is not there.
    Billing,
    /// Trouble on this machine: a file, the store, the keyring.
    Local,
}

impl Kind {
    /// One word for messages and the journal.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Auth => "auth",
            Kind::Forbidden => "forbidden",
            Kind::Rejected => "rejected",
            Kind::Limited => "limited",
            Kind::Unavailable => "unavailable",
            Kind::Network => "network",
            Kind::Protocol => "protocol",
            Kind::Unsupported => "unsupported",
            Kind::Billing => "billing",
            Kind::Local => "local",
        }
    }

    /// Whether the same request may succeed later without anybody changing anything.
    pub fn transient(self) -> bool {
        matches!(self, Kind::Limited | Kind::Unavailable | Kind::Network)
    }
}

/// Could the request have taken effect?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Certainly not: nothing was posted.
    None,
    /// The post may exist: the answer was lost or unreadable.
    Maybe,
}

/// One failed request, as the engine, the journal and the user see it. Holds no secret: messages pass
/// through the redactor of the door before they get here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    pub kind: Kind,
    pub effect: Effect,
    /// When the network says the next try is welcome.
    pub retry_at: Option<DateTime<Utc>>,
    /// The network's own code (`InvalidSwap`, `50035`), if it gave one.
    pub code: Option<String>,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The network's id of the request, for its support.
    pub request_id: Option<String>,
    /// What happened, in one line, lower case, no full stop.
    pub message: String,
}

impl Fault {
    /// A fault that certainly had no effect.
    pub fn new(kind: Kind, message: impl Into<String>) -> Fault {
        Fault {
            kind,
            effect: Effect::None,
            retry_at: None,
            code: None,
            status: None,
            request_id: None,
            message: message.into(),
        }
    }

    /// Trouble on this machine.
    pub fn local(message: impl Into<String>) -> Fault {
        Fault::new(Kind::Local, message)
    }

    /// A 2xx whose body does not hold what the API promises: the post may exist.
    pub fn unreadable(message: impl Into<String>) -> Fault {
        Fault::new(Kind::Protocol, message).maybe()
    }

    /// The same fault, with an effect that cannot be excluded.
    pub fn maybe(mut self) -> Fault {
        self.effect = Effect::Maybe;
        self
    }

    /// The same fault, with the network's own code.
    pub fn code(mut self, code: impl Into<String>) -> Fault {
        self.code = Some(code.into());
        self
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut extra = Vec::new();
        if let Some(status) = self.status {
            extra.push(format!("HTTP {status}"));
        }
        if let Some(code) = &self.code {
            extra.push(format!("code {code}"));
        }
        if let Some(id) = &self.request_id {
            extra.push(format!("request {id}"));
        }
        let whole =
            if extra.is_empty() { self.message.clone() } else { format!("{} ({})", self.message, extra.join(", ")) };
        f.write_str(&shown(&whole))
    }
}

/// Longest line that a fault makes.
const LONGEST: usize = 1900;

/// What a network said, fit for a terminal: no control characters, nothing that turns the reading direction, not without end.
fn shown(text: &str) -> String {
    let odd = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().take(LONGEST).map(|c| if odd(c) { ' ' } else { c }).collect()
}

impl std::error::Error for Fault {}
