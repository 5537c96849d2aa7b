//! Logins that were verified before, so that a push costs no bcrypt.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::hmac::{self, HMAC_SHA256};
use ring::rand::SystemRandom;
use tokio::time::Instant;

/// Logins that are remembered at once: more than a fleet has hosts.
const LIMIT: usize = 1024;

/// What a login is known by here. Without the key, which lives in this process alone, it tells nothing of the password.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// Makes fingerprints with a key of its own.
pub struct Fingerprints(hmac::Key);

impl Fingerprints {
    /// Draws a key.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new() -> Result<Self, ring::error::Unspecified> {
        hmac::Key::generate(HMAC_SHA256, &SystemRandom::new()).map(Self)
    }

    /// Returns the fingerprint of a user with a password.
    #[must_use]
    pub fn of(&self, user: &str, password: &[u8]) -> Fingerprint {
        let mut context = hmac::Context::with_key(&self.0);
        // The length keeps `ab` with `c` and `a` with `bc` apart.
        context.update(&(user.len() as u64).to_be_bytes());
        context.update(user.as_bytes());
        context.update(password);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.sign().as_ref());
        Fingerprint(bytes)
    }
}

/// Remembers verified logins for a while. One of these belongs to one state of the password file, and goes with it.
pub struct Verified {
    lifetime: Duration,
    logins: Mutex<HashMap<Fingerprint, (Arc<str>, Instant)>>,
}

impl Verified {
    /// Remembers each login for `lifetime`.
    #[must_use]
    pub fn new(lifetime: Duration) -> Self {
        Self { lifetime, logins: Mutex::default() }
    }

    /// Returns the user whose login this was, if it was verified not too long ago.
    #[must_use]
    pub fn find(&self, login: &Fingerprint) -> Option<Arc<str>> {
        self.logins().get(login).filter(|(_, expires)| *expires > Instant::now()).map(|(user, _)| Arc::clone(user))
    }

    /// Returns whether this login was verified at some time, though it has to be once more.
    ///
    /// Nobody who guesses has such a one, so it need not wait for those who do.
    #[must_use]
    pub fn has_seen(&self, login: &Fingerprint) -> bool {
        self.logins().contains_key(login)
    }

    /// Remembers that `login` is the one of `user`.
    pub fn remember(&self, login: Fingerprint, user: Arc<str>) {
        if self.lifetime.is_zero() {
            return;
        }
        let mut logins = self.logins();
        if logins.len() >= LIMIT && !logins.contains_key(&login) {
            let first = logins.iter().min_by_key(|(_, (_, expires))| *expires).map(|(login, _)| *login);
            first.and_then(|first| logins.remove(&first));
        }
        logins.insert(login, (user, Instant::now() + self.lifetime));
    }

    fn logins(&self) -> MutexGuard<'_, HashMap<Fingerprint, (Arc<str>, Instant)>> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_login_is_known_for_its_lifetime_and_no_other_one_is() {
        let (fingerprints, verified) = (Fingerprints::new().unwrap(), Verified::new(Duration::from_secs(60)));
        let good = fingerprints.of("prom", b"secret");
        verified.remember(good, "prom".into());

        assert_eq!(verified.find(&good).as_deref(), Some("prom"));
        for (user, password) in [("prom", "secreT"), ("pro", "msecret"), ("proms", "ecret"), ("", "promsecret")] {
            assert!(verified.find(&fingerprints.of(user, password.as_bytes())).is_none(), "{user}:{password}");
        }
        assert!(verified.find(&Fingerprints::new().unwrap().of("prom", b"secret")).is_none(), "another key");
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(verified.find(&good).is_none() && verified.has_seen(&good));
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_logins_there_are_the_table_stays_small() {
        let (fingerprints, verified) = (Fingerprints::new().unwrap(), Verified::new(Duration::from_secs(60)));
        for number in 0..3000 {
            verified.remember(fingerprints.of(&number.to_string(), b"secret"), "prom".into());
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(verified.logins().len(), LIMIT);
        assert!(verified.find(&fingerprints.of("2999", b"secret")).is_some());
        assert!(verified.find(&fingerprints.of("0", b"secret")).is_none());
    }
}
