//! Certificates of every kind, good and bad.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// A certificate authority that exists for one test.
pub struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// Whether a certificate holds today.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Validity {
    /// It does.
    Current,
    /// It ended in 2021.
    Expired,
}

impl Authority {
    /// Makes a new authority that nobody knows yet.
    ///
    /// # Panics
    /// When there is no randomness.
    #[must_use]
    pub fn found() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no name can be wrong");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, "e2e authority");
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.self_signed(&key).expect("an authority can sign itself");
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// Writes `ca.pem`, and `cert.pem` with `key.pem` for loopback, into `folder`.
    ///
    /// # Panics
    /// When the folder cannot be written.
    pub fn issue(&self, folder: &Path, validity: Validity) {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).expect("the names are well formed");
        let (from, to) = match validity {
            Validity::Current => (2020, 2090),
            Validity::Expired => (2020, 2021),
        };
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("an authority can sign");
        fs::create_dir_all(folder).expect("a folder can be made");
        write(folder.join("ca.pem"), self.certificate.pem());
        write(folder.join("cert.pem"), certificate.pem());
        write(folder.join("key.pem"), key.serialize_pem());
    }
}

fn write(file: PathBuf, text: String) {
    fs::write(&file, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
}
