//! What a platform makes of every trouble, before and after the network stored the post.
//!
//! The rule behind all of it: a fault whose `effect` is `none` promises that nothing was posted. Where the post may exist, the
//! platform's way of recognising a repeat must lead to exactly one.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use xpost::net::{Effect, Fault, Kind};
use xpost::platform::{Content, Found, Platform, Post, Receipt, Repeat};
use xpost::twin::{Exchange, Inject, What, When};

use crate::stage::{Actor, Stage};
use crate::{Case, cases, remote};

/// The cases of this module.
pub fn cases() -> Vec<Case> {
    cases![
        connection_dropped_before: remote,
        connection_dropped_after: remote,
        server_error_before: remote,
        server_error_after: remote,
        unavailable_says_when: remote,
        rate_limited: remote,
        expired_token: remote,
        expired_session_is_mended: remote,
        revoked_for_good: remote,
        answer_truncated: remote,
        answer_html: remote,
        answer_huge: remote,
        answer_endless: remote,
        redirected: remote,
        answer_too_late: remote,
        nobody_listens: remote,
        trouble_in_prepare: prepares,
    ]
}

fn prepares(platform: &dyn Platform, n: usize) -> Option<&'static str> {
    remote(platform, n).or_else(|| (!uploads(platform)).then_some("it takes no images, so nothing is uploaded"))
}

/// Whether there is something that a post can carry: pictures, or what the network demands.
fn uploads(platform: &dyn Platform) -> bool {
    platform.spec().media.image.is_some() || platform.spec().media.required
}

/// A post that carries something.
fn loaded(stage: &Stage) -> Content {
    if stage.platform.spec().media.image.is_some() { stage.with_pictures(TEXT, 1) } else { stage.content(TEXT) }
}

const PATIENT: Duration = Duration::from_secs(20);
const TEXT: &str = "posted once, whatever happens";

/// Which request of a publish (or prepare) is which: found out on another stage, where nothing goes wrong.
struct Rehearsal {
    /// How many requests `prepare` makes of a post with a picture.
    prepare: u32,
    /// How many requests `publish` makes before the one that the world can see.
    before_the_write: u32,
}

async fn rehearse(stage: &Stage, picture: bool) -> Rehearsal {
    let stage = stage.another();
    let actor = stage.actor().await;
    let content = if picture { loaded(&stage) } else { stage.content(TEXT) };
    let mut post = actor.post(&content);
    stage.server.clear_log();
    let ready = stage.ok(actor.prepare(&mut post).await);
    let prepare = stage.server.log().len() as u32;
    stage.server.clear_log();
    stage.ok(actor.publish(&post, &ready).await);
    let log = stage.server.log();
    let writes = |exchange: &Exchange| !matches!(exchange.request.method.as_str(), "GET" | "HEAD");
    let mut write = log.iter().rposition(writes).expect("publishing writes") as u32;
    // where reading is done with POST, the write is the request without which nothing can be seen
    if log.iter().filter(|exchange| writes(exchange)).count() > 1 {
        for before in 0..write {
            let stage = stage.another();
            let actor = stage.actor().await;
            let mut post = actor.post(&if picture { stage.with_pictures(TEXT, 1) } else { stage.content(TEXT) });
            let ready = stage.ok(actor.prepare(&mut post).await);
            stage.server.inject(Inject::new(What::Drop).when(When::Before).skip(before + 1).times(0));
            let _ = actor.publish(&post, &ready).await;
            if !stage.timeline().is_empty() {
                write = before;
                break;
            }
        }
    }
    Rehearsal { prepare, before_the_write: write }
}

/// A post that is ready, and the fault waiting for the request that publishes it.
struct Scene<'a> {
    stage: &'a Stage,
    actor: Actor<'a>,
    post: Post,
    ready: Value,
}

async fn scene(stage: &Stage, timeout: Duration, what: What, when: Option<When>) -> Scene<'_> {
    let rehearsal = rehearse(stage, false).await;
    let actor = stage.actor_with(timeout).await;
    let mut post = actor.post(&stage.content(TEXT));
    let ready = stage.ok(actor.prepare(&mut post).await);
    stage.server.inject(Inject { when, ..Inject::new(what).skip(rehearsal.before_the_write) });
    Scene { stage, actor, post, ready }
}

impl Scene<'_> {
    async fn publish(&self) -> Result<Receipt, Fault> {
        self.actor.publish(&self.post, &self.ready).await
    }

    /// Publishes into the fault.
    async fn fault(&self) -> Fault {
        let fault = self.stage.fault(self.publish().await);
        let one_line = !fault.message.is_empty() && !fault.message.contains(char::is_control);
        assert!(
            one_line && fault.message.chars().count() < 800 && !fault.message.ends_with('.'),
            "{:?}",
            fault.message
        );
        fault
    }

    /// The network really holds the post, or really does not.
    #[track_caller]
    fn stored(&self, stored: bool) {
        assert_eq!(self.stage.timeline().len(), usize::from(stored), "what the twin holds");
    }

    /// Goes on as the engine does after a fault that may have had an effect, and ends with exactly one post.
    async fn settle(&self, stored: bool) {
        let since = self.post.created;
        if let Some(find) = self.stage.platform.find() {
            let found = self.stage.ok(find.find(&self.actor.cx(), &self.post, &self.ready, since).await);
            match (&found, stored) {
                (Found::Yes(receipt), true) => assert!(!receipt.id.is_empty()),
                (Found::No, false) => {}
                (Found::Unsure, _) if self.stage.lesser => return,
                _ => panic!("the twin holds it: {stored}; find says {found:?}"),
            }
        }
        // what cannot be read back and is not recognised is for a person to settle
        let same = matches!(self.stage.platform.repeat(&self.actor.account), Repeat::SameId | Repeat::Key { .. });
        if same || (!stored && self.stage.platform.find().is_some()) {
            self.stage.ok(self.publish().await);
            self.stored(true);
        }
    }
}

/// A fault after which the post may exist.
async fn maybe(stage: &Stage, what: What, when: When, kind: Kind) {
    let scene = scene(stage, PATIENT, what, Some(when)).await;
    let fault = scene.fault().await;
    assert_eq!((fault.kind, fault.effect), (kind, Effect::Maybe), "{fault}");
    scene.stored(when == When::After);
    scene.settle(when == When::After).await;
}

async fn connection_dropped_before(stage: &Stage) {
    maybe(stage, What::Drop, When::Before, Kind::Network).await;
}

async fn connection_dropped_after(stage: &Stage) {
    maybe(stage, What::Drop, When::After, Kind::Network).await;
}

async fn server_error_before(stage: &Stage) {
    maybe(stage, What::Status { status: 502 }, When::Before, Kind::Unavailable).await;
}

async fn server_error_after(stage: &Stage) {
    maybe(stage, What::Status { status: 502 }, When::After, Kind::Unavailable).await;
    let again = stage.another();
    maybe(&again, What::Status { status: 500 }, When::After, Kind::Unavailable).await;
}

/// 503 promises that nothing happened only where it says when to come back.
async fn unavailable_says_when(stage: &Stage) {
    let scene = scene(stage, PATIENT, What::Status { status: 503 }, None).await;
    let fault = scene.fault().await;
    assert_eq!(fault.kind, Kind::Unavailable, "{fault}");
    assert!(fault.effect == Effect::Maybe || fault.retry_at.is_some(), "{fault}");
    scene.settle(false).await;
}

/// The network was asked after `since`, and said to come back after so many seconds. Some say it in whole ones.
#[track_caller]
fn limited_for(fault: &Fault, seconds: u64, since: DateTime<Utc>) {
    assert_eq!((fault.kind, fault.effect), (Kind::Limited, Effect::None), "{fault}");
    let wait = TimeDelta::seconds(seconds as i64);
    let at = fault.retry_at.expect("the network said when to come back");
    let second = TimeDelta::seconds(1);
    let (first, last) = (since + wait - second, Utc::now() + wait + second);
    assert!(at >= first && at <= last, "said {seconds} s; {at} is not between {first} and {last}");
}

async fn rate_limited(stage: &Stage) {
    for seconds in [7, 600] {
        let stage = stage.another();
        let scene = scene(&stage, PATIENT, What::Limited { seconds }, None).await;
        let since = Utc::now();
        limited_for(&scene.fault().await, seconds, since);
        scene.stored(false);
        stage.ok(scene.publish().await);
        scene.stored(true);
    }
}

async fn expired_token(stage: &Stage) {
    let scene = scene(stage, PATIENT, What::Expired, None).await;
    let fault = scene.fault().await;
    assert_eq!((fault.kind, fault.effect), (Kind::Auth, Effect::None), "{fault}");
    scene.stored(false);
    // renewed or not, what is good goes on being good
    stage.ok(stage.platform.refresh(&scene.actor.cx()).await);
    stage.ok(scene.publish().await);
    scene.stored(true);
}

async fn expired_session_is_mended(stage: &Stage) {
    let actor = stage.actor().await;
    let mut post = actor.post(&stage.content(TEXT));
    let ready = stage.ok(actor.prepare(&mut post).await);
    stage.server.expire_sessions(stage.name());
    // a network with fixed tokens has no sessions, and nothing happens
    if let Err(fault) = actor.publish(&post, &ready).await {
        assert_eq!((fault.kind, fault.effect), (Kind::Auth, Effect::None), "{fault}");
        assert!(stage.ok(stage.platform.refresh(&actor.cx()).await), "a session can be renewed");
        stage.ok(actor.publish(&post, &ready).await);
    }
    assert_eq!(stage.timeline().len(), 1);
}

async fn revoked_for_good(stage: &Stage) {
    let scene = scene(stage, PATIENT, What::Expired, None).await;
    stage.server.clear_faults();
    stage.server.inject(Inject::new(What::Expired).times(0));
    let before = stage.server.log().len();
    let fault = stage.fault(scene.actor.mended(async |_| scene.publish().await).await);
    assert_eq!((fault.kind, fault.effect), (Kind::Auth, Effect::None), "{fault}");
    assert!(stage.server.log().len() - before <= 6, "no platform tries again and again");
    scene.stored(false);
}

/// The network stored the post and its answer cannot be read. A platform that needs nothing of the answer may be content.
async fn unreadable(stage: &Stage, what: What, timeout: Duration) {
    let scene = scene(stage, timeout, what, None).await;
    match scene.publish().await {
        Ok(receipt) => assert!(!receipt.id.is_empty()),
        Err(fault) => {
            stage.hear(format!("{fault} {fault:?}"));
            assert_eq!(fault.effect, Effect::Maybe, "{fault}");
        }
    }
    scene.stored(true);
    scene.settle(true).await;
}

async fn answer_truncated(stage: &Stage) {
    unreadable(stage, What::Truncated, PATIENT).await;
}

async fn answer_html(stage: &Stage) {
    unreadable(stage, What::Html, PATIENT).await;
}

async fn answer_huge(stage: &Stage) {
    unreadable(stage, What::Huge, PATIENT).await;
}

async fn answer_endless(stage: &Stage) {
    unreadable(stage, What::Endless, Duration::from_secs(4)).await;
}

async fn redirected(stage: &Stage) {
    let to = "https://elsewhere.example/steal".to_string();
    let scene = scene(stage, PATIENT, What::Redirect { to }, None).await;
    let before = stage.server.log().len();
    let fault = scene.fault().await;
    assert_eq!((fault.kind, fault.effect), (Kind::Protocol, Effect::None), "{fault}");
    assert!(fault.message.contains("elsewhere.example"), "{fault}");
    assert!(stage.server.log()[before..].iter().all(|exchange| exchange.request.host != "elsewhere.example"));
    scene.stored(false);
    scene.settle(false).await;
}

/// The answer comes after we have stopped waiting; the network stores the post all the same, later.
async fn answer_too_late(stage: &Stage) {
    let scene = scene(stage, Duration::from_secs(4), What::Delay { ms: 4600 }, None).await;
    let fault = scene.fault().await;
    assert_eq!((fault.kind, fault.effect), (Kind::Network, Effect::Maybe), "{fault}");
    for _ in 0..100 {
        if !stage.timeline().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    scene.stored(true);
    scene.settle(true).await;
}

async fn nobody_listens(stage: &Stage) {
    let mut scene = scene(stage, PATIENT, What::Delay { ms: 0 }, None).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    scene.actor.point_at(&format!("http://{free}"));
    let fault = scene.fault().await;
    assert_eq!((fault.kind, fault.effect), (Kind::Network, Effect::None), "{fault}");
    scene.actor.point_at(&stage.server.url());
    stage.ok(scene.publish().await);
    scene.stored(true);
}

/// Uploads and whatever else comes before the one request that counts: each may fail, none may show anything to anybody, and the
/// next `prepare` goes on.
async fn trouble_in_prepare(stage: &Stage) {
    let requests = rehearse(stage, true).await.prepare;
    let whats = [
        (What::Drop, When::Before),
        (What::Drop, When::After),
        (What::Status { status: 502 }, When::Before),
        (What::Status { status: 502 }, When::After),
        (What::Limited { seconds: 7 }, When::Before),
        (What::Expired, When::Before),
        (What::Truncated, When::After),
        (What::Html, When::After),
        (What::Huge, When::After),
    ];
    for skip in 0..requests {
        for (what, when) in &whats {
            let stage = stage.another();
            let actor = stage.actor().await;
            let mut post = actor.post(&loaded(&stage));
            stage.server.inject(Inject::new(what.clone()).when(*when).skip(skip));
            let since = Utc::now();
            if let Err(fault) = actor.prepare(&mut post).await {
                stage.hear(format!("{fault} {fault:?}"));
                match what {
                    What::Limited { seconds } => limited_for(&fault, *seconds, since),
                    What::Expired => assert_eq!((fault.kind, fault.effect), (Kind::Auth, Effect::None), "{fault}"),
                    What::Drop => assert_eq!(fault.kind, Kind::Network, "{fault}"),
                    _ => {}
                }
            } else {
                // only what carries nothing to go on with may be passed over
                assert!(!matches!(what, What::Drop | What::Limited { .. } | What::Expired), "{what:?} was not noticed");
            }
            assert!(stage.timeline().is_empty(), "{what:?} of request {skip}");
            stage.server.clear_faults();
            let ready = stage.ok(actor.prepare(&mut post).await);
            stage.ok(actor.publish(&post, &ready).await);
            let seen = stage.timeline();
            assert_eq!((seen.len(), seen[0].media.len()), (1, 1), "{what:?} of request {skip}");
            assert!(stage.leaks().is_empty(), "{:?}", stage.leaks());
        }
    }
}
