//! Way 1 of a wire file: a server that compares each request with the file and gives the file's answers.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use xpost::twin::{FormPart, Incoming, Reply, Seen, Twin};

use super::fill::{self, Scope};
use super::wire::Exchange;

/// What replay and test share.
#[derive(Default)]
pub struct Script {
    /// The exchanges of the step under way.
    pub exchanges: Vec<Exchange>,
    pub played: Vec<bool>,
    pub scope: Scope,
    pub problems: Vec<String>,
    /// What came for each exchange (by its line), with what the names stood for then.
    pub came: Vec<(usize, Incoming, Scope)>,
}

/// The server, as a twin of the kit.
pub struct Replay {
    pub script: Arc<Mutex<Script>>,
    pub hosts: BTreeSet<String>,
}

/// Host, path (decoded) and query of a file's address, placeholders left in.
pub struct Target {
    pub host: String,
    pub path: String,
    pub query: Vec<(String, String)>,
}

fn decode(text: &str) -> String {
    // a plus in a path is a plus
    let query = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(query.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

impl Target {
    pub fn of(url: &str, server: &str) -> Target {
        let url = url.replace("{{server}}", server);
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, path) = before.split_once('/').unwrap_or((before, ""));
        // `=` inside of a placeholder is not expected here: names are given in answers
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(&key.replace('+', " ")), decode(&value.replace('+', " ")))
        });
        Target { host: host.to_string(), path: format!("/{}", decode(path)), query: query.collect() }
    }
}

impl Twin for Replay {
    fn hosts(&self) -> Vec<String> {
        self.hosts.iter().cloned().collect()
    }

    fn answer(&mut self, request: &Incoming) -> Reply {
        let mut script = self.script.lock().unwrap();
        let scope = script.scope.clone();
        let mut best: Option<(usize, Vec<String>)> = None;
        for (n, exchange) in script.exchanges.iter().enumerate() {
            let target = Target::of(&exchange.url, scope.get("server").map_or("", String::as_str));
            let same = exchange.method == request.method
                && target.host.eq_ignore_ascii_case(&request.host)
                && fill::fits(&target.path, &request.path, &scope);
            if script.played[n] || !same {
                continue;
            }
            let problems = differences(exchange, &target, request, &scope);
            if best.as_ref().is_none_or(|(_, fewest)| problems.len() < fewest.len()) {
                best = Some((n, problems));
            }
        }
        let Some((n, problems)) = best else {
            let what = format!("{} https://{}{} was not expected", request.method, request.host, request.path);
            script.problems.push(what);
            return Reply::text(599, "not in the wire file");
        };
        let exchange = script.exchanges[n].clone();
        script.played[n] = true;
        script.problems.extend(problems.into_iter().map(|problem| format!("line {}: {problem}", exchange.line)));
        script.came.push((exchange.line, request.clone(), scope));
        let mut scope = std::mem::take(&mut script.scope);
        let reply = answer(&exchange, &mut scope);
        script.scope = scope;
        reply.unwrap_or_else(|why| {
            script.problems.push(format!("line {}: {why}", exchange.line));
            Reply::text(599, "the wire file is wrong")
        })
    }

    fn limited(&self, _seconds: u64) -> Reply {
        Reply::empty(429)
    }

    fn expired(&self) -> Reply {
        Reply::empty(401)
    }

    fn timeline(&self) -> Vec<Seen> {
        Vec::new()
    }
}

/// The file's answer, names filled in.
fn answer(exchange: &Exchange, scope: &mut Scope) -> Result<Reply, String> {
    let mut reply = Reply::empty(exchange.status);
    for (name, value) in &exchange.answer_headers {
        let value = fill::expand(value, scope)?;
        reply = reply.header(name, value);
    }
    if !exchange.answer_body.is_empty() {
        reply.body = match serde_json::from_str::<Value>(&exchange.answer_body) {
            Ok(value) => {
                if !exchange.answer_headers.iter().any(|(name, _)| name == "content-type") {
                    reply = reply.header("content-type", "application/json");
                }
                fill::expand_json(&value, scope)?.to_string().into_bytes()
            }
            Err(_) => fill::expand(&exchange.answer_body, scope)?.into_bytes(),
        };
    }
    Ok(reply)
}

fn differences(exchange: &Exchange, target: &Target, request: &Incoming, scope: &Scope) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, wanted) in &exchange.headers {
        match request.header(name) {
            None => problems.push(format!("the header `{name}` is missing")),
            Some(given) if fill::fits(wanted, given, scope) => {}
            // the value may be a secret of a throw-away account only
            Some(given) => problems.push(format!("the header `{name}` is `{given}` instead of `{wanted}`")),
        }
    }
    pairs("query", &target.query, &request.query, scope, &mut problems);
    body(exchange, request, scope, &mut problems);
    problems
}

/// Pairs in any order.
fn pairs(
    what: &str,
    wanted: &[(String, String)],
    given: &[(String, String)],
    scope: &Scope,
    problems: &mut Vec<String>,
) {
    let mut left: Vec<&(String, String)> = given.iter().collect();
    for (key, value) in wanted {
        let found = left.iter().position(|(name, given)| name == key && text_or_json(value, given, scope));
        match found {
            Some(at) => drop(left.remove(at)),
            None => problems.push(format!("the {what} has no `{key}` of `{value}`")),
        }
    }
    problems.extend(
        left.iter().map(|(key, value)| format!("the {what} has `{key}` of `{value}`, which is not in the file")),
    );
}

fn text_or_json(wanted: &str, given: &str, scope: &Scope) -> bool {
    if fill::fits(wanted, given, scope) {
        return true;
    }
    let (Ok(wanted), Ok(given)) = (serde_json::from_str::<Value>(wanted), serde_json::from_str::<Value>(given)) else {
        return false;
    };
    let mut problems = Vec::new();
    fill::compare(&wanted, &given, scope, "", &mut problems);
    problems.is_empty() && (wanted.is_object() || wanted.is_array())
}

/// `[SIZE bytes of MIME]` or `[SIZE bytes of MIME, NAME]`.
fn file_note(text: &str) -> Option<(&str, &str, Option<&str>)> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    let (size, rest) = inner.split_once(" bytes of ")?;
    let (mime, name) = rest.split_once(", ").map_or((rest, None), |(mime, name)| (mime, Some(name)));
    Some((size, mime, name))
}

/// Lines `name: value` of a multipart body.
pub fn part_lines(body: &str) -> Vec<(String, String)> {
    let mut parts: Vec<(String, String)> = Vec::new();
    for line in body.lines() {
        match line.split_once(": ") {
            Some((name, value)) if !name.contains([' ', '"', '{']) => parts.push((name.to_string(), value.to_string())),
            // a value may go over several lines
            _ => {
                if let Some((_, value)) = parts.last_mut() {
                    value.push('\n');
                    value.push_str(line);
                }
            }
        }
    }
    parts
}

fn mime_of(request: &Incoming) -> &str {
    request.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

fn body(exchange: &Exchange, request: &Incoming, scope: &Scope, problems: &mut Vec<String>) {
    let wanted = &exchange.body;
    if wanted == "{{any}}" {
        return;
    }
    if wanted.is_empty() || request.body.is_empty() {
        if wanted.is_empty() != request.body.is_empty() {
            problems.push(format!("a body of {} bytes, the file has {}", request.body.len(), wanted.len()));
        }
        return;
    }
    if mime_of(request) == "multipart/form-data" {
        return multipart(wanted, &request.multipart(), scope, problems);
    }
    if let Some((size, mime, _)) = file_note(wanted) {
        if !fill::fits(size, &request.body.len().to_string(), scope) || !fill::fits(mime, mime_of(request), scope) {
            problems.push(format!("{} bytes of {} instead of {wanted}", request.body.len(), mime_of(request)));
        }
        return;
    }
    if mime_of(request) == "application/x-www-form-urlencoded" {
        let wanted = wanted.replace('\n', "&").replace("&&", "&");
        return pairs("form", &form_template(&wanted), &request.form(), scope, problems);
    }
    let given = String::from_utf8_lossy(&request.body);
    match (serde_json::from_str::<Value>(wanted), serde_json::from_str::<Value>(&given)) {
        (Ok(wanted), Ok(given)) => fill::compare(&wanted, &given, scope, "body", problems),
        _ if fill::fits(wanted, &given, scope) => {}
        _ => problems.push(format!("the body is `{given}`")),
    }
}

/// Pairs of an encoded form; what stands in a placeholder is left alone.
pub fn form_template(text: &str) -> Vec<(String, String)> {
    Target::of(&format!("https://form/?{text}"), "").query
}

fn multipart(wanted: &str, given: &[FormPart], scope: &Scope, problems: &mut Vec<String>) {
    let mut left: Vec<&FormPart> = given.iter().collect();
    for (name, value) in part_lines(wanted) {
        let found = left.iter().position(|part| {
            let text = String::from_utf8_lossy(&part.bytes);
            part.name == name
                && match file_note(&value) {
                    Some((size, mime, filename)) => {
                        fill::fits(size, &part.bytes.len().to_string(), scope)
                            && fill::fits(mime, part.mime.as_deref().unwrap_or_default(), scope)
                            && filename.is_none_or(|filename| {
                                fill::fits(filename, part.filename.as_deref().unwrap_or_default(), scope)
                            })
                    }
                    None => text_or_json(&value, &text, scope),
                }
        });
        match found {
            Some(at) => drop(left.remove(at)),
            None => problems.push(format!("no part `{name}` of `{value}`")),
        }
    }
    problems.extend(left.iter().map(|part| {
        let text = String::from_utf8_lossy(&part.bytes[..part.bytes.len().min(300)]).into_owned();
        format!("the part `{}` is not in the file: `{text}`", part.name)
    }));
}

/// The request that came in way 1, with the twin's own values for the names of the file.
pub fn for_twin(
    exchange: &Exchange,
    came: &Incoming,
    then: &Scope,
    now: &Scope,
    server: &str,
    given: &Scope,
) -> Incoming {
    let mut request = came.clone();
    let target = Target::of(&exchange.url, server);
    request.path = fill::refill(&target.path, &came.path, then, now);
    for (key, value) in &mut request.query {
        if let Some((_, template)) =
            target.query.iter().find(|(name, template)| name == key && fill::fits(template, value, then))
        {
            *value = fill::refill(template, value, then, now);
        }
    }
    for (name, template) in &exchange.headers {
        if let Some((_, value)) = request.headers.iter_mut().find(|(key, _)| key == name) {
            *value = fill::refill(template, value, then, now);
        }
    }
    // untouched bytes stay as they were signed and sent
    if !fill::has_names(&exchange.body, given) {
        return request;
    }
    if mime_of(came) == "multipart/form-data" {
        let templates = part_lines(&exchange.body);
        let mut body = Vec::new();
        for part in came.multipart() {
            let filename = part.filename.as_ref().map_or_else(String::new, |name| format!("; filename=\"{name}\""));
            let mime = part.mime.as_ref().map_or_else(String::new, |mime| format!("\r\ncontent-type: {mime}"));
            body.extend(
                format!("--wire\r\ncontent-disposition: form-data; name=\"{}\"{filename}{mime}\r\n\r\n", part.name)
                    .bytes(),
            );
            let template = templates.iter().find(|(name, _)| *name == part.name).filter(|_| part.filename.is_none());
            match template {
                Some((_, template)) => {
                    body.extend(refill_text(template, &String::from_utf8_lossy(&part.bytes), then, now).bytes())
                }
                None => body.extend(&part.bytes),
            }
            body.extend(b"\r\n");
        }
        body.extend(b"--wire--\r\n");
        request.body = body;
        for (name, value) in &mut request.headers {
            if name == "content-type" {
                *value = "multipart/form-data; boundary=wire".to_string();
            }
        }
    } else if mime_of(came) == "application/x-www-form-urlencoded" {
        let templates = form_template(&exchange.body.replace('\n', "&").replace("&&", "&"));
        let filled = came.form().into_iter().map(|(key, value)| {
            let template =
                templates.iter().find(|(name, template)| *name == key && text_or_json(template, &value, then));
            let value =
                template.map_or_else(|| value.clone(), |(_, template)| refill_text(template, &value, then, now));
            (key, value)
        });
        request.body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(filled).finish().into_bytes();
    } else {
        request.body = refill_text(&exchange.body, &String::from_utf8_lossy(&came.body), then, now).into_bytes();
    }
    request
}

fn refill_text(template: &str, actual: &str, then: &Scope, now: &Scope) -> String {
    match (serde_json::from_str::<Value>(template), serde_json::from_str::<Value>(actual)) {
        (Ok(wanted @ (Value::Object(_) | Value::Array(_))), Ok(given)) => {
            fill::refill_json(&wanted, &given, then, now).to_string()
        }
        _ => fill::refill(template, actual, then, now),
    }
}
