//! The film service of the twin: tokens for one method, jobs that take their time.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::twin::{Incoming, Reply};

pub(super) const HOST: &str = "video.bsky.app";

/// What a token was made for: whose it is, for whom, to do what.
#[derive(Debug)]
struct Pass {
    n: usize,
    aud: String,
    method: String,
}

#[derive(Debug)]
struct Job {
    n: usize,
    name: String,
    blob: Value,
    polls: u32,
}

/// The service's state.
#[derive(Debug, Default)]
pub(super) struct Films {
    passes: BTreeMap<String, Pass>,
    jobs: Vec<Job>,
}

impl Films {
    /// `getServiceAuth` at the account's server.
    pub(super) fn pass(&mut self, n: usize, request: &Incoming) -> Reply {
        let get = |name: &str| request.query(name).unwrap_or_default().to_string();
        let token = format!("service-token-{:06}", self.passes.len());
        if !get("aud").starts_with("did:") {
            return Reply::json(400, &json!({"error": "InvalidRequest", "message": "aud must be a valid did"}));
        }
        self.passes.insert(token.clone(), Pass { n, aud: get("aud"), method: get("lxm") });
        Reply::json(200, &json!({ "token": token }))
    }

    fn caller(&self, request: &Incoming, aud: &str, method: &str) -> Option<usize> {
        let pass = self.passes.get(request.bearer()?)?;
        (pass.aud == aud && pass.method == method).then_some(pass.n)
    }

    /// `video.bsky.app`. `keep` stores the finished film as a blob.
    pub(super) fn answer(
        &mut self,
        request: &Incoming,
        pds: &str,
        did: fn(usize) -> String,
        keep: impl FnOnce(&[u8]) -> Value,
    ) -> Reply {
        let denied = || Reply::json(401, &json!({"error": "Unauthorized", "message": "missing or wrong service token"}));
        let wrong = |why: &str| Reply::json(400, &json!({"error": "InvalidRequest", "message": why}));
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/xrpc/app.bsky.video.getUploadLimits") => {
                match self.caller(request, &format!("did:web:{HOST}"), "app.bsky.video.getUploadLimits") {
                    None => denied(),
                    Some(n) => {
                        let used = self.jobs.iter().filter(|job| job.n == n).count();
                        Reply::json(200, &json!({"canUpload": true, "remainingDailyVideos": 25_usize.saturating_sub(used),
                            "remainingDailyBytes": 10_000_000_000_u64}))
                    }
                }
            }
            ("POST", "/xrpc/app.bsky.video.uploadVideo") => {
                let Some(n) = self.caller(request, &format!("did:web:{pds}"), "com.atproto.repo.uploadBlob") else {
                    return denied();
                };
                let name = request.query("name").unwrap_or_default().to_string();
                if request.query("did") != Some(&did(n)) || !name.contains('.') {
                    return wrong("did and name are needed");
                }
                if !request.header("content-type").is_some_and(|mime| mime.starts_with("video/")) || request.body.is_empty() {
                    return wrong("this is no film");
                }
                if request.body.len() as u64 > super::video::BYTES {
                    return Reply::json(413, &json!({"error": "BlobTooLarge", "message": "the film is too large"}));
                }
                if let Some(at) = self.jobs.iter().position(|job| job.n == n && job.name == name) {
                    return Reply::json(409, &json!({"jobId": format!("job{at}"), "state": "JOB_STATE_COMPLETED",
                        "error": "already_exists", "message": "Video already processed"}));
                }
                self.jobs.push(Job { n, name, blob: keep(&request.body), polls: 0 });
                let id = format!("job{}", self.jobs.len() - 1);
                Reply::json(200, &json!({"jobId": id, "did": did(n), "state": "JOB_STATE_CREATED"}))
            }
            ("GET", "/xrpc/app.bsky.video.getJobStatus") => {
                let id = request.query("jobId").unwrap_or_default();
                let index: Option<usize> = id.strip_prefix("job").and_then(|n| n.parse().ok());
                let Some(job) = index.and_then(|index| self.jobs.get_mut(index)) else { return wrong("no such job") };
                job.polls += 1;
                let mut status = json!({"jobId": id, "did": did(job.n), "state": "JOB_STATE_ENCODING", "progress": 50});
                if job.polls > 1 {
                    status["state"] = json!("JOB_STATE_COMPLETED");
                    status["blob"] = job.blob.clone();
                }
                Reply::json(200, &json!({ "jobStatus": status }))
            }
            _ => Reply::json(404, &json!({"error": "MethodNotImplemented", "message": "Method Not Implemented"})),
        }
    }
}
