//! The one place that we ever talk to.

mod answer;
mod backfill;
mod connect;
mod exchange;
mod link;
mod settings;
mod target;
mod tls;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::config::{Environment, EnvironmentError, read_secret_file};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use rustls::ClientConfig;
use secrecy::{ExposeSecret as _, SecretString};

pub use self::backfill::BackfillUrl;
pub use self::exchange::Parcel;
pub use self::link::{Hold, Link};
use self::settings::{Names, OF_PUSHES};
pub use self::settings::{Settings, StoreSettings};
use self::target::{Choice, Scheme, Target};
pub use self::target::{GatewayUrl, InvalidUrl};
pub use self::tls::{Distrust, InvalidTrust};
pub(crate) use self::tls::{Trust, client_with, verifier};

/// Where a push goes when nobody said where.
const DEFAULT_URL: &str = "https://localhost:9443/metrics/job/xserver-bot";

/// Why no push can be tried with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable of the environment, or a file with a secret, cannot be used.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The URL leads nowhere that takes a push.
    #[error("{source_name}: {reason}")]
    Url {
        /// Who named it.
        source_name: &'static str,
        /// What is wrong with it.
        reason: InvalidUrl,
    },
    /// A label of the group is named in two places.
    #[error("{0}")]
    TwoHomes(String),
    /// Half of what Basic Auth needs.
    #[error("{0}")]
    HalfCredentials(&'static str),
    /// The password would travel in the clear.
    #[error("{0} is not encrypted, and a password must not travel over it; use https, or http only to this machine")]
    PasswordInTheClear(String),
    /// The certificates to trust cannot be had.
    #[error(transparent)]
    Trust(#[from] InvalidTrust),
}

/// Why a push was not taken. Each message says what to look at.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The gateway's name has no address.
    #[error("cannot find the address of {host}: {error}; check the host name in {setting} and this machine's DNS")]
    UnknownHost {
        /// The setting that the name stands in.
        setting: &'static str,
        /// The name.
        host: String,
        /// What the resolver said.
        error: io::Error,
    },
    /// Nobody listens.
    #[error("{origin} refuses the connection: nothing listens on that port, or a firewall turns us away")]
    ConnectionRefused {
        /// Scheme, host and port.
        origin: String,
    },
    /// No connection for another reason.
    #[error("cannot connect to {origin}: {error}")]
    Unreachable {
        /// Scheme, host and port.
        origin: String,
        /// What the system said.
        error: io::Error,
    },
    /// Time was up.
    #[error("{origin} did not answer within {} while {doing}; check that it is up and that nothing on the way drops our packets", humantime(.timeout))]
    TimedOut {
        /// Scheme, host and port.
        origin: String,
        /// The bound on the whole push.
        timeout: Duration,
        /// What took so long.
        doing: &'static str,
    },
    /// The server's certificate is not one to trust.
    #[error("{0}")]
    Distrusted(Distrust),
    /// We are to stop, and did not wait for the answer.
    #[error("{origin} had not answered yet when this program was asked to stop")]
    CutShort {
        /// Scheme, host and port.
        origin: String,
    },
    /// The handshake failed for another reason.
    #[error("no TLS with {origin}: {reason}")]
    Tls {
        /// Scheme, host and port.
        origin: String,
        /// What went wrong.
        reason: String,
    },
    /// What came back is no answer.
    #[error("{origin} gave no answer in HTTP: {reason}")]
    NoAnswer {
        /// Scheme, host and port.
        origin: String,
        /// What came instead.
        reason: String,
    },
    /// The gateway said no.
    #[error("{0}")]
    Rejected(Refusal),
    /// The gateway said no to this very page.
    #[error("{0}")]
    BadPage(Refusal),
    /// The gateway said no, and may say yes to the same page later.
    #[error("{0}")]
    NotNow(Refusal),
}

/// A no, in words that say what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    in_brief: String,
    in_full: String,
}

impl Refusal {
    /// Puts the words together: `words` is given what the server says itself, or nothing.
    pub(crate) fn new(reason: &str, words: impl Fn(&str) -> String) -> Self {
        Self { in_brief: words(""), in_full: words(reason) }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_full)
    }
}

impl PushError {
    /// Returns whether the same push may be taken a moment later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        !matches!(
            self,
            Self::Distrusted(_) | Self::Tls { .. } | Self::Rejected(_) | Self::BadPage(_) | Self::CutShort { .. }
        )
    }

    /// Returns the same without what the server says itself, which may be another text each time: a gateway names
    /// whichever metric it came upon first.
    #[must_use]
    pub fn in_brief(&self) -> String {
        match self {
            Self::Rejected(refusal) | Self::BadPage(refusal) | Self::NotNow(refusal) => refusal.in_brief.clone(),
            other => other.to_string(),
        }
    }

    /// Returns whether there was nobody to say no to the page.
    #[must_use]
    pub fn is_lack_of_a_way(&self) -> bool {
        !matches!(self, Self::Rejected(_) | Self::BadPage(_))
    }
}

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
        if authorization.is_some() && target.scheme == Scheme::Http && !target.is_loopback() {
            return Err(ConfigError::PasswordInTheClear(target.origin()));
        }
        let tls = match target.scheme {
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

fn humantime(duration: &Duration) -> String {
    format!("{duration:?}")
}

#[cfg(test)]
pub(crate) mod tests;
