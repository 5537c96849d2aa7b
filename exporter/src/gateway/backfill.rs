//! Where pages of the past go, since a Pushgateway knows no past.

use std::sync::Arc;

use ::config::{Environment, read_secret_file};

use super::names::OF_THE_STORE;
use super::settings::{Settings, StoreSettings};

use super::{ConfigError, Gateway, basic, tls, trust};
use crate::origin::Scheme;

impl Gateway {
    /// Puts together what it takes to send pages of the past to a store. `pushes` is what `self` was built of.
    ///
    /// What `store` does not say about certificates is as for pushes. User and password are taken over only when it
    /// is the same host that gets them.
    ///
    /// # Errors
    /// As [`Gateway::build`].
    pub fn backfill(
        &self,
        store: &StoreSettings,
        pushes: &Settings,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let target = store.url.target();
        let authorization = match (&store.user, &store.password_file) {
            (Some(user), Some(file)) => Some(basic(user, &read_secret_file(file)?)?),
            (None, None) if target.server.host == self.target.server.host => self.authorization.clone(),
            (None, None) => None,
            _ => {
                return Err(ConfigError::HalfCredentials(
                    "exporter.buffer needs both user and password_file, or neither",
                ));
            }
        };
        if authorization.is_some() && !target.server.is_tls() && !target.server.is_loopback() {
            return Err(ConfigError::PasswordInTheClear(target.origin()));
        }
        let tls = match (target.server.scheme, &self.tls, &store.ca_file) {
            (Scheme::Http, ..) => None,
            // One set of certificates in memory will do.
            (Scheme::Https, Some(tls), None) => Some(Arc::clone(tls)),
            (Scheme::Https, _, Some(file)) => {
                Some(tls::client(&tls::Trust::Pinned(file.clone()), OF_THE_STORE.ca_file)?)
            }
            (Scheme::Https, None, None) => {
                Some(tls::client(&trust(pushes, environment, &mut |_| ())?, self.names.ca_file)?)
            }
        };
        Ok(Self { target, authorization, tls, timeout: self.timeout, names: &OF_THE_STORE })
    }
}
