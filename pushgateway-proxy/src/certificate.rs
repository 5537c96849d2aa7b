//! The certificate and key that this gate shows, and what is wrong with them when they cannot be shown.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use tracing::warn;
use x509_parser::prelude::{ASN1Time, FromDer, GeneralName, X509Certificate};

use crate::client_certificates::{CertificateMode, CertificateUser, ClientCertificates};

/// What a TLS listener needs, checked.
#[derive(Debug)]
pub struct Certificate {
    /// TLS 1.2 and 1.3, HTTP/1.1, and this certificate.
    pub tls: Arc<ServerConfig>,
    /// When hosts will begin to refuse it.
    pub expires: SystemTime,
}

/// Why a certificate and its key cannot be used. Names the file and the way out.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read the {what} {path}{}", advice(.source))]
    Unreadable {
        /// `certificate` or `key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("the {what} {path} is empty")]
    Empty {
        /// `certificate` or `key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// It holds something else, or is of another format.
    #[error("the {what} {path} {reason}")]
    NotPem {
        /// `certificate` or `key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, with advice.
        reason: String,
    },
    /// The two files are not a pair.
    #[error("the key {key} does not belong to the certificate {cert}; each renewal makes both anew, so copy both")]
    NotAPair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// No host would accept it.
    #[error(
        "the certificate {path} expired {days} day(s) ago, on {since}; renew it (--self-signed does so by itself, with ca-key.pem beside it)"
    )]
    Expired {
        /// The file.
        path: PathBuf,
        /// Since when, in whole days.
        days: u64,
        /// Since when, as a date.
        since: String,
    },
    /// rustls finds another fault.
    #[error("the certificate {cert} with the key {key} cannot be used")]
    Unusable {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },
}

fn advice(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => "; give this process's user the right to read it (chown, or a group)",
        std::io::ErrorKind::NotFound => "; --self-signed DIR makes certificate and key for a first start",
        _ => "",
    }
}

impl Certificate {
    /// Reads certificate and key and holds them against each other and the clock; and the authorities of `clients`.
    ///
    /// # Errors
    /// When one cannot be read or is not PEM, they are no pair, or the certificate has expired.
    pub fn load(cert: &Path, key: &Path, clients: Option<&ClientCertificates>) -> Result<Self, CertificateError> {
        let chain = read_chain(cert)?;
        let private = read_key(key)?;
        let expires = check_validity(cert, &chain, SystemTime::now())?;
        warn_of_readers(key);

        let unusable = |source| CertificateError::Unusable { cert: cert.to_owned(), key: key.to_owned(), source };
        let provider = Arc::new(default_provider());
        let versions =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&[&TLS13, &TLS12]);
        let versions = versions.map_err(unusable)?;
        let identified = match clients {
            None => versions.with_no_client_auth(),
            Some(clients) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(read_roots(&clients.ca)?, provider);
                let verifier = match clients.mode {
                    CertificateMode::Required => verifier,
                    CertificateMode::Optional => verifier.allow_unauthenticated(),
                };
                let refused = |_| not_pem("client authority", &clients.ca, "holds no certificate that can sign others");
                versions.with_client_cert_verifier(verifier.build().map_err(refused)?)
            }
        };
        let mut tls = identified.with_single_cert(chain, private).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                CertificateError::NotAPair { cert: cert.to_owned(), key: key.to_owned() }
            }
            other => unusable(other),
        })?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        // New with each certificate: a ticket bears the client's certificate too, and its authority may have changed.
        tls.ticketer = Ticketer::new().map_err(unusable)?;
        tls.send_tls13_tickets = 1;
        Ok(Self { tls: Arc::new(tls), expires })
    }

    /// Returns when it expires, in seconds since 1970.
    #[must_use]
    pub fn expires_timestamp(&self) -> i64 {
        self.expires.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }
}

/// Returns who the bearer of the client's certificate is, as `by` says.
#[must_use]
pub fn certificate_user(tls: &ServerConnection, by: CertificateUser) -> Option<Arc<str>> {
    let own = tls.peer_certificates()?.first()?;
    let (_, own) = X509Certificate::from_der(own).ok()?;
    let name = match by {
        CertificateUser::None => return None,
        CertificateUser::CommonName => own.subject().iter_common_name().next()?.as_str().ok()?.to_owned(),
        CertificateUser::DnsName => {
            let names = own.subject_alternative_name().ok()??.value.general_names.iter();
            names
                .filter_map(|name| if let GeneralName::DNSName(name) = name { Some(*name) } else { None })
                .next()?
                .to_owned()
        }
    };
    // A name goes into logs and metrics.
    let is_name = !name.is_empty() && name.len() <= 255 && !name.chars().any(char::is_control);
    is_name.then(|| Arc::from(name))
}

fn read_roots(path: &Path) -> Result<Arc<RootCertStore>, CertificateError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_chain(path)? {
        roots.add(certificate).map_err(|_| not_pem("client authority", path, "holds what is no certificate"))?;
    }
    Ok(Arc::new(roots))
}

/// Reads the certificates in the PEM file at `path`, the server's own first.
pub(crate) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let bytes = read("certificate", path)?;
    let not_pem = |reason: &str| not_pem("certificate", path, reason);
    let chain = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| not_pem(&format!("is broken PEM ({error}); was it cut off while copying?")))?;
    if !chain.is_empty() {
        return Ok(chain);
    }
    Err(match bytes.as_slice() {
        [0x30, ..] => not_pem("is DER, not PEM: `openssl x509 -inform der -in FILE -out FILE.pem` converts it"),
        _ if contains(&bytes, "PRIVATE KEY-----") => {
            not_pem("holds a key, not a certificate; are --cert and --key swapped?")
        }
        _ => not_pem("is not PEM: no `-----BEGIN CERTIFICATE-----` in it"),
    })
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let bytes = read("key", path)?;
    let not_pem = |reason: &str| not_pem("key", path, reason);
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        pem::Error::NoItemsFound => match bytes.as_slice() {
            [0x30, ..] => not_pem("is DER, not PEM: `openssl pkey -inform der -in FILE -out FILE.pem` converts it"),
            _ if contains(&bytes, "ENCRYPTED PRIVATE KEY-----") => not_pem(
                "is encrypted, and nobody is there to type its password: `openssl pkey -in FILE -out FILE.plain` (then chmod 600)",
            ),
            _ if contains(&bytes, "CERTIFICATE-----") => {
                not_pem("holds a certificate, not a key; are --cert and --key swapped?")
            }
            _ => not_pem("is not PEM: no `-----BEGIN PRIVATE KEY-----` in it"),
        },
        // The parser's own words could quote the file.
        _ => not_pem("is broken PEM; was it cut off while copying?"),
    })
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, CertificateError> {
    let bytes =
        std::fs::read(path).map_err(|source| CertificateError::Unreadable { what, path: path.to_owned(), source })?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(CertificateError::Empty { what, path: path.to_owned() });
    }
    Ok(bytes)
}

fn not_pem(what: &'static str, path: &Path, reason: &str) -> CertificateError {
    CertificateError::NotPem { what, path: path.to_owned(), reason: reason.to_owned() }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn check_validity(path: &Path, chain: &[CertificateDer<'_>], now: SystemTime) -> Result<SystemTime, CertificateError> {
    let (_, own) = chain
        .first()
        .and_then(|own| X509Certificate::from_der(own).ok())
        .ok_or_else(|| not_pem("certificate", path, "is PEM, but no certificate within"))?;
    let (begin, end) = (own.validity().not_before, own.validity().not_after);
    if let Ok(since) = now.duration_since(system_time(end)) {
        let days = since.as_secs() / 86400;
        return Err(CertificateError::Expired { path: path.to_owned(), days, since: end.to_string() });
    }
    if now < system_time(begin) {
        // Small machines start with a clock of 1970; by the time hosts push, it has been set.
        warn!("the certificate {} is not valid before {begin}; is this machine's clock right?", path.display());
    }
    Ok(system_time(end))
}

pub(crate) fn system_time(time: ASN1Time) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0))
}

/// A key that everyone on this machine may read is still a key, so this is no error.
fn warn_of_readers(key: &Path) {
    if let Ok(seen) = std::fs::metadata(key)
        && seen.permissions().mode() & 0o007 != 0
    {
        warn!("every user of this machine may read the key {0}; `chmod 600 {0}` ends that", key.display());
    }
}

#[cfg(test)]
mod tests;
