//! Draft x facts x platform -> plan. Pure: no clock, no file, no network.
//!
//! [`plan`] applies the overrides for one target, looks up people, media, references and options, and has the platform render
//! the parts. What stops the target is in `problems`, what deserves a look in `warnings`, what was altered in `changes`.

mod content;
mod links;
mod media;
mod options;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::draft::{Draft, Fields, canonical, did_you_mean, sha256, when};
use crate::media::{Facts, Media};
use crate::platform::{AccountInfo, Ask, Card, Cost, MediaUse, Part, PlanNote, Platform, Receipt, Reference};

pub use content::card_urls;

/// Where a draft is to go.
#[derive(Clone)]
pub struct Target {
    /// The account's name, or the platform's where its name stands for its published defaults.
    pub name: String,
    pub platform: &'static dyn Platform,
    pub account: Option<AccountInfo>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("name", &self.name)
            .field("platform", &self.platform.spec().name)
            .finish_non_exhaustive()
    }
}

/// What the journal knows that a draft may refer to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    /// By post id, as written in `reply_to` and `quote`, and the name of the account.
    pub posts: BTreeMap<(String, String), Receipt>,
}

/// What is true of all drafts of this user.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// IANA name of the zone for `at` where the draft names none; else UTC.
    pub zone: Option<String>,
    /// Fields for drafts that do not say otherwise.
    pub defaults: Fields,
}

/// When a post is to be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expires {
    /// So many seconds after it was posted.
    After(u64),
    At(DateTime<Utc>),
}

/// What will be sent to one target, exactly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub target: String,
    pub platform: String,
    /// What is posted, in order. Where there are problems they show what would be.
    pub parts: Vec<Part>,
    /// What stops this target.
    pub problems: Vec<PlanNote>,
    /// What deserves a look.
    pub warnings: Vec<PlanNote>,
    /// What was altered on the way.
    pub changes: Vec<PlanNote>,
    /// When, if not at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Expires>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Reference>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Reference>,
    /// SHA-256 (hex) of all that reaches the network: the same plan has the same hash on every machine at any time.
    pub hash: String,
}

impl Plan {
    /// Nothing stops it.
    pub fn good(&self) -> bool {
        self.problems.is_empty()
    }

    /// What all parts cost together, as far as that is known before.
    pub fn cost(&self) -> Option<Cost> {
        Cost::sum(self.parts.iter().filter_map(|part| part.cost.as_ref()))
    }

    /// When the post is to be taken back, if it goes out as planned and now is now.
    pub fn expires_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self.expires? {
            Expires::After(seconds) => {
                self.at.unwrap_or(now).checked_add_signed(TimeDelta::try_seconds(i64::try_from(seconds).ok()?)?)
            }
            Expires::At(end) => Some(end),
        }
    }
}

/// Makes the plan for one target. Never fails: what is wrong is among the plan's `problems`.
pub fn plan(draft: &Draft, facts: &Facts, target: &Target, known: &Known, settings: &Settings) -> Plan {
    let spec = target.platform.spec();
    let mut notes = Notes::default();
    for note in &draft.notes {
        notes.warn(&note.code, format!("line {}: {}", note.line, note.message));
    }
    let fields = content::fields(draft, target, settings);
    let about = target.account.as_ref().map_or(&Value::Null, |account| &account.about);
    let own = target.account.as_ref().map_or(&Value::Null, |account| &account.settings);
    let limits = target.platform.limits(about).overridden(own);
    let content = content::content(draft, &fields, facts, &limits, target, (known, settings), &mut notes);
    let ask = Ask { content: &content, account: target.account.as_ref(), limits: &limits };
    let mut rendered = target.platform.render(&ask);
    for part in &mut rendered.parts {
        part.cost = target.platform.cost(&ask, part);
    }
    too_dear(&rendered.parts, fields.max_cost, spec.title, &mut notes);
    if notes.unseen > 0 {
        // what is missing is only not there yet
        rendered.problems.retain(|note| !matches!(note.code.as_str(), "empty" | "media_required" | "text_required"));
    }
    notes.problems.extend(rendered.problems);
    notes.warnings.extend(rendered.warnings);
    notes.changes.extend(rendered.changes);
    let (at, mut expires) = times(&fields, settings, &mut notes);
    if expires.is_some() && target.platform.delete().is_none() {
        expires = None;
        notes.warn("expires", format!("{} cannot take a post back; `expires` does nothing there", spec.title));
    }
    // a quote that became a link in the text is no quote any more
    let quote = content.quote.filter(|_| spec.quotes);
    let hash = hash(&target.name, &rendered.parts, content.reply_to.as_ref(), quote.as_ref());
    Plan {
        target: target.name.clone(),
        platform: spec.name.to_string(),
        parts: rendered.parts,
        problems: notes.problems,
        warnings: notes.warnings,
        changes: notes.changes,
        at,
        expires,
        reply_to: content.reply_to,
        quote,
        hash,
    }
}

/// A target that would cost more than the draft allows is stopped.
fn too_dear(parts: &[Part], most: Option<f64>, title: &str, notes: &mut Notes) {
    let Some((most, cost)) = most.zip(Cost::sum(parts.iter().filter_map(|part| part.cost.as_ref()))) else { return };
    let most = Cost::new(most, &cost.unit);
    if cost.micros > most.micros {
        let message = format!("{title} charges about {cost} for this, `max_cost` allows {most}");
        notes.problem("too_dear", message);
    }
}

/// One hash for several plans, whatever their order.
pub fn hash_all(plans: &[Plan]) -> String {
    let mut hashes: Vec<&str> = plans.iter().map(|plan| plan.hash.as_str()).collect();
    hashes.sort_unstable();
    sha256(hashes.join("\n").as_bytes())
}

/// A problem for every `[on.NAME]` of the draft whose name is neither a platform's nor an account's: a slip of the pen there
/// would be ignored in silence. `names` are all that exist.
pub fn unknown_names(draft: &Draft, names: &[&str]) -> Vec<PlanNote> {
    draft
        .on
        .keys()
        .filter(|name| !names.contains(&name.as_str()))
        .map(|name| {
            let near = did_you_mean(name, names.iter().copied());
            PlanNote::new("unknown_name", format!("`[on.{name}]` names neither a network nor an account{near}"))
        })
        .collect()
}

/// Problems, warnings and changes while a plan is made.
#[derive(Debug, Default)]
struct Notes {
    problems: Vec<PlanNote>,
    warnings: Vec<PlanNote>,
    changes: Vec<PlanNote>,
    /// Media on the web that nobody has looked at.
    unseen: usize,
}

impl Notes {
    fn problem(&mut self, code: &str, message: impl Into<String>) {
        self.problems.push(PlanNote::new(code, message));
    }

    fn warn(&mut self, code: &str, message: impl Into<String>) {
        self.warnings.push(PlanNote::new(code, message));
    }

    fn change(&mut self, code: &str, message: impl Into<String>) {
        self.changes.push(PlanNote::new(code, message));
    }
}

fn times(fields: &Fields, settings: &Settings, notes: &mut Notes) -> (Option<DateTime<Utc>>, Option<Expires>) {
    if fields.at.is_none() && fields.expires.is_none() {
        return (None, None);
    }
    let zone = match fields.zone.as_deref().or(settings.zone.as_deref()).map(when::zone) {
        Some(Ok(zone)) => zone,
        None => chrono_tz::UTC,
        Some(Err(why)) => {
            notes.problem("zone", why);
            return (None, None);
        }
    };
    let mut moment = |key: &str, text: &str| match when::moment(text, zone) {
        Ok(moment) => {
            if let Some(note) = moment.note {
                notes.warn(key, note);
            }
            Some(moment.at)
        }
        Err(why) => {
            notes.problem(key, format!("`{key}`: {why}"));
            None
        }
    };
    let at = fields.at.as_deref().and_then(|text| moment("at", text));
    let expires = fields.expires.as_deref().and_then(|text| match when::duration(text) {
        Ok(length) => Some(Expires::After(length.as_secs())),
        Err(_) => moment("expires", text).map(Expires::At),
    });
    if let (Some(at), Some(Expires::At(end))) = (at, expires)
        && end <= at
    {
        notes.problem("expires", "`expires` is not after `at`");
    }
    (at, expires)
}

fn hash(target: &str, parts: &[Part], reply_to: Option<&Reference>, quote: Option<&Reference>) -> String {
    let parts: Vec<Value> = parts
        .iter()
        .map(|part| {
            let media: Vec<Value> = part.media.iter().map(used).collect();
            let picture = part.card.as_ref().and_then(|card| card.image.as_ref()).map(|media| &media.sha256);
            let mut all =
                json!({ "payload": part.payload, "text": part.text.text, "media": media, "picture": picture });
            if part.comment {
                all["comment"] = json!(true);
            }
            all
        })
        .collect();
    let all = json!({ "target": target, "parts": parts, "reply_to": reply_to, "quote": quote });
    sha256(canonical(&all).as_bytes())
}

/// A medium, for the hash.
fn used(one: &MediaUse) -> Value {
    let mut value = json!({ "sha256": one.media.sha256, "alt": one.alt });
    if let Some(fit) = &one.media.fit {
        value["fit"] = json!(fit);
    }
    let sha256 = |media: &Option<Media>| media.as_ref().map(|media| media.sha256.clone());
    if !one.extras.is_empty() {
        let extras = &one.extras;
        value["extras"] = json!([extras.focus, sha256(&extras.thumbnail), sha256(&extras.subtitles)]);
    }
    value
}

/// Whether this target wants us to make its link cards.
fn makes_cards(target: &Target) -> bool {
    target.platform.spec().card == Card::Ours
}
