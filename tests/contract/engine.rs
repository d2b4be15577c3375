//! The contract through the engine: the same platforms, driven by `deliver` over a real store, with a crash between any two steps.
//!
//! A case here is an `async fn NAME(stage: &Stage)`, listed in [`cases`] as in the other modules. [`Stage`] gives the twin
//! (`stage.server`, with faults and timelines), a home directory (`stage.home`) and throw-away accounts (`xpost::mock::account`).

use crate::Case;

/// The cases of this module.
pub fn cases() -> Vec<Case> {
    Vec::new()
}
