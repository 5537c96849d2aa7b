//! Basic Auth: from the header of a request to a user, or to a refusal.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretSlice};
use tokio::sync::Semaphore;
use tracing::{error, info};

use crate::htpasswd::{Htpasswd, HtpasswdError};
use crate::stamp::Stamp;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Checks who asks, with as many bcrypts at once as there are cores.
pub struct Logins {
    path: PathBuf,
    users: RwLock<Arc<Htpasswd>>,
    workers: Arc<Semaphore>,
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
    /// Reads the users of the file at `path`.
    ///
    /// # Errors
    /// As [`Htpasswd::load`].
    pub fn load(path: &Path) -> Result<Self, HtpasswdError> {
        let users = Htpasswd::load(path)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            path: path.to_owned(),
            users: RwLock::new(Arc::new(users)),
            workers: Arc::new(Semaphore::new(cores)),
        })
    }

    /// Returns when the file of users was last changed, as far as the system tells.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp::of([&self.path])
    }

    /// Reads the file again. A broken one changes nothing: a typing error must not lock out the fleet.
    pub(crate) fn reload(&self) {
        match Htpasswd::load(&self.path) {
            Ok(users) => {
                info!("{} changed: {} user(s) may push from now on", self.path.display(), users.len());
                *self.users.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(users);
            }
            Err(error) => error!("the users stay as they were, because {:#}", anyhow::Error::new(error)),
        }
    }

    /// Returns how many users there are.
    #[must_use]
    pub fn users(&self) -> usize {
        self.current().len()
    }

    /// Returns the user whose name and password stand in `headers`.
    ///
    /// # Errors
    /// When there is none, or they are wrong.
    pub async fn verify(&self, headers: &HeaderMap) -> Result<Arc<str>, LoginError> {
        let credentials = Credentials::of(headers)?;
        let users = self.current();
        let known = users.known(&credentials.user);
        // The permit goes along to the thread: a client that leaves meanwhile must not make room for a further one.
        let permit = Arc::clone(&self.workers).acquire_owned().await;
        let verified = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            users.verify(&credentials.user, credentials.password.expose_secret())
        });
        match (verified.await, known) {
            (Ok(true), Some(user)) => Ok(user),
            (_, user) => Err(LoginError::Wrong { user }),
        }
    }

    fn current(&self) -> Arc<Htpasswd> {
        Arc::clone(&self.users.read().unwrap_or_else(PoisonError::into_inner))
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
mod tests {
    use super::*;

    fn logins() -> (tempfile::NamedTempFile, Logins) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, format!("prom:{}\n", bcrypt::hash("se:cret", 4).unwrap())).unwrap();
        let logins = Logins::load(file.path()).unwrap();
        (file, logins)
    }

    fn headers(values: &[String]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap())).collect()
    }

    fn basic(credentials: impl AsRef<[u8]>) -> String {
        format!("Basic {}", BASE64.encode(credentials))
    }

    #[tokio::test]
    async fn a_password_may_hold_colons_and_the_scheme_any_case_and_blanks() {
        let (_file, logins) = logins();
        let good = basic("prom:se:cret");
        for value in [
            good.clone(),
            good.replace("Basic ", "BASIC "),
            good.replace("Basic ", "basic   "),
            good.trim_end_matches('=').to_owned(),
        ] {
            assert_eq!(&*logins.verify(&headers(std::slice::from_ref(&value))).await.unwrap(), "prom", "{value}");
        }
    }

    #[tokio::test]
    async fn everything_else_is_refused_for_its_reason() {
        let (_file, logins) = logins();
        assert!(matches!(logins.verify(&HeaderMap::new()).await, Err(LoginError::Missing)));
        let twice = headers(&[basic("prom:se:cret"), basic("prom:se:cret")]);
        assert!(matches!(logins.verify(&twice).await, Err(LoginError::Ambiguous)));
        for value in ["Basic", "Basic ", "Basic %%%", "Bearer abc", "Basicabc", &basic("prom"), &basic(b"\xff:x")] {
            let refused = logins.verify(&headers(&[value.to_owned()])).await;
            assert!(matches!(refused, Err(LoginError::Unreadable)), "{value}: {refused:?}");
        }
        for value in ["prom:wrong", "prom:", "prom:se:cret\0", ":", "nobody:se:cret"] {
            let refused = logins.verify(&headers(&[basic(value)])).await;
            assert!(matches!(refused, Err(LoginError::Wrong { .. })), "{value}: {refused:?}");
        }
    }

    #[tokio::test]
    async fn a_name_that_is_no_user_is_not_kept_for_the_log() {
        let (_file, logins) = logins();
        let Err(LoginError::Wrong { user }) = logins.verify(&headers(&[basic("hunter2:prom")])).await else { panic!() };
        assert_eq!(user, None);
    }

    #[tokio::test]
    async fn a_changed_file_counts_and_a_broken_one_does_not() {
        let (file, logins) = logins();
        let before = logins.stamp();
        std::fs::write(&file, "prom\n").unwrap();
        assert_ne!(logins.stamp(), before);
        logins.reload();
        assert!(logins.verify(&headers(&[basic("prom:se:cret")])).await.is_ok());

        std::fs::write(&file, format!("other:{}\n", bcrypt::hash("new", 4).unwrap())).unwrap();
        logins.reload();
        assert!(logins.verify(&headers(&[basic("prom:se:cret")])).await.is_err());
        assert!(logins.verify(&headers(&[basic("other:new")])).await.is_ok());
    }
}
