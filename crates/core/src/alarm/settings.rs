//! Which alarms there are, and from when on each is one.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// What an alarm can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlarmKind {
    /// Income clearly fell over 14 days.
    IncomeFell,
    /// A channel that had a local balance has next to none.
    ChannelDrained,
    /// A peer is offline for long.
    PeerOffline,
    /// A channel is being closed by force, or by a broken promise.
    ForceClose,
    /// An HTLC hangs near its time-out, after which its channel is closed by force.
    HtlcTimeout,
    /// Somebody else changed a fee.
    ExternalChange,
    /// Fee updates come to nothing, one after the other.
    UpdatesFailing,
    /// The node does not answer, is locked, or refuses the macaroon.
    NodeUnreachable,
    /// The database cannot be read or written.
    DatabaseFailing,
    /// A channel is newly recommended for closing.
    Prune,
    /// What the operator prepares for will not be met as it goes.
    PrepareBehind,
    /// A cycle comes to no end.
    NoProgress,
}

impl AlarmKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::IncomeFell,
        Self::ChannelDrained,
        Self::PeerOffline,
        Self::ForceClose,
        Self::HtlcTimeout,
        Self::ExternalChange,
        Self::UpdatesFailing,
        Self::NodeUnreachable,
        Self::DatabaseFailing,
        Self::Prune,
        Self::PrepareBehind,
        Self::NoProgress,
    ];

    /// Its name in the config and in JSON.
    pub fn code(self) -> &'static str {
        match self {
            Self::IncomeFell => "income_fell",
            Self::ChannelDrained => "channel_drained",
            Self::PeerOffline => "peer_offline",
            Self::ForceClose => "force_close",
            Self::HtlcTimeout => "htlc_timeout",
            Self::ExternalChange => "external_change",
            Self::UpdatesFailing => "updates_failing",
            Self::NodeUnreachable => "node_unreachable",
            Self::DatabaseFailing => "database_failing",
            Self::Prune => "prune",
            Self::PrepareBehind => "prepare_behind",
            Self::NoProgress => "no_progress",
        }
    }

    /// What the operator does first.
    pub fn what_to_do(self) -> &'static str {
        match self {
            Self::IncomeFell => "see `sweetspot report` for the channels that earn less",
            Self::ChannelDrained => "see `sweetspot cycles` for ways to fill it",
            Self::PeerOffline => "look whether others reach it; `lncli connect` tries anew",
            Self::ForceClose => {
                "see `lncli pendingchannels`; keep lnd running and some sats on-chain until it \
                 has swept; after a breach the justice transaction has to confirm"
            }
            Self::HtlcTimeout => {
                "reconnect the peer (`lncli disconnect`, `lncli connect`); if it stays, restart \
                 lnd; otherwise the channel is closed by force at the time-out"
            }
            Self::ExternalChange => "`sweetspot release` takes the channel back at once",
            Self::UpdatesFailing => "see `sweetspot status` and lnd's log",
            Self::NodeUnreachable => "look whether lnd runs and is unlocked; `sweetspot check`",
            Self::DatabaseFailing => "look for a full disk; `sweetspot doctor`",
            Self::Prune => "see `sweetspot prune` before closing anything",
            Self::PrepareBehind => "see `sweetspot prepare`; spend, swap or open what is missing",
            Self::NoProgress => "see the log, then restart sweetspot",
        }
    }

    /// Whether it should wake somebody: money or the node is at stake now.
    pub fn is_urgent(self) -> bool {
        match self {
            Self::ForceClose
            | Self::HtlcTimeout
            | Self::UpdatesFailing
            | Self::NodeUnreachable
            | Self::DatabaseFailing
            | Self::NoProgress => true,
            Self::IncomeFell
            | Self::ChannelDrained
            | Self::PeerOffline
            | Self::ExternalChange
            | Self::Prune
            | Self::PrepareBehind => false,
        }
    }
}

impl fmt::Display for AlarmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// From when on what is seen is an alarm.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmSettings {
    /// The kinds that are never told.
    pub off: BTreeSet<AlarmKind>,
    /// The least fall of income, as a share, beside being a clear one.
    pub income_fall: f64,
    /// The local ratio below which a channel is drained.
    pub drained_ratio: f64,
    /// For how long.
    pub drained_after: Duration,
    /// How long a peer is offline.
    pub offline_after: Duration,
    /// How long the node, or the database, does not do as asked.
    pub unreachable_after: Duration,
    /// How long one cycle takes.
    pub stuck_after: Duration,
    /// How many updates fail in a row.
    pub failed_updates: u32,
    /// When what lasts is told again.
    pub remind_after: Duration,
    /// The most messages an hour to each service; the rest is put together.
    pub messages_per_hour: u32,
}

impl Default for AlarmSettings {
    fn default() -> Self {
        Self {
            off: BTreeSet::new(),
            // Less is within what an operator sees from one fortnight to the next.
            income_fall: 0.3,
            // Below this no ordinary payment fits through a channel of usual size.
            drained_ratio: 0.05,
            // Long enough for a rebalance, or a fee, to bring it back.
            drained_after: HOUR,
            // A day covers an upgrade, a move and a night without anyone to help.
            offline_after: HOUR.saturating_mul(24),
            // A restart of a large node takes minutes.
            unreachable_after: MINUTE.saturating_mul(15),
            // systemd's watchdog ends a stuck daemon after 15 minutes: this comes first.
            stuck_after: MINUTE.saturating_mul(10),
            // One or two meet a peer that reconnects.
            failed_updates: 3,
            remind_after: HOUR.saturating_mul(24),
            // Telegram and ntfy both take more; a person does not.
            messages_per_hour: 20,
        }
    }
}
