//! A person at a terminal: a program behind a pseudo-terminal, typed at and read like one. Unix only.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::io::{Read, Write};
use std::num::NonZero;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(40);

const ROWS: NonZero<u16> = NonZero::new(40).unwrap();

/// A program and its terminal. Dropped while the program runs, it kills the program.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    /// Closed when this is dropped: the program then sees the terminal go.
    _master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    shared: Arc<(Mutex<Said>, Condvar)>,
    /// How much of [`Said::plain`] earlier calls have gone past.
    seen: usize,
}

/// What the program wrote.
struct Said {
    raw: Vec<u8>,
    /// Without control sequences, lines ended by `\n`; a line that was drawn over is there in each of its forms.
    plain: String,
    screen: vt100::Parser,
    over: bool,
}

/// A program that ended.
#[derive(Debug)]
pub struct Ended {
    pub code: u32,
    /// All that was ever on the terminal, without control sequences.
    pub said: String,
    /// The same as it came.
    pub raw: String,
}

impl Terminal {
    /// Starts the command, with nothing but the environment that was set on it, in a terminal of so many columns.
    pub fn start(command: &Command, columns: u16) -> Terminal {
        let size = PtySize { rows: ROWS.get(), cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut builder = CommandBuilder::new(command.get_program());
        builder.args(command.get_args());
        builder.env_clear();
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                builder.env(name, value);
            }
        }
        if let Some(directory) = command.get_current_dir() {
            builder.cwd(directory);
        }
        let child = pair.slave.spawn_command(builder).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let keys = pair.master.take_writer().unwrap();
        let said = Said {
            raw: Vec::new(),
            plain: String::new(),
            screen: vt100::Parser::new(ROWS, NonZero::new(columns).unwrap(), 500),
            over: false,
        };
        let shared = Arc::new((Mutex::new(said), Condvar::new()));
        let writing = shared.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                // Linux answers EIO when the program has gone
                let read = reader.read(&mut bytes).unwrap_or(0);
                let mut said = lock(&writing.0);
                if read == 0 {
                    said.over = true;
                } else {
                    said.raw.extend_from_slice(&bytes[..read]);
                    said.screen.process(&bytes[..read]);
                    said.plain = plain(&said.raw);
                }
                writing.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Terminal { child, _master: pair.master, keys, shared, seen: 0 }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Waits until this is said, after what was waited for before.
    #[track_caller]
    pub fn expect(&mut self, text: &str) {
        self.expect_any(&[text]);
    }

    /// Waits until one of these is said and tells which.
    #[track_caller]
    pub fn expect_any(&mut self, texts: &[&str]) -> usize {
        let from = self.seen;
        let (which, end) = self.wait_for(&format!("{texts:?}"), |plain| {
            let found = texts.iter().enumerate().filter_map(|(n, text)| Some((plain.get(from..)?.find(text)?, n)));
            found.min().map(|(at, n)| (n, from + at + texts[n].len()))
        });
        self.seen = end;
        which
    }

    /// Waits for a word that begins like this and ends with white space: an address, a code.
    #[track_caller]
    pub fn word(&mut self, start: &str) -> String {
        let from = self.seen;
        let (word, end) = self.wait_for(&format!("a word `{start}…`"), |plain| {
            let at = from + plain.get(from..)?.find(start)?;
            let length = plain[at..].find(char::is_whitespace)?;
            Some((plain[at..at + length].to_string(), at + length))
        });
        self.seen = end;
        word
    }

    #[track_caller]
    fn wait_for<T>(&self, what: &str, found: impl Fn(&str) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        let mut said = lock(&self.shared.0);
        loop {
            if let Some(found) = found(&said.plain) {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!said.over, "the program ended without saying {what}\n{}", show(&said));
            assert!(!left.is_zero(), "the program did not say {what} in {PATIENCE:?}\n{}", show(&said));
            said = self.shared.1.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Types this and presses Enter.
    pub fn enter(&mut self, text: &str) {
        self.keys(format!("{text}\r").as_bytes());
    }

    /// Presses these keys: `\x03` is Ctrl-C.
    pub fn keys(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
        self.keys.flush().unwrap();
    }

    /// What is on the terminal now.
    pub fn screen(&self) -> String {
        lock(&self.shared.0).screen.screen().contents()
    }

    /// All that was said so far, without control sequences.
    pub fn said(&self) -> String {
        lock(&self.shared.0).plain.clone()
    }

    /// Waits for the end.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "the program does not end\n{}", show(&lock(&self.shared.0)));
            std::thread::sleep(Duration::from_millis(10));
        };
        // what it said last may still be on its way; a process that it started can hold the terminal open
        let mut said = lock(&self.shared.0);
        let until = Instant::now() + Duration::from_secs(2);
        while !said.over && Instant::now() < until {
            said =
                self.shared.1.wait_timeout(said, Duration::from_millis(50)).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ended {
            code: status.exit_code(),
            said: said.plain.clone(),
            raw: String::from_utf8_lossy(&said.raw).into_owned(),
        }
    }
}

impl Ended {
    /// It ended with this code.
    #[track_caller]
    pub fn with(self, code: u32) -> Ended {
        assert_eq!(self.code, code, "the terminal said:\n{}", self.said);
        self
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn show(said: &Said) -> String {
    let screen = said.screen.screen().contents();
    format!("--- the screen:\n{screen}\n--- all that was said:\n{}\n---", said.plain)
}

/// Text without control sequences; `\r\n` is one line end, and so is a `\r` alone.
fn plain(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                // CSI: parameters, then one letter
                Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
                // OSC: ended by BEL or ST
                Some(']') => {
                    while let Some(c) = chars.next() {
                        if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                            break;
                        }
                    }
                }
                _ => {}
            },
            '\r' => {
                chars.next_if_eq(&'\n');
                out.push('\n');
            }
            c if c.is_control() && c != '\n' && c != '\t' => {}
            c => out.push(c),
        }
    }
    out
}
