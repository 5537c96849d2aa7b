//! Why a server's certificate will not do, in words that say what to do about it.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};

use crate::gateway::answer::in_one_line;
use crate::gateway::names::{Names, OF_PUSHES};

/// Why a server's certificate will not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// It was not signed by one that we trust.
    #[error("the server's certificate (issued by {issuer}) is not signed by {}; {}", trusted(.file), advice(.file, .setting))]
    UnknownIssuer {
        /// Who signed it, as it says itself.
        issuer: String,
        /// Whom we would believe: who stands in this file, or those whom the system knows.
        file: Option<PathBuf>,
        /// The setting that names whom to believe.
        setting: &'static str,
    },
    /// It was signed by one that only has the name of one that we trust.
    #[error(
        "the server's certificate is signed by {issuer}, but not with the key that {} has under this name: \
         was the server's CA made anew? {}",
        trusted(.file),
        advice(.file, .setting)
    )]
    OtherKey {
        /// Who signed it, as it says itself.
        issuer: String,
        /// Whom we would believe: who stands in this file, or those whom the system knows.
        file: Option<PathBuf>,
        /// The setting that names whom to believe.
        setting: &'static str,
    },
    /// Its time is over.
    #[error("the server's certificate expired on {date}; the server needs a new one (this host's clock says {now})")]
    Expired {
        /// The end of its time.
        date: String,
        /// Our clock.
        now: String,
    },
    /// Its time has not begun.
    #[error(
        "the server's certificate is not valid before {date}, and this host's clock says {now}; is the clock right?"
    )]
    NotYetValid {
        /// The beginning of its time.
        date: String,
        /// Our clock.
        now: String,
    },
    /// It belongs to another name.
    #[error(
        "the server's certificate is not for {wanted}: {names}; use a name of the certificate in {setting}, or make one for this name"
    )]
    OtherName {
        /// The name that we called the server by.
        wanted: String,
        /// The names that it has.
        names: String,
        /// The setting that names the server.
        setting: &'static str,
    },
    /// Something else.
    #[error("the server's certificate cannot be used: {0}")]
    Unusable(String),
}

impl Distrust {
    /// Puts `error` into words. `file` is where the trusted certificates come from, unless they are the system's.
    pub fn explain(
        error: &Error,
        presented: &Presented,
        wanted: &ServerName<'_>,
        file: Option<&Path>,
        now: UnixTime,
    ) -> Self {
        // Whose setting it is, whoever made the connection knows; see `of`.
        let (file, setting) = (file.map(Path::to_owned), OF_PUSHES.ca_file);
        let issuer = presented.issuer.clone();
        let Error::InvalidCertificate(reason) = error else { return Self::Unusable(error.to_string()) };
        let clock = date(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        let (begin, end) = presented.validity.map_or_else(Default::default, |(begin, end)| (date(begin), date(end)));
        match reason {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                Self::Expired { date: end, now: clock }
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid { date: begin, now: clock }
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                let names = match presented.names.as_slice() {
                    [] => "it names no host at all (subjectAltName)".to_owned(),
                    names => format!("it is for {}", names.join(", ")),
                };
                Self::OtherName { wanted: wanted.to_str().into_owned(), names, setting: OF_PUSHES.url }
            }
            CertificateError::BadSignature => Self::OtherKey { issuer, file, setting },
            CertificateError::UnknownIssuer => Self::UnknownIssuer { issuer, file, setting },
            // An authority that serves by itself, and is not the pinned one: the same as unknown to a reader.
            CertificateError::Other(_) if presented.is_authority => Self::UnknownIssuer { issuer, file, setting },
            other => Self::Unusable(in_one_line(&other.to_string())),
        }
    }

    /// Returns the same with advice for a server whose settings have these names.
    pub fn of(mut self, names: &Names) -> Self {
        match &mut self {
            Self::UnknownIssuer { setting, .. } | Self::OtherKey { setting, .. } => *setting = names.ca_file,
            Self::OtherName { setting, .. } => *setting = names.url,
            Self::Expired { .. } | Self::NotYetValid { .. } | Self::Unusable(_) => {}
        }
        self
    }
}

fn trusted(file: &Option<PathBuf>) -> String {
    file.as_ref().map_or_else(
        || "an authority that this system knows".to_owned(),
        |file| format!("a certificate in {}", file.display()),
    )
}

fn advice(file: &Option<PathBuf>, setting: &str) -> String {
    let server = if file.is_some() { "the right server" } else { "your own server" };
    format!("if this is {server}, copy its ca.pem here and name it in {setting}")
}

/// What a certificate says of itself. Not a word of it is believed.
#[derive(Debug, Default)]
pub struct Presented {
    /// Who signed it.
    pub issuer: String,
    /// Whom it is for: host names and addresses.
    pub names: Vec<String>,
    /// Its first and its last second.
    pub validity: Option<(i64, i64)>,
    /// Whether it may sign others.
    pub is_authority: bool,
}

impl Presented {
    /// Reads as much as can be read.
    pub fn read(certificate: &CertificateDer<'_>) -> Self {
        let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
            return Self { issuer: "nobody knows whom".to_owned(), ..Self::default() };
        };
        let alternatives = certificate.subject_alternative_name().ok().flatten();
        let names = alternatives.iter().flat_map(|extension| &extension.value.general_names);
        let validity = certificate.validity();
        Self {
            issuer: in_one_line(&certificate.issuer().to_string()),
            names: names.filter_map(written).collect(),
            validity: Some((validity.not_before.timestamp(), validity.not_after.timestamp())),
            is_authority: certificate.is_ca(),
        }
    }
}

fn written(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(in_one_line(name)),
        GeneralName::IPAddress(bytes) => match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
            (Ok(address), _) => Some(Ipv4Addr::from(address).to_string()),
            (_, Ok(address)) => Some(Ipv6Addr::from(address).to_string()),
            _ => None,
        },
        _ => None,
    }
}

fn date(seconds: i64) -> String {
    ASN1Time::from_timestamp(seconds).map_or_else(|_| "an unknown date".to_owned(), |time| time.to_string())
}
