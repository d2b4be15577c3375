//! The terminal: results on standard output, talk on standard error.
//!
//! Nothing here ever fails or panics: a reader that went away (`xpost history | head`) must not stop a delivery.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use super::trouble::Trouble;
use crate::net::Redactor;

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// The colours that are used.
#[derive(Debug, Clone, Copy)]
pub enum Paint {
    Good,
    Bad,
    Warn,
    Dim,
    Bold,
}

/// Where everything that a person or a script sees goes through. Clones share what they know.
#[derive(Clone)]
pub struct Out {
    pub json: bool,
    pub quiet: bool,
    pub verbose: u8,
    color_out: bool,
    color_err: bool,
    redactor: Redactor,
    failed: Arc<AtomicBool>,
}

impl Out {
    pub fn new(json: bool, quiet: bool, verbose: u8, color: Color, redactor: Redactor) -> Out {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let wanted = |terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !plain,
        };
        Out {
            json,
            quiet,
            verbose,
            color_out: wanted(std::io::stdout().is_terminal()),
            color_err: wanted(std::io::stderr().is_terminal()),
            redactor,
            failed: Arc::default(),
        }
    }

    /// Whether a live display makes sense.
    pub fn live(&self) -> bool {
        !self.json && !self.quiet && self.verbose == 0 && std::io::stderr().is_terminal()
    }

    /// One line of a result.
    pub fn line(&self, text: &str) {
        self.raw(format!("{text}\n").as_bytes());
    }

    /// A result as it is.
    pub fn raw(&self, bytes: &[u8]) {
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error)
                if error.kind() != std::io::ErrorKind::BrokenPipe && !self.failed.swap(true, Ordering::Relaxed) =>
            {
                self.say(&format!("error: standard output cannot be written: {error}"));
            }
            _ => {}
        }
    }

    /// Whether a result was lost (a full disk behind `>`).
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// The one document of `--json`: `version` and `kind`, then these fields.
    pub fn document(&self, kind: &str, fields: Value) {
        let mut document = json!({ "version": 1, "kind": kind });
        if let (Value::Object(document), Value::Object(fields)) = (&mut document, fields) {
            document.extend(fields);
        }
        self.line(&serde_json::to_string_pretty(&document).unwrap_or_default());
    }

    /// Talk, unless `--quiet`.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.say(text);
        }
    }

    /// A warning.
    pub fn warn(&self, text: &str) {
        let label = self.err_paint(Paint::Warn, "warning:");
        self.say(&format!("{label} {text}"));
    }

    /// Shows what went wrong.
    pub fn trouble(&self, trouble: &Trouble) {
        self.say(&format!("{} {}", self.err_paint(Paint::Bad, "error:"), trouble.message));
        for line in &trouble.details {
            self.say(&format!("  {line}"));
        }
        if let Some(next) = &trouble.next {
            self.say(&format!("  {} {next}", self.err_paint(Paint::Dim, "next:")));
        }
        if self.json {
            let clean = |text: &String| self.redactor.clean(text);
            self.document(
                "error",
                json!({
                    "exit": trouble.exit as u8,
                    "message": clean(&trouble.message),
                    "details": trouble.details.iter().map(clean).collect::<Vec<_>>(),
                    "next": trouble.next,
                }),
            );
        }
    }

    /// Always shown, on standard error, without any secret.
    pub fn say(&self, text: &str) {
        drop(writeln!(std::io::stderr().lock(), "{}", self.redactor.clean(text)));
    }

    /// A word for standard output.
    pub fn paint(&self, paint: Paint, text: &str) -> String {
        colored(self.color_out, paint, text)
    }

    /// A word for standard error.
    pub fn err_paint(&self, paint: Paint, text: &str) -> String {
        colored(self.color_err, paint, text)
    }

    /// A table on standard output: the last column is cut where a terminal is too narrow, the others never.
    pub fn table(&self, head: &[&str], rows: &[Vec<String>]) {
        for line in table(head, rows, if std::io::stdout().is_terminal() { columns() } else { usize::MAX }) {
            self.line(&line);
        }
    }
}

fn colored(on: bool, paint: Paint, text: &str) -> String {
    let code = match paint {
        Paint::Good => "32",
        Paint::Bad => "31",
        Paint::Warn => "33",
        Paint::Dim => "2",
        Paint::Bold => "1",
    };
    if on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
}

/// How wide the terminal is: `COLUMNS`, else what the terminal says, else 80.
pub fn columns() -> usize {
    let named = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    named.filter(|n| *n >= 20).unwrap_or_else(|| dialoguer::console::Term::stderr().size().1.into())
}

/// The lines of a table, columns as wide as their widest cell, two spaces between them; the last one is cut at `most` columns.
pub fn table(head: &[&str], rows: &[Vec<String>], most: usize) -> Vec<String> {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.width()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(shown_width(cell));
        }
    }
    let last = head.len().saturating_sub(1);
    let before: usize = widths.iter().take(last).map(|width| width + 2).sum();
    let line = |cells: Vec<&str>| {
        let mut line = String::new();
        for (index, cell) in cells.into_iter().enumerate() {
            if index == last {
                line.push_str(&cut(cell, most.saturating_sub(before).max(8)));
            } else {
                line.push_str(cell);
                line.push_str(&" ".repeat((widths[index] + 2).saturating_sub(shown_width(cell))));
            }
        }
        line.trim_end().to_string()
    };
    let mut lines = vec![line(head.to_vec())];
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines
}

/// The width of a cell without its colours.
fn shown_width(text: &str) -> usize {
    if !text.contains('\x1b') {
        return text.width();
    }
    let mut plain = String::new();
    let mut escape = false;
    for c in text.chars() {
        match (escape, c) {
            (false, '\x1b') => escape = true,
            (false, c) => plain.push(c),
            (true, c) => escape = c != 'm',
        }
    }
    plain.width()
}

/// At most so many columns, with `…` where something was cut; never a half cluster.
pub fn cut(text: &str, most: usize) -> String {
    use unicode_segmentation::UnicodeSegmentation;
    if text.contains('\x1b') || text.width() <= most {
        return text.to_string();
    }
    let mut kept = String::new();
    let mut width = 0;
    for cluster in text.graphemes(true) {
        width += cluster.width();
        if width >= most {
            break;
        }
        kept.push_str(cluster);
    }
    kept.push('…');
    kept
}

/// One printable line of a text that somebody else wrote: no control and no bidi characters.
pub fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .join(" ")
        .chars()
        .filter(|c| {
            !c.is_control() && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_the_characters() {
        let rows = vec![
            vec!["日本".to_string(), "x".into(), "a long last column that is cut".into()],
            vec!["ab".to_string(), "\x1b[32mok\x1b[0m".into(), "short".into()],
        ];
        let lines = table(&["NAME", "S", "TEXT"], &rows, 24);
        assert_eq!(lines, ["NAME  S   TEXT", "日本  x   a long last c…", "ab    \x1b[32mok\x1b[0m  short"]);
        assert_eq!(lines[1].width(), 24);
    }

    #[test]
    fn what_others_wrote_is_one_printable_line() {
        assert_eq!(one_line("a\n\tb\u{202e}c\x1b[31m"), "a bc[31m");
        assert_eq!(cut("👩‍🚀👩‍🚀👩‍🚀", 5), "👩‍🚀👩‍🚀…");
    }
}
