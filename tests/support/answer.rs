//! What every network must make of any answer that a server may give, for the property test and the fuzz target.

use std::time::{Duration, UNIX_EPOCH};

use xpost::net::{Answer, Effect, Fault, MAX_ANSWER, Rate};
use xpost::platform;

/// Puts one answer before every network.
pub fn judge(status: u16, headers: &[(&'static str, &str)], body: &[u8], write: bool) {
    let mut answer = Answer {
        status,
        headers: Default::default(),
        body: body[..body.len().min(MAX_ANSWER)].to_vec(),
        request_id: None,
        rate: None,
        at: (UNIX_EPOCH + Duration::from_secs(1_795_000_000)).into(),
        write,
        asked: "POST https://server.example/path".to_string(),
    };
    for (name, value) in headers {
        // what is no header cannot come in as one
        if let Ok(value) = value.parse() {
            answer.headers.append(*name, value);
        }
    }
    answer.rate = Rate::from_headers(&answer.headers, answer.at);
    printable(&answer.reason(), 300);
    if let Err(fault) = answer.json::<Fault>() {
        checked(&fault, &answer);
    }
    for platform in platform::ALL {
        let name = platform.spec().name;
        match platform.explain(&answer) {
            Some(fault) => checked(&fault, &answer),
            None => assert!(status < 300, "{name} takes a {status} for a success"),
        }
        // what a server says of itself
        platform.limits(&answer.value());
    }
}

fn checked(fault: &Fault, answer: &Answer) {
    printable(&fault.to_string(), 2000);
    assert!(answer.write || fault.effect == Effect::None, "a read that may have posted: {fault}");
    if let Some(at) = fault.retry_at {
        let wait = (at - answer.at).num_seconds();
        assert!((0..=24 * 3600).contains(&wait), "to wait {wait} s");
    }
}

/// One line for a terminal.
fn printable(text: &str, most: usize) {
    assert!(text.chars().count() <= most, "{} characters", text.chars().count());
    let odd = text.chars().find(|c| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
    assert!(odd.is_none(), "{odd:?} in {text:?}");
}
