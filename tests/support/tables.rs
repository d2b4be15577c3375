//! The tables that are made from `xpost platforms --json`.

use std::fmt::Write;

use serde_json::Value;

/// Puts `inner` between `<!-- name -->` and `<!-- /name -->`.
pub fn between(text: &str, name: &str, inner: &str) -> String {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let start = text.find(&open).unwrap_or_else(|| panic!("`{open}` is missing")) + open.len();
    let end = start + text[start..].find(&close).unwrap_or_else(|| panic!("`{close}` is missing"));
    format!("{}{inner}{}", &text[..start], &text[end..])
}

/// The name by which a link reaches this heading.
pub fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Safe within a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn yes(can: bool) -> &'static str {
    if can { "yes" } else { "–" }
}

fn list(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn unit(word: &str) -> &str {
    match word {
        "graphemes" => "characters as seen (graphemes)",
        "mastodon" => "characters, a link counts 23",
        "scalars" => "characters (code points)",
        "utf16" => "UTF-16 units",
        "bytes" => "bytes of UTF-8",
        other => other,
    }
}

fn bytes(n: &Value) -> String {
    match n.as_u64().unwrap_or_default() {
        n if n >= 1 << 20 && n % (1 << 20) == 0 => format!("{} MiB", n >> 20),
        n if n >= 1_000_000_000 && n % 1_000_000_000 == 0 => format!("{} GB", n / 1_000_000_000),
        n if n >= 1_000_000 && n % 1_000_000 == 0 => format!("{} MB", n / 1_000_000),
        n => format!("{n} bytes"),
    }
}

fn most(media: &Value, kind: &str) -> u64 {
    let own = media[kind]["max"].as_u64().unwrap_or_default();
    own.min(media["max"].as_u64().unwrap_or_default())
}

/// One line for each network; `to` is the document with a section for each.
pub fn overview(networks: &[Value], to: &str) -> String {
    let mut out = String::from(
        "| network | what it is | text | threads | pictures | films | polls | edits | deletes | again |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for one in networks {
        let count = |n: u64| if n == 0 { "–".to_string() } else { n.to_string() };
        let _ = writeln!(
            out,
            "| [`{}`]({to}#{}) | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            text(one, "name"),
            anchor(text(one, "title")),
            cell(text(one, "about")),
            one["text"]["max"].as_u64().map_or_else(|| "any".to_string(), |max| max.to_string()),
            yes(one["threads"] == true),
            count(most(&one["media"], "image")),
            count(most(&one["media"], "video")),
            yes(!one["poll"].is_null()),
            yes(one["edits"] == true),
            yes(one["deletes"] == true),
            text(one, "repeat"),
        );
    }
    out
}

fn fields(out: &mut String, head: &str, fields: &Value) {
    let _ = writeln!(out, "| {head} | kind | what |\n|---|---|---|");
    for field in fields.as_array().into_iter().flatten() {
        let words = list(&field["choices"]);
        let kind = if words.is_empty() { text(field, "kind").to_string() } else { format!("`{}`", words.join("`, `")) };
        let required = if field["required"] == true { ", required" } else { "" };
        let _ = writeln!(out, "| `{}` | {kind}{required} | {} |", text(field, "name"), cell(text(field, "help")));
    }
}

/// The keys of `[on.NAME]`, for all networks that have some.
pub fn options(networks: &[Value]) -> String {
    let mut out = String::new();
    for one in networks.iter().filter(|one| !one["options"].as_array().is_none_or(Vec::is_empty)) {
        fields(&mut out, &format!("`[on.{}]`", text(one, "name")), &one["options"]);
        out.push('\n');
    }
    format!("\n{out}")
}

fn media(one: &Value) -> String {
    let media = &one["media"];
    let mut kinds = Vec::new();
    for (kind, word) in [("image", "pictures"), ("video", "films")] {
        if most(media, kind) > 0 {
            let rule = &media[kind];
            let mimes = list(&rule["mimes"]).join(", ");
            let many = most(media, kind);
            let word = if many == 1 { word.trim_end_matches('s') } else { word };
            kinds.push(format!("{many} {word} of {} ({mimes})", bytes(&rule["bytes"])));
        }
    }
    if kinds.is_empty() {
        return "none".to_string();
    }
    let together = if media["mixed"] == true || kinds.len() < 2 { "" } else { ", not both in one post" };
    let alt = media["alt"].as_object().map_or_else(
        || "no alt texts".to_string(),
        |alt| format!("alt texts of {} {}", alt["max"], unit(alt["unit"].as_str().unwrap_or_default())),
    );
    format!("{}{together}; {alt}", kinds.join("; "))
}

fn section(one: &Value) -> String {
    let mut out = format!("\n## {}\n\n", text(one, "title"));
    let name = text(one, "name");
    let _ = writeln!(
        out,
        "`{name}`: {}. [How to get the credentials](../src/platform/{name}/setup.md).\n",
        text(one, "about")
    );
    let mut row = |key: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(out, "| {key} | {} |", cell(&value));
        }
    };
    row("fact", "value".into());
    row("---", "---".into());
    let origin = text(&one["server"], "origin");
    row(
        "server",
        match text(&one["server"], "kind") {
            "own" => "your own, `--server`".into(),
            "default" => format!("`{origin}`, or your own with `--server`"),
            "fixed" if !origin.is_empty() => format!("`{origin}`"),
            "local" => "none".into(),
            _ => String::new(),
        },
    );
    let rule = &one["text"];
    let also = rule["also"].as_object().map_or_else(String::new, |also| {
        format!(", and {} {}", also["max"], unit(also["unit"].as_str().unwrap_or_default()))
    });
    let caption = rule["caption"].as_u64().map_or_else(String::new, |most| format!("; {most} beside media"));
    row(
        "text",
        match rule["max"].as_u64() {
            Some(max) => format!("{max} {}{also}{caption}", unit(text(rule, "unit"))),
            None => "without limit".into(),
        },
    );
    row(
        "title",
        match text(&one["title_field"], "kind") {
            "native" => format!("up to {} characters", one["title_field"]["max"]),
            "line" => "a strong line above the text".into(),
            _ => "left out".into(),
        },
    );
    row("media", media(one));
    if let Some(poll) = one["poll"].as_object() {
        let beside = if poll["with_media"] == true { "" } else { ", not beside media" };
        row(
            "polls",
            format!(
                "{} to {} options of {} characters{beside}",
                poll["options"][0], poll["options"][1], poll["option"]
            ),
        );
    }
    row("visibility", list(&one["visibility"]).join(", "));
    row(
        "link card",
        match text(one, "card") {
            "ours" => "made by xpost",
            "network" => "made by the network",
            _ => "none",
        }
        .into(),
    );
    let can = [
        ("threads", "threads"),
        ("replies", "replies to any post"),
        ("quotes", "quotes"),
        ("warnings", "content warnings"),
        ("languages", "languages"),
        ("finds", "reads back"),
        ("location", "places"),
        ("comments", "first comments"),
        ("edits", "edits"),
        ("deletes", "deletes"),
    ];
    row(
        "can",
        can.iter()
            .filter(|(key, _)| one[*key] == true || one[*key].is_object())
            .map(|(_, word)| *word)
            .collect::<Vec<_>>()
            .join(", "),
    );
    row("again", text(one, "repeat").into());
    out.push('\n');
    fields(&mut out, "account", &one["fields"]);
    if one["options"].as_array().is_some_and(|options| !options.is_empty()) {
        out.push('\n');
        fields(&mut out, &format!("`[on.{name}]`"), &one["options"]);
    }
    let sources: Vec<String> = list(&one["sources"]).iter().map(|source| linked(source)).collect();
    let _ = writeln!(out, "\nChecked on {} against {}.", text(one, "checked"), sources.join(", "));
    out
}

/// `https://… (words)` with its address as a link.
fn linked(source: &str) -> String {
    match source.split_once(' ') {
        Some((address, words)) => format!("<{address}> {words}"),
        None => format!("<{source}>"),
    }
}

/// `docs/platforms.md`.
pub fn document(networks: &[Value]) -> String {
    let sections: String = networks.iter().map(section).collect();
    format!(
        "<!-- made from `xpost platforms --json` by `XPOST_BLESS=1 cargo test --test docs`; changes made here are lost -->\n\
         # Networks\n\n\
         What is built in, from the facts that the program itself works with; `xpost platforms bluesky` prints one of them. Servers may allow more or\n\
         less: what a server says of itself goes first, and an account's settings `max_text`, `max_media`, `max_alt`, `max_image_bytes` and\n\
         `max_video_bytes` (`--set max_text=5000`) go before that. *Again* is how a repeat is recognised when an answer was lost.\n\n\
         {}{sections}",
        overview(networks, "")
    )
}
