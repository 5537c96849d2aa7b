//! Whose certificates a probe takes, and until when they hold.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::gateway::{InvalidTrust, Trust, client_with, verifier};

/// What judges certificates, made when it is first needed: the system's authorities take time and memory.
#[derive(Debug, Default)]
pub struct Trusts(Mutex<BTreeMap<Key, Arc<dyn ServerCertVerifier>>>);

/// A [`Trust`] that can be looked up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    System,
    Pinned(PathBuf),
    Anybody,
}

/// Where a handshake leaves the earliest end among the certificates that it was shown, in seconds since 1970.
pub type Expiry = Arc<Mutex<Option<i64>>>;

impl Trusts {
    /// Reads ahead what [`Trusts::client`] would read: the system's certificates take their time, which would count as that
    /// of whatever handshake goes on meanwhile.
    pub fn prepare(&self, ca_file: Option<&PathBuf>, is_insecure: bool) {
        if ca_file.is_none() && !is_insecure {
            // Should there be none, the probe that wants them says so.
            let _ = self.judge(Key::System);
        }
    }

    /// Returns what a connection is made with, and where its certificates' end is going to stand.
    ///
    /// # Errors
    /// With a sentence, when the certificates to trust cannot be read.
    pub fn client(&self, ca_file: Option<&PathBuf>, is_insecure: bool) -> Result<(Arc<ClientConfig>, Expiry), String> {
        let key = match ca_file {
            _ if is_insecure => Key::Anybody,
            Some(file) => Key::Pinned(file.clone()),
            None => Key::System,
        };
        let expiry = Expiry::default();
        let judge = self.judge(key).map_err(|error| error.to_string())?;
        let client = client_with(Arc::new(Witness { judge, expiry: Arc::clone(&expiry) }));
        let mut client = client.map_err(|error| error.to_string())?;
        // A session that is taken up again shows no certificates.
        Arc::make_mut(&mut client).resumption = Resumption::disabled();
        Ok((client, expiry))
    }

    fn judge(&self, key: Key) -> Result<Arc<dyn ServerCertVerifier>, InvalidTrust> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(judge) = known.get(&key) {
            return Ok(Arc::clone(judge));
        }
        let trust = match &key {
            Key::System => Trust::System,
            Key::Pinned(file) => Trust::Pinned(file.clone()),
            Key::Anybody => Trust::Anybody,
        };
        let judge = verifier(&trust, "ca_file of the watch")?;
        // A pinned file is read again for each probe: it may have been renewed, and it is small.
        if !matches!(key, Key::Pinned(_)) {
            known.insert(key, Arc::clone(&judge));
        }
        Ok(judge)
    }
}

/// Notes how long the certificates hold before it leaves the judgement to another: that one has expired already is
/// what its watcher wants to see.
struct Witness {
    judge: Arc<dyn ServerCertVerifier>,
    expiry: Expiry,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let end = |certificate: &CertificateDer<'_>| {
            X509Certificate::from_der(certificate).ok().map(|(_, read)| read.validity().not_after.timestamp())
        };
        let earliest = std::iter::once(certificate).chain(intermediates).filter_map(end).min();
        *self.expiry.lock().unwrap_or_else(PoisonError::into_inner) = earliest;
        self.judge.verify_server_cert(certificate, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}
