//! How a file is cut into pieces.

/// The rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Bytes of a piece.
    pub size: u64,
    pub last: Last,
}

/// What becomes of what is left over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// The last piece is shorter than the others.
    Shorter,
    /// The last piece takes it: it is longer than the others (TikTok). A file shorter than two pieces goes whole.
    Longer,
}

/// One piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// 0-based.
    pub index: usize,
    /// Where it begins, in bytes.
    pub at: u64,
    /// How long it is, in bytes.
    pub length: u64,
}

impl Span {
    /// The byte after its last.
    pub fn end(&self) -> u64 {
        self.at + self.length
    }

    /// What of it comes from this byte on.
    #[must_use]
    pub fn from(self, at: u64) -> Span {
        let at = at.clamp(self.at, self.end());
        Span { at, length: self.end() - at, ..self }
    }

    /// `bytes 0-99/200`, the `Content-Range` of this piece in a file of `total` bytes.
    pub fn range(&self, total: u64) -> String {
        format!("bytes {}-{}/{total}", self.at, self.end().saturating_sub(1))
    }
}

impl Cut {
    /// All in one.
    pub const WHOLE: Cut = Cut { size: u64::MAX, last: Last::Shorter };

    /// The pieces of a file of `total` bytes, in order; one for an empty file.
    pub fn spans(&self, total: u64) -> Vec<Span> {
        let size = self.size.max(1);
        let count = match self.last {
            Last::Shorter => total.div_ceil(size),
            Last::Longer => total / size,
        };
        let count = count.max(1);
        let piece = |index: u64| {
            let at = index * size;
            let end = if index + 1 == count { total } else { at + size };
            Span { index: index as usize, at, length: end - at }
        };
        (0..count).map(piece).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(size: u64, last: Last, total: u64) -> Vec<u64> {
        let spans = Cut { size, last }.spans(total);
        let mut at = 0;
        for (index, span) in spans.iter().enumerate() {
            assert_eq!((span.index, span.at), (index, at));
            at = span.end();
        }
        assert_eq!(at, total);
        spans.iter().map(|span| span.length).collect()
    }

    #[test]
    fn pieces_cover_the_file() {
        assert_eq!(lengths(10, Last::Shorter, 25), [10, 10, 5]);
        assert_eq!(lengths(10, Last::Shorter, 30), [10, 10, 10]);
        assert_eq!(lengths(10, Last::Shorter, 9), [9]);
        assert_eq!(lengths(10, Last::Longer, 25), [10, 15]);
        assert_eq!(lengths(10, Last::Longer, 20), [10, 10]);
        assert_eq!(lengths(10, Last::Longer, 19), [19]);
        assert_eq!(lengths(u64::MAX, Last::Shorter, 25), [25]);
        assert_eq!(lengths(10, Last::Shorter, 0), [0]);
        // TikTok's own example
        assert_eq!(lengths(10_000_000, Last::Longer, 50_000_123).last(), Some(&10_000_123));
    }

    #[test]
    fn a_piece_goes_on_inside() {
        let span = Span { index: 2, at: 20, length: 10 };
        assert_eq!(span.from(23), Span { index: 2, at: 23, length: 7 });
        assert_eq!(span.from(0), span);
        assert_eq!((span.range(100), span.from(30).length), ("bytes 20-29/100".to_string(), 0));
    }
}
