//! LND's version, and what depends on it.

use std::fmt;

use sweetspot_core::types::clean_text::CleanText;

/// An LND release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LndVersion {
    /// The first number, zero so far.
    pub major: u32,
    /// The second number: what LND calls a major release.
    pub minor: u32,
    /// The third number.
    pub patch: u32,
}

/// The oldest release whose policies carry inbound fees.
pub const OLDEST_SUPPORTED: LndVersion = LndVersion::new(0, 18, 0);
/// The oldest release that finds an edge by its channel point.
const CHAN_INFO_BY_POINT: LndVersion = LndVersion::new(0, 18, 5);
/// The first release that takes no CLTV delta below 24 (`routing.MinCLTVDelta`).
const LONGER_CLTV: LndVersion = LndVersion::new(0, 21, 0);

/// Why a node's version will not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Too old.
    #[error("LND {0} is too old: sweetspot needs {OLDEST_SUPPORTED} or later")]
    TooOld(LndVersion),
    /// Not a version.
    #[error("`{0}` is not an LND version such as 0.18.0")]
    Unreadable(CleanText),
}

impl LndVersion {
    const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// The least CLTV delta, in blocks, with which it takes an update. Channels may
    /// have a lower one from an earlier release.
    pub fn least_cltv_delta(self) -> u32 {
        if self >= LONGER_CLTV { 24 } else { 18 }
    }

    /// Whether GetChanInfo takes a channel point.
    pub(super) fn finds_edges_by_point(self) -> bool {
        self >= CHAN_INFO_BY_POINT
    }
}

impl fmt::Display for LndVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Reads the version text of GetInfo and refuses what is too old.
pub fn check_version(text: &str) -> Result<LndVersion, VersionError> {
    let version = parse(text).ok_or_else(|| VersionError::Unreadable(text.into()))?;
    if version < OLDEST_SUPPORTED {
        return Err(VersionError::TooOld(version));
    }
    Ok(version)
}

fn parse(text: &str) -> Option<LndVersion> {
    let text = text.trim_start_matches('v');
    let numbers = text
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .next()?;
    let mut numbers = numbers.split('.').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some(LndVersion::new(next()?, next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_cltv_delta_depends_on_the_release() {
        for (text, least) in [
            ("0.18.0-beta", 18),
            ("0.20.1-beta", 18),
            ("0.21.0-beta", 24),
        ] {
            let version = check_version(text).expect("a version");
            assert_eq!(version.least_cltv_delta(), least, "{text}");
        }
    }

    #[test]
    fn lnds_version_texts_are_read() {
        let read = |text| check_version(text).map(|version| version.to_string());
        assert_eq!(
            read("0.21.2-beta commit=v0.21.2-beta"),
            Ok("0.21.2".to_owned())
        );
        assert_eq!(read("0.18.0-beta.rc1"), Ok("0.18.0".to_owned()));
        assert_eq!(read("1.0.0"), Ok("1.0.0".to_owned()));
    }

    #[test]
    fn an_old_or_strange_version_is_refused_with_a_reason() {
        let fault = |text| check_version(text).expect_err("refused").to_string();
        insta::assert_snapshot!(fault("0.17.5-beta"), @"LND 0.17.5 is too old: sweetspot needs 0.18.0 or later");
        insta::assert_snapshot!(fault("eclair"), @"`eclair` is not an LND version such as 0.18.0");
    }

    #[test]
    fn edges_are_found_by_point_since_0_18_5() {
        let finds = |text| {
            check_version(text)
                .expect("supported")
                .finds_edges_by_point()
        };
        assert!(!finds("0.18.4-beta"));
        assert!(finds("0.18.5-beta"));
        assert!(finds("0.21.0-beta"));
    }
}
