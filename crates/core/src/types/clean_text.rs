//! Text from outside, safe to show.
//!
//! An alias is chosen by a peer, an error text by whatever answers. Shown as it
//! came, it could move the cursor, forge a line of the log, turn the reading
//! direction of what follows it or look like another name. It is cleaned once,
//! where it comes in; every output carries this type.

use std::fmt;
use std::ops::Deref;

use serde::Serialize;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// BOLT 7 gives an alias 32 bytes, so that no honest one is cut.
const LONGEST_ALIAS: usize = 32;
/// The longest errors that LND is known to give are a bit over 200 characters;
/// one line of a log need not hold more.
const LONGEST_TEXT: usize = 400;
/// More marks on one letter than any script writes spill over the lines around it.
const MOST_MARKS: usize = 2;

/// A line of text without control, format or zero-width characters, of bounded
/// length. Combining marks stay on the letters that they belong to.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CleanText(String);

impl CleanText {
    /// At most 400 characters of any text.
    pub fn new(text: &str) -> Self {
        Self(cut(clean(text, LONGEST_TEXT + 1), LONGEST_TEXT))
    }

    /// At most 32 characters of a node's alias.
    pub fn alias(text: &str) -> Self {
        Self(cut(clean(text, LONGEST_ALIAS + 1), LONGEST_ALIAS))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What becomes of one character.
enum Shown {
    AsItIs,
    Mark,
    Space,
    /// It has no shape that could be relied on.
    Unknown,
    Not,
}

fn shown(c: char) -> Shown {
    use GeneralCategory as Is;
    if c.is_ascii_graphic() {
        return Shown::AsItIs;
    }
    match c {
        // Empty to the eye, though letters and symbols by their category.
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => return Shown::Not,
        '\u{2800}' => return Shown::Space,
        // Marks without a shape: joiner, inherent vowels, variation selectors.
        '\u{34f}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0100}'..='\u{e01ef}' => return Shown::Not,
        c if c.is_whitespace() => return Shown::Space,
        _ => {}
    }
    match c.general_category() {
        Is::Control | Is::Format => Shown::Not,
        Is::Surrogate | Is::Unassigned | Is::PrivateUse => Shown::Unknown,
        Is::NonspacingMark | Is::EnclosingMark => Shown::Mark,
        _ => Shown::AsItIs,
    }
}

/// Up to `most` characters of the text that are fit to be shown.
fn clean(text: &str, most: usize) -> String {
    let mut cleaned = String::new();
    let (mut length, mut marks, mut space) = (0, 0, false);
    for c in text.chars() {
        if length >= most {
            break;
        }
        let c = match shown(c) {
            Shown::Not => continue,
            Shown::Space => {
                space = length > 0;
                continue;
            }
            Shown::Mark if space || length == 0 || marks == MOST_MARKS => continue,
            Shown::Mark => {
                marks += 1;
                cleaned.push(c);
                length += 1;
                continue;
            }
            Shown::AsItIs => c,
            Shown::Unknown => char::REPLACEMENT_CHARACTER,
        };
        if std::mem::take(&mut space) {
            cleaned.push(' ');
            length += 1;
        }
        cleaned.push(c);
        (length, marks) = (length + 1, 0);
    }
    cleaned
}

/// The text, or what fits of it with a sign that it went on.
fn cut(text: String, most: usize) -> String {
    if text.chars().count() <= most {
        return text;
    }
    let mut kept: String = text.chars().take(most - 1).collect();
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

impl Deref for CleanText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for CleanText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for CleanText {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl fmt::Display for CleanText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for CleanText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn new(text: &str) -> String {
        CleanText::new(text).to_string()
    }

    #[test]
    fn ordinary_names_and_errors_stay_as_they_are() {
        for text in [
            "ACINQ",
            "⚡ Lightning-Node #7 ⚡",
            "naïve Ärger",
            "हिन्दी",
            "日本語ノード",
            "עברית",
            "e\u{301}",
            "",
            "rpc error: code = Unknown desc = \"no\" (100%)",
            "?*<script>",
        ] {
            assert_eq!(new(text), text);
        }
    }

    #[test]
    fn nothing_that_steers_a_terminal_or_a_line_is_left() {
        assert_eq!(new("\x1b[31mred\x1b[0m"), "[31mred[0m");
        assert_eq!(new("a\rb\nc\td\x0be\x0cf"), "a b c d e f");
        assert_eq!(new("a\u{85}b\u{2028}c\u{2029}d"), "a b c d");
        assert_eq!(
            new("nul\0 bell\x07 del\x7f csi\u{9b}31m"),
            "nul bell del csi31m"
        );
        assert_eq!(
            new("ok\n2026-11-28T00:00:00Z ERROR forged"),
            "ok 2026-11-28T00:00:00Z ERROR forged"
        );
    }

    #[test]
    fn no_character_turns_the_reading_direction() {
        for c in ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}') {
            assert_eq!(new(&format!("a{c}b")), "ab");
        }
        for c in ['\u{200e}', '\u{200f}', '\u{61c}'] {
            assert_eq!(new(&format!("a{c}b")), "ab");
        }
    }

    #[test]
    fn nothing_unseen_tells_two_names_apart() {
        for c in [
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{2060}',
            '\u{2064}',
            '\u{feff}',
            '\u{ad}',
            '\u{180e}',
            '\u{34f}',
            '\u{fe0f}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{115f}',
            '\u{3164}',
            '\u{ffa0}',
            '\u{17b4}',
            '\u{fff9}',
            '\u{1d173}',
        ] {
            assert_eq!(new(&format!("AC{c}INQ{c}")), "ACINQ", "{:x}", u32::from(c));
        }
    }

    #[test]
    fn spaces_of_all_kinds_are_one_and_none_stands_at_an_end() {
        assert_eq!(new(" \u{a0}a \u{3000}\u{2003} b\u{2800}c\t "), "a b c");
        assert_eq!(new("\u{200b} \n"), "");
    }

    #[test]
    fn marks_stay_on_a_letter_and_do_not_pile_up() {
        assert_eq!(
            new(&format!("z{}", "\u{334}".repeat(50))),
            "z\u{334}\u{334}"
        );
        assert_eq!(new("\u{334}a \u{334}b"), "a b");
    }

    #[test]
    fn what_has_no_certain_shape_is_shown_as_unknown() {
        assert_eq!(new("a\u{e000}\u{ffff}\u{10ffff}b"), "a���b");
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let long = "é".repeat(1_000);
        assert_eq!(CleanText::new(&long).chars().count(), LONGEST_TEXT);
        assert!(CleanText::new(&long).ends_with("é…"));
        let alias = CleanText::alias(&long);
        assert_eq!(alias.chars().count(), LONGEST_ALIAS);
        let honest = "a".repeat(LONGEST_ALIAS);
        assert_eq!(CleanText::alias(&honest).as_str(), honest);
    }

    proptest! {
        #[test]
        fn whatever_comes_in_is_one_bounded_line_and_cleaning_it_again_changes_nothing(
            text in proptest::collection::vec(any::<char>(), 0..600),
        ) {
            let text: String = text.into_iter().collect();
            let cleaned = CleanText::new(&text);
            prop_assert!(cleaned.chars().count() <= LONGEST_TEXT);
            let fit = |c: char| c == ' ' || matches!(shown(c), Shown::AsItIs | Shown::Mark)
                || c == char::REPLACEMENT_CHARACTER;
            prop_assert!(cleaned.chars().all(fit));
            prop_assert_eq!(CleanText::new(&cleaned), cleaned.clone());
            let alias = CleanText::alias(&text);
            prop_assert!(alias.chars().count() <= LONGEST_ALIAS);
            prop_assert_eq!(CleanText::alias(&alias), alias.clone());
            prop_assert_eq!(CleanText::new(&alias), alias);
        }
    }
}
