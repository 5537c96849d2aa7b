//! Where Redis is.

use std::fmt;
use std::path::PathBuf;

use ::config::{Environment, EnvironmentError, read_secret_file};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

/// The `redis:` part of the section.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Redis {
    /// Its host.
    pub host: Option<String>,
    /// Its port.
    pub port: Option<u16>,
    /// The ACL user.
    pub user: Option<String>,
    /// File with the password. Its content is never logged.
    pub password_file: Option<PathBuf>,
    /// Number of the database.
    pub db: u8,
    /// Speak TLS.
    pub tls: Option<bool>,
    /// File with the only certificates to trust; switches TLS on.
    pub ca_file: Option<PathBuf>,
}

/// Where Redis is, and how to get in.
#[derive(Clone, Debug)]
pub struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<SecretString>,
    pub(crate) db: u8,
    pub(crate) tls: bool,
    pub(crate) ca: Option<Vec<u8>>,
}

/// Why Redis' place cannot be used. Never quotes a URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PlaceError {
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error("REDIS_PORT must be a number from 1 to 65535")]
    Port,
    #[error("REDIS_URL must be redis://[user:password@]host[:port][/db], or rediss:// for TLS")]
    Url,
    #[error("cannot read failover.redis.ca_file {0}: {1}")]
    Ca(PathBuf, std::io::Error),
}

impl Place {
    pub(super) fn of(redis: &Redis, environment: &Environment) -> Result<Self, PlaceError> {
        let mut place = Self {
            host: redis.host.clone().unwrap_or_else(|| "127.0.0.1".to_owned()),
            port: redis.port.unwrap_or(6379),
            user: redis.user.clone(),
            password: redis.password_file.as_deref().map(read_secret_file).transpose()?,
            db: redis.db,
            tls: redis.tls.unwrap_or(redis.ca_file.is_some()),
            ca: None,
        };
        let ca_file = environment.path("REDIS_CACERT").or_else(|| redis.ca_file.clone());
        if let Some(path) = ca_file {
            place.ca = Some(std::fs::read(&path).map_err(|error| PlaceError::Ca(path, error))?);
            place.tls = true;
        }
        if let Some(url) = environment.secret("REDIS_URL")? {
            place.take_url(url.expose_secret())?;
        }
        if let Some(host) = environment.text("REDIS_HOST")? {
            place.host = host;
        }
        if let Some(port) = environment.text("REDIS_PORT")? {
            place.port = port.parse().ok().filter(|port| *port > 0).ok_or(PlaceError::Port)?;
        }
        if let Some(user) = environment.text("REDIS_USER")? {
            place.user = Some(user);
        }
        if let Some(password) = environment.secret("REDIS_PASSWORD")? {
            place.password = Some(password);
        }
        Ok(place)
    }

    fn take_url(&mut self, text: &str) -> Result<(), PlaceError> {
        let url = Url::parse(text).map_err(|_| PlaceError::Url)?;
        self.tls = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return Err(PlaceError::Url),
        };
        let host = url.host_str().ok_or(PlaceError::Url)?;
        host.trim_matches(['[', ']']).clone_into(&mut self.host);
        self.port = url.port().unwrap_or(6379);
        let plain = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        if !url.username().is_empty() {
            self.user = Some(plain(url.username()));
        }
        if let Some(password) = url.password() {
            self.password = Some(SecretString::from(plain(password)));
        }
        match url.path().trim_matches('/') {
            "" => {}
            db => self.db = db.parse().map_err(|_| PlaceError::Url)?,
        }
        Ok(())
    }
}

/// Without the password.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "rediss" } else { "redis" };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        write!(f, "{scheme}://{host}:{}", self.port)
    }
}
