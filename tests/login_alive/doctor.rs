//! `doctor` tells the ends of logins apart, renews what is due, and is quiet when all is well.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use xpost::login::Grant;
use xpost::store::SecretSource;

use super::machine::{Machine, Network, login};
use super::tide::{SERVER, refresh};

pub const ALL: &[(&str, fn())] = &[
    ("all_is_well", all_is_well),
    ("what_is_due_is_renewed", what_is_due_is_renewed),
    ("the_ends_of_logins_are_told_apart", the_ends_of_logins_are_told_apart),
    ("permissions", permissions),
    ("a_clock_that_is_wrong", a_clock_that_is_wrong),
    ("thirty_accounts_at_once", thirty_accounts_at_once),
];

fn valid(document: &Value) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}\n{document:#}");
}

fn all_is_well() {
    let network = Network::new();
    let machine = Machine::new(&network);
    let mut grant = login(1, 3600);
    grant.facts.login_ends = Some(Utc::now() + TimeDelta::days(10));
    machine.with_login(&grant);
    let run = machine.run(&["doctor"]);
    run.ends(0).says(&["ok    account tide", "by `own`", "access until ", "login until ", "API 7 until 2199-01-01"]);
    // for a weekly job: nothing is said but that the mirror of the tests is set
    let quiet = machine.run(&["doctor", "--quiet"]);
    let lines: Vec<&str> = quiet.ends(0).out.lines().collect();
    assert!(lines.iter().all(|line| !line.starts_with("ok") && !line.contains("tide")), "{lines:?}");
    let document = machine.json(&["doctor"]);
    valid(&document);
    let account = &document["accounts"][0];
    for (field, value) in [
        ("state", json!("ok")),
        ("trouble", Value::Null),
        ("handle", json!("@tide")),
        ("way", json!("own")),
        ("renewable", json!(true)),
        ("renewed", json!(false)),
        ("asked", json!(true)),
        ("api", json!({ "version": "7", "sunset": "2199-01-01" })),
    ] {
        assert_eq!(account[field], value, "{field} in {account:#}");
    }
    // it ends within a fortnight, which is soon enough to be told of by whoever asks about a fortnight
    machine.run(&["doctor", "--warn", "14d", "--quiet"]).ends(7).says(&[
        "warn  account tide",
        "its login ends ",
        "xpost account login tide",
    ]);
    machine.run(&["doctor", "--warn", "soon"]).ends(2).says(&["`--warn`"]);
    // and nobody is asked who is not to be
    network.server.clear_log();
    machine.run(&["doctor", "--offline"]).ends(0).says(&["ok    account tide"]);
    machine.run(&["doctor", "--offline", "--warn", "14d"]).ends(7);
    assert!(network.server.log().is_empty());
}

fn what_is_due_is_renewed() {
    let network = Network::new();
    network.stand.state().refresh_expires_in = Some(30 * 86400);
    let machine = Machine::new(&network);
    let account = machine.with_login(&login(1, -60));
    let document = machine.json(&["doctor"]);
    assert_eq!((&document["accounts"][0]["renewed"], &document["exit"]), (&json!(true), &json!(0)), "{document:#}");
    assert!(machine.kept(&account).contains(&refresh(2)));
    // a refresh token that would end before somebody uses it is traded for one with its whole life before it
    let machine = Machine::new(&network);
    let mut grant = login(2, 3600);
    grant.facts.refresh_ends = Some(Utc::now() + TimeDelta::days(3));
    let account = machine.with_login(&grant);
    machine.run(&["doctor", "--warn", "2d"]).ends(0);
    assert!(machine.kept(&account).contains(&refresh(2)), "not yet");
    machine.run(&["doctor"]).ends(0).says(&["renewed just now"]);
    assert!(machine.kept(&account).contains(&refresh(3)));
    assert_eq!(network.stand.state().asked, 2);
}

/// A login, what the network does, and what is said of it.
type Case = (&'static str, fn(&mut Grant), fn(&Network), &'static str, i32, &'static [&'static str]);

fn the_ends_of_logins_are_told_apart() {
    let cases: &[Case] = &[
        (
            "revoked",
            |_| {},
            |network| network.stand.state().revoked = true,
            "revoked",
            7,
            &["Tide does not take its login any more: revoked", "xpost account login tide"],
        ),
        (
            "expired",
            |grant| {
                grant.facts.access_ends = Some(Utc::now() - TimeDelta::days(1));
                grant.facts.refresh_ends = Some(Utc::now() - TimeDelta::hours(1));
            },
            |network| network.stand.state().revoked = true,
            "expired",
            7,
            &["its login ended "],
        ),
        (
            "an app in testing mode",
            |grant| {
                let granted = Utc::now() - TimeDelta::days(8);
                (grant.facts.granted_at, grant.facts.renewed_at) = (Some(granted), Some(granted));
                grant.facts.access_ends = Some(granted + TimeDelta::hours(1));
                grant.facts.refresh_ends = Some(granted + TimeDelta::days(7));
            },
            |network| network.stand.state().revoked = true,
            "expired",
            7,
            &["testing mode", "publish the app"],
        ),
        (
            "billing",
            |_| {},
            |network| network.stand.state().me = Some((402, json!({ "message": "pay first" }))),
            "billing",
            7,
            &["Tide wants money: pay first"],
        ),
        (
            "suspended",
            |_| {},
            |network| network.stand.state().me = Some((403, json!({ "message": "this account is suspended" }))),
            "refused",
            7,
            &["this account is suspended"],
        ),
        (
            "a permission that was taken away",
            |_| {},
            |network| network.stand.state().me = Some((403, json!({ "error": "insufficient_scope" }))),
            "scope",
            7,
            &["a permission is missing"],
        ),
        (
            "a server that is gone",
            |_| {},
            |network| network.stand.state().me = Some((410, json!({ "message": "this instance has closed" }))),
            "server_gone",
            7,
            &["its server is gone"],
        ),
        (
            "a server in trouble",
            |_| {},
            |network| network.stand.state().me = Some((503, json!({ "message": "maintenance" }))),
            "unreachable",
            0,
            &["could not be asked now", "maintenance"],
        ),
    ];
    for (what, login_is, network_does, trouble, code, says) in cases {
        let network = Network::new();
        let machine = Machine::new(&network);
        let mut grant = login(1, 3600);
        login_is(&mut grant);
        machine.with_login(&grant);
        network_does(&network);
        machine.run(&["doctor", "--quiet"]).ends(*code).says(says);
        let document = machine.json(&["doctor"]);
        valid(&document);
        assert_eq!(document["accounts"][0]["trouble"], *trouble, "{what}: {document:#}");
        assert_eq!((&document["exit"], &document["ok"]), (&json!(code), &json!(*code == 0)), "{what}");
    }
    // and one that has no credentials here
    let network = Network::new();
    let machine = Machine::new(&network);
    machine.account("tide", SERVER, SecretSource::Environment, &login(1, 60), json!({}));
    let document = machine.json(&["doctor"]);
    valid(&document);
    assert_eq!(
        (&document["accounts"][0]["trouble"], &document["exit"]),
        (&json!("missing"), &json!(7)),
        "{document:#}"
    );
}

fn permissions() {
    for (held, missing, code, says) in [
        (Some(&["write", "read"][..]), json!([]), 0, "ok    account tide"),
        (
            Some(&["write"][..]),
            json!([{ "name": "read:own", "why": "to see whether a post arrived", "optional": true }]),
            0,
            "without `read:own` (to see whether a post arrived)",
        ),
        (
            Some(&["read:own"][..]),
            json!([{ "name": "write", "why": "to publish", "optional": false }]),
            7,
            "Tide did not grant `write`, which is needed to publish",
        ),
        (None, json!([]), 0, "ok    account tide"),
    ] {
        let network = Network::new();
        let machine = Machine::new(&network);
        let mut grant = login(1, 3600);
        grant.facts.way = "scoped".into();
        grant.facts.access_ends = None;
        grant.facts.scopes = held.map(|held| held.iter().map(|name| (*name).to_string()).collect());
        machine.with_login(&grant);
        machine.run(&["doctor"]).ends(code).says(&[says]);
        let document = machine.json(&["doctor"]);
        valid(&document);
        assert_eq!(document["accounts"][0]["scopes_missing"], missing);
        assert_eq!(document["accounts"][0]["scopes"], json!(held));
    }
}

fn a_clock_that_is_wrong() {
    for (ahead, word) in [(TimeDelta::minutes(10), "behind"), (TimeDelta::minutes(-10), "ahead of")] {
        let network = Network::new();
        network.stand.state().ahead = Some(ahead);
        let machine = Machine::new(&network);
        machine.with_login(&login(1, 3600));
        // what it had to say it said, and the login is good all the same
        machine.run(&["doctor"]).ends(0).says(&["warn  clock", word, "set the clock"]);
        network.stand.state().revoked = true;
        let document = machine.json(&["doctor"]);
        assert_eq!(document["accounts"][0]["trouble"], "clock", "{document:#}");
        assert_eq!(document["exit"], 7);
    }
}

/// All are asked at once: thirty take little longer than one.
fn thirty_accounts_at_once() {
    let network = Network::new();
    let machine = Machine::new(&network);
    for n in 0..30 {
        machine.account(&format!("tide{n}"), SERVER, SecretSource::File, &login(1, 3600), json!({}));
    }
    machine.run(&["doctor"]).ends(0);
    let delay = std::time::Duration::from_millis(1000);
    let inject = xpost::twin::Inject::new(xpost::twin::What::Delay { ms: 1000 }).platform("tide").path("/me").times(0);
    network.server.inject(inject);
    let began = std::time::Instant::now();
    let run = machine.run(&["doctor"]);
    let took = began.elapsed();
    assert_eq!(run.ends(0).out.matches("asked just now").count(), 30);
    // generous: other tests run at the same time, and thirty in a row would take half a minute
    assert!(took < delay * 6, "{took:?}");
}
