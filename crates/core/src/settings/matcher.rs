//! Which channels a rule or a schedule is about.

use crate::peers::ended::{Mark, Marks};
use crate::settings::alias_pins::AliasPins;
use crate::settings::latches::{Latches, Threshold};
use crate::settings::pattern::fits_alias;
use crate::types::channel::{Channel, ChannelPoint, PeerId, Scid};
use crate::types::units::{BlockHeight, Sat};

/// Blocks in a day, at ten minutes each.
const BLOCKS_PER_DAY: u32 = 144;

/// A channel as an operator names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChannelName {
    /// By its funding outpoint.
    Point(ChannelPoint),
    /// By any of its scids, aliases included.
    Scid(Scid),
}

impl ChannelName {
    /// Whether this names `channel`.
    pub fn names(&self, channel: &Channel) -> bool {
        match self {
            Self::Point(point) => channel.point == *point,
            Self::Scid(scid) => channel.scids().any(|known| known == *scid),
        }
    }
}

impl std::fmt::Display for ChannelName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Point(point) => point.fmt(f),
            Self::Scid(scid) => scid.fmt(f),
        }
    }
}

/// What conditions go by that a look at a channel does not show: remembered of earlier
/// cycles, not what the file says.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// The names by which rules know peers.
    pub names: AliasPins,
    /// Which conditions on what moves hold.
    pub latches: Latches,
    /// What peers did that they cannot undo.
    pub marks: Marks,
}

/// Conditions that must all hold; an empty list and `None` ask for nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matcher {
    /// The peer is one of these.
    pub peers: Vec<PeerId>,
    /// The channel is one of these.
    pub channels: Vec<ChannelName>,
    /// The peer's alias fits one of these patterns: `*` is any text, `?` any
    /// one character, case does not count. An unknown alias leaves it open.
    pub aliases: Vec<String>,
    /// The channel is unannounced, or is not.
    pub private: Option<bool>,
    /// We opened the channel, or the peer did.
    pub initiator: Option<bool>,
    /// The capacity is at least this.
    pub min_capacity: Option<Sat>,
    /// The capacity is at most this.
    pub max_capacity: Option<Sat>,
    /// The funding is at least so many days deep. A channel known only by
    /// aliases has no known age and fits no bound on it.
    pub min_age_days: Option<u32>,
    /// The funding is at most so many days deep.
    pub max_age_days: Option<u32>,
    /// Conditions on what moves: the balance, and what was forwarded.
    pub thresholds: Vec<Threshold>,
    /// The peer bears one of these marks.
    pub record: Vec<Mark>,
}

impl Matcher {
    /// Whether every condition holds for `channel`, its peer being known by the
    /// name it has now.
    pub fn matches(&self, channel: &Channel, tip: BlockHeight) -> bool {
        self.judge(channel, tip, &Remembered::default()) == Some(true)
    }

    /// Whether every condition holds for `channel`; `None` if that depends on an
    /// alias that is not known.
    pub fn judge(
        &self,
        channel: &Channel,
        tip: BlockHeight,
        remembered: &Remembered,
    ) -> Option<bool> {
        let latches = &remembered.latches;
        let moving = self.thresholds.iter().all(|at| at.holds(channel, latches));
        let fits = moving
            && self.fits_record(channel, &remembered.marks)
            && self.holds_beside_alias(channel, tip);
        match fits {
            true => self.fits_name(channel, &remembered.names),
            false => Some(false),
        }
    }

    fn fits_record(&self, channel: &Channel, marks: &Marks) -> bool {
        let bears = |mark| {
            let found = marks.get(&channel.peer);
            found.is_some_and(|found| found.contains(mark))
        };
        self.record.is_empty() || self.record.iter().any(bears)
    }

    /// The single names that are listed here, where there are several: each alone.
    pub fn one_by_one(&self) -> Vec<(String, Self)> {
        let alone = Self::default;
        let aliases = self.aliases.iter().map(|alias| {
            let aliases = vec![alias.clone()];
            (format!("alias {alias:?}"), Self { aliases, ..alone() })
        });
        let peers = self.peers.iter().map(|peer| {
            let peers = vec![*peer];
            (format!("peer {peer}"), Self { peers, ..alone() })
        });
        let channels = self.channels.iter().map(|name| {
            let channels = vec![*name];
            (
                format!("channel {name}"),
                Self {
                    channels,
                    ..alone()
                },
            )
        });
        aliases.chain(peers).chain(channels).collect()
    }

    fn fits_name(&self, channel: &Channel, names: &AliasPins) -> Option<bool> {
        if self.aliases.is_empty() {
            return Some(true);
        }
        let mut known = true;
        for glob in &self.aliases {
            let pinned = names.alias(glob, channel.peer);
            match pinned.or(channel.peer_alias.as_ref()) {
                Some(alias) if fits_alias(glob, alias) => return Some(true),
                Some(_) => {}
                None => known = false,
            }
        }
        known.then_some(false)
    }

    fn holds_beside_alias(&self, channel: &Channel, tip: BlockHeight) -> bool {
        let capacity = channel.capacity;
        let age_blocks = channel.age_blocks(tip);
        let fits_age = |days: u32, fits: fn(u32, u32) -> bool| {
            age_blocks.is_some_and(|age| fits(age, days.saturating_mul(BLOCKS_PER_DAY)))
        };
        (self.peers.is_empty() || self.peers.contains(&channel.peer))
            && (self.channels.is_empty() || self.channels.iter().any(|name| name.names(channel)))
            && self.private.is_none_or(|wanted| wanted == channel.private)
            && self
                .initiator
                .is_none_or(|wanted| wanted == channel.initiator)
            && self.min_capacity.is_none_or(|least| capacity >= least)
            && self.max_capacity.is_none_or(|most| capacity <= most)
            && self
                .min_age_days
                .is_none_or(|days| fits_age(days, |age, least| age >= least))
            && self
                .max_age_days
                .is_none_or(|days| fits_age(days, |age, most| age <= most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::alias_pins::AliasPin;
    use crate::testing::channel;
    use crate::types::clean_text::CleanText;

    const TIP: BlockHeight = BlockHeight(900_000);

    #[test]
    fn an_empty_matcher_takes_every_channel() {
        assert!(Matcher::default().matches(&channel(1), TIP));
    }

    #[test]
    fn every_condition_must_hold() {
        let both = Matcher {
            peers: vec![channel(1).peer],
            private: Some(true),
            ..Matcher::default()
        };
        assert!(!both.matches(&channel(1), TIP));
        let private = Channel {
            private: true,
            ..channel(1)
        };
        assert!(both.matches(&private, TIP));
        let other_peer = Channel {
            private: true,
            ..channel(2)
        };
        assert!(!both.matches(&other_peer, TIP));
    }

    #[test]
    fn capacity_and_age_bounds_are_inclusive() {
        let bounds = |least, most| Matcher {
            min_capacity: Some(Sat(least)),
            max_capacity: Some(Sat(most)),
            ..Matcher::default()
        };
        assert!(bounds(1_000_000, 1_000_000).matches(&channel(1), TIP));
        assert!(!bounds(1_000_001, 2_000_000).matches(&channel(1), TIP));
        assert!(!bounds(0, 999_999).matches(&channel(1), TIP));

        let opened = channel(1).scid.block().expect("a block").0;
        let at = |age_blocks| BlockHeight(opened + age_blocks);
        let young = Matcher {
            max_age_days: Some(10),
            ..Matcher::default()
        };
        assert!(young.matches(&channel(1), at(1_440)));
        assert!(!young.matches(&channel(1), at(1_441)));
        let old = Matcher {
            min_age_days: Some(10),
            ..Matcher::default()
        };
        assert!(old.matches(&channel(1), at(1_440)));
        assert!(!old.matches(&channel(1), at(1_439)));
    }

    #[test]
    fn an_unknown_age_or_alias_fits_no_bound_on_it() {
        let unknown = Channel {
            scid: "16000000x0x5".parse().expect("a scid"),
            peer_alias: None,
            ..channel(1)
        };
        for matcher in [
            Matcher {
                min_age_days: Some(0),
                ..Matcher::default()
            },
            Matcher {
                max_age_days: Some(u32::MAX),
                ..Matcher::default()
            },
            Matcher {
                aliases: vec!["*".to_owned()],
                ..Matcher::default()
            },
        ] {
            assert!(!matcher.matches(&unknown, TIP));
        }
    }

    #[test]
    fn a_pattern_copied_with_what_is_not_seen_fits_the_name_it_shows() {
        let channel = Channel {
            peer_alias: Some(CleanText::alias("\u{26a1}\u{fe0f} Node\u{200b}")),
            ..channel(1)
        };
        let copied = Matcher {
            aliases: vec!["\u{26a1}\u{fe0f} node*".to_owned()],
            ..Matcher::default()
        };
        assert!(copied.matches(&channel, TIP));
    }

    #[test]
    fn an_unknown_alias_leaves_open_only_what_depends_on_it() {
        let nameless = Channel {
            peer_alias: None,
            ..channel(1)
        };
        let by_alias = |private| Matcher {
            aliases: vec!["ACINQ".to_owned()],
            private,
            ..Matcher::default()
        };
        let judge = |matcher: &Matcher, names: &AliasPins| {
            let names = names.clone();
            let remembered = Remembered {
                names,
                ..Remembered::default()
            };
            matcher.judge(&nameless, TIP, &remembered)
        };
        let none = AliasPins::default();
        assert_eq!(judge(&by_alias(None), &none), None);
        assert_eq!(judge(&by_alias(Some(true)), &none), Some(false));
        assert_eq!(judge(&Matcher::default(), &none), Some(true));
        for (alias, expected) in [("acinq", true), ("bob", false)] {
            let pin = AliasPin {
                alias: alias.into(),
                told: None,
            };
            let pins = AliasPins::of([("ACINQ".to_owned(), nameless.peer, pin)]);
            assert_eq!(judge(&by_alias(None), &pins), Some(expected), "{alias}");
        }
    }

    #[test]
    fn a_record_fits_who_bears_one_of_its_marks() {
        let matcher = Matcher {
            record: vec![Mark::ForceClosed, Mark::Breached],
            ..Matcher::default()
        };
        let remembered = Remembered {
            marks: [(channel(1).peer, [Mark::Breached].into())].into(),
            ..Remembered::default()
        };
        let judge = |n| matcher.judge(&channel(n), TIP, &remembered);
        assert_eq!((judge(1), judge(2)), (Some(true), Some(false)));
    }

    #[test]
    fn a_channel_answers_to_its_point_and_to_every_scid() {
        let alias: Scid = "16000000x0x5".parse().expect("a scid");
        let zero_conf = Channel {
            other_scids: vec![alias],
            ..channel(1)
        };
        assert!(ChannelName::Scid(alias).names(&zero_conf));
        assert!(ChannelName::Scid(zero_conf.scid).names(&zero_conf));
        assert!(ChannelName::Point(zero_conf.point).names(&zero_conf));
        assert!(!ChannelName::Point(channel(2).point).names(&zero_conf));
    }
}
