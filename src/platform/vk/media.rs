//! What must be at VK before the post: photos, films, files, a poll. All of it by a user's token.

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::api::{self, Facts, params, write};
use crate::media::Media;
use crate::net::{Answer, Body, Fault, FileSlice, Kind, Method, Request};
use crate::platform::upload::{self, Lost, Sent, Shape, Span, Stage, Start, State, Taken, Upload, Way};
use crate::platform::{Cx, Post, Ready, payload_error};

/// VK does not say how long an upload address lives; one of yesterday is not tried.
const LIVES: TimeDelta = TimeDelta::hours(1);
/// What stands for "the upload begins again": VK has no status of its own for it.
const GONE: u16 = 410;

/// What `prepare` has finished.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Done {
    facts: Option<Facts>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    uploads: Vec<State>,
    #[serde(skip_serializing_if = "Option::is_none")]
    poll: Option<String>,
}

/// What `publish` is handed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Set {
    pub facts: Facts,
    /// `photo-1_2`, in the order of the draft, the poll last.
    pub attachments: Vec<String>,
}

pub(super) async fn prepare(cx: &Cx<'_>, post: &Post) -> Result<Ready, Fault> {
    let mut done: Done = serde_json::from_value(post.state.clone()).unwrap_or_default();
    let facts = match done.facts.clone() {
        Some(facts) => facts,
        None => api::facts(cx).await?,
    };
    done.facts = Some(facts.clone());
    let kinds: Vec<&str> =
        post.payload["files"].as_array().map_or_else(Vec::new, |kinds| kinds.iter().filter_map(Value::as_str).collect());
    if kinds.len() != post.media.len() {
        return Err(Fault::local(format!("the plan names {} files and {} are there", kinds.len(), post.media.len())));
    }
    done.uploads.resize(kinds.len(), State::default());
    let mut attachments = Vec::new();
    // asked once for all photos
    let photos = OnceCell::new();
    for (index, (kind, used)) in kinds.iter().zip(&post.media).enumerate() {
        // files are the one thing that VK's schema lets a community's key upload
        let token = match *kind {
            "doc" if !facts.user => cx.secret("token")?,
            _ => api::user(cx, &facts, "upload")?,
        };
        if !done.uploads[index].is_done() {
            cx.sink.progress(&format!("uploading {}", used.media.name));
        }
        let file = File { kind, group: facts.group, token: &token, photos: &photos };
        let mut state = done.uploads[index].clone();
        let keep = |state: &State| {
            let mut all = done.clone();
            all.uploads[index] = state.clone();
            json!(all)
        };
        match upload::run(cx, &file, &used.media, &mut state, &keep).await? {
            Stage::There(remote) => attachments.extend(remote.as_str().map(str::to_string)),
            Stage::Busy(at) => return Ok(Ready::Later { state: keep(&state), at }),
        }
        done.uploads[index] = state;
    }
    if post.payload["poll"].is_object() {
        if done.poll.is_none() {
            done.poll = Some(poll(cx, post, &facts).await?);
            cx.save(&json!(done)).await?;
        }
        attachments.extend(done.poll.clone());
    }
    Ok(Ready::Now(json!(Set { facts, attachments })))
}

/// Makes the poll. One that is made and never attached is seen by nobody.
async fn poll(cx: &Cx<'_>, post: &Post, facts: &Facts) -> Result<String, Fault> {
    let poll = &post.payload["poll"];
    let token = api::user(cx, facts, "make polls")?;
    let owner = facts.owner()?;
    let opens = post.payload["params"]["publish_date"].as_i64().unwrap_or_default().max(Utc::now().timestamp());
    let flag = |key: &str| u8::from(poll[key] == true).to_string();
    let said = write(
        cx,
        &token,
        "polls.create",
        params([
            ("owner_id", owner.to_string()),
            ("question", poll["question"].as_str().unwrap_or_default().to_string()),
            ("add_answers", poll["answers"].to_string()),
            ("is_anonymous", flag("anonymous")),
            ("is_multiple", flag("multiple")),
            ("end_date", (opens + poll["seconds"].as_i64().unwrap_or_default()).to_string()),
        ]),
    )
    .await?;
    let owner = said.response["owner_id"].as_i64().unwrap_or(owner);
    Ok(format!("poll{owner}_{}", said.number("id")?))
}

/// One file on its way.
struct File<'a> {
    kind: &'a str,
    group: Option<i64>,
    token: &'a SecretString,
    /// Where photos go.
    photos: &'a OnceCell<String>,
}

impl File<'_> {
    /// Whose it will be: the community's, or the user's own where nothing is said.
    fn whose(&self) -> api::Params {
        self.group.map_or_else(Vec::new, |group| params([("group_id", group.to_string())]))
    }

    async fn server(&self, cx: &Cx<'_>, method: &str) -> Result<String, Fault> {
        let said = api::read(cx, self.token, method, self.whose()).await?;
        let url = said.response["upload_url"].as_str().map(str::to_string);
        url.ok_or_else(|| payload_error(&said.answer, "upload_url"))
    }
}

/// What refers to an object of VK's.
fn object(kind: &str, value: &Value, answer: &Answer) -> Result<String, Fault> {
    match (value["owner_id"].as_i64(), value["id"].as_i64()) {
        (Some(owner), Some(id)) => Ok(format!("{kind}{owner}_{id}")),
        _ => Err(payload_error(answer, "owner_id")),
    }
}

#[async_trait]
impl Upload for File<'_> {
    /// What is sent twice is there twice, seen by nobody, and attached once.
    fn shape(&self) -> Shape {
        Shape { way: Way::Whole, lost: Lost::Again, lives: LIVES, gone: &[404, GONE] }
    }

    async fn start(&self, cx: &Cx<'_>, media: &Media) -> Result<Start, Fault> {
        let url = match self.kind {
            "photo" => {
                let ask = || self.server(cx, "photos.getWallUploadServer");
                self.photos.get_or_try_init(ask).await?.clone()
            }
            "video" => {
                let mut about = params([("name", media.name.clone()), ("wallpost", "0".into())]);
                about.extend(self.whose());
                let said = write(cx, self.token, "video.save", about).await?;
                let url = said.response["upload_url"].as_str().map(str::to_string);
                let url = url.ok_or_else(|| payload_error(&said.answer, "upload_url"))?;
                let film = json!({"owner_id": said.number("owner_id")?, "id": said.number("video_id")?});
                return Ok(Start::Session(json!({"url": url, "film": object("video", &film, &said.answer)?})));
            }
            _ => self.server(cx, "docs.getWallUploadServer").await?,
        };
        Ok(Start::Session(json!({"url": url})))
    }

    async fn request(&self, _: &Cx<'_>, session: &Value, _: Span, slice: FileSlice) -> Result<Request, Fault> {
        let url = SecretString::from(session["url"].as_str().unwrap_or_default().to_string());
        let field = match self.kind {
            "photo" => "photo",
            "video" => "video_file",
            _ => "file",
        };
        Ok(Request::capability(Method::POST, &url).body(Body::FormSlice(Vec::new(), field.into(), slice)))
    }

    fn taken(&self, cx: &Cx<'_>, answer: Answer) -> Result<Taken, Fault> {
        let answer = cx.judge(answer)?;
        let value = answer.value();
        let want = match self.kind {
            // the list of what was taken, as text
            "photo" if value["photo"] == "[]" || value["photo"] == "" => {
                return Err(Fault::new(Kind::Rejected, "VK does not take this picture; make it a plain JPEG or PNG"));
            }
            "photo" => "photo",
            "video" => "video_id",
            _ => "file",
        };
        if value[want].is_null() { Err(payload_error(&answer, want)) } else { Ok(Taken::Piece(value)) }
    }

    async fn finish(&self, cx: &Cx<'_>, session: &Value, sent: Sent<'_>) -> Result<Stage, Fault> {
        let given = sent.tags.get(&0).cloned().unwrap_or_default();
        let text = |key: &str| match &given[key] {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let saved = match self.kind {
            "video" => return Ok(Stage::There(session["film"].clone())),
            "photo" => {
                let mut all = params([("server", text("server")), ("photo", text("photo")), ("hash", text("hash"))]);
                all.extend(self.whose());
                write(cx, self.token, "photos.saveWallPhoto", all).await
            }
            _ => write(cx, self.token, "docs.save", params([("file", text("file"))])).await,
        };
        let said = saved.map_err(|fault| match fault.code.as_deref() {
            // VK no longer knows what was uploaded (server, hash, photo list, photo)
            Some("118" | "121" | "122" | "129") => Fault { status: Some(GONE), ..fault },
            _ => fault,
        })?;
        let object = match self.kind {
            "photo" => object("photo", said.response.get(0).unwrap_or(&Value::Null), &said.answer)?,
            _ => object("doc", &said.response["doc"], &said.answer)?,
        };
        Ok(Stage::There(json!(object)))
    }
}
