//! The fields of an account: from `--set`, standard input, the environment, or a person.

use std::collections::BTreeMap;
use std::io::Read;

use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::account_add::{How, Where};
use super::input::words;
use super::login::{self, asked, needed};
use super::person::prompt;
use super::trouble::Trouble;
use super::world::{World, server_of};
use crate::account::{CA_FILE, LimitOverrides, Secrets, unpack, variable};
use crate::draft::did_you_mean;
use crate::login::Login;
use crate::platform::{Field, FieldKind, Server, Spec};
use crate::store::SecretSource;

/// The variable `XPOST_<ACCOUNT>_LOGIN` gives a whole login.
pub const LOGIN: &str = "login";

/// The server that was named or is the network's own; `None` where the person must be asked.
pub fn server(spec: &Spec, typed: Option<&str>, name: &str, ask: bool) -> Result<Option<String>, Trouble> {
    let named = typed.map(str::to_string).or_else(|| env(name, "server"));
    if ask && named.is_none() && matches!(spec.server, Server::Own(_)) {
        return Ok(None);
    }
    server_of(spec, named.as_deref()).map(Some).map_err(Trouble::usage)
}

/// Whether an account of this network has anything secret.
pub fn has_secret(spec: &Spec, ways: &[Login]) -> bool {
    spec.fields.iter().any(|field| field.kind == FieldKind::Secret) || ways.iter().any(Login::attended)
}

/// Where the secret is to be kept.
pub fn source(how: &How, spec: &Spec, ways: &[Login]) -> Result<SecretSource, Trouble> {
    if !has_secret(spec, ways) {
        return Ok(SecretSource::None);
    }
    if how.secret_command.is_some() && how.secret != Some(Where::Command) {
        return Err(Trouble::usage("`--secret-command` goes with `--secret command`"));
    }
    Ok(match how.secret.unwrap_or(Where::Keyring) {
        Where::Keyring => SecretSource::Keyring,
        Where::File => SecretSource::File,
        Where::Env => SecretSource::Environment,
        Where::Command => {
            let command = words(how.secret_command.as_deref().unwrap_or_default()).map_err(Trouble::usage)?;
            if command.is_empty() {
                return Err(Trouble::usage("`--secret-command` is empty"));
            }
            SecretSource::Command { command }
        }
    })
}

/// `--set` pairs as the field's own kind.
pub fn settings(spec: &Spec, pairs: &[String]) -> Result<Map<String, Value>, Trouble> {
    let mut settings = Map::new();
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Trouble::usage(format!("`--set {pair}`: write it as `key=value`")));
        };
        let field = spec.fields.iter().find(|field| field.name == key);
        let value = match field {
            Some(field) if field.kind == FieldKind::Secret => {
                return Err(Trouble::usage(format!(
                    "`{key}` is a secret, and arguments can be seen by others on this machine"
                ))
                .detail("type it when asked, pipe it in with `--stdin`, or set it in the environment"));
            }
            Some(field) => typed(field, value).map_err(Trouble::usage)?,
            None if key == CA_FILE => absolute(key, value).map_err(Trouble::usage)?,
            None if LimitOverrides::NAMES.contains(&key) => Value::from(
                value.parse::<u64>().map_err(|_| Trouble::usage(format!("`{key}` must be a number, not `{value}`")))?,
            ),
            None => {
                let known = spec.fields.iter().filter(|f| f.kind != FieldKind::Secret).map(|f| f.name);
                let hint = did_you_mean(key, known.chain(LimitOverrides::NAMES.iter().copied()).chain([CA_FILE]));
                return Err(Trouble::usage(format!("{} has no field `{key}`{hint}", spec.title))
                    .next(format!("xpost account add {} --help-setup", spec.name)));
            }
        };
        settings.insert(key.to_string(), value);
    }
    Ok(settings)
}

/// A value as its field wants it.
fn typed(field: &Field, value: &str) -> Result<Value, String> {
    let name = field.name;
    match field.kind {
        FieldKind::Bool => match value.to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(Value::Bool(true)),
            "false" | "no" | "off" | "0" => Ok(Value::Bool(false)),
            _ => Err(format!("`{name}` must be `true` or `false`, not `{value}`")),
        },
        FieldKind::Number => {
            value.parse::<i64>().map(Value::from).map_err(|_| format!("`{name}` must be a number, not `{value}`"))
        }
        FieldKind::Choice(words) if !words.contains(&value) => Err(format!(
            "`{name}` must be one of `{}`{}",
            words.join("`, `"),
            did_you_mean(value, words.iter().copied())
        )),
        FieldKind::List => {
            Ok(json!(value.split(',').map(str::trim).filter(|item| !item.is_empty()).collect::<Vec<_>>()))
        }
        FieldKind::Table => serde_json::from_str::<Map<String, Value>>(value)
            .map(Value::Object)
            .map_err(|_| format!("`{name}` must be a JSON object")),
        FieldKind::Directory => absolute(name, value),
        _ => Ok(Value::from(value)),
    }
}

/// A path that holds wherever one stands.
fn absolute(name: &str, value: &str) -> Result<Value, String> {
    let path = std::path::absolute(value).map_err(|error| format!("`{name}`: `{value}`: {error}"))?;
    Ok(Value::from(path.to_string_lossy()))
}

/// What was given ahead of any question.
#[derive(Default)]
pub struct Given {
    /// Fields on standard input.
    piped: BTreeMap<String, String>,
    /// One value on standard input without a name: the one secret that the way needs.
    bare: Option<String>,
    /// A whole login, as `xpost account export` writes it.
    pub whole: Option<Secrets>,
}

impl Given {
    /// Reads standard input where that was asked for. Everything secret is known to the redactor from then on.
    ///
    /// # Errors
    /// It is not what it should be.
    pub fn read(spec: &Spec, ways: &'static [Login], name: &str, how: &How, world: &World) -> Result<Given, Trouble> {
        let mut given = if how.stdin { piped(spec, ways)? } else { Given::default() };
        if given.whole.is_none()
            && let Some(text) = env(name, LOGIN)
        {
            let whole = unpack(&text)
                .map_err(|why| Trouble::usage(format!("`{}` cannot be used: {why}", variable(name, LOGIN))))?;
            given.whole = Some(whole);
        }
        given.whole.iter().flatten().for_each(|(_, secret)| world.redactor.learn(secret));
        let secret = |name: &str| spec.fields.iter().any(|field| field.name == name && field.kind == FieldKind::Secret);
        let piped = given.piped.iter().filter(|(name, _)| secret(name)).map(|(_, value)| value);
        piped.chain(&given.bare).for_each(|value| world.redactor.learn(&SecretString::from(value.as_str())));
        Ok(given)
    }

    /// The names of all fields that were given, for the choice of a way; for a value without a name, that of a way that needs one.
    pub fn names(&self, spec: &Spec, ways: &'static [Login], name: &str, settings: &Map<String, Value>) -> Vec<String> {
        let whole = self.whole.iter().flat_map(Secrets::keys);
        let mut names: Vec<String> = self.piped.keys().chain(settings.keys()).chain(whole).cloned().collect();
        names.extend(spec.fields.iter().filter(|field| env(name, field.name).is_some()).map(|field| field.name.into()));
        if self.bare.is_some() {
            names.extend(ways.iter().find_map(|way| only_secret(spec, ways, way)).map(|field| field.name.into()));
        }
        names
    }
}

/// The one secret field that this way needs, if it is one that is typed in and needs one.
fn only_secret<'a>(spec: &'a Spec, ways: &[Login], way: &Login) -> Option<&'a Field> {
    let mut secrets = spec.fields.iter().filter(|field| field.kind == FieldKind::Secret && needed(ways, way, field));
    secrets.next().filter(|_| secrets.next().is_none() && !way.attended())
}

/// Whose fields are asked for, and how.
pub struct Asking<'a> {
    pub spec: &'a Spec,
    pub ways: &'static [Login],
    pub way: &'static Login,
    pub name: &'a str,
    pub source: &'a SecretSource,
    /// Whether somebody can be asked.
    pub ask: bool,
    /// Whether also for what may be left empty and is no secret.
    pub all: bool,
    pub world: &'a World,
}

/// Asks for every field of the way that is not known yet; the secret ones are given back, the others go to the settings.
///
/// # Errors
/// Something is missing and cannot be asked for, or is not what it should be.
pub async fn fields(
    asking: &Asking<'_>,
    mut given: Given,
    settings: &mut Map<String, Value>,
) -> Result<Secrets, Trouble> {
    let Asking { spec, ways, way, name, source, .. } = *asking;
    let outside = matches!(source, SecretSource::Environment | SecretSource::Command { .. });
    let mut secrets = given.whole.take().unwrap_or_default();
    let whole = !secrets.is_empty();
    if let Some(value) = given.bare.take() {
        let Some(field) = only_secret(spec, ways, way) else { return Err(not_a_field(spec, 1)) };
        given.piped.insert(field.name.to_string(), value);
    }
    let mut missing = Vec::new();
    for field in spec.fields.iter().filter(|field| asked(ways, way, field)) {
        let secret = field.kind == FieldKind::Secret;
        if settings.contains_key(field.name) || (secret && (outside || whole)) {
            continue;
        }
        let needed = needed(ways, way, field);
        let mut value = given.piped.remove(field.name).or_else(|| env(name, field.name));
        if value.is_none() && asking.ask && (asking.all || secret || needed) {
            let label = if needed { field.help.to_string() } else { format!("{} (may be left empty)", field.help) };
            value = Some(prompt(&label, secret, needed).await?).filter(|value| !value.is_empty());
        }
        match value {
            Some(value) if secret => {
                secrets.insert(field.name.into(), login::secret(asking.world, value));
            }
            Some(value) => {
                settings.insert(field.name.into(), typed(field, &value).map_err(Trouble::usage)?);
            }
            None if needed => missing.push(field),
            None => {}
        }
    }
    if let Some(unknown) = given.piped.keys().next() {
        if spec.fields.iter().any(|field| field.name == unknown) {
            let other = ways.iter().find(|way| way.asks.contains(&unknown.as_str()) && !way.attended());
            let hint = other.map_or_else(String::new, |way| format!("; `--with {}` does", way.name));
            return Err(Trouble::usage(format!("`{}` does not take `{unknown}`{hint}", way.name)));
        }
        let hint = did_you_mean(unknown, spec.fields.iter().map(|field| field.name));
        return Err(Trouble::usage(format!("{} has no field `{unknown}`{hint}", spec.title)));
    }
    if missing.is_empty() {
        return Ok(secrets);
    }
    let mut trouble = Trouble::usage(format!(
        "{} needs `{}`",
        spec.title,
        missing.iter().map(|field| field.name).collect::<Vec<_>>().join("` and `")
    ));
    for field in missing {
        let way = if field.kind == FieldKind::Secret {
            format!("pipe it in with `--stdin` or set `{}`", variable(name, field.name))
        } else {
            format!("`--set {}=…`", field.name)
        };
        trouble = trouble.detail(format!("{}: {}; {way}", field.name, field.help));
    }
    let others: Vec<&str> = ways.iter().map(|other| other.name).filter(|name| *name != way.name).collect();
    if !others.is_empty() {
        trouble = trouble.detail(format!("other ways to log in: `--with {}`", others.join("`, `--with ")));
    }
    Err(trouble.next(format!("xpost account add {} --help-setup", spec.name)))
}

fn not_a_field(spec: &Spec, line: usize) -> Trouble {
    Trouble::usage(format!("line {line} of standard input is not `field=value` with a field of {}", spec.title))
        .detail(format!("its fields are `{}`", spec.fields.iter().map(|f| f.name).collect::<Vec<_>>().join("`, `")))
}

/// What came in on standard input.
fn piped(spec: &Spec, ways: &'static [Login]) -> Result<Given, Trouble> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(1024 * 1024)
        .read_to_string(&mut text)
        .map_err(|error| Trouble::usage(format!("standard input cannot be read: {error}")))?;
    let text = text.trim();
    if text.starts_with('{') {
        let object: Map<String, Value> =
            serde_json::from_str(text).map_err(|_| Trouble::usage("standard input looks like JSON, but is none"))?;
        if object.contains_key("v") && object.contains_key("fields") {
            let whole = unpack(text).map_err(|why| Trouble::usage(format!("standard input cannot be used: {why}")))?;
            return Ok(Given { whole: Some(whole), ..Given::default() });
        }
        let piped = object
            .into_iter()
            .map(|(key, value)| match value {
                Value::String(text) => Ok((key, text)),
                Value::Number(number) => Ok((key, number.to_string())),
                Value::Bool(flag) => Ok((key, flag.to_string())),
                _ => Err(Trouble::usage(format!("the field `{key}` on standard input must be a text"))),
            })
            .collect::<Result<_, _>>()?;
        return Ok(Given { piped, ..Given::default() });
    }
    let known = |line: &str| {
        let (key, value) = line.split_once('=')?;
        let (key, value) = (key.trim(), value.trim());
        spec.fields.iter().any(|field| field.name == key).then(|| (key.to_string(), value.to_string()))
    };
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if let [one] = lines.as_slice()
        && known(one).is_none()
        && ways.iter().any(|way| only_secret(spec, ways, way).is_some())
    {
        return Ok(Given { bare: Some((*one).to_string()), ..Given::default() });
    }
    let line = |(index, line): (usize, &&str)| known(line).ok_or_else(|| not_a_field(spec, index + 1));
    let piped = lines.iter().enumerate().map(line).collect::<Result<_, _>>()?;
    Ok(Given { piped, ..Given::default() })
}

/// What a variable of the environment gives for a field of this account.
pub fn env(name: &str, field: &str) -> Option<String> {
    std::env::var(variable(name, field)).ok().filter(|value| !value.is_empty())
}
