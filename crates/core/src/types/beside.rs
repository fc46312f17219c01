//! Maps by the same key, walked side by side.
//!
//! What is seen, what holds and what is remembered of channels each stand in a map of
//! their own. A hub has thousands of channels, and to look each up in every map for every
//! step is a good part of what a cycle costs; they all stand in the same order.

/// What each of `left` has, with what `right` has by the same key. Both ascend by their
/// keys, as maps do.
pub fn beside<'k, K: Ord + 'k, L, R>(
    left: impl IntoIterator<Item = (&'k K, L)>,
    right: impl IntoIterator<Item = (&'k K, R)>,
) -> impl Iterator<Item = (&'k K, (L, Option<R>))> {
    let mut right = right.into_iter().peekable();
    left.into_iter().map(move |(key, of_left)| {
        while right.next_if(|(other, _)| *other < key).is_some() {}
        let of_right = right.next_if(|(other, _)| *other == key);
        (key, (of_left, of_right.map(|(_, of_right)| of_right)))
    })
}

/// The same of those keys that both have.
pub fn both<'k, K: Ord + 'k, L, R>(
    left: impl IntoIterator<Item = (&'k K, L)>,
    right: impl IntoIterator<Item = (&'k K, R)>,
) -> impl Iterator<Item = (&'k K, (L, R))> {
    beside(left, right).filter_map(|(key, (of_left, of_right))| Some((key, (of_left, of_right?))))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn side_by_side_is_found_what_looking_up_finds(
            left: BTreeMap<u8, u8>,
            right: BTreeMap<u8, u8>,
        ) {
            let looked_up = left.iter().map(|(key, of_left)| (key, (of_left, right.get(key))));
            prop_assert!(beside(&left, &right).eq(looked_up.clone()));
            let of_both = looked_up.filter_map(|(key, (l, r))| Some((key, (l, r?))));
            prop_assert!(both(&left, &right).eq(of_both));
        }
    }
}
