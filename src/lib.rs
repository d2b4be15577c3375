//! xpost: write once, land everywhere, exactly once.
//!
//! The rooms, from the top down; an upper one may use a lower one, never the reverse.
//! `docs/ARCHITECTURE.md` is the map.
//!
//! | room | what lives there |
//! |---|---|
//! | [`cli`] | one file per verb; the only room that touches the terminal |
//! | [`mock`] | `xpost mock` and `xpost demo`: the twins of all networks on loopback |
//! | [`deliver`] | outbox to platform: claim, verdict, recover, resolve; the only room that decides about retries |
//! | [`plan`] | draft x facts x platform -> plan; pure |
//! | [`platform`] | the contract, the list, one folder for each network |
//! | [`host`] | where media get a public URL, for networks that take nothing else |
//! | [`account`] | accounts, groups, the secret chain |
//! | [`store`] | everything that is kept; the only room with SQL |
//! | [`draft`], [`media`] | what was written: Markdown, images, link cards |
//! | [`twin`] | the kit that stand-ins of networks are made with |
//! | [`text`] | text with marked ranges: counting, splitting, encoding; pure |
//! | [`net`] | the one door to the network: redaction, faults, rate headers, mirror and record |

pub mod account;
pub mod cli;
pub mod deliver;
pub mod draft;
pub mod host;
pub mod login;
pub mod media;
pub mod mock;
pub mod net;
pub mod plan;
pub mod platform;
pub mod store;
pub mod text;
pub mod twin;
