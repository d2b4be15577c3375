//! How a verb ends: an exit code, and where it went wrong what happened and the next command to type.

use crate::account::FileError;
use crate::net::{Fault, Kind};
use crate::store;

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Published, scheduled, or nothing to do.
    Done = 0,
    /// An internal or local error.
    Error = 1,
    Usage = 2,
    /// Refused before sending: the draft has problems, nothing was sent.
    Refused = 3,
    /// Some published, some not.
    Partly = 4,
    /// Every target failed.
    Nothing = 5,
    /// At least one outcome is unknown.
    Unknown = 6,
    /// A login is needed or has expired.
    Login = 7,
    Interrupted = 130,
}

/// Why a verb could not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub exit: Exit,
    /// What happened: lower case, no full stop.
    pub message: String,
    /// More lines, each a fact of its own (the problems of a draft).
    pub details: Vec<String>,
    /// The next command to type.
    pub next: Option<String>,
}

impl Trouble {
    pub fn new(exit: Exit, message: impl Into<String>) -> Trouble {
        Trouble { exit, message: message.into(), details: Vec::new(), next: None }
    }

    /// An error of this machine.
    pub fn local(message: impl Into<String>) -> Trouble {
        Trouble::new(Exit::Error, message)
    }

    /// Wrong use of the command.
    pub fn usage(message: impl Into<String>) -> Trouble {
        Trouble::new(Exit::Usage, message)
    }

    /// The draft cannot be posted.
    pub fn refused(message: impl Into<String>) -> Trouble {
        Trouble::new(Exit::Refused, message)
    }

    /// With the next command to type.
    #[must_use]
    pub fn next(mut self, command: impl Into<String>) -> Trouble {
        self.next = Some(command.into());
        self
    }

    /// With one more line.
    #[must_use]
    pub fn detail(mut self, line: impl Into<String>) -> Trouble {
        self.details.push(line.into());
        self
    }
}

/// Trouble with files and sockets of this machine: what was to be done, and the cause.
impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Trouble {
        Trouble::local(format!("{error:#}"))
    }
}

impl From<store::Error> for Trouble {
    fn from(error: store::Error) -> Trouble {
        Trouble::local(error.to_string())
    }
}

impl From<FileError> for Trouble {
    fn from(error: FileError) -> Trouble {
        Trouble::new(Exit::Usage, error.to_string())
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Trouble {
        let exit = if fault.kind == Kind::Auth { Exit::Login } else { Exit::Error };
        Trouble::new(exit, fault.to_string())
    }
}
