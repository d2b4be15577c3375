#![doc = include_str!("../docs/wire-format.md")]
// a broken test may panic
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/drafts.rs"]
mod drafts;
#[path = "support/fill.rs"]
mod fill;
#[path = "support/openapi.rs"]
mod openapi;
#[path = "support/pictures.rs"]
mod pictures;
#[path = "support/replay.rs"]
mod replay;
#[path = "support/specs.rs"]
mod specs;
// the contract suite uses the rest of it
#[allow(dead_code)]
#[path = "support/stage.rs"]
mod stage;
#[path = "support/wire.rs"]
mod wire;
#[path = "support/wire_tests.rs"]
mod wire_tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use libtest_mimic::{Arguments, Trial};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;
use xpost::net::{Effect, Fault};
use xpost::platform::{self, Found, Platform, Post, Receipt};
use xpost::twin::{Incoming, Reply};

use fill::Scope;
use replay::{Replay, Script, Target};
use stage::{Actor, Stage};
use wire::{Step, WireFile};

fn main() {
    let mut trials = wire_tests::trials();
    for &platform in platform::ALL {
        let name = platform.spec().name;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/platform").join(name).join("wire");
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|end| end == "http"));
        files.sort();
        for file in files {
            let title = format!("{name}/{}", file.file_name().unwrap_or_default().to_string_lossy());
            trials.push(Trial::test(title, move || {
                let problems = play(platform, &file);
                if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
            }));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// Both ways of one file; what is wrong, one line each.
fn play(platform: &'static dyn Platform, path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let file = match wire::parse(path, &text) {
        Ok(file) => file,
        Err(why) => return vec![why],
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut problems, came, given) = runtime.block_on(platform_against_file(platform, &file));
    problems.iter_mut().for_each(|problem| problem.insert_str(0, "the platform against the file: "));
    if problems.is_empty() {
        match &file.twin_skip {
            Some(reason) => println!("{}: way 2 is left out: {reason}", path.display()),
            None => {
                let twin = file_against_twin(platform, &file, &came, &given);
                problems.extend(twin.into_iter().map(|problem| format!("the file against the twin: {problem}")));
            }
        }
    }
    problems
}

/// For all parts; the time of keys and ids.
fn created() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_262_400, 0).unwrap_or_default()
}

fn enter_part(scope: &mut Scope, post: &Post) {
    scope.insert("key".into(), post.uuid());
    scope.insert("nonce".into(), post.nonce());
    scope.insert("tid".into(), post.tid());
    scope.insert("created".into(), post.created.to_rfc3339_opts(SecondsFormat::Millis, true));
}

/// What came for each exchange, and the names that answers gave.
type Came = Vec<(usize, Incoming, Scope)>;

async fn platform_against_file(platform: &'static dyn Platform, file: &WireFile) -> (Vec<String>, Came, Scope) {
    let script = Arc::new(Mutex::new(Script::default()));
    let exchanges = file.steps.iter().flat_map(|step| &step.exchanges);
    let server = file.server.clone().unwrap_or_else(|| platform.twin_account(0, Path::new("")).server);
    let hosts: BTreeSet<String> = exchanges.map(|exchange| Target::of(&exchange.url, &server).host).collect();
    let stage = Stage::with_twin(platform, Box::new(Replay { script: script.clone(), hosts }));
    let mut actor = stage.stranger(Duration::from_secs(20));
    actor.account.server = server.clone();
    if let Some(settings) = actor.account.settings.as_object_mut() {
        settings.extend(file.settings.iter().cloned());
    }
    actor.account.about = file.about.clone();
    (actor.account.handle, actor.account.remote_id) = (file.handle.clone(), file.remote_id.clone());
    let base = {
        let mut secrets = actor.secrets.write().unwrap();
        for (name, value) in &file.secrets {
            let value = SecretString::from(value.clone());
            if value.expose_secret().is_empty() {
                drop(secrets.remove(name))
            } else {
                drop(secrets.insert(name.clone(), value))
            }
        }
        let mut scope = Scope::from([("server".to_string(), server)]);
        scope.extend(
            secrets.iter().map(|(name, secret)| (format!("secret.{name}"), secret.expose_secret().to_string())),
        );
        for (name, value) in actor.account.settings.as_object().into_iter().flatten() {
            scope.insert(format!("setting.{name}"), value.as_str().map_or_else(|| value.to_string(), str::to_string));
        }
        scope
    };
    script.lock().unwrap().scope = base.clone();
    let mut problems = Vec::new();
    let mut last = Last::default();
    for (n, step) in file.steps.iter().enumerate() {
        {
            let mut script = script.lock().unwrap();
            script.exchanges = step.exchanges.clone();
            script.played = vec![false; step.exchanges.len()];
        }
        let run = Run { actor: &actor, step, script: &script, home: stage.home.path(), number: n };
        let result = run.go(&mut last).await;
        let mut script = script.lock().unwrap();
        let at = format!("step `{}` of line {}", step.act, step.line);
        problems
            .extend(result.into_iter().chain(std::mem::take(&mut script.problems)).map(|why| format!("{at}: {why}")));
        for (exchange, played) in script.exchanges.iter().zip(&script.played) {
            if !played {
                problems.push(format!("line {}: {} {} was never asked", exchange.line, exchange.method, exchange.url));
            }
        }
        if !problems.is_empty() {
            break;
        }
    }
    let mut script = script.lock().unwrap();
    let given = script.scope.iter().filter(|(name, _)| !base.contains_key(*name));
    let parts = ["key", "nonce", "tid", "created"];
    let given =
        given.filter(|(name, _)| !parts.contains(&name.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect();
    (problems, std::mem::take(&mut script.came), given)
}

/// The part that was published or tried last.
#[derive(Default)]
struct Last {
    post: Option<(Post, Value)>,
    receipt: Option<Receipt>,
}

struct Run<'a> {
    actor: &'a Actor<'a>,
    step: &'a Step,
    script: &'a Mutex<Script>,
    home: &'a Path,
    number: usize,
}

impl Run<'_> {
    /// Acts, and says what was not as the step wants it.
    async fn go(&self, last: &mut Last) -> Vec<String> {
        let platform = self.actor.cx().platform;
        let result = match self.step.act.as_str() {
            "publish" => return self.publish(last).await,
            "whoami" => platform.whoami(&self.actor.cx()).await.map(|profile| {
                let given = [("id", Some(profile.id)), ("handle", Some(profile.handle)), ("url", profile.url)];
                self.step.profile.as_ref().map_or_else(Vec::new, |wanted| self.pairs(wanted, &given))
            }),
            "discover" => platform.discover(&self.actor.cx()).await.map(|_| Vec::new()),
            "refresh" => platform.refresh(&self.actor.cx()).await.map(|renewed| {
                let wrong = self.step.renewed.is_some_and(|wanted| wanted != renewed);
                if wrong { vec![format!("refresh gave {renewed}")] } else { Vec::new() }
            }),
            "targets" => self.targets().await,
            "find" => self.find(last).await,
            _ => match (platform.delete(), &last.receipt) {
                (Some(delete), Some(receipt)) => delete.delete(&self.actor.cx(), receipt).await.map(|()| Vec::new()),
                _ => return vec!["there is nothing to delete, or no way to".to_string()],
            },
        };
        self.judge(result)
    }

    async fn targets(&self) -> Result<Vec<String>, Fault> {
        let Some(targets) = self.actor.cx().platform.targets() else {
            return Ok(vec!["one login is one target here".to_string()]);
        };
        let offers = targets.targets(&self.actor.cx()).await?;
        let mut problems = Vec::new();
        if offers.len() != self.step.targets.len() {
            problems.push(format!("{} targets instead of {}: {offers:?}", offers.len(), self.step.targets.len()));
        }
        for (wanted, offer) in self.step.targets.iter().zip(offers) {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
            let mut given = vec![("title", Some(offer.title)), ("name", Some(offer.name)), ("not", offer.not.clone())];
            given.extend(offer.settings.iter().map(|(key, value)| (key.as_str(), Some(text(value)))));
            problems.extend(self.pairs(wanted, &given));
            if offer.not.is_some() && !wanted.contains_key("not") {
                problems.push(format!("`{}` cannot be chosen: {:?}", wanted["title"], offer.not));
            }
        }
        Ok(problems)
    }

    async fn find(&self, last: &Last) -> Result<Vec<String>, Fault> {
        let (Some(find), Some((post, ready))) = (self.actor.cx().platform.find(), &last.post) else {
            return Ok(vec!["there is nothing to find, or no way to".to_string()]);
        };
        let found = find.find(&self.actor.cx(), post, ready, post.created).await?;
        let word = match found {
            Found::Yes(_) => "yes",
            Found::No => "no",
            Found::Unsure => "unsure",
        };
        let wrong = self.step.found.as_ref().is_some_and(|wanted| wanted != word);
        Ok(if wrong { vec![format!("find said {word}: {found:?}")] } else { Vec::new() })
    }

    async fn publish(&self, last: &mut Last) -> Vec<String> {
        let content = match drafts::content(self.step, self.home) {
            Ok(content) => content,
            Err(why) => return vec![why],
        };
        let rendered = self.actor.render(&content);
        if !rendered.problems.is_empty() {
            return vec![format!("the draft has problems: {:?}", rendered.problems)];
        }
        let mut receipts: Vec<Receipt> = Vec::new();
        for mut post in self.actor.posts(&content) {
            post.key =
                Uuid::from_u128(0x01a1_fc00_0000_7000_8000_0000_0000_0001 + (self.number * 100 + post.index) as u128);
            post.created = created();
            (post.root, post.parent) = (receipts.first().cloned(), receipts.last().cloned());
            enter_part(&mut self.script.lock().unwrap().scope, &post);
            let ready = match self.actor.prepare(&mut post).await {
                Ok(ready) => ready,
                Err(fault) => {
                    last.post = Some((post, Value::Null));
                    return self.judge(Err(fault));
                }
            };
            let result = self.actor.publish(&post, &ready).await;
            last.post = Some((post, ready));
            match result {
                Ok(receipt) => receipts.push(receipt),
                Err(fault) => return self.judge(Err(fault)),
            }
        }
        last.receipt = receipts.last().cloned();
        let mut problems = self.judge(Ok(Vec::new()));
        if !self.step.receipts.is_empty() && self.step.receipts.len() != receipts.len() {
            problems.push(format!("{} parts instead of {}", receipts.len(), self.step.receipts.len()));
        }
        for (wanted, receipt) in self.step.receipts.iter().zip(receipts) {
            problems.extend(self.pairs(wanted, &[("id", Some(receipt.id)), ("url", receipt.url)]));
        }
        problems
    }

    fn pairs(&self, wanted: &BTreeMap<String, String>, given: &[(&str, Option<String>)]) -> Vec<String> {
        let scope = self.script.lock().unwrap().scope.clone();
        let check = |(key, wanted): (&String, &String)| {
            let value = given.iter().find(|(name, _)| name == key).and_then(|(_, value)| value.clone());
            let fits = value.as_ref().is_some_and(|value| fill::fits(wanted, value, &scope));
            (!fits).then(|| format!("{key} is {value:?} instead of `{wanted}`"))
        };
        wanted.iter().filter_map(check).collect()
    }

    /// A fault is right where one was wanted, and only such a one.
    fn judge(&self, result: Result<Vec<String>, Fault>) -> Vec<String> {
        let fault = match (result, &self.step.fault) {
            (Ok(problems), None) => return problems,
            (Ok(_), Some(_)) => return vec!["a fault was expected, all went well".to_string()],
            (Err(fault), None) => return vec![format!("failed: {fault} ({:?}, {:?})", fault.kind, fault.effect)],
            (Err(fault), Some(_)) => fault,
        };
        let mut wanted = self.step.fault.clone().unwrap_or_default();
        let mut problems = Vec::new();
        if let Some(seconds) = wanted.remove("retry_after").and_then(|text| text.parse::<i64>().ok()) {
            let off = fault.retry_at.map(|at| (at - Utc::now()).num_milliseconds() - seconds * 1000);
            if !off.is_some_and(|off| (-2000..=1000).contains(&off)) {
                problems.push(format!("retry_at is {:?}, {seconds} s were expected", fault.retry_at));
            }
        }
        let effect = if fault.effect == Effect::None { "none" } else { "maybe" };
        let given = [
            ("kind", Some(fault.kind.word().to_string())),
            ("effect", Some(effect.to_string())),
            ("code", fault.code.clone()),
            ("status", fault.status.map(|status| status.to_string())),
        ];
        problems.extend(self.pairs(&wanted, &given).into_iter().map(|why| format!("{why} ({fault})")));
        problems
    }
}

fn file_against_twin(platform: &dyn Platform, file: &WireFile, came: &Came, given: &Scope) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let account = platform.twin_account(0, home.path());
    let server = file.server.clone().unwrap_or_else(|| account.server.clone());
    let mut twin = platform.twin();
    twin.welcome(&account.settings);
    let mut problems = Vec::new();
    let mut names = Scope::new();
    let mut log = Vec::new();
    for exchange in file.steps.iter().flat_map(|step| &step.exchanges) {
        let Some((_, request, then)) = came.iter().find(|(line, ..)| *line == exchange.line) else { continue };
        let mut now = then.clone();
        now.extend(names.clone());
        let request = replay::for_twin(exchange, request, then, &now, &server, given);
        let words: Vec<&str> = exchange.inject.iter().flatten().map(String::as_str).collect();
        let reply: Reply = match words.as_slice() {
            [] => twin.answer(&request),
            ["expire-sessions"] => {
                twin.expire_sessions();
                twin.answer(&request)
            }
            ["limited", seconds] => twin.limited(seconds.parse().unwrap_or(1)),
            ["expired"] => twin.expired(),
            ["unavailable", status] => twin.unavailable(status.parse().unwrap_or(503)),
            other => {
                problems.push(format!("line {}: `@inject {}` is not known", exchange.line, other.join(" ")));
                continue;
            }
        };
        let at = format!("line {}", exchange.line);
        let said = String::from_utf8_lossy(&reply.body[..reply.body.len().min(500)]).into_owned();
        if reply.status != exchange.status {
            problems.push(format!("{at}: the twin answers {} instead of {}: {said}", reply.status, exchange.status));
            break;
        }
        for (name, template) in &exchange.answer_headers {
            match reply.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)) {
                None => problems.push(format!("{at}: the twin's answer has no `{name}`")),
                // a name may be given there as well: some networks tell the id of a post in a header alone
                Some((_, value)) => {
                    fill::same_shape(&json!(template), &json!(value), &mut names, "header", &mut Vec::new());
                }
            }
        }
        if let Ok(template) = serde_json::from_str::<Value>(&exchange.answer_body) {
            match serde_json::from_slice::<Value>(&reply.body) {
                Ok(value) => {
                    let mut wrong = Vec::new();
                    fill::same_shape(&template, &value, &mut names, "answer", &mut wrong);
                    problems.extend(wrong.into_iter().map(|problem| format!("{at}: {problem}")));
                }
                Err(_) => problems.push(format!("{at}: the twin's answer is not JSON: {said}")),
            }
        }
        log.push(xpost::twin::Exchange {
            platform: platform.spec().name.to_string(),
            request,
            reply: Some(reply),
            answered: true,
            fault: None,
            at: Utc::now(),
        });
    }
    if let Some(document) = platform.spec().document {
        problems.extend(openapi::check_log(document, &log));
    }
    problems
}
