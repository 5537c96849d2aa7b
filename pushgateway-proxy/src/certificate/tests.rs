use super::*;
use rcgen::{CertificateParams, KeyPair};

struct Files {
    _directory: tempfile::TempDir,
    cert: PathBuf,
    key: PathBuf,
}

fn files(cert: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Files {
    let directory = tempfile::tempdir().unwrap();
    let files =
        Files { cert: directory.path().join("cert.pem"), key: directory.path().join("key.pem"), _directory: directory };
    std::fs::write(&files.cert, cert).unwrap();
    std::fs::write(&files.key, key).unwrap();
    files
}

fn pair(days_left: i64) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let day = Duration::from_secs(86400);
    params.not_before = (SystemTime::now() - 1000 * day).into();
    params.not_after = match u32::try_from(days_left) {
        Ok(days) => (SystemTime::now() + days * day).into(),
        Err(_) => (SystemTime::now() - u32::try_from(-days_left).unwrap() * day).into(),
    };
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn refused(cert: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> String {
    let files = files(cert, key);
    let error = format!("{:#}", anyhow::Error::new(Certificate::load(&files.cert, &files.key, None).unwrap_err()));
    let directory = format!("{}/", files.cert.parent().unwrap().display());
    error.replace(&directory, "")
}

#[test]
fn a_pair_is_loaded_for_http_1_1_with_its_expiry() {
    let (cert, key) = pair(10);
    let files = files(cert, key);
    let certificate = Certificate::load(&files.cert, &files.key, None).unwrap();
    let left = certificate.expires.duration_since(SystemTime::now()).unwrap();
    assert!((9..=10).contains(&(left.as_secs() / 86400)), "{left:?}");
    assert_eq!(certificate.tls.alpn_protocols, [b"http/1.1"]);
}

#[test]
fn each_fault_is_named_with_its_file() {
    let (cert, key) = pair(10);
    let (_, other) = pair(10);
    let (expired, its_key) = pair(-3);
    assert_eq!(refused("", &key), "the certificate cert.pem is empty");
    assert_eq!(refused(&cert, " \n"), "the key key.pem is empty");
    assert!(refused("hello", &key).starts_with("the certificate cert.pem is not PEM"));
    assert!(refused(&cert, "hello").starts_with("the key key.pem is not PEM"));
    assert!(refused(&key, &cert).contains("holds a key, not a certificate; are --cert and --key swapped?"));
    assert!(refused(&cert, &cert).contains("holds a certificate, not a key"));
    assert!(refused([0x30, 0x82, 1], &key).contains("is DER, not PEM"));
    assert!(refused(&cert[..100], &key).contains("cert.pem is"));
    assert!(refused(&cert, &key[..60]).contains("key.pem is"));
    assert!(
        refused(&cert, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n")
            .contains("is encrypted")
    );
    assert!(refused(&cert, &other).starts_with("the key key.pem does not belong to the certificate cert.pem"));
    assert!(refused(&expired, &its_key).starts_with("the certificate cert.pem expired 3 day(s) ago, on "));
}

#[test]
fn a_file_that_is_not_there_is_named_with_the_way_to_make_one() {
    let missing = Path::new("/nowhere/cert.pem");
    let error = Certificate::load(missing, missing, None).unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot read the certificate /nowhere/cert.pem; --self-signed DIR makes certificate and key for a first start"
    );
}

#[test]
fn no_error_quotes_the_key() {
    let (cert, key) = pair(10);
    let spoilt = key.replace('\n', "!\n");
    let line = key.lines().nth(1).unwrap();
    assert!(!refused(&cert, &spoilt).contains(&line[..10]));
}
