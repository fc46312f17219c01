//! How values become columns and back: the one place where unsigned numbers meet
//! SQLite's signed ones, and where the JSON of [`super::forms`] is written and read.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fault::Fault;
use sweetspot_core::types::channel::{ChannelPoint, PeerId, Scid};

/// A scid, bit for bit.
pub(super) fn scid_column(scid: Scid) -> i64 {
    scid.0.cast_signed()
}

/// The scid of a column.
pub(super) fn scid(column: i64) -> Scid {
    Scid(column.cast_unsigned())
}

/// A number as a column.
pub(super) fn number_column<N>(what: &'static str, value: N) -> Result<i64, Fault>
where
    N: TryInto<i64> + ToString + Copy,
{
    value.try_into().map_err(|_| Fault::OutOfRange {
        what,
        value: value.to_string(),
    })
}

/// The number of a column.
pub(super) fn number<N: TryFrom<i64>>(what: &'static str, column: i64) -> Result<N, Fault> {
    N::try_from(column).map_err(|_| Fault::OutOfRange {
        what,
        value: column.to_string(),
    })
}

/// The channel point of a column.
pub(super) fn point(column: &str) -> Result<ChannelPoint, Fault> {
    column
        .parse()
        .map_err(|error| Fault::unreadable("a channel point", error))
}

/// The public key of a column.
pub(super) fn peer(column: &str) -> Result<PeerId, Fault> {
    column
        .parse()
        .map_err(|error| Fault::unreadable("a public key", error))
}

/// A form as JSON that is known to read back: JSON has no word for a float
/// that is not a number, and a text that cannot be read is worse than none. Such a float
/// becomes `null`, so that a text without one need not be tried.
pub(super) fn json<F>(what: &'static str, form: &F) -> Result<String, Fault>
where
    F: Serialize + DeserializeOwned,
{
    let text = serde_json::to_string(form).map_err(|error| Fault::unreadable(what, error))?;
    if text.contains("null") {
        from_json::<F>(what, &text)?;
    }
    Ok(text)
}

/// The form in a JSON column.
pub(super) fn from_json<F: DeserializeOwned>(what: &'static str, text: &str) -> Result<F, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::unreadable(what, error))
}

/// The name under which a form without fields is stored.
pub(super) fn name<F: Serialize>(what: &'static str, form: F) -> Result<String, Fault> {
    match serde_json::to_value(form) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        Ok(other) => Err(Fault::unreadable(what, other.to_string())),
        Err(error) => Err(Fault::unreadable(what, error)),
    }
}

/// The form that is stored under `name`.
pub(super) fn named<F: DeserializeOwned>(what: &'static str, name: String) -> Result<F, Fault> {
    serde_json::from_value(serde_json::Value::String(name))
        .map_err(|error| Fault::unreadable(what, error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::forms::StageForm;

    proptest! {
        #[test]
        fn every_scid_reads_back_as_written(number in any::<u64>()) {
            prop_assert_eq!(scid(scid_column(Scid(number))), Scid(number));
        }

        #[test]
        fn every_float_reads_back_bit_for_bit(
            float in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO
        ) {
            let text = json("a float", &float).expect("finite");
            let back: f64 = from_json("a float", &text).expect("readable");
            prop_assert_eq!(back.to_bits(), float.to_bits());
        }
    }

    #[test]
    fn a_float_that_is_no_number_is_refused_at_writing() {
        assert!(json("a float", &f64::NAN).is_err());
        assert!(json("a float", &f64::INFINITY).is_err());
    }

    #[test]
    fn a_number_too_large_is_refused_with_its_name() {
        let fault = number_column("a fee", u64::MAX).expect_err("no i64");
        assert_eq!(
            fault.to_string(),
            "a fee of 18446744073709551615 is out of range"
        );
        assert!(number::<u32>("a rate", -1).is_err());
    }

    #[test]
    fn outcomes_are_stored_by_name() {
        let text = name("an outcome", StageForm::NotSeen).expect("a name");
        assert_eq!(text, "not_seen");
        assert_eq!(
            named::<StageForm>("an outcome", text).expect("an outcome"),
            StageForm::NotSeen
        );
    }
}
