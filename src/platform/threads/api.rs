//! Requests and answers of the Threads API.

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::net::{Body, Fault, Kind, Method, Request};
use crate::platform::container::{self, Containers, Form, Listed};
use crate::platform::{Cx, graph};

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
        match why(word) {
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

/// A page of the account's posts or replies.
pub fn listed(answer: &Value) -> Vec<Listed> {
    let list = answer["data"].as_array().into_iter().flatten();
    list.filter_map(|post| {
        Some(Listed {
            receipt: container::receipt(post)?,
            text: post["text"].as_str().unwrap_or_default().to_string(),
            parent: container::id(&post["replied_to"]["id"]),
            at: graph::moment(&post["timestamp"]),
        })
    })
    .collect()
}

/// Why a container failed, for people; `None` for a word that says nothing, or is new.
fn why(word: &str) -> Option<&'static str> {
    Some(match word {
        "FAILED_DOWNLOADING_VIDEO" => "the film could not be fetched from its public address; run `xpost doctor`",
        "FAILED_PROCESSING_AUDIO" => "its sound cannot be processed; export it with AAC",
        "FAILED_PROCESSING_VIDEO" => "the film cannot be processed; export it as MP4 with H.264 and AAC",
        "INVALID_ASPEC_RATIO" | "INVALID_ASPECT_RATIO" => "it has a shape that the network does not take",
        "INVALID_BIT_RATE" => "it has too many bits a second",
        "INVALID_DURATION" => "it is too long or too short",
        "INVALID_FRAME_RATE" => "it has a frame rate that the network does not take (23 to 60)",
        "INVALID_AUDIO_CHANNELS" | "INVALID_AUDIO_CHANNEL_LAYOUT" => "its sound has more channels than two",
        _ => return None,
    })
}
