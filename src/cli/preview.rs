//! `xpost preview`: each target as it will look.

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use super::input::{self, DraftArgs};
use super::out::{Paint, columns, cut, one_line};
use super::planning::{self, Depth, Planned};
use super::trouble::{Exit, Trouble};
use super::world::{World, block_on, title_of};
use super::{check, preview_html};
use crate::account::Target;
use crate::platform::Part;

/// Show drafts as they will look on each target
///
/// Posts nothing. Link cards are read from the pages that the draft names, unless `--offline`. With `--json` it gives the
/// exact payloads and a hash; `xpost publish --plan HASH` sends only if nothing has changed since.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  xpost preview draft.md --to all
  xpost preview draft.md --html preview.html
  xpost publish draft.md --plan \"$(xpost preview draft.md --json | jq -r .plan)\"")]
pub struct Args {
    #[command(flatten)]
    drafts: DraftArgs,
    /// Write a page that needs nothing but itself, with a card for each target
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Read no link cards
    #[arg(long)]
    offline: bool,
}

pub fn run(args: Args, world: &World) -> Result<Exit, Trouble> {
    block_on(async {
        let drafts = input::read(&args.drafts, world)?;
        let depth = if args.offline { Depth::Offline } else { Depth::Cards };
        let planned = planning::plan(drafts, &args.drafts, depth, world).await?;
        let good = planned.iter().all(Planned::good);
        if let Some(path) = &args.html {
            let page = preview_html::page(&planned);
            std::fs::write(path, page).with_context(|| format!("`{}` cannot be written", path.display()))?;
            world.out.note(&format!("the page is in `{}`", path.display()));
        }
        if world.out.json {
            let documents: Vec<Value> = planned.iter().map(|planned| check::document(planned, true)).collect();
            world.out.document("preview", json!({ "ok": good, "plan": planning::hash(&planned), "drafts": documents }));
        } else if args.html.is_none() {
            for one in &planned {
                cards(one, world);
            }
        }
        Ok(if good { Exit::Done } else { Exit::Refused })
    })
}

fn cards(planned: &Planned, world: &World) {
    let out = &world.out;
    let width = columns().clamp(40, 100).min(84);
    for (target, plan) in &planned.targets {
        let handle = match target {
            Target::Account(account) if !account.handle.is_empty() => format!(" {}", one_line(&account.handle)),
            _ => String::new(),
        };
        let title = title_of(&plan.platform);
        let of = plan.parts.len();
        for (index, part) in plan.parts.iter().enumerate() {
            let number = match part.comment {
                true => " comment".to_string(),
                false if of > 1 => format!(" {}/{of}", index + 1),
                false => String::new(),
            };
            let name = match target {
                Target::Platform(_) => String::new(),
                Target::Account(_) => format!("{} on ", target.name()),
            };
            let head = cut(&format!(" {name}{title}{handle}{number} "), width - 4);
            let rule = "─".repeat((width - 3).saturating_sub(head.width()));
            out.line(&format!("╭─{}{rule}╮", out.paint(Paint::Bold, &head)));
            for line in lines(part, width - 4) {
                out.line(&format!("│ {line}{} │", " ".repeat((width - 4).saturating_sub(line.width()))));
            }
            let count =
                part.limit.map_or_else(|| format!(" {} ", part.count), |limit| format!(" {}/{limit} ", part.count));
            let rule = "─".repeat((width - 3).saturating_sub(count.width()));
            out.line(&format!("╰{rule}{count}─╯"));
        }
        if let Some(cost) = plan.cost() {
            out.line(&format!("{} about {cost}", out.paint(Paint::Dim, "cost:")));
        }
        for (paint, word, notes) in [
            (Paint::Bad, "problem", &plan.problems),
            (Paint::Warn, "warning", &plan.warnings),
            (Paint::Dim, "change", &plan.changes),
        ] {
            for note in notes {
                out.line(&format!("{} {}", out.paint(paint, &format!("{word}:")), one_line(&note.message)));
            }
        }
    }
}

fn lines(part: &Part, width: usize) -> Vec<String> {
    let titled = title(part).into_iter().flat_map(|title| [title, ""]);
    let mut lines: Vec<String> =
        titled.chain(part.text.text.lines()).flat_map(|line| wrap(&printable(line), width)).collect();
    for one in &part.media {
        let size = match (one.media.width, one.media.height) {
            (Some(width), Some(height)) => format!(" {width}x{height}"),
            _ => String::new(),
        };
        let alt = one.alt.as_deref().map_or_else(|| "no alt text".to_string(), |alt| format!("alt: {}", one_line(alt)));
        let line = format!("[{}{size} {} kB] {alt}", one_line(&one.media.name), one.media.bytes.div_ceil(1024));
        lines.extend(wrap(&line, width));
    }
    if let Some(card) = &part.card {
        lines.push(String::new());
        for line in [&card.title, &card.description, &card.url] {
            if !line.is_empty() {
                lines.extend(wrap(&format!("┃ {}", one_line(line)), width));
            }
        }
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

/// The title that a network with titles of its own is sent.
pub fn title(part: &Part) -> Option<&str> {
    part.payload.get("title").and_then(Value::as_str).filter(|title| !title.is_empty())
}

fn printable(line: &str) -> String {
    let indent: String = line.chars().take_while(|c| *c == ' ').collect();
    format!("{indent}{}", one_line(line))
}

/// Lines of at most so many columns, parted at blanks where there are any.
fn wrap(line: &str, width: usize) -> Vec<String> {
    use unicode_segmentation::UnicodeSegmentation;
    let mut lines = vec![String::new()];
    for word in line.split_inclusive(' ') {
        let current = lines.last().map_or(0, |line| line.width());
        if current > 0 && current + word.trim_end().width() > width {
            lines.push(String::new());
        }
        for cluster in word.graphemes(true) {
            let full = lines.last().is_some_and(|line| line.width() + cluster.width() > width);
            if full && cluster != " " {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut().filter(|_| !(full && cluster == " ")) {
                line.push_str(cluster);
            }
        }
    }
    lines.iter().map(|line| line.trim_end().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_wrapped_and_lose_nothing() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("日本語です", 4), ["日本", "語で", "す"]);
        assert_eq!(wrap("", 4), [""]);
    }
}
