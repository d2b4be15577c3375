//! The wall: publishing, reading back, deleting, editing.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::Network;
use super::api::{self, Facts, Params, params, read, write};
use super::media::Set;
use crate::net::{Fault, Kind};
use crate::platform::{Cx, Delete, Edit, Find, Found, Post, Receipt, payload_error};

/// So many pages of 100 posts are read at most.
const PAGES: usize = 5;
const PAGE: usize = 100;

/// The one request that the world sees.
pub(super) async fn publish(cx: &Cx<'_>, post: &Post, ready: &Value) -> Result<Receipt, Fault> {
    let set = set(cx, ready).await?;
    let owner = set.facts.owner()?;
    let mut all = planned(post)?;
    all.push(("owner_id".into(), owner.to_string()));
    all.push(("guid".into(), post.uuid()));
    if post.comment {
        let (owner, under) = under(post)?;
        all.retain(|(name, _)| name != "owner_id");
        all.extend(params([("owner_id", owner.to_string()), ("post_id", under.to_string())]));
        if let Some(group) = set.facts.group {
            all.push(("from_group".into(), group.to_string()));
        }
        let token = api::writer(cx, &set.facts, false)?;
        let said = write(cx, &token, "wall.createComment", all).await?;
        return Ok(comment_receipt(owner, under, said.number("comment_id")?));
    }
    let token = api::writer(cx, &set.facts, as_user(post, &set))?;
    all.extend(community(post, &set.facts));
    let attached = attachments(post, &set.attachments);
    if !attached.is_empty() {
        all.push(("attachments".into(), attached));
    }
    let said = write(cx, &token, "wall.post", all).await?;
    Ok(post_receipt(post, owner, said.number("post_id")?, &set.attachments))
}

/// What `prepare` found; asked again where only the journal is left.
async fn set(cx: &Cx<'_>, ready: &Value) -> Result<Set, Fault> {
    match serde_json::from_value::<Set>(ready.clone()) {
        Ok(set) if set.facts != Facts::default() => Ok(set),
        _ => Ok(Set { facts: api::facts(cx).await?, ..Set::default() }),
    }
}

/// Whether only a user can write this: what he uploaded, what is signed by him or posted as himself.
fn as_user(post: &Post, set: &Set) -> bool {
    let param = |name: &str| &post.payload["params"][name];
    let uploaded = set.attachments.iter().any(|one| !one.starts_with("doc")) || (set.facts.user && !set.attachments.is_empty());
    uploaded || param("signed") == 1 || param("from_group") == 0
}

/// The planned parameters as form fields.
fn planned(post: &Post) -> Result<Params, Fault> {
    let planned = post.payload["params"].as_object();
    let planned = planned.ok_or_else(|| Fault::local("the planned request has no `params`"))?;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    Ok(planned.iter().map(|(name, value)| (name.clone(), text(value))).collect())
}

/// Posts on a community's wall are the community's unless the draft says otherwise.
fn community(post: &Post, facts: &Facts) -> Params {
    match facts.group {
        Some(_) if post.payload["params"].get("from_group").is_none() => params([("from_group", "1".into())]),
        _ => Params::new(),
    }
}

/// Uploads, what the draft attaches, and the page that a card is made of.
fn attachments(post: &Post, uploaded: &[String]) -> String {
    let attach = post.payload["attach"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let all = uploaded.iter().map(String::as_str).chain(attach).chain(post.payload["link"].as_str());
    all.collect::<Vec<_>>().join(",")
}

fn post_receipt(post: &Post, owner: i64, id: i64, uploaded: &[String]) -> Receipt {
    let mut extra = json!({"owner_id": owner, "post_id": id});
    if !uploaded.is_empty() {
        extra["uploads"] = json!(uploaded);
    }
    // a post that waits gets another number, and so another address, when it is shown
    let waits = post.payload["params"]["publish_date"].as_i64();
    if let Some(at) = waits {
        extra["publish_date"] = json!(at);
    }
    let url = waits.is_none().then(|| format!("https://vk.com/wall{owner}_{id}"));
    Receipt::new(format!("{owner}_{id}"), url).extra(extra)
}

fn comment_receipt(owner: i64, post: i64, id: i64) -> Receipt {
    Receipt::new(format!("{owner}_{post}_r{id}"), Some(format!("https://vk.com/wall{owner}_{post}?reply={id}")))
        .extra(json!({"owner_id": owner, "post_id": post, "comment_id": id}))
}

/// The wall and the number of a post.
fn place(receipt: &Receipt) -> Result<(i64, i64), Fault> {
    let extra = &receipt.extra;
    if let Some(both) = extra["owner_id"].as_i64().zip(extra["post_id"].as_i64()) {
        return Ok(both);
    }
    // a person who said that it was posted may have given the address alone
    let written = receipt.url.as_deref().and_then(|url| url.split("wall").nth(1)).unwrap_or(&receipt.id);
    let both = written.split(['?', '&', '%']).next().and_then(|both| both.split_once('_'));
    both.and_then(|(owner, post)| Some((owner.parse().ok()?, post.parse().ok()?)))
        .ok_or_else(|| Fault::local(format!("`{}` is not the number of a VK post", receipt.id)))
}

/// The post that a comment stands below.
fn under(post: &Post) -> Result<(i64, i64), Fault> {
    post.root.as_ref().ok_or_else(|| Fault::local("a comment stands below a post, and there is none")).and_then(place)
}

/// What is compared: VK trims lines and writes line ends its own way.
fn key(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '\u{200b}').collect()
}

#[async_trait]
impl Find for Network {
    async fn find(&self, cx: &Cx<'_>, post: &Post, ready: &Value, since: DateTime<Utc>) -> Result<Found, Fault> {
        let set = set(cx, ready).await?;
        // a community's key reads no wall
        if !set.facts.user {
            return Ok(Found::Unsure);
        }
        let token = api::user(cx, &set.facts, "read a wall")?;
        if post.comment {
            return comment(cx, &token, post, since).await;
        }
        let owner = set.facts.owner()?;
        let waits = post.payload["params"]["publish_date"].as_i64();
        let wanted = key(post.payload["params"]["message"].as_str().unwrap_or_default());
        let media = post.media.len();
        let mut alike = Vec::new();
        let mut complete = false;
        for page in 0..PAGES {
            let mut all = params([
                ("owner_id", owner.to_string()),
                ("count", PAGE.to_string()),
                ("offset", (page * PAGE).to_string()),
            ]);
            // what waits stands in a list of its own, by the time at which it will be shown
            all.push(("filter".into(), if waits.is_some() { "postponed" } else { "all" }.into()));
            let said = read(cx, &token, "wall.get", all).await?;
            let begin = said.answer.by_their_clock(since).timestamp();
            let items = said.list("items")?;
            let mut older = false;
            for item in items {
                let date = item["date"].as_i64().unwrap_or_default();
                if waits.is_none() && date < begin {
                    // a pinned post stands above newer ones
                    older |= item["is_pinned"].as_i64() != Some(1);
                    continue;
                }
                let attached = item["attachments"].as_array().into_iter().flatten();
                let files = attached.filter(|one| matches!(one["type"].as_str(), Some("photo" | "video" | "doc"))).count();
                let when = waits.is_none_or(|at| at == date);
                if when && files >= media && key(item["text"].as_str().unwrap_or_default()) == wanted {
                    alike.push(item["id"].as_i64().ok_or_else(|| payload_error(&said.answer, "id"))?);
                }
            }
            if items.len() < PAGE || older {
                complete = true;
                break;
            }
        }
        Ok(match alike.as_slice() {
            [id] => Found::Yes(post_receipt(post, owner, *id, &set.attachments)),
            [] if complete => Found::No,
            _ => Found::Unsure,
        })
    }
}

async fn comment(
    cx: &Cx<'_>,
    token: &secrecy::SecretString,
    post: &Post,
    since: DateTime<Utc>,
) -> Result<Found, Fault> {
    let (owner, under) = under(post)?;
    let all = params([
        ("owner_id", owner.to_string()),
        ("post_id", under.to_string()),
        ("count", PAGE.to_string()),
        ("sort", "desc".into()),
    ]);
    let said = read(cx, token, "wall.getComments", all).await?;
    let begin = said.answer.by_their_clock(since).timestamp();
    let wanted = key(post.payload["params"]["message"].as_str().unwrap_or_default());
    let items = said.list("items")?;
    let new = items.iter().filter(|item| item["date"].as_i64().is_some_and(|date| date >= begin));
    let alike: Vec<i64> = new
        .filter(|item| key(item["text"].as_str().unwrap_or_default()) == wanted)
        .filter_map(|item| item["id"].as_i64())
        .collect();
    let complete = items.len() < PAGE || items.last().and_then(|last| last["date"].as_i64()).is_some_and(|date| date < begin);
    Ok(match alike.as_slice() {
        [id] => Found::Yes(comment_receipt(owner, under, *id)),
        [] if complete => Found::No,
        _ => Found::Unsure,
    })
}

/// A user's token, or what a person can do himself.
async fn by_hand(cx: &Cx<'_>, receipt: &Receipt, what: &str) -> Result<secrecy::SecretString, Fault> {
    let facts = api::facts(cx).await?;
    api::user(cx, &facts, what).map_err(|fault| match (&receipt.url, fault.kind) {
        (Some(url), Kind::Unsupported) => Fault { message: format!("{}, or do it by hand at {url}", fault.message), ..fault },
        _ => fault,
    })
}

#[async_trait]
impl Delete for Network {
    async fn delete(&self, cx: &Cx<'_>, receipt: &Receipt) -> Result<(), Fault> {
        let (owner, post) = place(receipt)?;
        let token = by_hand(cx, receipt, "delete").await?;
        let (method, all) = match receipt.extra["comment_id"].as_i64() {
            Some(comment) => {
                ("wall.deleteComment", params([("owner_id", owner.to_string()), ("comment_id", comment.to_string())]))
            }
            None => ("wall.delete", params([("owner_id", owner.to_string()), ("post_id", post.to_string())])),
        };
        let Err(fault) = write(cx, &token, method, all).await else { return Ok(()) };
        // VK has several words for what is not there; whether it is, it says itself
        if !matches!(fault.code.as_deref(), Some("15" | "100" | "104" | "210" | "211")) {
            return Err(fault);
        }
        let gone = match receipt.extra["comment_id"].as_i64() {
            Some(comment) => {
                let all = params([("owner_id", owner.to_string()), ("comment_id", comment.to_string())]);
                gone(read(cx, &token, "wall.getComment", all).await)?
            }
            None => gone(read(cx, &token, "wall.getById", params([("posts", format!("{owner}_{post}"))])).await)?,
        };
        if gone { Ok(()) } else { Err(fault) }
    }
}

/// Whether an answer shows nothing that is still there.
fn gone(said: Result<api::Said, Fault>) -> Result<bool, Fault> {
    match said {
        Ok(said) => Ok(said.list("items")?.iter().all(|item| item["is_deleted"] == true || item["deleted"] == true)),
        Err(fault) if matches!(fault.code.as_deref(), Some("15" | "100" | "104" | "210" | "211")) => Ok(true),
        Err(fault) => Err(fault),
    }
}

#[async_trait]
impl Edit for Network {
    fn can(&self, old: &Post, new: &Post) -> Result<(), String> {
        old.same_media(new)?;
        if old.payload["poll"] != new.payload["poll"] {
            return Err("its poll cannot be changed".into());
        }
        Ok(())
    }

    async fn edit(&self, cx: &Cx<'_>, receipt: &Receipt, post: &Post) -> Result<Receipt, Fault> {
        let (owner, id) = place(receipt)?;
        let token = by_hand(cx, receipt, "edit").await?;
        let mut all = planned(post)?;
        all.push(("owner_id".into(), owner.to_string()));
        if let Some(comment) = receipt.extra["comment_id"].as_i64() {
            all.push(("comment_id".into(), comment.to_string()));
            write(cx, &token, "wall.editComment", all).await?;
            return Ok(receipt.clone());
        }
        // a post that was shown cannot wait again, and who wrote it stays
        let scheduled = receipt.extra.get("publish_date").is_some();
        all.retain(|(name, _)| name != "from_group" && name != "mute_notifications" && (scheduled || name != "publish_date"));
        all.push(("post_id".into(), id.to_string()));
        // what is not said again is taken away
        let uploaded: Vec<String> = serde_json::from_value(receipt.extra["uploads"].clone()).unwrap_or_default();
        all.push(("attachments".into(), attachments(post, &uploaded)));
        write(cx, &token, "wall.edit", all).await?;
        Ok(if scheduled { post_receipt(post, owner, id, &uploaded) } else { receipt.clone() })
    }
}
