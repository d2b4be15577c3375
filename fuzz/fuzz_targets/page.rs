//! Any bytes as the page behind a link card, and as its oEmbed description: `cargo +nightly fuzz run page`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xpost::media::{decode, read_oembed, read_page};

fuzz_target!(|input: (&str, &[u8])| {
    let (content_type, bytes) = input;
    let page = read_page(&decode(bytes, content_type));
    assert!(page.title.chars().count() <= 300 && page.description.chars().count() <= 1000);
    assert!(!page.title.contains('\n') && !page.description.contains('\n'));
    let (title, _) = read_oembed(bytes);
    assert!(title.is_none_or(|title| title.chars().count() <= 300 && !title.contains('\n')));
});
