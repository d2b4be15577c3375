//! For the tests of the flows: somebody at a terminal with a browser.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::Person;
use crate::net::{Door, DoorOptions, Fault, Kind, Redactor};
use crate::twin::Server;

/// What somebody does with the address of a page: gives what he types then.
type Browse<'a> = dyn Fn(&str) -> Option<String> + Send + Sync + 'a;

/// Does on the page what `browse` does with its address, and types what that gives, after what he was told to type first.
pub(super) struct Sitter<'a> {
    types: Mutex<VecDeque<String>>,
    browse: Box<Browse<'a>>,
    /// Every question (hidden ones with a `*`), page and line, in order.
    seen: Mutex<Vec<String>>,
}

impl<'a> Sitter<'a> {
    pub fn new(types: &[&str], browse: impl Fn(&str) -> Option<String> + Send + Sync + 'a) -> Sitter<'a> {
        let types = Mutex::new(types.iter().map(ToString::to_string).collect());
        Sitter { types, browse: Box::new(browse), seen: Mutex::default() }
    }

    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

#[async_trait]
impl Person for Sitter<'_> {
    fn browser(&self) -> bool {
        true
    }

    fn visit(&self, address: &str, _: Option<&str>) {
        self.seen.lock().unwrap().push(address.to_string());
        self.types.lock().unwrap().extend((self.browse)(address));
    }

    fn enter_code(&self, _: &str, _: &str, _: Option<&str>, _: DateTime<Utc>) {}

    async fn ask(&self, what: &str, hidden: bool) -> Result<SecretString, Fault> {
        self.seen.lock().unwrap().push(format!("{}{what}", if hidden { "*" } else { "" }));
        let typed = self.types.lock().unwrap().pop_front();
        typed.map(SecretString::from).ok_or_else(|| Fault::new(Kind::Auth, "he typed nothing"))
    }

    fn say(&self, line: &str) {
        self.seen.lock().unwrap().push(line.to_string());
    }
}

/// A door to that server's twins and nowhere else.
pub(super) fn door(server: &Server) -> Door {
    let options = DoorOptions { mirror: Some(server.url().parse().unwrap()), ..DoorOptions::default() };
    Door::new(options, Redactor::default()).unwrap()
}
