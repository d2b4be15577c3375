//! Whose token it is, and which pages a person's login can post to.

use std::collections::BTreeMap;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::net::{Fault, Method};
use crate::platform::{Cx, Profile, TargetOffer, Targets, graph};

/// So many pages of 100 are read.
const PAGES: usize = 20;
/// One of these lets a person post to a page.
const TASKS: [&str; 3] = ["CREATE_CONTENT", "MANAGE", "PROFILE_PLUS_CREATE_CONTENT"];

/// Facebook's pages.
pub(super) struct Pages;

#[derive(Debug, Deserialize)]
struct Who {
    id: String,
    name: String,
    link: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    id: String,
    #[serde(default)]
    name: String,
    access_token: Option<String>,
    tasks: Option<Vec<String>>,
}

/// The page that the account names, else whoever the token is of.
pub(super) async fn whoami(cx: &Cx<'_>) -> Result<Profile, Fault> {
    let named = !cx.account.settings["page"].is_null() && cx.account.settings["page"] != "";
    let request = match named {
        true => graph::request(cx, Method::GET, &super::page(cx)?)?.query("fields", "id,name,link"),
        // a person has no `link` that an app may see
        false => graph::request(cx, Method::GET, "me")?.query("fields", "id,name"),
    };
    let who: Who = cx.call(request).await?.json()?;
    let url = who.link.unwrap_or_else(|| format!("https://www.facebook.com/{}", who.id));
    Ok(Profile { id: who.id, handle: who.name, url: Some(url) })
}

#[async_trait]
impl Targets for Pages {
    async fn targets(&self, cx: &Cx<'_>) -> Result<Vec<TargetOffer>, Fault> {
        let app = cx.facts().map(|facts| facts.client_id).filter(|id| !id.is_empty());
        let mut offers = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..PAGES {
            let mut request = graph::request(cx, Method::GET, "me/accounts")?
                .query("fields", "id,name,access_token,tasks")
                .query("limit", "100");
            if let Some(after) = &after {
                request = request.query("after", after);
            }
            let answer = match cx.call(request).await {
                // the token is a page's, which has no pages
                Err(fault) if graph::code(&fault) == Some(100) => return Ok(offers),
                other => other?,
            };
            let value = answer.value();
            let list: Vec<Page> = serde_json::from_value(value["data"].clone())
                .map_err(|_| crate::platform::payload_error(&answer, "data"))?;
            offers.extend(list.into_iter().map(|page| offer(page, app.as_deref())));
            // there is a next page only where its address is given
            after = value["paging"]["cursors"]["after"].as_str().map(str::to_string).filter(|_| value["paging"]["next"].is_string());
            if after.is_none() {
                break;
            }
        }
        Ok(offers)
    }
}

fn offer(page: Page, app: Option<&str>) -> TargetOffer {
    let may = page.tasks.as_ref().is_none_or(|tasks| tasks.iter().any(|task| TASKS.contains(&task.as_str())));
    let not = match &page.access_token {
        None => Some("the login was not allowed to use this page; log in again and choose it".to_string()),
        Some(_) if !may => Some("you may not create content there; a page's administrator can allow it".to_string()),
        Some(_) => None,
    };
    let mut settings = BTreeMap::from([("page".to_string(), json!(page.id))]);
    settings.extend(app.map(|app| ("app_id".to_string(), json!(app))));
    let secrets = page.access_token.filter(|_| not.is_none()).map(|token| ("token".to_string(), SecretString::from(token)));
    TargetOffer { title: page.name.clone(), name: word(&page.name, &page.id), settings, secrets: secrets.into_iter().collect(), not }
}

/// A word for an account's name.
fn word(name: &str, id: &str) -> String {
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { format!("page-{id}") } else { words.join("-") }
}

/// The number of the app that the token is of: as the account says, else as Facebook does.
pub(super) async fn app(cx: &Cx<'_>) -> Result<String, Fault> {
    let own = match &cx.account.settings["app_id"] {
        Value::String(id) => id.trim().to_string(),
        Value::Number(id) => id.to_string(),
        _ => cx.facts().map(|facts| facts.client_id).unwrap_or_default(),
    };
    let id = if own.is_empty() {
        let answer = cx.call(graph::request(cx, Method::GET, "app")?.query("fields", "id")).await?;
        let id = answer.value()["id"].as_str().map(str::to_string);
        id.ok_or_else(|| crate::platform::payload_error(&answer, "id"))?
    } else {
        own
    };
    if id.bytes().all(|byte| byte.is_ascii_digit()) && !id.is_empty() {
        return Ok(id);
    }
    Err(Fault::local(format!("account `{}`: `app_id` is the number of your app, not `{id}`", cx.account.name)))
}
