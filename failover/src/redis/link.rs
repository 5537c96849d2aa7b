//! One connection, thrown away on every error.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, Value};
use redis::{RedisConnectionInfo, TlsCertificates};
use secrecy::ExposeSecret as _;

use super::{Keys, SCRIPT, wire};
use crate::config::{Config, Place, Sites};
use crate::core::record::{Answer, Request};

/// A way to Redis. Clones share the connection.
#[derive(Clone)]
pub struct Link {
    client: Client,
    options: AsyncConnectionConfig,
    /// For a whole call, a new connection included.
    patience: Duration,
    connection: Arc<Mutex<Option<MultiplexedConnection>>>,
    place: String,
    keys: Keys,
    sites: Sites,
    ttl_ms: i64,
    hash: String,
}

/// Why a call was not answered. What became of it is unknown (R11), unless Redis refused it.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Redis, or the way to it.
    #[error(transparent)]
    Redis(#[from] redis::RedisError),
    /// Nothing came in time.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// The answer, or what stands in Redis, is not in our form.
    #[error("what stands in the keys of this namespace is not ours; `failover doctor` tells more")]
    NotOurs,
}

impl Link {
    /// Prepares a way to the Redis of `config`; nothing is connected yet.
    ///
    /// # Errors
    /// When the certificates cannot be used.
    pub fn new(config: &Config, sites: &Sites) -> anyhow::Result<Self> {
        let pace = config.pace();
        let place = config.place.as_ref().ok_or_else(|| anyhow::anyhow!("the place of Redis is not known"))?;
        let options = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(pace.request))
            .set_response_timeout(Some(pace.request));
        Ok(Self {
            client: client(place, pace.request)?,
            options,
            patience: pace.request,
            connection: Arc::default(),
            place: place.to_string(),
            keys: Keys::new(config),
            sites: sites.clone(),
            ttl_ms: i64::try_from(pace.ttl.as_millis()).unwrap_or(i64::MAX),
            hash: sha1(SCRIPT),
        })
    }

    /// Runs the script. Any error throws the connection away, with what is under way on it.
    ///
    /// # Errors
    /// When no answer came in time, or it was none of ours.
    pub async fn call(&self, request: &Request) -> Result<Answer, LinkError> {
        let work = async {
            let arguments = wire::arguments(request, &self.sites, self.ttl_ms, self.keys.channel());
            let value = match self.script("EVALSHA", &self.hash, &arguments).await {
                Err(LinkError::Redis(error)) if error.code() == Some("NOSCRIPT") => {
                    self.script("EVAL", SCRIPT, &arguments).await?
                }
                other => other?,
            };
            wire::answer(&value, &self.sites).ok_or(LinkError::NotOurs)
        };
        let result = tokio::time::timeout(self.patience, work).await.unwrap_or(Err(LinkError::Late(self.patience)));
        if result.is_err() {
            self.disconnect();
        }
        result
    }

    async fn script(&self, how: &str, what: &str, arguments: &[String]) -> Result<Value, LinkError> {
        let keys = self.keys.of_script(&self.sites);
        let mut command = redis::cmd(how);
        command.arg(what).arg(keys.len()).arg(keys).arg(arguments);
        self.command(&command).await
    }

    /// Runs another command, for the operators' commands.
    ///
    /// # Errors
    /// When it is refused or not answered in time.
    pub async fn command<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, LinkError> {
        let mut connection = self.connected().await?;
        let value: Value = command.query_async(&mut connection).await?;
        Ok(redis::from_redis_value(value).map_err(redis::RedisError::from)?)
    }

    async fn connected(&self) -> Result<MultiplexedConnection, LinkError> {
        if let Some(connection) = &*self.slot() {
            return Ok(connection.clone());
        }
        let connection = self.client.get_multiplexed_async_connection_with_config(&self.options).await?;
        *self.slot() = Some(connection.clone());
        Ok(connection)
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<MultiplexedConnection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Throws the connection away.
    pub fn disconnect(&self) {
        self.slot().take();
    }

    /// Where this leads, without the password.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The names of our keys.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }
}

/// A client for `place`; small packets leave at once, and a silent peer is noticed.
fn client(place: &Place, request: Duration) -> anyhow::Result<Client> {
    // The system counts these in whole seconds, and refuses zero.
    let second = Duration::from_secs(1);
    let keepalive = TcpKeepalive::new().with_time((request * 2).max(second)).with_interval(request.max(second));
    let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive).set_user_timeout(request * 2);
    let mut login = RedisConnectionInfo::default().set_db(place.db.into()).set_skip_set_lib_name();
    if let Some(user) = &place.user {
        login = login.set_username(user);
    }
    if let Some(password) = &place.password {
        login = login.set_password(password.expose_secret());
    }
    let address = if place.tls {
        ConnectionAddr::TcpTls { host: place.host.clone(), port: place.port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(place.host.clone(), place.port)
    };
    let info: ConnectionInfo = address.into_connection_info()?.set_redis_settings(login).set_tcp_settings(tcp);
    Ok(if place.tls {
        Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: place.ca.clone() })?
    } else {
        Client::open(info)?
    })
}

/// The name under which Redis keeps a script.
fn sha1(script: &str) -> String {
    use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
    digest(&SHA1_FOR_LEGACY_USE_ONLY, script.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
