//! The accounts that a login at Facebook can post to: those of the pages that it has a role on.

use std::collections::BTreeMap;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::Network;
use super::api::{Via, number, request, via};
use crate::net::{Fault, Method, one_line};
use crate::platform::{Cx, TargetOffer, Targets, container};

/// Pages on one page of the list; more than so many pages nobody chooses from.
const MOST: &str = "100";
const FIELDS: &str = "id,name,access_token,tasks,instagram_business_account{id,username}";

#[async_trait]
impl Targets for Network {
    /// The token of a page does not end, and serves its account alone; so each target has one of its own.
    async fn targets(&self, cx: &Cx<'_>) -> Result<Vec<TargetOffer>, Fault> {
        if via(cx) == Via::Instagram {
            return Ok(Vec::new());
        }
        // with the token of a page there is that page
        if number(cx).is_some() {
            return Ok(Vec::new());
        }
        let asking = request(cx, Method::GET, "me/accounts")?.query("fields", FIELDS).query("limit", MOST);
        let answer = cx.call(asking).await?.value();
        let pages = answer["data"].as_array().into_iter().flatten();
        Ok(pages.filter_map(|page| offer(cx, page)).collect())
    }
}

fn offer(cx: &Cx<'_>, page: &Value) -> Option<TargetOffer> {
    let number = container::id(&page["id"])?;
    let title = one_line(page["name"].as_str().unwrap_or(&number), 80);
    let account = &page["instagram_business_account"];
    let mut settings = BTreeMap::from([("via".to_string(), json!("facebook")), ("page".to_string(), json!(number))]);
    let Some(user) = container::id(&account["id"]) else {
        let not = Some("no professional Instagram account belongs to this page; connect one in the page's settings".to_string());
        return Some(TargetOffer { name: format!("page-{number}"), title, settings, not, ..TargetOffer::default() });
    };
    settings.insert("user".into(), json!(user));
    let name = account["username"].as_str().map_or_else(|| user.clone(), str::to_string);
    let tasks: Vec<&str> = page["tasks"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    // the list is left out where the permission to see it is
    let may = tasks.is_empty() || tasks.iter().any(|task| matches!(*task, "CREATE_CONTENT" | "MANAGE"));
    let secrets = page["access_token"].as_str().filter(|token| !token.is_empty()).map(|token| {
        let token = SecretString::from(token);
        cx.door.redactor().learn(&token);
        BTreeMap::from([("token".to_string(), token)])
    });
    Some(TargetOffer {
        title: format!("@{name} ({title})"),
        name,
        settings,
        secrets: secrets.unwrap_or_default(),
        not: (!may).then(|| "your role on the page does not let you post".to_string()),
    })
}
