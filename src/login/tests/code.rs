//! Authorization code: the ways that lead somewhere.

use super::*;

#[tokio::test]
async fn a_browser_comes_back_with_a_code() {
    let world = world();
    let person = world.browsing();
    let grant = super::super::code::enter(&world.desk(&person), &FLOW).await.unwrap();
    assert!(plain(&grant, TOKEN).starts_with("access-secret-"));
    assert!(plain(&grant, REFRESH).starts_with("refresh-secret-"));
    assert_eq!(plain(&grant, CLIENT_SECRET), APP_SECRET);
    let facts = &grant.facts;
    assert_eq!(facts.scopes.as_deref().unwrap(), ["read", "write", "stats"]);
    assert_eq!((facts.client_id.as_str(), facts.issuer.as_str()), ("app-1", ORIGIN));
    assert!((3590..=3600).contains(&left(facts.access_ends)) && facts.refresh_ends.is_none());
    let asked = world.state().asked.clone();
    assert_eq!((asked["response_type"].as_str(), asked["code_challenge_method"].as_str()), ("code", "S256"));
    assert!(asked["state"].len() >= 43 && asked["code_challenge"].len() == 43);
    // the short address tells a process list nothing
    let (address, start) = person.visited.lock().unwrap()[0].clone();
    let port = url::Url::parse(&asked["redirect_uri"]).unwrap().port().unwrap();
    assert_eq!(start.unwrap(), format!("http://127.0.0.1:{port}/"));
    assert!(address.starts_with("https://auth.example/authorize?"));
    // nobody listens any more
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn what_is_learnt_is_in_no_log_and_no_record() {
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::TRACE);
    let subscriber = subscriber.with_writer(move || writer.clone()).finish();
    // with a single subscriber, whether a line is wanted is decided by the thread that first comes by, which has none
    let _second = tracing::Dispatch::new(tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).finish());
    let _guard = tracing::subscriber::set_default(subscriber);
    let world = recording(Some(directory.path().into()));
    world.state().rotates = true;
    for get in [false, true] {
        world.state().get = get;
        let dialect = Dialect { get, ..Dialect::STANDARD };
        let flow = Code { dialect, ..FLOW };
        let person = world.browsing();
        let desk = world.desk(&person);
        let grant = super::super::code::enter(&desk, &flow).await.unwrap();
        let renewed = super::super::code::renew(&desk, &flow, &grant.secrets, &grant.facts).await.unwrap().unwrap();
        world.clean(&format!("{grant:?} {renewed:?} {}", person.said()));
        super::super::code::revoke(&desk, &flow, &renewed.secrets, &renewed.facts).await.unwrap();
    }
    assert!(world.state().secrets.len() >= 10);
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    // what the library's own layers say is not ours to clean; all else is
    let ours: String = log.lines().filter(|line| line.contains("xpost")).collect();
    assert!(ours.contains("/token"), "{log}");
    world.clean(&ours);
    let mut recorded = 0;
    for file in std::fs::read_dir(directory.path()).unwrap() {
        world.clean(&std::fs::read_to_string(file.unwrap().path()).unwrap());
        recorded += 1;
    }
    assert_eq!(recorded, 6);
}

/// Sets a server up to be a little different, and gives what is said to xpost of it.
type Case = (&'static str, fn(&mut State), Code);

#[tokio::test]
async fn every_dialect_is_spoken() {
    fn nothing(_: &mut State) {}
    let dialect = Dialect::STANDARD;
    let cases: Vec<Case> = vec![
        ("basic", |state| state.basic = true, Code { dialect: Dialect { auth: ClientAuth::Basic, ..dialect }, ..FLOW }),
        (
            "client_key",
            |state| state.id_name = Some("client_key"),
            Code { dialect: Dialect { client_id: "client_key", ..dialect }, ..FLOW },
        ),
        ("get", |state| state.get = true, Code { dialect: Dialect { get: true, ..dialect }, ..FLOW }),
        (
            "wrapped",
            |state| state.wrap = Some(|token| json!({"data": [token]})),
            Code { dialect: Dialect { answer: "/data/0", ..dialect }, ..FLOW },
        ),
        ("bare", |state| state.wrap = Some(|token| json!({"ok": true, "access_token": token["access_token"]})), FLOW),
        (
            "odd",
            |state| {
                state.wrap = Some(
                    |token| json!({"access_token": token["access_token"], "expires_in": "7200", "refresh_expires_in": 31_536_000, "refresh_token": token["refresh_token"], "scope": ["read", "write"], "open_id": "o-1"}),
                );
            },
            FLOW,
        ),
        ("hex", |state| state.hex = true, Code { challenge: Challenge::S256Hex, ..FLOW }),
        ("no proof", nothing, Code { challenge: Challenge::None, ..FLOW }),
        ("commas", |state| state.grants = Some("read,write"), Code { joined: ",", ..FLOW }),
        ("more", nothing, Code { more: &[("access_type", "offline"), ("prompt", "consent")], ..FLOW }),
        ("public", |state| state.public = true, Code { client: Client::Public("app-1"), ..FLOW }),
        ("never", |state| state.public = true, Code { client: Client::App { secret: AppSecret::Never }, ..FLOW }),
        (
            "localhost",
            nothing,
            Code { redirects: &[Redirect::Loopback { host: "localhost", port: None, path: "/" }], ..FLOW },
        ),
    ];
    for (name, set, flow) in cases {
        let world = world();
        set(&mut world.state());
        let person = world.browsing();
        let grant = super::super::code::enter(&world.desk(&person), &flow).await;
        let grant = grant.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert!(plain(&grant, TOKEN).starts_with("access-secret-"), "{name}");
        let asked = world.state().asked.clone();
        match name {
            "bare" => assert!(grant.facts.access_ends.is_none() && grant.facts.scopes.is_none()),
            "odd" => {
                assert!((7190..=7200).contains(&left(grant.facts.access_ends)));
                assert!(left(grant.facts.refresh_ends) > 31_000_000);
                assert_eq!(grant.facts.subject, "o-1");
                assert_eq!(grant.facts.scopes.as_deref().unwrap(), ["read", "write"]);
            }
            "hex" => assert_eq!(asked["code_challenge"].len(), 64),
            "no proof" => assert!(!asked.contains_key("code_challenge")),
            "commas" => assert_eq!(asked["scope"], "read,write,stats"),
            "more" => assert_eq!((asked["access_type"].as_str(), asked["prompt"].as_str()), ("offline", "consent")),
            "client_key" => assert!(asked.contains_key("client_key") && !asked.contains_key("client_id")),
            "public" | "never" => assert_eq!(plain(&grant, CLIENT_SECRET), ""),
            "localhost" => assert!(asked["redirect_uri"].starts_with("http://localhost:")),
            "get" => {
                let log = world.server.log();
                let token = log.iter().find(|exchange| exchange.request.path == "/token").unwrap();
                assert!(token.request.body.is_empty());
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_token_is_traded_for_one_that_lives_longer() {
    let world = world();
    let longer = Exchange {
        url: "{server}/longer",
        grant_type: "th_exchange",
        token: "access_token",
        with_id: false,
        with_secret: true,
        not_before: Duration::from_secs(86_400),
    };
    let flow = Code { longer: Some(longer), renew: Renew::Exchange(longer), ..FLOW };
    let person = world.browsing();
    let desk = world.desk(&person);
    let mut grant = super::super::code::enter(&desk, &flow).await.unwrap();
    assert!(plain(&grant, TOKEN).starts_with("long-secret-"));
    assert!(left(grant.facts.access_ends) > 5_180_000);
    assert_eq!(grant.facts.scopes.as_deref().unwrap(), ["read", "write", "stats"]);
    // a young one is left alone
    grant.facts.renewed_at = Some(Utc::now() - chrono::TimeDelta::hours(23));
    let renewed = super::super::code::renew(&desk, &flow, &grant.secrets, &grant.facts).await.unwrap();
    assert!(renewed.is_none() && world.asked("/longer") == 1);
    grant.facts.renewed_at = Some(Utc::now() - chrono::TimeDelta::hours(25));
    let renewed = super::super::code::renew(&desk, &flow, &grant.secrets, &grant.facts).await.unwrap().unwrap();
    assert_ne!(plain(&renewed, TOKEN), plain(&grant, TOKEN));
    assert_eq!(renewed.facts.scopes, grant.facts.scopes);
    // one that is gone says so, without being quoted
    world.state().access.clear();
    let fault = super::super::code::renew(&desk, &flow, &grant.secrets, &grant.facts).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Auth, Some("190")), "{fault}");
    world.proper(&fault);
}

#[tokio::test]
async fn an_address_is_pasted_where_no_browser_is() {
    let world = world();
    let port = world.server.port();
    for (suffix, redirects) in [
        ("", &[LOOPBACK] as &'static [Redirect]),
        ("#_=_", &[Redirect::Https]),
        ("#_", &[Redirect::Https, LOOPBACK]),
        ("", &[LOOPBACK, Redirect::Https]),
    ] {
        let flow = Code { redirects, ..FLOW };
        let person = Pasting { port, suffix, inner: Tester::new(false, |_, _| {}) };
        let mut desk = world.desk(&person);
        if redirects.contains(&Redirect::Https) {
            desk.app.as_mut().unwrap().redirect = Some("https://ann.example/landed?fixed=1".into());
        }
        super::super::code::enter(&desk, &flow).await.unwrap();
        let https = world.state().asked["redirect_uri"].starts_with("https://ann.example/landed");
        assert_eq!(https, redirects.contains(&Redirect::Https));
        assert_eq!(person.inner.visited.lock().unwrap()[0].1, None);
        assert_eq!(*person.inner.questions.lock().unwrap(), [("paste the address".to_string(), false)]);
    }
}

/// Opens the address in a browser elsewhere, and pastes what it lands on.
struct Pasting {
    port: u16,
    suffix: &'static str,
    inner: Tester,
}

#[async_trait]
impl Person for Pasting {
    fn browser(&self) -> bool {
        false
    }

    fn visit(&self, address: &str, start: Option<&str>) {
        self.inner.visit(address, start);
    }

    fn enter_code(&self, _: &str, _: &str, _: Option<&str>, _: DateTime<Utc>) {}

    async fn ask(&self, what: &str, hidden: bool) -> Result<SecretString, Fault> {
        self.inner.questions.lock().unwrap().push((what.to_string(), hidden));
        let address = self.inner.visited.lock().unwrap()[0].0.clone();
        let landed = agree(self.port, &address).await;
        Ok(SecretString::from(format!(" {landed}{}\n", self.suffix)))
    }

    fn say(&self, line: &str) {
        self.inner.say(line);
    }
}

#[tokio::test]
async fn a_code_is_pasted_where_the_network_shows_it() {
    let world = world();
    let port = world.server.port();
    let flow = Code { redirects: &[Redirect::Shown("urn:ietf:wg:oauth:2.0:oob")], ..FLOW };
    struct Copying(u16, Tester);
    #[async_trait]
    impl Person for Copying {
        fn browser(&self) -> bool {
            true
        }
        fn visit(&self, address: &str, start: Option<&str>) {
            self.1.visit(address, start);
        }
        fn enter_code(&self, _: &str, _: &str, _: Option<&str>, _: DateTime<Utc>) {}
        async fn ask(&self, what: &str, hidden: bool) -> Result<SecretString, Fault> {
            assert_eq!((what, hidden), ("paste the code", false));
            let address = self.1.visited.lock().unwrap()[0].0.clone();
            Ok(SecretString::from(format!("{}\n", param(&agree(self.0, &address).await, "code"))))
        }
        fn say(&self, _: &str) {}
    }
    let person = Copying(port, Tester::new(true, |_, _| {}));
    let grant = super::super::code::enter(&world.desk(&person), &flow).await.unwrap();
    assert!(plain(&grant, TOKEN).starts_with("access-secret-"));
    assert_eq!(world.state().asked["redirect_uri"], "urn:ietf:wg:oauth:2.0:oob");
}

#[tokio::test]
async fn an_app_is_asked_for_or_given_out_by_the_server() {
    // asked for, the secret hidden
    let mut world = world();
    world.app = None;
    let person = world.browsing();
    person.answers.lock().unwrap().extend([" app-1 ".to_string(), APP_SECRET.to_string()]);
    let grant = super::super::code::enter(&world.desk(&person), &FLOW).await.unwrap();
    assert_eq!((grant.facts.client_id.as_str(), plain(&grant, CLIENT_SECRET)), ("app-1", APP_SECRET));
    let hidden: Vec<bool> = person.questions.lock().unwrap().iter().map(|(_, hidden)| *hidden).collect();
    assert_eq!(hidden, [false, true]);
    // given out, with a secret and without
    const WITH: register::Rfc7591 = register::Rfc7591 {
        url: "{server}/register",
        auth: Some(ClientAuth::Body),
        more: &[("client_uri", "https://ann.example/")],
    };
    const PUBLIC: register::Rfc7591 = register::Rfc7591 { url: "{server}/register", auth: None, more: &[] };
    static CASES: [(&dyn Register, bool); 2] = [(&WITH, true), (&PUBLIC, false)];
    for (register, secret) in CASES {
        let flow = Code { client: Client::Registered(register), ..FLOW };
        let person = world.browsing();
        let desk = world.desk(&person);
        let grant = super::super::code::enter(&desk, &flow).await.unwrap();
        assert!(grant.facts.client_id.starts_with("made-"));
        assert_eq!(plain(&grant, CLIENT_SECRET).starts_with("client-secret-"), secret);
        // renewing needs nothing else
        assert!(super::super::code::renew(&desk, &flow, &grant.secrets, &grant.facts).await.unwrap().is_some());
        let log = world.server.log();
        let ask = log.iter().rfind(|exchange| exchange.request.path == "/register").unwrap().request.json();
        assert_eq!(ask["redirect_uris"][0].as_str(), Some(world.state().asked["redirect_uri"].as_str()));
        assert_eq!(
            (ask["client_name"].as_str(), ask["application_type"].as_str()),
            (Some("xpost (work)"), Some("native"))
        );
        assert_eq!(ask["token_endpoint_auth_method"], if secret { "client_secret_post" } else { "none" });
        assert_eq!(ask.get("client_uri").is_some(), secret);
    }
}

#[tokio::test]
async fn an_app_may_ask_for_less() {
    struct Narrow;
    #[async_trait]
    impl Register for Narrow {
        async fn register(&self, _: &Desk<'_>, _: &str, asked: &[&str]) -> Result<App, Fault> {
            assert_eq!(asked, ["read", "write", "stats"]);
            let secret = Some(SecretString::from(APP_SECRET));
            Ok(App { id: "app-1".into(), secret, scopes: Some(vec!["write:posts".into()]), ..App::default() })
        }
    }
    let world = world();
    let flow = Code { client: Client::Registered(&Narrow), ..FLOW };
    let person = world.browsing();
    super::super::code::enter(&world.desk(&person), &flow).await.unwrap();
    assert_eq!(world.state().asked["scope"], "write:posts");
    world.state().grants = Some("read");
    let person = world.browsing();
    let fault = super::super::code::enter(&world.desk(&person), &flow).await.unwrap_err();
    assert!(fault.message.contains("did not grant `write:posts`"), "{fault}");
}

#[tokio::test]
async fn a_redirect_that_the_person_names_is_the_one() {
    let world = world();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let person = world.browsing();
    let mut desk = world.desk(&person);
    desk.app.as_mut().unwrap().redirect = Some(format!("http://localhost:{free}/mine"));
    super::super::code::enter(&desk, &FLOW).await.unwrap();
    assert_eq!(world.state().asked["redirect_uri"], format!("http://localhost:{free}/mine"));
}

#[tokio::test]
async fn an_app_in_testing_is_told_of() {
    let world = world();
    world.state().wrap = Some(|mut token| {
        token["refresh_token_expires_in"] = json!(604_799);
        token
    });
    let person = world.browsing();
    let grant = super::super::code::enter(&world.desk(&person), &FLOW).await.unwrap();
    assert!((604_700..604_800).contains(&left(grant.facts.refresh_ends)));
    assert!(person.said().contains("ends in 7 days"), "{}", person.said());
}

#[tokio::test]
async fn what_is_needed_must_be_granted() {
    let world = world();
    world.state().grants = Some("read stats");
    let person = world.browsing();
    let fault = super::super::code::enter(&world.desk(&person), &FLOW).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Auth);
    assert_eq!(fault.message, "Example did not grant `write` (to publish); log in again and allow it");
    // it does not lie around
    let revoked = world.state().revoked.clone();
    assert_eq!(revoked.len(), 1);
    assert!(revoked[0].0.starts_with("refresh-secret-") && revoked[0].1 == "refresh_token", "{revoked:?}");
    world.proper(&fault);
    // what is optional may be left out
    world.state().grants = Some("write read");
    let person = world.browsing();
    super::super::code::enter(&world.desk(&person), &FLOW).await.unwrap();
}

#[tokio::test]
async fn a_login_can_run_on_any_thread() {
    fn sendable<T: Send>(_: &T) {}
    let world = world();
    let person = world.person(&[]);
    let desk = world.desk(&person);
    sendable(&super::super::code::enter(&desk, &FLOW));
    sendable(&super::super::device::enter(&desk, &super::device::FLOW));
}

#[tokio::test]
async fn a_login_without_a_refresh_token_ends_with_its_token() {
    let world = world();
    world.state().wrap = Some(|token| json!({"access_token": token["access_token"], "expires_in": 5_184_000}));
    let person = world.browsing();
    let grant = super::super::code::enter(&world.desk(&person), &FLOW).await.unwrap();
    assert_eq!(FLOW.renew, Renew::Refresh, "others could be renewed");
    let facts = &grant.facts;
    assert!((5_183_990..=5_184_000).contains(&left(facts.login_ends)));
    assert_eq!((facts.ends(true), facts.login_ends), (facts.access_ends, facts.access_ends));
}
