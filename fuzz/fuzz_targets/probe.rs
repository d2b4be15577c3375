//! Any bytes as a picture, film or sound: `cargo +nightly fuzz run probe`.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use xpost::media::probe;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(found) = probe(Cursor::new(bytes), bytes.len() as u64) {
        assert!(found.mime.contains('/'));
        assert!(found.pixels.is_none_or(|(width, height)| width > 0 && height > 0));
        assert!(found.about.turned == 0 || (2..=8).contains(&found.about.turned));
    }
});
