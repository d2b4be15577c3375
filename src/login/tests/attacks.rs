//! What must not work.

use super::*;

/// The port that the browser is to come back to, and the state that it must bring.
fn way(address: &str) -> (u16, String) {
    let redirect = url::Url::parse(&param(address, "redirect_uri")).unwrap();
    (redirect.port().unwrap(), param(address, "state"))
}

/// Does something with the listener before the honest browser comes.
fn meddling<F, Fut>(world: &World, meddle: F) -> Tester
where
    F: Fn(u16, String) -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = ()> + Send,
{
    let port = world.server.port();
    Tester::new(true, move |address, start| {
        let meddle = meddle.clone();
        tokio::spawn(async move {
            let (own, state) = way(&address);
            meddle(own, state).await;
            browse(port, address, start).await
        });
    })
}

#[tokio::test]
async fn a_wrong_state_is_refused_told_and_ends_nothing() {
    let world = world();
    let person = meddling(&world, |port, state| async move {
        for query in [
            "code=stolen-code-1".to_string(),
            "code=stolen-code-1&state=".to_string(),
            "code=stolen-code-1&state=wrong".to_string(),
            format!("code=stolen-code-1&state={}", &state[..state.len() - 1]),
            format!("code=stolen-code-1&state=wrong&state={state}"),
            "error=access_denied&state=wrong".to_string(),
            String::new(),
        ] {
            let page = get(&format!("http://127.0.0.1:{port}/callback?{query}")).await;
            assert_eq!(page.status, 400, "{query}");
            assert!(!page.whole.contains("stolen") && !page.whole.contains(&state));
        }
    });
    let grant = super::super::code::enter(&world.desk(&person), &FLOW).await.unwrap();
    assert!(plain(&grant, TOKEN).starts_with("access-secret-"));
    let said = person.said.lock().unwrap().clone();
    assert!((1..=5).contains(&said.len()) && said[0].contains("still waits"), "{said:?}");
    let sent = world.server.log();
    let token = sent.iter().find(|exchange| exchange.request.path == "/token").unwrap();
    assert!(!String::from_utf8_lossy(&token.request.body).contains("stolen"));
}

#[tokio::test]
async fn a_second_callback_is_too_late() {
    let world = world();
    let seen: Arc<Mutex<Vec<u16>>> = Arc::default();
    let (port, pages) = (world.server.port(), seen.clone());
    // the token endpoint takes its time, so that the listener is still there
    world.server.inject(crate::twin::Inject {
        path: Some("/token".into()),
        ..crate::twin::Inject::new(crate::twin::What::Delay { ms: 400 })
    });
    let person = Tester::new(true, move |address, start| {
        let pages = pages.clone();
        tokio::spawn(async move {
            let (own, state) = way(&address);
            let first = browse(port, address, start).await;
            let base = format!("http://127.0.0.1:{own}");
            let second = get(&format!("{base}/callback?code=other-code&state={state}")).await;
            let third = get(&format!("{base}/callback?code=other-code&state=wrong")).await;
            let again = get(&format!("{base}/")).await;
            *pages.lock().unwrap() = vec![first.status, second.status, third.status, again.status];
        });
    });
    super::super::code::enter(&world.desk(&person), &FLOW).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [200, 410, 410, 410]);
    assert_eq!(world.asked("/token"), 1);
}

#[tokio::test]
async fn of_many_at_once_one_is_taken() {
    let world = world();
    world.server.inject(crate::twin::Inject {
        path: Some("/token".into()),
        ..crate::twin::Inject::new(crate::twin::What::Delay { ms: 400 })
    });
    let seen: Arc<Mutex<Vec<u16>>> = Arc::default();
    let (port, pages) = (world.server.port(), seen.clone());
    let person = Tester::new(true, move |address, _| {
        let pages = pages.clone();
        tokio::spawn(async move {
            let back = agree(port, &address).await;
            let all: Vec<_> = (0..20)
                .map(|_| {
                    tokio::spawn({
                        let back = back.clone();
                        async move { get(&back).await.status }
                    })
                })
                .collect();
            for one in all {
                let status = one.await.unwrap();
                pages.lock().unwrap().push(status);
            }
        });
    });
    super::super::code::enter(&world.desk(&person), &FLOW).await.unwrap();
    let pages = seen.lock().unwrap().clone();
    assert_eq!((pages.iter().filter(|status| **status == 200).count(), world.asked("/token")), (1, 1), "{pages:?}");
}

#[tokio::test]
async fn a_code_is_good_once() {
    let world = world();
    let port = world.server.port();
    let person = Tester::new(true, move |address, start| {
        tokio::spawn(async move {
            let first = get(&start.unwrap()).await.location;
            let back = agree(port, &first).await;
            // somebody who saw the code was quicker
            let code = param(&back, "code");
            let redirect = param(&address, "redirect_uri");
            let body = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs([("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &redirect)])
                .extend_pairs([("client_id", "app-1"), ("client_secret", APP_SECRET), ("code_verifier", "guess")])
                .finish();
            let length = body.len();
            let stolen = raw(port, &format!("POST /{HOST}/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")).await;
            // without the verifier it is worth nothing to him
            assert!(stolen.whole.contains("the proof does not fit"), "{}", stolen.whole);
            get(&back).await
        });
    });
    let fault = super::super::code::enter(&world.desk(&person), &FLOW).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Auth, Some("invalid_grant")));
    assert!(fault.message.contains("was used twice"), "{fault}");
    world.proper(&fault);
}

#[tokio::test]
async fn an_answer_of_another_server_is_not_used() {
    let world = world();
    for (iss, good) in [
        ("https://auth.example", true),
        ("https://auth.example/tenant", true),
        ("https://evil.example", false),
        ("http://auth.example", false),
        ("https://auth.example:8443", false),
        ("https://auth.example.evil.example", false),
        ("", false),
        ("auth.example", false),
    ] {
        world.server.clear_log();
        world.state().back = vec![("iss", iss.to_string())];
        let person = world.browsing();
        let entered = super::super::code::enter(&world.desk(&person), &FLOW).await;
        if good {
            entered.unwrap();
            continue;
        }
        let fault = entered.unwrap_err();
        assert_eq!(fault.kind, Kind::Auth);
        assert!(fault.message.contains("of another server than `https://auth.example`"), "{iss}: {fault}");
        assert_eq!(world.asked("/token"), 0, "{iss}");
        world.proper(&fault);
    }
    // twice is not once
    world.state().back = vec![("iss", ORIGIN.to_string()), ("iss", ORIGIN.to_string())];
    let person = world.browsing();
    assert!(super::super::code::enter(&world.desk(&person), &FLOW).await.is_err());
}

#[tokio::test]
async fn the_listener_answers_to_its_own_name_only() {
    let world = world();
    let person = meddling(&world, |port, state| async move {
        let ask = |line: &str, host: &str| format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let callback = format!("GET /callback?code=stolen-code-1&state={state}");
        for host in [
            "evil.example".to_string(),
            format!("evil.example:{port}"),
            // a name that leads to this machine is another name
            format!("localtest.me:{port}"),
            format!("localhost:{port}"),
            format!("127.0.0.2:{port}"),
            format!("127.0.0.1.evil.example:{port}"),
            format!("127.0.0.1:{}", port.wrapping_add(1)),
            "127.0.0.1".to_string(),
            String::new(),
        ] {
            for line in [callback.as_str(), "GET /", "GET /nowhere"] {
                let page = raw(port, &ask(line, &host)).await;
                assert_eq!((page.status, page.location.as_str()), (421, ""), "{line} {host}");
                assert!(!page.whole.contains("stolen") && !page.whole.contains(&state));
            }
        }
        let own = format!("127.0.0.1:{port}");
        let twice = format!("{callback} HTTP/1.1\r\nHost: {own}\r\nHost: evil.example\r\n\r\n");
        assert_eq!(raw(port, &twice).await.status, 421);
        assert_eq!(raw(port, &format!("{callback} HTTP/1.0\r\n\r\n")).await.status, 421);
        for (line, status) in [
            (format!("POST /callback?code=stolen-code-1&state={state}"), 405),
            ("HEAD /".to_string(), 405),
            (format!("GET /callback/?code=stolen-code-1&state={state}"), 404),
            (format!("GET /Callback?code=stolen-code-1&state={state}"), 404),
            (format!("GET //callback?code=stolen-code-1&state={state}"), 404),
            (format!("GET /%63allback?code=stolen-code-1&state={state}"), 404),
            (format!("GET http://{own}/callback?code=stolen-code-1&state={state}"), 404),
            ("GET /favicon.ico".to_string(), 404),
            ("GET /?a=b".to_string(), 404),
        ] {
            assert_eq!(raw(port, &ask(&line, &own)).await.status, status, "{line}");
        }
        let long = format!("GET /callback?code={}&state={state}", "a".repeat(9000));
        assert_eq!(raw(port, &ask(&long, &own)).await.status, 431);
        assert_eq!(raw(port, "\u{1}\u{2}\r\n\r\n").await.status, 400);
    });
    super::super::code::enter(&world.desk(&person), &FLOW).await.unwrap();
    assert_eq!(world.asked("/token"), 1);
}

#[tokio::test]
async fn the_page_asks_nobody_and_stays_nowhere() {
    let world = world();
    let port = world.server.port();
    let page: Arc<Mutex<String>> = Arc::default();
    let kept = page.clone();
    world.server.inject(crate::twin::Inject {
        path: Some("/token".into()),
        ..crate::twin::Inject::new(crate::twin::What::Delay { ms: 300 })
    });
    let person = Tester::new(true, move |address, start| {
        let kept = kept.clone();
        tokio::spawn(async move {
            let whole = browse(port, address, start).await.whole;
            *kept.lock().unwrap() = whole;
        });
    });
    super::super::code::enter(&world.desk(&person), &FLOW).await.unwrap();
    let page = page.lock().unwrap().clone();
    for part in [
        "You can close this page",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
        "content-security-policy: default-src 'none'; style-src 'unsafe-inline'",
        "color-scheme",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("<script"), "{page}");
    world.clean(&page);
}

#[tokio::test]
async fn connections_that_say_nothing_hold_up_nothing() {
    let world = world();
    let person = meddling(&world, |port, _| async move {
        for _ in 0..20 {
            let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            stream.write_all(b"GET /call").await.unwrap();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(30)).await;
                drop(stream);
            });
        }
    });
    let began = std::time::Instant::now();
    super::super::code::enter(&world.desk(&person), &FLOW).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn nobody_is_waited_for_without_end() {
    let world = world();
    let person = Tester::new(true, |_, _| {});
    let entered = super::super::code::enter_within(&world.desk(&person), &FLOW, Duration::from_millis(50)).await;
    let fault = entered.unwrap_err();
    assert_eq!(fault.kind, Kind::Auth);
    assert!(fault.message.starts_with("nobody came back within 1 min; log in again, with `--paste`"), "{fault}");
    let port = way(&person.visited.lock().unwrap()[0].0).0;
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn whoever_gives_up_leaves_nothing() {
    let world = world();
    let person = Tester::new(true, |_, _| {});
    let desk = world.desk(&person);
    let entering = super::super::code::enter(&desk, &FLOW);
    assert!(tokio::time::timeout(Duration::from_millis(100), entering).await.is_err());
    let port = way(&person.visited.lock().unwrap()[0].0).0;
    // the tasks end at the next turn of the runtime
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn a_port_that_is_taken_is_not_shared() {
    let world = world();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let redirects: &'static [Redirect] =
        Box::leak(Box::new([Redirect::Loopback { host: "127.0.0.1", port: Some(port), path: "/callback" }]));
    let person = world.browsing();
    let flow = Code { redirects, ..FLOW };
    let fault = super::super::code::enter(&world.desk(&person), &flow).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Local);
    assert!(fault.message.contains(&format!("port {port}")) && fault.message.ends_with("`--paste`"), "{fault}");
    assert!(person.visited.lock().unwrap().is_empty());
    // `localhost` may lead to the other family: in the hands of somebody else it must not be
    drop(taken);
    if let Ok(six) = std::net::TcpListener::bind("[::1]:0") {
        let port = six.local_addr().unwrap().port();
        let redirects: &'static [Redirect] =
            Box::leak(Box::new([Redirect::Loopback { host: "localhost", port: Some(port), path: "/callback" }]));
        let flow = Code { redirects, ..FLOW };
        let fault = super::super::code::enter(&world.desk(&person), &flow).await.unwrap_err();
        assert!(fault.message.contains(&format!("port {port}")), "{fault}");
    }
}

#[tokio::test]
async fn only_the_own_address_may_be_pasted() {
    let world = world();
    let mut app = world.app.clone();
    app.as_mut().unwrap().redirect = Some("https://ann.example/landed".into());
    let flow = Code { redirects: &[Redirect::Https], ..FLOW };
    for (pasted, why) in [
        ("https://evil.example/landed?code=stolen-code-1&state={state}", "does not begin with"),
        ("http://ann.example/landed?code=stolen-code-1&state={state}", "does not begin with"),
        ("https://ann.example:8443/landed?code=stolen-code-1&state={state}", "does not begin with"),
        ("https://ann.example/landed/?code=stolen-code-1&state={state}", "does not begin with"),
        ("https://ann.example/other?code=stolen-code-1&state={state}", "does not begin with"),
        ("https://ann.example@evil.example/landed?code=stolen-code-1&state={state}", "does not begin with"),
        ("https://evil@ann.example/landed?code=stolen-code-1&state={state}", "does not begin with"),
        ("https://ann.example/landed?code=stolen-code-1&state=wrong", "does not belong to this login"),
        ("https://ann.example/landed?code=stolen-code-1", "does not belong to this login"),
        ("stolen-code-1", "whole address is needed"),
        ("javascript:alert(1)", "whole address is needed"),
        ("  ", "empty"),
    ] {
        let person = world.person(&[pasted, pasted, pasted]);
        let desk = Desk { app: app.clone(), ..world.desk(&person) };
        let fault = super::super::code::enter(&desk, &flow).await.unwrap_err();
        assert_eq!(fault.kind, Kind::Auth);
        assert!(fault.message.contains(why), "{pasted}: {fault}");
        assert!(!fault.message.contains("stolen") && !person.said().contains("stolen"), "{fault}");
        assert_eq!(person.said.lock().unwrap().len(), 2);
        world.proper(&fault);
    }
    assert_eq!(world.asked("/token"), 0);
    // the right one may come at the third time, and its code be wrong all the same
    let right = "https://ann.example/landed?code=stolen-code-1&state={state}#_=_";
    let person = world.person(&["x", "https://evil.example/", right]);
    let desk = Desk { app: app.clone(), ..world.desk(&person) };
    let fault = super::super::code::enter(&desk, &flow).await.unwrap_err();
    assert_eq!((fault.code.as_deref(), world.asked("/token")), (Some("invalid_grant"), 1));
    // a refusal is told as it would be by a browser
    let no = "https://ann.example/landed?error=access_denied&error_description=not+today&state={state}";
    let person = world.person(&[no]);
    let fault = super::super::code::enter(&Desk { app: app.clone(), ..world.desk(&person) }, &flow).await.unwrap_err();
    assert!(fault.message.contains("declined at Example (it said: not today)"), "{fault}");
    // two codes are none
    let twice = "https://ann.example/landed?code=a&code=b&state={state}";
    let person = world.person(&[twice]);
    let fault = super::super::code::enter(&Desk { app: app.clone(), ..world.desk(&person) }, &flow).await.unwrap_err();
    assert!(fault.message.contains("without a code"), "{fault}");
    // a code alone is only taken from where the network shows it
    let person = world.person(&["https://evil.example/?code=a", "two words", "https://auth.example/go"]);
    let shown = Code { redirects: &[Redirect::Shown("urn:ietf:wg:oauth:2.0:oob")], ..FLOW };
    let fault = super::super::code::enter(&world.desk(&person), &shown).await.unwrap_err();
    assert!(fault.message.contains("an address, not the code"), "{fault}");
}

#[tokio::test]
async fn a_person_may_say_no() {
    let world = world();
    world.state().denies = true;
    let person = world.browsing();
    let fault = super::super::code::enter(&world.desk(&person), &FLOW).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Auth, Some("access_denied")));
    assert!(fault.message.contains("declined at Example (it said: the person thought better of it)"), "{fault}");
    assert_eq!(world.asked("/token"), 0);
}

#[tokio::test]
async fn a_redirect_of_the_token_endpoint_is_not_followed() {
    let world = world();
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = format!("http://{}/token", elsewhere.local_addr().unwrap());
    world.state().script.push_back(Reply::empty(307).header("location", to));
    let person = world.browsing();
    let fault = super::super::code::enter(&world.desk(&person), &FLOW).await.unwrap_err();
    assert_eq!((fault.kind, fault.status), (Kind::Protocol, Some(307)));
    assert!(fault.message.contains("redirects are not followed"), "{fault}");
    world.proper(&fault);
    let visited = tokio::time::timeout(Duration::from_millis(50), elsewhere.accept()).await;
    assert!(visited.is_err(), "the code was sent elsewhere");
}
