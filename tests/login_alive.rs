//! Logins that last: renewed once whoever asks, stored before use, told of before they end; through the program itself.
//!
//! The network of these tests is not one of xpost's: this file is the program, too, with that network added.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "login_alive/doctor.rs"]
mod doctor;
#[path = "login_alive/machine.rs"]
mod machine;
#[path = "login_alive/outside.rs"]
mod outside;
#[path = "login_alive/renewal.rs"]
mod renewal;
#[path = "login_alive/tide.rs"]
mod tide;
#[path = "login_alive/trust.rs"]
mod trust;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    xpost::platform::add(&[&tide::Tide]);
    if std::env::var_os(machine::AS_PROGRAM).is_some() {
        return xpost::cli::main();
    }
    let mut trials = Vec::new();
    for (room, tests) in
        [("renewal", renewal::ALL), ("outside", outside::ALL), ("trust", trust::ALL), ("doctor", doctor::ALL)]
    {
        trials.extend(tests.iter().map(|(name, test)| {
            Trial::test(format!("{room}::{name}"), || {
                test();
                Ok(())
            })
        }));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
