//! The one place that we ever talk to.

mod answer;
mod backfill;
mod connect;
mod error;
mod exchange;
mod link;
mod names;
mod settings;
mod target;
mod tls;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::config::{Environment, read_secret_file};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use rustls::ClientConfig;
use secrecy::{ExposeSecret as _, SecretString};

pub use self::error::{ConfigError, PushError, Refusal};
pub use self::exchange::Parcel;
pub use self::link::{Hold, Link};
use self::names::{Names, OF_PUSHES};
pub use self::settings::{Settings, StoreSettings};
pub use self::target::{BackfillUrl, GatewayUrl};
use self::target::{Choice, Target};
pub use self::tls::InvalidTrust;
pub(crate) use self::tls::{Trust, client_with, verifier};
use crate::origin::Scheme;

/// Where a push goes when nobody said where.
const DEFAULT_URL: &str = "https://localhost:9443/metrics/job/xserver-bot";

/// A gateway, and all that is needed to push to it.
pub struct Gateway {
    target: Target,
    /// Of Basic Auth; marked as sensitive.
    authorization: Option<HeaderValue>,
    /// `None` for plain HTTP.
    tls: Option<Arc<ClientConfig>>,
    timeout: Duration,
    /// How all of this is called in the configuration.
    names: &'static Names,
}

impl Gateway {
    /// Puts together file, environment and defaults, and reads the files that they name.
    ///
    /// # Errors
    /// When something is missing, contradicts itself or cannot be read.
    pub fn build(
        settings: &Settings,
        environment: &Environment,
        warn: &mut dyn FnMut(String),
    ) -> Result<Self, ConfigError> {
        let host_name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let target = target(settings, environment, &host_name)?;
        let authorization = authorization(settings, environment)?;
        if authorization.is_some() && !target.server.is_tls() && !target.server.is_loopback() {
            return Err(ConfigError::PasswordInTheClear(target.origin()));
        }
        let tls = match target.server.scheme {
            Scheme::Http => None,
            Scheme::Https => Some(tls::client(&trust(settings, environment, warn)?, OF_PUSHES.ca_file)?),
        };
        let timeout = settings.timeout.as_duration();
        Ok(Self { target, authorization, tls, timeout, names: &OF_PUSHES })
    }

    /// Puts `page` in the place of what the gateway had of our group, once.
    ///
    /// # Errors
    /// When the gateway cannot be reached, is not who it should be, or does not take the page.
    pub async fn put(&self, page: String) -> Result<(), PushError> {
        exchange::once(self, Parcel::page(page)).await.map(drop)
    }

    /// Returns why a push ended before its answer came: this program was asked to stop.
    #[must_use]
    pub fn cut_short(&self) -> PushError {
        PushError::CutShort { origin: self.target.origin() }
    }

    /// Returns the labels of the group that we push to.
    #[must_use]
    pub fn group(&self) -> Vec<(String, String)> {
        self.target.group()
    }
}

/// Where a push goes, for people.
impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.fmt(f)
    }
}

fn target(settings: &Settings, environment: &Environment, host_name: &str) -> Result<Target, ConfigError> {
    let job = Choice { configured: settings.job.clone(), fallback: "host".to_owned() };
    let instance = Choice { configured: settings.instance.clone(), fallback: host_name.to_owned() };
    if let Some(text) = environment.text("PUSHGATEWAY_URL")? {
        let url =
            GatewayUrl::try_from(text).map_err(|reason| ConfigError::Url { source_name: "PUSHGATEWAY_URL", reason })?;
        // The environment wins over the file, also label by label.
        return Ok(url.target(&job, &instance));
    }
    if let Some(url) = &settings.url {
        for (label, setting) in [("job", &job.configured), ("instance", &instance.configured)] {
            if setting.is_some() && url.names(label) {
                return Err(ConfigError::TwoHomes(format!(
                    "exporter.url names the {label} already, so exporter.{label} has no effect; keep one of them"
                )));
            }
        }
        return Ok(url.target(&job, &instance));
    }
    let url = GatewayUrl::try_from(DEFAULT_URL.to_owned())
        .map_err(|reason| ConfigError::Url { source_name: "the default URL", reason })?;
    // Somebody who names a job means it, although the default URL has one.
    let url = if job.configured.is_some() { url.without_group() } else { url };
    Ok(url.target(&job, &instance))
}

/// Returns the header for Basic Auth, or nothing when neither name nor password is set.
fn authorization(settings: &Settings, environment: &Environment) -> Result<Option<HeaderValue>, ConfigError> {
    let user = environment.text("PUSHGATEWAY_USER")?.or_else(|| settings.user.clone());
    let password = match (environment.secret("PUSHGATEWAY_PASSWORD")?, &settings.password_file) {
        (Some(password), _) => Some(password),
        (None, Some(file)) => Some(read_secret_file(file)?),
        (None, None) => None,
    };
    match (user, password) {
        (Some(user), Some(password)) => basic(&user, &password).map(Some),
        (None, None) => Ok(None),
        (Some(_), None) => Err(ConfigError::HalfCredentials(
            "there is a user but no password; set PUSHGATEWAY_PASSWORD, PUSHGATEWAY_PASSWORD_FILE or \
             exporter.password_file",
        )),
        (None, Some(_)) => {
            Err(ConfigError::HalfCredentials("there is a password but no user; set PUSHGATEWAY_USER or exporter.user"))
        }
    }
}

fn basic(user: &str, password: &SecretString) -> Result<HeaderValue, ConfigError> {
    if user.contains(':') {
        return Err(ConfigError::HalfCredentials("the user has a colon in it, which Basic Auth cannot carry"));
    }
    let header = format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose_secret())));
    let mut header = HeaderValue::try_from(header)
        .map_err(|_| ConfigError::HalfCredentials("user and password do not fit into a header"))?;
    header.set_sensitive(true);
    Ok(header)
}

fn trust(settings: &Settings, environment: &Environment, warn: &mut dyn FnMut(String)) -> Result<Trust, ConfigError> {
    let ca_file = environment.path("PUSHGATEWAY_CACERT").or_else(|| settings.ca_file.clone());
    if environment.switch("PUSHGATEWAY_INSECURE")?.unwrap_or(settings.insecure) {
        warn(
            "PUSHGATEWAY_INSECURE is on: whoever answers gets this push and the password, since nobody looks at a \
              certificate; name the gateway's in PUSHGATEWAY_CACERT instead"
                .to_owned(),
        );
        return Ok(Trust::Anybody);
    }
    Ok(ca_file.map_or(Trust::System, Trust::Pinned))
}

#[cfg(test)]
pub(crate) mod tests;
