use super::*;
use prometheus_client::registry::Registry;

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));

fn logins() -> (tempfile::NamedTempFile, Logins) {
    logins_with(5)
}

fn logins_with(cost: u32) -> (tempfile::NamedTempFile, Logins) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, format!("prom:{}\n", bcrypt::hash("se:cret", cost).unwrap())).unwrap();
    let metrics = Metrics::register(&mut Registry::default());
    let logins = Logins::load(Some(file.path()), Duration::from_secs(60), 30, metrics).unwrap();
    (file, logins)
}

fn headers(values: &[String]) -> HeaderMap {
    values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap())).collect()
}

fn basic(credentials: impl AsRef<[u8]>) -> String {
    format!("Basic {}", BASE64.encode(credentials))
}

#[tokio::test]
async fn a_password_may_hold_colons_and_the_scheme_any_case_and_blanks() {
    let (_file, logins) = logins();
    let good = basic("prom:se:cret");
    for value in [
        good.clone(),
        good.replace("Basic ", "BASIC "),
        good.replace("Basic ", "basic   "),
        good.trim_end_matches('=').to_owned(),
    ] {
        let user = logins.verify(&headers(std::slice::from_ref(&value)), CLIENT).await.unwrap();
        assert_eq!(&*user, "prom", "{value}");
    }
}

#[tokio::test]
async fn everything_else_is_refused_for_its_reason() {
    let (_file, logins) = logins();
    assert!(matches!(logins.verify(&HeaderMap::new(), CLIENT).await, Err(LoginError::Missing)));
    let twice = headers(&[basic("prom:se:cret"), basic("prom:se:cret")]);
    assert!(matches!(logins.verify(&twice, CLIENT).await, Err(LoginError::Ambiguous)));
    for value in ["Basic", "Basic ", "Basic %%%", "Bearer abc", "Basicabc", &basic("prom"), &basic(b"\xff:x")] {
        let refused = logins.verify(&headers(&[value.to_owned()]), CLIENT).await;
        assert!(matches!(refused, Err(LoginError::Unreadable)), "{value}: {refused:?}");
    }
    logins.verify(&headers(&[basic("prom:se:cret")]), CLIENT).await.unwrap();
    for value in ["prom:wrong", "prom:", "prom:se:cret\0", "prom:se:cret\0x", ":", "nobody:se:cret"] {
        let refused = logins.verify(&headers(&[basic(value)]), CLIENT).await;
        assert!(matches!(refused, Err(LoginError::Wrong { .. })), "{value}: {refused:?}");
    }
}

#[tokio::test]
async fn a_name_that_is_no_user_is_not_kept_for_the_log() {
    let (_file, logins) = logins();
    let refused = logins.verify(&headers(&[basic("hunter2:prom")]), CLIENT).await;
    let Err(LoginError::Wrong { user }) = refused else { panic!() };
    assert_eq!(user, None);
}

#[tokio::test]
async fn a_changed_file_counts_and_a_broken_one_does_not() {
    let (file, logins) = logins();
    let before = logins.stamp();
    std::fs::write(&file, "prom\n").unwrap();
    assert_ne!(logins.stamp(), before);
    logins.reload();
    assert!(logins.verify(&headers(&[basic("prom:se:cret")]), CLIENT).await.is_ok());

    std::fs::write(&file, format!("other:{}\n", bcrypt::hash("new", 4).unwrap())).unwrap();
    logins.reload();
    assert!(logins.verify(&headers(&[basic("prom:se:cret")]), CLIENT).await.is_err(), "remembered, but no longer");
    assert!(logins.verify(&headers(&[basic("other:new")]), CLIENT).await.is_ok());
}

/// Counted, not timed: of three hundred at once one is checked, and none of those that come later.
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_one_login_costs_one_check() {
    let (_file, logins) = logins_with(8);
    let logins = Arc::new(logins);
    let mut burst = tokio::task::JoinSet::new();
    for _ in 0..300 {
        let logins = Arc::clone(&logins);
        burst.spawn(async move { logins.verify(&headers(&[basic("prom:se:cret")]), CLIENT).await.unwrap() });
    }
    assert_eq!(burst.join_all().await.len(), 300);
    assert_eq!(logins.metrics.lookups(Lookup::Checked), 1);
    assert_eq!(logins.metrics.lookups(Lookup::Shared) + logins.metrics.lookups(Lookup::Remembered), 299);
}

#[tokio::test]
async fn whoever_tries_passwords_waits_and_a_verified_host_beside_it_does_not() {
    let (_file, logins) = logins();
    let good = headers(&[basic("prom:se:cret")]);
    logins.verify(&good, CLIENT).await.unwrap();
    let mut throttled = 0;
    for number in 0..40 {
        let guess = headers(&[basic(format!("prom:{number}"))]);
        throttled += usize::from(matches!(logins.verify(&guess, CLIENT).await, Err(LoginError::Throttled { .. })));
    }
    assert_eq!(throttled, 9, "30 are free, and the 31st tells that it was one too many");
    assert!(logins.verify(&good, CLIENT).await.is_ok());
    let elsewhere = IpAddr::from([203, 0, 113, 8]);
    let refused = logins.verify(&headers(&[basic("prom:wrong")]), elsewhere).await;
    assert!(matches!(refused, Err(LoginError::Wrong { .. })), "another address is not held up");
}
