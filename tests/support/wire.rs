//! Reading wire files; `docs/wire-format.md` is the rule.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

/// A wire file.
#[derive(Debug, Default)]
pub struct WireFile {
    pub server: Option<String>,
    pub settings: Vec<(String, Value)>,
    pub secrets: Vec<(String, String)>,
    pub about: Value,
    pub handle: String,
    pub remote_id: String,
    /// Why way 2 is left out.
    pub twin_skip: Option<String>,
    pub steps: Vec<Step>,
}

/// One call of the platform, what it must give, and the exchanges that belong to it.
#[derive(Debug, Default)]
pub struct Step {
    pub line: usize,
    /// `publish`, `whoami`, `discover`, `targets`, `refresh`, `find`, `delete`.
    pub act: String,
    /// The draft's body.
    pub draft: Vec<String>,
    pub fields: Vec<(String, String)>,
    pub options: Vec<(String, Value)>,
    pub receipts: Vec<BTreeMap<String, String>>,
    pub fault: Option<BTreeMap<String, String>>,
    pub profile: Option<BTreeMap<String, String>>,
    pub targets: Vec<BTreeMap<String, String>>,
    pub found: Option<String>,
    pub renewed: Option<bool>,
    pub exchanges: Vec<Exchange>,
}

/// One request and its answer, as written.
#[derive(Debug, Default, Clone)]
pub struct Exchange {
    pub line: usize,
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub status: u16,
    pub answer_headers: Vec<(String, String)>,
    pub answer_body: String,
    /// The words after `@inject`.
    pub inject: Option<Vec<String>>,
}

/// JSON if it is JSON, else text.
pub fn json_or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_string()))
}

/// Splits at blanks, but not inside of double quotes, which are taken off.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut current, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for c in text.chars() {
        match c {
            '"' => (quoted, any) = (!quoted, true),
            c if c.is_whitespace() && !quoted => {
                if any {
                    words.push(std::mem::take(&mut current));
                }
                any = false;
            }
            c => {
                current.push(c);
                any = true;
            }
        }
    }
    if any {
        words.push(current);
    }
    words
}

fn pairs(text: &str) -> Result<BTreeMap<String, String>, String> {
    words(text)
        .into_iter()
        .map(|word| {
            let (key, value) = word.split_once('=').ok_or(format!("`{word}` is not KEY=VALUE"))?;
            Ok((key.to_string(), value.to_string()))
        })
        .collect()
}

fn named(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or(format!("`{text}` is not NAME=VALUE"))?;
    Ok((name.trim().to_string(), value.trim().to_string()))
}

/// Where in an exchange a line stands.
#[derive(PartialEq, Clone, Copy)]
enum Place {
    Outside,
    RequestHead,
    RequestBody,
    AnswerHead,
    AnswerBody,
}

/// Reads a wire file.
///
/// # Errors
/// `LINE: what is wrong`.
pub fn parse(path: &Path, text: &str) -> Result<WireFile, String> {
    let mut file = WireFile::default();
    let mut step = Step { line: 1, act: "publish".to_string(), ..Step::default() };
    let mut fresh = true;
    let mut place = Place::Outside;
    let mut inject = None;
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        let at = |why: String| format!("line {number}: {why}");
        if line.trim().is_empty() || line.starts_with('#') {
            place = Place::Outside;
            continue;
        }
        if let Some(rest) = line.strip_prefix('@') {
            place = Place::Outside;
            let (key, value) = rest.split_once(' ').unwrap_or((rest, ""));
            if key == "do" {
                let acts = ["publish", "whoami", "discover", "targets", "refresh", "find", "delete"];
                if !acts.contains(&value.trim()) {
                    return Err(at(format!("`@do {value}`; known are {}", acts.join(", "))));
                }
                if !fresh {
                    file.steps.push(std::mem::take(&mut step));
                }
                (step.act, step.line, fresh) = (value.trim().to_string(), number, false);
                continue;
            }
            if key == "inject" {
                inject = Some(words(value));
                continue;
            }
            if header(&mut file, key, value).map_err(at)? {
                continue;
            }
            if !step.exchanges.is_empty() {
                return Err(at(format!("`@{key}` after the step's exchanges; it belongs before them")));
            }
            fresh = false;
            describe(&mut step, path, key, value).map_err(at)?;
            continue;
        }
        let (side, rest) = (&line[..1], line.get(1..).unwrap_or_default());
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        match (side, place) {
            (">", Place::Outside | Place::AnswerHead | Place::AnswerBody) => {
                let (method, url) =
                    rest.split_once(' ').ok_or_else(|| at("a request is `> METHOD URL`".to_string()))?;
                if !url.starts_with("https://") && !url.starts_with("http://") && !url.starts_with("{{server}}") {
                    return Err(at(format!("`{url}` is not an address")));
                }
                let exchange = Exchange {
                    line: number,
                    method: method.to_string(),
                    url: url.trim().to_string(),
                    inject: inject.take(),
                    ..Exchange::default()
                };
                step.exchanges.push(exchange);
                fresh = false;
                place = Place::RequestHead;
                continue;
            }
            ("<", Place::Outside | Place::RequestHead | Place::RequestBody) => {
                let exchange = step.exchanges.last_mut().filter(|exchange| exchange.status == 0);
                let exchange = exchange.ok_or_else(|| at("an answer without a request".to_string()))?;
                exchange.status = rest.trim().parse().map_err(|_| at(format!("`{rest}` is not a status")))?;
                place = Place::AnswerHead;
                continue;
            }
            (">" | "<", _) => {}
            _ => return Err(at("a line begins with `#`, `@`, `>` or `<`".to_string())),
        }
        let Some(exchange) = step.exchanges.last_mut() else { return Err(at("nothing was asked yet".to_string())) };
        match place {
            Place::RequestHead if rest.is_empty() => place = Place::RequestBody,
            Place::AnswerHead if rest.is_empty() => place = Place::AnswerBody,
            Place::RequestHead | Place::AnswerHead => {
                let (name, value) = rest.split_once(':').ok_or_else(|| at(format!("`{rest}` is not a header")))?;
                let pair = (name.trim().to_lowercase(), value.trim().to_string());
                if place == Place::RequestHead {
                    exchange.headers.push(pair)
                } else {
                    exchange.answer_headers.push(pair)
                }
            }
            Place::RequestBody | Place::AnswerBody => {
                let body = if place == Place::RequestBody { &mut exchange.body } else { &mut exchange.answer_body };
                if !body.is_empty() {
                    body.push('\n');
                }
                body.push_str(rest);
            }
            Place::Outside => {}
        }
    }
    file.steps.push(step);
    let unanswered = file.steps.iter().flat_map(|step| &step.exchanges).find(|exchange| exchange.status == 0);
    match unanswered {
        Some(exchange) => Err(format!("line {}: a request without an answer", exchange.line)),
        None => Ok(file),
    }
}

/// Lines that hold for the whole file; `false` if it is none.
fn header(file: &mut WireFile, key: &str, value: &str) -> Result<bool, String> {
    match key {
        "server" => file.server = Some(value.trim().trim_end_matches('/').to_string()),
        "setting" => {
            let (name, value) = named(value)?;
            file.settings.push((name, json_or_text(&value)));
        }
        "secret" => file.secrets.push(named(value)?),
        "about" => file.about = serde_json::from_str(value).map_err(|error| format!("`@about`: {error}"))?,
        "handle" => file.handle = value.trim().to_string(),
        "remote-id" => file.remote_id = value.trim().to_string(),
        "twin" => {
            let reason = value.strip_prefix("skip ").filter(|reason| !reason.trim().is_empty());
            file.twin_skip = Some(reason.ok_or("`@twin skip` needs a reason")?.trim().to_string());
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Lines that describe a step.
fn describe(step: &mut Step, path: &Path, key: &str, value: &str) -> Result<(), String> {
    match key {
        "draft" => step.draft.push(value.to_string()),
        "draft-file" => {
            let file = path.with_file_name(value.trim());
            let text = std::fs::read_to_string(&file).map_err(|error| format!("`{}`: {error}", file.display()))?;
            step.draft.extend(text.lines().map(str::to_string));
        }
        "field" => step.fields.push(named(value)?),
        "option" => {
            let (name, value) = named(value)?;
            step.options.push((name, json_or_text(&value)));
        }
        "receipt" => step.receipts.push(pairs(value)?),
        "target" => step.targets.push(pairs(value)?),
        "fault" => step.fault = Some(pairs(value)?),
        "profile" => step.profile = Some(pairs(value)?),
        "found" => step.found = Some(value.trim().to_string()),
        "renewed" => step.renewed = Some(value.trim() == "true"),
        _ => return Err(format!("`@{key}` is not known")),
    }
    Ok(())
}
