//! What a bot is told of its chats, and that looking takes nothing away.

use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use serde_json::{Value, json};

use super::super::{LOGINS, twin};
use super::*;
use crate::login::Flow;
use crate::platform::stage::{Stage, content};
use crate::platform::{Platform, Post};
use crate::text::Text;
use crate::twin::{Incoming, Inject, Reply, Twin, What};

async fn offers(stage: &Stage) -> Vec<TargetOffer> {
    Targets::targets(&Network, &stage.cx()).await.unwrap()
}

fn of<'a>(offers: &'a [TargetOffer], title: &str) -> &'a TargetOffer {
    offers.iter().find(|offer| offer.title == title).unwrap_or_else(|| panic!("no `{title}` in {offers:?}"))
}

#[tokio::test]
async fn a_bot_without_a_chat_finds_its_chats_and_posts_there() {
    let mut stage = Stage::new(&Network, 1);
    stage.account.settings = json!({});
    let profile = Network.whoami(&stage.cx()).await.unwrap();
    assert_eq!((profile.id.as_str(), profile.handle.as_str()), ("7000000001", "@xpost_twin_1_bot"));
    assert_eq!(profile.url.as_deref(), Some("https://t.me/xpost_twin_1_bot"));
    stage.discover().await;
    assert_eq!(stage.account.about, json!({"bot": "xpost_twin_1_bot"}));
    let draft = content(vec![(Text::plain("hello"), Vec::new())]);
    let problem = stage.render(&draft).problems.remove(0).message;
    assert!(problem.contains("`xpost account targets test`"), "{problem}");

    let found = offers(&stage).await;
    let titles: Vec<&str> = found.iter().map(|offer| offer.title.as_str()).collect();
    assert_eq!(titles, [
        "Twin 1 (@xpost_twin_1)",
        "Closed (@xpost_twin_closed)",
        "Twin forum 1",
        "Twin forum 1 / Releases",
        "Ann, a person"
    ]);
    assert_eq!(found.iter().map(|offer| offer.name.as_str()).collect::<Vec<_>>(), [
        "xpost-twin-1",
        "xpost-twin-closed",
        "twin-forum-1",
        "twin-forum-1-releases",
        "telegram4201"
    ]);
    let closed = of(&found, "Closed (@xpost_twin_closed)").not.clone().unwrap();
    assert!(closed.contains("as an administrator with \"Post messages\""), "{closed}");
    assert!(found.iter().all(|offer| offer.secrets.is_empty()), "one token for all");
    for (title, account) in [("Twin 1 (@xpost_twin_1)", "@xpost_twin_1"), ("Twin forum 1 / Releases", "Twin forum 1")] {
        let offer = of(&found, title);
        assert_eq!(offer.not, None);
        stage.account.settings = json!(offer.settings);
        Network.whoami(&stage.cx()).await.unwrap();
        stage.publish(&draft).await.unwrap();
        assert_eq!(stage.timeline().last().unwrap().account, account);
    }
    assert_eq!(stage.timeline()[1].extra["topic"], 5);
}

#[tokio::test]
async fn looking_takes_nothing_away() {
    let stage = Stage::new(&Network, 0);
    let before = offers(&stage).await.len();
    assert_eq!(offers(&stage).await.len(), before);
    for exchange in stage.server.log() {
        let names: Vec<&str> = exchange.request.query.iter().map(|(name, _)| name.as_str()).collect();
        if exchange.request.path.ends_with("getUpdates") {
            assert_eq!((exchange.request.method.as_str(), names.as_slice()), ("GET", ["limit"].as_slice()));
        }
    }
    // the twin would have forgotten what is below an offset
    let mut twin = twin::Telegram::default();
    let mut count = |query: &[(&str, &str)]| {
        let request = Incoming {
            method: "GET".into(),
            path: format!("/bot{}/getUpdates", twin::token(0)),
            query: query.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            ..Incoming::default()
        };
        serde_json::from_slice::<Value>(&twin.answer(&request).body).unwrap()["result"].as_array().unwrap().len()
    };
    assert_eq!((count(&[]), count(&[("limit", "2")]), count(&[("offset", "3")]), count(&[]), count(&[("offset", "-1")]), count(&[])), (7, 2, 5, 5, 1, 1));
}

#[tokio::test]
async fn what_an_account_has_stands_first_and_its_topic_stays_its_own() {
    let mut stage = Stage::new(&Network, 2);
    stage.account.settings = json!({"chat": twin::forum(2), "topic": 5});
    let found = offers(&stage).await;
    assert_eq!(found[0].title, "Twin forum 2");
    assert_eq!((&found[0].settings["topic"], &of(&found, "Twin forum 2 / Releases").settings["topic"]), (&Value::Null, &json!(5)));
    // and is called as there, so that it is not taken for another one
    stage.account.settings = json!({"chat": "@xpost_twin_2"});
    let found = offers(&stage).await;
    assert_eq!(json!(found[0].settings), json!({"chat": "@xpost_twin_2"}));
    assert_eq!(json!(of(&found, "Twin forum 2").settings), json!({"chat": twin::forum(2).to_string(), "topic": null}));
    // one that is gone is no reason to see nothing
    stage.account.settings = json!({"chat": "@nobody_at_all"});
    assert_eq!(offers(&stage).await.len(), 5);
}

#[tokio::test]
async fn trouble_is_told() {
    let stage = Stage::new(&Network, 0);
    for (path, what, kind) in [
        ("getMe", What::Expired, Kind::Auth),
        ("getUpdates", What::Limited { seconds: 7 }, Kind::Limited),
        ("getChatMember", What::Status { status: 502 }, Kind::Unavailable),
    ] {
        stage.server.inject(Inject::new(what).path(path));
        assert_eq!(Targets::targets(&Network, &stage.cx()).await.unwrap_err().kind, kind, "{path}");
    }
}

/// A bot whose updates somebody else receives, or that has none.
struct Alone(twin::Telegram, &'static str, Arc<Mutex<u32>>);

impl Twin for Alone {
    fn hosts(&self) -> Vec<String> {
        self.0.hosts()
    }
    fn answer(&mut self, request: &Incoming) -> Reply {
        if request.path.ends_with("/getUpdates") {
            *self.2.lock().unwrap() += 1;
            return match self.1 {
                "" => Reply::json(200, &json!({"ok": true, "result": []})),
                why => Reply::json(409, &json!({"ok": false, "error_code": 409, "description": why})),
            };
        }
        self.0.answer(request)
    }
    fn limited(&self, seconds: u64) -> Reply {
        self.0.limited(seconds)
    }
    fn expired(&self) -> Reply {
        self.0.expired()
    }
    fn timeline(&self) -> Vec<crate::twin::Seen> {
        self.0.timeline()
    }
}

#[tokio::test]
async fn where_telegram_tells_nothing_the_way_on_is_said() {
    let asked = Arc::new(Mutex::new(0));
    let stage = |why: &'static str, settings: Value| {
        let twin = Alone(twin::Telegram::default(), why, asked.clone());
        let mut stage = Stage::with_twin(&Network, 0, Box::new(twin));
        stage.account.settings = settings;
        stage
    };
    let fault = Targets::targets(&Network, &stage("", json!({})).cx()).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Unsupported);
    assert!(fault.message.contains("add @xpost_twin_0_bot to the channel") && fault.message.contains(NAME_IT), "{fault}");
    let conflict = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
    let fault = Targets::targets(&Network, &stage(conflict, json!({})).cx()).await.unwrap_err();
    assert!(fault.message.contains("another program receives this bot's updates"), "{fault}");
    let own = Targets::targets(&Network, &stage(conflict, json!({"chat": "@xpost_twin_0"})).cx()).await.unwrap();
    assert_eq!(own.len(), 1);
    assert_eq!(*asked.lock().unwrap(), 3);
}

#[test]
fn tokens_are_looked_at_before_they_are_sent() {
    let Flow::Typed(typed) = LOGINS[0].flow else { panic!("a bot's token is typed in") };
    let check = |token: &str| {
        typed.check.unwrap()(&[("token".to_string(), SecretString::from(token))].into())
    };
    assert_eq!(check(&twin::token(0)), Ok(()));
    assert_eq!(check(" 123456:ABC-DEF_1\n"), Ok(()));
    for wrong in ["", "123456", "ABC:123", "123456:", "@news", "123456:AB C", "123456:AB/../x"] {
        let why = check(wrong).unwrap_err();
        assert!(why.contains("@BotFather") && (wrong.is_empty() || !why.contains(wrong)), "{why}");
    }
}

#[tokio::test]
async fn the_token_goes_to_its_own_server_alone() {
    let mut stage = Stage::new(&Network, 0);
    let to = |server: &str| {
        crate::net::Request::get(format!("{server}/bot{{secret}}/getMe")).secret_path(&SecretString::from(twin::token(0)))
    };
    // whatever a server may have said of itself
    stage.account.about = json!({"server": "https://evil.example", "chat_id": "https://evil.example"});
    for evil in ["https://evil.example", "http://api.telegram.org", "https://api.telegram.org.evil.example", "https://api.telegram.org:444"] {
        let fault = stage.cx().call(to(evil)).await.unwrap_err();
        assert!(fault.kind == Kind::Local && fault.message.contains("not sent to"), "{fault}");
    }
    assert_eq!(stage.server.log().len(), 0);
    assert_eq!(stage.cx().call(to("https://api.telegram.org")).await.unwrap().status, 200);
    let picture = stage.file("a.png", "image/png", 100, None);
    let post: Post = stage.posts(&content(vec![(Text::plain("a"), vec![picture])])).remove(0);
    stage.publish_one(&post).await.unwrap();
    assert!(stage.server.log().iter().all(|exchange| exchange.request.host == "api.telegram.org"));
}
