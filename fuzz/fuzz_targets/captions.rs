//! Any text as subtitles: `cargo +nightly fuzz run captions`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xpost::media::{captions_kind, read_captions};

fuzz_target!(|text: &str| {
    match read_captions(text) {
        Ok(cues) => assert!(cues > 0 && captions_kind(text).is_some() && cues <= text.matches("-->").count()),
        Err(why) => assert!(!why.is_empty() && !why.contains('\n')),
    }
});
