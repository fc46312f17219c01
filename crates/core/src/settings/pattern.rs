//! Patterns for aliases: `*` is any text, `?` any one character.

use crate::types::clean_text::CleanText;

/// Whether an alias fits a pattern. The alias was cleaned; what is to fit it must
/// be, too.
pub(super) fn fits_alias(pattern: &str, alias: &CleanText) -> bool {
    fits(&CleanText::new(pattern), alias)
}

/// Whether `text` fits `pattern`, case aside. On a mismatch only the last `*`
/// is tried again one character further on: earlier ones cannot help.
fn fits(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let (mut p, mut t, mut retry) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[t] => (p, t) = (p + 1, t + 1),
            _ => match retry {
                None => return false,
                Some((after_star, from)) => {
                    retry = Some((after_star, from + 1));
                    (p, t) = (after_star, from + 1);
                }
            },
        }
    }
    pattern[p..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pattern_fits_whole_aliases_whatever_their_case() {
        for (pattern, text, expected) in [
            ("acinq*", "ACINQ", true),
            ("*acinq", "node of acinq", true),
            ("a?inq", "acinq", true),
            ("a?inq", "ainq", false),
            ("*a*b", "xaxxaxb", true),
            ("*a*b", "xaxxaxbc", false),
            ("", "", true),
            ("", "a", false),
            ("**", "", true),
            ("ÄRGER*", "ärger⚡", true),
            ("acinq", "acinq2", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} on {text}");
        }
    }

    proptest! {
        #[test]
        fn patterns_mean_what_they_mean_one_choice_at_a_time(
            pattern in "[ab*?]{0,7}", text in "[abc]{0,8}",
        ) {
            fn slow(pattern: &[u8], text: &[u8]) -> bool {
                match (pattern, text) {
                    ([], []) => true,
                    ([b'*', rest @ ..], _) => {
                        slow(rest, text) || (!text.is_empty() && slow(pattern, &text[1..]))
                    }
                    ([p, rest @ ..], [t, tail @ ..]) => (*p == b'?' || p == t) && slow(rest, tail),
                    _ => false,
                }
            }
            prop_assert_eq!(
                fits(&pattern, &text),
                slow(pattern.as_bytes(), text.as_bytes())
            );
        }
    }
}
