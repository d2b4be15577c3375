//! Every way to log in, from `account add` to a first post and to `account remove`, through the program in a pseudo-terminal.
//!
//! A real authorization server and a real browser where there are such (`scripts/servers/start` tells where), strict stand-ins
//! elsewhere. This executable is the program itself where `XPOST_LAB` is set: then it knows one network more, the [`lab`]'s.
//!
//! - [`flows`]: each way once, from beginning to end
//! - [`hands`]: what people do at a terminal: menus, wrong answers, Ctrl-C
//! - [`attacks`]: what others do meanwhile
//! - [`place`]: the machine, its terminal, its browser; and the search for secrets after each test

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[cfg(unix)]
#[path = "login/attacks.rs"]
mod attacks;
#[cfg(unix)]
#[path = "support/cli.rs"]
mod cli;
#[cfg(unix)]
#[path = "login/flows.rs"]
mod flows;
#[cfg(unix)]
#[path = "login/hands.rs"]
mod hands;
#[path = "login/lab.rs"]
mod lab;
#[cfg(unix)]
#[path = "login/place.rs"]
mod place;
#[cfg(unix)]
#[path = "support/pty.rs"]
mod pty;
#[allow(dead_code, reason = "its facts are used here, not the network itself")]
#[path = "support/quay.rs"]
mod quay;
#[path = "login/twin.rs"]
mod twin;

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::var_os(lab::PROGRAM).is_some() {
        lab::be_seen();
        xpost::platform::add(lab::LAB);
        return xpost::cli::main();
    }
    tests()
}

#[cfg(unix)]
fn tests() -> ExitCode {
    use libtest_mimic::{Arguments, Trial};
    let mut trials = Vec::new();
    for (group, cases) in [("flows", flows::CASES), ("hands", hands::CASES), ("attacks", attacks::CASES)] {
        for case in cases {
            let missing =
                case.needs.iter().find(|variable| std::env::var_os(variable).is_none_or(|place| place.is_empty()));
            let name = format!("{group}::{}", case.name);
            trials.push(match missing {
                Some(variable) => {
                    assert!(std::env::var_os("XPOST_TEST_REAL").is_none(), "{variable} is not set");
                    let trial = Trial::test(name, || Ok(()));
                    trial
                        .with_kind(format!("skipped: {variable} is not set; `scripts/test` starts the servers"))
                        .with_ignored_flag(true)
                }
                None => Trial::test(name, move || {
                    (case.run)();
                    Ok(())
                }),
            });
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

#[cfg(not(unix))]
fn tests() -> ExitCode {
    println!("skipped: there is no pseudo-terminal for these tests here");
    ExitCode::SUCCESS
}
