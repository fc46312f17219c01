//! The names by which rules know peers.
//!
//! A peer chooses its alias and may change it at any time; a rule that matches by
//! alias decides what may be written. So each pattern looks at a peer once: the
//! alias it finds then is pinned to the peer's key, and what the peer calls itself
//! later neither gains nor loses a rule. A pattern that is new in the config
//! looks at the aliases of that day.

use std::collections::{BTreeMap, BTreeSet};

use crate::settings::pattern::fits_alias;
use crate::types::channel::{Channel, PeerId};
use crate::types::clean_text::CleanText;
use crate::types::observation::Observation;

/// What a pattern found when it first looked at a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasPin {
    /// The peer's alias then: the one that counts.
    pub alias: CleanText,
    /// The later alias that the operator was last told of.
    pub told: Option<CleanText>,
}

/// Each pattern's pins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AliasPins(BTreeMap<(String, PeerId), AliasPin>);

/// A peer that calls itself by another name than a rule knows it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The peer.
    pub peer: PeerId,
    /// The pattern of the rule.
    pub pattern: String,
    /// The name that counts.
    pub known_as: CleanText,
    /// What it calls itself now.
    pub now: CleanText,
    /// Whether the rule is about it, by the name that counts.
    pub matches: bool,
}

impl AliasPins {
    /// Those that were stored.
    pub fn of(pins: impl IntoIterator<Item = (String, PeerId, AliasPin)>) -> Self {
        let keyed = |(pattern, peer, pin)| ((pattern, peer), pin);
        Self(pins.into_iter().map(keyed).collect())
    }

    /// Every pin: pattern, peer and what was found.
    pub fn iter(&self) -> impl Iterator<Item = (&str, PeerId, &AliasPin)> {
        let parts = self.0.iter();
        parts.map(|((pattern, peer), pin)| (pattern.as_str(), *peer, pin))
    }

    /// The alias by which a pattern knows a peer.
    pub fn alias(&self, pattern: &str, peer: PeerId) -> Option<&CleanText> {
        let key = (pattern.to_owned(), peer);
        self.0.get(&key).map(|pin| &pin.alias)
    }

    /// Has each of `patterns` look at each peer that it has not seen; pins of
    /// other patterns are dropped. Returns who has changed its name in a way that
    /// a rule would notice, and was not told of yet.
    pub fn learn(&mut self, patterns: &BTreeSet<&str>, seen: &Observation) -> Vec<Renamed> {
        if patterns.is_empty() {
            self.0.clear();
            return vec![];
        }
        self.0
            .retain(|(pattern, _), _| patterns.contains(pattern.as_str()));
        let aliases: BTreeMap<PeerId, &CleanText> = seen
            .channels
            .values()
            .filter_map(|channel| Some((channel.peer, channel.peer_alias.as_ref()?)))
            .collect();
        let mut renamed = vec![];
        for pattern in patterns {
            for (peer, alias) in &aliases {
                let key = ((*pattern).to_owned(), *peer);
                let pin = self.0.entry(key).or_insert_with(|| AliasPin {
                    alias: (*alias).clone(),
                    told: None,
                });
                renamed.extend(renamed_now(pattern, *peer, pin, alias));
            }
        }
        renamed
    }

    /// Peers whose present name a rule would judge otherwise than the one that
    /// counts, or that a rule is about under another name.
    pub fn renamed<'a>(&self, channels: impl IntoIterator<Item = &'a Channel>) -> Vec<Renamed> {
        let mut found = BTreeMap::new();
        for channel in channels {
            let Some(alias) = &channel.peer_alias else {
                continue;
            };
            let pins = self.iter().filter(|(_, peer, _)| *peer == channel.peer);
            for (pattern, peer, pin) in pins {
                let renamed = Renamed::of(pattern, peer, pin, alias);
                found.extend(renamed.map(|renamed| ((pattern, peer), renamed)));
            }
        }
        found.into_values().collect()
    }
}

impl Renamed {
    fn of(pattern: &str, peer: PeerId, pin: &AliasPin, alias: &CleanText) -> Option<Self> {
        let fits = |name: &CleanText| fits_alias(pattern, name);
        let matters = *alias != pin.alias && (fits(&pin.alias) || fits(alias));
        matters.then(|| Self {
            peer,
            pattern: pattern.to_owned(),
            known_as: pin.alias.clone(),
            now: alias.clone(),
            matches: fits(&pin.alias),
        })
    }
}

/// A change of name that is to be told, and is noted as told.
fn renamed_now(
    pattern: &str,
    peer: PeerId,
    pin: &mut AliasPin,
    alias: &CleanText,
) -> Option<Renamed> {
    let Some(renamed) = Renamed::of(pattern, peer, pin, alias) else {
        if *alias == pin.alias {
            pin.told = None;
        }
        return None;
    };
    let news = pin.told.as_ref() != Some(alias);
    pin.told = Some(alias.clone());
    news.then_some(renamed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::channel;

    fn named(names: &[(u8, Option<&str>)]) -> Observation {
        let channels = names.iter().map(|(n, alias)| {
            let channel = Channel {
                peer_alias: alias.map(CleanText::alias),
                ..channel(*n)
            };
            (channel.point, channel)
        });
        Observation {
            channels: channels.collect(),
            ..Observation::default()
        }
    }

    fn patterns(of: &[&'static str]) -> BTreeSet<&'static str> {
        of.iter().copied().collect()
    }

    #[test]
    fn the_first_name_that_a_pattern_sees_is_the_one_that_counts() {
        let mut pins = AliasPins::default();
        let acinq = patterns(&["ACINQ"]);
        let seen = named(&[(1, Some("ACINQ")), (2, Some("bob"))]);
        assert_eq!(pins.learn(&acinq, &seen), []);
        let swapped = named(&[(1, Some("bob")), (2, Some("acinq"))]);
        let told = pins.learn(&acinq, &swapped);
        let each: Vec<_> = told.iter().map(|r| (r.peer, r.matches)).collect();
        assert_eq!(each, [(channel(1).peer, true), (channel(2).peer, false)]);
        let known = |n| pins.alias("ACINQ", channel(n).peer).expect("pinned");
        assert_eq!((known(1).as_str(), known(2).as_str()), ("ACINQ", "bob"));
    }

    #[test]
    fn a_change_of_name_is_told_once_and_each_further_one() {
        let mut pins = AliasPins::default();
        let acinq = patterns(&["ACINQ"]);
        let as_ = |name| named(&[(1, Some(name))]);
        pins.learn(&acinq, &as_("bob"));
        let mut news = |name| pins.learn(&acinq, &as_(name)).len();
        // What no rule would notice is no news.
        assert_eq!(news("robert"), 0);
        assert_eq!((news("ACINQ"), news("ACINQ")), (1, 0));
        assert_eq!((news("acinq"), news("acinq")), (1, 0));
        assert_eq!((news("bob"), news("acinq")), (0, 1));
    }

    #[test]
    fn a_name_that_cannot_be_looked_up_is_neither_pinned_nor_news() {
        let mut pins = AliasPins::default();
        let acinq = patterns(&["ACINQ"]);
        pins.learn(&acinq, &named(&[(1, None), (2, Some("ACINQ"))]));
        assert_eq!(pins.alias("ACINQ", channel(1).peer), None);
        assert_eq!(pins.learn(&acinq, &named(&[(1, None), (2, None)])), []);
        assert!(pins.alias("ACINQ", channel(2).peer).is_some());
    }

    #[test]
    fn a_pattern_that_is_new_looks_at_the_names_of_that_day() {
        let mut pins = AliasPins::default();
        pins.learn(&patterns(&["ACINQ"]), &named(&[(1, Some("bob"))]));
        pins.learn(&patterns(&["ACINQ", "al*"]), &named(&[(1, Some("alice"))]));
        let peer = channel(1).peer;
        assert_eq!(pins.alias("al*", peer).expect("pinned").as_str(), "alice");
        assert_eq!(pins.alias("ACINQ", peer).expect("pinned").as_str(), "bob");
        pins.learn(&patterns(&["al*"]), &named(&[]));
        assert_eq!(pins.iter().count(), 1);
    }
}
