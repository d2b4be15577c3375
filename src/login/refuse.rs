//! Refusals of authorization servers in plain words, each with the way out.

use serde_json::Value;

use super::Desk;
use super::register::Owner;
use super::said::{self, Meaning, Said};
use super::wire::{Doing, Wire};
use crate::account::variable;
use crate::net::{Answer, Effect, Fault, Kind, by_status, one_line, parse_retry_at};

impl Wire<'_> {
    /// What is wrong with an answer, if anything is.
    pub(super) fn refused(&self, answer: &Answer, value: &Value, doing: Doing) -> Option<Fault> {
        let said = said::refusal(value);
        let by_status = by_status(answer);
        let mut fault = match (by_status, said) {
            (None, None) => return None,
            // trouble of the server's own passes, whatever the body says; a redirect is none of ours
            (Some(fault), _) if fault.kind.transient() || (300..400).contains(&answer.status) => {
                Fault { message: format!("{}: {}", answer.asked, fault.message), ..fault }
            }
            (by_status, Some(said)) => {
                let mut fault = self.told(&said, doing);
                if answer.status == 402 {
                    fault.kind = Kind::Billing;
                }
                if fault.kind == Kind::Rejected && matches!(answer.status, 400 | 401 | 403) {
                    let known = matches!(said.code.as_str(), "invalid_request" | "invalid_client_metadata");
                    fault.kind = if known && answer.status == 400 { Kind::Rejected } else { Kind::Auth };
                }
                fault.retry_at = by_status
                    .and_then(|fault| fault.retry_at)
                    .or_else(|| answer.header("retry-after").and_then(|text| parse_retry_at(text, answer.at)));
                fault.status = Some(answer.status);
                fault.request_id.clone_from(&answer.request_id);
                fault
            }
            (Some(fault), None) => Fault { message: format!("{}: {}", answer.asked, fault.message), ..fault },
        };
        fault.effect = Effect::None;
        Some(self.clean(fault))
    }

    /// A refusal in plain words, with the way out.
    pub(super) fn told(&self, said: &Said, doing: Doing) -> Fault {
        let Desk { title, account, .. } = *self.desk;
        let id = &self.app.id;
        let again = match doing {
            Doing::Refresh | Doing::Exchange | Doing::Revoke => format!("run `xpost account login {account}`"),
            _ => "log in again".to_string(),
        };
        let words = one_line(said.words.trim().trim_end_matches('.'), 200);
        let words = match (words.as_str(), said.code.as_str()) {
            ("", "") => String::new(),
            ("", code) => format!(" (it said `{}`)", one_line(code, 60)),
            (words, _) => format!(" (it said: {words})"),
        };
        let (kind, message) = match said.meaning() {
            Meaning::Grant => {
                let what = match doing {
                    Doing::Refresh | Doing::Exchange | Doing::Revoke => "this login",
                    _ => "the code",
                };
                let why = "it was revoked, has expired or was used twice";
                (Kind::Auth, format!("{title} no longer takes {what}{words}: {why}; {again}"))
            }
            Meaning::Client => {
                let from = match self.owner {
                    Owner::Person => {
                        let variable = variable(&format!("app {account}"), "client_id");
                        format!("check `client_id` and `client_secret` under `[apps]` or in `{variable}`")
                    }
                    Owner::Server => {
                        format!("the server gave it out for this login; run `xpost account login {account}`")
                    }
                    Owner::Everybody => "it is the same for everybody: a newer xpost may know another".to_string(),
                };
                (Kind::Auth, format!("{title} does not take the app `{id}`, or not its secret{words}; {from}"))
            }
            Meaning::Redirect => {
                let redirect = self.redirect.as_deref().unwrap_or_default();
                (Kind::Auth, format!("register exactly `{redirect}` with the app `{id}` at {title}{words}; {again}"))
            }
            Meaning::Scope => (
                Kind::Auth,
                format!("{title} does not give the app `{id}` all permissions{words}; allow them there, then {again}"),
            ),
            Meaning::Denied => {
                (Kind::Auth, format!("it was declined at {title}{words}; {again} to be asked once more"))
            }
            Meaning::Expired => (Kind::Auth, format!("the code has run out{words}; {again}")),
            Meaning::Way => (
                Kind::Unsupported,
                format!("{title} does not let the app `{id}` log in in this way{words}; choose another with `--with`"),
            ),
            Meaning::Admin => (
                Kind::Forbidden,
                format!("an administrator of the account has to allow the app `{id}` at {title} first{words}"),
            ),
            Meaning::Inside => (
                Kind::Forbidden,
                format!("the app `{id}` is only for accounts of its own organisation at {title}{words}"),
            ),
            Meaning::Money => (Kind::Billing, format!("{title} wants to be paid first{words}")),
            Meaning::Busy => (Kind::Unavailable, format!("{title} has trouble of its own{words}")),
            Meaning::Limited | Meaning::SlowDown => (Kind::Limited, format!("{title} was asked too often{words}")),
            Meaning::Pending => (Kind::Unavailable, format!("{title} still waits for the person{words}")),
            Meaning::TokenType => (Kind::Unsupported, format!("{title} cannot revoke this kind of token{words}")),
            Meaning::Other => (Kind::Rejected, format!("{title} refuses{words}")),
        };
        let mut fault = Fault::new(kind, message);
        let shown =
            |code: &String| !code.is_empty() && code.len() <= 60 && code.bytes().all(|byte| byte.is_ascii_graphic());
        fault.code = Some(said.code.clone()).filter(shown);
        self.clean(fault)
    }

    /// A network may quote what it was sent.
    pub(super) fn clean(&self, mut fault: Fault) -> Fault {
        let redactor = self.desk.door.redactor();
        fault.message = redactor.clean(&fault.message);
        fault.code = fault.code.filter(|code| redactor.clean(code) == *code);
        fault
    }
}

/// Logging in posts nothing, whatever became of the request.
pub(super) fn harmless(fault: Fault) -> Fault {
    Fault { effect: Effect::None, ..fault }
}

/// An answer that the standard has no place for; its words may hold anything.
pub(super) fn unreadable(title: &str) -> Fault {
    Fault::new(Kind::Protocol, format!("{title} answered what cannot be read"))
}
