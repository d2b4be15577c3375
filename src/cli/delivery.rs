//! Through the engine and back: progress while it works, then what stands in the journal, then the exit code.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::docs;
use super::history::state_word;
use super::out::{Out, Paint, one_line};
use super::trouble::{Exit, Trouble};
use super::world::World;
use crate::account::missing;
use crate::deliver::{Engine, Event, EventKind, Options};
use crate::net::{Door, Fault, Kind};
use crate::platform::PlanNote;
use crate::store::{Attempt, DeliveryRow, PartRow, PartState, PostRow, Scope, Store};

/// How long a run waits for networks that ask to come back later.
#[derive(Debug, Clone, Copy)]
pub struct Patience(Option<Duration>);

impl Patience {
    /// Not at all.
    pub fn none() -> Patience {
        Patience(Some(Duration::ZERO))
    }

    /// What was asked for, else what `config.toml` says, else the engine's own.
    pub fn of(asked: Option<u64>, world: &World) -> Result<Patience, Trouble> {
        Ok(Patience(asked.or(world.config()?.wait).map(Duration::from_secs)))
    }
}

/// The engine over this world's store, door and secrets.
pub fn engine(world: &World, patience: Patience) -> Result<Engine, Trouble> {
    engine_through(world, patience, world.door()?)
}

/// The same through a door that is at hand.
pub fn engine_through(world: &World, patience: Patience, door: Arc<Door>) -> Result<Engine, Trouble> {
    let mut options = Options::default();
    if let Some(patience) = patience.0 {
        options.patience = patience;
    }
    let named = world.config()?.accounts.iter();
    let ca_files = named.filter_map(|(name, account)| Some((name.clone(), account.ca_file.clone()?))).collect();
    let engine = Engine::new(world.store()?, door, Arc::new(world.chain()?), world.home()?, options)?;
    let engine = engine.with_ca_files(ca_files);
    Ok(match super::media_host::of(world)? {
        Some(host) => engine.hosted_by(host),
        None => engine,
    })
}

/// Works until nothing in the scope can be done now, showing what happens. `true`: it was interrupted.
pub async fn work(engine: &Engine, scope: Scope, world: &World) -> Result<bool, Trouble> {
    let (stop, stopped) = watch::channel(false);
    let signals = tokio::spawn(signals(stop, world.out.clone()));
    let live = Arc::new(Live::new(world));
    let listener = Arc::clone(&live);
    let result = engine.run(scope.clone(), Arc::new(move |event| listener.show(&event)), stopped.clone()).await;
    signals.abort();
    live.end();
    if let Err(fault) = result {
        return Err(broken_off(fault, &scope, engine.store()).await);
    }
    let interrupted = *stopped.borrow();
    Ok(interrupted)
}

/// The journal failed in the middle: the trouble with what it says of every target, for some may be done.
async fn broken_off(fault: Fault, scope: &Scope, store: &Store) -> Trouble {
    let mut trouble = Trouble::from(fault).next("xpost run");
    if let Scope::Deliveries(ids) = scope {
        for id in ids {
            if let Ok(Some(delivery)) = store.delivery(*id).await {
                let line = format!("{}  {}  {}", delivery.state().word(), delivery.account, said(None, &delivery));
                trouble = trouble.detail(line.trim_end());
            }
        }
    }
    trouble
}

/// The first Ctrl-C (or SIGTERM) lets what is in flight end; the second ends the program: the journal knows what was in flight.
async fn signals(stop: watch::Sender<bool>, out: Out) {
    let mut asked = false;
    loop {
        signal().await;
        if asked {
            out.say("interrupted; what was in flight is in the journal and is settled by the next run");
            out.say("  next: xpost run");
            std::process::exit(i32::from(Exit::Interrupted as u8));
        }
        asked = true;
        out.note("stopping when what is in flight is done; once more stops at once");
        let _ = stop.send(true);
    }
}

#[cfg(unix)]
pub async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
pub async fn signal() {
    drop(tokio::signal::ctrl_c().await);
}

const WORDS: &str = "{spinner} {prefix:14!} {wide_msg}";
const BYTES: &str = "{spinner} {prefix:14!} {wide_msg} {bar:20} {bytes:>10} of {total_bytes} {bytes_per_sec:>12}";

fn dress(line: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        line.set_style(style.tick_chars("⠋⠙⠸⠴⠦⠇✓"));
    }
}

/// A line for each target, on a terminal.
struct Live {
    lines: Option<(MultiProgress, Mutex<HashMap<i64, ProgressBar>>)>,
}

impl Live {
    fn new(world: &World) -> Live {
        Live { lines: world.out.live().then(|| (MultiProgress::new(), Mutex::new(HashMap::new()))) }
    }

    fn show(&self, event: &Event) {
        let part = if event.of > 1 { format!("{}/{} ", event.part, event.of) } else { String::new() };
        let clock =
            |at: &chrono::DateTime<chrono::Utc>| at.with_timezone(&chrono::Local).format("%H:%M:%S").to_string();
        let (text, over) = match &event.kind {
            EventKind::Preparing => ("preparing".to_string(), false),
            EventKind::Progress(what) => (one_line(what), false),
            EventKind::Uploading { name, done, total } => {
                return self.bar(event, &format!("{part}{}", one_line(name)), *done, *total);
            }
            EventKind::Sending => ("sending".to_string(), false),
            EventKind::Checking => ("asking whether it arrived".to_string(), false),
            EventKind::Sent { url } => (format!("sent {}", url.as_deref().unwrap_or_default()), event.part == event.of),
            EventKind::Found { url } => {
                (format!("was there already {}", url.as_deref().unwrap_or_default()), event.part == event.of)
            }
            EventKind::Waiting { at, fault } => {
                let why = fault.as_ref().map_or_else(String::new, |fault| format!(": {fault}"));
                (format!("again at {}{why}", clock(at)), false)
            }
            EventKind::Failed { fault } => (format!("failed: {fault}"), true),
            EventKind::Unknown { fault } => (format!("unknown: {fault}"), true),
        };
        tracing::info!(account = event.account, "{part}{text}");
        let Some(line) = self.line(event) else { return };
        if line.length().is_some() {
            // the file is out
            line.unset_length();
            dress(&line, WORDS);
        }
        let text = format!("{part}{text}");
        if over { line.finish_with_message(text) } else { line.set_message(text) }
    }

    /// How far a file is, and how fast.
    fn bar(&self, event: &Event, name: &str, done: u64, total: u64) {
        let Some(line) = self.line(event) else { return };
        if line.length() != Some(total) || line.position() > done {
            line.set_length(total);
            line.set_position(done);
            line.reset_eta();
            dress(&line, BYTES);
        }
        line.set_message(name.to_string());
        line.set_position(done);
    }

    /// The target's line, on a terminal.
    fn line(&self, event: &Event) -> Option<ProgressBar> {
        let (all, lines) = self.lines.as_ref()?;
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.entry(event.delivery_id).or_insert_with(|| {
            let line = all.add(ProgressBar::new_spinner());
            dress(&line, WORDS);
            line.set_prefix(event.account.clone());
            line.enable_steady_tick(Duration::from_millis(120));
            line
        });
        Some(line.clone())
    }

    /// The results are printed by the report.
    fn end(&self) {
        if let Some((all, _)) = &self.lines {
            drop(all.clear());
        }
    }
}

/// A login that was of use just now and ends within this time is told of.
const ENDS_SOON: TimeDelta = TimeDelta::days(7);

/// Tells, once for each account, of logins that end soon: while there is still time to do something about it.
pub async fn ending(outcomes: &[Outcome], store: &Store, world: &World) {
    let now = Utc::now();
    let mut ids: Vec<i64> =
        outcomes.iter().flat_map(|outcome| &outcome.deliveries).filter_map(|delivery| delivery.account_id).collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        let Ok(Some(account)) = store.account_by_id(id).await else { continue };
        // of one that has ended the network tells
        if let Some(end) = account.expires_at.filter(|end| *end > now && *end < now + ENDS_SOON) {
            world.out.warn(&format!(
                "the login of `{name}` ends {}; log in again in time: `xpost account login {name}`",
                end.format("%Y-%m-%d %H:%M UTC"),
                name = account.name
            ));
        }
    }
}

/// A target that was refused before anything was sent.
#[derive(Debug, Clone)]
pub struct Refused {
    pub target: String,
    pub platform: String,
    pub problems: Vec<PlanNote>,
}

/// What became of one draft.
#[derive(Default)]
pub struct Outcome {
    pub post: Option<PostRow>,
    pub deliveries: Vec<DeliveryRow>,
    pub refused: Vec<Refused>,
    pub source: String,
    /// Deliveries that were read back: the network had the post, whoever sent it.
    pub found: Vec<i64>,
}

/// The outcomes of these posts as the journal has them now; only the named deliveries, if any are named.
pub async fn outcomes(store: &Store, posts: &[i64], only: Option<&[i64]>) -> Result<Vec<Outcome>, Trouble> {
    let mut outcomes = Vec::new();
    for id in posts {
        let Some(post) = store.post(*id).await? else { continue };
        let mut deliveries = store.deliveries(*id).await?;
        if let Some(only) = only {
            deliveries.retain(|delivery| only.contains(&delivery.id));
        }
        let found = found(&deliveries, &store.attempts(*id).await?);
        outcomes.push(Outcome {
            source: post.source.clone(),
            post: Some(post),
            deliveries,
            refused: Vec::new(),
            found,
        });
    }
    Ok(outcomes)
}

/// Those deliveries whose every receipt came from reading back.
fn found(deliveries: &[DeliveryRow], attempts: &[Attempt]) -> Vec<i64> {
    // a later change or deletion says nothing about how the post got there
    let read_back = |part: &PartRow| {
        let last = attempts
            .iter()
            .rfind(|attempt| attempt.part_id == part.id && !matches!(attempt.phase.as_str(), "delete" | "edit"));
        last.is_some_and(|attempt| attempt.phase == "find")
    };
    let all = |delivery: &&DeliveryRow| delivery.state() == PartState::Sent && delivery.parts.iter().all(read_back);
    deliveries.iter().filter(all).map(|delivery| delivery.id).collect()
}

/// The exit code for all that was to be done.
pub fn exit(outcomes: &[Outcome], interrupted: bool) -> Exit {
    let deliveries = || outcomes.iter().flat_map(|outcome| &outcome.deliveries);
    let any = |state: PartState| deliveries().any(|delivery| delivery.state() == state);
    if any(PartState::Unknown) {
        return Exit::Unknown;
    }
    if interrupted && deliveries().any(|delivery| !delivery.state().settled()) {
        return Exit::Interrupted;
    }
    // it waits for another try, and one before may have been posted
    if deliveries().any(|delivery| delivery.parts.iter().any(|part| !part.state.settled() && part.first_sent.is_some()))
    {
        return Exit::Unknown;
    }
    let now = chrono::Utc::now();
    let fine = |outcome: &Outcome, delivery: &DeliveryRow| match delivery.state() {
        PartState::Sent => true,
        // scheduled, and not yet tried
        PartState::Queued => {
            outcome.post.as_ref().and_then(|post| post.at).is_some_and(|at| at > now)
                && delivery.parts.iter().all(|part| part.tries == 0)
        }
        _ => false,
    };
    let good =
        outcomes.iter().flat_map(|o| o.deliveries.iter().map(move |d| (o, d))).filter(|(o, d)| fine(o, d)).count();
    let bad = deliveries().count() - good;
    let refused: usize = outcomes.iter().map(|outcome| outcome.refused.len()).sum();
    // a thread of which some parts are out is partly published
    let some_out = deliveries().any(|delivery| delivery.parts.iter().any(|part| part.state == PartState::Sent));
    let login = || {
        deliveries().filter(|delivery| delivery.state() != PartState::Sent).all(|delivery| {
            delivery.parts.iter().filter_map(|part| part.fault.as_ref()).any(|fault| fault.kind == Kind::Auth)
        })
    };
    match (good, bad, refused) {
        (_, 0, 0) => Exit::Done,
        (0, 0, _) => Exit::Refused,
        (0, _, _) if !some_out => {
            if refused == 0 && login() {
                Exit::Login
            } else {
                Exit::Nothing
            }
        }
        _ => Exit::Partly,
    }
}

/// A delivery whose time was over, and what became of taking it back.
pub struct TakenBack {
    pub delivery: DeliveryRow,
    pub result: Result<(), Fault>,
}

/// Prints what became of everything, and gives the exit code.
pub fn report(kind: &str, outcomes: &[Outcome], interrupted: bool, world: &World) -> Exit {
    report_with(kind, outcomes, None, interrupted, world)
}

/// The same for a run that also took posts back.
pub fn report_with(
    kind: &str,
    outcomes: &[Outcome],
    taken_back: Option<&[TakenBack]>,
    interrupted: bool,
    world: &World,
) -> Exit {
    let mut exit = exit(outcomes, interrupted);
    let stuck = || taken_back.into_iter().flatten().filter_map(|one| one.result.as_ref().err());
    if exit == Exit::Done && stuck().next().is_some() {
        exit = if stuck().any(|fault| fault.kind == Kind::Auth) { Exit::Login } else { Exit::Partly };
    }
    if world.out.json {
        let posts: Vec<Value> = outcomes
            .iter()
            .map(|outcome| {
                let refused: Vec<Value> = outcome
                    .refused
                    .iter()
                    .map(|refused| json!({ "target": refused.target, "platform": refused.platform, "problems": docs::notes(&refused.problems) }))
                    .collect();
                json!({
                    "source": outcome.source,
                    "post": outcome.post.as_ref().map(|post| docs::post(post, &outcome.deliveries)),
                    "refused": refused,
                    "found": outcome.deliveries.iter().filter(|delivery| outcome.found.contains(&delivery.id))
                        .map(|delivery| delivery.account.as_str()).collect::<Vec<_>>(),
                })
            })
            .collect();
        let mut document = json!({ "exit": exit as u8, "results": posts });
        if let Some(taken_back) = taken_back {
            document["taken_back"] =
                taken_back.iter().map(|one| docs::taken_back(&one.delivery, &one.result)).collect();
        }
        world.out.document(kind, document);
        return exit;
    }
    let mut rows = Vec::new();
    for outcome in outcomes {
        rows.extend(outcome.deliveries.iter().map(|delivery| {
            let state = match outcome.found.contains(&delivery.id) {
                true => world.out.paint(Paint::Good, "found"),
                false => state_word(world, delivery.state()),
            };
            vec![state, delivery.account.clone(), said(outcome.post.as_ref(), delivery)]
        }));
        rows.extend(outcome.refused.iter().map(|refused| {
            let why: Vec<&str> = refused.problems.iter().map(|problem| problem.message.as_str()).collect();
            vec![world.out.paint(Paint::Bad, "refused"), refused.target.clone(), why.join("; ")]
        }));
    }
    rows.extend(taken_back.into_iter().flatten().map(|one| {
        let (paint, word, why) = match &one.result {
            Ok(()) => (Paint::Good, "expired", "was taken back".to_string()),
            Err(fault) => (Paint::Bad, "failed", format!("has expired and is still there: {fault}")),
        };
        let says = format!("post {} {}", one.delivery.post_id, one_line(&why));
        vec![world.out.paint(paint, word), one.delivery.account.clone(), says]
    }));
    let lines = super::out::table(&["", "", ""], &rows, usize::MAX);
    lines.iter().skip(1).for_each(|line| world.out.line(line));
    next_steps(outcomes, exit, world);
    exit
}

/// A URL, or why there is none.
fn said(post: Option<&PostRow>, delivery: &DeliveryRow) -> String {
    let sent = delivery.parts.iter().filter(|part| part.state == PartState::Sent).count();
    let parts =
        if delivery.parts.len() > 1 { format!(" ({sent} of {} parts)", delivery.parts.len()) } else { String::new() };
    let url = delivery.url().unwrap_or_default();
    let fault = delivery.parts.iter().filter(|part| part.state != PartState::Sent).find_map(|part| part.fault.as_ref());
    let why = fault.map(ToString::to_string).unwrap_or_default();
    match delivery.state() {
        PartState::Sent => format!("{url}{parts}").trim().to_string(),
        PartState::Queued => {
            let next = delivery.parts.iter().find(|part| part.state == PartState::Queued).map(|part| part.next_at);
            let at = next.max(post.and_then(|post| post.at));
            let at = at.map_or_else(String::new, |at| format!("for {}", at.format("%Y-%m-%d %H:%M:%S UTC")));
            format!("{at}{parts} {why}").trim().to_string()
        }
        _ => format!("{why}{parts} {url}").trim().to_string(),
    }
}

fn next_steps(outcomes: &[Outcome], exit: Exit, world: &World) {
    let states: Vec<PartState> =
        outcomes.iter().flat_map(|outcome| outcome.deliveries.iter().map(DeliveryRow::state)).collect();
    let posts: Vec<String> = outcomes.iter().filter_map(|o| o.post.as_ref()).map(|post| post.id.to_string()).collect();
    let posts = posts.join(" ");
    let next = |command: &str, why: &str| {
        world.out.note(&format!("  {} {command}  ({why})", world.out.err_paint(Paint::Dim, "next:")))
    };
    if exit == Exit::Interrupted {
        next("xpost run", "goes on with what was interrupted");
    }
    if states.contains(&PartState::Unknown) {
        next("xpost resolve", "asks the network whether it was posted, or takes your word");
    }
    if states.contains(&PartState::Failed) {
        for delivery in outcomes.iter().flat_map(|outcome| &outcome.deliveries) {
            let fault = delivery
                .parts
                .iter()
                .filter(|part| part.state == PartState::Failed)
                .find_map(|part| part.fault.as_ref().filter(|fault| fault.kind == Kind::Auth));
            let why = match fault {
                None => continue,
                Some(fault) if missing(fault) => no_credentials(delivery, world),
                Some(_) => "its credentials were refused".into(),
            };
            next(&format!("xpost account login {}", delivery.account), &why);
        }
        next(&format!("xpost retry {posts}"), "tries again what failed, and only that");
    }
    if exit != Exit::Interrupted && states.contains(&PartState::Queued) {
        next("xpost run", "sends what is waiting when its time has come");
    }
}

/// That there are none, and the variables that would do.
fn no_credentials(delivery: &DeliveryRow, world: &World) -> String {
    let given = world.chain().map(|chain| chain.given(&delivery.account, &delivery.platform, "")).unwrap_or_default();
    let wanted: Vec<String> = given
        .iter()
        .filter(|field| field.required && !field.set)
        .map(|field| format!("`{}`", field.variable))
        .collect();
    match wanted.is_empty() {
        true => "it has no credentials here".into(),
        false => format!("it has no credentials here; or set {}", wanted.join(" and ")),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::net::Fault;

    fn part(state: PartState, fault: Option<Kind>) -> PartRow {
        PartRow {
            id: 0,
            delivery_id: 0,
            index: 0,
            of: 1,
            key: uuid::Uuid::nil(),
            created_at: Utc::now(),
            text: Value::Null,
            media: Value::Null,
            card: Value::Null,
            payload: Value::Null,
            comment: false,
            cost: Value::Null,
            state,
            checkpoint: Value::Null,
            ready: Value::Null,
            tries: 0,
            next_at: Utc::now(),
            first_sent: None,
            sent_at: None,
            receipt: None,
            fault: fault.map(|kind| Fault::new(kind, "no")),
            deleted_at: None,
        }
    }

    fn delivery(parts: Vec<PartRow>) -> DeliveryRow {
        DeliveryRow {
            id: 0,
            post_id: 0,
            account_id: None,
            account: "a".into(),
            platform: "p".into(),
            handle: String::new(),
            plan_hash: String::new(),
            once: false,
            reply_to: Value::Null,
            quote: Value::Null,
            expires_at: None,
            parts,
        }
    }

    fn outcome(at: Option<DateTime<Utc>>, deliveries: Vec<DeliveryRow>, refused: usize) -> Outcome {
        let post = PostRow {
            id: 1,
            created_at: Utc::now(),
            source: String::new(),
            title: None,
            body: String::new(),
            draft_hash: String::new(),
            once_key: None,
            at,
        };
        let one = Refused { target: "r".into(), platform: "p".into(), problems: Vec::new() };
        Outcome { post: Some(post), deliveries, refused: vec![one; refused], ..Outcome::default() }
    }

    #[test]
    fn exit_codes_follow_from_the_states() {
        use PartState::{Cancelled, Failed, Queued, Sent, Unknown};
        let one = |state, kind| delivery(vec![part(state, kind)]);
        let all = |deliveries: Vec<DeliveryRow>, refused: usize| outcome(None, deliveries, refused);
        let sent = || one(Sent, None);
        let failed = || one(Failed, Some(Kind::Rejected));
        let login = || one(Failed, Some(Kind::Auth));
        for (what, outcomes, interrupted, code) in [
            ("nothing to do", vec![], false, Exit::Done),
            ("all sent", vec![all(vec![sent(), sent()], 0)], false, Exit::Done),
            ("all refused", vec![all(vec![], 2)], false, Exit::Refused),
            ("sent and refused", vec![all(vec![sent()], 1)], false, Exit::Partly),
            ("sent and failed", vec![all(vec![sent(), failed()], 0)], false, Exit::Partly),
            ("two drafts", vec![all(vec![sent()], 0), all(vec![failed()], 0)], false, Exit::Partly),
            ("all failed", vec![all(vec![failed(), login()], 0)], false, Exit::Nothing),
            ("failed and refused", vec![all(vec![login()], 1)], false, Exit::Nothing),
            ("all logins", vec![all(vec![login(), login()], 0)], false, Exit::Login),
            ("unknown beats all", vec![all(vec![sent(), login(), one(Unknown, None)], 1)], true, Exit::Unknown),
            (
                "half a thread",
                vec![all(vec![delivery(vec![part(Sent, None), part(Failed, Some(Kind::Auth))])], 0)],
                false,
                Exit::Partly,
            ),
            ("interrupted", vec![all(vec![sent(), one(Queued, None)], 0)], true, Exit::Interrupted),
            ("interrupted too late", vec![all(vec![sent()], 0)], true, Exit::Done),
            ("waits too long", vec![all(vec![one(Queued, Some(Kind::Limited))], 0)], false, Exit::Nothing),
            ("cancelled", vec![all(vec![one(Cancelled, None)], 0)], false, Exit::Nothing),
            (
                "scheduled",
                vec![outcome(Some(Utc::now() + chrono::Duration::hours(1)), vec![one(Queued, None)], 0)],
                false,
                Exit::Done,
            ),
        ] {
            assert_eq!(exit(&outcomes, interrupted), code, "{what}");
        }
    }

    #[test]
    fn found_is_what_was_read_back() {
        let attempt = |part_id, phase: &str| Attempt {
            part_id,
            phase: phase.into(),
            began_at: Utc::now(),
            ended_at: None,
            outcome: String::new(),
            fault: None,
        };
        let sent = |id: i64| PartRow { id, ..part(PartState::Sent, None) };
        let deliveries = [
            DeliveryRow { id: 1, ..delivery(vec![sent(1)]) },
            DeliveryRow { id: 2, ..delivery(vec![sent(2)]) },
            DeliveryRow { id: 3, ..delivery(vec![sent(3), sent(4)]) },
            DeliveryRow { id: 4, ..delivery(vec![PartRow { id: 5, ..part(PartState::Unknown, None) }]) },
        ];
        let attempts = [
            attempt(1, "find"),
            attempt(1, "delete"),
            attempt(2, "find"),
            attempt(2, "publish"),
            attempt(3, "find"),
            attempt(4, "publish"),
            attempt(5, "find"),
        ];
        assert_eq!(found(&deliveries, &attempts), [1]);
    }
}
