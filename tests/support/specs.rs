//! Where the published specs and vectors are.

use std::path::PathBuf;

/// A file of the published specs, by its path below their folder (`XPOST_SPECS`). `None`, with a line on standard error, where the
/// folder is missing; with `CI=true` that is a failure.
pub fn specs(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("XPOST_SPECS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/specs"), PathBuf::from);
    let file = root.join(path);
    if file.exists() {
        return Some(file);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "the published specs are missing: `{}`", file.display());
    eprintln!("skipped: `{}` is not there; set XPOST_SPECS", file.display());
    None
}
