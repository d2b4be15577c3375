//! Any answer of a server, before every network: `cargo +nightly fuzz run answer`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/answer.rs"]
mod answer;

// two bytes of status, one line of a header's value, then the body
fuzz_target!(|bytes: &[u8]| {
    let Some((head, rest)) = bytes.split_at_checked(2) else { return };
    let status = 200 + u16::from_be_bytes([head[0], head[1]]) % 400;
    let (line, body) = rest.split_at(rest.iter().position(|byte| *byte == b'\n').unwrap_or(0));
    let value = String::from_utf8_lossy(line);
    let headers = ["retry-after", "x-ratelimit-reset", "x-ratelimit-remaining", "location"].map(|name| (name, &*value));
    answer::judge(status, &headers, body, head[0] & 1 == 0);
});
