//! A certificate authority of our own, for gates without a public name.
//!
//! ```text
//! DIR/ca.pem       10 years    what hosts pin (PUSHGATEWAY_CACERT)
//! DIR/ca-key.pem   0600        signs the next certificate; may be moved to a safe place
//! DIR/cert.pem     397 days    what the gate shows; renewed when 30 days are left
//! DIR/key.pem      0600        stays the same through renewals
//! ```
//!
//! Hosts pin the authority, not the certificate, so a renewal goes unnoticed by them. That is why the authority's
//! key is kept: thrown away, every renewal would be a visit to every host. No file is ever overwritten but `cert.pem`.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use tracing::{info, warn};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::certificate::{read_chain, system_time};

const DAY: Duration = Duration::from_secs(86400);
const AUTHORITY_VALIDITY: Duration = Duration::from_secs(3650 * 86400);
/// More is refused by some clients.
const VALIDITY: Duration = Duration::from_secs(397 * 86400);
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 86400);
/// Hosts whose clock is a little behind shall accept a new certificate at once.
const CLOCK_SKEW: Duration = Duration::from_secs(3600);

/// The directory that holds an authority of our own, and what it signed.
#[derive(Clone, Debug)]
pub struct SelfSigned {
    directory: PathBuf,
    names: BTreeSet<String>,
}

/// What of the set is there.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// A first start.
    Nothing,
    /// The authority alone: someone removed the certificate to have a new one.
    Authority,
    /// Certificate, key, and the authority that hosts pin.
    Set,
}

impl SelfSigned {
    /// Names the directory. `names` come on top of `localhost`, the loopback addresses and this machine's host name.
    ///
    /// # Errors
    /// When one of `names` is neither a DNS name nor an address.
    pub fn new(directory: &Path, names: &[String]) -> anyhow::Result<Self> {
        let given = names.iter().map(|name| normal(name)).collect::<anyhow::Result<Vec<_>>>()?;
        let own = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let names = own.into_iter().chain(host_name()).chain(given).collect();
        Ok(Self { directory: directory.to_owned(), names })
    }

    /// Returns the file that the gate shows.
    #[must_use]
    pub fn cert(&self) -> PathBuf {
        self.directory.join("cert.pem")
    }

    /// Returns the key to it.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.directory.join("key.pem")
    }

    /// Returns the file that hosts pin.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    fn ca_key(&self) -> PathBuf {
        self.directory.join("ca-key.pem")
    }

    /// Makes what is missing, and the certificate anew when it is about to expire or lacks a name.
    ///
    /// # Errors
    /// When only a part of the set is there, or a file cannot be read or written.
    pub fn prepare(&self) -> anyhow::Result<()> {
        match self.found()? {
            Found::Nothing => {
                self.make_authority()?;
                self.make_certificate()?;
                info!(
                    "made a certificate for {}; copy {} to each host and name it there in PUSHGATEWAY_CACERT",
                    self.names(),
                    self.ca().display(),
                );
                Ok(())
            }
            Found::Authority => self.make_certificate(),
            Found::Set => self.renew_if_due(SystemTime::now()),
        }
    }

    /// Returns whether [`SelfSigned::prepare`] would leave all as it is, and refuses half a set; changes nothing.
    ///
    /// # Errors
    /// When only a part of the set is there, or the certificate cannot be read.
    pub fn is_prepared(&self) -> anyhow::Result<bool> {
        Ok(self.found()? == Found::Set && (!self.ca_key().exists() || self.due(SystemTime::now())?.is_none()))
    }

    fn found(&self) -> anyhow::Result<Found> {
        let files = [self.ca(), self.ca_key(), self.cert(), self.key()];
        let is_there = files.each_ref().map(|file| file.symlink_metadata().is_ok());
        match is_there {
            [false, false, false, false] => Ok(Found::Nothing),
            [true, _, true, true] => Ok(Found::Set),
            // The key survives a removed certificate, so that a renewal by hand is `rm cert.pem`.
            [true, true, false, _] => Ok(Found::Authority),
            _ => {
                let name = |index: usize| files[index].file_name().unwrap_or_default().to_string_lossy().into_owned();
                let list = |there: bool| {
                    (0..files.len()).filter(|index| is_there[*index] == there).map(name).collect::<Vec<_>>().join(", ")
                };
                bail!(
                    "{} holds only a part of the set: {} present, {} missing; restore the missing files, or move the \
                     present ones away for a new set (each host then needs the new ca.pem)",
                    self.directory.display(),
                    list(true),
                    list(false),
                )
            }
        }
    }

    fn make_authority(&self) -> anyhow::Result<()> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&self.directory)
            .with_context(|| format!("cannot make the directory {}", self.directory.display()))?;
        let key = KeyPair::generate().context("cannot make a key")?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Noroshi push gate CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = (SystemTime::now() - CLOCK_SKEW).into();
        params.not_after = (SystemTime::now() + AUTHORITY_VALIDITY).into();
        let certificate = params.self_signed(&key).context("cannot sign the authority's certificate")?;
        write_new(&self.ca_key(), &key.serialize_pem(), 0o600)?;
        write_new(&self.ca(), &certificate.pem(), 0o644)
    }

    fn make_certificate(&self) -> anyhow::Result<()> {
        let authority = self.ca();
        let authority_key = read_key_pair(&self.ca_key())?;
        let chain = read_chain(&authority)?;
        let der = chain.first().with_context(|| format!("{} holds no certificate", authority.display()))?;
        let issuer = Issuer::from_ca_cert_der(der, authority_key)
            .with_context(|| format!("{} and its key cannot sign", authority.display()))?;

        let key = if self.key().exists() {
            read_key_pair(&self.key())?
        } else {
            let key = KeyPair::generate().context("cannot make a key")?;
            write_new(&self.key(), &key.serialize_pem(), 0o600)?;
            key
        };
        let certificate = self.params()?.signed_by(&key, &issuer).context("cannot sign the certificate")?;

        // Under another name first: a start that reads meanwhile finds the old one or the new one, never half of it.
        let draft = self.directory.join("cert.pem.new");
        let _ = std::fs::remove_file(&draft);
        write_new(&draft, &certificate.pem(), 0o644)?;
        std::fs::rename(&draft, self.cert()).with_context(|| format!("cannot write {}", self.cert().display()))
    }

    fn params(&self) -> anyhow::Result<CertificateParams> {
        let names: Vec<String> = self.names.iter().cloned().collect();
        let mut params = CertificateParams::new(names)
            .with_context(|| format!("one of the names {} cannot stand in a certificate", self.names()))?;
        params.distinguished_name.push(DnType::CommonName, "Noroshi push gate");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = (SystemTime::now() - CLOCK_SKEW).into();
        params.not_after = (SystemTime::now() + VALIDITY - CLOCK_SKEW - DAY).into();
        Ok(params)
    }

    fn renew_if_due(&self, now: SystemTime) -> anyhow::Result<()> {
        let path = self.cert();
        let Some(reason) = self.due(now)? else { return Ok(()) };
        if !self.ca_key().exists() {
            warn!("{} should be renewed, because {reason}; put ca-key.pem back beside it for that", path.display());
            return Ok(());
        }
        self.make_certificate()?;
        info!("renewed {}, because {reason}; hosts need nothing, since they trust the authority", path.display());
        Ok(())
    }

    /// Returns why the certificate should be made anew, if it should.
    fn due(&self, now: SystemTime) -> anyhow::Result<Option<String>> {
        let path = self.cert();
        let chain = read_chain(&path)?;
        let (_, certificate) = chain
            .first()
            .and_then(|own| X509Certificate::from_der(own).ok())
            .with_context(|| format!("{} is PEM, but no certificate within", path.display()))?;
        let lacking: Vec<&str> = {
            let covered = covered(&certificate);
            self.names.iter().filter(|name| !covered.contains(*name)).map(String::as_str).collect()
        };
        let is_due = now + RENEW_BEFORE > system_time(certificate.validity().not_after);
        Ok(match (is_due, lacking.is_empty()) {
            (true, _) => Some(format!("it is valid only until {}", certificate.validity().not_after)),
            (false, false) => Some(format!("it lacks {}", lacking.join(", "))),
            (false, true) => None,
        })
    }

    fn names(&self) -> String {
        self.names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// Returns `name` as a certificate spells it, or [`SelfSigned::due`] would miss it there for ever.
fn normal(name: &str) -> anyhow::Result<String> {
    let name = name.trim();
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    let is_dns = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte));
    ensure!(is_dns, "`{}` (names, --name) is neither a DNS name nor an address", name.escape_debug());
    Ok(name.to_owned())
}

fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    let is_dns = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
    (is_dns && !name.is_empty()).then(|| name.to_owned())
}

fn covered(certificate: &X509Certificate<'_>) -> BTreeSet<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return BTreeSet::new() };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok().map(|address| address.to_string())
        }
        _ => None,
    };
    names.value.general_names.iter().filter_map(text).collect()
}

fn read_key_pair(path: &Path) -> anyhow::Result<KeyPair> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    // The library's reason is left out: nobody has checked that it never quotes the key.
    KeyPair::from_pem(&text).ok().with_context(|| format!("{} is no private key in PEM", path.display()))
}

fn write_new(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests;
