//! Device grant, on a clock that nobody waits for.

use super::super::device::{enter_at, renew, revoke};
use super::super::wire::Pace;
use super::*;
use crate::twin::{Inject, What};

pub const FLOW: Device = Device {
    start: "{server}/device",
    token: "{server}/token",
    revoke: Some(Revoke::Standard("{server}/revoke")),
    scopes: SCOPES,
    joined: " ",
    client: Client::Public("app-1"),
    dialect: Dialect::STANDARD,
    renew: Renew::Refresh,
    life: Life::SAID,
};

/// A clock that jumps, and what it was asked to wait.
fn clock() -> (Pace, Arc<Mutex<Vec<u64>>>) {
    let waits: Arc<Mutex<Vec<u64>>> = Arc::default();
    let (counted, began) = (waits.clone(), Utc::now());
    let sum = waits.clone();
    let pace = Pace {
        now: Arc::new(move || began + Duration::from_secs(sum.lock().unwrap().iter().sum())),
        sleep: Arc::new(move |pause| {
            counted.lock().unwrap().push(pause.as_secs());
            Box::pin(std::future::ready(()))
        }),
    };
    (pace, waits)
}

fn said(status: u16, code: &str) -> Reply {
    Reply::json(status, &json!({ "error": code }))
}

fn server() -> World {
    let world = world();
    world.state().public = true;
    world
}

#[tokio::test]
async fn a_code_is_typed_in_elsewhere() {
    let world = server();
    // pending has many a status
    world.state().device.extend([
        said(400, "authorization_pending"),
        said(428, "authorization_pending"),
        said(400, "slow_down"),
        said(429, "slow_down"),
        said(200, "authorization_pending"),
    ]);
    let person = world.person(&[]);
    let (pace, waits) = clock();
    let desk = world.desk(&person);
    let grant = enter_at(&desk, &FLOW, &pace).await.unwrap();
    assert!(plain(&grant, TOKEN).starts_with("access-secret-"));
    assert_eq!(*waits.lock().unwrap(), [5, 5, 10, 15, 15]);
    let (code, page, whole, until) = person.codes.lock().unwrap()[0].clone();
    assert_eq!((code.as_str(), page.as_str()), ("ABCD-EFGH", "https://auth.example/go"));
    assert_eq!(whole.as_deref(), Some("https://auth.example/go?user_code=ABCD-EFGH"));
    assert!((590..=600).contains(&(until - Utc::now()).num_seconds()));
    assert_eq!(world.state().asked["scope"], "read write stats");
    assert_eq!((grant.facts.client_id.as_str(), grant.facts.issuer.as_str()), ("app-1", ORIGIN));
    // the lifetime counts from the answer, not from the start
    let slept: u64 = waits.lock().unwrap().iter().sum();
    assert!((left(grant.facts.access_ends) - 3600 - slept as i64).abs() < 10);
    // it lives on, and ends
    let renewed = renew(&desk, &FLOW, &grant.secrets, &grant.facts).await.unwrap().unwrap();
    assert_ne!(plain(&renewed, TOKEN), plain(&grant, TOKEN));
    assert!(revoke(&desk, &FLOW, &grant.secrets, &grant.facts).await.unwrap());
    assert_eq!(world.state().revoked[0].1, "refresh_token");
    world.clean(&format!("{grant:?} {}", person.said()));
}

#[tokio::test]
async fn trouble_on_the_way_is_waited_out() {
    let world = server();
    world.state().device.extend([said(400, "authorization_pending"), said(400, "slow_down")]);
    for what in [What::Drop, What::Status { status: 503 }, What::Limited { seconds: 200 }] {
        world.server.inject(Inject { path: Some("/token".into()), ..Inject::new(what) });
    }
    let person = world.person(&[]);
    let (pace, waits) = clock();
    enter_at(&world.desk(&person), &FLOW, &pace).await.unwrap();
    let waits = waits.lock().unwrap().clone();
    // each trouble doubles the pause, and what the server asks for is kept to
    assert_eq!(waits[..2], [10, 20], "{waits:?}");
    assert!((168..=170).contains(&waits[2]), "{waits:?}");
    assert_eq!(waits[3..], [40, 45], "{waits:?}");
}

#[tokio::test]
async fn a_code_that_nobody_types_in_runs_out() {
    let world = server();
    world.state().device.extend((0..200).map(|_| said(400, "authorization_pending")));
    let person = world.person(&[]);
    let (pace, waits) = clock();
    let fault = enter_at(&world.desk(&person), &FLOW, &pace).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Auth, Some("expired_token")));
    assert_eq!(fault.message, "the code was not typed in at Example within 10 min; log in again");
    assert!((600..=610).contains(&waits.lock().unwrap().iter().sum::<u64>()));
    // a network that is away to the end is named
    world.server.inject(Inject { path: Some("/token".into()), times: 0, ..Inject::new(What::Status { status: 503 }) });
    let (pace, _) = clock();
    let fault = enter_at(&world.desk(&person), &FLOW, &pace).await.unwrap_err();
    assert!(fault.message.contains("within 10 min; the last: POST https://auth.example/token"), "{fault}");
    world.proper(&fault);
}

#[tokio::test]
async fn a_refusal_ends_it_at_once() {
    for (reply, kind, word) in [
        (said(400, "access_denied"), Kind::Auth, "declined"),
        (said(403, "access_denied"), Kind::Auth, "declined"),
        (said(400, "expired_token"), Kind::Auth, "log in again"),
        (said(401, "invalid_client"), Kind::Auth, "does not take the app `app-1`"),
        (said(400, "invalid_grant"), Kind::Auth, "no longer takes the code"),
        (said(400, "unsupported_grant_type"), Kind::Unsupported, "`--with`"),
        (Reply::html(200, "<title>Welcome to the hotel</title>"), Kind::Protocol, "Welcome to the hotel"),
        (Reply::json(200, &json!({"token": "leaked-token-1"})), Kind::Protocol, "not an `access_token`"),
        (Reply::empty(302).header("location", "https://evil.example/"), Kind::Protocol, "not followed"),
    ] {
        let world = server();
        world.state().device.push_back(reply);
        let person = world.person(&[]);
        let (pace, waits) = clock();
        let fault = enter_at(&world.desk(&person), &FLOW, &pace).await.unwrap_err();
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(fault.message.contains(word) && !fault.message.contains("leaked"), "{fault}");
        assert!(waits.lock().unwrap().is_empty());
        world.proper(&fault);
    }
}

#[tokio::test]
async fn what_is_needed_must_be_granted() {
    let world = server();
    world.state().grants = Some("read");
    let person = world.person(&[]);
    let fault = enter_at(&world.desk(&person), &FLOW, &clock().0).await.unwrap_err();
    assert!(fault.message.contains("did not grant `write` (to publish)"), "{fault}");
    assert_eq!(world.state().revoked.len(), 1);
}
