//! Reads `[ledger]`: what beside forwards is kept book of.

use super::reader::{Reader, Section};
use super::values;
use sweetspot_lnd::{CHAIN_COSTS_URI, HTLCS_URI, PAYMENTS_URI};

/// What is kept book of; each needs a permission of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerSettings {
    /// Payments of the node to itself.
    pub rebalances: bool,
    /// What channels cost on the chain.
    pub on_chain: bool,
    /// HTLCs that the node fails itself.
    pub failed_htlcs: bool,
}

impl LedgerSettings {
    /// The RPCs it takes, as macaroon URIs, each with what is lost without it.
    pub fn needs(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        [
            (
                self.rebalances,
                PAYMENTS_URI,
                "what rebalancing costs is not known",
            ),
            (
                self.on_chain,
                CHAIN_COSTS_URI,
                "what channels cost on the chain is not known",
            ),
            (
                self.failed_htlcs,
                HTLCS_URI,
                "what cannot be forwarded is not known",
            ),
        ]
        .into_iter()
        .filter_map(|(wanted, uri, lost)| wanted.then_some((uri, lost)))
    }
}

/// Reads `[ledger]`.
pub(super) fn ledger<'t>(reader: &mut Reader<'t>, mut section: Section<'t>) -> LedgerSettings {
    let mut flag = |name| section.read(reader, name, values::flag).unwrap_or(false);
    let settings = LedgerSettings {
        rebalances: flag("rebalances"),
        on_chain: flag("on_chain"),
        failed_htlcs: flag("failed_htlcs"),
    };
    section.finish(reader);
    settings
}
