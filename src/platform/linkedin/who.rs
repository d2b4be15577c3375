//! Whose login it is, and the pages that it can post to.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Network, api};
use crate::net::{Fault, Method, Request, one_line};
use crate::platform::{Cx, Profile, TargetOffer, Targets, payload_error};

/// Roles that may post. <https://learn.microsoft.com/en-us/linkedin/marketing/community-management/organizations/organization-access-control-by-role>,
/// 2026-11-22.
const POSTERS: &[&str] =
    &["ADMINISTRATOR", "CONTENT_ADMINISTRATOR", "CONTENT_ADMIN", "DIRECT_SPONSORED_CONTENT_POSTER", "RECRUITING_POSTER"];
/// So many roles are on a page, and so many pages are asked for by name.
const PAGE: usize = 100;
const MOST: usize = 60;

/// The account as LinkedIn knows it: its page, or who logged in.
///
/// # Errors
/// The login is not good.
pub(super) async fn profile(cx: &Cx<'_>) -> Result<Profile, Fault> {
    match api::organization_number(cx.account).map_err(Fault::local)? {
        Some(id) => page(cx, &id).await,
        None => person(cx).await,
    }
}

/// Who logged in.
///
/// # Errors
/// The login is not good, or its permissions do not let it say whose it is.
pub(super) async fn person(cx: &Cx<'_>) -> Result<Profile, Fault> {
    let granted = cx.facts().and_then(|facts| facts.scopes);
    let has = |scope: &str| granted.as_ref().is_none_or(|granted| granted.iter().any(|have| have == scope));
    if has("openid") {
        match cx.call(Request::get(format!("{}/v2/userinfo", api::API)).bearer(&cx.secret("token")?)).await {
            Ok(answer) => {
                let me = answer.value();
                let id = me["sub"].as_str().ok_or_else(|| payload_error(&answer, "sub"))?;
                return Ok(profile_of(id, me["name"].as_str().unwrap_or_default(), None));
            }
            // a login for pages has no OpenID
            Err(fault) if fault.status == Some(403) && granted.is_none() => {}
            Err(fault) => return Err(fault),
        }
    }
    let answer = cx.call(Request::get(format!("{}/v2/me", api::API)).bearer(&cx.secret("token")?)).await?;
    let me = answer.value();
    let id = me["id"].as_str().ok_or_else(|| payload_error(&answer, "id"))?;
    let part = |key: &str| me[key].as_str().unwrap_or_default();
    let name = format!("{} {}", part("localizedFirstName"), part("localizedLastName"));
    Ok(profile_of(id, &name, me["vanityName"].as_str()))
}

fn profile_of(id: &str, name: &str, vanity: Option<&str>) -> Profile {
    let name = one_line(name.trim(), 100);
    Profile {
        handle: if name.is_empty() { id.to_string() } else { name },
        id: format!("urn:li:person:{id}"),
        url: vanity.map(|vanity| format!("{}/in/{vanity}", api::SITE)),
    }
}

async fn page(cx: &Cx<'_>, id: &str) -> Result<Profile, Fault> {
    let urn = format!("urn:li:organization:{id}");
    let page = match cx.call(api::rest(cx, Method::GET, &format!("/organizations/{}", api::key(id)))?).await {
        Ok(answer) => answer.value(),
        // its name may be read by administrators with `rw_organization_admin`; posting needs neither
        Err(fault) if fault.status == Some(403) => Value::Null,
        Err(fault) => return Err(fault),
    };
    let name = page["localizedName"].as_str().map(|name| one_line(name, 100)).filter(|name| !name.is_empty());
    let word = page["vanityName"].as_str().unwrap_or(id);
    Ok(Profile {
        handle: name.unwrap_or_else(|| format!("page {id}")),
        id: urn,
        url: Some(format!("{}/company/{word}/", api::SITE)),
    })
}

#[async_trait]
impl Targets for Network {
    /// Oneself first, then the pages. A login that was not made for pages has itself alone.
    async fn targets(&self, cx: &Cx<'_>) -> Result<Vec<TargetOffer>, Fault> {
        let granted = cx.facts().and_then(|facts| facts.scopes);
        let has = |scope: &str| granted.as_ref().is_none_or(|granted| granted.iter().any(|have| have == scope));
        let mut offers = Vec::new();
        match person(cx).await {
            Ok(me) => offers.push(TargetOffer {
                title: format!("{} (yourself)", me.handle),
                name: word(&me.handle, "me"),
                settings: BTreeMap::from([("organization".to_string(), Value::Null)]),
                secrets: BTreeMap::new(),
                not: (!has("w_member_social")).then(|| "the login may not post as you (`w_member_social`)".to_string()),
            }),
            // it may post to pages all the same
            Err(fault) if fault.status == Some(403) => {}
            Err(fault) => return Err(fault),
        }
        if !has("rw_organization_admin") && !has("r_organization_admin") {
            return Ok(offers);
        }
        let roles = match roles(cx).await {
            Err(fault) if fault.status == Some(403) && granted.is_none() => return Ok(offers),
            roles => roles?,
        };
        for (id, roles) in roles.into_iter().take(MOST) {
            let page = page(cx, &id).await?;
            let may = roles.iter().any(|role| POSTERS.contains(&role.as_str()));
            let not = (!may).then(|| format!("your role there ({}) may not post; ask an administrator", roles.join(", ").to_lowercase()));
            let not = not.or_else(|| {
                (!has("w_organization_social")).then(|| "the login may not post to pages (`w_organization_social`)".to_string())
            });
            offers.push(TargetOffer {
                name: word(&page.handle, &format!("page-{id}")),
                title: page.handle,
                settings: BTreeMap::from([("organization".to_string(), json!(id))]),
                secrets: BTreeMap::new(),
                not,
            });
        }
        Ok(offers)
    }
}

/// The numbers of the organisations in which the member has roles, and which.
async fn roles(cx: &Cx<'_>) -> Result<Vec<(String, Vec<String>)>, Fault> {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    let mut start = 0;
    loop {
        let path = format!("/organizationAcls?q=roleAssignee&state=APPROVED&start={start}&count={PAGE}");
        let request = api::rest(cx, Method::GET, &path)?.header("x-restli-method", "FINDER");
        let answer = cx.call(request).await?;
        let value = answer.value();
        let elements = value["elements"].as_array().ok_or_else(|| payload_error(&answer, "elements"))?;
        for element in elements {
            let urn = element["organization"].as_str().or(element["organizationTarget"].as_str()).unwrap_or_default();
            // brands of an organisation post by their organisation
            let Some(id) = urn.strip_prefix("urn:li:organization:") else { continue };
            let role = element["role"].as_str().unwrap_or_default().to_string();
            match all.iter_mut().find(|(known, _)| known == id) {
                Some((_, roles)) => roles.push(role),
                None => all.push((id.to_string(), vec![role])),
            }
        }
        start += PAGE;
        if elements.len() < PAGE || start >= PAGE * 10 {
            return Ok(all);
        }
    }
}

/// A word for an account's name.
fn word(title: &str, otherwise: &str) -> String {
    let word: String = title.chars().take(40).map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    let word = word.split('-').filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join("-").to_lowercase();
    if word.is_empty() { otherwise.to_string() } else { word }
}
