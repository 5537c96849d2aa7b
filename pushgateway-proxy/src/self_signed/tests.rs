use super::*;
use crate::certificate::Certificate;
use std::os::unix::fs::PermissionsExt;

fn set(names: &[&str]) -> (tempfile::TempDir, SelfSigned) {
    let directory = tempfile::tempdir().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let set = SelfSigned::new(&directory.path().join("tls"), &names).unwrap();
    (directory, set)
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_first_start_makes_a_set_that_a_listener_can_use() {
    let (_directory, set) = set(&["push.example.org", "203.0.113.7"]);
    assert!(!set.is_prepared().unwrap());
    set.prepare().unwrap();
    assert!(set.is_prepared().unwrap());

    let certificate = Certificate::load(&set.cert(), &set.key(), None).unwrap();
    let left = certificate.expires.duration_since(SystemTime::now()).unwrap();
    assert!(left > 390 * DAY && left < 397 * DAY, "{left:?}");
    for secret in [set.key(), set.ca_key()] {
        assert_eq!(std::fs::metadata(secret).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let chain = read_chain(&set.cert()).unwrap();
    let names = covered(&X509Certificate::from_der(&chain[0]).unwrap().1);
    for name in ["localhost", "127.0.0.1", "::1", "push.example.org", "203.0.113.7"] {
        assert!(names.contains(name), "{name}: {names:?}");
    }
}

#[test]
fn a_second_start_changes_nothing() {
    let (_directory, set) = set(&["2001:DB8::0001", " push.example.org "]);
    set.prepare().unwrap();
    assert!(set.is_prepared().unwrap());
    let files = || [set.ca(), set.ca_key(), set.cert(), set.key()].map(read);
    let before = files();
    set.prepare().unwrap();
    assert_eq!(files(), before);
}

#[test]
fn a_renewal_keeps_the_key_and_the_authority_that_hosts_pin() {
    let (_directory, set) = set(&[]);
    set.prepare().unwrap();
    let before = [set.ca(), set.ca_key(), set.key(), set.cert()].map(read);

    set.renew_if_due(SystemTime::now() + 360 * DAY).unwrap();
    assert_eq!(read(set.cert()), before[3], "31 days are left");
    set.renew_if_due(SystemTime::now() + 370 * DAY).unwrap();

    assert_ne!(read(set.cert()), before[3]);
    assert_eq!([set.ca(), set.ca_key(), set.key()].map(read), before[..3]);
    Certificate::load(&set.cert(), &set.key(), None).unwrap();
}

#[test]
fn a_new_name_is_a_reason_to_renew_and_a_missing_authority_key_is_not_an_error() {
    let (_directory, first) = set(&[]);
    first.prepare().unwrap();
    let more = SelfSigned::new(&first.directory, &["push.example.org".to_owned()]).unwrap();
    let before = read(first.cert());
    std::fs::rename(first.ca_key(), first.directory.join("away")).unwrap();
    assert!(more.is_prepared().unwrap(), "there is nothing that could be made");
    more.prepare().unwrap();
    assert_eq!(read(first.cert()), before);

    std::fs::rename(first.directory.join("away"), first.ca_key()).unwrap();
    assert!(!more.is_prepared().unwrap());
    more.prepare().unwrap();
    assert_ne!(read(first.cert()), before);
}

#[test]
fn what_is_no_name_is_refused_before_anything_is_made() {
    for name in ["", "[::1]", "a b", "push.example.org:9443", "https://h", "a\nb", "ü.example"] {
        let refused = SelfSigned::new(Path::new("tls"), &[name.to_owned()]);
        assert!(refused.unwrap_err().to_string().ends_with("is neither a DNS name nor an address"), "{name}");
    }
}

#[test]
fn a_removed_certificate_is_made_anew_under_the_same_authority() {
    let (_directory, set) = set(&[]);
    set.prepare().unwrap();
    let authority = read(set.ca());
    std::fs::remove_file(set.cert()).unwrap();
    set.prepare().unwrap();
    Certificate::load(&set.cert(), &set.key(), None).unwrap();
    assert_eq!(read(set.ca()), authority);
}

#[test]
fn half_a_set_is_refused_with_what_is_there_and_what_is_not() {
    let (_directory, set) = set(&[]);
    set.prepare().unwrap();
    std::fs::remove_file(set.key()).unwrap();
    let error = set.prepare().unwrap_err().to_string();
    assert!(error.contains("ca.pem, ca-key.pem, cert.pem present, key.pem missing"), "{error}");
    assert!(set.is_prepared().is_err());
}
