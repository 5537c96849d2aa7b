//! Whom we believe to be the gateway.

mod distrust;
mod verifier;

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

pub use self::distrust::Distrust;
use self::verifier::{Anybody, Verifier};

/// Whose certificate will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// One that an authority of this system has signed.
    System,
    /// One in this file, or one that is signed by one in it; no other.
    Pinned(PathBuf),
    /// Any.
    Anybody,
}

/// Why there is nothing to hold a certificate against.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTrust {
    /// The file cannot be read as PEM.
    #[error("cannot read the certificates in {path} ({setting}): {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The setting that names it.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no certificate in it.
    #[error("{path} ({setting}) holds no certificate; it should be PEM, with a line -----BEGIN CERTIFICATE-----")]
    Empty {
        /// The file.
        path: PathBuf,
        /// The setting that names it.
        setting: &'static str,
    },
    /// The system trusts nobody.
    #[error("this system has no certificates to trust (package ca-certificates); name the server's own in {setting}")]
    NoSystem {
        /// The setting that would name some.
        setting: &'static str,
    },
    /// rustls does not take what we give it.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

/// Returns what a connection is made with. `setting` is what names a file of certificates.
pub fn client(trust: &Trust, setting: &'static str) -> Result<Arc<ClientConfig>, InvalidTrust> {
    client_with(verifier(trust, setting)?)
}

/// Returns what looks at a server's certificate.
pub fn verifier(trust: &Trust, setting: &'static str) -> Result<Arc<dyn ServerCertVerifier>, InvalidTrust> {
    let provider = Arc::new(ring::default_provider());
    Ok(match trust {
        Trust::Anybody => Arc::new(Anybody::new(&provider)),
        Trust::Pinned(path) => Arc::new(pinned(path, setting, &provider)?),
        Trust::System => Arc::new(system(setting, &provider)?),
    })
}

/// Returns what a connection is made with when `verifier` looks at the certificates.
pub fn client_with(verifier: Arc<dyn ServerCertVerifier>) -> Result<Arc<ClientConfig>, InvalidTrust> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| InvalidTrust::Setup(error.to_string()))?
        // "Dangerous" is the door for a verifier of one's own. Ours asks more than the usual one, not less.
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn pinned(path: &PathBuf, setting: &'static str, provider: &Arc<CryptoProvider>) -> Result<Verifier, InvalidTrust> {
    let unreadable = |reason: String| InvalidTrust::Unreadable { path: path.clone(), setting, reason };
    let pem = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(format!("it is not PEM: {error}")))?;
    if certificates.is_empty() {
        return Err(InvalidTrust::Empty { path: path.clone(), setting });
    }
    let mut roots = RootCertStore::empty();
    for (index, certificate) in certificates.iter().enumerate() {
        roots
            .add(certificate.clone())
            .map_err(|error| unreadable(format!("its certificate number {} is of no use: {error}", index + 1)))?;
    }
    Ok(Verifier::new(webpki(roots, provider)?, certificates, Some(path.clone())))
}

fn system(setting: &'static str, provider: &Arc<CryptoProvider>) -> Result<Verifier, InvalidTrust> {
    let mut roots = RootCertStore::empty();
    // Some bundles hold certificates that nobody can use any more; those are passed over.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(InvalidTrust::NoSystem { setting });
    }
    Ok(Verifier::new(webpki(roots, provider)?, Vec::new(), None))
}

fn webpki(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, InvalidTrust> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| InvalidTrust::Setup(error.to_string()))
}
