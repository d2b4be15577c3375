//! Requests and answers of the Instagram API, through either login.

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::{MEANINGS, RUPLOAD};
use crate::net::{Body, Fault, Kind, Method, Request};
use crate::platform::container::{self, Containers, Form, Listed};
use crate::platform::graph::{self, Meaning};
use crate::platform::{Cx, MediaUse, upload};

/// The host of accounts that are logged in to through Facebook.
pub const FACEBOOK: &str = "https://graph.facebook.com";

/// How an account is logged in to; hosts and abilities differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    Instagram,
    Facebook,
}

/// By the account's own word, else by how it logged in.
pub fn via(cx: &Cx<'_>) -> Via {
    let said = match cx.account.setting("via") {
        "" => cx.facts().map(|facts| facts.way).unwrap_or_default(),
        said => said.to_string(),
    };
    if said == "facebook" { Via::Facebook } else { Via::Instagram }
}

/// A request with the account's token. `path` without a slash in front.
///
/// # Errors
/// There is no token, or `api_version` is no version.
pub fn request(cx: &Cx<'_>, method: Method, path: &str) -> Result<Request, Fault> {
    match via(cx) {
        Via::Instagram => graph::request(cx, method, path),
        Via::Facebook => {
            let url = format!("{FACEBOOK}/{}/{path}", graph::version(cx)?);
            Ok(Request::new(method, url).bearer(&cx.secret("token")?))
        }
    }
}

/// The number of the Instagram account, if the account was told; a number that is written as one counts as well.
pub fn number(cx: &Cx<'_>) -> Option<String> {
    container::id(&cx.account.settings["user"])
}

/// The account in a path: its number, or `me` where the token can only be one account's.
///
/// # Errors
/// A login through Facebook is nobody on Instagram by itself.
pub fn user(cx: &Cx<'_>) -> Result<String, Fault> {
    match (number(cx), via(cx)) {
        (Some(own), _) => Ok(own),
        (None, Via::Instagram) if cx.account.remote_id.is_empty() => Ok("me".to_string()),
        (None, Via::Instagram) => Ok(cx.account.remote_id.clone()),
        (None, Via::Facebook) => {
            let name = &cx.account.name;
            let why = "is a login at Facebook and no account on Instagram; choose one: `xpost account targets";
            Err(Fault::local(format!("`{name}` {why} {name}`")))
        }
    }
}

/// What is asked for of a post.
pub const MEDIA_FIELDS: &str = "id,caption,permalink,timestamp";

/// Containers of Instagram.
pub struct Instagram;

#[async_trait]
impl Containers for Instagram {
    fn make(&self, cx: &Cx<'_>, form: Form) -> Result<Request, Fault> {
        Ok(request(cx, Method::POST, &format!("{}/media", user(cx)?))?.body(Body::Form(form)))
    }

    fn look(&self, cx: &Cx<'_>, id: &str) -> Result<Request, Fault> {
        Ok(request(cx, Method::GET, id)?.query("fields", "status_code,status"))
    }

    /// `status` is a sentence that ends with a number: `Error: Media upload has failed with error code 2207026`.
    fn failed(&self, said: &Value) -> Fault {
        let words = crate::net::one_line(said["status"].as_str().unwrap_or("it did not say why"), 200);
        let numbers = words.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse::<i64>().ok());
        let known = |number: i64| MEANINGS.iter().find(|line| line.subcode == Some(number));
        let (number, line): (Option<i64>, Option<&Meaning>) = match numbers.rev().find_map(|number| Some((number, known(number)?))) {
            Some((number, line)) => (Some(number), Some(line)),
            None => (None, None),
        };
        let (kind, hint) = line.map_or((Kind::Rejected, ""), |line| (line.kind, line.hint));
        let plain = words.trim_start_matches("Error: ").trim_end_matches('.');
        let message = if hint.is_empty() { plain.to_string() } else { format!("{plain}; {hint}") };
        Fault::new(kind, message).code(number.map_or_else(|| "ERROR".to_string(), |number| number.to_string()))
    }

    /// Reels, where the login is Facebook's: <https://developers.facebook.com/docs/instagram-platform/content-publishing/resumable-uploads>,
    /// 2026-11-22. Pictures always need an address.
    fn takes_file(&self, cx: &Cx<'_>, fields: &Map<String, Value>) -> bool {
        via(cx) == Via::Facebook && fields.get("media_type").and_then(Value::as_str) == Some("REELS")
    }

    fn file(&self, cx: &Cx<'_>, made: &Value, medium: &MediaUse) -> Result<Request, Fault> {
        let id = container::id(&made["id"]).unwrap_or_default();
        // the answer names the address, too; credentials go to no other host than this one
        let url = format!("{RUPLOAD}/ig-api-upload/{}/{id}", graph::version(cx)?);
        let request = Request::new(Method::POST, url)
            .header("offset", "0")
            .header("file_size", medium.media.bytes.to_string())
            .body(Body::File(upload::file(&medium.media)));
        Ok(graph::oauth(request, &cx.secret("token")?))
    }
}

/// A page of the account's posts, or of a post's comments.
pub fn listed(answer: &Value) -> Vec<Listed> {
    let list = answer["data"].as_array().into_iter().flatten();
    list.filter_map(|post| {
        Some(Listed {
            receipt: container::receipt(post)?,
            text: post["caption"].as_str().or(post["text"].as_str()).unwrap_or_default().to_string(),
            parent: None,
            at: graph::moment(&post["timestamp"]),
        })
    })
    .collect()
}
