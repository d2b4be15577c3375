//! The one door to the network.
//!
//! Every request of every platform goes through [`Door::send`]: it follows no redirect, reads at most
//! [`MAX_ANSWER`] bytes of an answer, keeps tokens out of what it logs, and says of each failure whether the
//! request may have taken effect. There is no retry here: that is `deliver`'s decision alone.

mod door;
mod fault;
mod outgoing;
mod public;
mod rate;
mod record;
mod redact;
mod request;
mod trust;

pub use door::{Answer, Door, DoorOptions, by_status, one_line};
pub use fault::{Effect, Fault, Kind};
pub use outgoing::Meter;
pub use public::{Asking, Fetched, Stamp, is_public};
#[cfg(test)]
pub(crate) use public::{World, in_world};
pub use rate::{Rate, parse_retry_at};
pub use redact::Redactor;
pub use request::{Body, FilePart, FileSlice, Load, Method, Request};

/// The most of an answer that is read, in bytes.
pub const MAX_ANSWER: usize = 8 * 1024 * 1024;
