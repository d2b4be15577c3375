//! What is wrong with a draft, and where.

use std::fmt;

/// Why a draft cannot be used. Shown as `draft.md:3:1: unknown key …`, which editors and terminals can jump to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftError {
    /// The file, `stdin` or `--text`.
    pub source: String,
    /// 1-based, of the file as a person sees it.
    pub line: Option<usize>,
    /// 1-based, in characters.
    pub column: Option<usize>,
    /// What is wrong and what to do about it.
    pub message: String,
}

impl fmt::Display for DraftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        for number in [self.line, self.line.and(self.column)].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for DraftError {}

/// The same before the name of the draft is known: what the parts of the parser hand up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub line: usize,
    pub column: Option<usize>,
    pub message: String,
}

impl Wrong {
    pub fn at(line: usize, message: impl Into<String>) -> Wrong {
        Wrong { line, column: None, message: message.into() }
    }

    pub fn column(mut self, column: usize) -> Wrong {
        self.column = Some(column);
        self
    }

    pub fn of(self, source: &str) -> DraftError {
        DraftError {
            source: source.to_string(),
            line: (self.line > 0).then_some(self.line),
            column: self.column.filter(|column| *column > 0),
            message: self.message,
        }
    }
}

/// Line and column, both 1-based, of a byte offset.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}
