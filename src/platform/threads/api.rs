//! Requests and answers of the Threads API.

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::net::{Body, Fault, Kind, Method, Request};
use crate::platform::container::{self, Containers, Form, Listed};
use crate::platform::{Cx, Receipt, graph};

/// A request with the account's token where Threads documents it: in the query, which no log shows.
///
/// # Errors
/// There is no token, or `api_version` is no version.
pub fn request(cx: &Cx<'_>, method: Method, path: &str) -> Result<Request, Fault> {
    let url = format!("{}/{}/{path}", cx.account.server, graph::version(cx)?);
    Ok(Request::new(method, url).secret_query("access_token", cx.secret("token")?))
}

/// What is asked for of a post.
pub const POST_FIELDS: &str = "id,text,permalink,timestamp,replied_to";

/// Containers of Threads.
pub struct Threads;

#[async_trait]
impl Containers for Threads {
    fn make(&self, cx: &Cx<'_>, form: Form) -> Result<Request, Fault> {
        Ok(request(cx, Method::POST, "me/threads")?.body(Body::Form(form)))
    }

    fn look(&self, cx: &Cx<'_>, id: &str) -> Result<Request, Fault> {
        Ok(request(cx, Method::GET, id)?.query("fields", "status,error_message"))
    }

    fn failed(&self, said: &Value) -> Fault {
        let word = said["error_message"].as_str().unwrap_or("UNKNOWN");
        match container::why(word) {
            Some(why) => Fault::new(Kind::Rejected, why).code(word),
            // a word that is none, or one that is new
            None => Fault::new(Kind::Rejected, format!("Threads could not use it and says `{}`", crate::net::one_line(word, 80))).code("ERROR"),
        }
    }

    /// A post of text alone has nothing to be processed.
    fn at_once(&self, fields: &Map<String, Value>) -> bool {
        fields.get("media_type").and_then(Value::as_str) == Some("TEXT")
    }
}

/// The receipt of a post; the permalink is never made by ourselves.
pub fn receipt(post: &Value) -> Option<Receipt> {
    let url = post["permalink"].as_str().filter(|url| url.starts_with("https://"));
    Some(Receipt::new(container::id(&post["id"])?, url.map(str::to_string)))
}

/// A page of the account's posts or replies.
pub fn listed(answer: &Value) -> Vec<Listed> {
    let list = answer["data"].as_array().into_iter().flatten();
    list.filter_map(|post| {
        Some(Listed {
            receipt: receipt(post)?,
            text: post["text"].as_str().unwrap_or_default().to_string(),
            parent: container::id(&post["replied_to"]["id"]),
            at: container::moment(&post["timestamp"]),
        })
    })
    .collect()
}
