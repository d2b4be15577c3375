//! Faults on request: what goes wrong, with which request, how often.

use serde::{Deserialize, Serialize};

use super::http::Incoming;

/// A fault waiting for its request. As JSON (`POST /_mock/faults`): `{"what": "drop", "when": "after", "platform": "mastodon",
/// "method": "POST", "path": "/statuses", "skip": 0, "times": 1}`; everything but `what` may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inject {
    #[serde(flatten)]
    pub what: What,
    /// A platform's name or a host; any if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Part of the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// So many requests that match pass unharmed first.
    #[serde(default)]
    pub skip: u32,
    /// So many are hit then; 0 is without end.
    #[serde(default = "once")]
    pub times: u32,
    /// Whether the twin has the request first. Left out: `after` for what spoils an answer (`truncated`, `html`, `huge`, `endless`),
    /// `before` for all else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
}

fn once() -> u32 {
    1
}

/// Before the twin has seen the request, or after it took effect there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    Before,
    After,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// The answer comes this much later (milliseconds).
    Delay { ms: u64 },
    /// The connection is closed without an answer.
    Drop,
    /// This status (500, 502, 503) with the body that the network gives with it.
    Status { status: u16 },
    /// "Too many requests", over in so many seconds.
    Limited { seconds: u64 },
    /// "This token is no longer good".
    Expired,
    /// The twin forgets its sessions, then has the request.
    ExpireSessions,
    /// The connection closes in the middle of the body.
    Truncated,
    /// A 200 with a page of HTML.
    Html,
    /// A 200 with 200 MB of white space.
    Huge,
    /// A 200 whose body comes byte by byte and has no end.
    Endless,
    /// A 307 to this URL.
    Redirect { to: String },
}

impl Inject {
    /// Hits the next request, whatever it is.
    pub fn new(what: What) -> Inject {
        Inject { what, platform: None, method: None, path: None, skip: 0, times: 1, when: None }
    }

    /// From JSON as above, one object or a list of them.
    ///
    /// # Errors
    /// What is wrong with it, for a person; a key that is not known is wrong too.
    pub fn parse(json: &[u8]) -> Result<Vec<Inject>, String> {
        let value: serde_json::Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let list = if let serde_json::Value::Array(list) = value { list } else { vec![value] };
        list.into_iter()
            .map(|value| {
                let known =
                    ["what", "platform", "method", "path", "skip", "times", "when", "ms", "status", "seconds", "to"];
                let stray = value.as_object().and_then(|map| map.keys().find(|key| !known.contains(&key.as_str())));
                match stray {
                    Some(key) => Err(format!("unknown key `{key}`, one of `{}` was expected", known.join("`, `"))),
                    None => serde_json::from_value(value).map_err(|error| error.to_string()),
                }
            })
            .collect()
    }

    /// Only requests to this platform or host.
    pub fn platform(mut self, name: &str) -> Inject {
        self.platform = Some(name.to_string());
        self
    }

    /// Only this method.
    pub fn method(mut self, method: &str) -> Inject {
        self.method = Some(method.to_string());
        self
    }

    /// Only paths that hold this.
    pub fn path(mut self, part: &str) -> Inject {
        self.path = Some(part.to_string());
        self
    }

    /// The first so many pass.
    pub fn skip(mut self, requests: u32) -> Inject {
        self.skip = requests;
        self
    }

    /// So many are hit; 0 is without end.
    pub fn times(mut self, requests: u32) -> Inject {
        self.times = requests;
        self
    }

    /// Before or after the twin had the request.
    pub fn when(mut self, when: When) -> Inject {
        self.when = Some(when);
        self
    }

    pub(super) fn moment(&self) -> When {
        self.when.unwrap_or(match self.what {
            What::Truncated | What::Html | What::Huge | What::Endless => When::After,
            _ => When::Before,
        })
    }

    fn matches(&self, platform: &str, request: &Incoming) -> bool {
        self.platform
            .as_ref()
            .is_none_or(|name| name.eq_ignore_ascii_case(platform) || name.eq_ignore_ascii_case(&request.host))
            && self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(&request.method))
            && self.path.as_ref().is_none_or(|part| request.path.contains(part.as_str()))
    }
}

/// Takes what this request is to suffer: every delay that matches and the first other fault. Counts down on the way.
pub(super) fn take(faults: &mut Vec<Inject>, platform: &str, request: &Incoming) -> (u64, Option<Inject>) {
    let mut delay = 0;
    let mut hit = None;
    faults.retain_mut(|fault| {
        let is_delay = matches!(fault.what, What::Delay { .. });
        if !fault.matches(platform, request) || (!is_delay && hit.is_some()) {
            return true;
        }
        if fault.skip > 0 {
            fault.skip -= 1;
            return true;
        }
        match fault.what {
            What::Delay { ms } => delay += ms,
            _ => hit = Some(fault.clone()),
        }
        match fault.times {
            0 => true,
            1 => false,
            _ => {
                fault.times -= 1;
                true
            }
        }
    });
    (delay, hit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str) -> Incoming {
        Incoming { method: method.into(), host: "social.example".into(), path: path.into(), ..Incoming::default() }
    }

    #[test]
    fn a_fault_waits_for_its_request() {
        let mut faults = vec![
            Inject::new(What::Drop).platform("mastodon").method("post").path("/statuses").skip(1).times(2),
            Inject::new(What::Delay { ms: 5 }).times(0),
        ];
        let mut try_one = |method, path| take(&mut faults, "mastodon", &request(method, path));
        assert_eq!(try_one("GET", "/api/v1/statuses"), (5, None));
        assert_eq!(try_one("POST", "/api/v1/statuses"), (5, None), "the first is skipped");
        assert!(try_one("POST", "/api/v1/statuses").1.is_some());
        assert!(try_one("POST", "/api/v1/media").1.is_none());
        assert!(try_one("POST", "/api/v1/statuses").1.is_some());
        assert!(try_one("POST", "/api/v1/statuses").1.is_none());
        assert_eq!(faults.len(), 1, "the delay stays");
    }

    #[test]
    fn json_shape() {
        let text = r#"{"what":"status","status":502,"when":"after","platform":"social.example"}"#;
        let fault = Inject::parse(text.as_bytes()).unwrap().remove(0);
        let expected = Inject::new(What::Status { status: 502 }).platform("social.example").when(When::After);
        assert_eq!(fault, expected);
        assert_eq!((fault.times, fault.moment()), (1, When::After));
        assert_eq!(serde_json::from_value::<Inject>(serde_json::to_value(&fault).unwrap()).unwrap(), fault);
        assert!(Inject::parse(br#"{"what":"explode"}"#).is_err());
        assert!(Inject::parse(br#"[{"what":"drop","tims":2}]"#).unwrap_err().contains("`tims`"));
    }
}
