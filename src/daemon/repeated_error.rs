//! A failure that lasts is told when it begins and then now and again: a log
//! full of one line hides the next.

use std::time::Duration;

use sweetspot_core::types::time::Timestamp;

/// After this long a lasting failure is told again.
const TOLD_AGAIN: Duration = Duration::from_secs(600);

/// The failure told last.
#[derive(Debug, Default)]
pub struct RepeatedError(Option<(String, Timestamp)>);

impl RepeatedError {
    /// Whether `failure` is to be told now.
    pub fn is_news(&mut self, failure: &str, now: Timestamp) -> bool {
        let known = self.0.as_ref().is_some_and(|(told, at)| {
            told == failure && (Duration::ZERO..TOLD_AGAIN).contains(&now.since(*at))
        });
        if !known {
            self.0 = Some((failure.to_owned(), now));
        }
        !known
    }

    /// It is over: the next failure is news, whichever it is.
    pub fn is_over(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_failure_is_told_every_ten_minutes_and_another_at_once() {
        let at = Timestamp::from_secs;
        let mut repeated_error = RepeatedError::default();
        assert!(repeated_error.is_news("no macaroon", at(0)));
        assert!(!repeated_error.is_news("no macaroon", at(15)));
        assert!(repeated_error.is_news("no certificate", at(30)));
        assert!(!repeated_error.is_news("no certificate", at(629)));
        assert!(repeated_error.is_news("no certificate", at(630)));
        repeated_error.is_over();
        assert!(repeated_error.is_news("no certificate", at(631)));
    }
}
