//! The preview as a page: one card for each target, light and dark, needing nothing but itself.
//!
//! How a card looks comes from the network's facts (markup, titles), not from its name; what others wrote is escaped, and the
//! page forbids itself to load or run anything.

use std::fmt::Write;

use base64::Engine as _;

use super::planning::Planned;
use crate::account::Target;
use crate::media::{self, Media};
use crate::platform::{self, Part, PlanNote, Spec, Title};
use crate::text::{Kind, Mark, Markup, Text};

/// Pictures larger than this, and all after so much, are shown as a box with their name.
const ONE: u64 = 3 * 1024 * 1024;
const ALL: u64 = 12 * 1024 * 1024;

const STYLE: &str = include_str!("preview.css");

/// The whole page.
pub fn page(planned: &[Planned]) -> String {
    let mut html = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n",
    );
    let title = planned.first().map_or("", |one| one.draft.fields.title.as_deref().unwrap_or(&one.draft.source));
    push(
        &mut html,
        format_args!("<title>{} – xpost preview</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n", escape(title)),
    );
    let mut left = ALL;
    for one in planned {
        push(&mut html, format_args!("<h1>{}</h1>\n<main>\n", escape(&one.draft.source)));
        for (target, plan) in &one.targets {
            let Some(platform) = platform::by_name(&plan.platform) else { continue };
            let spec = platform.spec();
            push(
                &mut html,
                format_args!(
                    "<section class=\"{}\" style=\"--hue:{}\">\n<header><b>{}</b> <span>{}</span></header>\n",
                    look(spec),
                    hue(spec.name),
                    escape(spec.title),
                    escape(target.name())
                ),
            );
            let of = plan.parts.len();
            for (index, part) in plan.parts.iter().enumerate() {
                card(&mut html, target, spec, part, (index + 1, of), &mut left);
            }
            notes(&mut html, "problem", &plan.problems);
            notes(&mut html, "warning", &plan.warnings);
            notes(&mut html, "change", &plan.changes);
            html.push_str("</section>\n");
        }
        html.push_str("</main>\n");
    }
    html.push_str("</body>\n</html>\n");
    html
}

fn push(html: &mut String, text: std::fmt::Arguments) {
    // writing to a String cannot fail
    let _ = html.write_fmt(text);
}

/// What kind of thing a post is there: an article, a message in a room, a bubble, a status.
fn look(spec: &Spec) -> &'static str {
    match (spec.title_rule, spec.text.markup) {
        (Title::Native { .. }, _) => "article",
        (_, Markup::Discord | Markup::Mrkdwn) => "room",
        (_, Markup::Entities) => "bubble",
        _ => "status",
    }
}

/// A colour of its own for each name, the same every time.
fn hue(name: &str) -> u32 {
    name.bytes().fold(7u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte))) % 360
}

fn card(html: &mut String, target: &Target, spec: &Spec, part: &Part, (number, of): (usize, usize), left: &mut u64) {
    let handle = match target {
        Target::Account(account) => account.handle.as_str(),
        Target::Platform(_) => "",
    };
    let initial = [handle, target.name()].into_iter().flat_map(str::chars).find(|c| c.is_alphanumeric()).unwrap_or('x');
    push(
        html,
        format_args!(
            "<article>\n<div class=\"by\"><i>{}</i><b>{}</b> <span>{}</span></div>\n",
            escape(&initial.to_uppercase().to_string()),
            escape(target.name()),
            escape(handle)
        ),
    );
    if let Some(title) = super::preview::title(part) {
        push(html, format_args!("<h2>{}</h2>\n", escape(title)));
    }
    push(html, format_args!("<div class=\"text\">{}</div>\n", marked(&part.text, spec.text.markup)));
    if !part.media.is_empty() {
        push(html, format_args!("<div class=\"media n{}\">", part.media.len().min(4)));
        for one in &part.media {
            picture(html, &one.media, one.alt.as_deref(), left);
        }
        html.push_str("</div>\n");
    }
    if let Some(card) = &part.card {
        html.push_str("<div class=\"card\">");
        if let Some(image) = &card.image {
            picture(html, image, Some(""), left);
        }
        let host =
            url::Url::parse(&card.url).ok().and_then(|url| url.host_str().map(str::to_string)).unwrap_or_default();
        push(
            html,
            format_args!(
                "<b>{}</b><p>{}</p><small>{}</small></div>\n",
                escape(&card.title),
                escape(&card.description),
                escape(&host)
            ),
        );
    }
    let count = part.limit.map_or_else(|| part.count.to_string(), |limit| format!("{} / {limit}", part.count));
    let place = if of > 1 { format!("<span>{number} of {of}</span>") } else { String::new() };
    push(html, format_args!("<footer>{place}<span>{count}</span></footer>\n</article>\n"));
}

fn notes(html: &mut String, kind: &str, notes: &[PlanNote]) {
    for note in notes {
        push(html, format_args!("<p class=\"{kind}\"><b>{kind}</b> {}</p>\n", escape(&note.message)));
    }
}

fn picture(html: &mut String, media: &Media, alt: Option<&str>, left: &mut u64) {
    // what is shown is the file that is there, which may become another one before it is sent
    let there = media::look(&media.path).ok().filter(|there| there.class() == "image");
    let there = there.filter(|there| there.bytes <= ONE && there.bytes <= *left);
    let shown = there.and_then(|there| Some((std::fs::read(&there.path).ok()?, there.mime)));
    let missing = if alt.is_none() { "<em>no alt text</em>" } else { "" };
    match shown {
        Some((bytes, mime)) => {
            *left = left.saturating_sub(bytes.len() as u64);
            let data = base64::engine::general_purpose::STANDARD.encode(bytes);
            let alt = escape(alt.unwrap_or_default());
            push(
                html,
                format_args!(
                    "<figure><img src=\"data:{};base64,{data}\" alt=\"{alt}\" title=\"{alt}\">{missing}</figure>",
                    escape(&mime)
                ),
            );
        }
        None => push(
            html,
            format_args!(
                "<figure class=\"box\"><span>{}<br>{} kB</span>{missing}</figure>",
                escape(&media.name),
                media.bytes.div_ceil(1024)
            ),
        ),
    }
}

/// The text with its marks as elements: marks hold one another but never cross, so that a stack is enough.
fn marked(text: &Text, markup: Markup) -> String {
    let plain = matches!(markup, Markup::Plain | Markup::Links | Markup::LittleText);
    let mut html = String::new();
    let mut open: Vec<(&Mark, &'static str)> = Vec::new();
    let mut at = 0;
    let mut upto = |html: &mut String, to: usize| {
        html.push_str(&escape(text.text.get(at..to).unwrap_or_default()));
        at = at.max(to);
    };
    for mark in &text.marks {
        while let Some((outer, tag)) = open.pop_if(|(outer, _)| outer.end <= mark.start) {
            upto(&mut html, outer.end);
            push(&mut html, format_args!("</{tag}>"));
        }
        let Some((tag, attributes)) = element(&mark.kind, plain) else { continue };
        upto(&mut html, mark.start);
        push(&mut html, format_args!("<{tag}{attributes}>"));
        open.push((mark, tag));
    }
    while let Some((outer, tag)) = open.pop() {
        upto(&mut html, outer.end);
        push(&mut html, format_args!("</{tag}>"));
    }
    upto(&mut html, text.text.len());
    html
}

fn element(kind: &Kind, plain: bool) -> Option<(&'static str, String)> {
    let web = |url: &str| url.starts_with("https://") || url.starts_with("http://");
    Some(match kind {
        Kind::Link { url } if web(url) => ("a", format!(" href=\"{}\" rel=\"noreferrer\"", escape(url))),
        Kind::Mention { .. } | Kind::Tag { .. } => ("span", " class=\"tag\"".to_string()),
        Kind::Strong if !plain => ("strong", String::new()),
        Kind::Emphasis if !plain => ("em", String::new()),
        Kind::Strike if !plain => ("s", String::new()),
        Kind::Code if !plain => ("code", String::new()),
        Kind::CodeBlock { .. } if !plain => ("code", " class=\"block\"".to_string()),
        Kind::Quote if !plain => ("span", " class=\"quote\"".to_string()),
        Kind::Heading { .. } if !plain => ("strong", " class=\"heading\"".to_string()),
        _ => return None,
    })
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(start: usize, end: usize, kind: Kind) -> Mark {
        Mark { start, end, kind }
    }

    #[test]
    fn marks_nest_and_everything_is_escaped() {
        let mut text = Text::plain("a <b> link & more");
        text.marks = vec![
            mark(2, 10, Kind::Strong),
            mark(6, 10, Kind::Link { url: "https://e.org/?a=\"&b".into() }),
            mark(13, 17, Kind::Link { url: "javascript:alert(1)".into() }),
        ];
        assert_eq!(
            marked(&text, Markup::Html),
            "a <strong>&lt;b&gt; <a href=\"https://e.org/?a=&quot;&amp;b\" rel=\"noreferrer\">link</a></strong> &amp; more"
        );
        assert!(!marked(&text, Markup::Plain).contains("strong"));
    }
}
