//! The ways in, and the groups that a login can post to.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::Network;
use super::api::{self, SESSION_SECRET, params, read};
use crate::login::{
    AppSecret, Challenge, Client, Code, Dialect, Flow, Life, Login, Redirect, Renew, Scope, Secrets, Typed,
};
use crate::net::{Fault, one_line};
use crate::platform::{Cx, TargetOffer, Targets};

const fn scope(name: &'static str, why: &'static str, optional: bool) -> Scope {
    Scope { name, why, optional }
}

const CODE: Code = Code {
    authorize: "https://connect.ok.ru/oauth/authorize",
    token: "https://api.ok.ru/oauth/token.do",
    revoke: None,
    scopes: &[
        scope("VALUABLE_ACCESS", "to call the API at all", false),
        scope("LONG_ACCESS_TOKEN", "to stay logged in for 30 days", true),
        scope("GROUP_CONTENT", "to post to groups", false),
        scope("PHOTO_CONTENT", "to upload pictures", false),
        scope("VIDEO_CONTENT", "to upload films", true),
    ],
    joined: ";",
    challenge: Challenge::None,
    redirects: &[Redirect::Loopback { host: "localhost", port: Some(8477), path: "/auth" }, Redirect::Https],
    client: Client::App { secret: AppSecret::Needed },
    more: &[("layout", "w")],
    dialect: Dialect::STANDARD,
    longer: None,
    renew: Renew::Refresh,
    // access for half an hour unless LONG_ACCESS_TOKEN was granted, refreshing for 30 days
    life: Life {
        access: Some(Duration::from_secs(1800)),
        refresh: Some(Duration::from_secs(30 * 86_400)),
        login: None,
        ahead: Duration::from_secs(300),
    },
};

pub(super) const LOGINS: &[Login] = &[
    Login {
        name: "token",
        about: "the permanent token and its session secret, from the settings of your own app",
        flow: Flow::Typed(Typed { warning: None, check: Some(whole) }),
        keeps: &["token", SESSION_SECRET],
        asks: &["app_key", "token", "session_secret", "group"],
        page: Some("https://ok.ru/vitrine/myuploaded"),
    },
    Login {
        name: "browser",
        about: "through your own app, to which OK gave the rights",
        flow: Flow::Code(&CODE),
        keeps: &["token"],
        asks: &["app_key", "group"],
        page: Some("https://ok.ru/settings/applications"),
    },
];

/// Looks at what was typed before anything is sent.
fn whole(secrets: &Secrets) -> Result<(), String> {
    let of = |name: &str| secrets.get(name).map(|secret| secret.expose_secret().trim()).unwrap_or_default();
    if of("token").is_empty() || of("token").contains(char::is_whitespace) {
        return Err("the token has the wrong shape; copy the whole access_token from the app's settings".into());
    }
    let secret = of(SESSION_SECRET);
    if secret.len() != 32 || !secret.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f')) {
        return Err("the session secret is 32 digits and letters from a to f; it stands beside the token, and is not the app's secret key".into());
    }
    Ok(())
}

#[async_trait]
impl Targets for Network {
    async fn targets(&self, cx: &Cx<'_>) -> Result<Vec<TargetOffer>, Fault> {
        let me = read(cx, "users.getCurrentUser", params([("fields", "uid,name".into())])).await?;
        let name = one_line(me.value["name"].as_str().unwrap_or_default(), 80);
        let own = TargetOffer {
            title: format!("{name}, your own page"),
            name: format!("ok{}", me.text("uid")?),
            settings: BTreeMap::from([("group".to_string(), Value::Null)]),
            ..TargetOffer::default()
        };
        let said = read(cx, "group.getUserGroupsV2", params([("count", "100".into())])).await?;
        let groups = said.value["groups"].as_array().cloned().unwrap_or_default();
        let ids: Vec<String> = groups.iter().filter_map(|group| api::text(&group["groupId"])).collect();
        let about = api::groups(cx, &ids).await?;
        let offers = about.into_iter().map(|(id, title, word)| {
            let place = groups.iter().find(|group| api::text(&group["groupId"]).as_deref() == Some(&id));
            let status = place.and_then(|group| group["status"].as_str()).unwrap_or_default();
            // where OK does not say what one is there, it says so when something is posted
            let may = matches!(status, "" | "ADMIN" | "MODERATOR" | "EDITOR" | "SUPER_MODERATOR" | "ANALYST");
            TargetOffer {
                title: format!("{} ({id})", one_line(&title, 80)),
                name: word.map_or_else(|| format!("ok-group-{id}"), |word| word.to_lowercase().replace('.', "-")),
                settings: BTreeMap::from([("group".to_string(), json!(id))]),
                not: (!may).then(|| "you are no administrator or editor of it".to_string()),
                ..TargetOffer::default()
            }
        });
        Ok(std::iter::once(own).chain(offers).collect())
    }
}
