//! Uploads in the few shapes that networks have; a network fills one in with data and hooks.
//!
//! | way | one request carries | after a break |
//! |---|---|---|
//! | [`Way::Whole`] | the file | it is sent again, or the network is asked whether it is there |
//! | [`Way::Numbered`] | a piece that has a number | pieces that were confirmed are not sent again |
//! | [`Way::Offset`] | a piece from where the network is | the network is asked how far it is |
//!
//! [`run`] walks an upload inside of `prepare`. What is finished is committed before the next request goes out, so a killed run goes
//! on where it was. There is no retry in here: whatever goes wrong is one fault for the engine, and its next `prepare` comes here
//! again with what was saved. Nothing waits in here either: a network that is busy with the file is asked again by
//! [`super::Ready::Later`].

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::Cx;
pub use super::upload_cut::{Cut, Last, Span};
pub use super::upload_state::State;
use super::upload_state::{Stamp, Step, sha256};
use crate::media::Media;
use crate::net::{Answer, Fault, FilePart, FileSlice, Kind, Request};

/// A network that forgets an upload this often will forget the next one too.
const SESSIONS: u32 = 3;

/// How a network takes a file.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub way: Way,
    pub lost: Lost,
    /// A session is not gone on with after this long.
    pub lives: TimeDelta,
    /// Statuses that say, in answer to anything but the start, that the session is over.
    pub gone: &'static [u16],
}

/// How a file is cut.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    /// One request carries all of it.
    Whole,
    /// Pieces with numbers; what counts is that all are there.
    Numbered(Cut),
    /// Each piece goes on where the network says that it is.
    Offset(Cut),
}

/// What to do about a piece whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Sending it again is harmless: it replaces what is there.
    Again,
    /// The network says what it has ([`Upload::status`]).
    Ask,
    /// The session is given up and the upload begins again: the network would take a repeat for more of the file.
    Anew,
}

/// How an upload begins.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// With what identifies it at the network. It is kept in the journal, and forgotten when the upload is done.
    Session(Value),
    /// Not at all: the network has the file; what refers to it.
    There(Value),
}

/// What the answer to a piece says.
#[derive(Debug, Clone, PartialEq)]
pub enum Taken {
    /// It is there. The value (a tag) is handed to [`Upload::finish`].
    Piece(Value),
    /// So many bytes from the beginning are there: for [`Way::Offset`] where a network may keep a part of a piece.
    UpTo(u64),
    /// All is there; the value is handed to [`Upload::finish`].
    All(Value),
    /// The network goes on somewhere else than where the piece was from; it is asked where.
    Elsewhere,
}

/// What the network has, asked after a break.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// So many bytes from the beginning: for [`Way::Offset`].
    UpTo(u64),
    /// These pieces and their tags: for [`Way::Numbered`].
    Pieces(BTreeMap<usize, Value>),
    /// All of it; as [`Taken::All`].
    All(Value),
    /// Nothing that could be gone on with.
    Gone,
}

/// Where the file is after the last piece.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// It can be used; what refers to it.
    There(Value),
    /// The network is busy with it: [`Upload::poll`] then.
    Busy(DateTime<Utc>),
}

/// All pieces are out: what their answers left.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// The tags of the pieces in the file's order.
    pub tags: &'a BTreeMap<usize, Value>,
    /// What came with [`Taken::All`] or [`Status::All`], or `Null`.
    pub last: &'a Value,
    /// An earlier [`Upload::finish`] of this session may have reached the network.
    pub again: bool,
}

/// One kind of upload at one network. No hook repeats anything.
#[async_trait]
pub trait Upload: Sync + Send {
    fn shape(&self) -> Shape;

    /// Whether the world sees the file once its last piece is there. [`run`] then stops before that piece, however often it is
    /// called, with the session as [`Stage::There`], and `publish` sends it: [`last`].
    fn visible(&self) -> bool {
        false
    }

    /// Opens a session. Without one (a bare `PUT` or `POST` of the file): the default.
    async fn start(&self, cx: &Cx<'_>, media: &Media) -> Result<Start, Fault> {
        let _ = (cx, media);
        Ok(Start::Session(Value::Bool(true)))
    }

    /// The pieces in the file's order; only for networks that cut the file themselves.
    fn spans(&self, session: &Value, total: u64) -> Vec<Span> {
        let _ = session;
        match self.shape().way {
            Way::Whole => Cut::WHOLE.spans(total),
            Way::Numbered(cut) | Way::Offset(cut) => cut.spans(total),
        }
    }

    /// The request that carries this piece.
    async fn request(&self, cx: &Cx<'_>, session: &Value, span: Span, slice: FileSlice) -> Result<Request, Fault>;

    /// What its answer means. Statuses of [`Shape::gone`] do not come here.
    fn taken(&self, cx: &Cx<'_>, answer: Answer) -> Result<Taken, Fault> {
        cx.judge(answer).map(|_| Taken::Piece(Value::Null))
    }

    /// What the network has; reads only. Asked after every break where [`Shape::lost`] says so.
    async fn status(&self, cx: &Cx<'_>, session: &Value, total: u64) -> Result<Status, Fault> {
        let _ = (cx, session, total);
        Ok(Status::Gone)
    }

    /// Closes the session. The default: what came with the last piece refers to the file.
    async fn finish(&self, cx: &Cx<'_>, session: &Value, sent: Sent<'_>) -> Result<Stage, Fault> {
        let _ = (cx, session);
        Ok(Stage::There(sent.last.clone()))
    }

    /// Whether the network is done with it; reads only. A file that it cannot use is a fault.
    async fn poll(&self, cx: &Cx<'_>, session: &Value, sent: Sent<'_>) -> Result<Stage, Fault> {
        self.finish(cx, session, sent).await
    }
}

/// Puts an upload's state into all that a network's `prepare` has finished, for [`Cx::save`].
pub type Keep<'a> = &'a (dyn Fn(&State) -> Value + Sync + Send);

/// Goes on with an upload until the file can be used (`There`) or the network wants to be left alone with it (`Busy`: hand `keep` of
/// the state to [`super::Ready::Later`]). `state` is what was saved last, or new.
///
/// # Errors
/// One fault; what was finished is saved. A file that is not the one that was planned is a local one.
pub async fn run(
    cx: &Cx<'_>,
    upload: &dyn Upload,
    media: &Media,
    state: &mut State,
    keep: Keep<'_>,
) -> Result<Stage, Fault> {
    if state.step == Step::Done {
        return Ok(Stage::There(state.remote.clone()));
    }
    let mut job = Job { cx, upload, media, shape: upload.shape(), keep, state };
    match job.go_on().await {
        Err(fault) if job.over(&fault) => {
            let (kind, then) = match job.state.opened < SESSIONS {
                true => (Kind::Unavailable, "it begins again"),
                false => (Kind::Rejected, "and not for the first time"),
            };
            let message = format!("the network knows it no more, {then} ({})", fault.message);
            let fault = job.stopped(Fault { kind, message, ..fault });
            job.state.anew();
            job.save().await?;
            Err(fault)
        }
        // what the network made of the file is of no use: who tries again sends it again
        Err(fault) if job.state.step == Step::Busy && fault.kind == Kind::Rejected => {
            let fault = job.stopped(fault);
            job.state.anew();
            job.save().await?;
            Err(fault)
        }
        Err(fault) => {
            if fault.effect == crate::net::Effect::None
                && job.shape.lost == Lost::Anew
                && job.state.step == Step::Sending
            {
                job.state.sure = true;
                job.save().await?;
            }
            Err(job.stopped(fault))
        }
        done => done,
    }
}

/// Sends the last piece of an upload that is [`Upload::visible`]: for `publish`. `state` is what [`run`] left; `None`: the network has
/// the piece already. A network that knows the session no more, or wants another piece, may do so because it has the last one: that is
/// left open, and nothing begins anew before the network was asked.
///
/// # Errors
/// One fault, with the effect of a write.
pub async fn last(cx: &Cx<'_>, upload: &dyn Upload, media: &Media, state: &mut State) -> Result<Option<Taken>, Fault> {
    if state.step != Step::Sending {
        return Ok(None);
    }
    let (shape, total) = (upload.shape(), media.bytes);
    let mut job = Job { cx, upload, media, shape, keep: &|_: &State| Value::Null, state };
    job.same_file().await?;
    let spans = upload.spans(&job.state.session, total);
    let ready = |span: &&Span| span.end() == total && (job.numbered() || job.state.sent >= span.at);
    let end = spans.last().filter(ready).copied();
    let Some(span) = end.map(|span| if job.numbered() { span } else { span.from(job.state.sent) }) else {
        return Err(Fault::local(format!("the upload of `{}` was not prepared", media.name)));
    };
    let slice = FileSlice { file: file(media), at: span.at, length: span.length };
    let request = upload.request(cx, &job.state.session, span, slice).await?;
    let answer = cx.answer(request).await.map_err(|fault| job.stopped(fault))?;
    if shape.gone.contains(&answer.status) {
        let fault = Fault { status: Some(answer.status), ..Fault::new(Kind::Unavailable, answer.reason()).maybe() };
        return Err(job.stopped(fault));
    }
    upload.taken(cx, answer).map(Some).map_err(|fault| job.stopped(fault))
}

/// One upload at work.
struct Job<'a> {
    cx: &'a Cx<'a>,
    upload: &'a dyn Upload,
    media: &'a Media,
    shape: Shape,
    keep: Keep<'a>,
    state: &'a mut State,
}

impl Job<'_> {
    async fn go_on(&mut self) -> Result<Stage, Fault> {
        self.same_file().await?;
        self.resume().await?;
        if self.state.step == Step::New {
            match self.upload.start(self.cx, self.media).await? {
                Start::There(remote) => return self.done(remote).await,
                Start::Session(session) => self.state.open(session),
            }
            self.save().await?;
        }
        let mut again = true;
        if self.state.step == Step::Sending {
            self.pieces().await?;
            again = false;
        }
        if self.upload.visible() {
            return Ok(Stage::There(self.state.session.clone()));
        }
        let busy = self.state.step == Step::Busy;
        let sent = Sent { tags: &self.state.tags, last: &self.state.last, again };
        let stage = match busy {
            true => self.upload.poll(self.cx, &self.state.session, sent).await?,
            false => self.upload.finish(self.cx, &self.state.session, sent).await?,
        };
        match stage {
            Stage::There(remote) => self.done(remote).await,
            Stage::Busy(at) => {
                if !busy {
                    self.state.step = Step::Busy;
                    self.save().await?;
                }
                Ok(Stage::Busy(at))
            }
        }
    }

    /// What is known of a session that an earlier run opened.
    async fn resume(&mut self) -> Result<(), Fault> {
        let state = &mut *self.state;
        if state.step != Step::Sending {
            return Ok(());
        }
        if Utc::now() - state.began.unwrap_or_default() > self.shape.lives {
            state.anew();
            return Ok(());
        }
        let sure = std::mem::take(&mut state.sure);
        match self.shape.lost {
            Lost::Again => {}
            Lost::Anew if sure => {}
            Lost::Anew => state.anew(),
            Lost::Ask => match self.upload.status(self.cx, &state.session, self.media.bytes).await {
                Ok(Status::UpTo(sent)) if sent <= self.media.bytes => state.sent = sent,
                Ok(Status::UpTo(_) | Status::Gone) => state.anew(),
                Ok(Status::Pieces(tags)) => state.tags = tags,
                Ok(Status::All(last)) => {
                    (state.step, state.last) = (Step::Sent, last);
                    self.save().await?;
                }
                Err(fault) if fault.status.is_some_and(|status| self.shape.gone.contains(&status)) => state.anew(),
                // it will not take more of it: who tries again begins anew
                Err(fault) if fault.kind == Kind::Rejected => {
                    state.anew();
                    self.save().await?;
                    return Err(fault);
                }
                Err(fault) => return Err(fault),
            },
        }
        Ok(())
    }

    async fn pieces(&mut self) -> Result<(), Fault> {
        let total = self.media.bytes;
        let spans = self.upload.spans(&self.state.session, total);
        if spans.last().map(|span| span.end()) != Some(total) {
            let why = format!("the pieces that the network wants are not those of a file of {total} bytes");
            return Err(Fault::new(Kind::Protocol, why));
        }
        while let Some(span) = self.next(&spans) {
            // its date may have been changed alone, as the cache does for what is used
            if self.state.stamp != Stamp::of(self.media)? {
                self.same_file().await?;
            }
            let slice = FileSlice { file: file(self.media), at: span.at, length: span.length };
            let request = self.upload.request(self.cx, &self.state.session, span, slice).await?;
            let answer = self.cx.answer(request).await?;
            if self.shape.gone.contains(&answer.status) {
                let mut fault = Fault::new(Kind::Unavailable, answer.reason());
                fault.status = Some(answer.status);
                return Err(fault);
            }
            let asked = answer.asked.clone();
            match self.upload.taken(self.cx, answer)? {
                Taken::Piece(tag) => {
                    if !tag.is_null() {
                        self.state.tags.insert(span.index, tag);
                    } else if self.numbered() {
                        self.state.tags.insert(span.index, Value::Bool(true));
                    }
                    self.state.sent = span.end();
                }
                Taken::UpTo(sent) if sent > span.at && sent <= span.end() => self.state.sent = sent,
                Taken::UpTo(sent) => {
                    let why =
                        format!("{asked}: {sent} bytes are there, where bytes {} to {} were sent", span.at, span.end());
                    return Err(Fault::new(Kind::Protocol, why).maybe());
                }
                Taken::All(last) => {
                    self.state.last = last;
                    self.state.sent = total;
                    self.state.step = Step::Sent;
                    return self.save().await;
                }
                Taken::Elsewhere => {
                    let why = format!("{asked}: the network does not go on at byte {}", span.at);
                    return Err(Fault::new(Kind::Unavailable, why));
                }
            }
            if self.next(&spans).is_none() {
                self.sent();
            }
            self.save().await?;
        }
        // what was asked after the break may have told of the last piece
        self.sent();
        Ok(())
    }

    /// All pieces are there, unless the last one is for `publish` to send.
    fn sent(&mut self) {
        if !self.upload.visible() || self.state.sent == self.media.bytes {
            self.state.step = Step::Sent;
        }
    }

    fn numbered(&self) -> bool {
        !matches!(self.shape.way, Way::Offset(_))
    }

    /// The next piece that is not known to be there.
    fn next(&self, spans: &[Span]) -> Option<Span> {
        let spans = match spans {
            [before @ .., _] if self.upload.visible() => before,
            spans => spans,
        };
        if self.numbered() {
            return spans.iter().find(|span| !self.state.tags.contains_key(&span.index)).copied();
        }
        // the network may have stopped inside of a piece: the rest of it comes next
        spans.iter().find(|span| span.end() > self.state.sent).map(|span| span.from(self.state.sent))
    }

    /// The file is the one that was planned, and the one whose pieces are there already.
    async fn same_file(&mut self) -> Result<(), Fault> {
        let now = Stamp::of(self.media)?;
        if now.bytes() != self.media.bytes {
            return Err(changed(self.media));
        }
        if self.state.step != Step::New && self.state.stamp != now {
            // its date is another one, which says nothing of its content
            let path = self.media.path.clone();
            let read = tokio::task::spawn_blocking(move || sha256(&path)).await;
            let read = read.map_err(std::io::Error::other).and_then(|read| read);
            let fail = |error| Fault::local(format!("cannot read `{}`: {error}", self.media.path.display()));
            if read.map_err(fail)? != self.media.sha256 {
                return Err(changed(self.media));
            }
        }
        self.state.stamp = now;
        Ok(())
    }

    async fn done(&mut self, remote: Value) -> Result<Stage, Fault> {
        self.state.done(remote.clone());
        self.save().await?;
        Ok(Stage::There(remote))
    }

    async fn save(&self) -> Result<(), Fault> {
        self.cx.save(&(self.keep)(self.state)).await
    }

    /// Whether a fault says that the session is over.
    fn over(&self, fault: &Fault) -> bool {
        !matches!(self.state.step, Step::New | Step::Done)
            && fault.status.is_some_and(|status| self.shape.gone.contains(&status))
    }

    /// The fault with what it was about.
    fn stopped(&self, fault: Fault) -> Fault {
        if fault.kind == Kind::Local {
            return fault;
        }
        let name = &self.media.name;
        let doing = match self.state.step {
            Step::Busy => format!("`{name}` was uploaded, and the network is at work on it"),
            Step::Sent => format!("`{name}` was uploaded, but its upload is not closed"),
            _ => {
                let sent = match self.numbered() {
                    false => self.state.sent,
                    true => {
                        let spans = self.upload.spans(&self.state.session, self.media.bytes);
                        let there = spans.iter().filter(|span| self.state.tags.contains_key(&span.index));
                        there.map(|span| span.length).sum()
                    }
                };
                format!("uploading `{name}` stopped at {}", of(sent, self.media.bytes))
            }
        };
        Fault { message: format!("{doing}: {}", fault.message), ..fault }
    }
}

/// `3.1 of 45.0 MB`.
fn of(sent: u64, total: u64) -> String {
    let unit = |bytes: u64| bytes as f64 / 1_000_000.0;
    if total < 100_000 {
        format!("{sent} of {total} bytes")
    } else {
        format!("{:.1} of {:.1} MB", unit(sent), unit(total))
    }
}

fn changed(media: &Media) -> Fault {
    Fault::local(format!("`{}` changed while it was being posted; plan it again", media.path.display()))
}

/// A medium as a body.
pub fn file(media: &Media) -> FilePart {
    FilePart { path: media.path.clone(), name: media.name.clone(), mime: media.mime.clone(), bytes: media.bytes }
}
