//! A name and a password for a token.

use super::super::password::{enter, revoke};
use super::*;

const FLOW: Password = Password {
    token: "{server}/session",
    warning: "this server knows no other way; the password is not kept",
    name: "username",
    password: "pass",
    more: &[("stay", "true")],
    json: true,
    answer: "/login/jwt",
    revoke: Some(("{server}/logout", "POST")),
    life: Life { login: Some(Duration::from_secs(7 * 86_400)), ..Life::SAID },
};

#[tokio::test]
async fn a_password_is_traded_and_forgotten() {
    for json in [true, false] {
        let mut world = world();
        let person = world.person(&[" ann ", "pass-secret-0001"]);
        let flow = Password { json, ..FLOW };
        let desk = world.desk(&person);
        let grant = enter(&desk, &flow).await.unwrap();
        assert!(plain(&grant, TOKEN).starts_with("session-secret-"));
        assert_eq!(grant.secrets.len(), 1);
        assert_eq!(person.said(), FLOW.warning);
        let hidden: Vec<bool> = person.questions.lock().unwrap().iter().map(|(_, hidden)| *hidden).collect();
        assert_eq!(hidden, [false, true]);
        assert!((590..=600).contains(&left(grant.facts.access_ends)));
        assert!((604_790..=604_800).contains(&left(grant.facts.login_ends)));
        assert_eq!((grant.facts.subject.as_str(), grant.facts.issuer.as_str()), ("7", ORIGIN));
        world.clean(&format!("{grant:?}"));
        assert!(revoke(&desk, &flow, &grant.secrets, &grant.facts).await.unwrap());
        assert!(revoke(&desk, &flow, &grant.secrets, &grant.facts).await.unwrap(), "gone already");
        let elsewhere = Desk { server: "https://evil.example", ..world.desk(&Nobody) };
        assert!(revoke(&elsewhere, &flow, &grant.secrets, &grant.facts).await.is_err());
        // the name may be known
        world.settings = json!({"user": "ann"});
        let person = world.person(&["pass-secret-0001"]);
        enter(&world.desk(&person), &flow).await.unwrap();
        assert_eq!(person.questions.lock().unwrap()[0], ("the password of ann at Example".to_string(), true));
    }
}

#[tokio::test]
async fn a_wrong_password_is_not_quoted() {
    let world = world();
    let person = world.person(&["ann", "wrong-secret-0002"]);
    let fault = enter(&world.desk(&person), &FLOW).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Auth, Some("incorrect_login")));
    assert!(fault.message.starts_with("Example did not take the name or the password: wrong"), "{fault}");
    assert!(!format!("{fault:?}").contains("wrong-secret-0002"), "{fault}");
    world.proper(&fault);
    // trouble is not a wrong password
    world.server.inject(crate::twin::Inject::new(crate::twin::What::Status { status: 503 }));
    let person = world.person(&["ann", "pass-secret-0001"]);
    let fault = enter(&world.desk(&person), &FLOW).await.unwrap_err();
    assert!(fault.kind.transient(), "{fault}");
    let elsewhere = Password { answer: "/nowhere", ..FLOW };
    let person = world.person(&["ann", "pass-secret-0001"]);
    let fault = enter(&world.desk(&person), &elsewhere).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Protocol);
    world.proper(&fault);
    // nobody there, nothing sent
    let asked = world.asked("/session");
    assert!(enter(&world.desk(&Nobody), &FLOW).await.is_err());
    assert_eq!(world.asked("/session"), asked);
}
