//! Where a network has no field for title, warning, tags or link, they are written into the first post.

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use super::fit::{PlanNote, has_titles, noun, paragraphs};
use crate::draft::Overflow;
use crate::platform::contract::{Ask, Content, ContentPost, MediaUse, Reference, Rendered};
use crate::platform::spec::{Spec, TextRule, Title};
use crate::text::{Kind, Mark, Text};

/// One post of the draft in the network's markup: what may be cut, what is kept when it is, and its media.
#[derive(Debug, Clone, Default)]
pub(super) struct Composed {
    pub body: Text,
    /// Tags and link, below the body.
    pub tail: Text,
    pub media: Vec<MediaUse>,
}

/// The title for networks that have titles.
pub(super) fn native_title(spec: &Spec, content: &Content, policy: Overflow, out: &mut Rendered) -> Option<String> {
    let Title::Native { max, required } = spec.title_rule else { return None };
    let Some(title) = content.title.clone().filter(|title| !title.trim().is_empty()) else {
        if required {
            let message = format!("{} needs a title; add `title = \"…\"`", spec.title);
            out.problems.push(PlanNote::new("title_missing", message));
        }
        return None;
    };
    let length = title.chars().count();
    if length <= max {
        return Some(title);
    }
    if policy == Overflow::Truncate {
        out.changes
            .push(PlanNote::new("title_truncated", format!("the title is cut from {length} to {max} characters")));
        return Some(shortened(&title, |text| text.chars().count() <= max));
    }
    out.problems.push(PlanNote::new("title_too_long", format!("the title has {length} characters, {max} are allowed")));
    Some(title)
}

/// The longest beginning that is good with an ellipsis at its end, cut between words where that costs little.
pub(crate) fn shortened(text: &str, good: impl Fn(&str) -> bool) -> String {
    let ends: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).collect();
    // longer is never shorter, so the place can be searched by halves
    let kept = ends.partition_point(|end| good(&format!("{}…", text[..*end].trim_end())));
    let cut = &text[..ends.get(kept.saturating_sub(1)).copied().unwrap_or(0)];
    let word = cut.rfind(char::is_whitespace).filter(|at| at * 5 >= cut.len() * 4 && *at > 0);
    format!("{}…", word.map_or(cut, |at| &cut[..at]).trim_end())
}

/// The draft without the characters that the network cannot have; `None` where there are none. Comments are left as they are.
pub(super) fn swapped(spec: &Spec, content: &Content, out: &mut Rendered) -> Option<Content> {
    if spec.swaps.is_empty() {
        return None;
    }
    let mut content = content.clone();
    let mut found = Vec::new();
    for post in &mut content.posts {
        found.extend(post.text.swap(spec.swaps));
    }
    for text in content.title.iter_mut().chain(&mut content.warning).chain(&mut content.tags) {
        let mut plain = Text::plain(std::mem::take(text));
        found.extend(plain.swap(spec.swaps));
        *text = plain.text;
    }
    for (old, new) in spec.swaps.iter().filter(|pair| found.contains(pair)) {
        let message = format!("{} takes no `{old}`; `{new}` stands in its place", spec.title);
        out.changes.push(PlanNote::new("character_swapped", message));
    }
    (!found.is_empty()).then_some(content)
}

/// The comment in the network's markup, as a comment or as a reply; it is never cut.
pub(super) fn comment(spec: &Spec, ask: &Ask, text: &Text, out: &mut Rendered) -> Option<Text> {
    let rule = match (spec.comments, spec.threads) {
        (Some(rule), _) => rule,
        (None, true) => TextRule { max: ask.limits.text, unit: ask.limits.unit, ..spec.text },
        (None, false) => {
            let message = format!("{} has no comments; `comment` is left out", spec.title);
            out.warnings.push(PlanNote::new("comment_left_out", message));
            return None;
        }
    };
    let text = rule.markup.fit(text);
    let encoded = rule.markup.encode(&text);
    for (unit, most) in rule.max.map(|most| (rule.unit, most)).into_iter().chain(rule.also) {
        let length = unit.count(&encoded);
        if length > most {
            let message = format!("the comment has {length} {}, {most} are allowed", noun(unit));
            out.problems.push(PlanNote::new("comment_too_long", message));
        }
    }
    Some(text)
}

/// The posts as they would stand if nothing were too long.
pub(super) fn posts(spec: &Spec, ask: &Ask, card: bool, out: &mut Rendered) -> Vec<Composed> {
    let content = ask.content;
    let fit = |text: &Text| spec.text.markup.fit(text);
    let mut posts: Vec<Composed> = content
        .posts
        .iter()
        .map(|post| Composed { body: fit(&post.text), tail: Text::default(), media: post.media.clone() })
        .collect();
    if posts.is_empty() {
        posts.push(Composed::default());
    }
    if posts.len() > 1 && !spec.threads {
        out.changes.push(PlanNote::new(
            "thread_joined",
            format!("{} has no threads; the {} posts are one", spec.title, posts.len()),
        ));
        let bodies: Vec<&Text> = posts.iter().map(|post| &post.body).collect();
        let body = paragraphs(&bodies);
        posts = vec![Composed {
            body,
            tail: Text::default(),
            media: posts.into_iter().flat_map(|post| post.media).collect(),
        }];
    }
    if ask.limits.media == 0 && posts.iter().any(|post| !post.media.is_empty()) {
        let names: Vec<String> = posts
            .iter_mut()
            .flat_map(|post| std::mem::take(&mut post.media))
            .map(|m| format!("`{}`", m.media.name))
            .collect();
        out.warnings.push(PlanNote::new(
            "media_left_out",
            format!("{} takes no media; {} left out", spec.title, names.join(", ")),
        ));
    }
    let mut head = Vec::new();
    if let Some(warning) = content.warning.as_deref().filter(|warning| !spec.warnings && !warning.is_empty()) {
        out.warnings.push(PlanNote::new(
            "warning_as_text",
            format!("{} hides nothing behind a content warning; it stands above the text", spec.title),
        ));
        head.push(Text::plain(format!("CW: {warning}")));
    }
    head.extend(title_line(spec, content, out));
    let mut tail = Vec::new();
    if !spec.native_tags {
        tail.extend(tag_line(content, out));
    }
    tail.extend(quote_line(spec, content, out));
    if let Some(link) = content.link.as_deref().filter(|link| !spec.native_link && !card && !says(&content.posts, link))
    {
        tail.push(bare_link(link));
    }
    let head: Vec<Text> = head.iter().map(fit).collect();
    let tail: Vec<Text> = tail.iter().map(fit).collect();
    let first = &mut posts[0];
    let above: Vec<&Text> = head.iter().chain([&first.body]).collect();
    first.body = paragraphs(&above);
    first.tail = paragraphs(&tail.iter().collect::<Vec<_>>());
    posts
}

/// The title as a strong line, unless the text begins with it anyway.
fn title_line(spec: &Spec, content: &Content, out: &mut Rendered) -> Option<Text> {
    let title = content.title.as_deref().map(str::trim).filter(|title| !title.is_empty())?;
    if has_titles(spec) {
        return None;
    }
    let begins = content.posts.first().and_then(|post| post.text.text.lines().next()).unwrap_or_default();
    if begins.trim() == title {
        return None;
    }
    if spec.title_rule == Title::Ignored {
        out.changes
            .push(PlanNote::new("title_left_out", format!("{} has no titles; the title is left out", spec.title)));
        return None;
    }
    let mut line = Text::plain(title);
    line.marks.push(Mark { start: 0, end: title.len(), kind: Kind::Strong });
    Some(line)
}

/// Hashtags that no post has yet.
fn tag_line(content: &Content, out: &mut Rendered) -> Option<Text> {
    let mut line = Text::default();
    let mut seen: Vec<String> = content
        .posts
        .iter()
        .flat_map(|post| &post.text.marks)
        .filter_map(|mark| match &mark.kind {
            Kind::Tag { tag } => Some(tag.to_lowercase()),
            _ => None,
        })
        .collect();
    for written in &content.tags {
        let tag = hashtag(written);
        if !tag.chars().any(|c| !c.is_numeric() && c != '_') {
            let message = format!("`{written}` makes no hashtag and is left out; a hashtag needs a letter");
            out.warnings.push(PlanNote::new("tag_left_out", message));
            continue;
        }
        if seen.contains(&tag.to_lowercase()) {
            continue;
        }
        if tag != *written {
            out.changes.push(PlanNote::new("tag_changed", format!("the tag `{written}` is written `#{tag}`")));
        }
        if !line.is_empty() {
            line.push(&Text::plain(" "));
        }
        seen.push(tag.to_lowercase());
        let end = 1 + tag.len();
        line.push(&Text { text: format!("#{tag}"), marks: vec![Mark { start: 0, end, kind: Kind::Tag { tag } }] });
    }
    (!line.is_empty()).then_some(line)
}

/// Letters, digits and underscores; what stood apart is joined with capitals (`open source` becomes `openSource`).
fn hashtag(written: &str) -> String {
    let good = |c: char| c.is_alphanumeric() || c == '_' || is_combining_mark(c);
    let mut words = written.split(|c: char| !good(c)).filter(|word| !word.is_empty());
    let mut tag = words.next().unwrap_or_default().to_string();
    for word in words {
        let mut letters = word.chars();
        tag.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        tag.push_str(letters.as_str());
    }
    tag
}

/// A quote that the network cannot show as one becomes a link to the post.
fn quote_line(spec: &Spec, content: &Content, out: &mut Rendered) -> Option<Text> {
    let quote = content.quote.as_ref().filter(|_| !spec.quotes)?;
    let url = match quote {
        Reference::Url(url) => Some(url.clone()),
        Reference::Ours(receipt) => receipt.url.clone(),
    };
    let Some(url) = url.filter(|url| url.starts_with("https://") || url.starts_with("http://")) else {
        let message = format!("{} has no quotes, and the post to quote has no address to link to", spec.title);
        out.problems.push(PlanNote::new("quote_unsupported", message));
        return None;
    };
    if says(&content.posts, &url) {
        return None;
    }
    out.changes
        .push(PlanNote::new("quote_as_link", format!("{} has no quotes; a link to the post is added", spec.title)));
    Some(bare_link(&url))
}

pub(super) fn bare_link(url: &str) -> Text {
    Text {
        text: url.to_string(),
        marks: vec![Mark { start: 0, end: url.len(), kind: Kind::Link { url: url.to_string() } }],
    }
}

/// Whether some post links to the address already.
fn says(posts: &[ContentPost], url: &str) -> bool {
    posts.iter().any(|post| post.text.contains_url(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_hashtags() {
        for (written, tag) in [
            ("rust", "rust"),
            ("#rust", "rust"),
            ("open source", "openSource"),
            ("c++", "c"),
            ("日本 語", "日本語"),
            ("2-0", "20"),
        ] {
            assert_eq!(hashtag(written), tag);
        }
    }

    #[test]
    fn shortening_keeps_clusters_and_words() {
        let most = |n: usize| move |text: &str| text.graphemes(true).count() <= n;
        assert_eq!(shortened("one two three four", most(15)), "one two three…");
        assert_eq!(shortened("abcdefghij", most(5)), "abcd…");
        assert_eq!(shortened("👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", most(3)), "👩‍👩‍👧👩‍👩‍👧…");
        assert_eq!(shortened("abc", most(0)), "…");
    }
}
