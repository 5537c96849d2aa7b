use super::server::{HERE, authority, ca, params, self_signed, serve, signed};
use super::*;
use crate::gateway::tls::Distrust;
use rcgen::CertificateParams;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const TAKEN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Pushes once to a server that shows a certificate of `tls`, with `pem` as the file that is pinned.
async fn push(tls: Arc<rustls::ServerConfig>, pem: &str) -> Result<(), PushError> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, pem).unwrap();
    let (port, served) = serve(TAKEN, Some(tls)).await;
    let url = format!("https://127.0.0.1:{port}");
    let gateway = gateway([("PUSHGATEWAY_URL", url.as_str()), ("PUSHGATEWAY_CACERT", file.to_str().unwrap())]).unwrap();
    let result = gateway.put("up 1\n".to_owned()).await;
    served.await.unwrap();
    result
}

fn distrusted(result: Result<(), PushError>) -> Distrust {
    match result {
        Err(PushError::Distrusted(distrust)) => distrust,
        other => panic!("{other:?}"),
    }
}

fn expired(mut params: CertificateParams) -> CertificateParams {
    params.not_after = rcgen::date_time_ymd(2021, 6, 1);
    params
}

#[tokio::test]
async fn a_certificate_that_the_pinned_authority_signed_is_trusted() {
    let ca = ca("noroshi");
    push(signed(&params(&HERE), &ca), &ca.pem()).await.unwrap();
}

#[tokio::test]
async fn one_self_signed_certificate_for_server_and_hosts_is_trusted() {
    // As `openssl req -x509` makes it: an authority and a server in one.
    let (tls, pem) = self_signed(&authority(params(&HERE), "gate"));
    push(tls, &pem).await.unwrap();

    let (tls, pem) = self_signed(&params(&HERE));
    push(tls, &pem).await.unwrap();
}

#[tokio::test]
async fn any_certificate_of_the_pinned_file_will_do() {
    let (tls, own) = self_signed(&authority(params(&HERE), "gate"));
    push(tls, &format!("{}{own}", ca("another").pem())).await.unwrap();
}

#[tokio::test]
async fn an_unknown_authority_is_refused_with_what_to_do() {
    let distrust = distrusted(push(signed(&params(&HERE), &ca("somebody")), &ca("noroshi").pem()).await);
    let text = distrust.to_string();
    assert!(text.starts_with("the server's certificate (issued by CN=somebody) is not signed by a certificate in /"));
    assert!(
        text.ends_with("/ca.pem; if this is the right server, copy its ca.pem here and name it in PUSHGATEWAY_CACERT"),
        "{text}"
    );
}

#[tokio::test]
async fn a_self_signed_certificate_that_is_not_the_pinned_one_is_unknown() {
    for other in [params(&HERE), authority(params(&HERE), "gate")] {
        let distrust = distrusted(push(self_signed(&other).0, &ca("noroshi").pem()).await);
        assert!(matches!(distrust, Distrust::UnknownIssuer { .. }), "{distrust:?}");
    }
}

#[tokio::test]
async fn an_authority_that_was_made_anew_is_told_from_an_unknown_one() {
    let distrust = distrusted(push(signed(&params(&HERE), &ca("noroshi")), &ca("noroshi").pem()).await);
    assert!(matches!(&distrust, Distrust::OtherKey { issuer, .. } if issuer == "CN=noroshi"), "{distrust:?}");
}

#[tokio::test]
async fn an_expired_certificate_is_refused_with_its_date() {
    let ca = ca("noroshi");
    let (own, own_pem) = self_signed(&expired(authority(params(&HERE), "gate")));
    for (tls, pem) in [(signed(&expired(params(&HERE)), &ca), ca.pem()), (own, own_pem)] {
        let text = distrusted(push(tls, &pem).await).to_string();
        assert!(text.starts_with("the server's certificate expired on Jun  1 00:00:00 2021"), "{text}");
    }
}

#[tokio::test]
async fn a_certificate_of_the_future_makes_us_doubt_the_clock() {
    let mut future = authority(params(&HERE), "gate");
    future.not_before = rcgen::date_time_ymd(2099, 1, 1);
    let (tls, pem) = self_signed(&future);
    let text = distrusted(push(tls, &pem).await).to_string();
    assert!(text.starts_with("the server's certificate is not valid before Jan  1 00:00:00 2099"), "{text}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_with_the_names_it_has() {
    let ca = ca("noroshi");
    let elsewhere = ["gate.example.org", "192.0.2.1"];
    let (own, own_pem) = self_signed(&authority(params(&elsewhere), "gate"));
    for (tls, pem) in [(signed(&params(&elsewhere), &ca), ca.pem()), (own, own_pem)] {
        let text = distrusted(push(tls, &pem).await).to_string();
        assert!(
            text.starts_with("the server's certificate is not for 127.0.0.1: it is for gate.example.org, 192.0.2.1; "),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_certificate_without_any_name_says_so() {
    let (tls, pem) = self_signed(&authority(params(&[]), "gate"));
    let text = distrusted(push(tls, &pem).await).to_string();
    assert!(text.contains("it names no host at all (subjectAltName)"), "{text}");
}

#[tokio::test]
async fn somebody_who_asked_for_it_pushes_to_anybody_and_is_warned() {
    let (tls, _) = self_signed(&expired(params(&["elsewhere"])));
    let (port, served) = serve(TAKEN, Some(tls)).await;
    let url = format!("https://127.0.0.1:{port}");
    let environment = Environment::from([("PUSHGATEWAY_URL", url.as_str()), ("PUSHGATEWAY_INSECURE", "true")]);
    let mut warnings = Vec::new();
    let gateway = Gateway::build(&Settings::default(), &environment, &mut |warning| warnings.push(warning)).unwrap();
    gateway.put(String::new()).await.unwrap();
    served.await.unwrap();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].starts_with("PUSHGATEWAY_INSECURE is on: "), "{warnings:?}");
}

#[tokio::test]
async fn a_port_that_speaks_no_tls_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_buf(&mut Vec::new()).await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream
    });
    let gateway = gateway([("PUSHGATEWAY_URL", url.as_str()), ("PUSHGATEWAY_INSECURE", "1")]).unwrap();
    let error = gateway.put(String::new()).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("no TLS with {url}: what answers there does not speak TLS")), "{error}");
    served.await.unwrap();
}

#[tokio::test]
async fn a_gate_that_does_not_know_this_hosts_address_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_buf(&mut Vec::new()).await.unwrap();
        // The alert `access_denied`, as our own gate sends it before a handshake.
        stream.write_all(&[0x15, 3, 3, 0, 2, 2, 0x31]).await.unwrap();
        stream
    });
    let gateway = gateway([("PUSHGATEWAY_URL", url.as_str()), ("PUSHGATEWAY_INSECURE", "1")]).unwrap();
    let error = gateway.put(String::new()).await.unwrap_err().to_string();
    assert!(error.contains("from this host's address") && error.contains("allowlist"), "{error}");
    served.await.unwrap();
}

#[test]
fn a_file_that_holds_no_certificate_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    let build = |content: &str| {
        std::fs::write(&file, content).unwrap();
        gateway([("PUSHGATEWAY_CACERT", file.to_str().unwrap())]).map(|_| ()).unwrap_err().to_string()
    };
    assert!(build("").contains("holds no certificate"));
    assert!(build("hello\n").contains("holds no certificate"));
    assert!(build("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").contains("is not PEM"));
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(build(no_certificate).contains("certificate number 1 is of no use"), "{}", build(no_certificate));
}
