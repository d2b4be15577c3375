//! Any text as the page behind a link card: `cargo +nightly fuzz run page`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xpost::media::read_page;

fuzz_target!(|html: &str| {
    let page = read_page(html);
    assert!(page.title.chars().count() <= 300 && page.description.chars().count() <= 1000);
    assert!(!page.title.contains('\n') && !page.description.contains('\n'));
});
