//! `xpost account`: what posts go to.

use clap::{Args as ClapArgs, Subcommand};
use serde_json::json;

use super::out::Paint;
use super::trouble::{Exit, Trouble};
use super::world::{DEFAULTS, World, block_on, platform_of, source_word};
use super::{account_add, delivery, docs};
use crate::account::valid_name;
use crate::draft::did_you_mean;
use crate::net::Kind;
use crate::platform;
use crate::store::{Account, Store};

/// Add, list, check and remove accounts; groups and default targets
#[derive(Debug, ClapArgs)]
#[command(arg_required_else_help = true, subcommand_required = true)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Add(account_add::Args),
    Login(account_add::LoginArgs),
    /// List the accounts
    #[command(visible_alias = "ls")]
    List,
    /// Show all that is known of an account, but never its secret
    Show {
        name: String,
    },
    /// Ask the network who an account is; without a name all of them
    Check {
        names: Vec<String>,
    },
    /// Give an account another name; its secret and history go with it
    Rename {
        from: String,
        to: String,
    },
    /// Forget an account and delete its secret
    Remove {
        name: String,
        /// Forget what was posted there, too
        #[arg(long)]
        history: bool,
    },
    /// Show or set the targets of drafts that name none
    #[command(after_help = "Examples:\n  xpost account default mastodon @work\n  xpost account default --clear")]
    Default {
        /// Accounts, platforms, @groups or `all`
        words: Vec<String>,
        /// Have none
        #[arg(long, conflicts_with = "words")]
        clear: bool,
    },
    /// List, make or remove groups
    #[command(
        after_help = "Examples:\n  xpost account group                      list all groups\n  xpost account group work home-masto sky  make `@work`\n  xpost account group work --clear         remove it"
    )]
    Group {
        /// The group's name, with or without the @
        name: Option<String>,
        /// Its accounts; they replace those that it had
        accounts: Vec<String>,
        /// Remove the group
        #[arg(long, requires = "name", conflicts_with = "accounts")]
        clear: bool,
    },
}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    block_on(async {
        match args.verb {
            Verb::Add(args) => account_add::add(args, world).await,
            Verb::Login(args) => account_add::login(args, world).await,
            Verb::List => list(world).await,
            Verb::Show { name } => show(&name, world).await,
            Verb::Check { names } => check(&names, world).await,
            Verb::Rename { from, to } => rename(&from, &to, world).await,
            Verb::Remove { name, history } => remove(&name, history, world).await,
            Verb::Default { words, clear } => default(&words, clear, world).await,
            Verb::Group { name, accounts, clear } => group(name, &accounts, clear, world).await,
        }
    })
}

async fn list(world: &World) -> Result<Exit, Trouble> {
    let accounts = world.book(false).await?.accounts;
    if world.out.json {
        world.out.document("accounts", json!({ "accounts": accounts.iter().map(docs::account).collect::<Vec<_>>() }));
        return Ok(Exit::Done);
    }
    if accounts.is_empty() {
        world.out.note("there is no account yet; next: xpost account add PLATFORM (see `xpost platforms`)");
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = accounts
        .iter()
        .map(|account| {
            vec![
                account.name.clone(),
                account.platform.clone(),
                if account.handle.is_empty() { "(not checked)".into() } else { account.handle.clone() },
                source_word(&account.secret).into(),
                account.server.clone(),
            ]
        })
        .collect();
    world.out.table(&["NAME", "PLATFORM", "HANDLE", "SECRET", "SERVER"], &rows);
    Ok(Exit::Done)
}

async fn show(name: &str, world: &World) -> Result<Exit, Trouble> {
    let account = world.account(name).await?;
    let given = world.chain()?.given(&account.name, &account.platform, account.way());
    if world.out.json {
        let variables: Vec<_> = given
            .iter()
            .map(|g| json!({ "name": g.variable, "field": g.field, "required": g.required, "set": g.set }))
            .collect();
        world.out.document("account", json!({ "account": docs::account(&account), "variables": variables }));
        return Ok(Exit::Done);
    }
    let mut rows = vec![
        ("name", account.name.clone()),
        ("platform", account.platform.clone()),
        ("server", account.server.clone()),
        ("handle", account.handle.clone()),
        ("id", account.remote_id.clone()),
        ("url", account.url.clone().unwrap_or_default()),
        ("secret", source_word(&account.secret).to_string()),
    ];
    if let Some(settings) = account.settings.as_object() {
        for (key, value) in settings {
            rows.push((key, value.as_str().map_or_else(|| value.to_string(), str::to_string)));
        }
    }
    rows.push((
        "checked",
        account.checked_at.map_or_else(|| "never".into(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string()),
    ));
    for (key, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        world.out.line(&format!("{key:<10} {value}"));
    }
    for variable in given {
        let state = if variable.set { "is set and wins" } else { "is not set" };
        world.out.line(&format!("{:<10} {} {state}", "variable", variable.variable));
    }
    Ok(Exit::Done)
}

async fn check(names: &[String], world: &World) -> Result<Exit, Trouble> {
    let book = world.book(false).await?;
    let accounts: Vec<Account> = if names.is_empty() {
        book.accounts
    } else {
        let targets = book.resolve(names).map_err(|why| Trouble::usage(why).next("xpost account list"))?;
        targets
            .into_iter()
            .filter_map(|target| match target {
                crate::account::Target::Account(account) => Some(*account),
                crate::account::Target::Platform(_) => None,
            })
            .collect()
    };
    if accounts.is_empty() && !world.out.json {
        world.out.note("there is no account yet; next: xpost account add PLATFORM");
    }
    let engine = delivery::engine(world, delivery::Patience::none())?;
    let asked = futures_util::future::join_all(accounts.iter().map(|account| engine.check(account.clone()))).await;
    let (mut login, mut failed) = (false, false);
    let mut results = Vec::new();
    let mut rows = Vec::new();
    for (account, result) in accounts.iter().zip(asked) {
        let (handle, url, fault) = match result {
            Ok((_, profile)) => (profile.handle, profile.url, None),
            Err(fault) => (account.handle.clone(), account.url.clone(), Some(fault)),
        };
        login |= fault.as_ref().is_some_and(|fault| fault.kind == Kind::Auth);
        failed |= fault.is_some();
        let (mark, says) = match &fault {
            None => (world.out.paint(Paint::Good, "ok"), format!("{handle} on {}", title(&account.platform))),
            Some(fault) => (world.out.paint(Paint::Bad, "failed"), fault.to_string()),
        };
        rows.push(vec![mark, account.name.clone(), says]);
        results.push(json!({
            "account": account.name, "platform": account.platform, "ok": fault.is_none(), "handle": handle, "url": url,
            "fault": fault.as_ref().map(docs::fault),
        }));
    }
    if world.out.json {
        world.out.document("account_check", json!({ "accounts": results }));
    } else {
        super::out::table(&["", "", ""], &rows, usize::MAX).iter().skip(1).for_each(|line| world.out.line(line));
        for (row, result) in rows.iter().zip(&results) {
            if result["fault"]["kind"] == Kind::Auth.word() {
                world.out.note(&format!("  next: xpost account login {}", row[1]));
            }
        }
    }
    Ok(match (login, failed) {
        (true, _) => Exit::Login,
        (false, true) => Exit::Error,
        _ => Exit::Done,
    })
}

async fn rename(from: &str, to: &str, world: &World) -> Result<Exit, Trouble> {
    valid_name(to).map_err(Trouble::usage)?;
    let account = world.account(from).await?;
    let store = world.store()?;
    if store.account(to).await?.is_some_and(|other| other.id != account.id) {
        return Err(Trouble::usage(format!("there is an account `{to}` already")));
    }
    account_add::distinct_variables(&store, to, Some(account.id)).await?;
    store.account_rename(&account.name, to).await?;
    say(world, "account", &format!("`{}` is now `{to}`", account.name), &store, to).await
}

async fn remove(name: &str, history: bool, world: &World) -> Result<Exit, Trouble> {
    let account = world.account(name).await?;
    let chain = world.chain()?;
    let store = world.store()?;
    let cancelled = store.account_remove(account.id, history).await?;
    chain.erase(&account).await.map_err(|fault| {
        Trouble::local(format!(
            "account `{}` is removed, but its secret could not be deleted: {}",
            account.name, fault.message
        ))
    })?;
    let kept = if history { "" } else { "; what was posted stays in the history" };
    if world.out.json {
        world.out.document("account_removed", json!({ "account": account.name, "history": history }));
    } else {
        world.out.note(&format!("account `{}` and its secret are removed from this machine{kept}", account.name));
        if cancelled > 0 {
            let parts = if cancelled == 1 { "part that waited is" } else { "parts that waited are" };
            world.out.note(&format!("{cancelled} {parts} cancelled"));
        }
        world.out.note(&format!(
            "the credentials are still good at {}; revoke them there if nobody else uses them",
            place(&account)
        ));
    }
    Ok(Exit::Done)
}

fn place(account: &Account) -> String {
    if account.server.is_empty() {
        platform::by_name(&account.platform).map_or_else(|| account.platform.clone(), |p| p.spec().title.to_string())
    } else {
        account.server.clone()
    }
}

async fn default(words: &[String], clear: bool, world: &World) -> Result<Exit, Trouble> {
    let store = world.store()?;
    if clear {
        store.set_setting(DEFAULTS, serde_json::Value::Null).await?;
    } else if !words.is_empty() {
        let book = world.book(false).await?;
        book.resolve(words).map_err(|why| Trouble::usage(why).next("xpost account list"))?;
        store.set_setting(DEFAULTS, json!(words)).await?;
    }
    let now = world.defaults().await?;
    if world.out.json {
        world.out.document("defaults", json!({ "to": now }));
    } else if now.is_empty() {
        world.out.note("there are no default targets; set them with `xpost account default NAME...`");
    } else {
        world.out.line(&now.join(" "));
    }
    Ok(Exit::Done)
}

async fn group(name: Option<String>, accounts: &[String], clear: bool, world: &World) -> Result<Exit, Trouble> {
    let store = world.store()?;
    let name = name.map(|name| name.trim_start_matches('@').to_string());
    let mut groups = store.groups().await?;
    if let Some(name) = &name {
        let exists = groups.iter().any(|(group, _)| group.eq_ignore_ascii_case(name));
        if clear || !accounts.is_empty() {
            valid_name(name).map_err(|why| Trouble::usage(why.replace("account", "group")))?;
            if clear && !exists {
                let hint = did_you_mean(name, groups.iter().map(|(group, _)| group.as_str())).replacen('`', "`@", 1);
                return Err(Trouble::usage(format!("there is no group `@{name}`{hint}")).next("xpost account group"));
            }
            let book = world.book(false).await?;
            let targets = book.resolve(accounts).map_err(|why| Trouble::usage(why).next("xpost account list"))?;
            let members = targets.iter().map(|target| target.name().to_string()).collect();
            store.group_set(name, members).await?;
            groups = store.groups().await?;
        } else if !exists {
            let hint = did_you_mean(name, groups.iter().map(|(group, _)| group.as_str())).replacen('`', "`@", 1);
            return Err(Trouble::usage(format!("there is no group `@{name}`{hint}"))
                .next(format!("xpost account group {name} ACCOUNT...")));
        }
        groups.retain(|(group, _)| group.eq_ignore_ascii_case(name));
    }
    if world.out.json {
        let groups: Vec<_> =
            groups.iter().map(|(name, accounts)| json!({ "name": name, "accounts": accounts })).collect();
        world.out.document("groups", json!({ "groups": groups }));
        return Ok(Exit::Done);
    }
    for (name, members) in &groups {
        world.out.line(&format!("@{name}  {}", members.join(" ")));
    }
    if clear {
        world.out.note(&format!("group `@{}` is removed", name.unwrap_or_default()));
    } else if groups.is_empty() {
        world.out.note("there are no groups; make one with `xpost account group NAME ACCOUNT...`");
    }
    Ok(Exit::Done)
}

/// One sentence, or the account's document.
pub async fn say(world: &World, kind: &str, sentence: &str, store: &Store, name: &str) -> Result<Exit, Trouble> {
    if world.out.json {
        let account = store.account(name).await?.ok_or_else(|| Trouble::local(format!("account `{name}` is gone")))?;
        let given = world.chain()?.given(&account.name, &account.platform, account.way());
        let variables: Vec<_> = given
            .iter()
            .map(|g| json!({ "name": g.variable, "field": g.field, "required": g.required, "set": g.set }))
            .collect();
        world.out.document(kind, json!({ "account": docs::account(&account), "variables": variables }));
    } else {
        world.out.line(sentence);
    }
    Ok(Exit::Done)
}

/// The title of a platform, for sentences.
pub fn title(platform: &str) -> &str {
    platform_of(platform).map_or(platform, |p| p.spec().title)
}
