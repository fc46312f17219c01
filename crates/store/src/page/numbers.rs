//! The small numbers by which channels go on the pages of the journal.

use std::collections::BTreeMap;

use sweetspot_core::types::channel::ChannelPoint;

/// The number of each channel, to be found by either.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Numbers {
    by_point: BTreeMap<ChannelPoint, u32>,
    by_number: BTreeMap<u32, ChannelPoint>,
}

impl Numbers {
    /// A channel's number.
    pub fn of(&self, point: &ChannelPoint) -> Option<u32> {
        self.by_point.get(point).copied()
    }

    /// Whose number it is.
    pub fn point(&self, number: u32) -> Option<ChannelPoint> {
        self.by_number.get(&number).copied()
    }

    /// Every channel with its number, by number.
    pub fn by_number(&self) -> impl Iterator<Item = (u32, ChannelPoint)> {
        self.by_number
            .iter()
            .map(|(number, point)| (*number, *point))
    }

    /// Gives a channel this number, which is then no other's, nor has it another.
    pub fn insert(&mut self, point: ChannelPoint, number: u32) {
        self.remove(&point);
        if let Some(other) = self.by_number.insert(number, point) {
            self.by_point.remove(&other);
        }
        self.by_point.insert(point, number);
    }

    /// Takes a channel's number from it.
    pub fn remove(&mut self, point: &ChannelPoint) {
        if let Some(number) = self.by_point.remove(point) {
            self.by_number.remove(&number);
        }
    }

    /// The numbers of these channels, given in order: as here, or else the next one. None
    /// where the channels are the same.
    pub fn followed_by<'a>(
        &self,
        points: impl Iterator<Item = &'a ChannelPoint> + Clone,
    ) -> Option<Self> {
        if points.clone().eq(self.by_point.keys()) {
            return None;
        }
        let last = self.by_number.last_key_value();
        let mut next = last.map_or(0, |(last, _)| last.saturating_add(1));
        let mut numbers = Self::default();
        for point in points {
            let number = self.of(point).unwrap_or_else(|| {
                let new = next;
                next = next.saturating_add(1);
                new
            });
            numbers.insert(*point, number);
        }
        Some(numbers)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use sweetspot_core::testing::point;

    proptest! {
        #[test]
        fn a_channel_has_one_number_and_a_number_is_of_one_channel(
            told in proptest::collection::vec((0..4_u8, 0..4_u32, any::<bool>()), 0..20),
        ) {
            let mut numbers = Numbers::default();
            for (channel, number, comes) in told {
                match comes {
                    true => numbers.insert(point(channel), number),
                    false => numbers.remove(&point(channel)),
                }
                let last = comes.then_some(number);
                prop_assert_eq!(numbers.of(&point(channel)), last);
                prop_assert_eq!(numbers.by_point.len(), numbers.by_number.len());
                for (number, point) in numbers.by_number() {
                    prop_assert_eq!(numbers.of(&point), Some(number));
                    prop_assert_eq!(numbers.point(number), Some(point));
                }
            }
        }
    }

    #[test]
    fn who_stays_keeps_its_number_and_who_comes_takes_the_next() {
        let first = Numbers::default().followed_by([point(1), point(3)].iter());
        let first = first.expect("they came");
        assert_eq!(first.followed_by([point(1), point(3)].iter()), None);
        let then = first.followed_by([point(2), point(3)].iter());
        let then = then.expect("one came, one went");
        let expected = [(1, point(3)), (2, point(2))];
        assert!(then.by_number().eq(expected));
    }
}
