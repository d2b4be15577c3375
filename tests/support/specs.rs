//! Where published specifications and vectors are read from.

use std::path::{Path, PathBuf};

/// The file or folder `path` below `XPOST_SPECS` (default `../shared/specs`).
///
/// Where it is missing, the test that asks is told `None` and says that it was skipped; with `CI=true` nothing may be
/// left out, so that it panics.
pub fn specs(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("XPOST_SPECS").map_or_else(
        // Tests run in the package's root, wherever the binary was built.
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/specs"),
        PathBuf::from,
    );
    let found = root.join(path);
    if found.exists() {
        return Some(found);
    }
    let why = format!("`{}` is not there; set XPOST_SPECS to the folder of published specifications", found.display());
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
    println!("skipped: {why}");
    None
}
