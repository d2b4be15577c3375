//! The ways in, and what a login can post to.

use std::collections::BTreeMap;

use async_trait::async_trait;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::Network;
use super::api::{self, Group, params, read};
use crate::login::{
    AppSecret, Challenge, Client, Code, Dialect, Flow, Life, Login, Redirect, Renew, Scope, Secrets, Typed,
};
use crate::net::{Fault, Kind, one_line};
use crate::platform::{Cx, TargetOffer, Targets};

const fn scope(name: &'static str, why: &'static str, optional: bool) -> Scope {
    Scope { name, why, optional }
}

/// The older flow of VK: apps made at id.vk.com cannot use it, and what these get instead cannot post.
const CODE: Code = Code {
    authorize: "https://oauth.vk.com/authorize",
    token: "https://oauth.vk.com/access_token",
    revoke: None,
    scopes: &[
        scope("wall", "to publish", false),
        scope("photos", "to upload pictures", false),
        scope("video", "to upload films", true),
        scope("docs", "to upload files", true),
        scope("groups", "to see which communities you edit", false),
        scope("offline", "to stay logged in", false),
    ],
    joined: ",",
    challenge: Challenge::None,
    redirects: &[Redirect::Https],
    client: Client::App { secret: AppSecret::Needed },
    more: &[("display", "page"), ("v", api::VERSION)],
    dialect: Dialect { get: true, ..Dialect::STANDARD },
    longer: None,
    renew: Renew::Never,
    life: Life::SAID,
};

pub(super) const LOGINS: &[Login] = &[
    Login {
        name: "community",
        about: "a community's own key: text and links; add a user's token for all else",
        flow: Flow::Typed(Typed { warning: None, check: Some(whole) }),
        keeps: &["token"],
        asks: &["token", "user_token", "group"],
        page: Some("https://vk.com/groups?tab=admin"),
    },
    Login {
        name: "user-token",
        about: "a user's token of an older app, with the rights wall, photos, groups and offline",
        flow: Flow::Typed(Typed { warning: None, check: Some(whole) }),
        keeps: &["token"],
        asks: &["token", "group"],
        page: Some("https://vk.com/settings?act=apps"),
    },
    Login {
        name: "browser",
        about: "a user's login through an app of your own that was made before id.vk.com",
        flow: Flow::Code(&CODE),
        keeps: &["token"],
        asks: &["group"],
        page: Some("https://vk.com/settings?act=apps"),
    },
];

/// Looks at tokens before anything is sent with them.
fn whole(secrets: &Secrets) -> Result<(), String> {
    for (name, token) in secrets.iter().filter(|(name, _)| ["token", api::USER_TOKEN].contains(&name.as_str())) {
        let token = token.expose_secret().trim();
        if token.starts_with("vk2.") {
            return Err(format!("`{name}` comes from a VK ID login, which cannot post; make a community's key instead"));
        }
        if token.contains("access_token=") {
            return Err(format!("`{name}` is a whole address; give what stands between `access_token=` and `&`"));
        }
        if token.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(format!("`{name}` has the wrong shape; copy it whole"));
        }
    }
    Ok(())
}

#[async_trait]
impl Targets for Network {
    async fn targets(&self, cx: &Cx<'_>) -> Result<Vec<TargetOffer>, Fault> {
        let token = cx.secret("token")?;
        let user = match api::person(cx, &token).await {
            Ok(user) => user,
            // a community's key in older days
            Err(fault) if fault.code.is_some() && matches!(fault.kind, Kind::Unsupported | Kind::Forbidden) => None,
            Err(fault) => return Err(fault),
        };
        let Some(user) = user else {
            let said = read(cx, &token, "groups.getById", api::Params::new()).await?;
            return Ok(said.list("groups")?.iter().filter_map(Group::read).map(|group| offer(&group, None)).collect());
        };
        let profile = user.profile()?;
        let own = TargetOffer {
            title: format!("{} ({}), your own wall", one_line(&user.name, 80), profile.handle),
            name: word(profile.handle.trim_start_matches('@')),
            settings: BTreeMap::from([("group".to_string(), Value::Null)]),
            ..TargetOffer::default()
        };
        let all = params([("filter", "editor".into()), ("extended", "1".into()), ("count", "1000".into())]);
        let said = read(cx, &token, "groups.get", all).await?;
        let groups = said.list("items")?.iter().filter_map(|item| Some((Group::read(item)?, item["deactivated"].is_string())));
        let groups = groups.map(|(group, closed)| {
            offer(&group, closed.then(|| "VK has closed this community".to_string()))
        });
        Ok(std::iter::once(own).chain(groups).collect())
    }
}

/// A short name as an account's.
fn word(name: &str) -> String {
    name.to_lowercase().replace(['_', '.'], "-")
}

fn offer(group: &Group, not: Option<String>) -> TargetOffer {
    let name = if group.screen_name.is_empty() { format!("club{}", group.id) } else { group.screen_name.clone() };
    TargetOffer {
        // anybody may have named it
        title: format!("{} (@{name})", one_line(&group.name, 80)),
        name: word(&name),
        settings: BTreeMap::from([("group".to_string(), json!(group.id.to_string()))]),
        not,
        ..TargetOffer::default()
    }
}
