//! The secret chain: the environment always, then where the account says.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use super::rotate::{self, Notice, Notices, Rotation};
use super::{Room, Secrets, Vault, backend, keyring};
use crate::net::{Fault, Kind, Redactor};
use crate::store::{Account, Home, SecretSource, private_directory, private_file};

/// A keyring that has not answered by then is waiting for a person.
const KEYRING_LIMIT: Duration = Duration::from_secs(5);

/// The field in which what is known of a login is kept among its secrets, and by which the variable that gives a whole login is
/// named: `XPOST_<ACCOUNT>_LOGIN`.
const LOGIN: &str = "login";

/// One secret field of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretField {
    pub name: &'static str,
    pub required: bool,
}

/// The secret fields of a platform, for accounts that logged in this way (empty: not known).
pub type FieldsOf = fn(platform: &str, way: &str) -> Vec<SecretField>;

/// A variable of the environment by its name.
pub type Lookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The name of the variable for a field: `XPOST_` + account + `_` + field, upper case, everything but A-Z and 0-9 as `_`.
pub fn variable(account: &str, field: &str) -> String {
    let clean = |text: &str| -> String {
        text.chars()
            .flat_map(char::to_uppercase)
            .map(|c| if c.is_ascii_uppercase() || c.is_ascii_digit() { c } else { '_' })
            .collect()
    };
    format!("XPOST_{}_{}", clean(account), clean(field))
}

/// Where each field of an account comes from, for `account show` and `doctor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    pub field: &'static str,
    pub required: bool,
    /// The variable that gives it.
    pub variable: String,
    /// Whether it is set.
    pub set: bool,
}

/// [`Vault`] over the environment, the keyring, a command and private files.
#[derive(Clone)]
pub struct Chain {
    secrets: PathBuf,
    locks: PathBuf,
    redactor: Redactor,
    fields: FieldsOf,
    env: Lookup,
    rotation: Rotation,
    notices: Notices,
    /// What this run knows of logins that it cannot keep, by their keys.
    held: Arc<Mutex<BTreeMap<String, Held>>>,
}

/// A login whose place cannot be written.
#[derive(Default)]
struct Held {
    /// What that place said last.
    said: Secrets,
    /// What the network gave since. It holds for as long as the place says the same.
    since: Secrets,
}

impl Chain {
    /// A chain for this home. `fields` names the secret fields of a platform for a way to log in; every secret that passes is taught to `redactor`.
    pub fn new(home: &Home, redactor: Redactor, fields: FieldsOf) -> Chain {
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Chain {
            secrets: home.secrets(),
            locks: home.locks(),
            redactor,
            fields,
            env: Arc::new(env),
            rotation: Rotation::default(),
            notices: Arc::new(|_| {}),
            held: Arc::default(),
        }
    }

    /// The same with commands that are handed renewed logins; `notices` is told what whoever runs this should see.
    #[must_use]
    pub fn with_rotation(mut self, rotation: Rotation, notices: Notices) -> Chain {
        self.rotation = rotation;
        self.notices = notices;
        self
    }

    /// The same with another environment.
    #[must_use]
    pub fn with_env(mut self, env: Lookup) -> Chain {
        self.env = env;
        self
    }

    /// Which fields of this account the environment gives; behind them the variable that gives all of its login, for accounts that
    /// have secrets. Single fields win over it.
    pub fn given(&self, account: &str, platform: &str, way: &str) -> Vec<Given> {
        let fields = (self.fields)(platform, way);
        let whole = SecretField { name: LOGIN, required: false };
        let whole = (!fields.is_empty()).then_some(whole);
        fields
            .into_iter()
            .chain(whole)
            .map(|field| {
                let variable = variable(account, field.name);
                let set = (self.env)(&variable).is_some();
                Given { field: field.name, required: field.required, variable, set }
            })
            .collect()
    }

    /// The whole login as the environment gives it.
    fn whole_login(&self, account: &Account) -> Result<Option<Secrets>, Fault> {
        let name = variable(&account.name, LOGIN);
        let Some(text) = (self.env)(&name) else { return Ok(None) };
        // before it is known which part of it is secret
        self.redactor.learn(&SecretString::from(text.as_str()));
        let secrets = backend::unpack(&text).map_err(|why| {
            let next = format!("`xpost account export {}` prints what belongs there", account.name);
            Fault::new(Kind::Auth, format!("account `{}`: `{name}` cannot be used: {why}; {next}", account.name))
        })?;
        Ok(Some(secrets))
    }

    /// Whether a renewed login can be written where this account's secrets come from.
    fn writable(&self, account: &Account) -> bool {
        let fields = (self.fields)(&account.platform, account.way());
        let set = |field: &SecretField| (self.env)(&variable(&account.name, field.name)).is_some();
        let outside =
            (self.env)(&variable(&account.name, LOGIN)).is_some() || !fields.is_empty() && fields.iter().all(set);
        !outside && matches!(account.secret, SecretSource::Keyring | SecretSource::File)
    }

    /// What was held for as long as its place said this, over what it says.
    fn with_held(&self, account: &Account, said: Secrets) -> Secrets {
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = all.entry(account.secret_key.clone()).or_default();
        if !same(&held.said, &said) {
            // somebody put something else there
            *held = Held { said: said.clone(), since: Secrets::new() };
        }
        let mut secrets = said;
        secrets.extend(held.since.clone());
        secrets
    }

    /// Keeps for this run what cannot be written, and gives the login as it now is, and whether something in it is spent that was in
    /// its place.
    fn hold(&self, account: &Account, renewed: &Secrets) -> (Secrets, bool) {
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = all.entry(account.secret_key.clone()).or_default();
        // an access token that was renewed is not the login; whatever else changed is
        let rotates = |(name, new): (&String, &SecretString)| {
            let before = held.since.get(name).or_else(|| held.said.get(name));
            name != LOGIN && name != "token" && before.is_some_and(|old| old.expose_secret() != new.expose_secret())
        };
        let spent = renewed.iter().any(rotates);
        held.since.extend(renewed.clone());
        let mut whole = held.said.clone();
        whole.extend(held.since.clone());
        (whole, spent)
    }

    /// Hands a renewed login to the account's command, if it has one.
    async fn rotate(&self, account: &Account, whole: &Secrets) -> Option<Result<(), String>> {
        let command = self.rotation.command(&account.name)?.to_vec();
        let (name, variable) = (account.name.clone(), variable(&account.name, LOGIN));
        let login = SecretString::from(backend::pack(whole));
        self.redactor.learn(&login);
        let notices = Arc::clone(&self.notices);
        let limit = rotate::LIMIT;
        let handed = apart(limit + Duration::from_secs(5), move || {
            Ok(rotate::hand_over(&command, &name, &variable, &login, limit, &notices))
        });
        Some(match handed.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(format!("`rotate_command` failed: {why}")),
            Err(fault) => Err(format!("`rotate_command` failed: {}", fault.message)),
        })
    }

    /// Puts the fields where the account says, in place of what was there.
    ///
    /// # Errors
    /// A `local` fault: nothing was changed. Also where the source is one that xpost cannot write.
    pub async fn replace(&self, account: &Account, secrets: &Secrets) -> Result<(), Fault> {
        self.learn(secrets);
        self.write(account, secrets, true).await.map(drop)
    }

    /// Deletes what keyring or file hold for this account.
    ///
    /// # Errors
    /// A `local` fault: it is still there.
    pub async fn forget(&self, account: &Account) -> Result<(), Fault> {
        let (key, path) = (account.secret_key.clone(), self.file(account));
        match account.secret {
            SecretSource::Keyring => apart(KEYRING_LIMIT, move || keyring::remove(&key)).await,
            SecretSource::File => apart(backend::COMMAND_LIMIT, move || backend::remove_file(&path)).await,
            _ => Ok(()),
        }
    }

    /// Deletes what is kept for an account that there is no more: its secrets, and the files that locked them and its login.
    ///
    /// # Errors
    /// A `local` fault: the secrets are still there.
    pub async fn erase(&self, account: &Account) -> Result<(), Fault> {
        self.forget(account).await?;
        for lock in [self.lock(account), self.locks.join(format!("login-{}.lock", account.secret_key))] {
            drop(std::fs::remove_file(lock));
        }
        Ok(())
    }

    /// Whether there is a keyring that can be written.
    ///
    /// # Errors
    /// Why not, and the way out.
    pub async fn keyring(&self) -> Result<(), Fault> {
        apart(KEYRING_LIMIT, keyring::status).await
    }

    /// What the account's source holds, the environment left out; `None` where it holds nothing.
    async fn stored(&self, account: &Account) -> Result<Option<Secrets>, Fault> {
        match &account.secret {
            SecretSource::Keyring => {
                let key = account.secret_key.clone();
                apart(KEYRING_LIMIT, move || keyring::read(&key)).await
            }
            SecretSource::File => {
                let path = self.file(account);
                apart(backend::COMMAND_LIMIT, move || backend::read_file(&path)).await
            }
            SecretSource::Command { command } => {
                let command = command.clone();
                let fields: Vec<&'static str> =
                    (self.fields)(&account.platform, account.way()).iter().map(|field| field.name).collect();
                let limit = backend::COMMAND_LIMIT;
                apart(limit + Duration::from_secs(5), move || backend::run_command(&command, &fields, limit))
                    .await
                    .map(Some)
            }
            SecretSource::Environment | SecretSource::None => Ok(None),
        }
    }

    /// Read, change, write, under a lock that other processes respect. Gives what is there now.
    async fn write(&self, account: &Account, secrets: &Secrets, all: bool) -> Result<Secrets, Fault> {
        let (key, path, lock) = (account.secret_key.clone(), self.file(account), self.lock(account));
        let in_keyring = account.secret == SecretSource::Keyring;
        let new = secrets.clone();
        let limit = if in_keyring { KEYRING_LIMIT } else { backend::COMMAND_LIMIT };
        apart(limit, move || {
            let _held = hold(&lock)?;
            let mut fields = match (all, in_keyring) {
                (true, _) => Secrets::new(),
                (false, true) => keyring::read(&key)?.unwrap_or_default(),
                (false, false) => backend::read_file(&path)?.unwrap_or_default(),
            };
            fields.extend(new);
            if in_keyring { keyring::write(&key, &fields) } else { backend::write_file(&path, &fields) }?;
            Ok(fields)
        })
        .await
    }

    fn file(&self, account: &Account) -> PathBuf {
        self.secrets.join(format!("{}.json", account.secret_key))
    }

    fn lock(&self, account: &Account) -> PathBuf {
        self.locks.join(format!("secret-{}.lock", account.secret_key))
    }

    fn learn(&self, secrets: &Secrets) {
        for secret in secrets.values() {
            self.redactor.learn(secret);
        }
    }
}

#[async_trait]
impl Vault for Chain {
    async fn load(&self, account: &Account) -> Result<Secrets, Fault> {
        let login = self.whole_login(account)?;
        let way = |secrets: &Secrets| {
            let facts: serde_json::Value = serde_json::from_str(secrets.get(LOGIN)?.expose_secret()).ok()?;
            Some(facts["way"].as_str()?.to_string())
        };
        // a login that comes from outside says itself how it was made
        let way = login.as_ref().and_then(way).unwrap_or_else(|| account.way().to_string());
        let fields = (self.fields)(&account.platform, &way);
        let mut given = Secrets::new();
        for field in &fields {
            if let Some(value) = (self.env)(&variable(&account.name, field.name)) {
                given.insert(field.name.to_string(), SecretString::from(value));
            }
        }
        self.learn(&given);
        let whole = |secrets: &Secrets| fields.iter().find(|field| field.required && !secrets.contains_key(field.name));
        let from_env = login.is_some();
        // where the environment gives everything, no keyring is asked: there may be none on a build machine
        let stored = match login {
            Some(login) => Ok(Some(login)),
            None if !fields.is_empty() && given.len() == fields.len() => Ok(None),
            None => self.stored(account).await,
        };
        let mut secrets = match stored {
            Ok(stored) => stored.unwrap_or_default(),
            Err(fault) if whole(&given).is_none() && !given.is_empty() => {
                tracing::debug!(account = account.name, "only the environment is used: {}", fault.message);
                Secrets::new()
            }
            Err(mut fault) => {
                let way = format!(
                    "unlock it, or keep the secret elsewhere with `xpost account login {} --secret file`, or set it in the environment",
                    account.name
                );
                let message = fault.message.replace(keyring::WAY_OUT, &way);
                fault.message = format!("account `{}`: {message}", account.name);
                return Err(fault);
            }
        };
        self.learn(&secrets);
        secrets.extend(given);
        if let Some(missing) = whole(&secrets) {
            return Err(Fault::new(
                Kind::Auth,
                format!(
                    "account `{name}`{NO}`{field}`{place}; run `xpost account login {name}` or set `{variable}`",
                    name = account.name,
                    field = missing.name,
                    place = match account.secret {
                        _ if from_env => " in the login that the environment gives",
                        SecretSource::Keyring => " in the keyring",
                        SecretSource::File => " in its secrets file",
                        SecretSource::Command { .. } => " in what its command prints",
                        SecretSource::Environment => " in the environment",
                        SecretSource::None => "",
                    },
                    variable = variable(&account.name, missing.name),
                ),
            ));
        }
        if self.writable(account) {
            return Ok(secrets);
        }
        let secrets = self.with_held(account, secrets);
        self.learn(&secrets);
        Ok(secrets)
    }

    async fn keep(&self, account: &Account, renewed: &Secrets) -> Result<(), Fault> {
        self.learn(renewed);
        let is_login = renewed.contains_key(LOGIN);
        if self.writable(account) {
            let whole = self.write(account, renewed, false).await?;
            // it is safe here, whatever becomes of the copy elsewhere
            if is_login && let Some(Err(why)) = self.rotate(account, &whole).await {
                let name = &account.name;
                (self.notices)(Notice::Warning(&format!(
                    "account `{name}`: its login was renewed and is kept here, but the copy elsewhere is spent: {why}; \
                     `xpost account export {name}` prints what belongs there"
                )));
            }
            return Ok(());
        }
        let (whole, spent) = self.hold(account, renewed);
        if !is_login {
            return Ok(());
        }
        match self.rotate(account, &whole).await {
            Some(Ok(())) => Ok(()),
            Some(Err(why)) => Err(Fault::local(why)),
            None if spent => {
                let (name, variable) = (&account.name, variable(&account.name, LOGIN));
                (self.notices)(Notice::Warning(&format!(
                    "account `{name}`: the network gave a new login in place of the one that xpost was given, and the next run will \
                     not have it; let `XPOST_ROTATE_COMMAND` name a command that puts it back where `{variable}` comes from"
                )));
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn ready(&self, account: &Account) -> Result<Room, Fault> {
        if self.writable(account) {
            let (key, path) = (account.secret_key.clone(), self.file(account));
            if account.secret == SecretSource::Keyring {
                apart(KEYRING_LIMIT, move || keyring::ready(&key)).await?;
                return Ok(Box::new(()));
            }
            return Ok(Box::new(apart(backend::COMMAND_LIMIT, move || backend::reserve(&path)).await?));
        }
        match self.rotation.command(&account.name) {
            Some([program, ..]) if !rotate::there(program) => {
                Err(Fault::local(format!("there is no program `{program}`, which `rotate_command` names")))
            }
            _ => Ok(Box::new(())),
        }
    }
}

/// Whether two sets of secrets say the same.
fn same(one: &Secrets, other: &Secrets) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|((a, x), (b, y))| a == b && x.expose_secret() == y.expose_secret())
}

/// What the fault of [`Vault::load`] for a missing secret says between the account and the field.
const NO: &str = " has no ";

/// Whether this fault, perhaps from a journal, is that of an account that has no secret here: nobody refused anything.
pub fn missing(fault: &Fault) -> bool {
    let named = || fault.message.strip_prefix("account `")?.split_once('`');
    fault.kind == Kind::Auth && fault.status.is_none() && named().is_some_and(|(_, rest)| rest.starts_with(NO))
}

fn hold(path: &std::path::Path) -> Result<File, Fault> {
    let wrong =
        |error: std::io::Error| Fault::local(format!("the lock file `{}` cannot be used: {error}", path.display()));
    if let Some(directory) = path.parent() {
        private_directory(directory).map_err(wrong)?;
    }
    private_file(path).map_err(wrong)?;
    let file = File::options().write(true).open(path).map_err(wrong)?;
    file.lock().map_err(wrong)?;
    Ok(file)
}

/// Runs a blocking job on a plain thread: one that never comes back must hold up neither the runtime nor the program's end.
async fn apart<T: Send + 'static>(
    limit: Duration,
    job: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let (send, answer) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("secrets".into())
        .spawn(move || drop(send.send(job())))
        .map_err(|error| Fault::local(format!("no thread for the secret store: {error}")))?;
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Fault::local(format!("the secret store failed; {}", keyring::WAY_OUT))),
        Err(_) => Err(Fault::local(format!(
            "the keyring did not answer within {} s: it may be locked; {}",
            limit.as_secs(),
            keyring::WAY_OUT
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use secrecy::ExposeSecret;

    use super::*;
    use crate::store::{NewAccount, Store};

    fn fields(platform: &str, _: &str) -> Vec<SecretField> {
        match platform {
            "one" => vec![SecretField { name: "token", required: true }],
            "two" => {
                vec![SecretField { name: "token", required: true }, SecretField { name: "secret", required: false }]
            }
            _ => Vec::new(),
        }
    }

    struct World {
        _dir: tempfile::TempDir,
        home: Home,
        store: Store,
        redactor: Redactor,
    }

    fn world() -> World {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        let store = Store::open(&home.database()).unwrap();
        World { _dir: dir, home, store, redactor: Redactor::default() }
    }

    impl World {
        fn chain(&self, env: &[(&str, &str)]) -> Chain {
            let env: BTreeMap<String, String> = env.iter().map(|(k, v)| ((*k).to_string(), (*v).to_string())).collect();
            Chain::new(&self.home, self.redactor.clone(), fields).with_env(Arc::new(move |name| env.get(name).cloned()))
        }

        async fn account(&self, name: &str, platform: &str, secret: SecretSource) -> Account {
            let new = NewAccount {
                secret_key: None,
                login: serde_json::Value::Null,
                name: name.into(),
                platform: platform.into(),
                server: String::new(),
                settings: serde_json::json!({}),
                secret,
            };
            self.store.account_add(new).await.unwrap()
        }
    }

    fn secrets(pairs: &[(&str, &str)]) -> Secrets {
        pairs.iter().map(|(name, value)| ((*name).to_string(), SecretString::from(*value))).collect()
    }

    fn plain(secrets: &Secrets) -> Vec<(&str, &str)> {
        secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose_secret())).collect()
    }

    #[test]
    fn variables_are_upper_case_and_plain() {
        assert_eq!(variable("my-acc.é", "token"), "XPOST_MY_ACC___TOKEN");
    }

    #[tokio::test]
    async fn the_environment_wins_field_by_field() {
        let world = world();
        let account = world.account("work", "two", SecretSource::File).await;
        let bare = world.chain(&[]);
        bare.replace(&account, &secrets(&[("token", "from-file"), ("secret", "signing-key")])).await.unwrap();
        let both = world.chain(&[("XPOST_WORK_TOKEN", "from-env")]).load(&account).await.unwrap();
        assert_eq!(plain(&both), [("secret", "signing-key"), ("token", "from-env")]);
        assert_eq!(plain(&bare.load(&account).await.unwrap()), [("secret", "signing-key"), ("token", "from-file")]);
        assert_eq!(world.redactor.clean("from-env from-file signing-key"), "[secret] [secret] [secret]");
    }

    #[tokio::test]
    async fn sessions_are_kept_beside_the_secret_and_survive_a_rename() {
        let world = world();
        let account = world.account("work", "one", SecretSource::File).await;
        let chain = world.chain(&[]);
        chain.replace(&account, &secrets(&[("token", "t0ken-1")])).await.unwrap();
        chain.keep(&account, &secrets(&[("session", "s1")])).await.unwrap();
        world.store.account_rename("work", "play").await.unwrap();
        let renamed = world.store.account("play").await.unwrap().unwrap();
        assert_eq!(plain(&chain.load(&renamed).await.unwrap()), [("session", "s1"), ("token", "t0ken-1")]);
        chain.erase(&renamed).await.unwrap();
        for left in [world.home.locks(), world.home.secrets()] {
            assert_eq!(std::fs::read_dir(&left).unwrap().count(), 0, "{}", left.display());
        }
        let fault = chain.load(&renamed).await.unwrap_err();
        assert_eq!(fault.kind, Kind::Auth);
        assert_eq!(
            fault.message,
            "account `play` has no `token` in its secrets file; run `xpost account login play` or set `XPOST_PLAY_TOKEN`"
        );
    }

    #[tokio::test]
    async fn what_comes_from_outside_is_kept_nowhere() {
        let world = world();
        let outside = world.account("ci", "one", SecretSource::Environment).await;
        let chain = world.chain(&[("XPOST_CI_TOKEN", "env-token")]);
        assert_eq!(plain(&chain.load(&outside).await.unwrap()), [("token", "env-token")]);
        chain.keep(&outside, &secrets(&[("session", "s")])).await.unwrap();
        let shadowed = world.account("main", "one", SecretSource::File).await;
        world.chain(&[("XPOST_MAIN_TOKEN", "env-token")]).keep(&shadowed, &secrets(&[("session", "s")])).await.unwrap();
        assert!(!world.home.secrets().exists());
        let missing = world.chain(&[]).load(&outside).await.unwrap_err();
        assert!(super::missing(&missing) && missing.message.contains("`token` in the environment; "), "{missing}");
        assert!(!super::missing(&Fault::new(Kind::Auth, "account `ci` was suspended")));
    }

    #[tokio::test]
    async fn an_account_of_this_machine_needs_nothing() {
        let world = world();
        let account = world.account("site", "none", SecretSource::None).await;
        assert!(world.chain(&[]).load(&account).await.unwrap().is_empty());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_is_asked_at_every_run() {
        let world = world();
        let command = vec!["sh".into(), "-c".into(), "printf '%s' from-command".into()];
        let account = world.account("cmd", "one", SecretSource::Command { command }).await;
        assert_eq!(plain(&world.chain(&[]).load(&account).await.unwrap()), [("token", "from-command")]);
        let broken = vec!["sh".into(), "-c".into(), "exit 9".into()];
        let account = world.account("cmd2", "two", SecretSource::Command { command: broken }).await;
        assert!(
            world.chain(&[]).load(&account).await.unwrap_err().message.starts_with("account `cmd2`: the command `sh`")
        );
        // what the environment gives is enough, though the command would fail
        let enough = world.chain(&[("XPOST_CMD2_TOKEN", "given")]).load(&account).await.unwrap();
        assert_eq!(plain(&enough), [("token", "given")]);
    }

    #[tokio::test]
    async fn a_job_that_hangs_is_left_behind() {
        let fault = apart(Duration::from_millis(50), || {
            std::thread::sleep(Duration::from_secs(3));
            Ok(())
        })
        .await
        .unwrap_err();
        assert!(fault.message.contains("did not answer"), "{}", fault.message);
    }
}
