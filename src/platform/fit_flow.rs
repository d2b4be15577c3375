//! What is too long becomes several posts, or is cut, or stops the target.

use super::fit::{PlanNote, count, fits, limit, noun, paragraphs, policy};
use super::fit_compose::{Composed, bare_link};
use crate::draft::Overflow;
use crate::platform::contract::{Ask, MediaUse, Rendered};
use crate::platform::spec::Spec;
use crate::text::{Kind, Text, split, truncate};

/// Nobody wants a thread that is longer, and a text that would need one is not even split.
const MOST_POSTS: usize = 500;

type Pieces = Vec<(Text, Vec<MediaUse>)>;

/// The posts of a target, in order; at least one.
pub(super) fn flow(spec: &Spec, ask: &Ask, posts: Vec<Composed>, out: &mut Rendered) -> Pieces {
    if ask.content.overflow == Some(Overflow::Thread) && !spec.threads {
        let message = format!("{} has no threads; a text that is too long is refused", spec.title);
        out.warnings.push(PlanNote::new("no_threads", message));
    }
    let mut notes = Rendered::default();
    let mut pieces = lay_out(spec, ask, &posts, 0, &mut notes);
    if ask.content.numbering && pieces.len() > 1 {
        // the numbers take room, which may take another post, whose number may take more room
        for digits in 1..=4 {
            notes = Rendered::default();
            pieces = lay_out(spec, ask, &posts, digits, &mut notes);
            if pieces.len() < 10usize.pow(digits as u32) {
                break;
            }
        }
        let of = pieces.len();
        for (index, (text, _)) in pieces.iter_mut().enumerate() {
            *text = numbered(text, &format!("({}/{of})", index + 1));
        }
    }
    out.problems.append(&mut notes.problems);
    out.warnings.append(&mut notes.warnings);
    out.changes.append(&mut notes.changes);
    pieces
}

/// All posts with room for numbers of so many digits (0: none).
fn lay_out(spec: &Spec, ask: &Ask, posts: &[Composed], digits: usize, out: &mut Rendered) -> Pieces {
    let number = (digits > 0).then(|| format!("({0}/{0})", "9".repeat(digits)));
    let mut pieces = Pieces::new();
    for post in posts {
        let threads = policy(spec, ask.content.overflow) == Overflow::Thread;
        let chunks = media(spec, ask, &post.media, threads, out);
        let room = |index: usize, text: &Text| {
            let media = chunks.get(index).map_or(&[][..], Vec::as_slice);
            match &number {
                Some(number) => fits(spec, ask, &numbered(text, number), media),
                None => fits(spec, ask, text, media),
            }
        };
        let texts = texts(spec, ask, post, &chunks, &room, pieces.len(), out);
        for index in 0..texts.len().max(chunks.len()) {
            let text = texts.get(index).cloned().unwrap_or_default();
            pieces.push((text, chunks.get(index).cloned().unwrap_or_default()));
        }
    }
    pieces
}

/// The text of one post, as one or several.
fn texts(
    spec: &Spec,
    ask: &Ask,
    post: &Composed,
    chunks: &[Vec<MediaUse>],
    room: &dyn Fn(usize, &Text) -> bool,
    before: usize,
    out: &mut Rendered,
) -> Vec<Text> {
    let whole = paragraphs(&[&post.body, &post.tail]);
    if room(0, &whole) {
        return vec![whole];
    }
    let media = chunks.first().map_or(&[][..], Vec::as_slice);
    let (length, most) = (count(spec, ask, &whole), limit(ask, media));
    let too_long = || {
        let what = noun(ask.limits.unit);
        let caption = if most < ask.limits.text { " beside media" } else { "" };
        let message = match most.filter(|most| *most < length) {
            Some(most) => format!("the text has {length} {what}, {most} are allowed{caption}"),
            None => {
                let also = spec.text.also.map_or(String::new(), |(unit, most)| {
                    format!(": {} {}, {most} are allowed", unit.count(&spec.text.markup.encode(&whole)), noun(unit))
                });
                format!("the text is too long{also}")
            }
        };
        let way = if spec.threads { "`thread` or `truncate`" } else { "`truncate`" };
        let message =
            format!("{message}; shorten it, give `[on.{}]` a `text` of its own, or set `overflow` to {way}", spec.name);
        PlanNote::new("too_long", message).part(before + 1)
    };
    let unbreakable = |piece: &str| {
        let message = format!("`{piece}` alone is longer than a post may be and cannot be cut");
        PlanNote::new("unbreakable", message).part(before + 1)
    };
    match policy(spec, ask.content.overflow) {
        Overflow::Thread if most.is_some_and(|most| length / MOST_POSTS > most) => {
            let message =
                format!("the text has {length} {}; that would be more than {MOST_POSTS} posts", noun(ask.limits.unit));
            out.problems.push(PlanNote::new("too_long", message).part(before + 1));
        }
        Overflow::Thread => match split(&whole, room) {
            Ok(texts) => {
                out.changes.push(
                    PlanNote::new("split", format!("the text becomes a thread of {} posts", texts.len()))
                        .part(before + 1),
                );
                return texts;
            }
            Err(stuck) => out.problems.push(unbreakable(&stuck.piece)),
        },
        Overflow::Truncate => match truncated(ask, post, room) {
            Some(text) => {
                let now = count(spec, ask, &text);
                let message = format!("the text is cut from {length} to {now} {}", noun(ask.limits.unit));
                out.changes.push(PlanNote::new("truncated", message).part(before + 1));
                return vec![text];
            }
            None => out.problems.push(too_long()),
        },
        Overflow::Refuse => out.problems.push(too_long()),
    }
    vec![whole]
}

/// The body cut so that it fits with an ellipsis and what stands below it; the draft's link is kept, wherever it stood.
fn truncated(ask: &Ask, post: &Composed, room: &dyn Fn(usize, &Text) -> bool) -> Option<Text> {
    let cut = |tail: &Text| truncate(&post.body, tail, &|text| room(0, text));
    let text = cut(&post.tail)?;
    match ask.content.link.as_deref() {
        Some(link) if post.body.contains_url(link) && !text.contains_url(link) => {
            let mut tail = post.tail.clone();
            tail.paragraph(&bare_link(link));
            cut(&tail)
        }
        _ => Some(text),
    }
}

/// The text with its number; below it where a block ends the text, and none where there is no text.
fn numbered(text: &Text, number: &str) -> Text {
    let end = text.text.len();
    if end == 0 {
        return text.clone();
    }
    let block =
        |kind: &Kind| matches!(kind, Kind::CodeBlock { .. } | Kind::Quote | Kind::Heading { .. } | Kind::Item { .. });
    let below = text.marks.iter().any(|mark| mark.end == end && block(&mark.kind));
    let mut text = text.clone();
    text.text.push_str(if below { "\n\n" } else { " " });
    text.text.push_str(number);
    text
}

/// Media in the groups that one post each can carry, in order.
fn media(spec: &Spec, ask: &Ask, media: &[MediaUse], threads: bool, out: &mut Rendered) -> Vec<Vec<MediaUse>> {
    let limits = ask.limits;
    let of = |group: &[MediaUse], class: &str| group.iter().filter(|one| one.media.class() == class).count();
    let mut groups: Vec<Vec<MediaUse>> = vec![Vec::new()];
    let mut mixed = false;
    for one in media {
        let Some(group) = groups.last_mut() else { break };
        let class = one.media.class();
        let (images, videos) = (of(group, "image"), of(group, "video"));
        let files = group.len() - images - videos;
        let file = spec.media.file.is_some() && !matches!(class, "image" | "video");
        // a kind that the network does not take at all is a problem of its own, not one of numbers
        let full = group.len() >= limits.media.max(1)
            || (class == "image" && limits.images > 0 && images >= limits.images)
            || (class == "video" && limits.videos > 0 && videos >= limits.videos)
            || (file && limits.files > 0 && files >= limits.files);
        let clash = !spec.media.mixed && ((class == "image" && videos > 0) || (class == "video" && images > 0))
            || spec.media.file.is_some_and(|rule| !rule.mixed)
                && !group.is_empty()
                && (file && images + videos > 0 || !file && files > 0);
        mixed |= clash;
        if (full || clash) && !group.is_empty() {
            groups.push(vec![one.clone()]);
        } else {
            group.push(one.clone());
        }
    }
    if groups.len() > 1 {
        let many = media.len();
        if threads {
            let message =
                format!("{many} media are more than one post takes; they are spread over {} posts", groups.len());
            out.changes.push(PlanNote::new("media_split", message));
        } else if mixed {
            let message = format!("{} takes media of one kind in one post", spec.title);
            out.problems.push(PlanNote::new("mixed_media", message));
        } else {
            let message = format!(
                "{many} media, {} are allowed in one post; name fewer in `[on.{}]` `media`",
                groups[0].len(),
                spec.name
            );
            out.problems.push(PlanNote::new("too_many_media", message));
        }
        if !threads {
            return vec![media.to_vec()];
        }
    }
    groups
}
