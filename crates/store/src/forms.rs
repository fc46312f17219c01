//! What is stored of the core's values: the JSON of each, apart from the types
//! that the controller works with.
//!
//! A form holds the field names and the units that the database has, so that a
//! type of the core can be renamed or rebuilt without a migration. Between the
//! two stands [`Form`]: each side is taken apart field by field, so a field added
//! to a type of the core does not compile until its form says how it is stored.
//! Numbers are stored in the unit of the core's type: times in nanoseconds since
//! the Unix epoch, rates in ppm, amounts in sat or msat as named, spans as whole
//! seconds and nanoseconds. A number out of its type's range is refused while it
//! is read. Floats read back bit for bit.
//!
//! # Versions
//! - A field that an older program did not write has a serde default, which each
//!   form names; a field that is an `Option` reads as `None`.
//! - A field that a newer program wrote and this one does not know is passed over.
//! - A change that an older program would misread (another meaning, a field taken
//!   away) takes the next number: of the memories' `format` column, which this
//!   program leaves alone where it is higher than its own, or else of the
//!   migrations, where a higher one keeps this program from opening the database.

mod channel;
mod checkpoint;
mod clock;
mod cycle_input;
mod decision;
mod discount;
mod fee_change;
mod ids;
mod level;
mod market;
mod max_htlc;
mod memory;
mod meter;
mod node_settings;
mod plain;
mod prune;
mod settings;
#[cfg(test)]
mod tests;

pub(crate) use channel::ChannelForm;
pub(crate) use checkpoint::{CheckpointForm, CheckpointWritten};
pub(crate) use cycle_input::CycleInputForm;
pub(crate) use decision::{DecisionForm, TriggerForm};
pub(crate) use fee_change::StageForm;
pub(crate) use ids::PointForm;
pub(crate) use market::NodeMarketForm;
pub(crate) use memory::{ChannelMemoryForm, NodeMemoryForm};
pub(crate) use settings::ChannelSettingsForm;

use serde::Serialize;
use serde_json::Value;

use super::patch;
use sweetspot_core::state::memory::{ChannelMemory, NodeMemory};

/// What is stored of a value of type `T`.
pub(crate) trait Form<T>: Sized {
    /// What to store of a value.
    fn of(value: &T) -> Self;

    /// The value that was stored.
    fn into_core(self) -> T;
}

/// A form that can tell two values apart field by field, by the names of the core's
/// type: nothing is spent on what they have in common.
pub(crate) trait ByField<T> {
    /// What is stored of the fields in which the values differ, of each. What would not
    /// read back as it was is an error.
    fn differing(old: &T, new: &T) -> Result<[serde_json::Map<String, Value>; 2], String>;

    /// Changes the fields that a merge patch names. An error where one cannot be told
    /// without its serde default: then nothing is changed.
    fn patch(value: &mut T, told: &serde_json::Map<String, Value>) -> Result<(), String>;
}

/// A field after a merge patch of it.
fn patched<F, T>(before: &T, told: &Value) -> Result<T, String>
where
    F: Form<T> + Serialize + serde::de::DeserializeOwned,
{
    let told = match told.clone() {
        Value::Object(told) => {
            let before = serde_json::to_value(F::of(before)).map_err(|error| error.to_string())?;
            patch::onto(before, told)
        }
        told => told,
    };
    let form: F = serde_json::from_value(told).map_err(|error| error.to_string())?;
    Ok(form.into_core())
}

/// What is stored of a field, which must read back.
fn told<F, T>(value: &T) -> Result<Value, String>
where
    F: Form<T> + Serialize + serde::de::DeserializeOwned,
    T: PartialEq,
{
    let told = serde_json::to_value(F::of(value)).map_err(|error| error.to_string())?;
    let read: F = serde_json::from_value(told.clone()).map_err(|error| error.to_string())?;
    match read.into_core() == *value {
        true => Ok(told),
        false => Err("it does not read back as it was".to_owned()),
    }
}

/// A struct whose stored fields are those of a struct of the core, each in its
/// own form. A field stored by another name says so by `#[serde(rename)]`.
macro_rules! form {
    ($(#[$about:meta])* struct $form:ident of $core:ident {
        $($(#[$attribute:meta])* $field:ident: $type:ty,)+
    }) => {
        #[derive(Debug, serde::Serialize, serde::Deserialize)]
        $(#[$about])*
        pub(crate) struct $form {
            $($(#[$attribute])* $field: $type,)+
        }

        impl $crate::forms::ByField<$core> for $form {
            fn differing(
                old: &$core,
                new: &$core,
            ) -> Result<[serde_json::Map<String, serde_json::Value>; 2], String> {
                let mut told = [serde_json::Map::new(), serde_json::Map::new()];
                $(if old.$field != new.$field {
                    for (told, value) in told.iter_mut().zip([&old.$field, &new.$field]) {
                        let value = $crate::forms::told::<$type, _>(value)?;
                        told.insert(stringify!($field).to_owned(), value);
                    }
                })+
                Ok(told)
            }

            fn patch(
                value: &mut $core,
                told: &serde_json::Map<String, serde_json::Value>,
            ) -> Result<(), String> {
                let mut changed = value.clone();
                for (name, told) in told {
                    match name.as_str() {
                        $(stringify!($field) => {
                            changed.$field =
                                $crate::forms::patched::<$type, _>(&value.$field, told)?;
                        })+
                        // What a newer program wrote is passed over.
                        _ => {}
                    }
                }
                *value = changed;
                Ok(())
            }
        }

        impl $crate::forms::Form<$core> for $form {
            fn of(value: &$core) -> Self {
                let $core { $($field),+ } = value;
                Self { $($field: $crate::forms::Form::of($field)),+ }
            }

            fn into_core(self) -> $core {
                let Self { $($field),+ } = self;
                $core { $($field: $crate::forms::Form::into_core($field)),+ }
            }
        }
    };
}
use form;

/// An enum whose stored variants are those of an enum of the core, in snake case
/// unless `#[serde(rename)]` says otherwise.
macro_rules! form_enum {
    ($(#[$about:meta])* enum $form:ident of $core:ident {
        $($(#[$attribute:meta])* $variant:ident
            $({ $($field:ident: $type:ty),+ $(,)? })?
            $(($inner:ident: $inner_type:ty))?,)+
    }) => {
        #[derive(Debug, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        $(#[$about])*
        pub(crate) enum $form {
            $($(#[$attribute])* $variant $({ $($field: $type),+ })? $(($inner_type))?,)+
        }

        impl $crate::forms::Form<$core> for $form {
            fn of(value: &$core) -> Self {
                match value {
                    $($core::$variant $({ $($field),+ })? $(($inner))? => Self::$variant
                        $({ $($field: $crate::forms::Form::of($field)),+ })?
                        $(($crate::forms::Form::of($inner)))?,)+
                }
            }

            fn into_core(self) -> $core {
                match self {
                    $(Self::$variant $({ $($field),+ })? $(($inner))? => $core::$variant
                        $({ $($field: $crate::forms::Form::into_core($field)),+ })?
                        $(($crate::forms::Form::into_core($inner)))?,)+
                }
            }
        }
    };
}
use form_enum;

/// Gives a form the stored fields of the core's default value, for those that an
/// older program did not write.
macro_rules! default_of {
    ($form:ident, $core:ident) => {
        impl Default for $form {
            fn default() -> Self {
                $crate::forms::Form::<$core>::of(&$core::default())
            }
        }
    };
}
use default_of;

/// A channel's memory as it is stored, to name what differs between two.
pub fn channel_memory_as_stored(memory: &ChannelMemory) -> impl Serialize + use<> {
    ChannelMemoryForm::of(memory)
}

/// The node's memory as it is stored, to name what differs between two.
pub fn node_memory_as_stored(memory: &NodeMemory) -> impl Serialize + use<> {
    NodeMemoryForm::of(memory)
}
