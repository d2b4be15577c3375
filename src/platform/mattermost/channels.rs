//! The channels that a token can post to.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::api::{Channel, Team};
use super::{Mode, Network, kind, request};
use crate::net::{Fault, Kind, Method, one_line};
use crate::platform::{Cx, TargetOffer, Targets};

#[async_trait]
impl Targets for Network {
    async fn targets(&self, cx: &Cx<'_>) -> Result<Vec<TargetOffer>, Fault> {
        // a webhook has one channel, and that is the account's
        if kind(cx) == Mode::Webhook {
            return Ok(Vec::new());
        }
        let mut teams: Vec<Team> = cx.call(request(cx, Method::GET, "/users/me/teams")?).await?.json()?;
        if teams.is_empty() {
            let why = "the account is in no team yet; an administrator adds it (System Console, or Invite People), then look again";
            return Err(Fault::new(Kind::Unsupported, why));
        }
        teams.sort_by(|a, b| a.name.cmp(&b.name));
        let mut offers: Vec<TargetOffer> = Vec::new();
        for team in &teams {
            let path = format!("/users/me/teams/{}/channels", team.id);
            let mut channels: Vec<Channel> = cx.call(request(cx, Method::GET, &path)?).await?.json()?;
            channels.retain(|channel| channel.delete_at == 0 && channel.kind != "D");
            channels.sort_by(|a, b| (a.is_direct(), &a.name).cmp(&(b.is_direct(), &b.name)));
            for channel in &channels {
                // groups of people are listed with every team
                let new = offers.iter().all(|known| known.settings.get("channel") != Some(&json!(channel.id)));
                if new {
                    offers.push(offer(cx, team, channel, teams.len() > 1));
                }
            }
        }
        Ok(offers)
    }
}

fn offer(cx: &Cx<'_>, team: &Team, channel: &Channel, several: bool) -> TargetOffer {
    let lock = if channel.kind == "P" { ", private" } else { "" };
    let name = if channel.is_direct() { "group".to_string() } else { channel.name.clone() };
    let mut settings: BTreeMap<String, Value> = BTreeMap::from([("channel".to_string(), json!(channel.id))]);
    if !cx.account.setting("mode").is_empty() {
        settings.insert("mode".into(), json!("token"));
    }
    let team_title = if team.display_name.is_empty() { &team.name } else { &team.display_name };
    TargetOffer {
        // anybody may have named it
        title: one_line(&format!("{team_title} / {}{lock}", channel.title()), 120),
        name: if several && !channel.is_direct() { format!("{}-{name}", team.name) } else { name },
        settings,
        secrets: BTreeMap::new(),
        not: None,
    }
}
