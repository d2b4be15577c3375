//! Posts in two steps, as Instagram and Threads have them: containers that nobody sees, then the one request that shows one.
//!
//! A payload is `{"containers": [..]}`: the fields of each container in the order in which they are made; the last is the post, those
//! before it are the pictures and films of a carousel. Fields that only `prepare` can know are `null`: `image_url` and `video_url` (of
//! the medium at the same place), `cover_url` (of the picture that goes with it), `children`.
//!
//! A container is shown once and then says so, which is how a lost answer is settled: what it says is read before anything else.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Cx, Found, MediaUse, Post, Ready, Receipt, payload_error};
use crate::net::{Fault, Kind, Request};

/// What is still being processed after this long never will be ready; Meta speaks of five minutes.
const PROCESSING: TimeDelta = TimeDelta::hours(1);
/// Seconds between two questions, the first ones; then once a minute, as Meta asks.
const PAUSES: [i64; 5] = [3, 5, 10, 20, 30];
/// Shown long before it is looked for: clocks differ, and a post may be dated by when its container was made.
const SLACK: TimeDelta = TimeDelta::minutes(10);

/// The form of a container: what goes with the request.
pub(super) type Form = Vec<(String, String)>;

/// A network that posts by containers.
#[async_trait]
pub(super) trait Containers: Sync + Send {
    /// The request that makes a container of these fields.
    fn make(&self, cx: &Cx<'_>, form: Form) -> Result<Request, Fault>;

    /// The request that asks for the state of one.
    fn look(&self, cx: &Cx<'_>, id: &str) -> Result<Request, Fault>;

    /// What it means that a container failed; `said` is the answer that says so. A fault that is transient has it made anew.
    fn failed(&self, said: &Value) -> Fault;

    /// Whether such a container can be shown as soon as it is made.
    fn at_once(&self, fields: &Map<String, Value>) -> bool {
        let _ = fields;
        false
    }

    /// Whether the film goes to the network itself, instead of being fetched from a public address.
    fn takes_file(&self, cx: &Cx<'_>, fields: &Map<String, Value>) -> bool {
        let _ = (cx, fields);
        false
    }

    /// The request that carries the film to the container that was just made (`made` is the answer).
    fn file(&self, cx: &Cx<'_>, made: &Value, medium: &MediaUse) -> Result<Request, Fault> {
        let _ = (cx, made, medium);
        Err(Fault::local("there is no way to send a file"))
    }
}

/// What `prepare` has finished.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    /// By the place of the container in the payload.
    made: Vec<Option<Made>>,
    /// Fields of the last container that had to be looked up.
    pub more: BTreeMap<String, String>,
    /// How often the network was still busy, and since when.
    polls: usize,
    since: Option<DateTime<Utc>>,
}

/// A container that was made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Made {
    id: String,
    /// It can be used.
    ready: bool,
    /// Its film was on the way when this was written: it may not be there.
    open: bool,
    /// It is shown already.
    shown: bool,
}

impl State {
    /// From what was saved last.
    pub fn of(saved: &Value) -> State {
        serde_json::from_value(saved.clone()).unwrap_or_default()
    }

    /// The container of the post itself, and whether it is known to be shown already.
    pub fn post(&self) -> Option<(&str, bool)> {
        self.made.last()?.as_ref().map(|made| (made.id.as_str(), made.shown))
    }
}

/// What a container says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Ready,
    Shown,
    Busy,
    Failed,
    Expired,
    Unknown,
}

/// `status_code` with Instagram, whose `status` is a sentence; `status` with Threads.
fn says(said: &Value) -> Says {
    match said["status_code"].as_str().or(said["status"].as_str()) {
        Some("FINISHED") => Says::Ready,
        Some("PUBLISHED") => Says::Shown,
        Some("IN_PROGRESS") => Says::Busy,
        Some("ERROR") => Says::Failed,
        Some("EXPIRED") => Says::Expired,
        _ => Says::Unknown,
    }
}

/// An id, which may come as a number.
pub(super) fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Makes what is not there yet and asks for what is not ready yet. `state` holds what was saved last, and fields that were looked up.
///
/// # Errors
/// One fault; what was finished is saved.
pub(super) async fn prepare(cx: &Cx<'_>, post: &Post, how: &dyn Containers, state: State) -> Result<Ready, Fault> {
    let list: Vec<Map<String, Value>> = serde_json::from_value(post.payload["containers"].clone())
        .map_err(|_| Fault::local("the journal's payload has no containers; plan the post again"))?;
    let mut work = Work { cx, post, how, state, fresh: BTreeSet::new(), list: &list };
    work.state.made.resize(list.len(), None);
    let Some(last) = list.len().checked_sub(1) else {
        return Err(Fault::local("there is nothing to post"));
    };
    // a film whose upload was cut off, and what was ready yesterday, are not trusted
    for made in work.state.made.iter_mut() {
        made.take_if(|made| made.open);
    }
    if let Some(whole) = &mut work.state.made[last] {
        whole.ready = false;
    }
    if work.state.made[last].is_none() {
        for at in 0..last {
            work.make(at).await?;
        }
        if let Some(later) = work.settle(0..last).await? {
            return Ok(later);
        }
        work.make(last).await?;
    }
    match work.settle(last..last + 1).await? {
        Some(later) => Ok(later),
        None => Ok(Ready::Now(json!(work.state))),
    }
}

struct Work<'a> {
    cx: &'a Cx<'a>,
    post: &'a Post,
    how: &'a dyn Containers,
    state: State,
    /// Made a moment ago.
    fresh: BTreeSet<usize>,
    list: &'a [Map<String, Value>],
}

impl Work<'_> {
    async fn make(&mut self, at: usize) -> Result<(), Fault> {
        if self.state.made[at].is_some() {
            return Ok(());
        }
        let (cx, fields, medium) = (self.cx, &self.list[at], self.post.media.get(at));
        let file = medium.filter(|_| self.how.takes_file(cx, fields));
        let form = self.form(at, file.is_some()).await?;
        if let Some(medium) = medium {
            cx.sink.progress(&format!("handing over {}", medium.media.name));
        }
        let answer = cx.call(self.how.make(cx, form)?).await?;
        let said = answer.value();
        let id = id(&said["id"]).ok_or_else(|| payload_error(&answer, "id"))?;
        self.state.made[at] = Some(Made { id, open: file.is_some(), ..Made::default() });
        self.save().await?;
        if let Some(medium) = file {
            cx.call(self.how.file(cx, &said, medium)?).await?;
            if let Some(made) = &mut self.state.made[at] {
                made.open = false;
            }
            self.save().await?;
        }
        self.fresh.insert(at);
        Ok(())
    }

    /// The fields as the request carries them: lists and tables as JSON, `null` filled in.
    async fn form(&self, at: usize, file: bool) -> Result<Form, Fault> {
        let mut form = Form::new();
        for (name, value) in &self.list[at] {
            let text = match (name.as_str(), value) {
                ("video_url", Value::Null) if file => {
                    form.push(("upload_type".into(), "resumable".into()));
                    continue;
                }
                ("image_url" | "video_url", Value::Null) => self.address(self.medium(at)?.media.clone()).await?,
                ("cover_url", Value::Null) => match self.medium(at)?.extras.thumbnail.clone() {
                    Some(picture) => self.address(picture).await?,
                    None => continue,
                },
                ("children", Value::Null) => {
                    let made = self.state.made.iter().take(at).flatten();
                    json!(made.map(|made| made.id.as_str()).collect::<Vec<_>>()).to_string()
                }
                (_, Value::Null) => continue,
                (_, Value::String(text)) => text.clone(),
                (_, other) => other.to_string(),
            };
            form.push((name.clone(), text));
        }
        if at + 1 == self.list.len() {
            form.extend(self.state.more.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        Ok(form)
    }

    fn medium(&self, at: usize) -> Result<&MediaUse, Fault> {
        self.post
            .media
            .get(at)
            .ok_or_else(|| Fault::local("the journal's payload does not fit its media; plan the post again"))
    }

    async fn address(&self, media: crate::media::Media) -> Result<String, Fault> {
        let hosted = self.cx.public_url(&media).await?;
        self.cx.door.redactor().learn(&hosted.url);
        Ok(hosted.url.expose_secret().to_string())
    }

    /// Asks for those that are not known to be ready; when to come back, if one is still busy.
    async fn settle(&mut self, range: std::ops::Range<usize>) -> Result<Option<Ready>, Fault> {
        let mut busy = false;
        for at in range {
            let Some(made) = self.state.made[at].clone().filter(|made| !made.ready) else { continue };
            let fresh = self.fresh.contains(&at);
            let film = self.list[at].contains_key("video_url");
            if fresh && self.how.at_once(&self.list[at]) {
                self.set(at, |made| made.ready = true);
            } else if fresh && film {
                // no film is ready at once
                busy = true;
            } else {
                busy |= self.ask(at, &made.id).await?;
            }
        }
        if !busy {
            (self.state.polls, self.state.since) = (0, None);
            self.save().await?;
            return Ok(None);
        }
        let now = Utc::now();
        if now - *self.state.since.get_or_insert(now) > PROCESSING {
            let why = "the network has been processing it for an hour; try another format";
            return Err(Fault::new(Kind::Rejected, why));
        }
        let pause = PAUSES.get(self.state.polls).copied().unwrap_or(60);
        self.state.polls += 1;
        Ok(Some(Ready::Later { state: json!(self.state), at: now + TimeDelta::seconds(pause) }))
    }

    /// Asks for one; whether it is still busy.
    async fn ask(&mut self, at: usize, id: &str) -> Result<bool, Fault> {
        let answer = match self.cx.call(self.how.look(self.cx, id)?).await {
            Err(fault) if fault.kind == Kind::Rejected => {
                // the network knows it no more
                self.forget(at).await?;
                let message = format!("its container is gone, it is made anew ({})", fault.message);
                return Err(Fault { kind: Kind::Unavailable, message, ..fault });
            }
            answer => answer?,
        };
        let said = answer.value();
        match says(&said) {
            Says::Busy => return Ok(true),
            Says::Ready => self.set(at, |made| made.ready = true),
            Says::Shown => self.set(at, |made| (made.ready, made.shown) = (true, true)),
            Says::Failed => {
                self.forget(at).await?;
                return Err(self.about(at, self.how.failed(&said)));
            }
            Says::Expired => {
                self.forget(at).await?;
                return Err(Fault::new(Kind::Unavailable, "its container has expired, it is made anew").code("EXPIRED"));
            }
            Says::Unknown => return Err(payload_error(&answer, "status")),
        }
        if let Some(medium) = self.post.media.get(at).filter(|_| self.list[at].values().any(Value::is_null)) {
            self.cx.fetched(&medium.media).await?;
        }
        Ok(false)
    }

    fn about(&self, at: usize, fault: Fault) -> Fault {
        match self.post.media.get(at).filter(|_| self.list.len() == 1 || at + 1 < self.list.len()) {
            Some(medium) => Fault { message: format!("`{}`: {}", medium.media.name, fault.message), ..fault },
            None => fault,
        }
    }

    fn set(&mut self, at: usize, change: impl FnOnce(&mut Made)) {
        if let Some(made) = &mut self.state.made[at] {
            change(made);
        }
    }

    /// A part of a carousel is forgotten with the whole, and the whole with its parts.
    async fn forget(&mut self, at: usize) -> Result<(), Fault> {
        let last = self.list.len() - 1;
        for (index, made) in self.state.made.iter_mut().enumerate() {
            if at == last || index == at || index == last {
                *made = None;
            }
        }
        (self.state.polls, self.state.since) = (0, None);
        self.save().await
    }

    async fn save(&self) -> Result<(), Fault> {
        self.cx.save(&json!(self.state)).await
    }
}

/// The container that is to be shown now.
///
/// # Errors
/// There is none, or it is shown already, by a try whose answer was lost: read back.
pub(super) fn to_show(ready: &Value) -> Result<String, Fault> {
    match State::of(ready).post() {
        Some((_, true)) => {
            Err(Fault::new(Kind::Rejected, "the network says that it is posted already").maybe().code("PUBLISHED"))
        }
        Some((id, false)) => Ok(id.to_string()),
        None => Err(Fault::local("there is no container to post; run `xpost run` again")),
    }
}

/// Whether the container of a part was shown: `Some(false)` promises that it was not; `None` where nobody can tell.
///
/// # Errors
/// The network cannot be asked.
pub(super) async fn shown(cx: &Cx<'_>, how: &dyn Containers, ready: &Value) -> Result<Option<bool>, Fault> {
    let state = State::of(ready);
    let Some((id, known)) = state.post() else { return Ok(None) };
    if known {
        return Ok(Some(true));
    }
    match cx.call(how.look(cx, id)?).await {
        Ok(answer) => Ok(match says(&answer.value()) {
            Says::Shown => Some(true),
            Says::Unknown => None,
            Says::Ready | Says::Busy | Says::Failed | Says::Expired => Some(false),
        }),
        Err(fault) if fault.kind == Kind::Rejected => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// A post of the account, as its list shows it.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub receipt: Receipt,
    pub text: String,
    /// What it replies to.
    pub parent: Option<String>,
    pub at: Option<DateTime<Utc>>,
}

/// The receipt of a post. The permalink is never made by ourselves: what it holds is not the post's id.
pub(super) fn receipt(post: &Value) -> Option<Receipt> {
    let url = post["permalink"].as_str().filter(|url| url.starts_with("https://"));
    Some(Receipt::new(id(&post["id"])?, url.map(str::to_string)))
}

/// Whether a part is among these posts, the newest first. `shown`: what its container says; `whole`: the list reaches back to before
/// `since`, the time of the first try by the server's clock ([`Answer::by_their_clock`]).
pub(super) fn among(
    list: &[Listed],
    text: &str,
    parent: Option<&str>,
    since: DateTime<Utc>,
    shown: Option<bool>,
    whole: bool,
) -> Found {
    // what a container says counts more than clocks
    let from = if shown == Some(true) { since - SLACK } else { since };
    let same = |one: &&Listed| {
        one.text.trim() == text.trim() && one.parent.as_deref() == parent && one.at.is_some_and(|at| at >= from)
    };
    let mut found = list.iter().filter(same);
    match (found.next(), shown) {
        // of two that are alike the newest is the one that was just shown
        (Some(one), Some(true)) => Found::Yes(one.receipt.clone()),
        (Some(one), _) if found.next().is_none() => Found::Yes(one.receipt.clone()),
        (Some(_), _) | (None, Some(true)) => Found::Unsure,
        (None, Some(false)) => Found::No,
        (None, None) if whole => Found::No,
        (None, None) => Found::Unsure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_262_400 + seconds, 0).unwrap()
    }

    fn listed(id: &str, text: &str, seconds: i64, parent: Option<&str>) -> Listed {
        let receipt = Receipt::new(id, None);
        Listed { receipt, text: text.into(), parent: parent.map(str::to_string), at: Some(at(seconds)) }
    }

    fn found(list: &[Listed], parent: Option<&str>, shown: Option<bool>, whole: bool) -> Found {
        among(list, "a", parent, at(0), shown, whole)
    }

    fn yes(id: &str) -> Found {
        Found::Yes(Receipt::new(id, None))
    }

    #[test]
    fn what_a_container_says_counts_more_than_a_list() {
        let other = listed("9", "b", 5, None);
        assert_eq!(
            found(std::slice::from_ref(&other), None, Some(false), false),
            Found::No,
            "it was not shown, however long the list is"
        );
        assert_eq!(
            found(std::slice::from_ref(&other), None, Some(true), true),
            Found::Unsure,
            "it was shown, and is not listed yet"
        );
        assert_eq!(found(std::slice::from_ref(&other), None, None, true), Found::No);
        assert_eq!(found(&[other], None, None, false), Found::Unsure);
        let two = [listed("2", " a\n", 5, None), listed("1", "a", 3, None)];
        assert_eq!(found(&two, None, Some(true), true), yes("2"), "the newest was shown last");
        assert_eq!(found(&two, None, None, true), Found::Unsure);
        assert_eq!(found(&two[1..], None, None, true), yes("1"));
    }

    #[test]
    fn an_older_post_of_the_same_words_is_another_one() {
        let old = [listed("1", "a", -60, None)];
        assert_eq!(found(&old, None, None, true), Found::No);
        assert_eq!(found(&old, None, Some(false), true), Found::No);
        // its container says that it is out, so that clocks which differ do not matter
        assert_eq!(found(&old, None, Some(true), true), yes("1"));
        let reply = [listed("2", "a", 1, Some("7"))];
        assert_eq!(found(&reply, None, None, true), Found::No);
        assert_eq!(found(&reply, Some("7"), None, true), yes("2"));
    }

    #[test]
    fn states_as_both_networks_write_them() {
        assert_eq!(says(&json!({"status": "FINISHED"})), Says::Ready);
        assert_eq!(says(&json!({"status_code": "ERROR", "status": "Error: no"})), Says::Failed);
        assert_eq!(says(&json!({"status_code": "EXPIRED"})), Says::Expired);
        assert_eq!(says(&json!({"status": "NEW_WORD"})), Says::Unknown);
        assert_eq!((id(&json!(7)), id(&json!("7")), id(&json!(""))), (Some("7".into()), Some("7".into()), None));
    }
}
