//! "Did you mean": the nearest known word.

/// What people call a thing that has another name here.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("language", "lang"),
    ("locale", "lang"),
    ("url", "link"),
    ("canonical_url", "link"),
    ("cw", "warning"),
    ("spoiler", "warning"),
    ("spoiler_text", "warning"),
    ("content_warning", "warning"),
    ("hashtags", "tags"),
    ("keywords", "tags"),
    ("description", "summary"),
    ("excerpt", "summary"),
    ("date", "at"),
    ("schedule", "at"),
    ("scheduled_at", "at"),
    ("timezone", "zone"),
    ("targets", "to"),
    ("networks", "to"),
    ("platforms", "to"),
    ("accounts", "to"),
    ("image", "media"),
    ("images", "media"),
    ("mentions", "people"),
    ("privacy", "visibility"),
    ("body", "text"),
];

/// The known word that was most likely meant, if one is near enough to be worth naming.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase().replace('-', "_");
    let known: Vec<&str> = known.into_iter().collect();
    if let Some((_, name)) = OTHER_NAMES.iter().find(|(other, _)| *other == lower)
        && let Some(found) = known.iter().find(|candidate| *candidate == name)
    {
        return Some(found);
    }
    known
        .into_iter()
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(far, candidate)| *far <= (candidate.chars().count().max(2) / 3).clamp(1, 3))
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

/// ``; did you mean `tags`?`` or nothing, to be put at the end of a message.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

/// Insertions, deletions, substitutions and swaps of neighbours between two words; words longer than 64 are never near.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(65).collect(), b.chars().take(65).collect());
    // the first row and the first column count what is left of the other word
    let mut rows: Vec<Vec<usize>> = (0..=a.len()).map(|i| (i..=i + b.len()).collect()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_named_and_a_far_one_is_not() {
        let known = ["title", "tags", "to", "lang", "warning"];
        assert_eq!(nearest("titel", known), Some("title"));
        assert_eq!(nearest("Tag", known), Some("tags"));
        assert_eq!(nearest("language", known), Some("lang"));
        assert_eq!(nearest("content-warning", known), Some("warning"));
        assert_eq!(nearest("xyzzy", known), None);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
