//! What is asked of clients that show certificates.

use std::path::PathBuf;

use serde::Deserialize;

/// Certificates that clients show.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificates {
    /// File of the authorities that sign them (PEM); read again when it changes.
    pub ca: PathBuf,
    /// Whether one has to be shown.
    pub mode: CertificateMode,
    /// Who its bearer is.
    #[serde(default)]
    pub user: CertificateUser,
}

/// Whether a client has to show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CertificateMode {
    /// Without one there is no connection.
    Required,
    /// One that is shown has to be good.
    Optional,
}

/// What of a client's certificate names its user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateUser {
    /// Nothing: a password is needed besides.
    #[default]
    None,
    /// The common name of the subject.
    CommonName,
    /// The first DNS name among the alternative names.
    DnsName,
}
