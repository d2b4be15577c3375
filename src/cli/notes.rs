//! Notes on several targets: what is true of many of them is said once.

/// Stands for the network's title while notes are compared; no text that is shown holds it.
const MASK: char = '\u{1}';

/// Notes of one kind, in the order in which they came.
#[derive(Debug, Default)]
pub struct Notes<'a> {
    said: Vec<Said<'a>>,
}

#[derive(Debug)]
struct Said<'a> {
    masked: String,
    targets: Vec<&'a str>,
    titles: Vec<&'a str>,
}

impl<'a> Notes<'a> {
    /// A note on a target, whose network has this title.
    pub fn add(&mut self, target: &'a str, title: &'a str, text: &str) {
        let masked = masked(text, title);
        let at = self.said.iter().position(|said| said.masked == masked).unwrap_or_else(|| {
            self.said.push(Said { masked, targets: Vec::new(), titles: Vec::new() });
            self.said.len() - 1
        });
        let said = &mut self.said[at];
        if !said.targets.contains(&target) {
            said.targets.push(target);
        }
        if !said.titles.contains(&title) {
            said.titles.push(title);
        }
    }

    /// The targets (`mastodon, telegram`) with what is said of them.
    pub fn lines(self) -> impl Iterator<Item = (String, String)> {
        self.said.into_iter().map(|said| {
            let title = if let [one] = said.titles.as_slice() { one } else { "the network" };
            (said.targets.join(", "), said.masked.replace(MASK, title))
        })
    }
}

/// The text with the title out of it, where it stands as a word: `X` is no part of `EXIF`.
fn masked(text: &str, title: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (at, _) in text.match_indices(title) {
        let end = at + title.len();
        let within = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        if title.is_empty() || within(text[..at].chars().next_back()) || within(text[end..].chars().next()) {
            continue;
        }
        out.push_str(&text[done..at]);
        out.push(MASK);
        done = end;
    }
    out.push_str(&text[done..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_true_of_many_is_said_once() {
        let mut notes = Notes::default();
        for (target, title, text) in [
            ("harbour", "Harbour", "Harbour has no titles; the title is left out"),
            ("x", "X", "EXIF is taken out of `X-ray.png`"),
            ("work", "X", "X has no titles; the title is left out"),
            ("harbour", "Harbour", "Harbour has no titles; the title is left out"),
            ("x", "X", "a place; X shows none"),
            ("private", "X", "a place; X shows none"),
            ("quay", "Quay", "EXIF is taken out of `X-ray.png`"),
        ] {
            notes.add(target, title, text);
        }
        let lines: Vec<String> = notes.lines().map(|(targets, text)| format!("{targets}: {text}")).collect();
        assert_eq!(
            lines,
            [
                "harbour, work: the network has no titles; the title is left out",
                "x: EXIF is taken out of `X-ray.png`",
                "x, private: a place; X shows none",
                "quay: EXIF is taken out of `X-ray.png`",
            ]
        );
    }
}
