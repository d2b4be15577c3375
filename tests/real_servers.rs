//! The program against real servers, started by `scripts/servers/start`, which tells where they are: the official Bluesky PDS, snac
//! (a fediverse server with the Mastodon API), mastodon-mock, and an emulator of Slack by other hands. Without them these tests say that they were skipped.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "support/cli.rs"]
mod cli;
#[path = "support/pictures.rs"]
mod pictures;

use std::sync::Mutex;

use chrono::{DateTime, Utc};
use cli::{CANARY, Machine};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use xpost::login::{self, Person};
use xpost::net::{Door, DoorOptions, Fault, Redactor};

/// Where a server is, or `None` (said aloud) where it is not running.
fn place(variable: &str) -> Option<String> {
    let place = std::env::var(variable).ok().filter(|place| !place.is_empty());
    if place.is_none() {
        assert!(std::env::var("XPOST_TEST_REAL").is_err(), "{variable} is not set");
        eprintln!("skipped: {variable} is not set; `scripts/test` starts the servers");
    }
    place
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

async fn get(url: &str, token: Option<&str>) -> Value {
    let mut request = http().get(url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await.unwrap().json().await.unwrap()
}

/// A new account of the PDS: handle and password.
async fn bluesky_account(pds: &str, name: &str) -> (String, String) {
    let (handle, password) = (format!("{name}.test"), format!("{CANARY}-{name}"));
    let account = json!({ "email": format!("{name}@example.com"), "handle": handle, "password": password });
    let answer =
        http().post(format!("{pds}/xrpc/com.atproto.server.createAccount")).json(&account).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    (handle, password)
}

/// A token of snac, through its own login page.
async fn snac_token(snac: &str) -> String {
    let back = "http://127.0.0.1:9/callback";
    let app: Value = http()
        .post(format!("{snac}/api/v1/apps"))
        .form(&[("client_name", "xpost"), ("redirect_uris", back), ("scopes", "read write")])
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let text = |key: &str| app[key].as_str().unwrap().to_string();
    let password = std::env::var("XPOST_TEST_SNAC_PASSWORD").unwrap();
    let id = text("client_id");
    let form = [("login", "alice"), ("passwd", &password), ("redir", back), ("cid", &id), ("state", "s")];
    let answer = http().post(format!("{snac}/oauth/x-snac-login")).form(&form).send().await.unwrap();
    let location = url::Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
    let code = location.query_pairs().find(|(key, _)| key == "code").unwrap().1.into_owned();
    let secret = text("client_secret");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("client_id", &id),
        ("client_secret", &secret),
        ("redirect_uri", back),
    ];
    let token: Value =
        http().post(format!("{snac}/oauth/token")).form(&form).send().await.unwrap().json().await.unwrap();
    token["access_token"].as_str().unwrap().to_string()
}

/// Adds an account with its secret in a private file.
fn add(machine: &Machine, platform: &str, name: &str, server: &str, settings: &[&str], secrets: &str) {
    let mut arguments =
        vec!["account", "add", platform, "--name", name, "--server", server, "--secret", "file", "--stdin"];
    for setting in settings {
        arguments.extend(["--set", setting]);
    }
    machine.run_with(&arguments, secrets.as_bytes()).good();
}

const DRAFT: &str = "+++\ntitle = \"Ferris 2.0\"\nlang = \"en\"\ntags = [\"rust\"]\n+++\n\
    **Ferris 2.0** is out, with [notes](https://example.org/notes) & <angles> — 🦀 grüßt 世界.\n\n\
    ![A crab, drawn](crab.png)\n\n---\n\nAnd it says thanks.\n";

/// The state, receipt id and address of each part by account.
fn parts(document: &Value) -> Vec<(String, String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let deliveries = document["results"][0]["post"]["deliveries"].as_array().unwrap();
    deliveries
        .iter()
        .flat_map(|delivery| {
            let account = text(&delivery["account"]);
            let parts = delivery["parts"].as_array().unwrap().clone();
            parts
                .into_iter()
                .map(move |part| (account.clone(), text(&part["state"]), text(&part["id"]), text(&part["url"])))
        })
        .collect()
}

#[tokio::test]
async fn one_draft_on_a_real_pds_and_two_servers_of_the_mastodon_api() {
    let (Some(pds), Some(snac), Some(mock)) =
        (place("XPOST_TEST_PDS"), place("XPOST_TEST_SNAC"), place("XPOST_TEST_MASTODON_MOCK"))
    else {
        return;
    };
    let machine = Machine::new();
    let (handle, password) = bluesky_account(&pds, "ferris").await;
    let token = snac_token(&snac).await;
    add(&machine, "bluesky", "sky", &pds, &[&format!("handle={handle}")], &format!("password={password}"));
    add(&machine, "mastodon", "snac", &snac, &[], &format!("token={token}"));
    add(&machine, "mastodon", "mock", &mock, &[], "token=mock_token");
    machine.write("draft.md", DRAFT);
    pictures::media(&machine.path(""), "crab.png");

    let document = machine.json(&["publish", "draft.md", "--to", "all"]);
    assert_eq!(document["exit"], 0, "{document:#}");
    let sent = parts(&document);
    assert_eq!(sent.len(), 6, "{sent:#?}");
    assert!(sent.iter().all(|(_, state, ..)| state == "sent"), "{sent:#?}");
    let ids = |account: &str| -> Vec<&str> {
        sent.iter().filter(|part| part.0 == account).map(|part| part.2.as_str()).collect()
    };

    // read back from the PDS
    let sky = ids("sky");
    let record = |uri: &str| {
        let (repo, rest) = uri.strip_prefix("at://").unwrap().split_once('/').unwrap();
        let (collection, key) = rest.split_once('/').unwrap();
        format!("{pds}/xrpc/com.atproto.repo.getRecord?repo={repo}&collection={collection}&rkey={key}")
    };
    let first = get(&record(sky[0]), None).await;
    let text = first["value"]["text"].as_str().unwrap();
    assert!(text.contains("Ferris 2.0 is out, with notes & <angles> — 🦀 grüßt 世界."), "{text}");
    assert_eq!(first["value"]["langs"], json!(["en"]));
    let facet = &first["value"]["facets"][0];
    let at = |key: &str| facet["index"][key].as_u64().unwrap() as usize;
    assert_eq!(&text[at("byteStart")..at("byteEnd")], "notes");
    assert_eq!(facet["features"][0]["uri"], "https://example.org/notes");
    assert_eq!(first["value"]["embed"]["images"][0]["alt"], "A crab, drawn");
    let second = get(&record(sky[1]), None).await;
    assert_eq!(second["value"]["text"], "And it says thanks.");
    assert_eq!(second["value"]["reply"]["parent"]["uri"], sky[0]);
    assert_eq!(second["value"]["reply"]["root"]["cid"], first["cid"]);

    // and from both servers of the Mastodon API
    for (name, base, token) in [("snac", &snac, token.as_str()), ("mock", &mock, "mock_token")] {
        let ids = ids(name);
        let status = get(&format!("{base}/api/v1/statuses/{}", ids[0]), Some(token)).await;
        let content = status["content"].as_str().unwrap();
        assert!(content.contains("is out") && content.contains("example.org/notes"), "{name}: {content}");
        let media = &status["media_attachments"][0];
        assert_eq!(media["description"], "A crab, drawn", "{name}");
        let reply = get(&format!("{base}/api/v1/statuses/{}", ids[1]), Some(token)).await;
        assert_eq!(reply["in_reply_to_id"].as_str(), Some(ids[0]), "{name}");
    }

    // the same again: nothing is posted twice
    let again = machine.json(&["publish", "draft.md", "--to", "all"]);
    assert_eq!((again["exit"].as_i64(), parts(&again)), (Some(0), sent.clone()));
    let account = get(&format!("{snac}/api/v1/accounts/verify_credentials"), Some(&token)).await;
    let statuses =
        get(&format!("{snac}/api/v1/accounts/{}/statuses?limit=40", account["id"].as_str().unwrap()), Some(&token))
            .await;
    // other tests post there, too
    let ours: Vec<&str> = ids("snac");
    let again = statuses.as_array().unwrap().iter().filter(|status| {
        let text = status["content"].as_str().unwrap_or_default();
        ours.contains(&status["id"].as_str().unwrap_or_default())
            || text.contains("is out")
            || text.contains("it says thanks")
    });
    assert_eq!(again.count(), ours.len(), "{statuses:#}");

    // a pipeline's machine with an empty memory, and the same key
    for machine in [Machine::new(), Machine::new()] {
        add(&machine, "bluesky", "sky", &pds, &[&format!("handle={handle}")], &format!("password={password}"));
        add(&machine, "mastodon", "mock", &mock, &[], "token=mock_token");
        machine.write("release.md", "Release 9.9 is out\n");
        let document = machine.json(&["publish", "release.md", "--to", "all", "--once", "v9.9"]);
        assert_eq!(document["exit"], 0, "{document:#}");
    }
    let did = sky[0].split('/').nth(2).unwrap();
    let posts = get(
        &format!("{pds}/xrpc/com.atproto.repo.listRecords?repo={did}&collection=app.bsky.feed.post&limit=100"),
        None,
    )
    .await;
    let released = |value: &Value| value["value"]["text"] == "Release 9.9 is out";
    assert_eq!(posts["records"].as_array().unwrap().iter().filter(|record| released(record)).count(), 1, "{posts:#}");
    let account = get(&format!("{mock}/api/v1/accounts/verify_credentials"), Some("mock_token")).await;
    let statuses = get(
        &format!("{mock}/api/v1/accounts/{}/statuses?limit=40", account["id"].as_str().unwrap()),
        Some("mock_token"),
    )
    .await;
    let told = statuses
        .as_array()
        .unwrap()
        .iter()
        .filter(|status| status["content"].as_str().unwrap().contains("Release 9.9"))
        .count();
    assert_eq!(told, 1, "{statuses:#}");

    // taken back where that can be done; snac has no such method and says so
    let post = document["results"][0]["post"]["id"].to_string();
    let deleted = machine.run(&["delete", &post, "--yes"]);
    assert!(deleted.code == 4 && deleted.out.contains("cannot delete through its API"), "{deleted:?}");
    let gone = http().get(record(sky[0])).send().await.unwrap();
    assert_eq!(gone.status(), 400, "the record is gone");
    let gone = http()
        .get(format!("{mock}/api/v1/statuses/{}", ids("mock")[0]))
        .bearer_auth("mock_token")
        .send()
        .await
        .unwrap();
    assert_eq!(gone.status(), 404, "the status is gone");

    // nothing of what is secret is anywhere but in the secrets' own files
    for (path, bytes) in machine.files() {
        let text = String::from_utf8_lossy(&bytes);
        let secret = text.contains(CANARY) || text.contains(&token);
        assert!(!secret || path.components().any(|part| part.as_os_str() == "secrets"), "{}", path.display());
    }
}

#[tokio::test]
async fn a_revoked_token_and_a_wrong_password_are_told_as_such() {
    let (Some(pds), Some(snac)) = (place("XPOST_TEST_PDS"), place("XPOST_TEST_SNAC")) else { return };
    let machine = Machine::new();
    let (handle, _) = bluesky_account(&pds, "wrong").await;
    let handle = format!("handle={handle}");
    let arguments = ["account", "add", "bluesky", "--server", &pds, "--set", &handle, "--secret", "file", "--stdin"];
    let refused = machine.run_with(&arguments, b"password=not-the-one");
    refused.ends(7);
    assert!(refused.err.contains("password"), "{}", refused.err);
    let arguments = ["account", "add", "mastodon", "--server", &snac, "--secret", "file", "--stdin"];
    machine.run_with(&arguments, b"token=0123456789abcdef0123456789abcdef").ends(7);
    assert_eq!(machine.json(&["account", "list"])["accounts"], json!([]), "nothing was added");
}

/// A person who fills in the login page that the server shows.
struct Visitor {
    /// Whether his browser is on this machine; else he copies the code from a page.
    here: bool,
    address: Mutex<String>,
}

impl Visitor {
    /// Opens the page, sends its form, and comes to where that leads: a page, or the listener of the login.
    async fn agree(address: String) -> String {
        let page = http().get(&address).send().await.unwrap().text().await.unwrap();
        let attribute = |tag: &str, name: &str| -> Option<String> {
            Some(tag.split_once(&format!("{name}=\""))?.1.split('"').next()?.to_string())
        };
        let mut form = vec![("username".to_string(), "testuser".to_string()), ("login".into(), "alice".into())];
        form.push(("passwd".into(), std::env::var("XPOST_TEST_SNAC_PASSWORD").unwrap_or_default()));
        let hidden = page.split('<').filter(|tag| tag.contains("type=\"hidden\""));
        form.extend(hidden.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?))));
        let action = page.split("<form ").nth(1).and_then(|tag| attribute(tag, "action")).unwrap();
        let action = url::Url::parse(&address).unwrap().join(&action).unwrap();
        let answer = http().post(action).form(&form).send().await.unwrap();
        match answer.headers().get("location") {
            Some(back) => http().get(back.to_str().unwrap()).send().await.unwrap().text().await.unwrap(),
            None => answer.text().await.unwrap(),
        }
    }
}

#[async_trait::async_trait]
impl Person for Visitor {
    fn browser(&self) -> bool {
        self.here
    }
    fn visit(&self, address: &str, _: Option<&str>) {
        self.address.lock().unwrap().replace_range(.., address);
        if self.here {
            tokio::spawn(Visitor::agree(address.to_string()));
        }
    }
    fn enter_code(&self, _: &str, _: &str, _: Option<&str>, _: DateTime<Utc>) {
        panic!("there is no such flow here");
    }
    async fn ask(&self, what: &str, _: bool) -> Result<SecretString, Fault> {
        assert_eq!(what, "paste the code");
        let address = self.address.lock().unwrap().clone();
        let page = Visitor::agree(address).await;
        let code = page.split_once("Authorization code: ").map_or(page.as_str(), |(_, rest)| rest);
        Ok(code.split('<').next().unwrap_or_default().into())
    }
    fn say(&self, line: &str) {
        panic!("{line}");
    }
}

#[tokio::test]
async fn through_the_browser_into_two_servers_of_the_mastodon_api() {
    let (Some(snac), Some(mock)) = (place("XPOST_TEST_SNAC"), place("XPOST_TEST_MASTODON_MOCK")) else { return };
    let mastodon = xpost::platform::by_name("mastodon").unwrap();
    let way = mastodon.logins().iter().find(|way| way.name == "browser").unwrap();
    for (server, here) in [(&snac, true), (&snac, false), (&mock, true), (&mock, false)] {
        let door = Door::new(DoorOptions::default(), Redactor::default()).unwrap();
        let visitor = Visitor { here, address: Mutex::default() };
        let desk = |person| login::Desk {
            door: &door,
            account: "work",
            title: "Mastodon",
            server,
            settings: &Value::Null,
            app: None,
            person,
        };
        let grant = login::enter(&desk(&visitor), way).await.unwrap();
        let token = grant.secrets[login::TOKEN].expose_secret().to_string();
        assert!(grant.secrets.contains_key(login::CLIENT_SECRET) && !grant.facts.client_id.is_empty());
        assert_eq!(grant.facts.issuer, *server);
        // snac does not say what it granted; the mock knows coarse scopes alone
        let coarse = ["read".to_string(), "write".to_string()];
        assert!(grant.facts.scopes.as_ref().is_none_or(|granted| coarse.iter().all(|scope| granted.contains(scope))));

        // good for everything that the program does
        let machine = Machine::new();
        add(&machine, "mastodon", "work", server, &[], &format!("token={token}"));
        machine.write("hello.md", "hello from a login\n\n![A crab, drawn](crab.png)\n");
        pictures::media(&machine.path(""), "crab.png");
        let document = machine.json(&["publish", "hello.md", "--to", "work"]);
        assert_eq!(document["exit"], 0, "{document:#}");

        // a server may have closed the connection that was kept open meanwhile; revoking twice does no harm
        let revoke = async || login::revoke(&desk(&visitor), way, &grant.secrets, &grant.facts).await;
        let revoked = match revoke().await {
            Err(fault) if fault.kind == xpost::net::Kind::Network => revoke().await,
            done => done,
        };
        assert!(revoked.unwrap());
        machine.run(&["account", "check", "work"]).ends(7);
        machine.write("again.md", "this must not come through");
        let refused = machine.json(&["publish", "again.md", "--to", "work"]);
        assert_eq!(refused["exit"], 7, "{refused:#}");
    }
}

/// Asks the emulator of Slack with a POST, as all its methods want it.
async fn slack_method(slack: &str, method: &str, form: &[(&str, &str)]) -> Value {
    let request = http().post(format!("{slack}/api/{method}")).bearer_auth("xoxb-xpost-tests").form(form);
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_thread_with_a_picture_on_an_emulated_slack() {
    let Some(slack) = place("XPOST_TEST_SLACK") else { return };
    let channels = slack_method(&slack, "conversations.list", &[]).await;
    let channels = channels["channels"].as_array().unwrap().clone();
    let crabs = channels.iter().find(|one| one["name"] == "crabs").unwrap()["id"].as_str().unwrap().to_string();
    let channel = format!("channel={crabs}");
    let machine = Machine::new();
    add(&machine, "slack", "work", &slack, &[&channel], "token=xoxb-xpost-tests");
    machine.write("draft.md", DRAFT);
    pictures::media(&machine.path(""), "crab.png");
    let document = machine.json(&["publish", "draft.md", "--to", "work"]);
    assert_eq!(document["exit"], 0, "{document:#}");
    let sent = parts(&document);
    assert_eq!(sent.iter().map(|part| part.1.as_str()).collect::<Vec<_>>(), ["sent", "sent"]);
    assert!(sent.iter().all(|part| part.3.starts_with("https://harbour.slack.com/archives/")), "{sent:#?}");

    let (root, reply) = (sent[0].2.as_str(), sent[1].2.as_str());
    let thread = slack_method(&slack, "conversations.replies", &[("channel", &crabs), ("ts", root)]).await;
    let messages = thread["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2, "{thread:#}");
    let text = messages[0]["text"].as_str().unwrap();
    assert!(text.contains("<https://example.org/notes|notes> &amp; &lt;angles&gt; — 🦀 grüßt 世界."), "{text}");
    assert_eq!(messages[0]["files"][0]["name"], "crab.png", "{thread:#}");
    assert_eq!((messages[1]["ts"].as_str(), messages[1]["thread_ts"].as_str()), (Some(reply), Some(root)));

    // the same release from two machines is one message: the second finds it by its key
    let mut told = Vec::new();
    for _ in 0..2 {
        let machine = Machine::new();
        add(&machine, "slack", "work", &slack, &[&channel], "token=xoxb-xpost-tests");
        machine.write("release.md", "Release 9.9 is out\n");
        let document = machine.json(&["publish", "release.md", "--to", "work", "--once", "v9.9"]);
        assert_eq!(document["exit"], 0, "{document:#}");
        told.push(parts(&document)[0].2.clone());
    }
    assert_eq!(told[0], told[1]);

    // taken back, with the file
    let post = document["results"][0]["post"]["id"].to_string();
    machine.run(&["delete", &post, "--yes"]).good();
    let history = slack_method(&slack, "conversations.history", &[("channel", &crabs)]).await;
    let left: Vec<&str> =
        history["messages"].as_array().unwrap().iter().filter_map(|one| one["text"].as_str()).collect();
    assert_eq!(left, ["Release 9.9 is out"], "{history:#}");
    let files = slack_method(&slack, "files.list", &[]).await;
    assert_eq!(files["files"], json!([]), "{files:#}");

    // what an app may not do is said in Slack's words, and nothing is posted
    add(&machine, "slack", "poor", &slack, &[&channel], "token=xoxb-xpost-poor");
    let refused = machine.json(&["publish", "draft.md", "--to", "poor"]);
    assert_ne!(refused["exit"], 0);
    assert!(refused.to_string().contains("needed `files:write`, the app has `chat:write`"), "{refused:#}");
    let history = slack_method(&slack, "conversations.history", &[("channel", &crabs)]).await;
    assert_eq!(history["messages"].as_array().unwrap().len(), 1, "{history:#}");
}
