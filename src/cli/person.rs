//! Whoever sits at the terminal: prompts, the browser, and Ctrl-C in the middle of it all.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Local, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::SecretString;
use tokio::sync::watch;

use super::delivery::signal;
use super::out::{Out, Paint, one_line};
use super::trouble::{Exit, Trouble};
use crate::login::Person;
use crate::net::{Fault, Kind};

/// Where the person's browser is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Browser {
    /// Here: it is opened.
    Opened,
    /// It reaches this machine; the person opens the address himself.
    Shown,
    /// Elsewhere: what it ends at is pasted.
    Away,
}

impl Browser {
    /// As the options say; else whether one can be opened here.
    pub fn of(paste: bool, no_browser: bool) -> Browser {
        Browser::here(paste, no_browser, &|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
    }

    fn here(paste: bool, no_browser: bool, set: &dyn Fn(&str) -> bool) -> Browser {
        let any = |names: &[&str]| names.iter().any(|name| set(name));
        if paste {
            Browser::Away
        } else if no_browser {
            Browser::Shown
        } else if set("BROWSER") {
            Browser::Opened
        } else if any(&["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"]) {
            Browser::Away
        } else if cfg!(any(windows, target_os = "macos")) || any(&["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"]) {
            Browser::Opened
        } else {
            Browser::Away
        }
    }
}

/// The person at this terminal, or the lack of one.
pub struct Terminal {
    out: Out,
    browser: Browser,
    /// Whether there is somebody to ask.
    asks: bool,
    waiting: Mutex<Option<ProgressBar>>,
}

impl Terminal {
    /// `asks`: whether there is somebody to ask.
    pub fn new(out: Out, browser: Browser, asks: bool) -> Terminal {
        Terminal { out, browser, asks, waiting: Mutex::default() }
    }

    /// A clock that runs while nothing else happens.
    fn wait(&self, what: &str) {
        if !self.out.live() {
            self.out.note(&format!("{what} …"));
            return;
        }
        let bar = ProgressBar::new_spinner().with_message(what.to_string());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} … {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
    }

    fn go_on(&self) {
        if let Some(bar) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }

    /// What the person must see whole: addresses and codes are kept out of logs, and would be out of here by the redactor.
    fn show(&self, text: &str) {
        drop(writeln!(std::io::stderr().lock(), "{text}"));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.go_on();
    }
}

#[async_trait]
impl Person for Terminal {
    fn browser(&self) -> bool {
        self.browser != Browser::Away
    }

    fn visit(&self, address: &str, start: Option<&str>) {
        self.go_on();
        let open = start.filter(|_| self.browser == Browser::Opened).map(str::to_string);
        let how = match open {
            Some(_) => "the browser is opened; if it is not, open this address:",
            None => "open this address in a browser:",
        };
        // alone on its line, so that it can be copied from a narrow terminal
        self.show(&format!("{how}\n\n{}\n", one_line(start.unwrap_or(address))));
        if let Some(start) = open {
            let out = self.out.clone();
            // a browser of the text kind, or a script that stands for one, may take as long as the login
            std::thread::spawn(move || {
                if let Err(error) = webbrowser::open(&start) {
                    out.note(&format!("the browser could not be opened: {error}"));
                }
            });
        }
        if start.is_some() || self.out.live() {
            self.wait("waiting for the browser");
        }
    }

    fn enter_code(&self, code: &str, page: &str, whole: Option<&str>, until: DateTime<Utc>) {
        self.go_on();
        let code = self.out.err_paint(Paint::Bold, &one_line(code));
        self.show(&format!(
            "open this address in any browser:\n\n{}\n\nand type this code:\n\n    {code}\n",
            one_line(page)
        ));
        if let Some(whole) = whole {
            self.show(&format!("or open this address, which holds the code:\n\n{}\n", one_line(whole)));
        }
        let clock = until.with_timezone(&Local).format("%H:%M");
        self.wait(&format!("waiting for your answer there, until {clock}"));
    }

    async fn ask(&self, what: &str, hidden: bool) -> Result<SecretString, Fault> {
        self.go_on();
        if !self.asks {
            return Err(Fault::new(Kind::Auth, format!("{what}: there is nobody at a terminal to ask")));
        }
        match prompt(what, hidden, true).await {
            Ok(answer) => Ok(SecretString::from(answer)),
            Err(trouble) => Err(Fault::local(trouble.message)),
        }
    }

    fn say(&self, line: &str) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match &*waiting {
            Some(bar) => bar.suspend(|| self.out.note(line)),
            None => self.out.note(line),
        }
    }
}

/// Asks on the terminal, on a thread of its own: a wait for a person must not hold up a Ctrl-C.
///
/// # Errors
/// The terminal cannot be asked, or Ctrl-C was pressed.
pub async fn prompt(label: &str, hidden: bool, required: bool) -> Result<String, Trouble> {
    let label = label.to_string();
    let ask = move || {
        if hidden {
            dialoguer::Password::new().with_prompt(label).allow_empty_password(!required).interact()
        } else {
            dialoguer::Input::<String>::new().with_prompt(label).allow_empty(!required).interact_text()
        }
    };
    let (send, answer) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || drop(send.send(ask())));
    match answer.await {
        Ok(Ok(text)) => Ok(text.trim().to_string()),
        Ok(Err(dialoguer::Error::IO(error))) if error.kind() == std::io::ErrorKind::Interrupted => {
            // the same key was sent as a signal, and what is to be said of it is said there
            tokio::time::sleep(Duration::from_secs(2)).await;
            Err(Trouble::new(Exit::Interrupted, "interrupted"))
        }
        Ok(Err(error)) => Err(Trouble::usage(format!("the terminal cannot be asked: {error}"))),
        Err(_) => Err(Trouble::local("the terminal cannot be asked")),
    }
}

/// Whether somebody sits at a terminal who can be asked.
pub fn present(out: &Out) -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !out.json
}

/// Ctrl-C (and SIGTERM) while something is half done that should not stay so.
pub struct Interrupts {
    seen: watch::Receiver<bool>,
    listener: tokio::task::JoinHandle<()>,
    terminal: mode::Saved,
}

impl Interrupts {
    /// From now on an interruption ends the program only where [`Interrupts::or`] looks for one.
    pub fn listen() -> Interrupts {
        let (send, seen) = watch::channel(false);
        let listener = tokio::spawn(async move {
            signal().await;
            let _ = send.send(true);
        });
        Interrupts { seen, listener, terminal: mode::Saved::now() }
    }

    /// Does this unless an interruption comes first, or came before; `so` says what that means: `nothing was added`.
    ///
    /// # Errors
    /// What the work says; and exit 130 after an interruption.
    pub async fn or<T>(&self, so: &str, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
        let mut seen = self.seen.clone();
        let interrupted = async move {
            if seen.wait_for(|seen| *seen).await.is_err() {
                // nobody listens any more
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = interrupted => {
                self.terminal.restore();
                Err(Trouble::new(Exit::Interrupted, format!("interrupted; {so}")))
            }
            done = work => done,
        }
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

#[cfg(unix)]
mod mode {
    use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

    /// How the terminal was before a prompt hid what is typed: an interrupted prompt cannot put that right itself.
    pub struct Saved(Option<Termios>);

    impl Saved {
        pub fn now() -> Saved {
            Saved(tcgetattr(std::io::stdin()).ok())
        }

        pub fn restore(&self) {
            if let Some(before) = &self.0 {
                let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
                // the line of the prompt stays as it is
                drop(std::io::Write::write_all(&mut std::io::stderr(), b"\n"));
            }
        }
    }
}

#[cfg(not(unix))]
mod mode {
    /// Prompts do not change how the console works here.
    pub struct Saved;

    impl Saved {
        pub fn now() -> Saved {
            Saved
        }

        pub fn restore(&self) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::Color;
    use crate::net::Redactor;

    #[test]
    fn a_browser_is_opened_only_where_there_is_one() {
        let here = |paste, no_browser, vars: &[&str]| Browser::here(paste, no_browser, &|name| vars.contains(&name));
        assert_eq!(here(true, true, &["BROWSER", "DISPLAY"]), Browser::Away);
        assert_eq!(here(false, true, &["SSH_TTY"]), Browser::Shown);
        assert_eq!(here(false, false, &["BROWSER", "SSH_TTY"]), Browser::Opened);
        assert_eq!(here(false, false, &["DISPLAY", "SSH_CONNECTION"]), Browser::Away);
        assert_eq!(here(false, false, &["WAYLAND_DISPLAY"]), Browser::Opened);
        if cfg!(target_os = "linux") {
            assert_eq!(here(false, false, &[]), Browser::Away);
        }
    }

    #[tokio::test]
    async fn without_a_terminal_a_question_is_a_clear_error() {
        let out = Out::new(false, true, 0, Color::Never, Redactor::default());
        let fault = Terminal::new(out, Browser::Away, false).ask("paste the address", false).await.unwrap_err();
        assert_eq!(fault.kind, Kind::Auth);
        assert_eq!(fault.message, "paste the address: there is nobody at a terminal to ask");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn an_interruption_ends_what_is_half_done_and_is_remembered() {
        let interrupts = Interrupts::listen();
        assert_eq!(interrupts.or("nothing was added", async { Ok(3) }).await, Ok(3));
        let refused = Trouble::usage("no");
        assert_eq!(interrupts.or("x", async { Err::<(), _>(refused.clone()) }).await, Err(refused));
        tokio::task::yield_now().await;
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT).unwrap();
        let interrupted = Err(Trouble::new(Exit::Interrupted, "interrupted; nothing was added"));
        let waiting = std::future::pending::<Result<(), Trouble>>();
        assert_eq!(interrupts.or("nothing was added", waiting).await, interrupted);
        assert_eq!(interrupts.or("nothing was added", async { Ok(()) }).await, interrupted, "it is not forgotten");
    }
}
