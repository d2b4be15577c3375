//! Fetching what a draft names on the open web: bounded in time, size, redirects and addresses.

use std::time::Instant;

use tokio::io::AsyncSeekExt;
use url::Url;

use crate::net::{Asking, Door, Fetched, Kind, Stamp};

const MAX_HOPS: usize = 4;

/// What is wanted of an address.
pub(super) struct Want<'a> {
    pub accept: &'a str,
    /// In bytes, unpacked.
    pub most: u64,
    /// Redirects included.
    pub deadline: Instant,
    /// What is held already: the address that gave it, and what it was known by.
    pub held: Option<(&'a str, &'a Stamp)>,
}

/// What came of it.
pub(super) enum Got {
    /// And from which address, after redirects.
    New(Box<Fetched>, Url),
    /// What is held is still good.
    Same,
}

/// Why there is nothing.
#[derive(Debug)]
pub(super) struct Miss {
    pub why: String,
    /// Another time it may be there.
    pub passing: bool,
}

impl Miss {
    pub fn lasting(why: impl Into<String>) -> Miss {
        Miss { why: why.into(), passing: false }
    }

    pub fn passing(why: impl Into<String>) -> Miss {
        Miss { why: why.into(), passing: true }
    }
}

/// One GET with redirects followed by hand, each hop looked at anew by the door; into `file`, if there is one, else into memory.
pub(super) async fn get(
    door: &Door,
    url: &str,
    want: &Want<'_>,
    mut file: Option<&mut tokio::fs::File>,
) -> Result<Got, Miss> {
    let mut at = Url::parse(url).map_err(|error| Miss::lasting(format!("it is not an address: {error}")))?;
    for _ in 0..=MAX_HOPS {
        let timeout = want.deadline.saturating_duration_since(Instant::now());
        if timeout.is_zero() {
            return Err(Miss::passing("it did not come in time"));
        }
        let stamp = want.held.filter(|(from, _)| *from == at.as_str()).map(|(_, stamp)| stamp);
        let asking = Asking { accept: want.accept, stamp, most: want.most, timeout };
        let asked = match &mut file {
            Some(file) => {
                // what a redirect had in its body is not what is wanted
                let emptied = async { file.set_len(0).await.and(file.rewind().await) };
                emptied.await.map_err(|error| Miss::lasting(format!("it could not be kept: {error}")))?;
                door.save_public(at.as_str(), &asking, file).await
            }
            None => door.ask_public(at.as_str(), &asking).await,
        };
        let fetched = asked.map_err(|fault| Miss { passing: fault.kind == Kind::Network, why: fault.to_string() })?;
        match fetched.answer.status {
            200..=299 => return Ok(Got::New(Box::new(fetched), at)),
            304 if stamp.is_some() => return Ok(Got::Same),
            301 | 302 | 303 | 307 | 308 => {
                let to = fetched.answer.header("location").and_then(|to| at.join(to).ok());
                let to = to.ok_or_else(|| Miss::lasting("it redirects to nowhere"))?;
                if !matches!(to.scheme(), "http" | "https") || (at.scheme() == "https" && to.scheme() == "http") {
                    return Err(Miss::lasting(format!(
                        "it redirects from `{}` to `{}`, which is not followed",
                        at.scheme(),
                        to.scheme()
                    )));
                }
                at = to;
            }
            status => {
                let passing = matches!(status, 408 | 425 | 429 | 500..=599);
                return Err(Miss { why: format!("it answered {status}"), passing });
            }
        }
    }
    Err(Miss::lasting(format!("it redirects more than {MAX_HOPS} times")))
}
