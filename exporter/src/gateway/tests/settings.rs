use super::*;

fn refused<const LEN: usize>(config: &Settings, variables: [(&str, &str); LEN]) -> String {
    match Gateway::build(config, &Environment::from(variables), &mut |_| ()) {
        Ok(gateway) => panic!("{gateway} was built"),
        Err(error) => format!("{:#}", anyhow::Error::from(error)),
    }
}

fn path(config: &Settings, url: Option<&str>) -> String {
    let variables = url.map(|url| [("PUSHGATEWAY_URL", url)]);
    let environment = variables.map(Environment::from).unwrap_or_default();
    target(config, &environment, "box").unwrap().to_string()
}

fn config(url: Option<&str>, job: Option<&str>, instance: Option<&str>) -> Settings {
    let own = |text: &str| text.to_owned();
    let url = url.map(|url| GatewayUrl::try_from(own(url)).unwrap());
    Settings { url, job: job.map(own), instance: instance.map(own), ..Settings::default() }
}

#[test]
fn with_nothing_set_the_group_is_the_one_there_always_was() {
    let always = "https://localhost:9443/metrics/job/xserver-bot/instance/box";
    assert_eq!(path(&config(None, None, None), None), always);
    // Some start files set what they leave out to nothing.
    assert_eq!(path(&config(None, None, None), Some("")), always);
}

#[test]
fn file_and_environment_name_the_group_together() {
    let gate = Some("https://gate:1");
    let group = Some("https://gate:1/metrics/job/bot");
    for (config, url, expected) in [
        (config(gate, None, None), None, "https://gate:1/metrics/job/host/instance/box"),
        (config(gate, Some("web"), Some("a/b")), None, "https://gate:1/metrics/job/web/instance@base64/YS9i"),
        (config(group, None, Some("x")), None, "https://gate:1/metrics/job/bot/instance/x"),
        (config(None, Some("web"), None), None, "https://localhost:9443/metrics/job/web/instance/box"),
        (config(gate, Some("web"), None), group, "https://gate:1/metrics/job/bot/instance/box"),
        (config(None, Some("web"), Some("x")), gate, "https://gate:1/metrics/job/web/instance/x"),
    ] {
        assert_eq!(path(&config, url), expected);
    }
}

#[test]
fn a_label_with_two_homes_in_the_file_is_refused() {
    let group = Some("https://gate/metrics/job/bot/instance/x");
    for (config, label) in [(config(group, Some("web"), None), "job"), (config(group, None, Some("y")), "instance")] {
        assert_eq!(
            refused(&config, []),
            format!("exporter.url names the {label} already, so exporter.{label} has no effect; keep one of them")
        );
    }
}

#[test]
fn half_of_the_credentials_is_refused() {
    let none = Settings::default();
    assert!(refused(&none, [("PUSHGATEWAY_USER", "prom")]).starts_with("there is a user but no password"));
    assert!(refused(&none, [("PUSHGATEWAY_PASSWORD", "x")]).starts_with("there is a password but no user"));
    assert!(refused(&none, [("PUSHGATEWAY_USER", "a:b"), ("PUSHGATEWAY_PASSWORD", "x")]).contains("colon"));
    let both = [("PUSHGATEWAY_PASSWORD", "x"), ("PUSHGATEWAY_PASSWORD_FILE", "/y")];
    assert_eq!(refused(&none, both), "PUSHGATEWAY_PASSWORD and PUSHGATEWAY_PASSWORD_FILE are both set; keep one");
}

#[test]
fn the_environment_wins_over_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let password_file = directory.path().join("password");
    std::fs::write(&password_file, "of-the-file\n").unwrap();
    let config = Settings { user: Some("file".into()), password_file: Some(password_file), ..Settings::default() };
    let header = |environment: Environment| authorization(&config, &environment).unwrap().unwrap();
    assert_eq!(header(Environment::default()), format!("Basic {}", STANDARD.encode("file:of-the-file")));
    let set = Environment::from([("PUSHGATEWAY_USER", "env"), ("PUSHGATEWAY_PASSWORD", "of-the-env")]);
    assert_eq!(header(set), format!("Basic {}", STANDARD.encode("env:of-the-env")));
}

#[test]
fn a_password_does_not_travel_in_the_clear_except_on_this_machine() {
    let with = |url| [("PUSHGATEWAY_URL", url), ("PUSHGATEWAY_USER", "prom"), ("PUSHGATEWAY_PASSWORD", "hunter2")];
    let text = refused(&Settings::default(), with("http://gate:9091"));
    assert!(text.starts_with("http://gate:9091 is not encrypted") && !text.contains("hunter2"), "{text}");
    for url in ["http://localhost:9091", "http://127.0.0.1:9091", "http://[::1]:9091"] {
        assert!(gateway(with(url)).is_ok(), "{url}");
    }
    assert!(gateway([("PUSHGATEWAY_URL", "http://gate:9091")]).is_ok(), "without a password there is nothing to hide");
}

#[test]
fn no_error_repeats_a_secret() {
    let url = "https://prom:hunter2@gate/";
    let text = refused(&Settings::default(), [("PUSHGATEWAY_URL", url)]);
    assert!(text.starts_with("PUSHGATEWAY_URL: the URL has a user or password in it"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_misspelt_switch_is_refused() {
    assert_eq!(
        refused(&Settings::default(), [("PUSHGATEWAY_INSECURE", "ture")]),
        "PUSHGATEWAY_INSECURE must be true or false"
    );
}
