//! Keeping a login alive, ending it, and every way in which a server refuses.

use super::super::code::{enter, renew, revoke};
use super::*;
use crate::twin::{Inject, What};

async fn logged_in(world: &World) -> Grant {
    let person = world.browsing();
    enter(&world.desk(&person), &FLOW).await.unwrap()
}

#[tokio::test]
async fn a_refresh_token_is_replaced_where_the_network_replaces_it() {
    let world = world();
    let first = logged_in(&world).await;
    // as the engine does it: nobody there, and no app but what is kept
    let desk = Desk { app: None, ..world.desk(&Nobody) };
    let kept = renew(&desk, &FLOW, &first.secrets, &first.facts).await.unwrap().unwrap();
    assert_ne!(plain(&kept, TOKEN), plain(&first, TOKEN));
    assert!(!kept.secrets.contains_key(REFRESH), "the old one stays");
    assert!((50..=60).contains(&left(kept.facts.access_ends)));
    assert_eq!((&kept.facts.scopes, &kept.facts.client_id), (&first.facts.scopes, &first.facts.client_id));
    world.state().rotates = true;
    let rotated = renew(&desk, &FLOW, &first.secrets, &first.facts).await.unwrap().unwrap();
    assert_ne!(plain(&rotated, REFRESH), plain(&first, REFRESH));
    assert_eq!(rotated.facts.scopes.as_deref().unwrap(), ["read", "write"]);
    // the old one again is what a thief would do: everything ends
    let fault = renew(&desk, &FLOW, &first.secrets, &first.facts).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Auth, Some("invalid_grant")));
    assert_eq!(
        fault.message,
        "Example no longer takes this login (it said: used twice): it was revoked, has expired or was used twice; run `xpost account login work`"
    );
    world.proper(&fault);
    let fault = renew(&desk, &FLOW, &rotated.secrets, &rotated.facts).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Auth);
}

#[tokio::test]
async fn lifetimes_count_from_our_clock() {
    let world = world();
    let mut first = logged_in(&world).await;
    let login_ends = Utc::now() + chrono::TimeDelta::days(3);
    first.facts.login_ends = Some(login_ends);
    first.facts.refresh_ends = Some(login_ends);
    let desk = world.desk(&Nobody);
    let life =
        Life { refresh: Some(Duration::from_secs(86_400)), access: Some(Duration::from_secs(120)), ..Life::SAID };
    let flow = Code { life, ..FLOW };
    // the server's clock is ten minutes off, and nobody minds
    let off = Utc::now() + chrono::TimeDelta::minutes(10);
    for (answer, access, refresh) in [
        (json!({"access_token": "t-000001", "expires_in": 3600, "created_at": off.timestamp()}), 3600, 3 * 86_400),
        (json!({"access_token": "t-000001"}), 120, 3 * 86_400),
        (json!({"access_token": "t-000001", "refresh_token": "r-000002"}), 120, 86_400),
        (json!({"access_token": "t-000001", "refresh_token_expires_in": "60"}), 120, 60),
        (json!({"access_token": "t-000001", "expires_in": 1e300}), 3_200_000_000_000, 3 * 86_400),
    ] {
        let reply = Reply::json(200, &answer).header("date", off.to_rfc2822());
        world.state().script.push_back(reply);
        let renewed = renew(&desk, &flow, &first.secrets, &first.facts).await.unwrap().unwrap();
        if access < 1_000_000_000 {
            assert!((left(renewed.facts.access_ends) - access).abs() < 5, "{answer}");
        }
        assert!((left(renewed.facts.refresh_ends) - refresh).abs() < 5, "{answer}");
        assert_eq!(renewed.facts.login_ends, Some(login_ends));
    }
}

#[tokio::test]
async fn nothing_is_renewed_that_cannot_be() {
    let world = world();
    let grant = logged_in(&world).await;
    let desk = world.desk(&Nobody);
    let asked = world.asked("/token");
    let mut held = grant.secrets.clone();
    held.remove(REFRESH);
    assert!(renew(&desk, &FLOW, &held, &grant.facts).await.unwrap().is_none());
    let never = Code { renew: Renew::Never, ..FLOW };
    assert!(renew(&desk, &never, &grant.secrets, &grant.facts).await.unwrap().is_none());
    assert_eq!(world.asked("/token"), asked);
}

#[tokio::test]
async fn a_login_of_one_server_is_not_shown_to_another() {
    let world = world();
    let grant = logged_in(&world).await;
    let asked = world.server.log().len();
    let desk = Desk { server: "https://evil.example", ..world.desk(&Nobody) };
    for fault in [
        renew(&desk, &FLOW, &grant.secrets, &grant.facts).await.unwrap_err(),
        revoke(&desk, &FLOW, &grant.secrets, &grant.facts).await.unwrap_err(),
    ] {
        assert_eq!(fault.kind, Kind::Local);
        assert!(fault.message.contains("was not sent to `https://evil.example`"), "{fault}");
        world.proper(&fault);
    }
    assert_eq!(world.server.log().len(), asked);
}

fn said(status: u16, code: &str) -> Reply {
    Reply::json(status, &json!({"error": code, "error_description": "So it is."}))
}

#[tokio::test]
async fn every_refusal_has_a_clear_end() {
    let world = world();
    let grant = logged_in(&world).await;
    let refresh = plain(&grant, REFRESH).to_string();
    let desk = Desk { app: None, ..world.desk(&Nobody) };
    let echo = Reply::json(400, &json!({"error": refresh, "error_description": format!("{refresh} {APP_SECRET}")}));
    let meta = json!({"error": {"message": "Session has expired", "type": "OAuthException", "code": 190}});
    let passing = json!({"error": {"message": "later", "type": "OAuthException", "code": 2, "is_transient": true}});
    let secret_json = json!({"refresh_token": "leaked-token-1", "note": "leaked-token-2"});
    for (reply, kind, word) in [
        (said(400, "invalid_grant"), Kind::Auth, "no longer takes this login"),
        (said(401, "invalid_client"), Kind::Auth, "`app-1`, or not its secret (it said: So it is); check `client_id`"),
        (said(400, "unauthorized_client"), Kind::Auth, "XPOST_APP_WORK_CLIENT_ID"),
        (said(400, "invalid_scope"), Kind::Auth, "does not give the app `app-1` all permissions"),
        (said(403, "access_denied"), Kind::Auth, "declined at Example"),
        (said(400, "unsupported_grant_type"), Kind::Unsupported, "choose another with `--with`"),
        (said(400, "admin_policy_enforced"), Kind::Forbidden, "an administrator"),
        (said(403, "org_internal"), Kind::Forbidden, "only for accounts of its own organisation"),
        (said(402, "payment_required"), Kind::Billing, "wants to be paid first"),
        (said(402, "whatever"), Kind::Billing, "So it is"),
        (Reply::empty(402), Kind::Billing, "https://auth.example/token"),
        (said(400, "invalid_request"), Kind::Rejected, "refuses (it said: So it is)"),
        (said(400, "unheard_of"), Kind::Auth, "refuses"),
        (said(400, "temporarily_unavailable"), Kind::Unavailable, "trouble of its own"),
        (said(500, "invalid_grant"), Kind::Unavailable, "So it is"),
        (Reply::json(400, &meta), Kind::Auth, "Session has expired"),
        (Reply::json(400, &passing), Kind::Unavailable, "later"),
        (Reply::json(200, &json!({"ok": false, "error": "invalid_refresh_token"})), Kind::Auth, "no longer takes"),
        (Reply::json(200, &json!({"ok": false, "error": "ratelimited"})), Kind::Limited, "too often"),
        (Reply::json(200, &json!({"ok": false})), Kind::Rejected, "refuses"),
        (Reply::html(200, "<html><title>Hotel</title>"), Kind::Protocol, "a page of HTML, \"Hotel\""),
        (Reply::html(403, "<html><title>Checking your browser</title>"), Kind::Forbidden, "Checking your browser"),
        (Reply::html(502, "<html><title>Bad gateway</title>"), Kind::Unavailable, "Bad gateway"),
        (Reply::empty(200), Kind::Protocol, "answered nothing, not an `access_token`"),
        (Reply::text(200, "{\"access_token\": "), Kind::Protocol, "broken JSON"),
        (Reply::json(200, &secret_json), Kind::Protocol, "answered something else"),
        (Reply::text(200, &"x".repeat(300_000)), Kind::Protocol, "larger than 256 kB"),
        (Reply::empty(302).header("location", "https://evil.example/x"), Kind::Protocol, "`evil.example`"),
        (Reply::empty(404), Kind::Rejected, "empty body"),
        (echo, Kind::Auth, "[secret] [secret]"),
    ] {
        world.state().script.push_back(reply.clone());
        let fault = renew(&desk, &FLOW, &grant.secrets, &grant.facts).await.unwrap_err();
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(fault.message.contains(word), "{fault}");
        assert!(!format!("{fault:?}").contains("leaked"), "{fault}");
        assert_eq!(fault.status, Some(reply.status), "{fault}");
        world.proper(&fault);
    }
}

#[tokio::test]
async fn trouble_passes_and_says_when() {
    let world = world();
    let grant = logged_in(&world).await;
    let desk = world.desk(&Nobody);
    for (what, kind) in [
        (What::Limited { seconds: 120 }, Kind::Limited),
        (What::Status { status: 503 }, Kind::Unavailable),
        (What::Status { status: 500 }, Kind::Unavailable),
        (What::Drop, Kind::Network),
    ] {
        world.server.inject(Inject { path: Some("/token".into()), ..Inject::new(what.clone()) });
        let fault = renew(&desk, &FLOW, &grant.secrets, &grant.facts).await.unwrap_err();
        assert_eq!(fault.kind, kind);
        assert!(fault.kind.transient());
        if matches!(what, What::Limited { .. }) {
            assert!((110..=120).contains(&left(fault.retry_at)));
        }
        world.proper(&fault);
    }
    for what in [What::Truncated, What::Huge, What::Html] {
        world.server.inject(Inject { path: Some("/token".into()), ..Inject::new(what) });
        let fault = renew(&desk, &FLOW, &grant.secrets, &grant.facts).await.unwrap_err();
        assert_ne!(fault.kind, Kind::Auth, "the login may be as good as ever: {fault}");
        world.proper(&fault);
    }
}

#[tokio::test]
async fn a_login_is_ended_at_the_network() {
    let world = world();
    let grant = logged_in(&world).await;
    let desk = Desk { app: None, ..world.desk(&Nobody) };
    assert!(revoke(&desk, &FLOW, &grant.secrets, &grant.facts).await.unwrap());
    let mut held = grant.secrets.clone();
    held.remove(REFRESH);
    assert!(revoke(&desk, &FLOW, &held, &grant.facts).await.unwrap());
    let revoked = world.state().revoked.clone();
    assert_eq!(revoked[0], (plain(&grant, REFRESH).to_string(), "refresh_token".to_string()));
    assert_eq!(revoked[1], (plain(&grant, TOKEN).to_string(), "access_token".to_string()));
    // the secret in the header
    world.state().basic = true;
    let basic = Code { dialect: Dialect { auth: ClientAuth::Basic, ..Dialect::STANDARD }, ..FLOW };
    assert!(revoke(&desk, &basic, &grant.secrets, &grant.facts).await.unwrap());
    world.state().basic = false;
    // gone already is what was wanted; a refusal is not
    world.state().script.push_back(said(400, "invalid_token"));
    assert!(revoke(&desk, &FLOW, &grant.secrets, &grant.facts).await.unwrap());
    for (code, kind) in [("invalid_client", Kind::Auth), ("unsupported_token_type", Kind::Unsupported)] {
        world.state().script.push_back(said(400, code));
        let fault = revoke(&desk, &FLOW, &grant.secrets, &grant.facts).await.unwrap_err();
        assert_eq!(fault.kind, kind, "{fault}");
        world.proper(&fault);
    }
    // with the token itself
    let delete = Code { revoke: Some(Revoke::Delete("{server}/me/permissions")), ..FLOW };
    assert!(revoke(&desk, &delete, &grant.secrets, &grant.facts).await.unwrap());
    assert!(world.state().access.is_empty());
    assert!(revoke(&desk, &delete, &grant.secrets, &grant.facts).await.unwrap(), "gone already");
    world.server.inject(Inject::new(What::Status { status: 503 }));
    assert!(revoke(&desk, &delete, &grant.secrets, &grant.facts).await.unwrap_err().kind.transient());
    let none = Code { revoke: None, ..FLOW };
    assert!(!revoke(&desk, &none, &grant.secrets, &grant.facts).await.unwrap());
}

#[tokio::test]
async fn a_server_that_gives_out_no_apps_says_so() {
    let world = world();
    const AT: register::Rfc7591 = register::Rfc7591 { url: "{server}/nowhere", auth: None, more: &[] };
    let flow = Code { client: Client::Registered(&AT), ..FLOW };
    let person = world.browsing();
    let fault = enter(&world.desk(&person), &flow).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Unsupported);
    assert!(fault.message.starts_with("https://auth.example gives out no app to log in with"), "{fault}");
    assert!(person.visited.lock().unwrap().is_empty());
}
