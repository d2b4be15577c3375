//! `xpost account add` and `login`: asks for what the network needs, keeps the secret, and says who it is.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Read};

use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::account::{say, title};
use super::delivery;
use super::input::words;
use super::trouble::{Exit, Trouble};
use super::world::{World, platform_names, platform_of, server_of};
use crate::account::{CA_FILE, Chain, LimitOverrides, Secrets, valid_name, variable};
use crate::draft::did_you_mean;
use crate::net::Fault;
use crate::platform::{Field, FieldKind, Server, Spec};
use crate::store::{Account, NewAccount, SecretSource, Store};

/// Add an account: asks for what the network needs and says who it is
///
/// Secrets are read from the terminal (hidden), from standard input (`--stdin`) or from the environment
/// (`XPOST_<NAME>_<FIELD>`), never from an argument.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  xpost account add mastodon --server mastodon.social
  xpost account add bluesky --name work
  pass show bot | xpost account add telegram --name news --set chat=@news --stdin
  xpost account add discord --secret command --secret-command 'pass show discord'
  xpost account add bluesky --help-setup    how to get the credentials")]
pub struct Args {
    /// A network, see `xpost platforms`
    #[arg(ignore_case = true, value_parser = PossibleValuesParser::new(platform_names()))]
    platform: String,
    /// What to call the account; the network's name if it is free
    #[arg(long)]
    name: Option<String>,
    /// The server, where the network has several
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// A field or limit of the account that is no secret
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    how: How,
    /// Print how to get the credentials, and do nothing
    #[arg(long)]
    help_setup: bool,
}

/// Give an account new credentials, or keep them somewhere else
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  xpost account login work
  xpost account login work --secret file --stdin < token.txt")]
pub struct LoginArgs {
    name: String,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
struct How {
    /// Where the secret is kept
    #[arg(long, value_name = "WHERE")]
    secret: Option<Where>,
    /// The command that prints the secret, for `--secret command`
    #[arg(long, value_name = "COMMAND", required_if_eq("secret", "command"))]
    secret_command: Option<String>,
    /// Read secrets from standard input: one `field=value` a line, a JSON object, or the one secret alone
    #[arg(long)]
    stdin: bool,
    /// Do not ask the network who it is
    #[arg(long)]
    offline: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Where {
    /// The keyring of this system (the default)
    Keyring,
    /// A file that only you can read
    File,
    /// Nowhere: the environment gives it at every run
    Env,
    /// A command prints it at every run
    Command,
}

pub async fn add(args: Args, world: &World) -> Result<Exit, Trouble> {
    let platform = platform_of(&args.platform)?;
    let spec = platform.spec();
    if args.help_setup {
        world.out.raw(platform.setup().as_bytes());
        return Ok(Exit::Done);
    }
    let store = world.store()?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => free_name(&store, spec.name).await?,
    };
    valid_name(&name).map_err(Trouble::usage)?;
    if store.account(&name).await?.is_some() {
        return Err(Trouble::usage(format!("there is an account `{name}` already"))
            .detail("give the new one another name with `--name`")
            .next(format!("xpost account login {name}")));
    }
    distinct_variables(&store, &name, None).await?;
    let mut settings = settings(spec, &args.set)?;
    let ask = std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !args.how.stdin && !world.out.json;
    let server = server(spec, args.server.as_deref(), &name, ask)?;
    let source = source(&args.how, spec)?;
    let chain = world.chain()?;
    if source == SecretSource::Keyring {
        chain.keyring().await.map_err(|fault| not_kept(&fault, &args, spec))?;
    }
    if ask && !world.out.quiet {
        world.out.say(&format!("{}\n", steps(platform.setup())));
        world.out.say(&format!("all of it: xpost account add {} --help-setup\n", spec.name));
    }
    let server = match server {
        Some(server) => server,
        None => {
            let example = if let Server::Own(example) = spec.server { example } else { "https://example.org" };
            let typed = prompt(&format!("server (such as {example})"), false, true)?;
            server_of(spec, Some(&typed)).map_err(Trouble::usage)?
        }
    };
    let secrets = fields(spec, &name, &args.how, &source, ask, &mut settings)?;
    let account = store
        .account_add(NewAccount {
            name: name.clone(),
            platform: spec.name.into(),
            server,
            settings: Value::Object(settings),
            secret: source.clone(),
            secret_key: None,
            login: serde_json::Value::Null,
        })
        .await?;
    if matches!(source, SecretSource::Keyring | SecretSource::File)
        && !secrets.is_empty()
        && let Err(fault) = chain.replace(&account, &secrets).await
    {
        take_back(&store, &chain, &account).await?;
        return Err(not_kept(&fault, &args, spec));
    }
    if args.how.offline {
        return say(world, "account", &format!("added `{name}` on {}, not checked", spec.title), &store, &name).await;
    }
    let checked = match delivery::engine(world, delivery::Patience::none()) {
        Ok(engine) => engine.check(account.clone()).await.map_err(|fault| said(spec, fault)),
        Err(trouble) => Err(trouble),
    };
    match checked {
        Ok((_, profile)) => {
            let sentence = format!("added `{name}`: {} on {}", profile.handle, spec.title);
            say(world, "account", &sentence, &store, &name).await
        }
        Err(mut trouble) => {
            take_back(&store, &chain, &account).await?;
            trouble.message = format!("the account was not added: {}", trouble.message);
            Err(trouble.next(format!("xpost account add {} --help-setup", spec.name)))
        }
    }
}

pub async fn login(args: LoginArgs, world: &World) -> Result<Exit, Trouble> {
    let mut account = world.account(&args.name).await?;
    let old = account.clone();
    let platform = platform_of(&account.platform)?;
    let spec = platform.spec();
    if spec.fields.iter().all(|field| field.kind != FieldKind::Secret) {
        return Err(Trouble::usage(format!("{} needs no secret", spec.title)));
    }
    let ask = std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !args.how.stdin && !world.out.json;
    let chain = world.chain()?;
    // a login for what the environment should give, and does not, means: keep it from now on
    let unset = || chain.given(&account.name, &account.platform, account.way()).iter().all(|given| !given.set);
    let elsewhere = match account.secret {
        SecretSource::None => true,
        SecretSource::Environment => (ask || args.how.stdin) && unset(),
        _ => false,
    };
    if args.how.secret.is_some() || elsewhere {
        account.secret = source(&args.how, spec)?;
    }
    if account.secret == SecretSource::Keyring {
        let way = format!("xpost account login {} --secret file", account.name);
        chain.keyring().await.map_err(|fault| Trouble::from(fault).next(way))?;
    }
    let mut settings = account.settings.as_object().cloned().unwrap_or_default();
    let secrets = fields(spec, &account.name, &args.how, &account.secret, ask, &mut settings)?;
    let store = world.store()?;
    let before = crate::account::Vault::load(&chain, &old).await.ok();
    if matches!(account.secret, SecretSource::Keyring | SecretSource::File) {
        chain.replace(&account, &secrets).await?;
    }
    store.account_update(account.clone()).await?;
    let done = |handle: &str| format!("`{}` has new credentials{handle}", account.name);
    if args.how.offline {
        if old.secret != account.secret {
            chain.forget(&old).await?;
        }
        return say(world, "account", &done(", not checked"), &store, &account.name).await;
    }
    let checked = match delivery::engine(world, delivery::Patience::none()) {
        Ok(engine) => engine.check(account.clone()).await.map_err(|fault| said(spec, fault)),
        Err(trouble) => Err(trouble),
    };
    match checked {
        Ok((_, profile)) => {
            if old.secret != account.secret {
                chain.forget(&old).await?;
            }
            say(world, "account", &done(&format!(": {} on {}", profile.handle, spec.title)), &store, &account.name)
                .await
        }
        Err(mut trouble) => {
            // the old ones may be the better ones
            store.account_update(old.clone()).await?;
            match before {
                Some(secrets) if matches!(old.secret, SecretSource::Keyring | SecretSource::File) => {
                    chain.replace(&old, &secrets).await?;
                }
                _ => {}
            }
            if old.secret != account.secret {
                drop(chain.forget(&account).await);
            }
            trouble.message = format!("the new credentials were not kept: {}", trouble.message);
            Err(trouble)
        }
    }
}

/// Leaves nothing of an account that was not to be.
async fn take_back(store: &Store, chain: &Chain, account: &Account) -> Result<(), Trouble> {
    drop(chain.erase(account).await);
    store.account_remove(account.id, false).await?;
    Ok(())
}

/// The secret cannot be kept where it should; the way on is the person's own command with another place.
fn not_kept(fault: &Fault, args: &Args, spec: &Spec) -> Trouble {
    let mut words = vec!["xpost".to_string(), "account".into(), "add".into(), spec.name.into()];
    let pairs = args.set.iter().map(|pair| ("--set", pair));
    let named = [("--name", &args.name), ("--server", &args.server)];
    for (flag, value) in named.into_iter().filter_map(|(flag, value)| Some((flag, value.as_ref()?))).chain(pairs) {
        words.extend([flag.to_string(), quoted(value)]);
    }
    let flags = [("--stdin", args.how.stdin), ("--offline", args.how.offline)];
    words.extend(flags.into_iter().filter(|(_, set)| *set).map(|(flag, _)| flag.to_string()));
    words.extend(["--secret".into(), "file".into()]);
    Trouble::local(format!("the account was not added: {}", fault.message)).next(words.join(" "))
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@,+%".contains(c);
    match word {
        word if !word.is_empty() && word.chars().all(plain) => word.to_string(),
        word if cfg!(windows) => format!("\"{}\"", word.replace('"', "\\\"")),
        word => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// The short of a `setup.md`: from its beginning to the end of its first numbered steps.
fn steps(setup: &str) -> &str {
    let mut numbered = false;
    let mut end = 0;
    for line in setup.split_inclusive('\n') {
        let step = line.split_once(". ").is_some_and(|(number, _)| number.parse::<u8>().is_ok());
        if numbered && !step && !line.starts_with(' ') && !line.trim().is_empty() {
            break;
        }
        numbered |= step;
        end += line.len();
    }
    setup[..end].trim_end()
}

/// Who it was that said no: the network, or something on the way to it.
fn said(spec: &Spec, fault: Fault) -> Trouble {
    let answered = fault.status.is_some();
    let mut trouble = Trouble::from(fault);
    if answered {
        trouble.message = format!("{} said: {}", spec.title, trouble.message);
    }
    trouble
}

async fn free_name(store: &Store, platform: &str) -> Result<String, Trouble> {
    for n in 1..1000 {
        let name = if n == 1 { platform.to_string() } else { format!("{platform}-{n}") };
        if store.account(&name).await?.is_none() {
            return Ok(name);
        }
    }
    Err(Trouble::usage("there are a thousand such accounts already; give this one a name with `--name`"))
}

/// Two accounts must never take their secrets from the same variable.
pub async fn distinct_variables(store: &Store, name: &str, but: Option<i64>) -> Result<(), Trouble> {
    let taken = store.accounts().await?.into_iter().find(|account| {
        Some(account.id) != but
            && !account.name.eq_ignore_ascii_case(name)
            && variable(&account.name, "x") == variable(name, "x")
    });
    match taken {
        Some(other) => Err(Trouble::usage(format!(
            "`{name}` and the account `{}` would take their secrets from the same variable `{}`; choose another name",
            other.name,
            variable(name, "token")
        ))),
        None => Ok(()),
    }
}

fn env(name: &str, field: &str) -> Option<String> {
    std::env::var(variable(name, field)).ok().filter(|value| !value.is_empty())
}

/// The server that was named or is the network's own; `None` where the person must be asked.
fn server(spec: &Spec, typed: Option<&str>, name: &str, ask: bool) -> Result<Option<String>, Trouble> {
    let named = typed.map(str::to_string).or_else(|| env(name, "server"));
    if ask && named.is_none() && matches!(spec.server, Server::Own(_)) {
        return Ok(None);
    }
    server_of(spec, named.as_deref()).map(Some).map_err(Trouble::usage)
}

fn source(how: &How, spec: &Spec) -> Result<SecretSource, Trouble> {
    if spec.fields.iter().all(|field| field.kind != FieldKind::Secret) {
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
fn settings(spec: &Spec, pairs: &[String]) -> Result<Map<String, Value>, Trouble> {
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

/// Asks for every field that is not known yet; the secret ones are given back, the others go to the settings.
fn fields(
    spec: &Spec,
    name: &str,
    how: &How,
    source: &SecretSource,
    ask: bool,
    settings: &mut Map<String, Value>,
) -> Result<Secrets, Trouble> {
    let mut piped = if how.stdin { piped(spec)? } else { BTreeMap::new() };
    let outside = matches!(source, SecretSource::Environment | SecretSource::Command { .. });
    let mut secrets = Secrets::new();
    let mut missing = Vec::new();
    for field in spec.fields {
        let secret = field.kind == FieldKind::Secret;
        if settings.contains_key(field.name) || (secret && outside) {
            continue;
        }
        let mut value = piped.remove(field.name).or_else(|| env(name, field.name));
        if value.is_none() && ask {
            let label =
                if field.required { field.help.to_string() } else { format!("{} (may be left empty)", field.help) };
            value = Some(prompt(&label, secret, field.required)?).filter(|value| !value.is_empty());
        }
        match value {
            Some(value) if secret => {
                secrets.insert(field.name.into(), SecretString::from(value));
            }
            Some(value) => {
                settings.insert(field.name.into(), typed(field, &value).map_err(Trouble::usage)?);
            }
            None if field.required => missing.push(field),
            None => {}
        }
    }
    if let Some(unknown) = piped.keys().next() {
        let hint = did_you_mean(unknown, spec.fields.iter().map(|field| field.name));
        return Err(Trouble::usage(format!("{} has no field `{unknown}`{hint}", title(spec.name))));
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
    Err(trouble.next(format!("xpost account add {} --help-setup", spec.name)))
}

/// What came in on standard input.
fn piped(spec: &Spec) -> Result<BTreeMap<String, String>, Trouble> {
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
        return object
            .into_iter()
            .map(|(key, value)| match value {
                Value::String(text) => Ok((key, text)),
                Value::Number(number) => Ok((key, number.to_string())),
                Value::Bool(flag) => Ok((key, flag.to_string())),
                _ => Err(Trouble::usage(format!("the field `{key}` on standard input must be a text"))),
            })
            .collect();
    }
    fn known<'a>(line: &'a str, spec: &Spec) -> Option<(&'a str, &'a str)> {
        line.split_once('=').filter(|(key, _)| spec.fields.iter().any(|field| field.name == key.trim()))
    }
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let secret: Vec<&Field> =
        spec.fields.iter().filter(|field| field.kind == FieldKind::Secret && field.required).collect();
    match (lines.as_slice(), secret.as_slice()) {
        ([one], [field]) if known(one, spec).is_none() => Ok([(field.name.to_string(), (*one).to_string())].into()),
        _ => lines
            .iter()
            .enumerate()
            .map(|(index, line)| {
                let (key, value) = known(line, spec).ok_or_else(|| {
                    Trouble::usage(format!(
                        "line {} of standard input is not `field=value` with a field of {}",
                        index + 1,
                        spec.title
                    ))
                    .detail(format!(
                        "its fields are `{}`",
                        spec.fields.iter().map(|f| f.name).collect::<Vec<_>>().join("`, `")
                    ))
                })?;
                Ok((key.trim().to_string(), value.trim().to_string()))
            })
            .collect(),
    }
}

fn prompt(label: &str, hidden: bool, required: bool) -> Result<String, Trouble> {
    let cannot = |error: dialoguer::Error| Trouble::usage(format!("the terminal cannot be asked: {error}"));
    let answer = if hidden {
        dialoguer::Password::new().with_prompt(label).allow_empty_password(!required).interact().map_err(cannot)?
    } else {
        dialoguer::Input::<String>::new().with_prompt(label).allow_empty(!required).interact_text().map_err(cannot)?
    };
    Ok(answer.trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::{quoted, steps};

    #[test]
    fn the_short_of_a_setup_ends_with_its_first_steps() {
        let text = "# X\n\nneeds a token\n\n1. open\n   - this\n\n2. copy\n\nGood to know\n\n1. more\n";
        assert_eq!(steps(text), "# X\n\nneeds a token\n\n1. open\n   - this\n\n2. copy");
        assert_eq!(steps("# X\n\nno steps\n"), "# X\n\nno steps");
        for platform in crate::platform::ALL {
            let short = steps(platform.setup());
            let lines = short.lines().count();
            assert!(short.contains("\n1. ") && lines < 30 && short.len() < platform.setup().len(), "{short}");
        }
    }

    #[cfg(not(windows))]
    #[test]
    fn words_go_back_into_a_shell_as_they_came() {
        assert_eq!(quoted("chat=@news"), "chat=@news");
        assert_eq!(quoted("title=Ann's site; rm"), "'title=Ann'\\''s site; rm'");
        assert_eq!(quoted(""), "''");
    }
}
