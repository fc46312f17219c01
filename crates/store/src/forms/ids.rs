//! Channel points and public keys, as the text that people know them by.

use std::fmt::{self, Display, Formatter};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sweetspot_core::types::channel::{ChannelPoint, PeerId};

use super::Form;

/// Stored as its text: a channel point as `<txid>:<output index>`, a public key
/// as hex digits. A text that names none is refused while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<T>(T);

pub(crate) type PointForm = Text<ChannelPoint>;
pub(crate) type PeerForm = Text<PeerId>;

impl<T: Copy> Form<T> for Text<T> {
    fn of(value: &T) -> Self {
        Self(*value)
    }

    fn into_core(self) -> T {
        self.0
    }
}

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor(PhantomData))
    }
}

/// Reads the text where it stands: it is read once for every channel and decision.
struct TextVisitor<T>(PhantomData<T>);

impl<T: FromStr<Err: Display>> Visitor<'_> for TextVisitor<T> {
    type Value = Text<T>;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        text.parse().map(Text).map_err(E::custom)
    }
}
