//! What charge-lnd would set and what we would, channel by channel.

use std::collections::BTreeMap;

use super::charge_lnd::Imported;
use super::theirs::Theirs;
use crate::table::{Align, Plain};
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::settings::values::{BaseFee, Mode};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::units::FeePpm;

/// The comparison as a table of at most `width` characters a line. `ours` is what
/// the imported `book` has come to for the channels of `seen`.
pub fn table(
    imported: &Imported,
    book: &SettingsLayers,
    seen: &Observation,
    ours: &BTreeMap<ChannelPoint, Option<FeePpm>>,
    file: &dyn Fn(&str) -> Result<String, String>,
    width: usize,
) -> String {
    let mut table = Plain::default();
    table.column("peer", Align::Left, 0, Some(12));
    table.column("channel", Align::Left, 0, None);
    table.column("now", Align::Right, 0, None);
    table.column("charge-lnd", Align::Left, 0, Some(20));
    table.column("sweetspot", Align::Left, 0, Some(16));
    for channel in seen.channels.values() {
        let now = channel.policy.map(|policy| policy.fees);
        let settings = book.resolve(channel, seen.tip, seen.at);
        let base = match settings.base_fee {
            BaseFee::Set(msat) => Some(u64::from(msat)),
            BaseFee::Keep => None,
        };
        let proposed = ours.get(&channel.point).copied().flatten();
        let sweetspot = match (settings.mode, proposed) {
            (Mode::Ignore, _) => "left alone".to_owned(),
            (_, None) => "nothing now".to_owned(),
            (_, Some(ppm)) => fees(Some(ppm.0.into()), base),
        };
        let charge_lnd = match imported.theirs(channel, seen.tip, file) {
            Theirs::Alone(why) => format!("left alone ({why})"),
            Theirs::Untold(why) => format!("untold ({why})"),
            Theirs::Sets {
                section,
                fee_ppm,
                base_fee_msat,
            } => format!("{} ({section})", fees(fee_ppm, base_fee_msat)),
        };
        table.row(vec![
            channel.peer_name().to_string(),
            channel.scid.to_string(),
            now.map_or("-".to_owned(), |fees| grouped(fees.outbound.0.into())),
            charge_lnd,
            sweetspot,
        ]);
    }
    format!(
        "{}\n\nFee rates in ppm; \"+\" is a base fee in msat, where one is set.\nOf charge-lnd, \
         what its static sections set; other strategies are not told.",
        table.fit(width)
    )
}

/// `250 + 1,000`: a rate and a base fee, each where it is set.
fn fees(ppm: Option<u64>, base_msat: Option<u64>) -> String {
    let ppm = ppm.map_or("as it is".to_owned(), grouped);
    match base_msat {
        Some(msat) => format!("{ppm} + {}", grouped(msat)),
        None => ppm,
    }
}
