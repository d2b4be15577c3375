//! For the tests of the logins: somebody at a terminal whose browser knows the twin, and who agrees to everything.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use url::Url;

use super::stage::Stage;
use crate::login::{self, App, Desk, Grant, Login, Person};
use crate::net::{Answer, Door, DoorOptions, Fault, Redactor, Request};

type Lines = Arc<Mutex<Vec<String>>>;

/// Where an address led in the end.
pub(crate) struct Landing {
    pub address: String,
    /// What the network shows there; `None` where it sent the browser back.
    pub page: Option<Answer>,
}

#[derive(Clone)]
pub(crate) struct Ann {
    /// Whether the browser is on this machine. He pastes nonetheless where no listener waits for it.
    pub here: bool,
    /// Whether he has another device to type a code at; without it there must be no such flow.
    pub device: bool,
    /// What he types before he pastes anything.
    pub types: Arc<Mutex<VecDeque<String>>>,
    /// What he pastes.
    pub paste: fn(&Landing) -> Result<String, Fault>,
    /// Changes the address that he opens.
    pub bend: fn(&str) -> String,
    /// Changes the address that he is sent back to.
    pub back: fn(&str) -> String,
    pub visited: Lines,
    /// Every question; hidden ones with a `*`.
    pub asked: Lines,
    /// Codes, and where they are typed in.
    pub shown: Lines,
    pub said: Lines,
    /// His own: what he sees must not be known to the redactor that is tested.
    pub door: Door,
}

impl Ann {
    pub fn new(stage: &Stage, here: bool) -> Ann {
        let options = DoorOptions { mirror: Some(stage.server.url().parse().unwrap()), ..DoorOptions::default() };
        Ann {
            here,
            device: false,
            types: Arc::default(),
            paste: landed,
            bend: str::to_string,
            back: str::to_string,
            visited: Arc::default(),
            asked: Arc::default(),
            shown: Arc::default(),
            said: Arc::default(),
            door: Door::new(options, Redactor::default()).unwrap(),
        }
    }

    pub fn types(self, lines: &[&str]) -> Ann {
        self.types.lock().unwrap().extend(lines.iter().map(ToString::to_string));
        self
    }

    /// Logs in by this way, with this app.
    pub async fn enter(&self, stage: &Stage, way: &Login, app: Option<App>) -> Result<Grant, Fault> {
        let cx = stage.cx();
        login::enter(&Desk { app, ..cx.desk(self) }, way).await
    }

    /// Opens an address and follows it until there is a page, or until it leads away from the network.
    pub async fn open(&self, address: &str) -> Landing {
        let origin = |address: &str| Url::parse(address).unwrap().origin();
        let mut at = address.to_string();
        loop {
            let answer = self.door.send(Request::get(at.as_str())).await.unwrap();
            let Some(to) = answer.header("location").map(str::to_string) else {
                return Landing { address: at, page: Some(answer) };
            };
            if origin(&to) != origin(&at) {
                return Landing { address: (self.back)(&to), page: None };
            }
            at = to;
        }
    }

    pub fn visited(&self) -> Vec<String> {
        self.visited.lock().unwrap().clone()
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub fn shown(&self) -> Vec<String> {
        self.shown.lock().unwrap().clone()
    }

    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }
}

#[async_trait]
impl Person for Ann {
    fn browser(&self) -> bool {
        self.here
    }

    fn visit(&self, address: &str, start: Option<&str>) {
        let Some(start) = start else {
            self.visited.lock().unwrap().push((self.bend)(address));
            return;
        };
        let (ann, start) = (self.clone(), start.to_string());
        tokio::spawn(async move {
            // the short address is the one that a browser is given
            let answer = ann.door.send(Request::get(start)).await.unwrap();
            let address = (ann.bend)(answer.header("location").unwrap());
            ann.visited.lock().unwrap().push(address.clone());
            let landing = ann.open(&address).await;
            assert!(landing.page.is_none(), "{}", landing.words());
            ann.door.send(Request::get(landing.address)).await.unwrap();
        });
    }

    fn enter_code(&self, code: &str, page: &str, _: Option<&str>, _: DateTime<Utc>) {
        assert!(self.device, "there is no such flow here");
        self.shown.lock().unwrap().push(format!("{code} at {page}"));
    }

    async fn ask(&self, what: &str, hidden: bool) -> Result<SecretString, Fault> {
        self.asked.lock().unwrap().push(format!("{}{what}", if hidden { "*" } else { "" }));
        let typed = self.types.lock().unwrap().pop_front();
        if let Some(typed) = typed {
            return Ok(typed.into());
        }
        let address = self.visited().pop().unwrap_or_else(|| panic!("nothing is known to answer `{what}` with"));
        Ok((self.paste)(&self.open(&address).await)?.into())
    }

    fn say(&self, line: &str) {
        self.said.lock().unwrap().push(line.to_string());
    }
}

impl Landing {
    /// What the browser shows: the page as it was sent, else the address that it was sent back to.
    pub fn words(&self) -> String {
        match &self.page {
            Some(page) => String::from_utf8(page.body.clone()).unwrap(),
            None => self.address.clone(),
        }
    }

    /// What stands there between these two.
    pub fn between(&self, before: &str, after: &str) -> Option<String> {
        let words = self.words();
        Some(words.split_once(before)?.1.split_once(after)?.0.to_string())
    }
}

/// An app that somebody registered at the network: its id and secret, and where it has the browser sent back to.
pub(crate) fn app((id, secret): (&str, &str), redirect: Option<&str>) -> Option<App> {
    let redirect = redirect.map(str::to_string);
    Some(App { id: id.into(), secret: Some(secret.into()), redirect, scopes: None })
}

/// The address that he landed on; if he was not sent back, what the network says instead.
fn landed(landing: &Landing) -> Result<String, Fault> {
    Ok(landing.page.as_ref().map_or_else(|| landing.address.clone(), Answer::reason))
}

/// The code in the field of a page that shows one.
pub(crate) fn field(landing: &Landing) -> Result<String, Fault> {
    Ok(landing.between("value=\"", "\"").unwrap_or_else(|| "no code".into()))
}
