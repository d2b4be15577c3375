//! Every `--json` document is one of the schema's; its field names are pinned.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/cli.rs"]
mod cli;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};

use cli::Machine;
use serde_json::Value;
use xpost::twin::{Inject, What, When};

fn schema() -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The schema of one kind of document, for errors that say something.
fn validate(document: &Value) {
    let kind = document["kind"].as_str().unwrap_or_else(|| panic!("no kind: {document}"));
    let mut schema = schema();
    schema.as_object_mut().unwrap().remove("oneOf");
    schema["$ref"] = format!("#/$defs/document_{kind}").into();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{kind}: {errors:#?}\n{document:#}");
}

#[test]
fn every_document_is_valid() {
    let machine = Machine::with_accounts(&[]);
    let mut kinds = BTreeSet::new();
    let crab = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/crab.png");
    std::fs::copy(crab, machine.path("crab.png")).unwrap();
    machine.write("a.md", "+++\ntitle = 'x'\n+++\nhello https://example.org/\n\n---\n\nworld\n");
    let mut documents = Vec::new();
    let mut take = |arguments: &[&str]| documents.push(machine.json(arguments));
    take(&["check", "a.md", "--to", "all"]);
    take(&["preview", "a.md", "--to", "all", "--offline"]);
    take(&["publish", "a.md", "--to", "all"]);
    machine.twins().inject(Inject::new(What::Drop).platform("telegram").method("POST").when(When::After));
    machine.twins().inject(Inject::new(What::Expired).platform("mastodon").method("POST").times(0));
    take(&["publish", "--text", "trouble", "--to", "telegram,mastodon", "--wait", "0"]);
    take(&["publish", "--text", "", "--to", "mastodon"]);
    take(&["publish", "--text", "later", "--to", "feed", "--at", "2099-01-01 00:00"]);
    take(&["account", "check"]);
    machine.twins().clear_faults();
    take(&["run", "--wait", "0"]);
    take(&["retry"]);
    take(&["resolve"]);
    take(&["resolve", "2", "--posted"]);
    take(&["cancel", "3"]);
    take(&["history"]);
    take(&["history", "search", "hello"]);
    take(&["history", "show", "2"]);
    take(&["edit", "1", "--text", "hello again", "--to", "mastodon,bluesky"]);
    take(&["delete", "1", "--yes"]);
    take(&["account", "list"]);
    take(&["account", "show", "bluesky"]);
    take(&["account", "login", "mastodon", "--offline"]);
    take(&["account", "group", "both", "mastodon", "feed"]);
    take(&["account", "default", "@both"]);
    take(&["account", "rename", "feed", "site"]);
    take(&["account", "remove", "site", "--history"]);
    take(&["account", "targets", "mastodon"]);
    take(&["media", "a.md", "crab.png", "--for", "all"]);
    take(&["platforms"]);
    take(&["history", "show", "999"]);
    take(&["doctor"]);
    take(&["backup", "copy.db"]);
    let settings = "[media_host]\nendpoint = 'https://s3.example.org'\nbucket = 'm'\nsecret = 'file'\n";
    std::fs::write(machine.home().join("config.toml"), settings).unwrap();
    take(&["media-host", "logout"]);
    std::fs::remove_file(machine.home().join("config.toml")).unwrap();
    take(&["demo", "--delay", "0"]);
    documents.push(mock(&machine));
    for document in &documents {
        validate(document);
        assert_eq!(document["version"], 1);
        kinds.insert(document["kind"].as_str().unwrap().to_string());
    }
    let known: BTreeSet<String> = schema()["$defs"]
        .as_object()
        .unwrap()
        .keys()
        .filter_map(|name| name.strip_prefix("document_").map(str::to_string))
        .collect();
    assert_eq!(kinds, known, "every kind was seen");
    for line in machine.run(&["history", "export"]).out.lines() {
        let mut schema = schema();
        schema.as_object_mut().unwrap().remove("oneOf");
        schema["$ref"] = "#/$defs/post_full".into();
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&line), "{line:#}");
    }
}

fn mock(machine: &Machine) -> Value {
    let mut child = machine
        .command(&["mock", "--port", "0", "--dir", "mock", "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut text = String::new();
    for line in BufReader::new(child.stdout.as_mut().unwrap().by_ref()).lines() {
        let line = line.unwrap();
        text.push_str(&line);
        if line == "}" {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Adding a field is fine; taking one away or renaming it needs a new `version`.
#[test]
fn field_names_are_pinned() {
    let schema = schema();
    let mut text = String::new();
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        if let Some(fields) = definition["properties"].as_object() {
            assert_eq!(definition["additionalProperties"], false, "{name}");
            text.push_str(&format!("{name}: {}\n", fields.keys().cloned().collect::<Vec<_>>().join(" ")));
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn the_documentation_names_every_document() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.md");
    let text = std::fs::read_to_string(path).unwrap();
    for name in schema()["$defs"].as_object().unwrap().keys() {
        if let Some(kind) = name.strip_prefix("document_") {
            assert!(text.contains(&format!("`{kind}`")), "docs/json.md does not name `{kind}`");
        }
    }
}
