//! Who may look, and who may order: the password, and how often it may be guessed.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderMap;
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

/// Wrong passwords within [`TRIES_SPAN`] from one address. Whoever is logged in is not
/// held up.
const TRIES: usize = 10;

/// The same from all addresses together: who has many must not guess without end. An
/// address that has given the right password is not held up by others.
const TRIES_OF_ALL: usize = 100;

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
    tries: Mutex<Tries>,
    /// Those who logged in.
    pub sessions: Sessions,
    /// Names under which a browser may ask.
    pub hosts: Vec<String>,
    /// Whether a reverse proxy on this machine says who asks.
    proxy: bool,
}

#[derive(Default)]
struct Tries {
    /// Wrong passwords, and where from.
    failures: Vec<(IpAddr, Instant)>,
    /// Addresses that have given the right one.
    known: BTreeSet<IpAddr>,
}

impl Tries {
    fn are_too_many(&mut self, from: IpAddr) -> bool {
        self.failures.retain(|(_, at)| at.elapsed() < TRIES_SPAN);
        let of_one = self.failures.iter().filter(|(by, _)| *by == from).count();
        let all_count = !self.known.contains(&from);
        of_one >= TRIES || (all_count && self.failures.len() >= TRIES_OF_ALL)
    }
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
            tries: Mutex::default(),
            sessions: Sessions::default(),
            hosts: settings.hosts.clone(),
            proxy: settings.proxy,
        })
    }

    /// Whether there is a password: without one nobody orders.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Who asks: the address, or the one that a reverse proxy on this machine names last.
    /// (Others it was told by whoever asked.) Without the setting nobody is believed: what
    /// comes through Tor or SSH comes from this machine, too, with any header.
    pub fn asker(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.proxy || !peer.to_canonical().is_loopback() {
            return peer;
        }
        let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
        let last = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next());
        last.and_then(|text| text.trim().parse().ok())
            .unwrap_or(peer)
    }

    /// Tries a password that comes from an address.
    pub async fn try_password(&self, given: &str, from: IpAddr) -> Tried {
        let Some(password) = &self.password else {
            return Tried::Wrong;
        };
        let from = network(from);
        let mut tries = self.tries.lock().await;
        if tries.are_too_many(from) || given.len() > LONGEST {
            return Tried::TooMany;
        }
        let right = hmac::verify(
            &password.key,
            given.trim().as_bytes(),
            password.tag.as_ref(),
        );
        if right.is_ok() {
            tries.known.insert(from);
            return Tried::Right;
        }
        tries.failures.push((from, Instant::now()));
        Tried::Wrong
    }
}

/// An address, or the network that one customer is given in IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(whole) => {
            let [a, b, c, d, ..] = whole.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        short => short,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn access(text: &str) -> Result<Access, PasswordError> {
        access_with(text, &WebSettings::default())
    }

    fn access_with(text: &str, settings: &WebSettings) -> Result<Access, PasswordError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("password");
        std::fs::write(&path, text).expect("written");
        Access::new(&WebSettings {
            password_file: Some(path),
            ..settings.clone()
        })
    }

    /// With a name under which it is asked, and a proxy or none.
    fn behind(proxy: bool) -> Access {
        let settings = WebSettings {
            hosts: vec!["fees.example.org".to_owned()],
            proxy,
            ..WebSettings::default()
        };
        access_with("correct horse\n", &settings).expect("a password")
    }

    fn forwarded(lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_static(line));
        }
        headers
    }

    fn from(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[tokio::test(start_paused = true)]
    async fn a_password_is_guessed_ten_times_and_then_not_looked_at() {
        let access = access("correct horse\nsecond line\n").expect("a password");
        let guess = async |given: &str, address: &str| {
            let address = from(address);
            access.try_password(given, address).await
        };
        assert_eq!(guess("correct horse", "10.0.0.1").await, Tried::Right);
        for n in 0..TRIES {
            let address = format!("2001:db8::{n:x}");
            assert_eq!(guess("wrong horse", &address).await, Tried::Wrong);
        }
        assert_eq!(guess("correct horse", "2001:db8::ff").await, Tried::TooMany);
        assert_eq!(guess("correct horse", "10.0.0.2").await, Tried::Right);
        tokio::time::advance(TRIES_SPAN).await;
        assert_eq!(guess("correct horse", "2001:db8::1").await, Tried::Right);
    }

    #[tokio::test(start_paused = true)]
    async fn who_guesses_from_many_addresses_locks_out_only_addresses_that_never_knew() {
        let access = access("correct horse\n").expect("a password");
        let guess = async |given: &str, address: &str| {
            let address = from(address);
            access.try_password(given, address).await
        };
        assert_eq!(guess("correct horse", "10.0.0.1").await, Tried::Right);
        for n in 0..TRIES_OF_ALL {
            let address = format!("10.1.0.{n}");
            assert_eq!(guess("wrong horse", &address).await, Tried::Wrong);
        }
        assert_eq!(guess("wrong horse", "10.2.0.1").await, Tried::TooMany);
        assert_eq!(guess("correct horse", "10.2.0.1").await, Tried::TooMany);
        assert_eq!(guess("correct horse", "10.0.0.1").await, Tried::Right);
    }

    #[test]
    fn who_is_not_a_proxy_of_the_settings_is_not_believed() {
        let headers = forwarded(&["10.0.0.1"]);
        for here in ["127.0.0.1", "::1"].map(from) {
            assert_eq!(behind(false).asker(here, &headers), here);
        }
        let there = from("10.0.0.7");
        assert_eq!(behind(true).asker(there, &headers), there);
    }

    #[test]
    fn a_proxy_on_this_machine_names_who_asks_last() {
        let access = behind(true);
        let here = from("127.0.0.1");
        let asker = |lines: &[&'static str]| access.asker(here, &forwarded(lines));
        assert_eq!(asker(&["10.0.0.1"]), from("10.0.0.1"));
        assert_eq!(asker(&["10.9.9.9, 10.0.0.1"]), from("10.0.0.1"));
        assert_eq!(asker(&["10.9.9.9", "10.0.0.1"]), from("10.0.0.1"));
        for nobody in [&[][..], &["unknown"], &["10.0.0.1, "]] {
            assert_eq!(asker(nobody), here);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn behind_a_proxy_wrong_passwords_are_counted_by_the_address_it_names() {
        let here = from("127.0.0.1");
        for (proxy, another) in [(true, Tried::Right), (false, Tried::TooMany)] {
            let access = behind(proxy);
            let guess = async |given: &str, named: &'static str| {
                let asker = access.asker(here, &forwarded(&[named]));
                access.try_password(given, asker).await
            };
            for _ in 0..TRIES {
                assert_eq!(guess("wrong horse", "10.0.0.1").await, Tried::Wrong);
            }
            assert_eq!(guess("correct horse", "10.0.0.1").await, Tried::TooMany);
            assert_eq!(guess("correct horse", "10.0.0.2").await, another);
        }
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
