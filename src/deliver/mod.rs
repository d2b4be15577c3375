//! Outbox to platform: the only room that knows both, and the only one that decides about repeats.
//!
//! The order of things for one part, each step on disk before the next: claimed (`preparing`), prepared (checkpoints), `sending`,
//! the one visible request, then `sent`, `failed`, `unknown` or queued again. [`verdict`] is the table of decisions.

mod add;
mod edit;
mod engine;
mod health;
mod leave;
mod lookup;
mod offers;
mod owner;
mod renew;
mod session;
mod turn;
mod verdict;
mod worker;

pub use add::{AddOptions, Order, Written};
pub use engine::{Engine, Event, EventKind, Options};
pub use health::Health;
pub use leave::{Ended, Leaving};
pub use renew::lost;
pub use session::{Session, ends};
pub use verdict::{Phase, Situation, TRIES, Verdict, next_try, verdict};
