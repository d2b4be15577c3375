//! `xpost account add` and `login`: asks for what the network needs, keeps the secret, and says who it is.

use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use serde_json::{Map, Value, json};

use super::account::say;
use super::account_fields::{self as fields, Asking, Given, has_secret};
use super::delivery;
use super::login::{self, At, Choice};
use super::person::{Interrupts, present, prompt};
use super::targets;
use super::trouble::{Exit, Trouble};
use super::world::{World, platform_names, platform_of, server_of};
use crate::account::{Chain, Secrets, Vault, valid_name, variable};
use crate::deliver::{Engine, ends};
use crate::login::{Facts, Login};
use crate::net::Fault;
use crate::platform::{Platform, Server, Spec};
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

/// How to log in, and where what comes of it is kept.
#[derive(Debug, clap::Args)]
pub struct How {
    /// The way to log in, where the network has several: `xpost account add PLATFORM` lists them
    #[arg(long, value_name = "WAY")]
    pub with: Option<String>,
    /// The browser is on another machine: paste the address that it ends at
    #[arg(long, conflicts_with = "no_browser")]
    pub paste: bool,
    /// Open no browser, only show the address; a browser on this machine must be able to open it
    #[arg(long)]
    pub no_browser: bool,
    /// Where the secret is kept
    #[arg(long, value_name = "WHERE")]
    pub secret: Option<Where>,
    /// The command that prints the secret, for `--secret command`
    #[arg(long, value_name = "COMMAND", required_if_eq("secret", "command"))]
    pub secret_command: Option<String>,
    /// Read secrets from standard input: one `field=value` a line, a JSON object, the one secret alone, or what `account export` wrote
    #[arg(long)]
    pub stdin: bool,
    /// Do not ask the network who it is
    #[arg(long)]
    pub offline: bool,
}

/// Where a secret is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Where {
    /// The keyring of this system (the default)
    Keyring,
    /// A file that only you can read
    File,
    /// Nowhere: the environment gives it at every run
    Env,
    /// A command prints it at every run
    Command,
}

impl Where {
    /// As typed, where xpost cannot write.
    fn outside(self) -> Option<&'static str> {
        match self {
            Where::Env => Some("env"),
            Where::Command => Some("command"),
            Where::Keyring | Where::File => None,
        }
    }
}

/// An account as it is to be, with the login that it is to have; nothing of it is kept yet.
struct Entered {
    server: String,
    settings: Map<String, Value>,
    secrets: Secrets,
    facts: Facts,
    way: &'static Login,
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
    let source = fields::source(&args.how, spec, platform.logins())?;
    let chain = world.chain()?;
    let interrupts = Interrupts::listen();
    let entering = enter(&args, platform, &name, &source, &chain, world);
    let entered = interrupts.or("nothing was added", entering).await?;
    let way = entered.way;
    // from here on something is kept, and taken back if it comes to nothing
    let mut account = store
        .account_add(NewAccount {
            name: name.clone(),
            platform: spec.name.into(),
            server: entered.server,
            settings: Value::Object(entered.settings),
            secret: source.clone(),
            secret_key: None,
            login: json!(entered.facts),
        })
        .await?;
    account.expires_at = ends(&account, &entered.facts);
    let secrets = entered.secrets;
    let done = keep(&store, &chain, &account, &secrets).await.map_err(|fault| not_kept(&fault, &args, spec));
    let done = match done {
        Ok(()) => finish(&args, &account, &interrupts, world).await,
        Err(trouble) => Err(trouble),
    };
    match done {
        Ok((sentence, chosen)) => {
            let exit = say(world, "account", &sentence, &store, &name).await?;
            match chosen {
                Some((engine, offers)) => {
                    let added = targets::add(&engine, &account, offers, &interrupts, world).await?;
                    Ok(targets::told(&added, world))
                }
                None => Ok(exit),
            }
        }
        Err(trouble) => {
            take_back(&store, &chain, &account).await?;
            if way.attended() {
                login::give_back(world, &store, &account, &secrets, way).await;
            }
            Err(trouble)
        }
    }
}

/// Everything that is asked for, by whom it may concern.
async fn enter(
    args: &Args,
    platform: &'static dyn Platform,
    name: &str,
    source: &SecretSource,
    chain: &Chain,
    world: &World,
) -> Result<Entered, Trouble> {
    let (spec, ways) = (platform.spec(), platform.logins());
    let ask = present(&world.out) && !args.how.stdin;
    let mut settings = fields::settings(spec, &args.set)?;
    let server = fields::server(spec, args.server.as_deref(), name, ask)?;
    if *source == SecretSource::Keyring {
        chain.keyring().await.map_err(|fault| not_kept(&fault, args, spec))?;
    }
    let given = Given::read(spec, ways, name, &args.how, world)?;
    let way = choose(&args.how, platform, name, None, &settings, &given, world, || command(args, spec)).await?;
    // a ceremony tells itself what to do
    if ask && !world.out.quiet && given.whole.is_none() && !way.attended() {
        world.out.say(&format!("{}\n", steps(platform.setup())));
        world.out.say(&format!("all of it: xpost account add {} --help-setup\n", spec.name));
    }
    let server = match server {
        Some(server) => server,
        None => {
            let example = if let Server::Own(example) = spec.server { example } else { "https://example.org" };
            let typed = prompt(&format!("server (such as {example})"), false, true).await?;
            server_of(spec, Some(&typed)).map_err(Trouble::usage)?
        }
    };
    let whole = given.whole.as_ref().and_then(login::facts);
    let handed_on = given.whole.is_some();
    login::warn(world, way);
    let asking = Asking { spec, ways, way, name, source, ask, all: true, world };
    let mut secrets = fields::fields(&asking, given, &mut settings).await?;
    let facts = if handed_on {
        whole.unwrap_or_else(|| login::typed(way))
    } else if way.attended() {
        let value = Value::Object(settings.clone());
        let at = At { platform, name, server: &server, settings: &value };
        let grant = login::walk(world, &at, way, &args.how, None).await.map_err(|fault| not_added(spec, fault))?;
        secrets.extend(grant.to_keep());
        login::facts(&secrets).unwrap_or(grant.facts)
    } else {
        fields::look_at(&asking, &secrets)?;
        login::typed(way)
    };
    // what the environment gives is not kept, too
    if *source == SecretSource::Environment {
        secrets.clear();
    }
    Ok(Entered { server, settings, secrets, facts, way })
}

/// The way to log in by; a login that is handed on whole says its own.
#[allow(clippy::too_many_arguments, reason = "all of it is what was typed")]
async fn choose(
    how: &How,
    platform: &'static dyn Platform,
    name: &str,
    now: Option<&'static Login>,
    settings: &Map<String, Value>,
    given: &Given,
    world: &World,
    command: impl Fn() -> String,
) -> Result<&'static Login, Trouble> {
    let ways = platform.logins();
    if let Some(facts) = given.whole.as_ref().and_then(login::facts)
        && let Some(way) = ways.iter().find(|way| way.name == facts.way)
    {
        return Ok(way);
    }
    let names = given.names(platform.spec(), ways, name, settings);
    let choice = Choice {
        platform,
        with: how.with.as_deref(),
        now,
        ask: present(&world.out) && !how.stdin,
        given: &names,
        outside: how.secret.and_then(Where::outside),
        command: command(),
    };
    choice.way(world).await
}

/// The secrets to where they are kept, and what is known of them to the account's row.
async fn keep(store: &Store, chain: &Chain, account: &Account, secrets: &Secrets) -> Result<(), Fault> {
    if matches!(account.secret, SecretSource::Keyring | SecretSource::File) && !secrets.is_empty() {
        chain.replace(account, secrets).await?;
    }
    let known = store.account_login(&account.secret_key, account.login.clone(), account.expires_at).await;
    known.map_err(|error| Fault::local(error.to_string()))
}

/// What a new account ends with: a sentence, and what else is to be added that its login can post to.
type Finished = (String, Option<(Engine, Vec<crate::platform::TargetOffer>)>);

/// Asks the network who it is and, where a person can choose, what else to post to.
async fn finish(args: &Args, account: &Account, interrupts: &Interrupts, world: &World) -> Result<Finished, Trouble> {
    let platform = platform_of(&account.platform)?;
    let (spec, name) = (platform.spec(), &account.name);
    if args.how.offline {
        return Ok((format!("added `{name}` on {}, not checked", spec.title), None));
    }
    let engine = delivery::engine(world, delivery::Patience::none())?;
    let work = async {
        let (_, profile) = engine.check(account.clone()).await.map_err(|fault| not_added(spec, fault))?;
        let sentence = format!("added `{name}`: {} on {}", profile.handle, spec.title);
        if platform.targets().is_none() {
            return Ok((sentence, None));
        }
        if !present(&world.out) || args.how.stdin {
            world.out.note(&format!("what else it can post to: xpost account targets {name}"));
            return Ok((sentence, None));
        }
        let chosen = targets::choose(&engine, account, world).await;
        Ok((sentence, chosen.map(|offers| (engine.clone(), offers))))
    };
    interrupts.or("nothing was added", work).await
}

pub async fn login(args: LoginArgs, world: &World) -> Result<Exit, Trouble> {
    let mut account = world.account(&args.name).await?;
    let old = account.clone();
    let platform = platform_of(&account.platform)?;
    let (spec, ways) = (platform.spec(), platform.logins());
    if !has_secret(spec, ways) {
        return Err(Trouble::usage(format!("{} needs no secret", spec.title)));
    }
    let ask = present(&world.out) && !args.how.stdin;
    let chain = world.chain()?;
    // a login for what the environment should give, and does not, means: keep it from now on
    let unset = || chain.given(&account.name, &account.platform, account.way()).iter().all(|given| !given.set);
    let elsewhere = match account.secret {
        SecretSource::None => true,
        SecretSource::Environment => (ask || args.how.stdin) && unset(),
        _ => false,
    };
    if args.how.secret.is_some() || elsewhere {
        account.secret = fields::source(&args.how, spec, ways)?;
    }
    if account.secret == SecretSource::Keyring {
        let way = format!("xpost account login {} --secret file", account.name);
        chain.keyring().await.map_err(|fault| Trouble::from(fault).next(way))?;
    }
    let store = world.store()?;
    let before = chain.load(&old).await.ok();
    let interrupts = Interrupts::listen();
    let entering = again(&args, &mut account, before.as_ref(), world);
    let secrets = interrupts.or("the old credentials stay", entering).await?;
    let others = sharing(&store, &old).await?;
    let kept = async {
        if matches!(account.secret, SecretSource::Keyring | SecretSource::File) {
            chain.replace(&account, &secrets).await?;
        }
        store.account_update(account.clone()).await?;
        for other in &others {
            let with = Account { secret: account.secret.clone(), ..other.clone() };
            store.account_update(with).await?;
        }
        store.account_login(&account.secret_key, account.login.clone(), account.expires_at).await?;
        Ok::<_, Trouble>(())
    };
    kept.await?;
    let done = |handle: &str| format!("`{}` has new credentials{handle}", account.name);
    if args.how.offline {
        if old.secret != account.secret {
            chain.forget(&old).await?;
        }
        return say(world, "account", &done(", not checked"), &store, &account.name).await;
    }
    let checking = async {
        let engine = delivery::engine(world, delivery::Patience::none())?;
        engine.check(account.clone()).await.map_err(|fault| said(spec, fault))
    };
    match interrupts.or("the old credentials stay", checking).await {
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
            for other in others {
                store.account_update(other).await?;
            }
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

/// New credentials for an account that is there; what is known of them stands in it afterwards.
async fn again(
    args: &LoginArgs,
    account: &mut Account,
    before: Option<&Secrets>,
    world: &World,
) -> Result<Secrets, Trouble> {
    let platform = platform_of(&account.platform)?;
    let (spec, ways) = (platform.spec(), platform.logins());
    let ask = present(&world.out) && !args.how.stdin;
    let mut settings = account.settings.as_object().cloned().unwrap_or_default();
    let given = Given::read(spec, ways, &account.name, &args.how, world)?;
    let now = ways.iter().find(|way| way.name == account.way());
    let next = || format!("xpost account login {}", account.name);
    let way = choose(&args.how, platform, &account.name, now, &settings, &given, world, next).await?;
    if way.attended() && matches!(account.secret, SecretSource::Environment | SecretSource::Command { .. }) {
        return Err(Trouble::usage(format!(
            "`{}` yields a login that is renewed and must be kept, and the secret of `{}` is kept outside",
            way.name, account.name
        ))
        .next(format!("xpost account login {} --with {} --secret file", account.name, way.name)));
    }
    let whole = given.whole.as_ref().and_then(login::facts);
    let handed_on = given.whole.is_some();
    login::warn(world, way);
    let source = &account.secret;
    let asking = Asking { spec, ways, way, name: &account.name, source, ask, all: false, world };
    let mut secrets = fields::fields(&asking, given, &mut settings).await?;
    let facts = if handed_on {
        whole.unwrap_or_else(|| login::typed(way))
    } else if way.attended() {
        let at = At { platform, name: &account.name, server: &account.server, settings: &account.settings };
        let grant = login::walk(world, &at, way, &args.how, before).await.map_err(|fault| {
            let mut trouble = said(spec, fault);
            trouble.message = format!("the old credentials stay: {}", trouble.message);
            trouble
        })?;
        secrets.extend(grant.to_keep());
        login::facts(&secrets).unwrap_or(grant.facts)
    } else {
        fields::look_at(&asking, &secrets)?;
        login::typed(way)
    };
    account.settings = Value::Object(settings);
    account.login = json!(facts);
    account.expires_at = ends(account, &facts);
    Ok(secrets)
}

/// The other accounts of the same login.
pub async fn sharing(store: &Store, account: &Account) -> Result<Vec<Account>, Trouble> {
    let mut all = store.accounts().await?;
    all.retain(|other| other.id != account.id && other.secret_key == account.secret_key);
    Ok(all)
}

/// Leaves nothing of an account that was not to be.
pub async fn take_back(store: &Store, chain: &Chain, account: &Account) -> Result<(), Trouble> {
    drop(chain.erase(account).await);
    store.account_remove(account.id, false).await?;
    Ok(())
}

/// The secret cannot be kept where it should; the way on is the person's own command with another place.
fn not_kept(fault: &Fault, args: &Args, spec: &Spec) -> Trouble {
    let mut words = vec![command(args, spec)];
    let flags = [("--stdin", args.how.stdin), ("--offline", args.how.offline)];
    words.extend(flags.into_iter().filter(|(_, set)| *set).map(|(flag, _)| flag.to_string()));
    let with = args.how.with.iter().flat_map(|way| ["--with".to_string(), quoted(way)]);
    words.extend(with);
    words.extend(["--secret".into(), "file".into()]);
    Trouble::local(format!("the account was not added: {}", fault.message)).next(words.join(" "))
}

/// The command that was typed, as far as it has no secret source and no way.
fn command(args: &Args, spec: &Spec) -> String {
    let mut words = vec!["xpost".to_string(), "account".into(), "add".into(), spec.name.into()];
    let pairs = args.set.iter().map(|pair| ("--set", pair));
    let named = [("--name", &args.name), ("--server", &args.server)];
    for (flag, value) in named.into_iter().filter_map(|(flag, value)| Some((flag, value.as_ref()?))).chain(pairs) {
        words.extend([flag.to_string(), quoted(value)]);
    }
    words.join(" ")
}

/// The network or the person said no.
fn not_added(spec: &Spec, fault: Fault) -> Trouble {
    let mut trouble = said(spec, fault);
    trouble.message = format!("the account was not added: {}", trouble.message);
    trouble.next(format!("xpost account add {} --help-setup", spec.name))
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

pub async fn free_name(store: &Store, platform: &str) -> Result<String, Trouble> {
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
