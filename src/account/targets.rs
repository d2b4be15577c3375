//! Which accounts the words of `--to` mean.

use std::collections::BTreeMap;

use crate::draft::did_you_mean;
use crate::store::Account;

/// A setting of an account that is a login alone: its places are accounts of their own, and `all` does not mean it.
pub const LOGIN_ONLY: &str = "login_only";

/// What is known of a login says under this name whose login the account's own secrets came of: that login's `secret_key`.
pub const LOGIN_OF: &str = "login_of";

/// One place that a draft goes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    Account(Box<Account>),
    /// A platform that no account was added for: its published defaults, for `check` and `preview`.
    Platform(String),
}

impl Target {
    /// As `--to` would name it.
    pub fn name(&self) -> &str {
        match self {
            Target::Account(account) => &account.name,
            Target::Platform(name) => name,
        }
    }

    /// The name of its platform.
    pub fn platform(&self) -> &str {
        match self {
            Target::Account(account) => &account.platform,
            Target::Platform(name) => name,
        }
    }
}

/// All names that a target can have.
#[derive(Debug, Clone, Default)]
pub struct Book {
    pub accounts: Vec<Account>,
    pub groups: BTreeMap<String, Vec<String>>,
    pub platforms: Vec<&'static str>,
    /// A platform without accounts stands for its published defaults.
    pub bare: bool,
}

impl Book {
    /// The targets that these words mean, each once, in the order they were named. A word is an account, a platform (all its
    /// accounts), an `@group` or `all`; one text may hold several, with commas between them. An account goes before a platform of
    /// the same name.
    ///
    /// # Errors
    /// A word means nothing, or nothing that can be posted to; the message names the nearest known one.
    pub fn resolve(&self, words: &[String]) -> Result<Vec<Target>, String> {
        let mut targets = Vec::new();
        for word in words.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|word| !word.is_empty()) {
            self.word(word, &mut targets, 0)?;
        }
        Ok(targets)
    }

    fn word(&self, word: &str, targets: &mut Vec<Target>, depth: usize) -> Result<(), String> {
        if let Some(group) = word.strip_prefix('@') {
            let Some((name, members)) = self.groups.iter().find(|(name, _)| name.eq_ignore_ascii_case(group)) else {
                let hint = did_you_mean(group, self.groups.keys().map(String::as_str));
                return Err(format!("there is no group `@{group}`{}", hint.replacen('`', "`@", 1)));
            };
            if depth > 8 {
                return Err(format!("group `@{name}` holds itself"));
            }
            return members.iter().try_for_each(|member| {
                self.word(member, targets, depth + 1).map_err(|why| format!("group `@{name}`: {why}"))
            });
        }
        if let Some(account) = self.accounts.iter().find(|account| same(&account.name, word)) {
            push(targets, Target::Account(Box::new(account.clone())));
            return Ok(());
        }
        if same(word, "all") {
            if self.accounts.is_empty() && !self.bare {
                return Err("there is no account yet; add one with `xpost account add PLATFORM`".into());
            }
            for account in self.accounts.iter().filter(|account| posts(account)) {
                push(targets, Target::Account(Box::new(account.clone())));
            }
            if self.accounts.is_empty() {
                self.platforms.iter().for_each(|name| push(targets, Target::Platform((*name).to_string())));
            }
            return Ok(());
        }
        if let Some(platform) = self.platforms.iter().find(|platform| same(platform, word)) {
            let before = targets.len();
            let mut any = false;
            for account in self.accounts.iter().filter(|account| account.platform == *platform && posts(account)) {
                any = true;
                push(targets, Target::Account(Box::new(account.clone())));
            }
            if !any && self.bare {
                push(targets, Target::Platform((*platform).to_string()));
            } else if !any && targets.len() == before {
                return Err(format!(
                    "there is no account on `{platform}` yet; add one with `xpost account add {platform}`"
                ));
            }
            return Ok(());
        }
        if self.groups.keys().any(|name| same(name, word)) {
            return Err(format!("`{word}` is a group; write `@{word}`"));
        }
        let accounts = self.accounts.iter().map(|account| account.name.as_str());
        let hint = did_you_mean(word, accounts.chain(self.platforms.iter().copied()).chain(["all"]));
        Err(format!("there is no account or platform `{word}`{hint}"))
    }
}

/// Whether words that mean several accounts mean this one, too.
fn posts(account: &Account) -> bool {
    account.settings.get(LOGIN_ONLY) != Some(&serde_json::Value::Bool(true))
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

fn push(targets: &mut Vec<Target>, target: Target) {
    let known = |known: &Target| match (known, &target) {
        (Target::Account(a), Target::Account(b)) => same(&a.name, &b.name),
        (a, b) => a == b,
    };
    if !targets.iter().any(known) {
        targets.push(target);
    }
}

/// Whether an account (or a group) may have this name: letters, digits, `-`, `_` and `.`, at most 64.
///
/// # Errors
/// Why not.
pub fn valid_name(name: &str) -> Result<(), String> {
    if same(name, "all") {
        return Err("an account cannot be called `all`: the word means every account".into());
    }
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.chars().count() > 64 || !name.chars().all(fine) || name.starts_with(['-', '.']) {
        return Err(format!(
            "`{}` is not a name for an account: use letters, digits, `-`, `_` and `.`, at most 64",
            name.escape_debug()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;
    use crate::store::SecretSource;

    fn account(id: i64, name: &str, platform: &str) -> Account {
        Account {
            id,
            name: name.into(),
            platform: platform.into(),
            server: String::new(),
            remote_id: String::new(),
            handle: String::new(),
            url: None,
            settings: serde_json::json!({}),
            secret: SecretSource::None,
            secret_key: String::new(),
            login: serde_json::Value::Null,
            about: serde_json::Value::Null,
            about_at: None,
            checked_at: None,
            expires_at: None,
            created_at: Utc::now(),
        }
    }

    fn book(bare: bool) -> Book {
        Book {
            accounts: vec![
                account(1, "home", "mastodon"),
                account(2, "Work", "mastodon"),
                account(3, "sky", "bluesky"),
            ],
            groups: [
                ("pub".to_string(), vec!["sky".to_string(), "home".to_string()]),
                ("loop".to_string(), vec!["@loop".to_string()]),
                ("old".to_string(), vec!["gone".to_string()]),
            ]
            .into(),
            platforms: vec!["bluesky", "mastodon", "telegram"],
            bare,
        }
    }

    fn names(book: &Book, words: &[&str]) -> Result<Vec<String>, String> {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        book.resolve(&words).map(|targets| targets.iter().map(|target| target.name().to_string()).collect())
    }

    #[test]
    fn words_become_accounts_each_once() {
        let book = book(false);
        assert_eq!(names(&book, &["mastodon"]).unwrap(), ["home", "Work"]);
        assert_eq!(names(&book, &["work, sky", "all"]).unwrap(), ["Work", "sky", "home"]);
        assert_eq!(names(&book, &["@PUB,SKY"]).unwrap(), ["sky", "home"]);
        assert_eq!(names(&book, &[" , "]).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn an_unknown_word_names_the_nearest() {
        let book = book(false);
        for (word, says) in [
            ("blusky", "there is no account or platform `blusky`; did you mean `bluesky`?"),
            ("@pbu", "there is no group `@pbu`; did you mean `@pub`?"),
            ("@pubs", "there is no group `@pubs`; did you mean `@pub`?"),
            ("telegram", "there is no account on `telegram` yet; add one with `xpost account add telegram`"),
            ("pub", "`pub` is a group; write `@pub`"),
            ("@old", "group `@old`: there is no account or platform `gone`"),
        ] {
            assert_eq!(names(&book, &[word]).unwrap_err(), says);
        }
        assert!(names(&book, &["@loop"]).unwrap_err().ends_with("group `@loop` holds itself"));
        let empty = Book { platforms: vec!["feed"], ..Book::default() };
        assert!(names(&empty, &["all"]).unwrap_err().contains("no account yet"));
    }

    #[test]
    fn a_platform_stands_for_itself_where_nothing_is_sent() {
        let book = book(true);
        assert_eq!(names(&book, &["telegram", "bluesky"]).unwrap(), ["telegram", "sky"]);
        let empty = Book { platforms: vec!["bluesky", "feed"], bare: true, ..Book::default() };
        assert_eq!(names(&empty, &["all"]).unwrap(), ["bluesky", "feed"]);
    }

    #[test]
    fn names_are_plain_words() {
        for name in ["work", "é-1", "a.b_c"] {
            assert!(valid_name(name).is_ok(), "{name}");
        }
        for name in ["", "ALL", "a b", "@x", "a,b", "-x", &"x".repeat(65)] {
            assert!(valid_name(name).is_err(), "{name}");
        }
    }
}
