//! Who may look, and who may order: the password, and how often it may be guessed.

use std::path::PathBuf;
use std::time::Duration;

use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::config::WebSettings;
use crate::web::sessions::Sessions;

/// A password that can be guessed at [`TRIES`] per [`TRIES_SPAN`] needs no more.
const SHORTEST: usize = 8;

/// The longest password that is looked at.
const LONGEST: usize = 1_024;

/// Wrong passwords within [`TRIES_SPAN`], from anywhere: behind a reverse proxy all
/// come from one address. Whoever is logged in is not held up.
const TRIES: usize = 10;
const TRIES_SPAN: Duration = Duration::from_secs(300);

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The file cannot be read.
    #[error("cannot read web.password_file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It holds no password worth the name.
    #[error(
        "web.password_file {}: the first line must be a password of {SHORTEST} to {LONGEST} bytes",
        path.display()
    )]
    Odd {
        /// The file.
        path: PathBuf,
    },
    /// There is no randomness to be had.
    #[error("no random numbers for the page's sessions")]
    NoRandom,
}

/// What came of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It is the one.
    Right,
    /// It is not.
    Wrong,
    /// It was not looked at: too many were wrong lately.
    TooMany,
}

/// The password, the sessions that were begun with it, and the names of this place.
pub struct Access {
    password: Option<Password>,
    failures: Mutex<Vec<Instant>>,
    /// Those who logged in.
    pub sessions: Sessions,
    /// Names under which a browser may ask.
    pub hosts: Vec<String>,
}

/// Kept as its tag under a key of this run: two tags are compared in constant time
/// and tell nothing of the lengths.
struct Password {
    key: hmac::Key,
    tag: hmac::Tag,
}

impl Access {
    /// As the settings say.
    pub fn new(settings: &WebSettings) -> Result<Self, PasswordError> {
        let password = match &settings.password_file {
            None => None,
            Some(path) => {
                let text =
                    std::fs::read_to_string(path).map_err(|source| PasswordError::Unreadable {
                        path: path.clone(),
                        source,
                    })?;
                let line = text.lines().next().unwrap_or_default().trim();
                if !(SHORTEST..=LONGEST).contains(&line.len()) {
                    return Err(PasswordError::Odd { path: path.clone() });
                }
                let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
                    .map_err(|_| PasswordError::NoRandom)?;
                let tag = hmac::sign(&key, line.as_bytes());
                Some(Password { key, tag })
            }
        };
        Ok(Self {
            password,
            failures: Mutex::default(),
            sessions: Sessions::default(),
            hosts: settings.hosts.clone(),
        })
    }

    /// Whether there is a password: without one nobody orders.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Tries a password.
    pub async fn try_password(&self, given: &str) -> Tried {
        let Some(password) = &self.password else {
            return Tried::Wrong;
        };
        let mut failures = self.failures.lock().await;
        failures.retain(|at| at.elapsed() < TRIES_SPAN);
        if failures.len() >= TRIES || given.len() > LONGEST {
            return Tried::TooMany;
        }
        let right = hmac::verify(
            &password.key,
            given.trim().as_bytes(),
            password.tag.as_ref(),
        );
        if right.is_ok() {
            return Tried::Right;
        }
        failures.push(Instant::now());
        Tried::Wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(text: &str) -> Result<Access, PasswordError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("password");
        std::fs::write(&path, text).expect("written");
        Access::new(&WebSettings {
            password_file: Some(path),
            ..WebSettings::default()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_password_is_guessed_ten_times_and_then_not_looked_at() {
        let access = access("correct horse\nsecond line\n").expect("a password");
        assert_eq!(access.try_password("correct horse").await, Tried::Right);
        for _ in 0..TRIES {
            assert_eq!(access.try_password("wrong horse").await, Tried::Wrong);
        }
        assert_eq!(access.try_password("correct horse").await, Tried::TooMany);
        tokio::time::advance(TRIES_SPAN).await;
        assert_eq!(access.try_password("correct horse").await, Tried::Right);
    }

    #[test]
    fn a_password_file_without_a_password_opens_nothing() {
        for odd in ["", "\n", "short\n", "       \n"] {
            assert!(matches!(access(odd), Err(PasswordError::Odd { .. })));
        }
        let missing = Access::new(&WebSettings {
            password_file: Some("/nowhere".into()),
            ..WebSettings::default()
        });
        assert!(matches!(missing, Err(PasswordError::Unreadable { .. })));
    }
}
