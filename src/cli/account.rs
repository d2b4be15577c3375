//! `xpost account`: what posts go to.

use chrono::{DateTime, Utc};
use clap::{Args as ClapArgs, Subcommand};
use serde_json::json;

use super::out::Paint;
use super::trouble::{Exit, Trouble};
use super::world::{DEFAULTS, World, block_on, source_word, title_of};
use super::{account_add, account_leave, delivery, docs, targets};
use crate::account::{LOGIN_ONLY, valid_name};
use crate::draft::did_you_mean;
use crate::login::{Facts, Login, missing_scopes};
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
    Targets(targets::Args),
    Export(account_leave::ExportArgs),
    Remove(account_leave::RemoveArgs),
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
            Verb::Targets(args) => targets::run(args, world).await,
            Verb::Export(args) => account_leave::export(args, world).await,
            Verb::Remove(args) => account_leave::remove(args, world).await,
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
                handle(account),
                source_word(&account.secret).into(),
                end(account, Utc::now()),
                account.server.clone(),
            ]
        })
        .collect();
    world.out.table(&["NAME", "PLATFORM", "HANDLE", "SECRET", "LOGIN", "SERVER"], &rows);
    Ok(Exit::Done)
}

/// Who it is; for a login alone, that it is one.
fn handle(account: &Account) -> String {
    let only = account.settings.get(LOGIN_ONLY).is_some();
    match (account.handle.as_str(), only) {
        ("", false) => "(not checked)".into(),
        ("", true) => "(login only)".into(),
        (handle, false) => handle.into(),
        (handle, true) => format!("{handle} (login only)"),
    }
}

/// When a person has to log in again, at a glance; empty where that is not known.
pub fn end(account: &Account, now: DateTime<Utc>) -> String {
    let Some(ends) = account.expires_at else {
        // who typed something in may know of an end that nobody told xpost of
        let ceremony = way_of(account).is_some_and(Login::attended);
        return if ceremony { "never ends".into() } else { String::new() };
    };
    let left = ends - now;
    match (left.num_days(), left.num_hours()) {
        _ if ends <= now => "expired".into(),
        (0, 0) => format!("ends in {} min", left.num_minutes().max(1)),
        (0, hours) => format!("ends in {hours} h"),
        (1, _) => "ends in 1 day".into(),
        (days, _) => format!("ends in {days} days"),
    }
}

fn way_of(account: &Account) -> Option<&'static Login> {
    platform::by_name(&account.platform)?.logins().iter().find(|way| way.name == account.way())
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
    rows.extend(login_rows(&account));
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

/// What is known of the login.
fn login_rows(account: &Account) -> Vec<(&'static str, String)> {
    let Ok(facts) = serde_json::from_value::<Facts>(account.login.clone()) else { return Vec::new() };
    let minute = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
    let mut rows = vec![("login", facts.way.clone())];
    if let Some(held) = &facts.scopes {
        rows.push(("scopes", held.join(" ")));
    }
    for scope in way_of(account).into_iter().flat_map(|way| missing_scopes(way, &facts)) {
        let need = if scope.optional { "" } else { ", needed" };
        rows.push(("missing", format!("{} ({}{need})", scope.name, scope.why)));
    }
    let now = Utc::now();
    rows.push((
        "ends",
        match (end(account, now), account.expires_at) {
            (text, Some(at)) => format!("{} ({})", text.trim_start_matches("ends "), minute(at)),
            (text, None) => text.trim_end_matches(" ends").to_string(),
        },
    ));
    let times = [("since", facts.granted_at), ("renewed", facts.renewed_at.filter(|at| Some(*at) != facts.granted_at))];
    rows.extend(times.into_iter().filter_map(|(name, at)| Some((name, minute(at?)))));
    rows
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
            None => (world.out.paint(Paint::Good, "ok"), format!("{handle} on {}", title_of(&account.platform))),
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

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::store::SecretSource;

    #[test]
    fn the_end_of_a_login_at_a_glance() {
        let now = Utc::now();
        let mut account = Account {
            id: 1,
            name: "a".into(),
            platform: "mastodon".into(),
            server: String::new(),
            remote_id: String::new(),
            handle: String::new(),
            url: None,
            settings: json!({}),
            secret: SecretSource::File,
            secret_key: "a".into(),
            login: serde_json::Value::Null,
            about: serde_json::Value::Null,
            about_at: None,
            checked_at: None,
            expires_at: None,
            created_at: now,
        };
        assert_eq!((end(&account, now), handle(&account)), (String::new(), "(not checked)".into()));
        for (left, says) in [
            (TimeDelta::days(9), "ends in 9 days"),
            (TimeDelta::hours(47), "ends in 1 day"),
            (TimeDelta::hours(23), "ends in 23 h"),
            (TimeDelta::minutes(59), "ends in 59 min"),
            (TimeDelta::seconds(1), "ends in 1 min"),
            (TimeDelta::zero(), "expired"),
            (TimeDelta::days(-3), "expired"),
        ] {
            account.expires_at = Some(now + left);
            assert_eq!(end(&account, now), says);
        }
        account.settings = json!({ LOGIN_ONLY: true });
        assert_eq!(handle(&account), "(login only)");
    }
}
