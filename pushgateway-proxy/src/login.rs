//! Basic Auth: from the header of a request to a user, or to a refusal.
//!
//! ```text
//! header ──▶ verified before? ──▶ user                    a push of a known host: one keyed hash
//!               └─▶ throttle ──▶ flight ──▶ worker ──▶ user, remembered
//!                   429          one for all  as many       401, counted against the address
//!                                that wait    as cores
//! ```

mod throttle;
mod verified;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretSlice};
use tokio::sync::{Semaphore, watch};
use tracing::{error, info, warn};

use self::throttle::Throttle;
use self::verified::{Fingerprint, Fingerprints, Verified};
use crate::htpasswd::Htpasswd;
use crate::metrics::{Lookup, Metrics};
use crate::stamp::Stamp;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Different logins that may wait to be checked. More would wait longer than their clients.
const FLIGHTS: usize = 512;

/// Checks who asks, with as many bcrypts at once as there are cores.
pub struct Logins {
    path: Option<PathBuf>,
    known: RwLock<Arc<Known>>,
    lifetime: Duration,
    workers: Arc<Semaphore>,
    throttle: Arc<Throttle>,
    metrics: Metrics,
}

/// The users of one state of the file, and what was found out about their logins.
struct Known {
    users: Htpasswd,
    fingerprints: Fingerprints,
    verified: Verified,
    flights: Mutex<HashMap<Fingerprint, watch::Receiver<Option<Outcome>>>>,
}

/// How the check of a login ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Right,
    Wrong,
    /// It was not looked at: its address had to wait by the time its turn came.
    Throttled(Duration),
}

/// Why nobody was logged in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// There is no such header.
    #[error("a user and a password are needed (HTTP Basic Auth)")]
    Missing,
    /// Two headers, of which others might read the other one.
    #[error("there is more than one Authorization header")]
    Ambiguous,
    /// Another scheme, or not base64, or without a colon.
    #[error("the Authorization header is not one of HTTP Basic Auth")]
    Unreadable,
    /// The password is not the one of that user, or there is no such user: which of the two, nobody learns.
    #[error("user or password is wrong")]
    Wrong {
        /// The user, if there is one of this name: for our own log.
        user: Option<Arc<str>>,
    },
    /// There were too many wrong ones from this address.
    #[error("too many wrong passwords came from your address; try again in {} s", .wait.as_secs() + 1)]
    Throttled {
        /// How long the next password is not looked at.
        wait: Duration,
    },
    /// Too many logins wait to be checked.
    #[error("this gate is busy with other logins; try again")]
    Busy,
}

impl LoginError {
    /// Returns the user whose password was not right, if there is one.
    #[must_use]
    pub fn user(&self) -> Option<Arc<str>> {
        match self {
            Self::Wrong { user } => user.clone(),
            _ => None,
        }
    }
}

impl Logins {
    /// Reads the users of the file at `path`. Without a file only certificates name users.
    ///
    /// # Errors
    /// As [`Htpasswd::load`].
    pub fn load(path: Option<&Path>, lifetime: Duration, allowance: u32, metrics: Metrics) -> anyhow::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let known = Known::load(path, lifetime)?;
        Ok(Self {
            path: path.map(Path::to_owned),
            known: RwLock::new(Arc::new(known)),
            lifetime,
            workers: Arc::new(Semaphore::new(cores)),
            throttle: Arc::new(Throttle::new(allowance)),
            metrics,
        })
    }

    /// Returns when the file of users was last changed, as far as the system tells.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp::of(&self.path)
    }

    /// Reads the file again; with it goes what was known of logins. A broken one changes nothing: a typing error must
    /// not lock out the fleet.
    pub(crate) fn reload(&self) {
        match Known::load(self.path.as_deref(), self.lifetime) {
            Ok(known) => {
                info!("the password file changed: {} user(s) may push from now on", known.users.len());
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
            }
            Err(error) => error!("the users stay as they were, because {error:#}"),
        }
    }

    /// Returns how many users there are.
    #[must_use]
    pub fn users(&self) -> usize {
        self.current().users.len()
    }

    /// Returns the user whose name and password stand in `headers`, which `client` has sent.
    ///
    /// # Errors
    /// When there is none, they are wrong, or `client` has tried too often.
    pub async fn verify(&self, headers: &HeaderMap, client: IpAddr) -> Result<Arc<str>, LoginError> {
        let credentials = Credentials::of(headers)?;
        let known = self.current();
        let login = known.fingerprints.of(&credentials.user, credentials.password.expose_secret());
        if let Some(user) = known.verified.find(&login) {
            self.metrics.looked_up(Lookup::Remembered);
            return Ok(user);
        }
        let user = known.users.known(&credentials.user);
        // A host that was right before does not wait for a neighbour behind the same address who is wrong.
        let suspect = (!known.verified.has_seen(&login)).then_some(client);
        if let Some(wait) = suspect.and_then(|suspect| self.throttle.wait(suspect)) {
            return Err(LoginError::Throttled { wait });
        }
        let outcome = if Htpasswd::is_possible(credentials.password.expose_secret()) {
            self.check(&known, login, credentials, suspect).await?
        } else {
            Outcome::Wrong
        };
        match (outcome, user) {
            (Outcome::Right, Some(user)) => Ok(user),
            (Outcome::Throttled(wait), _) => Err(LoginError::Throttled { wait }),
            (_, user) => {
                self.throttle.failed(client);
                Err(LoginError::Wrong { user })
            }
        }
    }

    /// Has the login checked, or waits for the check of the same login that somebody else has begun.
    async fn check(
        &self,
        known: &Arc<Known>,
        login: Fingerprint,
        credentials: Credentials,
        suspect: Option<IpAddr>,
    ) -> Result<Outcome, LoginError> {
        let mut answer = {
            let mut flights = known.flights();
            // It may have landed since it was looked for. What has landed is remembered before it is no flight any more.
            if known.verified.find(&login).is_some() {
                self.metrics.looked_up(Lookup::Shared);
                return Ok(Outcome::Right);
            }
            let waiting = flights.len();
            match flights.entry(login) {
                Entry::Occupied(flight) => {
                    self.metrics.looked_up(Lookup::Shared);
                    flight.get().clone()
                }
                Entry::Vacant(_) if waiting >= FLIGHTS => return Err(LoginError::Busy),
                Entry::Vacant(place) => {
                    self.metrics.looked_up(Lookup::Checked);
                    let (lands, answer) = watch::channel(None);
                    place.insert(answer.clone());
                    self.take_off(Arc::clone(known), login, credentials, suspect, lands);
                    answer
                }
            }
        };
        // A flight that ends without an answer has panicked.
        let landed = answer.wait_for(Option::is_some).await.map_err(|_| LoginError::Busy)?;
        landed.ok_or(LoginError::Busy)
    }

    /// Checks a login on a thread that may block. It is nobody's in particular: whoever began it may leave.
    fn take_off(
        &self,
        known: Arc<Known>,
        login: Fingerprint,
        credentials: Credentials,
        suspect: Option<IpAddr>,
        lands: watch::Sender<Option<Outcome>>,
    ) {
        let (workers, throttle) = (Arc::clone(&self.workers), Arc::clone(&self.throttle));
        tokio::spawn(async move {
            let permit = workers.acquire_owned().await;
            let checked = async {
                if let Some(wait) = suspect.and_then(|suspect| throttle.wait(suspect)) {
                    return Some(Outcome::Throttled(wait));
                }
                let users = Arc::clone(&known);
                let verified = tokio::task::spawn_blocking(move || {
                    let _permit = permit;
                    let is_right = users.users.verify(&credentials.user, credentials.password.expose_secret());
                    is_right.then(|| users.users.known(&credentials.user)).flatten()
                });
                Some(match verified.await.ok()? {
                    Some(user) => {
                        known.verified.remember(login, user);
                        Outcome::Right
                    }
                    None => Outcome::Wrong,
                })
            };
            let outcome = checked.await;
            known.flights().remove(&login);
            lands.send_replace(outcome);
        });
    }

    fn current(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Known {
    fn load(path: Option<&Path>, lifetime: Duration) -> anyhow::Result<Self> {
        let users = path.map(Htpasswd::load).transpose()?.unwrap_or_else(|| Htpasswd::from(HashMap::new()));
        if users.weak() > 0 {
            warn!(
                "{} user(s) have a hash that is quickly guessed (apr1, SHA); `htpasswd -nB` makes better ones",
                users.weak()
            );
        }
        Ok(Self {
            users,
            fingerprints: Fingerprints::new().ok().context("the system has no randomness")?,
            verified: Verified::new(lifetime),
            flights: Mutex::default(),
        })
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Fingerprint, watch::Receiver<Option<Outcome>>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Credentials {
    user: String,
    password: SecretSlice<u8>,
}

impl Credentials {
    fn of(headers: &HeaderMap) -> Result<Self, LoginError> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values.next().ok_or(LoginError::Missing)?;
        if values.next().is_some() {
            return Err(LoginError::Ambiguous);
        }
        Self::parse(value).ok_or(LoginError::Unreadable)
    }

    fn parse(value: &HeaderValue) -> Option<Self> {
        let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let mut user = BASE64.decode(encoded.trim_matches(' ')).ok()?;
        let colon = user.iter().position(|byte| *byte == b':')?;
        let password = SecretSlice::from(user.split_off(colon + 1));
        user.truncate(colon);
        Some(Self { user: String::from_utf8(user).ok()?, password })
    }
}

#[cfg(test)]
mod tests;
