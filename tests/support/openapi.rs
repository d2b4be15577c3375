//! Judges requests by a network's published OpenAPI document: path, query, headers and bodies of JSON, forms and multipart, with
//! JSON inside of form fields. Where a schema is open, unknown fields are a problem all the same: a misspelt name would be silently
//! ignored by the network.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use unicode_segmentation::UnicodeSegmentation;
use xpost::twin::{Exchange, Incoming};

use super::specs::specs;

/// Where we differ from a document on purpose: document, part of the problem's text, reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("mastodon", "nodeinfo", "NodeInfo is a protocol of its own, which every server of the Fediverse speaks"),
    (
        "bluesky",
        "app.bsky.video.uploadVideo: the query parameter `",
        "the lexicon has none; the service of films demands whose film it is, and a name",
    ),
    (
        "discord",
        "/messages: no such path",
        "the document is cut to what posts; reading a channel's messages is not in it",
    ),
    (
        "discord",
        "/webhooks/{webhook_id}/{webhook_token}: the part `files[",
        "the document has the files of a message at the bot's route alone; the prose documentation has them at both",
    ),
    ("discord", "/guilds: no such path", "the document is cut to what posts; the bot's guilds are not in it"),
    (
        "discord",
        "GET /api/v10/guilds/",
        "the document is cut to what posts; channels and members of a guild are not in it",
    ),
    // a conversion of a collection of examples: it has one example of each request, and few of them
    ("linkedin", " /v2/: no such path", "who logged in is asked of an API that is not in this collection"),
    ("linkedin", "GET /v2/", "who logged in is asked of an API that is not in this collection"),
    ("linkedin", "/dms-uploads/", "files go to addresses that are given out, which no document has"),
    ("linkedin", "/rest/organizationAcls: no such path", "documented by LinkedIn, left out of this collection"),
    ("linkedin", "GET /rest/organizations/", "documented by LinkedIn, left out of this collection"),
    ("linkedin", "/rest/socialActions/", "documented by LinkedIn, left out of this collection"),
    ("linkedin", "POST /rest/posts/urn:", "the collection names the partial update without its path"),
    ("linkedin", "GET /rest/videos/", "the collection has the status of a film at the path of pictures by mistake"),
    ("linkedin", "the query parameter `author` is unknown", "the collection has the list by ids alone"),
    ("linkedin", "GET /posts: the query parameter", "the collection has the list by ids alone"),
    ("linkedin", "POST /documents: a body where none is known", "the collection has forgotten it"),
    ("linkedin", "POST /posts: body: the field `reshareContext` is unknown", "the schema is that of its one example"),
    ("linkedin", "`finalizeUpload`", "the collection knows one of the two actions of films"),
    ("linkedin", "\"finalizeUpload\" is not one of", "the collection knows one of the two actions of films"),
    ("linkedin", "POST /videos: body: \"initializeUploadRequest\" is a required", "the same"),
    ("linkedin", "POST /videos: body: the field `finalizeUploadRequest` is unknown", "the same"),
    ("slack", "/services/", "a webhook is no method of the Web API"),
    ("slack", "/upload/v1/", "the address of an upload is no method of the Web API"),
    ("slack", "files.getUploadURLExternal: no such path", "the document is of 2021, and older than this method"),
    ("slack", "files.completeUploadExternal: no such path", "the document is of 2021, and older than this method"),
    ("slack", "files.delete: no such path", "the document is cut to what posts"),
    (
        "slack",
        "conversations.history: no such path",
        "the document is cut to what posts; reading a channel is not in it",
    ),
    (
        "slack",
        "conversations.replies: no such path",
        "the document is cut to what posts; reading a thread is not in it",
    ),
    ("slack", "/chat.postMessage: body: the field `metadata` is unknown", "metadata of messages came in 2022"),
    (
        "slack",
        "/chat.delete: body/ts: ",
        "the document has the ts as a number, which would lose its zeros; the prose has a string",
    ),
    (
        "slack",
        "/chat.scheduleMessage: body/post_at: ",
        "the document has the time as a text; the prose documentation has a number",
    ),
    ("telegram", "/getUpdates: no such path", "the document is cut to what posts; updates are not in it"),
    ("meta-graph", "/ig-api-upload/", "the upload host is documented in prose alone"),
    (
        "threads",
        "the query parameter `access_token` is unknown",
        "the document was made of a collection whose tool adds the token to the query by itself",
    ),
    ("meta-graph", "/published_posts: no such path", "the document is cut to what posts; lists are not in it"),
    ("meta-graph", "/scheduled_posts: no such path", "the document is cut to what posts; lists are not in it"),
    ("meta-graph", "/videos: no such path", "the document is cut to what posts; lists are not in it"),
    ("meta-graph", "/comments: no such path", "the document is cut to what posts; lists are not in it"),
    ("meta-graph", "/uploads: no such path", "the Resumable Upload API is documented in prose alone"),
    ("meta-graph", "{ig-media-id}: a body of `video/mp4`", "a session of the Resumable Upload API looks like any id"),
    (
        "meta-graph",
        "{ig-media-id}: the query parameter `sig`",
        "a session of the Resumable Upload API looks like any id",
    ),
    ("meta-graph", "/video-upload/", "the host that takes the bytes of reels is documented in prose alone"),
    ("meta-graph", "/photos: multipart: Additional properties are not allowed ('source' was", PHOTO_FILES),
    ("meta-graph", "/photos: the part `source` is unknown", PHOTO_FILES),
    ("meta-graph", "/photos: multipart: the field `source` is unknown", PHOTO_FILES),
    (
        "meta-graph",
        "/video_reels: body/upload_phase",
        "the guide writes the phases in small letters, the document does not",
    ),
    ("mastodon", "/api/v2/search", "documented by Mastodon, left out of this document"),
    (
        "whatsapp",
        "/media: multipart: the field `type` is unknown",
        "the prose documentation wants the file's type beside it; the document has only what stands in its examples",
    ),
    ("whatsapp", ": the field `caption` is unknown", "captions are documented in prose; the document has the id alone"),
    ("whatsapp", "document: the field `filename` is unknown", "documented in prose; the document has the id alone"),
    (
        "whatsapp",
        "the query parameter `fields` is unknown",
        "a number and a file have the same path; the document's checker takes the file's, which has no fields",
    ),
    (
        "youtube",
        "PUT /upload/youtube/v3/videos",
        "an upload's session has an address of its own, which a discovery document does not describe",
    ),
    ("youtube", "GET /youtube/v3/playlistItems", "the document is cut to what posts; reading a playlist is not in it"),
    ("youtube", "GET /youtube/v3/commentThreads", "the document is cut to what posts; reading comments is not in it"),
    (
        "youtube",
        "/youtube/v3/comments: no such path",
        "the document is cut; changing and deleting comments are not in it",
    ),
    ("x", "/oauth2/", "logging in is in no document of the API"),
];

const PHOTO_FILES: &str = "the document has no files; the reference of the edge has this one";

/// A loaded document.
pub struct Document {
    name: String,
    root: Value,
    /// Paths of its servers, `/api/v10`; empty where they have none.
    bases: Vec<String>,
    validators: HashMap<String, Rc<Validator>>,
}

/// One operation that a request was meant for.
struct Operation {
    template: String,
    item: Value,
    operation: Value,
    values: Vec<(String, String)>,
}

/// The problems of all requests of a log, one line each. None where the document is not there (see [`specs`]).
pub fn check_log(name: &str, log: &[Exchange]) -> Vec<String> {
    thread_local! {
        static LOADED: std::cell::RefCell<BTreeMap<String, Option<Document>>> = const { std::cell::RefCell::new(BTreeMap::new()) };
    }
    LOADED.with_borrow_mut(|loaded| {
        let document = loaded.entry(name.to_string()).or_insert_with(|| Document::load(name));
        let Some(document) = document else { return Vec::new() };
        let mut problems: Vec<String> = log.iter().flat_map(|exchange| document.check(&exchange.request)).collect();
        problems.sort();
        problems.dedup();
        problems
    })
}

impl Document {
    /// `openapi/NAME.json` of the published specs.
    pub fn load(name: &str) -> Option<Document> {
        let file = specs(&format!("openapi/{name}.json"))?;
        let root: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        Some(Document::new(name, root))
    }

    /// A document from its JSON.
    pub fn new(name: &str, root: Value) -> Document {
        let servers = root["servers"].as_array().cloned().unwrap_or_default();
        let mut bases: Vec<String> = servers
            .iter()
            .filter_map(|server| server["url"].as_str())
            .map(|url| {
                let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
                rest.find('/').map_or_else(String::new, |at| rest[at..].trim_end_matches('/').to_string())
            })
            .collect();
        if bases.is_empty() {
            bases.push(String::new());
        }
        Document { name: name.to_string(), root, bases, validators: HashMap::new() }
    }

    /// What is wrong with a request, exceptions left out.
    pub fn check(&mut self, request: &Incoming) -> Vec<String> {
        let mut least: Option<Vec<String>> = None;
        // several things may have addresses of one form (`/{post}`, `/{photo}`): one of them must do
        for found in self.find(request) {
            let mut problems = Vec::new();
            let at = format!("{} {}", request.method, found.template);
            let request = &in_query(request, &found.operation);
            self.check_parameters(request, &found, &mut problems);
            self.check_body(request, &found, &mut problems);
            let problems = self.excused(problems.into_iter().map(|problem| format!("{at}: {problem}")).collect());
            if least.as_ref().is_none_or(|least| problems.len() < least.len()) {
                least = Some(problems);
            }
        }
        least.unwrap_or_else(|| {
            self.excused(vec![format!("{} {}: no such path in the document", request.method, request.path)])
        })
    }

    fn excused(&self, problems: Vec<String>) -> Vec<String> {
        let excused = |problem: &String| {
            EXCEPTIONS.iter().any(|(document, part, _)| *document == self.name && problem.contains(part))
        };
        problems.into_iter().filter(|problem| !excused(problem)).collect()
    }

    /// The operations with the fewest placeholders that fit method and path.
    fn find(&self, request: &Incoming) -> Vec<Operation> {
        let method = request.method.to_lowercase();
        let Some(paths) = self.root["paths"].as_object() else { return Vec::new() };
        let mut found: Vec<Operation> = Vec::new();
        for base in &self.bases {
            let Some(path) = request.path.strip_prefix(base.as_str()) else { continue };
            for (template, item) in paths {
                let item = self.follow(item);
                let operation = self.follow(&item[&method]);
                let (false, Some(values)) = (operation.is_null(), fit(template, path)) else { continue };
                if found.iter().any(|known| known.template == *template) {
                    continue;
                }
                let (item, operation) = (item.clone(), operation.clone());
                found.push(Operation { template: template.clone(), item, operation, values });
            }
        }
        let fewest = found.iter().map(|one| one.values.len()).min();
        found.retain(|one| Some(one.values.len()) == fewest);
        found
    }

    /// Follows `$ref` to where it leads.
    fn follow<'a>(&'a self, mut value: &'a Value) -> &'a Value {
        for _ in 0..20 {
            let Some(pointer) = value["$ref"].as_str().and_then(|text| text.strip_prefix('#')) else { break };
            value = self.root.pointer(pointer).unwrap_or(&Value::Null);
        }
        value
    }

    fn check_parameters(&mut self, request: &Incoming, found: &Operation, problems: &mut Vec<String>) {
        let lists = [&found.item["parameters"], &found.operation["parameters"]];
        let parameters: Vec<Value> =
            lists.iter().filter_map(|list| list.as_array()).flatten().map(|one| self.follow(one).clone()).collect();
        for parameter in &parameters {
            let name = parameter["name"].as_str().unwrap_or_default();
            let place = parameter["in"].as_str().unwrap_or_default();
            let list = parameter["schema"]["type"] == "array";
            let given: Vec<String> = match place {
                "path" => found.values.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect(),
                "query" => {
                    let bare = name.trim_end_matches("[]");
                    let all = request
                        .query
                        .iter()
                        .filter(|(key, _)| key == name || (list && key.trim_end_matches("[]") == bare));
                    all.map(|(_, value)| value.clone()).collect()
                }
                "header" => request.header(&name.to_lowercase()).map(str::to_string).into_iter().collect(),
                _ => continue,
            };
            if given.is_empty() {
                if parameter["required"] == true {
                    problems.push(format!("the {place} parameter `{name}` is missing"));
                }
                continue;
            }
            let schema = &parameter["schema"];
            let value = if list {
                // several in one, with commas between
                let commas = parameter["explode"] == false;
                let texts =
                    given.iter().flat_map(|text| if commas { text.split(',').collect() } else { vec![text.as_str()] });
                let items: Vec<Value> = texts.map(|text| self.coerce(text, &schema["items"])).collect();
                json!(items)
            } else {
                self.coerce(&given[0], schema)
            };
            let key = format!("{} {} {place} {name}", request.method, found.template);
            self.validate(&key, schema, &value, &format!("{place} parameter `{name}`"), problems);
        }
        for (key, _) in &request.query {
            let bare = key.trim_end_matches("[]");
            let known = |one: &Value| {
                one["in"] == "query" && one["name"].as_str().is_some_and(|name| name.trim_end_matches("[]") == bare)
            };
            if !parameters.iter().any(known) {
                problems.push(format!("the query parameter `{key}` is unknown"));
            }
        }
    }

    fn check_body(&mut self, request: &Incoming, found: &Operation, problems: &mut Vec<String>) {
        let body = self.follow(&found.operation["requestBody"]).clone();
        let mime = request
            .header("content-type")
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_lowercase();
        if request.body.is_empty() {
            if body["required"] == true {
                problems.push("the body is missing".to_string());
            }
            return;
        }
        let Some(content) = body["content"].as_object() else {
            problems.push("a body where none is known".to_string());
            return;
        };
        let group = format!("{}/*", mime.split('/').next().unwrap_or_default());
        let Some(media) = content.get(&mime).or_else(|| content.get(&group)).or_else(|| content.get("*/*")) else {
            let known: Vec<_> = content.keys().cloned().collect();
            problems.push(format!("a body of `{mime}`; known are {}", known.join(", ")));
            return;
        };
        let (media, json_media) = (media.clone(), content.get("application/json").cloned());
        let key = format!("{} {} {mime}", request.method, found.template);
        let schema = &media["schema"];
        match mime.as_str() {
            "application/json" => match serde_json::from_slice::<Value>(&request.body) {
                Ok(value) => self.validate(&key, schema, &value, "body", problems),
                Err(error) => problems.push(format!("the body is not JSON: {error}")),
            },
            "application/x-www-form-urlencoded" => {
                let value = self.form(&request.form(), &media, problems);
                self.validate(&key, schema, &value, "form", problems);
            }
            "multipart/form-data" => self.check_multipart(request, &key, &media, json_media.as_ref(), problems),
            _ => {}
        }
    }

    fn check_multipart(
        &mut self,
        request: &Incoming,
        key: &str,
        media: &Value,
        json_media: Option<&Value>,
        problems: &mut Vec<String>,
    ) {
        let parts = request.multipart();
        if parts.is_empty() {
            problems.push("the multipart body has no parts".to_string());
        }
        let texts: Vec<(String, String)> = parts
            .iter()
            .filter(|part| part.filename.is_none())
            .map(|part| (part.name.clone(), String::from_utf8_lossy(&part.bytes).into_owned()))
            .collect();
        // the whole message as JSON in one field (Discord)
        if media["x-payload-json"] == true
            && let Some((_, text)) = texts.iter().find(|(name, _)| name == "payload_json")
        {
            let (Ok(value), Some(json_media)) = (serde_json::from_str::<Value>(text), json_media) else {
                problems.push("`payload_json` is not JSON".to_string());
                return;
            };
            self.validate(&format!("{key} payload_json"), &json_media["schema"], &value, "`payload_json`", problems);
            let known = self.properties(&media["schema"]);
            for part in parts.iter().filter(|part| part.name != "payload_json" && !known.contains_key(&part.name)) {
                problems.push(format!("the part `{}` is unknown", part.name));
            }
            return;
        }
        let mut value = self.form(&texts, media, problems);
        let all_texts: String = texts.iter().map(|(_, text)| text.as_str()).collect();
        let known = self.properties(&media["schema"]);
        if let Some(map) = value.as_object_mut() {
            for part in parts.iter().filter(|part| part.filename.is_some()) {
                // a file that another field speaks of by its part's name (Telegram)
                if all_texts.contains(&format!("attach://{}", part.name)) {
                    continue;
                }
                if !known.contains_key(&part.name) {
                    problems.push(format!("the part `{}` is unknown", part.name));
                }
                map.insert(part.name.clone(), json!("[binary]"));
            }
        }
        self.validate(key, &media["schema"], &value, "multipart", problems);
    }

    /// Form fields as the object that the schema speaks of: `a[]` is a list, `a[b]` an object, numbers and flags are no texts, and
    /// fields that are said to be JSON are read.
    fn form(&self, fields: &[(String, String)], media: &Value, problems: &mut Vec<String>) -> Value {
        let properties = self.properties(&media["schema"]);
        let mut out = Map::new();
        for (name, text) in fields {
            let mut pieces = name.split('[').map(|piece| piece.trim_end_matches(']'));
            let first = pieces.next().unwrap_or_default();
            let rest: Vec<&str> = pieces.collect();
            // `a[]` may itself be the name in the document
            let (first, rest) = if properties.contains_key(name) { (name.as_str(), Vec::new()) } else { (first, rest) };
            let schema = properties.get(first).and_then(|all| all.first()).cloned().unwrap_or_else(|| json!({}));
            if rest.is_empty()
                && media["encoding"][first]["contentType"].as_str().is_some_and(|mime| mime.contains("json"))
            {
                match serde_json::from_str(text) {
                    Ok(value) => drop(out.insert(first.to_string(), value)),
                    // a plain text is fine where the field may be one
                    Err(_) => drop(out.insert(first.to_string(), json!(text))),
                }
                continue;
            }
            if rest.is_empty() {
                let value = self.coerce(text, &schema);
                let list = self.follow(&schema)["type"] == "array";
                match out.get_mut(first) {
                    Some(Value::Array(all)) => all.push(value),
                    Some(_) => problems.push(format!("the field `{name}` stands twice")),
                    None if list && !value.is_array() => drop(out.insert(first.to_string(), json!([value]))),
                    None => drop(out.insert(first.to_string(), value)),
                }
                continue;
            }
            let slot = out.entry(first.to_string()).or_insert(Value::Null);
            self.nest(slot, &rest, text, &schema);
        }
        Value::Object(out)
    }

    fn nest(&self, slot: &mut Value, path: &[&str], text: &str, schema: &Value) {
        let [piece, rest @ ..] = path else {
            *slot = self.coerce(text, schema);
            return;
        };
        if piece.is_empty() || piece.bytes().all(|byte| byte.is_ascii_digit()) {
            if slot.is_null() {
                *slot = json!([]);
            }
            let items = self.properties_of_items(schema);
            if let Some(list) = slot.as_array_mut() {
                list.push(Value::Null);
                let last = list.len() - 1;
                self.nest(&mut list[last], rest, text, &items);
            }
            return;
        }
        if slot.is_null() {
            *slot = json!({});
        }
        let inner =
            self.properties(schema).get(*piece).and_then(|all| all.first()).cloned().unwrap_or_else(|| json!({}));
        if let Some(map) = slot.as_object_mut() {
            self.nest(map.entry((*piece).to_string()).or_insert(Value::Null), rest, text, &inner);
        }
    }

    fn properties_of_items(&self, schema: &Value) -> Value {
        let found = self.branches(schema).into_iter().find_map(|(branch, _)| branch.get("items").cloned());
        found.unwrap_or_else(|| json!({}))
    }

    /// A text as the type that the schema wants.
    fn coerce(&self, text: &str, schema: &Value) -> Value {
        let wants = |name: &str| {
            self.branches(schema).iter().any(|(branch, _)| match &branch["type"] {
                Value::String(one) => one == name,
                Value::Array(all) => all.iter().any(|one| one == name),
                _ => false,
            })
        };
        if wants("string") {
            return json!(text);
        }
        let parsed: Option<Value> = serde_json::from_str(text).ok();
        match parsed {
            Some(number @ Value::Number(_)) if wants("integer") || wants("number") => number,
            Some(flag @ Value::Bool(_)) if wants("boolean") => flag,
            Some(value @ (Value::Array(_) | Value::Object(_))) if wants("array") || wants("object") => value,
            _ => json!(text),
        }
    }

    /// The schema and all that it is made of (`$ref`, `allOf`, `anyOf`, `oneOf`, `then`, `else`); `true` for what surely holds.
    fn branches<'a>(&'a self, schema: &'a Value) -> Vec<(&'a Value, bool)> {
        let mut out = Vec::new();
        let mut left = vec![(schema, true)];
        while let Some((schema, sure)) = left.pop() {
            let followed = self.follow(schema);
            if !std::ptr::eq(followed, schema) {
                left.push((followed, sure));
                // beside a `$ref` other keys may stand
            }
            if out.len() > 500 {
                break;
            }
            out.push((schema, sure));
            for one in schema["allOf"].as_array().into_iter().flatten() {
                left.push((one, sure));
            }
            for key in ["anyOf", "oneOf"] {
                let all = schema[key].as_array();
                // nothing or this: then it is this
                let real = all.into_iter().flatten().filter(|one| one["type"] != "null").count();
                left.extend(all.into_iter().flatten().map(|one| (one, sure && real == 1)));
            }
            left.extend(["then", "else"].iter().filter_map(|key| schema.get(*key)).map(|one| (one, false)));
        }
        out
    }

    /// Names that an object may have, with what is said of each.
    fn properties(&self, schema: &Value) -> BTreeMap<String, Vec<Value>> {
        let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (branch, _) in self.branches(schema) {
            for (name, property) in branch["properties"].as_object().into_iter().flatten() {
                all.entry(name.clone()).or_default().push(property.clone());
            }
        }
        all
    }

    fn validate(&mut self, key: &str, schema: &Value, value: &Value, place: &str, problems: &mut Vec<String>) {
        if schema.is_null() {
            return;
        }
        let validator = match self.validators.get(key) {
            Some(known) => known.clone(),
            None => {
                let mut whole = json!({"allOf": [schema]});
                whole["components"] = self.root["components"].clone();
                let made = match jsonschema::validator_for(&whole) {
                    Ok(made) => Rc::new(made),
                    Err(error) => {
                        problems.push(format!("the document's schema of the {place} cannot be read: {error}"));
                        return;
                    }
                };
                self.validators.insert(key.to_string(), made.clone());
                made
            }
        };
        for error in validator.iter_errors(value) {
            let shown: String = error.to_string().chars().take(300).collect();
            problems.push(format!("{place}{}: {shown}", error.instance_path()));
        }
        self.lint(std::slice::from_ref(schema), value, place, problems);
    }

    /// Unknown names, and the limits that JSON Schema cannot say.
    fn lint(&self, schemas: &[Value], value: &Value, at: &str, problems: &mut Vec<String>) {
        let branches: Vec<(&Value, bool)> = schemas.iter().flat_map(|schema| self.branches(schema)).collect();
        match value {
            Value::Object(map) => {
                let mut known: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
                let mut open = false;
                for (branch, _) in &branches {
                    for (name, property) in branch["properties"].as_object().into_iter().flatten() {
                        known.entry(name).or_default().push(property.clone());
                    }
                    let free = branch.get("additionalProperties").is_some_and(|more| more == true || more.is_object());
                    open |= free || branch.get("patternProperties").is_some();
                }
                for (name, inner) in map {
                    match known.get(name.as_str()) {
                        Some(schemas) => self.lint(schemas, inner, &format!("{at}.{name}"), problems),
                        None if open || known.is_empty() => {}
                        None => problems.push(format!("{at}: the field `{name}` is unknown")),
                    }
                }
            }
            Value::Array(list) => {
                let items: Vec<Value> =
                    branches.iter().filter_map(|(branch, _)| branch.get("items")).cloned().collect();
                for inner in list {
                    self.lint(&items, inner, &format!("{at}[]"), problems);
                }
            }
            Value::String(text) => {
                let limit = |key: &str| {
                    branches.iter().filter(|(_, sure)| *sure).filter_map(|(branch, _)| branch[key].as_u64()).min()
                };
                let (bytes, clusters) = (text.len() as u64, text.graphemes(true).count() as u64);
                if limit("x-maxUtf8Bytes").is_some_and(|most| bytes > most) {
                    problems.push(format!("{at}: {bytes} bytes are too many"));
                }
                if limit("x-maxGraphemes").is_some_and(|most| clusters > most) {
                    problems.push(format!("{at}: {clusters} graphemes are too many"));
                }
            }
            _ => {}
        }
    }
}

/// A document that was made of examples may know the fields of a form as parameters of the query alone, where the network takes them
/// as well: they are judged there.
fn in_query(request: &Incoming, operation: &Value) -> Incoming {
    let mut request = request.clone();
    let form = request.header("content-type").is_some_and(|mime| mime.starts_with("application/x-www-form-urlencoded"));
    if form && operation["requestBody"].is_null() {
        request.query.extend(request.form());
        request.body.clear();
    }
    request
}

/// The values of the placeholders where a path fits its template: `/bot{token}/getMe`.
fn fit(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    let mut values = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(values),
            (Some(wanted), Some(given)) => match wanted.split_once('{') {
                None if wanted == given => {}
                None => return None,
                Some((before, rest)) => {
                    let (name, after) = rest.split_once('}')?;
                    let value = given.strip_prefix(before)?.strip_suffix(after)?;
                    if value.is_empty() {
                        return None;
                    }
                    values.push((name.to_string(), value.to_string()));
                }
            },
            _ => return None,
        }
    }
}
