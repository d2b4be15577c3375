//! Any text as front matter, TOML and YAML: `cargo +nightly fuzz run front_matter`.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use xpost::draft::{Form, Vars, parse};

fuzz_target!(|front: &str| {
    for fence in ["+++", "---"] {
        let text = format!("{fence}\n{front}\n{fence}\nbody\n");
        if let Err(error) = parse("draft.md", Path::new(""), text.as_bytes(), Form::Markdown, &Vars::new()) {
            assert!(!error.to_string().contains('\n'), "one line, so that editors can jump to it");
        }
    }
});
