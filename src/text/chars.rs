//! What a character or a cluster is, from the Unicode tables.

use icu_properties::props::{EmojiPresentation, ExtendedPictographic, GeneralCategory, GeneralCategoryGroup};
use icu_properties::{CodePointMapData, CodePointSetData};

fn is(c: char, group: GeneralCategoryGroup) -> bool {
    group.contains(CodePointMapData::<GeneralCategory>::new().get(c))
}

/// A letter or a mark that belongs to one (general categories L and M).
pub(crate) fn letter_or_mark(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    is(c, GeneralCategoryGroup::Letter) || is(c, GeneralCategoryGroup::Mark)
}

/// A decimal digit of any script (general category Nd).
pub(crate) fn digit(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_digit() } else { is(c, GeneralCategoryGroup::DecimalNumber) }
}

/// Punctuation (general category P).
pub(crate) fn punctuation(c: char) -> bool {
    is(c, GeneralCategoryGroup::Punctuation)
}

/// Punctuation or a symbol: what CommonMark calls a Unicode punctuation character.
pub(crate) fn markdown_punctuation(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_punctuation()
    } else {
        is(c, GeneralCategoryGroup::Punctuation) || is(c, GeneralCategoryGroup::Symbol)
    }
}

/// Characters that turn the reading direction and may make a text look like another.
pub(crate) fn bidi_override(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a grapheme cluster is drawn as an emoji: pictures, flags, keycaps, and sequences of them; not a picture that
/// asks for text (U+FE0E), nor the signs that are letters first (`©`, `®`, `™`) unless they ask for a picture (U+FE0F).
pub(crate) fn emoji(cluster: &str) -> bool {
    let mut chars = cluster.chars();
    let Some(first) = chars.next() else { return false };
    let second = chars.next();
    match first {
        '0'..='9' | '#' | '*' => cluster.ends_with('\u{20e3}'),
        _ if first.is_ascii() => false,
        '\u{1f1e6}'..='\u{1f1ff}' => matches!(second, Some('\u{1f1e6}'..='\u{1f1ff}')),
        '©' | '®' | '™' => second == Some('\u{fe0f}'),
        _ => {
            second != Some('\u{fe0e}')
                && (CodePointSetData::new::<ExtendedPictographic>().contains(first)
                    || CodePointSetData::new::<EmojiPresentation>().contains(first))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_clusters() {
        for yes in ["👍", "👍🏽", "👨‍👩‍👧", "🇩🇪", "1️⃣", "1⃣", "☺", "☺️", "©️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "❤️‍🔥"]
        {
            assert!(emoji(yes), "{yes}");
        }
        for no in ["", "a", "1", "#", "©", "™", "é", "漢", "☺\u{fe0e}", "🇩", "€", "\u{200d}"] {
            assert!(!emoji(no), "{no}");
        }
    }

    #[test]
    fn categories() {
        assert!(letter_or_mark('ß') && letter_or_mark('\u{301}') && !letter_or_mark('1') && !letter_or_mark('_'));
        assert!(digit('٣') && digit('7') && !digit('Ⅷ'));
        assert!(punctuation('…') && punctuation('_') && !punctuation('+'));
        assert!(markdown_punctuation('€') && markdown_punctuation('`'));
        assert!(bidi_override('\u{202e}') && !bidi_override('\u{200f}'));
    }
}
