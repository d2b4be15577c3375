//! What the documents say is true: commands parse and run, exit codes are those of the program, tables come from the facts, links
//! lead somewhere, examples are good, and the network that shows how to add one works.
//!
//! `XPOST_BLESS=1 cargo test --test docs` writes the tables again.

// a broken test may panic
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/cli.rs"]
mod cli;
#[path = "support/shell.rs"]
mod shell;
#[path = "support/tables.rs"]
mod tables;
// the contract suite uses the rest of these
#[allow(dead_code)]
#[path = "support/pictures.rs"]
mod pictures;
#[allow(dead_code)]
#[path = "support/stage.rs"]
mod stage;

// a network's folder speaks of `crate::net` and the like; here these are the library's
use xpost::{net, platform, twin};
#[path = "../docs/new-platform/mod.rs"]
mod pond;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use xpost::draft::{Form, KEYS, Vars, built_ins, parse};

use cli::Machine;
use shell::{blocks, commands, prose, spans};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}")).replace("\r\n", "\n")
}

fn files_in(folder: &str, endings: &[&str]) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut files: Vec<String> = names
        .filter(|name| endings.iter().any(|ending| name.ends_with(ending)))
        .map(|name| if folder.is_empty() { name } else { format!("{folder}/{name}") })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} holds no {endings:?}");
    files
}

/// Every document of the project.
fn documents() -> Vec<String> {
    let mut all = [files_in("", &[".md"]), files_in("docs", &[".md"])].concat();
    all.extend(platform::ALL.iter().map(|one| format!("src/platform/{}/setup.md", one.spec().name)));
    all
}

/// What is wrong with this command line of the program, if anything is.
fn wrong(words: &[String], sketch: bool) -> Option<String> {
    match xpost::cli::command().try_get_matches_from(words) {
        Ok(_) => None,
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => None,
            // prose names a verb without all that it needs
            ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                if sketch =>
            {
                None
            }
            _ => Some(format!("`{}`: {error}", words.join(" "))),
        },
    }
}

#[test]
fn every_command_that_is_shown_is_one() {
    let mut problems = Vec::new();
    let mut seen = 0;
    for path in documents() {
        let text = read(&path);
        let mut lines: Vec<String> = Vec::new();
        for block in blocks(&text) {
            match block.lang {
                "console" => lines.extend(block.steps().into_iter().map(|step| step.command)),
                "sh" => lines.push(block.text.clone()),
                _ => {}
            }
        }
        for words in lines.iter().flat_map(|line| commands(line)) {
            seen += 1;
            problems.extend(wrong(&words, false).map(|why| format!("{path}: {why}")));
        }
        for span in spans(&prose(&text)).iter().filter(|span| span.starts_with("xpost ")) {
            seen += 1;
            problems
                .extend(commands(span).iter().filter_map(|words| wrong(words, true)).map(|w| format!("{path}: {w}")));
        }
    }
    for path in files_in("examples", &[".yml"]) {
        for line in read(&path).lines() {
            let Some((_, command)) = line.split_once("- run: ").or_else(|| line.split_once("    - ")) else { continue };
            for words in commands(command) {
                seen += 1;
                problems.extend(wrong(&words, false).map(|why| format!("{path}: {why}")));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(seen > 40, "only {seen} commands were found");
}

#[test]
fn the_readme_can_be_followed() {
    let machine = Machine::with_accounts(&["mastodon", "bluesky"]);
    let readme = read("README.md");
    let hello = blocks(&readme).into_iter().find(|block| block.lang == "markdown").unwrap().text;
    machine.write("hello.md", &hello);
    machine.write("announcement.md", "Version {{ version }} is out\n");
    machine.write("xpost.toml", "to = [\"all\"]\n");
    let (mut ran, mut compared) = (0, 0);
    for step in blocks(&readme).iter().filter(|block| block.lang == "console").flat_map(|block| block.steps()) {
        for words in commands(&step.command) {
            // these ask a person, or build the program first
            if words[1] == "account" || words[1] == "demo" {
                continue;
            }
            let words: Vec<&str> = words[1..].iter().map(String::as_str).collect();
            let run = machine.run_with(&words, b"It works\n");
            run.good();
            ran += 1;
            if !step.output.is_empty() {
                assert_eq!(run.out, step.output, "{}", step.command);
                compared += 1;
            }
        }
    }
    assert!(ran >= 9, "only {ran} commands ran");
    assert!(compared >= 1);
    let again = machine.run(&["publish", "hello.md", "--to", "all"]);
    assert!(again.good().err.contains("already posted"), "{again:?}");
    machine.run(&["delete", "1", "--yes"]).good();
    assert_eq!(machine.twins().timeline("mastodon").len(), 2);
}

#[test]
fn the_two_commands_of_a_fresh_machine_stand_there_literally() {
    let readme = read("README.md");
    assert!(readme.contains("$ cargo run --release -- demo\n$ scripts/test\n"));
    assert!(root().join("scripts/test").exists());
}

#[test]
fn exit_codes_are_those_of_the_program() {
    let number = |text: &str| text.trim().parse::<i32>().ok();
    // `Name = 3,` in the list of exit codes
    let source = read("src/cli/trouble.rs");
    let list = source.split("enum Exit {").nth(1).and_then(|rest| rest.split('}').next()).unwrap();
    let code: BTreeSet<i32> =
        list.lines().filter_map(|line| number(line.trim().strip_suffix(',')?.split_once('=')?.1)).collect();
    assert!(code.contains(&0) && code.contains(&130) && code.len() == 9, "{code:?}");
    let rows = |text: &str| -> BTreeSet<i32> {
        let table = text.split("| exit |").nth(1).unwrap().split("\n\n").next().unwrap();
        table
            .lines()
            .filter_map(|line| line.split('|').nth(1))
            .flat_map(|cell| cell.split(','))
            .filter_map(number)
            .collect()
    };
    assert_eq!(rows(&read("README.md")), code, "README.md");
    assert!(rows(&read("docs/ci.md")).is_subset(&code), "docs/ci.md");
    let help = xpost::cli::command().get_after_help().unwrap().to_string();
    let help = help.split("Exit codes:").nth(1).unwrap().split("\n\n").next().unwrap().to_string();
    // a code stands at the beginning of a column
    let told: BTreeSet<i32> = help
        .lines()
        .flat_map(|line| line.split("  "))
        .filter_map(|cell| number(cell.trim().split(' ').next()?))
        .collect();
    assert_eq!(told, code, "--help");
}

#[test]
fn tables_of_networks_are_current() {
    let networks = Machine::new().json(&["platforms"]);
    let networks = networks["platforms"].as_array().unwrap();
    let readme = tables::between(&read("README.md"), "networks", &tables::overview(networks, "docs/platforms.md"));
    let draft = tables::between(&read("docs/draft.md"), "options", &tables::options(networks));
    let all = [("README.md", readme), ("docs/draft.md", draft), ("docs/platforms.md", tables::document(networks))];
    let mut stale = Vec::new();
    for (path, wanted) in all {
        let there = std::fs::read_to_string(root().join(path)).unwrap_or_default().replace("\r\n", "\n");
        if there != wanted {
            if std::env::var_os("XPOST_BLESS").is_some() {
                std::fs::write(root().join(path), wanted).unwrap();
            } else {
                stale.push(path);
            }
        }
    }
    assert!(stale.is_empty(), "run `XPOST_BLESS=1 cargo test --test docs`: {stale:?}");
}

#[test]
fn every_field_of_a_draft_is_explained() {
    let text = read("docs/draft.md");
    let table = text.split("<!-- fields -->").nth(1).unwrap().split("<!-- /fields -->").next().unwrap();
    let told: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let known: Vec<&str> = KEYS.iter().copied().chain(["on"]).collect();
    assert_eq!(told, known);
}

#[test]
fn drafts_in_the_documents_are_drafts() {
    let moment = chrono::DateTime::parse_from_rfc3339("2026-12-01T09:00:00+01:00").unwrap();
    let mut vars: Vars = built_ins(&moment);
    vars.insert("version".into(), "2.0".into());
    let mut seen = 0;
    for path in documents() {
        for block in blocks(&read(&path)).iter().filter(|block| block.lang == "markdown") {
            seen += 1;
            let draft = parse(&path, root(), block.text.as_bytes(), Form::Markdown, &vars);
            assert!(draft.is_ok(), "{path}: {}", draft.unwrap_err());
        }
    }
    assert!(seen >= 2);
}

#[test]
fn examples_are_good_and_their_project_is_read() {
    let machine = Machine::new();
    for path in files_in("examples", &[".md", ".txt", ".toml", ".png", ".mp4"]) {
        let name = Path::new(&path).file_name().unwrap();
        std::fs::copy(root().join(&path), machine.path(&name.to_string_lossy())).unwrap();
    }
    let vars = ["--var", "project=ferris", "--var", "version=2.0"];
    for project in [true, false] {
        for path in files_in("examples", &[".md", ".txt"]) {
            let name = Path::new(&path).file_name().unwrap().to_string_lossy().into_owned();
            // drafts that name no target go everywhere where no project says otherwise
            let draft = read(&path);
            // where a network demands a picture or a film, the draft must have one
            let to = if draft.contains(".mp4)") { "all".to_string() } else { cli::takers(draft.contains("![")) };
            let names = draft.contains("\nto") && !draft.contains("\nto = [\"all\"]");
            let to: &[&str] = if project || names { &[] } else { &["--to", &to] };
            machine.run(&[&["check", &name], &vars[..], to].concat()).good();
        }
        if project {
            let shown = machine.json(&["check", "note.txt"]);
            let targets: Vec<_> =
                shown["drafts"][0]["targets"].as_array().unwrap().iter().map(|t| &t["target"]).collect();
            assert_eq!(targets, ["news", "sky", "releases", "site"]);
            std::fs::remove_file(machine.path("xpost.toml")).unwrap();
        }
    }
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for path in documents() {
        let folder = root().join(&path).parent().unwrap().to_path_buf();
        let text = prose(&read(&path));
        for (at, _) in text.match_indices("](") {
            let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
            // within backticks it only shows how a picture is written
            if text[line..at].matches('`').count() % 2 == 1 {
                continue;
            }
            let Some(target) = text[at + 2..].split([')', ' ']).next() else { continue };
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            if file.contains("://") || file.contains(':') {
                continue;
            }
            seen += 1;
            let place: PathBuf = if file.is_empty() { root().join(&path) } else { folder.join(file) };
            if !place.exists() {
                broken.push(format!("{path}: {target}"));
            } else if !anchor.is_empty() {
                let headings = std::fs::read_to_string(&place).unwrap();
                let known =
                    headings.lines().filter(|line| line.starts_with('#')).any(|line| tables::anchor(line) == anchor);
                if !known {
                    broken.push(format!("{path}: {target} has no such heading"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(seen > 20, "only {seen} links were found");
}

#[tokio::test]
async fn the_network_that_shows_how_to_add_one_works() {
    let stage = stage::Stage::new(&pond::Network);
    let actor = stage.actor().await;
    let profile = stage.ok(stage.platform.whoami(&actor.cx()).await);
    assert_eq!(profile.handle, "@ann0");
    // a long text is a thread whose parts reply to one another
    let long = "Ferris waves with both claws. ".repeat(15);
    stage.ok(actor.publish_all(&stage.content(&long)).await.map(|_| "published"));
    let seen = stage.timeline();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].reply_to.as_deref(), Some(seen[0].id.as_str()));
    // the same part again is the same note
    let post = actor.post(&stage.content("once"));
    let first = stage.ok(actor.publish(&post, &serde_json::Value::Null).await);
    let second = stage.ok(actor.publish(&post, &serde_json::Value::Null).await);
    assert_eq!((first.id.as_str(), stage.timeline().len()), (second.id.as_str(), 3));
    // what is there is found, what is not is not
    let find = stage.platform.find().unwrap();
    let found = stage.ok(find.find(&actor.cx(), &post, &serde_json::Value::Null, post.created).await);
    assert_eq!(found, platform::Found::Yes(first.clone()));
    let other = actor.post(&stage.content("never sent"));
    let found = stage.ok(find.find(&actor.cx(), &other, &serde_json::Value::Null, other.created).await);
    assert_eq!(found, platform::Found::No);
    // deleting twice is deleting
    let delete = stage.platform.delete().unwrap();
    for _ in 0..2 {
        stage.ok(delete.delete(&actor.cx(), &first).await);
    }
    assert_eq!(stage.timeline().len(), 2);
    assert_eq!(stage.leaks(), Vec::<String>::new());
}
