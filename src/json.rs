//! What `--json` has in common: the version of its form, and how channels, fees
//! and amounts are named. docs/json.md describes it for those who read it.

mod decision;

use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};

pub use decision::DecisionJson;

use sweetspot_core::settings::keys::channel::{ChannelKey, ChannelLayer};
use sweetspot_core::settings::keys::written::Written;
use sweetspot_core::settings::keys::{Key, Layer};
use sweetspot_core::settings::values::ChannelSettings;
use sweetspot_core::types::channel::{Channel, ChannelPoint, FeeParts, PeerId, Scid};

/// The version of the form: one more with each change that a reader could trip
/// over. A new field is none.
pub const SCHEMA: u32 = 1;

/// How a channel is told.
#[derive(Clone, Debug, Serialize)]
pub struct Ids {
    /// The funding output.
    pub channel_point: ChannelPoint,
    /// `850000x12x1`.
    pub scid: Scid,
    /// The same as LND's `chan_id`: a number as text, for it has more digits than a
    /// reader of JSON may keep.
    #[serde(serialize_with = "as_number_text")]
    pub chan_id: Scid,
    /// The peer's public key.
    pub peer_pubkey: PeerId,
    /// What the peer calls itself, cleaned; null if that is not known.
    pub peer_alias: Option<String>,
}

impl Ids {
    /// Those of `channel`.
    pub fn of(channel: &Channel) -> Self {
        Self {
            channel_point: channel.point,
            scid: channel.scid,
            chan_id: channel.scid,
            peer_pubkey: channel.peer,
            peer_alias: channel.peer_alias.as_ref().map(ToString::to_string),
        }
    }

    /// The peer's alias, or the start of its key.
    pub fn peer_name(&self) -> String {
        match &self.peer_alias {
            Some(alias) if !alias.is_empty() => alias.clone(),
            _ => self.peer_pubkey.short(),
        }
    }
}

fn as_number_text<S: Serializer>(scid: &Scid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&scid.0)
}

/// Fees by names with their units.
pub fn fees<S: Serializer>(fees: &FeeParts, serializer: S) -> Result<S::Ok, S::Error> {
    let mut fields = serializer.serialize_struct("fees", 4)?;
    fields.serialize_field("fee_ppm", &fees.outbound.0)?;
    fields.serialize_field("base_fee_msat", &fees.base_fee_msat)?;
    fields.serialize_field("inbound_ppm", &fees.inbound.rate_ppm)?;
    fields.serialize_field("inbound_base_fee_msat", &fees.inbound.base_fee_msat)?;
    fields.end()
}

/// Settings under the names they have in the config.
pub fn by_key<S: Serializer>(settings: &ChannelSettings, serializer: S) -> Result<S::Ok, S::Error> {
    let mut values = serializer.serialize_map(None)?;
    for key in ChannelKey::ALL {
        match ChannelLayer::written(settings, *key) {
            Written::Pin(ppm) => {
                values.serialize_entry(key.name(), "pin")?;
                values.serialize_entry("pin_ppm", &ppm)?;
            }
            value => values.serialize_entry(key.name(), &value)?,
        }
    }
    values.end()
}
