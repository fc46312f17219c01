//! Who is logged in: few, for some hours, in this run only.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::Instant;

/// How long a session lasts.
const LASTS: Duration = Duration::from_secs(12 * 3_600);

/// Sessions at once; the oldest gives way.
const MOST: usize = 32;

/// The cookie's name.
pub const COOKIE: &str = "sweetspot_session";

/// One who has logged in.
#[derive(Clone, Debug)]
pub struct Session {
    /// What each form must repeat: other sites cannot read it.
    pub csrf: String,
    /// The start of its number, for the log.
    pub name: String,
}

struct Held {
    /// Of the cookie's value: to look it up tells nothing of it.
    digest: Vec<u8>,
    session: Session,
    begun: Instant,
}

/// All sessions.
#[derive(Default)]
pub struct Sessions(Mutex<Vec<Held>>);

impl Sessions {
    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|held| held.begun.elapsed() < LASTS);
        held
    }

    /// A new one, and the value of its cookie; `None` without random numbers.
    pub fn begin(&self) -> Option<(String, Session)> {
        let (value, csrf) = (random()?, random()?);
        let digest = digest(&SHA256, value.as_bytes()).as_ref().to_vec();
        let session = Session {
            csrf,
            name: hex::encode(digest.get(..4)?),
        };
        let mut held = self.held();
        if held.len() >= MOST {
            held.remove(0);
        }
        held.push(Held {
            digest,
            session: session.clone(),
            begun: Instant::now(),
        });
        Some((value, session))
    }

    /// The one whose cookie this is.
    pub fn find(&self, value: &str) -> Option<Session> {
        let wanted = digest(&SHA256, value.as_bytes());
        let held = self.held();
        let found = held.iter().find(|held| held.digest == wanted.as_ref());
        found.map(|held| held.session.clone())
    }

    /// Ends it.
    pub fn end(&self, value: &str) {
        let wanted = digest(&SHA256, value.as_bytes());
        self.held().retain(|held| held.digest != wanted.as_ref());
    }
}

impl Session {
    /// Whether a form repeats what it must. What is compared are digests: how long that
    /// takes tells nothing of the texts.
    pub fn sent(&self, csrf: &str) -> bool {
        let of = |text: &str| digest(&SHA256, text.as_bytes());
        of(&self.csrf).as_ref() == of(csrf).as_ref()
    }
}

fn random() -> Option<String> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_session_is_found_by_its_cookie_until_it_ends() {
        let sessions = Sessions::default();
        let (cookie, session) = sessions.begin().expect("random numbers");
        assert!(sessions.find(&cookie).expect("it").sent(&session.csrf));
        assert!(!session.sent(""));
        assert!(sessions.find(&session.csrf).is_none());
        sessions.end(&cookie);
        assert!(sessions.find(&cookie).is_none());
        let (cookie, _) = sessions.begin().expect("random numbers");
        tokio::time::advance(LASTS).await;
        assert!(sessions.find(&cookie).is_none());
    }

    #[tokio::test]
    async fn sessions_are_few() {
        let sessions = Sessions::default();
        let (first, _) = sessions.begin().expect("random numbers");
        for _ in 0..MOST {
            sessions.begin().expect("random numbers");
        }
        assert!(sessions.find(&first).is_none());
        assert_eq!(sessions.held().len(), MOST);
    }
}
