//! Numbers with a unit, and collections.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use sweetspot_core::types::channel::Scid;
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{BlockHeight, FeePpm, Msat, Sat};

use super::Form;

/// Values that are stored as they are.
macro_rules! as_they_are {
    ($($type:ty),+) => {
        $(impl Form<$type> for $type {
            fn of(value: &$type) -> Self {
                value.clone()
            }

            fn into_core(self) -> $type {
                self
            }
        })+
    };
}

as_they_are!(bool, i32, i64, u32, u64, usize, f64, String, Duration);

/// Numbers that the core keeps in a type of their unit.
macro_rules! by_number {
    ($($unit:ident($number:ty)),+) => {
        $(impl Form<$unit> for $number {
            fn of(value: &$unit) -> Self {
                value.0
            }

            fn into_core(self) -> $unit {
                $unit(self)
            }
        })+
    };
}

by_number!(
    FeePpm(u32),
    Msat(u64),
    Sat(u64),
    BlockHeight(u32),
    Scid(u64)
);

/// An older program stored texts as they came: they are cleaned as they are read.
impl Form<CleanText> for String {
    fn of(value: &CleanText) -> Self {
        value.to_string()
    }

    fn into_core(self) -> CleanText {
        self.into()
    }
}

/// In nanoseconds since the Unix epoch.
impl Form<Timestamp> for i64 {
    fn of(value: &Timestamp) -> Self {
        value.nanos()
    }

    fn into_core(self) -> Timestamp {
        Timestamp::from_nanos(self)
    }
}

impl<F: Form<T>, T> Form<Option<T>> for Option<F> {
    fn of(value: &Option<T>) -> Self {
        value.as_ref().map(F::of)
    }

    fn into_core(self) -> Option<T> {
        self.map(F::into_core)
    }
}

impl<F: Form<T>, T> Form<Vec<T>> for Vec<F> {
    fn of(value: &Vec<T>) -> Self {
        value.iter().map(F::of).collect()
    }

    fn into_core(self) -> Vec<T> {
        self.into_iter().map(F::into_core).collect()
    }
}

impl<F: Form<T>, T> Form<VecDeque<T>> for Vec<F> {
    fn of(value: &VecDeque<T>) -> Self {
        value.iter().map(F::of).collect()
    }

    fn into_core(self) -> VecDeque<T> {
        self.into_iter().map(F::into_core).collect()
    }
}

impl<A: Form<T>, B: Form<U>, T, U> Form<(T, U)> for (A, B) {
    fn of((first, second): &(T, U)) -> Self {
        (A::of(first), B::of(second))
    }

    fn into_core(self) -> (T, U) {
        (self.0.into_core(), self.1.into_core())
    }
}

impl<A: Form<K> + Ord, B: Form<V>, K: Ord, V> Form<BTreeMap<K, V>> for BTreeMap<A, B> {
    fn of(value: &BTreeMap<K, V>) -> Self {
        value.iter().map(|(k, v)| (A::of(k), B::of(v))).collect()
    }

    fn into_core(self) -> BTreeMap<K, V> {
        self.into_iter()
            .map(|(k, v)| (k.into_core(), v.into_core()))
            .collect()
    }
}
