//! The way to the gateway: its address, a connection, and a handshake.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::answer::in_one_line;
use super::names::Names;
use super::tls::Distrust;
use super::{Gateway, PushError};

/// Connects to the first address that answers; `doing` says what we wait for.
pub async fn tcp(gateway: &Gateway, doing: &Cell<&'static str>) -> Result<TcpStream, PushError> {
    let target = &gateway.target;
    doing.set("its name was looked up");
    let addresses: Vec<SocketAddr> = lookup_host((target.server.host.as_str(), target.server.port))
        .await
        .map_err(|error| PushError::UnknownHost {
            setting: gateway.names.url,
            host: target.server.host.clone(),
            error,
        })?
        .collect();
    doing.set("a connection was made");
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    // An address that swallows our packets (IPv6 without a route is the usual one) must leave time for the others.
    let share = gateway.timeout / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    for address in addresses {
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // We write once and wait: nothing is gained by holding packets back.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = ErrorKind::TimedOut.into(),
        }
    }
    let origin = target.origin();
    Err(match last.kind() {
        ErrorKind::ConnectionRefused => PushError::ConnectionRefused { origin },
        ErrorKind::TimedOut => PushError::TimedOut { origin, timeout: gateway.timeout, doing: doing.get() },
        _ => PushError::Unreachable { origin, error: last },
    })
}

/// Shakes hands over `stream`.
pub async fn tls(
    gateway: &Gateway,
    connector: &TlsConnector,
    stream: TcpStream,
    doing: &Cell<&'static str>,
) -> Result<TlsStream<TcpStream>, PushError> {
    doing.set("TLS was agreed on");
    let origin = || gateway.target.origin();
    let name = ServerName::try_from(gateway.target.server.host.clone()).map_err(|_| PushError::Tls {
        origin: origin(),
        reason: "a certificate cannot be issued for this host name".to_owned(),
    })?;
    connector.connect(name, stream).await.map_err(|error| trouble(origin(), gateway.names, &error))
}

/// Puts what went wrong in a handshake into words.
fn trouble(origin: String, names: &'static Names, error: &io::Error) -> PushError {
    let reason = match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(other))) => {
            if let Some(distrust) = other.0.downcast_ref::<Distrust>() {
                return PushError::Distrusted(distrust.clone().of(names));
            }
            other.to_string()
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            format!(
                "what answers there does not speak TLS; is the port right, and should {} begin with http://?",
                names.url
            )
        }
        Some(rustls::Error::AlertReceived(AlertDescription::AccessDenied)) => {
            "the gate lets no connection from this host's address in; it must be on its allowlist (proxy.allow)"
                .to_owned()
        }
        Some(other) => other.to_string(),
        None if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
            "the server hung up during the handshake".to_owned()
        }
        None => error.to_string(),
    };
    PushError::Tls { origin, reason: in_one_line(&reason) }
}
