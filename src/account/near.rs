//! "Did you mean": the nearest known word.

/// The known word that was most likely meant, if one is near enough to be worth naming.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(far, candidate)| *far <= (candidate.chars().count().max(2) / 3).clamp(1, 3))
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

/// ``; did you mean `work`?`` or nothing, to be put at the end of a message.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

/// Insertions, deletions, substitutions and swaps of neighbours between two words; of a long word only the first 64 characters count.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (rows[i][j] + usize::from(x != y)).min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *y && *x == b[j - 1] {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_named_and_a_far_one_is_not() {
        let known = ["mastodon", "bluesky", "work"];
        assert_eq!(nearest("mastadon", known), Some("mastodon"));
        assert_eq!(nearest("Wrok", known), Some("work"));
        assert_eq!(nearest("xyz", known), None);
        assert_eq!(nearest("wor", known), Some("work"));
        assert_eq!(did_you_mean("blueski", known), "; did you mean `bluesky`?");
        assert_eq!(did_you_mean("xyzzy", known), "");
    }
}
