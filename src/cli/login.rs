//! Which way to log in, and walking it: a menu where somebody can be asked, what can be typed in ahead elsewhere.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;

use super::account_add::How;
use super::person::{Browser, Terminal, present, prompt};
use super::trouble::{Exit, Trouble};
use super::world::World;
use crate::account::{Secrets, app_variable, own_app};
use crate::draft::did_you_mean;
use crate::login::{self, App, AppSecret, CLIENT_SECRET, Client, Desk, FACTS, Facts, Flow, Grant, Login, Nobody};
use crate::net::Fault;
use crate::platform::{Field, FieldKind, Platform, Spec};
use crate::store::{Account, Store};

/// The most that ending a login which nobody wants takes.
const GIVING_BACK: Duration = Duration::from_secs(10);

/// What is known when a way has to be chosen.
pub struct Choice<'a> {
    pub platform: &'static dyn Platform,
    /// As typed after `--with`.
    pub with: Option<&'a str>,
    /// The way that the account has logged in by so far.
    pub now: Option<&'static Login>,
    /// Whether somebody sits there who can be asked.
    pub ask: bool,
    /// What was given ahead: on standard input, in the environment, after `--set`.
    pub given: &'a [String],
    /// The secret is kept outside, where a ceremony can put nothing: `--secret env`.
    pub outside: Option<&'static str>,
    /// The command to go on with, without the `--with`.
    pub command: String,
}

impl Choice<'_> {
    /// The way to go.
    ///
    /// # Errors
    /// There is none of that name, or none that this machine can go.
    pub async fn way(&self, world: &World) -> Result<&'static Login, Trouble> {
        let ways = self.platform.logins();
        let title = self.platform.spec().title;
        let way = if let Some(with) = self.with {
            ways.iter().find(|way| way.name == with).ok_or_else(|| {
                let hint = did_you_mean(with, ways.iter().map(|way| way.name));
                self.list(Trouble::usage(format!("{title} has no way `{with}` to log in{hint}")), ways)
            })?
        } else if let Some(way) = self.ahead(ways) {
            way
        } else if self.outside.is_some() || !self.ask {
            // standard input and the environment may hold what is needed in part, and what is missing is said by name
            let typed = ways.iter().find(|way| !way.attended());
            typed.ok_or_else(|| {
                let none = match self.outside {
                    Some(_) => return self.refused(ways[0].name),
                    None => format!("every way to log in to {title} needs a person, and there is nobody at a terminal"),
                };
                self.list(Trouble::new(Exit::Login, none), ways)
                    .detail("log in on a machine with a terminal, and hand the login on with `xpost account export`")
            })?
        } else if let (Some(now), true) = (self.now, true) {
            if ways.len() > 1 {
                let others: Vec<&str> = ways.iter().map(|way| way.name).filter(|name| *name != now.name).collect();
                world.out.note(&format!(
                    "logging in by `{}`; other ways: `--with {}`",
                    now.name,
                    others.join("`, `--with ")
                ));
            }
            now
        } else {
            menu(world, title, ways).await?
        };
        match self.outside {
            Some(_) if way.attended() => Err(self.refused(way.name)),
            _ => Ok(way),
        }
    }

    /// The way that what was given ahead is for: all that it cannot do without is there.
    fn ahead(&self, ways: &'static [Login]) -> Option<&'static Login> {
        let fits = |way: &&Login| {
            let needs: Vec<&str> = secrets_of(self.platform.spec(), ways, way).map(|field| field.name).collect();
            !needs.is_empty() && needs.iter().all(|need| self.given.iter().any(|given| given == need))
        };
        ways.iter().filter(|way| !way.attended()).find(fits)
    }

    /// A ceremony yields what must be kept.
    fn refused(&self, way: &str) -> Trouble {
        let outside = self.outside.unwrap_or_default();
        let typed: Vec<&str> =
            self.platform.logins().iter().filter(|way| !way.attended()).map(|way| way.name).collect();
        let mut trouble = Trouble::usage(format!(
            "`{way}` yields a login that is renewed and must be kept; `--secret {outside}` is a place that xpost cannot write"
        ))
        .detail("keep it with `--secret keyring` or `--secret file`; `xpost account export` hands it on to a pipeline");
        if !typed.is_empty() {
            trouble = trouble.detail(format!("or use what can be typed in: `--with {}`", typed.join("`, `--with ")));
        }
        trouble.next(format!("{} --with {way} --secret file", self.command))
    }

    fn list(&self, trouble: Trouble, ways: &[Login]) -> Trouble {
        let trouble = ways.iter().fold(trouble, |trouble, way| trouble.detail(format!("{}: {}", way.name, way.about)));
        trouble.next(format!("{} --with {}", self.command, ways[0].name))
    }
}

/// The secret fields that must be typed in for this way.
fn secrets_of<'a>(spec: &'a Spec, ways: &'a [Login], way: &'a Login) -> impl Iterator<Item = &'a Field> {
    spec.fields.iter().filter(move |field| field.kind == FieldKind::Secret && needed(ways, way, field))
}

/// Whether a way asks for this field: it says so, or no way does.
pub fn asked(ways: &[Login], way: &Login, field: &Field) -> bool {
    let own = way.asks.contains(&field.name) || !ways.iter().any(|way| way.asks.contains(&field.name));
    // a ceremony yields its secrets itself
    own && !(way.attended() && field.kind == FieldKind::Secret && way.keeps.contains(&field.name))
}

/// Whether it cannot do without it.
pub fn needed(ways: &[Login], way: &Login, field: &Field) -> bool {
    asked(ways, way, field) && (field.required || (field.kind == FieldKind::Secret && way.keeps.contains(&field.name)))
}

/// The ways, numbered; an empty answer takes the first.
async fn menu(world: &World, title: &str, ways: &'static [Login]) -> Result<&'static Login, Trouble> {
    if let [only] = ways {
        return Ok(only);
    }
    world.out.say(&format!("ways to log in to {title}:"));
    let width = ways.iter().map(|way| way.name.len()).max().unwrap_or(0);
    for (index, way) in ways.iter().enumerate() {
        world.out.say(&format!("  {}  {:<width$}  {}", index + 1, way.name, way.about));
    }
    loop {
        let answer = prompt(&format!("which way (1 to {}, empty: 1)", ways.len()), false, false).await?;
        if let Some(way) = of_answer(&answer, ways) {
            return Ok(way);
        }
        world.out.say(&format!("`{answer}` is none of them"));
    }
}

fn of_answer(answer: &str, ways: &'static [Login]) -> Option<&'static Login> {
    match answer.parse::<usize>() {
        Ok(number) => ways.get(number.checked_sub(1)?),
        Err(_) if answer.is_empty() => ways.first(),
        Err(_) => ways.iter().find(|way| way.name == answer),
    }
}

/// Where an account is to log in, before there is one.
pub struct At<'a> {
    pub platform: &'static dyn Platform,
    pub name: &'a str,
    pub server: &'a str,
    pub settings: &'a Value,
}

/// Walks a way that needs a person.
///
/// # Errors
/// The person or the network said no; nothing was kept.
pub async fn walk(
    world: &World,
    at: &At<'_>,
    way: &'static Login,
    how: &How,
    kept: Option<&Secrets>,
) -> Result<Grant, Fault> {
    let app = app(world, at, way, kept).await?;
    let door = world.door().map_err(|trouble| Fault::local(trouble.message))?;
    let person =
        Terminal::new(world.out.clone(), Browser::of(how.paste, how.no_browser), present(&world.out) && !how.stdin);
    let desk = Desk { app, ..desk(at, &door, &person) };
    let grant = login::enter(&desk, way).await?;
    grant.secrets.values().for_each(|secret| world.redactor.learn(secret));
    Ok(grant)
}

fn desk<'a>(at: &'a At<'_>, door: &'a crate::net::Door, person: &'a dyn login::Person) -> Desk<'a> {
    Desk {
        door,
        account: at.name,
        title: at.platform.spec().title,
        server: at.server,
        settings: at.settings,
        app: None,
        person,
    }
}

/// One's own app: from the environment and the settings, else that of the login so far.
async fn app(world: &World, at: &At<'_>, way: &Login, kept: Option<&Secrets>) -> Result<Option<App>, Fault> {
    let settings = world.config().map_err(|trouble| Fault::local(trouble.message))?;
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let own = own_app(settings, at.name, at.platform.spec().name, &env).await?;
    if let Some(secret) = &own.client_secret {
        world.redactor.learn(secret);
    }
    let registered = match way.flow {
        Flow::Code(code) => matches!(code.client, Client::Registered(_)),
        Flow::Device(device) => matches!(device.client, Client::Registered(_)),
        _ => false,
    };
    let without_secret = match way.flow {
        Flow::Code(code) => matches!(code.client, Client::App { secret: AppSecret::Never }),
        Flow::Device(device) => matches!(device.client, Client::App { secret: AppSecret::Never }),
        _ => false,
    };
    // an app that the server made for one login is not asked for another one
    let so_far = kept.filter(|_| !registered).and_then(|kept| {
        let facts = Facts::among(kept).filter(|facts| facts.way == way.name && !facts.client_id.is_empty())?;
        Some((facts.client_id, kept.get(CLIENT_SECRET).cloned()))
    });
    let given = own.client_secret.is_some() || own.redirect.is_some();
    let secret = own.client_secret.filter(|_| !without_secret);
    let app = |id, secret| Some(App { id, secret, redirect: own.redirect.clone(), scopes: None });
    Ok(match (own.client_id, so_far) {
        (Some(id), Some((old, old_secret))) if id == old => app(id, secret.or(old_secret)),
        (Some(id), _) => app(id, secret),
        (None, Some((id, old_secret))) => app(id, secret.or(old_secret)),
        (None, None) if given => {
            return Err(Fault::local(format!(
                "your app has no `client_id`: set `{}`, or `client_id` under `[apps.{}]` in `config.toml`",
                app_variable(at.platform.spec().name, "client_id"),
                at.platform.spec().name
            )));
        }
        (None, None) => None,
    })
}

/// Ends a login that came to nothing, so that no token stays behind that nobody knows of. Not where the store has another account
/// of this network: some networks end all logins of a person with one.
pub async fn give_back(world: &World, store: &Store, account: &Account, secrets: &Secrets, way: &Login) {
    let others = store.accounts().await.unwrap_or_default();
    if others.iter().any(|other| other.id != account.id && other.platform == account.platform) {
        return;
    }
    let (Some(facts), Ok(door)) = (facts(secrets), world.door()) else { return };
    let Some(platform) = crate::platform::by_name(&account.platform) else { return };
    let at = At { platform, name: &account.name, server: &account.server, settings: &account.settings };
    let desk = desk(&at, &door, &Nobody);
    let ended = tokio::time::timeout(GIVING_BACK, login::revoke(&desk, way, secrets, &facts)).await;
    tracing::debug!(
        account = account.name,
        "the login that came to nothing was given back: {}",
        matches!(ended, Ok(Ok(true)))
    );
}

/// What is known of a login, as it stands among its secrets.
pub fn facts(secrets: &Secrets) -> Option<Facts> {
    use secrecy::ExposeSecret;
    serde_json::from_str(secrets.get(FACTS)?.expose_secret()).ok()
}

/// The facts of what was typed in: which way, and when.
pub fn typed(way: &Login) -> Facts {
    Facts { way: way.name.to_string(), granted_at: Some(chrono::Utc::now()), ..Facts::default() }
}

/// Refuses what was typed in for a way, if the network's own look at it says so.
///
/// # Errors
/// What is wrong; it quotes nothing of it.
pub fn look_at(way: &Login, secrets: &Secrets) -> Result<(), Trouble> {
    match way.flow {
        Flow::Typed(typed) => typed.check.map_or(Ok(()), |check| check(secrets)).map_err(Trouble::usage),
        _ => Ok(()),
    }
}

/// What to say before anything is typed in.
pub fn warn(world: &World, way: &Login) {
    if let Flow::Typed(login::Typed { warning: Some(warning), .. }) = way.flow {
        world.out.warn(warning);
    }
}

/// A secret from a text, known to the redactor from here on.
pub fn secret(world: &World, text: String) -> SecretString {
    let secret = SecretString::from(text);
    world.redactor.learn(&secret);
    secret
}
