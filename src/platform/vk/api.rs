//! The API's envelope, the two kinds of tokens, and who an account is.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::net::{Answer, Body, Fault, Kind, Method, Request};
use crate::platform::{AccountInfo, Cx, Profile, payload_error};

/// The version of the API that is spoken: that of the published schema (2025-01-21).
pub(super) const VERSION: &str = "5.199";
/// The one place of the API; `api.vk.ru` is another name of it.
pub(super) const SERVER: &str = "https://api.vk.com";
/// A user's token for a community key's account: media, polls, read-back, editing and deleting.
pub(super) const USER_TOKEN: &str = "user_token";

/// What the bits of a user token's rights mean, as far as they matter here (dev.vk.com, access rights).
pub(super) const RIGHTS: &[(u64, &str)] =
    &[(1 << 2, "photos"), (1 << 4, "video"), (1 << 13, "wall"), (1 << 17, "docs"), (1 << 18, "groups")];

/// Who an account is and what its tokens may do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    /// `token` is a community's key; else it is a user's.
    pub community: bool,
    /// There is a user's token, alone or beside the key.
    pub user: bool,
    /// The community that is posted to; `None`: the user's own wall.
    pub group: Option<i64>,
    pub user_id: Option<i64>,
    pub name: String,
    pub screen_name: String,
    /// What the user's token may do, where VK says so.
    pub rights: Option<Vec<String>>,
}

impl Facts {
    /// What an earlier look found.
    pub fn known(about: &Value) -> Option<Facts> {
        about.get("community")?;
        serde_json::from_value(about.clone()).ok()
    }

    /// The number of the wall: below zero for a community.
    pub fn owner(&self) -> Result<i64, Fault> {
        let owner = self.group.map(|group| -group).or(self.user_id);
        owner.ok_or_else(|| Fault::local("it is not known whose wall this is; run `xpost account check`"))
    }

    pub fn profile(&self) -> Result<Profile, Fault> {
        let owner = self.owner()?;
        let name = match (self.screen_name.as_str(), owner) {
            ("", owner) if owner < 0 => format!("club{}", -owner),
            ("", owner) => format!("id{owner}"),
            (name, _) => name.to_string(),
        };
        Ok(Profile { id: owner.to_string(), handle: format!("@{name}"), url: Some(format!("https://vk.com/{name}")) })
    }

    /// Whether a user's token is known to lack a right.
    pub fn lacks(&self, right: &str) -> bool {
        self.rights.as_ref().is_some_and(|rights| !rights.iter().any(|have| have == right))
    }
}

/// A good answer.
#[derive(Debug)]
pub(super) struct Said {
    pub answer: Answer,
    /// What stands in `response`.
    pub response: Value,
}

impl Said {
    /// The same, or "the post may exist" where it is not there.
    pub fn number(&self, key: &str) -> Result<i64, Fault> {
        self.response[key].as_i64().ok_or_else(|| payload_error(&self.answer, key))
    }

    /// The list that the answer is or holds: older versions give a list where newer ones give an object.
    pub fn list(&self, key: &str) -> Result<&[Value], Fault> {
        let list = self.response.as_array().or(self.response[key].as_array());
        list.map(Vec::as_slice).ok_or_else(|| payload_error(&self.answer, key))
    }
}

/// Parameters of a call.
pub(super) type Params = Vec<(String, String)>;

/// Parameters from pairs.
pub(super) fn params<const N: usize>(pairs: [(&str, String); N]) -> Params {
    pairs.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}

/// Calls a method that changes nothing.
pub(super) async fn read(cx: &Cx<'_>, token: &SecretString, method: &str, params: Params) -> Result<Said, Fault> {
    let request = request(cx, Method::GET, method).bearer(token).query("v", VERSION);
    said(cx, params.into_iter().fold(request, |request, (name, value)| request.query(&name, value))).await
}

/// Calls a method that changes something.
pub(super) async fn write(cx: &Cx<'_>, token: &SecretString, method: &str, mut params: Params) -> Result<Said, Fault> {
    params.push(("v".into(), VERSION.into()));
    said(cx, request(cx, Method::POST, method).bearer(token).body(Body::Form(params))).await
}

fn request(cx: &Cx<'_>, http: Method, method: &str) -> Request {
    let server = if cx.account.server.is_empty() { SERVER } else { &cx.account.server };
    Request::new(http, format!("{server}/method/{method}"))
}

async fn said(cx: &Cx<'_>, request: Request) -> Result<Said, Fault> {
    let answer = cx.call(request).await?;
    match answer.value().get("response").cloned() {
        Some(response) => Ok(Said { answer, response }),
        None => Err(payload_error(&answer, "response")),
    }
}

/// What is known of the account, asked if it never was.
pub(super) async fn facts(cx: &Cx<'_>) -> Result<Facts, Fault> {
    match Facts::known(&cx.account.about) {
        Some(facts) => Ok(facts),
        None => look(cx).await,
    }
}

/// The user's token beside a community's key, if one was given.
fn beside(cx: &Cx<'_>) -> Option<SecretString> {
    cx.optional_secret(USER_TOKEN).filter(|token| !token.expose_secret().trim().is_empty())
}

/// A user's token, for what a community's key may not do.
pub(super) fn user(cx: &Cx<'_>, facts: &Facts, what: &str) -> Result<SecretString, Fault> {
    if !facts.community {
        return cx.secret("token");
    }
    beside(cx).ok_or_else(|| {
        let name = &cx.account.name;
        let why = format!("VK lets nobody {what} with a community's key; give account `{name}` a `{USER_TOKEN}`");
        Fault::new(Kind::Unsupported, format!("{why} with `xpost account login {name}`"))
    })
}

/// The token that writes text: the community's key where there is one, since users' tokens may be bound to one network address.
pub(super) fn writer(cx: &Cx<'_>, facts: &Facts, as_user: bool) -> Result<SecretString, Fault> {
    if as_user { user(cx, facts, "do this") } else { cx.secret("token") }
}

/// Asks VK who the tokens belong to and what they may do. Reads only.
pub(super) async fn look(cx: &Cx<'_>) -> Result<Facts, Fault> {
    let token = cx.secret("token")?;
    let wanted = wall(cx.account);
    match read(cx, &token, "groups.getTokenPermissions", Params::new()).await {
        Ok(said) => community(cx, &token, &said, wanted.as_ref()).await,
        // VK's own word: it is no community's key
        Err(fault) if fault.code.is_some() && !fault.kind.transient() => {
            let mut facts = person(cx, &token).await?.ok_or(fault)?;
            if let Some(wanted) = wanted {
                let group = edited(cx, &token, &wanted).await?;
                (facts.group, facts.name, facts.screen_name) = (Some(group.id), group.name, group.screen_name);
            }
            Ok(facts)
        }
        Err(fault) => Err(fault),
    }
}

/// A community's key, and the user's token beside it.
async fn community(cx: &Cx<'_>, token: &SecretString, said: &Said, wanted: Option<&Wall>) -> Result<Facts, Fault> {
    let may: Vec<&str> = said.list("permissions")?.iter().filter_map(|one| one["name"].as_str()).collect();
    if !may.contains(&"wall") {
        let why = "the community's key may not post; make one with the right `wall` (Manage, API usage) and run `xpost account login`";
        return Err(Fault::new(Kind::Forbidden, format!("{why} {}", cx.account.name)));
    }
    let said = read(cx, token, "groups.getById", Params::new()).await?;
    let own = said.list("groups")?.first().and_then(Group::read);
    let own = own.ok_or_else(|| payload_error(&said.answer, "groups"))?;
    if let Some(wanted) = wanted.filter(|wanted| !wanted.is(&own)) {
        let why = format!("the key is of `{}` ({}), and `group` names {wanted}", one_name(&own), own.id);
        return Err(Fault::new(Kind::Rejected, format!("{why}; make a key in that community or leave `group` empty")));
    }
    let mut facts = Facts { community: true, group: Some(own.id), ..Facts::default() };
    if let Some(beside) = beside(cx) {
        let user = person(cx, &beside).await?.ok_or_else(|| {
            Fault::new(Kind::Auth, format!("`{USER_TOKEN}` is no user's token; run `xpost account login` again"))
        })?;
        edited(cx, &beside, &Wall::Id(own.id)).await?;
        facts = Facts { user: true, user_id: user.user_id, rights: user.rights, ..facts };
    }
    Ok(Facts { name: own.name, screen_name: own.screen_name, ..facts })
}

/// Whose a user's token is; `None` where it is no user's: VK answers with an empty list then.
pub(super) async fn person(cx: &Cx<'_>, token: &SecretString) -> Result<Option<Facts>, Fault> {
    let said = read(cx, token, "users.get", params([("fields", "screen_name".into())])).await?;
    let Some(me) = said.list("users")?.first() else { return Ok(None) };
    let text = |key: &str| me[key].as_str().unwrap_or_default();
    let id = me["id"].as_i64().ok_or_else(|| payload_error(&said.answer, "id"))?;
    // what is not told is not known, and stops nobody
    let rights = match read(cx, token, "account.getAppPermissions", Params::new()).await {
        Ok(said) => said.response.as_u64().map(|mask| {
            let held = RIGHTS.iter().filter(|(bit, _)| mask & bit != 0);
            held.map(|(_, name)| (*name).to_string()).collect()
        }),
        Err(fault) if fault.kind.transient() || fault.kind == Kind::Auth => return Err(fault),
        Err(_) => None,
    };
    let name = format!("{} {}", text("first_name"), text("last_name")).trim().to_string();
    let screen_name = text("screen_name").to_string();
    Ok(Some(Facts { user: true, user_id: Some(id), name, screen_name, rights, ..Facts::default() }))
}

/// A community that the user may write for.
async fn edited(cx: &Cx<'_>, token: &SecretString, wanted: &Wall) -> Result<Group, Fault> {
    let said = read(cx, token, "groups.getById", params([("group_id", wanted.id())])).await?;
    let value = said.list("groups")?.first().cloned().unwrap_or_default();
    let group = Group::read(&value).ok_or_else(|| payload_error(&said.answer, "groups"))?;
    // 1 is a moderator, who may not post for the community
    if value["is_admin"].as_i64() != Some(1) || value["admin_level"].as_i64().is_some_and(|level| level < 2) {
        let why = format!("the user is no editor of `{}`; let an administrator of it make him one", one_name(&group));
        return Err(Fault::new(Kind::Forbidden, why));
    }
    Ok(group)
}

/// A community.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub id: i64,
    pub name: String,
    pub screen_name: String,
}

impl Group {
    pub fn read(value: &Value) -> Option<Group> {
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_string();
        Some(Group { id: value["id"].as_i64()?, name: text("name"), screen_name: text("screen_name") })
    }
}

fn one_name(group: &Group) -> String {
    crate::net::one_line(&group.name, 80)
}

/// A community as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wall {
    Id(i64),
    Name(String),
}

impl Wall {
    /// From `123`, `-123`, `club123`, `name`, `@name` or an address at vk.com; `None` where nothing is named.
    pub fn parse(text: &str) -> Option<Wall> {
        let text = text.trim().trim_end_matches('/');
        let text = text.rsplit('/').next().unwrap_or(text).trim_start_matches('@');
        let number = ["club", "public", "event", "-"].iter().find_map(|word| text.strip_prefix(word)).unwrap_or(text);
        match number.parse::<i64>() {
            Ok(id) if id > 0 => Some(Wall::Id(id)),
            _ if text.is_empty() => None,
            _ => Some(Wall::Name(text.to_string())),
        }
    }

    fn id(&self) -> String {
        match self {
            Wall::Id(id) => id.to_string(),
            Wall::Name(name) => name.clone(),
        }
    }

    fn is(&self, group: &Group) -> bool {
        match self {
            Wall::Id(id) => *id == group.id,
            Wall::Name(name) => name.eq_ignore_ascii_case(&group.screen_name),
        }
    }
}

impl std::fmt::Display for Wall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`", self.id())
    }
}

/// The community that an account names.
pub(super) fn wall(account: &AccountInfo) -> Option<Wall> {
    match account.settings.get("group") {
        Some(Value::Number(number)) => number.as_i64().map(i64::abs).filter(|id| *id > 0).map(Wall::Id),
        _ => Wall::parse(account.setting("group")),
    }
}
