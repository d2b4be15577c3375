//! What a bot sees of its servers, and how rights add up.

use secrecy::SecretString;

use super::super::{LOGINS, twin};
use super::*;
use crate::login::Flow;
use crate::net::Request;
use crate::platform::Platform;
use crate::platform::stage::{Stage, content};
use crate::text::Text;
use crate::twin::{Inject, What};

fn hello() -> crate::platform::Content {
    content(vec![(Text::plain("hello"), Vec::new())])
}

#[tokio::test]
async fn a_bot_without_a_channel_finds_its_channels_and_posts_there() {
    let mut stage = Stage::new(&Network, 0);
    stage.account.settings = json!({});
    let profile = Network.whoami(&stage.cx()).await.unwrap();
    assert_eq!((profile.handle.as_str(), profile.url), ("xpost-twin-0", None));
    stage.discover().await;
    assert_eq!(mode(&stage.account), Mode::Token);
    let problem = stage.render(&hello()).problems.remove(0).message;
    assert!(problem.contains("`xpost account targets test`"), "{problem}");

    let offers = Targets::targets(&Network, &stage.cx()).await.unwrap();
    let seen: Vec<(&str, &str, bool)> =
        offers.iter().map(|offer| (offer.title.as_str(), offer.name.as_str(), offer.not.is_none())).collect();
    assert_eq!(seen, [
        ("Twin harbour / #twin-0", "twin-0", true),
        ("Twin harbour / #twin-news-0, announcements", "twin-news-0", true),
        ("Twin harbour / #rules", "rules", false),
        ("Twin harbour / #captain", "captain", false),
        ("Twin harbour / #twin-forum-0", "twin-forum-0", false),
    ]);
    let not: Vec<&str> = offers.iter().filter_map(|offer| offer.not.as_deref()).collect();
    assert!(not[0].contains("Send Messages") && not[1].contains("View Channel") && not[2].contains("`thread_name`"), "{not:?}");
    for (offer, handle) in offers.iter().zip(["#twin-0", "#twin-news-0"]) {
        stage.account.settings = json!(offer.settings);
        stage.discover().await;
        assert_eq!(Network.whoami(&stage.cx()).await.unwrap().handle, handle);
        stage.publish(&hello()).await.unwrap();
        assert_eq!(stage.timeline().last().unwrap().account, handle);
    }
}

#[tokio::test]
async fn a_webhook_has_one_channel() {
    let stage = Stage::new(&Network, 1);
    assert!(Targets::targets(&Network, &stage.cx()).await.unwrap().is_empty());
    assert_eq!(stage.server.log().len(), 0);
}

#[tokio::test]
async fn what_another_account_has_is_not_taken_over() {
    let mut stage = Stage::new(&Network, 0);
    stage.account.settings = json!({"mode": "bot", "channel": twin::channel(0), "thread_id": "42"});
    let offers = Targets::targets(&Network, &stage.cx()).await.unwrap();
    assert_eq!(json!(offers[1].settings), json!({"channel": twin::announcements(0), "mode": "bot", "thread_id": null}));
    stage.server.inject(Inject::new(What::Limited { seconds: 3 }).path("/channels"));
    assert_eq!(Targets::targets(&Network, &stage.cx()).await.unwrap_err().kind, Kind::Limited);
}

#[test]
fn rights_add_up_in_their_order() {
    let over = |id: &str, allow: u64, deny: u64| Overwrite { id: id.into(), allow: allow.to_string(), deny: deny.to_string() };
    let both = VIEW_CHANNEL | SEND_MESSAGES;
    let guild = |permissions: u64| Guild { id: "1".into(), permissions: permissions.to_string(), name: String::new(), owner: false };
    let member = || Member { roles: vec!["2".into(), "3".into()], communication_disabled_until: None };
    let may = |guild: &Guild, member: &Member, overwrites: Vec<Overwrite>| {
        let place = Place { permission_overwrites: overwrites, ..Place::default() };
        rights(guild, member, "9", &place, Utc::now()) & both
    };
    assert_eq!(may(&guild(both), &member(), vec![]), both);
    assert_eq!(may(&guild(0), &member(), vec![]), 0);
    assert_eq!(may(&guild(0), &member(), vec![over("1", both, 0)]), both);
    assert_eq!(may(&guild(both), &member(), vec![over("1", 0, both)]), 0);
    // a role's word is above everyone's, whatever the order they stand in
    assert_eq!(may(&guild(both), &member(), vec![over("2", SEND_MESSAGES, 0), over("1", 0, SEND_MESSAGES)]), both);
    // among roles a yes is above a no
    assert_eq!(may(&guild(both), &member(), vec![over("2", SEND_MESSAGES, 0), over("3", 0, SEND_MESSAGES)]), both);
    assert_eq!(may(&guild(both), &member(), vec![over("4", 0, both)]), both, "a role that the bot has not");
    // the bot's own is the last word
    assert_eq!(may(&guild(both), &member(), vec![over("9", 0, SEND_MESSAGES), over("2", both, 0)]), VIEW_CHANNEL);
    assert_eq!(may(&guild(ADMINISTRATOR), &member(), vec![over("9", 0, both)]), both);
    assert_eq!(may(&Guild { owner: true, ..guild(0) }, &member(), vec![]), both);
    let until = |seconds: i64| Member {
        communication_disabled_until: Some(Utc::now() + chrono::TimeDelta::seconds(seconds)),
        ..member()
    };
    assert_eq!(may(&guild(both), &until(60), vec![]), VIEW_CHANNEL);
    assert_eq!(may(&guild(both), &until(-60), vec![]), both);
    assert_eq!(bits("562949953421311"), 562_949_953_421_311);
    assert_eq!((bits("36893488147419103232") & both, bits("none"), bits("")), (0, 0, 0));
}

#[test]
fn credentials_are_looked_at_before_they_are_sent() {
    let check = |n: usize, field: &str, value: &str| {
        let Flow::Typed(typed) = LOGINS[n].flow else { panic!("they are typed in") };
        typed.check.unwrap()(&[(field.to_string(), SecretString::from(value))].into())
    };
    assert_eq!((LOGINS[0].name, LOGINS[1].name), ("webhook", "bot"));
    assert_eq!(check(0, "webhook", &twin::webhook_url(1)), Ok(()));
    assert_eq!(check(1, "token", &twin::token(0)), Ok(()));
    assert_eq!(check(1, "token", &format!("Bot {}\n", twin::token(0))), Ok(()));
    for (n, field, wrong) in [
        (0, "webhook", "https://evil.example/api/webhooks/1/secret-part"),
        (0, "webhook", "secret-part"),
        (1, "token", "secret-part"),
        (1, "token", "secret-part.a b.c"),
        (1, "token", "https://discord.com/api/webhooks/1/secret-part"),
    ] {
        let why = check(n, field, wrong).unwrap_err();
        assert!(!why.contains("secret-part"), "{why}");
    }
    assert!(check(0, "token", "x").is_err() && check(1, "webhook", "x").is_err());
}

#[tokio::test]
async fn credentials_go_to_discord_alone() {
    for n in [0, 1] {
        let mut stage = Stage::new(&Network, n);
        let answer = json!({"guild_id": "1", "url": "https://evil.example", "cdn": "https://cdn.discordapp.com"});
        stage.account.about = answer;
        let token = SecretString::from(twin::token(0));
        for evil in ["https://cdn.discordapp.com", "https://evil.example", "http://discord.com", "https://discord.com:8443"] {
            let header = SecretString::from(twin::token(0));
            for request in [
                Request::get(format!("{evil}/attachments/1/2/a.png")).secret_header("authorization", header),
                Request::post(format!("{evil}/api/webhooks/{{secret}}")).secret_path(&token),
            ] {
                let fault = stage.cx().call(request).await.unwrap_err();
                assert!(fault.kind == Kind::Local && fault.message.contains("not sent to"), "{fault}");
            }
        }
        assert_eq!(stage.server.log().len(), 0);
        stage.discover().await;
        let picture = stage.file("a.png", "image/png", 100, Some("a"));
        stage.publish(&content(vec![(Text::plain("a"), vec![picture])])).await.unwrap();
        assert!(stage.server.log().iter().all(|exchange| exchange.request.host == "discord.com"));
    }
}
