//! Hosts that show a certificate of their own, and what becomes of it when its authority's file changes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pushgateway_proxy::{CertificateMode, CertificateUser, ClientCertificates, Config};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::gate::{Gate, connector, push, read_all};

/// Signs what hosts show.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn found() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn issue(&self, common_name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["web-1.example.org".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { certificate: certificate.der().clone(), key: PrivateKeyDer::try_from(key.serialize_der()).unwrap() }
    }
}

struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

fn asks(config: &mut Config, ca: &Path, mode: CertificateMode, user: CertificateUser) {
    config.client_certificates = Some(ClientCertificates { ca: ca.to_owned(), mode, user });
}

/// Pushes with this certificate, and without a password where `bare`; nothing comes back when there is no connection.
async fn pushes(gate: &Gate, identity: Option<&Identity>, bare: bool) -> String {
    let roots = gate.roots(&gate.directory.path().join("tls/ca.pem"));
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => config.with_no_client_auth(),
        Some(own) => config.with_client_auth_cert(vec![own.certificate.clone()], own.key.clone_key()).unwrap(),
    };
    let tcp = TcpStream::connect(gate.address).await.unwrap();
    let Ok(mut tls) = connector(config, tcp).await else { return String::new() };
    let request = push("m 1\n");
    let request = match bare {
        true => request
            .lines()
            .filter(|line| !line.starts_with("Authorization"))
            .map(|line| format!("{}\r\n", line.trim_end()))
            .collect::<String>(),
        false => request,
    };
    // Refused certificates are told of after the handshake in TLS 1.3.
    if tls.write_all(request.replace("m 1\r\n", "m 1\n").as_bytes()).await.is_err() {
        return String::new();
    }
    read_all(&mut tls).await.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_certificate_takes_the_place_of_a_password_where_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("clients.pem");
    let (authority, other) = (Authority::found(), Authority::found());
    std::fs::write(&ca, &authority.pem).unwrap();
    let (good, forged) = (authority.issue("prom"), other.issue("prom"));

    let gate = Gate::start(|config| asks(config, &ca, CertificateMode::Required, CertificateUser::CommonName)).await;
    assert_eq!(pushes(&gate, Some(&good), true).await, "HTTP/1.1 200 OK");
    assert_eq!(pushes(&gate, Some(&good), false).await, "HTTP/1.1 200 OK");
    assert_eq!(pushes(&gate, Some(&authority.issue("web-1")), false).await, "HTTP/1.1 403 Forbidden");
    assert_eq!(pushes(&gate, Some(&forged), true).await, "");
    assert_eq!(pushes(&gate, None, false).await, "");

    let gate = Gate::start(|config| asks(config, &ca, CertificateMode::Optional, CertificateUser::None)).await;
    assert_eq!(pushes(&gate, None, false).await, "HTTP/1.1 200 OK");
    assert_eq!(pushes(&gate, Some(&good), true).await, "HTTP/1.1 401 Unauthorized");
    assert_eq!(pushes(&gate, Some(&forged), false).await, "");
}

#[tokio::test]
async fn an_authority_that_was_exchanged_counts_within_seconds_and_a_broken_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("clients.pem");
    let (first, second) = (Authority::found(), Authority::found());
    std::fs::write(&ca, &first.pem).unwrap();
    let gate = Gate::start(|config| asks(config, &ca, CertificateMode::Required, CertificateUser::DnsName)).await;
    let (old, new) = (first.issue("a"), second.issue("b"));
    assert_eq!(pushes(&gate, Some(&old), true).await, "HTTP/1.1 200 OK");

    std::fs::write(&ca, "no certificate").unwrap();
    // Longer than it takes to be looked at.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(pushes(&gate, Some(&old), true).await, "HTTP/1.1 200 OK");

    std::fs::write(&ca, &second.pem).unwrap();
    for _ in 0..100 {
        if pushes(&gate, Some(&new), true).await == "HTTP/1.1 200 OK" {
            assert_eq!(pushes(&gate, Some(&old), true).await, "");
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the new authority was never taken over");
}
