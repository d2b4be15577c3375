//! What is done to posts and comments that are there.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Network, api};
use crate::net::{Fault, Method};
use crate::platform::{Cx, Delete, Edit, Post, Receipt};

/// The path of a post, or of a comment with who wrote it.
fn path(receipt: &Receipt) -> String {
    let part = |key: &str| receipt.extra[key].as_str();
    match (part("comment"), part("object"), part("actor")) {
        (Some(id), Some(object), Some(actor)) => {
            format!("/socialActions/{}/comments/{}?actor={}", api::key(object), api::key(id), api::key(actor))
        }
        _ => format!("/posts/{}", api::key(&receipt.id)),
    }
}

/// A receipt that a person settled by the post's address alone gets the id that is in it.
fn named(receipt: &Receipt) -> Result<Receipt, Fault> {
    if !receipt.id.is_empty() {
        return Ok(receipt.clone());
    }
    let url = receipt.url.as_deref().unwrap_or_default();
    let id = api::post_urn(url).map_err(|why| Fault::new(crate::net::Kind::Rejected, why))?;
    Ok(Receipt { id, ..receipt.clone() })
}

#[async_trait]
impl Delete for Network {
    async fn delete(&self, cx: &Cx<'_>, receipt: &Receipt) -> Result<(), Fault> {
        let receipt = named(receipt)?;
        let request = api::rest(cx, Method::DELETE, &path(&receipt))?.header("x-restli-method", "DELETE");
        match cx.call(request).await {
            // gone already, perhaps with the post that it stood below
            Err(fault) if matches!(fault.status, Some(404 | 410)) => Ok(()),
            result => result.map(drop),
        }
    }
}

#[async_trait]
impl Edit for Network {
    /// The text alone can be changed.
    fn can(&self, old: &Post, new: &Post) -> Result<(), String> {
        if old.comment != new.comment {
            return Err("a post cannot become a comment".into());
        }
        let rest = |post: &Post| {
            let mut payload = post.payload.clone();
            if let Some(map) = payload.as_object_mut() {
                for key in ["commentary", "message", "author", "actor"] {
                    map.remove(key);
                }
            }
            payload
        };
        let files = |post: &Post| super::upload::files(post).iter().map(|media| media.sha256.clone()).collect::<Vec<_>>();
        if files(old) != files(new) || rest(old) != rest(new) {
            return Err("LinkedIn changes the text of a post and nothing else".into());
        }
        Ok(())
    }

    async fn edit(&self, cx: &Cx<'_>, receipt: &Receipt, post: &Post) -> Result<Receipt, Fault> {
        let receipt = named(receipt)?;
        let patch = match post.payload.pointer("/message/text") {
            Some(text) => json!({"message": {"$set": {"text": text}}}),
            None => json!({"$set": {"commentary": post.payload.get("commentary").unwrap_or(&Value::Null)}}),
        };
        let request = api::rest(cx, Method::POST, &path(&receipt))?.header("x-restli-method", "PARTIAL_UPDATE");
        cx.call(request.json(json!({"patch": patch}))).await?;
        Ok(receipt)
    }
}
