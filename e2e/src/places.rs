//! All the places besides Discord that a bridge can tell, and a `noroshi.yaml` that leads to them.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::hook::Hook;
use crate::slack::Slack;
use crate::smtp::{Security, Smtp};
use crate::world::{Authority, Validity};

/// Parts of addresses, and what else nobody must see.
pub const SLACK_TOKEN: &str = "e2e-slack-token-7c1e";
/// See [`SLACK_TOKEN`].
pub const HOOK_TOKEN: &str = "e2e-hook-token-40aa";
/// See [`SLACK_TOKEN`].
pub const HOOK_SECRET: &str = "e2e-signing-secret-93d1";
/// See [`SLACK_TOKEN`].
pub const SMTP_PASSWORD: &str = "e2e-smtp-password-58f0";

/// A Slack, a mail relay that wants STARTTLS and a login, and a receiver of webhooks.
pub struct Places {
    /// The Slack.
    pub slack: Slack,
    /// The relay.
    pub smtp: Smtp,
    /// The receiver of webhooks.
    pub hook: Hook,
    /// A folder with the relay's `ca.pem`, `cert.pem` and `key.pem`.
    pub certificates: TempDir,
}

impl Places {
    /// Opens all of them.
    ///
    /// # Panics
    /// When a port or a temporary folder cannot be had.
    pub async fn open() -> Self {
        let certificates = TempDir::with_prefix("noroshi-e2e-").expect("a test can set up its places");
        Authority::found().issue(certificates.path(), Validity::Current);
        let login = Some(("noroshi", SMTP_PASSWORD));
        Self {
            slack: Slack::start().await.expect("a test can set up its places"),
            smtp: Smtp::start(Security::StartTls, certificates.path(), login)
                .await
                .expect("a test can set up its places"),
            hook: Hook::start(HOOK_SECRET.as_bytes()).await.expect("a test can set up its places"),
            certificates,
        }
    }

    /// Writes `receivers:` with all of them (`chat`, `mail`, `program`), each with the keys that a test adds, and then `rest`.
    ///
    /// # Panics
    /// When the folder cannot be written.
    pub fn config(&self, slack: &str, mail: &str, hook: &str, rest: &str) -> impl FnOnce(&Path) + Send + use<> {
        let (slack_url, hook_url) = (self.slack.webhook(SLACK_TOKEN), self.hook.url(HOOK_TOKEN));
        let (smarthost, ca) = (self.smtp.smarthost(), self.certificates.path().join("ca.pem"));
        let [slack, mail, hook, rest] = [slack, mail, hook, rest].map(str::to_owned);
        move |folder: &Path| {
            let secrets = folder.join("secrets");
            fs::create_dir(&secrets).expect("a test can set up its places");
            let file = |name: &str, text: &str| {
                fs::write(secrets.join(name), text).expect("a test can set up its places");
                secrets.join(name).display().to_string()
            };
            let (slack_file, hook_file) = (file("slack", &slack_url), file("hook", &hook_url));
            let (key, password) = (file("key", HOOK_SECRET), file("password", SMTP_PASSWORD));
            let text = format!(
                "bridge:
  receivers:
    chat:
      slack: {{webhook_url_file: {slack_file}, mentions: {{critical: S012ABC}}}}
      {slack}
    mail:
      email:
        smarthost: {smarthost}
        ca_file: {ca}
        user: noroshi
        password_file: {password}
        from: Noroshi <noroshi@example.org>
        to: [ops@example.org, 'Second <second@example.org>']
        zone: Asia/Tokyo
      {mail}
    program:
      webhook: {{url_file: {hook_file}, secret_file: {key}}}
      {hook}
  {rest}
",
                ca = ca.display()
            );
            fs::write(folder.join("noroshi.yaml"), text).expect("a test can set up its places");
        }
    }
}

/// Returns an alert that fires for an hour, as Prometheus posts it.
#[must_use]
pub fn alert(name: &str, instance: &str, severity: &str) -> Value {
    // The same for an alert and for its end.
    static STARTS: LazyLock<jiff::Timestamp> = LazyLock::new(|| jiff::Timestamp::now() - Duration::from_secs(60));
    let ends = jiff::Timestamp::now() + Duration::from_secs(3600);
    json!([{
        "startsAt": STARTS.to_string(),
        "endsAt": ends.to_string(),
        "labels": { "alertname": name, "job": "host", "instance": instance, "severity": severity },
        "annotations": { "summary": format!("{name} on {instance}"), "value": "93 %", "threshold": "80 %",
                         "runbook_url": "https://wiki.example.org/runbook?a=1&b=2" },
        "generatorURL": "http://prometheus:9090/graph?g0.expr=x",
    }])
}

/// Returns its end.
#[must_use]
pub fn resolved(name: &str, instance: &str, severity: &str) -> Value {
    let mut alerts = alert(name, instance, severity);
    alerts[0]["endsAt"] = json!((jiff::Timestamp::now() - Duration::from_secs(1)).to_string());
    alerts
}
