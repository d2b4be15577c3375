//! Everything that is kept: accounts (without their secrets), the journal of posts, uploads, rates, what a media host keeps.
//!
//! SQL lives here and nowhere else. The interface is asynchronous and speaks in rows of the tool's own terms, so that another
//! engine can stand behind it. One thread owns the connection; writes that arrive together are committed together.

mod accounts;
mod edits;
mod engine;
mod history;
mod home;
mod hosted;
mod outbox;
mod outbox_add;
mod rows;
mod uploads;

pub use edits::NewWords;
pub use engine::{Error, Store, private_directory, private_file};
pub use history::{Query, Totals};
pub use home::Home;
pub use hosted::HostedRow;
pub use outbox::{Added, Claim, Claimed, Scope, Settled, Try};
pub use outbox_add::{Add, NewDelivery, NewPart};
pub use rows::{Account, Attempt, DeliveryRow, NewAccount, PartRow, PartState, PostRow, SecretSource};
