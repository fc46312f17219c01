//! A channel as the node describes it: identities, balances, policies.
//!
//! Channels are keyed by their channel point (the funding outpoint), the one
//! name that never changes. A scid is LND's internal number for the channel; a
//! zero-conf channel starts with an alias and gets a confirmed scid later, so
//! several scids may mean one channel ([`ChannelIds`]).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::types::clean_text::CleanText;
use crate::types::format::grouped_signed;
use crate::types::units::{BlockHeight, FeePpm, Msat, Sat};

/// Why a text is no channel point, scid or peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseIdError {
    /// Not a channel point.
    #[error(
        "`{0}` is not a channel point: it must be <funding txid, 64 hex digits>:<output index>"
    )]
    ChannelPoint(CleanText),
    /// Not a scid.
    #[error(
        "`{0}` is not a short channel id: it must be <block>x<transaction>x<output> (850000x12x1) or its integer form"
    )]
    Scid(CleanText),
    /// Not a public key.
    #[error("`{0}` is not a node's public key: it must be 66 hex digits beginning with 02 or 03")]
    PeerId(CleanText),
}

/// The funding outpoint of a channel, in display byte order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "String")]
pub struct ChannelPoint {
    /// The funding transaction's id, in the byte order in which it is displayed.
    pub txid: [u8; 32],
    /// The index of the funding output.
    pub output_index: u32,
}

impl Ord for ChannelPoint {
    /// Bytes in their order, then outputs. Ids of transactions differ in their first
    /// bytes, and a cycle compares points more often than it does anything else: one
    /// comparison of numbers does it.
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let head = |point: &Self| {
            let [a, b, c, d, e, f, g, h, ..] = point.txid;
            u64::from_be_bytes([a, b, c, d, e, f, g, h])
        };
        let heads = head(self).cmp(&head(other));
        heads.then_with(|| (self.txid, self.output_index).cmp(&(other.txid, other.output_index)))
    }
}

impl PartialOrd for ChannelPoint {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Bytes by their hexadecimal digits, two for each, and nothing before or after them.
fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let decoded = text.len() == 2 * N && hex::decode_to_slice(text, &mut bytes).is_ok();
    decoded.then_some(bytes)
}

impl FromStr for ChannelPoint {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || ParseIdError::ChannelPoint(text.into());
        let (txid_hex, index) = text.split_once(':').ok_or_else(fault)?;
        let txid = digits(txid_hex).ok_or_else(fault)?;
        let output_index = index.parse().map_err(|_| fault())?;
        Ok(Self { txid, output_index })
    }
}

impl fmt::Display for ChannelPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", hex::encode(self.txid), self.output_index)
    }
}

impl fmt::Debug for ChannelPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<ChannelPoint> for String {
    fn from(point: ChannelPoint) -> Self {
        point.to_string()
    }
}

impl TryFrom<String> for ChannelPoint {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// A short channel id (BOLT 7): 3 bytes of block height, 3 of transaction
/// index, 2 of output index. LND's aliases use the same form with block
/// heights from 16,000,000 up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub struct Scid(pub u64);

/// As text: the number has more digits than a reader of JSON may keep.
impl From<Scid> for String {
    fn from(scid: Scid) -> Self {
        scid.to_string()
    }
}

impl Scid {
    /// LND's first alias block height (`aliasmgr`): no real block is this high.
    pub const FIRST_ALIAS_BLOCK: u32 = 16_000_000;

    /// The height of the block that confirmed the channel; `None` for an alias
    /// and for the empty id.
    pub fn block(self) -> Option<BlockHeight> {
        let height = u32::try_from(self.0 >> 40).ok()?;
        (height > 0 && height < Self::FIRST_ALIAS_BLOCK).then_some(BlockHeight(height))
    }
}

impl FromStr for Scid {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || ParseIdError::Scid(text.into());
        if let Ok(number) = text.parse() {
            return Ok(Self(number));
        }
        let parts: Vec<u64> = text
            .split(['x', ':'])
            .map(|part| part.parse().map_err(|_| fault()))
            .collect::<Result<_, _>>()?;
        match parts[..] {
            [block, tx, output] if block < 1 << 24 && tx < 1 << 24 && output < 1 << 16 => {
                Ok(Self(block << 40 | tx << 16 | output))
            }
            _ => Err(fault()),
        }
    }
}

impl fmt::Display for Scid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}x{}x{}",
            self.0 >> 40,
            self.0 >> 16 & 0xff_ffff,
            self.0 & 0xffff
        )
    }
}

impl fmt::Debug for Scid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A node's identity public key, compressed (33 bytes).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub struct PeerId(pub [u8; 33]);

impl PeerId {
    /// The start of the key: enough to tell a node's peers apart.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl FromStr for PeerId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match digits(text) {
            Some(key) if matches!(key[0], 2 | 3) => Ok(Self(key)),
            _ => Err(ParseIdError::PeerId(text.into())),
        }
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<PeerId> for String {
    fn from(peer: PeerId) -> Self {
        peer.to_string()
    }
}

impl TryFrom<String> for PeerId {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// The inbound fee of a channel (LND 0.18 and later). Negative parts are a
/// discount for flow that enters here; the total fee of a forward floors at 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InboundFee {
    /// The flat part, in msat per forward.
    pub base_fee_msat: i32,
    /// The proportional part, in ppm of the amount that leaves plus its
    /// outbound fee.
    pub rate_ppm: i32,
}

/// The parts of a policy that price a forward: what a fee manager may set, and
/// what makes a change foreign when someone else sets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FeeParts {
    /// The flat outbound fee, in msat per forward.
    pub base_fee_msat: u32,
    /// The outbound rate.
    pub outbound: FeePpm,
    /// The inbound fee.
    pub inbound: InboundFee,
}

impl FeeParts {
    /// The outbound rate, and the base fee and the inbound rate where they are
    /// others than `before`: `600 ppm with 0 msat base and -30 ppm inbound`.
    pub fn told_after(&self, before: Option<Self>) -> String {
        let before = before.unwrap_or(*self);
        let base = (before.base_fee_msat != self.base_fee_msat)
            .then(|| format!("{} base", Msat(self.base_fee_msat.into())));
        let inbound = (before.inbound.rate_ppm != self.inbound.rate_ppm).then(|| {
            format!(
                "{} ppm inbound",
                grouped_signed(self.inbound.rate_ppm.into())
            )
        });
        let beside: Vec<String> = base.into_iter().chain(inbound).collect();
        match beside.is_empty() {
            true => self.outbound.to_string(),
            false => format!("{} with {}", self.outbound, beside.join(" and ")),
        }
    }
}

/// One side's routing policy of a channel (BOLT 7's `channel_update`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// The parts that price a forward.
    pub fees: FeeParts,
    /// The CLTV delta, in blocks.
    pub time_lock_delta: u32,
    /// The smallest HTLC that is forwarded.
    pub min_htlc: Msat,
    /// The largest HTLC that is forwarded.
    pub max_htlc: Msat,
    /// Whether the direction is switched off for routing.
    pub disabled: bool,
    /// When LND last signed it, in Unix seconds. LND signs anew each day and
    /// at enable/disable, so this is **not** when the fee last changed.
    pub last_update_secs: u32,
}

/// An open channel as one read of the node showed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Channel {
    /// The key.
    pub point: ChannelPoint,
    /// LND's internal scid; an alias for a zero-conf channel.
    pub scid: Scid,
    /// Every other scid that means this channel (aliases, the confirmed scid).
    pub other_scids: Vec<Scid>,
    /// The other node.
    pub peer: PeerId,
    /// The other node's alias, if the node knows it.
    pub peer_alias: Option<CleanText>,
    /// The funding amount.
    pub capacity: Sat,
    /// Our settled balance; net of the commit fee where we pay it.
    pub local_balance: Sat,
    /// The peer's settled balance; net of the commit fee where it pays it.
    pub remote_balance: Sat,
    /// What we have offered in pending HTLCs.
    pub pending_out: Sat,
    /// What the peer has offered in pending HTLCs.
    pub pending_in: Sat,
    /// What we must keep: our channel reserve.
    pub local_reserve: Sat,
    /// The most that our HTLCs in flight may add up to, as the peer has it since the
    /// channel was opened: LND refuses a larger max HTLC. `None` if it is not known.
    pub max_in_flight: Option<Msat>,
    /// Whether we opened the channel, and so pay its commit fee.
    pub initiator: bool,
    /// Whether the channel is unannounced.
    pub private: bool,
    /// Whether the peer is online and the link can forward.
    pub active: bool,
    /// Whether it carries assets (LND's custom channel data): its balances in
    /// satoshis are then not what is forwarded.
    pub carries_assets: bool,
    /// Whether our direction is disabled while the peer is online: by the operator,
    /// or by LND for the minutes after the peer is back.
    pub switched_off: bool,
    /// Our policy; `None` if the node's graph has no edge for it, or it could not
    /// be read.
    pub policy: Option<Policy>,
    /// Why our policy could not be read: the call, and what it said.
    pub policy_error: Option<CleanText>,
    /// The peer's policy; `None` if the peer never sent one.
    pub peer_policy: Option<Policy>,
}

impl Channel {
    /// The local ratio, 0 to 1, unmoved by pending HTLCs and the commit fee:
    /// a pending HTLC counts for whoever offered it until it settles, and what
    /// the commitment pays in fees and anchors counts for the initiator, who
    /// pays it. A zero capacity has no balance to speak of: 0.5.
    pub fn local_ratio(&self) -> f64 {
        if self.capacity.0 == 0 {
            return 0.5;
        }
        let local = self.local_balance.0.saturating_add(self.pending_out.0);
        let remote = self.remote_balance.0.saturating_add(self.pending_in.0);
        let overhead = self.capacity.0.saturating_sub(local).saturating_sub(remote);
        let ours = if self.initiator {
            local.saturating_add(overhead)
        } else {
            local
        };
        (Sat(ours).as_f64() / self.capacity.as_f64()).clamp(0.0, 1.0)
    }

    /// What we could forward out now: the settled balance above our reserve.
    pub fn spendable(&self) -> Sat {
        Sat(self.local_balance.0.saturating_sub(self.local_reserve.0))
    }

    /// Every scid that means this channel.
    pub fn scids(&self) -> impl Iterator<Item = Scid> + '_ {
        std::iter::once(self.scid).chain(self.other_scids.iter().copied())
    }

    /// How many blocks deep the channel is, by its scids; `None` while it is
    /// known by aliases only.
    pub fn age_blocks(&self, tip: BlockHeight) -> Option<u32> {
        let opened = self.scids().find_map(Scid::block)?;
        Some(tip.0.saturating_sub(opened.0))
    }

    /// The peer as an operator knows it: its alias, or the start of its key.
    pub fn peer_name(&self) -> CleanText {
        match &self.peer_alias {
            Some(alias) if !alias.is_empty() => alias.clone(),
            _ => self.peer.short().as_str().into(),
        }
    }
}

/// Which channel each scid or alias means. Names are never forgotten while the
/// process lives: history goes on naming a channel by the scid it had then.
#[derive(Clone, Debug, Default)]
pub struct ChannelIds(BTreeMap<Scid, ChannelPoint>);

impl ChannelIds {
    /// Learns one name; tells whether it meant something else, or nothing, before.
    pub fn insert(&mut self, scid: Scid, point: ChannelPoint) -> bool {
        scid.0 != 0 && self.0.insert(scid, point) != Some(point)
    }

    /// Learns every name of `channel`; tells whether any was new.
    pub fn learn(&mut self, channel: &Channel) -> bool {
        let mut new = false;
        for scid in channel.scids() {
            new |= self.insert(scid, channel.point);
        }
        new
    }

    /// The channel that `scid` means.
    pub fn resolve(&self, scid: Scid) -> Option<ChannelPoint> {
        self.0.get(&scid).copied()
    }

    /// All names, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Scid, ChannelPoint)> + '_ {
        self.0.iter().map(|(scid, point)| (*scid, *point))
    }
}

#[cfg(test)]
mod tests;
