//! What is to be said of an account that was looked at: for `doctor`. Pure: facts in, finding out.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::docs;
use super::out::one_line;
use super::world::source_word;
use crate::account::{CA_FILE, Config, LimitOverrides, missing};
use crate::deliver::{Health, ends, lost};
use crate::login::{Facts, Scope, missing_scopes, renewable};
use crate::net::{Fault, Kind};
use crate::platform;
use crate::store::SecretSource;

/// A clock that is wrong by more than this makes logins fail that are good.
pub const CLOCK: TimeDelta = TimeDelta::minutes(5);

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Ok,
    Warn,
    Fail,
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "fail",
        }
    }
}

/// What is wrong with a login, or will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ill {
    /// There are no credentials here; nobody refused any.
    Missing,
    Revoked,
    Expired,
    /// It was renewed, and what the network gave could not be kept.
    Lost,
    /// It ends within the time that was asked about.
    EndsSoon,
    Scope,
    /// It is refused, or the account is.
    Refused,
    Billing,
    ServerGone,
    Clock,
    /// The network could not be asked now; nothing is known to be wrong.
    Unreachable,
    /// Something on this machine.
    Machine,
    /// The version of the API that is spoken will be switched off.
    Sunset,
}

impl Ill {
    pub fn word(self) -> &'static str {
        match self {
            Ill::Missing => "missing",
            Ill::Revoked => "revoked",
            Ill::Expired => "expired",
            Ill::Lost => "lost",
            Ill::EndsSoon => "ends_soon",
            Ill::Scope => "scope",
            Ill::Refused => "refused",
            Ill::Billing => "billing",
            Ill::ServerGone => "server_gone",
            Ill::Clock => "clock",
            Ill::Unreachable => "unreachable",
            Ill::Machine => "machine",
            Ill::Sunset => "sunset",
        }
    }

    /// Whether a person must do something about the login: exit 7.
    pub fn needs_login(self) -> bool {
        !matches!(self, Ill::Unreachable | Ill::Machine | Ill::Sunset)
    }

    fn state(self) -> State {
        match self {
            Ill::EndsSoon | Ill::Unreachable | Ill::Sunset => State::Warn,
            _ => State::Fail,
        }
    }
}

/// What is known beside the account itself.
pub struct About<'a> {
    pub now: DateTime<Utc>,
    /// A login that ends within this time is told of.
    pub warn: TimeDelta,
    /// The network was asked.
    pub asked: bool,
    /// Some network answered: this machine is connected.
    pub connected: bool,
    /// The nearest clock of a host, and by how much it is ahead.
    pub clock: Option<(String, TimeDelta)>,
    pub config: &'a Config,
}

/// What is said of one account.
#[derive(Debug)]
pub struct Finding {
    pub ill: Option<Ill>,
    pub state: State,
    pub says: String,
    pub next: Option<String>,
    pub json: Value,
}

/// Networks give logins of apps that are not published yet a week: their refresh token says so.
fn testing(facts: &Facts) -> bool {
    let granted = facts.renewed_at.or(facts.granted_at);
    let life = granted.and_then(|granted| Some(facts.refresh_ends? - granted));
    life.is_some_and(|life| life > TimeDelta::days(6) && life <= TimeDelta::days(7) + TimeDelta::hours(1))
}

const TESTING: &str =
    "; its app is in testing mode there, it seems: such logins end after 7 days; publish the app at the network";

/// What is to be said.
pub fn judge(health: &Health, about: &About) -> Finding {
    let account = &health.account;
    let spec = platform::by_name(&account.platform).map(platform::Platform::spec);
    let title = spec.map_or(account.platform.as_str(), |spec| spec.title);
    let login = health.login.as_ref();
    let facts = login.map(|(_, facts)| facts);
    let end = facts.map_or(account.expires_at, |facts| ends(account, facts));
    let lacking = login.map(|(way, facts)| missing_scopes(way, facts)).unwrap_or_default();
    let api = spec.and_then(|spec| spec.api);
    let again = format!("xpost account login {}", account.name);
    let (ill, says, next) = match &health.said {
        Err(fault) => {
            let (ill, says) = fallen(fault, end, facts, &lacking, title, about);
            let next = match ill {
                Ill::Unreachable | Ill::Machine | Ill::ServerGone | Ill::Clock | Ill::Billing => None,
                _ => Some(again),
            };
            (Some(ill), says, next)
        }
        Ok(_) => {
            let needed: Vec<&Scope> = lacking.iter().filter(|scope| !scope.optional).collect();
            let sunset = api.and_then(|api| Some((api.version, day(api.sunset?)?)));
            if let Some(first) = needed.first() {
                let names: Vec<&str> = needed.iter().map(|scope| scope.name).collect();
                let says = format!("{title} did not grant `{}`, which is needed {}", names.join("`, `"), first.why);
                (Some(Ill::Scope), says, Some(again))
            } else if let Some(end) = end.filter(|end| *end < about.now + about.warn) {
                let verb = if end < about.now { "ended" } else { "ends" };
                let hint = if facts.is_some_and(testing) { TESTING } else { "" };
                (Some(Ill::EndsSoon), format!("its login {verb} {}{hint}", minute(end)), Some(again))
            } else if let Some((version, day)) = sunset.filter(|(_, day)| *day < about.now + about.warn) {
                let says = format!(
                    "{title} switches off version {version} of its API on {}, and this xpost speaks it",
                    date(day)
                );
                (Some(Ill::Sunset), says, Some("update xpost".to_string()))
            } else if !about.asked && account.checked_at.is_none() {
                let says = format!("{}, never checked", account.platform);
                let next = Some(format!("xpost account check {}", account.name));
                return finding(health, about, (None, State::Warn, says, next), &lacking);
            } else {
                (None, well(health, about, &lacking), None)
            }
        }
    };
    let state = ill.map_or(State::Ok, Ill::state);
    finding(health, about, (ill, state, says, next), &lacking)
}

/// What an account failed over.
fn fallen(
    fault: &Fault,
    end: Option<DateTime<Utc>>,
    facts: Option<&Facts>,
    lacking: &[Scope],
    title: &str,
    about: &About,
) -> (Ill, String) {
    let said = one_line(&fault.to_string());
    let wrong = about.clock.as_ref().filter(|(_, ahead)| ahead.abs() > CLOCK);
    let ended = end.filter(|end| *end <= about.now);
    let about_scope = || {
        let text = format!("{} {}", fault.code.as_deref().unwrap_or_default(), fault.message).to_lowercase();
        text.contains("scope") || lacking.iter().any(|scope| !scope.optional)
    };
    match fault.kind {
        Kind::Auth if missing(fault) => (Ill::Missing, said),
        Kind::Auth if lost(fault) => (Ill::Lost, said),
        Kind::Auth => match (wrong, ended) {
            (Some((host, ahead)), _) => (Ill::Clock, format!("{}; {title} said: {said}", clock(host, *ahead))),
            (None, Some(end)) => {
                let hint = if facts.is_some_and(testing) { TESTING } else { "" };
                (Ill::Expired, format!("its login ended {}{hint}; {title} said: {said}", minute(end)))
            }
            (None, None) => (
                Ill::Revoked,
                format!(
                    "{title} does not take its login any more: revoked, its password changed, or the app removed; it said: {said}"
                ),
            ),
        },
        Kind::Forbidden if about_scope() => {
            let names: Vec<&str> = lacking.iter().map(|scope| scope.name).collect();
            let names = if names.is_empty() { String::new() } else { format!(" `{}`", names.join("`, `")) };
            (Ill::Scope, format!("a permission{names} is missing; {title} said: {said}"))
        }
        Kind::Forbidden => (Ill::Refused, format!("{title} refuses the account: {said}")),
        Kind::Billing => (Ill::Billing, format!("{title} wants money: {said}")),
        Kind::Network if about.connected && fault.message.contains("cannot be looked up") => {
            (Ill::ServerGone, format!("its server is gone: {said}"))
        }
        Kind::Network | Kind::Unavailable | Kind::Limited => {
            (Ill::Unreachable, format!("could not be asked now: {said}"))
        }
        _ if matches!(fault.status, Some(404 | 410)) => (Ill::ServerGone, format!("its server is gone: {said}")),
        Kind::Local | Kind::Unsupported => (Ill::Machine, said),
        Kind::Rejected | Kind::Protocol => (Ill::Refused, format!("{title} answered: {said}")),
    }
}

/// By how much this machine is off.
pub fn clock(host: &str, ahead: TimeDelta) -> String {
    let word = if ahead > TimeDelta::zero() { "behind" } else { "ahead of" };
    format!("the clock of this machine is {} s {word} that of `{host}`", ahead.num_seconds().abs())
}

/// All that is worth a look of an account that is well.
fn well(health: &Health, about: &About, lacking: &[Scope]) -> String {
    let account = &health.account;
    let mut words = vec![format!("{} {}", account.platform, account.handle).trim_end().to_string()];
    words.push(match &account.secret {
        SecretSource::None => "needs no secret".to_string(),
        secret => format!("secret from {}", source_word(secret)),
    });
    if let Some((way, facts)) = &health.login {
        words.push(format!("by `{}`", way.name));
        words.extend(health.renewed.then(|| "renewed just now".to_string()));
        words.extend(facts.access_ends.map(|end| format!("access until {}", minute(end))));
    }
    words.extend(ends_of(health).map(|end| format!("login until {}", date(end))));
    words.extend(lacking.iter().map(|scope| format!("without `{}` ({})", scope.name, scope.why)));
    match (about.asked, account.checked_at) {
        (true, _) => words.push("asked just now".into()),
        (false, Some(at)) => words.push(format!("checked {}", date(at))),
        (false, None) => {}
    }
    words.push(account.about_at.map_or_else(
        || "published limits".to_string(),
        |at| format!("limits asked {} h ago", (about.now - at).num_hours().max(0)),
    ));
    let overrides = overrides(health, about);
    if !overrides.is_empty() {
        words.push(format!("own {}", overrides.join(", ")));
    }
    if let Some(api) = platform::by_name(&account.platform).and_then(|platform| platform.spec().api) {
        let until = api.sunset.map_or_else(String::new, |day| format!(" until {day}"));
        words.push(format!("API {}{until}", api.version));
    }
    words.join(", ")
}

fn ends_of(health: &Health) -> Option<DateTime<Utc>> {
    let facts = health.login.as_ref().map(|(_, facts)| facts);
    facts.map_or(health.account.expires_at, |facts| ends(&health.account, facts))
}

/// Which settings replace what the network or this system says.
fn overrides(health: &Health, about: &About) -> Vec<String> {
    let account = &health.account;
    let limits = about.config.limits.get(&account.platform).and_then(|limits| serde_json::to_value(limits).ok());
    let named = about.config.accounts.iter().find(|(name, _)| name.eq_ignore_ascii_case(&account.name));
    let set = |name: &str| {
        account.settings.get(name).is_some()
            || limits.as_ref().is_some_and(|limits| limits.get(name).is_some())
            || name == CA_FILE && named.is_some_and(|(_, config)| config.ca_file.is_some())
    };
    LimitOverrides::NAMES.iter().copied().chain([CA_FILE]).filter(|name| set(name)).map(String::from).collect()
}

fn finding(
    health: &Health,
    about: &About,
    (ill, state, says, next): (Option<Ill>, State, String, Option<String>),
    lacking: &[Scope],
) -> Finding {
    let account = &health.account;
    let (way, facts) = health.login.as_ref().map_or((None, None), |(way, facts)| (Some(*way), Some(facts)));
    let time = |at: Option<DateTime<Utc>>| at.map_or(Value::Null, docs::time);
    let api = platform::by_name(&account.platform).and_then(|platform| platform.spec().api);
    let json = json!({
        "account": account.name,
        "platform": account.platform,
        "server": account.server,
        "handle": account.handle,
        "state": state.word(),
        "trouble": ill.map(Ill::word),
        "says": says,
        "next": next,
        "asked": about.asked,
        "way": way.map(|way| way.name),
        "secret": source_word(&account.secret),
        "renewable": way.is_some_and(renewable),
        "renewed": health.renewed,
        "scopes": facts.and_then(|facts| facts.scopes.clone()),
        "scopes_missing": lacking.iter()
            .map(|scope| json!({ "name": scope.name, "why": scope.why, "optional": scope.optional }))
            .collect::<Vec<_>>(),
        "access_ends": time(facts.and_then(|facts| facts.access_ends)),
        "refresh_ends": time(facts.and_then(|facts| facts.refresh_ends)),
        "login_ends": time(facts.and_then(|facts| facts.login_ends)),
        "ends": time(ends_of(health)),
        "api": api.map(|api| json!({ "version": api.version, "sunset": api.sunset })),
        "limits_at": time(account.about_at),
        "overrides": overrides(health, about),
        "fault": health.said.as_ref().err().map(docs::fault),
    });
    Finding { ill, state, says, next, json }
}

fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

fn date(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// A day of a network's calendar.
fn day(text: &str) -> Option<DateTime<Utc>> {
    Some(chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0)?.and_utc())
}
